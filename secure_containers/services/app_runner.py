"""`PrivateAppRunnerService`: a container that answers HTTPS on the private network, on AWS App Runner."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jsii
from aws_cdk import Duration, Fn, Size, Stack, Token
from aws_cdk import aws_apprunner as apprunner
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from secure_containers.custom_resource import kept_log_groups
from secure_containers.ecr import EcrImage
from secure_containers.errors import check_type, invalid
from secure_containers.grants import grant_unbound
from secure_containers.logs import RETENTION_DAYS, allow_logs
from secure_containers.network import PrivateNetwork
from secure_containers.rules.app_runner_sizes import SIZES, memory_for
from secure_containers.security_groups import closed_group
from secure_containers.services.parts import HealthCheck, Scaling, ServiceLimits, Tracing
from secure_containers.services.service import SERVICE_TYPES, PrivateWebService
from secure_containers.services.settings import check_plain_key, check_same_place, check_shared, check_web_acl
from secure_containers.services.source import CodeSource
from secure_containers.services.watch import MINUTE, LoadMetrics, RequestMetrics, error_percent
from secure_containers.tasks.checks import check_image
from secure_containers.tasks.parts import CpuArchitecture, SecretField, SecureParameter
from secure_containers.tasks.permissions import TRACE_ACTIONS, let_read, value_from
from secure_containers.tasks.roles import own_role
from secure_containers.tasks.tags import without_tags
from secure_containers.waivers import DefaultsOff, Waiver, waiver_line

REGIONS: Final = (
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
"""Where there is App Runner."""
_TYPES: Final = (*SERVICE_TYPES, "AWS::AppRunner::Service", "AWS::EC2::VPCEndpoint")
_REQUESTS: Final = "apprunner.requests"
_CONCURRENCY: Final = 100
_LONGER: Final = Duration.minutes(5)
_MOST_COPIES: Final = 25
"""By the quota of App Runner."""
_AUTOMATIC: Final = "SC-APR-08[AutoDeploymentsEnabled]"
_PORT_VARIABLE: Final = "PORT"
"""App Runner's own: https://docs.aws.amazon.com/apprunner/latest/dg/env-variable-manage.html"""
_RESERVED: Final = "AWSAPPRUNNER"
"""What names of its own begin with."""
_FAILED: Final = ("CreateServiceFailed", "DeploymentFailed", "UpdateServiceFailed")
_ALTERNATIVES: Final = (
    "SecureFargateService(..., domain=...), or PrivateExpressService(...), with the same arguments; "
    "existing_customer=True if this account had services before that day"
)


