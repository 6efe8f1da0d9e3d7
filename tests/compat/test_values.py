"""What programs for Connector/Python rely on: values of columns as Python objects."""

from __future__ import annotations

import datetime
import struct

import pytest

from mariadb_py.constants import FIELD_TYPE
from tests.compat.rows import Database, Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.rows import Program

row = Rows()
hours = datetime.timedelta(hours=1)
POINT = struct.pack("<IBIdd", 0, 1, 1, 1.0, 2.0)  # SRID, byte order, type, coordinates


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize(
    ("column", "literal", "expected"),
    [
        pytest.param("TIME", "'10:00:00'", 10 * hours, id="TIME is a timedelta"),
        pytest.param("TIME", "'-838:59:59'", -(839 * hours - datetime.timedelta(seconds=1)), id="least TIME"),
        pytest.param("TIME(6)", "'-00:00:00.5'", datetime.timedelta(microseconds=-500000), id="negative fraction"),
        pytest.param("DATE", "'0000-00-00'", None, id="a zero DATE is None"),
        pytest.param("DATE", "'0000-01-01'", None, id="a DATE in the year 0 is None"),
        pytest.param("DATE", "'2020-00-00'", None, id="a DATE without a month is None"),
        pytest.param("DATE", "'2020-05-00'", None, id="a DATE without a day is None"),
        pytest.param("DATETIME", "'0000-00-00 00:00:00'", None, id="a zero DATETIME is None"),
        pytest.param("DATETIME", "'2020-00-01 01:02:03'", None, id="a partly invalid DATETIME is None"),
        pytest.param("TIMESTAMP NULL", "'0000-00-00 00:00:00'", None, id="a zero TIMESTAMP is None"),
        pytest.param("BIT(9)", "257", b"\x01\x01", id="BIT is bytes"),
        pytest.param("BINARY(3)", "'ab'", b"ab\0", id="BINARY is bytes"),
        pytest.param("GEOMETRY", "POINT(1, 2)", POINT, id="GEOMETRY is bytes: SRID and WKB"),
        pytest.param("JSON", "'[1, null]'", "[1, null]", id="JSON is str"),
        pytest.param(
            "UUID", "'123e4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000", id="UUID"
        ),
        pytest.param("INET4", "'1.2.3.4'", "1.2.3.4", id="INET4 is str"),
        pytest.param("INET6", "'::1'", "::1", id="INET6 is str"),
    ],
)
def test_columns(binary: bool, column: str, literal: str, expected: Any, db: Database) -> None:
    cursor = db.cursor()
    cursor.execute("SET sql_mode = ''")
    cursor.execute(f"CREATE TEMPORARY TABLE t (a {column})")
    cursor.execute(f"INSERT INTO t VALUES ({literal})")
    reader = cursor.connection.cursor(binary=binary)
    reader.execute("SELECT a FROM t")
    ((value,),) = reader.fetchall()
    assert (type(value), value) == (type(expected), expected)


@row("binary FLOAT 1.1 is 1.100000023841858")
def _(db: Database) -> None:
    cursor = db.table("a FLOAT", "1.1")
    reader = cursor.connection.cursor(binary=True)
    reader.execute("SELECT a FROM t")
    assert reader.fetchall() == [(1.100000023841858,)]


@row("duplicate column names in a dictionary row: the last wins")
def _(db: Database) -> None:
    assert db.row("SELECT 1 AS a, 2 AS b, 3 AS a", dictionary=True) == {"a": 3, "b": 2}


@row("named rows print as mariadb.Row(a=1)")
def _(db: Database) -> None:
    named = db.row("SELECT 1 AS a", named_tuple=True)
    assert (repr(named), named.a, named[0], named) == ("mariadb.Row(a=1)", 1, 1, (1,))


@row("named rows tolerate any column name")
def _(db: Database) -> None:
    named = db.row("SELECT 1 AS `b c`, 2 AS `class`, 3 AS `1`, 4 AS ``", named_tuple=True)
    assert repr(named) == "mariadb.Row(b c=1, class=2, 1=3, =4)"
    assert (getattr(named, "b c"), getattr(named, "class"), getattr(named, "1")) == (1, 2, 3)


@row("converter gets the already converted value")
def _(db: Database) -> None:
    seen: list[Any] = []

    def keep(value: Any) -> Any:
        seen.append(value)
        return "kept"

    cursor = db.connect(converter={FIELD_TYPE.DATE: keep}).cursor()
    cursor.execute("SELECT DATE('2020-01-02'), 1")
    assert cursor.fetchall() == [("kept", 1)]
    assert seen == [datetime.date(2020, 1, 2)]


@row("converter applies to FIELD_TYPE.NULL too")
def _(db: Database) -> None:
    cursor = db.connect(converter={FIELD_TYPE.NULL: lambda value: ("null", value)}).cursor()
    cursor.execute("SELECT NULL, 1")
    assert cursor.fetchall() == [(("null", None), 1)]


@pytest.mark.parametrize("program", row)
def test_values(program: Program, db: Database) -> None:
    program(db)
