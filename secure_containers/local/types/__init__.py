"""The resource types that ministack lacks, one module a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from secure_containers.local.types import (
    batch,
    cloudtrail,
    config,
    ec2,
    ecr,
    eks,
    guardduty,
    records,
)
from secure_containers.local.types.resource import Type

TYPES: Final[Mapping[str, Type]] = {
    **batch.TYPES,
    **cloudtrail.TYPES,
    **config.TYPES,
    **ec2.TYPES,
    **ecr.TYPES,
    **eks.TYPES,
    **guardduty.TYPES,
    **records.TYPES,
}
