"""A task of Amazon ECS whose containers may do, see and change as little as they can.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-tasks-containers.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jsii
from aws_cdk import Duration, RemovalPolicy, Size, Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from secure_containers.ecr import EcrImage
from secure_containers.ecr.actions import PULL_ACTIONS
from secure_containers.errors import check_arguments, check_type, invalid
from secure_containers.grants import grant_apart, grant_unbound
from secure_containers.logs import encrypted_log_group
from secure_containers.network import IMAGE_PULL, PrivateNetwork
from secure_containers.network.endpoints import GUARDDUTY_AGENT, known_service
from secure_containers.rules.credentials import credential_in
from secure_containers.security_groups import closed_group
from secure_containers.services.capacity import Hosts
from secure_containers.services.parts import OTHER_PARTITIONS, Scratch
from secure_containers.services.signing import SignatureCheck
from secure_containers.tasks.checks import (
    DEFAULT_USER,
    check_ephemeral_storage,
    check_fargate_size,
    check_image,
    check_known,
    check_paths,
    check_secrets,
    check_user,
    check_variables,
    default_memory,
)
from secure_containers.tasks.hosts import SESSION_ACTIONS
from secure_containers.tasks.parts import CpuArchitecture, FileMount, SecretField, SecureParameter
from secure_containers.tasks.permissions import TRACE_ACTIONS, let_mount, let_read, value_from
from secure_containers.tasks.roles import task_role
from secure_containers.waivers import DefaultsOff, Waiver, as_found, waive, waiver_line

TASK_TYPES: Final = (
    "AWS::EC2::SecurityGroup",
    "AWS::ECS::TaskDefinition",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
)
"""What a waiver of a task can be about."""
PORT_NAME: Final = "http"
_MIB: Final = 1024**2
_MOST_STOP_SECONDS: Final = 120
_UNITS: Final = 1024
_LOOK_FOR_LOGS: Final = "logs:DescribeLogGroups"
_ROUTER_USER: Final = "24224:24224"
"""Amazon ECS gives a log router the logs of all others, and asks for a user of its own."""
_COLLECTOR: Final = "Collector"
_COLLECTOR_USER: Final = "4317:4317"
_COLLECTOR_CONFIG: Final = "/etc/ecs/ecs-xray.yaml"
"""In the collector's image: receives OTLP, to which the task's security group lets nobody, and sends to X-Ray."""
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,254}")
RESERVED: Final = {
    "AWS_CONTAINER_": "by which AWS tells containers their credentials",
    "ECS_": "which Amazon ECS sets itself",
}
"""What names of variables may not begin with."""


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """What a container is, whatever its task runs on."""

    image: EcrImage
    command: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    user: str
    read_only_root: bool = True
    scratch: Sequence[str | Scratch] = ()
    file_mounts: Sequence[FileMount] = ()
    port: int | None = None
    health_command: Sequence[str] | None = None
    essential: bool = True
    memory: Size | None = None
    stop_timeout: Duration | None = None
    log_router: Mapping[str, str] | None = None
    """Makes it the log router of the task; what it is told of the others' logs."""


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """What a task is."""

    cpu: float
    memory: Size
    architecture: CpuArchitecture
    ephemeral_storage: Size | None
    hosts: Hosts | None
    """The instances that it runs on; None for Fargate."""
    runtime_monitoring: bool
    key: kms.IKey
    retention: logs.RetentionDays
    removal: RemovalPolicy


