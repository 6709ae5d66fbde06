"""The rules about keys, and about what outlives a stack."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import Rule
from secure_containers.rules.keys_and_data import key_without_rotation, lost_with_the_stack
from tests.rules.support import NO_VALUE, either, ref, said, template

RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def judged(rule: Rule, type_: str, **entry: Any) -> list[str]:
    return said(rule, template({"Judged": {"Type": type_, **entry}}))


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ["SC-KMS-01"]),
        ({"EnableKeyRotation": False}, ["SC-KMS-01"]),
        ({"EnableKeyRotation": "false"}, ["SC-KMS-01"]),
        ({"EnableKeyRotation": NO_VALUE}, ["SC-KMS-01"]),
        ({"EnableKeyRotation": either("Prod", True, False)}, ["SC-KMS-01"]),
        ({"EnableKeyRotation": ref("Free")}, ["SC-KMS-01?"]),
        ({"KeySpec": "SYMMETRIC_DEFAULT"}, ["SC-KMS-01"]),
        ({"KeySpec": ref("Free")}, ["SC-KMS-01"]),
        ({"KeySpec": either("Prod", "RSA_2048", "SYMMETRIC_DEFAULT")}, ["SC-KMS-01"]),
        ({"KeySpec": either("Prod", "RSA_2048"), "EnableKeyRotation": False}, ["SC-KMS-01"]),
        ({"KeySpec": either("Prod", "RSA_2048"), "EnableKeyRotation": either("Prod", True, False)}, ["SC-KMS-01"]),
        ({"Origin": "AWS_KMS"}, ["SC-KMS-01"]),
        ({"Origin": either("Prod", "EXTERNAL", "AWS_KMS")}, ["SC-KMS-01"]),
        ({"EnableKeyRotation": True}, []),
        ({"EnableKeyRotation": "true"}, []),
        ({"EnableKeyRotation": either("Prod", True, "true")}, []),
        ({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, []),
        ({"KeySpec": "HMAC_256"}, []),
        ({"KeySpec": either("Prod", "RSA_2048", "HMAC_256")}, []),
        ({"KeySpec": either("Prod", "RSA_2048"), "EnableKeyRotation": either("Prod", False, True)}, []),
        ({"KeySpec": either("Prod", "RSA_2048"), "EnableKeyRotation": either("NotProd", True)}, []),
        ({"Origin": "EXTERNAL"}, []),
        ({"Origin": "AWS_CLOUDHSM"}, []),
        ({"Origin": "EXTERNAL_KEY_STORE"}, []),
    ],
)
def test_key_without_rotation(properties: dict[str, Any], expected: list[str]) -> None:
    assert judged(key_without_rotation, "AWS::KMS::Key", Properties=properties, **RETAINED) == expected
    assert judged(key_without_rotation, "AWS::KMS::ReplicaKey", Properties=properties) == []


@pytest.mark.parametrize("type_", ["AWS::ECR::Repository", "AWS::KMS::Key"])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, ["SC-DEL-01", "SC-DEL-01"]),
        ({"DeletionPolicy": "Retain"}, ["SC-DEL-01"]),
        ({"UpdateReplacePolicy": "Retain"}, ["SC-DEL-01"]),
        (RETAINED | {"DeletionPolicy": "Delete"}, ["SC-DEL-01"]),
        (RETAINED | {"DeletionPolicy": "Snapshot"}, ["SC-DEL-01"]),
        (RETAINED | {"DeletionPolicy": either("Prod", "Retain", "Delete")}, ["SC-DEL-01"]),
        (RETAINED | {"DeletionPolicy": ref("Free")}, ["SC-DEL-01?"]),
        (RETAINED | {"Properties": {"EmptyOnDelete": True}}, ["SC-DEL-01"]),
        (RETAINED | {"Properties": {"EmptyOnDelete": "true"}}, ["SC-DEL-01"]),
        (RETAINED | {"Properties": {"EmptyOnDelete": ref("Free")}}, ["SC-DEL-01?"]),
        (RETAINED | {"Properties": {"EmptyOnDelete": either("Prod", False, True)}}, ["SC-DEL-01"]),
        (RETAINED, []),
        (RETAINED | {"DeletionPolicy": "RetainExceptOnCreate"}, []),
        (RETAINED | {"Properties": {"EmptyOnDelete": False}}, []),
        (RETAINED | {"Condition": "Prod", "DeletionPolicy": either("Prod", "Retain", "Delete")}, []),
    ],
)
def test_lost_with_the_stack(type_: str, entry: dict[str, Any], expected: list[str]) -> None:
    assert judged(lost_with_the_stack, type_, **entry) == expected


def test_what_can_be_made_again_may_go() -> None:
    assert judged(lost_with_the_stack, "AWS::SNS::Topic") == []
