"""Cursor, against the real server."""

from __future__ import annotations

import gc
import inspect
import sys

import pytest

import mariadb_py
from mariadb_py.exceptions import (
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from tests.support.running import ask, works

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection, Cursor
    from tests.support.server import Connector

MANY = 100_000


@pytest.fixture
def connection(connect: Connector) -> Connection:
    return connect(autocommit=True)


@pytest.fixture
def cursor(connection: Connection) -> Cursor:
    return connection.cursor()


@pytest.fixture
def stream(connection: Connection) -> Cursor:
    """An unbuffered cursor."""
    return connection.cursor(buffered=False)


@pytest.fixture
def numbers(connection: Connection) -> str:
    """A table with an AUTO_INCREMENT `id` and a unique `n`."""
    ask(connection, "CREATE OR REPLACE TABLE numbers (id INT AUTO_INCREMENT PRIMARY KEY, n INT UNIQUE)")
    return "numbers"


def facts(cursor: Cursor) -> tuple[int, int | None, int | None, bool]:
    return cursor.rowcount, cursor.rownumber, cursor.lastrowid, cursor.description is not None


# State, as PEP 249 and programs for Connector/Python know it


@pytest.mark.parametrize("buffered", [True, False])
def test_state(connection: Connection, numbers: str, buffered: bool) -> None:
    cursor = connection.cursor(buffered=buffered)
    assert facts(cursor) == (-1, None, None, False)
    assert (cursor.arraysize, cursor.statement, cursor.buffered, cursor.closed) == (1, None, buffered, False)
    assert cursor.connection is connection
    cursor.execute("SET @a = 1")
    assert facts(cursor) == (0, None, None, False)
    cursor.execute("INSERT INTO numbers (n) VALUES (10), (20), (30)")
    assert facts(cursor) == (3, None, 1, False)
    cursor.execute("SELECT n FROM numbers ORDER BY n")
    assert facts(cursor) == (3 if buffered else 0, 0, 1, True)
    assert cursor.statement == "SELECT n FROM numbers ORDER BY n"
    assert cursor.fetchone() == (10,)
    assert facts(cursor) == (3 if buffered else 1, 1, 1, True)
    assert cursor.fetchall() == [(20,), (30,)]
    assert facts(cursor) == (3, 3, 1, True)
    cursor.execute("UPDATE numbers SET n = n + 1 WHERE n > 10")
    assert facts(cursor) == (2, None, None, False)
    cursor.execute("CREATE OR REPLACE TABLE other (a INT)")
    assert facts(cursor) == (0, None, None, False)
    cursor.close()
    assert facts(cursor) == (-1, None, None, False)
    assert cursor.closed


@pytest.mark.parametrize("buffered", [True, False])
def test_fetching(connection: Connection, buffered: bool) -> None:
    cursor = connection.cursor(buffered=buffered)
    cursor.execute("SELECT seq FROM seq_1_to_10")
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany() == [(2,)]
    assert cursor.fetchmany(2) == [(3,), (4,)]
    cursor.arraysize = 3
    assert cursor.fetchmany() == cursor_rows(5, 7)
    assert next(cursor) == (8,)
    assert cursor.next() == (9,)
    assert list(cursor) == [(10,)]
    assert (cursor.fetchone(), cursor.fetchmany(5), cursor.fetchall(), cursor.next()) == (None, [], [], None)
    with pytest.raises(StopIteration):
        next(cursor)
    assert (cursor.rowcount, cursor.rownumber) == (10, 10)


def cursor_rows(first: int, last: int) -> list[tuple[int]]:
    return [(number,) for number in range(first, last + 1)]


@pytest.mark.parametrize("how", ["new", "no result set", "after an error", "closed"])
def test_fetching_without_a_result_set(cursor: Cursor, how: str) -> None:
    if how == "no result set":
        cursor.execute("SET @a = 1")
    elif how == "after an error":
        cursor.execute("SELECT 1")
        with pytest.raises(ProgrammingError):
            cursor.execute("SELECT nope")
    elif how == "closed":
        cursor.execute("SELECT 1")
        cursor.close()
    message = r"^Cursor is closed$" if how == "closed" else r"^Cursor doesn't have a result set$"
    for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall, cursor.next, lambda: list(cursor)):
        with pytest.raises(ProgrammingError, match=message):
            fetch()
    with pytest.raises(ProgrammingError, match=message):
        cursor.scroll(1)


