"""Rules about the clusters of Amazon ECS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from secure_containers.rules.ecs_model import CLUSTER, SERVICE
from secure_containers.rules.ecs_tasks import ECS_CONTROLS
from secure_containers.rules.engine import Controls, Observations, resource_rule, template_rule
from secure_containers.rules.event_model import RULE, SCHEDULE, ecs_targets, is_given, unless_done
from secure_containers.rules.task_model import called
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

_SESSIONS: Final = ("Configuration", "ExecuteCommandConfiguration")
_LOGS: Final = (
    ("CloudWatchLogGroupName", "CloudWatchEncryptionEnabled"),
    ("S3BucketName", "S3EncryptionEnabled"),
)


@template_rule(
    "SC-ECS-11",
    types=(CLUSTER, SERVICE, RULE, SCHEDULE),
    guidelines=("cloudwatch-logs-and-alarms", "encryption-at-rest"),
)
def unaudited_exec(template: Template) -> Observations:
    """Somebody can open a shell in a task, and nobody sees what they do.

    ## Why
    ECS Exec is a root shell with the task's role, its secrets and its network. CloudTrail notes that a session was
    opened, not what was typed there.

    ## Fix
    Leave `EnableExecuteCommand` out of services, rules and schedules. Where it has to be, set in the cluster's
    `ExecuteCommandConfiguration` a `KmsKeyId` and `Logging: OVERRIDE`, with a log group and
    `CloudWatchEncryptionEnabled`, or a bucket and `S3EncryptionEnabled`.

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
    for enabled, clusters in _sessions(template):
        if enabled.unknown:
            yield enabled.undecided("can somebody open a shell in its tasks?")
        for named in clusters if is_true(enabled.data) else ():
            if not _clusters(named):
                yield _elsewhere(named)
    opened = template.world.once(_opened)
    for cluster in template.of_type(CLUSTER):
        if cluster in opened:
            yield from _unaudited(cluster)


def _clusters(named: Value) -> list[Resource]:
    return called(named, CLUSTER, "ClusterName")


def _sessions(templates: Template | World) -> Iterator[tuple[Value, list[Value]]]:
    """Whether somebody can open a shell in tasks, and what names their cluster."""
    for service in templates.of_type(SERVICE):
        yield from ((enabled, enabled.beside("Cluster")) for enabled in service.get("EnableExecuteCommand"))
    for bearer in templates.of_type(RULE, SCHEDULE):
        for target, parameters in ecs_targets(bearer):
            for enabled in parameters.get("EnableExecuteCommand"):
                yield enabled, where(target, enabled).get("Arn")


def _opened(world: World) -> frozenset[Resource]:
    """The clusters in whose tasks somebody can open a shell."""
    found = (named for enabled, clusters in _sessions(world) if is_true(enabled.data) for named in clusters)
    return frozenset(cluster for named in found for cluster in _clusters(named))


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
