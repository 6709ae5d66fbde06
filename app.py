"""The reference app: which stacks, in which environment, held to which rules."""

import sys

from aws_cdk import App, Tags

from secure_containers import Pack, enforce
from stacks.image_repositories import ImageRepositories
from stacks.options import OptionError, Options


def main() -> None:
    app = App()
    options = Options.from_context(app.node.get_all_context())
    enforce(app, packs=[Pack.NIST_800_53_R5])
    ImageRepositories(
        app,
        "ImageRepositories",
        env=options.environment,
        organization_id=options.organization,
        severity=options.severity,
    )
    Tags.of(app).add("project", "secure-containers")
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except OptionError as error:
        sys.exit(f"app.py: {error}")
