"""sha256_password: the password itself, as it is or encrypted by the server's RSA key.

Source: MySQL documentation, page "SHA-256 Pluggable Authentication".
"""

from __future__ import annotations

from ..constants import SCRAMBLE_LENGTH
from .plugin import challenge_of, send_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange

REQUEST_KEY = b"\1"


def sha256_password(attempt: Attempt, challenge: bytes) -> Exchange:
    """Send the password if there is a safe way."""
    if not attempt.password:
        yield b"\0"
        return
    challenge = challenge_of(challenge, SCRAMBLE_LENGTH, "sha256_password")
    yield from send_password(attempt, challenge, REQUEST_KEY, "sha256_password", only_over_tls=True)
