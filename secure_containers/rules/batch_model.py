"""What the resources of AWS Batch hold, however a template writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from secure_containers.rules.intrinsics import Given
from secure_containers.rules.template import Place, Resource, Template, Value, World

DEFINITION: Final = "AWS::Batch::JobDefinition"
QUEUE: Final = "AWS::Batch::JobQueue"
ENVIRONMENT: Final = "AWS::Batch::ComputeEnvironment"
ROLE: Final = "AWS::IAM::Role"

_PLATFORMS: Final = {
    "EC2": "instances",
    "SPOT": "instances",
    "FARGATE": "Fargate",
    "FARGATE_SPOT": "Fargate",
    "ECS_MANAGED_INSTANCES": "managed instances",
}


class Form(Enum):
    """In which words a task is written."""

    CONTAINER = "ContainerProperties"
    """One container, whose properties hold also those of its task."""
    TASK = "EcsProperties"
    POD = "EksProperties"


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


@dataclass(frozen=True, slots=True)
class Task:
    """What a job runs together on one host."""

    value: Value
    form: Form

    @property
    def containers(self) -> list[Container]:
        match self.form:
            case Form.CONTAINER:
                found = [self.value]
            case Form.TASK:
                found = _items(self.value, "Containers")
            case Form.POD:
                found = _items(self.value, "Containers") + _items(self.value, "InitContainers")
        return [Container(value, self.form) for value in found]

    @property
    def volumes(self) -> list[Value]:
        return _items(self.value, "Volumes")

    @property
    def job_roles(self) -> list[Value]:
        """The role that its containers act by; pods act by their service account."""
        match self.form:
            case Form.CONTAINER:
                return self.value.get("JobRoleArn")
            case Form.TASK:
                return self.value.get("TaskRoleArn")
        return []

    @property
    def execution_roles(self) -> list[Value]:
        return self.value.get("ExecutionRoleArn")


def tasks(definition: Resource) -> list[Task]:
    """What jobs of a definition run, all nodes of a parallel job included."""
    return definition.template.once(_tasks_by_definition)[definition]


def containers(definition: Resource) -> Iterator[Container]:
    for task in tasks(definition):
        yield from task.containers


def tasks_where(definition: Resource, given: Given) -> list[Task]:
    """The tasks as they are where `given` holds."""
    return [task for properties in definition.properties(given) for task in _tasks(properties)]


def _tasks_by_definition(template: Template) -> dict[Resource, list[Task]]:
    return {definition: tasks_where(definition, definition.given) for definition in template.of_type(DEFINITION)}


def _tasks(properties: Value) -> Iterator[Task]:
    yield from _tasks_below(properties, "ContainerProperties")
    for node in _items(properties, "NodeProperties", "NodeRangeProperties"):
        yield from _tasks_below(node, "Container")


def _tasks_below(holder: Value, container: str) -> Iterator[Task]:
    for value in holder.get(container):
        if not value.absent:
            yield Task(value, Form.CONTAINER)
    for value in _items(holder, "EcsProperties", "TaskProperties"):
        yield Task(value, Form.TASK)
    for value in holder.get("EksProperties", "PodProperties"):
        if not value.absent:
            yield Task(value, Form.POD)


def _items(holder: Value, *keys: str) -> list[Value]:
    return [item for values in holder.get(*keys) for item in values.items()]


def platform(type_: Value) -> str:
    """What the hosts of a compute environment are, by its type, which Batch takes in any case."""
    return _PLATFORMS.get(type_.text.upper(), "")


@dataclass(frozen=True, slots=True)
class Order:
    """One compute environment of a queue, or what is told of it."""

    value: Value
    place: Place

    def types(self) -> list[Value]:
        """The types that it can have where the queue names it; none if it stands in none of the templates."""
        return self.place.get("ComputeResources", "Type") if isinstance(self.place, Resource) else []


def orders(queue: Resource) -> Iterator[tuple[Value, list[Order]]]:
    """The lists of compute environments that a queue can have."""
    world = queue.template.world
    for listed in queue.get("ComputeEnvironmentOrder"):
        yield (
            listed,
            [
                Order(value, place)
                for order in listed.items()
                for value in order.get("ComputeEnvironment")
                for place in world.locate(value)
            ],
        )


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
