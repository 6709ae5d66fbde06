"""The roles of jobs and of the instances that they run on: each for one purpose, and taken by nobody else's.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/instance_IAM_role.html and
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_containers.batch.platforms import Ec2, Eks
from secure_containers.tasks.roles import own_role
from secure_containers.waivers import Waiver, as_found, waive

_CLUSTERS: Final = ("AWSBatch-*", "*_Batch_*")
"""How AWS Batch calls the clusters of its compute environments, now and before; their names end in random letters."""
_REGISTER: Final = "ssm:UpdateInstanceInformation"
_SESSIONS: Final = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
_UNBOUND: Final = ("ecs:DiscoverPollEndpoint",)


def pod_role(scope: Construct, id: str, *, description: str, platform: Eks) -> iam.Role:
    """A role for pods of one cluster, by EKS Pod Identity."""
    source = {"aws:SourceAccount": Stack.of(scope).account, "aws:SourceArn": platform.cluster_arn}
    principal = iam.ServicePrincipal("pods.eks.amazonaws.com", conditions={"StringEquals": source})
    return own_role(scope, id, description=description, principal=iam.SessionTagsPrincipal(principal))


def host_role(scope: Construct, platform: Ec2) -> iam.Role:
    """What an instance needs to join its cluster and report; images, logs and secrets are the jobs' own business."""
    stack = Stack.of(scope)
    role = own_role(
        scope,
        "InstanceRole",
        description=f"Lets the instances of {scope.node.path} join their cluster",
        principal=iam.ServicePrincipal("ec2.amazonaws.com"),
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
