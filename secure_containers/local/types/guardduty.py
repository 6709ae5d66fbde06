"""Detectors, which are kept and never detect anything."""

from __future__ import annotations

from typing import Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone


def _create(asked: Asked) -> Made:
    guardduty = asked.client("guardduty")
    id = guardduty.create_detector(**fitted(guardduty, "CreateDetector", asked.properties))["DetectorId"]
    return Made(id, {"Id": id})


def _update(asked: Asked) -> Made:
    guardduty = asked.client("guardduty")
    arguments = fitted(guardduty, "UpdateDetector", asked.properties, without=("Tags",))
    guardduty.update_detector(DetectorId=asked.physical, **arguments)
    return Made(asked.physical, {"Id": asked.physical})


def _delete(asked: Asked) -> None:
    gone(asked.client("guardduty").delete_detector, "BadRequestException", DetectorId=asked.physical)


TYPES: Final = {"AWS::GuardDuty::Detector": Type(create=_create, update=_update, delete=_delete, tags="list")}
