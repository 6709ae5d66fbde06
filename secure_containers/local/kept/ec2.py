"""VPCs' attributes, and what EC2 does not tell of endpoints, flow logs and launch templates: policies, roles, keys."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept

_ENDPOINT: Final = "vpc-endpoint"
_ID: Final = re.compile(r"<(vpcEndpointId|flowLogId|securityGroupRuleId)>([^<]+)</\1>")
_KINDS: Final = {
    "vpcEndpointId": _ENDPOINT,
    "flowLogId": "flow-log",
    "securityGroupRuleId": "security-group-rule",
}
_TEMPLATE: Final = "launch-template"
_VOLUMES: Final = re.compile(r"<launchTemplateId>([^<]+)</launchTemplateId>(?:(?!<launchTemplateId>).)*", re.DOTALL)
_VOLUME: Final = re.compile(r"<deviceName>([^<]+)</deviceName><ebs>")
_CALLS: Final = ("DescribeFlowLogs", "DescribeSecurityGroupRules", "DescribeVpcEndpoints")

_Properties = Mapping[str, Any]


def _keep_vpc(account: Account, vpc: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:  # noqa: ARG001
    """Attributes that templates ask for."""
    return {
        "CidrBlock": properties.get("CidrBlock", ""),
        "CidrBlockAssociations": [f"vpc-cidr-assoc-{vpc.removeprefix('vpc-')}"],
        "Ipv6CidrBlocks": [],
    }


def _keep_endpoint(account: Account, endpoint: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:  # noqa: ARG001
    account.remember(_ENDPOINT, endpoint, properties)
    return {}


def _keep_template(account: Account, template: str, properties: _Properties, before: _Properties) -> _Properties:  # noqa: ARG001
    account.remember(_TEMPLATE, template, properties["LaunchTemplateData"])
    return {}


def told(account: Account, body: str, answer: str) -> str:
    """An answer of EC2's with what it leaves out."""
    if "Action=DescribeLaunchTemplateVersions&" in body:
        return _VOLUMES.sub(lambda found: _with_keys(account, found), answer)
    if not any(f"Action={each}&" in body for each in _CALLS):
        return answer

    def more(found: re.Match[str]) -> str:
        kept = account.remembered.get(_KINDS[found[1]], {}).get(found[2], {})
        return found[0] + (_endpoint(kept) if found[1] == "vpcEndpointId" else _members(kept))

    return _ID.sub(more, answer)


def _with_keys(account: Account, version: re.Match[str]) -> str:
    """A version of a launch template with the keys of its volumes; those of the last one, which is the one in use."""
    mappings = account.remembered.get(_TEMPLATE, {}).get(version[1], {}).get("BlockDeviceMappings", [])
    keys = {each["DeviceName"]: each.get("Ebs", {}).get("KmsKeyId") for each in mappings}

    def more(found: re.Match[str]) -> str:
        key = keys.get(found[1])
        return f"{found[0]}<kmsKeyId>{escape(str(key))}</kmsKeyId>" if key else found[0]

    return _VOLUME.sub(more, version[0])


def _endpoint(properties: _Properties) -> str:
    groups = "".join(
        f"<item><groupId>{escape(each)}</groupId></item>" for each in properties.get("SecurityGroupIds", [])
    )
    private = str(properties.get("PrivateDnsEnabled", False)).lower()
    policy = properties.get("PolicyDocument")
    text = policy if isinstance(policy, str) else json.dumps(policy)
    told_policy = f"<policyDocument>{escape(text)}</policyDocument>" if policy else ""
    return f"<privateDnsEnabled>{private}</privateDnsEnabled><groupSet>{groups}</groupSet>{told_policy}"


def _members(kept: _Properties) -> str:
    return "".join(
        f"<{name[0].lower()}{name[1:]}>{escape(str(kept[name]))}</{name[0].lower()}{name[1:]}>" for name in kept
    )


KEPT: Final = {
    "AWS::EC2::LaunchTemplate": Kept(keep=_keep_template),
    "AWS::EC2::VPC": Kept(keep=_keep_vpc),
    "AWS::EC2::VPCEndpoint": Kept(keep=_keep_endpoint),
}
