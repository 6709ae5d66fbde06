"""Puts right what was interrupted: objects without an item, claims without a job, jobs without a result."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from secure_containers.runtime.functions.intake import THREATS, InFlightError, Intake, Upload
from secure_containers.runtime.functions.recorder import Recorder
from secure_containers.runtime.functions.tools import (
    CLAIM_LEASE,
    Count,
    NotSubmittedError,
    Submitter,
    acceptance,
    client,
    count,
    ledger,
    log_about,
    logger,
    metrics,
    submitter,
    tracer,
)
from secure_containers.runtime.ledger import Item, Ledger, ObjectVersion, TakenError
from secure_containers.runtime.terms import OPEN, Status

_QUIET: Final = timedelta(minutes=10)
"""How long nothing has to have happened before somebody looks; events take their time."""
_SCANNING: Final = timedelta(hours=1)
"""The same for objects that wait for a scan."""
_OVER: Final = ("SUCCEEDED", "FAILED")
_AT_ONCE: Final = 100
"""What DynamoDB and AWS Batch take in one call."""
_ENOUGH: Final = timedelta(seconds=30)
"""Time that is left for the last page."""


class Reconciler:
    """Compares bucket, table and queue.

    Args:
        ledger: the table.
        intake: the way of an upload to its job.
        submitter: what finds jobs.
        recorder: what records their ends.
        batch: a client of AWS Batch.
        s3: a client of Amazon S3.
        bucket: where the objects are.
        prefix: below which.
        new: whether bucket and table were made for the pipeline, so that everything in the one has to be in the other.
        scanned: whether objects wait for a scan, so that one without an item may not be taken from here.
        count: how it is counted.
        clock: what time it is.
        is_late: whether to stop, and go on from there the next time.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        intake: Intake,
        submitter: Submitter,
        recorder: Recorder,
        batch: Any,
        s3: Any,
        bucket: str,
        prefix: str,
        new: bool,
        scanned: bool,
        count: Count,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_late: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ledger, self._intake, self._submitter, self._recorder = ledger, intake, submitter, recorder
        self._batch, self._s3, self._bucket, self._prefix = batch, s3, bucket, prefix
        self._new, self._scanned = new, scanned
        self._count, self._clock, self._is_late = count, clock, is_late

    def look_at_claims(self) -> None:
        """Heal claims without a job and jobs without a result, and tell how old the oldest unfinished object is."""
        for item in self._ledger.waiting(Status.CLAIMED):
            if self._is_late():
                break
            if self._ledger.is_over(item):
                self._trying(item, self._heal)
        for jobs in _by(_AT_ONCE, self._without_result()):
            if self._is_late():
                break
            self._trying(jobs, self._ask_about)
        self._count("OldestUnfinished", self._oldest().total_seconds(), MetricUnit.Seconds)

    def look_at_objects(self) -> None:
        """Take objects that have no item, since their event has not arrived. What is not done in time is next time."""
        since, missing = self._ledger.watched_since(new=self._new), 0
        for versions in _by(_AT_ONCE, self._listed(since)):
            known = self._ledger.known([each.version for each in versions])
            for upload in versions:
                if upload.version in known:
                    continue
                log_about(upload.version, upload.correlation_id)
                logger.warning("it has no item")
                if self._scanned:
                    missing += 1
                    continue
                try:
                    self._intake.take(upload)
                except InFlightError:
                    continue  # its event has arrived meanwhile
                except _PASSING as error:
                    logger.warning("not put right: %s: %s", type(error).__name__, error)
                    missing += 1
                else:
                    self._count("Repaired")
            if self._is_late():
                break  # and begin with this page the next time
        self._count("Missing", missing)

    def again(self, version: ObjectVersion) -> None:
        """Try an object version again that failed, or that was refused and would be no more, by a new job.

        Raises:
            ValueError: it is not of this pipeline, has no item, or would be refused again.
            TakenError: it has neither failed nor was refused.
        """
        item = self._ledger.find(version)
        if item is None or not version.key.startswith(self._prefix):
            raise ValueError(f"{version.uri} in version {version.version} is not of this pipeline")
        details = {"size": int(item["size"])} if "size" in item else {}
        upload = Upload(version=version, correlation_id=str(item["correlation_id"]), details=details)
        refusal = self._intake.refusal(upload)
        if refusal is not None or item.get("reason") == THREATS:
            raise ValueError(f"{version.uri} would be refused again: {refusal.words if refusal else THREATS}")
        self._ledger.reopen(version)
        self._heal(self._ledger.find(version) or item)

    def _heal(self, item: Item) -> None:
        log_about(ObjectVersion.of(item), item["correlation_id"])
        claim = self._ledger.take_over(item, lease=CLAIM_LEASE)
        found = self._submitter.find(claim)
        logger.warning("a claim had no job", extra={"job_name": claim.job_name, "found": found})
        self._intake.submit(claim, found=found)
        self._count("Repaired")

    def _without_result(self) -> Iterator[Item]:
        before = self._clock() - _QUIET
        for item in self._ledger.waiting(Status.SUBMITTED, before=before):
            if datetime.fromisoformat(str(item["changed_at"])) < before:  # else AWS Batch may not know the job yet
                yield item
        for item in self._ledger.waiting(Status.RUNNING, before=before):
            if self._ledger.is_over(item):
                yield item

    def _ask_about(self, items: Sequence[Item]) -> None:
        asked = self._batch.describe_jobs(jobs=[item["job_id"] for item in items])["jobs"]
        jobs = {job["jobId"]: job for job in asked}
        for item in items:
            log_about(ObjectVersion.of(item), item["correlation_id"])
            job = jobs.get(item["job_id"])
            if job is None:
                gone = {"jobId": item["job_id"], "jobName": item["job_name"], "status": "FAILED"}
                said = {"statusReason": "AWS Batch does not know the job any more"}
                self._recorder.record({**gone, **said, "parameters": ObjectVersion.of(item).as_parameters()})
            elif job["status"] in _OVER:
                self._recorder.record(job)

    def _oldest(self) -> timedelta:
        first = (next(iter(self._ledger.waiting(status)), None) for status in OPEN)
        return max((self._ledger.age(item) for item in first if item is not None), default=timedelta())

    def _listed(self, since: datetime) -> Iterator[Upload]:
        """Every version that came after a time and not just now, from where the last call stopped."""
        place = self._ledger.place()
        asked: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix}
        before = self._clock() - (_SCANNING if self._scanned else _QUIET)
        while True:
            page = self._s3.list_object_versions(**asked, **place)
            for each in page.get("Versions", []):
                if since <= each["LastModified"] < before:
                    yield _upload(self._bucket, each)
            place = {}
            if page.get("IsTruncated"):
                place = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
            if not place or self._is_late():
                self._ledger.remember_place(place)
                return

    def _trying(self, what: Any, do: Callable[[Any], None]) -> None:
        """One that does not go keeps nobody from the next."""
        try:
            do(what)
        except _PASSING as error:
            logger.warning("not put right: %s: %s", type(error).__name__, error)


