"""What the emulator makes of a resource type."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from secure_containers.local.types import TYPES

_RUNS_NOTHING: Final = frozenset(
    {
        "AWS::Batch::ComputeEnvironment",
        "AWS::ECS::TaskSet",
        "AWS::EKS::Cluster",
        "AWS::EKS::Nodegroup",
    }
)
"""Types with an API to read them back, and nothing that runs behind it."""


class Kind(StrEnum):
    """How much stands behind a resource."""

    REAL = "real"
    """Created, and read back with its properties."""
    RECORD = "record"
    """Only a record: nothing runs behind it."""
    UNKNOWN = "unknown"
    """Nobody knows the type; CloudFormation refuses the template."""


def kind_of(type_: str) -> Kind:
    """What the emulator makes of a resource type."""
    own = TYPES.get(type_)
    if type_ in _RUNS_NOTHING or (own is not None and own.record):
        return Kind.RECORD
    if own is not None or type_.startswith("Custom::"):
        return Kind.REAL
    # ministack takes a while to import and is seldom asked.
    from secure_containers.local.patches import known_types  # noqa: PLC0415

    return Kind.REAL if type_ in known_types() else Kind.UNKNOWN
