"""Updates and failures of what is deployed: what stays, what is replaced, what is rolled back, and what is said."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import pytest

from secure_containers.local.stacks import first_failure
from tests.e2e.conftest import EXISTING
from tests.e2e.deployment import Deployment
from tests.support import DIGEST, ORGANIZATION

pytestmark = pytest.mark.skipif(EXISTING in os.environ, reason="this changes what is deployed")

REPLACED = {
    "AccountAudit": set[str](),
    "AppRunnerService": set[str](),
    "BatchJobs": {"AWS::Batch::JobDefinition"},
    "ExpressService": {"AWS::ECS::TaskDefinition"},
    "ImageRepositories": set[str](),
    "Network": set[str](),
    "ServiceMove": {"AWS::ECS::TaskDefinition"},
}
"""By stack what a new image replaces."""
STACKS = tuple(REPLACED)
Ids = dict[str, dict[str, str]]


def app(name: str, *arguments: str) -> str:
    return " ".join([sys.executable, "-m", f"tests.e2e.apps.{name}", *arguments])


def ids(deployment: Deployment) -> Ids:
    return {name: deployment.stack(name).physical for name in STACKS}


@pytest.fixture(scope="module")
def before(deployment: Deployment) -> Ids:
    return ids(deployment)


def test_a_second_up_changes_nothing(deployment: Deployment, before: Ids) -> None:
    began = time.monotonic()
    done = deployment.local("up")
    assert done.returncode == 0, done.stderr
    assert "the emulator runs already" in done.stdout
    assert "nothing has changed" in done.stdout
    assert time.monotonic() - began < 30
    assert ids(deployment) == before


def test_nothing_differs(deployment: Deployment) -> None:
    done = deployment.local("run", "--", "cdk", "diff", "--app", str(deployment.directory / "cdk.out"))
    assert done.returncode == 0, done.stderr
    assert "Number of stacks with differences: 0" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def updated(deployment: Deployment, before: Ids) -> Ids:
    done = deployment.local("up", "--app", app("updated"))
    assert done.returncode == 0, done.stderr + "\n".join(each for each in done.stdout.splitlines() if "failed" in each)
    return ids(deployment)


@pytest.mark.parametrize("stack", STACKS)
def test_changed_options_replace_nothing_but_definitions(
    deployment: Deployment, before: Ids, updated: Ids, stack: str
) -> None:
    types = {resource.id: resource.type for resource in deployment.stack(stack).resources}
    new = {types[id] for id in updated[stack] if before[stack].get(id) != updated[stack][id]}
    assert new == REPLACED[stack]
    assert set(before[stack]) == set(updated[stack])


def test_a_new_image_is_a_new_revision(deployment: Deployment, before: Ids, updated: Ids) -> None:
    batch = deployment.client("batch")
    for id, arn in updated["BatchJobs"].items():
        if "Definition" not in id or ":job-definition/" not in arn:
            continue
        old = before["BatchJobs"][id]
        assert arn.rsplit(":", 1)[0] == old.rsplit(":", 1)[0]
        assert int(arn.rsplit(":", 1)[1]) == int(old.rsplit(":", 1)[1]) + 1
        (definition,) = batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
        assert definition["containerProperties"]["image"].endswith(f"@{DIGEST}")
        (replaced,) = batch.describe_job_definitions(jobDefinitions=[old])["jobDefinitions"]
        assert replaced["status"] == "INACTIVE"


@pytest.mark.usefixtures("updated")
class TestInPlace:
    def test_fleet(self, deployment: Deployment) -> None:
        on_demand = deployment.stack("BatchJobs").the("AWS::Batch::ComputeEnvironment", "JobsOnDemand").physical
        (found,) = deployment.client("batch").describe_compute_environments(computeEnvironments=[on_demand])[
            "computeEnvironments"
        ]
        assert found["computeResources"]["maxvCpus"] == 32

    def test_queue_limits(self, deployment: Deployment) -> None:
        for queue in deployment.stack("BatchJobs").of_type("AWS::Batch::JobQueue"):
            (found,) = deployment.client("batch").describe_job_queues(jobQueues=[queue.physical])["jobQueues"]
            assert {each["maxTimeSeconds"] for each in found["jobStateTimeLimitActions"]} == {7200}

    def test_severity_of_findings(self, deployment: Deployment) -> None:
        for rule in deployment.stack("ImageRepositories").of_type("AWS::Events::Rule"):
            name = rule.physical.rsplit("/", 1)[-1].rsplit("|", 1)[-1]
            pattern = deployment.client("events").describe_rule(Name=name)["EventPattern"]
            assert "CRITICAL" in pattern
            assert "HIGH" not in pattern

    def test_organization_of_endpoints(self, deployment: Deployment) -> None:
        for endpoint in deployment.stack("Network").of_type("AWS::EC2::VPCEndpoint"):
            (found,) = deployment.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[endpoint.physical])[
                "VpcEndpoints"
            ]
            assert ORGANIZATION in found["PolicyDocument"]

    def test_weights_of_a_move(self, deployment: Deployment) -> None:
        stack = deployment.stack("ServiceMove")
        zone = stack.the("AWS::Route53::HostedZone").physical
        records = deployment.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        assert sorted(each["Weight"] for each in records if "Weight" in each) == [10, 90]

    def test_variables_of_a_service(self, deployment: Deployment) -> None:
        """Whose deployment was asked about: the function that looks for signatures lets the one exception pass."""
        assert release(deployment) == "excepted"
        assert [each["message"] for each in verdicts(deployment)] == ["image unsigned-allowed"]


def release(deployment: Deployment) -> str:
    """What WebService answers that it is."""
    balancer = deployment.stack("WebService").load_balancer()
    return deployment.ask("orders.example.com", balancer=balancer).environment["RELEASE"]


def verdicts(deployment: Deployment) -> list[dict[str, Any]]:
    """What the function that looks for signatures has said of images."""
    group = deployment.stack("WebService").the("AWS::Logs::LogGroup", "OrdersSignaturesLogs").physical
    events = deployment.client("logs").filter_log_events(logGroupName=group)["events"]
    lines = [json.loads(each["message"]) for each in events if each["message"].startswith("{")]
    return [each for each in lines if each["message"].startswith("image ")]


@pytest.fixture(scope="module")
def shared(deployment: Deployment, updated: Ids) -> Ids:
    done = deployment.local("up", "--app", app("updated", "shares"))
    assert done.returncode == 0, done.stderr + "\n".join(each for each in done.stdout.splitlines() if "failed" in each)
    return ids(deployment)


def test_the_first_share_makes_new_queues(deployment: Deployment, updated: Ids, shared: Ids) -> None:
    stack = deployment.stack("BatchJobs")
    batch = deployment.client("batch")
    for queue in stack.of_type("AWS::Batch::JobQueue"):
        old = updated["BatchJobs"].get(queue.id)
        assert old != queue.physical
        (found,) = batch.describe_job_queues(jobQueues=[queue.physical])["jobQueues"]
        assert found["schedulingPolicyArn"]
    gone = [arn for id, arn in updated["BatchJobs"].items() if ":job-queue/" in arn]
    assert not [each for each in batch.describe_job_queues(jobQueues=gone)["jobQueues"] if each["status"] == "VALID"]
    for environment in stack.of_type("AWS::Batch::ComputeEnvironment"):
        assert updated["BatchJobs"][environment.id] == environment.physical


@pytest.mark.usefixtures("shared")
def test_an_image_that_nobody_has_signed_is_refused(deployment: Deployment) -> None:
    """The hook is really asked, CloudFormation says so, and what ran before goes on."""
    arguments = ["cdk", "deploy", "WebService", "--exclusively", "--require-approval", "never", "--no-notices"]
    output = str(deployment.directory / "unsigned.out")
    done = deployment.local("run", "--", *arguments, "--output", output, "--app", app("updated", "unsigned"))
    assert done.returncode == 1
    cloudformation = deployment.client("cloudformation")
    assert cloudformation.describe_stacks(StackName="WebService")["Stacks"][0]["StackStatus"] == (
        "UPDATE_ROLLBACK_COMPLETE"
    )
    function = deployment.stack("WebService").the("AWS::Lambda::Function", "OrdersSignaturesFunction").physical
    reason = str(first_failure(cloudformation, "WebService"))
    assert "OrdersTaskService" in reason
    assert f"{function} said FAILED in PRE_SCALE_UP" in reason
    last = verdicts(deployment)[-1]
    assert (last["message"], last["reason"]) == ("image refused", "no-signature"), last
    assert release(deployment) == "excepted"


def test_a_create_that_fails_is_rolled_back_and_says_why(deployment: Deployment) -> None:
    queues: Any = deployment.client("sqs")
    before = queues.list_queues().get("QueueUrls", [])
    done = deployment.local("up", "--app", app("broken"))
    assert done.returncode == 1
    (line,) = (each for each in done.stdout.splitlines() if "failed" in each)
    assert "Wrong (AWS::Batch::JobQueue) CREATE_FAILED: " in line
    assert "none-such" in line
    assert len(done.stdout.splitlines()) < 30, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    cloudformation = deployment.client("cloudformation")
    status = cloudformation.describe_stacks(StackName="Broken")["Stacks"][0]["StackStatus"]
    assert status == "ROLLBACK_COMPLETE"
    assert "none-such" in str(first_failure(cloudformation, "Broken"))
    assert queues.list_queues().get("QueueUrls", []) == before


def test_a_type_that_the_emulator_does_not_know(deployment: Deployment) -> None:
    done = deployment.local("up", "--app", app("broken", "AWS::Detective::Graph"))
    assert done.returncode == 1
    fix = "add the type (docs/local.md, 'Add a type'), or leave it out"
    assert f"Riddle is of type AWS::Detective::Graph; {fix}" in done.stdout, done.stderr
    assert done.stderr.startswith("local: Unknown not deployed")
    names = [each["StackName"] for each in deployment.client("cloudformation").describe_stacks()["Stacks"]]
    assert "Unknown" not in names


def test_a_type_that_nobody_knows(deployment: Deployment) -> None:
    done = deployment.local("up", "--app", app("broken", "AWS::Nobody::Knows"))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("local: cdk synth failed: ERROR Unknown resource type 'AWS::Nobody::Knows'")
    assert "Unknown/Riddle" in line
