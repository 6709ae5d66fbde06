"""How the library says that an argument is wrong."""

from __future__ import annotations


def invalid(where: str, argument: str, got: object, *, allowed: str, write: str) -> ValueError:
    """The error for a wrong argument: where, what was got, what is allowed and what to write."""
    return ValueError(f"{where}: {argument} is {got!r}; allowed: {allowed}; write {write}")
