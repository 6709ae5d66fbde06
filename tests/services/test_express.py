"""What services on Express Mode promise: what AWS is told, what waits for what, and what wrong arguments get."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aws_cdk import App, Duration, Size, Stack, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from cfnlint.api import ManualArgs, lint
from cfnlint.core import get_rules

from secure_containers import CpuArchitecture, EcrImage, Pack, PrivateNetwork, Waiver, enforce
from secure_containers.rules.waiver_metadata import METADATA_KEY
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.services.express import PrivateExpressService
from secure_containers.services.parts import HealthCheck, Scaling, Tracing
from secure_containers.testing import Allow, assert_acyclic, assert_denied, assert_only_allows, assert_replacement_safe
from tests.services.conftest import GOVCLOUD, HERE, REASON, Web
from tests.support import ACCOUNT, CONTEXT, DIGEST, REGION, new_app, open_ids, synthesized

SERVICE = "AWS::ECS::ExpressGatewayService"
TASK = "AWS::ECS::TaskDefinition"
POLICY = ":iam::aws:policy/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
INGRESS_PATH = "ECSManagedResourceArns.IngressPath"
ALONE = Waiver("SC-ECS-13", reason=REASON)
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


def express(web: Web, id: str = "Orders", *, scope: Stack | None = None, **arguments: Any) -> PrivateExpressService:
    given: dict[str, Any] = {"network": web.network, "image": web.image, "port": 8080}
    return PrivateExpressService(scope or web.stack, id, **(given | arguments))


def refused(*parts: str) -> Any:
    """An error that holds every part, in this order."""
    return pytest.raises(ValueError, match="(?s)" + ".*".join(map(re.escape, parts)))


def _everything(web: Web) -> set[str]:
    return {each.node.path for each in web.stack.node.find_all()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """One service with nothing asked for, to be looked at only."""
    web = Web(new_app(tmp_path_factory.mktemp("plain")))
    express(web)
    return web


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """One with most of what there is, in an app with tags, to be looked at only."""
    web = Web(new_app(tmp_path_factory.mktemp("full")), env=HERE)
    Tags.of(web.app).add("team", "payments")
    password = secretsmanager.Secret(web.stack, "Password", encryption_key=kms.Key(web.stack, "PasswordKey"))
    collector = web.images.image(digest=DIGEST[:-1] + "0")
    service = express(
        web,
        cpu=2,
        memory=Size.gibibytes(8),
        command=["serve"],
        environment={"LEVEL": "info"},
        secrets={"PASSWORD": password},
        services=["dynamodb", "sqs"],
        health_check=HealthCheck(path="/health"),
        scaling=Scaling(min=3, max=30, requests_per_target=1000),
        architecture=CpuArchitecture.ARM64,
        scratch=["/tmp"],  # noqa: S108 - in the container
        tracing=Tracing(collector=collector),
    )
    dynamodb.Table(
        web.stack, "Table", partition_key={"name": "id", "type": dynamodb.AttributeType.STRING}
    ).grant_read_data(service)
    return web


def _container(web: Web) -> dict[str, Any]:
    main: dict[str, Any] = web.one(TASK)["ContainerDefinitions"][0]
    return main


class TestService:
    def test_it_is_given_a_task_definition_of_ours_and_nothing_that_contradicts_one(self, plain: Web) -> None:
        (definition,) = plain.all(TASK)
        service = plain.one(SERVICE)
        assert service["TaskDefinitionArn"] == {"Ref": definition}
        assert set(service) == {
            *("Cluster", "HealthCheckPath", "InfrastructureRoleArn", "NetworkConfiguration", "ScalingTarget"),
            "TaskDefinitionArn",
        }

    def test_the_container_is_called_and_opened_as_express_asks(self, full: Web) -> None:
        main, collector = full.one(TASK)["ContainerDefinitions"]
        assert main["Name"] == "Main"
        (port,) = main["PortMappings"]
        assert (port["ContainerPort"], port["Protocol"], port["Name"]) == (8080, "tcp", "http")
        assert "PortMappings" not in collector
        assert full.one(TASK)["RequiresCompatibilities"] == ["FARGATE"]
        assert full.one(TASK)["RuntimePlatform"]["CpuArchitecture"] == "ARM64"

    def test_the_container_is_hardened(self, plain: Web) -> None:
        main = _container(plain)
        assert main["ReadonlyRootFilesystem"] is True
        assert main["User"] == "65532:65532"
        assert main["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}

    def test_it_is_in_private_subnets_of_all_zones(self, plain: Web) -> None:
        network = plain.one(SERVICE)["NetworkConfiguration"]
        assert [each["Ref"] for each in network["Subnets"]] == list(plain.all("AWS::EC2::Subnet", "NetworkIsolated"))
        assert not plain.all("AWS::EC2::InternetGateway")

    def test_bounds_and_health_are_always_told(self, plain: Web, full: Web) -> None:
        assert plain.one(SERVICE)["HealthCheckPath"] == "/"
        assert plain.one(SERVICE)["ScalingTarget"] == {
            "MinTaskCount": 2,
            "MaxTaskCount": 10,
            "AutoScalingMetric": "AVERAGE_CPU",
            "AutoScalingTargetValue": 60,
        }
        assert full.one(SERVICE)["HealthCheckPath"] == "/health"
        assert full.one(SERVICE)["ScalingTarget"] == {
            "MinTaskCount": 3,
            "MaxTaskCount": 30,
            "AutoScalingMetric": "REQUEST_COUNT_PER_TARGET",
            "AutoScalingTargetValue": 1000,
        }

    def test_a_change_of_an_apps_tags_replaces_nothing(self, full: Web) -> None:
        assert "Tags" not in full.one(SERVICE)
        assert {"Key": "team", "Value": "payments"} in full.one("AWS::IAM::Role", "OrdersInfrastructure")["Tags"]

    def test_its_url_has_one_scheme_whatever_aws_tells(self, web: Web) -> None:
        url = express(web).url
        (service,) = web.all(SERVICE)
        endpoint = {"Fn::GetAtt": [service, "Endpoint"]}
        host = {"Fn::Join": ["", {"Fn::Split": ["https://", endpoint]}]}
        assert web.stack.resolve(url) == {"Fn::Join": ["", ["https://", host]]}

    def test_cfn_lint_finds_nothing(self, plain: Web, full: Web) -> None:
        for web in (plain, full):
            rules = get_rules([], [], ["W"], include_experimental=False)
            found = lint(json.dumps(web.template), rules, [REGION], ManualArgs())
            assert [f"{each.rule.id} {each.message}" for each in found] == []


class TestOrder:
    """What is there before the service, which is what stays until it is gone."""

    @pytest.fixture
    def waits(self, full: Web) -> set[str]:
        (service,) = (each for each in full.template["Resources"].values() if each["Type"] == SERVICE)
        found: set[str] = set(service["DependsOn"])
        return found

    def test_the_role_by_which_express_takes_down_what_it_made(self, full: Web, waits: set[str]) -> None:
        assert set(full.all("AWS::IAM::Role", "OrdersInfrastructure")) <= waits

    def test_the_capacity_provider_by_which_it_runs(self, full: Web, waits: set[str]) -> None:
        assert set(full.all("AWS::ECS::ClusterCapacityProviderAssociations")) <= waits

    def test_the_log_groups_that_ecs_would_make_without_an_end(self, full: Web, waits: set[str]) -> None:
        assert set(full.all("AWS::Logs::LogGroup", "OrdersCluster")) <= waits

    def test_what_its_tasks_may_do_and_reach(self, full: Web, waits: set[str]) -> None:
        roles = {*full.all("AWS::IAM::Policy", "OrdersTaskRole"), *full.all("AWS::IAM::Policy", "OrdersTaskExecution")}
        assert len(roles) >= 4
        assert roles <= waits
        assert set(full.all("AWS::EC2::SecurityGroupEgress", "OrdersTask")) <= waits
        for name in ("EcrApi", "EcrDkr", "Logs", "S3", "Dynamodb", "Sqs", "Secretsmanager", "Xray"):
            assert full.all("AWS::EC2::VPCEndpoint", f"Network{name}")
            assert set(full.all("AWS::EC2::VPCEndpoint", f"Network{name}")) <= waits

    def test_nothing_waits_in_a_circle(self, full: Web) -> None:
        assert_acyclic(full.template)


class TestWayIn:
    def test_clients_are_let_in_to_the_load_balancer_by_https_only(self, web: Web) -> None:
        client = ec2.SecurityGroup(web.stack, "Client", vpc=web.network.vpc, allow_all_outbound=False)
        express(web).connections.allow_default_port_from(client)
        (service,), (group,) = web.all(SERVICE), web.all("AWS::EC2::SecurityGroup", "Client")
        told = {"Fn::Select": [0, {"Fn::GetAtt": [service, f"{INGRESS_PATH}.LoadBalancerSecurityGroups"]}]}
        # AWS's page says ARN; its own example of the API has the id: the part after sg- is in both.
        balancers = {"Fn::Join": ["", ["sg-", {"Fn::Select": [1, {"Fn::Split": ["sg-", told]}]}]]}
        rule = web.one("AWS::EC2::SecurityGroupIngress", "OrdersWayIn")
        assert (rule["GroupId"], rule["FromPort"], rule["ToPort"]) == (balancers, 443, 443)
        assert rule["SourceSecurityGroupId"] == {"Fn::GetAtt": [group, "GroupId"]}
        out = web.one("AWS::EC2::SecurityGroupEgress", "Client")
        assert (out["DestinationSecurityGroupId"], out["FromPort"]) == (balancers, 443)
        assert_acyclic(web.template)

    def test_nobody_else_is_let_in(self, plain: Web) -> None:
        assert not plain.all("AWS::EC2::SecurityGroupIngress", "Orders")
        assert "SecurityGroupIngress" not in plain.one("AWS::EC2::SecurityGroup", "OrdersTask")


class TestRoles:
    def test_the_program_may_do_nothing_until_it_is_granted(self, plain: Web) -> None:
        assert_only_allows(plain.template, "OrdersTaskRole", [])

    def test_what_starts_it_pulls_this_image_and_writes_this_log(self, plain: Web) -> None:
        agent = "arn:${AWS::Partition}:ecr:${AWS::Region}:*:repository/aws-guardduty-agent-fargate"
        intended = [
            Allow("ecr:GetAuthorizationToken", "*"),
            Allow(PULL, ["${ImagesRepository.Arn}", agent]),
            Allow(["logs:CreateLogStream", "logs:PutLogEvents"], "${OrdersTaskLogs.Arn}"),
        ]
        assert_only_allows(plain.template, "OrdersTaskExecutionRole", intended)

    def test_grants_reach_the_program_and_not_what_starts_it(self, full: Web) -> None:
        for action, resource in (
            ("dynamodb:GetItem", "${Table.Arn}"),
            ("xray:PutTraceSegments", "*"),
        ):
            assert_denied(full.template, "OrdersTaskExecutionRole", action, resource)
        assert_denied(full.template, "OrdersTaskRole", "secretsmanager:GetSecretValue", "${Password}")
        assert_denied(full.template, "OrdersTaskRole", "dynamodb:PutItem", "${Table.Arn}")

    def test_express_has_awss_policy_and_takes_the_role_alone(self, plain: Web) -> None:
        role = plain.one("AWS::IAM::Role", "OrdersInfrastructure")
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "ecs.amazonaws.com"}
        (policy,) = role["ManagedPolicyArns"]
        assert policy == {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, POLICY]]}
        assert not plain.all("AWS::IAM::Policy", "OrdersInfrastructure")


class TestWatch:
    def test_requests_are_those_of_its_own_two_groups_of_targets(self, plain: Web) -> None:
        (service,) = plain.all(SERVICE)
        groups, metrics = set(), set()
        for alarm in plain.all("AWS::CloudWatch::Alarm").values():
            for query in alarm.get("Metrics", []):
                metric = query.get("MetricStat", {}).get("Metric")
                if metric is None:
                    continue
                metrics.add(metric["MetricName"])
                named = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
                assert f"{INGRESS_PATH}.LoadBalancerArn" in json.dumps(named["LoadBalancer"])
                groups.add(json.dumps(named["TargetGroup"]))
        arns = {"Fn::GetAtt": [service, f"{INGRESS_PATH}.TargetGroupArns"]}
        wanted = ({"Fn::Select": [5, {"Fn::Split": [":", {"Fn::Select": [index, arns]}]}]} for index in (0, 1))
        assert groups == {json.dumps(each) for each in wanted}
        assert metrics == {"RequestCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime", "UnHealthyHostCount"}

    def test_no_alarm_has_more_metrics_than_cloudwatch_takes(self, plain: Web) -> None:
        assert max(len(each.get("Metrics", [])) for each in plain.all("AWS::CloudWatch::Alarm").values()) <= 10

    def test_load_and_deployments_are_this_services(self, plain: Web) -> None:
        (service,) = plain.all(SERVICE)
        arn = {"Fn::GetAtt": [service, "ServiceArn"]}
        cpu = plain.one("AWS::CloudWatch::Alarm", "OrdersWatchAlarmsCpu")
        named = {each["Name"]: each["Value"] for each in cpu["Dimensions"]}
        assert named["ServiceName"] == {"Fn::Select": [2, {"Fn::Split": ["/", arn]}]}
        assert plain.one("AWS::Events::Rule")["EventPattern"]["resources"] == [arn]

    def test_a_service_that_does_not_grow_is_not_always_at_its_bound(self, web: Web) -> None:
        express(web, scaling=Scaling(min=2, max=2))
        assert not web.all("AWS::CloudWatch::Alarm", "OrdersWatchAlarmsAtMost")


class TestPlaces:
    def test_services_share_a_cluster(self, web: Web) -> None:
        cluster = SecureEcsCluster(web.stack, "Shared", network=web.network)
        first, second = (express(web, id, cluster=cluster) for id in ("Orders", "Billing"))
        second.connections.allow_default_port_from(first.outbound)
        (capacity,) = web.all("AWS::ECS::ClusterCapacityProviderAssociations")
        services = [each for each in web.template["Resources"].values() if each["Type"] == SERVICE]
        assert all(capacity in each["DependsOn"] for each in services)
        assert len({json.dumps(each["Properties"]["Cluster"]) for each in services}) == 1
        assert_acyclic(web.template)
        assert open_ids(web.app) == set()

    def test_two_services_with_clusters_of_their_own(self, web: Web) -> None:
        for id in ("Orders", "Billing"):
            express(web, id)
        assert len(web.all("AWS::ECS::Cluster")) == 2
        assert open_ids(web.app) == set()

    def test_an_imported_cluster(self, web: Web) -> None:
        group = ec2.SecurityGroup.from_security_group_id(web.stack, "Group", "sg-0a1b2c3d")
        cluster = ecs.Cluster.from_cluster_attributes(
            web.stack, "Imported", cluster_name="shared", vpc=web.network.vpc, security_groups=[group]
        )
        express(web, cluster=cluster)
        assert web.one(SERVICE)["Cluster"] == "shared"
        assert not web.all("AWS::ECS::Cluster")
        assert not web.all("AWS::CloudWatch::Alarm", "OrdersWatchAlarmsAtMost")  # nobody is known to count its tasks

    def test_a_service_in_another_stack_than_its_network_and_its_cluster(self, web: Web) -> None:
        there = Stack(web.app, "There")
        cluster = SecureEcsCluster(web.stack, "Shared", network=web.network)
        service = express(web, scope=there, cluster=cluster, services=["sqs"])
        service.connections.allow_default_port_from(web.network.add_security_group("Client", description="Clients"))
        templates = synthesized(web.app)
        assert_acyclic(list(templates.values()))
        assert SERVICE in {each["Type"] for each in templates["There"]["Resources"].values()}
        assert open_ids(web.app) == set()

    def test_an_imported_network(self, app: App) -> None:
        stack = Stack(app, "Test", env=HERE)
        network = PrivateNetwork(stack, "Network", vpc=_vpc(stack, "isolated", 2))
        image = EcrImage.from_repository(_repository(stack), digest=DIGEST)
        PrivateExpressService(stack, "Orders", network=network, image=image, port=8080)
        (service,) = (each for each in synthesized(app)["Test"]["Resources"].values() if each["Type"] == SERVICE)
        assert service["Properties"]["NetworkConfiguration"]["Subnets"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]

    def test_in_govcloud_scratch_is_no_tmpfs(self, app: App) -> None:
        web = Web(app, env=GOVCLOUD)
        express(web, scratch=["/var/scratch"])
        assert "Tmpfs" not in _container(web)["LinuxParameters"]
        assert [each["ContainerPath"] for each in _container(web)["MountPoints"]] == ["/var/scratch"]
        assert open_ids(web.app) == set()


def _vpc(stack: Stack, kind: str, zones: int) -> ec2.IVpc:
    names = ["0a1b2c3d", "1a1b2c3d"][:zones]
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0a1b2c3d",
        vpc_cidr_block="10.0.0.0/16",
        availability_zones=["eu-central-1a", "eu-central-1b"][:zones],
        **{
            f"{kind}_subnet_ids": [f"subnet-{name}" for name in names],
            f"{kind}_subnet_route_table_ids": [f"rtb-{name}" for name in names],
        },
    )


def _repository(stack: Stack) -> Any:
    from aws_cdk import aws_ecr as ecr  # noqa: PLC0415 - for one import of a repository

    return ecr.Repository.from_repository_name(stack, "Repository", "orders")


class TestErrors:
    CASES: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({"health_check": HealthCheck(interval=Duration.seconds(9))}, ["HealthCheck(interval=...)", "30 seconds"]),
        ({"health_check": HealthCheck(timeout=Duration.seconds(3))}, ["HealthCheck(timeout=...)", "a path only"]),
        ({"health_check": HealthCheck(path="/up", healthy=3)}, ["(healthy=...)", 'HealthCheck(path="/up")']),
        ({"health_check": HealthCheck(unhealthy=3)}, ["HealthCheck(unhealthy=...)"]),
        ({"scaling": Scaling(concurrency=50)}, ["Scaling(concurrency=...)", "Scaling(cpu=60)"]),
        ({"scaling": Scaling(min=1)}, ["Scaling(min=1)", "2 at least", 'Waiver("SC-ECS-13"']),
        ({"cpu": 3}, ["cpu is 3", "vCPUs"]),
        ({"cpu": 0.25, "memory": Size.gibibytes(4)}, ["memory is '4096 MiB'", "with 0.25 vCPUs"]),
        ({"port": None}, ["port is None"]),
        ({"port": 0}, ["port is 0", "1 to 65535"]),
        ({"port": 443}, ["port is 443", "1024 or more"]),
        ({"image": "nginx"}, ["image is 'nginx'", "repository.image(digest=...)"]),
        ({"image": None}, ["image is None"]),
        ({"user": "root"}, ["user is 'root'", 'Waiver("SC-ECS-03"']),
        ({"scratch": ["tmp"]}, ["scratch is 'tmp'"]),
        ({"tracing": Tracing()}, ["tracing is", "collector=repository.image"]),
        ({"cluster": "shared"}, ["cluster is 'shared'", "SecureEcsCluster("]),
        ({"architecture": "ARM64"}, ["architecture is 'ARM64'", "CpuArchitecture.ARM64"]),
        ({"runtime_monitoring": "no"}, ["runtime_monitoring is 'no'"]),
        ({"ephemeral_storage": Size.gibibytes(20)}, ["ephemeral_storage is '20 GiB'"]),
        ({"environment": {"DB_PASSWORD": "x"}}, ["environment['DB_PASSWORD']", "secrets="]),
        ({"environment": {"ECS_X": "1"}}, ["environment is 'ECS_X'"]),
        ({"services": ["quantum"]}, ["quantum"]),
        ({"network": None}, ["network is None"]),
        ({"encryption_key": "key"}, ["encryption_key is 'key'"]),
        ({"waivers": ALONE}, ["waivers is Waiver", "a list of Waiver"]),
        ({"waivers": [Waiver("SC-APR-01", reason=REASON)]}, ["SC-APR-01", "this construct has none"]),
        ({"waivers": [ALONE, ALONE]}, ["SC-ECS-13 is waived twice"]),
    )

    @pytest.mark.parametrize(("arguments", "parts"), CASES)
    def test_arguments(self, app: App, arguments: dict[str, Any], parts: list[str]) -> None:
        web = Web(app)
        before = _everything(web)
        with refused("Test/Orders: ", *parts):
            express(web, **arguments)
        assert _everything(web) == before

    def test_images_that_move_or_do_not_run_there(self, web: Web) -> None:
        with refused("image is 'v1'", "an image by its digest"):
            express(web, image=web.images.image(tag="v1"))
        arm = EcrImage.from_repository(web.images.repository, digest=DIGEST, architecture=CpuArchitecture.ARM64)
        with refused("image is 'an image for ARM64'", "architecture=CpuArchitecture.ARM64"):
            express(web, image=arm)
        express(web, image=arm, architecture=CpuArchitecture.ARM64)

    def test_networks_in_which_express_makes_no_internal_load_balancer(self, app: App) -> None:
        stack = Stack(app, "One", env=HERE)
        image = EcrImage.from_repository(_repository(stack), digest=DIGEST)
        network = PrivateNetwork(stack, "Network", vpc=_vpc(stack, "isolated", 1))
        with refused("One/Orders: network is '1 subnet(s)'", "two zones"):
            PrivateExpressService(stack, "Orders", network=network, image=image, port=8080)
        assert stack.node.try_find_child("Orders") is None

    def test_an_error_that_comes_late_leaves_nothing_behind_either(self, web: Web) -> None:
        key = kms.Key.from_key_arn(web.stack, "Key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d")
        topic = sns.Topic.from_topic_arn(web.stack, "Topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms")
        cluster = SecureEcsCluster(web.stack, "Shared", network=web.network)
        before = _everything(web)
        given: dict[str, Any] = {"encryption_key": key, "topic": topic, "cluster": cluster, "services": ["sqs"]}
        with refused("SC-KMS-01", "nothing to waive"):
            express(web, waivers=[Waiver("SC-KMS-01", reason=REASON)], **given)
        assert _everything(web) == before
        express(web, **given)

    def test_one_task_alone_with_a_waiver_which_is_recorded(self, web: Web) -> None:
        express(web, scaling=Scaling(min=1), waivers=[ALONE])
        (service,) = (each for each in web.template["Resources"].values() if each["Type"] == SERVICE)
        (recorded,) = service["Metadata"][METADATA_KEY]["Waivers"]
        assert (recorded["Rule"], recorded["Reason"]) == ("SC-ECS-13", REASON)
        assert open_ids(web.app) == set()


class TestUpdates:
    @pytest.mark.parametrize(
        "changed",
        [
            {"cpu": 2},
            {"environment": {"LEVEL": "debug"}},
            {"scaling": Scaling(min=3, max=20)},
            {"services": ["sqs"]},
            {"health_check": HealthCheck(path="/up")},
            {"runtime_monitoring": False},
        ],
    )
    def test_an_update_keeps_the_service(self, plain: Web, tmp_path: Any, changed: dict[str, Any]) -> None:
        after = Web(new_app(tmp_path))
        express(after, **changed)
        assert_replacement_safe(plain.template, after.template)
        assert set(after.all(SERVICE)) == set(plain.all(SERVICE))
        for name in ("Cluster", "InfrastructureRoleArn", "ServiceName", "Tags"):
            assert after.one(SERVICE).get(name) == plain.one(SERVICE).get(name)


def test_nothing_is_found_that_is_not_waived(tmp_path: Any) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path / "cdk.out"))
    enforce(app, packs=[Pack.NIST_800_53_R5])
    web = Web(app)
    first = express(web, environment={"LEVEL": "info"}, services=["dynamodb"])
    second = express(web, "Billing", tracing=Tracing(collector=web.image))
    second.connections.allow_default_port_from(first.outbound)
    app.synth()
    assert open_ids(app) == set()
