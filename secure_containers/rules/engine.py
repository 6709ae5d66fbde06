"""The rule engine: what a rule is, how rules are run over templates, and what comes out.

Pure Python over plain data: nothing here imports aws_cdk, so rules cost microseconds a resource and serve people who
use none of our constructs.
"""

from __future__ import annotations

import gc
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Final

from secure_containers.rules.policies import POLICY_TYPES, PolicyKind, Statement, Unreadable, statements
from secure_containers.rules.template import Observation, Resource, Template, judged_together
from secure_containers.rules.waiver_metadata import METADATA_KEY, RecordedWaiver, read_waivers

Observations = Iterator[Observation]


class Severity(StrEnum):
    ERROR = "error"
    """Stops the synth unless waived."""
    WARNING = "warning"
    """Is reported; the synth goes on."""


class Kind(StrEnum):
    VIOLATION = "violation"
    UNDECIDED = "undecided"
    """The template does not tell; never counted as a pass."""
    ENGINE = "engine"
    """The engine could not do its work, or a waiver is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The published controls that a rule serves; empty where no source maps this kind of check."""

    nist_800_53_r5: tuple[str, ...] = ()
    pci_dss_4: tuple[str, ...] = ()
    hipaa: tuple[str, ...] = ()
    cis: tuple[str, ...] = ()
    """CIS AWS Foundations Benchmark, as version/number."""
    fsbp: tuple[str, ...] = ()
    """AWS Foundational Security Best Practices."""
    security_hub: tuple[str, ...] = ()
    """Security Hub controls outside that standard."""
    source: str = ""
    """The page that maps them."""

    def by_framework(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for each in fields(self):
            ids = getattr(self, each.name)
            if each.name != "source" and ids:
                yield FRAMEWORKS[each.name], ids


FRAMEWORKS: Final = {
    "nist_800_53_r5": "NIST 800-53 r5",
    "pci_dss_4": "PCI DSS 4.0.1",
    "hipaa": "HIPAA Security Rule",
    "cis": "CIS AWS Foundations",
    "fsbp": "AWS FSBP",
    "security_hub": "AWS Security Hub",
}


@dataclass(frozen=True, eq=False)
class Rule:
    """One thing that templates must not do, with all that is said about it."""

    id: str
    name: str
    severity: Severity
    guidelines: tuple[str, ...]
    controls: Controls
    types: tuple[str, ...]
    """The resource types that it judges; empty for any."""
    judge: Callable[[Template], Observations]
    page: str
    """Its documentation: title, why, fix, a bad and a good template, in Markdown."""

    @property
    def title(self) -> str:
        return self.page.split("\n", 1)[0]

    @cached_property
    def fix(self) -> str:
        return " ".join(self.section("Fix").split("\n\n", 1)[0].split())

    def markdown(self) -> str:
        """The whole page: what `explain` prints and docs/rules holds."""
        title, _, rest = self.page.partition("\n")
        judges = ", ".join(f"`{type_}`" for type_ in self.types) or "the whole template"
        controls = [f"- {framework}: {', '.join(ids)}" for framework, ids in self.controls.by_framework()]
        mapped = (
            [*controls, f"- mapped by {self.controls.source}"]
            if controls
            else ["No published control that we know of asks for this check."]
        )
        guidelines = [f"- `{guideline}`" for guideline in self.guidelines] or ["- none: the engine reports on itself"]
        lines = [
            f"# {self.id} {self.name}",
            "",
            title,
            "",
            f"Severity: {self.severity}. Judges: {judges}.",
            rest.rstrip(),
        ]
        return "\n".join([*lines, "", "## Guidelines", *guidelines, "", "## Controls", *mapped, ""])

    def section(self, name: str) -> str:
        found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", self.page, re.MULTILINE | re.DOTALL)
        return found.group(1).strip() if found else ""

    def examples(self, kind: str) -> list[str]:
        """The YAML templates of the section `Bad` or `Good`."""
        return re.findall(r"^```yaml\n(.*?)^```", self.section(kind), re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule has to say about one place of one template."""

    rule: Rule
    kind: Kind
    message: str
    template: Template
    resource: Resource | None
    location: str
    fix: str
    about: str = ""
    waiver: RecordedWaiver | None = None

    @property
    def id(self) -> str:
        """What a waiver has to name: the rule and, where a rule finds several things in a resource, which of them."""
        return f"{self.rule.id}[{self.about}]" if self.about else self.rule.id

    @property
    def severity(self) -> Severity:
        return self.rule.severity

    @property
    def waived(self) -> bool:
        return self.waiver is not None

    @property
    def waivable(self) -> bool:
        return self.kind is not Kind.ENGINE

    @property
    def logical_id(self) -> str | None:
        return self.resource.logical_id if self.resource else None

    @property
    def line(self) -> int:
        return self.template.line(self.logical_id)

    @property
    def waiver_line(self) -> str:
        return f'Waiver("{self.id}", reason="...")'


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one run: what was judged, by which rules, with what result."""

    templates: tuple[Template, ...]
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]

    @property
    def open(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.waived)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.open if finding.severity is Severity.ERROR)

    @property
    def waived(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.waived)

    @property
    def resources(self) -> int:
        return sum(len(template.resources) for template in self.templates)


