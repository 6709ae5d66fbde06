"""The reference stacks with changed options: `python -m tests.e2e.apps.updated [shares]`."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from aws_cdk import App, Duration, Tags

import stacks.batch_jobs
from app import build
from secure_containers import Fleet, LeastPrivilegeBatchEnv, QueueLimits, ScanSeverity, Share
from stacks.options import Options
from tests.support import DIGEST, ORGANIZATION


class Shared(LeastPrivilegeBatchEnv):
    """Its queues are shared, so that every schedule says for whom."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, shares=[Share(identifier="research")], **named)

    def add_job(self, id: str, **named: Any) -> Any:
        job = super().add_job(id, **named)
        job.add_schedule = partial(job.add_schedule, share="research")  # type: ignore[method-assign]
        return job


def main(*, shares: bool) -> None:
    stacks.batch_jobs.LeastPrivilegeBatchEnv = partial(  # type: ignore[misc]
        Shared if shares else LeastPrivilegeBatchEnv,
        fleet=Fleet(critical=32),
        queue_limits=QueueLimits(cancel_after=Duration.hours(2)),
    )
    app = App()
    build(app, Options(digest=DIGEST, organization=ORGANIZATION, severity=ScanSeverity.CRITICAL))
    Tags.of(app).add("project", "secure-containers")
    app.synth()


if __name__ == "__main__":
    main(shares="shares" in sys.argv)
