"""The CDK CLI against an emulator: bootstrap, synthesis, deployment."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from secure_containers.local.children import Child, LocalError, environment, last_line
from secure_containers.local.connection import Connection
from secure_containers.local.kinds import Kind, kind_of
from secure_containers.local.stacks import BOOTSTRAP, Stack

_CLI: Final = Path("node_modules/.bin/cdk")
_NOT_INPUT: Final = ("__pycache__", "cdk.out", "node_modules")
"""Folders that templates are not made from."""
_SAID: Final = re.compile(r"(?:✅|❌)\s+(\S+?)( \(no changes\))?(?: failed.*)?$")
_WHY: Final = (re.compile(r"ERROR |app\.py: "), re.compile(r".*(❌|[eE]rror\b)"))
"""What the line begins with that says why: first what validation has found, then whatever went wrong."""


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A synthesized app."""

    directory: Path
    templates: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, directory: Path) -> Assembly:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        files = {
            artifact.get("properties", {}).get("stackName", name): artifact["properties"]["templateFile"]
            for name, artifact in manifest["artifacts"].items()
            if artifact["type"] == "aws:cloudformation:stack"
        }
        templates = {
            name: json.loads((directory / file).read_text(encoding="utf-8")) for name, file in sorted(files.items())
        }
        return cls(directory=directory, templates=templates)

    def unknown(self) -> dict[str, list[tuple[str, str]]]:
        """By stack the logical ids, and the types, of what the emulator does not know."""
        found = {
            name: [
                (id, resource["Type"])
                for id, resource in template.get("Resources", {}).items()
                if kind_of(resource["Type"]) is Kind.UNKNOWN
            ]
            for name, template in self.templates.items()
        }
        return {name: types for name, types in found.items() if types}


class Cdk:
    """The CDK CLI, run in the app's folder and in a run's environment.

    Args:
        root: the folder that holds cdk.json.
        directory: the run's, which gets the assembly and the logs.
        limit: how many seconds each command may take.
        app: another app than that of cdk.json: a command.
    """

    def __init__(self, root: Path, directory: Path, *, limit: float, app: str | None = None) -> None:
        if app is None and not (root / "cdk.json").is_file():
            raise LocalError(f"there is no cdk.json in {root}; run this in the folder of the app")
        own = root / _CLI
        found = own if own.exists() else shutil.which("cdk")
        if found is None:
            raise LocalError("the CDK CLI is not installed; run `make setup`, or `npm install aws-cdk`")
        self._cli, self._root, self._directory, self._limit, self._app = str(found), root, directory, limit, app
        self.assembly = directory / "cdk.out"

    def prepare(
        self, connection: Connection, existing: Mapping[str, Stack], *, told: Callable[[str], None]
    ) -> Assembly:
        """Bootstraps and synthesizes what is not yet, side by side."""
        with ExitStack() as open_:
            bootstrap = synth = None
            inputs = self._inputs()
            if BOOTSTRAP not in existing or not existing[BOOTSTRAP].complete:
                told("bootstrapping")
                where = f"aws://{connection.account}/{connection.region}"
                # Where no cdk.json is, or it would synthesize the app.
                bootstrap = open_.enter_context(self._start("bootstrap", connection, [where], cwd=self._directory))
            if self._inputs_before() != inputs:
                told("synthesizing")
                shutil.rmtree(self.assembly, ignore_errors=True)
                arguments = ["--quiet", "--output", str(self.assembly), *(["--app", self._app] if self._app else [])]
                synth = open_.enter_context(self._start("synth", connection, arguments))
            for name, child in (("synth", synth), ("bootstrap", bootstrap)):
                if child and child.wait(self._limit):
                    raise LocalError(f"cdk {name} failed: {why(child.log)}; see {child.log}")
        (self._directory / "inputs").write_text(inputs, encoding="utf-8")
        return Assembly.read(self.assembly)

    def deploy(self, connection: Connection, names: Sequence[str], *, told: Callable[[str, bool], None]) -> Child:
        """Deploys stacks, and gives the program, which has ended. `told` gets each stack as it is done, and whether it
        has changed."""
        seen = set[str]()

        def line(text: str) -> None:
            said = _SAID.search(text)
            if said and said[1] in names and said[1] not in seen:
                seen.add(said[1])
                told(said[1], said[2] is None)

        arguments = ["--app", str(self.assembly), *names, "--concurrency", "4", "--require-approval", "never"]
        with self._start("deploy", connection, [*arguments, "--progress", "events"]) as child:
            child.wait(self._limit, told=line)
        return child

    def _start(
        self, command: str, connection: Connection, arguments: Sequence[str], *, cwd: Path | None = None
    ) -> Child:
        return Child(
            [self._cli, command, "--no-notices", "--ci", *arguments],
            env=environment(self._directory, connection),
            log=self._directory / f"{command}.log",
            cwd=cwd or self._root,
        )

    def _inputs_before(self) -> str | None:
        if not (self.assembly / "manifest.json").is_file():
            return None
        try:
            return (self._directory / "inputs").read_text(encoding="utf-8")
        except OSError:
            return None

    def _inputs(self) -> str:
        """What the templates are made from, by the time and size of each file."""
        lines = [str(self._app)]
        for path in sorted(self._files(self._root)):
            with contextlib.suppress(FileNotFoundError):  # one that came and went
                about = path.stat()
                lines.append(f"{path} {about.st_mtime_ns} {about.st_size}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _files(self, folder: Path) -> Iterator[Path]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    inside = not entry.name.startswith(".") and entry.name not in _NOT_INPUT
                    if inside and Path(entry.path).resolve() != self._directory.resolve():
                        yield from self._files(Path(entry.path))
                elif entry.is_file():
                    yield Path(entry.path)


def why(log: Path) -> str:
    """The line of a CLI's log that says why it failed."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    for pattern in _WHY:
        for number, line in enumerate(lines):
            if pattern.match(line):
                where = lines[number + 1 : number + 2] if line.startswith("ERROR ") else []
                return ", ".join([line, *where])
    return last_line(log)
