"""The rule about the roles of tasks."""

from __future__ import annotations

from typing import Final

from secure_containers.rules.ecs_model import EXPRESS, TASK_DEFINITION
from secure_containers.rules.engine import Observations, template_rule
from secure_containers.rules.task_model import ROLE
from secure_containers.rules.task_roles import Use, made_for_everybody, shared_role, uses, uses_of
from secure_containers.rules.template import Template, is_told

_BEARERS: Final = (TASK_DEFINITION, EXPRESS)


@template_rule("SC-ECS-08", types=(*_BEARERS, ROLE), guidelines=("ecs-task-roles", "least-privilege"))
def shared_task_role(template: Template) -> Observations:
    """A role serves more than one kind of task.

    ## Why
    A role for several tasks, or for a task and the agent that starts it, lets each do what only another one needs: read
    all tables, pull all images, fetch all secrets. AWS's own policies are made for all tasks of everybody:
    `AmazonECSTaskExecutionRolePolicy` pulls from every repository and writes into every log group.

    ## Fix
    Give each family of task definitions, and each Express service, a task role and an execution role of its own, with
    policies that name its actions and resources, and no managed policy of AWS. Execution roles may be shared by tasks
    of one trust; a task that calls no AWS service needs no task role.

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          TaskRoleArn: !GetAtt Role.Arn
          ExecutionRoleArn: !GetAtt Role.Arn
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ExecutionRoleArn: !GetAtt ExecutionRole.Arn
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
      ExecutionRole:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - Effect: Allow
                Principal: {Service: ecs-tasks.amazonaws.com}
                Action: sts:AssumeRole
                Condition: {StringEquals: {'aws:SourceAccount': !Ref 'AWS::AccountId'}}
    ```
    """
    for bearer in template.of_type(*_BEARERS):
        for use in uses_of(bearer):
            yield from shared_role(use, _is_another_family)
    named = template.world.once(uses)
    for role in template.of_type(ROLE):
        if any(use.bearer.type in _BEARERS for use in named.get((None, role), ())):
            yield from made_for_everybody(role, "task")


def _is_another_family(use: Use, other: Use) -> bool:
    """Whether the other one is no revision of the same task definition, which would do the same work."""
    own, others = ({each.text for each in user.bearer.get("Family") if is_told(each)} for user in (use, other))
    return other.bearer is use.bearer or not other.is_own or not own - {""} or own != others
