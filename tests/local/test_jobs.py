"""Jobs of AWS Batch run: with a role, an environment and a log, and end as they do on AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from secure_containers.local.jobs.job import NOT_STARTED, Outcome, tries_again
from secure_containers.local.programs import IMAGES
from tests.local.conftest import PROGRAMS, Cloud

STACK = "jobs"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/program@sha256:" + "0" * 64
OVER = ("SUCCEEDED", "FAILED")
SECONDS = 20


def trusts(service: str = "ecs-tasks.amazonaws.com", account: str = "123456789012") -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": service},
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }


def role_with(*statements: Mapping[str, Any], trust: Mapping[str, Any] | None = None) -> dict[str, Any]:
    policies = [{"PolicyName": "a", "PolicyDocument": {"Statement": list(statements)}}] if statements else []
    properties = {"AssumeRolePolicyDocument": trust or trusts(), "Policies": policies}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def arn(logical: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical, "Arn"]}


RESOURCES: dict[str, Any] = {
    "Environment": {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {
            "Type": "MANAGED",
            "ComputeResources": {"Type": "FARGATE", "MaxvCpus": 4, "Subnets": ["s"], "SecurityGroupIds": ["g"]},
        },
    },
    "Queue": {
        "Type": "AWS::Batch::JobQueue",
        "Properties": {
            "Priority": 1,
            "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": {"Ref": "Environment"}}],
        },
    },
    "Shares": {
        "Type": "AWS::Batch::SchedulingPolicy",
        "Properties": {"FairsharePolicy": {"ShareDistribution": [{"ShareIdentifier": "a"}]}},
    },
    "Fair": {
        "Type": "AWS::Batch::JobQueue",
        "Properties": {
            "Priority": 1,
            "SchedulingPolicyArn": arn("Shares"),
            "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": {"Ref": "Environment"}}],
        },
    },
    "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "jobs"}},
    "Events": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "events"}},
    "Rule": {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {"source": ["aws.batch"], "detail-type": ["Batch Job State Change"]},
            "Targets": [{"Id": "logs", "Arn": arn("Events")}],
        },
    },
    "Own": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "own"}},
    "Others": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "others"}},
    "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": '{"key": "known"}'}},
    "Execution": role_with(
        {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": arn("Logs")},
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "Secret"}},
    ),
    "Mute": role_with(),
    "Strange": role_with(trust=trusts("ec2.amazonaws.com")),
    "Foreign": role_with(trust=trusts(account="999999999999")),
    "Role": role_with(
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": {"Fn::Join": ["", [arn("Own"), "/*"]]}},
    ),
}


@pytest.fixture(scope="module", autouse=True)
def told(cloud: Cloud) -> Iterator[dict[str, str]]:
    """The stack that jobs run in; its roles and queues."""
    program = {"command": ["python", str(PROGRAMS / "program.py")]}
    images = {"team/": program, "broken": {"command": ["no-such-program"]}}
    (cloud.directory / IMAGES).write_text(json.dumps(images))
    roles = ("Execution", "Mute", "Strange", "Foreign", "Role")
    yield cloud.deploy(
        STACK,
        RESOURCES,
        **{name: arn(name) for name in roles},
        **{name: {"Ref": name} for name in ("Queue", "Fair", "Secret")},
    )
    for name in ("Own", "Others"):
        for each in cloud.client("s3").list_objects_v2(Bucket=name.lower()).get("Contents", []):
            cloud.client("s3").delete_object(Bucket=name.lower(), Key=each["Key"])
    cloud.delete(STACK)


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def submit(cloud: Cloud, told: dict[str, str]) -> Callable[..., str]:
    """Registers a definition and submits a job of it; its id."""

    def submitted(*command: str, **given: Any) -> str:
        batch = cloud.client("batch")
        log = {"logDriver": "awslogs", "options": {"awslogs-group": "jobs", "awslogs-stream-prefix": "test"}}
        container = {
            "image": given.pop("image", IMAGE),
            "command": list(command),
            "executionRoleArn": told[given.pop("execution", "Execution")],
            "jobRoleArn": told[given.pop("role", "Role")],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
            "logConfiguration": log,
            **{name: given.pop(name) for name in ("environment", "secrets") if name in given},
        }
        defined = {name: given.pop(name) for name in ("retryStrategy", "timeout") if name in given}
        definition = batch.register_job_definition(
            jobDefinitionName="job",
            type="container",
            containerProperties=container,
            parameters=given.pop("defaults", {}),
            **defined,
        )["jobDefinitionArn"]
        arguments = {"jobQueue": told["Queue"], "jobDefinition": definition, **given}
        return str(batch.submit_job(jobName="job", **arguments)["jobId"])

    return submitted


def job(cloud: Cloud, id: str) -> dict[str, Any]:
    return dict(cloud.client("batch").describe_jobs(jobs=[id])["jobs"][0])


def until(cloud: Cloud, id: str, *statuses: str) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while (found := job(cloud, id))["status"] not in statuses:
        assert time.monotonic() < deadline, found
        time.sleep(0.03)
    return found


@pytest.fixture
def run(cloud: Cloud, submit: Callable[..., str]) -> Run:
    """Submits a job and waits for its end."""
    return lambda *command, **given: until(cloud, submit(*command, **given), *OVER)


def output(cloud: Cloud, ended: Mapping[str, Any]) -> list[str]:
    return output_of(cloud, "jobs", ended["container"]["logStreamName"])


def output_of(cloud: Cloud, group: str, stream: str) -> list[str]:
    events = cloud.client("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    return [each["message"] for each in events["events"]]


def test_a_job_succeeds_and_its_output_is_in_its_log_stream(cloud: Cloud, run: Run) -> None:
    ended = run("say", "hello", "world")
    assert (ended["status"], ended["container"]["exitCode"]) == ("SUCCEEDED", 0)
    assert ended["statusReason"] == "Essential container in task exited"
    assert ended["createdAt"] <= ended["startedAt"] <= ended["stoppedAt"]
    assert ended["container"]["logStreamName"].startswith("test/default/")
    assert output(cloud, ended) == ["hello world"]


def test_a_job_fails_with_its_exit_code(cloud: Cloud, run: Run) -> None:
    ended = run("exit", "3")
    assert (ended["status"], ended["container"]["exitCode"]) == ("FAILED", 3)
    assert [each["container"]["exitCode"] for each in ended["attempts"]] == [3]
    assert output(cloud, ended) == ["leaving"]


def test_parameters_environment_and_overrides(cloud: Cloud, run: Run, told: dict[str, str]) -> None:
    ended = run(
        "environment",
        "Ref::name",
        "B",
        "Ref::unknown",
        "AWS_BATCH_JOB_ID",
        "AWS_BATCH_JOB_ATTEMPT",
        "AWS_BATCH_JQ_NAME",
        "AWS_PROFILE",
        "SECRET",
        defaults={"name": "Z"},
        parameters={"name": "A"},
        environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        secrets=[{"name": "SECRET", "valueFrom": f"{told['Secret']}:key::"}],
        containerOverrides={"environment": [{"name": "B", "value": "3"}]},
    )
    assert ended["status"] == "SUCCEEDED", ended["container"]["reason"]
    queue = told["Queue"].rpartition("/")[2]
    assert output(cloud, ended) == [
        "A=1",
        "B=3",
        "Ref::unknown=None",
        f"AWS_BATCH_JOB_ID={ended['jobId']}",
        "AWS_BATCH_JOB_ATTEMPT=1",
        f"AWS_BATCH_JQ_NAME={queue}",
        "AWS_PROFILE=None",
        "SECRET=known",
    ]


def test_a_job_is_its_role_and_denied_what_the_role_may_not(cloud: Cloud, run: Run) -> None:
    (who,) = output(cloud, run("whoami"))
    assert ":assumed-role/jobs-Role-" in who
    assert run("put", "own", "a")["status"] == "SUCCEEDED"
    denied = run("put", "others", "a")
    assert denied["status"] == "FAILED"
    assert any("AccessDenied" in line for line in output(cloud, denied))
    assert run("put", "own", "a", role="Mute")["status"] == "FAILED"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"role": "Strange"}, "ECS was unable to assume the role"),
        ({"role": "Foreign"}, "the role's trust policy does not let ecs-tasks.amazonaws.com have it here"),
        ({"execution": "Mute"}, "ResourceInitializationError: failed to validate logger args"),
        (
            {"image": "public.ecr.aws/unknown/image:1"},
            "CannotPullContainerError: no program of this machine stands for",
        ),
        ({"image": "broken:1"}, "CannotStartContainerError"),
        (
            {"secrets": [{"name": "A", "valueFrom": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:no"}]},
            "ResourceInitializationError: unable to retrieve secret",
        ),
    ],
)
def test_a_job_that_cannot_start_says_why(run: Run, given: dict[str, Any], reason: str) -> None:
    ended = run("say", "hello", **given)
    assert (ended["status"], ended["statusReason"]) == ("FAILED", NOT_STARTED)
    assert reason in ended["container"]["reason"]
    assert "exitCode" not in ended["container"]["reason"]


def test_an_unknown_image_says_what_to_write(run: Run) -> None:
    ended = run("say", image="public.ecr.aws/unknown/image:1")
    assert 'write {"unknown/image": {"command": [...]}} into' in ended["container"]["reason"]


def test_attempts_go_on_until_one_succeeds(run: Run) -> None:
    ended = run("again", "3", retryStrategy={"attempts": 5})
    assert ended["status"] == "SUCCEEDED"
    assert [each["container"]["exitCode"] for each in ended["attempts"]] == [7, 7, 0]


def test_the_exit_code_decides_on_another_attempt(run: Run) -> None:
    rules = [{"onExitCode": "7", "action": "EXIT"}, {"onExitCode": "*", "action": "RETRY"}]
    ended = run("again", "3", retryStrategy={"attempts": 5, "evaluateOnExit": rules})
    assert (ended["status"], len(ended["attempts"])) == ("FAILED", 1)
    ended = run("exit", "8", retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    assert (ended["status"], len(ended["attempts"])) == ("FAILED", 2)


def test_a_job_that_takes_too_long_is_ended(cloud: Cloud, run: Run) -> None:
    ended = run("sleep", timeout={"attemptDurationSeconds": 3}, retryStrategy={"attempts": 1})
    assert (ended["status"], ended["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
    assert ended["container"]["exitCode"] == 143
    assert output(cloud, ended) == ["sleeping"]


def test_a_job_is_terminated_with_everything_it_started(cloud: Cloud, submit: Callable[..., str]) -> None:
    id = submit("stay", retryStrategy={"attempts": 3})
    until(cloud, id, "RUNNING")
    deadline = time.monotonic() + SECONDS
    while not (said := output(cloud, job(cloud, id))):  # while it runs
        assert time.monotonic() < deadline
        time.sleep(0.1)
    cloud.client("batch").terminate_job(jobId=id, reason="enough")
    ended = until(cloud, id, *OVER)
    assert (ended["status"], ended["statusReason"], len(ended["attempts"])) == ("FAILED", "enough", 1)
    assert ended["isTerminated"]
    assert ended["container"]["exitCode"] == 137
    child = Path(f"/proc/{said[0]}/stat")
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"  # ended, if not yet buried


def test_a_job_that_waits_is_cancelled_and_one_that_runs_is_not(cloud: Cloud, submit: Callable[..., str]) -> None:
    batch = cloud.client("batch")
    running = [submit("sleep") for _ in range(4)]
    for id in running:
        until(cloud, id, "RUNNING")
    waiting = submit("say")
    assert job(cloud, waiting)["status"] == "RUNNABLE"
    for status, ids in (("RUNNING", running), ("RUNNABLE", [waiting])):
        listed = batch.list_jobs(jobQueue=job(cloud, waiting)["jobQueue"], jobStatus=status)["jobSummaryList"]
        assert [each["jobId"] for each in listed] == ids
    for id in (*running, waiting):
        batch.cancel_job(jobId=id, reason="not now")
    assert [job(cloud, id)["status"] for id in running] == ["RUNNING"] * 4
    for id in running:
        batch.terminate_job(jobId=id, reason="enough")
    ended = until(cloud, waiting, *OVER)
    assert (ended["statusReason"], ended["attempts"]) == ("not now", [])


def test_an_array_job_ends_as_its_children_do(cloud: Cloud, run: Run) -> None:
    ended = run("index", "1", arrayProperties={"size": 3})
    assert (ended["status"], ended["statusReason"]) == ("FAILED", "Array Child Job failed")
    assert ended["arrayProperties"] == {"size": 3, "statusSummary": {"SUCCEEDED": 2, "FAILED": 1}}
    batch = cloud.client("batch")
    failed = batch.list_jobs(arrayJobId=ended["jobId"], jobStatus="FAILED")["jobSummaryList"]
    assert [each["jobId"] for each in failed] == [f"{ended['jobId']}:1"]
    assert job(cloud, f"{ended['jobId']}:1")["arrayProperties"] == {"index": 1}
    assert run("index", "7", arrayProperties={"size": 2})["status"] == "SUCCEEDED"


def test_jobs_are_listed_by_name_definition_and_time(cloud: Cloud, run: Run) -> None:
    ends = [run("exit", code) for code in ("0", "1", "0")]
    ids, queue = [each["jobId"] for each in ends], ends[0]["jobQueue"]
    batch = cloud.client("batch")

    def listed(name: str, value: str, **given: Any) -> list[str]:
        asked = {"jobQueue": queue, "filters": [{"name": name, "values": [value]}], **given}
        return [each["jobId"] for each in batch.list_jobs(**asked)["jobSummaryList"]]

    assert listed("JOB_NAME", "JO*", jobStatus="RUNNING")[:3] == ids[::-1]  # the status is ignored, the latest is first
    assert listed("JOB_NAME", "jo") == []
    assert listed("JOB_DEFINITION", ends[1]["jobDefinition"]) == [ids[1]]
    assert listed("JOB_DEFINITION", "job")[:3] == ids[::-1]
    assert ids[0] not in listed("AFTER_CREATED_AT", str(ends[0]["createdAt"]))
    assert ids[1] not in listed("BEFORE_CREATED_AT", str(ends[1]["createdAt"]))
    pages = batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, filters=[{"name": "JOB_NAME", "values": ["job"]}], PaginationConfig={"PageSize": 2}
    )
    sizes = [len(page["jobSummaryList"]) for page in pages]
    assert (sizes[0], sum(sizes)) == (2, len(listed("JOB_NAME", "job")))
    with pytest.raises(batch.exceptions.ClientException, match="does not know the filter SHARE_IDENTIFIER"):
        listed("SHARE_IDENTIFIER", "a")


def test_every_change_of_state_is_an_event(cloud: Cloud, run: Run) -> None:
    ended = run("again", "2", retryStrategy={"attempts": 2})
    logs, deadline = cloud.client("logs"), time.monotonic() + SECONDS
    while True:
        events = [json.loads(each["message"]) for each in logs.filter_log_events(logGroupName="events")["events"]]
        own = [each for each in events if each["detail"]["jobId"] == ended["jobId"]]
        if [each["detail"]["status"] for each in own][-1:] == ["SUCCEEDED"]:
            break
        assert time.monotonic() < deadline, own
        time.sleep(0.05)
    statuses = [each["detail"]["status"] for each in own]
    assert statuses == ["RUNNABLE", "STARTING", "RUNNING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    last = own[-1]
    assert (last["source"], last["detail-type"]) == ("aws.batch", "Batch Job State Change")
    assert last["resources"] == [ended["jobArn"]]
    assert last["detail"]["jobDefinition"] == ended["jobDefinition"]
    assert len(last["detail"]["attempts"]) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"jobQueue": "nowhere"}, "nowhere does not exist"),
        ({"jobDefinition": "nothing:1"}, "JobDefinition nothing:1 does not exist or is not active"),
        ({"shareIdentifier": "a"}, "has no scheduling policy"),
        ({"arrayProperties": {"size": 1}}, "the array size is 1"),
        ({"dependsOn": [{"jobId": "a"}]}, "does not know dependsOn"),
    ],
)
def test_a_wrong_submission_is_refused(cloud: Cloud, submit: Run, given: dict[str, Any], message: str) -> None:
    with pytest.raises(cloud.client("batch").exceptions.ClientException, match=message):
        submit("say", **given)


def test_a_fair_queue_wants_a_share_and_a_disabled_one_no_jobs(
    cloud: Cloud, submit: Callable[..., str], run: Run, told: dict[str, str]
) -> None:
    batch = cloud.client("batch")
    with pytest.raises(batch.exceptions.ClientException, match="a job needs a shareIdentifier"):
        submit("say", jobQueue=told["Fair"])
    assert run("say", jobQueue=told["Fair"], shareIdentifier="a")["shareIdentifier"] == "a"
    batch.update_job_queue(jobQueue=told["Fair"], state="DISABLED")
    with pytest.raises(batch.exceptions.ClientException, match="is DISABLED"):
        submit("say", jobQueue=told["Fair"], shareIdentifier="a")


def test_a_submission_is_allowed_on_queue_definition_and_tags(
    cloud: Cloud, told: dict[str, str], submit: Callable[..., str], role: Callable[..., dict[str, str]]
) -> None:
    definition = job(cloud, submit("say"))["jobDefinition"]
    tag = {
        "Effect": "Allow",
        "Action": "batch:TagResource",
        "Resource": "arn:aws:batch:eu-central-1:123456789012:job/*",
        "Condition": {"StringEquals": {"aws:RequestTag/team": "a"}},
    }

    def caller(name: str, *resources: str, **condition: Any) -> Any:
        statement = {"Effect": "Allow", "Action": "batch:SubmitJob", "Resource": list(resources), **condition}
        return cloud.client("batch", **role(name, statement, tag))

    def attempt(batch: Any, **given: Any) -> str:
        arguments = {"jobName": "a", "jobQueue": told["Queue"], "jobDefinition": definition, **given}
        try:
            return str(batch.submit_job(**arguments)["jobId"])
        except batch.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])

    denied = "AccessDeniedException"
    both = caller("both", told["Queue"], definition)
    assert "-" in attempt(both)
    assert attempt(caller("queue-only", told["Queue"])).startswith("AccessDenied")
    assert attempt(caller("definition-only", definition)).startswith("AccessDenied")
    # By the name alone the last revision runs, and that is another permission.
    assert attempt(both, jobDefinition="job") == denied
    assert "-" in attempt(both, tags={"team": "a"})
    assert attempt(both, tags={"team": "b"}) == denied

    shared = {"Condition": {"StringEquals": {"batch:ShareIdentifier": "a"}}}
    fair = caller("fair", told["Fair"], definition, **shared)
    cloud.client("batch").update_job_queue(jobQueue=told["Fair"], state="ENABLED")
    assert "-" in attempt(fair, jobQueue=told["Fair"], shareIdentifier="a")
    assert attempt(fair, jobQueue=told["Fair"], shareIdentifier="b").startswith("AccessDenied")


def test_a_job_is_terminated_by_its_tags(
    cloud: Cloud, submit: Callable[..., str], role: Callable[..., dict[str, str]]
) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "batch:TerminateJob",
        "Resource": "arn:aws:batch:eu-central-1:123456789012:job/*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}},
    }
    batch = cloud.client("batch", **role("terminator", statement))
    own, other = submit("sleep", tags={"team": "a"}), submit("sleep", tags={"team": "b"})
    with pytest.raises(batch.exceptions.ClientError, match="AccessDenied"):
        batch.terminate_job(jobId=other, reason="a")
    batch.terminate_job(jobId=own, reason="a")
    cloud.client("batch").terminate_job(jobId=other, reason="b")
    assert [until(cloud, id, *OVER)["statusReason"] for id in (own, other)] == ["a", "b"]


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        (Outcome("Host EC2 (instance i-1) terminated.", code=None), True),
        (Outcome("Essential container in task exited", code=1), False),
        (Outcome(NOT_STARTED, reason="CannotPullContainerError: pull access denied"), True),
    ],
)
def test_rules_of_attempts(outcome: Outcome, *, again: bool) -> None:
    rules = [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onReason": "cannotpull*", "action": "retry"},
        {"onReason": "*", "action": "exit"},
    ]
    assert tries_again({"attempts": 3, "evaluateOnExit": rules}, outcome, tried=1) is again
    assert tries_again({"attempts": 3, "evaluateOnExit": rules[:2]}, outcome, tried=1)
    assert not tries_again({"attempts": 1}, outcome, tried=1)
