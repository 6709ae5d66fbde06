"""An attempt of a job: a program, and how long it may take."""

from __future__ import annotations

import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.jobs.job import EXITED, TIMED_OUT, Job, Outcome
from secure_containers.local.programs import GRACE, Container, Program, send

_LOOK: Final = 0.05
"""Seconds between two looks at a process."""


class Attempt:
    """One attempt of a job."""

    def __init__(self, account: Account, job: Job, take_role: Callable[..., dict[str, str]]) -> None:
        self._job = job
        about: Mapping[str, Any] = job.record["container"]
        log = about.get("logConfiguration", {})
        options = log.get("options", {})
        name = job.definition["jobDefinitionName"]
        self.stream = f"{options.get('awslogs-stream-prefix', name)}/default/{uuid.uuid4().hex}"
        container = Container(
            name=job.id,
            image=about["image"],
            command=about["command"],
            environment={**_variables(job), **{each["name"]: each["value"] for each in about["environment"]}},
            secrets=about.get("secrets", []),
            reader=about.get("executionRoleArn"),
            writer=about.get("executionRoleArn"),
            role=about.get("jobRoleArn"),
            group=options.get("awslogs-group", "/aws/batch/job")
            if log.get("logDriver", "awslogs") == "awslogs"
            else None,
            makes_group="logConfiguration" not in about,
            stream=self.stream,
            home=account.directory / "tmp" / f"job-{uuid.uuid4().hex}",
        )
        self._program = Program(account, container, take_role)
        self.prepare = self._program.prepare
        self._timed_out = False

    def run(self, arguments: Mapping[str, Any]) -> Outcome:
        """Run the program to its end."""
        process = self._program.start(arguments)
        self._job.process = process
        try:
            self._wait(process)
        finally:
            self._program.close()
            self._job.process = None
        code = process.returncode
        status_reason = TIMED_OUT if self._timed_out else EXITED
        if code < 0:
            return Outcome(status_reason, code=128 - code, reason=f"killed by signal {-code}")
        return Outcome(status_reason, code=code)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        seconds = self._job.record.get("timeout", {}).get("attemptDurationSeconds")
        deadline = None if seconds is None else time.monotonic() + seconds
        kill: float | None = None
        while process.poll() is None:
            moment = time.monotonic()
            self._timed_out = self._timed_out or (deadline is not None and moment > deadline)
            if kill is None and (self._timed_out or self._job.stop_reason is not None):
                kill = moment + GRACE
                send(process, signal.SIGTERM)
            elif kill is not None and moment > kill:
                send(process, signal.SIGKILL)
            self._program.flush()
            time.sleep(_LOOK)


def _variables(job: Job) -> dict[str, str]:
    """What AWS Batch tells a job of itself."""
    told = {
        "AWS_BATCH_JOB_ID": job.id,
        "AWS_BATCH_JOB_ATTEMPT": str(len(job.record["attempts"]) + 1),
        "AWS_BATCH_JQ_NAME": job.queue,
    }
    if job.parent is not None:
        told["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.record["arrayProperties"]["index"])
        told["AWS_BATCH_JOB_ARRAY_SIZE"] = str(len(job.parent.children))
    return told
