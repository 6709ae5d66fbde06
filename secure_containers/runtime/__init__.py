"""What runs on AWS: the library for programs in containers, and the functions of the pipeline.

    from secure_containers.runtime import InputObject, run

    def count_lines(given: InputObject) -> dict[str, int]:
        return {"lines": sum(1 for _ in given.open())}

    if __name__ == "__main__":
        run(count_lines)

It needs boto3 and nothing of the CDK: copy this folder and the `__init__.py` above it into the image.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secure_containers.runtime.job import (
        ExitCode,
        FailedError,
        InputObject,
        Job,
        SupersededError,
        TryAgainError,
        run,
    )

__all__ = ["ExitCode", "FailedError", "InputObject", "Job", "SupersededError", "TryAgainError", "run"]


def __getattr__(name: str) -> object:
    # When it is asked for: a synth uses this folder's words where there is no boto3.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.job"), name)
