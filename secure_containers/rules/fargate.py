"""Which sizes Fargate has, for tasks and jobs.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_GIB: Final = 1024

SIZES: Final[Mapping[float, tuple[int, ...]]] = {
    0.25: (512, 1 * _GIB, 2 * _GIB),
    0.5: tuple(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1: tuple(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2: tuple(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4: tuple(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8: tuple(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16: tuple(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
    32: (60 * _GIB, 120 * _GIB, 244 * _GIB),
}
"""The memory, in MiB, that there is for each number of vCPUs."""
EPHEMERAL_GIB: Final = (21, 200)
"""The least and the most of ephemeral storage that can be asked for; without asking there are 20 GiB."""


_CPU: Final = re.compile(r"(\d*\.?\d+)\s*(vcpu)?", re.IGNORECASE)
_MEMORY: Final = re.compile(r"(\d*\.?\d+)\s*(gb)?", re.IGNORECASE)


def vcpus_of(text: str) -> float | None:
    """The vCPUs that Amazon ECS reads from a text: `1024`, which are units, or `1 vCPU`."""
    found = _CPU.fullmatch(text.strip())
    return float(found[1]) / (1 if found[2] else 1024) if found else None


def mebibytes_of(text: str) -> float | None:
    """The MiB that Amazon ECS reads from a text: `2048`, or `2 GB`."""
    found = _MEMORY.fullmatch(text.strip())
    return float(found[1]) * (_GIB if found[2] else 1) if found else None


def memory_for(vcpus: float) -> str:
    """The memory that goes with a number of vCPUs, in words; what there are of vCPUs, if there is no such number."""
    sizes = SIZES.get(vcpus)
    if sizes is None:
        return f"{', '.join(f'{each:g}' for each in SIZES)} vCPUs"
    if sizes[1] - sizes[0] != sizes[2] - sizes[1]:
        return f"{', '.join(map(str, sizes))} MiB with {vcpus:g} vCPUs"
    return f"{sizes[0]} to {sizes[-1]} MiB in steps of {sizes[1] - sizes[0]} with {vcpus:g} vCPUs"
