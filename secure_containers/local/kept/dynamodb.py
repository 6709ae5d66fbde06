"""Tables: encryption, recovery, limits, expiry and insights; a protected table stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.shapes import fitted

_Properties = Mapping[str, Any]


_RECOVERY: Final = "point-in-time recovery"


def _keep(account: Account, table: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:
    dynamodb = account.client("dynamodb")

    def changed(name: str) -> bool:
        return bool(properties.get(name, {}) != before.get(name, {}))

    if changed("PointInTimeRecoverySpecification"):
        recovery = {"PointInTimeRecoveryEnabled": False, **properties.get("PointInTimeRecoverySpecification", {})}
        given = {"TableName": table, "PointInTimeRecoverySpecification": recovery}
        arguments = fitted(dynamodb, "UpdateContinuousBackups", given)
        dynamodb.update_continuous_backups(**arguments)
        account.remember(_RECOVERY, table, arguments["PointInTimeRecoverySpecification"])
    if changed("OnDemandThroughput"):
        most = {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1, **properties.get("OnDemandThroughput", {})}
        given = {"TableName": table, "OnDemandThroughput": most}
        dynamodb.update_table(**fitted(dynamodb, "UpdateTable", given))
    if changed("TimeToLiveSpecification"):
        gone = {**before.get("TimeToLiveSpecification", {}), "Enabled": False}
        expiry = properties.get("TimeToLiveSpecification", gone)
        given = {"TableName": table, "TimeToLiveSpecification": expiry}
        dynamodb.update_time_to_live(**fitted(dynamodb, "UpdateTimeToLive", given))
    if changed("ContributorInsightsSpecification"):
        insights = properties.get("ContributorInsightsSpecification", {})
        action = "ENABLE" if _true(insights.get("Enabled", False)) else "DISABLE"
        dynamodb.update_contributor_insights(TableName=table, ContributorInsightsAction=action)
    encryption = properties.get("SSESpecification", {})
    if encryption != before.get("SSESpecification", {}):
        enabled = _true(encryption.get("SSEEnabled", False))
        key = {name: encryption[name] for name in ("KMSMasterKeyId",) if encryption.get(name)}
        kind = {"SSEType": encryption.get("SSEType", "KMS"), **key} if enabled else {}
        dynamodb.update_table(TableName=table, SSESpecification={"Enabled": enabled, **kind})
    return {}


def told(account: Account, body: str, answer: str) -> str:
    """An answer about recovery with what it leaves out."""
    if '"PointInTimeRecoveryDescription"' not in answer:
        return answer
    about, kept = json.loads(answer), account.remembered.get(_RECOVERY, {}).get(json.loads(body)["TableName"], {})
    days = {name: kept[name] for name in ("RecoveryPeriodInDays",) if name in kept}
    about["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"].update(days)
    return json.dumps(about)


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _check_unprotected(account: Account, table: str) -> None:
    dynamodb = account.client("dynamodb")
    try:
        described = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return
    if _true(described.get("DeletionProtectionEnabled", False)):
        raise ValueError(
            f"Resource cannot be deleted as it is currently protected against deletion. "
            f"Disable deletion protection first. ({table})"
        )


KEPT: Final = {"AWS::DynamoDB::Table": Kept(keep=_keep, before_deletion=_check_unprotected)}
