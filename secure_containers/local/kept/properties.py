"""What is done after ministack has made a resource, since it drops some properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from secure_containers.local.account import Account

_Properties = Mapping[str, Any]


def _nothing(_: Account, __: str, ___: _Properties, ____: _Properties) -> _Properties:
    """Everything is kept."""
    return {}


def _same(physical: str, _: _Properties) -> str:
    return physical


def _itself(physical: str) -> str:
    return physical


def _anything(_: Account, __: str) -> None:
    """Nothing stands against a deletion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A resource type of ministack's that is completed.

    Args:
        keep: gets the physical id, the properties and, of an update, those before; returns further attributes.
        before_deletion: gets the physical id and raises if the resource cannot be deleted.
        outside: the physical id, where ministack has another one than AWS; gets ministack's and the attributes.
        inside: ministack's physical id again.
    """

    keep: Callable[[Account, str, _Properties, _Properties], Mapping[str, Any]] = _nothing
    before_deletion: Callable[[Account, str], None] = _anything
    outside: Callable[[str, _Properties], str] = _same
    inside: Callable[[str], str] = _itself
