"""What has to hold before a secret may leave, and how the bytes of a session travel.

Decides; computes and sends nothing. Source: MariaDB documentation, page "Connection"; the proof of the server's
identity is the one of MariaDB 11.4, "zero-configuration TLS" (MDEV-31855).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, Optional, Union

    from .crypto import Crypto

    # (question, the answer may be shown while it is typed) -> the answer
    Prompt = Callable[[str, bool], Union[str, bytes]]
    # Token of the server, None at first -> our token, None when there is nothing more to say.
    Step = Callable[[Optional[bytes]], Optional[bytes]]


class Secretive:
    """Base of what may hold a password: it cannot be pickled."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it may hold a password")


class Verified:
    """By what the server of a TLS connection was found to be the right one; the empty text: by nothing."""

    NO = ""
    CHAIN = "certificate chain"
    FINGERPRINT = "certificate fingerprint"
    PROOF = "proof of the password"


class Proof:
    """What is expected of a server whose certificate is not verified: that it proves to know the password's hash."""

    IGNORED = "ignored"
    WANTED = "wanted"  # checked where the server gives one
    REQUIRED = "required"


class Channel:
    """How the bytes of a session travel.

    Attributes:
        local: over a unix socket.
        encrypted: by TLS.
        verified: one of `Verified`.
        certificate: the server's certificate in DER; empty without TLS.
    """

    __slots__ = ("certificate", "encrypted", "local", "verified")

    def __init__(self, local: bool = False) -> None:
        self.local = local
        self.encrypted = False
        self.verified = Verified.NO
        self.certificate = b""

    @property
    def confidential(self) -> bool:
        """A password may be sent as it is: nobody but the server that is meant can read it."""
        return self.local or (self.encrypted and self.verified in (Verified.CHAIN, Verified.FINGERPRINT))

    @property
    def unproven(self) -> bool:
        """Encrypted, to a server that may be anybody."""
        return self.encrypted and not self.local and not self.verified


class Security:
    """What the user demands and permits.

    Args:
        tls: encrypt, or refuse to go on.
        proof: one of `Proof`.
        plugins: names of the authentication plugins that may be used; None: those that need no opt-in.
        public_key: the server's RSA key in PEM, for passwords that travel encrypted by it; empty: none.
        retrieve_public_key: take that key from the server, though anybody could have sent it.
        prompt: answers what the dialog plugin asks beyond the password.
        gssapi: (service principal name, mechanism) -> function that makes tokens.
        crypto: random bytes and signatures; None: the implementations in this package, without random bytes.
    """

    __slots__ = ("crypto", "gssapi", "plugins", "prompt", "proof", "public_key", "retrieve_public_key", "tls")

    def __init__(
        self,
        *,
        tls: bool = False,
        proof: str = Proof.IGNORED,
        plugins: frozenset[str] | None = None,
        public_key: bytes = b"",
        retrieve_public_key: bool = False,
        prompt: Prompt | None = None,
        gssapi: Callable[[str, str], Step] | None = None,
        crypto: Crypto | None = None,
    ) -> None:
        self.tls = tls
        self.proof = proof
        self.plugins = plugins
        self.public_key = public_key
        self.retrieve_public_key = retrieve_public_key
        self.prompt = prompt
        self.gssapi = gssapi
        self.crypto = crypto
