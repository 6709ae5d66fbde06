"""Tells topics of objects that failed or were refused, as the table's stream shows them."""

from __future__ import annotations

import json
import os
from typing import Any, Final

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from secure_containers.runtime.functions.tools import client, logger, tracer

_TOLD: Final = ("status", "reason", "words", "object", "version", "correlation_id", "received_at", "job_id")


def message(record: dict[str, Any]) -> dict[str, str]:
    """What people hear of an item: nothing of its result."""
    read = TypeDeserializer()
    image = record["dynamodb"]["NewImage"]
    return {name: str(read.deserialize(image[name])) for name in _TOLD if name in image}


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    """Publish each change that the stream lets through; one that fails is tried again, and those after it."""
    sns = client("sns")
    processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)

    def one(record: Any) -> None:
        told = message(record.raw_event)
        failed: list[Exception] = []
        for topic in os.environ["TOPICS"].split(","):
            try:
                sns.publish(TopicArn=topic, Subject=f"Object {told['status'].lower()}", Message=json.dumps(told))
            except (BotoCoreError, ClientError) as error:  # the others hear of it all the same
                logger.warning("not told: %s: %s", topic, error)
                failed.append(error)
        if failed:
            raise failed[0]

    with processor(event["Records"], one, lambda_context=context):
        processor.process()
    return processor.response()
