"""Two repositories with different tag schemes, roles for who publishes and who reads, and scan findings that reach
people."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from secure_containers import EnvironmentTags, ScanSeverity, SecureEcrRepository, TagScheme, Waiver, waive


class ImageRepositories(Stack):
    """The images of an application and the base images that it is built from.

    The roles hold what they need of the registry. Whoever uses them, a build project or a task definition, adds its own
    logs. Findings that cannot be delivered to the topic wait in a queue.
    """

    def __init__(
        self, scope: Construct, id: str, *, env: Environment, organization_id: str | None, severity: ScanSeverity
    ) -> None:
        super().__init__(
            scope,
            id,
            env=env,
            description="Container images: repositories, who publishes and who reads them, and their scan findings",
        )
        base_tags = TagScheme(environments=["stable", EnvironmentTags(name="nightly", keep_days=14, mutable=True)])
        self.base_images = SecureEcrRepository(
            self, "BaseImages", tag_scheme=base_tags, organization_id=organization_id
        )
        application_tags = TagScheme(
            environments=[
                EnvironmentTags(name="dev", keep_days=30, mutable=True),
                "test",
                EnvironmentTags(name="prod", keep_images=100),
            ],
            functions=["frontend", "backend"],
        )
        self.application = SecureEcrRepository(
            self, "Application", tag_scheme=application_tags, organization_id=organization_id
        )

        publisher = self._role(
            "Publisher", "codebuild.amazonaws.com", "Builds the application from the base images and pushes it"
        )
        self.base_images.grant_pull(publisher)
        self.application.grant_push(publisher)
        reader = self._role("Reader", "ecs-tasks.amazonaws.com", "Pulls the application to run it")
        self.application.grant_pull(reader)

        findings = self._topic()
        undelivered = sqs.Queue(
            self,
            "UndeliveredFindings",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
        )
        waive(
            undelivered, Waiver("AwsSolutions-SQS3", reason="it is itself where undeliverable findings wait to be read")
        )
        self._tell_of(undelivered, findings)
        told = targets.SnsTopic(findings, dead_letter_queue=undelivered)
        for repository in (self.base_images, self.application):
            repository.on_scan_completed("ScanFindings", target=told, severity=severity)
            repository.on_finding("LaterFindings", target=told, severity=severity)
            CfnOutput(repository, "Uri", value=repository.repository.repository_uri)
        CfnOutput(
            self, "FindingsTopic", value=findings.topic_arn, description="Subscribe here to hear of scan findings"
        )

    def _role(self, id: str, service: str, description: str) -> iam.Role:
        # The condition keeps other accounts from using the service as their deputy.
        principal = iam.ServicePrincipal(service, conditions={"StringEquals": {"aws:SourceAccount": self.account}})
        role = iam.Role(self, id, assumed_by=principal, description=description)
        reason = (
            "the policies belong to this one role and are deleted with it; a managed policy could be attached to others"
        )
        waive(role, Waiver("NIST.800.53.R5-IAMNoInlinePolicy", reason=reason))
        return role

    def _tell_of(self, undelivered: sqs.Queue, topic: sns.Topic) -> None:
        alarm = undelivered.metric_approximate_number_of_messages_visible().create_alarm(
            self,
            "FindingsUndelivered",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="Scan findings did not reach people (ecr-findings-reach-people). Read them in the queue, "
            "and why they were not delivered",
        )
        alarm.add_alarm_action(actions.SnsAction(topic))

    def _topic(self) -> sns.Topic:
        key = kms.Key(
            self, "FindingsKey", description="Encrypts scan findings on their way to people", enable_key_rotation=True
        )
        topic = sns.Topic(
            self, "Findings", display_name="Scan findings of container images", master_key=key, enforce_ssl=True
        )
        alarms = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
        )
        topic.grant_publish(alarms)
        return topic
