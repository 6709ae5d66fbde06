"""The policy statements of a template: one list, wherever the resource types keep theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

from secure_containers.rules.template import Observation, Resource, Template, Value


class PolicyKind(StrEnum):
    IDENTITY = "identity"
    """What a principal may do."""
    TRUST = "trust"
    """Who may become a role."""
    RESOURCE = "resource"
    """Who may do what with the resource that carries it."""
    ENDPOINT = "endpoint"
    """What a VPC endpoint lets through."""


_POLICIES: Final[Mapping[str, tuple[tuple[PolicyKind, tuple[str, ...]], ...]]] = {
    "AWS::IAM::Policy": ((PolicyKind.IDENTITY, ("PolicyDocument",)),),
    "AWS::IAM::ManagedPolicy": ((PolicyKind.IDENTITY, ("PolicyDocument",)),),
    "AWS::IAM::RolePolicy": ((PolicyKind.IDENTITY, ("PolicyDocument",)),),
    "AWS::IAM::UserPolicy": ((PolicyKind.IDENTITY, ("PolicyDocument",)),),
    "AWS::IAM::GroupPolicy": ((PolicyKind.IDENTITY, ("PolicyDocument",)),),
    "AWS::IAM::Role": (
        (PolicyKind.IDENTITY, ("Policies", "*", "PolicyDocument")),
        (PolicyKind.TRUST, ("AssumeRolePolicyDocument",)),
    ),
    "AWS::IAM::User": ((PolicyKind.IDENTITY, ("Policies", "*", "PolicyDocument")),),
    "AWS::IAM::Group": ((PolicyKind.IDENTITY, ("Policies", "*", "PolicyDocument")),),
    "AWS::SSO::PermissionSet": ((PolicyKind.IDENTITY, ("InlinePolicy",)),),
    "AWS::Backup::BackupVault": ((PolicyKind.RESOURCE, ("AccessPolicy",)),),
    "AWS::DynamoDB::GlobalTable": ((PolicyKind.RESOURCE, ("Replicas", "*", "ResourcePolicy", "PolicyDocument")),),
    "AWS::DynamoDB::Table": ((PolicyKind.RESOURCE, ("ResourcePolicy", "PolicyDocument")),),
    "AWS::ECR::PublicRepository": ((PolicyKind.RESOURCE, ("RepositoryPolicyText",)),),
    "AWS::ECR::RegistryPolicy": ((PolicyKind.RESOURCE, ("PolicyText",)),),
    "AWS::ECR::Repository": ((PolicyKind.RESOURCE, ("RepositoryPolicyText",)),),
    "AWS::ECR::RepositoryCreationTemplate": ((PolicyKind.RESOURCE, ("RepositoryPolicy",)),),
    "AWS::EC2::VPCEndpoint": ((PolicyKind.ENDPOINT, ("PolicyDocument",)),),
    "AWS::EFS::FileSystem": ((PolicyKind.RESOURCE, ("FileSystemPolicy",)),),
    "AWS::Events::EventBus": ((PolicyKind.RESOURCE, ("Policy",)),),
    "AWS::Events::EventBusPolicy": ((PolicyKind.RESOURCE, ("Statement",)),),
    "AWS::KMS::Key": ((PolicyKind.RESOURCE, ("KeyPolicy",)),),
    "AWS::KMS::ReplicaKey": ((PolicyKind.RESOURCE, ("KeyPolicy",)),),
    "AWS::Kinesis::ResourcePolicy": ((PolicyKind.RESOURCE, ("ResourcePolicy",)),),
    "AWS::Logs::ResourcePolicy": ((PolicyKind.RESOURCE, ("PolicyDocument",)),),
    "AWS::S3::AccessPoint": ((PolicyKind.RESOURCE, ("Policy",)),),
    "AWS::S3::BucketPolicy": ((PolicyKind.RESOURCE, ("PolicyDocument",)),),
    "AWS::SNS::TopicInlinePolicy": ((PolicyKind.RESOURCE, ("PolicyDocument",)),),
    "AWS::SNS::TopicPolicy": ((PolicyKind.RESOURCE, ("PolicyDocument",)),),
    "AWS::SQS::QueueInlinePolicy": ((PolicyKind.RESOURCE, ("PolicyDocument",)),),
    "AWS::SQS::QueuePolicy": ((PolicyKind.RESOURCE, ("PolicyDocument",)),),
    "AWS::SecretsManager::ResourcePolicy": ((PolicyKind.RESOURCE, ("ResourcePolicy",)),),
}
"""Where each resource type keeps its policies; `*` stands for each element of a list."""

_PERMISSION: Final = "AWS::Lambda::Permission"
"""One statement of a function's policy, written as properties."""
_EVENT_BUS_POLICY: Final = "AWS::Events::EventBusPolicy"
"""Likewise, where it has no `Statement`."""

