"""What arguments of a pipeline have to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

from aws_cdk import CfnResource, Duration, Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from secure_containers.batch import LeastPrivilegeBatchEnv, Retries
from secure_containers.ecr import EcrImage
from secure_containers.errors import KEY, TOPIC, check_arguments, invalid
from secure_containers.logs import LOG_RETENTION
from secure_containers.network import PrivateNetwork
from secure_containers.pipeline.parts import Accept, PipelineLimits
from secure_containers.runtime.terms import BY_STATUS
from secure_containers.tasks.checks import check_image
from secure_containers.waivers import Waiver

VARIABLES: Final = (
    *("INPUT_BUCKET", "KEEP_SECONDS", "LARGEST_OBJECT", "LEASE_SECONDS"),
    *("OUTPUT_BUCKET", "OUTPUT_PREFIX", "RESULTS_TABLE", "SMALLEST_OBJECT"),
)
"""What the pipeline tells its jobs."""
_CONCURRENCY: Final = (2, 50)
"""The least that Lambda takes, and what AWS Batch takes of submissions in a second."""
_LEAST_KEPT: Final = Duration.days(30)
"""Longer than messages wait in queues, so that none comes back to an object that nobody remembers."""
_PREFIXES: Final[WeakKeyDictionary[IConstruct, dict[str, dict[str, tuple[str, bool]]]]] = WeakKeyDictionary()
"""Of each app the buckets, and of each bucket the prefixes of its pipelines, with their paths and whether they scan."""


def check_pipeline(path: str, **given: Any) -> None:
    """Refuse arguments of other types, and values that contradict each other, before anything is made of them."""
    check_arguments(
        path,
        given,
        singles={
            "network": (
                PrivateNetwork,
                "a PrivateNetwork, which finds or makes the endpoints of any VPC",
                'network=PrivateNetwork(self, "Network")',
            ),
            "image": (EcrImage, "an image of a repository, by its digest", "image=repository.image(digest=...)"),
            "accept": (Accept, "an Accept", 'accept=Accept(suffixes=(".csv",))'),
            "jobs": (LeastPrivilegeBatchEnv, "a LeastPrivilegeBatchEnv", "jobs=LeastPrivilegeBatchEnv(...)"),
            "timeout": (Duration, "a Duration", "timeout=Duration.hours(1)"),
            "lease": (Duration, "a Duration", "lease=Duration.hours(2)"),
            "keep": (Duration, "a Duration", "keep=Duration.days(90)"),
            "retries": (Retries, "Retries", "retries=Retries(attempts=3, exit_codes=[75])"),
            "malware_scan": (bool, "True or False", "malware_scan=True"),
            "limits": (PipelineLimits, "PipelineLimits", "limits=PipelineLimits(refused=10)"),
            "log_retention": LOG_RETENTION,
        },
        lists={
            "command": (str, "a list of texts", '["transform"]'),
            "waivers": (Waiver, "a list of Waiver", '[Waiver("SC-DEL-01", reason="...")]'),
        },
        objects={
            "input_bucket": ("bucket_arn", "a bucket", 's3.Bucket.from_bucket_attributes(self, "Imported", ...)'),
            "results_table": (
                "table_arn",
                "a table",
                'dynamodb.Table.from_table_attributes(self, "Imported", ...)',
            ),
            "topic": TOPIC,
            "encryption_key": KEY,
        },
    )
    for argument in ("network", "image", "retries", "keep"):
        if given[argument] is None:
            raise invalid(path, argument, None, allowed=f"a value for {argument}", write=f"{argument}=...")
    check_image(path, given["image"])
    _check_times(path, given["timeout"], given["lease"], given["keep"])
    _check_numbers(path, given["max_concurrency"])
    _check_environment(path, given["environment"])
    if 75 not in given["retries"].exit_codes:
        allowed = "exit codes with 75, by which the job library asks to be tried again"
        raise invalid(path, "retries", given["retries"], allowed=allowed, write="Retries(attempts=3, exit_codes=[75])")
    _check_jobs(path, given["jobs"], given["topic"], given["share"], given["waivers"])


def check_bucket(path: str, scope: Construct, bucket: s3.IBucket) -> None:
    """Refuse a bucket that cannot feed a pipeline, as far as that can be seen."""
    check_home(path, scope, "input_bucket", bucket)
    if isinstance(bucket, s3.Bucket):
        l1: Any = bucket.node.default_child
        if not isinstance(l1, s3.CfnBucket):
            return
        if bucket.node.try_find_child("Notifications") is None and l1.notification_configuration is None:
            raise invalid(
                path,
                "input_bucket",
                bucket.node.path,
                allowed="a bucket that sends its events to Amazon EventBridge",
                write="s3.Bucket(..., event_bridge_enabled=True), or leave input_bucket out",
            )
        versions = Stack.of(bucket).resolve(l1.versioning_configuration) or {}
        if versions.get("status") != "Enabled":
            raise invalid(
                path,
                "input_bucket",
                bucket.node.path,
                allowed="a bucket with versions, by which one upload is told from the next",
                write="s3.Bucket(..., versioned=True), or leave input_bucket out",
            )
    elif bucket.encryption_key is None:
        _refuse_without_key(path, "input_bucket", bucket, "s3.Bucket.from_bucket_attributes(..., encryption_key=key)")


def check_overlap(path: str, scope: Construct, bucket: s3.IBucket, prefix: str, *, scanned: bool) -> None:
    """Refuse a prefix that overlaps another pipeline's: each would refuse what is the other's. And a second scan of a
    bucket, since GuardDuty has one role for it."""
    for other, (owner, also_scanned) in _taken(scope, bucket).items():
        if scanned and also_scanned:
            raise invalid(
                path,
                "malware_scan",
                scanned,
                allowed=f"one pipeline with it on a bucket, here {owner}",
                write="a bucket of its own for this one, by leaving input_bucket out",
            )
        if other.startswith(prefix) or prefix.startswith(other):
            raise invalid(
                path,
                "accept",
                f"prefix {prefix!r}",
                allowed=f"a prefix that does not overlap {other!r} of {owner}, on the same bucket",
                write='Accept(prefix="another/")',
            )


def claim_prefix(path: str, scope: Construct, bucket: s3.IBucket, prefix: str, *, scanned: bool) -> None:
    """Take a prefix of a bucket for one pipeline."""
    _taken(scope, bucket)[prefix] = (path, scanned)


def check_table(path: str, scope: Construct, table: dynamodb.ITable) -> None:
    """Refuse a table with other keys, as far as that can be seen."""
    arn = table.table_arn
    # What the CDK says of the home of a table that is imported by its ARN is the stack's own.
    also = () if Token.is_unresolved(arn) else (arn.split(":")[4], arn.split(":")[3])
    check_home(path, scope, "results_table", table, also)
    l1: Any = table.node.default_child if isinstance(table, dynamodb.Table | dynamodb.TableV2) else None
    if l1 is None:
        if table.encryption_key is None:
            _refuse_without_key(
                path, "results_table", table, "dynamodb.Table.from_table_attributes(..., encryption_key=key)"
            )
        return
    shown: Any = Stack.of(table).resolve({"keys": l1.key_schema, "indexes": l1.global_secondary_indexes})
    keys = [(each["attributeName"], each["keyType"]) for each in shown["keys"]]
    names = [each["indexName"] for each in shown.get("indexes") or []]
    if keys != [("object", "HASH"), ("version", "RANGE")] or BY_STATUS not in names:
        raise invalid(
            path,
            "results_table",
            table.node.path,
            allowed=f"a table with the keys object and version, and the index {BY_STATUS} by status and received_at",
            write="results_table of another pipeline, or leave it out",
        )


@contextmanager
def undone_if_refused(scope: Construct, id: str) -> Iterator[None]:
    """Leave nothing behind of a construct if an argument, or what is installed, turns out to be wrong meanwhile."""
    try:
        yield
    except (ImportError, ValueError):
        scope.node.try_remove_child(id)
        raise


def check_prefix(path: str, prefix: object, accept: Accept) -> str:
    """The prefix that somebody may upload below: the pipeline's own, or one within it."""
    if prefix is None:
        return accept.prefix
    if not isinstance(prefix, str) or not prefix.startswith(accept.prefix) or set(prefix) & set("*?$"):
        allowed = f"a text that begins with {accept.prefix!r}, without * ? $"
        raise invalid(path, "prefix", prefix, allowed=allowed, write=f'prefix="{accept.prefix}partner/"')
    return prefix


