"""Basic data types of the protocol: a bounds-checked Reader and a Writer.

Knows integers, strings and how they are laid out; knows no message.
Source: MariaDB documentation, page "Protocol Data Types".
"""

from __future__ import annotations

from .errors import LocalProtocolError, RemoteProtocolError

# First byte of a length-encoded integer -> how many bytes of the integer follow.
LENENC_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
LENENC_NULL = 0xFB
LENENC_RESERVED = 0xFF


class Reader:
    """Reads one payload from front to back; every read is checked against what is left.

    Args:
        data: the payload.
        what: name of the message, for errors.
        pos: offset of the first byte to read.
    """

    __slots__ = ("data", "end", "pos", "what")

    def __init__(self, data: bytes, what: str, pos: int = 0) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data)
        self.what = what

    def left(self) -> int:
        """Number of bytes not read yet."""
        return self.end - self.pos

    def raw(self, length: int) -> bytes:
        """The next `length` bytes."""
        pos = self.pos
        if length > self.end - pos:
            raise self.malformed(f"wants {length} bytes at offset {pos}, {self.end - pos} left")
        self.pos = pos + length
        return self.data[pos : pos + length]

    def uint(self, width: int) -> int:
        """An unsigned little-endian integer of `width` bytes."""
        return int.from_bytes(self.raw(width), "little")

    def u8(self) -> int:
        """An unsigned integer of one byte."""
        pos = self.pos
        if pos >= self.end:
            raise self.malformed(f"wants 1 byte at offset {pos}, 0 left")
        self.pos = pos + 1
        return self.data[pos]

    def lenenc(self) -> int:
        """A length-encoded integer; NULL is not allowed here."""
        first = self.u8()
        if first < LENENC_NULL:
            return first
        width = LENENC_WIDTHS.get(first)
        if width is None:
            raise self.malformed(f"has 0x{first:02x} at offset {self.pos - 1} in the place of a length")
        return self.uint(width)

    def lenenc_bytes(self) -> bytes:
        """A length-encoded string, as bytes."""
        return self.raw(self.lenenc())

    def lenenc_text(self) -> str:
        """A length-encoded string in UTF-8 (bytes that are not are kept as \\x escapes)."""
        return self.raw(self.lenenc()).decode("utf-8", "backslashreplace")

    def nul_terminated(self) -> bytes:
        """Bytes up to the next NUL, which is consumed too."""
        stop = self.data.find(0, self.pos, self.end)
        if stop < 0:
            raise self.malformed(f"has no NUL after offset {self.pos}")
        value = self.data[self.pos : stop]
        self.pos = stop + 1
        return value

    def rest(self) -> bytes:
        """All bytes not read yet."""
        return self.raw(self.end - self.pos)

    def done(self) -> None:
        """Refuse bytes after the last field: a decoder consumes its packet exactly."""
        if self.pos != self.end:
            raise self.malformed(f"has {self.end - self.pos} bytes after its last field")

    def malformed(self, fact: str) -> RemoteProtocolError:
        """The error for a payload that breaks its layout."""
        return RemoteProtocolError(f"malformed {self.what} of {self.end} bytes: {fact}")


def lenenc_int(value: int) -> bytes:
    """`value` as a length-encoded integer (0 <= value < 2**64)."""
    if value < LENENC_NULL:
        return bytes((value,))
    if value < 1 << 16:
        return b"\xfc" + value.to_bytes(2, "little")
    if value < 1 << 24:
        return b"\xfd" + value.to_bytes(3, "little")
    return b"\xfe" + value.to_bytes(8, "little")


def lenenc_bytes(value: bytes) -> bytes:
    """`value` as a length-encoded string."""
    return lenenc_int(len(value)) + value


class Writer:
    """Collects one payload.

    Example:
        `Writer().uint(1, 4).nul_terminated(b"user").payload()`
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def raw(self, value: bytes) -> Writer:
        """Append bytes as they are."""
        self._parts.append(value)
        return self

    def uint(self, value: int, width: int) -> Writer:
        """Append an unsigned little-endian integer of `width` bytes."""
        return self.raw(value.to_bytes(width, "little"))

    def lenenc_bytes(self, value: bytes) -> Writer:
        """Append a length-encoded string."""
        return self.raw(lenenc_bytes(value))

    def nul_terminated(self, value: bytes, what: str = "string") -> Writer:
        """Append a string and its NUL; a NUL inside would smuggle the next field and is refused."""
        if 0 in value:
            raise LocalProtocolError(f"{what} contains a NUL byte at offset {value.index(0)}")
        return self.raw(value + b"\0")

    def payload(self) -> bytes:
        """All that was appended."""
        return b"".join(self._parts)
