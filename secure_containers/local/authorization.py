"""What IAM is asked about calls whose resource or conditions ministack does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from secure_containers.local.account import Account
from secure_containers.local.patches.iam import Asking
from secure_containers.local.services.batch import Batch
from secure_containers.local.services.ecs import Ecs
from secure_containers.local.services.iam import role_name


def resource(account: Account, batch: Batch, ecs: Ecs, asking: Asking) -> str | None:
    """The ARN that a call is authorized on; None where ministack knows it."""
    if asking.service == "batch":
        return batch.resource(asking.about, asking.body)
    if asking.service == "ecs":
        return ecs.resource(asking.body)
    if asking.service == "logs" and {"logGroupName", "logStreamName"} <= asking.body.keys():
        # Also where the stream is yet to be made: ministack asks about the group alone.
        return account.arn("logs", "log-group:{logGroupName}:log-stream:{logStreamName}".format_map(asking.body))
    if asking.service == "sqs" and "SourceArn" in asking.body:  # a queue whose messages are moved
        return str(asking.body["SourceArn"])
    if asking.params.get("Action") == "CreateServiceLinkedRole":
        service = asking.params.get("AWSServiceName", "")
        path = f"role/aws-service-role/{service}/{role_name(service)}"
        return f"arn:aws:iam::{account.connection.account}:{path}"
    return None


def conditions(account: Account, vpc_of: Callable[[str], str | None], ecs: Ecs, asking: Asking) -> Mapping[str, Any]:
    """Condition keys that ministack does not set."""
    if asking.about == "batch:SubmitJob":
        return Batch.conditions(asking.body)
    if asking.about == "iam:CreateServiceLinkedRole":
        return {"iam:AWSServiceName": asking.params.get("AWSServiceName", "")}
    if asking.service == "ecs":
        return ecs.conditions(asking.body)
    vpc = vpc_of(asking.params.get("GroupId", "")) if asking.service == "ec2" else None
    return {} if vpc is None else {"ec2:Vpc": account.arn("ec2", f"vpc/{vpc}")}
