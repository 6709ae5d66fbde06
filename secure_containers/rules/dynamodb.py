"""Rules about tables of DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from secure_containers.rules.engine import Controls, Observations, Severity, resource_rule
from secure_containers.rules.template import Resource, Value, is_true

_TABLE: Final = "AWS::DynamoDB::Table"
_GLOBAL: Final = "AWS::DynamoDB::GlobalTable"
_OF_AWS: Final = "alias/aws/dynamodb"


@resource_rule(
    "SC-DDB-01",
    types=(_TABLE, _GLOBAL),
    guidelines=("event-driven-pipeline",),
    controls=Controls(
        fsbp=("DynamoDB.2", "DynamoDB.6"),
        nist_800_53_r5=(
            "CA-9(1)",
            "CM-2",
            "CM-2(2)",
            "CM-3",
            "CP-10",
            "CP-6(2)",
            "CP-9",
            "SC-5(2)",
            "SI-12",
            "SI-13(5)",
        ),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/dynamodb-controls.html",
    ),
)
def unrecoverable_table(table: Resource) -> Observations:
    """What is written over or deleted in a table cannot be brought back.

    ## Why
    A job with a mistake overwrites every result in minutes, and a stack is deleted in as many. Without continuous
    backups there is nothing to go back to; without protection against deletion the table goes with the stack, or with
    one call.

    ## Fix
    Set `PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled` and `DeletionProtectionEnabled` to `true`; in a
    global table, in each replica. A table whose contents can be made again is waived by what it lacks, such as
    `SC-DDB-01[PointInTimeRecoveryEnabled]`.

    ## Bad
    ```yaml
    Resources:
      Results:
        Type: AWS::DynamoDB::Table
        Properties:
          KeySchema: [{AttributeName: id, KeyType: HASH}]
          AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
    ```

    ## Good
    ```yaml
    Resources:
      Results:
        Type: AWS::DynamoDB::Table
        Properties:
          KeySchema: [{AttributeName: id, KeyType: HASH}]
          AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
          DeletionProtectionEnabled: true
          PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
    ```
    """
    for holder in _copies(table):
        for path in (
            ("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"),
            ("DeletionProtectionEnabled",),
        ):
            for value in holder.get(*path):
                if not is_true(value.data):
                    yield value.violates(f"{path[-1]} is {value.text or 'not set'}", about=path[-1])


@resource_rule("SC-DDB-02", types=(_TABLE, _GLOBAL), guidelines=("encryption-at-rest",))
def aws_owned_table_encryption(table: Resource) -> Observations:
    """A table is not encrypted with a key of yours.

    ## Why
    With the key that AWS owns, or the AWS managed key `aws/dynamodb`, nobody can restrict, watch or withdraw the key:
    whoever may read the table reads it all.

    ## Fix
    Set `SSESpecification.SSEEnabled` to `true` and `KMSMasterKeyId` to a customer managed key; in a global table, in
    each replica. A parameter for the key needs an `AllowedPattern` that leaves no room for the alias `aws/dynamodb`,
    such as `arn:.+:key/.+`.

    ## Bad
    ```yaml
    Resources:
      Results:
        Type: AWS::DynamoDB::Table
        Properties:
          DeletionProtectionEnabled: true
          PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
          SSESpecification: {SSEEnabled: true}
    ```

    ## Good
    ```yaml
    Resources:
      Results:
        Type: AWS::DynamoDB::Table
        Properties:
          DeletionProtectionEnabled: true
          PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
          SSESpecification: {SSEEnabled: true, KMSMasterKeyId: !GetAtt Key.Arn}
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
    ```
    """
    for enabled in table.get("SSESpecification", "SSEEnabled"):
        if not is_true(enabled.data):
            yield enabled.violates(f"SSEEnabled is {enabled.text or 'not set, so that AWS encrypts with its own key'}")
            return
    for holder in _copies(table):
        for key in holder.get("SSESpecification", "KMSMasterKeyId"):
            if not key.text or key.text.endswith(_OF_AWS) or key.may_be(_OF_AWS):
                yield key.violates(f"KMSMasterKeyId is {key.text or 'not set, so that AWS manages the key'}")


@resource_rule("SC-DDB-03", types=(_TABLE, _GLOBAL), guidelines=("event-driven-pipeline",), severity=Severity.WARNING)
def unbounded_throughput(table: Resource) -> Observations:
    """A table on demand takes any number of requests.

    ## Why
    What is paid by request has no end: a loop, or a function that is invoked a million times, writes until somebody
    looks at the bill.

    ## Fix
    Set `OnDemandThroughput.MaxReadRequestUnits` and `MaxWriteRequestUnits` well above what is usual, and the former on
    each index too, since its reads do not count for the table; in a global table, `WriteOnDemandThroughputSettings` and
    `ReadOnDemandThroughputSettings`. Beyond them DynamoDB throttles, and the SDKs try again.

    ## Bad
    ```yaml
    Resources:
      Results:
        Type: AWS::DynamoDB::Table
        Properties:
          BillingMode: PAY_PER_REQUEST
          DeletionProtectionEnabled: true
          PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
    ```

    ## Good
    ```yaml
    Resources:
      Results:
        Type: AWS::DynamoDB::Table
        Properties:
          BillingMode: PAY_PER_REQUEST
          DeletionProtectionEnabled: true
          PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
          OnDemandThroughput: {MaxReadRequestUnits: 500, MaxWriteRequestUnits: 200}
    ```
    """
    for mode in table.get("BillingMode"):
        if mode.unknown or mode.text == "PAY_PER_REQUEST":
            for name, limits in _limits(table, mode):
                for limit in limits:
                    if limit.absent or limit.text == "-1":
                        yield (mode if mode.unknown else limit).violates(f"{name} is not set", about=name)


def _limits(table: Resource, mode: Value) -> Iterator[tuple[str, list[Value]]]:
    """The bounds of a table that is paid by request, which replicas may have of their own for reading."""
    reads, writes = "MaxReadRequestUnits", "MaxWriteRequestUnits"
    if table.type == _TABLE:
        yield from ((name, mode.beside("OnDemandThroughput", name)) for name in (reads, writes))
        for indexes in mode.beside("GlobalSecondaryIndexes"):
            yield from ((reads, index.get("OnDemandThroughput", reads)) for index in indexes.items())
        return
    yield writes, mode.beside("WriteOnDemandThroughputSettings", writes)
    for limit in mode.beside("ReadOnDemandThroughputSettings", reads):
        own = [value for copy in _copies(table) for value in copy.get("ReadOnDemandThroughputSettings", reads)]
        yield reads, [value for value in own if value.meets(limit)] if limit.absent else [limit]


def _copies(table: Resource) -> list[Value]:
    """A table, or the replicas of a global one."""
    if table.type == _TABLE:
        return table.properties(table.given)
    return [copy for copies in table.get("Replicas") for copy in copies.items()]
