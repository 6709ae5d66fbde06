"""What services of App Runner hold, whether they run an image or a source repository."""

from __future__ import annotations

from typing import Final

from secure_containers.rules.template import Resource, Value

SERVICE: Final = "AWS::AppRunner::Service"
INGRESS: Final = "AWS::AppRunner::VpcIngressConnection"
SCALING: Final = "AWS::AppRunner::AutoScalingConfiguration"

IS_PUBLIC: Final = ("NetworkConfiguration", "IngressConfiguration", "IsPubliclyAccessible")
ACCESS_ROLE: Final = ("SourceConfiguration", "AuthenticationConfiguration", "AccessRoleArn")
INSTANCE_ROLE: Final = ("InstanceConfiguration", "InstanceRoleArn")


def configurations(service: Resource) -> list[Value]:
    """Where port, environment and secrets stand: of the image, or of what is built from source."""
    return [
        *service.get("SourceConfiguration", "ImageRepository", "ImageConfiguration"),
        *service.get("SourceConfiguration", "CodeRepository", "CodeConfiguration", "CodeConfigurationValues"),
    ]
