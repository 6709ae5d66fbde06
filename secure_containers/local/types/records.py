"""Types that no emulator runs: their properties are checked by CloudFormation's own rules only, and remembered."""

from __future__ import annotations

import secrets
from typing import Final

from secure_containers.local.types.resource import Asked, Made, Type


def _forget(asked: Asked) -> None:
    """Nothing stands behind a record."""


def _fargate_profile(asked: Asked) -> Made:
    cluster, name = asked.properties["ClusterName"], asked.name("FargateProfileName", most=100)
    arn = asked.account.arn("eks", f"fargateprofile/{cluster}/{name}/{secrets.token_hex(16)}")
    return Made(f"{cluster}|{name}", {"Arn": arn})


TYPES: Final = {"AWS::EKS::FargateProfile": Type(create=_fargate_profile, delete=_forget, record=True)}
