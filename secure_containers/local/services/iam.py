"""Service-linked roles, by the names that AWS gives them and with its answer if there is one already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from secure_containers.local.account import Account
from secure_containers.local.services.api import ApiError, Request

_NAMES: Final = {
    "agentless.inspector2.amazonaws.com": "AmazonInspector2Agentless",
    "batch.amazonaws.com": "Batch",
    "config.amazonaws.com": "Config",
    "ecs.amazonaws.com": "ECS",
    "eks.amazonaws.com": "AmazonEKS",
    "guardduty.amazonaws.com": "AmazonGuardDuty",
    "inspector2.amazonaws.com": "AmazonInspector2",
    "spot.amazonaws.com": "EC2Spot",
}


class ServiceLinkedRoles:
    """Of IAM only the call that makes such a role; the rest is ministack's."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __call__(self, request: Request) -> Mapping[str, object] | None:
        if request.form.get("Action") != "CreateServiceLinkedRole":
            return None
        service = request.form.get("AWSServiceName", "")
        name = role_name(service)
        iam = self._account.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}],
        }
        try:
            made = iam.create_role(
                RoleName=name, Path=f"/aws-service-role/{service}/", AssumeRolePolicyDocument=json.dumps(trust)
            )["Role"]
        except iam.exceptions.EntityAlreadyExistsException as error:
            message = f"Service role name {name} has been taken in this account, please try a different suffix."
            raise ApiError("InvalidInput", message) from error
        told = {key: made[key] for key in ("Path", "RoleName", "RoleId", "Arn")}
        return {"CreateServiceLinkedRoleResult": {"Role": {**told, "CreateDate": made["CreateDate"].isoformat()}}}


def role_name(service: str) -> str:
    """The name of a service's role."""
    return f"AWSServiceRoleFor{_NAMES.get(service, service.partition('.')[0].capitalize())}"
