"""An attempt of a job: a process with an environment, credentials and a log stream."""

from __future__ import annotations

import json
import logging
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.connection import MARK, Connection
from secure_containers.local.jobs.job import EXITED, TIMED_OUT, Job, Outcome, now

IMAGES: Final = "images.json"
"""Of the run's directory: which program stands for an image."""
_GRACE: Final = 2.0
"""Seconds from SIGTERM to SIGKILL; Amazon ECS waits for 30."""
_LOOK: Final = 0.05
"""Seconds between two looks at a process."""
_FLUSH: Final = 0.5
"""Seconds after which output is in the log group while a job runs."""
_IMAGE: Final = re.compile(r"(?:[^/]*[.:][^/]*/)?(?P<repository>[^:@]+)(?:[:@].*)?")
_log: Final = logging.getLogger(__name__)


class StartError(Exception):
    """A container that did not start; its message is the container's reason."""


class Attempt:
    """One attempt of a job."""

    def __init__(self, account: Account, job: Job, take_role: Callable[..., dict[str, str]]) -> None:
        self._account = account
        self._job = job
        self._take_role = take_role
        self._container: Mapping[str, Any] = job.record["container"]
        options = self._container.get("logConfiguration", {}).get("options", {})
        name = job.definition["jobDefinitionName"]
        self._group = options.get("awslogs-group", "/aws/batch/job")
        self.stream = f"{options.get('awslogs-stream-prefix', name)}/default/{uuid.uuid4().hex}"
        self._task = self._account.directory / "tmp" / f"job-{uuid.uuid4().hex}"
        self._logs: Any = None
        self._timed_out = False

    def prepare(self) -> dict[str, Any]:
        """Everything that Amazon ECS does before it starts the container.

        Raises:
            StartError: the container cannot start.
        """
        program = self._program()
        execution = self._container.get("executionRoleArn")
        own: dict[str, str] = {} if execution is None else self._credentials(execution)
        self._open_log(own)
        environment = self._environment(own)
        role = self._container.get("jobRoleArn")
        if role is not None:
            names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
            environment |= dict(zip(names, self._credentials(role).values(), strict=True))
        command = [*program["command"], *self._container["command"]]
        binary = shutil.which(command[0], path=environment["PATH"])
        if binary is None:
            raise StartError(f'CannotStartContainerError: exec: "{command[0]}": executable file not found in $PATH')
        self._task.mkdir(parents=True)
        return {"args": [binary, *command[1:]], "cwd": program.get("directory", self._task), "env": environment}

    def run(self, arguments: Mapping[str, Any]) -> Outcome:
        """Run the program to its end."""
        process = subprocess.Popen(
            **arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._job.process = process
        output = _Output(process, self._put)
        try:
            self._wait(process, output)
        finally:
            send(process, signal.SIGKILL)  # what it has left running in its session
            output.close()
            self._job.process = None
            shutil.rmtree(self._task, ignore_errors=True)
        code = process.returncode
        status_reason = TIMED_OUT if self._timed_out else EXITED
        if code < 0:
            return Outcome(status_reason, code=128 - code, reason=f"killed by signal {-code}")
        return Outcome(status_reason, code=code)

    def _wait(self, process: subprocess.Popen[bytes], output: _Output) -> None:
        seconds = self._job.record.get("timeout", {}).get("attemptDurationSeconds")
        deadline = None if seconds is None else time.monotonic() + seconds
        flushed = time.monotonic()
        kill: float | None = None
        while process.poll() is None:
            moment = time.monotonic()
            self._timed_out = self._timed_out or (deadline is not None and moment > deadline)
            if kill is None and (self._timed_out or self._job.stop_reason is not None):
                kill = moment + _GRACE
                send(process, signal.SIGTERM)
            elif kill is not None and moment > kill:
                send(process, signal.SIGKILL)
            if moment > flushed + _FLUSH:
                output.flush()
                flushed = moment
            time.sleep(_LOOK)

    def _program(self) -> Mapping[str, Any]:
        """What stands for the image."""
        image = self._container["image"]
        found = _IMAGE.fullmatch(image)
        repository = image if found is None else found["repository"]
        path = self._account.directory / IMAGES
        try:
            programs = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except ValueError as error:
            raise StartError(f"CannotPullContainerError: {path} is no JSON: {error}") from error
        fitting = [name for name in programs if repository.startswith(name)]
        if not fitting:
            raise StartError(
                f"CannotPullContainerError: no program of this machine stands for {image}; "
                f'write {{"{repository}": {{"command": [...]}}}} into {path}'
            )
        program: Mapping[str, Any] = programs[max(fitting, key=len)]
        return program

    def _credentials(self, role: str) -> dict[str, str]:
        """Credentials of a role that lets Amazon ECS tasks have it."""
        iam, name = self._account.client("iam"), role.rpartition("/")[2]
        try:
            trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
            session = self._job.id.replace(":", "-")
            return self._take_role(role, trust, service="ecs-tasks.amazonaws.com", session=session)
        except (iam.exceptions.ClientError, PermissionError) as error:
            raise StartError(f"ECS was unable to assume the role '{role}': {error}") from error

    def _client(self, service: str, credentials: Mapping[str, str]) -> Any:
        """A client of the execution role; what a job without one needs is done by its host, here the root."""
        return self._account.client(service, self._container.get("executionRoleArn", ""), **credentials)

    def _open_log(self, credentials: Mapping[str, str]) -> None:
        if self._container.get("logConfiguration", {}).get("logDriver", "awslogs") != "awslogs":
            return
        self._logs = self._client("logs", credentials)
        if "logConfiguration" not in self._container:  # AWS Batch's own group, which it makes itself
            _ignoring_existing(self._account.client("logs"), self._group)
        try:
            self._logs.create_log_stream(logGroupName=self._group, logStreamName=self.stream)
        except self._logs.exceptions.ClientError as error:
            raise StartError(
                f"ResourceInitializationError: failed to validate logger args: failed to create CloudWatch log stream "
                f"in {self._group}: {error}"
            ) from error

    def _put(self, events: list[dict[str, Any]]) -> None:
        if self._logs is None or not events:
            return
        try:
            self._logs.put_log_events(logGroupName=self._group, logStreamName=self.stream, logEvents=events)
        except self._logs.exceptions.ClientError as error:  # as on AWS, the job goes on without
            _log.warning("the output of job %s is lost: %s", self._job.id, error)

    def _environment(self, execution: Mapping[str, str]) -> dict[str, str]:
        """The environment of the container; the definition's own has the last word but for the credentials."""
        job, connection = self._job, self._account.connection
        environment = {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin")),
            "HOME": str(self._task),
            "TMPDIR": str(self._task),
            "LANG": "C.UTF-8",
            "AWS_BATCH_JOB_ID": job.id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(job.record["attempts"]) + 1),
            "AWS_BATCH_JQ_NAME": job.queue,
            **_endpoint(connection),
        }
        if job.parent is not None:
            environment["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.record["arrayProperties"]["index"])
            environment["AWS_BATCH_JOB_ARRAY_SIZE"] = str(len(job.parent.children))
        environment |= {each["name"]: each["value"] for each in self._container["environment"]}
        environment |= {each["name"]: self._secret(each, execution) for each in self._container.get("secrets", [])}
        return {**environment, MARK: str(self._account.directory)}

    def _secret(self, secret: Mapping[str, str], execution: Mapping[str, str]) -> str:
        """A secret's value, read by the execution role: of Secrets Manager, one key of it, or of Parameter Store."""
        source = secret["valueFrom"]
        try:
            if ":secretsmanager:" not in source:
                name = source.partition(":parameter")[2] or source
                asked = self._client("ssm", execution).get_parameter(Name=name, WithDecryption=True)
                return str(asked["Parameter"]["Value"])
            parts = source.split(":")
            asked = self._client("secretsmanager", execution).get_secret_value(SecretId=":".join(parts[:7]))
            key = parts[7] if len(parts) > 7 else ""
            return str(json.loads(asked["SecretString"])[key] if key else asked["SecretString"])
        except Exception as error:
            raise StartError(
                f"ResourceInitializationError: unable to retrieve secret {source}: {type(error).__name__}: {error}"
            ) from error


class _Output:
    """What a program writes, line by line, on its way to the log stream."""

    def __init__(self, process: subprocess.Popen[bytes], put: Callable[[list[dict[str, Any]]], None]) -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        self._pipe = process.stdout
        self._put = put
        self._lines: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="job-output", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._pipe:
            text = line.decode(errors="replace").rstrip("\r\n")
            if text:  # CloudWatch Logs takes no empty events
                self._lines.put((now(), text))

    def flush(self) -> None:
        events = [{"timestamp": moment, "message": text} for moment, text in self._taken()]
        for start in range(0, len(events), 1000):
            self._put(events[start : start + 1000])

    def _taken(self) -> Iterator[tuple[int, str]]:
        while not self._lines.empty():
            yield self._lines.get()

    def close(self) -> None:
        self._reader.join(_GRACE)
        if not self._reader.is_alive():  # else a child of the program's holds the pipe, whose end nobody waits for
            self._pipe.close()
        self.flush()


def _endpoint(connection: Connection) -> dict[str, str]:
    """How a job finds the emulator, without anybody's credentials."""
    environment = connection.environment()
    return {
        name: value for name, value in environment.items() if not name.startswith(("AWS_ACCESS", "AWS_SECRET", "CDK_"))
    }


def _ignoring_existing(logs: Any, group: str) -> None:
    try:
        logs.create_log_group(logGroupName=group)
    except logs.exceptions.ResourceAlreadyExistsException:
        return


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To a process and all that it has started."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # gone; macOS says so by the second
        return
