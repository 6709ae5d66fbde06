"""Pipelines over what is there already, beside each other, elsewhere, and with less than the defaults."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, NestedStack, Size, Stack, Stage
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from secure_containers import (
    Accept,
    Pack,
    PrivateNetwork,
    S3BatchPipeline,
    SecureEcrRepository,
    Share,
    Waiver,
    enforce,
    waive,
)
from secure_containers.rules.waiver_metadata import METADATA_KEY
from secure_containers.testing import Allow, assert_acyclic, assert_denied, assert_only_allows
from tests.pipeline.conftest import HERE, REASON, Workshop
from tests.pipeline.intended import through
from tests.support import ACCOUNT, CONTEXT, DIGEST, REGION, of_type, open_ids, synthesized

OFF = tuple(Waiver(rule, reason=REASON) for rule in ("SC-DEL-01", "SC-KMS-01"))


def variables(made: Workshop, start: str) -> dict[str, Any]:
    found: dict[str, Any] = made.one("AWS::Lambda::Function", start)["Environment"]["Variables"]
    return found


class TestJobs:
    def test_critical_ones_go_to_the_critical_queue(self, workshop: Workshop) -> None:
        workshop.pipeline(critical=True)
        assert variables(workshop, "ScansIntake")["JOB_QUEUE"]["Ref"].startswith("ScansJobsCriticalQueue")
        assert_denied(workshop.template, "ScansIntakeRole", "batch:SubmitJob", "${ScansJobsStandardQueue}")

    def test_of_an_environment_with_shares_are_submitted_with_one(self, workshop: Workshop) -> None:
        jobs = workshop.jobs(shares=[Share(identifier="research"), Share(identifier="team*")])
        workshop.pipeline(jobs=jobs, share="teamblue")
        for name in ("Intake", "Reconciler"):
            assert variables(workshop, f"Scans{name}")["JOB_SHARE"] == "teamblue"
            submit, _ = workshop.statements(f"Scans{name}RoleSubmit")
            assert submit["Condition"] == {"StringEquals": {"batch:ShareIdentifier": "teamblue"}}
        assert open_ids(workshop.app) == set()

    def test_have_what_is_asked_for(self, workshop: Workshop) -> None:
        secret = secretsmanager.Secret(workshop.stack, "Secret")
        workshop.pipeline(
            command=["transform", "--fast"],
            vcpus=2,
            memory=Size.gibibytes(8),
            environment={"LEVEL": "info"},
            secrets={"PASSWORD": secret},
            services=["sqs"],
            scratch=["/scratch"],
            ephemeral_storage=Size.gibibytes(50),
            user="1000:1000",
        )
        container = workshop.one("AWS::Batch::JobDefinition")["ContainerProperties"]
        assert container["Command"] == ["transform", "--fast", "Ref::key", "Ref::version"]
        assert {"Name": "LEVEL", "Value": "info"} in container["Environment"]
        assert container["User"] == "1000:1000"
        assert container["EphemeralStorage"] == {"SizeInGiB": 50}
        assert [each["Name"] for each in container["Secrets"]] == ["PASSWORD"]
        assert workshop.all("AWS::EC2::VPCEndpoint", "NetworkSqs")
        assert open_ids(workshop.app) == set()


class TestTwo:
    @pytest.fixture(scope="class", name="made")
    @classmethod
    def both_on_one_bucket_table_and_environment(cls, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
        made = Workshop(App(context=CONTEXT, outdir=str(tmp_path_factory.mktemp("two"))))
        jobs = made.jobs()
        first = made.pipeline("One", jobs=jobs, accept=Accept(prefix="one/"))
        made.pipeline(
            "the-other",
            jobs=jobs,
            accept=Accept(prefix="two/"),
            input_bucket=first.input_bucket,
            results_table=first.results_table,
        )
        return made

    def test_stand_on_one_bucket_with_prefixes_of_their_own(self, made: Workshop) -> None:
        assert len(made.all("AWS::S3::Bucket", "OneUploads")) == len(made.all("AWS::DynamoDB::Table")) == 1
        keys = [
            each["EventPattern"]["detail"].get("object")
            for each in made.all("AWS::Events::Rule").values()
            if "Object Created" in each.get("EventPattern", {}).get("detail-type", [])
        ]
        assert sorted(each["key"][0]["prefix"] for each in keys) == ["one/", "two/"]
        assert open_ids(made.app) == set()

    def test_have_jobs_that_read_their_own_prefix_only(self, made: Workshop) -> None:
        for role, other in (("OneOneTransformRole", "two"), ("theothertheotherTransformRole", "one")):
            assert_denied(made.template, role, "s3:GetObjectVersion", f"${{OneUploads.Arn}}/{other}/a.csv")
            assert_denied(made.template, role, "s3:PutObject", "${JobsOutputs.Arn}/Jobs/Transform/a")

    def test_count_for_themselves(self, made: Workshop) -> None:
        functions = [
            *made.all("AWS::Lambda::Function", "One").values(),
            *made.all("AWS::Lambda::Function", "theother").values(),
        ]
        found = {each["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] for each in functions}
        assert len(found) == 2

    def test_only_the_first_takes_what_was_there_before(self, made: Workshop) -> None:
        new = {start: variables(made, f"{start}Reconciler")["NEW"] for start in ("One", "theother")}
        assert new == {"One": "true", "theother": "false"}

    def test_stand_in_one_stack_with_all_of_their_own(self, workshop: Workshop) -> None:
        workshop.pipeline()
        workshop.pipeline("Other")
        assert len(workshop.all("AWS::DynamoDB::Table")) == 2
        assert_acyclic(workshop.template)
        assert open_ids(workshop.app) == set()


class TestImported:
    def test_bucket_and_table_with_their_keys(self, app: App) -> None:
        made = Workshop(app, env=HERE)
        key = kms.Key.from_key_arn(made.stack, "Key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1")
        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/items"
        bucket = s3.Bucket.from_bucket_attributes(made.stack, "Bucket", bucket_name="ours", encryption_key=key)
        table = dynamodb.Table.from_table_attributes(
            made.stack, "Table", table_arn=arn, encryption_key=key, table_stream_arn=f"{arn}/stream/1"
        )
        pipeline = made.pipeline(input_bucket=bucket, results_table=table)
        pipeline.on_failure(pipeline.topic)
        assert not made.all("AWS::DynamoDB::Table")
        assert not made.all("AWS::S3::Bucket", "ScansUploads")
        intended = [
            Allow("s3:GetObjectVersion", "arn:aws:s3:::ours/uploads/*"),
            Allow("dynamodb:UpdateItem", arn),
            Allow(["s3:AbortMultipartUpload", "s3:PutObject"], "${ScansJobsOutputs.Arn}/Jobs/Transform/*"),
            through("s3", "ScansJobsKey", "kms:Decrypt", "kms:GenerateDataKey"),
            *(
                replace(through(service, "Key", "kms:Decrypt"), resources=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1")
                for service in ("s3", "dynamodb")
            ),
        ]
        assert_only_allows(made.template, "ScansTransformRole", intended)
        assert variables(made, "ScansReconciler")["NEW"] == "false"
        assert open_ids(app) == set()

    def test_a_table_without_its_stream_cannot_tell(self, workshop: Workshop) -> None:
        key = kms.Key(workshop.stack, "Key", enable_key_rotation=True)
        table = dynamodb.Table.from_table_attributes(workshop.stack, "Table", table_name="items", encryption_key=key)
        pipeline = workshop.pipeline(results_table=table)
        with pytest.raises(ValueError, match="on_failure: results_table is 'items'; allowed: a table whose stream"):
            pipeline.on_failure(pipeline.topic)

    def test_key_and_topic_of_ones_own(self, workshop: Workshop) -> None:
        key = kms.Key(workshop.stack, "Key", enable_key_rotation=True)
        topic = sns.Topic(workshop.stack, "Topic", master_key=key, enforce_ssl=True)
        pipeline = workshop.pipeline(encryption_key=key, topic=topic)
        assert (pipeline.encryption_key, pipeline.topic) == (key, topic)
        assert not workshop.all("AWS::KMS::Key", "Scans")
        for alarm in workshop.all("AWS::CloudWatch::Alarm").values():
            assert {each["Ref"].rstrip("0123456789ABCDEF") for each in alarm["AlarmActions"]} == {"Topic"}
        assert_acyclic(workshop.template)
        assert open_ids(workshop.app) == set()


class TestElsewhere:
    def test_in_another_stack_than_its_environment(self, workshop: Workshop) -> None:
        other = Stack(workshop.app, "Other")
        pipeline = workshop.pipeline(scope=other, jobs=workshop.jobs())
        pipeline.on_failure(pipeline.topic)
        templates = synthesized(workshop.app)
        assert of_type(templates["Other"], "AWS::Batch::JobDefinition")
        assert [each.stack_name for each in workshop.stack.dependencies] == []
        for template in templates.values():
            assert_acyclic(template)
        assert open_ids(workshop.app) == set()

    def test_in_a_nested_stack_of_a_stage(self, app: App) -> None:
        outer = Stack(Stage(app, "Prod", env=HERE), "Outer")
        network, images = (
            PrivateNetwork(outer, "Network"),
            SecureEcrRepository(outer, "Images", tags={"owner": "payments"}),
        )
        inner = NestedStack(outer, "Inner")
        pipeline = S3BatchPipeline(inner, "Scans", network=network, image=images.image(digest=DIGEST))
        pipeline.on_failure(pipeline.topic)
        assert open_ids(app) == set()
        assert_acyclic(app.outdir)

    @pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
    def test_in_other_partitions(self, app: App, region: str) -> None:
        made = Workshop(app, env=Environment(account=ACCOUNT, region=region))
        pipeline = made.pipeline()
        pipeline.on_failure(pipeline.topic)
        pipeline.grant_upload(iam.Role(made.stack, "Role", assumed_by=iam.ServicePrincipal("transfer.amazonaws.com")))
        text = json.dumps(made.template)
        assert "arn:aws:" not in text
        assert open_ids(app) == set()


class TestWaivers:
    def test_what_is_waived_goes_with_the_stack(self, workshop: Workshop) -> None:
        workshop.pipeline(waivers=OFF)
        table = workshop.one("AWS::DynamoDB::Table")
        assert table["DeletionProtectionEnabled"] is False
        assert not any(each.get("EnableKeyRotation") for each in workshop.all("AWS::KMS::Key", "Scans").values())
        for type_ in ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket"):
            found = {id: each for id, each in of_type(workshop.template, type_).items() if id.startswith("Scans")}
            assert {each["DeletionPolicy"] for each in found.values()} == {"Delete"}
        assert open_ids(workshop.app) == set()

    def test_each_is_recorded_once_where_its_rule_judges(self, workshop: Workshop) -> None:
        workshop.pipeline(waivers=OFF)
        found = {
            id.rstrip("0123456789ABCDEF"): sorted(
                each["Rule"] for each in resource["Metadata"][METADATA_KEY]["Waivers"] if each["Reason"] == REASON
            )
            for id, resource in workshop.template["Resources"].items()
            if REASON in json.dumps(resource.get("Metadata"))
        }
        assert found == {
            "ScansJobsKey": ["SC-DEL-01", "SC-KMS-01"],
            "ScansJobsTopicKey": ["SC-DEL-01", "SC-KMS-01"],
            "ScansResults": ["SC-DDB-01[DeletionProtectionEnabled]"],
        }

    def test_with_an_environment_of_ones_own_the_stores_are_the_pipelines(self, workshop: Workshop) -> None:
        workshop.pipeline(jobs=workshop.jobs(), waivers=OFF[:1])
        assert workshop.one("AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is False
        (key,) = (each for id, each in of_type(workshop.template, "AWS::KMS::Key").items() if id.startswith("JobsKey"))
        assert key["DeletionPolicy"] == "RetainExceptOnCreate"
        assert open_ids(workshop.app) == set()

    @pytest.mark.parametrize("malware_scan", [False, True])
    def test_no_waiver_of_ours_is_without_a_finding(self, tmp_path: Path, malware_scan: bool) -> None:
        app = App(context=CONTEXT, outdir=str(tmp_path / "out"), builtin_cloud_formation_validation=False)
        enforce(app, packs=[Pack.NIST_800_53_R5])
        made = Workshop(app)
        pipeline = made.pipeline(malware_scan=malware_scan)
        pipeline.on_failure(pipeline.topic)
        role = iam.Role(made.stack, "Role", assumed_by=iam.ServicePrincipal("transfer.amazonaws.com"))
        for grant in (pipeline.grant_upload, pipeline.grant_read_results):
            grant(role)
        waive(role, Waiver("NIST.800.53.R5-IAMNoInlinePolicy", reason=REASON))
        app.synth()
        report = json.loads((tmp_path / "out" / "validation-report.json").read_text())
        assert [each.get("violations") or [] for each in report["pluginReports"]] == [[]] * 3
