"""One run of the emulator: its directory, its lock, its server."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from secure_containers.local.children import LocalError, end_group, end_members, environment, last_line
from secure_containers.local.connection import FILE, Connection

DEFAULT_PORT: Final = 4577
_LOCK: Final = "secure-containers.lock"
_PID: Final = "server.pid"
_READY_WITHIN: Final = 60.0
_STOPPED_WITHIN: Final = 5.0
_ANSWERS_WITHIN: Final = 5.0
_PORT_TAKEN: Final = 3
"""The exit code of the server for a port that somebody else has."""
_SPACE: Final = 300 * 1024 * 1024
"""What a deployment of the reference stacks needs on the disk, with room to spare."""


class PortTakenError(LocalError):
    """Another program listens where the emulator was to."""


class Run:
    """Everything that `up` makes stands below one directory, and `down` removes it whole."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.log = self.directory / "server.log"
        self._started: subprocess.Popen[bytes] | None = None

    @contextmanager
    def locked(self, *, create: bool = True) -> Iterator[bool]:
        """Keeps other commands out of the directory; gives whether there is one.

        The lock is the operating system's and goes with the process that holds it, so it cannot be left behind.

        Raises:
            LocalError: another command is at work, the directory is somebody else's, or the disk is full.
        """
        path = self.directory / _LOCK
        if not create and not self.directory.exists():
            yield False
            return
        self._refuse_what_is_not_ours()
        if create:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _is_ours(descriptor, path):
                holder = path.read_text(encoding="utf-8").strip() if path.exists() else ""
                who = f" (process {holder})" if holder else ""
                raise LocalError(f"another command is at work in {self.directory}{who}; wait for it, or end it")
            if create:
                self._refuse_a_full_disk()
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
            yield True
        finally:
            os.close(descriptor)

    def _refuse_what_is_not_ours(self) -> None:
        if not self.directory.exists() or (self.directory / _LOCK).exists():
            return
        if not self.directory.is_dir() or any(self.directory.iterdir()):
            raise LocalError(
                f"{self.directory} holds other things than a run of the emulator; name another with --directory"
            )

    def _refuse_a_full_disk(self) -> None:
        free = shutil.disk_usage(self.directory).free
        if free < _SPACE:
            raise LocalError(
                f"{free >> 20} MB are free where {self.directory} is, {_SPACE >> 20} MB are needed; "
                "free some, or name another place with --directory"
            )

    def connection(self) -> Connection | None:
        """How to reach the emulator, if it runs and answers. Only ours can: it has the key of the run's certificate."""
        try:
            connection = Connection.read(self.directory)
            context = ssl.create_default_context(cafile=connection.ca)
            with (
                socket.create_connection(("127.0.0.1", connection.port), timeout=_ANSWERS_WITHIN) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as channel,
            ):
                channel.sendall(b"GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                answers = channel.recv(15).startswith(b"HTTP/1.1 200")
        except (OSError, ValueError, TypeError):  # no such file, half a file, nobody there, or somebody else
            return None
        return connection if answers else None

    @property
    def left_over(self) -> bool:
        """Whether an earlier emulator stands in the directory that does not answer any more."""
        return (self.directory / FILE).exists() and self.connection() is None

    def start(self, port: int) -> Connection:
        """Starts the emulator in the background, and waits until it answers.

        Raises:
            LocalError: the port is taken, or it does not start.
        """
        for name in ("home", "tmp"):  # the server makes them
            shutil.rmtree(self.directory / name, ignore_errors=True)
        (self.directory / FILE).unlink(missing_ok=True)
        arguments = [sys.executable, "-m", "secure_containers.local.server"]
        arguments += ["--port", str(port), "--directory", str(self.directory)]
        with self.log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module, without a shell
                arguments,
                env=environment(self.directory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            (self.directory / _PID).write_text(str(process.pid), encoding="utf-8")
            connection = self._ready(process, port)
        except BaseException:
            end_group(process)
            raise
        self._started = process
        return connection

    def _ready(self, process: subprocess.Popen[bytes], port: int) -> Connection:
        until = time.monotonic() + _READY_WITHIN
        while time.monotonic() < until:
            code = process.poll()
            if code == _PORT_TAKEN:
                raise PortTakenError(
                    f"port {port} is in use by another program; free it, or choose another with --port"
                )
            if code is not None:
                raise LocalError(f"the emulator did not start: {last_line(self.log)}; see {self.log}")
            if connection := self.connection():
                return connection
            time.sleep(0.05)
        raise LocalError(f"the emulator did not answer within {_READY_WITHIN:.0f} s; see {self.log}")

    def stop(self) -> None:
        """Ends the emulator and whatever else of the run is alive; first asks, then does not."""
        with suppress(OSError, ValueError):
            leader = int((self.directory / _PID).read_text(encoding="utf-8"))
            if self._is_the_server(leader):
                os.kill(leader, signal.SIGTERM)
                self._wait_for(leader)
                with suppress(OSError):
                    os.killpg(leader, signal.SIGKILL)
        end_members(self.directory)
        if self._started:
            self._started.wait()
        for name in (FILE, _PID):
            (self.directory / name).unlink(missing_ok=True)

    def _is_the_server(self, pid: int) -> bool:
        """Whether this is still our process, and not another that was given its number."""
        arguments = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            try:
                command = subprocess.run(arguments, capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
            except (OSError, subprocess.TimeoutExpired):
                return False
        return "secure_containers.local.server" in command and str(self.directory) in command

    def _wait_for(self, pid: int) -> None:
        until = time.monotonic() + _STOPPED_WITHIN
        while time.monotonic() < until:
            if self._started:
                self._started.poll()  # or it would stay a zombie
            if not self._is_the_server(pid):
                return
            time.sleep(0.05)

    def remove(self) -> None:
        """Removes the directory with all that is in it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.directory.exists():  # something was written meanwhile, or it cannot be removed: now it is said
            shutil.rmtree(self.directory)


def _is_ours(descriptor: int, path: Path) -> bool:
    """Whether we have the lock now, and its file is still the one that others see."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino
