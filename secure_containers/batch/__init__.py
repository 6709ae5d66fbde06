"""Batch jobs with a role for each kind, capacity by design, and every failure seen."""

from __future__ import annotations

from secure_containers.batch.environment import LeastPrivilegeBatchEnv
from secure_containers.batch.job import BatchJob
from secure_containers.batch.parts import Fleet, QueueLimits, Retries, Share
from secure_containers.batch.platforms import Ec2, Eks, Fargate

__all__ = [
    "BatchJob",
    "Ec2",
    "Eks",
    "Fargate",
    "Fleet",
    "LeastPrivilegeBatchEnv",
    "QueueLimits",
    "Retries",
    "Share",
]
