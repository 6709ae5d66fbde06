"""CloudTrail: every management event of every Region, validated, encrypted, kept where nobody can delete it.

Sources: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html,
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html and
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
"""

from __future__ import annotations

from typing import Final

from aws_cdk import ArnFormat, Duration, Names, RemovalPolicy, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_containers.audit.bucket import audit_bucket, let_write
from secure_containers.logs import encrypted_log_group
from secure_containers.waivers import Waiver, as_found, waive

_SERVICE: Final = "cloudtrail.amazonaws.com"
_COLD_AFTER: Final = 90
"""Days after which the log files are seldom read. S3 moves none under 128 KB, which would cost more there."""


class Trail(Construct):
    """The trail with its bucket, its log group and the role that writes there."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: kms.IKey,
        access_logs: s3.IBucket,
        organization_id: str | None,
        log_retention: logs.RetentionDays,
        retention_days: int,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        # Policies name the trail before there is one: its name is made of its place, and not left to CloudFormation.
        # The Region is in it, for a trail of all Regions shows in each of them.
        name = f"{Names.unique_resource_name(self, max_length=100, separator='-')}-{stack.region}"
        arn = stack.format_arn(service="cloudtrail", resource="trail", resource_name=name)
        _allow_key(key, stack, arn)

        self.bucket = audit_bucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            organization_id=organization_id,
            object_lock=s3.ObjectLockRetention.governance(Duration.days(retention_days)),
            lifecycle=s3.LifecycleRule(
                transitions=[
                    s3.Transition(
                        storage_class=s3.StorageClass.INFREQUENT_ACCESS,
                        transition_after=Duration.days(_COLD_AFTER),
                    )
                ],
                expiration=Duration.days(retention_days + 1),
                noncurrent_version_expiration=Duration.days(1),
            ),
        )
        let_write(
            self.bucket,
            _SERVICE,
            sids=("CloudTrailAclCheck", "CloudTrailWrite"),
            checks=["s3:GetBucketAcl"],
            objects=f"AWSLogs/{stack.account}/*",
            source={"aws:SourceArn": arn},
        )
        self.log_group = encrypted_log_group(self, "Logs", key=key, retention=log_retention)
        role, policy = self._writer(stack)
        self.trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=name,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            # Pulls are read events, pushes are write events; both are management events.
            event_selectors=[
                cloudtrail.CfnTrail.EventSelectorProperty(read_write_type="All", include_management_events=True)
            ],
            kms_key_id=key.key_arn,
            s3_bucket_name=self.bucket.bucket_name,
            cloud_watch_logs_log_group_arn=self.log_group.log_group_arn,
            cloud_watch_logs_role_arn=role.role_arn,
        )
        # It records nothing that is lost with it; kept, it would be the second one at the next deployment.
        self.trail.apply_removal_policy(RemovalPolicy.DESTROY)
        if self.bucket.policy is not None:
            self.trail.node.add_dependency(self.bucket.policy)
        self.trail.node.add_dependency(policy)

    def _writer(self, stack: Stack) -> tuple[iam.Role, iam.ManagedPolicy]:
        role = iam.Role(
            self,
            "Role",
            description="Writes the trail's events to its log group",
            # AWS documents conditions on the source for CloudTrail in policies of buckets and keys, not of this role.
            assumed_by=iam.ServicePrincipal(_SERVICE),
        )
        streams = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{self.log_group.log_group_name}:log-stream:{stack.account}_CloudTrail_{stack.region}*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        policy = iam.ManagedPolicy(
            role,
            "Policy",
            description="Write to the trail's streams of its log group",
            roles=[role],
            statements=[
                iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams])
            ],
        )
        reason = "CloudTrail chooses how its streams' names end; what comes before names the group and the account"
        waive(policy, Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, streams)}]", reason=reason))
        return role, policy


def _allow_key(key: kms.IKey, stack: Stack, trail: str) -> None:
    """Let CloudTrail encrypt what this trail writes, and nothing else."""
    trails = stack.format_arn(service="cloudtrail", region="*", resource="trail", resource_name="*")
    principals = [iam.ServicePrincipal(_SERVICE)]
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudTrailEncrypts",
            principals=principals,
            actions=["kms:GenerateDataKey*"],
            resources=["*"],
            conditions={
                "StringEquals": {"aws:SourceArn": trail},
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trails},
            },
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudTrailChecks",
            principals=principals,
            # To decrypt is needed when the trail is made, since the bucket has a key of its own.
            actions=["kms:Decrypt", "kms:DescribeKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceArn": trail}},
        )
    )
