"""Schedules: the time zone, the key, and the network of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.shapes import fitted


def _keep(
    account: Account,
    schedule: str,
    properties: Mapping[str, Any],
    before: Mapping[str, Any],  # noqa: ARG001 - an update forgets it too
) -> Mapping[str, Any]:
    scheduler = account.client("scheduler")
    scheduler.update_schedule(**fitted(scheduler, "UpdateSchedule", {**properties, "Name": schedule}))
    return {}


KEPT: Final = {"AWS::Scheduler::Schedule": Kept(keep=_keep)}
