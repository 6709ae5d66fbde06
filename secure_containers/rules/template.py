"""A CloudFormation template as the rules see it.

A rule asks a resource for a property and gets every value that the property can have: both sides of an `Fn::If`, each
allowed value of a parameter, each row of a mapping. What the text does not tell (a parameter without bounds, an import,
another resource's attribute) comes back as `Unknown` or `Reference`, never as a guess, and text with unknown parts
keeps them as `${...}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from secure_containers.rules.intrinsics import (
    NOTHING_GIVEN,
    UNTOLD,
    UNTOLD_STARTS,
    Given,
    Imported,
    Intrinsics,
    Reference,
    Unknown,
    as_text,
    json_document,
)

_Gathered = TypeVar("_Gathered")


@dataclass(frozen=True, slots=True)
class Observation:
    """What a rule saw: a violation, or (`decided=False`) a value on which it cannot judge."""

    resource: Resource | None
    message: str
    at: str = ""
    about: str = ""
    fix: str | None = None
    decided: bool = True


@dataclass(slots=True, eq=False)  # a large template has 100,000; frozen ones would cost three times as much to make
class Value:
    """One value that a place of the template can have; its own intrinsics are followed, its children's not yet."""

    data: Any
    path: str
    resource: Resource
    given: Given = NOTHING_GIVEN

    @property
    def absent(self) -> bool:
        return self.data is None

    @property
    def unknown(self) -> bool:
        return isinstance(self.data, UNTOLD)

    @property
    def text(self) -> str:
        """The value as text, unknown parts as `${...}`."""
        return as_text(self.data)

    def may_be(self, text: str) -> bool:
        """Whether the template leaves open that this value is `text`: whoever deploys chooses it, within its bounds."""
        return isinstance(self.data, Unknown) and self.data.can_be(text)

    def meets(self, other: Value) -> bool:
        """Whether both values can stand in one deployment, or belong to different sides of a condition."""
        return not any((what, not holds) in other.given for what, holds in self.given)

    def get(self, *keys: str) -> list[Value]:
        """Every value at the path `keys` below this one; absent where it is missing, unknown below an unknown."""
        found = [self]
        for key in keys:
            found = [child for value in found for child in value.child(key)]
        return found

    def beside(self, *keys: str) -> list[Value]:
        """Every value that another property of the resource has where this one stands."""
        return [value for start in self.resource.properties(self.given) for value in start.get(*keys)]

    def items(self) -> Iterator[Value]:
        """The elements of a list, each in all its variants; a single value counts as a list of one, as in IAM."""
        if self.absent:
            return
        if not isinstance(self.data, list):
            yield self
            return
        for index, element in enumerate(self.data):
            for value in self.resource.template.values(element, f"{self.path}.{index}", self.resource, self.given):
                if isinstance(value.data, list):
                    yield from value.items()
                elif not value.absent:
                    yield value

    def members(self) -> Iterator[tuple[str, Value]]:
        """The keys and values of an object; of nothing else."""
        if isinstance(self.data, dict):
            for key in self.data:
                for value in self.child(key):
                    yield key, value

    def parsed(self) -> list[Value]:
        """A JSON document given as text or as an object, as a value; unknown if the text is no JSON."""
        if not isinstance(self.data, str):
            return [self]
        document = json_document(self.data)
        if document is None:
            return [Value(Unknown(f"{self.path} is not JSON"), self.path, self.resource, self.given)]
        return self.resource.template.values(document, self.path, self.resource, self.given)

    def violates(self, message: str, *, fix: str | None = None, about: str = "") -> Observation:
        """This value breaks the rule; or, when it is not known, the rule cannot be decided on it."""
        if self.unknown:
            return self.undecided(message)
        return Observation(self.resource, message, at=self.path, fix=fix, about=about)

    def undecided(self, question: str) -> Observation:
        return Observation(
            self.resource,
            f"cannot be decided: {self.path} is {self.text}, which this template does not tell ({question})",
            at=self.path,
            decided=False,
        )

    def child(self, key: str) -> list[Value]:
        """Every value of one entry of this object."""
        path = f"{self.path}.{key}"
        if self.unknown:
            return [Value(self.data, path, self.resource, self.given)]
        node = self.data.get(key) if isinstance(self.data, dict) else None
        return self.resource.template.values(node, path, self.resource, self.given)


