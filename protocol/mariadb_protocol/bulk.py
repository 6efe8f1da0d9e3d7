"""Rows of parameters for COM_STMT_BULK_EXECUTE, packed into chunks.

Within a chunk each column has one type. None and indicators fit every type; of different kinds of numbers one is chosen
that holds them all without loss; any other change of type begins a new chunk. Knows rows; knows no session.
Source: MariaDB documentation, page "COM_STMT_BULK_EXECUTE".
"""

from __future__ import annotations

from .binary import (
    DOUBLE,
    LONGLONG,
    LONGLONG_UNSIGNED,
    NEWDECIMAL,
    TINY,
    VAR_STRING,
    encode,
    encode_double,
    encode_integer,
)
from .errors import ParameterError
from .indicator import MrdbIndicator
from .params import Kind, plain
from .wire import lenenc_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

CHUNK_SIZE = 1 << 20  # bytes from which on a chunk is sent
_VALUE = b"\0"
_NULL = b"\1"
# Longer ones lose digits in a DOUBLE, or are written with an exponent into a column of text.
_PLAIN_IN_DOUBLE = 10**15 - 1


class Chunk:
    """Rows that are sent at once.

    Attributes:
        types: type code and flags of each parameter.
        body: the rows.
        count: number of rows.
    """

    __slots__ = ("body", "count", "types")

    def __init__(self, types: bytes, body: bytes, count: int) -> None:
        self.types = types
        self.body = body
        self.count = count


class BulkEncoder:
    """Packs rows into chunks.

    Args:
        rows: the rows, each with one value per placeholder.
        columns: number of placeholders.
        size: bytes from which on a chunk is complete.

    Attributes:
        size: the same; may be changed between chunks.
        limit: bytes that a chunk must not have unless it is a single row; may be changed between chunks.
    """

    def __init__(self, rows: Iterator[Sequence[Any]], columns: int, size: int = CHUNK_SIZE) -> None:
        self._rows = rows
        self._columns = columns
        self.size = size
        self.limit = size
        self._left: Sequence[Any] | None = None  # a row that did not fit into the last chunk
        self._number = 0  # of the row that is being packed, from 1
        self._widened: list[bytes | None] = [None] * columns

    def next_chunk(self) -> Chunk | None:
        """The next chunk; None behind the last row.

        Raises:
            ParameterError: a value has no counterpart in MariaDB, or a row the wrong number of values; names both.
        """
        types = self._widened[:]
        parts: list[bytes] = []
        count = size = 0
        while size < self.size:
            row = self._next_row()
            if row is None:
                break
            packed = self._pack(row, types, count == 0)
            if packed is None or (count and size + len(packed) > self.limit):
                self._left = row
                break
            parts.append(packed)
            size += len(packed)
            count += 1
        if not count:
            return None
        return Chunk(b"".join(kind or VAR_STRING for kind in types), b"".join(parts), count)

    def _next_row(self) -> Sequence[Any] | None:
        row, self._left = self._left, None
        if row is None:
            row = next(self._rows, None)
            self._number += 1
        return row

    def _pack(self, row: Sequence[Any], types: list[bytes | None], first: bool) -> bytes | None:
        """The bytes of a row; None if it has to begin another chunk. `types` changes only if it fits."""
        if len(row) != self._columns:
            raise ParameterError(f"row {self._number} has {len(row)} values, not {self._columns}")
        parts: list[bytes] = []
        changed: dict[int, bytes] = {}
        for column, value in enumerate(row):
            if value is None:
                parts.append(_NULL)
                continue
            if type(value) is MrdbIndicator:
                parts.append(bytes((value.indicator,)))
                continue
            try:
                kind, data = encode(value)
            except ParameterError as error:
                raise type(error)(f"row {self._number}, column {column + 1}: {error}") from None
            present = types[column]
            if kind != present:
                if present is not None:
                    common = _common(present, kind, value)
                    if common != present and not first:
                        self._widened[column] = common
                        return None
                    if common is not None:
                        kind, data = common, _as(common, value)
                changed[column] = kind
            parts += (_VALUE, data)
        for column, kind in changed.items():
            types[column] = kind
        return b"".join(parts)


_SMALL = frozenset((TINY, LONGLONG))
_EXACT = frozenset((TINY, LONGLONG, LONGLONG_UNSIGNED, NEWDECIMAL))


def _common(present: bytes, kind: bytes, value: Any) -> bytes | None:
    """A type that holds the values of a column so far and `value` too, without loss; None if there is none."""
    both = {present, kind}
    if both <= _SMALL:
        return LONGLONG
    if both <= _EXACT:
        return NEWDECIMAL
    other = both - {DOUBLE}
    if len(other) == 1 and other <= _SMALL and (kind == DOUBLE or abs(plain(value)[1]) <= _PLAIN_IN_DOUBLE):
        return DOUBLE
    return None


def _as(kind: bytes, value: Any) -> bytes:
    """A number as a value of this type."""
    form, data = plain(value)
    if kind == DOUBLE:
        return encode_double(float(data))[1]
    if kind == NEWDECIMAL:
        return lenenc_bytes(data if form == Kind.DECIMAL else b"%d" % data)
    return encode_integer(int(data))[1]
