"""Which sizes App Runner has.

Source: https://docs.aws.amazon.com/cdk/api/v2/docs/@aws-cdk_aws-apprunner-alpha.Memory.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_GIB: Final = 1024

SIZES: Final[Mapping[float, tuple[int, ...]]] = {
    0.25: (_GIB // 2, 1 * _GIB),
    0.5: (1 * _GIB,),
    1: (2 * _GIB, 3 * _GIB, 4 * _GIB),
    2: (4 * _GIB, 6 * _GIB),
    4: (8 * _GIB, 10 * _GIB, 12 * _GIB),
}
"""The memory, in MiB, that there is for each number of vCPUs."""
UNITS: Final = 1024
"""How many units of CPU a vCPU has, and how many MiB a GB, in which templates write them too."""
DEFAULT: Final = (1.0, 2 * _GIB)
"""What a service gets that does not ask."""


def memory_for(vcpus: float) -> str:
    """The memory that goes with a number of vCPUs, in words; what there are of vCPUs, if there is no such number."""
    sizes = SIZES.get(vcpus)
    if sizes is None:
        return f"{', '.join(f'{each:g}' for each in SIZES)} vCPUs"
    return f"{', '.join(map(str, sizes))} MiB with {vcpus:g} vCPUs"
