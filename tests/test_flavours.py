"""The promises that every construct and every stack keeps, in every flavour."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint
from cfnlint.core import get_rules

from secure_containers.check.loader import Loaded, load
from secure_containers.rules import RULES, evaluate
from secure_containers.rules.template_hygiene import cycles
from tests.flavours import FLAVOURS, build
from tests.support import REGION, new_app

pytestmark = pytest.mark.parametrize("flavour", FLAVOURS)

EXPECTED_WARNINGS = {
    "across_accounts": {
        "SC-NAM-01",
        "SC-PRT-02",
    },  # a name and an account have to be written out where another account refers to them
    "services_of_imported_parts": {"SC-NET-02"},  # what an imported subnet has, no template tells
    "stage_and_nested_stack": {"SC-ECR-09"},  # tags of an app stop at its stages
}


OWN_CUSTOM_RESOURCES = {
    "Custom::ClosedDefaultSecurityGroup",
    "Custom::InspectorScans",
    "Custom::KeptLogGroups",
    "Custom::PrefixLists",
    "Custom::ServiceLinkedRole",
}

OWN_HANDLERS = {
    "answer.handler",
    "handler.handler",
    *(
        f"secure_containers.runtime.functions.{name}.handler"
        for name in ("intake", "notifier", "reconciler", "recorder", "signatures")
    ),
}


@cache
def synthesized(flavour: str) -> tuple[Loaded, dict[str, dict[str, Any]]]:
    with TemporaryDirectory() as directory:
        app = new_app(Path(directory))
        build(app, flavour)
        loaded = load([app.synth().directory])
    return loaded, {template.name: dict(template.body) for template in loaded.templates}


@cache
def lint_rules() -> Any:
    return get_rules([], [], ["W"], include_experimental=False)


@cache
def linted(source: str, region: str) -> list[str]:
    """What cfn-lint finds in a template; some stand in several flavours."""
    matches = lint(source, lint_rules(), [region], ManualArgs())
    return [f"{match.rule.id} {match.message}" for match in matches]


def test_our_rules_find_nothing_that_is_not_waived(flavour: str) -> None:
    loaded, _ = synthesized(flavour)
    assert loaded.errors == []
    report = evaluate(loaded.templates, RULES)
    assert {finding.id for finding in report.open} == EXPECTED_WARNINGS.get(flavour, set())
    assert report.errors == ()


def test_cfn_lint_finds_nothing(flavour: str) -> None:
    loaded, _ = synthesized(flavour)
    for template in loaded.templates:
        assert linted(template.source, template.region or REGION) == []


def test_no_template_refers_in_circles(flavour: str) -> None:
    loaded, _ = synthesized(flavour)
    assert [list(cycles(template)) for template in loaded.templates] == [[] for _ in loaded.templates]


def test_nothing_is_exported_or_imported(flavour: str) -> None:
    _, bodies = synthesized(flavour)
    assert '"Export"' not in json.dumps(bodies)
    assert "Fn::ImportValue" not in json.dumps(bodies)


def test_no_helper_function_of_cdk_comes_along(flavour: str) -> None:
    _, bodies = synthesized(flavour)
    resources = [resource for body in bodies.values() for resource in body.get("Resources", {}).values()]
    assert {
        resource["Type"] for resource in resources if resource["Type"].startswith("Custom::")
    } <= OWN_CUSTOM_RESOURCES
    assert not any(resource["Type"] == "AWS::CloudFormation::CustomResource" for resource in resources)
    for function in (resource for resource in resources if resource["Type"] == "AWS::Lambda::Function"):
        assert function["Properties"]["Handler"] in OWN_HANDLERS


def test_two_syntheses_give_the_same_templates(flavour: str, tmp_path: Path) -> None:
    app = new_app(tmp_path)
    build(app, flavour)
    again = {Path(template.name).name: template.body for template in load([app.synth().directory]).templates}
    assert again == {Path(name).name: body for name, body in synthesized(flavour)[1].items()}
