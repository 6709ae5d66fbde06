"""`S3BatchPipeline`: from an upload to a result, once, whatever is delivered twice or dies on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import Duration, Names, RemovalPolicy, Size, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from secure_containers.batch import BatchJob, LeastPrivilegeBatchEnv, Retries
from secure_containers.buckets import log_by_bucket_policy
from secure_containers.ecr import EcrImage
from secure_containers.errors import invalid
from secure_containers.grants import check_carrier, check_local, grant_apart
from secure_containers.keys import WRITE, through, use_key
from secure_containers.network import PrivateNetwork
from secure_containers.pipeline.functions import Consumer, Notifier, Plant, Reconciler, let_submit
from secure_containers.pipeline.malware import CLEAN, SCAN_TAG, MalwareScan
from secure_containers.pipeline.parts import Accept, PipelineLimits
from secure_containers.pipeline.settings import (
    check_bucket,
    check_home,
    check_overlap,
    check_pipeline,
    check_prefix,
    check_table,
    claim_prefix,
    undone_if_refused,
)
from secure_containers.pipeline.stores import input_bucket as new_input_bucket
from secure_containers.pipeline.stores import results_table as new_results_table
from secure_containers.pipeline.watch import PipelineWatch
from secure_containers.runtime.terms import BY_STATUS
from secure_containers.tasks.parts import SecretField, SecureParameter
from secure_containers.waivers import DefaultsOff, Waiver, as_found, waive

_TYPES: Final = (
    "AWS::CloudWatch::Alarm",
    "AWS::DynamoDB::Table",
    "AWS::EC2::SecurityGroup",
    "AWS::Events::Rule",
    "AWS::KMS::Key",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
)
"""What a waiver of the pipeline can be about."""
_ENVIRONMENT_TOO: Final = ("SC-DEL-01", "SC-KMS-01")
"""Rules whose waivers the environment heeds that the pipeline makes, and records: the keys are its own."""
_UPLOAD: Final = ("s3:AbortMultipartUpload", "s3:PutObject")
_READ_RESULTS: Final = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")
_MARGIN: Final = Duration.minutes(10)
_LONGEST_NAMESPACE: Final = 190


class S3BatchPipeline(Construct):
    """Uploads to a bucket become jobs, and jobs become results in a table: one job and one result for each version of
    an object, whatever is delivered twice, throttled or killed on the way.

    Unasked:

    - a private bucket, encrypted with a key of yours, versioned, over TLS only, whose every reader is logged;
    - events by Amazon EventBridge into a queue, so that nothing is lost while something is down; what cannot be handled
      waits as a dead letter, an alarm tells, and it can be sent again;
    - a function in the private network that checks name, type and size of each object, **claims it by a conditional
      write, and then submits its job**. Its role may write items and submit this one job, and nothing else;
    - a job on Fargate in isolated subnets, which may read objects below the prefix, write their items, and write large
      results below a prefix of its own;
    - a table that is encrypted with a key of yours, backed up to any second, and protected from deletion. Its items
      have the state of every object, also of those that were refused, with the reason;
    - the end of each job, recorded by events even if the container could not do it; a reconciler that finds objects
      without an item, claims without a job and jobs without a result, and puts them right;
    - one correlation id in all logs; alarms on what was refused, delivered again, lost, left unfinished; a dashboard.
      **Nobody is subscribed to the topic** that is made: do that next.

    The container's program is a function from an object to a result, by `secure_containers.runtime`. The life of an
    item, what happens if something dies at any point, and what it costs stand in docs/pipeline.md.

    Args:
        scope: the parent.
        id: the construct id.
        network: where functions and jobs run. For a VPC that is there already,
            `PrivateNetwork(self, "Network", vpc=vpc)`.
        image: the program, by its digest. Its entry point gets the coordinates of the object after `command`.
        accept: which objects are taken. Left out: anything from a byte to 5 GiB below `uploads/`.
        jobs: the environment that jobs run in, with an output bucket. Left out, one is made, on Fargate for x86-64.
        critical: jobs go to the critical queue, on demand. Left out, to the standard one, on spot.
        command: what the entry point gets before the object's key and version. Left out: nothing.
        vcpus: how many vCPUs a job has, a size of Fargate.
        memory: how much memory. Left out: 2 GiB for each vCPU, or the least that goes with them.
        timeout: after what time AWS Batch ends an attempt, a minute at least. Left out: an hour.
        retries: how often a job is tried: for reclaimed capacity, failed pulls, and exit code 75.
        lease: how long an attempt keeps its object before somebody looks what became of it; at least the timeout. Left
            out: the timeout and ten minutes.
        environment: variables for the program. What looks like a credential is refused.
        secrets: variables that are filled from secrets or parameters when a job starts.
        services: services of AWS that the program calls besides, as endpoints are named.
        user: who the program runs as, user and group. Root needs an environment of your own.
        scratch: directories that the program may write to.
        ephemeral_storage: the task's own storage, 21 to 200 GiB. Left out: 20 GiB.
        share: the share identifier that jobs are submitted with, if `jobs` has shares.
        input_bucket: a bucket that is there already, in this account and Region: versioned, with its events sent to
            Amazon EventBridge, and if it is imported, with its key, whose policy has to let this account's roles use
            it. Left out, one is made.
        results_table: the table of another pipeline; if it is imported, with its key. Left out, one is made.
        malware_scan: GuardDuty scans each upload first. Jobs may read only what it has found clean; the rest is
            refused. Nobody else may set its tag, in a bucket that is made in the app. Left out: no, since it costs by
            the gigabyte.
        max_concurrency: how many batches of ten uploads are taken at once, 2 to 50. Left out: 5.
        keep: how long items without a result are kept, 30 days at least. Results are kept until you delete them. Left
            out: 90 days.
        limits: from when on alarms tell.
        topic: where alarms go, if the environment is made here. Left out, an encrypted one is made.
        encryption_key: encrypts bucket, table, logs and outputs. The policy of an imported key has to let CloudWatch
            Logs use it. Left out: that of the environment.
        log_retention: how long logs are kept. Left out: a year.
        waivers: defaults to turn off and findings to accept, each with its reason. Those of the environment's own
            belong to an environment that you make.

    Raises:
        ValueError: an argument is wrong, contradicts another or weakens a default without a waiver; the prefix overlaps
            that of another pipeline; or a bucket or table lacks what the pipeline needs.
        ImportError: Powertools is not installed, which is packed into the functions.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
    """

    input_bucket: s3.IBucket
    """Where objects are uploaded, below the prefix of `accept`."""
    results_table: dynamodb.ITable
    """The item of every version of an object."""
    jobs: LeastPrivilegeBatchEnv
    """Queues and capacity."""
    job: BatchJob
    """The kind of job that works on objects; it takes grants of other constructs."""
    queue: sqs.IQueue
    """Uploads on their way."""
    dead_letters: sqs.IQueue
    """Uploads that could not be handled."""
    topic: sns.ITopic
    """Where alarms go."""
    encryption_key: kms.IKey
    """The key of bucket, table, logs and outputs."""
    dashboard: cloudwatch.Dashboard
    """The pipeline on one page."""
    intake: lambda_.Function
    """The function that takes uploads."""
    recorder: lambda_.Function
    """The function that records the ends of jobs."""
    reconciler: lambda_.Function
    """The function that puts right what was interrupted, and tries objects again when it is asked:
    `pipeline.reconciler.grant_invoke(operator)`."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: PrivateNetwork,
        image: EcrImage,
        accept: Accept | None = None,
        jobs: LeastPrivilegeBatchEnv | None = None,
        critical: bool = False,
        command: Sequence[str] = (),
        vcpus: float = 1,
        memory: Size | None = None,
        timeout: Duration = Duration.hours(1),  # noqa: B008 - it cannot be changed
        retries: Retries = Retries(exit_codes=[75]),  # noqa: B008 - likewise
        lease: Duration | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret | ssm.IParameter | SecretField | SecureParameter] | None = None,
        services: Sequence[str] = (),
        user: str = "65532:65532",
        scratch: Sequence[str] = (),
        ephemeral_storage: Size | None = None,
        share: str | None = None,
        input_bucket: s3.IBucket | None = None,
        results_table: dynamodb.ITable | None = None,
        malware_scan: bool = False,
        max_concurrency: int = 5,
        keep: Duration = Duration.days(90),  # noqa: B008 - likewise
        limits: PipelineLimits | None = None,
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        path = f"{scope.node.path}/{id}".lstrip("/")
        check_pipeline(
            path,
            network=network,
            image=image,
            accept=accept,
            jobs=jobs,
            command=command,
            timeout=timeout,
            retries=retries,
            lease=lease,
            environment=environment,
            share=share,
            input_bucket=input_bucket,
            results_table=results_table,
            malware_scan=malware_scan,
            max_concurrency=max_concurrency,
            keep=keep,
            limits=limits,
            topic=topic,
            encryption_key=encryption_key,
            log_retention=log_retention,
            waivers=waivers,
        )
        accept = accept or Accept()
        if input_bucket is not None:
            check_bucket(path, scope, input_bucket)
            check_overlap(path, scope, input_bucket, accept.prefix, scanned=malware_scan)
        if results_table is not None:
            check_table(path, scope, results_table)
        super().__init__(scope, id)
        log_by_bucket_policy(self)
        with undone_if_refused(scope, id):
            off = DefaultsOff(self, path, waivers, types=_TYPES)
            removal = RemovalPolicy.DESTROY if off.waived("SC-DEL-01") else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
            self._accept, self._scanned = accept, malware_scan
            self.jobs = jobs or LeastPrivilegeBatchEnv(
                self,
                "Jobs",
                network=network,
                topic=topic,
                encryption_key=encryption_key,
                log_retention=log_retention,
                waivers=[waiver for waiver in waivers if waiver.id in _ENVIRONMENT_TOO],
            )
            if jobs is None:
                self.jobs.add_output_bucket()
            self.encryption_key, self.topic = encryption_key or self.jobs.encryption_key, self.jobs.topic
            self.input_bucket = input_bucket or new_input_bucket(
                self, "Uploads", key=self.encryption_key, removal=removal
            )
            self.results_table = results_table or new_results_table(
                self, "Results", key=self.encryption_key, waivers=waivers, removal=removal
            )
            lease = lease or timeout.plus(_MARGIN)
            self.job = self.jobs.add_job(
                "Transform" if jobs is None else f"{''.join(filter(str.isalnum, id))}Transform",
                scope=self,
                image=image,
                critical=critical,
                command=[*command, "Ref::key", "Ref::version"],
                parameters=dict.fromkeys(("bucket", "key", "version", "correlation_id"), "none"),
                vcpus=vcpus,
                memory=memory,
                timeout=timeout,
                retries=retries,
                environment={
                    **(environment or {}),
                    "INPUT_BUCKET": self.input_bucket.bucket_name,
                    "KEEP_SECONDS": str(int(keep.to_seconds())),
                    "LARGEST_OBJECT": str(accept.acceptance().largest),
                    "SMALLEST_OBJECT": str(accept.acceptance().smallest),
                    "LEASE_SECONDS": str(int(lease.to_seconds())),
                    "RESULTS_TABLE": self.results_table.table_name,
                },
                secrets=secrets,
                services=["dynamodb", "s3", *services],
                user=user,
                scratch=scratch,
                ephemeral_storage=ephemeral_storage,
            )
            namespace = Names.unique_resource_name(self, max_length=_LONGEST_NAMESPACE, separator="-")
            self._plant = Plant(
                network=network,
                key=self.encryption_key,
                bucket=self.input_bucket,
                table=self.results_table,
                job=self.job,
                acceptance=accept.acceptance(),
                share=share,
                keep=keep,
                retention=log_retention,
                removal=removal,
                namespace=f"SecureContainers/Pipeline/{namespace}",
                new=input_bucket is None and results_table is None,
                scanned=malware_scan,
            )
            self._let_work()
            self._notifier: Notifier | None = None
            self._build(limits or PipelineLimits(), timeout, max_concurrency)
            waive(self, *(waiver for waiver in waivers if waiver.id not in _ENVIRONMENT_TOO))
        claim_prefix(path, self, self.input_bucket, accept.prefix, scanned=malware_scan)

    def grant_upload(self, grantee: iam.IGrantable, *, prefix: str | None = None) -> None:
        """Let somebody upload, and no more: not read, list or delete. Who uploads over an object adds a version.

        A principal of another account gets in by the policies of bucket and key; its own account has to allow it too.

        Args:
            grantee: who uploads.
            prefix: below what. Left out: below that of `accept`.

        Raises:
            ValueError: the prefix is outside that of `accept`, or the bucket is imported and the grantee of another
                account, whom nothing here could let in.
        """
        path = f"{self.node.path}: grant_upload"
        below = self.input_bucket.arn_for_objects(f"{check_prefix(path, prefix, self._accept)}*")
        key, stack = self.input_bucket.encryption_key, Stack.of(self)
        statements = [iam.PolicyStatement(actions=list(_UPLOAD), resources=[below])]
        if key is not None:
            statements.append(use_key(key, "s3", stack, WRITE))
        principal: Any = grantee.grant_principal
        account = principal.principal_account
        if account not in (None, stack.account) and not Token.is_unresolved(account):
            self._let_in(path, principal, below)
            return
        check_carrier(path, principal)
        reason = "names of uploads are not known before; the prefix is what this principal may write below"
        grant_apart(
            grantee,
            f"Upload{self._id(prefix)}",
            statements,
            [Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, below)}]", reason=reason)],
            scope=self,
        )

    def grant_read_results(self, grantee: iam.IGrantable) -> None:
        """Let somebody of this account read items and results, also large ones, and not change them.

        Args:
            grantee: who reads.

        Raises:
            ValueError: the grantee is of another account: give it a role here.
        """
        path = f"{self.node.path}: grant_read_results"
        check_local(path, grantee, self)
        table, stack = self.results_table, Stack.of(self)
        bucket, prefix = self._outputs()
        below = bucket.arn_for_objects(f"{prefix}*")
        keys = [(table.encryption_key, "dynamodb"), (bucket.encryption_key, "s3")]
        grant_apart(
            grantee,
            f"Results{self._id()}",
            [
                iam.PolicyStatement(
                    actions=list(_READ_RESULTS), resources=[table.table_arn, f"{table.table_arn}/index/{BY_STATUS}"]
                ),
                iam.PolicyStatement(actions=["s3:GetObject"], resources=[below]),
                *(use_key(key, service, stack) for key, service in keys if key is not None),
            ],
            [
                Waiver(
                    f"AwsSolutions-IAM5[Resource::{as_found(stack, below)}]",
                    reason="large results of this pipeline, below a prefix of its own",
                )
            ],
            scope=self,
        )

    def on_failure(self, topic: sns.ITopic) -> None:
        """Tell a topic of each object that failed or was refused, with the reason, once or now and then twice.

        The policy of an imported topic's key has to let this account's roles use it.

        Args:
            topic: who is told, of this account and Region. Its messages are JSON: status, reason, words, object,
                version, correlation_id.

        Raises:
            ValueError: the table is imported without its stream, or the topic is of another account or Region.
        """
        check_home(f"{self.node.path}: on_failure", self, "topic", topic)
        if self._notifier is None:
            stream = self.results_table.table_stream_arn
            if stream is None:
                raise invalid(
                    f"{self.node.path}: on_failure",
                    "results_table",
                    self.results_table.table_name,
                    allowed="a table whose stream is known",
                    write="dynamodb.Table.from_table_attributes(..., table_stream_arn=...)",
                )
            alarms = self._watch.alarms
            self._notifier = Notifier(
                self, "Notifier", plant=self._plant, stream_arn=stream, undelivered=alarms.undelivered
            )
        self._notifier.add(topic)

    def metric_submitted(self) -> cloudwatch.Metric:
        """How many objects got their job, in five minutes."""
        return self._watch.metric("Submitted")

    def metric_refused(self) -> cloudwatch.Metric:
        """How many objects were refused, in five minutes."""
        return self._watch.metric("Refused")

    def metric_failed(self) -> cloudwatch.Metric:
        """How many jobs failed, in five minutes."""
        return self._watch.metric("Failed")

    def metric_oldest_unfinished(self) -> cloudwatch.Metric:
        """How many seconds ago the oldest object was uploaded that has not come to an end."""
        return self._watch.metric("OldestUnfinished", statistic="Maximum")

    def _let_work(self) -> None:
        """Let the job read its object and write its item."""
        stack, bucket, below = Stack.of(self), self.input_bucket, self._plant.prefix_arn
        clean = {"StringEquals": {f"s3:ExistingObjectTag/{SCAN_TAG}": CLEAN}} if self._scanned else None
        role = self.job.role
        role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObjectVersion"], resources=[below], conditions=clean))
        if bucket.encryption_key is not None:
            role.add_to_policy(use_key(bucket.encryption_key, "s3", stack))
        for statement in self._plant.use_table("dynamodb:UpdateItem"):
            role.add_to_policy(statement)
        reason = "what was uploaded below the pipeline's prefix; a job is told its one object when it is submitted"
        waive(role, Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, below)}]", reason=reason))

    def _build(self, limits: PipelineLimits, timeout: Duration, concurrency: int) -> None:
        plant = self._plant
        intake = Consumer(
            self,
            "Intake",
            plant=plant,
            module="intake",
            description=f"Takes uploads of {self.node.path}",
            services=("batch", "dynamodb"),
            statements=plant.use_table("dynamodb:PutItem", "dynamodb:UpdateItem"),
            environment=plant.submit_variables(),
            concurrency=concurrency,
        )
        let_submit(intake.function, plant)
        recorder = Consumer(
            self,
            "Recorder",
            plant=plant,
            module="recorder",
            description=f"Records the ends of jobs of {self.node.path}",
            services=("dynamodb",),
            statements=plant.use_table("dynamodb:UpdateItem"),
            environment=plant.table_variables(),
            concurrency=concurrency,
        )
        self._uploads(intake)
        self.job.on_state_change("Ends", states=("FAILED", "SUCCEEDED"), target=recorder.target())
        self.intake, self.recorder = intake.function, recorder.function
        self.queue, self.dead_letters = intake.queue, intake.dead_letters
        self.reconciler = Reconciler(self, "Reconciler", plant=plant).function
        self._watch = PipelineWatch(
            self,
            "Watch",
            namespace=plant.namespace,
            topic=self.topic,
            limits=limits,
            age=limits.age or timeout.plus(Duration.hours(1)),
        )
        self._watch.queue("Uploads", intake.queue, intake.dead_letters, "Uploads")
        self._watch.queue("Ends", recorder.queue, recorder.dead_letters, "Ends of jobs")
        self._watch.errors(self.reconciler)
        groups = [self.intake.log_group, self.recorder.log_group, self.reconciler.log_group]
        own = self.job.log_group
        self.dashboard = self._watch.dashboard([*groups, *([own] if own is not None else [])], self.job.alarm)

    def _uploads(self, intake: Consumer) -> None:
        """Uploads as events: at once, or when they were scanned."""
        bucket, prefix = self.input_bucket.bucket_name, [{"prefix": self._accept.prefix}]
        if self._scanned:
            MalwareScan(self, "MalwareScan", bucket=self.input_bucket, prefix=self._accept.prefix)
            pattern = events.EventPattern(
                source=["aws.guardduty"],
                detail_type=["GuardDuty Malware Protection Object Scan Result"],
                detail={"s3ObjectDetails": {"bucketName": [bucket], "objectKey": prefix}},
            )
        else:
            pattern = events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket]}, "object": {"key": prefix}},
            )
        events.Rule(
            self,
            "Arrivals",
            description=f"Uploads to {self.node.path}"[:512],
            event_pattern=pattern,
            targets=[intake.target()],
        )

    def _outputs(self) -> tuple[s3.IBucket, str]:
        """Where large results are, and below what."""
        bucket = self.jobs.output_bucket
        if bucket is None:
            raise TypeError(self.jobs.node.path)
        return bucket, str(self.job.output_prefix)

    def _let_in(self, path: str, principal: Any, below: str) -> None:
        """Let a principal of another account upload, by the policies of bucket and key."""
        bucket, key = self.input_bucket, self.input_bucket.encryption_key
        added = bucket.add_to_resource_policy(
            iam.PolicyStatement(principals=[principal], actions=list(_UPLOAD), resources=[below])
        )
        if not added.statement_added:
            raise invalid(
                path,
                "grantee",
                f"a principal of {principal.principal_account}",
                allowed=f"with an imported bucket, a principal of this account, {Stack.of(self).account}",
                write="the statement into the policies of bucket and key, where they are made",
            )
        if key is not None:
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[principal],
                    actions=list(WRITE),
                    resources=["*"],
                    conditions=through("s3", Stack.of(self)),
                )
            )

    def _id(self, prefix: str | None = None) -> str:
        """What a policy of this pipeline is called on a grantee."""
        digest = hashlib.sha256(prefix.encode()).hexdigest()[:8] if prefix else ""
        return f"{Names.unique_resource_name(self, max_length=100)}{digest}"
