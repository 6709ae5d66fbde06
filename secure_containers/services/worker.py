"""`SecureFargateWorker`: a container on AWS Fargate that works without being asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration, Size
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from secure_containers.ecr import EcrImage
from secure_containers.errors import invalid
from secure_containers.network import PrivateNetwork
from secure_containers.services.capacity import Hosts
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.services.parts import (
    Scaling,
    Scratch,
    ServiceLimits,
    Tracing,
)
from secure_containers.services.running import (
    DEFAULT_CPU_PERCENT,
    NOT_MEASURED,
    Running,
    by_processors,
    run_settings,
)
from secure_containers.services.service import SERVICE_TYPES, PrivateService
from secure_containers.services.settings import check_measures
from secure_containers.services.task import TASK_TYPES, ServiceTask
from secure_containers.tasks.checks import DEFAULT_USER
from secure_containers.tasks.parts import CpuArchitecture, FileMount, SecretField, SecureParameter
from secure_containers.waivers import Waiver, waiver_line

_TYPES: Final = (
    *SERVICE_TYPES,
    *TASK_TYPES,
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ECS::Service",
)
_NO_REQUESTS: Final = {"requests_per_target": "Scaling(cpu=60): nobody sends a worker requests"}


class SecureFargateWorker(PrivateService):
    """A container on AWS Fargate that reads a queue, a stream or a clock: nothing reaches it.

    Unasked, all that `SecureFargateService` is but for its way in: there is no load balancer, no port, and a security
    group that lets nobody in. What takes the load balancer's place as a judge is a command in the container.

    Args:
        scope: the parent.
        id: the construct id.
        network: where it runs. For a VPC that is there already, `PrivateNetwork(self, "Network", vpc=vpc)`.
        image: what runs, by its digest.
        health_command: a command in the container that ends with 0 while it is well, such as `["/app/healthy"]`. None
            needs a waiver of SC-ECS-09: a task that hangs then stays.
        cpu: how many vCPUs a task has, one of Fargate's sizes. Left out: half a one.
        memory: how much memory a task has, what goes with the vCPUs. Left out: 2 GiB for each vCPU, or the least.
        command: the command, in place of the image's own.
        environment: variables. What looks like a credential is refused.
        secrets: variables that are filled from secrets or parameters when a task starts. Of a parameter that is
            encrypted with a key of yours, `SecureParameter` names the key.
        services: services of AWS that the program calls, as endpoints are named, such as `"sqs"`.
        scaling: how many tasks run, by how busy their processors are. Left out: 2 to 10, 60 % busy.
        cluster: where it runs, shared or imported. Left out, a cluster of its own.
        capacity: instances of the cluster, from `cluster.add_capacity`. Left out: Fargate.
        architecture: for what processors the image is built.
        user: who the program runs as: user and group, as numbers or names. Root needs a waiver of SC-ECS-03.
        scratch: directories that the program may write to, of 64 MiB of the task's memory each, or as `Scratch` says.
            Outside the commercial Regions they are of the task's storage, and the image declares each as a `VOLUME`
            that the user owns.
        file_mounts: directories in file systems of Amazon EFS.
        ephemeral_storage: the size of a task's own storage, 21 to 200 GiB. Left out: 20 GiB.
        stop_timeout: how long a task has after SIGTERM, 2 minutes at most. Left out: 30 seconds.
        execute_command: let people with permission open a shell in a task. Needs a waiver of SC-ECS-04.
        tracing: traces in AWS X-Ray. Left out, none.
        runtime_monitoring: GuardDuty's agent may run beside a task. False where the account has no runtime monitoring,
            or the addresses of an imported VPC are not told.
        limits: from where on people hear of it; of these only `utilization` counts. Left out: 90 %.
        topic: where alarms go. The policies of an imported topic and of its key have to let CloudWatch and EventBridge
            in. Left out, an encrypted one is made.
        encryption_key: encrypts logs, and the storage of a cluster of its own. The policy of an imported key has to let
            CloudWatch Logs, and Fargate, use it. Left out, one is made.
        log_retention: how long logs are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html
    """

    task: ServiceTask
    """What runs: its roles, its definition, its log group; sidecars by `task.add_sidecar`."""
    service: ecs.CfnService
    """The service, for what this class does not show."""
    cluster: ecs.ICluster
    """Where it runs."""
    log_group: logs.LogGroup
    """Where the output of its containers goes."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        image: EcrImage,
        health_command: Sequence[str] | None,
        cpu: float = 0.5,
        memory: Size | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret | ssm.IParameter | SecretField | SecureParameter] | None = None,
        services: Sequence[str] = (),
        scaling: Scaling | None = None,
        cluster: SecureEcsCluster | ecs.ICluster | None = None,
        capacity: Hosts | None = None,
        architecture: CpuArchitecture = CpuArchitecture.X86_64,
        user: str = DEFAULT_USER,
        scratch: Sequence[str | Scratch] = (),
        file_mounts: Sequence[FileMount] = (),
        ephemeral_storage: Size | None = None,
        stop_timeout: Duration | None = None,
        execute_command: bool = False,
        tracing: Tracing | None = None,
        runtime_monitoring: bool = True,
        limits: ServiceLimits | None = None,
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        super().__init__(scope, id, waivers=waivers, types=_TYPES)
        with self._or_nothing():
            run = run_settings(
                self,
                self._off,
                network=network,
                cpu=cpu,
                memory=memory,
                command=command,
                environment=environment,
                secrets=secrets,
                services=services,
                scaling=scaling,
                tracing=tracing,
                limits=limits,
                topic=topic,
                encryption_key=encryption_key,
                log_retention=log_retention,
                image=image,
                user=user,
                scratch=scratch,
                file_mounts=file_mounts,
                health_command=health_command,
                architecture=architecture,
                ephemeral_storage=ephemeral_storage,
                cluster=cluster,
                capacity=capacity,
                stop_timeout=stop_timeout,
                execute_command=execute_command,
                runtime_monitoring=runtime_monitoring,
            )
            scaling = scaling or Scaling()
            check_measures(self._path, scaling, NOT_MEASURED | _NO_REQUESTS)
            if health_command is None and not self._off.waived("SC-ECS-09"):
                allowed = "a command that tells whether the program is well, since nobody asks it from outside"
                write = f'health_command=["/app/healthy"], or {waiver_line("SC-ECS-09")}'
                raise invalid(self._path, "health_command", health_command, allowed=allowed, write=write)
            self._found(key=encryption_key, topic=topic, limits=limits, title=f"Alarms of {id}"[:100])
            running = Running(self, network=network, settings=run, key=self.encryption_key, removal=self._removal)
            self.cluster, self.task, self.role = running.cluster, running.task, running.task.role
            self.log_group = self.task.log_group
            self._connections = self._outbound = self.task.connections
            self.service = running.start()
            running.scale(scaling, by_processors(scaling.cpu or DEFAULT_CPU_PERCENT))
            self._load = running.metrics
            self._watch.saturation(self._load, least=scaling.min, most=scaling.grows_to)
            self._watch.failed_deployments([self.service.ref])
            self._watch.show(self._load)
            self._off.apply()
            running.reach()
