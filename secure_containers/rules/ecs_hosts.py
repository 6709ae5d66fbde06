"""Rules about the instances under the tasks of Amazon ECS."""

from __future__ import annotations

import re
from typing import Final

from secure_containers.rules.ecs_model import CAPACITY_PROVIDER
from secure_containers.rules.ecs_tasks import ECS_CONTROLS
from secure_containers.rules.engine import Controls, Observations, Severity, resource_rule, template_rule
from secure_containers.rules.host_checks import (
    GROUP,
    LAUNCH_CONFIGURATION,
    LAUNCH_TEMPLATE,
    container_groups,
    groups_behind,
    groups_called,
    hosts_of,
    launches,
    set_up,
    set_up_by,
    unhardened,
)
from secure_containers.rules.template import Observation, Resource, Template, World, is_true, where

_PROVIDER: Final = "AutoScalingGroupProvider"
_BLOCKS: Final = re.compile(
    r"(?:\bECS_AWSVPC_BLOCK_IMDS[\"']?\s*[=,]|\bawsvpc-block-imds\"?\s*[=:]|(?P<flag>-AwsvpcBlockIMDS\b:?))"
    r"\s*[\"']?(?P<value>\$\{[^}]*\}|[^\s\"',;)]*)"
)
"""In the environment of the agent, of Linux or Windows, in the settings of Bottlerocket, and as a flag on Windows."""
_TRUE: Final = ("true", "$true", "1", "t")


@template_rule(
    "SC-ECS-16",
    types=(CAPACITY_PROVIDER, GROUP, LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION),
    guidelines=("ecs-launch-types", "encryption-at-rest"),
    controls=Controls(
        fsbp=("EC2.170", "EC2.181"),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html",
    ),
)
def unhardened_container_hosts(template: Template) -> Observations:
    """The instances under tasks are as the image has them.

    ## Why
    Without settings whatever runs in a task may ask the metadata service for the instance's credentials, by a plain
    request and from within a container; what tasks leave on the disks lies there in the clear; and a key pair opens a
    way in that no log shows.

    ## Fix
    Give the Auto Scaling group a launch template with `HttpTokens: required`, `HttpPutResponseHopLimit: 1`, which the
    agent of Amazon ECS can do with, and every volume `Encrypted`. Name no key pair; sessions of Systems Manager need
    none. Judged are the groups of capacity providers, and those whose user data has a cluster join; managed instances
    are AWS's to harden and no finding.

    ## Bad
    ```yaml
    Resources:
      Capacity:
        Type: AWS::ECS::CapacityProvider
        Properties:
          AutoScalingGroupProvider: {AutoScalingGroupArn: !Ref Group}
      Group:
        Type: AWS::AutoScaling::AutoScalingGroup
        Properties:
          MinSize: '0'
          MaxSize: '4'
          LaunchTemplate: {LaunchTemplateId: !Ref Hosts, Version: !GetAtt Hosts.LatestVersionNumber}
      Hosts:
        Type: AWS::EC2::LaunchTemplate
        Properties:
          LaunchTemplateData: {KeyName: operators}
    ```

    ## Good
    ```yaml
    Resources:
      Capacity:
        Type: AWS::ECS::CapacityProvider
        Properties:
          AutoScalingGroupProvider: {AutoScalingGroupArn: !Ref Group}
      Group:
        Type: AWS::AutoScaling::AutoScalingGroup
        Properties:
          MinSize: '0'
          MaxSize: '4'
          LaunchTemplate: {LaunchTemplateId: !Ref Hosts, Version: !GetAtt Hosts.LatestVersionNumber}
      Hosts:
        Type: AWS::EC2::LaunchTemplate
        Properties:
          LaunchTemplateData:
            MetadataOptions: {HttpTokens: required, HttpPutResponseHopLimit: 1}
            BlockDeviceMappings:
              - DeviceName: /dev/xvda
                Ebs: {VolumeType: gp3, VolumeSize: 50, Encrypted: true}
    ```
    """
    for provider in template.of_type(CAPACITY_PROVIDER):
        for name in provider.get("AutoScalingGroupProvider", "AutoScalingGroupArn"):
            if not name.absent and not groups_called(name):
                yield name.undecided("how does the group set up its instances?")
    groups = template.world.once(container_groups)
    for group in template.of_type(GROUP):
        if group in groups:
            named = launches(group)
            if not group.always([launch.given for launch in named]):
                yield group.violates("there is no launch template", about="LaunchTemplate")
            for launch in named:
                if not hosts_of(launch):
                    yield launch.undecided("how does the launch template set up its instances?")
    for hosts in template.of_type(LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION):
        if hosts in template.world.once(_all_hosts):
            yield from unhardened(hosts, 1)


def _all_hosts(world: World) -> frozenset[Resource]:
    groups = world.once(container_groups)
    return frozenset(hosts for group in groups for launch in launches(group) for hosts in hosts_of(launch))


