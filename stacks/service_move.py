"""A move from one service to another behind one private name."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct

from secure_containers import (
    CpuArchitecture,
    Domain,
    HealthCheck,
    PrivateNetwork,
    SecureEcrRepository,
    SecureEcsCluster,
    SecureFargateService,
)


class ServiceMove(Stack):
    """Two services that answer to one name, each with a load balancer and tasks of its own, here for two kinds of
    processors. `-c green=10` sends one of ten clients to the new one, `-c green=100` all of them; back is the same
    way. What is ill gets nobody.

    Push both images first, and deploy with `-c digest=sha256:...`, and with `-c domain=...` and `-c certificate=...`
    of a name of yours.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        organization_id: str | None,
        images: SecureEcrRepository,
        digest: str,
        domain: str,
        certificate: str,
        green: int,
    ) -> None:
        super().__init__(scope, id, env=env, description="A move between two private web services behind one name")
        network = PrivateNetwork(self, "Network", organization_id=organization_id)
        zone = route53.PrivateHostedZone(self, "Zone", zone_name=domain, vpc=network.vpc)  # of this name alone
        arn = self.format_arn(service="acm", resource="certificate", resource_name=certificate)
        proof = acm.Certificate.from_certificate_arn(self, "Certificate", arn)
        cluster = SecureEcsCluster(self, "Cluster", network=network)
        clients = network.add_security_group("Clients", description="Who may ask the service")
        for name, architecture, weight in (
            ("Blue", CpuArchitecture.X86_64, 100 - green),
            ("Green", CpuArchitecture.ARM64, green),
        ):
            service = SecureFargateService(
                self,
                name,
                network=network,
                cluster=cluster,
                image=images.image(digest=digest),
                architecture=architecture,
                port=8080,
                health_check=HealthCheck(path="/health"),
                scratch=["/tmp"],  # noqa: S108 - the program's own, in memory
                domain=Domain(name=domain, certificate=proof, zone=zone, weight=weight),
            )
            service.connections.allow_default_port_from(clients)
            CfnOutput(self, f"{name}AlarmTopic", value=service.topic.topic_arn, description="Subscribe here")
        CfnOutput(self, "Url", value=f"https://{domain}", description="Where clients find both")
