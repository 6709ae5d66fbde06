"""The rules about the instances under tasks."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from secure_containers.rules.ecs_hosts import (
    instance_role_in_reach,
    tasks_ended_by_scaling,
    unhardened_container_hosts,
)
from tests.rules.support import NO_VALUE, att, either, join, ref, said, template

Resources = dict[str, Any]
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


SCALED: Resources = {"ManagedScaling": {"Status": "ENABLED"}, "ManagedTerminationProtection": "ENABLED"}
PROTECTED: Resources = {"NewInstancesProtectedFromScaleIn": True}
ENDED, ENDED_UNTOLD = ["SC-ECS-20"], ["SC-ECS-20?"]


@pytest.mark.parametrize(
    ("settings", "properties", "expected"),
    [
        ({}, PROTECTED, ENDED),
        ({"ManagedScaling": {"Status": "ENABLED"}}, PROTECTED, ENDED),
        (SCALED | {"ManagedTerminationProtection": "DISABLED"}, PROTECTED, ENDED),
        (SCALED | {"ManagedTerminationProtection": ref("Free")}, PROTECTED, ENDED_UNTOLD),
        (SCALED | {"ManagedTerminationProtection": either("Prod", "ENABLED", "DISABLED")}, PROTECTED, ENDED),
        (SCALED | {"ManagedScaling": NO_VALUE}, PROTECTED, ENDED),
        (SCALED | {"ManagedScaling": {"Status": "DISABLED"}}, PROTECTED, ENDED),
        (SCALED, {}, ENDED),
        (SCALED, {"NewInstancesProtectedFromScaleIn": False}, ENDED),
        (SCALED, {"NewInstancesProtectedFromScaleIn": ref("Free")}, ENDED_UNTOLD),
        (SCALED, PROTECTED, []),
        (SCALED, {"NewInstancesProtectedFromScaleIn": "true"}, []),
    ],
)
def test_tasks_ended_by_scaling(settings: Resources, properties: Resources, expected: list[str]) -> None:
    capacity = provider(ref("Group"))
    capacity["Properties"]["AutoScalingGroupProvider"] |= settings
    assert said(tasks_ended_by_scaling, template({"Capacity": capacity, "Group": group(**properties)})) == expected


def test_what_scales_managed_instances_is_aws() -> None:
    managed = {"ManagedInstancesProvider": {"InfrastructureRoleArn": "arn"}}
    resources = {"Capacity": {"Type": "AWS::ECS::CapacityProvider", "Properties": managed}}
    assert said(tasks_ended_by_scaling, template(resources)) == []


AMAZON_LINUX = "#!/bin/bash\necho ECS_AWSVPC_BLOCK_IMDS=true >> /etc/ecs/ecs.config\n"
BOTTLEROCKET = ['[settings.ecs]\ncluster = "', ref("Cluster"), '"\nawsvpc-block-imds = true\n']
WINDOWS = "Initialize-ECSAgent -Cluster main -EnableTaskIAMRole"
INIT = {"config": {"files": {"/etc/ecs/ecs.config": {"content": join("ECS_AWSVPC_BLOCK_IMDS=", "true\n")}}}}
OPEN, OPEN_UNTOLD = ["SC-ECS-21"], ["SC-ECS-21?"]


def encoded(text: Any) -> Resources:
    return {"UserData": {"Fn::Base64": text}}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, OPEN),
        (encoded("#!/bin/bash\n"), OPEN),
        (encoded("echo ECS_AWSVPC_BLOCK_IMDS=false >> /etc/ecs/ecs.config"), OPEN),
        (encoded("[settings.ecs]\nawsvpc-block-imds = false\n"), OPEN),
        (encoded(join("#!/bin/bash\necho ECS_CLUSTER=", ref("Cluster"), " >> /etc/ecs/ecs.config")), OPEN),
        (encoded(either("Prod", AMAZON_LINUX, "#!/bin/bash\n")), OPEN),
        ({"UserData": either("Prod", {"Fn::Base64": AMAZON_LINUX})}, OPEN),
        ({"UserData": base64.b64encode(b"#!/bin/bash").decode()}, OPEN),
        (encoded(join("ECS_AWSVPC_BLOCK_IMDS=", ref("Free"))), OPEN_UNTOLD),
        (encoded("echo ECS_AWSVPC_BLOCK_IMDS=$BLOCK >> /etc/ecs/ecs.config"), OPEN_UNTOLD),
        (encoded("# ECS_AWSVPC_BLOCK_IMDS=true\nECS_CLUSTER=main"), OPEN),
        (encoded("[settings.ecs]\n  # awsvpc-block-imds = true\n"), OPEN),
        (encoded("ECS_AWSVPC_BLOCK_IMDS=true\nECS_AWSVPC_BLOCK_IMDS=false"), OPEN),
        (encoded(join(WINDOWS, " -AwsvpcBlockIMDS:$false")), OPEN),
        (encoded(WINDOWS), OPEN),
        (encoded("yum update\ncfn-init -v --stack s --resource Others"), OPEN),
        (encoded(ref("Free")), OPEN_UNTOLD),
        ({"UserData": {"Fn::ImportValue": "user-data"}}, OPEN_UNTOLD),
        (encoded("ECS_AWSVPC_BLOCK_IMDS=false\nECS_AWSVPC_BLOCK_IMDS=True # the last counts"), []),
        (encoded(join(WINDOWS, " -EnableTaskENI -AwsvpcBlockIMDS -LoggingDrivers '[]'")), []),
        (encoded('[Environment]::SetEnvironmentVariable("ECS_AWSVPC_BLOCK_IMDS", "true", "Machine")'), []),
        (encoded('[Environment]::SetEnvironmentVariable("ECS_AWSVPC_BLOCK_IMDS", $TRUE, "Machine")'), []),
        (encoded("yum update\ncfn-init -v --stack s --resource Initialized --region eu-central-1"), []),
        (encoded(AMAZON_LINUX), []),
        (encoded("echo 'ECS_AWSVPC_BLOCK_IMDS=\"true\"' >> /etc/ecs/ecs.config"), []),
        (encoded(join(*BOTTLEROCKET)), []),
        ({"UserData": base64.b64encode(AMAZON_LINUX.encode()).decode()}, []),
    ],
)
def test_instance_role_in_reach(data: Resources, expected: list[str]) -> None:
    resources = {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Capacity": provider(ref("Group")),
        "Group": group(LaunchTemplate=LAUNCH),
        "Hosts": hosts(data),
        "Others": hosts({}),
        "Initialized": hosts({}) | {"Metadata": {"AWS::CloudFormation::Init": INIT}},
    }
    assert said(instance_role_in_reach, template(resources)) == expected
    by_configuration = {"Group": group(LaunchConfigurationName=ref("Hosts")), "Hosts": configuration(data)}
    assert said(instance_role_in_reach, template({**resources, **by_configuration})) == expected


@pytest.mark.parametrize(
    ("data", "joins"),
    [
        (encoded("#!/bin/bash\necho ECS_CLUSTER=main >> /etc/ecs/ecs.config"), True),
        (encoded(join("#!/bin/bash\necho ECS_CLUSTER=", ref("Cluster"), " >> /etc/ecs/ecs.config")), True),
        (encoded(join(*BOTTLEROCKET[:3])), True),
        (encoded(WINDOWS), True),
        (encoded(either("Prod", "echo ECS_CLUSTER=main", "#!/bin/bash")), True),
        ({"UserData": base64.b64encode(b"ECS_CLUSTER=main").decode()}, True),
        (encoded("cfn-init --stack s -r Joining"), True),
        (encoded("#!/bin/bash\n# ECS_CLUSTER=main"), False),
        (encoded("#!/bin/bash\nyum install httpd"), False),
        (encoded(ref("Free")), False),
        ({}, False),
    ],
)
def test_hosts_that_join_a_cluster_without_a_capacity_provider(data: Resources, joins: bool) -> None:
    init = {"AWS::CloudFormation::Init": {"config": {"commands": {"01": {"command": "echo ECS_CLUSTER=main"}}}}}
    others: Resources = {"Cluster": {"Type": "AWS::ECS::Cluster"}, "Joining": hosts({}) | {"Metadata": init}}
    for resources in (
        {"Group": group(LaunchTemplate=LAUNCH), "Hosts": hosts(data)},
        {"Group": group(LaunchConfigurationName=ref("Hosts")), "Hosts": configuration(data)},
    ):
        it = template({**others, **resources})
        assert bool(said(unhardened_container_hosts, it)) is joins
        assert bool(said(instance_role_in_reach, it)) is (joins and "awsvpc-block-imds" not in str(data))
