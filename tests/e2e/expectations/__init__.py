"""What the stacks promise, in numbers and words, beside what their templates say: one module a stack.

By logical id, without the hash at its end, the properties that have to be read back. That each resource is as its template
says is tested for all of them anyway; what stands here is what nobody may change unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.e2e.expectations import (
    account_audit,
    app_runner_service,
    batch_jobs,
    csv_pipeline,
    express_service,
    image_repositories,
    network,
    service_move,
    web_service,
)

EXPECTATIONS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "AccountAudit": account_audit.EXPECTED,
    "AppRunnerService": app_runner_service.EXPECTED,
    "BatchJobs": batch_jobs.EXPECTED,
    "CsvPipeline": csv_pipeline.EXPECTED,
    "ExpressService": express_service.EXPECTED,
    "ImageRepositories": image_repositories.EXPECTED,
    "Network": network.EXPECTED,
    "ServiceMove": service_move.EXPECTED,
    "WebService": web_service.EXPECTED,
}
