"""Hosted zones and records of Amazon Route 53, namespaces and services of AWS Cloud Map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def hosted_zone(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    route53 = client("route53")
    found = route53.get_hosted_zone(Id=id)
    tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=id)["ResourceTagSet"]["Tags"]
    return {
        "HostedZoneConfig": found["HostedZone"]["Config"],
        "HostedZoneTags": tags,
        "Name": _as(wanted["Name"], found["HostedZone"]["Name"]),
        "VPCs": found.get("VPCs", []),
    }


def record_set(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    zone = wanted["HostedZoneId"]
    (about,) = (
        each
        for page in client("route53").get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        for each in page["ResourceRecordSets"]
        if (each["Name"], each["Type"]) == (f"{wanted['Name'].removesuffix('.')}.", wanted["Type"])
        and each.get("SetIdentifier") == wanted.get("SetIdentifier")
    )
    alias = about.get("AliasTarget")
    named = {"DNSName": _as(wanted["AliasTarget"]["DNSName"], alias["DNSName"])} if alias else {}
    return {
        **about,
        "AliasTarget": {**(alias or {}), **named},
        "HostedZoneId": zone,
        "Name": wanted["Name"],
        "ResourceRecords": [each["Value"] for each in about.get("ResourceRecords", [])],
    }


def _as(wanted: Any, name: str) -> str:
    """Names end in a dot there; in a template they may."""
    return name if isinstance(wanted, str) and wanted.endswith(".") else name.removesuffix(".")


def namespace(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    discovery = client("servicediscovery")
    about = discovery.get_namespace(Id=id)["Namespace"]
    return {**about, "Tags": discovery.list_tags_for_resource(ResourceARN=about["Arn"])["Tags"]}


def discovery_service(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    discovery = client("servicediscovery")
    about = discovery.get_service(Id=id)["Service"]
    return {**about, "Tags": discovery.list_tags_for_resource(ResourceARN=about["Arn"])["Tags"]}


READERS = {
    "AWS::Route53::HostedZone": hosted_zone,
    "AWS::Route53::RecordSet": record_set,
    "AWS::ServiceDiscovery::HttpNamespace": namespace,
    "AWS::ServiceDiscovery::PrivateDnsNamespace": namespace,
    "AWS::ServiceDiscovery::Service": discovery_service,
}
NOT_READ = {"AWS::ServiceDiscovery::PrivateDnsNamespace": {"Vpc": "the namespace does not tell it"}}
