"""The program in the container: its exit code and its log, from a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from secure_containers.runtime import job
from secure_containers.runtime.job import ExitCode, run
from tests.runtime.support import BUCKET, ENVIRONMENT, TABLE

PROGRAM = f"""
import os, signal, sys
import boto3
from datetime import timedelta
from moto import mock_aws
from secure_containers.runtime import FailedError, TryAgainError, run
from secure_containers.runtime.ledger import Ledger, ObjectVersion
from tests.runtime.support import ATTRIBUTES, INDEX, KEYS

def transform(given):
    kind = given.open().read().decode()
    match kind:
        case "rejected": raise FailedError("not-a-csv", "line 3")
        case "again": raise TryAgainError("later")
        case "bug": raise ValueError("secret words")
        case "exit": sys.exit(0)
        case "sigterm": os.kill(os.getpid(), signal.SIGTERM)
        case "list": return [1]
    return {{"kind": kind}}

mock_aws().start()
table = boto3.resource("dynamodb").create_table(TableName={TABLE!r}, KeySchema=KEYS, AttributeDefinitions=ATTRIBUTES,
                                                GlobalSecondaryIndexes=[INDEX], BillingMode="PAY_PER_REQUEST")
s3 = boto3.client("s3")
s3.create_bucket(Bucket={BUCKET!r}, CreateBucketConfiguration={{"LocationConstraint": "eu-central-1"}})
s3.put_bucket_versioning(Bucket={BUCKET!r}, VersioningConfiguration={{"Status": "Enabled"}})
put = s3.put_object(Bucket={BUCKET!r}, Key="in/ä.csv", Body=sys.argv.pop().encode())
version = ObjectVersion(bucket={BUCKET!r}, key="in/ä.csv", version=put["VersionId"])
ledger = Ledger(table, keep=timedelta(days=1))
ledger.claim(version, lease=timedelta(minutes=5), correlation_id="event-1", details={{}})
sys.argv += [version.as_parameters()["key"], version.as_parameters()["version"]]
run(transform)
"""


def program(*arguments: str, text: str = PROGRAM, **variables: str | None) -> tuple[int, list[dict[str, str]]]:
    """Exit code and log of a program that the pipeline's variables are set for."""
    given = {**os.environ, **ENVIRONMENT, "AWS_BATCH_JOB_ID": "job-0", "AWS_BATCH_JOB_ATTEMPT": "1", **variables}
    given = {name: value for name, value in given.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=given,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("kind", "code", "last"),
    [
        ("good", 0, "succeeded"),
        ("rejected", 65, "rejected: not-a-csv: line 3"),
        ("again", 75, "to be tried again: later"),
        ("bug", 70, "crashed"),
        ("exit", 70, "crashed"),
        ("list", 70, "crashed"),
        ("sigterm", 75, "told to end"),
    ],
)
def test_a_program_ends_by_its_code_and_its_log_has_the_correlation_id_in_each_line(kind, code, last) -> None:
    ended, log = program(kind)
    assert (ended, log[-1]["message"]) == (code, last)
    assert next(each["message"] for each in log) == "started"
    for line in log:
        assert line["correlation_id"] == "event-1"
        assert line["object"] == f"s3://{BUCKET}/in/ä.csv"
        assert (line["job_id"], line["attempt"]) == ("job-0", "1")


def test_a_program_that_no_pipeline_started_is_misused() -> None:
    code, log = program(text="from secure_containers.runtime import run; run(print)", RESULTS_TABLE="")
    assert code == ExitCode.MISUSED
    assert "RESULTS_TABLE" in log[-1]["exception"]


def test_a_program_without_a_region_is_misused() -> None:
    """No attempt after it would have one."""
    code, log = program(
        "key", "version", text="from secure_containers.runtime import run; run(print)", AWS_DEFAULT_REGION=None
    )
    assert code == ExitCode.MISUSED
    assert "region" in log[-1]["exception"]


def test_a_program_that_is_told_to_end_before_it_has_begun_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job.signal, "signal", lambda *_: None)
    monkeypatch.setattr(job, "_log_as_json", lambda: None)
    monkeypatch.setattr(job.Job, "from_environment", job._tell_to_end)
    with pytest.raises(SystemExit) as ended:
        run(dict)
    assert ended.value.code == ExitCode.TRY_AGAIN
