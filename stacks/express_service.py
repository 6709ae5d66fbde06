"""A program behind HTTPS on the private network, on Amazon ECS Express Mode."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from secure_containers import HealthCheck, PrivateExpressService, PrivateNetwork, SecureEcrRepository


class ExpressService(Stack):
    """Where AWS keeps the load balancer, its certificate and its name. Push an image first, and deploy with
    `-c digest=sha256:...`."""

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
        super().__init__(scope, id, env=env, description="A private web service on Amazon ECS Express Mode")
        network = PrivateNetwork(self, "Network", organization_id=organization_id)
        self.service = PrivateExpressService(
            self,
            "Orders",
            network=network,
            image=images.image(digest=digest),
            port=8080,
            health_check=HealthCheck(path="/health"),
            scratch=["/tmp"],  # noqa: S108 - the program's own, in memory
        )
        clients = network.add_security_group("Clients", description="Who may ask the service")
        self.service.connections.allow_default_port_from(clients)
        CfnOutput(self, "Url", value=self.service.url, description="Where clients find it")
        CfnOutput(self, "ClientsGroup", value=clients.security_group_id, description="For clients in this network")
        CfnOutput(
            self, "AlarmTopic", value=self.service.topic.topic_arn, description="Subscribe here to hear of alarms"
        )
