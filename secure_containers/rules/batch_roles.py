"""Rules about the roles of AWS Batch: those of jobs, and those of the instances that they run on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from secure_containers.rules.batch_model import DEFINITION, ENVIRONMENT, tasks
from secure_containers.rules.ecs_model import EXPRESS, TASK_DEFINITION
from secure_containers.rules.engine import Observations, template_rule
from secure_containers.rules.partitions import arn_parts
from secure_containers.rules.policies import PolicyKind, Unreadable, narrows, statements_of
from secure_containers.rules.task_model import ROLE, Form, named_resources
from secure_containers.rules.task_roles import (
    about_policy,
    made_for_everybody,
    policies_of_aws,
    shared_role,
    uses,
    uses_of,
)
from secure_containers.rules.template import Place, Resource, Template, Value, World

_SESSIONS: Final = "AmazonSSMManagedInstanceCore"
_PROFILE: Final = "AWS::IAM::InstanceProfile"
_INSTANCE_ROLES: Final = (
    ("InstanceRole",),
    ("ManagedInstancesProvider", "InstanceLaunchTemplate", "Ec2InstanceProfileArn"),
)
_TASK_SERVICES: Final = re.compile(r"(?:ecs-tasks|pods\.eks)\..+")


@template_rule("SC-BAT-08", types=(DEFINITION, ROLE), guidelines=("batch-job-roles", "least-privilege"))
def shared_job_role(template: Template) -> Observations:
    """A role serves more than one job.

    ## Why
    A role for several jobs, or for a job and the agent that starts it, lets each do what only another one needs: read
    all inputs, pull all images, fetch all secrets. AWS's own policies are made for all jobs of everybody:
    `AmazonECSTaskExecutionRolePolicy` pulls from every repository and writes into every log group.

    ## Fix
    Give each definition a job role and an execution role of its own, with policies that name this job's actions and
    resources, and no managed policy of AWS. A job that calls no AWS service needs no job role.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            JobRoleArn: !GetAtt Role.Arn
            ExecutionRoleArn: !GetAtt Role.Arn
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
          ManagedPolicyArns:
            - !Sub arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy
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
            ExecutionRoleArn: !GetAtt ExecutionRole.Arn
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
    for definition in template.of_type(DEFINITION):
        for use in uses_of(definition):
            yield from shared_role(use, lambda _, other: other.bearer.type == DEFINITION)
        for task in tasks(definition):
            if task.value.unknown and task.form is not Form.POD:
                yield task.value.undecided("whose roles has it?")
    named = template.world.once(uses)
    for role in template.of_type(ROLE):
        if any(use.bearer.type == DEFINITION for use in named.get((None, role), ())):
            yield from made_for_everybody(role, "job")


@template_rule("SC-BAT-13", types=(ENVIRONMENT, ROLE), guidelines=("batch-job-roles", "least-privilege"))
def broad_instance_role(template: Template) -> Observations:
    """The instances of a compute environment may do what AWS finds convenient.

    ## Why
    Every job on an instance can come by the instance's role. `AmazonEC2ContainerServiceforEC2Role`, which the console
    and the CDK give, joins any cluster, pulls every image and writes every log group of the account.

    ## Fix
    Write a policy for this environment: its cluster, its repositories, its log groups. `AmazonSSMManagedInstanceCore`,
    by which sessions replace SSH, is no finding.

    ## Bad
    ```yaml
    Resources:
      Environment:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources:
            Type: EC2
            MaxvCpus: 16
            InstanceTypes: [c7g]
            InstanceRole: !GetAtt Profile.Arn
      Profile:
        Type: AWS::IAM::InstanceProfile
        Properties: {Roles: [!Ref Role]}
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
          ManagedPolicyArns:
            - !Sub arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role
    ```

    ## Good
    ```yaml
    Resources:
      Environment:
        Type: AWS::Batch::ComputeEnvironment
        Properties:
          Type: MANAGED
          ComputeResources:
            Type: EC2
            MaxvCpus: 16
            InstanceTypes: [c7g]
            InstanceRole: !GetAtt Profile.Arn
      Profile:
        Type: AWS::IAM::InstanceProfile
        Properties: {Roles: [!Ref Role]}
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
          ManagedPolicyArns:
            - !Sub arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore
    ```
    """
    for environment in template.of_type(ENVIRONMENT):
        for value in _instance_roles(environment):
            if any(not isinstance(place, Resource) for place in _roles_behind(value)):
                yield value.undecided("which policies has the role of the instances?")
    for role in template.of_type(ROLE):
        if role in template.world.once(_roles_of_instances):
            for value, name in policies_of_aws(role):
                if name != _SESSIONS:
                    yield about_policy(value, name, f"the role of the instances has AWS's policy {name}")


