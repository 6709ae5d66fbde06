"""Whether two synthesized folders hold the same resources: `same_resources.py FOLDER FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from repositories import comparable


def resources(folder: str) -> list[object]:
    return [resource for path in sorted(Path(folder).glob("*.template.json")) for resource in comparable(path)]


def difference(one: list[object], other: list[object]) -> str | None:
    """The first pair of resources that are not alike."""
    if not one or len(one) != len(other):
        return f"{len(one)} resources against {len(other)}"
    return next((f"{json.dumps(a)}\nagainst\n{json.dumps(b)}" for a, b in zip(one, other, strict=True) if a != b), None)


if __name__ == "__main__":
    print(json.dumps({"difference": difference(*(resources(folder) for folder in sys.argv[1:]))}))
