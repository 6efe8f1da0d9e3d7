"""executemany(): what goes in, and what comes of it. What goes wrong is in test_executemany_errors.py."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest

from mariadb_py.constants import CAPABILITY, INDICATOR
from mariadb_py.exceptions import NotSupportedError
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection, Cursor
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

D = Decimal


@pytest.fixture
def connection(connect: Connector) -> Connection:
    connection = connect(autocommit=True)
    definition = "id INT AUTO_INCREMENT PRIMARY KEY, a BIGINT DEFAULT 7, b VARCHAR(100) DEFAULT 'none'"
    create(connection, f"TEMPORARY TABLE many ({definition})")
    return connection


@pytest.fixture
def cursor(connection: Connection) -> Iterator[Cursor]:
    with connection.cursor() as cursor:
        yield cursor


def rows(cursor: Cursor, sql: str = "SELECT a, b FROM many ORDER BY id") -> list[Any]:
    cursor.execute(sql)
    return cursor.fetchall()


# What goes in

INSERT = "INSERT INTO many (a, b) VALUES (?, ?)"
PAIRS: list[tuple[int, str | None]] = [(1, "x"), (2, None), (3, "z")]


@pytest.mark.parametrize(
    "iterable",
    [
        list,
        tuple,
        iter,
        dict.fromkeys,
        lambda pairs: (pair for pair in pairs),
        lambda pairs: map(list, pairs),
        lambda pairs: [list(pair) for pair in pairs],
        lambda pairs: zip(*zip(*pairs)),
    ],
)
def test_any_iterable(cursor: Cursor, iterable: Callable[[Any], Any]) -> None:
    cursor.executemany(INSERT, iterable(PAIRS))
    assert (cursor.rowcount, cursor.lastrowid, cursor.warnings, cursor.description) == (3, 1, 0, None)
    assert rows(cursor) == PAIRS


@pytest.mark.parametrize(
    ("sql", "items"),
    [
        ("INSERT INTO many (a, b) VALUES (%s, %s)", PAIRS),
        ("INSERT INTO many (b, a) VALUES (%(b)s, %(a)s)", [{"a": a, "b": b, "c": 0} for a, b in PAIRS]),
        ("INSERT INTO many (b, a) VALUES (%(b)s, %(a)s)", [MappingProxyType({"a": a, "b": b}) for a, b in PAIRS]),
        ("INSERT INTO many (a, b) VALUES (?, ?);", PAIRS),
        ("  /* first */ insert into many (a, b) values (?, ?) -- last", PAIRS),
        ("INSERT INTO many SET a = ?, b = ?", PAIRS),
        ("INSERT INTO many (a, b) SELECT ?, ?", PAIRS),
        ("REPLACE INTO many (a, b) VALUES (?, ?)", PAIRS),
        ("INSERT IGNORE INTO many (a, b) VALUES (?, ?)", PAIRS),
        ("INSERT INTO many (a, b) VALUES (?, ?) ON DUPLICATE KEY UPDATE a = 0", PAIRS),
    ],
)
def test_any_statement_that_inserts(cursor: Cursor, sql: str, items: list[Any]) -> None:
    cursor.executemany(sql, items)
    assert (cursor.rowcount, cursor.lastrowid) == (3, 1)
    assert rows(cursor) == PAIRS


def test_statements_that_the_server_does_not_run_in_bulk(cursor: Cursor) -> None:
    """They are run row by row, also behind rows that were packed already."""
    cursor.execute("SET @sum = 0")
    cursor.executemany("SET @sum = @sum + ?", ((number,) for number in range(3000)))
    assert rows(cursor, "SELECT @sum") == [(3000 * 2999 // 2,)]
    cursor.executemany("DO @sum := @sum + ? + ?", [(1, 2), (3, INDICATOR.IGNORE_ROW), (INDICATOR.NULL, 1), (4, 5)])
    assert rows(cursor, "SELECT @sum") == [(None,)]


def test_update_and_delete(cursor: Cursor) -> None:
    cursor.executemany(INSERT, [(number, "old") for number in range(6)])
    cursor.executemany("UPDATE many SET b = ? WHERE a = ?", [("new", 1), ("new", 2), ("old", 3), ("x", 99)])
    assert (cursor.rowcount, cursor.lastrowid) == (2, None)
    cursor.executemany("DELETE FROM many WHERE a = ? OR b = ?", [(0, "x"), (1, "x"), (99, "new")])
    assert cursor.rowcount == 3
    assert rows(cursor) == [(3, "old"), (4, "old"), (5, "old")]


def test_replace_counts_what_it_deletes(cursor: Cursor) -> None:
    cursor.executemany("REPLACE INTO many (id, a) VALUES (?, ?)", [(1, 1), (1, 2), (2, 3)])
    assert cursor.rowcount == 4
    assert rows(cursor, "SELECT id, a FROM many ORDER BY id") == [(1, 2), (2, 3)]


@pytest.mark.parametrize("rest", [(), ("surplus",)])
def test_statements_without_placeholders(cursor: Cursor, rest: tuple[Any, ...]) -> None:
    cursor.executemany("INSERT INTO many (a) VALUES (5)", [rest] * 3)
    assert (cursor.rowcount, cursor.lastrowid) == (3, 1)
    cursor.executemany("INSERT INTO many (a) VALUES (6)", iter([rest] * 2))
    assert rows(cursor, "SELECT id, a FROM many ORDER BY id") == [(1, 5), (2, 5), (3, 5), (4, 6), (5, 6)]


@pytest.mark.mariadb("MySQL has no RETURNING")
def test_returning_without_placeholders(cursor: Cursor) -> None:
    cursor.executemany("INSERT INTO many (a) VALUES (6) RETURNING id", iter([()] * 2))
    assert cursor.fetchall() == [(1,), (2,)]


@pytest.mark.parametrize("as_list", [True, False])
def test_a_hundred_thousand_rows(cursor: Cursor, as_list: bool) -> None:
    items: Any = ((number, f"row {number}" if number % 3 else None) for number in range(100_000))
    cursor.executemany(INSERT, list(items) if as_list else items)
    assert (cursor.rowcount, cursor.lastrowid) == (100_000, 1)
    assert rows(cursor, "SELECT COUNT(*), SUM(a), COUNT(b) FROM many") == [(100_000, 4_999_950_000, 66_666)]
    assert rows(cursor, "SELECT COUNT(*) FROM many WHERE b <> CONCAT('row ', a)") == [(0,)]


@pytest.mark.parametrize("sql", [INSERT, "INSERT INTO many (a, b) VALUES (%(a)s, %(b)s)"])
def test_a_server_without_bulk_execution(cursor: Cursor, sql: str) -> None:
    session = cursor.connection._core.session
    session.capabilities &= ~CAPABILITY.BULK_OPERATIONS
    items: list[Any] = [*PAIRS, (INDICATOR.NULL, INDICATOR.IGNORE_ROW), (INDICATOR.NULL, "last")]
    cursor.executemany(sql, items if sql == INSERT else (dict(zip("ab", item)) for item in items))
    assert (cursor.rowcount, cursor.lastrowid) == (4, 1)
    assert rows(cursor) == [*PAIRS, (None, "last")]


# Types

TYPES: dict[str, tuple[str, list[Any], list[Any] | None]] = {
    # name: (column, values, what is stored if not the same)
    "nothing but None": ("INT", [None, None], None),
    "None first": ("VARCHAR(20)", [None, "a", None, "b"], None),
    "small and large integers": ("BIGINT UNSIGNED", [1, 2**63, 2**64 - 1, True, 0], None),
    "signs": ("BIGINT", [-1, 1, -(2**63), 2**63 - 1], None),
    "beyond 64 bits": ("DECIMAL(65,0)", [1, 2**64, -(2**70), 10**65 - 1, -1, 5], None),
    "integers and decimals": ("DECIMAL(30,5)", [1, D("2.5"), 2**64, D("-0.00001"), True], None),
    "integers and floats": ("DOUBLE", [1, 2.5, 2**53, -1.5, True], None),
    "floats and integers too large for them": ("DECIMAL(40,1)", [1.5, 2**53 + 1, 2**70, 0.5], None),
    "decimals and floats": ("VARCHAR(40)", [D("0.10"), 0.5, D("0.20")], ["0.10", "0.5", "0.20"]),
    "numbers and text": ("VARCHAR(40)", [1, "a", 2.5, "b", b"c", 3], ["1", "a", "2.5", "b", "c", "3"]),
    "text and bytes": ("VARBINARY(40)", ["\u6e2c", b"\xff", "a"], ["\u6e2c".encode(), b"\xff", b"a"]),
    "dates and datetimes": (
        "DATETIME(6)",
        [date(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5, 6), "2024-01-02 00:00:00", None, datetime(2024, 1, 2)],
        [datetime(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5, 6), datetime(2024, 1, 2), None, datetime(2024, 1, 2)],
    ),
    "times": (
        "TIME(6)",
        [timedelta(microseconds=-1), timedelta(hours=838), timedelta(hours=-1, microseconds=5)],
        None,
    ),
}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("times", [1, 3000])  # one chunk, or several
def test_mixed_types(cursor: Cursor, name: str, times: int) -> None:
    kind, values, stored = TYPES[name]
    create(cursor.connection, f"TEMPORARY TABLE mixed (n INT, v {kind}, w {kind})")
    items = [(number, value) for number, value in enumerate(values * times)]
    cursor.executemany("INSERT INTO mixed (n, v, w) VALUES (?, ?, NULL)", items)
    assert cursor.rowcount == len(items)
    found = [value for (value,) in rows(cursor, "SELECT v FROM mixed ORDER BY n")]
    assert found == (values if stored is None else stored) * times


def test_columns_that_change_their_types_at_different_rows(cursor: Cursor) -> None:
    items = [(index if index % 3 else str(index), None if index % 5 else f"{index}") for index in range(100)]
    cursor.executemany(INSERT, items)
    assert rows(cursor) == [(int(a or 0), b) for a, b in items]


# Indicators

I = INDICATOR  # noqa: E741
IN_BULK = pytest.mark.mariadb("this indicator needs MariaDB's COM_STMT_BULK_EXECUTE")


@pytest.mark.mariadb("indicators need MariaDB's COM_STMT_BULK_EXECUTE")
@IN_BULK
def test_indicators_among_rows(cursor: Cursor) -> None:
    cursor.executemany(INSERT, [(1, "a"), (I.NULL, I.DEFAULT), (I.DEFAULT, None), (5, I.IGNORE_ROW), (4, "d")])
    assert cursor.rowcount == 4
    assert rows(cursor) == [(1, "a"), (None, "none"), (7, None), (4, "d")]
    cursor.executemany("UPDATE many SET a = ?, b = ? WHERE id = ?", [(I.IGNORE, "x", 1), (9, I.IGNORE, 2), (0, 0, 99)])
    assert rows(cursor)[:2] == [(1, "x"), (9, "none")]


def test_rows_that_are_all_ignored(cursor: Cursor) -> None:
    cursor.executemany(INSERT, [(I.IGNORE_ROW, 1)] * 3)
    assert (cursor.rowcount, cursor.lastrowid) == (0, None)


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize(
    ("indicator", "inserted", "updated", "rowcount"),
    [
        (I.NULL, [(None, "x")], [(None, "x")], 1),
        pytest.param(I.DEFAULT, [(7, "x")], [(7, "x")], 1, marks=IN_BULK),
        pytest.param(I.IGNORE, [(7, "x")], [(1, "x")], 1, marks=IN_BULK),
        (I.IGNORE_ROW, [], [(1, "old")], 0),
    ],
)
def test_an_indicator_in_execute(
    connection: Connection,
    indicator: Any,
    inserted: list[Any],
    updated: list[Any],
    rowcount: int,
    prepared: bool,
    buffered: bool,
) -> None:
    cursor, other = connection.cursor(prepared=prepared, buffered=buffered), connection.cursor()
    cursor.execute(INSERT, (indicator, "x"))
    assert cursor.rowcount == rowcount
    assert rows(other) == inserted
    other.execute("TRUNCATE many")
    other.execute(INSERT, (1, "old"))
    with connection.cursor(prepared=prepared, buffered=buffered) as cursor:
        cursor.execute("UPDATE many SET a = %(a)s, b = %(b)s", {"a": indicator, "b": "x"})
        assert cursor.rowcount == rowcount
    assert rows(other) == updated


@pytest.mark.mariadb("MySQL has no RETURNING")
def test_an_indicator_in_execute_with_returning(cursor: Cursor) -> None:
    cursor.execute("INSERT INTO many (a, b) VALUES (?, ?) RETURNING a, b", (I.DEFAULT, "x"))
    assert (cursor.rowcount, cursor.fetchall()) == (1, [(7, "x")])


@pytest.mark.parametrize("binary", [True, False])
def test_the_null_indicator_is_null_in_any_statement(connection: Connection, binary: bool) -> None:
    with connection.cursor(binary=binary) as cursor:
        cursor.execute("SELECT ?, ?", (I.NULL, 5))
        assert cursor.fetchall() == [(None, 5)]
        cursor.execute("SELECT %(a)s", {"a": I.NULL})
        assert cursor.fetchall() == [(None,)]


# What comes of it


@pytest.mark.mariadb("MySQL has no RETURNING")
@pytest.mark.parametrize("count", [2, 20_000])  # one chunk, or several
@pytest.mark.parametrize("verb", ["INSERT", "REPLACE"])
def test_returning(connection: Connection, verb: str, count: int) -> None:
    for keywords in ({}, {"buffered": False}, {"dictionary": True}):
        ask(connection, "TRUNCATE many")
        with connection.cursor(**keywords) as cursor:
            sql = f"{verb} INTO many (a, b) VALUES (?, ?) RETURNING id, a * 2"
            cursor.executemany(sql, ((number, "x") for number in range(count)))
            found = [tuple(row.values()) if keywords.get("dictionary") else row for row in cursor]
            assert [number for _, number in found] == [number * 2 for number in range(count)]
            assert found == sorted(found)
            assert cursor.rowcount == count
            assert cursor.nextset() is None


@pytest.mark.mariadb("MySQL has no RETURNING")
def test_delete_returning(cursor: Cursor) -> None:
    cursor.executemany(INSERT, PAIRS)
    cursor.executemany("DELETE FROM many WHERE a = ? RETURNING a, b", [(1,), (99,), (3,)])
    assert cursor.fetchall() == [(1, "x"), (3, "z")]
    assert rows(cursor) == [(2, None)]


def test_warnings(server: TempServer, connection: Connection) -> None:
    ask(connection, "SET sql_mode = ''")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO many (b) VALUES (?)", [("x" * 101,), ("y",), ("z" * 102,)])
        assert (cursor.rowcount, cursor.warnings) == (3, 2)
    # MySQL is asked row by row, and has the warnings of the last one.
    numbers = [1] if server.mysql else [1, 3]
    assert connection.show_warnings() == [
        ("Warning", 1265, f"Data truncated for column 'b' at row {number}") for number in numbers
    ]


def test_unit_results_need_a_later_server(cursor: Cursor) -> None:
    if cursor.connection.server_version_info >= (11, 5, 1):
        cursor.executemany(INSERT, PAIRS, unit_results=True)
        assert cursor.fetchall() == [(1, 1), (2, 1), (3, 1)]
    else:
        with pytest.raises(NotSupportedError, match=r"MariaDB 11\.5"):
            cursor.executemany(INSERT, PAIRS, unit_results=True)
    with pytest.raises(NotSupportedError, match="placeholders"):
        cursor.executemany("DO 1", [()], unit_results=True)


# Procedures


def test_procedures_run_row_by_row(connection: Connection) -> None:
    create(connection, "PROCEDURE put(x INT) INSERT INTO many (a) VALUES (x)")
    create(connection, "PROCEDURE show_two(x INT) BEGIN SELECT x; SELECT x + 1 y, 'b'; END")
    create(connection, "PROCEDURE show_one(x INT) SELECT x")
    for keywords in ({}, {"buffered": False}):
        with connection.cursor(**keywords) as cursor:
            cursor.executemany("CALL put(?)", [(1,), (2,), (3,)])
            assert (cursor.rowcount, cursor.description) == (3, None)
            cursor.executemany("CALL show_one(?)", iter([(1,), (2,)]))
            assert results(cursor) == [(False, [(1,)]), (False, [(2,)])]
            cursor.executemany("CALL show_two(?)", [(1,), (5,)])
            assert results(cursor) == [(False, rows) for rows in ([(1,)], [(2, "b")], [(5,)], [(6, "b")])]
            assert works(connection)


def results(cursor: Cursor) -> list[tuple[bool, list[Any]]]:
    """All results: whether they are OUT parameters, and their rows."""
    found = [(cursor.sp_outparams, cursor.fetchall())]
    while cursor.nextset():
        found.append((cursor.sp_outparams, cursor.fetchall()))
    return found


@pytest.mark.parametrize("buffered", [True, False])
def test_out_parameters_are_no_rows_of_the_procedure(
    server: TempServer, connection: Connection, buffered: bool
) -> None:
    create(connection, "PROCEDURE both_ways(INOUT x INT) BEGIN SELECT x; SELECT x; SET x = x + 10; END")
    create(connection, "PROCEDURE only_out(OUT x INT) SET x = 5")
    with connection.cursor(buffered=buffered) as cursor:
        cursor.executemany("CALL both_ways(?)", [(1,), (2,)])
        assert results(cursor) == [
            *((False, [(1,)]), (False, [(1,)]), (True, [(11,)])),
            *((False, [(2,)]), (False, [(2,)]), (True, [(12,)])),
        ]
        cursor.executemany("CALL only_out(?)", [(1,), (2,)])
        assert results(cursor) == [(True, [(5,)]), (True, [(5,)])]
        if not server.mysql:  # which has no RETURNING
            cursor.executemany("INSERT INTO many (a) VALUES (?) RETURNING a", [(1,), (2,)])
            assert results(cursor) == [(False, [(1,), (2,)])]
        cursor.executemany("INSERT INTO many (a) VALUES (?)", [(1,), (2,)])
        assert not cursor.sp_outparams


def test_a_call_behind_a_comment(connection: Connection) -> None:
    """What happened before decides nothing; the statement has learnt of columns meanwhile."""
    create(connection, "PROCEDURE show_one(x INT) SELECT x")
    with connection.cursor() as cursor:
        for sql in ("/* x */ CALL show_one(?)", "/*! CALL show_one(?) */"):
            for _ in range(2):
                cursor.executemany(sql, [(1,), (2,)])
                assert results(cursor) == [(False, [(1,)]), (False, [(2,)])]
