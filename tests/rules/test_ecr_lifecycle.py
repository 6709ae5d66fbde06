"""What ECR refuses as a lifecycle policy: the table of its user guide, line by line.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_containers.rules.ecr_lifecycle import bounds_every_tag, expires_untagged, lifecycle_problems

EXPIRE, ARCHIVE = {"type": "expire"}, {"type": "transition", "targetStorageClass": "archive"}
COUNTS = st.integers(1, 10**6)
TAGS = st.text("abc-.", min_size=1, max_size=6)
PATTERNS = st.lists(TAGS, min_size=1, max_size=5).map("*".join)


@st.composite
def bounds(draw: st.DrawFn) -> dict[str, Any]:
    """A count and the action that goes with it."""
    kind = draw(
        st.sampled_from(["imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned"])
    )
    selection: dict[str, Any] = {"countType": kind, "countNumber": draw(COUNTS)}
    action = draw(st.sampled_from([EXPIRE, ARCHIVE]))
    if kind != "imageCountMoreThan":
        selection["countUnit"] = "days"
    if kind == "sinceImagePulled":
        action = ARCHIVE
    if kind == "sinceImageTransitioned":
        action = EXPIRE
        selection |= {"storageClass": "archive", "countNumber": draw(st.integers(90, 10**6))}
    elif draw(st.booleans()):
        selection["storageClass"] = "standard"
    return {"selection": selection, "action": dict(action)}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """A policy that ECR takes: rules for tags, then at most one for untagged and for any image of each storage class."""
    rules = []
    prefixes: set[tuple[str, frozenset[str]]] = set()
    for _ in range(draw(st.integers(0, 6))):
        rule = draw(bounds())
        storage = rule["selection"].get("storageClass", "standard")
        named = draw(st.lists(TAGS, min_size=1, max_size=3, unique=True))
        if draw(st.booleans()) and (storage, frozenset(named)) not in prefixes:
            prefixes.add((storage, frozenset(named)))
            rule["selection"] |= {"tagStatus": "tagged", "tagPrefixList": named}
        else:
            rule["selection"] |= {
                "tagStatus": "tagged",
                "tagPatternList": draw(st.lists(PATTERNS, min_size=1, max_size=3)),
            }
        rules.append(rule)
    for status in ("untagged", "any"):
        found: dict[str, dict[str, Any]] = {}
        for rule in draw(st.lists(bounds(), max_size=2)):
            rule["selection"]["tagStatus"] = status
            found.setdefault(rule["selection"].get("storageClass", "standard"), rule)
        rules += found.values()
    if not rules:
        rules.append(draw(bounds()))
        rules[0]["selection"]["tagStatus"] = "any"
    gaps = draw(st.lists(st.integers(1, 50), min_size=len(rules), max_size=len(rules)))
    for number, rule in enumerate(rules):
        rule["rulePriority"] = sum(gaps[: number + 1])
        if draw(st.booleans()):
            rule["description"] = "what it is for"
    return {"rules": draw(st.permutations(rules))}


@settings(max_examples=150)
@given(policies())
def test_valid_policies_have_no_problems(policy: dict[str, Any]) -> None:
    assert [str(problem) for problem in lifecycle_problems(policy)] == []


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.dictionaries(
            st.one_of(
                st.text(max_size=5),
                st.sampled_from(
                    [
                        "rules",
                        "selection",
                        "action",
                        "tagStatus",
                        "type",
                        "countType",
                        "tagPrefixList",
                        "storageClass",
                        "rulePriority",
                    ]
                ),
            ),
            children,
            max_size=4,
        ),
    ),
    max_leaves=15,
)


@settings(max_examples=200)
@given(JSON, st.lists(JSON, max_size=4))
def test_no_json_raises(anything: Any, rules: list[Any]) -> None:
    for policy in (
        anything,
        {"rules": anything},
        {"rules": rules},
        {"rules": [{"selection": anything, "action": anything}]},
    ):
        assert all(str(problem) for problem in lifecycle_problems(policy))
    assert any(True for _ in lifecycle_problems(anything))
    objects = [rule for rule in [*rules, {"selection": anything, "action": anything}] if isinstance(rule, dict)]
    assert isinstance(expires_untagged(objects), bool)
    assert isinstance(bounds_every_tag(objects), bool)


@settings(max_examples=100)
@given(policies(), JSON, st.data())
def test_no_changed_part_raises(policy: dict[str, Any], anything: Any, data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(policy["rules"]))
    part = data.draw(st.sampled_from([rule, rule["selection"], rule["action"]]))
    part[data.draw(st.sampled_from([*part, "storageClass"]))] = anything
    assert all(str(problem) for problem in lifecycle_problems(policy))


UNTAGGED = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30}
TAGGED = {"tagStatus": "tagged", "tagPatternList": ["prod-*"], "countType": "imageCountMoreThan", "countNumber": 10}
PREFIXED = {"tagStatus": "tagged", "tagPrefixList": ["prod", "v"], "countType": "imageCountMoreThan", "countNumber": 10}
ANY = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10}
PULLED = {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 10}
ARCHIVED = {
    "tagStatus": "any",
    "storageClass": "archive",
    "countType": "sinceImageTransitioned",
    "countUnit": "days",
    "countNumber": 90,
}
GONE = object()


def rule(selection: dict[str, Any], action: dict[str, Any] = EXPIRE, priority: int = 1) -> dict[str, Any]:
    return copy.deepcopy({"rulePriority": priority, "selection": selection, "action": action})


@pytest.mark.parametrize(
    ("selection", "action"),
    [
        (UNTAGGED, EXPIRE),
        (TAGGED, EXPIRE),
        (TAGGED, ARCHIVE),
        (PREFIXED, EXPIRE),
        (ANY, EXPIRE),
        (PULLED, ARCHIVE),
        (ARCHIVED, EXPIRE),
    ],
)
def test_the_rules_below_are_right_before_they_are_broken(selection: dict[str, Any], action: dict[str, Any]) -> None:
    assert list(lifecycle_problems({"rules": [rule(selection, action)]})) == []


@pytest.mark.parametrize(
    ("selection", "action", "changed", "field"),
    [
        # rulePriority: integer, required, positive
        (ANY, EXPIRE, {"rulePriority": GONE}, "rulePriority"),
        (ANY, EXPIRE, {"rulePriority": 0}, "rulePriority"),
        (ANY, EXPIRE, {"rulePriority": "1"}, "rulePriority"),
        (ANY, EXPIRE, {"rulePriority": True}, "rulePriority"),
        (ANY, EXPIRE, {"rulePriority": 1.5}, "rulePriority"),
        # tagStatus: tagged, untagged or any
        (ANY, EXPIRE, {"selection.tagStatus": GONE}, "selection.tagStatus"),
        (ANY, EXPIRE, {"selection.tagStatus": "Any"}, "selection.tagStatus"),
        (ANY, EXPIRE, {"selection.tagStatus": ["any"]}, "selection.tagStatus"),
        # tagged: one of the two lists; otherwise none
        (TAGGED, EXPIRE, {"selection.tagPatternList": GONE}, "selection.tagPatternList"),
        (TAGGED, EXPIRE, {"selection.tagPrefixList": ["prod"]}, "selection.tagPatternList"),
        (ANY, EXPIRE, {"selection.tagPatternList": ["prod-*"]}, "selection.tagPatternList"),
        (UNTAGGED, EXPIRE, {"selection.tagPrefixList": ["prod"]}, "selection.tagPrefixList"),
        # the lists: texts, four wildcards at most
        (TAGGED, EXPIRE, {"selection.tagPatternList": []}, "selection.tagPatternList"),
        (TAGGED, EXPIRE, {"selection.tagPatternList": "prod-*"}, "selection.tagPatternList"),
        (TAGGED, EXPIRE, {"selection.tagPatternList": ["prod-*", 5]}, "selection.tagPatternList"),
        (TAGGED, EXPIRE, {"selection.tagPatternList": [""]}, "selection.tagPatternList"),
        (TAGGED, EXPIRE, {"selection.tagPatternList": ["*test*1*2*3*"]}, "selection.tagPatternList"),
        (PREFIXED, EXPIRE, {"selection.tagPrefixList": []}, "selection.tagPrefixList"),
        # storageClass: standard, and archive with sinceImageTransitioned only, where it is needed
        (ANY, EXPIRE, {"selection.storageClass": "archive"}, "selection.storageClass"),
        (PULLED, ARCHIVE, {"selection.storageClass": "archive"}, "selection.storageClass"),
        (ARCHIVED, EXPIRE, {"selection.storageClass": GONE}, "selection.storageClass"),
        (ARCHIVED, EXPIRE, {"selection.storageClass": "standard"}, "selection.storageClass"),
        # countType
        (ANY, EXPIRE, {"selection.countType": GONE}, "selection.countType"),
        (ANY, EXPIRE, {"selection.countType": "imageCount"}, "selection.countType"),
        # countUnit: days, not with imageCountMoreThan
        (ANY, EXPIRE, {"selection.countUnit": "days"}, "selection.countUnit"),
        (ANY, EXPIRE, {"selection.countUnit": None}, "selection.countUnit"),
        (UNTAGGED, EXPIRE, {"selection.countUnit": GONE}, "selection.countUnit"),
        (UNTAGGED, EXPIRE, {"selection.countUnit": "hours"}, "selection.countUnit"),
        # countNumber: a positive integer
        (ANY, EXPIRE, {"selection.countNumber": GONE}, "selection.countNumber"),
        (ANY, EXPIRE, {"selection.countNumber": 0}, "selection.countNumber"),
        (ANY, EXPIRE, {"selection.countNumber": "10"}, "selection.countNumber"),
        (ARCHIVED, EXPIRE, {"selection.countNumber": 89}, "selection.countNumber"),
        # action
        (ANY, EXPIRE, {"action.type": "delete"}, "action.type"),
        (ANY, EXPIRE, {"action.type": GONE}, "action.type"),
        (ANY, EXPIRE, {"action.type": ["expire"]}, "action.type"),
        (ANY, EXPIRE, {"action.targetStorageClass": "archive"}, "action.targetStorageClass"),
        (TAGGED, ARCHIVE, {"action.targetStorageClass": GONE}, "action.targetStorageClass"),
        (TAGGED, ARCHIVE, {"action.targetStorageClass": "standard"}, "action.targetStorageClass"),
        (PULLED, EXPIRE, {}, "action.type"),
        (ARCHIVED, ARCHIVE, {}, "action.type"),
        # nothing else
        (ANY, EXPIRE, {"rulepriority": 1}, "rulepriority"),
        (ANY, EXPIRE, {"selection.tagstatus": "any"}, "selection.tagstatus"),
        (ANY, EXPIRE, {"action.Type": "expire"}, "action.Type"),
        # a rule is an object of objects
        (ANY, EXPIRE, {"selection": []}, "selection"),
        (ANY, EXPIRE, {"action": GONE}, "selection"),
    ],
)
def test_one_mistake_is_one_problem_of_its_field(
    selection: dict[str, Any], action: dict[str, Any], changed: dict[str, Any], field: str
) -> None:
    broken = rule(selection, action)
    for path, value in changed.items():
        *parents, name = path.split(".")
        part = broken[parents[0]] if parents else broken
        if value is GONE:
            del part[name]
        else:
            part[name] = value
    (problem,) = lifecycle_problems({"rules": [broken], "padding": "x" * 100})
    assert (problem.rule, problem.field) == (0, field)
    assert f"rules[0].{field} is " in str(problem)


@pytest.mark.parametrize(
    ("rules", "problems"),
    [
        # each rule has a priority of its own
        ([rule(UNTAGGED, priority=1), rule(TAGGED, priority=1)], [(1, "rulePriority")]),
        # the rule for any image comes last among those of its storage class
        ([rule(ANY, priority=1), rule(TAGGED, priority=2)], [(0, "rulePriority")]),
        ([rule(TAGGED, priority=2), rule(ANY, priority=1)], [(1, "rulePriority")]),
        ([rule(ANY, priority=1), rule(ARCHIVED, priority=2)], []),
        ([rule(ARCHIVED, priority=1), rule(TAGGED, priority=2), rule(ANY, priority=3)], []),
        # one rule for any and for untagged images of a storage class
        ([rule(ANY, priority=1), rule(ANY | {"countNumber": 5}, priority=2)], [(1, "selection.tagStatus")]),
        ([rule(UNTAGGED, priority=1), rule(UNTAGGED, priority=2)], [(1, "selection.tagStatus")]),
        ([rule(UNTAGGED, priority=1), rule(ARCHIVED | {"tagStatus": "untagged"}, priority=2)], []),
        # a set of prefixes stands once in a storage class
        ([rule(PREFIXED, priority=1), rule(PREFIXED | {"tagPrefixList": ["v", "prod"]}, priority=2)], [(1, "selection.tagPrefixList")]),
        ([rule(PREFIXED, priority=1), rule(PREFIXED | {"tagPrefixList": ["v"]}, priority=2)], []),
        ([rule(TAGGED, priority=1), rule(TAGGED, priority=2)], []),
        # a rule that is wrong in itself is not compared with others
        ([rule(ANY, priority=0), rule(TAGGED, priority=2)], [(0, "rulePriority")]),
    ],
)  # fmt: skip
def test_rules_that_do_not_go_together(rules: list[dict[str, Any]], problems: list[tuple[int, str]]) -> None:
    assert [(problem.rule, problem.field) for problem in lifecycle_problems({"rules": rules})] == problems


@pytest.mark.parametrize(
    "policy", [None, [], "x", {}, {"rules": []}, {"rules": {}}, {"rules": None}, {"Rules": [rule(ANY)]}]
)
def test_a_policy_has_rules(policy: object) -> None:
    (problem,) = lifecycle_problems(policy)
    assert (problem.rule, problem.field) == (None, "rules")


def test_a_policy_has_so_many_rules_and_characters() -> None:
    def fields(policy: object, **arguments: Any) -> list[str]:
        return [problem.field for problem in lifecycle_problems(policy, **arguments)]

    many = [rule(TAGGED | {"tagPatternList": [f"v{number}-*"]}, priority=number) for number in range(1, 52)]
    assert fields({"rules": many[:50]}) == []
    assert fields({"rules": many}) == ["the number of rules"]
    one = {"rules": [rule(ANY)]}
    assert fields(one | {"comment": "x" * 30_000}) == []
    assert fields(one | {"comment": "x" * 31_000}) == ["the policy's length"]
    assert fields(one | {"comment": "ü" * 30_000}) == []
    assert [fields(one, text="x" * length) for length in (100, 30_720)] == [[], []]
    assert [fields(one, text="x" * length) for length in (99, 30_721)] == [["the policy's length"]] * 2


@pytest.mark.parametrize(
    ("rules", "untagged", "every_tag"),
    [
        ([rule(UNTAGGED)], True, False),
        ([rule(ANY)], True, True),
        ([rule(TAGGED)], False, False),
        ([rule(TAGGED | {"tagPatternList": ["*"]})], False, True),
        ([rule(TAGGED | {"tagPatternList": ["*", "v*"]})], False, False),
        ([rule(PREFIXED)], False, False),
        ([rule(PULLED, ARCHIVE)], False, False),
        ([rule(ARCHIVED)], False, False),
        ([rule(PULLED, ARCHIVE), rule(ARCHIVED)], True, True),
        ([rule(UNTAGGED, ARCHIVE), rule(ARCHIVED | {"tagStatus": "untagged"})], True, False),
        ([rule(UNTAGGED, ARCHIVE), rule(ARCHIVED | {"tagStatus": "tagged", "tagPatternList": ["*"]})], False, False),
        ([rule(ANY, ARCHIVE), rule(ARCHIVED | {"tagStatus": "tagged", "tagPatternList": ["*"]})], False, False),
        ([], False, False),
        ([{"selection": ANY}], False, False),
        ([{}], False, False),
    ],
)  # fmt: skip
def test_what_a_policy_removes(rules: list[dict[str, Any]], untagged: bool, every_tag: bool) -> None:
    assert (expires_untagged(rules), bounds_every_tag(rules)) == (untagged, every_tag)
