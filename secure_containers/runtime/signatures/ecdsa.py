"""ECDSA: whether a signature was made by the owner of a public key.

All that comes here is public, so nothing has to take the same time for every input: that is what a library is needed
for where something is signed. Points are (x, y), and None is the point at infinity.

Source: https://doi.org/10.6028/NIST.FIPS.186-5, section 6.4.2; the curves: https://doi.org/10.6028/NIST.SP.800-186
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

Point = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """y² = x³ - 3x + b modulo p, with a generator of prime order n."""

    name: str
    p: int
    b: int
    n: int
    generator: Point

    @property
    def size(self) -> int:
        """Bytes of a coordinate."""
        return (self.p.bit_length() + 7) // 8

    def has(self, point: Point) -> bool:
        x, y = point
        return 0 <= x < self.p and 0 <= y < self.p and (y * y - x**3 + 3 * x - self.b) % self.p == 0

    def add(self, one: Point | None, other: Point | None) -> Point | None:
        if one is None:
            return other
        if other is None:
            return one
        (x, y), (u, v) = one, other
        if x != u:
            slope = (v - y) * pow(u - x, -1, self.p)
        elif (y + v) % self.p == 0:
            return None
        else:
            slope = 3 * (x * x - 1) * pow(2 * y, -1, self.p)
        w = (slope * slope - x - u) % self.p
        return w, (slope * (x - w) - y) % self.p


P256: Final = Curve(
    name="P-256",
    p=2**256 - 2**224 + 2**192 + 2**96 - 1,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    generator=(
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
)
P384: Final = Curve(
    name="P-384",
    p=2**384 - 2**128 - 2**96 + 2**32 - 1,
    b=0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    generator=(
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
    ),
)


def is_signed(*, message: bytes, digest: str, signature: Point, key: Point, curve: Curve) -> bool:
    """Whether a signature is of this message by the owner of the key.

    Args:
        message: what was signed.
        digest: the name of the hash function in hashlib.
        signature: r and s.
        key: the public key.
        curve: what the key is on.
    """
    r, s = signature
    if not (0 < r < curve.n and 0 < s < curve.n and curve.has(key)):
        return False
    hashed = hashlib.new(digest, message).digest()
    number = int.from_bytes(hashed) >> max(0, 8 * len(hashed) - curve.n.bit_length())
    inverse = pow(s, -1, curve.n)
    found = _sum(curve, number * inverse % curve.n, r * inverse % curve.n, key)
    return found is not None and found[0] % curve.n == r


def _sum(curve: Curve, first: int, second: int, key: Point) -> Point | None:
    """`first` times the generator plus `second` times the key."""
    steps = {(1, 0): curve.generator, (0, 1): key, (1, 1): curve.add(curve.generator, key), (0, 0): None}
    total: Point | None = None
    for bit in reversed(range(curve.n.bit_length())):
        total = curve.add(curve.add(total, total), steps[first >> bit & 1, second >> bit & 1])
    return total
