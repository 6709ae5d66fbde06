"""Private web services on the three engines, really run: who is answered, with which role, and what happens if something fails."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.deployment import Answer, Deployed, Deployment

LIMIT = 45
"""Seconds until tasks have started or a deployment has failed."""
NAME = "orders.example.com"
ENGINES = ("WebService", "ExpressService", "AppRunnerService")
_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def ask(deployment: Deployment) -> Ask:
    """Asks a stack's service by the name that clients of its engine use; all have started."""

    def call(name: str, path: str = "/") -> Answer:
        stack = deployment.stack(name)
        if name == "WebService":
            return deployment.ask(NAME, path, balancer=stack.load_balancer())
        return deployment.ask(stack.outputs["Url"].removeprefix("https://"), path)

    for name in ENGINES:
        in_time(lambda name=name: call(name, "/health").status == 200)
    return call


@pytest.fixture(scope="module")
def web(deployment: Deployment) -> Deployed:
    return deployment.stack("WebService")


@pytest.fixture(scope="module")
def service(web: Deployed) -> dict[str, str]:
    """The service of WebService, as calls of ECS name it."""
    arn = web.the("AWS::ECS::Service").physical
    return {"cluster": arn.split("/")[1], "service": arn}


def described(deployment: Deployment, service: Mapping[str, str]) -> dict[str, Any]:
    (about,) = deployment.client("ecs").describe_services(cluster=service["cluster"], services=[service["service"]])[
        "services"
    ]
    return dict(about)


