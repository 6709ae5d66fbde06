"""X.509 certificates of code signing: what they say, and whether one follows from the other up to a trusted root.

They are read strictly: what is not DER is refused. Of the extensions the specification honours three, and tells to
leave the others alone: what limits a certificate of AWS Signer besides is AWS's own concern.

Sources: https://www.rfc-editor.org/rfc/rfc5280,
https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md#certificate-requirements
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from secure_containers.runtime.signatures import RefusedError
from secure_containers.runtime.signatures.ecdsa import P256, P384, Curve, Point, is_signed

_LONGEST_CHAIN: Final = 8
"""AWS's has four."""
_BOOLEAN, _INTEGER, _BITS, _OCTETS, _OID, _SEQUENCE = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_SHORT_TIME, _LONG_TIME = (0x17, 13), (0x18, 15)
"""Tags, and how many letters there are."""

_EC_KEY: Final = bytes.fromhex("2a8648ce3d0201")
_CURVES: Final = {bytes.fromhex("2a8648ce3d030107"): P256, bytes.fromhex("2b81040022"): P384}
_SIGNED_BY: Final = {
    bytes.fromhex("2a8648ce3d040302"): "sha256",
    bytes.fromhex("2a8648ce3d040303"): "sha384",
    bytes.fromhex("2a8648ce3d040304"): "sha512",
}
"""ECDSA with a hash function; SHA-1 is not allowed."""
_BASIC_CONSTRAINTS, _KEY_USAGE = bytes.fromhex("551d13"), bytes.fromhex("551d0f")
_EXTENDED_KEY_USAGE: Final = bytes.fromhex("551d25")
_OTHER_PURPOSES: Final = {
    bytes.fromhex(each): name
    for each, name in (
        ("551d2500", "any"),
        ("2b06010505070301", "server authentication"),
        ("2b06010505070302", "client authentication"),
        ("2b06010505070304", "e-mail protection"),
        ("2b06010505070308", "time stamping"),
        ("2b06010505070309", "OCSP signing"),
    )
}

