"""Permissions whose wildcards need a reason."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam

from secure_containers.waivers import Waiver, waive


def grant_apart(
    grantee: iam.IGrantable, id: str, statements: Sequence[iam.PolicyStatement], waivers: Sequence[Waiver]
) -> None:
    """Give statements to a principal, once for an id; a role gets them in a policy of their own, so that the waivers
    cover nothing else.

    Args:
        grantee: who may do it.
        id: the construct id of the policy.
        statements: what is allowed.
        waivers: the findings in these statements to accept.
    """
    principal = grantee if isinstance(grantee, iam.Role) else grantee.grant_principal
    if not isinstance(principal, iam.Role):
        for statement in statements:
            principal.add_to_principal_policy(statement)
    elif principal.node.try_find_child(id) is None:
        policy = iam.Policy(principal, id, statements=statements, roles=[principal])
        waive(policy, *waivers)
