"""The packages of the extra `testing`, each loaded when it is first used."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

_WRITE: Final = "secure_containers.testing needs its extra; write pip install 'secure-containers[testing]'"


@cache
def needed(module: str, *, of: str, exactly: str | None = None) -> Any:
    """A module of a package that the extra brings.

    Args:
        module: its name.
        of: the package's name at the registry.
        exactly: the one version that will do.

    Raises:
        ImportError: the package is missing, or another version of it is installed.
    """
    try:
        found = version(of)
        loaded = importlib.import_module(module)
    except (ImportError, PackageNotFoundError) as error:
        raise ImportError(_WRITE) from error
    if exactly not in (None, found):
        raise ImportError(f"{of} {found} is installed, and {exactly} is what is known inside; {_WRITE}")
    return loaded
