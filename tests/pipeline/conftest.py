"""What the tests of pipelines share: a network, a repository, and pipelines over both."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from constructs import Construct

from secure_containers import EcrImage, LeastPrivilegeBatchEnv, PrivateNetwork, S3BatchPipeline, SecureEcrRepository
from tests.support import ACCOUNT, DIGEST, REGION, new_app, of_type, synthesized

REASON = "a study of ours that nobody relies on, and that is gone next week"
HERE = Environment(account=ACCOUNT, region=REGION)


class Workshop:
    """A stack in which pipelines are made, and its template once it is asked for."""

    def __init__(self, app: App, *, env: Environment | None = None, **network: Any) -> None:
        self.app, self.stack = app, Stack(app, "Test", env=env)
        self.network = PrivateNetwork(self.stack, "Network", **network)
        self.images = SecureEcrRepository(self.stack, "Images", tags={"owner": "payments"})
        self._template: dict[str, Any] | None = None

    @property
    def image(self) -> EcrImage:
        return self.images.image(digest=DIGEST)

    def pipeline(self, id: str = "Scans", *, scope: Construct | None = None, **arguments: Any) -> S3BatchPipeline:
        given: dict[str, Any] = {"network": self.network, "image": self.image, **arguments}
        return S3BatchPipeline(scope or self.stack, id, **given)

    def jobs(self, id: str = "Jobs", *, outputs: bool = True, **arguments: Any) -> LeastPrivilegeBatchEnv:
        jobs = LeastPrivilegeBatchEnv(self.stack, id, network=self.network, **arguments)
        if outputs:
            jobs.add_output_bucket()
        return jobs

    @property
    def template(self) -> dict[str, Any]:
        if self._template is None:
            self._template = synthesized(self.app)["Test"]
        return self._template

    def all(self, type_: str, start: str = "") -> dict[str, dict[str, Any]]:
        """Properties of all resources of a type, by their logical ids."""
        found = of_type(self.template, type_)
        return {id: each.get("Properties", {}) for id, each in found.items() if id.startswith(start)}

    def one(self, type_: str, start: str = "") -> dict[str, Any]:
        (found,) = self.all(type_, start).values()
        return found

    def statements(self, policy: str, type_: str = "AWS::IAM::Policy") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.one(type_, policy)["PolicyDocument"]["Statement"]
        return found


@pytest.fixture
def workshop(app: App) -> Workshop:
    return Workshop(app)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """One pipeline with nothing asked for, to be looked at only."""
    made = Workshop(new_app(tmp_path_factory.mktemp("plain")))
    made.pipeline()
    return made


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """One whose uploads are scanned, to be looked at only."""
    made = Workshop(new_app(tmp_path_factory.mktemp("scanned")))
    made.pipeline(malware_scan=True)
    return made
