"""What tasks need for their secrets and their files, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from secure_containers.keys import use_key
from secure_containers.tasks.parts import FileMount, SecretField, SecureParameter

TRACE_ACTIONS: Final = (
    "xray:GetSamplingRules",
    "xray:GetSamplingStatisticSummaries",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)
"""What a program or its collector does to send traces to AWS X-Ray."""


def let_read(role: iam.Role, secrets: Iterable[object]) -> list[str]:
    """Let a role read secrets and parameters, and nothing else of theirs.

    Returns:
        the services that are asked for them.
    """
    services: dict[str, None] = {}
    for secret in secrets:
        service, action, arn = _read(secret)
        services[service] = None
        role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[arn]))
        key = _key(secret)
        if key is not None:
            role.add_to_policy(use_key(key, service, Stack.of(role)))
    return list(services)


def let_mount(role: iam.Role, mount: FileMount, tasks: ec2.IConnectable, *, called: str) -> None:
    """Let a role mount one access point, over the way that this opens."""
    system = mount.access_point.file_system
    actions = ["elasticfilesystem:ClientMount"]
    if not mount.read_only:
        actions.append("elasticfilesystem:ClientWrite")
    role.add_to_policy(
        iam.PolicyStatement(
            actions=actions,
            resources=[system.file_system_arn],
            conditions={"StringEquals": {"elasticfilesystem:AccessPointArn": mount.access_point.access_point_arn}},
        )
    )
    tasks.connections.allow_to_default_port(system, called)  # which lets the file system stand in another stack


def value_from(secret: Any) -> str:
    """Where a variable's value is, as a definition says it."""
    if isinstance(secret, SecretField):
        return f"{secret.secret.secret_arn}:{secret.field}::"
    holder = _holder(secret)
    return str(holder.secret_arn if hasattr(holder, "secret_arn") else holder.parameter_arn)


def _holder(secret: Any) -> Any:
    """The secret or parameter itself."""
    if isinstance(secret, SecretField):
        return secret.secret
    return secret.parameter if isinstance(secret, SecureParameter) else secret


def _key(secret: Any) -> kms.IKey | None:
    """The key of yours that encrypts a secret; of a parameter, whoever imports it has to say it."""
    found: kms.IKey | None = (
        secret.encryption_key
        if isinstance(secret, SecureParameter)
        else getattr(_holder(secret), "encryption_key", None)
    )
    return found


def _read(secret: Any) -> tuple[str, str, str]:
    """Service, action and resource of the one call that reads a secret or a parameter."""
    holder = _holder(secret)
    if hasattr(holder, "secret_arn"):
        # The ARN of one that is imported by its name lacks the six letters that AWS has put behind it.
        arn = holder.secret_full_arn or f"{holder.secret_arn}-??????"
        return "secretsmanager", "secretsmanager:GetSecretValue", arn
    return "ssm", "ssm:GetParameters", holder.parameter_arn
