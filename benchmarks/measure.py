"""How things are timed: every program as a process of its own, repeated in turns, and told by its median."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

Key = TypeVar("Key")

_MOST_GROWTH: Final = 1.25
"""Time for one, among many against among few: linear, with room for noise."""

HERE: Final = Path(__file__).parent
BIN: Final = Path(sys.executable).parent
"""Where the environment's programs are, Node among them."""
ENVIRONMENT: Final = {
    **os.environ,
    "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class Samples:
    """The seconds of several runs of one thing."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def text(self) -> str:
        """The median, and between which runs it lies."""
        if len(self.seconds) == 1:
            return f"{_digits(self.median)} (one run)"
        return f"{_digits(self.median)} ({_digits(min(self.seconds))} to {_digits(max(self.seconds))})"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is aimed at, what was measured, and whether that is enough."""

    aim: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the page: its Markdown, and the goals that it decides."""

    title: str
    lines: Sequence[str]
    goals: Sequence[Goal]


def at_most(aim: str, most: float, found: Mapping[int, float], form: str = "{:.2f}") -> Goal:
    """A goal for all numbers of something; `aim` has a place for the most that is allowed."""
    measured = ", ".join(f"{form.format(value)} at {number:,}" for number, value in found.items())
    return Goal(aim.format(most), measured, all(value <= most for value in found.values()))


def linear(what: str, each: str, costs: Mapping[int, float]) -> Goal:
    """A goal for what each costs among few and among many, the first and the last of these numbers."""
    (few, little), *_, (many, much) = costs.items()
    aim = f"{what}: {each} costs at most {_MOST_GROWTH:g} times as much among {many:,} as among {few:,}"
    return Goal(aim, f"{much / little:.2f} times", much / little <= _MOST_GROWTH)


def in_turns(things: Sequence[Key], run: Callable[[Key], Any], repetitions: int) -> dict[Key, list[Any]]:
    """The results of running each thing so often; the order turns round, so that a busy minute hits all alike."""
    results: dict[Key, list[Any]] = {thing: [] for thing in things}
    for repetition in range(repetitions):
        for thing in things if repetition % 2 == 0 else reversed(things):
            results[thing].append(run(thing))
    return results


def run_script(name: str, *arguments: str) -> dict[str, Any]:
    """Run a timed program of this folder; it prints what it measured as JSON on its last line.

    Those of `samples` find the modules of this folder too.
    """
    tell(" ".join((name, *(Path(argument).name for argument in arguments))))
    done = subprocess.run(
        [sys.executable, HERE / name, *arguments],
        env={**ENVIRONMENT, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name} {' '.join(arguments)} failed:\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def run_command(
    command: Sequence[str | Path],
    *,
    codes: Collection[int],
    timeout: float,
    environment: Mapping[str, str] | None = None,
) -> float | None:
    """The seconds of a whole process; None if it takes longer than `timeout`.

    An exit code outside `codes` is a failure, not a time.
    """
    tell(" ".join(Path(word).name for word in command))
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            env={**ENVIRONMENT, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return None
    seconds = time.perf_counter() - started
    if done.returncode not in codes:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds


def samples(results: Sequence[Mapping[str, Any]], name: str) -> Samples:
    return Samples(tuple(float(result[name]) for result in results))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, its first column to the left, numbers to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _digits(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 10 else f"{seconds:.2f}" if seconds >= 1 else f"{seconds:.3f}"