@jsii.implements(ec2.IConnectable, iam.IGrantable)
class ServiceTask(Construct):
    """The task definition of a service, its two roles, its log group and its security group.

    Containers beside the service's own program come by `add_sidecar`.
    """

    role: iam.Role
    """What the program may do; nothing until it is granted."""
    execution_role: iam.Role
    """What AWS does to start the task: pull its images, write its logs, read its secrets."""
    log_group: logs.LogGroup
    """Where the output of its containers goes."""
    definition: ecs.CfnTaskDefinition
    """The task definition, for what this class does not show."""
    security_group: ec2.SecurityGroup
    """Of the tasks; it lets in nobody but the load balancer, if there is one."""
    signatures: SignatureCheck | None = None
    """Who asks for the signatures of its images, if somebody does."""

    def __init__(self, scope: Construct, id: str, *, network: PrivateNetwork, settings: TaskSettings) -> None:
        super().__init__(scope, id)
        self._network, self._settings = network, settings
        self._containers: dict[str, Any] = {}
        self._told = False
        self._routing: dict[str, Any] | None = None
        self._volumes: list[Any] = []
        self._services: dict[str, None] = dict.fromkeys((*IMAGE_PULL, "logs"))
        path = scope.node.path
        self.log_group = encrypted_log_group(
            self, "Logs", key=settings.key, retention=settings.retention, removal_policy=settings.removal
        )
        self.role = task_role(self, "Role", description=f"What {path} may do"[:1000], granted_later=True)
        self.execution_role = task_role(self, "ExecutionRole", description=f"Starts {path}"[:1000])
        self.execution_role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[self.log_group.log_group_arn]
            )
        )
        self.security_group = closed_group(self, "SecurityGroup", vpc=network.vpc, description=f"Tasks of {path}")
        self._connections = ec2.Connections(security_groups=[self.security_group])
        self.definition = ecs.CfnTaskDefinition(
            self,
            "Definition",
            cpu=f"{settings.cpu * _UNITS:g}",
            memory=str(int(settings.memory.to_mebibytes())),
            requires_compatibilities=["FARGATE" if settings.hosts is None else "EC2"],
            network_mode="awsvpc",
            runtime_platform={"cpuArchitecture": settings.architecture.value, "operatingSystemFamily": "LINUX"},
            ephemeral_storage={"sizeInGiB": settings.ephemeral_storage.to_gibibytes()}
            if settings.ephemeral_storage is not None
            else None,
            task_role_arn=self.role.role_arn,
            execution_role_arn=self.execution_role.role_arn,
        )
        if settings.runtime_monitoring:
            self._let_agent_in()
            network.require_runtime_monitoring(self)

    @property
    def connections(self) -> ec2.Connections:
        """The tasks' security group."""
        return self._connections

    @property
    def grant_principal(self) -> iam.IPrincipal:
        return self.role

    def add_container(self, name: str, settings: ContainerSettings) -> None:
        """Add a container, hardened as all are."""
        settings.image.grant_pull(self.execution_role)
        if self.signatures is not None:
            self.signatures.admit(settings.image.repository)
        for service in let_read(self.execution_role, settings.secrets.values()):
            self._services[service] = None
        for mount in settings.file_mounts:
            let_mount(self.role, mount, self, called="tasks")
        if settings.log_router is not None:
            self._routing = {"logDriver": "awsfirelens", "options": dict(settings.log_router)}
            for each in self._containers.values():
                each["logConfiguration"] = self._routing
        self._containers[name] = self._container(name, settings)
        self.definition.container_definitions = list(self._containers.values())
        if "environment" in self._containers[name] and not self._told:
            reason = "its variables hold settings; what looks like a credential is refused where it is given"
            waive(self.definition, Waiver("AwsSolutions-ECS2", reason=reason))
            self._told = True
        if self._volumes:
            self.definition.volumes = self._volumes

    def add_sidecar(
        self,
        id: str,
        *,
        image: EcrImage,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret | ssm.IParameter | SecretField | SecureParameter] | None = None,
        user: str | None = None,
        scratch: Sequence[str | Scratch] = (),
        file_mounts: Sequence[FileMount] = (),
        memory: Size | None = None,
        essential: bool = True,
        health_command: Sequence[str] | None = None,
        log_router: Mapping[str, str] | None = None,
        services: Sequence[str] = (),
        waivers: Sequence[Waiver] = (),
    ) -> None:
        """Add a container beside the program's own, hardened as that one is. It has the task's role too.

        Args:
            id: the name of the container.
            image: what runs, by its digest.
            command: the command, in place of the image's own.
            environment: variables. What looks like a credential is refused.
            secrets: variables that are filled from secrets or parameters when the task starts.
            user: who it runs as, for a log router another one than all others. Root needs a waiver of SC-ECS-03. Left
                out: 65532, a log router 24224.
            scratch: directories that it may write to, in memory.
            file_mounts: directories in file systems of Amazon EFS.
            memory: the most that it takes of the task's memory. Left out, no bound of its own.
            essential: the task ends with it.
            health_command: a command in the container that ends with 0 while it is well.
            log_router: makes it the task's log router, by Fluent Bit; the options of the log driver `awsfirelens` of
                all other containers, such as `{"Name": "cloudwatch_logs", ...}`. Its own output stays in the log group.
            services: services of AWS that it calls, as endpoints are named.
            waivers: defaults to turn off and findings to accept, each with its reason.

        Raises:
            ValueError: an argument is wrong, the id is taken, or a default is weakened without a waiver.
        """
        path = f"{self.node.path}: add_sidecar"
        _check_sidecar_types(
            path,
            command=command,
            environment=environment or {},
            secrets=secrets or {},
            memory=memory,
            essential=essential,
            log_router=log_router,
            services=services,
            waivers=waivers,
        )
        for service in services:
            known_service(path, "services", service)
        off = DefaultsOff(self, path, waivers, types=TASK_TYPES)
        settings = ContainerSettings(
            image=image,
            command=command,
            environment=environment or {},
            secrets=secrets or {},
            user=user or (DEFAULT_USER if log_router is None else _ROUTER_USER),
            read_only_root=not off.waived("SC-ECS-04"),
            scratch=scratch,
            file_mounts=file_mounts,
            memory=memory,
            essential=essential,
            health_command=health_command,
            log_router=log_router,
        )
        self._check_sidecar(path, id, off, settings)
        self.add_container(id, settings)
        self.reach(services)
        waive(self.definition, *waivers)

    def _check_sidecar(self, path: str, name: object, off: DefaultsOff, settings: ContainerSettings) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            allowed = "letters, digits, _ and -, a letter first"
            raise invalid(path, "id", name, allowed=allowed, write='add_sidecar("Proxy", ...)')
        if name in self._containers:
            raise invalid(path, "id", name, allowed="each container once", write="another id")
        check_container(path, off, settings, Stack.of(self))
        check_architecture(path, settings.image, self._settings.architecture)
        check_variables(
            path, settings.environment, settings.secrets, set_already=self._network.environment, reserved=RESERVED
        )
        check_secrets(path, settings.secrets, Stack.of(self))
        memory = settings.memory
        if memory is not None and memory.to_bytes() > self._settings.memory.to_bytes():
            got = f"{memory.to_mebibytes():g} MiB"
            allowed = "no more than the task has"
            raise invalid(path, "memory", got, allowed=allowed, write="memory=Size.mebibytes(128)")
        if self._settings.hosts is not None:
            check_no_mounts(path, settings.file_mounts)
        if settings.log_router is not None:
            self._check_router(path, settings.user, settings.log_router)

    def _check_router(self, path: str, user: str, options: Mapping[str, str]) -> None:
        if self._routing is not None:
            allowed = "one log router in a task"
            raise invalid(path, "log_router", options, allowed=allowed, write="the options of the one that is there")
        for option, value in options.items():
            problem = credential_in(option, value)
            if problem is not None:
                allowed = f"no credentials, since everybody reads them in the definition; {problem}"
                write = "a configuration in the router's image"
                raise invalid(path, f"log_router[{option!r}]", "...", allowed=allowed, write=write)
        if user.partition(":")[0] in {each["user"].partition(":")[0] for each in self._containers.values()}:
            allowed = "for a log router a user that no other container has"
            raise invalid(path, "user", user, allowed=allowed, write=f'user="{_ROUTER_USER}"')

    def trace(self, collector: EcrImage) -> None:
        """Add a collector of traces beside the program."""
        self.let_trace()
        self.add_container(
            _COLLECTOR,
            ContainerSettings(
                image=collector,
                command=[f"--config={_COLLECTOR_CONFIG}"],
                user=_COLLECTOR_USER,
                essential=False,
                memory=Size.mebibytes(128),
            ),
        )

    def let_trace(self) -> None:
        """Let the task send traces."""
        self._services["xray"] = None
        grant_unbound(self.role, "Trace", TRACE_ACTIONS)

    def let_open_sessions(self) -> None:
        """Let Amazon ECS open shells in the task.

        Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
        """
        self._services["ssmmessages"] = None
        grant_unbound(self.role, "Exec", SESSION_ACTIONS)

    def let_record_sessions(self, group: logs.ILogGroup, key: kms.IKey) -> None:
        """Let shells in the task be encrypted and recorded, by the task itself."""
        write = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        grant_apart(
            self.role,
            "ExecRecords",
            [
                iam.PolicyStatement(actions=[_LOOK_FOR_LOGS], resources=["*"]),
                iam.PolicyStatement(actions=write, resources=[group.log_group_arn]),
                iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]),
            ],
            [
                Waiver(
                    "AwsSolutions-IAM5[Resource::*]",
                    reason=f"{_LOOK_FOR_LOGS} is asked of all groups; the rest of this policy names its resources",
                )
            ],
        )
        self._services["kms"] = None

    def reach(self, services: Sequence[str]) -> None:
        """Open the way to what starting the task takes and what its program calls, once there is what runs it."""
        started, hosts = tuple(self._services), self._settings.hosts
        self._services.clear()
        if started or services:
            self._network.require(self, *dict.fromkeys((*started, *services)))
        if started and hosts is not None:  # the instance pulls images and asks for secrets, over its own interface
            self._network.require(hosts, *started)

    def _container(self, name: str, settings: ContainerSettings) -> dict[str, Any]:
        stack = Stack.of(self)
        linux: dict[str, Any] = {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}}
        mounts = self._mounts(name, settings, linux)
        environment = {**self._network.environment, **settings.environment}
        container: dict[str, Any] = {
            "name": name,
            "image": settings.image.uri,
            "essential": settings.essential,
            "user": settings.user,
            "readonlyRootFilesystem": settings.read_only_root,
            "privileged": None if self._settings.hosts is None else False,
            "dockerSecurityOptions": None if self._settings.hosts is None else ["no-new-privileges"],
            "command": list(settings.command) if settings.command is not None else None,
            "environment": [{"name": key, "value": value} for key, value in environment.items()] or None,
            "secrets": [{"name": key, "valueFrom": value_from(secret)} for key, secret in settings.secrets.items()]
            or None,
            "linuxParameters": linux,
            "mountPoints": mounts or None,
            "memory": settings.memory.to_mebibytes() if settings.memory is not None else None,
            "stopTimeout": settings.stop_timeout.to_seconds() if settings.stop_timeout is not None else None,
            "logConfiguration": self._routing
            if self._routing is not None and settings.log_router is None
            else {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self.log_group.log_group_name,
                    "awslogs-region": stack.region,
                    "awslogs-stream-prefix": name,
                    "mode": "non-blocking",
                    "max-buffer-size": "25m",
                },
            },
        }
        if settings.port is not None:
            container["portMappings"] = [
                {"containerPort": settings.port, "protocol": "tcp", "name": PORT_NAME, "appProtocol": "http"}
            ]
        if settings.health_command is not None:
            container["healthCheck"] = {
                "command": ["CMD", *settings.health_command],
                "interval": 10,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 30,
            }
        if settings.log_router is not None:
            container["firelensConfiguration"] = {"type": "fluentbit"}
        return {key: value for key, value in container.items() if value is not None}

    def _mounts(self, name: str, settings: ContainerSettings, linux: dict[str, Any]) -> list[dict[str, Any]]:
        region = Stack.of(self).region
        in_memory = Token.is_unresolved(region) or not region.startswith(OTHER_PARTITIONS)
        mounts: list[dict[str, Any]] = []
        for index, scratch in enumerate(map(_scratch, settings.scratch)):
            if in_memory and not scratch.on_disk:
                linux.setdefault("tmpfs", []).append(
                    {
                        "containerPath": scratch.path,
                        "size": int(scratch.size.to_bytes() // _MIB),
                        "mountOptions": ["rw", "nosuid", "nodev", "noexec"],
                    }
                )
                continue
            self._volumes.append({"name": f"{name}Scratch{index}"})
            mounts.append({"sourceVolume": f"{name}Scratch{index}", "containerPath": scratch.path, "readOnly": False})
        for index, mount in enumerate(settings.file_mounts):
            self._volumes.append(mount.volume(f"{name}Files{index}", file_system="filesystemId"))
            mounts.append(
                {"sourceVolume": f"{name}Files{index}", "containerPath": mount.path, "readOnly": mount.read_only}
            )
        return mounts

    def _let_agent_in(self) -> None:
        """Let the image of GuardDuty's agent be pulled, which GuardDuty puts beside the task's containers."""
        stack = Stack.of(self)
        agent = f"arn:{stack.partition}:ecr:{stack.region}:*:repository/{GUARDDUTY_AGENT}"
        reason = (
            "the agent lies in an account of AWS that differs from Region to Region; whoever has a repository of this "
            "name could only give something to pull"
        )
        grant_apart(
            self.execution_role,
            "RuntimeMonitoring",
            [iam.PolicyStatement(actions=list(PULL_ACTIONS), resources=[agent])],
            [Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, agent)}]", reason=reason)],
        )


