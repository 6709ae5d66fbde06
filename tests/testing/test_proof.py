"""What is proved agrees with an evaluator that knows nothing of the proof: calls are tried one by one."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from secure_containers.rules.template import Resource, Template
from secure_containers.testing.proof import _covers, call_beyond, call_missing
from secure_containers.testing.roles import PolicyStatement, RolePolicies

ACTIONS = ["s3:get", "s3:gets", "s3:put", "sqs:get"]
RESOURCES = ["arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::ab", "arn:aws:s3:::b", "*"]
KEYS = [{}, {"k:a": "x"}, {"k:a": "y"}, {"k:b": "x"}, {"k:a": "x", "k:b": "y"}]

action_patterns = st.sampled_from([*ACTIONS, "s3:get*", "S3:*", "*", "s3:???", "*:get", "s3:ge?"])
resource_patterns = st.sampled_from([*RESOURCES, "arn:aws:s3:::a*", "arn:aws:s3:::a/*", "arn:aws:s3:::?", "arn:*"])
conditions = st.sampled_from(
    [
        {},
        {"StringEquals": {"k:a": "x"}},
        {"StringNotEquals": {"K:A": ["x", "z"]}},
        {"StringLike": {"k:a": ["x*", "q"]}},
        {"StringNotLike": {"k:b": "*"}},
        {"StringEqualsIfExists": {"k:a": "y"}},
        {"StringNotEqualsIfExists": {"k:b": "y"}},
        {"Null": {"k:b": "true"}},
        {"Null": {"k:a": "false"}},
        {"StringEquals": {"k:a": "x"}, "StringNotEquals": {"k:b": "y"}},
        {"StringEqualsIgnoreCase": {"k:a": "X"}},
    ]
)
UNKNOWN = ("StringNotLike", "StringEqualsIgnoreCase")
"""Of these the proof knows only that they are equal to themselves, so that it may find what is none."""


def some(patterns: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(patterns, min_size=1, max_size=2, unique=True)


@st.composite
def statements(draw: st.DrawFn, *, effects: tuple[str, ...] = ("Allow", "Allow", "Deny")) -> PolicyStatement:
    action = draw(st.sampled_from(["Action", "Action", "Action", "NotAction"] if len(effects) > 1 else ["Action"]))
    resource = draw(st.sampled_from(["Resource", "Resource", "NotResource"] if len(effects) > 1 else ["Resource"]))
    body = {
        "Effect": draw(st.sampled_from(effects)),
        action: draw(some(action_patterns)),
        resource: draw(some(resource_patterns)),
    }
    condition = draw(conditions)
    return PolicyStatement({**body, "Condition": condition} if condition else body, "x")


policies = st.lists(statements(), min_size=1, max_size=3)
intentions = st.lists(statements(effects=("Allow",)), max_size=3)
boundaries = st.none() | policies
ROLE = Resource(Template({}, "t"), "Role", "AWS::IAM::Role", {})


def allows(
    found: list[PolicyStatement], action: str, resource: str, keys: dict[str, str], *bounds: list[PolicyStatement]
) -> bool:
    call = EvalContext(
        principal_arn="arn:aws:iam::111122223333:role/r",
        principal_type="AssumedRole",
        principal_account="111122223333",
        action=action,
        resource_arn=resource,
        region="eu-central-1",
        service_context=keys,
    )
    layers = [[parse_policy_document({"Statement": [dict(each.body) for each in layer]})] for layer in (found, *bounds)]
    return bool(evaluate(call, *layers).decision == "Allow")


def unconditional(found: list[PolicyStatement]) -> list[PolicyStatement]:
    return [
        PolicyStatement({key: value for key, value in each.body.items() if key != "Condition"}, "x")
        for each in found
        if each.allows
    ]


@settings(deadline=None, max_examples=100)
@given(policies, boundaries, intentions)
def test_no_call_goes_beyond_what_was_proved(
    found: list[PolicyStatement], boundary: Any, intended: list[PolicyStatement]
) -> None:
    bounds = [] if boundary is None else [boundary]
    call = call_beyond(RolePolicies(ROLE, found, boundary), intended)
    if call is None:
        for action, resource, keys in product(ACTIONS, RESOURCES, KEYS):
            if allows(found, action, resource, keys, *bounds):
                assert allows(intended, action, resource, keys), (action, resource, keys)
    elif not any(each in str([found, boundary, intended]) for each in UNKNOWN):
        assert allows(found, call.action, call.resource, dict(call.context), *bounds)
        assert not allows(intended, call.action, call.resource, dict(call.context))


@settings(deadline=None, max_examples=80)
@given(policies, intentions)
def test_no_call_is_missing_of_what_was_proved(found: list[PolicyStatement], intended: list[PolicyStatement]) -> None:
    call = call_missing(RolePolicies(ROLE, found), intended)
    if call is None:
        for action, resource in product(ACTIONS, RESOURCES):
            if allows(unconditional(intended), action, resource, {}):
                assert allows(unconditional(found), action, resource, {})
    else:
        assert allows(unconditional(intended), call.action, call.resource, {})
        assert not allows(unconditional(found), call.action, call.resource, {})


patterns = st.text(alphabet="ab*?", max_size=5)


@settings(deadline=None, max_examples=500)
@given(patterns, patterns, st.text(alphabet="abc", max_size=6))
def test_a_pattern_that_covers_another_means_all_that_it_means(wide: str, narrow: str, text: str) -> None:
    def means(pattern: str) -> bool:
        return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None

    if _covers(wide, narrow) and means(narrow):
        assert means(wide)


def test_patterns_that_cover_others() -> None:
    for wide, narrow in (
        ("*", ""),
        ("*", "a*b"),
        ("a*", "a"),
        ("a*", "ab?"),
        ("?*", "a"),
        ("a*c", "ab*c"),
        ("**", "*"),
    ):
        assert _covers(wide, narrow), (wide, narrow)
    for wide, narrow in (("a", "a*"), ("?", "*"), ("a?", "a"), ("a*c", "ab*"), ("", "*"), ("?*", "*")):
        assert not _covers(wide, narrow), (wide, narrow)
