"""Rules of Amazon EventBridge, its schedules and its pipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import pascal


def rule(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    events = client("events")
    name = id.rsplit("/", 1)[-1].rsplit("|", 1)[-1]
    about = events.describe_rule(Name=name)
    return {
        **about,
        "Targets": events.list_targets_by_rule(Rule=name)["Targets"],
        "Tags": events.list_tags_for_resource(ResourceARN=about["Arn"])["Tags"],
    }


def schedule(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = dict(client("scheduler").get_schedule(Name=id.rsplit("/", 1)[-1]))
    task = about["Target"].get("EcsParameters", {})
    return {**about, "Target": {**about["Target"], **({"EcsParameters": pascal(task)} if task else {})}}


def pipe(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return dict(client("pipes").describe_pipe(Name=id))


READERS = {"AWS::Events::Rule": rule, "AWS::Pipes::Pipe": pipe, "AWS::Scheduler::Schedule": schedule}
NOT_READ: dict[str, dict[str, str]] = {}
