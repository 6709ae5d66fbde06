"""Keys: what a principal may do with one, by one service and in no other way, and those that constructs make.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
"""

from __future__ import annotations

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_containers.waivers import DefaultsOff

READ = ("kms:Decrypt",)
WRITE = ("kms:Decrypt", "kms:GenerateDataKey")
"""Both: what is written in parts is encrypted anew when it is put together."""


def through(service: str, stack: Stack) -> dict[str, dict[str, str]]:
    """The condition that a key is used by one service."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{stack.region}.{stack.url_suffix}"}}


def use_key(key: kms.IKey, service: str, stack: Stack, actions: tuple[str, ...] = READ) -> iam.PolicyStatement:
    """To use a key by one service."""
    return iam.PolicyStatement(actions=list(actions), resources=[key.key_arn], conditions=through(service, stack))


def own_key(scope: Construct, description: str, *, off: DefaultsOff, removal: RemovalPolicy) -> kms.Key:
    """A key with the id `Key` for what a construct encrypts, which rotates unless a waiver says otherwise."""
    return kms.Key(
        scope,
        "Key",
        description=description,
        enable_key_rotation=not off.waived("SC-KMS-01"),
        removal_policy=removal,
    )


def allow_volumes(key: kms.IKey, stack: Stack) -> None:
    """Let EC2 use a key for volumes, for callers of this account: as AWS's own key for volumes lets it.

    The service-linked role of Auto Scaling cannot be named: it may not exist yet, and the policy would be refused.
    """
    via = {"StringEquals": {"kms:CallerAccount": stack.account, **through("ec2", stack)["StringEquals"]}}
    for sid, actions, conditions in (
        ("Volumes", ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], via),
        ("AttachedVolumes", ["kms:CreateGrant"], {**via, "Bool": {"kms:GrantIsForAWSResource": "true"}}),
    ):
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid, principals=[iam.AnyPrincipal()], actions=actions, resources=["*"], conditions=conditions
            )
        )
