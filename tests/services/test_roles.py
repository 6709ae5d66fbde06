"""What each role of services may do, proved, and who may take it: also those that no reference stack has."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_signer as signer
from aws_cdk import aws_ssm as ssm

from secure_containers import (
    CodeSource,
    FileMount,
    PrivateAppRunnerService,
    PrivateExpressService,
    SecureEcrRepository,
    SecureEcsCluster,
    SecureFargateTask,
    SecureFargateWorker,
    SecureParameter,
    Tracing,
    TrustedSigners,
    Waiver,
)
from secure_containers.testing import Allow, assert_allowed, assert_denied, assert_only_allows
from tests.intended import HERE, LOGIN, NETWORK, keep_app_runner_logs, pull, run_task, start_task, write_logs
from tests.pipeline.intended import through
from tests.services.conftest import REASON, Web
from tests.support import ACCOUNT, DIGEST, REGION, concrete, new_app, of_type

TRACE = Allow(
    [
        *("xray:GetSamplingRules", "xray:GetSamplingStatisticSummaries", "xray:GetSamplingTargets"),
        *("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    ],
    "*",
)
READ_SECRET = [
    Allow("secretsmanager:GetSecretValue", "${Secret}"),
    through("secretsmanager", "SecretKey", "kms:Decrypt"),
]
READ_PARAMETER = [
    Allow("ssm:GetParameters", HERE % ("ssm", "parameter/orders/level")),
    through("ssm", "SecretKey", "kms:Decrypt"),
]
_BALANCING = "elasticloadbalancing:"
ROLES: Mapping[str, Sequence[Allow]] = {
    **NETWORK,
    "ClusterHostsInstanceRole": [
        Allow(
            [
                *("ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance"),
                *("ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange"),
            ],
            "${Cluster.Arn}",
        ),
        Allow(
            ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
            HERE % ("ecs", "container-instance/${Cluster}/*"),
        ),
        Allow("ecs:DiscoverPollEndpoint", "*"),
    ],
    "ClusterHostsRenewalRole": [
        Allow(
            "autoscaling:StartInstanceRefresh",
            HERE % ("autoscaling", "autoScalingGroup:*:autoScalingGroupName/${ClusterHostsGroup}"),
        )
    ],
    "HostedTaskRole": [],
    "HostedTaskExecutionRole": [*start_task("HostedTask", "ImagesRepository", monitored=False), *READ_SECRET],
    "SignedTaskRole": [],
    "SignedTaskExecutionRole": [*start_task("SignedTask", "ImagesRepository", "ToolsRepository"), *READ_SECRET],
    "SignedTrafficRole": [
        Allow(
            [
                *(f"{_BALANCING}DescribeListeners", f"{_BALANCING}DescribeRules"),
                *(f"{_BALANCING}DescribeTargetGroups", f"{_BALANCING}DescribeTargetHealth"),
            ],
            "*",
        ),
        Allow(
            [f"{_BALANCING}DeregisterTargets", f"{_BALANCING}RegisterTargets"],
            ["${SignedWayInTargets}", "${SignedWayInOtherTargets}"],
        ),
        Allow(f"{_BALANCING}ModifyListener", "${SignedWayInListener}"),
        Allow(f"{_BALANCING}ModifyRule", "${SignedWayInRule}"),
    ],
    "SignedSignaturesHookRole": [Allow("lambda:InvokeFunction", "${SignedSignaturesFunction.Arn}")],
    "SignedSignaturesRole": [
        write_logs("SignedSignaturesLogs"),
        Allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments", "ecs:DescribeTaskDefinition"], "*"),
        Allow("ecs:DescribeServiceRevisions", HERE % ("ecs", "service-revision/${Cluster}/*")),
        Allow("signer:GetRevocationStatus", ["${Profile.Arn}", HERE % ("signer", "/signing-jobs/*")]),
        Allow(
            ["ecr:BatchGetImage", "ecr:DescribeImageSigningStatus", "ecr:GetDownloadUrlForLayer"],
            ["${ImagesRepository.Arn}", "${ToolsRepository.Arn}"],
        ),
    ],
    "ShellTaskRole": [
        Allow(
            [
                *("ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel"),
                *("ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel", "logs:DescribeLogGroups"),
            ],
            "*",
        ),
        write_logs("ClusterExecLogs", "logs:DescribeLogStreams"),
        Allow("kms:Decrypt", "${ClusterKey.Arn}"),
    ],
    "ShellTaskExecutionRole": start_task("ShellTask", "ImagesRepository"),
    "TracedTaskRole": [TRACE],
    "TracedTaskExecutionRole": start_task("TracedTask", "ImagesRepository", "ToolsRepository"),
    "ReportTaskRole": [
        Allow(
            ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            "${Files.Arn}",
            conditions={"StringEquals": {"elasticfilesystem:AccessPointArn": "${FilesPoint.Arn}"}},
        )
    ],
    "ReportTaskExecutionRole": [*start_task("ReportTask", "ImagesRepository"), *READ_PARAMETER],
    "ReportSchedulerRole": [
        *run_task("ReportTask", "Cluster"),
        Allow("sqs:SendMessage", "${ReportWatchAlarmsUndeliveredEvents.Arn}"),
    ],
    "Operator": run_task("ReportTask", "Cluster"),
    "ExpressTaskRole": [],
    "ExpressTaskExecutionRole": start_task("ExpressTask", "ImagesRepository"),
    "ExpressInfrastructureRole": [],
    "RunnerRole": [*READ_SECRET, TRACE],
    "RunnerAccessRole": [LOGIN, pull("ImagesRepository", "ecr:DescribeImages")],
    "BuiltRole": [],
    "LogGroupSettingsRole": [
        write_logs("LogGroupSettingsLogs"),
        keep_app_runner_logs("RunnerService"),
        keep_app_runner_logs("BuiltService"),
    ],
}
"""Of each role in the stack all that it is there for, besides what AWS lets `ExpressInfrastructureRole` do."""

_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
_TASKS = ("ecs-tasks.amazonaws.com", {**_ACCOUNT, "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:*"}})
_DEFAULT_GROUP = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"
_SCHEDULER = (
    "scheduler.amazonaws.com",
    {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": _DEFAULT_GROUP}},
)
TAKEN_BY: Mapping[str, tuple[str, Mapping[str, Any] | None]] = {
    **{role: _TASKS for role in ROLES if role.endswith(("TaskRole", "TaskExecutionRole"))},
    **dict.fromkeys(("ClusterHostsRenewalRole", "ReportSchedulerRole"), _SCHEDULER),
    **dict.fromkeys(
        ("SignedTrafficRole", "SignedSignaturesHookRole", "ExpressInfrastructureRole"), ("ecs.amazonaws.com", None)
    ),
    "ClusterHostsInstanceRole": ("ec2.amazonaws.com", None),
    "SignedSignaturesRole": ("lambda.amazonaws.com", None),
    "LogGroupSettingsRole": ("lambda.amazonaws.com", None),
    "RunnerRole": ("tasks.apprunner.amazonaws.com", None),
    "RunnerAccessRole": ("build.apprunner.amazonaws.com", None),
    "BuiltRole": ("tasks.apprunner.amazonaws.com", None),
}
"""Which service takes a role, and under what conditions; those that have none are of services that AWS names none for."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """Every service that has a role of its own kind, over one network and one cluster."""
    web = Web(new_app(tmp_path_factory.mktemp("roles")))
    stack, network = web.stack, web.network
    key = kms.Key(stack, "SecretKey", enable_key_rotation=True)
    secret = secretsmanager.Secret(stack, "Secret", encryption_key=key)
    level = ssm.StringParameter.from_secure_string_parameter_attributes(stack, "Level", parameter_name="/orders/level")
    tools = SecureEcrRepository(stack, "Tools").image(digest=DIGEST)
    cluster = SecureEcsCluster(stack, "Cluster", network=network)
    _on_fargate(web, cluster, secret, tools)
    task: dict[str, Any] = {"network": network, "cluster": cluster, "image": web.image}
    SecureFargateWorker(stack, "Traced", **task, health_command=["/app/well"], tracing=Tracing(collector=tools))
    report = SecureFargateTask(
        stack,
        "Report",
        **task,
        secrets={"LEVEL": SecureParameter(parameter=level, encryption_key=key)},
        file_mounts=[FileMount(access_point=_access_point(web), path="/data")],
    )
    for id, hour in (("Nightly", "2"), ("Noon", "12")):
        report.add_schedule(id, schedule=scheduler.ScheduleExpression.cron(hour=hour, minute="0"))
    report.grant_run(iam.Role(stack, "Operator", assumed_by=iam.ServicePrincipal("states.amazonaws.com")))
    PrivateExpressService(stack, "Express", **task, port=8080)
    runner: dict[str, Any] = {"network": network, "existing_customer": True, "port": 8080}
    PrivateAppRunnerService(stack, "Runner", **runner, image=web.image, secrets={"PASSWORD": secret}, tracing=Tracing())
    connection = stack.format_arn(service="apprunner", resource="connection", resource_name="github/1")
    url = "https://github.com/example/orders"
    source = CodeSource(repository_url=url, connection_arn=connection, runtime="NODEJS_22")
    PrivateAppRunnerService(stack, "Built", **runner, source=source, command=["node", "server.js"])
    return web


def _on_fargate(web: Web, cluster: SecureEcsCluster, secret: secretsmanager.ISecret, tools: Any) -> None:
    profile = signer.SigningProfile(web.stack, "Profile", platform=signer.Platform.NOTATION_OCI_SHA384_ECDSA)
    signed = web.fargate(
        "Signed",
        cluster=cluster,
        trusted_signers=TrustedSigners(profiles=[profile]),
        secrets={"PASSWORD": secret},
    )
    signed.task.add_sidecar("Proxy", image=tools)
    web.fargate("Shell", cluster=cluster, execute_command=True, waivers=[Waiver("SC-ECS-04", reason=REASON)])
    web.fargate("Hosted", cluster=cluster, capacity=cluster.add_capacity("Hosts"), secrets={"PASSWORD": secret})


def _access_point(web: Web) -> efs.AccessPoint:
    subnets = web.network.subnets
    system = efs.FileSystem(web.stack, "Files", vpc=web.network.vpc, vpc_subnets=subnets, encrypted=True)
    return system.add_access_point("Point", path="/data", posix_user=efs.PosixUser(uid="65532", gid="65532"))


@pytest.fixture(scope="module")
def template(web: Web) -> dict[str, Any]:
    """Without the policy of AWS's, whose statements it does not hold."""
    found = copy.deepcopy(web.template)
    for role in of_type(found, "AWS::IAM::Role").values():
        role["Properties"].pop("ManagedPolicyArns", None)
    return found


