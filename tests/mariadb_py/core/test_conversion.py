"""What the user wants other than the default objects: decoders that are replaced, and values that are changed."""

from __future__ import annotations

from datetime import date, datetime
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.binary import binary_decoder, encode
from mariadb_protocol.constants import FieldType as F
from mariadb_protocol.constants import Limits
from mariadb_protocol.messages import ColumnDefinition, decode_column
from mariadb_protocol.values import text_decoder
from mariadb_py.core.conversion import Conversion, InvalidDate, finish_rows
from mariadb_py.core.metadata import ColumnSet
from mariadb_py.core.options import ConnectOptions
from mariadb_py.exceptions import DataError
from tests.support.scripts import column, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LIMITS = Limits()
BINARY, UTF8MB4 = 63, 45


def defined(kind: int, type_name: bytes = b"", decimals: int = 0, charset: int = UTF8MB4) -> ColumnDefinition:
    extended = b"\0" + text(type_name) if type_name else b""
    return decode_column(column(kind=kind, charset=charset, decimals=decimals, extended=extended), True)


def columns(conversion: Conversion, *kinds: int) -> ColumnSet:
    return ColumnSet(tuple(map(defined, kinds)), LIMITS, conversion)


UNCHANGED = (F.TINY, F.LONGLONG, F.NEWDECIMAL, F.DOUBLE, F.TIME, F.BIT, F.VAR_STRING, F.BLOB, F.GEOMETRY, F.NULL)


def same(one: Callable[[bytes], Any], other: Callable[[bytes], Any]) -> bool:
    """The same function, or one made anew at the same place."""
    return getattr(one, "__code__", one) is getattr(other, "__code__", other)


@pytest.mark.parametrize(
    "conversion",
    [
        Conversion(),
        Conversion({}, False, None),
        Conversion({F.TINY: str}),
        Conversion(None, True),
        Conversion(None, False, "str"),
    ],
    ids=["default", "empty", "converter", "native_object", "zero_date"],
)
def test_other_values_are_decoded_as_by_default(conversion: Conversion) -> None:
    for kind in UNCHANGED:
        plain = defined(kind)
        assert same(conversion.text(plain, LIMITS), text_decoder(plain, LIMITS))
        width, decode = conversion.binary(plain, LIMITS)
        expected = binary_decoder(plain, LIMITS)
        assert width == expected[0]
        assert same(decode, expected[1])


# native_object


NATIVE = (
    (b"uuid", F.STRING, b"123e4567-e89b-12d3-a456-426614174000", UUID("123e4567-e89b-12d3-a456-426614174000")),
    (b"inet4", F.STRING, b"192.0.2.1", IPv4Address("192.0.2.1")),
    (b"inet6", F.STRING, b"2001:db8::1", IPv6Address("2001:db8::1")),
)


@pytest.mark.parametrize(("type_name", "kind", "value", "expected"), NATIVE)
def test_native_objects(type_name: bytes, kind: int, value: bytes, expected: object) -> None:
    typed = defined(kind, type_name)
    native, default = Conversion(native_object=True), Conversion()
    width, decode = native.binary(typed, LIMITS)
    assert (native.text(typed, LIMITS)(value), width, decode(value)) == (expected, 0, expected)
    assert default.text(typed, LIMITS)(value) == default.binary(typed, LIMITS)[1](value) == value.decode()


@pytest.mark.parametrize("type_name", [b"json", b"point", b"unheard of"])
def test_types_without_a_native_object(type_name: bytes) -> None:
    assert Conversion(native_object=True).text(defined(F.STRING, type_name), LIMITS)(b"x") == "x"


# zero_date


DATES = (F.DATE, F.NEWDATE)
MOMENTS = (F.DATETIME, F.TIMESTAMP)
# (type, decimals, text, binary value without its length)
NO_DATES = (
    *((kind, 0, "0000-00-00", b"") for kind in DATES),
    *((kind, 0, "2001-02-30", b"\xd1\x07\x02\x1e") for kind in DATES),
    *((kind, 0, "0000-00-00 00:00:00", b"") for kind in MOMENTS),
    *((kind, 0, "2001-00-15 00:00:00", b"\xd1\x07\x00\x0f") for kind in MOMENTS),
    *((kind, 0, "2001-02-30 10:20:30", b"\xd1\x07\x02\x1e\x0a\x14\x1e") for kind in MOMENTS),
    *((kind, 6, "0000-00-00 00:00:00.000000", b"") for kind in MOMENTS),
    *((kind, 3, "2001-02-30 10:20:30.012", b"\xd1\x07\x02\x1e\x0a\x14\x1e\xe0\x2e\x00\x00") for kind in MOMENTS),
    *((kind, 6, "2001-02-30 10:20:30.012000", b"\xd1\x07\x02\x1e\x0a\x14\x1e\xe0\x2e\x00\x00") for kind in MOMENTS),
    # Of an expression, 39 decimals mean that there is no fixed number of them.
    *((kind, 39, "2001-02-30 10:20:30", b"\xd1\x07\x02\x1e\x0a\x14\x1e") for kind in MOMENTS),
)


