"""The library as it is installed: what it brings, what it starts, what it needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import secure_containers
from tests.support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.strip()


@pytest.mark.parametrize(
    "module",
    [
        "secure_containers",
        "secure_containers.check.cli",
        "secure_containers.guidance",
        "secure_containers.rules",
        "secure_containers.runtime.job",
    ],
)
def test_importing_starts_no_node(module: str) -> None:
    assert python(f"import sys, {module}; print('jsii' in sys.modules)") == "False"


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    for name in secure_containers.__all__:
        assert getattr(secure_containers, name) is not None
        assert name in dir(secure_containers)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = secure_containers.Nothing


def test_public_names_are_typed_where_they_are_looked_up() -> None:
    tree = ast.parse((ROOT / "secure_containers" / "__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(secure_containers.__all__)


def test_the_wheel_holds_the_library_its_types_and_its_data(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--wheel-dir",
            str(tmp_path),
            str(ROOT),
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "secure_containers/py.typed",
        "secure_containers/guidance/guidance.toml",
        "secure_containers/rules/actions_without_resource_level.json",
    } <= names
    assert not [name for name in names if not name.startswith("secure_containers")]


def test_it_needs_the_cdk_and_a_reader_of_yaml_only() -> None:
    needed = {re.split(r"[<>=]", each)[0] for each in PROJECT["project"]["dependencies"]}
    assert needed == {"aws-cdk-lib", "cdk-nag", "constructs", "PyYAML"}


def test_what_functions_are_packed_with_is_needed_by_pipelines_alone() -> None:
    (needed,) = PROJECT["project"]["optional-dependencies"]["pipeline"]
    assert needed.startswith("aws-lambda-powertools[tracer]")
    names = ", ".join(secure_containers.__all__)
    code = (
        f"import sys; sys.modules['aws_lambda_powertools'] = None; from secure_containers import {names}; print('done')"
    )
    assert python(code) == "done"


def test_json_is_checked_without_the_reader_of_yaml() -> None:
    code = 'import sys; sys.modules[\'yaml\'] = None; from secure_containers.check.loader import parse; print(len(parse(b\'{"Resources": {"A": {"Type": "B"}}}\', \'x\').resources))'
    assert python(code) == "1"


@pytest.mark.parametrize("lock", ["requirements.lock", "package-lock.json", "benchmarks/requirements.lock"])
def test_locks_hold_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "sha256:" in text or "sha512-" in text
