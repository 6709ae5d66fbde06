"""Topics: the key that encrypts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept


def _keep(account: Account, topic: str, properties: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    key = properties.get("KmsMasterKeyId", "")
    if key != before.get("KmsMasterKeyId", ""):
        account.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    return {}


KEPT: Final = {"AWS::SNS::Topic": Kept(keep=_keep)}
