"""The same kinds of jobs in two ways: with `LeastPrivilegeBatchEnv`, and as somebody writes them in plain aws_cdk.

Network and repository are ours in both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aws_cdk import App, ArnFormat, Aws, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from plain_parts import allow, lambda_function, log_group, log_key
from two_ways import Add, TwoWays

import secure_containers
from secure_containers import IMAGE_PULL, LeastPrivilegeBatchEnv, PrivateNetwork, SecureEcrRepository
from secure_containers.batch.capacity import _STUCK
from secure_containers.batch.watch import _ERRORS, _FAILURES, _LIFE, _WHY_STUCK

_PER_STACK: Final = 50
"""A kind of job is nine resources, and a stack takes 500."""
_DIGEST: Final = "sha256:" + 64 * "0"
_COMMAND: Final = ("render", "--all")
_CODE: Final = Path(secure_containers.__file__).parent / "batch" / "queue_watch"
_PERIOD: Final = Duration.minutes(5)
_NAMESPACE: Final = "SecureContainers/Batch/Batch-Environment-1E580EC4"
"""As ours makes it of the environment's path."""


@contextmanager
def secured(app: App) -> Iterator[Add]:
    network = PrivateNetwork(Stack(app, "Network"), "Network")
    stack = Stack(app, "Batch")
    image = SecureEcrRepository(stack, "Images").image(digest=_DIGEST)
    environment = LeastPrivilegeBatchEnv(stack, "Environment", network=network)

    def add(jobs: Stack, id: str) -> None:
        environment.add_job(id, image=image, command=_COMMAND, scope=jobs)

    yield add


@contextmanager
def plain(app: App) -> Iterator[Add]:
    network = PrivateNetwork(Stack(app, "Network"), "Network")
    stack = Stack(app, "Batch")
    repository = SecureEcrRepository(stack, "Images").repository
    key = log_key(stack, "Key", description="Encrypts the logs of jobs")
    topic = _topic(stack)
    queues = _queues(stack, network)
    watch = _Watch(
        queues={name: Fn.select(1, Fn.split("job-queue/", queue.ref)) for name, queue in queues.items()},
        events=log_group(stack, "Events", key),
        notify=actions.SnsAction(topic),
        alarms=[],
        failed=[],
        errors=[],
    )
    arns = [queue.ref for queue in queues.values()]
    undelivered = _undelivered(stack, watch)
    _record(stack, watch.events, arns, undelivered)
    _stuck(stack, watch)
    _counter(stack, arns, key)
    _waiting(stack, watch)
    registry = f"{Aws.ACCOUNT_ID}.dkr.ecr.{Aws.REGION}.{Aws.URL_SUFFIX}"
    shared = _Shared(
        image=f"{registry}/{repository.repository_name}@{_DIGEST}",
        repository_arn=repository.repository_arn,
        tasks=_tasks(),
        login=allow(["ecr:GetAuthorizationToken"], ["*"]),
        errors=logs.FilterPattern.literal(_ERRORS),
        key=key,
        watch=watch,
    )

    def add(jobs: Stack, id: str) -> None:
        _add_job(jobs, id, shared)

    yield add
    _dashboard(stack, watch)


BATCHES: Final = TwoWays(flavours={"plain": plain, "ours": secured}, stacks="Jobs", each="Job", per_stack=_PER_STACK)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Watch:
    """What is seen of jobs, and what the dashboard shows of it."""

    queues: Mapping[str, str]
    events: logs.ILogGroup
    notify: actions.SnsAction
    alarms: list[cloudwatch.IAlarm]
    failed: list[cloudwatch.IMetric]
    errors: list[cloudwatch.IMetric]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shared:
    """What all kinds of jobs take from their environment."""

    image: str
    repository_arn: str
    tasks: iam.IPrincipal
    login: iam.PolicyStatement
    errors: logs.IFilterPattern
    key: kms.IKey
    watch: _Watch


