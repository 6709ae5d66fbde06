"""10,000 uploads through the pipeline's own code against the emulator, with faults: nothing lost, nothing doubled.

`make load` runs it. Buckets, table and queue of jobs are the emulator's; intake, recorder and reconciler run here, and
so does the program of each job that AWS Batch has: a process for each would measure the start of Python. A part of all
calls to AWS is throttled, times out before or after it has taken effect, or ends the caller at once.
"""

from __future__ import annotations

import argparse
import logging
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from secure_containers.local.connection import Connection
from secure_containers.runtime.acceptance import Acceptance
from secure_containers.runtime.functions.intake import InFlightError, Intake, Upload
from secure_containers.runtime.functions.reconciler import Reconciler
from secure_containers.runtime.functions.recorder import Recorder
from secure_containers.runtime.functions.tools import NotSubmittedError, Submitter, logger
from secure_containers.runtime.job import ExitCode, InputObject, Job, perform
from secure_containers.runtime.ledger import Ledger, ObjectVersion
from secure_containers.runtime.terms import BY_STATUS, Status

_BUCKET: Final = "uploads"
_PREFIX: Final = "uploads/"
_TABLE: Final = "results"
_TRIES: Final = 3
_THREADS: Final = 8
_MOST_ROUNDS: Final = 30
_SUFFIX: Final = ".csv"


class Crash(BaseException):
    """The function or the container is gone, at this very point."""


class Faults:
    """What goes wrong, in a share of all calls."""

    def __init__(self, share: float, seed: int, trusted: str) -> None:
        self.share, self.counted = share, Counter[str]()
        self._random, self._lock = random.Random(seed), threading.Lock()  # noqa: S311 - no secret
        self._session = URLLib3Session(verify=trusted)

    def hurt(self, client: Any) -> Any:
        """Let calls of a client go wrong."""
        client.meta.events.register("before-send.*.*", self._before)
        return client

    def _before(self, request: Any, **_: object) -> AWSResponse | None:
        with self._lock:
            if self._random.random() >= self.share:
                return None
            kind = self._random.choice(("throttled", "timeout before", "timeout after", "crash before", "crash after"))
            self.counted[kind] += 1
        if kind.endswith("after"):
            self._session.send(request).content  # noqa: B018 - it is read, and lost
        if kind.startswith("crash"):
            raise Crash
        if kind.startswith("timeout"):
            raise ReadTimeoutError(endpoint_url=request.url)
        if f"/{_BUCKET}/" in request.url:  # Amazon S3 has words of its own
            return AWSResponse(request.url, 503, {}, _Raw(b"<Error><Code>SlowDown</Code></Error>"))
        body = b'{"__type": "ThrottlingException", "message": "too many"}'
        return AWSResponse(request.url, 400, {"x-amzn-errortype": "ThrottlingException"}, _Raw(body))


class _Raw:
    """The body of an answer, as urllib3 gives it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterable[bytes]:
        yield self._body


class _Batch:
    """AWS Batch, with the ends of jobs as they were here: those of the emulator's own processes mean nothing."""

    def __init__(self, batch: Any, ended: Mapping[str, Mapping[str, Any]]) -> None:
        self._batch, self._ended = batch, ended

    def describe_jobs(self, jobs: list[str]) -> dict[str, Any]:
        found = self._batch.describe_jobs(jobs=jobs)["jobs"]
        return {"jobs": [{**job, "status": "RUNNABLE", **self._ended.get(job["jobId"], {})} for job in found]}


