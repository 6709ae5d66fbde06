"""Example values for what only a deployment knows: names, URLs and ARNs of resources, as AWS writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from secure_containers.rules.partitions import partition_of, suffix_of


@dataclass(frozen=True, slots=True)
class _Form:
    """How AWS writes what a type's resources are called."""

    arn: str
    ref: str = "{name}"
    """What `Ref` gives; `arn` stands for the ARN."""
    named: str = ""
    """The property that sets the name, where there is one."""
    lower: bool = False


_HERE: Final = "{region}:{account}"
_FORMS: Final[Mapping[str, _Form]] = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": _Form(f"autoscaling:{_HERE}:scalingPolicy:{{name}}", "arn"),
    "AWS::Batch::ComputeEnvironment": _Form(
        f"batch:{_HERE}:compute-environment/{{name}}", "arn", "ComputeEnvironmentName"
    ),
    "AWS::Batch::JobDefinition": _Form(f"batch:{_HERE}:job-definition/{{name}}:1", "arn", "JobDefinitionName"),
    "AWS::Batch::JobQueue": _Form(f"batch:{_HERE}:job-queue/{{name}}", "arn", "JobQueueName"),
    "AWS::Batch::SchedulingPolicy": _Form(f"batch:{_HERE}:scheduling-policy/{{name}}", "arn", "Name"),
    "AWS::CloudFormation::Stack": _Form(
        f"cloudformation:{_HERE}:stack/{{name}}/00000000-0000-0000-0000-000000000000", "arn", "StackName"
    ),
    "AWS::CloudTrail::Trail": _Form(f"cloudtrail:{_HERE}:trail/{{name}}", "{name}", "TrailName"),
    "AWS::CloudWatch::Alarm": _Form(f"cloudwatch:{_HERE}:alarm:{{name}}", "{name}", "AlarmName"),
    "AWS::CodeBuild::Project": _Form(f"codebuild:{_HERE}:project/{{name}}", "{name}", "Name"),
    "AWS::DynamoDB::GlobalTable": _Form(f"dynamodb:{_HERE}:table/{{name}}", "{name}", "TableName"),
    "AWS::DynamoDB::Table": _Form(f"dynamodb:{_HERE}:table/{{name}}", "{name}", "TableName"),
    "AWS::ECR::Repository": _Form(f"ecr:{_HERE}:repository/{{name}}", "{name}", "RepositoryName", lower=True),
    "AWS::ECS::Cluster": _Form(f"ecs:{_HERE}:cluster/{{name}}", "{name}", "ClusterName"),
    "AWS::ECS::Service": _Form(f"ecs:{_HERE}:service/{{name}}", "arn", "ServiceName"),
    "AWS::ECS::TaskDefinition": _Form(f"ecs:{_HERE}:task-definition/{{name}}:1", "arn", "Family"),
    "AWS::EFS::AccessPoint": _Form(f"elasticfilesystem:{_HERE}:access-point/{{name}}"),
    "AWS::EFS::FileSystem": _Form(f"elasticfilesystem:{_HERE}:file-system/{{name}}"),
    "AWS::Events::EventBus": _Form(f"events:{_HERE}:event-bus/{{name}}", "{name}", "Name"),
    "AWS::Events::Rule": _Form(f"events:{_HERE}:rule/{{name}}", "{name}", "Name"),
    "AWS::IAM::InstanceProfile": _Form("iam::{account}:instance-profile/{name}", "{name}", "InstanceProfileName"),
    "AWS::IAM::ManagedPolicy": _Form("iam::{account}:policy/{name}", "arn", "ManagedPolicyName"),
    "AWS::IAM::Role": _Form("iam::{account}:role/{name}", "{name}", "RoleName"),
    "AWS::IAM::User": _Form("iam::{account}:user/{name}", "{name}", "UserName"),
    "AWS::KMS::Alias": _Form(f"kms:{_HERE}:{{name}}", "{name}", "AliasName"),
    "AWS::KMS::Key": _Form(f"kms:{_HERE}:key/{{name}}"),
    "AWS::Kinesis::Stream": _Form(f"kinesis:{_HERE}:stream/{{name}}", "{name}", "Name"),
    "AWS::KinesisFirehose::DeliveryStream": _Form(
        f"firehose:{_HERE}:deliverystream/{{name}}", "{name}", "DeliveryStreamName"
    ),
    "AWS::Lambda::Function": _Form(f"lambda:{_HERE}:function:{{name}}", "{name}", "FunctionName"),
    "AWS::Logs::LogGroup": _Form(f"logs:{_HERE}:log-group:{{name}}:*", "{name}", "LogGroupName"),
    "AWS::S3::Bucket": _Form("s3:::{name}", "{name}", "BucketName", lower=True),
    "AWS::SNS::Topic": _Form(f"sns:{_HERE}:{{name}}", "arn", "TopicName"),
    "AWS::SQS::Queue": _Form(f"sqs:{_HERE}:{{name}}", "https://sqs.{region}.{suffix}/{account}/{name}", "QueueName"),
    "AWS::SSM::Parameter": _Form(f"ssm:{_HERE}:parameter/{{name}}", "{name}", "Name"),
    "AWS::SecretsManager::Secret": _Form(f"secretsmanager:{_HERE}:secret:{{name}}-a1b2c3", "arn", "Name"),
    "AWS::StepFunctions::StateMachine": _Form(f"states:{_HERE}:stateMachine:{{name}}", "arn", "StateMachineName"),
}
"""Other types get a form of the same shape from their name."""


def name_property(type_: str) -> str:
    """The property that sets the physical name of a type's resources; empty where it is not known."""
    return _FORMS[type_].named if type_ in _FORMS else ""


def example_name(type_: str, logical_id: str) -> str:
    """The name that stands for what CloudFormation will choose."""
    return logical_id.lower() if type_ in _FORMS and _FORMS[type_].lower else logical_id


def example(type_: str, name: str, attribute: str, *, account: str, region: str) -> str:
    """What `Ref` or `Fn::GetAtt` gives of a resource.

    Args:
        type_: its type.
        name: its physical name, or what stands for it.
        attribute: the attribute; `Ref` for what `Ref` gives.
        account: the account where it is.
        region: the Region.
    """
    service, _, kind = type_.removeprefix("AWS::").partition("::")
    dashed = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind).lower()
    form = _FORMS.get(type_) or _Form(f"{service.lower()}:{_HERE}:{dashed}/{{name}}")
    known = {
        "partition": partition_of(region),
        "suffix": suffix_of(region),
        "region": region,
        "account": account,
        "name": name.removeprefix("/") if type_ == "AWS::SSM::Parameter" else name,
    }
    arn = f"arn:{{partition}}:{form.arn}".format(**known)
    ref = arn if form.ref == "arn" else form.ref.format(**{**known, "name": name})
    if attribute in ("Arn", f"{kind}Arn") or (attribute == "Id" and form.ref == "arn"):
        return arn
    if attribute in ("Ref", "QueueUrl", "GroupId") or attribute.lower() == f"{kind}id".lower():
        return ref
    if attribute in ("Name", f"{kind}Name"):
        return name
    return f"{arn}/{attribute}" if attribute.endswith("Arn") else f"{name}.{attribute}"
