"""mysql_old_password: the hash of MySQL 3.23, of 62 bits and without a salt. Trivial to break, so used only if it is
asked for by name.

Source: MariaDB documentation, page "Authentication Plugin - mysql_old_password".
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange

CHALLENGE_LENGTH = 8
_BITS = 0x7FFFFFFF
_TOP = 0x3FFFFFFF


def old_password(attempt: Attempt, challenge: bytes) -> Exchange:
    """Answer the challenge once."""
    yield scramble(attempt.password, challenge[:CHALLENGE_LENGTH]) + b"\0" if attempt.password else b""


def hash_323(text: bytes) -> tuple[int, int]:
    """Two numbers of 31 bits; spaces and tabs do not count."""
    first, second, add = 1345345333, 0x12345671, 7
    for byte in text:
        if byte in b" \t":
            continue
        first ^= ((first & 63) + add) * byte + (first << 8) & 0xFFFFFFFFFFFFFFFF
        second = second + (second << 8 ^ first) & 0xFFFFFFFFFFFFFFFF
        add += byte
    return first & _BITS, second & _BITS


def scramble(password: bytes, challenge: bytes) -> bytes:
    """Eight characters that prove the password."""
    (p1, p2), (c1, c2) = hash_323(password), hash_323(challenge)
    seed, step = (p1 ^ c1) % _TOP, (p2 ^ c2) % _TOP

    def random() -> int:
        nonlocal seed, step
        seed = (seed * 3 + step) % _TOP
        step = (seed + step + 33) % _TOP
        return seed * 31 // _TOP

    letters = [random() + 64 for _ in challenge]
    mask = random()
    return bytes(letter ^ mask for letter in letters)
