"""The buckets that hold audit data: private ones, from which nobody deletes and to which services alone write."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_containers.buckets import DELETIONS, deny, private_bucket


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
    bucket = private_bucket(
        scope,
        id,
        key=key,
        access_logs=access_logs,
        organization_id=organization_id,
        lifecycle=lifecycle,
        object_lock=object_lock,
    )
    deny(bucket, "DenyDeletion", DELETIONS, {})
    deny(
        bucket,
        "DenyWritesByOthersThanServices",
        ["s3:PutObject"],
        {"Bool": {"aws:PrincipalIsAWSService": "false"}},
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
