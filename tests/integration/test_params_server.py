"""Literals against the server: what goes in as a parameter comes back as the same value, under every sql_mode."""

from __future__ import annotations

import ipaddress
import sys
import uuid
from array import array
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mariadb_py

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mariadb_py.testing import TempServer

SQL_MODES = ("", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")


@pytest.fixture(params=SQL_MODES, ids=lambda mode: mode or "default")
def cursor(server: TempServer, request: pytest.FixtureRequest) -> Iterator[mariadb_py.Cursor]:
    """A cursor of a session with one of the sql_modes. Tests leave nothing but temporary tables of their own."""
    with mariadb_py.connect(**server.connect_args, init_command=f"SET sql_mode='{request.param}'") as connection:
        connection.select_db("test")
        yield connection.cursor()


against_the_server = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def select(cursor: mariadb_py.Cursor, values: list[Any]) -> tuple[Any, ...]:
    """The values as the server gives them back, asked for in each style."""
    count = len(values)
    names = [f"n{index}" for index in range(count)]
    cursor.execute("SELECT " + ",".join("?" * count), values)
    (row,) = cursor.fetchall()
    cursor.execute("SELECT " + ",".join(["%s"] * count), values)
    assert cursor.fetchall() == [row]
    cursor.execute("SELECT " + ",".join(f"%({name})s" for name in names), dict(zip(names, values)))
    assert cursor.fetchall() == [row]
    return row


def store(cursor: mariadb_py.Cursor, column: str, values: list[Any]) -> list[Any]:
    """The values as they come back from a column of that type."""
    cursor.execute("DROP TEMPORARY TABLE IF EXISTS stored_values")
    cursor.execute(f"CREATE TEMPORARY TABLE stored_values (id INT PRIMARY KEY AUTO_INCREMENT, v {column})")
    cursor.execute("INSERT INTO stored_values (v) VALUES " + ",".join(["(?)"] * len(values)), values)
    assert cursor.warnings == 0
    cursor.execute("SELECT v FROM stored_values ORDER BY id")
    return [value for (value,) in cursor]


class Color(IntEnum):
    RED = 3


class Text(str):
    def __str__(self) -> str:
        return "' OR 1=1 -- "


LONGEST = timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)
COMMON_LONGEST = timedelta(hours=838)  # far enough from the end of MySQL's TIME
LONGER = pytest.mark.mariadb("MySQL's TIME ends at 838:59:59.000000")
NO_SUCH_TYPE = pytest.mark.mariadb("MySQL has no such column type")
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
MOMENT = datetime(2020, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, 1),
        (False, 0),
        (-1, -1),
        (Color.RED, 3),
        (-(1 << 63), -(1 << 63)),
        ((1 << 64) - 1, (1 << 64) - 1),
        # beyond a BIGINT it is a DECIMAL
        (1 << 64, Decimal(1 << 64)),
        (10**65 - 1, Decimal("9" * 65)),
        (1 - 10**65, Decimal("-" + "9" * 65)),
        # a float without an exponent is a DECIMAL
        (1.5, Decimal("1.5")),
        (-0.1, Decimal("-0.1")),
        (1e22, 1e22),
        (5e-324, 5e-324),
        (-sys.float_info.max, -sys.float_info.max),
        (Decimal("-1.10"), Decimal("-1.10")),
        (Decimal("1E+64"), Decimal(10**64)),
        # and one without a fraction that fits a BIGINT is one
        (Decimal("1E+3"), 1000),
        (Decimal("1E-38"), Decimal("1E-38")),
        (Decimal("9" * 27 + "." + "9" * 38), Decimal("9" * 27 + "." + "9" * 38)),
        (Decimal("0E+1000000"), 0),
        ("", ""),
        ("é\U0001f600\0", "é\U0001f600\0"),
        (Text("it's"), "it's"),
        (b"", b""),
        (bytes(range(256)), bytes(range(256))),
        (bytearray(b"it's"), b"it's"),
        (memoryview(b"it's")[::-1], b"s'ti"),
        (memoryview(array("B", [39, 92])), b"'\\"),
        (date(1, 1, 1), date(1, 1, 1)),
        (date.max, date.max),
        (datetime(1, 1, 1), datetime(1, 1, 1)),
        (datetime.max, datetime.max),
        (MOMENT, MOMENT),
        (time(), timedelta()),
        (time(1, 2, 3, 4), timedelta(hours=1, minutes=2, seconds=3, microseconds=4)),
        (timedelta(hours=30), timedelta(hours=30)),
        (timedelta(microseconds=-1), timedelta(microseconds=-1)),
        (timedelta(hours=-1, microseconds=5), timedelta(hours=-1, microseconds=5)),
        *(pytest.param(value, value, marks=LONGER) for value in (LONGEST, -LONGEST)),
        (UUID, str(UUID)),
        (ipaddress.IPv4Address("10.0.0.1"), "10.0.0.1"),
        (ipaddress.IPv6Address("::1"), "::1"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_selected_parameter_comes_back(cursor: mariadb_py.Cursor, value: Any, expected: Any) -> None:
    (found,) = select(cursor, [value])
    assert (type(found), found) == (type(expected), expected)
    assert str(found) == str(expected)  # of a Decimal, the scale too


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("TINYINT(1)", [True, False, None], [1, 0, None]),
        ("BIGINT", [-(1 << 63), (1 << 63) - 1], None),
        ("BIGINT UNSIGNED", [0, (1 << 64) - 1], None),
        ("DECIMAL(65)", [10**65 - 1, 1 - 10**65], None),
        pytest.param(
            "DECIMAL(65,38)",
            [Decimal("1E-38"), Decimal("-" + "9" * 27 + "." + "9" * 38), Decimal("1E+3")],
            None,
            marks=pytest.mark.mariadb("MySQL's DECIMAL has a scale of at most 30"),
        ),
        ("DOUBLE", [0.1, 1 / 3, 1e22, 1e16, 5e-324, sys.float_info.max, sys.float_info.min, 2.0**53 + 2], None),
        ("DATE", [date(1, 1, 1), date.max], None),
        ("DATE", [datetime(2020, 1, 2)], [date(2020, 1, 2)]),
        ("DATETIME(6)", [datetime(1, 1, 1), datetime.max, MOMENT], None),
        ("DATETIME", [date(2020, 1, 2)], [datetime(2020, 1, 2)]),
        ("TIMESTAMP(6)", [MOMENT], None),
        pytest.param("TIME(6)", [LONGEST, -LONGEST], None, marks=LONGER),
        ("TIME(6)", [timedelta(microseconds=-1), timedelta(hours=-1, microseconds=5)], None),
        ("TIME(6)", [time.max], [timedelta(days=1, microseconds=-1)]),
        pytest.param("UUID", [UUID], [str(UUID)], marks=NO_SUCH_TYPE),
        pytest.param("INET4", [ipaddress.IPv4Address("10.0.0.1")], ["10.0.0.1"], marks=NO_SUCH_TYPE),
        pytest.param("INET6", [ipaddress.IPv6Address("2001:db8::a")], ["2001:db8::a"], marks=NO_SUCH_TYPE),
        pytest.param(
            "JSON",
            ['{"a": "\\"\\u00e9\'"}'],
            None,
            marks=pytest.mark.mariadb("MySQL's JSON is no text: it comes back in a form of its own"),
        ),
        ("ENUM('it''s', 'b')", ["it's"], None),
        ("BIT(16)", [b"'\\"], None),
    ],
)
def test_a_stored_parameter_comes_back(
    cursor: mariadb_py.Cursor, column: str, values: list[Any], expected: list[Any] | None
) -> None:
    assert store(cursor, column, values) == (values if expected is None else expected)


