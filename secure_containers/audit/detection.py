"""GuardDuty and Amazon Inspector: who attacks, and what could be attacked.

Sources: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty-features-activation-model.html,
https://docs.amazonaws.cn/en_us/aws/latest/userguide/guardduty.html and
https://docs.aws.amazon.com/inspector/v2/APIReference/API_Enable.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Annotations, CustomResource, RemovalPolicy, Stack
from aws_cdk import aws_guardduty as guardduty
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from secure_containers.audit.settings import known_region
from secure_containers.custom_resource import Job, own_custom_resource
from secure_containers.rules.partitions import partition_of

_FEATURES: Final[Mapping[str, Sequence[str]]] = {
    "S3_DATA_EVENTS": (),
    "EKS_AUDIT_LOGS": (),
    "EBS_MALWARE_PROTECTION": (),
    "LAMBDA_NETWORK_LOGS": (),
    "RUNTIME_MONITORING": ("EKS_ADDON_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT"),
}
"""What GuardDuty watches, and which agents it looks after; sign-ins to databases are none of containers' business."""
_TYPES: Final = ("ECR", "EC2", "LAMBDA")
_MISSING: Final[Mapping[str, Sequence[str]]] = {"aws-cn": ("LAMBDA_NETWORK_LOGS", "RUNTIME_MONITORING", "LAMBDA")}
"""Features of GuardDuty and types of Inspector that a partition lacks, or that AWS does not say it has."""
_INSPECTOR: Final = Job(
    name="InspectorSettings",
    module="inspector",
    description="Turns Amazon Inspector's scans on",
    unbound_actions=("inspector2:BatchGetAccountStatus", "inspector2:Enable"),
    minutes=10,
)
_INSPECTOR_ROLES: Final[Mapping[str, str]] = {
    "inspector2.amazonaws.com": "AWSServiceRoleForAmazonInspector2",
    "agentless.inspector2.amazonaws.com": "AWSServiceRoleForAmazonInspector2Agentless",
}
"""The roles by which Inspector looks at an account; the second one reads disks of machines without an agent."""


def detector(scope: Construct, id: str) -> guardduty.CfnDetector:
    """GuardDuty with every feature that concerns containers, as far as the partition has it.

    Its findings are kept with it, so that it stays when the stack is deleted.
    """
    l1 = guardduty.CfnDetector
    made = l1(
        scope,
        id,
        enable=True,
        finding_publishing_frequency="FIFTEEN_MINUTES",
        features=[
            l1.CFNFeatureConfigurationProperty(
                name=name,
                status="ENABLED",
                additional_configuration=[
                    l1.CFNFeatureAdditionalConfigurationProperty(name=each, status="ENABLED") for each in agents
                ]
                or None,
            )
            for name, agents in _FEATURES.items()
            if name in _offered(scope, "GuardDuty", list(_FEATURES))
        ],
    )
    made.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    return made


def inspector_on(scope: Construct, id: str, *, key: kms.IKey) -> CustomResource:
    """Turns Amazon Inspector on for images, machines and functions; it stays on when the stack is deleted."""
    stack = Stack.of(scope)
    roles = [
        stack.format_arn(service="iam", region="", resource="role", resource_name=f"aws-service-role/{service}/{name}")
        for service, name in _INSPECTOR_ROLES.items()
    ]
    return own_custom_resource(
        scope,
        id,
        job=_INSPECTOR,
        resource_type="Custom::InspectorScans",
        key=key,
        properties={"ResourceTypes": _offered(scope, "Amazon Inspector", _TYPES)},
        statements=[
            iam.PolicyStatement(
                actions=["iam:CreateServiceLinkedRole"],
                resources=roles,
                conditions={"StringEquals": {"iam:AWSServiceName": list(_INSPECTOR_ROLES)}},
            )
        ],
    )


def _offered(scope: Construct, service: str, wanted: Sequence[str]) -> list[str]:
    """What the Region's partition has of it; where the Region is not known yet, everything."""
    region = known_region(scope)
    if region is None:
        return list(wanted)
    missing = [each for each in wanted if each in _MISSING.get(partition_of(region), ())]
    if missing:
        Annotations.of(scope).add_info(f"{service} offers no {', '.join(missing)} in {region}: left out")
    return [each for each in wanted if each not in missing]
