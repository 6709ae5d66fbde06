"""Buckets: encryption, access logging, ownership, lifecycle, object lock, versioning that stops, and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.shapes import fitted

_Properties = Mapping[str, Any]


def _keep(account: Account, bucket: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:
    s3 = account.client("s3")
    for property_, (argument, put, shape, drop) in _SETTINGS.items():
        value = properties.get(property_)
        if value and value != before.get(property_):
            arguments = {"Bucket": bucket, argument: shape(value)}
            getattr(s3, _snake(put))(**fitted(s3, put, arguments))
        elif not value and before.get(property_) and drop:
            getattr(s3, drop)(Bucket=bucket)
    return {}


def _snake(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")


def _encryption(value: _Properties) -> _Properties:
    return {
        "Rules": [
            {
                "ApplyServerSideEncryptionByDefault": _with_key(rule["ServerSideEncryptionByDefault"]),
                "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            }
            for rule in value["ServerSideEncryptionConfiguration"]
        ]
    }


def _with_key(default: _Properties) -> _Properties:
    """AWS's own key, where no other one is named: ministack refuses uploads without one."""
    return {**({"KMSMasterKeyID": "alias/aws/s3"} if default["SSEAlgorithm"].startswith("aws:kms") else {}), **default}


def _logging(value: _Properties) -> _Properties:
    if "DestinationBucketName" not in value:
        return {}
    return {
        "LoggingEnabled": {
            "TargetBucket": value["DestinationBucketName"],
            "TargetPrefix": value.get("LogFilePrefix", ""),
        }
    }


def _lifecycle(value: _Properties) -> _Properties:
    return {"Rules": [_rule(number, rule) for number, rule in enumerate(value["Rules"])]}


def _rule(number: int, rule: _Properties) -> dict[str, Any]:
    """A lifecycle rule in the API's words, which nests where a template has long names."""
    left = dict(rule)
    expiration = _moved(left, Days="ExpirationInDays", Date="ExpirationDate")
    expiration |= _moved(left, ExpiredObjectDeleteMarker="ExpiredObjectDeleteMarker")
    noncurrent = left.pop("NoncurrentVersionExpiration", None) or _moved(
        left, NoncurrentDays="NoncurrentVersionExpirationInDays"
    )
    terms = _moved(left, ObjectSizeGreaterThan="ObjectSizeGreaterThan", ObjectSizeLessThan="ObjectSizeLessThan")
    terms |= _moved(left, Prefix="Prefix")
    tags = left.pop("TagFilters", [])
    together = {**terms, **({"Tags": tags} if tags else {})}
    filter_: dict[str, Any] = {"And": together} if len(terms) + len(tags) > 1 else terms or {"Prefix": ""}
    if tags and len(terms) + len(tags) == 1:
        filter_ = {"Tag": tags[0]}
    moves = {
        "Transitions": [
            _moved(dict(each), Days="TransitionInDays", Date="TransitionDate", StorageClass="StorageClass")
            for each in left.pop("Transitions", [])
        ],
        "NoncurrentVersionTransitions": [
            _moved(
                dict(each),
                NoncurrentDays="TransitionInDays",
                NewerNoncurrentVersions="NewerNoncurrentVersions",
                StorageClass="StorageClass",
            )
            for each in left.pop("NoncurrentVersionTransitions", [])
        ],
    }
    return {
        "ID": left.pop("Id", f"rule-{number}"),
        "Filter": filter_,
        **({"Expiration": expiration} if expiration else {}),
        **({"NoncurrentVersionExpiration": noncurrent} if noncurrent else {}),
        **{name: each for name, each in moves.items() if each},
        **left,  # what has the same name in both, and what `fitted` is to complain about
    }


def _moved(source: dict[str, Any], **names: str) -> dict[str, Any]:
    """What stands under some names, taken out and put under others."""
    return {new: source.pop(old) for new, old in names.items() if old in source}


def _tags(value: Any) -> _Properties:
    return {"TagSet": value}


def _same(value: _Properties) -> _Properties:
    return value


_SETTINGS: Final = {
    "VersioningConfiguration": ("VersioningConfiguration", "PutBucketVersioning", _same, None),
    "BucketEncryption": (
        "ServerSideEncryptionConfiguration",
        "PutBucketEncryption",
        _encryption,
        "delete_bucket_encryption",
    ),
    "LifecycleConfiguration": (
        "LifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        _lifecycle,
        "delete_bucket_lifecycle",
    ),
    "LoggingConfiguration": ("BucketLoggingStatus", "PutBucketLogging", _logging, None),
    "ObjectLockConfiguration": ("ObjectLockConfiguration", "PutObjectLockConfiguration", _same, None),
    "OwnershipControls": (
        "OwnershipControls",
        "PutBucketOwnershipControls",
        _same,
        "delete_bucket_ownership_controls",
    ),
    "Tags": ("Tagging", "PutBucketTagging", _tags, "delete_bucket_tagging"),
}
"""Of each property the argument and the operation that set it, its shape there, and what takes it away."""


def _check_empty(account: Account, bucket: str) -> None:
    s3 = account.client("s3")
    try:
        found = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
    except s3.exceptions.NoSuchBucket:
        return
    if found.get("Versions") or found.get("DeleteMarkers"):
        raise ValueError(
            f"The bucket you tried to delete is not empty. You must delete all versions in the bucket. ({bucket})"
        )


KEPT: Final = {"AWS::S3::Bucket": Kept(keep=_keep, before_deletion=_check_empty)}