class PrivateAppRunnerService(PrivateWebService):
    """A container on AWS App Runner that answers HTTPS on the private network.

    **AWS has closed App Runner to new customers on 2026-04-30.** Whoever had services before that day can go on making
    them; new work belongs on `SecureFargateService` or `PrivateExpressService`, with the same arguments and outputs.

    Unasked:

    - nobody reaches it from the internet: clients come by an interface endpoint of its own, let in one by one by their
      security groups; TLS is App Runner's;
    - what the program sends goes through the VPC, into subnets without a way to the internet, by a security group that
      lets out to nothing but the endpoints of what it calls;
    - an image by its digest; a role that reads this one repository, and another one for the program, which may do
      nothing until it is granted; secrets from Secrets Manager or Systems Manager only;
    - encrypted with a key of yours; its log groups, which App Runner makes, get this key and an end;
    - 2 to 10 copies by how many requests each has; a health check by HTTP; alarms on answers of 5xx, on slow answers,
      on full processors and memory, on failed deployments; a dashboard. **Nobody is subscribed to the topic** that is
      made: do that next.

    What App Runner does not have: a read-only root, a user, capabilities, ARM, a host name of yours for private
    services, an end of what it keeps for going back. Endpoint policies do not exist for it either: who is let in is
    decided by security groups alone. Nothing has a physical name, and nothing carries an app's tags: a change of them
    would replace the service, and with that its host name.

    Args:
        scope: the parent.
        id: the construct id.
        network: where clients are, and what the program reaches.
        image: what runs, by its digest. Either this or `source`.
        source: the repository from which App Runner builds what runs.
        port: the TCP port on which the program listens, 1024 to 65535. None only if `source` has no runtime.
        existing_customer: this account had App Runner services before 2026-04-30. It has to be said.
        cpu: how many vCPUs each copy has: 0.25, 0.5, 1, 2 or 4. Left out: 1.
        memory: how much memory each copy has, what goes with the vCPUs. Left out: the least.
        command: the command, in place of the image's own.
        environment: variables. What looks like a credential is refused. `PORT` App Runner sets itself.
        secrets: variables that are filled from secrets or parameters when a copy starts. Of a parameter that is
            encrypted with a key of yours, `SecureParameter` names the key.
        services: services of AWS that the program calls, as endpoints are named, such as `"dynamodb"`.
        health_check: how App Runner asks whether a copy is well. Left out: `/`, every 10 seconds.
        scaling: how many copies run. Left out: 2 to 10, each with 100 requests at once.
        automatic_deployments: deploy whatever is pushed to the branch of `source`. Needs a waiver of
            `SC-APR-08[AutoDeploymentsEnabled]`: nobody looks at it before. An image is deployed by its digest, which
            nobody pushes anew.
        endpoint: an endpoint of `apprunner.requests` in the network's VPC that several services share; whoever it lets
            in reaches all of them. Left out, one of its own.
        web_acl: a web ACL of AWS WAF, or its ARN. Rules over addresses of clients do not work on private services.
        tracing: traces in AWS X-Ray. Left out, none.
        limits: from where on people hear of it. Left out: 5 % of 5xx, 2 seconds, 90 %.
        topic: where alarms go. The policies of an imported topic and of its key have to let CloudWatch and EventBridge
            in. Left out, an encrypted one is made.
        encryption_key: encrypts what App Runner stores, and logs; of one Region, not a multi-Region key. A change
            replaces the service. The policy of an imported key has to let CloudWatch Logs use it. Left out, one is
            made.
        log_retention: how long logs are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason. With one of SC-APR-01 anybody on
            the internet is a client: the service has no way in from the network, and `url` is its public one.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver, or App Runner is
            not there.

    Sources: https://docs.aws.amazon.com/apprunner/latest/dg/network-pl.html and
    https://docs.aws.amazon.com/apprunner/latest/dg/network-vpc.html
    """

    service: apprunner.CfnService
    """The service, for what this class does not show."""
    ingress: apprunner.CfnVpcIngressConnection | None
    """The clients' way in, which has the host name; None for a public service."""
    endpoint: ec2.IInterfaceVpcEndpoint | None
    """The endpoint by which clients come; None for a public service."""
    access_role: iam.Role | None
    """Reads the image; None for a source repository."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        image: EcrImage | None = None,
        source: CodeSource | None = None,
        port: int | None = None,
        existing_customer: bool = False,
        cpu: float = 1,
        memory: Size | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret | ssm.IParameter | SecretField | SecureParameter] | None = None,
        services: Sequence[str] = (),
        health_check: HealthCheck | None = None,
        scaling: Scaling | None = None,
        automatic_deployments: bool = False,
        endpoint: ec2.IInterfaceVpcEndpoint | None = None,
        web_acl: wafv2.CfnWebACL | str | None = None,
        tracing: Tracing | None = None,
        limits: ServiceLimits | None = None,
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        super().__init__(scope, id, waivers=waivers, types=_TYPES)
        path, public = self._path, self._off.waived("SC-APR-01")
        with self._or_nothing():
            _check_there(path, Stack.of(scope).region, existing_customer=existing_customer)
            check_shared(
                path,
                scope,
                network=network,
                port=port,
                cpu=cpu,
                memory=memory,
                command=command,
                environment=environment or {},
                secrets=secrets or {},
                services=services,
                health_check=health_check,
                scaling=scaling,
                tracing=tracing,
                limits=limits,
                topic=topic,
                encryption_key=encryption_key,
                log_retention=log_retention,
            )
            scaling, size = scaling or Scaling(), _size(path, cpu, memory)
            _check_scaling(path, scaling)
            _check_health(path, health_check)
            _check_source(path, image, source, port, automatic=automatic_deployments)
            given: dict[str, Any] = {"port": port, "command": command, "environment": environment, "secrets": secrets}
            if source is not None:
                _check_code(path, source, Stack.of(scope), given)
            _check_settings(path, command, {name: given[name] or {} for name in ("environment", "secrets")})
            check_plain_key(path, encryption_key)
            _check_retention(path, log_retention)
            _check_endpoint(path, endpoint, network)
            check_web_acl(path, web_acl, Stack.of(scope))
            _check_waived(path, self._off, image, endpoint, automatic=automatic_deployments)
            self._found(key=encryption_key, topic=topic, limits=limits, title=f"Alarms of {id}"[:100])
            self.role = self._role("Role", "tasks", f"What {path} may do")
            let_read(self.role, (secrets or {}).values())  # App Runner itself asks for them, past the network
            if tracing is not None:
                grant_unbound(self.role, "Trace", TRACE_ACTIONS)
            group = closed_group(self, "SecurityGroup", vpc=network.vpc, description=f"Copies of {path}")
            self._outbound = ec2.Connections(security_groups=[group])
            connector = apprunner.CfnVpcConnector(
                self,
                "Connector",
                subnets=[subnet.subnet_id for subnet in network.subnets.subnets or []],
                security_groups=[group.security_group_id],
            )
            settings = _Settings(
                port=port,
                command=command,
                environment={**network.environment, **(environment or {})},
                secrets={name: value_from(secret) for name, secret in (secrets or {}).items()},
            )
            self.access_role = self._access(image) if image is not None else None
            self.service = apprunner.CfnService(
                self,
                "Service",
                source_configuration=self._source(image, source, settings, automatic=automatic_deployments),
                instance_configuration={
                    "cpu": f"{cpu * 1024:g}",
                    "memory": f"{size.to_mebibytes():g}",
                    "instanceRoleArn": self.role.role_arn,
                },
                health_check_configuration=_health(health_check or HealthCheck()),
                auto_scaling_configuration_arn=self._scaled(scaling),
                network_configuration={
                    "ingressConfiguration": {"isPubliclyAccessible": public},
                    "egressConfiguration": {"egressType": "VPC", "vpcConnectorArn": connector.attr_vpc_connector_arn},
                },
                encryption_configuration={"kmsKey": self.encryption_key.key_arn},
                observability_configuration={"observabilityEnabled": False} if tracing is None else self._traced(),
            )
            if self.access_role is not None:
                self.service.node.add_dependency(self.access_role)
            self.service.node.add_dependency(self.role)
            # CDK says the dependency on a role, which the service names, along with that on its policies.
            self.service.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
            self.endpoint = None if public else endpoint or self._way_in(network)
            self.ingress = None if self.endpoint is None else self._let_in(network, self.endpoint)
            for resource in (connector, self.service):
                without_tags(resource)
            if web_acl is not None:
                wafv2.CfnWebACLAssociation(
                    self,
                    "WebAcl",
                    resource_arn=self.service.attr_service_arn,
                    web_acl_arn=web_acl if isinstance(web_acl, str) else web_acl.attr_arn,
                )
            host = self.service.attr_service_url if self.ingress is None else self.ingress.attr_domain_name
            self.url = f"https://{host}"
            self._measure(scaling)
            self._off.apply()
            # At last, since what the network and the stack are asked for does not go away with this construct.
            called = [*services, *(["xray"] if tracing is not None else [])]
            if called:
                network.require(_Copies(self, "Copies", group, self.service), *called)
            self._keep_logs(log_retention)

    def _role(self, id: str, service: str, description: str) -> iam.Role:
        """App Runner's pages know no condition by which it would show its service."""
        principal = iam.ServicePrincipal(f"{service}.apprunner.amazonaws.com")
        return own_role(self, id, description=description[:1000], principal=principal, granted_later=True)

    def _access(self, image: EcrImage) -> iam.Role:
        """Reads one repository; App Runner also looks up what kind of image it is."""
        role = self._role("AccessRole", "build", f"Reads the image of {self.node.path}")
        image.grant_pull(role)
        repository = image.repository.repository_arn
        role.add_to_policy(iam.PolicyStatement(actions=["ecr:DescribeImages"], resources=[repository]))
        return role

    def _source(
        self, image: EcrImage | None, source: CodeSource | None, settings: _Settings, *, automatic: bool
    ) -> dict[str, Any]:
        if source is not None:
            return {
                "autoDeploymentsEnabled": automatic,
                "authenticationConfiguration": {"connectionArn": source.connection_arn},
                "codeRepository": _code(source, settings),
            }
        assert image is not None  # noqa: S101 - one of them is given
        assert self.access_role is not None  # noqa: S101 - and then this is there
        return {
            "autoDeploymentsEnabled": False,
            "authenticationConfiguration": {"accessRoleArn": self.access_role.role_arn},
            "imageRepository": {
                "imageIdentifier": image.uri,
                "imageRepositoryType": "ECR",
                "imageConfiguration": settings.rendered(),
            },
        }

    def _scaled(self, scaling: Scaling) -> str:
        configuration = apprunner.CfnAutoScalingConfiguration(
            self,
            "Scaling",
            min_size=scaling.min,
            max_size=scaling.max,
            max_concurrency=scaling.concurrency or _CONCURRENCY,
        )
        without_tags(configuration)
        return configuration.attr_auto_scaling_configuration_arn

    def _traced(self) -> dict[str, Any]:
        configuration = apprunner.CfnObservabilityConfiguration(
            self, "Tracing", trace_configuration={"vendor": "AWSXRAY"}
        )
        without_tags(configuration)
        return {
            "observabilityEnabled": True,
            "observabilityConfigurationArn": configuration.attr_observability_configuration_arn,
        }

    def _way_in(self, network: PrivateNetwork) -> ec2.InterfaceVpcEndpoint:
        """An endpoint of its own, which lets nobody in until somebody is named."""
        group = closed_group(self, "WayInSecurityGroup", vpc=network.vpc, description=f"Clients of {self.node.path}")
        return ec2.InterfaceVpcEndpoint(
            self,
            "WayIn",
            vpc=network.vpc,
            subnets=network.subnets,
            service=ec2.InterfaceVpcEndpointAwsService(_REQUESTS),
            security_groups=[group],
            open=False,
            private_dns_enabled=False,  # its host name leads to the endpoint by itself
        )

    def _let_in(
        self, network: PrivateNetwork, endpoint: ec2.IInterfaceVpcEndpoint
    ) -> apprunner.CfnVpcIngressConnection:
        """Lead clients from the endpoint to the service."""
        self._connections = ec2.Connections(
            security_groups=endpoint.connections.security_groups, default_port=ec2.Port.tcp(443)
        )
        ingress = apprunner.CfnVpcIngressConnection(
            self,
            "Ingress",
            service_arn=self.service.attr_service_arn,
            ingress_vpc_configuration={"vpcId": network.vpc.vpc_id, "vpcEndpointId": endpoint.vpc_endpoint_id},
        )
        without_tags(ingress)
        return ingress

    def _keep_logs(self, retention: logs.RetentionDays) -> None:
        """App Runner makes its log groups with the service, for ever and without a key."""
        allow_logs(self.encryption_key, Stack.of(self))
        name = f"/aws/apprunner/{self._name}/{self.service.attr_service_id}"
        kept_log_groups(
            self,
            "Logs",
            names=[f"{name}/application", f"{name}/service"],
            retention=retention,
            key=self.encryption_key,
        )

    def _measure(self, scaling: Scaling) -> None:
        self._requests = RequestMetrics(
            requests=self._metric("Requests", "Sum", MINUTE),
            errors=error_percent(
                self._metric("Requests", "Sum", MINUTE), self._metric("5xxStatusResponses", "Sum", MINUTE)
            ),
            latency=self._metric("RequestLatency", "p99", MINUTE),
            latency_unit=1000,
        )
        self._load = LoadMetrics(
            cpu=self._metric("CPUUtilization", "Average", _LONGER),
            memory=self._metric("MemoryUtilization", "Average", _LONGER),
            running=self._metric("ActiveInstances", "Maximum", _LONGER),
        )
        self._watch.requests(self._requests)
        self._watch.saturation(self._load, least=None, most=scaling.grows_to)
        self._watch.failed(
            {
                "source": ["aws.apprunner"],
                "detail-type": ["AppRunner Service Operation Status Change"],
                "detail": {"serviceId": [self.service.attr_service_id], "operationStatus": list(_FAILED)},
            }
        )
        self._watch.show(self._load, self._requests)

    def _metric(self, name: str, statistic: str, period: Duration) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/AppRunner",
            metric_name=name,
            dimensions_map={"ServiceName": self._name, "ServiceID": self.service.attr_service_id},
            statistic=statistic,
            period=period,
        )

    @property
    def _name(self) -> str:
        """The name that App Runner has given the service."""
        return Fn.select(1, Fn.split("/", self.service.attr_service_arn))


