"""Gives log groups that AWS makes an end and a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def perform(properties: Mapping[str, Any], *, remaining: Callable[[], float]) -> dict[str, str]:  # noqa: ARG001 - a call each
    """Set what the properties say of each group in `LogGroups`, and make those that AWS has not made yet."""
    logs = client()
    for name in properties["LogGroups"]:
        keep(logs, name, days=int(properties["RetentionInDays"]), key=properties["KmsKeyArn"])
    return {}


def client() -> Any:
    # boto3 comes with Lambda's runtime; it is no dependency of ours.
    return import_module("boto3").client("logs")


def keep(logs: Any, name: str, *, days: int, key: str) -> None:
    """Let a group be encrypted from now on, and its events end."""
    try:
        try:
            logs.create_log_group(logGroupName=name, kmsKeyId=key)
        except logs.exceptions.ResourceAlreadyExistsException:
            logs.associate_kms_key(logGroupName=name, kmsKeyId=key)
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    except logs.exceptions.OperationAbortedException as error:
        # AWS is making it at this moment; what is not there yet is asked for again.
        raise LookupError(f"{name} is being changed by somebody else: {error}") from error
