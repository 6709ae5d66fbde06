"""Log groups, metric filters and resource policies of Amazon CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import pascal


def log_group(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    logs = client("logs")
    pages = logs.describe_log_groups(logGroupNamePrefix=id)["logGroups"]
    (about,) = (each for each in pages if each["logGroupName"] == id)
    tags = logs.list_tags_log_group(logGroupName=id)["tags"]
    return {**pascal(about), "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def metric_filter(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("logs").describe_metric_filters(logGroupName=wanted["LogGroupName"])["metricFilters"]
    (about,) = (each for each in found if each["filterName"] == id)
    return pascal(about)


def resource_policy(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("logs").describe_resource_policies()["resourcePolicies"]
    (about,) = (each for each in found if each["policyName"] == wanted["PolicyName"])
    return pascal(about)


READERS = {
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::Logs::ResourcePolicy": resource_policy,
}
NOT_READ: dict[str, dict[str, str]] = {}
