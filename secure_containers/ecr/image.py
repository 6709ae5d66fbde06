"""An image of a repository, named so that it cannot change under its consumer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from aws_cdk import aws_ecr as ecr
    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_lambda as lambda_

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class EcrImage:
    """What `SecureEcrRepository.image()` gives to consumers."""

    repository: ecr.Repository
    reference: str
    """A digest (`sha256:...`) or an immutable tag."""
    admit_functions: Callable[[], None] = field(repr=False, compare=False)
    """Lets Lambda read the image for functions of the repository's account."""

    @property
    def uri(self) -> str:
        """The address to pull from, for L1 properties."""
        return self.repository.repository_uri_for_tag_or_digest(self.reference)

    def container_image(self) -> ecs.ContainerImage:
        """For ECS task definitions and Batch job definitions."""
        from aws_cdk import aws_ecs as ecs  # noqa: PLC0415 - a quarter of a second, for those who use it

        return ecs.ContainerImage.from_ecr_repository(self.repository, self.reference)

    def lambda_code(self) -> lambda_.DockerImageCode:
        """For Lambda functions of the repository's account; others need `allow_pull_from(lambda_functions=...)`."""
        from aws_cdk import aws_ecr as ecr  # noqa: PLC0415 - likewise
        from aws_cdk import aws_lambda as lambda_  # noqa: PLC0415 - a quarter of a second, for those who use it

        self.admit_functions()
        # By its name alone: to the repository itself, CDK would add a statement for the functions of any account.
        here = self.repository
        named = here.node.try_find_child("ForLambda") or ecr.Repository.from_repository_attributes(
            here, "ForLambda", repository_arn=here.repository_arn, repository_name=here.repository_name
        )
        return lambda_.DockerImageCode.from_ecr(cast("ecr.IRepository", named), tag_or_digest=self.reference)
