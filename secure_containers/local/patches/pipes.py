"""Pipes, of which ministack carries out the source and the target, and nothing in between."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from secure_containers.local.patches.names import DELIVER, FILTER, NOTIFY, ORIGIN, PUBLISH, TEMPLATE, replace

_PLACE: Final = re.compile(r"<(\$\.[^<>]+)>")
_WHOLE: Final = "aws.pipes.event.json"


def carry_out_pipes(parameters: Callable[[str], Mapping[str, Any]]) -> None:
    """Let pipes filter what they carry to a topic, and write it as their template says.

    Args:
        parameters: what a pipe has between source and target, by its name.
    """
    deliver = DELIVER.found()

    def delivered(pipe: dict[str, Any], batch: list[dict[str, Any]]) -> bool:
        wanted = FILTER.found()(batch, parameters(pipe["Name"]).get("SourceParameters", {}))
        return not wanted or bool(deliver(pipe, wanted))

    def published(topic: str, pipe: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        template = parameters(pipe["Name"]).get("TargetParameters", {}).get("InputTemplate")
        ORIGIN.found()("127.0.0.1", True)  # noqa: FBT003 - the parameters are ministack's
        NOTIFY.found()(topic, json.dumps(record) if template is None else _written(template, record))

    replace(DELIVER, delivered)
    replace(PUBLISH, published)


def _written(template: str, record: Mapping[str, Any]) -> str:
    """A record as a template has it. Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html"""
    places = {place: _at(record, place) for place in _PLACE.findall(template)}
    return str(TEMPLATE.found()(template, {**places, _WHOLE: record}))


def _at(record: Any, path: str) -> Any:
    for name in path.removeprefix("$.").split("."):
        if not isinstance(record, Mapping) or name not in record:
            return ""
        record = record[name]
    return record
