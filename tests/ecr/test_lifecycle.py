"""Lifecycle rules are checked where they are written, and ECR would take what they become."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_containers.ecr.lifecycle import LifecycleRule, lifecycle_json, lifecycle_text
from secure_containers.rules.ecr_lifecycle import lifecycle_problems

positive = st.integers(min_value=1, max_value=10_000)
tags = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=20)
descriptions = st.none() | st.text(alphabet="abc ", min_size=1, max_size=20)
bounds = st.one_of(
    st.fixed_dictionaries({"more_than_images": positive}),
    st.fixed_dictionaries({"days_since_pushed": positive}),
    st.fixed_dictionaries({"days_since_pulled": positive, "archive": st.just(True)}),
    st.fixed_dictionaries({"days_since_pushed": positive, "archive": st.just(True)}),
)


@st.composite
def rule_lists(draw: st.DrawFn) -> list[LifecycleRule]:
    """Rules that do not contradict each other: patterns are free, untagged and any stand once."""
    patterns = draw(st.lists(tags, max_size=6, unique=True))
    rules = [
        LifecycleRule(tag_patterns=[f"{tag}*"], description=draw(descriptions), **draw(bounds)) for tag in patterns
    ]
    rules.append(LifecycleRule(untagged=True, **draw(bounds)))
    rules.append(LifecycleRule(**draw(bounds)))
    return draw(st.permutations(rules))


@given(rule_lists())
def test_rules_that_do_not_contradict_make_a_policy_that_ecr_takes(rules: list[LifecycleRule]) -> None:
    assert list(lifecycle_problems({"rules": lifecycle_json(rules)})) == []


@given(rule_lists())
def test_priorities_follow_the_list_with_any_image_last(rules: list[LifecycleRule]) -> None:
    written = lifecycle_json(rules)
    assert [rule["rulePriority"] for rule in written] == list(range(1, len(rules) + 1))
    assert written[-1]["selection"]["tagStatus"] == "any"
    in_order = [rule.as_json(0)["selection"] for rule in rules if not rule.selects_any]
    assert [rule["selection"] for rule in written[:-1]] == in_order


def test_explicit_priorities_are_kept_and_the_others_go_between() -> None:
    rules = [
        LifecycleRule(tag_patterns=["a*"], more_than_images=1, priority=2),
        LifecycleRule(tag_patterns=["b*"], more_than_images=1),
        LifecycleRule(more_than_images=1),
        LifecycleRule(tag_patterns=["c*"], more_than_images=1),
    ]
    written = lifecycle_json(rules)
    assert [(rule["rulePriority"], rule["selection"].get("tagPatternList")) for rule in written] == [
        (1, ["b*"]),
        (2, ["a*"]),
        (3, ["c*"]),
        (4, None),
    ]


def test_every_bound_is_written_as_ecr_calls_it() -> None:
    selections = [
        LifecycleRule(more_than_images=5).as_json(1)["selection"],
        LifecycleRule(days_since_pushed=5).as_json(1)["selection"],
        LifecycleRule(days_since_pulled=5, archive=True).as_json(1)["selection"],
        LifecycleRule(days_since_archived=90).as_json(1)["selection"],
    ]
    assert [each["countType"] for each in selections] == [
        "imageCountMoreThan",
        "sinceImagePushed",
        "sinceImagePulled",
        "sinceImageTransitioned",
    ]
    assert [each.get("countUnit") for each in selections] == [None, "days", "days", "days"]
    assert [each.get("storageClass") for each in selections] == [None, None, None, "archive"]


def test_archiving_is_a_transition() -> None:
    assert LifecycleRule(days_since_pushed=5, archive=True).as_json(1)["action"] == {
        "type": "transition",
        "targetStorageClass": "archive",
    }


def test_the_text_is_compact_json() -> None:
    assert lifecycle_text([{"a": 1}]) == '{"rules":[{"a":1}]}'


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "the bound is {}; allowed: exactly one of"),
        ({"more_than_images": 1, "days_since_pushed": 1}, "exactly one of"),
        ({"more_than_images": 0}, "more_than_images is 0; allowed: a whole number of 1 or more"),
        ({"more_than_images": -1}, "more_than_images is -1"),
        ({"days_since_pushed": True}, "days_since_pushed is True"),
        ({"days_since_pushed": 1.5}, "days_since_pushed is 1.5"),
        ({"more_than_images": 1, "priority": 0}, "priority is 0"),
        ({"days_since_pulled": 30}, "archive with days_since_pulled is 'expire'; allowed: only 'transition'"),
        ({"days_since_archived": 89}, "days_since_archived is 89; allowed: 90 days or more"),
        ({"days_since_archived": 90, "archive": True}, "archive with days_since_archived is 'transition'"),
        ({"untagged": True, "tag_patterns": ["a"], "more_than_images": 1}, "untagged images or tags, not both"),
        (
            {"tag_prefixes": ["a"], "tag_patterns": ["a"], "more_than_images": 1},
            "one of tagPatternList and tagPrefixList",
        ),
        ({"tag_patterns": "prod-*", "more_than_images": 1}, r"write tag_patterns=\['prod-\*'\]"),
        ({"tag_patterns": ["*a*b*c*d*"], "more_than_images": 1}, "at most 4 wildcards"),
        ({"tag_prefixes": [""], "more_than_images": 1}, "tag_prefixes is"),
    ],
)
def test_a_wrong_rule_is_refused_at_its_line(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"LifecycleRule: .*{message}"):
        LifecycleRule(**wrong)
