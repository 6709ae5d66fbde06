"""One attempt of one job: it begins once, reads one version, and writes one result, whatever breaks between."""

from __future__ import annotations

import json
import os
import signal
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from secure_containers.runtime.functions.intake import Upload
from secure_containers.runtime.job import (
    ExitCode,
    FailedError,
    InputObject,
    Job,
    SupersededError,
    TryAgainError,
    _fits,
    _tell_to_end,
    _ToldToEnd,
    perform,
)
from secure_containers.runtime.ledger import ObjectVersion
from tests.runtime.support import BUCKET, Crash, Fault, client_error, created, plan

CONTENT = b"a,b\n1,2\n"


@pytest.fixture
def version(upload, intake) -> ObjectVersion:
    """An object whose job was submitted, as `job-0`."""
    version = upload("in/ä b.csv", CONTENT)
    intake().take(Upload.of(created(version.key, version.version)))
    return version


def lines(given: InputObject) -> dict[str, Any]:
    return {"lines": sum(1 for _ in given.open())}


# Who may begin.


def test_a_job_begins_and_learns_the_correlation_id(version, job, item) -> None:
    assert job(version).claim() == "event-1"
    found = item(version)
    assert (found["status"], found["attempt"], found["job_id"]) == ("RUNNING", 1, "job-0")


def test_a_job_that_nobody_has_recorded_yet_begins_all_the_same(upload, intake, job, item) -> None:
    version = upload()
    with pytest.raises(Crash):
        intake(plan(call_2=Fault.CRASH_BEFORE)).take(Upload.of(created(version.key, version.version)))
    assert perform(job(version), lines) is ExitCode.DONE
    assert item(version)["status"] == "SUCCEEDED"


def test_a_second_job_has_nothing_to_do(version, job, item) -> None:
    with pytest.raises(SupersededError, match="SUBMITTED, by job job-0"):
        job(version, job_id="job-1").claim()
    assert perform(job(version, job_id="job-1"), lines) is ExitCode.DONE
    assert item(version)["status"] == "SUBMITTED"


def test_an_attempt_that_begins_after_a_later_one_has_nothing_to_do(version, job, item) -> None:
    job(version, attempt=2).claim()
    with pytest.raises(SupersededError, match="RUNNING, by job job-0 in attempt 2"):
        job(version, attempt=1).claim()
    assert item(version)["attempt"] == 2


@pytest.mark.parametrize("end", [lambda job: job.write_result({}), lambda job: job.fail("bad")])
def test_an_attempt_after_the_end_has_nothing_to_do(version, job, item, end) -> None:
    first = job(version)
    first.claim()
    end(first)
    before = item(version)
    with pytest.raises(SupersededError):
        job(version, attempt=2).claim()
    assert item(version) == before


def test_an_object_without_an_item_has_no_job(upload, job, item) -> None:
    version = upload()
    with pytest.raises(SupersededError, match="not known"):
        job(version).claim()
    assert item(version) == {}


@pytest.mark.parametrize("end", [lambda job: job.write_result({"by": 1}), lambda job: job.fail("by-1")])
def test_an_attempt_that_was_given_up_and_still_runs_writes_nothing(version, job, item, end) -> None:
    first, second = job(version), job(version, attempt=2)
    first.claim()
    second.claim()
    with pytest.raises(SupersededError):
        end(first)
    second.write_result({"by": 2})
    with pytest.raises(SupersededError):
        end(first)
    assert item(version)["result"] == {"by": 2}


def test_a_large_result_of_an_attempt_that_was_given_up_takes_nothing_from_the_other(version, job, item, s3) -> None:
    first, second = job(version), job(version, attempt=2)
    first.claim()
    second.claim()
    second.write_result({"by": 2, "more": "x" * 300_000})
    with pytest.raises(SupersededError):
        first.write_result({"by": 1, "more": "x" * 300_000})
    assert _in_s3(s3, item(version))["by"] == 2


# What it reads.


def test_the_job_reads_the_version_it_was_started_for_and_no_later_one(version, upload, job) -> None:
    upload(version.key, b"newer")
    assert job(version).open_input().open().read() == CONTENT


def test_an_object_says_what_is_known_of_it(version, job, tmp_path) -> None:
    given = job(version).open_input()
    assert (given.key, given.version, given.size) == (version.key, version.version, len(CONTENT))
    assert given.download(tmp_path / "file").read_bytes() == CONTENT


def test_lines_come_one_by_one(version, job) -> None:
    assert list(job(version).open_input().open()) == [b"a,b\n", b"1,2\n"]


def test_a_version_that_was_deleted_fails_for_good(version, job, s3, item) -> None:
    s3.delete_object(Bucket=BUCKET, Key=version.key, VersionId=version.version)
    assert perform(job(version), lines) is ExitCode.REJECTED
    assert item(version)["reason"] == "unreadable"


def test_an_object_that_is_deleted_without_its_version_is_still_read(version, job, s3) -> None:
    s3.delete_object(Bucket=BUCKET, Key=version.key)
    assert perform(job(version), lines) is ExitCode.DONE


