"""Whether a workload reaches what it needs, decided the way a packet goes: name, route, network ACL, security groups
both ways, endpoint policy.

Each question has three answers: yes, no with the piece that is missing, and that these templates do not show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from secure_containers.rules.intrinsics import Given
from secure_containers.rules.network.exposure import entering, facing_load_balancers, leaving
from secure_containers.rules.network.model import EPHEMERAL, Endpoint, Network, Subnet, Way, network
from secure_containers.rules.network.model import Peer as GroupRule
from secure_containers.rules.network.passage import refused
from secure_containers.rules.network.services import SERVICES
from secure_containers.rules.network.workloads import INTERNET, Ask, Need, Workload, workloads
from secure_containers.rules.template import Place, Resource, Template, World

HTTPS: Final = 443


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


def judged(world: World) -> list[Judged]:
    """Every workload of the templates, judged."""
    proof = _Proof(world)
    return [proof.judge(workload) for workload in world.once(workloads)]


class _Proof:
    def __init__(self, world: World) -> None:
        self._world = world
        self._net: Network = world.once(network)
        self._facing = facing_load_balancers(world)
        self._refusals: dict[tuple[Endpoint, Ask, Template], list[str] | None] = {}

    def judge(self, workload: Workload) -> Judged:
        by_service: dict[str, list[Need]] = {}
        for need in workload.needs:
            by_service.setdefault(need.host or need.service, []).append(need)
        found: list[Finding] = []
        reached: list[str] = []
        for service, needs in by_service.items():
            purposes = tuple(dict.fromkeys(need.purpose for need in needs))
            asks = tuple(dict.fromkeys(ask for need in needs for ask in need.asks))
            outcome = self._outcome(workload, needs[0].service, asks)
            if outcome is None:
                reached.append(service)
            else:
                found.append(Finding(workload, service, purposes, outcome))
        for peer in workload.peers:
            outcome = self._peer(workload, peer.resource, peer.groups, peer.ports)
            if outcome is not None:
                found.append(
                    Finding(workload, peer.resource.logical_id, (f"reach {peer.resource.logical_id}",), outcome)
                )
        found += [Finding(workload, "", ("be judged on it",), Unseen(what)) for what in dict.fromkeys(workload.untold)]
        return Judged(
            workload,
            _united(found),
            list(leaving(self._net, workload)),
            list(entering(self._net, workload, self._facing)),
            reached,
        )

    def _outcome(self, workload: Workload, service: str, asks: Sequence[Ask]) -> Outcome:
        unseen = self._unseen_place(workload)
        if unseen:
            return unseen
        subnets = self._subnets(workload)
        if service == INTERNET:
            return self._internet(workload, subnets)
        endpoints = self._net.endpoints.get((subnets[0].vpc, service), [])
        gateways = [endpoint for endpoint in endpoints if endpoint.gateway]
        served = [self._served(subnet, gateways) for subnet in subnets]
        if gateways and all(served):
            return self._by_gateway(workload, service, subnets, [each for each in served if each], asks)
        named = [endpoint for endpoint in endpoints if not endpoint.gateway and endpoint.private_dns]
        if named:
            return self._by_interface(workload, service, subnets, named, asks)
        out = self._internet(workload, subnets)
        if out is None or (isinstance(out, Unseen) and not endpoints):
            return out
        return self._missing(workload, service, subnets, endpoints, served)

    def _unseen_place(self, workload: Workload) -> Unseen | None:
        if not workload.subnets:
            return Unseen("its subnets")
        outside = [place for place in workload.subnets if place not in self._net.subnets]
        if outside:
            return Unseen(f"the subnet {_text(outside[0])} and what routes, endpoints and network ACLs it has")
        return None

    def _subnets(self, workload: Workload) -> list[Subnet]:
        return [self._net.subnets[place] for place in dict.fromkeys(workload.subnets)]

    def _served(self, subnet: Subnet, gateways: Iterable[Endpoint]) -> list[Endpoint]:
        """The gateway endpoints to which the subnet's route tables lead."""
        tables = {table for table, _ in subnet.tables}
        return [endpoint for endpoint in gateways if tables & set(endpoint.tables)]

    def _missing(
        self,
        workload: Workload,
        service: str,
        subnets: Sequence[Subnet],
        endpoints: Sequence[Endpoint],
        served: Sequence[Sequence[Endpoint]],
    ) -> Outcome:
        vpc = subnets[0].vpc
        known = SERVICES.get(service.removesuffix("-fips"))
        gateways = [endpoint for endpoint in endpoints if endpoint.gateway]
        if gateways:
            bare = next(subnet for subnet, led in zip(subnets, served, strict=True) if not led)
            return Obstacle(
                f"no route table of the subnet {bare.resource.logical_id} leads to the {service} gateway endpoint "
                f"{gateways[0].resource.logical_id}",
                f"Add the subnet's route table to the `RouteTableIds` of {gateways[0].resource.logical_id}.",
            )
        if endpoints:
            name = endpoints[0].resource.logical_id
            return Obstacle(
                f"private DNS is off on its endpoint {name}, so {service}'s host names do not lead there",
                f"Set `PrivateDnsEnabled: true` on {name}.",
            )
        if not isinstance(vpc, Resource):
            return Unseen(f"the endpoints of the VPC {_text(vpc)}")
        kind = "a gateway endpoint" if known and known.gateway else "an interface endpoint with private DNS"
        if service.endswith("-fips") and not (known and known.fips):
            return Obstacle(
                f"there is no FIPS endpoint of {service.removesuffix('-fips')} to add to a VPC",
                "Leave `AWS_USE_FIPS_ENDPOINT` out, or give the workload a way to the internet.",
            )
        if self._led_astray(workload, subnets):
            return Obstacle(
                f"the VPC has no endpoint of {service}, and the internet gateway in its route table is of no use "
                "without a public address",
                f"Add {kind} of {service} to the VPC, or place it in subnets with a NAT gateway.",
            )
        return Obstacle(
            f"the VPC {vpc.logical_id} has no endpoint of {service}, and no route leads to the internet",
            f"Add {kind} of `com.amazonaws.<region>.{service}` to the VPC {vpc.logical_id}.",
        )

    def _by_gateway(
        self,
        workload: Workload,
        service: str,
        subnets: Sequence[Subnet],
        served: Sequence[Sequence[Endpoint]],
        asks: Sequence[Ask],
    ) -> Outcome:
        for subnet, endpoints in zip(subnets, served, strict=True):
            lasting = [
                endpoint.given | given
                for endpoint in endpoints
                for table, given in subnet.tables
                if table in endpoint.tables
            ]
            if not workload.resource.always(lasting):
                name = endpoints[0].resource.logical_id
                return Obstacle(
                    f"the {service} gateway endpoint {name} is there under a condition only",
                    "Give the endpoint no condition, or the workload the same one.",
                )
        out = self._opens(workload, HTTPS, prefix_list=service)
        if out is not None:
            return _narrowed(
                out,
                f"its security group lets nothing out to the prefix list of {service} on port 443, where the gateway "
                "endpoint's traffic goes: the group of the interface endpoints is another destination",
                f"Allow egress on TCP 443 to the prefix list of {service}.",
            )
        acl = self._acl_out(subnets)
        if acl is not None:
            return acl
        return self._allowed({id(each): each for endpoints in served for each in endpoints}.values(), asks, workload)

    def _by_interface(
        self,
        workload: Workload,
        service: str,
        subnets: Sequence[Subnet],
        endpoints: Sequence[Endpoint],
        asks: Sequence[Ask],
    ) -> Outcome:
        vpc = self._net.vpcs.get(subnets[0].vpc) if subnets[0].vpc is not None else None
        if vpc is not None and not vpc.resolves_names:
            return Obstacle(
                f"the VPC {vpc.resource.logical_id} does not resolve names, so private DNS leads nowhere",
                "Set `EnableDnsSupport` and `EnableDnsHostnames` to true on the VPC.",
            )
        if not workload.resource.always([endpoint.given for endpoint in endpoints]):
            return Obstacle(
                f"the endpoint {endpoints[0].resource.logical_id} of {service} is there under a condition only",
                "Give the endpoint no condition, or the workload the same one.",
            )
        for endpoint in endpoints:
            outcome = self._to_endpoint(workload, service, subnets, endpoint)
            if outcome is not None:
                return outcome
        return self._allowed(endpoints, asks, workload)

    def _to_endpoint(self, workload: Workload, service: str, subnets: Sequence[Subnet], endpoint: Endpoint) -> Outcome:
        name = endpoint.resource.logical_id
        groups = self._groups_of(endpoint.groups, endpoint.vpc)
        there = [self._net.subnets[place] for place in endpoint.subnets if place in self._net.subnets]
        if not endpoint.subnets:
            return Obstacle(f"the endpoint {name} of {service} is in no subnet", f"Give {name} the `SubnetIds`.")
        out = self._opens(workload, HTTPS, groups=groups, subnets=there)
        if out is not None:
            return _narrowed(
                out,
                f"its security group lets nothing out to the endpoint {name} of {service} on port 443",
                f"Allow egress on TCP 443 to the security group of {name}.",
            )
        inwards = self._admits(groups, HTTPS, self._groups_of(workload.groups, subnets[0].vpc), subnets, workload)
        if inwards is not None:
            return _narrowed(
                inwards,
                f"the security group of the endpoint {name} of {service} does not let it in on port 443",
                f"Allow ingress on TCP 443 from the workload's security group in the group of {name}.",
            )
        return self._acl_between(subnets, there, f"the endpoint {name} of {service}", HTTPS)

    def _peer(self, workload: Workload, peer: Resource, groups: Sequence[Place], ports: Sequence[int]) -> Outcome:
        unseen = self._unseen_place(workload)
        if unseen:
            return unseen
        subnets = self._subnets(workload)
        for port in ports:
            out = self._opens(workload, port, groups=groups)
            if out is not None:
                return _narrowed(
                    out,
                    f"its security group lets nothing out to {peer.logical_id} on port {port}",
                    f"Allow egress on TCP {port} to the security group of {peer.logical_id}.",
                )
            inwards = self._admits(groups, port, self._groups_of(workload.groups, subnets[0].vpc), subnets, workload)
            if inwards is not None:
                return _narrowed(
                    inwards,
                    f"the security group of {peer.logical_id} does not let it in on port {port}",
                    f"Allow ingress on TCP {port} from the workload's security group.",
                )
        return None

    def _internet(self, workload: Workload, subnets: Sequence[Subnet]) -> Outcome:
        for subnet in subnets:
            ways = self._net.internet_way(subnet)
            verdicts = {way: self._net.leads_out(way, public_address=workload.is_public_in(subnet)) for way in ways}
            if workload.resource.always([way.given for way, out in verdicts.items() if out]):
                continue
            if None in verdicts.values():
                return Unseen(f"where the default route of the subnet {subnet.resource.logical_id} leads in the end")
            astray = any(way.way is Way.INTERNET for way in ways)
            reason = (
                "leads to an internet gateway, which is of no use without a public address"
                if astray
                else "has no route to the internet"
            )
            return Obstacle(
                f"the subnet {subnet.resource.logical_id} {reason}",
                "Keep what it needs inside, such as a copy of the image in a private registry, or place it in subnets "
                "with a NAT gateway.",
            )
        out = self._opens(workload, HTTPS, anywhere=True)
        if out is not None:
            return _narrowed(
                out,
                "its security group lets nothing out to the internet on port 443",
                "Allow egress on TCP 443 to where it has to go.",
            )
        return self._acl_out(subnets)

    def _led_astray(self, workload: Workload, subnets: Sequence[Subnet]) -> bool:
        return any(
            way.way is Way.INTERNET and not workload.is_public_in(subnet)
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
                    bucket = "starport-layer-bucket" in lacking[0]
                    layers = ", the bucket of ECR's layers, which no condition on account or organization meets"
                    return Obstacle(
                        f"the policy of the endpoint {name} lacks {lacking[0]}{layers if bucket else ''}",
                        f"Allow it in the `PolicyDocument` of {name}"
                        + (", in a statement without such conditions." if bucket else "."),
                    )
        return unseen

    def _refused(self, endpoint: Endpoint, ask: Ask, template: Template) -> list[str] | None:
        """Asked once for all workloads that ask the same."""
        question = (endpoint, ask, template)
        if question not in self._refusals:
            self._refusals[question] = refused(*question)
        return self._refusals[question]

    def _groups_of(self, groups: Sequence[Place], vpc: Place | None) -> list[Place]:
        """Security groups; without any, AWS takes the VPC's default group, for which the VPC stands."""
        return list(groups) or ([vpc] if vpc is not None else [])

    def _opens(
        self,
        workload: Workload,
        port: int,
        *,
        groups: Sequence[Place] = (),
        subnets: Sequence[Subnet] = (),
        prefix_list: str | None = None,
        anywhere: bool = False,
    ) -> Outcome:
        """Whether the workload's groups let it out to other groups, to subnets, to a prefix list or to anywhere."""
        own = self._subnets(workload)[0].vpc
        alternatives: list[Given] = []
        unseen: list[str] = []
        for place in self._groups_of(workload.groups, own):
            group = self._net.groups.get(place)
            if group is None:
                if place == own and own not in self._net.closed_vpcs:
                    return None  # a default group lets everything out
                if place != own:
                    unseen.append(f"what the security group {_text(place)} lets out")
                continue
            if group.egress_by_default:
                return None
            for rule in group.peers(outwards=True, groups=groups):
                if not rule.opens(port):
                    continue
                verdict = (
                    True
                    if (rule.group is not None and rule.group in groups)
                    or (rule.prefix_list is not None and rule.prefix_list == prefix_list)
                    else self._to_addresses(rule, own, subnets, outside=anywhere or prefix_list is not None)
                )
                if verdict:
                    alternatives.append(rule.given)
                elif verdict is None or (prefix_list and rule.prefix_list and rule.prefix_list not in SERVICES):
                    unseen.append(
                        f"whom the rule {rule.value.path} of {place.logical_id} means"
                        if isinstance(place, Resource)
                        else ""
                    )
        if workload.resource.always(alternatives):
            return None
        return Unseen(unseen[0]) if unseen else Obstacle("", "")

    def _to_addresses(
        self, rule: GroupRule, vpc: Place | None, subnets: Sequence[Subnet], *, outside: bool
    ) -> bool | None:
        if rule.unknown:
            return None
        if rule.is_anywhere:
            return isinstance(rule.cidr, IPv4Network) or None
        if outside or not subnets:
            return False
        if rule.of_vpc is not None:
            return rule.of_vpc == vpc
        return self._within(rule.cidr, subnets) if isinstance(rule.cidr, IPv4Network) else False

    def _within(self, block: IPv4Network, subnets: Sequence[Subnet]) -> bool | None:
        """Whether a block of addresses holds all of the subnets'."""
        verdicts: list[bool | None] = []
        for subnet in subnets:
            vpc = self._net.vpcs.get(subnet.vpc) if subnet.vpc is not None else None
            if subnet.cidr is not None:
                verdicts.append(subnet.cidr.subnet_of(block))
            elif vpc is not None and vpc.cidrs:
                whole = all(cidr.subnet_of(block) for cidr in vpc.cidrs)
                verdicts.append(True if whole else None)
            else:
                verdicts.append(None)
        return False if False in verdicts else None if None in verdicts else True

    def _admits(
        self,
        groups: Sequence[Place],
        port: int,
        callers: Sequence[Place],
        subnets: Sequence[Subnet],
        workload: Workload,
    ) -> Outcome:
        """Whether groups let the callers' groups, or their subnets' addresses, in."""
        alternatives: list[Given] = []
        unseen: list[str] = []
        for place in groups:
            group = self._net.groups.get(place)
            if group is None:
                if place in callers and place not in self._net.closed_vpcs:
                    return None  # members of a default group reach one another
                if place not in self._net.vpcs:
                    unseen.append(f"whom the security group {_text(place)} lets in")
                continue
            for rule in group.peers(outwards=False, groups=callers):
                if not rule.opens(port):
                    continue
                if rule.group is not None and rule.group in callers:
                    verdict: bool | None = True
                elif rule.prefix_list is not None:
                    verdict = None
                else:
                    verdict = self._to_addresses(rule, subnets[0].vpc, subnets, outside=False)
                if verdict:
                    alternatives.append(rule.given)
                elif verdict is None:
                    unseen.append(f"whom the rule {rule.value.path} of {group.resource.logical_id} means")
        if workload.resource.always(alternatives):
            return None
        return Unseen(unseen[0]) if unseen else Obstacle("", "")

    def _acl_between(self, subnets: Sequence[Subnet], there: Sequence[Subnet], what: str, port: int) -> Outcome:
        for here in subnets:
            for other in there:
                if here is other or not (here.acl or other.acl):
                    continue
                for subnet, remote, outwards, ports, said in (
                    (here, other, True, (port, port), f"out to {what} on port {port}"),
                    (other, here, False, (port, port), f"in to {what} on port {port}"),
                    (other, here, True, EPHEMERAL, f"back the answers of {what}"),
                    (here, other, False, EPHEMERAL, f"in the answers of {what}"),
                ):
                    outcome = self._acl(subnet, remote.cidr, outwards=outwards, ports=ports, said=said)
                    if outcome is not None:
                        return outcome
        return None

    def _acl_out(self, subnets: Sequence[Subnet]) -> Outcome:
        for subnet in subnets:
            for outwards, ports, said in (
                (True, (HTTPS, HTTPS), "out on port 443 to addresses of AWS"),
                (False, EPHEMERAL, "in the answers to ports 32768 to 60999"),
            ):
                outcome = self._acl(subnet, None, outwards=outwards, ports=ports, said=said)
                if outcome is not None:
                    return outcome
        return None

    def _acl(
        self, subnet: Subnet, remote: IPv4Network | None, *, outwards: bool, ports: tuple[int, int], said: str
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
