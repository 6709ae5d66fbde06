"""Host names that lead to programs: what App Runner and ECS Express Mode give a service."""

from __future__ import annotations

import asyncio
import http.client
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

_WITHIN: Final = 60.0
_OF_CONNECTION: Final = {"connection", "content-length", "transfer-encoding"}


class Front:
    """Passes calls on by their host name."""

    def __init__(self) -> None:
        self._hosts: dict[str, Sequence[tuple[str, int]]] = {}

    def serve(self, host: str, targets: Sequence[tuple[str, int]]) -> None:
        """Let a host name lead to these addresses and ports, and to no others."""
        self._hosts[host] = targets

    def forget(self, host: str) -> None:
        """Let a host name lead nowhere."""
        self._hosts.pop(host, None)

    def knows(self, scope: Mapping[str, Any]) -> bool:
        """Whether a call is for a host of ours."""
        return _host(scope) in self._hosts

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, headers, content = await asyncio.to_thread(self._passed, scope, body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _passed(self, scope: Mapping[str, Any], body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        targets = self._hosts.get(_host(scope), ())
        if not targets:
            return 503, [], b"no healthy target"
        query = scope["query_string"].decode("latin-1")
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        headers = {name: value for name, value in given.items() if name.lower() not in _OF_CONNECTION}
        connection = http.client.HTTPConnection(*random.choice(targets), timeout=_WITHIN)  # noqa: S311 - no secret
        try:
            path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
            connection.request(
                scope["method"],
                f"{path}?{query}" if query else path,
                body=body,
                headers={**headers, "X-Forwarded-Proto": "https"},
            )
            answer = connection.getresponse()
            told = [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in answer.getheaders()
                if name.lower() not in _OF_CONNECTION
            ]
            return answer.status, told, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 502, [], str(error).encode()
        finally:
            connection.close()


def _host(scope: Mapping[str, Any]) -> str:
    return next(
        (value.decode("latin-1").partition(":")[0].lower() for name, value in scope["headers"] if name == b"host"), ""
    )
