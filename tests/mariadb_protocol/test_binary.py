from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol import ParameterError, RemoteProtocolError, UnsupportedValueError, ValueRangeError
from mariadb_protocol.binary import binary_decoder, decode_date, decode_datetime, decode_time, encode
from mariadb_protocol.constants import FieldFlag, Limits
from mariadb_protocol.constants import FieldType as F
from mariadb_protocol.messages import ColumnDefinition, decode_column
from mariadb_protocol.rows import ResultMetadata, decode_binary_row, decode_binary_rows
from mariadb_protocol.values import text_decoder
from tests.support.script_binary import INTEGERS, binary_row, binary_value, parameter, text_value
from tests.support.scripts import column, packets, text, uint

BINARY, UTF8MB4 = 63, 45
LIMITS = Limits()


def defined(kind: int, charset: int = UTF8MB4, flags: int = 0) -> ColumnDefinition:
    return decode_column(column(kind=kind, charset=charset, flags=flags), True)


def decoded(definition: ColumnDefinition, sent: bytes) -> Any:
    """The value of a row that has this column only, in bulk and one by one."""
    decoders = ResultMetadata((definition,), LIMITS).binary_decoders
    rows: list[tuple[Any, ...]] = []
    payload = binary_row(sent)
    assert decode_binary_rows(packets(0, payload), 0, 0, 1 << 24, decoders, rows) == (len(payload) + 4, 1)
    assert [decode_binary_row(payload, decoders, 0)] == rows
    return rows[0][0]


# type, flags, bytes, value
UNSIGNED = FieldFlag.UNSIGNED
FIXED: list[tuple[int, int, str, Any]] = [
    (F.TINY, 0, "80", -128),
    (F.TINY, 0, "7f", 127),
    (F.TINY, UNSIGNED, "ff", 255),
    (F.SHORT, 0, "0080", -32768),
    (F.SHORT, UNSIGNED, "ffff", 65535),
    (F.YEAR, 0, "e807", 2024),
    (F.YEAR, UNSIGNED, "6b08", 2155),
    (F.YEAR, UNSIGNED, "0000", 0),
    (F.INT24, 0, "000080ff", -8388608),
    (F.INT24, UNSIGNED, "ffffff00", 16777215),
    (F.LONG, 0, "00000080", -2147483648),
    (F.LONG, UNSIGNED, "ffffffff", 4294967295),
    (F.LONGLONG, 0, "0000000000000080", -(1 << 63)),
    (F.LONGLONG, 0, "ffffffffffffff7f", (1 << 63) - 1),
    (F.LONGLONG, UNSIGNED, "ffffffffffffffff", (1 << 64) - 1),
    (F.FLOAT, 0, "0000c03f", 1.5),
    (F.DOUBLE, 0, "9a9999999999f13f", 1.1),
    (F.DOUBLE, 0, "ffffffffffffefff", -1.7976931348623157e308),
]
# type, charset, contents, value
SIZED: list[tuple[int, int, bytes, Any]] = [
    (F.DATE, BINARY, b"", None),
    (F.DATE, BINARY, bytes.fromhex("e807021d"), date(2024, 2, 29)),
    (F.DATE, BINARY, bytes.fromhex("e807021d000000"), date(2024, 2, 29)),
    (F.DATE, BINARY, bytes(4), None),
    (F.NEWDATE, BINARY, bytes.fromhex("e7070000"), None),
    (F.DATE, BINARY, bytes.fromhex("e707021d"), None),  # 2023-02-29, which ALLOW_INVALID_DATES lets in
    (F.DATETIME, BINARY, b"", None),
    (F.DATETIME, BINARY, bytes(11), None),
    (F.DATETIME, BINARY, bytes.fromhex("0f270c1f"), datetime(9999, 12, 31)),
    (F.TIMESTAMP, BINARY, bytes.fromhex("b207010100000a"), datetime(1970, 1, 1, 0, 0, 10)),
    (F.DATETIME, BINARY, bytes.fromhex("0f270c1f173b3b3f420f00"), datetime(9999, 12, 31, 23, 59, 59, 999999)),
    (F.TIME, BINARY, b"", timedelta()),
    (F.TIME, BINARY, bytes.fromhex("0122000000163b3b"), -timedelta(hours=838, minutes=59, seconds=59)),
    (F.TIME, BINARY, bytes.fromhex("000000000000000001000000"), timedelta(microseconds=1)),
    (F.TIME, BINARY, bytes.fromhex("01000000000000003f420f00"), -timedelta(microseconds=999999)),
    (F.NEWDECIMAL, BINARY, b"-1.50", Decimal("-1.50")),
    (F.DECIMAL, BINARY, b"0", Decimal(0)),
    (F.BIT, BINARY, b"\1\0", b"\1\0"),
    (F.GEOMETRY, BINARY, bytes(4) + b"\1", bytes(4) + b"\1"),
    (F.NULL, BINARY, b"", b""),
    (244, UTF8MB4, b"later", b"later"),
    *((kind, UTF8MB4, "é".encode(), "é") for kind in (F.VARCHAR, F.VAR_STRING, F.STRING, F.ENUM, F.SET)),
    (F.JSON, BINARY, '["é"]'.encode(), '["é"]'),
    *((kind, UTF8MB4, b"", "") for kind in (F.TINY_BLOB, F.BLOB, F.MEDIUM_BLOB, F.LONG_BLOB)),
    *((kind, BINARY, b"\xff", b"\xff") for kind in (F.VAR_STRING, F.STRING, F.BLOB)),
]