def resource_rule(
    id: str,
    *,
    types: Sequence[str],
    guidelines: Sequence[str],
    severity: Severity = Severity.ERROR,
    controls: Controls | None = None,
) -> Callable[[Callable[[Resource], Observations]], Rule]:
    """Make a rule of a function that judges one resource of the given types."""

    def decorate(function: Callable[[Resource], Observations]) -> Rule:
        def judge(template: Template) -> Observations:
            for resource in template.of_type(*types):
                yield from function(resource)

        return _rule(id, function, judge, types=types, guidelines=guidelines, severity=severity, controls=controls)

    return decorate


def statement_rule(
    id: str,
    *,
    kinds: Sequence[PolicyKind],
    guidelines: Sequence[str],
    severity: Severity = Severity.ERROR,
    controls: Controls | None = None,
) -> Callable[[Callable[[Statement], Observations]], Rule]:
    """Make a rule of a function that judges one policy statement of the given kinds."""

    def decorate(function: Callable[[Statement], Observations]) -> Rule:
        def judge(template: Template) -> Observations:
            for found in template.once(statements):
                if found.kind not in kinds:
                    continue
                if isinstance(found, Unreadable):
                    yield found.observation
                else:
                    yield from function(found)

        return _rule(
            id, function, judge, types=POLICY_TYPES, guidelines=guidelines, severity=severity, controls=controls
        )

    return decorate


def template_rule(
    id: str,
    *,
    types: Sequence[str] = (),
    guidelines: Sequence[str],
    severity: Severity = Severity.ERROR,
    controls: Controls | None = None,
) -> Callable[[Callable[[Template], Observations]], Rule]:
    """Make a rule of a function that judges a template as a whole."""

    def decorate(function: Callable[[Template], Observations]) -> Rule:
        return _rule(id, function, function, types=types, guidelines=guidelines, severity=severity, controls=controls)

    return decorate


def _rule(
    id: str,
    function: Callable[..., object],
    judge: Callable[[Template], Observations],
    *,
    types: Sequence[str],
    guidelines: Sequence[str],
    severity: Severity,
    controls: Controls | None,
) -> Rule:
    page = inspect.getdoc(function)
    if page is None:
        raise ValueError(f"rule {id}: a rule's docstring is its page, and {function.__qualname__} has none")
    return Rule(id, function.__name__, severity, tuple(guidelines), controls or Controls(), tuple(types), judge, page)


def evaluate(templates: Iterable[Template], rules: Sequence[Rule], *, today: date | None = None) -> Report:
    """Run `rules` over `templates` and apply the waivers that the templates carry.

    Nothing raises: a rule that fails inside is a finding of its own. `today` decides which waivers have expired.
    """
    judged = tuple(templates)
    judged_together(judged)
    with _garbage_waits():
        return _evaluate(judged, rules, today or date.today())


