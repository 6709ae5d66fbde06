"""The networks of templates, as packets meet them: subnets, routes, network ACLs, security groups and endpoints.

What stands in another of the templates that are judged together is followed; what stands in none of them is never
guessed, and comes out as a text instead of a resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from secure_containers.rules.intrinsics import NOTHING_GIVEN, Given, Reference
from secure_containers.rules.network.databases import ports_of
from secure_containers.rules.network.services import GATEWAYS, PREFIX_LISTS, service_of_endpoint
from secure_containers.rules.policies import Statement, Unreadable, statements_of
from secure_containers.rules.template import Place, Resource, Template, Value, World, is_true

Cidr = IPv4Network | IPv6Network

EXPRESS: Final = "AWS::ECS::ExpressGatewayService"
ANYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))
EPHEMERAL: Final = (32768, 60999)
"""The ports to which answers come back on Linux; other clients use more."""
_ANY_PROTOCOL: Final = ("-1", "all")
_TCP: Final = (*_ANY_PROTOCOL, "tcp", "6")


Holding = tuple[Template | None, Given]
"""What holds where something stands: conditions, which mean something in their own template only; None: in two."""


def both(one: Holding, other: Holding) -> Holding:
    """Where two things hold."""
    if one[0] is other[0] or not other[1]:
        return one[0], one[1] | other[1]
    return other if not one[1] else (None, one[1] | other[1])


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
    holding: Holding


@dataclass(frozen=True, slots=True)
class AclEntry:
    number: int
    allows: bool
    cidr: Cidr | None
    """None when the template does not tell it."""
    ports: tuple[int, int]
    tcp: bool
    always: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """One rule of a security group: whom it lets through, on which ports."""

    ports: tuple[int, int]
    holding: Holding
    value: Value
    """Where the rule stands."""
    group: Place | None = None
    cidr: Cidr | None = None
    prefix_list: str | None = None
    """A gateway service's name, or the text of a list that is not known."""
    of_vpc: Place | None = None
    """The VPC whose first block is meant."""
    unknown: bool = False
    """The template does not tell whom, or on which ports."""
    protocol: str = "-1"

    def opens(self, port: int) -> bool:
        return self.ports[0] <= port <= self.ports[1] and self.protocol in _TCP

    @property
    def is_anywhere(self) -> bool:
        return self.cidr in ANYWHERE


@dataclass(eq=False)
class Group:
    """A security group, its rules by whom they let through.

    A VPC stands for its default group, and a service of ECS Express Mode for the group that ECS makes for it.
    """

    resource: Resource
    ingress: list[Peer] = field(default_factory=list)
    egress: list[Peer] = field(default_factory=list)
    open_by_default: list[Value] = field(default_factory=list)
    """Where it has no egress rule, so that AWS opens it to everywhere."""

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
    tables: list[tuple[Place, Holding]] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    acl: list[Place] = field(default_factory=list)


@dataclass(eq=False)
class Vpc:
    resource: Resource
    cidrs: list[IPv4Network]
    """Its blocks, the first one first."""
    resolves_names: bool
    keeps_names: bool
    """Besides resolving names it gives hosts names, which private DNS of endpoints needs."""
    own_name_servers: bool = False
    hosted_zones: list[str] = field(default_factory=list)
    """The names of private hosted zones that answer in it."""


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
    tables: list[tuple[Place, Holding]]
    private_dns: bool
    resolvers: str = ""
    """Of S3's interface endpoints: whether private DNS is for all resolvers, or for inbound ones only."""

    @property
    def holding(self) -> Holding:
        return self.resource.template, self.resource.given

    @cached_property
    def policy(self) -> Sequence[Statement | Unreadable]:
        return list(statements_of(self.resource))


@dataclass(frozen=True, slots=True)
class Block:
    """VPC Block Public Access of an account and Region."""

    resource: Resource
    both_ways: bool


