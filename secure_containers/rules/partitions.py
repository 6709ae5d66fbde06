"""The partitions of AWS: what ARNs and host names are called where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PARTITIONS: Final[Mapping[str, tuple[str, str]]] = {
    "cn-": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-": ("aws-us-gov", "amazonaws.com"),
    "eusc-": ("aws-eusc", "amazonaws.eu"),
    "us-iso-": ("aws-iso", "c2s.ic.gov"),
    "us-isob-": ("aws-iso-b", "sc2s.sgov.gov"),
    "eu-isoe-": ("aws-iso-e", "cloud.adc-e.uk"),
    "us-isof-": ("aws-iso-f", "csp.hci.ic.gov"),
}
PLACEHOLDER: Final = re.compile(r"\$\{([^${}]*)\}")
"""An unknown part of a text, and its name."""


def partition_of(region: str) -> str:
    """The partition of a Region, by the Region's name."""
    return _partition(region)[0]


def suffix_of(region: str) -> str:
    """How host names of a Region end."""
    return _partition(region)[1]


def _partition(region: str) -> tuple[str, str]:
    return next((found for prefix, found in _PARTITIONS.items() if region.startswith(prefix)), ("aws", "amazonaws.com"))


def arn_parts(text: str) -> list[str]:
    """The six parts of an ARN, some maybe unknown (`${AWS::Region}` has colons of its own); empty for other texts."""
    parts = [
        part.replace("\0", ":")
        for part in PLACEHOLDER.sub(lambda found: found.group().replace(":", "\0"), text).split(":", 5)
    ]
    return parts if len(parts) == 6 and parts[0] == "arn" else []
