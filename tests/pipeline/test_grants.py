"""Who else may do something with a pipeline: upload, read results, hear of failures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from secure_containers import S3BatchPipeline
from secure_containers.testing import Allow, assert_denied, assert_only_allows
from tests.pipeline.conftest import HERE, Workshop
from tests.pipeline.intended import PipelineRoles, through
from tests.support import ACCOUNT, OTHER_ACCOUNT, REGION, decision, new_app, open_ids

KEYS = ("kms:Decrypt", "kms:GenerateDataKey")
UPLOAD = ["s3:AbortMultipartUpload", "s3:PutObject"]
PARTNER = f"arn:aws:iam::{OTHER_ACCOUNT}:role/partner"


def role(made: Workshop, id: str = "Partner") -> iam.Role:
    return iam.Role(made.stack, id, assumed_by=iam.ServicePrincipal("transfer.amazonaws.com"))


class TestUpload:
    def test_puts_below_the_prefix_and_nothing_else(self, workshop: Workshop) -> None:
        workshop.pipeline().grant_upload(role(workshop))
        intended = [Allow(UPLOAD, "${ScansUploads.Arn}/uploads/*"), through("s3", "ScansJobsKey", *KEYS)]
        assert_only_allows(workshop.template, "Partner", intended)
        for action in ("s3:GetObject", "s3:DeleteObject", "s3:PutObjectTagging", "s3:PutObjectAcl"):
            assert_denied(workshop.template, "Partner", action, "${ScansUploads.Arn}/uploads/a.csv")
        assert open_ids(workshop.app) == set()

    def test_below_narrower_prefixes(self, workshop: Workshop) -> None:
        pipeline, partner = workshop.pipeline(), role(workshop)
        for prefix in ("uploads/a-b/", "uploads/ab/", "uploads/ab/"):
            pipeline.grant_upload(partner, prefix=prefix)
        below = [f"${{ScansUploads.Arn}}/uploads/{name}/*" for name in ("a-b", "ab")]
        assert_only_allows(workshop.template, "Partner", [Allow(UPLOAD, below), through("s3", "ScansJobsKey", *KEYS)])
        assert open_ids(workshop.app) == set()

    def test_to_an_imported_role_of_this_account(self, workshop: Workshop) -> None:
        workshop.pipeline().grant_upload(iam.Role.from_role_name(workshop.stack, "Imported", "partner"))
        policy = workshop.one("AWS::IAM::Policy", "ScansUpload")
        assert policy["Roles"] == ["partner"]

    def test_to_another_account_by_the_policies_of_bucket_and_key(self, app: App) -> None:
        made = Workshop(app, env=HERE)
        made.pipeline().grant_upload(iam.Role.from_role_arn(made.stack, "Partner", PARTNER))
        bucket = made.one("AWS::S3::BucketPolicy", "ScansUploads")["PolicyDocument"]
        (allowed,) = (each for each in bucket["Statement"] if each["Effect"] == "Allow")
        assert allowed["Principal"] == {"AWS": PARTNER}
        assert allowed["Action"] == UPLOAD
        assert json.dumps(allowed["Resource"]).endswith('"/uploads/*"]]}')
        (used,) = (
            each
            for each in made.one("AWS::KMS::Key", "ScansJobsKey")["KeyPolicy"]["Statement"]
            if each["Principal"] == {"AWS": PARTNER}
        )
        assert used["Action"] == list(KEYS)
        assert list(used["Condition"]["StringEquals"]) == ["kms:ViaService"]
        key = made.one("AWS::KMS::Key", "ScansJobsKey")["KeyPolicy"]
        for service, said in (("s3", "Allow"), ("sqs", "ImplicitDeny")):
            via = {"kms__ViaService": f"{service}.{REGION}.amazonaws.com"}
            given = decision(key, "kms:GenerateDataKey", principal="role/partner", account=OTHER_ACCOUNT, **via)
            assert given == said
        assert not made.all("AWS::IAM::Policy", "ScansUpload")
        assert open_ids(app) == set()

    def test_to_a_whole_other_account(self, app: App) -> None:
        made = Workshop(app, env=HERE)
        made.pipeline().grant_upload(iam.AccountPrincipal(OTHER_ACCOUNT), prefix="uploads/them/")
        bucket = made.one("AWS::S3::BucketPolicy", "ScansUploads")["PolicyDocument"]
        assert [f"{OTHER_ACCOUNT}:root" in str(each["Principal"]) for each in bucket["Statement"]].count(True) == 1
        assert "/uploads/them/*" in json.dumps(bucket)


class TestReadResults:
    INTENDED = (
        Allow(
            ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"],
            ["${ScansResults.Arn}", "${ScansResults.Arn}/index/by-status"],
        ),
        Allow("s3:GetObject", "${ScansJobsOutputs.Arn}/Jobs/Transform/*"),
        through("dynamodb", "ScansJobsKey", "kms:Decrypt"),
        through("s3", "ScansJobsKey", "kms:Decrypt"),
    )

    def test_reads_items_and_large_results_and_changes_nothing(self, workshop: Workshop) -> None:
        workshop.pipeline().grant_read_results(role(workshop))
        assert_only_allows(workshop.template, "Partner", self.INTENDED)
        for action, resource in (
            ("dynamodb:Scan", "${ScansResults.Arn}"),
            ("dynamodb:UpdateItem", "${ScansResults.Arn}"),
            ("s3:GetObject", "${ScansUploads.Arn}/uploads/a.csv"),
            ("s3:ListBucket", "${ScansJobsOutputs.Arn}"),
        ):
            assert_denied(workshop.template, "Partner", action, resource)
        assert open_ids(workshop.app) == set()


class TestOnFailure:
    ROLES = PipelineRoles(id="Scans", kind="")

    def test_one_topic_is_told_of_what_failed_or_was_refused(self, workshop: Workshop) -> None:
        pipeline = workshop.pipeline()
        pipeline.on_failure(pipeline.topic)
        mapping = workshop.one("AWS::Lambda::EventSourceMapping", "ScansNotifier")
        (filter_,) = mapping["FilterCriteria"]["Filters"]
        before, bucket, after = filter_["Pattern"]["Fn::Join"][1]
        assert bucket["Ref"].startswith("ScansUploads")
        image = json.loads(f"{before}uploads{after}")["dynamodb"]["NewImage"]
        own = {"prefix": "s3://uploads/uploads/"}  # another pipeline may use the table too
        assert image == {"status": {"S": ["FAILED", "REFUSED"]}, "object": {"S": [own]}}
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["MaximumRetryAttempts"] == 3
        kept = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        assert kept.startswith("ScansWatchAlarmsUndelivered")
        assert_only_allows(
            workshop.template, "ScansNotifierRole", self.ROLES.notifier("ScansJobsTopic", "ScansJobsTopicKey")
        )
        assert open_ids(workshop.app) == set()

    def test_two_topics_are_told_each_once(self, workshop: Workshop) -> None:
        pipeline = workshop.pipeline()
        key = kms.Key.from_key_arn(workshop.stack, "Key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1")
        other = sns.Topic(workshop.stack, "Other", enforce_ssl=True, master_key=key)
        for topic in (pipeline.topic, other, other):
            pipeline.on_failure(topic)
        function = workshop.one("AWS::Lambda::Function", "ScansNotifier")
        told = function["Environment"]["Variables"]["TOPICS"]["Fn::Join"][1]
        assert [each["Ref"].rstrip("0123456789ABCDEF") for each in told if isinstance(each, dict)] == [
            "ScansJobsTopic",
            "Other",
        ]
        assert len(workshop.all("AWS::Lambda::EventSourceMapping", "ScansNotifier")) == 1
        topics = [Allow("sns:Publish", f"${{{id}}}") for id in ("ScansJobsTopic", "Other")]
        used = Allow(
            KEYS,
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
            conditions={"StringEquals": {"kms:ViaService": "sns.${AWS::Region}.${AWS::URLSuffix}"}},
        )
        intended = [*self.ROLES.notifier("ScansJobsTopic", "ScansJobsTopicKey"), *topics, used]
        assert_only_allows(workshop.template, "ScansNotifierRole", intended)

    def test_unasked_nobody_reads_the_stream(self, plain: Workshop) -> None:
        assert not plain.all("AWS::Lambda::Function", "ScansNotifier")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workshop, S3BatchPipeline]:
    """A pipeline on an imported bucket, which nobody is let into from elsewhere."""
    workshop = Workshop(new_app(tmp_path_factory.mktemp("refused")), env=HERE)
    key = kms.Key.from_key_arn(workshop.stack, "Key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd")
    imported = s3.Bucket.from_bucket_attributes(
        workshop.stack, "Imported", bucket_name="uploads-of-ours", encryption_key=key
    )
    return workshop, workshop.pipeline(input_bucket=imported)


class TestRefused:
    def test_another_account_with_an_imported_bucket(self, made: Any) -> None:
        workshop, pipeline = made
        partner = iam.Role.from_role_arn(workshop.stack, "Partner", PARTNER)
        with pytest.raises(ValueError, match=f"a principal of {OTHER_ACCOUNT}.*imported bucket.*{ACCOUNT}"):
            pipeline.grant_upload(partner)

    @pytest.mark.parametrize("prefix", ["", "elsewhere/", "upload", "uploads/*", "uploads/${aws:username}/", 7])
    def test_prefixes_outside_of_what_is_taken(self, made: Any, prefix: Any) -> None:
        workshop, pipeline = made
        with pytest.raises(ValueError, match=r"grant_upload: prefix is .*begins with 'uploads/'.*write prefix="):
            pipeline.grant_upload(iam.Role.from_role_name(workshop.stack, f"R{prefix}", "r"), prefix=prefix)

    @pytest.mark.parametrize(
        "principal",
        [
            iam.ArnPrincipal(PARTNER),
            iam.AnyPrincipal(),
            iam.OrganizationPrincipal("o-a1b2c3d4e5"),
            iam.ServicePrincipal("transfer.amazonaws.com"),
        ],
        ids=lambda each: type(each).__name__,
    )
    def test_who_could_be_given_nothing(self, made: Any, principal: iam.IPrincipal) -> None:
        _, pipeline = made
        for grant in (pipeline.grant_upload, pipeline.grant_read_results):
            with pytest.raises(ValueError, match=f"grantee is '{type(principal).__name__}'; allowed: a role"):
                grant(principal)

    def test_readers_of_another_account(self, made: Any) -> None:
        _, pipeline = made
        with pytest.raises(ValueError, match=f"grant_read_results: grantee is 'a principal of {OTHER_ACCOUNT}'"):
            pipeline.grant_read_results(iam.AccountPrincipal(OTHER_ACCOUNT))
