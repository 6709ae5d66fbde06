"""Lifecycle hooks of deployments: functions that say whether a deployment may go on.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from secure_containers.local.account import Account

SERVICE: Final = "ecs.amazonaws.com"
BEFORE: Final = ("PRE_SCALE_UP",)
AFTER: Final = (
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
)
"""The stages before and after the tasks have started. Traffic shifts at once here."""
_AGAIN: Final = 1.0
"""Seconds after which a hook that is not sure is asked again, whatever delay it names."""
_pool: Final = ThreadPoolExecutor(4, thread_name_prefix="hook")


class HookError(Exception):
    """A hook that stops a deployment; its message is the reason."""


@dataclass(slots=True)
class Hooks:
    """The hooks of one deployment, and what they have said.

    Args:
        ask: invokes a hook for a stage with its details; gives what it answers.
        hooks: those of the service.
    """

    ask: Callable[[Mapping[str, Any], str, Mapping[str, Any]], Mapping[str, Any]]
    hooks: Sequence[Mapping[str, Any]]
    _asked: dict[tuple[str, int], Future[Mapping[str, Any]]] = field(default_factory=dict)
    _again: dict[tuple[str, int], float] = field(default_factory=dict)
    _details: dict[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)

    def passed(self, stages: Sequence[str]) -> bool:
        """Whether all hooks of these stages have agreed; they are asked in their order.

        Raises:
            HookError: one has not.
        """
        for stage in stages:
            for number, hook in enumerate(self.hooks):
                if stage in hook.get("lifecycleStages", []) and not self._agrees(hook, stage, number):
                    return False
        return True

    def _agrees(self, hook: Mapping[str, Any], stage: str, number: int) -> bool:
        key = (stage, number)
        if key not in self._asked:
            if time.monotonic() >= self._again.get(key, 0):
                details = self._details.get(key) or _parsed(hook.get("hookDetails") or {})
                self._asked[key] = _pool.submit(self.ask, hook, stage, details)
            return False
        if not self._asked[key].done():
            return False
        try:
            answer = self._asked[key].result()
        except Exception as error:
            raise HookError(f"the hook {hook['hookTargetArn']} failed in {stage}: {error}") from error
        status = answer.get("hookStatus")
        if status == "IN_PROGRESS":
            del self._asked[key]
            self._again[key] = time.monotonic() + _AGAIN
            self._details[key] = answer.get("hookDetails", {})
            return False
        if status != "SUCCEEDED":
            raise HookError(f"the hook {hook['hookTargetArn']} said {status} in {stage}")
        return True


def invoke(
    account: Account,
    take_role: Callable[..., dict[str, str]],
    hook: Mapping[str, Any],
    event: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Ask a hook's function, with the hook's role."""
    role = hook["roleArn"]
    trust = account.client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
    credentials = take_role(role, trust, service=SERVICE, session="ecs-lifecycle-hook")
    payload = json.dumps({"executionId": str(uuid.uuid4()), **event})
    answer = account.client("lambda", f"hook {role}", **credentials).invoke(
        FunctionName=hook["hookTargetArn"], Payload=payload
    )
    said = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError") or not isinstance(said, dict):
        raise HookError(str(said))
    return said


def _parsed(details: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(details) if isinstance(details, str) else details
    return found
