"""Times our rules over one template, without reading it: `time_rules.py FILE`.

Once a process, as in `check`: Python's garbage collector would go through what an earlier repetition left, too.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from secure_containers.check.loader import load_stack
from secure_containers.rules import RULES, evaluate

collections: list[float] = []
"""When each garbage collection started and stopped, in turns."""


def _watch(_phase: str, _details: dict[str, Any]) -> None:
    collections.append(time.perf_counter())


templates = list(load_stack(Path(sys.argv[1])))
gc.callbacks.append(_watch)
began = time.perf_counter()
evaluate(templates, RULES)
seconds = time.perf_counter() - began
gc.callbacks.remove(_watch)
print(json.dumps({"seconds": seconds, "collecting": sum(collections[1::2]) - sum(collections[::2])}))
