"""The Guard rules of AWS Config, against configuration items as the service records them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import cfn_guard_rs
import pytest

from secure_containers.audit.rules import CONFIG_RULES

GUARD = Path(__file__).parents[2] / "secure_containers" / "audit" / "guard"
GOOD: dict[str, dict[str, Any]] = {
    "ecr_immutable_tags": {
        "resourceType": "AWS::ECR::Repository",
        "configuration": {"RepositoryName": "app", "ImageTagMutability": "IMMUTABLE"},
    },
    "ecr_scan_on_push": {
        "resourceType": "AWS::ECR::Repository",
        "configuration": {"RepositoryName": "app", "ImageScanningConfiguration": {"ScanOnPush": True}},
    },
    "ecs_minimal_containers": {
        "resourceType": "AWS::ECS::TaskDefinition",
        "configuration": {
            "ContainerDefinitions": [
                {"Name": "app", "Privileged": False, "ReadonlyRootFilesystem": True},
                {"Name": "side", "ReadonlyRootFilesystem": True},
            ]
        },
    },
    "ecs_non_root_user": {
        "resourceType": "AWS::ECS::TaskDefinition",
        "configuration": {
            "ContainerDefinitions": [{"Name": "app", "User": "1000:1000"}, {"Name": "side", "User": "rootless"}]
        },
    },
    "ecs_private_service": {
        "resourceType": "AWS::ECS::Service",
        "configuration": {
            "LaunchType": "FARGATE",
            "NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED", "Subnets": ["subnet-1"]}},
        },
    },
    "eks_private_endpoint": {
        "resourceType": "AWS::EKS::Cluster",
        "configuration": {"ResourcesVpcConfig": {"EndpointPublicAccess": False, "EndpointPrivateAccess": True}},
    },
    "batch_managed_compute": {
        "resourceType": "AWS::Batch::ComputeEnvironment",
        "configuration": {"Type": "MANAGED", "State": "ENABLED", "ComputeResources": {"Type": "FARGATE"}},
    },
}
BAD: list[tuple[str, tuple[str | int, ...], Any]] = [
    ("ecr_immutable_tags", ("ImageTagMutability",), "MUTABLE"),
    ("ecr_immutable_tags", ("ImageTagMutability",), None),
    ("ecr_scan_on_push", ("ImageScanningConfiguration", "ScanOnPush"), False),
    ("ecr_scan_on_push", ("ImageScanningConfiguration",), None),
    ("ecs_minimal_containers", ("ContainerDefinitions", 0, "Privileged"), True),
    ("ecs_minimal_containers", ("ContainerDefinitions", 0, "ReadonlyRootFilesystem"), False),
    ("ecs_minimal_containers", ("ContainerDefinitions", 1, "ReadonlyRootFilesystem"), None),
    *(
        ("ecs_non_root_user", ("ContainerDefinitions", 1, "User"), user)
        for user in ("root", "0", "0:0", "00", "root:root", "0:1000", "", None)
    ),
    ("ecs_private_service", ("NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"), "ENABLED"),
    ("eks_private_endpoint", ("ResourcesVpcConfig", "EndpointPublicAccess"), True),
    ("eks_private_endpoint", ("ResourcesVpcConfig", "EndpointPrivateAccess"), False),
    ("eks_private_endpoint", ("ResourcesVpcConfig", "EndpointPrivateAccess"), None),
    ("batch_managed_compute", ("Type",), "UNMANAGED"),
    ("batch_managed_compute", ("State",), "DISABLED"),
]


def status(rule: str, item: dict[str, Any]) -> str:
    found = cfn_guard_rs.run_checks(item, (GUARD / f"{rule}.guard").read_text(encoding="utf-8"))
    return str(found.status).rpartition(".")[2].upper()


def changed(rule: str, path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A good item with one property set to something else, or taken out."""
    item = deepcopy(GOOD[rule])
    at: Any = item["configuration"]
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return item


def test_every_file_is_tested_and_used() -> None:
    files = {path.stem for path in GUARD.glob("*.guard")}
    assert files == set(GOOD) == {rule for rule, _, _ in BAD}
    assert files == {str(rule.guard).removesuffix(".guard") for rule in CONFIG_RULES if rule.guard}


@pytest.mark.parametrize("rule", GOOD)
def test_a_good_item_passes(rule: str) -> None:
    assert status(rule, GOOD[rule]) == "PASS"


@pytest.mark.parametrize(("rule", "path", "value"), BAD)
def test_a_bad_item_fails(rule: str, path: tuple[str | int, ...], value: Any) -> None:
    assert status(rule, changed(rule, path, value)) == "FAIL"


@pytest.mark.parametrize("rule", GOOD)
def test_other_resources_are_none_of_its_business(rule: str) -> None:
    assert status(rule, {"resourceType": "AWS::S3::Bucket", "configuration": {"name": "logs"}}) == "SKIP"


def test_exceptions_to_immutability_pass() -> None:
    item = changed("ecr_immutable_tags", ("ImageTagMutability",), "IMMUTABLE_WITH_EXCLUSION")
    assert status("ecr_immutable_tags", item) == "PASS"


def test_a_service_without_a_network_of_its_own_is_skipped() -> None:
    assert status("ecs_private_service", changed("ecs_private_service", ("NetworkConfiguration",), None)) == "SKIP"


def test_a_service_that_says_nothing_of_addresses_has_none() -> None:
    path = ("NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp")
    assert status("ecs_private_service", changed("ecs_private_service", path, None)) == "SKIP"


@pytest.mark.parametrize("user", ["app", "1000", "10", "root2", "1000:0", "00a"])
def test_another_user_passes(user: str) -> None:
    item = changed("ecs_non_root_user", ("ContainerDefinitions", 0, "User"), user)
    assert status("ecs_non_root_user", item) == "PASS"


def test_a_second_privileged_container_is_found() -> None:
    item = changed("ecs_minimal_containers", ("ContainerDefinitions", 1, "Privileged"), True)
    assert status("ecs_minimal_containers", item) == "FAIL"
