"""Where uploads arrive, and where their items are.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/best-practices-security-preventative.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_containers.buckets import access_log_bucket, private_bucket
from secure_containers.pipeline.settings import l1_of
from secure_containers.runtime.terms import BY_STATUS
from secure_containers.waivers import Waiver, waive

_MOST_WRITES: Final = 1000
"""Request units in a second: what one partition takes, and as many are of one status."""
_MOST_READS: Final = 3000
_IN_INDEX: Final = (
    *("changed_at", "claim", "correlation_id", "job_id", "job_name", "lease_until"),
    *("reason", "result_location", "size"),
)
_UNPROTECTED: Final = "SC-DDB-01[DeletionProtectionEnabled]"
_OLD_VERSIONS: Final = Duration.days(90)
_NOT_IN_A_PLAN: Final = Waiver(
    "NIST.800.53.R5-DynamoDBInBackupPlan",
    reason="point-in-time recovery goes back 35 days to any second; a plan of AWS Backup is the account's own, and "
    "names tables by tags",
)


def input_bucket(
    scope: Construct,
    id: str,
    *,
    key: kms.IKey,
    removal: RemovalPolicy,
) -> s3.Bucket:
    """A private bucket that tells Amazon EventBridge of every upload."""
    bucket = private_bucket(
        scope,
        id,
        key=key,
        access_logs=access_log_bucket(scope, "AccessLogs", removal=removal),
        organization_id=None,
        lifecycle=s3.LifecycleRule(
            abort_incomplete_multipart_upload_after=Duration.days(7),
            noncurrent_version_expiration=_OLD_VERSIONS,
        ),
        removal=removal,
    )
    # By the L1: the L2 would bring a function of its own for it.
    l1: Any = l1_of(bucket)
    l1.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )
    return bucket


def results_table(
    scope: Construct, id: str, *, key: kms.IKey, waivers: Iterable[Waiver], removal: RemovalPolicy
) -> dynamodb.Table:
    """The table of items: one for each version of an object, and an index by status and time."""
    text = dynamodb.AttributeType.STRING
    unprotected = [waiver for waiver in waivers if waiver.id == "SC-DEL-01"]
    table = dynamodb.Table(
        scope,
        id,
        partition_key=dynamodb.Attribute(name="object", type=text),
        sort_key=dynamodb.Attribute(name="version", type=text),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        max_read_request_units=_MOST_READS,
        max_write_request_units=_MOST_WRITES,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=not unprotected,
        time_to_live_attribute="expires_at",
        stream=dynamodb.StreamViewType.NEW_IMAGE,
        removal_policy=removal,
    )
    table.add_global_secondary_index(
        index_name=BY_STATUS,
        partition_key=dynamodb.Attribute(name="status", type=text),
        sort_key=dynamodb.Attribute(name="received_at", type=text),
        # Without results: each would be written, and paid for, twice.
        projection_type=dynamodb.ProjectionType.INCLUDE,
        non_key_attributes=list(_IN_INDEX),
        max_read_request_units=_MOST_READS,
        max_write_request_units=_MOST_WRITES,
    )
    waive(table, _NOT_IN_A_PLAN, *(replace(each, rule=_UNPROTECTED) for each in unprotected))
    return table
