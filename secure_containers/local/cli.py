"""The command `python -m secure_containers.local`: up, down, status, run."""

from __future__ import annotations

import argparse
import errno
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from secure_containers.local import report
from secure_containers.local.cdk import Cdk, why
from secure_containers.local.children import LocalError, environment
from secure_containers.local.connection import Connection
from secure_containers.local.run import DEFAULT_PORT, PortTakenError, Run
from secure_containers.local.stacks import BOOTSTRAP, Stack, delete_all, first_failure, stacks, types

DONE: Final = 0
FAILED: Final = 1
NOT_RUNNING: Final = 3
INTERRUPTED: Final = 130
_NEEDS: Final = ("boto3", "cryptography", "hypercorn", "ministack")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit code: 0 done, 1 something failed, 3 (`status`) nothing runs."""
    parsed = _parser().parse_args(arguments)
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        return _failed(f"{', '.join(missing)} not installed; pip install 'secure-containers[local]'")
    try:
        with _ends_are_interrupts():
            code: int = parsed.run(parsed)
    except KeyboardInterrupt:
        return INTERRUPTED
    except LocalError as error:
        return _failed(str(error))
    except _errors_of_calls() as error:
        return _failed(f"the emulator: {error}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _failed(f"the disk is full ({error.filename or parsed.directory}); free some and try again")
        return _failed(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    return code


def _errors_of_calls() -> tuple[type[Exception], ...]:
    """What a call of AWS's raises; the extra that brings it may not be installed."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - said in one line if it is missing

    return BotoCoreError, ClientError


def _failed(line: str) -> int:
    sys.stderr.write(f"local: {line}\n")
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m secure_containers.local",
        description="Deploy the app of this folder on this machine, without an account. See docs/local.md",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start the emulator and deploy every stack")
    up.add_argument("--port", type=_port, help=f"where to listen; {DEFAULT_PORT} if left out, 0 for any that is free")
    up.add_argument("--app", help="another app than that of cdk.json: a command")
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="delete every stack, stop the emulator and remove its directory")
    down.set_defaults(run=_down)
    status = commands.add_parser("status", help="tell what runs; exit code 0 if the emulator answers, else 3")
    status.set_defaults(run=_status)
    for each in (up, down):
        each.add_argument("--limit", type=float, default=600.0, help="seconds that a step may take; 600 if left out")
    run = commands.add_parser("run", help="run a command in the emulator's environment: run -- cdk diff")
    run.add_argument("command", nargs=argparse.REMAINDER, help="the command, after --")
    run.set_defaults(run=_run)
    for each in (up, down, status, run):
        each.add_argument(
            "--directory", type=Path, default=Path(".local"), help="where all of it is; .local if left out"
        )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed: 0 to 65535")
    return int(text)


