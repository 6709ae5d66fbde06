"""Amazon SQS: dead-letter queues are emptied back to where their messages came from, which ministack does not do."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.services.api import ApiError, Request

_Body = Mapping[str, Any]
_SOURCE: Final = "DeadLetterQueueSourceArn"


class Redrives:
    """What ministack's queues lack."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._tasks: list[dict[str, Any]] = []
        self._operations: dict[str, Callable[[Request], _Body]] = {
            "CancelMessageMoveTask": lambda request: self._cancel(request.body),
            "ListDeadLetterSourceQueues": lambda request: {"queueUrls": self._sources(request.body["QueueUrl"])},
            "ListMessageMoveTasks": lambda request: self._list(request.body),
            "StartMessageMoveTask": self._start,
        }

    def __call__(self, request: Request) -> _Body | None:
        operation = self._operations.get(request.operation)
        return None if operation is None else operation(request)

    def _start(self, request: Request) -> _Body:
        body, source = request.body, request.body["SourceArn"]
        if not self._sources(self._url(source)):
            raise ApiError("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        if any(task["SourceArn"] == source and task["Status"] == "RUNNING" for task in self._tasks):
            raise ApiError("UnsupportedOperation", "There is already a task running. Only one active task is allowed.")
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            request.authorize(f"sqs:{action}", source, {})
        if "DestinationArn" in body:
            request.authorize("sqs:SendMessage", body["DestinationArn"], {})
        task = {
            "TaskHandle": str(uuid.uuid4()),
            "Status": "RUNNING",
            "ApproximateNumberOfMessagesMoved": 0,
            "ApproximateNumberOfMessagesToMove": self._waiting(source),
            "StartedTimestamp": int(time.time() * 1000),
            **body,
        }
        self._tasks.insert(0, task)
        threading.Thread(target=self._move, args=(task,), name="move-messages", daemon=True).start()
        return {"TaskHandle": task["TaskHandle"]}

    def _move(self, task: dict[str, Any]) -> None:
        sqs, url = self._account.client("sqs"), self._url(task["SourceArn"])
        try:
            while task["Status"] == "RUNNING" and self._move_some(sqs, url, task):
                pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the task has to end
            task.update(Status="FAILED", FailureReason=str(error))
        task["Status"] = {"RUNNING": "COMPLETED", "CANCELLING": "CANCELLED"}.get(task["Status"], task["Status"])

    def _move_some(self, sqs: Any, url: str, task: dict[str, Any]) -> bool:
        found = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(10, task.get("MaxNumberOfMessagesPerSecond", 10)),
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=[_SOURCE],
        ).get("Messages", [])
        for message in found:
            destination = task.get("DestinationArn") or message.get("Attributes", {}).get(_SOURCE)
            if destination is None:
                raise ValueError("CouldNotDetermineMessageSource")
            # A message that is moved is a new one on AWS too.
            attributes = message.get("MessageAttributes", {})
            sqs.send_message(QueueUrl=self._url(destination), MessageBody=message["Body"], MessageAttributes=attributes)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            task["ApproximateNumberOfMessagesMoved"] += 1
        if found and "MaxNumberOfMessagesPerSecond" in task:
            time.sleep(len(found) / task["MaxNumberOfMessagesPerSecond"])
        return bool(found)

    def _cancel(self, body: _Body) -> _Body:
        for task in self._tasks:
            if task["TaskHandle"] == body["TaskHandle"] and task["Status"] == "RUNNING":
                task["Status"] = "CANCELLING"
                return {"ApproximateNumberOfMessagesMoved": task["ApproximateNumberOfMessagesMoved"]}
        raise ApiError("ResourceNotFoundException", "The task handle is of no task that runs.")

    def _list(self, body: _Body) -> _Body:
        found = [task for task in self._tasks if task["SourceArn"] == body["SourceArn"]]
        told = [
            {name: value for name, value in task.items() if name != "TaskHandle" or task["Status"] == "RUNNING"}
            for task in found[: body.get("MaxResults", 1)]
        ]
        return {"Results": told}

    def _sources(self, url: str) -> list[str]:
        """The queues whose dead letters go to a queue."""
        sqs = self._account.client("sqs")
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pages = sqs.get_paginator("list_queues").paginate()
        urls = [each for page in pages for each in page.get("QueueUrls", [])]
        named = [
            sqs.get_queue_attributes(QueueUrl=each, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
            for each in urls
        ]
        return [each for each, about in zip(urls, named, strict=True) if arn in about.get("RedrivePolicy", "")]

    def _waiting(self, arn: str) -> int:
        name = "ApproximateNumberOfMessages"
        sqs = self._account.client("sqs")
        return int(sqs.get_queue_attributes(QueueUrl=self._url(arn), AttributeNames=[name])["Attributes"][name])

    def _url(self, arn: str) -> str:
        return str(self._account.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"])
