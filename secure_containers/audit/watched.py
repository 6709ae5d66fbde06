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
_PUT_DELETE: Final = ("Put", "Delete")


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """What a baseline is made of, as calls name it; changes of the same kind elsewhere are everyday work."""

    topic: str
    """The topic's ARN."""
    buckets: Sequence[str] = ()
    log_groups: Sequence[str] = ()
    prefix: str
    """How the names of its alarms and rules begin."""


def _any_of(*names: str, source: str | None = None) -> str:
    events = " || ".join(f"($.eventName={name})" for name in names)
    return f"{{($.eventSource={source}) && ({events})}}" if source else f"{{{events}}}"


FILTERS: Final = (
    Filter(
        id="DeniedCalls",
        guideline="unusual-access-alarms",
        what="Calls to AWS are denied again and again",
        do="Look in the trail who makes them: a role that misses a permission, or somebody who tries what works",
        pattern='{(($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")) && '
        '($.sourceIPAddress!="delivery.logs.amazonaws.com") && ($.eventName!="HeadBucket")}',
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
        what="A policy of IAM, a boundary or who may take a role was changed",
        do="Compare it with the deployments of that time; a change by hand is undone or brought into code",
        pattern=_any_of(
            *(f"{verb}{kind}Policy" for kind in ("Group", "Role", "User") for verb in ("Delete", "Put")),
            *(f"{verb}Policy{what}" for what in ("", "Version") for verb in ("Create", "Delete")),
            *(f"{verb}{kind}Policy" for kind in ("Role", "User", "Group") for verb in ("Attach", "Detach")),
            *(f"{verb}{kind}PermissionsBoundary" for kind in ("Role", "User") for verb in ("Put", "Delete")),
            "UpdateAssumeRolePolicy",
            "SetDefaultPolicyVersion",
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
    Filter(
        id="BucketPolicyChanges",
        guideline="unusual-access-alarms",
        what="Who gets at a bucket, or how long it keeps what is in it, was changed",
        do="Compare it with the deployments of that time; a change by hand is undone or brought into code",
        pattern=_any_of(
            *(f"{verb}Bucket{what}" for what in ("Policy", "Lifecycle", "Cors", "Replication") for verb in _PUT_DELETE),
            "PutBucketLifecycleConfiguration",
            "PutBucketAcl",
            source="s3.amazonaws.com",
        ),
    ),
)


def events(account: str, trusted_accounts: Sequence[str], severity: ScanSeverity, own: Own) -> list[Event]:
    """What is watched on the event bus.

    Args:
        account: the own account.
        trusted_accounts: the others whose pulls are expected.
        severity: the least severity of findings that counts.
        own: what the baseline is made of.
    """
    return [
        Event(
            id="RegistryPolicies",
            guideline="unusual-access-alarms",
            what="A policy or setting of a repository or of the registry was changed",
            do="Compare it with the deployments of that time: it says who may pull and push, and what is kept",
            pattern=_calls(
                "ecr",
                "SetRepositoryPolicy",
                "DeleteRepositoryPolicy",
                "PutRegistryPolicy",
                "DeleteRegistryPolicy",
                "PutReplicationConfiguration",
                "PutLifecyclePolicy",
                "PutImageTagMutability",
                "PutRegistryScanningConfiguration",
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
                "BatchGetImage",  # once for each pull; layers follow it by the dozen
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
            do="Build the image anew from a mended base and deploy it; patch the machine; update the function",
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
            what="The recorder of AWS Config was stopped, changed or deleted",
            do="Start it again at once; what changes meanwhile is not recorded",
            pattern=_calls(
                "config",
                "StopConfigurationRecorder",
                "PutConfigurationRecorder",
                "DeleteConfigurationRecorder",
                "DeleteDeliveryChannel",
            ),
        ),
        Event(
            id="DetectionStopped",
            guideline="runtime-protection",
            what="GuardDuty or Amazon Inspector was turned off or changed, or a filter hides findings",
            do="Turn it on again, take the filter away, and find out who did it",
            pattern=_calls(
                "guardduty|inspector2",
                "DeleteDetector",
                "UpdateDetector",
                "StopMonitoringMembers",
                "Disable",
                "CreateFilter",
                "UpdateFilter",
                "DisassociateFromAdministratorAccount",
            ),
        ),
        Event(
            id="AuditChanges",
            guideline="unusual-access-alarms",
            what="What the audit itself is made of was changed, so that it keeps or tells less",
            do="Deploy the audit's stack again, and find out who did it",
            pattern=_changes_of(own),
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


def _changes_of(own: Own) -> dict[str, Any]:
    """The pattern of calls that make a baseline blind or dumb."""
    begins = [{"prefix": own.prefix}]
    changes = [
        _change("monitoring", "DeleteAlarms", "DisableAlarmActions", alarmNames=begins),
        _change("events", "DisableRule", "DeleteRule", name=begins),
        _change("events", "RemoveTargets", rule=begins),
        _change("sns", "SetTopicAttributes", "DeleteTopic", topicArn=[own.topic]),
        _change("sns", "Unsubscribe", subscriptionArn=[{"prefix": f"{own.topic}:"}]),
        # Of every stack: calls name it now by its name, now by its ARN, and nobody does it every day.
        _change("cloudformation", "UpdateTerminationProtection", enableTerminationProtection=[False]),
    ]
    if own.buckets:
        names = ("PutBucketPolicy", "DeleteBucketPolicy", "PutBucketLifecycle", "PutBucketLifecycleConfiguration")
        changes.append(_change("s3", *names, bucketName=list(own.buckets)))
    if own.log_groups:
        groups = list(own.log_groups)
        changes.append(
            _change("logs", "DeleteMetricFilter", "PutRetentionPolicy", "DeleteLogGroup", logGroupName=groups)
        )
    return {"detail-type": [_BY_CLOUDTRAIL], "detail": {"$or": changes}}


def _change(service: str, *names: str, **parameters: Any) -> dict[str, Any]:
    return {
        "eventSource": [f"{service}.amazonaws.com"],
        "eventName": list(names),
        "requestParameters": parameters,
    }
