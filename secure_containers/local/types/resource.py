"""What a resource type has to say: how CloudFormation makes one, changes it and takes it away."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from secure_containers.local.account import Account

_LETTERS: Final = string.ascii_letters + string.digits
_RANDOM: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What CloudFormation asks of a type.

    Args:
        account: where it happens.
        stack: the name of the stack.
        logical: the logical id of the resource.
        properties: what the template says, with everything resolved.
        before: what the template said before an update.
        physical: the resource that is there already; empty before it is made.
    """

    account: Account
    stack: str
    logical: str
    properties: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)
    physical: str = ""

    def client(self, service: str) -> Any:
        """A boto3 client of the account's root."""
        return self.account.client(service)

    def name(self, property_: str, *, most: int = 128) -> str:
        """The name that the template gives, or one of CloudFormation's: stack, logical id and random letters."""
        given = self.properties.get(property_)
        if given:
            return str(given)
        own = "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
        return f"{f'{self.stack}-{self.logical}'[: most - _RANDOM - 1]}-{own}"

    def changed(self) -> set[str]:
        """The properties that an update changes."""
        names = {*self.properties, *self.before}
        return {name for name in names if self.properties.get(name) != self.before.get(name)}


@dataclass(frozen=True, slots=True)
class Made:
    """What there is now: its physical id, which `Ref` gives, and its attributes for `Fn::GetAtt`."""

    physical: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Type:
    """A resource type.

    Args:
        create: makes a resource; what it raises is the reason of the failed event.
        delete: takes it away; one that is gone already is no error.
        update: changes it in place, or makes another one and returns that, of which CloudFormation then deletes the
            first. Left out, every change makes another one.
        replaces: properties whose change always makes another one, known before the update: change sets say so.
        tags: the shape of the property `Tags`, to which CloudFormation adds the stack's own; None if there is none.
        record: nothing stands behind the resource.
    """

    create: Callable[[Asked], Made]
    delete: Callable[[Asked], None]
    update: Callable[[Asked], Made] | None = None
    replaces: tuple[str, ...] = ()
    tags: Literal["list", "map"] | None = None
    record: bool = False


def gone(call: Callable[..., Any], *codes: str, **arguments: Any) -> None:
    """A deletion that does not mind if there is nothing to delete: then AWS answers with one of these codes."""
    try:
        call(**arguments)
    except Exception as error:
        response = getattr(error, "response", None) or {}  # None, if nobody has answered
        if response.get("Error", {}).get("Code") not in codes:
            raise
