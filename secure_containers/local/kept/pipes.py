"""Pipes: what they filter, and what they make of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.kept.properties import Kept
from secure_containers.local.shapes import fitted

PIPE: Final = "pipe"
_DROPPED: Final = ("Enrichment", "EnrichmentParameters", "KmsKeyIdentifier", "LogConfiguration")
_PARAMETERS: Final = ("SourceParameters", "TargetParameters")

_Properties = Mapping[str, Any]


def _keep(account: Account, pipe: str, properties: _Properties, before: _Properties) -> Mapping[str, Any]:  # noqa: ARG001
    dropped = {name: properties[name] for name in (*_PARAMETERS, *_DROPPED) if name in properties}
    required = {"Name": pipe, "RoleArn": "", "Source": "", "Target": ""}
    given = fitted(account.client("pipes"), "CreatePipe", {**required, **dropped})
    account.remember(PIPE, pipe, {name: given[name] for name in dropped})
    return {}


def told(account: Account, _: str, answer: str) -> str:
    """An answer about a pipe with what it leaves out."""
    about = json.loads(answer)
    if "RoleArn" not in about:
        return answer
    return json.dumps({**about, **account.remembered.get(PIPE, {}).get(about["Name"], {})})


KEPT: Final = {"AWS::Pipes::Pipe": Kept(keep=_keep)}
