"""What every role of the reference stacks may do, proved. A new role needs an entry in `ROLES`."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from app import build
from secure_containers.testing import Allow, assert_allowed, assert_denied, assert_only_allows
from secure_containers.testing.templates import Templates
from stacks.options import Options
from tests.intended import HERE, LOGIN, NETWORK, keep_app_runner_logs, pull, run_task, start_task, write_logs
from tests.pipeline.intended import PipelineRoles
from tests.support import ACCOUNT, ORGANIZATION, REGION, concrete, new_app, of_type

SERVICE_ROLE = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/%s"
Intended = Sequence[Allow]


def push(repository: str) -> Allow:
    actions = [
        *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload"),
        *("ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"),
    ]
    return Allow(actions, f"${{{repository}.Arn}}")


def make_service_roles(paths: Sequence[str], *services: str) -> Allow:
    return Allow(
        "iam:CreateServiceLinkedRole",
        [SERVICE_ROLE % path for path in paths],
        conditions={"StringEquals": {"iam:AWSServiceName": services}},
    )


def write_outputs(job: str) -> Intended:
    through_s3 = {"StringEquals": {"kms:ViaService": "s3.${AWS::Region}.${AWS::URLSuffix}"}}
    return [
        Allow(["s3:AbortMultipartUpload", "s3:PutObject"], f"${{JobsOutputs.Arn}}/Jobs/{job}/*"),
        Allow(["kms:Decrypt", "kms:GenerateDataKey"], "${JobsKey.Arn}", conditions=through_s3),
    ]


def submit(job: str, queue: str, kind: str) -> Intended:
    tagged = {
        "StringEquals": {"aws:RequestTag/batch-job-kind": kind},
        "ForAllValues:StringEquals": {"aws:TagKeys": "batch-job-kind"},
        "Null": {"aws:ResourceTag/batch-job-kind": "true"},
    }
    # The definition in its every revision, not only in the one that is deployed.
    definition = HERE % ("batch", f"job-definition/${{{job}.JobDefinitionName}}")
    return [
        Allow("batch:SubmitJob", [definition, f"{definition}:*", f"${{{queue}.Arn}}"]),
        Allow("batch:TagResource", HERE % ("batch", "job/*"), conditions=tagged),
    ]


def task_roles(service: str) -> Mapping[str, Intended]:
    """The program's own, which may do nothing until it is granted, and the one that starts it."""
    task = f"{service}Task"
    return {f"{task}Role": [], f"{task}ExecutionRole": start_task(task, "ApplicationRepository")}


FILES = PipelineRoles(id="Files", kind="CsvPipeline-Files-Transform-4C7C3D18")

