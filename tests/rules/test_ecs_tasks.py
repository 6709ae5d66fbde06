"""The rules about the containers of Amazon ECS: those of task definitions, and those of Express services."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import Rule, evaluate
from secure_containers.rules.ecs_tasks import (
    kept_capabilities,
    movable_container_image,
    open_task_file_system,
    privileged_container,
    root_container,
    shared_host_namespace,
    unlogged_container,
    writable_container_root,
)
from tests.rules.support import NO_VALUE, att, either, join, ref, said, template

Properties = dict[str, Any]
PARAMETERS = {
    "On": {"Type": "String", "AllowedValues": ["true"]},
    "Choice": {"Type": "String", "AllowedValues": ["ENABLED", "DISABLED"]},
    "System": {"Type": "String", "AllowedValues": ["LINUX", "WINDOWS_SERVER_2022_CORE"]},
    "Point": {"Type": "String", "AllowedPattern": "fsap-.+"},
    "Capabilities": {"Type": "CommaDelimitedList"},
}
OTHERS = {"Repository": {"Type": "AWS::ECR::Repository"}}
WINDOWS: Properties = {"RuntimePlatform": {"OperatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}


def task(*containers: Any, **properties: Any) -> Properties:
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": list(containers), **properties}}


def express(container: Any) -> Properties:
    return {"Type": "AWS::ECS::ExpressGatewayService", "Properties": {"PrimaryContainer": container}}


def found(rule: Rule, resource: Properties) -> str:
    """What a rule says of a resource: `bad`, `undecided` or nothing."""
    words = {rule.id: "bad", f"{rule.id}?": "undecided"}
    return " ".join(words[each] for each in said(rule, template({"It": resource, **OTHERS}, Parameters=PARAMETERS)))


def linux(**parameters: Any) -> Properties:
    return {"LinuxParameters": parameters}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"Privileged": True}, "bad"),
        ({"Privileged": ref("On")}, "bad"),
        ({"Privileged": either("Prod", False, True)}, "bad"),
        ({"Privileged": ref("Free")}, "undecided"),
        ({"Privileged": {"Fn::ImportValue": "privileged"}}, "undecided"),
        (linux(Devices=[{"HostPath": "/dev/fuse"}]), "bad"),
        (linux(Capabilities={"Add": ["NET_ADMIN"]}), "bad"),
        (linux(Capabilities={"Add": ["SYS_PTRACE", "NET_ADMIN"]}), "bad bad"),
        (linux(Capabilities={"Add": either("Prod", ["NET_ADMIN"])}), "bad"),
        (linux(Capabilities={"Add": ref("Capabilities")}), "undecided"),
        (linux(Capabilities={"Add": [], "Drop": ["ALL"]}), ""),
        ({"Privileged": False}, ""),
        ({}, ""),
    ],
)
def test_privileged_container(container: Properties, expected: str) -> None:
    assert found(privileged_container, task(container)) == expected


def test_every_container_is_judged() -> None:
    assert found(privileged_container, task({"Privileged": True}, {}, {"Privileged": True})) == "bad bad"
    assert found(privileged_container, task(either("Prod", {"Privileged": True}))) == "bad"


@pytest.mark.parametrize(
    "resource",
    [
        {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": ref("Free")}},
        task(ref("Free")),
        express(ref("Free")),
    ],
)
@pytest.mark.parametrize(
    "rule", [root_container, writable_container_root, movable_container_image, kept_capabilities], ids=lambda r: r.id
)
def test_containers_that_are_not_told_are_no_pass(rule: Rule, resource: Properties) -> None:
    assert set(found(rule, resource).split()) == {"undecided"}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"NetworkMode": "host"}, "bad"),
        ({"NetworkMode": either("Prod", "awsvpc", "host")}, "bad"),
        ({"NetworkMode": ref("Free")}, "undecided"),
        ({"IpcMode": "host", "PidMode": "host"}, "bad bad"),
        ({"PidMode": {"Fn::ImportValue": "mode"}}, "undecided"),
        ({"Volumes": [{"Name": "data", "Host": {"SourcePath": "/data"}}]}, "bad"),
        ({"Volumes": [either("Prod", {"Name": "data", "Host": {"SourcePath": "/data"}})]}, "bad"),
        ({"Volumes": ref("Free")}, "undecided"),
        ({"NetworkMode": "awsvpc", "PidMode": "task", "Volumes": [{"Name": "data", "Host": {}}]}, ""),
        ({"NetworkMode": "bridge"}, ""),
        ({}, ""),
    ],
)
def test_shared_host_namespace(properties: Properties, expected: str) -> None:
    assert found(shared_host_namespace, task({}, **properties)) == expected


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (NO_VALUE, "bad"),
        ("", "bad"),
        ("root", "bad"),
        ("0:1000", "bad"),
        (either("Prod", "1000"), "bad"),
        (ref("Free"), "undecided"),
        (join(ref("Free"), ":1000"), "undecided"),
        ({"Fn::ImportValue": "user"}, "undecided"),
        ("1000:1000", ""),
        (either("Prod", "1000", "app"), ""),
    ],
)
def test_root_container(user: Any, expected: str) -> None:
    assert found(root_container, task({"User": user})) == expected


@pytest.mark.parametrize(
    ("user", "expected"),
    [(NO_VALUE, "bad"), ("ContainerAdministrator", "bad"), (ref("Free"), "undecided"), ("root", ""), ("0", "")],
)
def test_on_windows_the_administrator_is_root(user: Any, expected: str) -> None:
    assert found(root_container, task({"User": user}, **WINDOWS)) == expected


HARDENED: Properties = {
    "ReadonlyRootFilesystem": True,
    "LinuxParameters": {"Capabilities": {"Drop": ["ALL"]}},
}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, "bad"),
        ({"ReadonlyRootFilesystem": False}, "bad"),
        ({"ReadonlyRootFilesystem": either("Prod", True)}, "bad"),
        ({"ReadonlyRootFilesystem": ref("Free")}, "undecided"),
        ({"ReadonlyRootFilesystem": {"Fn::ImportValue": "readonly"}}, "undecided"),
        ({"ReadonlyRootFilesystem": ref("On")}, ""),
        (HARDENED, ""),
    ],
)
def test_writable_container_root(container: Properties, expected: str) -> None:
    assert found(writable_container_root, task(container)) == expected


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        (NO_VALUE, "bad"),
        ([], "bad"),
        (["NET_RAW", "CHOWN"], "bad"),
        (either("Prod", ["ALL"]), "bad"),
        ([either("Prod", "ALL", "NET_RAW")], "bad"),
        (ref("Capabilities"), "undecided"),
        ([ref("Free")], "undecided"),
        ({"Fn::ImportValue": "dropped"}, "undecided"),
        (["ALL"], ""),
        (["all"], ""),
        ([ref("Free"), "ALL"], ""),
        (either("Prod", ["ALL"], ["NET_RAW", "ALL"]), ""),
    ],
)
def test_kept_capabilities(dropped: Any, expected: str) -> None:
    assert found(kept_capabilities, task(linux(Capabilities={"Drop": dropped}))) == expected


@pytest.mark.parametrize("rule", [writable_container_root, kept_capabilities], ids=lambda rule: rule.id)
@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("WINDOWS_SERVER_2022_CORE", ""),
        ("LINUX", "bad"),
        (NO_VALUE, "bad"),
        (either("Prod", "WINDOWS_SERVER_2022_CORE"), "bad"),
        (ref("System"), "bad"),
        (ref("Free"), "bad"),
    ],
)
def test_windows_has_no_such_settings(rule: Rule, system: Any, expected: str) -> None:
    assert found(rule, task({}, RuntimePlatform={"OperatingSystemFamily": system})) == expected


@pytest.mark.parametrize("form", [task, express])
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("busybox", "bad"),
        ("busybox:latest", "bad"),
        (att("Repository", "RepositoryUri"), "bad"),
        (either("Prod", "busybox:1.37", "busybox"), "bad"),
        (ref("Free"), "undecided"),
        ({"Fn::ImportValue": "image"}, "undecided"),
        ("busybox:1.37", ""),
        (join(att("Repository", "RepositoryUri"), "@sha256:" + "ab" * 32), ""),
    ],
)
def test_movable_container_image(form: Any, image: Any, expected: str) -> None:
    assert found(movable_container_image, form({"Image": image})) == expected


@pytest.mark.parametrize("rule", [root_container, writable_container_root, kept_capabilities], ids=lambda rule: rule.id)
def test_a_primary_container_cannot_be_hardened(rule: Rule) -> None:
    services = {"It": express({"Image": "busybox:1.37", "User": NO_VALUE})}
    (finding,) = evaluate([template(services)], [rule]).findings
    assert finding.message.endswith("; a primary container cannot set it")
    assert "name it in TaskDefinitionArn" in finding.fix
    (own,) = evaluate([template({"It": task({})})], [rule]).findings
    assert own.fix == rule.fix
    assert found(rule, {"Type": "AWS::ECS::ExpressGatewayService", "Properties": {"TaskDefinitionArn": "app:1"}}) == ""


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, "bad"),
        ({"LogConfiguration": NO_VALUE}, "bad"),
        ({"LogConfiguration": either("Prod", {"LogDriver": "awslogs"})}, "bad"),
        ({"FirelensConfiguration": {"Type": "fluentbit"}}, "bad"),
        ({"LogConfiguration": ref("Free")}, "undecided"),
        ({"LogConfiguration": {"LogDriver": {"Fn::ImportValue": "driver"}}}, "undecided"),
        ({"LogConfiguration": {"LogDriver": "awslogs"}}, ""),
        ({"LogConfiguration": {"LogDriver": "awsfirelens"}}, ""),
    ],
)
def test_unlogged_container(container: Properties, expected: str) -> None:
    assert found(unlogged_container, task(container)) == expected


def mounted(transit: Any = "ENABLED", **authorization: Any) -> Properties:
    closed = {"IAM": "ENABLED", "AccessPointId": ref("Point")} | authorization
    return {"FilesystemId": "fs-1", "TransitEncryption": transit, "AuthorizationConfig": closed}


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({"FilesystemId": "fs-1"}, ["[AccessPointId]", "[IAM]", "[TransitEncryption]"]),
        (mounted("DISABLED"), ["[TransitEncryption]"]),
        (mounted(ref("Choice")), ["[TransitEncryption]"]),
        (mounted(either("Prod", "ENABLED")), ["[TransitEncryption]"]),
        (mounted({"Fn::ImportValue": "transit"}), ["?"]),
        (mounted(IAM=NO_VALUE), ["[IAM]"]),
        (mounted(AccessPointId=NO_VALUE), ["[AccessPointId]"]),
        (mounted(AccessPointId=ref("Free")), ["?"]),
        (mounted(Iam="ENABLED"), []),
        (mounted(), []),
        (NO_VALUE, []),
    ],
)
def test_open_task_file_system(configuration: Any, expected: list[str]) -> None:
    resources = {"It": task({}, Volumes=[{"Name": "files", "EFSVolumeConfiguration": configuration}])}
    judged = template(resources, Parameters=PARAMETERS)
    assert said(open_task_file_system, judged) == [f"SC-ECS-17{each}" for each in expected]
