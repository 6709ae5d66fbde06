"""The opposite of reachability: which workloads can reach the internet at large, and which it can reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from secure_containers.rules.network.model import Group, Network, Way
from secure_containers.rules.network.model import Peer as GroupRule
from secure_containers.rules.network.workloads import Workload
from secure_containers.rules.template import Place, Resource, Value, World

_WIDE = 8
"""A block of addresses with a shorter prefix than this is no network of anybody's own."""


def leaving(net: Network, workload: Workload) -> Iterator[str]:
    """How a packet of the workload can get to the internet at large."""
    for version in (4, 6):
        for place in workload.subnets:
            subnet = net.subnets.get(place)
            if subnet is None:
                continue
            for way in net.internet_way(subnet, version=version):
                public = version == 6 or workload.is_public_in(subnet)
                if net.leads_out(way, public_address=public) and _lets_out(net, workload, subnet.vpc, version):
                    yield f"the subnet {subnet.resource.logical_id} leads to it by {way.way.value}"


def _lets_out(net: Network, workload: Workload, vpc: Place | None, version: int) -> bool:
    if not workload.groups:
        return vpc not in net.closed_vpcs  # the default group lets everything out
    groups = [net.groups[place] for place in workload.groups if place in net.groups]
    return any(
        group.egress_by_default or any(_is_wide(rule, version=version) for rule in group.egress) for group in groups
    )


def entering(net: Network, workload: Workload, facing: Mapping[Place, Resource]) -> Iterator[str]:
    """How a packet from the internet can get to the workload, by load balancers that face it or directly."""
    for place in dict.fromkeys(workload.behind):
        if place in facing:
            yield f"the internet-facing load balancer {facing[place].logical_id} leads to it"
    groups = [net.groups[place] for place in workload.groups if place in net.groups]
    opened = next(((group, rule) for group in groups for rule in group.ingress if _is_wide(rule)), None)
    for place in workload.subnets if opened else ():
        subnet = net.subnets.get(place)
        if subnet is None or not workload.is_public_in(subnet):
            continue
        if any(way.way is Way.INTERNET for way in net.internet_way(subnet)):
            yield _direct(subnet.resource, *opened)  # type: ignore[misc]  # the loop runs only if it is there


def _direct(subnet: Resource, group: Group, rule: GroupRule) -> str:
    return (
        f"it has a public address in the subnet {subnet.logical_id}, and its security group "
        f"{group.resource.logical_id} lets {rule.cidr} in"
    )


def _is_wide(rule: GroupRule, *, version: int | None = None) -> bool:
    cidr = rule.cidr
    return cidr is not None and version in (None, cidr.version) and cidr.prefixlen < _WIDE and rule.ports[1] >= 0


def facing_load_balancers(world: World) -> Mapping[Place, Resource]:
    """Target groups, and classic load balancers, and the internet-facing load balancer that leads to each."""
    faces = {
        resource
        for resource in world.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")
        if any(value.text != "internal" for value in resource.get("Scheme"))
        and not any(value.text == "gateway" for value in resource.get("Type"))
    }
    found: dict[Place, Resource] = {
        classic: classic
        for classic in world.of_type("AWS::ElasticLoadBalancing::LoadBalancer")
        if any(value.text != "internal" for value in classic.get("Scheme"))
    }
    listeners: dict[Place, Resource] = {}
    for listener in world.of_type("AWS::ElasticLoadBalancingV2::Listener"):
        for place in world.places(listener, "LoadBalancerArn"):
            if isinstance(place, Resource) and place in faces:
                listeners[listener] = place
                found |= dict.fromkeys(_forwarded(world, listener.get("DefaultActions")), place)
    for rule in world.of_type("AWS::ElasticLoadBalancingV2::ListenerRule"):
        for place in world.places(rule, "ListenerArn"):
            if place in listeners:
                found |= dict.fromkeys(_forwarded(world, rule.get("Actions")), listeners[place])
    return found


def _forwarded(world: World, lists: list[Value]) -> Iterator[Place]:
    """The target groups to which actions lead."""
    for actions in lists:
        for action in actions.items():
            values = action.get("TargetGroupArn")
            values += [
                value
                for targets in action.get("ForwardConfig", "TargetGroups")
                for target in targets.items()
                for value in target.get("TargetGroupArn")
            ]
            for value in values:
                yield from world.locate(value)
