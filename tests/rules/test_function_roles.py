"""The rule about what functions may start and pass on."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import RULES, evaluate
from secure_containers.rules.function_roles import broad_function_role
from tests.rules.support import att, either, join, ref, said, sub, template

BATCH = "arn:aws:batch:eu-central-1:111122223333"
ROLES = "arn:aws:iam::111122223333:role"
TO_TASKS = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
PARAMETERS = {"Definition": {"Type": "String", "AllowedPattern": "arn:.+"}}


def trust(service: str) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}


def resources(*statements: Any, service: str = "lambda.amazonaws.com", function: bool = True) -> dict[str, Any]:
    policy = {"PolicyName": "start", "PolicyDocument": {"Statement": list(statements)}}
    found = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": trust(service), "Policies": [policy]},
        },
        "JobRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": trust("ecs-tasks.amazonaws.com")},
        },
        "Job": {"Type": "AWS::Batch::JobDefinition"},
        "Queue": {"Type": "AWS::Batch::JobQueue"},
    }
    if function:
        found["Function"] = {"Type": "AWS::Lambda::Function", "Properties": {"Role": att("Role")}}
    return found


def judged(*statements: Any, **options: Any) -> list[str]:
    return said(broad_function_role, template(resources(*statements, **options), Parameters=PARAMETERS))


def allow(action: Any, resource: Any, **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


TO_ANY = "SC-EVT-07[iam:PassedToService]"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allow("iam:PassRole", att("JobRole")), [TO_ANY]),
        (allow("iam:passrole", "*"), [TO_ANY]),
        (allow("iam:Pass*", att("JobRole")), [TO_ANY]),
        (allow("iam:PassRole", att("JobRole"), Condition=either("Prod", TO_TASKS)), [TO_ANY]),
        (
            allow("iam:PassRole", att("JobRole"), Condition={"StringLike": {"iam:PassedToService": "*.amazonaws.com"}}),
            [TO_ANY],
        ),
        (
            allow("iam:PassRole", att("JobRole"), Condition={"StringEqualsIfExists": {"iam:PassedToService": "x"}}),
            [TO_ANY],
        ),
        (allow("iam:PassRole", f"{ROLES}/job-*", Condition=TO_TASKS), ["SC-EVT-07[iam:PassRole]"]),
        (allow("iam:PassRole", [att("JobRole"), f"{ROLES}/jobs/?"], Condition=TO_TASKS), ["SC-EVT-07[iam:PassRole]"]),
        (allow("batch:SubmitJob", f"{BATCH}:job-definition/report*"), ["SC-EVT-07[batch:SubmitJob]"]),
        (allow("batch:SubmitJob", f"{BATCH}:job-definition/*:3"), ["SC-EVT-07[batch:SubmitJob]"]),
        (allow("batch:SubmitJob", f"{BATCH}:job*"), ["SC-EVT-07[batch:SubmitJob]"]),
        (allow("batch:SubmitJob", [ref("Job"), f"{BATCH}:job-queue/fast-*"]), ["SC-EVT-07[batch:SubmitJob]"]),
        (allow(["s3:GetObject", "batch:Submit*"], f"{BATCH}:job-queue/f?st"), ["SC-EVT-07[batch:Submit*]"]),
        (allow("iam:PassRole", att("JobRole"), Condition=TO_TASKS), []),
        (allow("iam:PassRole", f"{ROLES}/jobs/report", Condition=TO_TASKS), []),
        (allow("batch:SubmitJob", [ref("Job"), ref("Queue")]), []),
        (allow("batch:SubmitJob", ref("Definition")), []),
        (allow("batch:SubmitJob", f"{BATCH}:job-definition/report:*"), []),
        (
            allow(
                "batch:SubmitJob",
                sub("arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job-definition/r:*"),
            ),
            [],
        ),
        (allow("batch:DescribeJobs", "*"), []),
        (allow("s3:GetObject", "arn:aws:s3:::in/report*"), []),
        ({"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"}, []),
        (ref("Free"), []),
    ],
)
def test_broad_function_role(statement: Any, expected: list[str]) -> None:
    assert judged(statement) == expected


@pytest.mark.parametrize("resource", ["*", f"{BATCH}:job-definition/*", f"{BATCH}:job-queue/*", f"{BATCH}:*"])
def test_what_allows_everything_is_found_once(resource: str) -> None:
    found = {
        finding.id for finding in evaluate([template(resources(allow("batch:SubmitJob", resource)))], RULES).findings
    }
    assert "SC-IAM-02[batch:SubmitJob]" in found
    assert not any(id.startswith("SC-EVT-07") for id in found)


def test_whose_role_it_is() -> None:
    passing = allow("iam:PassRole", att("JobRole"))
    assert judged(passing, service="states.amazonaws.com", function=False) == []
    assert judged(passing, service="states.amazonaws.com") == [TO_ANY]
    assert judged(passing, function=False) == [TO_ANY]


@pytest.mark.parametrize("attached_by", ["policy", "role"])
def test_managed_policies(attached_by: str) -> None:
    found = resources()
    roles = {"Roles": [ref("Role")]} if attached_by == "policy" else {}
    document = {"Statement": [allow("iam:PassRole", att("JobRole"))]}
    found["Policy"] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document, **roles}}
    if attached_by == "role":
        found["Role"]["Properties"]["ManagedPolicyArns"] = [ref("Policy")]
    assert said(broad_function_role, template(found)) == [TO_ANY]


def test_a_role_of_another_stack() -> None:
    found = resources(allow("iam:PassRole", join(ROLES, "/", ref("Free"), "*")), service="states.amazonaws.com")
    del found["Function"]
    home = template(found, Outputs={"Role": {"Value": att("Role"), "Export": {"Name": "role"}}})
    other = {"Function": {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::ImportValue": "role"}}}}
    assert said(broad_function_role, home, template(other)) == ["SC-EVT-07[iam:PassRole]", TO_ANY]
    assert said(broad_function_role, home) == []