def test_an_object_that_is_too_large_is_not_read(version, job, item) -> None:
    assert perform(job(version, largest=len(CONTENT) - 1), lines) is ExitCode.REJECTED
    assert item(version)["reason"] == "too-large"


# What it writes.


def _in_s3(s3: Any, item: dict[str, Any]) -> Any:
    bucket, _, key = item["result_location"].removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def _deep(levels: int) -> dict[str, Any]:
    deep: dict[str, Any] = {}
    for _ in range(levels):
        deep = {"": deep} if levels < 0 else {"deeper": deep}
    return deep


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"rows": 3, "sum": 0.1, "nothing": None, "yes": True, "list": [1, "ä", [], {}], "empty": ""},
        {"digits": 10**37, "small": 1e-120, "large": 1e120, "minus": -0.5, "zero": 0.0},
        _deep(28),
        {"text": "x" * 255_000},
    ],
)
def test_what_an_item_can_hold_is_in_the_item(version, job, item, result) -> None:
    assert perform(job(version), lambda _: result) is ExitCode.DONE
    found = item(version)
    assert found["status"] == "SUCCEEDED"
    assert _floats(found["result"]) == _floats(result)
    assert "result_location" not in found
    assert "expires_at" not in found


@pytest.mark.parametrize(
    "result",
    [
        {"text": "x" * 262_144},
        {"ä": "ä" * 131_072},
        _deep(40),
        {"digits": 10**38 + 1},
        {"digits": 10**130},
        {"small": 5e-324},
        {"large": 1.7e308},
        {"": 1},
        {"a": [{"": 1}]},
    ],
    ids=["long", "long in bytes", "deep", "39 digits", "131 digits", "tiny", "huge", "no name", "no name inside"],
)
def test_what_an_item_cannot_hold_is_in_s3_and_the_item_says_where(version, job, item, s3, result) -> None:
    assert perform(job(version), lambda _: result) is ExitCode.DONE
    found = item(version)
    assert found["status"] == "SUCCEEDED"
    assert found["result_location"] == f"s3://{BUCKET}/results/{version.digest}/job-0-1.json"
    assert _in_s3(s3, found) == result
    assert "result" not in found


@pytest.mark.parametrize(
    "result",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": object()},
        {"a": b"bytes"},
        {"a": "\ud800"},
        {1.5j: 1},
        [1],
        None,
        "text",
    ],
)
def test_what_json_cannot_say_is_a_fault_of_the_program(version, job, item, result) -> None:
    assert perform(job(version), lambda _: result) is ExitCode.CRASHED
    assert item(version)["reason"] == "crashed"


results = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
    ),
    max_size=4,
)


@given(results)
def test_any_result_that_is_said_to_fit_dynamodb_takes(result: dict[str, Any]) -> None:
    try:
        kept = json.loads(json.dumps(result, allow_nan=False, ensure_ascii=False), parse_float=Decimal)
    except ValueError:
        return
    if _fits(kept):
        TypeSerializer().serialize(kept)  # raises what does not fit


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _floats(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return float(value) if isinstance(value, Decimal | int | float) and not isinstance(value, bool) else value


# How it ends.


def _raising(error: BaseException) -> Any:
    def transform(_: InputObject) -> dict[str, Any]:
        raise error

    return transform


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (FailedError("not-a-csv", "line 3"), ExitCode.REJECTED, "not-a-csv"),
        (FailedError("not-a-csv", "x" * 5000), ExitCode.REJECTED, "not-a-csv"),
        (FailedError("not-a-csv", "half a pair \ud83d"), ExitCode.REJECTED, "not-a-csv"),
        (TryAgainError("later"), ExitCode.TRY_AGAIN, None),
        (ValueError("secret words"), ExitCode.CRASHED, "crashed"),
        (MemoryError(), ExitCode.CRASHED, "crashed"),
        (RecursionError(), ExitCode.CRASHED, "crashed"),
        (SystemExit(0), ExitCode.CRASHED, "crashed"),
        (SystemExit(1), ExitCode.CRASHED, "crashed"),
        (_ToldToEnd(), ExitCode.TRY_AGAIN, None),
        (client_error("SlowDown", 503), ExitCode.TRY_AGAIN, None),
        (client_error("AccessDenied", 403), ExitCode.CRASHED, "crashed"),
    ],
)
def test_each_way_to_end_has_its_code_and_its_reason(version, job, item, error, code, reason) -> None:
    assert perform(job(version), _raising(error)) is code
    found = item(version)
    assert (found["status"], found.get("reason")) == ("FAILED" if reason else "RUNNING", reason)
    assert "secret" not in str(found)


def test_a_crash_is_named_in_the_item_and_told_in_the_log_alone(version, job, item, caplog) -> None:
    perform(job(version), _raising(KeyError("what the object says")))
    assert item(version)["words"] == "KeyError"
    assert "what the object says" in caplog.text


