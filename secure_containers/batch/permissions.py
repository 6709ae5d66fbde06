"""What writing a job's outputs takes, and nothing else."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from secure_containers.batch.job import BatchJob
from secure_containers.keys import WRITE, use_key
from secure_containers.waivers import Waiver, as_found, waive


def let_write(job: BatchJob, bucket: s3.IBucket, prefix: str) -> None:
    """Let a job write below its own prefix of a bucket. It may not read there, nor delete."""
    below = bucket.arn_for_objects(f"{prefix}*")
    writes = ["s3:AbortMultipartUpload", "s3:PutObject"]
    job.role.add_to_policy(iam.PolicyStatement(actions=writes, resources=[below]))
    reason = "all outputs of one kind of job, below a prefix of its own"
    waive(job.role, Waiver(f"AwsSolutions-IAM5[Resource::{as_found(Stack.of(job), below)}]", reason=reason))
    if bucket.encryption_key is not None:
        job.role.add_to_policy(use_key(bucket.encryption_key, "s3", Stack.of(job), WRITE))
