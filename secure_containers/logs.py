"""Log groups that are encrypted, bounded in time and kept.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
"""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


def encrypted_log_group(
    scope: Construct,
    id: str,
    *,
    key: kms.IKey,
    retention: logs.RetentionDays,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
) -> logs.LogGroup:
    """A log group that is encrypted with a key, which CloudWatch Logs is let use.

    The policy of an imported key cannot be changed from here and has to let CloudWatch Logs use it already.

    Args:
        scope: the parent.
        id: the construct id.
        key: the key, of the same Region.
        retention: how long events are kept.
        removal_policy: what becomes of the group with its stack.
    """
    group = logs.LogGroup(scope, id, encryption_key=key, retention=retention, removal_policy=removal_policy)
    allow_logs(key, Stack.of(scope))
    return group


def allow_logs(key: kms.IKey, stack: Stack) -> None:
    """Let CloudWatch Logs use a key for the log groups of a stack's account and Region, and for nothing else.

    A second call for the same key and environment changes nothing: CDK writes equal statements once.
    """
    groups = stack.format_arn(
        service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudWatchLogs",
            # The one service whose principal has both the Region and the partition's suffix in it.
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.{stack.url_suffix}")],
            actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
