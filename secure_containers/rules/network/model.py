"""The networks of templates, as packets meet them: subnets, routes, network ACLs, security groups and endpoints.

What stands in another of the templates that are judged together is followed; what stands in none of them is never
guessed, and comes out as a text instead of a resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from secure_containers.rules.intrinsics import Given, Reference
from secure_containers.rules.network.services import GATEWAYS, PREFIX_LISTS, service_of_endpoint
from secure_containers.rules.policies import Statement, Unreadable, statements_of
from secure_containers.rules.template import Place, Resource, Value, World, is_true

Cidr = IPv4Network | IPv6Network

ANYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))
EPHEMERAL: Final = (32768, 60999)
"""The ports to which answers come back on Linux; other clients use more."""
_ANY_PROTOCOL: Final = ("-1", "all")
_TCP: Final = (*_ANY_PROTOCOL, "tcp", "6")


class Way(Enum):
    """Where a route leads."""

    INTERNET = "an internet gateway"
    NAT = "a NAT gateway"
    EGRESS_ONLY = "an egress-only internet gateway"
    ELSEWHERE = "something whose further way these templates do not show"


@dataclass(frozen=True, slots=True)
class Route:
    destination: str
    way: Way
    target: Place | None
    given: Given


@dataclass(frozen=True, slots=True)
class AclEntry:
    number: int
    allows: bool
    cidr: Cidr | None
    """None when the template does not tell it."""
    ports: tuple[int, int]
    tcp: bool


@dataclass(frozen=True, slots=True)
class Peer:
    """One rule of a security group: whom it lets through, on which ports."""

    ports: tuple[int, int]
    given: Given
    value: Value
    """Where the rule stands."""
    group: Place | None = None
    cidr: Cidr | None = None
    prefix_list: str | None = None
    """A gateway service's name, or the text of a list that is not known."""
    of_vpc: Place | None = None
    """The VPC whose own CIDR is meant."""
    unknown: bool = False
    """The template does not tell whom."""
    protocol: str = "-1"

    def opens(self, port: int) -> bool:
        return self.ports[0] <= port <= self.ports[1] and self.protocol in _TCP

    @property
    def is_anywhere(self) -> bool:
        return self.cidr in ANYWHERE


@dataclass(eq=False)
class Group:
    """A security group, its rules by whom they let through."""

    resource: Resource
    ingress: list[Peer] = field(default_factory=list)
    egress: list[Peer] = field(default_factory=list)
    egress_by_default: bool = False
    """CloudFormation opens a group without egress rules to everywhere."""

    @cached_property
    def _ingress_groups(self) -> Mapping[Place | None, list[Peer]]:
        return _by_group(self.ingress)

    @cached_property
    def _egress_groups(self) -> Mapping[Place | None, list[Peer]]:
        return _by_group(self.egress)

    def peers(self, *, outwards: bool, groups: Iterable[Place]) -> Iterator[Peer]:
        """The rules that could let `groups` through: those that name one of them, and those that name no group."""
        rules = self._egress_groups if outwards else self._ingress_groups
        for group in (*groups, None):
            yield from rules.get(group, ())


@dataclass(eq=False)
class Subnet:
    resource: Resource
    vpc: Place | None
    zone: str
    cidr: IPv4Network | None
    public_addresses: bool
    tables: list[tuple[Place, Given]] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    acl: list[Place] = field(default_factory=list)


@dataclass(eq=False)
class Vpc:
    resource: Resource
    cidrs: list[IPv4Network]
    resolves_names: bool
    """Both DNS settings are on, which private DNS of endpoints needs."""


@dataclass(eq=False)
class Endpoint:
    """An interface or gateway endpoint."""

    resource: Resource
    service: str | None
    """The service's name in endpoints, such as `ecr.api`; None when the template does not tell it."""
    vpc: Place | None
    gateway: bool
    subnets: list[Place]
    groups: list[Place]
    tables: list[Place]
    private_dns: bool

    @property
    def given(self) -> Given:
        return self.resource.given

    @cached_property
    def policy(self) -> Sequence[Statement | Unreadable]:
        return list(statements_of(self.resource))


