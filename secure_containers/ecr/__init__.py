"""Container repositories."""

from __future__ import annotations

from secure_containers.ecr.image import EcrImage
from secure_containers.ecr.lifecycle import LifecycleRule
from secure_containers.ecr.repository import ScanSeverity, SecureEcrRepository
from secure_containers.ecr.tag_scheme import EnvironmentTags, TagScheme

__all__ = ["EcrImage", "EnvironmentTags", "LifecycleRule", "ScanSeverity", "SecureEcrRepository", "TagScheme"]
