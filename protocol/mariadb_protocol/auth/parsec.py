"""parsec: an Ed25519 signature by a key that PBKDF2 derives from the password.

    server: challenge of 32 bytes
    client: nothing, which asks for the parameters
    server: "P", cost, salt of 18 bytes
    client: challenge of its own of 32 bytes, signature of both challenges

Source: MariaDB documentation, page "Authentication Plugin - PARSEC"; RFC 8018 (PBKDF2), RFC 8032 (Ed25519).
"""

from __future__ import annotations

from ..errors import LimitExceeded, RemoteProtocolError
from .plugin import challenge_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange

CHALLENGE_LENGTH = 32
SALT_LENGTH = 18
LEAST_ITERATIONS = 1024


def parsec(attempt: Attempt, challenge: bytes) -> Exchange:
    """Ask for the parameters, then sign."""
    from hashlib import pbkdf2_hmac

    challenge = challenge_of(challenge, CHALLENGE_LENGTH, "parsec")
    parameters = yield b""
    if len(parameters) != 2 + SALT_LENGTH or parameters[:1] != b"P":
        raise RemoteProtocolError(f"parsec: {len(parameters)} bytes are no parameters of PBKDF2 with a salt")
    # Compared before it is used: a shift by 255 would be a number of 33 bytes.
    iterations = LEAST_ITERATIONS << min(parameters[1], 64)
    if iterations > attempt.limits.pbkdf2_iterations:
        raise LimitExceeded("pbkdf2_iterations", attempt.limits.pbkdf2_iterations, iterations)
    crypto = attempt.crypto
    seed = pbkdf2_hmac("sha512", attempt.password, parameters[2:], iterations, 32)
    if attempt.password and attempt.channel.unproven:
        attempt.hash = parameters + crypto.public_key(seed)
    own = crypto.random_bytes(CHALLENGE_LENGTH)
    yield own + crypto.sign(seed, challenge + own)
