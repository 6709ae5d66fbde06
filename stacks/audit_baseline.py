"""The audit of one account and Region: recorded, watched, and told to people."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from secure_containers import AuditBaseline, AuditPart, ScanSeverity


class AccountAudit(Stack):
    """One stack to an account and Region. In further Regions of an account, `existing` is
    `[AuditPart.TRAIL_ELSEWHERE, AuditPart.CONFIG_GLOBAL]`.

    It cannot be deleted without more ado: recording would end with it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        organization_id: str | None,
        severity: ScanSeverity,
        trusted_accounts: Sequence[str] = (),
        existing: Sequence[AuditPart] = (),
    ) -> None:
        super().__init__(
            scope,
            id,
            env=env,
            description="Audit of the account: trail, configuration, detection, alarms",
            termination_protection=True,
        )
        self.audit = AuditBaseline(
            self,
            "Audit",
            organization_id=organization_id,
            severity=severity,
            trusted_accounts=trusted_accounts,
            existing=existing,
        )
        if self.audit.log_group is not None:  # else its alarms belong where the trail is
            self.audit.add_alarm(
                "LongLivedCredentials",
                pattern="{($.eventName=CreateUser) || ($.eventName=CreateAccessKey)}",
                description="A user or an access key was made (signed-requests-temporary-credentials). Replace it by a "
                "role: its credentials never expire",
            )
        CfnOutput(self, "AlarmTopic", value=self.audit.topic.topic_arn, description="Subscribe here to hear of alarms")
