"""The rules about events that nobody handles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secure_containers.rules.events import forgotten_failures, undelivered_events, unwatched_dead_letters
from tests.rules.support import NO_VALUE, att, either, join, ref, said, sub, template

Resources = dict[str, Any]
PARAMETERS = {
    "SomeArn": {"Type": "String", "AllowedPattern": "arn:.+"},
    "Pattern": {"Type": "String", "AllowedPattern": "[{].+"},
}
PATTERN = {"source": ["aws.batch"]}
KEPT = {"Arn": att("Failed")}
INVOKED = att("Function")


def judged(rule: Any, resources: Resources, **sections: Any) -> list[str]:
    return said(rule, template(resources, Parameters=PARAMETERS, **sections))


def target(arn: Any = "arn:aws:sns:eu-central-1:111122223333:told", *, kept: Any = NO_VALUE) -> dict[str, Any]:
    return {"Id": "one", "Arn": arn, "DeadLetterConfig": kept}


def rule(*targets: Any, pattern: Any = PATTERN, expression: Any = NO_VALUE, **attributes: Any) -> dict[str, Any]:
    properties = {"EventPattern": pattern, "ScheduleExpression": expression, "Targets": list(targets)}
    return {"Type": "AWS::Events::Rule", "Properties": properties, **attributes}


def schedule(expression: Any, **target_: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {"ScheduleExpression": expression, "Target": target(**target_)},
    }


class TestUndeliveredEvents:
    @pytest.mark.parametrize(
        ("bearer", "expected"),
        [
            (rule(target()), ["SC-EVT-01"]),
            (rule(target(kept={})), ["SC-EVT-01"]),
            (rule(target(kept=KEPT), target()), ["SC-EVT-01"]),
            (rule(target(kept=either("Prod", KEPT))), ["SC-EVT-01"]),
            (rule(either("Prod", target())), ["SC-EVT-01"]),
            (rule(target(), pattern=json.dumps(PATTERN)), ["SC-EVT-01"]),
            (rule(target(), expression="rate(1 hour)"), ["SC-EVT-01"]),
            (rule(target(), pattern=ref("Pattern")), ["SC-EVT-01"]),
            (rule(target(kept={"Arn": ref("Free")})), ["SC-EVT-01?"]),
            (rule(target(kept=ref("Free"))), ["SC-EVT-01?"]),
            (rule(ref("Free")), ["SC-EVT-01?"]),
            (rule(target(kept=KEPT)), []),
            (rule(target(kept={"Arn": ref("SomeArn")})), []),
            (rule(target(), pattern=NO_VALUE, expression="rate(1 hour)"), []),
            (rule(target(), pattern=NO_VALUE, expression=ref("Free")), []),
            (rule(target(kept=either("Prod", KEPT)), pattern=either("Prod", PATTERN), expression="rate(1 hour)"), []),
            (rule(target(kept=either("Prod", KEPT)), Condition="Prod"), []),
            (rule(), []),
            (schedule("at(2026-12-24T18:00:00)"), ["SC-EVT-01"]),
            (schedule(ref("Free")), ["SC-EVT-01?"]),
            (schedule("at(2026-12-24T18:00:00)", kept=KEPT), []),
            (schedule(ref("Free"), kept=KEPT), []),
            (schedule("rate(1 hour)"), []),
            (schedule(sub("rate(${Free} hours)")), []),
        ],
    )
    def test_bearers(self, bearer: Any, expected: list[str]) -> None:
        resources = {"Bearer": bearer, "Failed": {"Type": "AWS::SQS::Queue"}}
        assert judged(undelivered_events, resources) == expected


def function(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def invocations(of: Any, destination: Any, **attributes: Any) -> dict[str, Any]:
    properties = {"FunctionName": of, "DestinationConfig": {"OnFailure": {"Destination": destination}}}
    return {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": properties, **attributes}


def permission(principal: Any, **properties: Any) -> dict[str, Any]:
    given = {"Principal": principal, "Action": "lambda:InvokeFunction", "FunctionName": ref("Function"), **properties}
    return {"Type": "AWS::Lambda::Permission", "Properties": given}


def subscription(endpoint: Any, protocol: str = "lambda") -> dict[str, Any]:
    return {"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": protocol, "Endpoint": endpoint}}


def notified(name: Any = INVOKED) -> dict[str, Any]:
    configurations = [{"Event": "s3:ObjectCreated:*", "Function": name}]
    return {
        "Type": "AWS::S3::Bucket",
        "Properties": {"NotificationConfiguration": {"LambdaConfigurations": configurations}},
    }


ALIAS = {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": ref("Function"), "Name": "live"}}
EVENTS = "events.amazonaws.com"


class TestForgottenFailures:
    @pytest.mark.parametrize(
        ("caller", "expected"),
        [
            (rule(target(att("Function"))), ["SC-EVT-02"]),
            (rule(target(ref("Alias"))), ["SC-EVT-02"]),
            (rule(target(join(att("Function"), ":live"))), ["SC-EVT-02"]),
            (rule(target("arn:aws:lambda:eu-central-1:111122223333:function:named:live")), ["SC-EVT-02"]),
            (rule(either("Prod", target(att("Function")))), ["SC-EVT-02"]),
            (schedule("at(2026-12-24T18:00:00)", arn=att("Function")), ["SC-EVT-02"]),
            (notified(), ["SC-EVT-02"]),
            (subscription(att("Function")), ["SC-EVT-02"]),
            (
                {
                    "Type": "AWS::SNS::Topic",
                    "Properties": {"Subscription": [{"Protocol": "lambda", "Endpoint": att("Function")}]},
                },
                ["SC-EVT-02"],
            ),
            (permission("s3.amazonaws.com", SourceArn=ref("SomeArn")), ["SC-EVT-02"]),
            (permission("sns.amazonaws.com"), ["SC-EVT-02"]),
            (permission(EVENTS, SourceArn=ref("SomeArn")), ["SC-EVT-02?"]),
            (permission(EVENTS), ["SC-EVT-02?"]),
            (schedule(ref("Free"), arn=att("Function")), ["SC-EVT-02?"]),
            (rule(target(att("Function")), pattern=NO_VALUE, expression="rate(5 minutes)"), []),
            (schedule("rate(1 hour)", arn=att("Function")), []),
            (permission(EVENTS, SourceArn=att("Alias")), []),
            (permission("apigateway.amazonaws.com"), []),
            (subscription("people@example.org", "email"), []),
            (rule(target(ref("SomeArn"))), []),
            (ALIAS, []),
        ],
    )
    def test_who_does_not_wait(self, caller: Any, expected: list[str]) -> None:
        resources = {"Caller": caller, "Function": function(FunctionName="named"), "Alias": ALIAS}
        assert judged(forgotten_failures, resources) == expected

    @pytest.mark.parametrize(
        ("properties", "more", "expected"),
        [
            ({"DeadLetterConfig": {}}, {}, ["SC-EVT-02"]),
            ({"DeadLetterConfig": either("Prod", {"TargetArn": att("Failed")})}, {}, ["SC-EVT-02"]),
            ({}, {"Config": invocations(ref("Function"), NO_VALUE)}, ["SC-EVT-02"]),
            ({}, {"Config": invocations(ref("Other"), att("Failed"))}, ["SC-EVT-02"]),
            ({}, {"Config": invocations(ref("Function"), att("Failed"), Condition="Prod")}, ["SC-EVT-02"]),
            ({"DeadLetterConfig": {"TargetArn": ref("Free")}}, {}, ["SC-EVT-02?"]),
            ({}, {"Config": invocations(ref("Function"), ref("Free"))}, ["SC-EVT-02?"]),
            ({"DeadLetterConfig": {"TargetArn": att("Failed")}}, {}, []),
            ({"DeadLetterConfig": {"TargetArn": ref("SomeArn")}}, {}, []),
            ({}, {"Config": invocations(ref("Function"), att("Failed"))}, []),
            ({"FunctionName": "named"}, {"Config": invocations("named", att("Failed"))}, []),
            (
                {"DeadLetterConfig": either("Prod", {"TargetArn": att("Failed")})},
                {"Config": invocations(ref("Function"), att("Failed"), Condition="NotProd")},
                [],
            ),
            (
                {},
                {
                    "Config": invocations(ref("Function"), att("Failed")),
                    "Latest": invocations(ref("Function"), NO_VALUE),
                },
                [],
            ),
        ],
    )
    def test_where_failures_go(self, properties: Any, more: Resources, expected: list[str]) -> None:
        resources = {"Caller": notified(), "Function": function(**properties), "Failed": {"Type": "AWS::SQS::Queue"}}
        assert judged(forgotten_failures, resources | {"Other": function()} | more) == expected

    def test_one_finding_for_all_who_call(self) -> None:
        callers = {"Topic": subscription(INVOKED), "Told": permission("sns.amazonaws.com"), "Rule": permission(EVENTS)}
        assert judged(forgotten_failures, callers | {"Function": function()}) == ["SC-EVT-02"]

    def test_an_alias_of_itself(self) -> None:
        alias = {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": ref("Alias")}}
        assert judged(forgotten_failures, {"Rule": rule(target(ref("Alias"))), "Alias": alias}) == []

    def test_a_caller_under_a_condition(self) -> None:
        kept = {"DeadLetterConfig": either("Prod", {"TargetArn": ref("SomeArn")})}
        resources = {"Caller": notified() | {"Condition": "Prod"}, "Function": function(**kept)}
        assert judged(forgotten_failures, resources) == []

    def test_a_caller_of_another_stack(self) -> None:
        home = template({"Function": function()}, Outputs={"F": {"Value": att("Function"), "Export": {"Name": "f"}}})
        other = template({"Caller": notified({"Fn::ImportValue": "f"})})
        assert said(forgotten_failures, home, other) == ["SC-EVT-02"]

    @pytest.mark.parametrize(
        ("redrive", "expected"),
        [
            (NO_VALUE, ["SC-EVT-02[RedrivePolicy]"]),
            ({}, ["SC-EVT-02[RedrivePolicy]"]),
            (either("Prod", {"deadLetterTargetArn": att("Failed")}), ["SC-EVT-02[RedrivePolicy]"]),
            (ref("Free"), ["SC-EVT-02?"]),
            ({"deadLetterTargetArn": ref("Free")}, ["SC-EVT-02?"]),
            ({"deadLetterTargetArn": att("Failed"), "maxReceiveCount": 3}, []),
            (sub('{"deadLetterTargetArn": "${Failed.Arn}", "maxReceiveCount": 3}'), []),
            ({"deadLetterTargetArn": "arn:aws:sqs:eu-central-1:111122223333:failed"}, []),
        ],
    )
    def test_a_queue_that_a_function_reads(self, redrive: Any, expected: list[str]) -> None:
        resources = {
            "Reader": mapping(att("Work")),
            "Work": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": redrive}},
            "Failed": {"Type": "AWS::SQS::Queue"},
        }
        assert judged(forgotten_failures, resources) == expected

    @pytest.mark.parametrize(
        ("source", "destination", "expected"),
        [
            (att("Items", "StreamArn"), NO_VALUE, ["SC-EVT-02[OnFailure]"]),
            (att("Items", "StreamArn"), ref("Free"), ["SC-EVT-02?"]),
            ("arn:aws:kinesis:eu-central-1:111122223333:stream/in", NO_VALUE, ["SC-EVT-02[OnFailure]"]),
            ("arn:aws:sqs:eu-central-1:111122223333:work", NO_VALUE, ["SC-EVT-02?"]),
            (ref("SomeArn"), NO_VALUE, ["SC-EVT-02?"]),
            (att("Items", "StreamArn"), att("Failed"), []),
            (ref("SomeArn"), att("Failed"), []),
            ("arn:aws:kafka:eu-central-1:111122223333:cluster/in/1", NO_VALUE, []),
            (NO_VALUE, NO_VALUE, []),
        ],
    )
    def test_other_sources(self, source: Any, destination: Any, expected: list[str]) -> None:
        reader = mapping(source, DestinationConfig={"OnFailure": {"Destination": destination}})
        resources = {"Reader": reader, "Items": {"Type": "AWS::DynamoDB::Table"}, "Failed": {"Type": "AWS::SQS::Queue"}}
        assert judged(forgotten_failures, resources) == expected


def mapping(source: Any, **properties: Any) -> dict[str, Any]:
    given = {"EventSourceArn": source, "FunctionName": "somebody", **properties}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": given}


def alarm(queue: Any, metric: Any = "ApproximateNumberOfMessagesVisible", **attributes: Any) -> dict[str, Any]:
    properties = {
        "Namespace": "AWS/SQS",
        "MetricName": metric,
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
        **attributes.pop("Properties", {}),
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties, **attributes}


def computed(queue: Any) -> dict[str, Any]:
    """An alarm on an expression, as the CDK writes it."""
    metric = alarm(queue)["Properties"]
    metrics = [{"Id": "all", "Expression": "m1 + 0"}, {"Id": "m1", "MetricStat": {"Metric": metric, "Stat": "Maximum"}}]
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": metrics}}


NAME = att("Failed", "QueueName")
REDRIVE = {"RedrivePolicy": {"deadLetterTargetArn": att("Failed"), "maxReceiveCount": 3}}


class TestUnwatchedDeadLetters:
    @pytest.mark.parametrize(
        "bearer",
        [
            {"Type": "AWS::SQS::Queue", "Properties": REDRIVE},
            {"Type": "AWS::SNS::Subscription", "Properties": REDRIVE},
            rule(target(kept=KEPT)),
            rule(target(kept=KEPT), pattern=NO_VALUE, expression="rate(1 hour)"),
            schedule("rate(1 hour)", kept=KEPT),
            function(DeadLetterConfig={"TargetArn": att("Failed")}),
            invocations("somebody", att("Failed")),
            mapping("arn", DestinationConfig={"OnFailure": {"Destination": att("Failed")}}),
        ],
    )
    def test_what_makes_it_a_dead_letter_queue(self, bearer: Any) -> None:
        resources = {"Bearer": bearer, "Failed": {"Type": "AWS::SQS::Queue"}}
        assert judged(unwatched_dead_letters, resources) == ["SC-EVT-03"]
        assert judged(unwatched_dead_letters, resources | {"Alarm": alarm(NAME)}) == []

    @pytest.mark.parametrize(
        ("alarms", "expected"),
        [
            ([], ["SC-EVT-03"]),
            ([alarm(NAME, "NumberOfMessagesSent")], ["SC-EVT-03"]),
            ([alarm(att("Work", "QueueName"))], ["SC-EVT-03"]),
            ([alarm("another")], ["SC-EVT-03"]),
            ([alarm(NAME, Condition="Prod")], ["SC-EVT-03"]),
            ([alarm(NAME, Properties={"Namespace": "Custom"})], ["SC-EVT-03"]),
            ([alarm(NAME, Properties={"Dimensions": NO_VALUE})], ["SC-EVT-03"]),
            ([alarm(either("Prod", NAME, att("Work", "QueueName")))], ["SC-EVT-03"]),
            ([alarm(ref("Free"))], ["SC-EVT-03?"]),
            ([alarm(NAME, ref("Free"))], ["SC-EVT-03?"]),
            ([alarm(NAME, Properties={"Dimensions": ref("Free")})], ["SC-EVT-03?"]),
            ([alarm(NAME)], []),
            ([alarm("failed")], []),
            ([alarm(NAME, "ApproximateAgeOfOldestMessage")], []),
            ([computed(NAME)], []),
            ([alarm(NAME, Condition="Prod"), alarm(NAME, Condition="NotProd")], []),
            ([alarm(ref("Free")), alarm(NAME)], []),
        ],
    )
    def test_alarms(self, alarms: list[Any], expected: list[str]) -> None:
        resources = {
            "Work": {"Type": "AWS::SQS::Queue", "Properties": REDRIVE},
            "Failed": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "failed"}},
            **{f"Alarm{number}": each for number, each in enumerate(alarms)},
        }
        assert judged(unwatched_dead_letters, resources) == expected

    def test_an_alarm_of_another_stack(self) -> None:
        resources = {"Work": {"Type": "AWS::SQS::Queue", "Properties": REDRIVE}, "Failed": {"Type": "AWS::SQS::Queue"}}
        home = template(resources, Outputs={"Q": {"Value": NAME, "Export": {"Name": "q"}}})
        imported = {"Alarm": alarm({"Fn::ImportValue": "q"})}
        assert said(unwatched_dead_letters, home, template(imported)) == []
        assert said(unwatched_dead_letters, home) == ["SC-EVT-03"]

    def test_an_ordinary_queue(self) -> None:
        assert judged(unwatched_dead_letters, {"Work": {"Type": "AWS::SQS::Queue"}}) == []
