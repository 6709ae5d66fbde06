"""Health checks of a target group: which tasks answer over HTTP, and are to get calls."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from secure_containers.local.tasks.task import Task

_BETWEEN: Final = 0.5
"""Seconds between two checks of a target, whatever its interval says: nobody is to wait for minutes here."""
_WITHIN: Final = 2.0
_FIRST: Final = 8.0
"""Seconds that a program has to listen for the first time."""
_WRONG: Final = 3.0
"""And to answer rightly."""
_checks: Final = ThreadPoolExecutor(4, thread_name_prefix="health")


@dataclass(slots=True)
class _Target:
    since: float
    next: float = 0.0
    passed: bool = False
    failures: int = 0
    reason: str = ""
    asking: bool = False
    answered: bool = False

    @property
    def patience(self) -> float:
        """Until when it may fail."""
        return self.since + (_WRONG if self.answered else _FIRST)


class Check:
    """The health check of one target group, for the tasks of one service.

    Args:
        name: the target group, for messages and to register targets with.
        port: the port of the container.
        path: where to ask; empty if it is enough that somebody listens.
        codes: the status codes that are an answer, such as `200-299,301`.
        tls: whether to ask over TLS; the certificate is not looked at, as on AWS.
        most: how many failures in a row there may be.
        register: gets the addresses that calls go to.
    """

    def __init__(
        self,
        name: str,
        *,
        port: int,
        path: str,
        codes: str,
        tls: bool,
        most: int,
        register: Callable[[Collection[str]], None],
    ) -> None:
        self.name = name
        self.port = port
        self._path, self._codes, self._tls, self._most = path, codes, tls, most
        self._register = register
        self._registered: Sequence[str] = ()
        self._targets: dict[str, _Target] = {}

    def keep(self, tasks: Iterable[Task]) -> None:
        """Check these, and forget the others."""
        addresses = [task.address for task in tasks]
        self._targets = {each: self._targets.get(each) or _Target(time.monotonic()) for each in addresses}
        for address, target in self._targets.items():
            if not target.asking and time.monotonic() >= target.next:
                target.asking = True
                _checks.submit(self._ask, address, target)
        self._tell()

    def take_over(self, before: Check) -> None:
        """Know what another check of the same target group has found out."""
        self._targets, self._registered = before._targets, before._registered

    def forget(self, task: Task) -> None:
        """Let a task get no more calls."""
        if self._targets.pop(task.address, None) is not None:
            self._tell()

    def _tell(self) -> None:
        healthy = tuple(address for address, target in self._targets.items() if target.passed)
        if healthy != self._registered:
            self._register(healthy)
            self._registered = healthy

    def passed(self, task: Task) -> bool:
        """Whether a task is healthy, and calls go to it."""
        target = self._targets.get(task.address)
        return target is not None and target.passed and task.address in self._registered

    def failed(self, task: Task) -> bool:
        """Whether a task is unhealthy for good: it had its time, and answers wrongly or not at all."""
        target = self._targets.get(task.address)
        if target is None or target.passed:
            return False
        return target.failures >= self._most and time.monotonic() > target.patience

    def seen(self) -> list[dict[str, Any]]:
        """What `DescribeTargetHealth` tells."""
        return [
            {
                "Target": {"Id": address, "Port": self.port},
                "HealthCheckPort": str(self.port),
                "TargetHealth": _state(target),
            }
            for address, target in self._targets.items()
        ]

    def _ask(self, address: str, target: _Target) -> None:
        kind: Any = http.client.HTTPConnection
        extra = {}
        if self._tls:
            kind, extra = http.client.HTTPSConnection, {"context": ssl._create_unverified_context()}  # noqa: S323, SLF001
        connection = kind(address, self.port, timeout=_WITHIN, **extra)
        try:
            connection.connect()
            target.answered = True
            if self._path:
                connection.request("GET", self._path, headers={"User-Agent": "ELB-HealthChecker/2.0"})
                status = connection.getresponse().status
                fits = _fits(status, self._codes)
                target.reason = "" if fits else f"Health checks failed with these codes: [{status}]"
            else:
                target.reason = ""
        except (OSError, http.client.HTTPException) as error:
            target.reason = f"Health checks failed: {error}"
        finally:
            connection.close()
            target.failures = target.failures + 1 if target.reason else 0
            target.passed = not target.reason or (target.passed and target.failures < self._most)
            target.next, target.asking = time.monotonic() + _BETWEEN, False


def _state(target: _Target) -> dict[str, str]:
    if target.passed:
        return {"State": "healthy"}
    if target.failures == 0 or time.monotonic() < target.patience:
        return {"State": "initial", "Reason": "Elb.InitialHealthChecking", "Description": target.reason}
    return {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": target.reason}


def _fits(status: int, codes: str) -> bool:
    """Whether a status is among `200`, `200,301` or `200-299`."""
    for part in codes.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
