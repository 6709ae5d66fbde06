"""What the functions and the jobs of a pipeline may do, proved, and what they cannot."""

from __future__ import annotations

from typing import Any

import pytest

from secure_containers.testing import assert_allowed, assert_denied, assert_only_allows
from tests.pipeline.conftest import Workshop
from tests.pipeline.intended import CONNECT, PipelineRoles
from tests.support import ACCOUNT, REGION

ROLES = PipelineRoles(id="Scans", kind="Test-Scans-Transform-D5FBF3EA")
FUNCTIONS = ("Intake", "Reconciler", "Recorder")
JOB = f"arn:aws:batch:{REGION}:{ACCOUNT}:job/1"


@pytest.mark.parametrize("role", ROLES.by_role())
def test_a_role_does_its_work_and_nothing_else(plain: Workshop, role: str) -> None:
    assert_only_allows(plain.template, role, ROLES.by_role()[role])


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("ScansIntakeRole", "dynamodb:GetItem", "${ScansResults.Arn}"),
        ("ScansIntakeRole", "dynamodb:DeleteItem", "${ScansResults.Arn}"),
        ("ScansIntakeRole", "dynamodb:PutItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/other"),
        ("ScansIntakeRole", "batch:SubmitJob", "${ScansJobsCriticalQueue}"),
        ("ScansIntakeRole", "batch:SubmitJob", f"arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/other:1"),
        ("ScansIntakeRole", "batch:TerminateJob", JOB),
        ("ScansIntakeRole", "batch:RegisterJobDefinition", "*"),
        ("ScansIntakeRole", "iam:PassRole", "${ScansTransformRole.Arn}"),
        ("ScansIntakeRole", "s3:GetObject", "${ScansUploads.Arn}/uploads/a.csv"),
        ("ScansIntakeRole", "sqs:ReceiveMessage", "${ScansRecorderQueue.Arn}"),
        ("ScansIntakeRole", "sqs:DeleteMessage", "${ScansIntakeDeadLetters.Arn}"),
        ("ScansRecorderRole", "dynamodb:PutItem", "${ScansResults.Arn}"),
        ("ScansRecorderRole", "batch:SubmitJob", "${ScansJobsStandardQueue}"),
        ("ScansReconcilerRole", "dynamodb:Query", "${ScansResults.Arn}"),
        ("ScansReconcilerRole", "dynamodb:DeleteItem", "${ScansResults.Arn}"),
        ("ScansReconcilerRole", "s3:GetObjectVersion", "${ScansUploads.Arn}/uploads/a.csv"),
        ("ScansReconcilerRole", "s3:ListBucketVersions", "${ScansUploads.Arn}"),
        ("ScansReconcilerRole", "batch:TerminateJob", JOB),
        ("ScansTransformRole", "s3:GetObject", "${ScansUploads.Arn}/uploads/a.csv"),
        ("ScansTransformRole", "s3:GetObjectVersion", "${ScansUploads.Arn}/elsewhere/a.csv"),
        ("ScansTransformRole", "s3:ListBucket", "${ScansUploads.Arn}"),
        ("ScansTransformRole", "s3:DeleteObjectVersion", "${ScansUploads.Arn}/uploads/a.csv"),
        ("ScansTransformRole", "s3:PutObject", "${ScansUploads.Arn}/uploads/a.csv"),
        ("ScansTransformRole", "dynamodb:PutItem", "${ScansResults.Arn}"),
        ("ScansTransformRole", "dynamodb:GetItem", "${ScansResults.Arn}"),
        ("ScansTransformRole", "dynamodb:DeleteItem", "${ScansResults.Arn}"),
        ("ScansTransformRole", "dynamodb:UpdateItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/other"),
        ("ScansTransformRole", "batch:SubmitJob", "${ScansJobsStandardQueue}"),
        ("ScansTransformRole", "kms:Decrypt", "${ScansJobsKey.Arn}"),
    ],
)
def test_what_is_beside_its_work_is_out_of_reach(plain: Workshop, role: str, action: str, resource: str) -> None:
    assert_denied(plain.template, role, action, resource)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_code_cannot_do_what_lambda_does_in_its_name(plain: Workshop, name: str) -> None:
    (function,) = plain.all("AWS::Lambda::Function", f"Scans{name}Function")
    by_itself = {"lambda:SourceFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"}
    for action in CONNECT:
        assert_allowed(plain.template, f"Scans{name}Role", action, "*")
        assert_denied(plain.template, f"Scans{name}Role", action, "*", context=by_itself)


def test_roles_of_functions_are_taken_by_lambda_alone(plain: Workshop) -> None:
    for name in FUNCTIONS:
        (statement,) = plain.one("AWS::IAM::Role", f"Scans{name}Role")["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_the_reconciler_lists_versions_below_the_prefix_alone(plain: Workshop) -> None:
    check: Any
    for prefix, check in (("uploads/", assert_allowed), ("", assert_denied), ("uploads/partner/", assert_denied)):
        context = {"s3:prefix": prefix}
        check(plain.template, "ScansReconcilerRole", "s3:ListBucketVersions", "${ScansUploads.Arn}", context=context)


def test_keys_are_used_by_the_services_that_need_them(plain: Workshop) -> None:
    check: Any
    for service, check in (("s3", assert_allowed), ("dynamodb", assert_allowed), ("sqs", assert_denied)):
        context = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
        check(plain.template, "ScansTransformRole", "kms:Decrypt", "${ScansJobsKey.Arn}", context=context)


def test_jobs_get_the_tag_of_their_kind_and_no_other(plain: Workshop) -> None:
    tag = {"aws:TagKeys": "batch-job-kind", "aws:RequestTag/batch-job-kind": ROLES.kind}
    for role in ("ScansIntakeRole", "ScansReconcilerRole"):
        assert_allowed(plain.template, role, "batch:TagResource", JOB, context=tag)
        other = {**tag, "aws:RequestTag/batch-job-kind": "another"}
        assert_denied(plain.template, role, "batch:TagResource", JOB, context=other)
