"""A picture of the networks in templates, as a Mermaid flowchart: subnets, endpoints, workloads and what they reach."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from secure_containers.rules.network.model import Network, Subnet, Way, network
from secure_containers.rules.network.reach import Judged, Obstacle, judged
from secure_containers.rules.template import Place, Resource, Template, judged_together

_NO_NETWORK: Final = "flowchart LR\n    none[no VPC in these templates]\n"


def diagram(templates: Sequence[Template]) -> str:
    """The flowchart, as text. A solid line is proven, a crossed one is not there."""
    world = judged_together(tuple(templates))
    net = world.once(network)
    if not net.vpcs:
        return _NO_NETWORK
    lines = ["flowchart LR"]
    for place, vpc in net.vpcs.items():
        lines += _vpc(net, place, vpc.resource)
    workloads = world.once(judged)
    flows = [line for each in workloads for line in _flows(net, each)]
    carried = {place for each in workloads for place, _ in each.workload.groups}
    flows += [line for place in net.vpcs for line in _waiting(net, place, carried)]
    return "\n".join([*lines, *dict.fromkeys(flows), ""])


def _vpc(net: Network, place: Place, resource: Resource) -> Iterator[str]:
    cidr = next((value.text for value in resource.get("CidrBlock")), "")
    yield f'    subgraph {_id(place)}["{_name(resource)} {cidr}"]'
    zones: dict[str, list[Subnet]] = {}
    for subnet in net.subnets.values():
        if subnet.vpc == place:
            zones.setdefault(subnet.zone, []).append(subnet)
    for number, subnets in enumerate(zones.values(), 1):
        yield f'        subgraph {_id(place)}zone{number}["zone {number}"]'
        for subnet in subnets:
            told = [_name(subnet.resource), str(subnet.cidr or ""), _kind(net, subnet)]
            yield f'            {_id(subnet.resource)}["{"<br/>".join(filter(None, told))}"]'
        yield "        end"
    for endpoint in net.endpoints_of(place):
        kind = "gateway" if endpoint.gateway else "interface"
        yield f'        {_id(endpoint.resource)}(["{endpoint.service}<br/>{kind} endpoint"])'
    yield "    end"


def _kind(net: Network, subnet: Subnet) -> str:
    ways = {route.way for route in net.internet_way(subnet)}
    if Way.INTERNET in ways:
        return "public"
    return "leads out by NAT" if Way.NAT in ways else "leads elsewhere" if ways else "isolated"


def _flows(net: Network, each: Judged) -> Iterator[str]:
    workload = each.workload
    me = _id(workload.resource)
    yield f'    {me}{{{{"{workload.kind.removeprefix("the ")} {_name(workload.resource)}"}}}}'
    vpcs = {net.subnets[place].vpc for place in workload.subnets if place in net.subnets}
    for service in each.reached:
        for vpc in vpcs:
            for endpoint in net.endpoints.get((vpc, service), [])[:1]:
                yield f"    {me} --> {_id(endpoint.resource)}"
    for finding in each.findings:
        if isinstance(finding.outcome, Obstacle):
            missing = f"missing{_id(finding.service)}"
            yield f'    {missing}["{finding.service}"]'
            yield f"    {me} --x {missing}"
    if each.leaves:
        yield '    internet(("internet"))'
        yield f"    {me} --> internet"


def _waiting(net: Network, vpc: Place, carried: set[Place]) -> Iterator[str]:
    """Security groups that endpoints let in and that no workload of these templates carries yet."""
    for endpoint in net.endpoints_of(vpc):
        for group in endpoint.groups:
            for rule in net.groups[group].ingress if group in net.groups else ():
                if isinstance(rule.group, Resource) and rule.group not in carried:
                    yield f'    {_id(rule.group)}{{{{"security group {_name(rule.group)}"}}}}'
                    yield f"    {_id(rule.group)} --> {_id(endpoint.resource)}"
    for place, each in net.groups.items():
        for rule in each.egress if place not in carried else ():
            for endpoint in net.endpoints.get((vpc, rule.prefix_list), ()) if rule.prefix_list else ():
                yield f'    {_id(place)}{{{{"security group {_name(each.resource)}"}}}}'
                yield f"    {_id(place)} --> {_id(endpoint.resource)}"


def _name(resource: Resource) -> str:
    """The construct's path without what the CDK adds, or the logical id."""
    path = resource.construct_path
    return re.sub(r"/(Resource|Subnet|Service)$", "", path) if path else resource.logical_id


def _id(place: Place | str) -> str:
    text = place.logical_id if isinstance(place, Resource) else place
    return re.sub(r"[^A-Za-z0-9]", "", text)
