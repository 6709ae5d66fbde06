"""The rules about tables."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import Severity
from secure_containers.rules.dynamodb import aws_owned_table_encryption, unbounded_throughput, unrecoverable_table
from tests.rules.support import NO_VALUE, att, either, ref, said, template

TABLE, GLOBAL = "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"
RECOVERY = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
KEPT = {"DeletionProtectionEnabled": True, **RECOVERY}
PARAMETERS = {
    "Switch": {"Type": "String", "AllowedValues": ["true", "false"]},
    "AnyKey": {"Type": "String"},
    "OwnKey": {"Type": "String", "AllowedPattern": "arn:.+:key/.+"},
    "Most": {"Type": "Number"},
    "Mode": {"Type": "String", "AllowedValues": ["PROVISIONED", "PAY_PER_REQUEST"]},
}


def judged(rule: Any, type_: str = TABLE, **properties: Any) -> list[str]:
    resources = {"Table": {"Type": type_, "Properties": properties}, "Key": {"Type": "AWS::KMS::Key"}}
    return said(rule, template(resources, Parameters=PARAMETERS))


NO_RECOVERY, UNPROTECTED = "SC-DDB-01[PointInTimeRecoveryEnabled]", "SC-DDB-01[DeletionProtectionEnabled]"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, [UNPROTECTED, NO_RECOVERY]),
        (RECOVERY, [UNPROTECTED]),
        (KEPT | {"DeletionProtectionEnabled": "false"}, [UNPROTECTED]),
        (KEPT | {"DeletionProtectionEnabled": either("Prod", True)}, [UNPROTECTED]),
        (KEPT | {"PointInTimeRecoverySpecification": either("Prod", RECOVERY)}, [NO_RECOVERY]),
        (KEPT | {"DeletionProtectionEnabled": ref("Switch")}, [UNPROTECTED]),
        (KEPT | {"DeletionProtectionEnabled": ref("Free")}, ["SC-DDB-01?"]),
        (KEPT | {"PointInTimeRecoverySpecification": ref("Free")}, ["SC-DDB-01?"]),
        (KEPT, []),
        (KEPT | {"DeletionProtectionEnabled": "true"}, []),
    ],
)
def test_unrecoverable_table(properties: dict[str, Any], expected: list[str]) -> None:
    assert judged(unrecoverable_table, **properties) == expected


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        ([KEPT, RECOVERY], [UNPROTECTED]),
        ([KEPT, either("Prod", {})], [UNPROTECTED, NO_RECOVERY]),
        (ref("Free"), ["SC-DDB-01?", "SC-DDB-01?"]),
        ([KEPT, either("Prod", KEPT)], []),
    ],
)
def test_each_replica_is_kept(replicas: Any, expected: list[str]) -> None:
    assert judged(unrecoverable_table, GLOBAL, Replicas=replicas, **KEPT) == expected


@pytest.mark.parametrize(
    ("encryption", "expected"),
    [
        (NO_VALUE, ["SC-DDB-02"]),
        ({"SSEEnabled": False}, ["SC-DDB-02"]),
        ({"SSEEnabled": True}, ["SC-DDB-02"]),
        ({"SSEEnabled": True, "KMSMasterKeyId": "alias/aws/dynamodb"}, ["SC-DDB-02"]),
        ({"SSEEnabled": True, "KMSMasterKeyId": either("Prod", att("Key"))}, ["SC-DDB-02"]),
        ({"SSEEnabled": either("Prod", True, False), "KMSMasterKeyId": att("Key")}, ["SC-DDB-02"]),
        ({"SSEEnabled": True, "KMSMasterKeyId": ref("AnyKey")}, ["SC-DDB-02?"]),
        ({"SSEEnabled": ref("Free"), "KMSMasterKeyId": att("Key")}, ["SC-DDB-02?"]),
        ({"SSEEnabled": True, "KMSMasterKeyId": ref("OwnKey")}, []),
        ({"SSEEnabled": True, "KMSMasterKeyId": att("Key")}, []),
        ({"SSEEnabled": "true", "KMSMasterKeyId": either("Prod", att("Key"), ref("Key"))}, []),
    ],
)
def test_aws_owned_table_encryption(encryption: Any, expected: list[str]) -> None:
    assert judged(aws_owned_table_encryption, SSESpecification=encryption) == expected


@pytest.mark.parametrize(
    ("keys", "expected"), [([att("Key"), NO_VALUE], ["SC-DDB-02"]), ([att("Key"), ref("OwnKey")], [])]
)
def test_each_replica_has_a_key(keys: list[Any], expected: list[str]) -> None:
    replicas = [{"SSESpecification": {"KMSMasterKeyId": key}} for key in keys]
    found = judged(aws_owned_table_encryption, GLOBAL, SSESpecification={"SSEEnabled": True}, Replicas=replicas)
    assert found == expected


NO_READS, NO_WRITES = "SC-DDB-03[MaxReadRequestUnits]", "SC-DDB-03[MaxWriteRequestUnits]"
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
BOUNDED = {"OnDemandThroughput": {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 10}}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (ON_DEMAND, [NO_READS, NO_WRITES]),
        (ON_DEMAND | {"OnDemandThroughput": {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": -1}}, [NO_WRITES]),
        (ON_DEMAND | {"OnDemandThroughput": either("Prod", BOUNDED["OnDemandThroughput"])}, [NO_READS, NO_WRITES]),
        (ON_DEMAND | BOUNDED | {"GlobalSecondaryIndexes": [{"IndexName": "by-day"}]}, [NO_READS]),
        ({"BillingMode": ref("Mode")}, [NO_READS, NO_WRITES]),
        ({"BillingMode": ref("Free")}, ["SC-DDB-03?", "SC-DDB-03?"]),
        ({}, []),
        ({"BillingMode": "PROVISIONED"}, []),
        (ON_DEMAND | BOUNDED, []),
        (ON_DEMAND | BOUNDED | {"GlobalSecondaryIndexes": [BOUNDED]}, []),
        (ON_DEMAND | {"OnDemandThroughput": {"MaxReadRequestUnits": ref("Most"), "MaxWriteRequestUnits": 1}}, []),
    ],
)
def test_unbounded_throughput(properties: dict[str, Any], expected: list[str]) -> None:
    found = sorted(set(judged(unbounded_throughput, **properties)))
    assert found == sorted(set(expected))
    assert unbounded_throughput.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, [NO_READS, NO_WRITES]),
        ({"WriteOnDemandThroughputSettings": {"MaxWriteRequestUnits": 5}}, [NO_READS]),
        ({"ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": 5}}, [NO_WRITES]),
        (
            {
                "WriteOnDemandThroughputSettings": {"MaxWriteRequestUnits": 5},
                "Replicas": [{"ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": 5}}],
            },
            [],
        ),
    ],
)
def test_a_global_table_on_demand(properties: dict[str, Any], expected: list[str]) -> None:
    assert judged(unbounded_throughput, GLOBAL, **(ON_DEMAND | {"Replicas": [{}]} | properties)) == expected


def test_a_bound_where_the_table_is_on_demand() -> None:
    bounded = {"OnDemandThroughput": either("Prod", BOUNDED["OnDemandThroughput"])}
    assert judged(unbounded_throughput, BillingMode=either("Prod", "PAY_PER_REQUEST"), **bounded) == []
