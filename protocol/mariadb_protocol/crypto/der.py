"""DER, the encoding of keys and certificates: a reader that refuses whatever has a shorter or another form.

Knows elements and their basic types; knows no key and no certificate. Definite lengths in their shortest form only,
tags of one byte only. Source: ITU-T X.690, clauses 8, 10 and 11.
"""

from __future__ import annotations

from datetime import datetime

from ..errors import RemoteProtocolError
from ..wire import Reader

INTEGER = 0x02
BIT_STRING = 0x03
NULL = 0x05
OID = 0x06
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31

_LONG_TAG = 0x1F
_LONG_LENGTH = 0x80
MAX_LENGTH_WIDTH = 4  # bytes
MAX_OID_SIZE = 64  # bytes; a number of an OID may have any size, and ours go into text


def explicit(number: int) -> int:
    """The tag of a constructed context-specific element: `[number]` in the module's notation."""
    return 0xA0 | number


class DerReader(Reader):
    """Reads the elements of one constructed element from front to back.

    Args:
        data: contents of the element, or a whole encoding.
        what: name of the structure, for errors.
    """

    __slots__ = ()

    def peek(self) -> int:
        """The tag of the next element; -1 at the end."""
        return self.data[self.pos] if self.left() else -1

    def element(self) -> tuple[int, bytes]:
        """Tag and contents of the next element."""
        tag = self.u8()
        if tag & _LONG_TAG == _LONG_TAG:
            raise self.malformed(f"has the tag 0x{tag:02x} at offset {self.pos - 1}")
        return tag, self.raw(self._length())

    def _length(self) -> int:
        at = self.pos
        first = self.u8()
        if first < _LONG_LENGTH:
            return first
        width = first - _LONG_LENGTH
        if not 0 < width <= MAX_LENGTH_WIDTH:
            raise self.malformed(f"has 0x{first:02x} at offset {at} in the place of a length")
        length = int.from_bytes(self.raw(width), "big")
        if length < _LONG_LENGTH or length >> 8 * (width - 1) == 0:
            raise self.malformed(f"has the length {length} at offset {at} in {width + 1} bytes")
        return length

    def take(self, tag: int) -> bytes:
        """Contents of the next element, which has this tag."""
        at = self.pos
        found, contents = self.element()
        if found != tag:
            raise self.malformed(f"has the tag 0x{found:02x} at offset {at}, 0x{tag:02x} expected")
        return contents

    def optional(self, tag: int) -> bytes | None:
        """Contents of the next element if it has this tag; otherwise it stays unread."""
        return self.take(tag) if self.peek() == tag else None

    def inside(self, tag: int = SEQUENCE) -> DerReader:
        """A reader of the next element's contents."""
        return DerReader(self.take(tag), self.what)

    def integer(self) -> int:
        """An INTEGER."""
        contents = self.take(INTEGER)
        first = contents[:2]
        if not first or (len(first) == 2 and (first[0], first[1] >> 7) in ((0x00, 0), (0xFF, 1))):
            raise self.malformed(f"has an INTEGER of {len(contents)} bytes that begins with 0x{first.hex()}")
        return int.from_bytes(contents, "big", signed=True)

    def bits(self) -> bytes:
        """A BIT STRING of whole bytes."""
        contents = self.take(BIT_STRING)
        if not contents or contents[0]:
            raise self.malformed(f"has a BIT STRING that begins with 0x{contents[:1].hex()}")
        return contents[1:]

    def null(self) -> None:
        """A NULL."""
        contents = self.take(NULL)
        if contents:
            raise self.malformed(f"has a NULL of {len(contents)} bytes")

    def oid(self) -> str:
        """An OBJECT IDENTIFIER, as numbers with dots between."""
        contents = self.take(OID)
        if not contents or len(contents) > MAX_OID_SIZE or contents[-1] & 0x80:
            raise self.malformed(f"has an OBJECT IDENTIFIER of {len(contents)} bytes: 0x{contents[:8].hex()}")
        numbers = [0]
        for byte in contents:
            if byte == 0x80 and not numbers[-1]:
                raise self.malformed(f"has an OBJECT IDENTIFIER with a needless 0x80: 0x{contents.hex()}")
            numbers[-1] = numbers[-1] << 7 | byte & 0x7F
            if byte < 0x80:
                numbers.append(0)
        first = min(numbers[0] // 40, 2)  # two numbers in one: the second is below 40 unless the first is 2
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:-1])))

    def time(self) -> datetime:
        """A UTCTime or GeneralizedTime in the form of RFC 5280: whole seconds, in UTC (naive)."""
        tag, contents = self.element()
        digits = contents[:-1]
        if tag == UTC_TIME:  # two digits of the year, from 1950 to 2049
            digits = (b"19" if digits[:1] >= b"5" else b"20") + digits
        elif tag != GENERALIZED_TIME:
            raise self.malformed(f"has the tag 0x{tag:02x} in the place of a time")
        if contents[-1:] != b"Z" or len(digits) != 14 or not digits.isdigit():
            raise self._no_time(contents)
        try:
            return datetime(int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2)))  # type: ignore[arg-type]
        except ValueError:
            raise self._no_time(contents) from None

    def _no_time(self, contents: bytes) -> RemoteProtocolError:
        return self.malformed(f"has no time in {contents[:32]!r}")
