"""The certificate of a peer, read as far as `tls_peer_cert_info` shows it.

`ssl` takes a certificate apart only after it has verified it, and hands out others as bytes. Knows no TLS and verifies
nothing; what it reads may come from anybody. Source: RFC 5280 section 4.1.
"""

from __future__ import annotations

from mariadb_protocol.crypto.der import BIT_STRING, INTEGER, SEQUENCE, SET, DerReader, explicit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any

VERSIONS = (1, 2, 3)

# Kinds of attributes in names -> what OpenSSL calls them; others appear as numbers.
ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.41": "name",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.45": "x500UniqueIdentifier",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}
_OPTIONAL = (0x81, 0x82, explicit(3))  # unique identifiers of issuer and subject, extensions
_ESCAPES = {**{byte: f"\\x{byte:02X}" for byte in (*range(0x20), *range(0x7F, 0x100))}, 0x2F: "\\/", 0x2B: "\\+"}


class Certificate:
    """An X.509 certificate.

    Attributes:
        der: the certificate as it came.
        version: 1, 2 or 3.
        subject, issuer: names in the form of OpenSSL's X509_NAME_oneline, which Connector/C shows too:
            "/C=DE/CN=db.example". To show, not to decide by: values are bytes, shown in ASCII with \\x escapes.
        not_before, not_after: when it is valid, in UTC (naive).

    Raises:
        RemoteProtocolError: it is malformed.
    """

    __slots__ = ("der", "issuer", "not_after", "not_before", "subject", "version")

    def __init__(self, der: bytes) -> None:
        self.der = der
        outer = DerReader(der, "certificate")
        signed = outer.inside()
        outer.done()
        body = signed.inside()
        signed.take(SEQUENCE)  # the algorithm of the signature that follows
        signed.take(BIT_STRING)
        signed.done()
        self.version = _version(body)
        body.take(INTEGER)  # serial number
        body.take(SEQUENCE)  # the algorithm once more
        self.issuer = _name(body.inside())
        self.not_before, self.not_after = _validity(body.inside())
        self.subject = _name(body.inside())
        body.take(SEQUENCE)  # public key
        for tag in _OPTIONAL:
            body.optional(tag)
        body.done()

    def fingerprint(self, algorithm: str = "sha256") -> str:
        """See `fingerprint()`."""
        return fingerprint(self.der, algorithm)

    def info(self) -> dict[str, Any]:
        """What Connector/Python's `tls_peer_cert_info` returns; the fingerprint is that of SHA-256."""
        return {
            "version": self.version,
            "subject": self.subject,
            "issuer": self.issuer,
            "fingerprint": self.fingerprint(),
            "not_before": self.not_before,
            "not_after": self.not_after,
        }


def fingerprint(der: bytes, algorithm: str = "sha256") -> str:
    """The hash of a certificate, as upper-case hexadecimal digits without colons.

    Args:
        der: the certificate; it is not looked into.
        algorithm: name of the hash, as in `hashlib.new()`.
    """
    import hashlib

    return hashlib.new(algorithm, der).hexdigest().upper()


def _version(body: DerReader) -> int:
    wrapped = body.optional(explicit(0))
    if wrapped is None:
        return VERSIONS[0]
    reader = DerReader(wrapped, body.what)
    version = reader.integer()
    reader.done()
    if version + 1 not in VERSIONS:
        raise body.malformed(f"has a version number of {version.bit_length()} bits that is not 0, 1 or 2")
    return version + 1


def _validity(reader: DerReader) -> tuple[datetime, datetime]:
    not_before, not_after = reader.time(), reader.time()
    reader.done()
    return not_before, not_after


def _name(reader: DerReader) -> str:
    """Sets of attributes, which hardly ever have more than one: "/C=DE/CN=db.example+UID=db"."""
    return "".join("/" + "+".join(map(_attribute, _each(names, SEQUENCE))) for names in _each(reader, SET))


def _each(reader: DerReader, tag: int) -> Iterator[DerReader]:
    while reader.left():
        yield reader.inside(tag)


def _attribute(reader: DerReader) -> str:
    kind = reader.oid()
    _, value = reader.element()
    reader.done()
    return f"{ATTRIBUTES.get(kind, kind)}={value.decode('latin-1').translate(_ESCAPES)}"
