"""Counts the jobs that wait in each queue, and for how long the oldest has waited: AWS Batch has no metric of it.

What it prints are CloudWatch metrics in the embedded format.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from importlib import import_module
from itertools import islice
from typing import Any, Final

_MOST_JOBS: Final = 1000
"""Further ones are not counted; alarms ask for no more."""


def handler(event: object, context: object) -> None:  # noqa: ARG001 - Lambda's own signature
    """Print the metrics of every queue; one that cannot be asked fails the call after the others were."""
    batch, failed = client(), []
    for queue in os.environ["QUEUES"].split(","):
        try:
            line = metrics(queue, waiting(batch, queue), time.time())
        except Exception as error:  # noqa: BLE001 - the other queues are counted all the same
            failed.append(f"{queue}: {type(error).__name__}: {error}")
        else:
            print(json.dumps(line))  # noqa: T201 - to the function's log group, which is where metrics are read
    if failed:
        raise RuntimeError("; ".join(failed))


def client() -> Any:
    # boto3 comes with Lambda's runtime; it is no dependency of ours.
    return import_module("boto3").client("batch")


def waiting(batch: Any, queue: str) -> list[float]:
    """When each job of a queue was submitted that could run but does not, in seconds."""
    pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus="RUNNABLE")
    jobs = (job["createdAt"] / 1000 for page in pages for job in page["jobSummaryList"])
    return list(islice(jobs, _MOST_JOBS))


def metrics(queue: str, since: list[float], now: float) -> Mapping[str, Any]:
    """How many jobs wait, and for how long the oldest."""
    described = [
        {"Name": "RunnableJobs", "Unit": "Count"},
        {"Name": "OldestRunnableJob", "Unit": "Seconds"},
    ]
    told = {"Namespace": os.environ["NAMESPACE"], "Dimensions": [["JobQueueName"]], "Metrics": described}
    return {
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [told]},
        "JobQueueName": queue.rpartition("/")[2],
        "RunnableJobs": len(since),
        "OldestRunnableJob": max(0, round(now - min(since, default=now))),
    }
