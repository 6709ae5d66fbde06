"""Without the extra, or with another ministack, there is one clear error."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError

import pytest

import secure_containers.testing
from secure_containers.testing import assert_allowed, assert_only_allows, assert_replacement_safe, extra
from secure_containers.testing.decisions import _MINISTACK
from tests.support import ROOT
from tests.testing.samples import INTENDED, JOB_TEMPLATE

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WRITE = "secure_containers.testing needs its extra; write pip install 'secure-containers\\[testing\\]'"


@pytest.fixture(autouse=True)
def _nothing_loaded() -> Iterator[None]:
    extra.needed.cache_clear()
    yield
    extra.needed.cache_clear()


@pytest.mark.parametrize(
    ("missing", "use"),
    [
        ("iamprover", lambda: assert_only_allows(JOB_TEMPLATE, "JobRole", INTENDED)),
        ("z3-solver", lambda: assert_only_allows(JOB_TEMPLATE, "JobRole", INTENDED)),
        ("ministack", lambda: assert_allowed(JOB_TEMPLATE, "JobRole", "s3:PutObject", "*")),
        ("cfn-lint", lambda: assert_replacement_safe(JOB_TEMPLATE, JOB_TEMPLATE)),
    ],
)
def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, missing: str, use: Callable[[], None]) -> None:
    installed = extra.version

    def version(name: str) -> str:
        if name == missing:
            raise PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(extra, "version", version)
    with pytest.raises(ImportError, match=WRITE):
        use()


def test_another_ministack_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "version", lambda _: "1.5.34")
    with pytest.raises(ImportError, match=r"ministack 1.5.34 is installed, and 1.5.33 is what is known inside"):
        assert_allowed(JOB_TEMPLATE, "JobRole", "s3:PutObject", "*")


def test_the_extra_names_what_is_needed() -> None:
    needed = PROJECT["project"]["optional-dependencies"]["testing"]
    assert [each.split(">")[0].split("=")[0] for each in needed] == ["cfn-lint", "iamprover", "ministack"]
    assert f"ministack=={_MINISTACK}" in needed


def test_importing_it_loads_nothing_of_the_extra() -> None:
    program = "import sys, secure_containers.testing; print([each for each in ('z3', 'iamprover', 'ministack', 'cfnlint', 'jsii') if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in secure_containers.testing.__all__:
        assert getattr(secure_containers.testing, name).__doc__
