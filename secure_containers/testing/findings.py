"""Assertions that are rules of the project: a finding that nobody waived fails them."""

from __future__ import annotations

from secure_containers.rules import Finding, Kind, Rule, evaluate
from secure_containers.rules.engine import UNUSED_WAIVER
from secure_containers.rules.iam import wildcard_principal
from secure_containers.rules.networking import public_address
from secure_containers.rules.template import Template
from secure_containers.rules.template_hygiene import hard_coded_partition, reference_cycle, unreadable_template_part
from secure_containers.testing.templates import Templates, read


def assert_no_public_address(template: Templates) -> None:
    """No subnet gives out public addresses, and no task asks for one (rule SC-NET-11).

    Args:
        template: one template or several; see `secure_containers.testing`.

    Raises:
        AssertionError: a finding that no waiver covers, or a value on which the rule cannot decide.
        ValueError: `template` is none.
    """
    _assert_silent(public_address, "public addresses", read("assert_no_public_address", "template", template))


def assert_acyclic(template: Templates) -> None:
    """No resources refer to each other in a circle, which CloudFormation would refuse (rule SC-REF-01).

    Args:
        template: one template or several; see `secure_containers.testing`.

    Raises:
        AssertionError: a circle.
        ValueError: `template` is none.
    """
    _assert_silent(reference_cycle, "circles of references", read("assert_acyclic", "template", template))


def assert_no_wildcard_principals(template: Templates) -> None:
    """No policy lets anybody in without a condition that says whom it means (rule SC-IAM-03).

    Args:
        template: one template or several; see `secure_containers.testing`.

    Raises:
        AssertionError: a finding that no waiver covers, or a value on which the rule cannot decide.
        ValueError: `template` is none.
    """
    _assert_silent(
        wildcard_principal, "wildcard principals", read("assert_no_wildcard_principals", "template", template)
    )


def assert_partition_neutral(template: Templates) -> None:
    """No ARN or host name is bound to one partition, so that GovCloud and China work too (rule SC-PRT-01).

    A template that a cloud assembly makes for one known Region may hold that Region's partition.

    Args:
        template: one template or several; see `secure_containers.testing`.

    Raises:
        AssertionError: a finding that no waiver covers.
        ValueError: `template` is none.
    """
    _assert_silent(
        hard_coded_partition, "what binds to one partition", read("assert_partition_neutral", "template", template)
    )


def unread_parts(templates: list[Template]) -> list[Finding]:
    """What of the templates no rule can read: macros, loops, nested stacks that are not at hand."""
    return _open(unreadable_template_part, templates)


def listed(findings: list[Finding]) -> str:
    """Findings as text: what, where, and what to do."""
    return "\n".join(line for finding in findings for line in _lines(finding))


def _assert_silent(rule: Rule, what: str, templates: list[Template]) -> None:
    # What cannot be read at all must not look like a pass of this rule either.
    findings = [*_open(rule, templates), *unread_parts(templates)]
    if findings:
        raise AssertionError(f"{what} ({rule.id} {rule.name}):\n{listed(findings)}")


def _open(rule: Rule, templates: list[Template]) -> list[Finding]:
    return [finding for finding in evaluate(templates, [rule]).open if finding.rule is not UNUSED_WAIVER]


def _lines(finding: Finding) -> list[str]:
    at = ".".join(part for part in (finding.logical_id or "the template", finding.location) if part)
    lines = [f"  {finding.template.name}: {at}: {finding.message}", f"    fix: {finding.fix}"]
    if finding.waivable and finding.kind is not Kind.UNDECIDED:
        lines.append(f"    or, if it has to be so, waive it: {finding.waiver_line}")
    return lines