_DIGITAL_SIGNATURE, _CONTENT_COMMITMENT, _SIGNS_CERTIFICATES = 0, 1, 5
"""Bits of the key usage."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    der: bytes
    signed: bytes
    """What the issuer has signed, whose hash revocations name."""
    digest: str
    signature: Point
    issuer: bytes
    subject: bytes
    begins: datetime
    ends: datetime
    curve: Curve
    key: Point
    issues: bool
    """Whether it may issue certificates."""
    longest_below: int | None
    """How many certificates that issue may be between it and a leaf."""
    usage: frozenset[int]
    purposes: frozenset[bytes]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    def is_issued_by(self, other: Certificate) -> bool:
        return self.issuer == other.subject and is_signed(
            message=self.signed, digest=self.digest, signature=self.signature, key=other.key, curve=other.curve
        )


def read(der: bytes) -> Certificate:
    """A certificate from its bytes.

    Raises:
        RefusedError: It is none, or its key is not on a curve that AWS Signer's are.
    """
    try:
        return _certificate(der)
    except (ValueError, IndexError, OverflowError) as error:
        raise RefusedError("malformed", f"a certificate cannot be read: {error}") from error


def read_pem(text: str) -> tuple[Certificate, ...]:
    """Certificates from their text.

    Raises:
        RefusedError: As for `read`, or there is none.
    """
    end = "-----END CERTIFICATE-----"
    blocks = [f"{block.strip()}\n{end}" for block in text.split(end)[:-1]]
    try:
        found = tuple(read(ssl.PEM_cert_to_DER_cert(block)) for block in blocks)
    except ValueError as error:
        raise RefusedError("malformed", f"no PEM: {error}") from error
    if not found:
        raise RefusedError("malformed", "no certificate")
    return found


def check_chain(chain: Sequence[Certificate], roots: Sequence[Certificate], at: datetime) -> None:
    """Hold a chain, from the leaf to the root, to what code signing asks for.

    Args:
        chain: all of it.
        roots: the trusted ones.
        at: when something was signed with it.

    Raises:
        RefusedError: Something is missing.
    """
    if not 1 < len(chain) <= _LONGEST_CHAIN:
        raise _untrusted(f"{len(chain)} certificates; 2 to {_LONGEST_CHAIN} are allowed")
    if chain[-1].der not in [root.der for root in roots]:
        raise _untrusted(f"the chain ends with {chain[-1].fingerprint}, which is not a trusted root")
    for place, certificate in enumerate(chain):
        if not certificate.begins <= at <= certificate.ends:
            raise _untrusted(
                f"certificate {place} is valid from {certificate.begins} to {certificate.ends}, not at {at}"
            )
        problem = _problem_of_issuer(certificate, place - 1) if place else _problem_of_leaf(certificate)
        if problem:
            raise _untrusted(f"certificate {place} {problem}")
    # From the root down, so that nothing is computed with a key before it is known whose it is.
    for place, (issued, issuer) in reversed(list(enumerate(pairwise(chain)))):
        if not issued.is_issued_by(issuer):
            raise _untrusted(f"certificate {place} was not issued by certificate {place + 1}")


def _untrusted(words: str) -> RefusedError:
    return RefusedError("untrusted-chain", words)


def _problem_of_leaf(certificate: Certificate) -> str | None:
    if certificate.issues:
        return "may issue certificates, so it may not sign an image"
    if _DIGITAL_SIGNATURE not in certificate.usage:
        return "has no critical key usage with digital signature"
    if certificate.usage - {_DIGITAL_SIGNATURE, _CONTENT_COMMITMENT}:
        return "has a key usage beside digital signature"
    others = sorted(_OTHER_PURPOSES[each] for each in certificate.purposes if each in _OTHER_PURPOSES)
    return f"is for {', '.join(others)}" if others else None


def _problem_of_issuer(certificate: Certificate, below: int) -> str | None:
    if not certificate.issues:
        return "may not issue certificates"
    if _SIGNS_CERTIFICATES not in certificate.usage:
        return "has no critical key usage with certificate signing"
    if certificate.longest_below is not None and certificate.longest_below < below:
        return f"may have {certificate.longest_below} issuers below it, and has {below}"
    return None


@dataclass(frozen=True)
class _Element:
    tag: int
    content: bytes
    whole: bytes


def _elements(data: bytes) -> Iterator[_Element]:
    """What stands one after the other."""
    while data:
        length, start = data[1], 2
        if length & 0x80:
            start += length & 0x7F
            digits = data[2:start]
            length = int.from_bytes(digits)
            if not digits or len(digits) > 3 or len(digits) != start - 2 or digits[0] == 0 or length < 0x80:
                raise ValueError("a length is not in DER")
        end = start + length
        if data[0] & 0x1F == 0x1F or end > len(data):
            raise ValueError("an element is cut, or its tag is long")
        yield _Element(data[0], data[start:end], data[:end])
        data = data[end:]


def _one(data: bytes, tag: int) -> _Element:
    (found,) = _elements(data)
    if found.tag != tag:
        raise ValueError(f"tag {found.tag} instead of {tag}")
    return found


def _inside(element: _Element, tag: int = _SEQUENCE) -> list[_Element]:
    if element.tag != tag:
        raise ValueError(f"tag {element.tag} instead of {tag}")
    return list(_elements(element.content))


def _integer(element: _Element) -> int:
    content = element.content
    if element.tag != _INTEGER or not content:
        raise ValueError("no integer")
    if len(content) > 1 and (content[0], content[1] >> 7) in ((0, 0), (0xFF, 1)):
        raise ValueError("an integer is not in DER")
    return int.from_bytes(content, signed=True)


def _is_true(element: _Element) -> bool:
    """DER leaves out what is false; that some write it all the same changes nothing."""
    if element.tag != _BOOLEAN or element.content not in (b"\0", b"\xff"):
        raise ValueError("neither true nor false")
    return element.content == b"\xff"


def _bytes_of_bits(element: _Element) -> bytes:
    if element.tag != _BITS or element.content[:1] != b"\0":
        raise ValueError("no whole bytes")
    return element.content[1:]


def _time(element: _Element) -> datetime:
    text = element.content.decode("ascii")
    form = element.tag, len(text)
    if form not in (_SHORT_TIME, _LONG_TIME) or not text[:-1].isdigit():
        raise ValueError("no time")
    if form == _SHORT_TIME:  # a year of two digits is of 1950 to 2049
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _certificate(der: bytes) -> Certificate:
    signed, algorithm, signature = _inside(_one(der, _SEQUENCE))
    version, _, same_algorithm, issuer, validity, subject, key_info, *optional = _inside(signed)
    if [_integer(each) for each in _inside(version, _VERSION)] != [2]:
        raise ValueError("not of version 3")
    if same_algorithm.whole != algorithm.whole:
        raise ValueError("it names two algorithms")
    oid, *parameters = _inside(algorithm)
    if oid.tag != _OID or oid.content not in _SIGNED_BY or parameters:
        raise ValueError("its signature is not ECDSA with SHA-256, SHA-384 or SHA-512")
    r, s = _inside(_one(_bytes_of_bits(signature), _SEQUENCE))
    begins, ends = _inside(validity)
    curve, key = _key(key_info)
    extensions = _extensions([each for each in optional if each.tag == _EXTENSIONS])
    issues, longest_below = _basic_constraints(extensions)
    return Certificate(
        der=der,
        signed=signed.whole,
        digest=_SIGNED_BY[oid.content],
        signature=(_integer(r), _integer(s)),
        issuer=issuer.whole,
        subject=subject.whole,
        begins=_time(begins),
        ends=_time(ends),
        curve=curve,
        key=key,
        issues=issues,
        longest_below=longest_below,
        usage=_usage(extensions),
        purposes=_purposes(extensions),
    )


def _key(info: _Element) -> tuple[Curve, Point]:
    algorithm, bits = _inside(info)
    kind, *parameters = _inside(algorithm)
    if kind.whole != bytes([_OID, len(_EC_KEY)]) + _EC_KEY:
        raise ValueError("its key is not of an elliptic curve")
    (name,) = parameters
    curve = _CURVES.get(name.content) if name.tag == _OID else None
    if curve is None:
        raise ValueError("its key is not on P-256 or P-384")
    point = _bytes_of_bits(bits)
    key = int.from_bytes(point[1 : curve.size + 1]), int.from_bytes(point[curve.size + 1 :])
    if point[0] != 4 or len(point) != 2 * curve.size + 1 or not curve.has(key):
        raise ValueError(f"its key is no point of {curve.name}")
    return curve, key


def _extensions(found: list[_Element]) -> dict[bytes, tuple[bool, bytes]]:
    """By name, whether it is critical and its value."""
    extensions: dict[bytes, tuple[bool, bytes]] = {}
    for element in found:
        for extension in _inside(_one(element.content, _SEQUENCE)):
            name, *critical, value = _inside(extension)
            if name.content in extensions or name.tag != _OID or value.tag != _OCTETS or len(critical) > 1:
                raise ValueError("an extension stands twice, or is none")
            extensions[name.content] = bool(critical) and _is_true(critical[0]), value.content
    return extensions


def _basic_constraints(extensions: dict[bytes, tuple[bool, bytes]]) -> tuple[bool, int | None]:
    critical, value = extensions.get(_BASIC_CONSTRAINTS, (False, b"\x30\x00"))
    said = _inside(_one(value, _SEQUENCE))
    if not said:
        return False, None
    issues, *length = said
    if not _is_true(issues):
        return False, None
    if len(length) > 1 or not critical:
        raise ValueError("its basic constraints are not critical, or have too many parts")
    longest = _integer(length[0]) if length else None
    if longest is not None and longest < 0:
        raise ValueError("its basic constraints have a negative length")
    return True, longest


def _usage(extensions: dict[bytes, tuple[bool, bytes]]) -> frozenset[int]:
    """The bits of the key usage; none if it is not critical, as it has to be."""
    critical, value = extensions.get(_KEY_USAGE, (False, b""))
    if not critical:
        return frozenset()
    content = _one(value, _BITS).content
    return frozenset(bit for bit in range(8 * len(content) - 8) if content[1 + bit // 8] >> (7 - bit % 8) & 1)


def _purposes(extensions: dict[bytes, tuple[bool, bytes]]) -> frozenset[bytes]:
    _, value = extensions.get(_EXTENDED_KEY_USAGE, (False, b""))
    return frozenset(each.content for each in _inside(_one(value, _SEQUENCE))) if value else frozenset()
