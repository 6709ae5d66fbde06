"""How tasks run as a service of Amazon ECS: where, how many, and how a new version takes the place of the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from aws_cdk import CfnResource, RemovalPolicies, RemovalPolicy, Size, Stack
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_servicediscovery as servicediscovery
from constructs import Construct

from secure_containers.errors import check_arguments, invalid
from secure_containers.network import PrivateNetwork
from secure_containers.services.capacity import Hosts
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.services.parts import OTHER_PARTITIONS, Deployment, Discovery, Scaling, Tracing, TrustedSigners
from secure_containers.services.settings import check_same_place, check_shared
from secure_containers.services.signing import SignatureCheck
from secure_containers.services.task import ContainerSettings, ServiceTask, TaskSettings, check_task
from secure_containers.services.watch import LoadMetrics, task_metrics
from secure_containers.tasks.parts import CpuArchitecture
from secure_containers.waivers import DefaultsOff, waiver_line

NOT_MEASURED: Final = {
    "concurrency": "Scaling(cpu=60), or requests_per_target=1000: tasks are not counted by concurrency"
}
"""Measures by which tasks do not scale, and what to write in their place."""
DEFAULT_CPU_PERCENT: Final = 60
MAIN: Final = "Main"
"""The name of the program's own container, which Express Mode asks for."""
_PLATFORM_VERSION: Final = "LATEST"
"""By decision: AWS mends the platform, and retires versions that somebody pins."""
_LEFT_OUT: Final = {
    "capacity": None,
    "deployment": None,
    "execute_command": False,
    "health_check": None,
    "health_command": None,
    "limits": None,
    "port": None,
    "scaling": None,
    "stop_timeout": None,
    "trusted_signers": None,
}
_OF_CONTAINERS: Final = (
    "command",
    "environment",
    "file_mounts",
    "health_command",
    "image",
    "port",
    "scratch",
    "secrets",
    "stop_timeout",
    "user",
)
_OF_RUNS: Final = (
    "architecture",
    "capacity",
    "cluster",
    "cpu",
    "deployment",
    "ephemeral_storage",
    "execute_command",
    "log_retention",
    "memory",
    "runtime_monitoring",
    "services",
    "tracing",
    "trusted_signers",
)
_TTL_SECONDS: Final = 10
_SCALE_IN_SECONDS: Final = 300
_SCALE_OUT_SECONDS: Final = 60
_STEPS: Final = {
    "CANARY": ("canaryConfiguration", "canaryPercent", "canaryBakeTimeInMinutes"),
    "LINEAR": ("linearConfiguration", "stepPercent", "stepBakeTimeInMinutes"),
}


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How a container runs as tasks, as a construct is told."""

    container: ContainerSettings
    cpu: float
    memory: Size | None
    architecture: CpuArchitecture
    ephemeral_storage: Size | None
    cluster: SecureEcsCluster | ecs.ICluster | None
    log_retention: logs.RetentionDays
    services: Sequence[str] = ()
    capacity: Hosts | None = None
    deployment: Deployment | None = None
    execute_command: bool = False
    tracing: Tracing | None = None
    runtime_monitoring: bool = True
    trusted_signers: TrustedSigners | None = None

    @property
    def chosen(self) -> Deployment:
        """How a new version takes the place of the old one; before a rolling deployment Amazon ECS asks nobody."""
        if self.deployment is not None:
            return self.deployment
        return Deployment.blue_green() if self.trusted_signers else Deployment.rolling()


def run_settings(service: Construct, off: DefaultsOff, **given: Any) -> RunSettings:
    """What a construct is told of its task, once nothing of it is wrong.

    Args:
        service: the construct.
        off: the defaults that its waivers turn off.
        given: its arguments; those that it has not count as left out.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver.
    """
    path = service.node.path
    given = {**_LEFT_OUT, **given}
    given |= {name: given[name] or {} for name in ("environment", "secrets")}
    check_shared(path, service, **given)
    container = ContainerSettings(
        **{name: given[name] for name in _OF_CONTAINERS}, read_only_root=not off.waived("SC-ECS-04")
    )
    run = RunSettings(container=container, **{name: given[name] for name in _OF_RUNS})
    return _checked(service, off, run)


def _checked(service: Construct, off: DefaultsOff, run: RunSettings) -> RunSettings:
    """Refuse what Amazon ECS would refuse, and what weakens a default without a waiver.

    Returns:
        the settings, with the memory that goes with the processors.
    """
    path = service.node.path
    check_arguments(
        path,
        {
            name: getattr(run, name)
            for name in ("deployment", "execute_command", "runtime_monitoring", "capacity", "trusted_signers")
        },
        singles={
            "deployment": (Deployment, "a Deployment", "deployment=Deployment.canary()"),
            "execute_command": (bool, "True or False", "execute_command=True"),
            "runtime_monitoring": (bool, "True or False", "runtime_monitoring=False"),
            "trusted_signers": (
                TrustedSigners,
                "TrustedSigners",
                "trusted_signers=TrustedSigners(profiles=[profile])",
            ),
            "capacity": (Hosts, "instances of the cluster", 'capacity=cluster.add_capacity("Hosts")'),
        },
        lists={},
        objects={},
    )
    cluster = run.cluster
    if cluster is not None and not isinstance(cluster, SecureEcsCluster) and not hasattr(cluster, "cluster_arn"):
        write = 'cluster=SecureEcsCluster(self, "Cluster", network=network)'
        raise invalid(path, "cluster", cluster, allowed="a cluster", write=write)
    if run.capacity is not None:
        _check_capacity(path, run, run.capacity)
    recorded = cluster is None or isinstance(cluster, SecureEcsCluster)
    if run.execute_command and not recorded and not off.waived("SC-ECS-11"):
        allowed = "with a SecureEcsCluster, which records what happens in shells"
        raise invalid(path, "execute_command", run.execute_command, allowed=allowed, write=waiver_line("SC-ECS-11"))
    if run.trusted_signers is not None and run.deployment is not None and not run.deployment.by_traffic:
        allowed = "one by traffic with trusted_signers, since Amazon ECS asks nobody before a rolling deployment"
        raise invalid(path, "deployment", "rolling", allowed=allowed, write="deployment=Deployment.blue_green()")
    stack = Stack.of(service)
    if cluster is not None:
        write = 'SecureEcsCluster(self, "Cluster", network=network)'
        inner = cluster.cluster if isinstance(cluster, SecureEcsCluster) else cluster
        check_same_place(path, "cluster", inner.cluster_arn, stack, write=write)
    region = stack.region
    signers = run.trusted_signers
    if signers is not None and signers.trust_anchors is None and region.startswith(OTHER_PARTITIONS):
        allowed = f"with trust_anchors in {region}: the root of the commercial Regions signs nothing there"
        write = 'trust_anchors=Path("root.pem").read_text()'
        raise invalid(path, "trusted_signers", "TrustedSigners(profiles=...)", allowed=allowed, write=write)
    if not run.chosen.has_breaker and region.startswith(OTHER_PARTITIONS):
        allowed = f"rolling or blue/green in {region}, where no alarm watches deployments"
        write = "deployment=Deployment.blue_green()"
        raise invalid(path, "deployment", str(run.chosen.strategy), allowed=allowed, write=write)
    if run.tracing is not None and run.tracing.collector is None:
        allowed = "with a collector, which tasks have not"
        write = "Tracing(collector=repository.image(digest=...))"
        raise invalid(path, "tracing", run.tracing, allowed=allowed, write=write)
    memory = check_task(
        path,
        off,
        run.container,
        stack=stack,
        cpu=run.cpu,
        memory=run.memory,
        architecture=run.architecture,
        ephemeral_storage=run.ephemeral_storage,
        on_fargate=run.capacity is None,
        execute_command=run.execute_command,
    )
    if run.capacity is not None:
        _check_room(path, run.capacity, run.cpu, memory)
    return replace(run, memory=memory)


class Running:
    """A task in its cluster; `start` makes the service that runs it."""

    def __init__(
        self,
        scope: Construct,
        *,
        network: PrivateNetwork,
        settings: RunSettings,
        key: kms.IKey,
        removal: RemovalPolicy,
    ) -> None:
        self._network, self._settings = network, settings
        given = settings.cluster
        if given is None:
            given = SecureEcsCluster(
                scope,
                "Cluster",
                network=network,
                encryption_key=key,
                log_retention=settings.log_retention,
            )
            if removal is RemovalPolicy.DESTROY:
                RemovalPolicies.of(given).destroy()  # else its logs would be kept without their key
        self._secure = given if isinstance(given, SecureEcsCluster) else None
        self.cluster: ecs.ICluster = given.cluster if isinstance(given, SecureEcsCluster) else given
        on_fargate = settings.capacity is None
        self.task = ServiceTask(
            scope,
            "Task",
            network=network,
            settings=TaskSettings(
                cpu=settings.cpu,
                memory=settings.memory or Size.gibibytes(1),
                architecture=settings.architecture,
                ephemeral_storage=settings.ephemeral_storage,
                hosts=settings.capacity,
                runtime_monitoring=settings.runtime_monitoring and on_fargate,
                key=key,
                retention=settings.log_retention,
                removal=removal,
            ),
        )
        if settings.trusted_signers is not None:
            self.task.signatures = SignatureCheck(
                scope,
                "Signatures",
                trusted=settings.trusted_signers,
                cluster=self.cluster,
                key=key,
                retention=settings.log_retention,
                removal=removal,
            )
        self.task.add_container(MAIN, settings.container)
        if settings.tracing is not None and settings.tracing.collector is not None:
            self.task.trace(settings.tracing.collector)
        if settings.execute_command:
            self.task.let_open_sessions()
            if self._secure is not None:
                self.task.let_record_sessions(self._secure.exec_log_group, self._secure.encryption_key)

    def start(
        self,
        *,
        behind: dict[str, Any] | None = None,
        rollback: Sequence[cloudwatch.IAlarm] = (),
        grace_seconds: int | None = None,
        discovery: Discovery | None = None,
    ) -> ecs.CfnService:
        """Make the service, as the task's default child, and open the way to what it needs.

        Args:
            behind: what requests come from, as a service names its load balancer.
            rollback: alarms by which a deployment goes back.
            grace_seconds: how long after its start nobody minds that a task is ill.
            discovery: by what name other programs find the tasks.
        """
        task, hosts, run = self.task, self._settings.capacity, self._settings
        settings = _deployment(run.chosen, [] if task.signatures is None else [task.signatures.hook])
        if rollback and not Stack.of(task).region.startswith(OTHER_PARTITIONS):
            names = [alarm.alarm_name for alarm in rollback]
            settings["alarms"] = {"alarmNames": names, "enable": True, "rollback": True}
        self.service = ecs.CfnService(
            task,
            # CloudFormation says of neither whether it can be changed in place: by another id it never tries.
            "Service" if hosts is None else "ServiceOnHosts",
            cluster=self.cluster.cluster_name,
            task_definition=task.definition.ref,
            launch_type="FARGATE" if hosts is None else None,
            platform_version=_PLATFORM_VERSION if hosts is None else None,
            capacity_provider_strategy=None
            if hosts is None
            else [{"capacityProvider": hosts.capacity_provider_name, "weight": 1}],
            network_configuration=self.place,
            load_balancers=[behind] if behind is not None else None,
            service_registries=[] if discovery is None else [{"registryArn": _registry(task, discovery)}],
            health_check_grace_period_seconds=grace_seconds,
            deployment_configuration=settings,
            availability_zone_rebalancing="ENABLED",
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            enable_execute_command=run.execute_command,
        )
        self.made(self.service)
        return self.service

    def made(self, service: CfnResource) -> None:
        """Let what runs the task wait for what it needs."""
        task = self.task
        task.node.default_child = service
        # Until both roles may do what starting takes, tasks fail, and the deployment gives up.
        # Its group's rules too: the network lets wait only what stands in its own stack.
        service.node.add_dependency(task.role, task.execution_role, task.security_group)
        for mount in self._settings.container.file_mounts:  # until then nothing can be mounted
            service.node.add_dependency(mount.access_point.file_system.mount_targets_available)
        # They do, but cfn-lint sees references only.
        service.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
        if task.signatures is not None:
            service.node.add_dependency(task.signatures)
        if self._secure is not None:  # all of it: log groups before, and capacity that goes only after what uses it
            service.node.add_dependency(self._secure)
        elif isinstance(self.cluster, Construct):
            service.node.add_dependency(self.cluster)

    def reach(self) -> None:
        """Open the way to what starting the task takes and what its program calls.

        At last: what the network is asked for does not go away with a construct that a wrong argument ends.
        """
        self.task.reach(self._settings.services)

    @property
    def place(self) -> dict[str, Any]:
        """Where tasks are, as Amazon ECS is told."""
        return {
            "awsvpcConfiguration": {
                "subnets": [subnet.subnet_id for subnet in self._network.subnets.subnets or []],
                "securityGroups": [self.task.security_group.security_group_id],
                **({"assignPublicIp": "DISABLED"} if self._settings.capacity is None else {}),
            }
        }

    def scale(self, scaling: Scaling, measure: Mapping[str, Any]) -> None:
        """Let Amazon ECS run as many tasks as a measure asks for, within bounds."""
        target = autoscaling.CfnScalableTarget(
            self.task,
            "Scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{self.cluster.cluster_name}/{self.service.attr_name}",
            min_capacity=scaling.min,
            max_capacity=scaling.max,
        )
        autoscaling.CfnScalingPolicy(
            self.task,
            "ScalingPolicy",
            policy_name="Load",  # of this service alone
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration={
                **measure,
                "scaleInCooldown": _SCALE_IN_SECONDS,
                "scaleOutCooldown": _SCALE_OUT_SECONDS,
            },
        )

    @property
    def metrics(self) -> LoadMetrics:
        """What is measured of the tasks, once the service is made."""
        return task_metrics(self.cluster.cluster_name, self.service.attr_name, insights=self.insights)

    @property
    def insights(self) -> bool:
        """Whether the cluster is known to count its tasks."""
        return self._secure is not None


def by_processors(percent: int) -> dict[str, Any]:
    """Keeps processors as busy as that."""
    return {
        "targetValue": percent,
        "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
    }


def _deployment(deployment: Deployment, hooks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is off is said too: for Amazon ECS what an update leaves out stays as it was."""
    shared: dict[str, Any] = {
        "strategy": str(deployment.strategy),
        "minimumHealthyPercent": 100,
        "maximumPercent": 200,
        "deploymentCircuitBreaker": {"enable": deployment.has_breaker, "rollback": deployment.has_breaker},
        "lifecycleHooks": list(hooks),
    }
    if not deployment.by_traffic:
        return shared
    shared["bakeTimeInMinutes"] = deployment.bake_minutes
    if deployment.percent is None:
        return shared
    name, step, wait = _STEPS[deployment.strategy]
    return {**shared, name: {step: deployment.percent, wait: deployment.step_minutes}}


