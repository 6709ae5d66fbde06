"""Whether a workload reaches what it needs, decided the way a packet goes: name, route, network ACL, security groups
both ways, endpoint policy.

Each question has three answers: yes, no with the piece that is missing, and that these templates do not show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Final

from secure_containers.rules.intrinsics import NOTHING_GIVEN, Given
from secure_containers.rules.network.balancers import balancers
from secure_containers.rules.network.databases import Neighbour
from secure_containers.rules.network.exposure import entering, leaving, led_by_balancers, public_fronts
from secure_containers.rules.network.model import (
    EPHEMERAL,
    Endpoint,
    Holding,
    Network,
    Peer,
    Subnet,
    Way,
    both,
    network,
)
from secure_containers.rules.network.needs import INTERNET, Ask, Need, Workload
from secure_containers.rules.network.passage import refused
from secure_containers.rules.network.services import FIPS_REGIONS, GATEWAYS, SERVICES
from secure_containers.rules.network.workloads import workloads
from secure_containers.rules.template import Place, Resource, Template, World

_HTTPS: Final = 443


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A missing piece."""

    problem: str
    fix: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """What these templates do not show."""

    what: str


Outcome = Obstacle | Unseen | None
"""None: it is reached."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came out for one service that a workload needs."""

    workload: Workload
    service: str
    purposes: tuple[str, ...]
    outcome: Obstacle | Unseen


@dataclass(eq=False)
class Judged:
    """A workload with everything that the proof says about it."""

    workload: Workload
    findings: list[Finding]
    """What it cannot reach, or what cannot be told."""
    leaves: list[str]
    """How it can reach the internet at large."""
    entered: list[str]
    """How the internet can reach it."""
    reached: list[str]
    """The services that are proven to be reached."""
    roundabout: Mapping[str, Sequence[str]]
    """What it reaches over the internet although a gateway endpoint could serve it, and what for."""


def judged(world: World) -> list[Judged]:
    """Every workload of the templates, judged."""
    proof = world.once(_Proof)
    return [proof.judge(workload) for workload in world.once(workloads)]


def _judged_balancers(world: World) -> list[Judged]:
    proof = world.once(_Proof)
    return [proof.judge_balancer(balancer) for balancer in balancers(world)]


def judged_by_template(world: World) -> Mapping[Template, list[Judged]]:
    found: dict[Template, list[Judged]] = {}
    for each in (*world.once(judged), *_judged_balancers(world)):
        found.setdefault(each.workload.resource.template, []).append(each)
    return found


@dataclass(frozen=True, slots=True)
class _Far:
    """The other side of a connection: groups, addresses in the VPC, a prefix list, or anywhere outside."""

    groups: Sequence[Place] = ()
    subnets: Sequence[Subnet] = ()
    vpc: Place | None = None
    prefix_list: str | None = None
    outside: bool = False
    under: Holding | None = None
    """The condition under which it is there."""
    grouped: bool = True
    """It has security groups, which say whom they let in."""


@dataclass(slots=True)
class _Coverage:
    """What rules let through, and under which conditions."""

    whole: list[Holding] = field(default_factory=list)
    parts: dict[Subnet, list[Holding]] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Path:
    """The way to a service: what stands in it, and the endpoints that the traffic passes."""

    outcome: Outcome
    endpoints: Sequence[Endpoint] = ()


