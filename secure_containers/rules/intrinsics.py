"""What a node of a template can become: intrinsic functions, parameters, mappings and conditions, followed.

Nothing is guessed: what the text does not tell is `Unknown` or a `Reference`, and text with unknown parts keeps them as
`${...}`.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final

from secure_containers.rules.partitions import PLACEHOLDER, partition_of, suffix_of

MOST_VARIANTS: Final = 64
"""Beyond so many combinations of branches a text counts as unknown: deciding it would cost more than asking."""
LONGEST_TEXT: Final = 1_000_000
"""Characters of all variants of a text together; functions within functions could double it at every level."""

_ANYTHING: Final = r"[\s\S]*"
_NOT_CHOSEN: Final = r"(?!)"
"""What AWS gives, such as an account number, an ARN or an id: no text that whoever deploys can choose."""

_DYNAMIC: Final = "{{resolve:"
UNTOLD_STARTS: Final = ("${", _DYNAMIC)
_CDK_OUTPUT: Final = re.compile(r"(?:^|:)(?:Exports|Publish)Output(?:FnGetAtt|Ref)")
"""How the CDK names what one stack takes from another: an attribute of a resource, never anybody's choice."""
_PSEUDO_PARAMETERS: Final = frozenset(
    {
        "AWS::AccountId",
        "AWS::Partition",
        "AWS::Region",
        "AWS::StackId",
        "AWS::StackName",
        "AWS::URLSuffix",
        "AWS::NotificationARNs",
    }
)
Given = frozenset[tuple[str | tuple[str, str], bool]]
"""What holds (or does not) where a value stands: a condition by its name, or that a parameter has a text."""

Variant = tuple[Any, Given]
"""One of the values that a node can have, and what holds then."""

NOTHING_GIVEN: Final[Given] = frozenset()


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that the template alone does not tell."""

    expression: str
    form: str = _ANYTHING
    """What its text can be chosen to be, as a regular expression: a parameter's `AllowedPattern`."""

    def can_be(self, text: str) -> bool:
        pattern = _pattern(self.form)
        return pattern is None or pattern.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Reference:
    """An attribute of a resource of the same template; `Ref` stands for what `Ref` gives."""

    logical_id: str
    attribute: str

    @property
    def expression(self) -> str:
        return self.logical_id if self.attribute == "Ref" else f"{self.logical_id}.{self.attribute}"


@dataclass(frozen=True, slots=True)
class Imported(Unknown):
    """What another stack gives: one that is judged together with this one may tell it."""

    stack: str = ""
    """The stack's name; empty where the value is an export, and `..` where the parent of a nested stack passes it."""
    name: str = ""
    """The output's, the export's or the passed parameter's name."""


UNTOLD: Final = (Unknown, Reference)
_NOT_MAPPED: Final = Unknown("Fn::FindInMap")


