"""The rules about the roles of jobs and of the instances under them."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.rules import Template, evaluate
from secure_containers.rules.batch_roles import broad_instance_role, confusable_job_role, shared_job_role
from tests.rules.support import NO_VALUE, att, either, ref, said, sub, template

Resources = dict[str, Any]
EXECUTION_POLICY = sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
SESSIONS = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def role(*arns: Any, **properties: Any) -> Resources:
    return {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": list(arns), **properties}}


def job(role: Any = NO_VALUE, execution: Any = NO_VALUE, **attributes: Any) -> Resources:
    properties = {"ContainerProperties": {"JobRoleArn": role, "ExecutionRoleArn": execution}}
    return {"Type": "AWS::Batch::JobDefinition", "Properties": properties, **attributes}


def task_job(role: Any = NO_VALUE, execution: Any = NO_VALUE) -> Resources:
    task = {"TaskRoleArn": role, "ExecutionRoleArn": execution}
    return {"Type": "AWS::Batch::JobDefinition", "Properties": {"EcsProperties": {"TaskProperties": [task]}}}


def nodes(*containers: Resources) -> Resources:
    ranges = [{"Container": container} for container in containers]
    return {"Type": "AWS::Batch::JobDefinition", "Properties": {"NodeProperties": {"NodeRangeProperties": ranges}}}


ROLES = {"Role": role(), "Other": role(), "Own": {"Type": "AWS::IAM::ManagedPolicy"}}
SHARED = ["SC-BAT-08", "SC-BAT-08"]


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ({"A": job(att("Role")), "B": job(att("Role"))}, SHARED),
        ({"A": job(att("Role")), "B": task_job(att("Role"))}, SHARED),
        ({"A": job(att("Role")), "B": nodes({"JobRoleArn": att("Role")})}, SHARED),
        ({"A": job("jobs"), "B": job("jobs")}, SHARED),
        ({"A": job(ref("Free")), "B": job(ref("Free"))}, SHARED),
        ({"A": job(either("Prod", att("Role"), att("Other"))), "B": job(att("Role"))}, SHARED),
        ({"A": job(att("Role"), att("Role"))}, ["SC-BAT-08"]),
        ({"A": task_job(att("Role"), att("Role"))}, ["SC-BAT-08"]),
        ({"A": job(att("Role")), "B": job(NO_VALUE, att("Role"))}, ["SC-BAT-08"]),
        ({"A": job({"Fn::ImportValue": "role"})}, ["SC-BAT-08?"]),
        ({"A": job(NO_VALUE, ref("Free"))}, ["SC-BAT-08?"]),
        (
            {"A": {"Type": "AWS::Batch::JobDefinition", "Properties": {"ContainerProperties": ref("Free")}}},
            ["SC-BAT-08?"],
        ),
        (
            {"A": job({"Fn::GetAZs": "a"}), "B": job({"Fn::GetAZs": "b"})},
            ["SC-BAT-08?", "SC-BAT-08?"],
        ),
        ({"A": job(att("Role")), "B": job(att("Other"))}, []),
        ({"A": job(att("Role"), att("Other"))}, []),
        ({"A": job(NO_VALUE, att("Role")), "B": job(NO_VALUE, att("Role"))}, []),
        ({"A": job("one"), "B": job("two")}, []),
        ({"A": nodes({"JobRoleArn": att("Role")}, {"JobRoleArn": att("Role")})}, []),
        ({"A": job(), "B": job()}, []),
        ({"A": job(att("Role"), Condition="Prod"), "B": job(att("Role"), Condition="NotProd")}, []),
        ({"A": job(either("Prod", att("Role"))), "B": job(either("Prod", NO_VALUE, att("Role")))}, []),
    ],
)
def test_shared_job_role(jobs: Resources, expected: list[str]) -> None:
    assert said(shared_job_role, template({**ROLES, **jobs})) == expected


def test_pods_act_by_their_service_account() -> None:
    pod = {"JobRoleArn": "jobs", "TaskRoleArn": "jobs", "ExecutionRoleArn": "jobs"}
    definition = {"Type": "AWS::Batch::JobDefinition", "Properties": {"EksProperties": {"PodProperties": pod}}}
    assert said(shared_job_role, template({"A": definition, "B": definition})) == []


def test_pods_that_are_not_told_have_no_roles() -> None:
    definition = {"Type": "AWS::Batch::JobDefinition", "Properties": {"EksProperties": {"PodProperties": ref("Free")}}}
    assert said(shared_job_role, template({"A": definition})) == []


def export(name: str, value: Any) -> dict[str, Any]:
    return {name: {"Value": value, "Export": {"Name": name}}}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"Fn::ImportValue": "role"}, {"Fn::ImportValue": "role"}, SHARED),
        ({"Fn::ImportValue": "role"}, {"Fn::ImportValue": "other"}, []),
        ("arn:aws:iam::111122223333:role/jobs", "arn:aws:iam::111122223333:role/jobs", SHARED),
        (ref("Free"), ref("Free"), ["SC-BAT-08?", "SC-BAT-08?"]),  # two parameters of one name
    ],
)
def test_roles_are_followed_through_stacks(first: Any, second: Any, expected: list[str]) -> None:
    roles = template(ROLES, Outputs=export("role", att("Role")) | export("other", att("Other")))
    found = said(shared_job_role, roles, template({"A": job(first)}), template({"B": job(second)}))
    assert found == expected


def test_conditions_of_two_stacks_do_not_keep_their_jobs_apart() -> None:
    first, second = template({"A": job("jobs", Condition="Prod")}), template({"B": job("jobs", Condition="NotProd")})
    assert said(shared_job_role, first, second) == SHARED


def test_a_finding_names_the_other_definition_and_stands_at_the_job_role() -> None:
    (finding,) = evaluate(
        [template({**ROLES, "A": job(att("Role")), "B": job(NO_VALUE, att("Role"))})], [shared_job_role]
    ).findings
    assert finding.message == "the job role is the execution role of B too"
    assert (finding.logical_id, finding.location) == ("A", "Properties.ContainerProperties.JobRoleArn")


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (EXECUTION_POLICY, ["SC-BAT-08[AmazonECSTaskExecutionRolePolicy]"]),
        ("arn:aws:iam::aws:policy/AdministratorAccess", ["SC-BAT-08[AdministratorAccess]"]),
        (either("Prod", SESSIONS), ["SC-BAT-08[AmazonSSMManagedInstanceCore]"]),
        (ref("Free"), ["SC-BAT-08?"]),
        (ref("Own"), []),
        ("arn:aws:iam::111122223333:policy/own", []),
        (sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/own"), []),
        (NO_VALUE, []),
    ],
)
@pytest.mark.parametrize("definition", [job(att("Role")), job(NO_VALUE, att("Role")), task_job(att("Role"))])
def test_policies_of_aws_on_the_roles_of_jobs(definition: Resources, arn: Any, expected: list[str]) -> None:
    assert said(shared_job_role, template({**ROLES, "Role": role(arn), "A": definition})) == expected


def test_policies_of_aws_on_other_roles_are_no_finding() -> None:
    assert said(shared_job_role, template({"Role": role(EXECUTION_POLICY), "A": job()})) == []


def test_policies_of_aws_are_found_on_a_role_of_another_stack() -> None:
    roles = template({"Role": role({"Fn::ImportValue": "policy"})}, Outputs=export("role", att("Role")))
    jobs = template({"A": job({"Fn::ImportValue": "role"})}, Outputs=export("policy", EXECUTION_POLICY))
    assert said(shared_job_role, roles, jobs) == ["SC-BAT-08[AmazonECSTaskExecutionRolePolicy]"]


def environment(instance_role: Any, **resources: Any) -> Resources:
    compute = {"Type": "EC2", "InstanceRole": instance_role, **resources}
    return {"Type": "AWS::Batch::ComputeEnvironment", "Properties": {"Type": "MANAGED", "ComputeResources": compute}}


INSTANCES = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
BROAD = ["SC-BAT-13[AmazonEC2ContainerServiceforEC2Role]"]


@pytest.mark.parametrize(
    ("value", "roles", "arns", "expected"),
    [
        (att("Profile"), [ref("Role")], [INSTANCES], BROAD),
        (ref("Profile"), [ref("Role")], [SESSIONS, INSTANCES], BROAD),
        (att("Role"), [], [INSTANCES], BROAD),
        (either("Prod", att("Profile")), [ref("Role")], [INSTANCES], BROAD),
        (att("Profile"), [ref("Role")], [ref("Free")], ["SC-BAT-13?"]),
        (att("Profile"), ["elsewhere"], [INSTANCES], ["SC-BAT-13?"]),
        (att("Profile"), ref("Free"), [INSTANCES], ["SC-BAT-13?"]),
        (ref("Free"), [ref("Role")], [INSTANCES], ["SC-BAT-13?"]),
        ("ecsInstanceRole", [ref("Role")], [INSTANCES], ["SC-BAT-13?"]),
        (att("Profile"), [ref("Role")], [SESSIONS], []),
        (att("Profile"), [ref("Role")], [ref("Own")], []),
        (att("Profile"), [ref("Other")], [INSTANCES], []),
        (NO_VALUE, [ref("Role")], [INSTANCES], []),
    ],
)
def test_broad_instance_role(value: Any, roles: Any, arns: list[Any], expected: list[str]) -> None:
    profile = {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": roles}}
    resources = {**ROLES, "Role": role(*arns), "Profile": profile, "Environment": environment(value)}
    assert said(broad_instance_role, template(resources)) == expected


def test_the_role_of_managed_instances_is_judged_too() -> None:
    profile = {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [ref("Role")]}}
    provider = {"InstanceLaunchTemplate": {"Ec2InstanceProfileArn": att("Profile")}}
    managed = environment(NO_VALUE, Type="ECS_MANAGED_INSTANCES", ManagedInstancesProvider=provider)
    resources = {"Role": role(INSTANCES), "Profile": profile, "Environment": managed}
    assert said(broad_instance_role, template(resources)) == BROAD


def test_an_instance_role_is_followed_to_another_stack() -> None:
    profile = {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [ref("Role")]}}
    roles = template({"Role": role(INSTANCES), "Profile": profile}, Outputs=export("profile", att("Profile")))
    environments = template({"Environment": environment({"Fn::ImportValue": "profile"})})
    assert said(broad_instance_role, roles, environments) == BROAD
    assert said(broad_instance_role, environments) == ["SC-BAT-13?"]


ACCOUNT = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
NO_CONDITION: Resources = {}


def trusting(condition: Any, *, service: Any = "ecs-tasks.amazonaws.com", **changes: Any) -> Resources:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **changes}
    return role(AssumeRolePolicyDocument={"Statement": [statement | {"Condition": condition}]})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (NO_CONDITION, "bad"),
        (NO_VALUE, "bad"),
        ({"StringEquals": {"aws:SourceAccount": "*"}}, "bad"),
        ({"StringLike": {"aws:SourceAccount": "1111*"}}, "bad"),
        ({"StringLike": {"aws:SourceAccount": ref("Free")}}, "bad"),
        ({"StringEquals": {"aws:SourceAccount": []}}, "bad"),
        ({"StringEquals": {"aws:SourceAccount": ["111122223333", "*"]}}, "bad"),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}}, "bad"),
        ({"StringNotEquals": {"aws:SourceAccount": "111122223333"}}, "bad"),
        ({"StringEquals": {"aws:RequestTag/team": "payments"}}, "bad"),
        ({"ArnLike": {"aws:SourceArn": "*"}}, "bad"),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:*:*"}}, "bad"),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*"}}, "bad"),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}, "bad"),
        (either("Prod", ACCOUNT), "bad"),
        (ACCOUNT, ""),
        ({"StringEquals": {"AWS:SOURCEACCOUNT": "111122223333"}}, ""),
        ({"StringEquals": {"aws:SourceAccount": ref("Free")}}, ""),
        ({"ForAnyValue:StringEquals": {"aws:SourceAccount": ["111122223333"]}}, ""),
        ({"ArnLike": {"aws:SourceArn": sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*")}}, ""),
        ({"ArnEquals": {"aws:SourceArn": att("Queue", "JobQueueArn")}}, ""),
        (either("Prod", ACCOUNT, {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:111122223333:*"}}), ""),
    ],
)
def test_confusable_job_role(condition: Any, expected: str) -> None:
    resources = {"Role": trusting(condition), "Queue": {"Type": "AWS::Batch::JobQueue"}, "A": job(att("Role"))}
    assert said(confusable_job_role, template(resources)) == (["SC-BAT-17"] if expected else [])


@pytest.mark.parametrize(
    ("role_", "expected"),
    [
        (trusting(NO_CONDITION, service=["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]), ["SC-BAT-17"]),
        (trusting(NO_CONDITION, service=sub("ecs-tasks.${AWS::URLSuffix}")), ["SC-BAT-17"]),
        (trusting(NO_CONDITION, service="pods.eks.amazonaws.com"), ["SC-BAT-17"]),
        (trusting(NO_CONDITION, service=ref("Free")), ["SC-BAT-17?"]),
        (role(AssumeRolePolicyDocument=ref("Free")), ["SC-BAT-17?"]),
        (trusting(ACCOUNT, service=ref("Free")), []),
        (trusting(NO_CONDITION, service="ec2.amazonaws.com"), []),
        (trusting(NO_CONDITION, Effect="Deny"), []),
        (trusting(NO_CONDITION, Principal={"AWS": "ecs-tasks.amazonaws.com"}), []),
        (role(Policies=[{"PolicyDocument": ref("Free")}], AssumeRolePolicyDocument={"Statement": []}), []),
    ],
)
def test_whom_a_role_trusts(role_: Resources, expected: list[str]) -> None:
    assert said(confusable_job_role, template({"Role": role_, "A": job(att("Role"))})) == expected


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (job(att("Role")), True),
        (job(NO_VALUE, att("Role")), True),
        (task_job(NO_VALUE, att("Role")), True),
        ({"Type": "AWS::ECS::TaskDefinition", "Properties": {"TaskRoleArn": ref("Role")}}, True),
        ({"Type": "AWS::ECS::TaskDefinition", "Properties": {"ExecutionRoleArn": att("Role")}}, True),
        ({"Type": "AWS::EKS::PodIdentityAssociation", "Properties": {"RoleArn": att("Role")}}, True),
        ({"Type": "AWS::Lambda::Function", "Properties": {"Role": att("Role")}}, False),
        (job("elsewhere"), False),
    ],
)
def test_whose_roles_are_judged(user: Resources, expected: bool) -> None:
    roles: Template = template({"Role": trusting(NO_CONDITION), "User": user})
    assert said(confusable_job_role, roles) == ["SC-BAT-17"] * expected


def test_the_role_of_another_stacks_job_is_judged_where_it_stands() -> None:
    roles = template({"Role": trusting(NO_CONDITION)}, Outputs=export("role", att("Role")))
    assert said(confusable_job_role, roles, template({"A": job({"Fn::ImportValue": "role"})})) == ["SC-BAT-17"]
    assert said(confusable_job_role, roles) == []