def _refuse_without_key(path: str, argument: str, resource: IConstruct, write: str) -> None:
    raise invalid(
        path,
        argument,
        resource.node.path,
        allowed="one that is imported with its key, so that functions and jobs are let use it",
        write=write,
    )


def _check_times(path: str, timeout: Duration | None, lease: Duration | None, keep: Duration) -> None:
    if timeout is None:
        allowed = "a time, since an object would wait for ever for a job that hangs"
        raise invalid(path, "timeout", timeout, allowed=allowed, write="timeout=Duration.hours(1)")
    if lease is not None and lease.to_seconds() < timeout.to_seconds():
        raise invalid(
            path,
            "lease",
            f"{lease.to_human_string()}",
            allowed=f"at least the job's timeout, {timeout.to_human_string()}: else it loses its object while it works",
            write="lease=Duration.hours(2), or leave it out",
        )
    if keep.to_seconds() < _LEAST_KEPT.to_seconds():
        allowed = "at least 30 days: messages about an object may come back as long as they wait in queues"
        raise invalid(path, "keep", keep.to_human_string(), allowed=allowed, write="keep=Duration.days(90)")


def _check_numbers(path: str, concurrency: object) -> None:
    least, most = _CONCURRENCY
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or not least <= concurrency <= most:
        raise invalid(
            path,
            "max_concurrency",
            concurrency,
            allowed=f"{least} to {most}, a whole number",
            write="max_concurrency=5",
        )


