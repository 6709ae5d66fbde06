"""The account that is emulated, as our own services and resource types see it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secure_containers.local.connection import Connection


class Account:
    """Calls to any service as the account's root, and where the run keeps its files."""

    def __init__(self, connection: Connection, directory: Path) -> None:
        self.connection = connection
        self.directory = directory
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self.remembered: dict[str, dict[str, Mapping[str, Any]]] = {}
        """What ministack drops of a kind of resources, by their ids, for the answers that tell of them."""

    def client(self, service: str, role: str = "", **credentials: str) -> Any:
        """A boto3 client of the root, or of a role; each is made once, since making one takes longer than a call.

        Args:
            service: its name in boto3.
            role: whose client it is.
            credentials: those of the role. The first that were given go on to be used.
        """
        with self._lock:
            if (service, role) not in self._clients:
                self._clients[service, role] = self.connection.client(service, **credentials)
            return self._clients[service, role]

    def remember(self, kind: str, id: str, values: Mapping[str, Any]) -> None:
        """Keep what ministack drops."""
        self.remembered.setdefault(kind, {})[id] = values

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something in the account and its Region."""
        return f"arn:aws:{service}:{self.connection.region}:{self.connection.account}:{resource}"