def _scratch(given: str | Scratch) -> Scratch:
    return given if isinstance(given, Scratch) else Scratch(given)


def check_task(
    path: str,
    off: DefaultsOff,
    settings: ContainerSettings,
    *,
    stack: Stack,
    cpu: float,
    memory: Size | None,
    architecture: CpuArchitecture,
    ephemeral_storage: Size | None,
    on_fargate: bool,
    execute_command: bool,
) -> Size:
    """Refuse a task that its engine would refuse, or that weakens a default without a waiver.

    Returns:
        the memory of the task.
    """
    check_container(path, off, settings, stack)
    write = "architecture=CpuArchitecture.ARM64"
    check_type(path, "architecture", architecture, CpuArchitecture, allowed="a CpuArchitecture", write=write)
    write = "ephemeral_storage=Size.gibibytes(50)"
    check_type(path, "ephemeral_storage", ephemeral_storage, Size, allowed="a size", write=write)
    check_known(path, "cpu", cpu, "cpu=0.5")
    size = memory or default_memory(cpu, on_fargate=on_fargate)
    if on_fargate:
        check_fargate_size(path, "cpu", cpu, size)
    elif cpu <= 0:
        raise invalid(path, "cpu", cpu, allowed="a part of a vCPU or more", write="cpu=0.5")
    if ephemeral_storage is not None and not on_fargate:
        got = f"{ephemeral_storage.to_gibibytes():g} GiB"
        allowed = "on Fargate only"
        raise invalid(path, "ephemeral_storage", got, allowed=allowed, write="HostCapacity(volume_size=...)")
    if not on_fargate:
        check_no_mounts(path, settings.file_mounts)
    check_ephemeral_storage(path, ephemeral_storage)
    if execute_command and not off.waived("SC-ECS-04"):
        allowed = "only with a waiver: Amazon ECS opens no shell in a container whose root is read-only"
        raise invalid(path, "execute_command", execute_command, allowed=allowed, write=waiver_line("SC-ECS-04"))
    check_architecture(path, settings.image, architecture)
    _check_scratch(path, settings.scratch, size)
    return size