def _add_job(stack: Stack, id: str, shared: _Shared) -> None:
    group = log_group(stack, f"{id}Logs", shared.key)
    role = iam.Role(stack, f"{id}Role", assumed_by=shared.tasks, description=f"What {id} may do")
    starter = iam.Role(stack, f"{id}ExecutionRole", assumed_by=shared.tasks, description=f"Starts {id}")
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    iam.Policy(
        stack,
        f"{id}Start",
        roles=[starter],
        statements=[
            allow(pull, [shared.repository_arn]),
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], [group.log_group_arn]),
        ],
    )
    iam.Policy(stack, f"{id}Login", roles=[starter], statements=[shared.login])
    definition = batch.CfnJobDefinition(
        stack,
        f"{id}Definition",
        type="container",
        platform_capabilities=["FARGATE"],
        propagate_tags=True,
        retry_strategy={
            "attempts": 3,
            "evaluateOnExit": [
                {"action": "RETRY", "onStatusReason": "Your Spot Task was interrupted*"},
                {"action": "RETRY", "onReason": "CannotPullContainerError*"},
                {"action": "EXIT", "onReason": "*"},
            ],
        },
        timeout={"attemptDurationSeconds": 3600},
        container_properties={
            "image": shared.image,
            "command": list(_COMMAND),
            "jobRoleArn": role.role_arn,
            "executionRoleArn": starter.role_arn,
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
            "user": "65532:65532",
            "readonlyRootFilesystem": True,
            "linuxParameters": {"initProcessEnabled": True},
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": group.log_group_name,
                    "awslogs-region": Aws.REGION,
                    "awslogs-stream-prefix": id,
                },
            },
            "networkConfiguration": {"assignPublicIp": "DISABLED"},
            "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
            "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        },
    )
    name = Fn.select(0, Fn.split(":", Fn.select(1, Fn.split("job-definition/", definition.ref))))
    ours = f'($.detail.jobDefinition = "*/{name}:*")'
    failures = logs.FilterPattern.literal(f'{{($.detail.status = "FAILED") && {ours}}}')
    watch = shared.watch
    failed = _count(stack, f"{id}.Failed", watch.events, failures)
    watch.failed.append(failed)
    _alarm(stack, f"{id}FailedAlarm", failed, watch, "Jobs failed")
    watch.errors.append(_count(stack, f"{id}.Errors", group, shared.errors))


def _tasks() -> iam.IPrincipal:
    """Tasks of this account and Region."""
    source = f"arn:{Aws.PARTITION}:ecs:{Aws.REGION}:{Aws.ACCOUNT_ID}:*"
    conditions = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": source}}
    return iam.ServicePrincipal("ecs-tasks.amazonaws.com", conditions=conditions)


def _topic(stack: Stack) -> sns.Topic:
    key = kms.Key(stack, "TopicKey", enable_key_rotation=True, removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    topic = sns.Topic(stack, "Topic", display_name="Alarms of batch jobs", master_key=key, enforce_ssl=True)
    alarms = stack.format_arn(
        service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    from_alarms = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": alarms}}
    by = _by("cloudwatch.amazonaws.com")
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Alarms", principals=by, actions=["sns:Publish"], resources=[topic.topic_arn], conditions=from_alarms
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AlarmsToTopic",
            principals=by,
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions=from_alarms,
        )
    )
    return topic


