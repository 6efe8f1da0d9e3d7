"""The text and the binary protocol give the same objects, and take the same parameters, for every column type."""

from __future__ import annotations

import json
import struct
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mariadb_py
from mariadb_protocol.params import literal
from tests.support.running import ask
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

LONGEST_TIME = timedelta(hours=838)  # of whole hours; MySQL refuses fractions in the last seconds
INVALID_DATES = ("0000-00-00", "2024-00-00", "2024-02-00", "0000-01-01", "2024-02-31")


def integers(bits: int, signed: bool = True) -> st.SearchStrategy[int]:
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(least, most) | st.sampled_from((least, -1 if signed else 1, 0, most))


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda number: Decimal(f"{number}E-{scale}"))


def bits(count: int) -> st.SearchStrategy[bytes]:
    return st.integers(0, (1 << count) - 1).map(lambda number: number.to_bytes((count + 7) // 8, "big"))


def point(x: float, y: float) -> bytes:
    return bytes(4) + struct.pack("<BIdd", 1, 1, x, y)  # SRID, then WKB


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.floats(-1e6, 1e6)
TIMESTAMPS = st.datetimes(datetime(1970, 1, 2), datetime(2038, 1, 18))

KINDS: dict[str, st.SearchStrategy[Any]] = {
    **{
        f"{kind}{suffix}": integers(size, signed=not suffix)
        for kind, size in (("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64))
        for suffix in ("", " UNSIGNED", " ZEROFILL")
    },
    "BOOLEAN": st.booleans(),
    "YEAR": st.just(0) | st.integers(1901, 2155),
    "DOUBLE": FLOATS,
    "DECIMAL(10,3)": decimals(10, 3),
    "DECIMAL(10,3) UNSIGNED ZEROFILL": decimals(10, 3).map(abs),
    "DECIMAL(65,0)": decimals(65, 0),
    "DECIMAL(65,38)": decimals(65, 38),
    **{f"BIT({count})": bits(count) for count in (1, 8, 9, 64)},
    "CHAR(20)": TEXT,
    "VARCHAR(20)": TEXT,
    "VARCHAR(20) CHARACTER SET latin1": st.text("ab\u00e9\u20ac'\\", max_size=20),
    "LONGTEXT": TEXT.map(lambda text: text * 40),
    "BINARY(4)": st.binary(max_size=4),
    "VARBINARY(20)": st.binary(max_size=20),
    "BLOB": st.binary(max_size=300),
    "ENUM('', 'a', '\u6e2c')": st.sampled_from(("", "a", "\u6e2c")),
    "SET('a', 'b', '\u6e2c')": st.sampled_from(("", "b", "a,b,\u6e2c")),
    "DATE": st.dates() | st.sampled_from(INVALID_DATES),
    "DATETIME": st.datetimes() | st.sampled_from([f"{day} 01:02:03" for day in INVALID_DATES]),
    **{f"DATETIME({digits})": st.datetimes() | st.just("0000-00-00 00:00:00") for digits in range(1, 7)},
    **{f"TIMESTAMP({digits}) NULL": TIMESTAMPS for digits in range(7)},
    **{f"TIME({digits})": st.timedeltas(-LONGEST_TIME, LONGEST_TIME) for digits in range(7)},
    "JSON": st.dictionaries(TEXT, st.none() | st.booleans() | integers(64) | TEXT, max_size=3).map(json.dumps),
    "UUID": st.uuids(),
    "INET4": st.integers(0, (1 << 32) - 1).map(IPv4Address),
    "INET6": st.integers(0, (1 << 128) - 1).map(IPv6Address),
    "GEOMETRY": st.builds(point, NUMBERS, NUMBERS),
    "POINT": st.builds(point, NUMBERS, NUMBERS),
}

MARIADB_ONLY = ("UUID", "INET4", "INET6", "DECIMAL(65,38)")


@pytest.fixture
def connection(server: TempServer) -> Iterator[Connection]:
    with mariadb_py.connect(**server.connect_args, autocommit=True) as connection:
        ask(connection, "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
        yield connection


@st.composite
def tables(draw: st.DrawFn, without: tuple[str, ...]) -> tuple[list[str], list[list[Any]]]:
    """Column types, and rows for them."""
    kinds = draw(st.lists(st.sampled_from([kind for kind in KINDS if kind not in without]), min_size=1, max_size=12))
    rows = st.tuples(*(st.none() | KINDS[kind] for kind in kinds)).map(list)
    return kinds, draw(st.lists(rows, min_size=1, max_size=6))


def typed(rows: list[Any]) -> list[list[tuple[type, Any]]]:
    return [[(type(value), value) for value in row] for row in rows]


def read(connection: Connection, sql: str, **keywords: Any) -> tuple[list[Any], Any]:
    with connection.cursor(**keywords) as cursor:
        cursor.execute(sql)
        return typed(cursor.fetchall()), (cursor.description, cursor.metadata)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_table_by_any_way(server: TempServer, connection: Connection, data: st.DataObject) -> None:
    kinds, rows = data.draw(tables(MARIADB_ONLY if server.mysql else ()))
    columns = [f"c{number}" for number in range(len(kinds))]
    definitions = ", ".join(f"{name} {kind}" for name, kind in zip(columns, kinds))
    marks = ", ".join("?" * (len(columns) + 2))
    with connection.cursor() as cursor:
        create(connection, f"TEMPORARY TABLE t (way INT, n INT, {definitions}) CHARACTER SET utf8mb4")
        for number, row in enumerate(rows):
            literals = b", ".join(literal(value, False) for value in (1, number, *row))
            cursor.execute(b"INSERT INTO t VALUES (%s)" % literals)
            cursor.execute(f"INSERT INTO t VALUES ({marks})", (2, number, *row))
        cursor.executemany(f"INSERT INTO t VALUES ({marks})", [(3, number, *row) for number, row in enumerate(rows)])
    # What went in as literals, as parameters and in bulk is the same ...
    select = f"SELECT {', '.join(columns)} FROM t WHERE way = %d ORDER BY n"
    text, described = read(connection, select % 1)
    assert read(connection, select % 2)[0] == text
    assert read(connection, select % 3)[0] == text
    # ... and comes out the same by both protocols, however it is read.
    for keywords in (
        {"binary": True},
        {"binary": True, "buffered": False},
        {"prepared": True},
        {"cursor_type": 1, "prefetch_size": 2},
    ):
        assert read(connection, select % 1, **keywords) == (text, described), keywords


FLOAT_VALUES = [
    # stored, by text, by binary
    (1.5, 1.5, 1.5),
    (0.1, 0.1, 0.10000000149011612),
    (16777216.0, 16777200.0, 16777216.0),
    (3.40282e38, 3.40282e38, 3.402820018375656e38),
    (None, None, None),
]


@pytest.mark.parametrize(("stored", "text", "binary"), FLOAT_VALUES)
def test_only_float_differs(connection: Connection, stored: Any, text: Any, binary: Any) -> None:
    """The server's text has six digits; the binary value is exact."""
    create(connection, "TEMPORARY TABLE t (v FLOAT)")
    ask(connection, "INSERT INTO t VALUES (?)", (stored,))
    assert read(connection, "SELECT v FROM t")[0] == typed([(text,)])
    assert read(connection, "SELECT v FROM t", binary=True)[0] == typed([(binary,)])


@pytest.mark.parametrize("columns", [1, 5, 6, 7, 8, 9, 63, 1000])
def test_nulls_at_every_place_of_the_bitmap(connection: Connection, columns: int) -> None:
    with connection.cursor(binary=True) as cursor:
        for nulls in ({0}, {columns - 1}, set(range(0, columns, 2)), set(range(columns))):
            row = tuple(None if number in nulls else number for number in range(columns))
            cursor.execute(f"SELECT {', '.join('?' * columns)}", row)
            assert cursor.fetchall() == [row]


@pytest.mark.parametrize("size", [0, 250, 251, 65535, 65536, 0xFFFFFF - 30, 0xFFFFFF, 20_000_000])
def test_lengths_at_which_their_encoding_changes(connect_own: Connector, size: int) -> None:
    ask(connect_own(), "SET GLOBAL max_allowed_packet = 64 << 20")
    try:
        with connect_own().cursor(binary=True) as cursor:
            # MySQL labels a bare parameter as text, whatever it is.
            cursor.execute("SELECT CAST(? AS BINARY), ?, ?", (b"x" * size, None, "y" * (size // 4)))
            assert cursor.fetchall() == [(b"x" * size, None, "y" * (size // 4))]
    finally:
        ask(connect_own(), "SET GLOBAL max_allowed_packet = DEFAULT")


@pytest.mark.parametrize(
    "row", [(1, "a"), (None, None), (2.5, b"b"), (Decimal("1.5"), date(2024, 1, 2)), ("x", timedelta(hours=-1))]
)
def test_types_that_change_between_executions(connection: Connection, row: tuple[Any, ...]) -> None:
    """One prepared statement, whose columns are what the parameters are."""
    with connection.cursor(binary=True) as cursor:
        for parameters in ((7, 8), row, (None, 1), row, (7, 8)):
            cursor.execute("SELECT ?, ?", parameters)
            assert typed(cursor.fetchall()) == typed([parameters])
