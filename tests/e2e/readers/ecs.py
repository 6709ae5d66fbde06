"""Clusters, task definitions and services of Amazon ECS, those of its Express Mode too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import pascal


def cluster(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    include = ["CONFIGURATIONS", "SETTINGS", "TAGS"]
    (about,) = client("ecs").describe_clusters(clusters=[id], include=include)["clusters"]
    assert about["status"] == "ACTIVE"
    return {**pascal(about), "ClusterSettings": pascal(about["settings"])}


def capacity_providers(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {**cluster(client, id, wanted), "Cluster": wanted["Cluster"]}


def capacity_provider(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("ecs").describe_capacity_providers(capacityProviders=[id], include=["TAGS"])["capacityProviders"]
    (about,) = found
    return {**pascal(about), "ClusterName": about.get("cluster")}


def task_definition(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("ecs").describe_task_definition(taskDefinition=id, include=["TAGS"])
    about = found["taskDefinition"]
    assert about["status"] == "ACTIVE"
    containers = [_container(each) for each in about["containerDefinitions"]]
    return {**pascal(about), "ContainerDefinitions": containers, "Tags": pascal(found["tags"])}


def _container(about: Mapping[str, Any]) -> dict[str, Any]:
    """A container, with names that are not ours to change as they are."""
    found = pascal(about)
    for name in ("LogConfiguration", "FirelensConfiguration"):
        if name in found:
            found[name]["Options"] = about[f"{name[0].lower()}{name[1:]}"].get("options", {})
    if "dockerLabels" in about:
        found["DockerLabels"] = about["dockerLabels"]
    return dict(found)


def service(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    cluster_ = id.split("/")[1]
    (about,) = client("ecs").describe_services(cluster=cluster_, services=[id], include=["TAGS"])["services"]
    assert about["status"] == "ACTIVE"
    assert about["deployments"][0]["rolloutState"] != "FAILED", about["deployments"][0]["rolloutStateReason"]
    found = {**pascal(about["deployments"][0]), **pascal(about)}
    hooks = about.get("deploymentConfiguration", {}).get("lifecycleHooks", [])
    for hook, told in zip(hooks, found.get("DeploymentConfiguration", {}).get("LifecycleHooks", []), strict=True):
        if "hookDetails" in hook:  # its names are not ours to change
            told["HookDetails"] = hook["hookDetails"]
    arn = str(about["clusterArn"])
    return {
        **found,
        "Cluster": arn if str(wanted.get("Cluster")).startswith("arn:") else cluster_,
        "PlacementStrategies": pascal(about.get("placementStrategy", [])),
    }


def express(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("ecs").describe_express_gateway_service(serviceArn=id)["service"]
    assert about["status"]["statusCode"] == "ACTIVE"
    (configuration,) = about["activeConfigurations"]
    return {**pascal(configuration), **pascal(about)}


READERS = {
    "AWS::ECS::CapacityProvider": capacity_provider,
    "AWS::ECS::Cluster": cluster,
    "AWS::ECS::ClusterCapacityProviderAssociations": capacity_providers,
    "AWS::ECS::ExpressGatewayService": express,
    "AWS::ECS::Service": service,
    "AWS::ECS::TaskDefinition": task_definition,
}
NOT_READ = {
    "AWS::ECS::Service": {"ForceNewDeployment": "it is told to CloudFormation; the service keeps nothing of it"}
}