def _queues(stack: Stack, network: PrivateNetwork) -> dict[str, batch.CfnJobQueue]:
    group = ec2.SecurityGroup(stack, "SecurityGroup", vpc=network.vpc, description="The jobs", allow_all_outbound=False)
    network.require(group, *IMAGE_PULL, "logs")
    subnets = [subnet.subnet_id for subnet in network.subnets.subnets or []]
    groups = [group.security_group_id]

    def environment(id: str, type_: str, vcpus: int) -> str:
        return batch.CfnComputeEnvironment(
            stack,
            id,
            type="MANAGED",
            state="ENABLED",
            compute_resources={"type": type_, "maxvCpus": vcpus, "subnets": subnets, "securityGroupIds": groups},
            replace_compute_environment=False,
        ).ref

    def queue(id: str, priority: int, environments: Sequence[str]) -> batch.CfnJobQueue:
        return batch.CfnJobQueue(
            stack,
            id,
            priority=priority,
            state="ENABLED",
            compute_environment_order=[
                {"order": index, "computeEnvironment": each} for index, each in enumerate(environments, 1)
            ],
            job_state_time_limit_actions=[
                {"action": "CANCEL", "state": "RUNNABLE", "reason": reason, "maxTimeSeconds": 14_400}
                for reason in _STUCK
            ],
        )

    on_demand = environment("OnDemand", "FARGATE", 64)
    behind = [environment("Spot", "FARGATE_SPOT", 256), environment("Fallback", "FARGATE", 64)]
    return {"critical": queue("CriticalQueue", 100, [on_demand]), "standard": queue("StandardQueue", 10, behind)}


def _undelivered(stack: Stack, watch: _Watch) -> sqs.Queue:
    queue = sqs.Queue(
        stack,
        "UndeliveredEvents",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
        removal_policy=RemovalPolicy.DESTROY,
    )
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid="UndeliveredEvents",
            principals=_by("events.amazonaws.com"),
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions=_from_rules(stack),
        )
    )
    visible = queue.metric_approximate_number_of_messages_visible(period=_PERIOD, statistic="Maximum")
    watch.alarms.append(_alarm(stack, "Undelivered", visible, watch, "Events were not delivered"))
    return queue


def _record(stack: Stack, group: logs.ILogGroup, queues: Sequence[str], undelivered: sqs.Queue) -> None:
    """Every event of the queues, in the log group."""
    policy = logs.ResourcePolicy(stack, "EventsToLogs", resource_policy_name=f"{stack.stack_name}-EventsToLogs")
    writers = _by("events.amazonaws.com", "delivery.logs.amazonaws.com")
    arn = group.log_group_arn
    policy.document.add_statements(
        iam.PolicyStatement(principals=writers, actions=["logs:CreateLogStream"], resources=[arn]),
        iam.PolicyStatement(
            principals=writers, actions=["logs:PutLogEvents"], resources=[arn], conditions=_from_rules(stack)
        ),
    )
    target = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    events.CfnRule(
        stack,
        "Record",
        event_pattern={
            "source": ["aws.batch"],
            "detail-type": ["Batch Job State Change", "Batch Job Queue Blocked"],
            "detail": {"jobQueue": queues},
        },
        state="ENABLED",
        targets=[{"id": "Events", "arn": target, "deadLetterConfig": {"arn": undelivered.queue_arn}}],
    )


def _stuck(stack: Stack, watch: _Watch) -> None:
    reasons = " || ".join(f'($.detail.statusReason = "{reason}")' for reason in _WHY_STUCK)
    pattern = logs.FilterPattern.literal(f"{{{reasons}}}")
    watch.alarms.append(
        _alarm(stack, "StuckAlarm", _count(stack, "Stuck", watch.events, pattern), watch, "Jobs cannot start")
    )


def _counter(stack: Stack, queues: Sequence[str], key: kms.IKey) -> None:
    """What counts the jobs that wait."""
    counter = lambda_function(
        stack,
        "QueueWatch",
        description="Counts the jobs that wait",
        code=_CODE,
        handler="handler.handler",
        key=key,
        environment={"QUEUES": ",".join(queues), "NAMESPACE": _NAMESPACE},
        timeout=Duration.minutes(1),
        unbound_actions=["batch:DescribeJobs", "batch:ListJobs"],
        statements=[allow(["batch:GetJobQueueSnapshot"], queues)],
    )
    target: Any = targets.LambdaFunction(counter, retry_attempts=0)
    events.Rule(stack, "EveryFiveMinutes", schedule=events.Schedule.rate(_PERIOD), targets=[target])


