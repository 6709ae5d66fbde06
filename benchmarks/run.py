"""Measures imports, synths and checks, prints the tables and writes docs/performance.md: `make benchmark`."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from typing import Final

from measure import ENVIRONMENT, HERE, Goal, Part, table, tell
from part_batch import measure_batch
from part_check import checkov_version, install_checkov, measure_check
from part_imports import measure_imports
from part_network import measure_network
from part_pipeline import measure_pipeline
from part_services import measure_services
from part_synth import measure_synth

_PAGE: Final = HERE.parent / "docs" / "performance.md"
_PACKAGES: Final = ("secure-containers", "aws-cdk-lib", "cdk-nag", "jsii", "cfn-lint")


def main() -> None:
    install_checkov()
    before = os.getloadavg()[0]
    began = time.perf_counter()
    parts = [
        measure_imports(),
        measure_synth(),
        measure_network(),
        measure_batch(),
        measure_pipeline(),
        measure_services(),
        measure_check(),
    ]
    minutes = (time.perf_counter() - began) / 60
    load = f"load average {before:.1f} at the start and {os.getloadavg()[0]:.1f} at the end"
    page = _page(parts, f"{load}; the whole run took {minutes:.1f} minutes")
    print(page)
    _PAGE.write_text(page, "utf-8")
    tell("written to docs/performance.md")


def _page(parts: Sequence[Part], circumstances: str) -> str:
    node = subprocess.run(
        ["node", "--version"], env=ENVIRONMENT, capture_output=True, text=True, check=True
    ).stdout.strip()
    versions = [
        *(f"{package} {version(package)}" for package in _PACKAGES),
        f"checkov {checkov_version()}",
        f"Node {node.removeprefix('v')}",
    ]
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "# Performance",
        "",
        "Written by `make benchmark`; run it to measure anew. The first time, it sets up checkov in",
        "`benchmarks/.venv`, from a lock file of its own.",
        "",
        f"- measured on {date.today().isoformat()}",
        f"- machine: {machine}; {circumstances}",
        f"- versions: {', '.join(versions)}",
        "",
        "Every timed program is a process of its own. Times are medians with the lowest and the highest run beside",
        "them: where these lie far apart, the machine was busy, and small differences mean nothing.",
        "",
        "## Goals",
        "",
        *table(["goal", "measured", "met"], [_row(goal) for part in parts for goal in part.goals]),
    ]
    for part in parts:
        lines += ["", f"## {part.title}", "", *part.lines]
    return "\n".join([*lines, ""])


def _row(goal: Goal) -> list[str]:
    return [goal.aim, goal.measured, "yes" if goal.met else "**no**"]


if __name__ == "__main__":
    main()
