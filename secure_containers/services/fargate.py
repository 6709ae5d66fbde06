"""`SecureFargateService`: a container that answers HTTPS on the private network, behind a load balancer of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from secure_containers.buckets import log_by_bucket_policy
from secure_containers.ecr import EcrImage
from secure_containers.errors import check_type, invalid
from secure_containers.network import PrivateNetwork
from secure_containers.services.balancer import ACCEPTED_POLICIES, InternalLoadBalancer
from secure_containers.services.capacity import Hosts
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.services.parts import (
    Deployment,
    Discovery,
    Domain,
    HealthCheck,
    Scaling,
    Scratch,
    ServiceLimits,
    Tracing,
    TrustedSigners,
)
from secure_containers.services.running import (
    DEFAULT_CPU_PERCENT,
    MAIN,
    NOT_MEASURED,
    Running,
    by_processors,
    run_settings,
)
from secure_containers.services.service import SERVICE_TYPES, PrivateWebService
from secure_containers.services.settings import (
    check_same_place,
    check_scaling,
    check_web_acl,
    check_zones,
)
from secure_containers.services.task import TASK_TYPES, ServiceTask
from secure_containers.services.watch import balancer_metrics
from secure_containers.tasks.checks import DEFAULT_USER
from secure_containers.tasks.parts import CpuArchitecture, FileMount, SecretField, SecureParameter
from secure_containers.tasks.roles import ecs_principal, own_role
from secure_containers.waivers import Waiver, waive

TYPES: Final = (
    *SERVICE_TYPES,
    *TASK_TYPES,
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ECS::Service",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
)
"""What a waiver of the service can be about."""
_TRAFFIC_ROLE: Final = "TrafficRole"
_LOOK: Final = (
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
)
_MOVE_TARGETS: Final = ("elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets")


class SecureFargateService(PrivateWebService):
    """A container on AWS Fargate that answers HTTPS on the private network, behind an internal load balancer.

    Unasked:

    - the load balancer is internal, speaks TLS 1.2 with forward secrecy and TLS 1.3 only, answers one host name only,
      refuses malformed requests, cannot be deleted by mistake, and logs every request and connection; plain HTTP is
      refused. Clients are let in one by one, by their security groups;
    - containers run by digest, not as root, with a read-only root, without capabilities, with an init process; secrets
      come from Secrets Manager or Systems Manager only; nobody can open a shell;
    - the task's role may do nothing until it is granted, another one starts it: its images, its log group, its secrets
      and no more. Both can be taken for this account's tasks only;
    - tasks are in private subnets without public addresses; their security group lets in the load balancer and lets out
      to nothing but the endpoints of what they need. GuardDuty's agent may run beside them;
    - a deployment goes back by itself when tasks do not get healthy, or when an alarm goes off while it runs; tasks are
      spread over zones, two at least, up to ten by how busy their processors are;
    - an encrypted log group with an end; alarms on answers of 5xx, on slow answers, on tasks that are ill, on full
      processors and memory, on failed deployments; a dashboard. **Nobody is subscribed to the topic** that is made: do
      that next.

    Args:
        scope: the parent.
        id: the construct id.
        network: where it runs. For a VPC that is there already, `PrivateNetwork(self, "Network", vpc=vpc)`.
        image: what runs, by its digest.
        port: the TCP port on which the program listens, 1024 to 65535.
        domain: the host name by which clients find it, with its certificate.
        cpu: how many vCPUs a task has, one of Fargate's sizes. Left out: half a one.
        memory: how much memory a task has, what goes with the vCPUs. Left out: 2 GiB for each vCPU, or the least.
        command: the command, in place of the image's own.
        environment: variables. What looks like a credential is refused.
        secrets: variables that are filled from secrets or parameters when a task starts. Of a parameter that is
            encrypted with a key of yours, `SecureParameter` names the key.
        services: services of AWS that the program calls, as endpoints are named, such as `"dynamodb"`.
        health_check: how the load balancer asks whether a task is well. Left out: `/`, every 10 seconds.
        scaling: how many tasks run. Left out: 2 to 10, with their processors 60 % busy.
        deployment: how a new version takes the place of the old one. Left out: task by task; with `trusted_signers`
            all at once, since Amazon ECS asks nobody before a rolling deployment.
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
        execute_command: let people with permission open a shell in a task. Needs a waiver of SC-ECS-04: a container
            that takes one cannot have a read-only root. What happens in it is encrypted and recorded.
        target_tls: the program speaks HTTPS on its port, so that the way from the load balancer to it is encrypted too.
            The load balancer does not check its certificate: one that the program makes itself will do.
        tls_policy: another one of the policies that control ELB.17 accepts.
        web_acl: a web ACL of AWS WAF, or its ARN.
        tracing: traces in AWS X-Ray. Left out, none.
        discovery: a name by which other programs find the tasks themselves, with `target_tls` only. Each is let in by
            `client.outbound.allow_to(service.task, ec2.Port.tcp(port))`; in a deployment by traffic they find new tasks
            as soon as these run. Left out, there is none.
        runtime_monitoring: GuardDuty's agent may run beside a task. False where the account has no runtime monitoring,
            or the addresses of an imported VPC are not told.
        trusted_signers: deploy images only that one of these has signed.
        limits: from where on people hear of it. Left out: 5 % of 5xx, 2 seconds, 90 %.
        topic: where alarms go. The policies of an imported topic and of its key have to let CloudWatch and EventBridge
            in. Left out, an encrypted one is made.
        encryption_key: encrypts logs, and the storage of a cluster of its own. The policy of an imported key has to let
            CloudWatch Logs, and Fargate, use it. Left out, one is made.
        log_retention: how long logs are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver.

    Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-best-practices.html and
    https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html
    """

    task: ServiceTask
    """What runs: its roles, its definition, its log group; sidecars by `task.add_sidecar`."""
    service: ecs.CfnService
    """The service, for what this class does not show."""
    cluster: ecs.ICluster
    """Where it runs."""
    load_balancer: elbv2.ApplicationLoadBalancer
    """Its own, within the network."""
    listener: elbv2.ApplicationListener
    """HTTPS, for its one name."""
    target_group: elbv2.ApplicationTargetGroup
    """The tasks; with a deployment by traffic, one of two groups."""
    log_group: logs.LogGroup
    """Where the output of its containers goes."""
    access_log_bucket: s3.IBucket | None
    """Where requests and connections are logged; None only if both findings of SC-ELB-03
    are waived."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        image: EcrImage,
        port: int,
        domain: Domain,
        cpu: float = 0.5,
        memory: Size | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret | ssm.IParameter | SecretField | SecureParameter] | None = None,
        services: Sequence[str] = (),
        health_check: HealthCheck | None = None,
        scaling: Scaling | None = None,
        deployment: Deployment | None = None,
        cluster: SecureEcsCluster | ecs.ICluster | None = None,
        capacity: Hosts | None = None,
        architecture: CpuArchitecture = CpuArchitecture.X86_64,
        user: str = DEFAULT_USER,
        scratch: Sequence[str | Scratch] = (),
        file_mounts: Sequence[FileMount] = (),
        ephemeral_storage: Size | None = None,
        stop_timeout: Duration | None = None,
        execute_command: bool = False,
        target_tls: bool = False,
        tls_policy: elbv2.SslPolicy = elbv2.SslPolicy.TLS13_RES,
        web_acl: wafv2.CfnWebACL | str | None = None,
        tracing: Tracing | None = None,
        discovery: Discovery | None = None,
        runtime_monitoring: bool = True,
        trusted_signers: TrustedSigners | None = None,
        limits: ServiceLimits | None = None,
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        super().__init__(scope, id, waivers=waivers, types=TYPES)
        with self._or_nothing():
            run = run_settings(
                self,
                self._off,
                network=network,
                port=port,
                cpu=cpu,
                memory=memory,
                command=command,
                environment=environment,
                secrets=secrets,
                services=services,
                health_check=health_check,
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
                architecture=architecture,
                ephemeral_storage=ephemeral_storage,
                cluster=cluster,
                capacity=capacity,
                deployment=deployment,
                stop_timeout=stop_timeout,
                execute_command=execute_command,
                runtime_monitoring=runtime_monitoring,
                trusted_signers=trusted_signers,
            )
            _check_way_in(
                self._path,
                scope,
                network,
                port=port,
                domain=domain,
                target_tls=target_tls,
                tls_policy=tls_policy,
                acl=web_acl,
            )
            _check_discovery(self._path, discovery, target_tls=target_tls)
            scaling, health = scaling or Scaling(), health_check or HealthCheck()
            check_scaling(self._path, scaling, self._off, measures=NOT_MEASURED)
            _check_measure(self._path, scaling, run.chosen)
            _check_share(self._path, run.chosen, limits or ServiceLimits())
            log_by_bucket_policy(self)
            self._found(key=encryption_key, topic=topic, limits=limits, title=f"Alarms of {id}"[:100])
            way_in = InternalLoadBalancer(
                self,
                "WayIn",
                network=network,
                domain=domain,
                port=port,
                health=health,
                target_tls=target_tls,
                tls_policy=tls_policy,
                two_groups=run.chosen.by_traffic,
                web_acl=web_acl,
                off=self._off,
                removal=self._removal,
            )
            self.load_balancer, self.listener = way_in.load_balancer, way_in.listener
            self.target_group = way_in.target_group
            self.access_log_bucket, self._connections = way_in.log_bucket, way_in.connections
            running = Running(self, network=network, settings=run, key=self.encryption_key, removal=self._removal)
            self.cluster, self.task, self.role = running.cluster, running.task, running.task.role
            self.log_group, self._outbound = self.task.log_group, self.task.connections
            way_in.let_out(self.task, port)
            groups = {"Unhealthy": way_in.target_group, "OtherUnhealthy": way_in.alternate}
            self._requests = balancer_metrics(
                self.load_balancer.load_balancer_full_name,
                {alarm: group.target_group_full_name for alarm, group in groups.items() if group is not None},
            )
            # Errors and latency, not illness: while a deployment brings tasks, some are not well yet.
            told = self._watch.requests(self._requests)
            self.service = running.start(
                behind=self._behind(way_in, port),
                rollback=told[:2],
                grace_seconds=health.grace_seconds,
                discovery=discovery,
            )
            # A target group that no listener knows takes no tasks; without its policy the role moves no requests.
            traffic = self.node.try_find_child(_TRAFFIC_ROLE)
            self.service.node.add_dependency(way_in.rule, *([traffic] if traffic is not None else []))
            running.scale(scaling, self._measure(scaling))
            self.url = f"https://{domain.name}"
            self._load = running.metrics
            self._watch.saturation(self._load, least=scaling.min, most=scaling.grows_to)
            self._watch.failed_deployments([self.service.ref])
            self._watch.show(self._load, self._requests)
            self._off.apply()
            running.reach()

    def _behind(self, way_in: InternalLoadBalancer, port: int) -> dict[str, Any]:
        """The tasks' place behind the load balancer, as the service is told."""
        behind: dict[str, Any] = {
            "containerName": MAIN,
            "containerPort": port,
            "targetGroupArn": way_in.target_group.target_group_arn,
        }
        if way_in.alternate is not None:
            behind["advancedConfiguration"] = {
                "alternateTargetGroupArn": way_in.alternate.target_group_arn,
                "productionListenerRule": way_in.rule.listener_rule_arn,
                "roleArn": self._traffic_role(way_in, way_in.alternate).role_arn,
            }
        return behind

    def _traffic_role(self, way_in: InternalLoadBalancer, alternate: elbv2.ApplicationTargetGroup) -> iam.Role:
        """Moves requests from one set of tasks to the other: as AWS's own policy for it, but on what is this service's.

        Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html
        """
        role = own_role(
            self,
            _TRAFFIC_ROLE,
            description=f"Moves the requests of {self.node.path} in deployments"[:1000],
            principal=ecs_principal(),
        )
        groups = [way_in.target_group.target_group_arn, alternate.target_group_arn]
        for actions, resources in (
            (_LOOK, ["*"]),
            (_MOVE_TARGETS, groups),
            (("elasticloadbalancing:ModifyListener",), [way_in.listener.listener_arn]),
            (("elasticloadbalancing:ModifyRule",), [way_in.rule.listener_rule_arn]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources))
        reason = f"AWS has no resource level for {', '.join(_LOOK)}; what changes something names its resource"
        waive(role, Waiver("AwsSolutions-IAM5[Resource::*]", reason=reason))
        return role

    def _measure(self, scaling: Scaling) -> dict[str, Any]:
        if scaling.requests_per_target is None:
            return by_processors(scaling.cpu or DEFAULT_CPU_PERCENT)
        label = f"{self.load_balancer.load_balancer_full_name}/{self.target_group.target_group_full_name}"
        return {
            "targetValue": scaling.requests_per_target,
            "predefinedMetricSpecification": {
                "predefinedMetricType": "ALBRequestCountPerTarget",
                "resourceLabel": label,
            },
        }


