"""Cancellation at every await: afterwards the connection is right or closed, and the pool has all that it had.

    python -m tests.chaos.cancel_everywhere [--short]

Each scenario is run again and again, and cancelled at its first, second, third ... suspension until it gets to its end:
at the moment at which it begins to wait, and at that at which it would go on. The test suite runs the same scenarios.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import product
from typing import TYPE_CHECKING

import mariadb_py.aio
from mariadb_py.exceptions import LostConnectionError, ProgrammingError
from mariadb_py.testing import temp_server
from tests.chaos.program import Failed, Form, main, prove
from tests.support.aio import ask, run_alone, until, works
from tests.support.suspensions import AT_ONCE, AT_THE_END, cancel_everywhere
from tests.support.tls import server_certificates, server_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
    from typing import Any

    from mariadb_py.aio import AsyncConnection, AsyncConnectionPool
    from mariadb_py.testing import TempServer

    Work = Callable[[Any], Coroutine[Any, Any, Any]]

WHEN = (AT_ONCE, AT_THE_END)
FEWEST = 30  # scenarios


@contextlib.contextmanager
def lonely_server() -> Iterator[TempServer]:
    """One that has these connections only, with TLS."""
    with server_certificates() as made, temp_server(options=server_options(made, "good")) as server:
        with mariadb_py.connect(**server.connect_args, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT)")
            cursor.execute("INSERT INTO t SELECT seq, 0 FROM seq_1_to_20")
            cursor.execute("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT seq FROM seq_1_to_3; SELECT 2; END")
            cursor.execute("CREATE USER other@127.0.0.1")
            plugins = "unix_socket OR mysql_native_password USING PASSWORD('secret')"  # the server asks for one, then
            cursor.execute(f"CREATE USER switched@127.0.0.1 IDENTIFIED VIA {plugins}")  # for the other
            cursor.execute("GRANT ALL PRIVILEGES ON test.* TO switched@127.0.0.1")
        yield server


async def alone(observer: AsyncConnection) -> bool:
    """The server has no other connections."""
    sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user != 'system user'"
    return bool(await ask(observer, sql) == 1)


def everywhere(
    server: TempServer,
    when: str,
    prepare: Callable[[], Awaitable[Any]],
    work: Work,
    check: Callable[[Any], Awaitable[None]],
) -> int:
    """Number of suspensions at which `work` was cancelled; the server is left without a connection."""

    async def main() -> int:
        async with await mariadb_py.aio.connect(**server.connect_args) as observer:
            count = await cancel_everywhere(when, prepare, work, check)
            await until(lambda: alone(observer))
            return count

    count: int = run_alone(main)
    return count


async def nothing(subject: Any = None) -> None:
    """There is nothing to prepare, or to look at."""


# Opening a connection


async def connecting(arguments: Mapping[str, Any]) -> None:
    async with await mariadb_py.aio.connect(**arguments) as connection:
        assert await works(connection)


async def refused(arguments: Mapping[str, Any]) -> None:
    with contextlib.suppress(mariadb_py.OperationalError):
        await mariadb_py.aio.connect(**arguments)
        raise Failed("a wrong password is taken")


async def pool_block(arguments: Mapping[str, Any]) -> None:
    """The pool of the documented example, from its beginning to its end."""
    async with mariadb_py.aio.AsyncConnectionPool(pool_name="block", pool_size=SIZE, **arguments) as pool:
        await borrowed(pool)


# Scenario: work, and what is different from a plain connection
CONNECTING: dict[str, tuple[Callable[[Mapping[str, Any]], Coroutine[Any, Any, None]], dict[str, Any]]] = {
    "plain": (connecting, {}),
    "compressed": (connecting, {"compress": True}),
    "TLS": (connecting, {"ssl": True, "ssl_verify_cert": False}),
    "auth switch": (connecting, {"user": "switched", "password": "secret"}),
    "unix": (connecting, {"host": None, "port": None, "unix_socket": "{0.unix_socket}"}),
    "name": (connecting, {"host": "localhost"}),
    "the second of two": (connecting, {"host": "127.0.0.1:1,127.0.0.1:{0.port}"}),
    "init_command": (connecting, {"init_command": "SET @a = 1", "autocommit": True}),
    "refused": (refused, {"user": "switched", "password": "wrong"}),
    "pool": (pool_block, {}),
}


def connect(server: TempServer, name: str, when: str) -> int:
    """Run a scenario of `CONNECTING`; the number of its suspensions."""
    work, different = CONNECTING[name]
    texts = {key: value.format(server) if isinstance(value, str) else value for key, value in different.items()}
    merged = {**server.connect_args, **texts}
    arguments = {key: value for key, value in merged.items() if value is not None}
    return everywhere(server, when, nothing, lambda _: work(arguments), nothing)


# Using a connection


async def query(connection: AsyncConnection) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_2000")
        assert len(await cursor.fetchall()) == 2000


async def long_query(connection: AsyncConnection) -> None:
    assert await ask(connection, "SELECT SLEEP(0.05)") == 0


async def timeout(connection: AsyncConnection) -> None:
    try:
        await connection.cursor().execute("DO SLEEP(1)", timeout=0.02)
    except mariadb_py.QueryTimeout:
        return
    raise Failed("a statement outlasts its timeout")


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


async def failing(connection: AsyncConnection) -> None:
    for sql in ("SELECT nothing", "SELECT seq, (SELECT seq FROM seq_1_to_2) FROM seq_1_to_3"):
        with contextlib.suppress(mariadb_py.DatabaseError):
            await ask(connection, sql)
    assert await works(connection)


async def failing_bulk(connection: AsyncConnection) -> None:
    with contextlib.suppress(mariadb_py.IntegrityError):
        await connection.cursor().executemany("INSERT INTO t VALUES (?, 0)", [(-1,), (1,), (1,)])
    await ask(connection, "DELETE FROM t WHERE id = -1")


async def revived(connection: AsyncConnection) -> None:
    """A connection that is lost is opened anew."""
    await connection.set_auto_reconnect(True)
    with contextlib.suppress(mariadb_py.Error):
        await ask(connection, "KILL CONNECTION_ID()")
    for _ in range(2):  # the server hangs up some time behind its answer
        with contextlib.suppress(LostConnectionError):
            assert await works(connection)
            return
    raise Failed("a connection that is lost is not opened anew")


async def show_warnings(connection: AsyncConnection) -> None:
    await ask(connection, "SELECT CAST('1x' AS INT)")
    assert len(await connection.show_warnings()) == 1


USES: dict[str, Work] = {
    work.__name__: work
    for work in (
        *(query, long_query, timeout, stream, half_a_stream, server_side, bulk, large_bulk, prepare, nextset),
        *(transactions, tpc, ping, session, reconnect, infile, close, failing, failing_bulk, revived, show_warnings),
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


def use(server: TempServer, name: str, kind: str, when: str) -> int:
    """Run a scenario of `USES` with a kind of connection; the number of its suspensions."""
    arguments = {**server.connect_args, **KINDS[kind], "local_infile": True, "autocommit": True}
    return everywhere(server, when, lambda: mariadb_py.aio.connect(**arguments), USES[name], right_or_closed)


# Using a pool

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


async def drained(pool: AsyncConnectionPool) -> None:
    pool.drain()
    await asyncio.gather(*(borrowed(pool) for _ in range(2 * SIZE)))


async def too_late(pool: AsyncConnectionPool) -> None:
    """For a connection that nobody returns in time."""
    async with all_of(pool):
        with contextlib.suppress(mariadb_py.PoolTimeout):
            await pool.get_connection(timeout=0.02)
            raise Failed("more connections are lent than there are")


async def by_timeout(pool: AsyncConnectionPool) -> None:
    """asyncio cancels what it waits for."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(slow_lease(pool), 0.02)
        raise Failed("a second is shorter than 0.02 s")


