"""Secrets of AWS Secrets Manager and profiles of AWS Signer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def secret(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return dict(client("secretsmanager").describe_secret(SecretId=id))


def signing_profile(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    about = client("signer").get_signing_profile(profileName=id.rpartition("/")[2])
    assert about["status"] == "Active"
    validity = about.get("signatureValidityPeriod", {})
    return {
        "PlatformId": about["platformId"],
        "ProfileName": about["profileName"],
        "SignatureValidityPeriod": {name.capitalize(): value for name, value in validity.items()},
        "Tags": [{"Key": key, "Value": value} for key, value in about.get("tags", {}).items()],
    }


READERS = {"AWS::SecretsManager::Secret": secret, "AWS::Signer::SigningProfile": signing_profile}
NOT_READ = {
    "AWS::SecretsManager::Secret": {
        "GenerateSecretString": "the value is made up from it; the service keeps nothing of it",
        "SecretString": "it is the secret",
    }
}
