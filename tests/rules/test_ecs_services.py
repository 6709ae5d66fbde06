"""The rules about services: that they recover by themselves, and grow."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import Rule, Severity, evaluate
from secure_containers.rules.ecs_services import (
    fixed_task_count,
    pinned_platform,
    single_task,
    unbounded_tasks,
    unchecked_service,
    unguarded_deployment,
)
from tests.rules.support import NO_VALUE, att, either, join, ref, said, sub, template

Resources = dict[str, Any]
PARAMETERS = {
    "On": {"Type": "String", "AllowedValues": ["true"]},
    "Maybe": {"Type": "String", "AllowedValues": ["true", "false"]},
    "Two": {"Type": "Number", "MinValue": 2},
    "Any": {"Type": "Number"},
}
BALANCER = {"ContainerName": "web", "ContainerPort": 8080, "TargetGroupArn": "arn:targets"}
CHECK = {"Command": ["CMD-SHELL", "true"]}


def task(*containers: Any, **attributes: Any) -> Resources:
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": list(containers)}, **attributes}


def service(*, type_: str = "Service", attributes: Resources | None = None, **properties: Any) -> Resources:
    return {
        "Type": f"AWS::ECS::{type_}",
        "Properties": {"TaskDefinition": ref("Task"), **properties},
        **(attributes or {}),
    }


def found(rule: Rule, it: Resources, **others: Resources) -> str:
    """What a rule says of a service: `bad`, `undecided` or nothing."""
    return told(rule, template({"Task": task({}), **others, "It": it}, Parameters=PARAMETERS))


def told(rule: Rule, *templates: Any) -> str:
    words = {rule.id: "bad", f"{rule.id}?": "undecided"}
    return " ".join(words[each] for each in said(rule, *templates))


@pytest.mark.parametrize("type_", ["Service", "TaskSet"])
@pytest.mark.parametrize(
    ("properties", "containers", "expected"),
    [
        ({}, [{}], "bad"),
        ({"LoadBalancers": []}, [{}], "bad"),
        ({"LoadBalancers": either("Prod", [BALANCER])}, [{}], "bad"),
        ({}, [{"HealthCheck": CHECK, "Essential": False}, {}], "bad"),
        ({}, [{"HealthCheck": CHECK, "Essential": either("Prod", False)}, {}], "bad"),
        ({}, [{"HealthCheck": either("Prod", CHECK)}], "bad"),
        ({"ServiceRegistries": [{"RegistryArn": "arn:names"}]}, [{}], "bad"),
        ({"LoadBalancers": ref("Free")}, [{}], "undecided"),
        ({}, [ref("Free")], "undecided"),
        ({}, [{"HealthCheck": CHECK, "Essential": ref("Free")}], "undecided"),
        ({}, [{"HealthCheck": {"Fn::ImportValue": "check"}}], "undecided"),
        ({"TaskDefinition": {"Fn::ImportValue": "task"}}, [{}], "undecided"),
        ({"TaskDefinition": "worker:7"}, [{}], "undecided"),
        ({"LoadBalancers": [BALANCER]}, [{}], ""),
        ({"LoadBalancers": [either("Prod", BALANCER, BALANCER)]}, [{}], ""),
        ({"VpcLatticeConfigurations": [{"TargetGroupArn": "arn:targets"}]}, [{}], ""),
        ({"TaskDefinition": "worker:7", "LoadBalancers": [BALANCER]}, [{}], ""),
        ({}, [{"HealthCheck": CHECK}], ""),
        ({}, [{}, {"HealthCheck": CHECK, "Essential": True}], ""),
        ({"LoadBalancers": either("Prod", [BALANCER])}, [{"HealthCheck": either("Prod", NO_VALUE, CHECK)}], ""),
        ({"TaskDefinition": NO_VALUE}, [{}], ""),
    ],
)
def test_unchecked_service(type_: str, properties: Resources, containers: list[Any], expected: str) -> None:
    assert found(unchecked_service, service(type_=type_, **properties), Task=task(*containers)) == expected


@pytest.mark.parametrize(
    ("container", "attributes", "expected"),
    [({"HealthCheck": CHECK}, {}, ""), ({}, {}, "bad"), ({"HealthCheck": CHECK}, {"Condition": "Prod"}, "")],
)
def test_a_task_definition_is_followed_to_another_stack(container: Any, attributes: Resources, expected: str) -> None:
    outputs = {"Task": {"Value": ref("Task"), "Export": {"Name": "task"}}}
    theirs = template({"Task": task(container)}, Outputs=outputs)
    it = service(TaskDefinition={"Fn::ImportValue": "task"}, attributes=attributes)
    assert told(unchecked_service, theirs, template({"It": it})) == expected


def breaker(enable: Any = True, rollback: Any = True) -> Resources:
    return {"DeploymentCircuitBreaker": {"Enable": enable, "Rollback": rollback}}


def alarms(enable: Any = True, rollback: Any = True) -> Resources:
    return {"Alarms": {"AlarmNames": ["errors"], "Enable": enable, "Rollback": rollback}}


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (NO_VALUE, "bad"),
        ({}, "bad"),
        (breaker(rollback=False), "bad"),
        (breaker(enable=False), "bad"),
        (breaker(ref("Maybe")), "bad"),
        (breaker(rollback=either("Prod", True, False)), "bad"),
        (either("Prod", breaker()), "bad"),
        (alarms(rollback=False), "bad"),
        (breaker(rollback=False) | alarms(enable=False), "bad"),
        (breaker() | {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": NO_VALUE}}, "bad"),
        ({"Strategy": "BLUE_GREEN"}, "bad"),
        (breaker(ref("Free")), "undecided"),
        ({"Fn::ImportValue": "configuration"}, "undecided"),
        (breaker(), ""),
        (breaker("true", ref("On")), ""),
        (alarms(), ""),
        (breaker(rollback=False) | alarms(), ""),
        ({"Strategy": "CANARY"} | alarms(), ""),
        (either("Prod", breaker(), alarms()), ""),
    ],
)
def test_unguarded_deployment(configuration: Any, expected: str) -> None:
    assert found(unguarded_deployment, service(DeploymentConfiguration=configuration)) == expected


@pytest.mark.parametrize(
    ("controller", "expected"),
    [
        ("ECS", "bad"),
        (either("Prod", "CODE_DEPLOY"), "bad"),
        (ref("Free"), "undecided"),
        ("CODE_DEPLOY", ""),
        ("EXTERNAL", ""),
    ],
)
def test_who_deploys_otherwise_is_no_finding(controller: Any, expected: str) -> None:
    assert found(unguarded_deployment, service(DeploymentController={"Type": controller})) == expected


def target(resource: Any, least: Any = 2, *, space: Any = "ecs", **attributes: Any) -> Resources:
    properties = {"ServiceNamespace": space, "ResourceId": resource, "MinCapacity": least, "MaxCapacity": 9}
    return {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": properties, **attributes}


def web(**properties: Any) -> Resources:
    return service(LoadBalancers=[BALANCER], **properties)


CONNECTED: Resources = {"Enabled": True, "Services": [{"PortName": "http"}]}
NAME = join("service/", ref("Cluster"), "/", att("It", "Name"))


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (web(), "bad"),
        (web(DesiredCount=1), "bad"),
        (web(DesiredCount="1"), "bad"),
        (web(DesiredCount=either("Prod", 2, 1)), "bad"),
        (web(DesiredCount=ref("Any")), "undecided"),
        (web(DesiredCount={"Fn::ImportValue": "count"}), "undecided"),
        (service(LoadBalancers=ref("Free"), DesiredCount=1), "bad"),
        (service(ServiceConnectConfiguration=CONNECTED, DesiredCount=1), "bad"),
        (service(ServiceRegistries=[{"RegistryArn": "arn:names"}], DesiredCount=1), "bad"),
        (service(ServiceConnectConfiguration={"Enabled": True}, DesiredCount=1), ""),
        (web(DesiredCount=2), ""),
        (web(DesiredCount=ref("Two")), ""),
        (web(DesiredCount=0), ""),
        (web(SchedulingStrategy="DAEMON"), ""),
        (service(DesiredCount=1), ""),
    ],
)
def test_single_task(it: Resources, expected: str) -> None:
    assert found(single_task, it) == expected


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        (1, "bad"),
        (0, "bad"),
        (either("Prod", 2, 1), "bad"),
        (ref("Any"), "undecided"),
        (2, ""),
        (ref("Two"), ""),
    ],
)
def test_a_scalable_target_that_leaves_a_single_task(least: Any, expected: str) -> None:
    assert found(single_task, web(DesiredCount=1), Target=target(NAME, least)) == expected


def test_a_target_under_a_condition_leaves_the_desired_count() -> None:
    assert found(single_task, web(DesiredCount=1), Target=target(NAME, Condition="Prod")) == "bad"
    assert found(single_task, web(DesiredCount=3), Target=target(NAME, Condition="Prod")) == ""


def express(**properties: Any) -> Resources:
    return {"Type": "AWS::ECS::ExpressGatewayService", "Properties": properties}


@pytest.mark.parametrize(
    ("scaling", "alone", "unbounded"),
    [
        (NO_VALUE, "bad", "bad bad"),
        ({}, "bad", "bad bad"),
        ({"MinTaskCount": 1, "MaxTaskCount": 4}, "bad", ""),
        ({"MinTaskCount": 2}, "", "bad"),
        ({"MinTaskCount": 2, "MaxTaskCount": either("Prod", 9)}, "", "bad"),
        ({"MinTaskCount": ref("Any"), "MaxTaskCount": 4}, "undecided", ""),
        (ref("Free"), "undecided", "undecided undecided"),
        ({"Fn::ImportValue": "scaling"}, "undecided", "undecided undecided"),
        ({"MinTaskCount": ref("Two"), "MaxTaskCount": ref("Any")}, "", ""),
        ({"MinTaskCount": 2, "MaxTaskCount": 4}, "", ""),
    ],
)
def test_scaling_of_express_services(scaling: Any, alone: str, unbounded: str) -> None:
    it = express(ScalingTarget=scaling)
    assert (found(single_task, it), found(unbounded_tasks, it)) == (alone, unbounded)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (NAME, ""),
        (sub("service/${Cluster}/${It.Name}"), ""),
        (join("service/", ref("Free"), "/", att("It", "Name")), ""),
        ("service/main/web", ""),
        (ref("Free"), "undecided"),
        ({"Fn::ImportValue": "service"}, "undecided"),
        (sub("service/${Cluster}/${Free}"), "undecided"),
        ("service/main/other", "bad"),
        (sub("service/${Cluster}/${Another.Name}"), "bad"),
    ],
)
def test_fixed_task_count(resource: Any, expected: str) -> None:
    others = {"Cluster": {"Type": "AWS::ECS::Cluster"}, "Another": service(), "Target": target(resource)}
    assert found(fixed_task_count, web(ServiceName="web"), **others) == expected


@pytest.mark.parametrize(
    ("it", "others", "expected"),
    [
        (web(), {}, "bad"),
        (web(), {"Target": target(NAME, Condition="Prod")}, "bad"),
        (web(), {"Target": target("table/web", space="dynamodb")}, "bad"),
        (web(), {"A": target(NAME, Condition="Prod"), "B": target(NAME, Condition="NotProd")}, ""),
        (web(attributes={"Condition": "Prod"}), {"Target": target(NAME, Condition="Prod")}, ""),
        (web(SchedulingStrategy="DAEMON"), {}, ""),
        (service(), {}, ""),
        (service(ServiceConnectConfiguration=CONNECTED), {}, "bad"),
        (service(ServiceRegistries=[{"RegistryArn": "arn:names"}]), {}, "bad"),
        (service(ServiceConnectConfiguration={"Enabled": True}), {}, ""),
        (service(LoadBalancers=either("Prod", [BALANCER])), {}, "bad"),
    ],
)
def test_which_services_should_grow(it: Resources, others: Resources, expected: str) -> None:
    assert found(fixed_task_count, it, **others) == expected


def test_a_service_is_scaled_from_another_stack() -> None:
    outputs = {"Name": {"Value": att("It", "Name"), "Export": {"Name": "name"}}}
    theirs = template({"It": web(), "Task": task({})}, Outputs=outputs)
    scaled = template({"Target": target(join("service/main/", {"Fn::ImportValue": "name"}))})
    assert told(fixed_task_count, theirs, scaled) == ""
    assert told(fixed_task_count, theirs) == "bad"


def test_what_is_a_warning() -> None:
    assert {single_task.severity, fixed_task_count.severity} == {Severity.WARNING}
    assert unbounded_tasks.severity is Severity.ERROR


@pytest.mark.parametrize("type_", ["Service", "TaskSet"])
@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.3.0", "bad"),
        ("1.4.0", "bad"),
        (either("Prod", "1.4.0"), "bad"),
        (ref("Free"), "undecided"),
        ({"Fn::ImportValue": "version"}, "undecided"),
        ("LATEST", ""),
        (either("Prod", "LATEST"), ""),
        (NO_VALUE, ""),
    ],
)
def test_pinned_platform(type_: str, version: Any, expected: str) -> None:
    assert found(pinned_platform, service(type_=type_, PlatformVersion=version)) == expected


def test_pinned_platform_of_rules_and_schedules() -> None:
    for version, expected in (("1.4.0", "bad"), ("LATEST", ""), (NO_VALUE, "")):
        target = {"Arn": "arn:cluster", "EcsParameters": {"PlatformVersion": version}}
        for type_, properties in (("Events::Rule", {"Targets": [target]}), ("Scheduler::Schedule", {"Target": target})):
            assert found(pinned_platform, {"Type": f"AWS::{type_}", "Properties": properties}) == expected


def test_what_is_done_under_a_condition_is_told_so() -> None:
    guard = {"DeploymentCircuitBreaker": either("Prod", {"Enable": True, "Rollback": True})}
    it = template({"It": service(DeploymentConfiguration=guard)})
    (finding,) = evaluate([it], [unguarded_deployment]).findings
    assert finding.message.startswith("where a condition does not hold, neither DeploymentCircuitBreaker nor Alarms")
