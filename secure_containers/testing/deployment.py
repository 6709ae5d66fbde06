"""Templates as if they were deployed: every resource has a name and an ARN, so that policies can be evaluated.

Examples are put into the templates first; the rules' own reader then follows all functions, imports and nested stacks.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from secure_containers.errors import invalid
from secure_containers.rules.intrinsics import MOST_VARIANTS, Given, Reference, as_text
from secure_containers.rules.partitions import PLACEHOLDER
from secure_containers.rules.template import Resource, Template, Value, judged_together
from secure_containers.testing.examples import example, example_name, name_property

ACCOUNT: Final = "111122223333"
REGION: Final = "eu-central-1"

_HASH: Final = re.compile(r"[0-9A-F]{8}")
"""What the CDK appends to a construct's path to make a logical id."""
_POLICY_VARIABLE: Final = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z]")
"""Unlike `AWS::Region`; exports of the CDK look alike, and are called `Stack:ExportsOutput...`."""


class Deployment:
    """Templates with example values for what only a deployment knows.

    What stays open all the same (a parameter without a default, an import from a stack that is not at hand) is taken
    to be a text of its own, unlike any other.
    """

    def __init__(
        self, where: str, templates: Sequence[Template], *, account: str, region: str, conditions: Mapping[str, bool]
    ) -> None:
        self.where = where
        _check_conditions(where, templates, conditions)
        self._pinned = conditions
        self._open = [
            replace(template, account=template.account or account, region=template.region or region)
            for template in templates
        ]
        self._ids = Counter(logical_id for template in templates for logical_id in template.resources)
        self._naming: set[Resource] = set()
        self.templates = self._concrete(templates)
        self.world = judged_together(self.templates)

    def find(self, argument: str, wanted: str, type_: str = "") -> Resource:
        """The resource of that logical id, or the only one whose logical id starts so.

        An id that lacks nothing but the CDK's hash comes before longer ones.

        Raises:
            ValueError: there is none, or there are several.
        """
        everything = [
            resource
            for template in self.templates
            for resource in template.resources.values()
            if type_ in ("", resource.type)
        ]
        found = [each for each in everything if each.logical_id.startswith(wanted)] if wanted else []
        exact = [each for each in found if each.logical_id == wanted]
        hashed = [each for each in found if _HASH.fullmatch(each.logical_id.removeprefix(wanted))]
        for candidates in (exact, hashed, found):
            if len(candidates) == 1:
                return candidates[0]
        raise invalid(
            self.where,
            argument,
            wanted,
            allowed=f"the logical id of {type_ or 'a resource'}, or a beginning that only one has",
            write=self._choice(wanted, found, everything),
        )

    def _choice(self, wanted: str, found: Sequence[Resource], everything: Sequence[Resource]) -> str:
        """What may have been meant."""
        ids = [each.logical_id for each in found or everything]
        if found and len(set(ids)) < len(ids):
            names = ", ".join(dict.fromkeys(each.template.name for each in found))
            return f"the template of one stack only, of {names}: each has one"
        close = ids if found else get_close_matches(wanted, ids, n=5, cutoff=0.4) or ids[:10]
        return f"one of {', '.join(close)}" if close else "one that is there: the templates have none"

    def gives(self, resource: Resource, attribute: str) -> str:
        """What `Ref` (or an attribute) of a resource is here."""
        account, region = str(resource.template.account), str(resource.template.region)
        return example(resource.type, self._name(resource), attribute, account=account, region=region)

    def texts(self, argument: str, text: str) -> list[str]:
        """What a text in the words of `Fn::Sub` can be here; policy variables such as `${aws:username}` stay.

        Raises:
            ValueError: it names what no template has.
        """
        found = [""]
        position = 0
        for placeholder in PLACEHOLDER.finditer(text):
            told = self._told(argument, placeholder)
            between = text[position : placeholder.start()]
            found = [f"{line}{between}{each}" for line in found for each in told]
            position = placeholder.end()
        return list(dict.fromkeys(line + text[position:] for line in found))

    def variants(self, value: Value) -> list[tuple[Any, Given]]:
        """All that a value can be as a whole, with all that is in it, and what holds then.

        Raises:
            ValueError: it has parts that the templates do not tell, or too many variants.
        """
        followed = self.world.follow(value)
        if followed != [value]:
            return [(data, value.given) for each in followed for data, _ in self.variants(each)]
        if isinstance(value.data, dict):
            return self._entries(value, value.data)
        if isinstance(value.data, list):
            return self._elements(value, value.data)
        return [(None if value.absent else self._settled(value), value.given)]

    def attached(self, value: Value) -> list[tuple[str, Given]]:
        """The texts of a list such as `Roles`, in all variants."""
        return [(str(data), given) for item in value.items() for data, given in self.variants(item) if data is not None]

    def in_words(self, text: str) -> str:
        """A text with `${Logical.Arn}` in the place of example ARNs, to be read and pasted."""
        for arn, words in self._arns():
            text = text.replace(arn, words)
        return text

    def _arns(self) -> Iterator[tuple[str, str]]:
        found = [
            (self.gives(resource, "Arn"), f"${{{resource.logical_id}.Arn}}")
            for template in self.templates
            for resource in template.resources.values()
            if resource.type.startswith("AWS::") and self._ids[resource.logical_id] == 1
        ]
        yield from sorted(found, key=lambda pair: len(pair[0]), reverse=True)

    def _entries(self, value: Value, data: Mapping[str, Any]) -> list[tuple[Any, Given]]:
        lines: list[tuple[dict[str, Any], Given]] = [({}, value.given)]
        for key, node in data.items():
            path = f"{value.path}.{key}"
            lines = [
                ({**line, key: told} if told is not None else line, holds)
                for line, given in lines
                for told, holds in self._children(node, path, value, given)
            ]
            self._check_number(value, lines)
        return [*_distinct(lines)]

    def _elements(self, value: Value, data: Sequence[Any]) -> list[tuple[Any, Given]]:
        lines: list[tuple[list[Any], Given]] = [([], value.given)]
        for index, node in enumerate(data):
            path = f"{value.path}.{index}"
            lines = [
                ([*line, *(told if isinstance(told, list) else [] if told is None else [told])], holds)
                for line, given in lines
                for told, holds in self._children(node, path, value, given)
            ]
            self._check_number(value, lines)
        return [*_distinct(lines)]

    def _children(self, node: Any, path: str, parent: Value, given: Given) -> Iterator[tuple[Any, Given]]:
        for child in parent.resource.template.values(node, path, parent.resource, given):
            yield from self.variants(child)

    def _check_number(self, value: Value, lines: Sequence[object]) -> None:
        if len(lines) > MOST_VARIANTS:
            names = ", ".join(value.resource.template.body.get("Conditions") or ["none: parameters make them"])
            raise ValueError(
                f"{self.where}: {_at(value)} has more than {MOST_VARIANTS} variants; say which conditions hold: "
                f'write conditions={{"Name": True}}, of {names}'
            )

    def _settled(self, value: Value) -> Any:
        """A scalar with nothing left open in it."""
        if not isinstance(value.data, str) and not value.unknown:
            return value.data
        return PLACEHOLDER.sub(lambda found: self._untold(value, found.group(1)), value.text)

    def _untold(self, value: Value, name: str) -> str:
        """What stands for a part of a text that its own template does not tell."""
        followed = self._elsewhere(value, name)
        if followed is not None:
            texts = {as_text(data) for data, _ in self.variants(followed)}
            if len(texts) > 1:
                raise ValueError(f"{self.where}: {_at(value)} takes {name}, which can be {' or '.join(sorted(texts))}")
            return texts.pop()
        if name.startswith("Fn::") or "." in name:
            raise ValueError(
                f"{self.where}: {_at(value)} holds ${{{name}}}, which these templates do not tell; give the template "
                "that it comes from as well, or write the value out"
            )
        return f"${{{name}}}" if is_policy_variable(name) else name

    def _elsewhere(self, value: Value, name: str) -> Value | None:
        """The value that another template has for a part of a text."""
        parent = value.resource.template.parent
        if name.startswith("../") and parent is not None:
            return Value(f"${{{name.removeprefix('../')}}}", value.path, parent)
        logical_id, _, attribute = name.partition(".")
        if attribute:
            reference = Value(Reference(logical_id, attribute), value.path, value.resource)
            (followed, *_) = self.world.follow(reference)
            return None if followed is reference else followed
        return self.world.named_output(name)

    def _told(self, argument: str, placeholder: re.Match[str]) -> list[str]:
        """What a part of a user's text can be."""
        name = placeholder.group(1)
        if name.startswith("!"):
            return [f"${{{name[1:]}}}"]
        if is_policy_variable(name):
            return [placeholder.group()]
        homes = [each for each in self.templates if name in (each.body.get("Parameters") or {})]
        if name.startswith("AWS::"):
            homes = self.templates[:1]
        if homes:
            nodes = [(home, {"Ref": name}) for home in homes]
        else:
            logical_id, _, attribute = name.partition(".")
            resource = self.find(argument, logical_id)
            made = [resource.logical_id, attribute]
            nodes = [(resource.template, {"Fn::GetAtt": made} if attribute else {"Ref": resource.logical_id})]
        return [
            as_text(data)
            for home, node in nodes
            for value in home.values(self._rewritten(node, home), name, Resource(home, argument, "Argument", {}))
            for data, _ in self.variants(value)
        ]

    def _concrete(self, templates: Sequence[Template]) -> list[Template]:
        """The templates with examples in the place of what refers to resources."""
        made: dict[int, Template] = {}
        for template, open_ in zip(templates, self._open, strict=True):
            conditions = dict(template.body.get("Conditions") or {})
            conditions |= {
                name: {"Fn::Equals": ["true", "true" if holds else "false"]}
                for name, holds in self._pinned.items()
                if name in conditions
            }
            body = {
                **template.body,
                **({"Conditions": conditions} if conditions else {}),
                **{
                    section: self._rewritten(template.body.get(section) or {}, open_)
                    for section in ("Resources", "Outputs")
                },
            }
            parent = template.parent and made[id(template.parent.template)].resources[template.parent.logical_id]
            made[id(template)] = replace(open_, body=body, parent=parent)
        return list(made.values())

    def _rewritten(self, node: Any, template: Template) -> Any:
        if isinstance(node, list):
            return [self._rewritten(child, template) for child in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            text = self._function(str(function), argument, template)
            if text is not None:
                return text
        return {key: self._rewritten(child, template) for key, child in node.items()}

    def _function(self, function: str, argument: Any, template: Template) -> Any:
        """What a function that refers to a resource gives; None for any other."""
        if function == "Ref" and isinstance(argument, str):
            return self._reference(argument, template)
        if function == "Fn::GetAtt":
            parts = argument if isinstance(argument, list) else str(argument).split(".", 1)
            return self._reference(".".join(map(str, parts)), template)
        if function == "Fn::Sub" and isinstance(argument, str):
            return {"Fn::Sub": self._substituted(argument, (), template)}
        if function == "Fn::Sub" and isinstance(argument, list) and len(argument) == 2:
            text, variables = argument
            return {"Fn::Sub": [self._substituted(text, variables, template), self._rewritten(variables, template)]}
        return None

    def _substituted(self, text: str, variables: Iterable[str], template: Template) -> str:
        own = set(variables)
        return PLACEHOLDER.sub(
            lambda found: (None if found[1] in own else self._reference(found[1], template)) or found[0], text
        )

    def _reference(self, expression: str, template: Template) -> str | None:
        stack = template.stack or re.sub(r"\W+", "-", template.name)
        if expression == "AWS::StackName":
            return stack
        if expression == "AWS::StackId":
            return example(
                "AWS::CloudFormation::Stack", stack, "Ref", account=str(template.account), region=str(template.region)
            )
        logical_id, _, attribute = expression.partition(".")
        resource = template.resources.get(logical_id)
        if resource is None or (attribute.startswith("Outputs.") and resource.type == "AWS::CloudFormation::Stack"):
            return None
        return self.gives(resource, attribute or "Ref")

    def _name(self, resource: Resource) -> str:
        """The name that the template gives, or an example."""
        named = name_property(resource.type)
        if named and resource not in self._naming:
            self._naming.add(resource)  # a name made of itself is no name
            try:
                for value in resource.get(named):
                    text = self._substituted(value.text, (), resource.template)
                    if text and "${" not in text:
                        return text
            finally:
                self._naming.discard(resource)
        own = example_name(resource.type, resource.logical_id)
        several = self._ids[resource.logical_id] > 1
        return f"{own}-{resource.template.stack or resource.template.name}" if several else own


def is_policy_variable(name: str) -> bool:
    """Whether `${name}` is what IAM fills in at each call, such as `${aws:username}`."""
    return name in ("*", "?", "$") or (_POLICY_VARIABLE.match(name) is not None and "Output" not in name)


def _check_conditions(where: str, templates: Sequence[Template], conditions: Mapping[str, bool]) -> None:
    known = sorted({name for template in templates for name in template.body.get("Conditions") or {}})
    for name, holds in conditions.items():
        if name not in known or not isinstance(holds, bool):
            raise invalid(
                where,
                "conditions",
                dict(conditions),
                allowed=f"true or false for each of {', '.join(known) or 'no condition: the template has none'}",
                write='conditions={"IsProduction": True}',
            )


def _at(value: Value) -> str:
    return f"{value.resource.logical_id}.{value.path}"


def _distinct(lines: Iterable[tuple[Any, Given]]) -> Iterator[tuple[Any, Given]]:
    found = {(json.dumps(data, sort_keys=True), given): (data, given) for data, given in lines}
    yield from found.values()
