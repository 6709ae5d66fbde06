"""A waiver has one rule, one reason that can be judged, one place."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_containers import SecureEcrRepository, Waiver, waive
from secure_containers.check.cli import main
from tests.support import findings, only, synthesized

REASON = "preview images are rebuilt under one tag and never leave the development account"


@pytest.mark.parametrize(
    "rule",
    [
        "SC-ECR-01",
        "SC-IAM-02[ecr:PutImage]",
        "AwsSolutions-IAM5[Resource::*]",
        "AwsSolutions::AwsSolutions-KMS5",
        "NIST.800.53.R5-IAMNoInlinePolicy",
    ],
)
def test_rules_of_ours_and_of_cdk_nag_can_be_waived(rule: str) -> None:
    assert Waiver(rule, reason=REASON).rule == rule


@pytest.mark.parametrize(
    ("rule", "acknowledged"),
    [
        ("SC-ECR-01", "secure-containers::SC-ECR-01"),
        ("AwsSolutions-IAM5[Resource::*]", "AwsSolutions::AwsSolutions-IAM5[Resource::*]"),
        ("AwsSolutions::AwsSolutions-KMS5", "AwsSolutions::AwsSolutions-KMS5"),
        ("HIPAA.Security-X", "HIPAA.Security::HIPAA.Security-X"),
    ],
)
def test_cdk_gets_the_id_it_knows(rule: str, acknowledged: str) -> None:
    assert Waiver(rule, reason=REASON).acknowledged_id == acknowledged


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("SC-ECR-1", "SC-ECR-01"),
        ("sc-ecr-01", "SC-ECR-01"),
        ("mutable_image_tags", "SC-ECR-01"),
        ("CKV_AWS_51", "Allowed"),
        ("", "Allowed"),
        ("Foo::SC-ECR-01", "Allowed"),
        ("SC-ENG-01", "nobody can waive"),
    ],
)
def test_unknown_rules_are_refused_with_a_hint(rule: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        Waiver(rule, reason=REASON)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "   ",
        "false positive",
        "not needed",
        "TODO: look at this later",
        "accepted risk, works as intended",
        "this is just for testing purposes",
        "........................",
    ],
)
def test_empty_and_vague_reasons_are_refused(reason: str) -> None:
    with pytest.raises(ValueError, match=r"reason (is empty|has fewer|says nothing)"):
        Waiver("SC-ECR-01", reason=reason)


@pytest.mark.parametrize("until", ["2027-01-01", 5, datetime(2027, 1, 1, tzinfo=UTC)])
def test_until_is_a_date(until: Any) -> None:
    with pytest.raises(ValueError, match="allowed: a date"):
        Waiver("SC-ECR-01", reason=REASON, until=until)


def plain(stack: Stack) -> ecr.CfnRepository:
    return ecr.CfnRepository(stack, "Plain", image_tag_mutability="MUTABLE")


def test_it_is_written_with_all_that_was_said(app: App, stack: Stack) -> None:
    until = date.today() + timedelta(days=30)
    waive(plain(stack), Waiver("SC-ECR-01", reason=REASON, until=until, approved_by="platform security, SEC-214"))
    metadata = only(synthesized(app)["Test"], "AWS::ECR::Repository")["Metadata"]["SecureContainers"]
    assert metadata == {
        "Waivers": [
            {
                "Rule": "SC-ECR-01",
                "Reason": REASON,
                "Until": until.isoformat(),
                "ApprovedBy": "platform security, SEC-214",
                "At": "Test/Plain",
            }
        ]
    }


def test_waivers_of_one_resource_add_up(app: App, stack: Stack) -> None:
    repository = plain(stack)
    waive(repository, Waiver("SC-ECR-01", reason=REASON))
    waive(repository, Waiver("SC-ECR-02", reason=REASON), Waiver("SC-ECR-03", reason=REASON))
    waivers = only(synthesized(app)["Test"], "AWS::ECR::Repository")["Metadata"]["SecureContainers"]["Waivers"]
    assert [waiver["Rule"] for waiver in waivers] == ["SC-ECR-01", "SC-ECR-02", "SC-ECR-03"]
    assert {finding.id for finding in findings(app) if finding.waived} == {"SC-ECR-01", "SC-ECR-02", "SC-ECR-03"}


def test_it_is_recorded_only_where_the_rule_judges(app: App, stack: Stack) -> None:
    SecureEcrRepository(stack, "Images", waivers=[Waiver("SC-ECR-01", reason=REASON)])
    assert "Metadata" not in only(synthesized(app)["Test"], "AWS::KMS::Key")


def test_a_rule_of_a_pack_about_iam_is_recorded_on_roles_and_policies_only(app: App, stack: Stack) -> None:
    home = Construct(stack, "Home")
    role = iam.Role(home, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))
    sns.Topic(home, "Topic")
    waive(home, Waiver("AwsSolutions-IAM5[Resource::*]", reason=REASON), Waiver("AwsSolutions-SNS3", reason=REASON))
    recorded = {
        each["Type"]: [waiver["Rule"] for waiver in each["Metadata"]["SecureContainers"]["Waivers"]]
        for each in synthesized(app)["Test"]["Resources"].values()
    }
    assert recorded["AWS::SNS::Topic"] == ["AwsSolutions-SNS3"]
    assert recorded["AWS::IAM::Policy"] == ["AwsSolutions-IAM5[Resource::*]", "AwsSolutions-SNS3"]


def test_check_honours_it_on_the_bare_template(app: App, stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    waive(plain(stack), Waiver("SC-ECR-01", reason=REASON))
    main(["check", "--only", "SC-ECR-01", str(Path(app.synth().directory) / "Test.template.json")])
    assert "1 waived" in capsys.readouterr().out


def test_an_expired_waiver_brings_the_finding_back_and_changes_nothing_else(app: App, stack: Stack) -> None:
    yesterday = date.today() - timedelta(days=1)
    SecureEcrRepository(stack, "Images", waivers=[Waiver("SC-ECR-01", reason=REASON, until=yesterday)])
    assert only(synthesized(app)["Test"], "AWS::ECR::Repository")["Properties"]["ImageTagMutability"] == "MUTABLE"
    (finding,) = (each for each in findings(app) if each.rule.id == "SC-ECR-01")
    assert not finding.waived
    assert f"its waiver expired on {yesterday}" in finding.message


def test_until_is_the_last_day(stack: Stack) -> None:
    waiver = Waiver("SC-ECR-01", reason=REASON, until=date(2027, 3, 31))
    assert waiver.counts_on(date(2027, 3, 31))
    assert not waiver.counts_on(date(2027, 4, 1))


def test_a_waiver_with_nothing_to_waive_is_refused(stack: Stack) -> None:
    with pytest.raises(
        ValueError,
        match=r"Test/Topic: Waiver\('SC-ECR-01'\) has nothing to waive: the construct holds none of AWS::ECR::Repository",
    ):
        waive(sns.Topic(stack, "Topic"), Waiver("SC-ECR-01", reason=REASON))


def test_a_rule_is_waived_once(stack: Stack) -> None:
    with pytest.raises(ValueError, match="waived twice"):
        waive(plain(stack), Waiver("SC-ECR-01", reason=REASON), Waiver("SC-ECR-01", reason=f"{REASON} too"))


def test_a_waiver_that_matches_nothing_is_reported(app: App, stack: Stack) -> None:
    repository = plain(stack)
    repository.image_tag_mutability = "IMMUTABLE"
    waive(repository, Waiver("SC-ECR-01", reason=REASON))
    assert [finding.id for finding in findings(app) if finding.kind == "engine"] == ["SC-ENG-02"]
