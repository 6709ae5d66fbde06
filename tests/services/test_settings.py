"""What wrong arguments of services get: one error at the user's line, which says what is allowed and what to write."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import App, Aws, CfnParameter, Duration, Environment, Size, Stack, Token
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_signer as signer
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_wafv2 as wafv2

from secure_containers import (
    CpuArchitecture,
    EcrImage,
    FileMount,
    PrivateNetwork,
    SecretField,
    SecureParameter,
    Waiver,
)
from secure_containers.services.fargate import SecureFargateService
from secure_containers.services.parts import (
    Deployment,
    Domain,
    HealthCheck,
    Scaling,
    ServiceLimits,
    Tracing,
    TrustedSigners,
)
from tests.services.conftest import HERE, HOST, REASON, Web, certificate_in
from tests.support import ACCOUNT, DIGEST, OTHER_ACCOUNT, REGION, of_type, synthesized

HOURS, MINUTES, SECONDS = Duration.hours, Duration.minutes, Duration.seconds
UUID = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"


def refused(*parts: str) -> Any:
    """An error that holds every part, in this order."""
    return pytest.raises(ValueError, match=".*".join(map(re.escape, parts)))


def nothing_left(web: Web, id: str = "Orders") -> bool:
    return web.stack.node.try_find_child(id) is None


class TestParts:
    @pytest.mark.parametrize(
        ("make", "parts"),
        [
            (lambda: Scaling(min=0), ["Scaling: min is 0", "1 to 5000", "Scaling(min=2)"]),
            (lambda: Scaling(min=None), ["Scaling: min is None", "1 to 5000"]),
            (lambda: Scaling(max=5001), ["max is 5001", "1 to 5000"]),
            (lambda: Scaling(max=True), ["max is True"]),
            (lambda: Scaling(min=2.5), ["min is 2.5"]),
            (lambda: Scaling(min=11), ["min is 11", "at most max, 10", "max=11"]),
            (lambda: Scaling(cpu=0), ["cpu is 0", "1 to 100"]),
            (lambda: Scaling(cpu=101), ["cpu is 101"]),
            (lambda: Scaling(requests_per_target=0), ["requests_per_target is 0"]),
            (lambda: Scaling(concurrency=201), ["concurrency is 201", "1 to 200"]),
            (lambda: Scaling(cpu=60, concurrency=10), ["'cpu and concurrency'", "one measure, or none"]),
            (lambda: HealthCheck(path="health"), ["HealthCheck: path is 'health'", "begins with /", '"/health"']),
            (lambda: HealthCheck(path="/a b"), ["path is '/a b'"]),
            (lambda: HealthCheck(path="/" + "a" * 1024), ["path is"]),
            (lambda: HealthCheck(path=None), ["path is None"]),
            (lambda: HealthCheck(interval=10), ["interval is 10", "a duration", "Duration.seconds(10)"]),
            (lambda: HealthCheck(interval=SECONDS(4)), ["interval is '4 seconds'", "5 to 20"]),
            (lambda: HealthCheck(interval=SECONDS(21)), ["interval is '21 seconds'"]),
            (lambda: HealthCheck(interval=Duration.millis(5500)), ["interval is '5.5 seconds'", "whole seconds"]),
            (lambda: HealthCheck(timeout=SECONDS(1)), ["timeout is '1 seconds'", "2 to 19"]),
            (lambda: HealthCheck(timeout=SECONDS(10)), ["timeout is '10 seconds'", "less than interval, 10"]),
            (lambda: HealthCheck(healthy=1), ["healthy is 1", "2 to 10"]),
            (lambda: HealthCheck(unhealthy=11), ["unhealthy is 11", "2 to 10"]),
            (lambda: Deployment.blue_green(bake=10), ["Deployment.blue_green: bake is 10", "a duration"]),
            (lambda: Deployment.blue_green(bake=HOURS(25)), ["bake is '1500 minutes'", "0 to 1440"]),
            (lambda: Deployment.blue_green(bake=SECONDS(90)), ["bake is '1.5 minutes'", "whole minutes"]),
            (lambda: Deployment.canary(percent=0), ["Deployment.canary: percent is 0", "1 to 99"]),
            (lambda: Deployment.canary(percent=None), ["percent is None"]),
            (lambda: Deployment.canary(wait=HOURS(24), bake=HOURS(24)), ["'48 hours in all'", "33 hours at most"]),
            (lambda: Deployment.linear(percent=2), ["Deployment.linear: percent is 2", "3 to 99"]),
            (lambda: Deployment.linear(percent=3, wait=HOURS(2)), ["Deployment.linear: wait is", "33 hours at most"]),
            (lambda: ServiceLimits(error_percent=0), ["ServiceLimits: error_percent is 0", "error_percent=5"]),
            (lambda: ServiceLimits(error_percent=101), ["error_percent is 101"]),
            (lambda: ServiceLimits(error_percent="5"), ["error_percent is '5'"]),
            (lambda: ServiceLimits(utilization=None), ["utilization is None", "1 to 100"]),
            (lambda: ServiceLimits(utilization=0), ["utilization is 0"]),
            (lambda: ServiceLimits(latency=SECONDS(0)), ["latency is '0 seconds'", "Duration.seconds(2)"]),
            (lambda: ServiceLimits(latency=2), ["latency is 2", "a duration", "Duration.seconds(2)"]),
            (lambda: Tracing(collector="image"), ["Tracing: collector is 'image'", "Tracing(collector="]),
            (lambda: TrustedSigners(profiles=[]), ["TrustedSigners: profiles is []", "signing profiles"]),
            (lambda: TrustedSigners(profiles=["arn"]), ["profiles is ['arn']"]),
        ],
    )
    def test_values(self, make: Any, parts: list[str]) -> None:
        with refused(*parts):
            make()

    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"name": "Orders.example.com"}, ["Domain: name is 'Orders.example.com'", "small letters"]),
            ({"name": "*.example.com"}, ["name is '*.example.com'", "without a wildcard"]),
            ({"name": "orders"}, ["name is 'orders'", "a full domain name", 'name="orders.example.com"']),
            ({"name": f"{'a' * 60}.{'b' * 60}.example.com"}, ["name is"]),  # no rule of a load balancer has room
            ({"certificate": "arn:aws:acm:..."}, ["certificate is 'arn:aws:acm:...'", "from_certificate_arn("]),
            ({"zone": "Z1"}, ["zone is 'Z1'", "a hosted zone"]),
            ({"weight": 10}, ["weight is 10", "together with zone only"]),
            ({"weight": 256}, ["weight is 256", "0 to 255"]),
        ],
    )
    def test_domains(self, certificate: acm.ICertificate, arguments: dict[str, Any], parts: list[str]) -> None:
        with refused(*parts):
            Domain(**({"name": HOST, "certificate": certificate} | arguments))

    def test_a_zone_of_another_domain(self, web: Web) -> None:
        zone = route53.PrivateHostedZone(web.stack, "Zone", zone_name="example.org", vpc=web.network.vpc)
        with refused("Domain: zone is 'example.org'", f"a zone above {HOST}"):
            web.domain(zone=zone)
        near = route53.HostedZone.from_hosted_zone_attributes(
            web.stack, "Near", hosted_zone_id="Z", zone_name="s.example.com"
        )
        with refused("zone is 's.example.com'"):
            web.domain(zone=near)

    def test_a_zone_that_fits_or_does_not_tell(self, web: Web) -> None:
        imported = route53.HostedZone.from_hosted_zone_id(web.stack, "ById", "Z1")
        named = {
            name: route53.HostedZone.from_hosted_zone_attributes(web.stack, name, hosted_zone_id="Z", zone_name=name)
            for name in ("example.com", HOST, "example.com.")
        }
        for zone in (imported, *named.values()):
            assert web.domain(zone=zone).zone is zone

    def test_tokens_are_not_guessed(self, web: Web) -> None:
        name = CfnParameter(web.stack, "Host").value_as_string
        zone = route53.HostedZone.from_hosted_zone_attributes(
            web.stack, "Zone", hosted_zone_id="Z", zone_name="a.example"
        )
        web.fargate(domain=web.domain(name, zone=zone), health_check=HealthCheck(path=f"/{Aws.REGION}"))
        rule = web.one("AWS::ElasticLoadBalancingV2::ListenerRule")
        assert rule["Conditions"][0]["HostHeaderConfig"]["Values"] == [{"Ref": "Host"}]

    def test_defaults_follow_the_interval(self) -> None:
        assert HealthCheck().timeout_seconds == 5
        assert HealthCheck(interval=SECONDS(5)).timeout_seconds == 4

    def test_a_deployment_by_steps_as_long_as_cloudformation_waits(self) -> None:
        assert Deployment.canary(wait=HOURS(23), bake=HOURS(10)).by_traffic
        assert Deployment.linear(percent=50, wait=HOURS(20), bake=HOURS(13)).by_traffic

    def test_what_grows(self) -> None:
        assert Scaling().grows_to == 10
        assert Scaling(min=3, max=3).grows_to is None


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"image": "nginx:latest"}, ["Test/Orders: image is 'nginx:latest'", "image=repository.image(digest=...)"]),
            ({"port": 0}, ["Test/Orders: port is 0", "a TCP port, 1 to 65535", "port=8080"]),
            ({"port": 65536}, ["port is 65536"]),
            ({"port": "8080"}, ["port is '8080'"]),
            ({"port": True}, ["port is True"]),
            ({"port": None}, ["port is None"]),
            ({"port": 443}, ["port is 443", "1024 or more", "without capabilities", "port=8080"]),
            ({"domain": HOST}, [f"domain is '{HOST}'", "a Domain", 'domain=Domain(name="orders.example.com"']),
            ({"domain": None}, ["domain is None"]),
            ({"cpu": 3}, ["cpu is 3", "0.25"]),
            ({"cpu": "1"}, ["cpu is '1'", "a number of vCPUs", "cpu=0.5"]),
            ({"cpu": 0}, ["cpu is 0"]),
            ({"memory": 512}, ["memory is 512", "a size", "memory=Size.gibibytes(1)"]),
            ({"cpu": 0.25, "memory": Size.gibibytes(4)}, ["memory is '4096 MiB'", "memory=Size.mebibytes(512)"]),
            ({"cpu": 1, "memory": Size.gibibytes(1)}, ["memory is '1024 MiB'"]),
            ({"command": "serve"}, ["command is 'serve'", "a list of texts"]),
            ({"environment": ["LEVEL"]}, ["environment is ['LEVEL']", "variables and their values"]),
            ({"environment": {"LEVEL": 3}}, ["environment['LEVEL'] is 3", "a text"]),
            ({"environment": {"DB_PASSWORD": "hunter2"}}, ["environment['DB_PASSWORD']", "no credentials", "secrets="]),
            ({"environment": {"ECS_X": "1"}}, ["environment is 'ECS_X'", "which Amazon ECS sets itself"]),
            ({"environment": {"AWS_CONTAINER_X": "1"}}, ["environment is 'AWS_CONTAINER_X'"]),
            ({"secrets": {"PASSWORD": "x"}}, ["secrets['PASSWORD'] is 'x'", "a secret, a parameter"]),
            ({"services": "dynamodb"}, ["services is 'dynamodb'", 'services=["dynamodb"]']),
            ({"services": ["dynamo"]}, ["services is 'dynamo'", 'write "dynamodb"']),
            ({"health_check": "/health"}, ["health_check is '/health'", 'HealthCheck(path="/health")']),
            ({"scaling": 3}, ["scaling is 3", "scaling=Scaling(min=2, max=10)"]),
            ({"scaling": Scaling(concurrency=10)}, ["Scaling(concurrency=...)", "requests_per_target=1000"]),
            ({"scaling": Scaling(min=1)}, ["Scaling(min=1)", "2 at least", 'Waiver("SC-ECS-13"']),
            ({"deployment": "canary"}, ["deployment is 'canary'", "deployment=Deployment.canary()"]),
            (
                {"scaling": Scaling(requests_per_target=5), "deployment": Deployment.canary()},
                ["Scaling(requests_per_target=...)", "rolling", "Scaling(cpu=60)"],
            ),
            ({"cluster": "shared"}, ["cluster is 'shared'", "a cluster", "cluster=SecureEcsCluster("]),
            ({"capacity": "hosts"}, ["capacity is 'hosts'", 'cluster.add_capacity("Hosts")']),
            ({"architecture": "arm64"}, ["architecture is 'arm64'", "architecture=CpuArchitecture.ARM64"]),
            ({"user": "root"}, ["user is 'root'", "other than root", 'Waiver("SC-ECS-03"']),
            ({"user": "0:100"}, ["user is '0:100'"]),
            ({"user": 1000}, ["user is 1000", 'user="65532:65532"']),
            ({"scratch": "/scratch"}, ["scratch is '/scratch'", "a list of paths"]),
            ({"scratch": ["scratch"]}, ["scratch is 'scratch'", "an absolute path"]),
            ({"scratch": ["/a", "/a"]}, ["scratch is '/a'", "each path once"]),
            ({"file_mounts": ["/data"]}, ["file_mounts is", "a list of FileMount"]),
            ({"ephemeral_storage": 50}, ["ephemeral_storage is 50", "Size.gibibytes(50)"]),
            ({"ephemeral_storage": Size.gibibytes(20)}, ["'20 GiB'", "21 to 200 GiB"]),
            ({"execute_command": True}, ["execute_command is True", "read-only", 'Waiver("SC-ECS-04"']),
            ({"execute_command": "yes"}, ["execute_command is 'yes'", "True or False"]),
            ({"target_tls": "yes"}, ["target_tls is 'yes'", "True or False"]),
            ({"tls_policy": elbv2.SslPolicy.TLS12}, ["tls_policy is", "TLS13_RES", "SslPolicy.TLS13_RES"]),
            ({"tls_policy": elbv2.SslPolicy.RECOMMENDED_TLS}, ["tls_policy is"]),
            ({"tls_policy": "TLS13_RES"}, ["tls_policy is 'TLS13_RES'"]),
            ({"web_acl": 3}, ["web_acl is 3", "a CfnWebACL, or an ARN"]),
            ({"web_acl": "orders"}, ["web_acl is 'orders'", "a regional web ACL", 'scope="REGIONAL"']),
            ({"tracing": True}, ["tracing is True", "Tracing(collector=...)"]),
            ({"tracing": Tracing()}, ["tracing is", "with a collector", "Tracing(collector="]),
            ({"runtime_monitoring": 1}, ["runtime_monitoring is 1", "True or False"]),
            ({"trusted_signers": ["profile"]}, ["trusted_signers is", "TrustedSigners(profiles=[profile])"]),
            ({"limits": 5}, ["limits is 5", "limits=ServiceLimits(error_percent=1)"]),
            ({"topic": "arn:aws:sns:x"}, ["topic is 'arn:aws:sns:x'", "a topic"]),
            ({"encryption_key": "key"}, ["encryption_key is 'key'", "a key"]),
            ({"log_retention": 30}, ["log_retention is 30", "logs.RetentionDays.ONE_YEAR"]),
            ({"waivers": Waiver("SC-DEL-01", reason=REASON)}, ["waivers is", "a list of Waiver"]),
            (
                {"waivers": [Waiver("SC-ECR-01", reason=REASON)]},
                ["Test/Orders", "SC-ECR-01", "this construct has none"],
            ),
            ({"waivers": [Waiver("SC-DEL-01", reason=REASON)] * 2}, ["SC-DEL-01 is waived twice"]),
            ({"network": "vpc-1"}, ["Test/Orders: network is 'vpc-1'", "a PrivateNetwork"]),
            ({"network": None}, ["network is None"]),
        ],
    )
    def test_each_is_refused_and_leaves_nothing_behind(
        self, web: Web, arguments: dict[str, Any], parts: list[str]
    ) -> None:
        with refused(*parts):
            web.fargate(**arguments)
        assert nothing_left(web)

    def test_what_was_refused_can_be_written_again(self, web: Web) -> None:
        with refused("port is 0"):
            web.fargate(port=0)
        web.fargate()
        assert len(web.all("AWS::ECS::Service")) == 1

    def test_a_vpc_in_place_of_a_network(self, stack: Stack, image: EcrImage, certificate: acm.ICertificate) -> None:
        vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"])
        with refused("Test/Orders: network is", 'PrivateNetwork(self, "Network", vpc=vpc)'):
            SecureFargateService(
                stack,
                "Orders",
                network=vpc,  # type: ignore[arg-type] # what is tried
                image=image,
                port=8080,
                domain=Domain(name=HOST, certificate=certificate),
            )

    def test_an_image_by_a_tag(self, web: Web) -> None:
        with refused("Test/Orders: image is 'v1'", "an image by its digest"):
            web.fargate(image=web.images.image(tag="v1"))
        assert nothing_left(web)

    def test_an_image_for_other_processors(self, web: Web) -> None:
        image = web.images.image(digest=DIGEST, architecture=CpuArchitecture.ARM64)
        with refused("image is 'an image for ARM64'", "X86_64", "architecture=CpuArchitecture.ARM64"):
            web.fargate(image=image)
        web.fargate(image=image, architecture=CpuArchitecture.ARM64)

    def test_a_number_that_only_a_deployment_knows(self, web: Web) -> None:
        number = CfnParameter(web.stack, "Number", type="Number").value_as_number
        for argument in ("cpu", "port"):
            with refused(f"Test/Orders: {argument} is"):
                web.fargate(**{argument: number})
        assert nothing_left(web)

    def test_a_variable_twice_or_of_the_network(self, app: App) -> None:
        web = Web(app, env=Environment(account=ACCOUNT, region="us-gov-west-1"), fips=True)
        secret = secretsmanager.Secret(web.stack, "Secret")
        with refused("secrets is 'LEVEL'", "variables that environment has not"):
            web.fargate(environment={"LEVEL": "info"}, secrets={"LEVEL": secret})
        with refused("environment is 'AWS_USE_FIPS_ENDPOINT'", "network do not set themselves"):
            web.fargate(environment={"AWS_USE_FIPS_ENDPOINT": "false"})
        assert nothing_left(web)

    def test_a_credential_is_not_repeated_in_the_error(self, web: Web) -> None:
        with pytest.raises(ValueError, match="DB_PASSWORD") as caught:
            web.fargate(environment={"DB_PASSWORD": "hunter2hunter2"})
        assert "hunter2" not in str(caught.value)

    def test_a_file_system_that_is_not_encrypted(self, web: Web) -> None:
        system = efs.FileSystem(
            web.stack, "Files", vpc=web.network.vpc, vpc_subnets=web.network.subnets, encrypted=False
        )
        mount = FileMount(access_point=system.add_access_point("Point"), path="/data")
        with refused("file_mounts is 'Test/Files'", "encrypted=True"):
            web.fargate(file_mounts=[mount])

    def test_signatures_before_a_rolling_deployment(self, web: Web) -> None:
        profile = signer.SigningProfile(web.stack, "Profile", platform=signer.Platform.NOTATION_OCI_SHA384_ECDSA)
        trusted = TrustedSigners(profiles=[profile])
        with refused("deployment is 'rolling'", "Amazon ECS asks nobody", "Deployment.blue_green()"):
            web.fargate(trusted_signers=trusted, deployment=Deployment.rolling())
        assert nothing_left(web)

    def test_shells_that_nobody_records(self, web: Web) -> None:
        cluster = ecs.Cluster.from_cluster_attributes(web.stack, "Shared", cluster_name="shared", vpc=web.network.vpc)
        with refused("execute_command is True", "records what happens", 'Waiver("SC-ECS-11"'):
            web.fargate(cluster=cluster, execute_command=True, waivers=[Waiver("SC-ECS-04", reason=REASON)])
        assert nothing_left(web)


class TestPlaces:
    """Of another Region or account, where that is known."""

    def certificate(self, web: Web, id: str, region: str, account: str = ACCOUNT) -> Domain:
        arn = f"arn:aws:acm:{region}:{account}:certificate/{UUID}"
        return Domain(name=HOST, certificate=acm.Certificate.from_certificate_arn(web.stack, id, arn))

    def test_a_certificate(self, app: App) -> None:
        web = Web(app, env=HERE)
        with refused("Test/Orders: domain is 'arn:aws:acm:us-east-1", f"own Region, {REGION}"):
            web.fargate(domain=self.certificate(web, "East", "us-east-1"))
        with refused("domain is", f"own account, {ACCOUNT}"):
            web.fargate(domain=self.certificate(web, "Theirs", REGION, OTHER_ACCOUNT))
        assert nothing_left(web)
        web.fargate(domain=self.certificate(web, "Own", REGION))

    def test_a_certificate_where_the_stack_does_not_tell(self, web: Web) -> None:
        web.fargate(domain=self.certificate(web, "East", "us-east-1"))

    def test_a_web_acl(self, app: App) -> None:
        web = Web(app, env=HERE)
        for arn, part in (
            (f"arn:aws:wafv2:us-east-1:{ACCOUNT}:regional/webacl/a/{UUID}", f"own Region, {REGION}"),
            (f"arn:aws:wafv2:{REGION}:{OTHER_ACCOUNT}:regional/webacl/a/{UUID}", f"own account, {ACCOUNT}"),
            (f"arn:aws:wafv2:{REGION}:{ACCOUNT}:global/webacl/a/{UUID}", "a regional web ACL"),
            (f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/ipset/a/{UUID}", "a regional web ACL"),
        ):
            with refused(f"web_acl is '{arn}'", part, 'scope="REGIONAL"'):
                web.fargate(web_acl=arn)
        visibility = {"sampledRequestsEnabled": True, "cloudWatchMetricsEnabled": True, "metricName": "orders"}
        acl = wafv2.CfnWebACL(
            web.stack, "Acl", scope="CLOUDFRONT", default_action={"allow": {}}, visibility_config=visibility
        )
        with refused("web_acl is 'CLOUDFRONT'", "REGIONAL"):
            web.fargate(web_acl=acl)
        assert nothing_left(web)

    def test_a_secret_of_another_region(self, app: App) -> None:
        web = Web(app, env=HERE)
        arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:orders-a1B2c3"
        secret = secretsmanager.Secret.from_secret_complete_arn(web.stack, "Secret", arn)
        for given in (secret, SecretField(secret=secret, field="password")):
            with refused(f"secrets['PASSWORD'] is '{arn}'", f"own Region, {REGION}", "a replica"):
                web.fargate(secrets={"PASSWORD": given})
        assert nothing_left(web)

    def test_a_secret_of_another_account_without_its_key(self, app: App) -> None:
        web = Web(app, env=HERE)
        arn = f"arn:aws:secretsmanager:{REGION}:{OTHER_ACCOUNT}:secret:orders-a1B2c3"
        secret = secretsmanager.Secret.from_secret_complete_arn(web.stack, "Secret", arn)
        for given in (secret, SecretField(secret=secret, field="password")):
            with refused("Test/Orders: secrets['PASSWORD']", "together with its key", "encryption_key=key"):
                web.fargate(secrets={"PASSWORD": given})
        assert nothing_left(web)

    def test_a_parameter_with_its_key(self, app: App) -> None:
        web = Web(app, env=HERE)
        arn = f"arn:aws:ssm:{REGION}:{OTHER_ACCOUNT}:parameter/token"
        parameter = ssm.StringParameter.from_string_parameter_arn(web.stack, "Parameter", arn)
        key = kms.Key.from_key_arn(web.stack, "Key", f"arn:aws:kms:{REGION}:{OTHER_ACCOUNT}:key/{UUID}")
        web.fargate(secrets={"TOKEN": SecureParameter(parameter=parameter, encryption_key=key)})
        (secret,) = web.one("AWS::ECS::TaskDefinition")["ContainerDefinitions"][0]["Secrets"]
        assert secret["ValueFrom"] == arn

    def test_a_secret_whose_account_only_a_deployment_knows(self, web: Web) -> None:
        arn = CfnParameter(web.stack, "Arn").value_as_string
        secret = secretsmanager.Secret.from_secret_partial_arn(web.stack, "Secret", arn)
        web.fargate(secrets={"PASSWORD": secret})


class TestNetworks:
    def of(self, app: App, subnets: Any = None, **told: Any) -> Web:
        web = Web(app, env=HERE)
        vpc = ec2.Vpc.from_vpc_attributes(
            web.stack,
            "Vpc",
            **(
                {
                    "vpc_id": "vpc-0a1b2c3d",
                    "vpc_cidr_block": "10.1.0.0/16",
                    "availability_zones": [f"{REGION}a", f"{REGION}b"],
                    "isolated_subnet_ids": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
                    "isolated_subnet_route_table_ids": ["rtb-0a1b2c3d", "rtb-1a1b2c3d"],
                    "public_subnet_ids": ["subnet-2a1b2c3d", "subnet-3a1b2c3d"],
                    "public_subnet_route_table_ids": ["rtb-2a1b2c3d", "rtb-3a1b2c3d"],
                }
                | told
            ),
        )
        chosen = ec2.SubnetSelection(subnets=subnets(vpc)) if subnets is not None else None
        web.network = PrivateNetwork(web.stack, "Imported", vpc=vpc, subnets=chosen)
        return web

    def test_of_public_subnets(self, app: App) -> None:
        web = self.of(app, lambda vpc: vpc.public_subnets)
        with refused("Test/Orders: network is", "a public subnet'", "private or isolated subnets only"):
            web.fargate()
        assert nothing_left(web)

    def test_of_a_public_subnet_among_others(self, app: App) -> None:
        web = self.of(app, lambda vpc: [*vpc.isolated_subnets, vpc.public_subnets[0]])
        with refused("network is", "a public subnet among private ones"):
            web.fargate()

    def test_of_one_zone(self, app: App) -> None:
        web = self.of(app, lambda vpc: vpc.isolated_subnets[:1])
        with refused("network is '1 subnet(s)'", "two zones at least", "PrivateNetwork(zones=2)"):
            web.fargate()

    def test_whose_addresses_are_not_told_which_is_found_late(self, app: App) -> None:
        web = self.of(app, vpc_cidr_block=None)
        with refused("vpc is 'no addresses'", "vpc_cidr_block="):
            web.fargate()
        assert nothing_left(web)
        web.fargate(runtime_monitoring=False)
        assert len(of_type(synthesized(app)["Test"], "AWS::ECS::Service")) == 1


class TestLate:
    """What is found only when resources exist."""

    def test_a_waiver_of_what_is_not_made(self, web: Web) -> None:
        key = kms.Key.from_key_arn(web.stack, "Key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{UUID}")
        topic = sns.Topic.from_topic_arn(web.stack, "Topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:people")
        with refused("SC-KMS-01", "has nothing to waive"):
            web.fargate(encryption_key=key, topic=topic, waivers=[Waiver("SC-KMS-01", reason=REASON)])
        assert nothing_left(web)
        web.fargate(encryption_key=key, topic=topic)
        assert len(web.all("AWS::ECS::Service")) == 1

    def test_a_key_that_fargates_storage_does_not_take(self, web: Web) -> None:
        key = kms.Key(web.stack, "Key", enable_key_rotation=True, multi_region=True)
        with refused("encryption_key is 'Test/Key'", "a key of one Region"):
            web.fargate(encryption_key=key)
        assert nothing_left(web)


class TestSidecars:
    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"id": "Main"}, ["add_sidecar: id is 'Main'", "each container once"]),
            ({"id": "a b"}, ["id is 'a b'", "letters, digits"]),
            ({"id": "1st"}, ["id is '1st'", "a letter first"]),
            ({"id": 3}, ["id is 3"]),
            ({"image": "envoy"}, ["image is 'envoy'"]),
            ({"user": "root"}, ["user is 'root'", 'Waiver("SC-ECS-03"']),
            ({"command": "serve"}, ["command is 'serve'", "a list of texts"]),
            ({"environment": {"API_KEY": "x" * 20}}, ["environment['API_KEY']", "no credentials"]),
            ({"environment": ["LEVEL"]}, ["environment is ['LEVEL']"]),
            ({"secrets": {"A": "x"}}, ["secrets['A'] is 'x'"]),
            ({"scratch": ["scratch"]}, ["scratch is 'scratch'"]),
            ({"memory": 64}, ["memory is 64", "a size"]),
            ({"essential": "no"}, ["essential is 'no'", "True or False"]),
            ({"health_command": []}, ["health_command is []", "a command"]),
            ({"health_command": "/healthy"}, ["health_command is '/healthy'", "a list of texts"]),
            ({"log_router": "fluentbit"}, ["log_router is 'fluentbit'", "awsfirelens"]),
            (
                {"log_router": {"Name": "s3"}, "user": "65532:1000"},
                ["user is '65532:1000'", "no other container", 'user="24224:24224"'],
            ),
            ({"services": "dynamodb"}, ["services is 'dynamodb'"]),
            ({"services": ["dynamo"]}, ["services is 'dynamo'", '"dynamodb"']),
            ({"waivers": [Waiver("SC-ECR-01", reason=REASON)]}, ["SC-ECR-01", "this construct has none"]),
        ],
    )
    def test_what_is_none(self, web: Web, arguments: dict[str, Any], parts: list[str]) -> None:
        task = web.fargate().task
        given = {"id": "Proxy", "image": web.image} | arguments
        with refused(*parts):
            task.add_sidecar(given.pop("id"), **given)
        assert len(web.one("AWS::ECS::TaskDefinition")["ContainerDefinitions"]) == 1

    def test_a_second_log_router(self, web: Web) -> None:
        task = web.fargate().task
        task.add_sidecar("Router", image=web.image, log_router={"Name": "s3"})
        with refused("log_router is {'Name': 's3'}", "one log router in a task"):
            task.add_sidecar("Other", image=web.image, user="1001", log_router={"Name": "s3"})

    def test_an_image_for_other_processors(self, web: Web) -> None:
        image = web.images.image(digest=DIGEST, architecture=CpuArchitecture.ARM64)
        with refused("image is 'an image for ARM64'", "an image for X86_64"):
            web.fargate().task.add_sidecar("Proxy", image=image)


def test_the_stacks_own_certificate_is_of_its_place(web: Web) -> None:
    assert Token.is_unresolved(certificate_in(Stack(web.app, "Other")).certificate_arn)
