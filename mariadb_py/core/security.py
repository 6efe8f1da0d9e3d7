"""What the user's options say about TLS and passwords: what is demanded of a connection, and how it is protected.

Decides; opens nothing and reads no file. Knows no `ssl`.
"""

from __future__ import annotations

from mariadb_protocol import Proof, Security
from mariadb_protocol.constants import Capability
from mariadb_protocol.security import Secretive

from ..exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any

    from mariadb_protocol import Session
    from mariadb_protocol.crypto import Crypto

    from .options import ConnectOptions

ALGORITHMS = {64: "sha256", 96: "sha384", 128: "sha512", 56: "sha224"}  # by the number of hexadecimal digits
VERSIONS = ("TLSv1.2", "TLSv1.3")


def read_fingerprint(text: str) -> str:
    """A fingerprint in capitals and without colons.

    Raises:
        ValueError: it is none.
    """
    digits = "".join(text.split()).replace(":", "").upper()
    if set(digits) <= set("0123456789ABCDEF"):
        if len(digits) in ALGORITHMS:
            return digits
        if len(digits) in (32, 40):
            raise ValueError("is of MD5 or SHA-1, which are too weak; take SHA-256")
    raise ValueError("is the SHA-256 (SHA-224, -384, -512) of a certificate in hexadecimal, or several")


def read_fingerprints(text: str) -> tuple[str, ...]:
    """All fingerprints of a text, which are separated by commas or lines.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(read_fingerprint(one) for one in text.replace("\n", ",").split(",") if one.strip())


def read_versions(text: str) -> tuple[str, str]:
    """Least and greatest version of a list such as "TLSv1.2,TLSv1.3", or a range "TLSv1.2..TLSv1.3".

    Raises:
        ValueError: a version is unknown, or none of them is spoken.
    """
    names = [name.strip().upper().replace("_", ".") for name in text.replace("..", ",").split(",")]
    wanted = [("TLSv" + name[3:].removeprefix("V") if name.startswith("TLS") else name) for name in names]
    for name in wanted:
        if name not in (*VERSIONS, "TLSv1", "TLSv1.0", "TLSv1.1"):
            raise ValueError("is a list of TLSv1.2 and TLSv1.3")
    between = ".." in text
    usable = [name for name in VERSIONS if name in wanted or (between and min(wanted) < name < max(wanted))]
    if not usable:
        raise ValueError("needs TLSv1.2 or TLSv1.3: older versions are obsolete (RFC 8996)")
    return usable[0], usable[-1]


class TLSOptions(Secretive):
    """What the user asks of TLS. Two with the same values are equal.

    Attributes:
        context: a ready context, which decides everything but the fingerprints; None: one is made.
        ca, capath: files and folder of the authorities that are trusted; None: those of the system, if any count.
        cert, key, passphrase: the client's certificate, its key, and what the key is encrypted with.
        cipher: OpenSSL's cipher list, for TLS 1.2.
        crl, crlpath: file and folder of revoked certificates.
        version: (least, greatest), each "TLSv1.2" or "TLSv1.3".
        verify: as `ssl_verify_cert` was given.
        fingerprints: digests of certificates in hexadecimal, in capitals.
        fingerprint_list: file of such.
    """

    __slots__ = (
        *("ca", "capath", "cert", "cipher", "context", "crl", "crlpath", "fingerprint_list", "fingerprints"),
        *("key", "passphrase", "verify", "version"),
    )

    context: ssl.SSLContext | None
    ca: str | None
    capath: str | None
    cert: str | None
    key: str | None
    passphrase: str | None
    cipher: str | None
    crl: str | None
    crlpath: str | None
    version: tuple[str, str] | None
    verify: bool | None
    fingerprints: tuple[str, ...]
    fingerprint_list: str | None

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> TLSOptions | None:
        """The options of TLS among those of connect(); None: nobody asks for TLS.

        Raises:
            ProgrammingError: it is switched off, and asked for by another option; or a context and another option say
                how to do the same.
        """
        tls = cls()
        for attribute, name in _NAMES.items():
            setattr(tls, attribute, values[name])
        wanted = values["ssl"]
        tls.context = None if wanted is None or isinstance(wanted, (bool, int)) else wanted
        implied = tls.implied() or ("client_flag" if values["client_flag"] & Capability.SSL else None)
        if implied and wanted is not None and not wanted:
            raise ProgrammingError(f"ssl is switched off, and {implied} asks for TLS")
        for attribute in _NAMES if tls.context is not None else ():
            # Overlooked, it would not do what it promises.
            if getattr(tls, attribute) and attribute not in _BESIDE_CONTEXT:
                raise ProgrammingError(f"ssl is a context, which decides by itself: {_NAMES[attribute]} is too much")
        return tls if wanted or implied else None

    def implied(self) -> str | None:
        """The name of an option that makes no sense without TLS; None if there is none."""
        for attribute, name in _NAMES.items():
            if getattr(self, attribute):
                return name
        return None

    @property
    def key_of(self) -> tuple[object, ...]:
        """All values, for a dict."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TLSOptions) and self.key_of == other.key_of

    def __hash__(self) -> int:
        return hash(self.key_of)

    def __repr__(self) -> str:
        """Without the passphrase."""
        shown = (name for name in self.__slots__ if name != "passphrase" and getattr(self, name))
        return f"TLSOptions({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


