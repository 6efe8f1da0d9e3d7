"""Cursors that read rows later: unbuffered ones, which hold the connection, and server-side ones, which do not."""

from __future__ import annotations

import pytest

from mariadb_py.exceptions import InterfaceError, OperationalError, ProgrammingError
from tests.support.running import works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py import Connection, Cursor
    from tests.support.server import Connector

TEN = "SELECT seq FROM seq_1_to_10"
ROWS = [(number,) for number in range(1, 11)]
# Every way to read rows by the binary protocol, and the text protocol beside them.
KINDS: dict[str, dict[str, Any]] = {
    "text": {},
    "text, unbuffered": {"buffered": False},
    "binary": {"binary": True},
    "binary, unbuffered": {"binary": True, "buffered": False},
    "prepared": {"prepared": True},
    "prepared, unbuffered": {"prepared": True, "buffered": False},
    **{f"server-side, prefetch {size}": {"cursor_type": 1, "prefetch_size": size} for size in (0, 1, 3, 10, 11, 1000)},
    "server-side, prepared": {"cursor_type": 1, "prefetch_size": 4, "prepared": True},
    "server-side, unbuffered": {"cursor_type": 1, "prefetch_size": 4, "buffered": False},
}
UNBUFFERED = [name for name in KINDS if name.endswith("unbuffered") and not name.startswith("server")]
SERVER_SIDE = [name for name in KINDS if name.startswith("server")]


@pytest.fixture
def connection(connect: Connector) -> Connection:
    return connect()


def one_by_one(cursor: Cursor) -> list[Any]:
    return list(iter(cursor.fetchone, None))


def in_threes(cursor: Cursor) -> list[Any]:
    found: list[Any] = []
    while rows := cursor.fetchmany(3):
        found += rows
    return found


def in_all_ways(cursor: Cursor) -> list[Any]:
    return [
        next(cursor),
        cursor.fetchone(),
        *cursor.fetchmany(2),
        cursor.next(),
        *cursor.fetchmany(),
        *cursor.fetchall(),
    ]


