"""Networks that stand in another stack: followed where it is judged too, and said to be unseen where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from secure_containers.rules import Template
from tests.rules.network.samples import (
    LAYERS,
    REGION,
    Resources,
    allow,
    body,
    document,
    interface,
    judge,
    network,
    props,
    resource,
    template,
    told,
    without_endpoints,
    workloads,
)
from tests.rules.support import ACCOUNT, att, join, ref

Bridge = Callable[[str], Any]
"""How a stack names a resource of the other one."""
SHARED = ("SubnetA", "SubnetB", "SubnetC", "WorkloadGroup")


def weak(name: str) -> Any:
    return {"Fn::GetStackOutput": {"StackName": "Network", "OutputName": name, "Region": REGION}}


def exported(name: str) -> Any:
    return {"Fn::ImportValue": f"Network:{name}"}


def output(name: str) -> dict[str, Any]:
    value = att(name, "GroupId") if name == "WorkloadGroup" else ref(name)
    return {"Value": value, "Export": {"Name": f"Network:{name}"}}


def outputs() -> dict[str, Any]:
    return {name: output(name) for name in SHARED}


def moved(node: Any, bridge: Bridge) -> Any:
    """The workloads, with the network's resources named across the bridge."""
    if isinstance(node, list):
        return [moved(each, bridge) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("Ref") in SHARED:
        return bridge(node["Ref"])
    if node.get("Fn::GetAtt", [""])[0] in SHARED:
        return bridge(node["Fn::GetAtt"][0])
    return {key: moved(each, bridge) for key, each in node.items()}


def stacks(bridge: Bridge, change: Callable[[Resources], None] = lambda _: None) -> tuple[Template, Template]:
    net = network()
    change(net)
    return (
        template(net, stack="Network", Outputs=outputs()),
        template(moved(workloads(), bridge), stack="Workloads"),
    )


def nested(change: Callable[[Resources], None] = lambda _: None) -> tuple[Template, ...]:
    """A parent with the network in one nested stack and the workloads in another."""
    net = network()
    change(net)
    parent = template(
        {
            "Network": resource("CloudFormation::Stack", TemplateURL="network.yaml"),
            "Workloads": resource(
                "CloudFormation::Stack",
                TemplateURL="workloads.yaml",
                Parameters={f"The{name}": att("Network", f"Outputs.{name}") for name in SHARED},
            ),
        },
        stack="Parent",
    )
    inner = {
        "Network": body(net, Outputs={name: {"Value": output(name)["Value"]} for name in SHARED}),
        "Workloads": body(
            moved(workloads(), lambda name: ref(f"The{name}")),
            Parameters={f"The{name}": {"Type": "String"} for name in SHARED},
        ),
    }
    return (
        parent,
        *(
            Template(each, f"{name}.yaml", account=ACCOUNT, region=REGION, parent=parent.resources[name])
            for name, each in inner.items()
        ),
    )


WAYS = [
    pytest.param(lambda change: stacks(weak, change), id="weak references"),
    pytest.param(lambda change: stacks(exported, change), id="exports"),
    pytest.param(nested, id="nested stacks"),
]


@pytest.mark.parametrize("way", WAYS)
def test_sound(way: Callable[..., tuple[Template, ...]]) -> None:
    found = judge(*way(lambda _: None))
    assert not found, told(found)


@pytest.mark.parametrize("way", WAYS)
def test_an_endpoint_is_missing(way: Callable[..., tuple[Template, ...]]) -> None:
    found = judge(*way(lambda net: without_endpoints(net, "Logs")))
    assert {each.id for each in found} == {"SC-NET-01[logs]"}, told(found)
    assert {each.logical_id for each in found} == {"Service", "Nightly", "Jobs"}
    assert all(each.resource is not None and each.template is each.resource.template for each in found)


@pytest.mark.parametrize("way", WAYS)
def test_the_group_is_closed(way: Callable[..., tuple[Template, ...]]) -> None:
    found = judge(*way(lambda net: net.pop("OutToEndpoints")))
    assert "SC-NET-01[ecr.api]" in {each.id for each in found}, told(found)


@pytest.mark.parametrize("bridge", [weak, exported])
def test_the_network_is_not_judged_too(bridge: Bridge) -> None:
    found = judge(stacks(bridge)[1])
    assert {each.id for each in found} == {"SC-NET-02"}, told(found)
    assert {each.logical_id for each in found} == {"Service", "Nightly", "Function", "Jobs"}
    assert all("not visible here: the subnet" in each.message for each in found)


def test_the_endpoints_stand_in_a_third_stack() -> None:
    net = network()
    logs = net.pop("Logs")
    share = {"Vpc": ref("Vpc"), "EndpointGroup": att("EndpointGroup", "GroupId")}
    more = {name: {"Value": value, "Export": {"Name": f"Network:{name}"}} for name, value in share.items()}
    props({"Logs": logs}, "Logs").update(
        VpcId=exported("Vpc"),
        SecurityGroupIds=[exported("EndpointGroup")],
        SubnetIds=[exported(name) for name in SHARED[:3]],
    )
    found = judge(
        template(net, stack="Network", Outputs=outputs() | more),
        template({"Logs": logs}, stack="Endpoints"),
        template(moved(workloads(), exported), stack="Workloads"),
    )
    assert not found, told(found)


def test_a_policy_names_the_bucket_of_another_stack() -> None:
    net, work = network(), workloads()
    net["Bucket"] = work.pop("Bucket")
    props(net, "S3")["PolicyDocument"] = document(allow("s3:*", join(att("Bucket"), "/*"), Principal="*"), LAYERS)
    text = {"TaskRole": "s3:GetObject", "JobRole": "s3:PutObject"}
    for name, action in text.items():
        statement = props(work, name)["Policies"][0]["PolicyDocument"]["Statement"][0]
        assert statement["Action"] == action
        statement["Resource"] = join({"Fn::ImportValue": "Network:Bucket"}, "/*")
    exports = outputs() | {"Bucket": {"Value": att("Bucket"), "Export": {"Name": "Network:Bucket"}}}
    found = judge(template(net, stack="Network", Outputs=exports), template(moved(work, exported), stack="Workloads"))
    assert not found, told(found)


def test_a_policy_names_the_bucket_of_that_name_in_its_own_stack() -> None:
    def change(net: Resources) -> None:
        net["Bucket"] = resource("S3::Bucket")
        props(net, "S3")["PolicyDocument"] = document(allow("s3:*", join(att("Bucket"), "/*"), Principal="*"), LAYERS)

    found = judge(*stacks(exported, change))
    assert {each.id for each in found} == {"SC-NET-01[s3]"}, told(found) or "no finding"


def test_a_condition_of_the_same_name_means_something_else_there() -> None:
    net, work = network(), moved(workloads(), exported)
    for name in ("Nightly", "Jobs"):
        del work[name]
    net["Logs"]["Condition"] = work["Service"]["Condition"] = "Wanted"
    found = judge(
        template(
            net,
            stack="Network",
            Outputs=outputs(),
            Conditions={"Wanted": {"Fn::Equals": [ref("Free"), "yes"]}},
        ),
        template(work, stack="Workloads", Conditions={"Wanted": {"Fn::Equals": [ref("Environment"), "prod"]}}),
    )
    assert {each.id for each in found} == {"SC-NET-01[logs]"}, told(found) or "no finding"


def test_a_condition_of_another_stack_is_not_taken_for_granted() -> None:
    found = judge(*stacks(exported, lambda net: net["Logs"].update(Condition="Open")))
    assert {each.id for each in found} == {"SC-NET-01[logs]"}, told(found) or "no finding"


def test_an_export_that_two_stacks_give_tells_nothing() -> None:
    one, work = stacks(exported)
    other = template(network(), stack="Twin", Outputs=outputs())
    found = judge(one, other, work)
    assert {each.id for each in found} == {"SC-NET-02"}, told(found)


def test_an_export_of_another_region() -> None:
    far = template(network(), stack="Network", region="us-east-1", Outputs=outputs())
    found = judge(far, stacks(exported)[1])
    assert "SC-NET-02" in {each.id for each in found}, told(found) or "no finding"


def test_an_endpoint_that_another_stack_adds_breaks_the_way() -> None:
    share = {"Vpc": {"Value": ref("Vpc"), "Export": {"Name": "Network:Vpc"}}}
    net = network()
    without_endpoints(net, "Logs")
    group = resource("EC2::SecurityGroup", GroupDescription="theirs", VpcId=exported("Vpc"))
    theirs = interface(
        "logs",
        VpcId=exported("Vpc"),
        SubnetIds=[exported(name) for name in SHARED[:3]],
        SecurityGroupIds=[att("Theirs", "GroupId")],
    )
    found = judge(
        template(net, stack="Network", Outputs=outputs() | share),
        template({"Theirs": group, "Logs": theirs}, stack="Others"),
        template(moved(workloads(), exported), stack="Workloads"),
    )
    assert {each.id for each in found} == {"SC-NET-01[logs]"}, told(found)