ROLES: Mapping[str, Mapping[str, Intended]] = {
    "ImageRepositories": {
        "Publisher": [LOGIN, pull("BaseImagesRepository"), push("ApplicationRepository")],
        "Reader": [LOGIN, pull("ApplicationRepository")],
    },
    "Network": NETWORK,
    "BatchJobs": {
        **NETWORK,
        "JobsWatchQueueWatchRole": [
            write_logs("JobsWatchQueueWatchLogs"),
            Allow(["batch:DescribeJobs", "batch:ListJobs"], "*"),
            Allow("batch:GetJobQueueSnapshot", ["${JobsCriticalQueue}", "${JobsStandardQueue}"]),
        ],
        "JobsCloseBooksRole": write_outputs("CloseBooks"),
        "JobsCloseBooksExecutionRole": [LOGIN, pull("ImagesRepository"), write_logs("JobsCloseBooksLogs")],
        "JobsCloseBooksSchedulerRole": [
            *submit("JobsCloseBooksDefinition", "JobsCriticalQueue", "BatchJobs-CloseBooks-B8D217EB"),
            Allow("sqs:SendMessage", "${JobsWatchAlarmsUndeliveredEvents.Arn}"),
        ],
        "JobsRenderRole": write_outputs("Render"),
        "JobsRenderExecutionRole": [LOGIN, pull("ImagesRepository"), write_logs("JobsRenderLogs")],
        "Submitter": [
            *submit("JobsRenderDefinition", "JobsStandardQueue", "BatchJobs-Render-C45B0DF3"),
            Allow(
                ["batch:CancelJob", "batch:TerminateJob"],
                HERE % ("batch", "job/*"),
                conditions={"StringEquals": {"aws:ResourceTag/batch-job-kind": "BatchJobs-Render-C45B0DF3"}},
            ),
            Allow(["batch:DescribeJobs", "batch:ListJobs"], "*"),
        ],
    },
    "CsvPipeline": {
        **NETWORK,
        **FILES.by_role(),
        "FilesNotifierRole": FILES.notifier("FilesJobsTopic", "FilesJobsTopicKey"),
        "FilesTransformExecutionRole": [LOGIN, pull("ImagesRepository"), write_logs("FilesTransformLogs")],
        "Partner": [
            Allow(["s3:AbortMultipartUpload", "s3:PutObject"], "${FilesUploads.Arn}/uploads/*"),
            FILES.key("s3", "kms:Decrypt", "kms:GenerateDataKey"),
        ],
        "Analyst": [
            Allow(
                ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"],
                ["${FilesResults.Arn}", "${FilesResults.Arn}/index/by-status"],
            ),
            Allow("s3:GetObject", "${FilesJobsOutputs.Arn}/Jobs/Transform/*"),
            FILES.key("dynamodb"),
            FILES.key("s3"),
        ],
    },
    "WebService": {
        **NETWORK,
        **task_roles("Orders"),
        **task_roles("Report"),
        "ReportSchedulerRole": [
            *run_task("ReportTask", "Cluster"),
            Allow("sqs:SendMessage", "${ReportWatchAlarmsUndeliveredEvents.Arn}"),
        ],
    },
    "ExpressService": {**NETWORK, **task_roles("Orders"), "OrdersInfrastructureRole": []},
    "AppRunnerService": {
        **NETWORK,
        "OrdersRole": [],
        "OrdersAccessRole": [LOGIN, pull("ApplicationRepository", "ecr:DescribeImages")],
        "LogGroupSettingsRole": [write_logs("LogGroupSettingsLogs"), keep_app_runner_logs("OrdersService")],
    },
    "ServiceMove": {**NETWORK, **task_roles("Blue"), **task_roles("Green")},
    "AccountAudit": {
        "AuditTrailRole": [
            Allow(
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                HERE % ("logs", "log-group:${AuditTrailLogs}:log-stream:${AWS::AccountId}_CloudTrail_${AWS::Region}*"),
            )
        ],
        "ServiceLinkedRolesRole": [
            write_logs("ServiceLinkedRolesLogs"),
            make_service_roles(["config.amazonaws.com/AWSServiceRoleForConfig"], "config.amazonaws.com"),
        ],
        "InspectorSettingsRole": [
            write_logs("InspectorSettingsLogs"),
            Allow(["inspector2:BatchGetAccountStatus", "inspector2:Enable"], "*"),
            make_service_roles(
                [
                    "agentless.inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2Agentless",
                    "inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2",
                ],
                "inspector2.amazonaws.com",
                "agentless.inspector2.amazonaws.com",
            ),
        ],
    },
}
"""By stack and role, all that the role is there for, besides `BY_AWS`."""

BY_AWS = {
    ("ExpressService", "OrdersInfrastructureRole"): (
        "arn:aws:iam::aws:policy/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
    )
}
"""Roles with a policy of AWS's, whose statements no template holds."""

EVERY_ROLE = [(stack, role) for stack, roles in ROLES.items() for role in roles]
EVERY_PERMISSION = [(stack, role, index) for stack, role in EVERY_ROLE for index in range(len(ROLES[stack][role]))]
IMAGES = "ImageRepositories"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory: Path = tmp_path_factory.mktemp("stacks")
    app = new_app(directory)
    build(app, Options(organization=ORGANIZATION))
    return {stack.stack_name: Path(stack.template_full_path) for stack in app.synth().stacks_recursively}