@pytest.mark.parametrize(
    "code",
    [
        (ExitCode.DONE, 0),
        (ExitCode.MISUSED, 64),
        (ExitCode.REJECTED, 65),
        (ExitCode.CRASHED, 70),
        (ExitCode.TRY_AGAIN, 75),
    ],
)
def test_exit_codes_are_a_contract(code) -> None:
    assert code[0] == code[1]


def test_sigterm_ends_the_attempt_and_leaves_the_object_to_the_next(version, job, item) -> None:
    before = signal.signal(signal.SIGTERM, _tell_to_end)
    try:
        assert perform(job(version), lambda _: os.kill(os.getpid(), signal.SIGTERM)) is ExitCode.TRY_AGAIN
    finally:
        signal.signal(signal.SIGTERM, before)
    assert perform(job(version, attempt=2), lines) is ExitCode.DONE
    assert item(version)["result"] == {"lines": 2}


# Faults at every call: begin, read, (write to S3,) end.


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("call", range(4))
@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.NONE])
def test_the_next_attempt_ends_with_one_result_whatever_went_wrong_at_any_call(
    version, job, item, s3, fault, call, large
) -> None:
    def transform(given: InputObject) -> dict[str, Any]:
        return {**lines(given), "more": "x" * 300_000 if large else ""}

    try:
        code = perform(job(version, plan(**{f"call_{call}": fault})), transform)
        assert code in (ExitCode.DONE, ExitCode.TRY_AGAIN)
    except Crash:
        pass
    before = item(version)
    assert perform(job(version, attempt=2), transform) is ExitCode.DONE
    found = item(version)
    assert found["status"] == "SUCCEEDED"
    assert (_in_s3(s3, found) if large else found["result"])["lines"] == 2
    assert before["status"] != "SUCCEEDED" or found == before


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.BROKEN, Fault.UNANSWERED])
def test_a_table_that_throttles_the_end_has_the_job_tried_again(version, job, item, fault) -> None:
    assert perform(job(version, plan(call_2=fault)), lines) is ExitCode.TRY_AGAIN
    assert item(version)["status"] == "RUNNING"
    assert perform(job(version, plan(call_2=fault), attempt=2), _raising(FailedError("bad"))) is ExitCode.TRY_AGAIN


def test_a_failure_whose_answer_was_lost_stays_one(version, job, item) -> None:
    assert perform(job(version, plan(call_2=Fault.REPEATED)), _raising(FailedError("bad"))) is ExitCode.REJECTED
    assert item(version)["reason"] == "bad"


@pytest.mark.parametrize("call", ["call_0", "call_2"])
def test_a_call_that_boto3_repeats_is_the_same_call(version, job, item, call) -> None:
    attempt = job(version, plan(**{call: Fault.REPEATED}))
    attempt.claim()
    attempt.open_input()
    attempt.write_result({"rows": 1})
    assert item(version)["result"] == {"rows": 1}


def test_an_unexpected_error_of_the_table_at_the_end_of_a_crash_has_the_job_tried_again(version, job) -> None:
    code = perform(job(version, plan(call_2=Fault.THROTTLED)), _raising(ValueError()))
    assert code is ExitCode.TRY_AGAIN


# From its environment.


def test_a_job_is_made_of_its_command_and_its_environment(version, table, item) -> None:
    parameters = version.as_parameters()
    made = Job.from_environment(
        ["transform", "--option", parameters["key"], parameters["version"]],
        {**os.environ, "AWS_BATCH_JOB_ID": "job-0", "AWS_BATCH_JOB_ATTEMPT": "2"},
    )
    assert (made.version, made.job_id, made.attempt) == (version, "job-0", 2)
    assert perform(made, lines) is ExitCode.DONE
    assert item(version)["result"] == {"lines": 2}


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        ([], {"AWS_BATCH_JOB_ID": "j"}, "key and version"),
        (["key"], {"AWS_BATCH_JOB_ID": "j"}, "key and version"),
        (["key", "version"], {}, "AWS_BATCH_JOB_ID"),
        (["%ff", "version"], {"AWS_BATCH_JOB_ID": "j"}, "utf-8"),
        (["key", "version"], {"AWS_BATCH_JOB_ID": "j", "LEASE_SECONDS": "soon"}, "soon"),
        (["key", "version"], {"AWS_BATCH_JOB_ID": "j", "AWS_BATCH_JOB_ATTEMPT": "first"}, "first"),
    ],
)
def test_a_program_that_no_pipeline_started_says_what_it_lacks(aws, arguments, variables, said) -> None:
    with pytest.raises(ValueError, match=said):
        Job.from_environment(arguments, {**os.environ, **variables})


def test_an_error_of_its_own_of_s3_fails_the_job(version, job, s3, item) -> None:
    s3.put_object(Bucket=BUCKET, Key="in/other", Body=b"")
    wrong = ObjectVersion(bucket="no-such-bucket", key=version.key, version=version.version)
    with pytest.raises(FailedError, match="unreadable: NoSuchBucket"):
        job(wrong).open_input()