_PASSING: Final = (BotoCoreError, ClientError, NotSubmittedError, TakenError)
"""What one object may meet and the next may not."""


def _upload(bucket: str, listed: Mapping[str, Any]) -> Upload:
    return Upload(
        version=ObjectVersion(bucket=bucket, key=listed["Key"], version=listed["VersionId"]),
        correlation_id=f"reconciler-{uuid.uuid4()}",
        details={"size": listed["Size"], "etag": listed["ETag"].strip('"')},
    )


def _by(number: int, of: Iterator[Any]) -> Iterator[list[Any]]:
    while together := list(islice(of, number)):
        yield together


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    """Look at `claims` or at `objects`, as `look_at` says; or try one `again`, named by key and version."""
    bucket = os.environ["INPUT_BUCKET"]
    own = ledger(f"s3://{bucket}/{acceptance().prefix}")
    intake = Intake(own, submitter(), acceptance(), count)
    reconciler = Reconciler(
        ledger=own,
        intake=intake,
        submitter=submitter(),
        recorder=Recorder(own, count),
        batch=client("batch"),
        s3=client("s3"),
        bucket=bucket,
        prefix=acceptance().prefix,
        new=os.environ["NEW"] == "true",
        scanned=os.environ["SCANNED"] == "true",
        count=count,
        is_late=lambda: context.get_remaining_time_in_millis() < _ENOUGH.total_seconds() * 1000,
    )
    if "again" in event:
        reconciler.again(ObjectVersion(bucket=bucket, key=event["again"]["key"], version=event["again"]["version"]))
    elif event["look_at"] == "objects":
        reconciler.look_at_objects()
    else:
        reconciler.look_at_claims()
