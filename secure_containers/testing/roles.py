"""What the policies of a role say, wherever the templates keep them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from secure_containers.rules.intrinsics import NOTHING_GIVEN, Given
from secure_containers.rules.policies import PolicyKind, Unreadable, statements_of
from secure_containers.rules.template import Resource
from secure_containers.testing.deployment import Deployment


@dataclass(frozen=True, slots=True)
class PolicyStatement:
    """A statement in one of its variants, with nothing left open."""

    body: Mapping[str, Any]
    at: str
    """Where it stands: logical id and path."""
    certain: bool = True
    """Whether every deployment that has the role has the statement, in this variant."""

    @property
    def allows(self) -> bool:
        return self.body.get("Effect") == "Allow"

    @property
    def conditions(self) -> Mapping[str, Any]:
        found = self.body.get("Condition")
        return found if isinstance(found, Mapping) else {}

    def texts(self, element: str) -> list[str]:
        """The texts of `Action`, `NotResource`, ...; one alone counts as a list of one, as in IAM."""
        found = self.body.get(element)
        return [str(each) for each in found] if isinstance(found, list) else [] if found is None else [str(found)]

    @property
    def text(self) -> str:
        return f"{self.at}: {json.dumps(self.body)}"


@dataclass(slots=True)
class RolePolicies:
    """What a role's policies allow and deny, and its permissions boundary, which bounds them."""

    role: Resource
    identity: list[PolicyStatement] = field(default_factory=list)
    boundary: list[PolicyStatement] | None = None


def policies_of(deployment: Deployment, role: Resource) -> RolePolicies:
    """Every statement of a role's policies in all the templates.

    Raises:
        ValueError: a policy cannot be read, such as one that AWS manages.
    """
    found = RolePolicies(role)
    name = deployment.gives(role, "Ref")
    found.identity += _statements(deployment, role, role, NOTHING_GIVEN)
    for type_, key in (
        ("AWS::IAM::Policy", "Roles"),
        ("AWS::IAM::ManagedPolicy", "Roles"),
        ("AWS::IAM::RolePolicy", "RoleName"),
    ):
        for policy in deployment.world.of_type(type_):
            attached = [
                given for value in policy.get(key) for text, given in deployment.attached(value) if text == name
            ]
            for given in attached:
                found.identity += _statements(deployment, policy, role, given)
    managed = {deployment.gives(each, "Arn"): each for each in deployment.world.of_type("AWS::IAM::ManagedPolicy")}
    for value in role.get("ManagedPolicyArns"):
        for arn, given in deployment.attached(value):
            policy = _managed(deployment, role, managed, arn, "ManagedPolicyArns")
            found.identity += _statements(deployment, policy, role, given)
    bounds = {arn: given for value in role.get("PermissionsBoundary") for arn, given in deployment.attached(value)}
    for arn, given in bounds.items():
        if len(bounds) > 1 or not _always(role, role, given):
            raise ValueError(
                f"{deployment.where}: the permissions boundary of {role.logical_id} depends on a condition or "
                'parameter; write conditions={"Name": True} and judge each side'
            )
        policy = _managed(deployment, role, managed, arn, "PermissionsBoundary")
        found.boundary = list(_statements(deployment, policy, role, given))
    found.identity = list({(each.text, each.certain): each for each in found.identity}.values())
    return found


def _managed(deployment: Deployment, role: Resource, managed: Mapping[str, Resource], arn: str, place: str) -> Resource:
    if arn not in managed:
        raise ValueError(
            f"{deployment.where}: {place} of {role.logical_id} names {arn}, which none of the templates holds, so what "
            "it allows cannot be told; write its statements into a policy of your own"
        )
    return managed[arn]


def _statements(deployment: Deployment, policy: Resource, role: Resource, attached: Given) -> Iterator[PolicyStatement]:
    for found in statements_of(policy):
        if found.kind is not PolicyKind.IDENTITY:
            continue
        if isinstance(found, Unreadable):
            raise ValueError(f"{deployment.where}: {policy.logical_id}: {found.observation.message}")  # noqa: TRY004 - a template's fault
        variants = deployment.variants(found.value)
        for body, given in variants:
            at = f"{policy.logical_id}.{found.value.path.removeprefix('Properties.')}"
            if body.get("Effect") not in ("Allow", "Deny"):
                raise ValueError(f"{deployment.where}: {at}: the Effect is {body.get('Effect')!r}; write Allow or Deny")
            certain = len(variants) == 1 and _always(role, policy, given | attached)
            yield PolicyStatement(body, at, certain)


def _always(role: Resource, policy: Resource, given: Given) -> bool:
    """Whether `given`, of the policy's template, holds wherever the role is."""
    return role.always([given]) if policy.template is role.template else not given
