"""`SecureFargateTask`: a container on AWS Fargate that runs, ends, and is run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import Fn, Names, Size, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from secure_containers.ecr import EcrImage
from secure_containers.errors import check_list
from secure_containers.grants import check_local, grant_apart
from secure_containers.network import PrivateNetwork
from secure_containers.rules.ecs_model import RUNS_IN
from secure_containers.services.cluster import SecureEcsCluster
from secure_containers.services.parts import (
    Scratch,
    Tracing,
)
from secure_containers.services.running import (
    MAIN,
    Running,
    run_settings,
)
from secure_containers.services.service import SERVICE_TYPES, PrivateWorkload
from secure_containers.services.task import TASK_TYPES, ServiceTask
from secure_containers.tasks.checks import DEFAULT_USER
from secure_containers.tasks.parts import CpuArchitecture, FileMount, SecretField, SecureParameter
from secure_containers.tasks.roles import scheduler_role
from secure_containers.tasks.schedules import check_schedule, on_schedule
from secure_containers.waivers import Waiver, as_found

_TYPES: Final = (*SERVICE_TYPES, *TASK_TYPES)
_TASKS: Final = "ecs-tasks.amazonaws.com"
_ENDED_ILL: Final = [{"anything-but": [0]}]


class SecureFargateTask(PrivateWorkload):
    """A task on AWS Fargate that somebody runs, or a schedule: a migration, a report, a clean-up.

    Unasked, all that `SecureFargateService` is but for its way in and its service: nothing runs until it is asked for.
    People hear of every run that ends with another exit code than 0, or that cannot start. Jobs that wait for capacity
    in a queue, or come by the thousand, are `LeastPrivilegeBatchEnv`'s.

    Args:
        scope: the parent.
        id: the construct id.
        network: where it runs. For a VPC that is there already, `PrivateNetwork(self, "Network", vpc=vpc)`.
        image: what runs, by its digest. Amazon ECS asks nobody for signatures before such a task.
        cpu: how many vCPUs it has, one of Fargate's sizes. Left out: half a one.
        memory: how much memory it has, what goes with the vCPUs. Left out: 2 GiB for each vCPU, or the least.
        command: the command, in place of the image's own.
        environment: variables. What looks like a credential is refused.
        secrets: variables that are filled from secrets or parameters when it starts. Of a parameter that is encrypted
            with a key of yours, `SecureParameter` names the key.
        services: services of AWS that the program calls, as endpoints are named, such as `"dynamodb"`.
        cluster: where it runs, shared or imported. Left out, a cluster of its own.
        architecture: for what processors the image is built.
        user: who the program runs as: user and group, as numbers or names. Root needs a waiver of SC-ECS-03.
        scratch: directories that the program may write to, of 64 MiB of the task's memory each, or as `Scratch` says.
            Outside the commercial Regions they are of the task's storage, and the image declares each as a `VOLUME`
            that the user owns.
        file_mounts: directories in file systems of Amazon EFS.
        ephemeral_storage: the size of its own storage, 21 to 200 GiB. Left out: 20 GiB.
        tracing: traces in AWS X-Ray. Left out, none.
        runtime_monitoring: GuardDuty's agent may run beside it. False where the account has no runtime monitoring, or
            the addresses of an imported VPC are not told.
        topic: where failures go. The policies of an imported topic and of its key have to let CloudWatch and
            EventBridge in. Left out, an encrypted one is made.
        encryption_key: encrypts logs, and the storage of a cluster of its own. The policy of an imported key has to let
            CloudWatch Logs, and Fargate, use it. Left out, one is made.
        log_retention: how long logs are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/standalone-tasks.html
    """

    task: ServiceTask
    """What runs: its roles, its definition, its log group; sidecars by `task.add_sidecar`."""
    cluster: ecs.ICluster
    """Where it runs."""
    log_group: logs.LogGroup
    """Where the output of its containers goes."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        image: EcrImage,
        cpu: float = 0.5,
        memory: Size | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret | ssm.IParameter | SecretField | SecureParameter] | None = None,
        services: Sequence[str] = (),
        cluster: SecureEcsCluster | ecs.ICluster | None = None,
        architecture: CpuArchitecture = CpuArchitecture.X86_64,
        user: str = DEFAULT_USER,
        scratch: Sequence[str | Scratch] = (),
        file_mounts: Sequence[FileMount] = (),
        ephemeral_storage: Size | None = None,
        tracing: Tracing | None = None,
        runtime_monitoring: bool = True,
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        super().__init__(scope, id, waivers=waivers, types=_TYPES)
        with self._or_nothing():
            run = run_settings(
                self,
                self._off,
                network=network,
                cpu=cpu,
                memory=memory,
                command=command,
                environment=environment,
                secrets=secrets,
                services=services,
                tracing=tracing,
                topic=topic,
                encryption_key=encryption_key,
                log_retention=log_retention,
                image=image,
                user=user,
                scratch=scratch,
                file_mounts=file_mounts,
                architecture=architecture,
                ephemeral_storage=ephemeral_storage,
                cluster=cluster,
                runtime_monitoring=runtime_monitoring,
            )
            self._found(key=encryption_key, topic=topic, limits=None, title=f"Alarms of {id}"[:100])
            self._running = Running(self, network=network, settings=run, key=self.encryption_key, removal=self._removal)
            self.cluster, self.task = self._running.cluster, self._running.task
            # By a name that other stacks know too: what takes an ARN apart takes none that another stack tells.
            self._family = Names.unique_resource_name(self.task, max_length=255, separator="-")
            self.task.definition.family = self._family
            place = self._running.place["awsvpcConfiguration"]
            told = {"Subnets": place["subnets"], "SecurityGroups": place["securityGroups"]}
            self.task.definition.add_metadata(RUNS_IN, told)  # so that the rules prove the way of tasks run by people
            self.role, self.log_group = self.task.role, self.task.log_group
            self._connections = self._outbound = self.task.connections
            self._tell_of_failures()
            self._off.apply()
            self._running.reach()

    @property
    def network_configuration(self) -> Mapping[str, Any]:
        """Where it runs, as `aws ecs run-task --network-configuration` takes it."""
        return self._running.place

    def add_schedule(
        self,
        id: str,
        *,
        schedule: scheduler.ScheduleExpression,
        command: Sequence[str] | None = None,
    ) -> scheduler.CfnSchedule:
        """Run it again and again, by Amazon EventBridge Scheduler. What cannot be started waits in the queue of
        undelivered events, of which an alarm tells. Now and then a schedule acts twice: the program has to bear it.

        Args:
            id: the construct id.
            schedule: when, such as `ScheduleExpression.cron(hour="2", minute="0", time_zone=TimeZone.EUROPE_BERLIN)`.
            command: the command of these runs, in place of the task's own.

        Raises:
            ValueError: the expression or the command is none, or the id is taken.
        """
        path = f"{self.node.path}: add_schedule"
        check_schedule(path, id, schedule, self)
        if command is not None:
            check_list(path, "command", command, str, allowed="a list of texts", write='command=["report"]')
        overrides = {"containerOverrides": [{"name": MAIN, "command": list(command or ())}]}
        return on_schedule(
            self,
            id,
            description=f"Runs {self.node.path}",
            schedule=schedule,
            undelivered=self._watch.alarms.undelivered,
            target=self.cluster.cluster_arn,
            role_arn=self._scheduler_role().role_arn,
            ecs_parameters=scheduler.CfnSchedule.EcsParametersProperty(
                task_definition_arn=self.task.definition.ref,
                launch_type="FARGATE",
                platform_version="LATEST",
                task_count=1,  # without tags, for which the role would have to be let tag any task
                network_configuration=self._running.place,
            ),
            input=Stack.of(self).to_json_string(overrides) if command is not None else None,
        )

    def grant_run(self, grantee: iam.IGrantable) -> None:
        """Let somebody of this account run it, in its cluster and with its roles.

        Args:
            grantee: who runs it.

        Raises:
            ValueError: no policy can be attached to the grantee, or it is of another account.
        """
        check_local(f"{self.node.path}: grant_run", grantee, self)
        stack = Stack.of(self)
        revisions = f"{self._family_arn}:*"
        grant_apart(
            grantee,
            f"Run{Names.unique_resource_name(self, max_length=100)}",
            [
                iam.PolicyStatement(
                    # Of any revision: a definition gets a new one with every update, those who run it live elsewhere.
                    actions=["ecs:RunTask"],
                    resources=[revisions],
                    conditions={"ArnEquals": {"ecs:cluster": self.cluster.cluster_arn}},
                ),
                iam.PolicyStatement(
                    actions=["iam:PassRole"],
                    resources=[self.task.role.role_arn, self.task.execution_role.role_arn],
                    conditions={"StringEquals": {"iam:PassedToService": _TASKS}},
                ),
            ],
            [
                Waiver(
                    f"AwsSolutions-IAM5[Resource::{as_found(stack, revisions)}]",
                    reason="every revision of one task definition: updates make new ones",
                )
            ],
            scope=self,
        )

    @property
    def _family_arn(self) -> str:
        """The ARN of the task definition without its revision."""
        return Stack.of(self).format_arn(service="ecs", resource="task-definition", resource_name=self._family)

    def _scheduler_role(self) -> iam.Role:
        made = self.node.try_find_child("SchedulerRole")
        if isinstance(made, iam.Role):
            return made
        role = scheduler_role(self, "SchedulerRole", description=f"Runs {self.node.path} on schedule"[:1000])
        self.grant_run(role)
        role.add_to_policy(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self._watch.alarms.undelivered.queue_arn])
        )
        return role

    def _tell_of_failures(self) -> None:
        """Of runs of this definition that end ill, and of those that cannot start, whose containers have no code."""
        family = Fn.join("", [self._family_arn, ":"])
        for id, detail, what in (
            ("Failed", {"containers": {"name": [MAIN], "exitCode": _ENDED_ILL}}, "ended with another exit code than 0"),
            ("NotStarted", {"stopCode": ["TaskFailedToStart"]}, "could not start"),
        ):
            self._watch.alarms.add_event(
                id,
                pattern={
                    "source": ["aws.ecs"],
                    "detail-type": ["ECS Task State Change"],
                    "detail": {
                        "lastStatus": ["STOPPED"],
                        "taskDefinitionArn": [{"prefix": family}],
                        "clusterArn": [self.cluster.cluster_arn],
                        **detail,
                    },
                },
                description=f"A run of {self.node.path} {what}; docs/services.md, 'Failed runs'"[:512],
            )
