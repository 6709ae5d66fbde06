"""Templates are read as if they were deployed: functions, other stacks, nested ones, and examples of what is not told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aws_cdk import App, CfnParameter, Environment, NestedStack, Stack, assertions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from secure_containers.testing import Allow, assert_allowed, assert_only_allows
from secure_containers.testing.deployment import Deployment
from secure_containers.testing.templates import read
from tests.support import ACCOUNT, REGION, new_app
from tests.testing.samples import JOB, RESULTS, TABLE, allow, att, document, of_role, policy, role

HERE = f"{REGION}:{ACCOUNT}"


def texts(template: Any, *written: str) -> list[str]:
    deployment = Deployment("x", read("x", "template", template), account=ACCOUNT, region=REGION, conditions={})
    return [text for each in written for text in deployment.texts("resources", each)]


@pytest.mark.parametrize(
    ("type_", "ref", "arn"),
    [
        ("AWS::S3::Bucket", "thing", "arn:aws:s3:::thing"),
        ("AWS::DynamoDB::Table", "Thing", f"arn:aws:dynamodb:{HERE}:table/Thing"),
        ("AWS::KMS::Key", "Thing", f"arn:aws:kms:{HERE}:key/Thing"),
        ("AWS::SQS::Queue", f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/Thing", f"arn:aws:sqs:{HERE}:Thing"),
        ("AWS::SNS::Topic", f"arn:aws:sns:{HERE}:Thing", f"arn:aws:sns:{HERE}:Thing"),
        ("AWS::Logs::LogGroup", "Thing", f"arn:aws:logs:{HERE}:log-group:Thing:*"),
        ("AWS::ECR::Repository", "thing", f"arn:aws:ecr:{HERE}:repository/thing"),
        ("AWS::Batch::JobQueue", f"arn:aws:batch:{HERE}:job-queue/Thing", f"arn:aws:batch:{HERE}:job-queue/Thing"),
        (
            "AWS::Batch::JobDefinition",
            f"arn:aws:batch:{HERE}:job-definition/Thing:1",
            f"arn:aws:batch:{HERE}:job-definition/Thing:1",
        ),
        (
            "AWS::Batch::ComputeEnvironment",
            f"arn:aws:batch:{HERE}:compute-environment/Thing",
            f"arn:aws:batch:{HERE}:compute-environment/Thing",
        ),
        (
            "AWS::SecretsManager::Secret",
            f"arn:aws:secretsmanager:{HERE}:secret:Thing-a1b2c3",
            f"arn:aws:secretsmanager:{HERE}:secret:Thing-a1b2c3",
        ),
        ("AWS::SSM::Parameter", "Thing", f"arn:aws:ssm:{HERE}:parameter/Thing"),
        ("AWS::IAM::Role", "Thing", f"arn:aws:iam::{ACCOUNT}:role/Thing"),
        ("AWS::Lambda::Function", "Thing", f"arn:aws:lambda:{HERE}:function:Thing"),
        ("AWS::EFS::FileSystem", "Thing", f"arn:aws:elasticfilesystem:{HERE}:file-system/Thing"),
        ("AWS::EFS::AccessPoint", "Thing", f"arn:aws:elasticfilesystem:{HERE}:access-point/Thing"),
        ("AWS::Events::Rule", "Thing", f"arn:aws:events:{HERE}:rule/Thing"),
        ("AWS::Glue::DataBrewThing", "Thing", f"arn:aws:glue:{HERE}:data-brew-thing/Thing"),
    ],
)
def test_examples(type_: str, ref: str, arn: str) -> None:
    template = {"Resources": {"Thing": {"Type": type_}}}
    assert texts(template, "${Thing}", "${Thing.Arn}") == [ref, arn]


def test_other_attributes() -> None:
    template = {
        "Resources": {
            "T": {"Type": "AWS::SNS::Topic"},
            "D": {"Type": "AWS::DynamoDB::Table"},
            "V": {"Type": "AWS::EC2::VPC"},
            "Q": {"Type": "AWS::SQS::Queue"},
            "C": {"Type": "Custom::Thing"},
        }
    }
    assert texts(template, "${T.TopicArn}", "${T.TopicName}") == [f"arn:aws:sns:{HERE}:T", "T"]
    assert texts(template, "${D.StreamArn}") == [f"arn:aws:dynamodb:{HERE}:table/D/StreamArn"]
    assert texts(template, "${V.VpcId}", "${Q.QueueUrl}") == texts(template, "${V}", "${Q}")
    assert texts(template, "${C.Answer}") == ["C.Answer"]


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_partitions(region: str, partition: str) -> None:
    template = of_role(
        allow("s3:GetObject", {"Fn::Sub": "arn:${AWS::Partition}:s3:::x-${AWS::Region}-${AWS::AccountId}/*"})
    )
    assert_only_allows(
        template,
        "JobRole",
        [Allow("s3:GetObject", f"arn:{partition}:s3:::x-{region}-444455556666/*")],
        account="444455556666",
        region=region,
    )


def test_names_that_are_given() -> None:
    name = {"Fn::Join": ["-", ["results", {"Ref": "AWS::AccountId"}, {"Ref": "Table2A3B4C5D"}]]}
    template = of_role(
        allow("s3:GetObject", att(RESULTS)),
        Resources={RESULTS: {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}},
    )
    assert_only_allows(template, "JobRole", [Allow("s3:GetObject", f"arn:aws:s3:::results-{ACCOUNT}-{TABLE}")])


def test_a_role_that_is_named_has_the_policies_that_name_it() -> None:
    template = of_role(
        allow("s3:GetObject", "*"),
        Resources={JOB: role(RoleName="worker"), "ByName": policy(allow("sqs:SendMessage", "*"), Roles=["worker"])},
    )
    assert_only_allows(template, "JobRole", [Allow(["s3:GetObject", "sqs:SendMessage"], "*")])


@pytest.mark.parametrize(
    "resource",
    [
        att(RESULTS),
        {"Fn::GetAtt": f"{RESULTS}.Arn"},
        {"Fn::Sub": f"${{{RESULTS}.Arn}}"},
        {"Fn::Sub": ["arn:aws:s3:::${Name}", {"Name": {"Ref": RESULTS}}]},
        {"Fn::Join": [":", ["arn", {"Ref": "AWS::Partition"}, "s3", "", "", {"Ref": RESULTS}]]},
        {"Fn::Join": ["", ["arn:aws:s3:::", {"Fn::Select": [5, {"Fn::Split": [":", att(RESULTS)]}]}]]},
        {"Fn::FindInMap": ["Buckets", "results", "arn"]},
        [{"Fn::If": ["Prod", att(RESULTS), att(RESULTS)]}],
    ],
)
def test_functions(resource: Any) -> None:
    template = of_role(
        allow("s3:ListBucket", resource),
        Mappings={"Buckets": {"results": {"arn": f"arn:aws:s3:::{RESULTS.lower()}"}}},
        Parameters={"Stage": {"Type": "String"}},
        Conditions={"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
    )
    assert_only_allows(template, "JobRole", [Allow("s3:ListBucket", "${Results.Arn}")])


def test_words_of_users() -> None:
    template = of_role(Parameters={"Prefix": {"Type": "String"}})
    assert texts(template, "${Prefix}/${AWS::Region}/${!Literal}/${aws:username}/*") == [
        f"Prefix/{REGION}/${{Literal}}/${{aws:username}}/*"
    ]
    assert texts(template, "*", "arn:aws:s3:::b/*") == ["*", "arn:aws:s3:::b/*"]


def test_the_stack_itself() -> None:
    template = of_role(allow("s3:GetObject", [{"Ref": "AWS::StackId"}, {"Fn::Sub": "arn:aws:s3:::${AWS::StackName}"}]))
    assert_only_allows(
        template, "JobRole", [Allow("s3:GetObject", ["${AWS::StackId}", "arn:aws:s3:::${AWS::StackName}"])]
    )


class TestSeveralTemplates:
    EXPORTER: ClassVar[dict[str, Any]] = {
        "Resources": {"Key12345678": {"Type": "AWS::KMS::Key"}},
        "Outputs": {"K": {"Value": att("Key12345678"), "Export": {"Name": "keys:main"}}},
    }

    def test_imports_are_followed(self) -> None:
        for resource in ({"Fn::ImportValue": "keys:main"}, {"Fn::Join": ["", ["", {"Fn::ImportValue": "keys:main"}]]}):
            importer = {"Resources": {JOB: role(), "JobPolicy": policy(allow("kms:Decrypt", resource))}}
            assert_only_allows([self.EXPORTER, importer], "JobRole", [Allow("kms:Decrypt", "${Key.Arn}")])
            with pytest.raises(ValueError, match="resources is 'Key'"):
                assert_only_allows(importer, "JobRole", [Allow("kms:Decrypt", "${Key.Arn}")])

    def test_one_name_in_two_stacks(self) -> None:
        first = of_role(allow("s3:GetObject", att(RESULTS)))
        with pytest.raises(ValueError, match="the template of one stack only, of template 1, template 2"):
            assert_only_allows([first, first], "JobRole", [])

    def test_stacks_of_an_app(self, app: App) -> None:
        env = Environment(account="444455556666", region="us-gov-west-1")
        keys, jobs = Stack(app, "Keys", env=env), Stack(app, "Jobs", env=env)
        role = iam.Role(jobs, "Worker", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        key = kms.Key(keys, "Key")
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]))
        bucket = s3.Bucket(keys, "Bucket")
        role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects("in/*")]))
        assembly = app.synth()
        intended = [Allow("kms:Decrypt", "${Key.Arn}"), Allow("s3:GetObject", "${Bucket.Arn}/in/*")]
        for given in (assembly, assembly.directory, Path(assembly.directory)):
            assert_only_allows(given, "Worker", intended)
        assert_allowed(
            assembly,
            "Worker",
            "kms:Decrypt",
            f"arn:aws-us-gov:kms:us-gov-west-1:444455556666:key/{keys.get_logical_id(key.node.default_child)}",
        )  # type: ignore[arg-type]

    def test_nested_stacks(self, app: App) -> None:
        stack = Stack(app, "Outer")
        key = kms.Key(stack, "Key")
        nested = NestedStack(stack, "Inner")
        CfnParameter(nested, "Own", default="x")
        role = iam.Role(nested, "Worker", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]))
        bucket = s3.Bucket(nested, "Bucket")
        outer = iam.Role(stack, "Reader", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        outer.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects("*")]))
        assembly = app.synth()
        assert_only_allows(assembly, "Worker", [Allow("kms:Decrypt", "${Key.Arn}")])
        assert_only_allows(assembly, "Reader", [Allow("s3:GetObject", "${Bucket.Arn}/*")])

    def test_a_nested_stack_that_is_not_at_hand_may_hold_policies(self) -> None:
        nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://example.com/t.json"}}
        template = of_role(allow("s3:GetObject", "*"), Resources={"Inner": nested})
        with pytest.raises(ValueError, match="not everything can be read"):
            assert_only_allows(template, "JobRole", [Allow("s3:GetObject", "*")])


class TestWhatIsATemplate:
    INTENDED = (Allow("s3:GetObject", "*"),)

    def test_many_things(self, tmp_path: Path, stack: Stack) -> None:
        role = iam.Role(stack, "JobRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))
        made = assertions.Template.from_stack(stack)
        path = tmp_path / "t.json"
        path.write_text(json.dumps(made.to_json()))
        for template in (made, made.to_json(), path, str(path), [path], (made,)):
            assert_only_allows(template, "JobRole", self.INTENDED)

    def test_yaml(self, tmp_path: Path) -> None:
        (tmp_path / "t.yaml").write_text(
            "Resources:\n  JobRole:\n    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n        - PolicyName: p\n"
            "          PolicyDocument:\n            Statement: {Effect: Allow, Action: s3:GetObject, Resource: !Sub '*'}\n"
        )
        assert_only_allows(tmp_path / "t.yaml", "JobRole", self.INTENDED)

    def test_what_is_none(self, tmp_path: Path) -> None:
        app = new_app(tmp_path)
        for wrong, message in (
            (app, "allowed: a parsed template, a template's file, a cloud assembly or its folder"),
            (Stack(app, "S"), "write app.synth() for a whole app, Template.from_stack(stack) for one stack"),
            (None, "template is None"),
            ([], r"template is \[\]"),
            ([1], "template is 1"),
            ({}, "template is no template: template: has no 'Resources'"),
            ({"Resources": {"A": object()}}, "template is no template: Object of type object"),
            (tmp_path / "none.json", "there is no such file"),
        ):
            with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
                assert_only_allows(wrong, "JobRole", [])  # type: ignore[arg-type]

    def test_it_is_not_changed(self) -> None:
        template = of_role(allow("s3:GetObject", "*"), policy_document=document())
        before = json.dumps(template)
        assert_only_allows(template, "JobRole", self.INTENDED, conditions={})
        assert json.dumps(template) == before
