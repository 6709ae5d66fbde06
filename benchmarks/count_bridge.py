"""Counts the calls from Python to Node for one repository, and tells their lines: `count_bridge.py plain|ours`.

Times of a shared machine swing; the number of crossings does not.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Final
from unittest import mock

import repositories
from aws_cdk import Stack
from jsii._kernel.providers.process import _NodeProcess

import secure_containers

_NUMBER: Final = 100
_OURS: Final = Path(secure_containers.__file__).parent
_FILES: Final = (str(_OURS), repositories.__file__)


@dataclass(slots=True)
class _Line:
    calls: int = 0
    seconds: float = 0.0


def main(flavour: str) -> dict[str, Any]:
    make = repositories.plain if flavour == "plain" else repositories.secured
    with TemporaryDirectory() as folder:
        stack = Stack(repositories.new_app(folder), "Repositories")
        make(stack, "First", "Repositories/First")  # what is looked up once and kept is not counted
        with _watched() as lines:
            began = time.perf_counter()
            for each in range(_NUMBER):
                make(stack, f"Images{each}", f"Repositories/Images{each}")
            seconds = time.perf_counter() - began
    return {
        "crossings": sum(line.calls for line in lines.values()) / _NUMBER,
        "milliseconds": seconds / _NUMBER * 1e3,
        "lines": [
            {"place": place, "what": what, "calls": line.calls / _NUMBER, "milliseconds": line.seconds / _NUMBER * 1e3}
            for (place, what), line in sorted(lines.items(), key=lambda item: -item[1].seconds)
        ],
    }


@contextmanager
def _watched() -> Iterator[dict[tuple[str, str], _Line]]:
    lines: dict[tuple[str, str], _Line] = {}
    send = _NodeProcess.send

    def watched(self: _NodeProcess, request: Any, response_type: Any) -> Any:
        began = time.perf_counter()
        try:
            return send(self, request, response_type)
        finally:
            line = lines.setdefault((_place(sys._getframe(1)), _what(request)), _Line())  # noqa: SLF001 - the only way to the caller that costs little
            line.calls += 1
            line.seconds += time.perf_counter() - began

    with mock.patch.object(_NodeProcess, "send", watched):
        yield lines


def _place(frame: FrameType | None) -> str:
    """The innermost line of ours."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_FILES):
            return f"{Path(file).relative_to(_OURS.parent).as_posix()}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


def _what(request: Any) -> str:
    kind = type(request).__name__.removesuffix("Request")
    named = [
        str(getattr(request, name)).rsplit(".", 1)[-1]
        for name in ("fqn", "property", "method")
        if getattr(request, name, None)
    ]
    return f"{kind} {'.'.join(named)}"


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
