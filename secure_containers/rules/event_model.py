"""What sends events to what, however a template writes it: rules, schedules, notifications, queues and functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, product
from typing import Final

from secure_containers.rules.engine import Observations
from secure_containers.rules.intrinsics import Given, Unknown
from secure_containers.rules.partitions import arn_parts
from secure_containers.rules.task_model import items
from secure_containers.rules.template import (
    Place,
    Resource,
    Value,
    Verdict,
    World,
    is_left_out,
    is_told,
    settled,
)

RULE: Final = "AWS::Events::Rule"
SCHEDULE: Final = "AWS::Scheduler::Schedule"
FUNCTION: Final = "AWS::Lambda::Function"
MAPPING: Final = "AWS::Lambda::EventSourceMapping"
INVOCATIONS: Final = "AWS::Lambda::EventInvokeConfig"
QUEUE: Final = "AWS::SQS::Queue"
BUCKET: Final = "AWS::S3::Bucket"

_OTHER_NAMES: Final = ("AWS::Lambda::Alias", "AWS::Lambda::Version")
_QUALIFIED: Final = re.compile(r"\$\{([^}.]+)(?:\.Arn)?\}:[^:]+")
_QUALIFIERS: Final = re.compile(r"^.*:function:|:[^:]+$")
"""What stands around the name of a function: the rest of its ARN, and a version or alias."""


def functions(world: World, value: Value) -> Iterator[Place]:
    """The functions that a value names: also by their aliases and versions, or by names that the template gives."""
    for each in world.follow(value):
        qualified = _QUALIFIED.fullmatch(each.text)
        function = each.resource.template.resources.get(qualified[1]) if qualified else None
        for place in world.locate(each) if function is None else [function]:
            if isinstance(place, Resource) and place.type in _OTHER_NAMES:
                yield from (_named(world, named) for named in world.places(place, "FunctionName"))
            else:
                yield _named(world, place)


def _named(world: World, place: Place) -> Place:
    return place if isinstance(place, Resource) else world.once(_by_name).get(_QUALIFIERS.sub("", place), place)


def _by_name(world: World) -> Mapping[str, Resource]:
    return {
        value.text: function
        for function in world.of_type(FUNCTION)
        for value in function.get("FunctionName")
        if value.text and is_told(value)
    }


def service_of(place: Place) -> str:
    """The service of a resource or of an ARN, as ARNs call it; nothing where it is not told."""
    if isinstance(place, Resource):
        name = place.type.removeprefix("AWS::").partition("::")[0].lower()
        return {"stepfunctions": "states"}.get(name, name)
    parts = arn_parts(place)
    return parts[2] if parts and "${" not in parts[2] else ""


def single_events(bearer: Resource) -> Iterator[tuple[Value, Value]]:
    """Why a rule or a schedule acts, and its targets, unless that comes again by itself, every day or hour."""
    if bearer.type == RULE:
        for pattern in bearer.get("EventPattern"):
            if not pattern.absent:
                for targets in pattern.beside("Targets"):
                    yield from ((pattern, target) for target in targets.items())
    else:
        for expression in bearer.get("ScheduleExpression"):
            if expression.unknown or expression.text.startswith("at("):
                yield from ((expression, target) for target in expression.beside("Target"))


def ecs_targets(bearer: Resource) -> Iterator[tuple[Value, Value]]:
    """The targets of a rule or a schedule that are tasks of Amazon ECS, and how they are started."""
    for target in items(bearer, "Targets" if bearer.type == RULE else "Target"):
        yield from ((target, each) for each in target.get("EcsParameters") if not each.absent)


def sources(mapping: Resource) -> Iterator[tuple[Value, Place, str]]:
    """What a mapping reads from, and of which service that is."""
    world = mapping.template.world
    for value in mapping.get("EventSourceArn"):
        for place in world.locate(value):
            yield value, place, service_of(place)


def dead_letters(bearer: Resource | Value, *keys: str) -> list[Value]:
    """The targets of redrive policies, which templates write as objects or as text."""
    return [
        arn for policy in bearer.get(*keys) for parsed in policy.parsed() for arn in parsed.get("deadLetterTargetArn")
    ]


def is_given(value: Value) -> bool | None:
    """Whether a property is set; None where whoever deploys may leave it empty."""
    return True if not is_left_out(value) else None if value.unknown else False


def takes(values: list[Value], wanted: str, *, absent: bool = True) -> Iterator[Verdict]:
    """Whether one field of an event pattern takes a text."""
    for value in values:
        if value.absent:
            yield absent, value
        for item in value.items():
            yield _matches(item, wanted), item


def _matches(item: Value, wanted: str) -> bool | None:
    if isinstance(item.data, str):
        return item.text == wanted if is_told(item) else None
    for prefix in item.get("prefix"):
        if isinstance(prefix.data, str):
            return wanted.startswith(prefix.data) if is_told(prefix) else None
    for others in item.get("anything-but"):
        texts = list(others.items())
        if texts and all(isinstance(each.data, str) and is_told(each) for each in texts):
            return wanted not in {each.text for each in texts}
    return None


def names(values: list[Value], resource: Resource, own_name: str = "") -> Iterator[Verdict]:
    """Whether values name a resource, by reference or by the name that it gives itself in the property `own_name`."""
    world = resource.template.world
    own = {value.text for value in resource.get(own_name) if is_told(value)} - {""} if own_name else set()
    for value in values:
        for item in value.items():
            places = world.locate(item)
            others = any(isinstance(place, Resource) for place in places)
            told = others or (isinstance(item.data, str) and is_told(item))
            yield (True if resource in places or own & set(map(str, places)) else False if told else None), item


def is_default(bus: Value) -> bool | None:
    """Whether a bus is the one to which the events of AWS come; one that a template makes is another."""
    if isinstance(bus.data, Unknown):
        return None
    return bus.absent or bus.text.rpartition("/")[2] == "default"


Ways = Iterable[tuple[Resource, Iterable[Iterable[Verdict]]]]
"""Resources that may do something for another one, and what has to hold for that, each in all its variants."""


def unless_done(resource: Resource, ways: Ways, *, message: str, question: str) -> Observations:
    """A finding on a resource for which nothing of `ways` is done wherever it is deployed."""
    done: list[Given] = []
    untold: Value | None = None
    for bearer, conditions in ways:
        for parts in product(*map(settled, conditions)):
            values = [value for _, value in parts]
            apart = any(not one.meets(other) for one, other in combinations(values, 2))
            if apart or any(verdict is False for verdict, _ in parts):
                continue
            untold = untold or next((value for verdict, value in parts if verdict is None), None)
            given: Given = frozenset().union(*(value.given for value in values))
            if all(verdict for verdict, _ in parts) and (bearer.template is resource.template or not given):
                done.append(given)
    if not resource.always(done):
        told = f"where a condition does not hold, {message}" if done else message
        yield resource.violates(told) if untold is None else resource.undecided(question, by=untold)
