"""Rules about logs, and about the alarms over them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from secure_containers.rules.engine import Controls, Observations, resource_rule
from secure_containers.rules.intrinsics import placeholders
from secure_containers.rules.task_model import referred
from secure_containers.rules.template import Resource, Value, World, is_left_out, is_true

_CLOUDWATCH_CONTROLS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html"
_CDK_NAG_RULES: Final = "https://github.com/cdklabs/cdk-nag/blob/main/RULES.md"
_LOG_GROUP: Final = "AWS::Logs::LogGroup"
_COMPOSITE: Final = "AWS::CloudWatch::CompositeAlarm"


@resource_rule(
    "SC-LOG-01",
    types=(_LOG_GROUP,),
    guidelines=("cloudwatch-logs-and-alarms",),
    controls=Controls(
        security_hub=("CloudWatch.16",),
        nist_800_53_r5=("AU-6(3)", "AU-6(4)", "AU-10", "AU-11", "CA-7", "SI-12"),
        source=_CLOUDWATCH_CONTROLS,
    ),
)
def endless_logs(group: Resource) -> Observations:
    """Logs are kept for ever.

    ## Why
    What containers log holds names, addresses and now and then a secret. Kept without end it can be stolen without end,
    nobody can say when it is gone, and its storage is paid for.

    ## Fix
    Set `RetentionInDays`: 365 or more where the logs are evidence, less where they only serve to find mistakes. A group
    of the class `DELIVERY` takes no retention and is no finding.

    ## Bad
    ```yaml
    Resources:
      Logs:
        Type: AWS::Logs::LogGroup
    ```

    ## Good
    ```yaml
    Resources:
      Logs:
        Type: AWS::Logs::LogGroup
        Properties:
          RetentionInDays: 365
    ```
    """
    for days in group.get("RetentionInDays"):
        kinds = days.beside("LogGroupClass")
        if is_left_out(days) and not all(kind.text == "DELIVERY" for kind in kinds):
            yield days.violates("RetentionInDays is not set, which means for ever")


@resource_rule(
    "SC-LOG-02",
    types=(_LOG_GROUP,),
    guidelines=("cloudwatch-logs-and-alarms", "encryption-at-rest"),
    controls=Controls(
        nist_800_53_r5=("AU-9(3)", "SC-8(3)", "SC-8(4)", "SC-28(1)", "SI-19(4)"),
        hipaa=("164.312(a)(2)(iv)", "164.312(e)(2)(ii)"),
        source=_CDK_NAG_RULES,
    ),
)
def unencrypted_logs(group: Resource) -> Observations:
    """Logs are not encrypted with a key of yours.

    ## Why
    CloudWatch then encrypts with a key of its own, which nobody can restrict, watch or withdraw: whoever may read the
    log group reads it all.

    ## Fix
    Set `KmsKeyId` to the ARN of a customer managed key whose policy lets `logs.<region>.amazonaws.com` use it. A
    parameter for the key needs an `AllowedPattern` that leaves no room for nothing, such as `arn:.+:key/.+`.

    ## Bad
    ```yaml
    Resources:
      Logs:
        Type: AWS::Logs::LogGroup
        Properties:
          RetentionInDays: 365
    ```

    ## Good
    ```yaml
    Resources:
      Logs:
        Type: AWS::Logs::LogGroup
        Properties:
          RetentionInDays: 365
          KmsKeyId: !GetAtt Key.Arn
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
    ```
    """
    for key in group.get("KmsKeyId"):
        if is_left_out(key):
            yield key.violates("KmsKeyId is not set, so that CloudWatch's own key is used")


@resource_rule(
    "SC-LOG-03",
    types=("AWS::CloudWatch::Alarm", _COMPOSITE),
    guidelines=("cloudwatch-logs-and-alarms",),
    controls=Controls(
        security_hub=("CloudWatch.15", "CloudWatch.17"),
        nist_800_53_r5=(
            "AU-6(1)",
            "AU-6(5)",
            "CA-7",
            "IR-4(1)",
            "IR-4(5)",
            "SI-2",
            "SI-20",
            "SI-4(5)",
            "SI-4(12)",
        ),
        source=_CLOUDWATCH_CONTROLS,
    ),
)
def silent_alarm(alarm: Resource) -> Observations:
    """An alarm tells nobody.

    ## Why
    It turns red on a page that nobody looks at. Actions for `OK` and `INSUFFICIENT_DATA` do not count: they speak when
    it is over, or when nothing was measured.

    ## Fix
    Give `AlarmActions` an SNS topic that somebody reads, and leave `ActionsEnabled` out. An alarm that a composite
    alarm asks about may stay silent, for the composite alarm is judged in its place; so may one that a deployment of
    ECS or CodeDeploy reads, to roll back.

    ## Bad
    ```yaml
    Resources:
      Denied:
        Type: AWS::CloudWatch::Alarm
        Properties:
          Namespace: Audit
          MetricName: DeniedCalls
          ComparisonOperator: GreaterThanThreshold
          EvaluationPeriods: 1
          Threshold: 0
          OKActions: [!Ref Alerts]
    ```

    ## Good
    ```yaml
    Resources:
      Denied:
        Type: AWS::CloudWatch::Alarm
        Properties:
          Namespace: Audit
          MetricName: DeniedCalls
          ComparisonOperator: GreaterThanThreshold
          EvaluationPeriods: 1
          Threshold: 0
          AlarmActions: [!Ref Alerts]
    ```
    """
    if _is_asked_about(alarm):
        return
    for actions in alarm.get("AlarmActions"):
        told = [action.given for action in actions.items()]
        if actions.unknown or not alarm.template.always(told, actions.given):
            yield actions.violates("the alarm has no action for the state ALARM")
    for enabled in alarm.get("ActionsEnabled"):
        if not enabled.absent and not is_true(enabled.data):
            yield enabled.violates(f"ActionsEnabled is {enabled.text}")


def _is_asked_about(alarm: Resource) -> bool:
    """Whether something asks for the state of this alarm wherever it is deployed."""
    asking = alarm.template.world.once(_asked).get(alarm, [])
    return alarm.always([rule.given for rule in asking if rule.resource.template is alarm.template or not rule.given])


def _asked(world: World) -> Mapping[Resource, list[Value]]:
    """Who asks for the state of each alarm: composite alarms, and deployments that roll back."""
    named: dict[str, list[Resource]] = {}
    for alarm in world.of_type("AWS::CloudWatch::Alarm", _COMPOSITE):
        for value in alarm.get("AlarmName"):
            if isinstance(value.data, str):
                named.setdefault(value.text, []).append(alarm)
    found: dict[Resource, list[Value]] = {}
    for asking in _asking(world):
        for alarm in [
            *_referred(asking),
            *(each for name in _names(asking.text) for each in named.get(name, ())),
        ]:
            found.setdefault(alarm, []).append(asking)
    return found


def _asking(world: World) -> Iterator[Value]:
    for composite in world.of_type(_COMPOSITE):
        yield from (*composite.get("AlarmRule"), *composite.get("ActionsSuppressor"))
    for service in world.of_type("AWS::ECS::Service"):
        for names in service.get("DeploymentConfiguration", "Alarms", "AlarmNames"):
            yield from names.items()
    for group in world.of_type("AWS::CodeDeploy::DeploymentGroup"):
        for alarms in group.get("AlarmConfiguration", "Alarms"):
            yield from (name for alarm in alarms.items() for name in alarm.get("Name"))


def _referred(asking: Value) -> Iterator[Resource]:
    """The resources to which a text refers, in its own template or by what another one gives."""
    for name in placeholders(asking.text):
        yield from (resource for resource in referred(asking, name) if resource is not None)


def _names(text: str) -> list[str]:
    """Names of alarms in the rule of a composite one, or a name alone."""
    return re.findall(r"""["']([^"']+)["']""", text) or [text]
