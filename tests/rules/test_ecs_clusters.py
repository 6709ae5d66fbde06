"""The rules about clusters: who watches them, and who opens shells in their tasks."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules.ecs_clusters import unaudited_exec, unwatched_cluster
from tests.rules.support import NO_VALUE, att, either, ref, said, template

Resources = dict[str, Any]
PARAMETERS = {
    "Maybe": {"Type": "String", "AllowedValues": ["true", "false"]},
    "Insights": {"Type": "String", "AllowedValues": ["enabled", "enhanced"]},
}
LOGGED: Resources = {
    "KmsKeyId": att("Key"),
    "Logging": "OVERRIDE",
    "LogConfiguration": {"CloudWatchLogGroupName": ref("Logs"), "CloudWatchEncryptionEnabled": True},
}
IN_A_BUCKET: Resources = {"LogConfiguration": {"S3BucketName": "sessions", "S3EncryptionEnabled": True}}
UNLOGGED, KEYLESS, UNTOLD = ["SC-ECS-11"], ["SC-ECS-11[KmsKeyId]"], ["SC-ECS-11?"]


def cluster(configuration: Any = NO_VALUE, **properties: Any) -> Resources:
    sessions = {"ExecuteCommandConfiguration": configuration}
    return {"Type": "AWS::ECS::Cluster", "Properties": {"Configuration": sessions, **properties}}


def service(named: Any = NO_VALUE, *, enabled: Any = True) -> Resources:
    return {"Type": "AWS::ECS::Service", "Properties": {"Cluster": named, "EnableExecuteCommand": enabled}}


def judged(**resources: Resources) -> list[str]:
    others = {"Key": {"Type": "AWS::KMS::Key"}, "Logs": {"Type": "AWS::Logs::LogGroup"}}
    return said(unaudited_exec, template({**others, **resources}, Parameters=PARAMETERS))


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (NO_VALUE, [*UNLOGGED, *KEYLESS]),
        (LOGGED | {"Logging": "DEFAULT"}, UNLOGGED),
        (LOGGED | {"Logging": "NONE"}, UNLOGGED),
        (LOGGED | {"Logging": NO_VALUE}, UNLOGGED),
        (LOGGED | {"Logging": either("Prod", "OVERRIDE", "NONE")}, UNLOGGED),
        (LOGGED | {"LogConfiguration": NO_VALUE}, UNLOGGED),
        (LOGGED | {"LogConfiguration": {"CloudWatchLogGroupName": "sessions"}}, UNLOGGED),
        (LOGGED | {"LogConfiguration": {"CloudWatchEncryptionEnabled": True}}, UNLOGGED),
        (LOGGED | {"LogConfiguration": {"S3BucketName": "b", "CloudWatchEncryptionEnabled": True}}, UNLOGGED),
        (LOGGED | {"LogConfiguration": {"S3BucketName": "b", "S3EncryptionEnabled": ref("Maybe")}}, UNLOGGED),
        (LOGGED | {"KmsKeyId": NO_VALUE}, KEYLESS),
        (LOGGED | {"KmsKeyId": either("Prod", att("Key"))}, KEYLESS),
        (LOGGED | {"KmsKeyId": ref("Free")}, UNTOLD),
        (LOGGED | {"Logging": ref("Free")}, UNTOLD),
        (LOGGED | {"LogConfiguration": {"Fn::ImportValue": "logs"}}, UNTOLD),
        (ref("Free"), [*UNTOLD, *UNTOLD]),
        (LOGGED | IN_A_BUCKET, []),
        (
            LOGGED | {"LogConfiguration": either("Prod", IN_A_BUCKET["LogConfiguration"], LOGGED["LogConfiguration"])},
            [],
        ),
        (LOGGED, []),
    ],
)
def test_unaudited_exec(configuration: Any, expected: list[str]) -> None:
    assert judged(Cluster=cluster(configuration), Service=service(ref("Cluster"))) == expected


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (service(att("Cluster")), UNLOGGED),
        (service("main"), UNLOGGED),
        (service(ref("Cluster"), enabled="true"), UNLOGGED),
        (service(ref("Cluster"), enabled=either("Prod", True)), UNLOGGED),
        (service(), UNTOLD),
        (service("other"), UNTOLD),
        (service({"Fn::ImportValue": "cluster"}), UNTOLD),
        (service(ref("Cluster"), enabled=ref("Free")), UNTOLD),
        (service(ref("Cluster"), enabled=False), []),
        (service(ref("Cluster"), enabled=NO_VALUE), []),
        (service(either("Prod", ref("Cluster"), "other"), enabled=either("Prod", False, True)), UNTOLD),
    ],
)
def test_in_which_clusters_somebody_opens_shells(it: Resources, expected: list[str]) -> None:
    assert judged(Cluster=cluster(LOGGED | {"Logging": "NONE"}, ClusterName="main"), Service=it) == expected


@pytest.mark.parametrize(
    ("named", "enabled", "expected"),
    [
        (att("Cluster"), True, UNLOGGED),
        ("arn:aws:ecs:eu-central-1:111122223333:cluster/other", True, UNTOLD),
        (att("Cluster"), ref("Free"), UNTOLD),
        (att("Cluster"), False, []),
        (att("Cluster"), NO_VALUE, []),
    ],
)
def test_tasks_of_rules_and_schedules_have_shells_too(named: Any, enabled: Any, expected: list[str]) -> None:
    target = {"Arn": named, "EcsParameters": {"EnableExecuteCommand": enabled}}
    unlogged = cluster(LOGGED | {"Logging": "NONE"})
    for it in (
        {"Type": "AWS::Events::Rule", "Properties": {"Targets": [{"Arn": "arn:function"}, target]}},
        {"Type": "AWS::Scheduler::Schedule", "Properties": {"Target": target}},
    ):
        assert judged(Cluster=unlogged, It=it) == expected


def test_a_cluster_is_followed_to_another_stack() -> None:
    outputs = {"Cluster": {"Value": ref("Cluster"), "Export": {"Name": "cluster"}}}
    theirs = template({"Cluster": cluster(LOGGED | {"Logging": "NONE"})}, Outputs=outputs)
    ours = template({"Service": service({"Fn::ImportValue": "cluster"})})
    assert said(unaudited_exec, theirs, ours) == UNLOGGED
    assert said(unaudited_exec, theirs) == []


def insights(value: Any, name: Any = "containerInsights") -> Resources:
    return {"Name": name, "Value": value}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (NO_VALUE, "SC-ECS-12"),
        ([], "SC-ECS-12"),
        ([insights("disabled")], "SC-ECS-12"),
        ([insights("enabled", "other")], "SC-ECS-12"),
        ([either("Prod", insights("enhanced"))], "SC-ECS-12"),
        ([insights(either("Prod", "enhanced", "disabled"))], "SC-ECS-12"),
        ([insights(ref("Free"))], "SC-ECS-12?"),
        (ref("Free"), "SC-ECS-12?"),
        ({"Fn::ImportValue": "settings"}, "SC-ECS-12?"),
        ([insights("enabled")], ""),
        ([insights("enhanced")], ""),
        ([insights(ref("Insights"))], ""),
        ([insights("disabled", "other"), insights("enabled")], ""),
        (either("Prod", [insights("enhanced")], [insights("enabled")]), ""),
    ],
)
def test_unwatched_cluster(settings: Any, expected: str) -> None:
    resources = {"It": cluster(ClusterSettings=settings)}
    assert said(unwatched_cluster, template(resources, Parameters=PARAMETERS)) == expected.split()
