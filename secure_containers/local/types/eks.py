"""Add-ons and pod identities of clusters. No Kubernetes runs behind them."""

from __future__ import annotations

from typing import Any, Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone

_GONE: Final = "ResourceNotFoundException"


def _create_addon(asked: Asked) -> Made:
    eks = asked.client("eks")
    arguments = fitted(eks, "CreateAddon", asked.properties, without=("PreserveOnDelete",))
    return _addon(eks.create_addon(**arguments)["addon"])


def _update_addon(asked: Asked) -> Made:
    eks = asked.client("eks")
    eks.update_addon(**fitted(eks, "UpdateAddon", asked.properties, without=("PreserveOnDelete", "Tags")))
    cluster, addon = asked.physical.split("|")
    return _addon(eks.describe_addon(clusterName=cluster, addonName=addon)["addon"])


def _addon(addon: dict[str, Any]) -> Made:
    return Made(f"{addon['clusterName']}|{addon['addonName']}", {"Arn": addon["addonArn"]})


def _delete_addon(asked: Asked) -> None:
    cluster, addon = asked.physical.split("|")
    gone(asked.client("eks").delete_addon, _GONE, clusterName=cluster, addonName=addon)


def _create_identity(asked: Asked) -> Made:
    eks = asked.client("eks")
    made = eks.create_pod_identity_association(**fitted(eks, "CreatePodIdentityAssociation", asked.properties))
    association = made["association"]
    return Made(
        association["associationId"],
        {"AssociationArn": association["associationArn"], "AssociationId": association["associationId"]},
    )


def _delete_identity(asked: Asked) -> None:
    call = asked.client("eks").delete_pod_identity_association
    gone(call, _GONE, clusterName=asked.properties["ClusterName"], associationId=asked.physical)


TYPES: Final = {
    "AWS::EKS::Addon": Type(
        create=_create_addon,
        update=_update_addon,
        delete=_delete_addon,
        replaces=("AddonName", "ClusterName"),
        tags="list",
        record=True,
    ),
    "AWS::EKS::PodIdentityAssociation": Type(create=_create_identity, delete=_delete_identity, tags="list"),
}
