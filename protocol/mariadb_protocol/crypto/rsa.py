"""RSA encryption with a public key that the server sends: PEM, and RSAES-OAEP with SHA-1.

Knows keys; knows no plugin. The key is a stranger's: its size is bounded before anything is computed with it.
Sources: RFC 8017 sections 7.1.1 and A.1.1, RFC 5280 section 4.1, RFC 7468.
"""

from __future__ import annotations

from contextlib import suppress

from ..errors import LocalProtocolError, RemoteProtocolError
from .der import DerReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PEM_SIZE = 16384  # bytes
MODULUS_BITS = (1024, 16384)
EXPONENTS = (3, 2**32)
HASH_SIZE = 20  # bytes of a SHA-1
RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
_WHAT = "RSA public key"


def encrypt(pem: bytes, message: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """RSAES-OAEP with SHA-1, MGF1 with SHA-1 and an empty label.

    Args:
        pem: see `public_numbers()`.
        message: at most as many bytes as the modulus has, less 42.
        random_bytes: (count) -> that many random bytes.

    Returns:
        As many bytes as the modulus has.

    Raises:
        RemoteProtocolError: that is no key, or none to trust a password to.
        LocalProtocolError: the message is too long.
    """
    n, e = public_numbers(pem)
    size = check_message(message, n)
    return pow(int.from_bytes(_pad(message, size, random_bytes), "big"), e, n).to_bytes(size, "big")


def check_message(message: bytes, n: int) -> int:
    """The size of modulus `n` in bytes.

    Raises:
        LocalProtocolError: the message is too long for it.
    """
    size = (n.bit_length() + 7) // 8
    longest = size - 2 * HASH_SIZE - 2
    if len(message) > longest:
        raise LocalProtocolError(f"{len(message)} bytes to encrypt with an RSA key that takes {longest}")
    return size


def _pad(message: bytes, size: int, random_bytes: Callable[[int], bytes]) -> bytes:
    """The message in as many bytes as the modulus has, the first of them 0."""
    from hashlib import sha1  # here, because hashlib loads OpenSSL, and on PyPy also sockets

    block = sha1(b"").digest() + b"\1".rjust(size - 2 * HASH_SIZE - 1 - len(message), b"\0") + message
    seed = random_bytes(HASH_SIZE)
    block = _xor(block, _mask(seed, len(block)))
    return b"\0" + _xor(seed, _mask(block, HASH_SIZE)) + block


def _mask(seed: bytes, size: int) -> bytes:
    """MGF1."""
    from hashlib import sha1

    hashes = [sha1(seed + count.to_bytes(4, "big")).digest() for count in range(-(-size // HASH_SIZE))]
    return b"".join(hashes)[:size]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right))


# Keys


def public_numbers(pem: bytes) -> tuple[int, int]:
    """Modulus and exponent of a public key.

    Args:
        pem: "PUBLIC KEY" (SubjectPublicKeyInfo) or "RSA PUBLIC KEY" (PKCS #1), nothing but space around it.

    Raises:
        RemoteProtocolError: it is malformed, of another kind, or a number is outside of what this module allows.
    """
    if len(pem) > MAX_PEM_SIZE:
        raise RemoteProtocolError(f"{_WHAT} of {len(pem)} bytes, {MAX_PEM_SIZE} allowed")
    text = pem.rstrip(b"\0").strip()  # MySQL ends the file of its own key with a NUL
    for label, decode in _DECODERS.items():
        begin, end = b"-----BEGIN " + label, b"-----END " + label
        if text.startswith(begin) and text.endswith(end):
            return _checked(*decode(_base64(text[len(begin) : -len(end)])))
    raise RemoteProtocolError(f"{_WHAT} of {len(pem)} bytes is no PEM: it begins with {pem[:32]!r}")


def _base64(armoured: bytes) -> bytes:
    import binascii

    body = b"".join(armoured.split())
    with suppress(binascii.Error):
        data = binascii.a2b_base64(body)
        if binascii.b2a_base64(data, newline=False) == body:  # it skips what is no base64
            return data
    raise RemoteProtocolError(f"{_WHAT} in malformed base64 of {len(body)} characters")


def _pkcs1(data: bytes) -> tuple[int, int]:
    outer = DerReader(data, _WHAT)
    key = outer.inside()
    outer.done()
    n, e = key.integer(), key.integer()
    key.done()
    return n, e


def _subject_public_key_info(data: bytes) -> tuple[int, int]:
    outer = DerReader(data, _WHAT)
    info = outer.inside()
    outer.done()
    algorithm = info.inside()
    kind = algorithm.oid()
    if kind != RSA_ENCRYPTION:
        raise RemoteProtocolError(f"public key of the algorithm {kind}, RSA ({RSA_ENCRYPTION}) expected")
    algorithm.null()
    algorithm.done()
    key = info.bits()
    info.done()
    return _pkcs1(key)


_DECODERS = {
    b"PUBLIC KEY-----": _subject_public_key_info,
    b"RSA PUBLIC KEY-----": _pkcs1,
}


def _checked(n: int, e: int) -> tuple[int, int]:
    """Refuse keys that are too weak, or that would keep us busy."""
    bits = n.bit_length() if n > 0 else 0
    if not MODULUS_BITS[0] <= bits <= MODULUS_BITS[1]:
        raise RemoteProtocolError(
            f"{_WHAT} with a modulus of {bits} bits, {MODULUS_BITS[0]} to {MODULUS_BITS[1]} allowed"
        )
    if not n & 1:
        raise RemoteProtocolError(f"{_WHAT} with an even modulus")
    if not EXPONENTS[0] <= e <= EXPONENTS[1]:
        raise RemoteProtocolError(
            f"{_WHAT} with an exponent of {e.bit_length()} bits, {EXPONENTS[0]} to {EXPONENTS[1]} allowed"
        )
    if not e & 1:
        raise RemoteProtocolError(f"{_WHAT} with an even exponent")
    return n, e
