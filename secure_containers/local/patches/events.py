"""Events of services that are ours, those of objects as Amazon S3 tells them, and log groups as targets of rules."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.patches.names import ALLOWS, DISPATCH, EVENTS, OBJECT, ORIGIN, SCOPE, TARGET, VIEW, replace

_log: Final = logging.getLogger(__name__)
_HERE: Final = "127.0.0.1"
_version: Final[ContextVar[str | None]] = ContextVar("version", default=None)
"""Of the object whose event is being told."""


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
    ORIGIN.found()(_HERE, True)  # noqa: FBT003 - the parameters are ministack's
    with SCOPE.found()(connection.account, connection.region):
        EVENTS.found()({"Entries": [entry]}, allow_aws_source=True)


def deliver_to_log_groups(account: Account) -> None:
    """Let rules write events to log groups, which ministack does not."""
    invoke = TARGET.found()
    writer = ThreadPoolExecutor(1, thread_name_prefix="events-to-logs")  # the server must not wait for itself

    def write(group: str, told: Mapping[str, Any]) -> None:
        logs, stream = account.client("logs"), str(uuid.uuid4())
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        entry = {"timestamp": int(time.time() * 1000), "message": json.dumps(told)}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[entry])

    def invoke_or_write(target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> None:
        _, _, group = target.get("Arn", "").partition(":log-group:")
        if group and not {"Input", "InputPath", "InputTransformer"} & target.keys():
            told = (view or VIEW.found()(event)).event_with_detail()
            writer.submit(write, group.removesuffix(":*"), told)
        else:
            invoke(target, event, rule, view)

    replace(TARGET, invoke_or_write)


def ask_queues(account: Account) -> None:
    """Let rules send to queues that allow it. What they may not send goes to their dead-letter queue, with the reason.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    invoke = TARGET.found()
    writer = ThreadPoolExecutor(1, thread_name_prefix="undelivered-events")  # the server must not wait for itself

    def allows(queue: str, rule: str) -> bool:
        ORIGIN.found()(_HERE, True)  # noqa: FBT003 - the parameters are ministack's
        return bool(ALLOWS.found()(queue, "events.amazonaws.com", rule, account.connection.account))

    def set_aside(queue: str, event: str, about: Mapping[str, str]) -> None:
        sqs = account.client("sqs")
        sqs.send_message(
            QueueUrl=sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"],
            MessageBody=event,
            MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in about.items()},
        )

    def invoke_if_allowed(target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> None:
        queue, aside = target.get("Arn", ""), target.get("DeadLetterConfig", {}).get("Arn")
        if ":sqs:" not in queue or allows(queue, rule["Arn"]):
            invoke(target, event, rule, view)
        elif aside and allows(aside, rule["Arn"]):
            told = (view or VIEW.found()(event)).event_with_detail()
            about = {"ERROR_CODE": "NO_PERMISSIONS", "RULE_ARN": rule["Arn"], "TARGET_ARN": queue}
            writer.submit(set_aside, aside, json.dumps(told), about)
        else:
            _log.warning("%s may not send to %s; the event is lost", rule["Arn"], queue)

    replace(TARGET, invoke_if_allowed)


def tell_versions_of_objects() -> None:
    """Let events of objects say what Amazon S3 says: ministack leaves the version out.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    fire, dispatch = OBJECT.found(), DISPATCH.found()

    def fired(*arguments: Any, version_id: str | None = None, **named: Any) -> None:
        token = _version.set(version_id)
        try:
            fire(*arguments, version_id=version_id, **named)
        finally:
            _version.reset(token)

    def dispatched(event: dict[str, Any], view: Any = None) -> None:
        if event["Source"] == "aws.s3" and view is None:
            detail = json.loads(event["Detail"])
            detail.pop("event-version", None)
            if _version.get():
                detail["object"]["version-id"] = _version.get()
            to_the_second = f"{event['Time'].partition('.')[0].removesuffix('Z')}Z"
            event = {**event, "Detail": json.dumps(detail), "Time": to_the_second}
        dispatch(event, view)

    replace(OBJECT, fired)
    replace(DISPATCH, dispatched)
