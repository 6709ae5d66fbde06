"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from aws_cdk import App, Stack

from tests.support import new_app


@pytest.fixture
def app(tmp_path: Path) -> App:
    return new_app(tmp_path)


@pytest.fixture
def stack(app: App) -> Stack:
    return Stack(app, "Test")
