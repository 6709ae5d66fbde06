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
from aws_cdk import aws_ecr as ecr

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
from tests.support import ROOT, findings, new_app

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


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The generated pages, as the code says them now."""
    made: dict[str, str] = generator().pages()
    return made


def test_generated_pages_are_current(pages: dict[str, str]) -> None:
    wanted = pages
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


def test_findings_in_the_readme_read_as_they_are_reported(tmp_path: Path) -> None:
    app = new_app(tmp_path)
    ecr.Repository(Stack(app, "Images"), "Old")
    reported = {finding.message for finding in findings(app)}
    shown = re.findall(r"^ERROR (.+) \(secure-containers\)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert shown
    assert set(shown) <= reported


def told(page: str, name: str) -> str:
    """What a page of the reference says of a class."""
    (text,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.mark.parametrize("engine", ["SecureFargateService", "PrivateExpressService", "PrivateAppRunnerService"])
def test_the_reference_tells_of_inherited_members_but_of_none_of_the_cdk(engine: str, pages: dict[str, str]) -> None:
    text = told(pages["constructs/Services.md"], engine)
    for attribute in ("connections", "outbound", "topic", "dashboard", "role", "grant_principal", "url"):
        assert f"\n- `{attribute}`: `" in text
    for method in ("add_alarm_target", "metric_cpu", "metric_requests", "metric_latency"):
        assert f"\n### {method}\n" in text
    assert "- `url`: `str`. Where clients find it." in text
    assert "`node`" not in text
    assert not re.search(r"^(- `|### )_", text, re.MULTILINE)


def test_the_reference_marks_what_is_by_keyword_only(pages: dict[str, str]) -> None:
    services = pages["constructs/Services.md"]
    assert "SecureFargateService(scope, id, *, network, image," in told(services, "SecureFargateService")
    assert "Scratch(path, *, size, on_disk)" in told(services, "Scratch")
    assert "add_capacity(id, capacity) -> Hosts" in told(services, "SecureEcsCluster")
    assert "waive(construct, *waivers) -> None" in told(pages["constructs/Enforcement.md"], "waive")


def test_the_reference_leaves_out_what_constructs_call_of_each_other(pages: dict[str, str]) -> None:
    text = told(pages["constructs/Services.md"], "ServiceTask")
    assert re.findall(r"^### (\w+)", text, re.MULTILINE) == ["add_sidecar"]
    package, code = griffe.load("secure_containers", search_paths=[str(ROOT)]), generator()
    for name, members in code.FOR_USERS.items():  # a name that is gone is not silently left out
        (path,) = (path for paths in code.PAGES.values() for path in paths if path.endswith(f".{name}"))
        assert set(members) <= set(package[path.removeprefix("secure_containers.")].all_members)


def test_the_reference_links_to_parts_on_other_pages(pages: dict[str, str]) -> None:
    for page in ("Services", "S3BatchPipeline"):
        for part, home in (("SecureParameter", "LeastPrivilegeBatchEnv"), ("EcrImage", "SecureEcrRepository")):
            assert f"[`{part}`]({home}.md#{part.lower()})" in pages[f"constructs/{page}.md"]
            assert f"\n## {part}\n" in pages[f"constructs/{home}.md"]


def test_pages_name_no_registry_and_no_machine() -> None:
    for page in HAND_WRITTEN:
        assert not re.search(r"pypi\.org|registry\.npmjs|/root/|/work/|/home/", (ROOT / page).read_text()), page
