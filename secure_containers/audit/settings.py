"""From the arguments of a baseline to what it is made of: what is allowed, and what excludes what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from aws_cdk import Stack, Stage, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from secure_containers.audit.parts import AuditPart, VpcBlockMode
from secure_containers.ecr import ScanSeverity
from secure_containers.ecr.repository_policy import check_account, check_organization
from secure_containers.errors import KEY, check_arguments, invalid
from secure_containers.waivers import Waiver

_DAYS: Final = range(365, 36500 + 1)
"""At least a year, as PCI DSS asks (10.5.1); at most what S3 locks."""

_CERTAIN: Final = 20
"""Characters of a stack's name that a name of 64 has for certain, as those of rules."""

_BASELINES: Final[WeakKeyDictionary[IConstruct, dict[tuple[str, str], str]]] = WeakKeyDictionary()
"""The baselines of each app, by their environment."""


def check_types(path: str, **given: object) -> None:
    """Refuse arguments of other types, before anything is made of them."""
    check_arguments(
        path,
        given,
        singles={
            "organization_id": (str, "an organization id", 'organization_id="o-a1b2c3d4e5"'),
            "severity": (ScanSeverity, ", ".join(ScanSeverity), "severity=ScanSeverity.HIGH"),
            "log_retention": (logs.RetentionDays, "a RetentionDays", "log_retention=logs.RetentionDays.ONE_YEAR"),
            "trail_retention_days": (int, f"{_DAYS.start} to {_DAYS.stop - 1}", "trail_retention_days=2557"),
            "conformance_pack": (bool, "True or False", "conformance_pack=True"),
            "block_vpc_public_access": (
                VpcBlockMode,
                "a VpcBlockMode",
                "block_vpc_public_access=VpcBlockMode.INGRESS",
            ),
        },
        lists={
            "trusted_accounts": (str, "a list of account ids", '["111122223333"]'),
            "existing": (AuditPart, "a list of AuditPart", "[AuditPart.GUARDDUTY]"),
            "waivers": (Waiver, "a list of Waiver", '[Waiver("SC-KMS-01", reason="...")]'),
        },
        objects={
            "trail_log_group": (
                "log_group_name",
                "a log group",
                'logs.LogGroup.from_log_group_name(self, "TrailLogs", "...")',
            ),
            "topic": ("topic_arn", "a topic", 'sns.Topic.from_topic_arn(self, "Alarms", "arn:...")'),
            "encryption_key": KEY,
        },
    )


def check_values(
    path: str, *, organization_id: str | None, trusted_accounts: Sequence[str], trail_retention_days: int
) -> None:
    if organization_id is not None:
        check_organization(path, "organization_id", organization_id)
    for account in trusted_accounts:
        check_account(path, "trusted_accounts", account)
    if trail_retention_days not in _DAYS:
        allowed = f"{_DAYS.start} to {_DAYS.stop - 1} days"
        raise invalid(
            path, "trail_retention_days", trail_retention_days, allowed=allowed, write="trail_retention_days=2557"
        )


def check_trail(path: str, existing: Sequence[AuditPart], log_group: logs.ILogGroup | None) -> None:
    """Refuse a trail that exists without its log group, and a log group without a trail that exists."""
    here, elsewhere = AuditPart.TRAIL in existing, AuditPart.TRAIL_ELSEWHERE in existing
    if here and elsewhere:
        raise invalid(
            path,
            "existing",
            [str(part) for part in existing],
            allowed="a trail here or elsewhere",
            write="existing=[AuditPart.TRAIL], or existing=[AuditPart.TRAIL_ELSEWHERE]",
        )
    if here and log_group is None:
        raise invalid(
            path,
            "trail_log_group",
            None,
            allowed="the log group of the trail that exists, on which the alarms are made",
            write='trail_log_group=logs.LogGroup.from_log_group_name(self, "TrailLogs", "..."); where the trail is the '
            "organization's or has its home in another Region, existing=[AuditPart.TRAIL_ELSEWHERE]",
        )
    if log_group is not None and not here:
        raise invalid(
            path,
            "trail_log_group",
            log_group.node.path,
            allowed="a log group together with a trail that exists",
            write="existing=[AuditPart.TRAIL], or leave it out",
        )


def own_parts(existing: Sequence[AuditPart]) -> frozenset[AuditPart]:
    """The parts that a baseline makes itself."""
    own = {AuditPart.TRAIL, AuditPart.CONFIG, AuditPart.GUARDDUTY, AuditPart.INSPECTOR}
    elsewhere = {AuditPart.TRAIL} if AuditPart.TRAIL_ELSEWHERE in existing else set()
    return frozenset(own - set(existing) - elsewhere)


def check_key(path: str, stack: Stack, key: kms.IKey | None) -> None:
    if key is None or Token.is_unresolved(stack.region) or Token.is_unresolved(key.env.region):
        return
    if key.env.region != stack.region:
        allowed = f"a key of {stack.region}; this one is of {key.env.region}"
        raise invalid(path, "encryption_key", key.node.path, allowed=allowed, write="a key of the same Region")


def check_topic(path: str, stack: Stack, topic: sns.ITopic | None) -> None:
    if topic is None or Token.is_unresolved(stack.region) or Token.is_unresolved(topic.env.region):
        return
    if topic.env.region != stack.region:
        allowed = f"a topic of {stack.region}, where alarms can reach it; this one is of {topic.env.region}"
        raise invalid(path, "topic", topic.node.path, allowed=allowed, write="a topic of the same Region")


def check_only_one(path: str, scope: Construct) -> None:
    """Refuse a second baseline for an account and Region: recorder and detector exist once, and people would hear
    everything twice."""
    other = _BASELINES.get(scope.node.root, {}).get(_environment(scope))
    if other is not None:
        raise invalid(
            path,
            "scope",
            Stack.of(scope).node.path,
            allowed=f"one AuditBaseline for an account and Region, which {other} is already",
            write="that one, or a stack with another env",
        )


def remember(path: str, scope: Construct) -> None:
    """Take note of a baseline that has been made."""
    _BASELINES.setdefault(scope.node.root, {})[_environment(scope)] = path


def known_region(scope: Construct) -> str | None:
    """The Region of a construct's stack; None if it is known only when the stack is deployed."""
    region = Stack.of(scope).region
    return None if Token.is_unresolved(region) else region


def name_prefix(scope: Construct) -> str:
    """How the names begin that CloudFormation makes for a stack's resources; it cuts the stack's name if need be."""
    stack = Stack.of(scope)
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return f"{stack.stack_name}-"[:_CERTAIN]


def _environment(scope: Construct) -> tuple[str, str]:
    """Account and Region; where one is not known, in its stage, since stages are deployed to different ones."""
    stack = Stack.of(scope)
    stage = Stage.of(scope)
    unknown = Token.is_unresolved(stack.account) or Token.is_unresolved(stack.region)
    return stack.environment, stage.node.path if unknown and stage is not None else ""
