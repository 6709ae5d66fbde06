"""Runs jobs, a few at a time."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.jobs.attempt import Attempt
from secure_containers.local.jobs.job import NOT_STARTED, Job, Outcome, tries_again
from secure_containers.local.programs import StartError, now, send

_AT_ONCE: Final = 4
"""Jobs that run at the same time; others wait as RUNNABLE."""


class Runner:
    """Runs jobs, a few at a time, in the order of their submission.

    Args:
        account: where they run.
        publish: takes each event; called in the events' order, by one thread.
        credentials: gives those of a role to a service that the role trusts.
    """

    def __init__(
        self,
        account: Account,
        *,
        publish: Callable[[Mapping[str, Any]], None],
        credentials: Callable[..., dict[str, str]],
    ) -> None:
        self._account = account
        self._credentials = credentials
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="job")
        self._running: set[Job] = set()
        self._events: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._closed = False
        threading.Thread(target=self._deliver, args=(publish,), name="job-events", daemon=True).start()

    def start(self, job: Job) -> None:
        """Let a submitted job run as soon as there is room; an array job runs by its children."""
        if job.children:
            self._move(job, "PENDING")
        for each in job.children or [job]:
            self._move(each, "RUNNABLE")
            self._pool.submit(self._run, each)

    def stop(self, job: Job, reason: str) -> None:
        """End a job, whatever it does now."""
        with self._lock:
            if job.record["status"] in ("SUCCEEDED", "FAILED"):
                return
            job.stop_reason = job.stop_reason or reason
            if job not in self._running and not job.children:
                self._move(job, "FAILED", reason=job.stop_reason)

    def close(self) -> None:
        """End all jobs and what they started."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for job in list(self._running):
            if job.process is not None:
                send(job.process, signal.SIGKILL)

    def _run(self, job: Job) -> None:
        with self._lock:
            if job.record["status"] == "FAILED":
                return  # ended before there was room for it
            self._running.add(job)
        try:
            while not self._closed:
                outcome = self._attempted(job) if job.stop_reason is None else Outcome(job.stop_reason)
                if job.stop_reason is not None or self._closed or not self._again(job, outcome):
                    reason = job.stop_reason or outcome.status_reason
                    self._move(
                        job, "SUCCEEDED" if outcome.succeeded and not job.stop_reason else "FAILED", reason=reason
                    )
                    return
                self._move(job, "RUNNABLE")
        finally:
            self._running.discard(job)

    def _attempted(self, job: Job) -> Outcome:
        """Make an attempt and write down how it went."""
        attempt = Attempt(self._account, job, self._credentials)
        container = job.record["container"]
        with self._lock:
            container["logStreamName"] = attempt.stream
            for name in ("exitCode", "reason"):
                container.pop(name, None)
        self._move(job, "STARTING")
        started: dict[str, int] = {}
        try:
            arguments = attempt.prepare()
            if self._closed:
                outcome = Outcome(NOT_STARTED, reason="the emulator ends")
            else:
                self._move(job, "RUNNING")
                started = {"startedAt": job.record["startedAt"]}
                outcome = attempt.run(arguments)
        except StartError as error:
            outcome = Outcome(NOT_STARTED, reason=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the job has to end
            outcome = Outcome(NOT_STARTED, reason=f"{type(error).__name__}: {error}")
        with self._lock:
            told = {
                **({} if outcome.code is None else {"exitCode": outcome.code}),
                **({"reason": outcome.reason} if outcome.reason else {}),
            }
            container |= told
            job.record["attempts"].append(
                {
                    "container": {**told, "logStreamName": attempt.stream},
                    **started,
                    "stoppedAt": now(),
                    "statusReason": job.stop_reason or outcome.status_reason,
                }
            )
        return outcome

    @staticmethod
    def _again(job: Job, outcome: Outcome) -> bool:
        """Whether an attempt is followed by another one."""
        strategy, tried = job.record["retryStrategy"], len(job.record["attempts"])
        return not outcome.succeeded and tries_again(strategy, outcome, tried=tried)

    def _move(self, job: Job, status: str, *, reason: str | None = None) -> None:
        """Change the state of a job and tell of it."""
        with self._lock:
            record = job.record
            record["status"] = status
            if reason is not None:
                record["statusReason"] = reason
            if status == "RUNNING":
                record["startedAt"] = now()
            if status in ("SUCCEEDED", "FAILED"):
                record["stoppedAt"] = now()
            self._events.put(job.seen())
            parent = job.parent
            if parent is None:
                return
            states = {child.record["status"] for child in parent.children}
            if states <= {"SUCCEEDED", "FAILED"} and parent.record["status"] == "PENDING":
                failed = "FAILED" in states
                self._move(
                    parent, "FAILED" if failed else "SUCCEEDED", reason="Array Child Job failed" if failed else ""
                )

    def _deliver(self, publish: Callable[[Mapping[str, Any]], None]) -> None:
        while True:
            publish(self._events.get())
