"""What the tests of job environments share: a network, a repository, and an environment over both."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Stack

from secure_containers import EcrImage, LeastPrivilegeBatchEnv, PrivateNetwork, SecureEcrRepository
from tests.support import DIGEST, of_type, only, synthesized


class Jobs:
    """An environment in a stack of its own, and its template."""

    def __init__(self, app: App, **arguments: Any) -> None:
        self.app = app
        self.stack = Stack(app, "Jobs")
        self.network = PrivateNetwork(self.stack, "Network")
        self.images = SecureEcrRepository(self.stack, "Images", tags={"owner": "payments"})
        self.env = LeastPrivilegeBatchEnv(self.stack, "Env", network=self.network, **arguments)

    @property
    def image(self) -> EcrImage:
        return self.images.image(digest=DIGEST)

    def add(self, id: str = "Render", **arguments: Any) -> Any:
        return self.env.add_job(id, image=arguments.pop("image", self.image), **arguments)

    @property
    def template(self) -> dict[str, Any]:
        return synthesized(self.app)["Jobs"]

    def only(self, type_: str) -> dict[str, Any]:
        return only(self.template, type_)["Properties"]

    def all(self, type_: str) -> dict[str, dict[str, Any]]:
        return {id: each.get("Properties", {}) for id, each in of_type(self.template, type_).items()}

    def container(self, **arguments: Any) -> dict[str, Any]:
        """The container of one job."""
        self.add(**arguments)
        return self.only("AWS::Batch::JobDefinition")["ContainerProperties"]


@pytest.fixture
def jobs(app: App) -> Jobs:
    return Jobs(app)
