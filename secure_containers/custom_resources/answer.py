"""Answers CloudFormation, whatever happens: a request without an answer keeps a stack waiting.

The job itself is the `perform` of the module that the environment variable JOB names. What it returns are the
attributes of the custom resource; what it raises is the reason of the failure.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

_LONGEST_BODY: Final = 4096
"""Bytes; CloudFormation ignores a longer answer."""
_LONGEST_REASON: Final = 500
"""Letters, of which one takes four bytes at most."""
_TRIES: Final = 3
_WAITS: Final = (5, 10, 15)
"""Seconds between calls that were denied."""
_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
_TO_ANSWER: Final = 15.0
"""Seconds that are kept for the answer itself."""


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and say how it went.

    A deletion undoes nothing and always succeeds, also that of a resource whose creation failed.
    """
    status, reason, data = "SUCCESS", "", {}
    try:
        if event["RequestType"] == "Delete":
            reason = "nothing is undone: what was set stays as it is"
        else:
            data = _performed(event, lambda: context.get_remaining_time_in_millis() / 1000 - _TO_ANSWER)
    except Exception as error:  # noqa: BLE001 - whatever it is, CloudFormation has to hear of it
        status, reason = "FAILED", f"{type(error).__name__}: {error}"
    _put(event["ResponseURL"], body(event, status, reason, data))


def body(event: Mapping[str, Any], status: str, reason: str, data: Mapping[str, str]) -> bytes:
    """The answer, cut to what CloudFormation takes."""
    answer = {
        "Status": status,
        "Reason": (reason or "done")[:_LONGEST_REASON],
        # The same for the life of the resource: another one would mean a replacement.
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": dict(data),
    }
    print(json.dumps(answer))  # noqa: T201 - to the function's log group
    written = json.dumps(answer, ensure_ascii=False).encode()
    if len(written) > _LONGEST_BODY and data:
        return body(event, "FAILED", f"the attributes are longer than the {_LONGEST_BODY} bytes of an answer", {})
    return written


def _performed(event: Mapping[str, Any], remaining: Callable[[], float]) -> dict[str, str]:
    """What the job returns. New permissions and new resources take a while to arrive: then it is tried again."""
    perform: Callable[..., dict[str, str]] = import_module(os.environ["JOB"]).perform
    for wait in _WAITS:
        try:
            return perform(event["ResourceProperties"], remaining=remaining)
        except Exception as error:
            soon = _code(error) in _DENIED or isinstance(error, LookupError)
            if not soon or remaining() < wait:
                raise
            time.sleep(wait)
    return perform(event["ResourceProperties"], remaining=remaining)


def _code(error: Exception) -> str:
    """The code of an error of AWS's."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _put(url: str, written: bytes) -> None:
    # The URL is signed without a content type.
    headers = {"Content-Type": "", "Content-Length": str(len(written))}
    request = urllib.request.Request(url, data=written, headers=headers, method="PUT")  # noqa: S310 - CloudFormation's own URL
    for attempt in range(1, _TRIES + 1):
        try:
            urllib.request.urlopen(request, timeout=4).close()  # noqa: S310 - likewise
        except OSError:
            if attempt == _TRIES:
                raise
            time.sleep(attempt)
        else:
            return
