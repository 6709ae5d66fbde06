"""PrivateNetwork: what it is unasked, what can be asked for, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from secure_containers import IMAGE_PULL, Egress, PrivateNetwork, SecureEcrRepository, Waiver
from secure_containers.rules import Template, evaluate, find_rule
from tests.support import (
    ACCOUNT,
    DIGEST,
    ORGANIZATION,
    OTHER_ACCOUNT,
    REGION,
    decision,
    findings,
    new_app,
    of_type,
    only,
    open_ids,
    synthesized,
)

ENDPOINT, GROUP_IN, GROUP_OUT = (
    "AWS::EC2::VPCEndpoint",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SecurityGroupEgress",
)
LAYERS = f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/sha256"


def stack_of(app: App, id: str = "Stack", region: str | None = None) -> Stack:
    return Stack(app, id, env=Environment(account=ACCOUNT, region=region) if region else None)


def template_of(app: App, **arguments: Any) -> dict[str, Any]:
    PrivateNetwork(stack_of(app), "Network", **arguments)
    return synthesized(app)["Stack"]


def endpoints(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The endpoints' properties by their services."""
    found: dict[str, dict[str, Any]] = {}
    for endpoint in of_type(template, ENDPOINT).values():
        name = endpoint["Properties"]["ServiceName"]
        text = name if isinstance(name, str) else name["Fn::Join"][1][-1]
        service = text.split(f"{REGION}.")[-1].removeprefix(".")
        assert service not in found
        found[service] = endpoint["Properties"]
    return found


