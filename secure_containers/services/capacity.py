"""Instances of Amazon EC2 under services, for those who manage servers: Bottlerocket, renewed and scaled by itself.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/asg-capacity-providers.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html and
https://github.com/bottlerocket-os/bottlerocket/blob/develop/SECURITY_GUIDANCE.md
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import jsii
from aws_cdk import ArnFormat, Duration, Fn, Names, Size, Stack, Token
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from secure_containers.errors import invalid
from secure_containers.keys import allow_volumes
from secure_containers.network import IMAGE_PULL, PrivateNetwork
from secure_containers.rules.network.services import HOST_SERVICES
from secure_containers.security_groups import closed_group
from secure_containers.tasks.hosts import (
    check_instance_types,
    check_volume_size,
    encrypted_volume,
    host_role,
    own_metadata_only,
)
from secure_containers.tasks.parts import CpuArchitecture
from secure_containers.tasks.roles import scheduler_role
from secure_containers.waivers import Waiver, as_found, waive

_INSTANCE_TYPES: Final = {
    CpuArchitecture.X86_64: ("m7i.large", "m7a.large", "m6i.large", "m6a.large"),
    CpuArchitecture.ARM64: ("m8g.large", "m7g.large", "m6g.large"),
}
"""All of one size: Amazon ECS places no task that the smallest type has no room for."""
_INSTANCE_TYPE: Final = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
_GENERAL: Final = re.compile(r"[cmr][5-9]\w*")
_SIZE: Final = re.compile(r"large|(\d*)xlarge")
_GIB_OF_A_VCPU: Final = {"c": 2, "m": 4, "r": 8}
_MOST_TYPES: Final = 40
_LEAST_VOLUME_GIB: Final = 20
"""What Bottlerocket's own second volume has."""
_DAYS: Final = (1, 30)
_SYSTEM, _DATA = "/dev/xvda", "/dev/xvdb"
"""The volumes of Bottlerocket: itself, read-only and as large as its image; and all that containers have."""
_IMAGE: Final = "resolve:ssm:/aws/service/bottlerocket/aws-ecs-2/{}/latest/image_id"
"""Amazon EC2 looks it up whenever an instance starts. A dynamic reference of CloudFormation's would stay what it was
at the last deployment."""
_SETTINGS: Final = """\
[settings.ecs]
cluster = "{cluster}"
allow-privileged-containers = false
awsvpc-block-imds = true
image-pull-behavior = "always"

[settings.host-containers.admin]
enabled = false

[settings.host-containers.control]
enabled = false

[settings.kernel]
lockdown = "integrity"

[settings.metrics]
send-metrics = false
"""
"""Tasks have a network interface of their own, by which they would reach the instance's credentials in spite of the hop
limit. Images are always asked for, so that no task gets one from the disk that its role may not pull. Without host
containers nobody can open a shell; statistics go to an address that private networks do not reach."""
_WARMUP: Final = Duration.minutes(5)
_RESERVED: Final = re.compile(r"aws|ecs|fargate", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class HostCapacity:
    """How many instances a cluster has, and of what kind.

    Each task takes a network interface: a `large` instance has room for two tasks, an `xlarge` one for three.

    Args:
        min: how many instances there are at least.
        max: how many there are at most.
        architecture: for what the images are built.
        instance_types: types such as `"m7i.xlarge"`, the preferred one first, all of the architecture and about of one
            size: Amazon ECS places no task that the smallest has no room for. Left out: the recent general ones with 2
            vCPUs and 8 GiB.
        volume_size: the size of each instance's volume for images and containers, 20 GiB at least.
        renew_after: how old an instance gets before one with the latest Bottlerocket takes its place: whole days, 30 at
            most.
    """

    min: int = 2
    max: int = 10
    architecture: CpuArchitecture = CpuArchitecture.X86_64
    instance_types: Sequence[str] = ()
    volume_size: Size = field(default_factory=lambda: Size.gibibytes(30))
    renew_after: Duration = field(default_factory=lambda: Duration.days(14))

    def __post_init__(self) -> None:
        where = "HostCapacity"
        _check_count("min", self.min, 0)
        _check_count("max", self.max, max(self.min, 1))
        write = "architecture=CpuArchitecture.ARM64"
        if not isinstance(self.architecture, CpuArchitecture):
            raise invalid(where, "architecture", self.architecture, allowed="a CpuArchitecture", write=write)
        check_instance_types(
            where,
            self.instance_types,
            self.architecture,
            pattern=_INSTANCE_TYPE,
            allowed="instance types",
            write='instance_types=["m7i.xlarge", "m7a.xlarge"]',
            argument="architecture",
        )
        if len(self.instance_types) > _MOST_TYPES:
            got, allowed = f"{len(self.instance_types)} types", f"{_MOST_TYPES} at most, as a group can have"
            raise invalid(where, "instance_types", got, allowed=allowed, write='instance_types=["m7i.xlarge"]')
        check_volume_size(where, self.volume_size, least=_LEAST_VOLUME_GIB)
        write = "renew_after=Duration.days(14)"
        if not isinstance(self.renew_after, Duration):
            raise invalid(where, "renew_after", self.renew_after, allowed="a duration", write=write)
        days, (least, most) = self.renew_after.to_seconds() / Duration.days(1).to_seconds(), _DAYS
        if not least <= days <= most or days != int(days):
            allowed = f"whole days, {least} to {most}: older instances miss what was mended since"
            raise invalid(where, "renew_after", f"{days:g} days", allowed=allowed, write=write)


@jsii.implements(ec2.IConnectable)
class Hosts(Construct):
    """Instances that join one cluster, and the capacity provider by which its services take them.

    Amazon ECS starts as many as tasks need, and stops those without any. Instances on which tasks run are protected,
    also from Auto Scaling's own limit of their age: so a schedule renews all of them, one after the other. A new one
    starts first, and the tasks of an old one move before it stops.

    What changes here changes instances that start from then on, and the others when they are renewed.
    `aws autoscaling start-instance-refresh --preferences ScaleInProtectedInstances=Refresh` does it now.

    Amazon ECS gives up no capacity that a service uses: take the services off the instances, deploy, and take the
    instances away after that.

    CloudFormation cannot delete the group while its instances are protected. When a stack goes, or its first deployment
    fails, end its services and then the group: `aws autoscaling delete-auto-scaling-group --force-delete`
    (https://github.com/aws/containers-roadmap/issues/2862).

    Secrets and images of tasks are fetched by the instance, over its own security group: whoever runs a task here
    requires these services for the hosts.
    """

    capacity_provider_name: str
    """What the capacity provider strategies of services name."""
    cluster: ecs.Cluster
    """What they join."""
    architecture: CpuArchitecture
    """For what images have to be built."""
    security_group: ec2.SecurityGroup
    """Of the instances; tasks have their own."""
    role: iam.Role
    """Lets the instances join the cluster, and nothing else."""
    group: autoscaling.CfnAutoScalingGroup
    """The instances."""
    room: tuple[int, int] | None
    """The vCPUs and GiB of the smallest of them, where their types tell."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ecs.Cluster,
        network: PrivateNetwork,
        key: kms.IKey,
        capacity: HostCapacity,
    ) -> None:
        super().__init__(scope, id)
        self.cluster, self.architecture = cluster, capacity.architecture
        self.room = _room(_types(capacity))
        self.security_group = closed_group(
            self, "SecurityGroup", vpc=network.vpc, description=f"Instances of {self.node.path}"
        )
        self._connections = ec2.Connections(security_groups=[self.security_group])
        self.role = host_role(
            self,
            clusters=[cluster.cluster_name],
            description=f"Joins the cluster of {self.node.path}"[:1000],
            reason="Amazon ECS names the instances of a cluster itself, and each tells of itself only",
        )
        self.group = self._group(network, self._launch_template(cluster, key, capacity), capacity)
        # As long as there are instances they need their role and the way to Amazon ECS.
        self.group.node.add_dependency(self.role)
        self.node.default_child = self.group
        network.require(self, *HOST_SERVICES, *IMAGE_PULL, "logs")
        self.capacity_provider_name = self._capacity_provider().ref
        self._renew(capacity.renew_after)

    @property
    def connections(self) -> ec2.Connections:
        """The instances' security group."""
        return self._connections

    def _launch_template(
        self, cluster: ecs.Cluster, key: kms.IKey, capacity: HostCapacity
    ) -> autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty:
        profile = iam.CfnInstanceProfile(self, "InstanceProfile", roles=[self.role.role_name])
        allow_volumes(key, Stack.of(self))
        template = ec2.CfnLaunchTemplate(
            self,
            "LaunchTemplate",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                image_id=_IMAGE.format(capacity.architecture.lower()),
                iam_instance_profile=ec2.CfnLaunchTemplate.IamInstanceProfileProperty(arn=profile.attr_arn),
                network_interfaces=[
                    ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
                        device_index=0,
                        associate_public_ip_address=False,
                        delete_on_termination=True,
                        groups=[self.security_group.security_group_id],
                    )
                ],
                metadata_options=own_metadata_only(),
                block_device_mappings=[
                    encrypted_volume(_SYSTEM, key),
                    encrypted_volume(_DATA, key, capacity.volume_size),
                ],
                monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=True),
                user_data=Fn.base64(_SETTINGS.format(cluster=cluster.cluster_name)),
            ),
        )
        return autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
            launch_template_id=template.ref, version=template.attr_latest_version_number
        )

    def _group(
        self,
        network: PrivateNetwork,
        template: autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty,
        capacity: HostCapacity,
    ) -> autoscaling.CfnAutoScalingGroup:
        l1 = autoscaling.CfnAutoScalingGroup
        group = l1(
            self,
            "Group",
            min_size=str(capacity.min),
            max_size=str(capacity.max),
            vpc_zone_identifier=[subnet.subnet_id for subnet in network.subnets.subnets or []],
            mixed_instances_policy=l1.MixedInstancesPolicyProperty(
                launch_template=l1.LaunchTemplateProperty(
                    launch_template_specification=template,
                    overrides=[l1.LaunchTemplateOverridesProperty(instance_type=each) for each in _types(capacity)],
                ),
                instances_distribution=l1.InstancesDistributionProperty(
                    on_demand_allocation_strategy="prioritized", on_demand_percentage_above_base_capacity=100
                ),
            ),
            health_check_type="EBS",  # besides the check of Amazon EC2, which is always there
            default_instance_warmup=_WARMUP.to_seconds(),
            instance_maintenance_policy=l1.InstanceMaintenancePolicyProperty(
                min_healthy_percentage=100, max_healthy_percentage=110
            ),
            new_instances_protected_from_scale_in=True,
            # Amazon ECS puts it there itself, and an update would take it away.
            tags=[l1.TagPropertyProperty(key="AmazonECSManaged", value="true", propagate_at_launch=True)],
        )
        reason = "Amazon ECS starts and stops the instances, and its own events and metrics tell of tasks without room"
        unread = "cdk-nag does not read mixed instances policies: the launch template that this one names has it"
        waive(
            group,
            Waiver("AwsSolutions-AS3", reason=reason),
            Waiver("AwsSolutions-EC26", reason=unread),
            Waiver("NIST.800.53.R5-EC2IMDSv2Enabled", reason=unread),
        )
        return group

    def _capacity_provider(self) -> ecs.CfnCapacityProvider:
        stack = Stack.of(self)
        # CloudFormation's own name begins with the stack's, and AWS keeps some beginnings to itself.
        named = not Token.is_unresolved(stack.stack_name) and _RESERVED.match(stack.stack_name) is not None
        return ecs.CfnCapacityProvider(
            self,
            "CapacityProvider",
            name=f"hosts-{Names.unique_resource_name(self, max_length=200, separator='-')}" if named else None,
            auto_scaling_group_provider=ecs.CfnCapacityProvider.AutoScalingGroupProviderProperty(
                auto_scaling_group_arn=self.group.ref,
                managed_scaling=ecs.CfnCapacityProvider.ManagedScalingProperty(status="ENABLED"),
                managed_termination_protection="ENABLED",
                managed_draining="ENABLED",
            ),
        )

    def _renew(self, after: Duration) -> None:
        """By days of the month, since a rate would renew the instances at once; the last days of a month are fewer."""
        stack = Stack.of(self)
        role = scheduler_role(self, "RenewalRole", description=f"Renews the instances of {self.node.path}"[:1000])
        # The middle of a group's ARN is a number that nobody can know.
        group = stack.format_arn(
            service="autoscaling",
            resource="autoScalingGroup",
            resource_name=f"*:autoScalingGroupName/{self.group.ref}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        role.add_to_policy(iam.PolicyStatement(actions=["autoscaling:StartInstanceRefresh"], resources=[group]))
        reason = "the name behind the wildcard is the group's own; what stands for it is a number that AWS makes up"
        waive(role, Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, group)}]", reason=reason))
        scheduler.CfnSchedule(
            self,
            "Renewal",
            description=f"Renews the instances of {self.node.path}"[:512],
            schedule_expression=f"cron(0 3 1/{after.to_days():g} * ? *)",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=f"arn:{stack.partition}:scheduler:::aws-sdk:autoscaling:startInstanceRefresh",
                role_arn=role.role_arn,
                input=stack.to_json_string(
                    {
                        "AutoScalingGroupName": self.group.ref,
                        # Who puts one on standby wants to look at it.
                        "Preferences": {"ScaleInProtectedInstances": "Refresh", "StandbyInstances": "Ignore"},
                    }
                ),
            ),
        )


def _types(capacity: HostCapacity) -> Sequence[str]:
    return capacity.instance_types or _INSTANCE_TYPES[capacity.architecture]


def _room(types: Sequence[str]) -> tuple[int, int] | None:
    """The vCPUs and GiB of the smallest of some types; None unless all are of the general families."""
    found = []
    for family, size in (each.split(".") for each in types):
        times = _SIZE.fullmatch(size)
        if _GENERAL.fullmatch(family) is None or times is None:
            return None
        vcpus = 2 if size == "large" else 4 * int(times[1] or 1)
        found.append((vcpus, vcpus * _GIB_OF_A_VCPU[family[0]]))
    return min(found)


def _check_count(name: str, got: object, least: int) -> None:
    if not isinstance(got, int) or isinstance(got, bool) or got < least:
        raise invalid("HostCapacity", name, got, allowed=f"a whole number, {least} at least", write=f"{name}={least}")
