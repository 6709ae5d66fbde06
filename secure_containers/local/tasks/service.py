"""A service: deployments of tasks, whether they get healthy, and what becomes of those that do not."""

from __future__ import annotations

import copy
import functools
import logging
import math
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

from botocore.exceptions import EndpointConnectionError

from secure_containers.local.tasks.health import Check
from secure_containers.local.tasks.hooks import AFTER, BEFORE, HookError, Hooks
from secure_containers.local.tasks.task import Record, Task

_STEADY: Final = 1.0
"""Seconds that a task without a health check has to run to count."""
_LOOK: Final = 0.2
"""Seconds between two looks at the services."""
_PAUSE: Final = 1.0
"""Seconds from a failed task to the next one."""
_DRAIN: Final = 0.5
"""Seconds that a task without new calls has for those under way; load balancers give it minutes."""
_EVENTS: Final = 100
_REVISION: Final = (
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "capacityProviderStrategy",
)
"""What makes another deployment when it changes."""
_OF_DEPLOYMENT: Final = (
    "capacityProviderStrategy",
    "launchType",
    "networkConfiguration",
    "platformVersion",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)
_log: Final = logging.getLogger(__name__)
_HIDDEN: Final = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations", "cluster")
"""What a deployment tells of, and not the service."""


def watch(services: Callable[[], Iterable[Service]], lock: AbstractContextManager[Any], closed: Event) -> None:
    """Look after services, until the emulator ends.

    Args:
        services: those that there are, asked for under the lock.
        lock: held while a service is looked at.
        closed: is set at the end.
    """
    while not closed.wait(_LOOK):
        with lock:
            every = list(services())
        for service in every:
            try:
                with lock:
                    if service in services():
                        service.look()
            except EndpointConnectionError:
                return  # the emulator has ended
            except Exception:  # noqa: BLE001 - the other services are looked after all the same
                _log.exception("the service %s could not be looked after", service.arn)


@dataclass(eq=False, slots=True)
class Deployment:
    """One deployment of a service.

    Args:
        id: its id.
        definition: the ARN of the task definition.
        told: what it tells of the service as it was then.
        hooks: its lifecycle hooks.
        tasks: those that are its own and have not ended.
        failed: how many of them have failed.
        state: how it goes, in ECS's words.
        reason: why.
        created: when.
        next: when another task may start.
    """

    id: str
    definition: str
    told: Mapping[str, Any]
    hooks: Hooks
    tasks: list[Task] = field(default_factory=list)
    failed: int = 0
    state: str = "IN_PROGRESS"
    reason: str = ""
    created: float = field(default_factory=time.time)
    next: float = 0.0

    def seen(self, desired: int, *, primary: bool) -> Record:
        """What `DescribeServices` tells of it."""
        running = [task for task in self.tasks if task.status == "RUNNING"]
        return {
            "id": self.id,
            "status": "PRIMARY" if primary else "ACTIVE",
            "taskDefinition": self.definition,
            "desiredCount": desired if primary else 0,
            "runningCount": len(running),
            "pendingCount": len(self.tasks) - len(running),
            "failedTasks": self.failed,
            "rolloutState": self.state,
            "rolloutStateReason": self.reason or f"ECS deployment {self.id} in progress.",
            "createdAt": self.created,
            "updatedAt": self.created,
            **self.told,
        }


@dataclass(kw_only=True, slots=True)
class Surroundings:
    """What a service needs of others.

    Args:
        start: starts a task of a task definition for a deployment.
        stands: says why nothing of a task definition can run; empty if something can.
        checks: the health checks of a service's tasks, each for one target group.
        publish: tells of a change of a deployment: its id, the event's name and the reason.
        forget: gets a service that is to end once nothing of it runs.
        ask: asks a lifecycle hook: the service, the deployment's id, the hook, the stage and the details.
    """

    start: Callable[[Service, str, str], Task]
    stands: Callable[[str], str]
    checks: Callable[[Service], Sequence[Check]]
    publish: Callable[[Service, str, str, str], None]
    forget: Callable[[Service], None]
    ask: Callable[[Service, str, Mapping[str, Any], str, Mapping[str, Any]], Mapping[str, Any]]


