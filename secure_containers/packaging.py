"""The code of functions as one file, made where the app is synthesized: without Docker, and without a network.

What it holds is what is installed here, so a lock file pins it. Compiled modules are left out, since they are of this
machine's kind; what is packed runs without them.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path, PurePath
from typing import Final

_LIBRARY: Final = Path(__file__).parent
_OWN: Final = ("__init__.py", "py.typed", "runtime")
_INSTALLED: Final = ("aws-lambda-powertools", "aws-xray-sdk", "jmespath", "typing-extensions", "wrapt")
"""Powertools and what it imports, but for boto3, which Lambda brings along."""
_UNUSED: Final = ("event_handler", "data_masking", "feature_flags", "idempotency", "kafka", "parameters", "parser")
"""Parts of Powertools that our functions do not import, and that are most of it."""
_WITHOUT: Final = (".c", ".pyc", ".pyd", ".so")
_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""Of every file, so that the same content makes the same archive."""


class NotInstalledError(ImportError):
    """What goes into the functions is not installed here."""


@cache
def function_code() -> tuple[Path, str]:
    """The archive with our functions, the ledger and Powertools; the same one for all functions of an app.

    Returns:
        where it is, and a digest of what is in it, which does not depend on how this machine packs.

    Raises:
        NotInstalledError: Powertools is not installed.
    """
    directory = Path(tempfile.mkdtemp(prefix="secure-containers-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    archive, digest = directory / "functions.zip", hashlib.sha256()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, source in sorted({**dict(_own()), **dict(_installed())}.items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            content = source.read_bytes()
            file.writestr(entry, content)
            digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return archive, digest.hexdigest()


def _own() -> Iterator[tuple[str, Path]]:
    for name in _OWN:
        path = _LIBRARY / name
        for source in [path] if path.is_file() else path.rglob("*.py"):
            yield f"secure_containers/{source.relative_to(_LIBRARY).as_posix()}", source


def _installed() -> Iterator[tuple[str, Path]]:
    for name in _INSTALLED:
        try:
            files = metadata.files(name)
        except metadata.PackageNotFoundError:
            files = None
        if not files:  # nor can it be packed if what installed it has left no list of its files
            raise NotInstalledError(
                f"{name} is not installed; functions of pipelines and of signature checks are packed with it; "
                "write pip install 'secure-containers[pipeline]'"
            )
        for file in files:
            source = Path(str(file.locate()))
            if _is_code(file) and source.is_file():
                yield file.as_posix(), source


def _is_code(file: PurePath) -> bool:
    """Whether a file of a distribution goes into the archive: its licence does, what its installer wrote does not."""
    parts = file.parts
    if parts[0] == ".." or file.suffix in _WITHOUT:
        return False
    if parts[0].endswith(".dist-info"):
        return "licen" in file.as_posix().lower()
    return parts[:1] != ("aws_lambda_powertools",) or not set(parts) & set(_UNUSED)
