"""Assertions on what a role may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from secure_containers.errors import check_list, invalid
from secure_containers.testing.decisions import Decision, decide
from secure_containers.testing.deployment import ACCOUNT, REGION, Deployment
from secure_containers.testing.findings import listed, unread_parts
from secure_containers.testing.proof import UndecidedError, call_beyond, call_missing, denied_altogether
from secure_containers.testing.roles import PolicyStatement, RolePolicies, policies_of
from secure_containers.testing.templates import Templates, read

_WRITE_ALLOW: Final = 'Allow("dynamodb:PutItem", "${Jobs.Arn}")'

Context = Mapping[str, str | Sequence[str]]
"""Condition keys of a call."""


@dataclass(frozen=True, slots=True)
class Allow:
    """What a role is intended to do.

    Args:
        actions: one action or several, with `*` and `?` as in IAM.
        resources: one resource or several, in the words of `Fn::Sub`: `"${Results.Arn}/jobs/*"`, where `Results` is a
            logical id or the beginning of only one. Literal ARNs and `*` work too.
        conditions: only under these conditions, as IAM writes them: `{"StringEquals": {"aws:SourceAccount":
            "${AWS::AccountId}"}}`. Left out, it is intended under all.

    Raises:
        ValueError: something else is given.
    """

    actions: str | Sequence[str]
    resources: str | Sequence[str]
    conditions: Mapping[str, Mapping[str, Any]] | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        named = "" if self.conditions is None else f", conditions={self.conditions!r}"
        return f"Allow({self.actions!r}, {self.resources!r}{named})"

    def __post_init__(self) -> None:
        for argument, got in (("actions", self.actions), ("resources", self.resources)):
            check_list("Allow", argument, _texts(got), str, allowed="a text or a list of texts", write=_WRITE_ALLOW)
            if not got:
                raise invalid("Allow", argument, got, allowed="one at least", write=_WRITE_ALLOW)
        wrong = [action for action in _texts(self.actions) if action != "*" and ":" not in action]
        if wrong:
            raise invalid("Allow", "actions", wrong[0], allowed="service:Action", write=_WRITE_ALLOW)
        blocks = self.conditions.values() if isinstance(self.conditions, Mapping) else [self.conditions]
        if self.conditions is not None and not all(isinstance(block, Mapping) for block in blocks):
            raise invalid(
                "Allow",
                "conditions",
                self.conditions,
                allowed="operators with keys and values",
                write='conditions={"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}',
            )


def assert_only_allows(
    template: Templates,
    role: str,
    intended: Sequence[Allow],
    *,
    conditions: Mapping[str, bool] | None = None,
    account: str = ACCOUNT,
    region: str = REGION,
) -> None:
    """A role may do everything that is intended, and it is proved that it may do nothing else.

    All its policies in the templates count, its Denies and its permissions boundary too. Resource policies that name
    the role are not judged: what a bucket or key lets it do is a matter of that policy.

    Where the templates leave open what holds, an Allow on either side of an `Fn::If` counts, and a Deny only if it
    stands on both. A statement with conditions does less than one without: an intention without conditions covers it,
    one with conditions covers it if the statement's conditions are as narrow. Denies of the role that take something
    from what is intended are no failure, unless nothing of it is left.

    Args:
        template: one template or several that are judged together; see `secure_containers.testing`.
        role: the role's logical id, or the beginning of only one.
        intended: all that it should be able to do.
        conditions: which of the templates' conditions hold; those left out count both ways.
        account: stands for the account, where a cloud assembly does not tell it.
        region: stands for the Region likewise.

    Raises:
        AssertionError: the role may do more, with a call as the example; it may not do something intended; or the
            solver gives up.
        ValueError: an argument is wrong, or a policy of the role cannot be read.
    """
    where = "assert_only_allows"
    check_list(where, "intended", intended, Allow, allowed="a list of Allow", write=f"intended=[{_WRITE_ALLOW}]")
    deployment, policies = _judged(where, template, role, conditions=conditions, account=account, region=region)
    name = policies.role.logical_id
    meant = [statement for each in intended for statement in _statements(deployment, each)]
    try:
        beyond = call_beyond(policies, meant)
        if beyond is not None:
            raise AssertionError(
                f"{name} may do more than is intended: {deployment.in_words(str(beyond))}\n"
                f"  allowed by {deployment.in_words(beyond.statement.text)}\n"
                "  take it out of that policy; or, if it is meant, add to intended: "
                + deployment.in_words(f'Allow("{beyond.action}", "{beyond.resource}")')
            )
        _assert_done(deployment, policies, meant)
    except UndecidedError as error:
        raise AssertionError(f"{name}: {error}; judge fewer templates, or say which conditions hold") from error


def assert_allowed(
    template: Templates,
    role: str,
    action: str,
    resource: str,
    *,
    context: Context | None = None,
    conditions: Mapping[str, bool] | None = None,
    account: str = ACCOUNT,
    region: str = REGION,
) -> None:
    """A role's policies and its permissions boundary allow one call.

    Policies of the resource, of the organization and of the session are not judged. An Allow on either side of an
    `Fn::If` counts, and so does a Deny.

    Args:
        template: one template or several that are judged together; see `secure_containers.testing`.
        role: the role's logical id, or the beginning of only one.
        action: the call's action: `s3:PutObject`.
        resource: what it is about: `"${Results.Arn}/jobs/17"`, in the words of `Fn::Sub`, or an ARN.
        context: the call's condition keys: `{"aws:SourceVpce": "vpce-0a1b2c3d"}`. Calls come over TLS unless
            `aws:SecureTransport` is `"false"`; other keys that are left out are missing.
        conditions: which of the templates' conditions hold; those left out count both ways.
        account: stands for the account, where a cloud assembly does not tell it.
        region: stands for the Region likewise.

    Raises:
        AssertionError: the call is not allowed; the message says which statement denies it, if one does.
        ValueError: an argument is wrong, or a policy of the role cannot be read.
    """
    where = "assert_allowed"
    deployment, policies = _judged(where, template, role, conditions=conditions, account=account, region=region)
    call, decision = _decision(deployment, policies, action, resource, context)
    if not decision.allowed:
        raise AssertionError(f"{policies.role.logical_id} may not {call}: {deployment.in_words(decision.why)}")


def assert_denied(
    template: Templates,
    role: str,
    action: str,
    resource: str,
    *,
    context: Context | None = None,
    conditions: Mapping[str, bool] | None = None,
    account: str = ACCOUNT,
    region: str = REGION,
) -> None:
    """A role's policies, or its permissions boundary, do not allow one call.

    A policy of the resource may still allow it. An Allow on either side of an `Fn::If` counts; a Deny only if it stands
    on both.

    Args:
        template: one template or several that are judged together; see `secure_containers.testing`.
        role: the role's logical id, or the beginning of only one.
        action: the call's action: `s3:DeleteObject`.
        resource: what it is about: `"${Results.Arn}/jobs/17"`, in the words of `Fn::Sub`, or an ARN.
        context: the call's condition keys, as for `assert_allowed`.
        conditions: which of the templates' conditions hold; those left out count both ways.
        account: stands for the account, where a cloud assembly does not tell it.
        region: stands for the Region likewise.

    Raises:
        AssertionError: the call is allowed; the message says by which statement.
        ValueError: an argument is wrong, or a policy of the role cannot be read.
    """
    where = "assert_denied"
    deployment, policies = _judged(where, template, role, conditions=conditions, account=account, region=region)
    certain = RolePolicies(
        policies.role, _certain(policies.identity), policies.boundary and _certain(policies.boundary)
    )
    call, decision = _decision(deployment, certain, action, resource, context)
    if decision.allowed:
        raise AssertionError(f"{policies.role.logical_id} may {call}: {deployment.in_words(decision.why)}")


def _judged(
    where: str, template: Templates, role: str, *, conditions: Mapping[str, bool] | None, account: str, region: str
) -> tuple[Deployment, RolePolicies]:
    templates = read(where, "template", template)
    unread = unread_parts(templates)
    if unread:
        raise ValueError(f"{where}: not everything can be read that may give the role permissions:\n{listed(unread)}")
    deployment = Deployment(where, templates, account=account, region=region, conditions=conditions or {})
    return deployment, policies_of(deployment, deployment.find("role", role, "AWS::IAM::Role"))


def _decision(
    deployment: Deployment, policies: RolePolicies, action: str, resource: str, context: Context | None
) -> tuple[str, Decision]:
    for argument, got, write in (("action", action, "s3:PutObject"), ("resource", resource, "${Results.Arn}/jobs/17")):
        if not isinstance(got, str) or not got or (argument == "action" and ":" not in got):
            raise invalid(deployment.where, argument, got, allowed="one, as a text", write=f'{argument}="{write}"')
    texts = deployment.texts("resource", resource)
    if len(texts) > 1:
        raise invalid(
            deployment.where,
            "resource",
            resource,
            allowed=f"what is one thing; this is {' or '.join(texts)}",
            write="one of them",
        )
    return f"{action} on {resource}", decide(deployment, policies, action, texts[0], context or {})


def _assert_done(deployment: Deployment, policies: RolePolicies, meant: Sequence[PolicyStatement]) -> None:
    name = policies.role.logical_id
    missing = call_missing(policies, meant)
    if missing is not None:
        raise AssertionError(
            f"{name} may not do all that is intended: {deployment.in_words(str(missing))}\n"
            f"  intended by {missing.statement.at}\n"
            "  grant it, or take it out of what is intended"
        )
    for each in denied_altogether(policies, meant):
        raise AssertionError(
            f"{name} may do nothing of what is intended by {each.at}: its policies deny it\n"
            "  take the Deny out, or take it out of what is intended"
        )


def _statements(deployment: Deployment, allow: Allow) -> list[PolicyStatement]:
    """An intention as a statement for each of its actions and resources, so that messages name what they mean."""
    condition = {"Condition": _resolved(deployment, allow.conditions)} if allow.conditions else {}
    return [
        PolicyStatement({"Effect": "Allow", "Action": action, "Resource": resource, **condition}, str(allow))
        for action, written in product(_texts(allow.actions), _texts(allow.resources))
        for resource in deployment.texts("resources", written)
    ]


def _resolved(deployment: Deployment, node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _resolved(deployment, child) for key, child in node.items()}
    if isinstance(node, list | tuple):
        return [text for child in node for text in _list(_resolved(deployment, child))]
    if isinstance(node, str):
        texts = deployment.texts("conditions", node)
        return texts[0] if len(texts) == 1 else texts
    return node


def _certain(statements: Sequence[PolicyStatement]) -> list[PolicyStatement]:
    return [each for each in statements if each.allows or each.certain]


def _texts(got: str | Sequence[str]) -> Sequence[str]:
    return [got] if isinstance(got, str) else got


def _list(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]
