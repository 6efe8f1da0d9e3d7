from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.constants import FieldType as F
from mariadb_protocol.constants import Limits
from mariadb_protocol.messages import ColumnDefinition, decode_column
from mariadb_protocol.values import (
    decimal_decoder,
    decode_date,
    decode_datetime,
    decode_datetime_padded,
    decode_time,
    text_decoder,
)
from tests.support.scripts import column, text

BINARY, UTF8MB4 = 63, 45


def defined(kind: int, charset: int = UTF8MB4, extended: bytes = b"") -> ColumnDefinition:
    return decode_column(column(kind=kind, charset=charset, extended=extended), True)


def extended(kind: int, name: bytes) -> bytes:
    return bytes((kind,)) + text(name)


# kind, charset, extended metadata, text, value
TYPES: list[tuple[int, int, bytes, bytes, Any]] = [
    (F.TINY, BINARY, b"", b"-128", -128),
    (F.SHORT, BINARY, b"", b"32767", 32767),
    (F.INT24, BINARY, b"", b"-8388608", -8388608),
    (F.LONG, BINARY, b"", b"4294967295", 4294967295),
    (F.LONG, BINARY, b"", b"0000000042", 42),  # ZEROFILL
    (F.LONGLONG, BINARY, b"", b"18446744073709551615", 18446744073709551615),
    (F.LONGLONG, BINARY, b"", b"-9223372036854775808", -9223372036854775808),
    (F.YEAR, BINARY, b"", b"2024", 2024),
    (F.YEAR, BINARY, b"", b"0000", 0),
    (F.FLOAT, BINARY, b"", b"1.1", 1.1),
    (F.DOUBLE, BINARY, b"", b"-1.7976931348623157e308", -1.7976931348623157e308),
    (F.DECIMAL, BINARY, b"", b"1.50", Decimal("1.50")),
    (F.NEWDECIMAL, BINARY, b"", b"-0.000000000000000000000000000001", Decimal("-0.000000000000000000000000000001")),
    (F.DATE, BINARY, b"", b"2024-02-29", date(2024, 2, 29)),
    (F.NEWDATE, BINARY, b"", b"1000-01-01", date(1000, 1, 1)),
    (F.DATETIME, BINARY, b"", b"9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999999)),
    (F.TIMESTAMP, BINARY, b"", b"1970-01-01 00:00:01", datetime(1970, 1, 1, 0, 0, 1)),
    (F.TIME, BINARY, b"", b"-00:30:00", timedelta(minutes=-30)),
    (F.BIT, BINARY, b"", b"\x01\x00", b"\x01\x00"),
    (F.GEOMETRY, BINARY, extended(0, b"point"), bytes(4) + b"\x01\x01\0\0\0" + bytes(16), None),
    (F.NULL, BINARY, b"", b"", b""),
    (F.VARCHAR, UTF8MB4, b"", "grün €\U0001f600".encode(), "grün €\U0001f600"),
    (F.VAR_STRING, UTF8MB4, b"", b"", ""),
    (F.VAR_STRING, BINARY, b"", b"\0\xff", b"\0\xff"),
    (F.STRING, UTF8MB4, b"", b"char", "char"),
    (F.STRING, BINARY, b"", b"binary", b"binary"),
    (F.STRING, UTF8MB4, extended(0, b"uuid"), b"6ccd780c-baba-1026-9564-5b8c656024db", None),
    (F.STRING, UTF8MB4, extended(0, b"inet6"), b"2001:db8::1", None),
    (F.ENUM, UTF8MB4, b"", b"small", "small"),
    (F.SET, UTF8MB4, b"", b"a,b", "a,b"),
    (F.BLOB, UTF8MB4, extended(1, b"json"), b'{"a": "\xc3\xa4"}', '{"a": "ä"}'),
    (F.JSON, BINARY, b"", b'["\xc3\xa4"]', '["ä"]'),
    (F.TINY_BLOB, UTF8MB4, b"", b"text", "text"),
    (F.BLOB, BINARY, b"", b"\x80", b"\x80"),
    (F.MEDIUM_BLOB, BINARY, b"", b"\x80", b"\x80"),
    (F.LONG_BLOB, UTF8MB4, b"", b"text", "text"),
    (244, UTF8MB4, b"", b"later", b"later"),  # a type of a later server
]


@pytest.mark.parametrize(("kind", "charset", "block", "sent", "value"), TYPES)
def test_types(kind: int, charset: int, block: bytes, sent: bytes, value: Any) -> None:
    if value is None:  # the same, as bytes or text
        value = sent if charset == BINARY else sent.decode()
    found = text_decoder(defined(kind, charset, block), Limits())(sent)
    assert found == value
    assert type(found) is type(value)


def test_every_type_has_a_sample() -> None:
    assert {value for name, value in vars(F).items() if name[0] != "_"} <= {sample[0] for sample in TYPES}


# Dates


@pytest.mark.parametrize("sent", [b"0000-00-00", b"2024-00-10", b"2024-02-30", b"2023-02-29", b"10000-01-01"])
def test_dates_that_python_lacks(sent: bytes) -> None:
    assert decode_date(sent) is None
    assert decode_datetime(sent + b" 00:00:00") is None
    assert decode_datetime_padded(sent + b" 00:00:00.5") is None


@pytest.mark.parametrize("decode", [decode_datetime, decode_datetime_padded])
@pytest.mark.parametrize("sent", [b"2024-01-01 24:00:00", b"2024-01-01 00:60:00"])
def test_times_of_day_that_python_lacks(decode: Callable[[bytes], Any], sent: bytes) -> None:
    assert decode(sent) is None


STRICT = pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy's datetime.fromisoformat() overlooks a character behind the date"
)


