"""Events of services that are ours, and log groups as targets of rules."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from secure_containers.local.account import Account
from secure_containers.local.patches.names import EVENTS, SCOPE, TARGET, replace


def publish(account: Account, *, source: str, detail_type: str, resource: str, detail: Mapping[str, Any]) -> None:
    """Put an event of an AWS service on the default bus."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Resources": [resource],
        "Detail": json.dumps(detail),
        "EventBusName": "default",
    }
    connection = account.connection
    with SCOPE.found()(connection.account, connection.region):
        EVENTS.found()({"Entries": [entry]}, allow_aws_source=True)


def deliver_to_log_groups(account: Account) -> None:
    """Let rules write events to log groups, which ministack does not."""
    invoke = TARGET.found()
    writer = ThreadPoolExecutor(1, thread_name_prefix="events-to-logs")  # the server must not wait for itself

    def write(group: str, event: Mapping[str, Any]) -> None:
        logs, stream = account.client("logs"), str(uuid.uuid4())
        told = {
            "version": "0",
            "id": event["EventId"],
            "detail-type": event["DetailType"],
            "source": event["Source"],
            "account": event["Account"],
            "time": datetime.fromtimestamp(event["Time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": event["Region"],
            "resources": event["Resources"],
            "detail": json.loads(event["Detail"]),
        }
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        entry = {"timestamp": int(time.time() * 1000), "message": json.dumps(told)}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[entry])

    def invoke_or_write(target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> None:
        _, _, group = target.get("Arn", "").partition(":log-group:")
        if group and not {"Input", "InputPath", "InputTransformer"} & target.keys():
            writer.submit(write, group.removesuffix(":*"), dict(event))
        else:
            invoke(target, event, rule, view)

    replace(TARGET, invoke_or_write)
