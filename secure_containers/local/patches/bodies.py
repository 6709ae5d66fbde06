"""What calls and answers carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape


def parsed(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def form(body: bytes) -> Mapping[str, str]:
    return dict(parse_qsl(body.decode(errors="replace")))


def first(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: value[0] if isinstance(value, list) else value for name, value in params.items() if value}


def xml(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        inner = "".join(xml(*each) for each in value.items())
    elif isinstance(value, list):
        inner = "".join(xml("member", each) for each in value)
    else:
        inner = escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{inner}</{name}>"
