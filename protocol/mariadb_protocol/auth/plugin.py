"""What an authentication plugin is, and the login that it works for. Knows no plugin."""

from __future__ import annotations

from ..errors import LocalProtocolError, RemoteProtocolError, SecurityError
from ..security import Secretive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Optional

    from ..constants import Limits
    from ..crypto import Crypto
    from ..security import Channel, Security

    # Yields what to send (None: nothing, just wait) and is resumed with what the server answers.
    Exchange = Generator[Optional[bytes], bytes, None]


class Attempt(Secretive):
    """A login or change of user, on its way through the plugins that the server asks for.

    Args:
        password: the password; empty for none.
        security: what the user demands and permits.
        channel: how the bytes travel.
        limits: bounds on what the server may make us compute.
        scramble: the challenge of the greeting.

    Attributes:
        scramble: challenge that goes into the server's proof.
        hash: what the server stores of the password, from the plugin in use; None if it proves nothing.
        refused: why the plugin in use got an empty answer instead of its own; None if it did not.
    """

    __slots__ = ("channel", "hash", "limits", "password", "refused", "scramble", "security")

    def __init__(
        self, password: bytes, security: Security, channel: Channel, limits: Limits, scramble: bytes = b""
    ) -> None:
        self.password = password
        self.security = security
        self.channel = channel
        self.limits = limits
        self.scramble = scramble
        self.hash: bytes | None = None
        self.refused: str | None = None

    @property
    def crypto(self) -> Crypto:
        """Random bytes and signatures.

        Raises:
            LocalProtocolError: the caller of the login has passed none.
        """
        if self.security.crypto is None:
            raise LocalProtocolError("this authentication plugin needs Security(crypto=...)")
        return self.security.crypto


class Plugin:
    """An authentication plugin.

    Attributes:
        exchange: generator function (attempt, challenge).
        greets: can answer the challenge of a greeting; others wait for one of their own.
        proves: the server can prove by it that it knows the password's hash.
        bare: the password travels as it is.
        asked_for: used only if it is named in `Security.plugins`.
        needs: attribute of `Security` that must not be None for it; or "".
    """

    __slots__ = ("asked_for", "bare", "exchange", "greets", "needs", "proves")

    def __init__(
        self,
        exchange: Callable[[Attempt, bytes], Exchange],
        *,
        greets: bool = False,
        proves: bool = False,
        bare: bool = False,
        asked_for: bool = False,
        needs: str = "",
    ) -> None:
        self.exchange = exchange
        self.greets = greets
        self.proves = proves
        self.bare = bare
        self.asked_for = asked_for
        self.needs = needs


def challenge_of(data: bytes, length: int, plugin: str) -> bytes:
    """The challenge that a server sent for a plugin, perhaps with a NUL behind it."""
    challenge = data[:-1] if len(data) == length + 1 and data[-1] == 0 else data
    if len(challenge) != length:
        raise RemoteProtocolError(f"{plugin} wants a challenge of {length} bytes, the server sent {len(data)}")
    return challenge


# Where a password may travel as it is, and how else where the server takes it encrypted.
SAFE_CHANNELS = "over a unix socket; over TLS that is verified by a CA (ssl_ca) or a fingerprint (tls_peer_fp)"
BY_RSA = "; or encrypted by the server's RSA key (server_public_key); or with allow_public_key_retrieval=True"


def send_password(
    attempt: Attempt, challenge: bytes, request: bytes, plugin: str, only_over_tls: bool = False
) -> Exchange:
    """Send the password itself, which the server has to see: as it is if nobody else can read it, or RSA-encrypted.

    Args:
        attempt: the login.
        challenge: 20 bytes that the password is mixed with before it is encrypted.
        request: what asks the server for its RSA key.
        plugin: name of the plugin, for the error.
        only_over_tls: elsewhere, a unix socket included, the server wants RSA.

    Raises:
        SecurityError: there is no safe way.
    """
    secret = attempt.password + b"\0"
    security = attempt.security
    if attempt.channel.confidential and (attempt.channel.encrypted or not only_over_tls):
        yield secret
        return
    if attempt.channel.encrypted:  # there the server takes no RSA
        raise SecurityError(f"{plugin} has to send the password, which is done only {SAFE_CHANNELS}")
    pem = security.public_key
    if not pem:
        if not attempt.channel.local and not security.retrieve_public_key:
            raise SecurityError(f"{plugin} has to send the password, which is done only {SAFE_CHANNELS}{BY_RSA}")
        pem = yield request
    mixed = bytes(byte ^ challenge[index % len(challenge)] for index, byte in enumerate(secret))
    yield attempt.crypto.rsa_encrypt(pem, mixed, attempt.crypto.random_bytes)
