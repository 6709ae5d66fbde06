"""A tag scheme gives tags, lifecycle and immutability that fit each other."""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_containers.ecr.lifecycle import LifecycleRule, lifecycle_json
from secure_containers.ecr.tag_scheme import EnvironmentTags, TagScheme
from secure_containers.rules.ecr_lifecycle import bounds_every_tag, expires_untagged, lifecycle_problems

names = st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=5, unique=True)


@given(names, st.lists(st.sampled_from(["web", "api", "job"]), unique=True, max_size=3))
def test_every_scheme_makes_a_lifecycle_that_ecr_takes_and_that_bounds_all(
    environments: list[str], functions: list[str]
) -> None:
    rules = lifecycle_json(TagScheme(environments=environments, functions=functions).lifecycle_rules())
    assert list(lifecycle_problems({"rules": rules})) == []
    assert expires_untagged(rules)
    assert bounds_every_tag(rules)
    assert len(rules) == 2 + len(environments) * max(len(functions), 1)


def test_each_function_of_each_environment_keeps_its_own_images() -> None:
    scheme = TagScheme(
        environments=[EnvironmentTags(name="dev", keep_days=7), EnvironmentTags(name="prod", keep_images=100)],
        functions=["web", "api"],
    )
    bounds = [
        (list(rule.tag_patterns), rule.days_since_pushed, rule.more_than_images) for rule in scheme.lifecycle_rules()
    ]
    assert bounds == [
        ([], 30, None),
        (["prod-web-*"], None, 100),
        (["prod-api-*"], None, 100),
        (["dev-web-*"], 7, None),
        (["dev-api-*"], 7, None),
        ([], 90, None),
    ]


def expiring_rule(scheme: TagScheme, tags: set[str]) -> LifecycleRule:
    """The rule that decides about an image: the first that selects it, as ECR has it."""
    for rule in scheme.lifecycle_rules():
        if rule.selects_any or (rule.tag_patterns and all(fnmatch.filter(tags, each) for each in rule.tag_patterns)):
            return rule
    raise AssertionError(tags)


@pytest.mark.parametrize("environments", [("dev", "prod"), ("prod", "dev")])
def test_a_promoted_image_is_kept_as_its_last_environment_says(environments: tuple[str, str]) -> None:
    """It carries the tags of both; the rule for builds must not take a release away after a week."""
    known = {"dev": EnvironmentTags(name="dev", keep_days=7, mutable=True), "prod": EnvironmentTags(name="prod")}
    scheme = TagScheme(environments=[known[name] for name in environments])
    assert expiring_rule(scheme, {"dev-17", "prod-1.4.2"}).tag_patterns == ["prod-*"]
    assert expiring_rule(scheme, {"dev-17"}).tag_patterns == ["dev-*"]
    assert expiring_rule(scheme, {"unknown"}).selects_any
    in_order = TagScheme(environments=["test", "prod"])
    assert expiring_rule(in_order, {"test-1", "prod-1"}).tag_patterns == ["prod-*"]


def test_only_environments_that_say_so_may_move_their_tags() -> None:
    assert TagScheme(environments=["test", "prod"]).mutable_patterns == []
    assert TagScheme(environments=[EnvironmentTags(name="dev", mutable=True), "prod"]).mutable_patterns == ["dev-*"]


def test_tags_are_put_together() -> None:
    assert TagScheme(environments=["prod"]).tag("prod", "1.4.2") == "prod-1.4.2"
    assert TagScheme(environments=["prod"], functions=["web"]).tag("prod", "1.4.2", function="web") == "prod-web-1.4.2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("staging", "1"), "environment is 'staging'; allowed: prod"),
        (("prod", "1", "api"), "function is 'api'; allowed: web"),
        (("prod", "1", None), "function is None; allowed: web"),
        (("prod", "1 2", "web"), "version is '1 2'"),
        (("prod", "x" * 128, "web"), "128 characters in all"),
    ],
)
def test_a_tag_outside_the_scheme_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    environment, version, *function = arguments
    with pytest.raises(ValueError, match=message):
        TagScheme(environments=["prod"], functions=["web"]).tag(
            environment, version, function=function[0] if function else "web"
        )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"environments": []}, "at least one environment"),
        ({"environments": "prod"}, "at least one environment"),
        ({"environments": ["Prod"]}, "lower-case letters and digits"),
        ({"environments": ["prod-eu"]}, "no separators"),
        ({"environments": ["prod", "prod"]}, r"environments is \['prod'\]; allowed: each name once"),
        ({"environments": ["prod", EnvironmentTags(name="prod")]}, "each name once"),
        ({"environments": ["prod"], "functions": "web"}, "functions is 'web'; allowed: a list of names"),
        ({"environments": ["prod"], "functions": ["Web"]}, "functions is 'Web'"),
        ({"environments": ["prod"], "untagged_days": 0}, "untagged_days is 0"),
        ({"environments": ["prod"], "other_days": -1}, "other_days is -1"),
        ({"environments": [EnvironmentTags(name=f"e{n}", mutable=True) for n in range(6)]}, "at most 5 mutable ones"),
    ],
)
def test_a_wrong_scheme_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TagScheme(**wrong)


@pytest.mark.parametrize("wrong", [{"keep_images": 0}, {"keep_days": -1}, {"keep_images": 1, "keep_days": 1}])
def test_wrong_bounds_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="EnvironmentTags: keep_"):
        EnvironmentTags(name="dev", **wrong)
