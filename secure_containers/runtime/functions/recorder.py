"""Records how jobs ended that could not do so themselves: cancelled, reclaimed, timed out, never started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

from secure_containers.runtime.functions.tools import Count, count, each_message, ledger, logger, metrics, tracer
from secure_containers.runtime.ledger import Ledger, ObjectVersion

_TRY_AGAIN: Final = 75
_REASONS: Final = (
    ("Your Spot Task was interrupted", "reclaimed"),
    ("Host EC2", "reclaimed"),
    ("duration exceeded timeout", "timed-out"),
    ("CannotPull", "image-not-pulled"),
    ("ResourceInitializationError", "not-started"),
    ("OutOfMemory", "out-of-memory"),
    ("CAPACITY:", "stuck"),
    ("MISCONFIGURATION:", "stuck"),
    ("JobStateTimeLimit", "stuck"),
    ("ACTION_REQUIRED", "stuck"),
)
"""What AWS Batch writes, and the word for it."""


class Recorder:
    """Writes the end of jobs into the table.

    Args:
        ledger: the table.
        count: how it is counted.
    """

    def __init__(self, ledger: Ledger, count: Count) -> None:
        self._ledger, self._count = ledger, count

    def record(self, job: Mapping[str, Any]) -> None:
        """Record the end of a job, as AWS Batch describes it in an event or when it is asked."""
        version = ObjectVersion.from_parameters(job.get("parameters") or {})
        if version is None:
            logger.warning("job %s is not of this pipeline", job.get("jobId"))
            return
        logger.append_keys(object=version.uri, version=version.version, job_id=job["jobId"])
        reason, words = why(job)
        unsaid = self._ledger.ended(version, job["jobId"], job["jobName"], reason=reason, words=words)
        if unsaid:
            logger.warning("ended without a result", extra={"reason": reason, "words": words})
        if job["status"] == "FAILED":
            self._count("Failed")
        else:
            self._count("NoResult" if unsaid else "Succeeded")


def why(job: Mapping[str, Any]) -> tuple[str, str]:
    """A short word and what AWS Batch says."""
    container = job.get("container") or {}
    said = "; ".join(each for each in (job.get("statusReason"), container.get("reason")) if each)
    if job["status"] == "SUCCEEDED":
        return "no-result", "the program ended well and wrote no result"
    code = container.get("exitCode")
    words = said if code is None else f"{said}; exit code {code}"
    word = next((word for text, word in _REASONS if text in said), None)
    return word or ("tries-used-up" if code == _TRY_AGAIN else "job-failed"), words


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    """Record the ends of jobs that a queue has."""
    recorder = Recorder(ledger(), count)

    def one(message: dict[str, Any]) -> None:
        logger.append_keys(correlation_id=(message["detail"].get("parameters") or {}).get("correlation_id"))
        recorder.record(message["detail"])

    return each_message(event, context, one)
