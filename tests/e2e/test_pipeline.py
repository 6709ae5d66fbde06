"""CsvPipeline, really run: from an upload to the item with its result, and what is promised if something goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from secure_containers.runtime.ledger import ObjectVersion
from tests.e2e.deployment import Deployed, Deployment

LIMIT = 60
"""Seconds from an upload to its end, with the starts of two functions and a job."""
FILE = b"name,amount\r\nalice,1.5\r\nbob,2\r\ncarol,\r\n"
RESULT = {
    "rows": 3,
    "columns": [{"name": "name", "values": 3, "sum": 0}, {"name": "amount", "values": 2, "sum": 3.5}],
}
Ended = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def stack(deployment: Deployment) -> Deployed:
    return deployment.stack("CsvPipeline")


@pytest.fixture(scope="module")
def bucket(stack: Deployed) -> str:
    return str(stack.outputs["Uploads"])


@pytest.fixture(scope="module")
def partner(deployment: Deployment, stack: Deployed) -> Any:
    return deployment.as_role(stack.the("AWS::IAM::Role", "Partner").physical, "s3")


@pytest.fixture(scope="module")
def analyst(deployment: Deployment, stack: Deployed) -> Any:
    return deployment.as_role(stack.the("AWS::IAM::Role", "Analyst").physical, "dynamodb")


@pytest.fixture(scope="module")
def put(partner: Any, bucket: str) -> Callable[..., str]:
    """Uploads as the partner; gives the version."""

    def upload(key: str, body: bytes = FILE) -> str:
        return str(partner.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"])

    return upload


@pytest.fixture(scope="module")
def item(analyst: Any, stack: Deployed, bucket: str) -> Callable[[str, str], dict[str, Any]]:
    def read(key: str, version: str) -> dict[str, Any]:
        from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415

        name = {"object": {"S": f"s3://{bucket}/{key}"}, "version": {"S": version}}
        found = analyst.get_item(TableName=stack.outputs["Results"], Key=name, ConsistentRead=True).get("Item", {})
        return {each: TypeDeserializer().deserialize(value) for each, value in found.items()}

    return read


@pytest.fixture(scope="module")
def until(item: Any) -> Callable[..., dict[str, Any]]:
    """The item, once it has one of some states."""

    def wait(key: str, version: str, *states: str) -> dict[str, Any]:
        end = time.monotonic() + LIMIT
        found: dict[str, Any] = {}
        while time.monotonic() < end:
            found = item(key, version)
            if found.get("status") in states:
                return found
            time.sleep(0.3)
        pytest.fail(f"{key} is {found} after {LIMIT} s")

    return wait


@pytest.fixture(scope="module")
def logged(deployment: Deployment, stack: Deployed) -> Callable[[str], str]:
    """Everything in a log group of the stack."""

    def read(group: str) -> str:
        name = stack.the("AWS::Logs::LogGroup", group).physical
        pages = deployment.client("logs").get_paginator("filter_log_events").paginate(logGroupName=name)
        return "\n".join(event["message"] for page in pages for event in page["events"])

    return read


def jobs_of(deployment: Deployment, stack: Deployed, bucket: str, key: str, version: str) -> list[Mapping[str, Any]]:
    """Every job that was ever submitted for a version."""
    queue = stack.the("AWS::Batch::JobQueue", "FilesJobsStandardQueue").physical
    digest = ObjectVersion(bucket=bucket, key=key, version=version).digest
    found: list[Mapping[str, Any]] = []
    for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"):
        listed = deployment.client("batch").list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]
        found += [job for job in listed if job["jobName"].startswith(digest)]
    return found


def test_an_upload_becomes_a_result(put: Any, until: Any, logged: Any) -> None:
    version = put("uploads/2026/märz.csv")
    done = until("uploads/2026/märz.csv", version, "SUCCEEDED", "FAILED", "REFUSED")
    assert done["status"] == "SUCCEEDED", done
    assert done["result"] == RESULT
    assert done["size"] == len(FILE)
    assert "expires_at" not in done
    for group in ("FilesIntakeLogs", "FilesTransformLogs"):
        in_time(lambda group=group: done["correlation_id"] in logged(group))


def test_a_version_that_is_delivered_again_has_one_job(
    deployment: Deployment, stack: Deployed, bucket: str, put: Any, until: Any
) -> None:
    key = "uploads/again.csv"
    version = put(key)
    until(key, version, "SUCCEEDED")
    queue = stack.the("AWS::SQS::Queue", "FilesIntakeQueue").physical
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "version-id": version, "size": len(FILE)}}
    event = {"id": "again", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    for _ in range(3):
        deployment.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(event))
    empty(deployment, queue)
    assert len(jobs_of(deployment, stack, bucket, key, version)) == 1


def test_an_object_that_is_uploaded_again_has_a_result_of_its_own(put: Any, until: Any) -> None:
    first, second = put("uploads/twice.csv"), put("uploads/twice.csv", b"name\nalice\n")
    assert until("uploads/twice.csv", first, "SUCCEEDED")["result"]["rows"] == 3
    assert until("uploads/twice.csv", second, "SUCCEEDED")["result"]["rows"] == 1


@pytest.mark.parametrize(
    ("key", "body", "reason"),
    [
        ("uploads/a;b.csv", FILE, "unsafe-name"),
        ("uploads/program.exe", FILE, "wrong-type"),
        ("uploads/empty.csv", b"", "too-small"),
    ],
)
def test_what_is_refused_has_an_item_that_says_why(put: Any, until: Any, key: str, body: bytes, reason: str) -> None:
    refused = until(key, put(key, body), "REFUSED", "SUCCEEDED", "FAILED")
    assert (refused["status"], refused["reason"]) == ("REFUSED", reason)


def test_an_object_at_fault_is_not_tried_again(
    deployment: Deployment, stack: Deployed, bucket: str, put: Any, until: Any
) -> None:
    key = "uploads/ragged.csv"
    version = put(key, b"a,b\n1\n")
    failed = until(key, version, "FAILED", "SUCCEEDED")
    assert (failed["reason"], failed["words"]) == ("not-a-csv", "line 2 has 1 values, and not 2")
    batch = deployment.client("batch")
    in_time(lambda: batch.describe_jobs(jobs=[failed["job_id"]])["jobs"][0]["status"] == "FAILED")
    (job,) = batch.describe_jobs(jobs=[failed["job_id"]])["jobs"]
    assert (len(job["attempts"]), job["container"]["exitCode"]) == (1, 65)


def test_a_job_that_is_killed_leaves_an_item_that_says_so(deployment: Deployment, put: Any, until: Any) -> None:
    key = "uploads/slow.csv"
    version = put(key)
    running = until(key, version, "RUNNING")
    deployment.client("batch").terminate_job(jobId=running["job_id"], reason="killed by a test")
    failed = until(key, version, "FAILED", "SUCCEEDED")
    assert failed["status"] == "FAILED"
    assert "killed by a test" in failed["words"]


def test_a_failed_object_can_be_tried_again(deployment: Deployment, stack: Deployed, put: Any, until: Any) -> None:
    key = "uploads/ragged.csv"
    version = put(key, b"a,b\n1\n")
    first = until(key, version, "FAILED")
    reconcile(deployment, stack, {"again": {"key": key, "version": version}})
    in_time(lambda: until(key, version, "FAILED")["job_id"] != first["job_id"])
    assert until(key, version, "FAILED")["reason"] == "not-a-csv"


def test_a_claim_without_a_job_is_healed(
    deployment: Deployment, stack: Deployed, bucket: str, put: Any, item: Any, until: Any
) -> None:
    """As if the function had ended between its claim and the submission, an hour ago."""
    key = "uploads/claimed.csv"
    version = put(key)
    done = until(key, version, "SUCCEEDED")
    name = {"object": {"S": done["object"]}, "version": {"S": version}}
    deployment.client("dynamodb").update_item(
        TableName=stack.outputs["Results"],
        Key=name,
        UpdateExpression="SET #status = :claimed, claim = :gone, lease_until = :past, job_name = :none "
        "REMOVE #result, job_id, attempt",
        ExpressionAttributeNames={"#status": "status", "#result": "result"},
        ExpressionAttributeValues={
            ":claimed": {"S": "CLAIMED"},
            ":gone": {"S": "somebody who is gone"},
            ":past": {"N": "0"},
            ":none": {"S": f"{done['job_name']}-lost"},
        },
    )
    reconcile(deployment, stack, {"look_at": "claims"})
    healed = until(key, version, "SUCCEEDED")
    assert healed["job_id"] != done["job_id"]
    assert healed["result"] == RESULT


def test_a_dead_letter_can_be_sent_again(deployment: Deployment, stack: Deployed, bucket: str, until: Any) -> None:
    sqs = deployment.client("sqs")
    queue, dead = (stack.the("AWS::SQS::Queue", f"FilesIntake{name}").physical for name in ("Queue", "DeadLetters"))
    detail = {"bucket": {"name": bucket}, "object": {"key": "uploads/late.exe", "version-id": "v", "size": 1}}
    event = {"id": "late", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(event))
    arns = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for url in (dead, queue)
    ]
    sqs.start_message_move_task(SourceArn=arns[0], DestinationArn=arns[1])
    assert until("uploads/late.exe", "v", "REFUSED")["correlation_id"] == "late"


def test_people_are_told_of_what_has_no_result(deployment: Deployment, stack: Deployed, put: Any, until: Any) -> None:
    sns, sqs = deployment.client("sns"), deployment.client("sqs")
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    let_in = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**let_in, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=stack.outputs["AlarmTopic"], Protocol="sqs", Endpoint=arn)
    version = put("uploads/secret.pdf")
    until("uploads/secret.pdf", version, "REFUSED")
    told: list[dict[str, Any]] = []

    def heard() -> bool:
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10).get("Messages", [])
        told.extend(json.loads(json.loads(message["Body"])["Message"]) for message in messages)
        return any(each["version"] == version for each in told)

    in_time(heard)
    (one,) = (each for each in told if each["version"] == version)
    assert (one["status"], one["reason"]) == ("REFUSED", "wrong-type")


def test_who_uploads_may_do_nothing_else(partner: Any, bucket: str, put: Any) -> None:
    put("uploads/mine.csv")
    for call in (
        lambda: partner.put_object(Bucket=bucket, Key="other/mine.csv", Body=FILE),
        lambda: partner.get_object(Bucket=bucket, Key="uploads/mine.csv"),
        lambda: partner.list_objects_v2(Bucket=bucket),
        lambda: partner.delete_object(Bucket=bucket, Key="uploads/mine.csv"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_who_reads_results_changes_none(analyst: Any, stack: Deployed) -> None:
    table, key = stack.outputs["Results"], {"object": {"S": "s3://x/y"}, "version": {"S": "z"}}
    analyst.query(
        TableName=table,
        IndexName="by-status",
        KeyConditionExpression="#status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": "SUCCEEDED"}},
    )
    for call in (
        lambda: analyst.put_item(TableName=table, Item=key),
        lambda: analyst.delete_item(TableName=table, Key=key),
        lambda: analyst.scan(TableName=table),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def reconcile(deployment: Deployment, stack: Deployed, event: Mapping[str, Any]) -> None:
    function = stack.the("AWS::Lambda::Function", "FilesReconcilerFunction").physical
    answer = deployment.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()


def empty(deployment: Deployment, queue: str) -> None:
    """Wait until nothing is in a queue, nor in anybody's hands."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def left() -> Any:
        return deployment.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]

    in_time(lambda: not any(int(number) for number in left().values()))


def in_time(done: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LIMIT
    while not done():
        assert time.monotonic() < end
        time.sleep(0.3)
