"""Waivers as a template carries them, in the `Metadata` of the resource that they are about.

    Metadata:
      SecureContainers:
        Waivers:
          - Rule: SC-ECR-01
            Reason: preview images are rebuilt under one tag and never leave the development account
            Until: "2027-03-31"
            ApprovedBy: platform security, SEC-214
            At: App/Images/Repository

`Rule` and `Reason` are needed. `At` is the construct that was waived, when a construct wrote the entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

METADATA_KEY: Final = "SecureContainers"
SHORTEST_REASON: Final = 20

_EMPTY_PHRASES: Final = re.compile(
    r"\b(false positives?|not (needed|required|applicable|relevant)|n/?a|to ?do|tbd|fixme|ignored?|suppress(ed)?"
    r"|wont ?fix|(by|as) design(ed)?|works as intended|accepted( risk)?|risk accepted|temporar(y|ily)|for now|later"
    r"|legacy|just|because|this|that|rule|finding|warning|error|okay|fine|test(s|ing)?|purposes?|some|have|need(s|ed)?|want(s|ed)?|will|with)\b"
)
_FEWEST_TELLING_WORDS: Final = 3


@dataclass(frozen=True, slots=True)
class RecordedWaiver:
    """One entry of a resource's `Waivers`."""

    rule: str
    reason: str
    until: date | None = None
    approved_by: str | None = None
    at: str = ""

    def counts_on(self, day: date) -> bool:
        """`until` is the last day on which the waiver holds."""
        return self.until is None or day <= self.until

    def as_metadata(self) -> dict[str, str]:
        entries = {
            "Rule": self.rule,
            "Reason": self.reason,
            "Until": self.until.isoformat() if self.until else None,
            "ApprovedBy": self.approved_by,
            "At": self.at,
        }
        return {key: value for key, value in entries.items() if value}


def reason_problem(reason: object) -> str | None:
    """Why a text is no reason that somebody could judge; None if it is one."""
    if not isinstance(reason, str) or not reason.strip():
        return "is empty"
    if len(reason.strip()) < SHORTEST_REASON:
        return f"has fewer than {SHORTEST_REASON} characters"
    telling = set(re.findall(r"[^\W\d_]{4,}", _EMPTY_PHRASES.sub(" ", reason.lower())))
    if len(telling) < _FEWEST_TELLING_WORDS:
        return "says nothing that a reviewer could judge"
    return None


def read_waivers(metadata: Mapping[str, Any]) -> Iterator[RecordedWaiver | str]:
    """The waivers of a `Metadata` section; for an entry that does not count, what is wrong with it."""
    ours = metadata.get(METADATA_KEY)
    if ours is None:
        return
    entries = ours.get("Waivers") if isinstance(ours, dict) else None
    if not isinstance(entries, list):
        yield f"Metadata.{METADATA_KEY} has no list 'Waivers'"
        return
    for index, entry in enumerate(entries):
        yield _read(entry, f"Metadata.{METADATA_KEY}.Waivers.{index}")


def _read(entry: Any, path: str) -> RecordedWaiver | str:
    if not isinstance(entry, dict) or not isinstance(entry.get("Rule"), str):
        return f"{path} names no 'Rule'"
    problem = reason_problem(entry.get("Reason"))
    if problem:
        return f"{path}.Reason {problem}"
    until = None
    if entry.get("Until") is not None:
        try:
            until = date.fromisoformat(str(entry["Until"]))
        except ValueError:
            return f"{path}.Until is {entry['Until']!r}, not a date like 2027-03-31"
    approved_by, at = entry.get("ApprovedBy"), entry.get("At", "")
    return RecordedWaiver(entry["Rule"], entry["Reason"], until, str(approved_by) if approved_by else None, str(at))
