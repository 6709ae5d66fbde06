"""What tasks and their containers hold, in whichever service's words a template writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from secure_containers.rules.intrinsics import placeholders
from secure_containers.rules.template import Place, Resource, Template, Value, World, is_told

ROLE: Final = "AWS::IAM::Role"


class Form(Enum):
    """In which words a task is written."""

    CONTAINER = "ContainerProperties"
    """One container, whose properties hold also those of its task."""
    TASK = "EcsProperties"
    POD = "EksProperties"
    DEFINITION = "ContainerDefinitions"
    """A task definition of Amazon ECS."""
    EXPRESS = "PrimaryContainer"
    """The one container of an Express service, which Amazon ECS makes a task definition of."""


@dataclass(frozen=True, slots=True)
class Container:
    """The properties of one container."""

    value: Value
    form: Form

    @property
    def environment(self) -> str:
        return "Env" if self.form is Form.POD else "Environment"

    def security(self, name: str) -> list[Value]:
        """A security setting, which pods keep in a context of its own."""
        return self.value.get("SecurityContext", name) if self.form is Form.POD else self.value.get(name)

    def is_windows_with(self, value: Value) -> bool:
        """Whether the container, of a task definition of Amazon ECS, runs Windows wherever a value of it stands."""
        return self.form is Form.DEFINITION and all(
            system.text.startswith("WINDOWS") for system in value.beside("RuntimePlatform", "OperatingSystemFamily")
        )


@dataclass(frozen=True, slots=True)
class Task:
    """What runs together on one host."""

    value: Value
    form: Form

    @property
    def containers(self) -> list[Container]:
        match self.form:
            case Form.CONTAINER | Form.EXPRESS:
                found = [self.value]
            case Form.TASK:
                found = items(self.value, "Containers")
            case Form.POD:
                found = items(self.value, "Containers") + items(self.value, "InitContainers")
            case Form.DEFINITION:
                found = items(self.value, "ContainerDefinitions")
        return [Container(value, self.form) for value in found]

    @property
    def volumes(self) -> list[Value]:
        return items(self.value, "Volumes")

    @property
    def job_roles(self) -> list[Value]:
        """The role that its containers act by; pods act by their service account, and Express services by their own."""
        match self.form:
            case Form.CONTAINER:
                return self.value.get("JobRoleArn")
            case Form.TASK | Form.DEFINITION:
                return self.value.get("TaskRoleArn")
        return []

    @property
    def execution_roles(self) -> list[Value]:
        return self.value.get("ExecutionRoleArn")


def items(holder: Resource | Value, *keys: str) -> list[Value]:
    return [item for values in holder.get(*keys) for item in values.items()]


def identities(world: World, value: Value) -> Iterator[tuple[Template | None, Place]]:
    """What a value names, so that two values can be compared: a name without a template is the same in all of them."""
    for each in world.follow(value):
        for place in world.locate(each):
            if isinstance(place, Resource) or "${" not in place:
                yield None, place
            elif "${Fn::" not in place:
                yield each.resource.template, place


def named_resources(world: World, values: Sequence[Value]) -> Iterator[Resource]:
    for value in values:
        for place in world.locate(value):
            if isinstance(place, Resource):
                yield place


def called(value: Value, type_: str, own_name: str) -> list[Resource]:
    """The resources of a type that a value names, by reference or by the name that they give themselves."""
    world = value.resource.template.world
    places = world.locate(value)
    found = [place for place in places if isinstance(place, Resource) and place.type == type_]
    return found or [
        resource
        for resource in world.of_type(type_)
        if any(is_told(own) and own.text in places for own in resource.get(own_name))
    ]


def referred(value: Value, placeholder: str) -> Iterator[Resource | None]:
    """The resources to which a part of a text refers, in its own template or by what another one gives."""
    given = value.resource.template.world.named_output(placeholder)
    home, text = (given.resource.template, given.text) if given else (value.resource.template, f"${{{placeholder}}}")
    return (home.resources.get(name.partition(".")[0]) for name in placeholders(text))


def stand_together(one: Value, other: Value) -> bool:
    """Whether two values can be there at once; conditions and parameters of one template say nothing in another."""
    if one.resource.template is not other.resource.template:
        return True
    chosen, others = (
        dict(what for what, holds in each.given if holds and isinstance(what, tuple)) for each in (one, other)
    )
    return one.meets(other) and all(others.get(name, text) == text for name, text in chosen.items())
