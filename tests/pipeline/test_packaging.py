"""The code of the functions: one file, the same wherever and whenever it is made, and whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest

from secure_containers.packaging import NotInstalledError, function_code
from tests.pipeline.conftest import Workshop

FUNCTIONS = ("intake", "notifier", "reconciler", "recorder", "signatures")
MODULES = [f"secure_containers.runtime.functions.{name}" for name in FUNCTIONS]
OF_LAMBDA = ("boto3", "botocore", "dateutil", "s3transfer", "six", "urllib3")
"""What Lambda's Python has beside the standard library."""


def names() -> list[str]:
    return zipfile.ZipFile(function_code()[0]).namelist()


def test_it_is_the_same_whenever_it_is_made() -> None:
    made = []
    for _ in range(2):
        function_code.cache_clear()
        archive, digest = function_code()
        made.append((archive.read_bytes(), digest))
    assert made[0] == made[1]
    assert re.fullmatch("[0-9a-f]{64}", made[0][1])
    assert {each.date_time for each in zipfile.ZipFile(archive).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_functions_of_one_app_share_it() -> None:
    assert function_code() is function_code()


def test_it_holds_nothing_of_this_machine() -> None:
    assert {PurePosixPath(name).suffix for name in names()} & {".c", ".pyc", ".pyd", ".so"} == set()
    assert not [name for name in names() if name.startswith(("/", "..")) or "__pycache__" in name]


def test_it_holds_the_runtime_and_nothing_else_of_ours() -> None:
    ours = {name.split("/")[1] for name in names() if name.startswith("secure_containers/")}
    assert ours == {"__init__.py", "py.typed", "runtime"}


def test_it_holds_the_licence_of_everything_in_it() -> None:
    packed = {name.split("-")[0] for name in names() if ".dist-info/" in name}
    assert packed == {"aws_lambda_powertools", "aws_xray_sdk", "jmespath", "typing_extensions", "wrapt"}


def test_it_is_small_enough_to_start_fast() -> None:
    assert function_code()[0].stat().st_size < 1_500_000


def test_every_function_starts_from_it_beside_what_lambda_has(tmp_path: Path) -> None:
    zipfile.ZipFile(function_code()[0]).extractall(tmp_path / "code")
    (tmp_path / "lambda").mkdir()
    for name in OF_LAMBDA:
        found = Path(str(metadata.distribution("python-dateutil" if name == "dateutil" else name).locate_file(name)))
        source = found if found.exists() else found.with_suffix(".py")
        (tmp_path / "lambda" / source.name).symlink_to(source)
    program = (
        "import sys; sys.dont_write_bytecode = True\n"
        f"sys.path += [{str(tmp_path / 'code')!r}, {str(tmp_path / 'lambda')!r}]\n"
        "import importlib, json\n"
        f"handlers = [importlib.import_module(name).handler for name in {MODULES!r}]\n"
        "print(json.dumps([callable(each) for each in handlers]))"
    )
    variables = {"AWS_REGION": "eu-central-1", "AWS_LAMBDA_FUNCTION_NAME": "x", "AWS_XRAY_SDK_ENABLED": "false"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", program],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True] * len(MODULES)


@pytest.mark.parametrize("found", [None, []], ids=["not installed", "installed without a list of files"])
def test_what_is_missing_is_told_with_what_to_write(
    monkeypatch: pytest.MonkeyPatch, workshop: Workshop, found: list[str] | None
) -> None:
    def files(name: str) -> list[str] | None:
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "files", files)
    function_code.cache_clear()
    with pytest.raises(NotInstalledError) as caught:
        workshop.pipeline()
    assert workshop.stack.node.try_find_child("Scans") is None
    assert str(caught.value) == (
        "aws-lambda-powertools is not installed; functions of pipelines and of signature checks are packed with it; "
        "write pip install 'secure-containers[pipeline]'"
    )
    function_code.cache_clear()
