"""A program's side of a pipeline: one job, from one version of an object to one result.

`run` does all of it around a function. Programs that need more use `Job` step by step: `claim()`, `open_input()`,
`write_result()`, `fail()`.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import IO, Any, Final, NoReturn
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from secure_containers.runtime.ledger import Ledger, ObjectVersion, TakenError
from secure_containers.runtime.terms import Status

_log: Final = logging.getLogger("secure_containers.runtime")
_RETRIES: Final = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=60)
_PIECE: Final = 1024 * 1024
_LARGEST_INLINE: Final = 256 * 1024
"""Bytes of a result as JSON that stay in the item, of which DynamoDB takes 400 KB with everything else in it."""
_DEEPEST: Final = 30
"""DynamoDB takes 32 levels, of which the attribute itself is one."""
_PASSING: Final = (
    *("InternalError", "InternalServerError", "ItemCollectionSizeLimitExceededException", "RequestTimeout"),
    *("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ServiceUnavailable", "SlowDown"),
    *("Throttling", "ThrottlingException", "TransactionInProgressException"),
)


class ExitCode(IntEnum):
    """How a program ends, by which AWS Batch decides whether the job is tried again."""

    DONE = 0
    """The result is written, or another job does it: nothing is left to do."""
    MISUSED = 64
    """It was not started as a job of a pipeline. Not tried again."""
    REJECTED = 65
    """The object has no result, and the item says why. Not tried again."""
    CRASHED = 70
    """The program raised something unexpected, and the item says what. Not tried again."""
    TRY_AGAIN = 75
    """Something passed was in the way: AWS was not reached, or the program was told to end. Tried again."""


class FailedError(Exception):
    """Raise it when the object is at fault: there will be no result, and the item says this reason.

    Args:
        reason: a short word that can be counted, such as `not-a-csv`.
        words: more about it. It ends up in the table: nothing confidential.
    """

    def __init__(self, reason: str, words: str = "") -> None:
        # What they quote of an object may be no Unicode, which neither log nor table take.
        self.reason, self.words = (each.encode(errors="replace").decode() for each in (reason, words))
        super().__init__(f"{self.reason}: {self.words}" if words else self.reason)


class TryAgainError(Exception):
    """Raise it when something else is at fault that may pass: the job is tried again, as often as its `retries` say."""


class SupersededError(Exception):
    """Another job works on this version of the object, or there is a result already: end, and do nothing."""


@dataclass(frozen=True, kw_only=True)
class InputObject:
    """The object that a job works on, in the version that was uploaded."""

    bucket: str
    key: str
    version: str
    size: int
    """In bytes."""
    content_type: str
    """What the uploader said it is, and nobody has checked."""
    metadata: Mapping[str, str]
    """What the uploader has added, and nobody has checked."""
    _body: Any = field(repr=False)

    def open(self) -> IO[bytes]:
        """The content, to be read once from the beginning, in pieces or by lines."""
        # Buffered, since the client's own stream has no lines: it goes by kilobytes.
        return io.BufferedReader(self._body, _PIECE)

    def download(self, path: Path) -> Path:
        """Write the content to a file, below a directory of `scratch`."""
        with path.open("wb") as file:
            shutil.copyfileobj(self.open(), file, _PIECE)
        return path


class Job:
    """One attempt of one job. It is made by `from_environment` in a container of a pipeline.

    Args:
        version: what it works on.
        job_id: the id that AWS Batch gave the job.
        attempt: which attempt it is, from 1.
        ledger: the table.
        s3: a client of Amazon S3.
        lease: how long an attempt may take.
        sizes: the fewest and the most bytes that an object may have.
        outputs: bucket and prefix of results that are too large for the table.
    """

    def __init__(
        self,
        *,
        version: ObjectVersion,
        job_id: str,
        attempt: int,
        ledger: Ledger,
        s3: Any,
        lease: timedelta,
        sizes: tuple[int, int],
        outputs: tuple[str, str],
    ) -> None:
        self.version, self.job_id, self.attempt = version, job_id, attempt
        self._ledger, self._s3, self._lease, self._sizes, self._outputs = ledger, s3, lease, sizes, outputs

    @classmethod
    def from_environment(
        cls, arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None
    ) -> Job:
        """The job that this container was started for.

        Args:
            arguments: the command, whose last two words are the object's key and version. Left out: the program's own.
            environment: the variables that the pipeline sets. Left out: the program's own.

        Raises:
            ValueError: it was not started by a pipeline.
        """
        words = list(sys.argv[1:] if arguments is None else arguments)
        given = os.environ if environment is None else environment
        missing = [name for name in _VARIABLES if not given.get(name)]
        if missing or len(words) < 2:
            lacks = ", ".join([*missing, *(["key and version at the end of the command"] if len(words) < 2 else [])])
            raise ValueError(f"not started as a job of a pipeline, which sets these: {lacks}; submit it by one")
        key, version = (unquote(word, errors="strict") for word in words[-2:])
        return cls(
            version=ObjectVersion(bucket=given["INPUT_BUCKET"], key=key, version=version),
            job_id=given["AWS_BATCH_JOB_ID"],
            attempt=int(given.get("AWS_BATCH_JOB_ATTEMPT", "1")),
            ledger=Ledger(
                boto3.resource("dynamodb", config=_RETRIES).Table(given["RESULTS_TABLE"]),
                keep=timedelta(seconds=int(given["KEEP_SECONDS"])),
            ),
            s3=boto3.client("s3", config=_RETRIES),
            lease=timedelta(seconds=int(given["LEASE_SECONDS"])),
            sizes=(int(given["SMALLEST_OBJECT"]), int(given["LARGEST_OBJECT"])),
            outputs=(given["OUTPUT_BUCKET"], given["OUTPUT_PREFIX"]),
        )

    def claim(self) -> str:
        """Begin: from now on no other job may write a result for this version.

        Returns:
            the correlation id, by which logs of the whole way are found.

        Raises:
            SupersededError: another job has it, or there is a result.
        """
        try:
            item = self._ledger.start(self.version, self.job_id, self.attempt, lease=self._lease)
        except TakenError as taken:
            raise SupersededError(_who(taken)) from None
        return str(item.get("correlation_id", ""))

    def open_input(self) -> InputObject:
        """The object, in the version that was uploaded.

        Raises:
            FailedError: the version was deleted or may not be read, or its size is not allowed.
        """
        version = self.version
        try:
            got = self._s3.get_object(Bucket=version.bucket, Key=version.key, VersionId=version.version)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _PASSING:
                raise
            # To who may not list a bucket, S3 says of a deleted version that it is denied.
            raise FailedError("unreadable", f"{code}: deleted, archived, or the job may not read it") from error
        for wrong, word, limit in (
            (got["ContentLength"] < self._sizes[0], "too-small", f"{self._sizes[0]} at least"),
            (got["ContentLength"] > self._sizes[1], "too-large", f"{self._sizes[1]} at most"),
        ):
            if wrong:
                got["Body"].close()
                raise FailedError(word, f"{got['ContentLength']} bytes; {limit}")
        return InputObject(
            bucket=version.bucket,
            key=version.key,
            version=version.version,
            size=got["ContentLength"],
            content_type=got.get("ContentType", ""),
            metadata=got.get("Metadata", {}),
            _body=got["Body"],
        )

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the result and end the claim. A large one goes to S3, and the item points to it.

        Args:
            result: anything that JSON can say.

        Raises:
            SupersededError: this attempt may no longer write.
            TypeError, ValueError: JSON cannot say the result.
        """
        if not isinstance(result, Mapping):
            raise TypeError(f"the result is {type(result).__name__}; allowed: a mapping; write {{'result': ...}}")
        text = json.dumps(result, allow_nan=False, ensure_ascii=False)
        if len(text.encode()) <= _LARGEST_INLINE and _fits(kept := json.loads(text, parse_float=Decimal)):
            held: dict[str, Any] = {"result": kept}
        else:
            bucket, prefix = self._outputs
            # Of this attempt alone: one that was given up and still runs must not write over the result of another.
            key = f"{prefix}{self.version.digest}/{self.job_id}-{self.attempt}.json"
            self._s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
            held = {"result_location": f"s3://{bucket}/{key}"}
        self._end(lambda: self._ledger.finish(self.version, self.job_id, self.attempt, held))

    def fail(self, reason: str, words: str = "") -> None:
        """Record that there will be no result, and end the claim.

        Args:
            reason: a short word that can be counted.
            words: more about it, nothing confidential.

        Raises:
            SupersededError: this attempt may no longer write.
        """
        self._end(lambda: self._ledger.fail(self.version, self.job_id, self.attempt, reason=reason, words=words))

    @staticmethod
    def _end(write: Callable[[], None]) -> None:
        try:
            write()
        except TakenError as taken:
            raise SupersededError(_who(taken)) from None


