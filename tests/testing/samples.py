"""A small template as the CDK writes it: a job's role, what it works with, and variations of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from secure_containers.testing import Allow

JOB, RESULTS, TABLE, KEY, LOGS = (
    "JobRole0A1B2C3D",
    "Results1A2B3C4D",
    "Table2A3B4C5D",
    "Key3A4B5C6D",
    "Logs4A5B6C7D",
)
Template = dict[str, Any]
Change = Callable[[Template], object]


def att(logical_id: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def below(logical_id: str, path: str) -> dict[str, Any]:
    return {"Fn::Join": ["", [att(logical_id), path]]}


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def role(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}, **properties}}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policy(*statements: Any, type_: str = "AWS::IAM::Policy", **properties: Any) -> dict[str, Any]:
    return {
        "Type": type_,
        "Properties": {
            "PolicyName": "p",
            "PolicyDocument": document(*statements),
            **({"Roles": [{"Ref": JOB}]} | properties),
        },
    }


def of_role(*statements: Any, **more: Any) -> Template:
    """A template of one role with one policy, beside what the statements name."""
    resources = {
        JOB: role(),
        "JobPolicy": policy(*statements),
        RESULTS: {"Type": "AWS::S3::Bucket"},
        TABLE: {"Type": "AWS::DynamoDB::Table"},
        KEY: {"Type": "AWS::KMS::Key"},
        LOGS: {"Type": "AWS::Logs::LogGroup"},
    }
    return {"Resources": resources | more.pop("Resources", {}), **more}


ONLY_OURS = {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
JOB_TEMPLATE = of_role(
    allow(["s3:GetObject*", "s3:PutObject"], below(RESULTS, "/jobs/*")),
    allow("dynamodb:PutItem", att(TABLE)),
    allow(["kms:Decrypt", "kms:GenerateDataKey*"], att(KEY), Condition=ONLY_OURS),
    allow("ecr:GetAuthorizationToken", "*"),
    deny("s3:GetObjectAcl", below(RESULTS, "/*")),
    allow(["logs:CreateLogStream", "logs:PutLogEvents"], att(LOGS)),
)
INTENDED = [
    Allow(["s3:GetObject*", "s3:PutObject"], "${Results.Arn}/jobs/*"),
    Allow("dynamodb:PutItem", "${Table.Arn}"),
    Allow(
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        "${Key.Arn}",
        conditions={"StringEquals": {"aws:ResourceAccount": "${AWS::AccountId}"}},
    ),
    Allow("ecr:GetAuthorizationToken", "*"),
    Allow(["logs:CreateLogStream", "logs:PutLogEvents"], "${Logs.Arn}"),
]


def statements(template: Template) -> list[Any]:
    found: list[Any] = template["Resources"]["JobPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    return found


def changed(template: Template, *changes: Change) -> Template:
    made = copy.deepcopy(template)
    for change in changes:
        change(made)
    return made
