"""Rules about networks themselves."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules.networking import (
    open_default_security_group,
    open_egress,
    open_ingress,
    public_address,
    undeployable_endpoint,
    unlogged_traffic,
    unrestricted_endpoint,
)
from tests.rules.support import ACCOUNT, att, either, ref, said, template

VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True}}
OWN = {"StringEquals": {"aws:PrincipalAccount": ref("AWS::AccountId")}}
ANYBODY = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}


def endpoint(service: str = "secretsmanager", **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::EC2::VPCEndpoint",
        "Properties": {
            "VpcEndpointType": "Interface",
            "ServiceName": {"Fn::Sub": f"com.amazonaws.${{AWS::Region}}.{service}"},
            "VpcId": ref("Vpc"),
            "SubnetIds": ["subnet-1"],
            **properties,
        },
    }


def gateway(service: str = "s3", **properties: Any) -> dict[str, Any]:
    return endpoint(service, **{"VpcEndpointType": "Gateway", "RouteTableIds": ["rtb-1"], **properties})


def allow(**elements: Any) -> dict[str, Any]:
    return {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", **elements}}


class TestUnrestrictedEndpoint:
    @pytest.mark.parametrize(
        ("policy", "found"),
        [
            (None, ["SC-NET-06"]),
            (allow(), ["SC-NET-06"]),
            (allow(Principal={"AWS": "*"}), ["SC-NET-06"]),
            (allow(Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}}), ["SC-NET-06"]),
            (allow(Condition=OWN), []),
            (allow(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}), []),
            (allow(Condition={"StringEquals": {"aws:ResourceAccount": ACCOUNT}}), []),
            (allow(Condition={"Bool": {"aws:PrincipalIsAWSService": "true"}}), []),
            (allow(Condition={"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}}), ["SC-NET-06"]),
            (allow(Condition={"StringLike": {"aws:PrincipalArn": "*"}}), ["SC-NET-06"]),
            (allow(Resource="arn:*"), ["SC-NET-06"]),
            (
                {
                    "Statement": [
                        allow()["Statement"],
                        allow(Effect="Deny", Condition={"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}})[
                            "Statement"
                        ],
                    ]
                },
                [],
            ),
            (allow(Resource="arn:aws:secretsmanager:eu-central-1:111122223333:secret:x"), []),
            (allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), []),
            ({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}, []),
            (either("Open", allow(Condition=OWN), allow()), ["SC-NET-06"]),
            (ref("Free"), ["SC-NET-06?"]),
        ],
    )
    def test_policies(self, policy: Any, found: list[str]) -> None:
        properties = {} if policy is None else {"PolicyDocument": policy}
        assert said(unrestricted_endpoint, template({"Vpc": VPC, "E": endpoint(**properties)})) == found

    @pytest.mark.parametrize("service", ["aps-workspaces", "eks", "apprunner.requests", "vpce-svc-0a1b2c3d"])
    def test_services_that_take_none_or_of_which_nobody_knows(self, service: str) -> None:
        assert said(unrestricted_endpoint, template({"Vpc": VPC, "E": endpoint(service)})) == []

    def test_gateways_too(self) -> None:
        assert said(unrestricted_endpoint, template({"Vpc": VPC, "E": gateway()})) == ["SC-NET-06"]


def group(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "test", **properties}}


def rule(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::EC2::SecurityGroup{kind}", "Properties": {"GroupId": att("G", "GroupId"), **properties}}


class TestSecurityGroups:
    def test_groups_of_others_are_judged_by_the_rule(self) -> None:
        foreign = {"GroupId": "sg-0a1b2c3d", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
        resources = {
            "R": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {**foreign, "CidrIp": "0.0.0.0/0"}},
            "H": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {**foreign, "CidrIp": "128.0.0.0/1"}},
        }
        assert said(open_ingress, template(resources)) == ["SC-NET-07", "SC-NET-07"]

    @pytest.mark.parametrize("inline", [True, False])
    @pytest.mark.parametrize(
        "peer",
        [
            {"CidrIp": "0.0.0.0/0"},
            {"CidrIpv6": "::/0"},
            {"CidrIp": either("Open", "10.0.0.0/8", "0.0.0.0/0")},
        ],
    )
    def test_everybody_is_let_in(self, peer: dict[str, Any], inline: bool) -> None:
        opened = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, **peer}
        resources = (
            {"G": group(SecurityGroupIngress=[opened])} if inline else {"G": group(), "R": rule("Ingress", **opened)}
        )
        assert said(open_ingress, template(resources)) == ["SC-NET-07"]

    @pytest.mark.parametrize(
        "peer",
        [
            {"CidrIp": "10.0.0.0/8"},
            {"SourceSecurityGroupId": "sg-1"},
            {"SourcePrefixListId": "pl-1"},
            {"CidrIp": "203.0.113.0/24"},
        ],
    )
    def test_named_peers_are_let_in(self, peer: dict[str, Any]) -> None:
        named = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **peer}
        assert said(open_ingress, template({"G": group(SecurityGroupIngress=[named])})) == []

    @pytest.mark.parametrize(
        ("properties", "found"),
        [
            ({}, ["SC-NET-08"]),
            ({"SecurityGroupEgress": []}, ["SC-NET-08"]),
            ({"SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]}, ["SC-NET-08"]),
            ({"SecurityGroupEgress": [{"IpProtocol": -1, "CidrIpv6": "::/0"}]}, ["SC-NET-08"]),
            (
                {"SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIp": "0.0.0.0/0"}]},
                ["SC-NET-08"],
            ),
            (
                {"SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "CidrIp": "0.0.0.0/0"}]},
                ["SC-NET-08"],
            ),
            ({"SecurityGroupEgress": [ANYBODY]}, []),
            ({"SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}]}, []),
            ({"SecurityGroupEgress": either("Open", [ANYBODY])}, ["SC-NET-08"]),
        ],
    )
    def test_what_is_let_out(self, properties: dict[str, Any], found: list[str]) -> None:
        assert said(open_egress, template({"G": group(**properties)})) == found

    def test_a_rule_of_its_own_takes_the_default_away(self) -> None:
        assert said(open_egress, template({"G": group(), "R": rule("Egress", **ANYBODY)})) == []

    def test_a_rule_of_another_template_does_so_too(self) -> None:
        home = template({"G": group()}, Outputs={"Id": {"Value": att("G", "GroupId"), "Export": {"Name": "id"}}})
        other = template({"R": rule("Egress", **{**ANYBODY, "GroupId": {"Fn::ImportValue": "id"}})})
        assert said(open_egress, home, other) == []

    def test_a_finding_stands_where_the_rule_does(self) -> None:
        home = template({"G": group()}, Outputs={"Id": {"Value": att("G", "GroupId"), "Export": {"Name": "id"}}})
        other = template({"R": rule("Ingress", **{**ANYBODY, "GroupId": {"Fn::ImportValue": "id"}})})
        assert said(open_ingress, home) == []
        assert said(open_ingress, home, other) == ["SC-NET-07"]


class TestVpcs:
    @pytest.mark.parametrize("type_", ["Custom::ClosedDefaultSecurityGroup", "Custom::VpcRestrictDefaultSG"])
    def test_a_custom_resource_closes_the_default_group(self, type_: str) -> None:
        name = "VpcId" if "Closed" in type_ else "DefaultSecurityGroupId"
        value = ref("Vpc") if name == "VpcId" else att("Vpc", "DefaultSecurityGroup")
        closing = {"Type": type_, "Properties": {"ServiceToken": "arn", name: value}}
        assert said(open_default_security_group, template({"Vpc": VPC, "C": closing})) == []
        assert said(open_default_security_group, template({"Vpc": VPC, "Other": VPC, "C": closing})) == ["SC-NET-09"]

    @pytest.mark.parametrize(
        ("properties", "condition", "found"),
        [
            ({"TrafficType": "ALL"}, None, []),
            ({"TrafficType": "REJECT"}, None, []),
            ({"TrafficType": "ACCEPT"}, None, ["SC-NET-10"]),
            ({"TrafficType": "ALL"}, "Open", ["SC-NET-10"]),
        ],
    )
    def test_flow_logs(self, properties: dict[str, Any], condition: str | None, found: list[str]) -> None:
        log: dict[str, Any] = {
            "Type": "AWS::EC2::FlowLog",
            "Properties": {"ResourceType": "VPC", "ResourceId": ref("Vpc"), **properties},
        }
        if condition:
            log["Condition"] = condition
        assert said(unlogged_traffic, template({"Vpc": VPC, "Log": log})) == found


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("AWS::EC2::Subnet", {"MapPublicIpOnLaunch": "%"}),
        ("AWS::ECS::Service", {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "%"}}}),
        ("AWS::ECS::TaskSet", {"NetworkConfiguration": {"AwsVpcConfiguration": {"AssignPublicIp": "%"}}}),
        (
            "AWS::Events::Rule",
            {
                "Targets": [
                    {"EcsParameters": {"NetworkConfiguration": {"AwsVpcConfiguration": {"AssignPublicIp": "%"}}}}
                ]
            },
        ),
        (
            "AWS::Scheduler::Schedule",
            {"Target": {"EcsParameters": {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "%"}}}}},
        ),
        ("AWS::Batch::JobDefinition", {"ContainerProperties": {"NetworkConfiguration": {"AssignPublicIp": "%"}}}),
        (
            "AWS::Batch::JobDefinition",
            {"EcsProperties": {"TaskProperties": [{"NetworkConfiguration": {"AssignPublicIp": "%"}}]}},
        ),
    ],
)
@pytest.mark.parametrize(("on", "found"), [(True, ["SC-NET-11"]), (False, []), (None, ["SC-NET-11?"])])
def test_public_addresses(type_: str, properties: dict[str, Any], on: bool | None, found: list[str]) -> None:
    value = ref("Free") if on is None else on if "Subnet" in type_ else "ENABLED" if on else "DISABLED"

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled(child) for key, child in node.items()}
        return [filled(child) for child in node] if isinstance(node, list) else value if node == "%" else node

    assert said(public_address, template({"R": {"Type": type_, "Properties": filled(properties)}})) == found


class TestUndeployableEndpoint:
    @pytest.mark.parametrize(
        ("resources", "found"),
        [
            ({"A": endpoint(PrivateDnsEnabled=True)}, []),
            ({"A": endpoint(PrivateDnsEnabled=True), "B": endpoint(PrivateDnsEnabled=True)}, ["SC-NET-12"] * 2),
            ({"A": endpoint(PrivateDnsEnabled=True), "B": endpoint()}, []),
            ({"A": endpoint(PrivateDnsEnabled=True), "B": endpoint("sqs", PrivateDnsEnabled=True)}, []),
            ({"A": endpoint(PrivateDnsEnabled=True), "B": endpoint(PrivateDnsEnabled=True, VpcId="vpc-2")}, []),
            (
                {
                    "A": endpoint(PrivateDnsEnabled=True) | {"Condition": "Prod"},
                    "B": endpoint(PrivateDnsEnabled=True) | {"Condition": "NotProd"},
                },
                [],
            ),
            ({"A": gateway(), "B": gateway()}, ["SC-NET-12"] * 2),
            ({"A": gateway(), "B": gateway(RouteTableIds=["rtb-2"])}, []),
            ({"A": gateway(RouteTableIds=[])}, ["SC-NET-12"]),
            ({"A": endpoint(SubnetIds=[])}, ["SC-NET-12"]),
            ({"A": endpoint("aps-workspaces", PolicyDocument=allow(Condition=OWN))}, ["SC-NET-12"]),
            ({"A": endpoint("apprunner.requests", PrivateDnsEnabled=True)}, ["SC-NET-12"]),
            ({"A": endpoint("apprunner.requests", PolicyDocument=allow(Condition=OWN))}, ["SC-NET-12"]),
            ({"A": endpoint("apprunner.requests")}, []),
            ({"A": endpoint("sns-fips")}, ["SC-NET-12"]),
            ({"A": endpoint("kms-fips")}, []),
        ],
    )
    def test_endpoints(self, resources: dict[str, Any], found: list[str]) -> None:
        assert said(undeployable_endpoint, template({"Vpc": VPC, **resources})) == found

    def test_fips_in_a_region_without(self) -> None:
        judged = template({"Vpc": VPC, "A": endpoint("kms-fips")}, region="eu-central-1")
        assert said(undeployable_endpoint, judged) == ["SC-NET-12"]

    @pytest.mark.parametrize("setting", ["EnableDnsSupport", "EnableDnsHostnames"])
    def test_private_dns_in_a_vpc_without_names(self, setting: str) -> None:
        vpc = {"Type": "AWS::EC2::VPC", "Properties": {**VPC["Properties"], setting: False}}
        judged = template({"Vpc": vpc, "A": endpoint(PrivateDnsEnabled=True)})
        assert said(undeployable_endpoint, judged) == ["SC-NET-12"]
