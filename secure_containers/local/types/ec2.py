"""Flow logs, network ACLs, and the rules of security groups that stand on their own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Literal

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone

_PEERS: Final = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}
"""Where the API has what a template calls by these names."""


def _create_flow_log(asked: Asked) -> Made:
    ec2 = asked.client("ec2")
    properties = {**asked.properties, "ResourceIds": [asked.properties["ResourceId"]]}
    arguments = fitted(ec2, "CreateFlowLogs", properties, without=("ResourceId", "Tags"))
    made = ec2.create_flow_logs(**arguments)
    if made.get("Unsuccessful"):
        raise ValueError(str(made["Unsuccessful"][0]["Error"]["Message"]))
    (id,) = made["FlowLogIds"]
    names = ("DeliverLogsPermissionArn", "LogGroupName", "LogFormat", "MaxAggregationInterval")
    asked.account.remember("flow-log", id, {name: arguments[name] for name in names if name in arguments})
    return _tagged(asked, id)


def _retag_flow_log(asked: Asked) -> Made:
    """All but the tags of a flow log stays as it was made."""
    if old := asked.before.get("Tags"):
        asked.client("ec2").delete_tags(Resources=[asked.physical], Tags=[{"Key": each["Key"]} for each in old])
    return _tagged(asked, asked.physical)


def _tagged(asked: Asked, id: str) -> Made:
    if tags := asked.properties.get("Tags"):
        asked.client("ec2").create_tags(Resources=[id], Tags=tags)
    return Made(id, {"Id": id})


def _delete_flow_log(asked: Asked) -> None:
    gone(asked.client("ec2").delete_flow_logs, "InvalidFlowLogId.NotFound", FlowLogIds=[asked.physical])


def _permission(properties: Mapping[str, Any]) -> dict[str, Any]:
    """One rule as the API takes it."""
    permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
    permission |= {name: int(properties[name]) for name in ("FromPort", "ToPort") if properties.get(name) is not None}
    described = {"Description": properties["Description"]} if properties.get("Description") else {}
    for name, (group, member) in _PEERS.items():
        if properties.get(name):
            permission[group] = [{member: properties[name], **described}]
    return permission


def _authorize(direction: Literal["ingress", "egress"], asked: Asked) -> Made:
    if direction == "egress":
        _revoke_default(asked.client("ec2"), asked.properties["GroupId"])
    call = getattr(asked.client("ec2"), f"authorize_security_group_{direction}")
    made = call(GroupId=asked.properties["GroupId"], IpPermissions=[_permission(asked.properties)])
    (rule,) = made["SecurityGroupRules"]
    list_ = asked.properties.get("SourcePrefixListId") or asked.properties.get("DestinationPrefixListId")
    if list_:
        asked.account.remember("security-group-rule", rule["SecurityGroupRuleId"], {"PrefixListId": list_})
    return Made(rule["SecurityGroupRuleId"], {"Id": rule["SecurityGroupRuleId"]})


def _revoke_default(ec2: Any, group: str) -> None:
    """A group that is given a rule for outgoing traffic does not keep the one that allows all of it.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html
    """
    (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    default = [
        each
        for each in found["IpPermissionsEgress"]
        if each["IpProtocol"] == "-1" and each.get("IpRanges") == [{"CidrIp": "0.0.0.0/0"}]
    ]
    if default:
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=default)


def _revoke(direction: Literal["ingress", "egress"], asked: Asked) -> None:
    call = getattr(asked.client("ec2"), f"revoke_security_group_{direction}")
    # By what it says: a group that is gone has taken its rules with it.
    gone(
        call,
        "InvalidGroup.NotFound",
        "InvalidPermission.NotFound",
        GroupId=asked.properties["GroupId"],
        IpPermissions=[_permission(asked.properties)],
    )


def _rule(direction: Literal["ingress", "egress"]) -> Type:
    return Type(create=partial(_authorize, direction), delete=partial(_revoke, direction))


def _create_acl(asked: Asked) -> Made:
    made = asked.client("ec2").create_network_acl(VpcId=asked.properties["VpcId"])["NetworkAcl"]
    return Made(made["NetworkAclId"], {"Id": made["NetworkAclId"]})


def _delete_acl(asked: Asked) -> None:
    gone(asked.client("ec2").delete_network_acl, "InvalidNetworkAclID.NotFound", NetworkAclId=asked.physical)


def _create_entry(asked: Asked) -> Made:
    ec2 = asked.client("ec2")
    ec2.create_network_acl_entry(**fitted(ec2, "CreateNetworkAclEntry", {"Egress": False, **asked.properties}))
    side = "egress" if str(asked.properties.get("Egress", False)).lower() == "true" else "ingress"
    id = f"{asked.properties['NetworkAclId']}|{side}|{asked.properties['RuleNumber']}"
    return Made(id, {"Id": id})


def _delete_entry(asked: Asked) -> None:
    acl, side, number = asked.physical.split("|")
    gone(
        asked.client("ec2").delete_network_acl_entry,
        "InvalidNetworkAclEntry.NotFound",
        "InvalidNetworkAclID.NotFound",
        NetworkAclId=acl,
        RuleNumber=int(number),
        Egress=side == "egress",
    )


TYPES: Final = {
    "AWS::EC2::FlowLog": Type(
        create=_create_flow_log,
        update=_retag_flow_log,
        delete=_delete_flow_log,
        replaces=(
            "DeliverLogsPermissionArn",
            "DestinationOptions",
            "LogDestination",
            "LogDestinationType",
            "LogFormat",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "ResourceType",
            "TrafficType",
        ),
        tags="list",
    ),
    "AWS::EC2::NetworkAcl": Type(create=_create_acl, delete=_delete_acl),
    "AWS::EC2::NetworkAclEntry": Type(create=_create_entry, delete=_delete_entry),
    "AWS::EC2::SecurityGroupEgress": _rule("egress"),
    "AWS::EC2::SecurityGroupIngress": _rule("ingress"),
}
