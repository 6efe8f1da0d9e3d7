"""Certificates that `cryptography` makes, and what becomes of them when they are spoiled."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from mariadb_protocol.errors import RemoteProtocolError
from mariadb_py.core.certificate import Certificate, fingerprint
from tests.support import der
from tests.support.der import integer, sequence, spoiled, tlv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Names = Sequence[tuple[x509.ObjectIdentifier, str]]

SUBJECT = [
    (NameOID.COUNTRY_NAME, "DE"),
    (NameOID.ORGANIZATION_NAME, 'Tes/t, "Ü" + Co; <a>\\ #'),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, " lead"),
    (NameOID.EMAIL_ADDRESS, "a@b.c"),
    (NameOID.COMMON_NAME, "db.example"),
    (NameOID.SERIAL_NUMBER, "12"),
    (NameOID.DOMAIN_COMPONENT, "ex"),
]
ISSUER = [(NameOID.COMMON_NAME, "x"), (NameOID.USER_ID, "u")]
BEFORE, AFTER = datetime(2024, 3, 4, 5, 6, 7), datetime(2051, 1, 2, 3, 4, 5)


def attribute(kind: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(kind, value)


@cache
def private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def certificate() -> bytes:
    """One whose subject has many names, and whose issuer a set of two and one of no known kind."""
    odd = x509.RelativeDistinguishedName([attribute(x509.ObjectIdentifier("1.2.3.4.5"), "odd")])
    issuer = x509.RelativeDistinguishedName([attribute(*pair) for pair in ISSUER])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([attribute(*pair) for pair in SUBJECT]))
        .issuer_name(x509.Name([issuer, odd]))
        .public_key(private_key().public_key())
        .serial_number(77)
        .not_valid_before(BEFORE)
        .not_valid_after(AFTER)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("db.example")]), critical=False)
    )
    return builder.sign(private_key(), SHA256()).public_bytes(Encoding.DER)


# What Connector/Python 1.1.12 showed of this certificate, with Connector/C 3.4.10.
SUBJECT_TEXT = (
    '/C=DE/O=Tes\\/t, "\\xC3\\x9C" \\+ Co; <a>\\ #/OU= lead/emailAddress=a@b.c/CN=db.example/serialNumber=12/DC=ex'
)
ISSUER_TEXT = "/CN=x+UID=u/1.2.3.4.5=odd"


def test_a_certificate_as_connector_c_shows_it() -> None:
    assert Certificate(certificate()).info() == {
        "version": 3,
        "subject": SUBJECT_TEXT,
        "issuer": ISSUER_TEXT,
        "fingerprint": hashlib.sha256(certificate()).hexdigest().upper(),
        "not_before": BEFORE,
        "not_after": AFTER,
    }


@pytest.mark.parametrize("algorithm", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_fingerprints(algorithm: str) -> None:
    expected = hashlib.new(algorithm, certificate()).hexdigest().upper()
    assert Certificate(certificate()).fingerprint(algorithm) == expected
    assert fingerprint(certificate(), algorithm) == expected


def test_the_fingerprint_of_what_is_no_certificate() -> None:
    assert fingerprint(b"") == "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"


# Put together by hand


def name(*sets: bytes) -> bytes:
    return sequence(*(tlv(0x31, names) for names in sets))


def pair(kind: str, value: bytes) -> bytes:
    """An attribute of a name; `kind` are the bytes of its object identifier."""
    return sequence(tlv(6, bytes.fromhex(kind)), value)


CN = "550403"
ALGORITHM = sequence(der.RSA_ENCRYPTION, der.NULL)
TIME = tlv(0x17, b"240304050607Z")
BODY = {
    "version": tlv(0xA0, integer(2)),
    "serial": integer(1),
    "algorithm": ALGORITHM,
    "issuer": name(),
    "validity": sequence(TIME, tlv(0x18, b"20510102030405Z")),
    "subject": name(),
    "key": sequence(),
    "rest": b"",
}


def build(**changed: bytes) -> bytes:
    return sequence(sequence(*{**BODY, **changed}.values()), ALGORITHM, der.bits(b"signature"))


def test_the_least_that_is_a_certificate() -> None:
    assert Certificate(build()).info() == {
        "version": 3,
        "subject": "",
        "issuer": "",
        "fingerprint": hashlib.sha256(build()).hexdigest().upper(),
        "not_before": BEFORE,
        "not_after": AFTER,
    }


@pytest.mark.parametrize(("version", "number"), [(b"", 1), (tlv(0xA0, integer(1)), 2), (tlv(0xA0, integer(2)), 3)])
def test_versions(version: bytes, number: int) -> None:
    assert Certificate(build(version=version)).version == number


@pytest.mark.parametrize("rest", [tlv(0x81, b"x"), tlv(0x82, b"x"), tlv(0xA3, b"x"), tlv(0x81) + tlv(0x82) + tlv(0xA3)])
def test_what_may_follow_the_key_is_passed_over(rest: bytes) -> None:
    assert Certificate(build(rest=rest)).not_after == AFTER


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (tlv(0x0C, "é".encode()), "\\xC3\\xA9"),
        (tlv(0x13, b"a/CN=b"), "a\\/CN=b"),
        (tlv(0x14, b"\xe9"), "\\xE9"),
        (tlv(0x16, bytes(range(0x1E, 0x22)) + b"~\x7f\x80\xff"), "\\x1E\\x1F !~\\x7F\\x80\\xFF"),
        (tlv(0x1E, b"\0a"), "\\x00a"),
        (tlv(0x0C, b""), ""),
    ],
)
def test_values_are_shown_byte_by_byte(value: bytes, text: str) -> None:
    assert Certificate(build(subject=name(pair(CN, value)))).subject == f"/CN={text}"


@settings(deadline=None)
@given(st.binary())
def test_values_are_shown_in_ascii(value: bytes) -> None:
    subject = Certificate(build(subject=name(pair(CN, tlv(0x0C, value))))).subject
    assert subject.isascii()
    assert subject.isprintable()
    assert subject.replace("\\/", "").count("/") == 1


MALFORMED = [
    (b"", "wants 1 byte at offset 0, 0 left"),
    (b"-----BEGIN CERTIFICATE-----", "wants 45 bytes at offset 2, 25 left"),
    (build() + b"\0", "has 1 bytes after its last field"),
    (build()[:-1], "wants {size} bytes at offset 2, {less} left"),
    (build(rest=tlv(0xA4)), "has 2 bytes after its last field"),
    (build(rest=tlv(0xA3) + tlv(0x81)), "has 2 bytes after its last field"),
    (build(version=tlv(0xA0, integer(3))), "has a version number of 2 bits that is not 0, 1 or 2"),
    (build(version=tlv(0xA0, integer(-1))), "has a version number of 1 bits that is not 0, 1 or 2"),
    (build(version=tlv(0xA0, integer(2), b"x")), "has 1 bytes after its last field"),
    (build(version=tlv(0xA0)), "wants 1 byte at offset 0, 0 left"),
    (build(validity=sequence(TIME)), "wants 1 byte at offset 15, 0 left"),
    (build(validity=sequence(TIME, TIME, TIME)), "has 15 bytes after its last field"),
    (build(validity=sequence(TIME, tlv(0x17, b"241304050607Z"))), "has no time in b'241304050607Z'"),
    (build(subject=name(pair("80", der.NULL))), "has an OBJECT IDENTIFIER of 1 bytes: 0x80"),
    (build(subject=name(pair(CN, b""))), "wants 1 byte at offset 5, 0 left"),
    (build(subject=name(pair(CN, der.NULL * 2))), "has 2 bytes after its last field"),
    (build(issuer=sequence(sequence())), "has the tag 0x30 at offset 0, 0x31 expected"),
    (build(issuer=name(b"\x30")), "wants 1 byte at offset 1, 0 left"),
    (sequence(sequence(*BODY.values()), ALGORITHM, tlv(4)), "has the tag 0x04 at offset 80, 0x03 expected"),
]


@pytest.mark.parametrize(("data", "fact"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_certificates(data: bytes, fact: str) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed certificate") as caught:
        Certificate(data)
    assert str(caught.value).partition(" bytes: ")[2] == fact.format(size=len(build()) - 2, less=len(build()) - 3)


# Fuzzing


@settings(deadline=None)
@given(st.data())
def test_a_spoiled_certificate_is_read_or_refused(data: st.DataObject) -> None:
    try:
        found = Certificate(data.draw(spoiled(certificate())))
    except RemoteProtocolError:
        return
    assert found.version in (1, 2, 3)
    assert found.subject.isascii()
    assert found.issuer.isascii()
    assert found.not_before.tzinfo is found.not_after.tzinfo is None


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Certificate(data)
