"""Properties that ministack drops, kept through the services' own calls: they can be read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from secure_containers.local.kept import (
    acm,
    autoscaling,
    dynamodb,
    ec2,
    ecr,
    eks,
    elbv2,
    lambda_,
    pipes,
    s3,
    scheduler,
    secretsmanager,
    sns,
)
from secure_containers.local.kept.properties import Kept

KEPT: Final[Mapping[str, Kept]] = {
    **acm.KEPT,
    **autoscaling.KEPT,
    **dynamodb.KEPT,
    **ec2.KEPT,
    **ecr.KEPT,
    **eks.KEPT,
    **elbv2.KEPT,
    **lambda_.KEPT,
    **pipes.KEPT,
    **s3.KEPT,
    **scheduler.KEPT,
    **secretsmanager.KEPT,
    **sns.KEPT,
}
