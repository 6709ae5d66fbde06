"""The reference app: which stacks, in which environment, held to which rules."""

import sys

from aws_cdk import App, Tags

from secure_containers import Pack, enforce
from stacks.audit_baseline import AccountAudit
from stacks.batch_jobs import BatchJobs
from stacks.csv_pipeline import CsvPipeline
from stacks.image_repositories import ImageRepositories
from stacks.network import Network
from stacks.options import OptionError, Options


def build(app: App, options: Options) -> None:
    """The stacks, each of which can be deployed alone."""
    env, organization = options.environment, options.organization
    ImageRepositories(app, "ImageRepositories", env=env, organization_id=organization, severity=options.severity)
    Network(app, "Network", env=env, organization_id=organization)
    BatchJobs(app, "BatchJobs", env=env, organization_id=organization, digest=options.digest)
    CsvPipeline(app, "CsvPipeline", env=env, organization_id=organization, digest=options.digest)
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
