"""Small values that arguments of a pipeline take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from aws_cdk import Duration, Size, Token

from secure_containers.errors import check_list, check_type, invalid
from secure_containers.runtime.acceptance import LONGEST_KEY, Acceptance, key_problem

_LARGEST: Final = Size.tebibytes(50)
"""About what Amazon S3 takes."""
_MOST: Final = 1_000_000
_MOST_SUFFIXES: Final = 50


@dataclass(frozen=True, kw_only=True)
class Accept:
    """Which objects a pipeline takes. Others below the prefix get an item with the reason, and are counted.

    Names are always checked: those that could become a path, an option or a command somewhere are refused.

    Args:
        prefix: the folder of keys, with its slash; pipelines on one bucket have different ones, none within another.
        suffixes: what keys end with, one of these, as they are written. Left out: anything.
        min_size: the smallest object. Left out: one byte.
        max_size: the largest object. Left out: 5 GiB.
    """

    prefix: str = "uploads/"
    suffixes: Sequence[str] = ()
    min_size: Size = field(default_factory=lambda: Size.bytes(1))
    max_size: Size = field(default_factory=lambda: Size.gibibytes(5))

    def __post_init__(self) -> None:
        check_type("Accept", "prefix", self.prefix, str, allowed="a text", write='prefix="uploads/"')
        check_list(
            "Accept", "suffixes", self.suffixes, str, allowed="a list of texts", write='suffixes=(".csv", ".json")'
        )
        for name in ("min_size", "max_size"):
            check_type("Accept", name, getattr(self, name), Size, allowed="a Size", write=f"{name}=Size.mebibytes(100)")
        self._check_prefix()
        if len(self.suffixes) > _MOST_SUFFIXES:
            allowed = f"{_MOST_SUFFIXES} at most, as far as the functions' variables reach"
            got = f"{len(self.suffixes)} suffixes"
            raise invalid("Accept", "suffixes", got, allowed=allowed, write='suffixes=(".csv",)')
        for suffix in self.suffixes:
            self._check_suffix(suffix)
        if not self.min_size.to_bytes() <= self.max_size.to_bytes() <= _LARGEST.to_bytes():
            got = f"{self.min_size.to_bytes()} to {self.max_size.to_bytes()} bytes"
            allowed = "sizes that some object can have: the least below the most, and that below 50 TiB"
            raise invalid("Accept", "max_size", got, allowed=allowed, write="max_size=Size.gibibytes(5)")

    def acceptance(self) -> Acceptance:
        """As the functions need it."""
        return Acceptance(
            prefix=self.prefix,
            suffixes=tuple(self.suffixes),
            smallest=int(self.min_size.to_bytes()),
            largest=int(self.max_size.to_bytes()),
        )

    def _check_prefix(self) -> None:
        if Token.is_unresolved(self.prefix):
            problem: str | None = "not known at synthesis"
        elif not self.prefix:
            problem = "empty"
        elif not self.prefix.endswith("/"):
            problem = f"without a slash at its end, it takes what begins alike too; write {self.prefix + '/'!r}"
        elif not self.prefix.isascii():
            problem = "policies and templates take ASCII only"
        else:
            problem = key_problem(f"{self.prefix}x")  # a prefix may end with a slash, which no object may
        if problem is not None:
            allowed = f"the beginning of names that are taken; this one is not: {problem}"
            raise invalid("Accept", "prefix", self.prefix, allowed=allowed, write='prefix="uploads/"')

    def _check_suffix(self, suffix: str) -> None:
        problem = "empty" if not suffix else "not known at synthesis" if Token.is_unresolved(suffix) else None
        problem = problem or ("a word, and not the end of names" if suffix.isalnum() else None)
        problem = problem or ("a folder" if suffix.endswith("/") else key_problem(f"x{suffix}"))
        if problem is None and len(f"{self.prefix}{suffix}".encode()) > LONGEST_KEY:
            problem = "too long together with the prefix"
        if problem is not None:
            allowed = f"the end of names that are taken; this one matches nothing: {problem}"
            raise invalid("Accept", "suffixes", suffix, allowed=allowed, write='suffixes=(".csv",)')


@dataclass(frozen=True, kw_only=True)
class PipelineLimits:
    """From when on people hear of it.

    Args:
        refused: how many objects are refused in five minutes. Left out: one.
        repaired: how many objects the reconciler puts right in five minutes. Left out: ten.
        duplicates: how many uploads are delivered again in five minutes: some always are. Left out: 100.
        age: how long an object may take from its upload to its end. Left out: the job's timeout and an hour.
    """

    refused: int = 1
    repaired: int = 10
    duplicates: int = 100
    age: Duration | None = None

    def __post_init__(self) -> None:
        for name in ("refused", "repaired", "duplicates"):
            got = getattr(self, name)
            if not isinstance(got, int) or isinstance(got, bool) or not 1 <= got <= _MOST:
                raise invalid("PipelineLimits", name, got, allowed=f"1 to {_MOST}", write=f"{name}=10")
        check_type("PipelineLimits", "age", self.age, Duration, allowed="a Duration", write="age=Duration.hours(6)")