_POSITIVE_OPERATORS: Final = re.compile(
    r"^(ForAnyValue:)?(StringEquals|StringEqualsIgnoreCase|StringLike|ArnEquals|ArnLike)$"
)
"""Operators that fail when the key is missing. `...IfExists` and `ForAllValues:` succeed then: they narrow nothing."""
POLICY_TYPES: Final = (*_POLICIES, _PERMISSION)


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, with every value that its elements can have."""

    resource: Resource
    kind: PolicyKind
    value: Value

    @property
    def allows(self) -> bool:
        # An effect that cannot be read is judged as an Allow, the dangerous one.
        return any(effect.data != "Deny" for effect in self._effects)

    @property
    def denies(self) -> bool:
        return all(effect.data == "Deny" for effect in self._effects)

    @cached_property
    def actions(self) -> list[Value]:
        return self._elements("Action")

    @cached_property
    def excluded_actions(self) -> list[Value]:
        return self._elements("NotAction")

    @cached_property
    def resources(self) -> list[Value]:
        return self._elements("Resource")

    @cached_property
    def excluded_resources(self) -> list[Value]:
        return self._elements("NotResource")

    @cached_property
    def principals(self) -> list[tuple[str, Value]]:
        """Kind (`AWS`, `Service`, ...) and value of each principal; a bare `*` is of kind `AWS`."""
        found: list[tuple[str, Value]] = []
        for principal in self.value.get("Principal"):
            if isinstance(principal.data, dict):
                found += [(kind, item) for kind, member in principal.members() for item in member.items()]
            else:
                found += [("AWS", item) for item in principal.items()]
        return found

    @cached_property
    def excluded_principals(self) -> list[Value]:
        return self._elements("NotPrincipal")

    def limited(self, test: Callable[[str, str, list[Value]], bool], *, where: Value) -> bool:
        """Whether, wherever the value `where` stands, there is a condition that passes `test`.

        The test gets an operator, a condition key in lower case (they ignore case) and the values; a condition that
        stands on one side of an `Fn::If` only limits nothing on the other.
        """
        here = Value(self.value.data, self.value.path, self.resource, where.given)

        def passes(operator: str, key: str, values: Value) -> bool:
            return test(operator, key.lower(), list(values.items()))

        return all(
            _some(condition, lambda operator, block: _some(block, lambda key, values: passes(operator, key, values)))
            for condition in here.get("Condition")
        )

    def conditions(self) -> list[tuple[str, str, list[Value]]]:
        """Operator, condition key in lower case and values of each condition, in all variants."""
        return [
            (operator, key.lower(), list(values.items()))
            for condition in self.value.get("Condition")
            for operator, block in condition.members()
            for key, values in block.members()
        ]

    def violates(self, message: str, *, about: str = "", fix: str | None = None) -> Observation:
        return self.value.violates(message, about=about, fix=fix)

    @cached_property
    def _effects(self) -> list[Value]:
        return self.value.get("Effect")

    def _elements(self, name: str) -> list[Value]:
        return [item for value in self.value.get(name) for item in value.items()]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A policy, or a statement of one, that the template does not tell."""

    kind: PolicyKind
    observation: Observation


