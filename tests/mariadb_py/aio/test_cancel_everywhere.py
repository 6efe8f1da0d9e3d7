"""Cancellation at every await: afterwards the connection is right or closed, and the pool has all that it had."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

import mariadb_py.aio
from mariadb_py.exceptions import LostConnectionError, ProgrammingError
from mariadb_py.testing import temp_server
from tests.support.aio import ask, run_alone, until, works
from tests.support.suspensions import AT_ONCE, AT_THE_END, cancel_everywhere
from tests.support.tls import server_certificates, server_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
    from typing import Any

    from mariadb_py.aio import AsyncConnection, AsyncConnectionPool
    from mariadb_py.testing import TempServer

    Work = Callable[[Any], Coroutine[Any, Any, Any]]

WHEN = pytest.mark.parametrize("when", [AT_ONCE, AT_THE_END])


@pytest.fixture(scope="module")
def server() -> Iterator[TempServer]:
    """One that has these tests' connections only, with TLS."""
    with server_certificates() as made, temp_server(options=server_options(made, "good")) as server:
        with mariadb_py.connect(**server.connect_args, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT)")
            cursor.execute("INSERT INTO t SELECT seq, 0 FROM seq_1_to_20")
            cursor.execute("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT seq FROM seq_1_to_3; SELECT 2; END")
            cursor.execute("CREATE USER other@127.0.0.1")
        yield server


class Server:
    """The server's view."""

    def __init__(self, observer: AsyncConnection) -> None:
        self._observer = observer

    async def alone(self) -> bool:
        """There are no other connections."""
        sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user != 'system user'"
        return await ask(self._observer, sql) == 1

    async def kill(self, *connections: AsyncConnection) -> None:
        for connection in connections:
            await self._observer.kill(connection.connection_id)


def everywhere(
    server: TempServer,
    when: str,
    prepare: Callable[[Server], Awaitable[Any]],
    work: Work,
    check: Callable[[Any], Awaitable[None]],
) -> int:
    """Number of suspensions at which `work` was cancelled; the server is left without a connection."""

    async def main() -> int:
        async with await mariadb_py.aio.connect(**server.connect_args) as observer:
            view = Server(observer)
            count = await cancel_everywhere(when, lambda: prepare(view), work, check)
            await until(view.alone)
            return count

    count: int = run_alone(main)
    return count


# Connections


async def query(connection: AsyncConnection) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_2000")
        assert len(await cursor.fetchall()) == 2000


async def long_query(connection: AsyncConnection) -> None:
    assert await ask(connection, "SELECT SLEEP(0.05)") == 0


async def timeout(connection: AsyncConnection) -> None:
    with pytest.raises(mariadb_py.QueryTimeout):
        await connection.cursor().execute("DO SLEEP(1)", timeout=0.02)


async def stream(connection: AsyncConnection) -> None:
    async with connection.cursor(buffered=False) as cursor:
        await cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_2000")
        count = 0
        async for row in cursor:
            count += 1
            assert row[0] == count
        assert count == 2000


async def half_a_stream(connection: AsyncConnection) -> None:
    async with connection.cursor(buffered=False) as cursor:
        await cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_2000")
        assert (await cursor.fetchone())[0] == 1


async def server_side(connection: AsyncConnection) -> None:
    async with connection.cursor(cursor_type=1, prefetch_size=100) as cursor:
        await cursor.execute("SELECT seq FROM seq_1_to_500")
        assert [row[0] async for row in cursor] == list(range(1, 501))


async def bulk(connection: AsyncConnection) -> None:
    await connection.cursor().executemany("UPDATE t SET n = n + ? WHERE id = ?", [(1, 1), (1, 2)])


async def large_bulk(connection: AsyncConnection) -> None:
    rows = [(number, "x" * 1000) for number in range(3000)]
    await connection.cursor().executemany("DO ? + LENGTH(?)", rows)


async def prepare(connection: AsyncConnection) -> None:
    async with connection.cursor(prepared=True) as cursor:
        for number in range(3):
            await cursor.execute("SELECT ? + 1", (number,))
            assert await cursor.fetchone() == (number + 1,)


