"""Load balancers: attributes of listeners, weighted actions, tags of rules; a protected load balancer stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.patches.bodies import xml

_Properties = Mapping[str, Any]
_KIND: Final = "elbv2"
_MORE: Final = ("IpAddressType", "MutualAuthentication", "ProtocolVersion")
_ACTIONS: Final = re.compile(
    r"<(?P<kind>ListenerArn|RuleArn)>(?P<arn>[^<]+)</(?P=kind)>(?P<between>(?:(?!</?(?:Default)?Actions>|<(?:Listener|Rule)Arn>).)*)"
    r"<(?P<name>(?:Default)?Actions)>.*?</(?P=name)>",
    re.DOTALL,
)
_GROUP: Final = re.compile(r"<member><TargetGroupArn>([^<]+)</TargetGroupArn><TargetGroupName>")


def _keep(account: Account, arn: str, properties: _Properties, before: _Properties) -> _Properties:  # noqa: ARG001
    account.remember(_KIND, arn, properties)
    return {}


def _keep_listener(account: Account, listener: str, properties: _Properties, before: _Properties) -> _Properties:
    if attributes := properties.get("ListenerAttributes"):
        account.client("elbv2").modify_listener_attributes(ListenerArn=listener, Attributes=attributes)
    return _keep(account, listener, properties, before)


def _keep_rule(account: Account, rule: str, properties: _Properties, before: _Properties) -> _Properties:
    elb, tags = account.client("elbv2"), properties.get("Tags", [])
    kept = {each["Key"] for each in tags}
    if dropped := [each["Key"] for each in before.get("Tags", []) if each["Key"] not in kept]:
        elb.remove_tags(ResourceArns=[rule], TagKeys=dropped)
    if tags:
        elb.add_tags(ResourceArns=[rule], Tags=tags)
    return _keep(account, rule, properties, before)


def told(account: Account, _: str, answer: str) -> str:
    """An answer about listeners, rules and target groups with what it leaves out."""
    kept = account.remembered.get(_KIND, {})

    def actions(found: re.Match[str]) -> str:
        properties = kept.get(found["arn"], {})
        if found["name"] not in properties:
            return found[0]
        more = "".join(xml(name, properties[name]) for name in _MORE if name in properties)
        head = f"<{found['kind']}>{found['arn']}</{found['kind']}>{found['between']}"
        return f"{head}{xml(found['name'], properties[found['name']])}{more}"

    def group(found: re.Match[str]) -> str:
        properties = kept.get(found[1], {})
        more = "".join(xml(name, properties[name]) for name in _MORE if name in properties)
        return found[0].replace("<member>", f"<member>{more}", 1)

    if "<DescribeListenersResult>" in answer or "<DescribeRulesResult>" in answer:
        return _ACTIONS.sub(actions, answer)
    if "<DescribeTargetGroupsResult>" in answer:
        return _GROUP.sub(group, answer)
    return answer


def _check_unprotected(account: Account, arn: str) -> None:
    elb = account.client("elbv2")
    try:
        attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    except elb.exceptions.LoadBalancerNotFoundException:
        return
    if {"Key": "deletion_protection.enabled", "Value": "true"} in attributes:
        raise ValueError(f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled")


KEPT: Final = {
    "AWS::ElasticLoadBalancingV2::Listener": Kept(keep=_keep_listener),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Kept(keep=_keep_rule),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Kept(before_deletion=_check_unprotected),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Kept(keep=_keep),
}
