"""Takes uploads: checks each, claims it by a conditional write, and only then submits its job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

from secure_containers.runtime.acceptance import Acceptance, Refusal
from secure_containers.runtime.functions.tools import (
    CLAIM_LEASE,
    Count,
    NotSubmittedError,
    Submitter,
    acceptance,
    count,
    each_message,
    ledger,
    logger,
    metrics,
    submitter,
    tracer,
)
from secure_containers.runtime.ledger import Claim, Ledger, ObjectVersion, TakenError
from secure_containers.runtime.terms import Status

_SCANNED: Final = "GuardDuty Malware Protection Object Scan Result"
_CLEAN: Final = "NO_THREATS_FOUND"
THREATS: Final = "scan-threats-found"
_UNVERSIONED: Final = Refusal(
    reason="not-versioned", words="the bucket keeps no versions, so that nothing tells one upload from the next"
)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A version of an object that has arrived, as an event says it or a list of the bucket."""

    version: ObjectVersion
    correlation_id: str
    details: Mapping[str, Any]
    """What else is known, for its item: size, entity tag, sequencer."""
    scan: str | None = None
    """What a scan for malware has found; None if none was asked for."""

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Upload:
        """What an event of Amazon S3 or of GuardDuty says.

        Raises:
            ValueError: it is another event.
        """
        detail = event.get("detail", {})
        if event.get("source") == "aws.s3" and event.get("detail-type") == "Object Created":
            about, bucket, scan = detail["object"], detail["bucket"]["name"], None
            key, version = about["key"], about.get("version-id")
            details = {name: about[name] for name in ("size", "etag", "sequencer") if name in about}
        elif event.get("detail-type") == _SCANNED:
            about = detail["s3ObjectDetails"]
            bucket, key, version = about["bucketName"], about["objectKey"], about.get("versionId")
            details = {"etag": about["eTag"]} if "eTag" in about else {}
            scan = str(detail["scanResultDetails"]["scanResultStatus"])
        else:
            raise ValueError(f"no upload: {event.get('source')}, {event.get('detail-type')}")
        return cls(
            version=ObjectVersion(bucket=bucket, key=key, version=version or "null"),
            correlation_id=event["id"],
            details=details,
            scan=scan,
        )


class InFlightError(Exception):
    """Somebody has claimed the object and not submitted its job yet: to be looked at again."""


class Intake:
    """The way of an upload to its job.

    Args:
        ledger: the table.
        submitter: what submits jobs.
        acceptance: what is taken.
        count: how it is counted.
    """

    def __init__(self, ledger: Ledger, submitter: Submitter, acceptance: Acceptance, count: Count) -> None:
        self._ledger, self._submitter, self._acceptance, self._count = ledger, submitter, acceptance, count

    def take(self, upload: Upload) -> None:
        """Check an upload, claim it and submit its job; or refuse it; or do nothing for one that is taken already.

        Raises:
            InFlightError: whether there is a job yet is not known.
            NotSubmittedError: AWS Batch has refused the job; the claim is given back.
        """
        refusal = self.refusal(upload)
        if refusal is not None:
            self._refuse(upload, refusal)
            return
        try:
            claim = self._ledger.claim(
                upload.version, lease=CLAIM_LEASE, correlation_id=upload.correlation_id, details=upload.details
            )
        except TakenError as taken:
            self._taken(taken)
            return
        self.submit(claim)

    def submit(self, claim: Claim, *, found: str | None = None) -> None:
        """Submit the job of a claim, unless one was found that was submitted before, and record it."""
        logger.append_keys(correlation_id=claim.correlation_id)
        try:
            job_id = found or self._submitter.submit(claim)
        except NotSubmittedError:
            self._ledger.give_back(claim)
            raise
        try:
            self._ledger.submitted(claim, job_id)
        except TakenError as taken:
            # The lease was over before the answer came. Only one of the two jobs can start its work.
            logger.warning("job %s has no claim any more: %s", job_id, taken)
            return
        self._count("Submitted")
        logger.info("submitted", extra={"job_id": job_id, "job_name": claim.job_name})

    def refusal(self, upload: Upload) -> Refusal | None:
        """Why an upload is not taken, or None."""
        if upload.version.version == "null":
            return _UNVERSIONED
        if upload.scan not in (None, _CLEAN):
            return Refusal(reason=f"scan-{str(upload.scan).lower().replace('_', '-')}", words="GuardDuty says so")
        return self._acceptance.refusal(upload.version.key, upload.details.get("size"))

    def _refuse(self, upload: Upload, refusal: Refusal) -> None:
        try:
            self._ledger.refuse(
                upload.version,
                reason=refusal.reason,
                words=refusal.words,
                correlation_id=upload.correlation_id,
                details=upload.details,
            )
        except TakenError as taken:
            if refusal.reason != THREATS or taken.item.get("status") == Status.REFUSED:
                self._taken(taken)
                return
            # It is counted, so that somebody hears of it: the object was taken before.
        self._count("Refused")
        logger.warning("refused", extra={"reason": refusal.reason, "words": refusal.words})

    def _taken(self, taken: TakenError) -> None:
        if taken.item.get("status") == Status.CLAIMED:
            raise InFlightError(str(taken)) from taken
        self._count("Duplicates")
        logger.info("delivered again", extra={"first_correlation_id": taken.item.get("correlation_id")})


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    """Take the uploads that a queue has."""
    intake = Intake(ledger(), submitter(), acceptance(), count)

    def one(message: dict[str, Any]) -> None:
        upload = Upload.of(message)
        about = {"object": upload.version.uri, "version": upload.version.version}
        logger.append_keys(correlation_id=upload.correlation_id, **about)
        intake.take(upload)

    return each_message(event, context, one)
