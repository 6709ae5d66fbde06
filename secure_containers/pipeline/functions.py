"""The functions of a pipeline: each in the network, with a role of its own, fed by a queue that loses nothing.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from secure_containers.function import MEMORY_MIB, own_function
from secure_containers.keys import WRITE, use_key
from secure_containers.packaging import function_code
from secure_containers.pipeline.settings import l1_of
from secure_containers.runtime.terms import BY_STATUS
from secure_containers.tasks.roles import OWN_POLICIES
from secure_containers.waivers import waive

if TYPE_CHECKING:
    from secure_containers.batch import BatchJob
    from secure_containers.network import PrivateNetwork
    from secure_containers.runtime.acceptance import Acceptance

FUNCTION_TIMEOUT: Final = Duration.minutes(1)
_RECONCILER_MEMORY_MIB: Final = 1024
"""For lists of a thousand versions a page, which take it a processor to read."""
RECONCILER_TIMEOUT: Final = Duration.minutes(4)
"""Less than the time from one call to the next."""
_VISIBILITY: Final = Duration.minutes(6)
"""Six times the function's timeout, as AWS advises."""
_TRIES: Final = 5
_AT_ONCE: Final = 10
_IN_QUEUE: Final = Duration.days(4)
_IN_DEAD_LETTERS: Final = Duration.days(14)
_EVENT_AGE: Final = Duration.hours(24)
_EVENT_TRIES: Final = 185
"""What EventBridge does by itself, said aloud."""
_STREAM_TRIES: Final = 3
_HANDLERS: Final = "secure_containers.runtime.functions"
_NO_RESERVE: Final = (
    "the queue's mapping bounds how many run at once; what a function reserves, the account's other functions lose"
)
_NO_DEAD_LETTERS: Final = (
    "it is called for messages of a queue, and what it cannot handle goes to that queue's dead letters"
)
_FROM_QUEUE: Final = {
    "NIST.800.53.R5-LambdaConcurrency": _NO_RESERVE,
    "NIST.800.53.R5-LambdaDLQ": _NO_DEAD_LETTERS,
}


