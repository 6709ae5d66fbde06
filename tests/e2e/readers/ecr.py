"""Repositories of Amazon ECR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.compare import pascal


def repository(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    ecr = client("ecr")
    (about,) = ecr.describe_repositories(repositoryNames=[id])["repositories"]
    found = pascal(about)
    found["LifecyclePolicy"] = {
        "LifecyclePolicyText": ecr.get_lifecycle_policy(repositoryName=id)["lifecyclePolicyText"]
    }
    found["Tags"] = pascal(ecr.list_tags_for_resource(resourceArn=about["repositoryArn"])["tags"])
    found["ImageTagMutabilityExclusionFilters"] = [
        {
            "ImageTagMutabilityExclusionFilterType": each["filterType"],
            "ImageTagMutabilityExclusionFilterValue": each["filter"],
        }
        for each in about.get("imageTagMutabilityExclusionFilters", [])
    ]
    if "RepositoryPolicyText" in wanted:
        found["RepositoryPolicyText"] = ecr.get_repository_policy(repositoryName=id)["policyText"]
    return found


READERS = {"AWS::ECR::Repository": repository}
NOT_READ: dict[str, dict[str, str]] = {}
