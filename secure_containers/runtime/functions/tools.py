"""What every function of the pipeline uses: logs, metrics, traces, the table, and what it was configured with.

Source: https://docs.aws.amazon.com/powertools/python/latest/
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, Final, Protocol

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from secure_containers.runtime.acceptance import Acceptance
from secure_containers.runtime.ledger import Claim, Ledger, ObjectVersion

CLAIM_LEASE: Final = timedelta(minutes=5)
"""How long a claim lasts without a job: longer than a function runs, so that nobody takes over from one that does."""

# Of a call in which nothing happened that is counted, which would be a line of every other log.
warnings.filterwarnings("ignore", message="No application metrics to publish")
logger: Final = Logger()
metrics: Final = Metrics()
tracer: Final = Tracer(patch_modules=("botocore",))
_ABOUT: Final = ("correlation_id", "job_id", "object", "version")
"""What a line of the log says of the object that it is about."""
_RETRIED: Final = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=3, read_timeout=10)
_ONCE: Final = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=20)
"""For `SubmitJob`, which has no token to tell a repeated call by: boto3 must not repeat it."""


class Count(Protocol):
    """How something that happened is counted."""

    def __call__(self, name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count) -> None: ...


class NotSubmittedError(Exception):
    """AWS Batch has surely not taken the job."""


class Submitter:
    """Submits jobs of one definition to one queue.

    Args:
        batch: a client of AWS Batch that does not repeat calls.
        queue: the queue.
        definition: the job definition, without revision.
        tags: what each job is tagged with.
        share: the share identifier, if the queue has shares.
    """

    def __init__(self, batch: Any, *, queue: str, definition: str, tags: dict[str, str], share: str | None) -> None:
        self._batch = batch
        self._always: dict[str, Any] = {"jobQueue": queue, "jobDefinition": definition, "tags": tags}
        if share:
            self._always["shareIdentifier"] = share
        self._queue = queue

    def submit(self, claim: Claim) -> str:
        """Submit the job of a claim.

        Returns:
            the job's id.

        Raises:
            NotSubmittedError: AWS Batch has refused it. After any other error nobody knows whether there is a job.
        """
        try:
            parameters = {**claim.version.as_parameters(), "correlation_id": claim.correlation_id}
            answer = self._batch.submit_job(jobName=claim.job_name, parameters=parameters, **self._always)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise NotSubmittedError(str(error)) from error
            raise
        return str(answer["jobId"])

    def find(self, claim: Claim) -> str | None:
        """The job that was submitted for a claim, if there is one."""
        by_name = [{"name": "JOB_NAME", "values": [claim.job_name]}]
        asked = {"jobQueue": self._queue, "filters": by_name}
        while True:
            page = self._batch.list_jobs(**asked)
            if page["jobSummaryList"]:
                return str(page["jobSummaryList"][0]["jobId"])
            if not page.get("nextToken"):
                return None
            asked["nextToken"] = page["nextToken"]


def count(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count) -> None:
    """Into the function's own metrics, which it writes to its log when it ends."""
    metrics.add_metric(name=name, unit=unit, value=value)


@cache
def ledger(within: str = "") -> Ledger:
    table = boto3.resource("dynamodb", config=_RETRIED).Table(os.environ["RESULTS_TABLE"])
    return Ledger(table, keep=timedelta(seconds=int(os.environ["KEEP_SECONDS"])), within=within)


@cache
def submitter() -> Submitter:
    return Submitter(
        boto3.client("batch", config=_ONCE),
        queue=os.environ["JOB_QUEUE"],
        definition=os.environ["JOB_DEFINITION"],
        tags=json.loads(os.environ["JOB_TAGS"]),
        share=os.environ.get("JOB_SHARE"),
    )


@cache
def acceptance() -> Acceptance:
    said = json.loads(os.environ["ACCEPTANCE"])
    return Acceptance(**{**said, "suffixes": tuple(said["suffixes"])})


def log_about(version: ObjectVersion, correlation_id: str) -> None:
    """From here on the log is about one object version."""
    logger.remove_keys(_ABOUT)
    logger.append_keys(correlation_id=correlation_id, object=version.uri, version=version.version)


def client(service: str) -> Any:
    """A client that repeats calls which AWS did not answer."""
    return boto3.client(service, config=_RETRIED)


def each_message(
    event: dict[str, Any], context: Any, handle: Callable[[dict[str, Any]], None]
) -> PartialItemFailureResponse:
    """Handle each message of a queue on its own; those that fail stay in the queue."""
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def one(record: Any) -> None:
        try:
            handle(json.loads(record.body))
        except Exception as error:
            logger.warning("the message stays in the queue: %s: %s", type(error).__name__, error)
            raise
        finally:
            logger.remove_keys(_ABOUT)

    with processor(event["Records"], one, lambda_context=context):
        processor.process()
    return processor.response()
