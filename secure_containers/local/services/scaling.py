"""Application Auto Scaling: targets and policies, which are kept and never scale anything."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.services.api import ApiError, Request

_Body = Mapping[str, Any]
_TARGET: Final = ("ServiceNamespace", "ResourceId", "ScalableDimension")


class Scaling:
    """The service in one account and Region."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._targets: dict[tuple[str, ...], dict[str, Any]] = {}
        self._policies: dict[tuple[str, ...], dict[str, Any]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._operations: dict[str, Callable[[_Body], _Body]] = {
            "DeleteScalingPolicy": self._delete_policy,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": lambda body: {"ScalableTargets": _asked(self._targets, body, "ResourceIds")},
            "DescribeScalingPolicies": lambda body: {"ScalingPolicies": _asked(self._policies, body, "PolicyNames")},
            "ListTagsForResource": lambda body: {"Tags": self._tags.get(body["ResourceARN"], {})},
            "PutScalingPolicy": self._put_policy,
            "RegisterScalableTarget": self._register,
        }

    def __call__(self, request: Request) -> _Body:
        operation = self._operations.get(request.operation)
        if operation is None:
            raise ApiError("ValidationException", f"the emulator does not know {request.operation}")
        return operation(request.body)

    def _register(self, body: _Body) -> _Body:
        key = _key(body)
        before = self._targets.get(
            key, {"CreationTime": time.time(), "ScalableTargetARN": self._arn("scalable-target")}
        )
        target = {**before, **{name: value for name, value in body.items() if name != "Tags"}}
        if int(target["MinCapacity"]) > int(target["MaxCapacity"]):
            raise ApiError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
        self._targets[key] = target
        self._tags.setdefault(target["ScalableTargetARN"], {}).update(body.get("Tags", {}))
        return {"ScalableTargetARN": target["ScalableTargetARN"]}

    def _deregister(self, body: _Body) -> _Body:
        target = self._target(body)
        self._policies = {key: value for key, value in self._policies.items() if key[:-1] != _key(body)}
        del self._targets[_key(body)]
        del self._tags[target["ScalableTargetARN"]]
        return {}

    def _put_policy(self, body: _Body) -> _Body:
        self._target(body)
        key = (*_key(body), body["PolicyName"])
        arn = self._policies.get(key, {"PolicyARN": self._arn("scalingPolicy")})["PolicyARN"]
        self._policies[key] = {**body, "PolicyARN": arn, "CreationTime": time.time(), "Alarms": []}
        return {"PolicyARN": arn, "Alarms": []}

    def _delete_policy(self, body: _Body) -> _Body:
        if self._policies.pop((*_key(body), body["PolicyName"]), None) is None:
            raise ApiError("ObjectNotFoundException", f"No scaling policy found for {body['PolicyName']}")
        return {}

    def _target(self, body: _Body) -> dict[str, Any]:
        if _key(body) not in self._targets:
            raise ApiError("ObjectNotFoundException", f"No scalable target registered for {'/'.join(_key(body))}")
        return self._targets[_key(body)]

    def _arn(self, kind: str) -> str:
        return self._account.arn("application-autoscaling", f"{kind}/{uuid.uuid4().hex}")


def _key(body: _Body) -> tuple[str, ...]:
    return tuple(body[name] for name in _TARGET)


def _asked(records: Mapping[tuple[str, ...], dict[str, Any]], body: _Body, names: str) -> list[dict[str, Any]]:
    """Those of a namespace, and of the given names if there are any."""
    one = names[:-1]
    return [
        each
        for each in records.values()
        if all(each[name] == body[name] for name in _TARGET if name in body)
        and each[one] in body.get(names, [each[one]])
    ]