def _check_scratch(path: str, scratch: Sequence[str | Scratch], memory: Size) -> None:
    """Refuse more room in memory than the task has memory."""
    places = [_scratch(each) for each in scratch]
    wanted = sum(each.size.to_bytes() for each in places if not each.on_disk)
    if wanted >= memory.to_bytes():
        got, allowed = (
            f"{wanted / 1024**2:g} MiB in memory",
            f"less than the task's memory, {memory.to_mebibytes():g} MiB",
        )
        raise invalid(path, "scratch", got, allowed=allowed, write='Scratch("/cache", size=..., on_disk=True)')


def check_architecture(path: str, image: EcrImage, architecture: CpuArchitecture) -> None:
    """Refuse an image for other processors, where somebody said for which it is."""
    if image.architecture is not None and image.architecture is not architecture:
        allowed = f"an image for {architecture.value}"
        write = f"architecture=CpuArchitecture.{image.architecture.name}"
        raise invalid(path, "image", f"an image for {image.architecture.value}", allowed=allowed, write=write)


def check_no_mounts(path: str, file_mounts: Sequence[FileMount]) -> None:
    """Refuse file systems on instances."""
    if file_mounts:
        allowed = "on Fargate only: Bottlerocket mounts no file system over TLS"
        raise invalid(path, "file_mounts", file_mounts[0].path, allowed=allowed, write="no capacity=...")


