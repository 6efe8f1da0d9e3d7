"""Rows: how the values of a result set become Python objects, many rows at a time.

`decode_text_rows` and `decode_binary_rows` are the bulk decoders; an accelerator may replace them by functions of the
same signature. A decoder of a column is any callable from the bytes of a value (never NULL) to an object; in the binary
protocol it comes with the number of bytes that each value has, 0 where a length stands before each.
Source: MariaDB documentation, page "Result Set Packets".
"""

from __future__ import annotations

from struct import error as StructError

from .binary import binary_decoder
from .constants import Header
from .errors import RemoteProtocolError
from .values import text_decoder
from .wire import LENENC_NULL, LENENC_WIDTHS, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .binary import BinaryDecoder
    from .constants import Limits
    from .messages import ColumnDefinition

    Decoder = Callable[[bytes], Any]
    Row = tuple[Any, ...]


class ResultMetadata:
    """What the column definitions of a result set say, made once and shared by results of the same layout.

    Args:
        columns: the column definitions.
        limits: bounds in force.

    Attributes:
        columns: the column definitions, one per column.
    """

    __slots__ = ("_binary_decoders", "_limits", "_text_decoders", "columns")

    def __init__(self, columns: tuple[ColumnDefinition, ...], limits: Limits) -> None:
        self.columns = columns
        self._limits = limits
        self._text_decoders: tuple[Decoder, ...] | None = None
        self._binary_decoders: tuple[BinaryDecoder, ...] | None = None

    @property
    def text_decoders(self) -> tuple[Decoder, ...]:
        """One callable per column for the text protocol."""
        found = self._text_decoders
        if found is None:
            found = self._text_decoders = tuple(map(self.text_decoder, self.columns))
        return found

    @property
    def binary_decoders(self) -> tuple[BinaryDecoder, ...]:
        """One (size, callable) per column for the binary protocol."""
        found = self._binary_decoders
        if found is None:
            found = self._binary_decoders = tuple(map(self.binary_decoder, self.columns))
        return found

    def text_decoder(self, column: ColumnDefinition) -> Decoder:
        """The decoder of a column in the text protocol; made once."""
        return text_decoder(column, self._limits)

    def binary_decoder(self, column: ColumnDefinition) -> BinaryDecoder:
        """The decoder of a column in the binary protocol; made once."""
        return binary_decoder(column, self._limits)


# What decoders raise for bytes that are not a value of their type, and the loops below for ones that are not a row.
_NOT_A_VALUE = (ValueError, ArithmeticError, IndexError, KeyError, StructError)


def decode_text_rows(
    data: bytes, pos: int, sequence: int, plain: int, decoders: tuple[Decoder, ...], rows: list[Row]
) -> tuple[int, int]:
    """Decode rows from the front of a buffer until something else comes.

    Args:
        data: received bytes.
        pos: offset of the first packet.
        sequence: sequence id that it must have.
        plain: payloads of at least this many bytes are left to the caller.
        decoders: one callable per column.
        rows: the decoded rows are appended here.

    Returns:
        Offset and sequence id of the first packet that was not consumed: an incomplete one, one of an unexpected
        sequence id, a long one, or one that is not a row.

    Raises:
        RemoteProtocolError: a row does not follow the protocol, or a value is not of its column's type.
    """
    size = len(data)
    append_row = rows.append
    p = 0
    try:
        while True:
            start = pos + 4
            if start >= size:
                break
            length = data[pos] | data[pos + 1] << 8 | data[pos + 2] << 16
            end = start + length
            if end > size or length >= plain or data[pos + 3] != sequence or data[start] >= Header.EOF:
                break
            p = start
            row: list[Any] = []
            append = row.append
            for decode in decoders:
                length = data[p]
                p += 1
                if length >= 0xFB:
                    if length == 0xFB:
                        append(None)
                        continue
                    width = LENENC_WIDTHS[length]
                    length = int.from_bytes(data[p : p + width], "little")
                    p += width
                stop = p + length
                append(decode(data[p:stop]))
                p = stop
            # An overrun inside the row shows here at the latest: one comparison a row instead of one a value.
            if p != end:
                raise _misfit(len(rows), p - end)
            append_row(tuple(row))
            pos = end
            sequence = sequence + 1 & 0xFF
    except _NOT_A_VALUE as error:
        raise _bad_row(len(rows), data, pos, decoders, decode_text_row) from error
    return pos, sequence


