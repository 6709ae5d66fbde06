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
_PASSING: Final = (
    "DISABLE_IN_PROGRESS",
    "EVENTBRIDGE_THROTTLED",
    "EVENTBRIDGE_UNAVAILABLE",
    "INTERNAL_ERROR",
    "SSM_THROTTLED",
    "SSM_UNAVAILABLE",
)
"""Failures that pass by themselves, so that it is tried again."""
_ON: Final = ("ENABLED", "ENABLING")
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
    # An account that Inspector does not know yet may be a failure here; what matters is how turning it on goes.
    missing = _off(_statuses(inspector.batch_get_account_status(), types))
    again = _turn_on(inspector, missing)
    while True:
        answer = inspector.batch_get_account_status()
        passing = _passing(answer) or again
        statuses = _statuses(answer, types)
        if all(status == "ENABLED" for status in statuses.values()):
            break
        if remaining() < _PAUSE:
            why = f" ({passing})" if passing else ""
            raise TimeoutError(f"Amazon Inspector is not on yet: {statuses}{why}; deploy again to wait on")
        time.sleep(_PAUSE)
        if again:
            again = _turn_on(inspector, _off(statuses))
    return {"EnabledNow": ",".join(missing)}


def _turn_on(inspector: Any, types: list[str]) -> str:
    """Turn types on, if there are any; what is in the way, if that passes by itself."""
    # A call that succeeds may still carry failures.
    return _passing(inspector.enable(resourceTypes=types)) if types else ""


def _statuses(answer: Mapping[str, Any], types: list[str]) -> dict[str, str]:
    """The status of each resource type, such as ECR; what Inspector does not tell of is off."""
    accounts = answer.get("accounts") or [{}]
    states = accounts[0].get("resourceState", {})
    return {each: states.get(each.lower(), {}).get("status", "DISABLED") for each in types}


def _off(statuses: Mapping[str, str]) -> list[str]:
    return [each for each, status in statuses.items() if status not in _ON]


def _passing(answer: Mapping[str, Any]) -> str:
    """The failures in an answer that pass by themselves; others are raised."""
    failed = [each for each in answer.get("failedAccounts", []) if each["errorCode"] not in _UNDER_WAY]
    told = "; ".join(f"{each['errorCode']} {each.get('errorMessage', '')}".strip() for each in failed)
    if any(each["errorCode"] not in _PASSING for each in failed):
        raise RuntimeError(f"Amazon Inspector could not be turned on: {told}")
    return told
