"""caching_sha2_password: SHA256(password) XOR SHA256(SHA256(SHA256(password)) + challenge), and if the server has not
cached the password's hash, the password itself.

    client: scramble of 32 bytes
    server: 3, OK; or 4
    client: the password, or 2 and then the password encrypted by the RSA key that the server sends

Source: MySQL documentation, page "Caching SHA-2 Pluggable Authentication" and the internals manual.
"""

from __future__ import annotations

from ..constants import SCRAMBLE_LENGTH
from ..errors import RemoteProtocolError
from .plugin import challenge_of, send_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange

FAST_OK = b"\3"
FULL = b"\4"
REQUEST_KEY = b"\2"


def caching_sha2_password(attempt: Attempt, challenge: bytes) -> Exchange:
    """Answer the challenge, and send the password if the server needs it and there is a safe way."""
    if not attempt.password:
        yield b""
        return
    challenge = challenge_of(challenge, SCRAMBLE_LENGTH, "caching_sha2_password")
    outcome = yield scramble(attempt.password, challenge)
    if outcome == FAST_OK:
        yield None
    elif outcome == FULL:
        yield from send_password(attempt, challenge, REQUEST_KEY, "caching_sha2_password")
    else:
        raise RemoteProtocolError(f"caching_sha2_password: unexpected answer of {len(outcome)} bytes: {outcome[:1]!r}")


def scramble(password: bytes, challenge: bytes) -> bytes:
    """The 32 bytes that prove the password without showing it."""
    from hashlib import sha256

    stage = sha256(password).digest()
    mask = sha256(sha256(stage).digest() + challenge).digest()
    return bytes(a ^ b for a, b in zip(stage, mask))