def check_container(path: str, off: DefaultsOff, settings: ContainerSettings, stack: Stack) -> None:
    """Refuse what a container cannot be, whether it is the program's own or one beside it."""
    check_arguments(
        path,
        {name: getattr(settings, name) for name in ("user", "scratch", "file_mounts", "health_command")},
        singles={"user": (str, "a user", 'user="65532:65532"')},
        lists={
            "scratch": ((str, Scratch), "a list of paths or Scratch", '["/tmp"]'),
            "file_mounts": (FileMount, "a list of FileMount", '[FileMount(access_point=..., path="/data")]'),
            "health_command": (str, "a list of texts", '["/app/healthy"]'),
        },
        objects={},
        optional=("health_command",),
    )
    check_image(path, settings.image, stack)
    check_user(path, settings.user, off, "SC-ECS-03")
    scratch = [each.path if isinstance(each, Scratch) else each for each in settings.scratch]
    check_paths(path, scratch, settings.file_mounts)
    write = "stop_timeout=Duration.minutes(1)"
    check_type(path, "stop_timeout", settings.stop_timeout, Duration, allowed="a duration", write=write)
    if settings.stop_timeout is not None and not 0 <= settings.stop_timeout.to_seconds() <= _MOST_STOP_SECONDS:
        got = f"{settings.stop_timeout.to_seconds():g} seconds"
        raise invalid(path, "stop_timeout", got, allowed=f"{_MOST_STOP_SECONDS} seconds at most", write=write)
    if settings.health_command is not None and not settings.health_command:
        raise invalid(path, "health_command", [], allowed="a command", write='health_command=["/app/healthy"]')


def _check_sidecar_types(path: str, **given: Any) -> None:
    check_arguments(
        path,
        given,
        singles={
            "environment": (Mapping, "variables and their values", 'environment={"LEVEL": "info"}'),
            "secrets": (Mapping, "variables and their secrets", 'secrets={"DB_PASSWORD": secret}'),
            "memory": (Size, "a size", "memory=Size.mebibytes(128)"),
            "essential": (bool, "True or False", "essential=False"),
            "log_router": (Mapping, "options of awsfirelens", 'log_router={"Name": "cloudwatch_logs"}'),
        },
        lists={
            "command": (str, "a list of texts", '["proxy", "--port", "9000"]'),
            "services": (str, "services as endpoints are named", '["firehose"]'),
            "waivers": (Waiver, "a list of Waiver", '[Waiver("SC-ECS-03", reason="...")]'),
        },
        objects={},
        optional=("command",),
    )
