"""What ECR accepts as a lifecycle policy, as a function over the policy's JSON.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html and the service's API
model. The constructs use the same function, so a mistake is said where the user writes it and in anybody's template
alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

POLICY_TEXT_LENGTH: Final = range(100, 30_720 + 1)
MOST_RULES: Final = 50
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html; it cannot be raised."""
MOST_WILDCARDS: Final = 4
"""`*` in one entry of `tagPatternList`."""
SHORTEST_ARCHIVE: Final = 90
"""Days for which an archived image has to be kept."""
COUNT_TYPES: Final = ("imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned")

_SELECTION_FIELDS: Final = {
    "tagStatus",
    "tagPatternList",
    "tagPrefixList",
    "storageClass",
    "countType",
    "countUnit",
    "countNumber",
}
_STATUSES: Final = ("tagged", "untagged", "any")
_RULE_FIELDS: Final = {"rulePriority", "description", "selection", "action"}
_ACTION_FIELDS: Final = {"type", "targetStorageClass"}


@dataclass(frozen=True, slots=True)
class LifecycleProblem:
    """One thing that ECR refuses: where, what was written and what is allowed."""

    rule: int | None
    """Index of the rule; None for the policy as a whole."""
    field: str
    got: object
    allowed: str

    def __str__(self) -> str:
        where = f"rules[{self.rule}].{self.field}" if self.rule is not None else self.field
        return f"{where} is {self.got!r}; allowed: {self.allowed}"


def lifecycle_problems(policy: object, *, text: str | None = None) -> Iterator[LifecycleProblem]:
    """Everything for which ECR would refuse `policy`, the parsed JSON of a lifecycle policy.

    `text` is the policy as it will be sent; left out, its shortest form.
    """
    rules = policy.get("rules") if isinstance(policy, dict) else None
    if not isinstance(rules, list) or not rules:
        yield LifecycleProblem(None, "rules", rules, "a list of at least one rule")
        return
    if len(rules) > MOST_RULES:
        yield LifecycleProblem(None, "the number of rules", len(rules), f"at most {MOST_RULES}")
    well_formed: list[tuple[int, Mapping[str, Any]]] = []
    for index, rule in enumerate(rules):
        problems = list(_rule_problems(index, rule))
        yield from problems
        if not problems:
            well_formed.append((index, rule))
    yield from _conflicts(well_formed)
    length = len(json.dumps(policy, separators=(",", ":"), ensure_ascii=False) if text is None else text)
    if length not in POLICY_TEXT_LENGTH:
        allowed = f"{POLICY_TEXT_LENGTH.start} to {POLICY_TEXT_LENGTH.stop - 1} characters"
        yield LifecycleProblem(None, "the policy's length", length, allowed)


def expires_untagged(rules: Iterable[Mapping[str, Any]]) -> bool:
    """Whether some rule expires images that lost their tag."""
    return any(selection.get("tagStatus") in ("untagged", "any") for selection in _expiring(rules))


def bounds_every_tag(rules: Sequence[Mapping[str, Any]]) -> bool:
    """Whether images go in the end, whatever their tag.

    A rule that archives images by their tags takes them away from every later one, so they have to leave the archive.
    """
    if not _leaves_archive(rules):
        return False
    return any(
        selection.get("tagStatus") == "any" or selection.get("tagPatternList") == ["*"]
        for selection in _expiring(rules)
    )


def _leaves_archive(rules: Iterable[Mapping[str, Any]]) -> bool:
    """Whether no images stay in the archive for ever."""
    archived, emptied = set(), set()
    for rule in rules:
        selection, action = rule.get("selection"), rule.get("action")
        if isinstance(selection, dict) and isinstance(action, dict):
            status = str(selection.get("tagStatus"))
            if action.get("type") == "transition":
                archived.add(status)
            elif selection.get("storageClass") == "archive":
                emptied.add(status)
    return "any" in emptied or archived <= emptied


