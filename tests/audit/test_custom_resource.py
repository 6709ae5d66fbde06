"""What our custom resources and log groups promise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_containers import Pack, enforce
from secure_containers.custom_resource import default_security_group_closed, prefix_lists
from secure_containers.logs import allow_logs, encrypted_log_group
from secure_containers.waivers import as_found
from tests.support import ACCOUNT, CONTEXT, REGION, concrete, of_type, only, open_ids, synthesized

CODE = Path(__file__).parents[2] / "secure_containers" / "custom_resources"


@pytest.fixture
def key(stack: Stack) -> kms.Key:
    return kms.Key(stack, "Key", enable_key_rotation=True)


def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    """What the role of the network's function may do."""
    return [
        each
        for policy in of_type(template, "AWS::IAM::ManagedPolicy").values()
        for each in concrete(policy["Properties"]["PolicyDocument"])["Statement"]
    ]


class TestLogGroups:
    def test_a_group_is_encrypted_bounded_and_kept(self, app: App, stack: Stack, key: kms.Key) -> None:
        encrypted_log_group(stack, "Logs", key=key, retention=logs.RetentionDays.THREE_MONTHS)
        group = only(synthesized(app)["Test"], "AWS::Logs::LogGroup")
        assert group["Properties"]["RetentionInDays"] == 90
        assert group["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [stack.get_logical_id(key.node.default_child), "Arn"]}
        assert group["DeletionPolicy"] == "Retain"

    def test_a_group_may_go_with_its_stack(self, app: App, stack: Stack, key: kms.Key) -> None:
        encrypted_log_group(
            stack, "Logs", key=key, retention=logs.RetentionDays.ONE_DAY, removal_policy=RemovalPolicy.DESTROY
        )
        assert only(synthesized(app)["Test"], "AWS::Logs::LogGroup")["DeletionPolicy"] == "Delete"

    @pytest.mark.parametrize("region", [None, REGION, "us-gov-west-1", "cn-north-1"])
    def test_logs_may_use_the_key_once_however_many_groups_there_are(self, app: App, region: str | None) -> None:
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region=region) if region else None)
        key = kms.Key(stack, "Key", enable_key_rotation=True)
        for name in ("One", "Two"):
            encrypted_log_group(stack, name, key=key, retention=logs.RetentionDays.ONE_DAY)
        allow_logs(key, stack)
        policy = only(synthesized(app)["Test"], "AWS::KMS::Key")["Properties"]["KeyPolicy"]
        _, allowed = policy["Statement"]
        text = json.dumps(allowed)
        assert allowed["Principal"]["Service"]["Fn::Join"][1][-1] == {"Ref": "AWS::URLSuffix"}
        assert f"logs.{region}." in text or '"logs.", {"Ref": "AWS::Region"}' in text
        assert list(allowed["Condition"]["ArnLike"]) == ["kms:EncryptionContext:aws:logs:arn"]
        assert "arn:aws:" not in text or region == REGION

    def test_an_imported_key_is_left_as_it_is(self, app: App, stack: Stack) -> None:
        key = kms.Key.from_key_arn(stack, "Imported", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1")
        encrypted_log_group(stack, "Logs", key=key, retention=logs.RetentionDays.ONE_DAY)
        assert not of_type(synthesized(app)["Test"], "AWS::KMS::Key")


class TestFunction:
    def test_one_function_serves_a_stack(self, app: App, stack: Stack, key: kms.Key) -> None:
        for name in ("One", "Two"):
            default_security_group_closed(stack, name, vpc_id=f"vpc-{name}", key=key)
        prefix_lists(stack, "Lists", key=key)
        template = synthesized(app)["Test"]
        function = only(template, "AWS::Lambda::Function")["Properties"]
        assert function["Runtime"] == "python3.14"
        assert function["Architectures"] == ["arm64"]
        assert function["Handler"] == "answer.handler"
        assert function["Environment"] == {"Variables": {"JOB": "network"}}
        assert only(template, "AWS::Lambda::EventInvokeConfig")["Properties"]["MaximumRetryAttempts"] == 0

    def test_cloudformation_waits_a_little_longer_than_the_function_may_take(
        self, app: App, stack: Stack, key: kms.Key
    ) -> None:
        prefix_lists(stack, "Lists", key=key)
        template = synthesized(app)["Test"]
        timeout = only(template, "AWS::Lambda::Function")["Properties"]["Timeout"]
        assert timeout < int(only(template, "Custom::PrefixLists")["Properties"]["ServiceTimeout"]) < 900

    def test_a_resource_waits_for_the_permissions_that_it_needs(self, app: App, stack: Stack, key: kms.Key) -> None:
        default_security_group_closed(stack, "Closed", vpc_id="vpc-1", key=key)
        template = synthesized(app)["Test"]
        waits = only(template, "Custom::ClosedDefaultSecurityGroup")["DependsOn"]
        assert set(waits) == set(of_type(template, "AWS::IAM::ManagedPolicy"))

    def test_it_may_only_take_rules_out_of_groups_of_this_vpc(self, app: App, stack: Stack, key: kms.Key) -> None:
        default_security_group_closed(stack, "Closed", vpc_id="vpc-1", key=key)
        found = statements(synthesized(app)["Test"])
        (changes,) = (each for each in found if "ec2:RevokeSecurityGroupIngress" in each["Action"])
        assert changes == {
            "Effect": "Allow",
            "Action": ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
            "Resource": f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/*",
            "Condition": {"ArnEquals": {"ec2:Vpc": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-1"}},
        }
        others = {action for each in found if each is not changes for action in each["Action"]}
        assert others == {
            "ec2:DescribeManagedPrefixLists",
            "ec2:DescribeSecurityGroups",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        }

    def test_prefix_lists_are_attributes(self, app: App, stack: Stack, key: kms.Key) -> None:
        found = prefix_lists(stack, "Lists", key=key)
        ec2.CfnSecurityGroup(
            stack,
            "Group",
            group_description="To S3 only",
            vpc_id="vpc-1",
            security_group_egress=[
                {
                    "ipProtocol": "tcp",
                    "fromPort": 443,
                    "toPort": 443,
                    "destinationPrefixListId": found.get_att_string("s3"),
                }
            ],
        )
        group = only(synthesized(app)["Test"], "AWS::EC2::SecurityGroup")["Properties"]
        assert group["SecurityGroupEgress"][0]["DestinationPrefixListId"] == {"Fn::GetAtt": ["Lists", "s3"]}

    def test_the_code_imports_nothing_but_the_standard_library(self, app: App, stack: Stack, key: kms.Key) -> None:
        prefix_lists(stack, "Lists", key=key)
        assembly = app.synth()
        (asset,) = (each for each in Path(assembly.directory).glob("asset.*") if each.is_dir())
        assert {each.name for each in asset.iterdir()} == {each.name for each in CODE.glob("*.py")} - {"__init__.py"}
        program = f"import sys; sys.path[:0] = [{str(asset)!r}]; import answer, inspector, log_groups, network, service_linked_role"
        subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=60)

    @pytest.mark.parametrize("region", [None, REGION, "us-gov-west-1", "cn-north-1"])
    def test_nothing_is_found_that_is_not_waived(self, tmp_path: Path, region: str | None) -> None:
        app = App(context=CONTEXT, outdir=str(tmp_path / "cdk.out"))
        enforce(app, packs=[Pack.NIST_800_53_R5])
        stack = Stack(app, "Test", env=Environment(account=ACCOUNT, region=region) if region else None)
        key = kms.Key(stack, "Key", enable_key_rotation=True)
        prefix_lists(stack, "Lists", key=key)
        default_security_group_closed(stack, "Closed", vpc_id="vpc-1", key=key)
        app.synth()
        assert open_ids(app) == set()

    def test_an_id_that_is_taken_is_told(self, stack: Stack, key: kms.Key) -> None:
        Construct(stack, "NetworkSettings")
        with pytest.raises(
            ValueError, match="Test/NetworkSettings: id is 'NetworkSettings'; allowed: an id that is not"
        ):
            prefix_lists(stack, "Lists", key=key)

    def test_findings_are_named_as_cdk_nag_names_them(self, stack: Stack) -> None:
        text = stack.format_arn(service="ec2", resource="vpc", resource_name="*")
        assert as_found(stack, text) == "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:vpc/*"
        assert as_found(stack, "plain") == "plain"