@dataclass(eq=False)
class Network:
    """Everything in the templates that packets meet."""

    vpcs: Mapping[Place, Vpc]
    subnets: Mapping[Place, Subnet]
    groups: Mapping[Place, Group]
    endpoints: Mapping[tuple[Place | None, str | None], list[Endpoint]]
    """By VPC and service."""
    acls: Mapping[Place, Mapping[bool, list[AclEntry]]]
    """The entries of each network ACL, those for egress under True; a VPC stands for its default ACL."""
    nat_subnets: Mapping[Place, list[Place]]
    closed_vpcs: frozenset[Place]
    """The VPCs whose default security group a custom resource closes."""
    blocks: Sequence[Block]
    unblocked: frozenset[Place]
    """VPCs and subnets that are excluded from such blocks."""

    def endpoints_of(self, vpc: Place) -> Iterator[Endpoint]:
        for (place, _), endpoints in self.endpoints.items():
            if place == vpc:
                yield from endpoints

    @cached_property
    def endpoints_by_resource(self) -> Mapping[Resource, list[Endpoint]]:
        found: dict[Resource, list[Endpoint]] = {}
        for endpoints in self.endpoints.values():
            for endpoint in endpoints:
                found.setdefault(endpoint.resource, []).append(endpoint)
        return found

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
                subnets = self._nat_subnets(route)
                if not subnets:
                    return None
                return all(any(each.way is Way.INTERNET for each in self.internet_way(subnet)) for subnet in subnets)
        return None

    def blocked(self, subnet: Subnet, *, outwards: bool) -> bool:
        """Whether Block Public Access keeps the subnet from the internet."""
        template = subnet.resource.template
        ways = [place for route in self.internet_way(subnet) for place in self.nat_subnets.get(route.target or "", ())]
        if self.unblocked & {subnet.vpc, subnet.resource, *ways}:
            return False
        return any(
            (block.both_ways or not outwards)
            and (block.resource.template.account, block.resource.template.region) == (template.account, template.region)
            for block in self.blocks
        )

    def acl_passes(
        self, subnet: Subnet, remote: Sequence[IPv4Network] | None, *, outwards: bool, ports: tuple[int, int]
    ) -> bool | None:
        """Whether the subnet's network ACL lets TCP to (or from) `remote` through; None when that is not told.

        `remote` is None for the internet, of whose addresses nobody knows which are meant.
        """
        places = subnet.acl or [place for place in (subnet.vpc,) if place is not None and place in self.acls]
        verdicts = [
            _acl_verdict(self.acls[place][outwards], block, ports) if place in self.acls else None
            for place in places
            for block in (remote if remote is not None else [None])
        ]
        return False if False in verdicts else None if None in verdicts else True

    def blocks_of(self, subnet: Subnet) -> Sequence[IPv4Network]:
        """The addresses of a subnet; those of its VPC when its own are computed."""
        if subnet.cidr is not None:
            return [subnet.cidr]
        vpc = self.vpcs.get(subnet.vpc) if subnet.vpc is not None else None
        return vpc.cidrs if vpc is not None else []

    def vpcs_of(self, subnets: Iterable[Place]) -> list[Place]:
        """The VPCs of subnets, which stand for their default security groups."""
        vpcs = (self.subnets[place].vpc for place in subnets if place in self.subnets)
        return list(dict.fromkeys(vpc for vpc in vpcs if vpc is not None))

    def _nat_subnets(self, route: Route) -> list[Subnet]:
        places = self.nat_subnets.get(route.target) if route.target is not None else None
        return [self.subnets[place] for place in places or () if place in self.subnets]


def network(world: World) -> Network:
    """The network of templates that are judged together."""
    vpcs = _vpcs(world)
    closed = frozenset(_closed_vpcs(world))
    return Network(
        vpcs=vpcs,
        subnets=_subnets(world),
        groups=_groups(world, vpcs, closed),
        endpoints=_endpoints(world),
        acls=_acls(world),
        nat_subnets={
            nat: world.places(nat, "SubnetId")
            for nat in world.of_type("AWS::EC2::NatGateway")
            if not any(kind.data == "private" for kind in nat.get("ConnectivityType"))
        },
        closed_vpcs=closed,
        blocks=[
            Block(block, any(mode.text != "block-ingress" for mode in block.get("InternetGatewayBlockMode")))
            for block in world.of_type("AWS::EC2::VPCBlockPublicAccessOptions")
        ],
        unblocked=frozenset(
            place
            for exclusion in world.of_type("AWS::EC2::VPCBlockPublicAccessExclusion")
            for name in ("VpcId", "SubnetId")
            for place in world.places(exclusion, name)
        ),
    )


_CLOSES_DEFAULT_GROUP: Final = ("Custom::VpcRestrictDefaultSG", "Custom::ClosedDefaultSecurityGroup")
"""The CDK's custom resource that takes the rules out of a default security group, and ours."""


