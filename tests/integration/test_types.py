"""Every column type of MariaDB to Python and back: what a column holds is what a parameter puts there."""

from __future__ import annotations

import struct
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import pytest

from mariadb_py import BINARY, DATE, DATETIME, NUMBER, STRING, TIME
from mariadb_py.exceptions import DataError
from tests.support.running import ask
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.dbapi import DbApiType
    from tests.support.server import Connector

D = Decimal
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
LONGEST_TIME = timedelta(hours=838, minutes=59, seconds=59)
TEXT = "a'\"\\`%?\0\n\r\x1a\t \u00e9\u6e2c\U0001f600"
BYTES = bytes(range(256))
POINT = bytes(4) + struct.pack("<BIdd", 1, 1, 1.5, -2.0)  # SRID, then WKB

# column type -> its DB-API type, and values that go in and come out alike
ROUND_TRIPS: dict[str, tuple[DbApiType | None, list[Any]]] = {
    "TINYINT": (NUMBER, [-128, 0, 127]),
    "TINYINT UNSIGNED": (NUMBER, [0, 255]),
    "BOOLEAN": (NUMBER, [0, 1]),
    "SMALLINT": (NUMBER, [-(2**15), 2**15 - 1]),
    "SMALLINT UNSIGNED": (NUMBER, [0, 2**16 - 1]),
    "MEDIUMINT": (NUMBER, [-(2**23), 2**23 - 1]),
    "MEDIUMINT UNSIGNED": (NUMBER, [0, 2**24 - 1]),
    "INT": (NUMBER, [-(2**31), 0, 2**31 - 1]),
    "INT UNSIGNED": (NUMBER, [0, 2**32 - 1]),
    "INT(8) ZEROFILL": (NUMBER, [0, 42, 2**32 - 1]),
    "BIGINT": (NUMBER, [-(2**63), -1, 0, 2**63 - 1]),
    "BIGINT UNSIGNED": (NUMBER, [0, 2**63, 2**64 - 1]),
    "YEAR": (NUMBER, [0, 1901, 2155]),
    "FLOAT": (NUMBER, [0.0, 1.5, -2.0, 0.1, 3.40282e38, 1e-37]),
    "DOUBLE": (NUMBER, [0.0, 0.1, -1 / 3, 1.7976931348623157e308, 2.2250738585072014e-308, 1e15, 1e16, 123456789.123]),
    "DECIMAL(10,3)": (NUMBER, [D("0.000"), D("-1.500"), D("9999999.999"), D("-9999999.999")]),
    "DECIMAL(65,0)": (NUMBER, [D(10**65 - 1), D(1 - 10**65)]),
    "DECIMAL(65,30)": (NUMBER, [D("9" * 35 + "." + "9" * 30), D("0." + "0" * 29 + "1")]),
    "BIT(1)": (None, [b"\0", b"\1"]),
    "BIT(9)": (None, [b"\0\0", b"\1\xff"]),
    "BIT(64)": (None, [bytes(8), b"\xff" * 8]),
    "CHAR(30)": (STRING, ["", "a", TEXT]),
    "VARCHAR(30)": (STRING, ["", " a ", TEXT]),
    "VARCHAR(300) CHARACTER SET latin1": (STRING, ["", "\u00e9\u20ac" * 150]),
    "TINYTEXT": (BINARY, ["", TEXT]),
    "TEXT": (BINARY, ["", TEXT, "x" * 65535]),
    "MEDIUMTEXT": (BINARY, ["", TEXT, "\u6e2c" * 100_000]),
    "LONGTEXT": (BINARY, ["", TEXT, "x" * 70_000]),
    "BINARY(4)": (STRING, [bytes(4), b"\xff'\\\0"]),
    "VARBINARY(256)": (STRING, [b"", BYTES]),
    "TINYBLOB": (BINARY, [b"", BYTES[1:]]),
    "BLOB": (BINARY, [b"", BYTES, BYTES * 255]),
    "MEDIUMBLOB": (BINARY, [b"", BYTES * 1000]),
    "LONGBLOB": (BINARY, [b"", BYTES, b"\xfb", b"\xfe" * 250, b"\xff" * 251]),
    "ENUM('', 'a', '\u6e2c')": (STRING, ["", "a", "\u6e2c"]),
    "SET('a', 'b', '\u6e2c')": (STRING, ["", "b", "a,b,\u6e2c"]),
    "DATE": (DATE, [date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]),
    "DATETIME": (DATETIME, [datetime(1, 1, 1), datetime(2024, 2, 29, 23, 59, 59), datetime(9999, 12, 31, 23, 59, 59)]),
    "DATETIME(6)": (DATETIME, [datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 1), datetime.max]),
    **{
        f"DATETIME({digits})": (
            DATETIME,
            [datetime(2024, 1, 1, 1, 2, 3, 123456 // 10 ** (6 - digits) * 10 ** (6 - digits))],
        )
        for digits in range(1, 6)
    },
    "TIMESTAMP NULL": (DATETIME, [datetime(1970, 1, 1, 0, 0, 1), datetime(2038, 1, 19, 3, 14, 7)]),
    "TIMESTAMP(6) NULL": (DATETIME, [datetime(2024, 6, 1, 12, 0, 0, 999999)]),
    "TIME": (TIME, [timedelta(0), timedelta(seconds=-1), -30 * HOUR, LONGEST_TIME, -LONGEST_TIME]),
    "TIME(6)": (TIME, [MICROSECOND, -MICROSECOND, 5 * MICROSECOND - HOUR, -LONGEST_TIME]),
    "TIME(6) NULL": (TIME, [-LONGEST_TIME - 999999 * MICROSECOND]),
    **{f"TIME({digits})": (TIME, [timedelta(microseconds=-(10 ** (6 - digits)))]) for digits in range(1, 6)},
    "JSON": (STRING, ["{}", '{"a": [1, null, "\u6e2c\\""]}']),
    "POINT": (BINARY, [POINT]),
    "GEOMETRY": (BINARY, [POINT]),
    "UUID": (STRING, ["123e4567-e89b-12d3-a456-426655440000"]),
    "INET4": (STRING, ["0.0.0.0", "192.0.2.255"]),
    "INET6": (STRING, ["::", "2001:db8::ff", "::ffff:192.0.2.1"]),
}

NO_SUCH_TYPE = pytest.mark.mariadb("MySQL has no such column type")
MARKS = {
    **dict.fromkeys(("UUID", "INET4", "INET6"), NO_SUCH_TYPE),
    "TIME(6) NULL": pytest.mark.mariadb("MySQL's TIME ends at 838:59:59.000000"),
}


def kinds(*, without: tuple[str, ...] = ()) -> list[Any]:
    """Column types as parameters of a test."""
    return [
        pytest.param(kind, marks=MARKS[kind]) if kind in MARKS else kind
        for kind in ROUND_TRIPS
        if not kind.startswith(without)
    ]


@pytest.fixture
def connection(connect: Connector) -> Connection:
    connection = connect(autocommit=True)
    ask(connection, "SET time_zone = '+00:00'")
    return connection


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("buffered", [True, False])
def test_round_trip(connection: Connection, kind: str, buffered: bool) -> None:
    code, values = ROUND_TRIPS[kind]
    cursor = connection.cursor(buffered=buffered)
    create(connection, f"TEMPORARY TABLE t (n INT, v {kind})")
    cursor.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate([*values, None])))
    cursor.execute("SELECT v FROM t ORDER BY n")
    description = cursor.description
    assert description is not None
    found = [value for (value,) in cursor.fetchall()]
    assert found == [*values, None]
    assert [type(value) for value in found] == [type(value) for value in [*values, None]]
    for other in (BINARY, DATE, DATETIME, NUMBER, STRING, TIME):
        assert (description[0][1] == other) is (other is code)


