"""The rules about what invokes functions: uploads, and queues that functions read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secure_containers.rules.event_sources import unbounded_concurrency, undeployable_event_source, unfiltered_uploads
from tests.rules.support import NO_VALUE, att, either, ref, said, template

Resources = dict[str, Any]
PARAMETERS = {
    "SomeArn": {"Type": "String", "AllowedPattern": "arn:.+"},
    "AnyPrefix": {"Type": "String"},
    "Prefix": {"Type": "String", "AllowedPattern": ".+/"},
    "Kind": {"Type": "String", "AllowedValues": ["Object Created", "Object Deleted"]},
    "Number": {"Type": "Number"},
    "Few": {"Type": "Number", "MinValue": 2, "MaxValue": 10},
    "Short": {"Type": "Number", "MinValue": 1, "MaxValue": 30},
    "Long": {"Type": "Number", "MinValue": 30, "MaxValue": 900},
}
RESOURCES: Resources = {
    "Function": {"Type": "AWS::Lambda::Function"},
    "Alias": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": ref("Function"), "Name": "live"}},
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Fifo": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}},
    "Bucket": {"Type": "AWS::S3::Bucket"},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Table": {"Type": "AWS::DynamoDB::Table"},
}


def judged(rule: Any, **resources: Any) -> list[str]:
    return said(rule, template(RESOURCES | resources, Parameters=PARAMETERS))


BY_PREFIX = {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}}


def by(value: Any) -> dict[str, Any]:
    return {"S3Key": {"Rules": [{"Name": "prefix", "Value": value}]}}


WORK, READER = att("Queue"), ref("Function")


class TestUnfilteredNotifications:
    @pytest.mark.parametrize(
        ("filter_", "expected"),
        [
            (NO_VALUE, ["SC-EVT-04[QueueConfigurations]"]),
            ({}, ["SC-EVT-04[QueueConfigurations]"]),
            ({"S3Key": {"Rules": []}}, ["SC-EVT-04[QueueConfigurations]"]),
            (by(""), ["SC-EVT-04[QueueConfigurations]"]),
            (either("Prod", BY_PREFIX), ["SC-EVT-04[QueueConfigurations]"]),
            (by(either("Prod", "in/", "")), ["SC-EVT-04[QueueConfigurations]"]),
            (by(ref("AnyPrefix")), ["SC-EVT-04?"]),
            (ref("Free"), ["SC-EVT-04?"]),
            (by(ref("Prefix")), []),
            (BY_PREFIX, []),
            ({"S3Key": {"Rules": [{"Name": "prefix", "Value": ""}, {"Name": "suffix", "Value": ".csv"}]}}, []),
        ],
    )
    def test_filters(self, filter_: Any, expected: list[str]) -> None:
        configuration = {"Event": "s3:ObjectCreated:Put", "Queue": att("Queue"), "Filter": filter_}
        notified = {"NotificationConfiguration": {"QueueConfigurations": [configuration]}}
        assert judged(unfiltered_uploads, Uploads={"Type": "AWS::S3::Bucket", "Properties": notified}) == expected

    @pytest.mark.parametrize(
        ("event", "bad"),
        [
            ("s3:ObjectCreated:*", True),
            (ref("Free"), True),
            ("s3:ObjectRemoved:*", False),
            ("s3:ObjectRestore:*", False),
        ],
    )
    @pytest.mark.parametrize("name", ["LambdaConfigurations", "QueueConfigurations", "TopicConfigurations"])
    def test_events(self, name: str, event: Any, bad: bool) -> None:
        notified = {"NotificationConfiguration": {name: [{"Event": event}]}}
        found = judged(unfiltered_uploads, Uploads={"Type": "AWS::S3::Bucket", "Properties": notified})
        assert found == ([f"SC-EVT-04[{name}]"] if bad else [])

    @pytest.mark.parametrize(("rules", "bad"), [([], True), ([{"Name": "suffix", "Value": ".csv"}], False)])
    def test_notifications_of_the_cdk(self, rules: Any, bad: bool) -> None:
        configuration = {"Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
        notified = {"NotificationConfiguration": {"LambdaFunctionConfigurations": [configuration]}}
        found = judged(unfiltered_uploads, Uploads={"Type": "Custom::S3BucketNotifications", "Properties": notified})
        assert found == (["SC-EVT-04[LambdaFunctionConfigurations]"] if bad else [])

    def test_a_bucket_that_tells_eventbridge(self) -> None:
        notified = {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}}
        assert judged(unfiltered_uploads, Uploads={"Type": "AWS::S3::Bucket", "Properties": notified}) == []


def detail(bucket: Any = NO_VALUE, key: Any = NO_VALUE) -> dict[str, Any]:
    return {"bucket": {"name": bucket}, "object": {"key": key}}


ONE, IN = [ref("Bucket")], [{"prefix": "in/"}]
NO_BUCKET, NO_KEY = "SC-EVT-04[bucket]", "SC-EVT-04[object]"


class TestUnfilteredRules:
    def rule(self, detail_: Any, *targets: Any, **pattern: Any) -> dict[str, Any]:
        written = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail_, **pattern}
        listed = [{"Id": str(number), "Arn": arn} for number, arn in enumerate(targets or [att("Function")])]
        return {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": written, "Targets": listed}}

    @pytest.mark.parametrize(
        ("detail_", "expected"),
        [
            (NO_VALUE, [NO_BUCKET, NO_KEY]),
            (detail(ONE), [NO_KEY]),
            (detail(key=IN), [NO_BUCKET]),
            (detail([*ONE, {"prefix": ""}], IN), [NO_BUCKET]),
            (detail([{"exists": True}], IN), [NO_BUCKET]),
            (detail([{"anything-but": ["other"]}], IN), [NO_BUCKET]),
            (detail([], IN), [NO_BUCKET]),
            (detail(either("Prod", ONE), IN), [NO_BUCKET]),
            (detail(ONE, [{"wildcard": "*"}]), [NO_KEY]),
            (detail(ONE, [{"prefix": "in/"}, {"prefix": either("Prod", "out/", "")}]), [NO_KEY]),
            (detail(ONE, [{"suffix": ref("AnyPrefix")}]), ["SC-EVT-04?"]),
            (ref("Free"), ["SC-EVT-04?", "SC-EVT-04?"]),
            ({"$or": [detail(ONE, IN), detail(ONE)]}, [NO_KEY]),
            (detail(ONE, IN), []),
            (detail([ref("Free")], IN), []),
            (detail([{"prefix": "uploads-"}], [{"wildcard": "in/*.csv"}]), []),
            (detail(ONE, [{"suffix": ".csv"}, {"equals-ignore-case": "all"}]), []),
            (detail(ONE, [{"prefix": ref("Prefix")}]), []),
            (detail(ONE, [{"prefix": {"equals-ignore-case": "IN/"}}]), []),
            (detail(ONE, [{"anything-but": {"prefix": "out/"}}]), []),
            (detail(ONE, ["one-object"]), []),
            ({"$or": [detail(ONE, IN), detail(ONE, [{"prefix": "more/"}])]}, []),
            ({"bucket": {"name": ONE}, "$or": [{"object": {"key": IN}}, {"object": {"key": ["x"]}}]}, []),
        ],
    )
    def test_patterns(self, detail_: Any, expected: list[str]) -> None:
        assert judged(unfiltered_uploads, Rule=self.rule(detail_)) == expected

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ({"source": [{"prefix": "aws."}]}, [NO_BUCKET, NO_KEY]),
            ({"detail-type": NO_VALUE}, [NO_BUCKET, NO_KEY]),
            ({"detail-type": [ref("Kind")]}, [NO_BUCKET, NO_KEY]),
            ({"detail-type": [ref("Free")]}, ["SC-EVT-04?"]),
            ({"detail-type": ["Object Deleted"]}, []),
            ({"source": ["aws.batch"]}, []),
            ({"source": NO_VALUE}, []),
        ],
    )
    def test_other_events(self, pattern: Any, expected: list[str]) -> None:
        assert judged(unfiltered_uploads, Rule=self.rule(NO_VALUE, **pattern)) == expected

    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            (att("Queue"), [NO_BUCKET, NO_KEY]),
            (ref("Alias"), [NO_BUCKET, NO_KEY]),
            ("arn:aws:states:eu-central-1:111122223333:stateMachine:work", [NO_BUCKET, NO_KEY]),
            (ref("SomeArn"), ["SC-EVT-04?"]),
            (ref("Topic"), []),
            ("arn:aws:logs:eu-central-1:111122223333:log-group:/events", []),
        ],
    )
    def test_targets(self, target: Any, expected: list[str]) -> None:
        assert judged(unfiltered_uploads, Rule=self.rule(NO_VALUE, target)) == expected

    def test_a_topic_beside_a_function(self) -> None:
        assert judged(unfiltered_uploads, Rule=self.rule(detail(ONE), ref("Topic"), att("Function"))) == [NO_KEY]

    def test_a_pattern_as_text(self) -> None:
        rule = self.rule(NO_VALUE)
        pattern = json.dumps({"source": ["aws.s3"], "detail": {"bucket": {"name": ["one"]}}})
        rule["Properties"]["EventPattern"] = pattern
        assert judged(unfiltered_uploads, Rule=rule) == [NO_KEY]

    def test_a_pattern_that_is_not_told(self) -> None:
        rule = self.rule(NO_VALUE)
        rule["Properties"]["EventPattern"] = ref("Free")
        assert judged(unfiltered_uploads, Rule=rule) == ["SC-EVT-04?"]


def mapping(source: Any = WORK, function: Any = READER, **properties: Any) -> dict[str, Any]:
    given = {"EventSourceArn": source, "FunctionName": function, **properties}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": given}


def reserved(value: Any) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Function", "Properties": {"ReservedConcurrentExecutions": value}}


FIVE = {"ScalingConfig": {"MaximumConcurrency": 5}}


class TestUnboundedConcurrency:
    @pytest.mark.parametrize(
        ("reader", "function", "expected"),
        [
            (mapping(), reserved(NO_VALUE), ["SC-EVT-05"]),
            (mapping(ScalingConfig={}), reserved(NO_VALUE), ["SC-EVT-05"]),
            (mapping(ScalingConfig=either("Prod", FIVE["ScalingConfig"])), reserved(NO_VALUE), ["SC-EVT-05"]),
            (mapping(), reserved(either("Prod", 5)), ["SC-EVT-05"]),
            (mapping(function=either("Prod", ref("Function"), ref("Other"))), reserved(5), ["SC-EVT-05"]),
            (mapping("arn:aws:sqs:eu-central-1:111122223333:work"), reserved(NO_VALUE), ["SC-EVT-05"]),
            (mapping(ref("SomeArn")), reserved(NO_VALUE), ["SC-EVT-05?"]),
            (mapping(function="elsewhere"), reserved(NO_VALUE), ["SC-EVT-05?"]),
            (mapping(ScalingConfig=ref("Free")), reserved(NO_VALUE), []),
            (mapping(**FIVE), reserved(NO_VALUE), []),
            (mapping(ProvisionedPollerConfig={"MaximumPollers": 5}), reserved(NO_VALUE), []),
            (mapping(ScalingConfig={"MaximumConcurrency": ref("Number")}), reserved(NO_VALUE), []),
            (mapping(), reserved(5), []),
            (mapping(function=ref("Alias")), reserved(ref("Number")), []),
            (mapping(ScalingConfig=either("Prod", FIVE["ScalingConfig"])), reserved(either("NotProd", 5)), []),
            (mapping(att("Table", "StreamArn")), reserved(NO_VALUE), []),
            (mapping(ref("SomeArn"), **FIVE), reserved(NO_VALUE), []),
        ],
    )
    def test_bounds(self, reader: Any, function: Any, expected: list[str]) -> None:
        found = judged(unbounded_concurrency, Reader=reader, Function=function, Other=reserved(NO_VALUE))
        assert found == expected


def timed(visibility: Any = NO_VALUE, timeout: Any = NO_VALUE) -> Resources:
    return {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": visibility}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {"Timeout": timeout}},
    }


class TestUndeployableEventSource:
    @pytest.mark.parametrize(
        ("properties", "expected"),
        [
            ({"ScalingConfig": {"MaximumConcurrency": 1}}, ["SC-EVT-06"]),
            ({"ScalingConfig": {"MaximumConcurrency": 1001}}, ["SC-EVT-06"]),
            ({"ScalingConfig": {"MaximumConcurrency": either("Prod", 1, 5)}}, ["SC-EVT-06"]),
            ({"BatchSize": 0}, ["SC-EVT-06"]),
            ({"BatchSize": 100}, ["SC-EVT-06"]),
            ({"BatchSize": "100", "MaximumBatchingWindowInSeconds": 0}, ["SC-EVT-06"]),
            ({"BatchSize": either("Prod", 100), "MaximumBatchingWindowInSeconds": either("NotProd", 5)}, ["SC-EVT-06"]),
            ({"BatchSize": 100, "MaximumBatchingWindowInSeconds": 301}, ["SC-EVT-06"]),
            ({"BatchSize": 10, "EventSourceArn": att("Fifo")}, []),
            ({"BatchSize": 11, "EventSourceArn": att("Fifo"), "MaximumBatchingWindowInSeconds": 5}, ["SC-EVT-06"]),
            ({"ScalingConfig": {"MaximumConcurrency": ref("Number")}}, ["SC-EVT-06?"]),
            ({"BatchSize": 100, "MaximumBatchingWindowInSeconds": ref("Number")}, ["SC-EVT-06?", "SC-EVT-06?"]),
            ({"BatchSize": 100, "EventSourceArn": ref("SomeArn")}, ["SC-EVT-06?"]),
            ({"ScalingConfig": {"MaximumConcurrency": ref("Few")}, "BatchSize": ref("Few")}, []),
            ({"BatchSize": 100, "MaximumBatchingWindowInSeconds": 1}, []),
            ({"BatchSize": either("Prod", 100), "MaximumBatchingWindowInSeconds": either("Prod", 5)}, []),
            ({"BatchSize": 100, "EventSourceArn": att("Table", "StreamArn")}, []),
            ({"BatchSize": 10}, []),
            ({}, []),
        ],
    )
    def test_numbers(self, properties: Any, expected: list[str]) -> None:
        assert judged(undeployable_event_source, Reader=mapping(**(properties))) == expected

    @pytest.mark.parametrize(
        ("visibility", "timeout", "expected"),
        [
            (NO_VALUE, 31, ["SC-EVT-06"]),
            (2, NO_VALUE, ["SC-EVT-06"]),
            ("59", "60", ["SC-EVT-06"]),
            (either("Prod", 60, 30), 60, ["SC-EVT-06"]),
            (NO_VALUE, either("Prod", 60), ["SC-EVT-06"]),
            (either("Prod", 60), either("NotProd", 60), ["SC-EVT-06"]),
            (60, ref("Number"), ["SC-EVT-06?"]),
            (ref("Number"), 60, ["SC-EVT-06?"]),
            (ref("Long"), ref("Long"), ["SC-EVT-06?"]),
            (NO_VALUE, NO_VALUE, []),
            (60, 60, []),
            (NO_VALUE, ref("Short"), []),
            (ref("Long"), ref("Short"), []),
            (either("Prod", 60), either("Prod", 60), []),
        ],
    )
    def test_times(self, visibility: Any, timeout: Any, expected: list[str]) -> None:
        assert judged(undeployable_event_source, Reader=mapping(), **timed(visibility, timeout)) == expected

    def test_times_by_an_alias(self) -> None:
        found = judged(undeployable_event_source, Reader=mapping(function=ref("Alias")), **timed(timeout=60))
        assert found == ["SC-EVT-06"]

    def test_a_queue_of_another_stack(self) -> None:
        made = timed(timeout=60)
        outputs = {"Q": {"Value": att("Queue"), "Export": {"Name": "q"}}}
        home = template({"Queue": made["Queue"]}, Outputs=outputs)
        other = template({"Reader": mapping({"Fn::ImportValue": "q"}), "Function": made["Function"]})
        assert said(undeployable_event_source, home, other) == ["SC-EVT-06"]
        assert said(undeployable_event_source, other) == []


def test_times_are_of_one_row_of_a_mapping() -> None:
    table = {"Time": {"dev": {"Hidden": 60, "Works": 30}, "prod": {"Hidden": 600, "Works": 300}}}
    times = timed(*({"Fn::FindInMap": ["Time", ref("Environment"), name]} for name in ("Hidden", "Works")))
    it = template({**times, "Reader": mapping()}, Mappings=table)
    assert said(undeployable_event_source, it) == []
