"""The end of a job that could not say so itself is in its item, with a word for why."""

from __future__ import annotations

import pytest

from secure_containers.runtime.functions.intake import Upload
from secure_containers.runtime.functions.recorder import why
from tests.runtime.support import Crash, Fault, created, plan, version_of

VERSION = version_of()


@pytest.fixture
def submitted(intake, batch):
    """The one job of an object."""
    intake().take(Upload.of(created()))
    (job,) = batch.jobs.values()
    return job


@pytest.mark.parametrize(
    ("reason", "detail", "code", "word"),
    [
        ("Your Spot Task was interrupted.", "", None, "reclaimed"),
        ("Host EC2 (instance i-0123456789abcdef0) terminated.", "", None, "reclaimed"),
        ("Job attempt duration exceeded timeout", "", 137, "timed-out"),
        (
            "Task failed to start",
            "CannotPullContainerError: pull image manifest has been retried",
            None,
            "image-not-pulled",
        ),
        ("Task failed to start", "ResourceInitializationError: unable to pull secrets", None, "not-started"),
        (
            "Essential container in task exited",
            "OutOfMemoryError: Container killed due to memory",
            137,
            "out-of-memory",
        ),
        (
            "Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
            "",
            None,
            "stuck",
        ),
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", "", None, "stuck"),
        ("ACTION_REQUIRED - CE(s) associated with the job queue are invalid.", "", None, "stuck"),
        ("Essential container in task exited", "", 75, "tries-used-up"),
        ("Essential container in task exited", "", 1, "job-failed"),
        ("Terminated by an operator", "", None, "job-failed"),
    ],
)
def test_each_way_to_end_has_its_word(submitted, batch, recorder, item, counted, reason, detail, code, word) -> None:
    recorder.record(batch.end(submitted["jobId"], "FAILED", reason, code=code, detail=detail))
    found = item(VERSION)
    assert (found["status"], found["reason"]) == ("FAILED", word)
    assert reason in found["words"]
    assert code is None or f"exit code {code}" in found["words"]
    assert counted["Failed"] == 1


def test_a_job_that_says_nothing_of_its_end_has_failed() -> None:
    assert why({"status": "FAILED"}) == ("job-failed", "")


def test_what_aws_batch_says_is_cut_to_what_an_item_holds(submitted, batch, recorder, item) -> None:
    recorder.record(batch.end(submitted["jobId"], "FAILED", "x" * 10_000))
    assert len(item(VERSION)["words"]) == 1024


def test_a_job_that_ended_before_it_was_recorded_has_its_end_in_the_item(intake, batch, recorder, item) -> None:
    with pytest.raises(Crash):
        intake(plan(call_2=Fault.CRASH_BEFORE)).take(Upload.of(created()))
    recorder.record(batch.end("job-0", "FAILED", "Your Spot Task was interrupted."))
    assert (item(VERSION)["status"], item(VERSION)["job_id"]) == ("FAILED", "job-0")


@pytest.mark.parametrize(
    "change",
    [{"parameters": {}}, {"parameters": None}, {"parameters": {"input": "x"}}, {"parameters": {"key": "in/a.csv"}}],
)
def test_a_job_of_somebody_else_is_left_alone(submitted, batch, recorder, item, counted, change) -> None:
    before = item(VERSION)
    recorder.record({**batch.end(submitted["jobId"], "FAILED"), **change})
    assert item(VERSION) == before
    assert counted["Failed"] == 0


def test_another_pipelines_job_for_the_same_object_is_left_alone(submitted, batch, recorder, item) -> None:
    before = item(VERSION)
    recorder.record({**batch.end(submitted["jobId"], "FAILED"), "jobId": "job-99", "jobName": "other"})
    assert item(VERSION) == before


def test_a_job_of_an_object_nobody_knows_makes_no_item(submitted, batch, recorder, item) -> None:
    unknown = version_of("in/unknown.csv")
    recorder.record({**batch.end(submitted["jobId"], "FAILED"), "parameters": unknown.as_parameters()})
    assert item(unknown) == {}


def test_ended_well_without_a_result_is_a_failure_with_its_own_word(submitted, batch, recorder, item) -> None:
    recorder.record(batch.end(submitted["jobId"], "SUCCEEDED", code=0))
    assert (item(VERSION)["status"], item(VERSION)["reason"]) == ("FAILED", "no-result")


@pytest.mark.parametrize("status", ["FAILED", "SUCCEEDED"])
def test_a_result_stays_whatever_comes_of_the_job(submitted, batch, recorder, job, item, status) -> None:
    attempt = job(VERSION)
    attempt.claim()
    attempt.write_result({"rows": 1})
    before = item(VERSION)
    recorder.record(batch.end(submitted["jobId"], status))
    assert item(VERSION) == before


def test_a_reason_that_the_job_gave_stays(submitted, batch, recorder, job, item, counted) -> None:
    attempt = job(VERSION)
    attempt.claim()
    attempt.fail("not-a-csv", "line 3")
    recorder.record(batch.end(submitted["jobId"], "FAILED", code=65))
    assert item(VERSION)["reason"] == "not-a-csv"
    assert counted["Failed"] == 1


def test_a_late_event_of_the_job_before_does_not_end_the_one_after_reopen(
    submitted, batch, recorder, reconciler, item
) -> None:
    ended = batch.end(submitted["jobId"], "FAILED")
    recorder.record(ended)
    reconciler().again(VERSION)
    recorder.record(ended)
    assert (item(VERSION)["status"], item(VERSION)["job_id"]) == ("SUBMITTED", "job-1")


def test_a_late_event_does_not_end_the_claim_after_reopen_that_has_no_job_yet(
    submitted, batch, recorder, ledger, item
) -> None:
    ended = batch.end(submitted["jobId"], "FAILED")
    recorder.record(ended)
    ledger.reopen(VERSION)
    recorder.record(ended)
    assert item(VERSION)["status"] == "CLAIMED"


def test_the_job_before_that_starts_again_after_reopen_still_has_its_end_recorded(
    intake, ledger, job, batch, recorder, item
) -> None:
    """Its first attempt wrote the failure and was reclaimed before it could exit, so that AWS Batch tries it again."""
    intake().take(Upload.of(created()))
    first = job(VERSION, attempt=1)
    first.claim()
    first.fail("not-a-csv")
    ledger.reopen(VERSION)
    job(VERSION, attempt=2).claim()
    recorder.record(batch.end("job-0", "FAILED", "Job attempt duration exceeded timeout"))
    assert (item(VERSION)["status"], item(VERSION)["reason"]) == ("FAILED", "timed-out")
