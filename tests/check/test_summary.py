"""`summary`: what a synthesized app holds, in a few lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secure_containers.rules import RULES
from tests.check.conftest import Command
from tests.check.samples import HASH, REASON, asset_url, assets, manifest, nested, put, stack, waived

PACKS = [
    {
        "pluginName": "AwsSolutions",
        "violations": [{"ruleName": "AwsSolutions-IAM4", "violatingConstructs": [{}, {}]}],
        "suppressedViolations": [
            {
                "ruleName": "AwsSolutions-IAM5[Resource::*]",
                "violatingConstructs": [{}],
                "reason": "this action has no resource level",
                "acknowledgedAt": "App/Publisher",
            }
        ],
    },
    {"pluginName": "NIST.800.53.R5", "violations": []},
    {"pluginName": "secure-containers", "violations": [{"ruleName": "SC-ECR-01", "violatingConstructs": [{}]}]},
]


def put_app(report: Any = None) -> None:
    """An app of one stack with a nested one, and the validation report of its synth."""
    app = waived({"Rule": "SC-ECR-01", "Reason": REASON, "At": "App/Images"})
    app["Resources"]["Images"]["Metadata"]["aws:cdk:path"] = "App/Images/Resource"
    app["Resources"]["Child"] = nested(asset_url())
    child = {"Resources": {f"{service}{n}": {"Type": f"AWS::{service}::Thing"} for service in "ABCDE" for n in (1, 2)}}
    put("cdk.out/manifest.json", manifest(App=stack("App.template.json")))
    put("cdk.out/App.template.json", app)
    put("cdk.out/App.assets.json", assets(**{HASH: "AppChild.nested.template.json"}))
    put("cdk.out/AppChild.nested.template.json", child)
    if report is not None:
        put("cdk.out/validation-report.json", report)


def test_stacks_resources_rules_findings_and_waivers(run: Command) -> None:
    put_app({"pluginReports": PACKS})
    result = run("summary", "cdk.out")
    lines = result.out.splitlines()
    assert result.code == 0
    assert lines[:5] == [
        "stacks",
        "  App.template.json                2 resources: 1 ECR::Repository, 1 CloudFormation::Stack",
        "  AppChild.nested.template.json   10 resources: 2 A::Thing, 2 B::Thing, 2 C::Thing, 2 D::Thing, ...",
        "",
        "validation",
    ]
    assert lines[5].startswith(f"  secure-containers: 2 templates, 12 resources, {len(RULES)} rules, ")
    assert lines[5].endswith(", 1 waived")
    assert lines[6:] == [
        "  AwsSolutions: 2 open, 1 waived",
        "  NIST.800.53.R5: 0 open, 0 waived",
        "",
        "waivers (2)",
        f"  SC-ECR-01 at App/Images/Resource: {REASON}",
        "  AwsSolutions-IAM5[Resource::*] at App/Publisher: this action has no resource level",
    ]


def test_costs_say_what_they_leave_out(run: Command) -> None:
    put("a.yaml", "Resources: {Key: {Type: AWS::KMS::Key}, Service: {Type: AWS::ECS::Service}}")
    lines = run("summary", "a.yaml").out.splitlines()
    (told,) = (line for line in lines if line.startswith("fixed costs"))
    assert told.startswith(
        "fixed costs: about 1.00 USD a month, before any use; tasks, instances and copies that run come on top (list"
    )
    assert lines[lines.index(told) + 1] == "  KMS keys (1): 1.00"


def test_the_folder_is_cdk_out_if_left_out(run: Command) -> None:
    put_app()
    assert run("summary") == run("summary", "cdk.out")


def test_an_app_without_waivers_says_so(run: Command) -> None:
    put("cdk.out/manifest.json", manifest(App=stack("App.template.json")))
    put("cdk.out/App.template.json", {"Resources": {"A": {"Type": "My::Thing"}}})
    lines = run("summary").out.splitlines()
    assert (lines[1], lines[-1]) == ("  App.template.json    1 resource: 1 My::Thing", "no waivers")


def test_a_missing_folder_is_one_line(run: Command) -> None:
    result = run("summary", "gone")
    assert (result.code, result.out) == (2, "cannot read gone: there is no such file or folder\n")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_broken_manifest_is_one_line(content: str, run: Command) -> None:
    put("cdk.out/manifest.json", content)
    result = run("summary", "cdk.out")
    told = "cannot read cdk.out/manifest.json: is no manifest of a cloud assembly; run `cdk synth` again\n"
    assert (result.code, result.out) == (2, told)


def test_a_folder_without_templates_is_one_line(run: Command) -> None:
    put("cdk.out/manifest.json", manifest())
    result = run("summary", "cdk.out")
    assert (result.code, result.out) == (2, "cannot read cdk.out: holds no template\n")


def test_what_can_be_read_is_summed_up_beside_what_cannot(run: Command) -> None:
    put_app()
    put("cdk.out/manifest.json", manifest(App=stack("App.template.json"), Gone=stack("Gone.template.json")))
    result = run("summary")
    lines = result.out.splitlines()
    assert result.code == 2
    assert lines[0] == "cannot read cdk.out/Gone.template.json: cannot be read: No such file or directory"
    assert lines[1] == "stacks"
    assert ", 1 not read" in result.out


@pytest.mark.parametrize(
    "report",
    [
        "",
        "{",
        "[]",
        b"\xff",
        "[" * 100_000,
        {"pluginReports": 7},
        {"pluginReports": [None]},
        {"pluginReports": [{}]},
        {"pluginReports": [{"pluginName": "A", "violations": 7}]},
        {"pluginReports": [{"pluginName": "A", "violations": [{}]}]},
        {"pluginReports": [{"pluginName": "A", "suppressedViolations": [{"violatingConstructs": []}]}]},
    ],
)
def test_a_broken_validation_report_is_one_line(report: Any, run: Command) -> None:
    put_app(report)
    result = run("summary")
    lines = result.out.splitlines()
    told = "cannot read cdk.out/validation-report.json: is no validation report; run `cdk synth` again"
    assert (result.code, lines[0], lines[1]) == (2, told, "stacks")


@pytest.mark.parametrize("report", [{}, {"pluginReports": []}, {"pluginReports": [{"pluginName": "A"}]}])
def test_a_validation_report_may_say_little(report: Any, run: Command) -> None:
    put_app(report)
    assert run("summary").code == 0


def test_what_a_report_says_stays_on_its_line(run: Command) -> None:
    pack = json.loads(json.dumps(PACKS[0]))
    put_app({"pluginReports": [pack]})
    plain = run("summary").out
    pack["suppressedViolations"][0]["reason"] = "two\nlines \x1b[31m \ud800"
    put_app({"pluginReports": [pack]})
    assert run("summary").out.count("\n") == plain.count("\n")


def test_a_template_can_be_summed_up_as_well(run: Command) -> None:
    put("a.yaml", "Resources: {A: {Type: My::Thing}}")
    assert run("summary", "a.yaml").out.splitlines()[1] == "  a.yaml    1 resource: 1 My::Thing"