def test_every_role_has_an_entry(web: Web) -> None:
    assert sorted(id[:-8] for id in web.all("AWS::IAM::Role")) == sorted(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_its_work_and_nothing_else(template: dict[str, Any], role: str) -> None:
    assert_only_allows(template, role, ROLES[role])


@pytest.mark.parametrize("role", [role for role in ROLES if role not in (*NETWORK, "Operator")])
def test_a_role_is_taken_by_one_service_for_this_account_where_aws_tells_it(web: Web, role: str) -> None:
    service, conditions = TAKEN_BY[role]
    (statement,) = web.one("AWS::IAM::Role", role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Principal"] == {"Service": service}
    assert concrete(statement.get("Condition")) == conditions


def test_only_express_has_a_policy_of_aws_and_that_one_alone(web: Web) -> None:
    found = {id[:-8]: role.get("ManagedPolicyArns") for id, role in web.all("AWS::IAM::Role").items()}
    policy = "arn:aws:iam::aws:policy/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
    assert {id: concrete(arns) for id, arns in found.items() if arns} == {"ExpressInfrastructureRole": [policy]}


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("ClusterHostsInstanceRole", "ecr:BatchGetImage", "${ImagesRepository.Arn}"),
        ("ClusterHostsInstanceRole", "secretsmanager:GetSecretValue", "${Secret}"),
        ("ClusterHostsInstanceRole", "kms:Decrypt", "${ClusterKey.Arn}"),
        ("ClusterHostsInstanceRole", "logs:PutLogEvents", "${HostedTaskLogs.Arn}"),
        ("ClusterHostsInstanceRole", "ecs:RegisterContainerInstance", HERE % ("ecs", "cluster/other")),
        ("ClusterHostsInstanceRole", "ecs:Poll", HERE % ("ecs", "container-instance/other/1")),
        ("ClusterHostsInstanceRole", "ecs:CreateCluster", HERE % ("ecs", "cluster/other")),
        ("ClusterHostsRenewalRole", "autoscaling:TerminateInstanceInAutoScalingGroup", "*"),
        (
            "ClusterHostsRenewalRole",
            "autoscaling:StartInstanceRefresh",
            HERE % ("autoscaling", "autoScalingGroup:1:autoScalingGroupName/other"),
        ),
        ("SignedTaskExecutionRole", "logs:PutLogEvents", "${ClusterExecLogs.Arn}"),
        ("SignedTaskExecutionRole", "logs:PutLogEvents", "${HostedTaskLogs.Arn}"),
        ("SignedTaskExecutionRole", "ecr:PutImage", "${ImagesRepository.Arn}"),
        ("SignedTaskExecutionRole", "secretsmanager:PutSecretValue", "${Secret}"),
        ("SignedTaskExecutionRole", "iam:PassRole", "${SignedTaskRole.Arn}"),
        ("SignedTaskRole", "secretsmanager:GetSecretValue", "${Secret}"),
        ("SignedTrafficRole", f"{_BALANCING}RegisterTargets", "${ShellWayInTargets}"),
        ("SignedTrafficRole", f"{_BALANCING}ModifyListener", "${ShellWayInListener}"),
        ("SignedTrafficRole", f"{_BALANCING}ModifyRule", "${ShellWayInRule}"),
        ("SignedTrafficRole", f"{_BALANCING}DeleteListener", "${SignedWayInListener}"),
        ("SignedTrafficRole", f"{_BALANCING}ModifyLoadBalancerAttributes", "${SignedWayInLoadBalancer}"),
        ("SignedTrafficRole", f"{_BALANCING}SetSecurityGroups", "${SignedWayInLoadBalancer}"),
        ("SignedSignaturesHookRole", "lambda:UpdateFunctionCode", "${SignedSignaturesFunction.Arn}"),
        ("SignedSignaturesHookRole", "lambda:InvokeFunction", "${NetworkSettingsFunction.Arn}"),
        ("SignedSignaturesRole", "ecr:PutImage", "${ImagesRepository.Arn}"),
        ("SignedSignaturesRole", "ecs:UpdateService", "${SignedTaskService}"),
        ("SignedSignaturesRole", "ecs:DescribeServiceRevisions", HERE % ("ecs", "service-revision/other/a/1")),
        ("SignedSignaturesRole", "ecs:ContinueServiceDeployment", "*"),
        ("SignedSignaturesRole", "signer:SignPayload", "${Profile.Arn}"),
        ("SignedSignaturesRole", "signer:RevokeSignature", "*"),
        ("ShellTaskRole", "logs:DeleteLogStream", "${ClusterExecLogs.Arn}"),
        ("ShellTaskRole", "logs:GetLogEvents", "${ClusterExecLogs.Arn}"),
        ("ShellTaskRole", "logs:PutLogEvents", "${ShellTaskLogs.Arn}"),
        ("ShellTaskRole", "kms:GenerateDataKey", "${ClusterKey.Arn}"),
        ("ShellTaskRole", "kms:Decrypt", "${ShellKey.Arn}"),
        ("ShellTaskRole", "ssm:StartSession", "*"),
        ("ShellTaskRole", "ecs:ExecuteCommand", "${Cluster.Arn}"),
        ("TracedTaskRole", "xray:GetTraceSummaries", "*"),
        ("ReportTaskRole", "elasticfilesystem:ClientRootAccess", "${Files.Arn}"),
        ("ReportTaskRole", "ssm:GetParameters", HERE % ("ssm", "parameter/orders/level")),
        ("ReportTaskExecutionRole", "ssm:GetParameters", HERE % ("ssm", "parameter/orders/other")),
        ("ReportTaskExecutionRole", "ssm:PutParameter", HERE % ("ssm", "parameter/orders/level")),
        ("ReportSchedulerRole", "ecs:StopTask", HERE % ("ecs", "task/${Cluster}/1")),
        ("Operator", "ecs:RegisterTaskDefinition", "*"),
        ("Operator", "ecs:StopTask", HERE % ("ecs", "task/${Cluster}/1")),
        ("Operator", "sqs:SendMessage", "${ReportWatchAlarmsUndeliveredEvents.Arn}"),
        ("ExpressInfrastructureRole", "iam:PassRole", "${ExpressTaskRole.Arn}"),
        ("RunnerRole", "ecr:BatchGetImage", "${ImagesRepository.Arn}"),
        ("RunnerRole", "kms:Decrypt", "${RunnerKey.Arn}"),
        ("RunnerAccessRole", "ecr:BatchGetImage", "${ToolsRepository.Arn}"),
        ("RunnerAccessRole", "secretsmanager:GetSecretValue", "${Secret}"),
        ("LogGroupSettingsRole", "logs:PutRetentionPolicy", "${RunnerKey.Arn}"),
    ],
)
def test_what_is_beside_its_work_is_out_of_reach(
    template: dict[str, Any], role: str, action: str, resource: str
) -> None:
    assert_denied(template, role, action, resource)


