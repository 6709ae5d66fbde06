"""What tests share: apps with the project's own context, their templates, and who may do what by them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aws_cdk import App
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from secure_containers.check.loader import load
from secure_containers.rules import RULES, Finding, evaluate

ROOT = Path(__file__).parent.parent
CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]

ACCOUNT, OTHER_ACCOUNT, STRANGER = "111122223333", "444455556666", "999988887777"
REGION = "eu-central-1"
ORGANIZATION = "o-a1b2c3d4e5"
DIGEST = "sha256:" + "0123456789abcdef" * 4

_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com"}


def new_app(directory: Path, **context: object) -> App:
    """An app as `cdk.json` configures it, without CDK's own slow validation."""
    return App(
        context={**CONTEXT, **context}, outdir=str(directory / "cdk.out"), builtin_cloud_formation_validation=False
    )


def synthesized(app: App) -> dict[str, dict[str, Any]]:
    """The app's templates by the names of their stacks."""
    assembly = app.synth()
    return {
        stack.stack_name: json.loads(Path(stack.template_full_path).read_text())
        for stack in assembly.stacks_recursively
    }


def findings(app: App) -> list[Finding]:
    """What our rules find in the app's templates."""
    loaded = load([app.synth().directory])
    assert not loaded.errors
    return list(evaluate(loaded.templates, RULES).findings)


def open_ids(app: App) -> set[str]:
    """The ids of findings that nobody waived."""
    return {finding.id for finding in findings(app) if not finding.waived}


def of_type(template: dict[str, Any], type_: str) -> dict[str, dict[str, Any]]:
    return {id: resource for id, resource in template["Resources"].items() if resource["Type"] == type_}


def only(template: dict[str, Any], type_: str) -> dict[str, Any]:
    """The one resource of a type."""
    (resource,) = of_type(template, type_).values()
    return resource


def concrete(node: Any) -> Any:
    """A template's value with example values for what only a deployment knows."""
    if isinstance(node, list):
        return [concrete(child) for child in node]
    if not isinstance(node, dict):
        return node
    if "Ref" in node:
        return _PSEUDO.get(node["Ref"], node["Ref"])
    if "Fn::GetAtt" in node:
        return f"arn:aws:example:{REGION}:{ACCOUNT}:{'/'.join(node['Fn::GetAtt'])}"
    if "Fn::Join" in node:
        separator, parts = node["Fn::Join"]
        return separator.join(map(str, concrete(parts)))
    if "Fn::Sub" in node:
        text = node["Fn::Sub"]
        for name, value in _PSEUDO.items():
            text = text.replace(f"${{{name}}}", value)
        return text
    return {key: concrete(child) for key, child in node.items()}


def permissions(template: dict[str, Any], role: str) -> set[tuple[str, str]]:
    """Every action on every resource that the policies of a role allow; a Deny or a condition would need more than a
    set."""
    allowed: set[tuple[str, str]] = set()
    for policy in of_type(template, "AWS::IAM::Policy").values():
        if {"Ref": role} not in policy["Properties"]["Roles"]:
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            assert "Condition" not in statement
            allowed |= {
                (action, concrete(resource))
                for action in _each(statement["Action"])
                for resource in _each(statement["Resource"])
            }
    return allowed


def decision(
    policy: dict[str, Any],
    action: str,
    *,
    principal: str = "role/worker",
    account: str = ACCOUNT,
    service: str | None = None,
    resource: str | None = None,
    **keys: str,
) -> str:
    """What a policy says to a call: Allow, Deny, or ImplicitDeny where it says nothing.

    Without `resource` the policy is one, as ECR's are, that is about what carries it.

    `keys` are condition keys, with `__` for `:` (`aws__PrincipalOrgID`). A service calls without a principal of an
    account."""
    context = {
        "aws:PrincipalIsAWSService": "true" if service else "false",
        **{key.replace("__", ":"): value for key, value in keys.items()},
    }
    statements = [
        {**statement, **({} if resource else {"Resource": "*"})} for statement in concrete(policy)["Statement"]
    ]
    ctx = EvalContext(
        principal_arn=f"arn:aws:iam::{account}:{principal}",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource or "*",
        region=REGION,
        principal_keys={key.lower(): value for key, value in context.items()},
    )
    return str(evaluate_resource_policy({"Statement": statements}, ctx, service=service).decision)


def _each(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]