def references(node: Any) -> Iterator[str]:
    """The stacks that a template takes something from."""
    if isinstance(node, dict):
        if "Fn::GetStackOutput" in node:
            yield node["Fn::GetStackOutput"]["StackName"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


class TestDefaults:
    def test_three_isolated_subnets_and_no_way_out(self, app: App) -> None:
        template = template_of(app)
        assert len(of_type(template, "AWS::EC2::Subnet")) == 3
        for type_ in ("InternetGateway", "NatGateway", "Route", "EIP", "EgressOnlyInternetGateway"):
            assert not of_type(template, f"AWS::EC2::{type_}")
        for subnet in of_type(template, "AWS::EC2::Subnet").values():
            assert subnet["Properties"]["MapPublicIpOnLaunch"] is False

    def test_names_are_resolved(self, app: App) -> None:
        vpc = only(template_of(app), "AWS::EC2::VPC")["Properties"]
        assert vpc["EnableDnsSupport"] is True
        assert vpc["EnableDnsHostnames"] is True

    def test_every_flow_is_logged_to_an_encrypted_group_for_a_year(self, app: App) -> None:
        template = template_of(app)
        log = only(template, "AWS::EC2::FlowLog")["Properties"]
        group = template["Resources"][log["LogGroupName"]["Ref"]]
        assert log["TrafficType"] == "ALL"
        assert group["Properties"]["RetentionInDays"] == 365
        assert group["Properties"]["KmsKeyId"]["Fn::GetAtt"][0] in of_type(template, "AWS::KMS::Key")

    def test_flow_logs_role_writes_to_that_group_for_this_account_only(self, app: App) -> None:
        template = template_of(app)
        (id,) = (id for id in of_type(template, "AWS::IAM::Role") if "FlowLogRole" in id)
        (trust,) = template["Resources"][id]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        (policy,) = (
            each
            for each in of_type(template, "AWS::IAM::ManagedPolicy").values()
            if each["Properties"]["Roles"] == [{"Ref": id}]
        )
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        group = only(template, "AWS::EC2::FlowLog")["Properties"]["LogGroupName"]["Ref"]
        assert statement["Resource"] == {"Fn::GetAtt": [group, "Arn"]}

    def test_default_security_group_is_closed(self, app: App) -> None:
        template = template_of(app)
        closed = only(template, "Custom::ClosedDefaultSecurityGroup")["Properties"]
        assert closed["VpcId"]["Ref"] in of_type(template, "AWS::EC2::VPC")

    def test_gateway_endpoints_are_in_every_route_table(self, app: App) -> None:
        template = template_of(app)
        tables = set(of_type(template, "AWS::EC2::RouteTable"))
        for service in ("s3", "dynamodb"):
            endpoint = endpoints(template)[service]
            assert endpoint["VpcEndpointType"] == "Gateway"
            assert {table["Ref"] for table in endpoint["RouteTableIds"]} == tables

    def test_nothing_is_found(self, app: App) -> None:
        PrivateNetwork(stack_of(app), "Network")
        assert not open_ids(app)

    def test_synth_asks_no_account(self, app: App) -> None:
        PrivateNetwork(stack_of(app, region=REGION), "Network")
        manifest = json.loads((Path(app.synth().directory) / "manifest.json").read_text())
        assert "missing" not in manifest

    @pytest.mark.parametrize(
        ("waived", "gone"),
        [("SC-NET-09", "Custom::ClosedDefaultSecurityGroup"), ("SC-NET-10", "AWS::EC2::FlowLog")],
    )
    def test_a_waiver_turns_a_default_off(self, app: App, waived: str, gone: str) -> None:
        reason = "the account's landing zone does this for every VPC already"
        PrivateNetwork(stack_of(app), "Network", waivers=[Waiver(waived, reason=reason)])
        assert not of_type(synthesized(app)["Stack"], gone)
        assert waived in {finding.id for finding in findings(app) if finding.waived}
        assert not open_ids(app)

    def test_a_waiver_of_endpoint_policies(self, app: App) -> None:
        reason = "a firewall in front of the endpoints keeps the perimeter"
        template = template_of(app, waivers=[Waiver("SC-NET-06", reason=reason)])
        assert all("PolicyDocument" not in endpoint for endpoint in endpoints(template).values())


class TestZonesAndAddresses:
    @pytest.mark.parametrize(("region", "count"), [(None, 3), (REGION, 3), ("us-west-1", 2)])
    def test_as_many_zones_as_the_region_has_up_to_three(self, app: App, region: str | None, count: int) -> None:
        PrivateNetwork(stack_of(app, region=region), "Network")
        assert len(of_type(synthesized(app)["Stack"], "AWS::EC2::Subnet")) == count

    def test_named_zones(self, app: App) -> None:
        PrivateNetwork(stack_of(app, region=REGION), "Network", zones=[f"{REGION}a", f"{REGION}c"])
        zones = [
            subnet["Properties"]["AvailabilityZone"]
            for subnet in of_type(synthesized(app)["Stack"], "AWS::EC2::Subnet").values()
        ]
        assert zones == [f"{REGION}a", f"{REGION}c"]

    @pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.1.0.0/20", "192.168.0.0/21"])
    @pytest.mark.parametrize("zones", [1, 2, 3, 6])
    def test_subnets_lie_apart_in_the_network(self, app: App, cidr: str, zones: int) -> None:
        template = template_of(app, cidr=cidr, zones=zones, egress=Egress.nat_gateway_per_zone())
        subnets = [
            IPv4Network(subnet["Properties"]["CidrBlock"]) for subnet in of_type(template, "AWS::EC2::Subnet").values()
        ]
        assert len(subnets) == 3 * zones
        assert all(subnet.subnet_of(IPv4Network(cidr)) for subnet in subnets)
        assert not any(one.overlaps(two) for one in subnets for two in subnets if one is not two)

    def test_egress_can_be_added_later_without_moving_what_runs(self, app: App) -> None:
        PrivateNetwork(stack_of(app, "Before"), "Network")
        PrivateNetwork(stack_of(app, "After"), "Network", egress=Egress.one_nat_gateway())
        before, after = (of_type(synthesized(app)[id], "AWS::EC2::Subnet") for id in ("Before", "After"))
        assert before
        for id, subnet in before.items():
            assert after[id]["Properties"]["CidrBlock"] == subnet["Properties"]["CidrBlock"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"cidr": "10.0.0.0/27"},
                "cidr is '10.0.0.0/27'; allowed: a network from /16 to /24: half of it is kept for egress",
            ),
            ({"cidr": "10.0.0.0/24", "egress": Egress.nat_gateway_per_zone()}, "allowed: a network from /16 to /22"),
            ({"cidr": 10}, "cidr is 10; allowed: an IPv4 network"),
            ({"cidr": "10.0.0.0/8"}, "allowed: a network from /16"),
            ({"cidr": "10.0.0.1/16"}, "allowed: an IPv4 network without host bits"),
            ({"cidr": "ten"}, "allowed: an IPv4 network"),
            ({"zones": 0}, "zones is 0; allowed: 1 to 6 zones"),
            ({"zones": True}, "zones is True; allowed: 1 to 6 zones"),
            ({"zones": ["eu-central-1a", "eu-central-1a"]}, "allowed: 1 to 6 different zones"),
            ({"zones": "eu-central-1a"}, "allowed: a number, or names of zones"),
            ({"zones": ["us-east-1a"]}, "allowed: zones of eu-central-1"),
            ({"egress": "nat"}, "egress is 'nat'; allowed: a way out; write egress=Egress.one_nat_gateway()"),
            ({"organization_id": "acme"}, "organization_id is 'acme'"),
            ({"rules_per_group": 1}, "rules_per_group is 1; allowed: AWS's quota in this account, 3 to 1000"),
            ({"fips": True}, "fips is 'True in eu-central-1'; allowed: Regions of the United States"),
            ({"endpoints": {}}, "endpoints is {}; allowed: only for an existing VPC"),
        ],
    )
    def test_wrong_arguments(self, app: App, arguments: dict[str, Any], message: str) -> None:
        stack = stack_of(app, region=REGION)
        with pytest.raises(ValueError, match=r"^Stack/Network: ") as error:
            PrivateNetwork(stack, "Network", **arguments)
        assert message in str(error.value)
        assert stack.node.try_find_child("Network") is None


