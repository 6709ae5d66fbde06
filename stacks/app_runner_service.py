"""A program behind HTTPS on the private network, on AWS App Runner."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from secure_containers import HealthCheck, PrivateAppRunnerService, PrivateNetwork, SecureEcrRepository
from secure_containers.services.app_runner import REGIONS


class AppRunnerService(Stack):
    """For accounts that had App Runner services before AWS closed it to new customers. Push an image first, and deploy
    with `-c digest=sha256:...`."""

    @staticmethod
    def is_offered(region: str | None) -> bool:
        """Whether a Region, if it is known, has App Runner."""
        return region is None or region in REGIONS

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        organization_id: str | None,
        images: SecureEcrRepository,
        digest: str,
    ) -> None:
        super().__init__(scope, id, env=env, description="A private web service on AWS App Runner")
        network = PrivateNetwork(self, "Network", organization_id=organization_id)
        self.service = PrivateAppRunnerService(
            self,
            "Orders",
            network=network,
            existing_customer=True,
            image=images.image(digest=digest),
            port=8080,
            health_check=HealthCheck(path="/health"),
        )
        clients = network.add_security_group("Clients", description="Who may ask the service")
        self.service.connections.allow_default_port_from(clients)
        CfnOutput(self, "Url", value=self.service.url, description="Where clients find it")
        CfnOutput(self, "ClientsGroup", value=clients.security_group_id, description="For clients in this network")
        CfnOutput(
            self, "AlarmTopic", value=self.service.topic.topic_arn, description="Subscribe here to hear of alarms"
        )