class _Proof:
    def __init__(self, world: World) -> None:
        self._net: Network = world.once(network)
        self._fronts = public_fronts(world)
        self._led = world.once(led_by_balancers)
        self._refusals: dict[tuple[Endpoint, Ask, Template], list[str] | None] = {}

    def judge(self, workload: Workload) -> Judged:
        by_service: dict[str, list[Need]] = {}
        for need in workload.needs:
            by_service.setdefault(need.host or need.service, []).append(need)
        found: list[Finding] = []
        reached: list[str] = []
        roundabout: dict[str, Sequence[str]] = {}
        for service, needs in by_service.items():
            path = self._path(workload, needs[0].service, needs[0].purpose)
            outcomes: dict[Outcome, list[str]] = {}
            for need in needs:
                outcome = path.outcome or self._allowed(path.endpoints, need.asks, workload)
                outcomes.setdefault(outcome, []).append(need.purpose)
            for outcome, purposes in outcomes.items():
                if outcome is not None:
                    found.append(Finding(workload, service, tuple(dict.fromkeys(purposes)), outcome))
            if list(outcomes) == [None]:
                reached.append(service)
                if service in GATEWAYS and not path.endpoints:
                    # The layers of images lie in a bucket of AWS: they are no data of the workload's.
                    data = [need.purpose for need in needs if not any(asked.anonymous for asked in need.asks)]
                    roundabout.update({service: tuple(dict.fromkeys(data))} if data else {})
        found += self._to_neighbours(workload)
        found += [Finding(workload, "", (), Unseen(what)) for what in dict.fromkeys(workload.untold)]
        return Judged(
            workload,
            _united(found),
            list(leaving(self._net, workload)),
            list(entering(self._net, workload, self._fronts)),
            reached,
            roundabout,
        )

    def judge_balancer(self, balancer: Workload) -> Judged:
        """Whether a load balancer reaches what it leads to; it starts nothing else, and facing the internet is no flaw.

        Subnets that are not seen here are no finding: those of the services behind it are one already.
        """
        findings = [] if self._unseen_place(balancer) else self._to_neighbours(balancer)
        return Judged(balancer, _united(findings), [], [], [], {})

    def _to_neighbours(self, workload: Workload) -> list[Finding]:
        found = []
        own = set(self._net.vpcs_of(workload.subnets))
        here = {each: bool(own & set(self._net.vpcs_of(each.subnets))) for each in workload.neighbours}
        answered = {each.host for each, is_here in here.items() if is_here and each.host}
        for neighbour, is_here in here.items():
            if (neighbour.host in answered and not is_here) or self._is_own(workload, neighbour):
                continue  # the same name in another network, or its own one, which it seldom calls
            outcome = self._to_neighbour(workload, neighbour)
            if outcome is not None:
                found.append(Finding(workload, neighbour.service, (f"reach {neighbour.resource.logical_id}",), outcome))
        return found

    def _is_own(self, workload: Workload, neighbour: Neighbour) -> bool:
        """Whether a host name leads to the workload itself, and to nobody else."""
        led = self._led.get(neighbour.resource, [neighbour.resource])
        return bool(neighbour.host and led) and set(led) <= set(workload.behind)

    def _path(self, workload: Workload, service: str, purpose: str) -> _Path:
        unseen = self._unseen_place(workload)
        if unseen:
            return _Path(unseen)
        subnets = self._subnets(workload)
        if service == INTERNET:
            return _Path(self._internet(workload, subnets))
        region = workload.resource.template.region
        if service.endswith("-fips") and region is not None and not FIPS_REGIONS.fullmatch(region):
            return _Path(
                Obstacle(
                    f"{region} has no FIPS endpoints, which `AWS_USE_FIPS_ENDPOINT` makes the SDK call",
                    "Leave `AWS_USE_FIPS_ENDPOINT` out in this Region.",
                )
            )
        endpoints = self._net.endpoints.get((subnets[0].vpc, service), [])
        gateways = [endpoint for endpoint in endpoints if endpoint.gateway]
        interfaces = [endpoint for endpoint in endpoints if not endpoint.gateway and endpoint.private_dns]
        if any(endpoint.resolvers == "AllResolvers" for endpoint in interfaces):
            gateways = []  # names lead to the interface, whatever the route tables say
        interfaces = [endpoint for endpoint in interfaces if endpoint.resolvers != "OnlyInboundResolver"]
        served = [self._served(subnet, gateways) for subnet in subnets]
        if gateways and all(served):
            used = list(dict.fromkeys(each for endpoints in served for each in endpoints))
            return _Path(self._by_gateway(workload, service, subnets, served), used)
        if interfaces:
            return _Path(self._by_interface(workload, service, subnets, interfaces), interfaces)
        out = self._internet(workload, subnets)
        if out is None or (isinstance(out, Unseen) and not endpoints):
            return _Path(out)
        return _Path(self._missing(workload, service, purpose, served))

    def _unseen_place(self, workload: Workload) -> Unseen | None:
        if not workload.subnets:
            return Unseen("its subnets")
        outside = [place for place in workload.subnets if place not in self._net.subnets]
        if outside:
            return Unseen(f"the subnet {_text(outside[0])} and what routes, endpoints and network ACLs it has")
        return None

    def _subnets(self, workload: Workload) -> list[Subnet]:
        return [self._net.subnets[place] for place in dict.fromkeys(workload.subnets)]

    @staticmethod
    def _served(subnet: Subnet, gateways: Iterable[Endpoint]) -> list[Endpoint]:
        """The gateway endpoints to which the subnet's route tables lead."""
        tables = {table for table, _ in subnet.tables}
        return [endpoint for endpoint in gateways if tables & {table for table, _ in endpoint.tables}]

    def _missing(self, workload: Workload, service: str, purpose: str, served: Sequence[Sequence[Endpoint]]) -> Outcome:
        subnets = self._subnets(workload)
        vpc = subnets[0].vpc
        endpoints = self._net.endpoints.get((vpc, service), [])
        known = SERVICES.get(service.removesuffix("-fips"))
        gateways = [endpoint for endpoint in endpoints if endpoint.gateway]
        if gateways:
            bare = next(subnet for subnet, led in zip(subnets, served, strict=True) if not led)
            name, subnet = gateways[0].resource.logical_id, bare.resource.logical_id
            return Obstacle(
                f"no route table of the subnet {subnet} leads to the {service} gateway endpoint {name}",
                f"Add the subnet's route table to the `RouteTableIds` of {name}.",
            )
        if endpoints:
            name = endpoints[0].resource.logical_id
            only = " for this VPC" if endpoints[0].resolvers else ""
            return Obstacle(
                f"private DNS is off{only} on its endpoint {name}, so {service}'s host names do not lead there",
                f"Set `PrivateDnsEnabled: true` on {name}"
                + (", with `PrivateDnsOnlyForInboundResolverEndpoint: AllResolvers`." if only else "."),
            )
        house = self._net.vpcs.get(vpc) if vpc is not None else None
        if house is None:
            return Unseen(f"the endpoints of the VPC {_text(vpc)}")
        if not house.resolves_names:
            return Obstacle(
                f"the VPC {house.resource.logical_id} does not resolve names",
                "Set `EnableDnsSupport` to true on the VPC.",
            )
        untold = self._net.endpoints.get((vpc, None), [])
        if untold:
            return Unseen(f"whether the endpoint {untold[0].resource.logical_id} is one of {service}")
        zones = [zone for zone in house.hosted_zones if _answers(zone, service)]
        if zones:
            return Unseen(f"where the private hosted zone {zones[0]} leads")
        if service.endswith("-fips") and not (known and known.fips):
            return Obstacle(
                f"there is no FIPS endpoint of {service.removesuffix('-fips')} to add to a VPC",
                "Leave `AWS_USE_FIPS_ENDPOINT` out, or give the workload a way to the internet.",
            )
        if known is None:
            return Unseen(
                f"how {service}, which its role may call, is reached"
                if "role" in purpose
                else f"how {service} is reached"
            )
        kind = "a gateway endpoint" if known.gateway else "an interface endpoint with private DNS"
        name = house.resource.logical_id
        if self._led_astray(workload, subnets):
            return Obstacle(
                f"the VPC {name} has no endpoint of {service}, and the internet gateway in its route table is of no "
                "use without a public address",
                f"Add {kind} of {service} to the VPC, or place it in subnets with a NAT gateway.",
            )
        return Obstacle(
            f"the VPC {name} has no endpoint of {service}, and no route leads to the internet",
            f"Add {kind} of `com.amazonaws.<region>.{service}` to the VPC {name}; "
            f'`PrivateNetwork.require(workload, "{service}")` does.',
        )

    def _by_gateway(
        self, workload: Workload, service: str, subnets: Sequence[Subnet], served: Sequence[Sequence[Endpoint]]
    ) -> Outcome:
        for subnet, endpoints in zip(subnets, served, strict=True):
            lasting = [
                both(endpoint.holding, both(of_endpoint, of_subnet))
                for endpoint in endpoints
                for table, of_subnet in subnet.tables
                for led, of_endpoint in endpoint.tables
                if led == table
            ]
            if not _always(workload, lasting):
                name = endpoints[0].resource.logical_id
                return Obstacle(
                    f"the {service} gateway endpoint {name} is there under a condition only for the subnet "
                    f"{subnet.resource.logical_id}",
                    "Give the endpoint and its route tables no condition, or the workload the same one.",
                )
        out = self._opens(workload, _HTTPS, _Far(prefix_list=service, outside=True))
        if out is not None:
            return _narrowed(
                out,
                f"its security group lets nothing out to the prefix list of {service} on port 443, where the gateway "
                "endpoint's traffic goes: the group of the interface endpoints is another destination",
                f"Allow egress on TCP 443 to the prefix list of {service}.",
            )
        return self._acl_out(subnets)

    def _by_interface(
        self, workload: Workload, service: str, subnets: Sequence[Subnet], endpoints: Sequence[Endpoint]
    ) -> Outcome:
        vpc = self._net.vpcs.get(subnets[0].vpc) if subnets[0].vpc is not None else None
        if vpc is not None and not vpc.keeps_names:
            return Obstacle(
                f"the VPC {vpc.resource.logical_id} does not resolve names, so private DNS leads nowhere",
                "Set `EnableDnsSupport` and `EnableDnsHostnames` to true on the VPC.",
            )
        if vpc is not None and vpc.own_name_servers:
            return Unseen("whether the name servers of the VPC's DHCP options give out the endpoints' addresses")
        if not _always(workload, [endpoint.holding for endpoint in endpoints]):
            return Obstacle(
                f"the endpoint {endpoints[0].resource.logical_id} of {service} is there under a condition only",
                "Give the endpoint no condition, or the workload the same one.",
            )
        for endpoint in endpoints:
            outcome = self._to_endpoint(workload, service, subnets, endpoint)
            if outcome is not None:
                return outcome
        return None

    def _to_endpoint(self, workload: Workload, service: str, subnets: Sequence[Subnet], endpoint: Endpoint) -> Outcome:
        name = endpoint.resource.logical_id
        if not endpoint.subnets:
            return Obstacle(f"the endpoint {name} of {service} is in no subnet", f"Give {name} the `SubnetIds`.")
        groups = endpoint.groups or ([endpoint.vpc] if endpoint.vpc is not None else [])
        there = [self._net.subnets[place] for place in endpoint.subnets if place in self._net.subnets]
        far = _Far(groups, there, endpoint.vpc, under=endpoint.holding)
        what = f"the endpoint {name} of {service}"
        return self._connect(workload, subnets, far, _HTTPS, what)

    def _to_neighbour(self, workload: Workload, neighbour: Neighbour) -> Outcome:
        unseen = self._unseen_place(workload)
        if unseen:
            return unseen
        subnets, name = self._subnets(workload), neighbour.resource.logical_id
        there = [self._net.subnets[place] for place in neighbour.subnets if place in self._net.subnets]
        unseen_groups = neighbour.grouped and not neighbour.groups
        if unseen_groups or not neighbour.ports:
            return Unseen(f"the {'security groups' if unseen_groups else 'ports'} of {name}")
        under = (neighbour.resource.template, neighbour.resource.given)
        far = _Far(neighbour.groups, there, subnets[0].vpc, under=under, grouped=neighbour.grouped)
        for port in neighbour.ports:
            outcome = self._connect(workload, subnets, far, port, name)
            if outcome is not None:
                return outcome
        return None

    def _connect(self, workload: Workload, subnets: Sequence[Subnet], far: _Far, port: int, what: str) -> Outcome:
        """From a workload to something with security groups in the VPC: out, in, and both network ACLs."""
        out = self._opens(workload, port, far) if workload.grouped else None
        if out is not None:
            return _narrowed(
                out,
                f"its security group lets nothing out to {what} on port {port}",
                f"Allow egress on TCP {port} to the {'security group' if far.grouped else 'subnets'} of {what}.",
            )
        inwards = self._admits(workload, subnets, port, far) if far.grouped else None
        if inwards is not None:
            return _narrowed(
                inwards,
                f"the security group of {what} does not let it in on port {port}",
                f"Allow ingress on TCP {port} from its {'security group' if workload.grouped else 'subnets'} "
                f"in the group of {what}.",
            )
        return self._acl_between(subnets, far.subnets, what, port)

    def _internet(self, workload: Workload, subnets: Sequence[Subnet]) -> Outcome:
        for subnet in subnets:
            outcome = self._out_of(workload, subnet)
            if outcome is not None:
                return outcome
        out = self._opens(workload, _HTTPS, _Far(outside=True))
        if out is not None:
            return _narrowed(
                out,
                "its security group lets nothing out to the internet on port 443",
                "Allow egress on TCP 443 to where it has to go.",
            )
        return self._acl_out(subnets)

    def _out_of(self, workload: Workload, subnet: Subnet) -> Outcome:
        name = subnet.resource.logical_id
        vpc = self._net.vpcs.get(subnet.vpc) if subnet.vpc is not None else None
        if vpc is not None and not vpc.resolves_names:
            return Obstacle(
                f"the VPC {vpc.resource.logical_id} does not resolve names",
                "Set `EnableDnsSupport` to true on the VPC.",
            )
        ways = self._net.internet_way(subnet)
        verdicts = {way: self._net.leads_out(way, public_address=workload.is_surely_public_in(subnet)) for way in ways}
        if _always(workload, [way.holding for way, out in verdicts.items() if out]):
            if self._net.blocked(subnet, outwards=True):
                return Obstacle(
                    f"VPC Block Public Access keeps the subnet {name} from the internet",
                    "Exclude the VPC from it, or keep inside what the workload needs.",
                )
            return None
        if None in verdicts.values():
            return Unseen(f"where the default route of the subnet {name} leads in the end")
        astray = any(way.way is Way.INTERNET for way in ways)
        reason = (
            "leads to an internet gateway, which is of no use without a public address"
            if astray
            else "leads to the internet under a condition only"
            if any(verdicts.values())
            else "has no route to the internet"
        )
        return Obstacle(
            f"the subnet {name} {reason}",
            "Keep what it needs inside, such as a copy of the image in a private registry, or place it in subnets "
            "with a NAT gateway.",
        )

    def _led_astray(self, workload: Workload, subnets: Sequence[Subnet]) -> bool:
        return any(
            way.way is Way.INTERNET and not workload.is_surely_public_in(subnet)
            for subnet in subnets
            for way in self._net.internet_way(subnet)
        )

    def _allowed(self, endpoints: Iterable[Endpoint], asks: Sequence[Ask], workload: Workload) -> Outcome:
        unseen: Unseen | None = None
        for endpoint in endpoints:
            name = endpoint.resource.logical_id
            for ask in asks:
                lacking = self._refused(endpoint, ask, workload.resource.template)
                if lacking is None:
                    unseen = Unseen(
                        f"whether the policy of {name} lets {', '.join(ask.actions)} on {', '.join(ask.resources)} pass"
                    )
                elif lacking:
                    layers = ", the bucket of ECR's layers, which no condition on account or organization meets"
                    return Obstacle(
                        f"the policy of the endpoint {name} lacks {lacking[0]}{layers if ask.anonymous else ''}",
                        f"Allow it in the `PolicyDocument` of {name}"
                        + (", in a statement without such conditions." if ask.anonymous else "."),
                    )
        return unseen

    def _refused(self, endpoint: Endpoint, ask: Ask, template: Template) -> list[str] | None:
        """Asked once for all workloads that ask the same."""
        question = (endpoint, ask, template)
        if question not in self._refusals:
            self._refusals[question] = refused(*question)
        return self._refusals[question]

    def _own_groups(self, workload: Workload) -> list[tuple[Place, Given]]:
        """A workload's security groups; without any, AWS takes the VPC's default group, for which the VPC stands."""
        vpc = self._subnets(workload)[0].vpc
        return workload.groups or ([(vpc, NOTHING_GIVEN)] if workload.grouped and vpc is not None else [])

    def _opens(self, workload: Workload, port: int, far: _Far) -> Outcome:
        """Whether the workload's groups let it out to the other side."""
        found = _Coverage()
        own = self._subnets(workload)[0].vpc
        for place, given in self._own_groups(workload):
            group = self._net.groups.get(place)
            if group is None:
                found.untold.append(f"what the security group {_text(place)} lets out")
                continue
            for rule in group.peers(outwards=True, groups=far.groups):
                if rule.opens(port):
                    self._count(found, rule, far, own, (workload.resource.template, given))
        return self._decide(workload, found, far.subnets, far.under)

    def _admits(self, workload: Workload, subnets: Sequence[Subnet], port: int, far: _Far) -> Outcome:
        """Whether the other side's groups let the workload in, by its groups or by its subnets' addresses."""
        callers = dict(self._own_groups(workload))
        near = _Far(list(callers), subnets, subnets[0].vpc)
        found = _Coverage()
        for place in far.groups:
            group = self._net.groups.get(place)
            if group is None:
                found.untold.append(f"whom the security group {_text(place)} lets in")
                continue
            for rule in group.peers(outwards=False, groups=callers):
                if rule.opens(port):
                    given = callers.get(rule.group, NOTHING_GIVEN) if rule.group is not None else NOTHING_GIVEN
                    self._count(found, rule, near, near.vpc, (workload.resource.template, given))
        return self._decide(workload, found, subnets, far.under)

    def _count(self, found: _Coverage, rule: Peer, far: _Far, vpc: Place | None, besides: Holding) -> None:
        """Add what one rule lets through."""
        where = f"whom the rule {rule.value.path} of {rule.value.resource.logical_id} means"
        holding = both(rule.holding, besides)
        if rule.unknown:
            found.untold.append(where)
        elif rule.group is not None:
            if rule.group in far.groups:
                found.whole.append(holding)
        elif rule.prefix_list is not None:
            if rule.prefix_list == far.prefix_list:
                found.whole.append(holding)
            elif rule.prefix_list not in GATEWAYS:
                found.untold.append(where)
        elif rule.is_anywhere:
            if isinstance(rule.cidr, IPv4Network):
                found.whole.append(holding)
        elif far.outside:
            if rule.cidr is not None and rule.cidr.is_global:
                found.untold.append(where)
        elif rule.of_vpc is None or rule.of_vpc == vpc:
            self._count_addresses(found, rule, far, holding, where)

    def _count_addresses(self, found: _Coverage, rule: Peer, far: _Far, holding: Holding, where: str) -> None:
        house = self._net.vpcs.get(far.vpc) if far.vpc is not None else None
        block = rule.cidr if rule.cidr is not None else house.cidrs[0] if house and house.cidrs else None
        if not isinstance(block, IPv4Network):
            if rule.of_vpc is not None:
                found.whole.append(holding)  # the VPC's block, which is not known, and of which its subnets are
            return
        for subnet in far.subnets:
            blocks = self._net.blocks_of(subnet)
            if blocks and all(each.subnet_of(block) for each in blocks):
                found.parts.setdefault(subnet, []).append(holding)
            elif subnet.cidr is None:
                found.untold.append(where)
        if not far.subnets:
            if house and house.cidrs and all(each.subnet_of(block) for each in house.cidrs):
                found.whole.append(holding)
            else:
                found.untold.append(where)

    @staticmethod
    def _decide(workload: Workload, found: _Coverage, subnets: Sequence[Subnet], under: Holding | None) -> Outcome:
        if _always(workload, found.whole, under=under):
            return None
        if subnets and all(
            _always(workload, [*found.whole, *found.parts.get(subnet, ())], under=under) for subnet in subnets
        ):
            return None
        return Unseen(found.untold[0]) if found.untold else Obstacle("", "")

    def _acl_between(self, subnets: Sequence[Subnet], there: Sequence[Subnet], what: str, port: int) -> Outcome:
        for here in subnets:
            for other in there:
                if here is other:
                    continue
                for subnet, remote, outwards, ports, said in (
                    (here, other, True, (port, port), f"out to {what} on port {port}"),
                    (other, here, False, (port, port), f"in to {what} on port {port}"),
                    (other, here, True, EPHEMERAL, f"back the answers of {what}"),
                    (here, other, False, EPHEMERAL, f"in the answers of {what}"),
                ):
                    outcome = self._acl(subnet, self._net.blocks_of(remote), outwards=outwards, ports=ports, said=said)
                    if outcome is not None:
                        return outcome
        return None

    def _acl_out(self, subnets: Sequence[Subnet]) -> Outcome:
        for subnet in subnets:
            for outwards, ports, said in (
                (True, (_HTTPS, _HTTPS), "out on port 443 to addresses of AWS"),
                (False, EPHEMERAL, "in the answers to ports 32768 to 60999"),
            ):
                outcome = self._acl(subnet, None, outwards=outwards, ports=ports, said=said)
                if outcome is not None:
                    return outcome
        return None

    def _acl(
        self,
        subnet: Subnet,
        remote: Sequence[IPv4Network] | None,
        *,
        outwards: bool,
        ports: tuple[int, int],
        said: str,
    ) -> Outcome:
        verdict = self._net.acl_passes(subnet, remote, outwards=outwards, ports=ports)
        name = subnet.resource.logical_id
        if verdict is None:
            return Unseen(f"whether the network ACL of the subnet {name} lets {said}")
        if verdict:
            return None
        return Obstacle(
            f"the network ACL of the subnet {name} does not let {said}",
            "Allow it in the network ACL; ACLs have no memory, so answers need their own entry (TCP 1024 to 65535).",
        )


