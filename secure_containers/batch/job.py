"""`BatchJob`: one kind of job, with its own roles, its own logs and its own alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jsii
from aws_cdk import Duration, Names, RemovalPolicy, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_eks as eks
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from secure_containers.batch.containers import Container, container_properties, pod_properties
from secure_containers.batch.parts import Retries, Share
from secure_containers.batch.platforms import Eks, Fargate, Platform
from secure_containers.batch.roles import pod_role
from secure_containers.batch.settings import (
    check_array_size,
    check_share,
    service_account_name,
)
from secure_containers.batch.watch import JobWatch
from secure_containers.errors import invalid
from secure_containers.grants import check_local, grant_apart, grant_unbound
from secure_containers.logs import encrypted_log_group
from secure_containers.tasks.roles import scheduler_role, task_role
from secure_containers.tasks.schedules import check_schedule, on_schedule
from secure_containers.waivers import Waiver, as_found, waive

if TYPE_CHECKING:
    from secure_containers.batch.capacity import Queue
    from secure_containers.ecr import EcrImage

KIND_TAG: Final = "batch-job-kind"
"""The tag by which jobs of one kind are told from others: AWS Batch ties their termination to nothing else."""
SUBMIT_ACTION: Final = "batch:SubmitJob"
STOP_ACTIONS: Final = ("batch:CancelJob", "batch:TerminateJob")
DESCRIBE_ACTIONS: Final = ("batch:DescribeJobs", "batch:ListJobs")
"""They have no resource level: whoever may look at one job may look at all of the account and Region."""
_PULL_FAILED: Final = "CannotPullContainerError*"
_RECLAIMED_ON_FARGATE: Final = "Your Spot Task was interrupted*"
_RECLAIMED_ON_INSTANCES: Final = "Host EC2*"


@dataclass(frozen=True, kw_only=True)
class Home:
    """What the jobs of an environment share."""

    platform: Platform
    queues: tuple[Queue, Queue]
    shares: Sequence[Share]
    watch: JobWatch
    key: kms.IKey
    retention: logs.RetentionDays
    removal: RemovalPolicy


@jsii.implements(iam.IGrantable)
class BatchJob(Construct):
    """One kind of job of a `LeastPrivilegeBatchEnv`, which makes it by `add_job`.

    It takes grants of other constructs: `table.grant_read_data(job)`. Until somebody grants something, its role may do
    nothing.
    """

    role: iam.Role
    """What the program may do; nothing until it is granted."""
    execution_role: iam.Role | None
    """What AWS does to start the job: pull its image, write its logs, read its secrets. None on EKS, where the nodes
    do."""
    log_group: logs.ILogGroup | None
    """Where the program's output goes. None on EKS, where the cluster collects it."""
    alarm: cloudwatch.Alarm
    """Tells of failed jobs of this kind."""
    definition: batch.CfnJobDefinition
    """The job definition, for what this class does not show."""
    queue_arn: str
    """The queue that `critical` has chosen."""
    output_prefix: str | None = None
    """Below what it writes in the environment's output bucket; None if that has none."""
    job_definition_name: str
    """The definition's name, by which its latest revision is submitted; of the stack's name and its place there."""
    tags: Mapping[str, str]
    """The tags with which jobs are submitted that `grant_terminate` shall reach."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        home: Home,
        critical: bool,
        image: EcrImage,
        container: Container,
        nodes: int,
        parameters: Mapping[str, str],
        timeout: Duration | None,
        retries: Retries | None,
        error_patterns: Mapping[str, str],
        waivers: Sequence[Waiver],
    ) -> None:
        super().__init__(scope, id)
        self._name, self._platform, self._shares, self._watch = id, home.platform, home.shares, home.watch
        self._queues = {queue.critical: queue.arn for queue in home.queues}
        self._critical = critical
        self.queue_arn = self._queues[critical]
        # By a name that other stacks know too: CloudFormation does not let them import an ARN whose revision changes.
        self.job_definition_name = Names.unique_resource_name(self, max_length=128, separator="-")
        self.tags = {KIND_TAG: self.job_definition_name}
        self.log_group, self.execution_role = None, None
        if isinstance(home.platform, Eks):
            self.role = self._pod_role(home.platform, image)
            shape = _pod(container, service_account=service_account_name(id))
        else:
            self.log_group = encrypted_log_group(
                self, "Logs", key=home.key, retention=home.retention, removal_policy=home.removal
            )
            self.role = task_role(self, "Role", description=f"What {self.node.path} may do")
            self.execution_role = self._execution_role(self.log_group, image)
            properties = container_properties(
                container,
                home.platform,
                job_role=self.role.role_arn,
                execution_role=self.execution_role.role_arn,
                log_group=self.log_group.log_group_name,
                log_prefix=id,
                region=Stack.of(self).region,
            )
            shape = _task(properties, home.platform, nodes)
        self.definition = self._define(shape, parameters, timeout, retries)
        self._failures, self.alarm = home.watch.failed(self, id, self.job_definition_name)
        if self.log_group is not None:
            home.watch.errors(self, id, self.log_group, error_patterns)
        waive(self, *waivers)

    @property
    def grant_principal(self) -> iam.IPrincipal:
        return self.role

    @property
    def job_definition_arn(self) -> str:
        """The definition's ARN with its revision, which changes with every update."""
        return self.definition.ref

    def grant_submit(
        self, grantee: iam.IGrantable, *, only: batch.CfnJobQueue | None = None, share: str | None = None
    ) -> None:
        """Let somebody of this account submit jobs of this kind, to its queue, and give them `tags`.

        Args:
            grantee: who submits.
            only: the one queue, in place of that which `critical` has chosen: a job that is not critical may be hurried
                by the critical queue.
            share: the one share identifier. Left out, all of them.

        Raises:
            ValueError: the queue is not one of the environment's, a critical job would go to spot, there is no such
                share, or the grantee is of another account.
        """
        stack = Stack.of(self)
        queue = self._queue(only)
        definition = self._arn("job-definition", self.job_definition_name)
        if share is not None:
            check_share(f"{self.node.path}: grant_submit", share, self._shares)
        jobs = self._arn("job", "*")
        kind = self.tags[KIND_TAG]
        self._grant(
            grantee,
            f"Submit{self._id(only, share)}",
            [
                iam.PolicyStatement(
                    actions=[SUBMIT_ACTION],
                    # Of any revision: a definition gets a new one with every update, its submitters may live elsewhere.
                    resources=[definition, f"{definition}:*", queue],
                    conditions={"StringEquals": {"batch:ShareIdentifier": share}} if share is not None else None,
                ),
                iam.PolicyStatement(
                    actions=["batch:TagResource"],
                    resources=[jobs],
                    conditions={
                        "StringEquals": {f"aws:RequestTag/{KIND_TAG}": kind},
                        "ForAllValues:StringEquals": {"aws:TagKeys": [KIND_TAG]},
                        "Null": {f"aws:ResourceTag/{KIND_TAG}": "true"},
                    },
                ),
            ],
            [
                Waiver(
                    f"AwsSolutions-IAM5[Resource::{as_found(stack, f'{definition}:*')}]",
                    reason="every revision of one job definition: updates make new ones",
                ),
                Waiver(
                    f"AwsSolutions-IAM5[Resource::{as_found(stack, jobs)}]",
                    reason="jobs have no names before they are submitted; conditions leave those without a kind yet",
                ),
                Waiver(
                    "SC-IAM-02[batch:TagResource]",
                    reason="only jobs that have no kind yet can be given this one, by a condition on their tags",
                ),
            ],
        )

    def grant_terminate(self, grantee: iam.IGrantable) -> None:
        """Let somebody cancel and terminate jobs of this kind: those that were submitted with `tags`.

        Args:
            grantee: who terminates.
        """
        stack, jobs = Stack.of(self), self._arn("job", "*")
        self._grant(
            grantee,
            f"Stop{self._id()}",
            [
                iam.PolicyStatement(
                    actions=list(STOP_ACTIONS),
                    resources=[jobs],
                    conditions={"StringEquals": {f"aws:ResourceTag/{KIND_TAG}": self.tags[KIND_TAG]}},
                )
            ],
            [
                Waiver(
                    f"AwsSolutions-IAM5[Resource::{as_found(stack, jobs)}]",
                    reason="a condition leaves the jobs that carry the tag of this kind",
                )
            ],
        )

    def grant_describe(self, grantee: iam.IGrantable) -> None:
        """Let somebody look at jobs: at all of the account and Region, since AWS Batch has no resource level for it.

        Args:
            grantee: who looks.
        """
        check_local(self.node.path, grantee, self)
        grant_unbound(grantee, "DescribeJobs", DESCRIBE_ACTIONS, scope=self)

    def add_schedule(
        self,
        id: str,
        *,
        schedule: scheduler.ScheduleExpression,
        array_size: int | None = None,
        share: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> scheduler.CfnSchedule:
        """Submit a job again and again, by Amazon EventBridge Scheduler. What cannot be submitted waits in the queue of
        undelivered events, of which an alarm tells. Now and then a schedule acts twice, and AWS Batch has nothing to
        tell the second job by: the program has to bear it.

        Args:
            id: the construct id.
            schedule: when, such as `ScheduleExpression.cron(hour="2", minute="0", time_zone=TimeZone.EUROPE_BERLIN)`.
            array_size: how many children the job has, 2 to 10000. Left out, it is a single one.
            share: the share that it counts for; needed where the environment has shares.
            parameters: values of the definition's parameters.

        Raises:
            ValueError: there is no such share, one is missing, the size is none, or the id is taken.
        """
        path = f"{self.node.path}: add_schedule"
        check_schedule(path, id, schedule, self)
        if share is not None or self._shares:
            check_share(path, share, self._shares)
        check_array_size(path, array_size)
        job: dict[str, Any] = {
            "JobName": f"{self._name}-{id}"[:128],
            "JobDefinition": self.job_definition_name,
            "JobQueue": self.queue_arn,
            "Tags": dict(self.tags),
        }
        if share is not None:
            job["ShareIdentifier"] = share
        if array_size is not None:
            job["ArrayProperties"] = {"Size": array_size}
        if parameters:
            job["Parameters"] = dict(parameters)
        stack = Stack.of(self)
        made = on_schedule(
            self,
            id,
            description=f"Submits {self.node.path}",
            schedule=schedule,
            undelivered=self._watch.alarms.undelivered,
            target=f"arn:{stack.partition}:scheduler:::aws-sdk:batch:submitJob",
            role_arn=self._scheduler_role().role_arn,
            input=stack.to_json_string(job),
        )
        made.node.add_dependency(self.definition)
        return made

    def on_state_change(
        self, id: str, *, states: Sequence[str] = ("FAILED",), target: events.IRuleTarget | None = None
    ) -> events.Rule:
        """Send an event to a target whenever a job of this kind comes into a state. Events may arrive twice.

        Args:
            id: the construct id of the rule.
            states: the states, as AWS Batch calls them. Left out: `FAILED`.
            target: where the event goes; more can be added to the rule.

        Raises:
            ValueError: there is no such state.
        """
        return self._watch.rule(self, id, states=states, target=target, definition=self.job_definition_name)

    def metric_failed(self) -> cloudwatch.Metric:
        """How many jobs of this kind have failed, in five minutes."""
        return self._failures

    def _grant(
        self,
        grantee: iam.IGrantable,
        id: str,
        statements: Sequence[iam.PolicyStatement],
        waivers: Sequence[Waiver],
    ) -> None:
        check_local(self.node.path, grantee, self)
        grant_apart(grantee, id, statements, waivers, scope=self)

    def _execution_role(self, group: logs.ILogGroup, image: EcrImage) -> iam.Role:
        role = task_role(self, "ExecutionRole", description=f"Starts {self.node.path}")
        image.grant_pull(role)
        role.add_to_policy(
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[group.log_group_arn])
        )
        return role

    def _pod_role(self, platform: Eks, image: EcrImage) -> iam.Role:
        role = pod_role(self, "Role", description=f"What {self.node.path} may do", platform=platform)
        eks.CfnPodIdentityAssociation(
            self,
            "PodIdentity",
            cluster_name=platform.cluster_name,
            namespace=platform.namespace,
            service_account=service_account_name(self._name),
            role_arn=role.role_arn,
        )
        image.grant_pull(platform.node_role)
        return role

    def _define(
        self, shape: Mapping[str, Any], parameters: Mapping[str, str], timeout: Duration | None, retries: Retries | None
    ) -> batch.CfnJobDefinition:
        times = batch.CfnJobDefinition.TimeoutProperty
        return batch.CfnJobDefinition(
            self,
            "Definition",
            job_definition_name=self.job_definition_name,
            **shape,
            parameters=dict(parameters) or None,
            propagate_tags=None if isinstance(self._platform, Eks) else True,  # refused on EKS
            retry_strategy=_retry_strategy(retries, self._platform) if retries is not None else None,
            scheduling_priority=1 if self._shares else None,
            timeout=times(attempt_duration_seconds=timeout.to_seconds()) if timeout is not None else None,
        )

    def _scheduler_role(self) -> iam.Role:
        made = self.node.try_find_child("SchedulerRole")
        if isinstance(made, iam.Role):
            return made
        role = scheduler_role(self, "SchedulerRole", description=f"Submits {self.node.path} on schedule")
        self.grant_submit(role)
        role.add_to_policy(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self._watch.alarms.undelivered.queue_arn])
        )
        return role

    def _queue(self, only: batch.CfnJobQueue | None) -> str:
        if only is None:
            return self.queue_arn
        chosen = next((critical for critical, arn in self._queues.items() if arn == only.ref), None)
        path = f"{self.node.path}: grant_submit"
        if chosen is None:
            allowed = "a queue of the environment"
            raise invalid(path, "only", only.node.path, allowed=allowed, write="only=env.critical_queue")
        if self._critical and not chosen:
            allowed = "the critical queue, since the job is critical and the standard queue runs on spot"
            raise invalid(path, "only", only.node.path, allowed=allowed, write="only=env.critical_queue, or nothing")
        return self._queues[chosen]

    def _id(self, only: batch.CfnJobQueue | None = None, share: str | None = None) -> str:
        """What a policy of this job is called on a grantee."""
        queue = only.node.id if only is not None else ""
        return f"{Names.unique_resource_name(self, max_length=100)}{queue}{share or ''}"

    def _arn(self, kind: str, name: str) -> str:
        return Stack.of(self).format_arn(service="batch", resource=kind, resource_name=name)


