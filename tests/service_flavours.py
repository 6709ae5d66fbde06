"""Every way in which services are built by the tests that go over all constructs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import App, CfnParameter, Duration, Environment, Size, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_servicediscovery as servicediscovery
from aws_cdk import aws_signer as signer
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_wafv2 as wafv2

from secure_containers import (
    CodeSource,
    CpuArchitecture,
    Deployment,
    Discovery,
    Domain,
    EcrImage,
    FileMount,
    HealthCheck,
    HostCapacity,
    PrivateAppRunnerService,
    PrivateExpressService,
    PrivateNetwork,
    Scaling,
    SecretField,
    SecureEcrRepository,
    SecureEcsCluster,
    SecureFargateService,
    SecureFargateTask,
    SecureFargateWorker,
    SecureParameter,
    ServiceLimits,
    Tracing,
    TrustedSigners,
    Waiver,
)
from tests.support import ACCOUNT, DIGEST, REGION

_REASON = "a study of ours that nobody relies on, and that is gone next week"
_SOMEWHERE = Environment(account=ACCOUNT, region=REGION)
_GOVCLOUD = Environment(account=ACCOUNT, region="us-gov-west-1")
_CHINA = Environment(account=ACCOUNT, region="cn-north-1")
_NAME = "orders.example.com"
_PORT = 8080
_CERTIFICATE = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
_ANCHOR = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
_NIGHTLY = scheduler.ScheduleExpression.cron(hour="2", minute="0")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What services stand on."""

    stack: Stack
    network: PrivateNetwork
    image: EcrImage

    @classmethod
    def of(cls, app: App, name: str, env: Environment | None = None) -> _Place:
        stack = Stack(app, name, env=env)
        image = SecureEcrRepository(stack, "Images").image(digest=DIGEST)
        return cls(stack=stack, network=PrivateNetwork(stack, "Network"), image=image)

    @property
    def given(self) -> dict[str, Any]:
        return {"network": self.network, "image": self.image}

    def domain(self, name: str = _NAME, **more: Any) -> Domain:
        made = self.stack.node.try_find_child("Certificate")
        if made is None:
            arn = self.stack.format_arn(service="acm", resource="certificate", resource_name=_CERTIFICATE)
            made = acm.Certificate.from_certificate_arn(self.stack, "Certificate", arn)
        return Domain(name=name, certificate=made, **more)

    def fargate(self, id: str = "Orders", **arguments: Any) -> SecureFargateService:
        given = {**self.given, "port": _PORT, "domain": self.domain(f"{id.lower()}.example.com")}
        return SecureFargateService(self.stack, id, **(given | arguments))

    def express(self, id: str = "Orders", **arguments: Any) -> PrivateExpressService:
        return PrivateExpressService(self.stack, id, **({**self.given, "port": _PORT} | arguments))

    def app_runner(self, id: str = "Orders", **arguments: Any) -> PrivateAppRunnerService:
        given = {**self.given, "port": _PORT, "existing_customer": True}
        return PrivateAppRunnerService(self.stack, id, **(given | arguments))

    def worker(self, id: str = "Worker", **arguments: Any) -> SecureFargateWorker:
        given = {**self.given, "health_command": ["/app/healthy"]}
        return SecureFargateWorker(self.stack, id, **(given | arguments))

    def task(self, id: str = "Report", **arguments: Any) -> SecureFargateTask:
        return SecureFargateTask(self.stack, id, **(self.given | arguments))

    def key(self) -> kms.Key:
        return kms.Key(self.stack, "Key", enable_key_rotation=True)

    def settings(self, key: kms.IKey) -> dict[str, Any]:
        """What every engine can be told."""
        secret = secretsmanager.Secret(self.stack, "Secret", encryption_key=key)
        parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
            self.stack, "Parameter", parameter_name="/orders/partner"
        )
        return {
            "cpu": 1,
            "memory": Size.gibibytes(2),
            "command": ["serve", "--port", str(_PORT)],
            "environment": {"LEVEL": "info"},
            "secrets": {
                "PASSWORD": secret,
                "USER_NAME": SecretField(secret=secret, field="user"),
                "PARTNER": SecureParameter(parameter=parameter, encryption_key=key),
            },
            "services": ["dynamodb", "sqs"],
            "limits": ServiceLimits(error_percent=1, latency=Duration.millis(500), utilization=80),
            "topic": sns.Topic(self.stack, "Topic", master_key=key, enforce_ssl=True),
            "encryption_key": key,
            "log_retention": logs.RetentionDays.FIVE_YEARS,
        }

    def task_settings(self) -> dict[str, Any]:
        """What tasks can be told besides."""
        vpc, subnets = self.network.vpc, self.network.subnets
        group = ec2.SecurityGroup(self.stack, "FilesGroup", vpc=vpc, description="files", allow_all_outbound=False)
        files = efs.FileSystem(
            self.stack,
            "Files",
            vpc=vpc,
            vpc_subnets=subnets,
            security_group=group,
            encrypted=True,
            allow_anonymous_access=True,  # else CDK writes a policy for anybody
        )
        user = efs.PosixUser(uid="65532", gid="65532")
        point = files.add_access_point("Point", path="/orders", posix_user=user)
        collector = SecureEcrRepository(self.stack, "Tools").image(digest=DIGEST)
        return {
            "architecture": CpuArchitecture.ARM64,
            "user": "1000:1000",
            "scratch": ["/scratch"],
            "file_mounts": [FileMount(access_point=point, path="/data")],
            "ephemeral_storage": Size.gibibytes(50),
            "tracing": Tracing(collector=collector),
        }


