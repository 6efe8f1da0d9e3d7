"""Text-protocol values to Python objects: the default decoder of each column type.

Source: MariaDB documentation, page "Result Set Packets", as observed on 10.11.
"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta

from .constants import Collation
from .constants import FieldType as F

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .constants import Limits
    from .messages import ColumnDefinition

    Decoder = Callable[[bytes], Any]

_date = date.fromisoformat
_datetime = datetime.fromisoformat
_TEMPORAL = frozenset(b"0123456789-:. ")
_FRACTION_START = 20  # offset of the digits behind "YYYY-MM-DD HH:MM:SS."


def _is_temporal(value: bytes) -> bool:
    """`value` is made like a date: one that Python does not have, such as 0000-00-00 or 2001-02-30, is None to us."""
    return bool(value) and _TEMPORAL.issuperset(value)


def decode_date(value: bytes) -> date | None:
    """DATE; a date that Python's calendar does not have becomes None."""
    try:
        return _date(value.decode())
    except ValueError:
        if _is_temporal(value):
            return None
        raise


def decode_datetime(value: bytes) -> datetime | None:
    """DATETIME and TIMESTAMP; a date that Python's calendar does not have becomes None."""
    try:
        found = _datetime(value.decode())
        if found.tzinfo is not None:  # which the server's have not
            raise ValueError("a DATETIME with a time zone")
        return found
    except ValueError:
        if _is_temporal(value):
            return None
        raise


def decode_datetime_padded(value: bytes) -> datetime | None:
    """As `decode_datetime`, for Pythons before 3.11 that read fractions of three or six digits only."""
    if len(value) > _FRACTION_START:
        value = value.ljust(_FRACTION_START + 6, b"0")
    return decode_datetime(value)


def decode_time(value: bytes) -> timedelta:
    """TIME, from -838:59:59.999999 to 838:59:59.999999; the sign holds for the whole."""
    negative = value[:1] == b"-"
    hours, minutes, seconds = value[negative:].split(b":")
    whole, _, fraction = seconds.partition(b".")
    microseconds = int(fraction.ljust(6, b"0")[:6]) if fraction else 0
    time = timedelta(0, int(hours) * 3600 + int(minutes) * 60 + int(whole), microseconds)
    return -time if negative else time


def decimal_decoder(limits: Limits) -> Decoder:
    """A decoder of DECIMAL that refuses texts longer than any DECIMAL of the server."""
    from decimal import Decimal

    most = limits.decimal_digits

    def decode_decimal(value: bytes) -> Decimal:
        if len(value) > most:
            raise ValueError(f"decimal_digits is {most}, the server sent {len(value)}")
        number = Decimal(value.decode())
        if not number.is_finite() or abs(number.adjusted()) > most:
            raise ValueError("a DECIMAL beyond all digits")
        return number

    return decode_decimal


def text_decoder(column: ColumnDefinition, limits: Limits) -> Decoder:
    """The default decoder for the values of `column` in the text protocol."""
    if column.type in (F.NEWDECIMAL, F.DECIMAL):
        return decimal_decoder(limits)
    if column.type in _STRINGS:
        return bytes if column.charset == Collation.BINARY else bytes.decode
    return _DECODERS.get(column.type, bytes)


_STRINGS = frozenset(
    (F.VARCHAR, F.ENUM, F.SET, F.TINY_BLOB, F.MEDIUM_BLOB, F.LONG_BLOB, F.BLOB, F.VAR_STRING, F.STRING)
)
_DECODERS: dict[int, Decoder] = {
    **dict.fromkeys((F.TINY, F.SHORT, F.LONG, F.LONGLONG, F.INT24, F.YEAR), int),
    **dict.fromkeys((F.FLOAT, F.DOUBLE), float),
    **dict.fromkeys((F.DATE, F.NEWDATE), decode_date),
    **dict.fromkeys(
        (F.DATETIME, F.TIMESTAMP), decode_datetime if sys.version_info >= (3, 11) else decode_datetime_padded
    ),
    F.TIME: decode_time,
    F.JSON: bytes.decode,  # only MySQL has it: UTF-8, though labelled as binary
    F.NULL: bytes,
    F.BIT: bytes,
    F.GEOMETRY: bytes,
}