class TestEgress:
    @pytest.mark.parametrize(("egress", "count"), [(Egress.one_nat_gateway(), 1), (Egress.nat_gateway_per_zone(), 3)])
    def test_egress_subnets_lead_out_by_nat_gateways(self, app: App, egress: Egress, count: int) -> None:
        template = template_of(app, egress=egress)
        assert len(of_type(template, "AWS::EC2::NatGateway")) == count
        to_nat = [
            route for route in of_type(template, "AWS::EC2::Route").values() if "NatGatewayId" in route["Properties"]
        ]
        assert len(to_nat) == 3
        assert len({json.dumps(route["Properties"]["NatGatewayId"]) for route in to_nat}) == count

    def test_isolated_subnets_stay_isolated(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app), "Network", egress=Egress.one_nat_gateway())
        isolated = network.vpc.isolated_subnets
        template = synthesized(app)["Stack"]
        led = {route["Properties"]["RouteTableId"]["Ref"] for route in of_type(template, "AWS::EC2::Route").values()}
        stack = Stack.of(network)
        assert not led & {stack.resolve(subnet.route_table.route_table_id)["Ref"] for subnet in isolated}

    def test_workloads_are_never_told_of_the_public_subnets(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app), "Network", egress=Egress.one_nat_gateway())
        assert not network.vpc.public_subnets

    def test_a_workload_that_goes_out_needs_a_waiver(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network", egress=Egress.one_nat_gateway())
        service = fargate(stack, network, subnets=network.egress_subnets)
        network.require(service, *IMAGE_PULL, "logs")
        assert "SC-NET-03" not in open_ids(app)

    def test_a_workload_that_asked_for_the_internet_is_found(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network", egress=Egress.one_nat_gateway())
        service = fargate(stack, network, subnets=network.egress_subnets)
        network.require(service, *IMAGE_PULL, "logs")
        network.require_internet(service)
        assert "SC-NET-03" in open_ids(app)
        waits = only(synthesized(app)["Stack"], "AWS::ECS::Service")["DependsOn"]
        assert any("DefaultRoute" in id for id in waits)

    def test_without_a_way_out_there_are_no_egress_subnets(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app), "Network")
        with pytest.raises(ValueError, match=r"egress_subnets is .* write egress=Egress.one_nat_gateway\(\)"):
            _ = network.egress_subnets
        with pytest.raises(ValueError, match="require_internet is 'no way out'"):
            network.require_internet(network.add_security_group("Group", description="workers"))

    def test_dual_stack_leads_out_by_an_egress_only_gateway(self, app: App) -> None:
        template = template_of(app, dual_stack=True, egress=Egress.one_nat_gateway())
        assert all(
            "Ipv6CidrBlock" in subnet["Properties"]
            for id, subnet in of_type(template, "AWS::EC2::Subnet").items()
            if "Nat" not in id
        )
        v6 = [
            route["Properties"]
            for route in of_type(template, "AWS::EC2::Route").values()
            if "DestinationIpv6CidrBlock" in route["Properties"]
        ]
        assert len(v6) == 3
        assert all("EgressOnlyInternetGatewayId" in route for route in v6)

    def test_dual_stack_without_egress_has_no_way_out(self, app: App) -> None:
        template = template_of(app, dual_stack=True)
        assert only(template, "AWS::EC2::VPCCidrBlock")
        assert not of_type(template, "AWS::EC2::Route")


def fargate(scope: Stack, network: PrivateNetwork, *, subnets: ec2.SubnetSelection | None = None) -> ecs.FargateService:
    """A service of plain aws_cdk, with an image of ours."""
    repository = SecureEcrRepository(scope, "Images", tags={"owner": "payments"})
    task = ecs.FargateTaskDefinition(scope, "Task")
    task.add_container(
        "main",
        image=repository.image(digest=DIGEST).container_image(),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="main"),
    )
    return ecs.FargateService(
        scope,
        "Service",
        cluster=ecs.Cluster(scope, "Cluster", vpc=network.vpc),
        task_definition=task,
        vpc_subnets=subnets or network.subnets,
        security_groups=[ec2.SecurityGroup(scope, "Tasks", vpc=network.vpc, allow_all_outbound=False)],
        min_healthy_percent=100,
    )


def network_findings(app: App) -> list[str]:
    return sorted(finding.id for finding in findings(app) if finding.id.startswith("SC-NET") and not finding.waived)


