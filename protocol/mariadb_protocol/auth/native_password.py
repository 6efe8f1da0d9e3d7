"""mysql_native_password: SHA1(password) XOR SHA1(challenge + SHA1(SHA1(password))).

Source: MariaDB documentation, page "Authentication Plugin - mysql_native_password".
"""

from __future__ import annotations

from ..constants import SCRAMBLE_LENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator


def native_password(password: bytes, challenge: bytes) -> Generator[bytes, bytes, None]:
    """Answer the challenge once; an empty password has an empty answer."""
    yield scramble(password, challenge[:SCRAMBLE_LENGTH]) if password else b""


def scramble(password: bytes, challenge: bytes) -> bytes:
    """The 20 bytes that prove the password without showing it."""
    from hashlib import sha1  # here, because hashlib loads OpenSSL, and on PyPy also sockets

    stage = sha1(password).digest()
    mask = sha1(challenge + sha1(stage).digest()).digest()
    return bytes(a ^ b for a, b in zip(stage, mask))