async def nextset(connection: AsyncConnection) -> None:
    for buffered in (True, False):
        async with connection.cursor(buffered=buffered) as cursor:
            await cursor.callproc("p")
            while await cursor.nextset():
                pass


async def transactions(connection: AsyncConnection) -> None:
    await connection.begin()
    await ask(connection, "UPDATE t SET n = n + 1 WHERE id = 1")
    await connection.commit()
    await connection.begin()
    await connection.rollback()
    await connection.set_autocommit(False)
    await connection.set_autocommit(True)


async def tpc(connection: AsyncConnection) -> None:
    await connection.tpc_begin(connection.xid(0, f"c{connection.connection_id}", "b"))
    await connection.tpc_rollback()


async def ping(connection: AsyncConnection) -> None:
    await connection.ping()
    assert await connection.is_open() is True


async def session(connection: AsyncConnection) -> None:
    await connection.reset()
    await connection.select_db("test")
    await connection.change_user("other", None, None)


async def reconnect(connection: AsyncConnection) -> None:
    await connection.reconnect()


async def infile(connection: AsyncConnection) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute("CREATE TEMPORARY TABLE l (a INT)")
        await cursor.execute("LOAD DATA LOCAL INFILE 'x' INTO TABLE l", local_infile=[b"1\n" * 100_000] * 3)
        assert cursor.rowcount == 300_000


async def close(connection: AsyncConnection) -> None:
    await connection.close()


USES: dict[str, Work] = {
    work.__name__: work
    for work in (
        *(query, long_query, timeout, stream, half_a_stream, server_side, bulk, large_bulk, prepare, nextset),
        *(transactions, tpc, ping, session, reconnect, infile, close),
    )
}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "compressed": {"compress": True},
    "TLS": {"ssl": True, "ssl_verify_cert": False},
}


async def right_or_closed(connection: AsyncConnection) -> None:
    """The answers are those to what is asked, or the connection says that it is closed."""
    try:
        for _ in range(3):
            assert await works(connection)
        assert connection.autocommit in (True, False)
        assert await ask(connection, "SELECT @@autocommit") == connection.autocommit
    except (LostConnectionError, ProgrammingError) as error:
        link: Any = connection._link
        assert link is None or link.closed, error
    with contextlib.suppress(ProgrammingError):
        await connection.close()


@WHEN
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", USES)
def test_connections(server: TempServer, name: str, kind: str, when: str) -> None:
    arguments = {**server.connect_args, **KINDS[kind], "local_infile": True, "autocommit": True}
    count = everywhere(server, when, lambda _: mariadb_py.aio.connect(**arguments), USES[name], right_or_closed)
    assert count > 0


@WHEN
@pytest.mark.parametrize("kind", [*KINDS, "unix", "name"])
def test_connecting(server: TempServer, kind: str, when: str) -> None:
    arguments = {**server.connect_args, **KINDS.get(kind, {})}
    if kind == "unix":
        del arguments["host"], arguments["port"]
        arguments["unix_socket"] = server.unix_socket
    elif kind == "name":
        arguments["host"] = "localhost"

    async def nothing(subject: Any) -> None:
        pass

    async def connecting(subject: Any) -> None:
        async with await mariadb_py.aio.connect(**arguments) as connection:
            assert await works(connection)

    assert everywhere(server, when, nothing, connecting, nothing) > 1


# Pools

SIZE = 2


async def borrowed(pool: AsyncConnectionPool) -> None:
    connection = await pool.get_connection(timeout=30)
    try:
        assert await works(connection)
    finally:
        await connection.close()


