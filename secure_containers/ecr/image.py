"""An image of a repository, named so that it cannot change under its consumer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from secure_containers.ecr.actions import PULL_ACTIONS
from secure_containers.errors import invalid

if TYPE_CHECKING:
    from aws_cdk import aws_ecr as ecr
    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_

    from secure_containers.tasks.parts import CpuArchitecture

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class EcrImage:
    """What `SecureEcrRepository.image()` gives to consumers; of other repositories by `EcrImage.from_repository`."""

    repository: ecr.IRepository
    reference: str
    """A digest (`sha256:...`) or an immutable tag."""
    by_digest: bool
    """Whether the reference is a digest."""
    admit_functions: Callable[[], None] = field(repr=False, compare=False)
    """Lets Lambda read the image for functions of the repository's account."""
    let_pull: Callable[[iam.IGrantable], iam.Grant] = field(repr=False, compare=False)
    """Lets a principal pull, as the repository grants it."""
    architecture: CpuArchitecture | None = field(default=None, kw_only=True)
    """For what processors it is built, where somebody said so; a task for others then refuses it."""

    @classmethod
    def from_repository(
        cls, repository: ecr.IRepository, *, digest: str, architecture: CpuArchitecture | None = None
    ) -> EcrImage:
        """An image of a repository that another construct or stack made.

        Args:
            repository: the repository, imported or not. The policy of one in another account has to let this one pull.
            digest: `sha256:` and 64 hexadecimal digits, as `docker push` prints it.
            architecture: for what processors it is built. Left out, nobody compares.

        Raises:
            ValueError: the digest is none.
        """
        from aws_cdk import Token  # noqa: PLC0415 - it starts Node

        if not Token.is_unresolved(digest) and not DIGEST.fullmatch(digest):
            write = f'digest="sha256:{"0123456789abcdef" * 4}"'
            allowed = "sha256: and 64 hexadecimal digits"
            raise invalid("EcrImage.from_repository", "digest", digest, allowed=allowed, write=write)
        return cls(
            repository,
            digest,
            by_digest=True,
            admit_functions=lambda: None,
            let_pull=lambda grantee: _let_pull(repository, grantee),
            architecture=architecture,
        )

    def grant_pull(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal sign in to the registry and pull from this image's repository.

        Args:
            grantee: who pulls.
        """
        return self.let_pull(grantee)

    @property
    def home(self) -> tuple[str, str]:
        """The account and the Region of its registry."""
        from aws_cdk import Token  # noqa: PLC0415 - it starts Node

        arn = self.repository.repository_arn
        if Token.is_unresolved(arn):  # which may be an output of another stack, and is not taken apart
            return self.repository.env.account, self.repository.env.region
        _, _, _, region, account, *_ = arn.split(":")
        return account, region

    @property
    def uri(self) -> str:
        """The address to pull from, for L1 properties."""
        from aws_cdk import Aws  # noqa: PLC0415 - it starts Node

        (account, region), separator = self.home, "@" if self.by_digest else ":"
        registry = f"{account}.dkr.ecr.{region}.{Aws.URL_SUFFIX}"
        return f"{registry}/{self.repository.repository_name}{separator}{self.reference}"

    def container_image(self) -> ecs.ContainerImage:
        """For ECS task definitions and Batch job definitions."""
        from aws_cdk import aws_ecs as ecs  # noqa: PLC0415 - a quarter of a second, for those who use it

        return ecs.ContainerImage.from_ecr_repository(self.repository, self.reference)

    def lambda_code(self) -> lambda_.DockerImageCode:
        """For Lambda functions of the repository's account; others need `allow_pull_from(lambda_functions=...)`."""
        from aws_cdk import aws_ecr as ecr  # noqa: PLC0415 - likewise
        from aws_cdk import aws_lambda as lambda_  # noqa: PLC0415 - a quarter of a second, for those who use it
        from constructs import Construct  # noqa: PLC0415 - likewise

        self.admit_functions()
        # By its name alone: to the repository itself, CDK would add a statement for the functions of any account.
        here = self.repository
        if not isinstance(here, Construct):  # imported, to which CDK can add nothing
            return lambda_.DockerImageCode.from_ecr(here, tag_or_digest=self.reference)
        named = here.node.try_find_child("ForLambda") or ecr.Repository.from_repository_attributes(
            here, "ForLambda", repository_arn=here.repository_arn, repository_name=here.repository_name
        )
        return lambda_.DockerImageCode.from_ecr(cast("ecr.IRepository", named), tag_or_digest=self.reference)


def _let_pull(repository: ecr.IRepository, grantee: iam.IGrantable) -> iam.Grant:
    from secure_containers.ecr.login import grant_login  # noqa: PLC0415 - it starts Node

    grant_login(grantee)
    return repository.grant(grantee, *PULL_ACTIONS)
