"""Compute environments, queues and job definitions of AWS Batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import pascal


def compute_environment(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("batch").describe_compute_environments(computeEnvironments=[id])["computeEnvironments"]
    (about,) = found
    assert about["status"] not in ("DELETING", "DELETED")
    resources = pascal(about["computeResources"])
    return {**pascal(about), "ComputeResources": {**resources, "MaxvCpus": resources.get("MaxvCpus")}}


def job_queue(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("batch").describe_job_queues(jobQueues=[id])["jobQueues"]
    assert about["status"] not in ("DELETING", "DELETED")
    return pascal(about)


def job_definition(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (about,) = client("batch").describe_job_definitions(jobDefinitions=[id])["jobDefinitions"]
    assert about["status"] == "ACTIVE"
    options = about["containerProperties"].get("logConfiguration", {}).get("options", {})
    found = pascal(about)
    found["Parameters"], found["Tags"] = about.get("parameters", {}), about.get("tags", {})
    found["ContainerProperties"]["LogConfiguration"] |= {"Options": options}  # their names are not ours to change
    return found


READERS = {
    "AWS::Batch::ComputeEnvironment": compute_environment,
    "AWS::Batch::JobQueue": job_queue,
    "AWS::Batch::JobDefinition": job_definition,
}
NOT_READ = {
    "AWS::Batch::ComputeEnvironment": {"ReplaceComputeEnvironment": "it is told to CloudFormation, not to Batch"}
}
