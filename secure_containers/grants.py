"""Permissions whose wildcards need a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import Names, Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_containers.errors import invalid
from secure_containers.waivers import Waiver, waive

_CARRIERS: Final = "a role, a user or a group, or what has one"


def grant_apart(
    grantee: iam.IGrantable,
    id: str,
    statements: Sequence[iam.PolicyStatement],
    waivers: Sequence[Waiver],
    *,
    scope: Construct | None = None,
) -> None:
    """Give statements to a principal, once for an id; a role gets them in a policy of their own, so that the waivers
    cover nothing else.

    Args:
        grantee: who may do it.
        id: the construct id of the policy.
        statements: what is allowed.
        waivers: the findings in these statements to accept.
        scope: where the policy of an imported role stands. Left out, its own policy takes the statements, unwaived.
    """
    principal: Any = grantee if isinstance(grantee, iam.Role) else grantee.grant_principal
    home: Construct | None = principal if isinstance(principal, iam.Role) else None
    if home is None and scope is not None and hasattr(principal, "role_name"):
        home, id = scope, f"{id}For{Names.node_unique_id(principal.node)}"
    if home is None:
        for statement in statements:
            principal.add_to_principal_policy(statement)
    elif home.node.try_find_child(id) is None:
        policy = iam.Policy(home, id, statements=statements, roles=[principal])
        waive(policy, *waivers)


def grant_unbound(grantee: iam.IGrantable, id: str, actions: Sequence[str], *, scope: Construct | None = None) -> None:
    """Give actions that have no resource level to a principal, apart.

    Args:
        grantee: who may do it.
        id: the construct id of the policy.
        actions: what is allowed, on `*`.
        scope: where the policy of an imported role stands.
    """
    reason = f"AWS has no resource level for {' and '.join(actions)}, and this policy allows no more"
    statement = iam.PolicyStatement(actions=list(actions), resources=["*"])
    grant_apart(grantee, id, [statement], [Waiver("AwsSolutions-IAM5[Resource::*]", reason=reason)], scope=scope)


def check_local(path: str, grantee: object, owner: Construct) -> None:
    """Refuse a principal of another account, which only a resource policy could let in, and one that takes no policy.

    Args:
        path: where, for messages.
        grantee: who is to be let.
        owner: whose account it has to be of.
    """
    principal = getattr(grantee, "grant_principal", None)
    if principal is None:
        raise invalid(path, "grantee", grantee, allowed=_CARRIERS, write="a role, or what has one")
    account, own = principal.principal_account, Stack.of(owner).account
    if account not in (None, own) and not Token.is_unresolved(account) and not Token.is_unresolved(own):
        allowed = f"a role of this account, {own}: nothing here has a resource policy that could let others in"
        write = "a role here, which that one takes"
        raise invalid(path, "grantee", f"a principal of {account}", allowed=allowed, write=write)
    check_carrier(path, principal)


def check_carrier(path: str, principal: object) -> None:
    """Refuse a principal that no policy can be attached to, such as a service: a grant would give it nothing."""
    if isinstance(principal, iam.PrincipalBase):
        raise invalid(
            path,
            "grantee",
            type(principal).__name__,
            allowed=_CARRIERS,
            write='iam.Role.from_role_arn(self, "Partner", "arn:...")',
        )
