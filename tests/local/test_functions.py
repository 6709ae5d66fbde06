"""Functions run with their role and nothing else of the emulator's, and what they leave in a queue comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.conftest import Cloud

STACK = "functions"
SECONDS = 20
CODE = """
import json, os, time, boto3
def handler(event, context):
    if "Records" not in event:
        boto3.client("sts").get_caller_identity()
        return {"level": os.environ.get("LOG_LEVEL"), "buckets": boto3.client("s3").list_buckets()["Buckets"]}
    failed = []
    for record in event["Records"]:
        match record["body"], int(record["attributes"]["ApproximateReceiveCount"]):
            case "killed", 1:
                os._exit(1)
            case "late", 1:
                time.sleep(60)
            case "bad", _:
                failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""
TRUST = {
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
}
RESOURCES: dict[str, Any] = {
    "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
    "Function": {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": CODE},
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Runtime": "python3.13",
            "Timeout": 2,
        },
    },
    "Dead": {"Type": "AWS::SQS::Queue"},
    "Queue": {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "VisibilityTimeout": 3,
            "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 2},
        },
    },
    "Source": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
            "FunctionName": {"Ref": "Function"},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
    },
}


@pytest.fixture(scope="module")
def told(cloud: Cloud) -> Iterator[dict[str, str]]:
    names = ("Function", "Queue", "Dead", "Role")
    yield cloud.deploy(STACK, RESOURCES, **{name: {"Ref": name} for name in names})
    cloud.delete(STACK)


def invoked(cloud: Cloud, told: dict[str, str]) -> tuple[bool, dict[str, Any]]:
    answer = cloud.client("lambda").invoke(FunctionName=told["Function"], Payload=b"{}")
    return "FunctionError" not in answer, json.loads(answer["Payload"].read())


def test_a_function_is_its_role_and_sees_nothing_of_the_emulators(cloud: Cloud, told: dict[str, str]) -> None:
    well, said = invoked(cloud, told)
    assert not well
    assert f"assumed-role/{told['Role']}/" in said["errorMessage"]
    assert "not authorized to perform: s3:ListAllMyBuckets" in said["errorMessage"]
    iam = cloud.client("iam")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=told["Role"], PolicyName="a", PolicyDocument=json.dumps(allow))
    well, said = invoked(cloud, told)
    iam.delete_role_policy(RoleName=told["Role"], PolicyName="a")
    assert (well, said["level"]) == (True, None)


@pytest.mark.parametrize("body", ["killed", "late"])
def test_a_function_that_ends_before_its_time_gets_the_message_again(
    cloud: Cloud, told: dict[str, str], body: str
) -> None:
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=told["Queue"], MessageBody=body)
    until_empty(cloud, told["Queue"])
    assert "Messages" not in sqs.receive_message(QueueUrl=told["Dead"])


def test_of_a_batch_only_what_failed_becomes_a_dead_letter(cloud: Cloud, told: dict[str, str]) -> None:
    sqs = cloud.client("sqs")
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(("good", "bad", "good"))]
    sqs.send_message_batch(QueueUrl=told["Queue"], Entries=entries)
    until_empty(cloud, told["Queue"])
    (message,) = sqs.receive_message(QueueUrl=told["Dead"], MaxNumberOfMessages=10, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == "bad"


def until_empty(cloud: Cloud, queue: str) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    deadline = time.monotonic() + SECONDS
    while True:
        about = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        if not any(int(number) for number in about.values()):
            return
        assert time.monotonic() < deadline, about
        time.sleep(0.1)