@pytest.mark.parametrize(("kind", "flags", "sent", "value"), FIXED)
def test_values_of_fixed_size(kind: int, flags: int, sent: str, value: Any) -> None:
    found = decoded(defined(kind, BINARY, flags), bytes.fromhex(sent))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("kind", "charset", "contents", "value"), SIZED)
def test_values_behind_a_length(kind: int, charset: int, contents: bytes, value: Any) -> None:
    found = decoded(defined(kind, charset), text(contents))
    assert (found, type(found)) == (value, type(value))


def test_every_type_has_a_sample() -> None:
    samples = {sample[0] for sample in FIXED} | {sample[0] for sample in SIZED}
    assert {value for name, value in vars(F).items() if name[0] != "_"} <= samples


MALFORMED = [
    (F.DATE, "00", "a date and time of 1 bytes"),
    (F.DATETIME, "e8070101000000010203", "a date and time of 10 bytes"),
    (F.DATETIME, "e8070101180000", "a time of day of 24:0:0"),
    (F.DATETIME, "e8070101003c00", "a time of day of 0:60:0"),
    (F.DATETIME, "e807010100003c", "a time of day of 0:0:60"),
    (F.TIMESTAMP, "e807010100000040420f00", "a time of day of 0:0:0.1000000"),
    (F.TIME, "0000000000000000000000", "a time of 11 bytes"),
    (F.TIME, "0200000000000000", "a time of 2 0 0:0:0"),
    (F.TIME, "0000000000180000", "a time of 0 0 24:0:0"),
    (F.TIME, "000000000000000040420f00", "a time of 0 0 0:0:0.1000000"),
    (F.TIME, "00ffffffff000000", "too large|days=4294967295"),
    (F.NEWDECIMAL, "31783130", "ConversionSyntax"),
    (F.VAR_STRING, "ff", "'utf-8' codec"),
]


