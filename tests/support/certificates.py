"""Certificates for tests, good ones and faulty ones, made anew each time."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Validity = tuple[datetime, datetime]

_DAY, _YEAR = timedelta(days=1), timedelta(days=365)
_HERE = ("localhost", "127.0.0.1")


class Certificates:
    """Files with certificates and keys. Made by `certificates()`.

    Attributes:
        ca: file with the certificate of the authority that signs all but "self-signed" and "other ca".
        other_ca: file with that of another authority.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca = str(folder / "ca.pem")
        self.other_ca = str(folder / "other_ca.pem")

    def chain(self, name: str) -> str:
        """The file with this certificate and its key."""
        return str(self._folder / f"{name}.pem")

    def context(self, name: str) -> ssl.SSLContext:
        """A server's context with this certificate; "name, TLS 1.2" is for one that has nothing newer."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name, _, version = name.partition(", ")
        if version:
            context.maximum_version = {"TLS 1.2": ssl.TLSVersion.TLSv1_2}[version]
        context.load_cert_chain(self.chain(name))
        return context

    def fingerprint(self, name: str) -> bytes:
        """SHA-256 of this certificate."""
        with open(self.chain(name), encoding="ascii") as file:
            return sha256(ssl.PEM_cert_to_DER_cert(file.read().partition("-----BEGIN PRIVATE")[0])).digest()


def certificates(folder: Path) -> Certificates:
    """Make an authority, another one, and certificates for a server at localhost and 127.0.0.1, most of them faulty."""
    now = datetime.now(timezone.utc)
    valid = (now - _DAY, now + _YEAR)
    own, other = _Authority("own"), _Authority("other")
    (folder / "ca.pem").write_bytes(own.certificate)
    (folder / "other_ca.pem").write_bytes(other.certificate)
    for name, signer, validity, hosts in (
        ("good", own, valid, _HERE),
        ("expired", own, (now - _YEAR, now - _DAY), _HERE),
        ("not yet", own, (now + _DAY, now + _YEAR), _HERE),
        ("wrong name", own, valid, ("elsewhere.invalid",)),
        ("self-signed", None, valid, _HERE),
        ("other ca", other, valid, _HERE),
        ("client", own, valid, ()),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.pem").write_bytes(_sign(signer, name, key, validity, hosts) + private)
    return Certificates(folder)


class _Authority:
    """A certificate authority."""

    def __init__(self, name: str) -> None:
        now = datetime.now(timezone.utc)
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = _sign(self, name, self.key, (now - 2 * _YEAR, now + 2 * _YEAR), None)


def _sign(
    signer: _Authority | None,
    name: str,
    key: ec.EllipticCurvePrivateKey,
    validity: Validity,
    hosts: Sequence[str] | None,
) -> bytes:
    """A certificate for `key` as PEM; self-signed without a signer. `hosts` None is for an authority."""
    signing, issuer = (key, name) if signer is None else (signer.key, signer.name)
    names = [x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts or ()]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.BasicConstraints(ca=hosts is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if hosts is None:
        builder = builder.add_extension(_AUTHORITY_USAGE, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


# Python 3.13 checks chains strictly, and wants an authority to say that it may sign.
_AUTHORITY_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