class World:
    """The pipeline's parts over the emulator."""

    def __init__(self, connection: Connection, share: float, seed: int) -> None:
        self._connection = connection
        self._local = threading.local()
        self.faults = Faults(share, seed, connection.ca)
        self.counted = Counter[str]()
        self._clock_ahead = timedelta()
        self.queue = self.definition = ""
        self.ended: dict[str, dict[str, Any]] = {}  # jobs that have run here, by their ids, as AWS Batch would tell

    # What is there before the first upload.

    def prepare(self) -> None:
        """A versioned bucket, the table, and a queue whose jobs end at once."""
        s3, dynamodb, batch = (self._connection.client(name) for name in ("s3", "dynamodb", "batch"))
        s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": self._connection.region})
        s3.put_bucket_versioning(Bucket=_BUCKET, VersioningConfiguration={"Status": "Enabled"})
        text = dict.fromkeys(("object", "version", "status", "received_at"), "S")
        dynamodb.create_table(
            TableName=_TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in text.items()],
            KeySchema=_keys("object", "version"),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": BY_STATUS,
                    "KeySchema": _keys("status", "received_at"),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        environment = batch.create_compute_environment(computeEnvironmentName="load", type="MANAGED")
        order = [{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}]
        self.queue = batch.create_job_queue(jobQueueName="load", priority=1, computeEnvironmentOrder=order)[
            "jobQueueArn"
        ]
        batch.register_job_definition(
            jobDefinitionName="load",
            type="container",
            containerProperties={"image": "none", "command": ["Ref::key"]},
        )
        self.definition = "load"

    # What the functions are made of, for each thread its own.

    def intake(self) -> Intake:
        return Intake(self.ledger(), self.submitter(), self._acceptance(), self._count)

    def recorder(self) -> Recorder:
        return Recorder(self.ledger(), self._count)

    def reconciler(self) -> Reconciler:
        return Reconciler(
            ledger=self.ledger(),
            intake=self.intake(),
            submitter=self.submitter(),
            recorder=self.recorder(),
            batch=_Batch(self._client("batch"), self.ended),
            s3=self._client("s3"),
            bucket=_BUCKET,
            prefix=_PREFIX,
            new=True,
            scanned=False,
            count=self._count,
            clock=self._now,
        )

    def submitter(self) -> Submitter:
        once = self._client("batch", attempts=1)
        return Submitter(once, queue=self.queue, definition=self.definition, tags={"kind": "load"}, share=None)

    def ledger(self) -> Ledger:
        if not hasattr(self._local, "ledger"):
            table = boto3.resource("dynamodb", **self._arguments(5)).Table(_TABLE)
            self.faults.hurt(table.meta.client)
            self._local.ledger = Ledger(table, keep=timedelta(days=90), clock=self._now)
        ledger: Ledger = self._local.ledger
        return ledger

    def job(self, id: str, version: ObjectVersion, attempt: int) -> Job:
        return Job(
            version=version,
            job_id=id,
            attempt=attempt,
            ledger=self.ledger(),
            s3=self._client("s3"),
            lease=timedelta(hours=1),
            sizes=(1, 2**20),
            outputs=(_BUCKET, "outputs/"),
        )

    def plain(self, service: str) -> Any:
        """A client to which nothing happens."""
        return self._connection.client(service)

    def let_pass(self, time: timedelta) -> None:
        self._clock_ahead += time

    def _client(self, service: str, attempts: int = 5) -> Any:
        name = f"{service}{attempts}"
        if not hasattr(self._local, name):
            setattr(self._local, name, self.faults.hurt(boto3.client(service, **self._arguments(attempts))))
        return getattr(self._local, name)

    def _arguments(self, attempts: int) -> dict[str, Any]:
        connection = self._connection
        return {
            "region_name": connection.region,
            "endpoint_url": connection.endpoint,
            "verify": connection.ca,
            "aws_access_key_id": connection.access_key_id,
            "aws_secret_access_key": connection.secret_access_key,
            "config": Config(
                retries={"mode": "standard", "total_max_attempts": attempts},
                s3={"addressing_style": "path"},
                proxies={},
            ),
        }

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._clock_ahead

    @staticmethod
    def _acceptance() -> Acceptance:
        return Acceptance(prefix=_PREFIX, suffixes=(_SUFFIX,), smallest=1, largest=2**20)

    def _count(self, name: str, value: float = 1, unit: object = None) -> None:  # noqa: ARG002 - as the functions call it
        self.counted[name] += int(value)


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--events", type=int, default=10_000)
    given.add_argument("--faults", type=float, default=0.05)
    given.add_argument("--seed", type=int, default=1)
    arguments = given.parse_args()
    for log in (logger, logging.getLogger("secure_containers.runtime")):
        log.setLevel("CRITICAL")
    with tempfile.TemporaryDirectory() as directory, _emulator(Path(directory)) as connection:
        world = World(connection, arguments.faults, arguments.seed)
        world.prepare()
        return _measure(world, arguments.events)


