"""Ed25519 signatures over Python integers, with a seed (RFC 8032) or with a password in its place (client_ed25519).

It is not constant time: who can measure this process closely may learn about the secret. `cryptography` signs in
constant time, but only with a seed of 32 bytes; MariaDB's client_ed25519 hashes a password of any length where RFC 8032
hashes the seed, which `cryptography` cannot be told to do.

Sources: RFC 8032 section 5.1; MariaDB documentation, page "Authentication Plugin - ed25519". Group operations: Hisil,
Wong, Carter and Dawson, "Twisted Edwards Curves Revisited", extended coordinates.
"""

from __future__ import annotations

from ..errors import LocalProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Point = tuple[int, int, int, int]  # X, Y, Z, T: the point (X/Z, Y/Z), T = XY/Z
    Addend = tuple[int, int, int, int]  # Y-X, Y+X, 2dT, 2Z: what an addition wants of its second point

SEED_SIZE = 32
P = 2**255 - 19  # order of the field
L = 2**252 + 27742317777372353535851937790883648493  # order of the base point
_D = -121665 * pow(121666, -1, P) % P
_BASE_X = 0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A
_BASE_Y = 0x6666666666666666666666666666666666666666666666666666666666666658
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)
_NEUTRAL = (0, 1, 1, 0)

# The base point times 1, 2, 4, ... 2**254, made when it is first used: that costs less than half of the doublings of
# one signature, which are then never done.
_powers: list[Addend] = []


def sign(seed: bytes, message: bytes) -> bytes:
    """The signature of RFC 8032, 64 bytes.

    Args:
        seed: private key, 32 bytes.
        message: what to sign.

    Raises:
        LocalProtocolError: the seed has another length.
    """
    return _sign(_sha512(_checked(seed)), message)


def public_key(seed: bytes) -> bytes:
    """The public key of RFC 8032, 32 bytes, of a private key of 32 bytes.

    Raises:
        LocalProtocolError: the seed has another length.
    """
    return _public_key(_sha512(_checked(seed)))


def sign_password(password: bytes, message: bytes) -> bytes:
    """The signature of client_ed25519, 64 bytes, with a password of any length."""
    return _sign(_sha512(password), message)


def password_public_key(password: bytes) -> bytes:
    """The public key that belongs to a password: what the server keeps of it, 32 bytes."""
    return _public_key(_sha512(password))


def _checked(seed: bytes) -> bytes:
    if len(seed) != SEED_SIZE:
        raise LocalProtocolError(f"an Ed25519 seed has {SEED_SIZE} bytes, not {len(seed)}")
    return seed


def _sha512(data: bytes) -> bytes:
    from hashlib import sha512  # here, because hashlib loads OpenSSL, and on PyPy also sockets

    return sha512(data).digest()


def _hash_to_scalar(data: bytes) -> int:
    return int.from_bytes(_sha512(data), "little") % L


def _secret_scalar(h: bytes) -> int:
    """The lower half of the hash, clamped: a multiple of 8, bit 254 set."""
    return int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254


def _public_key(h: bytes) -> bytes:
    return _encode(_times_base(_secret_scalar(h)))


def _sign(h: bytes, message: bytes) -> bytes:
    """Sign with the hash of a seed or password."""
    r = _hash_to_scalar(h[32:] + message)
    commitment = _encode(_times_base(r))
    k = _hash_to_scalar(commitment + _public_key(h) + message)
    return commitment + ((r + k * _secret_scalar(h)) % L).to_bytes(32, "little")


def _times_base(scalar: int) -> Point:
    """`scalar` times the base point, 0 <= scalar < 2**255: the sum of the powers that its bits name."""
    global _powers
    powers = _powers
    if not powers:
        _powers = powers = _make_powers()
    point = _NEUTRAL
    for bit, power in enumerate(powers):
        if scalar >> bit & 1:
            point = _add(point, power)
    return point


def _make_powers() -> list[Addend]:
    powers = []
    point = _BASE
    for _ in range(255):
        addend = _addend(point)
        powers.append(addend)
        point = _add(point, addend)
    return powers


def _addend(point: Point) -> Addend:
    x, y, z, t = point
    return (y - x, y + x, 2 * _D * t % P, 2 * z)


def _add(point: Point, addend: Addend) -> Point:
    """The sum of any two points, equal ones included."""
    x, y, z, t = point
    difference, total, t2d, z2 = addend
    a = (y - x) * difference % P
    b = (y + x) * total % P
    c = t * t2d % P
    d = z * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _encode(point: Point) -> bytes:
    """y, and the lowest bit of x in the highest bit."""
    x, y, z, _ = point
    inverse = pow(z, -1, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")
