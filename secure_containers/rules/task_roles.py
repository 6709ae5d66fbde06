"""Which roles jobs, tasks and services act by, and which of these somebody else has too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from secure_containers.rules import app_runner_model, batch_model, ecs_model
from secure_containers.rules.engine import Observations
from secure_containers.rules.task_model import identities, named_resources, stand_together
from secure_containers.rules.template import Observation, Place, Resource, Template, Value, World

_AWS_POLICY: Final = re.compile(r":iam::aws:policy/(?:.*/)?([^/]+)$")


@dataclass(frozen=True, slots=True)
class Use:
    """That something names a role, and as what."""

    bearer: Resource
    value: Value
    kind: str

    @property
    def is_own(self) -> bool:
        """Whether the code in the containers acts by this role, and not who starts them."""
        return self.kind != "execution"

    def shares_with(self, other: Use) -> bool:
        """Whether the code has by this what it should not share with `other`, in some deployment."""
        shared = other.bearer is not self.bearer or other.kind != self.kind
        return self.is_own and shared and stand_together(self.value, other.value)


Uses = Mapping[tuple[Template | None, Place], list[Use]]


def uses(world: World) -> Uses:
    """Who names each role."""
    found: dict[tuple[Template | None, Place], list[Use]] = {}
    for bearer in world.of_type(
        batch_model.DEFINITION, ecs_model.TASK_DEFINITION, ecs_model.EXPRESS, app_runner_model.SERVICE
    ):
        for use in uses_of(bearer):
            for identity in identities(world, use.value):
                found.setdefault(identity, []).append(use)
    return found


def uses_of(bearer: Resource) -> Iterator[Use]:
    """The roles that a job definition, a task definition or a service names itself."""
    if bearer.type == batch_model.DEFINITION:
        for task in batch_model.tasks(bearer):
            if not task.value.unknown:  # its roles are not one and the same because neither is told
                yield from _uses(bearer, job=task.job_roles, execution=task.execution_roles)
    elif bearer.type == app_runner_model.SERVICE:
        yield from _uses(bearer, instance=bearer.get(*app_runner_model.INSTANCE_ROLE))
    else:
        yield from _uses(bearer, task=bearer.get("TaskRoleArn"), execution=bearer.get("ExecutionRoleArn"))


def _uses(bearer: Resource, **values: list[Value]) -> Iterator[Use]:
    for kind, named in values.items():
        for value in named:
            yield Use(bearer, value, kind)


def shared_role(use: Use, counts: Callable[[Use, Use], bool]) -> Observations:
    """What is wrong with a role that another one has too which `counts`, or of which nobody can tell whose it is."""
    world = use.bearer.template.world
    by_role = world.once(uses)
    named = [each for identity in identities(world, use.value) for each in by_role[identity]]
    other = next((each for each in named if use.shares_with(each) and counts(use, each)), None)
    if other is not None:
        message = f"the {use.kind} role is the {other.kind} role of {other.bearer.logical_id} too"
        yield use.bearer.violates(message, at=use.value.path)
    elif use.value.unknown and not any(True for _ in named_resources(world, [use.value])):
        yield use.value.undecided("whose role is it, and what may it do?")


def made_for_everybody(role: Resource, whose: str) -> Observations:
    """AWS's own policies on a role."""
    for value, name in policies_of_aws(role):
        yield about_policy(
            value, name, f"the role of a {whose} has {name}, which is made for all {whose}s of everybody"
        )


def policies_of_aws(role: Resource) -> Iterator[tuple[Value, str]]:
    """AWS's managed policies of a role by their names, and without a name what may be one."""
    world = role.template.world
    for arns in role.get("ManagedPolicyArns"):
        for arn in arns.items():
            for place in world.locate(arn):
                name = _AWS_POLICY.search(place) if isinstance(place, str) else None
                if name:
                    yield arn, name[1]
                elif isinstance(place, str) and arn.unknown:
                    yield arn, ""


def about_policy(value: Value, name: str, message: str) -> Observation:
    if not name:
        return value.undecided("whose policy is it?")
    return value.resource.violates(message, at=value.path, about=name)
