"""What `AuditBaseline` promises."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from secure_containers import (
    AuditBaseline,
    AuditPart,
    ScanSeverity,
    VpcBlockMode,
    VpcExclusionMode,
    Waiver,
    conformance_pack_template,
)
from secure_containers.audit.rules import CONFIG_RULES
from secure_containers.audit.settings import name_prefix
from secure_containers.audit.watched import FILTERS, Own, events
from secure_containers.guidance import catalogue
from stacks.audit_baseline import AccountAudit
from tests.support import (
    ACCOUNT,
    ORGANIZATION,
    OTHER_ACCOUNT,
    REGION,
    ROOT,
    STRANGER,
    concrete,
    of_type,
    only,
    open_ids,
    synthesized,
)

GUIDELINES = set(catalogue().guidelines)
HERE = Environment(account=ACCOUNT, region=REGION)
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/Test-Audit-Trail-"
EVENTS = events(ACCOUNT, [], ScanSeverity.HIGH, Own(topic="arn", prefix="Test"))
REASON = "the development account keeps nothing that anybody would audit"


def audit(stack: Stack, **given: Any) -> AuditBaseline:
    return AuditBaseline(stack, "Audit", **given)


def template_of(app: App, stack: str = "Test") -> dict[str, Any]:
    return synthesized(app)[stack]


def named(template: dict[str, Any], type_: str, start: str) -> dict[str, Any]:
    (found,) = (each for id, each in of_type(template, type_).items() if id.startswith(start))
    return found


def policy_of(template: dict[str, Any], type_: str, start: str, document: str = "PolicyDocument") -> dict[str, Any]:
    return concrete(named(template, type_, start)["Properties"][document])


def statement(policy: dict[str, Any], sid: str) -> dict[str, Any]:
    (found,) = (each for each in policy["Statement"] if each.get("Sid") == sid)
    return found


def decision(
    policy: dict[str, Any],
    action: str,
    *,
    account: str = ACCOUNT,
    service: str | None = None,
    tls: bool = True,
    **keys: str,
) -> str:
    """What a resource's policy says to a call, by TLS unless said otherwise; an administrator's if no service's."""
    context = {"aws:principalisawsservice": str(service is not None).lower()}
    context |= {key.replace("__", ":").lower(): value for key, value in keys.items()}
    ctx = EvalContext(
        principal_arn=f"arn:aws:iam::{account}:role/admin",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn="*",
        region=REGION,
        secure_transport=tls,
        principal_keys=context,
    )
    statements = [{**each, "Resource": "*"} for each in policy["Statement"]]
    return str(evaluate_resource_policy({"Statement": statements}, ctx, service=service).decision)


def matches(pattern: Any, event: Any) -> bool:
    """Whether an event fits a pattern of EventBridge, as far as ours go."""
    if isinstance(pattern, dict):
        return isinstance(event, dict) and all(
            any(matches(each, event) for each in pattern[key])
            if key == "$or"
            else key in event and matches(pattern[key], event[key])
            for key in pattern
        )
    values = event if isinstance(event, list) else [event]
    return any(_fits(each, value) for each in pattern for value in values)


def _fits(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, dict):
        return bool(wanted == value)
    if "anything-but" in wanted:
        return value not in wanted["anything-but"]
    if "prefix" in wanted:
        return isinstance(value, str) and value.startswith(wanted["prefix"])
    operator, number = wanted["numeric"]
    assert operator == ">="
    return bool(value >= number)


def call(service: str, name: str, account: str = ACCOUNT, /, **parameters: Any) -> dict[str, Any]:
    return {
        "source": f"aws.{service}",
        "detail-type": "AWS API Call via CloudTrail",
        "account": ACCOUNT,
        "detail": {
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "userIdentity": {"type": "AssumedRole", "accountId": account},
            "requestParameters": parameters,
        },
    }


def heard(app: App, event: dict[str, Any]) -> list[str]:
    """The rules of the template that an event fits."""
    return [
        re.sub("^AuditAlarms|.{8}$", "", id)
        for id, rule in of_type(template_of(app), "AWS::Events::Rule").items()
        if matches(concrete(rule["Properties"]["EventPattern"]), event)
    ]


