"""AsyncConnection, against the real server."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
import warnings

import pytest

import mariadb_py.aio
from mariadb_py.exceptions import (
    Error,
    InterfaceError,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
    QueryTimeout,
)
from mariadb_py.testing import temp_server
from tests.support.aio import ask, begun, outcome, run_alone, runs, until, works
from tests.support.listener import PATIENCE, full_queue, listening, silent
from tests.support.tls import server_certificates, server_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from mariadb_py.aio import AsyncConnection
    from mariadb_py.testing import TempServer
    from tests.support.aio import AsyncConnector

CLOSED = r"^Invalid connection or not connected$"
COUNT = "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?"


async def gone(observer: AsyncConnection, number: int) -> bool:
    """The server has no connection of that id."""
    return not await ask(observer, COUNT, (number,))


# Life


@runs
async def test_close(connect_async: AsyncConnector) -> None:
    connection, observer = await connect_async(), await connect_async()
    number = connection.connection_id
    cursor = connection.cursor()
    await connection.close()
    await until(lambda: gone(observer, number))
    assert cursor.closed
    with pytest.raises(ProgrammingError, match=CLOSED):
        await connection.close()


@runs
async def test_nothing_works_after_close(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    cursor = connection.cursor()
    await connection.close()
    calls: list[Callable[[], Any]] = [
        *(getattr(connection, name) for name in ("begin", "commit", "rollback", "ping", "reset", "close", "is_open")),
        *(getattr(connection, name) for name in ("show_warnings", "__aenter__", "reconnect", "dump_debug_info")),
        *(getattr(connection, name) for name in ("tpc_prepare", "tpc_recover", "tpc_commit", "tpc_rollback")),
        lambda: connection.select_db("test"),
        lambda: connection.change_user("u", "p", None),
        lambda: connection.kill(1),
        lambda: connection.tpc_begin(connection.xid(0, "a", "b")),
        lambda: connection.set_auto_reconnect(True),
        lambda: connection.set_autocommit(True),
        lambda: connection.escape_string("x"),
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany("SELECT ?", [(1,)]),
        lambda: cursor.nextset(),
    ]
    for call in calls:
        with pytest.raises(ProgrammingError, match=CLOSED):
            await call()
    for name in ("cursor", "get_server_version"):
        with pytest.raises(ProgrammingError, match=CLOSED):
            getattr(connection, name)()
    constant = {"character_set", "character_set_name", "collation", "_used"}
    properties = {name for name, value in inspect.getmembers(type(connection)) if isinstance(value, property)}
    for name in properties - constant:
        with pytest.raises(ProgrammingError):
            getattr(connection, name)
    assert repr(connection).startswith("<mariadb_py.AsyncConnection closed at ")


@runs
async def test_context_manager_closes_and_does_not_commit(connect_async: AsyncConnector) -> None:
    observer = await connect_async(autocommit=True)
    await ask(observer, "CREATE OR REPLACE TABLE with_async_block (a INT)")
    async with await connect_async() as connection:
        await ask(connection, "INSERT INTO with_async_block VALUES (1)")
        with pytest.raises(ProgrammingError):
            async with connection:
                raise ProgrammingError("inner")
    with pytest.raises(ProgrammingError, match=CLOSED):
        await connection.ping()
    assert await ask(observer, "SELECT COUNT(*) FROM with_async_block") == 0


@runs
async def test_an_unclosed_connection_that_is_collected_warns(
    server: TempServer, connect_async: AsyncConnector
) -> None:
    observer = await connect_async()
    connection = await mariadb_py.aio.connect(**server.connect_args)
    link, number = connection._link, connection.connection_id
    assert link is not None
    with pytest.warns(ResourceWarning, match=r"^unclosed <mariadb_py\.AsyncConnection 127\.0\.0\.1:\d+ id=\d+ at "):
        del connection
        gc.collect()
    assert link.closed
    await until(lambda: gone(observer, number))


@runs
async def test_one_that_is_collected_in_another_thread(server: TempServer, connect_async: AsyncConnector) -> None:
    """As the garbage collector does; the loop is told in the way that threads may."""
    observer = await connect_async()
    kept = [await mariadb_py.aio.connect(**server.connect_args)]
    number = kept[0].connection_id

    def collect() -> None:
        with pytest.warns(ResourceWarning, match=r"^unclosed <mariadb_py\.AsyncConnection "):
            kept.clear()

    await asyncio.get_running_loop().run_in_executor(None, collect)
    await until(lambda: gone(observer, number))


def test_a_loop_that_has_ended_before(server: TempServer) -> None:
    """Nobody can close the transport then, as asyncio will complain; but the server learns of the end."""
    numbers = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for closed in (True, False):
            connection = asyncio.run(mariadb_py.aio.connect(**server.connect_args))
            numbers.append(connection.connection_id)
            if closed:
                asyncio.run(connection.close())
            del connection
            gc.collect()
            ours = [str(each.message) for each in caught if "AsyncConnection" in str(each.message)]
            assert len(ours) == (not closed)
        del caught[:]
        gc.collect()

    async def watch() -> None:
        async with await mariadb_py.aio.connect(**server.connect_args) as observer:
            for number in numbers:
                await until(lambda number=number: gone(observer, number))

    run_alone(watch)


@runs
async def test_two_tasks_at_once(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    task = await begun(ask(connection, "SELECT SLEEP(0.2)"))
    in_use = r"^The connection is in use by another task: use one connection per task$"
    for call in (connection.ping, connection.commit, connection.reset, connection.reconnect):
        with pytest.raises(ProgrammingError, match=in_use):
            await call()
    assert await task == 0
    assert await works(connection)


@runs
async def test_close_while_another_task_uses_it(connect_async: AsyncConnector) -> None:
    connection, observer = await connect_async(), await connect_async()
    number = connection.connection_id
    task = await begun(ask(connection, "SELECT SLEEP(30)"))
    await connection.close()
    with pytest.raises(LostConnectionError, match="the connection is closed"):
        await task
    await observer.kill(number)  # the server would notice when it has slept
    await until(lambda: gone(observer, number))


@runs
async def test_another_event_loop(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    cursor = connection.cursor()
    message = r"^The connection belongs to another event loop$"

    def elsewhere() -> None:
        async def use() -> None:
            for call in (connection.ping, connection.reconnect, connection.close, lambda: cursor.execute("SELECT 1")):
                with pytest.raises(ProgrammingError, match=message):
                    await call()

        run_alone(use)

    await asyncio.get_running_loop().run_in_executor(None, elsewhere)
    assert await works(connection)


def test_several_loops_one_after_the_other(server: TempServer) -> None:
    async def use() -> int:
        async with await mariadb_py.aio.connect(**server.connect_args) as connection:
            assert await works(connection)
            return connection.connection_id

    assert len({run_alone(use) for _ in range(3)}) == 3


# Ways to connect


@runs
async def test_unix_socket(connect_async: AsyncConnector, server: TempServer) -> None:
    connection = await connect_async(unix_socket=server.unix_socket)
    assert (connection.host, connection.port, connection.unix_socket) == (None, 0, server.unix_socket)
    assert await works(connection)


@runs
async def test_a_uri(server: TempServer) -> None:
    given = "mariadb://{user}:{password}@{host}:{port}/{database}?autocommit=1".format(**server.connect_args)
    async with await mariadb_py.aio.connect(given) as connection:
        assert connection.autocommit is True
        assert await works(connection)


@runs
async def test_a_class_of_ones_own(connect_async: AsyncConnector) -> None:
    class Mine(mariadb_py.aio.AsyncConnection):
        pass

    assert type(await connect_async(connectionclass=Mine)) is Mine
    for wrong in (mariadb_py.Connection, Mine.connect, None):
        with pytest.raises(ProgrammingError, match=r"^connectionclass is AsyncConnection or a subclass, not "):
            await connect_async(connectionclass=wrong)


@runs
async def test_wrong_keywords(connect_async: AsyncConnector) -> None:
    with pytest.raises(TypeError, match="usr"):
        await connect_async(usr="me")
    with pytest.raises(TypeError, match="port"):
        await connect_async(port="one")
    with pytest.raises(OperationalError) as caught:
        await connect_async(password="wrong")
    assert caught.value.errno == 1045


@runs
async def test_compression(connect_async: AsyncConnector) -> None:
    connection = await connect_async(compress=True)
    async with connection.cursor() as cursor:
        await cursor.execute("SHOW STATUS LIKE 'Compression'")
        assert await cursor.fetchall() == [("Compression", "ON")]
        for buffered in (True, False):
            await cursor.execute("SELECT seq, REPEAT('x', 500) FROM seq_1_to_20000", None, buffered)
            assert [row async for row in cursor] == [(number, "x" * 500) for number in range(1, 20_001)]
    assert await ask(connection, "SELECT LENGTH(?)", ("y" * 2_000_000,)) == 2_000_000


@pytest.fixture(scope="module")
def tls_server() -> Any:
    with server_certificates() as made, temp_server(options=server_options(made, "good")) as server:
        yield server, made


@runs
async def test_tls(tls_server: Any) -> None:
    server, made = tls_server
    arguments = {**server.connect_args, "ssl_ca": made.ca}
    async with await mariadb_py.aio.connect(**arguments) as connection:
        assert connection.tls_version in ("TLSv1.2", "TLSv1.3")
        info = connection.tls_peer_cert_info
        assert info is not None
        assert await works(connection)
        cursor = connection.cursor(buffered=False)
        await cursor.execute("SELECT seq, REPEAT('x', 100) FROM seq_1_to_50000")
        assert [row async for row in cursor] == [(number, "x" * 100) for number in range(1, 50_001)]
        assert await ask(connection, "SELECT LENGTH(?)", ("y" * 3_000_000,)) == 3_000_000
    async with await mariadb_py.aio.connect(**arguments) as connection:
        link = connection._link
        assert link is not None
        assert link.tls is not None
        assert link.tls.resumed is True
    with pytest.raises(OperationalError, match=r"^TLS: the server's certificate is refused: ") as caught:
        await mariadb_py.aio.connect(**{**arguments, "ssl_ca": made.other_ca})
    assert caught.value.errno == 2026


@runs
async def test_tls_that_the_server_does_not_have(connect_async: AsyncConnector, tls_server: Any) -> None:
    with listening(lambda caller: caller.log_in()) as listener, pytest.raises(OperationalError) as caught:
        await mariadb_py.aio.connect(**{**listener.connect_args, "ssl": True})
    assert caught.value.errno == 2026


@runs
async def test_a_server_that_cannot_be_reached() -> None:
    with listening(silent) as listener:
        port = listener.connect_args["port"]
    with pytest.raises(OperationalError) as caught:
        await mariadb_py.aio.connect(host="127.0.0.1", port=port, user="u")
    assert caught.value.errno == 2002
    with pytest.raises(OperationalError) as caught:
        await mariadb_py.aio.connect(host="no such host.invalid", user="u", port=1)
    assert caught.value.errno == 2005


@runs
async def test_connect_timeout(tmp_path: Path) -> None:
    with listening(silent) as listener, pytest.raises(OperationalError, match=r"connect_timeout of 0.1 s passed"):
        await mariadb_py.aio.connect(**{**listener.connect_args, "connect_timeout": 0.1})
    with full_queue(str(tmp_path / "socket")) as arguments, pytest.raises(OperationalError, match="connect_timeout"):
        await mariadb_py.aio.connect(**arguments, user="u", connect_timeout=0.1)


# Transactions


@runs
async def test_commit_and_rollback(connect_async: AsyncConnector) -> None:
    connection, other = await connect_async(), await connect_async(autocommit=True)
    await ask(other, "CREATE OR REPLACE TABLE async_rows (a INT)")
    assert (connection.autocommit, other.autocommit) == (False, True)
    for end, count in ((connection.rollback, 0), (connection.commit, 1)):
        await ask(connection, "INSERT INTO async_rows VALUES (1)")
        await end()
        assert await ask(other, "SELECT COUNT(*) FROM async_rows") == count
    await other.begin()
    await ask(other, "INSERT INTO async_rows VALUES (2)")
    await other.rollback()
    assert await ask(other, "SELECT COUNT(*) FROM async_rows") == 1
    await ask(connection, "INSERT INTO async_rows VALUES (3)")
    await connection.set_autocommit(True)  # commits, says the server
    assert (connection.autocommit, await ask(other, "SELECT COUNT(*) FROM async_rows")) == (True, 2)
    await connection.set_autocommit(False)
    assert (connection.autocommit, await ask(connection, "SELECT @@autocommit")) == (False, 0)


@runs
async def test_tpc(connect_async: AsyncConnector) -> None:
    connection, other = await connect_async(), await connect_async()
    await ask(other, "CREATE OR REPLACE TABLE async_tpc (a INT)")
    xid = connection.xid(0, "async", "branch")
    await connection.tpc_begin(xid)
    with pytest.raises(ProgrammingError):
        await connection.commit()
    await ask(connection, "INSERT INTO async_tpc VALUES (1)")
    await connection.tpc_prepare()
    assert xid in await other.tpc_recover()
    assert await outcome(connection.tpc_commit()) is None
    await connection.tpc_begin(xid)
    await ask(connection, "INSERT INTO async_tpc VALUES (2)")
    await connection.tpc_rollback()
    assert await ask(other, "SELECT COUNT(*) FROM async_tpc") == 1
    for call in (connection.tpc_begin, connection.tpc_commit, connection.tpc_rollback):
        with pytest.raises(TypeError, match=r"^a transaction is named by what xid\(\) makes, not by a str$"):
            await call("async")  # type: ignore[arg-type]
    assert await works(connection)


# Session


@runs
async def test_session(connect_async: AsyncConnector, server: TempServer) -> None:
    connection = await connect_async(init_command="SET @set_up = 1")
    number = connection.connection_id
    await ask(connection, "SET @mine = 1, @set_up = 2")
    await connection.reset()
    assert await ask(connection, "SELECT @mine") is None
    assert await ask(connection, "SELECT @set_up") == 1
    await connection.select_db("mysql")
    assert (connection.database, await ask(connection, "SELECT DATABASE()")) == ("mysql", "mysql")
    await ask(connection, "CREATE OR REPLACE USER async_other@127.0.0.1 IDENTIFIED BY 'p'")
    await connection.change_user("async_other", "p", None)
    assert (connection.user, connection.database) == ("async_other", None)
    assert await ask(connection, "SELECT CURRENT_USER()") == "async_other@127.0.0.1"
    assert connection.connection_id == number
    await connection.reconnect()
    assert connection.connection_id != number
    assert (connection.user, connection.database) == (server.user, "test")
    with pytest.raises(OperationalError) as caught:
        await connection.change_user("async_other", "wrong", None)
    assert caught.value.errno == 1045
    with pytest.raises(LostConnectionError):
        await connection.ping()
    await ask(await connect_async(), "DROP USER async_other@127.0.0.1")


@runs
async def test_kill_ping_and_is_open(connect_async: AsyncConnector) -> None:
    connection, other = await connect_async(), await connect_async()
    await connection.ping()
    assert await connection.is_open() is True
    await other.kill(connection.connection_id)
    await until(lambda: gone(other, connection.connection_id))
    assert await connection.is_open() is False
    with pytest.raises(InterfaceError):
        await connection.ping()
    with pytest.raises(OperationalError) as caught:
        await other.kill(2**30)
    assert caught.value.errno == 1094
    assert await works(other)


@runs
async def test_is_open_while_rows_are_on_the_way(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    async with connection.cursor(buffered=False) as cursor:
        await cursor.execute("SELECT seq FROM seq_1_to_3")
        assert await connection.is_open() is True
        with pytest.raises(InterfaceError) as caught:
            await connection.ping()
        assert caught.value.errno == 2014
        assert await cursor.fetchall() == [(1,), (2,), (3,)]


@runs
async def test_auto_reconnect(connect_async: AsyncConnector) -> None:
    administrator, connection = await connect_async(), await connect_async(autocommit=True)
    assert connection.auto_reconnect is False
    await connection.set_auto_reconnect(True)
    assert connection.auto_reconnect is True
    await connection.reconnect()  # from here on all that the session has is known
    before = connection.connection_id
    await administrator.kill(before)
    await until(lambda: gone(administrator, before))
    assert await ask(connection, "SELECT CONNECTION_ID()") == connection.connection_id != before
    await connection.set_auto_reconnect(False)
    await administrator.kill(connection.connection_id)
    await until(lambda: gone(administrator, connection.connection_id))
    with pytest.raises(LostConnectionError):
        await connection.ping()


@runs
async def test_status_callback(connect_async: AsyncConnector) -> None:
    seen: list[Any] = []
    connection = await connect_async(status_callback=lambda *arguments: seen.append(arguments))
    await connection.ping()
    del seen[:]
    await connection.select_db("mysql")
    assert [(who is connection, what) for who, what in seen if "schema" in what] == [(True, {"schema": "mysql"})]
    del seen[:]
    await connection.close()
    assert seen == []


@runs
async def test_query_timeout(connect_async: AsyncConnector) -> None:
    connection = await connect_async(query_timeout=0.1, autocommit=True)
    number = connection.connection_id
    for sql in ("SELECT SLEEP(30)", "DO SLEEP(30)"):
        with pytest.raises(QueryTimeout) as caught:
            await ask(connection, sql)
        assert caught.value.errno == 1969
    cursor = connection.cursor()
    await cursor.execute("SELECT SLEEP(?)", (0.3,), timeout=PATIENCE)
    for timeout, error in ((0, ProgrammingError), (True, TypeError), ("1", TypeError)):
        with pytest.raises(error, match=r"^timeout is a "):
            await cursor.execute("SELECT 1", timeout=timeout)  # type: ignore[arg-type]
    assert await works(connection)
    assert connection.connection_id == number


# Services and facts


@runs
async def test_escape_string(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    text = "quote ' double \" backslash \\ \n \0 \u6e2c\U0001f600"
    for mode in ("", "NO_BACKSLASH_ESCAPES"):
        await ask(connection, f"SET sql_mode = '{mode}'")
        assert await ask(connection, f"SELECT '{await connection.escape_string(text)}'") == text


@runs
async def test_show_warnings(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    assert await connection.show_warnings() is None
    await ask(connection, "SELECT CAST('a' AS INT)")
    assert await connection.show_warnings() == [("Warning", 1292, "Truncated incorrect INTEGER value: 'a'")]


@runs
async def test_facts(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    assert connection.server_info == await ask(connection, "SELECT @@version")
    assert connection.connection_id == await ask(connection, "SELECT CONNECTION_ID()")
    await connection.dump_debug_info()
    assert repr(connection).startswith(f"<mariadb_py.AsyncConnection 127.0.0.1:{connect_async.server.port} id=")


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("select_db", (b"test",), TypeError),
        ("select_db", ("",), OperationalError),
        ("select_db", ("a\0b",), ProgrammingError),
        ("kill", ("1",), TypeError),
        ("kill", (True,), TypeError),
        ("kill", (-1,), OperationalError),
        ("escape_string", (b"x",), TypeError),
        ("change_user", (1, "p", None), TypeError),
        ("change_user", ("u", "p", "a\0b"), ProgrammingError),
        ("set_autocommit", ("off",), TypeError),
        ("set_autocommit", (None,), TypeError),
    ],
)
def test_wrong_arguments(
    connect_async: AsyncConnector, name: str, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    async def test() -> None:
        connection = await connect_async()
        with pytest.raises(error):
            await getattr(connection, name)(*arguments)
        assert await works(connection)

    run_alone(test, [connect_async])


@runs
async def test_wrong_cursors(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    for wrong in (True, mariadb_py.Cursor):
        with pytest.raises(ProgrammingError, match=r"^cursorclass is AsyncCursor or a subclass, not "):
            connection.cursor(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="buffer"):
        connection.cursor(buffer=True)


def test_every_method_has_been_used() -> None:
    methods = {name for name, value in vars(mariadb_py.aio.AsyncConnection).items() if inspect.isfunction(value)}
    text = inspect.getsource(sys.modules[__name__])
    assert {name for name in methods if not name.startswith("_") and f".{name}" not in text} == set()


@runs
async def test_many_at_once(connect_async: AsyncConnector) -> None:
    async def use(number: int) -> int:
        connection = await connect_async()
        value: int = await ask(connection, "SELECT ? + SLEEP(0.01)", (number,))
        return value

    before = threading.active_count()
    assert await asyncio.gather(*map(use, range(20))) == list(range(20))
    assert threading.active_count() == before


@runs
async def test_an_error_leaves_the_connection_usable(connect_async: AsyncConnector) -> None:
    connection = await connect_async()
    for sql, kind in (("SELECT nope", ProgrammingError), ("SELECT (SELECT 1 UNION SELECT 2)", OperationalError)):
        with pytest.raises(kind) as caught:
            await ask(connection, sql)
        assert isinstance(caught.value, Error)
        assert await works(connection)