def run(transform: Callable[[InputObject], Mapping[str, Any]]) -> NoReturn:
    """Do one job by a function from an object to its result, and end the program with an `ExitCode`.

    The function raises `FailedError` if the object is at fault, and `TryAgainError` if something is that may pass.
    Anything else that it raises is a fault of its own: the job fails, and the item has the name of the exception; what
    it says goes to the log alone, since it may quote the object.

    Args:
        transform: what turns an object into a result that JSON can say.
    """
    _log_as_json()
    signal.signal(signal.SIGTERM, _tell_to_end)
    try:
        job = Job.from_environment()
    except (ValueError, NoRegionError):
        _log.exception("it was not started as a job of a pipeline")
        sys.exit(ExitCode.MISUSED)
    except _ToldToEnd:
        sys.exit(ExitCode.TRY_AGAIN)
    sys.exit(perform(job, transform))


def perform(job: Job, transform: Callable[[InputObject], Mapping[str, Any]]) -> ExitCode:
    """What `run` does with one job; the code is for its caller to end with."""
    try:
        _log_about(job, job.claim())
        _log.info("started")
        return _attempt(job, transform)
    except SupersededError as superseded:
        _log.warning("nothing to do: %s", superseded)
        return ExitCode.DONE
    except (BotoCoreError, ClientError):
        _log.exception("AWS did not do what was asked")
        return ExitCode.TRY_AGAIN
    except _ToldToEnd:
        _log.warning("told to end")
        return ExitCode.TRY_AGAIN