def test_close(connection: Connection, cursor: Cursor) -> None:
    with connection.cursor() as inner:
        inner.execute("SELECT 1")
    assert inner.closed
    inner.close()
    for call in (lambda: inner.execute("SELECT 1"), lambda: inner.executemany("SELECT ?", [(1,)]), inner.nextset):
        with pytest.raises(ProgrammingError, match=r"^Cursor is closed$"):
            call()
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]


def test_buffered_rows_survive_the_connection(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("SELECT seq FROM seq_1_to_5")
    connection.close()
    assert cursor.closed
    assert cursor.fetchone() == (1,)
    cursor.scroll(0, "absolute")
    assert cursor.fetchall() == cursor_rows(1, 5)
    assert (cursor.rowcount, cursor.description is not None) == (5, True)
    cursor.close()


def test_scroll(cursor: Cursor) -> None:
    cursor.execute("SELECT seq FROM seq_1_to_5")
    cursor.scroll(3)
    assert cursor.fetchone() == (4,)
    cursor.scroll(-2)
    assert cursor.fetchone() == (3,)
    cursor.scroll(1, mode="absolute")
    assert (cursor.rownumber, cursor.fetchone()) == (1, (2,))
    cursor.scroll(4, "absolute")
    assert (cursor.fetchone(), cursor.fetchone()) == ((5,), None)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0,), ProgrammingError),
        ((0, "relative"), ProgrammingError),
        ((5, "absolute"), ProgrammingError),
        ((-1, "absolute"), ProgrammingError),
        ((3,), ProgrammingError),
        ((-3,), ProgrammingError),
        ((1, "sideways"), ProgrammingError),
        (("1",), TypeError),
        ((1.5, "absolute"), TypeError),
        ((None,), TypeError),
    ],
)
def test_scroll_to_nowhere(cursor: Cursor, arguments: tuple[Any, ...], error: type[Exception]) -> None:
    cursor.execute("SELECT seq FROM seq_1_to_5")
    cursor.fetchmany(2)
    with pytest.raises(error):
        cursor.scroll(*arguments)
    assert cursor.fetchone() == (3,)


def test_scroll_of_an_unbuffered_result(stream: Cursor) -> None:
    stream.execute("SELECT 1")
    with pytest.raises(ProgrammingError, match=r"^An unbuffered result cannot be scrolled$"):
        stream.scroll(1)
    assert stream.fetchall() == [(1,)]


# Kinds of rows

SAME_NAMES = "SELECT 1 AS a, 2 AS a, 3 AS `b c`, 4 AS `測試`, 5 AS `class`, 6 AS `__class__`"


@pytest.mark.parametrize("buffered", [True, False])
def test_dictionary_rows(connection: Connection, buffered: bool) -> None:
    cursor = connection.cursor(dictionary=True, buffered=buffered)
    cursor.execute(SAME_NAMES)
    expected = {"a": 2, "b c": 3, "測試": 4, "class": 5, "__class__": 6}
    assert cursor.fetchone() == expected
    cursor.execute(SAME_NAMES)
    assert list(cursor) == [expected]


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("dictionary", [True, False])
def test_named_rows(connection: Connection, buffered: bool, dictionary: bool) -> None:
    cursor = connection.cursor(named_tuple=True, dictionary=dictionary, buffered=buffered)
    cursor.execute(SAME_NAMES)
    row = cursor.fetchone()
    assert row == (1, 2, 3, 4, 5, 6)
    assert (row.a, row.a_1, getattr(row, "b c"), row.測試) == (1, 2, 3, 4)
    cursor.execute("SELECT 1 AS a")
    assert repr(cursor.fetchall()) == "[mariadb.Row(a=1)]"


