"""ECDSA answers as OpenSSL does, also where numbers are at their limits."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_containers.runtime.signatures.ecdsa import P256, P384, Curve, is_signed

OPENSSL = {P256: ec.SECP256R1(), P384: ec.SECP384R1()}
DIGESTS = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
both = pytest.mark.parametrize("curve", [P256, P384], ids=lambda curve: curve.name)


def by_openssl(*, message: bytes, digest: str, signature: tuple[int, int], key: tuple[int, int], curve: Curve) -> bool:
    try:
        public = ec.EllipticCurvePublicNumbers(*key, OPENSSL[curve]).public_key()
        public.verify(encode_dss_signature(*signature), message, ec.ECDSA(DIGESTS[digest]))
    except (InvalidSignature, ValueError):
        return False
    return True


def pair(curve: Curve, secret: int) -> tuple[ec.EllipticCurvePrivateKey, tuple[int, int]]:
    private = ec.derive_private_key(secret, OPENSSL[curve])
    numbers = private.public_key().public_numbers()
    return private, (numbers.x, numbers.y)


@both
def test_the_curve_is_openssls(curve: Curve) -> None:
    assert pair(curve, 1)[1] == curve.generator
    assert curve.has(curve.generator)
    assert pair(curve, curve.n - 1)[1] == (curve.generator[0], curve.p - curve.generator[1])
    assert curve.p.bit_length() == OPENSSL[curve].key_size


@both
@pytest.mark.parametrize("digest", DIGESTS)
@given(data=st.data())
@settings(max_examples=15)
def test_what_was_signed_is_accepted_and_nothing_else(curve: Curve, digest: str, data: st.DataObject) -> None:
    near = st.one_of(st.integers(1, 4), st.integers(curve.n - 4, curve.n - 1), st.integers(1, curve.n - 1))
    private, key = pair(curve, data.draw(near))
    message = data.draw(st.binary(max_size=100))
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(DIGESTS[digest])))
    asked = {"digest": digest, "key": key, "curve": curve}
    assert is_signed(message=message, signature=(r, s), **asked)
    assert not is_signed(message=message + b"x", signature=(r, s), **asked)
    assert not is_signed(message=message, signature=(r, s ^ 1 << data.draw(st.integers(0, 255))), **asked)
    assert not is_signed(message=message, signature=(r ^ 1 << data.draw(st.integers(0, 255)), s), **asked)
    assert not is_signed(message=message, signature=(r, s), **{**asked, "key": pair(curve, 5)[1]})


@both
@given(data=st.data())
@settings(max_examples=40)
def test_numbers_at_their_limits_are_judged_as_by_openssl(curve: Curve, data: st.DataObject) -> None:
    limits = [
        0,
        1,
        2,
        3,
        curve.n // 2,
        curve.n - 1,
        curve.n,
        curve.n + 1,
        curve.p - 1,
        curve.p,
        2 ** curve.n.bit_length(),
    ]
    number = st.one_of(st.sampled_from([*limits, curve.generator[0], curve.generator[1]]), st.integers(0, curve.p))
    secret = data.draw(st.sampled_from([1, 2, curve.n // 2, curve.n - 2, curve.n - 1]))
    asked = {
        "message": b"",
        "digest": data.draw(st.sampled_from(sorted(DIGESTS))),
        "signature": (data.draw(number), data.draw(number)),
        "key": pair(curve, secret)[1],
        "curve": curve,
    }
    assert is_signed(**asked) == by_openssl(**asked)


@both
def test_a_signature_of_zeros_is_none(curve: Curve) -> None:
    key = pair(curve, 12345)[1]
    for signature in ((0, 0), (0, 1), (1, 0), (curve.n, curve.n), (curve.n, 1), (1, curve.n), (-1, -1)):
        assert not is_signed(message=b"", digest="sha384", signature=signature, key=key, curve=curve)


@both
def test_a_sum_at_infinity_is_no_signature(curve: Curve) -> None:
    # With the secret d, the sum is (hash + r * d) / s times the generator: r is chosen so that it is nothing.
    secret, message = 77, b"anything"
    hashed = int.from_bytes(hashlib.sha256(message).digest())
    r = -hashed * pow(secret, -1, curve.n) % curve.n
    asked = {"message": message, "digest": "sha256", "key": pair(curve, secret)[1], "curve": curve}
    assert not is_signed(signature=(r, 5), **asked)


@both
def test_a_key_beside_the_curve_is_refused_before_anything_is_computed(curve: Curve) -> None:
    x, y = curve.generator
    for key in ((x, y + 1), (0, 0), (x + curve.p, y), (x, y - curve.p), (-1, 1)):
        assert not curve.has(key)
        assert not is_signed(message=b"", digest="sha384", signature=(1, 1), key=key, curve=curve)


@both
def test_points_add_up(curve: Curve) -> None:
    one, two, three = (pair(curve, number)[1] for number in (1, 2, 3))
    minus = (one[0], curve.p - one[1])
    assert curve.add(one, one) == two
    assert curve.add(one, two) == curve.add(two, one) == three
    assert curve.add(one, minus) is None
    assert curve.add(None, one) == curve.add(one, None) == one
    assert curve.add(None, None) is None