# The server compares a BIT as a number, and the text of a FLOAT has fewer digits than its value. MySQL's JSON equals no
# string.
@pytest.mark.parametrize("kind", kinds(without=("BIT", "FLOAT", "JSON")))
def test_values_are_found_by_themselves(connection: Connection, kind: str) -> None:
    """A value that is read from a column, given as a parameter, equals what is there."""
    _, values = ROUND_TRIPS[kind]
    cursor = connection.cursor()
    create(connection, f"TEMPORARY TABLE t (v {kind})")
    for value in values:
        cursor.execute("INSERT INTO t VALUES (?)", (value,))
        cursor.execute("SELECT COUNT(*) FROM t WHERE v = ?", (value,))
        assert cursor.fetchone() == (1,), value
        cursor.execute("DELETE FROM t")


@pytest.mark.parametrize(
    ("kind", "given", "found"),
    [
        pytest.param("UUID", UUID(int=255), "00000000-0000-0000-0000-0000000000ff", marks=NO_SUCH_TYPE),
        pytest.param("INET4", IPv4Address("192.0.2.1"), "192.0.2.1", marks=NO_SUCH_TYPE),
        pytest.param("INET6", IPv6Address("2001:db8::1"), "2001:db8::1", marks=NO_SUCH_TYPE),
        ("BOOLEAN", True, 1),
        ("DECIMAL(10,3)", D("1E+3"), D("1000.000")),
        ("DECIMAL(10,3)", 5, D("5.000")),
        ("DOUBLE", D("0.5"), 0.5),
        ("DATETIME", date(2024, 2, 29), datetime(2024, 2, 29)),
        ("TIME", datetime(2024, 2, 29, 1, 2, 3).time(), timedelta(hours=1, minutes=2, seconds=3)),
        ("BLOB", bytearray(BYTES), BYTES),
        ("BLOB", memoryview(BYTES)[::2], BYTES[::2]),
        ("BLOB", "\u6e2c", "\u6e2c".encode()),
        ("TEXT", b"\xe6\xb8\xac", "\u6e2c"),
    ],
)
def test_values_that_come_back_as_another_type(connection: Connection, kind: str, given: Any, found: Any) -> None:
    create(connection, f"TEMPORARY TABLE t (v {kind})")
    ask(connection, "INSERT INTO t VALUES (?)", (given,))
    value = ask(connection, "SELECT v FROM t")
    assert (type(value), value) == (type(found), found)


