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
    from secure_containers.services import (
        CodeSource,
        Deployment,
        Discovery,
        Domain,
        HealthCheck,
        HostCapacity,
        PrivateAppRunnerService,
        PrivateExpressService,
        Scaling,
        Scratch,
        SecureEcsCluster,
        SecureFargateService,
        SecureFargateTask,
        SecureFargateWorker,
        ServiceLimits,
        Tracing,
        TrustedSigners,
    )
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
    "CodeSource": "services",
    "CpuArchitecture": "tasks.parts",
    "Deployment": "services",
    "Discovery": "services",
    "Domain": "services",
    "Ec2": "batch",
    "EcrImage": "ecr",
    "Egress": "network",
    "Eks": "batch",
    "EnvironmentTags": "ecr",
    "Fargate": "batch",
    "FileMount": "tasks.parts",
    "Fleet": "batch",
    "HealthCheck": "services",
    "HostCapacity": "services",
    "LeastPrivilegeBatchEnv": "batch",
    "LifecycleRule": "ecr",
    "Pack": "validation",
    "PipelineLimits": "pipeline",
    "PrivateAppRunnerService": "services",
    "PrivateExpressService": "services",
    "PrivateNetwork": "network",
    "QueueLimits": "batch",
    "Retries": "batch",
    "S3BatchPipeline": "pipeline",
    "Scaling": "services",
    "Scratch": "services",
    "ScanSeverity": "ecr",
    "SecretField": "tasks.parts",
    "SecureEcrRepository": "ecr",
    "SecureEcsCluster": "services",
    "SecureFargateService": "services",
    "SecureFargateTask": "services",
    "SecureFargateWorker": "services",
    "SecureParameter": "tasks.parts",
    "ServiceLimits": "services",
    "Share": "batch",
    "TagScheme": "ecr",
    "Tracing": "services",
    "TrustedSigners": "services",
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
    "CodeSource",
    "CpuArchitecture",
    "Deployment",
    "Discovery",
    "Domain",
    "Ec2",
    "EcrImage",
    "Egress",
    "Eks",
    "EnvironmentTags",
    "Fargate",
    "FileMount",
    "Fleet",
    "HealthCheck",
    "HostCapacity",
    "LeastPrivilegeBatchEnv",
    "LifecycleRule",
    "Pack",
    "PipelineLimits",
    "PrivateAppRunnerService",
    "PrivateExpressService",
    "PrivateNetwork",
    "QueueLimits",
    "Retries",
    "S3BatchPipeline",
    "Scaling",
    "ScanSeverity",
    "Scratch",
    "SecretField",
    "SecureEcrRepository",
    "SecureEcsCluster",
    "SecureFargateService",
    "SecureFargateTask",
    "SecureFargateWorker",
    "SecureParameter",
    "ServiceLimits",
    "Share",
    "TagScheme",
    "Tracing",
    "TrustedSigners",
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
