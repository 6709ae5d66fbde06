"""The reference app: which stacks, in which environment, held to which rules."""

import sys

from aws_cdk import App, Tags

from secure_containers import Pack, enforce
from stacks.app_runner_service import AppRunnerService
from stacks.audit_baseline import AccountAudit
from stacks.batch_jobs import BatchJobs
from stacks.csv_pipeline import CsvPipeline
from stacks.express_service import ExpressService
from stacks.image_repositories import ImageRepositories
from stacks.network import Network
from stacks.options import OptionError, Options
from stacks.service_move import ServiceMove
from stacks.web_service import WebService


def build(app: App, options: Options) -> None:
    """The stacks, each of which can be deployed alone; those with services take images of the repositories."""
    env, organization = options.environment, options.organization
    repositories = ImageRepositories(
        app, "ImageRepositories", env=env, organization_id=organization, severity=options.severity
    )
    Network(app, "Network", env=env, organization_id=organization)
    BatchJobs(app, "BatchJobs", env=env, organization_id=organization, digest=options.digest)
    CsvPipeline(app, "CsvPipeline", env=env, organization_id=organization, digest=options.digest)
    images = repositories.application
    WebService(
        app,
        "WebService",
        env=env,
        organization_id=organization,
        images=images,
        digest=options.digest,
        domain=options.domain,
        certificate=options.certificate,
    )
    ExpressService(app, "ExpressService", env=env, organization_id=organization, images=images, digest=options.digest)
    if AppRunnerService.is_offered(options.region):
        AppRunnerService(
            app, "AppRunnerService", env=env, organization_id=organization, images=images, digest=options.digest
        )
    ServiceMove(
        app,
        "ServiceMove",
        env=env,
        organization_id=organization,
        images=images,
        digest=options.digest,
        domain=options.domain,
        certificate=options.certificate,
        green=options.green,
    )
    AccountAudit(
        app,
        "AccountAudit",
        env=env,
        organization_id=organization,
        severity=options.severity,
        existing=options.existing,
    )
    Tags.of(app).add("project", "secure-containers")


def main() -> None:
    app = App()
    enforce(app, packs=[Pack.NIST_800_53_R5])
    build(app, Options.from_context(app.node.get_all_context()))
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except OptionError as error:
        sys.exit(f"app.py: {error}")
