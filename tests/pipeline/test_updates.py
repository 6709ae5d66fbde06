"""What updates do to what a pipeline holds: nothing, unless the pipeline gets another place for it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from aws_cdk import App, Duration, Size

from secure_containers import Accept, PipelineLimits
from secure_containers.testing import assert_replacement_safe
from tests.pipeline.conftest import Workshop
from tests.support import CONTEXT


def template(**arguments: Any) -> dict[str, Any]:
    made = Workshop(App(context=CONTEXT))
    digest = arguments.pop("digest", None)
    image = made.images.image(digest=digest) if digest else made.image
    made.pipeline(image=image, **arguments)
    return made.template


@cache
def before() -> dict[str, Any]:
    return template()


@pytest.mark.parametrize(
    "after",
    [
        {"digest": f"sha256:{'1' * 64}"},
        {"timeout": Duration.hours(4), "vcpus": 4, "command": ["transform"]},
        {"accept": Accept(prefix="other/", suffixes=(".csv",), max_size=Size.gibibytes(1))},
        {"critical": True, "max_concurrency": 50, "limits": PipelineLimits(refused=10)},
        {"malware_scan": True, "keep": Duration.days(365)},
    ],
    ids=["an image", "a job", "what is accepted", "queues and limits", "a scan"],
)
def test_nothing_is_lost_by(after: dict[str, Any]) -> None:
    assert_replacement_safe(before(), template(**after))
