"""What the tests of rules share: small templates as Python objects, and what a rule says about them."""

from __future__ import annotations

from typing import Any

from secure_containers.rules import Kind, Rule, Template, evaluate

ACCOUNT, FOREIGN = "111122223333", "444455556666"
ORGANIZATION = "o-a1b2c3d4e5"
NO_VALUE = {"Ref": "AWS::NoValue"}
OWN_ROOT = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}

PARAMETERS: dict[str, Any] = {
    "Free": {"Type": "String"},
    "Environment": {"Type": "String", "AllowedValues": ["dev", "prod"]},
}
CONDITIONS: dict[str, Any] = {
    "Prod": {"Fn::Equals": [{"Ref": "Environment"}, "prod"]},
    "NotProd": {"Fn::Not": [{"Condition": "Prod"}]},
    "Dev": {"Fn::Equals": [{"Ref": "Environment"}, "dev"]},
    "Open": {"Fn::Equals": [{"Ref": "Free"}, "yes"]},
}
"""Two conditions of which one rules the other out, its negation, and one that nobody knows."""


def ref(name: str) -> dict[str, Any]:
    return {"Ref": name}


def att(name: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str, **variables: Any) -> dict[str, Any]:
    return {"Fn::Sub": [text, variables] if variables else text}


def join(*parts: Any, by: str = "") -> dict[str, Any]:
    return {"Fn::Join": [by, list(parts)]}


def either(condition: str, if_true: Any, if_false: Any = NO_VALUE) -> dict[str, Any]:
    return {"Fn::If": [condition, if_true, if_false]}


def template(
    resources: dict[str, Any], *, account: str | None = None, region: str | None = None, **sections: Any
) -> Template:
    """A template with the sections `Parameters` and `Conditions` of above, and others or more of the same."""
    body = {
        "Parameters": PARAMETERS | sections.pop("Parameters", {}),
        "Conditions": CONDITIONS | sections.pop("Conditions", {}),
        "Resources": resources,
        **sections,
    }
    return Template(body, "test.yaml", account=account, region=region)


def said(rule: Rule, *templates: Template) -> list[str]:
    """The ids of what a rule finds, undecided ones with a question mark."""
    findings = evaluate(templates, [rule]).findings
    assert all(finding.kind is not Kind.ENGINE for finding in findings), [finding.message for finding in findings]
    return sorted(finding.id + ("?" if finding.kind is Kind.UNDECIDED else "") for finding in findings)
