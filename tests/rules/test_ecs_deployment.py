"""The rule about what Amazon ECS refuses, and what never gets done."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import Kind, Template, evaluate
from secure_containers.rules.ecs_deployment import undeployable_service
from secure_containers.rules.fargate import mebibytes_of, vcpus_of
from tests.rules.support import NO_VALUE, att, either, join, ref, template

Resources = dict[str, Any]
PARAMETERS = {
    "Size": {"Type": "String", "AllowedValues": ["1024", "2048"]},
    "Percent": {"Type": "Number", "MinValue": 150, "MaxValue": 200},
    "Any": {"Type": "Number"},
    "Web": {"Type": "String", "Default": "web"},
}
FARGATE: Resources = {
    "RequiresCompatibilities": ["FARGATE"],
    "NetworkMode": "awsvpc",
    "Cpu": "1024",
    "Memory": "2048",
    "ContainerDefinitions": [{"Name": "web", "PortMappings": [{"ContainerPort": 8080}]}],
}
PLACED: Resources = {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}}
PLACED_SET: Resources = {"AwsVpcConfiguration": {"Subnets": ["subnet-1"]}}


def messages(*templates: Template) -> list[str]:
    """What the rule says, undecided findings as `?`."""
    findings = evaluate(templates, [undeployable_service]).findings
    assert all(finding.kind is not Kind.ENGINE for finding in findings), [finding.message for finding in findings]
    return ["?" if finding.kind is Kind.UNDECIDED else finding.message for finding in findings]


def judged(**resources: Resources) -> list[str]:
    return messages(template(resources, Parameters=PARAMETERS))


def said_one(found: list[str], expected: str | None) -> None:
    """One message that starts as expected, or none."""
    assert len(found) == (expected is not None), found
    assert expected is None or found[0].startswith(expected)


def task(**properties: Any) -> Resources:
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": {**FARGATE, **properties}}


def with_container(**properties: Any) -> Resources:
    return {"ContainerDefinitions": [{"Name": "web", **properties}]}


WINDOWS: Resources = {"RuntimePlatform": {"OperatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
IN_ECR = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop:1.4.2"
SECRET = {"Name": "KEY", "ValueFrom": "arn:secret"}
LOGS = {"LogDriver": "awslogs"}
NO_ROLE = "ExecutionRoleArn is not set, and the task "


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Memory": "1024"}, "Fargate has no size of 1024 CPU and 1024 memory: there are 2048 to 8192 MiB in steps of"),
        ({"Cpu": "1000"}, "Fargate has no size of 1000 CPU and 2048 memory: there are 0.25, 0.5, 1, 2, 4, 8, 16, 32 v"),
        ({"Cpu": "many"}, "Fargate has no size of many CPU and 2048 memory"),
        ({"Cpu": "1 vCPU", "Memory": "1 GB"}, "Fargate has no size of 1 vCPU CPU and 1 GB memory"),
        ({"Cpu": ref("Size"), "Memory": "2048"}, "Fargate has no size of 2048 CPU"),
        ({"Cpu": either("Prod", "1024", "4096")}, "Fargate has no size of 4096 CPU"),
        ({"Cpu": NO_VALUE}, "Cpu is not set"),
        ({"Memory": either("Prod", "2048")}, "Memory is not set"),
        ({"Memory": ref("Free")}, "?"),
        ({"Cpu": {"Fn::ImportValue": "cpu"}}, "?"),
        ({"NetworkMode": "bridge"}, "NetworkMode is bridge"),
        ({"NetworkMode": NO_VALUE}, "NetworkMode is not set, which means bridge"),
        ({"NetworkMode": ref("Free")}, "?"),
        ({"PidMode": "host"}, "PidMode is host"),
        ({"IpcMode": "task"}, "IpcMode is task"),
        ({"EphemeralStorage": {"SizeInGiB": 20}}, "20 is not a size in GiB that Fargate has: 21 to 200"),
        ({"EphemeralStorage": {"SizeInGiB": ref("Any")}}, "?"),
        ({"Volumes": [{"Name": "data", "Host": {"SourcePath": "/data"}}]}, "Fargate has no volumes of a host"),
        ({"Volumes": [{"Name": "d", "DockerVolumeConfiguration": {"Scope": "task"}}]}, "Fargate has no volumes of a h"),
        ({"RequiresCompatibilities": ref("Free")}, "?"),
        (with_container(Privileged=True), "containers on Fargate cannot be privileged"),
        (with_container(Privileged=either("Prod", False, True)), "containers on Fargate cannot be privileged"),
        (with_container(LinuxParameters={"Devices": [{"HostPath": "/dev/fuse"}]}), "Fargate has no devices"),
        (
            with_container(LinuxParameters={"Capabilities": {"Add": ["NET_ADMIN"]}}),
            "Fargate adds no capability NET_ADM",
        ),
        (with_container(ResourceRequirements=[{"Type": "GPU", "Value": "1"}]), "Fargate has no GPU"),
        (with_container(Secrets=[SECRET]), NO_ROLE + "fetches secrets"),
        (with_container(Secrets=[SECRET, SECRET | {"Name": "OTHER"}]), NO_ROLE + "fetches secrets"),
        (with_container(LogConfiguration={"SecretOptions": [SECRET]}), NO_ROLE + "fetches secrets"),
        (with_container(RepositoryCredentials={"CredentialsParameter": "arn:s"}), NO_ROLE + "fetches secrets"),
        (with_container(LogConfiguration=LOGS), NO_ROLE + "logs by awslogs"),
        (with_container(LogConfiguration=LOGS) | {"ExecutionRoleArn": either("Prod", "arn:role")}, NO_ROLE + "logs"),
        (with_container(LogConfiguration=LOGS) | {"ExecutionRoleArn": ref("Free")}, "?"),
        (with_container(Essential=False), "no container of the task is essential"),
        ({"Cpu": ".25 vCPU", "Memory": "0.5GB"}, None),
        ({"Cpu": "1024", "Memory": either("Prod", "2048", "8 GB")}, None),
        ({"Cpu": either("Prod", "1024", "4096"), "Memory": either("Prod", "2048", "8192")}, None),
        ({"Cpu": ref("Size"), "Memory": ref("Size")}, "Fargate has no size of 1024 CPU and 1024 memory: there are 2"),
        (WINDOWS | {"Cpu": "512"}, "Fargate has no size of 512 CPU for Windows: there are 1, 2 and 4 vCPUs"),
        (WINDOWS | {"Cpu": "8192", "Memory": "16384"}, "Fargate has no size of 8192 CPU for Windows"),
        (with_container(Image=IN_ECR), NO_ROLE + "pulls its image from Amazon ECR"),
        (with_container(Image=join(att("Repository", "RepositoryUri"), ":1.4.2")), NO_ROLE + "pulls its image"),
        (
            with_container(LogConfiguration={"LogDriver": "json-file"}),
            "LogDriver is json-file: Fargate has awslogs, sp",
        ),
        (with_container(LogConfiguration={"LogDriver": ref("Free")}), "?"),
        (with_container(DnsSearchDomains=["internal"]), "DnsSearchDomains is set, which Amazon ECS does not take on F"),
        (with_container(DockerSecurityOptions=["no-new-privileges"]), "DockerSecurityOptions is set"),
        ({"PlacementConstraints": [{"Type": "memberOf", "Expression": "x"}]}, "Fargate has no instances to choose by"),
        (WINDOWS, None),
        (with_container(Image=IN_ECR) | {"ExecutionRoleArn": att("Role")}, None),
        (with_container(Image="public.ecr.aws/docker/library/busybox:1.37.0"), None),
        (with_container(LogConfiguration={"LogDriver": "awsfirelens"}), None),
        (with_container(DnsSearchDomains=[], DisableNetworking=False, LinuxParameters={"Tmpfs": [{"Size": 1}]}), None),
        ({"PidMode": "task", "EphemeralStorage": {"SizeInGiB": 21}}, None),
        ({"Volumes": [{"Name": "data"}, {"Name": "files", "EFSVolumeConfiguration": {"FilesystemId": "fs"}}]}, None),
        (with_container(LinuxParameters={"Capabilities": {"Add": ["SYS_PTRACE"], "Drop": ["ALL"]}}), None),
        (with_container(Secrets=[SECRET], LogConfiguration=LOGS) | {"ExecutionRoleArn": att("Role")}, None),
        (
            with_container(Secrets=[either("Prod", SECRET), SECRET]) | {"ExecutionRoleArn": either("Prod", "arn:role")},
            NO_ROLE + "fetches secrets",
        ),
        (
            with_container(Secrets=either("Prod", [SECRET])) | {"ExecutionRoleArn": either("Prod", "arn:role")},
            None,
        ),
        ({}, None),
    ],
)
def test_tasks_on_fargate(properties: Resources, expected: str | None) -> None:
    others = {"Role": {"Type": "AWS::IAM::Role"}, "Repository": {"Type": "AWS::ECR::Repository"}}
    said_one(judged(Task=task(**properties), **others), expected)


def test_two_choices_are_one_finding_that_counts() -> None:
    sizes = {"Type": "String", "AllowedValues": ["256", "512", "1024", "2048", "4096"]}
    definition = template(
        {"Task": task(Cpu=ref("Cpu"), Memory=ref("Memory"))}, Parameters={"Cpu": sizes, "Memory": sizes}
    )
    (message,) = messages(definition)
    assert message.startswith("Fargate has no size of 256 CPU and 256 memory")
    assert message.endswith("; 15 more of the pairs that can be chosen are refused")


def mapping(**ports: Any) -> Resources:
    return with_container(PortMappings=[ports])


@pytest.mark.parametrize(
    ("mode", "properties", "expected"),
    [
        ("awsvpc", mapping(ContainerPort=8080, HostPort=80), "HostPort 80 is not the ContainerPort 8080, which awsvpc"),
        ("host", mapping(ContainerPort=8080, HostPort=80), "HostPort 80 is not the ContainerPort 8080, which host ask"),
        ("awsvpc", mapping(ContainerPort=either("Prod", 80, 8080), HostPort=443), "HostPort 443 is not the Container"),
        (
            "awsvpc",
            with_container(Links=["db"]),
            "Links is set, which Amazon ECS does not take in the network mode aws",
        ),
        ("awsvpc", with_container(ExtraHosts=[{"Hostname": "db", "IpAddress": "10.0.0.1"}]), "ExtraHosts is set"),
        ("awsvpc", with_container(Hostname="web"), "Hostname is set"),
        ("awsvpc", with_container(DnsServers=["10.0.0.2"]), "DnsServers is set"),
        ("awsvpc", with_container(DisableNetworking="true"), "DisableNetworking is set"),
        ("awsvpc", mapping(ContainerPort=ref("Size"), HostPort=ref("Size")), None),
        ("awsvpc", mapping(ContainerPort=8080, HostPort=ref("Any")), None),
        ("awsvpc", mapping(ContainerPort=8080, HostPort="8080"), None),
        ("awsvpc", mapping(ContainerPort=8080, HostPort=0), None),
        ("bridge", mapping(ContainerPort=8080, HostPort=80), None),
        ("bridge", with_container(Links=["db"], DnsServers=["10.0.0.2"], DockerSecurityOptions=["label:x"]), None),
        ("awsvpc", with_container(DockerSecurityOptions=["label:x"], LogConfiguration={"LogDriver": "syslog"}), None),
    ],
)
def test_tasks_on_instances(mode: str, properties: Resources, expected: str | None) -> None:
    definition = {"RequiresCompatibilities": ["EC2"], "NetworkMode": mode, **properties}
    said_one(judged(Task=task(**definition)), expected)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"RequiresCompatibilities": ["EC2"]}, None),
        ({"RequiresCompatibilities": NO_VALUE}, None),
        ({"RequiresCompatibilities": ["EC2", "FARGATE"]}, "Fargate has no size"),
        ({"RequiresCompatibilities": [either("Prod", "FARGATE", "EC2")]}, "Fargate has no size"),
    ],
)
def test_instances_have_any_size(properties: Resources, expected: str | None) -> None:
    said_one(judged(Task=task(Memory="1024", **properties)), expected)


SIZES: Resources = {
    "Size": {
        "dev": {"Cpu": "256", "Memory": "512", "Least": 0, "Most": 100},
        "prod": {"Cpu": "1024", "Memory": "4096", "Least": 100, "Most": 200},
        111122223333: {"Cpu": "512", "Memory": "1024", "Least": 100, "Most": 150},
    }
}


def mapped(key: Any, name: str) -> Resources:
    return {"Fn::FindInMap": ["Size", key, name]}


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        (mapped(ref("Environment"), "Cpu"), mapped(ref("Environment"), "Memory"), None),
        (mapped(ref("Free"), "Cpu"), mapped(ref("Free"), "Memory"), None),
        (mapped(ref("AWS::AccountId"), "Cpu"), mapped(ref("AWS::AccountId"), "Memory"), None),
        (mapped(ref("Environment"), "Cpu"), either("Prod", "4096", "512"), None),
        (either("Prod", "1024", "256"), mapped(ref("Environment"), "Memory"), None),
        (mapped(ref("Free"), "Cpu"), either("Open", "512", mapped(ref("Free"), "Memory")), None),
        (mapped(ref("Environment"), "Cpu"), "4096", "Fargate has no size of 256 CPU and 4096 memory"),
        (mapped(ref("Free"), "Cpu"), "512", "Fargate has no size of 1024 CPU and 512 memory"),
    ],
)
def test_rows_of_a_mapping_are_not_mixed(cpu: Any, memory: Any, expected: str | None) -> None:
    found = messages(template({"Task": task(Cpu=cpu, Memory=memory)}, Mappings=SIZES, Parameters=PARAMETERS))
    assert any(each.startswith(expected) for each in found) if expected else not found


def test_percents_of_one_row_belong_together() -> None:
    configuration = {
        "MinimumHealthyPercent": mapped(ref("Environment"), "Least"),
        "MaximumPercent": mapped(ref("Environment"), "Most"),
    }
    it = service(DeploymentConfiguration=configuration, DesiredCount=4)
    assert messages(template({"Task": task(), "It": it}, Mappings=SIZES)) == []


@pytest.mark.parametrize(
    ("text", "vcpus", "mebibytes"),
    [("256", 0.25, 256), (" 1024 ", 1, 1024), ("1 vCPU", 1, None), (".5vcpu", 0.5, None), ("2 GB", None, 2048)],
)
def test_sizes_as_amazon_ecs_reads_them(text: str, vcpus: float | None, mebibytes: float | None) -> None:
    assert (vcpus_of(text), mebibytes_of(text)) == (vcpus, mebibytes)


BALANCER: Resources = {"ContainerName": "web", "ContainerPort": 8080, "TargetGroupArn": ref("Targets")}
ON_INSTANCES: Resources = {"RequiresCompatibilities": ["EC2"], "NetworkMode": "bridge"}


def service(type_: str = "Service", **properties: Any) -> Resources:
    placed = PLACED if type_ == "Service" else PLACED_SET
    whole = {"TaskDefinition": ref("Task"), "NetworkConfiguration": placed, **properties}
    return {"Type": f"AWS::ECS::{type_}", "Properties": whole}


def named_as(name: Any) -> Resources:
    return BALANCER | {"ContainerName": name, "ContainerPort": ref("Any")}


def opened_as(name: Any) -> Resources:
    return {"ContainerDefinitions": [{"Name": name, "PortMappings": [{"ContainerPort": ref("Any")}]}]}


def targets(type_: Any = "ip") -> Resources:
    return {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"TargetType": type_}}


@pytest.mark.parametrize("type_", ["Service", "TaskSet"])
@pytest.mark.parametrize(
    ("properties", "definition", "expected"),
    [
        ({"NetworkConfiguration": NO_VALUE}, {}, "NetworkConfiguration is not set"),
        ({}, ON_INSTANCES, "NetworkConfiguration is set, and the network mode of the task definition is not awsvpc"),
        ({}, ON_INSTANCES | {"NetworkMode": ref("Free")}, "?"),
        (
            {"LaunchType": "FARGATE"},
            {"RequiresCompatibilities": ["EC2"]},
            "its task definition Task does not require F",
        ),
        (
            {"CapacityProviderStrategy": [{"CapacityProvider": "FARGATE_SPOT"}]},
            {"RequiresCompatibilities": NO_VALUE},
            "its task definition Task does not require FARGATE",
        ),
        (
            {"LaunchType": "FARGATE", "CapacityProviderStrategy": [{"CapacityProvider": "FARGATE"}]},
            {},
            "LaunchType and CapacityProviderStrategy are both set",
        ),
        ({"LoadBalancers": [BALANCER | {"ContainerName": "app"}]}, {}, "its task definition Task has no container app"),
        ({"LoadBalancers": [BALANCER | {"ContainerPort": 80}]}, {}, "the container web has no port 80"),
        (
            {"LoadBalancers": [BALANCER | {"ContainerPort": either("Prod", 8080, 80)}]},
            {},
            "the container web has no po",
        ),
        ({"LoadBalancers": [BALANCER]}, with_container(), "the container web has no port 8080"),
        ({"LoadBalancers": [BALANCER | {"ContainerName": ref("Free")}]}, {}, "?"),
        ({"LoadBalancers": [BALANCER]}, {"ContainerDefinitions": [{"Name": ref("Free")}]}, "?"),
        (
            {"LoadBalancers": [BALANCER | {"TargetGroupArn": ref("ByInstance")}]},
            {},
            "TargetType of its target group ByI",
        ),
        (
            {"LoadBalancers": [BALANCER | {"TargetGroupArn": ref("ByDefault")}]},
            {},
            "TargetType of its target group ByDe",
        ),
        (
            {"LoadBalancers": [BALANCER | {"AdvancedConfiguration": {"AlternateTargetGroupArn": ref("ByInstance")}}]},
            {},
            "TargetType of its target group ByInstance is instance: ip goes with the network mode",
        ),
        (
            {"LoadBalancers": [BALANCER], "NetworkConfiguration": NO_VALUE},
            ON_INSTANCES,
            "TargetType of its target group Targets is ip: instance goes with the network mode",
        ),
        ({"LoadBalancers": [BALANCER | {"TargetGroupArn": ref("Unknown")}]}, {}, "?"),
        ({"HealthCheckGracePeriodSeconds": -1}, {}, "-1 is not a grace period in seconds that Amazon ECS takes"),
        ({"TaskDefinition": {"Fn::ImportValue": "task"}}, {}, "?"),
        ({"TaskDefinition": "web:3"}, {}, "?"),
        ({"LoadBalancers": [BALANCER], "LaunchType": "FARGATE", "HealthCheckGracePeriodSeconds": 60}, {}, None),
        ({"LoadBalancers": [BALANCER | {"TargetGroupArn": "arn:targets"}]}, {}, None),
        ({"LoadBalancers": [BALANCER | {"TargetGroupArn": att("Stack", "Outputs.Targets")}]}, {}, None),
        ({"LoadBalancers": [named_as(ref("Free"))]}, opened_as(ref("Free")), None),
        ({"LoadBalancers": [named_as(ref("Web"))]}, opened_as(ref("Web")), None),
        ({"LoadBalancers": [named_as(join(ref("Free"), "-web"))]}, opened_as(join(ref("Free"), "-web")), None),
        ({"LoadBalancers": [named_as({"Fn::ImportValue": ref("Free")})]}, opened_as({"Fn::ImportValue": "x"}), "?"),
        ({"LoadBalancers": [BALANCER]}, with_container(PortMappings=[{"ContainerPortRange": "8000-9000"}]), None),
        ({"LoadBalancers": either("Prod", [BALANCER])}, {}, None),
        (
            {
                "LoadBalancers": [BALANCER | {"TargetGroupArn": ref("ByInstance")}],
                "NetworkConfiguration": NO_VALUE,
            },
            ON_INSTANCES,
            None,
        ),
        (
            {
                "LaunchType": either("Prod", "FARGATE"),
                "CapacityProviderStrategy": either("Prod", NO_VALUE, [{"CapacityProvider": "FARGATE"}]),
            },
            {},
            None,
        ),
        ({"TaskDefinition": NO_VALUE}, {}, None),
        ({}, {}, None),
    ],
)
def test_services_fit_what_they_run(
    type_: str, properties: Resources, definition: Resources, expected: str | None
) -> None:
    resources = {
        "Task": task(**definition),
        "Targets": targets(),
        "ByInstance": targets("instance"),
        "ByDefault": targets(NO_VALUE),
        "Unknown": targets(ref("Free")),
        "Stack": {"Type": "AWS::CloudFormation::Stack"},
    }
    said_one(judged(**resources, It=service(type_, **properties)), expected)


@pytest.mark.parametrize(("type_", "placed"), [("Service", PLACED), ("TaskSet", PLACED_SET)])
def test_a_network_under_a_condition(type_: str, placed: Resources) -> None:
    it = service(type_, NetworkConfiguration=either("Prod", placed))
    said_one(judged(Task=task(), It=it), "NetworkConfiguration is not set")


def test_a_name_of_another_stack_is_not_the_same() -> None:
    outputs = {"Task": {"Value": ref("Task"), "Export": {"Name": "task"}}}
    theirs = template({"Task": task(**opened_as(ref("Free")))}, Outputs=outputs)
    ours = template({"It": service(TaskDefinition={"Fn::ImportValue": "task"}, LoadBalancers=[named_as(ref("Free"))])})
    assert messages(theirs, ours) == ["?"]


def test_a_task_definition_is_followed_to_another_stack() -> None:
    outputs = {"Task": {"Value": ref("Task"), "Export": {"Name": "task"}}}
    theirs = template({"Task": task()}, Outputs=outputs)
    named = {"TaskDefinition": {"Fn::ImportValue": "task"}}
    fitting, unfitting = service(**named), service(NetworkConfiguration=NO_VALUE, **named)
    assert messages(theirs, template({"It": fitting})) == []
    said_one(messages(theirs, template({"It": unfitting})), "NetworkConfiguration is not set")


def test_what_stands_under_different_conditions_does_not_meet() -> None:
    definition = task(**ON_INSTANCES) | {"Condition": "Prod"}
    modern = task() | {"Condition": "NotProd"}
    it = service(
        TaskDefinition=either("Prod", ref("Old"), ref("New")), NetworkConfiguration=either("Prod", NO_VALUE, PLACED)
    )
    assert judged(Old=definition, New=modern, It=it) == []


STUCK = "no deployment can proceed: MinimumHealthyPercent 100 lets no task stop, and MaximumPercent "


@pytest.mark.parametrize(
    ("configuration", "count", "expected"),
    [
        ({"MinimumHealthyPercent": 100, "MaximumPercent": 100}, NO_VALUE, STUCK + "100"),
        ({"MaximumPercent": 100}, 4, STUCK + "100"),
        ({"MaximumPercent": either("Prod", 200, 100)}, 4, STUCK + "100"),
        ({"MaximumPercent": 150}, 1, STUCK + "150"),
        ({"MinimumHealthyPercent": "all", "MaximumPercent": "none"}, 1, STUCK + "0"),
        (
            {"MinimumHealthyPercent": 50, "MaximumPercent": 100},
            1,
            "no deployment can proceed: MinimumHealthyPercent 50",
        ),
        ({"MaximumPercent": ref("Any")}, 2, "?"),
        ({"MinimumHealthyPercent": {"Fn::ImportValue": "least"}, "MaximumPercent": 100}, 2, "?"),
        ({"MinimumHealthyPercent": 50, "MaximumPercent": 100}, 2, None),
        ({"MinimumHealthyPercent": 0, "MaximumPercent": 100}, 1, None),
        ({"MaximumPercent": 150}, 2, None),
        ({"MaximumPercent": ref("Percent")}, 2, None),
        ({"MaximumPercent": 150}, ref("Any"), None),
        ({"MaximumPercent": 100}, 0, None),
        ({"Fn::ImportValue": "configuration"}, 4, "?"),
        ({"MaximumPercent": 100, "Strategy": either("Prod", "BLUE_GREEN")}, 4, STUCK + "100"),
        ({"MaximumPercent": either("Prod", 100), "Strategy": either("Prod", "BLUE_GREEN")}, 4, None),
        ({"MaximumPercent": 100, "Strategy": "BLUE_GREEN"}, 4, None),
        ({"MinimumHealthyPercent": 100, "MaximumPercent": 200}, 1, None),
        (NO_VALUE, 1, None),
    ],
)
def test_a_deployment_that_cannot_proceed(configuration: Any, count: Any, expected: str | None) -> None:
    it = service(DeploymentConfiguration=configuration, DesiredCount=count)
    said_one(judged(Task=task(), It=it), expected)


@pytest.mark.parametrize(
    "properties", [{"SchedulingStrategy": "DAEMON"}, {"DeploymentController": {"Type": "CODE_DEPLOY"}}]
)
def test_who_is_not_deployed_by_percents(properties: Resources) -> None:
    configuration = {"MinimumHealthyPercent": 100, "MaximumPercent": 100}
    assert judged(Task=task(), It=service(DeploymentConfiguration=configuration, **properties)) == []


def test_a_scaled_service_has_no_fixed_count() -> None:
    properties = {"ServiceNamespace": "ecs", "ResourceId": "service/main/web", "MinCapacity": 2, "MaxCapacity": 4}
    scaling = {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": properties}
    it = service(DesiredCount=1, ServiceName="web", DeploymentConfiguration={"MaximumPercent": 150})
    assert judged(Task=task(), It=it, Scaling=scaling) == []


MAIN: Resources = {"Name": "Main", "PortMappings": [{"ContainerPort": 8080, "Name": "http"}]}


def express(**properties: Any) -> Resources:
    return {"Type": "AWS::ECS::ExpressGatewayService", "Properties": {"InfrastructureRoleArn": "arn:r", **properties}}


OWN: Resources = {"TaskDefinitionArn": ref("Task")}
PRIMARY: Resources = {"PrimaryContainer": {"Image": "httpd:2.4"}, "ExecutionRoleArn": "arn:role"}
BESIDE = "is set beside TaskDefinitionArn, which says it"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (OWN | {"PrimaryContainer": {"Image": "httpd:2.4"}}, f"PrimaryContainer {BESIDE}"),
        (OWN | {"PrimaryContainer": either("Prod", {"Image": "httpd:2.4"})}, f"PrimaryContainer {BESIDE}"),
        (OWN | {"ExecutionRoleArn": att("Role")}, f"ExecutionRoleArn {BESIDE}"),
        (OWN | {"TaskRoleArn": "arn:role"}, f"TaskRoleArn {BESIDE}"),
        (OWN | {"Cpu": "1024"}, f"Cpu {BESIDE}"),
        (OWN | {"Memory": ref("Free")}, f"Memory {BESIDE}"),
        ({"TaskDefinitionArn": {"Fn::ImportValue": "task"}}, "?"),
        ({"TaskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/app:1"}, "?"),
        ({}, "neither TaskDefinitionArn nor PrimaryContainer is set"),
        (PRIMARY | {"ExecutionRoleArn": NO_VALUE}, "ExecutionRoleArn is not set"),
        (PRIMARY | {"PrimaryContainer": {"Image": "httpd:2.4", "ContainerPort": 0}}, "0 is not a port: 1 to 65535"),
        (PRIMARY | {"Cpu": "1024", "Memory": "1024"}, "Fargate has no size of 1024 CPU and 1024 memory"),
        (PRIMARY | {"Cpu": "1024", "Memory": ref("Free")}, "?"),
        (OWN | {"HealthCheckPath": "health"}, "HealthCheckPath is health: it starts with /"),
        (OWN | {"HealthCheckPath": either("Prod", "/health", "health")}, "HealthCheckPath is health: it starts with /"),
        (OWN | {"HealthCheckPath": ref("Free")}, "?"),
        (OWN | {"HealthCheckPath": join(ref("Free"), "/health")}, "?"),
        (OWN | {"ScalingTarget": {"MinTaskCount": 4, "MaxTaskCount": 2}}, "MinTaskCount 4 is over MaxTaskCount 2"),
        (
            OWN | {"ScalingTarget": {"MinTaskCount": either("Prod", 4, 1), "MaxTaskCount": 2}},
            "MinTaskCount 4 is over MaxTaskCount 2",
        ),
        (OWN | {"HealthCheckPath": "/health?deep=1", "ScalingTarget": {"MinTaskCount": 2, "MaxTaskCount": 2}}, None),
        (PRIMARY | {"Cpu": "1024", "Memory": "2048"}, None),
        (PRIMARY | {"Cpu": "1024"}, None),
        (PRIMARY | {"ScalingTarget": {"MinTaskCount": ref("Any"), "MaxTaskCount": 2}}, None),
        (
            {
                "TaskDefinitionArn": either("Prod", ref("Task")),
                "PrimaryContainer": either("Prod", NO_VALUE, {"Image": "httpd:2.4"}),
                "ExecutionRoleArn": either("Prod", NO_VALUE, "arn:role"),
            },
            None,
        ),
        (OWN, None),
        (PRIMARY, None),
    ],
)
def test_express_services(properties: Resources, expected: str | None) -> None:
    definition = task(ContainerDefinitions=[MAIN, {"Name": "sidecar"}])
    said_one(judged(Task=definition, Role={"Type": "AWS::IAM::Role"}, It=express(**properties)), expected)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"RequiresCompatibilities": ["EC2"]}, "its task definition Task does not require FARGATE compatibility"),
        ({"RequiresCompatibilities": NO_VALUE}, "its task definition Task does not require FARGATE compatibility"),
        (with_container(), "its task definition Task has no container Main"),
        ({"ContainerDefinitions": [MAIN | {"Name": ref("Free")}]}, "?"),
        (
            {"ContainerDefinitions": [MAIN | {"PortMappings": NO_VALUE}]},
            "the container Main of its task definition Task",
        ),
        (
            {"ContainerDefinitions": [MAIN | {"PortMappings": [*MAIN["PortMappings"], {"ContainerPort": 1}]}]},
            "the container Main of its task definition Task has 2 ports: one with a name",
        ),
        (
            {"ContainerDefinitions": [MAIN | {"PortMappings": [{"ContainerPort": 8080}]}]},
            "the port of the container Main of its task definition Task has no Name",
        ),
        (
            {"ContainerDefinitions": [MAIN | {"PortMappings": [{"Name": "http"}]}]},
            "the port of the container Main of its task definition Task has no ContainerPort",
        ),
        (
            {"ContainerDefinitions": [MAIN | {"PortMappings": [MAIN["PortMappings"][0] | {"Protocol": "udp"}]}]},
            "the port of the container Main of its task definition Task is not TCP",
        ),
        ({"ContainerDefinitions": [MAIN | {"PortMappings": ref("Free")}]}, "?"),
        (
            {"ContainerDefinitions": [MAIN | {"PortMappings": [MAIN["PortMappings"][0] | {"Protocol": "tcp"}]}]},
            None,
        ),
        (
            {
                "ContainerDefinitions": [
                    MAIN | {"PortMappings": [either("Prod", MAIN["PortMappings"][0], MAIN["PortMappings"][0])]}
                ]
            },
            None,
        ),
        ({"RequiresCompatibilities": ["EC2", "FARGATE"], "ContainerDefinitions": [MAIN]}, None),
    ],
)
def test_what_an_express_service_asks_of_its_task_definition(properties: Resources, expected: str | None) -> None:
    definition = task(**{"ContainerDefinitions": [MAIN], **properties})
    said_one(judged(Task=definition, It=express(**OWN)), expected)


NETWORK: Resources = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
    "Gateway": {"Type": "AWS::EC2::InternetGateway"},
    "Out": {
        "Type": "AWS::EC2::Route",
        "Properties": {
            "RouteTableId": ref("PublicTable"),
            "DestinationCidrBlock": "0.0.0.0/0",
            "GatewayId": ref("Gateway"),
        },
    },
    **{
        f"{kind}Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": ref("Vpc")}}
        for kind in ("Public", "Private")
    },
    **{
        name: {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": ref("Vpc"), "CidrBlock": f"10.0.{number}.0/24"}}
        for number, name in enumerate(("Public", "Private", "Other", "Untold"))
    },
    **{
        f"{name}Association": {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"SubnetId": ref(name), "RouteTableId": ref(table)},
        }
        for name, table in (("Public", "PublicTable"), ("Private", "PrivateTable"), ("Other", "PrivateTable"))
    },
}
MIXED = "the subnet Public is public and Private is private: Express takes one kind"


@pytest.mark.parametrize(
    ("subnets", "expected"),
    [
        ([ref("Public"), ref("Private")], MIXED),
        ([ref("Other"), ref("Public"), "subnet-1"], "the subnet Public is public and Other is private"),
        ([either("Prod", ref("Public"), ref("Private")), ref("Private")], MIXED),
        (either("Prod", [ref("Public"), ref("Private")], [ref("Private")]), MIXED),
        ([ref("Private"), ref("Other")], None),
        ([ref("Public")], None),
        ([ref("Public"), ref("Untold"), ref("Free")], None),
        (either("Prod", [ref("Public")], [ref("Private")]), None),
        ([either("Prod", ref("Public"), ref("Private")), either("Prod", ref("Public"), ref("Other"))], None),
    ],
)
def test_an_express_services_subnets_are_of_one_kind(subnets: Any, expected: str | None) -> None:
    it = express(**PRIMARY, NetworkConfiguration={"Subnets": subnets})
    said_one(judged(**NETWORK, It=it), expected)
