"""Zones and addresses of a private network, and the ways out that it can have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Final

from aws_cdk import Fn, Stack, Token
from aws_cdk import aws_ec2 as ec2

from secure_containers.errors import check_list, check_type, invalid

MOST_ZONES: Final = 6
_TWO_ZONES: Final = ("us-west-1",)
"""Regions in which most accounts have two zones; every other Region has three or more."""
_LARGEST: Final = 16
_SMALLEST: Final = 28
"""The prefixes of the largest VPC and of the smallest subnet that AWS makes."""
_STEPS: Final = 3
"""Each half is divided by two so many times: into 8 slots, more than there are zones."""


class WayOut(StrEnum):
    """How a network's egress subnets lead to the internet."""

    ONE_NAT_GATEWAY = "one NAT gateway"
    NAT_GATEWAY_PER_ZONE = "a NAT gateway in each zone"
    GIVEN_SUBNETS = "subnets that are there"


@dataclass(frozen=True, slots=True)
class Egress:
    """A way to the internet, for the workloads of a network that ask for it."""

    way: WayOut
    subnets: tuple[ec2.ISubnet, ...] = ()

    @classmethod
    def one_nat_gateway(cls) -> Egress:
        """One NAT gateway for all zones: cheaper, and gone with its zone."""
        return cls(WayOut.ONE_NAT_GATEWAY)

    @classmethod
    def nat_gateway_per_zone(cls) -> Egress:
        """A NAT gateway in each zone, so that the others go on when one zone fails."""
        return cls(WayOut.NAT_GATEWAY_PER_ZONE)

    @classmethod
    def through(cls, subnets: Sequence[ec2.ISubnet]) -> Egress:
        """Subnets of an existing VPC that lead out already, by a firewall, a transit gateway or a NAT gateway.

        Args:
            subnets: the subnets, one in each zone that is used.
        """
        check_list(
            "Egress.through", "subnets", subnets, object, allowed="subnets", write="Egress.through(vpc.private_subnets)"
        )
        if not subnets:
            raise invalid(
                "Egress.through",
                "subnets",
                list(subnets),
                allowed="one subnet at least",
                write="Egress.through(vpc.private_subnets)",
            )
        return cls(WayOut.GIVEN_SUBNETS, tuple(subnets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The addresses of a network's subnets, one of each kind a zone.

    The lower half is for isolated subnets. The upper half is kept for egress subnets even while there are none, and
    each half has room for more zones, so that both can be added later without moving what runs.
    """

    whole: str
    isolated: tuple[str, ...]
    egress: tuple[str, ...]
    public: tuple[str, ...]


def plan(path: str, cidr: str, zones: int, *, gateways: int) -> Plan:
    """Divide a network's addresses, with subnets for so many NAT gateways.

    Raises:
        ValueError: the CIDR is none, or too small.
    """
    write = 'cidr="10.0.0.0/16"'
    check_type(path, "cidr", cidr, str, allowed="an IPv4 network", write=write)
    if Token.is_unresolved(cidr):
        raise invalid(path, "cidr", cidr, allowed="addresses that are known at synthesis", write=write)
    try:
        whole = IPv4Network(cidr)
    except ValueError as error:
        raise invalid(path, "cidr", cidr, allowed="an IPv4 network without host bits", write=write) from error
    # Of the last slot of the upper half, which no zone has, NAT gateways get subnets of the smallest size.
    smallest = _SMALLEST - max(gateways - 1, 0).bit_length() - 1 - _STEPS
    if not _LARGEST <= whole.prefixlen <= smallest:
        needed = f" and {gateways} of /{_SMALLEST} for NAT gateways" if gateways else ""
        raise invalid(
            path,
            "cidr",
            cidr,
            allowed=f"a network from /{_LARGEST} to /{smallest}: half of it is kept for egress, and each half has "
            f"{2**_STEPS} subnets of /{_SMALLEST} at least{needed}",
            write=f'cidr="{IPv4Network((whole.network_address, min(smallest, 20)), strict=False)}"',
        )
    lower, upper = whole.subnets(1)
    isolated, out = list(lower.subnets(_STEPS)), list(upper.subnets(_STEPS))
    public = list(out[-1].subnets(new_prefix=_SMALLEST))
    return Plan(
        whole=str(whole),
        isolated=tuple(map(str, isolated[:zones])),
        egress=tuple(map(str, out[:zones])) if gateways else (),
        public=tuple(map(str, public[:gateways])),
    )


def zone_names(path: str, stack: Stack, zones: int | Sequence[str] | None) -> list[str]:
    """The zones to use: the names that were given, or the Region's first ones, as the deployment finds them.

    Raises:
        ValueError: the number or the names are wrong.
    """
    write = "zones=3"
    if isinstance(zones, int):
        if isinstance(zones, bool) or not 1 <= zones <= MOST_ZONES:
            raise invalid(path, "zones", zones, allowed=f"1 to {MOST_ZONES} zones", write=write)
        return list(_first(zones))
    if zones is not None:
        check_list(path, "zones", zones, str, allowed="a number, or names of zones", write=write)
        if not 1 <= len(zones) <= MOST_ZONES or len(set(zones)) != len(zones):
            raise invalid(path, "zones", list(zones), allowed=f"1 to {MOST_ZONES} different zones", write=write)
        for zone in zones:
            known = not Token.is_unresolved(zone) and not Token.is_unresolved(stack.region)
            if known and not zone.startswith(stack.region):
                raise invalid(
                    path, "zones", zone, allowed=f"zones of {stack.region}", write=f'zones=["{stack.region}a"]'
                )
        return list(zones)
    return list(_first(2 if stack.region in _TWO_ZONES else 3))


def _first(count: int) -> Iterator[str]:
    # Not `Stack.availability_zones`, which asks an account as soon as the stack has one.
    all_ = Fn.get_azs()
    for index in range(count):
        yield Fn.select(index, all_)
