"""The rule about what AWS Batch refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, islice, product
from typing import Final

from secure_containers.rules.batch_model import (
    DEFINITION,
    ENVIRONMENT,
    QUEUE,
    Order,
    orders,
    platform,
    tasks_where,
)
from secure_containers.rules.engine import Observations, resource_rule
from secure_containers.rules.fargate import EPHEMERAL_GIB, SIZES, memory_for
from secure_containers.rules.intrinsics import MOST_VARIANTS, Given
from secure_containers.rules.task_checks import outside, privileged_on_fargate
from secure_containers.rules.task_model import Form, Task, stand_together
from secure_containers.rules.template import (
    Resource,
    Value,
    bounds,
    is_left_out,
    is_told,
    where,
)

_SHORTEST_TIMEOUT: Final = 60
_MOST_ATTEMPTS: Final = 10
_MOST_EXITS: Final = 5
_MOST_ENVIRONMENTS: Final = 3
_NOT_ON_FARGATE: Final = (
    ("ComputeResources", "AllocationStrategy"),
    ("ComputeResources", "InstanceRole"),
    ("ComputeResources", "InstanceTypes"),
    ("ComputeResources", "LaunchTemplate"),
    ("UpdatePolicy",),
)


@resource_rule("SC-BAT-15", types=(DEFINITION, QUEUE, ENVIRONMENT), guidelines=("deployable-templates",))
def undeployable_batch(resource: Resource) -> Observations:
    """Batch will refuse a job definition, a queue or a compute environment.

    ## Why
    CloudFormation does not know what Fargate has and what a queue takes, so a mistake shows only in the deployment,
    which then rolls back; or in the first update, or in a job that never starts.

    ## Fix
    Write what the message says is allowed. A parameter for a number needs a `MinValue` and a `MaxValue` within it.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          PlatformCapabilities: [FARGATE]
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            ExecutionRoleArn: !GetAtt ExecutionRole.Arn
            ResourceRequirements:
              - {Type: VCPU, Value: '1'}
              - {Type: MEMORY, Value: '1024'}
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          PlatformCapabilities: [FARGATE]
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            ExecutionRoleArn: !GetAtt ExecutionRole.Arn
            ResourceRequirements:
              - {Type: VCPU, Value: '1'}
              - {Type: MEMORY, Value: '2048'}
    ```
    """
    if resource.type == DEFINITION:
        yield from _definition(resource)
    elif resource.type == QUEUE:
        yield from _queue(resource)
    else:
        yield from _environment(resource)


def _definition(definition: Resource) -> Observations:
    for seconds in definition.get("Timeout", "AttemptDurationSeconds"):
        yield from outside(seconds, (_SHORTEST_TIMEOUT, float("inf")), "a timeout in seconds that Batch takes")
    for attempts in definition.get("RetryStrategy", "Attempts"):
        yield from outside(attempts, (1, _MOST_ATTEMPTS), "a number of attempts that Batch takes")
    for exits in definition.get("RetryStrategy", "EvaluateOnExit"):
        if _entries(exits) > _MOST_EXITS:
            yield exits.violates(f"EvaluateOnExit has {_entries(exits)} entries: {_MOST_EXITS} at most")
    for platforms in definition.get("PlatformCapabilities"):
        for each in platforms.items():
            if each.unknown:
                yield each.undecided("is it Fargate?")
            elif each.text == "FARGATE":
                yield from _definition_on_fargate(definition, each)


def _definition_on_fargate(definition: Resource, fargate: Value) -> Observations:
    for nodes in fargate.beside("NodeProperties"):
        if not nodes.absent:
            yield definition.violates("Fargate runs no jobs of several nodes", at=nodes.path)
            return
    for task in tasks_where(definition, fargate.given):
        if task.form is not Form.POD:
            yield from _task_on_fargate(task)


def _task_on_fargate(task: Task) -> Observations:
    if task.value.unknown:
        yield task.value.undecided("does it fit Fargate?")
        return
    for role in task.execution_roles:
        if is_left_out(role):
            yield role.violates("jobs on Fargate need an execution role")
    for size in task.value.get("EphemeralStorage", "SizeInGiB"):
        yield from outside(size, EPHEMERAL_GIB, "a size in GiB that Batch takes")
    requirements = [each for container in task.containers for each in _requirements(container.value)]
    unknown = next((type_ for type_, _ in requirements if type_.unknown), None)
    for container in task.containers:
        if not container.value.unknown:
            yield from _container_on_fargate(container.value)
    for type_, _ in requirements:
        if type_.text == "GPU":
            yield type_.violates("Fargate has no GPU: run the job on EC2")
    if unknown is not None:
        yield unknown.undecided("which size of Fargate is it?")
    else:
        yield from _size_on_fargate(task)


def _container_on_fargate(container: Value) -> Observations:
    yield from privileged_on_fargate(container)
    for name in ("Vcpus", "Memory"):
        for value in container.get(name):
            if not value.absent:
                message = f"Fargate takes no {name}: write it into ResourceRequirements"
                yield container.resource.violates(message, at=value.path)


_Size = tuple[Value | None, Value | None]
"""The vCPUs and the memory that a container asks for, where it does."""


def _size_on_fargate(task: Task) -> Observations:
    """What all containers of a task ask for together has to be a size of Fargate."""
    places: dict[str, list[Value]] = {}
    for container in task.containers:
        places.setdefault(container.value.path, []).append(container.value)
    sizes = [
        [size for value in _or_none(values, task.value) for size in (_sizes(value) if value else [(None, None)])]
        for values in places.values()
    ]
    for parts in islice(product(*sizes), MOST_VARIANTS):
        values = [value for part in parts for value in part if value is not None]
        if all(stand_together(one, other) for one, other in combinations(values, 2)):
            yield from _size(task, [cpu for cpu, _ in parts if cpu], [memory for _, memory in parts if memory])


def _size(task: Task, cpus: list[Value], memories: list[Value]) -> Observations:
    untold = next((value for value in (*cpus, *memories) if not is_told(value)), None)
    if not cpus or not memories:
        message = "jobs on Fargate need VCPU and MEMORY in ResourceRequirements"
        yield task.value.resource.violates(message, at=task.value.path)
    elif untold is not None:
        yield untold.undecided("is it a size of Fargate?")
    else:
        cpu, memory = (sum(bounds(value)[0] for value in values) for values in (cpus, memories))
        if memory not in SIZES.get(cpu, ()):
            message = f"Fargate has no size of {cpu:g} vCPUs and {memory:g} MiB: there are {memory_for(cpu)}"
            yield task.value.resource.violates(message, at=cpus[0].path)


def _sizes(container: Value) -> Iterable[_Size]:
    cpus, memories = (_or_none(_required(container, kind), container) for kind in ("VCPU", "MEMORY"))
    return product(cpus, memories)


def _or_none(values: list[Value], holder: Value) -> list[Value | None]:
    """The values that something has, and None if it can be without any."""
    covered = holder.resource.template.always([value.given for value in values], holder.given)
    return [*values] if covered else [*values, None]


def _required(container: Value, kind: str) -> list[Value]:
    return [
        value
        for type_, each in _requirements(container)
        if type_.text == kind
        for value in where(each, type_).get("Value")
    ]


def _requirements(container: Value) -> Iterator[tuple[Value, Value]]:
    """The resources that a container asks for, by their types."""
    for requirements in container.get("ResourceRequirements"):
        for each in requirements.items():
            for type_ in each.get("Type"):
                yield type_, each


def _queue(queue: Resource) -> Observations:
    for listed, found in orders(queue):
        if listed.unknown:
            yield listed.undecided("how many compute environments, and of which platform?")
        services = [value.given for value in listed.beside("ServiceEnvironmentOrder") if not value.absent]
        if not queue.template.always([*services, *(order.value.given for order in found)], listed.given):
            yield listed.violates(f"the queue has no compute environment: 1 to {_MOST_ENVIRONMENTS} are allowed")
        if _entries(listed) > _MOST_ENVIRONMENTS:
            message = f"the queue has {_entries(listed)} compute environments: 1 to {_MOST_ENVIRONMENTS} are allowed"
            yield listed.violates(message)
        for one, other in combinations(found, 2):
            if one.value.meets(other.value):
                yield from _mixed(one, other)


def _mixed(one: Order, other: Order) -> Observations:
    untold = next((each for each in (one, other) if not all(map(platform, each.types() or [each.value]))), None)
    if untold is not None:
        yield untold.value.undecided("is it of the same platform as the others?")
        return
    for first, second in product(one.types(), other.types()):
        if platform(first) != platform(second) and first.meets(second):
            message = f"the queue mixes {platform(first)} and {platform(second)}: one platform a queue"
            yield other.value.resource.violates(message, at=other.value.path)


def _environment(environment: Resource) -> Observations:
    for type_ in environment.get("ComputeResources", "Type"):
        if type_.unknown:
            yield type_.undecided("is it Fargate?")
        elif platform(type_) == "Fargate":
            for path in _NOT_ON_FARGATE:
                for value in type_.beside(*path):
                    if not value.absent:
                        yield environment.violates(f"{path[-1]} is for EC2: Fargate takes none", at=value.path)
        elif platform(type_) == "instances":
            for role in type_.beside("ComputeResources", "InstanceRole"):
                if is_left_out(role):
                    yield role.violates("InstanceRole is not set: instances need one")
            for types in type_.beside("ComputeResources", "InstanceTypes"):
                if not any(True for _ in types.items()):
                    yield types.violates("InstanceTypes is not set: name types, families or optimal")


def _entries(listed: Value) -> int:
    """How many entries a list has at least."""
    places: dict[str, list[Given]] = {}
    for item in listed.items():
        places.setdefault(item.path, []).append(item.given)
    always = listed.resource.template.always
    return sum(always(given, listed.given) for given in places.values())
