"""Private services: a container that answers HTTPS on the private network, on three engines; workers and tasks."""

from __future__ import annotations

from secure_containers.services.app_runner import PrivateAppRunnerService
from secure_containers.services.capacity import HostCapacity, Hosts
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.services.express import PrivateExpressService
from secure_containers.services.fargate import SecureFargateService
from secure_containers.services.parts import (
    Deployment,
    Discovery,
    Domain,
    HealthCheck,
    Scaling,
    Scratch,
    ServiceLimits,
    Tracing,
    TrustedSigners,
)
from secure_containers.services.scheduled import SecureFargateTask
from secure_containers.services.source import CodeSource
from secure_containers.services.worker import SecureFargateWorker

__all__ = [
    "CodeSource",
    "Deployment",
    "Discovery",
    "Domain",
    "HealthCheck",
    "HostCapacity",
    "Hosts",
    "PrivateAppRunnerService",
    "PrivateExpressService",
    "Scaling",
    "Scratch",
    "SecureEcsCluster",
    "SecureFargateService",
    "SecureFargateTask",
    "SecureFargateWorker",
    "ServiceLimits",
    "Tracing",
    "TrustedSigners",
]
