"""Certificates: the algorithm of the key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept

_CERTIFICATE: Final = "certificate"


def _keep(
    account: Account,
    certificate: str,
    properties: Mapping[str, Any],
    before: Mapping[str, Any],  # noqa: ARG001 - another algorithm is another certificate
) -> Mapping[str, Any]:
    account.remember(_CERTIFICATE, certificate, properties)
    return {}


def told(account: Account, _: str, answer: str) -> str:
    """An answer about a certificate with the algorithm that was asked for."""
    if '"KeyAlgorithm"' not in answer:
        return answer
    about = json.loads(answer)
    kept = account.remembered.get(_CERTIFICATE, {}).get(about["Certificate"]["CertificateArn"], {})
    if "KeyAlgorithm" in kept:
        about["Certificate"]["KeyAlgorithm"] = kept["KeyAlgorithm"]
    return json.dumps(about)


KEPT: Final = {"AWS::CertificateManager::Certificate": Kept(keep=_keep)}
