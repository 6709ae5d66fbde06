"""What `PrivateNetwork` adds to a synth, and how its proof (SC-NET-01 to SC-NET-12) grows with the workloads."""

from __future__ import annotations

from typing import Final

from against_plain import AgainstPlain
from measure import Part, at_most, in_turns, linear, run_script, samples, table

_RULES: Final = "samples/network_rules.py"
_REPETITIONS: Final = {10: 9, 100: 7, 1_000: 5}
_PROOFS: Final = 7
_MOST_OVER_PLAIN: Final = 1.15
_JUDGED: Final = (100, 1_000)
"""The proof is linear between these; below, the network itself counts."""
_NETWORKS: Final = AgainstPlain(
    program="samples/network_synth.py",
    written="samples/networks.py",
    ours="PrivateNetwork",
    each="workload",
    repetitions=_REPETITIONS,
)


def measure_network() -> Part:
    times = _NETWORKS.times()
    proofs, costs = _proofs()
    lines = [
        "Constructing and synthesizing a `PrivateNetwork` in a stack of its own and the security groups of so many",
        'workloads, in others of at most 500 resources, each with `network.require(group, *IMAGE_PULL, "logs",',
        '"secretsmanager")`; imports are not counted. Plain is a `CfnVPC`, endpoints with the same policies and the',
        "same rules of each group straight in the stacks; that both ways give the same resources is checked first.",
        *_NETWORKS.table(times),
        "",
        *_NETWORKS.bridge("the network"),
        "",
        *proofs,
    ]
    aim = "a network and its workloads take at most {:.2f} times plain aws_cdk"
    goals = [
        at_most(aim, _MOST_OVER_PLAIN, {number: took.ratio for number, took in times.items()}),
        linear("the proof is linear", "a workload", {number: costs[number] for number in _JUDGED}),
    ]
    return Part("Networks", lines, goals)


def _proofs() -> tuple[list[str], dict[int, float]]:
    """The rules' own time, and by number what a workload costs."""
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
    judged = max(_REPETITIONS)
    lines = [
        "Rules SC-NET-01 to SC-NET-12 alone over one template of so many Fargate services, each with its task",
        "definition, role, queue, security group and rules, in one private network; every tenth is not let in by the",
        f"endpoints. Process time (median of {_PROOFS} processes, each of which judges {judged:,} workloads):",
        "",
        *table(["workloads", "microseconds a workload", "lowest", "highest"], rows),
    ]
    return lines, each
