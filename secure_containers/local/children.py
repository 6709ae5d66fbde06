"""Programs that a run starts: their environment, their limits, and that none of them is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from secure_containers.local.connection import MARK, Connection, without_aws

_LEFT_OUT: Final = ("NODE_OPTIONS", "NODE_TLS_REJECT_UNAUTHORIZED", "BOTO_CONFIG")
_PROC: Final = Path("/proc")
_LINE: Final = re.compile(r"^.*\n", re.MULTILINE)


class LocalError(Exception):
    """Something that whoever runs the command can mend; the message is one line that says how."""


def environment(directory: Path, connection: Connection | None = None) -> dict[str, str]:
    """What a program of the run sees: nothing of the machine's AWS, certificates, home or temporary files."""
    own = {name: value for name, value in without_aws(os.environ).items() if name not in _LEFT_OUT}
    paths = [str(Path(sys.executable).parent), str(Path("node_modules/.bin").absolute()), own.get("PATH", os.defpath)]
    return {
        # Unpacked once for all runs; it holds the CDK's own code and nothing of a run.
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path(sys.prefix) / "cache" / "jsii"),
        **own,
        **(connection.environment() if connection else {}),
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "HOME": str(directory / "home"),
        "NO_COLOR": "1",
        "PATH": os.pathsep.join(paths),
        "TMPDIR": str(directory / "tmp"),
        MARK: str(directory),
    }


class Child:
    """A program with a log and a limit, in a process group of its own; the end of the `with` block is the end of it."""

    def __init__(self, arguments: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path | None = None) -> None:
        self.name = Path(arguments[0]).name
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own programs, without a shell
                arguments,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        end_group(self.process)

    def wait(self, limit: float, *, told: Callable[[str], None] | None = None) -> int:
        """The exit code. `told` gets each line of the log as it comes.

        Raises:
            LocalError: the limit has passed.
        """
        until, read = time.monotonic() + limit, 0
        while True:
            ended = self.process.poll()
            if told:
                text = self.text()[read:]
                for line in _LINE.findall(text):
                    read += len(line)
                    told(line.rstrip())
            if ended is not None:
                return ended
            if time.monotonic() > until:
                raise LocalError(
                    f"{self.name} did not end within {limit:.0f} s; give it longer with --limit, or see {self.log}"
                )
            time.sleep(0.1)

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def last_line(log: Path) -> str:
    """What a program said last, which for one that failed is mostly why."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return "it said nothing"
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def end_group(process: subprocess.Popen[bytes], grace: float = 5) -> None:
    """Ends a process that leads a group, and the group with it."""
    _signal_group(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # gone; macOS says so by the second
        return


def members(directory: Path) -> list[int]:
    """The processes of a run that are alive, whoever started them and whoever of them has died.

    They are known by the run's directory in their environment: jobs have a place of their own below its `tmp`. This
    process and those above it are never among them: a shell may well have been started in the run's environment.
    """
    temporary = directory / "tmp"
    marks = {f"{MARK}={directory}".encode(), f"TMPDIR={temporary}".encode()}
    below = f"TMPDIR={temporary}{os.sep}".encode()
    above, pid = set(), os.getpid()
    found: dict[int, int] = {}
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if not entry.name.isdigit():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it has ended meanwhile, or it is somebody else's
            continue
        parents[int(entry.name)] = int(parent)
        if state != "Z" and any(each in marks or each.startswith(below) for each in variables):
            found[int(entry.name)] = int(parent)
    while pid in parents:
        above.add(pid)
        pid = parents[pid]
    return sorted(each for each in found if each not in above)


def end_members(directory: Path, *, limit: float = 10) -> None:
    """Ends every process of a run."""
    until = time.monotonic() + limit
    while left := members(directory):
        if time.monotonic() > until:
            raise LocalError(f"processes {', '.join(map(str, left))} of {directory} do not end; end them and try again")
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)