_NAMES = {
    **{name: f"ssl_{name}" for name in ("ca", "capath", "cert", "key", "passphrase", "cipher", "crl", "crlpath")},
    "version": "tls_version",
    "verify": "ssl_verify_cert",
    "fingerprints": "tls_peer_fp",
    "fingerprint_list": "tls_peer_fp_list",
}
_BESIDE_CONTEXT = ("fingerprints", "fingerprint_list")
TLS_NAMES = frozenset(_NAMES.values())  # of connect()


class Plan:
    """How a server is verified.

    Attributes:
        tls: what the user asks for.
        chain: the certificate must be of a trusted authority.
        hostname: and for the host that was connected to.
        fingerprint: the certificate must be one of those that are listed.
        proof: one of `Proof`.
        otherwise: the plan for a server whose certificate is of no trusted authority; None: it is refused.
        warn: tell the user if the server turns out to be unverified.
    """

    __slots__ = ("chain", "fingerprint", "hostname", "otherwise", "proof", "tls", "warn")

    def __init__(
        self,
        tls: TLSOptions,
        *,
        chain: bool = False,
        hostname: bool = False,
        fingerprint: bool = False,
        proof: str = Proof.IGNORED,
        otherwise: Plan | None = None,
        warn: bool = False,
    ) -> None:
        self.tls = tls
        self.chain = chain
        self.hostname = hostname
        self.fingerprint = fingerprint
        self.proof = proof
        self.otherwise = otherwise
        self.warn = warn


def plan(tls: TLSOptions, local: bool) -> Plan:
    """How a server is verified.

    Args:
        tls: what the user asks for.
        local: it is reached by a unix socket, which has no host name, and is whose its place in the file system says.
    """
    if tls.fingerprints or tls.fingerprint_list:
        return Plan(tls, fingerprint=True)
    # A ready context verifies, or does not, by itself.
    if tls.context is not None or tls.verify is False:
        return Plan(tls)
    if tls.ca or tls.capath or tls.crl or tls.crlpath:
        return Plan(tls, chain=True, hostname=not local)
    if local:
        return Plan(tls)
    if tls.verify:
        return Plan(tls, chain=True, hostname=True, otherwise=Plan(tls, proof=Proof.REQUIRED))
    return Plan(tls, proof=Proof.WANTED, warn=True)


def security(options: ConnectOptions, chosen: Plan | None, public_key: bytes, crypto: Crypto) -> Security:
    """What the protocol layer has to demand and may use."""
    return Security(
        tls=options.tls is not None,
        proof=Proof.IGNORED if chosen is None else chosen.proof,
        plugins=frozenset(options.auth_plugins) if options.auth_plugins is not None else None,
        public_key=public_key,
        retrieve_public_key=options.allow_public_key_retrieval,
        prompt=options.auth_prompt,
        gssapi=options.auth_gssapi,
        crypto=crypto,
    )


UNVERIFIED = (
    "The TLS connection to '{}' is encrypted, but the server may be anybody: its certificate was not verified. Give "
    "ssl_ca=... (a CA), tls_peer_fp=... (a fingerprint) or ssl_verify_cert=True, or ssl_verify_cert=False to say that "
    "this is intended."
)


def describe(session: Session, encryption: str) -> str:
    """In words, how a connection is protected."""
    channel = session.channel
    if channel.encrypted:
        transport = f"encrypted by {encryption}"
        if channel.verified:
            transport += f", server verified by {channel.verified}"
        elif not channel.local:
            transport += ", server not verified"
    else:
        transport = "not encrypted"
    if channel.local:
        transport = f"unix socket, {transport}"
    return f"{transport}; authentication by {session.plugin or 'the server alone'}"
