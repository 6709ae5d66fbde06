"""`enforce(app)`: the rules and the cdk-nag packs, as validation plugins of a CDK app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final
from weakref import WeakSet

import cdk_nag
import jsii
from aws_cdk import (
    App,
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stage,
    Validations,
)

from secure_containers import __version__
from secure_containers.check.loader import load_stack
from secure_containers.errors import check_list, invalid
from secure_containers.rules import ENGINE_RULES, RULES, Finding, Report, Rule, Severity, evaluate
from secure_containers.rules.engine import UNUSED_WAIVER, engine_finding, unused_waiver
from secure_containers.rules.waiver_metadata import RecordedWaiver, read_waivers
from secure_containers.waivers import PLUGIN_NAME, pack_of


class Pack(StrEnum):
    """The packs of cdk-nag."""

    AWS_SOLUTIONS = "AwsSolutions"
    NIST_800_53_R5 = "NIST.800.53.R5"
    HIPAA_SECURITY = "HIPAA.Security"
    PCI_DSS_321 = "PCI.DSS.321"
    SERVERLESS = "Serverless"


_ENFORCED: Final[WeakSet[Stage]] = WeakSet()
"""The apps and stages that are held to the rules already: a second time would report everything twice."""


def enforce(app: App | Stage, *, packs: Sequence[Pack] = (), rules: Sequence[Rule] = RULES) -> None:
    """Hold every template of an app to the rules and to cdk-nag: an unwaived error stops the synth.

    Nested stacks and stages are judged too, and resources that none of our constructs made.

    Args:
        app: the app, or one stage of it.
        packs: cdk-nag packs to run besides AwsSolutions, which always runs.
        rules: our rules to run; left out, all of them.

    Raises:
        ValueError: a pack is not known or named twice, or the app is held to the rules already.
    """
    check_list("enforce", "rules", rules, Rule, allowed="a list of our rules", write="rules=RULES, or leave it out")
    if not isinstance(app, App | Stage):
        raise invalid("enforce", "app", app, allowed="an app or a stage", write="enforce(app)")
    if app in _ENFORCED:
        raise invalid(
            "enforce",
            "app",
            app.node.path or "App",
            allowed="an app that is not held to the rules yet",
            write="one enforce(app)",
        )
    wanted = [Pack.AWS_SOLUTIONS, *(_known_pack(pack) for pack in packs if pack != Pack.AWS_SOLUTIONS)]
    if len(set(wanted)) != len(wanted):
        raise ValueError(f"enforce: packs is {list(map(str, packs))}; allowed: each pack once")
    plugins = [_PackPlugin(_checks(pack)) for pack in wanted]
    # Ours comes last: it also reports waivers of cdk-nag rules that matched nothing in the packs' runs before it.
    Validations.of(app).add_plugins(*plugins, _RulesPlugin(rules, plugins))
    _ENFORCED.add(app)


@jsii.implements(IPolicyValidationPlugin)
class _PackPlugin:
    """Runs a cdk-nag pack and remembers what it found, before CDK takes out what is acknowledged."""

    def __init__(self, checks: cdk_nag.NagPack) -> None:
        self._checks = checks
        self.found: set[tuple[str, str]] = set()
        """Rule and construct path of each finding."""

    @property
    def name(self) -> str:
        return str(self._checks.name)

    @property
    def version(self) -> str:
        return str(self._checks.version or "0.0.0")

    @property
    def rule_ids(self) -> list[str]:
        return list(self._checks.rule_ids or [])

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        report: PolicyValidationPluginReport = self._checks.validate(context)
        self.found = {
            (violation.rule_name, str(place.construct_path))
            for violation in report.violations
            for place in violation.violating_resources
        }
        return PolicyValidationPluginReport(
            success=report.success, violations=[_with_waiver_line(each) for each in report.violations]
        )


@jsii.implements(IPolicyValidationPlugin)
class _RulesPlugin:
    """Runs our rules over the synthesized templates."""

    def __init__(self, rules: Sequence[Rule], packs: Sequence[_PackPlugin]) -> None:
        self._rules = rules
        self._packs = packs

    @property
    def name(self) -> str:
        return PLUGIN_NAME

    @property
    def version(self) -> str:
        return __version__

    @property
    def rule_ids(self) -> list[str]:
        return [rule.id for rule in (*self._rules, *ENGINE_RULES)]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        templates = [
            template
            for stack in context.stack_templates
            for template in load_stack(
                Path(stack.template_path), account=stack.account_id, region=stack.region, may_be_empty=True
            )
        ]
        report = evaluate(templates, self._rules)
        # The same finding in many resources is told once, with all of them.
        alike: dict[tuple[str, ...], list[Finding]] = {}
        for finding in [*report.findings, *_unused_pack_waivers(report, self._packs)]:
            alike.setdefault((finding.id, *_told(finding)), []).append(finding)
        violations = [_as_violation(findings) for findings in alike.values()]
        return PolicyValidationPluginReport(
            success=not any(violation.severity in ("error", "fatal") for violation in violations),
            violations=violations,
            metadata={
                "rules": str(len(report.rules)),
                "templates": str(len(report.templates)),
                "resources": str(report.resources),
            },
        )


def _with_waiver_line(violation: PolicyViolation) -> PolicyViolation:
    """A finding of cdk-nag, which says what is wrong but not how to accept it."""
    return PolicyViolation(
        rule_name=violation.rule_name,
        description=violation.description,
        severity=violation.severity,
        violating_resources=violation.violating_resources,
        fix=f'mend it, or waive it on that construct: waive(construct, Waiver("{violation.rule_name}", reason="..."))',
    )


def _told(finding: Finding) -> tuple[str, str, str]:
    """Message, fix and severity of a finding, as CDK's report shows them."""
    if finding.waiver:
        # Acknowledged by the construct that waived it, CDK moves it to the suppressed ones. A waiver that stands only
        # in the template's metadata stays visible as information.
        return finding.message, f"none: waived, {finding.waiver.reason}", "info"
    if finding.waivable:
        return finding.message, f"{finding.fix} Or waive it: {finding.waiver_line}", finding.severity
    return finding.message, finding.fix, "fatal" if finding.severity is Severity.ERROR else finding.severity


