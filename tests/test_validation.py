"""`enforce(app)` stops a synth on what nobody waived, and says all that is needed to mend it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsii
import pytest
from aws_cdk import Acknowledgment, App, Environment, NestedStack, Stack, Stage, Validations
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from secure_containers import Pack, SecureEcrRepository, Waiver, enforce, waive
from secure_containers.rules import RULES
from tests.support import ACCOUNT, REGION, new_app

REASON = "preview images are rebuilt under one tag and never leave the development account"


def report(app: App) -> dict[str, dict[str, Any]]:
    path = Path(app.outdir) / "validation-report.json"
    return (
        {each["pluginName"]: each for each in json.loads(path.read_text())["pluginReports"]} if path.is_file() else {}
    )


def stopped(app: App) -> str:
    """The message that stops the synth."""
    with pytest.raises((RuntimeError, jsii.errors.JSIIError)) as caught:
        app.synth()
    return str(caught.value)


def clean_repository(stack: Stack) -> SecureEcrRepository:
    return SecureEcrRepository(stack, "Images", tags={"owner": "payments"})


def test_secure_defaults_pass_every_pack(app: App, stack: Stack) -> None:
    enforce(app, packs=[Pack.NIST_800_53_R5, Pack.HIPAA_SECURITY, Pack.PCI_DSS_321, Pack.SERVERLESS])
    clean_repository(stack)
    app.synth()
    assert report(app) == {}


def test_a_grant_passes_aws_solutions_without_a_waiver_of_the_user(app: App, stack: Stack) -> None:
    enforce(app)
    clean_repository(stack).grant_push(
        iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    )
    app.synth()
    (waived,) = report(app)["AwsSolutions"]["suppressedViolations"]
    assert (waived["ruleName"], waived["acknowledgedAt"]) == ("AwsSolutions-IAM5[Resource::*]", "Test/Role/EcrLogin")
    assert "has no resource level" in waived["reason"]


def test_an_error_stops_the_synth_with_path_reason_fix_and_waiver(app: App, stack: Stack) -> None:
    enforce(app)
    ecr.CfnRepository(stack, "Plain")
    message = stopped(app)
    for part in (
        "Test/Plain",
        "ImageTagMutability is not set",
        "Set `ImageTagMutability` to `IMMUTABLE`",
        'Waiver("SC-ECR-01", reason="...")',
    ):
        assert part in message


def test_a_warning_is_reported_and_stops_nothing(app: App, stack: Stack) -> None:
    enforce(app)
    SecureEcrRepository(stack, "Images")
    app.synth()
    assert [each["ruleName"] for each in report(app)["secure-containers"]["violations"]] == ["SC-ECR-09"]


@pytest.mark.parametrize("place", ["stage", "nested", "app stage of its own"])
def test_stages_and_nested_stacks_are_judged(tmp_path: Path, place: str) -> None:
    app = new_app(tmp_path)
    stack = Stack(Stage(app, "Prod", env=Environment(account=ACCOUNT, region=REGION)), "Deep")
    scope = NestedStack(stack, "Nested") if place == "nested" else stack
    ecr.CfnRepository(scope, "Plain", image_tag_mutability="MUTABLE")
    enforce(Stage.of(stack) if place == "app stage of its own" else app)
    assert "Prod/Deep" in stopped(app)
    violations = report(app)["secure-containers"]["violations"]
    paths = {each["violatingConstructs"][0]["constructPath"] for each in violations}
    assert paths == {"Prod/Deep/Nested/Plain" if place == "nested" else "Prod/Deep/Plain"}


def test_an_empty_stack_is_no_error(app: App, stack: Stack) -> None:
    enforce(app)
    app.synth()


def test_a_waiver_is_in_the_report_with_its_reason(app: App, stack: Stack) -> None:
    enforce(app)
    SecureEcrRepository(stack, "Images", tags={"owner": "payments"}, waivers=[Waiver("SC-ECR-01", reason=REASON)])
    app.synth()
    ours = report(app)["secure-containers"]
    (waived,) = ours["suppressedViolations"]
    assert ours["violations"] == []
    assert (waived["ruleName"], waived["reason"], waived["acknowledgedAt"]) == ("SC-ECR-01", REASON, "Test/Images")


def test_a_waiver_that_stands_only_in_the_template_counts_and_stays_visible(app: App, stack: Stack) -> None:
    enforce(app)
    images = clean_repository(stack).repository.node.default_child
    images.add_property_override("ImageTagMutability", "MUTABLE")
    images.add_metadata("SecureContainers", {"Waivers": [{"Rule": "SC-ECR-01", "Reason": REASON}]})
    app.synth()
    (shown,) = report(app)["secure-containers"]["violations"]
    assert (shown["ruleName"], shown["severity"]) == ("SC-ECR-01", "info")


def test_an_acknowledgment_without_its_waiver_in_the_template_silences_the_synth_only(app: App, stack: Stack) -> None:
    """CDK lets anybody acknowledge; `check` on the template does not know of it, which is why there is `waive`."""
    enforce(app)
    images = clean_repository(stack)
    images.repository.node.default_child.add_property_override("ImageTagMutability", "MUTABLE")
    Validations.of(images).acknowledge(Acknowledgment(id="secure-containers::SC-ECR-01", reason=REASON))
    app.synth()


def test_a_waiver_of_a_pack_that_matches_nothing_is_reported(app: App, stack: Stack) -> None:
    enforce(app)
    images = clean_repository(stack)
    waive(images.encryption_key, Waiver("AwsSolutions-KMS5", reason=REASON))
    app.synth()
    (shown,) = report(app)["secure-containers"]["violations"]
    assert (shown["ruleName"], shown["severity"]) == ("SC-ENG-02", "warning")
    assert "AwsSolutions-KMS5 at Test/Images/Key matches no finding" in shown["description"]


def test_a_waiver_of_a_pack_that_matches_elsewhere_is_reported_too(app: App, stack: Stack) -> None:
    enforce(app)
    waive(kms.Key(stack, "Rotating", enable_key_rotation=True), Waiver("AwsSolutions-KMS5", reason=REASON))
    still = kms.Key(stack, "Still")
    waive(still, Waiver("AwsSolutions-KMS5", reason=REASON), Waiver("SC-KMS-01", reason=REASON))
    app.synth()
    (shown,) = report(app)["secure-containers"]["violations"]
    assert "at Test/Rotating matches no finding" in shown["description"]


def test_a_pack_that_does_not_run_is_not_asked_about_its_waivers(app: App, stack: Stack) -> None:
    enforce(app)
    waive(clean_repository(stack).encryption_key, Waiver("NIST.800.53.R5-KMSBackingKeyRotationEnabled", reason=REASON))
    app.synth()
    assert "secure-containers" not in report(app)


def test_packs_are_added_to_aws_solutions(app: App, stack: Stack) -> None:
    enforce(app, packs=["NIST.800.53.R5"])  # type: ignore[list-item]  # the value of the member does too
    iam.Policy(
        stack,
        "Inline",
        statements=[iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])],
        groups=[iam.Group(stack, "Group")],
    )
    message = stopped(app)
    assert "NIST.800.53.R5-IAMNoInlinePolicy" in message
    assert 'waive(construct, Waiver("AwsSolutions-IAM5[Resource::*]", reason="..."))' in message


@pytest.mark.parametrize(
    ("packs", "message"),
    [(["CIS"], "packs holds 'CIS'; allowed: AwsSolutions"), ([Pack.SERVERLESS, Pack.SERVERLESS], "each pack once")],
)
def test_wrong_packs_are_refused(app: App, packs: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        enforce(app, packs=packs)


def test_an_organization_let_in_passes_aws_solutions(app: App, stack: Stack) -> None:
    enforce(app)
    images = clean_repository(stack)
    images.allow_pull_from(organizations=["o-a1b2c3d4e5"])
    images.allow_pull_from(organizations=["o-zzzzzzzzzz"])
    app.synth()
    (waived,) = report(app)["AwsSolutions"]["suppressedViolations"]
    assert waived["ruleName"] == "AwsSolutions-ECR1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rules": "abc"}, "a list of our rules"),
        ({"rules": [None]}, "a list of our rules"),
        ({"app": "x"}, "an app or a stage"),
    ],
)
def test_wrong_arguments_are_refused(app: App, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"enforce: .*{message}"):
        enforce(**{"app": app, **arguments})


def test_an_app_is_held_to_the_rules_once(app: App) -> None:
    enforce(app)
    with pytest.raises(ValueError, match="not held to the rules yet"):
        enforce(app)


def test_a_rule_that_fails_inside_stops_the_synth_and_cannot_be_waived(app: App, stack: Stack) -> None:
    def broken(_: object) -> Any:
        raise ZeroDivisionError

    enforce(app, rules=[replace(RULES[0], judge=broken)])
    clean_repository(stack)
    assert "rule SC-ECR-01 failed inside (ZeroDivisionError" in stopped(app)
    (shown,) = report(app)["secure-containers"]["violations"]
    assert (shown["ruleName"], shown["severity"]) == ("SC-ENG-01", "fatal")
