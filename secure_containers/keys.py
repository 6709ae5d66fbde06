"""What a principal may do with a key, by one service and in no other way.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

READ = ("kms:Decrypt",)
WRITE = ("kms:Decrypt", "kms:GenerateDataKey")
"""Both: what is written in parts is encrypted anew when it is put together."""


def through(service: str, stack: Stack) -> dict[str, dict[str, str]]:
    """The condition that a key is used by one service."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{stack.region}.{stack.url_suffix}"}}


def use_key(key: kms.IKey, service: str, stack: Stack, actions: tuple[str, ...] = READ) -> iam.PolicyStatement:
    """To use a key by one service."""
    return iam.PolicyStatement(actions=list(actions), resources=[key.key_arn], conditions=through(service, stack))