def _closed_vpcs(world: World) -> Iterator[Place]:
    for resource in world.of_type(*_CLOSES_DEFAULT_GROUP):
        for properties in resource.properties(resource.given):
            for _, value in properties.members():
                yield from (place for place in world.locate(value) if isinstance(place, Resource))


def _vpcs(world: World) -> dict[Place, Vpc]:
    found: dict[Place, Vpc] = {}
    for resource in world.of_type("AWS::EC2::VPC"):
        # Name resolution is on and host names are off where a template is silent.
        resolves = all(value.absent or is_true(value.data) for value in resource.get("EnableDnsSupport"))
        keeps = all(is_true(value.data) for value in resource.get("EnableDnsHostnames"))
        found[resource] = Vpc(resource, list(_blocks(resource)), resolves, resolves and keeps)
    for block in world.of_type("AWS::EC2::VPCCidrBlock"):
        for place in world.places(block, "VpcId"):
            if place in found:
                found[place].cidrs += _blocks(block)
    for association in world.of_type("AWS::EC2::VPCDHCPOptionsAssociation"):
        options = [place for place in world.places(association, "DhcpOptionsId") if isinstance(place, Resource)]
        servers = [item.text for each in options for value in each.get("DomainNameServers") for item in value.items()]
        for place in world.places(association, "VpcId"):
            if place in found:
                found[place].own_name_servers = any(server != "AmazonProvidedDNS" for server in servers)
    for zone in world.of_type("AWS::Route53::HostedZone"):
        members = (each for value in zone.get("VPCs") for item in value.items() for each in item.get("VPCId"))
        for place in (place for each in members for place in world.locate(each)):
            if place in found:
                found[place].hosted_zones += [value.text.rstrip(".") for value in zone.get("Name")]
    return found


def _blocks(resource: Resource) -> Iterator[IPv4Network]:
    for value in resource.get("CidrBlock"):
        cidr = _cidr(value.text)
        if isinstance(cidr, IPv4Network):
            yield cidr


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
                    (table, _holding(value))
                    for value in association.get("RouteTableId")
                    for table in world.locate(value)
                ]
    routes = _routes(world)
    for subnet in found.values():
        subnet.routes = [
            replace(route, holding=both(route.holding, holding))
            for table, holding in subnet.tables
            for route in routes.get(table, ())
        ]
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
                        Route(destination, leads, target, _holding(value)) for destination in destinations
                    )
    return found


def _endpoints(world: World) -> Mapping[tuple[Place | None, str | None], list[Endpoint]]:
    found: dict[tuple[Place | None, str | None], list[Endpoint]] = {}
    for resource in world.of_type("AWS::EC2::VPCEndpoint"):
        kinds = [value.text for value in resource.get("VpcEndpointType")]
        elsewhere = any(
            resource.template.region not in (None, value.text)
            for value in resource.get("ServiceRegion")
            if isinstance(value.data, str)
        )
        if elsewhere or any(kind not in ("Interface", "Gateway", "") for kind in kinds):
            continue
        services = {service_of_endpoint(value.text) for value in resource.get("ServiceName")}
        service = services.pop() if len(services) == 1 else None
        gateway = kinds != ["Interface"]
        dns = resource.get("DnsOptions", "PrivateDnsOnlyForInboundResolverEndpoint")
        vpcs: list[Place | None] = [*world.places(resource, "VpcId")]
        for vpc in vpcs or [None]:
            endpoint = Endpoint(
                resource,
                service,
                vpc,
                gateway,
                subnets=world.lists(resource, "SubnetIds"),
                groups=world.lists(resource, "SecurityGroupIds"),
                tables=[
                    (place, _holding(item))
                    for value in resource.get("RouteTableIds")
                    for each in world.follow(value)
                    for item in each.items()
                    for place in world.locate(item)
                ],
                private_dns=not gateway and all(is_true(value.data) for value in resource.get("PrivateDnsEnabled")),
                resolvers=dns[0].text if service == "s3" and dns else "",
            )
            found.setdefault((vpc, service), []).append(endpoint)
    return found


