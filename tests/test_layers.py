"""Imports run one way: guidance <- rules <- waivers, validation <- constructs <- stacks <- app.py; the rules start no Node."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "errors": set[str](),
    "guidance": set[str](),
    "local": set[str](),
    "rules": {"guidance"},
    "check": {"guidance", "rules"},
    "testing": {"check", "errors", "guidance", "rules"},
    "waivers": {"errors", "guidance", "rules"},
    "validation": {"check", "errors", "guidance", "rules", "waivers"},
    "runtime": set[str](),
    "constructs": {"errors", "guidance", "rules", "runtime", "waivers"},
    "stacks": {"constructs", "errors", "guidance", "library", "validation", "waivers"},
    "app": {"library", "stacks"},
}
"""From the bottom up. `check` reads templates for the rules, `validation` runs it inside the CDK, and nothing here imports
`testing`, which is for the tests of users, nor `local`, which runs the stacks on one machine. `runtime` goes into functions
and containers, where nothing else of ours is."""
FILES = sorted([*(ROOT / "secure_containers").rglob("*.py"), *(ROOT / "stacks").glob("*.py"), ROOT / "app.py"])
NO_NODE = ("aws_cdk", "cdk_nag", "constructs", "jsii")


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(name: str) -> str | None:
    """The layer that a module of ours belongs to; None for somebody else's, `library` for the package itself."""
    parts = name.split(".")
    if parts[0] in ("app", "stacks"):
        return parts[0]
    if parts[0] != "secure_containers":
        return None
    if len(parts) == 1 or parts[1] == "__main__":
        return "library"
    return parts[1] if parts[1] in MAY_IMPORT else "constructs"


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports when it runs; what only the type checker reads is left out."""
    open_: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while open_:
        node = open_.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            open_ += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from [
                name if layer(name) in MAY_IMPORT and layer(name) != "constructs" else str(node.module)
                for name in submodules
            ]
        else:
            open_ += ast.iter_child_nodes(node)


@pytest.mark.parametrize("path", [pytest.param(path, id=module(path)) for path in FILES])
def test_imports_run_one_way(path: Path) -> None:
    own = layer(module(path))
    if own == "library":  # the package imports what it offers only when somebody asks for it
        return
    assert own is not None
    found = {layer(name) for name in imports(path)} - {own, None}
    # Everything may ask the package itself for its version.
    assert found - {"library"} <= MAY_IMPORT[own], f"{module(path)} imports {found}"


@pytest.mark.parametrize("package", ["guidance", "rules", "check", "runtime", "testing"])
def test_what_judges_templates_knows_no_cdk(package: str) -> None:
    for path in (ROOT / "secure_containers" / package).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & set(NO_NODE), path


def test_what_judges_templates_starts_no_node() -> None:
    names = [
        module(path)
        for package in ("guidance", "rules", "check", "runtime", "testing")
        for path in sorted((ROOT / "secure_containers" / package).rglob("*.py"))
    ]
    program = f"import sys\nfor name in {names!r}: __import__(name)\nprint([name for name in {NO_NODE!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_containers_program_needs_boto3_only() -> None:
    program = (
        "import sys\nbefore = set(sys.modules)\nimport boto3.dynamodb.types, boto3.session\nof_boto3 = set(sys.modules)\n"
        "import secure_containers.runtime.job, secure_containers.runtime.ledger\n"
        "own = {*sys.stdlib_module_names, 'secure_containers'} | {name.split('.')[0] for name in of_boto3}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} - own))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_what_judges_json_needs_the_standard_library_only() -> None:
    program = (
        "import sys, secure_containers.check.loader as loader, secure_containers.rules as rules\n"
        'rules.evaluate([loader.parse(b\'{"Resources": {"A": {"Type": "AWS::ECR::Repository"}}}\', \'x\')], rules.RULES)\n'
        "own = {*sys.stdlib_module_names, 'secure_containers', '__main__'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} - own))"
    )
    before = subprocess.run(
        [sys.executable, "-c", "import sys; print(sorted({name.split('.')[0] for name in sys.modules}))"],
        capture_output=True,
        text=True,
        check=True,
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert set(ast.literal_eval(done.stdout)) <= set(ast.literal_eval(before.stdout))
