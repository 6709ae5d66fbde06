"""Targets and policies of Application Auto Scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone

_TARGET: Final = ("ResourceId", "ScalableDimension", "ServiceNamespace")
_POLICY: Final = "ScalingTargetId"


def _register(asked: Asked) -> Made:
    scaling = asked.client("application-autoscaling")
    arguments = fitted(scaling, "RegisterScalableTarget", asked.properties, without=("ScheduledActions",))
    if asked.properties.get("ScheduledActions"):
        raise ValueError("the emulator does not know ScheduledActions")
    scaling.register_scalable_target(**arguments)
    id = "|".join(str(asked.properties[name]) for name in _TARGET)
    return Made(id, {"Id": id})


def _deregister(asked: Asked) -> None:
    call = asked.client("application-autoscaling").deregister_scalable_target
    gone(call, "ObjectNotFoundException", **dict(zip(_TARGET, asked.physical.split("|"), strict=True)))


def _target(properties: Mapping[str, Any]) -> dict[str, str]:
    """The target of a policy, which a template names by its id or by its parts."""
    if _POLICY in properties:
        return dict(zip(_TARGET, properties[_POLICY].split("|"), strict=True))
    return {name: properties[name] for name in _TARGET}


def _put_policy(asked: Asked) -> Made:
    scaling = asked.client("application-autoscaling")
    given = {**asked.properties, **_target(asked.properties)}
    arn = scaling.put_scaling_policy(**fitted(scaling, "PutScalingPolicy", given, without=(_POLICY,)))["PolicyARN"]
    return Made(arn, {"Arn": arn})


def _delete_policy(asked: Asked) -> None:
    call, name = asked.client("application-autoscaling").delete_scaling_policy, asked.properties["PolicyName"]
    gone(call, "ObjectNotFoundException", PolicyName=name, **_target(asked.properties))


TYPES: Final = {
    "AWS::ApplicationAutoScaling::ScalableTarget": Type(
        create=_register, update=_register, delete=_deregister, replaces=_TARGET, tags="list", record=True
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Type(
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
        replaces=("PolicyName", _POLICY, *_TARGET),
        record=True,
    ),
}