def test_description(cursor: Cursor) -> None:
    cursor.execute(
        "CREATE OR REPLACE TABLE described (id INT AUTO_INCREMENT PRIMARY KEY, k SMALLINT UNSIGNED, "
        "s VARCHAR(20) CHARACTER SET latin1 NOT NULL, d DECIMAL(10,3), du DECIMAL(65,30) UNSIGNED, f FLOAT, "
        "b VARBINARY(9), t TIME(3), j JSON, KEY (k))"
    )
    cursor.execute("SELECT d.*, d.s AS other, 1 AS one FROM described AS d")
    not_null, primary, part_key, unsigned, binary, auto = 1, 2, 0x4000, 0x20, 0x80, 0x200
    described = {column[0]: column for column in cursor.description or ()}
    assert {name: column[1:7] for name, column in described.items()} == {
        "id": (3, 11, 11, 0, 0, False),
        "k": (2, 5, 5, 0, 0, True),
        "s": (253, 20, 80, 0, 0, False),
        "d": (246, 12, 12, 10, 3, True),
        "du": (246, 66, 66, 65, 30, True),
        "f": (4, 12, 12, 0, 0, True),
        "b": (253, 9, 9, 0, 0, True),
        "t": (11, 14, 14, 0, 3, True),
        "j": (245, 1073741823, 4294967295, 0, 0, True),
        "other": (253, 20, 80, 0, 0, False),
        "one": (3, 1, 1, 0, 0, False),
    }
    for name, flags in (
        ("id", not_null | primary | part_key | auto),
        ("k", unsigned | part_key),
        ("s", not_null),
        ("du", unsigned),
        ("b", binary),
    ):
        assert described[name][7] & flags == flags, name
    assert described["other"][8:] == ("d", "s", "described")
    assert described["one"][8:] == ("", "", "")


# Results one after the other


@pytest.fixture
def procedure(connection: Connection) -> str:
    ask(
        connection,
        "CREATE OR REPLACE PROCEDURE several(fail INT) BEGIN SELECT 1 AS a; SELECT seq AS b, 'x' FROM seq_1_to_3; "
        "IF fail THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'boo'; END IF; SELECT 4 AS c; END",
    )
    return "CALL several(?)"


@pytest.mark.parametrize("buffered", [True, False])
def test_several_results(connection: Connection, procedure: str, buffered: bool) -> None:
    cursor = connection.cursor(buffered=buffered)
    cursor.execute(procedure, (0,))
    assert cursor.fetchall() == [(1,)]
    assert cursor.nextset() is True
    assert [column[0] for column in cursor.description or ()] == ["b", "x"]
    assert cursor.fetchone() == (1, "x")
    assert cursor.nextset() is True  # not all rows were fetched
    assert cursor.fetchall() == [(4,)]
    assert cursor.nextset() is True
    assert facts(cursor) == (0, None, None, False)
    assert cursor.nextset() is None
    assert cursor.nextset() is None
    assert works(connection)


@pytest.mark.parametrize("buffered", [True, False])
def test_an_error_behind_a_result(connection: Connection, procedure: str, buffered: bool) -> None:
    cursor = connection.cursor(buffered=buffered)
    cursor.execute(procedure, (1,))
    assert cursor.fetchall() == [(1,)]
    assert cursor.nextset() is True
    assert len(cursor.fetchall()) == 3
    with pytest.raises(OperationalError, match=r"^boo$") as caught:
        cursor.nextset()
    assert (caught.value.errno, caught.value.sqlstate) == (1644, "45000")
    assert cursor.nextset() is None
    assert works(connection)


@pytest.mark.parametrize("buffered", [True, False])
def test_an_error_among_rows(connection: Connection, buffered: bool) -> None:
    cursor = connection.cursor(buffered=buffered)
    with pytest.raises(OperationalError) as caught:
        cursor.execute("SELECT REPEAT('x', 100), IF(seq > 9000, (SELECT 1 UNION SELECT 2), 1) FROM seq_1_to_10000")
        cursor.fetchall()
    assert caught.value.errno == 1242
    assert (cursor.description, cursor.rowcount) == (None, -1)
    assert works(connection)


def test_results_that_nobody_fetched(connection: Connection, stream: Cursor, procedure: str) -> None:
    stream.execute(procedure, (0,))
    with pytest.raises(InterfaceError):
        works(connection)
    stream.execute("SELECT 2")
    assert stream.fetchall() == [(2,)]


