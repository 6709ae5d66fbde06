"""The function that counts waiting jobs, with a client that answers as AWS Batch does; nothing here leaves the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from secure_containers.batch.queue_watch import handler

CRITICAL = "arn:aws:batch:eu-central-1:111122223333:job-queue/Critical-1"
STANDARD = "arn:aws:batch:eu-central-1:111122223333:job-queue/Standard-1"
NOW = 1_800_000_000.0


class Batch:
    """Jobs by queue, in pages; a queue of none raises."""

    def __init__(self, jobs: dict[str, list[list[int]] | None]) -> None:
        self.jobs, self.asked, self.pages_read = jobs, [], 0

    def get_paginator(self, name: str) -> Batch:
        assert name == "list_jobs"
        return self

    def paginate(self, *, jobQueue: str, jobStatus: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        self.asked.append((jobQueue, jobStatus))
        pages = self.jobs[jobQueue]
        if pages is None:
            raise ConnectionError("no answer")
        for page in pages:
            self.pages_read += 1
            yield {"jobSummaryList": [{"createdAt": created} for created in page]}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUES", f"{CRITICAL},{STANDARD}")
    monkeypatch.setenv("NAMESPACE", "SecureContainers/Batch/Env")
    monkeypatch.setattr(handler.time, "time", lambda: NOW)


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], batch: Batch) -> list[dict[str, Any]]:
    monkeypatch.setattr(handler, "client", lambda: batch)
    handler.handler({}, None)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def ago(seconds: float) -> int:
    return int((NOW - seconds) * 1000)


def test_waiting_jobs_of_every_queue_are_counted_over_all_pages(monkeypatch, capsys) -> None:
    batch = Batch({CRITICAL: [], STANDARD: [[ago(60), ago(30)], [ago(600)]]})
    critical, standard = told(monkeypatch, capsys, batch)
    assert batch.asked == [(CRITICAL, "RUNNABLE"), (STANDARD, "RUNNABLE")]
    assert (critical["JobQueueName"], critical["RunnableJobs"], critical["OldestRunnableJob"]) == ("Critical-1", 0, 0)
    assert (standard["JobQueueName"], standard["RunnableJobs"], standard["OldestRunnableJob"]) == ("Standard-1", 3, 600)


def test_what_is_printed_are_metrics_in_the_embedded_format(monkeypatch, capsys) -> None:
    line, _ = told(monkeypatch, capsys, Batch({CRITICAL: [[ago(1)]], STANDARD: []}))
    assert line["_aws"]["Timestamp"] == NOW * 1000
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "SecureContainers/Batch/Env"
    assert metrics["Dimensions"] == [["JobQueueName"]]
    assert {each["Name"] for each in metrics["Metrics"]} == {"RunnableJobs", "OldestRunnableJob"}
    assert {each["Name"] for each in metrics["Metrics"]} <= set(line)


def test_counting_ends_where_alarms_ask_for_no_more(monkeypatch, capsys) -> None:
    batch = Batch({CRITICAL: [[ago(5)] * 100] * 50, STANDARD: []})
    critical, _ = told(monkeypatch, capsys, batch)
    assert critical["RunnableJobs"] == 1000
    assert batch.pages_read == 10


def test_a_clock_behind_awss_makes_no_negative_age(monkeypatch, capsys) -> None:
    critical, _ = told(monkeypatch, capsys, Batch({CRITICAL: [[ago(-30)]], STANDARD: []}))
    assert critical["OldestRunnableJob"] == 0


def test_a_queue_that_does_not_answer_fails_the_call_after_the_others_were_counted(monkeypatch, capsys) -> None:
    monkeypatch.setattr(handler, "client", lambda: Batch({CRITICAL: None, STANDARD: [[ago(9)]]}))
    with pytest.raises(RuntimeError, match="Critical-1: ConnectionError: no answer"):
        handler.handler({}, None)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["RunnableJobs"] == 1
