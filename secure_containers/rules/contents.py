"""What stands in a template's resources, whatever the property: texts, names of other resources, transforms.

One walk serves all rules that ask; it costs more than the rules themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from secure_containers.rules.intrinsics import json_document, placeholders, sub_parts
from secure_containers.rules.template import Resource, Template

_NAMING: Final = frozenset({"Fn::FindInMap", "Fn::ImportValue", "Fn::GetStackOutput", "Fn::GetAZs"})
"""Functions whose arguments are names within templates, and no texts."""
_NESTED: Final = (dict, list)
_JSON: Final = ("{", "[")


@dataclass(slots=True)
class Contents:
    """What was found below a node."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    """Every text with its path: joined ones in one piece, of JSON its parts. Functions add nothing to a path."""
    references: list[str] = field(default_factory=list)
    """Every name that `Ref`, `Fn::GetAtt` or `Fn::Sub` mentions: resources, parameters of any kind."""
    transforms: list[str] = field(default_factory=list)
    """The path of everything that a transform writes."""


def properties(template: Template) -> Mapping[Resource, Contents]:
    """What stands in the `Properties` of each resource."""
    return {
        resource: contents(resource.body.get("Properties"), "Properties") for resource in template.resources.values()
    }


def besides(template: Template) -> Mapping[Resource, Contents]:
    """What stands in each resource besides its `Properties`: metadata, policies of updates and deletions."""
    return {
        resource: contents({key: child for key, child in resource.body.items() if key != "Properties"}, "")
        for resource in template.resources.values()
    }


def contents(node: Any, path: str) -> Contents:
    found = Contents()
    _gather(node, path, found)
    return found


def _gather(node: Any, path: str, found: Contents) -> None:
    if isinstance(node, str):
        within = _texts_within(node, path) if node.startswith(_JSON) else None
        found.texts += ((path, node),) if within is None else within
    elif isinstance(node, list):
        for index, child in enumerate(node):
            _gather(child, f"{path}.{index}", found)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key == "Fn::Transform" or key.startswith("Fn::ForEach::"):
                found.transforms.append(f"{path}.{key}".lstrip("."))
            elif len(node) == 1 and (key == "Ref" or key.startswith("Fn::")):
                _gather_function(key, child, path, found)
            elif isinstance(child, _NESTED) or (isinstance(child, str) and child.startswith(_JSON)):
                _gather(child, f"{path}.{key}" if path else key, found)
            elif isinstance(child, str):
                found.texts.append((f"{path}.{key}" if path else key, child))


def _gather_function(function: str, argument: Any, path: str, found: Contents) -> None:
    if function == "Ref":
        found.references.append(str(argument))
    elif function == "Fn::GetAtt":
        found.references.append(_attribute(argument).split(".", 1)[0])
    elif function == "Fn::Sub":
        text, variables = sub_parts(argument) or ("", {})
        names = (name.split(".", 1)[0] for name in placeholders(text))
        found.references += [name for name in names if name not in variables]
        for part in (text, *variables.values()):
            _gather(part, path, found)
    elif function in _NAMING:
        named = contents(argument, path)
        found.references += named.references
        found.transforms += named.transforms
    else:
        for child in _children(function, argument):
            _gather(child, path, found)


def _children(function: str, argument: Any) -> list[Any]:
    """What an intrinsic function is about: of a join the joined text, and the parts that are more than text."""
    if not isinstance(argument, list):
        return [argument]
    if function == "Fn::Join" and len(argument) == 2 and isinstance(argument[0], str) and isinstance(argument[1], list):
        separator, parts = argument
        return [separator.join(map(_as_text, parts)), *(part for part in parts if not isinstance(part, str))]
    return argument[1:] if function == "Fn::If" else argument


def _as_text(part: Any) -> str:
    """A part of a join; what only the deployment tells as `Fn::Sub` would write it."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and len(part) == 1:
        ((function, argument),) = part.items()
        if function in ("Ref", "Fn::GetAtt"):
            return f"${{{_attribute(argument)}}}"
        return f"${{{function}}}"
    return "${}"


def _attribute(argument: Any) -> str:
    return ".".join(map(str, argument)) if isinstance(argument, list) else str(argument)


@lru_cache(maxsize=1024)
def _texts_within(text: str, path: str) -> tuple[tuple[str, str], ...] | None:
    """The texts of a JSON document that is written as text; None if it is no such document."""
    document = json_document(text)
    return None if document is None else tuple(contents(document, path).texts)
