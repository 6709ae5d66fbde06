"""What each role of an environment can do, proven, and what it cannot do to its neighbours."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from secure_containers import Ec2, FileMount, LeastPrivilegeBatchEnv, SecureEcrRepository
from secure_containers.testing import Allow, assert_allowed, assert_denied, assert_only_allows
from tests.batch.conftest import Jobs
from tests.support import DIGEST

ACCOUNT, REGION = "111122223333", "eu-central-1"
LOGIN = Allow("ecr:GetAuthorizationToken", "*")
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
WRITE_LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
KIND = "aws:ResourceTag/batch-job-kind"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """In an app without any feature flag: two environments over the same network, two jobs with secrets in the first, one in the second."""
    jobs = Jobs(App(outdir=str(tmp_path_factory.mktemp("out")), context={"@aws-cdk/aws-iam:minimizePolicies": True}))
    jobs.env.add_output_bucket()
    caller = iam.Role(jobs.stack, "Caller", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
    tools = SecureEcrRepository(jobs.stack, "Tools")
    for name, image in (("One", jobs.image), ("Two", tools.image(digest=DIGEST))):
        secret = secretsmanager.Secret(jobs.stack, f"SecretOf{name}", encryption_key=jobs.env.encryption_key)
        job = jobs.add(name, image=image, secrets={"PASSWORD": secret})
        if name == "One":
            job.grant_submit(caller)
            job.grant_terminate(caller)
    other = LeastPrivilegeBatchEnv(jobs.stack, "Other", network=jobs.network)
    other.add_job("One", image=jobs.image)
    return jobs.template


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("EnvOneRole", "s3:PutObject", "${EnvOutputs.Arn}/Env/Two/result"),
        ("EnvOneRole", "s3:PutObject", "${EnvOutputs.Arn}/Env/OneMore/result"),
        ("EnvOneRole", "s3:GetObject", "${EnvOutputs.Arn}/Env/One/result"),
        ("EnvOneRole", "s3:DeleteObject", "${EnvOutputs.Arn}/Env/One/result"),
        ("EnvOneRole", "s3:PutObject", "${EnvAccessLogs.Arn}/Env/One/result"),
        ("EnvOneRole", "secretsmanager:GetSecretValue", "${SecretOfOne}"),
        ("EnvOneRole", "logs:PutLogEvents", "${EnvOneLogs.Arn}"),
        ("EnvOneRole", "kms:Decrypt", "${EnvKey.Arn}"),
        ("EnvOneRole", "batch:SubmitJob", "${EnvStandardQueue}"),
        ("EnvOneExecutionRole", "secretsmanager:GetSecretValue", "${SecretOfTwo}"),
        ("EnvOneExecutionRole", "logs:PutLogEvents", "${EnvTwoLogs.Arn}"),
        ("EnvOneExecutionRole", "logs:PutLogEvents", "${EnvWatchEvents.Arn}"),
        ("EnvOneExecutionRole", "ecr:BatchGetImage", "${ToolsRepository.Arn}"),
        ("EnvOneExecutionRole", "ecr:PutImage", "${ImagesRepository.Arn}"),
        ("EnvOneExecutionRole", "kms:Decrypt", "${EnvKey.Arn}"),
        ("EnvOneExecutionRole", "iam:PassRole", "${EnvOneRole.Arn}"),
        ("OtherOneRole", "s3:PutObject", "${EnvOutputs.Arn}/Env/One/result"),
        ("Caller", "batch:SubmitJob", "${EnvCriticalQueue}"),
        ("Caller", "batch:SubmitJob", "${OtherStandardQueue}"),
        ("Caller", "batch:SubmitJob", "${EnvTwoDefinition}"),
        ("Caller", "batch:SubmitJob", "${OtherOneDefinition}"),
        ("Caller", "batch:RegisterJobDefinition", "*"),
        ("Caller", "batch:TerminateJob", f"arn:aws:batch:{REGION}:{ACCOUNT}:job/1"),
        ("Caller", "iam:PassRole", "${EnvOneRole.Arn}"),
    ],
)
def test_neighbours_are_out_of_reach(template: dict[str, Any], role: str, action: str, resource: str) -> None:
    assert_denied(template, role, action, resource)


def test_a_secrets_key_is_used_by_the_secrets_service_only(template: dict[str, Any]) -> None:
    for service, check in (("secretsmanager", assert_allowed), ("s3", assert_denied)):
        context = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
        check(template, "EnvOneExecutionRole", "kms:Decrypt", "${EnvKey.Arn}", context=context)


def test_jobs_of_other_kinds_are_not_ended_and_not_renamed(template: dict[str, Any]) -> None:
    own, other = ("Jobs-Env-One", "Jobs-Env-Two")
    kind = next(
        statement["Condition"]["StringEquals"][KIND]
        for each in template["Resources"].values()
        if each["Type"] == "AWS::IAM::Policy"
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if KIND in statement.get("Condition", {}).get("StringEquals", {})
    )
    assert kind.startswith(own)
    job = f"arn:aws:batch:{REGION}:{ACCOUNT}:job/1"
    assert_allowed(template, "Caller", "batch:TerminateJob", job, context={KIND: kind})
    assert_denied(template, "Caller", "batch:TerminateJob", job, context={KIND: other})
    new = {"aws:RequestTag/batch-job-kind": kind, "aws:TagKeys": "batch-job-kind"}
    assert_allowed(template, "Caller", "batch:TagResource", job, context=new)
    assert_denied(template, "Caller", "batch:TagResource", job, context={**new, KIND: other})
    assert_denied(template, "Caller", "batch:TagResource", job, context={**new, "aws:RequestTag/batch-job-kind": other})


def test_instances_join_clusters_of_batch_and_do_nothing_else(app: App) -> None:
    jobs = Jobs(app, platform=Ec2())
    arn = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:%s"
    clusters, instances = (
        [arn % f"{kind}/{name}{rest}" for name in ("AWSBatch-*", "*_Batch_*")]
        for kind, rest in (("cluster", ""), ("container-instance", "/*"))
    )
    join = [
        "ecs:DeregisterContainerInstance",
        "ecs:RegisterContainerInstance",
        "ecs:SubmitAttachmentStateChanges",
        "ecs:SubmitContainerStateChange",
        "ecs:SubmitTaskStateChange",
    ]
    report = ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"]
    intended = [Allow(join, clusters), Allow(report, instances), Allow("ecs:DiscoverPollEndpoint", "*")]
    assert_only_allows(jobs.template, "EnvInstanceRole", intended)


def test_a_mount_is_for_one_access_point(jobs: Jobs) -> None:
    from aws_cdk import aws_efs as efs  # noqa: PLC0415

    system = efs.FileSystem(jobs.stack, "Files", vpc=jobs.network.vpc, vpc_subnets=jobs.network.subnets, encrypted=True)
    point = system.add_access_point("Point")
    jobs.add(file_mounts=[FileMount(access_point=point, path="/data", read_only=True)])
    template, key = jobs.template, "elasticfilesystem:AccessPointArn"
    own = {"StringEquals": {key: "${FilesPoint.Arn}"}}
    assert_only_allows(
        template, "EnvRenderRole", [Allow("elasticfilesystem:ClientMount", "${Files.Arn}", conditions=own)]
    )


def test_execution_roles_start_their_own_job_only(template: dict[str, Any]) -> None:
    by_secrets = {"StringEquals": {"kms:ViaService": "secretsmanager.${AWS::Region}.${AWS::URLSuffix}"}}
    intended = [
        LOGIN,
        Allow(PULL, "${ImagesRepository.Arn}"),
        Allow(WRITE_LOGS, "${EnvOneLogs.Arn}"),
        Allow("secretsmanager:GetSecretValue", "${SecretOfOne}"),
        Allow("kms:Decrypt", "${EnvKey.Arn}", conditions=by_secrets),
    ]
    assert_only_allows(template, "EnvOneExecutionRole", intended)
    with pytest.raises(AssertionError, match="secretsmanager:GetSecretValue"):
        assert_only_allows(template, "EnvOneExecutionRole", [each for each in intended if each is not intended[3]])
