"""Times and counts a network with so many workloads: `network_synth.py time FLAVOUR NUMBER FOLDER`, or `count FLAVOUR`.

Flavours: `plain` (aws_cdk alone), `ours` (`PrivateNetwork`). Imports are not counted.
"""

from __future__ import annotations

import json
import sys
import time
from tempfile import TemporaryDirectory
from typing import Any, Final

from aws_cdk import Stack
from networks import FLAVOURS, add_workload, construct
from repositories import new_app  # which `networks` makes findable

_COUNTED: Final = 100


def timed(flavour: str, number: str, folder: str) -> dict[str, Any]:
    began = time.perf_counter()
    app = construct(flavour, int(number), folder)
    constructed = time.perf_counter()
    app.synth()
    ended = time.perf_counter()
    return {"seconds": ended - began, "construct": constructed - began, "synth": ended - constructed}


def counted(flavour: str) -> dict[str, Any]:
    """The calls from Python to Node for the network, and for each workload by their lines."""
    from count_bridge import _watched  # noqa: PLC0415 - it wraps what the timed program must not have wrapped

    with TemporaryDirectory() as folder:
        app = new_app(folder)
        with _watched() as of_network:
            vpc, admit = FLAVOURS[flavour](Stack(app, "Network"))
            workloads = Stack(app, "Workloads")
            add_workload(workloads, "First", vpc, admit)  # this adds the endpoints in ours
        with _watched() as lines:
            began = time.perf_counter()
            for each in range(_COUNTED):
                add_workload(workloads, f"Group{each}", vpc, admit)
            seconds = time.perf_counter() - began
    return {
        "network": sum(line.calls for line in of_network.values()),
        "crossings": sum(line.calls for line in lines.values()) / _COUNTED,
        "milliseconds": seconds / _COUNTED * 1e3,
        "lines": [
            {
                "place": place,
                "what": what,
                "calls": line.calls / _COUNTED,
                "milliseconds": line.seconds / _COUNTED * 1e3,
            }
            for (place, what), line in sorted(lines.items(), key=lambda item: -item[1].seconds)
        ],
    }


if __name__ == "__main__":
    print(json.dumps(counted(*sys.argv[2:]) if sys.argv[1] == "count" else timed(*sys.argv[2:])))
