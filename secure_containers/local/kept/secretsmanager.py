"""Secrets: what is asked of a value that is made up, and `Ref` as their ARN."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.shapes import fitted

_Properties = Mapping[str, Any]
_SUFFIX: Final = len("-a1b2c3")
"""What an ARN has after the name."""


def _keep(account: Account, name: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:
    given = properties.get("GenerateSecretString")
    if given is not None and given != before.get("GenerateSecretString"):
        secrets = account.client("secretsmanager")
        secrets.update_secret(SecretId=name, SecretString=_generated(secrets, given))
    return {}


def _generated(secrets: Any, given: _Properties) -> str:
    arguments = fitted(secrets, "GetRandomPassword", given, without=("GenerateStringKey", "SecretStringTemplate"))
    password = str(secrets.get_random_password(**arguments)["RandomPassword"])
    if "GenerateStringKey" not in given:
        return password
    return json.dumps({**json.loads(given.get("SecretStringTemplate", "{}")), given["GenerateStringKey"]: password})


def _outside(_: str, attributes: Mapping[str, Any]) -> str:
    return str(attributes["Arn"])


def _inside(arn: str) -> str:
    return arn.split(":", 6)[6][:-_SUFFIX]


KEPT: Final = {"AWS::SecretsManager::Secret": Kept(keep=_keep, outside=_outside, inside=_inside)}
