"""`PrivateExpressService`: a container that answers HTTPS on the private network, on Amazon ECS Express Mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import Fn, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from secure_containers.ecr import EcrImage
from secure_containers.errors import invalid
from secure_containers.network import PrivateNetwork
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.services.parts import (
    HealthCheck,
    Scaling,
    Scratch,
    ServiceLimits,
    Tracing,
)
from secure_containers.services.running import (
    DEFAULT_CPU_PERCENT,
    NOT_MEASURED,
    Running,
    run_settings,
)
from secure_containers.services.service import SERVICE_TYPES, PrivateWebService
from secure_containers.services.settings import check_scaling, check_zones
from secure_containers.services.task import TASK_TYPES, ServiceTask
from secure_containers.services.watch import RequestMetrics, after, group_metrics, task_metrics
from secure_containers.tasks.checks import DEFAULT_USER
from secure_containers.tasks.parts import CpuArchitecture, FileMount, SecretField, SecureParameter
from secure_containers.tasks.roles import ecs_principal, own_role
from secure_containers.tasks.tags import without_tags
from secure_containers.waivers import Waiver, waive

_TYPES: Final = (*SERVICE_TYPES, *TASK_TYPES, "AWS::ECS::ExpressGatewayService")
_POLICY: Final = "service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
_SCHEME: Final = "https://"
_GROUPS: Final = (0, 1)
"""Of targets: the two between which Express moves requests in a deployment."""


class PrivateExpressService(PrivateWebService):
    """A container on Amazon ECS Express Mode that answers HTTPS on the private network: AWS makes and keeps its load
    balancer, its certificate, its name, its scaling and its deployments.

    Unasked:

    - containers, roles, logs, network and alarms as of `SecureFargateService`: Express is given a task definition of
      ours, since its own can neither set a user nor a read-only root;
    - private subnets only, for which Express makes an internal load balancer;
    - bounds for scaling, the path of the health check and the size of tasks are always told: AWS's pages do not agree
      on what they are otherwise.

    **What Express cannot do**: a web ACL, access logs, a TLS policy or another host name for its load balancer, which
    it shares with up to 25 services of the VPC; HTTPS to the tasks; any deployment but its own, which sends 5 % of the
    requests first and goes back when more than 1 % of answers are 4xx or 5xx. Whoever is let in to one service of the
    load balancer is let in to all of them: let each client in at one service of the VPC only, since the same rule
    twice is refused. Of two services in one stack only one can be let in to the other, since each
    group is known only once its service is there. Tasks also get a security group of Express's own, whose way out is
    open: what keeps them in are the subnets. For all this there is `SecureFargateService`.

    Args:
        scope: the parent.
        id: the construct id.
        network: where it runs. The first such service of a VPC decides in which subnets the load balancer of all is.
        image: what runs, by its digest.
        port: the TCP port on which the program listens, 1024 to 65535.
        cpu: how many vCPUs a task has, one of Fargate's sizes. Left out: half a one.
        memory: how much memory a task has, what goes with the vCPUs. Left out: 2 GiB for each vCPU, or the least.
        command: the command, in place of the image's own.
        environment: variables. What looks like a credential is refused.
        secrets: variables that are filled from secrets or parameters when a task starts. Of a parameter that is
            encrypted with a key of yours, `SecureParameter` names the key.
        services: services of AWS that the program calls, as endpoints are named, such as `"dynamodb"`.
        health_check: the path that the load balancer asks for; Express has its own times. Left out: `/`.
        scaling: how many tasks run. Left out: 2 to 10, with their processors 60 % busy.
        cluster: where it runs, shared or imported; it has the capacity provider FARGATE, as `SecureEcsCluster` does.
            Left out, a cluster of its own. A change replaces the service.
        architecture: for what processors the image is built.
        user: who the program runs as: user and group, as numbers or names. Root needs a waiver of SC-ECS-03.
        scratch: directories that the program may write to, of 64 MiB of the task's memory each, or as `Scratch` says.
            Outside the commercial Regions they are of the task's storage, and the image declares each as a `VOLUME`
            that the user owns.
        file_mounts: directories in file systems of Amazon EFS.
        ephemeral_storage: the size of a task's own storage, 21 to 200 GiB. Left out: 20 GiB.
        tracing: traces in AWS X-Ray. Left out, none.
        runtime_monitoring: GuardDuty's agent may run beside a task. False where the account has no runtime monitoring,
            or the addresses of an imported VPC are not told.
        limits: from where on people hear of it. Left out: 5 % of 5xx, 2 seconds, 90 %.
        topic: where alarms go. The policies of an imported topic and of its key have to let CloudWatch and EventBridge
            in. Left out, an encrypted one is made.
        encryption_key: encrypts logs, and the storage of a cluster of its own. The policy of an imported key has to let
            CloudWatch Logs, and Fargate, use it. Left out, one is made.
        log_retention: how long logs are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/express-service-work.html
    """

    task: ServiceTask
    """What runs: its roles, its definition, its log group; sidecars by `task.add_sidecar`."""
    service: ecs.CfnExpressGatewayService
    """The service, for what this class does not show."""
    infrastructure_role: iam.Role
    """What Express makes and keeps the load balancer with."""
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
        port: int,
        cpu: float = 0.5,
        memory: Size | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret | ssm.IParameter | SecretField | SecureParameter] | None = None,
        services: Sequence[str] = (),
        health_check: HealthCheck | None = None,
        scaling: Scaling | None = None,
        cluster: SecureEcsCluster | ecs.ICluster | None = None,
        architecture: CpuArchitecture = CpuArchitecture.X86_64,
        user: str = DEFAULT_USER,
        scratch: Sequence[str | Scratch] = (),
        file_mounts: Sequence[FileMount] = (),
        ephemeral_storage: Size | None = None,
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
                image=image,
                port=port,
                cpu=cpu,
                memory=memory,
                command=command,
                environment=environment,
                secrets=secrets,
                services=services,
                health_check=health_check,
                scaling=scaling,
                cluster=cluster,
                architecture=architecture,
                user=user,
                scratch=scratch,
                file_mounts=file_mounts,
                ephemeral_storage=ephemeral_storage,
                tracing=tracing,
                runtime_monitoring=runtime_monitoring,
                limits=limits,
                topic=topic,
                encryption_key=encryption_key,
                log_retention=log_retention,
            )
            scaling, health = scaling or Scaling(), health_check or HealthCheck()
            check_zones(self._path, network)
            _check_requests(self._path, port, health_check)
            check_scaling(self._path, scaling, self._off, measures=NOT_MEASURED)
            self._found(key=encryption_key, topic=topic, limits=limits, title=f"Alarms of {id}"[:100])
            running = Running(self, network=network, settings=run, key=self.encryption_key, removal=self._removal)
            self.cluster, self.task, self.role = running.cluster, running.task, running.task.role
            self.log_group, self._outbound = self.task.log_group, self.task.connections
            self.infrastructure_role = self._infrastructure()
            self.service = ecs.CfnExpressGatewayService(
                self.task,
                "ExpressService",  # of another type than on other engines, which CloudFormation refuses to change
                infrastructure_role_arn=self.infrastructure_role.role_arn,
                cluster=self.cluster.cluster_name,
                task_definition_arn=self.task.definition.ref,
                health_check_path=health.path,
                network_configuration={
                    "subnets": [subnet.subnet_id for subnet in network.subnets.subnets or []],
                    "securityGroups": [self.task.security_group.security_group_id],
                },
                scaling_target={
                    "minTaskCount": scaling.min,
                    "maxTaskCount": scaling.max,
                    **_measure(scaling),
                },
            )
            without_tags(self.service)
            running.made(self.service)
            self.service.node.add_dependency(self.infrastructure_role)
            # CDK says the dependency on a role, which the service names, along with that on its policies.
            self.service.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
            self._connections = self._way_in()
            # AWS does not say whether it has a scheme.
            host = Fn.join("", Fn.split(_SCHEME, self.service.attr_endpoint))
            self.url = f"{_SCHEME}{host}"
            self._requests = self._measured_requests()
            self._load = task_metrics(
                self.cluster.cluster_name,
                Fn.select(2, Fn.split("/", self.service.attr_service_arn)),
                insights=running.insights,
            )
            self._watch.requests(self._requests)
            self._watch.saturation(self._load, least=scaling.min, most=scaling.grows_to)
            self._watch.failed_deployments([self.service.attr_service_arn])
            self._watch.show(self._load, self._requests)
            self._off.apply()
            running.reach()

    def _infrastructure(self) -> iam.Role:
        role = own_role(
            self,
            "InfrastructureRole",
            description=f"Makes and keeps the load balancer of {self.node.path}"[:1000],
            principal=ecs_principal(),
            granted_later=True,
        )
        role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(_POLICY))
        reason = "what Express does with it is AWS's own, and changes with it; only Amazon ECS takes it"
        arn = f"arn:<AWS::Partition>:iam::aws:policy/{_POLICY}"
        waive(role, Waiver(f"AwsSolutions-IAM4[Policy::{arn}]", reason=reason))
        return role

    def _way_in(self) -> ec2.Connections:
        """By the group of the load balancer, of which AWS tells the id or the ARN, and does not say which."""
        told = Fn.select(0, self.service.attr_ecs_managed_resource_arns_ingress_path_load_balancer_security_groups)
        group = ec2.SecurityGroup.from_security_group_id(self, "WayIn", f"sg-{after('sg-', told)}")
        return ec2.Connections(security_groups=[group], default_port=ec2.Port.tcp(443))

    def _measured_requests(self) -> RequestMetrics:
        """Of its two groups of targets alone: the load balancer serves others too."""
        balancer = after(":loadbalancer/", self.service.attr_ecs_managed_resource_arns_ingress_path_load_balancer_arn)
        groups = self.service.attr_ecs_managed_resource_arns_ingress_path_target_group_arns
        return group_metrics(balancer, [Fn.select(5, Fn.split(":", Fn.select(index, groups))) for index in _GROUPS])


def _measure(scaling: Scaling) -> dict[str, Any]:
    if scaling.requests_per_target is not None:
        return {
            "autoScalingMetric": "REQUEST_COUNT_PER_TARGET",
            "autoScalingTargetValue": scaling.requests_per_target,
        }
    return {"autoScalingMetric": "AVERAGE_CPU", "autoScalingTargetValue": scaling.cpu or DEFAULT_CPU_PERCENT}


def _check_requests(path: str, port: object, health: HealthCheck | None) -> None:
    """Refuse a program that nothing can be asked of, and what Express decides itself."""
    if port is None:
        raise invalid(path, "port", port, allowed="the port on which the program listens", write="port=8080")
    for name in ("interval", "timeout", "healthy", "unhealthy", "grace"):
        if health is not None and getattr(health, name) is not None:
            allowed = "a path only: Express asks every 30 seconds, and nobody can change it"
            write = f'HealthCheck(path="{health.path}")'
            raise invalid(path, "health_check", f"HealthCheck({name}=...)", allowed=allowed, write=write)
