"""Services of AWS App Runner, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def service(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("apprunner").describe_service(ServiceArn=id)["Service"]
    assert about["Status"] == "RUNNING"
    scaling = about["AutoScalingConfigurationSummary"].get("AutoScalingConfigurationArn")
    found = {**about, "AutoScalingConfigurationArn": scaling, **_tags(client, id)}
    return {**found, "SourceConfiguration": _listed(about["SourceConfiguration"])}


def _listed(node: Any) -> Any:
    """Variables and secrets are a map in the API and a list in a template."""
    if not isinstance(node, dict):
        return node
    return {
        key: [{"Name": name, "Value": each} for name, each in value.items()]
        if key.startswith("RuntimeEnvironment")
        else _listed(value)
        for key, value in node.items()
    }


def vpc_connector(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("apprunner").describe_vpc_connector(VpcConnectorArn=id)["VpcConnector"]
    return {**about, **_tags(client, id)}


def ingress_connection(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("apprunner").describe_vpc_ingress_connection(VpcIngressConnectionArn=id)
    assert found["VpcIngressConnection"]["Status"] == "AVAILABLE"
    return {**found["VpcIngressConnection"], **_tags(client, id)}


def auto_scaling(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("apprunner").describe_auto_scaling_configuration(AutoScalingConfigurationArn=id)
    return {**found["AutoScalingConfiguration"], **_tags(client, id)}


def observability(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = client("apprunner").describe_observability_configuration(ObservabilityConfigurationArn=id)
    return {**found["ObservabilityConfiguration"], **_tags(client, id)}


def _tags(client: Callable[[str], Any], id: str) -> dict[str, Any]:
    return {"Tags": client("apprunner").list_tags_for_resource(ResourceArn=id)["Tags"]}


READERS = {
    "AWS::AppRunner::AutoScalingConfiguration": auto_scaling,
    "AWS::AppRunner::ObservabilityConfiguration": observability,
    "AWS::AppRunner::Service": service,
    "AWS::AppRunner::VpcConnector": vpc_connector,
    "AWS::AppRunner::VpcIngressConnection": ingress_connection,
}
NOT_READ: dict[str, dict[str, str]] = {}
