"""client_ed25519: an Ed25519 signature of the challenge, by a key that is made of the password.

Source: MariaDB documentation, page "Authentication Plugin - ed25519".
"""

from __future__ import annotations

from ..crypto.ed25519 import password_public_key, sign_password
from .plugin import challenge_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange

CHALLENGE_LENGTH = 32


def client_ed25519(attempt: Attempt, challenge: bytes) -> Exchange:
    """Sign the challenge once. Not constant time, see `crypto.ed25519`."""
    challenge = challenge_of(challenge, CHALLENGE_LENGTH, "client_ed25519")
    if attempt.password and attempt.channel.unproven:
        attempt.hash = password_public_key(attempt.password)
    yield sign_password(attempt.password, challenge)
