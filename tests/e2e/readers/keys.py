"""Keys of AWS KMS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def key(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    kms = client("kms")
    about = kms.describe_key(KeyId=id)["KeyMetadata"]
    assert about["KeyState"] != "PendingDeletion", "it is going to be deleted"
    tags = kms.list_resource_tags(KeyId=id)["Tags"]
    return {
        "Description": about["Description"],
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=id)["KeyRotationEnabled"],
        "Enabled": about["Enabled"],
        "KeyPolicy": kms.get_key_policy(KeyId=id, PolicyName="default")["Policy"],
        "Tags": [{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in tags],
    }


READERS = {"AWS::KMS::Key": key}
NOT_READ: dict[str, dict[str, str]] = {}
