"""The same repositories in two ways: with `SecureEcrRepository`, and as somebody writes them in plain aws_cdk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from apps import in_stacks
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms

from secure_containers import SecureEcrRepository

PER_STACK: Final = 250
"""A repository and its key are two resources, and a stack takes 500."""


def secured(stack: Stack, id: str, _: str) -> None:
    SecureEcrRepository(stack, id)


def plain(stack: Stack, id: str, path: str) -> None:
    kept = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    description = f"Encrypts the images of {path}"
    key = kms.Key(stack, f"{id}Key", description=description, enable_key_rotation=True, removal_policy=kept)
    untagged = ecr.LifecycleRule(
        description="untagged images", tag_status=ecr.TagStatus.UNTAGGED, max_image_age=Duration.days(30)
    )
    ecr.Repository(
        stack,
        f"{id}Repository",
        encryption=ecr.RepositoryEncryption.KMS,
        encryption_key=key,
        image_scan_on_push=True,
        image_tag_mutability=ecr.TagMutability.IMMUTABLE,
        lifecycle_rules=[
            untagged,
            ecr.LifecycleRule(description="all but the newest 500 images", max_image_count=500),
        ],
        removal_policy=kept,
    )


def add_stacks(app: App, make: Callable[[Stack, str, str], None], number: int) -> None:
    for stack, numbers in in_stacks(app, "Repositories", number, PER_STACK):
        for each in numbers:
            make(stack, f"Images{each}", f"Repositories{numbers.start}/Images{each}")


def comparable(template: Path) -> list[Any]:
    """The resources of a template in their order, logical ids by position: each way names its own."""
    resources: Mapping[str, Any] = json.loads(template.read_text("utf-8"))["Resources"]
    text = json.dumps(list(resources.values()))
    for position, logical_id in enumerate(resources):
        text = text.replace(f'"{logical_id}"', f'"resource {position}"')
    found: list[Any] = json.loads(text)
    for resource in found:
        lifecycle = resource["Properties"].get("LifecyclePolicy")
        if lifecycle:  # a JSON text: the order of its keys means nothing
            lifecycle["LifecyclePolicyText"] = json.loads(lifecycle["LifecyclePolicyText"])
    return found
