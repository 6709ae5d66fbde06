"""Private names: what in these templates answers to the host name of a URL, inside a VPC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from secure_containers.rules.intrinsics import Unknown, placeholders
from secure_containers.rules.network.databases import Neighbour
from secure_containers.rules.network.model import network
from secure_containers.rules.task_model import items, referred
from secure_containers.rules.template import Place, Resource, Template, Value, World

_BALANCERS: Final = ("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancing::LoadBalancer")
_Name = tuple[Template | None, str]
"""A host name; one with unknown parts means something in its own template only."""


@dataclass(frozen=True, slots=True)
class _Names:
    records: Mapping[_Name, list[Value]]
    """Where records lead."""
    headers: Mapping[_Name, list[Place]]
    """The load balancers whose rules ask for a host, or the listener that stands in none of the templates."""
    private: frozenset[_Name]
    """The private hosted zones and namespaces."""


def answering(world: World, value: Value, host: str, ports: tuple[int, ...]) -> list[Neighbour] | None:
    """The internal load balancers at a host name; none if it is private and these templates do not show what answers.

    None: the name is no private one, as far as the templates tell.
    """
    names = world.once(_names)
    home = value.resource.template if "${" in host else None
    own = _plain(host)
    labels = own.split(".")
    zones = [".".join(labels[start:]) for start in range(len(labels))]
    keys = [(home, name) for name in (own, *(f"*.{zone}" for zone in zones[1:]))]
    targets = next((names.records[key] for key in keys if key in names.records), [])
    fronts = next((names.headers[key] for key in keys if key in names.headers), [])
    places: list[Place] = [*_balancers_in(value, host)]
    places += [each for target in targets for one in world.follow(target) for each in _balancers_in(one, one.text)]
    balancers = [place for place in dict.fromkeys([*places, *fronts]) if isinstance(place, Resource)]
    internal = [each for each in balancers if all(scheme.text == "internal" for scheme in each.get("Scheme"))]
    if internal:
        return [_neighbour(world, each, ports, host) for each in internal]
    if balancers:
        return None  # their names are public
    untold = fronts or any(isinstance(target.data, Unknown) for target in targets)
    return [] if untold or any((home, zone) in names.private for zone in zones) else None


def subnets_of(world: World, balancer: Resource) -> list[Place]:
    mapped = [place for item in items(balancer, "SubnetMappings") for place in world.places(item, "SubnetId")]
    return [*world.lists(balancer, "Subnets"), *mapped]


def is_grouped(balancer: Resource) -> bool:
    """Whether it has security groups: the VPC's default one if it names none, but none if it is a network one."""
    return bool(items(balancer, "SecurityGroups")) or all(
        kind.text in ("", "application") for kind in balancer.get("Type")
    )


def _names(world: World) -> _Names:
    records: dict[_Name, list[Value]] = {}
    headers: dict[_Name, list[Place]] = {}
    for record in _records(world):
        targets = [*record.get("AliasTarget", "DNSName"), *items(record, "ResourceRecords")]
        for name in _told(world, record.get("Name")):
            records.setdefault(name, []).extend(target for target in targets if not target.absent)
    for rule in world.of_type("AWS::ElasticLoadBalancingV2::ListenerRule"):
        hosts = [host for condition in items(rule, "Conditions") for host in _hosts(condition)]
        fronts = [front for listener in world.places(rule, "ListenerArn") for front in _fronts(world, listener)]
        for name in _told(world, hosts):
            headers.setdefault(name, []).extend(fronts)
    zones = [zone for zone in world.of_type("AWS::Route53::HostedZone") if items(zone, "VPCs")]
    zones += world.of_type("AWS::ServiceDiscovery::PrivateDnsNamespace")
    return _Names(records, headers, frozenset(name for zone in zones for name in _told(world, zone.get("Name"))))


def _records(world: World) -> Iterator[Resource | Value]:
    yield from world.of_type("AWS::Route53::RecordSet")
    for group in world.of_type("AWS::Route53::RecordSetGroup"):
        yield from items(group, "RecordSets")


def _hosts(condition: Value) -> list[Value]:
    if all(field.text == "host-header" for field in condition.get("Field")):
        return [*items(condition, "HostHeaderConfig", "Values"), *items(condition, "Values")]
    return []


def _fronts(world: World, listener: Place) -> list[Place]:
    return world.places(listener, "LoadBalancerArn") if isinstance(listener, Resource) else [listener]


def _told(world: World, values: list[Value]) -> Iterator[_Name]:
    for value in values:
        for each in world.follow(value):
            if not each.absent:
                yield each.resource.template if "${" in each.text else None, _plain(each.text)


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _balancers_in(value: Value, text: str) -> Iterator[Resource]:
    for name in placeholders(text):
        yield from (each for each in referred(value, name) if each is not None and each.type in _BALANCERS)


def _neighbour(world: World, balancer: Resource, ports: tuple[int, ...], host: str) -> Neighbour:
    subnets, grouped = subnets_of(world, balancer), is_grouped(balancer)
    groups = world.lists(balancer, "SecurityGroups") or world.once(network).vpcs_of(subnets)
    own = tuple(groups) if grouped else ()
    return Neighbour(balancer, balancer.logical_id, own, tuple(subnets), ports, grouped=grouped, host=host)
