"""Roles and policies of AWS IAM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def role(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    iam = client("iam")
    about = iam.get_role(RoleName=id)["Role"]
    found = {**about, "Tags": iam.list_role_tags(RoleName=id)["Tags"]}
    if "ManagedPolicyArns" in wanted:  # policies of the stack that name the role are attached to it too
        attached = {each["PolicyArn"] for each in iam.list_attached_role_policies(RoleName=id)["AttachedPolicies"]}
        found["ManagedPolicyArns"] = [arn for arn in wanted["ManagedPolicyArns"] if arn in attached]
    return found


def inline_policy(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    iam = client("iam")
    name = wanted["PolicyName"]
    (document,) = {
        str(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]) for role in wanted["Roles"]
    }
    of_first = iam.get_role_policy(RoleName=wanted["Roles"][0], PolicyName=name)
    assert str(of_first["PolicyDocument"]) == document
    return {"PolicyDocument": of_first["PolicyDocument"], "PolicyName": name, "Roles": list(wanted["Roles"])}


def managed_policy(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    iam = client("iam")
    about = iam.get_policy(PolicyArn=id)["Policy"]
    version = iam.get_policy_version(PolicyArn=id, VersionId=about["DefaultVersionId"])["PolicyVersion"]
    has_it = iam.list_entities_for_policy(PolicyArn=id)["PolicyRoles"]
    return {
        **about,
        "PolicyDocument": version["Document"],
        "Roles": [each["RoleName"] for each in has_it],
    }


def instance_profile(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("iam").get_instance_profile(InstanceProfileName=id)["InstanceProfile"]
    return {**about, "Roles": [each["RoleName"] for each in about["Roles"]]}


READERS = {
    "AWS::IAM::InstanceProfile": instance_profile,
    "AWS::IAM::ManagedPolicy": managed_policy,
    "AWS::IAM::Policy": inline_policy,
    "AWS::IAM::Role": role,
}
NOT_READ: dict[str, dict[str, str]] = {}
