"""What the tests of the command line share: a folder to stand in, and the command run in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secure_containers.check.cli import main


@dataclass(frozen=True)
class Run:
    """What one run of the command gave."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def ids(self) -> set[str]:
        return {finding["rule"] for finding in self.report["findings"]}

    @property
    def errors(self) -> list[str]:
        return self.report["errors"]


Command = Callable[..., Run]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Run:
        capsys.readouterr()
        code = main(arguments)
        out, err = capsys.readouterr()
        assert code in (0, 1, 2)
        assert "Traceback" not in out + err
        return Run(code, out, err)

    return run


@pytest.fixture
def check(run: Command) -> Command:
    """`check`, with its report as JSON."""
    return lambda *arguments: run("check", "--format", "json", *arguments)
