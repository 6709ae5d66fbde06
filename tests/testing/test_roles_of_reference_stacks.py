"""What every role of the reference stacks may do, proved. A new role needs an entry in `ROLES`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from app import build
from secure_containers.testing import Allow, assert_denied, assert_only_allows
from stacks.options import Options
from tests.pipeline.intended import PipelineRoles
from tests.support import ORGANIZATION, new_app, of_type, synthesized

LOGIN = Allow("ecr:GetAuthorizationToken", "*")
HERE = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
SERVICE_ROLE = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/%s"
Intended = Sequence[Allow]


def pull(repository: str) -> Allow:
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return Allow(actions, f"${{{repository}.Arn}}")


def push(repository: str) -> Allow:
    actions = [
        *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload"),
        *("ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"),
    ]
    return Allow(actions, f"${{{repository}.Arn}}")


def write_logs(group: str, *more: str) -> Allow:
    return Allow(["logs:CreateLogStream", "logs:PutLogEvents", *more], f"${{{group}.Arn}}")


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


NETWORK: Mapping[str, Intended] = {
    "NetworkFlowLogRole": [write_logs("NetworkFlowLogGroup", "logs:DescribeLogStreams")],
    "NetworkSettingsRole": [
        write_logs("NetworkSettingsLogs"),
        Allow(["ec2:DescribeManagedPrefixLists", "ec2:DescribeSecurityGroups"], "*"),
        Allow(
            ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
            HERE % ("ec2", "security-group/*"),
            conditions={"ArnEquals": {"ec2:Vpc": HERE % ("ec2", "vpc/${Network}")}},
        ),
    ],
}

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
"""By stack and role, all that the role is there for."""


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    directory: Path = tmp_path_factory.mktemp("stacks")
    app = new_app(directory)
    build(app, Options(organization=ORGANIZATION))
    return synthesized(app)


def test_every_role_has_an_entry(templates: dict[str, dict[str, Any]]) -> None:
    found = {
        stack: sorted(id[:-8] for id in of_type(template, "AWS::IAM::Role"))
        for stack, template in templates.items()
        if of_type(template, "AWS::IAM::Role")
    }
    assert found == {stack: sorted(roles) for stack, roles in ROLES.items()}


@pytest.mark.parametrize(("stack", "role"), [(stack, role) for stack, roles in ROLES.items() for role in roles])
class TestRole:
    def test_can_do_what_it_is_there_for_and_nothing_else(
        self, templates: dict[str, dict[str, Any]], stack: str, role: str
    ) -> None:
        assert_only_allows(templates[stack], role, ROLES[stack][role])

    def test_would_be_told_of_any_permission_more(
        self, templates: dict[str, dict[str, Any]], stack: str, role: str
    ) -> None:
        for dropped in ROLES[stack][role]:
            others = [each for each in ROLES[stack][role] if each is not dropped]
            with pytest.raises(AssertionError, match="may do more than is intended"):
                assert_only_allows(templates[stack], role, others)

    def test_cannot_make_itself_stronger(self, templates: dict[str, dict[str, Any]], stack: str, role: str) -> None:
        for action in ("iam:PassRole", "iam:PutRolePolicy", "sts:AssumeRole"):
            assert_denied(templates[stack], role, action, f"${{{role}.Arn}}")
