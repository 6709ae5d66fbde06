"""What the resources of AWS Batch hold, however a template writes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from secure_containers.rules.intrinsics import Given
from secure_containers.rules.task_model import Container, Form, Task, items
from secure_containers.rules.template import Place, Resource, Template, Value

DEFINITION: Final = "AWS::Batch::JobDefinition"
QUEUE: Final = "AWS::Batch::JobQueue"
ENVIRONMENT: Final = "AWS::Batch::ComputeEnvironment"

_PLATFORMS: Final = {
    "EC2": "instances",
    "SPOT": "instances",
    "FARGATE": "Fargate",
    "FARGATE_SPOT": "Fargate",
    "ECS_MANAGED_INSTANCES": "managed instances",
}


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
    for node in items(properties, "NodeProperties", "NodeRangeProperties"):
        yield from _tasks_below(node, "Container")


def _tasks_below(holder: Value, container: str) -> Iterator[Task]:
    for value in holder.get(container):
        if not value.absent:
            yield Task(value, Form.CONTAINER)
    for value in items(holder, "EcsProperties", "TaskProperties"):
        yield Task(value, Form.TASK)
    for value in holder.get("EksProperties", "PodProperties"):
        if not value.absent:
            yield Task(value, Form.POD)


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
