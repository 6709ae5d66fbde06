"""The rules about policies, on small templates: every way to say too much, and the ways that only look like it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secure_containers.rules import Rule
from secure_containers.rules.iam import (
    has_resource_level,
    long_lived_credentials,
    permissions_to_users,
    wildcard_actions,
    wildcard_principal,
    wildcard_resources,
)
from tests.rules.support import (
    ACCOUNT,
    FOREIGN,
    NO_VALUE,
    ORGANIZATION,
    OWN_ROOT,
    att,
    either,
    join,
    ref,
    said,
    sub,
    template,
)

PARAMETERS = {
    "Wide": {"Type": "String", "Default": "*"},
    "Narrow": {"Type": "String", "AllowedValues": ["ecr:PutImage", "ecr:BatchGetImage"]},
    "Some": {"Type": "String", "AllowedValues": ["ecr:PutImage", "ecr:*"]},
    "Arn": {"Type": "String", "AllowedPattern": "arn:.+"},
    "List": {"Type": "CommaDelimitedList", "Default": "ecr:PutImage,ecr:*"},
    "Accounts": {"Type": "CommaDelimitedList", "Default": f"{ACCOUNT},*"},
}
REPOSITORY = sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/app")
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

Statement = dict[str, Any]


def statement(**elements: Any) -> Statement:
    return {"Effect": "Allow", "Action": "ecr:PutImage", "Resource": REPOSITORY} | elements


def resource_statement(**elements: Any) -> Statement:
    return {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Principal": "*"} | elements


def judged(
    rule: Rule, type_: str, properties: dict[str, Any], *, condition: str | None = None, account: str | None = None
) -> list[str]:
    entry = {"Type": type_, "Properties": properties, **({"Condition": condition} if condition else {})}
    return said(
        rule, template({"Judged": entry, "Thing": {"Type": "AWS::SQS::Queue"}}, account=account, Parameters=PARAMETERS)
    )


def identity(rule: Rule, *statements: Any, **known: Any) -> list[str]:
    return judged(rule, "AWS::IAM::ManagedPolicy", {"PolicyDocument": {"Statement": list(statements)}}, **known)


def by_repository(rule: Rule, *statements: Any, **known: Any) -> list[str]:
    return judged(rule, "AWS::ECR::Repository", {"RepositoryPolicyText": {"Statement": list(statements)}}, **known)


class TestActions:
    @pytest.mark.parametrize(
        ("action", "about"),
        [
            ("*", ["*"]),
            ("**", ["**"]),
            ("?*", ["?*"]),
            ("ecr:*", ["ecr:*"]),
            ("ecr:**", ["ecr:**"]),
            ("ecr:?*", ["ecr:?*"]),
            ("ECR:*", ["ECR:*"]),
            ("e*:PutImage", ["e*:PutImage"]),
            ("*:PutImage", ["*:PutImage"]),
            ("ec?:PutImage", ["ec?:PutImage"]),
            (["ecr:PutImage", "ecr:*"], ["ecr:*"]),
            (["ecr:*", "s3:*"], ["ecr:*", "s3:*"]),
            (sub("${Thing}:*"), ["${Thing}:*"]),
            (sub("ecr:${Name}", Name="*"), ["ecr:*"]),
            (join("ecr", "*", by=":"), ["ecr:*"]),
            (either("Prod", "ecr:PutImage", "ecr:*"), ["ecr:*"]),
            ([either("Prod", "ecr:*"), "ecr:PutImage"], ["ecr:*"]),
            (ref("Some"), ["ecr:*"]),
            (sub("${Some}"), ["ecr:*"]),
        ],
    )  # fmt: skip
    def test_wide(self, action: Any, about: list[str]) -> None:
        assert identity(wildcard_actions, statement(Action=action)) == [f"SC-IAM-01[{each}]" for each in about]

    @pytest.mark.parametrize(
        "action",
        [
            *("ecr:PutImage", PULL, "ecr:Get*", "ecr:*Image", "ecr:BatchGet*", "s3:GetObject*", "ecr:Put?mage"),
            *(ref("Narrow"), either("Prod", "ecr:PutImage", "ecr:BatchGetImage"), either("Prod", "ecr:PutImage")),
            *(
                sub("ecr:${Name}Image", Name="Put"),
                join("ecr", "PutImage", by=":"),
                [],
                NO_VALUE,
                sub("ecr:Put${Thing}"),
            ),
        ],
    )
    def test_narrow(self, action: Any) -> None:
        assert identity(wildcard_actions, statement(Action=action)) == []

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            (ref("Free"), ["SC-IAM-01?"]),
            (sub("${Free}"), ["SC-IAM-01?"]),
            (sub("ecr:${Free}"), ["SC-IAM-01?"]),
            ({"Fn::ImportValue": "x"}, ["SC-IAM-01?"]),
            (ref("Wide"), ["SC-IAM-01?", "SC-IAM-01[*]"]),
            (ref("List"), ["SC-IAM-01?", "SC-IAM-01[ecr:*]"]),
            ({"Fn::Transform": {"Name": "M"}}, ["SC-IAM-01?"]),
        ],
    )
    def test_undecided(self, action: Any, expected: list[str]) -> None:
        assert identity(wildcard_actions, statement(Action=action)) == expected

    @pytest.mark.parametrize(
        ("elements", "expected"),
        [
            ({"Effect": "Deny"}, []),
            ({"Effect": either("Prod", "Deny", "Allow")}, ["SC-IAM-01[*]"]),
            ({"Effect": ref("Free")}, ["SC-IAM-01[*]"]),
            ({"Effect": NO_VALUE}, ["SC-IAM-01[*]"]),
        ],
    )
    def test_an_effect_that_cannot_be_read_is_an_allow(self, elements: Statement, expected: list[str]) -> None:
        assert identity(wildcard_actions, statement(Action="*", **elements)) == expected

    def test_not_action(self) -> None:
        body = {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": REPOSITORY}
        assert identity(wildcard_actions, body) == ["SC-IAM-01[NotAction iam:*]", "SC-IAM-01[NotAction sts:*]"]
        assert identity(wildcard_actions, body | {"Effect": "Deny"}) == []

    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            ({"Statement": statement(Action="*")}, ["SC-IAM-01[*]"]),
            ({"Statement": either("Prod", [statement(Action="*")], [])}, ["SC-IAM-01[*]"]),
            ({"Statement": [either("Prod", statement(Action="*"))]}, ["SC-IAM-01[*]"]),
            (either("Prod", {"Statement": [statement(Action="*")]}), ["SC-IAM-01[*]"]),
            ({"Fn::ToJsonString": {"Statement": [statement(Action="*")]}}, ["SC-IAM-01[*]"]),
            (json.dumps({"Statement": [statement(Action="*", Resource="x")]}), ["SC-IAM-01[*]"]),
            (sub(json.dumps({"Statement": [statement(Action="$", Resource="x")]}).replace("$", "${Wide}")), ["SC-IAM-01?", "SC-IAM-01[*]"]),
            (ref("Free"), ["SC-IAM-01?"]),
            ("no json", ["SC-IAM-01?"]),
            ({"Statement": ref("Free")}, ["SC-IAM-01?"]),
            ({"Statement": [ref("Free"), statement(Action="*")]}, ["SC-IAM-01?", "SC-IAM-01[*]"]),
            ({"Statement": []}, []),
            ({}, []),
            ([], []),
        ],
    )  # fmt: skip
    def test_documents(self, document: Any, expected: list[str]) -> None:
        assert judged(wildcard_actions, "AWS::IAM::ManagedPolicy", {"PolicyDocument": document}) == expected


class TestWherePoliciesStand:
    @pytest.mark.parametrize(
        ("type_", "properties"),
        [
            *(
                (f"AWS::IAM::{name}", lambda document: {"PolicyDocument": document})
                for name in ("Policy", "ManagedPolicy", "RolePolicy", "UserPolicy", "GroupPolicy")
            ),
            *(
                (f"AWS::IAM::{name}", lambda document: {"Policies": [{"PolicyName": "p", "PolicyDocument": document}]})
                for name in ("Role", "User", "Group")
            ),
            ("AWS::SSO::PermissionSet", lambda document: {"InlinePolicy": json.dumps(document)}),
        ],
    )
    def test_identity_policies(self, type_: str, properties: Any) -> None:
        document = {"Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": "*"}]}
        for rule in (wildcard_actions, wildcard_resources):
            assert judged(rule, type_, properties(document)) == [f"{rule.id}[*]"]
            assert judged(rule, type_, {}) == []

    @pytest.mark.parametrize(
        ("type_", "properties"),
        [
            *(
                (type_, lambda document, name=name: {name: document})
                for type_, name in [
                    ("AWS::Backup::BackupVault", "AccessPolicy"),
                    ("AWS::ECR::PublicRepository", "RepositoryPolicyText"),
                    ("AWS::ECR::RegistryPolicy", "PolicyText"),
                    ("AWS::ECR::Repository", "RepositoryPolicyText"),
                    ("AWS::ECR::RepositoryCreationTemplate", "RepositoryPolicy"),
                    ("AWS::EFS::FileSystem", "FileSystemPolicy"),
                    ("AWS::Events::EventBus", "Policy"),
                    ("AWS::KMS::Key", "KeyPolicy"),
                    ("AWS::KMS::ReplicaKey", "KeyPolicy"),
                    ("AWS::Kinesis::ResourcePolicy", "ResourcePolicy"),
                    ("AWS::Logs::ResourcePolicy", "PolicyDocument"),
                    ("AWS::S3::AccessPoint", "Policy"),
                    ("AWS::S3::BucketPolicy", "PolicyDocument"),
                    ("AWS::SNS::TopicInlinePolicy", "PolicyDocument"),
                    ("AWS::SNS::TopicPolicy", "PolicyDocument"),
                    ("AWS::SQS::QueueInlinePolicy", "PolicyDocument"),
                    ("AWS::SQS::QueuePolicy", "PolicyDocument"),
                    ("AWS::SecretsManager::ResourcePolicy", "ResourcePolicy"),
                ]
            ),
            ("AWS::DynamoDB::Table", lambda document: {"ResourcePolicy": {"PolicyDocument": document}}),
            (
                "AWS::DynamoDB::GlobalTable",
                lambda document: {"Replicas": [{"ResourcePolicy": {"PolicyDocument": document}}]},
            ),
            (
                "AWS::Events::EventBusPolicy",
                lambda document: {"StatementId": "x", "Statement": document["Statement"][0]},
            ),
            ("AWS::Events::EventBusPolicy", lambda document: {"StatementId": "x", "Action": "*", "Principal": "*"}),
            ("AWS::Lambda::Permission", lambda document: {"Action": "*", "Principal": "*"}),
        ],
    )
    def test_resource_policies(self, type_: str, properties: Any) -> None:
        document = {"Statement": [{"Effect": "Allow", "Action": "*", "Principal": "*", "Resource": "*"}]}
        given = properties(document)
        assert judged(wildcard_principal, type_, given) == ["SC-IAM-03"]
        assert judged(wildcard_actions, type_, given) == ["SC-IAM-01[*]"]
        assert judged(wildcard_resources, type_, given) == []
        assert judged(wildcard_principal, type_, {}) == []

    def test_a_policy_as_text_is_read_like_one_as_an_object(self) -> None:
        text = join(
            '{"Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents","Principal":{"AWS":"*"},"Resource":"',
            att("Thing"),
            '"}]}',
        )
        assert judged(wildcard_principal, "AWS::Logs::ResourcePolicy", {"PolicyDocument": text}) == ["SC-IAM-03"]

    def test_what_cannot_be_read_is_said_by_the_rules_that_would_read_it(self) -> None:
        properties = {"AssumeRolePolicyDocument": ref("Free")}
        assert judged(wildcard_principal, "AWS::IAM::Role", properties) == ["SC-IAM-03?"]
        assert judged(wildcard_actions, "AWS::IAM::Role", properties) == []
        assert judged(wildcard_resources, "AWS::IAM::Role", properties) == []


class TestResources:
    @pytest.mark.parametrize(
        "resource",
        [
            *("*", "**", "?*", "arn:aws:*", "arn:*", "arn:aws:ecr:*", "arn:aws:ecr:*:*:*", "arn:*:*:*:*:*:*"),
            *("arn:aws:ecr:*:*:repository/*", "arn:aws:ecr:eu-central-1:111122223333:repository/*"),
            "arn:${AWS::Partition}:ecr:*:*:repository/*",
            sub("arn:${AWS::Partition}:ecr:*:*:repository/*"),
            sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*"),
            join(
                "arn:", ref("AWS::Partition"), ":ecr:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":repository/*"
            ),
            *(
                "arn:aws:logs:*:*:log-group:*",
                "arn:aws:logs:*:*:log-group:*:*",
                "arn:aws:logs:*:*:log-group:*:log-stream:*",
            ),
            *(
                "arn:aws:dynamodb:*:*:table/*/index/*",
                "arn:aws:ecs:*:*:service/*/*",
                "arn:aws:ecs:*:*:*/*",
                "arn:aws:iam::*:role/*",
            ),
            *(
                "arn:aws:s3:::*",
                "arn:aws:s3:::*/*",
                "arn:aws:s3:::*/logs/*",
                "arn:aws:sqs:*:*:*",
                "arn:aws:execute-api:*:*:*/prod/*",
            ),
            "arn:aws:apigateway:*::/*",
            [REPOSITORY, "*"],
            either("Prod", REPOSITORY, "*"),
            [either("Prod", "*")],
        ],
    )
    def test_wide(self, resource: Any) -> None:
        assert identity(wildcard_resources, statement(Resource=resource)) == ["SC-IAM-02[ecr:PutImage]"]

    @pytest.mark.parametrize(
        "resource",
        [
            *(
                "arn:aws:ecr:*:*:repository/app",
                "arn:aws:ecr:*:*:repository/app-*",
                "arn:aws:ecr:*:*:repository/team/*",
                REPOSITORY,
            ),
            *(
                "arn:aws:logs:*:*:log-group:/aws/batch/*",
                "arn:aws:logs:*:*:log-group:app:*",
                "arn:aws:logs:*:*:log-group:app:log-stream:*",
            ),
            *(
                "arn:aws:s3:::bucket/*",
                "arn:aws:s3:::bucket",
                "arn:aws:s3:::bucket-*",
                "arn:aws:sns:*:*:topic",
                "arn:aws:sns:*:*:topic:*",
            ),
            *(
                "arn:aws:ecs:*:*:service/cluster/*",
                "arn:aws:ecs:*:*:task/*/abc",
                "arn:aws:dynamodb:*:*:table/t/index/*",
                "arn:aws:sqs:*:*:queue",
            ),
            *(
                "arn:aws:iam::*:role/service-role/*",
                "arn:aws:codepipeline:*:*:pipeline/*",
                "arn:aws:apigateway:*::/restapis/abc/*",
            ),
            *(
                att("Thing"),
                ref("Thing"),
                sub("${Thing.Arn}/*"),
                join(att("Thing"), "/*"),
                sub("arn:aws:ecr:*:*:repository/${Free}"),
            ),
            *(
                ref("Arn"),
                ref("AWS::StackId"),
                {"Fn::ImportValue": "A:ExportsOutputFnGetAttQueueArn12"},
                [att("Thing"), NO_VALUE],
            ),
            {"Fn::GetStackOutput": {"StackName": "A", "OutputName": "PublishOutputRefTopic12"}},
        ],
    )
    def test_named(self, resource: Any) -> None:
        assert identity(wildcard_resources, statement(Resource=resource)) == []

    @pytest.mark.parametrize(
        ("resource", "expected"),
        [
            (ref("Free"), ["SC-IAM-02?"]),
            ([REPOSITORY, sub("${Free}")], ["SC-IAM-02?"]),
            ({"Fn::ImportValue": "queue"}, ["SC-IAM-02?"]),
            ("{{resolve:ssm:/arn}}", ["SC-IAM-02?"]),
            (ref("Wide"), ["SC-IAM-02?", "SC-IAM-02[ecr:PutImage]"]),
        ],
    )
    def test_undecided(self, resource: Any, expected: list[str]) -> None:
        assert identity(wildcard_resources, statement(Resource=resource)) == expected

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            ("ecr:GetAuthorizationToken", []),
            ("ECR:getauthorizationtoken", []),
            (["ecr:GetAuthorizationToken", "ecr:PutImage"], ["SC-IAM-02[ecr:PutImage]"]),
            ("xray:PutTraceSegments", []),
            ("cloudwatch:PutMetricData", []),
            ("made:Up", ["SC-IAM-02[made:Up]"]),
            ("ecr:*", ["SC-IAM-02[ecr:*]"]),
            (ref("Free"), ["SC-IAM-02[${Free}]"]),
        ],
    )
    def test_actions_without_a_resource_level_need_a_wildcard(self, action: Any, expected: list[str]) -> None:
        assert identity(wildcard_resources, statement(Action=action, Resource="*")) == expected

    def test_an_unknown_resource_for_such_an_action_is_none(self) -> None:
        assert identity(wildcard_resources, statement(Action="ecr:GetAuthorizationToken", Resource=ref("Free"))) == []

    def test_an_action_and_a_resource_of_different_sides_do_not_meet(self) -> None:
        body = statement(
            Action=either("Prod", "ecr:GetAuthorizationToken", "ecr:PutImage"), Resource=either("Prod", "*", REPOSITORY)
        )
        assert identity(wildcard_resources, body) == []
        assert identity(wildcard_resources, body | {"Resource": either("Prod", REPOSITORY, "*")}) == [
            "SC-IAM-02[ecr:PutImage]"
        ]

    def test_not_resource(self) -> None:
        body = {"Effect": "Allow", "Action": "ecr:PutImage", "NotResource": [REPOSITORY]}
        about = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/app"
        assert identity(wildcard_resources, body) == [f"SC-IAM-02[NotResource {about}]"]
        assert identity(wildcard_resources, body | {"Effect": "Deny"}) == []
        assert identity(wildcard_resources, body | {"Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}) == []

    @pytest.mark.parametrize(
        ("condition", "narrow"),
        [
            ({"StringEquals": {"aws:ResourceTag/team": "payments"}}, True),
            ({"StringEquals": {"AWS:RESOURCETAG/team": "payments"}}, True),
            ({"StringLike": {"ecr:ResourceTag/team": "pay*"}}, True),
            ({"StringEquals": {"aws:ResourceTag/team": ref("Free")}}, True),
            ({"StringEquals": {"aws:ResourceTag/team": ["a", "b"]}}, True),
            ({"ArnEquals": {"ecs:cluster": att("Thing")}}, True),
            ({"StringEquals": {"cloudwatch:namespace": "App"}}, True),
            ({"StringLike": {"aws:ResourceTag/team": "*"}}, False),
            ({"StringLike": {"aws:ResourceTag/team": ["a", "*"]}}, False),
            ({"StringLike": {"aws:ResourceTag/team": "?*"}}, False),
            ({"StringLike": {"aws:ResourceTag/team": ref("Free")}}, False),
            ({"ArnLike": {"ecs:cluster": "arn:aws:ecs:*:*:cluster/*"}}, False),
            ({"StringEqualsIfExists": {"aws:ResourceTag/team": "a"}}, False),
            ({"ForAllValues:StringEquals": {"aws:ResourceTag/team": "a"}}, False),
            ({"StringNotEquals": {"aws:ResourceTag/team": "a"}}, False),
            ({"Null": {"aws:ResourceTag/team": "false"}}, False),
            ({"StringEquals": {"aws:RequestTag/team": "a"}}, False),
            ({"Bool": {"aws:SecureTransport": "true"}}, False),
            ({"StringEquals": {"aws:ResourceTag/team": []}}, False),
            ({"StringEquals": {"aws:ResourceTag/team": either("Prod", "a")}}, False),
            ({"StringEquals": either("Prod", {"aws:ResourceTag/team": "a"})}, False),
            (either("Prod", {"StringEquals": {"aws:ResourceTag/team": "a"}}), False),
            (ref("Free"), False),
            ("x", False),
        ],
    )
    def test_conditions(self, condition: Any, narrow: bool) -> None:
        body = statement(Resource="*", Condition=condition)
        assert identity(wildcard_resources, body) == ([] if narrow else ["SC-IAM-02[ecr:PutImage]"])

    def test_a_condition_counts_where_the_wildcard_stands(self) -> None:
        limit = {"StringEquals": {"aws:ResourceTag/team": "a"}}
        body = statement(Resource=either("Prod", "*", REPOSITORY), Condition=either("Prod", limit))
        assert identity(wildcard_resources, body) == []
        assert (
            identity(wildcard_resources, statement(Resource="*", Condition=either("Prod", limit)), condition="Prod")
            == []
        )
        assert (
            identity(wildcard_resources, statement(Resource="*", Condition=either("Prod", limit)), condition="Dev")
            != []
        )

    def test_actions_whose_services_have_none(self) -> None:
        assert not has_resource_level("ecr:GetAuthorizationToken")
        assert has_resource_level("ecr:PutImage")
        assert has_resource_level("")


class TestPrincipals:
    @pytest.mark.parametrize(
        "principal",
        [
            *(
                "*",
                {"AWS": "*"},
                {"AWS": [FOREIGN, "*"]},
                ["*"],
                {"AWS": ["*"]},
                {"Service": "*"},
                {"Federated": "*"},
                {"*": "*"},
            ),
            *(
                {"AWS": "arn:aws:iam::*:root"},
                {"AWS": "arn:aws:iam::*:role/app"},
                {"AWS": f"arn:aws:iam::{FOREIGN}:role/*"},
            ),
            *(
                either("Prod", "*", {"AWS": FOREIGN}),
                {"AWS": either("Prod", FOREIGN, "*")},
                {"AWS": [either("Prod", "*")]},
            ),
            *(sub("${A}", A="*"), {"AWS": join("*")}, {"AWS": sub("arn:${AWS::Partition}:iam::*:root")}),
        ],
    )
    def test_anybody(self, principal: Any) -> None:
        assert by_repository(wildcard_principal, resource_statement(Principal=principal)) == ["SC-IAM-03"]
        assert by_repository(wildcard_principal, resource_statement(Principal=principal, Effect="Deny")) == []

    @pytest.mark.parametrize(
        "principal",
        [
            *(
                {"AWS": FOREIGN},
                {"AWS": OWN_ROOT},
                {"AWS": ref("AWS::AccountId")},
                {"AWS": att("Thing")},
                {"Service": "lambda.amazonaws.com"},
            ),
            *(
                {"Federated": att("Thing")},
                {"Federated": "cognito-identity.amazonaws.com"},
                {"CanonicalUser": "abc"},
                {"AWS": ref("Arn")},
            ),
            *(
                {"AWS": sub("arn:${AWS::Partition}:iam::${Free}:root")},
                {"Service": sub("logs.${AWS::Region}.amazonaws.com")},
                {"AWS": []},
            ),
            *(
                {"Service": ref("Free")},
                {"Federated": ref("Free")},
                NO_VALUE,
                either("Prod", {"AWS": FOREIGN}, {"Service": "s3.amazonaws.com"}),
            ),
        ],
    )
    def test_somebody(self, principal: Any) -> None:
        assert by_repository(wildcard_principal, resource_statement(Principal=principal)) == []

    @pytest.mark.parametrize(
        ("principal", "expected"),
        [
            (ref("Free"), ["SC-IAM-03?"]),
            ({"AWS": ref("Free")}, ["SC-IAM-03?"]),
            ({"AWS": sub("${Free}")}, ["SC-IAM-03?"]),
            ({"AWS": {"Fn::ImportValue": "role"}}, ["SC-IAM-03?"]),
            ({"AWS": {"Fn::Split": [",", ref("Free")]}}, ["SC-IAM-03?"]),
            ({"AWS": ref("Wide")}, ["SC-IAM-03", "SC-IAM-03?"]),
            ({"AWS": ref("Accounts")}, ["SC-IAM-03", "SC-IAM-03?"]),
        ],
    )
    def test_undecided(self, principal: Any, expected: list[str]) -> None:
        assert by_repository(wildcard_principal, resource_statement(Principal=principal)) == expected

    def test_not_principal(self) -> None:
        body = {"Effect": "Allow", "Action": "ecr:PutImage", "NotPrincipal": {"AWS": FOREIGN}}
        assert by_repository(wildcard_principal, body) == ["SC-IAM-03"]
        assert by_repository(wildcard_principal, body | {"Effect": "Deny"}) == []
        assert by_repository(wildcard_principal, body | {"NotPrincipal": ref("Free")}) == ["SC-IAM-03?"]
        assert (
            by_repository(
                wildcard_principal, body | {"Condition": {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}}
            )
            == []
        )

    @pytest.mark.parametrize(
        "condition",
        [
            {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}},
            {"StringEquals": {"AWS:principalorgid": ORGANIZATION}},
            {"StringEquals": {"aws:PrincipalOrgID": [ORGANIZATION, "o-zzzzzzzzzz"]}},
            {"StringEquals": {"aws:PrincipalOrgID": ref("Free")}},
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{ORGANIZATION}/r-ab12/ou-*/*"}},
            {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
            {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
            {"ArnLike": {"aws:SourceArn": sub("arn:${AWS::Partition}:sns:*:${AWS::AccountId}:*")}},
            {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}},
            {"ArnEquals": {"aws:SourceArn": att("Thing")}},
            {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{FOREIGN}:role/*"}},
            {"StringLike": {"aws:userid": "AROAEXAMPLE:*"}},
            {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
            {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "ecr.eu-central-1.amazonaws.com"}},
            {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:PrincipalAccount": FOREIGN}},
            {"StringEquals": {"aws:PrincipalOrgID": either("Prod", ORGANIZATION, "o-zzzzzzzzzz")}},
            either(
                "Prod",
                {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}},
                {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            ),
        ],
    )
    def test_conditions_that_say_who(self, condition: Any) -> None:
        assert by_repository(wildcard_principal, resource_statement(Condition=condition)) == []

    @pytest.mark.parametrize(
        "condition",
        [
            {},
            {"StringEqualsIfExists": {"aws:PrincipalOrgID": ORGANIZATION}},
            {"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": ORGANIZATION}},
            {"StringNotEquals": {"aws:PrincipalOrgID": ORGANIZATION}},
            {"StringLike": {"aws:PrincipalOrgID": "*"}},
            {"StringLike": {"aws:PrincipalOrgID": "o-*"}},
            {"StringLike": {"aws:PrincipalOrgID": [ORGANIZATION, "*"]}},
            {"StringLike": {"aws:PrincipalOrgID": [ORGANIZATION, ref("Wide")]}},
            {"StringLike": {"aws:PrincipalOrgID": ref("Free")}},
            {"StringLike": {"aws:PrincipalAccount": "????????????"}},
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*/r-ab12/*"}},
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app"}},
            {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}},
            {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}},
            {"ArnLike": {"aws:SourceArn": "arn:*"}},
            {"StringLike": {"aws:userid": "*:*"}},
            {"StringEquals": {"aws:PrincipalTag/team": "payments"}},
            {"Null": {"aws:PrincipalOrgID": "false"}},
            {"Bool": {"aws:SecureTransport": "true"}},
            {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}},
            {"StringEquals": {"aws:PrincipalOrgID": either("Prod", ORGANIZATION)}},
            {"StringEquals": either("Prod", {"aws:PrincipalOrgID": ORGANIZATION})},
            either("Prod", {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}),
            ref("Free"),
        ],
    )
    def test_conditions_that_do_not(self, condition: Any) -> None:
        assert by_repository(wildcard_principal, resource_statement(Condition=condition)) == ["SC-IAM-03"]

    def test_a_trust_policy_is_judged_too(self) -> None:
        def trust(**elements: Any) -> dict[str, Any]:
            return {
                "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"} | elements]}
            }

        for properties, expected in [
            (trust(Principal={"Service": "ecs-tasks.amazonaws.com"}), []),
            (trust(Principal={"AWS": "*"}), ["SC-IAM-03"]),
            (trust(Principal={"AWS": "*"}, Condition={"StringEquals": {"sts:ExternalId": "x"}}), ["SC-IAM-03"]),
            (trust(Principal={"AWS": "*"}, Condition={"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}), []),
        ]:
            assert judged(wildcard_principal, "AWS::IAM::Role", properties) == expected


class TestPermissions:
    @pytest.mark.parametrize(
        ("properties", "expected"),
        [
            ({"Principal": "*"}, ["SC-IAM-03"]),
            ({"Principal": "*", "FunctionUrlAuthType": "NONE"}, ["SC-IAM-03"]),
            ({"Principal": "*", "SourceArn": "arn:aws:s3:::*"}, ["SC-IAM-03"]),
            ({"Principal": "*", "SourceAccount": either("Prod", ref("AWS::AccountId"))}, ["SC-IAM-03"]),
            ({"Principal": either("Prod", "*", "s3.amazonaws.com")}, ["SC-IAM-03"]),
            ({"Principal": ref("Wide")}, ["SC-IAM-03", "SC-IAM-03?"]),
            ({"Principal": ref("Free")}, ["SC-IAM-03?"]),
            ({"Principal": "*", "SourceAccount": ref("AWS::AccountId")}, []),
            ({"Principal": "*", "PrincipalOrgID": ORGANIZATION}, []),
            ({"Principal": "*", "SourceArn": att("Thing")}, []),
            ({"Principal": "events.amazonaws.com"}, []),
            ({"Principal": FOREIGN}, []),
        ],
    )  # fmt: skip
    def test_lambda_permission(self, properties: dict[str, Any], expected: list[str]) -> None:
        given = {"Action": "lambda:InvokeFunction", "FunctionName": ref("Thing")} | properties
        assert judged(wildcard_principal, "AWS::Lambda::Permission", given) == expected

    @pytest.mark.parametrize(
        ("properties", "expected"),
        [
            ({"Principal": "*"}, ["SC-IAM-03"]),
            ({"Principal": FOREIGN}, []),
            ({"Principal": "*", "Condition": {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": ORGANIZATION}}, []),
            ({"Principal": "*", "Condition": {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": either("Prod", "o-1")}}, ["SC-IAM-03"]),
        ],
    )  # fmt: skip
    def test_event_bus_policy(self, properties: dict[str, Any], expected: list[str]) -> None:
        given = {"StatementId": "x", "Action": "events:PutEvents"} | properties
        assert judged(wildcard_principal, "AWS::Events::EventBusPolicy", given) == expected


class TestKeyPolicies:
    @pytest.mark.parametrize(
        ("principal", "account", "own"),
        [
            ({"AWS": OWN_ROOT}, None, True),
            ({"AWS": OWN_ROOT}, ACCOUNT, True),
            ({"AWS": join("arn:", ref("AWS::Partition"), ":iam::", ref("AWS::AccountId"), ":root")}, None, True),
            ({"AWS": ref("AWS::AccountId")}, None, True),
            ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, ACCOUNT, True),
            ({"AWS": f"arn:aws-us-gov:iam::{ACCOUNT}:root"}, ACCOUNT, True),
            ({"AWS": ACCOUNT}, ACCOUNT, True),
            ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, None, False),
            ({"AWS": f"arn:aws:iam::{FOREIGN}:root"}, ACCOUNT, False),
            ({"AWS": [OWN_ROOT, f"arn:aws:iam::{FOREIGN}:root"]}, ACCOUNT, False),
            ({"AWS": either("Prod", OWN_ROOT, f"arn:aws:iam::{FOREIGN}:root")}, ACCOUNT, False),
            ({"AWS": sub("arn:aws:iam::${AWS::AccountId}:role/admin")}, None, False),
            ({"AWS": att("Thing")}, None, False),
            ({"AWS": OWN_ROOT, "Service": "s3.amazonaws.com"}, None, False),
            ({"Service": "s3.amazonaws.com"}, None, False),
        ],
    )
    def test_the_own_root_may_all(self, principal: Any, account: str | None, own: bool) -> None:
        policy = {"Statement": [{"Effect": "Allow", "Action": "kms:*", "Principal": principal, "Resource": "*"}]}
        expected = [] if own else ["SC-IAM-01[kms:*]"]
        for type_ in ("AWS::KMS::Key", "AWS::KMS::ReplicaKey"):
            assert judged(wildcard_actions, type_, {"KeyPolicy": policy}, account=account) == expected
        elsewhere = judged(
            wildcard_actions, "AWS::SecretsManager::ResourcePolicy", {"ResourcePolicy": policy}, account=account
        )
        assert elsewhere == ["SC-IAM-01[kms:*]"]


class TestUsers:
    def test_long_lived_credentials(self) -> None:
        assert judged(long_lived_credentials, "AWS::IAM::User", {}) == ["SC-IAM-04"]
        assert judged(long_lived_credentials, "AWS::IAM::AccessKey", {"UserName": "x"}) == ["SC-IAM-04"]
        assert judged(long_lived_credentials, "AWS::IAM::Role", {}) == []

    @pytest.mark.parametrize(
        ("type_", "properties", "expected"),
        [
            ("AWS::IAM::Policy", {"Users": ["maria"]}, ["SC-IAM-05"]),
            ("AWS::IAM::Policy", {"Users": [ref("Thing")]}, ["SC-IAM-05"]),
            ("AWS::IAM::Policy", {"Users": either("Prod", ["maria"])}, ["SC-IAM-05"]),
            ("AWS::IAM::ManagedPolicy", {"Users": ref("Free")}, ["SC-IAM-05?"]),
            ("AWS::IAM::UserPolicy", {"UserName": "maria"}, ["SC-IAM-05"]),
            ("AWS::IAM::User", {"Policies": [{"PolicyName": "p"}]}, ["SC-IAM-05"]),
            (
                "AWS::IAM::User",
                {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "Policies": []},
                ["SC-IAM-05"],
            ),
            ("AWS::IAM::User", {"Groups": ["readers"]}, []),
            ("AWS::IAM::Policy", {"Users": [], "Roles": ["r"]}, []),
            ("AWS::IAM::Policy", {"Users": NO_VALUE, "Groups": ["g"]}, []),
            ("AWS::IAM::Policy", {"Users": [either("Prod", NO_VALUE, NO_VALUE)]}, []),
        ],
    )
    def test_permissions_to_users(self, type_: str, properties: dict[str, Any], expected: list[str]) -> None:
        assert judged(permissions_to_users, type_, properties) == expected
