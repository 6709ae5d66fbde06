"""What was interrupted is put right, and what is still under way is left alone."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from secure_containers.runtime.functions.intake import Upload
from secure_containers.runtime.functions.tools import NotSubmittedError
from secure_containers.runtime.ledger import Ledger, TakenError
from secure_containers.runtime.terms import Status
from tests.runtime.support import BUCKET, KEEP, TABLE, Crash, Fault, created, plan, version_of

VERSION = version_of()
UPLOAD = Upload.of(created())


@pytest.fixture
def interrupted(intake):
    """Take an upload, and have one call go wrong."""

    def interrupted(call: str, fault: Fault, upload: Upload = UPLOAD) -> None:
        with pytest.raises((Crash, ClientError, BotoCoreError, NotSubmittedError)):
            intake(plan(**{call: fault})).take(upload)

    return interrupted


# Claims without a job.


@pytest.mark.parametrize(
    ("call", "fault", "jobs_before"),
    [
        ("call_0", Fault.CRASH_AFTER, 0),
        ("call_1", Fault.UNANSWERED, 0),
        ("call_1", Fault.UNANSWERED_AFTER, 1),
        ("call_1", Fault.CRASH_AFTER, 1),
        ("call_2", Fault.THROTTLED, 1),
    ],
)
def test_a_claim_gets_its_job_and_one_that_was_submitted_is_found(
    interrupted, reconciler, batch, item, counted, clock, call, fault, jobs_before
) -> None:
    interrupted(call, fault)
    assert len(batch.jobs) == jobs_before
    clock.pass_(minutes=6)
    reconciler().look_at_claims()
    (job,) = batch.jobs.values()
    found = item(VERSION)
    assert (found["status"], found["job_id"]) == ("SUBMITTED", job["jobId"])
    assert found["correlation_id"] == job["parameters"]["correlation_id"] == "event-1"
    assert counted["Repaired"] == 1


def test_a_claim_whose_lease_lasts_is_left_to_who_has_it(interrupted, reconciler, batch, clock, counted) -> None:
    interrupted("call_1", Fault.CRASH_BEFORE)
    clock.pass_(minutes=4)
    reconciler().look_at_claims()
    assert not batch.jobs
    assert counted["Repaired"] == 0


def test_a_claim_that_was_given_back_needs_no_lease_to_end(interrupted, reconciler, batch, item) -> None:
    interrupted("call_1", Fault.THROTTLED)
    reconciler().look_at_claims()
    assert item(VERSION)["job_id"] in batch.jobs


def test_one_that_cannot_be_put_right_keeps_nobody_from_the_next(interrupted, reconciler, item, clock) -> None:
    for version in ("v1", "v2"):
        interrupted("call_1", Fault.CRASH_BEFORE, Upload.of(created(version=version)))
        clock.pass_(seconds=1)
    clock.pass_(minutes=6)
    # query, take over, list, submit: of the first
    reconciler(plan(call_3=Fault.THROTTLED)).look_at_claims()
    assert item(version_of(version="v1"))["status"] == "CLAIMED"
    assert item(version_of(version="v2"))["status"] == "SUBMITTED"


@pytest.mark.parametrize("call", range(5))
@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.UNANSWERED_AFTER, Fault.THROTTLED])
def test_a_reconciler_that_goes_wrong_anywhere_is_put_right_by_the_next(
    interrupted, reconciler, batch, item, clock, call, fault
) -> None:
    interrupted("call_0", Fault.CRASH_AFTER)
    clock.pass_(minutes=6)
    with contextlib.suppress(Crash, ClientError, BotoCoreError):
        reconciler(plan(**{f"call_{call}": fault})).look_at_claims()
    clock.pass_(minutes=6)
    reconciler().look_at_claims()
    (job,) = batch.jobs.values()
    assert item(VERSION)["job_id"] == job["jobId"]


@pytest.mark.parametrize("status", ["nothing", "held", "SUBMITTED", "RUNNING"])
def test_nothing_is_taken_over_but_a_claim_that_nobody_holds(
    intake, interrupted, ledger, job, item, clock, status
) -> None:
    interrupted("call_1", Fault.THROTTLED)
    given_back = item(VERSION)
    if status == "held":
        ledger.take_over(given_back, lease=timedelta(minutes=5))
    elif status == "nothing":
        given_back = {**given_back, "version": "v2"}
    else:
        intake().take(UPLOAD)
        if status == "RUNNING":
            job(VERSION).claim()
            clock.pass_(hours=2)
    before = item(VERSION)
    with pytest.raises(TakenError):
        ledger.take_over(given_back, lease=timedelta(minutes=5))
    assert item(VERSION) == before


def test_who_has_lost_a_claim_cannot_give_it_back(ledger, item, clock) -> None:
    lost = ledger.claim(VERSION, lease=timedelta(minutes=5), correlation_id="c", details={})
    clock.pass_(minutes=6)
    ledger.take_over(item(VERSION), lease=timedelta(minutes=5))
    before = item(VERSION)
    ledger.give_back(lost)
    assert item(VERSION) == before


def test_items_come_from_the_index_by_pages(intake, table, clock) -> None:
    for number in range(5):
        intake().take(Upload.of(created(version=f"v{number}")))
        clock.pass_(seconds=1)

    def one_at_a_time(**asked: Any) -> Any:
        return table.query(**asked, Limit=1)

    ledger = Ledger(SimpleNamespace(query=one_at_a_time), keep=KEEP, clock=clock)
    assert [item["version"] for item in ledger.waiting(Status.SUBMITTED)] == ["v0", "v1", "v2", "v3", "v4"]
    late = ledger.waiting(Status.SUBMITTED, before=clock() - timedelta(seconds=3.5))
    assert [item["version"] for item in late] == ["v0", "v1"]


def test_items_that_dynamodb_did_not_come_to_are_asked_for_again(intake, table, clock) -> None:
    versions = [version_of(version=f"v{number}") for number in range(4)]
    for version in versions[:3]:
        intake().take(Upload.of(created(version=version.version)))

    def one_at_a_time(*, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        first, *rest = RequestItems[TABLE]["Keys"]
        answer = table.meta.client.batch_get_item(RequestItems={TABLE: {**RequestItems[TABLE], "Keys": [first]}})
        return {**answer, "UnprocessedKeys": {TABLE: {"Keys": rest}} if rest else {}}

    throttled = SimpleNamespace(name=TABLE, meta=SimpleNamespace(client=SimpleNamespace(batch_get_item=one_at_a_time)))
    assert Ledger(throttled, keep=KEEP, clock=clock).known(versions) == set(versions[:3])


def test_what_the_index_says_may_be_old(interrupted, reconciler, ledger, recorder, batch, item, clock) -> None:
    """The object version has failed and was reopened meanwhile: its job has another name, and the old job is over."""
    interrupted("call_1", Fault.CRASH_AFTER)
    old = item(VERSION)
    recorder.record(batch.end("job-0", "FAILED"))
    ledger.reopen(VERSION)
    claim = ledger.take_over(old, lease=timedelta(minutes=5))
    assert claim.job_name == item(VERSION)["job_name"] != old["job_name"]


# Jobs without a result.


@pytest.mark.parametrize(("status", "reason"), [("FAILED", "job-failed"), ("SUCCEEDED", "no-result")])
def test_a_job_that_has_ended_without_result_and_whose_event_is_lost(
    intake, reconciler, batch, item, clock, status, reason
) -> None:
    intake().take(UPLOAD)
    batch.end("job-0", status)
    clock.pass_(minutes=9)
    reconciler().look_at_claims()
    assert item(VERSION)["status"] == "SUBMITTED"
    clock.pass_(minutes=2)
    reconciler().look_at_claims()
    assert (item(VERSION)["status"], item(VERSION)["reason"]) == ("FAILED", reason)


def test_a_job_that_aws_batch_does_not_know_any_more_has_failed(intake, reconciler, batch, item, clock) -> None:
    intake().take(UPLOAD)
    batch.jobs.clear()
    clock.pass_(days=8)
    reconciler().look_at_claims()
    assert item(VERSION)["status"] == "FAILED"
    assert "does not know" in item(VERSION)["words"]


def test_a_job_that_was_submitted_just_now_may_not_be_known_yet(
    intake, reconciler, recorder, batch, item, clock
) -> None:
    """However long ago its object came."""
    intake().take(UPLOAD)
    recorder.record(batch.end("job-0", "FAILED"))
    clock.pass_(days=1)
    reconciler().again(VERSION)
    batch.jobs.clear()
    reconciler().look_at_claims()
    assert item(VERSION)["status"] == "SUBMITTED"


def test_a_job_that_waits_is_left_alone_however_long(intake, reconciler, batch, item, clock) -> None:
    intake().take(UPLOAD)
    clock.pass_(days=3)
    reconciler().look_at_claims()
    assert item(VERSION)["status"] == "SUBMITTED"


def test_a_job_that_runs_is_looked_at_when_its_lease_is_over(intake, reconciler, job, batch, item, clock) -> None:
    intake().take(UPLOAD)
    job(VERSION).claim()
    batch.end("job-0", "FAILED")
    clock.pass_(minutes=59)
    reconciler().look_at_claims()
    assert item(VERSION)["status"] == "RUNNING"
    clock.pass_(minutes=2)
    reconciler().look_at_claims()
    assert item(VERSION)["status"] == "FAILED"


def test_more_jobs_than_aws_batch_describes_in_one_call_are_asked_for_in_several(
    intake, reconciler, batch, clock, table
) -> None:
    for number in range(101):
        intake().take(Upload.of(created(version=f"v{number}")))
        batch.end(f"job-{number}", "FAILED")
    clock.pass_(minutes=11)
    calls = plan()
    reconciler(calls).look_at_claims()
    assert calls.calls.count("describe_jobs") == 2
    assert {item["status"] for item in table.scan()["Items"]} == {"FAILED"}


def test_the_age_of_the_oldest_unfinished_object_is_told(intake, reconciler, recorder, batch, counted, clock) -> None:
    intake().take(UPLOAD)
    clock.pass_(minutes=20)
    intake().take(Upload.of(created(version="v2")))
    clock.pass_(minutes=1)
    reconciler().look_at_claims()
    recorder.record(batch.end("job-0", "FAILED"))
    reconciler().look_at_claims()
    recorder.record(batch.end("job-1", "FAILED"))
    reconciler().look_at_claims()
    assert counted.values["OldestUnfinished"] == pytest.approx([21 * 60, 60, 0], abs=1)


def test_what_is_late_stops_and_still_tells_the_age(interrupted, reconciler, batch, counted, clock) -> None:
    interrupted("call_0", Fault.CRASH_AFTER)
    clock.pass_(minutes=30)
    reconciler(is_late=lambda: True).look_at_claims()
    assert not batch.jobs
    assert counted["OldestUnfinished"] == pytest.approx(30 * 60, abs=1)


# Objects without an item.


def test_an_object_whose_event_never_came_is_taken(upload, reconciler, batch, item, counted, clock) -> None:
    version = upload("in/ä b.csv")
    clock.pass_(minutes=11)
    reconciler().look_at_objects()
    found = item(version)
    assert (found["status"], found["size"]) == ("SUBMITTED", 4)
    assert found["correlation_id"].startswith("reconciler-")
    assert (counted["Repaired"], counted["Missing"]) == (1, 0)
    reconciler().look_at_objects()
    assert len(batch.jobs) == 1


def test_every_version_of_an_object_is_found_and_one_that_was_deleted_is_not(
    upload, s3, reconciler, table, clock
) -> None:
    versions = [upload() for _ in range(3)]
    s3.delete_object(Bucket=BUCKET, Key=VERSION.key, VersionId=versions[1].version)
    s3.delete_object(Bucket=BUCKET, Key=VERSION.key)  # the newest is a marker now
    clock.pass_(minutes=11)
    reconciler().look_at_objects()
    assert {item["version"] for item in table.scan()["Items"] if "status" in item} == {
        versions[0].version,
        versions[2].version,
    }


def test_an_object_that_may_not_be_taken_gets_its_refusal_from_here_too(upload, reconciler, item, batch, clock) -> None:
    version = upload("in/a.exe")
    clock.pass_(minutes=11)
    reconciler().look_at_objects()
    assert item(version)["reason"] == "wrong-type"
    assert not batch.jobs


def test_an_object_whose_event_may_still_come_is_left_alone(upload, reconciler, item, clock) -> None:
    version = upload()
    clock.pass_(minutes=8)
    reconciler().look_at_objects()
    assert item(version) == {}


def test_an_object_elsewhere_in_the_bucket_is_nobodys(upload, reconciler, table, clock) -> None:
    upload("other/a.csv")
    clock.pass_(minutes=11)
    reconciler().look_at_objects()
    assert [item for item in table.scan()["Items"] if "status" in item] == []


def test_in_a_bucket_from_before_only_what_came_since_is_missed(upload, reconciler, item, clock) -> None:
    now, before = clock.now, upload("in/before.csv")
    clock.now = now + timedelta(minutes=2)
    reconciler(new=False).look_at_objects()
    clock.now = now - timedelta(days=1)
    # Another table, whose pipeline looked first a day ago, would have taken it.
    since = reconciler(new=False)._ledger.watched_since(new=False)
    assert since == now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(minutes=2)
    clock.now = now + timedelta(hours=1)
    reconciler(new=False).look_at_objects()
    assert item(before) == {}


def test_in_a_bucket_from_before_an_object_that_came_later_is_missed(upload, reconciler, item, clock) -> None:
    now = clock.now
    clock.now = now - timedelta(hours=1)
    reconciler(new=False).look_at_objects()
    version = upload()
    clock.now = now + timedelta(minutes=11)
    reconciler(new=False).look_at_objects()
    assert item(version)["status"] == "SUBMITTED"


def test_a_pipeline_that_is_given_another_bucket_looks_at_it_from_then_on(upload, reconciler, item, clock) -> None:
    now, before = clock.now, upload("in/before.csv")
    clock.now = now + timedelta(minutes=5)
    reconciler(new=True).look_at_objects()
    reconciler(new=False).look_at_objects()
    clock.now = now + timedelta(hours=1)
    reconciler(new=False).look_at_objects()
    assert item(before) == {}


def test_an_object_older_than_items_are_kept_is_not_taken_again(upload, reconciler, item, clock) -> None:
    version = upload()
    clock.pass_(days=16)
    reconciler().look_at_objects()
    assert item(version) == {}


def test_an_object_that_waits_for_its_scan_is_told_of_and_not_taken(upload, reconciler, item, counted, clock) -> None:
    version = upload()
    clock.pass_(minutes=59)
    reconciler(scanned=True).look_at_objects()
    assert counted["Missing"] == 0
    clock.pass_(minutes=2)
    reconciler(scanned=True).look_at_objects()
    assert item(version) == {}
    assert counted["Missing"] == 1


def test_an_object_that_could_not_be_taken_is_told_of_and_taken_the_next_time(
    upload, reconciler, item, counted, clock
) -> None:
    version = upload()
    clock.pass_(minutes=11)
    # where it stopped, list, where it begins again, known, claim, submit
    reconciler(plan(call_5=Fault.THROTTLED)).look_at_objects()
    assert counted["Missing"] == 1
    reconciler().look_at_objects()
    reconciler().look_at_claims()
    assert item(version)["status"] == "SUBMITTED"


class _Pages:
    """A bucket that lists one version at a time."""

    def __init__(self, s3: Any) -> None:
        self._s3, self.asked = s3, []

    def list_object_versions(self, **asked: Any) -> Any:
        self.asked.append({name: asked[name] for name in ("KeyMarker", "VersionIdMarker") if name in asked})
        return self._s3.list_object_versions(**asked, MaxKeys=1)


def test_objects_come_by_pages_and_what_is_late_goes_on_there_the_next_time(
    upload, reconciler, s3, item, clock
) -> None:
    versions = [upload(f"in/ä {name}.csv") for name in "abc"]
    clock.pass_(minutes=11)
    pages = _Pages(s3)
    reconciler(s3=pages, is_late=lambda: True).look_at_objects()
    assert [item(each).get("status") for each in versions] == ["SUBMITTED", None, None]
    reconciler(s3=pages).look_at_objects()
    assert [item(each).get("status") for each in versions] == ["SUBMITTED"] * 3
    assert pages.asked[0] == {}
    assert pages.asked[1]["KeyMarker"] == versions[0].key
    assert pages.asked[1]["VersionIdMarker"] == versions[0].version
    reconciler(s3=pages).look_at_objects()
    assert pages.asked[3] == {}, "after the end it begins again"


# Again.


def test_a_failed_object_is_tried_again_by_a_new_job(intake, reconciler, recorder, batch, job, item) -> None:
    intake().take(UPLOAD)
    recorder.record(batch.end("job-0", "FAILED"))
    reconciler().again(VERSION)
    assert [each["jobName"] for each in batch.jobs.values()][1] == item(VERSION)["job_name"]
    attempt = job(VERSION, job_id="job-1")
    attempt.claim()
    attempt.write_result({"rows": 1})
    found = item(VERSION)
    assert (found["status"], found["result"]) == ("SUCCEEDED", {"rows": 1})
    assert "reason" not in found


@pytest.mark.parametrize("status", ["nothing", "CLAIMED", "SUBMITTED", "RUNNING", "SUCCEEDED", "REFUSED"])
def test_what_has_not_failed_is_not_tried_again(intake, interrupted, reconciler, job, item, status) -> None:
    if status == "CLAIMED":
        interrupted("call_1", Fault.CRASH_BEFORE)
    elif status != "nothing":
        intake().take(Upload.of(created(size=0)) if status == "REFUSED" else UPLOAD)
    if status in ("RUNNING", "SUCCEEDED"):
        attempt = job(VERSION)
        attempt.claim()
        if status == "SUCCEEDED":
            attempt.write_result({})
    before = item(VERSION)
    with pytest.raises((TakenError, ValueError)):
        reconciler().again(VERSION)
    assert item(VERSION) == before


def test_what_was_refused_is_tried_again_once_it_would_be_taken(intake, ledger, reconciler, batch, item, clock) -> None:
    refused = {"reason": "too-large", "words": "before accept was changed", "correlation_id": "event-1"}
    ledger.refuse(VERSION, details={"size": 3}, **refused)
    clock.pass_(days=3)
    reconciler().again(VERSION)
    found = item(VERSION)
    assert (found["status"], found["job_id"]) == ("SUBMITTED", "job-0")
    assert ledger.age(found) < timedelta(seconds=1), "it is not late from the beginning"


def test_malware_and_what_is_another_pipelines_are_not_tried_again(ledger, reconciler, item) -> None:
    ledger.refuse(VERSION, details={}, reason="scan-threats-found", words="GuardDuty says so", correlation_id="event-1")
    with pytest.raises(ValueError, match="would be refused again: scan-threats-found"):
        reconciler().again(VERSION)
    others = version_of("others/a.csv")
    ledger.refuse(others, details={}, reason="too-large", words="", correlation_id="event-1")
    with pytest.raises(ValueError, match="is not of this pipeline"):
        reconciler().again(others)


def test_again_that_dies_half_way_is_put_right(intake, reconciler, recorder, batch, item, clock) -> None:
    intake().take(UPLOAD)
    recorder.record(batch.end("job-0", "FAILED"))
    with pytest.raises(Crash):
        reconciler(plan(call_1=Fault.CRASH_AFTER)).again(VERSION)
    reconciler().look_at_claims()
    assert item(VERSION)["job_id"] == "job-1"


def test_again_keeps_the_item_for_as_long_as_a_new_one(intake, reconciler, recorder, batch, item, clock) -> None:
    intake().take(UPLOAD)
    recorder.record(batch.end("job-0", "FAILED"))
    before = item(VERSION)["expires_at"]
    clock.pass_(days=29)
    reconciler().again(VERSION)
    assert item(VERSION)["expires_at"] == before + 29 * 24 * 3600
