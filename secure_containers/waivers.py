"""Waivers: the only way to weaken something, and to accept what a rule finds.

A waiver names one rule and gives a reason that a reviewer can judge. It turns off the default that the rule protects,
acknowledges the rule in CDK's validation report, and is written into the resource's `Metadata`, so that the three
cannot disagree and `secure-containers check` honours it on the bare template."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from secure_containers.errors import check_list
from secure_containers.rules import ENGINE_RULES, RULES, find_rule
from secure_containers.rules.waiver_metadata import METADATA_KEY, SHORTEST_REASON, RecordedWaiver, reason_problem

if TYPE_CHECKING:
    from aws_cdk import CfnResource, Stack
    from constructs import IConstruct

PLUGIN_NAME: Final = "secure-containers"
"""The name under which our rules appear in CDK's validation report."""

PACK_RULE_PREFIXES: Final = {
    "AwsSolutions-": "AwsSolutions",
    "NIST.800.53.R5-": "NIST.800.53.R5",
    "HIPAA.Security-": "HIPAA.Security",
    "PCI.DSS.321-": "PCI.DSS.321",
    "Serverless-": "Serverless",
}
"""The cdk-nag pack of a rule id, by the id's first part."""

_RULE_ID: Final = re.compile(r"(?:(?P<pack>[A-Za-z0-9.]+)::)?(?P<rule>[A-Za-z0-9.-]+)(?P<about>\[.*\])?", re.DOTALL)
_IAM: Final = tuple(f"AWS::IAM::{kind}" for kind in ("Group", "ManagedPolicy", "Policy", "Role", "User"))


@dataclass(frozen=True, slots=True)
class Waiver:
    """A permitted weakening, or an accepted finding.

    Args:
        rule: the id as the report shows it: `SC-ECR-01`, with brackets where the report has them
            (`SC-IAM-02[ecr:PutImage]`), or a cdk-nag id (`AwsSolutions-IAM5[Resource::*]`).
        reason: why this is acceptable here, in words that a reviewer can judge; 20 characters at least.
        until: the last day on which the waiver counts; left out, it counts for ever. After that day the finding is
            back, while the resource stays as it is: a synth stops, and nothing is replaced unasked.
        approved_by: who accepted it: a team, a role, a ticket. Not a person's e-mail address: templates are
            widely read.

    Raises:
        ValueError: the rule is not known, the reason is empty or vague, or `until` is no date.
    """

    rule: str
    reason: str = field(kw_only=True)
    until: date | None = field(default=None, kw_only=True)
    approved_by: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_rule(self.rule)
        problem = reason_problem(self.reason)
        if problem:
            raise ValueError(
                f"Waiver({self.rule!r}): reason {problem}: got {self.reason!r}; say in at least "
                f"{SHORTEST_REASON} characters why this is acceptable here, "
                'e.g. reason="preview images are rebuilt and never leave the development account"'
            )
        if self.until is not None and (not isinstance(self.until, date) or isinstance(self.until, datetime)):
            raise ValueError(
                f"Waiver({self.rule!r}): until is {self.until!r}; allowed: a date, e.g. until=date(2027, 3, 31)"
            )

    @property
    def pack(self) -> str | None:
        """The cdk-nag pack that the rule belongs to; None for our own rules."""
        return pack_of(self.rule)

    @property
    def id(self) -> str:
        """The rule's id without the name of its pack."""
        return self.rule.split("::", 1)[1] if self.pack and self.rule.startswith(f"{self.pack}::") else self.rule

    @property
    def acknowledged_id(self) -> str:
        """The id under which CDK's validation knows the rule."""
        return f"{self.pack or PLUGIN_NAME}::{self.id}"

    def counts_on(self, day: date) -> bool:
        """Whether the waiver holds on a day; `until` is the last one."""
        return self.until is None or day <= self.until


def waive(construct: IConstruct, *waivers: Waiver) -> None:
    """Accept findings on a construct: acknowledge the rules and write the waivers into the resources' `Metadata`.

    Name the smallest construct that has the finding. One of our rules, and one of the packs' about IAM, is recorded on
    the resources of the types that it judges.

    Args:
        construct: the construct; its resources have to exist already.
        waivers: what to accept.

    Raises:
        ValueError: the construct holds no resource that the rule judges, or the same rule is waived twice on it.
    """
    if not waivers:
        return
    from aws_cdk import Acknowledgment, CfnResource, Validations  # noqa: PLC0415 - it starts Node, and waivers are read without it too

    node = construct.node
    path = node.path
    check_list(
        path,
        "waivers",
        waivers,
        Waiver,
        allowed="waivers, one after the other",
        write='waive(construct, Waiver("SC-ECR-01", reason="..."))',
    )
    _refuse_doubles(path, waivers)
    resources = [each for each in node.find_all() if isinstance(each, CfnResource)]
    by_type = any(_types(waiver) for waiver in waivers)  # to ask for each is a call to Node
    found = [(resource, resource.cfn_resource_type if by_type else "") for resource in resources]
    recorded: dict[int, list[RecordedWaiver]] = {}
    for waiver in waivers:
        types = _types(waiver)
        judged = [index for index, (_, type_) in enumerate(found) if not types or type_ in types]
        if not judged:
            allowed = ", ".join(types) if types else "a resource"
            raise ValueError(
                f"{path}: Waiver({waiver.rule!r}) has nothing to waive: the construct holds none of {allowed}"
            )
        entry = RecordedWaiver(waiver.id, waiver.reason, waiver.until, waiver.approved_by, path)
        for index in judged:
            recorded.setdefault(index, []).append(entry)
    for index, entries in recorded.items():
        _record(found[index][0], entries)
    validations, today = Validations.of(construct), date.today()
    for waiver in waivers:
        if waiver.counts_on(today):
            validations.acknowledge(Acknowledgment(id=waiver.acknowledged_id, reason=waiver.reason))


