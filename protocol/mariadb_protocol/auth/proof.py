"""The proof of MariaDB 11.4 that the server at the other end of a TLS connection knows the password's hash.

It comes with the OK that ends the login: 1, then SHA256(hash + scramble + SHA256(certificate)) in hexadecimal. Somebody
in the middle, who has a certificate of his own, cannot make it. He has seen the answer to the challenge all the same,
and can try to guess the password at leisure. Source: MDEV-31855.
"""

from __future__ import annotations

from ..errors import SecurityError
from ..security import Proof, Verified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import OkPacket
    from .plugin import Attempt

MARK = b"\1"


def check_proof(attempt: Attempt, ok: OkPacket) -> None:
    """Take the proof out of the OK packet, and check it if it counts.

    Raises:
        SecurityError: it is wrong, or missing where it is required.
    """
    channel = attempt.channel
    wanted = attempt.security.proof
    if not channel.encrypted:
        return
    given = ok.info[1:] if ok.info[:1] == MARK else b""
    if given:
        ok.info = b""
    if not channel.unproven or wanted == Proof.IGNORED:
        return
    if given:
        _compare(attempt, given)
        channel.verified = Verified.PROOF
    elif wanted == Proof.REQUIRED:
        raise SecurityError(
            "the server's certificate is not verified, and the server does not prove that it knows the password",
            SecurityError.TLS,
        )


def _compare(attempt: Attempt, given: bytes) -> None:
    from hashlib import sha256
    from hmac import compare_digest

    expected = b""
    if attempt.hash is not None:
        digest = sha256(attempt.hash + attempt.scramble + sha256(attempt.channel.certificate).digest())
        expected = digest.hexdigest().upper().encode()
    if not compare_digest(expected, given):
        raise SecurityError(
            "the server's proof that it knows the password is wrong: somebody may be in the middle", SecurityError.TLS
        )
