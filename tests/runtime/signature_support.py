"""A certification authority like that of AWS Signer, and signatures like its own: each with any single defect."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from secure_containers.runtime.signatures.certificates import read
from secure_containers.runtime.signatures.notation import Trust

SIGNED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
NOW = SIGNED + timedelta(days=90)
EXPIRES = SIGNED + timedelta(days=365)
PROFILE = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/release"
VERSION = f"{PROFILE}/AbCdEfGhIj"
JOB = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b2c3d-0000-4000-8000-000000000000"
DIGEST = "sha256:" + "1" * 64
NOTARY = "io.cncf.notary."
HASHES = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "PS256": hashes.SHA256()}
_USAGE = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
P256_KEY, P384_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
ROOT_KEY, ISSUER_KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP384R1()) for _ in range(3))


@dataclass(frozen=True, kw_only=True)
class Cert:
    """What a certificate is to say; the defaults are those of a good leaf."""

    name: str = "AWS Signer"
    key: Any = P384_KEY
    issuer: str = "Region"
    issuer_key: Any = ISSUER_KEY
    issues: bool | None = None
    """None means no basic constraints."""
    constraints_critical: bool = True
    path_length: int | None = None
    usage: Sequence[str] | None = ("digital_signature",)
    usage_critical: bool = True
    purposes: Sequence[str] = ("1.3.6.1.5.5.7.3.3",)
    begins: datetime = SIGNED - timedelta(days=2)
    ends: datetime = SIGNED + timedelta(days=5)
    hash: str = "SHA384"

    @property
    def der(self) -> bytes:
        return _made(self)


@cache
def _made(cert: Cert) -> bytes:
    """The same bytes each time, though every signature is another one."""

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder(name(cert.issuer), name(cert.name), cert.key.public_key(), 7)
        .not_valid_before(cert.begins)
        .not_valid_after(cert.ends)
    )
    if cert.issues is not None:
        made = made.add_extension(x509.BasicConstraints(cert.issues, cert.path_length), cert.constraints_critical)
    if cert.usage is not None:
        bits = {each: each in cert.usage for each in _USAGE}
        made = made.add_extension(x509.KeyUsage(**bits), cert.usage_critical)
    if cert.purposes:
        purposes = [x509.ObjectIdentifier(each) for each in cert.purposes]
        made = made.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return made.sign(cert.issuer_key, getattr(hashes, cert.hash)()).public_bytes(Encoding.DER)


LEAF = Cert()
ISSUER = Cert(
    name="Region",
    key=ISSUER_KEY,
    issuer="Root",
    issuer_key=ROOT_KEY,
    issues=True,
    path_length=0,
    usage=("digital_signature", "key_cert_sign", "crl_sign"),
    purposes=(),
    begins=SIGNED - timedelta(days=900),
    ends=SIGNED + timedelta(days=900),
)
ROOT = Cert(
    name="Root",
    key=ROOT_KEY,
    issuer="Root",
    issuer_key=ROOT_KEY,
    issues=True,
    usage=("key_cert_sign", "crl_sign"),
    purposes=(),
    begins=SIGNED - timedelta(days=2000),
    ends=datetime(2122, 10, 27, tzinfo=UTC),
)
CHAIN = (LEAF.der, ISSUER.der, ROOT.der)
TRUST = Trust(profiles=(PROFILE,), roots=(read(CHAIN[-1]),))


def text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def headers(**changes: Any) -> dict[str, Any]:
    """The protected header of a good signature, with changes: names without `io.cncf.notary.`, None for nothing."""
    good = {
        "alg": "ES384",
        "cty": "application/vnd.cncf.notary.payload.v1+json",
        f"{NOTARY}signingScheme": "notary.x509.signingAuthority",
        f"{NOTARY}authenticSigningTime": text(SIGNED),
        f"{NOTARY}expiry": text(EXPIRES),
        f"{NOTARY}verificationPlugin": "com.amazonaws.signer.notation.plugin",
        "com.amazonaws.signer.signingProfileVersion": VERSION,
        "com.amazonaws.signer.signingJob": JOB,
    }
    good["crit"] = [name for name in good if "." in name]
    named = {name if name in good or "." in name else f"{NOTARY}{name}": said for name, said in changes.items()}
    found = {name: said for name, said in {**good, **named}.items() if said is not None}
    if "crit" not in changes:
        found["crit"] = [name for name in found["crit"] if name in found]
    return found


def payload(digest: str = DIGEST) -> bytes:
    descriptor = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 1234}
    return json.dumps({"targetArtifact": descriptor}).encode()


def signed(message: bytes, key: Any, algorithm: object) -> bytes:
    used = HASHES.get(str(algorithm), hashes.SHA384())
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PSS(padding.MGF1(used), padding.PSS.DIGEST_LENGTH), used)
    size = (key.curve.key_size + 7) // 8
    return b"".join(part.to_bytes(size) for part in decode_dss_signature(key.sign(message, ec.ECDSA(used))))


def parts(
    *,
    protected: bytes | None = None,
    said: bytes | None = None,
    chain: Sequence[bytes] = CHAIN,
    key: Any = P384_KEY,
    **changes: Any,
) -> dict[str, Any]:
    """A signature, as an object."""
    header = headers(**changes)
    first = url64(json.dumps(header).encode() if protected is None else protected)
    second = url64(payload() if said is None else said)
    signature = signed(f"{first}.{second}".encode(), key, header.get("alg"))
    x5c = [base64.b64encode(each).decode() for each in chain]
    return {"payload": second, "protected": first, "header": {"x5c": x5c}, "signature": url64(signature)}


def envelope(change: Callable[[dict[str, Any]], Any] | None = None, **more: Any) -> bytes:
    """A signature, as the registry has it; what `change` does to it nobody signs."""
    found = parts(**more)
    if change:
        change(found)
    return json.dumps(found, separators=(",", ":")).encode()
