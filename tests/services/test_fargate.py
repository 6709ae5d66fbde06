"""What `SecureFargateService` promises, by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_signer as signer
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_wafv2 as wafv2
from cfnlint.api import ManualArgs, lint
from cfnlint.core import get_rules

from secure_containers import (
    CpuArchitecture,
    FileMount,
    Pack,
    PrivateNetwork,
    SecretField,
    SecureEcrRepository,
    SecureParameter,
    Waiver,
    enforce,
)
from secure_containers.check.loader import load
from secure_containers.rules import RULES, evaluate
from secure_containers.rules.template_hygiene import cycles
from secure_containers.rules.waiver_metadata import METADATA_KEY
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.services.fargate import SecureFargateService
from secure_containers.services.parts import Deployment, Domain, HealthCheck, Scaling, Tracing, TrustedSigners
from secure_containers.testing import (
    Allow,
    assert_acyclic,
    assert_allowed,
    assert_denied,
    assert_no_public_address,
    assert_only_allows,
)
from tests.services.conftest import GOVCLOUD, HERE, HOST, REASON, Web, certificate_in
from tests.support import ACCOUNT, CONTEXT, DIGEST, OTHER_ACCOUNT, REGION, concrete, of_type, open_ids, synthesized

BY_TRAFFIC = {
    "BLUE_GREEN": Deployment.blue_green(),
    "CANARY": Deployment.canary(),
    "LINEAR": Deployment.linear(),
}
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
SHELLS = tuple(Waiver(rule, reason=REASON) for rule in ("SC-ECS-04",))
STARTS = (
    Allow(["logs:CreateLogStream", "logs:PutLogEvents"], "${OrdersTaskLogs.Arn}"),
    Allow(PULL, "${ImagesRepository.Arn}"),
    Allow("ecr:GetAuthorizationToken", "*"),
    Allow(PULL, "arn:${AWS::Partition}:ecr:${AWS::Region}:*:repository/aws-guardduty-agent-fargate"),
)
"""What the execution role of a service is there for."""


def attributes(web: Web, start: str = "Orders") -> dict[str, Any]:
    found = web.one("AWS::ElasticLoadBalancingV2::LoadBalancer", start)["LoadBalancerAttributes"]
    return {each["Key"]: each["Value"] for each in found}


def service(web: Web, start: str = "Orders") -> dict[str, Any]:
    return web.one("AWS::ECS::Service", start)


def waits_for(web: Web, start: str = "Orders") -> set[str]:
    """What the service waits for, without the letters behind logical ids."""
    (found,) = (each for id, each in of_type(web.template, "AWS::ECS::Service").items() if id.startswith(start))
    return {id[:-8] for id in found["DependsOn"]}


def containers(web: Web, start: str = "Orders") -> dict[str, dict[str, Any]]:
    return {each["Name"]: each for each in web.one("AWS::ECS::TaskDefinition", start)["ContainerDefinitions"]}


def main(web: Web, start: str = "Orders") -> dict[str, Any]:
    return containers(web, start)["Main"]


def opened(web: Web) -> set[tuple[str, str, str, int]]:
    """Every rule of every group of the services: which group, in or out, which peer, which port."""
    found = set()
    groups = {id: each for id, each in web.all("AWS::EC2::SecurityGroup").items() if not id.startswith("Network")}
    for id, group in groups.items():
        for way in ("Ingress", "Egress"):
            for rule in group.get(f"SecurityGroup{way}", []):
                if rule.get("Description") != "Disallow all traffic":
                    found.add((id[:-8], way, _peer(rule), rule.get("FromPort", 0)))
    for way, peer in (("Ingress", "Source"), ("Egress", "Destination")):
        for rule in web.all(f"AWS::EC2::SecurityGroup{way}").values():
            assert rule["FromPort"] == rule["ToPort"]
            assert rule["IpProtocol"] == "tcp"
            group_id = rule["GroupId"]["Fn::GetAtt"][0]
            if group_id in groups:
                found.add((group_id[:-8], way, _peer(rule, peer), rule["FromPort"]))
    return found


def _peer(rule: dict[str, Any], peer: str = "Destination") -> str:
    named = rule.get(f"{peer}SecurityGroupId") or rule.get("DestinationPrefixListId") or rule.get("CidrIp")
    if isinstance(named, dict) and "Fn::GetAtt" in named:
        return str(named["Fn::GetAtt"][0][:-8] if peer in named or "GroupId" in named["Fn::GetAtt"][1] else "prefixes")
    return json.dumps(named) if isinstance(named, dict) else str(named)


def lines(web: Web) -> list[str]:
    """What cfn-lint finds, the circles of the templates, and what is exported."""
    loaded = load([web.app.synth().directory])
    rules = get_rules([], [], ["W"], include_experimental=False)
    found = []
    for template in loaded.templates:
        matches = lint(template.source, rules, [template.region or REGION], ManualArgs())
        found += [f"{match.rule.id} {match.message}" for match in matches]
        found += [str(each) for each in cycles(template)]
        found += [word for word in ('"Export"', "Fn::ImportValue") if word in template.source]
    assert not evaluate(loaded.templates, RULES).errors
    return found


class TestWayIn:
    def test_the_load_balancer_is_internal_and_hardened(self, plain: Web) -> None:
        balancer = plain.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
        assert balancer["Scheme"] == "internal"
        assert len(balancer["Subnets"]) == 3
        found = attributes(plain)
        assert found["deletion_protection.enabled"] == "true"
        assert found["routing.http.desync_mitigation_mode"] == "strictest"
        assert found["routing.http.drop_invalid_header_fields.enabled"] == "true"

    def test_it_speaks_modern_tls_and_nothing_else(self, plain: Web) -> None:
        listener = plain.one("AWS::ElasticLoadBalancingV2::Listener")  # the only one
        assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
        assert listener["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

    def test_it_answers_one_host_name_only(self, plain: Web) -> None:
        listener = plain.one("AWS::ElasticLoadBalancingV2::Listener")
        (default,) = listener["DefaultActions"]
        assert (default["Type"], default["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "404")
        rule = plain.one("AWS::ElasticLoadBalancingV2::ListenerRule")
        assert rule["Conditions"] == [{"Field": "host-header", "HostHeaderConfig": {"Values": [HOST]}}]

    def test_every_request_and_connection_is_logged(self, plain: Web) -> None:
        (bucket,) = plain.all("AWS::S3::Bucket")
        found = attributes(plain)
        for kind, prefix in (("access_logs", "requests"), ("connection_logs", "connections")):
            assert found[f"{kind}.s3.enabled"] == "true"
            assert found[f"{kind}.s3.bucket"] == {"Ref": bucket}
            assert found[f"{kind}.s3.prefix"] == prefix

    def test_aws_may_write_the_logs_before_the_load_balancer_is_made(self, plain: Web) -> None:
        """It writes a file at once, to see whether it may."""
        (balancer,) = of_type(plain.template, "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
        (policy,) = plain.all("AWS::S3::BucketPolicy")
        assert policy in balancer["DependsOn"]
        statements = plain.one("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
        (allowed,) = (each for each in statements if each["Effect"] == "Allow")
        assert allowed["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
        assert allowed["Action"] == "s3:PutObject"
        ends = {concrete(each).split("/", 2)[2] for each in allowed["Resource"]}
        assert ends == {f"{prefix}/AWSLogs/{ACCOUNT}/*" for prefix in ("requests", "connections")}

    def test_logs_are_encrypted_by_the_only_keys_that_load_balancers_take_and_kept(self, plain: Web) -> None:
        (bucket,) = of_type(plain.template, "AWS::S3::Bucket").values()
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        # Not RetainExceptOnCreate: after AWS's first file nobody can delete it, so that a rollback would stop there.
        assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"

    def test_clients_are_let_in_nowhere_until_they_are_named(self, plain: Web) -> None:
        assert not any(way == "Ingress" and group == "OrdersWayInSecurityGroup" for group, way, *_ in opened(plain))

    def test_targets_are_asked_whether_they_are_well(self, web: Web) -> None:
        web.fargate(health_check=HealthCheck(path="/health", healthy=4, unhealthy=5))
        group = web.one("AWS::ElasticLoadBalancingV2::TargetGroup")
        assert (group["HealthCheckPath"], group["HealthCheckProtocol"]) == ("/health", "HTTP")
        assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (4, 5)
        assert group["Matcher"] == {"HttpCode": "200"}
        assert group["TargetType"] == "ip"

    def test_one_subnet_of_each_zone(self, app: App) -> None:
        """More are refused, and an existing VPC may have them."""
        web = imported_vpc(app)
        web.fargate()
        subnets = web.one("AWS::ElasticLoadBalancingV2::LoadBalancer")["Subnets"]
        assert subnets == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
        assert len(service(web)["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]) == 4

    @pytest.mark.parametrize("policy", [elbv2.SslPolicy.TLS13_13, elbv2.SslPolicy.FIPS_TLS13_12_RES])
    def test_another_accepted_policy(self, web: Web, policy: elbv2.SslPolicy) -> None:
        web.fargate(tls_policy=policy)
        assert "SC-ELB-01" not in open_ids(web.app)
        assert web.one("AWS::ElasticLoadBalancingV2::Listener")["SslPolicy"] != (
            "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
        )

    def test_the_url(self, web: Web) -> None:
        assert web.fargate().url == f"https://{HOST}"


class TestDomain:
    def test_the_name_leads_to_the_load_balancer_while_targets_are_well(self, web: Web) -> None:
        web.fargate(domain=web.domain(zone=zone(web)))
        record = web.one("AWS::Route53::RecordSet")
        assert (record["Name"], record["Type"]) == (f"{HOST}.", "A")
        assert record["AliasTarget"]["EvaluateTargetHealth"] is True
        assert "Weight" not in record

    def test_two_services_share_a_name_by_weight(self, web: Web) -> None:
        here = zone(web)
        for id, weight in (("Orders", 90), ("Next", 10)):
            web.fargate(id, domain=web.domain(zone=here, weight=weight))
        records = list(web.all("AWS::Route53::RecordSet").values())
        assert sorted(each["Weight"] for each in records) == [10, 90]
        assert len({each["SetIdentifier"] for each in records}) == 2
        assert lines(web) == []

    def test_a_weight_of_nobody(self, web: Web) -> None:
        web.fargate(domain=web.domain(zone=zone(web), weight=0))
        assert web.one("AWS::Route53::RecordSet")["Weight"] == 0


class TestPaths:
    UNASKED = frozenset(
        (
            ("OrdersWayInSecurityGroup", "Egress", "OrdersTaskSecurityGroup", 8080),
            ("OrdersTaskSecurityGroup", "Ingress", "OrdersWayInSecurityGroup", 8080),
            ("OrdersTaskSecurityGroup", "Egress", "NetworkEndpoints", 443),
            ("OrdersTaskSecurityGroup", "Egress", "prefixes", 443),
            ("OrdersTaskSecurityGroup", "Egress", "10.0.0.0/16", 443),  # GuardDuty's endpoint
        )
    )

    def test_nothing_else_is_open(self, plain: Web) -> None:
        assert opened(plain) == self.UNASKED

    def test_a_client_is_let_in_by_https_and_let_out_to_it(self, web: Web) -> None:
        made = web.fargate()
        client = web.network.add_security_group("Client", description="a client")
        made.connections.allow_default_port_from(client)
        assert opened(web) - self.UNASKED == {
            ("OrdersWayInSecurityGroup", "Ingress", "NetworkClient", 443),
        }
        (out,) = (
            each
            for each in web.all("AWS::EC2::SecurityGroupEgress").values()
            if each["GroupId"]["Fn::GetAtt"][0].startswith("NetworkClient")
        )
        assert (out["FromPort"], out["ToPort"]) == (443, 443)

    def test_the_service_itself_is_what_others_connect_to(self, web: Web) -> None:
        client = web.network.add_security_group("Client", description="a client")
        ec2.Connections(security_groups=[client]).allow_to_default_port(web.fargate())
        assert ("OrdersWayInSecurityGroup", "Ingress", "NetworkClient", 443) in opened(web)

    def test_its_program_is_let_out_to_a_database(self, web: Web) -> None:
        made = web.fargate()
        database = ec2.Connections(
            security_groups=[web.network.add_security_group("Database", description="a database")],
            default_port=ec2.Port.tcp(5432),
        )
        made.outbound.allow_to_default_port(database)
        assert opened(web) - self.UNASKED == {("OrdersTaskSecurityGroup", "Egress", "NetworkDatabase", 5432)}

    def test_two_services_call_each_other_without_a_circle(self, web: Web) -> None:
        first, second = web.fargate("Orders"), web.fargate("Payments")
        first.connections.allow_default_port_from(second.outbound)
        second.connections.allow_default_port_from(first.outbound)
        first.connections.allow_default_port_from(first.outbound)
        assert_acyclic(web.template)
        assert {
            ("OrdersWayInSecurityGroup", "Ingress", "PaymentsTaskSecurityGroup", 443),
            ("PaymentsWayInSecurityGroup", "Ingress", "OrdersTaskSecurityGroup", 443),
            ("OrdersWayInSecurityGroup", "Ingress", "OrdersTaskSecurityGroup", 443),
        } <= opened(web)

    def test_no_task_has_a_public_address(self, plain: Web) -> None:
        assert_no_public_address(plain.template)
        assert service(plain)["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"

    def test_what_the_program_calls_is_reachable(self, web: Web) -> None:
        web.fargate(services=["sqs", "dynamodb"])
        assert "NetworkSqs" in waits_for(web)
        assert not {"SC-NET-01", "SC-NET-02"} & open_ids(web.app)

    def test_without_runtime_monitoring_the_addresses_of_the_vpc_stay_closed(self, web: Web) -> None:
        web.fargate(runtime_monitoring=False)
        assert opened(web) == {each for each in self.UNASKED if each[2] != "10.0.0.0/16"}
        assert not web.all("AWS::IAM::Policy", "OrdersTaskExecutionRoleRuntimeMonitoring")


class TestTask:
    def test_is_hardened(self, plain: Web) -> None:
        container = main(plain)
        assert container["ReadonlyRootFilesystem"] is True
        assert container["User"] == "65532:65532"
        assert container["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}, "InitProcessEnabled": True}
        assert "Privileged" not in container  # Fargate takes neither true nor false
        assert container["Image"]["Fn::Join"][1][-1] == f"@{DIGEST}"

    def test_what_it_says_is_kept_and_never_holds_it_up(self, plain: Web) -> None:
        options = main(plain)["LogConfiguration"]["Options"]
        assert options["awslogs-group"]["Ref"].startswith("OrdersTaskLogs")
        assert options["mode"] == "non-blocking"

    def test_logs_are_encrypted_and_bounded(self, plain: Web) -> None:
        (key,) = plain.all("AWS::KMS::Key", "OrdersKey")
        groups = plain.all("AWS::Logs::LogGroup", "Orders")
        assert {id[:-8] for id in groups} == {"OrdersTaskLogs", "OrdersClusterExecLogs", "OrdersClusterInsights"}
        for group in groups.values():
            assert group["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
            assert group["RetentionInDays"] == 365

    def test_runs_on_fargates_newest_platform_and_nobody_can_open_a_shell(self, plain: Web) -> None:
        assert (service(plain)["LaunchType"], service(plain)["PlatformVersion"]) == ("FARGATE", "LATEST")
        assert service(plain)["EnableExecuteCommand"] is False
        assert plain.one("AWS::ECS::TaskDefinition")["NetworkMode"] == "awsvpc"

    @pytest.mark.parametrize(
        ("cpu", "memory", "expected"),
        [(0.25, None, ("256", "512")), (0.5, None, ("512", "1024")), (2, Size.gibibytes(16), ("2048", "16384"))],
    )
    def test_sizes(self, web: Web, cpu: float, memory: Size | None, expected: tuple[str, str]) -> None:
        web.fargate(cpu=cpu, memory=memory)
        task = web.one("AWS::ECS::TaskDefinition")
        assert (task["Cpu"], task["Memory"]) == expected

    def test_for_arm(self, web: Web) -> None:
        web.fargate(architecture=CpuArchitecture.ARM64)
        platform = web.one("AWS::ECS::TaskDefinition")["RuntimePlatform"]
        assert platform == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}

    def test_scratch_is_memory_that_runs_no_programs(self, web: Web) -> None:
        web.fargate(scratch=["/scratch", "/run"])
        for each, path in zip(main(web)["LinuxParameters"]["Tmpfs"], ("/scratch", "/run"), strict=True):
            assert (each["ContainerPath"], each["Size"]) == (path, 64)
            assert {"nosuid", "nodev", "noexec"} <= set(each["MountOptions"])
        assert "Volumes" not in web.one("AWS::ECS::TaskDefinition")

    def test_storage_of_its_own(self, web: Web) -> None:
        web.fargate(ephemeral_storage=Size.gibibytes(50))
        assert web.one("AWS::ECS::TaskDefinition")["EphemeralStorage"] == {"SizeInGiB": 50}

    def test_variables_and_command(self, web: Web) -> None:
        web.fargate(environment={"LEVEL": "info"}, command=["serve", "--port", "8080"])
        assert main(web)["Environment"] == [{"Name": "LEVEL", "Value": "info"}]
        assert main(web)["Command"] == ["serve", "--port", "8080"]

    def test_task_and_service_are_found_by_their_tags(self, plain: Web) -> None:
        assert service(plain)["EnableECSManagedTags"] is True
        assert service(plain)["PropagateTags"] == "SERVICE"

    def test_tasks_are_spread_over_zones_and_grow_by_load(self, plain: Web) -> None:
        assert service(plain)["AvailabilityZoneRebalancing"] == "ENABLED"
        assert "DesiredCount" not in service(plain)  # a deployment would take back what scaling has set
        target = plain.one("AWS::ApplicationAutoScaling::ScalableTarget")
        assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 10)
        policy = plain.one("AWS::ApplicationAutoScaling::ScalingPolicy")
        track = policy["TargetTrackingScalingPolicyConfiguration"]
        assert track["TargetValue"] == 60
        assert track["PredefinedMetricSpecification"] == {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}

    def test_or_by_requests(self, web: Web) -> None:
        web.fargate(scaling=Scaling(min=3, max=30, requests_per_target=1000))
        track = web.one("AWS::ApplicationAutoScaling::ScalingPolicy")["TargetTrackingScalingPolicyConfiguration"]
        assert track["TargetValue"] == 1000
        label = track["PredefinedMetricSpecification"]["ResourceLabel"]["Fn::Join"][1]
        assert [part["Fn::GetAtt"][1] for part in label if isinstance(part, dict)] == [
            "LoadBalancerFullName",
            "TargetGroupFullName",
        ]


class TestRoles:
    def test_the_programs_role_may_do_nothing(self, plain: Web) -> None:
        (role,) = plain.all("AWS::IAM::Role", "OrdersTaskRole")
        policies = [
            each for type_ in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy") for each in plain.all(type_).values()
        ]
        assert not any({"Ref": role} in each["Roles"] for each in policies)
        assert not {"Policies", "ManagedPolicyArns"} & set(plain.one("AWS::IAM::Role", "OrdersTaskRole"))

    def test_another_one_starts_it_and_does_no_more(self, plain: Web) -> None:
        assert_only_allows(plain.template, "OrdersTaskExecutionRole", STARTS)

    def test_both_are_taken_for_tasks_of_this_account_and_region_only(self, plain: Web) -> None:
        for name in ("OrdersTaskRole", "OrdersTaskExecutionRole"):
            (statement,) = plain.one("AWS::IAM::Role", name)["AssumeRolePolicyDocument"]["Statement"]
            assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
            assert concrete(statement["Condition"]) == {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:*"},
            }

    def test_grants_go_to_the_programs_role(self, web: Web) -> None:
        made, secret = web.fargate(services=["secretsmanager"]), secretsmanager.Secret(web.stack, "Secret")
        secret.grant_read(made)
        assert_allowed(web.template, "OrdersTaskRole", "secretsmanager:GetSecretValue", "${Secret}")
        assert_denied(web.template, "OrdersTaskExecutionRole", "secretsmanager:GetSecretValue", "${Secret}")
        assert open_ids(web.app) <= {"SC-SEC-01"}

    @pytest.mark.parametrize("strategy", BY_TRAFFIC)
    def test_the_traffic_role_moves_this_services_requests(self, web: Web, strategy: str) -> None:
        web.fargate(deployment=BY_TRAFFIC[strategy])
        described = ["Listeners", "Rules", "TargetGroups", "TargetHealth"]
        groups = ["${OrdersWayInTargets}", "${OrdersWayInOtherTargets}"]
        assert_only_allows(
            web.template,
            "OrdersTrafficRole",
            [
                Allow([f"elasticloadbalancing:Describe{each}" for each in described], "*"),
                Allow(["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"], groups),
                Allow("elasticloadbalancing:ModifyListener", "${OrdersWayInListener}"),
                Allow("elasticloadbalancing:ModifyRule", "${OrdersWayInRule}"),
            ],
        )

    def test_a_rolling_deployment_needs_no_such_role(self, plain: Web) -> None:
        assert not plain.all("AWS::IAM::Role", "OrdersTrafficRole")


class TestDeployments:
    def test_rolling_goes_back_by_itself(self, plain: Web) -> None:
        found = service(plain)["DeploymentConfiguration"]
        assert found["Strategy"] == "ROLLING"
        assert found["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        assert (found["MinimumHealthyPercent"], found["MaximumPercent"]) == (100, 200)

    @pytest.mark.parametrize(
        ("deployment", "expected"),
        [
            (Deployment.blue_green(), {"Strategy": "BLUE_GREEN", "BakeTimeInMinutes": 10}),
            (
                Deployment.canary(percent=6),
                {
                    "Strategy": "CANARY",
                    "BakeTimeInMinutes": 10,
                    "CanaryConfiguration": {"CanaryPercent": 6, "CanaryBakeTimeInMinutes": 10},
                },
            ),
            (
                Deployment.linear(percent=25),
                {
                    "Strategy": "LINEAR",
                    "BakeTimeInMinutes": 10,
                    "LinearConfiguration": {"StepPercent": 25, "StepBakeTimeInMinutes": 5},
                },
            ),
        ],
    )
    def test_by_traffic(self, web: Web, deployment: Deployment, expected: dict[str, Any]) -> None:
        web.fargate(deployment=deployment)
        found = service(web)["DeploymentConfiguration"]
        assert expected.items() <= found.items()
        has_breaker = expected["Strategy"] == "BLUE_GREEN"
        assert found["DeploymentCircuitBreaker"] == {"Enable": has_breaker, "Rollback": has_breaker}
        (behind,) = service(web)["LoadBalancers"]
        advanced = behind["AdvancedConfiguration"]
        assert behind["TargetGroupArn"]["Ref"].startswith("OrdersWayInTargets")
        assert advanced["AlternateTargetGroupArn"]["Ref"].startswith("OrdersWayInOtherTargets")
        assert advanced["ProductionListenerRule"]["Ref"].startswith("OrdersWayInRule")
        (action,) = web.one("AWS::ElasticLoadBalancingV2::ListenerRule")["Actions"]
        assert [each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]] == [100, 0]
        assert lines(web) == []
        assert open_ids(web.app) == set()

    @pytest.mark.parametrize("deployment", [Deployment.rolling(), *BY_TRAFFIC.values()])
    def test_errors_and_latency_roll_back_and_illness_does_not(self, web: Web, deployment: Deployment) -> None:
        """While new tasks start, some are not well yet."""
        web.fargate(deployment=deployment)
        found = service(web)["DeploymentConfiguration"]["Alarms"]
        assert (found["Enable"], found["Rollback"]) == (True, True)
        assert [each["Ref"][:-8] for each in found["AlarmNames"]] == [
            "OrdersWatchAlarmsErrors",
            "OrdersWatchAlarmsLatency",
        ]

    def test_tasks_start_when_all_that_it_takes_is_there(self, plain: Web) -> None:
        assert {
            "OrdersTaskExecutionRoleDefaultPolicy",
            "OrdersTaskExecutionRoleEcrLogin",
            "OrdersTaskExecutionRoleRuntimeMonitoring",
            "OrdersTaskSecurityGroupToS3",
            "OrdersWayInRule",
            "OrdersClusterInsights",
            "NetworkEcrApi",
            "NetworkEcrDkr",
            "NetworkLogs",
            "NetworkS3",
        } <= waits_for(plain)

    def test_grants_that_come_later_are_waited_for_too(self, web: Web) -> None:
        made = web.fargate()
        secretsmanager.Secret(web.stack, "Secret").grant_read(made)
        assert "OrdersTaskRoleDefaultPolicy" in waits_for(web)

    @pytest.mark.parametrize("strategy", BY_TRAFFIC)
    def test_who_moves_the_requests_may_do_so_before_the_service_and_after_it(self, web: Web, strategy: str) -> None:
        """Without its policy Amazon ECS can neither start nor delete a service."""
        web.fargate(deployment=BY_TRAFFIC[strategy])
        assert "OrdersTrafficRoleDefaultPolicy" in waits_for(web)


class TestSignatures:
    def signed(self, web: Web, **arguments: Any) -> SecureFargateService:
        profile = signer.SigningProfile(web.stack, "Profile", platform=signer.Platform.NOTATION_OCI_SHA384_ECDSA)
        return web.fargate(trusted_signers=TrustedSigners(profiles=[profile]), **arguments)

    def test_are_asked_for_before_tasks_start(self, web: Web) -> None:
        self.signed(web)
        found = service(web)["DeploymentConfiguration"]
        (hook,) = found["LifecycleHooks"]
        assert found["Strategy"] == "BLUE_GREEN"  # before a rolling one Amazon ECS asks nobody
        assert hook["LifecycleStages"] == ["PRE_SCALE_UP"]
        assert hook["HookTargetArn"]["Fn::GetAtt"][0].startswith("OrdersSignaturesFunction")
        assert hook["RoleArn"]["Fn::GetAtt"][0].startswith("OrdersSignaturesHookRole")
        assert hook["TimeoutConfiguration"]["Action"] == "ROLLBACK"
        assert lines(web) == []
        assert open_ids(web.app) == set()

    def test_the_hooks_role_calls_the_function_and_nothing_else(self, web: Web) -> None:
        self.signed(web)
        allowed = [Allow("lambda:InvokeFunction", "${OrdersSignaturesFunction.Arn}")]
        assert_only_allows(web.template, "OrdersSignaturesHookRole", allowed)

    def test_the_function_reads_signatures_of_these_images_only(self, web: Web) -> None:
        self.signed(web)
        assert_only_allows(
            web.template,
            "OrdersSignaturesRole",
            [
                Allow(["logs:CreateLogStream", "logs:PutLogEvents"], "${OrdersSignaturesLogs.Arn}"),
                Allow(
                    ["ecr:BatchGetImage", "ecr:DescribeImageSigningStatus", "ecr:GetDownloadUrlForLayer"],
                    "${ImagesRepository.Arn}",
                ),
                Allow(
                    "ecs:DescribeServiceRevisions",
                    "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:service-revision/${OrdersCluster}/*",
                ),
                Allow(
                    "signer:GetRevocationStatus",
                    [
                        "${Profile.Arn}",
                        "arn:${AWS::Partition}:signer:${AWS::Region}:${AWS::AccountId}:/signing-jobs/*",
                    ],
                ),
                Allow(["ecs:DescribeTaskDefinition", "xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
            ],
        )

    def test_of_sidecars_too(self, web: Web) -> None:
        made = self.signed(web)
        other = SecureEcrRepository(web.stack, "Proxies", tags={"owner": "payments"})
        made.task.add_sidecar("Proxy", image=other.image(digest=DIGEST))
        assert_allowed(web.template, "OrdersSignaturesRole", "ecr:BatchGetImage", "${ProxiesRepository.Arn}")

    def test_can_be_asked_for_when_the_service_starts(self, web: Web) -> None:
        self.signed(web)
        assert {"OrdersSignaturesHookRoleDefaultPolicy", "OrdersSignaturesRolePolicy"} <= waits_for(web)


class TestSecrets:
    def test_are_read_by_the_role_that_starts_tasks_and_by_no_other(self, web: Web) -> None:
        key = kms.Key(web.stack, "Key", enable_key_rotation=True)
        secret = secretsmanager.Secret(web.stack, "Secret", encryption_key=key)
        parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
            web.stack, "Parameter", parameter_name="/orders/token"
        )
        web.fargate(
            secrets={
                "PASSWORD": secret,
                "USER_NAME": SecretField(secret=secret, field="user"),
                "TOKEN": SecureParameter(parameter=parameter, encryption_key=key),
            }
        )
        through = {
            service_: {
                "StringEquals": {"kms:ViaService": f"{service_}.${{AWS::Region}}.${{AWS::URLSuffix}}"},
            }
            for service_ in ("secretsmanager", "ssm")
        }
        assert_only_allows(
            web.template,
            "OrdersTaskExecutionRole",
            [
                *STARTS,
                Allow("secretsmanager:GetSecretValue", "${Secret}"),
                Allow(
                    "ssm:GetParameters",
                    "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/orders/token",
                ),
                *(Allow("kms:Decrypt", "${Key.Arn}", conditions=condition) for condition in through.values()),
            ],
        )
        values = {each["Name"]: concrete(each["ValueFrom"]) for each in main(web)["Secrets"]}
        assert values["USER_NAME"].endswith(":user::")
        assert {"NetworkSecretsmanager", "NetworkSsm"} <= waits_for(web)

    def test_of_another_account_with_its_key(self, app: App) -> None:
        web = Web(app, env=HERE)
        arn = f"arn:aws:kms:{REGION}:{OTHER_ACCOUNT}:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
        secret = secretsmanager.Secret.from_secret_attributes(
            web.stack,
            "Secret",
            secret_complete_arn=f"arn:aws:secretsmanager:{REGION}:{OTHER_ACCOUNT}:secret:orders-a1B2c3",
            encryption_key=kms.Key.from_key_arn(web.stack, "Key", arn),
        )
        web.fargate(secrets={"PASSWORD": secret})
        call = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
        assert_allowed(web.template, "OrdersTaskExecutionRole", "kms:Decrypt", arn, context=call)
        assert_allowed(web.template, "OrdersTaskExecutionRole", "secretsmanager:GetSecretValue", secret.secret_arn)


class TestFiles:
    def mounted(self, web: Web, *, read_only: bool = False) -> SecureFargateService:
        system = efs.FileSystem(
            web.stack,
            "Files",
            vpc=web.network.vpc,
            vpc_subnets=web.network.subnets,
            encrypted=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        mount = FileMount(access_point=system.add_access_point("Point"), path="/data", read_only=read_only)
        return web.fargate(file_mounts=[mount])

    def test_are_mounted_over_tls_with_the_tasks_role(self, web: Web) -> None:
        self.mounted(web)
        (volume,) = web.one("AWS::ECS::TaskDefinition")["Volumes"]
        settings = volume["EFSVolumeConfiguration"]
        assert settings["TransitEncryption"] == "ENABLED"
        assert settings["AuthorizationConfig"]["IAM"] == "ENABLED"
        assert settings["AuthorizationConfig"]["AccessPointId"]["Ref"].startswith("FilesPoint")
        assert main(web)["MountPoints"] == [{"ContainerPath": "/data", "ReadOnly": False, "SourceVolume": "MainFiles0"}]
        assert "SC-ECS-17" not in open_ids(web.app)

    @pytest.mark.parametrize("read_only", [False, True])
    def test_the_role_mounts_one_access_point(self, web: Web, read_only: bool) -> None:
        self.mounted(web, read_only=read_only)
        point = {"StringEquals": {"elasticfilesystem:AccessPointArn": "${FilesPoint.Arn}"}}
        actions = ["elasticfilesystem:ClientMount", *([] if read_only else ["elasticfilesystem:ClientWrite"])]
        assert_only_allows(web.template, "OrdersTaskRole", [Allow(actions, "${Files.Arn}", conditions=point)])

    def test_the_way_is_open_from_both_sides(self, web: Web) -> None:
        self.mounted(web)
        assert {
            ("OrdersTaskSecurityGroup", "Egress", "FilesEfsSecurityGroup", 2049),
            ("FilesEfsSecurityGroup", "Ingress", "OrdersTaskSecurityGroup", 2049),
        } <= opened(web)

    def test_tasks_wait_until_there_is_something_to_mount(self, web: Web) -> None:
        self.mounted(web)
        assert len({each for each in waits_for(web) if each.startswith("FilesEfsMountTarget")}) == 3


class TestSidecars:
    def test_are_hardened_as_the_program_is(self, web: Web) -> None:
        web.fargate().task.add_sidecar("Proxy", image=web.image, memory=Size.mebibytes(64), essential=False)
        proxy = containers(web)["Proxy"]
        assert proxy["ReadonlyRootFilesystem"] is True
        assert proxy["User"] == "65532:65532"
        assert proxy["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
        assert (proxy["Memory"], proxy["Essential"]) == (64, False)
        assert proxy["LogConfiguration"]["Options"]["awslogs-stream-prefix"] == "Proxy"
        assert "PortMappings" not in proxy
        assert open_ids(web.app) == set()

    def test_bring_what_they_need(self, web: Web) -> None:
        other, secret = (
            SecureEcrRepository(web.stack, "Proxies", tags={"owner": "payments"}),
            secretsmanager.Secret(web.stack, "Secret"),
        )
        web.fargate().task.add_sidecar(
            "Proxy", image=other.image(digest=DIGEST), secrets={"PASSWORD": secret}, services=["sqs"]
        )
        assert {"NetworkSecretsmanager", "NetworkSqs"} <= waits_for(web)
        for action, resource in (
            ("ecr:BatchGetImage", "${ProxiesRepository.Arn}"),
            ("secretsmanager:GetSecretValue", "${Secret}"),
        ):
            assert_allowed(web.template, "OrdersTaskExecutionRole", action, resource)

    def test_a_log_router_takes_what_came_before_it_and_what_comes_after(self, web: Web) -> None:
        task = web.fargate().task
        task.add_sidecar("Before", image=web.image)
        task.add_sidecar("Router", image=web.image, log_router={"Name": "cloudwatch_logs"})
        task.add_sidecar("After", image=web.image)
        found = containers(web)
        assert found["Router"]["FirelensConfiguration"] == {"Type": "fluentbit"}
        assert found["Router"]["User"] not in {found[name]["User"] for name in ("Main", "Before", "After")}
        assert found["Router"]["LogConfiguration"]["LogDriver"] == "awslogs"
        for name in ("Main", "Before", "After"):
            assert found[name]["LogConfiguration"] == {
                "LogDriver": "awsfirelens",
                "Options": {"Name": "cloudwatch_logs"},
            }
        assert not any(port == 24224 for *_, port in opened(web))
        assert lines(web) == []
        assert open_ids(web.app) == set()

    def test_volumes_of_two_containers_do_not_share_a_name(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD)
        web.fargate(scratch=["/scratch"]).task.add_sidecar("Proxy", image=web.image, scratch=["/scratch"])
        names = [each["Name"] for each in web.one("AWS::ECS::TaskDefinition")["Volumes"]]
        assert len(names) == len(set(names)) == 2

    def test_as_root_with_a_waiver(self, web: Web) -> None:
        waivers = [Waiver(rule, reason=REASON) for rule in ("SC-ECS-03", "SC-ECS-04")]
        web.fargate().task.add_sidecar("Agent", image=web.image, user="root", waivers=waivers)
        assert containers(web)["Agent"]["ReadonlyRootFilesystem"] is False
        assert containers(web)["Main"]["ReadonlyRootFilesystem"] is True
        assert open_ids(web.app) == set()


class TestTracing:
    def test_goes_by_a_collector_beside_the_program(self, web: Web) -> None:
        web.fargate(tracing=Tracing(collector=web.image))
        collector = containers(web)["Collector"]
        assert collector["Essential"] is False
        assert collector["ReadonlyRootFilesystem"] is True
        assert collector["User"] != main(web)["User"]
        actions = ["GetSamplingRules", "GetSamplingStatisticSummaries", "GetSamplingTargets"]
        actions += ["PutTelemetryRecords", "PutTraceSegments"]
        assert_only_allows(web.template, "OrdersTaskRole", [Allow([f"xray:{each}" for each in actions], "*")])
        assert "NetworkXray" in waits_for(web)
        assert open_ids(web.app) == set()


class TestShells:
    def test_are_encrypted_and_recorded(self, web: Web) -> None:
        web.fargate(execute_command=True, waivers=SHELLS)
        assert service(web)["EnableExecuteCommand"] is True
        assert main(web)["ReadonlyRootFilesystem"] is False
        assert_only_allows(
            web.template,
            "OrdersTaskRole",
            [
                Allow(
                    [
                        *(
                            f"ssmmessages:{verb}{kind}Channel"
                            for verb in ("Create", "Open")
                            for kind in ("Control", "Data")
                        ),
                        "logs:DescribeLogGroups",
                    ],
                    "*",
                ),
                Allow(
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    "${OrdersClusterExecLogs.Arn}",
                ),
                Allow("kms:Decrypt", "${OrdersKey.Arn}"),
            ],
        )
        assert {"NetworkSsmmessages", "NetworkKms", "OrdersTaskRoleExec"} <= waits_for(web)
        assert open_ids(web.app) == set()

    def test_on_somebody_elses_cluster_they_open_too(self, web: Web) -> None:
        cluster = ecs.Cluster.from_cluster_attributes(web.stack, "Shared", cluster_name="shared", vpc=web.network.vpc)
        unrecorded = Waiver("SC-ECS-11", reason=REASON)
        web.fargate(cluster=cluster, execute_command=True, waivers=[*SHELLS, unrecorded])
        assert_allowed(web.template, "OrdersTaskRole", "ssmmessages:OpenDataChannel", "*")
        assert "NetworkSsmmessages" in waits_for(web)


class TestOnRequest:
    def test_tls_to_the_task(self, web: Web) -> None:
        web.fargate(target_tls=True, deployment=Deployment.blue_green())
        groups = web.all("AWS::ElasticLoadBalancingV2::TargetGroup")
        assert len(groups) == 2
        for group in groups.values():
            assert group["Protocol"] == group["HealthCheckProtocol"] == "HTTPS"
        accepted = json.dumps(of_type(web.template, "AWS::ElasticLoadBalancingV2::TargetGroup"))
        assert "SC-ELB-02" not in accepted  # there is nothing to accept
        assert open_ids(web.app) == set()

    def test_plain_targets_are_accepted_with_a_reason(self, web: Web) -> None:
        web.fargate(deployment=Deployment.blue_green())
        for group in of_type(web.template, "AWS::ElasticLoadBalancingV2::TargetGroup").values():
            (waiver,) = group["Metadata"][METADATA_KEY]["Waivers"]
            assert waiver["Rule"] == "SC-ELB-02"

    def test_a_web_acl_of_this_app(self, web: Web) -> None:
        visibility = {"sampledRequestsEnabled": True, "cloudWatchMetricsEnabled": True, "metricName": "orders"}
        acl = wafv2.CfnWebACL(
            web.stack, "Acl", scope="REGIONAL", default_action={"allow": {}}, visibility_config=visibility
        )
        web.fargate(web_acl=acl)
        association = web.one("AWS::WAFv2::WebACLAssociation")
        assert association["ResourceArn"]["Ref"].startswith("OrdersWayInLoadBalancer")
        assert association["WebACLArn"] == {"Fn::GetAtt": ["Acl", "Arn"]}
        assert "ALBWAFEnabled" not in json.dumps(of_type(web.template, "AWS::ElasticLoadBalancingV2::LoadBalancer"))

    def test_a_web_acl_by_its_arn(self, app: App) -> None:
        web = Web(app, env=HERE)
        arn = f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/orders/0a1b2c3d"
        web.fargate(web_acl=arn)
        assert web.one("AWS::WAFv2::WebACLAssociation")["WebACLArn"] == arn


class TestNeighbours:
    def test_two_services_in_one_stack_share_no_name(self, web: Web) -> None:
        for id in ("Orders", "Payments"):
            web.fargate(id, deployment=Deployment.canary(), scratch=["/scratch"])
        assert lines(web) == []
        assert open_ids(web.app) == set()
        assert len(web.all("AWS::ECS::Cluster")) == len(web.all("AWS::S3::Bucket")) == 2

    def test_two_services_share_a_cluster_a_key_and_a_topic(self, web: Web) -> None:
        key = kms.Key(web.stack, "Key", enable_key_rotation=True)
        shared = {
            "cluster": SecureEcsCluster(web.stack, "Cluster", network=web.network, encryption_key=key),
            "topic": sns.Topic(web.stack, "Topic", master_key=key, enforce_ssl=True),
            "encryption_key": key,
        }
        for id in ("Orders", "Payments"):
            web.fargate(id, **shared)
        (cluster,) = web.all("AWS::ECS::Cluster")
        assert {each["Cluster"]["Ref"] for each in web.all("AWS::ECS::Service").values()} == {cluster}
        (policy,) = (each["KeyPolicy"] for id, each in web.all("AWS::KMS::Key").items() if id.startswith("Key"))
        sids = [each["Sid"] for each in policy["Statement"] if "Sid" in each]
        assert len(sids) == len(set(sids))
        assert lines(web) == []
        assert open_ids(web.app) == set()

    def test_two_clusters_share_a_key(self, web: Web) -> None:
        key = kms.Key(web.stack, "Key", enable_key_rotation=True)
        for id in ("Orders", "Payments"):
            web.fargate(id, encryption_key=key)
        statements = web.one("AWS::KMS::Key", "Key")["KeyPolicy"]["Statement"]
        sids = [each["Sid"] for each in statements if "Sid" in each]
        assert sorted(sids) == ["CloudWatchLogs", "FargateStorage", "FargateStorageOfTasks"]

    def test_in_another_stack_than_its_network(self, app: App) -> None:
        web, there = Web(app, "Home"), Stack(app, "Services")
        web.fargate(scope=there, domain=Domain(name=HOST, certificate=certificate_in(there)))
        assert lines(web) == []
        assert open_ids(app) == set()
        found = synthesized(app)["Services"]
        (made,) = of_type(found, "AWS::ECS::Service").values()
        rules = [id for id in of_type(found, "AWS::EC2::SecurityGroupEgress") if id.startswith("OrdersTask")]
        assert rules
        assert set(rules) <= set(made["DependsOn"])  # tasks that start before would not reach their image

    def test_in_other_stacks_on_a_shared_cluster(self, app: App) -> None:
        web = Web(app, "Home")
        cluster = SecureEcsCluster(Stack(app, "Clusters"), "Cluster", network=web.network)
        for id in ("Orders", "Payments"):
            there = Stack(app, id)
            domain = Domain(name=HOST, certificate=certificate_in(there))
            web.fargate(scope=there, cluster=cluster, domain=domain, execute_command=True, waivers=SHELLS)
        assert lines(web) == []
        assert open_ids(app) == set()

    def test_a_client_in_another_stack_uses_what_it_is_told(self, app: App) -> None:
        """Called on the client, the rules stand in its stack, which may depend on the service then."""
        web, there = Web(app, "Home"), Stack(app, "Clients")
        made = web.fargate()
        client = ec2.SecurityGroup(there, "Client", vpc=web.network.vpc, description="c", allow_all_outbound=False)
        client.connections.allow_to_default_port(made)
        ssm.StringParameter(there, "Url", string_value=made.load_balancer.load_balancer_dns_name)
        rules = of_type(synthesized(app)["Clients"], "AWS::EC2::SecurityGroupIngress")
        assert [each["Properties"]["FromPort"] for each in rules.values()] == [443]
        assert not of_type(synthesized(app)["Home"], "AWS::EC2::SecurityGroupIngress").keys() & rules.keys()

    def test_a_database_in_another_stack_whose_secret_it_reads(self, app: App) -> None:
        web, there = Web(app, "Data"), Stack(app, "Services")
        group = web.network.add_security_group("Database", description="a database")
        database = ec2.Connections(security_groups=[group], default_port=ec2.Port.tcp(5432))
        secret = secretsmanager.Secret(web.stack, "Secret")
        domain = Domain(name=HOST, certificate=certificate_in(there))
        made = web.fargate(scope=there, domain=domain, secrets={"PASSWORD": secret})
        made.outbound.allow_to_default_port(database)
        assert lines(web) == []

    def test_in_a_vpc_that_was_there(self, app: App) -> None:
        web = imported_vpc(app)
        web.fargate()
        assert lines(web) == []
        assert open_ids(app) <= {"SC-NET-02"}  # its routes cannot be seen from here

    def test_on_an_imported_cluster(self, web: Web) -> None:
        cluster = ecs.Cluster.from_cluster_attributes(web.stack, "Shared", cluster_name="shared", vpc=web.network.vpc)
        web.fargate(cluster=cluster)
        assert service(web)["Cluster"] == "shared"
        assert not web.all("AWS::ECS::Cluster")
        alarms = {id[:-8] for id in web.all("AWS::CloudWatch::Alarm")}
        assert "OrdersWatchAlarmsAtMost" not in alarms  # nobody knows whether it counts its tasks
        assert lines(web) == []

    def test_with_an_imported_key_and_topic(self, app: App) -> None:
        web = Web(app, env=HERE)
        arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:people"
        web.fargate(
            encryption_key=kms.Key.from_key_arn(web.stack, "Key", arn),
            topic=sns.Topic.from_topic_arn(web.stack, "Topic", topic),
        )
        assert not web.all("AWS::SNS::Topic")
        for group in web.all("AWS::Logs::LogGroup", "Orders").values():
            assert group["KmsKeyId"] == arn
        for alarm in web.all("AWS::CloudWatch::Alarm").values():
            assert alarm["AlarmActions"] == [topic]
        assert lines(web) == []


class TestRegions:
    def test_where_amazon_ecs_watches_no_alarms(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD)
        web.fargate()
        found = service(web)["DeploymentConfiguration"]
        assert "Alarms" not in found
        assert found["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        assert lines(web) == []
        assert open_ids(app) == set()

    def test_blue_green_there(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD)
        web.fargate(deployment=BY_TRAFFIC["BLUE_GREEN"])
        assert "Alarms" not in service(web)["DeploymentConfiguration"]
        assert open_ids(app) == set()

    @pytest.mark.parametrize("strategy", ["CANARY", "LINEAR"])
    def test_nothing_would_send_the_others_back_there(self, app: App, strategy: str) -> None:
        web = Web(app, env=GOVCLOUD)
        with pytest.raises(ValueError, match=f"deployment is '{strategy}'.*write deployment=Deployment.blue_green"):
            web.fargate(deployment=BY_TRAFFIC[strategy])
        assert web.stack.node.try_find_child("Orders") is None

    def test_where_fargate_takes_no_memory_for_scratch(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD)
        web.fargate(scratch=["/scratch"])
        assert "Tmpfs" not in main(web)["LinuxParameters"]
        assert web.one("AWS::ECS::TaskDefinition")["Volumes"] == [{"Name": "MainScratch0"}]
        assert main(web)["MountPoints"] == [
            {"ContainerPath": "/scratch", "ReadOnly": False, "SourceVolume": "MainScratch0"}
        ]

    def test_with_fips_endpoints(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD, fips=True)
        web.fargate(environment={"LEVEL": "info"})
        assert {"Name": "AWS_USE_FIPS_ENDPOINT", "Value": "true"} in main(web)["Environment"]
        assert open_ids(app) == set()

    def test_in_china(self, app: App) -> None:
        web = Web(app, env=Environment(account=ACCOUNT, region="cn-north-1"))
        web.fargate()
        assert '"arn:aws:' not in json.dumps(web.template)
        assert lines(web) == []
        assert open_ids(app) == set()

    def test_an_account_and_a_region_need_not_be_known(self, plain: Web) -> None:
        assert lines(plain) == []
        assert open_ids(plain.app) == set()
        assert '"arn:aws:' not in json.dumps(plain.template)


class TestWaivers:
    @pytest.mark.parametrize("kind", ["access_logs", "connection_logs"])
    def test_one_kind_of_logs(self, web: Web, kind: str) -> None:
        web.fargate(waivers=[Waiver(f"SC-ELB-03[{kind}.s3.enabled]", reason=REASON)])
        found = attributes(web)
        assert found[f"{kind}.s3.enabled"] == "false"
        assert sorted(value for key, value in found.items() if key.endswith("s3.enabled")) == ["false", "true"]
        assert open_ids(web.app) == set()

    def test_no_logs_at_all_need_no_bucket(self, web: Web) -> None:
        kinds = ("access_logs", "connection_logs")
        made = web.fargate(waivers=[Waiver(f"SC-ELB-03[{kind}.s3.enabled]", reason=REASON) for kind in kinds])
        assert made.access_log_bucket is None
        assert not web.all("AWS::S3::Bucket")
        # In one order, whatever the hashes of this process: two syntheses give the same template.
        assert [key for key in attributes(web) if key.endswith("s3.enabled")] == [
            f"{kind}.s3.enabled" for kind in kinds
        ]
        assert open_ids(web.app) == set()

    @pytest.mark.parametrize(
        ("rule", "key"),
        [
            ("SC-ELB-04[deletion_protection.enabled]", "deletion_protection.enabled"),
            (
                "SC-ELB-05[routing.http.drop_invalid_header_fields.enabled]",
                "routing.http.drop_invalid_header_fields.enabled",
            ),
        ],
    )
    def test_of_the_load_balancer(self, web: Web, rule: str, key: str) -> None:
        web.fargate(waivers=[Waiver(rule, reason=REASON)])
        assert attributes(web).get(key) != "true"
        assert open_ids(web.app) == set()

    def test_what_is_kept(self, web: Web) -> None:
        web.fargate(waivers=[Waiver(rule, reason=REASON) for rule in ("SC-DEL-01", "SC-KMS-01")])
        for id, resource in web.template["Resources"].items():
            if id.startswith("Orders") and resource["Type"] in (
                "AWS::KMS::Key",
                "AWS::Logs::LogGroup",
                "AWS::S3::Bucket",
            ):
                assert resource["DeletionPolicy"] == "Delete", id  # what a lost key encrypts nobody reads
        for key in web.all("AWS::KMS::Key", "Orders").values():
            assert key["EnableKeyRotation"] is False
        assert open_ids(web.app) == set()

    def test_root_and_a_writable_root(self, web: Web) -> None:
        web.fargate(user="0", waivers=[Waiver(rule, reason=REASON) for rule in ("SC-ECS-03", "SC-ECS-04")])
        assert main(web)["User"] == "0"
        assert main(web)["ReadonlyRootFilesystem"] is False
        assert open_ids(web.app) == set()

    def test_one_task_alone(self, web: Web) -> None:
        web.fargate(scaling=Scaling(min=1, max=2), waivers=[Waiver("SC-ECS-13", reason=REASON)])
        assert web.one("AWS::ApplicationAutoScaling::ScalableTarget")["MinCapacity"] == 1
        assert open_ids(web.app) == set()

    def test_each_is_recorded_where_its_rule_judges(self, web: Web) -> None:
        rules = ("SC-ECS-03", "SC-ECS-04", "SC-ELB-04[deletion_protection.enabled]", "SC-KMS-01")
        web.fargate(user="0", waivers=[Waiver(rule, reason=REASON) for rule in rules])
        found = {
            id[:-8]: sorted(
                each["Rule"] for each in resource["Metadata"][METADATA_KEY]["Waivers"] if each["Reason"] == REASON
            )
            for id, resource in web.template["Resources"].items()
            if REASON in json.dumps(resource.get("Metadata"))
        }
        assert found == {
            "OrdersKey": ["SC-KMS-01"],
            "OrdersTopicKey": ["SC-KMS-01"],
            "OrdersTaskDefinition": ["SC-ECS-03", "SC-ECS-04"],
            "OrdersWayInLoadBalancer": ["SC-ELB-04[deletion_protection.enabled]"],
        }


class TestPacks:
    @pytest.mark.parametrize("all_of_it", [False, True])
    def test_no_waiver_of_ours_is_without_a_finding(self, tmp_path: Any, all_of_it: bool) -> None:
        app = App(context=CONTEXT, outdir=str(tmp_path / "out"), builtin_cloud_formation_validation=False)
        enforce(app, packs=[Pack.NIST_800_53_R5])
        web = Web(app)
        if all_of_it:
            profile = signer.SigningProfile(web.stack, "Profile", platform=signer.Platform.NOTATION_OCI_SHA384_ECDSA)
            made = web.fargate(
                environment={"LEVEL": "info"},
                deployment=Deployment.linear(),
                trusted_signers=TrustedSigners(profiles=[profile]),
                tracing=Tracing(collector=web.image),
                execute_command=True,
                scratch=["/scratch"],
                target_tls=True,
                domain=web.domain(zone=zone(web)),
                waivers=SHELLS,
            )
            made.task.add_sidecar("Proxy", image=web.image)
        else:
            web.fargate()
        app.synth()
        report = json.loads((tmp_path / "out" / "validation-report.json").read_text())
        assert [each.get("violations") or [] for each in report["pluginReports"]] == [[]] * 3


def zone(web: Web) -> route53.IHostedZone:
    return route53.PrivateHostedZone(web.stack, "Zone", zone_name="example.com", vpc=web.network.vpc)


def imported_vpc(app: App, **told: Any) -> Web:
    """A VPC with two subnets in each of two zones."""
    web = Web(app, env=HERE)
    digits = "0123"
    vpc = ec2.Vpc.from_vpc_attributes(
        web.stack,
        "Vpc",
        vpc_id="vpc-0a1b2c3d",
        availability_zones=[f"{REGION}a", f"{REGION}b"],
        isolated_subnet_ids=[f"subnet-{digit}a1b2c3d" for digit in digits],
        isolated_subnet_route_table_ids=[f"rtb-{digit}a1b2c3d" for digit in digits],
        **({"vpc_cidr_block": "10.1.0.0/16"} | told),
    )
    web.network = PrivateNetwork(web.stack, "Imported", vpc=vpc)
    return web


def test_the_principal_is_the_programs_role(web: Web) -> None:
    made = web.fargate()
    assert isinstance(made.grant_principal, iam.Role)
    assert made.grant_principal is made.role is made.task.role
