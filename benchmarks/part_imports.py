"""What importing costs, and that the rules and the command start no Node."""

from __future__ import annotations

from typing import Any, Final

from measure import Goal, Part, in_turns, run_script, samples, table

_REPETITIONS: Final = 7
_NODELESS: Final = {
    "`import secure_containers`": ("secure_containers",),
    "`import secure_containers.check.cli`": ("secure_containers.check.cli",),
}
_WITH_NODE: Final = {
    "`from secure_containers import SecureEcrRepository`": ("secure_containers:SecureEcrRepository",),
    "`from secure_containers import SecureEcrRepository, enforce`": (
        "secure_containers:SecureEcrRepository",
        "secure_containers:enforce",
    ),
    "`import aws_cdk`, `aws_ecr`, `aws_kms`": ("aws_cdk", "aws_cdk.aws_ecr", "aws_cdk.aws_kms"),
}


def measure_imports() -> Part:
    imports = _NODELESS | _WITH_NODE
    results = in_turns(list(imports), lambda each: run_script("time_import.py", *imports[each]), _REPETITIONS)
    rows = [[each, samples(found, "seconds").text, _node(found)] for each, found in results.items()]
    nodeless = all(_node(results[each]) == "no" for each in _NODELESS)
    goal = Goal(
        "importing `secure_containers` or its command starts no Node",
        "none started" if nodeless else "Node started",
        nodeless,
    )
    note = f"Median of {_REPETITIONS} interpreters. Node counts as started if `jsii` is imported or any process starts."
    return Part("Import", [note, "", *table(["import", "seconds", "starts Node"], rows)], [goal])


def _node(results: list[dict[str, Any]]) -> str:
    return "yes" if any(result["jsii"] or result["processes"] for result in results) else "no"
