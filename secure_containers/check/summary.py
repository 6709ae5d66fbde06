"""What a synthesized app holds, in a few lines: for whoever ran `make synth`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from secure_containers.check.costs import RUNNING, fixed_costs, prices
from secure_containers.check.formats import joined, totals
from secure_containers.check.loader import load
from secure_containers.rules import RULES, Report, evaluate

VALIDATION_REPORT: Final = "validation-report.json"
_OWN_PLUGIN: Final = "secure-containers"
_NO_REPORT: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class _Pack:
    """What another plugin reported; CDK leaves out plugins without findings and waivers."""

    name: str
    open: int
    waived: int
    waivers: set[tuple[str, str, str]]
    """Rule, place and reason."""


def summary(folder: str) -> tuple[str, bool]:
    """The text, and whether everything could be read."""
    loaded = load([folder])
    errors, packs = list(loaded.errors), list[_Pack]()
    path = Path(folder) / VALIDATION_REPORT
    try:
        packs += _packs(path) if path.is_file() else []
    except _NO_REPORT:
        errors.append(f"{path}: is no validation report; run `cdk synth` again")
    lines = [f"cannot read {error}" for error in errors]
    if loaded.templates:
        report = evaluate(loaded.templates, RULES)
        lines += [
            "stacks",
            *_stack_lines(report),
            "",
            "validation",
            f"  secure-containers: {totals(report, loaded.errors)}",
        ]
        lines += [f"  {pack.name}: {pack.open} open, {pack.waived} waived" for pack in packs]
        lines += ["", *_cost_lines(report), *_waiver_lines(report, packs)]
    return joined(lines), not errors


def _stack_lines(report: Report) -> Iterator[str]:
    width = max((len(Path(template.name).name) for template in report.templates), default=0)
    for template in report.templates:
        types = Counter(resource.type for resource in template.resources.values())
        most = ", ".join(f"{count} {type_.removeprefix('AWS::')}" for type_, count in types.most_common(4))
        count = len(template.resources)
        more = ", ..." if len(types) > 4 else ""
        yield f"  {Path(template.name).name:<{width}}  {count:>3} resource{'' if count == 1 else 's'}: {most}{more}"


def _cost_lines(report: Report) -> Iterator[str]:
    costs, table = fixed_costs(report.templates), prices()
    if not costs:
        return
    total = sum(cost.monthly for cost in costs)
    yield f"fixed costs: about {total:.2f} USD a month, before any use; {RUNNING} ({table['source']}, {table['date']})"
    yield from (f"  {cost}" for cost in costs)
    yield ""


def _waiver_lines(report: Report, packs: list[_Pack]) -> Iterator[str]:
    ours = {
        (f.id, str(f.resource.construct_path or f.logical_id if f.resource else f.template.name), f.waiver.reason)
        for f in report.waived
        if f.waiver
    }
    waivers = sorted(ours.union(*(pack.waivers for pack in packs)), key=lambda each: (each[1], each[0]))
    yield f"waivers ({len(waivers)})" if waivers else "no waivers"
    for rule, where, reason in waivers:
        yield f"  {rule} at {where}: {reason}"


def _packs(path: Path) -> Iterator[_Pack]:
    for report in json.loads(path.read_text(encoding="utf-8")).get("pluginReports", []):
        if report["pluginName"] != _OWN_PLUGIN:
            found, waived = report.get("violations") or [], report.get("suppressedViolations") or []
            yield _Pack(
                str(report["pluginName"]),
                sum(len(violation["violatingConstructs"]) for violation in found),
                sum(len(violation["violatingConstructs"]) for violation in waived),
                {
                    (str(each["ruleName"]), str(each.get("acknowledgedAt", "")), str(each.get("reason", "")))
                    for each in waived
                },
            )
