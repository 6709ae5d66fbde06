"""Buckets of Amazon S3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def bucket(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    s3 = client("s3")
    s3.head_bucket(Bucket=id)
    # Each of these calls fails for a bucket that has no such thing, so only what is wanted is asked for.
    ask: dict[str, Callable[[], Any]] = {
        "BucketEncryption": lambda: _encryption(s3, id),
        "LifecycleConfiguration": lambda: {"Rules": [_lifecycle_rule(each) for each in _lifecycle(s3, id)]},
        "LoggingConfiguration": lambda: _logging(s3, id),
        "NotificationConfiguration": lambda: _notification(s3, id),
        "ObjectLockConfiguration": lambda: s3.get_object_lock_configuration(Bucket=id)["ObjectLockConfiguration"],
        "ObjectLockEnabled": lambda: (
            s3.get_object_lock_configuration(Bucket=id)["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"
        ),
        "OwnershipControls": lambda: s3.get_bucket_ownership_controls(Bucket=id)["OwnershipControls"],
        "PublicAccessBlockConfiguration": lambda: s3.get_public_access_block(Bucket=id)[
            "PublicAccessBlockConfiguration"
        ],
        "Tags": lambda: s3.get_bucket_tagging(Bucket=id)["TagSet"],
        "VersioningConfiguration": lambda: {"Status": s3.get_bucket_versioning(Bucket=id)["Status"]},
    }
    return {name: ask[name]() for name in wanted if name in ask}


def _encryption(s3: Any, id: str) -> dict[str, Any]:
    rules = s3.get_bucket_encryption(Bucket=id)["ServerSideEncryptionConfiguration"]["Rules"]
    return {
        "ServerSideEncryptionConfiguration": [
            {**rule, "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]} for rule in rules
        ]
    }


def _lifecycle(s3: Any, id: str) -> list[dict[str, Any]]:
    return list(s3.get_bucket_lifecycle_configuration(Bucket=id)["Rules"])


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **rule,
        "ExpirationInDays": rule.get("Expiration", {}).get("Days"),
        "ExpiredObjectDeleteMarker": rule.get("Expiration", {}).get("ExpiredObjectDeleteMarker"),
        "Id": rule.get("ID"),
        "Transitions": [{**each, "TransitionInDays": each.get("Days")} for each in rule.get("Transitions", [])],
    }


def _logging(s3: Any, id: str) -> dict[str, Any]:
    about = s3.get_bucket_logging(Bucket=id)["LoggingEnabled"]
    return {"DestinationBucketName": about["TargetBucket"], "LogFilePrefix": about["TargetPrefix"]}


def _notification(s3: Any, id: str) -> dict[str, Any]:
    about = s3.get_bucket_notification_configuration(Bucket=id)
    return {"EventBridgeConfiguration": {"EventBridgeEnabled": "EventBridgeConfiguration" in about}}


def bucket_policy(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    policy = client("s3").get_bucket_policy(Bucket=wanted["Bucket"])["Policy"]
    return {"Bucket": wanted["Bucket"], "PolicyDocument": policy}


READERS = {"AWS::S3::Bucket": bucket, "AWS::S3::BucketPolicy": bucket_policy}
NOT_READ: dict[str, dict[str, str]] = {}
