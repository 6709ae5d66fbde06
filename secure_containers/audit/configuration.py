"""AWS Config: what resources are like, what they were like, and whether that is as it should be.

Sources: https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html,
https://docs.aws.amazon.com/config/latest/developerguide/s3-kms-key-policy.html and
https://docs.aws.amazon.com/config/latest/developerguide/using-service-linked-roles.html
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Annotations, Aws, CfnCondition, Duration, Fn, Names, RemovalPolicy, Stack
from aws_cdk import aws_config as config
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from secure_containers.audit.bucket import audit_bucket, let_write
from secure_containers.audit.rules import CONFIG_RULES, ConfigRule, conformance_pack_template
from secure_containers.audit.settings import known_region
from secure_containers.custom_resource import Job, own_custom_resource

_SERVICE: Final = "config.amazonaws.com"
_ROLE: Final = "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
_WITHOUT_GLOBAL_TYPES: Final = (
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
)
"""Regions to which AWS Config came after February 2022, where it does not record IAM:
https://docs.aws.amazon.com/config/latest/developerguide/select-resources.html."""
_SERVICE_ROLE: Final = Job(
    name="ServiceLinkedRoles",
    module="service_linked_role",
    description="Makes the roles by which AWS services work in this account, where they are missing",
)


class Recorder(Construct):
    """The recorder, and the channel by which it delivers to a bucket of its own.

    The bucket has no object lock, which AWS Config does not deliver to. Recorder and channel do not wait for each
    other: each needs the other to work, and either order would never end.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: kms.IKey,
        access_logs: s3.IBucket,
        organization_id: str | None,
        retention_days: int,
        global_types: bool,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        region = known_region(self)
        if global_types and region in _WITHOUT_GLOBAL_TYPES:
            Annotations.of(self).add_info(
                f"AWS Config records no IAM users, roles and policies in {region}: record them in an older Region, and "
                "write existing=[AuditPart.CONFIG_GLOBAL] here"
            )
        _allow_key(key, stack)
        self.bucket = audit_bucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            organization_id=organization_id,
            lifecycle=s3.LifecycleRule(
                expiration=Duration.days(retention_days), noncurrent_version_expiration=Duration.days(1)
            ),
        )
        let_write(
            self.bucket,
            _SERVICE,
            sids=("ConfigChecks", "ConfigWrite"),
            checks=["s3:GetBucketAcl", "s3:ListBucket"],
            objects=f"AWSLogs/{stack.account}/Config/*",
            source={"aws:SourceAccount": stack.account},
        )
        # The service's own role, which Security Hub asks for (Config.1), has what the recorder needs and grows with it;
        # a role of ours would need a managed policy of AWS's, and no less.
        role = stack.format_arn(service="iam", region="", resource="role", resource_name=_ROLE)
        made = own_custom_resource(
            self,
            "Role",
            job=_SERVICE_ROLE,
            resource_type="Custom::ServiceLinkedRole",
            key=key,
            properties={"Service": _SERVICE},
            statements=[
                iam.PolicyStatement(
                    actions=["iam:CreateServiceLinkedRole"],
                    resources=[role],
                    conditions={"StringEquals": {"iam:AWSServiceName": _SERVICE}},
                )
            ],
        )
        self.recorder = config.CfnConfigurationRecorder(
            self,
            "Recorder",
            role_arn=role,
            recording_group=config.CfnConfigurationRecorder.RecordingGroupProperty(
                all_supported=True, include_global_resource_types=global_types
            ),
        )
        self.channel = config.CfnDeliveryChannel(
            self,
            "Channel",
            s3_bucket_name=self.bucket.bucket_name,
            s3_kms_key_arn=key.key_arn,
            config_snapshot_delivery_properties=config.CfnDeliveryChannel.ConfigSnapshotDeliveryPropertiesProperty(
                delivery_frequency="TwentyFour_Hours"
            ),
        )
        for each in (self.recorder, self.channel):
            # Both start at the same moment, since neither is ready before it finds the other.
            each.node.add_dependency(made)
            if self.bucket.policy is not None:
                each.node.add_dependency(self.bucket.policy)
            # They hold no data, and kept they would be in the way of the next deployment: there can be one only.
            each.apply_removal_policy(RemovalPolicy.DESTROY)


class Rules(Construct):
    """The rules, one by one or as one conformance pack."""

    def __init__(self, scope: Construct, id: str, *, recorder: Recorder | None, as_pack: bool) -> None:
        super().__init__(scope, id)
        region = known_region(self)
        self._conditions: dict[tuple[str, ...], CfnCondition] = {}
        missing = [rule.id for rule in CONFIG_RULES if region is not None and rule.missing_in(region)]
        if missing:
            Annotations.of(self).add_info(f"{region} has no AWS Config rule for {', '.join(missing)}: left out")
        self.pack: config.CfnConformancePack | None = None
        if as_pack:
            self.pack = config.CfnConformancePack(
                self,
                "Pack",
                conformance_pack_name=Names.unique_resource_name(self, max_length=100, separator="-"),
                template_body=conformance_pack_template(region=region),
            )
        else:
            for rule in CONFIG_RULES:
                if rule.id not in missing:
                    self._rule(rule)
        if recorder is not None:
            # Without a recorder there can be no rule. The channel is none of their business.
            self.node.add_dependency(recorder.recorder)

    def _rule(self, rule: ConfigRule) -> None:
        made = rule.properties()
        source = made["Source"]
        details = source.get("CustomPolicyDetails")
        l1 = config.CfnConfigRule
        resource = l1(
            self,
            rule.id,
            description=made["Description"],
            input_parameters=made.get("InputParameters"),
            scope=l1.ScopeProperty(compliance_resource_types=list(rule.types)) if rule.types else None,
            source=l1.SourceProperty(
                owner=source["Owner"],
                source_identifier=source.get("SourceIdentifier"),
                source_details=[
                    l1.SourceDetailProperty(event_source=each["EventSource"], message_type=each["MessageType"])
                    for each in source.get("SourceDetails", [])
                ]
                or None,
                custom_policy_details=l1.CustomPolicyDetailsProperty(
                    policy_runtime=details["PolicyRuntime"], policy_text=details["PolicyText"]
                )
                if details
                else None,
            ),
        )
        if rule.not_in and known_region(self) is None:
            resource.cfn_options.condition = self._offered(rule)

    def _offered(self, rule: ConfigRule) -> CfnCondition:
        """True where the rule exists, for templates that are deployed anywhere; rules with the same gaps share it."""
        places = tuple(rule.not_in)
        if places not in self._conditions:
            lacking = [
                Fn.condition_equals(Aws.PARTITION if place.startswith("aws") else Aws.REGION, place) for place in places
            ]
            expression = Fn.condition_not(Fn.condition_or(*lacking))
            self._conditions[places] = CfnCondition(self, f"{rule.id}Offered", expression=expression)
        return self._conditions[places]


def _allow_key(key: kms.IKey, stack: Stack) -> None:
    """Let AWS Config encrypt what it delivers for this account."""
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="ConfigEncrypts",
            principals=[iam.ServicePrincipal(_SERVICE)],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
    )
