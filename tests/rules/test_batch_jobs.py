"""The rules about the containers of jobs, in every form in which a definition holds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from secure_containers.rules import Rule, Template, evaluate
from secure_containers.rules.batch_jobs import (
    default_job_logs,
    endless_job,
    movable_image,
    privileged_job,
    root_user,
    shared_host,
    unretried_job,
    writable_root_filesystem,
)
from tests.rules.support import NO_VALUE, att, either, join, ref, said, sub, template

Properties = dict[str, Any]
Form = Callable[[Any], Properties]
PARAMETERS = {
    "On": {"Type": "String", "AllowedValues": ["true"]},
    "Off": {"Type": "String", "AllowedValues": ["false"]},
    "Number": {"Type": "Number"},
    "Tag": {"Type": "String", "Default": "latest"},
    "Version": {"Type": "String", "AllowedPattern": "[0-9.]+"},
}
OTHERS = {
    "Logs": {"Type": "AWS::Logs::LogGroup"},
    "Repository": {"Type": "AWS::ECR::Repository"},
    "Public": {"Type": "AWS::ECR::PublicRepository"},
    "Build": {"Type": "Custom::Build"},
}


def node(properties: Properties) -> Properties:
    return {"NodeProperties": {"NodeRangeProperties": [{"TargetNodes": "0:1", **properties}]}}


ECS: dict[str, Form] = {
    "container": lambda container: {"ContainerProperties": container},
    "task": lambda container: {"EcsProperties": {"TaskProperties": [{"Containers": [container]}]}},
    "node": lambda container: node({"Container": container}),
    "task of a node": lambda container: node({"EcsProperties": {"TaskProperties": [{"Containers": [container]}]}}),
}
PODS: dict[str, Form] = {
    "pod": lambda container: {"EksProperties": {"PodProperties": {"Containers": [container]}}},
    "pod's start": lambda container: {"EksProperties": {"PodProperties": {"InitContainers": [container]}}},
    "pod of a node": lambda container: node({"EksProperties": {"PodProperties": {"Containers": [container]}}}),
}
each_of_ecs = pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in ECS.items()])
each_pod = pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in PODS.items()])


def found(rule: Rule, properties: Any, *, others: dict[str, Any] | None = None) -> str:
    """What a rule says of a definition: `bad`, `undecided` or nothing."""
    resources = {"Job": {"Type": "AWS::Batch::JobDefinition", "Properties": properties}, **OTHERS, **(others or {})}
    return told(rule, template(resources, Parameters=PARAMETERS))


def told(rule: Rule, *templates: Template) -> str:
    words = {rule.id: "bad", f"{rule.id}?": "undecided"}
    return " ".join(words[each] for each in said(rule, *templates))


@each_of_ecs
@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"Privileged": True}, "bad"),
        ({"Privileged": "true"}, "bad"),
        ({"Privileged": ref("On")}, "bad"),
        ({"Privileged": either("Prod", False, True)}, "bad"),
        ({"Privileged": ref("Free")}, "undecided"),
        ({"LinuxParameters": {"Devices": [{"HostPath": "/dev/fuse"}]}}, "bad"),
        ({"LinuxParameters": {"Devices": [either("Prod", {"HostPath": "/dev/fuse"})]}}, "bad"),
        ({"LinuxParameters": {"Devices": ref("Free")}}, "undecided"),
        ({"LinuxParameters": {"Devices": []}}, ""),
        ({"LinuxParameters": {"Devices": [NO_VALUE]}}, ""),
        ({"AllowPrivilegeEscalation": True}, ""),
        ({"Privileged": ref("Off")}, ""),
        ({"Privileged": NO_VALUE}, ""),
        ({}, ""),
    ],
)
def test_privileged_job(form: Form, container: Properties, expected: str) -> None:
    assert found(privileged_job, form(container)) == expected


@each_pod
@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"Privileged": True}, "bad"),
        ({"AllowPrivilegeEscalation": True}, "bad"),
        ({"Privileged": True, "AllowPrivilegeEscalation": True}, "bad bad"),
        ({"AllowPrivilegeEscalation": ref("Free")}, "undecided"),
        (ref("Free"), "undecided undecided"),
        ({"Privileged": False, "AllowPrivilegeEscalation": False}, ""),
        ({}, ""),
    ],
)
def test_privileged_pod(form: Form, context: Any, expected: str) -> None:
    devices = {"LinuxParameters": {"Devices": [{"HostPath": "/dev/fuse"}]}}  # pods know none
    assert found(privileged_job, form({"SecurityContext": context, **devices})) == expected


def test_all_containers_are_judged() -> None:
    bad: Properties = {"Privileged": True}
    nodes = {"NodeProperties": {"NodeRangeProperties": [{"Container": bad}, {"Container": bad}]}}
    tasks = {"EcsProperties": {"TaskProperties": [{"Containers": [bad, {}, bad]}]}}
    assert found(privileged_job, nodes) == found(privileged_job, tasks) == "bad bad"


@pytest.mark.parametrize(
    "properties",
    [
        {"ContainerProperties": ref("Free")},
        {"EcsProperties": ref("Free")},
        {"EcsProperties": {"TaskProperties": ref("Free")}},
        {"EcsProperties": {"TaskProperties": [{"Containers": ref("Free")}]}},
        {"NodeProperties": {"NodeRangeProperties": [{"Container": ref("Free")}]}},
        {"EksProperties": {"PodProperties": {"Containers": [ref("Free")]}}},
        {"EksProperties": {"PodProperties": {"InitContainers": ref("Free")}}},
    ],
)
def test_containers_that_are_not_told_are_no_pass(properties: Properties) -> None:
    for rule in (privileged_job, root_user, writable_root_filesystem, movable_image):
        assert set(found(rule, properties).split()) == {"undecided"}, rule.id


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("Prod", either("Prod", False, True), ""),
        ("Prod", either("Prod", True, False), "bad"),
        ("Prod", either("Dev", True, False), ""),
        ("Open", either("Prod", False, True), "bad"),
    ],
)
def test_a_definitions_condition_decides(condition: str, value: Any, expected: str) -> None:
    job = {
        "Type": "AWS::Batch::JobDefinition",
        "Condition": condition,
        "Properties": {"ContainerProperties": {"Privileged": value}},
    }
    assert told(privileged_job, template({"Job": job})) == expected


@pytest.mark.parametrize("below", ["", "node"])
@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({"IpcMode": "host"}, "bad"),
        ({"PidMode": "host"}, "bad"),
        ({"PidMode": either("Prod", "host")}, "bad"),
        ({"IpcMode": ref("Free")}, "undecided"),
        ({"Volumes": [{"Name": "data", "Host": {"SourcePath": "/data"}}]}, "bad"),
        ({"Volumes": [{"Name": "data", "Host": {"SourcePath": either("Prod", "/data")}}]}, "bad"),
        ({"Volumes": [{"Name": "data", "Host": {"SourcePath": ref("Free")}}]}, "undecided"),
        ({"Volumes": [{"Name": "a", "Host": {"SourcePath": "/a"}}, {"Host": {"SourcePath": "/b"}}]}, "bad bad"),
        ({"IpcMode": "task", "PidMode": "task"}, ""),
        ({"IpcMode": "none"}, ""),
        ({"HostNetwork": True}, ""),
        ({"Volumes": [{"Name": "data", "Host": {}}, {"HostPath": {"Path": "/"}}]}, ""),
        ({"Volumes": [{"Name": "data", "Host": {"SourcePath": ""}}]}, ""),
        ({"Volumes": [{"Name": "data", "EfsVolumeConfiguration": {"FileSystemId": "fs-1"}}]}, ""),
    ],
)
def test_shared_host_of_tasks(below: str, task: Properties, expected: str) -> None:
    properties = {"EcsProperties": {"TaskProperties": [{"Containers": [{}], **task}]}}
    assert found(shared_host, node(properties) if below else properties) == expected


@pytest.mark.parametrize("form", [ECS["container"], ECS["node"]], ids=["container", "node"])
@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"Volumes": [{"Host": {"SourcePath": "/data"}}]}, "bad"),
        ({"Volumes": ref("Free")}, "undecided"),
        ({"Volumes": []}, ""),
        ({"IpcMode": "host", "PidMode": "host", "HostNetwork": True}, ""),
        ({}, ""),
    ],
)
def test_shared_host_of_containers(form: Form, container: Properties, expected: str) -> None:
    assert found(shared_host, form(container)) == expected


@pytest.mark.parametrize("below", ["", "node"])
@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({}, "bad"),
        ({"HostNetwork": True}, "bad"),
        ({"HostNetwork": NO_VALUE}, "bad"),
        ({"HostNetwork": ref("On")}, "bad"),
        ({"HostNetwork": either("Prod", False)}, "bad"),
        ({"HostNetwork": ref("Free")}, "undecided"),
        ({"HostNetwork": False, "Volumes": [{"Name": "logs", "HostPath": {"Path": "/var/log"}}]}, "bad"),
        ({"HostNetwork": False, "Volumes": [{"Name": "logs", "HostPath": ref("Free")}]}, "undecided"),
        ({"HostNetwork": False, "Volumes": [{"EmptyDir": {"Medium": ""}}, {"Host": {"SourcePath": "/"}}]}, ""),
        ({"HostNetwork": False, "IpcMode": "host", "PidMode": "host"}, ""),
        ({"HostNetwork": "False"}, ""),
        ({"HostNetwork": ref("Off")}, ""),
    ],
)
def test_shared_host_of_pods(below: str, pod: Properties, expected: str) -> None:
    properties = {"EksProperties": {"PodProperties": pod}}
    assert found(shared_host, node(properties) if below else properties) == expected


@each_of_ecs
@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (NO_VALUE, "bad"),
        ("", "bad"),
        ("root", "bad"),
        ("root:app", "bad"),
        ("0", "bad"),
        (0, "bad"),
        ("00:0", "bad"),
        ("0:1000", "bad"),
        (":1000", "bad"),
        (either("Prod", "1000"), "bad"),
        (ref("Free"), "undecided"),
        (join(ref("Free"), ":1000"), "undecided"),
        (either("Prod", "1000", {"Fn::ImportValue": "user"}), "undecided"),
        ("1000", ""),
        (1000, ""),
        ("1000:0", ""),
        ("app", ""),
        (join("app:", ref("Free")), ""),
        (either("Prod", "1000", "app"), ""),
    ],
)
def test_root_user(form: Form, user: Any, expected: str) -> None:
    assert found(root_user, form({"User": user})) == expected


@each_pod
@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (NO_VALUE, "bad"),
        ({}, "bad"),
        ({"RunAsUser": 0}, "bad"),
        ({"RunAsUser": "0", "RunAsNonRoot": False}, "bad"),
        ({"RunAsUser": either("Prod", 1000)}, "bad"),
        ({"RunAsUser": either("Prod", 1000), "RunAsNonRoot": either("Prod", True)}, "bad"),
        ({"RunAsUser": ref("Number")}, "undecided"),
        ({"RunAsNonRoot": ref("Free")}, "undecided"),
        (ref("Free"), "undecided"),
        ({"RunAsUser": 1000}, ""),
        ({"RunAsUser": "1000", "RunAsNonRoot": ref("Free")}, ""),
        ({"RunAsNonRoot": True}, ""),
        ({"RunAsUser": ref("Number"), "RunAsNonRoot": "true"}, ""),
        ({"RunAsUser": either("Prod", 1000), "RunAsNonRoot": either("Prod", NO_VALUE, True)}, ""),
    ],
)
def test_root_in_a_pod(form: Form, context: Any, expected: str) -> None:
    assert found(root_user, form({"SecurityContext": context})) == expected


READONLY = [
    (NO_VALUE, "bad"),
    (False, "bad"),
    (either("Prod", True, False), "bad"),
    (ref("Free"), "undecided"),
    (True, ""),
    ("true", ""),
    (ref("On"), ""),
]


@each_of_ecs
@pytest.mark.parametrize(("value", "expected"), READONLY)
def test_writable_root_filesystem(form: Form, value: Any, expected: str) -> None:
    container = {"ReadonlyRootFilesystem": value, "SecurityContext": {"ReadOnlyRootFilesystem": True}}
    assert found(writable_root_filesystem, form(container)) == expected


@each_pod
@pytest.mark.parametrize(("value", "expected"), READONLY)
def test_writable_root_filesystem_of_a_pod(form: Form, value: Any, expected: str) -> None:
    container = {"ReadonlyRootFilesystem": True, "SecurityContext": {"ReadOnlyRootFilesystem": value}}
    assert found(writable_root_filesystem, form(container)) == expected


ECR = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"
DIGEST = "sha256:" + "ab" * 32
PARSED_ECR = {"Fn::Select": [4, {"Fn::Split": [":", att("Repository")]}]}
"""The account of a repository as the CDK writes it."""


@pytest.mark.parametrize("form", [ECS["container"], PODS["pod"]], ids=["container", "pod"])
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("busybox", "bad"),
        ("busybox:latest", "bad"),
        ("host:5000/app", "bad"),
        ("host:5000/app:latest", "bad"),
        (sub(f"{ECR}/app"), "bad"),
        (sub(f"{ECR}/app:latest"), "bad"),
        (sub(f"{ECR}/${{Repository}}"), "bad"),
        (att("Repository", "RepositoryUri"), "bad"),
        (sub("${Repository.RepositoryUri}"), "bad"),
        (sub("public.ecr.aws/x/${Public}"), "bad"),
        (join(PARSED_ECR, ".dkr.ecr.", ref("AWS::Region"), ".amazonaws.com/", ref("Repository"), ":latest"), "bad"),
        (either("Prod", "busybox:1.37", "busybox"), "bad"),
        (join("busybox:", ref("Tag")), "bad undecided"),
        (join("busybox:", ref("Free")), "undecided"),
        (join("busybox:la", ref("Free")), "undecided"),
        (join("busybox:", ref("Free"), "test"), "undecided"),
        ("busybox:{{resolve:ssm:/app/tag}}", "undecided"),
        (join(ref("Free"), "/", ref("Free")), "undecided"),
        (join("host/", att("Build", "Image")), "undecided"),
        (ref("Free"), "undecided"),
        (att("Build", "Image"), "undecided"),
        ({"Fn::ImportValue": "image"}, "undecided"),
        ("{{resolve:ssm:/app/image}}", "undecided"),
        ("busybox:1.37", ""),
        (f"busybox@{DIGEST}", ""),
        (f"host:5000/app@{DIGEST}", ""),
        (f"host:5000/app:1@{DIGEST}", ""),
        (f"host:5000/app:latest@{DIGEST}", ""),
        (sub(f"{ECR}/app@{DIGEST}"), ""),
        (join(sub(f"{ECR}/app@"), ref("Free")), ""),
        (sub(f"{ECR}/${{Repository}}:1.0"), ""),
        (sub("${Repository.RepositoryUri}:1.0"), ""),
        (join("busybox:v", ref("Free")), ""),
        (join(ref("Free"), ":1.0"), ""),
        (join("busybox:", ref("Free"), "-arm64"), ""),
        (NO_VALUE, ""),
    ],
)
def test_movable_image(form: Form, image: Any, expected: str) -> None:
    assert found(movable_image, form({"Image": image})) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"Fn::ImportValue": "image"}, "bad"),
        (join({"Fn::ImportValue": "image"}), "bad"),
        (join({"Fn::ImportValue": "image"}, ":1.0"), ""),
        (join("${Token}.dkr.ecr/", {"Fn::ImportValue": "name"}), "bad"),
        (join("${Token}.dkr.ecr/", {"Fn::ImportValue": "other"}), "undecided"),
        (join("host/", {"Fn::ImportValue": "plain"}), "undecided"),
    ],
)
def test_an_image_is_followed_to_the_stack_of_its_repository(image: Any, expected: str) -> None:
    outputs = {
        "Image": {"Value": att("Repository", "RepositoryUri"), "Export": {"Name": "image"}},
        "Name": {"Value": ref("Repository"), "Export": {"Name": "name"}},
        "Other": {"Value": att("Build", "Name"), "Export": {"Name": "other"}},
        "Plain": {"Value": "app", "Export": {"Name": "plain"}},
    }
    job = {"Type": "AWS::Batch::JobDefinition", "Properties": {"ContainerProperties": {"Image": image}}}
    assert told(movable_image, template(OTHERS, Outputs=outputs), template({"Job": job})) == expected


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (NO_VALUE, "bad"),
        ({}, "bad"),
        ({"AttemptDurationSeconds": NO_VALUE}, "bad"),
        ({"AttemptDurationSeconds": either("Prod", 3600)}, "bad"),
        ({"AttemptDurationSeconds": ref("Free")}, "undecided"),
        (ref("Free"), "undecided"),
        ({"AttemptDurationSeconds": {"Fn::ImportValue": "timeout"}}, "undecided"),
        ({"AttemptDurationSeconds": 3600}, ""),
        ({"AttemptDurationSeconds": "3600"}, ""),
        ({"AttemptDurationSeconds": ref("Number")}, ""),
        (either("Prod", {"AttemptDurationSeconds": 60}, {"AttemptDurationSeconds": 600}), ""),
    ],
)
@pytest.mark.parametrize("form", [ECS["container"], PODS["pod"]], ids=["container", "pod"])
def test_endless_job(form: Form, timeout: Any, expected: str) -> None:
    assert found(endless_job, {**form({}), "Timeout": timeout}) == expected


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (NO_VALUE, "bad"),
        ({}, "bad"),
        ({"Attempts": 1}, "bad"),
        ({"Attempts": "1"}, "bad"),
        ({"Attempts": either("Prod", 3)}, "bad"),
        ({"Attempts": either("Prod", 3, 1)}, "bad"),
        ({"Attempts": ref("Number")}, "undecided"),
        (ref("Free"), "undecided"),
        ({"Attempts": 2}, ""),
        ({"Attempts": "10"}, ""),
        ({"Attempts": either("Prod", 3, 2)}, ""),
    ],
)
def test_unretried_job(strategy: Any, expected: str) -> None:
    assert found(unretried_job, {"ContainerProperties": {}, "RetryStrategy": strategy}) == expected


@each_of_ecs
@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (NO_VALUE, "bad"),
        ({}, "bad"),
        ({"LogDriver": "awslogs"}, "bad"),
        ({"LogDriver": "awslogs", "Options": {"awslogs-region": "eu-central-1"}}, "bad"),
        ({"LogDriver": "awslogs", "Options": {"awslogs-group": ""}}, "bad"),
        ({"LogDriver": "awslogs", "Options": {"awslogs-group": "/aws/batch/job"}}, "bad"),
        ({"LogDriver": "awslogs", "Options": {"awslogs-group": either("Prod", ref("Logs"))}}, "bad"),
        ({"LogDriver": either("Prod", "awslogs", "splunk"), "Options": {}}, "bad"),
        ({"LogDriver": either("Prod", "awslogs"), "Options": {"awslogs-group": ref("Logs")}}, "bad"),
        ({"LogDriver": ref("Free")}, "undecided"),
        (ref("Free"), "undecided"),
        ({"LogDriver": "awslogs", "Options": ref("Free")}, "undecided"),
        ({"LogDriver": "awslogs", "Options": {"awslogs-group": ref("Free")}}, "undecided"),
        ({"LogDriver": "awslogs", "Options": {"awslogs-group": ref("Default")}}, "undecided"),
        ({"LogDriver": "splunk", "Options": {"splunk-url": "https://logs"}}, ""),
        ({"LogDriver": "splunk", "Options": {"awslogs-group": "/aws/batch/job"}}, ""),
        ({"LogDriver": "awslogs", "Options": {"awslogs-group": ref("Logs")}}, ""),
        ({"LogDriver": "awslogs", "Options": {"awslogs-group": "jobs"}}, ""),
        (
            {
                "LogDriver": either("Prod", "awslogs", "splunk"),
                "Options": {"awslogs-group": either("Prod", ref("Logs"))},
            },
            "",
        ),
    ],
)
def test_default_job_logs(form: Form, configuration: Any, expected: str) -> None:
    default = {"Default": {"Type": "String", "AllowedPattern": "/aws/.+"}}
    job = {"Type": "AWS::Batch::JobDefinition", "Properties": form({"LogConfiguration": configuration})}
    assert told(default_job_logs, template({"Job": job, **OTHERS}, Parameters=default)) == expected


@each_pod
def test_pods_log_as_their_cluster_does(form: Form) -> None:
    assert found(default_job_logs, form({})) == ""


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (shared_host, "HostNetwork is not set, which means true"),
        (root_user, "RunAsUser is not set, so that the image decides, and RunAsNonRoot is not true"),
        (writable_root_filesystem, "ReadOnlyRootFilesystem is not set, which means false"),
        (endless_job, "Timeout.AttemptDurationSeconds is not set, which means for ever"),
        (unretried_job, "Attempts is not set, which means 1"),
    ],
)
def test_what_is_left_out_is_told_with_what_it_means(rule: Rule, message: str) -> None:
    properties = {"EksProperties": {"PodProperties": {"Containers": [{"Image": "busybox"}]}}}
    judged = template({"Job": {"Type": "AWS::Batch::JobDefinition", "Properties": properties}})
    assert [finding.message for finding in evaluate([judged], [rule]).findings] == [message]
