"""What `LeastPrivilegeBatchEnv` adds to a synth, how that and our rules grow with the kinds of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from against_plain import AgainstPlain, Times
from measure import Part, at_most, in_turns, linear, run_script, samples, table

_REPETITIONS: Final = {1: 9, 10: 9, 100: 7}
_ONE: Final = 1
_MOST: Final = 100
_PROOFS: Final = 7
_MOST_OVER_PLAIN: Final = 1.25
_LINES: Final = 25
_RULES: Final = {"SC-BAT-": "SC-BAT-*", "SC-": "all"}
"""Beginnings of ids, and what they are called."""
_BATCHES: Final = AgainstPlain(
    program="samples/batch_synth.py",
    written="samples/batches.py",
    ours="LeastPrivilegeBatchEnv",
    each="job",
    repetitions=_REPETITIONS,
)


def measure_batch() -> Part:
    times = _BATCHES.times()
    costs = _a_job({number: took.ours.median for number, took in times.items()})
    lines = [
        "Constructing and synthesizing a `PrivateNetwork` in a stack of its own, a `SecureEcrRepository` and a",
        "`LeastPrivilegeBatchEnv` in another, and so many kinds of jobs in others of at most 500 resources; imports",
        "are not counted. Plain has the same network and repository, and everything else straight in the stacks; that",
        "both ways give the same resources is checked first.",
        *_BATCHES.table(times),
        "",
        "One more job, from the medians above:",
        "",
        *_more(times),
        "",
        *_BATCHES.bridge("network, repository and environment", most=_LINES),
        "",
        *_judged(),
    ]
    goals = [
        at_most(
            f"an environment with {_MOST} kinds of jobs takes at most {{:.2f}} times plain aws_cdk",
            _MOST_OVER_PLAIN,
            {_MOST: times[_MOST].ratio},
        ),
        linear("an environment is linear", "a job", costs),
    ]
    return Part("Batch", lines, goals)


def _more(times: Mapping[int, Times]) -> list[str]:
    plain, ours = (
        _a_job({number: getattr(took, flavour).median for number, took in times.items()})
        for flavour in ("plain", "ours")
    )
    rows = [
        [f"{number:,}", f"{plain[number] * 1e3:.1f}", f"{cost * 1e3:.1f}", f"{cost / plain[number]:.2f}"]
        for number, cost in ours.items()
    ]
    return table(["a job among", "plain aws_cdk, ms", "LeastPrivilegeBatchEnv, ms", "ratio"], rows)


def _judged() -> list[str]:
    """What our rules take over the templates of ours, read afresh."""
    with TemporaryDirectory() as folder:
        for number in _REPETITIONS:
            (Path(folder) / str(number)).mkdir()
            _BATCHES.synth("ours", str(Path(folder) / str(number)), number=number)
        runs = [(prefix, number) for prefix in _RULES for number in _REPETITIONS]
        results = in_turns(
            runs, lambda run: run_script("time_rules.py", str(Path(folder) / str(run[1])), run[0]), _PROOFS
        )
    took = {run: samples(found, "seconds").median for run, found in results.items()}
    rows = []
    for prefix, name in _RULES.items():
        of = {number: took[prefix, number] for number in _REPETITIONS}
        costs = _a_job(of)
        rows.append(
            [
                name,
                *(f"{seconds * 1e3:.1f}" for seconds in of.values()),
                *(f"{cost * 1e6:.0f}" for cost in costs.values()),
            ]
        )
    jobs = [f"{number} jobs, ms" for number in _REPETITIONS]
    more = [f"one more among {number}, microseconds" for number in _REPETITIONS if number > _ONE]
    return [
        "Our rules over all templates of ours, network included, without reading them",
        f"(median of {_PROOFS} processes):",
        "",
        *table(["rules", *jobs, *more], rows),
    ]


def _a_job(seconds: Mapping[int, float]) -> dict[int, float]:
    """By number of jobs, what each costs beyond what one costs with all that it stands on."""
    return {number: (took - seconds[_ONE]) / (number - _ONE) for number, took in seconds.items() if number > _ONE}
