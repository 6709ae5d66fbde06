"""Security groups, of which ministack reads addresses and groups only."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from secure_containers.local.patches.bodies import first
from secure_containers.local.patches.names import GROUPS, RULES, replace


def keep_prefix_lists() -> None:
    """Let rules of security groups name prefix lists: ministack reads addresses and groups only."""
    parse = RULES.found()

    def parsed(params: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = parse(params, prefix)
        given = first(params)
        for number, rule in enumerate(rules, 1):
            for each in itertools.count(1):
                at = f"{prefix}.{number}.PrefixListIds.{each}"
                if f"{at}.PrefixListId" not in given:
                    break
                names = ("PrefixListId", "Description")
                rule["PrefixListIds"].append({name: given[f"{at}.{name}"] for name in names if f"{at}.{name}" in given})
        return rules

    replace(RULES, parsed)


def vpc_of(group: str) -> str | None:
    """The VPC of a security group."""
    found = GROUPS.found().get(group)
    return None if found is None else str(found["VpcId"])
