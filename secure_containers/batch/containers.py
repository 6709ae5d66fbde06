"""How a job's container is described to AWS Batch: on Fargate, on instances and in pods.

Sources: https://docs.aws.amazon.com/batch/latest/userguide/fargate-job-definitions.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-batch-jobdefinition-eksproperties.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Size

from secure_containers.batch.platforms import Fargate, Platform
from secure_containers.tasks.parts import FileMount

_SCRATCH: Final = Size.mebibytes(256)
_PLATFORM_VERSION: Final = "LATEST"
"""By decision: AWS mends the platform, and retires versions that somebody pins."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """What a job's container is, whatever it runs on."""

    image: str
    command: Sequence[str] | None
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    """Variables, and where their values are."""
    vcpus: float
    memory: Size
    gpus: int
    ephemeral_storage: Size | None
    user: str
    read_only_root: bool
    scratch: Sequence[str]
    file_mounts: Sequence[FileMount]


def container_properties(
    container: Container,
    platform: Platform,
    *,
    job_role: str,
    execution_role: str,
    log_group: str,
    log_prefix: str,
    region: str,
) -> dict[str, Any]:
    """For Fargate and for instances of Amazon ECS."""
    on_fargate = isinstance(platform, Fargate)
    properties: dict[str, Any] = {
        "image": container.image,
        "command": list(container.command) if container.command is not None else None,
        "jobRoleArn": job_role,
        "executionRoleArn": execution_role,
        "environment": [{"name": name, "value": value} for name, value in container.environment.items()],
        "secrets": [{"name": name, "valueFrom": value} for name, value in container.secrets.items()],
        "resourceRequirements": [
            {"type": "VCPU", "value": f"{container.vcpus:g}"},
            {"type": "MEMORY", "value": f"{container.memory.to_mebibytes():g}"},
            *([{"type": "GPU", "value": str(container.gpus)}] if container.gpus else []),
        ],
        "user": container.user,
        "readonlyRootFilesystem": container.read_only_root,
        "linuxParameters": {"initProcessEnabled": True},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group,
                "awslogs-region": region,
                "awslogs-stream-prefix": log_prefix,
            },
        },
    }
    volumes = [
        mount.volume(f"files{index}", file_system="fileSystemId") for index, mount in enumerate(container.file_mounts)
    ]
    mounts: list[dict[str, Any]] = [
        {"sourceVolume": f"files{index}", "containerPath": mount.path, "readOnly": mount.read_only}
        for index, mount in enumerate(container.file_mounts)
    ]
    if on_fargate:
        properties |= {
            "networkConfiguration": {"assignPublicIp": "DISABLED"},
            "fargatePlatformConfiguration": {"platformVersion": _PLATFORM_VERSION},
            "runtimePlatform": {"cpuArchitecture": platform.cpu_architecture.value, "operatingSystemFamily": "LINUX"},
        }
        if container.ephemeral_storage is not None:
            properties["ephemeralStorage"] = {"sizeInGiB": container.ephemeral_storage.to_gibibytes()}
        # Of the task's own encrypted storage: AWS Batch takes no tmpfs on Fargate.
        volumes += [{"name": f"scratch{index}"} for index, _ in enumerate(container.scratch)]
        mounts += [
            {"sourceVolume": f"scratch{index}", "containerPath": path, "readOnly": False}
            for index, path in enumerate(container.scratch)
        ]
    else:
        properties["privileged"] = False
        if container.scratch:
            properties["linuxParameters"]["tmpfs"] = [
                {
                    "containerPath": path,
                    "size": _SCRATCH.to_mebibytes(),
                    "mountOptions": ["rw", "nosuid", "nodev", "noexec"],
                }
                for path in container.scratch
            ]
    return {**properties, "volumes": volumes, "mountPoints": mounts} if mounts else properties


def pod_properties(container: Container, *, service_account: str) -> dict[str, Any]:
    """For pods of a cluster."""
    user, _, group = container.user.partition(":")
    resources = {
        "cpu": f"{container.vcpus:g}",
        "memory": f"{container.memory.to_mebibytes():g}Mi",
        **({"nvidia.com/gpu": str(container.gpus)} if container.gpus else {}),
    }
    pod = {
        "image": container.image,
        "args": list(container.command) if container.command is not None else None,
        "env": [{"name": name, "value": value} for name, value in container.environment.items()],
        "imagePullPolicy": "IfNotPresent",
        "resources": {"limits": resources, "requests": resources},
        "securityContext": {
            "runAsUser": int(user),
            "runAsGroup": int(group or user),
            "runAsNonRoot": int(user) != 0,
            "readOnlyRootFilesystem": container.read_only_root,
            "privileged": False,
            "allowPrivilegeEscalation": False,
        },
        "volumeMounts": [
            {"name": f"scratch{index}", "mountPath": path, "readOnly": False}
            for index, path in enumerate(container.scratch)
        ],
    }
    return {
        "containers": [pod],
        "serviceAccountName": service_account,
        # AWS Batch's own default is the host's network.
        "hostNetwork": False,
        "dnsPolicy": "ClusterFirst",
        "volumes": [
            {
                "name": f"scratch{index}",
                "emptyDir": {"medium": "Memory", "sizeLimit": f"{_SCRATCH.to_mebibytes():g}Mi"},
            }
            for index, _ in enumerate(container.scratch)
        ],
    }