def _expiring(rules: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The selections of the rules by which images go: expired, or archived where another rule expires these."""
    parts = [(rule.get("selection"), rule.get("action")) for rule in rules]
    acts = [
        (chosen, action.get("type"))
        for chosen, action in parts
        if isinstance(chosen, dict) and isinstance(action, dict)
    ]
    emptied = [
        chosen.get("tagStatus") for chosen, kind in acts if kind == "expire" and chosen.get("storageClass") == "archive"
    ]
    for chosen, kind in acts:
        goes = kind == "expire" or (
            kind == "transition" and ("any" in emptied or chosen.get("tagStatus") == "untagged" in emptied)
        )
        if goes and chosen.get("storageClass") != "archive":
            yield chosen


def _rule_problems(index: int, rule: object) -> Iterator[LifecycleProblem]:
    if (
        not isinstance(rule, dict)
        or not isinstance(rule.get("selection"), dict)
        or not isinstance(rule.get("action"), dict)
    ):
        yield LifecycleProblem(index, "selection", rule, "an object with rulePriority, selection and action")
        return
    selection, action = rule["selection"], rule["action"]
    for prefix, given, known in (
        ("", rule, _RULE_FIELDS),
        ("selection.", selection, _SELECTION_FIELDS),
        ("action.", action, _ACTION_FIELDS),
    ):
        for name in sorted(set(given) - known):
            yield LifecycleProblem(index, f"{prefix}{name}", given[name], "no such field in a lifecycle policy")
    if not _is_positive(rule.get("rulePriority")):
        yield LifecycleProblem(index, "rulePriority", rule.get("rulePriority"), "a whole number of 1 or more")
    yield from _tag_problems(index, selection)
    yield from _count_problems(index, selection)
    yield from _action_problems(index, selection, action)


def _tag_problems(index: int, selection: Mapping[str, Any]) -> Iterator[LifecycleProblem]:
    status = selection.get("tagStatus")
    lists = [name for name in ("tagPatternList", "tagPrefixList") if name in selection]
    if status not in _STATUSES:
        yield LifecycleProblem(index, "selection.tagStatus", status, "'tagged', 'untagged' or 'any'")
    elif status == "tagged" and len(lists) != 1:
        yield LifecycleProblem(
            index, "selection.tagPatternList", lists, "for 'tagged' images one of tagPatternList and tagPrefixList"
        )
    elif status != "tagged" and lists:
        yield LifecycleProblem(
            index,
            f"selection.{lists[0]}",
            selection[lists[0]],
            f"a tag list only for 'tagged' images, not for '{status}'",
        )
    for name in lists:
        entries = selection[name]
        if (
            not isinstance(entries, list)
            or not entries
            or not all(isinstance(entry, str) and entry for entry in entries)
        ):
            yield LifecycleProblem(index, f"selection.{name}", entries, "a list of at least one text")
            continue
        for entry in entries:
            if name == "tagPatternList" and entry.count("*") > MOST_WILDCARDS:
                yield LifecycleProblem(
                    index, f"selection.{name}", entry, f"at most {MOST_WILDCARDS} wildcards (*) in a pattern"
                )


def _count_problems(index: int, selection: Mapping[str, Any]) -> Iterator[LifecycleProblem]:
    count_type, unit = selection.get("countType"), selection.get("countUnit")
    if count_type not in COUNT_TYPES:
        yield LifecycleProblem(index, "selection.countType", count_type, "one of " + ", ".join(COUNT_TYPES))
    elif count_type == "imageCountMoreThan" and "countUnit" in selection:
        yield LifecycleProblem(index, "selection.countUnit", unit, "no countUnit with imageCountMoreThan")
    elif count_type != "imageCountMoreThan" and unit != "days":
        yield LifecycleProblem(index, "selection.countUnit", unit, f"'days' with {count_type}")
    if not _is_positive(selection.get("countNumber")):
        yield LifecycleProblem(
            index, "selection.countNumber", selection.get("countNumber"), "a whole number of 1 or more"
        )
    storage = selection.get("storageClass", "standard")
    expected = "archive" if count_type == "sinceImageTransitioned" else "standard"
    if storage != expected:
        yield LifecycleProblem(index, "selection.storageClass", storage, f"'{expected}' with {count_type}")


def _action_problems(index: int, selection: Mapping[str, Any], action: Mapping[str, Any]) -> Iterator[LifecycleProblem]:
    kind, target, count_type = action.get("type"), action.get("targetStorageClass"), selection.get("countType")
    if kind not in ("expire", "transition"):
        yield LifecycleProblem(index, "action.type", kind, "'expire' or 'transition'")
    elif kind == "expire" and "targetStorageClass" in action:
        yield LifecycleProblem(index, "action.targetStorageClass", target, "no targetStorageClass with expire")
    elif kind == "transition" and target != "archive":
        yield LifecycleProblem(index, "action.targetStorageClass", target, "'archive' with transition")
    if kind == "expire" and count_type == "sinceImagePulled":
        yield LifecycleProblem(
            index,
            "action.type",
            kind,
            "only 'transition' with sinceImagePulled: ECR refuses to expire images by their last pull",
        )
    if kind == "transition" and count_type == "sinceImageTransitioned":
        yield LifecycleProblem(
            index, "action.type", kind, "only 'expire' with sinceImageTransitioned: these images are archived already"
        )
    number = selection.get("countNumber")
    if (
        kind == "expire"
        and count_type == "sinceImageTransitioned"
        and _is_positive(number)
        and number < SHORTEST_ARCHIVE
    ):
        yield LifecycleProblem(
            index, "selection.countNumber", number, f"{SHORTEST_ARCHIVE} days or more for archived images"
        )


def _conflicts(rules: list[tuple[int, Mapping[str, Any]]]) -> Iterator[LifecycleProblem]:
    priorities: set[int] = set()
    for index, rule in rules:
        if rule["rulePriority"] in priorities:
            yield LifecycleProblem(index, "rulePriority", rule["rulePriority"], "a priority of its own for each rule")
        priorities.add(rule["rulePriority"])
    for storage in ("standard", "archive"):
        yield from _conflicts_within(
            storage, [each for each in rules if each[1]["selection"].get("storageClass", "standard") == storage]
        )


def _conflicts_within(storage: str, rules: list[tuple[int, Mapping[str, Any]]]) -> Iterator[LifecycleProblem]:
    """What the rules for the images of one storage class must not have in common."""
    lists: set[frozenset[str]] = set()
    by_status = {
        status: [each for each in rules if each[1]["selection"]["tagStatus"] == status] for status in _STATUSES
    }
    for index, rule in by_status["tagged"]:
        prefixes = rule["selection"].get("tagPrefixList", ())
        if frozenset(prefixes) in lists:
            allowed = f"a set of prefixes only once in the storage class '{storage}'"
            yield LifecycleProblem(index, "selection.tagPrefixList", prefixes, allowed)
        lists |= {frozenset(prefixes)} if prefixes else set()
    for status in ("untagged", "any"):
        for index, _ in by_status[status][1:]:
            allowed = f"one rule for '{status}' images of the storage class '{storage}'"
            yield LifecycleProblem(index, "selection.tagStatus", status, allowed)
    highest = max(
        (rule["rulePriority"] for status in ("tagged", "untagged") for _, rule in by_status[status]), default=0
    )
    for index, rule in by_status["any"]:
        if rule["rulePriority"] <= highest:
            allowed = "the highest number of all for the rule of 'any' images"
            yield LifecycleProblem(index, "rulePriority", rule["rulePriority"], allowed)


def _is_positive(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0
