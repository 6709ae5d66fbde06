"""The roles of jobs and of the instances that they run on: each for one purpose, and taken by nobody else's.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/instance_IAM_role.html and
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
"""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_containers.batch.platforms import Ec2, Eks
from secure_containers.waivers import Waiver, as_found, waive

OWN_POLICIES: Final = Waiver(
    "NIST.800.53.R5-IAMNoInlinePolicy",
    reason="the policies belong to this one role and are deleted with it; a managed policy could be attached to others",
)
_CLUSTERS: Final = ("AWSBatch-*", "*_Batch_*")
"""How AWS Batch calls the clusters of its compute environments, now and before; their names end in random letters."""
_REGISTER: Final = "ssm:UpdateInstanceInformation"
_SESSIONS: Final = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
_TASKS: Final[WeakKeyDictionary[Stack, iam.ServicePrincipal]] = WeakKeyDictionary()
"""The principal of each stack's tasks, which takes six calls to Node to make."""
_UNBOUND: Final = ("ecs:DiscoverPollEndpoint",)


def task_role(scope: Construct, id: str, *, description: str) -> iam.Role:
    """A role for tasks of this account and Region: no service can be talked into using it for somebody else's."""
    stack = Stack.of(scope)
    if stack not in _TASKS:
        tasks = f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:*"
        conditions = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": tasks}}
        _TASKS[stack] = iam.ServicePrincipal("ecs-tasks.amazonaws.com", conditions=conditions)
    return _role(scope, id, description, _TASKS[stack])


def pod_role(scope: Construct, id: str, *, description: str, platform: Eks) -> iam.Role:
    """A role for pods of one cluster, by EKS Pod Identity."""
    source = {"aws:SourceAccount": Stack.of(scope).account, "aws:SourceArn": platform.cluster_arn}
    principal = iam.ServicePrincipal("pods.eks.amazonaws.com", conditions={"StringEquals": source})
    return _role(scope, id, description, iam.SessionTagsPrincipal(principal))


def scheduler_role(scope: Construct, id: str, *, description: str) -> iam.Role:
    """A role for schedules of this account's default group."""
    stack = Stack.of(scope)
    group = stack.format_arn(service="scheduler", resource="schedule-group", resource_name="default")
    source = {"aws:SourceAccount": stack.account, "aws:SourceArn": group}
    principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions={"StringEquals": source})
    return _role(scope, id, description, principal)


def host_role(scope: Construct, platform: Ec2) -> iam.Role:
    """What an instance needs to join its cluster and report; images, logs and secrets are the jobs' own business."""
    stack = Stack.of(scope)
    role = _role(
        scope,
        "InstanceRole",
        f"Lets the instances of {scope.node.path} join their cluster",
        iam.ServicePrincipal("ec2.amazonaws.com"),
    )
    clusters = [stack.format_arn(service="ecs", resource="cluster", resource_name=name) for name in _CLUSTERS]
    instances = [
        stack.format_arn(service="ecs", resource="container-instance", resource_name=f"{name}/*") for name in _CLUSTERS
    ]
    join = [
        "ecs:DeregisterContainerInstance",
        "ecs:RegisterContainerInstance",
        "ecs:SubmitAttachmentStateChanges",
        "ecs:SubmitContainerStateChange",
        "ecs:SubmitTaskStateChange",
    ]
    report = ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"]
    unbound = [*_UNBOUND, *(_SESSIONS if platform.session_manager else ())]
    machines = stack.format_arn(service="ec2", resource="instance", resource_name="*")
    policy = iam.ManagedPolicy(
        role,
        "Policy",
        description="Joins the clusters of AWS Batch",
        roles=[role],
        statements=[
            iam.PolicyStatement(actions=join, resources=clusters),
            iam.PolicyStatement(actions=report, resources=instances),
            iam.PolicyStatement(actions=unbound, resources=["*"]),
        ],
    )
    if platform.session_manager:
        policy.add_statements(iam.PolicyStatement(actions=[_REGISTER], resources=[machines]))
        reason = "an instance tells of itself, and has no name before it starts"
        waive(
            policy,
            Waiver(f"SC-IAM-02[{_REGISTER}]", reason=reason),
            Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, machines)}]", reason=reason),
        )
    named = "AWS Batch names its clusters itself, with random letters at the end"
    waive(
        policy,
        *(
            Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, each)}]", reason=named)
            for each in (*clusters, *instances)
        ),
        Waiver("AwsSolutions-IAM5[Resource::*]", reason=f"{', '.join(unbound)} have no resource level"),
    )
    return role


def _role(scope: Construct, id: str, description: str, principal: iam.IPrincipal) -> iam.Role:
    role = iam.Role(scope, id, assumed_by=principal, description=description)
    waive(role, OWN_POLICIES)
    return role
