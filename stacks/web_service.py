"""A program behind HTTPS on the private network, from the pushed and scanned image on."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from secure_containers import (
    Domain,
    HealthCheck,
    PrivateNetwork,
    SecureEcrRepository,
    SecureEcsCluster,
    SecureFargateService,
    SecureFargateTask,
)


class WebService(Stack):
    """The way of an image into service: the repository scans what is pushed and tells people of findings
    (`ImageRepositories`), this stack runs it by its digest under a role of its own, in private subnets, with logs,
    metrics and alarms; GuardDuty watches it while it runs (`AccountAudit`).

    Before the first image is pushed there is nothing to run: push it, and deploy with `-c digest=sha256:...`, and with
    `-c domain=...` and `-c certificate=...` of a name of yours.
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
    ) -> None:
        super().__init__(
            scope, id, env=env, description="A private web service on Fargate: load balancer, tasks, alarms"
        )
        network = PrivateNetwork(self, "Network", organization_id=organization_id)
        zone = route53.PrivateHostedZone(self, "Zone", zone_name=domain, vpc=network.vpc)  # of this name alone
        arn = self.format_arn(service="acm", resource="certificate", resource_name=certificate)
        cluster = SecureEcsCluster(self, "Cluster", network=network)
        self.service = SecureFargateService(
            self,
            "Orders",
            network=network,
            cluster=cluster,
            image=images.image(digest=digest),
            port=8080,
            health_check=HealthCheck(path="/health"),
            scratch=["/tmp"],  # noqa: S108 - the program's own, in memory
            domain=Domain(
                name=domain, certificate=acm.Certificate.from_certificate_arn(self, "Certificate", arn), zone=zone
            ),
        )
        self.clients = network.add_security_group("Clients", description="Who may ask the service")
        self.service.connections.allow_default_port_from(self.clients)
        self.report = SecureFargateTask(
            self, "Report", network=network, cluster=cluster, image=images.image(digest=digest), command=["report"]
        )
        self.report.add_schedule("EveryNight", schedule=scheduler.ScheduleExpression.cron(hour="2", minute="0"))
        CfnOutput(self, "Url", value=self.service.url, description="Where clients find it")
        CfnOutput(self, "ClientsGroup", value=self.clients.security_group_id, description="For clients in this network")
        CfnOutput(
            self, "AlarmTopic", value=self.service.topic.topic_arn, description="Subscribe here to hear of alarms"
        )
