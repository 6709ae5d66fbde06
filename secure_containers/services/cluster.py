"""`SecureEcsCluster`: where services run, watched and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_containers.errors import KEY, check_arguments, check_type, invalid
from secure_containers.keys import own_key
from secure_containers.logs import LOG_RETENTION, encrypted_log_group
from secure_containers.network import PrivateNetwork
from secure_containers.services.capacity import HostCapacity, Hosts
from secure_containers.services.settings import check_plain_key
from secure_containers.waivers import DefaultsOff, Waiver

_TYPES: Final = ("AWS::ECS::Cluster", "AWS::KMS::Key", "AWS::Logs::LogGroup")
_FARGATE: Final = "fargate.amazonaws.com"
_FARGATE_PROVIDERS: Final = ("FARGATE", "FARGATE_SPOT")


class SecureEcsCluster(Construct):
    """A cluster of Amazon ECS that several services can share.

    Unasked:

    - Container Insights with enhanced observability, in an encrypted log group with an end;
    - shells that ECS Exec opens are encrypted, and recorded in an encrypted log group; none is opened unless a service
      asks for it;
    - the storage of Fargate's tasks is encrypted with a key of yours;
    - GuardDuty's agents are let in by the services themselves, where the account has runtime monitoring
      (`AuditBaseline`).

    Args:
        scope: the parent.
        id: the construct id.
        network: where its services run.
        encryption_key: encrypts logs, shells and the storage of tasks; of one Region, not a multi-Region key. The
            policy of an imported key has to let CloudWatch Logs and Fargate use it. Left out, one is made.
        log_retention: how long logs are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong or weakens a default without a waiver.

    Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-container-insights.html,
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html and
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-storage-encryption.html
    """

    cluster: ecs.Cluster
    """The cluster, for everything that takes one."""
    encryption_key: kms.IKey
    """The key of logs, shells and the storage of tasks."""
    exec_log_group: logs.LogGroup
    """What is typed and answered in shells of ECS Exec."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        path = f"{scope.node.path}/{id}".lstrip("/")
        check_arguments(
            path,
            {
                "network": network,
                "encryption_key": encryption_key,
                "log_retention": log_retention,
                "waivers": waivers,
            },
            singles={
                "network": (PrivateNetwork, "a PrivateNetwork", 'network=PrivateNetwork(self, "Network")'),
                "log_retention": LOG_RETENTION,
            },
            lists={"waivers": (Waiver, "a list of Waiver", '[Waiver("SC-ECS-12", reason="...")]')},
            objects={"encryption_key": KEY},
        )
        check_plain_key(path, encryption_key)
        super().__init__(scope, id)
        try:
            off = DefaultsOff(self, path, waivers, types=_TYPES)
            self._network = network
            self._make(off, encryption_key, log_retention)
            off.apply()
        except ValueError:
            scope.node.try_remove_child(id)  # a wrong argument leaves nothing behind
            raise

    def add_capacity(self, id: str, capacity: HostCapacity | None = None) -> Hosts:
        """Add instances, for those who manage servers: services take them by `capacity=`.

        They run Bottlerocket, which has no shell and no package manager, in the network's subnets; only IMDSv2, one
        hop far; volumes encrypted with the cluster's key; no key pair; a role that lets them join this cluster and
        nothing else. They are renewed after two weeks at the latest, and drained before they end. How they are deleted
        says `Hosts`.

        Args:
            id: the construct id.
            capacity: how many and of what kind. Left out: 2 to 10 of the recent general families.

        Raises:
            ValueError: the id is taken, or the capacity is none.
        """
        path = f"{self.node.path}: add_capacity"
        write = "HostCapacity(max=20)"
        check_type(path, "capacity", capacity, HostCapacity, allowed="a HostCapacity", write=write)
        if self.node.try_find_child(id) is not None:
            allowed = f"an id that nothing in {self.node.path} has"
            raise invalid(path, "id", id, allowed=allowed, write=f'add_capacity("{id}2", ...)')
        hosts = Hosts(
            self,
            id,
            cluster=self.cluster,
            network=self._network,
            key=self.encryption_key,
            capacity=capacity or HostCapacity(),
        )
        self._capacity.capacity_providers = [*(self._capacity.capacity_providers or ()), hosts.capacity_provider_name]
        return hosts

    def _make(self, off: DefaultsOff, key: kms.IKey | None, retention: logs.RetentionDays) -> None:
        removal = RemovalPolicy.DESTROY if off.waived("SC-DEL-01") else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        self.encryption_key = key or own_key(
            self, f"Encrypts logs, shells and storage of {self.node.path}", off=off, removal=removal
        )
        self.exec_log_group = encrypted_log_group(
            self, "ExecLogs", key=self.encryption_key, retention=retention, removal_policy=removal
        )
        watched = not off.waived("SC-ECS-12")
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=self._network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENHANCED if watched else ecs.ContainerInsights.DISABLED,
            execute_command_configuration=ecs.ExecuteCommandConfiguration(
                kms_key=self.encryption_key,
                logging=ecs.ExecuteCommandLogging.OVERRIDE,
                log_configuration=ecs.ExecuteCommandLogConfiguration(
                    cloud_watch_log_group=self.exec_log_group, cloud_watch_encryption_enabled=True
                ),
            ),
        )
        self._capacity = ecs.CfnClusterCapacityProviderAssociations(
            self,
            "Capacity",
            cluster=self.cluster.cluster_name,
            capacity_providers=list(_FARGATE_PROVIDERS),
            default_capacity_provider_strategy=[],
        )
        self._encrypt_storage()
        self._keep_insights(retention, removal)

    def _encrypt_storage(self) -> None:
        """With a key that Fargate may use for clusters of this account: a condition on this one's name, which
        CloudFormation makes, would make the key wait for the cluster and the cluster for the key."""
        stack = Stack.of(self)
        account = {"StringEquals": {"kms:EncryptionContext:aws:ecs:clusterAccount": stack.account}}
        grants = {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}}
        for sid, action, conditions in (
            ("FargateStorage", "kms:GenerateDataKeyWithoutPlaintext", account),
            ("FargateStorageOfTasks", "kms:CreateGrant", {**account, **grants}),
        ):
            self.encryption_key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(_FARGATE)],
                    actions=[action],
                    resources=["*"],
                    conditions=conditions,
                )
            )
        self._l1.add_property_override(
            "Configuration.ManagedStorageConfiguration.FargateEphemeralStorageKmsKeyId", self.encryption_key.key_id
        )

    def _keep_insights(self, retention: logs.RetentionDays, removal: RemovalPolicy) -> None:
        """Make the log group that Container Insights writes to before ECS does, for ever and without a key. Also where
        it is off: its name is fixed, and once kept it could not be made again."""
        logs.LogGroup(
            self,
            "Insights",
            log_group_name=f"/aws/ecs/containerinsights/{self.cluster.cluster_name}/performance",
            encryption_key=self.encryption_key,
            retention=retention,
            removal_policy=removal,
        )

    @property
    def _l1(self) -> ecs.CfnCluster:
        return cast("ecs.CfnCluster", self.cluster.node.default_child)
