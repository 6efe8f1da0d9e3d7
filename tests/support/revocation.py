"""An authority that revokes, folders as OpenSSL looks things up in them, and keys that are encrypted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from hashlib import sha1
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_NOW = datetime.now(timezone.utc)
_DAY = timedelta(days=1)
_USAGE = dict.fromkeys(
    (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)


class Revoking:
    """An authority, two certificates for localhost and 127.0.0.1, and lists of those that are revoked.

    Attributes:
        ca: file with the authority's certificate.
        kept, revoked: files with a certificate and its key each.
        crl: file with the list that has `revoked`.
        empty: file with a list that has none.
        cas: folder that has the authority under the name that OpenSSL looks for.
        crls: folder that has `crl` so.
    """

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "revoking")])
        usage = x509.KeyUsage(**{**_USAGE, "key_cert_sign": True, "crl_sign": True})
        authority = self._certificate("revoking", self._key, (x509.BasicConstraints(True, None), usage))
        certificate = authority.public_bytes(serialization.Encoding.PEM)
        self.ca = _written(folder / "revoking.pem", certificate)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        serials = {}
        for name in ("kept", "revoked"):
            key = ec.generate_private_key(ec.SECP256R1())
            leaf = self._certificate(name, key, (x509.BasicConstraints(False, None), names))
            serials[name] = leaf.serial_number
            _written(folder / f"{name}.pem", leaf.public_bytes(serialization.Encoding.PEM) + private_key(key))
        self.kept, self.revoked = str(folder / "kept.pem"), str(folder / "revoked.pem")
        self.empty = _written(folder / "empty.crl", self._list())
        self.crl = _written(folder / "revoked.crl", self._list(serials["revoked"]))
        # The hash of a name in lower case without its outermost tag and length.
        looked_for = sha1(self._name.public_bytes()[2:], usedforsecurity=False).digest()[3::-1].hex()
        for kind, contents in (("0", certificate), ("r0", self._list(serials["revoked"]))):
            subfolder = folder / f"folder {kind}"
            subfolder.mkdir()
            _written(subfolder / f"{looked_for}.{kind}", contents)
        self.cas, self.crls = str(folder / "folder 0"), str(folder / "folder r0")

    def _certificate(
        self, name: str, key: ec.EllipticCurvePrivateKey, extensions: tuple[x509.ExtensionType, ...]
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOW - _DAY)
            .not_valid_after(_NOW + 10 * _DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=not isinstance(extension, x509.SubjectAlternativeName))
        return builder.sign(self._key, hashes.SHA256())

    def _list(self, *serials: int) -> bytes:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(_NOW - _DAY)
            .next_update(_NOW + _DAY)
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_NOW - _DAY).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def private_key(key: ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> bytes:
    """A private key as PEM, encrypted if there is a passphrase."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def encrypted(chain: str, passphrase: bytes) -> bytes:
    """The key in a file with a certificate and its key, encrypted, as PEM."""
    with open(chain, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return private_key(key, passphrase)


def _written(path: Path, contents: bytes) -> str:
    path.write_bytes(contents)
    return str(path)
