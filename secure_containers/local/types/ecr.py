"""The settings of a registry, of which there is one in an account and Region, and pull-through rules."""

from __future__ import annotations

import json
from typing import Any, Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone


def _registry(asked: Asked) -> Made:
    account = asked.account.connection.account
    return Made(account, {"RegistryId": account})


def _put_policy(asked: Asked) -> Made:
    asked.client("ecr").put_registry_policy(policyText=json.dumps(asked.properties["PolicyText"]))
    return _registry(asked)


def _delete_policy(asked: Asked) -> None:
    gone(asked.client("ecr").delete_registry_policy, "RegistryPolicyNotFoundException")


def _put_replication(asked: Asked) -> Made:
    ecr = asked.client("ecr")
    ecr.put_replication_configuration(**fitted(ecr, "PutReplicationConfiguration", asked.properties))
    return _registry(asked)


def _delete_replication(asked: Asked) -> None:
    asked.client("ecr").put_replication_configuration(replicationConfiguration={"rules": []})


def _put_scanning(asked: Asked) -> Made:
    ecr = asked.client("ecr")
    ecr.put_registry_scanning_configuration(**fitted(ecr, "PutRegistryScanningConfiguration", asked.properties))
    return _registry(asked)


def _delete_scanning(asked: Asked) -> None:
    asked.client("ecr").put_registry_scanning_configuration(scanType="BASIC", rules=[])


def _create_rule(asked: Asked) -> Made:
    ecr = asked.client("ecr")
    made: dict[str, Any] = ecr.create_pull_through_cache_rule(
        **fitted(ecr, "CreatePullThroughCacheRule", asked.properties)
    )
    return Made(made["ecrRepositoryPrefix"])


def _delete_rule(asked: Asked) -> None:
    call = asked.client("ecr").delete_pull_through_cache_rule
    gone(call, "PullThroughCacheRuleNotFoundException", ecrRepositoryPrefix=asked.physical)


TYPES: Final = {
    "AWS::ECR::PullThroughCacheRule": Type(create=_create_rule, delete=_delete_rule, record=True),
    "AWS::ECR::RegistryPolicy": Type(create=_put_policy, update=_put_policy, delete=_delete_policy),
    "AWS::ECR::RegistryScanningConfiguration": Type(
        create=_put_scanning, update=_put_scanning, delete=_delete_scanning
    ),
    "AWS::ECR::ReplicationConfiguration": Type(
        create=_put_replication, update=_put_replication, delete=_delete_replication
    ),
}
