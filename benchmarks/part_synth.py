"""What `SecureEcrRepository`, our rules and cdk-nag add to a synth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from against_plain import calls, lines_of_ours
from measure import Part, at_most, in_turns, run_script, samples, table

_REPETITIONS: Final = {1: 9, 10: 9, 100: 7, 500: 5}
"""By number of repositories: short runs swing more and cost less."""
_FLAVOURS: Final = ("plain", "ours", "rules", "enforce")
_MOST_OVER_PLAIN: Final = 1.15
_MOST_FOR_RULES: Final = 0.05


def measure_synth() -> Part:
    _require_same_resources()
    found = {
        number: _Synths(in_turns(_FLAVOURS, partial(_synth, number=number), repetitions))
        for number, repetitions in _REPETITIONS.items()
    }
    ratios = {number: synths.ratio for number, synths in found.items()}
    shares = {number: synths.share for number, synths in found.items()}
    goals = [
        at_most("ours takes at most {:.2f} times plain aws_cdk", _MOST_OVER_PLAIN, ratios),
        at_most(
            "all rules take at most {:.0%} of the synth (without the plugin around them: see below)",
            _MOST_FOR_RULES,
            shares,
            "{:.1%}",
        ),
    ]
    return Part("Synth", [*_against_plain(found), "", *_rules_and_packs(found), "", *_bridge()], goals)


class _Synths:
    """The runs for one number of repositories."""

    def __init__(self, results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.took = {flavour: samples(results[flavour], "seconds") for flavour in _FLAVOURS}
        self.evaluate = samples(results["rules"], "evaluate")
        self.rules_plugin = samples(results["rules"], "rules_plugin")
        self.nag_plugin = samples(results["enforce"], "nag_plugin")

    @property
    def ratio(self) -> float:
        return self.took["ours"].median / self.took["plain"].median

    @property
    def share(self) -> float:
        return self.evaluate.median / self.took["ours"].median

    @property
    def plugin_share(self) -> float:
        return self.rules_plugin.median / self.took["ours"].median


def _against_plain(found: Mapping[int, _Synths]) -> list[str]:
    runs = ", ".join(f"{repetitions} runs for {number}" for number, repetitions in _REPETITIONS.items())
    rows = [
        [str(number), synths.took["plain"].text, synths.took["ours"].text, f"{synths.ratio:.2f}"]
        for number, synths in found.items()
    ]
    return [
        "Constructing and synthesizing so many repositories, each with a key of its own, in stacks of at most 500",
        "resources; imports are not counted. Plain is `kms.Key` and `ecr.Repository` straight in the stack; that both",
        "ways give the same resources is checked first. Seconds, median (lowest to highest), in turns:",
        f"{runs}.",
        "",
        *table(["repositories", "plain aws_cdk", "SecureEcrRepository", "ratio"], rows),
    ]


def _rules_and_packs(found: Mapping[int, _Synths]) -> list[str]:
    rows = [
        [
            str(number),
            f"{synths.evaluate.median * 1e3:.1f}",
            f"{synths.share:.1%}",
            f"{synths.rules_plugin.median * 1e3:.1f}",
            f"{synths.plugin_share:.1%}",
            f"{synths.nag_plugin.median * 1e3:.0f}",
            *(f"{synths.took[flavour].median:.2f}" for flavour in ("ours", "rules", "enforce")),
            f"{synths.took['enforce'].median - synths.took['rules'].median:.2f}",
        ]
        for number, synths in found.items()
    ]
    judged = ["rules, ms", "share", "rules plugin, ms", "share", "AwsSolutions plugin, ms"]
    whole = ["synth, s", "with our rules, s", "with cdk-nag too, s", "cdk-nag adds, s"]
    return [
        "Our rules and AwsSolutions of cdk-nag on one synth. The shares are of the synth without any plugin: that of",
        "the rules alone, and that of the whole plugin, which also reads templates and builds CDK's report. The last",
        "four columns compare whole synths: what CDK does with a report, such as printing it, is in them. The",
        "repositories carry no tags, so each has one warning (SC-ECR-09).",
        "",
        *table(["repositories", *judged, *whole], rows),
    ]


def _synth(flavour: str, *, number: int) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        return run_script("time_synth.py", flavour, str(number), folder)


def _require_same_resources() -> None:
    with TemporaryDirectory() as folder:
        for flavour in ("plain", "ours"):
            (Path(folder) / flavour).mkdir()
            run_script("time_synth.py", flavour, "10", str(Path(folder) / flavour))
        found = run_script("same_resources.py", str(Path(folder) / "plain"), str(Path(folder) / "ours"))
    if found["difference"]:
        raise RuntimeError(
            "plain aws_cdk (benchmarks/repositories.py) and SecureEcrRepository do not give the same resources, "
            f"so their times do not compare:\n{found['difference']}"
        )


def _bridge() -> list[str]:
    plain, ours = (run_script("count_bridge.py", flavour) for flavour in ("plain", "ours"))
    return [
        "Most of a synth's time is calls from Python to Node, and their number does not swing with the machine's load.",
        f"One repository takes {calls(plain)} in plain aws_cdk and {calls(ours)} in ours:",
        "",
        *lines_of_ours(ours, "repository"),
    ]