@template_rule("SC-BAT-17", types=(ROLE,), guidelines=("batch-job-roles", "ecs-task-roles"))
def confusable_job_role(template: Template) -> Observations:
    """The role of a job, task or pod can be lent to somebody else's.

    ## Why
    `ecs-tasks.amazonaws.com` starts the tasks of all customers. Unless the role says for whom it may be taken, a
    confused service, or a task of another account that is given the role's name, is let in.

    ## Fix
    Add a condition to the trust policy: `StringEquals` on `aws:SourceAccount` with the own account, or `ArnLike` on
    `aws:SourceArn` with an ARN that names it. A condition with `...IfExists` holds when the key is missing, and says
    nothing.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            JobRoleArn: !GetAtt Role.Arn
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
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            JobRoleArn: !GetAtt Role.Arn
      Role:
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
    for role in template.of_type(ROLE):
        for found in statements_of(role) if role in template.world.once(_roles_of_tasks) else ():
            if found.kind is not PolicyKind.TRUST:
                continue
            if isinstance(found, Unreadable):
                yield found.observation
                continue
            for kind, principal in found.principals if found.allows else ():
                taken = kind == "Service" and (principal.unknown or _TASK_SERVICES.fullmatch(principal.text))
                if taken and not found.limited(_says_whose, where=principal):
                    yield principal.violates(
                        f"{principal.text} may take the role for anybody: no condition on aws:SourceAccount or "
                        "aws:SourceArn"
                    )


def _says_whose(operator: str, key: str, values: list[Value]) -> bool:
    return key in ("aws:sourceaccount", "aws:sourcearn") and narrows(operator, values, _names_an_account)


def _names_an_account(text: str) -> bool:
    """Whether an account number, or the ARN of something in one account, is named."""
    account = (arn_parts(text) or [""] * 6)[4] if text.startswith("arn:") else text
    return bool(account) and not set("*?") & set(account)


def _instance_roles(environment: Resource) -> Iterator[Value]:
    for path in _INSTANCE_ROLES:
        yield from environment.get("ComputeResources", *path)


def _roles_behind(value: Value) -> Iterator[Place]:
    """The roles of an instance profile; a role may also stand in its place, for both can have one name."""
    world = value.resource.template.world
    for place in world.locate(value):
        if isinstance(place, Resource) and place.type == _PROFILE:
            yield from world.lists(place, "Roles")
        else:
            yield place


def _roles_of_instances(world: World) -> frozenset[Resource]:
    return frozenset(
        place
        for environment in world.of_type(ENVIRONMENT)
        for value in _instance_roles(environment)
        for place in _roles_behind(value)
        if isinstance(place, Resource)
    )


def _roles_of_tasks(world: World) -> frozenset[Resource]:
    """The roles of jobs, of ECS's tasks and of pods."""
    named = [use.value for bearer in world.of_type(DEFINITION, TASK_DEFINITION, EXPRESS) for use in uses_of(bearer)]
    for association in world.of_type("AWS::EKS::PodIdentityAssociation"):
        named += association.get("RoleArn")
    return frozenset(named_resources(world, named))