@pytest.mark.parametrize("buffered", [True, False])
def test_callproc(connection: Connection, buffered: bool) -> None:
    """OUT and INOUT parameters are the last result set; the name is nothing but a name."""
    body = "(a INT, OUT b INT, INOUT c TEXT) BEGIN SELECT a AS first; SET b = a + 1, c = CONCAT(c, '!'); END"
    ask(connection, f"CREATE OR REPLACE PROCEDURE `out ``of` {body}")
    for name in ("out `of", "test.out `of"):
        cursor = connection.cursor(buffered=buffered)
        cursor.callproc(name, (1, None, "x"))
        assert (cursor.sp_outparams, cursor.fetchall()) == (False, [(1,)])
        assert cursor.nextset() is True
        assert (cursor.sp_outparams, cursor.fetchall()) == (True, [(2, "x!")])
        assert [column[0] for column in cursor.description or ()] == ["b", "c"]
        assert cursor.nextset() is True
        assert (facts(cursor), cursor.sp_outparams) == ((0, None, None, False), False)
        assert cursor.nextset() is None
    ask(connection, "DROP PROCEDURE `out ``of`")


def test_callproc_without_parameters(connection: Connection, cursor: Cursor) -> None:
    ask(connection, "CREATE OR REPLACE PROCEDURE plain() SELECT 7")
    cursor.callproc("plain")
    assert (cursor.fetchall(), cursor.sp_outparams) == ([(7,)], False)
    with pytest.raises(OperationalError, match=r"^PROCEDURE test\.plain\(\); SELECT 1 -- does not exist$"):
        cursor.callproc("plain(); SELECT 1 --")
    with pytest.raises(TypeError, match=r"^the name of a procedure is a str, not bytes$"):
        cursor.callproc(b"plain")  # type: ignore[arg-type]
    assert works(connection)


# Unbuffered


def test_another_cursors_unread_rows(connection: Connection, cursor: Cursor, stream: Cursor) -> None:
    stream.execute("SELECT seq FROM seq_1_to_3")
    for call in (lambda: cursor.execute("SELECT 1"), connection.commit, connection.ping, connection.reset):
        with pytest.raises(InterfaceError, match=r"'SELECT seq FROM seq_1_to_3' is not read to its end") as caught:
            call()
        assert caught.value.errno == 2014
    assert stream.fetchall() == cursor_rows(1, 3)
    assert works(connection)


@pytest.mark.parametrize("how", ["closed", "collected", "new statement", "connection closed"])
def test_rows_that_nobody_will_read_free_the_connection(connection: Connection, how: str) -> None:
    stream = connection.cursor(buffered=False)
    stream.execute(f"SELECT seq, REPEAT('x', 50) FROM seq_1_to_{MANY}")
    assert stream.fetchmany(10)[-1] == (10, "x" * 50)
    if how == "closed":
        stream.close()
    elif how == "new statement":
        stream.execute("SELECT 7")
        assert stream.fetchall() == [(7,)]
    elif how == "collected":
        del stream
        gc.collect()
    else:
        connection.close()
        with pytest.raises(ProgrammingError):
            stream.fetchall()
        stream.close()
        return
    assert works(connection)


def test_many_rows_are_streamed(stream: Cursor) -> None:
    stream.execute(f"SELECT seq, REPEAT('x', 50) FROM seq_1_to_{MANY}")
    counts = []
    expected = 1
    while rows := stream.fetchmany(3333):
        counts.append(stream.rowcount)
        assert [row[0] for row in rows] == list(range(expected, expected + len(rows)))
        expected += len(rows)
    assert counts == [*range(3333, MANY, 3333), MANY]


def test_many_rows_are_iterated_over(connection: Connection, stream: Cursor) -> None:
    stream.execute(f"SELECT seq, REPEAT('x', 50) FROM seq_1_to_{MANY}")
    assert sum(row[0] == number for number, row in enumerate(stream, 1)) == MANY
    assert stream.rowcount == MANY
    assert works(connection)


def test_the_end_frees_the_connection(connection: Connection, stream: Cursor) -> None:
    """Also one that the cursor has not seen: behind the last row, when it has arrived."""
    stream.execute("SELECT seq FROM seq_1_to_2")
    assert stream.fetchone() == (1,)
    with pytest.raises(InterfaceError):
        works(connection)
    assert stream.fetchone() == (2,)
    assert works(connection)
    assert stream.fetchone() is None


