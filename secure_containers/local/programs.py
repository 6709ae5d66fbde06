"""A program of this machine that stands for a container: its environment, its credentials, its log stream."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import EndpointConnectionError

from secure_containers.local.account import Account
from secure_containers.local.connection import MARK, Connection

IMAGES: Final = "images.json"
"""Of the run's directory: which program stands for an image."""
GRACE: Final = 2.0
"""Seconds from SIGTERM to SIGKILL; Amazon ECS waits for 30."""
TASKS: Final = "ecs-tasks.amazonaws.com"
_FLUSH: Final = 0.5
"""Seconds after which output is in the log group while a program runs."""
_IMAGE: Final = re.compile(r"(?:[^/]*[.:][^/]*/)?(?P<repository>[^:@]+)(?:[:@].*)?")
_log: Final = logging.getLogger(__name__)


class StartError(Exception):
    """A container that did not start; its message is the container's reason."""


class NoProgramError(StartError):
    """No program of this machine stands for the image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """What a program is told of the container that it stands for.

    Args:
        name: of the job or task, for messages and for the session of its roles.
        image: what the program stands for.
        command: what follows the program's own.
        environment: the variables; they have the last word but for the credentials.
        secrets: variables whose values are read from elsewhere.
        reader: the ARN of the role that reads the secrets; without one the container's host does it, here the root.
        writer: the ARN of the role that writes the log, likewise.
        role: the ARN of the role that the program has.
        service: who takes the roles.
        group: the log group; None if its output goes nowhere.
        makes_group: whether the group is the service's own, which it makes itself.
        stream: the log stream.
        home: the program's directory.
    """

    name: str
    image: str
    home: Path
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[Mapping[str, str]] = ()
    reader: str | None = None
    writer: str | None = None
    role: str | None = None
    service: str = TASKS
    group: str | None = None
    makes_group: bool = False
    stream: str = ""


class Program:
    """The program of one container, once."""

    def __init__(self, account: Account, container: Container, take_role: Callable[..., dict[str, str]]) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._account = account
        self._container = container
        self._take_role = take_role
        self._logs: Any = None
        self._output: _Output | None = None
        self._flushed = 0.0

    def prepare(self) -> dict[str, Any]:
        """Everything that Amazon ECS does before it starts the container.

        Raises:
            StartError: the container cannot start.
        """
        container = self._container
        program = standing_for(self._account, container.image)
        clerks = {role: self._credentials(role) if role else {} for role in (container.reader, container.writer)}
        self._open_log(clerks[container.writer])
        environment = self._environment(clerks[container.reader])
        if container.role is not None:
            names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
            environment |= dict(zip(names, self._credentials(container.role).values(), strict=True))
        command = [*program["command"], *container.command]
        binary = shutil.which(command[0], path=environment["PATH"])
        if binary is None:
            raise StartError(f'CannotStartContainerError: exec: "{command[0]}": executable file not found in $PATH')
        container.home.mkdir(parents=True, exist_ok=True)
        return {"args": [binary, *command[1:]], "cwd": program.get("directory", container.home), "env": environment}

    def start(self, arguments: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        """Run what was prepared."""
        self.process = subprocess.Popen(
            **arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._output = _Output(self.process, self._put)
        self._flushed = time.monotonic()
        return self.process

    def flush(self) -> None:
        """Write down what it has said, if it is time to."""
        if self._output is not None and time.monotonic() > self._flushed + _FLUSH:
            self._output.flush()
            self._flushed = time.monotonic()

    def close(self) -> None:
        """End what is left of it, write the last of its output, and remove its directory."""
        if self.process is not None:
            send(self.process, signal.SIGKILL)
        if self._output is not None:
            self._output.close()
        self.process = None
        shutil.rmtree(self._container.home, ignore_errors=True)

    def _credentials(self, role: str) -> dict[str, str]:
        """Credentials of a role that lets the service have it."""
        iam, name = self._account.client("iam"), role.rpartition("/")[2]
        try:
            trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
            session = self._container.name.replace(":", "-")
            return self._take_role(role, trust, service=self._container.service, session=session)
        except (iam.exceptions.ClientError, PermissionError) as error:
            raise StartError(f"ECS was unable to assume the role '{role}': {error}") from error

    def _open_log(self, credentials: Mapping[str, str]) -> None:
        container = self._container
        if container.group is None:
            return
        self._logs = self._account.client("logs", container.writer or "", **credentials)
        if container.makes_group:
            _ignoring_existing(self._account.client("logs"), container.group)
        try:
            self._logs.create_log_stream(logGroupName=container.group, logStreamName=container.stream)
        except self._logs.exceptions.ClientError as error:
            raise StartError(
                f"ResourceInitializationError: failed to validate logger args: failed to create CloudWatch log stream "
                f"in {container.group}: {error}"
            ) from error

    def _put(self, events: list[dict[str, Any]]) -> None:
        if self._logs is None or not events:
            return
        container = self._container
        try:
            self._logs.put_log_events(logGroupName=container.group, logStreamName=container.stream, logEvents=events)
        except EndpointConnectionError:
            return  # the emulator has ended
        except self._logs.exceptions.ClientError as error:  # as on AWS, the program goes on without
            _log.warning("the output of %s is lost: %s", container.name, error)

    def _environment(self, reader: Mapping[str, str]) -> dict[str, str]:
        container, connection = self._container, self._account.connection
        return {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin")),
            "HOME": str(container.home),
            "TMPDIR": str(container.home),
            "LANG": "C.UTF-8",
            **_endpoint(connection),
            **container.environment,
            **{each["name"]: self._secret(each, reader) for each in container.secrets},
            MARK: str(self._account.directory),
        }

    def _secret(self, secret: Mapping[str, str], credentials: Mapping[str, str]) -> str:
        """A secret's value: of Secrets Manager, one key of it, or of Parameter Store."""
        source, reader = secret["valueFrom"], self._container.reader or ""
        try:
            if ":secretsmanager:" not in source:
                name = source.partition(":parameter")[2] or source
                asked = self._account.client("ssm", reader, **credentials).get_parameter(Name=name, WithDecryption=True)
                return str(asked["Parameter"]["Value"])
            parts = source.split(":")
            secrets = self._account.client("secretsmanager", reader, **credentials)
            asked = secrets.get_secret_value(SecretId=":".join(parts[:7]))
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
        self._reader = threading.Thread(target=self._read, name="output", daemon=True)
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
        self._reader.join(GRACE)
        if not self._reader.is_alive():  # else a child of the program's holds the pipe, whose end nobody waits for
            self._pipe.close()
        self.flush()