@pytest.fixture(scope="module")
def templates(assembly: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {stack: json.loads(path.read_text()) for stack, path in assembly.items()}


@pytest.fixture(scope="module")
def judged(assembly: dict[str, Path], templates: dict[str, dict[str, Any]]) -> dict[str, Templates]:
    """Each stack without the policies of AWS, and with the one whose images it takes."""
    found: dict[str, Templates] = {}
    for stack, template in templates.items():
        own = copy.deepcopy(template)
        for role in of_type(own, "AWS::IAM::Role").values():
            role["Properties"].pop("ManagedPolicyArns", None)
        found[stack] = own if stack == IMAGES else [own, assembly[IMAGES]]
    return found


def test_every_role_has_an_entry(templates: dict[str, dict[str, Any]]) -> None:
    found = {
        stack: sorted(id[:-8] for id in of_type(template, "AWS::IAM::Role"))
        for stack, template in templates.items()
        if of_type(template, "AWS::IAM::Role")
    }
    assert found == {stack: sorted(roles) for stack, roles in ROLES.items()}


def test_policies_of_aws_are_where_they_are_named_and_nowhere_else(templates: dict[str, dict[str, Any]]) -> None:
    found = {
        (stack, id[:-8]): concrete(role["Properties"]["ManagedPolicyArns"])
        for stack, template in templates.items()
        for id, role in of_type(template, "AWS::IAM::Role").items()
        if "ManagedPolicyArns" in role["Properties"]
    }
    assert found == {role: [policy] for role, policy in BY_AWS.items()}


@pytest.mark.parametrize(("stack", "role"), EVERY_ROLE)
class TestRole:
    def test_can_do_what_it_is_there_for_and_nothing_else(
        self, judged: dict[str, Templates], stack: str, role: str
    ) -> None:
        assert_only_allows(judged[stack], role, ROLES[stack][role])

    def test_cannot_make_itself_stronger(self, judged: dict[str, Templates], stack: str, role: str) -> None:
        for action in ("iam:PassRole", "iam:PutRolePolicy", "sts:AssumeRole"):
            assert_denied(judged[stack], role, action, f"${{{role}.Arn}}")


@pytest.mark.parametrize(("stack", "role", "dropped"), EVERY_PERMISSION)
def test_any_permission_more_would_be_told(judged: dict[str, Templates], stack: str, role: str, dropped: int) -> None:
    others = [each for index, each in enumerate(ROLES[stack][role]) if index != dropped]
    with pytest.raises(AssertionError, match="may do more than is intended"):
        assert_only_allows(judged[stack], role, others)


@pytest.mark.parametrize(
    ("stack", "role", "action", "resource"),
    [
        *(
            (stack, f"{service}TaskRole", action, resource)
            for stack, service in (("WebService", "Orders"), ("WebService", "Report"), ("ExpressService", "Orders"))
            for action, resource in (
                ("logs:PutLogEvents", f"${{{service}TaskLogs.Arn}}"),
                ("ecr:BatchGetImage", "${ApplicationRepository.Arn}"),
                ("kms:Decrypt", f"${{{service}Key.Arn}}"),
                ("ecs:ExecuteCommand", "*"),
                ("ecs:UpdateService", "*"),
                ("ssmmessages:OpenDataChannel", "*"),
                ("xray:PutTraceSegments", "*"),
            )
        ),
        ("WebService", "OrdersTaskExecutionRole", "ecr:BatchGetImage", "${BaseImagesRepository.Arn}"),
        ("WebService", "OrdersTaskExecutionRole", "ecr:PutImage", "${ApplicationRepository.Arn}"),
        ("WebService", "OrdersTaskExecutionRole", "logs:PutLogEvents", "${ReportTaskLogs.Arn}"),
        ("WebService", "OrdersTaskExecutionRole", "logs:PutLogEvents", "${ClusterExecLogs.Arn}"),
        ("WebService", "OrdersTaskExecutionRole", "logs:CreateLogGroup", "*"),
        ("WebService", "OrdersTaskExecutionRole", "secretsmanager:GetSecretValue", "*"),
        ("WebService", "OrdersTaskExecutionRole", "kms:Decrypt", "${OrdersKey.Arn}"),
        ("WebService", "OrdersTaskExecutionRole", "iam:PassRole", "${OrdersTaskRole.Arn}"),
        ("WebService", "ReportTaskExecutionRole", "logs:PutLogEvents", "${OrdersTaskLogs.Arn}"),
        ("WebService", "ReportSchedulerRole", "ecs:StopTask", "*"),
        ("WebService", "ReportSchedulerRole", "ecs:UpdateService", "${OrdersTaskService}"),
        ("WebService", "ReportSchedulerRole", "ecs:RegisterTaskDefinition", "*"),
        ("WebService", "ReportSchedulerRole", "sqs:SendMessage", "${OrdersWatchAlarmsUndeliveredEvents.Arn}"),
        ("WebService", "ReportSchedulerRole", "sqs:ReceiveMessage", "${ReportWatchAlarmsUndeliveredEvents.Arn}"),
        ("ExpressService", "OrdersTaskExecutionRole", "ecs:UpdateExpressGatewayService", "*"),
        ("ExpressService", "OrdersTaskExecutionRole", "iam:PassRole", "${OrdersInfrastructureRole.Arn}"),
        ("ExpressService", "OrdersInfrastructureRole", "iam:PassRole", "${OrdersTaskRole.Arn}"),
        ("AppRunnerService", "OrdersRole", "ecr:BatchGetImage", "${ApplicationRepository.Arn}"),
        ("AppRunnerService", "OrdersRole", "logs:PutLogEvents", "*"),
        ("AppRunnerService", "OrdersRole", "kms:Decrypt", "${OrdersKey.Arn}"),
        ("AppRunnerService", "OrdersRole", "apprunner:UpdateService", "*"),
        ("AppRunnerService", "OrdersAccessRole", "ecr:BatchGetImage", "${BaseImagesRepository.Arn}"),
        ("AppRunnerService", "OrdersAccessRole", "ecr:PutImage", "${ApplicationRepository.Arn}"),
        ("AppRunnerService", "LogGroupSettingsRole", "logs:DeleteRetentionPolicy", "*"),
        ("AppRunnerService", "LogGroupSettingsRole", "logs:DeleteLogGroup", "*"),
        ("AppRunnerService", "LogGroupSettingsRole", "logs:PutRetentionPolicy", "${LogGroupSettingsLogs.Arn}"),
        (
            "AppRunnerService",
            "LogGroupSettingsRole",
            "logs:PutRetentionPolicy",
            HERE % ("logs", "log-group:/aws/apprunner/other/1/service"),
        ),
        ("ServiceMove", "BlueTaskExecutionRole", "logs:PutLogEvents", "${GreenTaskLogs.Arn}"),
        ("ServiceMove", "GreenTaskExecutionRole", "logs:PutLogEvents", "${BlueTaskLogs.Arn}"),
    ],
)
def test_what_is_beside_its_work_is_out_of_reach(
    judged: dict[str, Templates], stack: str, role: str, action: str, resource: str
) -> None:
    assert_denied(judged[stack], role, action, resource)


def test_the_schedule_starts_its_own_task_in_its_own_cluster_only(
    judged: dict[str, Templates], templates: dict[str, dict[str, Any]]
) -> None:
    stack = judged["WebService"]
    (cluster,) = of_type(templates["WebService"], "AWS::ECS::Cluster")
    check: Any
    for task, where, check in (
        ("Report", cluster, assert_allowed),
        ("Report", "other", assert_denied),
        ("Orders", cluster, assert_denied),
    ):
        context = {"ecs:cluster": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{where}"}
        check(stack, "ReportSchedulerRole", "ecs:RunTask", f"${{{task}TaskDefinition}}", context=context)


def test_the_schedule_hands_the_roles_of_its_own_task_to_tasks_only(judged: dict[str, Templates]) -> None:
    check: Any
    for role, service, check in (
        ("ReportTaskRole", "ecs-tasks.amazonaws.com", assert_allowed),
        ("ReportTaskExecutionRole", "ecs-tasks.amazonaws.com", assert_allowed),
        ("ReportTaskRole", "lambda.amazonaws.com", assert_denied),
        ("OrdersTaskRole", "ecs-tasks.amazonaws.com", assert_denied),
        ("OrdersTaskExecutionRole", "ecs-tasks.amazonaws.com", assert_denied),
    ):
        context = {"iam:PassedToService": service}
        check(judged["WebService"], "ReportSchedulerRole", "iam:PassRole", f"${{{role}.Arn}}", context=context)
