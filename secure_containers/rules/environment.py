"""The rule about what stands in the environment of containers and functions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from secure_containers.rules import app_runner_model, batch_model, ecs_model
from secure_containers.rules.contents import contents
from secure_containers.rules.credentials import credential_in
from secure_containers.rules.engine import Controls, Observations, resource_rule
from secure_containers.rules.event_model import RULE, SCHEDULE, ecs_targets
from secure_containers.rules.intrinsics import Reference, placeholders
from secure_containers.rules.task_model import Container, items, stand_together
from secure_containers.rules.template import Resource, Template, Value

_FUNCTIONS: Final = ("AWS::Lambda::Function", "AWS::Serverless::Function")
_ECS: Final = (ecs_model.TASK_DEFINITION, ecs_model.EXPRESS)
_KEPT: Final = ("AWS::SecretsManager::Secret", "AWS::SecretsManager::SecretTargetAttachment", "AWS::SSM::Parameter")
"""Where secrets belong; what a template says of one, but for a parameter's `Value`, is its name or its ARN."""


@resource_rule(
    "SC-TXT-03",
    types=(batch_model.DEFINITION, *_ECS, *_FUNCTIONS, app_runner_model.SERVICE, RULE, SCHEDULE),
    guidelines=("ecs-task-roles", "signed-requests-temporary-credentials"),
    controls=Controls(
        fsbp=("ECS.8",),
        nist_800_53_r5=("CA-9(1)", "CM-2"),
        pci_dss_4=("8.6.2",),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html",
    ),
)
def secret_in_environment(resource: Resource) -> Observations:
    """A secret stands in an environment variable, or in what a container is started with.

    ## Why
    Whoever may describe the job, task or function reads its environment, and so do the console, crash reports and every
    process beside it. `NoEcho` and dynamic references hide a value in CloudFormation only: here it is written out.

    ## Fix
    Name the secret where the service fetches it: `Secrets` of a container, `SecretOptions` of its logs,
    `RuntimeEnvironmentSecrets` of App Runner. A function reads it by its ARN; a variable with the name or the ARN of a
    secret or a parameter is no finding.

    ## Bad
    ```yaml
    Parameters:
      Password: {Type: String, NoEcho: true}
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            Environment:
              - {Name: DB_PASSWORD, Value: !Ref Password}
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            Secrets:
              - {Name: DB_PASSWORD, ValueFrom: !Ref Password}
      Password:
        Type: AWS::SecretsManager::Secret
    ```
    """
    if resource.type in _FUNCTIONS:
        yield from _mapped(resource)
    for variables in _lists(resource):
        yield from _listed(variables, "Name", "Value")
    for environment in _overrides(resource):
        yield from _listed(environment, "name", "value")
    for container in _containers(resource):
        yield from _besides(container)


def _listed(variables: Value, name_key: str, value_key: str) -> Observations:
    for variable in variables.items():
        written = variable.data.get(value_key) if isinstance(variable.data, dict) else None
        for name in variable.get(name_key):
            for value in variable.get(value_key):
                if name.unknown and not value.absent:
                    yield name.undecided("does it hold a secret?")
                elif stand_together(name, value):
                    yield from _secret(name.text, value, written)


def _mapped(function: Resource) -> Observations:
    for variables in function.get("Environment", "Variables"):
        if variables.unknown:
            yield variables.undecided("do they hold a secret?")
        for name, value in variables.members():
            yield from _secret(name, value, variables.data[name])


def _containers(resource: Resource) -> Iterator[Container]:
    if resource.type == batch_model.DEFINITION:
        yield from batch_model.containers(resource)
    elif resource.type in _ECS:
        yield from ecs_model.containers(resource)


def _lists(resource: Resource) -> Iterator[Value]:
    """The lists of variables of all containers of a resource."""
    for container in _containers(resource):
        yield from container.value.get(container.environment)
    if resource.type == app_runner_model.SERVICE:
        for configuration in app_runner_model.configurations(resource):
            yield from configuration.get("RuntimeEnvironmentVariables")


def _overrides(resource: Resource) -> Iterator[Value]:
    """The lists of variables with which a rule or a schedule starts tasks of Amazon ECS."""
    for target, _ in ecs_targets(resource):
        for document in (document for written in target.get("Input") for document in written.parsed()):
            for override in items(document, "containerOverrides"):
                yield from override.get("environment")


def _besides(container: Container) -> Observations:
    """Secrets in what a container is started with, and in the options of its logs."""
    data = container.value.data if isinstance(container.value.data, dict) else {}
    for key in ("Command", "EntryPoint", "DockerLabels"):
        for value in container.value.get(key):
            parts = chain(value.items(), (member for _, member in value.members()))
            hidden = next((name for part in parts for name in _hidden_parameters(part, data.get(key))), None)
            if hidden is not None:
                message = f"{key} holds a secret: the parameter {hidden}, which is NoEcho"
                yield value.resource.violates(message, at=value.path, about=key)
    for options in container.value.get("LogConfiguration", "Options"):
        for name, value in options.members():
            yield from _secret(name, value, options.data[name], what="option")


def _secret(name: str, value: Value, written: Any, *, what: str = "variable") -> Observations:
    hidden = next(_hidden_parameters(value, written), None)
    reason = credential_in("" if _is_kept(value) else name, value.text)
    reason = reason or (hidden and f"its value is the parameter {hidden}, which is NoEcho")
    if reason:
        yield value.resource.violates(f"the {what} {name} holds a secret: {reason}", at=value.path, about=name)


def _is_kept(value: Value) -> bool:
    """Whether a value only says where a secret is."""
    for each in value.resource.template.world.follow(value):
        found = each.data if isinstance(each.data, Reference) else None
        kept = each.resource.template.resources.get(found.logical_id) if found else None
        if found is None or kept is None or kept.type not in _KEPT or found.attribute == "Value":
            return False
    return True


def _hidden_parameters(value: Value, written: Any) -> Iterator[str]:
    """The parameters with `NoEcho` that a value names, in its template or where its value comes from."""
    for name in contents(written, "").references:
        if _is_hidden(value.resource.template, name):
            yield name
    for each in value.resource.template.world.follow(value):
        for name in placeholders(each.text):
            if _is_hidden(each.resource.template, name):
                yield name


def _is_hidden(template: Template, name: str) -> bool:
    parameters = template.body.get("Parameters")
    parameter = parameters.get(name) if isinstance(parameters, dict) else None
    return isinstance(parameter, dict) and str(parameter.get("NoEcho")).lower() == "true"
