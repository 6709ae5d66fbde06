"""Typed lifecycle rules: all of ECR's lifecycle JSON, checked at the line where a rule is written.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from secure_containers.errors import invalid
from secure_containers.rules.ecr_lifecycle import LifecycleProblem, lifecycle_problems

_COUNT_TYPES: Final = {
    "more_than_images": "imageCountMoreThan",
    "days_since_pushed": "sinceImagePushed",
    "days_since_pulled": "sinceImagePulled",
    "days_since_archived": "sinceImageTransitioned",
}
_EXAMPLE: Final = "LifecycleRule(untagged=True, days_since_pushed=30)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleRule:
    """One rule of a repository's lifecycle: which images, after what, to be expired or archived.

    Without `untagged`, `tag_patterns` or `tag_prefixes` the rule is for any image. Exactly one of the four bounds has
    to be given. An image that a rule of higher priority selects by its tags is left alone by every later rule.

    Args:
        untagged: images without a tag.
        tag_patterns: images that have, for each of these patterns, a tag that matches it; `*` stands for any text, at
            most four in a pattern.
        tag_prefixes: images that have, for each of these prefixes, a tag that starts with it.
        more_than_images: act on the oldest images beyond this number. A rule for any image counts all of them, those
            that other rules select too.
        days_since_pushed: act on images pushed more than so many days ago.
        days_since_pulled: act on images not pulled for so many days (never pulled: since the push); only with
            `archive=True`.
        days_since_archived: expire images archived more than so many days ago, 90 at least.
        archive: move to the archive storage class in place of expiring. Archived images cannot be pulled until they
            are restored.
        priority: ECR looks at rules from the lowest number on. Left out, rules count in the order of their list, with
            the rule for any image last.
        description: a note for readers of the policy.

    Raises:
        ValueError: ECR would refuse the rule.
    """

    untagged: bool = False
    tag_patterns: Sequence[str] = ()
    tag_prefixes: Sequence[str] = ()
    more_than_images: int | None = None
    days_since_pushed: int | None = None
    days_since_pulled: int | None = None
    days_since_archived: int | None = None
    archive: bool = False
    priority: int | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        for name in ("tag_patterns", "tag_prefixes"):
            if isinstance(getattr(self, name), str):
                raise invalid(
                    "LifecycleRule",
                    name,
                    getattr(self, name),
                    allowed="a list of texts",
                    write=f"{name}=[{getattr(self, name)!r}]",
                )
        if self.untagged and (self.tag_patterns or self.tag_prefixes):
            raise invalid(
                "LifecycleRule", "untagged", self.untagged, allowed="untagged images or tags, not both", write=_EXAMPLE
            )
        if len(self._bounds) != 1:
            raise invalid(
                "LifecycleRule",
                "the bound",
                self._bounds,
                allowed=f"exactly one of {', '.join(_COUNT_TYPES)}",
                write=_EXAMPLE,
            )
        for problem in lifecycle_problems({"rules": [self.as_json(self.priority if self.priority is not None else 1)]}):
            if problem.rule is not None:
                raise invalid(
                    "LifecycleRule", self._argument(problem), problem.got, allowed=problem.allowed, write=_EXAMPLE
                )

    @property
    def selects_any(self) -> bool:
        return not (self.untagged or self.tag_patterns or self.tag_prefixes)

    def as_json(self, priority: int) -> dict[str, Any]:
        """The rule as ECR takes it."""
        ((bound, number),) = self._bounds.items()
        selection: dict[str, Any] = {
            "tagStatus": "untagged" if self.untagged else "any" if self.selects_any else "tagged"
        }
        if self.tag_patterns:
            selection["tagPatternList"] = list(self.tag_patterns)
        if self.tag_prefixes:
            selection["tagPrefixList"] = list(self.tag_prefixes)
        if bound == "days_since_archived":
            selection["storageClass"] = "archive"
        selection["countType"] = _COUNT_TYPES[bound]
        if bound != "more_than_images":
            selection["countUnit"] = "days"
        selection["countNumber"] = number
        action = {"type": "transition", "targetStorageClass": "archive"} if self.archive else {"type": "expire"}
        described = {"description": self.description} if self.description else {}
        return {"rulePriority": priority, **described, "selection": selection, "action": action}

    @property
    def _bounds(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in _COUNT_TYPES if getattr(self, name) is not None}

    def _argument(self, problem: LifecycleProblem) -> str:
        (bound,) = self._bounds
        names = {
            "rulePriority": "priority",
            "selection.tagPatternList": "tag_patterns",
            "selection.tagPrefixList": "tag_prefixes",
            "selection.countNumber": bound,
            "action.type": f"archive with {bound}",
        }
        return names.get(problem.field, problem.field)


def lifecycle_json(rules: Sequence[LifecycleRule]) -> list[dict[str, Any]]:
    """The rules as ECR takes them, each with its priority: its own, else the next free one in order, any image
    last."""
    taken = {rule.priority for rule in rules if rule.priority is not None}
    free = (number for number in range(1, 2 * len(rules) + max(taken, default=0) + 2) if number not in taken)
    waiting = [rule for rule in rules if rule.priority is None and not rule.selects_any]
    priorities = {id(rule): next(free) for rule in waiting}
    last = max([*taken, *priorities.values()], default=0)
    for rule in rules:
        if rule.priority is None and rule.selects_any:
            last += 1
            priorities[id(rule)] = last
    return sorted(
        (rule.as_json(rule.priority if rule.priority is not None else priorities[id(rule)]) for rule in rules),
        key=lambda each: int(each["rulePriority"]),
    )


def lifecycle_text(rules: Sequence[dict[str, Any]]) -> str:
    """The text of `LifecyclePolicyText`."""
    return json.dumps({"rules": list(rules)}, separators=(",", ":"))
