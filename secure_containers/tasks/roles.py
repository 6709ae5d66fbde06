"""The roles of tasks: each for one purpose, and taken by nobody else's.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
"""

from __future__ import annotations

from typing import Final, cast
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Aspects, IAspect, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from secure_containers.waivers import Waiver, waive

OWN_POLICIES: Final = Waiver(
    "NIST.800.53.R5-IAMNoInlinePolicy",
    reason="the policies belong to this one role and are deleted with it; a managed policy could be attached to others",
)
_TASKS: Final[WeakKeyDictionary[Stack, iam.ServicePrincipal]] = WeakKeyDictionary()
"""The principal of each stack's tasks, which takes six calls to Node to make."""


def task_role(scope: Construct, id: str, *, description: str, granted_later: bool = False) -> iam.Role:
    """A role for tasks of this account and Region: no service can be talked into using it for somebody else's."""
    stack = Stack.of(scope)
    if stack not in _TASKS:
        tasks = f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:*"
        conditions = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": tasks}}
        _TASKS[stack] = iam.ServicePrincipal("ecs-tasks.amazonaws.com", conditions=conditions)
    return own_role(scope, id, description=description, principal=_TASKS[stack], granted_later=granted_later)


def scheduler_role(scope: Construct, id: str, *, description: str) -> iam.Role:
    """A role for schedules of this account's default group."""
    stack = Stack.of(scope)
    group = stack.format_arn(service="scheduler", resource="schedule-group", resource_name="default")
    source = {"aws:SourceAccount": stack.account, "aws:SourceArn": group}
    principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions={"StringEquals": source})
    return own_role(scope, id, description=description, principal=principal)


def ecs_principal() -> iam.ServicePrincipal:
    """Amazon ECS itself. AWS names no condition by which it would show its resource; whoever hands it a role needs
    `iam:PassRole` on that in this account."""
    return iam.ServicePrincipal("ecs.amazonaws.com")


def own_role(
    scope: Construct, id: str, *, description: str, principal: iam.IPrincipal, granted_later: bool = False
) -> iam.Role:
    """A role whose policies belong to it alone.

    Args:
        scope: the parent.
        id: the construct id.
        description: what it is for.
        principal: who takes it.
        granted_later: it may stay without any policy, so that there may be nothing to waive.
    """
    role = iam.Role(scope, id, assumed_by=principal, description=description)
    if granted_later:
        Aspects.of(role).add(cast("IAspect", _OwnPolicies()))
    else:
        waive(role, OWN_POLICIES)
    return role


@jsii.implements(IAspect)
class _OwnPolicies:
    """Waives what is found in the policies that a role has in the end."""

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, iam.CfnPolicy):
            waive(node, OWN_POLICIES)
