"""What `PrivateNetwork` adds to a synth, and how its proof (SC-NET-01 to SC-NET-12) grows with the workloads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from measure import Goal, Part, in_turns, run_script, samples, table

_SYNTH: Final = "samples/network_synth.py"
_RULES: Final = "samples/network_rules.py"
_FLAVOURS: Final = ("plain", "ours")
_REPETITIONS: Final = {10: 9, 100: 7, 1_000: 5}
"""By number of workloads: short runs swing more and cost less."""
_PROOFS: Final = 7
_MOST_OVER_PLAIN: Final = 1.15
_MOST_GROWTH: Final = 1.25
"""Time a workload, among many against among few: linear, with room for noise."""
_FEW: Final = 100
_MANY: Final = 1_000


def measure_network() -> Part:
    _require_same_resources()
    synths, ratios = _synths()
    proofs, growth = _proofs()
    return Part("Networks", [*synths, "", *_bridge(), "", *proofs], [_ratio_goal(ratios), _linear_goal(growth)])


def _synths() -> tuple[list[str], dict[int, float]]:
    """The times of both ways, and by number of workloads how they compare."""
    rows, ratios = [], {}
    for number, repetitions in _REPETITIONS.items():
        results = in_turns(_FLAVOURS, partial(_synth, number=number), repetitions)
        plain, ours = (samples(results[flavour], "seconds") for flavour in _FLAVOURS)
        ratios[number] = ours.median / plain.median
        rows.append([f"{number:,}", plain.text, ours.text, f"{ratios[number]:.2f}"])
    runs = ", ".join(f"{repetitions} runs for {number:,}" for number, repetitions in _REPETITIONS.items())
    lines = [
        "Constructing and synthesizing a `PrivateNetwork` in a stack of its own and the security groups of so many",
        'workloads, in others of at most 500 resources, each with `network.require(group, *IMAGE_PULL, "logs",',
        '"secretsmanager")`; imports are not counted. Plain is a `CfnVPC`, endpoints with the same policies and the',
        "same rules of each group straight in the stacks; that both ways give the same resources is checked first.",
        f"Seconds, median (lowest to highest), in turns: {runs}.",
        "",
        *table(["workloads", "plain aws_cdk", "PrivateNetwork", "ratio"], rows),
    ]
    return lines, ratios


def _synth(flavour: str, *, number: int) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        return run_script(_SYNTH, "time", flavour, str(number), folder)


def _bridge() -> list[str]:
    plain, ours = (run_script(_SYNTH, "count", flavour) for flavour in _FLAVOURS)
    calls = [
        f"{each['crossings']:g} calls ({each['milliseconds']:.1f} ms with the Python around them)"
        for each in (plain, ours)
    ]
    rows = [
        [f"`{each['place']}`", each["what"], f"{each['calls']:g}", f"{each['milliseconds']:.2f}"]
        for each in ours["lines"]
    ]
    return [
        f"A workload takes {calls[0]} from Python to Node in plain",
        f"aws_cdk and {calls[1]} in ours; the network, with its first workload,",
        f"{plain['network']} and {ours['network']} calls:",
        "",
        *table(["line of ours", "call", "calls a workload", "ms"], rows),
    ]


def _proofs() -> tuple[list[str], float]:
    """The rules' own time, and by how much a workload costs more among many."""
    results = in_turns(list(_REPETITIONS), lambda number: run_script(_RULES, str(number)), _PROOFS)
    each = {number: samples(found, "seconds").median * 1e6 for number, found in results.items()}
    rows = [
        [
            f"{number:,}",
            f"{each[number]:.0f}",
            f"{min(result['seconds'] for result in found) * 1e6:.0f}",
            f"{max(result['seconds'] for result in found) * 1e6:.0f}",
        ]
        for number, found in results.items()
    ]
    lines = [
        "Rules SC-NET-01 to SC-NET-12 alone over one template of so many Fargate services, each with its task",
        "definition, role, queue, security group and rules, in one private network; every tenth is not let in by the",
        f"endpoints. Process time (median of {_PROOFS} processes, each of which judges {_MANY:,} workloads):",
        "",
        *table(["workloads", "microseconds a workload", "lowest", "highest"], rows),
    ]
    return lines, each[_MANY] / each[_FEW]


def _ratio_goal(ratios: Mapping[int, float]) -> Goal:
    return Goal(
        f"a network and its workloads take at most {_MOST_OVER_PLAIN:.2f} times plain aws_cdk",
        ", ".join(f"{ratio:.2f} at {number:,}" for number, ratio in ratios.items()),
        all(ratio <= _MOST_OVER_PLAIN for ratio in ratios.values()),
    )


def _linear_goal(growth: float) -> Goal:
    sizes = f"among {_MANY:,} as among {_FEW:,}"
    aim = f"the proof is linear: a workload costs at most {_MOST_GROWTH:g} times as much {sizes}"
    return Goal(aim, f"{growth:.2f} times", growth <= _MOST_GROWTH)


def _require_same_resources() -> None:
    plain, ours = (_resources(flavour) for flavour in _FLAVOURS)
    if not plain or plain != ours:
        raise RuntimeError(
            "plain aws_cdk (benchmarks/samples/networks.py) and PrivateNetwork do not give the same resources, "
            f"so their times do not compare:\n{_told(plain - ours)}\nagainst\n{_told(ours - plain)}"
        )


def _resources(flavour: str) -> Counter[str]:
    """The resources that one way gives, with their properties, and how many there are of each."""
    with TemporaryDirectory() as folder:
        run_script(_SYNTH, "time", flavour, "10", folder)
        templates = [json.loads(path.read_text("utf-8")) for path in Path(folder).glob("*.template.json")]
    types = {id: each["Type"] for template in templates for id, each in template["Resources"].items()}
    published = {
        name: _comparable(output["Value"], types, {})
        for template in templates
        for name, output in template.get("Outputs", {}).items()
    }
    return Counter(
        f"{each['Type']} {json.dumps(_comparable(each['Properties'], types, published), sort_keys=True)}"
        for template in templates
        for each in template["Resources"].values()
    )


def _comparable(node: Any, types: Mapping[str, str], published: Mapping[str, Any]) -> Any:
    """A property without descriptions and tags; what it refers to is told by type."""
    if isinstance(node, list):
        return [_comparable(each, types, published) for each in node]
    if not isinstance(node, dict):
        return node
    if "Fn::GetStackOutput" in node:
        return published[node["Fn::GetStackOutput"]["OutputName"]]
    if "Ref" in node:
        return {"Ref": types.get(node["Ref"], node["Ref"])}
    if "Fn::GetAtt" in node:
        return {"Fn::GetAtt": [types[node["Fn::GetAtt"][0]], node["Fn::GetAtt"][1]]}
    told = {name: each for name, each in node.items() if name not in ("Description", "GroupDescription", "Tags")}
    return {name: _comparable(each, types, published) for name, each in told.items()}


def _told(resources: Counter[str]) -> str:
    return "\n".join(f"{number} of {text}" for text, number in sorted(resources.items()))
