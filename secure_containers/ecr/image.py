"""An image of a repository, named so that it cannot change under its consumer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aws_cdk import aws_ecr as ecr
    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_lambda as lambda_

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class EcrImage:
    """What `SecureEcrRepository.image()` gives to consumers."""

    repository: ecr.IRepository
    reference: str
    """A digest (`sha256:...`) or an immutable tag."""

    @property
    def uri(self) -> str:
        """The address to pull from, for L1 properties."""
        return self.repository.repository_uri_for_tag_or_digest(self.reference)

    def container_image(self) -> ecs.ContainerImage:
        """For ECS task definitions and Batch job definitions."""
        from aws_cdk import aws_ecs as ecs  # noqa: PLC0415 - a quarter of a second, for those who use it

        return ecs.ContainerImage.from_ecr_repository(self.repository, self.reference)

    def lambda_code(self) -> lambda_.DockerImageCode:
        """For Lambda functions from images."""
        from aws_cdk import aws_lambda as lambda_  # noqa: PLC0415 - a quarter of a second, for those who use it

        return lambda_.DockerImageCode.from_ecr(self.repository, tag_or_digest=self.reference)