@dataclass(eq=False)
class Network:
    """Everything in the templates that packets meet."""

    vpcs: Mapping[Place, Vpc]
    subnets: Mapping[Place, Subnet]
    groups: Mapping[Place, Group]
    endpoints: Mapping[tuple[Place | None, str | None], list[Endpoint]]
    """By VPC and service."""
    acls: Mapping[Place, Mapping[bool, list[AclEntry]]]
    """The entries of each network ACL, those for egress under True."""
    nat_subnets: Mapping[Place, list[Place]]
    closed_vpcs: frozenset[Place]
    """The VPCs whose default security group a custom resource closes."""

    def endpoints_of(self, vpc: Place) -> Iterator[Endpoint]:
        for (place, _), endpoints in self.endpoints.items():
            if place == vpc:
                yield from endpoints

    def internet_way(self, subnet: Subnet, *, version: int = 4) -> list[Route]:
        """The routes that lead a packet for any address out of the subnet."""
        everywhere = str(ANYWHERE[0] if version == 4 else ANYWHERE[1])
        return [route for route in subnet.routes if route.destination == everywhere]

    def leads_out(self, route: Route, *, public_address: bool) -> bool | None:
        """Whether a default route reaches the internet; None when these templates do not show it."""
        match route.way:
            case Way.INTERNET:
                return public_address
            case Way.EGRESS_ONLY:
                return True
            case Way.NAT:
                places = self.nat_subnets.get(route.target) if route.target is not None else None
                subnets = [self.subnets[place] for place in places or () if place in self.subnets]
                if not subnets:
                    return None
                return all(any(each.way is Way.INTERNET for each in self.internet_way(subnet)) for subnet in subnets)
        return None

    def acl_passes(
        self, subnet: Subnet, remote: IPv4Network | None, *, outwards: bool, ports: tuple[int, int]
    ) -> bool | None:
        """Whether the subnet's network ACL lets TCP to (or from) `remote` through; a default ACL lets all through.

        `remote` is None for addresses on the internet, or those that no template tells.
        """
        verdicts: list[bool | None] = []
        for place in subnet.acl:
            if place not in self.acls:
                return None
            verdicts.append(_acl_verdict(self.acls[place][outwards], remote or IPv4Network("0.0.0.0/0"), ports))
        return None if None in verdicts else all(verdicts)


def network(world: World) -> Network:
    """The network of templates that are judged together."""
    vpcs: dict[Place, Vpc] = {resource: _vpc(world, resource) for resource in world.of_type("AWS::EC2::VPC")}
    acls = _acls(world)
    return Network(
        vpcs=vpcs,
        subnets=_subnets(world),
        groups=_groups(world),
        endpoints=_endpoints(world),
        acls=acls,
        nat_subnets={
            nat: world.places(nat, "SubnetId")
            for nat in world.of_type("AWS::EC2::NatGateway")
            if not any(kind.data == "private" for kind in nat.get("ConnectivityType"))
        },
        closed_vpcs=frozenset(_closed_vpcs(world)),
    )


_CLOSES_DEFAULT_GROUP: Final = ("Custom::VpcRestrictDefaultSG", "Custom::ClosedDefaultSecurityGroup")
"""The CDK's custom resource that takes the rules out of a default security group, and ours."""


def _closed_vpcs(world: World) -> Iterator[Place]:
    for resource in world.of_type(*_CLOSES_DEFAULT_GROUP):
        for properties in resource.properties(resource.given):
            for _, value in properties.members():
                yield from (place for place in world.locate(value) if isinstance(place, Resource))


def _vpc(world: World, resource: Resource) -> Vpc:
    cidrs = [_cidr(each.text) for each in resource.get("CidrBlock")]
    cidrs += [
        _cidr(each.text)
        for block in world.of_type("AWS::EC2::VPCCidrBlock")
        if resource in world.places(block, "VpcId")
        for each in block.get("CidrBlock")
    ]
    return Vpc(
        resource,
        [cidr for cidr in cidrs if isinstance(cidr, IPv4Network)],
        # Name resolution is on and host names are off where a template is silent.
        all(value.absent or is_true(value.data) for value in resource.get("EnableDnsSupport"))
        and all(is_true(value.data) for value in resource.get("EnableDnsHostnames")),
    )


def _subnets(world: World) -> dict[Place, Subnet]:
    found: dict[Place, Subnet] = {}
    for resource in world.of_type("AWS::EC2::Subnet"):
        cidrs = [_cidr(value.text) for value in resource.get("CidrBlock")]
        found[resource] = Subnet(
            resource,
            _first(world.places(resource, "VpcId")),
            _zone(resource),
            cidrs[0] if len(cidrs) == 1 and isinstance(cidrs[0], IPv4Network) else None,
            any(is_true(value.data) for value in resource.get("MapPublicIpOnLaunch")),
        )
    for association in world.of_type("AWS::EC2::SubnetRouteTableAssociation"):
        for place in world.places(association, "SubnetId"):
            if place in found:
                found[place].tables += [
                    (table, association.given) for table in world.places(association, "RouteTableId")
                ]
    routes = _routes(world)
    for subnet in found.values():
        subnet.routes = [route for table, _ in subnet.tables for route in routes.get(table, ())]
    for association in world.of_type("AWS::EC2::SubnetNetworkAclAssociation"):
        for place in world.places(association, "SubnetId"):
            if place in found:
                found[place].acl += world.places(association, "NetworkAclId")
    return found


