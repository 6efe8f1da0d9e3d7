"""AsyncCursor, against the real server."""

from __future__ import annotations

import asyncio
import gc
import inspect
import io
import sys

import pytest

import mariadb_py.aio
from mariadb_py.exceptions import (
    DataError,
    IntegrityError,
    InterfaceError,
    LostConnectionError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    QueryTimeout,
)
from tests.support.aio import ask, begun, run_alone, runs, works

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py.aio import AsyncConnection, AsyncCursor
    from tests.support.aio import AsyncConnector

MANY = 100_000
KINDS = pytest.mark.parametrize("kind", [{}, {"buffered": False}, {"cursor_type": 1}, {"binary": True}], ids=str)


def rows(first: int, last: int) -> list[tuple[int]]:
    return [(number,) for number in range(first, last + 1)]


def facts(cursor: AsyncCursor) -> tuple[int, int | None, int | None, bool]:
    return cursor.rowcount, cursor.rownumber, cursor.lastrowid, cursor.description is not None


async def numbers(connection: AsyncConnection) -> None:
    """A table with an AUTO_INCREMENT `id` and a unique `n`."""
    await ask(connection, "CREATE OR REPLACE TABLE async_numbers (id INT AUTO_INCREMENT PRIMARY KEY, n INT UNIQUE)")


def with_kind(test: Any) -> Any:
    """A test that is run for each kind of cursor; it is given a connection and the keywords."""

    @KINDS
    def run(connect_async: AsyncConnector, kind: dict[str, Any]) -> None:
        async def work() -> None:
            await test(await connect_async(autocommit=True), kind)

        run_alone(work, [connect_async])

    return run


@with_kind
async def test_fetching(connection: AsyncConnection, kind: dict[str, Any]) -> None:
    cursor = connection.cursor(**kind)
    assert facts(cursor) == (-1, None, None, False)
    await cursor.execute("SELECT seq FROM seq_1_to_10")
    assert await cursor.fetchone() == (1,)
    assert await cursor.fetchmany() == [(2,)]
    assert await cursor.fetchmany(2) == rows(3, 4)
    cursor.arraysize = 3
    assert await cursor.fetchmany() == rows(5, 7)
    assert await cursor.next() == (8,)
    assert [row async for row in cursor] == rows(9, 10)
    assert [await cursor.fetchone(), await cursor.fetchmany(5), await cursor.fetchall()] == [None, [], []]
    with pytest.raises(StopAsyncIteration):
        await cursor.__anext__()
    assert (cursor.rowcount, cursor.rownumber) == (10, 10)
    assert cursor.connection is connection
    await cursor.close()
    await cursor.close()
    assert cursor.closed
    for call in (cursor.fetchone, cursor.fetchall, cursor.fetchmany, cursor.next, cursor.nextset):
        with pytest.raises(ProgrammingError, match=r"^Cursor is closed$"):
            await call()
    assert await works(connection)


@with_kind
async def test_many_rows(connection: AsyncConnection, kind: dict[str, Any]) -> None:
    cursor = connection.cursor(**kind)
    await cursor.execute(f"SELECT seq, REPEAT('x', 50) FROM seq_1_to_{MANY}")
    expected = 1
    while chunk := await cursor.fetchmany(3333):
        assert [row[0] for row in chunk] == list(range(expected, expected + len(chunk)))
        expected += len(chunk)
    assert expected == MANY + 1
    assert await works(connection)


@with_kind
async def test_kinds_of_rows(connection: AsyncConnection, kind: dict[str, Any]) -> None:
    sql = "SELECT 1 AS a, 2 AS a, 3 AS `b c`"
    cursor = connection.cursor(**kind, dictionary=True)
    await cursor.execute(sql)
    assert await cursor.fetchall() == [{"a": 2, "b c": 3}]
    cursor = connection.cursor(**kind, named_tuple=True)
    await cursor.execute(sql)
    row = await cursor.fetchone()
    assert (row, row.a, row.a_1) == ((1, 2, 3), 1, 2)


