"""A task: programs that stand for its containers, with one address."""

from __future__ import annotations

import copy
import secrets
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.programs import (
    GRACE,
    TASKS,
    Container,
    NoProgramError,
    Program,
    StartError,
    now,
    send,
    standing_for,
)

_LOOK: Final = 0.05
"""Seconds between two looks at the processes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What runs a task.

    Args:
        service: as whom it takes the roles.
        writes_logs: whether it writes the logs itself, into groups that it makes.
    """

    service: str = TASKS
    writes_logs: bool = False


ECS: Final = Host()
_OVERRIDDEN: Final = ("taskRoleArn", "executionRoleArn", "cpu", "memory", "ephemeralStorage")

Record = dict[str, Any]


class Task:
    """One task: what `DescribeTasks` tells of it, and what runs it.

    Args:
        account: where it runs.
        record: what is known of it before it runs.
        definition: its task definition.
        take_role: gives the credentials of a role.
        tell: gets the task whenever its state has changed.
        host: what runs it.
    """

    def __init__(
        self,
        account: Account,
        record: Mapping[str, Any],
        definition: Mapping[str, Any],
        *,
        take_role: Callable[..., dict[str, str]],
        tell: Callable[[Task], None],
        host: Host = ECS,
    ) -> None:
        self._account = account
        self._take_role = take_role
        self._tell = tell
        self._host = host
        overrides = record.get("overrides", {})
        self.id = uuid.uuid4().hex
        self.definition = {
            **definition,
            **{name: overrides[name] for name in _OVERRIDDEN if name in overrides},
            "containerDefinitions": [
                _overridden(each, overrides) for each in copy.deepcopy(definition["containerDefinitions"])
            ],
        }
        cluster = record["clusterArn"].rpartition("/")[2]
        self.arn = account.arn("ecs", f"task/{cluster}/{self.id}")
        self.address = _free_address(self._ports())
        self.stop_reason: str | None = None
        self.stop_code = "UserInitiated"
        self._drain = 0.0
        self.record: Record = {
            **record,
            "taskArn": self.arn,
            "taskDefinitionArn": definition["taskDefinitionArn"],
            "containers": [self._container_record(each, cluster) for each in self.definition["containerDefinitions"]],
            "attachments": [
                {
                    "id": str(uuid.uuid4()),
                    "type": "ElasticNetworkInterface",
                    "status": "ATTACHED",
                    "details": [{"name": "privateIPv4Address", "value": self.address}],
                }
            ],
            "lastStatus": "PROVISIONING",
            "desiredStatus": "RUNNING",
            "connectivity": "CONNECTED",
            "createdAt": now() / 1000,
            "healthStatus": "UNKNOWN",
            "version": 1,
            **{name: self.definition[name] for name in ("cpu", "memory") if name in self.definition},
        }

    @property
    def status(self) -> str:
        """Its last status."""
        return str(self.record["lastStatus"])

    def start(self) -> None:
        """Run it, in a thread of its own."""
        threading.Thread(target=self._run, name="task", daemon=True).start()

    def stop(self, reason: str, code: str = "UserInitiated", *, drain: float = 0) -> None:
        """Have it end, after so many seconds in which it finishes what it has begun; the first reason counts."""
        if self.stop_reason is None:
            self._drain = drain
            self.stop_code, self.stop_reason = code, reason
            self.record["desiredStatus"] = "STOPPED"

    def seen(self) -> Record:
        """What `DescribeTasks` tells now."""
        return copy.deepcopy(self.record)

    def _run(self) -> None:
        programs: dict[str, Program] = {}
        try:
            arguments = self._prepared(programs)
            self._move("PENDING", pullStartedAt=now() / 1000)
            if self.stop_reason is None:
                for name, program in programs.items():
                    program.start(arguments[name])
                    self._of(name)["lastStatus"] = "RUNNING"
                self._move("RUNNING", startedAt=now() / 1000)
                self._wait(programs)
        except StartError as error:
            self.stop(str(error), "TaskFailedToStart")
        except Exception as error:  # noqa: BLE001 - whatever it is, the task has to end
            self.stop(f"{type(error).__name__}: {error}", "TaskFailedToStart")
        finally:
            for name, program in programs.items():
                process = program.process
                program.close()
                if process is not None and process.wait() is not None:
                    code = process.returncode
                    self._of(name)["exitCode"] = 128 - code if code < 0 else code
            for each in self.record["containers"]:
                each["lastStatus"] = "STOPPED"
            self._move(
                "STOPPED",
                desiredStatus="STOPPED",
                stoppedAt=now() / 1000,
                stopCode=self.stop_code,
                stoppedReason=self.stop_reason,
            )

    def _prepared(self, programs: dict[str, Program]) -> dict[str, Mapping[str, Any]]:
        """The programs of those containers that have one; at least one has."""
        missing: NoProgramError | None = None
        arguments: dict[str, Mapping[str, Any]] = {}
        for definition in self.definition["containerDefinitions"]:
            name = definition["name"]
            program = Program(self._account, self._container(definition), self._take_role)
            try:
                arguments[name] = program.prepare()
            except NoProgramError as error:
                missing = error
                self._of(name)["reason"] = str(error)
                continue
            except StartError as error:
                self._of(name)["reason"] = str(error)
                raise
            programs[name] = program
        if missing is not None and not programs:
            raise missing
        return arguments

    def _wait(self, programs: Mapping[str, Program]) -> None:
        """Until it is to end or an essential container has ended; then none of them is left."""
        essential = {
            each["name"] for each in self.definition["containerDefinitions"] if each.get("essential", True)
        } & programs.keys()
        while self.stop_reason is None:
            ended = {name for name, each in programs.items() if each.process and each.process.poll() is not None}
            if ended & essential or ended == programs.keys():
                self.stop("Essential container in task exited", "EssentialContainerExited")
            for each in programs.values():
                each.flush()
            time.sleep(_LOOK)
        self._move("DEACTIVATING")
        time.sleep(self._drain)
        processes = [each.process for each in programs.values() if each.process is not None]
        for process in processes:
            send(process, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while time.monotonic() < until and any(process.poll() is None for process in processes):
            time.sleep(_LOOK)

    def _container(self, definition: Mapping[str, Any]) -> Container:
        log = definition.get("logConfiguration", {})
        options = log.get("options", {})
        name = definition["name"]
        ports = [str(each["containerPort"]) for each in definition.get("portMappings", [])]
        return Container(
            name=self.id,
            image=definition["image"],
            command=definition.get("command", []),
            environment={
                "HOST": self.address,
                **({"PORT": ports[0]} if ports else {}),
                **{each["name"]: each["value"] for each in definition.get("environment", [])},
            },
            secrets=definition.get("secrets", []),
            reader=self.definition.get("executionRoleArn") or None,
            writer=None if self._host.writes_logs else self.definition.get("executionRoleArn") or None,
            role=self.definition.get("taskRoleArn") or None,
            service=self._host.service,
            makes_group=self._host.writes_logs,
            group=options.get("awslogs-group") if log.get("logDriver") == "awslogs" else None,
            stream=f"{options.get('awslogs-stream-prefix', '')}/{name}/{self.id}",
            home=Path(self._account.directory) / "tmp" / f"task-{self.id}-{name}",
        )

    def _container_record(self, definition: Mapping[str, Any], cluster: str) -> Record:
        return {
            "containerArn": self._account.arn("ecs", f"container/{cluster}/{self.id}/{uuid.uuid4()}"),
            "taskArn": self.arn,
            "name": definition["name"],
            "image": definition["image"],
            "lastStatus": "PENDING",
            "networkInterfaces": [{"privateIpv4Address": self.address}],
            "healthStatus": "UNKNOWN",
        }

    def _ports(self) -> list[int]:
        containers = self.definition["containerDefinitions"]
        return [int(port["containerPort"]) for each in containers for port in each.get("portMappings", [])]

    def _of(self, container: str) -> Record:
        return next(each for each in self.record["containers"] if each["name"] == container)

    def _move(self, status: str, **more: Any) -> None:
        self.record.update({"lastStatus": status, "version": self.record["version"] + 1, **more})
        self._tell(self)


def has_program(account: Account, definition: Mapping[str, Any]) -> NoProgramError | None:
    """Why nothing of a task definition can run here; None if something can."""
    missing: NoProgramError | None = None
    for each in definition["containerDefinitions"]:
        try:
            standing_for(account, each["image"])
        except NoProgramError as error:
            missing = missing or error
        else:
            return None
    return missing


def _overridden(container: Record, overrides: Mapping[str, Any]) -> Record:
    """A container with what `RunTask` overrides."""
    for each in overrides.get("containerOverrides", []):
        if each["name"] == container["name"]:
            variables = [*container.get("environment", []), *each.get("environment", [])]
            container |= {name: each[name] for name in ("command", "cpu", "memory") if name in each}
            container["environment"] = list({one["name"]: one for one in variables}.values())
    return container


def _free_address(ports: list[int]) -> str:
    """An address of the loopback where nobody listens on a port of the task's, whatever else runs on the machine."""
    while True:
        address = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
        try:
            for port in ports:
                with socket.socket() as tried:
                    tried.bind((address, port))
        except PermissionError:  # below 1024: the program will say so itself
            return address
        except OSError:
            continue
        return address
