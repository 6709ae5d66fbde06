"""Signing in to the registry."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from secure_containers.ecr.actions import LOGIN_ACTION
from secure_containers.grants import grant_apart
from secure_containers.waivers import Waiver


def grant_login(grantee: iam.IGrantable) -> None:
    """Let a principal sign in to the registry, once however many repositories it uses."""
    reason = f"{LOGIN_ACTION} has no resource level, and this policy allows nothing else"
    grant_apart(
        grantee,
        "EcrLogin",
        [iam.PolicyStatement(actions=[LOGIN_ACTION], resources=["*"])],
        [Waiver("AwsSolutions-IAM5[Resource::*]", reason=reason)],
    )