class TestWayIn:
    def test_the_load_balancer_answers_by_its_name(self, ask: Ask) -> None:
        answer = ask("WebService", "/orders?day=1")
        assert answer.status == 200
        assert answer.environment["PORT"] == "8080"
        assert answer.body["headers"]["x-forwarded-proto"] == "https"

    @pytest.mark.usefixtures("ask")
    @pytest.mark.parametrize("host", ["other.example.com", "example.com", f"{NAME}.example.org", ""])
    def test_other_names_are_not_found(self, deployment: Deployment, web: Deployed, host: str) -> None:
        """Nor is its own, by which no client has a certificate."""
        own = next(each for each in [host, dns_name(web)] if each)
        assert deployment.ask(own, balancer=web.load_balancer()).status == 404

    def test_https_is_the_only_way(self, deployment: Deployment, web: Deployed) -> None:
        arn = web.the(_BALANCER).physical
        listeners = deployment.client("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]
        assert [(each["Protocol"], each["Port"]) for each in listeners] == [("HTTPS", 443)]
        plain = http.client.HTTPConnection("127.0.0.1", deployment.connection.port, timeout=5)
        plain.request("GET", f"/_alb/{web.load_balancer()}/", headers={"Host": NAME})
        with pytest.raises((http.client.HTTPException, OSError)):
            plain.getresponse()
        plain.close()

    @pytest.mark.parametrize("engine", ENGINES)
    def test_every_engine_answers_by_its_url(self, ask: Ask, engine: str) -> None:
        assert ask(engine, "/health").status == 200
        assert ask(engine).environment["PORT"] == "8080"

    def test_both_sides_of_a_move_answer_to_one_name(self, deployment: Deployment) -> None:
        """By what the private zone says: each record leads to a load balancer, and whoever asks there is answered."""
        stack = deployment.stack("ServiceMove")
        zone = stack.the("AWS::Route53::HostedZone").physical
        records = [
            each
            for each in deployment.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
            if (each["Name"], each["Type"]) == (f"{NAME}.", "A")
        ]
        assert sorted(each["Weight"] for each in records) == [0, 100]
        found = deployment.client("elbv2").describe_load_balancers()["LoadBalancers"]
        names = {each["DNSName"]: each["LoadBalancerName"] for each in found}
        ways = [names[each["AliasTarget"]["DNSName"].rstrip(".")] for each in records]
        assert sorted(ways) == sorted(stack.load_balancer(colour) for colour in ("Blue", "Green"))
        for way in ways:
            in_time(lambda way=way: deployment.ask(NAME, "/health", balancer=way).status == 200)
        processes = {deployment.ask(NAME, balancer=way).body["process"] for way in ways}
        assert len(processes) == 2


def dns_name(stack: Deployed) -> str:
    (record,) = stack.of_type("AWS::Route53::RecordSet")
    return str(record.properties["AliasTarget"]["DNSName"])


class TestPermissions:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_program_may_do_nothing(self, deployment: Deployment, ask: Ask, engine: str) -> None:
        """Not even with data of a stack beside it."""
        others = deployment.stack("CsvPipeline").outputs
        tried = dict(ask(engine, f"/tries?bucket={others['Uploads']}&table={others['Results']}").body)
        role = tried.pop("role")
        assert f":assumed-role/{engine}-Orders" in role
        assert len(tried) == 8
        assert {re.sub("Exception$", "", code) for code in tried.values()} == {"AccessDenied"}, tried

    @pytest.mark.parametrize("stack", ["WebService", "ExpressService", "ServiceMove"])
    def test_nobody_opens_a_shell(self, deployment: Deployment, ask: Ask, stack: str) -> None:
        """Whoever may call ECS finds no agent in the task, and its role could not speak to Session Manager either."""
        ecs, iam = deployment.client("ecs"), deployment.client("iam")
        cluster = deployment.stack(stack).the("AWS::ECS::Cluster").physical
        services = ecs.describe_services(cluster=cluster, services=ecs.list_services(cluster=cluster)["serviceArns"])
        assert [each["enableExecuteCommand"] for each in services["services"]] == [False] * len(services["services"])
        tasks = ecs.describe_tasks(cluster=cluster, tasks=ecs.list_tasks(cluster=cluster)["taskArns"])["tasks"]
        assert tasks
        for task in tasks:
            assert not task["enableExecuteCommand"]
            definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
            decided = iam.simulate_principal_policy(
                PolicySourceArn=definition["taskRoleArn"],
                ActionNames=["ssmmessages:CreateControlChannel", "ssmmessages:OpenDataChannel"],
            )["EvaluationResults"]
            assert {each["EvalDecision"] for each in decided} == {"implicitDeny"}

    def test_what_it_says_is_in_its_encrypted_log_group(self, deployment: Deployment, web: Deployed, ask: Ask) -> None:
        ask("WebService", "/a-line-of-its-own")
        name, logs = web.the("AWS::Logs::LogGroup", "OrdersTaskLogs").physical, deployment.client("logs")
        (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        key = web.the("AWS::KMS::Key", "OrdersKey").physical
        assert group["kmsKeyId"].endswith(key)
        in_time(lambda: "asked for /a-line-of-its-own" in said(deployment, name))


class TestTasksThatEnd:
    def test_a_task_that_is_killed_is_replaced(self, deployment: Deployment, service: dict[str, str], ask: Ask) -> None:
        ecs, name = deployment.client("ecs"), service["service"].rpartition("/")[2]
        before = ecs.list_tasks(cluster=service["cluster"], serviceName=name)["taskArns"]
        os.kill(int(ask("WebService").body["process"]), signal.SIGKILL)

        def replaced() -> bool:
            now = ecs.list_tasks(cluster=service["cluster"], serviceName=name)["taskArns"]
            return len(now) == len(before) and now != before and ask("WebService", "/health").status == 200

        in_time(replaced)
        tasks = ecs.describe_tasks(cluster=service["cluster"], tasks=before)["tasks"]
        (gone,) = (each for each in tasks if each["lastStatus"] == "STOPPED")
        assert (gone["stopCode"], gone["containers"][0]["exitCode"]) == ("EssentialContainerExited", 137)


@pytest.fixture(scope="module")
def deploy(deployment: Deployment, service: dict[str, str]) -> Iterator[Callable[..., None]]:
    """Deploys the definition that is there with other variables; in the end it is what it was."""
    ecs = deployment.client("ecs")
    original = described(deployment, service)["taskDefinition"]
    about = ecs.describe_task_definition(taskDefinition=original)["taskDefinition"]
    (container,) = about["containerDefinitions"]
    of_service = ("taskDefinitionArn", "revision", "status", "compatibilities", "registeredAt")
    kept = {name: value for name, value in about.items() if name not in of_service}

    def call(**environment: str) -> None:
        variables = [{"name": name, "value": value} for name, value in environment.items()]
        made = ecs.register_task_definition(
            **{**kept, "containerDefinitions": [{**container, "environment": variables}]}
        )
        ecs.update_service(**service, taskDefinition=made["taskDefinition"]["taskDefinitionArn"])

    yield call
    ecs.update_service(**service, taskDefinition=original)
    in_time(lambda: described(deployment, service)["deployments"][0]["rolloutState"] == "COMPLETED")


class TestDeployments:
    def test_a_new_one_takes_over_without_a_gap(
        self, deployment: Deployment, service: dict[str, str], ask: Ask, deploy: Callable[..., None]
    ) -> None:
        deploy(RELEASE="2")
        answers = answers_until(
            ask, lambda: described(deployment, service)["deployments"][0]["rolloutState"] == "COMPLETED"
        )
        assert answers <= {(200, None), (200, "2")}
        in_time(lambda: ask("WebService").environment.get("RELEASE") == "2")

    def test_one_that_never_gets_healthy_is_rolled_back(
        self,
        deployment: Deployment,
        web: Deployed,
        service: dict[str, str],
        ask: Ask,
        deploy: Callable[..., None],
    ) -> None:
        """Its clients notice nothing; people are told."""
        told = listen(deployment, web.outputs["AlarmTopic"], "failed-deployments")
        good = described(deployment, service)["taskDefinition"]
        before = ask("WebService").environment.get("RELEASE")
        deploy(RELEASE="3", HEALTH="500")
        answers = answers_until(ask, lambda: described(deployment, service)["taskDefinition"] == good)
        assert answers == {(200, before)}
        about = described(deployment, service)
        assert about["deployments"][0]["rolloutState"] == "COMPLETED"
        in_time(lambda: bool(told()))
        (event,) = told()
        assert event["detail"]["eventName"] == "SERVICE_DEPLOYMENT_FAILED"
        assert "Task failed ELB health checks" in event["detail"]["reason"]


def answers_until(ask: Ask, done: Callable[[], bool]) -> set[tuple[int, str | None]]:
    """What clients are answered, again and again, until something is so: the status and the release."""
    answers: set[tuple[int, str | None]] = set()

    def is_done() -> bool:
        answer = ask("WebService")
        answers.add((answer.status, answer.environment.get("RELEASE") if answer.status == 200 else None))
        return done()

    in_time(is_done)
    return answers


@pytest.fixture(scope="module")
def run(deployment: Deployment, web: Deployed) -> Callable[..., dict[str, Any]]:
    """Runs it with the schedule's role and parameters; gives the task once it has ended."""
    (listed,) = (
        each
        for each in deployment.client("scheduler").list_schedules()["Schedules"]
        if each["Name"] == web.the("AWS::Scheduler::Schedule").physical.rpartition("|")[2]
    )
    target = deployment.client("scheduler").get_schedule(GroupName=listed["GroupName"], Name=listed["Name"])["Target"]
    parameters = target["EcsParameters"]
    place = {
        f"{name[0].lower()}{name[1:]}": value
        for name, value in parameters["NetworkConfiguration"]["awsvpcConfiguration"].items()
    }
    scheduler = deployment.as_role(target["RoleArn"].rpartition("/")[2], "ecs")

    def call(**changes: Any) -> dict[str, Any]:
        given = {
            "cluster": target["Arn"],
            "taskDefinition": parameters["TaskDefinitionArn"],
            "launchType": parameters["LaunchType"],
            "networkConfiguration": {"awsvpcConfiguration": place},
            "platformVersion": parameters["PlatformVersion"],
        }
        (task,) = scheduler.run_task(**{**given, **changes})["tasks"]

        def now() -> dict[str, Any]:
            found = deployment.client("ecs").describe_tasks(cluster=target["Arn"], tasks=[task["taskArn"]])
            return dict(found["tasks"][0])

        in_time(lambda: now()["lastStatus"] == "STOPPED")
        return now()

    return call


class TestReport:
    """The task that WebService runs every night, run as the schedule would run it."""

    def test_it_ends_and_its_exit_code_is_seen(
        self, deployment: Deployment, web: Deployed, run: Callable[..., dict[str, Any]]
    ) -> None:
        task = run()
        assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 0)
        group = web.the("AWS::Logs::LogGroup", "ReportTaskLogs").physical
        in_time(lambda: "reported" in said(deployment, group, task["taskArn"].rpartition("/")[2]))

    def test_people_are_told_of_one_that_fails(
        self, deployment: Deployment, web: Deployed, run: Callable[..., dict[str, Any]]
    ) -> None:
        told = listen(deployment, web.the("AWS::SNS::Topic", "ReportTopic").physical, "failed-reports")
        code = [{"name": "CODE", "value": "7"}]
        task = run(overrides={"containerOverrides": [{"name": "Main", "environment": code}]})
        assert task["containers"][0]["exitCode"] == 7
        in_time(lambda: bool(told()))
        (event,) = told()
        assert event["detail"]["taskArn"] == task["taskArn"]

    def test_its_schedule_runs_nothing_else(self, web: Deployed, run: Callable[..., dict[str, Any]]) -> None:
        with pytest.raises(ClientError, match="AccessDenied"):
            run(taskDefinition=web.the("AWS::ECS::TaskDefinition", "OrdersTask").physical)

    def test_without_its_statement_no_log_and_no_task(
        self, deployment: Deployment, web: Deployed, run: Callable[..., dict[str, Any]]
    ) -> None:
        """So it is the execution role that writes what the program says."""
        iam = deployment.client("iam")
        policy = web.the("AWS::IAM::Policy", "ReportTaskExecutionRoleDefaultPolicy")
        name, (role,) = policy.properties["PolicyName"], policy.properties["Roles"]
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        others = [each for each in document["Statement"] if "logs:PutLogEvents" not in each["Action"]]
        assert len(others) == len(document["Statement"]) - 1
        without = json.dumps({**document, "Statement": others})
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=without)
        try:
            task = run()
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
        assert task["stopCode"] == "TaskFailedToStart"
        assert "failed to create CloudWatch log stream" in task["stoppedReason"]
        assert run()["containers"][0]["exitCode"] == 0


def said(deployment: Deployment, group: str, task: str = "") -> list[str]:
    """The lines of a log group, of one task or of all."""
    pages = deployment.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [each["message"] for page in pages for each in page["events"] if task in each["logStreamName"]]


def listen(deployment: Deployment, topic: str, name: str) -> Callable[[], list[dict[str, Any]]]:
    """Subscribes a queue to a topic; gives what reads all events that have come until then."""
    sns, sqs = deployment.client("sns"), deployment.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    let_in = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**let_in, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    events: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        events.extend(json.loads(json.loads(message["Body"])["Message"]) for message in messages)
        return events

    return read


def in_time(done: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LIMIT
    while not done():
        assert time.monotonic() < end
        time.sleep(0.2)
