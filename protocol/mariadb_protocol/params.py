"""Parameters: Python values as values of MariaDB, and these as SQL literals.

Only the types listed here, and their subclasses, are parameters; each is read by the listed type's own methods, so that
a subclass cannot put text of its own into a statement. Knows values; knows no statement and no session. The binary
protocol's form of a value is in `binary`.
Source: MariaDB documentation, pages "String Literals", "Date and Time Literals", "Numeric Literals".
"""

from __future__ import annotations

import sys
from datetime import date, datetime, time, timedelta
from operator import index

from .errors import ParameterError, UnsupportedValueError, ValueRangeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # (one of `Kind`, the value in the form that `Kind` names)
    Plain = tuple[str, Any]
    Reader = Callable[[Any], Plain]

INTEGER_DIGITS = 65  # of a DECIMAL; an integer with more would silently become a DOUBLE
_INTEGER_END = 10**INTEGER_DIGITS
FRACTION_DIGITS = 325  # more than any type keeps; an exponent of minus a million must not become a million zeros
TIME_HOURS = 838
_MICROSECOND = timedelta(microseconds=1)


class Kind:
    """What a value is to MariaDB, with the form in which `plain` gives it."""

    NULL = "null"  # None
    BOOLEAN = "boolean"  # bool
    INTEGER = "integer"  # int of at most 65 digits
    REAL = "real"  # float
    DECIMAL = "decimal"  # bytes: digits with sign and point, without exponent
    TEXT = "text"  # bytes in UTF-8
    BINARY = "binary"  # bytes
    DATE = "date"  # date
    DATETIME = "datetime"  # datetime without a zone
    TIME = "time"  # (negative, hours, minutes, seconds, microseconds)


def plain(value: Any) -> Plain:
    """What `value` is to MariaDB: one of `Kind`, and the value in its form.

    Args:
        value: None, bool, int or what has `__index__`, float, Decimal, str, bytes, bytearray, memoryview, date,
            datetime and time without a zone, timedelta, UUID, IPv4Address, IPv6Address, or a subclass of these.

    Raises:
        ParameterError: another type, a lone surrogate, or a time with a zone.
        UnsupportedValueError: nan or an infinity.
        ValueRangeError: a number of more than 65 digits, or a time beyond 838:59:59.999999.
    """
    return (_READERS.get(type(value)) or _find_reader(value))(value)


def literal(value: Any, no_backslash_escapes: bool, utf8: bool = False) -> bytes:
    """`value` as an SQL literal in UTF-8.

    Args:
        value: as for `plain`, which also says the errors.
        no_backslash_escapes: the session's sql_mode has NO_BACKSLASH_ESCAPES.
        utf8: it is known that the session's character_set_client is UTF-8 or ASCII.
    """
    kind, data = plain(value)
    if kind == Kind.TEXT:
        return _quoted(data, b"_utf8mb4", no_backslash_escapes, utf8)
    if kind == Kind.BINARY:
        quoted = _quoted(data, b"_binary", no_backslash_escapes, utf8)
        return quoted if quoted[0] == ord("_") else b"_binary" + quoted
    return _LITERALS[kind](data)


def escape(text: bytes, no_backslash_escapes: bool) -> bytes:
    """`text` as it may stand between single quotes in a statement (with backslash escapes also between double ones)."""
    if no_backslash_escapes:
        return text.replace(b"'", b"''")
    for char, escaped in _ESCAPES:
        if char in text:
            text = text.replace(char, escaped)
    return text


_ESCAPES = (  # the backslash first: the others bring new ones
    *((b"\\", b"\\\\"), (b"'", b"\\'"), (b'"', b'\\"'), (b"\0", b"\\0"), (b"\n", b"\\n"), (b"\r", b"\\r")),
    (b"\x1a", b"\\Z"),
)


def encode_text(text: str, what: str) -> bytes:
    """`text` in UTF-8, also that of a subclass that lies about itself.

    Raises:
        ParameterError: it has a lone surrogate, which no character set of the server has.
    """
    try:
        return str.encode(text)
    except UnicodeEncodeError as error:
        raise ParameterError(f"{what} has a lone surrogate at position {error.start}") from None


# Literals


def _quoted(text: bytes, introducer: bytes, no_backslash_escapes: bool, utf8: bool) -> bytes:
    """A string literal; without the introducer where that says nothing new."""
    if not no_backslash_escapes and b"\\" in text:
        if not utf8 and not text.isascii():
            # In gbk, sjis and big5 a backslash can be the second half of a character: should the session speak one of
            # these without our knowledge, an escape would not be one. Hexadecimal digits are the same everywhere.
            return b"%s X'%s'" % (introducer, text.hex().encode())
        text = text.replace(b"\\", b"\\\\")
    if b"'" in text:
        text = text.replace(b"'", b"''")
    return b"'%s'" % text


def _time_literal(fields: tuple[bool, int, int, int, int]) -> bytes:
    negative, hours, minutes, seconds, microseconds = fields
    fraction = b".%06d" % microseconds if microseconds else b""
    return b"TIME'%s%02d:%02d:%02d%s'" % (b"-" if negative else b"", hours, minutes, seconds, fraction)


_LITERALS: dict[str, Callable[[Any], bytes]] = {
    Kind.NULL: lambda _: b"NULL",
    Kind.BOOLEAN: lambda value: b"1" if value else b"0",
    Kind.INTEGER: lambda value: b"%d" % value,
    Kind.REAL: lambda value: repr(value).encode(),
    Kind.DECIMAL: bytes,
    Kind.DATE: lambda value: b"DATE'%s'" % date.isoformat(value).encode(),
    Kind.DATETIME: lambda value: b"TIMESTAMP'%s'" % datetime.isoformat(value, " ").encode(),
    Kind.TIME: _time_literal,
}


