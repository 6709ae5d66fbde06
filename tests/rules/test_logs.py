"""The rules about logs and alarms."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules.logs import endless_logs, silent_alarm, unencrypted_logs
from tests.rules.support import NO_VALUE, att, either, join, ref, said, sub, template

NUMBER = {"Days": {"Type": "Number"}, "KeyArn": {"Type": "String", "AllowedPattern": "arn:.+:key/.+"}}


def group(**properties: Any) -> dict[str, Any]:
    return {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": properties}}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ["SC-LOG-01"]),
        ({"RetentionInDays": NO_VALUE}, ["SC-LOG-01"]),
        ({"RetentionInDays": either("Prod", 365)}, ["SC-LOG-01"]),
        ({"RetentionInDays": ref("Free")}, ["SC-LOG-01?"]),
        ({"LogGroupClass": "INFREQUENT_ACCESS"}, ["SC-LOG-01"]),
        ({"LogGroupClass": either("Prod", "DELIVERY", "STANDARD")}, ["SC-LOG-01"]),
        ({"LogGroupClass": either("Prod", "DELIVERY"), "RetentionInDays": either("Prod", 30)}, ["SC-LOG-01"]),
        ({"RetentionInDays": 365}, []),
        ({"RetentionInDays": "30"}, []),
        ({"RetentionInDays": either("Prod", 365, 30)}, []),
        ({"RetentionInDays": ref("Days")}, []),
        ({"LogGroupClass": "DELIVERY"}, []),
        ({"LogGroupClass": either("Prod", "DELIVERY"), "RetentionInDays": either("NotProd", 30)}, []),
    ],
)
def test_endless_logs(properties: dict[str, Any], expected: list[str]) -> None:
    assert said(endless_logs, template(group(**properties), Parameters=NUMBER)) == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ["SC-LOG-02"]),
        ({"KmsKeyId": ""}, ["SC-LOG-02"]),
        ({"KmsKeyId": NO_VALUE}, ["SC-LOG-02"]),
        ({"KmsKeyId": either("Prod", att("Key"))}, ["SC-LOG-02"]),
        ({"KmsKeyId": ref("Free")}, ["SC-LOG-02?"]),
        ({"KmsKeyId": either("Prod", att("Key"), ref("Free"))}, ["SC-LOG-02?"]),
        ({"KmsKeyId": att("Key")}, []),
        ({"KmsKeyId": ref("KeyArn")}, []),
        ({"KmsKeyId": "arn:aws:kms:eu-central-1:111122223333:key/1"}, []),
        ({"KmsKeyId": either("Prod", att("Key"), ref("KeyArn"))}, []),
    ],
)
def test_unencrypted_logs(properties: dict[str, Any], expected: list[str]) -> None:
    resources = {**group(**properties), "Key": {"Type": "AWS::KMS::Key"}}
    assert said(unencrypted_logs, template(resources, Parameters=NUMBER)) == expected


TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
TOPICS = {"Topics": {"Type": "CommaDelimitedList"}}


@pytest.mark.parametrize("type_", ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"])
@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ["SC-LOG-03"]),
        ({"AlarmActions": []}, ["SC-LOG-03"]),
        ({"AlarmActions": NO_VALUE}, ["SC-LOG-03"]),
        ({"OKActions": [ref("Topic")], "InsufficientDataActions": [ref("Topic")]}, ["SC-LOG-03"]),
        ({"AlarmActions": either("Prod", [ref("Topic")])}, ["SC-LOG-03"]),
        ({"AlarmActions": [either("Prod", ref("Topic"))]}, ["SC-LOG-03"]),
        ({"AlarmActions": [ref("Topic")], "ActionsEnabled": False}, ["SC-LOG-03"]),
        ({"AlarmActions": [ref("Topic")], "ActionsEnabled": "false"}, ["SC-LOG-03"]),
        ({"AlarmActions": [ref("Topic")], "ActionsEnabled": either("Prod", True, False)}, ["SC-LOG-03"]),
        ({"ActionsEnabled": False}, ["SC-LOG-03", "SC-LOG-03"]),
        ({"AlarmActions": ref("Topics")}, ["SC-LOG-03?"]),
        ({"AlarmActions": [ref("Topic")], "ActionsEnabled": ref("Free")}, ["SC-LOG-03?"]),
        ({"AlarmActions": [ref("Topic")]}, []),
        ({"AlarmActions": [ref("Free")]}, []),
        ({"AlarmActions": [either("Prod", ref("Topic")), either("NotProd", ref("Free"))]}, []),
        ({"AlarmActions": [ref("Topic")], "ActionsEnabled": True}, []),
        ({"AlarmActions": [ref("Topic")], "ActionsEnabled": either("Prod", True)}, []),
    ],
)
def test_silent_alarm(type_: str, properties: dict[str, Any], expected: list[str]) -> None:
    resources = TOPIC | {"Alarm": {"Type": type_, "Properties": properties}}
    assert said(silent_alarm, template(resources, Parameters=TOPICS)) == expected


@pytest.mark.parametrize(
    ("rule", "condition", "silent"),
    [
        (sub('ALARM("${Alarm}")'), None, False),
        (join('ALARM("', att("Alarm"), '")'), None, False),
        (join('ALARM("', att("Alarm"), '") OR ALARM("', att("Other"), '")'), None, False),
        (sub('ALARM("${Other}")'), None, True),
        ('ALARM("Alarm")', None, True),
        (either("Prod", sub("ALARM(${Alarm})"), "TRUE"), None, True),
        (sub('ALARM("${Alarm}")'), "Prod", True),
    ],
)
def test_a_composite_alarm_speaks_for_those_that_it_asks_about(rule: Any, condition: str | None, silent: bool) -> None:
    composite: dict[str, Any] = {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "Properties": {"AlarmRule": rule, "AlarmActions": [ref("Topic")]},
    } | ({"Condition": condition} if condition else {})
    alarm = {"Alarm": {"Type": "AWS::CloudWatch::Alarm"}}
    other = {"Other": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmActions": [ref("Topic")]}}}
    found = said(silent_alarm, template({**TOPIC, **alarm, **other, "Composite": composite}))
    assert found == ["SC-LOG-03"] * silent


SILENT = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "denied-calls"}}


class TestAskedAbout:
    @pytest.mark.parametrize(
        "asking",
        [
            {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {"AlarmActions": ["t"], "AlarmRule": 'ALARM("denied-calls")'},
            },
            {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {
                    "AlarmActions": ["t"],
                    "AlarmRule": "TRUE",
                    "ActionsSuppressor": {"Fn::GetAtt": ["A", "Arn"]},
                },
            },
            {
                "Type": "AWS::ECS::Service",
                "Properties": {"DeploymentConfiguration": {"Alarms": {"AlarmNames": ["denied-calls"]}}},
            },
            {
                "Type": "AWS::ECS::Service",
                "Properties": {"DeploymentConfiguration": {"Alarms": {"AlarmNames": [{"Ref": "A"}]}}},
            },
            {
                "Type": "AWS::CodeDeploy::DeploymentGroup",
                "Properties": {"AlarmConfiguration": {"Alarms": [{"Name": {"Ref": "A"}}]}},
            },
        ],
    )
    def test_may_stay_silent(self, asking: dict[str, Any]) -> None:
        assert said(silent_alarm, template({"A": SILENT, "Asking": asking})) == []
        assert said(silent_alarm, template({"A": SILENT})) == ["SC-LOG-03"]

    def test_from_another_stack(self) -> None:
        home = template(
            {"A": SILENT}, Outputs={"Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}, "Export": {"Name": "denied"}}}
        )
        rule = {"Fn::Sub": ["ALARM(${Denied})", {"Denied": {"Fn::ImportValue": "denied"}}]}
        other = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmActions": ["t"], "AlarmRule": rule}}
        assert said(silent_alarm, home, template({"C": other})) == []

    def test_under_a_condition_of_another_stack(self) -> None:
        home = template({"A": SILENT})
        other = {
            "Type": "AWS::CloudWatch::CompositeAlarm",
            "Condition": "Open",
            "Properties": {"AlarmActions": ["t"], "AlarmRule": 'ALARM("denied-calls")'},
        }
        assert said(silent_alarm, home, template({"C": other})) == ["SC-LOG-03"]
