"""A Lambda function of our own: a role of its own, an encrypted log group, code of the standard library and boto3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_containers.logs import encrypted_log_group
from secure_containers.security_groups import closed_group
from secure_containers.waivers import Waiver, waive

if TYPE_CHECKING:
    from secure_containers.network import PrivateNetwork

MEMORY_MIB: Final = 256
_TRACE: Final = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")
_CONNECT: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda does in the function's name to connect it to a network: as in AWS's own policy for it."""


def own_function(
    scope: Construct,
    *,
    name: str,
    description: str,
    code: Path | lambda_.AssetCode,
    handler: str,
    key: kms.IKey,
    environment: Mapping[str, str],
    timeout: Duration,
    unbound_actions: Sequence[str],
    reasons: Mapping[str, str],
    statements: Sequence[iam.PolicyStatement] = (),
    network: PrivateNetwork | None = None,
    services: Sequence[str] = (),
    traced: bool = False,
    memory_mib: int = MEMORY_MIB,
    retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    removal: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
) -> lambda_.Function:
    """A function with the ids `Logs`, `Role` and `Function` in its scope. Whoever calls it waits for the role's policy.

    In a network it also has a `SecurityGroup`, and `NotByItself`, a policy that keeps its code from using what Lambda
    needs to connect it.

    Args:
        scope: the parent, which holds nothing else of these ids.
        name: what policies call it.
        description: what it does.
        code: the folder of its code, or an asset.
        handler: where the code starts.
        key: encrypts its logs.
        environment: its variables.
        timeout: how long it may take.
        unbound_actions: actions that it needs on `*`, since they have no resource level.
        reasons: why findings of cdk-nag's packs are accepted on it, by their ids.
        statements: what else it may do.
        network: where it runs. Left out: outside of any network of yours.
        services: what it calls from there, as endpoints are named.
        traced: whether its calls are traced by AWS X-Ray.
        memory_mib: how much memory it has, and with that how much of a processor.
        retention: how long its logs are kept.
        removal: what becomes of its logs; as long as their key, without which they cannot be read.
    """
    group = encrypted_log_group(scope, "Logs", key=key, retention=retention, removal_policy=removal)
    role = iam.Role(
        scope,
        "Role",
        # Lambda calls with no source that a condition could name.
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=description,
    )
    policy = iam.ManagedPolicy(
        role,
        "Policy",
        description=f"What every call of {name} needs",
        roles=[role],
        statements=[
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[group.log_group_arn]),
            *statements,
        ],
    )
    connecting = _CONNECT if network else ()
    unbound = (*unbound_actions, *(_TRACE if traced else ()), *connecting)
    if unbound:
        policy.add_statements(iam.PolicyStatement(actions=list(unbound), resources=["*"]))
        reason = (
            f"AWS has no resource level for {' and '.join(unbound)} here; the rest of this policy names its resources"
        )
        waive(policy, Waiver("AwsSolutions-IAM5[Resource::*]", reason=reason))
    function = lambda_.Function(
        scope,
        "Function",
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        code=lambda_.Code.from_asset(str(code), exclude=["__pycache__", "*.pyc", "__init__.py"])
        if isinstance(code, Path)
        else code,
        handler=handler,
        environment=dict(environment),
        timeout=timeout,
        memory_size=memory_mib,
        role=role,
        log_group=group,
        vpc=network.vpc if network else None,
        vpc_subnets=network.subnets if network else None,
        security_groups=[_group(scope, network, name)] if network else None,
        retry_attempts=0,  # whoever calls it hears of a failure, and asks again where it makes sense
    )
    l1 = cast("CfnResource", function.node.default_child)
    if traced:  # by the L1, since the L2 gives the role an inline policy
        l1.add_property_override("TracingConfig.Mode", "Active")
    if network is None:
        # CDK lets it wait for its role and the policy: for the one it waits anyway, the other its callers wait for.
        l1.add_deletion_override("DependsOn")
    else:
        reason = "Lambda does it in the function's name, as in AWS's own policy for it; the code itself is denied it"
        waive(
            policy, *(Waiver(f"SC-IAM-02[{action}]", reason=reason) for action in _CONNECT if "Describe" not in action)
        )
        # It does wait for the policy: Lambda refuses a function that its role does not let it connect.
        network.require(function, *services)
        # And for its role and its group, to which it refers anyway, as cfn-lint says for each function.
        l1.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
        _not_by_itself(scope, function, role)
    waive(function, *(Waiver(rule, reason=reason) for rule, reason in reasons.items()))
    return function


def _group(scope: Construct, network: PrivateNetwork, name: str) -> ec2.SecurityGroup:
    return closed_group(scope, "SecurityGroup", vpc=network.vpc, description=f"The function {name}")


def _not_by_itself(scope: Construct, function: lambda_.Function, role: iam.Role) -> None:
    """Keep the function's own code from what Lambda needs for it, as AWS advises.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    """
    iam.ManagedPolicy(
        scope,
        "NotByItself",
        description=f"Keeps the code of {scope.node.path} from changing networks"[:1000],
        roles=[role],
        statements=[
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                actions=[*_CONNECT, "ec2:DetachNetworkInterface"],
                resources=["*"],
                conditions={"ArnEquals": {"lambda:SourceFunctionArn": function.function_arn}},
            )
        ],
    )