@dataclass(frozen=True, eq=False)
class Resource:
    """One entry of `Resources`."""

    template: Template = field(repr=False)
    logical_id: str
    type: str
    body: Mapping[str, Any] = field(repr=False)

    @cached_property
    def given(self) -> Given:
        condition = self.body.get("Condition")
        return self.template.given(condition) if isinstance(condition, str) else NOTHING_GIVEN

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        metadata = self.body.get("Metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def construct_path(self) -> str | None:
        path = self.metadata.get("aws:cdk:path")
        return path if isinstance(path, str) else None

    def get(self, *keys: str) -> list[Value]:
        """Every value that the property at the path `keys` can have."""
        return [value for start in self._properties for value in start.get(*keys)]

    def properties(self, given: Given) -> list[Value]:
        """The properties as a whole, where `given` holds."""
        return self.template.values(self.body.get("Properties") or {}, "Properties", self, given)

    def attribute(self, name: str) -> list[Value]:
        """Every value that a resource attribute (`DeletionPolicy`, ...) can have."""
        return self.template.values(self.body.get(name), name, self, self.given)

    def always(self, alternatives: Sequence[Given]) -> bool:
        """Whether one of `alternatives` holds in every deployment that has this resource."""
        return self.template.always(alternatives, self.given)

    def stands_with(self, value: Value) -> bool:
        """Whether `value` is there in every deployment that has this resource."""
        return self.always([value.given])

    def violates(self, message: str, *, at: str = "Properties", fix: str | None = None, about: str = "") -> Observation:
        return Observation(self, message, at=at, fix=fix, about=about)

    def undecided(self, question: str, *, by: Value) -> Observation:
        """It rests on a value, of this resource or of another one, that is not told."""
        place = f"{by.path} of {by.resource.logical_id} is {by.text}"
        return Observation(self, f"cannot be decided: {question} {place}", at="Properties", decided=False)

    @cached_property
    def _properties(self) -> list[Value]:
        return self.properties(self.given)


@dataclass(eq=False)
class Template:
    """A parsed template, where it came from, and what is known around it."""

    body: Mapping[str, Any]
    name: str
    """How a report calls it: the path that the user gave, or that of the cloud assembly."""
    account: str | None = None
    region: str | None = None
    stack: str | None = None
    """The name of the stack that it will be, as far as its cloud assembly tells."""
    parent: Resource | None = None
    """The `AWS::CloudFormation::Stack` that this template belongs to, when it is a nested one."""
    source: str = ""
    """The text it was read from, to tell line numbers."""
    lines: Mapping[str, int] | None = None
    """The line of each resource, when the reader knows it."""
    unread: list[Resource] = field(default_factory=list, repr=False)
    """Its nested stacks whose templates are not at hand, so that nobody judges them."""
    world: World = field(init=False, repr=False)
    """The templates that are judged together with this one."""
    _gathered: dict[Callable[[Template], Any], Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.world = World((self,))

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        found = (
            Resource(self, logical_id, entry["Type"], entry)
            for logical_id, entry in self._entries.items()
            if isinstance(entry, dict) and isinstance(entry.get("Type"), str)
        )
        return {
            resource.logical_id: resource
            for resource in found
            if self.condition(resource.body.get("Condition")) is not False
        }

    @cached_property
    def _by_type(self) -> Mapping[str, list[Resource]]:
        index: dict[str, list[Resource]] = {}
        for resource in self.resources.values():
            index.setdefault(resource.type, []).append(resource)
        return index

    def of_type(self, *types: str) -> Iterator[Resource]:
        for type_ in types:
            yield from self._by_type.get(type_, ())

    def line(self, logical_id: str | None) -> int:
        """The line at which a resource starts; 1 when it cannot be told."""
        if logical_id is None:
            return 1
        return (self._starts if self.lines is None else self.lines).get(logical_id, 1)

    @cached_property
    def _starts(self) -> Mapping[str, int]:
        """The line of each resource in a JSON source: where its name first has an object after `"Resources"`."""
        found: dict[str, int] = {}
        position = max(self.source.find('"Resources"'), 0)
        line = self.source.count("\n", 0, position) + 1
        for key in re.compile(r'"([^"\\]*)"\s*:\s*\{').finditer(self.source, position):
            if key.group(1) in self._entries and key.group(1) not in found:
                line += self.source.count("\n", position, key.start())
                position = key.start()
                found[key.group(1)] = line
        return found

    def once(self, gather: Callable[[Template], _Gathered]) -> _Gathered:
        """What `gather` makes of this template, made once however many rules ask for it."""
        if gather not in self._gathered:
            self._gathered[gather] = gather(self)
        found: _Gathered = self._gathered[gather]
        return found

    @property
    def outputs(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The entries of `Outputs`."""
        outputs = self.body.get("Outputs")
        entries = outputs.items() if isinstance(outputs, dict) else ()
        return [(name, entry) for name, entry in entries if isinstance(entry, dict)]

    def output(self, name: str) -> list[Value]:
        """Every value that an output of this stack can have."""
        entry = dict(self.outputs).get(name)
        if entry is None:
            return []
        bearer = Resource(self, name, "Output", entry)
        return self.values(entry.get("Value"), f"Outputs.{name}", bearer, bearer.given)

    def values(self, node: Any, path: str, resource: Resource, given: Given = NOTHING_GIVEN) -> list[Value]:
        """Every value that `node` can have, its outermost intrinsic functions followed; one at least."""
        if not node.startswith(UNTOLD_STARTS) if isinstance(node, str) else not isinstance(node, dict):
            return [Value(node, path, resource, given)]  # as below, in a quarter of the time for nine nodes of ten
        return [Value(data, path, resource, holds) for data, holds in self._intrinsics.variants(node, given)]

    def condition(self, name: Any, given: Given = NOTHING_GIVEN) -> bool | None:
        """Whether a condition holds; None when only the deployment tells."""
        return self._intrinsics.condition(name, given)

    def always(self, alternatives: Sequence[Given], given: Given, *, splits: int = 6) -> bool:
        """Whether one of `alternatives` holds wherever `given` does; by trying both sides of what is not told."""
        untold: list[str] = []
        for alternative in alternatives:
            verdicts = {
                what: (self.condition(what, given), holds) for what, holds in alternative if isinstance(what, str)
            }
            if all(verdict is holds for verdict, holds in verdicts.values()):
                return True
            if all(verdict in (holds, None) for verdict, holds in verdicts.values()):
                untold += [what for what, (verdict, _) in verdicts.items() if verdict is None]
        return bool(untold and splits) and all(
            self.always(alternatives, self._intrinsics.given(untold[0], verdict=side, so_far=given), splits=splits - 1)
            for side in (True, False)
        )

    def given(self, condition: str) -> Given:
        """What holds where a condition does."""
        return self._intrinsics.given(condition, verdict=True)

    @cached_property
    def _intrinsics(self) -> Intrinsics:
        return Intrinsics(self.body, account=self.account, region=self.region, passed=self._passed)

    def _passed(self, parameter: str) -> list[Any]:
        return [value.data for value in self.parent.get("Parameters", parameter)] if self.parent is not None else []

    @cached_property
    def _entries(self) -> Mapping[str, Any]:
        entries = self.body.get("Resources")
        return entries if isinstance(entries, dict) else {}


Place = Resource | str
"""A resource, or the text of something that stands in none of the templates, such as `subnet-0a1b2c` or `${Subnet}`."""


@dataclass(eq=False)
class World:
    """Templates that are judged together: what one takes from another is followed."""

    templates: Sequence[Template] = field(repr=False)
    _gathered: dict[Callable[[World], Any], Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, gather: Callable[[World], _Gathered]) -> _Gathered:
        """What `gather` makes of these templates, made once however many rules ask for it."""
        if gather not in self._gathered:
            self._gathered[gather] = gather(self)
        found: _Gathered = self._gathered[gather]
        return found

    def of_type(self, *types: str) -> Iterator[Resource]:
        for template in self.templates:
            yield from template.of_type(*types)

    def locate(self, value: Value) -> list[Place]:
        """What a value names, in whichever of the templates it stands; nothing if the value is absent."""
        return [place for each in self.follow(value) for place in _place(each)]

    def listed(self, value: Value) -> list[Place]:
        """What the elements of a list name; a list that is not told names itself."""
        return [place for each in self.follow(value) for item in each.items() for place in self.locate(item)]

    def places(self, bearer: Resource | Value, *keys: str) -> list[Place]:
        """What a property names."""
        return [place for value in bearer.get(*keys) for place in self.locate(value)]

    def lists(self, bearer: Resource | Value, *keys: str) -> list[Place]:
        """What a property names, which is a list."""
        return [place for value in bearer.get(*keys) for place in self.listed(value)]

    def follow(self, value: Value, *, steps: int = 16) -> list[Value]:
        """The value, or what it is in the stack that it comes from."""
        sources = self._sources(value) if steps else []
        return [found for source in sources for found in self.follow(source, steps=steps - 1)] or [value]

    def named_output(self, name: str) -> Value | None:
        """What the one output or export of that name gives; texts keep the names of what they take from others."""
        places = self._outputs.get(name, ())
        values = [value for template, output in places for value in template.output(output)]
        return values[0] if len(values) == 1 else None

    def _sources(self, value: Value) -> list[Value]:
        data, template = value.data, value.resource.template
        if isinstance(data, Imported):
            if data.stack == "..":
                return template.parent.get("Parameters", data.name) if template.parent else []
            if not data.stack:
                exports = [
                    (exporter, output)
                    for exporter, output in self._exports.get(data.name, ())
                    if template.region is None or exporter.region in (None, template.region)
                ]
                return exports[0][0].output(exports[0][1]) if len(exports) == 1 else []
            stacks = self._stacks.get(data.stack, [])
            return stacks[0].output(data.name) if len(stacks) == 1 else []
        if isinstance(data, Reference) and data.attribute.startswith("Outputs."):
            nested = self._nested.get(template.resources.get(data.logical_id))
            return nested.output(data.attribute.removeprefix("Outputs.")) if nested else []
        return []

    @cached_property
    def _stacks(self) -> Mapping[str, list[Template]]:
        found: dict[str, list[Template]] = {}
        for template in self.templates:
            if template.stack is not None:
                found.setdefault(template.stack, []).append(template)
        return found

    @cached_property
    def _nested(self) -> Mapping[Resource | None, Template]:
        return {template.parent: template for template in self.templates if template.parent is not None}

    @cached_property
    def _exports(self) -> Mapping[str, list[tuple[Template, str]]]:
        """Template and output of each export."""
        found: dict[str, list[tuple[Template, str]]] = {}
        for template in self.templates:
            for name, entry in template.outputs:
                export = entry.get("Export")
                if isinstance(export, dict):
                    bearer = Resource(template, name, "Output", entry)
                    for exported in template.values(export.get("Name"), "Export.Name", bearer):
                        found.setdefault(exported.text, []).append((template, name))
        return found

    @cached_property
    def _outputs(self) -> Mapping[str, list[tuple[Template, str]]]:
        """Template and name of each output."""
        found: dict[str, list[tuple[Template, str]]] = {}
        for template in self.templates:
            for name, _ in template.outputs:
                found.setdefault(name, []).append((template, name))
        return {**found, **self._exports}


def _place(value: Value) -> Iterator[Place]:
    data, template = value.data, value.resource.template
    if isinstance(data, Reference):
        resource = template.resources.get(data.logical_id)
        if resource is None:
            yield data.expression
        else:
            yield f"${{{data.expression}}}" if _gives_others(resource, data.attribute) else resource
    elif isinstance(data, Unknown):
        yield f"${{{data.expression}}}"
    elif data is not None:
        yield as_text(data)


def _gives_others(resource: Resource, attribute: str) -> bool:
    """Whether an attribute may name any resource: an output of a nested stack, or what a custom resource answers."""
    custom = resource.type.startswith("Custom::") or resource.type == "AWS::CloudFormation::CustomResource"
    return attribute.startswith("Outputs.") or (custom and attribute != "Ref")


def judged_together(templates: Sequence[Template]) -> World:
    """One world of templates, of which each then knows the others."""
    world = World(templates)
    for template in templates:
        template.world = world
    return world


def is_left_out(value: Value) -> bool:
    """Whether a property is not set, or whoever deploys may leave it empty."""
    return not value.text or value.may_be("")


def is_true(data: Any) -> bool:
    """CloudFormation takes a boolean as such or as text."""
    return data is True or (isinstance(data, str) and data.lower() == "true")


def is_told(value: Value) -> bool:
    """Whether the whole text of a value stands in the template."""
    return "${" not in value.text


def bounds(value: Value) -> tuple[float, float]:
    """The least and the most that a number can be; a parameter tells it by its `MinValue` and `MaxValue`."""
    least, most = float("-inf"), float("inf")
    if isinstance(value.data, Unknown):
        parameters = value.resource.template.body.get("Parameters")
        parameter = parameters.get(value.data.expression) if isinstance(parameters, dict) else None
        if isinstance(parameter, dict):
            return _number(parameter.get("MinValue"), least), _number(parameter.get("MaxValue"), most)
        return least, most
    told = _number(value.text, float("nan"))
    return told, told


def where(holder: Value, *others: Value) -> Value:
    """`holder` as it is where the others stand."""
    return Value(holder.data, holder.path, holder.resource, holder.given.union(*(other.given for other in others)))


Verdict = tuple[bool | None, Value]
"""Whether something holds, None where it is not told; and the value that decides it."""


def settled(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts without those that another choice of the same parameter overturns."""
    found = list(verdicts)
    return [(verdict, value) for verdict, value in found if not (verdict and _is_overturned(value, found))]


def _is_overturned(value: Value, verdicts: list[Verdict]) -> bool:
    """Whether another value can stand at the same place, under the same conditions, and not hold."""
    return any(
        not holds and other.path == value.path and other.resource is value.resource and other.meets(value)
        for holds, other in verdicts
    )


def surely(verdicts: Iterable[Verdict], holder: Value) -> bool:
    """Whether, wherever `holder` stands, something holds by one of its own values at least."""
    return holder.resource.template.always(
        [value.given for verdict, value in settled(verdicts) if verdict], holder.given
    )


def _number(data: object, otherwise: float) -> float:
    try:
        return float(str(data))
    except ValueError:
        return otherwise
