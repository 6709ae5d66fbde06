"""Whoever takes a hardened property out of a template, by an escape hatch or by hand, is told by a rule."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
import yaml

from secure_containers.rules import RULES, Template, evaluate
from tests.support import ROOT

SNAPSHOTS = ROOT / "tests" / "__snapshots__" / "test_stacks"
SSH: Any = {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
CREDENTIAL: Any = {"Name": "DB_PASSWORD", "Value": "hunter2hunter2"}
MAIN = "ContainerDefinitions.0"
OUT, TARGETS, SHARED = "NetworkConfiguration.EgressConfiguration", "TargetGroup", "ComputeResources.SecurityGroupIds"


@cache
def stack(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SNAPSHOTS / f"test_templates[{name}].yaml").read_text(encoding="utf-8"))
    return found


@cache
def found_in(name: str) -> set[str]:
    """What is found in a stack alone, whose neighbours are not visible then."""
    return findings(stack(name))


def findings(body: dict[str, Any]) -> set[str]:
    return {finding.id for finding in evaluate([Template(body, "stack")], RULES).open}


def change(resource: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = path.split(".")
    place: Any = resource
    for step in steps:
        place = place[int(step) if isinstance(place, list) else step]
    if value is None:
        del place[last]
    else:
        place[last] = value


@pytest.mark.parametrize(
    ("name", "type_", "path", "value", "rule"),
    [
        ("ImageRepositories", "ECR::Repository", "ImageTagMutability", "MUTABLE", "SC-ECR-01"),
        ("ImageRepositories", "ECR::Repository", "ImageScanningConfiguration", None, "SC-ECR-02"),
        ("ImageRepositories", "ECR::Repository", "EncryptionConfiguration", None, "SC-ECR-03"),
        ("ImageRepositories", "ECR::Repository", "LifecyclePolicy", None, "SC-ECR-04"),
        ("Network", "EC2::VPC", "EnableDnsSupport", False, "SC-NET-12"),
        ("Network", "EC2::Subnet", "MapPublicIpOnLaunch", True, "SC-NET-11"),
        ("Network", "EC2::VPCEndpoint", "PolicyDocument", None, "SC-NET-06"),
        ("Network", "EC2::SecurityGroup", "SecurityGroupIngress", [SSH], "SC-NET-07"),
        ("Network", "Logs::LogGroup", "RetentionInDays", None, "SC-LOG-01"),
        ("Network", "Logs::LogGroup", "KmsKeyId", None, "SC-LOG-02"),
        ("BatchJobs", "Batch::JobDefinition", "ContainerProperties.Privileged", True, "SC-BAT-01"),
        ("BatchJobs", "Batch::JobDefinition", "ContainerProperties.User", None, "SC-BAT-03"),
        ("BatchJobs", "Batch::JobDefinition", "ContainerProperties.ReadonlyRootFilesystem", False, "SC-BAT-04"),
        ("BatchJobs", "Batch::JobDefinition", "Timeout", None, "SC-BAT-06"),
        ("BatchJobs", "Batch::JobDefinition", "RetryStrategy", None, "SC-BAT-07"),
        ("BatchJobs", "Batch::JobDefinition", "ContainerProperties.LogConfiguration", None, "SC-BAT-09"),
        ("BatchJobs", "Batch::ComputeEnvironment", SHARED, None, "SC-NET-01[logs]"),
        ("CsvPipeline", "DynamoDB::Table", "PointInTimeRecoverySpecification", None, "SC-DDB-01[PointInTime"),
        ("CsvPipeline", "DynamoDB::Table", "DeletionProtectionEnabled", False, "SC-DDB-01[DeletionProtection"),
        ("CsvPipeline", "DynamoDB::Table", "SSESpecification", None, "SC-DDB-02"),
        ("CsvPipeline", "SQS::Queue", "RedrivePolicy", None, "SC-EVT-02[RedrivePolicy]"),
        ("CsvPipeline", "Lambda::EventSourceMapping", "ScalingConfig", None, "SC-EVT-05"),
        ("CsvPipeline", "KMS::Key", "EnableKeyRotation", False, "SC-KMS-01"),
        ("WebService", "ECS::TaskDefinition", f"{MAIN}.Privileged", True, "SC-ECS-01"),
        ("WebService", "ECS::TaskDefinition", "NetworkMode", "host", "SC-ECS-02"),
        ("WebService", "ECS::TaskDefinition", f"{MAIN}.User", None, "SC-ECS-03"),
        ("WebService", "ECS::TaskDefinition", f"{MAIN}.ReadonlyRootFilesystem", False, "SC-ECS-04"),
        ("WebService", "ECS::TaskDefinition", f"{MAIN}.Image", "nginx:latest", "SC-ECS-05"),
        ("WebService", "ECS::TaskDefinition", f"{MAIN}.LinuxParameters.Capabilities", None, "SC-ECS-06"),
        ("WebService", "ECS::TaskDefinition", f"{MAIN}.LogConfiguration", None, "SC-ECS-07"),
        ("WebService", "ECS::TaskDefinition", f"{MAIN}.Environment", [CREDENTIAL], "SC-TXT-03[DB_PASSWORD]"),
        ("WebService", "ECS::Service", "LoadBalancers", None, "SC-ECS-09"),
        ("WebService", "ECS::Service", "DeploymentConfiguration", {}, "SC-ECS-10"),
        ("WebService", "ECS::Service", "PlatformVersion", "1.3.0", "SC-ECS-15"),
        ("WebService", "ECS::Service", "EnableExecuteCommand", True, "SC-NET-01[ssmmessages]"),
        ("WebService", "ECS::Cluster", "ClusterSettings", None, "SC-ECS-12"),
        ("WebService", "ApplicationAutoScaling::ScalableTarget", "MinCapacity", 1, "SC-ECS-13"),
        ("WebService", "ElasticLoadBalancingV2::LoadBalancer", "Scheme", "internet-facing", "SC-NET-04"),
        ("WebService", "ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerAttributes", None, "SC-ELB-04"),
        ("WebService", "ElasticLoadBalancingV2::Listener", "SslPolicy", None, "SC-ELB-01"),
        ("WebService", "ElasticLoadBalancingV2::Listener", "Protocol", "HTTP", "SC-TLS-02"),
        ("WebService", f"ElasticLoadBalancingV2::{TARGETS}", "HealthCheckPath", None, "SC-ELB-06"),
        ("WebService", "KMS::Key", "DeletionPolicy", "Delete", "SC-DEL-01"),
        ("ExpressService", "ECS::ExpressGatewayService", "ScalingTarget", None, "SC-ECS-14"),
        ("ExpressService", "ECS::ExpressGatewayService", "NetworkConfiguration", None, "SC-NET-04"),
        ("ExpressService", "ECS::TaskDefinition", f"{MAIN}.ReadonlyRootFilesystem", False, "SC-ECS-04"),
        ("AppRunnerService", "AppRunner::Service", "NetworkConfiguration.IngressConfiguration", None, "SC-APR-01"),
        ("AppRunnerService", "AppRunner::Service", OUT, {"EgressType": "DEFAULT"}, "SC-APR-02"),
        ("AppRunnerService", "AppRunner::Service", "EncryptionConfiguration", None, "SC-APR-03"),
        ("AppRunnerService", "AppRunner::Service", "AutoScalingConfigurationArn", None, "SC-APR-04"),
        ("AppRunnerService", "AppRunner::Service", "HealthCheckConfiguration", None, "SC-APR-06"),
        ("AppRunnerService", "AppRunner::Service", "SourceConfiguration.AutoDeploymentsEnabled", True, "SC-APR-08["),
        ("AccountAudit", "CloudTrail::Trail", "IsMultiRegionTrail", False, "SC-AUD-01"),
        ("AccountAudit", "CloudTrail::Trail", "KMSKeyId", None, "SC-AUD-02"),
        ("AccountAudit", "Config::ConfigurationRecorder", "RecordingGroup.AllSupported", False, "SC-AUD-05"),
    ],
)
def test_a_weakened_property_is_found(name: str, type_: str, path: str, value: Any, rule: str) -> None:
    below = path if path == "DeletionPolicy" else f"Properties.{path}"
    weakened = 0
    for id, resource in stack(name)["Resources"].items():
        if resource["Type"] != f"AWS::{type_}":
            continue
        changed = copy.deepcopy(resource)
        try:
            change(changed, below, value)
        except KeyError:  # it does without from the start
            continue
        weakened += 1
        body = {**stack(name), "Resources": {**stack(name)["Resources"], id: changed}}
        assert any(each.startswith(rule) for each in findings(body) - found_in(name)), id
    assert weakened
