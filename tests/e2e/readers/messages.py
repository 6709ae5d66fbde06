"""Topics of Amazon SNS and queues of Amazon SQS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def topic(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    sns = client("sns")
    attributes = sns.get_topic_attributes(TopicArn=id)["Attributes"]
    return {**attributes, "Tags": sns.list_tags_for_resource(ResourceArn=id)["Tags"]}


def subscription(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    sns = client("sns")
    found = sns.list_subscriptions_by_topic(TopicArn=wanted["TopicArn"])["Subscriptions"]
    (about,) = (each for each in found if each["SubscriptionArn"] == id)
    return {**about, **sns.get_subscription_attributes(SubscriptionArn=id)["Attributes"]}


def topic_policy(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (arn,) = wanted["Topics"]
    policy = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    return {"PolicyDocument": policy, "Topics": [arn]}


def queue(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    sqs = client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=id, AttributeNames=["All"])["Attributes"]
    tags = sqs.list_queue_tags(QueueUrl=id).get("Tags", {})
    return {**attributes, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def queue_policy(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    (url,) = wanted["Queues"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    return {"PolicyDocument": attributes["Policy"], "Queues": [url]}


READERS = {
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
}
NOT_READ: dict[str, dict[str, str]] = {}
