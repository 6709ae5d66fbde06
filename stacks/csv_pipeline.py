"""CSV files that somebody uploads become sums in a table."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Size, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_containers import Accept, PrivateNetwork, S3BatchPipeline, SecureEcrRepository, Waiver, waive


class CsvPipeline(Stack):
    """A pipeline from an upload to a result, with who uploads and who reads. The program is in `csv_image/`.

    Before the image is pushed nobody knows its digest: jobs fail to start, an alarm says so, and their items do too.
    Deploy again with `-c digest=sha256:...` after the push.
    """

    def __init__(
        self, scope: Construct, id: str, *, env: Environment, organization_id: str | None, digest: str
    ) -> None:
        super().__init__(
            scope, id, env=env, description="From uploads to results: S3, Lambda, Batch on Fargate, DynamoDB"
        )
        network = PrivateNetwork(self, "Network", organization_id=organization_id)
        images = SecureEcrRepository(self, "Images", organization_id=organization_id)
        self.pipeline = S3BatchPipeline(
            self,
            "Files",
            network=network,
            image=images.image(digest=digest),
            accept=Accept(suffixes=(".csv",), max_size=Size.gibibytes(1)),
        )
        self.pipeline.on_failure(self.pipeline.topic)
        self.pipeline.grant_upload(self._role("Partner", "transfer.amazonaws.com", "Uploads files"))
        self.pipeline.grant_read_results(self._role("Analyst", "states.amazonaws.com", "Reads results"))
        CfnOutput(self, "Uploads", value=self.pipeline.input_bucket.bucket_name, description="Upload below uploads/")
        CfnOutput(self, "Results", value=self.pipeline.results_table.table_name, description="One item a version")
        for name, value, description in (
            ("UploadQueue", self.pipeline.queue.queue_arn, "Where dead letters are sent again"),
            ("UploadDeadLetters", self.pipeline.dead_letters.queue_arn, "Uploads that could not be handled"),
            ("Reconciler", self.pipeline.reconciler.function_name, "Invoke it to try an object again"),
        ):
            CfnOutput(self, name, value=value, description=description)
        CfnOutput(
            self, "AlarmTopic", value=self.pipeline.topic.topic_arn, description="Subscribe here to hear of failures"
        )

    def _role(self, id: str, service: str, description: str) -> iam.Role:
        conditions = {"StringEquals": {"aws:SourceAccount": self.account}}
        principal = iam.ServicePrincipal(service, conditions=conditions)
        role = iam.Role(self, id, assumed_by=principal, description=description)
        reason = "the policies belong to this one role and go with it; a managed policy could be attached to others"
        waive(role, Waiver("NIST.800.53.R5-IAMNoInlinePolicy", reason=reason))
        return role