# Values


def _none(value: None) -> Plain:
    return _NULL


_NULL = (Kind.NULL, None)


def _bool(value: bool) -> Plain:
    return Kind.BOOLEAN, value


def _int(value: int) -> Plain:
    number = int.__index__(value)  # without what a subclass may do to it
    if not -_INTEGER_END < number < _INTEGER_END:
        raise ValueRangeError(f"an integer of {number.bit_length()} bits; {INTEGER_DIGITS} digits is the most")
    return Kind.INTEGER, number


def _index(value: Any) -> Plain:
    try:
        number = index(value)
    except TypeError as error:  # such as a numpy array of more than one number
        raise ParameterError(f"a {type(value).__name__} cannot be a parameter: {error}") from error
    return _int(number)


def _float(value: float) -> Plain:
    number = float.__pos__(value)
    if number - number != 0:
        raise UnsupportedValueError(f"MariaDB has no value for float {number!r}")
    return Kind.REAL, number


def _str(value: str) -> Plain:
    return Kind.TEXT, encode_text(value, "a parameter")


def _bytes(value: bytes | bytearray | memoryview) -> Plain:
    # Through memoryview: `bytes(value)` may give a subclass, whose own methods would do the escaping.
    return Kind.BINARY, bytes(memoryview(value))


def _date(value: date) -> Plain:
    return Kind.DATE, value


def _datetime(value: datetime) -> Plain:
    _refuse_zone(value)
    return Kind.DATETIME, value


def _time(value: time) -> Plain:
    _refuse_zone(value)
    return Kind.TIME, (False, value.hour, value.minute, value.second, value.microsecond)


def _timedelta(value: timedelta) -> Plain:
    microseconds = timedelta.__floordiv__(value, _MICROSECOND)
    seconds, fraction = divmod(abs(microseconds), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours > TIME_HOURS:
        raise ValueRangeError(f"a timedelta of {hours} hours; {TIME_HOURS} is the most")
    return Kind.TIME, (microseconds < 0, hours, minutes, seconds, fraction)


def _refuse_zone(value: datetime | time) -> None:
    if value.tzinfo is not None:
        raise ParameterError(
            f"a {type(value).__name__} with a time zone, which would be lost: convert it, and remove tzinfo"
        )


# Each takes one of the types that only some programs import, and makes its reader.


def _decimal_reader(kind: Any) -> Reader:
    as_tuple, to_text = kind.as_tuple, kind.__format__

    def read(value: Any) -> Plain:
        _, digits, exponent = as_tuple(value)
        if not isinstance(exponent, int):
            raise UnsupportedValueError("MariaDB has no value for a Decimal that is not finite")
        if not any(digits):
            exponent = min(exponent, 0)
        if len(digits) + exponent > INTEGER_DIGITS:
            raise ValueRangeError(
                f"a Decimal of {len(digits) + exponent} digits before the point; {INTEGER_DIGITS} is the most"
            )
        if -exponent > FRACTION_DIGITS:
            raise ValueRangeError(f"a Decimal of {-exponent} digits behind the point; {FRACTION_DIGITS} is the most")
        # Without an exponent: with one it would be a DOUBLE to the server.
        text: str = to_text(value, "f")
        return Kind.DECIMAL, text.encode()

    return read


def _text_reader(kind: Any) -> Reader:
    """For a type whose text the server reads back: UUID, INET4, INET6."""
    to_text = kind.__str__
    return lambda value: _str(to_text(value))


def _refusing_reader(kind: Any) -> Reader:
    """For an address with a network, which would be lost."""

    def refuse(value: Any) -> Plain:
        raise ParameterError(f"an {kind.__name__} cannot be a parameter: its network would be lost; give its `ip`")

    return refuse


_READERS: dict[type, Reader] = {
    type(None): _none,
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    datetime: _datetime,
    date: _date,
    time: _time,
    timedelta: _timedelta,
}
# (module, name) -> what makes the reader from the type.
_LATE_READERS: dict[tuple[str, str], Callable[[Any], Reader]] = {
    ("decimal", "Decimal"): _decimal_reader,
    ("uuid", "UUID"): _text_reader,
    ("ipaddress", "IPv4Address"): _text_reader,
    ("ipaddress", "IPv6Address"): _text_reader,
    ("ipaddress", "IPv4Interface"): _refusing_reader,
    ("ipaddress", "IPv6Interface"): _refusing_reader,
}


def _find_reader(value: Any) -> Reader:
    """The reader of the first listed type among the bases of the value's type."""
    for base in type(value).__mro__:
        reader = _READERS.get(base) or _late_reader(base)
        if reader is not None:
            return reader
    if hasattr(type(value), "__index__"):
        return _index
    raise ParameterError(f"a {type(value).__name__} cannot be a parameter: MariaDB has no literal for it")


def _late_reader(base: type) -> Reader | None:
    """The reader of a type that is met for the first time; from then on it is in the table."""
    make = _LATE_READERS.get((base.__module__, base.__qualname__))
    # A class that only bears the name is not the one that the module has.
    if make is None or getattr(sys.modules.get(base.__module__), base.__qualname__, None) is not base:
        return None
    reader = _READERS[base] = make(base)
    return reader
