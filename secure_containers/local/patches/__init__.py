"""The one folder that knows ministack's inside; `names.py` lists all of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from secure_containers.local.front import Front
from secure_containers.local.patches.names import APP, CERTIFICATE, KEY, NAMES, TYPES, WORKERS, check

__all__ = ["NAMES", "application", "certificate", "check", "end_functions", "known_types"]

_ANYBODY: Final = re.compile(r"test|[0-9]{12}", re.IGNORECASE)
"""Keys that ministack takes for the root's, with any secret."""
_ITS_OWN: Final = ("/_ministack/", "/_localstack/")
"""Paths that ministack serves to anybody."""
_SERVED: Final = ("/_ministack/health", "/_ministack/cfn-response/", "/_ministack/cfn-signal/")
"""Those that this run needs: the last two are signed by a token of their own."""
_REFUSED: Final = (
    b"<ErrorResponse><Error><Code>InvalidClientTokenId</Code>"
    b"<Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>"
)


def known_types() -> frozenset[str]:
    """The resource types that ministack knows by itself."""
    return frozenset(TYPES.found())


def application(front: Front) -> Any:
    """The server, for any ASGI server to run; of the root's keys it knows the one of this run only.

    Args:
        front: answers calls for its hosts.
    """
    serve = APP.found()

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and front.knows(scope):
            await front(scope, receive, send)
            return
        if scope["type"] == "http" and not _may_pass(scope):
            kind = (b"content-type", b"text/xml")
            await send({"type": "http.response.start", "status": 403, "headers": [kind]})
            await send({"type": "http.response.body", "body": _REFUSED})
            return
        await serve(scope, receive, send)

    return guarded


def _may_pass(scope: Mapping[str, Any]) -> bool:
    """Whether a call is for what this run serves, and not made with a key that anybody knows."""
    if scope["path"].startswith(_ITS_OWN) and not scope["path"].startswith(_SERVED):
        return False
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return _ANYBODY.fullmatch(str(KEY.found()(headers, query))) is None


def end_functions() -> None:
    """End the processes that functions run in."""
    WORKERS.found()()


def certificate() -> tuple[str, str]:
    """The certificate's file and that of its key; they are made first if need be."""
    file, key = CERTIFICATE.found()()
    return str(file), str(key)
