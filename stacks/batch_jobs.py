"""Batch jobs: a critical one every night, and one of many parts on spot that somebody submits."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, Environment, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from secure_containers import LeastPrivilegeBatchEnv, PrivateNetwork, SecureEcrRepository, Waiver, waive


class BatchJobs(Stack):
    """Jobs in a private network, with a repository for their images and a bucket for their outputs.

    Before the first image is pushed nobody knows its digest: jobs fail to start, and an alarm says so. Deploy again
    with `-c digest=sha256:...` after the push.
    """

    def __init__(
        self, scope: Construct, id: str, *, env: Environment, organization_id: str | None, digest: str
    ) -> None:
        super().__init__(
            scope, id, env=env, description="Batch jobs on Fargate: queues, jobs with roles of their own, and alarms"
        )
        network = PrivateNetwork(self, "Network", organization_id=organization_id)
        images = SecureEcrRepository(self, "Images", organization_id=organization_id)
        self.jobs = LeastPrivilegeBatchEnv(self, "Jobs", network=network)
        self.jobs.add_output_bucket()

        close = self.jobs.add_job(
            "CloseBooks", image=images.image(digest=digest), critical=True, timeout=Duration.hours(3)
        )
        close.add_schedule("EveryNight", schedule=scheduler.ScheduleExpression.cron(hour="2", minute="0"))
        render = self.jobs.add_job(
            "Render",
            image=images.image(digest=digest),
            command=["render", "Ref::scene"],
            parameters={"scene": "all"},
            vcpus=4,
            memory=Size.gibibytes(8),
            timeout=Duration.hours(2),
            error_patterns={"DiskFull": '"No space left on device"'},
        )
        submitter = self._submitter()
        render.grant_submit(submitter)
        render.grant_terminate(submitter)
        render.grant_describe(submitter)
        CfnOutput(self, "Queue", value=self.jobs.standard_queue.ref, description="Where rendering is submitted")
        CfnOutput(self, "Render", value=render.job_definition_name, description="What is submitted, as an array job")
        CfnOutput(
            self, "AlarmTopic", value=self.jobs.topic.topic_arn, description="Subscribe here to hear of failed jobs"
        )

    def _submitter(self) -> iam.Role:
        """Who has things rendered: a workflow of AWS Step Functions in this account."""
        role = iam.Role(
            self,
            "Submitter",
            description="Submits and ends rendering jobs",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
        )
        reason = "the policies belong to this one role and go with it; a managed policy could be attached to others"
        waive(role, Waiver("NIST.800.53.R5-IAMNoInlinePolicy", reason=reason))
        return role
