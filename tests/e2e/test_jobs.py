"""Jobs of BatchJobs, really run: what their roles let them do and what not, and where their output goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.deployment import Deployed, Deployment, Resource

LIMIT = 45
"""Seconds that a job of these tests may take, with the waiting for its turn."""
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def stack(deployment: Deployment) -> Deployed:
    return deployment.stack("BatchJobs")


@pytest.fixture(scope="module")
def outputs(stack: Deployed) -> str:
    return stack.the("AWS::S3::Bucket", "JobsOutputs").physical


@pytest.fixture(scope="module")
def other_bucket(stack: Deployed) -> str:
    return stack.the("AWS::S3::Bucket", "JobsAccessLogs").physical


@pytest.fixture(scope="module")
def submitter(deployment: Deployment, stack: Deployed) -> Any:
    return deployment.as_role(stack.the("AWS::IAM::Role", "Submitter").physical, "batch")


def kind(stack: Deployed, job: str) -> dict[str, str]:
    """The tag that a job of a kind is submitted with."""
    (value,) = {
        statement["Condition"]["StringEquals"]["aws:RequestTag/batch-job-kind"]
        for policy in stack.of_type("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if "aws:RequestTag/batch-job-kind" in statement.get("Condition", {}).get("StringEquals", {})
        and f"-{job}-" in statement["Condition"]["StringEquals"]["aws:RequestTag/batch-job-kind"]
    }
    return {"batch-job-kind": value}


@pytest.fixture(scope="module")
def submit(stack: Deployed, submitter: Any, other_bucket: str) -> Callable[..., str]:
    """Has something rendered, as the workflow does; what is rendered is what the program tries."""

    def call(scene: str) -> str:
        overrides = {"environment": [{"name": "OTHER_BUCKET", "value": other_bucket}]}
        answer = submitter.submit_job(
            jobName=scene,
            jobQueue=stack.outputs["Queue"],
            jobDefinition=stack.outputs["Render"],
            parameters={"scene": scene},
            containerOverrides=overrides,
            tags=kind(stack, "Render"),
        )
        return str(answer["jobId"])

    return call


@pytest.fixture(scope="module")
def ended(submitter: Any) -> Run:
    def wait(id: str) -> dict[str, Any]:
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            (job,) = submitter.describe_jobs(jobs=[id])["jobs"]
            if job["status"] in ("SUCCEEDED", "FAILED"):
                return dict(job)
            time.sleep(0.2)
        pytest.fail(f"the job is {job['status']} after {LIMIT} s")

    return wait


@pytest.fixture(scope="module")
def said(deployment: Deployment, stack: Deployed) -> Callable[[dict[str, Any]], str]:
    """What a job has written, from the log group of its kind."""
    group = stack.the("AWS::Logs::LogGroup", "JobsRenderLogs").physical

    def read(job: dict[str, Any]) -> str:
        if "exitCode" not in job["container"]:
            return f"it has not started: {job['container'].get('reason')}"
        stream = job["container"]["logStreamName"]
        events = deployment.client("logs").get_log_events(logGroupName=group, logStreamName=stream)["events"]
        return "\n".join(event["message"] for event in events)

    return read


def test_a_job_writes_below_its_own_prefix(
    deployment: Deployment, outputs: str, submit: Callable[..., str], ended: Run, said: Any
) -> None:
    job = ended(submit("own"))
    assert job["status"] == "SUCCEEDED", said(job)
    assert job["container"]["exitCode"] == 0
    written = deployment.client("s3").get_object(Bucket=outputs, Key="Jobs/Render/result")
    assert written["Body"].read() == b"done"
    assert "own: done" in said(job)


DENIED = {
    "other-prefix": "PutObject",
    "other-bucket": "PutObject",
    "read": "GetObject",
    "delete": "DeleteObject",
    "list": "ListObjectsV2",
    "roles": "ListRoles",
}


def test_a_job_may_do_nothing_else(submit: Callable[..., str], ended: Run, said: Any) -> None:
    ids = {scene: submit(scene) for scene in DENIED}
    for scene, operation in DENIED.items():
        job = ended(ids[scene])
        assert job["status"] == "FAILED", scene
        assert "AccessDenied" in said(job), f"{scene}: {said(job)}"
        assert f"calling the {operation} operation" in said(job)
        assert len(job["attempts"]) == 1, "what is denied is not tried again"


def test_without_its_statement_the_job_fails_for_that_reason(
    deployment: Deployment, stack: Deployed, submit: Callable[..., str], ended: Run, said: Any
) -> None:
    iam = deployment.client("iam")
    policy: Resource = stack.the("AWS::IAM::Policy", "JobsRenderRoleDefaultPolicy")
    name, (role,) = policy.properties["PolicyName"], policy.properties["Roles"]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    others = [each for each in document["Statement"] if "s3:PutObject" not in each["Action"]]
    assert len(others) == len(document["Statement"]) - 1
    put(iam, role, name, {**document, "Statement": others})
    try:
        job = ended(submit("own"))
        assert job["status"] == "FAILED"
        assert "AccessDenied" in said(job)
        assert "calling the PutObject operation" in said(job)
    finally:
        put(iam, role, name, document)
    assert ended(submit("own"))["status"] == "SUCCEEDED"


def put(iam: Any, role: str, name: str, document: dict[str, Any]) -> None:
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def test_the_submitter_submits_this_job_only(stack: Deployed, submitter: Any) -> None:
    tags = kind(stack, "Render")
    queue, critical = stack.outputs["Queue"], stack.the("AWS::Batch::JobQueue", "JobsCriticalQueue").physical
    close = stack.the("AWS::Batch::JobDefinition", "JobsCloseBooksDefinition").physical
    for arguments in (
        {"jobQueue": queue, "jobDefinition": close, "tags": tags},
        {"jobQueue": critical, "jobDefinition": stack.outputs["Render"], "tags": tags},
        {"jobQueue": queue, "jobDefinition": stack.outputs["Render"], "tags": {"batch-job-kind": "another"}},
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            submitter.submit_job(jobName="not-mine", **arguments)


def test_a_queue_or_definition_that_is_not_there_is_refused(deployment: Deployment, stack: Deployed) -> None:
    batch = deployment.client("batch")
    with pytest.raises(ClientError, match="none-such"):
        batch.submit_job(jobName="x", jobQueue="none-such", jobDefinition=stack.outputs["Render"])
    with pytest.raises(ClientError, match="none-such"):
        batch.submit_job(jobName="x", jobQueue=stack.outputs["Queue"], jobDefinition="none-such")


def test_events_of_jobs_are_recorded(
    deployment: Deployment, stack: Deployed, submit: Callable[..., str], ended: Run
) -> None:
    job = ended(submit("nothing"))
    group = stack.the("AWS::Logs::LogGroup", "JobsWatchEvents").physical
    logs = deployment.client("logs")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        events = logs.filter_log_events(logGroupName=group)["events"]
        if any(job["jobId"] in event["message"] and "SUCCEEDED" in event["message"] for event in events):
            return
        time.sleep(0.3)
    pytest.fail(f"{group} has no event of job {job['jobId']}: {[event['message'][:80] for event in events]}")
