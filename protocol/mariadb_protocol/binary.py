"""Values of the binary protocol: columns to Python objects, and parameters to bytes.

Values that both protocols send in the same form (strings, DECIMAL, BIT) share their decoders with the text protocol.
Source: MariaDB documentation, pages "Result Set Packets" and "COM_STMT_EXECUTE", as observed on 10.11.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from struct import Struct

from .constants import FieldFlag
from .constants import FieldType as F
from .params import Kind, plain
from .values import text_decoder
from .wire import lenenc_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .constants import Limits
    from .messages import ColumnDefinition

    # Bytes that each value has (0: a length stands before each), and what makes the object from them.
    BinaryDecoder = tuple[int, Callable[[bytes], Any]]
    # Type code and flags, as they stand in front of all values; and the value.
    Encoded = tuple[bytes, bytes]

_clock = Struct("<BIBBB")  # of a TIME: sign, days, hours, minutes, seconds

# Columns to objects


def _unpacker(layout: str) -> Callable[[bytes], Any]:
    unpack = Struct(layout).unpack

    def decode(value: bytes) -> Any:
        return unpack(value)[0]

    return decode


def decode_date(value: bytes) -> date | None:
    """DATE; a date that Python's calendar does not have, such as 0000-00-00, becomes None."""
    found = decode_datetime(value)
    return None if found is None else found.date()


def decode_datetime(value: bytes) -> datetime | None:
    """DATETIME and TIMESTAMP in 0, 4, 7 or 11 bytes; a date that Python's calendar does not have becomes None."""
    size = len(value)
    if size == 0:
        return None
    if size not in (4, 7, 11):
        raise ValueError(f"a date and time of {size} bytes")
    hour, minute, second = value[4:7] or bytes(3)
    microsecond = int.from_bytes(value[7:11], "little")
    if hour > 23 or minute > 59 or second > 59 or microsecond > 999999:
        raise ValueError(f"a time of day of {hour}:{minute}:{second}.{microsecond:06}")
    try:
        return datetime(value[0] | value[1] << 8, value[2], value[3], hour, minute, second, microsecond)
    except ValueError:
        return None


def decode_time(value: bytes) -> timedelta:
    """TIME in 0, 8 or 12 bytes: sign, days, hours, minutes, seconds, microseconds."""
    size = len(value)
    if size == 0:
        return timedelta()
    if size not in (8, 12):
        raise ValueError(f"a time of {size} bytes")
    negative, days, hours, minutes, seconds = _clock.unpack(value[:8])
    microseconds = int.from_bytes(value[8:], "little")
    if negative > 1 or hours > 23 or minutes > 59 or seconds > 59 or microseconds > 999999:
        raise ValueError(f"a time of {negative} {days} {hours}:{minutes}:{seconds}.{microseconds:06}")
    found = timedelta(days, (hours * 60 + minutes) * 60 + seconds, microseconds)
    return -found if negative else found


_SIGNED: dict[int, BinaryDecoder] = {
    F.TINY: (1, _unpacker("<b")),
    F.SHORT: (2, _unpacker("<h")),
    F.YEAR: (2, _unpacker("<H")),
    F.INT24: (4, _unpacker("<i")),
    F.LONG: (4, _unpacker("<i")),
    F.LONGLONG: (8, _unpacker("<q")),
}
_UNSIGNED: dict[int, BinaryDecoder] = {
    **_SIGNED,
    F.TINY: (1, _unpacker("<B")),
    F.SHORT: (2, _unpacker("<H")),
    F.INT24: (4, _unpacker("<I")),
    F.LONG: (4, _unpacker("<I")),
    F.LONGLONG: (8, _unpacker("<Q")),
}
_OTHERS: dict[int, BinaryDecoder] = {
    F.FLOAT: (4, _unpacker("<f")),
    F.DOUBLE: (8, _unpacker("<d")),
    **dict.fromkeys((F.DATE, F.NEWDATE), (0, decode_date)),
    **dict.fromkeys((F.DATETIME, F.TIMESTAMP), (0, decode_datetime)),
    F.TIME: (0, decode_time),
}


def binary_decoder(column: ColumnDefinition, limits: Limits) -> BinaryDecoder:
    """The default decoder for the values of `column` in the binary protocol."""
    integers = _UNSIGNED if column.flags & FieldFlag.UNSIGNED else _SIGNED
    return integers.get(column.type) or _OTHERS.get(column.type) or (0, text_decoder(column, limits))


# Parameters to bytes

_int64 = Struct("<q").pack
_uint64 = Struct("<Q").pack
_double = Struct("<d").pack
_day = Struct("<HBB").pack

# Type codes with flags, as they stand in front of all values.
TINY = bytes((F.TINY, 0))
LONGLONG = bytes((F.LONGLONG, 0))
LONGLONG_UNSIGNED = bytes((F.LONGLONG, 0x80))
DOUBLE = bytes((F.DOUBLE, 0))
NEWDECIMAL = bytes((F.NEWDECIMAL, 0))
VAR_STRING = bytes((F.VAR_STRING, 0))
LONG_BLOB = bytes((F.LONG_BLOB, 0))
_DATE = bytes((F.DATE, 0))
_DATETIME = bytes((F.DATETIME, 0))
_TIME = bytes((F.TIME, 0))
NULL = bytes((F.NULL, 0)), b""


def encode(value: Any) -> Encoded:
    """A parameter as type code with flags, and value; `params.plain` says the types and errors."""
    kind, data = plain(value)
    return _ENCODERS[kind](data)


def encode_integer(number: int) -> Encoded:
    """An integer as BIGINT, BIGINT UNSIGNED or DECIMAL, the first that has room for it."""
    if -1 << 63 <= number < 1 << 63:
        return LONGLONG, _int64(number)
    if 0 <= number < 1 << 64:
        return LONGLONG_UNSIGNED, _uint64(number)
    return NEWDECIMAL, lenenc_bytes(b"%d" % number)


def encode_double(number: float) -> Encoded:
    """A float as DOUBLE."""
    return DOUBLE, _double(number)


def _datetime(value: datetime) -> Encoded:
    moment = _day(value.year, value.month, value.day) + bytes((value.hour, value.minute, value.second))
    if value.microsecond:
        return _DATETIME, b"\x0b" + moment + value.microsecond.to_bytes(4, "little")
    return _DATETIME, b"\7" + moment


def _time(fields: tuple[bool, int, int, int, int]) -> Encoded:
    negative, hours, minutes, seconds, microseconds = fields
    clock = _clock.pack(negative, *divmod(hours, 24), minutes, seconds)
    if microseconds:
        return _TIME, b"\x0c" + clock + microseconds.to_bytes(4, "little")
    return _TIME, b"\x08" + clock


_ENCODERS: dict[str, Callable[[Any], Encoded]] = {
    Kind.NULL: lambda _: NULL,
    Kind.BOOLEAN: lambda value: (TINY, b"\1" if value else b"\0"),
    Kind.INTEGER: encode_integer,
    Kind.REAL: encode_double,
    Kind.DECIMAL: lambda text: (NEWDECIMAL, lenenc_bytes(text)),
    Kind.TEXT: lambda text: (VAR_STRING, lenenc_bytes(text)),
    Kind.BINARY: lambda data: (LONG_BLOB, lenenc_bytes(data)),
    Kind.DATE: lambda value: (_DATE, b"\4" + _day(value.year, value.month, value.day)),
    Kind.DATETIME: _datetime,
    Kind.TIME: _time,
}
