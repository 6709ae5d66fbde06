"""Buckets: over TLS only, and not to be emptied by mistake."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from tests.e2e.deployment import Deployment
from tests.support import OTHER_ACCOUNT, REGION

STACKS = ("AccountAudit", "BatchJobs")


@pytest.mark.parametrize("stack", STACKS)
def test_plain_http_is_refused(deployment: Deployment, stack: str) -> None:
    """By the policy that the emulator has; it offers no port without TLS on which this could be tried."""
    s3 = deployment.client("s3")
    for bucket in deployment.stack(stack).of_type("AWS::S3::Bucket"):
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket.physical)["Policy"])
        arn = f"arn:aws:s3:::{bucket.physical}"
        for action, resource in (
            ("s3:GetObject", f"{arn}/key"),
            ("s3:PutObject", f"{arn}/key"),
            ("s3:ListBucket", arn),
        ):
            assert decision(policy, action, resource, secure=False) == "Deny"
            assert decision(policy, action, resource, secure=True) == "ImplicitDeny"


def decision(policy: dict[str, Any], action: str, resource: str, *, secure: bool) -> str:
    """What the emulator's own evaluator says to a call of somebody in another account."""
    context = EvalContext(
        principal_arn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/worker",
        principal_type="AssumedRole",
        principal_account=OTHER_ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        secure_transport=secure,
    )
    return str(evaluate_resource_policy(policy, context).decision)


def test_nobody_answers_plain_http(deployment: Deployment) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", deployment.connection.port, timeout=5)
    plain.request("GET", "/")
    with pytest.raises((http.client.HTTPException, OSError)):
        plain.getresponse()
    plain.close()


def test_a_bucket_that_holds_something_is_not_deleted(deployment: Deployment) -> None:
    s3: Any = deployment.client("s3")
    bucket = deployment.stack("BatchJobs").the("AWS::S3::Bucket", "JobsOutputs").physical
    s3.put_object(Bucket=bucket, Key="kept", Body=b"something")
    with pytest.raises(ClientError, match=r"BucketNotEmpty|AccessDenied"):
        s3.delete_bucket(Bucket=bucket)
    s3.head_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="kept")


def test_access_logs_are_not_deleted_by_anybody(deployment: Deployment) -> None:
    s3 = deployment.as_role(deployment.administrator, "s3")
    bucket = deployment.stack("BatchJobs").the("AWS::S3::Bucket", "JobsAccessLogs").physical
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key="log")
