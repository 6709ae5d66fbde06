"""Compute environments and queues: critical jobs on demand, the others on spot with on-demand capacity behind it.

Sources: https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html and
https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable_time_limit_actions.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import jsii
from aws_cdk import Duration, Fn, IStableNumberProducer, Lazy, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_containers.batch.parts import Fleet, Share
from secure_containers.batch.platforms import Ec2, Eks, Fargate, Platform, instance_types
from secure_containers.batch.roles import job_host_role
from secure_containers.keys import allow_volumes
from secure_containers.tasks.hosts import encrypted_volume, own_metadata_only
from secure_containers.tasks.tags import without_tags
from secure_containers.waivers import Waiver, waive

_STUCK: Final = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)
"""Why a job cannot start, as far as AWS Batch cancels it for that."""
_PRIORITIES: Final = {"Critical": 100, "Standard": 10}
_SHORTEST_UPDATE_MINUTES: Final = 30
_LONGEST_UPDATE_MINUTES: Final = 7200
_ROOT_DEVICE: Final = "/dev/xvda"
_NO_METADATA_FOR_TASKS: Final = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="part"

--part
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
echo ECS_AWSVPC_BLOCK_IMDS=true >> /etc/ecs/ecs.config

--part--
"""
"""In parts, as AWS Batch wants it, which adds its own. Containers with a network interface of their own, as those of
jobs over several nodes, would reach the instance's credentials in spite of the hop limit."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue, and what is known of it."""

    resource: batch.CfnJobQueue
    critical: bool

    @cached_property
    def arn(self) -> str:
        return self.resource.ref

    @property
    def name(self) -> str:
        """As metrics call it."""
        return Fn.select(1, Fn.split("job-queue/", self.resource.ref))


class Capacity:
    """Makes the compute environments of a platform and the two queues over them, in the scope that it is given."""

    def __init__(
        self,
        scope: Construct,
        *,
        platform: Platform,
        fleet: Fleet,
        subnets: Sequence[ec2.ISubnet],
        group: ec2.ISecurityGroup,
        key: kms.IKey,
        longest_job: Callable[[], Duration | None],
    ) -> None:
        self._scope, self._platform = scope, platform
        self._subnets = [subnet.subnet_id for subnet in subnets]
        groups = [group, *([platform.cluster_security_group] if isinstance(platform, Eks) else [])]
        self._groups = [each.security_group_id for each in groups]
        self._longest_job = longest_job
        self._hosts = None if isinstance(platform, Fargate) else _Hosts(scope, platform, key)
        # AWS turns none of these into another, and a queue holds only one of them: another id is another resource.
        self._kind = {Fargate: "", Ec2: "OnInstances", Eks: "InPods"}[type(platform)]
        self.on_demand = self._environment("OnDemand", fleet.critical, spot=False)
        self.spot = self._environment("Spot", fleet.spot, spot=True)
        self.fallback = self._environment("Fallback", fleet.fallback, spot=False) if fleet.fallback else None

    def queues(self, shares: Sequence[Share], cancel_after: Duration | None) -> tuple[Queue, Queue]:
        """The critical and the standard queue."""
        policy = _scheduling_policy(self._scope, shares) if shares else None
        behind = [self.spot, *([self.fallback] if self.fallback is not None else [])]
        return (
            Queue(resource=self._queue("Critical", [self.on_demand], policy, cancel_after), critical=True),
            Queue(resource=self._queue("Standard", behind, policy, cancel_after), critical=False),
        )

    def _environment(self, id: str, vcpus: int, *, spot: bool) -> batch.CfnComputeEnvironment:
        if self._hosts is None:
            resources = batch.CfnComputeEnvironment.ComputeResourcesProperty(
                type="FARGATE_SPOT" if spot else "FARGATE",
                maxv_cpus=vcpus,
                subnets=self._subnets,
                security_group_ids=self._groups,
            )
        else:
            resources = batch.CfnComputeEnvironment.ComputeResourcesProperty(
                type="SPOT" if spot else "EC2",
                allocation_strategy="SPOT_PRICE_CAPACITY_OPTIMIZED" if spot else "BEST_FIT_PROGRESSIVE",
                minv_cpus=0,
                maxv_cpus=vcpus,
                instance_types=instance_types(self._hosts.platform),
                instance_role=self._hosts.profile.attr_arn,
                launch_template=self._hosts.launch_template,
                ec2_configuration=[{"imageType": self._hosts.platform.image_type}],
                subnets=self._subnets,
                security_group_ids=self._groups,
                update_to_latest_image_version=True,
            )
        made = batch.CfnComputeEnvironment(
            self._scope,
            f"{id}{self._kind}",
            type="MANAGED",
            state="ENABLED",
            compute_resources=resources,
            # In place: by default CloudFormation makes a new one for most changes.
            replace_compute_environment=False,
            # Fargate's are always updated without interruption, and AWS refuses the setting there.
            update_policy=None if self._hosts is None else self._update_policy(),
            eks_configuration=_cluster(self._platform) if isinstance(self._platform, Eks) else None,
        )
        without_tags(made)
        if isinstance(self._platform, Eks) and not isinstance(self._platform.node_role, iam.Role):
            reason = "the role of the nodes belongs to the cluster, and is judged where it is made"
            waive(made, Waiver("SC-BAT-13", reason=reason))
        return made

    def _update_policy(self) -> batch.CfnComputeEnvironment.UpdatePolicyProperty:
        """Jobs that run when the instances are renewed may end: none is killed before its own timeout."""
        return batch.CfnComputeEnvironment.UpdatePolicyProperty(
            terminate_jobs_on_update=False,
            job_execution_timeout_minutes=Lazy.number(_Minutes(self._longest_job)),
        )

    def _queue(
        self,
        name: str,
        environments: Sequence[batch.CfnComputeEnvironment],
        policy: batch.CfnSchedulingPolicy | None,
        cancel_after: Duration | None,
    ) -> batch.CfnJobQueue:
        order = batch.CfnJobQueue.ComputeEnvironmentOrderProperty
        limit = batch.CfnJobQueue.JobStateTimeLimitActionProperty
        # AWS can neither give a queue a scheduling policy later nor take it away: another id is another queue.
        queue = batch.CfnJobQueue(
            self._scope,
            f"{name}{'FairQueue' if policy else 'Queue'}{self._kind}",
            priority=_PRIORITIES[name],
            state="ENABLED",
            scheduling_policy_arn=policy.attr_arn if policy else None,
            compute_environment_order=[
                order(order=index, compute_environment=each.ref) for index, each in enumerate(environments, 1)
            ],
            job_state_time_limit_actions=[
                limit(action="CANCEL", state="RUNNABLE", reason=reason, max_time_seconds=cancel_after.to_seconds())
                for reason in _STUCK
            ]
            if cancel_after is not None
            else None,
        )
        without_tags(queue)
        return queue


