"""The rules about clusters: who watches them, who opens shells in their tasks, and what their hosts are."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules.ecs_clusters import unaudited_exec, unhardened_container_hosts, unwatched_cluster
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


HARDENED: Resources = {
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True}}],
}
OPTIONAL = HARDENED | {"MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1}}
FAR = HARDENED | {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}}
TOKENS, MISSING, HOSTS_UNTOLD = ["SC-ECS-16[HttpTokens]"], ["SC-ECS-16[LaunchTemplate]"], ["SC-ECS-16?"]


def provider(name: Any) -> Resources:
    return {
        "Type": "AWS::ECS::CapacityProvider",
        "Properties": {"AutoScalingGroupProvider": {"AutoScalingGroupArn": name}},
    }


def group(**properties: Any) -> Resources:
    return {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": properties}


def hosts(data: Any, **properties: Any) -> Resources:
    return {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data, **properties}}


def configuration(data: Resources, **properties: Any) -> Resources:
    return {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {**data, **properties}}


LAUNCH = {"LaunchTemplateId": ref("Hosts"), "Version": att("Hosts", "LatestVersionNumber")}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ["SC-ECS-16[BlockDeviceMappings]", "SC-ECS-16[HttpPutResponseHopLimit]", *TOKENS]),
        (OPTIONAL, TOKENS),
        (FAR, ["SC-ECS-16[HttpPutResponseHopLimit]"]),
        (HARDENED | {"BlockDeviceMappings": [{"Ebs": {"Encrypted": False}}]}, ["SC-ECS-16[BlockDeviceMappings]"]),
        (HARDENED | {"KeyName": "operators"}, ["SC-ECS-16[KeyName]"]),
        (HARDENED | {"KeyName": either("Prod", NO_VALUE, "operators")}, ["SC-ECS-16[KeyName]"]),
        (HARDENED | {"KeyName": ref("Free")}, HOSTS_UNTOLD),
        (HARDENED | {"BlockDeviceMappings": {"Fn::ImportValue": "disks"}}, HOSTS_UNTOLD),
        (HARDENED, []),
    ],
)
def test_unhardened_container_hosts(data: Resources, expected: list[str]) -> None:
    capacity = {"Capacity": provider(ref("Group"))}
    by_template = {"Group": group(LaunchTemplate=LAUNCH), "Hosts": hosts(data)}
    assert said(unhardened_container_hosts, template({**capacity, **by_template})) == expected
    by_configuration = {"Group": group(LaunchConfigurationName=ref("Hosts")), "Hosts": configuration(data)}
    assert said(unhardened_container_hosts, template({**capacity, **by_configuration})) == expected


def mixed(*overrides: Any) -> Resources:
    launch = {"LaunchTemplateSpecification": LAUNCH, "Overrides": list(overrides)}
    return {"MixedInstancesPolicy": {"LaunchTemplate": launch}}


@pytest.mark.parametrize(
    ("named", "properties", "expected"),
    [
        (ref("Group"), {}, MISSING),
        (ref("Group"), {"LaunchTemplate": either("Prod", LAUNCH)}, MISSING),
        (ref("Group"), {"LaunchTemplate": {"LaunchTemplateId": "lt-0a1b"}}, HOSTS_UNTOLD),
        (ref("Group"), {"LaunchTemplate": {"LaunchTemplateId": ref("Free")}}, HOSTS_UNTOLD),
        (ref("Group"), {"LaunchTemplate": {"LaunchTemplateName": "bad"}}, TOKENS),
        (ref("Group"), mixed({"LaunchTemplateSpecification": {"LaunchTemplateId": ref("Bad")}}), TOKENS),
        (ref("Free"), {"LaunchTemplate": LAUNCH}, HOSTS_UNTOLD),
        ("elsewhere", {"LaunchTemplate": LAUNCH}, HOSTS_UNTOLD),
        ("hosts", {"AutoScalingGroupName": "hosts", "LaunchTemplate": {"LaunchTemplateId": ref("Bad")}}, TOKENS),
        (ref("Group"), mixed({"InstanceType": "c7g.large"}), []),
        (ref("Group"), {"LaunchTemplate": LAUNCH}, []),
        (NO_VALUE, {}, []),
    ],
)
def test_which_hosts_are_a_capacity_providers(named: Any, properties: Resources, expected: list[str]) -> None:
    resources = {
        "Capacity": provider(named),
        "Group": group(**properties),
        "Hosts": hosts(HARDENED),
        "Bad": hosts(OPTIONAL, LaunchTemplateName="bad"),
    }
    assert said(unhardened_container_hosts, template(resources)) == expected


def test_hosts_are_followed_to_another_stack() -> None:
    outputs = {"Group": {"Value": ref("Group"), "Export": {"Name": "group"}}}
    theirs = template({"Group": group(LaunchTemplate=LAUNCH), "Hosts": hosts(OPTIONAL)}, Outputs=outputs)
    ours = template({"Capacity": provider({"Fn::ImportValue": "group"})})
    assert said(unhardened_container_hosts, theirs, ours) == TOKENS
    assert said(unhardened_container_hosts, ours) == HOSTS_UNTOLD
    assert said(unhardened_container_hosts, theirs) == []
