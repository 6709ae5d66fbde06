"""Holds ours against the same in plain aws_cdk, by a program of two ways (`two_ways.py`)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from measure import Samples, in_turns, run_script, samples, table

_FLAVOURS: Final = ("plain", "ours")
_SAME_OF: Final = 10
_NOT_COMPARED: Final = ("AlarmDescription", "Description", "GroupDescription", "Tags")


@dataclass(frozen=True, kw_only=True, slots=True)
class AgainstPlain:
    """A program of two ways, and how often it runs."""

    program: str
    written: str
    """Where the two ways are written."""
    ours: str
    """The construct that is held against plain aws_cdk."""
    each: str
    """What there are many of, in the singular."""
    repetitions: Mapping[int, int]
    """By number: short runs swing more and cost less."""

    def synth(self, flavour: str, folder: str, *, number: int) -> dict[str, Any]:
        """Construct and synthesize so many into a folder."""
        return run_script(self.program, "time", flavour, str(number), folder)

    def times(self) -> dict[int, Times]:
        """By number, the times of both ways in turns; both have to give the same resources."""
        self._require_same_resources()
        found = {}
        for number, repetitions in self.repetitions.items():
            results = in_turns(_FLAVOURS, partial(self._synth, number=number), repetitions)
            found[number] = Times(*(samples(results[flavour], "seconds") for flavour in _FLAVOURS))
        return found

    def table(self, times: Mapping[int, Times]) -> list[str]:
        rows = [[f"{number:,}", took.plain.text, took.ours.text, f"{took.ratio:.2f}"] for number, took in times.items()]
        runs = ", ".join(f"{repetitions} runs for {number:,}" for number, repetitions in self.repetitions.items())
        return [
            f"Seconds, median (lowest to highest), in turns: {runs}.",
            "",
            *table([f"{self.each}s", "plain aws_cdk", self.ours, "ratio"], rows),
        ]

    def bridge(self, first: str, *, most: int | None = None) -> list[str]:
        """The calls from Python to Node; of the lines of ours only so many, those that cost most.

        `first` says what stands once, under all others.
        """
        plain, ours = (run_script(self.program, "count", flavour) for flavour in _FLAVOURS)
        return [
            f"A {self.each} takes {calls(plain)} from Python to Node in plain",
            f"aws_cdk and {calls(ours)} in ours; {first}, with its first {self.each},",
            f"{plain['first']} and {ours['first']} calls:",
            "",
            *lines_of_ours(ours, self.each, most=most),
        ]

    def _synth(self, flavour: str, *, number: int) -> dict[str, Any]:
        with TemporaryDirectory() as folder:
            return self.synth(flavour, folder, number=number)

    def _require_same_resources(self) -> None:
        plain, ours = (self._resources(flavour) for flavour in _FLAVOURS)
        if not plain or plain != ours:
            raise RuntimeError(
                f"plain aws_cdk (benchmarks/{self.written}) and {self.ours} do not give the same resources, "
                f"so their times do not compare:\n{_told(plain - ours)}\nagainst\n{_told(ours - plain)}"
            )

    def _resources(self, flavour: str) -> Counter[str]:
        with TemporaryDirectory() as folder:
            self.synth(flavour, folder, number=_SAME_OF)
            return _resources(folder)


@dataclass(frozen=True, slots=True)
class Times:
    """The times of both ways for one number."""

    plain: Samples
    ours: Samples

    @property
    def ratio(self) -> float:
        return self.ours.median / self.plain.median


def calls(counted: Mapping[str, Any]) -> str:
    """How many calls one takes, and how long."""
    return f"{counted['crossings']:g} calls ({counted['milliseconds']:.1f} ms with the Python around them)"


def lines_of_ours(counted: Mapping[str, Any], each: str, *, most: int | None = None) -> list[str]:
    """A table of the lines that call Node; beyond `most` of them, the others are one row."""
    lines: Sequence[Mapping[str, Any]] = counted["lines"]
    rows = [_row(f"`{line['place']}`", line["what"], [line]) for line in lines[:most]]
    others = lines[most:] if most is not None else []
    if others:
        rows.append(_row(f"{len(others)} others", "", others))
    return table(["line of ours", "call", f"calls a {each}", "ms"], rows)


def _row(place: str, what: str, lines: Sequence[Mapping[str, Any]]) -> list[str]:
    number, milliseconds = (sum(line[name] for line in lines) for name in ("calls", "milliseconds"))
    return [place, what, f"{number:g}", f"{milliseconds:.2f}"]


def _resources(folder: str) -> Counter[str]:
    """A folder's resources with their properties and what a deletion does to them, and how many there are of each."""
    templates = {
        path.name.removesuffix(".template.json"): json.loads(path.read_text("utf-8"))
        for path in Path(folder).glob("*.template.json")
    }
    types = {id: each["Type"] for template in templates.values() for id, each in template["Resources"].items()}
    published = {
        (stack, name): _comparable(output["Value"], types, {})
        for stack, template in templates.items()
        for name, output in template.get("Outputs", {}).items()
    }
    return Counter(
        " ".join(
            (
                each["Type"],
                each.get("DeletionPolicy", ""),
                json.dumps(_comparable(each["Properties"], types, published), sort_keys=True),
            )
        )
        for template in templates.values()
        for each in template["Resources"].values()
    )


def _comparable(node: Any, types: Mapping[str, str], published: Mapping[tuple[str, str], Any]) -> Any:
    """A property without descriptions, tags and empty lists; what it refers to is told by type."""
    if isinstance(node, list):
        return [_comparable(each, types, published) for each in node]
    if not isinstance(node, dict):
        return node
    if "Fn::GetStackOutput" in node:
        output = node["Fn::GetStackOutput"]
        return published[output["StackName"], output["OutputName"]]
    if "Ref" in node:
        return {"Ref": types.get(node["Ref"], node["Ref"])}
    if "Fn::GetAtt" in node:
        return {"Fn::GetAtt": [types[node["Fn::GetAtt"][0]], node["Fn::GetAtt"][1]]}
    told = {name: each for name, each in node.items() if name not in _NOT_COMPARED and each != []}
    if told.get("PolicyName") in types:  # which CDK makes of the logical id
        del told["PolicyName"]
    return {name: _comparable(each, types, published) for name, each in told.items()}


def _told(resources: Counter[str]) -> str:
    return "\n".join(f"{number} of {text}" for text, number in sorted(resources.items()))
