"""The rule about the roles of tasks, and who may take them."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import evaluate
from secure_containers.rules.batch_roles import confusable_job_role, shared_job_role
from secure_containers.rules.ecs_roles import shared_task_role
from tests.rules.support import NO_VALUE, att, either, ref, said, sub, template

Resources = dict[str, Any]
SHARED, UNTOLD = "SC-ECS-08", "SC-ECS-08?"


def task(role: Any = NO_VALUE, execution: Any = NO_VALUE, **attributes: Any) -> Resources:
    family = attributes.pop("Family", NO_VALUE)
    properties = {"TaskRoleArn": role, "ExecutionRoleArn": execution, "Family": family}
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": properties, **attributes}


def express(role: Any = NO_VALUE, execution: Any = NO_VALUE) -> Resources:
    properties = {"TaskRoleArn": role, "ExecutionRoleArn": execution}
    return {"Type": "AWS::ECS::ExpressGatewayService", "Properties": properties}


def job(role: Any) -> Resources:
    return {"Type": "AWS::Batch::JobDefinition", "Properties": {"ContainerProperties": {"JobRoleArn": role}}}


def app_runner(role: Any) -> Resources:
    instance = {"InstanceRoleArn": role}
    return {"Type": "AWS::AppRunner::Service", "Properties": {"InstanceConfiguration": instance}}


def role(*arns: Any, **properties: Any) -> Resources:
    return {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": list(arns), **properties}}


ROLES = {"Role": role(), "Other": role()}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"A": task(att("Role")), "B": task(att("Role"))}, [SHARED, SHARED]),
        ({"A": task(att("Role")), "B": express(att("Role"))}, [SHARED, SHARED]),
        ({"A": task(att("Role")), "B": express(NO_VALUE, att("Role"))}, [SHARED]),
        ({"A": task(att("Role"), att("Role"))}, [SHARED]),
        ({"A": express(att("Role"), att("Role"))}, [SHARED]),
        ({"A": task(att("Role")), "B": job(att("Role"))}, [SHARED]),
        ({"A": task(att("Role")), "B": app_runner(att("Role"))}, [SHARED]),
        ({"A": task("tasks"), "B": task("tasks")}, [SHARED, SHARED]),
        ({"A": task(ref("Free")), "B": task(ref("Free"))}, [SHARED, SHARED]),
        ({"A": task(either("Prod", att("Role"), att("Other"))), "B": task(att("Role"))}, [SHARED, SHARED]),
        ({"A": task(att("Role"), Family="a"), "B": task(att("Role"), Family="b")}, [SHARED, SHARED]),
        ({"A": task(att("Role"), Family=ref("Free")), "B": task(att("Role"), Family=ref("Free"))}, [SHARED, SHARED]),
        ({"A": task(att("Role"), att("Role"), Family="a")}, [SHARED]),
        ({"A": task({"Fn::ImportValue": "role"})}, [UNTOLD]),
        ({"A": task(NO_VALUE, ref("Free"))}, [UNTOLD]),
        ({"A": task(att("Role"), Family="a"), "B": task(att("Role"), Family="a")}, []),
        ({"A": task(att("Role"), att("Other"))}, []),
        ({"A": task(NO_VALUE, att("Role")), "B": task(NO_VALUE, att("Role"))}, []),
        ({"A": task(att("Role"), Condition="Prod"), "B": task(att("Role"), Condition="NotProd")}, []),
        ({"A": job(att("Role")), "B": app_runner(att("Role"))}, []),
        ({"A": task(), "B": express()}, []),
    ],
)
def test_shared_task_role(resources: Resources, expected: list[str]) -> None:
    assert said(shared_task_role, template({**ROLES, **resources})) == expected


def test_a_role_is_followed_to_another_stack() -> None:
    outputs = {"Role": {"Value": att("Role"), "Export": {"Name": "role"}}}
    theirs = template({**ROLES, "A": task(att("Role"))}, Outputs=outputs)
    assert said(shared_task_role, theirs, template({"B": task({"Fn::ImportValue": "role"})})) == [SHARED, SHARED]


def test_who_shares_is_said() -> None:
    judged = template({**ROLES, "Web": task(att("Role")), "Nightly": job(att("Role"))})
    (finding,) = evaluate([judged], [shared_task_role]).findings
    assert finding.message == "the task role is the job role of Nightly too"
    # The rule of jobs speaks of jobs alone.
    assert said(shared_job_role, judged) == []


EXECUTION_POLICY = sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
OF_EVERYBODY = ["SC-ECS-08[AmazonECSTaskExecutionRolePolicy]"]


@pytest.mark.parametrize(
    ("bearer", "arn", "expected"),
    [
        (task(NO_VALUE, att("It")), EXECUTION_POLICY, OF_EVERYBODY),
        (express(NO_VALUE, att("It")), EXECUTION_POLICY, OF_EVERYBODY),
        (task(NO_VALUE, att("It")), either("Prod", EXECUTION_POLICY), OF_EVERYBODY),
        (task(NO_VALUE, att("It")), ref("Free"), [UNTOLD]),
        (task(NO_VALUE, att("It")), ref("Own"), []),
        (job(att("It")), EXECUTION_POLICY, []),
    ],
)
def test_policies_of_aws(bearer: Resources, arn: Any, expected: list[str]) -> None:
    resources = {"It": role(arn), "Own": {"Type": "AWS::IAM::ManagedPolicy"}, "Bearer": bearer}
    assert said(shared_task_role, template(resources)) == expected


@pytest.mark.parametrize("bearer", [task(att("It")), express(att("It")), express(NO_VALUE, att("It"))])
def test_the_roles_of_tasks_and_express_services_can_be_confused(bearer: Resources) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    own = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    for condition, expected in ((NO_VALUE, ["SC-BAT-17"]), (own, [])):
        trust = {"Statement": [statement | {"Condition": condition}]}
        resources = {"It": role(AssumeRolePolicyDocument=trust), "Bearer": bearer}
        assert said(confusable_job_role, template(resources)) == expected