def _registry(task: ServiceTask, discovery: Discovery) -> str:
    """The ARN of the name's service in AWS Cloud Map."""
    return servicediscovery.CfnService(
        task,
        "Discovery",
        name=discovery.name,
        namespace_id=discovery.namespace.namespace_id,
        dns_config={"dnsRecords": [{"type": "A", "ttl": _TTL_SECONDS}], "routingPolicy": "MULTIVALUE"},
        health_check_custom_config={"failureThreshold": 1},
    ).attr_arn


def _check_capacity(path: str, run: RunSettings, hosts: Hosts) -> None:
    """Refuse instances of another cluster, or for images of another kind."""
    cluster = run.cluster.cluster if isinstance(run.cluster, SecureEcsCluster) else run.cluster
    if cluster is None or hosts.cluster is not cluster:
        allowed = "instances of the service's own cluster"
        write = "cluster=cluster, capacity=cluster.add_capacity(...)"
        raise invalid(path, "capacity", hosts.node.path, allowed=allowed, write=write)
    if hosts.architecture is not run.architecture:
        allowed = f"instances for {run.architecture.value}"
        write = f"architecture=CpuArchitecture.{hosts.architecture.name}, if the image is built for it"
        raise invalid(path, "capacity", f"instances for {hosts.architecture.value}", allowed=allowed, write=write)


def _check_room(path: str, hosts: Hosts, vcpus: float, memory: Size) -> None:
    """Refuse a task for which no instance has room: Amazon ECS would wait for one that never comes."""
    if hosts.room is None:
        return
    most_vcpus, most_gib = hosts.room
    if vcpus > most_vcpus or memory.to_bytes() >= most_gib * 1024**3:  # of which the system takes some
        got = f"{vcpus:g} vCPUs and {memory.to_mebibytes():g} MiB on {hosts.node.path}"
        allowed = f"{most_vcpus} vCPUs at most and less than {most_gib} GiB, as its smallest instances have"
        write = 'HostCapacity(instance_types=["m7i.2xlarge", "m7a.2xlarge"])'
        raise invalid(path, "capacity", got, allowed=allowed, write=write)
