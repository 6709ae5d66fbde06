"""What a pipeline promises unasked: where uploads and items are, what takes them, and what is seen of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aws_cdk import Duration, Size

from secure_containers import Accept, PipelineLimits
from secure_containers.runtime.functions.tools import CLAIM_LEASE
from secure_containers.testing import assert_acyclic, assert_no_wildcard_principals, assert_partition_neutral
from tests.pipeline.conftest import Workshop
from tests.support import ROOT, concrete, of_type, open_ids

FUNCTIONS = ("Intake", "Reconciler", "Recorder")
CONSUMERS = ("Intake", "Recorder")
RUNBOOKS = re.findall("^###? (.+)$", (ROOT / "docs" / "pipeline.md").read_text(), re.MULTILINE)


def function(made: Workshop, name: str) -> dict[str, Any]:
    return made.one("AWS::Lambda::Function", f"Scans{name}Function")


def variables(made: Workshop, name: str) -> dict[str, Any]:
    found: dict[str, Any] = function(made, name)["Environment"]["Variables"]
    return found


class TestBucket:
    @pytest.fixture
    def bucket(self, plain: Workshop) -> dict[str, Any]:
        return plain.one("AWS::S3::Bucket", "ScansUploads")

    def test_it_is_encrypted_private_versioned_and_logged(self, bucket: dict[str, Any]) -> None:
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]["Fn::GetAtt"][0].startswith("ScansJobsKey")
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert bucket["LoggingConfiguration"]["DestinationBucketName"]["Ref"].startswith("ScansAccessLogs")

    def test_it_takes_tls_only(self, plain: Workshop) -> None:
        denied = plain.statements("ScansUploads", "AWS::S3::BucketPolicy")
        assert {"Bool": {"aws:SecureTransport": "false"}} in [each["Condition"] for each in denied]
        assert {each["Effect"] for each in denied} == {"Deny"}

    def test_its_events_go_to_eventbridge_without_a_helper_of_cdk(
        self, plain: Workshop, bucket: dict[str, Any]
    ) -> None:
        assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
        assert not plain.all("Custom::S3BucketNotifications")

    def test_what_was_begun_or_replaced_goes_after_a_time(self, bucket: dict[str, Any]) -> None:
        (rule,) = bucket["LifecycleConfiguration"]["Rules"]
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
        assert "ExpirationInDays" not in rule


class TestTable:
    @pytest.fixture
    def table(self, plain: Workshop) -> dict[str, Any]:
        return plain.one("AWS::DynamoDB::Table")

    def test_it_is_encrypted_recoverable_and_protected(self, table: dict[str, Any]) -> None:
        assert table["SSESpecification"]["KMSMasterKeyId"]["Fn::GetAtt"][0].startswith("ScansJobsKey")
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["DeletionProtectionEnabled"] is True

    def test_claims_expire(self, table: dict[str, Any]) -> None:
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}

    def test_items_are_found_by_version_and_by_status_and_time(self, table: dict[str, Any]) -> None:
        (index,) = table["GlobalSecondaryIndexes"]
        keys = [[each["AttributeName"] for each in of["KeySchema"]] for of in (table, index)]
        assert keys == [["object", "version"], ["status", "received_at"]]
        assert index["IndexName"] == "by-status"

    def test_results_are_not_written_twice(self, table: dict[str, Any]) -> None:
        (index,) = table["GlobalSecondaryIndexes"]
        assert index["Projection"]["ProjectionType"] == "INCLUDE"
        assert "result" not in index["Projection"]["NonKeyAttributes"]

    def test_it_is_paid_by_request_up_to_a_maximum(self, table: dict[str, Any]) -> None:
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        for of in (table, *table["GlobalSecondaryIndexes"]):
            assert of["OnDemandThroughput"] == {"MaxReadRequestUnits": 3000, "MaxWriteRequestUnits": 1000}

    def test_it_has_a_stream_for_who_is_told_of_failures(self, table: dict[str, Any]) -> None:
        assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}


def test_what_holds_data_stays_when_the_stack_goes(plain: Workshop) -> None:
    for type_ in ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket"):
        found = of_type(plain.template, type_)
        policies = {
            (each["DeletionPolicy"], each["UpdateReplacePolicy"]) for id, each in found.items() if "Scans" in id
        }
        assert policies == {("RetainExceptOnCreate", "Retain")}


class TestEvents:
    def test_uploads_below_the_prefix_reach_intake(self, plain: Workshop) -> None:
        rule = plain.one("AWS::Events::Rule", "ScansArrivals")
        assert rule["EventPattern"]["source"] == ["aws.s3"]
        assert rule["EventPattern"]["detail"]["object"] == {"key": [{"prefix": "uploads/"}]}
        assert rule["EventPattern"]["detail"]["bucket"]["name"][0]["Ref"].startswith("ScansUploads")
        assert rule["Targets"][0]["Arn"]["Fn::GetAtt"][0].startswith("ScansIntakeQueue")

    def test_ends_of_jobs_reach_the_recorder(self, plain: Workshop) -> None:
        rule = plain.one("AWS::Events::Rule", "ScansTransformEnds")
        assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "SUCCEEDED"]
        name = plain.one("AWS::Batch::JobDefinition")["JobDefinitionName"]
        assert rule["EventPattern"]["detail"]["jobDefinition"] == [{"wildcard": f"*/{name}:*"}]
        assert rule["Targets"][0]["Arn"]["Fn::GetAtt"][0].startswith("ScansRecorderQueue")

    def test_events_are_tried_for_a_day_and_then_kept(self, plain: Workshop) -> None:
        for rule, consumer in (("ScansArrivals", "Intake"), ("ScansTransformEnds", "Recorder")):
            (target,) = plain.one("AWS::Events::Rule", rule)["Targets"]
            assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
            assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith(f"Scans{consumer}DeadLetters")

    @pytest.mark.parametrize("name", CONSUMERS)
    def test_queues_are_written_to_by_their_rule_alone_and_over_tls(self, plain: Workshop, name: str) -> None:
        for queue in ("Queue", "DeadLetters"):
            deny, allow = plain.statements(f"Scans{name}{queue}", "AWS::SQS::QueuePolicy")
            assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            assert allow["Principal"] == {"Service": "events.amazonaws.com"}
            assert list(allow["Condition"]["ArnEquals"]) == ["aws:SourceArn"]

    def test_somebody_looks_every_five_minutes_and_every_hour(self, plain: Workshop) -> None:
        rules = plain.all("AWS::Events::Rule", "ScansReconciler").values()
        found = {each["ScheduleExpression"]: json.loads(each["Targets"][0]["Input"]) for each in rules}
        assert found == {"rate(5 minutes)": {"look_at": "claims"}, "rate(1 hour)": {"look_at": "objects"}}


class TestConsumers:
    @pytest.mark.parametrize("name", CONSUMERS)
    def test_a_message_stays_hidden_for_six_times_as_long_as_it_may_take(self, plain: Workshop, name: str) -> None:
        queue = plain.one("AWS::SQS::Queue", f"Scans{name}Queue")
        assert queue["VisibilityTimeout"] == 6 * function(plain, name)["Timeout"]

    @pytest.mark.parametrize("name", CONSUMERS)
    def test_after_five_tries_it_is_a_dead_letter_for_two_weeks(self, plain: Workshop, name: str) -> None:
        redrive = plain.one("AWS::SQS::Queue", f"Scans{name}Queue")["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == 5
        assert redrive["deadLetterTargetArn"]["Fn::GetAtt"][0].startswith(f"Scans{name}DeadLetters")
        dead = plain.one("AWS::SQS::Queue", f"Scans{name}DeadLetters")
        assert dead["MessageRetentionPeriod"] == Duration.days(14).to_seconds()
        assert dead["SqsManagedSseEnabled"] is True

    @pytest.mark.parametrize("name", CONSUMERS)
    def test_an_alarm_tells_of_dead_letters(self, plain: Workshop, name: str) -> None:
        alarms = [
            each
            for each in plain.all("AWS::CloudWatch::Alarm").values()
            if f"Scans{name}DeadLetters" in json.dumps(each.get("Dimensions"))
        ]
        assert [(each["MetricName"], each["Threshold"]) for each in alarms] == [
            ("ApproximateNumberOfMessagesVisible", 1)
        ]

    @pytest.mark.parametrize("name", CONSUMERS)
    def test_how_many_run_at_once_is_bounded_and_one_failure_fails_alone(self, plain: Workshop, name: str) -> None:
        mapping = plain.one("AWS::Lambda::EventSourceMapping", f"Scans{name}")
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}
        assert mapping["BatchSize"] == 10
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


class TestFunctions:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_they_are_in_the_isolated_subnets_with_a_group_of_their_own(self, plain: Workshop, name: str) -> None:
        place = function(plain, name)["VpcConfig"]
        assert {each["Ref"] for each in place["SubnetIds"]} == {
            id for id in plain.all("AWS::EC2::Subnet") if "Isolated" in id
        }
        (group,) = place["SecurityGroupIds"]
        assert group["Fn::GetAtt"][0].startswith(f"Scans{name}SecurityGroup")
        assert "SecurityGroupIngress" not in plain.one("AWS::EC2::SecurityGroup", f"Scans{name}")

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_they_are_let_out_to_endpoints_only(self, plain: Workshop, name: str) -> None:
        opened = plain.all("AWS::EC2::SecurityGroupEgress", f"Scans{name}").values()
        assert {(each["FromPort"], each["ToPort"]) for each in opened} == {(443, 443)}
        assert all("DestinationSecurityGroupId" in each or "DestinationPrefixListId" in each for each in opened)

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_they_run_on_arm_are_traced_and_log_encrypted(self, plain: Workshop, name: str) -> None:
        found = function(plain, name)
        assert found["Architectures"] == ["arm64"]
        assert found["TracingConfig"] == {"Mode": "Active"}
        group = plain.all("AWS::Logs::LogGroup")[found["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["KmsKeyId"]["Fn::GetAtt"][0].startswith("ScansJobsKey")
        assert group["RetentionInDays"] == 365

    def test_they_share_one_asset(self, plain: Workshop) -> None:
        assert len({json.dumps(function(plain, name)["Code"]) for name in FUNCTIONS}) == 1
        assert {function(plain, name)["Handler"] for name in FUNCTIONS} == {
            f"secure_containers.runtime.functions.{name.lower()}.handler" for name in FUNCTIONS
        }

    def test_they_know_what_is_taken_and_what_is_submitted(self, plain: Workshop) -> None:
        for name in ("Intake", "Reconciler"):
            given = variables(plain, name)
            assert json.loads(given["ACCEPTANCE"]) == {
                "prefix": "uploads/",
                "suffixes": [],
                "smallest": 1,
                "largest": 5 * 1024**3,
            }
            assert given["JOB_QUEUE"]["Ref"].startswith("ScansJobsStandardQueue")
            assert list(json.loads(given["JOB_TAGS"])) == ["batch-job-kind"]
            assert "JOB_SHARE" not in given

    def test_what_they_count_is_what_is_looked_at(self, plain: Workshop) -> None:
        (namespace,) = {variables(plain, name)["POWERTOOLS_METRICS_NAMESPACE"] for name in FUNCTIONS}
        own = [each for each in plain.all("AWS::CloudWatch::Alarm").values() if each.get("Namespace") == namespace]
        assert {each["MetricName"] for each in own} == {
            *("Duplicates", "Missing", "NoResult", "OldestUnfinished", "Refused", "Repaired")
        }
        dimensions = [{"Name": "service", "Value": variables(plain, "Intake")["POWERTOOLS_SERVICE_NAME"]}]
        assert all(each["Dimensions"] == dimensions for each in own)

    def test_the_reconciler_ends_before_it_is_called_again(self, plain: Workshop) -> None:
        assert function(plain, "Reconciler")["Timeout"] < 300

    def test_a_claim_lasts_longer_than_any_function_runs(self, plain: Workshop) -> None:
        assert all(function(plain, name)["Timeout"] < CLAIM_LEASE.total_seconds() for name in FUNCTIONS)


class TestJob:
    @pytest.fixture
    def definition(self, plain: Workshop) -> dict[str, Any]:
        return plain.one("AWS::Batch::JobDefinition")

    def test_it_gets_its_object_after_the_command(self, definition: dict[str, Any]) -> None:
        assert definition["ContainerProperties"]["Command"] == ["Ref::key", "Ref::version"]
        assert set(definition["Parameters"]) == {"bucket", "key", "version", "correlation_id"}

    def test_it_is_told_where_its_item_and_its_object_are(self, definition: dict[str, Any]) -> None:
        given = {each["Name"]: each["Value"] for each in definition["ContainerProperties"]["Environment"]}
        assert given["INPUT_BUCKET"]["Ref"].startswith("ScansUploads")
        assert given["RESULTS_TABLE"]["Ref"].startswith("ScansResults")
        assert given["LARGEST_OBJECT"] == str(5 * 1024**3)
        assert given["OUTPUT_PREFIX"] == "Jobs/Transform/"

    def test_its_lease_outlives_its_timeout(self, definition: dict[str, Any]) -> None:
        given = {each["Name"]: each["Value"] for each in definition["ContainerProperties"]["Environment"]}
        assert int(given["LEASE_SECONDS"]) == definition["Timeout"]["AttemptDurationSeconds"] + 600

    def test_it_is_tried_again_by_code_75(self, definition: dict[str, Any]) -> None:
        assert {"Action": "RETRY", "OnExitCode": "75"} in definition["RetryStrategy"]["EvaluateOnExit"]


class TestSeen:
    def test_every_alarm_reaches_the_topic(self, plain: Workshop) -> None:
        for each in plain.all("AWS::CloudWatch::Alarm", "Scans").values():
            assert [action["Ref"][:14] for action in each["AlarmActions"]] == ["ScansJobsTopic"]

    def test_every_alarm_names_a_runbook_that_there_is(self, plain: Workshop) -> None:
        for each in plain.all("AWS::CloudWatch::Alarm", "ScansWatch").values():
            named = re.findall(r"docs/pipeline\.md, '([^']+)'", each["AlarmDescription"])
            assert named
            assert set(named) <= set(RUNBOOKS)

    def test_silence_of_the_reconciler_is_told_too(self, plain: Workshop) -> None:
        alarm = plain.one("AWS::CloudWatch::Alarm", "ScansWatchAlarmsUnfinished")
        assert alarm["TreatMissingData"] == "missing"
        assert alarm["InsufficientDataActions"] == alarm["AlarmActions"]
        assert alarm["Threshold"] == Duration.hours(2).to_seconds()

    def test_one_page_shows_all_of_it(self, plain: Workshop) -> None:
        body = json.dumps(plain.one("AWS::CloudWatch::Dashboard", "ScansWatch"))
        shown = {id for id in plain.all("AWS::CloudWatch::Alarm", "ScansWatch") if id in body}
        assert shown == set(plain.all("AWS::CloudWatch::Alarm", "ScansWatch"))
        for name in ("ScansIntakeLogs", "ScansRecorderLogs", "ScansReconcilerLogs", "ScansTransformLogs"):
            assert name in body

    def test_limits_are_those_that_were_asked_for(self, workshop: Workshop) -> None:
        pipeline = workshop.pipeline(limits=PipelineLimits(refused=10, duplicates=500, age=Duration.days(1)))
        found = {
            each["MetricName"]: each["Threshold"]
            for each in workshop.all("AWS::CloudWatch::Alarm", "ScansWatch").values()
            if each["MetricName"] in ("Refused", "Duplicates", "OldestUnfinished")
        }
        assert found == {"Refused": 10, "Duplicates": 500, "OldestUnfinished": 86400}
        metrics = [pipeline.metric_submitted(), pipeline.metric_refused(), pipeline.metric_failed()]
        assert [each.metric_name for each in metrics] == ["Submitted", "Refused", "Failed"]
        assert pipeline.metric_oldest_unfinished().statistic == "Maximum"


class TestTemplate:
    def test_our_rules_find_nothing(self, plain: Workshop) -> None:
        assert open_ids(plain.app) == set()

    def test_it_fits_every_partition_and_refers_in_no_circles(self, plain: Workshop) -> None:
        assert_acyclic(plain.template)
        assert_partition_neutral(plain.template)
        assert_no_wildcard_principals(plain.template)

    def test_nothing_has_a_physical_name(self, plain: Workshop) -> None:
        for type_, name in (
            ("AWS::DynamoDB::Table", "TableName"),
            ("AWS::Events::Rule", "Name"),
            ("AWS::Lambda::Function", "FunctionName"),
            ("AWS::S3::Bucket", "BucketName"),
            ("AWS::SQS::Queue", "QueueName"),
        ):
            assert all(name not in each for each in plain.all(type_, "Scans").values())


def test_what_is_accepted_reaches_every_part(workshop: Workshop) -> None:
    accept = Accept(
        prefix="scans/in/", suffixes=(".csv", ".json"), min_size=Size.kibibytes(1), max_size=Size.mebibytes(1)
    )
    workshop.pipeline(accept=accept)
    rule = workshop.one("AWS::Events::Rule", "ScansArrivals")
    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"prefix": "scans/in/"}]
    told = json.loads(variables(workshop, "Intake")["ACCEPTANCE"])
    assert told == {"prefix": "scans/in/", "suffixes": [".csv", ".json"], "smallest": 1024, "largest": 1024**2}
    read = [each for each in workshop.statements("ScansTransformRole") if each["Action"] == "s3:GetObjectVersion"]
    assert [concrete(each["Resource"]).endswith("/scans/in/*") for each in read] == [True]