def _measure(world: World, number: int) -> int:
    versions = _upload(world, number)
    print(f"{len(versions)} versions uploaded")
    began = time.perf_counter()
    _settle(world, versions)
    took = time.perf_counter() - began
    wrong = _check(world, versions)
    print(f"{number / took:.0f} events a second, {took:.0f} s; {len(versions)} versions")
    print(f"faults: {dict(sorted(world.faults.counted.items()))}")
    print(f"counted: {dict(sorted(world.counted.items()))}")
    print("\n".join(wrong) or "nothing lost, nothing doubled")
    return 1 if wrong else 0


def _upload(world: World, number: int) -> list[ObjectVersion]:
    """Nine of ten are accepted; each tenth key has two versions."""

    def put(index: int) -> ObjectVersion:
        suffix = ".exe" if index % 10 == 3 else _SUFFIX
        key = f"{_PREFIX}{index - (index % 10 == 7)}{suffix}"
        answer = world.plain("s3").put_object(Bucket=_BUCKET, Key=key, Body=f"line {index}\n".encode())
        return ObjectVersion(bucket=_BUCKET, key=key, version=answer["VersionId"])

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(put, range(number)))


def _settle(world: World, versions: list[ObjectVersion]) -> None:
    """Deliver every event until somebody has handled it, run every job, and let the reconciler put right the rest."""
    shuffled = list(versions)
    random.Random(0).shuffle(shuffled)  # noqa: S311 - no secret
    pending = [*shuffled, *shuffled[::20]]  # each twentieth is delivered twice
    ran: dict[str, int] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        for number in range(_MOST_ROUNDS):
            left = list(pool.map(lambda version: _survives(lambda: _deliver(world, version)), pending))
            # Five tries, then the event is a dead letter; the reconciler does without.
            pending = [version for version, done in zip(pending, left, strict=True) if not done] if number < 4 else []
            jobs = _jobs(world, ran)
            list(pool.map(lambda job: _run(world, *job), jobs))
            world.let_pass(timedelta(minutes=20))
            _survives(lambda: world.reconciler().look_at_claims())
            if number % 3 == 2:
                _survives(lambda: world.reconciler().look_at_objects())
            if not pending and not _unfinished(world, versions) and not _jobs(world, dict(ran)):
                return


def _deliver(world: World, version: ObjectVersion) -> None:
    detail = {
        "bucket": {"name": version.bucket},
        "object": {"key": version.key, "version-id": version.version, "size": 9, "etag": "e", "sequencer": "0"},
    }
    event = {"id": "load", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    world.intake().take(Upload.of(event))


def _jobs(world: World, ran: dict[str, int]) -> list[tuple[str, str, ObjectVersion]]:
    """Jobs that AWS Batch has and that have not run; the emulator's own process for each ends at once."""
    found: list[tuple[str, str, ObjectVersion]] = []
    batch = world.plain("batch")
    for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "FAILED", "SUCCEEDED"):
        for summary in batch.list_jobs(jobQueue=world.queue, jobStatus=status)["jobSummaryList"]:
            id = summary["jobId"]
            if id in ran:
                continue
            ran[id] = 1
            (job,) = batch.describe_jobs(jobs=[id])["jobs"]
            version = ObjectVersion.from_parameters(job["parameters"])
            if version is not None:
                found.append((id, job["jobName"], version))
    return found


