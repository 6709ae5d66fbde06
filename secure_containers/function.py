"""A Lambda function of our own: a role of its own, an encrypted log group, code of the standard library and boto3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from aws_cdk import CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from secure_containers.logs import encrypted_log_group
from secure_containers.waivers import Waiver, waive


def own_function(
    scope: Construct,
    *,
    name: str,
    description: str,
    code: Path,
    handler: str,
    key: kms.IKey,
    environment: Mapping[str, str],
    timeout: Duration,
    unbound_actions: Sequence[str],
    reasons: Mapping[str, str],
    statements: Sequence[iam.PolicyStatement] = (),
    retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    removal: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
) -> lambda_.Function:
    """A function with the ids `Logs`, `Role` and `Function` in its scope. Whoever calls it waits for the role's policy.

    Args:
        scope: the parent, which holds nothing else of these ids.
        name: what policies call it.
        description: what it does.
        code: the folder of its code.
        handler: where the code starts.
        key: encrypts its logs.
        environment: its variables.
        timeout: how long it may take.
        unbound_actions: actions that it needs on `*`, since they have no resource level.
        reasons: why findings of cdk-nag's packs are accepted on it, by their ids.
        statements: what else it may do.
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
    if unbound_actions:
        policy.add_statements(iam.PolicyStatement(actions=list(unbound_actions), resources=["*"]))
        reason = f"{' and '.join(unbound_actions)} have no resource level; the rest of this policy names its resources"
        waive(policy, Waiver("AwsSolutions-IAM5[Resource::*]", reason=reason))
    function = lambda_.Function(
        scope,
        "Function",
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        code=lambda_.Code.from_asset(str(code), exclude=["__pycache__", "*.pyc", "__init__.py"]),
        handler=handler,
        environment=dict(environment),
        timeout=timeout,
        memory_size=256,
        role=role,
        log_group=group,
        retry_attempts=0,  # whoever calls it hears of a failure, and asks again where it makes sense
    )
    # CDK lets it wait for its role and the policy: for the one it waits anyway, the other its callers wait for.
    cast("CfnResource", function.node.default_child).add_deletion_override("DependsOn")
    waive(function, *(Waiver(rule, reason=reason) for rule, reason in reasons.items()))
    return function
