"""Turns Amazon Inspector's scans on in this account and Region; nothing turns them off again.

A member of an organization whose administrator decides may not turn them off, and others may rely on them.

Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_Enable.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

_UNDER_WAY: Final = ("ALREADY_ENABLED", "ENABLE_IN_PROGRESS")
"""Failures that mean success."""
_PAUSE: Final = 5
"""Seconds between two looks at the status."""


def perform(properties: Mapping[str, Any], *, remaining: Callable[[], float]) -> dict[str, str]:
    """Turn on what the property `ResourceTypes` lists, and wait until it is on."""
    return enable(client(), properties["ResourceTypes"], remaining=remaining)


def client() -> Any:
    # boto3 comes with Lambda's runtime; it is no dependency of ours.
    return import_module("boto3").client("inspector2")


def enable(inspector: Any, types: list[str], *, remaining: Callable[[], float]) -> dict[str, str]:
    """Enable the types that are not on yet, and wait for all of them."""
    statuses = _statuses(inspector, types)
    missing = [each for each, status in statuses.items() if status not in ("ENABLED", "ENABLING")]
    if missing:
        # A call that succeeds may still carry failures.
        _raise_failures(inspector.enable(resourceTypes=missing))
    while True:
        statuses = _statuses(inspector, types)
        if all(status == "ENABLED" for status in statuses.values()):
            break
        if remaining() < _PAUSE:
            raise TimeoutError(f"Amazon Inspector is not on yet: {statuses}; deploy again to wait on")
        time.sleep(_PAUSE)
    return {"EnabledNow": ",".join(missing)}


def _statuses(inspector: Any, types: list[str]) -> dict[str, str]:
    """The status of each resource type, such as ECR; what Inspector does not tell of is off."""
    answer = inspector.batch_get_account_status()
    _raise_failures(answer)
    accounts = answer.get("accounts") or [{}]
    states = accounts[0].get("resourceState", {})
    return {each: states.get(each.lower(), {}).get("status", "DISABLED") for each in types}


def _raise_failures(answer: Mapping[str, Any]) -> None:
    failed = [each for each in answer.get("failedAccounts", []) if each["errorCode"] not in _UNDER_WAY]
    if failed:
        told = "; ".join(f"{each['errorCode']} {each.get('errorMessage', '')}".strip() for each in failed)
        raise RuntimeError(f"Amazon Inspector could not be turned on: {told}")
