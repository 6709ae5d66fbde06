"""`assert_replacement_safe` tells what an update would lose, and where it would get stuck."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2

from secure_containers.testing import assert_replacement_safe
from tests.support import new_app

KEEP = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
EMPTY = {"Resources": {"Other": {"Type": "AWS::SNS::Subscription"}}}


def of(type_: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"Resources": {"Thing": {"Type": type_, "Properties": properties or {}, **more}}}


def refuses(message: str, before: Any, after: Any, **options: Any) -> str:
    with pytest.raises(AssertionError, match=re.escape(message)) as caught:
        assert_replacement_safe(before, after, **options)
    return str(caught.value)


HOLDERS = [
    "AWS::Batch::JobQueue",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
]


class TestRemoval:
    @pytest.mark.parametrize("type_", HOLDERS)
    def test_of_what_holds_data(self, type_: str) -> None:
        assert_replacement_safe(of(type_), of(type_))
        message = refuses("Thing: it is removed, and ", of(type_), EMPTY)
        assert 'allowed=["Thing"]' in message
        assert "DeletionPolicy: Retain" in message

    def test_is_safe_where_it_is_kept(self) -> None:
        assert_replacement_safe(of("AWS::S3::Bucket", **KEEP), EMPTY)
        assert_replacement_safe(of("AWS::RDS::DBInstance", DeletionPolicy="Snapshot"), EMPTY)
        refuses("it is removed", of("AWS::S3::Bucket", DeletionPolicy="Delete"), EMPTY)

    def test_what_counts_is_the_policy_that_is_deployed(self) -> None:
        either = {"Fn::If": ["Prod", "Retain", "Delete"]}
        conditions = {"Conditions": {"Prod": {"Fn::Equals": [{"Ref": "AWS::Region"}, "x"]}}}
        refuses("it is removed", {**conditions, **of("AWS::S3::Bucket", DeletionPolicy=either)}, EMPTY)

    def test_of_what_holds_none(self) -> None:
        assert_replacement_safe(of("AWS::IAM::Role"), EMPTY)
        assert_replacement_safe(EMPTY, of("AWS::S3::Bucket"))

    def test_of_a_whole_stack(self) -> None:
        refuses("Thing: it is removed", [EMPTY, of("AWS::S3::Bucket")], [EMPTY])


class TestAnotherType:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("AWS::ECS::Service", "AWS::ECS::ExpressGatewayService"),
            ("AWS::ECS::ExpressGatewayService", "AWS::AppRunner::Service"),
            ("AWS::IAM::Role", "AWS::IAM::User"),
            ("AWS::S3::Bucket", "AWS::IAM::Role"),
            ("Custom::Old", "Custom::New"),
            ("Custom::Thing", "AWS::CloudFormation::CustomResource"),
        ],
    )
    def test_is_refused_by_cloudformation_whatever_it_holds(self, before: str, after: str) -> None:
        told = refuses(f"Thing: its type {before} becomes {after}: ", of(before), of(after))
        assert f"give the {after} another logical id" in told
        refuses(f"its type {before} becomes", of(before, **KEEP), of(after, **KEEP))
        assert_replacement_safe(of(before), of(after), allowed=["Thing"])

    def test_under_another_logical_id_is_a_new_resource(self) -> None:
        other = {"Resources": {"Other": {"Type": "AWS::AppRunner::Service", "Properties": {}}}}
        assert_replacement_safe(of("AWS::ECS::Service"), other)


class TestReplacement:
    @pytest.mark.parametrize(
        ("type_", "before", "after", "at"),
        [
            ("AWS::S3::Bucket", {}, {"BucketName": "b"}, "BucketName"),
            ("AWS::DynamoDB::Table", {"KeySchema": [1]}, {"KeySchema": [2]}, "KeySchema"),
            (
                "AWS::ECR::Repository",
                {},
                {"EncryptionConfiguration": {"EncryptionType": "KMS"}},
                "EncryptionConfiguration",
            ),
            ("AWS::EFS::FileSystem", {"Encrypted": True}, {"Encrypted": False}, "Encrypted"),
            ("AWS::Logs::LogGroup", {"LogGroupName": "a"}, {"LogGroupName": "b"}, "LogGroupName"),
            ("AWS::SNS::Topic", {}, {"FifoTopic": True}, "FifoTopic"),
            ("AWS::SQS::Queue", {"QueueName": "a"}, {}, "QueueName"),
            ("AWS::Batch::JobQueue", {"JobQueueName": "a"}, {"JobQueueName": "b"}, "JobQueueName"),
            ("AWS::Batch::JobQueue", {"Tags": {"a": "b"}}, {"Tags": {"a": "c"}}, "Tags"),
            ("AWS::RDS::DBInstance", {"StorageEncrypted": False}, {"StorageEncrypted": True}, "StorageEncrypted"),
        ],
    )
    def test_leaves_data_behind(self, type_: str, before: Any, after: Any, at: str) -> None:
        message = refuses(f"Thing.{at}", of(type_, before), of(type_, after))
        assert f"CloudFormation replaces the {type_}: the new one starts without" in message
        assert "and the old one is deleted" in message
        kept = refuses(f"Thing.{at}", of(type_, before, **KEEP), of(type_, after, **KEEP))
        assert "and the old one is kept, but not in use" in kept
        assert_replacement_safe(of(type_, before), of(type_, after), allowed=["Thing"])

    @pytest.mark.parametrize(
        ("type_", "before", "after"),
        [
            ("AWS::S3::Bucket", {"BucketName": "b"}, {"BucketName": "b", "Tags": [{"Key": "a", "Value": "b"}]}),
            ("AWS::SQS::Queue", {}, {"VisibilityTimeout": 60}),
            ("AWS::KMS::Key", {}, {"EnableKeyRotation": True}),
            ("AWS::Batch::JobQueue", {"Priority": 1}, {"Priority": 2}),
            ("AWS::IAM::Role", {"Path": "/a/"}, {"Path": "/b/"}),
            ("AWS::Nothing::ThatExists", {"Name": "a"}, {"Name": "b"}),
        ],
    )
    def test_other_updates_are_safe(self, type_: str, before: Any, after: Any) -> None:
        assert_replacement_safe(of(type_, before), of(type_, after))

    def test_follows_from_that_of_another(self) -> None:
        def stack(path: str) -> dict[str, Any]:
            resources = {
                "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": path}},
                "Zone": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Fn::Sub": "${Vpc}"}}},
                "Data": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBSubnetGroupName": {"Ref": "Group"}}},
                "Group": {
                    "Type": "AWS::RDS::DBSubnetGroup",
                    "Properties": {"DBSubnetGroupName": {"Fn::GetAtt": ["Zone", "VpcId"]}},
                },
            }
            return {"Resources": resources}

        assert_replacement_safe(stack("10.0.0.0/16"), stack("10.0.0.0/16"))
        refuses("Data.DBSubnetGroupName", stack("10.0.0.0/16"), stack("10.1.0.0/16"))

    def test_elements_of_lists(self) -> None:
        def snapshot(key: str) -> dict[str, Any]:
            tags = [{"Key": "a", "Value": "b"}, {"Key": key, "Value": "b"}]
            return of("AWS::RedshiftServerless::Snapshot", {"SnapshotName": "s", "Tags": tags})

        assert_replacement_safe(snapshot("a"), snapshot("a"))
        refuses("Tags.*.Key: CloudFormation has to replace", snapshot("b"), snapshot("c"))


class TestNames:
    @pytest.mark.parametrize(
        ("type_", "name", "changes"),
        [
            ("AWS::IAM::Role", {"RoleName": "r"}, [{"Path": "/a/"}, {"Path": "/b/"}]),
            ("AWS::EC2::SecurityGroup", {"GroupName": "g"}, [{"GroupDescription": "a"}, {"GroupDescription": "b"}]),
            ("AWS::IAM::InstanceProfile", {"InstanceProfileName": "p"}, [{"Path": "/a/"}, {"Path": "/b/"}]),
            (
                "AWS::Batch::ComputeEnvironment",
                {"ComputeEnvironmentName": "c"},
                [{"Type": "MANAGED"}, {"Type": "UNMANAGED"}],
            ),
        ],
    )
    def test_are_taken(self, type_: str, name: dict[str, str], changes: list[dict[str, str]]) -> None:
        before, after = ({**name, **change} for change in changes)
        (key,) = name
        message = refuses(
            f"Thing.{next(iter(changes[0]))}: CloudFormation has to replace the {type_} and cannot",
            of(type_, before),
            of(type_, after),
        )
        assert f"leave {key} out, or change it in the same update" in message
        assert_replacement_safe(of(type_, before), of(type_, {**after, key: "another"}))
        assert_replacement_safe(of(type_, changes[0]), of(type_, changes[1]))

    def test_made_of_a_replaced_resource_are_not_fixed(self) -> None:
        def stack(group: str) -> dict[str, Any]:
            return {
                "Resources": {
                    "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": group}},
                    "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": {"Ref": "Group"}}},
                }
            }

        assert_replacement_safe(stack("a"), stack("b"))


def environment(
    *, kind: str = "EC2", strategy: str | None = "BEST_FIT_PROGRESSIVE", types: str = "m7g", **more: Any
) -> dict[str, Any]:
    resources = {"Type": kind, "InstanceTypes": [types], "MaxvCpus": 4}
    if strategy:
        resources["AllocationStrategy"] = strategy
    properties = {"Type": "MANAGED", "ComputeEnvironmentName": "fixed", "ComputeResources": resources, **more}
    return of("AWS::Batch::ComputeEnvironment", properties)


class TestComputeEnvironments:
    KEEPS = {"ReplaceComputeEnvironment": False}  # noqa: RUF012

    def test_are_replaced_unless_told_otherwise(self) -> None:
        refuses(
            "Thing.ComputeResources.InstanceTypes: CloudFormation has to replace",
            environment(),
            environment(types="m8g"),
        )
        refuses("has to replace", environment(), environment(types="m8g", ReplaceComputeEnvironment=True))
        assert_replacement_safe(environment(**self.KEEPS), environment(types="m8g", **self.KEEPS))

    def test_some_properties_replace_them_all_the_same(self) -> None:
        tags = {"Tags": {"a": "b"}}
        refuses(
            "Thing.Tags: CloudFormation has to replace", environment(**self.KEEPS), environment(**self.KEEPS, **tags)
        )

    def test_of_fargate_are_changed_in_place(self) -> None:
        assert_replacement_safe(
            environment(kind="FARGATE", strategy=None), environment(kind="FARGATE", strategy=None, types="x")
        )

    def test_between_fargate_and_instances_nothing_is_changed_in_place(self) -> None:
        on_fargate, on_instances = (environment(kind=kind, strategy=None, **self.KEEPS) for kind in ("FARGATE", "EC2"))
        refuses("makes no instances of Fargate nor Fargate of instances", on_fargate, on_instances)
        refuses("makes no instances of Fargate nor Fargate of instances", on_instances, on_fargate)

    def test_best_fit_cannot_be_changed_in_place(self) -> None:
        for strategy in ("BEST_FIT", None):
            before = environment(strategy=strategy, **self.KEEPS)
            refuses(
                "with the allocation strategy BEST_FIT",
                before,
                environment(strategy=strategy, types="m8g", **self.KEEPS),
            )

    def test_turn_to_changes_in_place_alone(self) -> None:
        assert_replacement_safe(environment(), environment(**self.KEEPS))
        refuses(
            "Thing.ReplaceComputeEnvironment, State: ReplaceComputeEnvironment turns to false together",
            environment(),
            environment(State="DISABLED", **self.KEEPS),
        )


class TestPairs:
    def stacks(self, directory: Path, *, key: str, table: str = "Table") -> str:
        app = new_app(directory)
        outer = Stack(app, "Outer")
        attribute = dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING)
        dynamodb.Table(outer, "Own", partition_key=dynamodb.Attribute(name="a", type=dynamodb.AttributeType.STRING))
        dynamodb.Table(
            NestedStack(outer, "Inner"), table, partition_key=attribute, removal_policy=RemovalPolicy.DESTROY
        )
        Stack(app, "Empty")
        return app.synth().directory

    def test_nested_stacks_and_several_stacks(self, tmp_path: Path) -> None:
        before = self.stacks(tmp_path / "1", key="a")
        assert_replacement_safe(before, self.stacks(tmp_path / "2", key="a"))
        refuses("KeySchema", before, self.stacks(tmp_path / "3", key="b"))
        refuses("it is removed, and its items with it", before, self.stacks(tmp_path / "4", key="a", table="Other"))

    def test_of_a_construct(self, tmp_path: Path) -> None:
        def queue(directory: str, name: str | None) -> Any:
            stack = Stack(new_app(tmp_path / directory), "S")
            network = ec2.Vpc(stack, "Vpc", max_azs=1)
            places = [batch.FargateComputeEnvironment(stack, "Fargate", vpc=network)]
            batch.JobQueue(
                stack,
                "Queue",
                job_queue_name=name,
                compute_environments=[
                    batch.OrderedComputeEnvironment(compute_environment=each, order=1) for each in places
                ],
            )
            return stack.node.root.synth()  # type: ignore[attr-defined]

        assert_replacement_safe(queue("1", None), queue("2", None))
        refuses("the new one starts without its waiting jobs", queue("3", "a"), queue("4", "b"))


def test_wrong_arguments() -> None:
    template = of("AWS::S3::Bucket")
    with pytest.raises(ValueError, match=r"before is 1; allowed: a parsed template"):
        assert_replacement_safe(1, template)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="after is 1"):
        assert_replacement_safe(template, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="allowed is 'Thing'; allowed: a list of logical ids"):
        assert_replacement_safe(template, template, allowed="Thing")
    with pytest.raises(
        ValueError, match="allowed is 'Thin'; allowed: a logical id of the templates; write one of Thing"
    ):
        assert_replacement_safe(template, template, allowed=["Thin"])