class DefaultsOff:
    """The waivers given to one construct: which of its defaults they turn off.

    A construct asks `waived("SC-ECR-01")` for each default while it builds, and ends with `apply()`.
    """

    def __init__(self, construct: IConstruct, path: str, waivers: Iterable[Waiver], *, types: Iterable[str]) -> None:
        self._construct = construct
        self._waivers = tuple(waivers)
        _refuse_doubles(path, self._waivers)
        for waiver in self._waivers:
            judged = _types(waiver)
            if judged and not set(judged) & set(types):
                raise ValueError(
                    f"{path}: waivers has Waiver({waiver.rule!r}), which judges {', '.join(judged)}; "
                    f"this construct has none. Allowed: rules over {', '.join(types)}"
                )

    def waived(self, rule: str) -> bool:
        """Whether a default is turned off; an expired waiver still does, since the finding, not the resource, is what
        comes back."""
        return any(waiver.id == rule for waiver in self._waivers)

    def apply(self) -> None:
        """Acknowledge and record every waiver, now that the resources exist."""
        waive(self._construct, *self._waivers)


def pack_of(rule: str) -> str | None:
    """The cdk-nag pack that a rule id belongs to; None for our own rules."""
    return next((pack for prefix, pack in PACK_RULE_PREFIXES.items() if rule.startswith((prefix, f"{pack}::"))), None)


def waiver_line(rule: str) -> str:
    """The line that would waive a rule, as error messages show it."""
    return f'waivers=[Waiver("{rule}", reason="...")]'


def as_found(stack: Stack, text: str) -> str:
    """A text with tokens as cdk-nag writes it into the id of a finding."""
    resolved = stack.resolve(text)
    if isinstance(resolved, str):
        return resolved
    return "".join(part if isinstance(part, str) else _as_found(part) for part in resolved["Fn::Join"][1])


def _as_found(function: Mapping[str, object]) -> str:
    """References as names in angle brackets, other functions as they are."""
    ((name, argument),) = function.items()
    if name == "Ref":
        return f"<{argument}>"
    if name == "Fn::GetAtt" and isinstance(argument, list):
        return f"<{'.'.join(map(str, argument))}>"
    return json.dumps(function, separators=(",", ":"))


def _check_rule(rule: str) -> None:
    named = _RULE_ID.fullmatch(rule) if isinstance(rule, str) else None
    if named and named["pack"] in PACK_RULE_PREFIXES.values():
        return
    if (
        named
        and not named["pack"]
        and (
            any(rule.startswith(prefix) for prefix in PACK_RULE_PREFIXES)
            or any(known.id == named["rule"] for known in RULES)
        )
    ):
        return
    if find_rule(str(rule)) in ENGINE_RULES:
        raise ValueError(f"Waiver: rule is {rule!r}, which the engine itself reports and nobody can waive")
    known_ids = [known.id for known in RULES]
    close = difflib.get_close_matches(str(rule).upper(), known_ids, 3, 0.7)
    by_name = find_rule(str(rule))
    meant = [by_name.id] if by_name else close
    hint = f"; did you mean {' or '.join(meant)}?" if meant else "."
    packs = ", ".join(f"{prefix}..." for prefix in PACK_RULE_PREFIXES)
    raise ValueError(
        f"Waiver: rule is {rule!r}{hint} Allowed: our rules, as `secure-containers rules` lists them, "
        f"or a cdk-nag id ({packs})"
    )


def _refuse_doubles(path: str, waivers: Iterable[Waiver]) -> None:
    seen: set[str] = set()
    for waiver in waivers:
        if waiver.acknowledged_id in seen:
            raise ValueError(f"{path}: {waiver.rule} is waived twice; keep one Waiver with one reason")
        seen.add(waiver.acknowledged_id)


def _types(waiver: Waiver) -> tuple[str, ...]:
    """What a rule judges, as far as that is known here: of the packs' rules, those about IAM tell it by their names."""
    if waiver.pack:
        return _IAM if "-IAM" in waiver.id else ()
    rule = find_rule(waiver.id.split("[", 1)[0])
    return rule.types if rule else ()


def _record(resource: CfnResource, waivers: Iterable[RecordedWaiver]) -> None:
    before: Any = resource.get_metadata(METADATA_KEY)
    entries = list(before["Waivers"]) if isinstance(before, dict) else []
    entries += [new for waiver in waivers if (new := waiver.as_metadata()) not in entries]
    resource.add_metadata(METADATA_KEY, {"Waivers": entries})
