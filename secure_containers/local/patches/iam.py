"""What IAM is asked, and who may have a role."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from secure_containers.local.account import Account
from secure_containers.local.patches.bodies import first, parsed
from secure_containers.local.patches.names import ACTION, ASKED, CONTEXT, RESOURCE, SESSION, TAGGED, TRUST, replace

_LET_BY = {"ecr:ListImageReferrers": "ecr:BatchGetImage"}
"""Calls that another action's permission is for, as their documentation says."""


def add_iam(
    *,
    resource: Callable[[Asking], str | None],
    conditions: Callable[[Asking], Mapping[str, Any]],
    tagged: Mapping[str, Callable[[], Iterable[tuple[str, Mapping[str, str]]]]],
) -> None:
    """Let IAM know more about what is asked of it.

    Args:
        resource: the ARN that a call is authorized on; None leaves it to ministack.
        conditions: further condition keys of a call.
        tagged: by service of ours the ARNs of everything in it with their tags.
    """
    action_of, resource_of, context_of = ACTION.found(), RESOURCE.found(), CONTEXT.found()

    def action(*arguments: Any) -> str | None:
        found: str | None = action_of(*arguments)
        return None if found is None else _LET_BY.get(found, found)

    def resource_arn(*arguments: Any) -> str:
        service, _, path, _, body, params = arguments[:6]
        found = resource(Asking(service, path, parsed(body), first(params)))
        return str(resource_of(*arguments)) if found is None else found

    def context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        asking = Asking(service, iam_action, parsed(body), first(params))
        return {**context_of(service, iam_action, body, params), **conditions(asking)}

    def collect(service: str) -> Iterable[tuple[str, list[dict[str, str]]]]:
        for arn, tags in tagged[service]():
            yield arn, [{"Key": key, "Value": value} for key, value in tags.items()]

    replace(ACTION, action)
    replace(RESOURCE, resource_arn)
    replace(CONTEXT, context)
    for service in tagged:
        TAGGED.found()[service] = partial(collect, service)


def register_one_by_one() -> None:
    """Let sessions be registered by threads at the same time: ministack looks through all of them each time."""
    register, lock = SESSION.found(), threading.Lock()

    def registered(access_key: str, session: dict[str, Any]) -> None:
        with lock:
            register(access_key, session)

    replace(SESSION, registered)


@dataclass(frozen=True, slots=True)
class Asking:
    """A call that IAM is asked about.

    Args:
        service: its service.
        about: the path of a REST call where its resource is asked for, the action where its conditions are.
        body: its body, if that is JSON.
        params: what its query or form carries.
    """

    service: str
    about: str
    body: Mapping[str, Any]
    params: Mapping[str, str]


def credentials(account: Account, role: str, trust: Mapping[str, Any], *, service: str, session: str) -> dict[str, str]:
    """The credentials of a role, as a service takes them for a task in this account.

    Args:
        account: the account.
        role: the role's ARN.
        trust: what the role says of who may have it.
        service: the service's principal, such as `ecs-tasks.amazonaws.com`.
        session: the name of the session.

    Raises:
        PermissionError: the role does not let the service have it.
    """
    connection = account.connection
    source = {"aws:sourceaccount": connection.account, "aws:sourcearn": account.arn("ecs", "*")}
    named = [each for each in _listed(trust["Statement"]) if _names(each, service) or each["Effect"] == "Deny"]
    root = f"arn:aws:iam::{connection.account}:root"  # as whom ministack lets services act
    asked = ASKED.found()(
        principal_arn=root,
        principal_type="AWSService",
        principal_account=connection.account,
        action="sts:AssumeRole",
        resource_arn=role,
        region=connection.region,
        service_context=source,
    )
    if not TRUST.found()({"Statement": named}, root, asked):
        raise PermissionError(f"the role's trust policy does not let {service} have it here")
    name = role.rpartition("/")[2]
    given = {
        "aws_access_key_id": f"ASIA{secrets.token_hex(8).upper()}",
        "aws_secret_access_key": secrets.token_hex(20),
        "aws_session_token": secrets.token_hex(32),
    }
    SESSION.found()(
        given["aws_access_key_id"],
        {
            "Arn": f"arn:aws:sts::{connection.account}:assumed-role/{name}/{session}",
            "UserId": f"{name}:{session}",
            "SecretAccessKey": given["aws_secret_access_key"],
            "SessionToken": given["aws_session_token"],
            "AccountId": connection.account,
            "PrincipalType": "AssumedRole",
        },
    )
    return given


def _names(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal", {})
    return isinstance(principal, Mapping) and service in _listed(principal.get("Service", []))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