_TARGETS: Final[Mapping[str, Way]] = {
    "GatewayId": Way.INTERNET,
    "NatGatewayId": Way.NAT,
    "EgressOnlyInternetGatewayId": Way.EGRESS_ONLY,
    "TransitGatewayId": Way.ELSEWHERE,
    "VpcEndpointId": Way.ELSEWHERE,
    "VpcPeeringConnectionId": Way.ELSEWHERE,
    "NetworkInterfaceId": Way.ELSEWHERE,
    "InstanceId": Way.ELSEWHERE,
    "LocalGatewayId": Way.ELSEWHERE,
    "CarrierGatewayId": Way.INTERNET,
    "CoreNetworkArn": Way.ELSEWHERE,
}


def _routes(world: World) -> Mapping[Place, list[Route]]:
    found: dict[Place, list[Route]] = {}
    for resource in world.of_type("AWS::EC2::Route"):
        destinations = [
            value.text
            for name in ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
            for value in resource.get(name)
            if not value.absent
        ]
        for name, way in _TARGETS.items():
            for value in resource.get(name):
                if value.absent:
                    continue
                target = _first(world.locate(value))
                is_vpn = isinstance(target, Resource) and target.type == "AWS::EC2::VPNGateway"
                leads = Way.ELSEWHERE if is_vpn or (name == "GatewayId" and "vgw-" in value.text) else way
                for table in world.places(resource, "RouteTableId"):
                    found.setdefault(table, []).extend(
                        Route(destination, leads, target, value.given) for destination in destinations
                    )
    return found


def _endpoints(world: World) -> Mapping[tuple[Place | None, str | None], list[Endpoint]]:
    found: dict[tuple[Place | None, str | None], list[Endpoint]] = {}
    for resource in world.of_type("AWS::EC2::VPCEndpoint"):
        kinds = [value.text for value in resource.get("VpcEndpointType")]
        if any(kind not in ("Interface", "Gateway", "") for kind in kinds):
            continue
        services = {service_of_endpoint(value.text) for value in resource.get("ServiceName")}
        service = services.pop() if len(services) == 1 else None
        gateway = kinds != ["Interface"]
        vpcs: list[Place | None] = [*world.places(resource, "VpcId")]
        for vpc in vpcs or [None]:
            endpoint = Endpoint(
                resource,
                service,
                vpc,
                gateway,
                subnets=world.lists(resource, "SubnetIds"),
                groups=world.lists(resource, "SecurityGroupIds"),
                tables=world.lists(resource, "RouteTableIds"),
                private_dns=not gateway and all(is_true(value.data) for value in resource.get("PrivateDnsEnabled")),
            )
            found.setdefault((vpc, service), []).append(endpoint)
    return found


def _groups(world: World) -> dict[Place, Group]:
    found: dict[Place, Group] = {}
    for resource in world.of_type("AWS::EC2::SecurityGroup"):
        group = found[resource] = Group(resource)
        for name, rules in (("SecurityGroupIngress", group.ingress), ("SecurityGroupEgress", group.egress)):
            for values in resource.get(name):
                for rule in values.items():
                    rules.extend(_peers(world, rule, outwards=name == "SecurityGroupEgress"))
        group.egress_by_default = any(value.absent or value.data == [] for value in resource.get("SecurityGroupEgress"))
    for type_, outwards in (("AWS::EC2::SecurityGroupIngress", False), ("AWS::EC2::SecurityGroupEgress", True)):
        for resource in world.of_type(type_):
            for place in world.places(resource, "GroupId"):
                if place in found:
                    if outwards:
                        found[place].egress_by_default = False
                    rules = found[place].egress if outwards else found[place].ingress
                    for properties in resource.properties(resource.given):
                        rules += _peers(world, properties, outwards=outwards)
    return found


def _peers(world: World, rule: Value, *, outwards: bool) -> Iterator[Peer]:
    if rule.unknown:
        yield Peer((0, 65535), rule.given, rule, unknown=True)
        return
    for protocol in rule.get("IpProtocol"):
        ports = (0, 65535) if protocol.text in _ANY_PROTOCOL else _ports(rule)
        common = {
            "ports": ports,
            "given": rule.given | protocol.given,
            "value": rule,
            "protocol": protocol.text.lower(),
        }
        for name in ("DestinationSecurityGroupId",) if outwards else ("SourceSecurityGroupId",):
            for value in rule.get(name):
                for place in world.locate(value):
                    yield Peer(**common, group=place)  # type: ignore[arg-type]  # the common arguments are of mixed types
        for name in ("CidrIp", "CidrIpv6"):
            for value in rule.get(name):
                if not value.absent:
                    yield _address_peer(world, value, common)
        for value in rule.get("DestinationPrefixListId" if outwards else "SourcePrefixListId"):
            if not value.absent:
                yield Peer(**common, prefix_list=_prefix_list(world, value))  # type: ignore[arg-type]  # as above


