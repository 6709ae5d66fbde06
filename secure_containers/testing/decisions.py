"""Single decisions, by ministack's evaluator of IAM policies.

The evaluator is a module of ministack's inside, so one version of it is known here and no other is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from secure_containers.errors import invalid
from secure_containers.rules.template import Template
from secure_containers.testing.deployment import Deployment
from secure_containers.testing.extra import needed
from secure_containers.testing.roles import PolicyStatement, RolePolicies

_MINISTACK: Final = "1.5.33"
_OWN: Final = frozenset({"aws:currenttime", "aws:epochtime", "aws:resourceaccount", "s3:resourceaccount"})
"""Condition keys that the evaluator works out by itself."""
_VARIABLE: Final = re.compile(r"\$\{([^{},]*)\}")


@dataclass(frozen=True, slots=True)
class Decision:
    """What IAM says to a call, and by which statement."""

    allowed: bool
    why: str


def decide(
    deployment: Deployment,
    policies: RolePolicies,
    action: str,
    resource: str,
    context: Mapping[str, str | Sequence[str]],
) -> Decision:
    """What a role's policies and its permissions boundary say to one call."""
    keys = {key.lower(): value for key, value in context.items()}
    if _OWN & keys.keys():
        key = min(_OWN & keys.keys())
        raise invalid(
            deployment.where,
            "context",
            dict(context),
            allowed=f"condition keys other than {key}, which the evaluator works out by itself",
            write='context={"aws:SourceVpce": "vpce-0a1b2c3d"}',
        )
    evaluator = needed("ministack.core.iam_evaluator", of="ministack", exactly=_MINISTACK)
    layers = [policies.identity, *([] if policies.boundary is None else [policies.boundary])]
    identity, *bounds = [[_parsed(evaluator, layer, number, keys)] for number, layer in enumerate(layers)]
    call = _call(
        evaluator,
        {"action": action, "resource_arn": resource},
        arn=deployment.gives(policies.role, "Arn"),
        template=policies.role.template,
        keys=keys,
    )
    decided = evaluator.evaluate(call, identity, *bounds)
    if decided.decision == "ImplicitDeny":
        bounded = bounds and evaluator.evaluate(call, identity).decision == "Allow"
        why = "the permissions boundary does not allow it" if bounded else "no statement allows it"
        return Decision(allowed=False, why=why)
    number, index = map(int, decided.matched_sid.split("."))
    allowed = decided.decision == "Allow"
    return Decision(allowed=allowed, why=f"{'allowed' if allowed else 'denied'} by {layers[number][index].text}")


def _call(evaluator: Any, asked: Mapping[str, str], *, arn: str, template: Template, keys: Mapping[str, Any]) -> Any:
    """The call as the evaluator takes it; some condition keys have places of their own there."""
    return evaluator.EvalContext(
        **asked,
        principal_arn=keys.get("aws:principalarn", arn),
        principal_type=keys.get("aws:principaltype", "AssumedRole"),
        principal_account=keys.get("aws:principalaccount", template.account),
        region=keys.get("aws:requestedregion", template.region),
        source_ip=keys.get("aws:sourceip"),
        secure_transport=str(keys.get("aws:securetransport", "true")).lower() == "true",
        tag_keys=keys.get("aws:tagkeys"),
        service_context=keys,
        # Left out, the evaluator would ask ministack's own organization.
        principal_keys={"aws:principalorgid": None, **keys},
    )


def _parsed(evaluator: Any, layer: Iterable[PolicyStatement], number: int, keys: Mapping[str, Any]) -> Any:
    """The statements for the evaluator; their names tell which of ours decided."""
    bodies = [{**_filled(each.body, keys), "Sid": f"{number}.{index}"} for index, each in enumerate(layer)]
    return evaluator.parse_policy_document({"Statement": bodies})


def _filled(node: Any, keys: Mapping[str, Any]) -> Any:
    """A statement with the call's condition keys in the place of policy variables."""
    if isinstance(node, Mapping):
        return {key: _filled(child, keys) for key, child in node.items()}
    if isinstance(node, list):
        return [_filled(child, keys) for child in node]
    if not isinstance(node, str):
        return node
    return _VARIABLE.sub(lambda found: str(keys.get(found[1].lower(), found[0])), node)