@with_kind
async def test_several_results(connection: AsyncConnection, kind: dict[str, Any]) -> None:
    body = (
        "(fail INT) BEGIN SELECT 1 AS a; SELECT seq AS b, 'x' FROM seq_1_to_3; "
        "IF fail THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'boo'; END IF; SELECT 4 AS c; END"
    )
    await ask(connection, f"CREATE OR REPLACE PROCEDURE async_several{body}")
    cursor = connection.cursor(**kind)
    await cursor.callproc("async_several", (0,))
    assert await cursor.fetchall() == [(1,)]
    assert await cursor.nextset() is True
    assert await cursor.fetchone() == (1, "x")
    assert await cursor.nextset() is True  # not all rows were fetched
    assert await cursor.fetchall() == [(4,)]
    assert await cursor.nextset() is True
    assert facts(cursor) == (0, None, None, False)
    assert await cursor.nextset() is None
    await cursor.callproc("async_several", (1,))
    assert await cursor.nextset() is True
    with pytest.raises(OperationalError, match=r"^boo$") as caught:
        await cursor.nextset()
    assert (caught.value.errno, caught.value.sqlstate) == (1644, "45000")
    assert await cursor.nextset() is None
    assert await works(connection)


@with_kind
async def test_an_error_among_rows(connection: AsyncConnection, kind: dict[str, Any]) -> None:
    cursor = connection.cursor(**kind)
    with pytest.raises(OperationalError) as caught:
        await cursor.execute(
            "SELECT REPEAT('x', 100), IF(seq > 9000, (SELECT 1 UNION SELECT 2), 1) FROM seq_1_to_10000"
        )
        await cursor.fetchall()
    assert caught.value.errno == 1242
    assert await works(connection)