def _address_peer(world: World, value: Value, common: Mapping[str, object]) -> Peer:
    for followed in world.follow(value):
        data = followed.data
        if isinstance(data, Reference) and data.attribute == "CidrBlock":
            place = followed.resource.template.resources.get(data.logical_id)
            if place is not None and place.type == "AWS::EC2::VPC":
                return Peer(**common, of_vpc=place)  # type: ignore[arg-type]  # the common arguments are of mixed types
        cidr = _cidr(followed.text)
        if cidr is not None:
            return Peer(**common, cidr=cidr)  # type: ignore[arg-type]  # as above
    return Peer(**common, unknown=True)  # type: ignore[arg-type]  # as above


def _prefix_list(world: World, value: Value) -> str:
    """The gateway service whose prefix list this is, or the text of another list."""
    for followed in world.follow(value):
        if isinstance(followed.data, Reference):
            # A resource that looks lists up gives each under its service's name.
            attribute = followed.data.attribute.lower()
            return next((service for service in GATEWAYS if service in attribute), followed.text)
        region = followed.resource.template.region
        return next(
            (
                service
                for place, lists in PREFIX_LISTS.items()
                for service, id in zip(GATEWAYS, lists, strict=True)
                if id == followed.text and region in (None, place)
            ),
            followed.text,
        )
    return value.text


def _ports(rule: Value) -> tuple[int, int]:
    first = [_number(value.text) for value in rule.get("FromPort")]
    last = [_number(value.text) for value in rule.get("ToPort")]
    # Ports that are not told are taken as none, the safe reading of a permission.
    if None in (*first, *last):
        return (-1, -1)
    lowest, highest = max(each for each in first if each is not None), min(each for each in last if each is not None)
    return (0, 65535) if lowest == -1 else (lowest, highest)


def _acls(world: World) -> dict[Place, Mapping[bool, list[AclEntry]]]:
    found: dict[Place, dict[bool, list[AclEntry]]] = {
        resource: {True: [], False: []} for resource in world.of_type("AWS::EC2::NetworkAcl")
    }
    for resource in world.of_type("AWS::EC2::NetworkAclEntry"):
        for place in world.places(resource, "NetworkAclId"):
            if place not in found:
                continue
            if any(not value.absent for value in resource.get("Ipv6CidrBlock")):
                continue
            outwards = any(is_true(value.data) for value in resource.get("Egress"))
            protocol = next((value.text for value in resource.get("Protocol")), "-1")
            ranges = [_range(value) for value in resource.get("PortRange")]
            found[place][outwards].append(
                AclEntry(
                    number=next((_number(value.text) or 0 for value in resource.get("RuleNumber")), 0),
                    allows=all(value.text.lower() == "allow" for value in resource.get("RuleAction")),
                    cidr=next((_cidr(value.text) for value in resource.get("CidrBlock")), None),
                    ports=ranges[0] if protocol != "-1" and ranges else (0, 65535),
                    tcp=protocol in ("-1", "6", "tcp"),
                )
            )
    for entries in found.values():
        for each in entries.values():
            each.sort(key=lambda entry: entry.number)
    return dict(found)


def _range(value: Value) -> tuple[int, int]:
    ends = [next((_number(each.text) for each in value.get(name)), None) for name in ("From", "To")]
    return (0, 65535) if None in ends or value.absent else (ends[0] or 0, ends[1] or 0)


def _acl_verdict(entries: Sequence[AclEntry], remote: IPv4Network, ports: tuple[int, int]) -> bool | None:
    """The first entry decides that covers the packets; one that denies a part of them denies."""
    for entry in entries:
        if not entry.tcp or entry.ports[0] > ports[1] or entry.ports[1] < ports[0]:
            continue
        if entry.cidr is None:
            return None
        if not isinstance(entry.cidr, IPv4Network) or not entry.cidr.overlaps(remote):
            continue
        if not entry.allows:
            return False
        if entry.ports[0] <= ports[0] and entry.ports[1] >= ports[1] and remote.subnet_of(entry.cidr):
            return True
    return False


def _by_group(peers: Iterable[Peer]) -> Mapping[Place | None, list[Peer]]:
    found: dict[Place | None, list[Peer]] = {}
    for peer in peers:
        found.setdefault(peer.group, []).append(peer)
    return found


def _zone(resource: Resource) -> str:
    """The availability zone as the template writes it: equal texts are equal zones."""
    node = (resource.body.get("Properties") or {}).get("AvailabilityZone")
    return node if isinstance(node, str) else "" if node is None else str(node)


def _cidr(text: str) -> Cidr | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _first(places: Sequence[Place]) -> Place | None:
    return places[0] if places else None
