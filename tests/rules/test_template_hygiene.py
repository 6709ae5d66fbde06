"""The rules that hold for every resource."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_containers.rules import Rule, Template, evaluate
from secure_containers.rules.template_hygiene import (
    cycles,
    embedded_credentials,
    hard_coded_account,
    hard_coded_partition,
    invalid_waiver,
    reference_cycle,
    replacement_blocking_name,
    sensitive_data,
    unreadable_template_part,
)
from tests.rules.support import ACCOUNT, FOREIGN, NO_VALUE, att, either, join, ref, said, sub, template

MAIL, KEY = "maria.lopez@example.com", "AKIAIOSFODNN7EXAMPLE"


def judged(rule: Rule, properties: dict[str, Any], type_: str = "AWS::Batch::JobDefinition", **known: Any) -> list[str]:
    return said(rule, template({"It": {"Type": type_, "Properties": properties}}, **known))


def tagged(value: Any) -> dict[str, Any]:
    return {"Tags": [{"Key": "note", "Value": value}]}


class TestSensitiveData:
    @pytest.mark.parametrize(
        "text",
        [
            *(MAIL, f"ask {MAIL}.", f"<{MAIL}>", f"mailto:{MAIL}", "a+b@sub.example.co.uk"),
            *("078-05-1120", "SSN: 078-05-1120."),
            *("password=hunter2", "Password: hunter2", "my api_key = 12345", "token:abc", "secret: x"),
            *(
                "4111111111111111",
                "4111 1111 1111 1111",
                "card 4111-1111-1111-1111!",
                "378282246310005",
                "30569309025904",
                "5555555555554444",
            ),
            *("2223003122003222", "6011111111111117", "6304000000000000", "6000000000000000004", "4222222222222"),
            *(KEY, "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN PGP PRIVATE KEY BLOCK-----"),
            *(
                sub(f"for ${{AWS::Region}}: {MAIL}"),
                join("maria.lopez", "@", "example.com"),
                either("Prod", MAIL, "team-a"),
            ),
            *(join("a ", either("Prod", MAIL, "x")), sub("${Who}", Who=MAIL), {"Fn::Base64": MAIL}),
        ],
    )
    def test_in_tags_and_descriptions(self, text: Any) -> None:
        assert judged(sensitive_data, tagged(text)) == ["SC-TXT-01"]
        assert judged(sensitive_data, {"Tags": {"note": text}}) == ["SC-TXT-01"]
        assert judged(sensitive_data, {"Description": text}, "AWS::IAM::Role") == ["SC-TXT-01"]
        assert judged(sensitive_data, {"Description": either("Prod", text)}, "AWS::IAM::Role") == ["SC-TXT-01"]

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "team-payments",
                "owner@",
                "@example.com",
                "app@sha256:0123",
                "lodash@4.17.21",
                "git@github.com:acme/app.git",
                "a @ b.com",
            ),
            *(
                "111122223333",
                "123-456-7890",
                "1-078-05-1120",
                "2026-11-22",
                "20240131120000",
                "1700000000000",
                "4111111111111112",
                "0000000000000000",
            ),
            *(
                "3141592653589793",
                "arn:aws:secretsmanager:eu-central-1:111122223333:secret:db",
                "no secrets here",
                "rotates tokens",
                "/app/token",
            ),
            *(
                ref("Owner"),
                att("It", "maria.lopez@example.com"),
                sub("${AWS::Region}"),
                "AKIDNOTAKEY",
                "v" + "4111111111111111",
                "",
            ),
            "4111111111111111" * 2,
        ],
    )
    def test_nothing_to_hide(self, text: Any) -> None:
        assert judged(sensitive_data, tagged(text)) == []

    @pytest.mark.parametrize(
        ("type_", "properties"),
        [
            ("AWS::IAM::User", {"UserName": MAIL}),
            ("AWS::SNS::Topic", {"DisplayName": MAIL}),
            ("AWS::SNS::Topic", {"TopicName": MAIL}),
            ("AWS::CloudWatch::Alarm", {"AlarmDescription": f"call {MAIL}"}),
            ("AWS::EFS::FileSystem", {"FileSystemTags": [{"Key": "owner", "Value": MAIL}]}),
            (
                "AWS::EC2::LaunchTemplate",
                {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "o", "Value": MAIL}]}]},
            ),
            ("AWS::Events::Rule", {"Name": MAIL}),
            ("AWS::S3::Bucket", {"Tags": [{"Key": MAIL, "Value": "owner"}]}),
        ],
    )
    def test_where_it_is_looked_for(self, type_: str, properties: dict[str, Any]) -> None:
        assert judged(sensitive_data, properties, type_) == ["SC-TXT-01"]

    @pytest.mark.parametrize(
        ("type_", "properties"),
        [
            ("AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": MAIL}),
            ("AWS::SNS::Topic", {"Subscription": [{"Protocol": "email", "Endpoint": MAIL}]}),
            ("AWS::SES::EmailIdentity", {"EmailIdentity": MAIL}),
            ("AWS::Budgets::Budget", {"NotificationsWithSubscribers": [{"Subscribers": [{"Address": MAIL}]}]}),
            ("AWS::SecretsManager::Secret", {"GenerateSecretString": {"SecretStringTemplate": '{"username": "a"}'}}),
        ],
    )
    def test_where_addresses_belong(self, type_: str, properties: dict[str, Any]) -> None:
        assert judged(sensitive_data, properties, type_) == []

    def test_the_templates_own_description(self) -> None:
        (finding,) = evaluate([template({}, Description=f"by {MAIL}")], [sensitive_data]).findings
        assert (finding.resource, finding.location) == (None, "Description")
        assert said(sensitive_data, template({}, Description={"not": "a text"})) == []

    def test_the_place_is_told(self) -> None:
        (finding,) = evaluate(
            [template({"It": {"Type": "T", "Properties": tagged(join(MAIL, "!"))}})], [sensitive_data]
        ).findings
        assert (finding.location, finding.message) == ("Properties.Tags.0.Value", "the text holds an e-mail address")

    def test_the_search_is_linear(self) -> None:
        assert judged(sensitive_data, tagged("a" * 2_000_000)) == []
        assert judged(sensitive_data, tagged("a@" + "a." * 20_000 + "1")) == []
        assert judged(sensitive_data, tagged("1 " * 50_000)) == []

    @given(st.lists(st.integers(0, 9), min_size=15, max_size=15))
    def test_every_card_number_is_one(self, digits: list[int]) -> None:
        doubled = [
            digit if index % 2 else (digit * 2 - 9 if digit > 4 else digit * 2)
            for index, digit in enumerate(reversed([4, *digits[1:]]))
        ]
        number = "".join(map(str, [4, *digits[1:], -sum(doubled) % 10]))
        assert judged(sensitive_data, tagged(number)) == ["SC-TXT-01"]


class TestEmbeddedCredentials:
    @pytest.mark.parametrize(
        "entry",
        [
            {"Properties": {"ContainerProperties": {"Environment": [{"Name": "ID", "Value": KEY}]}}},
            {"Properties": {"UserData": {"Fn::Base64": sub(f"export KEY={KEY} ${{AWS::Region}}")}}},
            {"Properties": {"UserData": join("#!/bin/sh\nKEY=", KEY, "\n")}},
            {"Properties": {"DefinitionString": json.dumps({"States": {"A": {"Parameters": {"Key": KEY}}}})}},
            {"Properties": {"Key": "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"}},
            {"Properties": {"Key": "-----BEGIN OPENSSH PRIVATE KEY-----"}},
            {"Metadata": {"AWS::CloudFormation::Init": {"config": {"files": {"/etc/key": {"content": KEY}}}}}},
            {"Properties": {"Id": "ASIAIOSFODNN7EXAMPLE"}},
        ],
    )
    def test_in_resources(self, entry: dict[str, Any]) -> None:
        assert said(embedded_credentials, template({"It": {"Type": "T", **entry}})) == ["SC-TXT-02"]

    @pytest.mark.parametrize(
        ("section", "content"),
        [
            ("Parameters", {"Key": {"Type": "String", "Default": KEY}}),
            ("Mappings", {"Keys": {"dev": {"Id": KEY}}}),
            ("Outputs", {"Key": {"Value": KEY}}),
            ("Metadata", {"note": KEY}),
        ],
    )
    def test_in_other_sections(self, section: str, content: Any) -> None:
        (finding,) = evaluate([template({}, **{section: content})], [embedded_credentials]).findings
        assert finding.location.startswith(f"{section}.")

    @pytest.mark.parametrize(
        "text",
        [
            "AKIA",
            KEY.lower(),
            f"X{KEY}",
            f"{KEY}X",
            "AKIAIOSFODNN7EXAMPL1",
            "PUBLIC KEY",
            "{{resolve:secretsmanager:db}}",
        ],
    )
    def test_what_only_looks_like_one(self, text: str) -> None:
        assert judged(embedded_credentials, {"Value": text}) == []


class TestPartitions:
    @pytest.mark.parametrize(
        "text",
        [
            *(
                "arn:aws:ecr:eu-central-1:111122223333:repository/app",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
                "see arn:aws:s3:::bucket",
            ),
            *(
                sub("arn:aws:ecr:${AWS::Region}:${AWS::AccountId}:repository/app"),
                join("arn:aws:s3:::", ref("It")),
                join("arn:", "aws", ":s3:::x"),
            ),
            *(
                "{{resolve:secretsmanager:arn:aws:secretsmanager:eu-central-1:111122223333:secret:db}}",
                either("Prod", "arn:aws:s3:::x", "y"),
            ),
            *(
                "https://s3.amazonaws.com/bucket/file",
                "111122223333.dkr.ecr.eu-central-1.amazonaws.com/app",
                "abc.execute-api.eu-central-1.amazonaws.com",
            ),
            *(
                "111122223333.dkr.ecr.eu-central-1.amazonaws.com",
                "bucket.s3.eu-central-1.amazonaws.com",
                "bucket.s3.amazonaws.com",
            ),
            *(
                sub("${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app"),
                join(ref("It"), ".s3.amazonaws.com"),
                "x.amazonaws.com.cn/y",
            ),
            json.dumps({"Resource": "arn:aws:states:::ecs:runTask.sync"}),
        ],
    )
    def test_bound_to_one(self, text: Any) -> None:
        assert judged(hard_coded_partition, {"Value": text}) == ["SC-PRT-01"]

    @pytest.mark.parametrize(
        "properties",
        [
            {"Value": sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/app")},
            {"Value": join("arn:", ref("AWS::Partition"), ":iam::aws:policy/ReadOnlyAccess")},
            {"Value": sub("https://s3.${AWS::Region}.${AWS::URLSuffix}/x")},
            {"Value": "ecs-tasks.amazonaws.com"},
            {"Value": ["s3.amazonaws.com", "delivery.logs.amazonaws.com"]},
            {"EventPattern": {"detail": {"eventSource": ["ecr.amazonaws.com"]}}},
            {"FilterPattern": "{ ($.eventSource = kms.amazonaws.com) && ($.eventName = DisableKey) }"},
            {"Policy": {"Principal": {"Service": sub("logs.${AWS::Region}.amazonaws.com")}}},
            {"Policy": {"Principal": {"Service": join("logs.", ref("AWS::Region"), ".amazonaws.com")}}},
            {
                "Policy": {
                    "Condition": {
                        "StringEquals": {"kms:ViaService": join("ecr.", ref("AWS::Region"), ".amazonaws.com")}
                    }
                }
            },
            {
                "Policy": json.dumps(
                    {"Statement": [{"Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents"}]}
                )
            },
            {
                "Policy": join(
                    '{"Statement":[{"Principal":{"Service":"es.amazonaws.com"},"Resource":"', att("It"), '"}]}'
                )
            },
            {
                "RoleARN": sub(
                    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
                )
            },
            {"Value": "https://docs.aws.amazon.com/x"},
            {"Value": "amazonaws.com.example.org"},
            {"Value": "barn:aws:x"},
        ],
    )
    def test_free(self, properties: dict[str, Any]) -> None:
        assert judged(hard_coded_partition, properties) == []

    @pytest.mark.parametrize(
        ("region", "text", "bad"),
        [
            ("eu-central-1", "arn:aws:s3:::x", False),
            ("eu-central-1", "https://s3.amazonaws.com/x", False),
            ("eu-central-1", "arn:aws-cn:s3:::x", True),
            ("eu-central-1", "https://s3.cn-north-1.amazonaws.com.cn/x", True),
            ("us-gov-west-1", "arn:aws-us-gov:s3:::x", False),
            ("us-gov-west-1", "arn:aws:s3:::x", True),
            ("us-gov-west-1", "https://s3.amazonaws.com/x", False),
            ("cn-north-1", "arn:aws-cn:s3:::x", False),
            ("cn-north-1", "arn:aws:s3:::x", True),
            ("cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn/x", False),
            ("cn-north-1", "https://s3.amazonaws.com/x", True),
            ("eusc-de-east-1", "arn:aws-eusc:s3:::x", False),
            ("eusc-de-east-1", "arn:aws:s3:::x", True),
            ("eusc-de-east-1", "https://s3.eusc-de-east-1.amazonaws.eu/x", False),
        ],
    )
    def test_a_known_region_may_have_its_own(self, region: str, text: str, bad: bool) -> None:
        assert judged(hard_coded_partition, {"Value": text}, region=region) == ["SC-PRT-01"] * bad


class TestAccounts:
    @pytest.mark.parametrize(
        "text",
        [
            *(
                f"arn:aws:ecr:eu-central-1:{FOREIGN}:repository/app",
                f"arn:aws:iam::{FOREIGN}:role/app",
                f"{FOREIGN}.dkr.ecr.eu-central-1.amazonaws.com/app",
            ),
            *(
                sub(f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:{FOREIGN}:repository/app"),
                f"https://{FOREIGN}.dkr.ecr.x.amazonaws.com/app",
            ),
            *(
                join("arn:", ref("AWS::Partition"), f":iam::{FOREIGN}:role/app"),
                join(FOREIGN, ".dkr.ecr.", ref("AWS::Region"), ".x/app"),
            ),
            either("Prod", f"arn:aws:iam::{FOREIGN}:role/app", "x"),
        ],
    )
    def test_written_out(self, text: Any) -> None:
        assert judged(hard_coded_account, {"Value": text}) == ["SC-PRT-02"]
        assert judged(hard_coded_account, {"Value": text}, account=ACCOUNT) == ["SC-PRT-02"]
        assert judged(hard_coded_account, {"Value": text}, account=FOREIGN) == []
        assert judged(hard_coded_account, {"Policy": {"Principal": {"AWS": text}}}) == []
        assert judged(hard_coded_account, {"Policy": {"Condition": {"ArnLike": {"aws:SourceArn": text}}}}) == []

    @pytest.mark.parametrize(
        "text",
        [
            *(
                sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/app"),
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
            ),
            *(
                FOREIGN,
                f"id-{FOREIGN}",
                "1111222233334",
                "arn:aws:s3:::bucket-111122223333",
                "2026-11-22",
                join(ref("AWS::AccountId"), ".dkr.ecr.x"),
            ),
        ],
    )
    def test_not(self, text: Any) -> None:
        assert judged(hard_coded_account, {"Value": text}) == []


def graph(**needs: Any) -> Template:
    return template({name: {"Type": "T", **entry} for name, entry in needs.items()})


class TestCycles:
    @pytest.mark.parametrize(
        ("found", "circles"),
        [
            (graph(A={"Properties": {"X": ref("A")}}), [["A", "A"]]),
            (graph(A={"DependsOn": "A"}), [["A", "A"]]),
            (graph(A={"Properties": {"X": ref("B")}}, B={"Properties": {"X": att("A")}}), [["A", "B", "A"]]),
            (graph(A={"DependsOn": "B"}, B={"DependsOn": ["C"]}, C={"Properties": {"X": sub("x${A.Arn}")}}), [["A", "B", "C", "A"]]),
            (graph(A={"Properties": {"X": sub("${V}", V=ref("B"))}}, B={"DependsOn": ["A"]}), [["A", "B", "A"]]),
            (graph(A={"Properties": {"X": either("Prod", ref("B"))}}, B={"Properties": {"X": join("a", [att("A")])}}), [["A", "B", "A"]]),
            (graph(A={"DependsOn": "B"}, B={"DependsOn": "A"}, C={"DependsOn": "D"}, D={"DependsOn": "C"}), [["A", "B", "A"], ["C", "D", "C"]]),
            (graph(A={"DependsOn": ["B", "C"]}, B={"DependsOn": "A"}, C={"DependsOn": "A"}), [["A", "B", "A"]]),
            (graph(A={"DependsOn": "B"}, B={"DependsOn": "C"}, C={"DependsOn": ["A", "B"]}), [["A", "B", "C", "A"]]),
            (graph(A={"Properties": {"X": ref("B")}}, B={"Properties": {"X": ref("C")}}, C={}), []),
            (graph(A={"Properties": {"X": sub("${!B}")}}, B={"DependsOn": "A"}), []),
            (graph(A={"Properties": {"X": sub("${B}", B="x")}}, B={"DependsOn": "A"}), []),
            (graph(A={"Properties": {"X": json.dumps(ref("B"))}}, B={"DependsOn": "A"}), []),
            (graph(A={"DependsOn": ["Missing", "AWS::Region"]}), []),
            (graph(A={"DependsOn": 5}, B={"DependsOn": [{"x": 1}]}, C={"Properties": {"X": {"Fn::GetAtt": {"a": 1}}, "Y": {"Ref": ["B"]}}}), []),
        ],
    )  # fmt: skip
    def test_circles(self, found: Template, circles: list[list[str]]) -> None:
        expected = ["the resources refer to each other: " + " -> ".join(circle) for circle in circles]
        assert [finding.message for finding in evaluate([found], [reference_cycle]).findings] == expected

    def test_a_resource_that_is_never_created_closes_no_circle(self) -> None:
        never = {"Never": {"Fn::Equals": ["a", "b"]}}
        resources = {"A": {"Type": "T", "DependsOn": "B"}, "B": {"Type": "T", "DependsOn": "A", "Condition": "Never"}}
        assert said(reference_cycle, template(resources, Conditions=never)) == []

    def test_a_long_circle(self) -> None:
        found = graph(**{f"R{number}": {"DependsOn": f"R{(number + 1) % 3000}"} for number in range(3000)})
        (circle,) = cycles(found)
        assert len(circle) == 3000

    def test_a_long_chain_is_none(self) -> None:
        found = graph(**{f"R{number}": {"DependsOn": [f"R{number + 1}", f"R{number + 2}"]} for number in range(3000)})
        assert list(cycles(found)) == []

    @given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=15))
    def test_circles_are_circles_and_all_are_found(self, edges: list[tuple[int, int]]) -> None:
        needs: dict[str, list[str]] = {f"R{number}": [] for number in range(7)}
        for start, end in edges:
            needs[f"R{start}"].append(f"R{end}")
        found = list(cycles(graph(**{name: {"DependsOn": each} for name, each in needs.items()})))
        for circle in found:
            assert all(after in needs[before] for before, after in zip(circle, [*circle[1:], circle[0]], strict=True))
        reached = {name: set(each) for name, each in needs.items()}
        for _ in needs:
            reached = {name: each | {far for near in each for far in reached[near]} for name, each in reached.items()}
        on_circles = {name for name, each in reached.items() if name in each}
        groups = {
            frozenset(other for other in on_circles if other in reached[name] and name in reached[other])
            for name in on_circles
        }
        assert len(found) == len(groups)
        assert all(any(set(circle) <= group for group in groups) for circle in found)


class TestNames:
    @pytest.mark.parametrize(
        ("type_", "properties", "bad"),
        [
            ("AWS::IAM::Role", {"RoleName": "publisher"}, True),
            ("AWS::IAM::Role", {"RoleName": ref("Free")}, True),
            ("AWS::IAM::Role", {"RoleName": sub("${AWS::StackName}-publisher")}, True),
            ("AWS::ECR::Repository", {"RepositoryName": either("Prod", "app")}, True),
            ("AWS::Batch::JobQueue", {"JobQueueName": "jobs"}, True),
            ("AWS::EKS::Cluster", {"Name": "cluster"}, True),
            ("AWS::IAM::Role", {}, False),
            ("AWS::IAM::Role", {"RoleName": NO_VALUE}, False),
            ("AWS::IAM::Policy", {"PolicyName": "every inline policy has one"}, False),
            ("AWS::Logs::LogGroup", {"LogGroupName": sub("/aws/lambda/${It}")}, False),
            ("AWS::Logs::LogGroup", {"LogGroupName": join("/aws/lambda/", ref("It"))}, False),
        ],
    )
    def test_replacement_blocking_name(self, type_: str, properties: dict[str, Any], bad: bool) -> None:
        assert judged(replacement_blocking_name, properties, type_) == ["SC-NAM-01"] * bad


class TestUnreadable:
    @pytest.mark.parametrize(
        "body",
        [
            {"Resources": {"Fn::ForEach::Loop": ["N", ["a"], {"${N}": {"Type": "T"}}]}},
            {"Resources": {"Fn::Transform": {"Name": "AWS::Include"}}},
            {"Resources": {"A": {"Type": "T", "Properties": {"Fn::Transform": {"Name": "AWS::Include"}}}}},
            {"Resources": {"A": {"Type": "T", "Properties": {"X": [{"Fn::Transform": {"Name": "M"}}]}}}},
            {"Resources": {"A": {"Type": "T", "Properties": {"X": join({"Fn::Transform": {"Name": "M"}})}}}},
            {"Resources": {"A": {"Type": "T", "Properties": {"Fn::ForEach::P": ["N", ["a"], {"${N}": 1}], "B": 1}}}},
            {"Resources": {"A": {"Type": "T", "Metadata": {"X": {"Fn::Transform": {"Name": "M"}}}}}},
            {"Resources": {"A": {"Type": "T", "Fn::Transform": {"Name": "M"}}}},
            {"Resources": {"A": {"Properties": {}}}},
            {"Resources": {"A": "T"}},
            {"Resources": {"A": {"Type": "Our::Service::Thing::MODULE"}}},
            {"Resources": {}, "Transform": "AWS::Serverless-2016-10-31"},
            {"Resources": {}, "Transform": ["AWS::LanguageExtensions", "OurMacro"]},
            {"Resources": {}, "Transform": {"Name": "AWS::Include", "Parameters": {}}},
        ],
    )
    def test_what_a_transform_writes_cannot_be_judged(self, body: dict[str, Any]) -> None:
        assert said(unreadable_template_part, Template(body, "t")) == ["SC-TPL-01?"]

    @pytest.mark.parametrize(
        "body",
        [
            {"Resources": {"A": {"Type": "T", "Properties": {"X": ref("B")}}}},
            {"Resources": {}, "Transform": "AWS::LanguageExtensions"},
            {"Resources": {"A": {"Type": "T", "Properties": {"Text": "Fn::Transform"}}}},
            {},
        ],
    )
    def test_readable(self, body: dict[str, Any]) -> None:
        assert said(unreadable_template_part, Template(body, "t")) == []

    def test_a_nested_stack_that_nobody_read_is_not_judged(self) -> None:
        found = template({"Stack": {"Type": "AWS::CloudFormation::Stack"}})
        assert said(unreadable_template_part, found) == []
        found.unread.append(found.resources["Stack"])
        assert said(unreadable_template_part, found) == ["SC-TPL-01?"]


class TestWaivers:
    GOOD = "preview images are rebuilt under one tag in the development account"

    @pytest.mark.parametrize(
        ("waivers", "bad"),
        [
            ([{"Rule": "SC-ECR-01", "Reason": GOOD}], 0),
            (
                [
                    {
                        "Rule": "SC-ECR-01",
                        "Reason": GOOD,
                        "Until": "2027-03-31",
                        "ApprovedBy": "SEC-214",
                        "At": "App/Images",
                    }
                ],
                0,
            ),
            ([], 0),
            ([{"Rule": "SC-ECR-99", "Reason": GOOD}], 1),
            ([{"Rule": "sc-ecr-01", "Reason": GOOD}], 1),
            ([{"Rule": "SC-IAM-02[ecr:PutImage]", "Reason": GOOD}, {"Rule": "AwsSolutions-KMS5", "Reason": GOOD}], 0),
            ([{"Rule": "SC-ECR-01", "Reason": "false positive"}], 1),
            ([{"Rule": "SC-ECR-01"}], 1),
            ([{"Reason": GOOD}], 1),
            ([{"Rule": ["SC-ECR-01"], "Reason": GOOD}], 1),
            ([{"Rule": "SC-ECR-01", "Reason": GOOD, "Until": "next year"}], 1),
            ([{"Rule": "SC-ECR-01", "Reason": GOOD, "Until": "2027-02-30"}], 1),
            ([{"Rule": "SC-ECR-01", "Reason": GOOD, "Until": ""}], 1),
            (["SC-ECR-01", None], 2),
            ("SC-ECR-01", 1),
            ({"Rule": "SC-ECR-01"}, 1),
        ],
    )
    def test_what_counts(self, waivers: Any, bad: int) -> None:
        metadata = {"SecureContainers": {"Waivers": waivers}}
        on_resource = template({"A": {"Type": "AWS::ECR::Repository", "Metadata": metadata}})
        assert said(invalid_waiver, on_resource) == ["SC-WVR-01"] * bad
        assert said(invalid_waiver, template({}, Metadata=metadata)) == ["SC-WVR-01"] * bad

    @pytest.mark.parametrize(
        ("metadata", "bad"),
        [
            ({"SecureContainers": []}, 1),
            ({"SecureContainers": {}}, 1),
            ({"SecureContainers": None}, 0),
            ({}, 0),
            ([], 0),
        ],
    )
    def test_other_metadata(self, metadata: Any, bad: int) -> None:
        assert said(invalid_waiver, template({"A": {"Type": "T", "Metadata": metadata}})) == ["SC-WVR-01"] * bad