@pytest.mark.parametrize(("kind", "sent", "match"), MALFORMED)
def test_values_of_no_type(kind: int, sent: str, match: str) -> None:
    """The error names row and column, in bulk and one by one."""
    decoders = ResultMetadata((defined(F.TINY), defined(kind)), LIMITS).binary_decoders
    good = binary_row(b"\1", None)
    bad = binary_row(b"\1", text(bytes.fromhex(sent)))
    message = f"^row 2 column 2 is not a value of its type: .*({match})"
    rows: list[tuple[Any, ...]] = []
    with pytest.raises(RemoteProtocolError, match=message):
        decode_binary_rows(packets(0, good, bad), 0, 0, 1 << 24, decoders, rows)
    assert rows == [(1, None)]
    with pytest.raises(RemoteProtocolError, match=message):
        decode_binary_row(bad, decoders, 1)


# Text and binary


def integers(kind: int, flags: int) -> Any:
    bits = {"b": 8, "h": 16, "i": 32, "q": 64}[INTEGERS[kind]]
    if flags & UNSIGNED or kind == F.YEAR:
        return st.integers(0, (1 << bits) - 1)
    return st.integers(-1 << bits - 1, (1 << bits - 1) - 1)


COLUMNS: list[tuple[ColumnDefinition, Any]] = [
    *((defined(kind, BINARY, flags), integers(kind, flags)) for kind in INTEGERS for flags in (0, UNSIGNED)),
    (defined(F.DOUBLE, BINARY), st.floats(allow_nan=False, allow_infinity=False)),
    (defined(F.DATE, BINARY), st.dates(min_value=date(1000, 1, 1))),
    (defined(F.DATETIME, BINARY), st.datetimes(min_value=datetime(1000, 1, 1))),
    (
        defined(F.TIME, BINARY),
        st.timedeltas(-timedelta(hours=839) + timedelta.resolution, timedelta(hours=839) - timedelta.resolution),
    ),
    (defined(F.NEWDECIMAL, BINARY), st.decimals(-(10**27), 10**27, places=30)),
    (defined(F.VAR_STRING), st.text(st.characters(exclude_categories=["Cs"]), max_size=300)),
    (defined(F.BLOB, BINARY), st.binary(max_size=300)),
    (defined(F.BIT, BINARY), st.binary(min_size=1, max_size=8)),
]


@given(st.data())
def test_text_and_binary_are_the_same(data: st.DataObject) -> None:
    """A row of any columns, as a server sends it in both protocols."""
    chosen = data.draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=12))
    columns = [definition for definition, _ in chosen]
    values = [data.draw(st.none() | strategy) for _, strategy in chosen]
    sent = [
        None if value is None else binary_value(definition.type, value, bool(definition.flags & UNSIGNED))
        for definition, value in zip(columns, values)
    ]
    decoders = ResultMetadata(tuple(columns), LIMITS).binary_decoders
    found = decode_binary_row(binary_row(*sent), decoders, 0)
    rows: list[tuple[Any, ...]] = []
    decode_binary_rows(packets(0, binary_row(*sent)), 0, 0, 1 << 24, decoders, rows)
    as_text = tuple(
        None if value is None else text_decoder(definition, LIMITS)(text_value(definition.type, value))
        for definition, value in zip(columns, values)
    )
    assert found == rows[0] == as_text == tuple(values)
    assert [type(value) for value in found] == [type(value) for value in as_text]


@given(st.binary(max_size=14))
def test_any_bytes_are_a_time_or_none(value: bytes) -> None:
    for decode in (decode_date, decode_datetime, decode_time):
        try:
            found = decode(value)  # type: ignore[operator]
        except (ValueError, OverflowError):
            continue
        assert found is None or isinstance(found, (date, timedelta))


def test_the_size_comes_with_the_decoder() -> None:
    sizes = {kind: binary_decoder(defined(kind), LIMITS)[0] for kind in (*INTEGERS, F.FLOAT, F.DOUBLE, F.TIME, F.BLOB)}
    assert sizes == {
        F.TINY: 1,
        F.SHORT: 2,
        F.YEAR: 2,
        F.INT24: 4,
        F.LONG: 4,
        F.LONGLONG: 8,
        F.FLOAT: 4,
        F.DOUBLE: 8,
        F.TIME: 0,
        F.BLOB: 0,
    }


