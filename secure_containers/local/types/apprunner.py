"""Services of AWS App Runner, and what they are made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone

_GONE: Final = "ResourceNotFoundException"
_SETTLED_WITHIN: Final = 120.0
_NAME: Final = 32


def _part(kind: str, call: str) -> Type:
    """What a service is made of: it never changes, and another one is another revision."""

    def create(asked: Asked) -> Made:
        client = asked.client("apprunner")
        properties = {**asked.properties, f"{kind}Name": asked.name(f"{kind}Name", most=_NAME)}
        made = getattr(client, f"create_{call}")(**fitted(client, f"Create{kind}", properties))[kind]
        arn = made[f"{kind}Arn"]
        latest = {} if kind == "VpcConnector" else {"Latest": str(made["Latest"]).lower()}
        return Made(arn, {f"{kind}Arn": arn, f"{kind}Revision": str(made[f"{kind}Revision"]), **latest})

    def delete(asked: Asked) -> None:
        client = asked.client("apprunner")
        gone(getattr(client, f"delete_{call}"), _GONE, **{f"{kind}Arn": asked.physical})

    return Type(create=create, delete=delete, tags="list", record=True)


def _create_service(asked: Asked) -> Made:
    apprunner = asked.client("apprunner")
    properties = {**asked.properties, "ServiceName": asked.name("ServiceName", most=40)}
    made = apprunner.create_service(**_service(apprunner, "CreateService", properties))
    arn = made["Service"]["ServiceArn"]
    try:
        return _settled(apprunner, arn, made["OperationId"])
    except ValueError:
        _end(apprunner, arn)
        raise


def _update_service(asked: Asked) -> Made:
    apprunner = asked.client("apprunner")
    properties = {**asked.properties, "ServiceArn": asked.physical}
    without = ("EncryptionConfiguration", "ServiceName", "Tags")
    begun = apprunner.update_service(**_service(apprunner, "UpdateService", properties, without=without))
    return _settled(apprunner, asked.physical, begun["OperationId"])


def _service(apprunner: Any, operation: str, properties: Any, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The arguments of a service: variables and secrets are lists in a template, and maps in the API."""
    source = properties["SourceConfiguration"]
    image = source.get("ImageRepository", {}).get("ImageConfiguration", {})
    code = source.get("CodeRepository", {}).get("CodeConfiguration", {}).get("CodeConfigurationValues", {})
    arguments = fitted(apprunner, operation, properties, without=(*without, "SourceConfiguration"))
    named = _with_maps(source, image or code)
    return {**arguments, **fitted(apprunner, operation, {"SourceConfiguration": named})}


def _with_maps(node: Any, at: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node is at:
        node = {
            name: {each["Name"]: each["Value"] for each in value} if name.startswith("RuntimeEnvironment") else value
            for name, value in node.items()
        }
    return {name: _with_maps(value, at) for name, value in node.items()}


def _settled(apprunner: Any, arn: str, operation: str) -> Made:
    until, status = time.monotonic() + _SETTLED_WITHIN, "IN_PROGRESS"
    while status == "IN_PROGRESS" and time.monotonic() < until:
        operations = apprunner.list_operations(ServiceArn=arn)["OperationSummaryList"]
        (status,) = (each["Status"] for each in operations if each["Id"] == operation)
        time.sleep(0.1)
    if status != "SUCCEEDED":
        raise ValueError(
            f"Resource of type 'AWS::AppRunner::Service' with identifier '{arn}' did not stabilize: {status}"
        )
    about = apprunner.describe_service(ServiceArn=arn)["Service"]
    names = ("ServiceArn", "ServiceId", "ServiceUrl", "Status")
    return Made(arn, {name: about[name] for name in names if name in about})


def _delete_service(asked: Asked) -> None:
    _end(asked.client("apprunner"), asked.physical)


def _end(apprunner: Any, arn: str) -> None:
    """Delete a service, and wait until nothing of it runs."""
    gone(apprunner.delete_service, _GONE, ServiceArn=arn)
    until = time.monotonic() + _SETTLED_WITHIN
    while any(each["ServiceArn"] == arn for each in apprunner.list_services()["ServiceSummaryList"]):
        if time.monotonic() > until:
            raise ValueError(f"{arn} does not end")
        time.sleep(0.1)


def _create_ingress(asked: Asked) -> Made:
    apprunner = asked.client("apprunner")
    name = asked.name("VpcIngressConnectionName", most=40)
    properties = {**asked.properties, "VpcIngressConnectionName": name}
    arguments = fitted(apprunner, "CreateVpcIngressConnection", properties)
    return _ingress(apprunner.create_vpc_ingress_connection(**arguments))


def _update_ingress(asked: Asked) -> Made:
    apprunner = asked.client("apprunner")
    configuration = asked.properties["IngressVpcConfiguration"]
    given = {"VpcIngressConnectionArn": asked.physical, "IngressVpcConfiguration": configuration}
    return _ingress(apprunner.update_vpc_ingress_connection(**given))


def _ingress(answer: Any) -> Made:
    about = answer["VpcIngressConnection"]
    names = ("DomainName", "Status", "VpcIngressConnectionArn")
    return Made(about["VpcIngressConnectionArn"], {name: about[name] for name in names})


def _delete_ingress(asked: Asked) -> None:
    call: Callable[..., Any] = asked.client("apprunner").delete_vpc_ingress_connection
    gone(call, _GONE, VpcIngressConnectionArn=asked.physical)


TYPES: Final = {
    "AWS::AppRunner::AutoScalingConfiguration": _part("AutoScalingConfiguration", "auto_scaling_configuration"),
    "AWS::AppRunner::ObservabilityConfiguration": _part("ObservabilityConfiguration", "observability_configuration"),
    "AWS::AppRunner::Service": Type(
        create=_create_service,
        update=_update_service,
        delete=_delete_service,
        replaces=("EncryptionConfiguration", "ServiceName", "Tags"),
        tags="list",
    ),
    "AWS::AppRunner::VpcConnector": _part("VpcConnector", "vpc_connector"),
    "AWS::AppRunner::VpcIngressConnection": Type(
        create=_create_ingress,
        update=_update_ingress,
        delete=_delete_ingress,
        replaces=("ServiceArn", "Tags", "VpcIngressConnectionName"),
        tags="list",
    ),
}