def fargate_defaults(app: App) -> None:
    _Place.of(app, "Fargate").fargate()


def fargate_with_everything_asked_for(app: App) -> None:
    place = _Place.of(app, "FargateOfAll", _SOMEWHERE)
    stack, network = place.stack, place.network
    zone = route53.PrivateHostedZone(stack, "Zone", zone_name="example.com", vpc=network.vpc)
    names = servicediscovery.PrivateDnsNamespace(stack, "Names", name="internal", vpc=network.vpc)
    key = place.key()
    service = place.fargate(
        **place.settings(key),
        **place.task_settings(),
        domain=place.domain(zone=zone, weight=10),
        health_check=HealthCheck(path="/health?deep=1", interval=Duration.seconds(20), healthy=3, unhealthy=5),
        scaling=Scaling(min=3, max=50, requests_per_target=1000),
        deployment=Deployment.rolling(),
        target_tls=True,
        web_acl=_web_acl(stack),
        discovery=Discovery(namespace=names, name="orders"),
    )
    router = SecureEcrRepository(stack, "Router").image(digest=DIGEST)
    service.task.add_sidecar(
        "Router",
        image=router,
        user="2000:2000",
        memory=Size.mebibytes(128),
        log_router={"Name": "cloudwatch_logs", "region": REGION, "log_group_name": service.log_group.log_group_name},
        services=["logs"],
    )
    service.add_alarm_target(sns.Topic(stack, "Other", master_key=key, enforce_ssl=True))
    client = network.add_security_group("Clients", description="clients of orders")
    service.connections.allow_default_port_from(client)


def fargate_deployments(app: App) -> None:
    place = _Place.of(app, "Deployments")
    cluster = SecureEcsCluster(place.stack, "Cluster", network=place.network)
    for id, deployment in (
        ("Canary", Deployment.canary()),
        ("Linear", Deployment.linear(percent=10, wait=Duration.minutes(7))),
        ("BlueGreen", Deployment.blue_green(bake=Duration.hours(1))),
    ):
        place.fargate(id, cluster=cluster, deployment=deployment)


def fargate_signed(app: App) -> None:
    place = _Place.of(app, "Signed", _SOMEWHERE)
    platform = signer.Platform.NOTATION_OCI_SHA384_ECDSA
    profiles = [signer.SigningProfile(place.stack, f"Profile{index}", platform=platform) for index in range(2)]
    proxy = SecureEcrRepository(place.stack, "Tools").image(digest=DIGEST)
    service = place.fargate(
        trusted_signers=TrustedSigners(profiles=profiles, unsigned=[proxy], trust_anchors=_ANCHOR),
        deployment=Deployment.canary(percent=6),
    )
    service.task.add_sidecar("Proxy", image=proxy, user="1000:1000")
    place.fargate("Payments", trusted_signers=TrustedSigners(profiles=profiles[:1]))


