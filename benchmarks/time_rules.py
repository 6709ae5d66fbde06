"""Times our rules over a template, or all of a folder, without reading them: `time_rules.py PATH [BEGINNING-OF-IDS]`.

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


path, prefix = Path(sys.argv[1]), "".join(sys.argv[2:])
files = sorted(path.glob("*.template.json")) if path.is_dir() else [path]
templates = [template for file in files for template in load_stack(file)]
rules = tuple(rule for rule in RULES if rule.id.startswith(prefix))
gc.callbacks.append(_watch)
began = time.perf_counter()
evaluate(templates, rules)
seconds = time.perf_counter() - began
gc.callbacks.remove(_watch)
print(json.dumps({"seconds": seconds, "collecting": sum(collections[1::2]) - sum(collections[::2])}))
