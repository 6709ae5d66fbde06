"""Trails of AWS CloudTrail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone

_ELSEWHERE: Final = ("TrailName", "IsLogging", "EventSelectors", "AdvancedEventSelectors", "InsightSelectors", "Tags")


def _create(asked: Asked) -> Made:
    trails = asked.client("cloudtrail")
    name = asked.name("TrailName")
    arguments = fitted(trails, "CreateTrail", {**asked.properties, "Name": name}, without=_ELSEWHERE)
    arn = trails.create_trail(**arguments)["TrailARN"]
    trails.update_trail(**arguments)  # ministack keeps the log group of an update only
    _tag(trails, arn, [], asked.properties.get("Tags", []))
    _select(trails, name, asked.properties)
    return Made(name, {"Arn": arn, "SnsTopicArn": asked.properties.get("SnsTopicName", "")})


def _update(asked: Asked) -> Made:
    trails = asked.client("cloudtrail")
    arguments = fitted(trails, "UpdateTrail", {**asked.properties, "Name": asked.physical}, without=_ELSEWHERE)
    arn = trails.update_trail(**arguments)["TrailARN"]
    _tag(trails, arn, asked.before.get("Tags", []), asked.properties.get("Tags", []))
    _select(trails, asked.physical, asked.properties)
    return Made(asked.physical, {"Arn": arn, "SnsTopicArn": asked.properties.get("SnsTopicName", "")})


def _tag(trails: Any, arn: str, before: Sequence[Mapping[str, str]], now: Sequence[Mapping[str, str]]) -> None:
    """The tags of a trail, which ministack takes by calls of their own only."""
    kept = {tag["Key"] for tag in now}
    gone_by = [dict(tag) for tag in before if tag["Key"] not in kept]
    if gone_by:
        trails.remove_tags(ResourceId=arn, TagsList=gone_by)
    if now:
        trails.add_tags(ResourceId=arn, TagsList=[dict(tag) for tag in now])


def _select(trails: Any, name: str, properties: Mapping[str, Any]) -> None:
    """What is recorded, and whether anything is."""
    if "EventSelectors" in properties:
        selectors = {"TrailName": name, "EventSelectors": properties["EventSelectors"]}
        trails.put_event_selectors(**fitted(trails, "PutEventSelectors", selectors))
    if str(properties.get("IsLogging", True)).lower() == "true":
        trails.start_logging(Name=name)
    else:
        trails.stop_logging(Name=name)


def _delete(asked: Asked) -> None:
    gone(asked.client("cloudtrail").delete_trail, "TrailNotFoundException", Name=asked.physical)


TYPES: Final = {
    "AWS::CloudTrail::Trail": Type(create=_create, update=_update, delete=_delete, replaces=("TrailName",), tags="list")
}