@pytest.mark.parametrize("decode", [decode_date, decode_datetime, decode_datetime_padded])
@pytest.mark.parametrize(
    "sent", [b"", b"x", b"today", pytest.param(b"2024-01-01x", marks=STRICT), b"\xff", b"2024-01-01 00:00+05:00"]
)
def test_no_dates(decode: Callable[[bytes], Any], sent: bytes) -> None:
    with pytest.raises(ValueError):
        decode(sent)


@pytest.mark.parametrize("digits", range(7))
def test_datetime_of_every_precision(digits: int) -> None:
    """DATETIME(n) in the way of every Python: those before 3.11 read three or six digits only."""
    sent = b"2024-02-29 12:34:56" + (b"." + b"123456"[:digits] if digits else b"")
    expected = datetime(2024, 2, 29, 12, 34, 56, int("123456"[:digits].ljust(6, "0")))
    assert text_decoder(defined(F.DATETIME), Limits())(sent) == expected
    assert decode_datetime_padded(sent) == expected


@given(st.datetimes(min_value=datetime(1000, 1, 1)))
def test_any_datetime(moment: datetime) -> None:
    sent = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06}".encode()
    assert decode_datetime(sent) == decode_datetime_padded(sent) == moment
    assert decode_date(sent[:10]) == moment.date()


# TIME


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        (b"00:00:00", timedelta(0)),
        (b"-00:00:00", timedelta(0)),
        (b"-00:00:00.000001", timedelta(microseconds=-1)),
        (b"00:00:00.5", timedelta(microseconds=500000)),
        (b"-00:30:00", timedelta(minutes=-30)),
        (b"-01:00:00.000005", -timedelta(hours=1, microseconds=5)),
        (b"23:59:59.000100", timedelta(hours=23, minutes=59, seconds=59, microseconds=100)),
        (b"838:59:59.999999", timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)),
        (b"-838:59:59.999999", -timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)),
    ],
)
def test_time(sent: bytes, value: timedelta) -> None:
    assert decode_time(sent) == value


@given(st.integers(-838 * 3600_000_000, 838 * 3600_000_000))
def test_any_time(microseconds: int) -> None:
    seconds, fraction = divmod(abs(microseconds), 1_000_000)
    sign = "-" if microseconds < 0 else ""
    sent = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"
    assert decode_time(sent.encode()) == timedelta(microseconds=microseconds)


@pytest.mark.parametrize("sent", [b"", b"-", b"12", b"12:34", b"1:2:3:4", b"a:00:00", b"00:00:", b"00:00:00.x"])
def test_no_time(sent: bytes) -> None:
    with pytest.raises(ValueError):
        decode_time(sent)


def test_time_too_long_for_a_timedelta() -> None:
    with pytest.raises(OverflowError):
        decode_time(b"9" * 40 + b":00:00")


# DECIMAL


def test_decimal_keeps_all_its_digits() -> None:
    sent = b"-" + b"9" * 27 + b"." + b"1" * 38
    assert str(decimal_decoder(Limits())(sent)) == sent.decode()


def test_decimal_digits() -> None:
    decode = decimal_decoder(Limits(decimal_digits=5))
    assert decode(b"-1.25") == Decimal("-1.25")
    with pytest.raises(ValueError, match="decimal_digits is 5, the server sent 6"):
        decode(b"-1.250")


@pytest.mark.parametrize("sent", [b"1e999999999", b"-1e-99", b"Infinity", b"-inf", b"NaN"])
def test_a_decimal_beyond_all_digits(sent: bytes) -> None:
    with pytest.raises(ValueError, match="beyond all digits"):
        decimal_decoder(Limits())(sent)


def test_the_longest_decimal_of_the_server() -> None:
    """65 digits, at most 38 of them behind the point: with sign, zero and point that is 68 characters."""
    assert decimal_decoder(Limits())(b"-0." + b"9" * 65) == Decimal("-0." + "9" * 65)