@dataclass(eq=False)
class Intrinsics:
    """The functions of one template."""

    body: Mapping[str, Any]
    account: str | None = None
    region: str | None = None
    passed: Callable[[str], list[Any]] = lambda _: []
    """What a parent passes for a parameter, None where it passes nothing."""
    _verdicts: dict[tuple[str, Given], bool | None] = field(default_factory=dict, init=False, repr=False)
    _settled: dict[tuple[str, bool], Given] = field(default_factory=dict, init=False, repr=False)
    _told: dict[str, list[Any]] = field(default_factory=dict, init=False, repr=False)

    def variants(self, node: Any, given: Given = NOTHING_GIVEN) -> list[Variant]:
        """Every value that `node` can have, its outermost functions followed, and what holds there; one at least."""
        if not isinstance(node, dict) or len(node) != 1:
            return [(self._whole(node) if isinstance(node, str) else node, given)]
        ((function, argument),) = node.items()
        match function:
            case "Ref":
                return self._referenced(argument, given)
            case "Fn::GetAtt":
                return [(_attribute(argument), given)]
            case "Fn::If":
                return self._branches(argument, given)
            case "Fn::FindInMap":
                return self._mapped(argument, given)
            case "Fn::Select":
                return self._selected(argument, given)
            case "Fn::Split":
                return self._split(argument, given)
            case "Fn::Join" | "Fn::Sub":
                return self._joined(argument, given) if function == "Fn::Join" else self._substituted(argument, given)
            case "Fn::ToJsonString" | "Fn::Base64":  # of its plain text, which is what a reader wants to know
                return self.variants(argument, given)
        return [(self._function(function, argument, given) if str(function).startswith("Fn::") else node, given)]

    def condition(self, name: Any, given: Given = NOTHING_GIVEN) -> bool | None:
        """Whether a condition holds; None when only the deployment tells."""
        if not isinstance(name, str):
            return None
        if (name, True) in given:
            return True
        if (name, False) in given:
            return False
        if (name, given) not in self._verdicts:
            self._verdicts[name, given] = None  # while it is open: a condition that rests on itself is never told
            try:
                self._verdicts[name, given] = self._holds(self._section("Conditions").get(name), given)
            except RecursionError:
                return None
        return self._verdicts[name, given]

    def given(self, name: str, *, verdict: bool, so_far: Given = NOTHING_GIVEN) -> Given:
        """What holds where a condition does (or does not): also the conditions and parameters that it settles."""
        if (name, verdict) not in self._settled:
            self._settled[name, verdict] = frozenset(self._follow(name, verdict=verdict))
        return so_far | self._settled[name, verdict]

    def _follow(self, name: str, *, verdict: bool) -> set[tuple[str | tuple[str, str], bool]]:
        found: set[tuple[str | tuple[str, str], bool]] = set()
        open_: list[tuple[Any, bool]] = [({"Condition": name}, verdict)]
        while open_:
            node, holds = open_.pop()
            if not isinstance(node, dict) or len(node) != 1:
                continue
            ((function, argument),) = node.items()
            if function == "Condition" and isinstance(argument, str) and (argument, holds) not in found:
                found.add((argument, holds))
                open_.append((self._section("Conditions").get(argument), holds))
            elif function == "Fn::Equals" and (compared := self._compared(argument)):
                found.add((compared, holds))
            elif isinstance(argument, list) and (function, holds) in {("Fn::And", True), ("Fn::Or", False)}:
                open_ += [(each, holds) for each in argument]
            elif isinstance(argument, list) and function == "Fn::Not":
                open_ += [(each, not holds) for each in argument]
        return found

    def _compared(self, sides: Any) -> tuple[str, str] | None:
        """The parameter and the text that an `Fn::Equals` compares."""
        for left, right in (sides, sides[::-1]) if isinstance(sides, list) and len(sides) == 2 else ():
            if isinstance(left, dict) and isinstance(right, str | int | float) and isinstance(left.get("Ref"), str):
                return (left["Ref"], as_text(right)) if left["Ref"] in self._section("Parameters") else None
        return None

    def _holds(self, node: Any, given: Given) -> bool | None:
        if not isinstance(node, dict) or len(node) != 1:
            return None
        ((function, argument),) = node.items()
        if function == "Condition":
            return self.condition(argument, given)
        if not isinstance(argument, list):
            return None
        if function == "Fn::Equals" and len(argument) == 2:
            return self._equal(argument[0], argument[1], given)
        verdicts = [self._holds(each, given) for each in argument]
        if function == "Fn::Not" and len(verdicts) == 1:
            return None if verdicts[0] is None else not verdicts[0]
        if function in {"Fn::And", "Fn::Or"}:
            decisive: bool = function == "Fn::Or"
            if decisive in verdicts:
                return decisive
            return None if None in verdicts else not decisive
        return None

    def _equal(self, left: Any, right: Any, given: Given) -> bool | None:
        sides = [[data for data, _ in self.variants(side, given)] for side in (left, right)]
        if any(isinstance(data, (*UNTOLD, list, dict)) or "${" in as_text(data) for side in sides for data in side):
            return None
        texts = [{as_text(data) for data in side} for side in sides]
        if not texts[0] & texts[1]:
            return False
        return True if len(texts[0]) == len(texts[1]) == 1 else None

    def _section(self, name: str) -> Mapping[str, Any]:
        section = self.body.get(name)
        return section if isinstance(section, dict) else {}

    def _branches(self, argument: Any, given: Given) -> list[Variant]:
        if not (isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str)):
            return [(Unknown("Fn::If"), given)]
        name, if_true, if_false = argument
        verdict = self.condition(name, given)
        found: list[Variant] = []
        for branch, side in ((if_true, True), (if_false, False)):
            if verdict is not (not side):
                found += self.variants(branch, self.given(name, verdict=side, so_far=given))
        return found

    def _referenced(self, name: Any, given: Given) -> list[Variant]:
        if not isinstance(name, str) or name == "AWS::NoValue":
            return [(None if name == "AWS::NoValue" else Unknown("Ref"), given)]
        if name in self._section("Parameters"):
            return [(data, given) for data in self._parameter(name, given)]
        return [(self._environment.get(name) or self._named(name), given)]

    @cached_property
    def _environment(self) -> Mapping[str, str | None]:
        partition, suffix = (partition_of(self.region), suffix_of(self.region)) if self.region else (None, None)
        return {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": partition,
            "AWS::URLSuffix": suffix,
        }

    def _named(self, expression: str) -> Unknown | Reference:
        """What `${expression}` stands for."""
        name, _, attribute = expression.partition(".")
        if name in self._section("Resources"):
            return Reference(name, attribute or "Ref")
        if name in self._section("Parameters"):
            return Unknown(expression, _form(self._section("Parameters")[name]))
        told = expression in _PSEUDO_PARAMETERS or expression.startswith("../") or _CDK_OUTPUT.search(expression)
        return Unknown(expression, _NOT_CHOSEN if told else _ANYTHING)

    def _whole(self, text: str) -> str | Unknown | Reference:
        """A text that is nothing but one unknown part is not known."""
        if text.startswith("${") and (found := PLACEHOLDER.fullmatch(text)):
            return self._named(found.group(1))
        return Unknown(text) if text.startswith(_DYNAMIC) and text.endswith("}}") else text

    def _parameter(self, name: str, given: Given) -> list[Any]:
        if name not in self._told:
            parameter = self._section("Parameters")[name]
            self._told[name] = self._parameter_values(name, parameter if isinstance(parameter, dict) else {})
        found = self._told[name]
        for what, holds in given:
            if what[0] == name and isinstance(what, tuple):
                if holds:
                    return [what[1]]
                found = [
                    data for data in found if isinstance(data, (*UNTOLD, list)) or as_text(data) != what[1]
                ] or found
        return found

    def _parameter_values(self, name: str, parameter: Mapping[str, Any]) -> list[Any]:
        kind, unknown = str(parameter.get("Type")), Unknown(name, _form(parameter))
        if kind.startswith("AWS::SSM::Parameter::Value"):
            return [
                unknown
            ]  # default, allowed values and what a parent passes are names of what is kept in Systems Manager
        many = kind == "CommaDelimitedList" or kind.startswith("List<")
        allowed, default = parameter.get("AllowedValues"), parameter.get("Default")
        if isinstance(allowed, list) and allowed:
            own = [[each] if many else each for each in allowed[:MOST_VARIANTS]] + (
                [unknown] if len(allowed) > MOST_VARIANTS else []
            )
        else:
            # The default is only what holds when nobody says otherwise, so it is judged and the rest stays unknown.
            own = [unknown] if default is None else [_elements(default) if many else default, unknown]
        passed = self.passed(name)
        if all(data is None for data in passed):
            return own
        found = [each for data in passed for each in (own if data is None else [_passed(data, name)])]
        return [_elements(each) if many and isinstance(each, str) else each for each in found]

    def _mapped(self, argument: Any, given: Given) -> list[Variant]:
        if not (isinstance(argument, list) and len(argument) >= 3 and isinstance(argument[0], str)):
            return [(Unknown("Fn::FindInMap"), given)]
        tables: list[Variant] = [(self._section("Mappings").get(argument[0]), given)]
        for key in argument[1:3]:
            tables = [entry for table, holds in tables for entry in self._entries(table, key, holds)]
        if len(argument) > 3 and isinstance(argument[3], dict) and "DefaultValue" in argument[3]:
            tables.append((argument[3]["DefaultValue"], given))
        found = _distinct([(_NOT_MAPPED if entry is None else entry, holds) for entry, holds in tables])
        if len(found) > MOST_VARIANTS:
            found = [*found[:MOST_VARIANTS], (_NOT_MAPPED, given)]
        return [variant for entry, holds in found for variant in self.variants(entry, holds)]

    def _entries(self, table: Any, key: Any, given: Given) -> Iterator[Variant]:
        """What stands in a mapping under a key, or all that does; and which text the parameter has that is the key."""
        if not isinstance(table, dict):
            yield None, given
            return
        rows = {as_text(each): entry for each, entry in table.items()}
        name = key.get("Ref") if isinstance(key, dict) else None
        for data, holds in self.variants(key, given):
            keys = [as_text(data)]
            if isinstance(data, UNTOLD) or "${" in keys[0]:
                chosen = [what[1] for what, so in holds if so and isinstance(what, tuple) and what[0] == name]
                keys = chosen or [each for each in rows if ((name, each), False) not in holds] or [""]
            for each in keys:
                entry = rows.get(each)
                yield entry, holds | {((name, each), True)} if isinstance(name, str) and entry is not None else holds

    def _selected(self, argument: Any, given: Given) -> list[Variant]:
        found: list[Variant] = []
        if isinstance(argument, list) and len(argument) == 2:
            for index, so_far in self.variants(argument[0], given):
                for data, holds in self.variants(argument[1], so_far):
                    chosen = _chosen(data, index)
                    found += [variant for each in chosen for variant in self.variants(each, holds)] or [
                        (Unknown("Fn::Select"), holds)
                    ]
        return found if 0 < len(found) <= MOST_VARIANTS else [(Unknown("Fn::Select"), given)]

    def _split(self, argument: Any, given: Given) -> list[Variant]:
        if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str) and argument[0]):
            return [(Unknown("Fn::Split"), given)]
        return [
            (data.split(argument[0]) if isinstance(data, str) else Unknown("Fn::Split"), holds)
            for data, holds in self.variants(argument[1], given)
        ]

    def _joined(self, argument: Any, given: Given) -> list[Variant]:
        if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str)):
            return [(Unknown("Fn::Join"), given)]
        separator, parts = argument
        found: list[Variant] = []
        for data, holds in self.variants(parts, given):
            lines = self._written(data, holds) if isinstance(data, list) else []
            found += self._texts(
                "Fn::Join",
                [(separator.join(text for text in line if text is not None), also) for line, also in lines],
                holds,
            )
        return found

    def _substituted(self, argument: Any, given: Given) -> list[Variant]:
        template = sub_parts(argument)
        if template is None:
            return [(Unknown("Fn::Sub"), given)]
        text, variables = template
        nodes: dict[str, Any] = {}
        parts: list[Any] = []
        position = 0
        for placeholder in PLACEHOLDER.finditer(text):
            name = placeholder.group(1)
            parts.append(text[position : placeholder.start()])
            position = placeholder.end()
            if name.startswith("!"):
                parts.append(f"${{{name[1:]}}}")
            else:
                parts.append(
                    nodes.setdefault(name, variables.get(name, {"Fn::GetAtt": name} if "." in name else {"Ref": name}))
                )
        lines = self._written([*parts, text[position:]], given)
        return self._texts("Fn::Sub", [("".join(text or "" for text in line), also) for line, also in lines], given)

    def _written(self, parts: Sequence[Any], given: Given) -> list[tuple[list[str | None], Given]]:
        """What `parts` can be one after the other, each as text, absent ones None; nothing if the ways are too many."""
        lines: list[tuple[list[str | None], Given]] = [([], given)]
        known: dict[tuple[int, Given], list[tuple[str | None, Given]]] = {}
        for part in parts:
            if isinstance(part, str):
                for line, _ in lines:
                    line.append(part)
                continue
            grown: list[tuple[list[str | None], Given]] = []
            for line, so_far in lines:
                if (id(part), so_far) not in known:
                    known[id(part), so_far] = [
                        (None if data is None else as_text(data), holds) for data, holds in self.variants(part, so_far)
                    ]
                (first, holds), *others = known[id(part), so_far]
                branches = [([*line, text], also) for text, also in others]
                line.append(first)
                grown += [(line, holds), *branches]
            lines = grown
            if len(lines) > MOST_VARIANTS:
                return []
        return lines

    def _texts(self, function: str, texts: list[tuple[str, Given]], given: Given) -> list[Variant]:
        if not texts or sum(len(text) for text, _ in texts) > LONGEST_TEXT:
            return [(Unknown(function), given)]
        return [(self._whole(text), holds) for text, holds in dict.fromkeys(texts)]

    def _function(self, function: str, argument: Any, given: Given) -> Unknown:
        """A function that only the deployment follows; what the CDK takes from another stack is an attribute there."""
        if function not in {"Fn::ImportValue", "Fn::GetStackOutput"}:
            return Unknown(function)
        name, stack = argument, ""
        if isinstance(argument, dict) and function == "Fn::GetStackOutput":
            name, stack = argument.get("OutputName"), str(argument.get("StackName"))
        if isinstance(name, dict):
            name = next((data for data, _ in self.variants(name, given)), None)
        if not isinstance(name, str):
            return Unknown(function)
        made_by_cdk = _CDK_OUTPUT.search(name) is not None
        expression = function if "${" in name else name
        return Imported(expression, _NOT_CHOSEN if made_by_cdk else _ANYTHING, stack, name)


