"""The AWS Organization as policies name it."""

from __future__ import annotations

from aws_cdk import Stack


def outside(stack: Stack, organization_id: str) -> dict[str, object]:
    """The condition for callers outside the organization; with a mistyped id, the own account still gets in."""
    return {
        "StringNotEqualsIfExists": {
            "aws:PrincipalOrgID": organization_id,
            "aws:PrincipalAccount": stack.account,
        },
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
