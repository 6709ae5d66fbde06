"""The instances that tasks run on, where somebody manages servers: what may be asked of them, what they start with, and
the role by which they join.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/instance_IAM_role.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from aws_cdk import Size, Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_containers.errors import check_list, invalid
from secure_containers.tasks.parts import CpuArchitecture
from secure_containers.tasks.roles import own_role
from secure_containers.waivers import Waiver, as_found, waive

_ON_ARM: Final = re.compile(r"(a1|[a-z]+\d+g[a-z0-9-]*)(\..*)?|default_arm64")
_JOIN: Final = (
    "ecs:DeregisterContainerInstance",
    "ecs:RegisterContainerInstance",
    "ecs:SubmitAttachmentStateChanges",
    "ecs:SubmitContainerStateChange",
    "ecs:SubmitTaskStateChange",
)
_REPORT: Final = ("ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState")
_UNBOUND: Final = ("ecs:DiscoverPollEndpoint",)
_REGISTER: Final = "ssm:UpdateInstanceInformation"
SESSION_ACTIONS: Final = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)


def check_instance_types(
    where: str,
    types: Sequence[str],
    architecture: CpuArchitecture,
    *,
    pattern: re.Pattern[str],
    allowed: str,
    write: str,
    argument: str,
) -> None:
    """Refuse what is no instance type, and types of another architecture.

    Args:
        where: where the types are given.
        types: the types.
        architecture: for what the images are built.
        pattern: how a type is written here.
        allowed: the same in words.
        write: an example of types.
        argument: what the architecture is called here.
    """
    check_list(where, "instance_types", types, str, allowed=allowed, write=write)
    arm = architecture is CpuArchitecture.ARM64
    for each in types:
        if Token.is_unresolved(each):
            continue
        if not pattern.fullmatch(each):
            raise invalid(where, "instance_types", each, allowed=allowed, write=write)
        if (_ON_ARM.fullmatch(each) is not None) is not arm:
            other = CpuArchitecture.X86_64 if arm else CpuArchitecture.ARM64
            raise invalid(
                where,
                "instance_types",
                each,
                allowed=f"types for {architecture}",
                write=f"{argument}=CpuArchitecture.{other.name}, if the images are built for it",
            )


def check_volume_size(where: str, size: object, *, least: int) -> None:
    """Refuse a volume on which the image of the instances has no room."""
    write = f"volume_size=Size.gibibytes({least})"
    if not isinstance(size, Size):
        raise invalid(where, "volume_size", size, allowed="a size", write=write)
    gibibytes = size.to_gibibytes()
    if gibibytes < least:
        allowed = f"{least} GiB at least, which the image of the instances needs"
        raise invalid(where, "volume_size", f"{gibibytes:g} GiB", allowed=allowed, write=write)


def own_metadata_only() -> ec2.CfnLaunchTemplate.MetadataOptionsProperty:
    """Only IMDSv2, and one hop far: for the instance itself, not for containers behind its bridge."""
    return ec2.CfnLaunchTemplate.MetadataOptionsProperty(
        http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
    )


def encrypted_volume(
    device: str, key: kms.IKey, size: Size | None = None
) -> ec2.CfnLaunchTemplate.BlockDeviceMappingProperty:
    """A volume that ends with its instance. Without a size it has the one of the image."""
    return ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
        device_name=device,
        ebs=ec2.CfnLaunchTemplate.EbsProperty(
            encrypted=True,
            kms_key_id=key.key_arn,
            volume_type="gp3",
            volume_size=size.to_gibibytes() if size is not None else None,
            delete_on_termination=True,
        ),
    )


def host_role(
    scope: Construct, *, clusters: Sequence[str], description: str, reason: str, session_manager: bool = False
) -> iam.Role:
    """What an instance needs to join its cluster and report; images, logs and secrets are the tasks' own business.

    Args:
        scope: where the instances are made.
        clusters: the names of the clusters, with wildcards where nobody knows them.
        description: what the policy is for.
        reason: why there are wildcards in the names of clusters and instances.
        session_manager: people with permission may open a shell.
    """
    stack = Stack.of(scope)
    role = own_role(
        scope,
        "InstanceRole",
        description=f"Lets the instances of {scope.node.path} join their cluster",
        principal=iam.ServicePrincipal("ec2.amazonaws.com"),
        granted_later=True,  # what it may do is in a policy of its own, whose waivers cover nothing else
    )
    joined = [stack.format_arn(service="ecs", resource="cluster", resource_name=name) for name in clusters]
    instances = [
        stack.format_arn(service="ecs", resource="container-instance", resource_name=f"{name}/*") for name in clusters
    ]
    unbound = [*_UNBOUND, *(SESSION_ACTIONS if session_manager else ())]
    policy = iam.ManagedPolicy(
        role,
        "Policy",
        description=description,
        roles=[role],
        statements=[
            iam.PolicyStatement(actions=list(_JOIN), resources=joined),
            iam.PolicyStatement(actions=list(_REPORT), resources=instances),
            iam.PolicyStatement(actions=unbound, resources=["*"]),
        ],
    )
    if session_manager:
        machines = stack.format_arn(service="ec2", resource="instance", resource_name="*")
        policy.add_statements(iam.PolicyStatement(actions=[_REGISTER], resources=[machines]))
        unnamed = "an instance tells of itself, and has no name before it starts"
        waive(
            policy,
            Waiver(f"SC-IAM-02[{_REGISTER}]", reason=unnamed),
            Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, machines)}]", reason=unnamed),
        )
    waive(
        policy,
        *(
            Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, each)}]", reason=reason)
            for each in (*joined, *instances)
            if "*" in each
        ),
        Waiver("AwsSolutions-IAM5[Resource::*]", reason=f"AWS has no resource level for {', '.join(unbound)}"),
    )
    return role