def _pod(container: Container, *, service_account: str) -> dict[str, Any]:
    pod = pod_properties(container, service_account=service_account)
    return {"type": "container", "eks_properties": {"podProperties": pod}}


def _task(properties: Mapping[str, Any], platform: Platform, nodes: int) -> dict[str, Any]:
    runs_on = {"platform_capabilities": ["FARGATE" if isinstance(platform, Fargate) else "EC2"]}
    if nodes == 1:
        return {"type": "container", "container_properties": properties, **runs_on}
    everywhere = {"targetNodes": "0:", "container": properties}
    node_properties = {"mainNode": 0, "numNodes": nodes, "nodeRangeProperties": [everywhere]}
    return {"type": "multinode", "node_properties": node_properties, **runs_on}


def _retry_strategy(retries: Retries, platform: Platform) -> dict[str, Any]:
    """Reclaimed capacity and failed pulls are tried again, and what the program asks for; everything else is final."""
    reclaimed = _RECLAIMED_ON_FARGATE if isinstance(platform, Fargate) else _RECLAIMED_ON_INSTANCES
    return {
        "attempts": retries.attempts,
        "evaluateOnExit": [
            {"action": "RETRY", "onStatusReason": reclaimed},
            {"action": "RETRY", "onReason": _PULL_FAILED},
            *({"action": "RETRY", "onExitCode": str(code)} for code in retries.exit_codes),
            {"action": "EXIT", "onReason": "*"},
        ],
    }
