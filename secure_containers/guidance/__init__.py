"""The guidance that the library answers to, as data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Guideline:
    """One statement of the guidance and what answers it."""

    id: str
    sources: tuple[str, ...]
    says: str
    where: str
    """The part of the library that has to answer."""
    show: tuple[str, ...]
    """How an answer shows: default, rule, feature, procedure."""
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the library, or pages, by the kinds of `show`; rules name their guidelines themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All guidelines, their sources, and the one list of what is not answered yet."""

    sources: Mapping[str, str]
    guidelines: Mapping[str, Guideline]
    not_yet: Mapping[str, tuple[str, ...]]
    """Guidelines and the kinds of `show` for which nothing answers yet."""


@cache
def catalogue() -> Catalogue:
    """The catalogue that ships with the library."""
    data = tomllib.loads(resources.files(__package__).joinpath("guidance.toml").read_text(encoding="utf-8"))
    return Catalogue(
        sources=data["sources"],
        guidelines={entry["id"]: _guideline(entry) for entry in data["guideline"]},
        not_yet={id: tuple(kinds) for id, kinds in data["not_yet"].items()},
    )


def _guideline(entry: dict[str, Any]) -> Guideline:
    return Guideline(
        id=entry["id"],
        sources=tuple(entry["sources"]),
        says=entry["says"],
        where=entry["where"],
        show=tuple(entry["show"]),
        answers={kind: tuple(names) for kind, names in entry.get("answers", {}).items()},
    )
