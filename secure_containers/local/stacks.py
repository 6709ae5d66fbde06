"""Stacks as CloudFormation has them: their resources, why they failed, and their end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from secure_containers.local.children import LocalError
from secure_containers.local.connection import Connection

BOOTSTRAP: Final = "CDKToolkit"
_CONSEQUENCES: Final = ("cancelled", "Resource creation Initiated", "The following resource(s) failed")
"""In the reason of a failure that follows from another one."""
_EVERY: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack that exists."""

    name: str
    status: str
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")


def stacks(cloudformation: Any) -> dict[str, Stack]:
    """Every stack, by its name."""
    found = {}
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for each in page["Stacks"]:
            outputs = {output["OutputKey"]: output["OutputValue"] for output in each.get("Outputs", [])}
            found[each["StackName"]] = Stack(name=each["StackName"], status=each["StackStatus"], outputs=outputs)
    return found


def types(cloudformation: Any, stack: str) -> Counter[str]:
    """How many resources of which types a stack has."""
    return Counter(
        each["ResourceType"]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for each in page["StackResourceSummaries"]
    )


def first_failure(cloudformation: Any, stack: str) -> str | None:
    """The resource whose failure made the stack's last operation fail, and its reason; one line."""
    failed = [event for event in _last_operation(cloudformation, stack) if event["ResourceStatus"].endswith("_FAILED")]
    if not failed:
        return None
    causes = [event for event in failed if not _is_consequence(event, stack)]
    event = (causes or failed)[-1]
    reason = " ".join(str(event.get("ResourceStatusReason", "no reason given")).split())
    return f"{event['LogicalResourceId']} ({event['ResourceType']}) {event['ResourceStatus']}: {reason}"


def _is_consequence(event: Mapping[str, Any], stack: str) -> bool:
    reason = str(event.get("ResourceStatusReason", ""))
    return event["LogicalResourceId"] == stack or any(word in reason for word in _CONSEQUENCES)


def _last_operation(cloudformation: Any, stack: str) -> Iterator[Mapping[str, Any]]:
    """The events since the operation began, the latest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
        for event in page["StackEvents"]:
            yield event
            if event["LogicalResourceId"] == stack and event["ResourceStatus"] in (
                "CREATE_IN_PROGRESS",
                "UPDATE_IN_PROGRESS",
                "DELETE_IN_PROGRESS",
            ):
                return


def delete_all(connection: Connection, *, limit: float) -> dict[str, str]:
    """Deletes every stack, those first that nobody imports from; gives why the others could not be.

    Stacks and load balancers that are protected from deletion are meant to survive in an account; here the account goes
    with them.
    """
    cloudformation = connection.client("cloudformation")
    _unprotect_load_balancers(connection.client("elbv2"))
    until = time.monotonic() + limit
    failed: dict[str, str] = {}
    while left := [each for name, each in stacks(cloudformation).items() if name not in failed]:
        # The bootstrap stack last: the roles that the others were made with are in it.
        waits = [each for each in left if each.name != BOOTSTRAP] or left
        for each in waits:
            if each.status == "DELETE_FAILED":
                failed[each.name] = first_failure(cloudformation, each.name) or each.status
            elif not each.status.endswith("_IN_PROGRESS") or each.status == "REVIEW_IN_PROGRESS":
                _delete(cloudformation, each.name)
        if time.monotonic() > until:
            names = ", ".join(each.name for each in left)
            raise LocalError(f"{names}: not deleted within {limit:.0f} s; give it longer with --limit")
        time.sleep(_EVERY)
    return failed


def _unprotect_load_balancers(elb: Any) -> None:
    off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    for page in elb.get_paginator("describe_load_balancers").paginate():
        for each in page["LoadBalancers"]:
            elb.modify_load_balancer_attributes(LoadBalancerArn=each["LoadBalancerArn"], Attributes=off)


def _delete(cloudformation: Any, name: str) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - it comes with the extra

    try:
        cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
        cloudformation.delete_stack(StackName=name)
    except ClientError as error:
        if "imported" not in str(error) and "does not exist" not in str(error):
            raise
