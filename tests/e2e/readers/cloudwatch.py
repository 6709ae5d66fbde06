"""Alarms and dashboards of Amazon CloudWatch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def alarm(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    cloudwatch = client("cloudwatch")
    (about,) = cloudwatch.describe_alarms(AlarmNames=[id])["MetricAlarms"]
    return {**about, "Tags": cloudwatch.list_tags_for_resource(ResourceARN=about["AlarmArn"])["Tags"]}


def dashboard(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return dict(client("cloudwatch").get_dashboard(DashboardName=id))


READERS = {"AWS::CloudWatch::Alarm": alarm, "AWS::CloudWatch::Dashboard": dashboard}
NOT_READ = {"AWS::CloudWatch::Dashboard": {"Tags": "the emulator has tags of alarms only"}}
