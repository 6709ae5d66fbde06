"""The rule about the way that data takes to S3 and DynamoDB."""

from __future__ import annotations

import pytest

from secure_containers.rules import evaluate
from secure_containers.rules.data_paths import data_over_the_internet
from tests.rules.network.samples import (
    Resources,
    add_nat,
    let_out,
    make_public,
    nat_only,
    only,
    props,
    sound,
    template,
    without_endpoints,
)

S3, TABLES = "SC-NET-13[s3]", "SC-NET-13[dynamodb]"


def judged(resources: Resources) -> set[tuple[str | None, str]]:
    found = evaluate([template(resources)], [data_over_the_internet]).findings
    return {(finding.logical_id, finding.id) for finding in found}


def test_by_a_nat_gateway() -> None:
    assert judged(nat_only()) == {("Service", S3), ("Nightly", S3), ("Function", TABLES), ("Jobs", S3)}


def test_by_gateway_endpoints() -> None:
    resources = sound()
    add_nat(resources)
    let_out(resources)
    assert judged(sound()) == judged(resources) == set()


def test_a_route_table_without_the_endpoint() -> None:
    resources = only("Jobs")
    add_nat(resources)
    let_out(resources)
    props(resources, "S3")["RouteTableIds"].pop()
    assert judged(resources) == {("Jobs", S3)}


def test_what_is_not_reached_is_another_finding() -> None:
    resources = sound()
    without_endpoints(resources)
    assert judged(resources) == set()


def test_from_a_public_address() -> None:
    resources = only("Service")
    without_endpoints(resources)
    make_public(resources)
    let_out(resources)
    configuration = props(resources, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert judged(resources) == set()
    configuration["AssignPublicIp"] = "ENABLED"
    assert judged(resources) == {("Service", S3)}


@pytest.mark.parametrize("name", ["Service", "Jobs"])
def test_layers_of_images_alone_are_no_finding(name: str) -> None:
    resources = nat_only(name)
    for role in ("TaskRole", "JobRole"):
        props(resources, role)["Policies"].clear()
    assert judged(resources) == set()


def test_an_interface_endpoint_is_no_internet() -> None:
    resources = only("Jobs")
    add_nat(resources)
    let_out(resources)
    properties = props(resources, "S3")
    properties.update(
        VpcEndpointType="Interface",
        SubnetIds=props(resources, "Logs")["SubnetIds"],
        SecurityGroupIds=props(resources, "Logs")["SecurityGroupIds"],
        PrivateDnsEnabled=True,
    )
    del properties["RouteTableIds"]
    assert judged(resources) == set()
