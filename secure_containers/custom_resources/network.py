"""Closes a VPC's default security group, and finds the prefix lists of the gateway endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

_SERVICES: Final = ("s3", "dynamodb")
_PREFIXES: Final = ("com.amazonaws", "cn.com.amazonaws", "eu.amazonaws")
"""How service names start: everywhere, also in China, and in the European Sovereign Cloud."""


def perform(properties: Mapping[str, str], *, remaining: Callable[[], float]) -> dict[str, str]:  # noqa: ARG001 - one call each
    """Do what the property `Action` says."""
    ec2 = client()
    if properties["Action"] == "ClosedDefaultSecurityGroup":
        return close_default_group(ec2, properties["VpcId"])
    if properties["Action"] == "PrefixLists":
        return prefix_lists(ec2, properties["Region"])
    raise ValueError(f"there is no action {properties['Action']!r}")


def client() -> Any:
    # boto3 comes with Lambda's runtime; it is no dependency of ours.
    return import_module("boto3").client("ec2")


def close_default_group(ec2: Any, vpc: str) -> dict[str, str]:
    """Take every rule out of the default security group of a VPC; once there are none, do nothing."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    groups = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    if len(groups) != 1:
        raise LookupError(f"{vpc} has {len(groups)} default security groups that can be seen; one is expected")
    (group,) = groups
    if group["IpPermissions"]:
        _check(ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"]))
    if group["IpPermissionsEgress"]:
        _check(ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"]))
    return {"GroupId": group["GroupId"]}


def prefix_lists(ec2: Any, region: str) -> dict[str, str]:
    """The ids of AWS's prefix lists of S3 and DynamoDB in a Region."""
    services = {f"{prefix}.{region}.{service}": service for prefix in _PREFIXES for service in _SERVICES}
    found = ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": list(services)}])
    ids = {
        services[each["PrefixListName"]]: each["PrefixListId"]
        for each in found["PrefixLists"]
        if each.get("OwnerId") == "AWS"  # anybody can give a list of their own this name
    }
    missing = [service for service in _SERVICES if service not in ids]
    if missing:
        raise LookupError(f"AWS has no prefix list of {' and '.join(missing)} in {region}")
    return ids


def _check(answer: Mapping[str, Any]) -> None:
    """EC2 answers a rule that it does not know with success and a list of it."""
    if answer.get("UnknownIpPermissions"):
        raise RuntimeError(f"rules could not be revoked: {answer['UnknownIpPermissions']}")