@resource_rule(
    "SC-ECS-20",
    types=(CAPACITY_PROVIDER,),
    guidelines=("ecs-launch-types", "services-recover"),
    severity=Severity.WARNING,
    controls=Controls(fsbp=("ECS.19",), source=ECS_CONTROLS),
)
def tasks_ended_by_scaling(provider: Resource) -> Observations:
    """Instances are stopped with tasks on them.

    ## Why
    When there is less to do, Auto Scaling stops whichever instance its own policy chooses. The tasks on it end in the
    middle of what they do, and start again elsewhere; with few instances, all copies of a service at once.

    ## Fix
    Set `ManagedTerminationProtection: ENABLED` and `ManagedScaling: {Status: ENABLED}` in the provider, and
    `NewInstancesProtectedFromScaleIn: true` in the group: Amazon ECS then gives up instances on which nothing runs.

    ## Bad
    ```yaml
    Resources:
      Capacity:
        Type: AWS::ECS::CapacityProvider
        Properties:
          AutoScalingGroupProvider: {AutoScalingGroupArn: hosts, ManagedScaling: {Status: ENABLED}}
    ```

    ## Good
    ```yaml
    Resources:
      Capacity:
        Type: AWS::ECS::CapacityProvider
        Properties:
          AutoScalingGroupProvider:
            AutoScalingGroupArn: hosts
            ManagedScaling: {Status: ENABLED}
            ManagedTerminationProtection: ENABLED
    ```
    """
    for given in provider.get(_PROVIDER):
        if given.absent:
            continue
        for setting in given.get("ManagedTerminationProtection"):
            if setting.text != "ENABLED":
                yield setting.violates(
                    f"ManagedTerminationProtection is {setting.text or 'not set, so that it is off'}"
                )
                continue
            for status in where(given, setting).get("ManagedScaling", "Status"):
                if status.text != "ENABLED":
                    message = f"ManagedTerminationProtection is of no use: ManagedScaling is {status.text or 'not set'}"
                    yield status.violates(message)
            for group in groups_behind(provider):
                for protected in group.get("NewInstancesProtectedFromScaleIn"):
                    if protected.unknown:
                        yield provider.undecided("does the group protect its instances?", by=protected)
                    elif not is_true(protected.data):
                        yield provider.violates(
                            f"refused, as the group {group.logical_id} does not protect its instances"
                        )


@template_rule(
    "SC-ECS-21",
    types=(CAPACITY_PROVIDER, GROUP, LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION),
    guidelines=("ecs-launch-types", "ecs-task-roles"),
)
def instance_role_in_reach(template: Template) -> Observations:
    """Tasks can take the role of the instance that they run on.

    ## Why
    A task with a network interface of its own asks the metadata service past the hop limit of the instance. What comes
    back are the credentials of the instance's role, which joins clusters and pulls the images of every team.

    ## Fix
    Tell the agent in the user data: `ECS_AWSVPC_BLOCK_IMDS=true` in `/etc/ecs/ecs.config`, `awsvpc-block-imds = true`
    in `[settings.ecs]` of Bottlerocket, or `Initialize-ECSAgent -AwsvpcBlockIMDS` on Windows; of several settings the
    last one counts. For tasks in the instance's own bridge, the hop limit is enough (SC-ECS-16).

    ## Bad
    ```yaml
    Resources:
      Capacity:
        Type: AWS::ECS::CapacityProvider
        Properties:
          AutoScalingGroupProvider: {AutoScalingGroupArn: !Ref Group}
      Group:
        Type: AWS::AutoScaling::AutoScalingGroup
        Properties:
          MinSize: '0'
          MaxSize: '4'
          LaunchTemplate: {LaunchTemplateId: !Ref Hosts, Version: !GetAtt Hosts.LatestVersionNumber}
      Hosts:
        Type: AWS::EC2::LaunchTemplate
        Properties:
          LaunchTemplateData:
            UserData:
              Fn::Base64: |
                #!/bin/bash
                echo ECS_CLUSTER=orders >> /etc/ecs/ecs.config
    ```

    ## Good
    ```yaml
    Resources:
      Capacity:
        Type: AWS::ECS::CapacityProvider
        Properties:
          AutoScalingGroupProvider: {AutoScalingGroupArn: !Ref Group}
      Group:
        Type: AWS::AutoScaling::AutoScalingGroup
        Properties:
          MinSize: '0'
          MaxSize: '4'
          LaunchTemplate: {LaunchTemplateId: !Ref Hosts, Version: !GetAtt Hosts.LatestVersionNumber}
      Hosts:
        Type: AWS::EC2::LaunchTemplate
        Properties:
          LaunchTemplateData:
            UserData:
              Fn::Base64: |
                #!/bin/bash
                echo ECS_CLUSTER=orders >> /etc/ecs/ecs.config
                echo ECS_AWSVPC_BLOCK_IMDS=true >> /etc/ecs/ecs.config
    ```
    """
    for hosts in template.of_type(LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION):
        if hosts in template.world.once(_all_hosts):
            for data in set_up(hosts, "UserData"):
                if data.absent:
                    yield hosts.violates("there is no UserData that keeps tasks from the metadata service")
                    continue
                *_, last = (None, *_BLOCKS.finditer(set_up_by(data)))
                value = last["value"].lower() if last else ""
                if last and last["flag"] == "-AwsvpcBlockIMDS":
                    value = "true"
                if value.startswith("$") and value not in ("$true", "$false"):
                    message = f"cannot be decided: UserData says {last[0]}, which this template does not tell"
                    yield Observation(hosts, message, at=data.path, decided=False)
                elif value not in _TRUE:
                    yield data.violates("UserData does not keep tasks from the metadata service")