def _waiting(stack: Stack, watch: _Watch) -> None:
    for kind, queue in watch.queues.items():
        depth, age = _gauge("RunnableJobs", queue), _gauge("FrontOfQueueAge", queue)
        watch.alarms.append(_alarm(stack, f"{kind}Depth", depth, watch, "Jobs wait", threshold=500, tell_missing=True))
        watch.alarms.append(_alarm(stack, f"{kind}Age", age, watch, "Jobs wait", threshold=1800))


def _dashboard(stack: Stack, watch: _Watch) -> None:
    """Rows as ours has them; the alarm on undelivered events comes last."""
    board = cloudwatch.Dashboard(stack, "Dashboard")
    undelivered, *others = watch.alarms
    board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=[*others, undelivered], width=24, height=3))
    board.add_widgets(
        *(
            _graph(f"Life of jobs: {kind} queue", [_of_batch(name, queue, label) for name, label in _LIFE.items()])
            for kind, queue in watch.queues.items()
        )
    )
    board.add_widgets(
        *(
            _graph(title, [_gauge(name, queue, kind) for kind, queue in watch.queues.items()])
            for title, name in (
                ("Jobs that wait", "RunnableJobs"),
                ("How long a job has stood at the front, in seconds", "FrontOfQueueAge"),
            )
        )
    )
    board.add_widgets(
        _graph("Failed jobs, by kind", watch.failed), _graph("Error patterns in logs, by kind", watch.errors)
    )
    board.add_widgets(
        cloudwatch.LogQueryWidget(
            title="The last failures, with the log stream of each",
            log_group_names=[watch.events.log_group_name],
            query_lines=list(_FAILURES),
            width=24,
            height=8,
        )
    )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=12, height=6)


def _gauge(name: str, queue: str, label: str | None = None) -> cloudwatch.Metric:
    return _metric(_NAMESPACE, name, "Maximum", dimensions={"JobQueueName": queue}, label=label)


def _of_batch(name: str, queue: str, label: str) -> cloudwatch.Metric:
    return _metric("AWS/Batch", name, "Sum", dimensions={"JobQueueName": queue}, label=label)


def _count(stack: Stack, name: str, group: logs.ILogGroup, pattern: logs.IFilterPattern) -> cloudwatch.Metric:
    logs.MetricFilter(
        stack,
        f"{name}Filter",
        log_group=group,
        filter_pattern=pattern,
        metric_namespace=_NAMESPACE,
        metric_name=name,
        metric_value="1",
    )
    return _metric(_NAMESPACE, name, "Sum")


def _metric(
    namespace: str,
    name: str,
    statistic: str,
    *,
    dimensions: Mapping[str, str] | None = None,
    label: str | None = None,
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        period=_PERIOD,
        dimensions_map=dimensions,
        label=label,
    )


def _alarm(
    stack: Stack,
    id: str,
    metric: cloudwatch.IMetric,
    watch: _Watch,
    description: str,
    *,
    threshold: float = 1,
    tell_missing: bool = False,
) -> cloudwatch.Alarm:
    alarm = cloudwatch.Alarm(
        stack,
        id,
        metric=metric,
        threshold=threshold,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.MISSING
        if tell_missing
        else cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=description,
    )
    alarm.add_alarm_action(watch.notify)
    if tell_missing:
        alarm.add_insufficient_data_action(watch.notify)
    return alarm


def _by(*services: str) -> list[iam.IPrincipal]:
    return [iam.ServicePrincipal(service) for service in services]


def _from_rules(stack: Stack) -> dict[str, Any]:
    rules = stack.format_arn(service="events", resource="rule", resource_name="*")
    return {"ArnLike": {"aws:SourceArn": rules}}
