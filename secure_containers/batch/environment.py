"""`LeastPrivilegeBatchEnv`: queues over capacity by design, and jobs that may do what they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import jsii
from aws_cdk import Duration, Names, RemovalPolicy, Size
from aws_cdk import aws_batch as batch
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from secure_containers.alarms import alarm_topic
from secure_containers.batch.capacity import Capacity
from secure_containers.batch.containers import Container
from secure_containers.batch.job import BatchJob, Home
from secure_containers.batch.parts import Fleet, QueueLimits, Retries, Share
from secure_containers.batch.permissions import let_write
from secure_containers.batch.platforms import Ec2, Eks, Fargate, Platform
from secure_containers.batch.settings import (
    check_environment,
    check_fleet,
    check_job,
    check_name,
    check_outputs,
    check_scope,
)
from secure_containers.batch.watch import JobWatch
from secure_containers.buckets import access_log_bucket, log_by_bucket_policy, private_bucket
from secure_containers.ecr import EcrImage
from secure_containers.errors import invalid
from secure_containers.keys import own_key
from secure_containers.network import IMAGE_PULL, PrivateNetwork
from secure_containers.rules.network.services import HOST_SERVICES
from secure_containers.security_groups import closed_group
from secure_containers.tasks.checks import DEFAULT_USER, default_memory
from secure_containers.tasks.parts import FileMount, SecretField, SecureParameter
from secure_containers.tasks.permissions import let_mount, let_read, value_from
from secure_containers.waivers import DefaultsOff, Waiver

_TYPES: Final = (
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::JobQueue",
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::SecurityGroup",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
)
"""What a waiver of the environment can be about."""
_SESSION_SERVICES: Final = ("ssm", "ssmmessages")
_POD_SERVICES: Final = ("ec2", "eks", "eks-auth", "sts")
_OUTPUT_DAYS: Final = 90


@jsii.implements(ec2.IConnectable)
class LeastPrivilegeBatchEnv(Construct):
    """Queues and capacity for jobs of AWS Batch, each kind of which has roles of its own.

    Unasked:

    - a critical queue on on-demand capacity, and a standard queue on spot with on-demand capacity behind it;
    - Fargate, in the isolated subnets of a private network, without public addresses, with a security group that lets
      nothing in and out to nothing but the endpoints of the services that jobs need;
    - each kind of job with a role that may do nothing until it is granted, and another one that starts it: its image,
      its log group, its secrets and no more. Both can be taken for this account's tasks only;
    - containers by digest, not as root, with a read-only root, without privileges; secrets from Secrets Manager or
      Systems Manager only; a timeout; reclaimed capacity is tried again, failures are not;
    - jobs that cannot start are cancelled after a time, and the reason is kept;
    - an encrypted log group for each kind of job and one for every event of the queues; alarms on failed jobs, on jobs
      that cannot start, on the depth and the age of queues; a dashboard. **Nobody is subscribed to the topic** that is
      made: do that next.

    Nothing has a physical name, and queues and compute environments carry no tags, not even an app's: a change of these
    would replace them. What each change of arguments does to running jobs stands in docs/batch.md.

    Args:
        scope: the parent.
        id: the construct id.
        network: where jobs run. For a VPC that is there already, `PrivateNetwork(self, "Network", vpc=vpc)`.
        platform: `Fargate()`, `Ec2(...)` or `Eks(...)`. Left out: Fargate, for x86-64.
        subnets: where in the network. Left out: its isolated subnets; `network.egress_subnets` for jobs that need the
            internet, together with `network.require_internet(env)`.
        fleet: how many vCPUs run at once. Left out: 64 for critical jobs, 256 on spot and 64 behind it.
        shares: who shares the queues. Every job is then submitted with an identifier. AWS can neither give a queue
            shares later nor take them all away: either makes new queues, and the jobs that wait in the old ones are
            lost. Left out: first come, first served.
        queue_limits: how long queues may be before somebody hears of it, and when jobs that cannot start are cancelled.
            Left out: 500 jobs, half an hour, and four hours.
        topic: where alarms go. The policies of an imported topic and of its key have to let CloudWatch in. Left out, an
            encrypted one is made.
        encryption_key: encrypts logs, outputs and the volumes of instances. The policy of an imported key has to let
            CloudWatch Logs, and for instances EC2, use it. Left out, one is made.
        log_retention: how long logs and events are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver.

    Source: https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html
    """

    critical_queue: batch.CfnJobQueue
    """Jobs that have to run: on demand, first."""
    standard_queue: batch.CfnJobQueue
    """All others: on spot, and on demand where there is none."""
    on_demand: batch.CfnComputeEnvironment
    """The capacity of the critical queue."""
    spot: batch.CfnComputeEnvironment
    """The capacity of the standard queue."""
    fallback: batch.CfnComputeEnvironment | None
    """What the standard queue runs on where there is no spot capacity; None only if SC-BAT-11 is waived."""
    encryption_key: kms.IKey
    """The key of logs, outputs and volumes."""
    topic: sns.ITopic
    """Where alarms go."""
    event_log_group: logs.ILogGroup
    """The record of every change of a job's state."""
    dashboard: cloudwatch.Dashboard
    """The life of the jobs on one page."""
    output_bucket: s3.IBucket | None
    """Where jobs write what they make, each under its own prefix; None until `add_output_bucket`."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        platform: Platform | None = None,
        subnets: ec2.SubnetSelection | None = None,
        fleet: Fleet | None = None,
        shares: Sequence[Share] = (),
        queue_limits: QueueLimits | None = None,
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        path = f"{scope.node.path}/{id}".lstrip("/")
        check_environment(
            path,
            network=network,
            platform=platform,
            subnets=subnets,
            fleet=fleet,
            shares=shares,
            queue_limits=queue_limits,
            topic=topic,
            encryption_key=encryption_key,
            log_retention=log_retention,
            waivers=waivers,
        )
        fleet, limits = fleet or Fleet(), queue_limits or QueueLimits()
        super().__init__(scope, id)
        log_by_bucket_policy(self)
        try:
            off = DefaultsOff(self, path, waivers, types=_TYPES)
            check_fleet(path, fleet, off)
        except ValueError:
            scope.node.try_remove_child(id)  # a wrong argument leaves nothing behind
            raise
        self._path, self._network, self._platform = path, network, platform or Fargate()
        self._timeouts: dict[str, Duration | None] = {}  # by the ids of the jobs
        self._output_prefix = ""
        self.output_bucket = None
        kept = not off.waived("SC-DEL-01")
        self._removal = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if kept else RemovalPolicy.DESTROY
        self.encryption_key = encryption_key or own_key(
            self, f"Encrypts logs, outputs and volumes of {path}", off=off, removal=self._removal
        )
        self.topic = topic or alarm_topic(
            self,
            "Topic",
            display_name="Alarms of batch jobs",
            rotation=not off.waived("SC-KMS-01"),
            removal=self._removal,
            organization_id=None,
        )
        group = closed_group(self, "SecurityGroup", vpc=network.vpc, description=f"Jobs of {path}")
        self._connections = ec2.Connections(security_groups=[group])
        self._reach_services()
        capacity = Capacity(
            self,
            platform=self._platform,
            fleet=fleet,
            subnets=(subnets or network.subnets).subnets or [],
            group=group,
            key=self.encryption_key,
            longest_job=self._longest,
        )
        self.on_demand, self.spot, self.fallback = capacity.on_demand, capacity.spot, capacity.fallback
        queues = capacity.queues(shares, None if off.waived("SC-BAT-10") else limits.cancel_after)
        self.critical_queue, self.standard_queue = (queue.resource for queue in queues)
        watch = JobWatch(
            self,
            "Watch",
            queues=queues,
            topic=self.topic,
            key=self.encryption_key,
            limits=limits,
            retention=log_retention,
            removal=self._removal,
        )
        self.event_log_group, self.dashboard = watch.events, watch.dashboard
        self._home = Home(
            platform=self._platform,
            queues=queues,
            shares=shares,
            watch=watch,
            key=self.encryption_key,
            retention=log_retention,
            removal=self._removal,
        )
        off.apply()

    @property
    def connections(self) -> ec2.Connections:
        """What jobs are connected to: `database.connections.allow_default_port_from(env)`."""
        return self._connections

    def add_job(
        self,
        id: str,
        *,
        image: EcrImage,
        critical: bool = False,
        command: Sequence[str] | None = None,
        parameters: Mapping[str, str] | None = None,
        vcpus: float = 1,
        memory: Size | None = None,
        gpus: int = 0,
        timeout: Duration | None = Duration.hours(1),  # noqa: B008 - it cannot be changed
        retries: Retries | None = Retries(),  # noqa: B008 - likewise
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret | ssm.IParameter | SecretField | SecureParameter] | None = None,
        services: Sequence[str] = (),
        user: str = DEFAULT_USER,
        scratch: Sequence[str] = (),
        ephemeral_storage: Size | None = None,
        file_mounts: Sequence[FileMount] = (),
        nodes: int = 1,
        error_patterns: Mapping[str, str] | None = None,
        scope: Construct | None = None,
        waivers: Sequence[Waiver] = (),
    ) -> BatchJob:
        """Add a kind of job.

        Args:
            id: the construct id, and the name in metrics: letters and digits, once in an environment.
            image: what runs, by its digest.
            critical: it has to run: it goes to the critical queue, on demand. Left out, to the standard one, on spot.
            command: the command, in place of the image's own. `Ref::name` stands for a parameter.
            parameters: the parameters' values where a submission gives none.
            vcpus: how many vCPUs; on Fargate one of its sizes, on instances a whole number.
            memory: how much memory; on Fargate what goes with the vCPUs. Left out: 2 GiB for each vCPU, or the least
                that goes with them.
            gpus: how many GPUs, on platforms that have some.
            timeout: after what time AWS Batch ends an attempt, a minute at least. None needs a waiver of SC-BAT-06.
            retries: how often it is tried. None needs a waiver of SC-BAT-07.
            environment: variables. What looks like a credential is refused.
            secrets: variables that are filled from secrets or parameters when the job starts. Of a parameter that is
                encrypted with a key of yours, `SecureParameter` names the key.
            services: services of AWS that the program calls, as endpoints are named, such as `"dynamodb"`. Those of its
                image, logs, secrets and outputs are known.
            user: who the program runs as: user and group, as numbers or names. Root needs a waiver of SC-BAT-03.
            scratch: directories that the program may write to, empty at first. On Fargate they are of the task's own
                storage, and the image declares each as a `VOLUME` that the user owns; on instances and in pods they are
                256 MiB of memory.
            ephemeral_storage: on Fargate the size of the task's own storage, 21 to 200 GiB. Left out: 20 GiB.
            file_mounts: directories in file systems of Amazon EFS.
            nodes: on how many instances at once it runs, for critical jobs on `Ec2`. Left out: 1.
            error_patterns: names of error patterns and the filter patterns of CloudWatch Logs that find them. An alarm
                tells of each.
            scope: where the job stands, if that is another stack than the environment's.
            waivers: defaults to turn off (SC-BAT-03 to SC-BAT-07) and findings to accept, each with its reason.

        Raises:
            ValueError: an argument is wrong, contradicts another, weakens a default without a waiver, or the id is
                taken.
        """
        where = scope or self
        path = f"{where.node.path}/{id}".lstrip("/")
        check_name(f"{self._path}: add_job", id, where, self._timeouts)
        check_scope(f"{self._path}: add_job", where, self)
        memory_ = memory or default_memory(vcpus, on_fargate=isinstance(self._platform, Fargate))
        given = {"environment": environment or {}, "secrets": secrets or {}, "error_patterns": error_patterns or {}}
        set_already = {**self._network.environment, **self._outputs(id)}
        off = check_job(
            where,
            path,
            self._platform,
            image=image,
            critical=critical,
            command=command,
            parameters=parameters or {},
            vcpus=vcpus,
            memory=memory_,
            gpus=gpus,
            timeout=timeout,
            retries=retries,
            services=services,
            user=user,
            scratch=scratch,
            ephemeral_storage=ephemeral_storage,
            file_mounts=file_mounts,
            nodes=nodes,
            waivers=waivers,
            set_already=set_already,
            **given,
        )
        container = Container(
            image=image.uri,
            command=command,
            environment={**set_already, **(environment or {})},
            secrets={name: value_from(secret) for name, secret in (secrets or {}).items()},
            vcpus=vcpus,
            memory=memory_,
            gpus=gpus,
            ephemeral_storage=ephemeral_storage,
            user=user,
            read_only_root=not off.waived("SC-BAT-04"),
            scratch=scratch,
            file_mounts=file_mounts,
        )
        job = BatchJob(
            where,
            id,
            home=self._home,
            critical=critical,
            image=image,
            container=container,
            nodes=nodes,
            parameters=parameters or {},
            timeout=timeout,
            retries=retries,
            error_patterns=error_patterns or {},
            waivers=waivers,
        )
        self._timeouts[id] = timeout
        if self.output_bucket is not None:
            job.output_prefix = self._prefix(id)
            let_write(job, self.output_bucket, job.output_prefix)
        for mount in file_mounts:
            let_mount(job.role, mount, self, called="jobs")
        reads = let_read(job.execution_role, (secrets or {}).values()) if job.execution_role is not None else []
        called = [*reads, *services]
        if called:
            self._network.require(self, *called)
        if nodes > 1:
            self._connections.allow_internally(ec2.Port.all_tcp(), "between the nodes of a job")
        return job

    def add_output_bucket(
        self, bucket: s3.IBucket | None = None, *, prefix: str | None = None, expiration: Duration | None = None
    ) -> s3.IBucket:
        """Give jobs a bucket for what they make. Each job that is added from then on may write under its own prefix,
        and finds both in the variables `OUTPUT_BUCKET` and `OUTPUT_PREFIX`.

        Args:
            bucket: a bucket that is there already; it should be encrypted, private and versioned, as rules ask for.
                Left out, one is made that is all this, and logs its readers.
            prefix: what all keys begin with. Left out: the id of this environment, in a bucket that is there already
                its unique name.
            expiration: after what time a new bucket deletes outputs. Left out: never; versions that were overwritten go
                after 90 days.

        Raises:
            ValueError: there is an output bucket or a job already, `expiration` is given for an existing bucket, or an
                argument is wrong.
        """
        path = f"{self._path}: add_output_bucket"
        if self.output_bucket is not None or self._timeouts:
            allowed = "one output bucket, before the first job"
            got = self.output_bucket.node.path if self.output_bucket is not None else f"{len(self._timeouts)} jobs"
            raise invalid(path, "bucket", got, allowed=allowed, write="env.add_output_bucket() before env.add_job(...)")
        if bucket is not None and expiration is not None:
            allowed = "for a new bucket only"
            raise invalid(path, "expiration", expiration, allowed=allowed, write="a lifecycle rule of the bucket's own")
        check_outputs(path, bucket, prefix)
        own = self.node.id if bucket is None else Names.unique_resource_name(self, max_length=63, separator="-")
        self._output_prefix = (own if prefix is None else prefix).strip("/")
        self.output_bucket = bucket or private_bucket(
            self,
            "Outputs",
            key=self.encryption_key,
            access_logs=access_log_bucket(self, "AccessLogs", removal=self._removal),
            organization_id=None,
            lifecycle=s3.LifecycleRule(
                abort_incomplete_multipart_upload_after=Duration.days(7),
                expiration=expiration,
                noncurrent_version_expiration=Duration.days(_OUTPUT_DAYS),
            ),
            removal=self._removal,
        )
        self._network.require(self, "s3")
        return self.output_bucket

    def on_state_change(
        self, id: str, *, states: Sequence[str] = ("FAILED",), target: events.IRuleTarget | None = None
    ) -> events.Rule:
        """Send an event to a target whenever a job of any kind comes into a state. Events may arrive twice.

        Args:
            id: the construct id of the rule.
            states: the states, as AWS Batch calls them. Left out: `FAILED`.
            target: where the event goes; more can be added to the rule.

        Raises:
            ValueError: there is no such state.
        """
        return self._home.watch.rule(self, id, states=states, target=target)

    def _reach_services(self) -> None:
        """What starting jobs takes; what the jobs themselves call comes with each."""
        needed = [*IMAGE_PULL, "logs"]
        if isinstance(self._platform, Ec2):
            needed += [*HOST_SERVICES, *(_SESSION_SERVICES if self._platform.session_manager else ())]
        elif isinstance(self._platform, Eks):
            needed += _POD_SERVICES
        self._network.require(self, *needed)

    def _longest(self) -> Duration | None:
        """How long an attempt of the longest job may take; None if one of them has no timeout."""
        if None in self._timeouts.values():
            return None
        given = [timeout for timeout in self._timeouts.values() if timeout is not None]
        return max(given, key=lambda timeout: timeout.to_seconds(), default=Duration.minutes(0))

    def _outputs(self, id: str) -> dict[str, str]:
        if self.output_bucket is None:
            return {}
        return {"OUTPUT_BUCKET": self.output_bucket.bucket_name, "OUTPUT_PREFIX": self._prefix(id)}

    def _prefix(self, id: str) -> str:
        return f"{self._output_prefix}/{id}/".lstrip("/")
