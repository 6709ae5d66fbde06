"""A signature counts if everything about it is right: each single defect refuses it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_containers.runtime.signatures import RefusedError, certificates
from secure_containers.runtime.signatures.certificates import check_chain, read, read_pem
from secure_containers.runtime.signatures.notation import LARGEST, Signature, Trust, verify
from secure_containers.runtime.signatures.roots import ROOTS
from tests.runtime.signature_support import (
    CHAIN,
    DIGEST,
    EXPIRES,
    ISSUER,
    ISSUER_KEY,
    JOB,
    LEAF,
    NOTARY,
    NOW,
    OTHER_KEY,
    P256_KEY,
    PROFILE,
    ROOT,
    ROOT_KEY,
    SIGNED,
    TRUST,
    VERSION,
    Cert,
    envelope,
    headers,
    parts,
    payload,
    text,
    url64,
)

RSA_KEY = rsa.generate_private_key(65537, 2048)
SMALL_RSA_KEY = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is too small is tested
DAY = timedelta(days=1)


def verified(made: bytes, **more: Any) -> Signature:
    return verify(made, **{"digest": DIGEST, "trust": TRUST, "now": NOW, **more})


def refused(made: bytes, **more: Any) -> tuple[str, str]:
    with pytest.raises(RefusedError) as caught:
        verified(made, **more)
    return caught.value.reason, caught.value.words


def chain(leaf: Cert = LEAF, issuer: Cert = ISSUER, root: Cert = ROOT) -> tuple[bytes, ...]:
    return leaf.der, issuer.der, root.der


def test_a_good_signature_tells_who_has_signed_and_when() -> None:
    found = verified(envelope())
    assert (found.profile_version, found.job, found.signed_at) == (VERSION, JOB, SIGNED)
    assert [each.der for each in found.chain] == list(CHAIN)


@pytest.mark.parametrize(
    "more",
    [
        {"expiry": None},
        {"verificationPlugin": None},
        {"verificationPluginMinVersion": "1.0.298"},
        {"authenticSigningTime": "2026-05-04T05:02:01.25+02:00"},
        {"chain": chain(replace(LEAF, key=P256_KEY)), "key": P256_KEY, "alg": "ES256"},
        {"chain": chain(replace(LEAF, hash="SHA512"), replace(ISSUER, hash="SHA256"))},
        {"chain": chain(replace(LEAF, usage=("digital_signature", "content_commitment"), purposes=()))},
        {"chain": chain(replace(LEAF, issues=False, constraints_critical=False))},
        {"chain": chain(replace(LEAF, begins=SIGNED, ends=SIGNED))},
        {"chain": chain(issuer=replace(ISSUER, path_length=None))},
    ],
    ids=[
        "no expiry",
        "no plugin",
        "a version of the plugin",
        "another form of time",
        "P-256",
        "other hashes",
        "content commitment, no purpose",
        "no issuer by constraints",
        "a moment",
        "any number below",
    ],
)
def test_what_the_specification_leaves_open_is_accepted(more: dict[str, Any]) -> None:
    assert verified(envelope(**more)).profile_version == VERSION


def test_a_longer_chain_is_followed_to_its_root() -> None:
    between = replace(ISSUER, name="Between", key=OTHER_KEY, path_length=1)
    region = replace(ISSUER, issuer="Between", issuer_key=OTHER_KEY)
    verified(envelope(chain=(LEAF.der, region.der, between.der, ROOT.der)))


def test_it_may_be_of_any_version_of_a_profile_or_of_one() -> None:
    of_version = Trust(profiles=("arn:aws:signer:eu-central-1:1:/signing-profiles/x", VERSION), roots=TRUST.roots)
    assert verified(envelope(), trust=of_version).profile_version == VERSION
    of_other_version = replace(of_version, profiles=(f"{PROFILE}/ZzZzZzZzZz",))
    assert refused(envelope(), trust=of_other_version)[0] == "untrusted-profile"


# What an envelope says.


def test_it_is_of_another_image() -> None:
    assert refused(envelope(), digest="sha256:" + "2" * 64) == (
        "other-image",
        "it is the signature of another image",
    )


@pytest.mark.parametrize(
    "said", [b"{}", b'{"targetArtifact": []}', b'{"targetArtifact": {"digest": ["%s"]}}' % DIGEST.encode()]
)
def test_its_payload_names_no_image(said: bytes) -> None:
    assert refused(envelope(said=said))[0] == "other-image"


def test_its_payload_was_changed() -> None:
    other = payload("sha256:" + "2" * 64)
    made = envelope(lambda found: found.update(payload=url64(other)))
    assert refused(made, digest="sha256:" + "2" * 64)[0] == "bad-signature"


def test_its_header_was_changed() -> None:
    later = json.dumps(headers(expiry=text(NOW + 999 * DAY))).encode()
    assert refused(envelope(lambda found: found.update(protected=url64(later))))[0] == "bad-signature"


def test_it_was_made_with_another_key() -> None:
    assert refused(envelope(key=OTHER_KEY))[0] == "bad-signature"


@pytest.mark.parametrize(
    "change",
    [
        lambda signature: signature[:48] + bytes(48),
        lambda signature: bytes(96),
        lambda signature: signature + b"\0",
        lambda signature: signature[:-1],
        lambda signature: signature[:48] + b"\0" + signature[48:],
        lambda signature: signature[48:] + signature[:48],
        lambda signature: b"",
    ],
)
def test_its_signature_was_changed(change: Callable[[bytes], bytes]) -> None:
    def changed(found: dict[str, Any]) -> None:
        signature = base64.urlsafe_b64decode(found["signature"] + "==")
        found["signature"] = url64(change(signature))

    assert refused(envelope(changed))[0] == "bad-signature"


ANOTHER = "arn:aws:signer:eu-central-1:999988887777:/signing-profiles/release/AbCdEfGhIj"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"alg": "none"}, "unsupported"),
        ({"alg": None}, "unsupported"),
        ({"alg": "ES256"}, "unsupported"),
        ({"alg": "HS384"}, "unsupported"),
        ({"alg": ["ES384"]}, "unsupported"),
        ({"cty": None}, "unsupported"),
        ({"cty": "application/json"}, "unsupported"),
        ({"signingScheme": None}, "unsupported"),
        ({"signingScheme": "notary.x509"}, "unsupported"),
        ({"signingTime": text(SIGNED)}, "malformed"),
        ({"authenticSigningTime": None}, "malformed"),
        ({"authenticSigningTime": 1777863721}, "malformed"),
        ({"authenticSigningTime": "2026-05-04 03:02:01Z"}, "malformed"),
        ({"authenticSigningTime": "2026-05-04T03:02:01"}, "malformed"),
        ({"authenticSigningTime": "2026-02-30T03:02:01Z"}, "malformed"),
        ({"authenticSigningTime": text(SIGNED - 3 * DAY)}, "untrusted-chain"),
        ({"authenticSigningTime": text(SIGNED + 6 * DAY)}, "untrusted-chain"),
        ({"expiry": text(NOW)}, "expired"),
        ({"expiry": text(SIGNED)}, "malformed"),
        ({"expiry": "never"}, "malformed"),
        ({"crit": None}, "malformed"),
        ({"crit": []}, "malformed"),
        ({"crit": "io.cncf.notary.signingScheme"}, "malformed"),
        ({"crit": [1]}, "malformed"),
        ({"crit": [f"{NOTARY}signingScheme", f"{NOTARY}expiry"]}, "malformed"),
        ({"crit": [f"{NOTARY}signingScheme", f"{NOTARY}authenticSigningTime"]}, "malformed"),
        ({"crit": [f"{NOTARY}expiry", f"{NOTARY}authenticSigningTime"]}, "malformed"),
        ({"crit": [*headers()["crit"], f"{NOTARY}expiry"]}, "malformed"),
        ({"crit": [*headers()["crit"], f"{NOTARY}verificationPluginMinVersion"]}, "malformed"),
        ({"crit": [*headers()["crit"], "alg"]}, "unsupported"),
        ({"crit": [*headers()["crit"], "com.example.must"], "com.example.must": 1}, "unsupported"),
        ({"verificationPlugin": "com.example.plugin"}, "unsupported"),
        ({"verificationPluginMinVersion": "1.1.0"}, "malformed"),
        ({"com.amazonaws.signer.signingProfileVersion": None}, "malformed"),
        ({"com.amazonaws.signer.signingProfileVersion": "*"}, "malformed"),
        ({"com.amazonaws.signer.signingProfileVersion": f"{VERSION}/x"}, "malformed"),
        ({"com.amazonaws.signer.signingProfileVersion": ANOTHER}, "untrusted-profile"),
        ({"com.amazonaws.signer.signingProfileVersion": VERSION.replace("release", "release2")}, "untrusted-profile"),
        ({"com.amazonaws.signer.signingJob": None}, "malformed"),
        ({"com.amazonaws.signer.signingJob": PROFILE}, "malformed"),
    ],
    ids=str,
)
def test_its_header_says_what_is_not_allowed(more: dict[str, Any], reason: str) -> None:
    assert refused(envelope(**more))[0] == reason


def test_it_counts_until_it_expires_and_from_when_it_was_made() -> None:
    verified(envelope(), now=EXPIRES - timedelta(seconds=1))
    assert refused(envelope(), now=EXPIRES) == ("expired", f"it has expired at {EXPIRES}")
    verified(envelope(), now=SIGNED - timedelta(minutes=4))
    assert refused(envelope(), now=SIGNED - timedelta(minutes=6))[0] == "not-yet-valid"


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(more="x"),
        lambda found: found.pop("signature"),
        lambda found: found.update(header=None),
        lambda found: found.update(header={}),
        lambda found: found["header"].update(x5c="x"),
        lambda found: found["header"].update(x5c=[1]),
        lambda found: found["header"].update(x5c=["AA=="]),
        lambda found: found["header"].update(x5c=[found["header"]["x5c"][0] + "\n", *found["header"]["x5c"][1:]]),
        lambda found: found.update(payload=found["payload"] + "="),
        lambda found: found.update(payload=found["payload"] + "\n"),
        lambda found: found.update(payload=None),
        lambda found: found.update(signature=[]),
        lambda found: found.update(protected="é"),
    ],
)
def test_it_has_another_form(change: Callable[[dict[str, Any]], Any]) -> None:
    assert refused(envelope(change))[0] == "malformed"


@pytest.mark.parametrize(
    "made",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"a":1' + b"0" * 10_000 + b"}",
        b" " * LARGEST + envelope(),
        envelope()[:-1] + b',"payload":"e30"}',
    ],
    ids=["nothing", "cut", "list", "null", "bytes", "deep", "number", "large", "twice"],
)
def test_it_is_none(made: bytes) -> None:
    assert refused(made)[0] == "malformed"


def test_a_name_that_stands_twice_in_what_was_signed_is_refused() -> None:
    good = json.dumps(headers())
    assert refused(envelope(protected=f'{{"alg":"none",{good[1:]}'.encode()))[0] == "malformed"
    twice = b'{"targetArtifact":{},' + payload()[1:]
    assert refused(envelope(said=twice))[0] == "malformed"


# The chain of certificates.

EKU = "1.3.6.1.5.5.7.3."
SELF_SIGNED = Cert(name="Self", key=OTHER_KEY, issuer="Self", issuer_key=OTHER_KEY)


@pytest.mark.parametrize(
    ("certificates", "words"),
    [
        ((), "0 certificates; 2 to 8 are allowed"),
        ((ROOT.der,), "1 certificates"),
        ((LEAF.der,) + 8 * (ROOT.der,), "9 certificates"),
        (CHAIN[:2], "is not a trusted root"),
        (chain(root=replace(ROOT, key=OTHER_KEY, issuer_key=OTHER_KEY)), "is not a trusted root"),
        (chain(root=replace(ROOT, begins=SIGNED - DAY)), "is not a trusted root"),
        ((SELF_SIGNED.der, ROOT.der), "certificate 0 was not issued by certificate 1"),
        ((LEAF.der, ROOT.der), "certificate 0 was not issued by certificate 1"),
        ((ISSUER.der, LEAF.der, ROOT.der), "certificate 0 may issue certificates"),
        (chain(replace(LEAF, issuer_key=OTHER_KEY)), "certificate 0 was not issued by certificate 1"),
        (chain(replace(LEAF, issuer="Another")), "certificate 0 was not issued by certificate 1"),
        (chain(issuer=replace(ISSUER, issuer_key=OTHER_KEY)), "certificate 1 was not issued by certificate 2"),
        (chain(replace(LEAF, begins=SIGNED + DAY)), "certificate 0 is valid from 2026-05-05"),
        (chain(replace(LEAF, ends=SIGNED - DAY)), "certificate 0 is valid from"),
        (chain(issuer=replace(ISSUER, ends=SIGNED - DAY)), "certificate 1 is valid from"),
        (chain(issuer=replace(ISSUER, issues=None)), "certificate 1 may not issue certificates"),
        (chain(issuer=replace(ISSUER, issues=False, path_length=None)), "certificate 1 may not issue certificates"),
        (chain(issuer=replace(ISSUER, usage=None)), "certificate 1 has no critical key usage with certificate signing"),
        (chain(issuer=replace(ISSUER, usage_critical=False)), "certificate 1 has no critical key usage"),
        (chain(issuer=replace(ISSUER, usage=("crl_sign",))), "certificate 1 has no critical key usage"),
        (chain(replace(LEAF, issues=True)), "certificate 0 may issue certificates"),
        (chain(replace(LEAF, usage=None)), "certificate 0 has no critical key usage with digital signature"),
        (chain(replace(LEAF, usage_critical=False)), "certificate 0 has no critical key usage"),
        (chain(replace(LEAF, usage=("content_commitment",))), "certificate 0 has no critical key usage"),
        *(
            (chain(replace(LEAF, usage=("digital_signature", "key_agreement", each))), "has a key usage beside")
            for each in (
                "key_encipherment",
                "data_encipherment",
                "key_cert_sign",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            )
        ),
        *(
            (chain(replace(LEAF, purposes=(f"{EKU}3", purpose))), f"is for {name}")
            for purpose, name in (
                (f"{EKU}1", "server authentication"),
                (f"{EKU}2", "client authentication"),
                (f"{EKU}4", "e-mail protection"),
                (f"{EKU}8", "time stamping"),
                (f"{EKU}9", "OCSP signing"),
                ("2.5.29.37.0", "any"),
            )
        ),
    ],
)
def test_a_chain_that_does_not_hold_is_refused(certificates: tuple[bytes, ...], words: str) -> None:
    reason, said = refused(envelope(chain=certificates))
    assert reason == "untrusted-chain"
    assert words in said


def test_an_issuer_has_no_more_issuers_below_it_than_it_may() -> None:
    between = replace(ISSUER, name="Between", key=OTHER_KEY, path_length=0)
    region = replace(ISSUER, issuer="Between", issuer_key=OTHER_KEY)
    reason, words = refused(envelope(chain=(LEAF.der, region.der, between.der, ROOT.der)))
    assert (reason, words) == ("untrusted-chain", "certificate 2 may have 0 issuers below it, and has 1")


@pytest.mark.parametrize(
    ("leaf", "key", "words"),
    [
        (replace(LEAF, key=SMALL_RSA_KEY), None, "not of an elliptic curve"),
        (replace(LEAF, key=RSA_KEY), RSA_KEY, "not of an elliptic curve"),
        (replace(LEAF, key=ec.generate_private_key(ec.SECP256K1())), None, "not on P-256 or P-384"),
        (replace(LEAF, key=ed25519.Ed25519PrivateKey.generate()), None, "not of an elliptic curve"),
        (replace(LEAF, hash="SHA224"), None, "its signature is not ECDSA with"),
        (replace(LEAF, issuer_key=RSA_KEY), None, "its signature is not ECDSA with"),
        (replace(LEAF, issues=True, constraints_critical=False), None, "its basic constraints are not critical"),
    ],
    ids=["RSA 1024", "RSA", "another curve", "Ed25519", "SHA-224", "issued by RSA", "constraints"],
)
def test_a_certificate_of_another_kind_is_refused(leaf: Cert, key: Any, words: str) -> None:
    reason, said = refused(envelope(chain=chain(leaf), key=key or OTHER_KEY, alg="PS256" if key else "ES384"))
    assert reason == "malformed"
    assert words in said


def test_a_root_that_is_not_valid_at_signing_is_refused() -> None:
    root = replace(ROOT, begins=SIGNED + DAY)
    trust = replace(TRUST, roots=(read(root.der),))
    assert refused(envelope(chain=chain(root=root)), trust=trust)[0] == "untrusted-chain"


# Reading certificates.


@pytest.mark.parametrize("cert", [LEAF, ISSUER, ROOT, replace(LEAF, key=P256_KEY)])
def test_a_certificate_is_read_as_by_openssl(cert: Cert) -> None:
    ours, theirs = read(cert.der), x509.load_der_x509_certificate(cert.der)
    assert ours.signed == theirs.tbs_certificate_bytes
    assert (ours.begins, ours.ends) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
    assert (ours.issuer, ours.subject) == (theirs.issuer.public_bytes(), theirs.subject.public_bytes())
    point = b"\4" + b"".join(each.to_bytes(ours.curve.size) for each in ours.key)
    assert point == theirs.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert ours.fingerprint == theirs.fingerprint(hashes.SHA256()).hex()


@pytest.mark.parametrize(
    ("written", "year"), [(b"491231235959Z", 2049), (b"500101000000Z", 1950), (b"680101000000Z", 1968)]
)
def test_a_year_of_two_digits_is_of_1950_to_2049(written: bytes, year: int) -> None:
    der = replace(LEAF, ends=SIGNED).der
    assert read(der.replace(b"260504030201Z", written)).ends.year == year


@pytest.mark.parametrize("written", [b"2605 4030201Z", b"261304030201Z", b"26050403020\xb2Z", b"2605040302010"])
def test_what_is_no_time_is_refused(written: bytes) -> None:
    with pytest.raises(RefusedError, match="cannot be read"):
        read(replace(LEAF, ends=SIGNED).der.replace(b"260504030201Z", written))


def test_lengths_are_of_der() -> None:
    assert LEAF.der[:2] == b"\x30\x82"
    indefinite = b"\x30\x80" + LEAF.der[4:] + b"\0\0"
    longer = b"\x30\x83\0" + LEAF.der[2:]
    for der in (b"", b"\x30", indefinite, longer, LEAF.der + b"\0", LEAF.der[:-1], b"\x3f" + LEAF.der[1:]):
        with pytest.raises(RefusedError, match="cannot be read"):
            read(der)


ISSUES = b"\x30\x06\x01\x01\xff\x02\x01\x00"
CURVE, HASH = b"\x06\x05\x2b\x81\x04\x00\x22", b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"
KEY_USAGE = b"\x06\x03\x55\x1d\x0f"


@pytest.mark.parametrize(
    ("cert", "good", "bad"),
    [
        (LEAF, b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01"),
        (LEAF, b"\xa0\x03\x02\x01\x02", b"\xa1\x03\x02\x01\x02"),
        (LEAF, b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x04\x01\x02"),
        (LEAF, HASH, HASH[:-1] + b"\x02"),
        (LEAF, b"\x17\x0d2605", b"\x0c\x0d2605"),
        (LEAF, CURVE, b"\x04" + CURVE[1:]),
        (LEAF, CURVE, CURVE[:-1] + b"\x0a"),
        (LEAF, b"\x03\x62\x00\x04", b"\x04\x62\x00\x04"),
        (LEAF, b"\x03\x62\x00\x04", b"\x03\x62\x01\x04"),
        (LEAF, b"\x03\x62\x00\x04", b"\x03\x62\x00\x02"),
        (LEAF, KEY_USAGE, b"\x04" + KEY_USAGE[1:]),
        (LEAF, KEY_USAGE, b"\x06\x03\x55\x1d\x25"),
        (LEAF, b"\x01\x01\xff\x04\x04\x03\x02", b"\x01\x01\x01\x04\x04\x03\x02"),
        (LEAF, b"\x01\x01\xff\x04\x04\x03\x02", b"\x02\x01\xff\x04\x04\x03\x02"),
        (LEAF, b"\x01\x01\xff\x04\x04\x03\x02", b"\x01\x01\xff\x03\x04\x03\x02"),
        (LEAF, b"\x04\x04\x03\x02", b"\x04\x04\x05\x02"),
        (ISSUER, ISSUES, ISSUES[:-1] + b"\xff"),
        (ISSUER, ISSUES, ISSUES[:5] + b"\x04\x01\x00"),
        (ISSUER, ISSUES, b"\x31" + ISSUES[1:]),
    ],
)
def test_what_is_not_as_it_has_to_be_is_refused(cert: Cert, good: bytes, bad: bytes) -> None:
    assert good in cert.der
    with pytest.raises(RefusedError, match="cannot be read"):
        read(cert.der.replace(good, bad, 1))


def test_a_key_that_is_no_point_is_refused() -> None:
    start = LEAF.der.index(b"\x03\x62\x00\x04") + 4
    moved = LEAF.der[:start] + bytes([LEAF.der[start] ^ 1]) + LEAF.der[start + 1 :]
    with pytest.raises(RefusedError, match="its key is no point of P-384"):
        read(moved)


def test_what_is_false_may_be_written() -> None:
    written = read(ISSUER.der.replace(ISSUES, b"\x30\x06\x01\x01\x00\x02\x01\x00"))
    assert (written.issues, written.longest_below) == (False, None)
    uncritical = read(LEAF.der.replace(b"\x01\x01\xff\x04\x04\x03\x02", b"\x01\x01\x00\x04\x04\x03\x02"))
    assert uncritical.usage == frozenset()


@pytest.mark.parametrize("content", [b"", b"\0\1", b"\xff\x80"])
def test_an_integer_has_one_spelling(content: bytes) -> None:
    with pytest.raises(ValueError, match="integer"):
        certificates._integer(certificates._Element(2, content, b""))
    assert certificates._integer(certificates._Element(2, b"\0\x80", b"")) == 128


def test_the_root_of_aws_is_its_root() -> None:
    (root,) = read_pem(ROOTS["aws"])
    assert root.fingerprint == "90a87d0543c3f094dbff9589b6649affe2f3d6e0f308799be2258461c686473f"
    assert root.is_issued_by(root)
    theirs = x509.load_der_x509_certificate(root.der)
    name = "CN=AWS Signer Code Signing Root CA G1,ST=WA,OU=Cryptography,O=AWS,C=US"
    assert theirs.subject.rfc4514_string() == name
    assert (root.begins.isoformat(), root.ends.isoformat()) == (
        "2022-10-27T21:33:22+00:00",
        "2122-10-27T22:33:22+00:00",
    )


def test_several_roots_stand_one_after_the_other() -> None:
    pem = "".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode() for der in CHAIN)
    assert [each.der for each in read_pem(pem)] == list(CHAIN)
    for text_ in ("", "x", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"):
        with pytest.raises(RefusedError, match="malformed"):
            read_pem(text_)


# What AWS Signer is asked.


def test_certificates_are_named_by_their_hash_and_their_issuers() -> None:
    asked = verified(envelope()).revocation_question()
    hashed = []
    for der in CHAIN:
        digest = hashes.Hash(hashes.SHA384())
        digest.update(x509.load_der_x509_certificate(der).tbs_certificate_bytes)
        hashed.append(digest.finalize().hex())
    leaf, issuer, root = hashed
    assert asked == {
        "signatureTimestamp": SIGNED,
        "platformId": "Notation-OCI-SHA384-ECDSA",
        "profileVersionArn": VERSION,
        "jobArn": JOB,
        "certificateHashes": [leaf + issuer, issuer + root, root + root],
    }


# Whatever the bytes are.

GOOD = envelope()


def content(made: bytes) -> Any:
    found = json.loads(made)
    return found["payload"], found["protected"], found["signature"], found["header"]["x5c"]


@given(st.data())
@settings(max_examples=300)
def test_no_change_of_bytes_makes_another_signature(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD)))
    to = data.draw(st.integers(at, min(len(GOOD), at + 3)))
    made = GOOD[:at] + data.draw(st.binary(max_size=3)) + GOOD[to:]
    try:
        verified(made)
    except RefusedError:
        return
    assert content(made) == content(GOOD)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(headers()["crit"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from([*headers(), "header", "payload", "protected", "signature"]), said=JSON)
@settings(max_examples=200)
def test_no_value_in_an_envelope_makes_it_fail(name: str, said: Any) -> None:
    """Signed with the right key, so that what is behind the signature is reached too."""
    if name in headers():
        made = envelope(**{name: said})
        same = said == headers()[name] or (said is None and name.endswith(("expiry", "Plugin")))
    else:
        made, same = json.dumps({**parts(), name: said}).encode(), False
    try:
        verified(made)
    except RefusedError:
        assert not same
        return
    assert same


@given(st.data())
@settings(max_examples=300)
def test_no_change_of_a_certificate_is_a_chain(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, 2))
    der = CHAIN[place]
    at = data.draw(st.integers(0, len(der) - 1))
    changed = der[:at] + data.draw(st.binary(max_size=2)) + der[data.draw(st.integers(at, at + 2)) :]
    if changed == der:
        return
    with pytest.raises(RefusedError):
        check_chain([read(changed if here == place else each) for here, each in enumerate(CHAIN)], TRUST.roots, SIGNED)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(made: bytes) -> None:
    with pytest.raises(RefusedError):
        verified(made)
    with pytest.raises(RefusedError):
        read(made)


def test_keys_of_the_authority_are_not_used_for_images() -> None:
    assert refused(envelope(key=ISSUER_KEY))[0] == "bad-signature"
    assert refused(envelope(key=ROOT_KEY))[0] == "bad-signature"