def _check_way_in(
    path: str,
    scope: Construct,
    network: PrivateNetwork,
    *,
    port: object,
    domain: Domain,
    target_tls: bool,
    tls_policy: elbv2.SslPolicy,
    acl: object,
) -> None:
    """Refuse what the load balancer cannot be."""
    if port is None:
        raise invalid(path, "port", port, allowed="the port on which the program listens", write="port=8080")
    _check_domain(path, domain)
    write = "a certificate of AWS Certificate Manager in that Region"
    check_same_place(path, "domain", domain.certificate.certificate_arn, Stack.of(scope), write=write)
    check_type(path, "target_tls", target_tls, bool, allowed="True or False", write="target_tls=True")
    if getattr(tls_policy, "name", None) not in ACCEPTED_POLICIES:
        allowed = ", ".join(ACCEPTED_POLICIES)
        raise invalid(path, "tls_policy", tls_policy, allowed=allowed, write="tls_policy=SslPolicy.TLS13_RES")
    check_web_acl(path, acl, Stack.of(scope))
    check_zones(path, network)


def _check_discovery(path: str, discovery: Discovery | None, *, target_tls: bool) -> None:
    write = 'discovery=Discovery(namespace=namespace, name="orders")'
    check_type(path, "discovery", discovery, Discovery, allowed="a Discovery", write=write)
    if discovery is not None and not target_tls:
        allowed = "with target_tls only: past the load balancer nobody else encrypts"
        raise invalid(path, "discovery", discovery.name, allowed=allowed, write="target_tls=True, discovery=...")