@runs
async def test_out_parameters(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    await ask(connection, "CREATE OR REPLACE PROCEDURE async_out(a INT, OUT b INT) BEGIN SELECT a; SET b = a + 1; END")
    async with connection.cursor() as cursor:
        await cursor.callproc("async_out", (1, None))
        assert (cursor.sp_outparams, await cursor.fetchall()) == (False, [(1,)])
        assert await cursor.nextset() is True
        assert (cursor.sp_outparams, await cursor.fetchall()) == (True, [(2,)])
        with pytest.raises(TypeError, match=r"^the name of a procedure is a str, not bytes$"):
            await cursor.callproc(b"plain")  # type: ignore[arg-type]


@runs
async def test_scroll(connect_async: AsyncConnector) -> None:
    cursor = (await connect_async()).cursor()
    await cursor.execute("SELECT seq FROM seq_1_to_5")
    cursor.scroll(3)
    assert await cursor.fetchone() == (4,)
    cursor.scroll(1, mode="absolute")
    assert (cursor.rownumber, await cursor.fetchone()) == (1, (2,))
    await cursor.execute("SELECT 1", buffered=False)
    with pytest.raises(ProgrammingError, match=r"^An unbuffered result cannot be scrolled$"):
        cursor.scroll(1)
    assert await cursor.fetchall() == [(1,)]


@runs
async def test_prepared(connect_async: AsyncConnector) -> None:
    cursor = (await connect_async()).cursor(prepared=True)
    for number in range(3):
        await cursor.execute("SELECT ? + 1", (number,))
        assert await cursor.fetchall() == [(number + 1,)]
    await cursor.execute("this text is ignored", (7,))
    assert await cursor.fetchone() == (8,)


@runs
async def test_buffered_rows_survive_the_connection(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    cursor = connection.cursor()
    await cursor.execute("SELECT seq FROM seq_1_to_5")
    await connection.close()
    assert cursor.closed
    assert await cursor.fetchone() == (1,)
    assert await cursor.fetchall() == rows(2, 5)
    await cursor.close()


# Streams


@runs
async def test_another_cursors_unread_rows(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    stream, cursor = connection.cursor(buffered=False), connection.cursor()
    await stream.execute("SELECT seq FROM seq_1_to_3")
    for call in (lambda: cursor.execute("SELECT 1"), connection.commit, connection.ping, connection.reset):
        with pytest.raises(InterfaceError, match=r"'SELECT seq FROM seq_1_to_3' is not read to its end") as caught:
            await call()
        assert caught.value.errno == 2014
    assert await stream.fetchall() == rows(1, 3)
    assert await works(connection)


@pytest.mark.parametrize("how", ["closed", "collected", "new statement", "connection closed"])
def test_rows_that_nobody_will_read_free_the_connection(connect_async: AsyncConnector, how: str) -> None:
    async def test() -> None:
        connection = await connect_async()
        stream = connection.cursor(buffered=False)
        await stream.execute(f"SELECT seq, REPEAT('x', 50) FROM seq_1_to_{MANY}")
        assert (await stream.fetchmany(10))[-1] == (10, "x" * 50)
        if how == "closed":
            await stream.close()
        elif how == "new statement":
            await stream.execute("SELECT 7")
            assert await stream.fetchall() == [(7,)]
        elif how == "collected":
            del stream
            gc.collect()
        else:
            await connection.close()
            with pytest.raises(ProgrammingError):
                await stream.fetchall()
            await stream.close()
            return
        assert await works(connection)

    run_alone(test, [connect_async])


@runs
async def test_reading_stops_while_nobody_fetches(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    stream = connection.cursor(buffered=False)
    await stream.execute(f"SELECT seq, REPEAT('x', 1000) FROM seq_1_to_{MANY}")
    assert (await stream.fetchone())[0] == 1
    wire = connection._link_or_raise()._transport  # type: ignore[attr-defined]
    kept = []
    for _ in range(40):
        await asyncio.sleep(0.005)
        kept.append(len(wire.unasked()))
    assert kept[-1] == kept[-20] < 1 << 19
    assert sum([1 async for _ in stream]) == MANY - 1
    assert await works(connection)


@runs
async def test_a_large_result_does_not_starve_the_loop(connect_async: AsyncConnector) -> None:
    """Others get their turn while one task reads 100,000 rows."""
    connection = await connect_async()
    cursor = connection.cursor()
    task = asyncio.ensure_future(cursor.execute(f"SELECT seq, REPEAT('x', 200) FROM seq_1_to_{MANY}"))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    await task
    assert turns > 100  # 20 MB in pieces of 64 KiB
    assert cursor.rowcount == MANY


# Many


@runs
async def test_executemany(connect_async: AsyncConnector) -> None:
    connection = await connect_async(autocommit=True)
    await numbers(connection)
    cursor = connection.cursor()
    await cursor.executemany("INSERT INTO async_numbers (n) VALUES (?)", [(10,), (11,)])
    assert (cursor.rowcount, cursor.lastrowid) == (2, 1)
    await cursor.executemany("INSERT INTO async_numbers (n) VALUES (?) RETURNING n", [(20,), (21,)])
    assert (cursor.rowcount, await cursor.fetchall()) == (2, [(20,), (21,)])
    await cursor.executemany("INSERT INTO async_numbers (n) VALUES (?)", ((n,) for n in range(100, 20_000)))
    assert cursor.rowcount == 19_900
    await cursor.executemany("UPDATE async_numbers SET n = n + 100000 WHERE n = ?", [(10,), (11,)])
    assert (cursor.rowcount, connection.autocommit) == (2, True)
    with pytest.raises(ProgrammingError, match=r"^No data provided$"):
        await cursor.executemany("INSERT INTO async_numbers (n) VALUES (?)", [])
    assert await works(connection)


class Stop(Exception):
    pass


def rows_then(error: Exception) -> Iterator[tuple[int]]:
    yield (1,)
    raise error


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (lambda: [(1,), (2, 3)], ProgrammingError, "Invalid number of parameters in row 2: "),
        (lambda: [(1,), (1,)], IntegrityError, "Duplicate entry '1' for key 'n'"),
        (lambda: [(1,), (object(),)], ProgrammingError, "row 2, column 1: "),
        (lambda: [(1,), (10**70,)], DataError, "row 2, column 1: "),
        (lambda: rows_then(OSError("the user's file")), OSError, "the user's file"),
        (lambda: rows_then(TimeoutError("the user's socket")), TimeoutError, "the user's socket"),
        (lambda: rows_then(Stop("the user's")), Stop, "the user's"),
        (lambda: rows_then(asyncio.CancelledError("the user's")), asyncio.CancelledError, ""),
    ],
)
def test_executemany_fails_in_the_second_row(
    connect_async: AsyncConnector, given: Any, error: type[BaseException], message: str
) -> None:
    async def test() -> None:
        connection = await connect_async(autocommit=True)
        await numbers(connection)
        with pytest.raises(BaseException) as caught:
            await connection.cursor().executemany("INSERT INTO async_numbers (n) VALUES (?)", given())
        assert type(caught.value) is error
        assert str(caught.value).startswith(message)
        assert await ask(connection, "SELECT COUNT(*) FROM async_numbers") == 0
        assert await works(connection)

    run_alone(test, [connect_async])


@runs
async def test_much_that_is_sent_goes_in_turns(connect_async: AsyncConnector) -> None:
    """Many pieces do not grow the stack, and others get their turn."""
    connection = await connect_async(local_infile=True, autocommit=True)
    cursor = connection.cursor()
    await cursor.execute("CREATE OR REPLACE TEMPORARY TABLE async_load (a INT)")
    sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE async_load"
    await cursor.execute(sql, local_infile=[b"1\n", b"2\n", b"3\n"] * 2000)
    assert cursor.rowcount == 6000
    task = asyncio.ensure_future(cursor.execute(sql, local_infile=io.BytesIO(b"12345\n" * 1_000_000)))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    await task
    assert cursor.rowcount == 1_000_000
    assert turns > 15  # 6 MB in pieces of 256 KiB
    assert await ask(connection, "SELECT SUM(a) FROM async_load") == 12_000 + 12_345_000_000


@runs
async def test_local_infile(connect_async: AsyncConnector) -> None:
    connection = await connect_async(autocommit=True)
    sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE async_load"
    await ask(connection, "CREATE OR REPLACE TEMPORARY TABLE async_load (a INT)")
    with pytest.raises(OperationalError, match="disabled the local infile capability"):
        await connection.cursor().execute(sql, local_infile=[b"1\n"])
    assert await works(connection)

    connection = await connect_async(local_infile=True, autocommit=True)
    await ask(connection, "CREATE OR REPLACE TEMPORARY TABLE async_load (a INT)")
    cursor = connection.cursor()
    with pytest.raises(TypeError):
        await cursor.execute(sql, local_infile=7)  # type: ignore[arg-type]
    assert await works(connection)

    def fails() -> Iterator[bytes]:
        yield b"1\n"
        raise Stop("the user's")

    with pytest.raises(Stop, match=r"^the user's$"):
        await cursor.execute(sql, local_infile=fails())
    with pytest.raises(LostConnectionError, match="the user's"):  # nothing could tell the server
        await works(connection)


# Wrong use


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        *(("execute", (value,), TypeError) for value in (None, 1, ["SELECT 1"])),
        *(("execute", ("SELECT ?", value), ProgrammingError) for value in (1, "1", {"a": 1})),
        *(("execute", ("SELECT ?", value), ProgrammingError) for value in ((1, 2), ([1],), (object(),))),
        ("execute", ("",), ProgrammingError),
        ("execute", ("SELECT ?", (float("inf"),)), NotSupportedError),
        ("executemany", ("SELECT ?", 1), TypeError),
        ("executemany", ("SELECT ?", None), ProgrammingError),
        *(("fetchmany", (value,), TypeError) for value in ("1", 1.5)),
        ("fetchmany", (-1,), ProgrammingError),
        ("fetchall", (1,), TypeError),
    ],
)
def test_wrong_arguments(
    connect_async: AsyncConnector, name: str, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    async def test() -> None:
        connection = await connect_async()
        cursor = connection.cursor()
        await cursor.execute("SELECT 1")
        with pytest.raises(error):
            await getattr(cursor, name)(*arguments)
        assert await works(connection)

    run_alone(test, [connect_async])


@runs
async def test_without_a_result_set(connect_async: AsyncConnector) -> None:
    cursor = (await connect_async()).cursor()
    for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall, cursor.next, cursor.__anext__):
        with pytest.raises(ProgrammingError, match=r"^Cursor doesn't have a result set$"):
            await fetch()