def _groups(world: World, vpcs: Mapping[Place, Vpc], closed: Set[Place]) -> dict[Place, Group]:
    found: dict[Place, Group] = {}
    for vpc in vpcs.values():
        group = found[vpc.resource] = Group(vpc.resource)
        if vpc.resource not in closed:
            # Members of a default group reach each other and everywhere.
            here = Value(None, "Properties", vpc.resource)
            group.ingress.append(Peer((0, 65535), _holding(here), here, group=vpc.resource))
            group.egress += _everywhere(here)
    for service in world.of_type(EXPRESS):
        found[service] = Group(service, egress=list(_everywhere(Value(None, "Properties", service))))
    for resource in world.of_type("AWS::EC2::SecurityGroup"):
        group = found[resource] = Group(resource)
        group.ingress += _rules_of(world, resource, outwards=False)
        group.egress += _rules_of(world, resource, outwards=True)
        group.open_by_default = [
            value for value in resource.get("SecurityGroupEgress") if value.absent or value.data == []
        ]
    _add_standing_apart(world, found)
    for group in found.values():
        for value in group.open_by_default:
            group.egress += _everywhere(value)
    return found


def _add_standing_apart(world: World, groups: Mapping[Place, Group]) -> None:
    """Rules that are resources of their own."""
    for type_, outwards in (("AWS::EC2::SecurityGroupIngress", False), ("AWS::EC2::SecurityGroupEgress", True)):
        for resource in world.of_type(type_):
            for group in (groups[place] for place in world.places(resource, "GroupId") if place in groups):
                if outwards:
                    # CloudFormation takes the default rule out when it adds another one (aws-cdk#987).
                    group.open_by_default.clear()
                rules = group.egress if outwards else group.ingress
                rules += _rules_of(world, resource, outwards=outwards)


def rules_in(template: Template, *, outwards: bool) -> Iterator[Peer]:
    """Every rule of a security group that stands in a template, whichever group it is of."""
    apart = "AWS::EC2::SecurityGroupEgress" if outwards else "AWS::EC2::SecurityGroupIngress"
    for resource in template.of_type("AWS::EC2::SecurityGroup", apart):
        yield from _rules_of(template.world, resource, outwards=outwards)


def _rules_of(world: World, resource: Resource, *, outwards: bool) -> Iterator[Peer]:
    """The rules that stand in a security group, or the one that is a resource of its own."""
    if resource.type == "AWS::EC2::SecurityGroup":
        lists = resource.get("SecurityGroupEgress" if outwards else "SecurityGroupIngress")
        rules = [item for values in lists for item in values.items()]
    else:
        rules = resource.properties(resource.given)
    for rule in rules:
        yield from _peers(world, rule, outwards=outwards)


def _everywhere(value: Value) -> Iterator[Peer]:
    for cidr in ANYWHERE:
        yield Peer((0, 65535), _holding(value), value, cidr=cidr)


def _peers(world: World, rule: Value, *, outwards: bool) -> Iterator[Peer]:
    if rule.unknown:
        yield Peer((0, 65535), _holding(rule), rule, unknown=True)
        return
    for protocol in rule.get("IpProtocol"):
        ports = (0, 65535) if protocol.text in _ANY_PROTOCOL else _ports(world, rule)
        plain = Peer(
            ports or (0, 65535), _holding(protocol), rule, unknown=ports is None, protocol=protocol.text.lower()
        )
        for value in rule.get("DestinationSecurityGroupId" if outwards else "SourceSecurityGroupId"):
            for place in world.locate(value):
                # One of a list that only the deployment tells, such as the groups that ECS makes.
                untold = isinstance(place, str) and place.startswith("${Fn::")
                yield replace(
                    plain, group=None if untold else place, unknown=plain.unknown or untold, holding=_holding(value)
                )
        for name in ("CidrIp", "CidrIpv6"):
            for value in rule.get(name):
                if not value.absent:
                    yield _address_peer(world, value, plain)
        for value in rule.get("DestinationPrefixListId" if outwards else "SourcePrefixListId"):
            if not value.absent:
                yield replace(plain, prefix_list=_prefix_list(world, value), holding=_holding(value))


def _holding(value: Value) -> Holding:
    return value.resource.template, value.given


def _address_peer(world: World, value: Value, plain: Peer) -> Peer:
    plain = replace(plain, holding=_holding(value))
    for followed in world.follow(value):
        data = followed.data
        if isinstance(data, Reference) and data.attribute == "CidrBlock":
            place = followed.resource.template.resources.get(data.logical_id)
            if place is not None and place.type == "AWS::EC2::VPC":
                return replace(plain, of_vpc=place)
        cidr = _cidr(followed.text)
        if cidr is not None:
            return replace(plain, cidr=cidr)
    return replace(plain, unknown=True)


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


