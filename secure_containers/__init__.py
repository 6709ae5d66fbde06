"""Hardened AWS CDK constructs for container services, and rules that hold them and any other template to the same
guidance.

    from secure_containers import SecureEcrRepository, enforce

Importing the package starts no Node: names that need aws_cdk are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from secure_containers.audit import (
        AuditBaseline,
        AuditPart,
        VpcBlockMode,
        VpcExclusionMode,
        conformance_pack_template,
    )
    from secure_containers.batch import (
        BatchJob,
        Ec2,
        Eks,
        Fargate,
        Fleet,
        LeastPrivilegeBatchEnv,
        QueueLimits,
        Retries,
        Share,
    )
    from secure_containers.ecr import (
        EcrImage,
        EnvironmentTags,
        LifecycleRule,
        ScanSeverity,
        SecureEcrRepository,
        TagScheme,
    )
    from secure_containers.network import IMAGE_PULL, Egress, PrivateNetwork
    from secure_containers.pipeline import Accept, PipelineLimits, S3BatchPipeline
    from secure_containers.tasks.parts import CpuArchitecture, FileMount, SecretField, SecureParameter
    from secure_containers.validation import Pack, enforce
    from secure_containers.waivers import Waiver, waive

__version__ = "0.1.0"

_HOMES: Final = {
    "IMAGE_PULL": "network",
    "Accept": "pipeline",
    "AuditBaseline": "audit",
    "AuditPart": "audit",
    "BatchJob": "batch",
    "CpuArchitecture": "tasks.parts",
    "Ec2": "batch",
    "EcrImage": "ecr",
    "Egress": "network",
    "Eks": "batch",
    "EnvironmentTags": "ecr",
    "Fargate": "batch",
    "FileMount": "tasks.parts",
    "Fleet": "batch",
    "LeastPrivilegeBatchEnv": "batch",
    "LifecycleRule": "ecr",
    "Pack": "validation",
    "PipelineLimits": "pipeline",
    "PrivateNetwork": "network",
    "QueueLimits": "batch",
    "Retries": "batch",
    "S3BatchPipeline": "pipeline",
    "ScanSeverity": "ecr",
    "SecretField": "tasks.parts",
    "SecureParameter": "tasks.parts",
    "SecureEcrRepository": "ecr",
    "Share": "batch",
    "TagScheme": "ecr",
    "VpcBlockMode": "audit",
    "VpcExclusionMode": "audit",
    "Waiver": "waivers",
    "conformance_pack_template": "audit",
    "enforce": "validation",
    "waive": "waivers",
}

__all__ = [
    "IMAGE_PULL",
    "Accept",
    "AuditBaseline",
    "AuditPart",
    "BatchJob",
    "CpuArchitecture",
    "Ec2",
    "EcrImage",
    "Egress",
    "Eks",
    "EnvironmentTags",
    "Fargate",
    "FileMount",
    "Fleet",
    "LeastPrivilegeBatchEnv",
    "LifecycleRule",
    "Pack",
    "PipelineLimits",
    "PrivateNetwork",
    "QueueLimits",
    "Retries",
    "S3BatchPipeline",
    "ScanSeverity",
    "SecretField",
    "SecureEcrRepository",
    "SecureParameter",
    "Share",
    "TagScheme",
    "VpcBlockMode",
    "VpcExclusionMode",
    "Waiver",
    "conformance_pack_template",
    "enforce",
    "waive",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
