"""Compute environments, queues, job definitions and scheduling policies of AWS Batch."""

from __future__ import annotations

from typing import Any, Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone

_GONE: Final = "ClientException"
_SCALES: Final = {"DesiredvCpus", "MaxvCpus", "MinvCpus"}
"""What changes of a compute environment in place, whatever `ReplaceComputeEnvironment` says."""


def _create_environment(asked: Asked) -> Made:
    batch = asked.client("batch")
    arguments = fitted(
        batch,
        "CreateComputeEnvironment",
        {**asked.properties, "ComputeEnvironmentName": asked.name("ComputeEnvironmentName")},
        without=("ReplaceComputeEnvironment", "UpdatePolicy"),
    )
    # CloudFormation takes any case here, the API only capitals.
    arguments["type"] = arguments["type"].upper()
    arn = batch.create_compute_environment(**arguments)["computeEnvironmentArn"]
    return Made(arn, {"ComputeEnvironmentArn": arn})


def _update_environment(asked: Asked) -> Made:
    """In place, unless an infrastructure change meets `ReplaceComputeEnvironment`, which is on by default."""
    replaces = str(asked.properties.get("ReplaceComputeEnvironment", True)).lower() == "true"
    new, old = asked.properties.get("ComputeResources", {}), asked.before.get("ComputeResources", {})
    changed = {name for name in {*new, *old} if new.get(name) != old.get(name)}
    if replaces and changed - _SCALES:
        return _create_environment(asked)
    batch = asked.client("batch")
    arguments = fitted(
        batch,
        "UpdateComputeEnvironment",
        {**asked.properties, "ComputeEnvironment": asked.physical},
        without=("ComputeEnvironmentName", "EksConfiguration", "ReplaceComputeEnvironment", "Tags", "Type"),
    )
    batch.update_compute_environment(**arguments)
    return Made(asked.physical, {"ComputeEnvironmentArn": asked.physical})


def _delete_environment(asked: Asked) -> None:
    batch = asked.client("batch")
    if batch.describe_compute_environments(computeEnvironments=[asked.physical])["computeEnvironments"]:
        batch.update_compute_environment(computeEnvironment=asked.physical, state="DISABLED")
        batch.delete_compute_environment(computeEnvironment=asked.physical)


def _create_queue(asked: Asked) -> Made:
    batch = asked.client("batch")
    properties = {**asked.properties, "JobQueueName": asked.name("JobQueueName")}
    arn = batch.create_job_queue(**fitted(batch, "CreateJobQueue", properties))["jobQueueArn"]
    return Made(arn, {"JobQueueArn": arn})


def _update_queue(asked: Asked) -> Made:
    batch = asked.client("batch")
    properties = {**asked.properties, "JobQueue": asked.physical}
    without = ("JobQueueName", "JobQueueType", "Tags")
    batch.update_job_queue(**fitted(batch, "UpdateJobQueue", properties, without=without))
    _retag(asked)
    return Made(asked.physical, {"JobQueueArn": asked.physical})


def _delete_queue(asked: Asked) -> None:
    batch = asked.client("batch")
    if batch.describe_job_queues(jobQueues=[asked.physical])["jobQueues"]:
        batch.update_job_queue(jobQueue=asked.physical, state="DISABLED")
        batch.delete_job_queue(jobQueue=asked.physical)


def _register(asked: Asked) -> Made:
    """A job definition never changes: an update is a new revision of the same name, with an ARN of its own."""
    batch = asked.client("batch")
    name = asked.physical.rpartition("/")[2].partition(":")[0] or asked.name("JobDefinitionName")
    properties = {**asked.properties, "JobDefinitionName": name}
    arguments = fitted(batch, "RegisterJobDefinition", properties, without=("ResourceRetentionPolicy",))
    arn = batch.register_job_definition(**arguments)["jobDefinitionArn"]
    return Made(arn, {"JobDefinitionArn": arn})


def _deregister(asked: Asked) -> None:
    policy: Any = asked.properties.get("ResourceRetentionPolicy", {})
    if str(policy.get("SkipDeregisterOnUpdate", False)).lower() == "true":
        return
    gone(asked.client("batch").deregister_job_definition, _GONE, jobDefinition=asked.physical)


def _create_policy(asked: Asked) -> Made:
    batch = asked.client("batch")
    properties = {**asked.properties, "Name": asked.name("Name")}
    arn = batch.create_scheduling_policy(**fitted(batch, "CreateSchedulingPolicy", properties))["arn"]
    return Made(arn, {"Arn": arn})


def _update_policy(asked: Asked) -> Made:
    batch = asked.client("batch")
    properties = {**asked.properties, "Arn": asked.physical}
    without = ("Name", "Tags", "QuotaSharePolicy")
    batch.update_scheduling_policy(**fitted(batch, "UpdateSchedulingPolicy", properties, without=without))
    _retag(asked)
    return Made(asked.physical, {"Arn": asked.physical})


def _delete_policy(asked: Asked) -> None:
    gone(asked.client("batch").delete_scheduling_policy, _GONE, arn=asked.physical)


def _retag(asked: Asked) -> None:
    """The tags that the template has now."""
    batch = asked.client("batch")
    new, old = asked.properties.get("Tags", {}), asked.before.get("Tags", {})
    if dropped := [key for key in old if key not in new]:
        batch.untag_resource(resourceArn=asked.physical, tagKeys=dropped)
    if new:
        batch.tag_resource(resourceArn=asked.physical, tags=new)


TYPES: Final = {
    "AWS::Batch::ComputeEnvironment": Type(
        create=_create_environment,
        update=_update_environment,
        delete=_delete_environment,
        replaces=("ComputeEnvironmentName", "EksConfiguration", "Tags", "Type"),
        tags="map",
    ),
    "AWS::Batch::JobDefinition": Type(
        create=_register, update=_register, delete=_deregister, replaces=("JobDefinitionName",), tags="map"
    ),
    "AWS::Batch::JobQueue": Type(
        create=_create_queue,
        update=_update_queue,
        delete=_delete_queue,
        replaces=("JobQueueName", "JobQueueType"),
        tags="map",
    ),
    "AWS::Batch::SchedulingPolicy": Type(
        create=_create_policy, update=_update_policy, delete=_delete_policy, replaces=("Name",), tags="map"
    ),
}
