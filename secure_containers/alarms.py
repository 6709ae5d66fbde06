"""Alarms and rules that reach people by one encrypted topic.

Sources: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from secure_containers.organization import outside
from secure_containers.waivers import Waiver, waive

_PERIOD: Final = Duration.minutes(5)
_EVENTS: Final = "events.amazonaws.com"
_ALARMS: Final = "cloudwatch.amazonaws.com"


def alarm_topic(
    scope: Construct, id: str, *, display_name: str, rotation: bool, removal: RemovalPolicy, organization_id: str | None
) -> sns.Topic:
    """A topic with a key of its own, since what EventBridge needs of the key can be bound to no source."""
    key = kms.Key(
        scope,
        f"{id}Key",
        description=f"Encrypts what {scope.node.path} tells people",
        enable_key_rotation=rotation,
        removal_policy=removal,
    )
    topic = sns.Topic(scope, id, display_name=display_name, master_key=key, enforce_ssl=True)
    if organization_id is not None:
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="DenyOutsideOrganization",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                # Not sns:Publish: AWS does not say whether EventBridge shows itself as a service here, and if it does
                # not, no event would arrive. Nobody outside is allowed to publish anyway.
                actions=["sns:Subscribe"],
                resources=[topic.topic_arn],
                conditions=outside(Stack.of(scope), organization_id),
            )
        )
    return topic


class Alarms(Construct):
    """The way to the topic, a queue for what does not get there, and the alarms and rules that use both."""

    def __init__(self, scope: Construct, id: str, *, topic: sns.ITopic, namespace: str, undelivered: str) -> None:
        super().__init__(scope, id)
        self._topic, self._action = topic, actions.SnsAction(topic)
        self._namespace = namespace
        self._events_allowed = False
        self._allow_topic()
        self.undelivered = self._queue()
        self._board: cloudwatch.Dashboard | None = None
        self._alarms: list[cloudwatch.Alarm] = []
        self._others: list[cloudwatch.IAlarmAction] = []
        self.undelivered_alarm = self.add(
            "Undelivered",
            metric=self.undelivered.metric_approximate_number_of_messages_visible(period=_PERIOD, statistic="Maximum"),
            description=undelivered,
        )

    def add(
        self,
        id: str,
        *,
        metric: cloudwatch.IMetric,
        description: str,
        threshold: float = 1,
        periods: int = 1,
        datapoints: int | None = None,
        tell_missing: bool = False,
        below: bool = False,
        scope: Construct | None = None,
    ) -> cloudwatch.Alarm:
        """An alarm on a metric, at the threshold or above it, or `below` it, for so many of its periods, or
        `datapoints` of them; on request also when there is no more data."""
        operator = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            scope or self,
            id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            comparison_operator=operator.LESS_THAN_THRESHOLD if below else operator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # A filter that finds nothing writes nothing.
            treat_missing_data=cloudwatch.TreatMissingData.MISSING
            if tell_missing
            else cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
        alarm.add_alarm_action(self._action, *self._others)
        if tell_missing:
            alarm.add_insufficient_data_action(self._action)
        self._alarms.append(alarm)
        self._show(id, [alarm], height=2)
        return alarm

    def add_filter(
        self, id: str, *, log_group: logs.ILogGroup, pattern: str, description: str, threshold: int
    ) -> cloudwatch.Alarm:
        """An alarm on events of a log group, such as a trail's."""
        metric = self.count(id, name=id, log_group=log_group, pattern=pattern)
        return self.add(id, metric=metric, description=description, threshold=threshold)

    def count(
        self, id: str, *, name: str, log_group: logs.ILogGroup, pattern: str, scope: Construct | None = None
    ) -> cloudwatch.Metric:
        """How many events of a log group match a pattern, in five minutes."""
        found = logs.MetricFilter(
            scope or self,
            f"{id}Filter",
            log_group=log_group,
            filter_pattern=logs.FilterPattern.literal(pattern),
            metric_namespace=self._namespace,
            metric_name=name,
            metric_value="1",
        )
        return found.metric(statistic="Sum", period=_PERIOD)

    def add_event(
        self, id: str, *, pattern: Mapping[str, object], description: str, read_only_calls: bool = False
    ) -> events.CfnRule:
        """A rule that sends an event to the topic. CDK's own rule does not know the state for calls that only read."""
        if not self._events_allowed:
            # AWS: EventBridge supports no condition on its source, neither in a topic's policy nor in that of its key.
            # With one there, every event would be lost.
            self._allow("Events", _EVENTS, None)
            self._events_allowed = True
        target = events.CfnRule.TargetProperty(
            id="Topic",
            arn=self._topic.topic_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.undelivered.queue_arn),
        )
        return events.CfnRule(
            self,
            id,
            description=description,
            event_pattern=pattern,
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" if read_only_calls else "ENABLED",
            targets=[target],
        )

    def also_tell(self, action: cloudwatch.IAlarmAction) -> None:
        """Send every alarm, also those to come, to somebody else too."""
        self._others.append(action)
        for alarm in self._alarms:
            alarm.add_alarm_action(action)

    def dashboard(self) -> cloudwatch.Dashboard:
        """The state of every alarm on one page; those that are added later get there by themselves."""
        self._board = cloudwatch.Dashboard(self, "Dashboard")
        self._show("What people have to hear of", self._alarms, height=6)
        return self._board

    def _show(self, title: str, alarms: Sequence[cloudwatch.Alarm], *, height: int) -> None:
        if self._board is not None:
            self._board.add_widgets(
                cloudwatch.AlarmStatusWidget(title=title, alarms=list(alarms), width=24, height=height)
            )

    def _queue(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "UndeliveredEvents",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="UndeliveredEvents",
                principals=[iam.ServicePrincipal(_EVENTS)],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={"ArnLike": {"aws:SourceArn": self._rules()}},
            )
        )
        waive(queue, Waiver("AwsSolutions-SQS3", reason="it is itself where undeliverable events wait to be read"))
        return queue

    def _allow_topic(self) -> None:
        """Let this account's alarms publish. An imported topic and its key have to do so already."""
        stack = Stack.of(self)
        alarms = stack.format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        from_alarms = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": alarms}}
        self._allow("Alarms", _ALARMS, from_alarms)

    def _allow(self, sid: str, service: str, conditions: Mapping[str, object] | None) -> None:
        principals = [iam.ServicePrincipal(service)]
        self._topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=principals,
                actions=["sns:Publish"],
                resources=[self._topic.topic_arn],
                conditions=conditions,
            )
        )
        if self._topic.master_key is not None:
            self._topic.master_key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"{sid}ToTopic",
                    principals=principals,
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],
                    conditions=conditions,
                )
            )

    def _rules(self) -> str:
        return Stack.of(self).format_arn(service="events", resource="rule", resource_name="*")