class Service:
    """One service: what is told of it, its deployments, and the checks of their tasks."""

    def __init__(self, record: Record, around: Surroundings) -> None:
        self.record = record
        self.deployments: list[Deployment] = []
        self.checks: Sequence[Check] = ()
        self._around = around
        self._events: list[Record] = []

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.record["serviceArn"])

    @property
    def primary(self) -> Deployment:
        """The deployment that is to be."""
        return self.deployments[0]

    def deploy(self) -> None:
        """Begin a deployment of what the record says now."""
        told: Record = {name: copy.deepcopy(self.record[name]) for name in _OF_DEPLOYMENT if name in self.record}
        hooks = self.record.get("deploymentConfiguration", {}).get("lifecycleHooks", [])
        id = f"ecs-svc/{uuid.uuid4().int % 10**19:019}"
        asks = functools.partial(self._around.ask, self, id)
        self.deployments.insert(0, Deployment(id, self.record["taskDefinition"], told, Hooks(asks, hooks)))
        before, self.checks = self.checks, self._around.checks(self)
        after = {each.name: each for each in self.checks}
        for check in before:
            if check.name in after:
                after[check.name].take_over(check)
            else:
                check.keep(())
        self._publish("SERVICE_DEPLOYMENT_IN_PROGRESS", f"ECS deployment {self.primary.id} in progress.")

    def update(self, changes: Mapping[str, Any], *, force: bool) -> None:
        """Take new properties; some of them mean another deployment."""
        before = {name: self.record.get(name) for name in _REVISION}
        self.record.update(changes)
        if force or any(self.record.get(name) != value for name, value in before.items()):
            self.deploy()

    def end(self) -> None:
        """Stop everything, and be forgotten then."""
        self.record |= {"desiredCount": 0, "status": "DRAINING"}
        for each in self.checks:
            each.keep(())
        for deployment in self.deployments:
            for task in deployment.tasks:
                self.stop(task, "Task stopped by deletion of the service")

    @property
    def ending(self) -> bool:
        """Whether it is to end."""
        return self.record.get("status") == "DRAINING"

    def stop(self, task: Task, reason: str, code: str = "ServiceSchedulerInitiated") -> None:
        """End a task, if it is of this service; first it gets no more calls."""
        if any(task in each.tasks for each in self.deployments):
            for check in self.checks:
                check.forget(task)
            task.stop(reason, code, drain=_DRAIN if self.checks else 0)

    def look(self) -> None:
        """See how the tasks do, and what follows from that."""
        deployment, desired = self.primary, int(self.record["desiredCount"])
        for each in self.deployments:
            self._bury(each)
        if self.ending:
            if not any(each.tasks for each in self.deployments):
                self._around.forget(self)
            return
        serving = [task for each in self.deployments for task in each.tasks if task.status == "RUNNING"]
        for check in self.checks:
            check.keep(task for task in serving if task.stop_reason is None)
        self._stop_unhealthy(deployment)
        why = self._around.stands(deployment.definition) if deployment.state != "FAILED" else ""
        if why:
            self._event(f"(service {self.record['serviceName']}) was unable to place a task: {why}")
            return
        if deployment.state == "IN_PROGRESS" and (self._breaks(deployment, desired) or not self._agreed(deployment)):
            return
        wanted = 0 if deployment.state == "FAILED" else desired
        alive = [task for task in deployment.tasks if task.stop_reason is None]
        for task in alive[wanted:]:
            self.stop(task, f"Scaling activity initiated by deployment {deployment.id}")
        if len(alive) < wanted and time.monotonic() >= deployment.next:
            deployment.tasks += [
                self._around.start(self, deployment.definition, deployment.id) for _ in range(wanted - len(alive))
            ]
        if deployment.state == "IN_PROGRESS" and sum(map(self._steady, alive)) >= desired:
            self._complete(deployment)
        if deployment.state == "COMPLETED":
            self._retire()

    def _bury(self, deployment: Deployment) -> None:
        """Forget tasks that have ended; one that nobody has asked to end has failed."""
        for task in [task for task in deployment.tasks if task.status == "STOPPED"]:
            deployment.tasks.remove(task)
            if task.stop_code in ("EssentialContainerExited", "TaskFailedToStart"):
                self._fail(deployment, task)

    def _fail(self, deployment: Deployment, task: Task) -> None:
        deployment.failed += 1
        deployment.next = time.monotonic() + _PAUSE
        self._event(f"(service {self.record['serviceName']}) (task {task.id}) failed: {task.stop_reason}")

    def _stop_unhealthy(self, deployment: Deployment) -> None:
        for task in deployment.tasks:
            for check in self.checks:
                if task.stop_reason is None and check.failed(task):
                    self.stop(task, f"Task failed ELB health checks in ({check.name})")
                    self._fail(deployment, task)

    def _steady(self, task: Task) -> bool:
        if task.status != "RUNNING":
            return False
        if self.checks:
            return all(check.passed(task) for check in self.checks)
        return bool(time.time() > task.record["startedAt"] + _STEADY)

    def _breaks(self, deployment: Deployment, desired: int) -> bool:
        """Whether the circuit breaker ends the deployment.

        Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
        """
        breaker = self.record.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
        if not breaker.get("enable") or deployment.failed < min(max(3, math.ceil(desired / 2)), 200):
            return False
        reason = f"ECS deployment circuit breaker: tasks failed to start. {self._said()}"
        self._abort(deployment, reason, rollback=bool(breaker.get("rollback")))
        return True

    def _agreed(self, deployment: Deployment) -> bool:
        """Whether the hooks let the tasks start, and, once they are steady, the deployment be complete."""
        desired = int(self.record["desiredCount"])
        try:
            if not deployment.hooks.passed(BEFORE):
                return False
            steady = sum(map(self._steady, deployment.tasks)) >= desired
            return not steady or deployment.hooks.passed(AFTER)
        except HookError as error:
            self._event(f"(service {self.record['serviceName']}) (deployment {deployment.id}) failed: {error}")
            self._abort(deployment, f"ECS deployment failed: {error}", rollback=True)
            return False

    def _abort(self, deployment: Deployment, reason: str, *, rollback: bool) -> None:
        deployment.state, deployment.reason = "FAILED", reason
        self._publish("SERVICE_DEPLOYMENT_FAILED", reason)
        for task in list(deployment.tasks):
            self.stop(task, reason)
        good = next((each for each in self.deployments if each.state == "COMPLETED"), None)
        if rollback and good is not None:  # its tasks run still
            self.deployments.remove(good)
            self.deployments.insert(0, good)
            self.record["taskDefinition"] = good.definition
            self._event(f"(service {self.record['serviceName']}) rolls back to {good.id}: {reason}")

    def _complete(self, deployment: Deployment) -> None:
        deployment.state = "COMPLETED"
        deployment.reason = f"ECS deployment {deployment.id} completed."
        self._publish("SERVICE_DEPLOYMENT_COMPLETED", deployment.reason)
        self._event(f"(service {self.record['serviceName']}) has reached a steady state.")

    def _retire(self) -> None:
        """End the deployments before this one."""
        for each in self.deployments[1:]:
            for task in each.tasks:
                self.stop(task, f"Scaling activity initiated by deployment {each.id}")
        self.deployments[1:] = [each for each in self.deployments[1:] if each.tasks]

    def _said(self) -> str:
        return str(self._events[0]["message"]) if self._events else ""

    def _event(self, message: str) -> None:
        if self._said() != message:
            self._events.insert(0, {"id": str(uuid.uuid4()), "createdAt": time.time(), "message": message})
            del self._events[_EVENTS:]

    def _publish(self, name: str, reason: str) -> None:
        self._around.publish(self, self.primary.id, name, reason)

    def seen(self) -> Record:
        """What `DescribeServices` tells."""
        desired = int(self.record["desiredCount"])
        running = [task for each in self.deployments for task in each.tasks if task.status == "RUNNING"]
        every = [task for each in self.deployments for task in each.tasks]
        return {
            **{name: value for name, value in copy.deepcopy(self.record).items() if name not in _HIDDEN},
            "deployments": [each.seen(desired, primary=each is self.primary) for each in self.deployments],
            "runningCount": len(running),
            "pendingCount": len(every) - len(running),
            "events": list(self._events),
        }
