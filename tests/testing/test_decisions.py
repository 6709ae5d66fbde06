"""`assert_allowed` and `assert_denied` decide single calls, and say which statement decided."""

from __future__ import annotations

import re
from typing import Any

import pytest

from secure_containers.testing import assert_allowed, assert_denied
from tests.testing.samples import (
    JOB,
    KEY,
    RESULTS,
    TABLE,
    allow,
    att,
    below,
    changed,
    deny,
    document,
    of_role,
    policy,
    role,
)
from tests.testing.test_only_allows import PROD

TEMPLATE = of_role(
    allow("s3:*", below(RESULTS, "/jobs/*")),
    deny("s3:Delete*", "*"),
    allow(
        "kms:Decrypt",
        att(KEY),
        Condition={"StringEquals": {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.amazonaws.com"}}},
    ),
    allow("dynamodb:GetItem", att(TABLE), Condition={"Bool": {"aws:SecureTransport": "true"}}),
    allow("ecr:GetAuthorizationToken", "*"),
)
ALLOWED = [
    ("s3:PutObject", "${Results.Arn}/jobs/17", {}),
    ("S3:putobject", f"arn:aws:s3:::{RESULTS.lower()}/jobs/17", {}),
    ("kms:Decrypt", "${Key.Arn}", {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}),
    ("kms:Decrypt", "${Key.Arn}", {"KMS:viaservice": "s3.eu-central-1.amazonaws.com"}),
    ("dynamodb:GetItem", "${Table.Arn}", {}),
    ("ecr:GetAuthorizationToken", "*", {}),
]
DENIED = [
    ("s3:PutObject", "${Results.Arn}/other/17", {}),
    ("s3:DeleteObject", "${Results.Arn}/jobs/17", {}),
    ("kms:Decrypt", "${Key.Arn}", {}),
    ("kms:Decrypt", "${Key.Arn}", {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}),
    ("dynamodb:GetItem", "${Table.Arn}", {"aws:SecureTransport": "false"}),
    ("dynamodb:GetItem", "${Table.Arn}/index/x", {}),
    ("iam:PassRole", "*", {}),
]


def fails(check: Any, message: str, *arguments: Any, **options: Any) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check(*arguments, **options)


@pytest.mark.parametrize(("action", "resource", "context"), ALLOWED)
def test_what_is_allowed(action: str, resource: str, context: dict[str, str]) -> None:
    assert_allowed(TEMPLATE, "JobRole", action, resource, context=context)
    fails(
        assert_denied,
        f"{JOB} may {action} on {resource}: allowed by JobPolicy.PolicyDocument.Statement.",
        TEMPLATE,
        "JobRole",
        action,
        resource,
        context=context,
    )


@pytest.mark.parametrize(("action", "resource", "context"), DENIED)
def test_what_is_not(action: str, resource: str, context: dict[str, str]) -> None:
    assert_denied(TEMPLATE, "JobRole", action, resource, context=context)
    fails(
        assert_allowed,
        f"{JOB} may not {action} on {resource}: ",
        TEMPLATE,
        "JobRole",
        action,
        resource,
        context=context,
    )


def test_the_reason_is_told() -> None:
    for action, reason in (
        (
            "s3:DeleteObject",
            'denied by JobPolicy.PolicyDocument.Statement.1: {"Effect": "Deny", "Action": "s3:Delete*"',
        ),
        ("sqs:SendMessage", "no statement allows it"),
    ):
        fails(assert_allowed, reason, TEMPLATE, "JobRole", action, "${Results.Arn}/jobs/17")


def test_a_boundary_bounds() -> None:
    boundary = policy(allow("s3:Get*", "*"), deny("s3:GetObjectAcl", "*"), type_="AWS::IAM::ManagedPolicy", Roles=[])
    template = changed(
        TEMPLATE,
        lambda t: t["Resources"].update({JOB: role(PermissionsBoundary={"Ref": "Boundary"}), "Boundary": boundary}),
    )
    assert_allowed(template, "JobRole", "s3:GetObject", "${Results.Arn}/jobs/17")
    assert_denied(template, "JobRole", "s3:PutObject", "${Results.Arn}/jobs/17")
    fails(
        assert_allowed,
        "the permissions boundary does not allow it",
        template,
        "JobRole",
        "s3:PutObject",
        "${Results.Arn}/jobs/17",
    )
    fails(
        assert_allowed,
        "denied by Boundary.PolicyDocument.Statement.1",
        template,
        "JobRole",
        "s3:GetObjectAcl",
        "${Results.Arn}/jobs/17",
    )


def test_either_side_of_a_condition_may_allow_and_only_both_deny() -> None:
    nothing = {"Ref": "AWS::NoValue"}
    template = of_role(
        {"Fn::If": ["Prod", allow("s3:GetObject", "*"), nothing]},
        {"Fn::If": ["Prod", deny("s3:GetObject", "*"), nothing]},
        allow("sqs:SendMessage", "*"),
        {"Fn::If": ["Prod", nothing, deny("sqs:SendMessage", "*")]},
        **PROD,
    )
    call = (template, "JobRole", "sqs:SendMessage", "*")
    fails(assert_allowed, "denied by", *call)
    fails(assert_denied, "allowed by", *call)
    assert_allowed(*call, conditions={"Prod": True})
    assert_denied(*call, conditions={"Prod": False})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:SourceIp", "10.1.2.3"),
        ("aws:PrincipalOrgID", "o-a1b2c3d4e5"),
        ("aws:RequestedRegion", "eu-west-1"),
        ("aws:PrincipalArn", "arn:aws:iam::111122223333:role/other"),
        ("aws:RequestTag/team", "payments"),
        ("aws:PrincipalTag/team", "payments"),
        ("s3:prefix", "jobs/"),
    ],
)
def test_condition_keys(key: str, value: str) -> None:
    template = of_role(allow("s3:ListBucket", "*", Condition={"StringEquals": {key: value}}))
    assert_allowed(template, "JobRole", "s3:ListBucket", "*", context={key: value})
    assert_denied(template, "JobRole", "s3:ListBucket", "*", context={key: "x"})
    assert_denied(template, "JobRole", "s3:ListBucket", "*")


