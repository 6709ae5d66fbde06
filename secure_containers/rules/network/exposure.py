"""The opposite of reachability: which workloads can reach the internet at large, and which it can reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from secure_containers.rules.intrinsics import placeholders
from secure_containers.rules.network.model import Group, Network, Peer, Way
from secure_containers.rules.network.needs import Workload
from secure_containers.rules.task_model import items, referred
from secure_containers.rules.template import Place, Resource, Value, World, is_true

BALANCER: Final = "AWS::ElasticLoadBalancingV2::LoadBalancer"
LISTENER: Final = "AWS::ElasticLoadBalancingV2::Listener"
_WIDE: Final = 8
"""A block of addresses with a shorter prefix than this is no network of anybody's own."""


def leaving(net: Network, workload: Workload) -> Iterator[str]:
    """How a packet of the workload can get to the internet at large."""
    for version in (4, 6):
        for place in workload.subnets:
            subnet = net.subnets.get(place)
            if subnet is None or net.blocked(subnet, outwards=True):
                continue
            for way in net.internet_way(subnet, version=version):
                public = version == 6 or workload.is_public_in(subnet)
                if net.leads_out(way, public_address=public) and _lets_out(net, workload, subnet.vpc, version):
                    yield f"the subnet {subnet.resource.logical_id} leads to it by {way.way.value}"


def _lets_out(net: Network, workload: Workload, vpc: Place | None, version: int) -> bool:
    places = [place for place, _ in workload.groups] or ([vpc] if vpc is not None else [])
    groups = [net.groups[place] for place in places if place in net.groups]
    return any(_is_wide(rule, version=version) for group in groups for rule in group.egress)


def entering(net: Network, workload: Workload, fronts: Mapping[Place, str]) -> Iterator[str]:
    """How a packet from the internet can get to the workload: by its own door, by another's, or directly."""
    yield from workload.doors
    for place in dict.fromkeys(workload.behind):
        if place in fronts:
            yield fronts[place]
    groups = [net.groups[place] for place, _ in workload.groups if place in net.groups]
    opened = [(group, rule) for group in groups for rule in group.ingress if _is_wide(rule)]
    for place in workload.subnets if opened else ():
        subnet = net.subnets.get(place)
        if subnet is None or not workload.is_public_in(subnet) or net.blocked(subnet, outwards=False):
            continue
        if any(way.way is Way.INTERNET for way in net.internet_way(subnet)):
            yield _direct(subnet.resource, *opened[0])


def _direct(subnet: Resource, group: Group, rule: Peer) -> str:
    return (
        f"it has a public address in the subnet {subnet.logical_id}, and its security group "
        f"{group.resource.logical_id} lets {rule.cidr} in"
    )


def _is_wide(rule: Peer, *, version: int | None = None) -> bool:
    cidr = rule.cidr
    return cidr is not None and version in (None, cidr.version) and cidr.prefixlen < _WIDE


def public_fronts(world: World) -> Mapping[Place, str]:
    """Target groups, classic load balancers and registries to which the internet is led, and by what."""
    says = "the internet-facing load balancer {} leads to it"
    classics = world.of_type("AWS::ElasticLoadBalancing::LoadBalancer")
    found: dict[Place, str] = {
        classic: says.format(classic.logical_id)
        for classic in classics
        if any(value.text != "internal" for value in classic.get("Scheme"))
    }
    listeners, led = world.once(led_by_listeners), world.once(led_by_balancers)
    faces = dict(_opened(world))
    for balancer in world.of_type(BALANCER):
        if _faces_internet(world, balancer):
            faces[balancer] = says.format(balancer.logical_id)
    # A network load balancer may stand in front of an application load balancer, which then faces the internet too.
    while new := {place: way for place, way in faces.items() if place not in found}:
        found |= new
        groups: dict[Place, str] = {}
        for place, way in new.items():
            through = listeners.get(place, ()) if isinstance(place, Resource) else ()
            groups |= dict.fromkeys([*through, *led.get(place, ())], way)
        found |= groups
        faces = {
            place: way
            for group, way in groups.items()
            if isinstance(group, Resource)
            for place in targets_of(world, group)
            if isinstance(place, Resource) and place.type == BALANCER
        }
    return found


