"""Which objects a pipeline takes. What it does not take gets an item with the reason."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

_FOR_SHELLS: Final = "`$|;&<>\"'*?[]{}\\"
"""Characters by which a quoted name could become a command, or several names, in a program that has a shell read it."""
_INVISIBLE: Final = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Of Unicode, what cannot be seen or turns what is seen around."""
LONGEST_KEY: Final = 1024
"""Bytes that S3 takes."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why an object is not taken."""

    reason: str
    """A short word that can be counted."""
    words: str


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """What a pipeline takes: keys below a prefix with one of the suffixes, of so many bytes."""

    prefix: str
    suffixes: tuple[str, ...]
    """None means any."""
    smallest: int
    largest: int

    def refusal(self, key: str, size: int | None) -> Refusal | None:
        """Why an object is not taken, or None; a size that is not known is left to the job."""
        problem = key_problem(key)
        if problem is not None:
            return Refusal(reason="unsafe-name", words=problem)
        if not key.startswith(self.prefix):
            return Refusal(reason="wrong-place", words=f"not below {self.prefix!r}")
        if self.suffixes and not key.endswith(self.suffixes):
            return Refusal(reason="wrong-type", words=f"not one of {', '.join(self.suffixes)}")
        if size is not None and size < self.smallest:
            return Refusal(reason="too-small", words=f"{size} bytes; {self.smallest} at least")
        if size is not None and size > self.largest:
            return Refusal(reason="too-large", words=f"{size} bytes; {self.largest} at most")
        return None


def key_problem(key: str) -> str | None:
    """Why a key may not be used as a name: it could become a path, an option or a command somewhere."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "no Unicode"
    if not 0 < length <= LONGEST_KEY:
        return f"{length} bytes long; 1 to {LONGEST_KEY} are allowed"
    special = next((each for each in key if each in _FOR_SHELLS or unicodedata.category(each) in _INVISIBLE), None)
    if special is not None:
        return f"it has the character U+{ord(special):04X}"
    for part in key.split("/"):
        if part in ("", ".", ".."):
            return f"it has the part {part!r} between slashes"
        if part.startswith(("-", "~")):
            return f"a part of it begins with {part[0]!r}"
    return None
