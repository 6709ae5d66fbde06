"""A job, and what becomes of a failed attempt."""

from __future__ import annotations

import copy
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from secure_containers.local.programs import now

EXITED: Final = "Essential container in task exited"
NOT_STARTED: Final = "Task failed to start"
TIMED_OUT: Final = "Job attempt duration exceeded timeout"
_CONTAINER: Final = (
    "image",
    "command",
    "jobRoleArn",
    "executionRoleArn",
    "volumes",
    "environment",
    "secrets",
    "mountPoints",
    "readonlyRootFilesystem",
    "privileged",
    "user",
    "resourceRequirements",
    "linuxParameters",
    "logConfiguration",
    "networkConfiguration",
    "fargatePlatformConfiguration",
    "runtimePlatform",
    "ephemeralStorage",
)
"""What a job's container tells of its definition."""
_PARAMETER: Final = re.compile(r"Ref::([A-Za-z0-9_-]+)")
_SUMMARY: Final = (
    "jobArn",
    "jobId",
    "jobName",
    "createdAt",
    "startedAt",
    "stoppedAt",
    "status",
    "statusReason",
    "arrayProperties",
    "jobDefinition",
    "shareIdentifier",
)


@dataclass(eq=False, slots=True)
class Job:
    """A job: what `DescribeJobs` tells of it, and what runs it."""

    id: str
    record: dict[str, Any]
    definition: Mapping[str, Any]
    queue: str
    parent: Job | None = None
    children: list[Job] = field(default_factory=list)
    stop_reason: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def submitted(
        cls, id: str, arn: str, body: Mapping[str, Any], queue_: Mapping[str, Any], definition: Mapping[str, Any]
    ) -> Job:
        """A job as it is submitted: the definition with what the submission overrides."""
        definition = copy.deepcopy(dict(definition))
        parameters = {**definition["parameters"], **body.get("parameters", {})}
        timeout = body.get("timeout") or definition.get("timeout")
        propagates = body.get("propagateTags", definition.get("propagateTags", False))
        record = {
            "jobArn": arn,
            "jobId": id,
            "jobName": body["jobName"],
            "jobQueue": queue_["jobQueueArn"],
            "jobDefinition": definition["jobDefinitionArn"],
            "status": "SUBMITTED",
            "createdAt": now(),
            "attempts": [],
            "dependsOn": [],
            "parameters": parameters,
            "retryStrategy": {"attempts": 1, "evaluateOnExit": [], **definition.get("retryStrategy", {})}
            | body.get("retryStrategy", {}),
            "container": _container(definition["containerProperties"], body.get("containerOverrides", {}), parameters),
            "platformCapabilities": definition.get("platformCapabilities", ["EC2"]),
            "propagateTags": propagates,
            "tags": dict(body.get("tags", {})),
            **({"timeout": timeout} if timeout else {}),
            **{name: body[name] for name in ("shareIdentifier",) if name in body},
            **({"arrayProperties": dict(body["arrayProperties"])} if body.get("arrayProperties") else {}),
        }
        return cls(id, record, definition, queue_["jobQueueName"])

    def split(self, size: int) -> list[Job]:
        """The children of an array job; a size of 0 means that it is none."""
        for index in range(size):
            id = f"{self.id}:{index}"
            record = {**copy.deepcopy(self.record), "jobId": id, "jobArn": f"{self.record['jobArn']}:{index}"}
            record["arrayProperties"] = {"index": index}
            self.children.append(Job(id, record, self.definition, self.queue, parent=self))
        return self.children

    def seen(self) -> dict[str, Any]:
        """What `DescribeJobs` tells now."""
        seen = copy.deepcopy(self.record)
        if self.children:
            statuses = [child.record["status"] for child in self.children]
            seen["arrayProperties"]["statusSummary"] = {each: statuses.count(each) for each in sorted(set(statuses))}
        return seen

    def summary(self) -> dict[str, Any]:
        """What `ListJobs` tells now."""
        seen = self.seen()
        ended = {name: seen["container"][name] for name in ("exitCode", "reason") if name in seen["container"]}
        return {name: seen[name] for name in _SUMMARY if name in seen} | ({"container": ended} if ended else {})


def _container(
    properties: Mapping[str, Any], overrides: Mapping[str, Any], parameters: Mapping[str, str]
) -> dict[str, Any]:
    container = {name: copy.deepcopy(properties[name]) for name in _CONTAINER if name in properties}
    command = overrides.get("command") or properties.get("command") or []
    environment = [*properties.get("environment", []), *overrides.get("environment", [])]
    requirements = [*properties.get("resourceRequirements", []), *overrides.get("resourceRequirements", [])]
    return container | {
        # A parameter that nobody gives stays as it is written, as on AWS.
        "command": [_PARAMETER.sub(lambda found: str(parameters.get(found[1], found[0])), each) for each in command],
        "environment": list({each["name"]: each for each in environment}.values()),
        "resourceRequirements": list({each["type"]: each for each in requirements}.values()),
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went.

    Args:
        status_reason: what the job says of it.
        code: the exit code, if there was a process.
        reason: what the container says of it.
    """

    status_reason: str
    code: int | None = None
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        return self.code == 0 and self.status_reason == EXITED


def tries_again(strategy: Mapping[str, Any], outcome: Outcome, *, tried: int) -> bool:
    """Whether a failed attempt is followed by another one.

    Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
    """
    if tried >= strategy.get("attempts", 1):
        return False
    code = "" if outcome.code is None else str(outcome.code)
    said = {"onExitCode": code, "onReason": outcome.reason, "onStatusReason": outcome.status_reason}
    for rule in strategy.get("evaluateOnExit", []):
        if all(begins(said[name].lower(), rule[name].lower()) for name in said if rule.get(name)):
            return bool(rule["action"].upper() == "RETRY")
    return True


def begins(said: str, pattern: str) -> bool:
    """Whether a text is a pattern, which may end in `*` and has no other special letters."""
    return said.startswith(pattern[:-1]) if pattern.endswith("*") else said == pattern
