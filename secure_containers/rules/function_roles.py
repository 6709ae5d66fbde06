"""The rule about what functions may start and pass on."""

from __future__ import annotations

import re
from typing import Final

from secure_containers.rules.engine import Observations, template_rule
from secure_containers.rules.event_model import FUNCTION
from secure_containers.rules.iam import names_no_resource
from secure_containers.rules.network.needs import Roles
from secure_containers.rules.network.passage import overlap
from secure_containers.rules.partitions import PLACEHOLDER, arn_parts
from secure_containers.rules.policies import POLICY_TYPES, PolicyKind, Statement, narrows, statements
from secure_containers.rules.template import Place, Template, Value, World

_PASSES: Final = "iam:passrole"
_SUBMITS: Final = "batch:submitjob"
_LAMBDA: Final = re.compile(r"lambda\..+")


@template_rule("SC-EVT-07", types=(FUNCTION, *POLICY_TYPES), guidelines=("least-privilege", "event-driven-pipeline"))
def broad_function_role(template: Template) -> Observations:
    """A function can start jobs, or pass on roles, that it does not name.

    ## Why
    What starts by an upload is the nearest thing to a door that the pipeline has. A role that may be passed to any
    service becomes an instance, a function or a job with its permissions; a pattern such as `job-definition/report*`
    also means tomorrow's `reports-of-all-customers`.

    ## Fix
    Name the job's definition (`job-definition/report:*`: any revision of one job) and its queue. Let `iam:PassRole`
    name one role, with `StringEquals` on `iam:PassedToService`; submitting a job needs no such permission. What allows
    everything of a type is found by SC-IAM-02 already, and not again here.

    ## Bad
    ```yaml
    Resources:
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn}
      Role:
        Type: AWS::IAM::Role
        Properties:
          Policies:
            - PolicyName: start
              PolicyDocument:
                Statement:
                  - {Effect: Allow, Action: iam:PassRole, Resource: !GetAtt JobRole.Arn}
    ```

    ## Good
    ```yaml
    Resources:
      Function:
        Type: AWS::Lambda::Function
        Properties: {Role: !GetAtt Role.Arn}
      Role:
        Type: AWS::IAM::Role
        Properties:
          Policies:
            - PolicyName: start
              PolicyDocument:
                Statement:
                  - Effect: Allow
                    Action: batch:SubmitJob
                    Resource:
                      - !Ref Queue
                      - !Sub arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job-definition/report:*
    ```
    """
    roles = template.world.once(Roles)
    for role in template.world.once(_roles_of_functions):
        for statement in roles.of(role):
            if statement.resource.template is template:
                yield from _broad(statement)


def _broad(statement: Statement) -> Observations:
    for action in statement.actions:
        for resource in statement.resources:
            if action.unknown or not action.meets(resource):
                continue
            wide = names_no_resource(resource.text) or resource.may_be("*")
            passes, submits = (overlap(action.text.lower(), each) for each in (_PASSES, _SUBMITS))
            if (passes or submits) and not wide and _names_several(resource):
                what = "pass every role" if passes else "start every job"
                message = f"the function may {what} whose name fits {resource.text}"
                yield resource.violates(message, about=action.text)
            if passes and not statement.limited(_says_to_whom, where=resource):
                message = "the function may pass a role to any service: no condition on iam:PassedToService"
                yield action.violates(message, about="iam:PassedToService")


def _names_several(resource: Value) -> bool:
    """Whether there is a wildcard in the name of a resource; behind it stands a job definition's revision."""
    parts = arn_parts(resource.text)
    name = PLACEHOLDER.sub("$", parts[5] if parts else resource.text)
    if parts and parts[2] == "batch":
        name = name.partition(":")[0]
    return bool(set("*?") & set(name))


def _says_to_whom(operator: str, key: str, values: list[Value]) -> bool:
    return key == "iam:passedtoservice" and narrows(operator, values, lambda text: not set("*?") & set(text))


def _roles_of_functions(world: World) -> list[Place]:
    """The roles that functions have, and those that functions can be given."""
    found = [place for function in world.of_type(FUNCTION) for place in world.places(function, "Role")]
    found += [
        trust.resource
        for template in world.templates
        for trust in template.once(statements)
        if isinstance(trust, Statement)
        if trust.kind is PolicyKind.TRUST and trust.allows
        if any(kind == "Service" and _LAMBDA.fullmatch(value.text) for kind, value in trust.principals)
    ]
    return list(dict.fromkeys(found))