def _attempt(job: Job, transform: Callable[[InputObject], Mapping[str, Any]]) -> ExitCode:
    try:
        job.write_result(transform(job.open_input()))
    except FailedError as failed:
        job.fail(failed.reason, failed.words)
        _log.error("rejected: %s", failed)
        return ExitCode.REJECTED
    except TryAgainError as error:
        _log.warning("to be tried again: %s", error)
        return ExitCode.TRY_AGAIN
    except (SupersededError, BotoCoreError):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _PASSING:
            raise
        _log.exception("crashed")
        job.fail("crashed", type(error).__name__)
        return ExitCode.CRASHED
    _log.info("succeeded")
    return ExitCode.DONE


_VARIABLES: Final = (
    *("AWS_BATCH_JOB_ID", "INPUT_BUCKET", "KEEP_SECONDS", "LARGEST_OBJECT", "LEASE_SECONDS"),
    *("OUTPUT_BUCKET", "OUTPUT_PREFIX", "RESULTS_TABLE", "SMALLEST_OBJECT"),
)
_about: dict[str, str] = {}


def _fits(value: Any, depth: int = 1) -> bool:
    """Whether DynamoDB takes a value: not too deep, no number of more than 38 digits, no empty name."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return all(name != "" and _fits(each, depth + 1) for name, each in value.items())
    if isinstance(value, list):
        return all(_fits(each, depth + 1) for each in value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        return len(number.as_tuple().digits) <= 38 and (number == 0 or abs(math.log10(abs(number))) < 125)
    return True


def _who(taken: TakenError) -> str:
    item = taken.item
    if item.get("status") == Status.RUNNING or "job_id" in item:
        return f"{taken}, by job {item.get('job_id')} in attempt {item.get('attempt')}"
    return str(taken)


class _ToldToEnd(BaseException):
    """AWS Batch, or who took the capacity back, has told the program to end."""


def _tell_to_end(*_: object) -> NoReturn:
    raise _ToldToEnd


def _log_about(job: Job, correlation_id: str) -> None:
    _about.update(
        correlation_id=correlation_id,
        object=job.version.uri,
        version=job.version.version,
        job_id=job.job_id,
        attempt=str(job.attempt),
    )


def _log_as_json() -> None:
    """One line of JSON an event on standard output, with the correlation id in each."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_AsJson())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("botocore").setLevel(logging.WARNING)  # else it tells where it finds endpoints


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = {"level": record.levelname, "message": record.getMessage(), "logger": record.name, **_about}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False)
