"""What services on three engines take to synthesize, against their resources alone, and what our rules take over
them."""

from __future__ import annotations

from typing import Final

from against_bare import BARE, HEAD, against_bare
from measure import Part, table

_SERVICES: Final = ("SecureFargateService", "PrivateExpressService", "PrivateAppRunnerService")


def measure_services() -> Part:
    found = [against_bare(name) for name in _SERVICES]
    rows = [[f"`{each.name}`", *row] for each in found for row in each.rows]
    judged = [[f"`{each.name}`", str(each.resources), each.rules.text] for each in found]
    lines = [
        "Constructing and synthesizing a service with nothing but defaults, its network and its repository, in a",
        "stack of its own.",
        *BARE,
        "",
        *table(["service", "services", *HEAD], rows),
        "",
        "All our rules over one such stack, without reading it:",
        "",
        *table(["service", "resources", "rules, s"], judged),
    ]
    return Part("Services", lines, [goal for each in found for goal in each.goals(f"`{each.name}`")])
