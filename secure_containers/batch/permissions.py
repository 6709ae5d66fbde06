"""What starting a job, writing its outputs and mounting its files take, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from secure_containers.batch.job import BatchJob
from secure_containers.batch.parts import FileMount, SecretField, SecureParameter
from secure_containers.keys import WRITE, use_key
from secure_containers.waivers import Waiver, as_found, waive


def let_start(job: BatchJob, secrets: Sequence[object]) -> list[str]:
    """Let a job's execution role read its secrets, and nothing else of theirs.

    Returns:
        the services that are asked for them.
    """
    services: dict[str, None] = {}
    role = job.execution_role
    if role is None:
        return []
    for secret in secrets:
        service, action, arn = _read(secret)
        services[service] = None
        role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[arn]))
        key = _key(secret)
        if key is not None:
            role.add_to_policy(use_key(key, service, Stack.of(job)))
    return list(services)


def let_write(job: BatchJob, bucket: s3.IBucket, prefix: str) -> None:
    """Let a job write below its own prefix of a bucket. It may not read there, nor delete."""
    below = bucket.arn_for_objects(f"{prefix}*")
    writes = ["s3:AbortMultipartUpload", "s3:PutObject"]
    job.role.add_to_policy(iam.PolicyStatement(actions=writes, resources=[below]))
    reason = "all outputs of one kind of job, below a prefix of its own"
    waive(job.role, Waiver(f"AwsSolutions-IAM5[Resource::{as_found(Stack.of(job), below)}]", reason=reason))
    if bucket.encryption_key is not None:
        job.role.add_to_policy(use_key(bucket.encryption_key, "s3", Stack.of(job), WRITE))


def let_mount(job: BatchJob, mount: FileMount, jobs: ec2.IConnectable) -> None:
    """Let a job mount one access point, over the way that this opens."""
    system = mount.access_point.file_system
    actions = ["elasticfilesystem:ClientMount"]
    if not mount.read_only:
        actions.append("elasticfilesystem:ClientWrite")
    job.role.add_to_policy(
        iam.PolicyStatement(
            actions=actions,
            resources=[system.file_system_arn],
            conditions={"StringEquals": {"elasticfilesystem:AccessPointArn": mount.access_point.access_point_arn}},
        )
    )
    system.connections.allow_default_port_from(jobs, "jobs")


def value_from(secret: Any) -> str:
    """Where a variable's value is, as a job definition says it."""
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
