"""Fixed costs of templates."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from secure_containers.check.costs import fixed_costs, prices
from secure_containers.rules import Template


def told(resources: dict[str, Any], **sections: Any) -> list[str]:
    return [str(cost) for cost in fixed_costs([Template({"Resources": resources, **sections}, "t")])]


def endpoint(*subnets: Any, kind: str = "Interface") -> dict[str, Any]:
    return {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": kind, "SubnetIds": list(subnets)}}


def test_endpoints_cost_by_zone_and_gateways_nothing() -> None:
    resources = {"A": endpoint("a", "b", "c"), "B": endpoint("a"), "Free": endpoint(kind="Gateway")}
    assert told(resources) == ["interface endpoints, counted by zone (4): 29.20"]


def test_a_list_that_is_not_told_counts_once() -> None:
    resources = {
        "A": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {"VpcEndpointType": "Interface", "SubnetIds": {"Ref": "Subnets"}},
        }
    }
    parameters = {"Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"}}
    assert told(resources, Parameters=parameters) == ["interface endpoints, counted by zone (1): 7.30"]


def test_the_dearest_comes_first() -> None:
    resources = {
        "Key": {"Type": "AWS::KMS::Key"},
        "Nat": {"Type": "AWS::EC2::NatGateway"},
        "Address": {"Type": "AWS::EC2::EIP"},
        "Alarm": {"Type": "AWS::CloudWatch::Alarm"},
        "Board": {"Type": "AWS::CloudWatch::Dashboard"},
    }
    assert told(resources) == [
        "NAT gateways (1): 32.85",
        "public IPv4 addresses (1): 3.65",
        "dashboards (1): 3.00",
        "KMS keys (1): 1.00",
        "alarms (1): 0.10",
    ]


def test_what_a_condition_leaves_out_costs_nothing() -> None:
    resources = {"Key": {"Type": "AWS::KMS::Key", "Condition": "Never"}}
    assert told(resources, Conditions={"Never": {"Fn::Equals": ["a", "b"]}}) == []


@pytest.mark.parametrize("section", ["hourly", "monthly"])
def test_prices_have_a_source_and_a_date(section: str) -> None:
    table = prices()
    assert table["source"]
    assert date.fromisoformat(table["date"]) <= date.today()
    assert all(price > 0 for price in table[section].values())