# Strings that are to break out of their literal.
INJECTIONS = [
    *("' OR 1=1 -- ", "\\' OR 1=1 #", "\\\\' OR 1=1 -- ", "'' OR 1=1", "'; DROP TABLE t; -- ", '" OR 1=1 -- ', "*/"),
    *("/*", "*/ OR 1=1 /*", "/*! OR 1=1 */", "-- \n", "#\n' OR 1=1", "`", "\\", "\\\\", "'", "''", "\\'", "'\\", "\\N"),
    *("?", "%s", "%(a)s", "%%", "\0", "\0' OR 1=1", "\x1a", "\n\r\t\b", "\\0\\n\\r\\Z\\%\\_", "_binary'a'", ")"),
    *("\xbf' OR 1=1 -- ", "\xbf\\' OR 1=1", "\u02bc\u2019\uff07\uff3c\xa5", "\u0127\u0122\u015c", "NULL", "0x27"),
]
BINARY_INJECTIONS = [*(b"\xbf\x27", b"\xbf\x5c\x27", b"\x81\x27 OR 1=1", b"\xe5\x5c\x27", b"\xc0\xa7", b"\xe2\x27")]


@pytest.mark.parametrize("value", [*INJECTIONS, *(text.encode() for text in INJECTIONS), *BINARY_INJECTIONS], ids=ascii)
def test_an_injection_is_data(cursor: mariadb_py.Cursor, value: str | bytes) -> None:
    assert select(cursor, [value, 1]) == (value, 1)
    cursor.execute("SELECT 1--%s, %s /*! , %s */ # %s\n, '%s'", [1, value, value])
    assert cursor.fetchall() == [(2, value, value, "%s")]


