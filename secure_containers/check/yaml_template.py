"""CloudFormation's YAML: short-form intrinsics, keys and dates that are texts, and the line of each resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

MOST_NODES: Final = 2_000_000
"""Beyond so many nodes, aliases expanded, a document is no template but an attack on its reader."""
MOST_LEVELS: Final = 100
"""Deeper nesting is no template either, and at some depth the reader in C would take the process down with it."""

_PREFIX: Final = "tag:yaml.org,2002:"
_RESOLVED: Final = tuple(_PREFIX + kind for kind in ("null", "bool", "int", "float", "merge"))
"""What an unquoted text can be besides text. PyYAML knows dates and `=` as well, which are texts to CloudFormation."""
_KNOWN: Final = tuple(_PREFIX + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map"))


def parse_yaml(text: str, name: str) -> tuple[Any, Mapping[str, int]]:
    """The document and the line of each of its resources.

    Raises:
        UnreadableTemplateError: the text is no YAML, or grows beyond measure when its aliases are expanded.
    """
    import yaml  # noqa: PLC0415 - only who reads YAML pays for it

    from secure_containers.check.loader import UnreadableTemplateError  # noqa: PLC0415 - the loader imports this module

    loader = None
    try:
        loader = _loader(yaml)(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        if _size(yaml, node, {}) > MOST_NODES:
            raise UnreadableTemplateError(f"{name}: has more than {MOST_NODES:,} values when its aliases are expanded")
        _settle_keys(yaml, node)
        return loader.construct_document(node), dict(_lines(yaml, node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise UnreadableTemplateError(
            f"{name}{where}: is not YAML: {' '.join(filter(None, (error.context, error.problem)))}"
        ) from error
    except yaml.YAMLError as error:
        raise UnreadableTemplateError(
            f"{name}{_unprintable(yaml, text)}: is not YAML: {str(error).splitlines()[0]}"
        ) from error
    except (RecursionError, ValueError, TypeError) as error:
        raise UnreadableTemplateError(f"{name}: is not YAML that can be followed: {error}") from error
    finally:
        if loader is not None:
            loader.dispose()


def place_in(text: str, position: int) -> str:
    """Line and column, as they follow a file's name."""
    return f":{text.count(chr(10), 0, position) + 1}:{position - text.rfind(chr(10), 0, position)}"


def _loader(yaml: Any) -> Any:
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class TemplateLoader(base):  # type: ignore[misc]  # the C loader if this build of PyYAML has it
        yaml_implicit_resolvers: Final = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag in _RESOLVED]
            for first, resolvers in base.yaml_implicit_resolvers.items()
        }
        yaml_constructors: Final = {None: base.yaml_constructors[None]} | {
            tag: _told(yaml, base.yaml_constructors[tag]) if tag in _RESOLVED else base.yaml_constructors[tag]
            for tag in _KNOWN
        }
        levels = 0

        def descend_resolver(self, node: Any, index: Any) -> None:
            self.levels += 1
            if self.levels > MOST_LEVELS:
                raise yaml.composer.ComposerError(
                    None, None, f"nested more than {MOST_LEVELS} levels deep", node.start_mark
                )
            super().descend_resolver(node, index)

        def ascend_resolver(self) -> None:
            self.levels -= 1
            super().ascend_resolver()

    TemplateLoader.add_multi_constructor("!", lambda loader, suffix, node: _intrinsic(yaml, loader, suffix, node))
    return TemplateLoader


def _told(yaml: Any, construct: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """PyYAML lets through what Python's conversions raise (`!!int x`), and numbers too long for Python to print."""

    def told(loader: Any, node: Any) -> Any:
        try:
            data = construct(loader, node)
            str(data)
        except (ValueError, KeyError) as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"the value is no {node.tag.removeprefix(_PREFIX)}", node.start_mark
            ) from error
        return data

    return told


def _intrinsic(yaml: Any, loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        argument: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        argument = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(argument, str):
        argument = argument.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}


def _settle_keys(yaml: Any, document: Any) -> None:
    """Every key is a text to CloudFormation (`1:`, `null:`, `on:`), and stands once in its object."""
    open_, met = [document], set[int]()
    while open_:
        node = open_.pop()
        if id(node) in met or isinstance(node, yaml.ScalarNode):
            continue
        met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            open_ += node.value
            continue
        names = set[str]()
        for key, value in node.value:
            open_.append(value)
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{_PREFIX}merge" and not key.tag.startswith("!"):
                key.tag = f"{_PREFIX}str"
                if key.value in names:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice in one object", key.start_mark
                    )
                names.add(key.value)


def _unprintable(yaml: Any, text: str) -> str:
    """The place of the first character that YAML does not allow."""
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    return place_in(text, found.start()) if found else ""


def _lines(yaml: Any, document: Any) -> Iterator[tuple[str, int]]:
    if isinstance(document, yaml.MappingNode):
        for section, entries in document.value:
            if section.value == "Resources" and isinstance(entries, yaml.MappingNode):
                for key, _ in entries.value:
                    yield str(key.value), key.start_mark.line + 1


def _size(yaml: Any, node: Any, known: dict[int, int]) -> int:
    """The nodes below a node, each alias counted as often as it is used; infinite below one that holds itself."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MOST_NODES + 1  # while it is open: whoever meets it again stands inside it
    children = (
        node.value
        if isinstance(node, yaml.SequenceNode)
        else [part for pair in node.value for part in pair]
        if isinstance(node, yaml.MappingNode)
        else []
    )
    size = min(1 + sum(_size(yaml, child, known) for child in children), MOST_NODES + 1)
    known[id(node)] = size
    return size