def decode_binary_rows(
    data: bytes, pos: int, sequence: int, plain: int, decoders: tuple[BinaryDecoder, ...], rows: list[Row]
) -> tuple[int, int]:
    """As `decode_text_rows`, for rows of the binary protocol."""
    size = len(data)
    append_row = rows.append
    nulls = (len(decoders) + 9) // 8
    p = 0
    try:
        while True:
            start = pos + 4
            if start >= size:
                break
            length = data[pos] | data[pos + 1] << 8 | data[pos + 2] << 16
            end = start + length
            if end > size or length >= plain or data[pos + 3] != sequence or data[start]:
                break
            p = start + 1 + nulls
            null = int.from_bytes(data[start + 1 : p], "little") >> 2
            row: list[Any] = []
            append = row.append
            for width, decode in decoders:
                if null & 1:
                    append(None)
                else:
                    if not width:
                        width = data[p]
                        p += 1
                        if width >= LENENC_NULL:
                            stop = p + LENENC_WIDTHS[width]
                            width = int.from_bytes(data[p:stop], "little")
                            p = stop
                    stop = p + width
                    append(decode(data[p:stop]))
                    p = stop
                null >>= 1
            if p != end:
                raise _misfit(len(rows), p - end)
            append_row(tuple(row))
            pos = end
            sequence = sequence + 1 & 0xFF
    except _NOT_A_VALUE as error:
        raise _bad_row(len(rows), data, pos, decoders, decode_binary_row) from error
    return pos, sequence


def decode_binary_row(payload: bytes, decoders: tuple[BinaryDecoder, ...], number: int) -> Row:
    """As `decode_text_row`, for a row of the binary protocol."""
    reader = Reader(payload, f"row {number + 1}", 1)
    null = int.from_bytes(reader.raw((len(decoders) + 9) // 8), "little") >> 2
    row: list[Any] = []
    for index, (width, decode) in enumerate(decoders):
        row.append(None if null >> index & 1 else _value(reader, width, decode, number, index))
    reader.done()
    return tuple(row)


def decode_text_row(payload: bytes, decoders: tuple[Decoder, ...], number: int) -> Row:
    """Decode one row from a payload of any length, naming row and column in errors."""
    reader = Reader(payload, f"row {number + 1}")
    row: list[Any] = []
    for index, decode in enumerate(decoders):
        if reader.left() and payload[reader.pos] == LENENC_NULL:
            reader.pos += 1
            row.append(None)
            continue
        row.append(_value(reader, 0, decode, number, index))
    reader.done()
    return tuple(row)


def _value(reader: Reader, width: int, decode: Decoder, row: int, column: int) -> Any:
    """One value that is not NULL: of `width` bytes, or 0: of those that its length says."""
    length = width or reader.lenenc()
    if length > reader.left():
        raise RemoteProtocolError(f"row {row + 1} column {column + 1} wants {length} bytes, {reader.left()} left")
    try:
        return decode(reader.raw(length))
    except _NOT_A_VALUE as error:
        raise RemoteProtocolError(f"row {row + 1} column {column + 1} is not a value of its type: {error}") from error


def _misfit(row: int, excess: int) -> RemoteProtocolError:
    direction = "past the end" if excess > 0 else "before the end"
    return RemoteProtocolError(f"row {row + 1}: its values end {abs(excess)} bytes {direction} of its packet")


def _bad_row(
    number: int, data: bytes, pos: int, decoders: tuple[Any, ...], decode_row: Callable[..., Row]
) -> RemoteProtocolError:
    """Decode the row again, slowly, to find out which column is wrong."""
    length = int.from_bytes(data[pos : pos + 3], "little")
    try:
        decode_row(data[pos + 4 : pos + 4 + length], decoders, number)
    except RemoteProtocolError as error:
        return error
    return RemoteProtocolError(f"row {number + 1} cannot be decoded")
