"""The assertions that are rules fail on findings that nobody waived, and say which."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from secure_containers.testing import (
    assert_acyclic,
    assert_no_public_address,
    assert_no_wildcard_principals,
    assert_partition_neutral,
)

SUBNET = {"VpcId": "vpc-0a1b2c3d", "CidrBlock": "10.0.0.0/24"}
WAIVER = {
    "SecureContainers": {"Waivers": [{"Rule": "SC-NET-11", "Reason": "the subnet of the public load balancer alone"}]}
}


def one(type_: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Resources": {"Thing": {"Type": type_, "Properties": properties, **more}}}


def topic(**statement: Any) -> dict[str, Any]:
    full = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*", **statement}
    return one("AWS::SNS::TopicPolicy", {"Topics": [], "PolicyDocument": {"Statement": [full]}})


def cycle(second: Any) -> dict[str, Any]:
    return {
        "Resources": {
            "A": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "B"}}},
            "B": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": second}},
        }
    }


CASES: list[tuple[Callable[..., None], Any, Any, str]] = [
    (
        assert_no_public_address,
        one("AWS::EC2::Subnet", SUBNET),
        one("AWS::EC2::Subnet", {**SUBNET, "MapPublicIpOnLaunch": True}),
        "public addresses (SC-NET-11 public_address):\n  template: Thing.Properties.MapPublicIpOnLaunch: the subnet gives",
    ),
    (
        assert_no_public_address,
        one("AWS::EC2::Subnet", {**SUBNET, "MapPublicIpOnLaunch": False}),
        one("AWS::ECS::Service", {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}}}),
        "the task gets a public address",
    ),
    (
        assert_no_public_address,
        one("AWS::EC2::Subnet", {**SUBNET, "MapPublicIpOnLaunch": True}, Metadata=WAIVER),
        {
            "Parameters": {"Public": {"Type": "String"}},
            **one("AWS::EC2::Subnet", {**SUBNET, "MapPublicIpOnLaunch": {"Ref": "Public"}}),
        },
        "cannot be decided: Properties.MapPublicIpOnLaunch is ${Public}",
    ),
    (assert_acyclic, cycle("x"), cycle({"Ref": "A"}), "the resources refer to each other: A -> B -> A"),
    (
        assert_no_wildcard_principals,
        topic(Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        topic(Principal="*"),
        "wildcard principals (SC-IAM-03 wildcard_principal):\n  template: Thing.Properties.PolicyDocument.Statement.0",
    ),
    (
        assert_no_wildcard_principals,
        topic(Principal={"Service": "events.amazonaws.com"}),
        topic(Principal={"AWS": "*"}, Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        'waive it: Waiver("SC-IAM-03',
    ),
    (
        assert_partition_neutral,
        one("AWS::SNS::Topic", {"DisplayName": {"Fn::Sub": "arn:${AWS::Partition}:s3:::b"}}),
        one("AWS::SNS::Topic", {"DisplayName": "arn:aws:s3:::b"}),
        "what binds to one partition (SC-PRT-01 hard_coded_partition):\n  template: Thing.Properties.DisplayName",
    ),
]
CHECKS = (assert_acyclic, assert_no_public_address, assert_no_wildcard_principals, assert_partition_neutral)


@pytest.mark.parametrize(("check", "good", "bad", "message"), CASES)
def test_good_passes_and_bad_fails(check: Callable[..., None], good: Any, bad: Any, message: str) -> None:
    check(good)
    with pytest.raises(AssertionError, match=re.escape(message)) as caught:
        check(bad)
    assert "\n    fix: " in str(caught.value)
    with pytest.raises(AssertionError, match=re.escape(message.rpartition("template: ")[2])):
        check([good, bad])


def test_what_is_not_decided_cannot_be_waived_away_unseen() -> None:
    _, _, undecided, _ = CASES[2]
    with pytest.raises(AssertionError) as caught:
        assert_no_public_address(undecided)
    assert "waive it" not in str(caught.value)


@pytest.mark.parametrize("check", CHECKS)
def test_what_cannot_be_read_is_no_pass(check: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match="Macro"):
        check({"Transform": "Macro", **one("AWS::SNS::Topic", {})})


@pytest.mark.parametrize("check", CHECKS)
def test_wrong_arguments(check: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match=f"{check.__name__}: template is 1; allowed: a parsed template"):
        check(1)