class _Hosts:
    """What instances start from: their image, their volumes, and a role that lets them join and nothing else."""

    def __init__(self, scope: Construct, platform: Ec2 | Eks, key: kms.IKey) -> None:
        self.platform = platform
        role = platform.node_role if isinstance(platform, Eks) else job_host_role(scope, platform)
        self.profile = iam.CfnInstanceProfile(scope, "InstanceProfile", roles=[role.role_name])
        template = ec2.CfnLaunchTemplate(
            scope,
            "LaunchTemplate",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                metadata_options=own_metadata_only(),
                block_device_mappings=[encrypted_volume(_ROOT_DEVICE, key, platform.volume_size)],
                monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=True),
                user_data=Fn.base64(_NO_METADATA_FOR_TASKS) if isinstance(platform, Ec2) else None,
            ),
        )
        allow_volumes(key, Stack.of(scope))
        self.launch_template = batch.CfnComputeEnvironment.LaunchTemplateSpecificationProperty(
            launch_template_id=template.ref,
            # By its number, so that a change of the template renews the instances.
            version=template.attr_latest_version_number,
        )


def _cluster(platform: Eks) -> batch.CfnComputeEnvironment.EksConfigurationProperty:
    return batch.CfnComputeEnvironment.EksConfigurationProperty(
        eks_cluster_arn=platform.cluster_arn, kubernetes_namespace=platform.namespace
    )


def _scheduling_policy(scope: Construct, shares: Sequence[Share]) -> batch.CfnSchedulingPolicy:
    attributes = batch.CfnSchedulingPolicy.ShareAttributesProperty
    return batch.CfnSchedulingPolicy(
        scope,
        "SchedulingPolicy",
        fairshare_policy=batch.CfnSchedulingPolicy.FairsharePolicyProperty(
            share_distribution=[
                attributes(share_identifier=share.identifier, weight_factor=share.weight) for share in shares
            ]
        ),
    )


@jsii.implements(IStableNumberProducer)
class _Minutes:
    """How long the longest job may take, within what an update takes."""

    def __init__(self, longest: Callable[[], Duration | None]) -> None:
        self._longest = longest

    def produce(self) -> float:
        longest = self._longest()
        minutes = _LONGEST_UPDATE_MINUTES if longest is None else -(-int(longest.to_seconds()) // 60)
        return min(max(minutes, _SHORTEST_UPDATE_MINUTES), _LONGEST_UPDATE_MINUTES)
