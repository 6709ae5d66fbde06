"""What a health check says of a task."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

from secure_containers.local.tasks.health import Check


def test_a_task_passes_once_calls_go_to_it() -> None:
    """A deployment that counted a task before would be complete, and its clients would find nobody."""
    told: list[Collection[str]] = []
    task: Any = SimpleNamespace(address="127.0.0.1")
    with socket.create_server((task.address, 0)) as listener:
        port = listener.getsockname()[1]
        check = Check("group", port=port, path="", codes="", tls=False, most=2, register=told.append)
        check.keep([task])
        until = time.monotonic() + 10
        while check.seen()[0]["TargetHealth"]["State"] != "healthy" and time.monotonic() < until:
            time.sleep(0.01)
        assert told == []
        assert not check.passed(task)
        check.keep([task])
    assert [list(each) for each in told] == [[task.address]]
    assert check.passed(task)
    check.forget(task)
    assert not check.passed(task)
