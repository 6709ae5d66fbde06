"""The reference stacks with changed options: `python -m tests.e2e.apps.updated [shares] [unsigned]`.

With `shares`, queues are shared. With `unsigned`, the image of WebService is no exception any more from what has to be
signed.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from aws_cdk import App, Duration, Tags
from aws_cdk import aws_signer as signer
from constructs import Construct

import stacks.batch_jobs
import stacks.web_service
from app import build
from secure_containers import (
    EcrImage,
    Fleet,
    LeastPrivilegeBatchEnv,
    QueueLimits,
    ScanSeverity,
    SecureFargateService,
    Share,
    TrustedSigners,
)
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


class Signed(SecureFargateService):
    """Its images have to be signed; its own may be an exception, as nobody has signed it."""

    def __init__(self, scope: Construct, id: str, *, image: EcrImage, excepted: bool, **named: Any) -> None:
        profile = signer.SigningProfile(scope, "Release", platform=signer.Platform.NOTATION_OCI_SHA384_ECDSA)
        trusted = TrustedSigners(profiles=[profile], unsigned=[image] if excepted else [])
        super().__init__(scope, id, image=image, trusted_signers=trusted, **named)


def main(*, shares: bool, unsigned: bool) -> None:
    stacks.batch_jobs.LeastPrivilegeBatchEnv = partial(  # type: ignore[misc]
        Shared if shares else LeastPrivilegeBatchEnv,
        fleet=Fleet(critical=32),
        queue_limits=QueueLimits(cancel_after=Duration.hours(2)),
    )
    stacks.web_service.SecureFargateService = partial(  # type: ignore[misc]
        Signed, excepted=not unsigned, environment={"RELEASE": "unsigned" if unsigned else "excepted"}
    )
    app = App()
    build(app, Options(digest=DIGEST, organization=ORGANIZATION, severity=ScanSeverity.CRITICAL, green=10))
    Tags.of(app).add("project", "secure-containers")
    app.synth()


if __name__ == "__main__":
    main(shares="shares" in sys.argv, unsigned="unsigned" in sys.argv)
