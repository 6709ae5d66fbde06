"""A call of an API of ours, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class ApiError(Exception):
    """An answer that is an error.

    Args:
        code: the error's name in the service's API.
        message: what was wrong.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Authorize(Protocol):
    """Asks IAM whether the caller may do something more than what the call is called; refuses if not."""

    def __call__(self, action: str, resource: str, context: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One call.

    Args:
        method: the HTTP method.
        path: the path, with nothing encoded.
        operation: what the header `X-Amz-Target` names, for services that have one.
        body: the parsed body, of calls that carry JSON.
        form: what a call in the form of a query carries.
        query: the parsed query.
        authorize: for calls that need more than one permission.
    """

    method: str
    path: str
    operation: str
    body: Mapping[str, Any]
    form: Mapping[str, str]
    query: Mapping[str, list[str]]
    authorize: Authorize


Service = Callable[[Request], Mapping[str, Any] | None]
"""Answers calls. None leaves a call to ministack."""