def test_the_last_row_does_not_free_the_connection_if_a_result_may_follow(
    connection: Connection, stream: Cursor, procedure: str
) -> None:
    stream.execute(procedure, (0,))
    stream.fetchall()
    with pytest.raises(InterfaceError):
        works(connection)
    while stream.nextset():
        pass
    assert works(connection)


def test_execute_can_change_the_mode(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("SELECT 1", None, False)
    assert (cursor.buffered, cursor.rowcount) == (False, 0)
    cursor.execute("SELECT 1", buffered=True)
    assert (cursor.buffered, cursor.rowcount) == (True, 1)
    assert works(connection)


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(("sql", "data"), [("SELECT ?", (object(),)), ("SELECT ?", ()), (1, None)])
def test_what_was_never_sent_does_not_change_the_mode(
    connection: Connection, buffered: bool, sql: Any, data: Any
) -> None:
    cursor = connection.cursor(buffered=buffered)
    cursor.execute("SELECT 1")
    with pytest.raises((ProgrammingError, NotSupportedError, TypeError)):
        cursor.execute(sql, data, buffered=not buffered)
    assert cursor.buffered is buffered
    assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("buffered", [True, False])
def test_what_another_cursor_keeps_from_being_sent_does_not_change_the_mode(
    connection: Connection, stream: Cursor, buffered: bool
) -> None:
    cursor = connection.cursor(buffered=buffered)
    stream.execute("SELECT seq FROM seq_1_to_2")
    with pytest.raises(InterfaceError):
        cursor.execute("SELECT 1", buffered=not buffered)
    assert cursor.buffered is buffered
    assert stream.fetchall() == [(1,), (2,)]


# Many


def test_executemany(cursor: Cursor, numbers: str) -> None:
    cursor.executemany("INSERT INTO numbers (n) VALUES (?)", ((n,) for n in range(5)))
    assert facts(cursor) == (5, None, 1, False)
    cursor.executemany(
        "UPDATE numbers SET n = %(new)s WHERE n = %(old)s", [{"new": 7, "old": 1}, {"new": 8, "old": 99}]
    )
    assert cursor.rowcount == 1
    cursor.executemany("INSERT INTO numbers (n) VALUES (%s)", [[10], (11,)])
    # The first of the two ids; InnoDB may have left some out behind the five.
    assert (cursor.rowcount, cursor.lastrowid) == (2, ask(cursor.connection, "SELECT id FROM numbers WHERE n = 10"))
    cursor.executemany("INSERT INTO numbers (n) VALUES (?) RETURNING n", [(20,), (21,)])
    assert (cursor.rowcount, cursor.fetchall()) == (2, [(20,), (21,)])


@pytest.mark.parametrize("nothing", [[], (), iter(())])
def test_executemany_of_nothing(cursor: Cursor, nothing: Any) -> None:
    with pytest.raises(ProgrammingError, match=r"^No data provided$"):
        cursor.executemany("INSERT INTO numbers (n) VALUES (?)", nothing)


class Stop(Exception):
    pass


def rows_then(error: Exception) -> Iterator[tuple[int]]:
    yield (1,)
    raise error


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([(1,), (2, 3)], ProgrammingError, "Invalid number of parameters in row 2: "),
        ([(1,), ()], ProgrammingError, "Invalid number of parameters in row 2: "),
        ([(1,), (1,)], IntegrityError, "Duplicate entry '1' for key 'n'"),
        ([(1,), 2], ProgrammingError, "Invalid number of parameters in row 2: "),
        ([(1,), (object(),)], ProgrammingError, "row 2, column 1: "),
        ([(1,), (float("nan"),)], NotSupportedError, "row 2, column 1: "),
        ([(1,), (10**70,)], DataError, "row 2, column 1: "),
        (rows_then(OSError("the user's file")), OSError, "the user's file"),
        (rows_then(TimeoutError("the user's socket")), TimeoutError, "the user's socket"),
        (rows_then(Stop("the user's")), Stop, "the user's"),
        (rows_then(ProgrammingError("the user's")), ProgrammingError, "the user's"),
    ],
)
def test_executemany_fails_in_the_second_row(
    connection: Connection, cursor: Cursor, numbers: str, rows: Any, error: type[Exception], message: str
) -> None:
    """Nothing of the chunk is there. What the rows' iterator raises comes out as it is: it is no lost connection."""
    with pytest.raises(Exception) as caught:
        cursor.executemany("INSERT INTO numbers (n) VALUES (?)", rows)
    assert type(caught.value) is error
    assert str(caught.value).startswith(message)
    assert getattr(caught.value, "rows_done", 0) == 0
    assert ask(connection, "SELECT COUNT(*) FROM numbers") == 0
    assert works(connection)


