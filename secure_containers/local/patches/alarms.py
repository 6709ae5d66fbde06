"""Alarms over several metrics, which ministack refuses: they are kept, and never fire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.patches.names import ALARM, replace
from secure_containers.local.shapes import fitted

_OF_ONE: Final = ("Dimensions", "ExtendedStatistic", "MetricName", "Namespace", "Period", "Statistic", "Unit")
"""What an alarm over one metric has instead."""


def keep_metric_math(account: Account) -> None:
    """Let alarms have `Metrics`."""
    record = ALARM.found()

    def recorded(name: str, props: Mapping[str, Any]) -> dict[str, Any]:
        metrics = props.get("Metrics")
        if not metrics:
            return dict(record(name, props))
        one = {**props, "Metrics": None, "MetricName": "several", "Namespace": "several"}
        alarm = {key: value for key, value in record(name, one).items() if key not in _OF_ONE}
        return alarm | fitted(account.client("cloudwatch"), "PutMetricAlarm", {"Metrics": metrics})

    replace(ALARM, recorded)
