"""The resource types that ministack lacks, one module a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from secure_containers.local.types import (
    apprunner,
    batch,
    cloudtrail,
    config,
    ec2,
    ecr,
    ecs,
    eks,
    guardduty,
    records,
    route53,
    scaling,
    wafv2,
)
from secure_containers.local.types.resource import Type

TYPES: Final[Mapping[str, Type]] = {
    **apprunner.TYPES,
    **batch.TYPES,
    **cloudtrail.TYPES,
    **config.TYPES,
    **ec2.TYPES,
    **ecr.TYPES,
    **ecs.TYPES,
    **eks.TYPES,
    **guardduty.TYPES,
    **records.TYPES,
    **route53.TYPES,
    **scaling.TYPES,
    **wafv2.TYPES,
}
