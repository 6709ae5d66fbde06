"""What an audit baseline is made of, in words that arguments take."""

from __future__ import annotations

from enum import StrEnum


class AuditPart(StrEnum):
    """Parts of the baseline of which an account and Region have one, and which may exist already."""

    TRAIL = "trail"
    """A trail of this account and Region. Its log group is given, so that alarms can watch it."""
    TRAIL_ELSEWHERE = "trail-elsewhere"
    """A trail that records here but belongs elsewhere: to the organization, or to another Region of this account.
    The alarms on its log group belong there too; events go on being watched here."""
    CONFIG = "config"
    """The recorder of AWS Config and its delivery channel."""
    CONFIG_GLOBAL = "config-global"
    """IAM's users, roles and policies, which the recorder of another Region of this account records already."""
    GUARDDUTY = "guardduty"
    """The detector of GuardDuty."""
    INSPECTOR = "inspector"
    """Amazon Inspector is on, or somebody else decides about it."""


class VpcBlockMode(StrEnum):
    """How far the VPCs of an account and Region are cut off from the internet."""

    BIDIRECTIONAL = "block-bidirectional"
    """Nothing comes in and nothing gets out by an internet gateway."""
    INGRESS = "block-ingress"
    """Nothing comes in; NAT gateways and egress-only internet gateways let out."""


class VpcExclusionMode(StrEnum):
    """What a VPC or subnet may do in spite of the block."""

    BIDIRECTIONAL = "allow-bidirectional"
    """Everything comes in and gets out."""
    EGRESS = "allow-egress"
    """It may get out, by NAT gateways and egress-only internet gateways; nothing comes in."""
