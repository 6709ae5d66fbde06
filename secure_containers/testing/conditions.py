"""Conditions of statements in the form in which they can be proved about.

iamprover takes each condition key for a text that may be anything. That is what IAM does with the operators on single
texts, once a missing key is a text of its own. All other operators become a proposition of their own each: two equal
conditions are the same proposition, and nothing else is known about it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from secure_containers.rules.intrinsics import as_text

MISSING: Final = "<missing>"
"""The text of a key that a call does not have; what no key's value can be."""

_TEXTS: Final = re.compile(
    r"(?P<base>String(?:Not)?Equals|String(?:Not)?Like|Bool|Arn(?:Not)?(?:Equals|Like))(?P<if_exists>IfExists)?"
)

Proposition = tuple[str, str, list[str]]
"""Operator, key and values of a condition that iamprover knows."""


def propositions(conditions: Mapping[str, Any]) -> Iterator[Proposition]:
    """What has to hold for a call to meet all of these conditions."""
    for operator, block in conditions.items():
        for key, values in block.items():
            listed = values if isinstance(values, list) else [values]
            yield from _propositions(str(operator), str(key), [as_text(each) for each in listed])


def has_negation(conditions: Mapping[str, Any]) -> bool:
    """Whether some condition holds for everything but what it names."""
    return any("Not" in operator for operator in conditions)


def _propositions(operator: str, key: str, values: Sequence[str]) -> Iterator[Proposition]:
    if operator == "Null" and len(values) == 1:
        yield ("StringEquals" if values[0].lower() == "true" else "StringNotEquals", key, [MISSING])
        return
    known = _TEXTS.fullmatch(operator)
    if known is None or not _as_texts(known["base"], values):
        canonical = json.dumps([operator.lower(), key.lower(), sorted(values)])
        yield ("StringEquals", f"<{canonical.encode().hex()}>", ["true"])  # hexadecimal, since iamprover lowers keys
        return
    base = known["base"]
    patterns = [each.lower() for each in values] if base == "Bool" else list(values)
    if "Not" in base:  # also met by a call without the key, with or without IfExists
        yield (base, key, patterns)
    elif known["if_exists"]:
        yield (base, key, [*patterns, MISSING])
    else:
        yield (base, key, patterns)
        yield ("StringNotEquals", key, [MISSING])


def _as_texts(base: str, values: Sequence[str]) -> bool:
    """Whether IAM compares these values just as texts."""
    if base.startswith("Arn") and any(re.search(r"[*?]", ":".join(value.split(":", 5)[:5])) for value in values):
        return False  # IAM compares ARNs part by part, and a wildcard does not reach over a colon
    if "Like" in base or base.startswith("Arn"):
        # A pattern that takes in the missing key as well would turn a negation around.
        return "Not" not in base or not any(_matches(MISSING, value) for value in values)
    return True


def _matches(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))
