"""What tests of the runtime share: a clock, faults at any call, AWS Batch in a few lines, and events as AWS sends them."""

# ruff: noqa: N803 - arguments are AWS's

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from secure_containers.runtime.acceptance import Acceptance
from secure_containers.runtime.ledger import ObjectVersion

BUCKET, TABLE, QUEUE, DEFINITION = "scans-in", "scans", "scans-queue", "scans-job"
KEEP, JOB_LEASE = timedelta(days=30), timedelta(hours=1)
ACCEPTANCE = Acceptance(prefix="in/", suffixes=(".csv",), smallest=1, largest=5 * 1024**3)
MAX_ATTEMPTS = 3
FINAL = ("SUCCEEDED", "FAILED", "REFUSED")
KEYS = [{"AttributeName": "object", "KeyType": "HASH"}, {"AttributeName": "version", "KeyType": "RANGE"}]
ATTRIBUTES = [{"AttributeName": each, "AttributeType": "S"} for each in ("object", "version", "status", "received_at")]
INDEX = {
    "IndexName": "by-status",
    "KeySchema": [
        {"AttributeName": "status", "KeyType": "HASH"},
        {"AttributeName": "received_at", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "ALL"},
}

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "INPUT_BUCKET": BUCKET,
    "RESULTS_TABLE": TABLE,
    "KEEP_SECONDS": str(int(KEEP.total_seconds())),
    "JOB_QUEUE": QUEUE,
    "JOB_DEFINITION": DEFINITION,
    "JOB_TAGS": '{"pipeline": "scans"}',
    "ACCEPTANCE": json.dumps(
        {
            "prefix": ACCEPTANCE.prefix,
            "suffixes": ACCEPTANCE.suffixes,
            "smallest": ACCEPTANCE.smallest,
            "largest": ACCEPTANCE.largest,
        }
    ),
    "NEW": "true",
    "SCANNED": "false",
    "LEASE_SECONDS": str(int(JOB_LEASE.total_seconds())),
    "LARGEST_OBJECT": "1000000",
    "SMALLEST_OBJECT": "1",
    "OUTPUT_BUCKET": BUCKET,
    "OUTPUT_PREFIX": "results/",
}


class Crash(BaseException):
    """The process is gone."""


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


class Fault(Enum):
    """What can happen to a call to AWS."""

    NONE = "none"
    THROTTLED = "throttled"
    """Refused, before any effect."""
    BROKEN = "broken"
    """An error of the server's, before any effect."""
    BROKEN_AFTER = "broken after"
    UNANSWERED = "unanswered"
    UNANSWERED_AFTER = "unanswered after"
    REPEATED = "repeated"
    """The first answer was lost and boto3 has repeated the call."""
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        if self is Fault.REPEATED and name != "submit_job":  # which is never repeated
            with contextlib.suppress(ClientError):
                call()
        if self in (Fault.BROKEN_AFTER, Fault.UNANSWERED_AFTER, Fault.CRASH_AFTER):
            call()
        match self:
            case Fault.THROTTLED:
                raise client_error("ThrottlingException", 400, name)
            case Fault.BROKEN | Fault.BROKEN_AFTER:
                raise client_error("InternalServerError", 500, name)
            case Fault.UNANSWERED | Fault.UNANSWERED_AFTER:
                raise ReadTimeoutError(endpoint_url="https://aws")
            case Fault.CRASH_BEFORE | Fault.CRASH_AFTER:
                raise Crash
        return call()


class Faults:
    """Faults of clients that share it, by the number of the call from 0."""

    def __init__(self, at: Mapping[int, Fault] | None = None) -> None:
        self.at, self.calls = dict(at or {}), list[str]()

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls.append(name)
        return self.at.get(len(self.calls) - 1, Fault.NONE).around(name, call)