@lru_cache
def _pattern(form: str) -> re.Pattern[str] | None:
    """None for an expression that Python does not read as Java does, in which CloudFormation's are written."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(form)
    except (re.error, Warning, OverflowError, RecursionError):
        return None


def _form(parameter: Any) -> str:
    """What a parameter's text will look like; numbers and the ids of AWS's own types are no texts of choice."""
    kind = parameter.get("Type", "String") if isinstance(parameter, dict) else "String"
    if kind in ("String", "CommaDelimitedList"):
        pattern = parameter.get("AllowedPattern") if isinstance(parameter, dict) else None
        return pattern if isinstance(pattern, str) else _ANYTHING
    return _ANYTHING if "SSM" in str(kind) else _NOT_CHOSEN


def _passed(data: Any, parameter: str) -> Any:
    """What a parent passes: a reference names a resource of the parent's template, which means nothing in this one."""
    if isinstance(data, Reference):
        return Imported(f"../{data.expression}", _NOT_CHOSEN, "..", parameter)
    return Imported(data.expression, data.form, "..", parameter) if isinstance(data, Unknown) else data


def _elements(data: Any) -> list[str]:
    """A list as parameters take it: texts with commas between."""
    return [each.strip() for each in as_text(data).split(",")]


def _chosen(data: Any, index: Any) -> list[Any]:
    """The element of a list; every one when the index is not known."""
    if not isinstance(data, list):
        return []
    if isinstance(index, UNTOLD):
        return data
    text = as_text(index)
    return data[int(text) : int(text) + 1] if re.fullmatch(r"[0-9]{1,6}", text) else []


