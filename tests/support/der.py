"""DER as tests write it: element by element, well formed or not, and with bytes of it spoiled."""

from __future__ import annotations

from hypothesis import strategies as st


def tlv(tag: int, *contents: bytes) -> bytes:
    """An element."""
    body = b"".join(contents)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag,)) + (bytes((len(body),)) if len(body) < 128 else bytes((0x80 | len(size),)) + size) + body


def sequence(*contents: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(0x30, *contents)


def integer(value: int) -> bytes:
    """An INTEGER."""
    return tlv(2, value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True))


def bits(contents: bytes) -> bytes:
    """A BIT STRING of whole bytes."""
    return tlv(3, b"\0", contents)


NULL = tlv(5)
RSA_ENCRYPTION = tlv(6, bytes.fromhex("2a864886f70d010101"))


def public_key_info(key: bytes, algorithm: bytes = RSA_ENCRYPTION + NULL) -> bytes:
    """A SubjectPublicKeyInfo."""
    return sequence(sequence(algorithm), bits(key))


@st.composite
def spoiled(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with up to four places changed, cut out, doubled or filled with something else."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(start + 8, len(data))))
        data = data[:start] + draw(st.binary(max_size=8) | st.just(data[start:stop] * 2)) + data[stop:]
    return data
