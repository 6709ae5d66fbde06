"""Tables: encryption and point-in-time recovery; a protected table stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept

_Properties = Mapping[str, Any]


def _keep(account: Account, table: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:
    dynamodb = account.client("dynamodb")
    recovery = properties.get("PointInTimeRecoverySpecification", {})
    if recovery != before.get("PointInTimeRecoverySpecification", {}):
        enabled = _true(recovery.get("PointInTimeRecoveryEnabled", False))
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
        )
    encryption = properties.get("SSESpecification", {})
    if encryption != before.get("SSESpecification", {}):
        enabled = _true(encryption.get("SSEEnabled", False))
        key = {name: encryption[name] for name in ("KMSMasterKeyId",) if encryption.get(name)}
        kind = {"SSEType": encryption.get("SSEType", "KMS"), **key} if enabled else {}
        dynamodb.update_table(TableName=table, SSESpecification={"Enabled": enabled, **kind})
    return {}


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
