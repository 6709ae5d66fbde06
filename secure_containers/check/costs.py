"""What a template costs each month before anybody uses it: endpoints, gateways, keys, alarms. Not what runs: its price
depends on sizes, counts and types of instances, for which there is no table here."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from secure_containers.rules.template import Resource, Template

_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "AWS::KMS::Key": ("kms_key", "KMS keys"),
    "AWS::KMS::ReplicaKey": ("kms_key", "KMS keys"),
    "AWS::SecretsManager::Secret": ("secret", "secrets"),
    "AWS::CloudWatch::Alarm": ("alarm", "alarms"),
    "AWS::CloudWatch::Dashboard": ("dashboard", "dashboards"),
    "AWS::EC2::NatGateway": ("nat_gateway", "NAT gateways"),
    "AWS::EC2::EIP": ("public_ipv4_address", "public IPv4 addresses"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("load_balancer", "load balancers"),
}
"""The price of each type, and what its resources are called; the table of prices tells whether by hour or month."""
_ENDPOINTS: Final = "interface endpoints, counted by zone"
RUNNING: Final = "tasks, instances and copies that run come on top"
"""What these costs leave out, to be said beside them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What some resources of one kind cost a month."""

    what: str
    count: int
    monthly: float
    """USD."""

    def __str__(self) -> str:
        return f"{self.what} ({self.count}): {self.monthly:.2f}"


@cache
def prices() -> Mapping[str, Any]:
    """The table of prices, with its source and date."""
    return tomllib.loads(resources.files(__package__).joinpath("prices.toml").read_text(encoding="utf-8"))


def fixed_costs(templates: Iterable[Template]) -> list[Cost]:
    """The fixed costs of templates, the largest first."""
    counts = Counter(counted for template in templates for counted in _counted(template))
    found = [Cost(what, count, count * _monthly(price)) for (what, price), count in counts.items()]
    return sorted(found, key=lambda cost: (-cost.monthly, cost.what))


def _counted(template: Template) -> Iterator[tuple[str, str]]:
    for type_, (price, what) in _KINDS.items():
        yield from ((what, price) for _ in template.of_type(type_))
    for endpoint in template.of_type("AWS::EC2::VPCEndpoint"):
        if any(kind.text == "Interface" for kind in endpoint.get("VpcEndpointType")):
            yield from ((_ENDPOINTS, "interface_endpoint_and_zone") for _ in range(_zones(endpoint)))


def _zones(endpoint: Resource) -> int:
    """An endpoint has one interface a subnet; one at least where a list is not told."""
    return max([1, *(len(list(subnets.items())) for subnets in endpoint.get("SubnetIds"))])


def _monthly(price: str) -> float:
    table = prices()
    hourly: dict[str, float] = table["hourly"]
    if price in hourly:
        return float(hourly[price] * table["hours_a_month"])
    return float(table["monthly"][price])
