"""Types that no emulator runs: their properties are checked by CloudFormation's own rules only, and remembered."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from secure_containers.local.types.resource import Asked, Made, Type


def _record(service: str, resource: str, attributes: Callable[[str], Mapping[str, str]]) -> Type:
    """A type with an ARN that ends in random letters, and the attributes that follow from it."""

    def create(asked: Asked) -> Made:
        name = asked.name("Name", most=32)
        arn = asked.account.arn(service, f"{resource}/{name}/{secrets.token_hex(16)}")
        return Made(arn, attributes(arn))

    def keep(asked: Asked) -> Made:
        return Made(asked.physical, attributes(asked.physical))

    return Type(create=create, update=keep, delete=_forget, record=True)


def _forget(asked: Asked) -> None:
    """Nothing stands behind a record."""


def _target(asked: Asked) -> Made:
    properties = asked.properties
    id = f"{properties['ResourceId']}|{properties['ScalableDimension']}|{properties['ServiceNamespace']}"
    return Made(id, {"Id": id})


def _fargate_profile(asked: Asked) -> Made:
    cluster, name = asked.properties["ClusterName"], asked.name("FargateProfileName", most=100)
    arn = asked.account.arn("eks", f"fargateprofile/{cluster}/{name}/{secrets.token_hex(16)}")
    return Made(f"{cluster}|{name}", {"Arn": arn})


def _app_runner_service(arn: str) -> dict[str, str]:
    id = arn.rpartition("/")[2]
    region = arn.split(":")[3]
    return {
        "ServiceArn": arn,
        "ServiceId": id,
        "ServiceUrl": f"{id[:10]}.{region}.awsapprunner.com",
        "Status": "RUNNING",
    }


def _revision(kind: str) -> Callable[[str], Mapping[str, str]]:
    return lambda arn: {f"{kind}Arn": arn, f"{kind}Revision": "1", "Latest": "true"}


TYPES: Final = {
    "AWS::AppRunner::AutoScalingConfiguration": _record(
        "apprunner", "autoscalingconfiguration", _revision("AutoScalingConfiguration")
    ),
    "AWS::AppRunner::ObservabilityConfiguration": _record(
        "apprunner", "observabilityconfiguration", _revision("ObservabilityConfiguration")
    ),
    "AWS::AppRunner::Service": _record("apprunner", "service", _app_runner_service),
    "AWS::AppRunner::VpcConnector": _record("apprunner", "vpcconnector", _revision("VpcConnector")),
    "AWS::ApplicationAutoScaling::ScalableTarget": Type(create=_target, update=_target, delete=_forget, record=True),
    "AWS::ApplicationAutoScaling::ScalingPolicy": _record("autoscaling", "scalingPolicy", lambda arn: {"Arn": arn}),
    "AWS::EKS::FargateProfile": Type(create=_fargate_profile, delete=_forget, record=True),
}
