"""What several samples write in plain aws_cdk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs


def log_key(stack: Stack, id: str, *, description: str) -> kms.Key:
    """A key that CloudWatch Logs may use."""
    key = kms.Key(
        stack,
        id,
        description=description,
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )
    groups = stack.format_arn(
        service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudWatchLogs",
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.{stack.url_suffix}")],
            actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
    return key


def log_group(stack: Stack, id: str, key: kms.IKey) -> logs.LogGroup:
    return logs.LogGroup(
        stack,
        id,
        encryption_key=key,
        retention=logs.RetentionDays.ONE_YEAR,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )


def lambda_function(
    stack: Stack,
    id: str,
    *,
    description: str,
    code: Path,
    handler: str,
    key: kms.IKey,
    environment: Mapping[str, str],
    timeout: Duration,
    unbound_actions: Sequence[str],
    statements: Sequence[iam.PolicyStatement] = (),
) -> lambda_.Function:
    group = log_group(stack, f"{id}Logs", key)
    role = iam.Role(
        stack, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=description
    )
    iam.ManagedPolicy(
        stack,
        f"{id}Policy",
        description="What every call needs",
        roles=[role],
        statements=[
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], [group.log_group_arn]),
            *statements,
            allow(unbound_actions, ["*"]),
        ],
    )
    return lambda_.Function(
        stack,
        id,
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        code=lambda_.Code.from_asset(str(code), exclude=["__pycache__", "*.pyc", "__init__.py"]),
        handler=handler,
        environment=environment,
        timeout=timeout,
        memory_size=256,
        role=role,
        log_group=group,
        retry_attempts=0,
    )


def allow(actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(resources))