async def lease(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await ask(connection, "UPDATE t SET n = n + 1 WHERE id = 1")


async def failing_lease(pool: AsyncConnectionPool) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with pool.connection() as connection:
            await ask(connection, "UPDATE t SET n = n + 1 WHERE id = 1")
            raise ZeroDivisionError


async def several(pool: AsyncConnectionPool) -> None:
    await asyncio.gather(*(borrowed(pool) for _ in range(3 * SIZE)))


@contextlib.asynccontextmanager
async def all_of(pool: AsyncConnectionPool) -> AsyncIterator[list[AsyncConnection]]:
    """As many connections as the pool lends; returned behind the block, unless they have been before."""
    held: list[AsyncConnection] = []
    try:
        for _ in range(SIZE):
            held.append(await pool.get_connection())
        yield held
    finally:
        for connection in held:
            give_back(connection)


async def waiting(pool: AsyncConnectionPool) -> None:
    """For a connection that another task returns."""
    async with all_of(pool) as held:
        for turn, connection in enumerate(held):
            asyncio.get_running_loop().call_later(0.005 * turn, give_back, connection)
        await borrowed(pool)


def give_back(connection: AsyncConnection) -> None:
    """As `close()`, which waits for nothing."""
    with contextlib.suppress(StopIteration):
        connection.close().send(None)


async def all_dead(pool: AsyncConnectionPool) -> None:
    """The connections that are idle have been killed."""
    async with all_of(pool) as held, await mariadb_py.aio.connect(**pool_arguments(pool)) as administrator:
        for connection in held:
            await administrator.kill(connection.connection_id)
    await borrowed(pool)


def pool_arguments(pool: AsyncConnectionPool) -> dict[str, Any]:
    options: Any = pool._options
    endpoint = options.endpoints(lambda path: False)[0]
    return {"host": endpoint.host, "port": endpoint.port, "user": options.user, "password": options.password}


async def left_in_a_transaction(pool: AsyncConnectionPool) -> None:
    connection = await pool.get_connection()
    try:
        await ask(connection, "UPDATE t SET n = n + 1 WHERE id = 1")
        cursor = connection.cursor(buffered=False)
        await cursor.execute("SELECT seq FROM seq_1_to_2000")
    finally:
        await connection.close()


async def ready(pool: AsyncConnectionPool) -> None:
    await pool.wait_ready(30)


async def checking(pool: AsyncConnectionPool) -> None:
    await pool.check()


async def closing(pool: AsyncConnectionPool) -> None:
    await pool.close(timeout=1)


POOL_USES: dict[str, Work] = {
    work.__name__: work
    for work in (
        *(borrowed, lease, failing_lease, several, waiting, all_dead, left_in_a_transaction, ready, checking),
        closing,
    )
}


async def hook(connection: AsyncConnection) -> None:
    await ask(connection, "SELECT 1")


POOL_KINDS: dict[str, dict[str, Any]] = {
    "pipelined reset": {"min_size": SIZE},
    "reset in the background": {"min_size": SIZE, "pipeline_reset": False},
    "no reset": {"min_size": SIZE, "pool_reset_connection": False},
    "opened when wanted": {"min_size": 0},
    "hooks": {"min_size": SIZE, "on_connect": hook, "on_reset": hook, "check": hook},
}


async def adds_up(pool: AsyncConnectionPool) -> None:
    """Whatever was cancelled, nothing is borrowed, waited for or opened, and all connections can be lent."""
    if not pool._core.closed:
        await until(lambda: not (pool._tasks or pool.stats()["active"] or pool.stats()["waiting"]))
        stats = pool.stats()
        assert (stats["connecting"], stats["size"]) == (0, stats["idle"])
        held = [await pool.get_connection(timeout=30) for _ in range(SIZE)]
        assert await asyncio.gather(*map(works, held)) == [True] * SIZE
        assert len({connection.connection_id for connection in held}) == SIZE
        assert (pool.stats()["active"], pool.stats()["size"]) == (SIZE, SIZE)
        for connection in held:
            await connection.close()
    await pool.close(timeout=30)
    assert pool.stats()["size"] == 0


@WHEN
@pytest.mark.parametrize("kind", POOL_KINDS)
@pytest.mark.parametrize("name", POOL_USES)
def test_pools(server: TempServer, name: str, kind: str, when: str) -> None:
    async def make(_: Server) -> AsyncConnectionPool:
        pool = await mariadb_py.aio.create_async_pool(**server.connect_args, max_size=SIZE, **POOL_KINDS[kind])
        if name not in ("ready", "closing"):
            await pool.wait_ready(30)
        return pool

    count = everywhere(server, when, make, POOL_USES[name], adds_up)
    assert count > 0 or name in ("ready", "checking")
