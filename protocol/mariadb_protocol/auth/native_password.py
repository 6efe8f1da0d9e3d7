"""mysql_native_password: SHA1(password) XOR SHA1(challenge + SHA1(SHA1(password))).

Source: MariaDB documentation, page "Authentication Plugin - mysql_native_password".
"""

from __future__ import annotations

from ..constants import SCRAMBLE_LENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange


def native_password(attempt: Attempt, challenge: bytes) -> Exchange:
    """Answer the challenge once; an empty password has an empty answer."""
    from hashlib import sha1  # here, because hashlib loads OpenSSL, and on PyPy also sockets

    attempt.scramble = challenge = challenge[:SCRAMBLE_LENGTH]
    if not attempt.password:
        yield b""
        return
    stage = sha1(attempt.password).digest()
    attempt.hash = sha1(stage).digest()
    mask = sha1(challenge + attempt.hash).digest()
    yield bytes(a ^ b for a, b in zip(stage, mask))
