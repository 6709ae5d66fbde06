"""The reference stacks: their templates, who may do what, and that they pass everything that judges them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_cdk import App
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from app import build
from secure_containers import AuditPart, Pack, ScanSeverity, enforce
from stacks.options import OptionError, Options
from tests.support import (
    ACCOUNT,
    CONTEXT,
    DIGEST,
    ORGANIZATION,
    REGION,
    ROOT,
    concrete,
    of_type,
    permissions,
    synthesized,
)

STATEFUL = (
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::JobQueue",
    "AWS::CloudTrail::Trail",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::ECR::Repository",
    "AWS::GuardDuty::Detector",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
)


class TemplateExtension(SingleFileSnapshotExtension):
    """One YAML file for each stack, which people can read."""

    file_extension = "yaml"
    _write_mode = WriteMode.TEXT

    def serialize(self, data: Any, **_: Any) -> str:
        return str(yaml.safe_dump(_readable(data), sort_keys=False, width=140))


def _readable(template: Mapping[str, Any]) -> Any:
    """Without what belongs to CDK's bootstrap, and without the hashes of assets."""
    body = {key: value for key, value in template.items() if key not in ("Parameters", "Rules")}
    return json.loads(re.sub(r"[0-9a-f]{64}", "<asset>", json.dumps(body)))


def templates(app: App, **options: Any) -> dict[str, dict[str, Any]]:
    build(app, Options(**options))
    return synthesized(app)


def reference(app: App) -> dict[str, Any]:
    return templates(app)["ImageRepositories"]


def test_templates(app: App, snapshot: SnapshotAssertion) -> None:
    found = templates(app, organization=ORGANIZATION)
    for name, template in found.items():
        assert template == snapshot(extension_class=TemplateExtension, name=name)


def test_logical_ids_of_what_holds_data_do_not_change(app: App, snapshot: SnapshotAssertion) -> None:
    ids = {
        name: sorted(id for type_ in STATEFUL for id in of_type(template, type_))
        for name, template in templates(app).items()
    }
    assert ids == snapshot(extension_class=TemplateExtension, name="stateful")


def test_who_may_do_what(app: App) -> None:
    template = reference(app)
    ids = {
        id.rstrip("0123456789ABCDEF"): id
        for id in (*of_type(template, "AWS::ECR::Repository"), *of_type(template, "AWS::IAM::Role"))
    }
    base, application = (
        concrete({"Fn::GetAtt": [ids[name], "Arn"]}) for name in ("BaseImagesRepository", "ApplicationRepository")
    )
    login = ("ecr:GetAuthorizationToken", "*")
    pull = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    push = (
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    )
    assert permissions(template, ids["Publisher"]) == {
        login,
        *((action, base) for action in pull),
        *((action, application) for action in push),
    }
    assert permissions(template, ids["Reader"]) == {login, *((action, application) for action in pull)}


def test_roles_are_taken_by_services_for_this_account_only(app: App) -> None:
    for role in of_type(reference(app), "AWS::IAM::Role").values():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        assert list(statement["Principal"]) == ["Service"]


def test_findings_can_reach_the_encrypted_topic(app: App) -> None:
    template = reference(app)
    (key,) = (key for id, key in of_type(template, "AWS::KMS::Key").items() if id.startswith("FindingsKey"))
    statements = key["Properties"]["KeyPolicy"]["Statement"]
    (events,) = (each for each in statements if each["Principal"] == {"Service": "events.amazonaws.com"})
    assert set(events["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    # AWS: source conditions are not supported between EventBridge and encrypted topics; with one the finding would be
    # lost.
    assert "Condition" not in events
    rules = of_type(template, "AWS::Events::Rule").values()
    assert len(rules) == 4
    assert all("DeadLetterConfig" in target for rule in rules for target in rule["Properties"]["Targets"])


@pytest.mark.parametrize("region", [None, REGION, "us-gov-west-1", "cn-north-1"])
def test_every_pack_and_cdks_own_validation_pass(tmp_path: Path, region: str | None) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path / "cdk.out"))
    enforce(app, packs=[Pack.NIST_800_53_R5])
    build(app, Options(account=ACCOUNT if region else None, region=region, organization=ORGANIZATION))
    app.synth()
    report = json.loads((tmp_path / "cdk.out" / "validation-report.json").read_text())
    # CDK leaves out plugins that have nothing to say.
    assert {"AwsSolutions", "NIST.800.53.R5"} <= {each["pluginName"] for each in report["pluginReports"]}
    for each in report["pluginReports"]:
        assert each["conclusion"] == "success"
        assert not each.get("violations")
        for waived in each.get("suppressedViolations") or []:
            assert len(waived["reason"]) > 40