def _opened(world: World) -> Iterator[tuple[Place, str]]:
    """Listeners, load balancers and registries to which CloudFront leads, or an API that asks nobody who calls."""
    for origin in world.of_type("AWS::CloudFront::VpcOrigin"):
        for place in world.places(origin, "VpcOriginEndpointConfig", "Arn"):
            yield place, f"CloudFront leads to it by {origin.logical_id}"
    for route in world.of_type("AWS::ApiGatewayV2::Route"):
        if all(kind.text in ("", "NONE") for kind in route.get("AuthorizationType")):
            for integration in _integrations(route):
                for place in world.places(integration, "IntegrationUri"):
                    yield place, f"the open route {route.logical_id} of an API leads to it"
    for method in world.of_type("AWS::ApiGateway::Method"):
        if _is_open(world, method):
            for link in world.places(method, "Integration", "ConnectionId"):
                for place in world.lists(link, "TargetArns") if isinstance(link, Resource) else ():
                    yield place, f"the open method {method.logical_id} of an API leads to it"


def _integrations(route: Resource) -> Iterator[Resource]:
    for target in route.get("Target"):
        for name in placeholders(target.text):
            for each in referred(target, name):
                if each is not None and any(kind.text == "VPC_LINK" for kind in each.get("ConnectionType")):
                    yield each


def _is_open(world: World, method: Resource) -> bool:
    """Whether everybody may call a method: without authorizer, key, policy of its API, or a private endpoint."""
    if any(kind.text != "NONE" for kind in method.get("AuthorizationType")):
        return False
    apis = [api for api in world.places(method, "RestApiId") if isinstance(api, Resource)]
    guarded = any(is_true(key.data) for key in method.get("ApiKeyRequired"))
    guarded |= any(not policy.absent for api in apis for policy in api.get("Policy"))
    guarded |= any(type_.text == "PRIVATE" for api in apis for type_ in items(api, "EndpointConfiguration", "Types"))
    return bool(apis) and not guarded


def _faces_internet(world: World, balancer: Resource) -> bool:
    """By its scheme, which is internet-facing if left out, and unless its security groups name who may come in."""
    if all(value.text == "internal" for value in balancer.get("Scheme")):
        return False
    if any(value.text == "gateway" for value in balancer.get("Type")):
        return False
    groups = [place for place in world.lists(balancer, "SecurityGroups") if isinstance(place, Resource)]
    blocks = [
        value.text
        for group in groups
        for values in group.get("SecurityGroupIngress")
        for rule in values.items()
        for name in ("CidrIp", "CidrIpv6")
        for value in rule.get(name)
        if not value.absent
    ]
    apart = {
        place for rule in world.of_type("AWS::EC2::SecurityGroupIngress") for place in world.places(rule, "GroupId")
    }
    named = groups and not apart & set(groups) and blocks
    return not named or any(block in ("0.0.0.0/0", "::/0") or "${" in block for block in blocks)


def led_by_balancers(world: World) -> Mapping[Place, list[Place]]:
    """The target groups to which each load balancer leads."""
    found: dict[Place, list[Place]] = {}
    for listener, groups in world.once(led_by_listeners).items():
        for place in world.places(listener, "LoadBalancerArn"):
            found.setdefault(place, []).extend(groups)
    return found


def led_by_listeners(world: World) -> Mapping[Resource, list[Place]]:
    """The target groups to which each listener leads, by itself or by a rule."""
    found = {listener: list(_forwarded(world, listener.get("DefaultActions"))) for listener in world.of_type(LISTENER)}
    for rule in world.of_type("AWS::ElasticLoadBalancingV2::ListenerRule"):
        for listener in world.places(rule, "ListenerArn"):
            if isinstance(listener, Resource) and listener in found:
                found[listener] += _forwarded(world, rule.get("Actions"))
    return found


def targets_of(world: World, group: Resource) -> Iterator[Place]:
    """What a target group leads to, as far as it says so itself."""
    for targets in group.get("Targets"):
        for target in targets.items():
            yield from world.places(target, "Id")


def _forwarded(world: World, lists: list[Value]) -> Iterator[Place]:
    """The target groups to which actions lead."""
    for actions in lists:
        for action in actions.items():
            yield from world.places(action, "TargetGroupArn")
            for targets in action.get("ForwardConfig", "TargetGroups"):
                for target in targets.items():
                    yield from world.places(target, "TargetGroupArn")