def _distinct(found: list[Variant]) -> list[Variant]:
    return list({(type(data), str(data), holds): (data, holds) for data, holds in found}.values())


def _attribute(argument: Any) -> Unknown | Reference:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if isinstance(parts, list) and len(parts) == 2 and all(isinstance(part, str) for part in parts):
        return Reference(parts[0], parts[1])
    return Unknown("Fn::GetAtt")


def sub_parts(argument: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Text and variables of an `Fn::Sub`."""
    if isinstance(argument, str):
        return argument, {}
    if (
        isinstance(argument, list)
        and len(argument) == 2
        and isinstance(argument[0], str)
        and isinstance(argument[1], dict)
    ):
        return argument[0], argument[1]
    return None


def as_text(data: Any) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, UNTOLD):
        return f"${{{data.expression}}}"
    if isinstance(data, bool):
        return "true" if data else "false"
    return "" if data is None else str(data)


def placeholders(text: str) -> Iterator[str]:
    """What stands between `${` and `}`; `${!Literal}` is a text of its own."""
    return (name for name in PLACEHOLDER.findall(text) if not name.startswith("!"))


@lru_cache(maxsize=256)
def json_document(text: str) -> Any:
    """The JSON of a text, None if it is none; kept, as lifecycles and policies repeat themselves, so read it only."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
