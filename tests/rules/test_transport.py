"""The rules about data in transit."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules.transport import plaintext_endpoint, plaintext_requests
from tests.rules.support import ACCOUNT, NO_VALUE, OWN_ROOT, att, either, join, ref, said, sub, template

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


def deny(**elements: Any) -> dict[str, Any]:
    """A denial of plain requests to the bucket, as `enforce_ssl` writes it."""
    everything = [att("Bucket"), join(att("Bucket"), "/*")]
    return {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": everything,
        "Condition": WITHOUT_TLS,
    } | elements


def policy(*statements: Any, target: Any = None, **entry: Any) -> dict[str, Any]:
    properties = {
        "Bucket": ref("Bucket") if target is None else target,
        "PolicyDocument": {"Statement": list(statements)},
    }
    return {"Type": "AWS::S3::BucketPolicy", "Properties": properties, **entry}


def bucket(policy: dict[str, Any] | None, properties: dict[str, Any] | None = None, **entry: Any) -> list[str]:
    resources = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties or {}, **entry}}
    return said(plaintext_requests, template(resources | ({"Policy": policy} if policy else {})))


class TestBuckets:
    @pytest.mark.parametrize(
        "found",
        [
            policy(deny()),
            policy(deny(Principal="*")),
            policy(deny(Action="*", Resource="*")),
            policy(deny(Action=["s3:Get*", "s3:Put*"])),
            policy(deny(Action="S3:*")),
            policy(deny(Condition={"Bool": {"AWS:SecureTransport": False}})),
            policy(deny(Condition={"Bool": {"aws:SecureTransport": ["false"]}})),
            policy(deny(Condition={"BoolIfExists": {"aws:SecureTransport": "false"}})),
            policy(deny(Resource=sub("arn:${AWS::Partition}:s3:::${Bucket}/*"))),
            policy(
                {"Effect": "Allow", "Principal": {"AWS": OWN_ROOT}, "Action": "s3:GetObject", "Resource": "*"}, deny()
            ),
            policy(either("Prod", deny()), either("NotProd", deny())),
            policy(either("Prod", [deny()], [deny(), deny()])),
            policy(either("Prod", either("Open", deny(), deny(Sid="x")), deny())),
            policy(deny(), target=sub("${Bucket}")),
            policy(deny(), target=join(ref("Bucket"))),
        ],
    )
    def test_protected(self, found: dict[str, Any]) -> None:
        assert bucket(found) == []

    @pytest.mark.parametrize(
        "found",
        [
            None,
            policy(),
            policy(deny(Effect="Allow")),
            policy(deny(Effect=either("Prod", "Deny", "Allow"))),
            policy(deny(Principal={"AWS": OWN_ROOT})),
            policy(deny(Principal={"Service": "*"})),
            policy(deny(Principal=NO_VALUE, NotPrincipal={"AWS": ACCOUNT})),
            policy(deny(Action="s3:GetObject")),
            policy(deny(Action=["s3:PutObject", "s3:DeleteObject"])),
            policy(deny(Action=either("Prod", "s3:*", "s3:GetObject"))),
            policy(deny(Resource=att("Bucket"))),
            policy(deny(Condition=NO_VALUE, Effect="Allow")),
            policy(deny(Condition={"Bool": {"aws:SecureTransport": "true"}})),
            policy(deny(Condition={"Bool": {"aws:SecureTransport": ["true", "false"]}})),
            policy(deny(Condition={"StringEquals": {"aws:SecureTransport": "false"}})),
            policy(deny(Condition=WITHOUT_TLS | {"StringEquals": {"aws:SourceVpce": "vpce-1"}})),
            policy(deny(Condition=WITHOUT_TLS | {"NumericLessThan": {"s3:TlsVersion": "1.2"}})),
            policy(deny(Condition={"Bool": {"aws:SecureTransport": either("Prod", "false", "true")}})),
            policy(either("Prod", deny())),
            policy(either("Prod", deny()), either("Open", deny())),
            policy(either("Prod", either("Open", deny()), deny())),
            policy(deny(), Condition="Prod"),
            policy(deny(), target=ref("Other")),
            policy(deny(), target=either("Prod", ref("Bucket"), ref("Other"))),
        ],
    )
    def test_not_protected(self, found: dict[str, Any] | None) -> None:
        assert bucket(found) == ["SC-TLS-01"]

    @pytest.mark.parametrize(
        ("found", "condition", "protected"),
        [
            (policy(deny(), Condition="Prod"), "Prod", True),
            (policy(deny(), Condition="NotProd"), "Dev", True),
            (policy(either("Prod", deny())), "Prod", True),
            (policy(deny(), target=either("Prod", ref("Bucket"), ref("Other"))), "Prod", True),
            (policy(deny(), Condition="Prod"), "Open", False),
            (policy(deny(), Condition="Prod"), "Dev", False),
        ],
    )
    def test_a_policy_counts_where_the_bucket_is(self, found: dict[str, Any], condition: str, protected: bool) -> None:
        assert bucket(found, Condition=condition) == ([] if protected else ["SC-TLS-01"])

    @pytest.mark.parametrize(
        ("name", "target", "protected"),
        [
            ("logs", "logs", True),
            (sub("${AWS::StackName}-logs"), sub("${AWS::StackName}-logs"), True),
            (ref("Free"), ref("Free"), True),
            ("logs", "others", False),
            (ref("Free"), "logs", False),
            (None, "logs", False),
            (either("Prod", "logs", "others"), "logs", False),
        ],
    )
    def test_a_policy_may_name_the_bucket_as_the_bucket_does(self, name: Any, target: Any, protected: bool) -> None:
        assert bucket(policy(deny(), target=target), {"BucketName": name}) == ([] if protected else ["SC-TLS-01"])


@pytest.mark.parametrize(
    ("type_", "policy_type", "target", "action", "protected"),
    [
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", {"Topics": [ref("It")]}, "sns:Publish", True),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", {"Topics": [sub("${It}")]}, "sns:*", True),
        ("AWS::SNS::Topic", "AWS::SNS::TopicInlinePolicy", {"TopicArn": ref("It")}, "*", True),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", {"Queues": [ref("Other"), ref("It")]}, "sqs:*", True),
        (
            "AWS::SQS::Queue",
            "AWS::SQS::QueuePolicy",
            {"Queues": [ref("It")]},
            ["sqs:SendMessage", "sqs:ReceiveMessage"],
            True,
        ),
        ("AWS::SQS::Queue", "AWS::SQS::QueueInlinePolicy", {"Queue": ref("It")}, "SQS:*", True),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", {"Topics": [ref("Other")]}, "sns:Publish", False),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", {"Topics": [ref("It")]}, "sns:Subscribe", False),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", {"Topics": [either("Prod", ref("It"))]}, "sns:Publish", False),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", {"Queues": [ref("It")]}, "sqs:SendMessage", False),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", {"Queues": ref("Free")}, "sqs:*", False),
    ],
)
def test_topics_and_queues(type_: str, policy_type: str, target: dict[str, Any], action: Any, protected: bool) -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", "Condition": WITHOUT_TLS}
    guard = {"Type": policy_type, "Properties": {**target, "PolicyDocument": {"Statement": [statement]}}}
    expected = [] if protected else ["SC-TLS-01"]
    assert said(plaintext_requests, template({"It": {"Type": type_}, "Guard": guard})) == expected


LISTENER, RULE = "AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule"
FORWARD = [{"Type": "forward", "TargetGroupArn": ref("Targets")}]
REDIRECT = [{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}]


class TestListeners:
    def listener(self, protocol: Any, actions: Any) -> list[str]:
        properties = {"Protocol": protocol, "DefaultActions": actions}
        return said(plaintext_endpoint, template({"Listener": {"Type": LISTENER, "Properties": properties}}))

    @pytest.mark.parametrize(
        ("protocol", "actions", "expected"),
        [
            ("HTTP", FORWARD, ["SC-TLS-02"]),
            ("http", FORWARD, ["SC-TLS-02"]),
            ("TCP", FORWARD, ["SC-TLS-02"]),
            ("UDP", FORWARD, ["SC-TLS-02"]),
            ("HTTP", [], ["SC-TLS-02"]),
            ("HTTP", [{"Type": "fixed-response"}], ["SC-TLS-02"]),
            ("HTTP", [*REDIRECT, *FORWARD], ["SC-TLS-02"]),
            ("HTTP", [{"Type": "redirect", "RedirectConfig": {"Port": "8080"}}], ["SC-TLS-02"]),
            ("HTTP", [{"Type": "redirect", "RedirectConfig": {"Protocol": "#{protocol}"}}], ["SC-TLS-02"]),
            (
                "HTTP",
                [{"Type": either("Prod", "redirect", "forward"), "RedirectConfig": {"Protocol": "HTTPS"}}],
                ["SC-TLS-02"],
            ),
            ("HTTP", either("Prod", REDIRECT, FORWARD), ["SC-TLS-02"]),
            ("HTTP", either("Prod", REDIRECT, []), ["SC-TLS-02"]),
            (either("Prod", "HTTPS", "HTTP"), FORWARD, ["SC-TLS-02"]),
            (either("Prod", "HTTPS", "HTTP"), either("Prod", REDIRECT, FORWARD), ["SC-TLS-02"]),
            (ref("Free"), REDIRECT, ["SC-TLS-02?"]),
            ("HTTPS", FORWARD, []),
            ("TLS", FORWARD, []),
            ("HTTP", REDIRECT, []),
            (NO_VALUE, FORWARD, []),
            (either("Prod", "HTTPS", "HTTP"), either("Prod", FORWARD, REDIRECT), []),
        ],
    )
    def test_default_actions(self, protocol: Any, actions: Any, expected: list[str]) -> None:
        assert self.listener(protocol, actions) == expected

    @pytest.mark.parametrize(
        ("protocol", "arn", "actions", "bad"),
        [
            ("HTTP", ref("Listener"), FORWARD, True),
            (either("Prod", "HTTPS", "HTTP"), ref("Listener"), FORWARD, True),
            ("HTTP", ref("Listener"), REDIRECT, False),
            ("HTTPS", ref("Listener"), FORWARD, False),
            ("HTTP", ref("Elsewhere"), FORWARD, False),
            ("HTTP", ref("Free"), FORWARD, False),
        ],
    )
    def test_a_rule_of_a_redirecting_listener(self, protocol: Any, arn: Any, actions: Any, bad: bool) -> None:
        resources = {
            "Listener": {"Type": LISTENER, "Properties": {"Protocol": protocol, "DefaultActions": REDIRECT}},
            "Rule": {"Type": RULE, "Properties": {"ListenerArn": arn, "Actions": actions}},
        }
        assert said(plaintext_endpoint, template(resources)) == ["SC-TLS-02"] * bad

    @pytest.mark.parametrize(
        ("type_", "properties", "bad"),
        [
            (
                "AWS::ElasticLoadBalancing::LoadBalancer",
                {"Listeners": [{"Protocol": "HTTP"}, {"Protocol": "HTTPS"}]},
                True,
            ),
            (
                "AWS::ElasticLoadBalancing::LoadBalancer",
                {"Listeners": [{"Protocol": "SSL"}, {"Protocol": "HTTPS"}]},
                False,
            ),
            ("AWS::SNS::Subscription", {"Protocol": "http"}, True),
            ("AWS::SNS::Subscription", {"Protocol": "https"}, False),
            ("AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "ops@example.com"}, False),
            ("AWS::SNS::Topic", {"Subscription": [{"Protocol": "http", "Endpoint": "http://x"}]}, True),
            ("AWS::SNS::Topic", {"Subscription": [{"Protocol": "sqs", "Endpoint": att("Queue")}]}, False),
            ("AWS::SNS::Topic", {}, False),
        ],
    )
    def test_other_endpoints(self, type_: str, properties: dict[str, Any], bad: bool) -> None:
        assert (
            said(plaintext_endpoint, template({"It": {"Type": type_, "Properties": properties}})) == ["SC-TLS-02"] * bad
        )
