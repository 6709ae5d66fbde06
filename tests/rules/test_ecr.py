"""The rules about one repository, on small templates: what they find, what they pass, what they cannot decide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secure_containers.rules import Rule, evaluate
from secure_containers.rules.ecr import (
    aws_owned_image_encryption,
    invalid_lifecycle_policy,
    kept_untagged_images,
    missing_image_lifecycle,
    mutable_image_tags,
    public_repository,
    unbounded_images,
    unscanned_images,
    untagged_repository,
)
from tests.rules.support import NO_VALUE, att, either, join, ref, said, sub, template

Properties = dict[str, Any]
PARAMETERS = {
    "Mutable": {"Type": "String", "AllowedValues": ["MUTABLE", "IMMUTABLE"]},
    "Immutable": {"Type": "String", "AllowedValues": ["IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"]},
    "MutableByDefault": {"Type": "String", "Default": "MUTABLE"},
    "ImmutableByDefault": {"Type": "String", "Default": "IMMUTABLE"},
    "Kept": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "IMMUTABLE"},
    "True": {"Type": "String", "AllowedValues": ["true"]},
    "Number": {"Type": "Number", "Default": 30},
    "KeyArn": {"Type": "String", "AllowedPattern": "arn:.+:key/.+"},
    "MaybeKey": {"Type": "String", "Default": "", "AllowedPattern": "(arn:.+:key/.+)?"},
}
CONDITIONS = {"HasKey": {"Fn::Not": [{"Fn::Equals": [ref("MaybeKey"), ""]}]}}
MAPPINGS = {
    "Mutability": {"dev": {"Value": "MUTABLE"}, "prod": {"Value": "IMMUTABLE"}},
    "Strict": {"dev": {"Value": "IMMUTABLE"}, "prod": {"Value": "IMMUTABLE"}},
}


def found(
    rule: Rule,
    properties: Properties,
    *,
    condition: str | None = None,
    others: dict[str, Any] | None = None,
    **known: Any,
) -> list[str]:
    repository = {
        "Type": "AWS::ECR::Repository",
        "Properties": properties,
        **({"Condition": condition} if condition else {}),
    }
    key = {"Type": "AWS::KMS::Key"}
    sections = {"Parameters": PARAMETERS, "Conditions": CONDITIONS, "Mappings": MAPPINGS}
    return said(rule, template({"Repository": repository, "Key": key, **(others or {})}, **sections, **known))


def excluded(*patterns: Any) -> Properties:
    filters = [
        {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": each}
        for each in patterns
    ]
    return {"ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "ImageTagMutabilityExclusionFilters": filters}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, "bad"),
        ({"ImageTagMutability": "MUTABLE"}, "bad"),
        ({"ImageTagMutability": "immutable"}, "bad"),
        ({"ImageTagMutability": "MUTABLE_WITH_EXCLUSION"}, "bad"),
        ({"ImageTagMutability": NO_VALUE}, "bad"),
        ({"ImageTagMutability": ref("Mutable")}, "bad"),
        ({"ImageTagMutability": ref("MutableByDefault")}, "bad undecided"),
        ({"ImageTagMutability": either("Prod", "IMMUTABLE", "MUTABLE")}, "bad"),
        ({"ImageTagMutability": either("Prod", "IMMUTABLE")}, "bad"),
        ({"ImageTagMutability": {"Fn::FindInMap": ["Mutability", ref("Environment"), "Value"]}}, "bad"),
        ({"ImageTagMutability": {"Fn::FindInMap": ["Mutability", ref("AWS::Region"), "Value"]}}, "bad"),
        ({"ImageTagMutability": {"Fn::FindInMap": ["Mutability", "none", "Value"]}}, "undecided"),
        ({"ImageTagMutability": sub("${Mutable}")}, "bad"),
        ({"ImageTagMutability": sub("${Prefix}MUTABLE", Prefix=either("Prod", "IM", ""))}, "bad"),
        ({"ImageTagMutability": join("MUT", "ABLE")}, "bad"),
        ({"ImageTagMutability": ref("Free")}, "undecided"),
        ({"ImageTagMutability": sub("${Free}")}, "undecided"),
        ({"ImageTagMutability": join(ref("Free"))}, "undecided"),
        ({"ImageTagMutability": ref("Kept")}, "undecided"),
        ({"ImageTagMutability": "{{resolve:ssm:/mutability}}"}, "undecided"),
        ({"ImageTagMutability": {"Fn::ImportValue": "mutability"}}, "undecided"),
        ({"ImageTagMutability": {"Fn::Transform": {"Name": "X"}}}, "undecided"),
        ({"ImageTagMutability": ref("ImmutableByDefault")}, "undecided"),
        ({"ImageTagMutability": either("Prod", ref("Free"), "IMMUTABLE")}, "undecided"),
        (excluded("*"), "bad"),
        (excluded("**"), "bad"),
        (excluded("dev-*", "*"), "bad"),
        (excluded(either("Prod", "dev-*", "*")), "bad"),
        (excluded(ref("Free")), "undecided"),
        (
            {"ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "ImageTagMutabilityExclusionFilters": ref("Free")},
            "undecided",
        ),
        ({"ImageTagMutability": "IMMUTABLE"}, ""),
        ({"ImageTagMutability": ref("Immutable")}, ""),
        ({"ImageTagMutability": either("Prod", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION")}, ""),
        ({"ImageTagMutability": {"Fn::FindInMap": ["Strict", ref("AWS::Region"), "Value"]}}, ""),
        ({"ImageTagMutability": {"Fn::FindInMap": ["Mutability", "prod", "Value"]}}, ""),
        ({"ImageTagMutability": {"Fn::Select": [0, ["IMMUTABLE", "MUTABLE"]]}}, ""),
        ({"ImageTagMutability": join("IM", "MUT", "ABLE")}, ""),
        ({"ImageTagMutability": sub("IM${What}", What="MUTABLE")}, ""),
        (excluded("dev-*"), ""),
        (excluded("dev-*", either("Prod", "dev-*", "test-*")), ""),
        (excluded(sub("${Free}-*")), ""),
    ],
)
def test_mutable_image_tags(properties: Properties, expected: str) -> None:
    ids = {"bad": "SC-ECR-01", "undecided": "SC-ECR-01?"}
    assert found(mutable_image_tags, properties) == [ids[each] for each in expected.split()]


@pytest.mark.parametrize(
    ("condition", "value", "bad"),
    [
        ("Prod", either("Prod", "IMMUTABLE", "MUTABLE"), False),
        ("Prod", either("NotProd", "MUTABLE", "IMMUTABLE"), False),
        ("NotProd", either("Prod", "MUTABLE", "IMMUTABLE"), False),
        ("Prod", either("Dev", "MUTABLE", "IMMUTABLE"), False),
        ("Prod", {"Fn::FindInMap": ["Mutability", ref("Environment"), "Value"]}, False),
        ("Prod", either("Prod", "MUTABLE", "IMMUTABLE"), True),
        ("Dev", either("Prod", "IMMUTABLE", "MUTABLE"), True),
        ("Dev", {"Fn::FindInMap": ["Mutability", ref("Environment"), "Value"]}, True),
        ("Open", either("Prod", "IMMUTABLE", "MUTABLE"), True),
    ],
)
def test_a_resources_condition_decides_its_properties(condition: str, value: Any, bad: bool) -> None:
    assert found(mutable_image_tags, {"ImageTagMutability": value}, condition=condition) == ["SC-ECR-01"] * bad


def test_a_resource_that_is_never_created_is_not_judged() -> None:
    never = {"Never": {"Fn::Equals": [ref("Environment"), "test"]}}
    body = {"R": {"Type": "AWS::ECR::Repository", "Condition": "Never"}}
    assert said(mutable_image_tags, template(body, Conditions=never)) == []


def test_the_same_from_several_variants_is_said_once() -> None:
    rows = {f"r{number}": {"Value": "MUTABLE"} for number in range(40)}
    body = {
        "R": {
            "Type": "AWS::ECR::Repository",
            "Properties": {"ImageTagMutability": {"Fn::FindInMap": ["M", ref("AWS::Region"), "Value"]}},
        }
    }
    assert said(mutable_image_tags, template(body, Mappings={"M": rows})) == ["SC-ECR-01"]


def registry(pattern: Any, *, frequency: Any = "SCAN_ON_PUSH", **attributes: Any) -> dict[str, Any]:
    rules = [{"ScanFrequency": frequency, "RepositoryFilters": [{"Filter": pattern, "FilterType": "WILDCARD"}]}]
    return {
        "Registry": {
            "Type": "AWS::ECR::RegistryScanningConfiguration",
            "Properties": {"ScanType": "BASIC", "Rules": rules},
            **attributes,
        }
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NO_VALUE, ["SC-ECR-02"]),
        (False, ["SC-ECR-02"]),
        ("false", ["SC-ECR-02"]),
        (either("Prod", True, False), ["SC-ECR-02"]),
        (ref("Free"), ["SC-ECR-02?"]),
        (True, []),
        ("true", []),
        ("True", []),
        (ref("True"), []),
        (either("Prod", True, "true"), []),
    ],
)
def test_unscanned_images(value: Any, expected: list[str]) -> None:
    assert found(unscanned_images, {"ImageScanningConfiguration": {"ScanOnPush": value}}) == expected


@pytest.mark.parametrize(
    ("condition", "others", "scanned"),
    [
        (None, {}, False),
        (None, registry("*"), True),
        (None, registry("*", frequency="CONTINUOUS_SCAN"), True),
        (None, registry("*", frequency="MANUAL"), False),
        (None, registry("*", frequency=either("Prod", "SCAN_ON_PUSH", "MANUAL")), False),
        (None, registry("prod*"), False),
        (None, registry(either("Prod", "*", "prod*")), False),
        (None, registry(ref("Free")), False),
        (None, registry("*", Condition="Prod"), False),
        ("Prod", registry("*", Condition="Prod"), True),
        ("Dev", registry("*", Condition="Prod"), False),
        ("Dev", registry("*", Condition="NotProd"), True),
    ],
)
def test_a_registry_can_scan_for_the_repository(condition: str | None, others: dict[str, Any], scanned: bool) -> None:
    assert found(unscanned_images, {}, condition=condition, others=others) == ([] if scanned else ["SC-ECR-02"])


@pytest.mark.parametrize(
    ("encryption", "expected"),
    [
        (None, ["SC-ECR-03"]),
        ({"EncryptionType": "AES256"}, ["SC-ECR-03"]),
        ({"EncryptionType": "KMS"}, ["SC-ECR-03"]),
        ({"EncryptionType": "KMS", "KmsKey": NO_VALUE}, ["SC-ECR-03"]),
        ({"EncryptionType": "KMS", "KmsKey": ""}, ["SC-ECR-03"]),
        ({"EncryptionType": "KMS", "KmsKey": "alias/aws/ecr"}, ["SC-ECR-03"]),
        (
            {
                "EncryptionType": "KMS",
                "KmsKey": sub("arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:alias/aws/ecr"),
            },
            ["SC-ECR-03"],
        ),
        ({"EncryptionType": "KMS", "KmsKey": either("Prod", att("Key"))}, ["SC-ECR-03"]),
        ({"EncryptionType": either("Prod", "KMS", "AES256"), "KmsKey": either("Prod", att("Key"))}, ["SC-ECR-03"]),
        (either("Prod", {"EncryptionType": "KMS", "KmsKey": att("Key")}), ["SC-ECR-03"]),
        ({"EncryptionType": ref("Free"), "KmsKey": att("Key")}, ["SC-ECR-03?"]),
        ({"EncryptionType": "KMS", "KmsKey": ref("Free")}, ["SC-ECR-03?"]),
        ({"EncryptionType": "KMS", "KmsKey": {"Fn::ImportValue": "key"}}, ["SC-ECR-03?"]),
        (ref("Free"), ["SC-ECR-03?"]),
        ({"EncryptionType": "KMS", "KmsKey": att("Key")}, []),
        ({"EncryptionType": "KMS", "KmsKey": ref("Key")}, []),
        ({"EncryptionType": "KMS_DSSE", "KmsKey": sub("${Key.Arn}")}, []),
        ({"EncryptionType": "KMS", "KmsKey": "alias/images"}, []),
        ({"EncryptionType": "KMS", "KmsKey": ref("KeyArn")}, []),
        ({"EncryptionType": "KMS", "KmsKey": either("HasKey", ref("MaybeKey"), att("Key"))}, []),
        ({"EncryptionType": "KMS", "KmsKey": {"Fn::ImportValue": "Keys:ExportsOutputFnGetAttKeyArn12AB"}}, []),
    ],
)
def test_aws_owned_image_encryption(encryption: Any, expected: list[str]) -> None:
    assert found(aws_owned_image_encryption, {"EncryptionConfiguration": encryption}) == expected


UNTAGGED = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30}
TAGGED = {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": 9}
ANY = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 500}


def policy(*selections: Properties) -> str:
    rules = [
        {"rulePriority": number, "selection": each, "action": {"type": "expire"}}
        for number, each in enumerate(selections, start=1)
    ]
    return json.dumps({"rules": rules})


NUMBERED = policy(ANY).replace("500", "${Number}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "04"),
        (either("Prod", policy(UNTAGGED, ANY)), "04"),
        (ref("Free"), "04?"),  # one rule speaks of a policy that is not told, another of one that is told in parts
        (sub("${Free}"), "04?"),
        (policy(TAGGED), "05"),
        (policy(UNTAGGED), "06"),
        (policy(UNTAGGED, TAGGED | {"tagPatternList": ["v*"]}), "06"),
        (either("Prod", policy(ANY), policy(UNTAGGED)), "06"),
        (policy(TAGGED | {"tagPatternList": ["v*"]}), "05 06"),
        (policy(ANY | {"countNumber": 0}), "07"),
        ("", "07"),
        ("{", "07"),
        ("[]", "07"),
        (NUMBERED, "07?"),
        (sub(NUMBERED), "07?"),
        (sub(NUMBERED.replace("${Number}", '"${Number}"')), "07 07"),
        (policy(UNTAGGED, ANY) + " " * 40_000, "07"),
        (policy(UNTAGGED, ANY), ""),
        (policy(ANY), ""),
        (policy(UNTAGGED, TAGGED), ""),
        (json.dumps(json.loads(policy(UNTAGGED, ANY)), indent=4), ""),
        (sub(policy(UNTAGGED | {"countNumber": 1}, ANY).replace("1,", "1,", 1)), ""),
        (join('{"rules":[', policy(ANY)[11:]), ""),
        (sub(NUMBERED, Number="30"), ""),
    ],
)
def test_lifecycles(text: Any, expected: str) -> None:
    rules = (missing_image_lifecycle, kept_untagged_images, unbounded_images, invalid_lifecycle_policy)
    properties = {} if text is None else {"LifecyclePolicy": {"LifecyclePolicyText": text}}
    ids = [id.removeprefix("SC-ECR-") for rule in rules for id in found(rule, properties)]
    assert sorted(ids) == sorted(expected.split())


def test_archiving_and_then_expiring_is_a_lifecycle() -> None:
    pulled = ANY | {"countType": "sinceImagePulled", "countUnit": "days"}
    archived = ANY | {"storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days"}
    rules = [
        {"rulePriority": 1, "selection": pulled, "action": {"type": "transition", "targetStorageClass": "archive"}},
        {"rulePriority": 2, "selection": archived, "action": {"type": "expire"}},
    ]
    properties = {"LifecyclePolicy": {"LifecyclePolicyText": json.dumps({"rules": rules})}}
    for rule in (missing_image_lifecycle, kept_untagged_images, unbounded_images, invalid_lifecycle_policy):
        assert found(rule, properties) == []


def test_public_repository() -> None:
    body = {"Public": {"Type": "AWS::ECR::PublicRepository"}, "Private": {"Type": "AWS::ECR::Repository"}}
    assert [
        (finding.id, finding.logical_id) for finding in evaluate([template(body)], [public_repository]).findings
    ] == [("SC-ECR-08", "Public")]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (None, ["SC-ECR-09"]),
        ([], ["SC-ECR-09"]),
        (NO_VALUE, ["SC-ECR-09"]),
        ([either("Prod", {"Key": "owner", "Value": "a"})], []),
        (either("Prod", [{"Key": "owner", "Value": "a"}]), ["SC-ECR-09"]),
        ([{"Key": "owner", "Value": "a"}], []),
        ([{"Key": "owner", "Value": ref("Free")}], []),
    ],
)
def test_untagged_repository(tags: Any, expected: list[str]) -> None:
    assert found(untagged_repository, {"Tags": tags}) == expected
