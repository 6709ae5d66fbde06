"""Nothing more has to be there than what a place has: no boto3 for a synth, no CDK and no Powertools in a container."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCK = """
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
import secure_containers.runtime
import {module}
"""
CDK = ("aws_cdk", "cdk_nag", "constructs", "jsii", "yaml", "moto", "ministack")
AWS = ("boto3", "botocore", "s3transfer", "urllib3")
POWERTOOLS = ("aws_lambda_powertools", "aws_xray_sdk")


def imported(module: str, *, blocked: tuple[str, ...], then: str = "") -> str:
    program = BLOCK.format(blocked=blocked, module=module) + then
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["terms", "acceptance"])
def test_words_and_checks_need_nothing(module: str) -> None:
    imported(f"secure_containers.runtime.{module}", blocked=CDK + AWS + POWERTOOLS)


def test_the_library_for_containers_needs_boto3_alone() -> None:
    imported("secure_containers.runtime.job", blocked=CDK + POWERTOOLS)


def test_the_library_for_containers_imports_nothing_else() -> None:
    ours = "print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__'}))"
    found = set(imported("secure_containers.runtime.job", blocked=CDK + POWERTOOLS, then=ours).split())
    of_boto3 = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3", "certifi"}
    of_site = {name for name in found if name.startswith(("_", "distutils"))} | {"sitecustomize", "usercustomize"}
    assert found - of_boto3 - of_site == {"secure_containers"}


@pytest.mark.parametrize("module", ["intake", "recorder", "reconciler", "notifier", "signatures"])
def test_functions_need_no_cdk(module: str) -> None:
    imported(f"secure_containers.runtime.functions.{module}", blocked=CDK)


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    import secure_containers.runtime as runtime  # noqa: PLC0415 - it is what is tested

    assert runtime.ExitCode.DONE == 0
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        runtime.nothing  # noqa: B018