def _as_violation(findings: Sequence[Finding]) -> PolicyViolation:
    """Findings that differ in nothing but their place."""
    message, fix, severity = _told(findings[0])
    rule = findings[0].rule
    controls = {framework: ", ".join(ids) for framework, ids in rule.controls.by_framework()}
    return PolicyViolation(
        rule_name=findings[0].id,
        description=message,
        fix=fix,
        severity=severity,
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id=finding.logical_id,
                template_path=finding.template.name,
                locations=[finding.location] if finding.location else [],
            )
            for finding in findings
        ],
        rule_metadata={"name": rule.name, "guidelines": ", ".join(rule.guidelines), **controls},
    )


def _unused_pack_waivers(report: Report, packs: Iterable[_PackPlugin]) -> Iterator[Finding]:
    """Waivers of cdk-nag rules that the pack which ran did not find below the waived construct."""
    ran = {pack.name: pack.found for pack in packs}
    told: set[tuple[str, str]] = set()
    for template in report.templates:
        for resource in template.resources.values():
            for waiver in read_waivers(resource.metadata):
                if not isinstance(waiver, RecordedWaiver) or (waiver.rule, waiver.at) in told:
                    continue
                pack = pack_of(waiver.rule)
                if pack in ran and not any(
                    rule == waiver.rule and f"{path}/".startswith(f"{waiver.at}/") for rule, path in ran[pack]
                ):
                    told.add((waiver.rule, waiver.at))
                    yield engine_finding(UNUSED_WAIVER, template, unused_waiver(waiver, resource))


def _checks(pack: Pack) -> cdk_nag.NagPack:
    checks: dict[Pack, Callable[[], cdk_nag.NagPack]] = {
        Pack.AWS_SOLUTIONS: cdk_nag.AwsSolutionsChecks,
        Pack.NIST_800_53_R5: cdk_nag.NIST80053R5Checks,
        Pack.HIPAA_SECURITY: cdk_nag.HIPAASecurityChecks,
        Pack.PCI_DSS_321: cdk_nag.PCIDSS321Checks,
        Pack.SERVERLESS: cdk_nag.ServerlessChecks,
    }
    return checks[pack]()


def _known_pack(pack: Pack | str) -> Pack:
    try:
        return Pack(pack)
    except ValueError:
        raise ValueError(
            f"enforce: packs holds {pack!r}; allowed: {', '.join(Pack)}; write packs=[Pack.NIST_800_53_R5]"
        ) from None
