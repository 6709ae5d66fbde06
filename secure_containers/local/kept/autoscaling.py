"""Auto Scaling groups: how long instances live, and when they are replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.patches.bodies import xml

_GROUP: Final = "auto-scaling-group"
_KEPT: Final = ("CapacityRebalance", "DefaultInstanceWarmup", "InstanceMaintenancePolicy", "MaxInstanceLifetime")
_NAME: Final = re.compile(r"<member><AutoScalingGroupName>([^<]+)</AutoScalingGroupName>")


def _keep(
    account: Account,
    group: str,
    properties: Mapping[str, Any],
    before: Mapping[str, Any],  # noqa: ARG001 - an update forgets it too
) -> Mapping[str, Any]:
    account.remember(_GROUP, group, properties)
    return {}


def told(account: Account, _: str, answer: str) -> str:
    """An answer about groups with what it leaves out."""
    if "<DescribeAutoScalingGroupsResult>" not in answer:
        return answer

    def more(found: re.Match[str]) -> str:
        kept = account.remembered.get(_GROUP, {}).get(found[1], {})
        return found[0] + "".join(xml(name, kept[name]) for name in _KEPT if name in kept)

    return _NAME.sub(more, answer)


KEPT: Final = {"AWS::AutoScaling::AutoScalingGroup": Kept(keep=_keep)}
