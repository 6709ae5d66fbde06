"""Reports in the forms that people and build systems read: text, JSON, SARIF, JUnit."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from secure_containers import __version__
from secure_containers.rules import ENGINE_RULES, Finding, Report, Rule, Severity

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SARIF_LEVEL: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def as_text(report: Report, errors: Sequence[str]) -> str:
    """Findings by template, each with its fix and the line that waives it; then the totals."""
    lines = [f"cannot read {error}" for error in errors]
    for template in report.templates:
        findings = [finding for finding in report.open if finding.template is template]
        lines += ["", template.name] if findings else []
        for finding in findings:
            lines += _text_lines(finding)
    if report.waived:
        lines += ["", "waived"]
        lines += [
            f"  {finding.id} {_where(finding)}: {finding.waiver.reason}{_until(finding)}"
            for finding in report.waived
            if finding.waiver
        ]
    lines += ["", totals(report, errors)]
    return joined(lines)


def as_json(report: Report, errors: Sequence[str]) -> str:
    """An object with `findings`, `errors` and a `summary`."""
    summary = {
        "templates": len(report.templates),
        "resources": report.resources,
        "rules": len(report.rules),
        "open": len(report.open),
        "waived": len(report.waived),
    }
    document = {
        "version": __version__,
        "summary": summary,
        "errors": list(errors),
        "findings": [_as_object(finding) for finding in report.findings],
    }
    return json.dumps(document, indent=2) + "\n"


def as_sarif(report: Report, errors: Sequence[str]) -> str:
    """SARIF 2.1.0, as code hosts read it; waived findings are suppressed results."""
    rules = [*report.rules, *ENGINE_RULES]
    run = {
        "tool": {
            "driver": {
                "name": "secure-containers",
                "version": __version__,
                "rules": [_sarif_rule(rule) for rule in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not errors,
                "toolExecutionNotifications": [{"level": "error", "message": {"text": error}} for error in errors],
            }
        ],
        "results": [_sarif_result(finding, rules.index(finding.rule)) for finding in report.findings],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def as_junit(report: Report, errors: Sequence[str]) -> str:
    """JUnit XML: a suite for each template, a case for each rule, waived findings as skipped."""
    suites = ET.Element("testsuites", name="secure-containers")
    for template in report.templates:
        judged = [finding for finding in report.findings if finding.template is template]
        name = _clean(template.name)
        suite = ET.SubElement(suites, "testsuite", name=name)
        for rule in [*report.rules, *ENGINE_RULES]:
            found = [finding for finding in judged if finding.rule is rule]
            case = ET.SubElement(suite, "testcase", classname=name, name=f"{rule.id} {rule.name}")
            for finding in (finding for finding in found if not finding.waived):
                ET.SubElement(
                    case, "failure", type=finding.severity, message=_clean(f"{_where(finding)}: {finding.message}")
                ).text = _clean(finding.fix)
            if found and all(finding.waived for finding in found):
                ET.SubElement(
                    case,
                    "skipped",
                    message=_clean("; ".join(finding.waiver.reason for finding in found if finding.waiver)),
                )
        _count(suite)
    if errors:
        suite = ET.SubElement(suites, "testsuite", name="unreadable")
        for error in errors:
            ET.SubElement(
                ET.SubElement(suite, "testcase", classname="unreadable", name=_clean(error)),
                "error",
                message=_clean(error),
            )
        _count(suite)
    ET.indent(suites)
    # ASCII, so that what the declaration says is true in whatever encoding standard output is written.
    document: bytes = ET.tostring(suites, encoding="us-ascii", xml_declaration=True)
    return document.decode("ascii") + "\n"


FORMATS: Final[Mapping[str, Callable[[Report, Sequence[str]], str]]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "junit": as_junit,
}


def one_line(text: str) -> str:
    """A text that may hold anything, without what would break its line or steer a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def joined(lines: Sequence[str]) -> str:
    """A report of lines, each of which stays one."""
    return "\n".join(map(one_line, lines)).strip("\n") + "\n"


def totals(report: Report, errors: Sequence[str]) -> str:
    """One line: how much was judged, with what result."""
    found, warnings = _plural(len(report.open), "finding"), len(report.open) - len(report.errors)
    parts = [
        _plural(len(report.templates), "template"),
        _plural(report.resources, "resource"),
        _plural(len(report.rules), "rule"),
        f"{found} ({_plural(len(report.errors), 'error')}, {_plural(warnings, 'warning')})",
        f"{len(report.waived)} waived",
    ]
    return ", ".join([*parts, f"{len(errors)} not read"] if errors else parts)


def _text_lines(finding: Finding) -> Iterator[str]:
    yield f"  {finding.severity} {finding.id} {_where(finding)} (line {finding.line})"
    yield f"    {finding.message}"
    yield f"    fix: {finding.fix}"
    if finding.waivable:
        yield f"    waive: {finding.waiver_line}"


def _as_object(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.id,
        "name": finding.rule.name,
        "severity": str(finding.severity),
        "kind": str(finding.kind),
        "template": finding.template.name,
        "resource": finding.logical_id,
        "type": finding.resource.type if finding.resource else None,
        "construct": finding.resource.construct_path if finding.resource else None,
        "location": finding.location,
        "line": finding.line,
        "message": finding.message,
        "fix": finding.fix,
        "waived": finding.waiver.as_metadata() if finding.waiver else False,
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.fix, "markdown": rule.page},
        "defaultConfiguration": {"level": _SARIF_LEVEL[rule.severity]},
        "properties": {
            "tags": [
                *rule.guidelines,
                *(f"{framework} {id}" for framework, ids in rule.controls.by_framework() for id in ids),
            ]
        },
    }


def _sarif_result(finding: Finding, rule_index: int) -> dict[str, Any]:
    artifact = {
        "artifactLocation": {"uri": quote(os.fsencode(PurePath(finding.template.name).as_posix()))},
        "region": {"startLine": finding.line},
    }
    result: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": rule_index,
        "level": _SARIF_LEVEL[finding.severity],
        "kind": "fail" if finding.kind != "undecided" else "review",
        "message": {"text": f"{finding.message}. {finding.fix}"},
        "locations": [{"physicalLocation": artifact, "logicalLocations": [{"fullyQualifiedName": _where(finding)}]}],
    }
    if finding.kind == "undecided":
        result["level"] = "none"  # SARIF allows a level only with the kind 'fail'
    if finding.waiver:
        result["suppressions"] = [{"kind": "inSource", "justification": finding.waiver.reason}]
    return result


def _where(finding: Finding) -> str:
    path = finding.resource.construct_path or finding.logical_id if finding.resource else "template"
    return f"{path} {finding.location}".rstrip()


def _until(finding: Finding) -> str:
    return f" (until {finding.waiver.until})" if finding.waiver and finding.waiver.until else ""


def _count(suite: ET.Element) -> None:
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in suite)))
    suite.set("tests", str(len(suite)))


def _clean(text: str) -> str:
    """XML has no place for most control characters, nor for half a surrogate pair."""
    return _NOT_IN_XML.sub("?", text)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
