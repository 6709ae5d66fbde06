"""The reference stacks: their templates, who may do what, and that they pass everything that judges them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
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
    new_app,
    of_type,
    permissions,
    synthesized,
)

STATEFUL = (
    "AWS::AppRunner::Service",
    "AWS::AppRunner::VpcIngressConnection",
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::JobQueue",
    "AWS::CloudTrail::Trail",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::ECS::ExpressGatewayService",
    "AWS::ECS::Service",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::GuardDuty::Detector",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
)
"""What holds data, runs, or has a name by which others find it."""


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


@cache
def with_options(**options: Any) -> dict[str, dict[str, Any]]:
    """The templates with some options, for tests that only read them."""
    with TemporaryDirectory() as directory:
        return templates(new_app(Path(directory)), **options)


def reference() -> dict[str, Any]:
    return with_options()["ImageRepositories"]


def test_templates(snapshot: SnapshotAssertion) -> None:
    found = with_options(organization=ORGANIZATION)
    for name, template in found.items():
        assert template == snapshot(extension_class=TemplateExtension, name=name)


def test_logical_ids_of_what_holds_data_do_not_change(snapshot: SnapshotAssertion) -> None:
    ids = {
        name: sorted(id for type_ in STATEFUL for id in of_type(template, type_))
        for name, template in with_options().items()
    }
    assert ids == snapshot(extension_class=TemplateExtension, name="stateful")


def test_who_may_do_what() -> None:
    template = reference()
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


def test_roles_are_taken_by_services_for_this_account_only() -> None:
    for role in of_type(reference(), "AWS::IAM::Role").values():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        assert list(statement["Principal"]) == ["Service"]


def test_findings_can_reach_the_encrypted_topic() -> None:
    template = reference()
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


class TestServices:
    """What the options of services do."""

    DOMAIN = "shop.example.org"
    CERTIFICATE = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"

    @pytest.mark.parametrize(("stack", "services"), [("WebService", 1), ("ServiceMove", 2)])
    def test_services_answer_to_the_domain_alone_and_prove_it_by_the_certificate(
        self, stack: str, services: int
    ) -> None:
        template = with_options(domain=self.DOMAIN, certificate=self.CERTIFICATE, digest=DIGEST)[stack]
        rules = of_type(template, "AWS::ElasticLoadBalancingV2::ListenerRule").values()
        hosts = [each["Properties"]["Conditions"][0]["HostHeaderConfig"]["Values"] for each in rules]
        assert hosts == [[self.DOMAIN]] * services
        proof = {"CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{self.CERTIFICATE}"}
        listeners = of_type(template, "AWS::ElasticLoadBalancingV2::Listener").values()
        assert [concrete(each["Properties"]["Certificates"]) for each in listeners] == [[proof]] * services
        (zone,) = of_type(template, "AWS::Route53::HostedZone").values()
        # Of this name alone, so that others of the domain are found where they were.
        assert zone["Properties"]["Name"] == f"{self.DOMAIN}."
        assert template["Outputs"]["Url"]["Value"] == f"https://{self.DOMAIN}"

    @pytest.mark.parametrize("green", [0, 10, 100])
    def test_so_many_clients_among_a_hundred_get_the_new_service(self, green: int) -> None:
        template = with_options(**({"green": green} if green else {}))["ServiceMove"]
        records = of_type(template, "AWS::Route53::RecordSet")
        weights = {id.partition("WayIn")[0]: each["Properties"]["Weight"] for id, each in records.items()}
        assert weights == {"Blue": 100 - green, "Green": green}
        assert len({each["Properties"]["SetIdentifier"] for each in records.values()}) == 2
        assert {each["Properties"]["Name"] for each in records.values()} == {"orders.example.com."}
        # What is ill gets nobody, whatever its weight.
        assert all(each["Properties"]["AliasTarget"]["EvaluateTargetHealth"] for each in records.values())

    def test_the_web_service_has_all_clients_of_its_name(self) -> None:
        (record,) = of_type(with_options()["WebService"], "AWS::Route53::RecordSet").values()
        assert "Weight" not in record["Properties"]

    @pytest.mark.parametrize("stack", ["WebService", "ExpressService", "AppRunnerService", "ServiceMove"])
    def test_the_image_is_the_digest_of_the_application(self, stack: str) -> None:
        template = with_options(domain=self.DOMAIN, certificate=self.CERTIFICATE, digest=DIGEST)[stack]
        tasks = of_type(template, "AWS::ECS::TaskDefinition").values()
        found = [each["Image"] for task in tasks for each in task["Properties"]["ContainerDefinitions"]]
        for service in of_type(template, "AWS::AppRunner::Service").values():
            source = service["Properties"]["SourceConfiguration"]
            found.append(source["ImageRepository"]["ImageIdentifier"])
        assert found
        for image in found:
            *_, repository, digest = image["Fn::Join"][1]
            assert "ApplicationRepository" in repository["Fn::GetStackOutput"]["OutputName"]
            assert digest == f"@{DIGEST}"

    @pytest.mark.parametrize(
        ("region", "there"), [(None, True), (REGION, True), ("eu-north-1", False), ("us-gov-west-1", False)]
    )
    def test_app_runner_is_left_out_where_it_is_not(self, region: str | None, *, there: bool) -> None:
        found = with_options(**({"account": ACCOUNT, "region": region} if region else {}))
        assert ("AppRunnerService" in found) is there
        assert {"WebService", "ExpressService", "ServiceMove"} <= set(found)


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
                "domain": "shop.example.org",
                "certificate": "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f",
                "green": "10",
                "existing": "config,guardduty",
            }
        )
        assert options == Options(
            account=ACCOUNT,
            region=REGION,
            organization=ORGANIZATION,
            severity=ScanSeverity.CRITICAL,
            digest=DIGEST,
            domain="shop.example.org",
            certificate="0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f",
            green=10,
            existing=(AuditPart.CONFIG, AuditPart.GUARDDUTY),
        )

    @pytest.mark.parametrize(
        ("context", "message"),
        [
            ({"organisation": ORGANIZATION}, "there is no option 'organisation'; did you mean 'organization'?"),
            (
                {"xyz": 1},
                "Options: account, region, organization, severity, digest, domain, certificate, green, existing",
            ),
            ({"account": "123", "region": REGION}, "the option 'account' is '123'; allowed: an account id"),
            ({"account": ACCOUNT, "region": "Frankfurt"}, "the option 'region' is 'Frankfurt'"),
            ({"account": ACCOUNT}, "belong together"),
            ({"organization": "acme"}, "an organization id such as"),
            ({"severity": "bad"}, "one of CRITICAL, HIGH"),
            ({"digest": "latest"}, "the option 'digest' is 'latest'; allowed: the digest of an image, sha256: and 64"),
            (
                {"domain": "example.com"},
                "the option 'domain' is 'example.com'; allowed: a name below a domain of yours",
            ),
            ({"domain": "Orders.example.com"}, "write -c domain=..."),
            ({"domain": "*.example.com"}, "the option 'domain' is '*.example.com'"),
            ({"certificate": "arn:aws:acm:x"}, "allowed: the id of a certificate, at its ARN's end; write -c"),
            ({"green": "101"}, "the option 'green' is '101'; allowed: percent, 0 to 100"),
            ({"green": -1}, "the option 'green' is '-1'"),
            ({"green": "010"}, "the option 'green' is '010'"),
            ({"green": ""}, "the option 'green' is ''"),
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
    services = ("AppRunnerService", "ExpressService", "ServiceMove", "WebService")
    for name in ("AccountAudit", "BatchJobs", "CsvPipeline", "ImageRepositories", "Network", *services):
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
