"""Cryptography of the authentication plugins: what they need from outside, and pure Python for all of it.

Knows algorithms; knows no plugin and no source of random bytes, which `Crypto` brings in.
"""

from __future__ import annotations

from . import ed25519, rsa

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    RandomBytes = Callable[[int], bytes]


class Crypto:
    """What authentication is given from outside; a script that passes fixed random bytes makes it repeatable.

    Attributes:
        random_bytes: (count) -> that many bytes that nobody can foresee.
        sign: (seed of 32 bytes, message) -> Ed25519 signature of 64 bytes, RFC 8032.
        public_key: (seed of 32 bytes) -> Ed25519 public key of 32 bytes, RFC 8032.
        rsa_encrypt: (public key as PEM, message, random_bytes) -> RSAES-OAEP ciphertext, see `rsa.encrypt()`.
    """

    __slots__ = ("public_key", "random_bytes", "rsa_encrypt", "sign")

    def __init__(
        self,
        random_bytes: RandomBytes,
        sign: Callable[[bytes, bytes], bytes] = ed25519.sign,
        public_key: Callable[[bytes], bytes] = ed25519.public_key,
        rsa_encrypt: Callable[[bytes, bytes, RandomBytes], bytes] = rsa.encrypt,
    ) -> None:
        self.random_bytes = random_bytes
        self.sign = sign
        self.public_key = public_key
        self.rsa_encrypt = rsa_encrypt
