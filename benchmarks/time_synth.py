"""Times constructing and synthesizing so many repositories: `time_synth.py FLAVOUR NUMBER FOLDER`.

Flavours: `plain` (aws_cdk alone), `ours`, `rules` (ours, judged by our rules alone), `enforce` (ours, under
`enforce(app)`: our rules and cdk-nag's AwsSolutions). Imports are not counted.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from apps import new_app
from aws_cdk import IPolicyValidationContext, PolicyValidationPluginReport, Validations
from repositories import add_stacks, plain, secured

from secure_containers.check.loader import load_stack
from secure_containers.rules import RULES, evaluate
from secure_containers.validation import _PackPlugin, _RulesPlugin, enforce

inside: dict[str, float] = {}
"""Seconds inside our callbacks, by what they do."""


class _TimedRules(_RulesPlugin):
    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        began = time.perf_counter()
        report = super().validate(context)
        inside["rules_plugin"] = time.perf_counter() - began
        return report


class _TimedPack(_PackPlugin):
    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        began = time.perf_counter()
        report = super().validate(context)
        inside["nag_plugin"] = time.perf_counter() - began
        return report


def main(flavour: str, number: int, folder: str) -> dict[str, Any]:
    began = time.perf_counter()
    app = new_app(folder)
    if flavour == "rules":
        Validations.of(app).add_plugins(_TimedRules(RULES, []))
    elif flavour == "enforce":
        with mock.patch.multiple("secure_containers.validation", _RulesPlugin=_TimedRules, _PackPlugin=_TimedPack):
            enforce(app)
    add_stacks(app, plain if flavour == "plain" else secured, number)
    constructed = time.perf_counter()
    app.synth()
    ended = time.perf_counter()
    if flavour == "rules":
        inside["evaluate"] = _evaluate(folder)
    return {"seconds": ended - began, "construct": constructed - began, "synth": ended - constructed, **inside}


def _evaluate(folder: str) -> float:
    """The rules alone over the templates just written, read afresh."""
    templates = [template for path in sorted(Path(folder).glob("*.template.json")) for template in load_stack(path)]
    gc.collect()  # what the synth left is not the rules' to clear
    began = time.perf_counter()
    evaluate(templates, RULES)
    return time.perf_counter() - began


if __name__ == "__main__":
    measured = main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    print(json.dumps(measured))