def _ports(world: World, rule: Value) -> tuple[int, int] | None:
    """The ports of a rule; None when the template does not tell them."""
    first, last = ([_port(world, value) for value in rule.get(name)] for name in ("FromPort", "ToPort"))
    if None in (*first, *last):
        return None
    lowest, highest = max(each for each in first if each is not None), min(each for each in last if each is not None)
    return (0, 65535) if lowest == -1 else (lowest, highest)


def _port(world: World, value: Value) -> int | None:
    for followed in world.follow(value):
        data = followed.data
        if isinstance(data, Reference) and data.attribute.endswith("Port"):
            database = followed.resource.template.resources.get(data.logical_id)
            return next(iter(ports_of(database)), None) if database is not None else None
    return 0 if value.absent else _number(value.text)


def _acls(world: World) -> dict[Place, Mapping[bool, list[AclEntry]]]:
    found: dict[Place, dict[bool, list[AclEntry]]] = {
        resource: {True: [], False: []} for resource in world.of_type("AWS::EC2::NetworkAcl")
    }
    for resource in world.of_type("AWS::EC2::NetworkAclEntry"):
        if any(not value.absent for value in resource.get("Ipv6CidrBlock")):
            continue
        for place in world.places(resource, "NetworkAclId"):
            if isinstance(place, Resource) and place.type == "AWS::EC2::VPC":
                # The default network ACL, which lets everything through unless an entry before says otherwise.
                entry = AclEntry(100, allows=True, cidr=ANYWHERE[0], ports=(0, 65535), tcp=True)
                found.setdefault(place, {True: [entry], False: [entry]})
            if place in found:
                outwards = any(is_true(value.data) for value in resource.get("Egress"))
                found[place][outwards].append(_entry(resource))
    for entries in found.values():
        for each in entries.values():
            each.sort(key=lambda entry: entry.number)
    return dict(found)


def _entry(resource: Resource) -> AclEntry:
    protocol = next((value.text for value in resource.get("Protocol")), "-1")
    ranges = [_range(value) for value in resource.get("PortRange")]
    return AclEntry(
        number=next((_number(value.text) or 0 for value in resource.get("RuleNumber")), 0),
        allows=all(value.text.lower() == "allow" for value in resource.get("RuleAction")),
        cidr=next((_cidr(value.text) for value in resource.get("CidrBlock")), None),
        ports=ranges[0] if protocol != "-1" and ranges else (0, 65535),
        tcp=protocol in ("-1", "6", "tcp"),
        always=resource.given == NOTHING_GIVEN,
    )


def _range(value: Value) -> tuple[int, int]:
    ends = [next((_number(each.text) for each in value.get(name)), None) for name in ("From", "To")]
    return (0, 65535) if None in ends or value.absent else (ends[0] or 0, ends[1] or 0)


def _acl_verdict(entries: Sequence[AclEntry], remote: IPv4Network | None, ports: tuple[int, int]) -> bool | None:
    """The first entry decides that covers the packets. One that covers some of their addresses leaves it open."""
    open_, untold = [ports], False
    for entry in entries:
        if not entry.tcp or not any(_overlap(entry.ports, each) for each in open_):
            continue
        if entry.cidr is None:
            return None
        if not isinstance(entry.cidr, IPv4Network) or (remote is not None and not entry.cidr.overlaps(remote)):
            continue
        whole = entry.cidr == ANYWHERE[0] if remote is None else remote.subnet_of(entry.cidr)
        if not whole or (entry.allows and not entry.always):
            # Nobody knows whether the addresses that are meant are among these.
            told = not entry.always or (remote is None and not (entry.allows and entry.cidr.is_global))
            untold = untold or not told
        elif not entry.allows:
            return False
        else:
            open_ = [left for each in open_ for left in _without(each, entry.ports)]
            if not open_:
                return True
    return None if untold else False


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _without(ports: tuple[int, int], taken: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """What is left of a range of ports."""
    if not _overlap(ports, taken):
        yield ports
        return
    if ports[0] < taken[0]:
        yield (ports[0], taken[0] - 1)
    if taken[1] < ports[1]:
        yield (taken[1] + 1, ports[1])


def _by_group(peers: Iterable[Peer]) -> Mapping[Place | None, list[Peer]]:
    found: dict[Place | None, list[Peer]] = {}
    for peer in peers:
        found.setdefault(peer.group, []).append(peer)
    return found


def _zone(resource: Resource) -> str:
    """The availability zone as the template writes it: equal texts are equal zones."""
    properties = resource.body.get("Properties")
    node = properties.get("AvailabilityZone") if isinstance(properties, dict) else None
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
