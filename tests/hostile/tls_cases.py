"""TLS that is refused, beyond what `cases_tls` has: odd certificates, odd versions and odd handshakes. No two names are
the same, there or here.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mariadb_protocol.constants import Capability
from tests.hostile.table import CAPABILITIES
from tests.support.rogue import Close, Compute, Drip, Expect, Generate, HalfClose, Raw, Repeat, Send, Sleep, StartTLS
from tests.support.scripts import err, greeting, ok, packets

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Union

    from tests.support.rogue import Script, Visit

    Key = Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]

GREETING = greeting(capabilities=CAPABILITIES | Capability.SSL)
ASKS = (Send(GREETING, sequence=0), Expect())  # and hears the wish for TLS
DENIED = err(1045, b"Access denied, they say")
GIVES_UP = 0.3  # seconds
MIB = 1 << 20
OLD_VERSIONS = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}


class Case(NamedTuple):
    """One connection that does not come to be.

    Attributes:
        name: what the server does.
        script: makes its part, from the certificates.
        match: pattern for the message of the error.
        options: makes further keywords of `connect()`, from the certificates.
        sealed: nothing is heard inside of TLS.
        asks: the client asks for TLS.
    """

    name: str
    script: Callable[[Forge], Script]
    match: str
    options: Callable[[Forge], dict[str, Any]] = lambda forge: {"ssl_ca": forge.ca}
    sealed: bool = True
    asks: bool = True


class Forge:
    """An authority that signs whatever it is asked to.

    Attributes:
        ca: file with its certificate.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("forge")
        usage = _usage(key_cert_sign=True, crl_sign=True)
        self._own = self._sign(self._key, self._name, (x509.BasicConstraints(True, None), True), (usage, True))
        self.ca = self.file("ca", _pem(self._own))

    def file(self, name: str, data: bytes) -> str:
        """Path of a new file."""
        path = self._folder / f"{name}.pem"
        path.write_bytes(data)
        return str(path)

    def certificate(
        self,
        name: str,
        *extensions: tuple[x509.ExtensionType, bool],
        names: Sequence[x509.GeneralName] = (x509.IPAddress(ip_address("127.0.0.1")),),
        key: Key | None = None,
        leaf_of: str = "",
    ) -> str:
        """File with a new certificate and its key; `leaf_of` is a file with the certificate that signs it."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        added = (*extensions, (x509.SubjectAlternativeName(names), False)) if names else extensions
        signer, above = None, b""
        if leaf_of:
            with open(leaf_of, "rb") as file:
                above = file.read()
            signer = serialization.load_pem_private_key(above[above.index(b"-----BEGIN PRIVATE") :], None)
        made = self._sign(key, _name(name), *added, signer=signer, issuer=_name("above") if leaf_of else None)
        return self.file(name, _pem(made) + above.partition(b"-----BEGIN PRIVATE")[0] + _private(key))

    def context(self, name: str, *extensions: Any, **keywords: Any) -> ssl.SSLContext:
        """A server's context with a new certificate."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.certificate(name, *extensions, **keywords))
        return made

    def revocation(self) -> str:
        """File with a list that revokes the certificate with serial number 99."""
        now = datetime.now(timezone.utc)
        revoked = x509.RevokedCertificateBuilder().serial_number(99).revocation_date(now).build()
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name).add_revoked_certificate(revoked)
        builder = builder.last_update(now - timedelta(1)).next_update(now + timedelta(1))
        return self.file("crl", builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _sign(
        self,
        key: Key,
        name: x509.Name,
        *extensions: tuple[x509.ExtensionType, bool],
        signer: Any = None,
        issuer: x509.Name | None = None,
    ) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        above = signer or self._key
        identifiers = (
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), False),
        )
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer or self._name)
        builder = builder.public_key(key.public_key()).serial_number(99)
        builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        for extension, critical in (*identifiers, *extensions):
            builder = builder.add_extension(extension, critical)
        return builder.sign(above, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    every = dict.fromkeys((*names, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(**{**every, **allowed})


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


# Contexts


def of_size(forge: Forge, size: int) -> ssl.SSLContext:
    """A certificate of so many bytes, most of which mean nothing."""
    waste = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(size))
    return forge.context("big", (waste, False))


def not_by_an_authority(forge: Forge) -> ssl.SSLContext:
    """A certificate that is signed by one that may not sign."""
    above = forge.certificate("above", (x509.BasicConstraints(False, None), True))
    return forge.context("leaf", leaf_of=above)


def old(forge: Forge, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A server that has no newer version of TLS."""
    context = forge.context("old")
    context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL would not do it at all
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


def anonymous(forge: Forge) -> ssl.SSLContext:
    """A server that shows no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("AECDH:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def asks_the_client(forge: Forge, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A server that wants to see the client's certificate."""
    context = forge.context("asks")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(forge.ca)
    context.maximum_version = version
    return context


def other_protocol(forge: Forge, cipher: str) -> ssl.SSLContext:
    """A server of TLS 1.2 that has only this cipher."""
    context = forge.context("cipher")
    context.set_ciphers(cipher)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def flight(share: float) -> Callable[[Forge], Compute]:
    """The first part of what a server says in the handshake, by its share of the whole."""

    def make(forge: Forge) -> Compute:
        context = forge.context("flight")

        def begin(visit: Visit) -> bytes:
            while not visit.plain[36:]:
                visit.rest(0.01)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            incoming.write(bytes(visit.plain[36:]))
            tls = context.wrap_bio(incoming, outgoing, server_side=True)
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                data = outgoing.read()
                return data[: int(share * len(data))]
            raise AssertionError("there is nothing to wait for")

        return Compute(begin)

    return make


def broken_off(share: float, *then: Any) -> Callable[[Forge], Script]:
    return lambda forge: (*ASKS, flight(share)(forge), *then)


def shows(make: Callable[[Forge], ssl.SSLContext]) -> Callable[[Forge], Script]:
    return lambda forge: (*ASKS, StartTLS(make(forge)))


def says(*steps: Any) -> Callable[[Forge], Script]:
    return lambda forge: (*ASKS, *steps)


def soon(forge: Forge) -> dict[str, Any]:
    return {"ssl_ca": forge.ca, "connect_timeout": GIVES_UP}


FAILED = "^TLS: the handshake failed: "
REFUSED = "^TLS: the server's certificate is refused: "
LOST = "^Lost connection to server on '127.0.0.1:[0-9]+' "
TIME_OUT = LOST + r"\(connect_timeout of 0\.3 s passed\)"

CASES = (
    # Before TLS
    Case(
        "an error instead of a greeting",
        lambda forge: (Send(DENIED, sequence=0), Close()),
        "came before TLS",
        asks=False,
    ),
    Case(
        "an error behind a greeting that offers TLS",
        lambda forge: (Raw(packets(0, GREETING) + packets(1, DENIED)),),
        "bytes arrived behind the greeting",
        asks=False,
    ),
    Case(
        "a second greeting, without TLS, behind the first one",
        lambda forge: (Raw(packets(0, GREETING) + packets(1, greeting(capabilities=CAPABILITIES))),),
        "bytes arrived behind the greeting",
        asks=False,
    ),
    Case("an OK of the right number instead of TLS", says(Send(ok(), sequence=2)), FAILED),
    Case("an OK, then TLS", lambda forge: (*ASKS, Send(ok(), sequence=2), StartTLS(forge.context("ok"))), FAILED),
    # Certificates
    Case("a certificate of 1 MiB", shows(lambda forge: of_size(forge, MIB)), FAILED + ".*EXCESSIVE_MESSAGE_SIZE"),
    Case(
        "a certificate for the address as a name",
        shows(lambda forge: forge.context("dns", names=[x509.DNSName("127.0.0.1")])),
        REFUSED + "IP address mismatch",
    ),
    Case(
        "a certificate with the address as its subject alone",
        shows(lambda forge: forge.context("127.0.0.1", names=())),
        REFUSED + "IP address mismatch",
    ),
    Case(
        "a certificate for every name",
        shows(lambda forge: forge.context("all", names=[x509.DNSName("*"), x509.DNSName("*.0.0.1")])),
        REFUSED + "IP address mismatch",
    ),
    Case(
        "a certificate for another address",
        shows(lambda forge: forge.context("address", names=[x509.IPAddress(ip_address("127.0.0.2"))])),
        REFUSED + "IP address mismatch",
    ),
    Case(
        "a certificate for clients alone",
        shows(
            lambda forge: forge.context("purpose", (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False))
        ),
        REFUSED + ".*purpose",
    ),
    Case("a certificate that one signed who may not", shows(not_by_an_authority), REFUSED + "invalid CA certificate"),
    Case(
        "a revoked certificate",
        shows(lambda forge: forge.context("revoked")),
        REFUSED + "certificate revoked",
        lambda forge: {"ssl_ca": forge.ca, "ssl_crl": forge.revocation()},
    ),
    Case("no certificate at all", shows(anonymous), FAILED),
    # Versions and ciphers
    *(
        Case(f"nothing but {name}", shows(lambda forge, version=version: old(forge, version)), FAILED)
        for name, version in OLD_VERSIONS.items()
    ),
    Case(
        "another cipher than the one that is demanded",
        shows(lambda forge: other_protocol(forge, "ECDHE-ECDSA-AES256-GCM-SHA384")),
        FAILED,
        lambda forge: {
            "ssl_ca": forge.ca,
            "tls_version": "TLSv1.2",
            "ssl_cipher": "ECDHE-ECDSA-AES128-GCM-SHA256",
        },
    ),
    Case(
        "a wish for a certificate that the client does not have, by TLS 1.2",
        shows(lambda forge: asks_the_client(forge, ssl.TLSVersion.TLSv1_2)),
        FAILED,
    ),
    Case(
        "a wish for a certificate that the client does not have, by TLS 1.3",
        shows(lambda forge: asks_the_client(forge, ssl.TLSVersion.TLSv1_3)),
        LOST + "(?i:.*certificate.required)",  # which comes when the server is verified, and the client has gone on
    ),
    # Handshakes that are broken off
    *(
        Case(f"{name} of the handshake, then {what}", broken_off(share, *then), match, soon)
        for name, share in (("a byte", 0.001), ("half", 0.5), ("all but a byte", 0.999))
        for what, then, match in (
            ("the end of the stream", (HalfClose(),), LOST + "|" + FAILED),
            ("silence", (Sleep(1),), TIME_OUT),
            ("junk", (Raw(b"junk" * 999),), FAILED + "|" + TIME_OUT),
        )
    ),
    Case("an OK of a byte per 50 ms instead of TLS", says(Drip(packets(2, ok()), 0.05)), FAILED + "|" + TIME_OUT, soon),
    Case("warnings for ever", says(Generate(lambda: _forever(b"\x15\3\3\0\2\1\x5a"))), FAILED + "|" + TIME_OUT, soon),
    Case(
        "empty records for ever", says(Generate(lambda: _forever(b"\x16\3\3\0\0" * 99))), FAILED + "|" + TIME_OUT, soon
    ),
    Case(
        "notices of a change of the cipher for ever",
        says(Repeat(Raw(b"\x14\3\3\0\1\1" * 99))),
        FAILED + "|" + TIME_OUT,
        soon,
    ),
    Case("the end of TLS at once", says(Raw(b"\x15\3\3\0\2\1\0"), HalfClose()), FAILED + "|" + LOST),
    Case("a message of 16 MiB", says(Raw(b"\x16\3\3\x40\0\2\xff\xff\xff" + bytes(16380))), FAILED),
)


def _forever(data: bytes) -> Any:
    while True:
        yield data
