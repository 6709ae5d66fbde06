"""The rule about the roles of services of AWS App Runner."""

from __future__ import annotations

from typing import Final

from secure_containers.rules.app_runner_model import ACCESS_ROLE, INSTANCE_ROLE, SERVICE
from secure_containers.rules.engine import Observations, template_rule
from secure_containers.rules.task_model import ROLE, identities, named_resources, stand_together
from secure_containers.rules.task_roles import about_policy, policies_of_aws, shared_role, uses_of
from secure_containers.rules.template import Resource, Template, World

_TRACES: Final = "AWSXRayDaemonWriteAccess"


@template_rule(
    "SC-APR-07", types=(SERVICE, ROLE), guidelines=("least-privilege", "signed-requests-temporary-credentials")
)
def broad_app_runner_role(template: Template) -> Observations:
    """A role of a service does more than this service needs.

    ## Why
    `AWSAppRunnerServicePolicyForECRAccess`, which the console and the CDK give, pulls every image of the account. With
    one role for pulling and for the code, whoever breaks into the code pulls too; with one for several services, each
    does what only another one needs.

    ## Fix
    Give each service an instance role of its own, and an access role whose policy names its repository
    (`ecr:BatchGetImage`, `ecr:GetDownloadUrlForLayer`, `ecr:BatchCheckLayerAvailability`, `ecr:DescribeImages`, and
    `ecr:GetAuthorizationToken` on `*`). `AWSXRayDaemonWriteAccess` is no finding: what it allows names no resources.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: 111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop:1.4.2
              ImageRepositoryType: ECR
            AuthenticationConfiguration: {AccessRoleArn: !GetAtt Access.Arn}
      Access:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: build.apprunner.amazonaws.com}, Action: sts:AssumeRole}
          ManagedPolicyArns:
            - !Sub arn:${AWS::Partition}:iam::aws:policy/service-role/AWSAppRunnerServicePolicyForECRAccess
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: 111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop:1.4.2
              ImageRepositoryType: ECR
            AuthenticationConfiguration: {AccessRoleArn: !GetAtt Access.Arn}
      Access:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              - {Effect: Allow, Principal: {Service: build.apprunner.amazonaws.com}, Action: sts:AssumeRole}
    ```
    """
    for service in template.of_type(SERVICE):
        for use in uses_of(service):
            yield from shared_role(use, lambda *_: True)
        yield from _one_role_for_both(service)
    for role in template.of_type(ROLE):
        if role in template.world.once(_roles):
            for value, name in policies_of_aws(role):
                if name != _TRACES:
                    yield about_policy(value, name, f"the role of a service of App Runner has AWS's policy {name}")


def _one_role_for_both(service: Resource) -> Observations:
    world = service.template.world
    for access in service.get(*ACCESS_ROLE):
        named = set(identities(world, access))
        for instance in service.get(*INSTANCE_ROLE):
            if named & set(identities(world, instance)) and stand_together(access, instance):
                yield service.violates("the access role is the instance role too", at=access.path)


def _roles(world: World) -> frozenset[Resource]:
    services = list(world.of_type(SERVICE))
    named = [value for service in services for path in (ACCESS_ROLE, INSTANCE_ROLE) for value in service.get(*path)]
    return frozenset(named_resources(world, named))
