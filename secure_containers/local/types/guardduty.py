"""Detectors and malware protection plans, which are kept and never detect anything."""

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


def _create_plan(asked: Asked) -> Made:
    guardduty = asked.client("guardduty")
    arguments = fitted(guardduty, "CreateMalwareProtectionPlan", asked.properties)
    return _plan(asked, guardduty.create_malware_protection_plan(**arguments)["MalwareProtectionPlanId"])


def _update_plan(asked: Asked) -> Made:
    bucket = asked.properties["ProtectedResource"]["S3Bucket"]
    prefixes = {"S3Bucket": {"ObjectPrefixes": bucket.get("ObjectPrefixes", [])}}
    guardduty = asked.client("guardduty")
    properties = {**asked.properties, "ProtectedResource": prefixes, "MalwareProtectionPlanId": asked.physical}
    arguments = fitted(guardduty, "UpdateMalwareProtectionPlan", properties, without=("Tags",))
    guardduty.update_malware_protection_plan(**arguments)
    return _plan(asked, asked.physical)


def _plan(asked: Asked, id: str) -> Made:
    about = asked.client("guardduty").get_malware_protection_plan(MalwareProtectionPlanId=id)
    told = {name: about[name] for name in ("Arn", "Status")}
    return Made(id, {**told, "CreatedAt": about["CreatedAt"].isoformat(), "MalwareProtectionPlanId": id})


def _delete_plan(asked: Asked) -> None:
    delete = asked.client("guardduty").delete_malware_protection_plan
    gone(delete, "ResourceNotFoundException", MalwareProtectionPlanId=asked.physical)


TYPES: Final = {
    "AWS::GuardDuty::Detector": Type(create=_create, update=_update, delete=_delete, tags="list"),
    "AWS::GuardDuty::MalwareProtectionPlan": Type(
        create=_create_plan, update=_update_plan, delete=_delete_plan, tags="list", record=True
    ),
}
