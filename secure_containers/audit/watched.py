"""What the baseline watches: in the trail's log group by metric filters, and on the event bus by patterns.

The filters are those of the CIS AWS Foundations Benchmark, as AWS writes them:
https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html. Where one here names more events,
they belong to the same question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from secure_containers.ecr import ScanSeverity

_BY_CLOUDTRAIL: Final = "AWS API Call via CloudTrail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """Something that people have to hear of, and what they do then."""

    id: str
    guideline: str
    what: str
    do: str

    @property
    def description(self) -> str:
        """What the alarm or rule says about itself."""
        return f"{self.what} ({self.guideline}). {self.do}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter(Watched):
    """A metric filter over the trail's events."""

    pattern: str
    threshold: int = 1
    """Matches within five minutes."""
    not_in: Sequence[str] = ()
    """Partitions that cannot have it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event(Watched):
    """A pattern of the event bus."""

    pattern: dict[str, Any]
    read_only_calls: bool = False
    """Whether calls that change nothing are meant too, which a rule gets only if it asks for them."""


def _any_of(*names: str, source: str | None = None) -> str:
    events = " || ".join(f"($.eventName={name})" for name in names)
    return f"{{($.eventSource={source}) && ({events})}}" if source else f"{{{events}}}"


FILTERS: Final = (
    Filter(
        id="DeniedCalls",
        guideline="unusual-access-alarms",
        what="Calls to AWS are denied again and again",
        do="Look in the trail who makes them: a role that misses a permission, or somebody who tries what works",
        pattern='{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}',
        threshold=10,
    ),
    Filter(
        id="SignInWithoutMfa",
        guideline="unusual-access-alarms",
        what="A user signed in to the console without multi-factor authentication",
        do="Ask the user whether it was they, and require a second factor",
        pattern='{($.eventName="ConsoleLogin") && ($.additionalEventData.MFAUsed!="Yes") && '
        '($.userIdentity.type="IAMUser") && ($.responseElements.ConsoleLogin="Success")}',
    ),
    Filter(
        id="RootUse",
        guideline="unusual-access-alarms",
        what="Somebody uses the account's root user",
        do="Find out who and what for; nothing of every day needs it",
        pattern='{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType!="AwsServiceEvent"}',
        not_in=("aws-cn",),  # there is no root user
    ),
    Filter(
        id="IamPolicyChanges",
        guideline="unusual-access-alarms",
        what="A policy of IAM was changed",
        do="Compare it with the deployments of that time; a change by hand is undone or brought into code",
        pattern=_any_of(
            *(f"{verb}{kind}Policy" for kind in ("Group", "Role", "User") for verb in ("Delete", "Put")),
            *(f"{verb}Policy{what}" for what in ("", "Version") for verb in ("Create", "Delete")),
            *(f"{verb}{kind}Policy" for kind in ("Role", "User", "Group") for verb in ("Attach", "Detach")),
        ),
    ),
    Filter(
        id="KeyChanges",
        guideline="encryption-at-rest",
        what="A key was disabled, is to be deleted, or has another policy",
        do="Cancel the deletion if nobody planned it: what the key encrypts is lost with it",
        pattern=_any_of(
            "DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "DisableKeyRotation", source="kms.amazonaws.com"
        ),
    ),
    Filter(
        id="TrailChanges",
        guideline="cloudtrail",
        what="A trail was made, changed, started, stopped or deleted",
        do="See that the trail still records, and who changed it",
        pattern=_any_of("CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
    ),
    Filter(
        id="ConfigChanges",
        guideline="aws-config",
        what="The recorder of AWS Config or its channel was changed or stopped",
        do="See that it still records, and who changed it",
        pattern=_any_of(
            "StopConfigurationRecorder",
            "DeleteDeliveryChannel",
            "PutDeliveryChannel",
            "PutConfigurationRecorder",
            "DeleteConfigurationRecorder",
            source="config.amazonaws.com",
        ),
    ),
)


def events(account: str, trusted_accounts: Sequence[str], severity: ScanSeverity) -> list[Event]:
    """What is watched on the event bus.

    Args:
        account: the own account.
        trusted_accounts: the others whose pulls are expected.
        severity: the least severity of findings that counts.
    """
    return [
        Event(
            id="RegistryPolicies",
            guideline="unusual-access-alarms",
            what="The policy of a repository or of the registry was changed",
            do="Compare it with the deployments of that time: it says who may pull and push",
            pattern=_calls(
                "ecr", "SetRepositoryPolicy", "DeleteRepositoryPolicy", "PutRegistryPolicy", "DeleteRegistryPolicy"
            ),
        ),
        Event(
            id="ImageDeletions",
            guideline="ecr-mfa-for-destruction",
            what="Images or a repository were deleted",
            do="See that a clean-up did it; what runs from a deleted image cannot start again",
            pattern=_calls("ecr", "BatchDeleteImage", "DeleteRepository"),
        ),
        Event(
            id="ForeignPulls",
            guideline="unusual-access-alarms",
            what="An account that is not trusted pulls images",
            do="Add it to trusted_accounts, or take it out of the repository's policy",
            pattern=_calls(
                "ecr",
                "BatchGetImage",
                "GetDownloadUrlForLayer",
                userIdentity={"accountId": [{"anything-but": [account, *trusted_accounts]}]},
            ),
            read_only_calls=True,
        ),
        Event(
            id="GuardDutyFindings",
            guideline="runtime-protection",
            what=f"GuardDuty found something of severity {severity} or worse",
            do="Follow the finding's own advice, and isolate what it names",
            pattern={
                "source": ["aws.guardduty"],
                "detail-type": ["GuardDuty Finding"],
                "detail": {"severity": [{"numeric": [">=", _GUARDDUTY[severity]]}]},
            },
        ),
        Event(
            id="InspectorFindings",
            guideline="ecr-findings-reach-people",
            what=f"Amazon Inspector found a weakness of severity {severity} or worse",
            do="Build the image anew from a mended base and deploy it",
            pattern={
                "source": ["aws.inspector2"],
                "detail-type": ["Inspector2 Finding"],
                "detail": {"severity": at_least(severity), "status": ["ACTIVE"]},
            },
        ),
        Event(
            id="RecordingStopped",
            guideline="cloudtrail",
            what="A trail was stopped, changed or deleted",
            do="Start it again at once; what happens meanwhile is not recorded",
            pattern=_calls("cloudtrail", "StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"),
        ),
        Event(
            id="ConfigStopped",
            guideline="aws-config",
            what="The recorder of AWS Config was stopped or deleted",
            do="Start it again at once; what changes meanwhile is not recorded",
            pattern=_calls(
                "config", "StopConfigurationRecorder", "DeleteConfigurationRecorder", "DeleteDeliveryChannel"
            ),
        ),
        Event(
            id="DetectionStopped",
            guideline="runtime-protection",
            what="GuardDuty or Amazon Inspector was turned off or changed",
            do="Turn it on again, and find out who did it",
            pattern=_calls(
                "guardduty|inspector2", "DeleteDetector", "UpdateDetector", "StopMonitoringMembers", "Disable"
            ),
        ),
    ]


def at_least(severity: ScanSeverity) -> list[str]:
    """A severity and those worse than it."""
    order = [each.value for each in ScanSeverity]
    return order[: order.index(severity) + 1]


_GUARDDUTY: Final = {
    ScanSeverity.CRITICAL: 9,
    ScanSeverity.HIGH: 7,
    ScanSeverity.MEDIUM: 4,
    ScanSeverity.LOW: 1,
    ScanSeverity.INFORMATIONAL: 0,
}
"""Where each severity begins in GuardDuty's numbers."""


def _calls(services: str, *names: str, **detail: Any) -> dict[str, Any]:
    """The pattern of calls to a service, or to one of several with `|` between them."""
    each = services.split("|")
    return {
        "source": [f"aws.{service}" for service in each],
        "detail-type": [_BY_CLOUDTRAIL],
        "detail": {"eventSource": [f"{service}.amazonaws.com" for service in each], "eventName": list(names), **detail},
    }
