"""Apps and stacks as the timed programs construct them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aws_cdk import App, Stack

_CDK_JSON: Final = Path(__file__).parent.parent / "cdk.json"


def new_app(folder: str) -> App:
    """An app as the CDK CLI would start it, without the validation that CDK itself brings."""
    context = json.loads(_CDK_JSON.read_text("utf-8"))["context"]
    return App(builtin_cloud_formation_validation=False, analytics_reporting=False, context=context, outdir=folder)


def in_stacks(app: App, name: str, number: int, most: int) -> Iterator[tuple[Stack, range]]:
    """Stacks for so many things, each with the numbers of those that go there: a stack takes 500 resources."""
    for first in range(0, number, most):
        yield Stack(app, f"{name}{first}"), range(first, min(first + most, number))