# Parameters

# value, type code with flags, bytes
PARAMETERS: list[tuple[Any, str, bytes]] = [
    (None, "0600", b""),
    (True, "0100", b"\1"),
    (False, "0100", b"\0"),
    (0, "0800", bytes(8)),
    (-1, "0800", b"\xff" * 8),
    ((1 << 63) - 1, "0800", b"\xff" * 7 + b"\x7f"),
    (1 << 63, "0880", bytes(7) + b"\x80"),
    ((1 << 64) - 1, "0880", b"\xff" * 8),
    (1 << 64, "f600", b"\x1418446744073709551616"),
    (-(1 << 63) - 1, "f600", b"\x14-9223372036854775809"),
    (1.5, "0500", bytes.fromhex("000000000000f83f")),
    (Decimal("1E+3"), "f600", b"\x041000"),
    (Decimal("-0.10"), "f600", b"\x05-0.10"),
    ("é", "fd00", b"\2\xc3\xa9"),
    ("", "fd00", b"\0"),
    (b"\0\xff", "fb00", b"\2\0\xff"),
    (bytearray(b"a"), "fb00", b"\1a"),
    (memoryview(b"a"), "fb00", b"\1a"),
    (date(2024, 2, 29), "0a00", bytes.fromhex("04e807021d")),
    (datetime(2024, 2, 29), "0c00", bytes.fromhex("07e807021d000000")),
    (datetime(2024, 2, 29, 1, 2, 3, 4), "0c00", bytes.fromhex("0be807021d01020304000000")),
    (time(23, 59, 58), "0b00", bytes.fromhex("080000000000173b3a")),
    (timedelta(), "0b00", bytes.fromhex("080000000000000000")),
    (-timedelta(microseconds=1), "0b00", bytes.fromhex("0c010000000000000001000000")),
    (timedelta(hours=838), "0b00", bytes.fromhex("080022000000160000")),
    (UUID(int=1), "fd00", b"\x2400000000-0000-0000-0000-000000000001"),
    (IPv4Address("10.0.0.1"), "fd00", b"\x0810.0.0.1"),
]


@pytest.mark.parametrize(("value", "kind", "sent"), PARAMETERS)
def test_parameters(value: Any, kind: str, sent: bytes) -> None:
    assert encode(value) == (bytes.fromhex(kind), sent)


@pytest.mark.parametrize("size", [0xFA, 0xFB, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000])
def test_long_parameters(size: int) -> None:
    lead = {1: b"", 2: b"\xfc", 3: b"\xfd", 8: b"\xfe"}
    width = 1 if size < 0xFB else 2 if size < 1 << 16 else 3 if size < 1 << 24 else 8
    assert encode(bytes(size))[1] == lead[width] + uint(size, width) + bytes(size)


@given(
    st.none()
    | st.booleans()
    | st.integers(-(10**65) + 1, 10**65 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-(10**30), 10**30, places=30)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
    | st.binary(max_size=300)
    | st.dates()
    | st.datetimes()
    | st.timedeltas(-timedelta(hours=838), timedelta(hours=838))
)
def test_a_server_reads_what_was_meant(value: Any) -> None:
    assert parameter(*encode(value)) == value


@given(st.times())
def test_a_server_reads_a_time(value: time) -> None:
    expected = timedelta(0, (value.hour * 60 + value.minute) * 60 + value.second, value.microsecond)
    assert parameter(*encode(value)) == expected


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (float("nan"), UnsupportedValueError),
        (Decimal("Infinity"), UnsupportedValueError),
        (10**65, ValueRangeError),
        (timedelta(hours=839), ValueRangeError),
        ("\ud800", ParameterError),
        (object(), ParameterError),
        ([1], ParameterError),
    ],
)
def test_no_parameters(value: Any, error: type[ParameterError]) -> None:
    with pytest.raises(error) as raised:
        encode(value)
    assert type(raised.value) is error
