"""What programs share that make the same in two ways, `plain` (aws_cdk alone) and `ours`.

They are called `PROGRAM time FLAVOUR NUMBER FOLDER` or `PROGRAM count FLAVOUR`. Imports are not counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from apps import in_stacks, new_app
from aws_cdk import App, Stack
from bridge import crossings, of_one, watched

Add = Callable[[Stack, str], None]
"""Adds one more, by its id, to a stack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoWays:
    """By flavour a way to make what all stand on and to add one more to it; at its end, what knows them all is made."""

    flavours: Mapping[str, Callable[[App], AbstractContextManager[Add]]]
    stacks: str
    """What stacks are called in which they stand."""
    each: str
    """What each is called."""
    per_stack: int

    def main(self) -> None:
        kind, *arguments = sys.argv[1:]
        print(json.dumps(self._counted(*arguments) if kind == "count" else self._timed(*arguments)))

    def _timed(self, flavour: str, number: str, folder: str) -> dict[str, Any]:
        began = time.perf_counter()
        app = new_app(folder)
        with self.flavours[flavour](app) as add:
            for stack, numbers in in_stacks(app, self.stacks, int(number), self.per_stack):
                for each in numbers:
                    add(stack, f"{self.each}{each}")
        constructed = time.perf_counter()
        app.synth()
        ended = time.perf_counter()
        return {"seconds": ended - began, "construct": constructed - began, "synth": ended - constructed}

    def _counted(self, flavour: str) -> dict[str, Any]:
        """The calls from Python to Node for what they stand on with the first one, and for each by their lines."""
        with TemporaryDirectory() as folder, ExitStack() as way:
            app = new_app(folder)
            with watched() as of_first:
                add = way.enter_context(self.flavours[flavour](app))
                stack = Stack(app, self.stacks)
                add(stack, "First")
            return {"first": crossings(of_first), **of_one(lambda each: add(stack, f"{self.each}{each}"))}
