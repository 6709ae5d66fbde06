"""The rule about secrets in environment variables, wherever containers and functions have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from secure_containers.rules import Template, evaluate
from secure_containers.rules.environment import secret_in_environment
from tests.rules.support import NO_VALUE, att, either, join, ref, said, sub, template

Resources = dict[str, Any]
KEY = "AKIAIOSFODNN7EXAMPLE"
PARAMETERS = {
    "Hidden": {"Type": "String", "NoEcho": True},
    "HiddenWithDefault": {"Type": "String", "NoEcho": "true", "Default": "changeit"},
    "HiddenChoice": {"Type": "String", "NoEcho": True, "AllowedValues": ["a", "b"]},
    "Shown": {"Type": "String", "NoEcho": False},
}
SECRET = {
    "Secret": {"Type": "AWS::SecretsManager::Secret"},
    "Attached": {"Type": "AWS::SecretsManager::SecretTargetAttachment"},
    "Parameter": {"Type": "AWS::SSM::Parameter"},
}


def container(name: Any, value: Any, *, key: str = "Environment") -> Resources:
    return {key: [{"Name": name, "Value": value}]}


def batch(properties: Resources) -> Resources:
    return {"Type": "AWS::Batch::JobDefinition", "Properties": properties}


def function(name: Any, value: Any, *, type_: str = "AWS::Lambda::Function") -> Resources:
    return {"Type": type_, "Properties": {"Environment": {"Variables": {name: value}}}}


def app_runner(*path: str) -> Callable[[Any, Any], Resources]:
    def service(name: Any, value: Any) -> Resources:
        found: Any = container(name, value, key="RuntimeEnvironmentVariables")
        for key in reversed(path):
            found = {key: found}
        return {"Type": "AWS::AppRunner::Service", "Properties": {"SourceConfiguration": found}}

    return service


NODES = "NodeRangeProperties"
LISTS: dict[str, Callable[[Any, Any], Resources]] = {
    "container": lambda n, v: batch({"ContainerProperties": container(n, v)}),
    "task": lambda n, v: batch({"EcsProperties": {"TaskProperties": [{"Containers": [container(n, v)]}]}}),
    "node": lambda n, v: batch({"NodeProperties": {NODES: [{"Container": container(n, v)}]}}),
    "pod": lambda n, v: batch({"EksProperties": {"PodProperties": {"Containers": [container(n, v, key="Env")]}}}),
    "start": lambda n, v: batch({"EksProperties": {"PodProperties": {"InitContainers": [container(n, v, key="Env")]}}}),
    "ecs": lambda n, v: {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {"ContainerDefinitions": [{}, container(n, v)]},
    },
    "express": lambda n, v: {
        "Type": "AWS::ECS::ExpressGatewayService",
        "Properties": {"PrimaryContainer": container(n, v)},
    },
    "image": app_runner("ImageRepository", "ImageConfiguration"),
    "code": app_runner("CodeRepository", "CodeConfiguration", "CodeConfigurationValues"),
}
FORMS = LISTS | {
    "function": function,
    "serverless": lambda n, v: function(n, v, type_="AWS::Serverless::Function"),
}
each_form = pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in FORMS.items()])
each_list = pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in LISTS.items()])


def found(resource: Resources) -> list[str]:
    return said(secret_in_environment, template({"It": resource, **SECRET}, Parameters=PARAMETERS))


@each_form
@pytest.mark.parametrize(
    ("name", "value", "bad"),
    [
        ("DB_PASSWORD", "hunter2", True),
        ("dbPassword", ref("Free"), True),
        ("DB_PASSWORD", {"Fn::ImportValue": "password"}, True),
        ("DB_PASSWORD", either("Prod", "hunter2"), True),
        ("DB_PASSWORD", att("Parameter", "Value"), True),
        ("DB_PASSWORD", "1234", True),
        ("DB_PASSWORD", join("x", ref("Secret")), True),
        ("DB_SECRET", either("Prod", ref("Secret"), "hunter2"), True),
        ("SETTING", KEY, True),
        ("DB_URL", "postgres://app:hunter2@db/app", True),
        ("DB_URL", sub("postgres://app:${Free}@db/app"), True),
        ("SETTING", "{{resolve:secretsmanager:db:SecretString:password}}", True),
        ("SETTING", join("x", "{{resolve:ssm-secure:/db}}"), True),
        ("SETTING", ref("Hidden"), True),
        ("SETTING", ref("HiddenWithDefault"), True),
        ("SETTING", ref("HiddenChoice"), True),
        ("SETTING", sub("user:${Hidden}"), True),
        ("SETTING", either("Prod", "x", ref("Hidden")), True),
        ("SETTING", ref("Free"), False),
        ("SETTING", ref("Shown"), False),
        ("DB_SECRET", ref("Secret"), False),
        ("DB_SECRET", ref("Attached"), False),
        ("DB_SECRET", ref("Parameter"), False),
        ("DB_SECRET", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:db-AbCdEf", False),
        ("API_KEY", sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/key"), False),
        ("ENABLE_TOKEN", "true", False),
        ("ENABLE_TOKEN", False, False),
        ("SESSION_TOKEN", 0, False),
        ("SESSION_TOKEN_SECONDS", 3600, False),
        ("DB_SECRET_ARN", ref("Secret"), False),
        ("DB_SECRET_ARN", att("Secret", "Id"), False),
        ("TOKEN_FILE", "/run/token", False),
        ("DB_PASSWORD", "", False),
        ("DB_PASSWORD", NO_VALUE, False),
        ("LOG_LEVEL", "debug", False),
    ],
)
def test_secret_in_environment(form: Callable[[Any, Any], Resources], name: str, value: Any, bad: bool) -> None:
    assert set(found(form(name, value))) == ({f"SC-TXT-03[{name}]"} if bad else set())


@each_list
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (ref("Free"), "x", ["SC-TXT-03?"]),
        (ref("Free"), NO_VALUE, []),
        (either("Prod", "DB_PASSWORD", "DB_USER"), either("Prod", NO_VALUE, "app"), []),
        (either("Prod", "DB_PASSWORD", "DB_USER"), either("Prod", "hunter2", "app"), ["SC-TXT-03[DB_PASSWORD]"]),
    ],
)
def test_names_that_are_not_told(
    form: Callable[[Any, Any], Resources], name: Any, value: Any, expected: list[str]
) -> None:
    assert found(form(name, value)) == expected


@pytest.mark.parametrize(
    "resource",
    [
        batch({"ContainerProperties": {"Environment": ref("Free")}}),
        batch({"ContainerProperties": {"Environment": [ref("Free")]}}),
        batch({"ContainerProperties": ref("Free")}),
        {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": ref("Free")}},
        {"Type": "AWS::Lambda::Function", "Properties": {"Environment": ref("Free")}},
        {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": ref("Free")}}},
    ],
)
def test_environments_that_are_not_told(resource: Resources) -> None:
    assert found(resource) == ["SC-TXT-03?"]


def definition(**container: Any) -> Resources:
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [container]}}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"Command": ["serve", "--password", ref("Hidden")]}, ["SC-TXT-03[Command]"]),
        ({"Command": [sub("serve --password=${HiddenWithDefault}")]}, ["SC-TXT-03[Command]"]),
        ({"EntryPoint": either("Prod", ["serve", ref("Hidden")])}, ["SC-TXT-03[EntryPoint]"]),
        ({"DockerLabels": {"key": ref("Hidden")}}, ["SC-TXT-03[DockerLabels]"]),
        ({"LogConfiguration": {"Options": {"splunk-token": "abc"}}}, ["SC-TXT-03[splunk-token]"]),
        ({"LogConfiguration": {"Options": {"splunk-token": ref("Hidden")}}}, ["SC-TXT-03[splunk-token]"]),
        ({"LogConfiguration": {"Options": {"apikey": "abc", "Host": "logs"}}}, ["SC-TXT-03[apikey]"]),
        ({"LogConfiguration": {"Options": {"splunk-url": ref("Free")}, "SecretOptions": [ref("Secret")]}}, []),
        ({"Command": ["serve", "--port", ref("Shown")], "DockerLabels": {"secret": ref("Free")}}, []),
    ],
)
def test_what_a_container_is_started_with(container: Resources, expected: list[str]) -> None:
    assert found(definition(**container)) == expected
    assert found(batch({"ContainerProperties": container})) == expected


OVERRIDE = '{"containerOverrides": [{"name": "web", "environment": [{"name": "DB_PASSWORD", "value": "%s"}]}]}'


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"Input": OVERRIDE % "hunter2", "EcsParameters": {}}, ["SC-TXT-03[DB_PASSWORD]"]),
        ({"Input": sub(OVERRIDE % "${Hidden}"), "EcsParameters": {}}, ["SC-TXT-03[DB_PASSWORD]"]),
        ({"Input": sub(OVERRIDE.replace("DB_PASSWORD", "X") % "${Hidden}"), "EcsParameters": {}}, ["SC-TXT-03[X]"]),
        ({"Input": ref("Free"), "EcsParameters": {}}, ["SC-TXT-03?"]),
        ({"Input": sub(OVERRIDE % "${Secret}"), "EcsParameters": {}}, []),
        ({"Input": '{"containerOverrides": [{"name": "web", "command": ["serve"]}]}', "EcsParameters": {}}, []),
        ({"Input": OVERRIDE % "hunter2"}, []),
        ({"EcsParameters": {}}, []),
    ],
)
def test_what_a_rule_or_a_schedule_starts_tasks_with(target: Resources, expected: list[str]) -> None:
    assert found({"Type": "AWS::Events::Rule", "Properties": {"Targets": [target]}}) == expected
    assert found({"Type": "AWS::Scheduler::Schedule", "Properties": {"Target": target}}) == expected


def test_each_variable_can_be_waived_by_its_name() -> None:
    variables = {"DB_PASSWORD": "a", "API_KEY": "b", "LOG_LEVEL": "debug"}
    resource = {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": variables}}}
    assert found(resource) == ["SC-TXT-03[API_KEY]", "SC-TXT-03[DB_PASSWORD]"]


def test_a_finding_tells_the_reason_and_not_the_value() -> None:
    resources = {"It": function("SETTING", ref("HiddenWithDefault"))}
    messages = {
        each.message
        for each in evaluate([template(resources, Parameters=PARAMETERS)], [secret_in_environment]).findings
    }
    assert messages == {
        "the variable SETTING holds a secret: its value is the parameter HiddenWithDefault, which is NoEcho"
    }
    (finding,) = evaluate([template({"It": function("SETTING", KEY)})], [secret_in_environment]).findings
    assert KEY not in finding.message
    assert finding.location == "Properties.Environment.Variables.SETTING"


def test_a_hidden_parameter_is_followed_to_the_parent_that_passes_it() -> None:
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"Parameters": {"Passed": ref("Hidden")}}}
    parent = template({"Stack": stack}, Parameters=PARAMETERS)
    body = {"Parameters": {"Passed": {"Type": "String"}}, "Resources": {"It": function("SETTING", ref("Passed"))}}
    child = Template(body, "child.yaml", parent=parent.resources["Stack"])
    assert said(secret_in_environment, parent, child) == ["SC-TXT-03[SETTING]"]