def _check_environment(path: str, environment: Any) -> None:
    if environment is not None and not isinstance(environment, Mapping):
        allowed = "variables and their values"
        raise invalid(path, "environment", environment, allowed=allowed, write='environment={"LEVEL": "info"}')
    double = next((name for name in environment or {} if name in VARIABLES), None)
    if double is not None:
        allowed = f"names other than {', '.join(VARIABLES)}, which the pipeline sets"
        raise invalid(path, "environment", double, allowed=allowed, write='environment={"LEVEL": "info"}')


def _check_jobs(
    path: str, jobs: LeastPrivilegeBatchEnv | None, topic: object, share: object, waivers: Sequence[Waiver]
) -> None:
    if jobs is None:
        if share is not None:
            allowed = "for an environment with shares only"
            raise invalid(path, "share", share, allowed=allowed, write="jobs=LeastPrivilegeBatchEnv(..., shares=[...])")
        return
    if jobs.output_bucket is None:
        raise invalid(
            path,
            "jobs",
            jobs.node.path,
            allowed="an environment with an output bucket, for results that are too large for the table",
            write="jobs.add_output_bucket() before the pipeline",
        )
    if share is None and jobs.standard_queue.scheduling_policy_arn is not None:
        allowed = "a share of the environment, without which AWS Batch refuses every job"
        raise invalid(path, "share", share, allowed=allowed, write='share="research"')
    of_keys = next((waiver.rule for waiver in waivers if waiver.id == "SC-KMS-01"), None)
    if of_keys is not None:
        allowed = "no waiver about keys, which are those of the environment"
        raise invalid(path, "waivers", of_keys, allowed=allowed, write="LeastPrivilegeBatchEnv(..., waivers=[...])")
    if topic is not None:
        allowed = "left out, since alarms go to the topic of the environment"
        raise invalid(path, "topic", topic, allowed=allowed, write="LeastPrivilegeBatchEnv(..., topic=topic)")


def check_home(path: str, scope: Construct, argument: str, resource: Any, also: Sequence[str] = ()) -> None:
    """Refuse what is in another account or Region, from where neither events nor endpoints lead here."""
    here = Stack.of(scope)
    for got, own in zip(
        (resource.env.account, resource.env.region, *also), (here.account, here.region) * 2, strict=False
    ):
        if got != own and not Token.is_unresolved(got) and not Token.is_unresolved(own):
            raise invalid(
                path,
                argument,
                f"one in {got}",
                allowed=f"one of the stack's own account and Region, here {own}",
                write="a pipeline in a stack there, or replication to here",
            )


def _taken(scope: Construct, bucket: s3.IBucket) -> dict[str, tuple[str, bool]]:
    """The prefixes of a bucket that pipelines of the app have."""
    return _PREFIXES.setdefault(scope.node.root, {}).setdefault(bucket.bucket_name, {})


def l1_of(construct: IConstruct) -> CfnResource:
    """The L1 below a construct of the CDK."""
    child = construct.node.default_child
    if not isinstance(child, CfnResource):
        raise TypeError(construct.node.path)
    return child
