"""The function that counts waiting jobs, with a client that answers as AWS Batch does; nothing here leaves the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from secure_containers.batch.queue_watch import handler

CRITICAL = "arn:aws:batch:eu-central-1:111122223333:job-queue/Critical-1"
STANDARD = "arn:aws:batch:eu-central-1:111122223333:job-queue/Standard-1"
NOW = 1_800_000_000.0


class Batch:
    """Single jobs by queue in pages, arrays with how many of their children wait, and what stands at the front."""

    def __init__(
        self,
        single: Mapping[str, Sequence[int]] | None = None,
        arrays: Mapping[str, Sequence[int]] | None = None,
        front: Mapping[str, Sequence[float]] | None = None,
        broken: str = "",
    ) -> None:
        self.single, self.arrays, self.front = single or {}, arrays or {}, front or {}
        self.broken, self.pages_read, self.described = broken, 0, []

    def get_paginator(self, name: str) -> Batch:
        assert name == "list_jobs"
        return self

    def paginate(self, *, jobQueue: str, jobStatus: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        if jobQueue == self.broken:
            raise ConnectionError("no answer")
        if jobStatus == "PENDING":
            ids = [f"{jobQueue}:{index}" for index, _ in enumerate(self.arrays.get(jobQueue, ()))]
            yield {"jobSummaryList": [{"jobId": id, "arrayProperties": {"size": 10}} for id in ids]}
            yield {"jobSummaryList": [{"jobId": "waits for another job"}]}
        for number in self.single.get(jobQueue, ()) if jobStatus == "RUNNABLE" else ():
            self.pages_read += 1
            yield {"jobSummaryList": [{"jobId": "single"}] * number}

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        assert len(jobs) <= 100
        self.described += jobs
        waiting = [self.arrays[each.rpartition(":")[0]][int(each.rpartition(":")[2])] for each in jobs]
        return {"jobs": [{"arrayProperties": {"statusSummary": {"RUNNABLE": each}}} for each in waiting]}

    def get_job_queue_snapshot(self, *, jobQueue: str) -> dict[str, Any]:  # noqa: N803 - likewise
        front = [{"earliestTimeAtPosition": int((NOW - each) * 1000)} for each in self.front.get(jobQueue, ())]
        return {"frontOfQueue": {"jobs": front}} if front else {}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUES", f"{CRITICAL},{STANDARD}")
    monkeypatch.setenv("NAMESPACE", "SecureContainers/Batch/Env")
    monkeypatch.setattr(handler.time, "time", lambda: NOW)


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], batch: Batch) -> list[dict[str, Any]]:
    monkeypatch.setattr(handler, "client", lambda: batch)
    handler.handler({}, None)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_waiting_jobs_of_every_queue_are_counted_over_all_pages(monkeypatch, capsys) -> None:
    critical, standard = told(monkeypatch, capsys, Batch(single={STANDARD: [2, 1]}))
    assert (critical["JobQueueName"], critical["RunnableJobs"]) == ("Critical-1", 0)
    assert (standard["JobQueueName"], standard["RunnableJobs"]) == ("Standard-1", 3)


def test_children_of_arrays_are_counted_by_their_parents(monkeypatch, capsys) -> None:
    batch = Batch(single={STANDARD: [1]}, arrays={STANDARD: [40, *[1] * 149]})
    _, standard = told(monkeypatch, capsys, batch)
    assert standard["RunnableJobs"] == 1 + 40 + 149
    assert len(batch.described) == 150
    assert "waits for another job" not in batch.described


def test_age_is_how_long_a_job_has_stood_at_its_place_in_front(monkeypatch, capsys) -> None:
    critical, standard = told(monkeypatch, capsys, Batch(front={STANDARD: [60, 600, 30]}))
    assert critical["FrontOfQueueAge"] == 0
    assert standard["FrontOfQueueAge"] == 600


def test_what_is_printed_are_metrics_in_the_embedded_format(monkeypatch, capsys) -> None:
    line, _ = told(monkeypatch, capsys, Batch(single={CRITICAL: [1]}))
    assert line["_aws"]["Timestamp"] == NOW * 1000
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "SecureContainers/Batch/Env"
    assert metrics["Dimensions"] == [["JobQueueName"]]
    assert {each["Name"] for each in metrics["Metrics"]} == {"RunnableJobs", "FrontOfQueueAge"}
    assert {each["Name"] for each in metrics["Metrics"]} <= set(line)


def test_counting_ends_where_alarms_ask_for_no_more(monkeypatch, capsys) -> None:
    batch = Batch(single={CRITICAL: [100] * 50}, arrays={CRITICAL: [5], STANDARD: [9_999]})
    critical, standard = told(monkeypatch, capsys, batch)
    assert critical["RunnableJobs"] == standard["RunnableJobs"] == 1000
    assert batch.pages_read == 10


def test_a_clock_behind_awss_makes_no_negative_age(monkeypatch, capsys) -> None:
    critical, _ = told(monkeypatch, capsys, Batch(front={CRITICAL: [-30]}))
    assert critical["FrontOfQueueAge"] == 0


def test_a_queue_that_does_not_answer_fails_the_call_after_the_others_were_counted(monkeypatch, capsys) -> None:
    monkeypatch.setattr(handler, "client", lambda: Batch(single={STANDARD: [1]}, broken=CRITICAL))
    with pytest.raises(RuntimeError, match="Critical-1: ConnectionError: no answer"):
        handler.handler({}, None)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["RunnableJobs"] == 1
