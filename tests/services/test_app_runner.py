"""What services on App Runner promise: who reaches them, what they reach and may do, and what wrong arguments get."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Aws, Duration, Environment, Size, Stack, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_wafv2 as wafv2
from cfnlint.api import ManualArgs, lint
from cfnlint.core import get_rules

from secure_containers import (
    CpuArchitecture,
    EcrImage,
    Pack,
    PrivateNetwork,
    SecretField,
    SecureParameter,
    Waiver,
    enforce,
)
from secure_containers.rules.waiver_metadata import METADATA_KEY
from secure_containers.services.app_runner import REGIONS, PrivateAppRunnerService
from secure_containers.services.parts import HealthCheck, Scaling, Tracing
from secure_containers.services.source import CodeSource
from secure_containers.testing import (
    Allow,
    assert_acyclic,
    assert_denied,
    assert_only_allows,
    assert_replacement_safe,
)
from tests.services.conftest import GOVCLOUD, HERE, REASON, Web
from tests.support import ACCOUNT, CONTEXT, DIGEST, OTHER_ACCOUNT, REGION, findings, new_app, open_ids, synthesized

SERVICE, INGRESS = "AWS::AppRunner::Service", "AWS::AppRunner::VpcIngressConnection"
ENDPOINT = "AWS::EC2::VPCEndpoint"
PUBLIC = Waiver("SC-APR-01", reason=REASON)
PUSHED = Waiver("SC-APR-08[AutoDeploymentsEnabled]", reason=REASON)
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]
TRACE = [
    *("xray:GetSamplingRules", "xray:GetSamplingStatisticSummaries", "xray:GetSamplingTargets"),
    *("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
]
CONNECTION = f"arn:aws:apprunner:{REGION}:{ACCOUNT}:connection/github/0a1b2c3d"


ANYWHERE = f"arn:{Aws.PARTITION}:apprunner:{Aws.REGION}:{Aws.ACCOUNT_ID}:connection/github/0a1b2c3d"


def code(**arguments: Any) -> CodeSource:
    given = {"repository_url": "https://github.com/example/orders", "connection_arn": CONNECTION}
    return CodeSource(**(given | arguments))


BUILT: dict[str, Any] = {"runtime": "NODEJS_22", "build_command": "npm ci"}


def runner(web: Web, id: str = "Orders", *, scope: Stack | None = None, **arguments: Any) -> PrivateAppRunnerService:
    given: dict[str, Any] = {"network": web.network, "port": 8080, "existing_customer": True}
    if "source" not in arguments:
        given["image"] = web.image
    return PrivateAppRunnerService(scope or web.stack, id, **(given | arguments))


def refused(*parts: str) -> Any:
    """An error that holds every part, in this order."""
    return pytest.raises(ValueError, match="(?s)" + ".*".join(map(re.escape, parts)))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """One service with nothing asked for, to be looked at only."""
    web = Web(new_app(tmp_path_factory.mktemp("plain")))
    runner(web)
    return web


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """One with most of what there is, in an app with tags, to be looked at only."""
    web = Web(new_app(tmp_path_factory.mktemp("full")), env=HERE)
    Tags.of(web.app).add("team", "payments")
    password = secretsmanager.Secret(web.stack, "Password", encryption_key=kms.Key(web.stack, "PasswordKey"))
    service = runner(
        web,
        cpu=2,
        memory=Size.gibibytes(6),
        command=["serve", "--name", "two words"],
        environment={"LEVEL": "info"},
        secrets={"PASSWORD": password, "USER": SecretField(secret=password, field="user")},
        services=["dynamodb", "sqs"],
        health_check=HealthCheck(path="/health"),
        scaling=Scaling(min=3, max=25, concurrency=50),
        web_acl=f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/orders/0a1b2c3d",
        tracing=Tracing(),
        log_retention=logs.RetentionDays.THREE_MONTHS,
    )
    dynamodb.Table(
        web.stack, "Table", partition_key={"name": "id", "type": dynamodb.AttributeType.STRING}
    ).grant_read_data(service)
    return web


class TestService:
    def test_nobody_reaches_it_from_the_internet(self, plain: Web) -> None:
        network = plain.one(SERVICE)["NetworkConfiguration"]
        assert network["IngressConfiguration"] == {"IsPubliclyAccessible": False}
        assert network["EgressConfiguration"]["EgressType"] == "VPC"

    def test_clients_come_by_an_endpoint_that_lets_in_nobody_yet(self, plain: Web) -> None:
        (endpoint,) = plain.all(ENDPOINT, "Orders")
        ingress, way_in = plain.one(INGRESS), plain.one(ENDPOINT, "Orders")
        assert ingress["IngressVpcConfiguration"]["VpcEndpointId"] == {"Ref": endpoint}
        assert way_in["ServiceName"]["Fn::Join"][1][-1] == ".apprunner.requests"
        assert way_in["PrivateDnsEnabled"] is False
        assert "PolicyDocument" not in way_in  # App Runner takes none
        group = plain.one("AWS::EC2::SecurityGroup", "OrdersWayIn")
        assert "SecurityGroupIngress" not in group
        assert not plain.all("AWS::EC2::SecurityGroupIngress", "OrdersWayIn")

    def test_its_address_is_that_of_the_ingress_connection_and_serviceurl_is_nowhere(self, web: Web) -> None:
        service = runner(web)
        (ingress,) = web.all(INGRESS)
        assert web.stack.resolve(service.url) == {
            "Fn::Join": ["", ["https://", {"Fn::GetAtt": [ingress, "DomainName"]}]]
        }
        assert "ServiceUrl" not in json.dumps(web.template)

    def test_it_lets_out_to_nothing_unless_asked(self, plain: Web) -> None:
        group = plain.one("AWS::EC2::SecurityGroup", "OrdersSecurityGroup")
        (nothing,) = group["SecurityGroupEgress"]
        assert nothing["CidrIp"] == "255.255.255.255/32"
        assert not plain.all("AWS::EC2::SecurityGroupEgress", "Orders")

    def test_it_is_encrypted_with_its_own_key_by_its_arn(self, plain: Web) -> None:
        (key,) = plain.all("AWS::KMS::Key", "OrdersKey")
        assert plain.one(SERVICE)["EncryptionConfiguration"] == {"KmsKey": {"Fn::GetAtt": [key, "Arn"]}}

    def test_defaults(self, plain: Web) -> None:
        service = plain.one(SERVICE)
        assert service["InstanceConfiguration"]["Cpu"] == "1024"
        assert service["InstanceConfiguration"]["Memory"] == "2048"
        assert service["SourceConfiguration"]["AutoDeploymentsEnabled"] is False
        assert service["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"] == {"Port": "8080"}
        assert service["HealthCheckConfiguration"] == {
            "Protocol": "HTTP",
            "Path": "/",
            "Interval": 10,
            "Timeout": 5,
            "HealthyThreshold": 2,
            "UnhealthyThreshold": 3,
        }
        scaling = plain.one("AWS::AppRunner::AutoScalingConfiguration")
        assert scaling == {"MinSize": 2, "MaxSize": 10, "MaxConcurrency": 100}

    def test_nothing_has_a_physical_name(self, full: Web) -> None:
        for type_, name in (
            (SERVICE, "ServiceName"),
            (INGRESS, "VpcIngressConnectionName"),
            ("AWS::AppRunner::VpcConnector", "VpcConnectorName"),
            ("AWS::AppRunner::AutoScalingConfiguration", "AutoScalingConfigurationName"),
            ("AWS::AppRunner::ObservabilityConfiguration", "ObservabilityConfigurationName"),
        ):
            assert name not in full.one(type_)

    def test_settings_reach_the_program(self, full: Web) -> None:
        service = full.one(SERVICE)
        configuration = service["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"]
        assert configuration["StartCommand"] == "serve --name 'two words'"
        assert {"Name": "LEVEL", "Value": "info"} in configuration["RuntimeEnvironmentVariables"]
        (secret,) = full.all("AWS::SecretsManager::Secret")
        password, user = configuration["RuntimeEnvironmentSecrets"]
        assert password == {"Name": "PASSWORD", "Value": {"Ref": secret}}
        assert user == {"Name": "USER", "Value": {"Fn::Join": ["", [{"Ref": secret}, ":user::"]]}}
        assert service["InstanceConfiguration"]["Memory"] == "6144"
        assert service["HealthCheckConfiguration"]["Path"] == "/health"

    def test_a_change_of_an_apps_tags_replaces_nothing(self, full: Web) -> None:
        kinds = [
            type_ for type_ in {each["Type"] for each in full.template["Resources"].values()} if "AppRunner" in type_
        ]
        assert len(kinds) == 5
        for type_ in kinds:
            assert "Tags" not in full.one(type_)
        assert {"Key": "team", "Value": "payments"} in full.one("AWS::IAM::Role", "OrdersRole")["Tags"]

    def test_it_waits_for_its_roles_and_for_the_way_to_what_it_calls(self, full: Web) -> None:
        (service,) = (each for each in full.template["Resources"].values() if each["Type"] == SERVICE)
        waits = set(service["DependsOn"])
        assert {id for id in full.all("AWS::IAM::Policy") if id.startswith(("OrdersAccessRole", "OrdersRole"))} <= waits
        assert {id for id in full.all("AWS::EC2::SecurityGroupEgress") if id.startswith("Orders")} <= waits
        for name in ("Dynamodb", "Sqs", "Xray"):
            assert set(full.all(ENDPOINT, f"Network{name}")) <= waits

    def test_a_web_acl(self, full: Web, web: Web) -> None:
        (service,) = full.all(SERVICE)
        associated = full.one("AWS::WAFv2::WebACLAssociation")
        assert associated["ResourceArn"] == {"Fn::GetAtt": [service, "ServiceArn"]}
        acl = wafv2.CfnWebACL(
            web.stack,
            "Acl",
            default_action={"allow": {}},
            scope="REGIONAL",
            visibility_config={
                "cloudWatchMetricsEnabled": True,
                "metricName": "orders",
                "sampledRequestsEnabled": False,
            },
        )
        runner(web, web_acl=acl)
        assert web.one("AWS::WAFv2::WebACLAssociation")["WebACLArn"] == {"Fn::GetAtt": ["Acl", "Arn"]}

    def test_tracing(self, full: Web) -> None:
        (configuration,) = full.all("AWS::AppRunner::ObservabilityConfiguration")
        assert full.one("AWS::AppRunner::ObservabilityConfiguration") == {"TraceConfiguration": {"Vendor": "AWSXRAY"}}
        assert full.one(SERVICE)["ObservabilityConfiguration"] == {
            "ObservabilityEnabled": True,
            "ObservabilityConfigurationArn": {"Fn::GetAtt": [configuration, "ObservabilityConfigurationArn"]},
        }
        assert any("xray" in json.dumps(each["ServiceName"]) for each in full.all(ENDPOINT).values())

    def test_cfn_lint_finds_nothing(self, full: Web, plain: Web) -> None:
        for web in (full, plain):
            rules = get_rules([], [], ["W"], include_experimental=False)
            found = lint(json.dumps(web.template), rules, [REGION], ManualArgs())
            assert [f"{each.rule.id} {each.message}" for each in found] == []


class TestSource:
    def test_an_image_by_its_digest_with_a_role_that_reads_it(self, plain: Web) -> None:
        source = plain.one(SERVICE)["SourceConfiguration"]
        (role,) = plain.all("AWS::IAM::Role", "OrdersAccessRole")
        assert source["AuthenticationConfiguration"] == {"AccessRoleArn": {"Fn::GetAtt": [role, "Arn"]}}
        assert json.dumps(source["ImageRepository"]["ImageIdentifier"]).endswith(f'@{DIGEST}"]]}}')
        assert source["ImageRepository"]["ImageRepositoryType"] == "ECR"

    def test_a_repository_that_says_nothing_itself(self, web: Web) -> None:
        service = runner(web, source=code(directory="/shop", **BUILT), environment={"LEVEL": "info"}, command=["serve"])
        source = web.one(SERVICE)["SourceConfiguration"]
        assert source == {
            "AutoDeploymentsEnabled": False,
            "AuthenticationConfiguration": {"ConnectionArn": CONNECTION},
            "CodeRepository": {
                "RepositoryUrl": "https://github.com/example/orders",
                "SourceCodeVersion": {"Type": "BRANCH", "Value": "main"},
                "SourceDirectory": "/shop",
                "CodeConfiguration": {
                    "ConfigurationSource": "API",
                    "CodeConfigurationValues": {
                        "Runtime": "NODEJS_22",
                        "BuildCommand": "npm ci",
                        "Port": "8080",
                        "StartCommand": "serve",
                        "RuntimeEnvironmentVariables": [{"Name": "LEVEL", "Value": "info"}],
                    },
                },
            },
        }
        assert service.access_role is None
        assert not web.all("AWS::IAM::Role", "OrdersAccessRole")

    def test_a_repository_with_a_file_that_says_everything(self, web: Web) -> None:
        runner(web, source=code(branch="live"), port=None)
        repository = web.one(SERVICE)["SourceConfiguration"]["CodeRepository"]
        assert repository["SourceCodeVersion"]["Value"] == "live"
        assert repository["CodeConfiguration"] == {"ConfigurationSource": "REPOSITORY"}

    def test_automatic_deployments_with_a_waiver_which_is_recorded(self, web: Web) -> None:
        source = code(connection_arn=ANYWHERE, **BUILT)
        runner(web, source=source, automatic_deployments=True, waivers=[PUSHED])
        assert web.one(SERVICE)["SourceConfiguration"]["AutoDeploymentsEnabled"] is True
        assert open_ids(web.app) == set()

    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"repository_url": "git@github.com:example/orders.git"}, ["repository_url is", "https"]),
            ({"repository_url": None}, ["repository_url is None", "a text"]),
            ({"connection_arn": "github"}, ["connection_arn is 'github'", "arn:aws:apprunner:"]),
            ({"connection_arn": None}, ["connection_arn is None"]),
            ({"branch": ""}, ["branch is ''", 'branch="main"']),
            ({"branch": None}, ["branch is None", 'branch="main"']),
            ({"directory": "shop"}, ["directory is 'shop'", "begins with /"]),
            ({"directory": None}, ["directory is None"]),
            ({"runtime": "NODEJS_99"}, ["runtime is 'NODEJS_99'", "NODEJS_22"]),
            ({"build_command": "npm ci"}, ["build_command is 'npm ci'", "together with runtime only"]),
            ({"runtime": "NODEJS_22", "build_command": ["npm"]}, ["build_command is ['npm']", "a text"]),
            ({"runtime": "NODEJS_22", "build_command": "npm ci\nnpm test"}, ["build_command is", "one line"]),
        ],
    )
    def test_wrong_repositories(self, arguments: dict[str, Any], parts: list[str]) -> None:
        with refused("CodeSource: ", *parts):
            code(**arguments)


class TestWayIn:
    def test_whoever_is_let_in_comes_by_https_only(self, web: Web) -> None:
        client = ec2.SecurityGroup(web.stack, "Client", vpc=web.network.vpc, allow_all_outbound=False)
        runner(web).connections.allow_default_port_from(client)
        rule = web.one("AWS::EC2::SecurityGroupIngress", "OrdersWayIn")
        (group,) = web.all("AWS::EC2::SecurityGroup", "Client")
        assert (rule["FromPort"], rule["ToPort"]) == (443, 443)
        assert rule["SourceSecurityGroupId"] == {"Fn::GetAtt": [group, "GroupId"]}

    def test_a_client_that_was_let_in_gets_there_and_one_that_was_not_is_found(self, app: App) -> None:
        for name, let_in in (("Let", True), ("Not", False)):
            web = Web(app, name)
            service = runner(web)
            client = runner(web, "Client", environment={"ORDERS": service.url})
            if let_in:
                service.connections.allow_default_port_from(client.outbound)
        (found,) = (each for each in findings(app) if not each.waived)
        assert found.rule.id == "SC-NET-01"
        assert found.resource is not None
        assert (found.template.stack, found.resource.logical_id[:13]) == ("Not", "ClientService")

    def test_services_share_an_endpoint(self, web: Web) -> None:
        first = runner(web)
        second = runner(web, "Billing", endpoint=first.endpoint)
        assert second.endpoint is first.endpoint
        ids = {json.dumps(each["IngressVpcConfiguration"]) for each in web.all(INGRESS).values()}
        assert len(ids) == 1
        assert len(web.all(INGRESS)) == 2
        assert len([id for id in web.all(ENDPOINT) if not id.startswith("Network")]) == 1
        assert open_ids(web.app) == set()

    def test_an_imported_network_and_an_imported_endpoint(self, app: App) -> None:
        stack = Stack(app, "Test", env=HERE)
        vpc = ec2.Vpc.from_vpc_attributes(
            stack,
            "Vpc",
            vpc_id="vpc-0a1b2c3d",
            vpc_cidr_block="10.0.0.0/16",
            availability_zones=["eu-central-1a", "eu-central-1b"],
            isolated_subnet_ids=["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
            isolated_subnet_route_table_ids=["rtb-0a1b2c3d", "rtb-1a1b2c3d"],
        )
        group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0a1b2c3d")
        endpoint = ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
            stack, "Endpoint", vpc_endpoint_id="vpce-0a1b2c3d", port=443, security_groups=[group]
        )
        image = EcrImage.from_repository(_repository(stack), digest=DIGEST)
        network = PrivateNetwork(stack, "Network", vpc=vpc)
        service = PrivateAppRunnerService(
            stack, "Orders", network=network, image=image, port=8080, existing_customer=True, endpoint=endpoint
        )
        service.connections.allow_default_port_from(ec2.Peer.ipv4("10.0.0.0/24"))
        template = synthesized(app)["Test"]
        (ingress,) = (each["Properties"] for each in template["Resources"].values() if each["Type"] == INGRESS)
        assert ingress["IngressVpcConfiguration"] == {"VpcId": "vpc-0a1b2c3d", "VpcEndpointId": "vpce-0a1b2c3d"}
        (connector,) = (
            each["Properties"]
            for each in template["Resources"].values()
            if each["Type"] == "AWS::AppRunner::VpcConnector"
        )
        assert connector["Subnets"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
        (rule,) = (
            each["Properties"]
            for each in template["Resources"].values()
            if each["Type"] == "AWS::EC2::SecurityGroupIngress"
        )
        assert (rule["GroupId"], rule["FromPort"]) == ("sg-0a1b2c3d", 443)

    def test_a_service_in_another_stack_than_its_network(self, web: Web) -> None:
        there = Stack(web.app, "There")
        service = runner(web, scope=there, services=["dynamodb", "sqs"])
        service.connections.allow_default_port_from(web.network.add_security_group("Client", description="Clients"))
        templates = synthesized(web.app)
        assert_acyclic(list(templates.values()))
        assert {each["Type"] for each in templates["There"]["Resources"].values()} >= {SERVICE, INGRESS, ENDPOINT}
        assert open_ids(web.app) == set()

    def test_a_public_service_has_a_waiver_that_is_recorded_and_no_way_in_from_the_network(self, web: Web) -> None:
        service = runner(web, waivers=[PUBLIC])
        (id,) = web.all(SERVICE)
        assert web.one(SERVICE)["NetworkConfiguration"]["IngressConfiguration"] == {"IsPubliclyAccessible": True}
        (recorded,) = web.template["Resources"][id]["Metadata"][METADATA_KEY]["Waivers"]
        assert (recorded["Rule"], recorded["Reason"]) == ("SC-APR-01", REASON)
        assert not web.all(INGRESS)
        assert not web.all(ENDPOINT, "Orders")
        assert (service.endpoint, service.ingress) == (None, None)
        assert web.stack.resolve(service.url)["Fn::Join"][1][1] == {"Fn::GetAtt": [id, "ServiceUrl"]}
        assert open_ids(web.app) == set()


def _repository(stack: Stack) -> Any:
    from aws_cdk import aws_ecr as ecr  # noqa: PLC0415 - for one import of a repository

    return ecr.Repository.from_repository_name(stack, "Repository", "orders")


class TestRoles:
    def test_the_program_may_do_nothing_until_it_is_granted(self, plain: Web) -> None:
        assert_only_allows(plain.template, "OrdersRole", [])

    def test_app_runner_reads_the_one_repository(self, plain: Web) -> None:
        login = Allow("ecr:GetAuthorizationToken", "*")
        assert_only_allows(plain.template, "OrdersAccessRole", [login, Allow(PULL, "${ImagesRepository.Arn}")])
        for action, resource in (
            ("ecr:PutImage", "${ImagesRepository.Arn}"),
            ("ecr:BatchGetImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/other"),
        ):
            assert_denied(plain.template, "OrdersAccessRole", action, resource)

    def test_the_program_gets_its_secrets_its_traces_and_what_it_was_granted(self, full: Web) -> None:
        via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
        read = [
            *("dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DescribeTable", "dynamodb:GetItem"),
            *("dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:Query", "dynamodb:Scan"),
        ]
        intended = [
            Allow("secretsmanager:GetSecretValue", "${Password}"),
            Allow("kms:Decrypt", "${PasswordKey.Arn}", conditions=via),
            Allow(TRACE, "*"),
            Allow(read, "${Table.Arn}"),
        ]
        assert_only_allows(full.template, "OrdersRole", intended)
        assert_denied(full.template, "OrdersAccessRole", "secretsmanager:GetSecretValue", "${Password}")

    def test_each_role_is_taken_by_its_own_part_of_app_runner(self, plain: Web) -> None:
        for role, service in (("OrdersRole", "tasks"), ("OrdersAccessRole", "build")):
            (statement,) = plain.one("AWS::IAM::Role", role)["AssumeRolePolicyDocument"]["Statement"]
            assert statement["Principal"] == {"Service": f"{service}.apprunner.amazonaws.com"}

    def test_a_parameter_with_a_key_of_ones_own(self, web: Web) -> None:
        parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
            web.stack, "Parameter", parameter_name="/orders/password"
        )
        key = kms.Key.from_key_arn(web.stack, "Key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d")
        runner(web, secrets={"PASSWORD": SecureParameter(parameter=parameter, encryption_key=key)})
        via = {"StringEquals": {"kms:ViaService": "ssm.${AWS::Region}.${AWS::URLSuffix}"}}
        intended = [
            Allow(
                "ssm:GetParameters",
                "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/orders/password",
            ),
            Allow("kms:Decrypt", key.key_arn, conditions=via),
        ]
        assert_only_allows(web.template, "OrdersRole", intended)


class TestLogs:
    def test_the_groups_of_app_runner_get_an_end_and_the_key_after_the_service(self, full: Web) -> None:
        (service,), (key,) = full.all(SERVICE), full.all("AWS::KMS::Key", "OrdersKey")
        kept = full.one("Custom::KeptLogGroups")
        assert kept["RetentionInDays"] == "90"
        assert kept["KmsKeyArn"] == {"Fn::GetAtt": [key, "Arn"]}
        name = {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::GetAtt": [service, "ServiceArn"]}]}]}
        of_service = ["/aws/apprunner/", name, "/", {"Fn::GetAtt": [service, "ServiceId"]}]
        assert [each["Fn::Join"][1] for each in kept["LogGroups"]] == [
            [*of_service, "/application"],
            [*of_service, "/service"],
        ]

    def test_logs_may_use_the_key(self, plain: Web) -> None:
        statements = plain.one("AWS::KMS::Key", "OrdersKey")["KeyPolicy"]["Statement"]
        assert [each["Sid"] for each in statements[1:]] == ["CloudWatchLogs"]

    def test_the_function_sets_these_two_groups_and_no_others(self, plain: Web) -> None:
        policy = plain.one("AWS::IAM::ManagedPolicy", "OrdersLogs")
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Action"] == ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:PutRetentionPolicy"]
        texts = [json.dumps(each) for each in statement["Resource"]]
        assert len(texts) == 4
        assert all("/aws/apprunner/" in text and "ServiceId" in text for text in texts)
        for action in statement["Action"]:
            group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/other:*"
            assert_denied(plain.template, "LogGroupSettingsRole", action, group)

    def test_two_services_share_the_function_and_nothing_else(self, web: Web) -> None:
        runner(web)
        runner(web, "Billing")
        assert len(web.all("AWS::Lambda::Function", "LogGroupSettings")) == 1
        assert len(web.all("Custom::KeptLogGroups")) == 2
        roles = {json.dumps(each["InstanceConfiguration"]["InstanceRoleArn"]) for each in web.all(SERVICE).values()}
        assert len(roles) == 2
        assert open_ids(web.app) == set()


class TestWatch:
    def test_every_alarm_looks_at_this_service(self, plain: Web) -> None:
        (service,) = plain.all(SERVICE)
        seen = set()
        for alarm in plain.all("AWS::CloudWatch::Alarm").values():
            for query in alarm.get("Metrics", [{"MetricStat": {"Metric": alarm}}]):
                metric = query.get("MetricStat", {}).get("Metric", {})
                if metric.get("Namespace") != "AWS/AppRunner":
                    continue
                seen.add(metric["MetricName"])
                named = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
                assert named["ServiceID"] == {"Fn::GetAtt": [service, "ServiceId"]}
                assert "ServiceArn" in json.dumps(named["ServiceName"])
        assert seen == {
            *("5xxStatusResponses", "ActiveInstances", "CPUUtilization", "MemoryUtilization"),
            *("RequestLatency", "Requests"),
        }

    def test_a_deployment_that_failed_is_told(self, plain: Web) -> None:
        (service,) = plain.all(SERVICE)
        assert plain.one("AWS::Events::Rule")["EventPattern"] == {
            "source": ["aws.apprunner"],
            "detail-type": ["AppRunner Service Operation Status Change"],
            "detail": {
                "serviceId": [{"Fn::GetAtt": [service, "ServiceId"]}],
                "operationStatus": ["CreateServiceFailed", "DeploymentFailed", "UpdateServiceFailed"],
            },
        }

    def test_a_service_that_does_not_grow_is_not_always_at_its_bound(self, web: Web) -> None:
        runner(web, scaling=Scaling(min=2, max=2))
        assert not web.all("AWS::CloudWatch::Alarm", "OrdersWatchAlarmsAtMost")

    def test_latency_is_in_milliseconds(self, plain: Web) -> None:
        assert plain.one("AWS::CloudWatch::Alarm", "OrdersWatchAlarmsLatency")["Threshold"] == 2000


class TestErrors:
    def test_who_may_not_have_it_any_more_is_told_of_both_others(self, web: Web) -> None:
        with refused(
            "Test/Orders: existing_customer is False",
            "AWS has closed App Runner to new customers on 2026-04-30",
            "SecureFargateService(..., domain=...)",
            "PrivateExpressService(...)",
            "existing_customer=True",
        ):
            runner(web, existing_customer=False)

    @pytest.mark.parametrize("env", [GOVCLOUD, Environment(account=ACCOUNT, region="eu-north-1")])
    def test_where_there_is_no_app_runner(self, app: App, env: Environment) -> None:
        web = Web(app, env=env)
        with refused(f"region is '{env.region}'", "eu-central-1", "SecureFargateService or PrivateExpressService"):
            runner(web)

    @pytest.mark.parametrize("region", REGIONS)
    def test_where_there_is_one(self, app: App, region: str) -> None:
        runner(Web(app, env=Environment(account=ACCOUNT, region=region)))

    CASES: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({"existing_customer": "yes"}, ["existing_customer is 'yes'", "True or False"]),
        ({"cpu": 3}, ["cpu is 3", "0.25, 0.5, 1, 2, 4 vCPUs"]),
        ({"cpu": "1"}, ["cpu is '1'", "a number of vCPUs"]),
        ({"cpu": 0.5, "memory": Size.gibibytes(2)}, ["memory is '2048 MiB'", "1024 MiB with 0.5 vCPUs"]),
        ({"cpu": 1, "memory": Size.gibibytes(1)}, ["memory is '1024 MiB'", "2048, 3072, 4096 MiB", "2048"]),
        ({"memory": Size.kibibytes(1500)}, ["memory is '1.46484 MiB'", "MiB with 1 vCPUs"]),
        ({"memory": 2048}, ["memory is 2048", "Size.gibibytes(1)"]),
        ({"port": None}, ["port is None", "port=8080"]),
        ({"port": 0}, ["port is 0", "1 to 65535"]),
        ({"port": 80}, ["port is 80", "1024 or more"]),
        ({"port": "8080"}, ["port is '8080'"]),
        ({"image": None}, ["image, source is 'neither'", "image=repository.image(digest=...)"]),
        ({"image": "nginx:latest"}, ["image is 'nginx:latest'", "repository.image(digest=...)"]),
        ({"image": None, "source": "https://github.com/x/y"}, ["source is 'https", "a CodeSource"]),
        ({"scaling": Scaling(cpu=60)}, ["Scaling(cpu=...)", "by which alone App Runner scales", "concurrency=100"]),
        ({"scaling": Scaling(requests_per_target=9)}, ["Scaling(requests_per_target=...)", "concurrency"]),
        ({"scaling": Scaling(max=26)}, ["Scaling(max=26)", "25 at most", "Scaling(max=25)"]),
        ({"scaling": 3}, ["scaling is 3"]),
        ({"automatic_deployments": True}, ["automatic_deployments is True", "source repository only", "digest"]),
        ({"automatic_deployments": "yes"}, ["automatic_deployments is 'yes'", "automatic_deployments=True"]),
        ({"environment": {"PORT": "80"}}, ["environment is 'PORT'", "which App Runner sets itself"]),
        ({"environment": {"AWSAPPRUNNER_X": "1"}}, ["environment is 'AWSAPPRUNNER_X'"]),
        ({"environment": {"DB_PASSWORD": "x"}}, ["environment['DB_PASSWORD']", "secrets="]),
        ({"environment": ["A"]}, ["environment is ['A']"]),
        ({"secrets": {"A": "plain"}}, ["secrets['A'] is 'plain'"]),
        ({"secrets": ["A"]}, ["secrets is ['A']"]),
        ({"command": "serve"}, ["command is 'serve'", "a list of texts"]),
        ({"command": ["sh", "-c", "a\nb"]}, ["command is", "one line"]),
        ({"services": ["quantum"]}, ["services is 'quantum'"]),
        ({"health_check": "/health"}, ["health_check is '/health'", "HealthCheck(path="]),
        ({"health_check": HealthCheck(grace=Duration.minutes(2))}, ["HealthCheck(grace=...)", "unhealthy=10"]),
        ({"endpoint": "vpce-1"}, ["endpoint is 'vpce-1'", "apprunner.requests"]),
        ({"web_acl": 3}, ["web_acl is 3", "a CfnWebACL, or an ARN"]),
        ({"tracing": True}, ["tracing is True", "Tracing("]),
        ({"limits": 5}, ["limits is 5", "ServiceLimits("]),
        ({"topic": "arn:aws:sns:x"}, ["topic is", "a topic"]),
        ({"encryption_key": "key"}, ["encryption_key is 'key'", "a key"]),
        ({"log_retention": 30}, ["log_retention is 30"]),
        ({"log_retention": logs.RetentionDays.INFINITE}, ["log_retention is 'INFINITE'", "an end"]),
        ({"waivers": PUBLIC}, ["waivers is Waiver", "a list of Waiver"]),
        ({"waivers": [Waiver("SC-ECS-04", reason=REASON)]}, ["SC-ECS-04", "this construct has none"]),
        ({"waivers": [PUBLIC, PUBLIC]}, ["SC-APR-01 is waived twice"]),
        ({"network": None}, ["network is None", "a PrivateNetwork"]),
    )

    @pytest.mark.parametrize(("arguments", "parts"), CASES)
    def test_arguments(self, app: App, arguments: dict[str, Any], parts: list[str]) -> None:
        web = Web(app)
        before = _everything(web)
        with refused("Test/Orders: ", *parts):
            runner(web, **arguments)
        assert _everything(web) == before

    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"source": code(**BUILT), "port": None}, ["port is None"]),
            ({"source": code()}, ["port is 8080", "apprunner.yaml", "runtime="]),
            ({"source": code(), "port": None, "command": ["serve"]}, ["command is ['serve']", "apprunner.yaml"]),
            ({"source": code(), "port": None, "environment": {"A": "1"}}, ["environment is", "apprunner.yaml"]),
            (
                {"source": code(**BUILT), "automatic_deployments": True},
                ["automatic_deployments is True", 'Waiver("SC-APR-08[AutoDeploymentsEnabled]"'],
            ),
        ],
    )
    def test_with_a_source_repository(self, app: App, arguments: dict[str, Any], parts: list[str]) -> None:
        web = Web(app)
        before = _everything(web)
        with refused("Test/Orders: ", *parts):
            runner(web, **arguments)
        assert _everything(web) == before

    def test_an_image_and_a_source(self, web: Web) -> None:
        with refused("image, source is 'both'", "an image or a source repository"):
            runner(web, image=web.image, source=code())

    def test_a_connection_of_another_region(self, app: App) -> None:
        web = Web(app, env=HERE)
        with refused("source is 'arn:aws:apprunner:eu-west-1", f"own Region, {REGION}"):
            runner(web, source=code(connection_arn=CONNECTION.replace(REGION, "eu-west-1"), **BUILT))

    def test_a_web_acl_of_another_region(self, app: App) -> None:
        web = Web(app, env=HERE)
        with refused("web_acl is 'arn:aws:wafv2:us-east-1", "REGIONAL"):
            runner(web, web_acl=f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/orders/0a1b2c3d")

    def test_images_that_move_or_do_not_run_there(self, web: Web) -> None:
        with refused("image is 'v1'", "an image by its digest"):
            runner(web, image=web.images.image(tag="v1"))
        arm = EcrImage.from_repository(web.images.repository, digest=DIGEST, architecture=CpuArchitecture.ARM64)
        with refused("image is 'an image for ARM64'", "X86_64", "PrivateExpressService("):
            runner(web, image=arm)
        assert web.stack.node.try_find_child("Orders") is None

    @pytest.mark.parametrize(
        "make",
        [
            lambda stack: kms.Key.from_key_arn(stack, "Other", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-0a1b2c3d"),
            lambda stack: kms.Key(stack, "Other", multi_region=True),
            lambda stack: kms.Alias.from_alias_name(stack, "Other", "alias/orders"),
            lambda stack: kms.Alias(stack, "Other", alias_name="alias/a", target_key=kms.Key(stack, "Target")),
        ],
    )
    def test_keys_that_app_runner_does_not_take(self, web: Web, make: Callable[[Stack], kms.IKey]) -> None:
        with refused("encryption_key is 'Test/Other'", "neither a multi-Region key nor an alias"):
            runner(web, encryption_key=make(web.stack))

    def test_endpoints_by_which_nobody_could_come(self, web: Web) -> None:
        vpc, imported = web.network.vpc, ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes
        groupless = imported(web.stack, "Groupless", vpc_endpoint_id="vpce-1", port=443)
        gateway = ec2.GatewayVpcEndpoint(
            web.stack, "Gateway", vpc=vpc, service=ec2.GatewayVpcEndpointAwsService.S3, subnets=[web.network.subnets]
        )
        queues = ec2.InterfaceVpcEndpoint(
            web.stack, "Queues", vpc=vpc, subnets=web.network.subnets, service=ec2.InterfaceVpcEndpointAwsService.SQS
        )
        elsewhere = PrivateNetwork(web.stack, "Elsewhere")
        foreign = runner(web, "Foreign", network=elsewhere).endpoint
        for endpoint, part in (
            (groupless, "security_groups=[...]"),
            (gateway, "an interface endpoint of apprunner.requests"),
            (queues, "an interface endpoint of apprunner.requests"),
            (foreign, "the network's own VPC"),
        ):
            with refused("Test/Orders: endpoint is", part):
                runner(web, endpoint=endpoint)
        own = runner(web, "Own").endpoint
        with refused("endpoint is 'an endpoint'", "SC-APR-01"):
            runner(web, endpoint=own, waivers=[PUBLIC])
        assert web.stack.node.try_find_child("Orders") is None

    def test_a_vpc_in_place_of_a_network(self, web: Web) -> None:
        with refused("network is", 'PrivateNetwork(self, "Network", vpc=vpc)'):
            runner(web, network=web.network.vpc)

    def test_a_secret_of_another_account_without_its_key(self, app: App) -> None:
        web = Web(app, env=HERE)
        arn = f"arn:aws:secretsmanager:{REGION}:{OTHER_ACCOUNT}:secret:orders-a1b2c3"
        secret = secretsmanager.Secret.from_secret_complete_arn(web.stack, "Secret", arn)
        with refused("secrets['A'] is 'arn:aws:secretsmanager", "together with its key"):
            runner(web, secrets={"A": secret})

    def test_an_error_that_comes_late_leaves_nothing_behind_either(self, web: Web) -> None:
        key = kms.Key.from_key_arn(web.stack, "Key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d")
        topic = sns.Topic.from_topic_arn(web.stack, "Topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms")
        before = _everything(web)
        rotation = Waiver("SC-KMS-01", reason=REASON)
        with refused("SC-KMS-01", "nothing to waive"):
            runner(web, encryption_key=key, topic=topic, services=["sqs"], waivers=[rotation])
        assert _everything(web) == before
        runner(web, encryption_key=key, topic=topic, services=["sqs"])

    def test_an_id_that_the_function_needs_is_told_and_nothing_is_left(self, web: Web) -> None:
        from constructs import Construct  # noqa: PLC0415 - as somebody's own construct

        Construct(web.stack, "LogGroupSettings")
        with refused("Test/LogGroupSettings: id is 'LogGroupSettings'", "another id"):
            runner(web)
        assert web.stack.node.try_find_child("Orders") is None


def _everything(web: Web) -> set[str]:
    return {each.node.path for each in web.stack.node.find_all()}


class TestUpdates:
    @pytest.mark.parametrize(
        "changed",
        [
            {"cpu": 2, "memory": Size.gibibytes(4)},
            {"environment": {"LEVEL": "debug"}},
            {"scaling": Scaling(min=3, max=20)},
            {"services": ["sqs"]},
            {"tracing": Tracing()},
            {"log_retention": logs.RetentionDays.ONE_MONTH},
            {"waivers": [PUBLIC]},
        ],
    )
    def test_an_update_loses_nothing_and_keeps_the_service(
        self, plain: Web, tmp_path: Any, changed: dict[str, Any]
    ) -> None:
        after = Web(new_app(tmp_path))
        runner(after, **changed)
        assert_replacement_safe(plain.template, after.template)
        ids = {id for id in after.template["Resources"] if id.startswith("OrdersService")}
        assert ids == set(plain.all(SERVICE))
        for name in ("EncryptionConfiguration", "Tags", "ServiceName"):
            assert after.one(SERVICE).get(name) == plain.one(SERVICE).get(name)


def test_nothing_is_found_that_is_not_waived(tmp_path: Any) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path / "cdk.out"))
    enforce(app, packs=[Pack.NIST_800_53_R5])
    web = Web(app)
    first = runner(web, tracing=Tracing(), services=["dynamodb"], environment={"LEVEL": "info"})
    second = runner(web, "Billing", source=code(connection_arn=ANYWHERE, **BUILT))
    first.connections.allow_default_port_from(second.outbound)
    second.connections.allow_default_port_from(first.outbound)
    app.synth()
    assert open_ids(app) == set()