def test_executemany_over_rows_of_the_same_connection(connection: Connection, cursor: Cursor, numbers: str) -> None:
    def rows() -> Iterator[tuple[int]]:
        yield (ask(connection, "SELECT 1"),)

    with pytest.raises(ProgrammingError, match=r"already in use by this thread"):
        cursor.executemany("INSERT INTO numbers (n) VALUES (?)", rows())
    assert works(connection)


# Wrong use


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        *(("execute", (value,), TypeError) for value in (None, 1, ["SELECT 1"], object())),
        *(("execute", ("SELECT ?", value), ProgrammingError) for value in (1, "1", b"1", {1}, {"a": 1}, object())),
        *(("execute", ("SELECT %(a)s", value), ProgrammingError) for value in (1, (1,), "a", {"b": 1})),
        *(("execute", ("SELECT ?", value), ProgrammingError) for value in ((1, 2), ([1],), (object(),), ("\ud800",))),
        ("execute", ("SELECT ?, %s", (1, 2)), ProgrammingError),
        ("execute", ("",), ProgrammingError),
        ("execute", ("\ud800",), ProgrammingError),
        ("execute", (b"\xff",), ProgrammingError),
        ("execute", ("SELECT ?", (float("inf"),)), NotSupportedError),
        *(("executemany", ("SELECT ?", value), TypeError) for value in (1, object())),
        ("executemany", ("SELECT ?", None), ProgrammingError),
        ("executemany", (None, [(1,)]), TypeError),
        *(("fetchmany", (value,), TypeError) for value in ("1", 1.5, [1])),
        ("fetchmany", (-1,), ProgrammingError),
        ("fetchall", (1,), TypeError),
    ],
)
def test_wrong_arguments(
    connection: Connection, cursor: Cursor, name: str, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    cursor.execute("SELECT 1")
    with pytest.raises(error):
        getattr(cursor, name)(*arguments)
    assert works(connection)


def test_every_method_has_been_used() -> None:
    methods = {name for name, value in vars(mariadb_py.Cursor).items() if inspect.isfunction(value)}
    text = inspect.getsource(sys.modules[__name__])
    assert {name for name in methods if not name.startswith("_") and f".{name}" not in text} == set()


def test_sizes_are_accepted_and_ignored(cursor: Cursor) -> None:
    cursor.setinputsizes([10])
    cursor.setoutputsize(10)
    cursor.setoutputsize(10, 1)
    cursor.execute("SELECT REPEAT('x', 20)")
    assert cursor.fetchall() == [("x" * 20,)]


def test_warnings(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("SELECT CAST('a' AS INT), CAST('b' AS INT)")
    assert cursor.warnings == 2
    assert works(connection)
    assert cursor.warnings == 2  # this cursor's last statement's
    cursor.execute("SELECT 1")
    assert cursor.warnings == 0


def test_repr(connection: Connection, cursor: Cursor) -> None:
    assert repr(cursor).startswith("<mariadb_py.Cursor new at ")
    cursor.execute("SELECT ?", ("secret",))
    assert repr(cursor).startswith("<mariadb_py.Cursor 'SELECT ?' at ")
    cursor.close()
    assert repr(cursor).startswith("<mariadb_py.Cursor closed at ")


# Big statements and values


@pytest.mark.parametrize("size", [0xFFFFFF - 16, 0xFFFFFF - 9, 0xFFFFFF - 8])
def test_statements_around_the_size_of_a_packet(connect: Connector, size: int) -> None:
    ask(connect(), "SET GLOBAL max_allowed_packet = 64 << 20")
    connection = connect()
    sql = "SELECT '" + "x" * (size - 1) + "'"
    assert len(sql) + 1 in range(0xFFFFFF - 8, 0xFFFFFF + 2)
    assert ask(connection, sql) == "x" * (size - 1)
    ask(connection, "SET GLOBAL max_allowed_packet = DEFAULT")