def _run(world: World, id: str, name: str, version: ObjectVersion) -> None:
    """One job, as AWS Batch would: attempts until one ends otherwise than by 75, and then the event of its end."""
    code: int = ExitCode.TRY_AGAIN
    for attempt in range(1, _TRIES + 1):
        try:
            code = perform(world.job(id, version, attempt), _transform)
        except Crash:
            continue  # as reclaimed capacity
        if code != ExitCode.TRY_AGAIN:
            break
    status = "SUCCEEDED" if code == ExitCode.DONE else "FAILED"
    ended = {"jobId": id, "jobName": name, "status": status, "parameters": version.as_parameters()}
    world.ended[id] = ended
    for _ in range(5):
        if _survives(lambda: world.recorder().record(ended)):
            return


def _transform(given: InputObject) -> Mapping[str, Any]:
    return {"lines": sum(1 for _ in given.open())}


def _survives(do: Callable[[], Any]) -> bool:
    """Whether a call ended well; a crash takes it with it, and nothing else."""
    try:
        do()
    except (BotoCoreError, ClientError, Crash, InFlightError, NotSubmittedError):
        return False
    return True


def _items(world: World) -> dict[ObjectVersion, Mapping[str, Any]]:
    pages = world.plain("dynamodb").get_paginator("scan").paginate(TableName=_TABLE)
    items = [
        {name: next(iter(value.values())) for name, value in item.items()} for page in pages for item in page["Items"]
    ]
    return {ObjectVersion.of(item): item for item in items if "status" in item}


def _unfinished(world: World, versions: list[ObjectVersion]) -> bool:
    items = _items(world)
    final = (Status.SUCCEEDED, Status.FAILED, Status.REFUSED)
    return any(version not in items or items[version]["status"] not in final for version in versions)


def _check(world: World, versions: list[ObjectVersion]) -> list[str]:
    """What is lost or doubled, in words."""
    items, wrong = _items(world), []
    wrong += [f"no item: {version}" for version in versions if version not in items]
    wrong += [f"an item of nothing: {version}" for version in items if version not in set(versions)]
    for version, item in items.items():
        accepted = version.key.endswith(_SUFFIX)
        allowed = (Status.SUCCEEDED, Status.FAILED) if accepted else (Status.REFUSED,)
        if item["status"] not in allowed:
            wrong.append(f"{version.key} is {item['status']}")
        if item["status"] == Status.SUCCEEDED and item["result"] != {"lines": {"N": "1"}}:
            wrong.append(f"{version.key} has the result {item['result']}")
        if item["status"] == Status.FAILED and not item.get("reason"):
            wrong.append(f"{version.key} failed without a reason")
    batch, names = world.plain("batch"), Counter[str]()
    for status in ("SUCCEEDED", "FAILED"):
        names.update(
            job["jobName"].split("-")[0]
            for job in batch.list_jobs(jobQueue=world.queue, jobStatus=status)["jobSummaryList"]
        )
    wrong += [f"{count} jobs for {name}" for name, count in names.items() if count > 1]
    counts = Counter(item["status"] for item in items.values())
    print(f"items: {dict(sorted(counts.items()))}; jobs: {sum(names.values())}")
    return wrong


class _emulator:  # noqa: N801 - it is used as a function
    """The emulator by itself, without stacks."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Connection:
        command = [sys.executable, "-m", "secure_containers.local.server", "--port", "0"]
        self._process = subprocess.Popen(
            [*command, "--directory", str(self._directory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("ready"):
            raise SystemExit(f"the emulator did not start: {line}")
        return Connection.read(self._directory)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


if __name__ == "__main__":
    sys.exit(main())