def standing_for(account: Account, image: str) -> Mapping[str, Any]:
    """The program that stands for an image.

    Raises:
        NoProgramError: there is none.
        StartError: what tells of them cannot be read.
    """
    found = _IMAGE.fullmatch(image)
    repository = image if found is None else found["repository"]
    path = account.directory / IMAGES
    try:
        programs = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise StartError(f"CannotPullContainerError: {path} is no JSON: {error}") from error
    fitting = [name for name in programs if repository.startswith(name)]
    if not fitting:
        raise NoProgramError(
            f"CannotPullContainerError: no program of this machine stands for {image}; "
            f'write {{"{repository}": {{"command": [...]}}}} into {path}'
        )
    program: Mapping[str, Any] = programs[max(fitting, key=len)]
    return program


def now() -> int:
    """The time in milliseconds."""
    return int(time.time() * 1000)


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To a process and all that it has started."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # gone; macOS says so by the second
        return


def _endpoint(connection: Connection) -> dict[str, str]:
    """How a program finds the emulator, without anybody's credentials."""
    environment = connection.environment()
    return {
        name: value for name, value in environment.items() if not name.startswith(("AWS_ACCESS", "AWS_SECRET", "CDK_"))
    }


def _ignoring_existing(logs: Any, group: str) -> None:
    try:
        logs.create_log_group(logGroupName=group)
    except logs.exceptions.ResourceAlreadyExistsException:
        return