@dataclass(frozen=True, kw_only=True)
class Plant:
    """What the functions of a pipeline share."""

    network: PrivateNetwork
    key: kms.IKey
    bucket: s3.IBucket
    table: dynamodb.ITable
    job: BatchJob
    acceptance: Acceptance
    share: str | None
    keep: Duration
    retention: logs.RetentionDays
    removal: RemovalPolicy
    namespace: str
    new: bool
    """Whether bucket and table were made for the pipeline, so that everything in the one has to be in the other."""
    scanned: bool

    @property
    def prefix_arn(self) -> str:
        """Of the objects that the pipeline takes."""
        return self.bucket.arn_for_objects(f"{self.acceptance.prefix}*")

    @property
    def objects(self) -> str:
        """What the items of the pipeline's objects begin with."""
        return f"s3://{self.bucket.bucket_name}/{self.acceptance.prefix}"

    def use_table(self, *actions: str, also: Sequence[str] = ()) -> list[iam.PolicyStatement]:
        """To do some things with the pipeline's own items, and with the table's key for that."""
        own = [f"{self.objects}*", *also]
        found = [
            iam.PolicyStatement(
                actions=sorted(actions),
                resources=[self.table.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": own}},
            )
        ]
        key = self.table.encryption_key
        return [*found, *([use_key(key, "dynamodb", Stack.of(self.job))] if key is not None else [])]

    def table_variables(self) -> dict[str, str]:
        """What a function has to know that writes items."""
        return {"KEEP_SECONDS": str(int(self.keep.to_seconds())), "RESULTS_TABLE": self.table.table_name}

    def submit_variables(self) -> dict[str, str]:
        """What a function has to know that submits jobs."""
        return {
            **self.table_variables(),
            "ACCEPTANCE": json.dumps(asdict(self.acceptance)),
            "JOB_QUEUE": self.job.queue_arn,
            "JOB_DEFINITION": self.job.job_definition_name,
            "JOB_TAGS": json.dumps(dict(self.job.tags)),
            **({"JOB_SHARE": self.share} if self.share else {}),
        }


class Consumer(Construct):
    """A function that handles the messages of a queue, with dead letters for those that it cannot."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        plant: Plant,
        module: str,
        description: str,
        services: Sequence[str],
        statements: Sequence[iam.PolicyStatement],
        environment: Mapping[str, str],
        concurrency: int,
    ) -> None:
        super().__init__(scope, id)
        self.dead_letters = _queue(self, "DeadLetters", retention=_IN_DEAD_LETTERS)
        self.queue = _queue(self, "Queue", retention=_IN_QUEUE, dead_letters=self.dead_letters)
        self.function = function_of(
            self,
            plant=plant,
            module=module,
            description=description,
            services=services,
            statements=[
                *statements,
                iam.PolicyStatement(
                    actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                    resources=[self.queue.queue_arn],
                ),
            ],
            environment=environment,
            timeout=FUNCTION_TIMEOUT,
            reasons=_FROM_QUEUE,
        )
        lambda_.EventSourceMapping(
            self,
            "Messages",
            target=self.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=_AT_ONCE,
            max_concurrency=concurrency,
            report_batch_item_failures=True,
        )

    def target(self) -> targets.SqsQueue:
        """The queue as the target of a rule; what cannot be delivered goes to the dead letters."""
        return targets.SqsQueue(
            self.queue,
            dead_letter_queue=self.dead_letters,
            max_event_age=_EVENT_AGE,
            retry_attempts=_EVENT_TRIES,
        )


class Reconciler(Construct):
    """A function that puts right what was interrupted, on schedule."""

    def __init__(self, scope: Construct, id: str, *, plant: Plant) -> None:
        super().__init__(scope, id)
        index = f"{plant.table.table_arn}/index/{BY_STATUS}"
        self.function = function_of(
            self,
            plant=plant,
            module="reconciler",
            description=f"Puts right what was interrupted in {scope.node.path}",
            services=("batch", "dynamodb", "s3"),
            statements=[
                *plant.use_table(
                    *("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
                    also=[f"reconciler of {plant.objects}"],
                ),
                iam.PolicyStatement(actions=["dynamodb:Query"], resources=[index]),
                iam.PolicyStatement(
                    actions=["s3:ListBucketVersions"],
                    resources=[plant.bucket.bucket_arn],
                    conditions={"StringEquals": {"s3:prefix": plant.acceptance.prefix}},
                ),
            ],
            environment={
                **plant.submit_variables(),
                "INPUT_BUCKET": plant.bucket.bucket_name,
                "NEW": str(plant.new).lower(),
                "SCANNED": str(plant.scanned).lower(),
            },
            timeout=RECONCILER_TIMEOUT,
            memory_mib=_RECONCILER_MEMORY_MIB,
            unbound_actions=("batch:DescribeJobs", "batch:ListJobs"),
            reasons={
                "NIST.800.53.R5-LambdaConcurrency": "two calls on schedule at most; what it reserves, the account's "
                "other functions lose",
                "NIST.800.53.R5-LambdaDLQ": "the next call comes in minutes and does what this one did not; an alarm "
                "tells when none comes",
            },
        )
        let_submit(self.function, plant)
        for rule, look_at, every in (
            ("EveryFiveMinutes", "claims", Duration.minutes(5)),
            ("EveryHour", "objects", Duration.hours(1)),
        ):
            looks = events.RuleTargetInput.from_object({"look_at": look_at})
            events.Rule(
                self,
                rule,
                description=f"Has {look_at} looked at that were left over",
                schedule=events.Schedule.rate(every),
                targets=[targets.LambdaFunction(self.function, event=looks, retry_attempts=0)],
            )


class Notifier(Construct):
    """A function that tells topics of objects without a result, by the table's stream."""

    def __init__(self, scope: Construct, id: str, *, plant: Plant, stream_arn: str, undelivered: sqs.IQueue) -> None:
        super().__init__(scope, id)
        self._topics: list[str] = []
        key = plant.table.encryption_key
        self.function = function_of(
            self,
            plant=plant,
            module="notifier",
            description=f"Tells topics of objects without a result in {scope.node.path}",
            services=("sns",),
            statements=[
                iam.PolicyStatement(
                    actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                    resources=[stream_arn],
                ),
                iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[undelivered.queue_arn]),
                *([use_key(key, "dynamodb", Stack.of(self))] if key is not None else []),
            ],
            environment={},
            timeout=FUNCTION_TIMEOUT,
            unbound_actions=("dynamodb:ListStreams",),
            reasons={
                "NIST.800.53.R5-LambdaConcurrency": "a stream has as many calls as shards; what a function reserves, "
                "the account's other functions lose",
                "NIST.800.53.R5-LambdaDLQ": "it is called for records of a stream, whose mapping has a queue for those "
                "that it cannot handle",
            },
        )
        own = {"prefix": plant.objects}
        ended = {"NewImage": {"status": {"S": ["FAILED", "REFUSED"]}, "object": {"S": [own]}}}
        changes = lambda_.EventSourceMapping(
            self,
            "Changes",
            target=self.function,
            event_source_arn=stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_AT_ONCE,
            bisect_batch_on_error=True,
            retry_attempts=_STREAM_TRIES,
            max_record_age=Duration.hours(6),
            report_batch_item_failures=True,
            filters=[{"pattern": Stack.of(self).to_json_string({"dynamodb": ended})}],
        )
        # By the L1: the L2 would give the role an inline policy.
        l1_of(changes).add_property_override("DestinationConfig.OnFailure.Destination", undelivered.queue_arn)

    def add(self, topic: sns.ITopic) -> None:
        """Tell one more topic."""
        if topic.topic_arn in self._topics:
            return  # it would hear of everything twice
        self._topics.append(topic.topic_arn)
        self.function.add_environment("TOPICS", ",".join(self._topics))
        statements = [iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn])]
        if topic.master_key is not None:
            statements.append(use_key(topic.master_key, "sns", Stack.of(self), WRITE))
        policy = iam.ManagedPolicy(
            self,
            f"Topic{len(self._topics)}",
            description=f"Lets {self.node.path} publish",
            statements=statements,
        )
        policy.attach_to_role(_role(self.function))


