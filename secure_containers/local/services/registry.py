"""The settings of a whole ECR registry, and tags that stay immutable with exceptions.

Repositories and images are ministack's own.
"""

from __future__ import annotations

import fnmatch
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.services.api import ApiError, Request

_FILTERS: Final = "imageTagMutabilityExclusionFilters"
_Answer = Mapping[str, Any]


class Registry:
    """The account's registry."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._id = {"registryId": account.connection.account}
        self._mutable: dict[str, list[Mapping[str, str]]] = {}
        self._policy: str | None = None
        self._replication: Mapping[str, Any] = {"rules": []}
        self._scanning: dict[str, Any] = {"scanType": "BASIC", "rules": []}
        self._rules: dict[str, dict[str, Any]] = {}
        self._operations: dict[str, Callable[[Mapping[str, Any]], _Answer]] = {
            "CreatePullThroughCacheRule": self._create_rule,
            "DeletePullThroughCacheRule": self._delete_rule,
            "DeleteRegistryPolicy": self._delete_policy,
            "DescribeImageSigningStatus": lambda _: {**self._id, "signingStatuses": []},
            "DescribePullThroughCacheRules": self._rules_of,
            "DescribeRegistry": lambda _: {**self._id, "replicationConfiguration": self._replication},
            "GetRegistryPolicy": self._get_policy,
            "GetRegistryScanningConfiguration": lambda _: {**self._id, "scanningConfiguration": self._scanning},
            "ListImageReferrers": self._referrers,
            "PutRegistryPolicy": self._put_policy,
            "PutRegistryScanningConfiguration": self._put_scanning,
            "PutReplicationConfiguration": self._put_replication,
        }

    def __call__(self, request: Request) -> _Answer | None:
        if request.operation == "PutImage":
            self._check_immutable(request.body)
        elif request.operation == "PutImageTagMutability":
            self._mutable[request.body["repositoryName"]] = request.body.get(_FILTERS, [])
        operation = self._operations.get(request.operation)
        return None if operation is None else operation(request.body)

    def told(self, _: str, answer: str) -> str:
        """An answer of ministack's about repositories, with the tags that stay mutable."""
        parsed = json.loads(answer)
        for repository in parsed.get("repositories", []):
            if filters := self._mutable.get(repository["repositoryName"]):
                repository[_FILTERS] = filters
        return json.dumps(parsed)

    def _check_immutable(self, body: Mapping[str, Any]) -> None:
        """ministack knows repositories that are immutable altogether, and no exceptions."""
        repository, tag = body["repositoryName"], body.get("imageTag")
        filters = self._mutable.get(repository, [])
        if not tag or not filters or any(fnmatch.fnmatchcase(tag, each["filter"]) for each in filters):
            return
        ecr = self._account.client("ecr")
        (described,) = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
        if described["imageTagMutability"] != "IMMUTABLE_WITH_EXCLUSION":
            return
        images = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": tag}])["images"]
        if not images:
            return
        message = f"The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten"
        raise ApiError("ImageTagAlreadyExistsException", message)

    def _referrers(self, body: Mapping[str, Any]) -> _Answer:
        """The images of a repository whose manifests say that they belong to another one, such as its signatures."""
        ecr, repository = self._account.client("ecr"), body["repositoryName"]
        ids = ecr.list_images(repositoryName=repository)["imageIds"]
        images = ecr.batch_get_image(repositoryName=repository, imageIds=ids)["images"] if ids else []
        types = body.get("filter", {}).get("artifactTypes")
        found = []
        for image in images:
            text = image["imageManifest"]
            manifest = json.loads(text)
            type_ = manifest.get("artifactType") or manifest.get("config", {}).get("mediaType")
            if manifest.get("subject", {}).get("digest") == body["subjectId"]["imageDigest"] and (
                not types or type_ in types
            ):
                about = {"artifactType": type_, "mediaType": image["imageManifestMediaType"], "size": len(text)}
                found.append({**about, "digest": image["imageId"]["imageDigest"], "artifactStatus": "ACTIVE"})
        return {"referrers": found}

    def _put_policy(self, body: Mapping[str, Any]) -> _Answer:
        self._policy = body["policyText"]
        return self._get_policy(body)

    def _get_policy(self, _: Mapping[str, Any]) -> _Answer:
        if self._policy is None:
            raise ApiError("RegistryPolicyNotFoundException", "the registry has no policy")
        return {**self._id, "policyText": self._policy}

    def _delete_policy(self, body: Mapping[str, Any]) -> _Answer:
        deleted = self._get_policy(body)
        self._policy = None
        return deleted

    def _put_replication(self, body: Mapping[str, Any]) -> _Answer:
        self._replication = body["replicationConfiguration"]
        return {"replicationConfiguration": self._replication}

    def _put_scanning(self, body: Mapping[str, Any]) -> _Answer:
        self._scanning = {"scanType": body.get("scanType", "BASIC"), "rules": body.get("rules", [])}
        return {"registryScanningConfiguration": self._scanning}

    def _create_rule(self, body: Mapping[str, Any]) -> _Answer:
        prefix = body["ecrRepositoryPrefix"]
        if prefix in self._rules:
            raise ApiError("PullThroughCacheRuleAlreadyExistsException", f"there is a rule for {prefix} already")
        self._rules[prefix] = {**body, **self._id, "createdAt": time.time()}
        return self._rules[prefix]

    def _rules_of(self, body: Mapping[str, Any]) -> _Answer:
        asked = body.get("ecrRepositoryPrefixes")
        found = [rule for prefix, rule in self._rules.items() if asked is None or prefix in asked]
        return {"pullThroughCacheRules": found}

    def _delete_rule(self, body: Mapping[str, Any]) -> _Answer:
        prefix = body["ecrRepositoryPrefix"]
        if prefix not in self._rules:
            raise ApiError("PullThroughCacheRuleNotFoundException", f"there is no rule for {prefix}")
        return self._rules.pop(prefix)
