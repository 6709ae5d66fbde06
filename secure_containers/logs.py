"""Log groups that are encrypted, bounded in time and kept.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from __future__ import annotations

from typing import Final, cast
from weakref import WeakKeyDictionary, WeakSet

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

LOG_RETENTION: Final = (
    logs.RetentionDays,
    "a time as CloudWatch Logs has it",
    "log_retention=logs.RetentionDays.ONE_YEAR",
)
"""What an argument of that name has to be."""
RETENTION_DAYS: Final = {
    logs.RetentionDays.ONE_DAY: 1,
    logs.RetentionDays.THREE_DAYS: 3,
    logs.RetentionDays.FIVE_DAYS: 5,
    logs.RetentionDays.ONE_WEEK: 7,
    logs.RetentionDays.TWO_WEEKS: 14,
    logs.RetentionDays.ONE_MONTH: 30,
    logs.RetentionDays.TWO_MONTHS: 60,
    logs.RetentionDays.THREE_MONTHS: 90,
    logs.RetentionDays.FOUR_MONTHS: 120,
    logs.RetentionDays.FIVE_MONTHS: 150,
    logs.RetentionDays.SIX_MONTHS: 180,
    logs.RetentionDays.ONE_YEAR: 365,
    logs.RetentionDays.THIRTEEN_MONTHS: 400,
    logs.RetentionDays.EIGHTEEN_MONTHS: 545,
    logs.RetentionDays.TWO_YEARS: 731,
    logs.RetentionDays.THREE_YEARS: 1096,
    logs.RetentionDays.FIVE_YEARS: 1827,
    logs.RetentionDays.SIX_YEARS: 2192,
    logs.RetentionDays.SEVEN_YEARS: 2557,
    logs.RetentionDays.EIGHT_YEARS: 2922,
    logs.RetentionDays.NINE_YEARS: 3288,
    logs.RetentionDays.TEN_YEARS: 3653,
}
"""What CDK writes for each, which Python's enumeration does not tell; but for the one that means for ever."""
_EVENTS_POLICY: Final = "EventsToLogs"
_ALLOWED: Final[WeakKeyDictionary[kms.IKey, WeakSet[Stack]]] = WeakKeyDictionary()
"""For the log groups of which stacks each key may be used already."""


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

    A second call for the same key and stack changes nothing.
    """
    stacks = _ALLOWED.setdefault(key, WeakSet())
    if stack in stacks:
        return
    stacks.add(stack)
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


def let_events_write(group: logs.LogGroup) -> None:
    """Let EventBridge write the events of this account's rules to a log group.

    A stack has one policy for all its groups: an account has room for ten to a Region.
    """
    stack = Stack.of(group)
    policy = stack.node.try_find_child(_EVENTS_POLICY)
    if policy is None:
        # By the stack's name: CDK's own would be the same in two deployments of an app.
        name = f"{stack.stack_name}-{_EVENTS_POLICY}"
        policy = logs.ResourcePolicy(stack, _EVENTS_POLICY, resource_policy_name=name)
    writers = [iam.ServicePrincipal("events.amazonaws.com"), iam.ServicePrincipal("delivery.logs.amazonaws.com")]
    rules = stack.format_arn(service="events", resource="rule", resource_name="*")
    # EventBridge shows its rule when it writes, and not when it makes the stream to write to.
    for action, conditions in (
        ("logs:CreateLogStream", None),
        ("logs:PutLogEvents", {"ArnLike": {"aws:SourceArn": rules}}),
    ):
        cast("logs.ResourcePolicy", policy).document.add_statements(
            iam.PolicyStatement(
                principals=writers, actions=[action], resources=[group.log_group_arn], conditions=conditions
            )
        )
