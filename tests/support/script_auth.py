"""Logins for scripts: the channels, the user's demands, and what a server computes; code of its own, as the encoder."""

from __future__ import annotations

from functools import cache
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, Any, Callable, Union

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mariadb_protocol import Credentials, Session
from mariadb_protocol.auth.plugin import Attempt
from mariadb_protocol.constants import Capability, Limits
from mariadb_protocol.crypto import Crypto
from mariadb_protocol.handshake import WANTED
from mariadb_protocol.security import Channel, Security, Verified
from tests.support.script_fields import handshake_fields, payloads, proves
from tests.support.scripts import AUTOCOMMIT, CHALLENGE, Script, call, greeting, server, switch

if TYPE_CHECKING:
    from tests.support.scripts import Step

# What a client says: the payload, or what must hold of it. What a server says: one payload, or several at once.
Said = Union[bytes, list[bytes], Callable[[bytes], bool]]

SECRET = b"s3cret"
USER = Credentials(b"app", SECRET)
OTHER = bytes(range(0x61, 0x75))
LONG = bytes(range(0x40, 0x60))  # a challenge of 32 bytes
CERTIFICATE = b"a certificate in DER"
OFFERS = WANTED | Capability.CONNECT_WITH_DB
NATIVE = switch(b"mysql_native_password", OTHER + b"\0")

# name -> (unix socket, encrypted, verified by)
CHANNELS = {
    "plain": (False, False, Verified.NO),
    "unix socket": (True, False, Verified.NO),
    "TLS by chain": (False, True, Verified.CHAIN),
    "TLS by fingerprint": (False, True, Verified.FINGERPRINT),
    "TLS unverified": (False, True, Verified.NO),
    "TLS proven": (False, True, Verified.PROOF),
    "unix socket, TLS unverified": (True, True, Verified.NO),
}


def fixed_bytes(count: int) -> bytes:
    """Random bytes that are always the same."""
    return bytes(range(200, 200 + count))


def _sign(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


# Signs by `cryptography`, which is quick enough for scripts that are played a thousand times.
CRYPTO = Crypto(fixed_bytes, sign=_sign)


def channel(name: str) -> Channel:
    """One of CHANNELS."""
    made = Channel(CHANNELS[name][0])
    _, made.encrypted, made.verified = CHANNELS[name]
    made.certificate = CERTIFICATE if made.encrypted else b""
    return made


def attempt(password: bytes = SECRET, way: str = "plain", limits: Limits | None = None, **security: Any) -> Attempt:
    """A login over this channel, after the greeting; keywords as for Security."""
    security = {"crypto": CRYPTO, **security}
    return Attempt(password, Security(**security), channel(way), limits or Limits(), CHALLENGE)


def sends(expected: Said, sequence: int) -> Step:
    """The client sends this payload, or one of which this holds."""

    def holds(data: bytes) -> bool:
        ((number, payload),) = payloads(data)
        return number == sequence and (expected(payload) if callable(expected) else payload == expected)

    return "client", holds


def turns(sequence: int, *said: Said) -> list[Step]:
    """The server speaks, then the client, and so on, numbered from `sequence`."""
    steps = []
    for index, what in enumerate(said):
        if index % 2:
            steps.append(sends(what, sequence))
            sequence += 1
        else:
            parts = what if isinstance(what, list) else [what]
            steps.append(server(*parts, sequence=sequence))  # type: ignore[arg-type]
            sequence += len(parts)
    return steps


def native(challenge: bytes = OTHER, password: bytes = SECRET) -> Callable[[bytes], bool]:
    """Is an answer of mysql_native_password."""
    return lambda answer: proves(password, challenge, answer)


def responds(plugin: str, answer: Said) -> Callable[[bytes], bool]:
    """Is a handshake response with this plugin and answer."""

    def holds(payload: bytes) -> bool:
        fields = handshake_fields(payload)
        found = fields["answer"]
        return fields["plugin"] == plugin.encode() and (answer(found) if callable(answer) else found == answer)

    return holds


def is_tls_request(payload: bytes) -> bool:
    """Is the request for TLS: capabilities, and nothing of the user."""
    return len(payload) == 32 and bool(payload[1] << 8 & Capability.SSL)


def log_in(
    name: str,
    *said: Said,
    greets: bytes = b"mysql_native_password",
    response: tuple[str, Said] = ("mysql_native_password", native(CHALLENGE)),
    way: str = "plain",
    limits: Limits | None = None,
    password: bytes = SECRET,
    answer: Any = AUTOCOMMIT,
    session: dict[str, Any] | None = None,
    raises: Any = None,
    match: str = "",
    state: str = "ready",
    **security: Any,
) -> Script:
    """A login over a channel of CHANNELS: greeting, TLS, response; then the server speaks first."""
    local, tls, verified = CHANNELS[way]
    demands = Security(**{"crypto": CRYPTO, "tls": tls, **security})
    offers = OFFERS | (Capability.SSL if tls else 0)
    opening: list[Said] = [greeting(plugin=greets, capabilities=offers), responds(*response)]
    steps = turns(0, *opening) if not tls else [*turns(0, opening[0], is_tls_request), sends(opening[1], 2)]
    return Script(
        name,
        call("login", Credentials(b"app", password)),
        [*steps, *turns(3 if tls else 2, *said)],
        answer,
        raises=raises,
        match=match,
        state=state,
        start=lambda: Session(limits, security=demands, local=local),
        session=session,
        tls=(verified, CERTIFICATE),
    )


def xor(left: bytes, right: bytes) -> bytes:
    """Bytes of the left one, the right one repeated as often as it takes."""
    return bytes(byte ^ right[index % len(right)] for index, byte in enumerate(left))


def sha2_scramble(password: bytes, challenge: bytes) -> bytes:
    """An answer of caching_sha2_password."""
    stage = sha256(password).digest()
    return xor(stage, sha256(sha256(stage).digest() + challenge).digest())


def native_hash(password: bytes = SECRET) -> bytes:
    """What a server keeps of a password for mysql_native_password."""
    return sha1(sha1(password).digest()).digest()


def server_proof(stored: bytes, scramble: bytes = CHALLENGE, certificate: bytes = CERTIFICATE) -> bytes:
    """Info of the OK packet by which a server proves that it knows the hash of a password."""
    return b"\1" + sha256(stored + scramble + sha256(certificate).digest()).hexdigest().upper().encode()


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """The key of a server that speaks caching_sha2_password or sha256_password."""
    return rsa.generate_private_key(65537, 2048)


@cache
def rsa_pem() -> bytes:
    """The public part of `rsa_key()`."""
    return rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def encrypts(challenge: bytes = OTHER, password: bytes = SECRET) -> Callable[[bytes], bool]:
    """Is the password with its NUL, mixed with the challenge and encrypted for `rsa_key()`."""
    padding = OAEP(MGF1(SHA1()), SHA1(), None)
    return lambda sent: xor(rsa_key().decrypt(sent, padding), challenge) == password + b"\0"
