"""What a health check says of a task."""

from __future__ import annotations

import socket
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from secure_containers.local.tasks import health


def test_a_task_passes_once_calls_go_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that counted a task before would be complete, and its clients would find nobody."""
    asked: list[Any] = []
    monkeypatch.setattr(health, "_checks", SimpleNamespace(submit=lambda *what: asked.append(what)))
    told: list[Collection[str]] = []
    task: Any = SimpleNamespace(address="127.0.0.1")
    with socket.create_server((task.address, 0)) as listener:
        port = listener.getsockname()[1]
        check = health.Check("group", port=port, path="", codes="", tls=False, most=2, register=told.append)
        check.keep([task])
        ((ask, *about),) = asked
        ask(*about)  # as its thread does at any time
    assert check.seen()[0]["TargetHealth"]["State"] == "healthy"
    assert told == []
    assert not check.passed(task)
    check.keep([task])
    assert [list(each) for each in told] == [[task.address]]
    assert check.passed(task)
    check.forget(task)
    assert not check.passed(task)