def _always(workload: Workload, holdings: Iterable[Holding], *, under: Holding | None = None) -> bool:
    """Whether one of these holds wherever the workload is there, and what stands `under` a condition too.

    A condition means something in its own template only: one of another template is never taken for granted.
    """
    home = workload.resource.template
    given = workload.resource.given
    if under is not None and under[0] is home:
        given |= under[1]
    told: list[Given] = []
    for template, holds in holdings:
        left = holds - under[1] if under is not None and under[0] is template else holds
        if template is home or not left:
            told.append(left)
    return home.always(told, given)


def _answers(zone: str, service: str) -> bool:
    """Whether a private hosted zone answers for a service's host names."""
    names = (service, *(SERVICES[service].hosts if service in SERVICES else ()))
    return zone.endswith("amazonaws.com") and (
        zone == "amazonaws.com" or any(zone.startswith(f"{name}.") for name in names)
    )


def _united(findings: Sequence[Finding]) -> list[Finding]:
    """What is not seen is said once for all services that it keeps from being judged."""
    found: list[Finding] = []
    unseen: dict[str, list[Finding]] = {}
    for finding in findings:
        if isinstance(finding.outcome, Unseen):
            unseen.setdefault(finding.outcome.what, []).append(finding)
        else:
            found.append(finding)
    for alike in unseen.values():
        purposes = tuple(dict.fromkeys(purpose for each in alike for purpose in each.purposes))
        found.append(Finding(alike[0].workload, "", purposes, alike[0].outcome))
    return found


def _narrowed(outcome: Obstacle | Unseen, problem: str, fix: str) -> Outcome:
    return outcome if isinstance(outcome, Unseen) else Obstacle(problem, fix)


def _text(place: Place | None) -> str:
    return place.logical_id if isinstance(place, Resource) else str(place)
