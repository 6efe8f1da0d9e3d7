"""Rows: how the values of a result set become Python objects, many rows at a time.

`decode_text_rows` is the bulk decoder; an accelerator may replace it by a function of the same signature. A decoder of
a column is any callable from the bytes of a value (never NULL) to an object.
Source: MariaDB documentation, page "Result Set Packets".
"""

from __future__ import annotations

from .constants import Header
from .errors import RemoteProtocolError
from .values import text_decoder
from .wire import LENENC_NULL, LENENC_WIDTHS, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

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
        text_decoders: one callable per column for the text protocol.
    """

    __slots__ = ("columns", "text_decoders")

    def __init__(self, columns: tuple[ColumnDefinition, ...], limits: Limits) -> None:
        self.columns = columns
        self.text_decoders: tuple[Decoder, ...] = tuple(text_decoder(column, limits) for column in columns)


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
    except (IndexError, KeyError, ValueError, ArithmeticError) as error:
        raise _bad_row(len(rows), data, pos, decoders) from error
    return pos, sequence


def decode_text_row(payload: bytes, decoders: tuple[Decoder, ...], number: int) -> Row:
    """Decode one row from a payload of any length, naming row and column in errors."""
    reader = Reader(payload, f"row {number + 1}")
    row: list[Any] = []
    for index, decode in enumerate(decoders):
        if reader.left() and payload[reader.pos] == LENENC_NULL:
            reader.pos += 1
            row.append(None)
            continue
        length = reader.lenenc()
        if length > reader.left():
            raise RemoteProtocolError(f"row {number + 1} column {index + 1} wants {length} bytes, {reader.left()} left")
        value = reader.raw(length)
        try:
            row.append(decode(value))
        except (ValueError, ArithmeticError, IndexError, KeyError) as error:
            raise RemoteProtocolError(
                f"row {number + 1} column {index + 1} is not a value of its type: {error}"
            ) from error
    reader.done()
    return tuple(row)


def _misfit(row: int, excess: int) -> RemoteProtocolError:
    direction = "past the end" if excess > 0 else "before the end"
    return RemoteProtocolError(f"row {row + 1}: its values end {abs(excess)} bytes {direction} of its packet")


def _bad_row(number: int, data: bytes, pos: int, decoders: tuple[Decoder, ...]) -> RemoteProtocolError:
    """Decode the row again, slowly, to find out which column is wrong."""
    length = int.from_bytes(data[pos : pos + 3], "little")
    try:
        decode_text_row(data[pos + 4 : pos + 4 + length], decoders, number)
    except RemoteProtocolError as error:
        return error
    return RemoteProtocolError(f"row {number + 1} cannot be decoded")
