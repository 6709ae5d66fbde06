"""What scales: targets and policies of Application Auto Scaling, groups of instances and their launch templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def scalable_target(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    scaling = client("application-autoscaling")
    resource, dimension, namespace = id.split("|")
    found = scaling.describe_scalable_targets(
        ServiceNamespace=namespace, ResourceIds=[resource], ScalableDimension=dimension
    )
    (about,) = found["ScalableTargets"]
    tags = scaling.list_tags_for_resource(ResourceARN=about["ScalableTargetARN"])["Tags"]
    return {**about, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def scaling_policy(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    namespace = wanted.get("ServiceNamespace", "ecs")
    found = client("application-autoscaling").describe_scaling_policies(ServiceNamespace=namespace)["ScalingPolicies"]
    (about,) = (each for each in found if each["PolicyARN"] == id)
    target = "|".join(about[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
    return {**about, "ScalingTargetId": target}


def group(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[id])["AutoScalingGroups"]
    (about,) = found
    names = ("Key", "Value", "PropagateAtLaunch")
    template = {name: value for name, value in about.get("LaunchTemplate", {}).items() if name != "LaunchTemplateName"}
    return {
        **about,
        "LaunchTemplate": template,
        "Tags": [{name: each[name] for name in names} for each in about["Tags"]],
        "VPCZoneIdentifier": about["VPCZoneIdentifier"].split(","),
    }


def launch_template(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    ec2 = client("ec2")
    (about,) = ec2.describe_launch_templates(LaunchTemplateIds=[id])["LaunchTemplates"]
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateId=id, Versions=["$Latest"])[
        "LaunchTemplateVersions"
    ]
    tags = [each for each in about.get("Tags", []) if not each["Key"].startswith("aws:")]
    return {
        "LaunchTemplateData": version["LaunchTemplateData"],
        "LaunchTemplateName": about["LaunchTemplateName"],
        "TagSpecifications": [{"ResourceType": "launch-template", "Tags": tags}] if tags else [],
    }


READERS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": scaling_policy,
    "AWS::AutoScaling::AutoScalingGroup": group,
    "AWS::EC2::LaunchTemplate": launch_template,
}
_GROUP = {
    "MetricsCollection": "the emulator drops it",
    "NotificationConfigurations": "the emulator drops it",
}
NOT_READ = {"AWS::AutoScaling::AutoScalingGroup": _GROUP}
