"""What authentication needs from outside of the protocol: random bytes, and `cryptography` where it is installed.

Its Ed25519 and RSA take the same time whatever the secret is, which Python integers cannot. It is imported when it is
first needed, and whatever keeps it from working (not installed, too old, broken) leaves the work to
`mariadb_protocol.crypto`, which gives the same results.
"""

from __future__ import annotations

import os

from mariadb_protocol.crypto import Crypto, ed25519, rsa

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def provider() -> Crypto:
    """Cryptography for logins."""
    return Crypto(os.urandom, _sign, _public_key, _rsa_encrypt)


class _IfUsable:
    """A block that ends quietly when `cryptography` fails in it.

    What a broken one raises is of any class: ImportError, RuntimeError, plain Exception, and from its compiled part
    PanicException, which is no Exception. OSError passes: that is the TimeoutError of a signal handler.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if kind is None or issubclass(kind, OSError):
            return False
        return issubclass(kind, Exception) or kind.__name__ == "PanicException"


def _sign(seed: bytes, message: bytes) -> bytes:
    with _IfUsable():
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    return ed25519.sign(seed, message)


def _public_key(seed: bytes) -> bytes:
    with _IfUsable():
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return ed25519.public_key(seed)


def _rsa_encrypt(pem: bytes, message: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """As `rsa.encrypt()`, which also decides what is a key: `cryptography` sees none that is not in order.

    It takes its random bytes from the system, and leaves `random_bytes` alone.
    """
    n, e = rsa.public_numbers(pem)
    rsa.check_message(message, n)
    with _IfUsable():
        from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
        from cryptography.hazmat.primitives.hashes import SHA1

        return RSAPublicNumbers(e, n).public_key().encrypt(message, OAEP(MGF1(SHA1()), SHA1(), None))
    return rsa.encrypt(pem, message, random_bytes)
