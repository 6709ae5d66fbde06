"""How the library says that an argument is wrong."""

from __future__ import annotations

from collections.abc import Iterable


def invalid(where: str, argument: str, got: object, *, allowed: str, write: str) -> ValueError:
    """The error for a wrong argument: where, what was got, what is allowed and what to write."""
    return ValueError(f"{where}: {argument} is {got!r}; allowed: {allowed}; write {write}")


def check_type(
    where: str, argument: str, got: object, wanted: type | tuple[type, ...], *, allowed: str, write: str
) -> None:
    """Refuse a value of another type; None stands for an argument that was left out."""
    if got is not None and not isinstance(got, wanted):
        raise invalid(where, argument, got, allowed=allowed, write=write)


def check_list(
    where: str, argument: str, got: object, of: type | tuple[type, ...], *, allowed: str, write: str
) -> None:
    """Refuse what is no list of the given type, such as a text where a list of texts is meant."""
    if isinstance(got, str | bytes) or not isinstance(got, Iterable) or not all(isinstance(each, of) for each in got):
        raise invalid(where, argument, got, allowed=allowed, write=write)