@runs
async def test_cursors_of_two_tasks(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    one, two = connection.cursor(), connection.cursor()
    task = await begun(one.execute("SELECT 1, SLEEP(0.2)"))
    for call in (two.execute, two.callproc, lambda sql: two.executemany(sql, [(1,)])):
        with pytest.raises(ProgrammingError, match="in use by another task"):
            await call("SELECT 1")
    await task
    assert await one.fetchall() == [(1, 0)]
    await two.execute("SELECT 2")
    assert await two.fetchall() == [(2,)]


@with_kind
async def test_timeout(connection: AsyncConnection, kind: dict[str, Any]) -> None:
    number = connection.connection_id
    cursor = connection.cursor(**kind)
    for sql, data in (("SELECT SLEEP(30)", None), ("SELECT SLEEP(?)", (30,)), ("DO SLEEP(30)", None)):
        with pytest.raises(QueryTimeout):
            await cursor.execute(sql, data, timeout=0.1)
            await cursor.fetchall()
        assert await works(connection)
    with pytest.raises(QueryTimeout):
        await cursor.executemany("DO SLEEP(?)", [(30,), (30,)], timeout=0.1)
    assert await works(connection)
    assert connection.connection_id == number


@runs
async def test_without_grace_the_connection_is_closed(connect_async: AsyncConnector) -> None:
    connection = await connect_async(cancel_grace=0)
    with pytest.raises(QueryTimeout):
        await connection.cursor().execute("DO SLEEP(30)", timeout=0.1)
    with pytest.raises(LostConnectionError):
        await works(connection)


def test_every_method_has_been_used() -> None:
    methods = {name for name, value in vars(mariadb_py.aio.AsyncCursor).items() if inspect.isfunction(value)}
    text = inspect.getsource(sys.modules[__name__])
    assert {name for name in methods if not name.startswith("_") and f".{name}" not in text} == set()
