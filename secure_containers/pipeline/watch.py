"""What is seen of a pipeline: what it counts, what people hear of, and the way of one object through all logs.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from secure_containers.alarms import Alarms
from secure_containers.pipeline.parts import PipelineLimits

_PERIOD: Final = Duration.minutes(5)
_WAITING: Final = Duration.minutes(30)
_SERVICE: Final = {"service": "pipeline"}
_COUNTED: Final = ("Submitted", "Succeeded", "Failed", "NoResult", "Refused", "Duplicates", "Repaired", "Missing")
_STORY: Final = (
    "fields @timestamp, correlation_id, object, message, reason, words, job_id",
    'filter level = "WARNING" or level = "ERROR"',
    "sort @timestamp desc",
    "limit 50",
)


class PipelineWatch(Construct):
    """The alarms of a pipeline and its dashboard."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        namespace: str,
        topic: sns.ITopic,
        limits: PipelineLimits,
        age: Duration,
    ) -> None:
        super().__init__(scope, id)
        self._namespace = namespace
        self.alarms = Alarms(
            self,
            "Alarms",
            topic=topic,
            namespace=namespace,
            undelivered="Notices of failed objects did not reach their topic (event-driven-pipeline). Read in the "
            "queue which; docs/pipeline.md, 'Undelivered', says what to do",
        )
        self._own = [
            self._tell(
                "Refused",
                threshold=limits.refused,
                description="Uploads were refused (event-driven-pipeline). Their items say why; docs/pipeline.md, "
                "'Refused', says what each reason means",
            ),
            self._tell(
                "Duplicates",
                threshold=limits.duplicates,
                description="Many uploads were delivered again (event-driven-pipeline). None ran twice; "
                "docs/pipeline.md, 'Duplicates', says where they may come from",
            ),
            self._tell(
                "NoResult",
                description="Jobs ended well and wrote no result (event-driven-pipeline): their program does not use "
                "the job library as it should. docs/pipeline.md, 'NoResult'",
            ),
            self._tell(
                "Missing",
                description="Objects have no item, and none could be made (event-driven-pipeline): their events did "
                "not arrive. docs/pipeline.md, 'Missing'",
            ),
            self._tell(
                "Repaired",
                threshold=limits.repaired,
                description="Many objects were put right by the reconciler (event-driven-pipeline): something on their "
                "usual way does not work, or is behind. docs/pipeline.md, 'Repaired'",
            ),
            self.alarms.add(
                "Unfinished",
                metric=self.metric("OldestUnfinished", statistic="Maximum"),
                threshold=age.to_seconds(),
                tell_missing=True,
                description=f"An object has waited for its end for {age.to_human_string()} or more "
                "(event-driven-pipeline). Without data: nobody puts right any more what is interrupted; see the "
                "reconciler's logs. docs/pipeline.md, 'Unfinished'",
            ),
        ]

    def metric(self, name: str, *, statistic: str = "Sum", label: str | None = None) -> cloudwatch.Metric:
        """What the functions count."""
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            dimensions_map=_SERVICE,
            statistic=statistic,
            period=_PERIOD,
            label=label,
        )

    def queue(self, name: str, queue: sqs.Queue, dead_letters: sqs.Queue, what: str) -> None:
        """Tell of messages that nobody takes, and of those that nobody could handle."""
        self._own += [
            self.alarms.add(
                f"{name}Waiting",
                metric=queue.metric_approximate_age_of_oldest_message(period=_PERIOD, statistic="Maximum"),
                threshold=_WAITING.to_seconds(),
                description=f"{what} have waited in their queue for {_WAITING.to_minutes():g} minutes or more "
                "(event-driven-pipeline): their function is switched off, fails, or is behind. docs/pipeline.md, "
                "'Waiting'",
            ),
            self.alarms.add(
                f"{name}DeadLetters",
                metric=dead_letters.metric_approximate_number_of_messages_visible(period=_PERIOD, statistic="Maximum"),
                description=f"{what} could not be handled (event-driven-pipeline). They wait in the queue of dead "
                "letters for 14 days, and can be sent again. docs/pipeline.md, 'Dead letters'",
            ),
        ]

    def errors(self, reconciler: lambda_.Function) -> None:
        """Tell of a reconciler that fails."""
        self._own.append(
            self.alarms.add(
                "ReconcilerFails",
                metric=reconciler.metric_errors(period=_PERIOD, statistic="Sum"),
                description="The reconciler failed or ran out of time (event-driven-pipeline): what was interrupted "
                "may stay so. docs/pipeline.md, 'Unfinished'",
            )
        )

    def dashboard(self, groups: Sequence[logs.ILogGroup], failed: cloudwatch.IAlarm) -> cloudwatch.Dashboard:
        """The pipeline on one page."""
        board = cloudwatch.Dashboard(self, "Dashboard")
        alarms = [*self._own, failed, self.alarms.undelivered_alarm]
        board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=24, height=3))
        board.add_widgets(
            cloudwatch.GraphWidget(
                title="Objects, in five minutes",
                left=[self.metric(name, label=name) for name in _COUNTED],
                width=12,
                height=6,
            ),
            cloudwatch.GraphWidget(
                title="Age of the oldest object without an end, in seconds",
                left=[self.metric("OldestUnfinished", statistic="Maximum")],
                width=12,
                height=6,
            ),
        )
        board.add_widgets(
            cloudwatch.LogQueryWidget(
                title="What went wrong last; one correlation id leads through all of these logs",
                log_group_names=[group.log_group_name for group in groups],
                query_lines=list(_STORY),
                width=24,
                height=8,
            )
        )
        return board

    def _tell(self, name: str, *, description: str, threshold: int = 1) -> cloudwatch.Alarm:
        return self.alarms.add(name, metric=self.metric(name), threshold=threshold, description=description)
