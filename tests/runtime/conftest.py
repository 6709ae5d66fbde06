"""The pipeline's table and bucket in moto, AWS Batch in a few lines, and what runs on them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from secure_containers.runtime.functions import tools
from secure_containers.runtime.functions.intake import Intake
from secure_containers.runtime.functions.reconciler import Reconciler
from secure_containers.runtime.functions.recorder import Recorder
from secure_containers.runtime.functions.tools import Submitter
from secure_containers.runtime.job import Job
from secure_containers.runtime.ledger import Ledger, ObjectVersion
from tests.runtime.support import (
    ACCEPTANCE,
    ATTRIBUTES,
    BUCKET,
    DEFINITION,
    ENVIRONMENT,
    INDEX,
    JOB_LEASE,
    KEEP,
    KEYS,
    QUEUE,
    TABLE,
    Clock,
    Counted,
    FakeBatch,
    Faulty,
    plan,
)

settings.register_profile("runtime", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("runtime")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


class _StandardOutputNow:
    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The functions' log goes to where standard output is now, not to where it was when they were imported."""
    monkeypatch.setattr(tools.logger.registered_handler, "stream", _StandardOutputNow())
    yield
    tools.logger.remove_keys(tools._ABOUT)


@pytest.fixture
def aws(environment: None) -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture(scope="session")
def _clients_of_aws() -> tuple[Any, Any]:
    """Made once, since that takes longer than what most tests do with them. Each test has a new mock behind them."""
    secrets = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-central-1"}
    return boto3.resource("dynamodb", **secrets), boto3.client("s3", **secrets)


@pytest.fixture
def table(aws: None, _clients_of_aws: tuple[Any, Any]) -> Any:
    """The table as the construct makes it."""
    return _clients_of_aws[0].create_table(
        TableName=TABLE,
        KeySchema=KEYS,
        AttributeDefinitions=ATTRIBUTES,
        GlobalSecondaryIndexes=[INDEX],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def s3(aws: None, _clients_of_aws: tuple[Any, Any]) -> Any:
    """A client of S3, where the bucket keeps versions."""
    client = _clients_of_aws[1]
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def upload(s3: Any) -> Callable[..., ObjectVersion]:
    def upload(key: str = "in/a.csv", content: bytes = b"a\n1\n") -> ObjectVersion:
        put = s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        return ObjectVersion(bucket=BUCKET, key=key, version=put["VersionId"])

    return upload


@pytest.fixture
def clock() -> Clock:
    """It begins now, since moto's S3 has no other time."""
    return Clock(datetime.now(UTC))


@pytest.fixture
def batch() -> FakeBatch:
    return FakeBatch()


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def ledger(table: Any, clock: Clock) -> Ledger:
    return Ledger(table, keep=KEEP, clock=clock)


@pytest.fixture
def item(table: Any) -> Callable[[ObjectVersion], dict[str, Any]]:
    """What the table has of an object version; nothing if nothing."""

    def item(version: ObjectVersion) -> dict[str, Any]:
        return table.get_item(Key=version.primary_key).get("Item", {})

    return item


@pytest.fixture
def intake(table: Any, clock: Clock, batch: FakeBatch, counted: Counted) -> Callable[..., Intake]:
    """An intake of its own, with faults by the number of the call."""

    def intake(around: Any = None) -> Intake:
        ledger, submitter = _clients(table, clock, batch, around or plan())
        return Intake(ledger, submitter, ACCEPTANCE, counted)

    return intake


@pytest.fixture
def recorder(ledger: Ledger, counted: Counted) -> Recorder:
    return Recorder(ledger, counted)


@pytest.fixture
def reconciler(table: Any, s3: Any, clock: Clock, batch: FakeBatch, counted: Counted) -> Callable[..., Reconciler]:
    def reconciler(around: Any = None, *, new: bool = True, scanned: bool = False, **more: Any) -> Reconciler:
        around = around or plan()
        ledger, submitter = _clients(table, clock, batch, around)
        return Reconciler(
            ledger=ledger,
            intake=Intake(ledger, submitter, ACCEPTANCE, counted),
            submitter=submitter,
            recorder=Recorder(ledger, counted),
            batch=Faulty(batch, around),
            s3=Faulty(more.pop("s3", s3), around),
            bucket=BUCKET,
            prefix=ACCEPTANCE.prefix,
            new=new,
            scanned=scanned,
            count=counted,
            clock=clock,
            **more,
        )

    return reconciler


def _clients(table: Any, clock: Clock, batch: FakeBatch, around: Any) -> tuple[Ledger, Submitter]:
    ledger = Ledger(Faulty(table, around), keep=KEEP, clock=clock)
    return ledger, Submitter(Faulty(batch, around), queue=QUEUE, definition=DEFINITION, tags={"a": "b"}, share=None)


@pytest.fixture
def job(table: Any, s3: Any, clock: Clock) -> Callable[..., Job]:
    """An attempt of a job, with faults by the number of the call."""

    def job(
        version: ObjectVersion, around: Any = None, *, job_id: str = "job-0", attempt: int = 1, largest: int = 1_000_000
    ) -> Job:
        around = around or plan()
        return Job(
            version=version,
            job_id=job_id,
            attempt=attempt,
            ledger=Ledger(Faulty(table, around), keep=KEEP, clock=clock),
            s3=Faulty(s3, around),
            lease=JOB_LEASE,
            sizes=(1, largest),
            outputs=(BUCKET, "results/"),
        )

    return job


@pytest.fixture
def deployed(
    table: Any, s3: Any, batch: FakeBatch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[SimpleNamespace]:
    """The functions' own clients, and what they log: `published` has what went to topics, `lines()` the log so far."""
    published: list[dict[str, str]] = []
    topics = SimpleNamespace(publish=lambda **message: published.append(message))
    fakes, real = {"batch": batch, "sns": topics}, boto3.client
    monkeypatch.setattr(tools.boto3, "client", lambda name, **more: fakes.get(name) or real(name, **more))
    monkeypatch.setattr(tools.metrics.provider, "namespace", "pipeline")
    cached = (tools.ledger, tools.submitter, tools.acceptance)
    for each in cached:
        each.cache_clear()
    yield SimpleNamespace(
        published=published, lines=lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    )
    for each in cached:
        each.cache_clear()
