"""Amazon GuardDuty: detectors and malware protection plans can be made and read back, and detect nothing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from secure_containers.local.account import Account
from secure_containers.local.services.api import ApiError, Request


class GuardDuty:
    """The detector of the account, and the plans that have a bucket's objects scanned."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._detectors: dict[str, dict[str, Any]] = {}
        self._plans: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Mapping[str, Any]:
        match [request.method, *request.path.strip("/").split("/")]:
            case ["GET", "detector"]:
                return {"detectorIds": list(self._detectors)}
            case ["POST", "detector"]:
                return self._create(request.body)
            case ["GET", "detector", id]:
                return self._detector(id)
            case ["POST", "detector", id]:
                self._detector(id).update(_settings(request.body), updatedAt=_now())
                return {}
            case ["DELETE", "detector", id]:
                self._detector(id)
                del self._detectors[id]
                return {}
            case ["GET", "malware-protection-plan"]:
                return {"malwareProtectionPlans": [{"malwareProtectionPlanId": id} for id in self._plans]}
            case ["POST", "malware-protection-plan"]:
                return self._create_plan(request.body)
            case ["GET", "malware-protection-plan", id]:
                return self._plan(id)
            case ["PATCH", "malware-protection-plan", id]:
                self._update_plan(self._plan(id), request.body)
                return {}
            case ["DELETE", "malware-protection-plan", id]:
                self._plan(id)
                del self._plans[id]
                return {}
        raise ApiError("BadRequestException", f"the emulator does not know {request.method} {request.path}")

    def _create(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._detectors:
            raise ApiError("BadRequestException", "a detector already exists for the current account")
        id = secrets.token_hex(16)
        self._detectors[id] = {
            "createdAt": _now(),
            "updatedAt": _now(),
            "findingPublishingFrequency": "SIX_HOURS",
            "features": [],
            "tags": body.get("tags", {}),
            **_settings(body),
        }
        return {"detectorId": id}

    def _detector(self, id: str) -> dict[str, Any]:
        if id not in self._detectors:
            raise ApiError("BadRequestException", "the input detectorId is not owned by the current account")
        return self._detectors[id]

    def _create_plan(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        id = secrets.token_hex(10)
        self._plans[id] = {
            "actions": {"tagging": {"status": "DISABLED"}},
            "tags": {},
            **{name: value for name, value in body.items() if name != "clientToken"},
            "arn": self._account.arn("guardduty", f"malware-protection-plan/{id}"),
            "createdAt": _now(),
            "status": "ACTIVE",
            "statusReasons": [],
        }
        return {"malwareProtectionPlanId": id}

    @staticmethod
    def _update_plan(plan: dict[str, Any], body: Mapping[str, Any]) -> None:
        bucket = {**plan["protectedResource"]["s3Bucket"], **body.get("protectedResource", {}).get("s3Bucket", {})}
        plan.update(body, protectedResource={"s3Bucket": bucket})

    def _plan(self, id: str) -> dict[str, Any]:
        if id not in self._plans:
            raise ApiError("ResourceNotFoundException", "the requested resource can't be found", status=404)
        return self._plans[id]


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a call sets of a detector."""
    kept = {name: body[name] for name in ("findingPublishingFrequency", "features", "dataSources") if name in body}
    return {**kept, **({"status": "ENABLED" if body["enable"] else "DISABLED"} if "enable" in body else {})}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
