"""Amazon GuardDuty: detectors can be made and read back, and detect nothing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from secure_containers.local.services.api import ApiError, Request


class GuardDuty:
    """The detector of the account."""

    def __init__(self) -> None:
        self._detectors: dict[str, dict[str, Any]] = {}

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


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a call sets of a detector."""
    kept = {name: body[name] for name in ("findingPublishingFrequency", "features", "dataSources") if name in body}
    return {**kept, **({"status": "ENABLED" if body["enable"] else "DISABLED"} if "enable" in body else {})}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
