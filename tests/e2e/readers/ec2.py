"""Networks of Amazon EC2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import Like


def vpc(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    ec2 = client("ec2")
    (about,) = ec2.describe_vpcs(VpcIds=[id])["Vpcs"]
    hostnames = ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    support = ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"]
    return {**about, "EnableDnsHostnames": hostnames, "EnableDnsSupport": support}


def subnet(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("ec2").describe_subnets(SubnetIds=[id])["Subnets"]
    return dict(about)


def route_table(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("ec2").describe_route_tables(RouteTableIds=[id])["RouteTables"]
    away = [each for each in about["Routes"] if each.get("GatewayId", "local") != "local" and not _endpoint(each)]
    assert not away, f"it leads out of the network: {away}"
    return dict(about)


def _endpoint(route: Mapping[str, Any]) -> bool:
    return str(route.get("GatewayId")).startswith("vpce-")


def subnet_route_table(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    tables = client("ec2").describe_route_tables(RouteTableIds=[wanted["RouteTableId"]])["RouteTables"]
    (about,) = (
        each for table in tables for each in table["Associations"] if each.get("SubnetId") == wanted["SubnetId"]
    )
    return dict(about)


def flow_log(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("ec2").describe_flow_logs(FlowLogIds=[id])["FlowLogs"]
    return {
        **about,
        "ResourceType": {"vpc-": "VPC", "subn": "Subnet", "eni-": "NetworkInterface"}[about["ResourceId"][:4]],
    }


def endpoint(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("ec2").describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"]
    assert about["State"].lower() == "available"
    return {**about, "SecurityGroupIds": [each["GroupId"] for each in about.get("Groups", [])]}


def security_group(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("ec2").describe_security_groups(GroupIds=[id])["SecurityGroups"]
    for rule in (*about["IpPermissions"], *about["IpPermissionsEgress"]):
        assert not any(each["CidrIp"] == "0.0.0.0/0" for each in rule.get("IpRanges", [])), f"open to all: {rule}"
    return {
        **about,
        "GroupDescription": about["Description"],
        "SecurityGroupEgress": _own(about["IpPermissionsEgress"], wanted.get("SecurityGroupEgress", [])),
        "SecurityGroupIngress": _own(about["IpPermissions"], wanted.get("SecurityGroupIngress", [])),
    }


def _own(rules: list[Mapping[str, Any]], wanted: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those that stand in a group's own properties; for prefix lists and other groups there are resources beside it."""
    found = [_flat(*pair) for rule in rules for pair in _peers(rule)]
    names_groups = any(name.endswith("SecurityGroupId") for rule in wanted for name in rule)
    beside = {"PrefixListId"} if names_groups else {"PrefixListId", "SecurityGroupId"}
    return [rule for rule in found if not beside & rule.keys()]


def egress(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return _rule(client, id, wanted, "IpPermissionsEgress")


def ingress(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return _rule(client, id, wanted, "IpPermissions")


_PEERS = (
    "CidrIp",
    "DestinationPrefixListId",
    "DestinationSecurityGroupId",
    "SourcePrefixListId",
    "SourceSecurityGroupId",
)


def _rule(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any], direction: str) -> dict[str, Any]:
    """The rule of a group with the wanted ports and peer."""
    ec2, of = client("ec2"), wanted["GroupId"]
    if isinstance(of, Like):  # only the deployment knows it
        of = ec2.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"][0]["GroupId"]
    (group,) = ec2.describe_security_groups(GroupIds=[of])["SecurityGroups"]
    rules = [_flat(*pair) for rule in group[direction] for pair in _peers(rule)]
    side = "Destination" if direction.endswith("Egress") else "Source"
    named = [
        {f"{side}{key}" if key in ("PrefixListId", "SecurityGroupId") else key: value for key, value in each.items()}
        for each in rules
    ]
    peer = next(name for name in _PEERS if name in wanted)
    value = wanted[peer]
    found = [
        each
        for each in named
        if str(each.get("FromPort")) == str(wanted.get("FromPort"))
        and peer in each
        and (value == each[peer] or (isinstance(value, Like) and value.matches(each[peer])))
    ]
    assert len(found) == 1, f"of the rules {named} {len(found)} are the wanted one"
    return {**found[0], "GroupId": of}


def _peers(rule: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    peers = [{"CidrIp": each["CidrIp"], **_described(each)} for each in rule.get("IpRanges", [])]
    peers += [{"PrefixListId": each["PrefixListId"], **_described(each)} for each in rule.get("PrefixListIds", [])]
    peers += [{"SecurityGroupId": each["GroupId"], **_described(each)} for each in rule.get("UserIdGroupPairs", [])]
    return [(rule, peer) for peer in peers]


def _described(each: Mapping[str, Any]) -> dict[str, Any]:
    return {"Description": each["Description"]} if "Description" in each else {}


def _flat(rule: Mapping[str, Any], peer: dict[str, Any]) -> dict[str, Any]:
    return {**{name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}, **peer}


READERS = {
    "AWS::EC2::FlowLog": flow_log,
    "AWS::EC2::RouteTable": route_table,
    "AWS::EC2::SecurityGroup": security_group,
    "AWS::EC2::SecurityGroupEgress": egress,
    "AWS::EC2::SecurityGroupIngress": ingress,
    "AWS::EC2::Subnet": subnet,
    "AWS::EC2::SubnetRouteTableAssociation": subnet_route_table,
    "AWS::EC2::VPC": vpc,
    "AWS::EC2::VPCEndpoint": endpoint,
}
NOT_READ: dict[str, dict[str, str]] = {}
