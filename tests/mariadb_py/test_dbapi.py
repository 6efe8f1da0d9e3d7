"""What PEP 249 asks of a module."""

from __future__ import annotations

import time
from datetime import date, datetime
from datetime import time as time_of_day

import pytest

import mariadb_py
from mariadb_protocol.constants import FieldType as F
from mariadb_py import BINARY, DATE, DATETIME, NUMBER, ROWID, STRING, TIME, TIMESTAMP
from mariadb_py.dbapi import DbApiType

CODES = sorted(value for name, value in vars(F).items() if name.isupper())
MEMBERS: dict[str, tuple[DbApiType, set[int]]] = {
    "BINARY": (BINARY, {F.GEOMETRY, F.LONG_BLOB, F.MEDIUM_BLOB, F.TINY_BLOB, F.BLOB}),
    "STRING": (STRING, {F.ENUM, F.JSON, F.STRING, F.VARCHAR, F.VAR_STRING}),
    "NUMBER": (
        NUMBER,
        {F.DECIMAL, F.DOUBLE, F.FLOAT, F.INT24, F.LONG, F.LONGLONG, F.NEWDECIMAL, F.SHORT, F.TINY, F.YEAR},
    ),
    "DATE": (DATE, {F.DATE}),
    "TIME": (TIME, {F.TIME}),
    "DATETIME": (DATETIME, {F.DATETIME, F.TIMESTAMP}),
    "TIMESTAMP": (TIMESTAMP, {F.DATETIME, F.TIMESTAMP}),
    "ROWID": (ROWID, set()),
}


def test_module_globals() -> None:
    assert (mariadb_py.apilevel, mariadb_py.threadsafety, mariadb_py.paramstyle) == ("2.0", 1, "qmark")
    assert mariadb_py.__version__ == ".".join(map(str, mariadb_py.__version_info__))
    assert [name for name in mariadb_py.__all__ if not hasattr(mariadb_py, name)] == []


@pytest.mark.parametrize("name", MEMBERS)
def test_a_type_object_equals_its_codes(name: str) -> None:
    kind, members = MEMBERS[name]
    assert len(CODES) > 25
    assert {code for code in CODES if code == kind} == members
    assert {code for code in CODES if kind == code} == members
    assert {code for code in CODES if kind != code} == set(CODES) - members


def test_type_objects_among_themselves() -> None:
    assert DATETIME == TIMESTAMP
    assert DATE != TIME
    assert DATE == DbApiType((F.DATE,)) == frozenset((F.DATE,))
    assert len({hash(DATE), hash(DbApiType((F.DATE,)))}) == 1
    assert STRING != "STRING"


def test_constructors() -> None:
    assert mariadb_py.Date(2024, 2, 29) == date(2024, 2, 29)
    assert mariadb_py.Time(23, 59, 58) == time_of_day(23, 59, 58)
    assert mariadb_py.Timestamp(2024, 2, 29, 23, 59, 58) == datetime(2024, 2, 29, 23, 59, 58)


@pytest.mark.parametrize("value", [b"\0a", bytearray(b"\0a"), memoryview(b"\0a"), [0, 97]])
def test_binary(value: object) -> None:
    made = mariadb_py.Binary(value)
    assert made == b"\0a"
    assert type(made) is bytes


@pytest.mark.parametrize("ticks", [0, 86399, 1_700_000_000, 1_700_000_000.5])
def test_ticks_are_local_time(ticks: float) -> None:
    local = time.localtime(ticks)
    moment = datetime(*local[:6], microsecond=int(ticks % 1 * 1_000_000))
    assert mariadb_py.TimestampFromTicks(ticks) == moment
    assert mariadb_py.DateFromTicks(ticks) == moment.date()
    assert mariadb_py.TimeFromTicks(ticks) == moment.time()


def test_type_objects_against_real_columns(connect: object) -> None:
    cursor = connect().cursor()  # type: ignore[operator]
    cursor.execute("SELECT 'a', 1, 1.5, 1e0, NOW(), CURDATE(), CURTIME(), TIMESTAMP'2024-01-01 00:00:00'")
    kinds = STRING, NUMBER, NUMBER, NUMBER, DATETIME, DATE, TIME, TIMESTAMP
    assert [column[1] == kind for column, kind in zip(cursor.description, kinds)] == [True] * 8