class TestUpdates:
    def test_egress_moves_nobody_who_names_no_subnets(self, app: App) -> None:
        for id, egress in (("Before", None), ("After", Egress.one_nat_gateway())):
            stack = stack_of(app, id)
            network = PrivateNetwork(stack, "Network", egress=egress)
            lambda_.Function(
                stack,
                "Worker",
                runtime=lambda_.Runtime.PYTHON_3_14,
                handler="index.handler",
                code=lambda_.Code.from_inline("pass"),
                vpc=network.vpc,
            )
        before, after = (
            next(
                function["Properties"]["VpcConfig"]["SubnetIds"]
                for function in of_type(synthesized(app)[id], "AWS::Lambda::Function").values()
                if "VpcConfig" in function["Properties"]
            )
            for id in ("Before", "After")
        )
        assert before == after

    @pytest.mark.parametrize("more", [4, 5, 6])
    def test_more_zones_move_no_subnet(self, app: App, more: int) -> None:
        for id, zones in (("Before", 2), ("After", more)):
            PrivateNetwork(stack_of(app, id), "Network", zones=zones, egress=Egress.one_nat_gateway())
        before, after = (of_type(synthesized(app)[id], "AWS::EC2::Subnet") for id in ("Before", "After"))
        for id, subnet in before.items():
            assert after[id]["Properties"]["CidrBlock"] == subnet["Properties"]["CidrBlock"]
            assert after[id]["Properties"]["AvailabilityZone"] == subnet["Properties"]["AvailabilityZone"]

    def test_a_workload_waits_until_the_way_is_open(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        network.require(fargate(stack, network), *IMAGE_PULL, "logs")
        waits = " ".join(only(synthesized(app)["Stack"], "AWS::ECS::Service")["DependsOn"])
        for each in ("NetworkEcrApi", "NetworkEcrDkr", "NetworkLogs", "NetworkS3", "TasksToS3"):
            assert each in waits


class TestRequire:
    def test_an_imported_group_that_is_closed(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        closed = ec2.SecurityGroup.from_security_group_id(stack, "Theirs", "sg-0a1b2c3d", allow_all_outbound=False)
        network.require(closed, "logs", "s3")
        network.require(closed, "s3")
        out = [rule["Properties"] for rule in of_type(synthesized(app)["Stack"], GROUP_OUT).values()]
        assert {rule["GroupId"] for rule in out} == {"sg-0a1b2c3d"}
        assert len(out) == 2

    def test_an_imported_group_that_is_open_stays_so(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        network.require(ec2.SecurityGroup.from_security_group_id(stack, "Theirs", "sg-0a1b2c3d"), "logs", "s3")
        template = synthesized(app)["Stack"]
        assert not of_type(template, GROUP_OUT)
        assert len(of_type(template, GROUP_IN)) == 1

    def test_guarddutys_own_endpoint(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app), "Network")
        network.require_runtime_monitoring(network.add_security_group("Group", description="workers"))
        group = next(
            group["Properties"]
            for id, group in of_type(synthesized(app)["Stack"], "AWS::EC2::SecurityGroup").items()
            if "Group" in id
        )
        assert [(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupEgress"]] == [("10.0.0.0/16", 443)]

    def test_an_endpoint_in_some_zones(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app), "Network", endpoint_zones={"sqs": [0, 2]})
        network.require(network.add_security_group("Group", description="workers"), "sqs", "logs")
        found = endpoints(synthesized(app)["Stack"])
        assert len(found["sqs"]["SubnetIds"]) == 2
        assert len(found["logs"]["SubnetIds"]) == 3

    @pytest.mark.parametrize(
        ("workload", "message"),
        [
            (None, "require is None; allowed: a workload with a security group"),
            ("service", "require is 'service'; allowed: a workload"),
        ],
    )
    def test_no_workload(self, app: App, workload: Any, message: str) -> None:
        network = PrivateNetwork(stack_of(app), "Network")
        with pytest.raises(ValueError, match=r"^Stack/Network: ") as error:
            network.require(workload, "logs")
        assert message in str(error.value)

    def test_a_function_without_a_network(self, app: App) -> None:
        stack = stack_of(app)
        function = lambda_.Function(
            stack,
            "Worker",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline("pass"),
        )
        with pytest.raises(ValueError, match=r"require is 'Stack/Worker'; allowed: a workload with a security group"):
            PrivateNetwork(stack, "Network").require(function, "logs")

    def test_an_isolated_fargate_task_of_plain_aws_cdk_is_proven_reachable(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        service = fargate(stack, network)
        network.require(service, *IMAGE_PULL, "logs")
        assert network_findings(app) == []

    def test_without_require_each_missing_piece_is_named(self, app: App) -> None:
        stack = stack_of(app)
        fargate(stack, PrivateNetwork(stack, "Network"))
        assert network_findings(app) == [
            "SC-NET-01[ecr.api]",
            "SC-NET-01[ecr.dkr]",
            "SC-NET-01[logs]",
            "SC-NET-01[s3]",
        ]

    def test_an_endpoint_is_added_once_and_opened_to_those_who_asked(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        groups = [network.add_security_group(id, description=id) for id in ("One", "Two", "Three")]
        for group in groups[:2]:
            network.require(group, "logs", "secretsmanager")
        network.require(groups[0], "logs")
        template = synthesized(app)["Stack"]
        assert sorted(endpoints(template)) == ["dynamodb", "logs", "s3", "secretsmanager"]
        let_in = [rule["Properties"] for rule in of_type(template, GROUP_IN).values()]
        assert len(let_in) == 2
        assert {rule["FromPort"] for rule in let_in} == {rule["ToPort"] for rule in let_in} == {443}

    def test_a_workload_gets_out_to_endpoints_and_prefix_lists_only(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        network.require(network.add_security_group("Group", description="workers"), "logs", "s3", "dynamodb")
        template = synthesized(app)["Stack"]
        out = [rule["Properties"] for rule in of_type(template, GROUP_OUT).values()]
        assert all(rule["FromPort"] == rule["ToPort"] == 443 for rule in out)
        lists = sorted(
            rule["DestinationPrefixListId"]["Fn::GetAtt"][1] for rule in out if "DestinationPrefixListId" in rule
        )
        assert lists == ["dynamodb", "s3"]
        assert len([rule for rule in out if "DestinationSecurityGroupId" in rule]) == 1
        assert not any("CidrIp" in rule for rule in out)

    def test_the_order_of_calls_changes_no_name(self, tmp_path: Path) -> None:
        found: list[dict[str, Any]] = []
        for services in (("s3", "dynamodb", "logs"), ("logs", "dynamodb", "s3", "s3")):
            app = new_app(tmp_path / str(len(found)))
            network = PrivateNetwork(stack_of(app), "Network")
            group = network.add_security_group("Group", description="workers")
            for service in services:
                network.require(group, service)
            found.append(synthesized(app)["Stack"])
        assert of_type(found[0], GROUP_OUT) == of_type(found[1], GROUP_OUT)
        assert found[0]["Resources"].keys() == found[1]["Resources"].keys()

    def test_more_workloads_than_a_group_has_rules(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network", rules_per_group=4)
        for index in range(4):
            group = network.add_security_group(f"Group{index}", description="workers")
            network.require(group, "logs")
            network.require(group, "sqs")
        template = synthesized(app)["Stack"]
        endpoints_group = next(
            group["Properties"]
            for id, group in of_type(template, "AWS::EC2::SecurityGroup").items()
            if "Endpoints" in id
        )
        assert len(of_type(template, GROUP_IN)) == 2
        assert [rule["CidrIp"] for rule in endpoints_group["SecurityGroupIngress"]] == ["10.0.0.0/16"]
        assert len(of_type(template, GROUP_OUT)) == 4
        assert network_findings(app) == []

    def test_one_network_serves_many_stacks_without_circles(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app, "Home"), "Network")
        for id in ("Orders", "Payments"):
            stack = stack_of(app, id)
            network.require(fargate(stack, network), *IMAGE_PULL, "logs")
        templates = synthesized(app)
        assert set(references(templates["Home"])) == set()
        assert set(references(templates["Orders"])) == {"Home"}
        assert network_findings(app) == []

    def test_what_one_stack_opens_goes_with_it(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app, "Home"), "Network")
        stack = stack_of(app, "Orders")
        network.require(ec2.SecurityGroup(stack, "Group", vpc=network.vpc, allow_all_outbound=False), "logs")
        templates = synthesized(app)
        assert not of_type(templates["Home"], GROUP_IN)
        assert len(of_type(templates["Orders"], GROUP_IN)) == 1

    def test_several_networks_in_one_stack(self, app: App) -> None:
        stack = stack_of(app)
        for id in ("One", "Two"):
            network = PrivateNetwork(stack, id)
            network.require(network.add_security_group("Group", description="workers"), "logs", "s3")
        template = synthesized(app)["Stack"]
        assert len(of_type(template, "AWS::EC2::VPC")) == 2
        assert len(of_type(template, "AWS::Lambda::Function")) == 1
        assert network_findings(app) == []

    @pytest.mark.parametrize(
        ("services", "message"),
        [
            (["log"], "require is 'log'; allowed: access-analyzer, acm-pca,"),
            (["secretmanager"], 'write "secretsmanager"'),
            ([IMAGE_PULL], "*IMAGE_PULL with its star"),
            ([], "require is 'no service'"),
            ([7], "require is 7; allowed: "),
        ],
    )
    def test_wrong_services(self, app: App, services: list[Any], message: str) -> None:
        network = PrivateNetwork(stack_of(app), "Network")
        with pytest.raises(ValueError, match=r"^Stack/Network: ") as error:
            network.require(network.add_security_group("Group", description="workers"), *services)
        assert message in str(error.value)


class TestEndpointPolicies:
    def policy(self, app: App, service: str, **arguments: Any) -> dict[str, Any]:
        network = PrivateNetwork(stack_of(app, region=REGION), "Network", **arguments)
        network.require(network.add_security_group("Group", description="workers"), service)
        found: dict[str, Any] = endpoints(synthesized(app)["Stack"])[service]["PolicyDocument"]
        return found

    def asked(self, policy: dict[str, Any], action: str, resource: str, *, caller: str) -> str:
        keys = {"aws__PrincipalOrgID": ORGANIZATION} if caller == ACCOUNT else {}
        return decision(policy, action, resource=resource, account=caller, **keys)

    def test_own_callers_reach_own_resources_and_nobody_else_does(self, app: App) -> None:
        policy = self.policy(app, "sqs")
        mine, theirs = (f"arn:aws:sqs:{REGION}:{account}:queue" for account in (ACCOUNT, OTHER_ACCOUNT))
        assert self.asked(policy, "sqs:SendMessage", mine, caller=ACCOUNT) == "Allow"
        assert self.asked(policy, "sqs:SendMessage", theirs, caller=ACCOUNT) != "Allow"
        assert self.asked(policy, "sqs:SendMessage", theirs, caller=OTHER_ACCOUNT) != "Allow"
        assert self.asked(policy, "sqs:SendMessage", mine, caller=OTHER_ACCOUNT) != "Allow"

    def test_an_organization_in_place_of_the_account(self, app: App) -> None:
        policy = self.policy(app, "sqs", organization_id=ORGANIZATION)
        (own,) = policy["Statement"]
        assert own["Condition"] == {
            "StringEquals": {"aws:PrincipalOrgID": ORGANIZATION},
            "StringEqualsIfExists": {"aws:ResourceOrgID": ORGANIZATION},
        }
        assert self.asked(policy, "sqs:SendMessage", "arn:aws:sqs:::queue", caller=OTHER_ACCOUNT) != "Allow"

    @pytest.mark.parametrize("arguments", [{}, {"organization_id": ORGANIZATION}])
    def test_layers_of_images_are_read_whoever_signed(self, app: App, arguments: dict[str, Any]) -> None:
        policy = self.policy(app, "s3", **arguments)
        assert self.asked(policy, "s3:GetObject", LAYERS, caller=OTHER_ACCOUNT) == "Allow"
        assert self.asked(policy, "s3:PutObject", LAYERS, caller=OTHER_ACCOUNT) != "Allow"
        assert self.asked(policy, "s3:GetObject", "arn:aws:s3:::theirs/key", caller=OTHER_ACCOUNT) != "Allow"

    def test_an_endpoint_lets_only_its_service_pass(self, app: App) -> None:
        policy = self.policy(app, "secretsmanager")
        assert self.asked(policy, "secretsmanager:GetSecretValue", "*", caller=ACCOUNT) == "Allow"
        assert self.asked(policy, "s3:PutObject", "*", caller=ACCOUNT) != "Allow"

    def test_the_resources_of_all_who_name_theirs(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        bucket = s3.Bucket(stack, "Bucket")
        network.require(
            network.add_security_group("One", description="one"), "s3", resources=[bucket.arn_for_objects("*")]
        )
        network.require(network.add_security_group("Two", description="two"), "s3", resources=["arn:aws:s3:::other/*"])
        own, layers = endpoints(synthesized(app)["Stack"])["s3"]["PolicyDocument"]["Statement"]
        assert "arn:aws:s3:::other/*" in own["Resource"]
        assert "*" not in own["Resource"]
        assert len(own["Resource"]) == 2
        assert layers["Sid"] == "ImageLayers"

    def test_what_is_no_arn_is_refused(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app), "Network")
        group = network.add_security_group("One", description="one")
        with pytest.raises(
            ValueError, match=r"require\(resources\) is 'my-bucket'; allowed: ARNs; write .*for_objects"
        ):
            network.require(group, "s3", resources=["my-bucket"])

    def test_the_bucket_without_its_objects_is_found(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        bucket = s3.Bucket(stack, "Bucket")
        function = lambda_.Function(
            stack,
            "Worker",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline("pass"),
            vpc=network.vpc,
            security_groups=[network.add_security_group("Workers", description="workers")],
        )
        bucket.grant_read_write(function)
        network.require(function, "s3", resources=[bucket.bucket_arn])
        assert "SC-NET-01[s3]" in network_findings(app)

    def test_pulling_images_widens_no_policy(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        service = fargate(stack, network)
        network.require(service, *IMAGE_PULL, "logs")
        network.require(service, "s3", resources=["arn:aws:s3:::other", "arn:aws:s3:::other/*"])
        own, _ = endpoints(synthesized(app)["Stack"])["s3"]["PolicyDocument"]["Statement"]
        assert own["Resource"] == ["arn:aws:s3:::other", "arn:aws:s3:::other/*"]
        assert network_findings(app) == []

    def test_signing_in_needs_no_repository(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        service = fargate(stack, network)
        repository = stack.node.find_child("Images").repository
        network.require(service, *IMAGE_PULL, resources=[repository.repository_arn])
        network.require(service, "logs")
        assert network_findings(app) == []

    def test_whoever_names_none_needs_all(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app), "Network")
        group = network.add_security_group("One", description="one")
        network.require(group, "s3", resources=["arn:aws:s3:::other/*"])
        network.require(group, "s3")
        own, _ = endpoints(synthesized(app)["Stack"])["s3"]["PolicyDocument"]["Statement"]
        assert own["Resource"] == "*"

    def test_a_resource_of_a_stack_that_stands_on_the_network_is_refused(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app, "Home"), "Network")
        stack = stack_of(app, "Orders")
        group = ec2.SecurityGroup(stack, "Group", vpc=network.vpc, allow_all_outbound=False)
        with pytest.raises(
            ValueError, match=r"require\(resources\) is 'Orders'; allowed: resources of the network's own"
        ):
            network.require(group, "s3", resources=[s3.Bucket(stack, "Bucket").bucket_arn])

    def test_no_policy_where_none_is_known_to_be_taken(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app), "Network")
        network.require(network.add_security_group("Group", description="clients"), "apprunner.requests", "eks")
        found = endpoints(synthesized(app)["Stack"])
        assert "PolicyDocument" not in found["eks"]
        assert "PolicyDocument" not in found["apprunner.requests"]
        assert found["apprunner.requests"]["PrivateDnsEnabled"] is False
        assert network_findings(app) == []


class TestFips:
    def test_fips_endpoints_where_there_are(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app, region="us-east-1"), "Network", fips=True)
        network.require(network.add_security_group("Group", description="workers"), "kms", "sqs", *IMAGE_PULL, "logs")
        names = [
            str(each["Properties"]["ServiceName"]) for each in of_type(synthesized(app)["Stack"], ENDPOINT).values()
        ]
        assert sum("kms-fips" in name or "sqs-fips" in name for name in names) == 2
        assert network.environment == {"AWS_USE_FIPS_ENDPOINT": "true"}

    def test_agents_and_sdks_each_find_their_endpoint(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app, region="us-east-1"), "Network", fips=True)
        network.require(network.add_security_group("Group", description="workers"), "ssm", "secretsmanager")
        names = {
            str(each["Properties"]["ServiceName"]).rsplit(".", 1)[1]
            for each in of_type(synthesized(app)["Stack"], ENDPOINT).values()
        }
        assert {"ssm", "ssm-fips", "secretsmanager"} <= names

    def test_a_service_without_one_is_refused(self, app: App) -> None:
        network = PrivateNetwork(stack_of(app, region="us-gov-west-1"), "Network", fips=True)
        with pytest.raises(
            ValueError, match="require is 'sns'; allowed: services with a FIPS endpoint for VPCs: acm-pca"
        ):
            network.require(network.add_security_group("Group", description="workers"), "sns")


class TestExistingVpcs:
    def test_endpoints_of_another_stack_are_found_and_used(self, app: App) -> None:
        home = stack_of(app, "Home")
        vpc = isolated_vpc(home)
        group = ec2.SecurityGroup(home, "Shared", vpc=vpc, allow_all_outbound=False)
        vpc.add_interface_endpoint(
            "Logs", service=ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, security_groups=[group], open=False
        )
        vpc.add_gateway_endpoint("Objects", service=ec2.GatewayVpcEndpointAwsService.S3)
        stack = stack_of(app, "Orders")
        network = PrivateNetwork(stack, "Network", vpc=vpc)
        network.require(fargate(stack, network), *IMAGE_PULL, "logs")
        templates = synthesized(app)
        assert sorted(endpoints(templates["Orders"])) == ["ecr.api", "ecr.dkr"]
        assert set(references(templates["Home"])) == set()
        assert [id for id in network_findings(app) if id.startswith(("SC-NET-01", "SC-NET-02"))] == []

    def test_endpoints_that_are_told_are_used(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(
            stack,
            "Network",
            vpc=imported(stack),
            endpoints={
                "logs": ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
                    stack,
                    "Logs",
                    port=443,
                    vpc_endpoint_id="vpce-0a1b2c3d",
                    security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Theirs", "sg-0a1b2c3d")],
                )
            },
        )
        network.require(network.add_security_group("Group", description="workers"), "logs", "secretsmanager")
        template = synthesized(app)["Stack"]
        assert sorted(endpoints(template)) == ["secretsmanager"]
        assert "sg-0a1b2c3d" in {
            rule["Properties"]["GroupId"]
            for rule in of_type(template, GROUP_IN).values()
            if isinstance(rule["Properties"]["GroupId"], str)
        }

    def test_endpoints_that_do_not_serve_are_not_taken(self, app: App) -> None:
        home = stack_of(app)
        vpc = isolated_vpc(home)
        for id, service, dns in (
            ("Silent", ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, False),
            ("Objects", ec2.InterfaceVpcEndpointAwsService.S3, True),
        ):
            vpc.add_interface_endpoint(id, service=service, private_dns_enabled=dns, open=False)
        theirs = ec2.InterfaceVpcEndpointService(Fn.import_value("partner"))
        vpc.add_interface_endpoint("Partner", service=theirs, open=False)
        network = PrivateNetwork(home, "Network", vpc=vpc)
        network.require(network.add_security_group("Group", description="workers"), "logs", "s3")
        own = [id for id in of_type(synthesized(app)["Stack"], ENDPOINT) if id.startswith("Network")]
        assert len(own) == 2

    def test_an_endpoint_that_somebody_added_to_the_network_is_used(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network")
        network.vpc.add_interface_endpoint(
            "Logs", service=ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, open=False
        )
        network.require(network.add_security_group("Group", description="workers"), "logs")
        assert sorted(endpoints(synthesized(app)["Stack"])) == ["dynamodb", "logs", "s3"]

    def test_two_networks_over_one_vpc_share_endpoints_and_their_policies(self, app: App) -> None:
        home = stack_of(app)
        one = PrivateNetwork(home, "One")
        two = PrivateNetwork(home, "Two", vpc=one.vpc)
        one.require(one.add_security_group("A", description="a"), "sqs", resources=["arn:aws:sqs:::one"])
        two.require(two.add_security_group("B", description="b"), "sqs", resources=["arn:aws:sqs:::two"])
        template = synthesized(app)["Stack"]
        (own,) = endpoints(template)["sqs"]["PolicyDocument"]["Statement"]
        assert own["Resource"] == ["arn:aws:sqs:::one", "arn:aws:sqs:::two"]
        assert len(of_type(template, GROUP_IN)) == 2
        assert network_findings(app) == []

    def test_an_endpoint_without_its_groups_is_refused(self, app: App) -> None:
        stack = stack_of(app)
        logs = ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
            stack, "Logs", port=443, vpc_endpoint_id="vpce-0a1b2c3d"
        )
        network = PrivateNetwork(stack, "Network", vpc=imported(stack), endpoints={"logs": logs})
        with pytest.raises(ValueError, match="endpoints is 'logs'; allowed: endpoints with their security groups"):
            network.require(network.add_security_group("Group", description="workers"), "logs")

    def test_addresses_that_are_not_told(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network", vpc=imported(stack))
        with pytest.raises(ValueError, match="vpc is 'no addresses'; allowed: a VPC whose addresses are told"):
            network.require_runtime_monitoring(network.add_security_group("Group", description="workers"))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"vpc": "vpc-1"}, "vpc is 'vpc-1'; allowed: a VPC"),
            ({"subnets": ["subnet-1"]}, "subnets is ['subnet-1']; allowed: a selection of subnets"),
            ({"log_retention": 365}, "log_retention is 365; allowed: a time as CloudWatch Logs has it"),
            ({"encryption_key": "alias/x"}, "encryption_key is 'alias/x'; allowed: a key"),
            ({"dual_stack": "yes"}, "dual_stack is 'yes'; allowed: True or False"),
            ({"waivers": ["SC-NET-10"]}, "waivers is ['SC-NET-10']; allowed: a list of Waiver; write waivers=[Waiver("),
            ({"endpoints": {"logs": "vpce-1"}}, "endpoints['logs'] is 'vpce-1'; allowed: an endpoint"),
            ({"endpoint_zones": {"log": [0]}}, "endpoint_zones is 'log'; allowed: "),
        ],
    )
    def test_arguments_of_another_type(self, app: App, arguments: dict[str, Any], message: str) -> None:
        stack = stack_of(app)
        given = {"vpc": imported(stack)} if {"subnets", "endpoints"} & arguments.keys() else {}
        with pytest.raises(ValueError, match=r"^Stack/Network: ") as error:
            PrivateNetwork(stack, "Network", **given, **arguments)
        assert message in str(error.value)

    def test_an_imported_vpc_gets_nothing_that_nobody_asked_for(self, app: App) -> None:
        stack = stack_of(app)
        PrivateNetwork(stack, "Network", vpc=imported(stack))
        assert synthesized(app)["Stack"].get("Resources", {}) == {}

    def test_what_is_not_visible_is_said(self, app: App) -> None:
        stack = stack_of(app)
        network = PrivateNetwork(stack, "Network", vpc=imported(stack))
        network.require(fargate(stack, network), *IMAGE_PULL, "logs")
        assert network_findings(app) == ["SC-NET-02"]

    def test_egress_through_given_subnets(self, app: App) -> None:
        stack = stack_of(app)
        vpc = imported(stack)
        out = ec2.Subnet.from_subnet_id(stack, "Out", "subnet-0f0f0f0f")
        network = PrivateNetwork(stack, "Network", vpc=vpc, egress=Egress.through([out]))
        assert network.egress_subnets.subnets == [out]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"cidr": "10.0.0.0/16"}, "cidr is '10.0.0.0/16'; allowed: only for a new VPC"),
            ({"zones": 2}, "zones is 2; allowed: only for a new VPC"),
            ({"dual_stack": True}, "dual_stack is True; allowed: only for a new VPC"),
            ({"egress": Egress.one_nat_gateway()}, "allowed: only for a new VPC"),
            ({"endpoints": {"log": None}}, "endpoints is 'log'; allowed: "),
        ],
    )
    def test_arguments_of_new_vpcs_are_refused(self, app: App, arguments: dict[str, Any], message: str) -> None:
        stack = stack_of(app)
        with pytest.raises(ValueError, match=r"^Stack/Network: ") as error:
            PrivateNetwork(stack, "Network", vpc=imported(stack), **arguments)
        assert message in str(error.value)

    def test_egress_through_no_subnet(self) -> None:
        with pytest.raises(ValueError, match="allowed: one subnet at least"):
            Egress.through([])


