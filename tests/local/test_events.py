"""Events on their way: from objects over rules to queues, from streams over pipes to topics, and back from dead letters."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local.conftest import Cloud

STACK = "on-their-way"
SECONDS = 15


def arn(logical: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical, "Arn"]}


def lets(service: str, source: Any, *queues: str) -> dict[str, Any]:
    """A policy of queues that lets a service send for something of ours, over TLS only."""
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage"}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*"}
    statements = [
        {**allow, "Resource": "*", "Condition": {"ArnEquals": {"aws:SourceArn": source}}},
        {**deny, "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    properties = {"Queues": [{"Ref": queue} for queue in queues], "PolicyDocument": document}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": properties}


RULES = {"Fn::Sub": "arn:aws:events:${AWS::Region}:${AWS::AccountId}:rule/*"}
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "pipes.amazonaws.com"}}
            ]
        }
    },
}
RESOURCES: dict[str, Any] = {
    "Bucket": {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketName": "objects-with-events",
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    },
    "Rule": {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": ["objects-with-events"]},
                    "object": {"key": [{"prefix": "in/"}, {"suffix": ".end"}, {"wildcard": "a*/z"}]},
                },
            },
            "Targets": [
                {"Id": "a", "Arn": arn("Queue")},
                {"Id": "b", "Arn": arn("Closed"), "DeadLetterConfig": {"Arn": arn("Undelivered")}},
            ],
        },
    },
    "Queue": {
        "Type": "AWS::SQS::Queue",
        "Properties": {"RedrivePolicy": {"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 1}},
    },
    "Dead": {"Type": "AWS::SQS::Queue"},
    "Closed": {"Type": "AWS::SQS::Queue"},
    "Undelivered": {"Type": "AWS::SQS::Queue"},
    "Notes": {"Type": "AWS::SQS::Queue"},
    "FromRules": {**lets("events.amazonaws.com", RULES, "Queue", "Undelivered"), "DependsOn": "Rule"},
    "FromTopic": lets("sns.amazonaws.com", {"Ref": "Topic"}, "Notes"),
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Subscription": {
        "Type": "AWS::SNS::Subscription",
        "Properties": {
            "TopicArn": {"Ref": "Topic"},
            "Protocol": "sqs",
            "Endpoint": arn("Notes"),
            "RawMessageDelivery": True,
        },
    },
    "Table": {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        },
    },
    "Role": ROLE,
    "Pipe": {
        "Type": "AWS::Pipes::Pipe",
        "Properties": {
            "RoleArn": arn("Role"),
            "Source": {"Fn::GetAtt": ["Table", "StreamArn"]},
            "Target": {"Ref": "Topic"},
            "SourceParameters": {
                "DynamoDBStreamParameters": {"StartingPosition": "LATEST", "MaximumRetryAttempts": 3},
                "FilterCriteria": {
                    "Filters": [{"Pattern": '{"dynamodb": {"NewImage": {"status": {"S": ["FAILED"]}}}}'}]
                },
            },
            "TargetParameters": {
                "InputTemplate": (
                    '{"id": <$.dynamodb.Keys.id.S>, "why": <$.dynamodb.NewImage.why.S>, "none": <$.dynamodb.none>}'
                )
            },
        },
    },
}


@pytest.fixture(scope="module")
def told(cloud: Cloud) -> Iterator[dict[str, str]]:
    names = ("Queue", "Dead", "Closed", "Undelivered", "Notes", "Table", "Bucket", "Rule", "Pipe")
    yield cloud.deploy(
        STACK,
        RESOURCES,
        **{name: {"Ref": name} for name in names},
        **{f"{name}Arn": arn(name) for name in ("Rule", "Queue", "Dead", "Closed")},
    )
    s3 = cloud.client("s3")
    for each in s3.list_object_versions(Bucket="objects-with-events").get("Versions", []):
        s3.delete_object(Bucket="objects-with-events", Key=each["Key"], VersionId=each["VersionId"])
    cloud.delete(STACK)


Take = Callable[..., dict[str, Any]]


@pytest.fixture
def take(cloud: Cloud, told: dict[str, str]) -> Take:
    """The next message of a queue, which is gone then."""

    def taken(queue: str) -> dict[str, Any]:
        sqs, deadline = cloud.client("sqs"), time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found = sqs.receive_message(
                QueueUrl=told[queue],
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            ).get("Messages", [])
            if found:
                sqs.delete_message(QueueUrl=told[queue], ReceiptHandle=found[0]["ReceiptHandle"])
                return dict(found[0])
        pytest.fail(f"nothing has come to {queue}")

    return taken


def test_the_event_of_an_object_is_as_on_aws(cloud: Cloud, told: dict[str, str], take: Take) -> None:
    s3 = cloud.client("s3")
    put = s3.put_object(Bucket=told["Bucket"], Key="in/a b+\u00fc.txt", Body=b"hello")
    event = json.loads(take("Queue")["Body"])
    assert event == {
        "version": "0",
        "id": event["id"],
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": event["time"],
        "region": "eu-central-1",
        "resources": ["arn:aws:s3:::objects-with-events"],
        "detail": {
            "version": "0",
            "bucket": {"name": "objects-with-events"},
            "object": {
                "key": "in/a b+\u00fc.txt",
                "size": 5,
                "etag": put["ETag"].strip('"'),
                "version-id": put["VersionId"],
                "sequencer": event["detail"]["object"]["sequencer"],
            },
            "request-id": event["detail"]["request-id"],
            "requester": "123456789012",
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    }
    time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")
    take("Undelivered")


def test_each_version_has_its_event_and_sequencers_grow(cloud: Cloud, told: dict[str, str], take: Take) -> None:
    s3 = cloud.client("s3")
    versions = [s3.put_object(Bucket=told["Bucket"], Key="in/again", Body=b"")["VersionId"] for _ in range(3)]
    s3.put_object(Bucket=told["Bucket"], Key="elsewhere", Body=b"")
    copied = s3.copy_object(Bucket=told["Bucket"], Key="copy.end", CopySource=f"{told['Bucket']}/elsewhere")
    events = [json.loads(take("Queue")["Body"])["detail"] for _ in range(4)]
    events.sort(key=lambda each: int(each["object"]["sequencer"], 16))
    assert [each["object"]["version-id"] for each in events] == [*versions, copied["VersionId"]]
    assert [each["reason"] for each in events] == ["PutObject"] * 3 + ["CopyObject"]
    for _ in events:
        take("Undelivered")


def test_what_a_queue_does_not_allow_goes_to_the_dead_letters_of_the_rule(
    cloud: Cloud, told: dict[str, str], take: Take
) -> None:
    cloud.client("s3").put_object(Bucket=told["Bucket"], Key="abc/z", Body=b"")
    message = take("Undelivered")
    assert json.loads(message["Body"])["detail"]["object"]["key"] == "abc/z"
    about = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert about == {
        "ERROR_CODE": "NO_PERMISSIONS",
        "RULE_ARN": told["RuleArn"],
        "TARGET_ARN": told["ClosedArn"],
    }
    take("Queue")


def test_a_pipe_filters_and_writes_as_told(cloud: Cloud, told: dict[str, str], take: Take) -> None:
    about = cloud.client("pipes").describe_pipe(Name=told["Pipe"])
    properties = RESOURCES["Pipe"]["Properties"]
    assert about["SourceParameters"] == properties["SourceParameters"]
    assert about["TargetParameters"] == properties["TargetParameters"]
    dynamodb = cloud.client("dynamodb")
    for id, status in (("1", "RUNNING"), ("2", "FAILED")):
        item = {"id": id, "status": status, "why": 'the "disk"'}
        dynamodb.put_item(TableName=told["Table"], Item={name: {"S": value} for name, value in item.items()})
    assert json.loads(take("Notes")["Body"]) == {"id": "2", "why": 'the "disk"', "none": ""}


def test_dead_letters_go_back(cloud: Cloud, told: dict[str, str], take: Take) -> None:
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=told["Queue"], MessageBody="a")
    received = {"QueueUrl": told["Queue"], "VisibilityTimeout": 0}
    assert sqs.receive_message(**received)["Messages"]
    assert "Messages" not in sqs.receive_message(**received)
    assert sqs.list_dead_letter_source_queues(QueueUrl=told["Dead"])["queueUrls"] == [told["Queue"]]
    sqs.start_message_move_task(SourceArn=told["DeadArn"])
    assert take("Queue")["Body"] == "a"
    (task,) = sqs.list_message_move_tasks(SourceArn=told["DeadArn"])["Results"]
    assert (task["ApproximateNumberOfMessagesToMove"], task["SourceArn"]) == (1, told["DeadArn"])


def test_what_is_no_dead_letter_queue_is_not_moved(cloud: Cloud, told: dict[str, str]) -> None:
    sqs = cloud.client("sqs")
    with pytest.raises(sqs.exceptions.ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=told["QueueArn"])


def test_moving_takes_the_permissions_of_both_ends(cloud: Cloud, told: dict[str, str], role: Any) -> None:
    start = {"Effect": "Allow", "Action": "sqs:StartMessageMoveTask", "Resource": told["DeadArn"]}
    own = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    read = {"Effect": "Allow", "Action": own, "Resource": told["DeadArn"]}
    arguments = {"SourceArn": told["DeadArn"], "DestinationArn": told["QueueArn"]}
    for name, statements, missing in (("starts", [start], "ReceiveMessage"), ("reads", [start, read], "SendMessage")):
        sqs = cloud.client("sqs", **role(name, *statements))
        with pytest.raises(sqs.exceptions.ClientError, match=f"not authorized to perform: sqs:{missing}"):
            sqs.start_message_move_task(**arguments)