@jsii.implements(ec2.IConnectable)
class _Copies(Construct):
    """The copies of a program, as a network takes what it opens a way for: the service waits for that way."""

    def __init__(self, scope: Construct, id: str, group: ec2.SecurityGroup, service: apprunner.CfnService) -> None:
        super().__init__(scope, id)
        self._connections = ec2.Connections(security_groups=[group])
        self.node.default_child = service

    @property
    def connections(self) -> ec2.Connections:
        return self._connections


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What a program is told, in the words that images and source code share."""

    port: int | None
    command: Sequence[str] | None
    environment: Mapping[str, str]
    secrets: Mapping[str, str]

    def rendered(self) -> dict[str, Any]:
        found = {
            "port": str(self.port) if self.port is not None else None,
            "startCommand": shlex.join(self.command) if self.command is not None else None,
            "runtimeEnvironmentVariables": _pairs(self.environment),
            "runtimeEnvironmentSecrets": _pairs(self.secrets),
        }
        return {name: value for name, value in found.items() if value}


def _pairs(given: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in given.items()]


def _code(source: CodeSource, settings: _Settings) -> dict[str, Any]:
    configuration: dict[str, Any] = {"configurationSource": "REPOSITORY"}
    if source.runtime is not None:
        values = {"runtime": source.runtime, **settings.rendered()}
        if source.build_command is not None:
            values["buildCommand"] = source.build_command
        configuration = {"configurationSource": "API", "codeConfigurationValues": values}
    return {
        "repositoryUrl": source.repository_url,
        "sourceCodeVersion": {"type": "BRANCH", "value": source.branch},
        "sourceDirectory": source.directory,
        "codeConfiguration": configuration,
    }


def _health(health: HealthCheck) -> dict[str, Any]:
    return {
        "protocol": "HTTP",
        "path": health.path,
        "interval": health.interval_seconds,
        "timeout": health.timeout_seconds,
        "healthyThreshold": health.healthy_count,
        "unhealthyThreshold": health.unhealthy_count,
    }


def _check_there(path: str, region: str, *, existing_customer: bool) -> None:
    """Refuse where App Runner is not, and who cannot have it any more."""
    if not Token.is_unresolved(region) and region not in REGIONS:
        allowed = f"a Region that has App Runner: {', '.join(REGIONS)}"
        write = "SecureFargateService or PrivateExpressService, which are there"
        raise invalid(path, "region", region, allowed=allowed, write=write)
    check_type(
        path, "existing_customer", existing_customer, bool, allowed="True or False", write="existing_customer=True"
    )
    if not existing_customer:
        allowed = "True: AWS has closed App Runner to new customers on 2026-04-30"
        raise invalid(path, "existing_customer", existing_customer, allowed=allowed, write=_ALTERNATIVES)


def _size(path: str, cpu: float, memory: Size | None) -> Size:
    if cpu not in SIZES:
        raise invalid(path, "cpu", cpu, allowed=memory_for(cpu), write="cpu=1")
    if memory is None:
        return Size.mebibytes(SIZES[cpu][0])
    mebibytes = memory.to_bytes() / 1024**2  # which is told also where it is no whole number
    if mebibytes not in SIZES[cpu]:
        write = f"memory=Size.mebibytes({SIZES[cpu][0]})"
        raise invalid(path, "memory", f"{mebibytes:g} MiB", allowed=memory_for(cpu), write=write)
    return memory


def _check_scaling(path: str, scaling: Scaling) -> None:
    for measure in ("cpu", "requests_per_target"):
        if getattr(scaling, measure) is not None:
            allowed = "concurrency, by which alone App Runner scales"
            raise invalid(path, "scaling", f"Scaling({measure}=...)", allowed=allowed, write="Scaling(concurrency=100)")
    if scaling.max > _MOST_COPIES:
        allowed = f"{_MOST_COPIES} at most, by App Runner's quota"
        raise invalid(path, "scaling", f"Scaling(max={scaling.max})", allowed=allowed, write="Scaling(max=25)")


def _check_health(path: str, health: HealthCheck | None) -> None:
    """Refuse what App Runner has no time for."""
    if health is not None and health.grace is not None:
        allowed = "without grace, which App Runner does not give"
        write = "more bad answers: HealthCheck(unhealthy=10)"
        raise invalid(path, "health_check", "HealthCheck(grace=...)", allowed=allowed, write=write)


def _check_source(path: str, image: object, source: object, port: int | None, *, automatic: bool) -> None:
    if (image is None) == (source is None):
        write = "image=repository.image(digest=...)"
        got = "neither" if image is None else "both"
        raise invalid(path, "image, source", got, allowed="an image or a source repository", write=write)
    check_type(path, "source", source, CodeSource, allowed="a CodeSource", write="source=CodeSource(...)")
    check_type(
        path, "automatic_deployments", automatic, bool, allowed="True or False", write="automatic_deployments=True"
    )
    by_file = isinstance(source, CodeSource) and source.runtime is None
    if port is None and not by_file:
        raise invalid(path, "port", port, allowed="the port on which the program listens", write="port=8080")
    if automatic and image is not None:
        allowed = "for a source repository only: an image is deployed by its digest, which nobody pushes anew"
        raise invalid(path, "automatic_deployments", automatic, allowed=allowed, write="a new digest for each version")


def _check_code(path: str, source: CodeSource, stack: Stack, given: Mapping[str, Any]) -> None:
    """Refuse a connection of elsewhere, and settings that a file in the repository says."""
    write = "a connection of that Region, which somebody confirms there"
    check_same_place(path, "source", source.connection_arn, stack, write=write)
    for name, value in given.items():
        if value and source.runtime is None:
            allowed = "nothing, since apprunner.yaml in the repository says it"
            raise invalid(path, name, value, allowed=allowed, write='CodeSource(runtime="NODEJS_22", ...)')


def _check_waived(path: str, off: DefaultsOff, image: object, endpoint: object, *, automatic: bool) -> None:
    """Refuse what weakens a default without a waiver, and what one makes useless."""
    if isinstance(image, EcrImage) and image.architecture is CpuArchitecture.ARM64:
        allowed = "an image for X86_64, the only processors that App Runner has"
        write = "an image for X86_64, or PrivateExpressService(..., architecture=CpuArchitecture.ARM64)"
        raise invalid(path, "image", f"an image for {image.architecture.value}", allowed=allowed, write=write)
    if image is not None:
        check_image(path, image)
    if automatic and not off.waived(_AUTOMATIC):
        allowed = "only with a waiver: whoever may push to the branch puts it into production, past review and scan"
        raise invalid(path, "automatic_deployments", automatic, allowed=allowed, write=waiver_line(_AUTOMATIC))
    if endpoint is not None and off.waived("SC-APR-01"):
        allowed = "none with a waiver of SC-APR-01: App Runner leads clients of the network to private services only"
        raise invalid(path, "endpoint", "an endpoint", allowed=allowed, write="one of the two")


def _check_settings(path: str, command: Sequence[str] | None, variables: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse what App Runner keeps for itself, and what it does not take as a command."""
    for argument, given in variables.items():
        for name in given:
            if name == _PORT_VARIABLE or name.startswith(_RESERVED):
                allowed = f"names other than {_PORT_VARIABLE} and {_RESERVED}..., which App Runner sets itself"
                raise invalid(path, argument, name, allowed=allowed, write="another name")
    if any("\n" in each or "\r" in each for each in command or ()):
        allowed = "a command in one line"
        raise invalid(path, "command", command, allowed=allowed, write='command=["serve"]')


