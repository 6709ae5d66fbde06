"""Resource types that CloudFormation lacks, and properties that it drops."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.patches.names import BLOCKING, REPLACING, TAGS, TYPES, replace
from secure_containers.local.types.resource import Asked, Made, Type


def add_types(account: Account, types: Mapping[str, Type], kept: Mapping[str, Kept]) -> None:
    """Teach CloudFormation types that it lacks, and to keep properties that it drops."""
    handlers = TYPES.found()
    for name, type_ in types.items():
        handlers[name] = _handlers(account, type_)
        REPLACING.found()[name] = type_.replaces
        if type_.tags is not None:
            TAGS.found()[name] = ("Tags", type_.tags)
    for name, keeper in kept.items():
        handlers[name] = _keeping(account, keeper, handlers[name])
    ours = {*types, *kept}
    blocks = BLOCKING.found()
    replace(BLOCKING, lambda resource_type: resource_type in ours or blocks(resource_type))


def _handlers(account: Account, type_: Type) -> dict[str, Any]:
    """A type as CloudFormation calls it."""

    def create(logical: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        return _told(type_.create(Asked(account=account, stack=stack, logical=logical, properties=properties)))

    def update(
        physical: str, before: dict[str, Any], properties: dict[str, Any], stack: str, logical: str | None
    ) -> tuple[str, dict[str, Any]]:
        asked = Asked(
            account=account,
            stack=stack,
            logical=logical or "",
            properties=properties,
            before=before,
            physical=physical,
        )
        return _told((type_.update or type_.create)(asked))

    def delete(physical: str, properties: dict[str, Any]) -> None:
        type_.delete(Asked(account=account, stack="", logical="", properties=properties, physical=physical))

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


def _told(made: Made) -> tuple[str, dict[str, Any]]:
    return made.physical, dict(made.attributes)


def _keeping(account: Account, keeper: Kept, handlers: Mapping[str, Any]) -> dict[str, Any]:
    """A type of ministack's with what it drops done after it."""
    create, delete = handlers["create"], handlers["delete"]
    update: Any = handlers.get("update")

    @functools.wraps(create)
    def create_and_keep(logical: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        physical, attributes = create(logical, properties, stack)
        try:
            told = {**attributes, **keeper.keep(account, physical, properties, {})}
        except Exception:
            delete(physical, properties)  # CloudFormation does not know of it yet
            raise
        return keeper.outside(physical, told), told

    def update_and_keep(physical: str, before: dict[str, Any], properties: dict[str, Any], *rest: Any) -> Any:
        made, attributes = update(keeper.inside(physical), before, properties, *rest)
        told = {**attributes, **keeper.keep(account, made, properties, before)}
        return keeper.outside(made, told), told

    def check_and_delete(physical: str, properties: dict[str, Any], *rest: Any) -> None:
        keeper.before_deletion(account, keeper.inside(physical))
        delete(keeper.inside(physical), properties, *rest)

    return {
        **handlers,
        "create": create_and_keep,
        "delete": check_and_delete,
        **({} if update is None else {"update": update_and_keep}),
    }
