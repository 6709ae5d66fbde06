"""Makes the role by which an AWS service works in an account; CloudFormation's own resource fails where it exists."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

_UNTIL_KNOWN: Final = 10
"""Seconds until a new role is known everywhere."""


def perform(properties: Mapping[str, str], *, remaining: Callable[[], float]) -> dict[str, str]:  # noqa: ARG001 - one call
    """Make the role of the property `Service`, unless it exists."""
    return create(client(), properties["Service"])


def client() -> Any:
    # boto3 comes with Lambda's runtime; it is no dependency of ours.
    return import_module("boto3").client("iam")


def create(iam: Any, service: str) -> dict[str, str]:
    try:
        iam.create_service_linked_role(AWSServiceName=service)
    except Exception as error:
        answered = getattr(error, "response", {}).get("Error", {})
        # There is no code of its own for a role that exists.
        if answered.get("Code") != "InvalidInput" or "has been taken" not in answered.get("Message", ""):
            raise
        return {"Created": "false"}
    time.sleep(_UNTIL_KNOWN)
    return {"Created": "true"}