@pytest.mark.parametrize(
    ("kind", "literals"),
    [
        ("DATE", ("0000-00-00", "2024-00-00", "2024-02-00", "0000-01-01", "2024-02-31")),
        ("DATETIME", ("0000-00-00 00:00:00", "2024-02-00 10:11:12", "0000-01-01 00:00:00", "2024-02-31 01:02:03")),
        ("DATETIME(6)", ("0000-00-00 00:00:00.000001",)),
        ("TIMESTAMP NULL", ("0000-00-00 00:00:00",)),
    ],
)
def test_dates_that_python_does_not_have_are_none(connection: Connection, kind: str, literals: tuple[str, ...]) -> None:
    ask(connection, "SET sql_mode = 'ALLOW_INVALID_DATES'")
    cursor = connection.cursor()
    create(connection, f"TEMPORARY TABLE t (v {kind})")
    cursor.executemany("INSERT INTO t VALUES (?)", [(literal,) for literal in literals])
    cursor.execute("SELECT CONCAT(v), v FROM t")
    assert cursor.fetchall() == [(literal, None) for literal in literals]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("NULL", None),
        ("1", 1),
        ("1.50", D("1.50")),
        ("1e0", 1.0),
        ("'\u6e2c'", "\u6e2c"),
        ("X'00ff'", b"\0\xff"),
        ("b'101'", b"\5"),
        ("TRUE", 1),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("DATE'2024-02-29'", date(2024, 2, 29)),
        ("TIME'-00:30:00'", timedelta(minutes=-30)),
        ("TIME'-00:00:00.000001'", -MICROSECOND),
        ("TIMESTAMP'2024-02-29 01:02:03.4'", datetime(2024, 2, 29, 1, 2, 3, 400000)),
        ("SUM(1)", D(1)),
        ("AVG(1)", D("1.0000")),
        ("COUNT(*)", 1),
        ("GROUP_CONCAT('a')", "a"),
        ("JSON_OBJECT('a', 1)", '{"a": 1}'),
        ("CAST(1 AS CHAR)", "1"),
        ("_binary'a'", b"a"),
        ("REPEAT('x', 300)", "x" * 300),
        ("16777217 + 0e0", 16777217.0),
        ("CAST(1.1 AS FLOAT)", 1.1),  # the text of a FLOAT has six digits
        ("CAST(16777216 AS FLOAT)", 16777200.0),
    ],
)
def test_expressions(connection: Connection, expression: str, value: Any) -> None:
    found = ask(connection, f"SELECT {expression}")
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("size", [0, 250, 251, 65535, 65536, 0xFFFFFF - 5, 0xFFFFFF - 4, 0xFFFFFF, 20_000_000])
def test_lengths_at_which_their_encoding_changes(connect: Connector, size: int) -> None:
    ask(connect(), "SET GLOBAL max_allowed_packet = 64 << 20")
    try:
        assert ask(connect(), "SELECT REPEAT('x', ?)", (size,)) == "x" * size
    finally:
        ask(connect(), "SET GLOBAL max_allowed_packet = DEFAULT")


@pytest.mark.parametrize(
    "value", [10**65, -(10**65), D("1E+65"), D("1E-326"), timedelta(hours=839), -timedelta(hours=839)]
)
def test_values_out_of_range_are_not_sent(connection: Connection, value: Any) -> None:
    with pytest.raises(DataError, match=r"^parameter 1: "):
        ask(connection, "SELECT ?", (value,))
    assert ask(connection, "SELECT 1") == 1


def test_a_value_that_a_column_does_not_take(connection: Connection) -> None:
    ask(connection, "SET sql_mode = 'STRICT_ALL_TABLES'")
    create(connection, "TEMPORARY TABLE t (v TINYINT)")
    with pytest.raises(DataError) as caught:
        ask(connection, "INSERT INTO t VALUES (?)", (128,))
    assert (caught.value.errno, caught.value.sqlstate) == (1264, "22003")
