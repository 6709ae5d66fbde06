"""VPCs' attributes, and what EC2 does not tell of endpoints and flow logs: their policies, private names and roles."""

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


def told(account: Account, body: str, answer: str) -> str:
    """An answer of EC2's with what it leaves out."""
    if not any(f"Action={each}&" in body for each in _CALLS):
        return answer

    def more(found: re.Match[str]) -> str:
        kept = account.remembered.get(_KINDS[found[1]], {}).get(found[2], {})
        return found[0] + (_endpoint(kept) if found[1] == "vpcEndpointId" else _members(kept))

    return _ID.sub(more, answer)


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
    "AWS::EC2::VPC": Kept(keep=_keep_vpc),
    "AWS::EC2::VPCEndpoint": Kept(keep=_keep_endpoint),
}
