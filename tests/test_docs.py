"""Generated pages are what the code says now; pages written by hand show code that runs and link to what exists."""

from __future__ import annotations

import inspect
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import griffe
import pytest
from aws_cdk import Stack

from secure_containers import (
    Accept,
    AuditBaseline,
    BatchJob,
    EcrImage,
    LeastPrivilegeBatchEnv,
    PipelineLimits,
    PrivateNetwork,
    S3BatchPipeline,
    SecureEcrRepository,
    TagScheme,
    Waiver,
    conformance_pack_template,
    enforce,
)
from tests.support import ROOT, new_app

HAND_WRITTEN = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if "Written by docs/generate.py" not in path.read_text()
)


def generator() -> ModuleType:
    spec = spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current() -> None:
    wanted = generator().pages()
    written = {path: (ROOT / "docs" / path).read_text() if (ROOT / "docs" / path).is_file() else "" for path in wanted}
    assert [path for path in wanted if written[path] != wanted[path]] == [], "run `make docs`"
    stale = {
        f"{folder}/{path.name}" for folder in ("rules", "constructs") for path in (ROOT / "docs" / folder).glob("*.md")
    } - set(wanted)
    assert stale == set()


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", (ROOT / page).read_text()):
        assert (ROOT / page.parent / target).exists(), target


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=str)
def test_python_of_pages_runs(page: Path, tmp_path: Path) -> None:
    """Each Python block runs by itself, with an app and a stack at hand; then the app synthesizes."""
    for index, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    ):
        app = new_app(tmp_path / str(index))
        names = {"app": app, "App": lambda app=app: app, "stack": Stack(app, "Stack"), "__name__": "page"}
        code = compile(block.replace("from aws_cdk import App,", "from aws_cdk import"), f"{page}:{index}", "exec")
        exec(code, names)  # noqa: S102 - our own pages
        names["app"].synth()


@pytest.mark.parametrize(
    "documented",
    [
        SecureEcrRepository,
        PrivateNetwork,
        AuditBaseline,
        LeastPrivilegeBatchEnv,
        S3BatchPipeline,
        Accept,
        PipelineLimits,
        TagScheme,
        Waiver,
        conformance_pack_template,
        enforce,
        *(
            each
            for construct in (
                SecureEcrRepository,
                PrivateNetwork,
                AuditBaseline,
                LeastPrivilegeBatchEnv,
                S3BatchPipeline,
                BatchJob,
                EcrImage,
            )
            for name, each in vars(construct).items()
            if not name.startswith("_") and inspect.isfunction(each)
        ),
    ],
    ids=lambda each: each.__qualname__,
)
def test_docstrings_tell_of_each_argument_and_of_no_other(documented) -> None:
    sections = griffe.Docstring(inspect.getdoc(documented) or "").parse("google", warnings=False)
    told = [each.name for section in sections if section.kind.value == "parameters" for each in section.value]
    taken = [
        name
        for name in inspect.signature(
            getattr(documented, "__init__", documented) if inspect.isclass(documented) else documented
        ).parameters
        if name != "self"
    ]
    assert told == taken


def test_pages_name_no_registry_and_no_machine() -> None:
    for page in HAND_WRITTEN:
        assert not re.search(r"pypi\.org|registry\.npmjs|/root/|/work/|/home/", (ROOT / page).read_text()), page
