"""The rules about queues, the compute environments behind them and who hears of their failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secure_containers.rules import Severity
from secure_containers.rules.batch_capacity import (
    critical_on_spot,
    replacing_batch_tags,
    stuck_jobs,
    unhardened_hosts,
    unwatched_jobs,
)
from tests.rules.support import NO_VALUE, att, either, join, ref, said, template

Resources = dict[str, Any]
PARAMETERS = {
    "Kind": {"Type": "String", "AllowedValues": ["FARGATE", "FARGATE_SPOT"]},
    "KeyPair": {"Type": "AWS::EC2::KeyPair::KeyName"},
    "Hops": {"Type": "Number", "MinValue": 1, "MaxValue": 1},
    "AnyHops": {"Type": "Number"},
}


def environment(type_: Any, *, eks: Any = NO_VALUE, **resources: Any) -> Resources:
    properties = {"Type": "MANAGED", "ComputeResources": {"Type": type_, **resources}, "EksConfiguration": eks}
    return {"Type": "AWS::Batch::ComputeEnvironment", "Properties": properties}


def managed(option: Any) -> Resources:
    provider = {"InstanceLaunchTemplate": {"CapacityOptionType": option}}
    return environment("ECS_MANAGED_INSTANCES", ManagedInstancesProvider=provider)


def queue(*environments: Any, priority: Any = 1, **attributes: Any) -> Resources:
    order = [{"Order": number, "ComputeEnvironment": each} for number, each in enumerate(environments)]
    properties = {"Priority": priority, "ComputeEnvironmentOrder": order}
    return {"Type": "AWS::Batch::JobQueue", "Properties": properties, **attributes}


RUNNABLE = {"State": "RUNNABLE", "Action": "CANCEL", "MaxTimeSeconds": 600, "Reason": "stuck"}


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (NO_VALUE, ["SC-BAT-10"]),
        ([], ["SC-BAT-10"]),
        ([RUNNABLE | {"State": "RUNNING"}], ["SC-BAT-10"]),
        ([either("Prod", RUNNABLE)], ["SC-BAT-10"]),
        (either("Prod", [RUNNABLE]), ["SC-BAT-10"]),
        ([RUNNABLE | {"State": ref("Choice")}], ["SC-BAT-10"]),
        ([RUNNABLE | {"State": ref("Free")}], ["SC-BAT-10?"]),
        ([RUNNABLE | {"State": "RUNNING"}, RUNNABLE | {"State": ref("Free")}], ["SC-BAT-10?"]),
        (ref("Free"), ["SC-BAT-10?"]),
        ([RUNNABLE], []),
        ([ref("Free"), RUNNABLE], []),
        ([either("Prod", RUNNABLE, RUNNABLE | {"MaxTimeSeconds": 900})], []),
        ([either("Prod", RUNNABLE), either("NotProd", RUNNABLE)], []),
    ],
)
def test_stuck_jobs(actions: Any, expected: list[str]) -> None:
    properties = {"JobStateTimeLimitActions": actions}
    resources = {"Queue": {"Type": "AWS::Batch::JobQueue", "Properties": properties}}
    choice = {"Choice": {"Type": "String", "AllowedValues": ["RUNNABLE", "RUNNING"]}}
    assert said(stuck_jobs, template(resources, Parameters=choice)) == expected


ENVIRONMENTS = {
    "Fargate": environment("FARGATE"),
    "FargateSpot": environment("FARGATE_SPOT"),
    "Ec2": environment("EC2"),
    "Spot": environment("spot"),
    "Managed": managed(NO_VALUE),
    "ManagedOnDemand": managed("ON_DEMAND"),
    "ManagedSpot": managed("SPOT"),
    "ManagedUnknown": managed(ref("Free")),
    "Either": environment(ref("Kind")),
    "ByStage": environment(either("Prod", "FARGATE", "FARGATE_SPOT")),
    "Unknown": environment(ref("Free")),
    "Unmanaged": {"Type": "AWS::Batch::ComputeEnvironment", "Properties": {"Type": "UNMANAGED"}},
    "Topic": {"Type": "AWS::SNS::Topic"},
}


@pytest.mark.parametrize(
    ("queue_", "expected"),
    [
        (queue(ref("FargateSpot")), "bad"),
        (queue(att("Spot", "ComputeEnvironmentArn")), "bad"),
        (queue(ref("Spot"), ref("FargateSpot")), "bad"),
        (queue(ref("ManagedSpot")), "bad"),
        (queue(ref("Either")), "bad"),
        (queue(ref("ByStage")), "bad"),
        (queue(ref("FargateSpot"), either("Prod", ref("Fargate"))), "bad"),
        (queue(either("Prod", ref("Fargate"), ref("FargateSpot"))), "bad"),
        (queue("arn:aws:batch:eu-central-1:111122223333:compute-environment/x"), "undecided"),
        (queue(ref("Free")), "undecided"),
        (queue(ref("FargateSpot"), ref("Free")), "undecided"),
        (queue(ref("Unknown")), "undecided"),
        (queue(ref("Unmanaged")), "undecided"),
        (queue(ref("Topic")), "undecided"),
        (queue(ref("ManagedUnknown")), "undecided"),
        ({"Type": "AWS::Batch::JobQueue", "Properties": {"ComputeEnvironmentOrder": ref("Free")}}, "undecided"),
        (queue(ref("Fargate")), ""),
        (queue(ref("Ec2"), ref("Spot")), ""),
        (queue(ref("FargateSpot"), ref("Fargate")), ""),
        (queue(ref("Managed")), ""),
        (queue(ref("ManagedSpot"), ref("ManagedOnDemand")), ""),
        (queue(ref("Fargate"), ref("Free")), ""),
        (queue(ref("ByStage"), Condition="Prod"), ""),
        (queue(ref("FargateSpot"), either("Prod", ref("Fargate"), ref("Ec2"))), ""),
        (queue(either("Prod", ref("FargateSpot")), ref("Fargate")), ""),
        ({"Type": "AWS::Batch::JobQueue", "Properties": {"ServiceEnvironmentOrder": []}}, ""),
        (queue(), ""),
    ],
)
def test_a_queue_on_spot_alone(queue_: Resources, expected: str) -> None:
    ids = {"bad": "SC-BAT-11", "undecided": "SC-BAT-11?"}
    found = said(critical_on_spot, template({**ENVIRONMENTS, "Queue": queue_}, Parameters=PARAMETERS))
    assert found == [ids[each] for each in expected.split()]


MIXED = [ref("Fargate"), ref("FargateSpot")]


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        ([queue(*MIXED, priority=10), queue(*MIXED, priority=1)], "bad"),
        ([queue(*MIXED, priority="10"), queue(*MIXED, priority=9)], "bad"),
        ([queue(*MIXED, priority=10), queue(*MIXED, priority=10), queue(*MIXED, priority=1)], "bad bad"),
        ([queue(*MIXED, priority=either("Prod", 10, 1)), queue(*MIXED, priority=2)], "bad bad"),
        ([queue(ref("Fargate"), ref("Free"), priority=10), queue(*MIXED, priority=1)], "undecided"),
        ([queue(ref("Fargate"), priority=10), queue(*MIXED, priority=1)], ""),
        ([queue(ref("Fargate"), priority=10), queue(*MIXED, priority=5), queue(*MIXED, priority=1)], ""),
        ([queue(*MIXED, priority=5), queue(*MIXED, priority=5)], ""),
        ([queue(*MIXED, priority=10)], ""),
        ([queue(*MIXED, priority=either("Prod", 10, 1))], ""),
        ([queue(*MIXED, priority=10), queue(*MIXED, priority=ref("Free"))], ""),
        ([queue(*MIXED, priority=NO_VALUE), queue(*MIXED, priority=1)], ""),
    ],
)
def test_the_most_urgent_queue_is_on_demand(queues: list[Resources], expected: str) -> None:
    resources = ENVIRONMENTS | {f"Queue{number}": each for number, each in enumerate(queues)}
    ids = {"bad": "SC-BAT-11", "undecided": "SC-BAT-11?"}
    found = said(critical_on_spot, template(resources, Parameters=PARAMETERS))
    assert found == [ids[each] for each in expected.split()]


def test_queues_and_environments_are_followed_through_stacks() -> None:
    outputs = {name: {"Value": ref(name), "Export": {"Name": name}} for name in ("Fargate", "FargateSpot", "ByStage")}
    environments = template(ENVIRONMENTS, Outputs=outputs, Parameters=PARAMETERS)
    imported = {name: {"Fn::ImportValue": name} for name in outputs}
    mixed = [imported["FargateSpot"], imported["Fargate"]]
    assert said(critical_on_spot, environments, template({"Queue": queue(imported["FargateSpot"])})) == ["SC-BAT-11"]
    assert said(critical_on_spot, environments, template({"Queue": queue(*mixed)})) == []
    assert said(critical_on_spot, template({"Queue": queue(*mixed)})) == ["SC-BAT-11?"]
    # A condition of one stack says nothing in another.
    by_stage = template({"Queue": queue(imported["ByStage"], Condition="Prod")})
    assert said(critical_on_spot, environments, by_stage) == ["SC-BAT-11"]
    urgent, other = template({"Queue": queue(*mixed, priority=2)}), template({"Queue": queue(*mixed, priority=1)})
    assert said(critical_on_spot, environments, urgent, other) == ["SC-BAT-11"]


def volume(encrypted: Any = True) -> Resources:
    return {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 50, "Encrypted": encrypted}}


HARDENED: Resources = {
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    "BlockDeviceMappings": [volume()],
}


def hosts(data: Any, **properties: Any) -> Resources:
    return {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data, **properties}}


def metadata(**changes: Any) -> Resources:
    return HARDENED | {"MetadataOptions": HARDENED["MetadataOptions"] | changes}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, "HttpPutResponseHopLimit HttpTokens BlockDeviceMappings"),
        (metadata(HttpTokens=NO_VALUE), "HttpTokens"),
        (metadata(HttpTokens="optional"), "HttpTokens"),
        (metadata(HttpTokens=either("Prod", "required", "optional")), "HttpTokens"),
        (metadata(HttpTokens=ref("Free")), "?"),
        (metadata(HttpPutResponseHopLimit=NO_VALUE), "HttpPutResponseHopLimit"),
        (metadata(HttpPutResponseHopLimit=2), "HttpPutResponseHopLimit"),
        (metadata(HttpPutResponseHopLimit="many"), "HttpPutResponseHopLimit"),
        (metadata(HttpPutResponseHopLimit=ref("AnyHops")), "?"),
        (HARDENED | {"BlockDeviceMappings": NO_VALUE}, "BlockDeviceMappings"),
        (HARDENED | {"BlockDeviceMappings": []}, "BlockDeviceMappings"),
        (HARDENED | {"BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "NoDevice": ""}]}, "BlockDeviceMappings"),
        (HARDENED | {"BlockDeviceMappings": [volume(), volume(NO_VALUE)]}, "BlockDeviceMappings"),
        (HARDENED | {"BlockDeviceMappings": [volume(False)]}, "BlockDeviceMappings"),
        (HARDENED | {"BlockDeviceMappings": either("Prod", [volume()])}, "BlockDeviceMappings"),
        (HARDENED | {"BlockDeviceMappings": [either("Prod", volume())]}, "BlockDeviceMappings"),
        (HARDENED | {"BlockDeviceMappings": [volume(ref("Free"))]}, "?"),
        (HARDENED | {"BlockDeviceMappings": ref("Free")}, "?"),
        (HARDENED | {"KeyName": "operators"}, "KeyName"),
        (HARDENED | {"KeyName": ref("KeyPair")}, "KeyName"),
        (HARDENED | {"KeyName": ref("Free")}, "?"),
        (HARDENED | {"KeyName": either("Prod", NO_VALUE, "operators")}, "KeyName"),
        (HARDENED | {"KeyName": ""}, ""),
        (metadata(HttpPutResponseHopLimit="1"), ""),
        (metadata(HttpPutResponseHopLimit=ref("Hops")), ""),
        (HARDENED | {"BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "NoDevice": ""}, volume("true")]}, ""),
        (HARDENED, ""),
    ],
)
def test_unhardened_launch_template(data: Resources, expected: str) -> None:
    resources = {
        "Hosts": hosts(data),
        "Environment": environment("EC2", LaunchTemplate={"LaunchTemplateId": ref("Hosts")}),
    }
    found = said(unhardened_hosts, template(resources, Parameters=PARAMETERS))
    assert found == sorted("SC-BAT-12?" if each == "?" else f"SC-BAT-12[{each}]" for each in expected.split())


NONE, UNTOLD = ["SC-BAT-12[LaunchTemplate]"], ["SC-BAT-12?"]


@pytest.mark.parametrize("type_", ["EC2", "SPOT", "ec2"])
@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, NONE),
        ({"LaunchTemplate": {}}, NONE),
        ({"LaunchTemplate": either("Prod", {"LaunchTemplateId": ref("Good")})}, NONE),
        ({"LaunchTemplate": ref("Free")}, UNTOLD),
        ({"LaunchTemplate": {"LaunchTemplateId": ref("Free")}}, UNTOLD),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-0a1b2c3d"}}, UNTOLD),
        ({"LaunchTemplate": {"LaunchTemplateName": "elsewhere"}}, UNTOLD),
        ({"LaunchTemplate": {"LaunchTemplateId": ref("Topic")}}, UNTOLD),
        ({"LaunchTemplate": {"LaunchTemplateId": ref("Good"), "Overrides": [{"LaunchTemplateId": "lt-1"}]}}, UNTOLD),
        ({"LaunchTemplate": {"LaunchTemplateId": ref("Bad")}}, ["SC-BAT-12[HttpTokens]"]),
        ({"LaunchTemplate": {"LaunchTemplateName": "bad"}}, ["SC-BAT-12[HttpTokens]"]),
        (
            {"LaunchTemplate": {"LaunchTemplateId": ref("Good"), "Overrides": [{"LaunchTemplateId": ref("Bad")}]}},
            ["SC-BAT-12[HttpTokens]"],
        ),
        (
            {"LaunchTemplate": {"LaunchTemplateId": ref("Good")}, "Ec2KeyPair": "operators"},
            ["SC-BAT-12[Ec2KeyPair]"],
        ),
        ({"LaunchTemplate": {"LaunchTemplateId": ref("Good")}, "Ec2KeyPair": ref("Free")}, UNTOLD),
        ({"LaunchTemplate": {"LaunchTemplateId": ref("Good")}, "Ec2KeyPair": ""}, []),
        ({"LaunchTemplate": {"LaunchTemplateId": att("Good", "LaunchTemplateId")}}, []),
        ({"LaunchTemplate": {"LaunchTemplateName": "good"}}, []),
        ({"LaunchTemplate": {"LaunchTemplateId": ref("Good"), "Overrides": [{"LaunchTemplateName": "good"}]}}, []),
    ],
)
def test_environments_without_hardened_hosts(type_: str, resources: Resources, expected: list[str]) -> None:
    templates = {
        "Good": hosts(HARDENED, LaunchTemplateName="good"),
        "Bad": hosts(metadata(HttpTokens="optional"), LaunchTemplateName="bad"),
        "Topic": {"Type": "AWS::SNS::Topic"},
    }
    found = said(unhardened_hosts, template({**templates, "Environment": environment(type_, **resources)}))
    assert found == expected


@pytest.mark.parametrize(
    ("environment_", "expected"),
    [
        (environment("FARGATE"), []),
        (environment("FARGATE_SPOT", Ec2KeyPair="operators"), []),
        (managed("SPOT"), []),
        (
            environment(either("Prod", "FARGATE", "EC2"), Ec2KeyPair="operators"),
            [*sorted([*NONE, "SC-BAT-12[Ec2KeyPair]"])],
        ),
        (environment(either("Prod", "FARGATE", "EC2"), LaunchTemplate=either("Prod", NO_VALUE, "x")), NONE),
        (environment(ref("Free")), UNTOLD),
        (ENVIRONMENTS["Unmanaged"], []),
    ],
)
def test_which_environments_start_instances(environment_: Resources, expected: list[str]) -> None:
    assert said(unhardened_hosts, template({"Environment": environment_})) == expected


def test_a_launch_template_that_no_environment_names_is_not_judged() -> None:
    assert said(unhardened_hosts, template({"Hosts": hosts({})})) == []


@pytest.mark.parametrize(
    ("hops", "eks", "expected"),
    [
        (2, [{"EksClusterArn": "arn"}], []),
        (3, [{"EksClusterArn": "arn"}], ["SC-BAT-12[HttpPutResponseHopLimit]"]),
        (2, [{"EksClusterArn": "arn"}, NO_VALUE], ["SC-BAT-12[HttpPutResponseHopLimit]"]),
        (2, [NO_VALUE, {"EksClusterArn": "arn"}], ["SC-BAT-12[HttpPutResponseHopLimit]"]),
        (2, [either("Prod", {"EksClusterArn": "arn"})], ["SC-BAT-12[HttpPutResponseHopLimit]"]),
    ],
)
def test_metadata_travels_one_hop_further_on_eks(hops: int, eks: list[Any], expected: list[str]) -> None:
    launch = {"LaunchTemplateId": ref("Hosts")}
    environments = {
        f"Env{number}": environment("EC2", eks=each, LaunchTemplate=launch) for number, each in enumerate(eks)
    }
    resources = {"Hosts": hosts(metadata(HttpPutResponseHopLimit=hops)), **environments}
    assert said(unhardened_hosts, template(resources)) == expected


def test_a_launch_template_is_followed_to_another_stack() -> None:
    outputs = {"Hosts": {"Value": ref("Hosts"), "Export": {"Name": "hosts"}}}
    theirs = template({"Hosts": hosts(metadata(HttpTokens="optional"))}, Outputs=outputs)
    launch = {"LaunchTemplateId": {"Fn::ImportValue": "hosts"}}
    ours = template({"Environment": environment("EC2", LaunchTemplate=launch)})
    assert said(unhardened_hosts, theirs, ours) == ["SC-BAT-12[HttpTokens]"]
    assert said(unhardened_hosts, ours) == UNTOLD


def test_parameters_of_one_name_in_two_stacks_name_no_launch_template() -> None:
    theirs = template({"Hosts": hosts(HARDENED, LaunchTemplateName=ref("Free"))})
    ours = template({"Environment": environment("EC2", LaunchTemplate={"LaunchTemplateName": ref("Free")})})
    assert said(unhardened_hosts, theirs, ours) == UNTOLD


@pytest.mark.parametrize(
    ("type_", "tags", "expected"),
    [
        ("ComputeEnvironment", {"owner": "payments"}, ["SC-BAT-14"]),
        ("ComputeEnvironment", either("Prod", {"owner": "payments"}), ["SC-BAT-14"]),
        ("ComputeEnvironment", ref("Free"), ["SC-BAT-14?"]),
        ("ComputeEnvironment", {}, []),
        ("ComputeEnvironment", NO_VALUE, []),
        ("JobQueue", {"owner": "payments"}, []),
        ("JobDefinition", {"owner": "payments"}, []),
        ("SchedulingPolicy", {"owner": "payments"}, []),
    ],
)
def test_replacing_batch_tags(type_: str, tags: Any, expected: list[str]) -> None:
    resources = {"It": {"Type": f"AWS::Batch::{type_}", "Properties": {"Tags": tags}}}
    assert said(replacing_batch_tags, template(resources)) == expected
    assert replacing_batch_tags.severity is Severity.WARNING


TARGETS = [{"Id": "operators", "Arn": "arn:aws:sns:eu-central-1:111122223333:operators"}]


def watching(pattern: Any, *, condition: str | None = None, **properties: Any) -> Resources:
    attributes = {"Condition": condition} if condition else {}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": pattern, "Targets": TARGETS, **properties},
    } | attributes


def failed(**detail: Any) -> Resources:
    return {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change"],
        "detail": {"status": ["FAILED"], **detail},
    }


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, "bad"),
        (watching(NO_VALUE), "bad"),
        (watching(failed(), Targets=NO_VALUE), "bad"),
        (watching(failed(), Targets=[]), "bad"),
        (watching(failed(), Targets=[either("Prod", TARGETS[0])]), "bad"),
        (watching(failed(), State="DISABLED"), "bad"),
        (watching(failed(), State=either("Prod", "ENABLED", "DISABLED")), "bad"),
        (watching(failed(), State=ref("Choice")), "bad"),
        (watching(failed(), EventBusName="own"), "bad"),
        (watching(failed(), EventBusName=ref("Bus")), "bad"),
        (watching(failed(), condition="Prod"), "bad"),
        (watching(either("Prod", failed())), "bad"),
        (watching({"source": ["aws.ecs"]}), "bad"),
        (watching({"detail-type": ["Batch Job State Change"]}), "bad"),
        (watching({"source": ["aws.batch"], "detail-type": ["Batch Job Queue Blocked"]}), "bad"),
        (watching(failed(status=["SUCCEEDED"])), "bad"),
        (watching(failed(status=["SUCCEEDED"]), State=ref("Free")), "bad"),
        (watching(failed(status=[])), "bad"),
        (watching(failed(status=[{"anything-but": ["FAILED", "SUCCEEDED"]}])), "bad"),
        (watching(failed(status=[{"anything-but": "FAILED"}])), "bad"),
        (watching(failed(status=[{"prefix": "S"}])), "bad"),
        (watching(failed(jobQueue=[ref("Other")])), "bad"),
        (watching(failed(jobQueue=["arn:aws:batch:eu-central-1:111122223333:job-queue/x"])), "bad"),
        (watching("not JSON {"), "undecided"),
        (watching(ref("Free")), "undecided"),
        (watching(failed() | {"source": ref("Free")}), "undecided"),
        (watching(failed() | {"source": [join("aws.", ref("Free"))]}), "undecided"),
        (watching(failed() | {"detail-type": [{"wildcard": "Batch*"}]}), "undecided"),
        (watching(failed(status=[{"anything-but": [ref("Free")]}])), "undecided"),
        (watching(failed(status=[{"anything-but": [join("S", ref("Free"))]}])), "undecided"),
        (watching(failed(status=[{"anything-but": {"prefix": "SUCC"}}])), "undecided"),
        (watching(failed(status=[{"anything-but": []}])), "undecided"),
        (watching(failed(status=[{"prefix": ref("Free")}])), "undecided"),
        (watching(failed(status=[{"prefix": join("F", ref("Free"))}])), "undecided"),
        (watching(failed(status=[7])), "undecided"),
        (watching(failed(jobQueue=[ref("Free")])), "undecided"),
        (watching(failed(jobQueue=[join("arn:", ref("Free"))])), "undecided"),
        (watching(failed(jobQueue=[{"wildcard": "*"}])), "undecided"),
        (watching(failed(), State=ref("Free")), "undecided"),
        (watching(failed(), EventBusName=ref("Free")), "undecided"),
        (watching(failed(), Targets=ref("Free")), "undecided"),
        (watching(failed()), ""),
        (watching(json.dumps(failed())), ""),
        (watching({"source": ["aws.batch"]}), ""),
        (watching({"source": [{"prefix": "aws."}]}), ""),
        (watching({"source": ["aws.ecs", "aws.batch"]}), ""),
        (watching(failed(status=[{"anything-but": ["SUCCEEDED"]}])), ""),
        (watching(failed(status=["SUCCEEDED", "FAILED"])), ""),
        (watching(failed(jobQueue=[ref("Other"), ref("Queue")])), ""),
        (watching(failed(jobQueue=[att("Queue", "JobQueueArn")])), ""),
        (watching(failed(), State="ENABLED"), ""),
        (watching(failed(), EventBusName="default"), ""),
        (watching(failed(), EventBusName="arn:aws:events:eu-central-1:111122223333:event-bus/default"), ""),
        (watching(either("Prod", failed(), {"source": ["aws.batch"]})), ""),
        (watching(failed(), Targets=[either("Prod", TARGETS[0]), either("NotProd", TARGETS[0])]), ""),
    ],
)
def test_unwatched_jobs(rule: Resources | None, expected: str) -> None:
    others = {"Other": {"Type": "AWS::SQS::Queue"}, "Bus": {"Type": "AWS::Events::EventBus"}}
    resources = {"Queue": queue("x"), **others, **({"Rule": rule} if rule else {})}
    ids = {"bad": "SC-BAT-16", "undecided": "SC-BAT-16?"}
    choice = {"Choice": {"Type": "String", "AllowedValues": ["ENABLED", "DISABLED"]}}
    assert said(unwatched_jobs, template(resources, Parameters=choice)) == [ids[each] for each in expected.split()]


def test_a_condition_of_the_queue_holds_for_its_rule() -> None:
    rule = watching(failed(), condition="Prod")
    assert said(unwatched_jobs, template({"Queue": queue("x", Condition="Prod"), "Rule": rule})) == []
    assert said(unwatched_jobs, template({"Queue": queue("x", Condition="Dev"), "Rule": rule})) == ["SC-BAT-16"]


def test_a_decided_rule_counts_more_than_one_that_is_not_told() -> None:
    resources = {"Queue": queue("x"), "Unknown": watching(ref("Free")), "Rule": watching(failed())}
    assert said(unwatched_jobs, template(resources)) == []


def test_a_rule_that_is_not_told_counts_more_than_one_that_may_be_missing() -> None:
    rules = {"Unknown": watching(ref("Free")), "Rule": watching(failed(), condition="Prod")}
    assert said(unwatched_jobs, template({"Queue": queue("x"), **rules})) == ["SC-BAT-16?"]


def test_a_rule_of_another_stack_watches_too_unless_it_has_a_condition() -> None:
    ours = template({"Queue": queue("x")})
    assert said(unwatched_jobs, ours, template({"Rule": watching(failed())})) == []
    assert said(unwatched_jobs, ours, template({"Rule": watching(failed(), condition="Prod")})) == ["SC-BAT-16"]
    assert said(unwatched_jobs, ours, template({"Rule": watching(ref("Free"))})) == ["SC-BAT-16?"]
    conditional = template({"Queue": queue("x", Condition="Prod")})
    assert said(unwatched_jobs, conditional, template({"Rule": watching(failed(), condition="Prod")})) == ["SC-BAT-16"]
    assert said(unwatched_jobs, template({"Rule": watching({"source": ["aws.ecs"]})})) == []
