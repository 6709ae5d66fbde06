"""How the library says that an argument is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

Wanted = tuple[type | tuple[type, ...], str, str]
"""Of one argument its type, what is allowed in words, and what to write."""

KEY: Final = ("key_arn", "a key", 'kms.Key.from_key_arn(self, "Imported", "arn:...")')
TOPIC: Final = ("topic_arn", "a topic", 'sns.Topic.from_topic_arn(self, "Imported", "arn:...")')
"""Of objects of the CDK the attribute that they are known by, what they are, and what to write."""


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


def check_arguments(
    where: str,
    given: Mapping[str, object],
    *,
    singles: Mapping[str, Wanted],
    lists: Mapping[str, Wanted],
    objects: Mapping[str, tuple[str, str, str]],
    optional: Collection[str] = (),
) -> None:
    """Refuse arguments of other types, before anything is made of them.

    Objects of the CDK are known by an attribute, since what implements an interface has no type of its own in Python.
    Lists that are `optional` may be left out as None.
    """
    for argument, (wanted, allowed, write) in singles.items():
        check_type(where, argument, given[argument], wanted, allowed=allowed, write=write)
    for argument, (of, allowed, write) in lists.items():
        if given[argument] is not None or argument not in optional:
            check_list(where, argument, given[argument], of, allowed=allowed, write=f"{argument}={write}")
    for argument, (attribute, allowed, write) in objects.items():
        got = given[argument]
        # First by its class: to ask the object itself is a call to Node.
        if got is not None and not hasattr(type(got), attribute) and not hasattr(got, attribute):
            raise invalid(where, argument, got, allowed=allowed, write=f"{argument}={write}")
