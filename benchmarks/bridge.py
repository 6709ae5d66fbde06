"""Counts the calls from Python to Node. Times of a shared machine swing; the number of crossings does not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final
from unittest import mock

from jsii._kernel.providers.process import _NodeProcess

import secure_containers

_OURS: Final = Path(secure_containers.__file__).parent
_FILES: Final = (str(_OURS), str(Path(__file__).parent))
_NUMBER: Final = 100


@dataclass(slots=True)
class Line:
    calls: int = 0
    seconds: float = 0.0


Lines = dict[tuple[str, str], Line]
"""By place and by what is called there."""


def of_one(add: Callable[[int], None]) -> dict[str, Any]:
    """What one of many takes, as `add` makes them by their number: calls, time, and the lines that cost most first."""
    with watched() as lines:
        began = time.perf_counter()
        for each in range(_NUMBER):
            add(each)
        seconds = time.perf_counter() - began
    return {
        "crossings": crossings(lines) / _NUMBER,
        "milliseconds": seconds / _NUMBER * 1e3,
        "lines": [
            {"place": place, "what": what, "calls": line.calls / _NUMBER, "milliseconds": line.seconds / _NUMBER * 1e3}
            for (place, what), line in sorted(lines.items(), key=lambda item: -item[1].seconds)
        ],
    }


def crossings(lines: Lines) -> int:
    return sum(line.calls for line in lines.values())


@contextmanager
def watched() -> Iterator[Lines]:
    """The calls from Python to Node, by the lines that make them."""
    lines: Lines = {}
    send = _NodeProcess.send

    def counted(self: _NodeProcess, request: Any, response_type: Any) -> Any:
        began = time.perf_counter()
        try:
            return send(self, request, response_type)
        finally:
            line = lines.setdefault((_place(sys._getframe(1)), _what(request)), Line())  # noqa: SLF001 - the only way to the caller that costs little
            line.calls += 1
            line.seconds += time.perf_counter() - began

    with mock.patch.object(_NodeProcess, "send", counted):
        yield lines


def _place(frame: FrameType | None) -> str:
    """The innermost line of ours, or of the program that is measured."""
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