def services_on_hosts(app: App) -> None:
    place = _Place.of(app, "OnHosts")
    cluster = SecureEcsCluster(place.stack, "Cluster", network=place.network)
    x86 = cluster.add_capacity("Hosts")
    arm = cluster.add_capacity("Arm", HostCapacity(architecture=CpuArchitecture.ARM64, min=3, max=20))
    secret = secretsmanager.Secret(place.stack, "Secret")
    place.fargate(cluster=cluster, capacity=x86, secrets={"PASSWORD": secret}, scratch=["/tmp"])  # noqa: S108 - in memory
    place.worker(cluster=cluster, capacity=arm, architecture=CpuArchitecture.ARM64, cpu=0.3)


def fargate_with_a_shell(app: App) -> None:
    waivers = [Waiver("SC-ECS-04", reason=_REASON)]
    _Place.of(app, "Shell").fargate(execute_command=True, waivers=waivers)


def fargate_waived(app: App) -> None:
    place = _Place.of(app, "FargateWaived")
    waived = {
        *("SC-ECS-03", "SC-ECS-04", "SC-ECS-13", "SC-ELB-02", "SC-DEL-01", "SC-KMS-01"),
        *("SC-ELB-03[access_logs.s3.enabled]", "SC-ELB-03[connection_logs.s3.enabled]"),
        "SC-ELB-04[deletion_protection.enabled]",
        "SC-ELB-05[routing.http.drop_invalid_header_fields.enabled]",
    }
    waivers = [Waiver(rule, reason=_REASON) for rule in sorted(waived)]
    place.fargate(user="root", scaling=Scaling(min=1), runtime_monitoring=False, waivers=waivers)
    waivers = [Waiver(rule, reason=_REASON) for rule in ("SC-ECS-12", "SC-DEL-01", "SC-KMS-01")]
    cluster = SecureEcsCluster(place.stack, "Cluster", network=place.network, waivers=waivers)
    place.worker(cluster=cluster, health_command=None, waivers=[Waiver("SC-ECS-09", reason=_REASON)])


def services_of_imported_parts(app: App) -> None:
    place = _imported(app)
    stack, network = place.stack, place.network
    vpc, group = network.vpc, ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0a1b2c3d")
    cluster = ecs.Cluster.from_cluster_attributes(
        stack, "Cluster", cluster_name="shared", vpc=vpc, security_groups=[group]
    )
    key, topic = (
        stack.format_arn(service=service, resource=resource, resource_name=name)
        for service, resource, name in (("kms", "key", "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"), ("sns", "people", None))
    )
    given: dict[str, Any] = {
        "topic": sns.Topic.from_topic_arn(stack, "Topic", topic),
        "encryption_key": kms.Key.from_key_arn(stack, "Key", key),
    }
    tasks = {**given, "cluster": cluster, "runtime_monitoring": False}
    service = place.fargate(**tasks)
    service.connections.allow_default_port_from(group)
    place.worker(**tasks)
    task = place.task(**tasks)
    task.add_schedule("Nightly", schedule=_NIGHTLY)
    task.grant_run(iam.Role.from_role_name(stack, "Operator", "operator"))
    place.express("Payments", **tasks)
    place.app_runner("Old", **given)


def services_over_stacks(app: App) -> None:
    home = Stack(app, "Home")
    network = PrivateNetwork(home, "Network")
    cluster = SecureEcsCluster(home, "Cluster", network=network)
    image = SecureEcrRepository(Stack(app, "Images"), "Images").image(digest=DIGEST)
    orders, payments = (_Place(stack=Stack(app, id), network=network, image=image) for id in ("Orders", "Payments"))
    secret = secretsmanager.Secret(home, "Secret")
    service = orders.fargate(cluster=cluster, secrets={"PASSWORD": secret})
    task = orders.task(cluster=cluster)
    task.add_schedule("Nightly", schedule=_NIGHTLY)
    operators = Stack(app, "Operators")
    task.grant_run(iam.Role(operators, "Operator", assumed_by=iam.ServicePrincipal("states.amazonaws.com")))
    client = payments.worker(cluster=cluster, secrets={"PASSWORD": secret})
    service.connections.allow_default_port_from(client.outbound)
    payments.express(cluster=cluster)
    payments.app_runner("Old")


