"""Times imports in a fresh interpreter and watches for processes started: `time_import.py MODULE[:NAME] ...`."""

from __future__ import annotations

import importlib
import json
import sys
import time

started_processes: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen":
        started_processes.append(str(arguments[0]))


sys.addaudithook(_watch)
began = time.perf_counter()
for target in sys.argv[1:]:
    module, _, name = target.partition(":")
    imported = importlib.import_module(module)
    if name:
        getattr(imported, name)
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "jsii": "jsii" in sys.modules, "processes": len(started_processes)}))