@pytest.mark.parametrize(("kind", "decimals", "shown", "sent"), NO_DATES)
def test_dates_that_python_does_not_have(kind: int, decimals: int, shown: str, sent: bytes) -> None:
    typed = defined(kind, decimals=decimals, charset=BINARY)
    for zero_date in ("str", "raise"):
        conversion = Conversion(zero_date=zero_date)
        width, decode = conversion.binary(typed, LIMITS)
        for value in (conversion.text(typed, LIMITS)(shown.encode()), decode(sent)):
            assert type(value) is InvalidDate
            assert value == shown
        assert width == 0
    assert Conversion().text(typed, LIMITS)(shown.encode()) is None
    assert Conversion().binary(typed, LIMITS)[1](sent) is None


@given(st.datetimes(), st.sampled_from(("str", "raise")))
def test_dates_that_python_has_stay_dates(moment: datetime, zero_date: str) -> None:
    conversion = Conversion(zero_date=zero_date)
    for kind, value, shown in (
        (F.DATE, moment.date(), f"{moment.date()}"),
        (F.DATETIME, moment, moment.isoformat(" ")),
    ):
        typed = defined(kind, decimals=6, charset=BINARY)
        assert conversion.text(typed, LIMITS)(shown.encode()) == value
        assert conversion.binary(typed, LIMITS)[1](encode(value)[1][1:]) == value


def test_a_wrong_date_is_an_error_everywhere() -> None:
    for zero_date in (None, "str", "raise"):
        with pytest.raises(ValueError):
            Conversion(zero_date=zero_date).text(defined(F.DATE), LIMITS)(b"tomorrow")


# What is changed in decoded rows


def test_nothing_to_change() -> None:
    for conversion in (Conversion(), Conversion(native_object=True, zero_date="str"), Conversion({F.LONG: str})):
        made = columns(conversion, F.DATE, F.VAR_STRING)
        assert made.finisher is None
        rows = [(date(2001, 1, 1), "x")]
        assert finish_rows(made, rows) is rows
    assert columns(Conversion(zero_date="raise"), F.VAR_STRING).finisher is None


def test_a_converter_is_given_what_the_value_would_be_also_none() -> None:
    made = columns(Conversion({F.LONG: lambda value: ("long", value), F.DATE: repr}), F.LONG, F.TINY, F.DATE, F.LONG)
    assert finish_rows(made, [(1, 2, date(2001, 1, 1), None), (3, None, None, 4)]) == [
        (("long", 1), 2, "datetime.date(2001, 1, 1)", ("long", None)),
        (("long", 3), None, "None", ("long", 4)),
    ]
    assert finish_rows(made, []) == []


def test_a_converter_goes_by_the_type_that_the_description_shows() -> None:
    json = ColumnSet(
        (decode_column(column(kind=F.BLOB, extended=b"\1" + text(b"json")), True),),
        LIMITS,
        Conversion({F.JSON: len, F.BLOB: str.upper}),
    )
    assert json.description[0][1] == F.JSON
    assert finish_rows(json, [("[1]",)]) == [(3,)]


def test_the_converters_of_a_connection_do_not_change_with_the_dictionary() -> None:
    converter: dict[int, Callable[[Any], Any]] = {F.LONG: str}
    made = columns(Conversion(converter), F.LONG)
    converter[F.LONG] = repr
    assert finish_rows(made, [(1,)]) == [("1",)]


def test_a_date_that_python_does_not_have_can_be_an_error() -> None:
    made = columns(Conversion(zero_date="raise"), F.LONG, F.DATE, F.DATETIME)
    good = [(1, date(2001, 1, 1), None)]
    assert finish_rows(made, good) == good
    with pytest.raises(DataError, match=r"^Python has no date 2001-02-30$"):
        finish_rows(made, [*good, (2, InvalidDate("2001-02-30"), None)])


def test_it_is_one_before_a_converter_sees_it() -> None:
    seen: list[object] = []
    made = columns(Conversion({F.DATE: seen.append}, zero_date="raise"), F.DATE)
    with pytest.raises(DataError):
        finish_rows(made, [(InvalidDate("0000-00-00"),)])
    assert seen == []


def test_a_converter_sees_the_text_of_a_date_where_that_is_wanted() -> None:
    made = columns(Conversion({F.DATE: str}, zero_date="str"), F.DATE)
    assert finish_rows(made, [(InvalidDate("0000-00-00"),)]) == [("0000-00-00",)]


def test_options_of_a_connection() -> None:
    made = Conversion.from_options(
        ConnectOptions.from_keywords({"converter": {F.LONG: str}, "native_object": True, "zero_date": "raise"})
    )
    assert made.text(defined(F.STRING, b"inet4"), LIMITS)(b"192.0.2.1") == IPv4Address("192.0.2.1")
    assert finish_rows(columns(made, F.LONG), [(1,)]) == [("1",)]
    with pytest.raises(DataError):
        finish_rows(columns(made, F.DATE), [(InvalidDate("0000-00-00"),)])
    default = Conversion.from_options(ConnectOptions.from_keywords({}))
    assert default.text(defined(F.STRING, b"inet4"), LIMITS)(b"192.0.2.1") == "192.0.2.1"
    assert columns(default, F.LONG, F.DATE).finisher is None