def services_of_tokens(app: App) -> None:
    """Where only a deployment tells what is used."""
    place = _Place.of(app, "Tokens")
    told = {
        id: CfnParameter(place.stack, id, **allowed).value_as_string
        for id, allowed in (
            *((name, {}) for name in ("Host", "CertificateArn", "Level", "WebAclArn", "Digest")),
            # What a rule asks for has to be told as far as that.
            ("Path", {"allowed_values": ["/health", "/ready"]}),
            ("Connection", {"allowed_pattern": "arn:.+"}),
        )
    }
    image = EcrImage.from_repository(place.image.repository, digest=told["Digest"])
    proof = acm.Certificate.from_certificate_arn(place.stack, "Proof", told["CertificateArn"])
    shared: dict[str, Any] = {
        "image": image,
        "environment": {"LEVEL": told["Level"]},
        "health_check": HealthCheck(path=told["Path"]),
    }
    place.fargate(**shared, domain=Domain(name=told["Host"], certificate=proof), web_acl=told["WebAclArn"])
    place.express("Payments", **shared)
    place.app_runner("Old", **shared, web_acl=told["WebAclArn"])
    place.app_runner("Built", image=None, source=_source(told["Connection"], runtime="NODEJS_22"))


def fargate_in_govcloud(app: App) -> None:
    place = _Place.of(app, "GovFargate", _GOVCLOUD)
    place.fargate(scratch=["/scratch"], deployment=Deployment.blue_green())
    place.worker(scratch=["/scratch"])
    task = place.task()
    task.add_schedule("Nightly", schedule=_NIGHTLY)


def fargate_in_china(app: App) -> None:
    place = _Place.of(app, "ChinaFargate", _CHINA)
    place.fargate(scratch=["/scratch"])


def workers_and_tasks(app: App) -> None:
    place = _Place.of(app, "Workers")
    place.worker()
    task = place.task()
    for id, command in (("Nightly", None), ("Noon", ["report", "--short"])):
        task.add_schedule(id, schedule=_NIGHTLY, command=command)


def workers_and_tasks_with_everything_asked_for(app: App) -> None:
    place = _Place.of(app, "WorkersOfAll", _SOMEWHERE)
    settings = {**place.settings(place.key()), **place.task_settings()}
    place.worker(**settings, scaling=Scaling(min=1, max=20, cpu=40))
    del settings["limits"]
    task = place.task(**settings)
    berlin = scheduler.ScheduleExpression.cron(hour="2", minute="0")
    task.add_schedule("Nightly", schedule=berlin)
    for id in ("One", "Two"):
        task.grant_run(iam.Role(place.stack, id, assumed_by=iam.ServicePrincipal("states.amazonaws.com")))


def express_defaults(app: App) -> None:
    _Place.of(app, "Express").express()


def express_services_with_everything_asked_for(app: App) -> None:
    place = _Place.of(app, "ExpressOfAll", _SOMEWHERE)
    cluster = SecureEcsCluster(place.stack, "Cluster", network=place.network)
    service = place.express(
        **place.settings(place.key()),
        **place.task_settings(),
        health_check=HealthCheck(path="/health"),
        scaling=Scaling(min=3, max=50, requests_per_target=1000),
        cluster=cluster,
    )
    service.task.add_sidecar("Proxy", image=place.image, essential=False, user="2000:2000")
    service.connections.allow_default_port_from(
        place.network.add_security_group("Clients", description="clients of orders")
    )
    waivers = [Waiver(rule, reason=_REASON) for rule in ("SC-ECS-04", "SC-ECS-13", "SC-DEL-01", "SC-KMS-01")]
    place.express("Payments", cluster=cluster, scaling=Scaling(min=1, max=1), waivers=waivers)


def express_in_govcloud(app: App) -> None:
    place = _Place.of(app, "GovExpress", _GOVCLOUD)
    place.express(scratch=["/scratch"])


def app_runner_defaults(app: App) -> None:
    _Place.of(app, "AppRunner").app_runner()


