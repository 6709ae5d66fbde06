"""Buckets for what containers and services write: encrypted, private, versioned, by TLS only, every reader logged.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_containers.organization import outside
from secure_containers.waivers import Waiver, waive

_ACCESS_LOG_DAYS: Final = 400
DELETIONS: Final = (
    "s3:BypassGovernanceRetention",
    "s3:DeleteBucket",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
)
_NOT_REPLICATED: Final = Waiver(
    "NIST.800.53.R5-S3BucketReplicationEnabled",
    reason="a copy in the same account and Region would not protect from what replication is for; one elsewhere needs "
    "a bucket that this stack cannot make",
)


def log_by_bucket_policy(construct: Construct) -> None:
    """Let S3 log access by a bucket policy, also in apps that do not set this flag: without it CDK asks for an ACL.

    To be called before the construct has children.
    """
    construct.node.set_context("@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy", True)  # noqa: FBT003 - a flag is on


def private_bucket(
    scope: Construct,
    id: str,
    *,
    key: kms.IKey,
    access_logs: s3.IBucket,
    organization_id: str | None,
    lifecycle: s3.LifecycleRule,
    object_lock: s3.ObjectLockRetention | None = None,
    removal: RemovalPolicy = RemovalPolicy.RETAIN,
) -> s3.Bucket:
    """A bucket whose objects are encrypted with a key and kept in versions, and whose every reader is logged."""
    bucket = s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        versioned=True,
        object_lock_enabled=object_lock is not None or None,
        object_lock_default_retention=object_lock,
        lifecycle_rules=[lifecycle],
        server_access_logs_bucket=access_logs,
        server_access_logs_prefix=f"{scope.node.id}/",
        # RETAIN also when its own creation fails: what is written at once makes it impossible to delete.
        removal_policy=removal,
    )
    if organization_id is not None:
        deny(bucket, "DenyOutsideOrganization", ["s3:*"], outside(Stack.of(scope), organization_id))
    _keep_policy(bucket, removal)
    waive(bucket, _NOT_REPLICATED)
    return bucket


def access_log_bucket(scope: Construct, id: str, *, removal: RemovalPolicy = RemovalPolicy.RETAIN) -> s3.Bucket:
    """Where the access logs of the other buckets go, and from which nobody deletes them."""
    bucket = s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(expiration=Duration.days(_ACCESS_LOG_DAYS), noncurrent_version_expiration=Duration.days(1))
        ],
        removal_policy=removal,
    )
    _keep_policy(bucket, removal)
    deny(bucket, "DenyDeletion", DELETIONS, {})
    waive(
        bucket,
        _NOT_REPLICATED,
        Waiver(
            "NIST.800.53.R5-S3DefaultEncryptionKMS",
            reason="S3 delivers access logs only to buckets that it encrypts with keys of its own (SSE-S3)",
        ),
    )
    return bucket


def load_balancer_log_bucket(
    scope: Construct, id: str, *, prefixes: Sequence[str], removal: RemovalPolicy
) -> s3.Bucket:
    """Where a load balancer of this account writes what it was asked, below prefixes, and from which nobody deletes.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    bucket = access_log_bucket(scope, id, removal=removal)
    account = Stack.of(scope).account
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="LoadBalancerLogs",
            principals=[iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
            actions=["s3:PutObject"],
            # The path names the account: for load balancers of others AWS writes elsewhere.
            resources=[bucket.arn_for_objects(f"{prefix}/AWSLogs/{account}/*") for prefix in prefixes],
        )
    )
    reason = "it holds access logs itself; to log who reads logs never ends"
    waive(
        bucket, *(Waiver(rule, reason=reason) for rule in ("AwsSolutions-S1", "NIST.800.53.R5-S3BucketLoggingEnabled"))
    )
    return bucket


def deny(bucket: s3.Bucket, sid: str, actions: Sequence[str], conditions: Mapping[str, object]) -> None:
    """Refuse actions on a bucket and its objects to everybody, under conditions."""
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid=sid,
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=list(actions),
            resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
            conditions=conditions,
        )
    )


def _keep_policy(bucket: s3.Bucket, removal: RemovalPolicy) -> None:
    """What protects the data stays with it."""
    if bucket.policy is not None and removal is not RemovalPolicy.DESTROY:
        bucket.policy.apply_removal_policy(removal)
