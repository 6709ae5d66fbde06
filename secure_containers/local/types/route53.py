"""Hosted zones, which ministack makes without their networks and tags."""

from __future__ import annotations

import uuid
from typing import Any, Final

from secure_containers.local.types.resource import Asked, Made, Type, gone


def _create(asked: Asked) -> Made:
    route53, networks = asked.client("route53"), asked.properties.get("VPCs", [])
    for name in asked.properties.keys() - {"HostedZoneConfig", "HostedZoneTags", "Name", "VPCs"}:
        raise ValueError(f"the emulator does not know {name}")
    made = route53.create_hosted_zone(
        Name=asked.properties["Name"],
        CallerReference=str(uuid.uuid4()),
        HostedZoneConfig={"PrivateZone": bool(networks), **asked.properties.get("HostedZoneConfig", {})},
        **({"VPC": networks[0]} if networks else {}),
    )
    id = made["HostedZone"]["Id"].rpartition("/")[2]
    for network in networks[1:]:
        route53.associate_vpc_with_hosted_zone(HostedZoneId=id, VPC=network)
    _tag(asked, id)
    return _made(route53, id)


def _update(asked: Asked) -> Made:
    route53, id = asked.client("route53"), asked.physical
    before, now = asked.before.get("VPCs", []), asked.properties.get("VPCs", [])
    if bool(before) != bool(now):  # a public zone does not become a private one
        return _create(asked)
    for network in now:
        if network not in before:
            route53.associate_vpc_with_hosted_zone(HostedZoneId=id, VPC=network)
    for network in before:
        if network not in now:
            route53.disassociate_vpc_from_hosted_zone(HostedZoneId=id, VPC=network)
    comment = asked.properties.get("HostedZoneConfig", {}).get("Comment", "")
    route53.update_hosted_zone_comment(Id=id, Comment=comment)
    _tag(asked, id)
    return _made(route53, id)


def _tag(asked: Asked, id: str) -> None:
    new, old = asked.properties.get("HostedZoneTags", []), asked.before.get("HostedZoneTags", [])
    dropped = [each["Key"] for each in old if each["Key"] not in {one["Key"] for one in new}]
    if new or dropped:
        asked.client("route53").change_tags_for_resource(
            ResourceType="hostedzone",
            ResourceId=id,
            **({"AddTags": new} if new else {}),
            **({"RemoveTagKeys": dropped} if dropped else {}),
        )


def _made(route53: Any, id: str) -> Made:
    servers = route53.get_hosted_zone(Id=id).get("DelegationSet", {}).get("NameServers", [])
    return Made(id, {"Id": id, **({"NameServers": servers} if servers else {})})


def _delete(asked: Asked) -> None:
    gone(asked.client("route53").delete_hosted_zone, "NoSuchHostedZone", Id=asked.physical)


TYPES: Final = {"AWS::Route53::HostedZone": Type(create=_create, update=_update, delete=_delete, replaces=("Name",))}
