"""Counts the calls from Python to Node for one repository, and tells their lines: `count_bridge.py plain|ours`."""

from __future__ import annotations

import json
import sys
from tempfile import TemporaryDirectory
from typing import Any

from apps import new_app
from aws_cdk import Stack
from bridge import of_one
from repositories import plain, secured


def main(flavour: str) -> dict[str, Any]:
    make = plain if flavour == "plain" else secured
    with TemporaryDirectory() as folder:
        stack = Stack(new_app(folder), "Repositories")
        make(stack, "First", "Repositories/First")  # what is looked up once and kept is not counted
        return of_one(lambda each: make(stack, f"Images{each}", f"Repositories/Images{each}"))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
