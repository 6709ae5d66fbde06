"""Repositories: the tags that stay mutable in an immutable repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept

_FILTERS: Final = "ImageTagMutabilityExclusionFilters"


def _keep(
    account: Account, repository: str, properties: Mapping[str, Any], before: Mapping[str, Any]
) -> Mapping[str, Any]:
    filters = [
        {"filterType": each[f"{_FILTERS[:-1]}Type"], "filter": each[f"{_FILTERS[:-1]}Value"]}
        for each in properties.get(_FILTERS, [])
    ]
    if properties.get(_FILTERS, []) != before.get(_FILTERS, []):
        account.client("ecr").put_image_tag_mutability(
            repositoryName=repository,
            imageTagMutability=properties.get("ImageTagMutability", "MUTABLE"),
            **({"imageTagMutabilityExclusionFilters": filters} if filters else {}),
        )
    return {}


KEPT: Final = {"AWS::ECR::Repository": Kept(keep=_keep)}
