"""A private network, ready for tasks: nothing in it needs the internet."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from secure_containers import IMAGE_PULL, PrivateNetwork


class Network(Stack):
    """Isolated subnets in three zones, with endpoints for tasks that pull images, write logs and read secrets.

    Tasks that carry the security group `Tasks` reach these services, and nothing else.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment, organization_id: str | None) -> None:
        super().__init__(
            scope, id, env=env, description="A private network with endpoints for container tasks, and its flow logs"
        )
        self.network = PrivateNetwork(self, "Network", organization_id=organization_id)
        self.tasks = self.network.add_security_group(
            "Tasks", description="Tasks that pull images, log and read secrets"
        )
        self.network.require(self.tasks, *IMAGE_PULL, "logs", "secretsmanager")
        CfnOutput(self, "VpcId", value=self.network.vpc.vpc_id)
        CfnOutput(self, "TasksGroup", value=self.tasks.security_group_id, description="For tasks in this network")
