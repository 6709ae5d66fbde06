"""The rule about what stands in the environment of containers and functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from secure_containers.rules import app_runner_model, batch_model, ecs_model
from secure_containers.rules.contents import contents
from secure_containers.rules.credentials import credential_in
from secure_containers.rules.engine import Controls, Observations, resource_rule
from secure_containers.rules.intrinsics import placeholders
from secure_containers.rules.template import Resource, Template, Value

_FUNCTIONS: Final = ("AWS::Lambda::Function", "AWS::Serverless::Function")
_ECS: Final = (ecs_model.TASK_DEFINITION, ecs_model.EXPRESS)


@resource_rule(
    "SC-TXT-03",
    types=(batch_model.DEFINITION, *_ECS, *_FUNCTIONS, app_runner_model.SERVICE),
    guidelines=("ecs-task-roles", "signed-requests-temporary-credentials"),
    controls=Controls(
        fsbp=("ECS.8",),
        nist_800_53_r5=("CA-9(1)", "CM-2"),
        pci_dss_4=("8.6.2",),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html",
    ),
)
def secret_in_environment(resource: Resource) -> Observations:
    """A secret stands in an environment variable.

    ## Why
    Whoever may describe the job, task or function reads its environment, and so do the console, crash reports and every
    process beside it. `NoEcho` and dynamic references hide a value in CloudFormation only: here it is written out.

    ## Fix
    Name the secret where the service fetches it: `Secrets` of a container, `RuntimeEnvironmentSecrets` of App Runner.
    A function reads it by its ARN, in a variable whose name says so, such as `DB_SECRET_ARN`.

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
    yield from _mapped(resource) if resource.type in _FUNCTIONS else _listed(resource)


def _listed(resource: Resource) -> Observations:
    for variables in _lists(resource):
        for variable in variables.items():
            written = variable.data.get("Value") if isinstance(variable.data, dict) else None
            for name in variable.get("Name"):
                for value in variable.get("Value"):
                    if name.unknown and not value.absent:
                        yield name.undecided("does it hold a secret?")
                    elif name.meets(value):
                        yield from _secret(name.text, value, written)


def _mapped(function: Resource) -> Observations:
    for variables in function.get("Environment", "Variables"):
        if variables.unknown:
            yield variables.undecided("do they hold a secret?")
        for name, value in variables.members():
            yield from _secret(name, value, variables.data[name])


def _lists(resource: Resource) -> Iterator[Value]:
    """The lists of variables of all containers of a resource."""
    if resource.type in (batch_model.DEFINITION, *_ECS):
        model = batch_model if resource.type == batch_model.DEFINITION else ecs_model
        for container in model.containers(resource):
            yield from container.value.get(container.environment)
    else:
        for configuration in app_runner_model.configurations(resource):
            yield from configuration.get("RuntimeEnvironmentVariables")


def _secret(name: str, value: Value, written: Any) -> Observations:
    hidden = next(_hidden_parameters(value, written), None)
    reason = credential_in(name, value.text) or (hidden and f"its value is the parameter {hidden}, which is NoEcho")
    if reason:
        yield value.resource.violates(f"the variable {name} holds a secret: {reason}", at=value.path, about=name)


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
