"""The buckets that hold audit data: encrypted, versioned, by TLS only, and kept from everybody's deletion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_containers.waivers import Waiver, waive

_ACCESS_LOG_DAYS: Final = 400
_DELETIONS: Final = (
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


def audit_bucket(
    scope: Construct,
    id: str,
    *,
    key: kms.IKey,
    access_logs: s3.IBucket,
    organization_id: str | None,
    lifecycle: s3.LifecycleRule,
    object_lock: s3.ObjectLockRetention | None = None,
) -> s3.Bucket:
    """A bucket to which services write, from which nobody deletes, and whose every reader is logged."""
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
        # Also when its own creation fails: services write at once, and a bucket that holds something cannot be deleted.
        removal_policy=RemovalPolicy.RETAIN,
    )
    _deny(bucket, "DenyDeletion", _DELETIONS, {})
    _deny(
        bucket,
        "DenyWritesByOthersThanServices",
        ["s3:PutObject"],
        {"Bool": {"aws:PrincipalIsAWSService": "false"}},
    )
    if organization_id is not None:
        _deny(bucket, "DenyOutsideOrganization", ["s3:*"], outside(Stack.of(scope), organization_id))
    if bucket.policy is not None:
        # What protects the data stays with it.
        bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN)
    waive(bucket, _NOT_REPLICATED)
    return bucket


def access_log_bucket(scope: Construct, id: str) -> s3.Bucket:
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
        removal_policy=RemovalPolicy.RETAIN,
    )
    _deny(bucket, "DenyDeletion", _DELETIONS, {})
    if bucket.policy is not None:
        bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN)
    waive(
        bucket,
        _NOT_REPLICATED,
        Waiver(
            "NIST.800.53.R5-S3DefaultEncryptionKMS",
            reason="S3 delivers access logs only to buckets that it encrypts with keys of its own (SSE-S3)",
        ),
    )
    return bucket


def let_write(
    bucket: s3.Bucket,
    service: str,
    *,
    sids: tuple[str, str],
    checks: Sequence[str],
    objects: str,
    source: dict[str, str],
) -> None:
    """Let a service look at a bucket and write its files there, for one source.

    Args:
        bucket: the bucket.
        service: the service's principal.
        sids: the names of the two statements, what it looks at and what it writes.
        checks: the actions by which it looks at the bucket.
        objects: the files that it writes.
        source: the condition keys that say for whom, and their values.
    """
    principals = [iam.ServicePrincipal(service)]
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid=sids[0],
            principals=principals,
            actions=list(checks),
            resources=[bucket.bucket_arn],
            conditions={"StringEquals": source},
        )
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid=sids[1],
            principals=principals,
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(objects)],
            conditions={"StringEquals": {**source, "s3:x-amz-acl": "bucket-owner-full-control"}},
        )
    )


def outside(stack: Stack, organization_id: str) -> dict[str, object]:
    """The condition for callers outside the organization; with a mistyped id, the own account still gets in."""
    return {
        "StringNotEqualsIfExists": {
            "aws:PrincipalOrgID": organization_id,
            "aws:PrincipalAccount": stack.account,
        },
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }


def _deny(bucket: s3.Bucket, sid: str, actions: Sequence[str], conditions: dict[str, object]) -> None:
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
