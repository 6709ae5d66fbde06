"""A template of so many resources, the same at every run: mostly clean, with a flawed service here and there.

python benchmarks/templates.py 500 FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

UNIT: Final = 10
"""Resources of one service."""
_FLAWED: Final = 25
"""One of so many services has a mutable repository, a key without rotation, a wildcard policy, a topic without TLS."""
_LIFECYCLE: Final = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 30,
                },
                "action": {"type": "expire"},
            },
            {
                "rulePriority": 2,
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 500},
                "action": {"type": "expire"},
            },
        ]
    }
)
_RETAINED: Final = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
_ROOT: Final = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}

Resources = dict[str, dict[str, Any]]


def template(size: int) -> dict[str, Any]:
    """A template of `size` resources, a multiple of ten."""
    if size % UNIT:
        raise ValueError(f"size is {size}; allowed: multiples of {UNIT}")
    resources: Resources = {}
    for number in range(size // UNIT):
        resources |= _service(number, flawed=number % _FLAWED == _FLAWED - 1)
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _service(number: int, *, flawed: bool) -> Resources:
    name = f"Service{number:04}"
    resources: Resources = {}
    for part in ("Frontend", "Backend"):
        resources |= _repository(f"{name}{part}", number, flawed=flawed and part == "Backend")
    resources |= _role(name, flawed=flawed)
    resources |= _topic(name, protected=not flawed)
    return resources | _bucket(name)


def _repository(name: str, number: int, *, flawed: bool) -> Resources:
    tags = [{"Key": "owner", "Value": f"team-{number % 20}"}]
    key = {
        "Description": f"Encrypts the images of {name}",
        "EnableKeyRotation": not flawed,
        "KeyPolicy": _policy({"Effect": "Allow", "Principal": {"AWS": _ROOT}, "Action": "kms:*", "Resource": "*"}),
        "Tags": tags,
    }
    repository = {
        "EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": _arn(f"{name}Key")},
        "ImageScanningConfiguration": {"ScanOnPush": True},
        "ImageTagMutability": "MUTABLE" if flawed else "IMMUTABLE",
        "LifecyclePolicy": {"LifecyclePolicyText": _LIFECYCLE},
        "Tags": tags,
    }
    return {
        f"{name}Key": {"Type": "AWS::KMS::Key", "Properties": key, **_RETAINED},
        f"{name}Repository": {"Type": "AWS::ECR::Repository", "Properties": repository, **_RETAINED},
    }


def _role(name: str, *, flawed: bool) -> Resources:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    pull = {
        "Effect": "Allow",
        "Action": "ecr:*" if flawed else ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Resource": [_arn(f"{name}FrontendRepository"), _arn(f"{name}BackendRepository")],
    }
    publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": {"Ref": f"{name}Topic"}}
    policy = {
        "PolicyName": f"{name}Policy",
        "PolicyDocument": _policy(pull, publish),
        "Roles": [{"Ref": f"{name}Role"}],
    }
    return {
        f"{name}Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": _policy(trust)}},
        f"{name}Policy": {"Type": "AWS::IAM::Policy", "Properties": policy},
    }


def _topic(name: str, *, protected: bool) -> Resources:
    topic = {"Ref": f"{name}Topic"}
    events = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    statements = [events, _deny_plaintext("sns:Publish", topic)] if protected else [events]
    return {
        f"{name}Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": _arn(f"{name}BackendKey")}},
        f"{name}TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {"Topics": [topic], "PolicyDocument": _policy(*statements)},
        },
    }


def _bucket(name: str) -> Resources:
    bucket = {"Ref": f"{name}Bucket"}
    encryption = {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": _arn(f"{name}BackendKey")}
    }
    properties = {
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ),
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    places = [_arn(f"{name}Bucket"), {"Fn::Sub": f"${{{name}Bucket.Arn}}/*"}]
    return {
        f"{name}Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties, **_RETAINED},
        f"{name}BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": bucket, "PolicyDocument": _policy(_deny_plaintext("s3:*", places))},
        },
    }


def _deny_plaintext(action: str, resource: object) -> dict[str, Any]:
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    return {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource, "Condition": condition}


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(template(int(sys.argv[1])), indent=1), "utf-8")