def _check_domain(path: str, domain: object) -> None:
    if not isinstance(domain, Domain):
        allowed = "a Domain: the name by which clients find it, and its certificate"
        write = 'domain=Domain(name="orders.example.com", certificate=certificate)'
        raise invalid(path, "domain", domain, allowed=allowed, write=write)


def _check_measure(path: str, scaling: Scaling, deployment: Deployment) -> None:
    if scaling.requests_per_target is not None and deployment.by_traffic:
        allowed = "with a rolling deployment only: AWS counts requests for one target group, and here are two"
        write = "Scaling(cpu=60), or deployment=Deployment.rolling()"
        raise invalid(path, "scaling", "Scaling(requests_per_target=...)", allowed=allowed, write=write)


def _check_share(path: str, deployment: Deployment, limits: ServiceLimits) -> None:
    """Refuse a first step that no alarm could notice, if all of its requests failed."""
    if deployment.percent is not None and deployment.percent <= limits.error_percent:
        allowed = f"more than error_percent of limits, {limits.error_percent:g}: fewer failures among all are no alarm"
        write = f"percent={int(limits.error_percent) + 5}, or limits=ServiceLimits(error_percent=1)"
        raise invalid(path, "deployment", f"percent={deployment.percent}", allowed=allowed, write=write)