WAYS: list[Callable[[Cursor], list[Any]]] = [list, one_by_one, in_threes, in_all_ways, lambda cursor: cursor.fetchall()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_all_rows_in_every_way(connection: Connection, kind: str, way: Callable[[Cursor], list[Any]]) -> None:
    cursor = connection.cursor(**KINDS[kind])
    for _ in range(3):
        cursor.execute(TEN)
        assert way(cursor) == ROWS
        assert (cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall(), list(cursor)) == (None, [], [], [])
        assert (cursor.rowcount, cursor.rownumber) == (10, 10)
        assert works(connection)


@pytest.mark.parametrize("kind", KINDS)
def test_rowcount(connection: Connection, kind: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    counts = [cursor.rowcount]
    cursor.execute(TEN)
    counts.append(cursor.rowcount)
    for fetch in (cursor.fetchone, lambda: cursor.fetchmany(3), cursor.fetchall):
        fetch()
        counts.append(cursor.rowcount)
    buffered = not KINDS[kind].get("cursor_type") and KINDS[kind].get("buffered", True)
    assert cursor.buffered is buffered
    assert counts == ([-1, 10, 10, 10, 10] if buffered else [-1, 0, 1, 4, 10])


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows(connection: Connection, kind: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    for _ in range(2):
        cursor.execute("SELECT 1 FROM dual WHERE 1 = 0")
        assert cursor.description is not None
        assert (cursor.fetchall(), cursor.rowcount) == ([], 0)
        assert works(connection)


@pytest.mark.parametrize("kind", KINDS)
def test_statements_without_rows(connection: Connection, kind: str) -> None:
    create(connection, "TABLE ids (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
    for sql, parameters, rowcount, first_id in [
        ("INSERT INTO ids (v) VALUES (?), (?)", (1, 2), 2, 1),
        ("UPDATE ids SET v = 2", None, 1, None),
        ("DELETE FROM ids WHERE v = ?", (2,), 2, None),
    ]:
        with connection.cursor(**KINDS[kind]) as cursor:
            cursor.execute(sql, parameters)
            assert (cursor.rowcount, cursor.lastrowid, cursor.description) == (rowcount, first_id, None)
            with pytest.raises(ProgrammingError, match=r"^Cursor doesn't have a result set$"):
                cursor.fetchone()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sql", ["SHOW DATABASES LIKE 'test'", "SELECT ? FROM seq_1_to_2 UNION SELECT 'test'"])
def test_statements_for_which_the_server_may_open_no_cursor(connection: Connection, kind: str, sql: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    cursor.execute(sql, ("test",) if "?" in sql else None)
    assert cursor.fetchall() == [("test",)]
    assert works(connection)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_among_the_rows(connection: Connection, kind: str) -> None:
    """It comes with the statement, or with the rows, and the connection works on."""
    sql = "SELECT (SELECT b.seq FROM seq_1_to_2 b WHERE b.seq <= 1 + (a.seq = 4000)) FROM seq_1_to_5000 a"
    cursor = connection.cursor(**KINDS[kind])
    with pytest.raises(OperationalError) as caught:
        cursor.execute(sql)
        cursor.fetchall()
    assert caught.value.errno == 1242
    assert cursor.description is None
    assert works(connection)


# Unbuffered: the connection is not free before the last row


@pytest.mark.parametrize("kind", UNBUFFERED)
@pytest.mark.parametrize("rows", [10, 50_000])  # all of them have arrived, or most of them have not
def test_others_have_to_wait_for_unbuffered_rows(connection: Connection, kind: str, rows: int) -> None:
    cursor, other = connection.cursor(**KINDS[kind]), connection.cursor()
    cursor.execute(f"SELECT seq FROM seq_1_to_{rows}")
    assert cursor.fetchone() == (1,)
    server = [lambda: other.execute("SELECT 1"), connection.commit, connection.ping, connection.reset]
    for call in (*server, lambda: other.executemany("DO ?", [(1,)]), lambda: other.callproc("p")):
        with pytest.raises(InterfaceError, match=rf"result of 'SELECT seq FROM seq_1_to_{rows}' is not read") as caught:
            call()
        assert caught.value.errno == 2014
    assert len(cursor.fetchall()) == rows - 1
    assert works(connection)


@pytest.mark.parametrize("kind", UNBUFFERED)
@pytest.mark.parametrize("end", ["close", "again", "forget", "nextset"])
def test_unbuffered_rows_that_nobody_wants(connection: Connection, kind: str, end: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    cursor.execute("SELECT seq FROM seq_1_to_50000")
    assert cursor.fetchone() == (1,)
    if end == "close":
        cursor.close()
    elif end == "again":
        cursor.execute("SELECT seq FROM seq_1_to_50000")
        assert len(cursor.fetchall()) == 50_000
    elif end == "nextset":
        assert cursor.nextset() is None
        assert cursor.description is None
    else:
        del cursor
    assert works(connection)


# Server-side: others use the connection meanwhile


@pytest.mark.parametrize("kind", SERVER_SIDE)
def test_other_statements_between_the_fetches(connection: Connection, kind: str) -> None:
    one, two = connection.cursor(**KINDS[kind]), connection.cursor(**KINDS[kind])
    one.execute(TEN)
    two.execute("SELECT -seq FROM seq_1_to_10")
    for (number,), (negative,) in zip(one, two):
        assert (number, works(connection)) == (-negative, True)
        with connection.cursor(buffered=False) as other:
            other.execute("SELECT ?", (number,))
            assert other.fetchall() == [(number,)]
    assert (one.fetchone(), two.rowcount) == (None, 10)


def test_a_server_side_cursor_waits_for_unbuffered_rows(connection: Connection) -> None:
    cursor, other = connection.cursor(cursor_type=1, prefetch_size=2), connection.cursor(buffered=False)
    cursor.execute(TEN)
    assert cursor.fetchone() == (1,)
    other.execute(TEN)
    assert cursor.fetchone() == (2,)  # had come with the first
    with pytest.raises(InterfaceError) as caught:
        cursor.fetchone()
    assert caught.value.errno == 2014
    assert other.fetchall() == ROWS
    assert cursor.fetchall() == ROWS[2:]


@pytest.mark.parametrize("kind", SERVER_SIDE)
@pytest.mark.parametrize("end", ["close", "again"])
def test_rows_that_nobody_fetches_stay_on_the_server(connection: Connection, kind: str, end: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    cursor.execute(TEN)
    assert cursor.fetchone() == (1,)
    if end == "close":
        cursor.close()
    else:
        cursor.execute(TEN)
        assert cursor.fetchall() == ROWS
    assert works(connection)


def test_batches_are_as_large_as_asked_for(connection: Connection) -> None:
    def fetches() -> int:
        with connection.cursor() as other:
            other.execute("SHOW SESSION STATUS LIKE 'Com_stmt_fetch'")
            return int(other.fetchall()[0][1])

    for prefetch, sizes, expected in [
        (3, [1] * 3, 1),
        (3, [1] * 4, 2),
        (3, [7], 1),
        (10, [10, 1], 2),
        (0, [1] * 10, 1),
    ]:
        with connection.cursor(cursor_type=1, prefetch_size=prefetch) as cursor:
            before = fetches()
            cursor.execute(TEN)
            for size in sizes:
                cursor.fetchmany(size)
            assert fetches() - before == expected, (prefetch, sizes)


@pytest.mark.parametrize("way", ["commit", "rollback", "autocommit"])
def test_a_server_side_cursor_outlives_the_transaction(connect: Connector, way: str) -> None:
    connection = connect(autocommit=way == "autocommit")
    cursor = connection.cursor(cursor_type=1, prefetch_size=2)
    cursor.execute(TEN)
    assert cursor.fetchmany(2) == ROWS[:2]
    if way != "autocommit":
        getattr(connection, way)()
    assert cursor.fetchall() == ROWS[2:]


@pytest.mark.parametrize("way", ["reset", "change_user", "reconnect"])
def test_a_server_side_cursor_does_not_outlive_the_session(connect: Connector, way: str) -> None:
    connection, server = connect(), connect.server
    cursor = connection.cursor(cursor_type=1, prefetch_size=2)
    cursor.execute(TEN)
    assert cursor.fetchone() == (1,)
    if way == "change_user":
        connection.change_user(server.user, server.password, server.database)
    else:
        getattr(connection, way)()
    assert cursor.fetchone() == (2,)  # had come with the first
    with pytest.raises(ProgrammingError, match="the rows of this cursor are gone"):
        cursor.fetchone()
    assert works(connection)
    cursor.execute(TEN)
    assert cursor.fetchall() == ROWS


def test_many_rows_in_batches(connection: Connection) -> None:
    cursor = connection.cursor(cursor_type=1, prefetch_size=10_000)
    cursor.execute("SELECT seq FROM seq_1_to_200000")
    assert sum(number for (number,) in cursor) == 200_000 * 200_001 // 2
    assert cursor.rowcount == 200_000


@pytest.mark.parametrize("kind", SERVER_SIDE)
def test_no_scrolling_of_server_side_rows(connection: Connection, kind: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    cursor.execute(TEN)
    with pytest.raises(ProgrammingError, match="unbuffered result cannot be scrolled"):
        cursor.scroll(1)


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"cursor_type": 2}, ProgrammingError),
        ({"cursor_type": -1}, ProgrammingError),
        ({"prefetch_size": -1}, ProgrammingError),
        ({"prefetch_size": 1.5}, TypeError),
        ({"prefetch": 5}, TypeError),
    ],
)
def test_wrong_keywords(connection: Connection, keywords: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        connection.cursor(**keywords)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_in_other_forms(connection: Connection, kind: str) -> None:
    with connection.cursor(dictionary=True, **KINDS[kind]) as cursor:
        cursor.execute("SELECT seq a, -seq b, 7 a FROM seq_1_to_3")
        assert cursor.fetchall() == [{"a": 7, "b": -number} for number in (1, 2, 3)]
    with connection.cursor(named_tuple=True, **KINDS[kind]) as cursor:
        cursor.execute("SELECT seq a, -seq b, 7 a FROM seq_1_to_3")
        assert [(row.a, row.b, row.a_1) for row in cursor] == [(1, -1, 7), (2, -2, 7), (3, -3, 7)]
