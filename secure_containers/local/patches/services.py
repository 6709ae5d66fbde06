"""Services that answer in ministack's place, or before it."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.patches.bodies import form, parsed, xml
from secure_containers.local.patches.names import ENFORCE, KEY, MODELS, NAMESPACES, PATTERNS, SERVICES, THREAD
from secure_containers.local.services.api import ApiError, Request, Service

_Answer = tuple[int, dict[str, str], Any]
_Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[_Answer]]


class Protocol(StrEnum):
    """How a service writes its answers."""

    JSON = "json"
    QUERY = "query"
    REST = "rest-json"


def add_service(account: Account, name: str, service: Service, protocol: Protocol) -> None:
    """Answer calls of a service, each in a thread; what it leaves alone goes to ministack."""
    handlers: dict[str, _Handler] = SERVICES.found()
    behind: _Handler | None = handlers.get(name)
    if behind is None:
        PATTERNS.found()[name] = {"credential_scope": name}
        NAMESPACES.found()[name] = name
        MODELS.found()[name] = [name]

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> _Answer:
        request = Request(
            method=method,
            path=path,
            operation=headers.get("x-amz-target", "").rpartition(".")[2],
            body=parsed(body),
            form=form(body) if protocol is Protocol.QUERY else {},
            query=query,
            authorize=functools.partial(_authorize, account.connection.region, name, KEY.found()(headers, query)),
        )
        try:
            answer = await THREAD.found()(service, request)
        except ApiError as refused:
            return _error(refused, protocol)
        if answer is None and behind is not None:
            return await behind(method, path, headers, body, query)
        if protocol is Protocol.QUERY:
            action = form(body)["Action"]
            return 200, {"Content-Type": "text/xml"}, xml(f"{action}Response", answer).encode()
        return 200, {"Content-Type": _CONTENT[protocol]}, json.dumps(answer, default=str).encode()

    handlers[name] = handle


def change_answers(name: str, change: Callable[[str, str], str]) -> None:
    """Let the answers of a service of ministack's pass through a function: it gets the call's body and the answer."""
    handlers: dict[str, _Handler] = SERVICES.found()
    behind = handlers[name]

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> _Answer:
        status, answered, content = await behind(method, path, headers, body, query)
        if status == 200 and isinstance(content, (bytes, str)):
            text = content.decode() if isinstance(content, bytes) else content
            changed = change(body.decode(errors="replace"), text)
            if changed != text:  # and so has the sum by which Amazon DynamoDB's clients check an answer
                content = changed.encode()
                answered = {name: value for name, value in answered.items() if name != "x-amz-crc32"}
        return status, answered, content

    handlers[name] = handle


_CONTENT: Final = {Protocol.JSON: "application/x-amz-json-1.1", Protocol.REST: "application/json"}


def _error(refused: ApiError, protocol: Protocol) -> _Answer:
    if protocol is Protocol.QUERY:
        error = {"Error": {"Type": "Sender", "Code": refused.code, "Message": str(refused)}}
        return refused.status, {"Content-Type": "text/xml"}, xml("ErrorResponse", error).encode()
    headers = {"Content-Type": _CONTENT[protocol], "x-amzn-ErrorType": refused.code}
    return refused.status, headers, json.dumps({"message": str(refused), "__type": refused.code}).encode()


def _authorize(  # noqa: PLR0917 - the first three are given at once, the others by whoever handles the call
    region: str, service: str, key: str, action: str, resource: str, context: Mapping[str, Any]
) -> None:
    denied = ENFORCE.found()(key, action, service, region, resource_arn=resource, service_context=dict(context))
    if denied:
        who = getattr(denied, "principal_arn", "the caller")
        message = f"User: {who} is not authorized to perform: {action} on resource: {resource}"
        raise ApiError("AccessDeniedException", message, status=403)
