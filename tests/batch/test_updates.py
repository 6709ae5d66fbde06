"""What updates do, as docs/batch.md tells it: in place, or to something new."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration

from secure_containers import Ec2, Fargate, Fleet, QueueLimits, Share
from secure_containers.testing import assert_replacement_safe
from tests.batch.conftest import Jobs


def template(*, job: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    jobs = Jobs(App(), **arguments)
    jobs.env.add_output_bucket()
    jobs.add(**(job or {}))
    return jobs.template


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"job": {"command": ["render"], "vcpus": 4, "timeout": Duration.hours(8)}}),
        ({}, {"job": {"critical": True}}),
        ({}, {"fleet": Fleet(critical=8, spot=16, fallback=8)}),
        ({}, {"queue_limits": QueueLimits(jobs=10, cancel_after=Duration.hours(1))}),
        ({"platform": Ec2()}, {"platform": Ec2(instance_types=["m7i", "c7i"])}),
        (
            {"shares": [Share(identifier="research")]},
            {"shares": [Share(identifier="research", weight=0.5), Share(identifier="sales")]},
        ),
    ],
)
def test_these_are_changed_in_place(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert_replacement_safe(template(**before), template(**after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"shares": [Share(identifier="research")]}),
        ({"shares": [Share(identifier="research")]}, {}),
        ({"platform": Fargate()}, {"platform": Ec2()}),
        ({"platform": Ec2()}, {"platform": Fargate()}),
    ],
)
def test_these_make_new_queues_and_lose_the_jobs_that_wait(before: dict[str, Any], after: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="its waiting jobs"):
        assert_replacement_safe(template(**before), template(**after))
