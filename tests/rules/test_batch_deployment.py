"""The rule about what Batch refuses: definitions, queues, compute environments."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import Kind, Template, evaluate
from secure_containers.rules.batch_deployment import undeployable_batch
from secure_containers.rules.fargate import memory_for
from tests.rules.support import NO_VALUE, att, either, join, ref, template

Properties = dict[str, Any]
PARAMETERS = {
    "Number": {"Type": "Number"},
    "Timeout": {"Type": "Number", "MinValue": 60},
    "Short": {"Type": "Number", "MinValue": 30, "MaxValue": 90},
    "Attempts": {"Type": "Number", "Default": 3, "MinValue": 1, "MaxValue": 10},
    "Vcpus": {"Type": "String", "AllowedValues": ["1", "2"]},
    "Gib": {"Type": "Number", "MinValue": 21, "MaxValue": 100},
    "Names": {"Type": "CommaDelimitedList"},
}


def told(type_: str, properties: Any, *, others: dict[str, Any] | None = None) -> str:
    """What the rule says of one resource: `bad`, `undecided` or nothing."""
    resources = {"It": {"Type": f"AWS::Batch::{type_}", "Properties": properties}, **(others or {})}
    return told_of("It", template(resources, Parameters=PARAMETERS))


def told_of(name: str, *templates: Template) -> str:
    findings = [each for each in evaluate(templates, [undeployable_batch]).findings if each.logical_id in (name, None)]
    words = {Kind.VIOLATION: "bad", Kind.UNDECIDED: "undecided", Kind.ENGINE: "failed"}
    return " ".join(sorted(words[each.kind] for each in findings))


def message(type_: str, properties: Properties) -> str:
    resources = {"It": {"Type": f"AWS::Batch::{type_}", "Properties": properties}}
    (finding,) = evaluate([template(resources)], [undeployable_batch]).findings
    return finding.message


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Timeout": {"AttemptDurationSeconds": 59}}, "bad"),
        ({"Timeout": {"AttemptDurationSeconds": "30"}}, "bad"),
        ({"Timeout": {"AttemptDurationSeconds": "an hour"}}, "bad"),
        ({"Timeout": {"AttemptDurationSeconds": either("Prod", 3600, 10)}}, "bad"),
        ({"Timeout": {"AttemptDurationSeconds": ref("Number")}}, "undecided"),
        ({"Timeout": {"AttemptDurationSeconds": ref("Short")}}, "undecided"),
        ({"Timeout": {"AttemptDurationSeconds": join(ref("Free"), "0")}}, "undecided"),
        ({"Timeout": {"AttemptDurationSeconds": {"Fn::ImportValue": "timeout"}}}, "undecided"),
        ({"RetryStrategy": {"Attempts": 0}}, "bad"),
        ({"RetryStrategy": {"Attempts": 11}}, "bad"),
        ({"RetryStrategy": {"Attempts": ref("Timeout")}}, "undecided"),
        ({"RetryStrategy": {"EvaluateOnExit": [{"Action": "EXIT"}] * 6}}, "bad"),
        (
            {"RetryStrategy": {"EvaluateOnExit": [{"Action": "EXIT"}] * 5 + [either("Prod", {}, {"Action": "RETRY"})]}},
            "bad",
        ),
        ({"Timeout": {"AttemptDurationSeconds": 60}}, ""),
        ({"Timeout": {"AttemptDurationSeconds": ref("Timeout")}}, ""),
        ({"Timeout": NO_VALUE, "RetryStrategy": {}}, ""),
        ({"RetryStrategy": {"Attempts": 1}}, ""),
        ({"RetryStrategy": {"Attempts": "10"}}, ""),
        ({"RetryStrategy": {"Attempts": ref("Attempts")}}, ""),
        ({"RetryStrategy": {"EvaluateOnExit": [{"Action": "EXIT"}] * 5}}, ""),
        ({"RetryStrategy": {"EvaluateOnExit": [{"Action": "EXIT"}] * 5 + [either("Prod", {"Action": "RETRY"})]}}, ""),
    ],
)
def test_definitions(properties: Properties, expected: str) -> None:
    assert told("JobDefinition", properties) == expected


def asking(vcpus: Any, memory: Any, *more: Any) -> Properties:
    return {
        "ResourceRequirements": [{"Type": "VCPU", "Value": vcpus}, {"Type": "MEMORY", "Value": memory}, *more],
    }


def fargate(**container: Any) -> Properties:
    properties = {"ExecutionRoleArn": "execution", **asking("1", "2048"), **container}
    return {"PlatformCapabilities": ["FARGATE"], "ContainerProperties": properties}


def tasks(*containers: Any, **task: Any) -> Properties:
    properties = {"ExecutionRoleArn": "execution", "Containers": list(containers), **task}
    return {"PlatformCapabilities": ["FARGATE"], "EcsProperties": {"TaskProperties": [properties]}}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (fargate(ExecutionRoleArn=NO_VALUE), "bad"),
        (fargate(ExecutionRoleArn=""), "bad"),
        (fargate(ExecutionRoleArn=either("Prod", "execution")), "bad"),
        (fargate(ExecutionRoleArn=ref("Free")), "undecided"),
        (fargate(Privileged=True), "bad"),
        (fargate(Privileged=ref("Free")), "undecided"),
        (fargate(EphemeralStorage={"SizeInGiB": 20}), "bad"),
        (fargate(EphemeralStorage={"SizeInGiB": "201"}), "bad"),
        (fargate(EphemeralStorage={"SizeInGiB": ref("Number")}), "undecided"),
        (fargate(**asking("1", "1024")), "bad"),
        (fargate(**asking("3", "8192")), "bad"),
        (fargate(**asking("one", "2048")), "bad"),
        (fargate(**asking(either("Prod", "1", "4"), "2048")), "bad"),
        (fargate(**asking(ref("Vcpus"), "2048")), "bad"),
        (fargate(**asking(ref("Free"), "2048")), "undecided"),
        (fargate(**asking("1", join(ref("Free"), "48"))), "undecided"),
        (fargate(**asking("1", "2048", {"Type": "GPU", "Value": "1"})), "bad"),
        (fargate(**asking("1", "2048", {"Type": "GPU", "Value": ref("Free")})), "bad"),
        (fargate(ResourceRequirements=NO_VALUE), "bad"),
        (fargate(ResourceRequirements=[{"Type": "VCPU", "Value": "1"}]), "bad"),
        (fargate(ResourceRequirements=[{"Type": "MEMORY", "Value": "2048"}]), "bad"),
        (
            fargate(
                ResourceRequirements=[
                    either("Prod", {"Type": "VCPU", "Value": "1"}),
                    {"Type": "MEMORY", "Value": "2048"},
                ]
            ),
            "bad",
        ),
        (fargate(ResourceRequirements=NO_VALUE, Vcpus=1, Memory=2048), "bad bad bad"),
        (fargate(Vcpus=ref("Free")), "bad"),
        (fargate(ResourceRequirements=ref("Free")), "undecided"),
        (fargate(ResourceRequirements=[{"Type": ref("Free"), "Value": "1"}]), "undecided"),
        ({"PlatformCapabilities": ["FARGATE"], "ContainerProperties": ref("Free")}, "undecided"),
        ({"PlatformCapabilities": ref("Free")}, "undecided"),
        ({"PlatformCapabilities": ["FARGATE"], "NodeProperties": {"NodeRangeProperties": [{"Container": {}}]}}, "bad"),
        ({"PlatformCapabilities": either("Prod", ["EC2"], ["FARGATE"]), "ContainerProperties": {}}, "bad bad"),
        (fargate(), ""),
        (fargate(Vcpus=NO_VALUE, Privileged=False), ""),
        (fargate(EphemeralStorage={"SizeInGiB": 21}), ""),
        (fargate(EphemeralStorage={"SizeInGiB": 200}), ""),
        (fargate(EphemeralStorage={"SizeInGiB": ref("Gib")}), ""),
        (fargate(**asking("0.25", "512")), ""),
        (fargate(**asking(16, 122880)), ""),
        (fargate(**asking(either("Prod", "2", "1"), either("Prod", "16384", "2048"))), ""),
        (fargate(**asking(ref("Vcpus"), "4096")), ""),
        (
            fargate(
                ResourceRequirements=[
                    {"Type": "VCPU", "Value": "1"},
                    either("Prod", {"Type": "MEMORY", "Value": "2048"}, {"Type": "MEMORY", "Value": "8192"}),
                ]
            ),
            "",
        ),
        (
            fargate(
                ResourceRequirements=either(
                    "Prod", *(asking("1", each)["ResourceRequirements"] for each in (2048, 4096))
                )
            ),
            "",
        ),
        ({"PlatformCapabilities": ["EC2"], "ContainerProperties": {"Vcpus": 1, "Privileged": True}}, ""),
        ({"NodeProperties": {"NodeRangeProperties": [{"Container": {"Vcpus": 1}}]}}, ""),
        ({"PlatformCapabilities": ["FARGATE"], "EksProperties": {"PodProperties": {"Containers": [{}]}}}, ""),
        (
            {
                "PlatformCapabilities": either("Prod", ["EC2"], ["FARGATE"]),
                "ContainerProperties": either("Prod", {}, fargate()["ContainerProperties"]),
            },
            "",
        ),
        (
            {
                "PlatformCapabilities": either("Prod", ["EC2"], ["FARGATE"]),
                **fargate() | {"PlatformCapabilities": either("Prod", ["EC2"], ["FARGATE"])},
                "NodeProperties": either("Prod", {"NodeRangeProperties": []}),
            },
            "",
        ),
    ],
)
def test_definitions_on_fargate(properties: Properties, expected: str) -> None:
    assert told("JobDefinition", properties) == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (tasks(asking("1", "2048"), asking("2", "4096")), "bad"),
        (tasks(asking("1", "1024")), "bad"),
        (tasks(asking("1", "2048"), asking("1", "2048") | {"Privileged": True}), "bad"),
        (tasks({}, {}), "bad"),
        (tasks(asking("1", "2048"), ExecutionRoleArn=NO_VALUE), "bad"),
        (tasks(asking("1", "2048"), EphemeralStorage={"SizeInGiB": 500}), "bad"),
        (tasks(asking("1", "2048"), either("Prod", asking("2", "4096"))), "bad"),
        (tasks(either("Prod", asking("1", "2048"))), "bad"),
        (tasks(ref("Free")), "undecided"),
        ({"PlatformCapabilities": ["FARGATE"], "EcsProperties": ref("Free")}, "undecided"),
        (tasks(asking("2", "4096"), asking("6", "12288")), ""),
        (tasks(asking("1", "2048"), {}), ""),
        (tasks(asking("1", "2048"), either("Prod", asking("1", "2048"), asking("3", "6144"))), ""),
        (tasks(asking("1", "2048"), either("Prod", asking("1", "2048"))), ""),
        (tasks(either("Prod", asking("1", "2048"), asking("2", "4096")), either("NotProd", asking("2", "4096"))), ""),
    ],
)
def test_the_containers_of_a_task_have_one_size_together(properties: Properties, expected: str) -> None:
    assert told("JobDefinition", properties) == expected


def test_what_is_said_of_a_definition() -> None:
    assert message("JobDefinition", fargate(**asking("1", "1024"))) == (
        "Fargate has no size of 1 vCPUs and 1024 MiB: there are 2048 to 8192 MiB in steps of 1024 with 1 vCPUs"
    )
    assert message("JobDefinition", fargate(**asking("3", "1024"))) == (
        f"Fargate has no size of 3 vCPUs and 1024 MiB: there are {memory_for(3)}"
    )
    one = {"ResourceRequirements": [{"Type": "VCPU", "Value": "1"}]}
    assert message("JobDefinition", fargate(**one)) == "jobs on Fargate need VCPU and MEMORY in ResourceRequirements"
    assert message("JobDefinition", {"Timeout": {"AttemptDurationSeconds": 1}}) == (
        "1 is not a timeout in seconds that Batch takes: 60 at least"
    )
    assert message("JobDefinition", {"RetryStrategy": {"Attempts": 11}}) == (
        "11 is not a number of attempts that Batch takes: 1 to 10"
    )
    assert message("JobDefinition", {"RetryStrategy": {"EvaluateOnExit": [{}] * 6}}) == (
        "EvaluateOnExit has 6 entries: 5 at most"
    )


def environment(type_: Any) -> Properties:
    return {"Type": "AWS::Batch::ComputeEnvironment", "Properties": {"ComputeResources": {"Type": type_}}}


OTHERS = {
    "Fargate": environment("FARGATE"),
    "FargateSpot": environment("fargate_spot"),
    "Ec2": environment("EC2"),
    "Spot": environment("SPOT"),
    "Managed": environment("ECS_MANAGED_INSTANCES"),
    "ByStage": environment(either("Prod", "FARGATE", "EC2")),
    "SpotByStage": environment(either("Prod", "FARGATE_SPOT", "SPOT")),
    "Unknown": environment(ref("Free")),
    "Topic": {"Type": "AWS::SNS::Topic"},
}


def order(*environments: Any) -> list[Any]:
    return [{"Order": number, "ComputeEnvironment": each} for number, each in enumerate(environments)]


@pytest.mark.parametrize(
    ("environments", "expected"),
    [
        (NO_VALUE, "bad"),
        ([], "bad"),
        ([either("Prod", *order(ref("Fargate")))], "bad"),
        (order(*[ref("Fargate")] * 4), "bad"),
        ([*order(*[ref("Fargate")] * 3), either("Prod", *order(ref("Fargate"), ref("Fargate")))], "bad"),
        (order(ref("Fargate"), ref("Ec2")), "bad"),
        (order(ref("FargateSpot"), ref("Fargate"), ref("Spot")), "bad"),
        (order(ref("Ec2"), ref("Managed")), "bad"),
        (order(ref("Fargate"), ref("ByStage")), "bad"),
        (ref("Free"), "undecided"),
        (order(ref("Fargate"), ref("Free")), "undecided"),
        (order(ref("Free"), ref("Fargate")), "undecided"),
        (order(ref("Fargate"), ref("Unknown")), "undecided"),
        (order(ref("Fargate"), ref("Topic")), "undecided"),
        (order(ref("Fargate")), ""),
        (order(ref("Free")), ""),
        (order(ref("Fargate"), ref("FargateSpot"), ref("Fargate")), ""),
        (order(ref("Ec2"), att("Spot", "ComputeEnvironmentArn")), ""),
        (order(ref("ByStage"), ref("SpotByStage")), ""),
        (order(either("Prod", ref("Fargate"), ref("Ec2"))), ""),
        (order(either("Prod", ref("Fargate"), ref("Ec2")), either("Prod", ref("FargateSpot"), ref("Spot"))), ""),
        ([*order(*[ref("Fargate")] * 3), either("Prod", *order(ref("Fargate")))], ""),
        ([either("Prod", *order(ref("Fargate"))), either("NotProd", *order(ref("Ec2")))], ""),
    ],
)
def test_queues(environments: Any, expected: str) -> None:
    assert told("JobQueue", {"ComputeEnvironmentOrder": environments}, others=OTHERS) == expected


def test_queues_of_services_need_no_compute_environment() -> None:
    services = [{"Order": 1, "ServiceEnvironment": "training"}]
    assert told("JobQueue", {"ServiceEnvironmentOrder": services}) == ""
    assert told("JobQueue", {"ServiceEnvironmentOrder": either("Prod", services)}) == "bad"


def test_queues_are_followed_to_environments_of_other_stacks() -> None:
    outputs = {name: {"Value": ref(name), "Export": {"Name": name}} for name in ("Fargate", "Ec2")}
    environments = template(OTHERS, Outputs=outputs)
    listed = order({"Fn::ImportValue": "Fargate"}, {"Fn::ImportValue": "Ec2"})
    queue = template({"Queue": {"Type": "AWS::Batch::JobQueue", "Properties": {"ComputeEnvironmentOrder": listed}}})
    assert told_of("Queue", environments, queue) == "bad"
    assert told_of("Queue", queue) == "undecided"


@pytest.mark.parametrize(
    ("resources", "update", "expected"),
    [
        ({"Type": "FARGATE", "InstanceTypes": ["c7g"]}, NO_VALUE, "bad"),
        ({"Type": "FARGATE_SPOT", "InstanceRole": ref("Free")}, NO_VALUE, "bad"),
        ({"Type": "FARGATE", "LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, NO_VALUE, "bad"),
        ({"Type": "FARGATE", "AllocationStrategy": "BEST_FIT"}, NO_VALUE, "bad"),
        ({"Type": "FARGATE"}, {}, "bad"),
        (
            {"Type": either("Prod", "FARGATE", "EC2"), "InstanceTypes": ["c7g"], "InstanceRole": "r"},
            NO_VALUE,
            "bad bad",
        ),
        ({"Type": "EC2", "InstanceTypes": ["c7g"]}, NO_VALUE, "bad"),
        ({"Type": "EC2", "InstanceTypes": ["c7g"], "InstanceRole": ""}, NO_VALUE, "bad"),
        ({"Type": "SPOT", "InstanceRole": "role"}, NO_VALUE, "bad"),
        ({"Type": "SPOT", "InstanceRole": "role", "InstanceTypes": []}, NO_VALUE, "bad"),
        ({"Type": "EC2", "InstanceTypes": ["c7g"], "InstanceRole": ref("Free")}, NO_VALUE, "undecided"),
        ({"Type": ref("Free")}, {}, "undecided"),
        ({"Type": "FARGATE", "Subnets": ["subnet-1"]}, NO_VALUE, ""),
        ({"Type": "EC2", "InstanceTypes": ref("Names"), "InstanceRole": att("Topic")}, {}, ""),
        ({"Type": "ECS_MANAGED_INSTANCES"}, {}, ""),
        ({}, {}, ""),
        (
            {
                "Type": either("Prod", "FARGATE", "EC2"),
                "InstanceTypes": either("Prod", NO_VALUE, ["c7g"]),
                "InstanceRole": either("Prod", NO_VALUE, "role"),
            },
            either("Prod", NO_VALUE, {}),
            "",
        ),
    ],
)
def test_environments(resources: Properties, update: Any, expected: str) -> None:
    properties = {"Type": "MANAGED", "ComputeResources": resources, "UpdatePolicy": update}
    assert told("ComputeEnvironment", properties, others={"Topic": OTHERS["Topic"]}) == expected


def test_a_size_is_of_one_row_of_a_mapping() -> None:
    table = {"Size": {"dev": {"Cpu": "0.25", "Memory": "512"}, "prod": {"Cpu": "1", "Memory": "4096"}}}
    cpu, memory = ({"Fn::FindInMap": ["Size", ref("Environment"), name]} for name in ("Cpu", "Memory"))
    for size, expected in ((asking(cpu, memory), ""), (asking(cpu, "4096"), "bad")):
        it = {"Type": "AWS::Batch::JobDefinition", "Properties": fargate(**size)}
        assert told_of("It", template({"It": it}, Mappings=table)) == expected
