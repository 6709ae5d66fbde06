"""What is seen of jobs: their life as events, how long they wait, what fails, on one page and in alarms.

Sources: https://docs.aws.amazon.com/batch/latest/userguide/batch_cwe_events.html,
https://docs.aws.amazon.com/batch/latest/userguide/using_cloudwatch_metrics.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from aws_cdk import ArnFormat, Duration, Names, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_containers.alarms import Alarms
from secure_containers.batch.capacity import Queue
from secure_containers.batch.parts import QueueLimits
from secure_containers.errors import check_list, invalid
from secure_containers.function import own_function
from secure_containers.logs import encrypted_log_group, let_events_write

SOURCE: Final = "aws.batch"
STATE_CHANGE: Final = "Batch Job State Change"
QUEUE_BLOCKED: Final = "Batch Job Queue Blocked"
STATES: Final = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
_CODE: Final = Path(__file__).parent / "queue_watch"
_PERIOD: Final = Duration.minutes(5)
_WHY_STUCK: Final = (
    *("*CAPACITY:*", "*MISCONFIGURATION:*"),
    *("*ACTION_REQUIRED*", "*UNDETERMINED*", "*JobStateTimeLimit*"),
)
"""What AWS Batch says of jobs that cannot start: of a blocked queue the reason, of a cancelled job words around it."""
_ERRORS: Final = (
    '?ERROR ?Error ?FATAL ?CRITICAL ?Exception ?Traceback ?panic ?OutOfMemory ?"Killed" ?"Permission denied" '
    "?AccessDenied"
)
"""What programs write when something goes wrong, whatever their language."""
_LIFE: Final[Mapping[str, str]] = {
    "JobsSubmitted": "submitted",
    "JobsMovedToRunnable": "waiting",
    "JobsMovedToStarting": "starting",
    "JobsMovedToRunning": "started",
    "JobsMovedToSucceeded": "succeeded",
    "JobsMovedToFailed": "failed",
}
_FAILURES: Final = (
    "fields time, detail.jobName, detail.jobId",
    "fields detail.statusReason, detail.container.reason, detail.container.exitCode, detail.container.logStreamName",
    'filter detail.status = "FAILED"',
    "sort @timestamp desc",
    "limit 50",
)
_LONGEST_NAMESPACE: Final = 200


class JobWatch(Construct):
    """The record of a job environment's life, its alarms and its dashboard."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        queues: Sequence[Queue],
        topic: sns.ITopic,
        key: kms.IKey,
        limits: QueueLimits,
        retention: logs.RetentionDays,
        removal: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id)
        self._queues = queues
        unique = Names.unique_resource_name(scope, max_length=_LONGEST_NAMESPACE, separator="-")
        self.namespace = f"SecureContainers/Batch/{unique}"
        self.alarms = Alarms(
            self,
            "Alarms",
            topic=topic,
            namespace=self.namespace,
            undelivered="Events of jobs, or schedules, did not reach their target (batch-logs-and-alarms). Read them "
            "in the queue: each says what it was for, and why it was not delivered",
        )
        self.events = encrypted_log_group(self, "Events", key=key, retention=retention, removal_policy=removal)
        self._record()
        own = [self._stuck(), *self._waiting(key, limits, retention, removal)]
        self._failed = cloudwatch.GraphWidget(title="Failed jobs, by kind", width=12, height=6)
        self._errors = cloudwatch.GraphWidget(title="Error patterns in logs, by kind", width=12, height=6)
        self.dashboard = self._dashboard([*own, self.alarms.undelivered_alarm])

    def failed(self, scope: Construct, name: str, definition_name: str) -> tuple[cloudwatch.Metric, cloudwatch.Alarm]:
        """Count the failures of one kind of job, and tell of each."""
        ours = f'($.detail.jobDefinition = "*/{definition_name}:*")'
        metric = self._count(scope, name, "Failed", self.events, f'{{($.detail.status = "FAILED") && {ours}}}')
        self._failed.add_left_metric(metric)
        alarm = self.alarms.add(
            "Failed",
            scope=scope,
            metric=metric,
            description=f"Jobs of the kind {name} failed (batch-logs-and-alarms). The dashboard names each with its "
            "reason and its log stream; docs/batch.md says what the reasons mean",
        )
        return metric, alarm

    def errors(self, scope: Construct, name: str, group: logs.ILogGroup, patterns: Mapping[str, str]) -> None:
        """Count error patterns in the logs of one kind of job; those that the user names are told of too."""
        self._errors.add_left_metric(self._count(scope, name, "Errors", group, _ERRORS))
        for id, pattern in patterns.items():
            metric = self._count(scope, name, id, group, pattern)
            self._errors.add_left_metric(metric)
            self.alarms.add(
                id,
                scope=scope,
                metric=metric,
                description=f"The logs of {name} have the pattern {id} (batch-logs-and-alarms). Search the log group "
                "of the job for it",
            )

    def rule(
        self,
        scope: Construct,
        id: str,
        *,
        states: Sequence[str],
        target: events.IRuleTarget | None,
        definition: str | None = None,
    ) -> events.Rule:
        """A rule over the state changes of jobs, of one definition or of all."""
        path = f"{scope.node.path}: on_state_change"
        check_list(path, "states", states, str, allowed=", ".join(STATES), write='states=["FAILED"]')
        for state in states or ("",):
            if state not in STATES:
                raise invalid(path, "states", state, allowed=", ".join(STATES), write='states=["FAILED"]')
        detail: dict[str, Any] = {"status": list(states), "jobQueue": [queue.arn for queue in self._queues]}
        if definition is not None:
            detail["jobDefinition"] = [{"wildcard": f"*/{definition}:*"}]
        return events.Rule(
            scope,
            id,
            description=f"Jobs of {scope.node.path} that are {', '.join(states)}"[:512],
            event_pattern=events.EventPattern(source=[SOURCE], detail_type=[STATE_CHANGE], detail=detail),
            targets=[target] if target else None,
        )

    def _record(self) -> None:
        """Write every event of the queues to the log group. By the L1, since CDK's target brings a function along."""
        stack = Stack.of(self)
        let_events_write(self.events)
        events.CfnRule(
            self,
            "Record",
            description=f"Every change of the jobs of {self.node.path}"[:512],
            event_pattern={
                "source": [SOURCE],
                "detail-type": [STATE_CHANGE, QUEUE_BLOCKED],
                "detail": {"jobQueue": [queue.arn for queue in self._queues]},
            },
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Events",
                    arn=stack.format_arn(
                        service="logs",
                        resource="log-group",
                        resource_name=self.events.log_group_name,
                        arn_format=ArnFormat.COLON_RESOURCE_NAME,
                    ),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.alarms.undelivered.queue_arn),
                )
            ],
        )

    def _stuck(self) -> cloudwatch.Alarm:
        reasons = " || ".join(f'($.detail.statusReason = "{reason}")' for reason in _WHY_STUCK)
        return self.alarms.add(
            "Stuck",
            metric=self.alarms.count(
                "Stuck", name="Stuck", log_group=self.events, pattern=f"{{{reasons}}}", scope=self
            ),
            description="Jobs cannot start, or were cancelled for that (batch-logs-and-alarms). The reason stands in "
            "the record of events; docs/batch.md, 'Why is my job stuck', says what to do for each",
        )

    def _waiting(
        self, key: kms.IKey, limits: QueueLimits, retention: logs.RetentionDays, removal: RemovalPolicy
    ) -> list[cloudwatch.Alarm]:
        """Alarms on how many jobs wait and for how long, which AWS Batch does not measure itself."""
        home = Construct(self, "QueueWatch")
        function = own_function(
            home,
            name="QueueWatch",
            description=f"Counts the jobs that wait in the queues of {self.node.path}"[:256],
            code=_CODE,
            handler="handler.handler",
            key=key,
            environment={"QUEUES": ",".join(queue.arn for queue in self._queues), "NAMESPACE": self.namespace},
            timeout=Duration.minutes(1),
            unbound_actions=("batch:DescribeJobs", "batch:ListJobs"),
            statements=[
                iam.PolicyStatement(
                    actions=["batch:GetJobQueueSnapshot"], resources=[queue.arn for queue in self._queues]
                )
            ],
            retention=retention,
            removal=removal,
            reasons={
                "NIST.800.53.R5-LambdaConcurrency": "one call in five minutes, and none waits for another; what it "
                "reserves, the account's other functions lose",
                "NIST.800.53.R5-LambdaDLQ": "the next call comes in five minutes, and alarms tell when none comes; "
                "old events would be read by nobody",
                "NIST.800.53.R5-LambdaInsideVPC": "it asks AWS Batch alone and takes no traffic; in the network it "
                "would need an endpoint that costs more than everything else here",
            },
        )
        events.Rule(
            home,
            "EveryFiveMinutes",
            description="Counts the jobs that wait",
            schedule=events.Schedule.rate(_PERIOD),
            targets=[cast("events.IRuleTarget", targets.LambdaFunction(function, retry_attempts=0))],
        )
        found: list[cloudwatch.Alarm] = []
        for queue in self._queues:
            kind = _kind(queue)
            found += [
                self.alarms.add(
                    f"{kind}Depth",
                    metric=self._gauge("RunnableJobs", queue),
                    threshold=limits.jobs,
                    tell_missing=True,
                    description=f"{limits.jobs} jobs or more wait in the {kind.lower()} queue (batch-logs-and-alarms): "
                    "raise its vCPUs in fleet=, or submit fewer at a time. Without data: nobody counts them any more; "
                    "see the function's logs",
                ),
                self.alarms.add(
                    f"{kind}Age",
                    metric=self._gauge("FrontOfQueueAge", queue),
                    threshold=limits.age.to_seconds(),
                    description=f"A job has stood at the front of the {kind.lower()} queue for "
                    f"{limits.age.to_minutes():g} minutes or more (batch-logs-and-alarms). docs/batch.md, 'Why is my "
                    "job stuck', says where to look",
                ),
            ]
        return found

    def _dashboard(self, alarms: Sequence[cloudwatch.IAlarm]) -> cloudwatch.Dashboard:
        board = cloudwatch.Dashboard(self, "Dashboard")
        board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=3))
        board.add_widgets(
            *(
                cloudwatch.GraphWidget(
                    title=f"Life of jobs: {_kind(queue).lower()} queue",
                    left=[_of_queue(name, queue, label) for name, label in _LIFE.items()],
                    width=12,
                    height=6,
                )
                for queue in self._queues
            )
        )
        board.add_widgets(
            cloudwatch.GraphWidget(
                title="Jobs that wait",
                left=[self._gauge("RunnableJobs", queue, _kind(queue).lower()) for queue in self._queues],
                width=12,
                height=6,
            ),
            cloudwatch.GraphWidget(
                title="How long a job has stood at the front, in seconds",
                left=[self._gauge("FrontOfQueueAge", queue, _kind(queue).lower()) for queue in self._queues],
                width=12,
                height=6,
            ),
        )
        board.add_widgets(self._failed, self._errors)
        board.add_widgets(
            cloudwatch.LogQueryWidget(
                title="The last failures, with the log stream of each",
                log_group_names=[self.events.log_group_name],
                query_lines=list(_FAILURES),
                width=24,
                height=8,
            )
        )
        return board

    def _gauge(self, name: str, queue: Queue, label: str | None = None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=name,
            dimensions_map={"JobQueueName": queue.name},
            statistic="Maximum",
            period=_PERIOD,
            label=label,  # none in alarms, which CDK would write in their long form
        )

    def _count(self, scope: Construct, name: str, id: str, group: logs.ILogGroup, pattern: str) -> cloudwatch.Metric:
        """How often a pattern is found for one kind of job."""
        return self.alarms.count(id, name=f"{name}.{id}", log_group=group, pattern=pattern, scope=scope)


def _of_queue(name: str, queue: Queue, label: str) -> cloudwatch.Metric:
    """A metric of AWS Batch's own."""
    return cloudwatch.Metric(
        namespace="AWS/Batch",
        metric_name=name,
        dimensions_map={"JobQueueName": queue.name},
        statistic="Sum",
        period=_PERIOD,
        label=label,
    )


def _kind(queue: Queue) -> str:
    return "Critical" if queue.critical else "Standard"
