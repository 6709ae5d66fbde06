"""What is used of ministack's inside is where it was."""

from __future__ import annotations

import pytest

from secure_containers.local import patches
from secure_containers.local.patches import names
from secure_containers.local.patches.names import Name


def test_ministack_is_as_it_is_known_here() -> None:
    assert patches.check() == []


def test_a_name_that_moved_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Name("services.eventbridge", "_no_such_name", "publishes events")
    changed = Name("services.eventbridge", "_put_events", "publishes events", ("data",))
    table = Name("core.router", "extract_region", "routes calls")
    monkeypatch.setattr(names, "NAMES", (gone, changed, table))
    monkeypatch.setattr(names, "VERSION", "1.0")
    assert patches.check() == [
        "ministack is 1.5.33, and 1.0 is known here",
        "ministack.services.eventbridge._no_such_name is gone; it publishes events",
        (
            "ministack.services.eventbridge._put_events takes ('data', 'allow_aws_source'), and took ('data',); "
            "it publishes events"
        ),
        "ministack.core.router.extract_region is a function, no table; it routes calls",
    ]


def test_every_name_is_in_the_list() -> None:
    written = {value for value in vars(names).values() if isinstance(value, Name)}
    assert written == set(names.NAMES)