def app_runner_with_everything_asked_for(app: App) -> None:
    place = _Place.of(app, "AppRunnerOfAll", _SOMEWHERE)
    service = place.app_runner(
        **place.settings(place.key()),
        health_check=HealthCheck(path="/health", interval=Duration.seconds(20), timeout=Duration.seconds(10)),
        scaling=Scaling(min=1, max=25, concurrency=20),
        web_acl=_web_acl(place.stack),
        tracing=Tracing(),
    )
    clients = place.network.add_security_group("Clients", description="clients of orders")
    service.connections.allow_default_port_from(clients)
    place.app_runner("Sharing", endpoint=service.endpoint, cpu=0.25)


def app_runner_of_source(app: App) -> None:
    place = _Place.of(app, "AppRunnerOfSource", _SOMEWHERE)
    connection = place.stack.format_arn(service="apprunner", resource="connection", resource_name="github/0a1b2c3d")
    place.app_runner("ByFile", image=None, port=None, source=_source(connection))
    built = _source(connection, runtime="NODEJS_22", build_command="npm ci", branch="live", directory="/service")
    waivers = [Waiver("SC-APR-08[AutoDeploymentsEnabled]", reason=_REASON)]
    place.app_runner(
        image=None, source=built, command=["node", "server.js"], automatic_deployments=True, waivers=waivers
    )


def app_runner_waived(app: App) -> None:
    place = _Place.of(app, "AppRunnerWaived")
    waivers = [Waiver(rule, reason=_REASON) for rule in ("SC-APR-01", "SC-DEL-01", "SC-KMS-01")]
    place.app_runner(waivers=waivers)


def services_of_every_engine(app: App) -> None:
    """Over one network and one cluster, and a second one beside the first."""
    place = _Place.of(app, "Engines")
    cluster = SecureEcsCluster(place.stack, "Cluster", network=place.network)
    for id in ("First", "Second"):
        place.fargate(f"{id}Fargate", cluster=cluster)
        place.express(f"{id}Express", cluster=cluster)
        place.app_runner(f"{id}Old")
    place.fargate("Alone")
    place.fargate("AloneToo")


def _imported(app: App) -> _Place:
    """A VPC and a repository that somebody else made."""
    stack = Stack(app, "ImportedParts", env=_SOMEWHERE)
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0a1b2c3d",
        availability_zones=[f"{REGION}a", f"{REGION}b"],
        isolated_subnet_ids=["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
        isolated_subnet_route_table_ids=["rtb-0a1b2c3d", "rtb-1a1b2c3d"],
    )
    repository = ecr.Repository.from_repository_name(stack, "Images", "orders")
    image = EcrImage.from_repository(repository, digest=DIGEST, architecture=CpuArchitecture.X86_64)
    return _Place(stack=stack, network=PrivateNetwork(stack, "Network", vpc=vpc), image=image)


def _source(connection: str, **more: Any) -> CodeSource:
    return CodeSource(repository_url="https://github.com/example/orders", connection_arn=connection, **more)


def _web_acl(stack: Stack) -> wafv2.CfnWebACL:
    visible = {"cloudWatchMetricsEnabled": True, "metricName": "orders", "sampledRequestsEnabled": False}
    common = {"vendorName": "AWS", "name": "AWSManagedRulesCommonRuleSet"}
    rule = {
        "name": "Common",
        "priority": 0,
        "overrideAction": {"none": {}},
        "statement": {"managedRuleGroupStatement": common},
        "visibilityConfig": visible,
    }
    return wafv2.CfnWebACL(
        stack, "Acl", default_action={"allow": {}}, scope="REGIONAL", visibility_config=visible, rules=[rule]
    )


SERVICE_BUILDERS: Sequence[Callable[[App], None]] = (
    fargate_defaults,
    fargate_with_everything_asked_for,
    fargate_deployments,
    fargate_signed,
    services_on_hosts,
    fargate_with_a_shell,
    fargate_waived,
    services_of_imported_parts,
    services_over_stacks,
    services_of_tokens,
    fargate_in_govcloud,
    fargate_in_china,
    workers_and_tasks,
    workers_and_tasks_with_everything_asked_for,
    express_defaults,
    express_services_with_everything_asked_for,
    express_in_govcloud,
    app_runner_defaults,
    app_runner_with_everything_asked_for,
    app_runner_of_source,
    app_runner_waived,
    services_of_every_engine,
)
