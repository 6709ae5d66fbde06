"""Assertions over synthesized templates, for a test suite of your own: `pip install 'secure-containers[testing]'`.

    def test_the_job_writes_its_results_and_nothing_else(app):
        assert_only_allows(app.synth(), "JobRole", [Allow("s3:PutObject", "${Results.Arn}/jobs/*")])

As `template` they all take a parsed template, the path of a template or of a cloud assembly (`cdk.out`), what
`app.synth()` returns, an `aws_cdk.assertions.Template`, or a list of these, which are judged together: what one takes
from another by an import, an output or a nested stack is followed. Nothing here needs an AWS account, nor aws_cdk.
"""

from __future__ import annotations

from secure_containers.testing.findings import (
    assert_acyclic,
    assert_no_public_address,
    assert_no_wildcard_principals,
    assert_partition_neutral,
)
from secure_containers.testing.permissions import Allow, assert_allowed, assert_denied, assert_only_allows
from secure_containers.testing.replacement import assert_replacement_safe

__all__ = [
    "Allow",
    "assert_acyclic",
    "assert_allowed",
    "assert_denied",
    "assert_no_public_address",
    "assert_no_wildcard_principals",
    "assert_only_allows",
    "assert_partition_neutral",
    "assert_replacement_safe",
]
