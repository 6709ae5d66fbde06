"""What the tests of services share: a network, a repository, a certificate, and services over them."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_certificatemanager as acm
from constructs import Construct

from secure_containers import EcrImage, PrivateNetwork, SecureEcrRepository
from secure_containers.services.fargate import SecureFargateService
from secure_containers.services.parts import Domain
from tests.support import ACCOUNT, DIGEST, REGION, new_app, of_type, synthesized

REASON = "a study of ours that nobody relies on, and that is gone next week"
HERE = Environment(account=ACCOUNT, region=REGION)
GOVCLOUD = Environment(account=ACCOUNT, region="us-gov-west-1")
HOST = "orders.example.com"


class Web:
    """A stack in which services are made, and its template once it is asked for."""

    def __init__(self, app: App, name: str = "Test", *, env: Environment | None = None, **network: Any) -> None:
        self.app, self.stack = app, Stack(app, name, env=env)
        self.network = PrivateNetwork(self.stack, "Network", **network)
        self.images = SecureEcrRepository(self.stack, "Images", tags={"owner": "payments"})
        self.certificate = certificate_in(self.stack)
        self._template: dict[str, Any] | None = None

    @property
    def image(self) -> EcrImage:
        return self.images.image(digest=DIGEST)

    def domain(self, name: str = HOST, **arguments: Any) -> Domain:
        return Domain(name=name, certificate=self.certificate, **arguments)

    def fargate(self, id: str = "Orders", *, scope: Construct | None = None, **arguments: Any) -> SecureFargateService:
        given: dict[str, Any] = {"network": self.network, "image": self.image, "port": 8080, "domain": self.domain()}
        return SecureFargateService(scope or self.stack, id, **(given | arguments))

    @property
    def template(self) -> dict[str, Any]:
        if self._template is None:
            self._template = synthesized(self.app)[self.stack.stack_name]
        return self._template

    def all(self, type_: str, start: str = "") -> dict[str, dict[str, Any]]:
        """Properties of all resources of a type, by their logical ids."""
        found = of_type(self.template, type_)
        return {id: each.get("Properties", {}) for id, each in found.items() if id.startswith(start)}

    def one(self, type_: str, start: str = "") -> dict[str, Any]:
        (found,) = self.all(type_, start).values()
        return found

    def statements(self, policy: str, type_: str = "AWS::IAM::Policy") -> list[dict[str, Any]]:
        """What the one policy says whose logical id begins so."""
        found: list[dict[str, Any]] = self.one(type_, policy)["PolicyDocument"]["Statement"]
        return found


def certificate_in(stack: Stack) -> acm.ICertificate:
    """A certificate of the stack's own Region and account."""
    name = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
    arn = stack.format_arn(service="acm", resource="certificate", resource_name=name)
    return acm.Certificate.from_certificate_arn(stack, "Certificate", arn)


@pytest.fixture
def network(stack: Stack) -> PrivateNetwork:
    return PrivateNetwork(stack, "Network")


@pytest.fixture
def image(stack: Stack) -> EcrImage:
    return SecureEcrRepository(stack, "Images", tags={"owner": "payments"}).image(digest=DIGEST)


@pytest.fixture
def certificate(stack: Stack) -> acm.ICertificate:
    return certificate_in(stack)


@pytest.fixture
def web(app: App) -> Web:
    return Web(app)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """One service on Fargate with nothing asked for, to be looked at only."""
    made = Web(new_app(tmp_path_factory.mktemp("plain")))
    made.fargate()
    return made
