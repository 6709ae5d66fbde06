"""What a changed argument does to a deployed repository: what is updated in place, what would be replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from secure_containers import EnvironmentTags, LifecycleRule, SecureEcrRepository, TagScheme, Waiver
from tests.support import REGION, new_app, synthesized

REASON = "preview images are rebuilt under one tag and never leave the development account"


def template(directory: Path, **arguments: Any) -> dict[str, Any]:
    app = new_app(directory)
    SecureEcrRepository(Stack(app, "Test"), "Images", **arguments)
    return synthesized(app)["Test"]["Resources"]


def replaced(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The types of resources that an update from one template to the other would replace or delete."""
    gone = {before[id]["Type"] for id in before if id not in after}
    return gone | {
        before[id]["Type"] for id in before if id in after and create_only(before[id]) != create_only(after[id])
    }


def create_only(resource: dict[str, Any]) -> list[Any]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource["Type"]).schema
    return [
        resource["Type"],
        *(
            at(resource.get("Properties", {}), pointer.split("/")[2:])
            for pointer in schema.get("createOnlyProperties", [])
        ),
    ]


def at(node: Any, keys: list[str]) -> Any:
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


@pytest.mark.parametrize(
    "changed",
    [
        {"mutable_tag_patterns": ["dev-*"]},
        {"lifecycle_rules": [LifecycleRule(more_than_images=5)]},
        {"tag_scheme": TagScheme(environments=[EnvironmentTags(name="dev", mutable=True), "prod"])},
        {"organization_id": "o-a1b2c3d4e5"},
        {"require_mfa": True},
        {"tags": {"owner": "payments"}},
        {
            "waivers": [
                Waiver(rule, reason=REASON)
                for rule in ("SC-ECR-01", "SC-ECR-02", "SC-ECR-04", "SC-KMS-01", "SC-DEL-01")
            ]
        },
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_everything_but_name_and_encryption_is_updated_in_place(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert replaced(template(tmp_path / "before"), template(tmp_path / "after", **changed)) == set()


def test_a_name_replaces_the_repository(tmp_path: Path) -> None:
    assert replaced(template(tmp_path / "before"), template(tmp_path / "after", repository_name="payments/api")) == {
        "AWS::ECR::Repository"
    }


def test_another_encryption_replaces_the_repository(tmp_path: Path) -> None:
    after = template(tmp_path / "after", waivers=[Waiver("SC-ECR-03", reason=REASON)])
    assert replaced(template(tmp_path / "before"), after) == {"AWS::ECR::Repository", "AWS::KMS::Key"}


def test_the_logical_ids_of_a_repository_and_its_key_do_not_change(tmp_path: Path) -> None:
    assert sorted(template(tmp_path)) == ["ImagesKey72752799", "ImagesRepository2D0F5B9C"]


def test_a_repository_that_is_replaced_keeps_its_images(app: App, stack: Stack) -> None:
    """Nothing of it is deleted: not the images, not the key that reads them."""
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    SecureEcrRepository(stack, "Images", encryption_key=key)
    assert all(
        resource["UpdateReplacePolicy"] == "Retain" for resource in synthesized(app)["Test"]["Resources"].values()
    )