def isolated_vpc(stack: Stack) -> ec2.Vpc:
    isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return ec2.Vpc(stack, "Vpc", subnet_configuration=[isolated], restrict_default_security_group=False)


def imported(stack: Stack) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Imported",
        vpc_id="vpc-0a1b2c3d",
        availability_zones=[f"{REGION}a", f"{REGION}b"],
        isolated_subnet_ids=["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
        isolated_subnet_route_table_ids=["rtb-0a1b2c3d", "rtb-1a1b2c3d"],
    )


class TestKeys:
    def test_a_given_key_encrypts_all_logs(self, app: App) -> None:
        stack = stack_of(app)
        key = kms.Key(stack, "Key", enable_key_rotation=True)
        PrivateNetwork(stack, "Network", encryption_key=key)
        template = synthesized(app)["Stack"]
        (id,) = of_type(template, "AWS::KMS::Key")
        assert {
            group["Properties"]["KmsKeyId"]["Fn::GetAtt"][0]
            for group in of_type(template, "AWS::Logs::LogGroup").values()
        } == {id}


@pytest.mark.parametrize(
    ("region", "service", "name"),
    [
        ("cn-north-1", "ecr.api", "cn.com.amazonaws.cn-north-1.ecr.api"),
        ("cn-north-1", "logs", "com.amazonaws.cn-north-1.logs"),
        ("us-gov-west-1", "ecr.api", "com.amazonaws.us-gov-west-1.ecr.api"),
    ],
)
def test_endpoints_are_called_as_their_partition_calls_them(app: App, region: str, service: str, name: str) -> None:
    network = PrivateNetwork(stack_of(app, region=region), "Network")
    network.require(network.add_security_group("Group", description="workers"), service)
    names = [each["Properties"]["ServiceName"] for each in of_type(synthesized(app)["Stack"], ENDPOINT).values()]
    assert name in names


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("SC-NET-06", ("AWS::EC2::VPCEndpoint", "PolicyDocument")),
        ("SC-NET-09", ("Custom::ClosedDefaultSecurityGroup", None)),
        ("SC-NET-10", ("AWS::EC2::FlowLog", None)),
    ],
)
def test_a_rule_notices_when_a_default_is_gone(app: App, rule: str, path: tuple[str, str | None]) -> None:
    template = template_of(app)
    type_, name = path
    for id, resource in of_type(template, type_).items():
        if name is None:
            del template["Resources"][id]
        else:
            del resource["Properties"][name]
    judge = find_rule(rule)
    assert judge is not None
    assert [finding for finding in evaluate([Template(template, "t")], [judge]).findings if not finding.waived]
