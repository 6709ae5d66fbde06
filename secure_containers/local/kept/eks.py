"""Clusters: the key that encrypts what Kubernetes keeps secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.shapes import fitted


def _keep(
    account: Account, cluster: str, properties: Mapping[str, Any], before: Mapping[str, Any]
) -> Mapping[str, Any]:
    eks = account.client("eks")
    # Once a cluster has it, it stays: CloudFormation makes another cluster for another key.
    if properties.get("EncryptionConfig") and not before.get("EncryptionConfig"):
        given = {"ClusterName": cluster, "EncryptionConfig": properties["EncryptionConfig"]}
        eks.associate_encryption_config(**fitted(eks, "AssociateEncryptionConfig", given))
    return {}


KEPT: Final = {"AWS::EKS::Cluster": Kept(keep=_keep)}
