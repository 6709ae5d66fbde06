"""An upload gets one job, however often and in whatever company its event comes."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from secure_containers.runtime.functions.intake import InFlightError, Upload
from secure_containers.runtime.functions.tools import CLAIM_LEASE, NotSubmittedError, Submitter
from secure_containers.runtime.ledger import Claim, Ledger
from tests.runtime.support import (
    BUCKET,
    DEFINITION,
    KEEP,
    QUEUE,
    Clock,
    Crash,
    FakeBatch,
    Fault,
    Faulty,
    created,
    plan,
    scanned,
    version_of,
)

VERSION = version_of()
UPLOAD = Upload.of(created())
WHILE_CLAIMING, WHILE_SUBMITTING, WHILE_RECORDING = "call_0", "call_1", "call_2"


# What events say.


def test_an_event_of_s3_says_object_size_and_who_it_is() -> None:
    upload = Upload.of(created("in/ä b+c.csv", "v7", size=12, id="event-7"))
    assert upload.version == version_of("in/ä b+c.csv", "v7")
    assert upload.correlation_id == "event-7"
    assert upload.details["size"] == 12
    assert upload.details["sequencer"] == "00617F08299329D189"
    assert upload.scan is None


def test_an_event_of_guardduty_says_object_and_what_was_found() -> None:
    upload = Upload.of(scanned("NO_THREATS_FOUND"))
    assert upload.version == VERSION
    assert upload.scan == "NO_THREATS_FOUND"
    assert upload.details == {"etag": "ASIAI44QH8DHBEXAMPLE"}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}},
        {"source": "com.example", "detail-type": "Object Created", "detail": {}},
        {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": {}},
    ],
)
def test_another_event_is_no_upload(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no upload"):
        Upload.of(event)


# One upload.


def test_an_upload_gets_a_claim_and_then_its_job(intake, batch, item, counted) -> None:
    intake().take(UPLOAD)
    found, (job,) = item(VERSION), batch.jobs.values()
    assert found["status"] == "SUBMITTED"
    assert found["job_id"] == job["jobId"]
    assert found["job_name"] == job["jobName"]
    assert found["correlation_id"] == job["parameters"]["correlation_id"] == "event-1"
    assert (found["size"], found["sequencer"]) == (3, "00617F08299329D189")
    assert "lease_until" not in found
    assert counted["Submitted"] == 1


def test_a_job_gets_the_object_encoded_the_queue_and_its_share(batch: FakeBatch) -> None:
    version = version_of("in/ä (1).csv", "v/1")
    submitter = Submitter(batch, queue=QUEUE, definition=DEFINITION, tags={"team": "a"}, share="scans")
    job_id = submitter.submit(Claim(version=version, token=str(1), job_name="name", correlation_id="c"))
    job = batch.jobs[job_id]
    assert job["parameters"] == {
        "bucket": BUCKET,
        "key": "in/%C3%A4%20%281%29.csv",
        "version": "v%2F1",
        "correlation_id": "c",
    }
    assert (job["jobQueue"], job["jobDefinition"], job["shareIdentifier"]) == (QUEUE, DEFINITION, "scans")
    assert job["tags"] == {"team": "a"}


def test_versions_of_an_object_have_jobs_of_their_own(intake, batch) -> None:
    for version in ("v1", "v2"):
        intake().take(Upload.of(created(version=version)))
    assert len(batch.jobs) == 2


def test_an_event_that_comes_again_is_counted_and_nothing_else(intake, batch, item, counted) -> None:
    intake().take(UPLOAD)
    before = item(VERSION)
    for id in ("event-1", "event-2"):
        intake().take(Upload.of(created(id=id)))
    assert item(VERSION) == before
    assert len(batch.jobs) == 1
    assert counted["Duplicates"] == 2


# What is not taken.


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (created("in/a.exe"), "wrong-type"),
        (created("in/../a.csv"), "unsafe-name"),
        (created("in/$(id).csv"), "unsafe-name"),
        (created("out/a.csv"), "wrong-place"),
        (created(size=0), "too-small"),
        (created(size=5 * 1024**4), "too-large"),
        (scanned("THREATS_FOUND"), "scan-threats-found"),
        (scanned("UNSUPPORTED"), "scan-unsupported"),
        (scanned("ACCESS_DENIED"), "scan-access-denied"),
        (scanned("FAILED"), "scan-failed"),
    ],
)
def test_what_is_refused_has_an_item_that_says_why_and_no_job(intake, batch, item, counted, event, reason) -> None:
    upload = Upload.of(event)
    intake().take(upload)
    found = item(upload.version)
    assert (found["status"], found["reason"]) == ("REFUSED", reason)
    assert found["words"]
    assert not batch.jobs
    assert counted["Refused"] == 1
    intake().take(upload)
    assert not counted["Duplicates"], "it may be the same delivery, which did not come to its end"
    assert item(upload.version) == found


def test_threats_that_are_found_in_what_was_taken_are_counted(intake, batch, item, counted) -> None:
    intake().take(Upload.of(scanned("NO_THREATS_FOUND")))
    intake().take(Upload.of({**scanned("THREATS_FOUND"), "id": "event-2"}))
    assert item(VERSION)["status"] == "SUBMITTED"
    assert (counted["Refused"], counted["Duplicates"]) == (1, 0)
    intake().take(Upload.of({**scanned("NO_THREATS_FOUND"), "id": "event-3"}))
    assert counted["Duplicates"] == 1


def test_a_clean_object_of_unknown_size_is_taken(intake, item) -> None:
    intake().take(Upload.of(scanned("NO_THREATS_FOUND")))
    assert item(VERSION)["status"] == "SUBMITTED"


@pytest.mark.parametrize("version", [None, "null"])
def test_an_object_without_versions_is_refused_since_nothing_tells_uploads_apart(intake, item, version) -> None:
    intake().take(Upload.of(created(version=version)))
    assert item(version_of(version="null"))["reason"] == "not-versioned"


def test_a_refusal_takes_nothing_from_who_has_the_object(intake, item) -> None:
    intake().take(UPLOAD)
    intake().take(Upload.of(created(size=0)))
    assert item(VERSION)["status"] == "SUBMITTED"


# Faults.


def test_while_one_submits_the_next_is_told_to_come_again(intake, batch, item) -> None:
    with pytest.raises(Crash):
        intake(plan(call_1=Fault.CRASH_BEFORE)).take(UPLOAD)
    with pytest.raises(InFlightError):
        intake().take(UPLOAD)
    assert item(VERSION)["status"] == "CLAIMED"
    assert not batch.jobs


def test_a_throttled_submission_gives_the_claim_back_and_the_next_delivery_submits(intake, batch, item) -> None:
    with pytest.raises(NotSubmittedError):
        intake(plan(call_1=Fault.THROTTLED)).take(UPLOAD)
    given_back = item(VERSION)
    assert "claim" not in given_back
    intake().take(Upload.of(created(id="event-2")))
    (job,) = batch.jobs.values()
    assert job["jobName"] == given_back["job_name"]
    assert item(VERSION)["status"] == "SUBMITTED"
    assert job["parameters"]["correlation_id"] == "event-1"


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.BROKEN_AFTER, Fault.UNANSWERED, Fault.UNANSWERED_AFTER])
def test_after_an_answer_that_says_nothing_the_claim_stays_for_the_reconciler(
    intake, reconciler, batch, item, clock, fault
) -> None:
    with pytest.raises((ClientError, BotoCoreError)):
        intake(plan(call_1=fault)).take(UPLOAD)
    assert item(VERSION)["claim"]
    with pytest.raises(InFlightError):
        intake().take(UPLOAD)
    clock.pass_(minutes=6)
    reconciler().look_at_claims()
    (job,) = batch.jobs.values()
    assert item(VERSION)["job_id"] == job["jobId"]


@pytest.mark.parametrize("call", [WHILE_CLAIMING, WHILE_SUBMITTING, WHILE_RECORDING])
@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.NONE])
def test_whatever_goes_wrong_at_any_call_there_is_one_job_in_the_end(
    intake, reconciler, batch, item, clock, call, fault
) -> None:
    with contextlib.suppress(Crash, ClientError, BotoCoreError, NotSubmittedError):
        intake(plan(**{call: fault})).take(UPLOAD)
    clock.pass_(minutes=6)
    reconciler().look_at_claims()
    intake().take(UPLOAD)
    (job,) = batch.jobs.values()
    found = item(VERSION)
    assert (found["status"], found["job_id"]) == ("SUBMITTED", job["jobId"])


@pytest.mark.parametrize("call", [WHILE_CLAIMING, WHILE_RECORDING])
def test_a_call_that_boto3_repeats_is_the_same_call(intake, batch, item, counted, call) -> None:
    intake(plan(**{call: Fault.REPEATED})).take(UPLOAD)
    assert item(VERSION)["status"] == "SUBMITTED"
    assert len(batch.jobs) == 1
    assert counted["Submitted"] == 1


def test_who_lost_the_claim_while_it_submitted_changes_nothing(table, clock, intake, reconciler, batch, item) -> None:
    def slow(name: str, call: Any) -> Any:
        if name == "submit_job":
            clock.pass_(minutes=6)
            reconciler().look_at_claims()
        return call()

    intake(slow).take(UPLOAD)
    first, second = batch.jobs.values()
    assert item(VERSION)["job_id"] == first["jobId"]
    assert first["jobName"] == second["jobName"]


def test_a_claim_lasts_for_its_lease_on_any_clock_that_is_right(table, clock) -> None:
    ledger = Ledger(table, keep=KEEP, clock=clock)
    ledger.claim(VERSION, lease=CLAIM_LEASE, correlation_id="c", details={})
    item = ledger.find(VERSION)
    clock.pass_(minutes=4, seconds=59)
    assert not ledger.is_over(item)
    clock.pass_(seconds=3)
    assert ledger.is_over(item)


def test_items_without_result_are_not_kept_for_ever(intake, item, clock: Clock) -> None:
    intake().take(UPLOAD)
    assert item(VERSION)["expires_at"] == int((clock() + KEEP).timestamp())


def test_nothing_but_submitting_goes_to_aws_batch(table, clock, batch) -> None:
    calls = plan()
    Submitter(Faulty(batch, calls), queue=QUEUE, definition=DEFINITION, tags={}, share=None).submit(
        Claim(version=VERSION, token=str(1), job_name="n", correlation_id="c")
    )
    assert calls.calls == ["submit_job"]
