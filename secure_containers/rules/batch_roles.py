"""Rules about the roles of AWS Batch: those of jobs, and those of the instances that they run on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from secure_containers.rules.batch_model import DEFINITION, ENVIRONMENT, ROLE, Form, identities, named_resources, tasks
from secure_containers.rules.engine import Observations, template_rule
from secure_containers.rules.partitions import arn_parts
from secure_containers.rules.policies import PolicyKind, Unreadable, narrows, statements_of
from secure_containers.rules.template import Observation, Place, Resource, Template, Value, World

_AWS_POLICY: Final = re.compile(r":iam::aws:policy/(?:.*/)?([^/]+)$")
_SESSIONS: Final = "AmazonSSMManagedInstanceCore"
_PROFILE: Final = "AWS::IAM::InstanceProfile"
_INSTANCE_ROLES: Final = (
    ("InstanceRole",),
    ("ManagedInstancesProvider", "InstanceLaunchTemplate", "Ec2InstanceProfileArn"),
)
_TASK_SERVICES: Final = re.compile(r"(?:ecs-tasks|pods\.eks)\..+")


@dataclass(frozen=True, slots=True)
class _Use:
    """That a definition names a role, and as what."""

    definition: Resource
    value: Value
    kind: str

    def shares_with(self, other: _Use) -> bool:
        """Whether a job has by this what it should not share with `other`, in some deployment."""
        shared = other.definition is not self.definition or other.kind != self.kind
        apart = other.definition.template is self.definition.template and not self.value.meets(other.value)
        return self.kind == "job" and shared and not apart


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
    uses = template.world.once(_uses)
    for definition in template.of_type(DEFINITION):
        for use in _uses_of(definition):
            yield from _shared(use, uses)
        for task in tasks(definition):
            if task.value.unknown and task.form is not Form.POD:
                yield task.value.undecided("whose roles has it?")
    for role in template.of_type(ROLE):
        if (None, role) in uses:
            for value, name in _policies_of_aws(role):
                message = f"the role of a job has {name}, which is made for all jobs of everybody"
                yield _found(value, name, message)


def _shared(use: _Use, uses: Mapping[tuple[Template | None, Place], list[_Use]]) -> Observations:
    world = use.definition.template.world
    named = list(identities(world, use.value))
    other = next((each for identity in named for each in uses[identity] if use.shares_with(each)), None)
    if other is not None:
        message = f"the job role is the {other.kind} role of {other.definition.logical_id} too"
        yield use.definition.violates(message, at=use.value.path)
    elif use.value.unknown and not any(True for _ in named_resources(world, [use.value])):
        yield use.value.undecided("whose role is it, and what may it do?")


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
            for value, name in _policies_of_aws(role):
                if name != _SESSIONS:
                    yield _found(value, name, f"the role of the instances has AWS's policy {name}")


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


def _uses(world: World) -> Mapping[tuple[Template | None, Place], list[_Use]]:
    """The definitions that name each role."""
    found: dict[tuple[Template | None, Place], list[_Use]] = {}
    for definition in world.of_type(DEFINITION):
        for use in _uses_of(definition):
            for identity in identities(world, use.value):
                found.setdefault(identity, []).append(use)
    return found


def _uses_of(definition: Resource) -> Iterator[_Use]:
    for task in tasks(definition):
        if task.value.unknown:
            continue  # its roles are not one and the same because neither is told
        for kind, values in (("job", task.job_roles), ("execution", task.execution_roles)):
            for value in values:
                yield _Use(definition, value, kind)


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
    named = [use.value for definition in world.of_type(DEFINITION) for use in _uses_of(definition)]
    for task in world.of_type("AWS::ECS::TaskDefinition"):
        named += [*task.get("TaskRoleArn"), *task.get("ExecutionRoleArn")]
    for association in world.of_type("AWS::EKS::PodIdentityAssociation"):
        named += association.get("RoleArn")
    return frozenset(named_resources(world, named))


def _policies_of_aws(role: Resource) -> Iterator[tuple[Value, str]]:
    """AWS's managed policies of a role by their names, and without a name what may be one."""
    world = role.template.world
    for arns in role.get("ManagedPolicyArns"):
        for arn in arns.items():
            for place in world.locate(arn):
                name = _AWS_POLICY.search(place) if isinstance(place, str) else None
                if name:
                    yield arn, name[1]
                elif isinstance(place, str) and arn.unknown:
                    yield arn, ""


def _found(value: Value, name: str, message: str) -> Observation:
    if not name:
        return value.undecided("whose policy is it?")
    return value.resource.violates(message, at=value.path, about=name)