def statements(template: Template) -> list[Statement | Unreadable]:
    """Every policy statement of a template."""
    return [found for resource in template.of_type(*POLICY_TYPES) for found in statements_of(resource)]


def statements_of(resource: Resource) -> Iterator[Statement | Unreadable]:
    if resource.type == _PERMISSION:
        yield from _permission(resource)
    if resource.type == _EVENT_BUS_POLICY:
        yield from _event_bus_policy(resource)
    for kind, path in _POLICIES.get(resource.type, ()):
        for document in _documents(resource, path):
            for parsed in document.parsed():
                if parsed.absent:
                    continue
                if parsed.unknown:
                    yield Unreadable(kind, parsed.undecided("the policy's statements"))
                    continue
                # An event bus policy's property is the statement itself, any other's is a document.
                bodies = (
                    [parsed]
                    if path == ("Statement",)
                    else [item for found in parsed.get("Statement") for item in found.items()]
                )
                for body in bodies:
                    yield (
                        Unreadable(kind, body.undecided("a policy statement"))
                        if body.unknown
                        else Statement(resource, kind, body)
                    )


def _permission(resource: Resource) -> Iterator[Statement]:
    given = _as_written(resource)
    narrowing = {
        "SourceAccount": "aws:SourceAccount",
        "SourceArn": "aws:SourceArn",
        "PrincipalOrgID": "aws:PrincipalOrgID",
    }
    condition = {"StringLike": {key: given[name] for name, key in narrowing.items() if name in given}}
    yield _statement(resource, given.get("Action"), given.get("Principal"), condition)


def _event_bus_policy(resource: Resource) -> Iterator[Statement]:
    given = _as_written(resource)
    if "Statement" not in given:
        condition = given.get("Condition")
        narrowing = condition if isinstance(condition, dict) else {}
        one = {str(narrowing.get("Type")): {str(narrowing.get("Key")): narrowing.get("Value")}}
        yield _statement(resource, given.get("Action"), given.get("Principal"), one if narrowing else {})


def _statement(resource: Resource, action: Any, principal: Any, condition: Any) -> Statement:
    body = {"Effect": "Allow", "Action": action, "Principal": principal, "Condition": condition}
    return Statement(resource, PolicyKind.RESOURCE, Value(body, "Properties", resource, resource.given))


def _as_written(resource: Resource) -> Mapping[str, Any]:
    properties = resource.body.get("Properties")
    return properties if isinstance(properties, dict) else {}


def narrows(operator: str, values: list[Value], names: Callable[[str], bool]) -> bool:
    """Whether a condition's every value names something, and will: `...Like` takes wildcards from parameters."""
    return (
        _POSITIVE_OPERATORS.match(operator) is not None
        and bool(values)
        and all(names(value.text) and not (operator.endswith("Like") and value.may_be("*")) for value in values)
    )


def _some(value: Value, test: Callable[[str, Value], bool]) -> bool:
    """Whether some entry of an object passes a test in every variant."""
    return isinstance(value.data, dict) and any(all(test(key, each) for each in value.child(key)) for key in value.data)


def has_resource_level(action: str) -> bool:
    """Whether IAM can restrict an action to resources; what is not known is taken to be restrictable."""
    service, _, name = action.lower().partition(":")
    return name not in _actions_without_resource_level().get(service, frozenset())


@cache
def _actions_without_resource_level() -> Mapping[str, frozenset[str]]:
    """By service, in lower case, the actions for which only `*` can stand as a resource."""
    text = resources.files(__package__).joinpath("actions_without_resource_level.json").read_text(encoding="utf-8")
    return {
        service: frozenset(name.lower() for name in names) for service, names in json.loads(text)["actions"].items()
    }


def _documents(resource: Resource, path: tuple[str, ...]) -> Iterator[Value]:
    if "*" not in path:
        yield from resource.get(*path)
        return
    star = path.index("*")
    for values in resource.get(*path[:star]):
        for item in values.items():
            yield from item.get(*path[star + 1 :])