# Values of all kinds. Each example is a row of them: a round trip to the server is worth more than one.


def rows(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=20)


SPECIAL = st.text(st.sampled_from("'\"\\\0\n\r\x1a`?%é\U0001f600a"))


@against_the_server
@given(rows(st.text(st.characters(exclude_categories=["Cs"])) | SPECIAL))
def test_text(cursor: mariadb_py.Cursor, values: list[str]) -> None:
    assert select(cursor, values) == tuple(values)
    assert store(cursor, "LONGTEXT CHARACTER SET utf8mb4", values) == values


@against_the_server
@given(rows(st.binary() | SPECIAL.map(str.encode)))
def test_bytes(cursor: mariadb_py.Cursor, values: list[bytes]) -> None:
    assert select(cursor, values) == tuple(values)
    assert store(cursor, "LONGBLOB", values) == values


@against_the_server
@given(rows(st.floats(allow_nan=False, allow_infinity=False)))
def test_floats(cursor: mariadb_py.Cursor, values: list[float]) -> None:
    assert tuple(map(float, select(cursor, values))) == tuple(values)
    assert store(cursor, "DOUBLE", values) == values


@against_the_server
@given(rows(st.integers(1 - 10**65, 10**65 - 1) | st.integers(-(1 << 64), 1 << 64)))
def test_integers(cursor: mariadb_py.Cursor, values: list[int]) -> None:
    assert select(cursor, values) == tuple(values)
    assert store(cursor, "DECIMAL(65)", values) == values


@against_the_server
@given(rows(st.decimals(-(10**27) + 1, 10**27 - 1, places=30)))
def test_decimals(cursor: mariadb_py.Cursor, values: list[Decimal]) -> None:
    assert select(cursor, values) == tuple(values)
    assert store(cursor, "DECIMAL(65,30)", values) == values


@against_the_server
@given(rows(st.datetimes()))
def test_datetimes(cursor: mariadb_py.Cursor, values: list[datetime]) -> None:
    assert select(cursor, values) == tuple(values)
    assert store(cursor, "DATETIME(6)", values) == values


@against_the_server
@given(rows(st.timedeltas(-COMMON_LONGEST, COMMON_LONGEST)))
def test_timedeltas(cursor: mariadb_py.Cursor, values: list[timedelta]) -> None:
    assert select(cursor, values) == tuple(values)
    assert store(cursor, "TIME(6)", values) == values