class Faulty:
    """A client or a table each of whose calls goes through a function: `FaultyTable`, and more."""

    def __init__(self, target: Any, around: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._target, self._around = target, around

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if name == "meta":
            return SimpleNamespace(client=Faulty(value.client, self._around))
        if not callable(value):
            return value
        return lambda **arguments: self._around(name, lambda: value(**arguments))


class FakeBatch:
    """AWS Batch as the runtime sees it. Submitting is not idempotent, names are no keys, and jobs end when told to."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}

    def submit_job(
        self,
        *,
        jobName: str,
        jobQueue: str,
        jobDefinition: str,
        parameters: dict[str, str],
        tags: dict[str, str],
        shareIdentifier: str | None = None,
    ) -> dict[str, str]:
        assert re.fullmatch(r"[a-zA-Z0-9][\w-]{0,127}", jobName)
        assert all(isinstance(value, str) for value in parameters.values())
        job_id = f"job-{len(self.jobs)}"
        self.jobs[job_id] = {
            "jobId": job_id,
            "jobName": jobName,
            "jobQueue": jobQueue,
            "jobDefinition": jobDefinition,
            "shareIdentifier": shareIdentifier,
            "status": "RUNNABLE",
            "parameters": dict(parameters),
            "tags": dict(tags),
        }
        return {"jobId": job_id, "jobName": jobName}

    def list_jobs(self, *, jobQueue: str, filters: list[dict[str, Any]]) -> dict[str, Any]:
        (by_name,) = filters
        assert by_name["name"] == "JOB_NAME"
        found = [
            {name: job[name] for name in ("jobId", "jobName", "status")}
            for job in self.jobs.values()
            if job["jobQueue"] == jobQueue and job["jobName"] in by_name["values"]
        ]
        return {"jobSummaryList": found}

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        assert 0 < len(jobs) <= 100
        return {"jobs": [self.jobs[id] for id in jobs if id in self.jobs]}

    def end(self, job_id: str, status: str, reason: str = "", *, code: int | None = None, detail: str = "") -> dict:
        """End a job; the job as AWS Batch describes it."""
        container = {name: value for name, value in (("exitCode", code), ("reason", detail)) if value not in (None, "")}
        self.jobs[job_id].update(status=status, statusReason=reason, container=container)
        return dict(self.jobs[job_id])


def client_error(code: str, status: int, operation: str = "Call") -> ClientError:
    said = {"Error": {"Code": code, "Message": "as the test wants"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, operation)


def version_of(key: str = "in/a.csv", version: str = "v1") -> ObjectVersion:
    return ObjectVersion(bucket=BUCKET, key=key, version=version)


def created(key: str = "in/a.csv", version: str | None = "v1", *, size: int = 3, id: str = "event-1") -> dict[str, Any]:
    """An event of Amazon S3, as
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html shows it."""
    about = {"key": key, "size": size, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "00617F08299329D189"}
    return {
        "version": "0",
        "id": id,
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-22T12:00:00Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{BUCKET}"],
        "detail": {
            "version": "0",
            "bucket": {"name": BUCKET},
            "object": about if version is None else {**about, "version-id": version},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "192.0.2.1",
            "reason": "PutObject",
        },
    }


def scanned(result: str, key: str = "in/a.csv", version: str = "v1") -> dict[str, Any]:
    """An event of GuardDuty, as
    https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html shows it."""
    return {
        "version": "0",
        "id": "72c7d362-737a-6dce-fc78-9e27a0171419",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty",
        "account": "111122223333",
        "time": "2026-11-22T12:00:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:guardduty:eu-central-1:111122223333:malware-protection-plan/b4c7f464ab3a4EXAMPLE"],
        "detail": {
            "schemaVersion": "1.0",
            "scanStatus": "COMPLETED",
            "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {
                "bucketName": BUCKET,
                "objectKey": key,
                "eTag": "ASIAI44QH8DHBEXAMPLE",
                "versionId": version,
                "s3Throttled": False,
            },
            "scanResultDetails": {"scanResultStatus": result, "threats": None},
        },
    }


def job_ended(job: Mapping[str, Any]) -> dict[str, Any]:
    """An event of AWS Batch, as https://docs.aws.amazon.com/batch/latest/userguide/batch_cwe_events.html shows it."""
    return {"id": "event-9", "detail-type": "Batch Job State Change", "source": "aws.batch", "detail": dict(job)}


def messages(*bodies: Mapping[str, Any] | str) -> dict[str, Any]:
    """What AWS Lambda gets of a queue."""
    records = [
        {
            "messageId": f"message-{number}",
            "receiptHandle": "handle",
            "body": body if isinstance(body, str) else json.dumps(body),
            "attributes": {},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:uploads",
            "awsRegion": "eu-central-1",
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


class Counted:
    """What was counted, instead of metrics."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def __call__(self, name: str, value: float = 1, unit: object = None) -> None:
        self.values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> float:
        return sum(self.values.get(name, []))


def plan(**at: Fault) -> Faults:
    """Faults by the number of the call: `plan(call_1=Fault.THROTTLED)`."""
    return Faults({int(name.removeprefix("call_")): fault for name, fault in at.items()})


class Context:
    """What AWS Lambda tells a function of its call."""

    function_name, function_version, memory_limit_in_mb = "function", "1", 256
    invoked_function_arn, aws_request_id = "arn:aws:lambda:eu-central-1:111122223333:function:function", "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000
