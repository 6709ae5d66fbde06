"""Custom resources of our own: for the few settings of an account that CloudFormation cannot make.

CDK's own helper functions cannot be hardened, and its provider framework brings functions of its own. Ours are one
small function a job and stack, with a role, a log group and an answer that never fails to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from aws_cdk import ArnFormat, CustomResource, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from secure_containers.errors import invalid
from secure_containers.function import own_function
from secure_containers.logs import RETENTION_DAYS
from secure_containers.waivers import Waiver, as_found, waive

_CODE: Final = Path(__file__).parent / "custom_resources"
_ANSWER_AND_START: Final = Duration.minutes(2)
"""How much longer than its function CloudFormation waits, so that a crash does not hang the stack for an hour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What one function does.

    Args:
        name: the name of its construct in the stack.
        module: the module of `custom_resources` that does it.
        description: what the function is for.
        unbound_actions: actions that every call needs on `*`, since they have no resource level.
        minutes: how long it may take.
    """

    name: str
    module: str
    description: str
    unbound_actions: Sequence[str] = ()
    minutes: int = 2


NETWORK: Final = Job(
    name="NetworkSettings",
    module="network",
    description="Closes default security groups and finds prefix lists",
    unbound_actions=("ec2:DescribeManagedPrefixLists", "ec2:DescribeSecurityGroups"),
)


LOG_GROUPS: Final = Job(
    name="LogGroupSettings", module="log_groups", description="Gives log groups that AWS makes an end and a key"
)


def own_custom_resource(
    scope: Construct,
    id: str,
    *,
    job: Job,
    resource_type: str,
    key: kms.IKey,
    properties: Mapping[str, object],
    statements: Sequence[iam.PolicyStatement] = (),
    waivers: Sequence[Waiver] = (),
) -> CustomResource:
    """A custom resource that one of our functions serves; the function is made once for its job and stack.

    Args:
        scope: the parent.
        id: the construct id.
        job: what the function does.
        resource_type: `Custom::` and a name.
        key: encrypts the function's logs; the first one given in a stack counts.
        properties: what the function gets to know.
        statements: what the function's role needs for this resource, besides what it reads.
        waivers: findings in these statements to accept.
    """
    made = _made(Stack.of(scope), job, key)
    resource = CustomResource(
        scope,
        id,
        resource_type=resource_type,
        service_token=cast("lambda_.Function", made.node.find_child("Function")).function_arn,
        properties=dict(properties),
        service_timeout=Duration.minutes(job.minutes).plus(_ANSWER_AND_START),
    )
    role = cast("iam.Role", made.node.find_child("Role"))
    # A function that starts before its role may do anything would fail.
    itself = resource.node.find_child("Default").node
    itself.add_dependency(role.node.find_child("Policy"))
    if statements:
        # Of this resource alone, so that its waivers cover nothing else.
        policy = iam.ManagedPolicy(
            resource, "Policy", description=f"What {resource.node.path} sets", statements=statements, roles=[role]
        )
        waive(policy, *waivers)
        itself.add_dependency(policy)
    return resource


def default_security_group_closed(scope: Construct, id: str, *, vpc_id: str, key: kms.IKey) -> CustomResource:
    """Takes every rule out of the default security group of a VPC, so that nothing can use it by mistake.

    Args:
        scope: the parent.
        id: the construct id.
        vpc_id: the VPC.
        key: encrypts the function's logs.
    """
    stack = Stack.of(scope)
    # CloudFormation does not tell every VPC's default group: the role may change whichever group is of this VPC.
    groups = stack.format_arn(service="ec2", resource="security-group", resource_name="*")
    vpc = stack.format_arn(service="ec2", resource="vpc", resource_name=vpc_id)
    actions = ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"]
    reason = "a condition on ec2:Vpc leaves the groups of one VPC, and rules can only be taken out of them"
    return own_custom_resource(
        scope,
        id,
        job=NETWORK,
        resource_type="Custom::ClosedDefaultSecurityGroup",
        key=key,
        properties={"Action": "ClosedDefaultSecurityGroup", "VpcId": vpc_id},
        statements=[
            iam.PolicyStatement(actions=actions, resources=[groups], conditions={"ArnEquals": {"ec2:Vpc": vpc}})
        ],
        waivers=[Waiver(f"AwsSolutions-IAM5[Resource::{as_found(stack, groups)}]", reason=reason)],
    )


def prefix_lists(scope: Construct, id: str, *, key: kms.IKey) -> CustomResource:
    """The prefix lists of the gateway endpoints, as `get_att_string("s3")` and `get_att_string("dynamodb")`.

    Args:
        scope: the parent.
        id: the construct id.
        key: encrypts the function's logs.
    """
    return own_custom_resource(
        scope,
        id,
        job=NETWORK,
        resource_type="Custom::PrefixLists",
        key=key,
        properties={"Action": "PrefixLists", "Region": Stack.of(scope).region},
    )


def kept_log_groups(
    scope: Construct, id: str, *, names: Sequence[str], retention: logs.RetentionDays, key: kms.IKey
) -> CustomResource:
    """Log groups that a service of AWS makes by itself, with an end and a key.

    Args:
        scope: the parent.
        id: the construct id.
        names: of the groups.
        retention: how long events are kept.
        key: encrypts them from then on, and the function's logs. CloudWatch Logs has to be let use it.
    """
    stack = Stack.of(scope)
    groups = [
        stack.format_arn(
            service="logs", resource="log-group", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        for name in names
    ]
    settings = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:PutRetentionPolicy"]
    return own_custom_resource(
        scope,
        id,
        job=LOG_GROUPS,
        resource_type="Custom::KeptLogGroups",
        key=key,
        properties={
            "LogGroups": list(names),
            "RetentionInDays": str(RETENTION_DAYS[retention]),
            "KmsKeyArn": key.key_arn,
        },
        statements=[
            iam.PolicyStatement(actions=settings, resources=[*groups, *(f"{group}:*" for group in groups)]),
        ],
        waivers=[
            Waiver(
                f"AwsSolutions-IAM5[Resource::{as_found(stack, f'{group}:*')}]",
                reason="one log group, as CloudWatch Logs writes its ARN in policies: with all of its streams",
            )
            for group in groups
        ],
    )


def _made(stack: Stack, job: Job, key: kms.IKey) -> IConstruct:
    made = stack.node.try_find_child(job.name)
    if made is None:
        made = Construct(stack, job.name)
        _make(made, job, key)
    elif made.node.try_find_child("Function") is None:
        allowed = "an id that is not that of the function which this library makes in the stack"
        raise invalid(made.node.path, "id", job.name, allowed=allowed, write="another id for that construct")
    return made


def _make(scope: Construct, job: Job, key: kms.IKey) -> None:
    own_function(
        scope,
        name=job.name,
        description=job.description,
        code=_CODE,
        handler="answer.handler",
        key=key,
        environment={"JOB": job.module},
        timeout=Duration.minutes(job.minutes),
        unbound_actions=job.unbound_actions,
        reasons={
            "NIST.800.53.R5-LambdaConcurrency": "CloudFormation alone calls it, seldom; what one reserves, the "
            "account's other functions lose, and a new account has nothing to reserve",
            "NIST.800.53.R5-LambdaDLQ": "it answers CloudFormation itself, which fails the deployment if it does not; "
            "a queue would be read by nobody",
            "NIST.800.53.R5-LambdaInsideVPC": "it calls AWS's public endpoints and CloudFormation's bucket and takes "
            "no traffic; the network that it sets up may not exist yet",
        },
    )
