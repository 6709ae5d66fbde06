"""The one folder that knows ministack's inside; `names.py` lists all of it."""

from __future__ import annotations

import re
from typing import Any, Final

from secure_containers.local.patches.names import APP, CERTIFICATE, NAMES, TYPES, WORKERS, check

__all__ = ["NAMES", "application", "certificate", "check", "end_functions", "known_types"]

_ANYBODY: Final = re.compile(rb"(Credential=|AWS |AWSAccessKeyId=)(?:test|[0-9]{12})(?=/|:|%2F|&|$)", re.IGNORECASE)
"""Keys that ministack takes for the root's, with any secret."""
_NOBODY: Final = rb"\1AKIANOTOFTHISRUN"


def known_types() -> frozenset[str]:
    """The resource types that ministack knows by itself."""
    return frozenset(TYPES.found())


def application() -> Any:
    """The server, for any ASGI server to run; of the root's keys it knows the one of this run only."""
    serve = APP.found()

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [
                (name, _ANYBODY.sub(_NOBODY, value) if name == b"authorization" else value)
                for name, value in scope["headers"]
            ]
            query = _ANYBODY.sub(_NOBODY, scope["query_string"])
            scope = {**scope, "headers": headers, "query_string": query}
        await serve(scope, receive, send)

    return guarded


def end_functions() -> None:
    """End the processes that functions run in."""
    WORKERS.found()()


def certificate() -> tuple[str, str]:
    """The certificate's file and that of its key; they are made first if need be."""
    file, key = CERTIFICATE.found()()
    return str(file), str(key)
