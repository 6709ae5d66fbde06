"""Security groups, of which ministack reads addresses and groups only; and the images of container hosts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.patches.bodies import first
from secure_containers.local.patches.names import AMIS, GROUPS, RULES, replace

_HOSTS: Final = (
    *(f"bottlerocket/aws-ecs-{number}/{kind}/latest/image_id" for number in "12" for kind in ("arm64", "x86_64")),
    *(f"ecs/optimized-ami/amazon-linux-2023/{kind}recommended/image_id" for kind in ("arm64/", "")),
)
"""The public parameters that name them, below `/aws/service/`."""


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


def know_container_hosts() -> None:
    """Let templates ask for the images of container hosts: all of them are the same stub of ministack's."""
    known: dict[str, str] = AMIS.found()
    image = next(iter(known.values()))
    known.update({f"/aws/service/{each}": image for each in _HOSTS})
