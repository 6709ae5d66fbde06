"""What AWS Config holds container resources to: AWS's own rules, and a few in Guard for plain properties.

The Guard rules need no support of a Region by AWS's rules, and can be tested without an account.

Sources: https://docs.aws.amazon.com/config/latest/developerguide/managed-rules-by-aws-config.html and
https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_cfn-guard.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from secure_containers.rules.partitions import partition_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigRule:
    """One rule: AWS's by its identifier, or ours by its Guard file."""

    id: str
    description: str
    guideline: str
    identifier: str | None = None
    guard: str | None = None
    types: Sequence[str] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    not_in: Sequence[str] = ()
    """Partitions and Regions that do not have it."""

    def missing_in(self, region: str) -> bool:
        """Whether a Region is known to lack the rule."""
        return region in self.not_in or partition_of(region) in self.not_in

    def properties(self) -> dict[str, Any]:
        """The rule as CloudFormation takes it."""
        found: dict[str, Any] = {"Description": f"{self.description} ({self.guideline})", "Source": self._source()}
        if self.types:
            found["Scope"] = {"ComplianceResourceTypes": list(self.types)}
        if self.parameters:
            found["InputParameters"] = dict(self.parameters)
        return found

    def _source(self) -> dict[str, Any]:
        if self.guard is None:
            return {"Owner": "AWS", "SourceIdentifier": self.identifier}
        text = resources.files(__package__).joinpath("guard", self.guard).read_text(encoding="utf-8")
        return {
            "Owner": "CUSTOM_POLICY",
            "SourceDetails": [{"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}],
            "CustomPolicyDetails": {"PolicyRuntime": "guard-2.x.x", "PolicyText": text},
        }


CONFIG_RULES: Final = (
    ConfigRule(
        id="EcrImmutableTags",
        guard="ecr_immutable_tags.guard",
        types=("AWS::ECR::Repository",),
        description="Tags of images cannot move",
        guideline="ecr-immutable-tags",
    ),
    ConfigRule(
        id="EcrScanOnPush",
        guard="ecr_scan_on_push.guard",
        types=("AWS::ECR::Repository",),
        description="Images are scanned when they are pushed",
        guideline="ecr-scan-on-push",
    ),
    ConfigRule(
        id="EcsMinimalContainers",
        guard="ecs_minimal_containers.guard",
        types=("AWS::ECS::TaskDefinition",),
        description="Containers have no privileges and a read-only root",
        guideline="minimal-containers",
    ),
    ConfigRule(
        id="EcsPrivateService",
        guard="ecs_private_service.guard",
        types=("AWS::ECS::Service",),
        description="Tasks have no public address",
        guideline="private-subnets",
    ),
    ConfigRule(
        id="EksPrivateEndpoint",
        guard="eks_private_endpoint.guard",
        types=("AWS::EKS::Cluster",),
        description="The Kubernetes API is reached from the network only",
        guideline="eks-private-and-logged",
    ),
    ConfigRule(
        id="BatchManagedCompute",
        guard="batch_managed_compute.guard",
        types=("AWS::Batch::ComputeEnvironment",),
        description="AWS manages the compute environment, and it takes jobs",
        guideline="batch-platforms",
    ),
    ConfigRule(
        id="EcrLifecycle",
        identifier="ECR_PRIVATE_LIFECYCLE_POLICY_CONFIGURED",
        description="Repositories have a lifecycle policy",
        guideline="ecr-lifecycle",
    ),
    ConfigRule(
        id="EcrCustomerKey",
        identifier="ECR_REPOSITORY_CMK_ENCRYPTION_ENABLED",
        description="Images are encrypted with a customer's key",
        guideline="ecr-encrypt-with-kms",
        not_in=("ca-west-1",),
    ),
    ConfigRule(
        id="EcsLogs",
        identifier="ECS_TASK_DEFINITION_LOG_CONFIGURATION",
        description="Containers write logs",
        guideline="cloudwatch-logs-and-alarms",
        not_in=("aws-us-gov",),
    ),
    ConfigRule(
        id="EcsNonRootUser",
        guard="ecs_non_root_user.guard",  # many Regions lack AWS's own
        types=("AWS::ECS::TaskDefinition",),
        description="Containers do not run as root",
        guideline="minimal-containers",
    ),
    ConfigRule(
        id="EcsNoKeysInEnvironment",
        identifier="ECS_NO_ENVIRONMENT_SECRETS",
        parameters={"secretKeys": "AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,ECS_ENGINE_AUTH_DATA"},
        description="Containers get no long-lived credentials by their environment",
        guideline="signed-requests-temporary-credentials",
        not_in=("aws-us-gov",),
    ),
    ConfigRule(
        id="EcsFargatePlatform",
        identifier="ECS_FARGATE_LATEST_PLATFORM_VERSION",
        description="Fargate services run on the latest platform",
        guideline="ecs-launch-types",
    ),
    ConfigRule(
        id="EcsContainerInsights",
        identifier="ECS_CONTAINER_INSIGHTS_ENABLED",
        description="Clusters have Container Insights",
        guideline="cloudwatch-logs-and-alarms",
    ),
    ConfigRule(
        id="EksSecrets",
        identifier="EKS_SECRETS_ENCRYPTED",
        description="Kubernetes secrets are encrypted with a key",
        guideline="eks-secrets-encryption",
    ),
    ConfigRule(
        id="TrailOfAllRegions",
        identifier="MULTI_REGION_CLOUD_TRAIL_ENABLED",
        description="A trail records all Regions",
        guideline="cloudtrail",
    ),
    ConfigRule(
        id="TrailEncrypted",
        identifier="CLOUD_TRAIL_ENCRYPTION_ENABLED",
        description="Trails are encrypted with a key",
        guideline="cloudtrail",
    ),
    ConfigRule(
        id="TrailValidated",
        identifier="CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED",
        description="Trails' files can be validated",
        guideline="cloudtrail",
    ),
    ConfigRule(
        id="GuardDutyOn",
        identifier="GUARDDUTY_ENABLED_CENTRALIZED",
        description="GuardDuty watches",
        guideline="runtime-protection",
    ),
    ConfigRule(
        id="InspectorScansImages",
        identifier="INSPECTOR_ECR_SCAN_ENABLED",
        description="Amazon Inspector scans images",
        guideline="ecr-inspector-enhanced-scanning",
        not_in=(
            "aws-cn",
            "ap-south-2",
            "ap-southeast-4",
            "ap-southeast-6",
            "ca-west-1",
            "eu-south-2",
            "me-central-1",
            "mx-central-1",
        ),
    ),
    ConfigRule(
        id="KeysRotate",
        identifier="CMK_BACKING_KEY_ROTATION_ENABLED",
        description="Keys rotate",
        guideline="encryption-at-rest",
    ),
    ConfigRule(
        id="FlowLogs",
        identifier="VPC_FLOW_LOGS_ENABLED",
        description="Networks have flow logs",
        guideline="controlled-egress",
    ),
    ConfigRule(
        id="DefaultSecurityGroupClosed",
        identifier="VPC_DEFAULT_SECURITY_GROUP_CLOSED",
        description="Default security groups let nothing pass",
        guideline="narrow-security-groups",
    ),
    ConfigRule(
        id="FunctionsNotPublic",
        identifier="LAMBDA_FUNCTION_PUBLIC_ACCESS_PROHIBITED",
        description="Functions cannot be called by everybody",
        guideline="least-privilege",
    ),
)
"""Every rule, in the order in which it stands in a template."""


def conformance_pack_template(*, region: str | None = None) -> str:
    """The rules as the template of a conformance pack, for one account or for an organization.

    Give it to `CfnOrganizationConformancePack(template_body=...)` in the management account or the delegated
    administrator's, where each account of the organization has a recorder.

    Args:
        region: leave out the rules that this Region is known to lack, where the pack would fail. Left out, all are in.
    """
    chosen = [rule for rule in CONFIG_RULES if region is None or not rule.missing_in(region)]
    pack = {
        "Resources": {
            rule.id: {
                "Type": "AWS::Config::ConfigRule",
                "Properties": {"ConfigRuleName": rule.id, **rule.properties()},
            }
            for rule in chosen
        }
    }
    return json.dumps(pack)  # YAML, which the service asks for, takes it as it is
