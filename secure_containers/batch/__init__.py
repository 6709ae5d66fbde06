"""Batch jobs with a role for each kind, capacity by design, and every failure seen."""

from __future__ import annotations

from secure_containers.batch.environment import LeastPrivilegeBatchEnv
from secure_containers.batch.job import BatchJob
from secure_containers.batch.parts import FileMount, Fleet, QueueLimits, Retries, SecretField, SecureParameter, Share
from secure_containers.batch.platforms import CpuArchitecture, Ec2, Eks, Fargate

__all__ = [
    "BatchJob",
    "CpuArchitecture",
    "Ec2",
    "Eks",
    "Fargate",
    "FileMount",
    "Fleet",
    "LeastPrivilegeBatchEnv",
    "QueueLimits",
    "Retries",
    "SecretField",
    "SecureParameter",
    "Share",
]