@pytest.mark.parametrize("role", ["ReportSchedulerRole", "Operator"])
class TestWhoRunsATask:
    def test_runs_any_revision_of_it_in_its_cluster_only(self, web: Web, template: dict[str, Any], role: str) -> None:
        (cluster,) = web.all("AWS::ECS::Cluster")
        check: Any
        for family, where, check in (
            ("${ReportTaskDefinition.TaskDefinitionName}", cluster, assert_allowed),
            ("${ReportTaskDefinition.TaskDefinitionName}", "other", assert_denied),
            ("${ShellTaskDefinition.TaskDefinitionName}", cluster, assert_denied),
            ("${ReportTaskDefinition.TaskDefinitionName}More", cluster, assert_denied),
        ):
            context = {"ecs:cluster": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{where}"}
            definition = HERE % ("ecs", f"task-definition/{family}:17")
            check(template, role, "ecs:RunTask", definition, context=context)

    def test_hands_its_roles_to_tasks_only(self, template: dict[str, Any], role: str) -> None:
        check: Any
        for handed, service, check in (
            ("ReportTaskRole", "ecs-tasks.amazonaws.com", assert_allowed),
            ("ReportTaskExecutionRole", "ecs-tasks.amazonaws.com", assert_allowed),
            ("ReportTaskRole", "ec2.amazonaws.com", assert_denied),
            ("ShellTaskRole", "ecs-tasks.amazonaws.com", assert_denied),
            ("ExpressInfrastructureRole", "ecs-tasks.amazonaws.com", assert_denied),
        ):
            context = {"iam:PassedToService": service}
            check(template, role, "iam:PassRole", f"${{{handed}.Arn}}", context=context)


def test_files_are_mounted_by_their_access_point_only(web: Web, template: dict[str, Any]) -> None:
    (point,) = web.all("AWS::EFS::AccessPoint")
    check: Any
    for name, check in ((point, assert_allowed), ("other", assert_denied)):
        context = {
            "elasticfilesystem:AccessPointArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{name}"
        }
        check(template, "ReportTaskRole", "elasticfilesystem:ClientMount", "${Files.Arn}", context=context)


@pytest.mark.parametrize(
    ("role", "service"),
    [
        ("SignedTaskExecutionRole", "secretsmanager"),
        ("ReportTaskExecutionRole", "ssm"),
        ("RunnerRole", "secretsmanager"),
    ],
)
def test_a_secrets_key_is_used_by_the_service_that_keeps_the_secret(
    template: dict[str, Any], role: str, service: str
) -> None:
    check: Any
    for by, check in ((service, assert_allowed), ("s3", assert_denied)):
        context = {"kms:ViaService": f"{by}.{REGION}.amazonaws.com"}
        check(template, role, "kms:Decrypt", "${SecretKey.Arn}", context=context)
