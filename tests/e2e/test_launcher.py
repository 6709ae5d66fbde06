"""`up`, `down` and `status` where something is in the way: one clear line, nothing left, never a hang."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_containers.local import cli, run
from secure_containers.local.children import Child, LocalError, environment, members
from secure_containers.local.run import Run
from tests.e2e.deployment import command, local
from tests.support import ROOT


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where a run may be, which is ended whatever the test has done."""
    path = tmp_path / "a run"
    yield path
    if (path / "secure-containers.lock").exists():
        Run(path).stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def only_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def test_a_taken_port(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = local("up", "--port", str(port), directory=directory)
    assert done.returncode == 1
    assert only_line(done.stderr) == (
        f"local: port {port} is in use by another program; free it, or choose another with --port"
    )
    assert not directory.exists()


def test_a_command_that_is_at_work(directory: Path) -> None:
    with Run(directory).locked():
        for name in ("up", "down"):
            done = local(name, directory=directory)
            assert done.returncode == 1
            line = only_line(done.stderr)
            assert line == (
                f"local: another command is at work in {directory} (process {os.getpid()}); wait for it, or end it"
            )


def test_the_lock_of_a_command_that_has_died_is_none(directory: Path) -> None:
    directory.mkdir()
    (directory / "secure-containers.lock").write_text("999999\n")
    done = local("down", directory=directory)
    assert done.returncode == 0, done.stderr
    assert not directory.exists()


def test_a_directory_of_somebody_else_is_left_alone(directory: Path) -> None:
    directory.mkdir()
    (directory / "thesis.txt").write_text("years of work")
    for name in ("up", "down"):
        done = local(name, directory=directory)
        assert done.returncode == 1
        assert "holds other things than a run of the emulator; name another with --directory" in only_line(done.stderr)
    assert (directory / "thesis.txt").exists()


def test_nothing_runs(directory: Path) -> None:
    assert local("status", directory=directory).returncode == 3
    done = local("down", directory=directory)
    assert (done.returncode, done.stdout) == (0, f"nothing to remove: there is no {directory}\n")
    assert only_line(local("run", "cdk", "diff", directory=directory).stderr) == (
        "local: no emulator runs; start one with `up`"
    )


def test_a_folder_without_an_app(directory: Path, tmp_path: Path) -> None:
    done = local("up", directory=directory, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 1
    assert only_line(done.stderr) == f"local: there is no cdk.json in {tmp_path}; run this in the folder of the app"


def test_a_disk_with_little_room(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_SPACE", 1 << 60)
    said = r"MB are free where .* MB are needed; free some, or name another place"
    with pytest.raises(LocalError, match=said), Run(directory).locked():
        pytest.fail("it has the room")


def test_a_disk_that_is_full(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: Run) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/full")

    monkeypatch.setattr(Run, "_refuse_a_full_disk", full)
    monkeypatch.chdir(ROOT)
    assert cli.main(["up", "--directory", str(directory)]) == 1
    assert only_line(capsys.readouterr().err) == "local: the disk is full (/full); free some and try again"


@pytest.mark.parametrize("argument", ["-1", "70000", "x"])
def test_a_wrong_port(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["up", f"--port={argument}"])
    assert f"{argument!r} is no port; allowed: 0 to 65535" in capsys.readouterr().err


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    said = "sleep did not end within 1 s; give it longer with --limit"
    child = Child(["sleep", "60"], env=os.environ, log=tmp_path / "log")
    with pytest.raises(LocalError, match=said), child:
        child.wait(1)
    assert child.process.returncode == -signal.SIGTERM
    assert time.monotonic() - began < 5


def test_children_see_nothing_of_the_machines_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {
        "AWS_CA_BUNDLE": "/x",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "x",
        "CURL_CA_BUNDLE": "/x",
        "HTTPS_PROXY": "http://proxy.example.org",
        "NODE_EXTRA_CA_CERTS": "/x",
        "NODE_OPTIONS": "--require /x.js",
        "REQUESTS_CA_BUNDLE": "/x",
        "SSL_CERT_FILE": "/x",
        "https_proxy": "http://proxy.example.org",
    }
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example.org")
    seen = environment(tmp_path)
    assert not {name for name, value in elsewhere.items() if seen.get(name) == value}
    assert seen["PIP_INDEX_URL"] == "https://packages.example.org"
    assert seen["HOME"] == str(tmp_path / "home")
    assert seen["TMPDIR"] == str(tmp_path / "tmp")


def test_an_emulator_that_was_killed(directory: Path) -> None:
    before = Run(directory)
    with before.locked():
        first = before.start(free_port())
    assert local("status", directory=directory).returncode == 0
    (server,) = (pid for pid in members(directory) if b"local.server" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(server, signal.SIGKILL)
    done = local("status", directory=directory)
    assert (done.returncode, done.stdout) == (3, "an emulator that does not answer; `down` clears up\n")
    with before.locked():
        before.stop()
        second = before.start(first.port)
    assert second.port == first.port
    assert local("down", directory=directory).returncode == 0
    before.stop()  # what has started the emulator hears of its end
    assert not directory.exists()
    assert is_free(first.port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_up_that_is_interrupted_leaves_nothing(directory: Path, number: signal.Signals) -> None:
    port = free_port()
    with started_up(directory, port) as process:
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.endswith("interrupted; the emulator is stopped and nothing is left\n")
    assert not members(directory)
    assert not directory.exists()
    assert is_free(port)


def test_what_a_killed_up_has_left_is_cleared_up(directory: Path) -> None:
    port = free_port()
    with started_up(directory, port) as process:
        process.kill()
        process.communicate(timeout=30)
    assert members(directory)
    done = local("down", directory=directory)
    assert done.returncode == 0, done.stderr
    assert not members(directory)
    assert not directory.exists()
    assert is_free(port)


def started_up(directory: Path, port: int) -> subprocess.Popen[str]:
    """`up`, in the middle of its work."""
    process = subprocess.Popen(
        command("up", "--port", str(port), directory=directory),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell lets what it starts in the background ignore SIGINT, and a test run in the background hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - no threads
    )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(2)]
    assert lines[0].startswith(f"the emulator runs at https://127.0.0.1:{port}"), lines
    time.sleep(0.5)
    return process


def test_the_directory_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    assert Run(link).directory == tmp_path / "real"
    shutil.rmtree(tmp_path / "real")
