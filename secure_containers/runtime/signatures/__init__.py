"""Whether an image was signed by a trusted profile of AWS Signer: pure functions of bytes, without AWS and without
anything that would have to be compiled. `docs/signatures.md` tells what is checked.

Sources: https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md,
https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-jws.md
"""

from __future__ import annotations


class RefusedError(Exception):
    """A signature is not good, or something in it is not what it has to be.

    Args:
        reason: a short word that can be counted.
        words: what was found.
    """

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(f"{reason}: {words}")
        self.reason = reason
        self.words = words