class TestTrail:
    def test_it_records_every_region_validated_and_encrypted(self, app: App, stack: Stack) -> None:
        audit(stack)
        trail = only(template_of(app), "AWS::CloudTrail::Trail")["Properties"]
        assert trail["IsLogging"] is trail["IsMultiRegionTrail"] is trail["IncludeGlobalServiceEvents"] is True
        assert trail["EnableLogFileValidation"] is True
        assert trail["EventSelectors"] == [{"IncludeManagementEvents": True, "ReadWriteType": "All"}]
        assert {"KMSKeyId", "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"} <= set(trail)

    def test_it_waits_for_the_policies_that_let_it_write(self, app: App, stack: Stack) -> None:
        audit(stack)
        waits = only(template_of(app), "AWS::CloudTrail::Trail")["DependsOn"]
        assert [re.sub("[0-9A-F]{8}$", "", each) for each in waits] == [
            "AuditTrailBucketPolicy",
            "AuditTrailRolePolicy",
        ]

    def test_only_this_trail_may_write_to_its_bucket(self, app: App, stack: Stack) -> None:
        audit(stack)
        policy = policy_of(template_of(app), "AWS::S3::BucketPolicy", "AuditTrailBucket")
        trail = statement(policy, "CloudTrailWrite")["Condition"]["StringEquals"]["aws:SourceArn"]
        assert trail.startswith(TRAIL)
        acl = {"s3__x-amz-acl": "bucket-owner-full-control"}
        cloudtrail = "cloudtrail.amazonaws.com"
        put = "s3:PutObject"
        assert decision(policy, put, service=cloudtrail, aws__SourceArn=trail, **acl) == "Allow"
        assert decision(policy, put, service=cloudtrail, aws__SourceArn=f"{trail}-other", **acl) != "Allow"
        assert decision(policy, put, service="config.amazonaws.com", aws__SourceArn=trail, **acl) != "Allow"
        assert decision(policy, put) == "Deny"

    @pytest.mark.parametrize("bucket", ["AuditTrailBucket", "AuditConfigBucket", "AuditAccessLogs"])
    @pytest.mark.parametrize("action", ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:DeleteBucket"])
    def test_nobody_deletes_what_is_recorded(self, app: App, stack: Stack, bucket: str, action: str) -> None:
        audit(stack)
        policy = policy_of(template_of(app), "AWS::S3::BucketPolicy", bucket)
        assert decision(policy, action) == "Deny"

    def test_log_files_are_locked_as_long_as_they_are_kept(self, app: App, stack: Stack) -> None:
        audit(stack, trail_retention_days=400)
        bucket = named(template_of(app), "AWS::S3::Bucket", "AuditTrailBucket")["Properties"]
        assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Days": 400, "Mode": "GOVERNANCE"}
        (rule,) = bucket["LifecycleConfiguration"]["Rules"]
        assert rule["ExpirationInDays"] > 400
        assert rule["Transitions"] == [{"StorageClass": "STANDARD_IA", "TransitionInDays": 90}]

    def test_it_may_write_to_its_own_log_streams_only(self, app: App, stack: Stack) -> None:
        audit(stack)
        policy = policy_of(template_of(app), "AWS::IAM::ManagedPolicy", "AuditTrailRolePolicy")
        (only_statement,) = policy["Statement"]
        assert only_statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
        assert re.search(rf":log-group:AuditTrailLogs\w+:log-stream:{ACCOUNT}_CloudTrail_", only_statement["Resource"])

    def test_its_name_holds_the_region_so_that_two_regions_do_not_collide(self, app: App) -> None:
        for region in (REGION, "eu-west-1"):
            AccountAudit(
                app,
                region,
                env=Environment(account=ACCOUNT, region=region),
                organization_id=None,
                severity=ScanSeverity.HIGH,
            )
        names = {
            region: only(each, "AWS::CloudTrail::Trail")["Properties"]["TrailName"]
            for region, each in synthesized(app).items()
        }
        assert all(name.endswith(f"-{region}") for region, name in names.items())

    def test_outsiders_get_at_nothing(self, app: App, stack: Stack) -> None:
        audit(stack, organization_id=ORGANIZATION)
        template = template_of(app)
        for type_, start, action in (
            ("AWS::S3::BucketPolicy", "AuditTrailBucket", "s3:GetObject"),
            ("AWS::S3::BucketPolicy", "AuditConfigBucket", "s3:GetObject"),
            ("AWS::SNS::TopicPolicy", "AuditTopic", "sns:Subscribe"),
        ):
            policy = policy_of(template, type_, start)
            keys = {"aws__PrincipalOrgID": "o-zzzzzzzzzz"}
            assert decision(policy, action, account=STRANGER, **keys) == "Deny"
            inside = {"aws__PrincipalOrgID": ORGANIZATION}
            assert decision(policy, action, account=OTHER_ACCOUNT, **inside) != "Deny"

    def test_the_denial_of_outsiders_cannot_silence_the_topic(self, app: App, stack: Stack) -> None:
        audit(stack, organization_id=ORGANIZATION)
        policy = policy_of(template_of(app), "AWS::SNS::TopicPolicy", "AuditTopic")
        assert statement(policy, "DenyOutsideOrganization")["Action"] == "sns:Subscribe"
        assert decision(policy, "sns:Publish", account=STRANGER) != "Allow"


class TestKeys:
    def test_cloudtrail_may_use_the_key_for_this_trail_only(self, app: App, stack: Stack) -> None:
        audit(stack)
        policy = policy_of(template_of(app), "AWS::KMS::Key", "AuditKey", "KeyPolicy")
        encrypts = statement(policy, "CloudTrailEncrypts")
        assert encrypts["Action"] == "kms:GenerateDataKey*"
        assert encrypts["Condition"]["StringEquals"]["aws:SourceArn"].startswith(TRAIL)
        context = encrypts["Condition"]["StringLike"]["kms:EncryptionContext:aws:cloudtrail:arn"]
        assert context == f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"
        assert set(statement(policy, "CloudTrailChecks")["Action"]) == {"kms:Decrypt", "kms:DescribeKey"}

    def test_config_may_use_it_for_this_account_only(self, app: App, stack: Stack) -> None:
        audit(stack)
        found = statement(policy_of(template_of(app), "AWS::KMS::Key", "AuditKey", "KeyPolicy"), "ConfigEncrypts")
        assert found["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}

    def test_logs_may_use_it_once_for_this_accounts_log_groups(self, app: App, stack: Stack) -> None:
        audit(stack)
        found = statement(policy_of(template_of(app), "AWS::KMS::Key", "AuditKey", "KeyPolicy"), "CloudWatchLogs")
        assert found["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
        groups = {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"}
        assert found["Condition"] == {"ArnLike": groups}

    def test_eventbridge_may_use_the_topics_key_and_no_other(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        found = statement(policy_of(template, "AWS::KMS::Key", "AuditTopicKey", "KeyPolicy"), "EventsToTopic")
        assert set(found["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
        # AWS: with a condition on the source in the key's policy, events would be lost.
        assert "Condition" not in found
        assert "events.amazonaws.com" not in json.dumps(policy_of(template, "AWS::KMS::Key", "AuditKey", "KeyPolicy"))

    def test_a_key_passed_is_used(self, app: App, stack: Stack) -> None:
        key = kms.Key(stack, "Mine", enable_key_rotation=True)
        assert audit(stack, encryption_key=key).encryption_key is key
        assert not [id for id in of_type(template_of(app), "AWS::KMS::Key") if id.startswith("AuditKey")]
        assert open_ids(app) == set()

    def test_everything_that_holds_data_stays(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        for type_ in (
            "AWS::S3::Bucket",
            "AWS::S3::BucketPolicy",
            "AWS::KMS::Key",
            "AWS::Logs::LogGroup",
            "AWS::GuardDuty::Detector",
        ):
            for resource in of_type(template, type_).values():
                assert resource["DeletionPolicy"] in ("Retain", "RetainExceptOnCreate")
                assert resource["UpdateReplacePolicy"] == "Retain"

    def test_the_key_of_locked_buckets_stays_also_when_a_creation_fails(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        policies = {
            id.rstrip("0123456789ABCDEF"): key["DeletionPolicy"]
            for id, key in of_type(template, "AWS::KMS::Key").items()
        }
        assert policies == {"AuditKey": "Retain", "AuditTopicKey": "RetainExceptOnCreate"}


class TestConfig:
    def test_recorder_and_channel_do_not_wait_for_each_other(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        ((recorder_id, recorder),) = of_type(template, "AWS::Config::ConfigurationRecorder").items()
        ((channel_id, channel),) = of_type(template, "AWS::Config::DeliveryChannel").items()
        assert channel_id not in json.dumps(recorder)
        assert recorder_id not in json.dumps(channel)

    def test_recorder_and_channel_start_together_once_they_can_work(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        for type_ in ("AWS::Config::ConfigurationRecorder", "AWS::Config::DeliveryChannel"):
            waits = [re.sub("[0-9A-F]{8}$", "", each) for each in only(template, type_)["DependsOn"]]
            assert [each for each in waits if "Policy" not in each or "Bucket" in each] == [
                "AuditConfigBucketPolicy",
                "AuditConfigRole",
            ]

    def test_it_records_everything_by_the_services_own_role(self, app: App, stack: Stack) -> None:
        audit(stack)
        recorder = concrete(only(template_of(app), "AWS::Config::ConfigurationRecorder")["Properties"])
        assert recorder["RecordingGroup"] == {"AllSupported": True, "IncludeGlobalResourceTypes": True}
        role = "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
        assert recorder["RoleARN"] == f"arn:aws:iam::{ACCOUNT}:role/{role}"
        policy = policy_of(template_of(app), "AWS::IAM::ManagedPolicy", "AuditConfigRolePolicy")
        assert policy["Statement"] == [
            {
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "Resource": recorder["RoleARN"],
                "Condition": {"StringEquals": {"iam:AWSServiceName": "config.amazonaws.com"}},
            }
        ]

    def test_its_bucket_has_no_object_lock(self, app: App, stack: Stack) -> None:
        audit(stack)
        bucket = named(template_of(app), "AWS::S3::Bucket", "AuditConfigBucket")["Properties"]
        assert not {"ObjectLockEnabled", "ObjectLockConfiguration"} & set(bucket)

    def test_only_config_for_this_account_may_write_to_it(self, app: App, stack: Stack) -> None:
        audit(stack)
        policy = policy_of(template_of(app), "AWS::S3::BucketPolicy", "AuditConfigBucket")
        keys = {"s3__x-amz-acl": "bucket-owner-full-control"}
        config = "config.amazonaws.com"
        assert decision(policy, "s3:PutObject", service=config, aws__SourceAccount=ACCOUNT, **keys) == "Allow"
        assert decision(policy, "s3:PutObject", service=config, aws__SourceAccount=STRANGER, **keys) != "Allow"
        assert decision(policy, "s3:PutObject", **keys) == "Deny"

    def test_every_rule_waits_for_the_recorder(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        (recorder,) = of_type(template, "AWS::Config::ConfigurationRecorder")
        rules = of_type(template, "AWS::Config::ConfigRule")
        assert len(rules) == len(CONFIG_RULES) == 23
        assert all(rule["DependsOn"] == [recorder] for rule in rules.values())

    def test_rules_are_aws_own_or_a_guard_policy_that_fits(self) -> None:
        for rule in CONFIG_RULES:
            source = rule.properties()["Source"]
            if rule.guard is None:
                assert source == {"Owner": "AWS", "SourceIdentifier": rule.identifier}
            else:
                assert source["Owner"] == "CUSTOM_POLICY"
                assert source["CustomPolicyDetails"]["PolicyRuntime"] == "guard-2.x.x"
                assert len(source["CustomPolicyDetails"]["PolicyText"]) <= 10_000
                assert rule.types
            assert len(rule.properties()["Description"]) <= 256
            assert rule.guideline in GUIDELINES

    def test_a_pack_holds_the_same_rules(self, app: App, stack: Stack) -> None:
        assert audit(stack, conformance_pack=True).conformance_pack is not None
        template = template_of(app)
        assert not of_type(template, "AWS::Config::ConfigRule")
        pack = only(template, "AWS::Config::ConformancePack")
        assert pack["DependsOn"] == list(of_type(template, "AWS::Config::ConfigurationRecorder"))
        body = pack["Properties"]["TemplateBody"]
        assert body == conformance_pack_template()
        assert len(body) <= 51_200
        assert list(json.loads(body)["Resources"]) == [rule.id for rule in CONFIG_RULES]

    def test_a_pack_for_an_organization_leaves_out_what_a_region_lacks(self) -> None:
        assert "InspectorScansImages" in json.loads(conformance_pack_template(region=REGION))["Resources"]
        assert "InspectorScansImages" not in json.loads(conformance_pack_template(region="cn-north-1"))["Resources"]


class TestDetection:
    def test_guardduty_watches_everything_of_containers(self, app: App, stack: Stack) -> None:
        audit(stack)
        features = only(template_of(app), "AWS::GuardDuty::Detector")["Properties"]["Features"]
        found = {
            each["Name"]: {other["Name"] for other in each.get("AdditionalConfiguration", [])}
            for each in features
            if each["Status"] == "ENABLED"
        }
        assert found == {
            "S3_DATA_EVENTS": set(),
            "EKS_AUDIT_LOGS": set(),
            "EBS_MALWARE_PROTECTION": set(),
            "LAMBDA_NETWORK_LOGS": set(),
            "RUNTIME_MONITORING": {"EKS_ADDON_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT"},
        }

    def test_inspector_scans_images_machines_and_functions(self, app: App, stack: Stack) -> None:
        audit(stack)
        scans = only(template_of(app), "Custom::InspectorScans")
        assert scans["Properties"]["ResourceTypes"] == ["ECR", "EC2", "LAMBDA"]

    def test_what_turns_inspector_on_may_do_nothing_else(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        (role,) = (id for id in of_type(template, "AWS::IAM::Role") if id.startswith("InspectorSettings"))
        found = [
            each
            for policy in of_type(template, "AWS::IAM::ManagedPolicy").values()
            if {"Ref": role} in policy["Properties"]["Roles"]
            for each in concrete(policy["Properties"]["PolicyDocument"])["Statement"]
        ]
        allowed = {
            action
            for each in found
            for action in (each["Action"] if isinstance(each["Action"], list) else [each["Action"]])
        }
        assert allowed == {
            "iam:CreateServiceLinkedRole",
            "inspector2:BatchGetAccountStatus",
            "inspector2:Enable",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        }
        assert "inspector2:Disable" not in allowed
        (roles,) = (each for each in found if each["Action"] == "iam:CreateServiceLinkedRole")
        prefix = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role"
        assert set(roles["Resource"]) == {
            f"{prefix}/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2",
            f"{prefix}/agentless.inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2Agentless",
        }
        assert roles["Condition"] == {
            "StringEquals": {"iam:AWSServiceName": ["inspector2.amazonaws.com", "agentless.inspector2.amazonaws.com"]}
        }


class TestAlarms:
    def test_every_alarm_reaches_the_topic_and_says_what_to_do(self, app: App, stack: Stack) -> None:
        baseline = audit(stack)
        template = template_of(app)
        (topic,) = of_type(template, "AWS::SNS::Topic")
        alarms = of_type(template, "AWS::CloudWatch::Alarm")
        assert len(alarms) == len(FILTERS) + 1
        assert baseline.topic.node.path == "Test/Audit/Topic"
        for alarm in alarms.values():
            properties = alarm["Properties"]
            assert properties["AlarmActions"] == [{"Ref": topic}]
            assert properties["TreatMissingData"] == "notBreaching"
            guideline = re.search(r"\((.+?)\)\. [A-Z]", properties["AlarmDescription"])
            assert guideline is not None
            assert guideline[1] in GUIDELINES

    def test_every_filter_counts_in_the_trails_log_group(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        (group,) = (id for id in of_type(template, "AWS::Logs::LogGroup") if id.startswith("AuditTrailLogs"))
        filters = of_type(template, "AWS::Logs::MetricFilter").values()
        metrics = {each["Properties"]["MetricTransformations"][0]["MetricName"] for each in filters}
        assert metrics == {each.id for each in FILTERS}
        for each in filters:
            assert each["Properties"]["LogGroupName"] == {"Ref": group}
            assert len(each["Properties"]["FilterPattern"]) <= 1024

    def test_every_rule_reaches_the_topic_or_the_queue(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        (topic,), (queue,) = of_type(template, "AWS::SNS::Topic"), of_type(template, "AWS::SQS::Queue")
        rules = of_type(template, "AWS::Events::Rule").values()
        assert len(rules) == len(EVENTS)
        for rule in rules:
            (target,) = rule["Properties"]["Targets"]
            assert target["Arn"] == {"Ref": topic}
            assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}
            guideline = re.search(r"\((.+?)\)\. [A-Z]", rule["Properties"]["Description"])
            assert guideline is not None
            assert guideline[1] in GUIDELINES

    @pytest.mark.parametrize(
        ("event", "rules"),
        [
            (call("ecr", "SetRepositoryPolicy"), ["RegistryPolicies"]),
            (call("ecr", "PutRegistryPolicy"), ["RegistryPolicies"]),
            (call("ecr", "BatchDeleteImage"), ["ImageDeletions"]),
            (call("ecr", "DeleteRepository"), ["ImageDeletions"]),
            (call("ecr", "PutImage"), []),
            (call("ecr", "BatchGetImage"), []),
            (call("ecr", "BatchGetImage", OTHER_ACCOUNT), []),
            (call("ecr", "BatchGetImage", STRANGER), ["ForeignPulls"]),
            (call("ecr", "GetDownloadUrlForLayer", STRANGER), []),
            (call("ecr", "PutReplicationConfiguration"), ["RegistryPolicies"]),
            (call("ecr", "PutLifecyclePolicy"), ["RegistryPolicies"]),
            (call("ecr", "PutImageTagMutability"), ["RegistryPolicies"]),
            (call("ecr", "PutRegistryScanningConfiguration"), ["RegistryPolicies"]),
            (call("cloudtrail", "StopLogging"), ["RecordingStopped"]),
            (call("cloudtrail", "PutEventSelectors"), ["RecordingStopped"]),
            (call("config", "StopConfigurationRecorder"), ["ConfigStopped"]),
            (call("config", "PutConfigurationRecorder"), ["ConfigStopped"]),
            (call("guardduty", "DeleteDetector"), ["DetectionStopped"]),
            (call("guardduty", "CreateFilter"), ["DetectionStopped"]),
            (call("guardduty", "DisassociateFromAdministratorAccount"), ["DetectionStopped"]),
            (call("inspector2", "Disable"), ["DetectionStopped"]),
            (call("inspector2", "UpdateFilter"), ["DetectionStopped"]),
            (call("s3", "DeleteBucket"), []),
        ],
    )
    def test_calls_that_people_have_to_hear_of(
        self, app: App, stack: Stack, event: dict[str, Any], rules: list[str]
    ) -> None:
        audit(stack, trusted_accounts=[OTHER_ACCOUNT])
        assert heard(app, event) == rules

    OWN = "Test-AuditAlarms"
    TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:AuditTopic"

    @pytest.mark.parametrize(
        ("service", "name", "parameter", "own", "other"),
        [
            ("s3", "PutBucketPolicy", "bucketName", "AuditTrailBucket", "website"),
            ("s3", "DeleteBucketPolicy", "bucketName", "AuditConfigBucket", "website"),
            ("s3", "PutBucketLifecycle", "bucketName", "AuditAccessLogs", "website"),
            ("s3", "PutBucketLifecycleConfiguration", "bucketName", "AuditTrailBucket", "website"),
            ("logs", "PutRetentionPolicy", "logGroupName", "AuditTrailLogs", "website"),
            ("logs", "DeleteMetricFilter", "logGroupName", "AuditTrailLogs", "website"),
            ("logs", "DeleteLogGroup", "logGroupName", "AuditTrailLogs", "website"),
            ("monitoring", "DeleteAlarms", "alarmNames", ["website", f"{OWN}RootUse-1"], ["website"]),
            ("monitoring", "DisableAlarmActions", "alarmNames", [f"{OWN}RootUse-1"], ["website"]),
            ("events", "DisableRule", "name", f"{OWN}ForeignPulls-1", "website"),
            ("events", "DeleteRule", "name", f"{OWN}ForeignPulls-1", "website"),
            ("events", "RemoveTargets", "rule", f"{OWN}ForeignPulls-1", "website"),
            ("sns", "SetTopicAttributes", "topicArn", "AuditTopic", f"{TOPIC}-other"),
            ("sns", "DeleteTopic", "topicArn", "AuditTopic", f"{TOPIC}-other"),
            ("sns", "Unsubscribe", "subscriptionArn", "AuditTopic", f"{TOPIC}-other:1"),
            ("cloudformation", "UpdateTerminationProtection", "enableTerminationProtection", False, True),
        ],
    )
    def test_changes_of_the_audit_itself_are_heard_of_and_those_of_others_not(
        self, app: App, stack: Stack, service: str, name: str, parameter: str, own: Any, other: Any
    ) -> None:
        audit(stack)
        if isinstance(own, str) and own.startswith("Audit"):
            ids = [id for id in template_of(app)["Resources"] if re.fullmatch(f"{own}[0-9A-F]{{8}}", id)]
            own = concrete({"Ref": ids[0]}) + (":1" if parameter == "subscriptionArn" else "")
        assert heard(app, call(service, name, **{parameter: own})) == ["AuditChanges"]
        assert heard(app, call(service, name, **{parameter: other})) == []

    def test_patterns_are_not_longer_than_eventbridge_takes(self, app: App) -> None:
        stack = Stack(app, "T" * 100, env=HERE)
        audit(stack)
        for id, rule in of_type(template_of(app, "T" * 100), "AWS::Events::Rule").items():
            names = 4 * 64 + 2 * 200  # buckets, log group and topic with the longest names
            written = json.dumps(concrete(rule["Properties"]["EventPattern"]), separators=(",", ":"))
            assert len(written) + names * ("AuditChanges" in id) <= 2048, id

    def test_what_it_is_made_of_is_known_by_the_beginning_of_names(self, app: App, stack: Stack) -> None:
        assert name_prefix(stack) == name_prefix(NestedStack(stack, "Nested")) == "Test-"
        # CloudFormation cuts the stack's name in names that would be longer than 64 characters.
        assert name_prefix(Stack(app, "T" * 100)) == "T" * 20

    @pytest.mark.parametrize(
        "event",
        [
            "UpdateAssumeRolePolicy",
            "SetDefaultPolicyVersion",
            "PutRolePermissionsBoundary",
            "DeleteRolePermissionsBoundary",
            "PutUserPermissionsBoundary",
            "DeleteUserPermissionsBoundary",
            "PutRolePolicy",
            "AttachUserPolicy",
        ],
    )
    def test_whatever_widens_permissions_is_a_change_of_a_policy(self, event: str) -> None:
        (watched,) = (each for each in FILTERS if each.id == "IamPolicyChanges")
        assert f"($.eventName={event})" in watched.pattern

    def test_what_services_try_in_vain_every_day_is_no_denied_call(self) -> None:
        (watched,) = (each for each in FILTERS if each.id == "DeniedCalls")
        assert watched.pattern.startswith("{((")
        assert ') && ($.sourceIPAddress!="delivery.logs.amazonaws.com")' in watched.pattern
        assert '($.eventName!="HeadBucket")}' in watched.pattern

    def test_a_pull_by_a_service_is_no_strangers(self, app: App, stack: Stack) -> None:
        audit(stack)
        event = call("ecr", "BatchGetImage")
        event["detail"]["userIdentity"] = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
        assert heard(app, event) == []

    def test_pulls_are_read_events_which_a_rule_has_to_ask_for(self, app: App, stack: Stack) -> None:
        audit(stack)
        states = {
            re.sub("^AuditAlarms|.{8}$", "", id): rule["Properties"]["State"]
            for id, rule in of_type(template_of(app), "AWS::Events::Rule").items()
        }
        assert states.pop("ForeignPulls") == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
        assert set(states.values()) == {"ENABLED"}

    @pytest.mark.parametrize(
        ("severity", "guardduty", "inspector"),
        [
            (ScanSeverity.CRITICAL, 9, ["CRITICAL"]),
            (ScanSeverity.HIGH, 7, ["CRITICAL", "HIGH"]),
            (ScanSeverity.MEDIUM, 4, ["CRITICAL", "HIGH", "MEDIUM"]),
            (ScanSeverity.LOW, 1, ["CRITICAL", "HIGH", "MEDIUM", "LOW"]),
            (ScanSeverity.INFORMATIONAL, 0, ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"]),
        ],
    )
    def test_findings_count_from_a_severity(
        self, app: App, stack: Stack, severity: ScanSeverity, guardduty: int, inspector: list[str]
    ) -> None:
        audit(stack, severity=severity)
        duty = {"source": "aws.guardduty", "detail-type": "GuardDuty Finding"}
        assert heard(app, {**duty, "detail": {"severity": guardduty}}) == ["GuardDutyFindings"]
        assert heard(app, {**duty, "detail": {"severity": guardduty - 0.1}}) == []
        for each in ScanSeverity:
            finding = {
                "source": "aws.inspector2",
                "detail-type": "Inspector2 Finding",
                "detail": {"severity": each.value, "status": "ACTIVE"},
            }
            assert bool(heard(app, finding)) is (each.value in inspector)

    def test_only_eventbridge_and_this_accounts_alarms_may_publish(self, app: App, stack: Stack) -> None:
        audit(stack)
        policy = policy_of(template_of(app), "AWS::SNS::TopicPolicy", "AuditTopic")
        alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:x"
        events_, cloudwatch = "events.amazonaws.com", "cloudwatch.amazonaws.com"
        # AWS: EventBridge supports no condition on its source; with one, every event would be lost.
        assert decision(policy, "sns:Publish", service=events_) == "Allow"
        assert "Condition" not in statement(policy, "Events")
        own = {"aws__SourceArn": alarm, "aws__SourceAccount": ACCOUNT}
        assert decision(policy, "sns:Publish", service=cloudwatch, **own) == "Allow"
        other = {**own, "aws__SourceAccount": STRANGER}
        assert decision(policy, "sns:Publish", service=cloudwatch, **other) != "Allow"
        assert decision(policy, "sns:Publish", service=events_, tls=False, **own) == "Deny"

    def test_a_topic_of_ones_own_is_let_in_too(self, app: App, stack: Stack) -> None:
        key = kms.Key(stack, "TopicKey", enable_key_rotation=True)
        topic = sns.Topic(stack, "Mine", master_key=key, enforce_ssl=True)
        assert audit(stack, topic=topic).topic is topic
        template = template_of(app)
        assert len(of_type(template, "AWS::SNS::Topic")) == 1
        statement(policy_of(template, "AWS::KMS::Key", "TopicKey", "KeyPolicy"), "EventsToTopic")
        statement(policy_of(template, "AWS::SNS::TopicPolicy", "Mine"), "Alarms")

    def test_an_imported_topic_is_used_as_it_is(self, app: App, stack: Stack) -> None:
        topic = sns.Topic.from_topic_arn(stack, "Mine", f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms")
        audit(stack, topic=topic)
        assert not of_type(template_of(app), "AWS::SNS::TopicPolicy")

    def test_an_alarm_of_ones_own_reaches_topic_and_dashboard(self, app: App, stack: Stack) -> None:
        alarm = audit(stack).add_alarm(
            "NewUsers", pattern="{($.eventName=CreateUser)}", description="A user was made. Ask who needs it"
        )
        template = template_of(app)
        properties = named(template, "AWS::CloudWatch::Alarm", "AuditAlarmsNewUsers")["Properties"]
        assert properties["AlarmActions"] == [{"Ref": next(iter(of_type(template, "AWS::SNS::Topic")))}]
        assert (properties["MetricName"], properties["Threshold"]) == ("NewUsers", 1)
        assert stack.get_logical_id(alarm.node.default_child) in json.dumps(
            only(template, "AWS::CloudWatch::Dashboard")
        )

    def test_the_page_says_what_each_message_means(self) -> None:
        page = (ROOT / "docs" / "audit.md").read_text()
        for watched in (*FILTERS, *EVENTS):
            (line,) = (each for each in page.splitlines() if each.startswith("| `") and f"`{watched.id}`" in each)
            assert f"| {watched.guideline} |" in line

    def test_the_dashboard_shows_every_alarm(self, app: App, stack: Stack) -> None:
        audit(stack)
        template = template_of(app)
        body = json.dumps(only(template, "AWS::CloudWatch::Dashboard"))
        assert all(id in body for id in of_type(template, "AWS::CloudWatch::Alarm"))

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"pattern": "CreateUser"}, "pattern is 'CreateUser'; allowed: a JSON filter pattern in braces"),
            ({"pattern": "{" + "x" * 1024}, "at most 1024 characters"),
            ({"description": ""}, "description is ''; allowed: what it means and what to do"),
            ({"threshold": "many"}, "threshold is 'many'; allowed: a number of events"),
        ],
    )
    def test_a_wrong_alarm_is_refused(self, stack: Stack, given: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=rf"Test/Audit: add_alarm: {re.escape(message)}|{re.escape(message)}"):
            audit(stack).add_alarm("Mine", **{"pattern": "{($.eventName=X)}", "description": "x. Do y", **given})


class TestHardening:
    """Whoever takes a hardened property out again, by an escape hatch too, is told by a rule."""

    @pytest.mark.parametrize(
        ("resource", "path", "value", "rule"),
        [
            ("Trail/Trail", "IsMultiRegionTrail", False, "SC-AUD-01"),
            ("Trail/Trail", "EnableLogFileValidation", False, "SC-AUD-01"),
            ("Trail/Trail", "KMSKeyId", None, "SC-AUD-02"),
            ("Trail/Trail", "CloudWatchLogsLogGroupArn", None, "SC-AUD-03"),
            ("Trail/Bucket/Resource", "PublicAccessBlockConfiguration", None, "SC-AUD-04"),
            ("Config/Recorder", "RecordingGroup.AllSupported", False, "SC-AUD-05"),
            ("Detector", "Features.4.Status", "DISABLED", "SC-AUD-06"),
            ("Trail/Logs/Resource", "RetentionInDays", None, "SC-LOG-01"),
            ("Trail/Logs/Resource", "KmsKeyId", None, "SC-LOG-02"),
            ("Alarms/RootUse/Resource", "AlarmActions", None, "SC-LOG-03"),
            ("Key/Resource", "EnableKeyRotation", False, "SC-KMS-01"),
        ],
    )
    def test_a_weakened_property_is_found(
        self, app: App, stack: Stack, resource: str, path: str, value: Any, rule: str
    ) -> None:
        found: Any = audit(stack)
        for step in resource.split("/"):
            found = found.node.find_child(step)
        if value is None:
            found.add_property_deletion_override(path)
        else:
            found.add_property_override(path, value)
        assert {id.partition("[")[0] for id in open_ids(app)} == {rule}


class TestExisting:
    def test_what_exists_leaves_nothing_behind(self, app: App, stack: Stack) -> None:
        group = logs.LogGroup.from_log_group_name(stack, "TrailLogs", "trail")
        baseline = audit(
            stack,
            existing=[AuditPart.TRAIL, AuditPart.CONFIG, AuditPart.GUARDDUTY, AuditPart.INSPECTOR],
            trail_log_group=group,
        )
        assert baseline.trail is baseline.trail_bucket is baseline.recorder is baseline.config_bucket is None
        assert baseline.detector is None
        assert baseline.log_group is group
        types = {each["Type"] for each in template_of(app)["Resources"].values()}
        assert types == {
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::Dashboard",
            "AWS::Config::ConfigRule",
            "AWS::Events::Rule",
            "AWS::KMS::Key",
            "AWS::Logs::MetricFilter",
            "AWS::SNS::Topic",
            "AWS::SNS::TopicPolicy",
            "AWS::SQS::Queue",
            "AWS::SQS::QueuePolicy",
        }
        filters = of_type(template_of(app), "AWS::Logs::MetricFilter").values()
        assert {each["Properties"]["LogGroupName"] for each in filters} == {"trail"}

    def test_a_trail_elsewhere_leaves_its_alarms_elsewhere(self, app: App, stack: Stack) -> None:
        baseline = audit(stack, existing=[AuditPart.TRAIL_ELSEWHERE])
        template = template_of(app)
        assert not of_type(template, "AWS::Logs::MetricFilter")
        assert not of_type(template, "AWS::CloudTrail::Trail")
        assert of_type(template, "AWS::Events::Rule")
        (warning,) = (str(each.data) for each in baseline.node.metadata if each.type == "aws:cdk:warning")
        assert all(each.id in warning for each in FILTERS)
        with pytest.raises(ValueError, match="add_alarm on the baseline of that account and Region"):
            baseline.add_alarm("Mine", pattern="{($.eventName=X)}", description="x")

    def test_iam_is_recorded_unless_another_region_does(self, app: App, stack: Stack) -> None:
        audit(stack, existing=[AuditPart.TRAIL_ELSEWHERE, AuditPart.CONFIG_GLOBAL])
        recorder = only(template_of(app), "AWS::Config::ConfigurationRecorder")["Properties"]
        assert recorder["RecordingGroup"] == {"AllSupported": True, "IncludeGlobalResourceTypes": False}

    def test_no_key_is_made_that_nothing_needs(self, app: App, stack: Stack) -> None:
        audit(stack, existing=[AuditPart.TRAIL_ELSEWHERE, AuditPart.CONFIG, AuditPart.GUARDDUTY, AuditPart.INSPECTOR])
        assert [id for id in of_type(template_of(app), "AWS::KMS::Key") if not id.startswith("AuditTopicKey")] == []


class TestBlock:
    def test_networks_are_cut_off_only_when_asked(self, app: App, stack: Stack) -> None:
        baseline = audit(stack)
        assert baseline.vpc_block is None
        assert not of_type(template_of(app), "AWS::EC2::VPCBlockPublicAccessOptions")
        with pytest.raises(ValueError, match=r"write block_vpc_public_access=VpcBlockMode\.INGRESS"):
            baseline.exclude_from_block("Vpc", vpc=ec2.Vpc(stack, "Vpc"), mode=VpcExclusionMode.EGRESS)

    def test_a_vpc_or_subnet_can_be_excepted(self, app: App, stack: Stack) -> None:
        baseline = audit(stack, block_vpc_public_access=VpcBlockMode.BIDIRECTIONAL)
        vpc = ec2.Vpc(stack, "Vpc", restrict_default_security_group=False)
        baseline.exclude_from_block("Vpc", vpc=vpc, mode=VpcExclusionMode.EGRESS)
        baseline.exclude_from_block("Subnet", subnet=vpc.private_subnets[0], mode=VpcExclusionMode.BIDIRECTIONAL)
        template = template_of(app)
        ((block, options),) = of_type(template, "AWS::EC2::VPCBlockPublicAccessOptions").items()
        assert options["Properties"] == {"InternetGatewayBlockMode": "block-bidirectional"}
        exclusions = of_type(template, "AWS::EC2::VPCBlockPublicAccessExclusion")
        assert options["DependsOn"] == sorted(exclusions)
        assert block not in json.dumps(exclusions)
        assert [set(each["Properties"]) for each in exclusions.values()] == [
            {"InternetGatewayExclusionMode", "VpcId"},
            {"InternetGatewayExclusionMode", "SubnetId"},
        ]
        with pytest.raises(ValueError, match="a VPC or a subnet"):
            baseline.exclude_from_block("Neither", mode=VpcExclusionMode.EGRESS)

    def test_an_exclusion_that_excepts_nothing_is_refused(self, stack: Stack) -> None:
        baseline = audit(stack, block_vpc_public_access=VpcBlockMode.INGRESS)
        vpc = ec2.Vpc(stack, "Vpc", restrict_default_security_group=False)
        with pytest.raises(ValueError, match=r"mode is 'allow-egress'; allowed: VpcExclusionMode\.BIDIRECTIONAL"):
            baseline.exclude_from_block("Vpc", vpc=vpc, mode=VpcExclusionMode.EGRESS)
        baseline.exclude_from_block("Vpc", vpc=vpc, mode=VpcExclusionMode.BIDIRECTIONAL)


class TestOnlyOne:
    MESSAGE = r"scope is '{}'; allowed: one AuditBaseline for an account and Region, which {} is already"

    def test_a_second_one_of_the_same_environment_is_refused(self, app: App) -> None:
        audit(Stack(app, "One", env=HERE))
        with pytest.raises(ValueError, match=self.MESSAGE.format("Two", "One/Audit")):
            audit(Stack(app, "Two", env=HERE))

    def test_a_second_one_of_unknown_environment_is_refused_in_the_same_stage(self, app: App) -> None:
        audit(Stack(app, "One"))
        with pytest.raises(ValueError, match=self.MESSAGE.format("Two", "One/Audit")):
            audit(Stack(app, "Two"))

    def test_a_nested_stack_is_of_its_parents_environment(self, app: App) -> None:
        stack = Stack(app, "One", env=HERE)
        audit(stack)
        with pytest.raises(ValueError, match="One/Audit is already"):
            audit(NestedStack(stack, "Nested"))

    def test_stages_are_different_environments(self, app: App) -> None:
        for name in ("Development", "Production"):
            audit(Stack(Stage(app, name), "Audit"))

    def test_stages_of_the_same_known_environment_are_not(self, app: App) -> None:
        audit(Stack(Stage(app, "Development"), "Audit", env=HERE))
        with pytest.raises(ValueError, match="Development/Audit/Audit is already"):
            audit(Stack(Stage(app, "Production"), "Audit", env=HERE))

    def test_regions_and_accounts_are_different_environments(self, app: App) -> None:
        audit(Stack(app, "One", env=HERE))
        audit(Stack(app, "Two", env=Environment(account=ACCOUNT, region="eu-west-1")))
        audit(Stack(app, "Three", env=Environment(account=OTHER_ACCOUNT, region=REGION)))

    def test_a_refused_one_does_not_count(self, app: App, stack: Stack) -> None:
        with pytest.raises(ValueError, match="waived twice"):
            audit(stack, waivers=[Waiver("SC-KMS-01", reason=REASON), Waiver("SC-KMS-01", reason=REASON)])
        assert stack.node.try_find_child("Audit") is None
        audit(stack)


class TestArguments:
    def test_a_waiver_of_what_is_not_there_leaves_nothing_behind(self, app: App, stack: Stack) -> None:
        waiver = Waiver("SC-AUD-01", reason=REASON)
        with pytest.raises(ValueError, match="has nothing to waive"):
            audit(stack, existing=[AuditPart.TRAIL_ELSEWHERE], waivers=[waiver])
        assert stack.node.try_find_child("Audit") is None
        audit(stack)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"organization_id": "acme"}, "organization_id is 'acme'; allowed: an organization id"),
            ({"trusted_accounts": ["123"]}, "trusted_accounts is '123'; allowed: account ids of 12 digits"),
            ({"trusted_accounts": OTHER_ACCOUNT}, "allowed: a list of account ids"),
            ({"existing": ["trail"]}, r"existing is \['trail'\]; allowed: a list of AuditPart"),
            ({"existing": [AuditPart.TRAIL]}, "trail_log_group is None; allowed: the log group of the trail"),
            ({"existing": [AuditPart.TRAIL]}, r"existing=\[AuditPart.TRAIL_ELSEWHERE\]"),
            ({"existing": [AuditPart.TRAIL, AuditPart.TRAIL_ELSEWHERE]}, "allowed: a trail here or elsewhere"),
            ({"trail_log_group": "trail"}, "trail_log_group is 'trail'; allowed: a log group"),
            ({"topic": "arn:aws:sns"}, "topic is 'arn:aws:sns'; allowed: a topic"),
            ({"encryption_key": "alias/x"}, "encryption_key is 'alias/x'; allowed: a key"),
            ({"severity": "HIGH"}, "severity is 'HIGH'; allowed: CRITICAL, HIGH"),
            ({"log_retention": 30}, "log_retention is 30; allowed: a RetentionDays"),
            ({"trail_retention_days": 364}, "trail_retention_days is 364; allowed: 365 to 36500 days"),
            ({"trail_retention_days": 36501}, "allowed: 365 to 36500 days"),
            ({"conformance_pack": "yes"}, "conformance_pack is 'yes'; allowed: True or False"),
            ({"block_vpc_public_access": True}, "block_vpc_public_access is True; allowed: a VpcBlockMode"),
            ({"waivers": "SC-KMS-01"}, "allowed: a list of Waiver"),
        ],
    )
    def test_wrong_ones_are_refused(self, stack: Stack, given: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=f"Test/Audit: .*{message}"):
            audit(stack, **given)
        assert stack.node.try_find_child("Audit") is None

    def test_a_log_group_without_a_trail_that_exists_is_refused(self, stack: Stack) -> None:
        group = logs.LogGroup.from_log_group_name(stack, "TrailLogs", "trail")
        with pytest.raises(ValueError, match=r"write existing=\[AuditPart.TRAIL\], or leave it out"):
            audit(stack, trail_log_group=group)

    def test_a_key_or_topic_of_another_region_is_refused(self, app: App) -> None:
        stack = Stack(app, "Test", env=HERE)
        key = kms.Key.from_key_arn(
            stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
        )
        with pytest.raises(ValueError, match="a key of eu-central-1; this one is of us-east-1"):
            audit(stack, encryption_key=key)
        topic = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms")
        with pytest.raises(ValueError, match="a topic of eu-central-1, where alarms can reach it"):
            audit(stack, topic=topic)

    def test_rotation_and_retention_can_be_waived(self, app: App, stack: Stack) -> None:
        audit(stack, waivers=[Waiver("SC-KMS-01", reason=REASON), Waiver("SC-DEL-01", reason=REASON)])
        for key in of_type(template_of(app), "AWS::KMS::Key").values():
            assert key["Properties"]["EnableKeyRotation"] is False
            assert key["DeletionPolicy"] == "Delete"
        assert open_ids(app) == set()


class TestPartitions:
    def test_china_gets_what_it_has_and_is_told_the_rest(self, app: App) -> None:
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region="cn-north-1"))
        baseline = audit(stack)
        template = template_of(app)
        features = only(template, "AWS::GuardDuty::Detector")["Properties"]["Features"]
        assert [each["Name"] for each in features] == ["S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION"]
        assert only(template, "Custom::InspectorScans")["Properties"]["ResourceTypes"] == ["ECR", "EC2"]
        assert not [id for id in of_type(template, "AWS::CloudWatch::Alarm") if "RootUse" in id]
        assert not [id for id in of_type(template, "AWS::Config::ConfigRule") if "InspectorScansImages" in id]
        told = [
            str(entry.data)
            for each in (baseline, baseline.node.find_child("Rules"))
            for entry in each.node.metadata
            if entry.type == "aws:cdk:info"
        ]
        assert any(
            "GuardDuty offers no LAMBDA_NETWORK_LOGS, RUNTIME_MONITORING in cn-north-1: left out" in each
            for each in told
        )
        assert any("Amazon Inspector offers no LAMBDA in cn-north-1" in each for each in told)
        assert any("cn-north-1 has no AWS Config rule for InspectorScansImages" in each for each in told)
        assert any("RootUse" in each for each in told)

    @pytest.mark.parametrize(
        ("region", "missing"),
        [
            (REGION, set()),
            ("us-gov-east-1", {"EcsLogs", "EcsNoKeysInEnvironment"}),
            ("us-gov-west-1", {"EcsLogs", "EcsNoKeysInEnvironment"}),
            ("cn-northwest-1", {"InspectorScansImages"}),
            ("eu-south-2", {"InspectorScansImages"}),
            ("me-central-1", {"InspectorScansImages"}),
            ("ap-south-2", {"InspectorScansImages"}),
            ("ap-southeast-4", {"InspectorScansImages"}),
            ("ca-west-1", {"EcrCustomerKey", "InspectorScansImages"}),
            ("mx-central-1", {"InspectorScansImages"}),
            ("ap-southeast-6", {"InspectorScansImages"}),
        ],
    )
    def test_rules_that_a_region_lacks_are_left_out_and_named(self, app: App, region: str, missing: set[str]) -> None:
        baseline = audit(Stack(app, "Test", env=Environment(account=ACCOUNT, region=region)))
        made = {each.node.id for each in baseline.node.find_child("Rules").node.children}
        assert {rule.id for rule in CONFIG_RULES} - made == missing
        (told,) = [
            str(each.data) for each in baseline.node.find_child("Rules").node.metadata if each.type == "aws:cdk:info"
        ] or [""]
        assert all(id in told for id in missing)

    def test_where_the_region_is_not_known_a_condition_leaves_them_out(self, app: App) -> None:
        audit(Stack(app, "Test"))
        template = template_of(app)
        conditional = {
            id: rule["Condition"]
            for id, rule in of_type(template, "AWS::Config::ConfigRule").items()
            if "Condition" in rule
        }
        assert len(conditional) == sum(bool(rule.not_in) for rule in CONFIG_RULES) == 4
        (logs_,) = (condition for id, condition in conditional.items() if "EcsLogs" in id)
        govcloud = {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-us-gov"]}
        assert template["Conditions"][logs_] == {"Fn::Not": [govcloud]}
        (scans,) = (condition for id, condition in conditional.items() if "InspectorScansImages" in id)
        assert {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-south-2"]} in template["Conditions"][scans]["Fn::Not"][0][
            "Fn::Or"
        ]

    @pytest.mark.parametrize(("region", "told"), [("eu-central-2", True), ("mx-central-1", True), (REGION, False)])
    def test_a_region_that_does_not_record_iam_is_told(self, app: App, region: str, told: bool) -> None:
        baseline = audit(Stack(app, "Test", env=Environment(account=ACCOUNT, region=region)))
        found = str([each.data for each in baseline.node.find_child("Config").node.metadata])
        assert (f"records no IAM users, roles and policies in {region}" in found) is told

    def test_govcloud_has_everything_else(self, app: App) -> None:
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region="us-gov-west-1"))
        baseline = audit(stack)
        assert len(only(template_of(app), "AWS::GuardDuty::Detector")["Properties"]["Features"]) == 5
        assert not [entry for entry in baseline.node.metadata if entry.type == "aws:cdk:info"]

    @pytest.mark.parametrize("region", [REGION, "us-gov-west-1", "cn-north-1"])
    def test_the_logs_principal_is_the_partitions(self, app: App, region: str) -> None:
        audit(Stack(app, "Test", env=Environment(account=ACCOUNT, region=region)))
        text = json.dumps(of_type(template_of(app), "AWS::KMS::Key"))
        assert f'["logs.{region}.' in text or f'"logs.{region}.' in text
        assert '{"Ref": "AWS::URLSuffix"}' in text or region != "cn-north-1" or "amazonaws.com.cn" in text


def test_it_needs_no_feature_flags_of_the_cdk(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "cdk.out"), builtin_cloud_formation_validation=False)
    audit(Stack(app, "Test"))
    assert open_ids(app) == set()
    logs_ = policy_of(template_of(app), "AWS::S3::BucketPolicy", "AuditAccessLogs")
    assert decision(logs_, "s3:PutObject", service="logging.s3.amazonaws.com", aws__SourceAccount=STRANGER) != "Allow"
    assert sum(each["Principal"] == {"Service": "logging.s3.amazonaws.com"} for each in logs_["Statement"]) == 2


def test_the_stack_is_protected_from_deletion(app: App) -> None:
    stack = AccountAudit(app, "Audit", env=HERE, organization_id=None, severity=ScanSeverity.HIGH)
    assert stack.termination_protection is True