def function_of(
    scope: Construct,
    *,
    plant: Plant,
    module: str,
    description: str,
    services: Sequence[str],
    statements: Sequence[iam.PolicyStatement],
    environment: Mapping[str, str],
    timeout: Duration,
    reasons: Mapping[str, str],
    unbound_actions: Sequence[str] = (),
    memory_mib: int = MEMORY_MIB,
) -> lambda_.Function:
    """A function of the pipeline, with the code that all of them share."""
    archive, digest = function_code()
    return own_function(
        scope,
        name=scope.node.id,
        description=description[:256],
        code=lambda_.Code.from_asset(str(archive), asset_hash=digest),
        handler=f"{_HANDLERS}.{module}.handler",
        key=plant.key,
        environment={
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "POWERTOOLS_METRICS_NAMESPACE": plant.namespace,
            "POWERTOOLS_SERVICE_NAME": "pipeline",
            **environment,
        },
        timeout=timeout,
        unbound_actions=unbound_actions,
        statements=statements,
        reasons=reasons,
        network=plant.network,
        services=services,
        traced=True,
        memory_mib=memory_mib,
        retention=plant.retention,
        removal=plant.removal,
    )


def _queue(scope: Construct, id: str, *, retention: Duration, dead_letters: sqs.IQueue | None = None) -> sqs.Queue:
    return sqs.Queue(
        scope,
        id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=retention,
        visibility_timeout=_VISIBILITY,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=_TRIES) if dead_letters else None,
        removal_policy=RemovalPolicy.DESTROY,
    )


def let_submit(function: lambda_.Function, plant: Plant) -> None:
    """Let a function submit jobs of the pipeline, and no others."""
    plant.job.grant_submit(function, share=plant.share)
    function.node.add_dependency(plant.job.definition)
    waive(_role(function), OWN_POLICIES)


def _role(function: lambda_.Function) -> Any:
    return function.role
