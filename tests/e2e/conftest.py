"""One deployment of every reference stack for all of these tests. `make test-e2e` runs them, and `make test` after
all others; a bare `pytest` does not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_containers.local.run import Run
from tests.e2e.deployment import Deployment, local
from tests.e2e.programs import IMAGES

HERE = Path(__file__).parent
EXISTING = "E2E_DIRECTORY"
"""The directory of a run that is there already, to be quick while tests are written. What changes stacks is left out."""
ORDER = (
    "test_launcher",
    "test_expectations",
    "test_images",
    "test_buckets",
    "test_jobs",
    "test_pipeline",
    "test_services",
    "test_updates",
    "test_end",
)
"""Tests that change stacks come after those that read them, and the end comes last."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves these tests out unless they are asked for by name."""
    asked = any("e2e" in Path(argument.split("::")[0]).parts for argument in config.args)
    return None if asked or collection_path == HERE else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    own = [item for item in items if item.path.is_relative_to(HERE)]
    own.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else 0)
    items[:] = [*(item for item in items if item not in own), *own]


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    if EXISTING in os.environ:
        yield Deployment(Path(os.environ[EXISTING]).absolute())
        return
    directory = tmp_path_factory.mktemp("e2e") / "run"
    done = local("up", "--port", "0", directory=directory)
    try:
        if done.returncode:
            pytest.exit(f"the stacks are not deployed, so there is nothing to test:\n{done.stdout}{done.stderr}", 1)
        (directory / "images.json").write_text(json.dumps(IMAGES), encoding="utf-8")
        yield Deployment(directory)
    finally:
        run = Run(directory)
        if directory.exists():
            run.stop()
            run.remove()