async def slow_lease(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await ask(connection, "SELECT SLEEP(1)")


POOL_USES: dict[str, Work] = {
    work.__name__: work
    for work in (
        *(borrowed, lease, failing_lease, several, waiting, all_dead, left_in_a_transaction, ready, checking),
        *(closing, drained, too_late, by_timeout),
    )
}
NOTHING_TO_WAIT_FOR = ("ready", "checking")  # it may be so


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


def use_pool(server: TempServer, name: str, kind: str, when: str) -> int:
    """Run a scenario of `POOL_USES` with a kind of pool; the number of its suspensions."""

    async def make() -> AsyncConnectionPool:
        pool = await mariadb_py.aio.create_async_pool(**server.connect_args, max_size=SIZE, **POOL_KINDS[kind])
        if name not in ("ready", "closing"):
            await pool.wait_ready(30)
        return pool

    return everywhere(server, when, make, POOL_USES[name], adds_up)


def program(form: Form) -> str:
    """Run all scenarios; the short form with one kind of connection and of pool."""
    counts = {"connecting": 0, "connections": 0, "pools": 0}
    scenarios = len(CONNECTING) + len(USES) + len(POOL_USES)
    prove(scenarios >= FEWEST, f"there are {scenarios} scenarios only")
    runs = 0
    kinds, pool_kinds = form.pick((list(KINDS), list(POOL_KINDS)), (list(KINDS)[:1], list(POOL_KINDS)[:1]))
    with lonely_server() as server:
        for when in WHEN:
            for name in CONNECTING:
                runs += 1
                counts["connecting"] += _some(connect(server, name, when), name)
            for name, kind in product(USES, kinds):
                runs += 1
                counts["connections"] += _some(use(server, name, kind, when), name)
            for name, kind in product(POOL_USES, pool_kinds):
                runs += 1
                counts["pools"] += use_pool(server, name, kind, when)
    details = ", ".join(f"{count} {name}" for name, count in counts.items())
    return (
        f"{scenarios} scenarios ({runs // len(WHEN)} with their kinds), cancelled at {sum(counts.values())} "
        f"suspensions, which are all there are ({details}), at both moments: nothing is lost or out of step"
    )


def _some(count: int, name: str) -> int:
    prove(count, f"{name} is never suspended")
    return count


if __name__ == "__main__":
    main(program)