def test_what_exists_already_is_left_alone(app: App) -> None:
    template = templates(app, existing=(AuditPart.CONFIG, AuditPart.GUARDDUTY, AuditPart.INSPECTOR))["AccountAudit"]
    assert of_type(template, "AWS::CloudTrail::Trail")
    for type_ in ("AWS::Config::ConfigurationRecorder", "AWS::GuardDuty::Detector", "Custom::InspectorScans"):
        assert not of_type(template, type_)


@pytest.mark.parametrize(
    "existing",
    [(AuditPart.TRAIL_ELSEWHERE, AuditPart.GUARDDUTY), (AuditPart.TRAIL_ELSEWHERE, AuditPart.CONFIG_GLOBAL)],
    ids=" ".join,
)
def test_a_trail_elsewhere_has_its_alarms_elsewhere(app: App, existing: tuple[AuditPart, ...]) -> None:
    template = templates(app, existing=existing)["AccountAudit"]
    assert not of_type(template, "AWS::Logs::MetricFilter")
    assert not of_type(template, "AWS::CloudTrail::Trail")
    assert of_type(template, "AWS::Events::Rule")
    assert bool(of_type(template, "AWS::GuardDuty::Detector")) is (AuditPart.GUARDDUTY not in existing)


class TestOptions:
    def test_defaults(self) -> None:
        assert Options.from_context({"@aws-cdk/core:x": True, "aws:cdk:y": 1}) == Options()

    def test_all(self) -> None:
        options = Options.from_context(
            {
                "account": ACCOUNT,
                "region": REGION,
                "organization": ORGANIZATION,
                "severity": "critical",
                "digest": DIGEST,
                "existing": "config,guardduty",
            }
        )
        assert options == Options(
            account=ACCOUNT,
            region=REGION,
            organization=ORGANIZATION,
            severity=ScanSeverity.CRITICAL,
            digest=DIGEST,
            existing=(AuditPart.CONFIG, AuditPart.GUARDDUTY),
        )

    @pytest.mark.parametrize(
        ("context", "message"),
        [
            ({"organisation": ORGANIZATION}, "there is no option 'organisation'; did you mean 'organization'?"),
            ({"xyz": 1}, "Options: account, region, organization, severity, digest, existing"),
            ({"account": "123", "region": REGION}, "the option 'account' is '123'; allowed: an account id"),
            ({"account": ACCOUNT, "region": "Frankfurt"}, "the option 'region' is 'Frankfurt'"),
            ({"account": ACCOUNT}, "belong together"),
            ({"organization": "acme"}, "an organization id such as"),
            ({"severity": "bad"}, "one of CRITICAL, HIGH"),
            ({"digest": "latest"}, "the option 'digest' is 'latest'; allowed: the digest of an image, sha256: and 64"),
            ({"existing": "config, guardduty"}, "with commas between them; write -c existing=..."),
            (
                {"existing": "trail"},
                "the option 'existing' is 'trail'; allowed: one or more of trail-elsewhere, config",
            ),
            ({"existing": ""}, "the option 'existing' is ''"),
        ],
    )
    def test_wrong_ones_are_told_in_one_line(self, context: dict[str, Any], message: str) -> None:
        with pytest.raises(OptionError, match=re.escape(message)) as caught:
            Options.from_context(context)
        assert "\n" not in str(caught.value)


def run_app(tmp_path: Path, **context: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "CDK_CONTEXT_JSON": json.dumps({**CONTEXT, **context}),
        "CDK_OUTDIR": str(tmp_path / "out"),
        "CDK_VALIDATION": "false",
    }
    return subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_app_synthesizes_without_credentials(tmp_path: Path) -> None:
    done = run_app(tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("AccountAudit", "BatchJobs", "CsvPipeline", "ImageRepositories", "Network"):
        assert (tmp_path / "out" / f"{name}.template.json").is_file()


def test_the_app_synthesizes_where_the_trail_is_elsewhere(tmp_path: Path) -> None:
    done = run_app(tmp_path, existing="trail-elsewhere,guardduty")
    assert done.returncode == 0, done.stderr


def test_the_app_tells_a_wrong_option_without_a_traceback(tmp_path: Path) -> None:
    done = run_app(tmp_path, severity="bad")
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "app.py: the option 'severity' is 'bad'; allowed: one of CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL; write -c severity=..."
    )
