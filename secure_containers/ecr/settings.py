"""From the arguments of a repository to ECR's settings: what is allowed, and what a default is where none is given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Stack, Token
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_containers.ecr.lifecycle import LifecycleRule, lifecycle_json, lifecycle_text
from secure_containers.ecr.tag_scheme import MOST_EXCEPTIONS, TagScheme
from secure_containers.errors import KEY, check_arguments, invalid
from secure_containers.rules.ecr_lifecycle import bounds_every_tag, expires_untagged, lifecycle_problems
from secure_containers.rules.partitions import partition_of
from secure_containers.waivers import DefaultsOff, Waiver, waiver_line

_NAME: Final = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_NAME_LENGTH: Final = range(2, 256 + 1)
_PATTERN: Final = re.compile(r"[0-9A-Za-z._*-]{1,128}")

_DEFAULT_LIFECYCLE: Final = {
    "SC-ECR-05": LifecycleRule(untagged=True, days_since_pushed=30, description="untagged images"),
    "SC-ECR-06": LifecycleRule(more_than_images=500, description="all but the newest 500 images"),
}
"""The lifecycle of a repository that is given none, by the rule that asks for each part."""
_TAGGED_ONLY: Final = LifecycleRule(
    tag_patterns=["*"], more_than_images=500, description="all but the newest 500 tagged images"
)


@dataclass(frozen=True, slots=True)
class Mutability:
    """Whether tags may move, and which."""

    setting: ecr.TagMutability
    patterns: Sequence[str]

    @property
    def filters(self) -> list[ecr.ImageTagMutabilityExclusionFilter] | None:
        return [
            ecr.ImageTagMutabilityExclusionFilter.wildcard(pattern) for pattern in self.patterns if pattern != "*"
        ] or None


def check_types(path: str, **given: object) -> None:
    """Refuse arguments of other types, before anything is made of them."""
    check_arguments(
        path,
        given,
        singles={
            "repository_name": (str, "a text", 'repository_name="payments/api"'),
            "encryption": (ecr.RepositoryEncryption, "KMS or KMS_DSSE", "encryption=ecr.RepositoryEncryption.KMS"),
            "tag_scheme": (TagScheme, "a TagScheme", 'tag_scheme=TagScheme(environments=["dev", "prod"])'),
            "organization_id": (str, "an organization id", 'organization_id="o-a1b2c3d4e5"'),
            "require_mfa": (bool, "True or False", "require_mfa=True"),
            "tags": (Mapping, "texts by texts", 'tags={"owner": "payments"}'),
        },
        lists={
            "lifecycle_rules": (LifecycleRule, "a list of LifecycleRule", "[LifecycleRule(more_than_images=500)]"),
            "mutable_tag_patterns": (str, "a list of patterns", '["dev-*"]'),
            "mfa_exempt_roles": (str, "a list of names", '["release-bot"]'),
            "waivers": (Waiver, "a list of Waiver", '[Waiver("SC-ECR-01", reason="...")]'),
        },
        objects={"encryption_key": KEY},
        optional=("lifecycle_rules",),
    )


def check_name(path: str, name: str | None) -> None:
    if name is None or Token.is_unresolved(name):
        return
    if len(name) not in _NAME_LENGTH or not _NAME.fullmatch(name):
        allowed = "2 to 256 lower-case letters and digits, with single '.', '_', '/' or with '-' between them"
        raise invalid(
            path, "repository_name", name, allowed=allowed, write='repository_name="payments/api", or leave it out'
        )


def lifecycle_setting(path: str, rules: Sequence[LifecycleRule] | None, off: DefaultsOff) -> str | None:
    """The text of the lifecycle policy; None if it is waived."""
    if off.waived("SC-ECR-04"):
        if rules is not None:
            raise invalid(
                path,
                "waivers",
                "SC-ECR-04",
                allowed="a waiver of the lifecycle, or a lifecycle",
                write="lifecycle_rules, without the waiver",
            )
        return None
    if rules is None:
        if off.waived("SC-ECR-05") and off.waived("SC-ECR-06"):
            raise invalid(
                path,
                "waivers",
                ["SC-ECR-05", "SC-ECR-06"],
                allowed="one of the two, for there is nothing left of the lifecycle",
                write=waiver_line("SC-ECR-04"),
            )
        rules = (
            [_TAGGED_ONLY]
            if off.waived("SC-ECR-05")
            else [rule for id, rule in _DEFAULT_LIFECYCLE.items() if not off.waived(id)]
        )
    written = lifecycle_json(rules)
    for problem in lifecycle_problems({"rules": written}):
        raise invalid(
            path, f"lifecycle_rules: {problem.field}", problem.got, allowed=problem.allowed, write="the rules so"
        )
    if not expires_untagged(written) and not off.waived("SC-ECR-05"):
        write = f"LifecycleRule(untagged=True, days_since_pushed=30), or {waiver_line('SC-ECR-05')}"
        raise invalid(
            path, "lifecycle_rules", list(rules), allowed="rules that expire untagged images too", write=write
        )
    if not bounds_every_tag(written) and not off.waived("SC-ECR-06"):
        write = f"LifecycleRule(more_than_images=500), or {waiver_line('SC-ECR-06')}"
        raise invalid(
            path, "lifecycle_rules", list(rules), allowed="rules that bound the images of every tag", write=write
        )
    return lifecycle_text(written)


def mutability_setting(path: str, patterns: Sequence[str], off: DefaultsOff) -> Mutability:
    example = 'mutable_tag_patterns=["dev-*"]'
    if off.waived("SC-ECR-01"):
        if patterns:
            raise invalid(
                path,
                "mutable_tag_patterns",
                list(patterns),
                allowed="patterns, or a waiver of SC-ECR-01 for all tags",
                write=example,
            )
        return Mutability(ecr.TagMutability.MUTABLE, ["*"])
    if len(patterns) > MOST_EXCEPTIONS or len(set(patterns)) != len(patterns):
        raise invalid(
            path,
            "mutable_tag_patterns",
            list(patterns),
            allowed=f"1 to {MOST_EXCEPTIONS} patterns, each once",
            write=example,
        )
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise invalid(
                path,
                "mutable_tag_patterns",
                pattern,
                allowed="1 to 128 letters, digits, '.', '_', '-', '*'",
                write=example,
            )
        if not any(character.isalnum() for character in pattern):
            raise invalid(
                path,
                "mutable_tag_patterns",
                pattern,
                allowed="patterns of some tags, not of all",
                write=f"{example}, or {waiver_line('SC-ECR-01')}",
            )
    return Mutability(
        ecr.TagMutability.IMMUTABLE_WITH_EXCLUSION if patterns else ecr.TagMutability.IMMUTABLE, list(patterns)
    )


def encryption_setting(
    path: str, encryption: ecr.RepositoryEncryption | None, key: kms.IKey | None, off: DefaultsOff
) -> str:
    """The encryption type: KMS, KMS_DSSE, or AES256 if a key is waived."""
    wanted = "KMS" if encryption is None else encryption.value
    if off.waived("SC-ECR-03"):
        if encryption is not None or key is not None:
            raise invalid(
                path,
                "waivers",
                "SC-ECR-03",
                allowed="a waiver of the key, or a key",
                write="encryption_key, without the waiver",
            )
        return "AES256"
    if wanted not in ("KMS", "KMS_DSSE"):
        raise invalid(path, "encryption", wanted, allowed="KMS or KMS_DSSE", write=waiver_line("SC-ECR-03"))
    return wanted


def check_region(path: str, scope: Construct, kind: str, key: kms.IKey | None) -> None:
    """Refuse an encryption or a key that the Region of the stack does not have, as far as it is known."""
    if kind != "KMS_DSSE" and key is None:
        return
    region = Stack.of(scope).region
    if Token.is_unresolved(region):
        return
    if kind == "KMS_DSSE" and partition_of(region) != "aws-us-gov":
        allowed = f"KMS in {region}: ECR offers two layers in GovCloud only"
        raise invalid(path, "encryption", kind, allowed=allowed, write="encryption=ecr.RepositoryEncryption.KMS")
    if key is not None and not Token.is_unresolved(key.env.region) and key.env.region != region:
        allowed = f"a key of {region}; this one is of {key.env.region}"
        raise invalid(
            path, "encryption_key", key.node.path, allowed=allowed, write="a key of the same Region, or leave it out"
        )
