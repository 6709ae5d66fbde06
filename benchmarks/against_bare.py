"""Holds one of ours, with its network and repository, against its resources alone, and times our rules over it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from measure import Goal, Samples, at_most, in_turns, linear, run_script, samples

HEAD: Final = ["bare, s", "ours, s", "ratio"]
BARE: Final = [
    "Bare has each of these resources by `CfnResource`, with its properties written out: less than anybody takes",
    "who writes them in plain aws_cdk, since grants and references are worked out already.",
]
_PROGRAM: Final = "time_bare.py"
_NUMBERS: Final = (1, 4)
_REPETITIONS: Final = 5
_MOST_OVER_BARE: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class AgainstBare:
    """What was measured of one construct."""

    name: str
    resources: int
    bare: dict[int, Samples]
    ours: dict[int, Samples]
    packed: Samples
    rules: Samples

    @property
    def rows(self) -> list[list[str]]:
        """By number the times of both, and how they compare."""
        return [
            [str(number), self.bare[number].text, self.ours[number].text, f"{self._ratios[number]:.2f}"]
            for number in _NUMBERS
        ]

    def goals(self, noun: str) -> list[Goal]:
        costs = {number: took.median / number for number, took in self.ours.items()}
        return [
            at_most(f"a {noun} takes at most {{:.2f}} times its bare resources", _MOST_OVER_BARE, self._ratios),
            linear(f"{noun}s are linear", f"a {noun}", costs),
        ]

    @property
    def _ratios(self) -> dict[int, float]:
        return {number: took.median / self.bare[number].median for number, took in self.ours.items()}


def against_bare(name: str) -> AgainstBare:
    """Measure a construct."""
    with TemporaryDirectory() as folder:
        run_script(_PROGRAM, name, "ours", "1", folder)
        template = Path(folder) / "Stack0.template.json"
        resources = len(json.loads(template.read_text(encoding="utf-8"))["Resources"])

        def run(what: tuple[str, int]) -> dict[str, Any]:
            with TemporaryDirectory() as out:
                return run_script(_PROGRAM, name, what[0], str(what[1]), out, str(template))

        found = in_turns([(flavour, number) for number in _NUMBERS for flavour in ("ours", "bare")], run, _REPETITIONS)
        judged = in_turns(["SC-"], lambda prefix: run_script("time_rules.py", folder, prefix), _REPETITIONS)["SC-"]
    of_ours = [result for number in _NUMBERS for result in found["ours", number]]
    return AgainstBare(
        name=name,
        resources=resources,
        bare={number: samples(found["bare", number], "seconds") for number in _NUMBERS},
        ours={number: samples(found["ours", number], "seconds") for number in _NUMBERS},
        packed=samples(of_ours, "packed"),
        rules=samples(judged, "seconds"),
    )
