"""Counts the jobs that wait in each queue, and for how long one has stood at the front: AWS Batch has no metric of it.

What it prints are CloudWatch metrics in the embedded format.

Sources: https://docs.aws.amazon.com/batch/latest/APIReference/API_GetJobQueueSnapshot.html,
https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import Any, Final

_MOST_JOBS: Final = 1000
"""Alarms ask for no more."""
_A_CALL: Final = 100
"""How many jobs AWS Batch describes at once."""


def handler(event: object, context: object) -> None:  # noqa: ARG001 - Lambda's own signature
    """Print the metrics of every queue; one that cannot be asked fails the call after the others were."""
    batch, failed = client(), []
    for queue in os.environ["QUEUES"].split(","):
        try:
            line = metrics(queue, waiting(batch, queue), age(batch, queue, time.time()), time.time())
        except Exception as error:  # noqa: BLE001 - the other queues are counted all the same
            failed.append(f"{queue}: {type(error).__name__}: {error}")
        else:
            print(json.dumps(line))  # noqa: T201 - to the function's log group, which is where metrics are read
    if failed:
        raise RuntimeError("; ".join(failed))


def client() -> Any:
    # boto3 comes with Lambda's runtime; it is no dependency of ours.
    return import_module("boto3").client("batch")


def waiting(batch: Any, queue: str) -> int:
    """How many jobs of a queue could run but do not; as many as alarms ask for, at most.

    The children of an array are not listed with their queue: their parent is, as pending, and tells how many wait.
    """
    single = sum(1 for _ in islice(_listed(batch, queue, "RUNNABLE"), _MOST_JOBS))
    if single == _MOST_JOBS:
        return single
    arrays = [job["jobId"] for job in islice(_listed(batch, queue, "PENDING"), _MOST_JOBS) if "arrayProperties" in job]
    children = 0
    for start in range(0, len(arrays), _A_CALL):
        for job in batch.describe_jobs(jobs=arrays[start : start + _A_CALL])["jobs"]:
            children += job.get("arrayProperties", {}).get("statusSummary", {}).get("RUNNABLE", 0)
    return min(single + children, _MOST_JOBS)


def age(batch: Any, queue: str, now: float) -> int:
    """For how many seconds a job has stood at its place at the front of a queue."""
    front = batch.get_job_queue_snapshot(jobQueue=queue).get("frontOfQueue", {}).get("jobs", [])
    since = min((job["earliestTimeAtPosition"] / 1000 for job in front), default=now)
    return max(0, round(now - since))


def metrics(queue: str, jobs: int, seconds: int, now: float) -> Mapping[str, Any]:
    """Both numbers as CloudWatch reads them from logs."""
    described = [{"Name": "RunnableJobs", "Unit": "Count"}, {"Name": "FrontOfQueueAge", "Unit": "Seconds"}]
    told = {"Namespace": os.environ["NAMESPACE"], "Dimensions": [["JobQueueName"]], "Metrics": described}
    return {
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [told]},
        "JobQueueName": queue.rpartition("/")[2],
        "RunnableJobs": jobs,
        "FrontOfQueueAge": seconds,
    }


def _listed(batch: Any, queue: str, status: str) -> Iterator[Mapping[str, Any]]:
    for page in batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status):
        yield from page["jobSummaryList"]
