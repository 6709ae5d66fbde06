"""A signature of the Notary Project in a JWS envelope, as AWS Signer makes it, held to an image and to what is trusted.

What AWS's plugin for Notation adds is part of it: the signing profile, and the question whether something was revoked.

Sources: https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-jws.md,
https://github.com/aws/aws-signer-notation-plugin/blob/main/internal/verifier/verifier.go
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from secure_containers.runtime.signatures import RefusedError
from secure_containers.runtime.signatures.certificates import Certificate, check_chain, read
from secure_containers.runtime.signatures.ecdsa import P256, P384, is_signed

LARGEST: Final = 256 * 1024
"""Bytes of an envelope; AWS's has less than ten thousand."""
_PLATFORM: Final = "Notation-OCI-SHA384-ECDSA"
_PAYLOAD: Final = "application/vnd.cncf.notary.payload.v1+json"
_SCHEME: Final = "notary.x509.signingAuthority"
_PLUGIN: Final = "com.amazonaws.signer.notation.plugin"
_PLUGIN_VERSION: Final = re.compile(r"1\.0\.\d+")
"""Whose checks are made here. A signature that asks for those of a later one is refused."""
_BY_CURVE: Final = {P256: ("ES256", "sha256"), P384: ("ES384", "sha384")}
_CLOCKS_DIFFER: Final = timedelta(minutes=5)

_NOTARY: Final = "io.cncf.notary."
_SCHEME_HEADER: Final = f"{_NOTARY}signingScheme"
_SIGNED_AT: Final = f"{_NOTARY}authenticSigningTime"
_EXPIRES_AT: Final = f"{_NOTARY}expiry"
_PLUGIN_HEADER: Final = f"{_NOTARY}verificationPlugin"
_PLUGIN_MINIMUM: Final = f"{_NOTARY}verificationPluginMinVersion"
_PROFILE: Final = "com.amazonaws.signer.signingProfileVersion"
_JOB: Final = "com.amazonaws.signer.signingJob"
_UNDERSTOOD: Final = {_SCHEME_HEADER, _SIGNED_AT, _EXPIRES_AT, _PLUGIN_HEADER, _PLUGIN_MINIMUM, _PROFILE, _JOB}

