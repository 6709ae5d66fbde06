"""What roles of tasks and functions are there for, whichever stack they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secure_containers.testing import Allow

HERE = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
LOGIN = Allow("ecr:GetAuthorizationToken", "*")
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_GUARDDUTY_AGENT = Allow(_PULL, "arn:${AWS::Partition}:ecr:${AWS::Region}:*:repository/aws-guardduty-agent-fargate")


def pull(repository: str, *more: str) -> Allow:
    return Allow([*_PULL, *more], f"${{{repository}.Arn}}")


def write_logs(group: str, *more: str) -> Allow:
    return Allow(["logs:CreateLogStream", "logs:PutLogEvents", *more], f"${{{group}.Arn}}")


def start_task(task: str, *repositories: str, monitored: bool = True) -> Sequence[Allow]:
    """To start a task: its images, GuardDuty's agent if it may be there, its log group."""
    images = [pull(each) for each in repositories]
    return [LOGIN, *images, *([_GUARDDUTY_AGENT] if monitored else []), write_logs(f"{task}Logs")]


def run_task(task: str, cluster: str) -> Sequence[Allow]:
    """To run a task in its cluster, with its own roles."""
    # The definition in its every revision, not only in the one that is deployed.
    definition = HERE % ("ecs", f"task-definition/${{{task}Definition.TaskDefinitionName}}:*")
    roles = [f"${{{task}Role.Arn}}", f"${{{task}ExecutionRole.Arn}}"]
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    return [
        Allow("ecs:RunTask", definition, conditions={"ArnEquals": {"ecs:cluster": f"${{{cluster}.Arn}}"}}),
        Allow("iam:PassRole", roles, conditions=to_tasks),
    ]


def keep_app_runner_logs(service: str) -> Allow:
    """To give the groups that App Runner makes for one service an end and a key."""
    of_service = f"log-group:/aws/apprunner/${{{service}.ServiceName}}/${{{service}.ServiceId}}"
    groups = [HERE % ("logs", f"{of_service}/{kind}") for kind in ("application", "service")]
    settings = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:PutRetentionPolicy"]
    return Allow(settings, [*groups, *(f"{group}:*" for group in groups)])


NETWORK: Mapping[str, Sequence[Allow]] = {
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
"""The roles that a network of its own has, called `Network`."""