@contextmanager
def _garbage_waits() -> Iterator[None]:
    """Rules make many small objects and no circles, for which the collector would search the whole template."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _evaluate(judged: tuple[Template, ...], rules: Sequence[Rule], today: date) -> Report:
    carried = [_Carried(template, resource, waiver) for template in judged for resource, waiver in _carried(template)]
    by_place: dict[tuple[Template, Resource | None], list[_Carried]] = {}
    for each in carried:
        by_place.setdefault((each.template, each.resource), []).append(each)
    findings = [
        _with_waiver(finding, by_place.get((template, finding.resource), ()), today)
        for template in judged
        for rule in rules
        for finding in _judged(rule, template)
    ]
    findings += _unused(carried, {rule.id for rule in rules})
    return Report(templates=judged, rules=tuple(rules), findings=tuple(findings))


@dataclass(slots=True)
class _Carried:
    """A waiver at the place where it stands."""

    template: Template
    resource: Resource | None
    waiver: RecordedWaiver
    used: bool = False

    @property
    def origin(self) -> tuple[str, str, str]:
        """A construct writes its waiver to several resources; one that is used is enough for all of them."""
        return (self.waiver.rule, self.waiver.reason, self.waiver.at or f"{self.template.name} {self.resource}")


def _carried(template: Template) -> Iterator[tuple[Resource | None, RecordedWaiver]]:
    places: list[tuple[Resource | None, object]] = [(None, template.body.get("Metadata"))]
    places += [(resource, resource.metadata) for resource in template.resources.values()]
    for resource, metadata in places:
        for waiver in read_waivers(metadata if isinstance(metadata, dict) else {}):
            if isinstance(waiver, RecordedWaiver):
                yield resource, waiver


def _judged(rule: Rule, template: Template) -> Iterator[Finding]:
    told: set[Observation] = set()
    try:
        for seen in rule.judge(template):
            if seen not in told:  # several variants of a value often say the same
                told.add(seen)
                yield _finding(rule, template, seen, Kind.VIOLATION if seen.decided else Kind.UNDECIDED)
    except Exception as error:  # noqa: BLE001 - whatever fails inside a rule must be seen, and must not hide the other rules
        yield engine_finding(FAILED_RULE, template, failed_rule(rule, error))


def _finding(rule: Rule, template: Template, seen: Observation, kind: Kind) -> Finding:
    return Finding(
        rule=rule,
        kind=kind,
        message=seen.message,
        template=template,
        resource=seen.resource,
        location=seen.at,
        fix=seen.fix or rule.fix,
        about=seen.about,
    )


def engine_finding(rule: Rule, template: Template, seen: Observation) -> Finding:
    """A finding that the engine itself makes, or whoever runs it; nobody can waive it."""
    return _finding(rule, template, seen, Kind.ENGINE)


def _with_waiver(finding: Finding, carried: Iterable[_Carried], today: date) -> Finding:
    if not finding.waivable:
        return finding
    meant = [each for each in carried if each.waiver.rule == finding.id]
    for each in meant:
        each.used = True
    counting = next((each for each in meant if each.waiver.counts_on(today)), None)
    if counting:
        return replace(finding, waiver=counting.waiver)
    if meant:
        last = max(each.waiver.until for each in meant if each.waiver.until)
        return replace(finding, message=f"{finding.message} (its waiver expired on {last})")
    return finding


def _unused(carried: Iterable[_Carried], rule_ids: Set[str]) -> Iterator[Finding]:
    ours = [each for each in carried if each.waiver.rule.split("[", 1)[0] in rule_ids]
    used = {each.origin for each in ours if each.used}
    reported: set[tuple[str, str, str]] = set()
    for each in ours:
        if each.origin not in used and each.origin not in reported:
            reported.add(each.origin)
            yield engine_finding(UNUSED_WAIVER, each.template, unused_waiver(each.waiver, each.resource))


def failed_rule(rule: Rule, error: Exception) -> Observation:
    """A rule failed inside.

    ## Why
    A rule that cannot finish says nothing about the template, and nothing must not look like a pass. This is a mistake
    in the rule, not in the template.

    ## Fix
    Report the rule, the error and the template's shape to the maintainers; until it is mended, leave the rule out with
    `--without` or `rules=`.
    """
    return Observation(
        None, f"rule {rule.id} failed inside ({type(error).__name__}: {error}), so it does not judge this template"
    )


def unused_waiver(waiver: RecordedWaiver, resource: Resource | None) -> Observation:
    """A waiver matches nothing.

    ## Why
    A waiver that outlives its finding, or that names another one, stands ready to hide the next mistake, and tells the
    reviewer of a weakness that is not there.

    ## Fix
    Remove the waiver, or name what is found: the id as the report shows it, with its brackets, on the resource that it
    names.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Metadata:
          SecureContainers:
            Waivers:
              - Rule: SC-ECR-01
                Reason: preview images are rebuilt under one tag in the development account
        Properties:
          ImageTagMutability: IMMUTABLE
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          ImageTagMutability: IMMUTABLE
    ```
    """
    where = waiver.at or (resource.logical_id if resource else "the template")
    return Observation(
        resource, f"the waiver of {waiver.rule} at {where} matches no finding", at=f"Metadata.{METADATA_KEY}.Waivers"
    )


def _unjudging(_: Template) -> Observations:
    """The engine itself makes these findings, whatever the template."""
    yield from ()


FAILED_RULE: Final = _rule(
    "SC-ENG-01", failed_rule, _unjudging, types=(), guidelines=(), severity=Severity.ERROR, controls=None
)
UNUSED_WAIVER: Final = _rule(
    "SC-ENG-02", unused_waiver, _unjudging, types=(), guidelines=(), severity=Severity.WARNING, controls=None
)
ENGINE_RULES: Final = (FAILED_RULE, UNUSED_WAIVER)
