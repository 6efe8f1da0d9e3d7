"""Parameters: Python values as SQL literals.

Only the types listed here, and their subclasses, have a literal; it is made by the listed type's own formatter, so
that a subclass cannot put text of its own into a statement. Knows values; knows no statement and no session.
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
    from decimal import Decimal
    from typing import Any

    # (value, no_backslash_escapes) -> literal
    Formatter = Callable[[Any, bool], bytes]

INTEGER_DIGITS = 65  # of a DECIMAL; an integer with more would silently become a DOUBLE
_INTEGER_END = 10**INTEGER_DIGITS
FRACTION_DIGITS = 325  # more than any type keeps; an exponent of minus a million must not become a million zeros
TIME_HOURS = 838
_MICROSECOND = timedelta(microseconds=1)


def literal(value: Any, no_backslash_escapes: bool) -> bytes:
    """`value` as an SQL literal in UTF-8.

    Args:
        value: None, bool, int or what has `__index__`, float, Decimal, str, bytes, bytearray, memoryview, date,
            datetime and time without a zone, timedelta, UUID, IPv4Address, IPv6Address, or a subclass of these.
        no_backslash_escapes: the session's sql_mode has NO_BACKSLASH_ESCAPES.

    Raises:
        ParameterError: a type that has no literal, a lone surrogate, or a time with a zone.
        UnsupportedValueError: nan or an infinity.
        ValueRangeError: a number of more than 65 digits, or a time beyond 838:59:59.999999.
    """
    formatter = _FORMATTERS.get(type(value)) or _find_formatter(value)
    return formatter(value, no_backslash_escapes)


def escape(text: bytes, no_backslash_escapes: bool) -> bytes:
    """`text` as it may stand between single quotes in a statement (with backslash escapes also between double ones)."""
    if no_backslash_escapes:
        return text.replace(b"'", b"''")
    for plain, escaped in _ESCAPES:
        if plain in text:
            text = text.replace(plain, escaped)
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


def _quoted(text: bytes, introducer: bytes, no_backslash_escapes: bool) -> bytes:
    """A string literal; without the introducer where that says nothing new."""
    if not no_backslash_escapes and b"\\" in text:
        if not text.isascii():
            # In gbk, sjis and big5 a backslash can be the second half of a character: should the session speak one of
            # these without our knowledge, an escape would not be one. Hexadecimal digits are the same everywhere.
            return b"%s X'%s'" % (introducer, text.hex().encode())
        text = text.replace(b"\\", b"\\\\")
    if b"'" in text:
        text = text.replace(b"'", b"''")
    return b"'%s'" % text


def _none(value: None, _: bool) -> bytes:
    return b"NULL"


def _bool(value: bool, _: bool) -> bytes:
    return b"1" if value else b"0"


def _int(value: int, _: bool) -> bytes:
    number = int.__index__(value)  # without what a subclass may do to it
    if not -_INTEGER_END < number < _INTEGER_END:
        raise ValueRangeError(f"an integer of {number.bit_length()} bits; {INTEGER_DIGITS} digits is the most")
    return b"%d" % number


def _index(value: Any, _: bool) -> bytes:
    try:
        number = index(value)
    except TypeError as error:  # such as a numpy array of more than one number
        raise ParameterError(f"a {type(value).__name__} cannot be a parameter: {error}") from error
    return _int(number, False)


def _float(value: float, _: bool) -> bytes:
    text = float.__repr__(value)
    if text[-1] in "nf":
        raise UnsupportedValueError(f"MariaDB has no value for float {text}")
    return text.encode()


def _decimal_formatter(kind: Any) -> Formatter:
    """The formatter of `decimal.Decimal`."""
    as_tuple, to_text = kind.as_tuple, kind.__format__

    def _decimal(value: Decimal, _: bool) -> bytes:
        _, digits, exponent = as_tuple(value)
        if not isinstance(exponent, int):
            raise UnsupportedValueError(f"MariaDB has no value for Decimal {kind.__str__(value)!r}")
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
        return text.encode()

    return _decimal


def _str(value: str, no_backslash_escapes: bool) -> bytes:
    return _quoted(encode_text(value, "a parameter"), b"_utf8mb4", no_backslash_escapes)


def _bytes(value: bytes | bytearray | memoryview, no_backslash_escapes: bool) -> bytes:
    # Through memoryview: `bytes(value)` may give a subclass, whose own methods would do the escaping.
    literal = _quoted(bytes(memoryview(value)), b"_binary", no_backslash_escapes)
    return literal if literal[0] == ord("_") else b"_binary" + literal


def _date(value: date, _: bool) -> bytes:
    return b"DATE'%s'" % date.isoformat(value).encode()


def _datetime(value: datetime, _: bool) -> bytes:
    _refuse_zone(value)
    return b"TIMESTAMP'%s'" % datetime.isoformat(value, " ").encode()


def _time(value: time, _: bool) -> bytes:
    _refuse_zone(value)
    return b"TIME'%s'" % time.isoformat(value).encode()


def _timedelta(value: timedelta, _: bool) -> bytes:
    microseconds = timedelta.__floordiv__(value, _MICROSECOND)
    sign = b"-" if microseconds < 0 else b""
    seconds, microseconds = divmod(abs(microseconds), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours > TIME_HOURS:
        raise ValueRangeError(f"a timedelta of {hours} hours; {TIME_HOURS} is the most")
    fraction = b".%06d" % microseconds if microseconds else b""
    return b"TIME'%s%02d:%02d:%02d%s'" % (sign, hours, minutes, seconds, fraction)


def _refuse_zone(value: datetime | time) -> None:
    if value.tzinfo is not None:
        raise ParameterError(
            f"a {type(value).__name__} with a time zone, which would be lost: convert it, and remove tzinfo"
        )


def _refusing_formatter(kind: Any) -> Formatter:
    """For an address with a network, which would be lost."""

    def refuse(value: Any, no_backslash_escapes: bool) -> bytes:
        raise ParameterError(f"an {kind.__name__} cannot be a parameter: its network would be lost; give its `ip`")

    return refuse


def _text_formatter(kind: Any) -> Formatter:
    """The formatter of a type whose text the server reads back: UUID, INET4, INET6."""
    to_text = kind.__str__
    return lambda value, no_backslash_escapes: _str(to_text(value), no_backslash_escapes)


_FORMATTERS: dict[type, Formatter] = {
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
# Types of modules that only some programs import: (module, name) -> what makes the formatter from the type.
_LATE_FORMATTERS: dict[tuple[str, str], Callable[[Any], Formatter]] = {
    ("decimal", "Decimal"): _decimal_formatter,
    ("uuid", "UUID"): _text_formatter,
    ("ipaddress", "IPv4Address"): _text_formatter,
    ("ipaddress", "IPv6Address"): _text_formatter,
    ("ipaddress", "IPv4Interface"): _refusing_formatter,
    ("ipaddress", "IPv6Interface"): _refusing_formatter,
}


def _find_formatter(value: Any) -> Formatter:
    """The formatter of the first listed type among the bases of the value's type."""
    for base in type(value).__mro__:
        formatter = _FORMATTERS.get(base) or _late_formatter(base)
        if formatter is not None:
            return formatter
    if hasattr(type(value), "__index__"):
        return _index
    raise ParameterError(f"a {type(value).__name__} cannot be a parameter: MariaDB has no literal for it")


def _late_formatter(base: type) -> Formatter | None:
    """The formatter of a type that is met for the first time; from then on it is in the table."""
    make = _LATE_FORMATTERS.get((base.__module__, base.__qualname__))
    # A class that only bears the name is not the one that the module has.
    if make is None or getattr(sys.modules.get(base.__module__), base.__qualname__, None) is not base:
        return None
    formatter = _FORMATTERS[base] = make(base)
    return formatter
