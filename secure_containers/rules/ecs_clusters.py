"""Rules about the clusters of Amazon ECS, and about the hosts that they bring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from secure_containers.rules.ecs_model import CAPACITY_PROVIDER, CLUSTER, SERVICE
from secure_containers.rules.ecs_tasks import ECS_CONTROLS
from secure_containers.rules.engine import Controls, Observations, resource_rule, template_rule
from secure_containers.rules.event_model import is_given, unless_done
from secure_containers.rules.host_checks import LAUNCH_TEMPLATE, launch_templates, launch_templates_in, unhardened
from secure_containers.rules.task_model import called, items
from secure_containers.rules.template import (
    Observation,
    Resource,
    Template,
    Value,
    Verdict,
    World,
    is_left_out,
    is_true,
    surely,
    where,
)

_GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"
_CONFIGURATION: Final = "AWS::AutoScaling::LaunchConfiguration"
_SESSIONS: Final = ("Configuration", "ExecuteCommandConfiguration")
_LOGS: Final = (
    ("CloudWatchLogGroupName", "CloudWatchEncryptionEnabled"),
    ("S3BucketName", "S3EncryptionEnabled"),
)


@template_rule("SC-ECS-11", types=(CLUSTER, SERVICE), guidelines=("cloudwatch-logs-and-alarms", "encryption-at-rest"))
def unaudited_exec(template: Template) -> Observations:
    """Somebody can open a shell in a task, and nobody sees what they do.

    ## Why
    ECS Exec is a root shell with the task's role, its secrets and its network. CloudTrail notes that a session was
    opened, not what was typed there.

    ## Fix
    Leave `EnableExecuteCommand` out. Where it has to be, set in the cluster's `ExecuteCommandConfiguration` a
    `KmsKeyId` and `Logging: OVERRIDE`, with a log group and `CloudWatchEncryptionEnabled`, or a bucket and
    `S3EncryptionEnabled`.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref Task, EnableExecuteCommand: true}
      Cluster:
        Type: AWS::ECS::Cluster
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::Service
        Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref Task, EnableExecuteCommand: true}
      Cluster:
        Type: AWS::ECS::Cluster
        Properties:
          Configuration:
            ExecuteCommandConfiguration:
              KmsKeyId: !GetAtt Key.Arn
              Logging: OVERRIDE
              LogConfiguration: {CloudWatchLogGroupName: !Ref Sessions, CloudWatchEncryptionEnabled: true}
      Sessions:
        Type: AWS::Logs::LogGroup
        Properties: {RetentionInDays: 365, KmsKeyId: !GetAtt Key.Arn}
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties: {EnableKeyRotation: true}
    ```
    """
    for service in template.of_type(SERVICE):
        for enabled in service.get("EnableExecuteCommand"):
            if enabled.unknown:
                yield enabled.undecided("can somebody open a shell in its tasks?")
            elif is_true(enabled.data):
                for named in enabled.beside("Cluster"):
                    if not _clusters(named):
                        yield _elsewhere(named)
    opened = template.world.once(_opened)
    for cluster in template.of_type(CLUSTER):
        if cluster in opened:
            yield from _unaudited(cluster)


def _clusters(named: Value) -> list[Resource]:
    return called(named, CLUSTER, "ClusterName")


def _opened(world: World) -> frozenset[Resource]:
    """The clusters with services in whose tasks somebody can open a shell."""
    return frozenset(
        cluster
        for service in world.of_type(SERVICE)
        for enabled in service.get("EnableExecuteCommand")
        if is_true(enabled.data)
        for named in enabled.beside("Cluster")
        for cluster in _clusters(named)
    )


def _elsewhere(cluster: Value) -> Observation:
    name = f"the cluster {cluster.text}" if cluster.text else "the default cluster"
    message = f"cannot be decided: {name} stands in none of these templates, which tell of no session log then"
    return Observation(cluster.resource, message, at=cluster.path, decided=False)


def _unaudited(cluster: Resource) -> Observations:
    for key in cluster.get(*_SESSIONS, "KmsKeyId"):
        if is_left_out(key):
            yield key.violates("sessions in its tasks are encrypted with no key of yours", about="KmsKeyId")
    logging: list[Verdict] = [
        (None if each.unknown else each.text == "OVERRIDE", each) for each in cluster.get(*_SESSIONS, "Logging")
    ]
    yield from unless_done(
        cluster,
        [(cluster, [logging, *_logged(cluster, *names)]) for names in _LOGS],
        message="what is typed in its tasks goes to no encrypted log",
        question="does what is typed in its tasks go to an encrypted log?",
    )


def _logged(cluster: Resource, place: str, encrypted: str) -> Iterator[list[Verdict]]:
    """What has to hold so that sessions are logged, encrypted, in one place."""
    yield [(is_given(each), each) for each in cluster.get(*_SESSIONS, "LogConfiguration", place)]
    yield [
        (None if each.unknown else is_true(each.data), each)
        for each in cluster.get(*_SESSIONS, "LogConfiguration", encrypted)
    ]


@resource_rule(
    "SC-ECS-12",
    types=(CLUSTER,),
    guidelines=("cloudwatch-logs-and-alarms",),
    controls=Controls(fsbp=("ECS.12",), nist_800_53_r5=("AU-6(3)", "AU-6(4)", "CA-7", "SI-2"), source=ECS_CONTROLS),
)
def unwatched_cluster(cluster: Resource) -> Observations:
    """Nobody counts what the tasks of a cluster use, and how often they start again.

    ## Why
    Without Container Insights there are CPU and memory of a service, and nothing of its tasks: no restarts, no network,
    no disk. A task that ends every hour, or mines at night, is an average then.

    ## Fix
    Set the cluster setting `containerInsights` to `enhanced`, or to `enabled`. The account's default may say so too,
    but a template does not tell it.

    ## Bad
    ```yaml
    Resources:
      Cluster:
        Type: AWS::ECS::Cluster
    ```

    ## Good
    ```yaml
    Resources:
      Cluster:
        Type: AWS::ECS::Cluster
        Properties:
          ClusterSettings:
            - {Name: containerInsights, Value: enhanced}
    ```
    """
    for settings in cluster.get("ClusterSettings"):
        told = [
            (None if name.unknown or value.unknown else value.text in ("enabled", "enhanced"), value)
            for setting in settings.items()
            for name in setting.get("Name")
            if name.unknown or name.text == "containerInsights"
            for value in where(setting, name).get("Value")
        ]
        if not surely(told, settings):
            place = next((value for verdict, value in told if not verdict), settings)
            yield place.violates(f"containerInsights is {place.text if place is not settings else 'not set'}")


@template_rule(
    "SC-ECS-16",
    types=(CAPACITY_PROVIDER, _GROUP, LAUNCH_TEMPLATE, _CONFIGURATION),
    guidelines=("ecs-launch-types", "encryption-at-rest"),
    controls=Controls(
        fsbp=("EC2.170", "EC2.181"),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html",
    ),
)
def unhardened_container_hosts(template: Template) -> Observations:
    """The instances of a capacity provider are as the image has them.

    ## Why
    Without settings whatever runs in a task may ask the metadata service for the instance's credentials, by a plain
    request and from within a container; what tasks leave on the disks lies there in the clear; and a key pair opens a
    way in that no log shows.

    ## Fix
    Give the Auto Scaling group a launch template with `HttpTokens: required`, `HttpPutResponseHopLimit: 1`, which the
    agent of Amazon ECS can do with, and every volume `Encrypted`. Name no key pair; sessions of Systems Manager need
    none. Managed instances are AWS's to harden and no finding.

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
            if not name.absent and not _groups_called(name):
                yield name.undecided("how does the group set up its instances?")
    groups = template.world.once(_groups)
    for group in template.of_type(_GROUP):
        if group in groups:
            launches = _launches(group)
            if not group.always([launch.given for launch in launches]):
                yield group.violates("there is no launch template", about="LaunchTemplate")
            for launch in launches:
                if not _hosts(launch):
                    yield launch.undecided("how does the launch template set up its instances?")
    for hosts in template.of_type(LAUNCH_TEMPLATE, _CONFIGURATION):
        if hosts in template.world.once(_all_hosts):
            yield from unhardened(hosts, 1)


def _groups_called(name: Value) -> list[Resource]:
    return called(name, _GROUP, "AutoScalingGroupName")


def _groups(world: World) -> frozenset[Resource]:
    return frozenset(
        group
        for provider in world.of_type(CAPACITY_PROVIDER)
        for name in provider.get("AutoScalingGroupProvider", "AutoScalingGroupArn")
        for group in _groups_called(name)
    )


def _launches(group: Resource) -> list[Value]:
    """The launch templates and configurations that a group names."""
    found = [value for value in group.get("LaunchConfigurationName") if not value.absent]
    for launch in group.get("LaunchTemplate"):
        found += launch_templates_in(launch)
    for mixed in group.get("MixedInstancesPolicy", "LaunchTemplate"):
        for each in (mixed, *items(mixed, "Overrides")):
            for launch in each.get("LaunchTemplateSpecification"):
                found += launch_templates_in(launch)
    return found


def _hosts(launch: Value) -> list[Resource]:
    return launch_templates(launch) or called(launch, _CONFIGURATION, "LaunchConfigurationName")


def _all_hosts(world: World) -> frozenset[Resource]:
    return frozenset(hosts for group in world.once(_groups) for launch in _launches(group) for hosts in _hosts(launch))