@contextmanager
def _ends_are_interrupts() -> Iterator[None]:
    """Makes what ends a program from outside arrive as Ctrl-C does, so that it cleans up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Cleaning up is short, and whoever is impatient must not make it leave half."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _up(parsed: argparse.Namespace) -> int:
    run = Run(parsed.directory)
    cdk = Cdk(Path.cwd(), run.directory, limit=parsed.limit, app=parsed.app)
    existed = run.directory.exists()
    with run.locked():
        running = run.connection()
        try:
            connection = running or _start(run, parsed.port)
            if running:
                _say(f"the emulator runs already at {running.endpoint}")
                if parsed.port not in (None, 0, running.port):
                    raise LocalError(f"it listens on port {running.port}; run `down` first for port {parsed.port}")
            lines = report.environment_lines(connection.environment())
            settings = run.directory / "environment.sh"
            settings.touch(mode=0o600)
            settings.write_text(lines, encoding="utf-8")
            return _deploy(run, cdk, connection)
        except KeyboardInterrupt:
            with _uninterrupted():
                if running:
                    _say("interrupted; the emulator was running before and goes on, `down` ends it")
                else:
                    run.stop()
                    run.remove()
                    _say("interrupted; the emulator is stopped and nothing is left")
            raise
        except PortTakenError:
            if not existed:
                run.remove()
            raise


def _start(run: Run, port: int | None) -> Connection:
    if run.left_over:
        _say("an earlier emulator has not ended well; clearing up after it")
    run.stop()  # also what an `up` that was killed has left
    for name in ("inputs", "server.log"):
        (run.directory / name).unlink(missing_ok=True)
    connection = run.start(DEFAULT_PORT if port is None else port)
    _say(f"the emulator runs at {connection.endpoint}, its log is {run.log}")
    return connection


def _deploy(run: Run, cdk: Cdk, connection: Connection) -> int:
    began = time.monotonic()
    cloudformation = connection.client("cloudformation")
    assembly = cdk.prepare(connection, stacks(cloudformation), told=_say)
    unknown = assembly.unknown()
    names = [name for name in assembly.templates if name not in unknown]
    changed = set[str]()

    def told(name: str, has_changed: bool) -> None:
        if has_changed:
            changed.add(name)

    code, child_log = 0, run.directory / "deploy.log"
    if names:
        _say(f"deploying {', '.join(names)}")
        child = cdk.deploy(connection, names, told=told)
        code = child.process.returncode
    found = stacks(cloudformation)
    failed = [name for name in names if name not in found or not found[name].complete]
    _say()
    for name in assembly.templates:
        _tell(connection, name, found.get(name), unknown.get(name, []), failed=name in failed, deploy_log=child_log)
    if code and not failed:
        raise LocalError(f"cdk deploy failed: {why(run.directory / 'deploy.log')}; see {run.directory / 'deploy.log'}")
    seconds = time.monotonic() - began
    if failed or unknown:
        _say("the emulator goes on for you to look at it; mend it and run `up` again, or end it with `down`")
        return _failed(f"{', '.join([*failed, *unknown])} not deployed; log: {run.directory / 'deploy.log'}")
    _say(f"deployed in {seconds:.0f} s" if changed else f"nothing has changed ({seconds:.1f} s)")
    _say()
    sys.stdout.write(report.look_around(connection, run.directory / "environment.sh"))
    return DONE


def _tell(
    connection: Connection,
    name: str,
    stack: Stack | None,
    unknown: Sequence[tuple[str, str]],
    *,
    failed: bool,
    deploy_log: Path,
) -> None:
    if stack is None:
        log = [f"  {why(deploy_log)}"] if failed else []
        _say("\n".join([f"{name}  not deployed", *report.unknown_lines(unknown), *log, ""]))
        return
    cloudformation = connection.client("cloudformation")
    failure = first_failure(cloudformation, name) if failed else None
    _say(report.stack_lines(stack, types(cloudformation, name), unknown, failure))


def _down(parsed: argparse.Namespace) -> int:
    run = Run(parsed.directory)
    failed: dict[str, str] = {}
    with run.locked(create=False) as exists:
        if not exists:
            _say(f"nothing to remove: there is no {run.directory}")
            return DONE
        connection = run.connection()
        if connection:
            _say("deleting the stacks")
            try:
                failed = delete_all(connection, limit=parsed.limit)
            except LocalError as error:
                failed = {"": str(error)}
            except _errors_of_calls() as error:
                failed = {"": f"the stacks were not deleted: {error}"}
            finally:  # whatever comes in between, nothing is left
                _end(run)
        else:
            _end(run)
    _say(f"the emulator is stopped and {run.directory} is removed")
    for name, reason in failed.items():
        _failed(f"{name}: {reason}" if name else reason)
    return FAILED if failed else DONE


def _end(run: Run) -> None:
    with _uninterrupted():
        run.stop()
        run.remove()


def _status(parsed: argparse.Namespace) -> int:
    run = Run(parsed.directory)
    connection = run.connection()
    if connection is None:
        _say("an emulator that does not answer; `down` clears up" if run.left_over else "no emulator runs")
        return NOT_RUNNING
    _say(f"the emulator runs at {connection.endpoint}")
    for stack in stacks(connection.client("cloudformation")).values():
        if stack.name != BOOTSTRAP:
            _say(f"{stack.name}  {stack.status}")
    return DONE


def _run(parsed: argparse.Namespace) -> int:
    run = Run(parsed.directory)
    connection = run.connection()
    if connection is None:
        raise LocalError("no emulator runs; start one with `up`")
    command = parsed.command[1:] if parsed.command[:1] == ["--"] else parsed.command
    if not command:
        raise LocalError("no command is given; write run -- cdk diff")
    own = environment(run.directory, connection)
    try:
        os.execvpe(command[0], command, own)  # noqa: S606 - the user's own command is what this is for
    except FileNotFoundError:
        raise LocalError(f"there is no command {command[0]!r}") from None