def test_several_tag_keys() -> None:
    condition = {"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "stage"]}}
    template = of_role(allow("s3:PutBucketTagging", "*", Condition=condition))
    assert_allowed(template, "JobRole", "s3:PutBucketTagging", "*", context={"aws:TagKeys": ["team"]})
    assert_denied(template, "JobRole", "s3:PutBucketTagging", "*", context={"aws:TagKeys": ["team", "owner"]})


def test_the_role_itself_is_a_condition_key() -> None:
    condition = {
        "ArnEquals": {"aws:PrincipalArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{JOB}"}}
    }
    assert_allowed(of_role(allow("s3:ListBucket", "*", Condition=condition)), "JobRole", "s3:ListBucket", "*")


def test_policy_variables_are_filled_in() -> None:
    template = of_role(allow("s3:GetObject", below(RESULTS, "/${aws:PrincipalTag/team}/*")))
    call = (template, "JobRole", "s3:GetObject", "${Results.Arn}/payments/x")
    assert_allowed(*call, context={"aws:PrincipalTag/team": "payments"})
    assert_denied(*call, context={"aws:PrincipalTag/team": "search"})
    assert_denied(*call)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"action": "PutObject"}, "action is 'PutObject'; allowed: one, as a text; write action=\"s3:PutObject\""),
        ({"resource": ""}, "resource is ''"),
        ({"resource": "${Nope.Arn}"}, "resource is 'Nope'"),
        ({"context": {"aws:CurrentTime": "x"}}, "condition keys other than aws:currenttime"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    for check in (assert_allowed, assert_denied):
        with pytest.raises(ValueError, match=re.escape(message)):
            check(TEMPLATE, "JobRole", **{"action": "s3:PutObject", "resource": "*", **options})


def test_a_resource_that_may_be_several_is_asked_for() -> None:
    template = of_role(allow("s3:GetObject", "*"), Parameters={"Name": {"Type": "String", "Default": "x"}})
    with pytest.raises(ValueError, match="this is arn:aws:s3:::x or arn:aws:s3:::Name"):
        assert_allowed(template, "JobRole", "s3:GetObject", "arn:aws:s3:::${Name}")


def test_a_document_is_a_list_or_one_statement() -> None:
    template = of_role(
        Resources={"JobPolicy": policy(PolicyDocument={**document(), "Statement": allow("s3:GetObject", "*")})}
    )
    assert_allowed(template, "JobRole", "s3:GetObject", "*")
