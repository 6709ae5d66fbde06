"""Clusters, capacity providers, task definitions and services of Amazon ECS, and services of its Express Mode."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone

_SETTLED_WITHIN: Final = 120.0
"""Seconds that a deployment may take; CloudFormation waits for three hours."""
_NOT_THERE: Final = ("ClusterNotFoundException", "ServiceNotFoundException", "ClientException")
_OF_CLUSTER: Final = {"ClusterSettings": "Settings"}
_OF_SERVICE: Final = {"PlacementStrategies": "PlacementStrategy"}
_NEVER_UPDATED: Final = (
    "Cluster",
    "DeploymentController",
    "LaunchType",
    "Role",
    "SchedulingStrategy",
    "ServiceName",
    "Tags",
)
"""Properties of a service that an update does not tell."""


def _renamed(properties: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in properties.items()}


def _create_cluster(asked: Asked) -> Made:
    ecs, name = asked.client("ecs"), asked.name("ClusterName", most=255)
    properties = {**_renamed(asked.properties, _OF_CLUSTER), "ClusterName": name}
    arn = ecs.create_cluster(**fitted(ecs, "CreateCluster", properties))["cluster"]["clusterArn"]
    return Made(name, {"Arn": arn})


def _update_cluster(asked: Asked) -> Made:
    ecs = asked.client("ecs")
    properties = {**_renamed(asked.properties, _OF_CLUSTER), "Cluster": asked.physical}
    providers = {"CapacityProviders": [], "DefaultCapacityProviderStrategy": [], **properties}
    names = ("Cluster", "CapacityProviders", "DefaultCapacityProviderStrategy")
    without = ("ClusterName", "CapacityProviders", "DefaultCapacityProviderStrategy", "Tags")
    cluster = ecs.update_cluster(**fitted(ecs, "UpdateCluster", properties, without=without))["cluster"]
    if asked.changed() & {*names}:
        given = {name: providers[name] for name in names}
        ecs.put_cluster_capacity_providers(**fitted(ecs, "PutClusterCapacityProviders", given))
    _retag(asked, cluster["clusterArn"])
    return Made(asked.physical, {"Arn": cluster["clusterArn"]})


def _delete_cluster(asked: Asked) -> None:
    gone(asked.client("ecs").delete_cluster, *_NOT_THERE, cluster=asked.physical)


def _associate(asked: Asked) -> Made:
    ecs = asked.client("ecs")
    ecs.put_cluster_capacity_providers(**fitted(ecs, "PutClusterCapacityProviders", asked.properties))
    return Made(str(asked.properties["Cluster"]))


def _dissociate(asked: Asked) -> None:
    call = asked.client("ecs").put_cluster_capacity_providers
    gone(call, *_NOT_THERE, cluster=asked.physical, capacityProviders=[], defaultCapacityProviderStrategy=[])


def _create_provider(asked: Asked) -> Made:
    ecs, name = asked.client("ecs"), asked.name("Name", most=255)
    properties = {**_renamed(asked.properties, {"ClusterName": "Cluster"}), "Name": name}
    ecs.create_capacity_provider(**fitted(ecs, "CreateCapacityProvider", properties))
    return Made(name)


def _update_provider(asked: Asked) -> Made:
    ecs = asked.client("ecs")
    group = dict(asked.properties["AutoScalingGroupProvider"])
    if group.pop("AutoScalingGroupArn") != asked.before["AutoScalingGroupProvider"]["AutoScalingGroupArn"]:
        return _create_provider(asked)
    given = {"Name": asked.physical, "AutoScalingGroupProvider": group}
    provider = ecs.update_capacity_provider(**fitted(ecs, "UpdateCapacityProvider", given))["capacityProvider"]
    _retag(asked, provider["capacityProviderArn"])
    return Made(asked.physical)


def _delete_provider(asked: Asked) -> None:
    gone(asked.client("ecs").delete_capacity_provider, *_NOT_THERE, capacityProvider=asked.physical)


def _register(asked: Asked) -> Made:
    ecs = asked.client("ecs")
    properties = {**asked.properties, "Family": asked.properties.get("Family") or f"{asked.stack}-{asked.logical}"}
    if proxy := asked.properties.get("ProxyConfiguration"):
        properties["ProxyConfiguration"] = _renamed(proxy, {"ProxyConfigurationProperties": "Properties"})
    made = ecs.register_task_definition(**fitted(ecs, "RegisterTaskDefinition", properties))["taskDefinition"]
    return _definition(made["taskDefinitionArn"])


def _retag_definition(asked: Asked) -> Made:
    _retag(asked, asked.physical)
    return _definition(asked.physical)


def _definition(arn: str) -> Made:
    return Made(arn, {"TaskDefinitionArn": arn})


def _deregister(asked: Asked) -> None:
    gone(asked.client("ecs").deregister_task_definition, *_NOT_THERE, taskDefinition=asked.physical)


def _create_service(asked: Asked) -> Made:
    ecs = asked.client("ecs")
    properties = {**_renamed(asked.properties, _OF_SERVICE), "ServiceName": asked.name("ServiceName", most=255)}
    arguments = fitted(ecs, "CreateService", properties, without=("ForceNewDeployment",))
    made = ecs.create_service(**arguments)["service"]
    try:
        return _settled(asked, made)
    except ValueError:  # CloudFormation does not know of it yet
        _end(asked, made["serviceArn"])
        raise


def _update_service(asked: Asked) -> Made:
    ecs = asked.client("ecs")
    cluster = asked.physical.split("/")[1]
    defaults = {"LoadBalancers": [], "ServiceRegistries": [], "ServiceConnectConfiguration": {"Enabled": False}}
    dropped = {name: value for name, value in defaults.items() if name in asked.before}
    properties = {**dropped, **_renamed(asked.properties, _OF_SERVICE), "Service": asked.physical, "Cluster": cluster}
    forces: Any = asked.properties.get("ForceNewDeployment", {})
    if "ForceNewDeployment" in asked.changed():
        properties["ForceNewDeployment"] = forces.get("EnableForceNewDeployment", False)
    else:
        properties.pop("ForceNewDeployment", None)
    without = tuple(name for name in _NEVER_UPDATED if name != "Cluster")
    service = ecs.update_service(**fitted(ecs, "UpdateService", properties, without=without))["service"]
    _retag(asked, asked.physical)
    return _settled(asked, service)


def _delete_service(asked: Asked) -> None:
    _end(asked, asked.physical)


def _end(asked: Asked, arn: str) -> None:
    """Delete a service, and wait until nothing of it runs."""
    cluster = arn.split("/")[1]
    gone(asked.client("ecs").delete_service, *_NOT_THERE, cluster=cluster, service=arn, force=True)
    _wait_for_the_end(asked, arn)


def _wait_for_the_end(asked: Asked, arn: str) -> None:
    ecs, until, cluster = asked.client("ecs"), time.monotonic() + _SETTLED_WITHIN, arn.split("/")[1]
    try:
        while ecs.describe_services(cluster=cluster, services=[arn])["services"]:
            if time.monotonic() > until:
                raise ValueError(f"{arn} does not end")
            time.sleep(0.1)
    except ecs.exceptions.ClusterNotFoundException:
        return


def _settled(asked: Asked, service: Mapping[str, Any]) -> Made:
    """Wait for the deployment, unless nothing can run here."""
    _wait_for(asked, service["clusterArn"], service["serviceArn"], service["deployments"][0]["id"])
    return Made(service["serviceArn"], {"Name": service["serviceName"], "ServiceArn": service["serviceArn"]})


def _wait_for(asked: Asked, cluster: str, arn: str, id: str) -> None:
    ecs, until = asked.client("ecs"), time.monotonic() + _SETTLED_WITHIN
    while time.monotonic() < until:
        (about,) = ecs.describe_services(cluster=cluster, services=[arn])["services"]
        said = about["events"][0]["message"] if about["events"] else ""
        state, reason = next(
            ((each["rolloutState"], each["rolloutStateReason"]) for each in about["deployments"] if each["id"] == id),
            ("FAILED", said),
        )
        if state == "COMPLETED" or "was unable to place a task" in said:
            return
        if state == "FAILED":
            raise ValueError(
                f"Error occurred during operation 'ECS Deployment Circuit Breaker was triggered': {reason}"
            )
        time.sleep(0.1)
    raise ValueError(f"Resource of type 'AWS::ECS::Service' with identifier '{arn}' did not stabilize: {said}")


def _create_express(asked: Asked) -> Made:
    ecs = asked.client("ecs")
    properties = {**asked.properties, "ServiceName": asked.name("ServiceName", most=40).lower()}
    made = ecs.create_express_gateway_service(**fitted(ecs, "CreateExpressGatewayService", properties))["service"]
    try:
        return _express(asked, made["serviceArn"])
    except ValueError:
        _end_express(asked, made["serviceArn"])
        raise


def _update_express(asked: Asked) -> Made:
    ecs = asked.client("ecs")
    without = ("Cluster", "InfrastructureRoleArn", "ServiceName", "Tags")
    properties = {**asked.properties, "ServiceArn": asked.physical}
    ecs.update_express_gateway_service(**fitted(ecs, "UpdateExpressGatewayService", properties, without=without))
    return _express(asked, asked.physical)


def _express(asked: Asked, arn: str) -> Made:
    ecs = asked.client("ecs")
    about = ecs.describe_express_gateway_service(serviceArn=arn)["service"]
    (service,) = ecs.describe_services(cluster=about["cluster"], services=[arn])["services"]
    _wait_for(asked, about["cluster"], arn, service["deployments"][0]["id"])
    return Made(
        arn,
        {
            "ServiceArn": arn,
            "Endpoint": about["activeConfigurations"][0]["ingressPaths"][0]["endpoint"],
            "Status": about["status"],
            "CreatedAt": about["createdAt"].isoformat(),
            **_managed(asked, about["activeConfigurations"][0]["serviceRevisionArn"]),
            "UpdatedAt": about["updatedAt"].isoformat(),
        },
    )


def _managed(asked: Asked, revision: str) -> dict[str, Any]:
    """What the service has made, as its attributes."""
    found = asked.client("ecs").describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
    (path,) = found[0]["ecsManagedResources"]["ingressPaths"]
    made = {
        "ListenerArn": path["listener"]["arn"],
        "ListenerRuleArn": path["rule"]["arn"],
        "LoadBalancerArn": path["loadBalancer"]["arn"],
        "LoadBalancerSecurityGroups": [each["arn"] for each in path["loadBalancerSecurityGroups"]],
        "TargetGroupArns": [each["arn"] for each in path["targetGroups"]],
    }
    return {f"ECSManagedResourceArns.IngressPath.{name}": value for name, value in made.items()}


def _delete_express(asked: Asked) -> None:
    _end_express(asked, asked.physical)


def _end_express(asked: Asked, arn: str) -> None:
    gone(asked.client("ecs").delete_express_gateway_service, *_NOT_THERE, serviceArn=arn)
    _wait_for_the_end(asked, arn)


def _retag(asked: Asked, arn: str) -> None:
    """The tags that the template has now."""
    ecs = asked.client("ecs")
    new, old = (
        {each["Key"]: each["Value"] for each in given.get("Tags", [])} for given in (asked.properties, asked.before)
    )
    if dropped := [key for key in old if key not in new]:
        ecs.untag_resource(resourceArn=arn, tagKeys=dropped)
    if new:
        ecs.tag_resource(resourceArn=arn, tags=[{"key": key, "value": value} for key, value in new.items()])


TYPES: Final = {
    "AWS::ECS::CapacityProvider": Type(
        create=_create_provider,
        update=_update_provider,
        delete=_delete_provider,
        replaces=("ClusterName", "Name"),
        tags="list",
        record=True,
    ),
    "AWS::ECS::Cluster": Type(
        create=_create_cluster, update=_update_cluster, delete=_delete_cluster, replaces=("ClusterName",), tags="list"
    ),
    "AWS::ECS::ClusterCapacityProviderAssociations": Type(
        create=_associate, update=_associate, delete=_dissociate, replaces=("Cluster",)
    ),
    "AWS::ECS::ExpressGatewayService": Type(
        create=_create_express,
        update=_update_express,
        delete=_delete_express,
        replaces=("Cluster", "InfrastructureRoleArn", "ServiceName", "Tags"),
        tags="list",
    ),
    "AWS::ECS::Service": Type(
        create=_create_service,
        update=_update_service,
        delete=_delete_service,
        replaces=("Cluster", "LaunchType", "Role", "SchedulingStrategy", "ServiceName"),
        tags="list",
    ),
    "AWS::ECS::TaskDefinition": Type(
        create=_register,
        update=_retag_definition,
        delete=_deregister,
        replaces=(
            "ContainerDefinitions",
            "Cpu",
            "EnableFaultInjection",
            "EphemeralStorage",
            "ExecutionRoleArn",
            "Family",
            "InferenceAccelerators",
            "IpcMode",
            "Memory",
            "NetworkMode",
            "PidMode",
            "PlacementConstraints",
            "ProxyConfiguration",
            "RequiresCompatibilities",
            "RuntimePlatform",
            "TaskRoleArn",
            "Volumes",
        ),
        tags="list",
    ),
}