def _check_retention(path: str, retention: logs.RetentionDays) -> None:
    if retention not in RETENTION_DAYS:
        write = "log_retention=logs.RetentionDays.TEN_YEARS"
        raise invalid(path, "log_retention", retention.name, allowed="an end", write=write)


def _check_endpoint(path: str, endpoint: Any, network: PrivateNetwork) -> None:
    """Refuse what clients cannot come by, as far as that is known."""
    if endpoint is None:
        return
    allowed, write = "an interface endpoint of apprunner.requests", "endpoint=other_service.endpoint"
    if not hasattr(endpoint, "vpc_endpoint_id") or not hasattr(endpoint, "connections"):
        raise invalid(path, "endpoint", endpoint, allowed=allowed, write=write)
    if not endpoint.connections.security_groups:
        allowed = "an endpoint with its security groups, by which clients are let in"
        write = "from_interface_vpc_endpoint_attributes(..., security_groups=[...])"
        raise invalid(path, "endpoint", endpoint.node.path, allowed=allowed, write=write)
    made = endpoint.node.default_child
    if isinstance(made, ec2.CfnVPCEndpoint):
        if f".{_REQUESTS}" not in json.dumps(Stack.of(made).resolve(made.service_name)):
            raise invalid(path, "endpoint", endpoint.node.path, allowed=allowed, write=write)
        if made.vpc_id != network.vpc.vpc_id:
            raise invalid(path, "endpoint", endpoint.node.path, allowed="one in the network's own VPC", write=write)