_SIGNER: Final = r"arn:[a-z-]+:signer:[a-z0-9-]+:\d{12}:"
PROFILE: Final = re.compile(rf"{_SIGNER}/signing-profiles/\w+(/\w+)?", re.ASCII)
"""The ARN of a signing profile, or of a version of it."""
_JOB_ARN: Final = re.compile(rf"{_SIGNER}/signing-jobs/[\w-]+", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whose signatures count."""

    profiles: tuple[str, ...]
    """ARNs of signing profiles, each with all its versions or with one."""
    roots: tuple[Certificate, ...]

    def includes(self, profile_version: str) -> bool:
        return bool({profile_version, profile_version.rpartition("/")[0]} & set(self.profiles))


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One that is good, as long as AWS Signer does not say that it was revoked."""

    profile_version: str
    job: str
    signed_at: datetime
    chain: tuple[Certificate, ...]

    def revocation_question(self) -> dict[str, Any]:
        """What `GetRevocationStatus` takes. It names a certificate by its hash and that of its issuer."""
        hashes = [hashlib.sha384(each.signed).hexdigest() for each in self.chain]
        return {
            "signatureTimestamp": self.signed_at,
            "platformId": _PLATFORM,
            "profileVersionArn": self.profile_version,
            "jobArn": self.job,
            "certificateHashes": [own + issuer for own, issuer in zip(hashes, [*hashes[1:], hashes[-1]], strict=True)],
        }


def verify(envelope: bytes, *, digest: str, trust: Trust, now: datetime) -> Signature:
    """Hold a signature to an image.

    Args:
        envelope: what the registry has as the signature.
        digest: the digest of the image's manifest, or of its index.
        trust: whose signatures count.
        now: the time.

    Raises:
        RefusedError: It is no good signature of this image by a trusted profile. No bytes make it raise anything else.
    """
    if len(envelope) > LARGEST:
        raise RefusedError("malformed", f"more than {LARGEST} bytes")
    parts = _object(envelope, "the envelope")
    if set(parts) != {"payload", "protected", "header", "signature"} or not isinstance(parts["header"], dict):
        raise RefusedError("malformed", "the envelope is no flattened JWS")
    protected, payload = _decoded(parts["protected"]), _decoded(parts["payload"])
    headers = _object(protected, "the protected header")
    chain = _chain(parts["header"].get("x5c"))
    signed_at, expires_at = _checked(headers)
    check_chain(chain, trust.roots, signed_at)
    message = f"{parts['protected']}.{parts['payload']}".encode()
    _check_signature(message, _decoded(parts["signature"]), chain[0], headers.get("alg"))
    artifact = _object(payload, "the payload").get("targetArtifact")
    if not isinstance(artifact, dict) or artifact.get("digest") != digest:
        raise RefusedError("other-image", "it is the signature of another image")
    profile, job = _named(headers, _PROFILE, PROFILE), _named(headers, _JOB, _JOB_ARN)
    if not trust.includes(profile):
        raise RefusedError("untrusted-profile", f"it is of {profile}")
    if signed_at > now + _CLOCKS_DIFFER:
        raise RefusedError("not-yet-valid", f"it was signed at {signed_at}")
    if expires_at is not None and now >= expires_at:
        raise RefusedError("expired", f"it has expired at {expires_at}")
    return Signature(profile_version=profile, job=job, signed_at=signed_at, chain=chain)


def _checked(headers: Mapping[str, Any]) -> tuple[datetime, datetime | None]:
    """When it was signed and when it expires, once nothing in the header is unknown that has to be known."""
    if headers.get("cty") != _PAYLOAD:
        raise RefusedError("unsupported", f"content type {headers.get('cty')!r}")
    if headers.get(_SCHEME_HEADER) != _SCHEME:
        raise RefusedError("unsupported", f"signing scheme {headers.get(_SCHEME_HEADER)!r}; AWS Signer's is {_SCHEME}")
    if f"{_NOTARY}signingTime" in headers:
        raise RefusedError("malformed", "a signing time that nobody vouches for")
    critical = headers.get("crit")
    if not isinstance(critical, list) or not all(isinstance(each, str) for each in critical):
        raise RefusedError("malformed", "no list of critical headers")
    unknown = sorted(set(critical) - _UNDERSTOOD)
    if unknown:
        raise RefusedError("unsupported", f"critical headers {unknown}")
    needed = {_SCHEME_HEADER, _SIGNED_AT} | {_EXPIRES_AT} & set(headers)
    if not needed <= set(critical) <= set(headers) or len(critical) != len(set(critical)):
        raise RefusedError("malformed", "critical headers are missing, or stand twice")
    if headers.get(_PLUGIN_HEADER, _PLUGIN) != _PLUGIN:
        raise RefusedError("unsupported", f"verification plugin {headers[_PLUGIN_HEADER]!r}")
    if _PLUGIN_MINIMUM in headers:
        _named(headers, _PLUGIN_MINIMUM, _PLUGIN_VERSION)
    signed_at = _instant(headers, _SIGNED_AT)
    expires_at = _instant(headers, _EXPIRES_AT) if _EXPIRES_AT in headers else None
    if expires_at is not None and expires_at <= signed_at:
        raise RefusedError("malformed", "it expires before it is made")
    return signed_at, expires_at


def _check_signature(message: bytes, signature: bytes, leaf: Certificate, algorithm: object) -> None:
    # The key tells the algorithm; what the envelope says has to be the same (RFC 8725, section 3.1).
    expected, digest = _BY_CURVE[leaf.curve]
    if algorithm != expected:
        raise RefusedError("unsupported", f"algorithm {algorithm!r}; that of the key is {expected}")
    size = leaf.curve.size
    point = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    if len(signature) != 2 * size or not is_signed(
        message=message, digest=digest, signature=point, key=leaf.key, curve=leaf.curve
    ):
        raise RefusedError("bad-signature", "it was not made with the key of the certificate, or something was changed")


def _chain(said: object) -> tuple[Certificate, ...]:
    if not isinstance(said, list):
        raise RefusedError("malformed", "no chain of certificates")
    return tuple(read(_bytes(each, "+/")) for each in said)


def _decoded(text: object) -> bytes:
    if not isinstance(text, str) or "=" in text:
        raise RefusedError("malformed", "something is not base64url")
    return _bytes(text + "=" * (-len(text) % 4), "-_")


def _bytes(text: object, alphabet: str) -> bytes:
    """What base64 stands for, of which each value has one spelling alone."""
    try:
        if isinstance(text, str):
            found = base64.b64decode(text, altchars=alphabet.encode(), validate=True)
            if base64.b64encode(found, altchars=alphabet.encode()).decode() == text:
                return found
    except (ValueError, binascii.Error):
        pass
    raise RefusedError("malformed", "something is not base64")


def _object(text: bytes, what: str) -> dict[str, Any]:
    """JSON's object; a name that stands twice would be read in two ways by two readers."""

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name stands twice")
        return dict(pairs)

    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise RefusedError("malformed", f"{what} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RefusedError("malformed", f"{what} is no object")
    return found


def _named(headers: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = headers.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise RefusedError("malformed", f"{name} is {value!r}")
    return value


def _instant(headers: Mapping[str, Any], name: str) -> datetime:
    text = _named(headers, name, _TIME)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise RefusedError("malformed", f"{name} is {text!r}") from error
