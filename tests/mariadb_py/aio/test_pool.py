"""AsyncConnectionPool against a real server: borrowing, waiting, returning, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import random
import time

import pytest

import mariadb_py.aio
from mariadb_py.aio import AsyncConnectionPool, create_async_pool
from mariadb_py.aio.pool import _ASYNC_CONNECTION_POOLS
from mariadb_py.exceptions import (
    DuplicatePoolError,
    OperationalError,
    PoolClosed,
    PoolError,
    PoolTimeout,
    ProgrammingError,
)
from tests.support.aio import ask, begun, outcome, run_alone, runs, until, works
from tests.support.listener import PATIENCE, listening, silent
from tests.support.pool import CLOSED, DEAD, EXHAUSTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from mariadb_py.aio import AsyncConnection
    from mariadb_py.testing import TempServer
    from tests.support.aio import AsyncConnector

GENEROUS = 5.0  # seconds in which something that takes a tenth has ended
_NUMBERS = itertools.count(1)


@contextlib.asynccontextmanager
async def pooled(server: TempServer, **keywords: Any) -> AsyncIterator[AsyncConnectionPool]:
    """A pool of `pool_size` connections, 2 by default, which are open."""
    name = f"async {next(_NUMBERS)}"
    given = {"pool_name": name, "pool_size": 2, **server.connect_args, **keywords}
    async with AsyncConnectionPool(**given) as pool:
        yield pool


def figures(pool: AsyncConnectionPool) -> tuple[int, int, int, int]:
    """Size, idle, active, waiting."""
    stats = pool.stats()
    return stats["size"], stats["idle"], stats["active"], stats["waiting"]


async def hold(pool: AsyncConnectionPool, count: int) -> list[AsyncConnection]:
    return [await pool.get_connection() for _ in range(count)]


async def give(*connections: AsyncConnection) -> None:
    for connection in connections:
        await connection.close()


# Making a pool


@runs
async def test_a_pool_opens_its_connections_and_registers_its_name(server: TempServer) -> None:
    pool = AsyncConnectionPool(pool_name="async documented", **server.connect_args)
    assert figures(pool) == (0, 0, 0, 0)
    async with pool:
        assert (pool.pool_name, pool.pool_size, pool.connection_count, pool.max_size) == (
            "async documented",
            5,
            5,
            64,
        )
        assert _ASYNC_CONNECTION_POOLS["async documented"] is pool
        with pytest.raises(DuplicatePoolError, match=r"^Pool 'async documented' already exists$"):
            AsyncConnectionPool(pool_name="async documented")
        assert repr(pool).startswith("<mariadb_py.AsyncConnectionPool 'async documented' size=5 idle=5 at 0x")
        assert "async documented" in pool.prometheus()
    assert "async documented" not in _ASYNC_CONNECTION_POOLS
    assert pool.connection_count == 0


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({}, ProgrammingError, r"^No pool name specified$"),
        ({"pool_name": ""}, ProgrammingError, r"^No pool name specified$"),
        ({"pool_name": "w", "pool_size": 0}, ProgrammingError, "Pool size must be in range of 1 and 64, not 0"),
        ({"pool_name": "w", "pool_size": "5"}, TypeError, "pool_size wants int, not str"),
        ({"pool_name": "w", "hots": "x"}, TypeError, "has no keyword 'hots'; did you mean 'host'"),
    ],
)
def test_wrong_keywords(keywords: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        AsyncConnectionPool(**keywords)
    assert "w" not in _ASYNC_CONNECTION_POOLS


@runs
async def test_a_server_that_refuses(server: TempServer) -> None:
    pool = AsyncConnectionPool(pool_name="async refused", **{**server.connect_args, "password": "wrong"})
    with pytest.raises(OperationalError) as caught:
        await pool.open()
    assert caught.value.errno == 1045
    assert "async refused" not in _ASYNC_CONNECTION_POOLS
    with pytest.raises(PoolClosed, match=CLOSED):
        await pool.get_connection()


@runs
async def test_what_a_pool_is_told_before_it_has_a_loop(server: TempServer) -> None:
    """Nothing can be opened then, and no place is lost."""

    def before() -> AsyncConnectionPool:
        pool = AsyncConnectionPool(pool_name="async early", min_size=1, max_size=1, **server.connect_args)
        pool.resize(3)
        pool.drain()
        pool.suspend()
        pool.resume()
        return pool

    pool = await asyncio.get_running_loop().run_in_executor(None, before)
    async with pool:
        assert figures(pool) == (3, 3, 0, 0)
        held = await hold(pool, 3)
        await give(*held)


@runs
async def test_create_async_pool(server: TempServer) -> None:
    pool = await create_async_pool(**server.connect_args, min_size=2, max_size=3)
    await pool.wait_ready(PATIENCE)
    assert (figures(pool), pool.max_size, pool.pool_name) == ((2, 2, 0, 0), 3, "")
    held = await hold(pool, 3)
    assert await asyncio.gather(*map(works, held)) == [True] * 3
    await give(*held)
    async with pool:
        pass
    with pytest.raises(PoolClosed, match=CLOSED):
        await pool.get_connection()
    with pytest.raises(TypeError, match="hots"):
        await create_async_pool(hots="x")


@runs
async def test_wait_ready_of_a_server_that_does_not_answer() -> None:
    with listening(silent) as listener:
        pool = await create_async_pool(**listener.connect_args, min_size=1)
        with pytest.raises(PoolTimeout):
            await pool.wait_ready(0.1)
        task = await begun(pool.wait_ready(PATIENCE))
        task.cancel()
        assert isinstance(await outcome(task), asyncio.CancelledError)
        assert pool.stats()["waiting"] == 0
        await pool.close()


# connect(pool_name=...)


@runs
async def test_connect_makes_a_pool_and_borrows_from_it(server: TempServer) -> None:
    connection = await mariadb_py.aio.connect(pool_name="async named", pool_size=2, **server.connect_args)
    pool = _ASYNC_CONNECTION_POOLS["async named"]
    await connection.close()
    other = await mariadb_py.aio.connect(pool_name="async named")
    assert figures(pool)[2] == 1
    assert await works(other)
    await other.close()
    with pytest.raises(TypeError, match="hots"):
        await mariadb_py.aio.connect(pool_name="async named", hots="x")
    await pool.close()
    with pytest.raises(PoolError, match=r"^There is no pool 'async named', and nothing is given to make one with$"):
        await mariadb_py.aio.connect(pool_name="async named")


# Borrowing and returning


@runs
async def test_borrowed_and_returned(server: TempServer) -> None:
    async with pooled(server) as pool:
        one, two = await hold(pool, 2)
        assert one.connection_id != two.connection_id
        assert figures(pool) == (2, 0, 2, 0)
        with pytest.raises(PoolError, match=EXHAUSTED):
            await pool.get_connection(timeout=0)
        await ask(one, "SET @mine = 1")
        await one.close()
        await one.close()  # may be closed twice
        with pytest.raises(ProgrammingError, match=DEAD):
            await one.ping()
        assert figures(pool) == (2, 1, 1, 0)
        again = await pool.get_connection()
        assert await ask(again, "SELECT @mine") is None
        await again.close()
        await two.close()


@pytest.mark.parametrize("kind", ["pipelined", "in the background", "hook", "no reset"])
def test_what_the_next_borrower_finds(server: TempServer, kind: str) -> None:
    async def on_reset(connection: AsyncConnection) -> None:
        await ask(connection, "SET @hooked = 1")

    keywords: dict[str, dict[str, Any]] = {
        "in the background": {"pipeline_reset": False},
        "hook": {"on_reset": on_reset},
        "no reset": {"pool_reset_connection": False},
    }

    async def test() -> None:
        async with pooled(server, pool_size=1, **keywords.get(kind, {})) as pool:
            for buffered in (True, False):
                async with pool.connection(timeout=PATIENCE) as connection:
                    number = connection.connection_id
                    await ask(connection, "CREATE OR REPLACE TABLE async_left (a INT)")
                    await connection.begin()
                    await ask(connection, "INSERT INTO async_left VALUES (1)")
                    await ask(connection, "SET @secret = 42")
                    await connection.cursor(buffered=buffered).execute("SELECT seq FROM seq_1_to_3")
                    await connection.close()
                async with pool.connection(timeout=PATIENCE) as connection:
                    assert connection.connection_id == number
                    assert await ask(connection, "SELECT @secret") == (42 if kind == "no reset" else None)
                    assert await ask(connection, "SELECT COUNT(*) FROM async_left") == 0
                    assert await ask(connection, "SELECT @hooked") == (1 if kind == "hook" else None)

    run_alone(test)


@runs
async def test_a_block_commits_or_rolls_back(server: TempServer) -> None:
    async with pooled(server) as pool:
        async with pool.connection() as connection:
            await ask(connection, "CREATE OR REPLACE TABLE async_block (a INT)")
            await ask(connection, "INSERT INTO async_block VALUES (1)")
        with pytest.raises(ZeroDivisionError):
            async with pool.connection() as connection:
                await ask(connection, "INSERT INTO async_block VALUES (2)")
                raise ZeroDivisionError
        async with pool.connection(timeout=1) as connection:
            assert await ask(connection, "SELECT GROUP_CONCAT(a) FROM async_block") == "1"
        assert figures(pool) == (2, 2, 0, 0)


@runs
async def test_a_cancellation_during_the_rollback_of_a_block_is_not_lost(server: TempServer) -> None:
    async with pooled(server) as pool:
        task: asyncio.Future[None]

        async def fails() -> None:
            async with pool.connection() as connection:
                await ask(connection, "DO 1")
                asyncio.get_running_loop().call_soon(task.cancel)
                raise ZeroDivisionError

        task = asyncio.ensure_future(fails())
        assert isinstance(await outcome(task), asyncio.CancelledError)
        await until(lambda: figures(pool)[1:] == (2, 0, 0))


# Waiting


@runs
async def test_who_waits_is_served_in_turn(server: TempServer) -> None:
    async with pooled(server, pool_size=1) as pool:
        held = await hold(pool, 1)
        order = []

        async def borrow(number: int) -> None:
            connection = await pool.get_connection(timeout=PATIENCE)
            order.append(number)
            assert await ask(connection, "SELECT ?", (number,)) == number
            await connection.close()

        tasks = [await begun(borrow(number)) for number in range(10)]
        assert figures(pool) == (1, 0, 1, 10)
        await give(*held)
        await asyncio.gather(*tasks)
        assert order == list(range(10))
        assert figures(pool) == (1, 1, 0, 0)


@runs
async def test_a_timeout_names_the_holders(server: TempServer) -> None:
    async with pooled(server, pool_size=1, acquire_timeout=0.1) as pool:

        async def holder() -> None:
            connection = await pool.get_connection()
            try:
                await asyncio.sleep(PATIENCE)
            finally:
                await connection.close()

        task = asyncio.create_task(holder(), name="the holder")
        await until(lambda: figures(pool)[2] == 1)
        for timeout in (None, 0.1):
            before = time.monotonic()
            with pytest.raises(
                PoolTimeout, match=r"^No connection available: pool 'async \d+' timed out after 0"
            ) as caught:
                await pool.get_connection(timeout=timeout)
            assert 0.1 <= time.monotonic() - before < GENEROUS
            assert "thread=the holder" in str(caught.value)
            assert "test_pool.py" in str(caught.value)
        task.cancel()
        assert isinstance(await outcome(task), asyncio.CancelledError)
        assert figures(pool) == (1, 1, 0, 0)
        for wrong, error in ((-1, ProgrammingError), (True, TypeError), ("1", TypeError)):
            held = await hold(pool, 1)
            with pytest.raises(error, match=r"^timeout "):
                await pool.get_connection(timeout=wrong)  # type: ignore[arg-type]
            await give(*held)


@runs
async def test_a_cancelled_waiter_takes_nothing_with_him(server: TempServer) -> None:
    async with pooled(server, pool_size=1) as pool:
        (held,) = await hold(pool, 1)
        first, second = await begun(pool.get_connection(PATIENCE)), await begun(pool.get_connection(PATIENCE))
        first.cancel()
        assert isinstance(await outcome(first), asyncio.CancelledError)
        assert pool.stats()["waiting"] == 1
        await held.close()
        connection = await second
        assert await works(connection)
        await connection.close()


@runs
async def test_cancelled_at_the_moment_of_hand_over(server: TempServer) -> None:
    """The connection has been given to him, and he has not been resumed: it goes to the next one."""
    for turns in range(6):
        async with pooled(server, pool_size=1) as pool:
            (held,) = await hold(pool, 1)
            first, second = await begun(pool.get_connection(PATIENCE)), await begun(pool.get_connection(PATIENCE))
            await held.close()
            for _ in range(turns):
                await asyncio.sleep(0)
            first.cancel()
            got = await outcome(first)
            if not isinstance(got, asyncio.CancelledError):
                await got.close()
            connection = await second
            assert await works(connection)
            await connection.close()
            assert figures(pool) == (1, 1, 0, 0)
            assert pool.stats()["discards"]["error"] <= 1


@runs
async def test_more_than_may_wait(server: TempServer) -> None:
    async with pooled(server, pool_size=1, max_waiting=1) as pool:
        (held,) = await hold(pool, 1)
        task = await begun(pool.get_connection(PATIENCE))
        with pytest.raises(PoolError, match=EXHAUSTED):
            await pool.get_connection(PATIENCE)
        await held.close()
        await (await task).close()


@runs
async def test_two_hundred_tasks_on_five_connections(server: TempServer) -> None:
    async with pooled(server, pool_size=5) as pool:

        async def work(number: int) -> None:
            for turn in range(5):
                async with pool.connection(timeout=PATIENCE) as connection:
                    assert await ask(connection, "SELECT ? * 10 + ?", (number, turn)) == number * 10 + turn

        await asyncio.gather(*map(work, range(200)))
        assert figures(pool) == (5, 5, 0, 0)
        assert pool.stats()["borrows"] == 1000
        assert sum(pool.stats()["discards"].values()) == 0


@runs
async def test_tasks_that_are_cancelled_at_random(server: TempServer) -> None:
    """No wrong row, and no place is lost."""
    chance = random.Random(4)
    async with pooled(server, pool_size=4) as pool:

        async def work(number: int) -> None:
            async with pool.connection(timeout=PATIENCE) as connection:
                for _ in range(3):
                    assert await ask(connection, "SELECT ? + SLEEP(0.001)", (number,)) == number

        for _ in range(40):
            tasks = [asyncio.ensure_future(work(number)) for number in range(12)]
            await asyncio.sleep(chance.random() * 0.01)
            for task in tasks:
                if chance.random() < 0.6:
                    task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                assert result is None or isinstance(result, asyncio.CancelledError)
        await until(lambda: figures(pool)[2:] == (0, 0) and not pool.stats()["connecting"])
        held = await hold(pool, 4)
        assert await asyncio.gather(*map(works, held)) == [True] * 4
        await give(*held)


# What happens to connections


@pytest.mark.parametrize("interval", [0, 60_000])
def test_killed_idle_connections_are_replaced(server: TempServer, connect_async: AsyncConnector, interval: int) -> None:
    async def test() -> None:
        administrator = await connect_async()
        async with pooled(server, pool_validation_interval=interval) as pool:
            held = await hold(pool, 2)
            numbers = {connection.connection_id for connection in held}
            await give(*held)
            for number in numbers:
                await administrator.kill(number)
            sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE id IN (?, ?)"
            await until(lambda: none(administrator, sql, tuple(numbers)))
            held = await hold(pool, 2)
            assert await asyncio.gather(*map(works, held)) == [True, True]
            assert not {connection.connection_id for connection in held} & numbers
            await give(*held)

    run_alone(test, [connect_async])


async def none(connection: AsyncConnection, sql: str, data: Any) -> bool:
    return not await ask(connection, sql, data)


@runs
async def test_check(server: TempServer, connect_async: AsyncConnector) -> None:
    administrator = await connect_async()
    async with pooled(server) as pool:
        assert await pool.check() == 0
        connection = await pool.get_connection()
        number = connection.connection_id
        await connection.close()
        await administrator.kill(number)
        assert await pool.check() == 1
        held = await hold(pool, 2)
        assert number not in {connection.connection_id for connection in held}
        assert await asyncio.gather(*map(works, held)) == [True, True]
        await give(*held)


@runs
async def test_hooks(server: TempServer) -> None:
    """Functions and coroutine functions."""
    seen: list[str] = []

    async def on_connect(connection: AsyncConnection) -> None:
        seen.append(f"connect {await ask(connection, 'SELECT 1')}")

    def on_reset(connection: AsyncConnection) -> None:
        assert connection.connection_id > 0
        seen.append("reset")

    async def check(connection: AsyncConnection) -> None:
        await connection.ping()
        seen.append("check")

    keywords = {"on_connect": on_connect, "on_reset": on_reset, "check": check, "pool_validation_interval": 0}
    async with pooled(server, pool_size=1, **keywords) as pool:
        assert seen == ["connect 1"]
        for _ in range(2):
            async with pool.connection(timeout=PATIENCE) as connection:
                assert await works(connection)
        await until(lambda: figures(pool)[1] == 1)
        assert seen[0] == "connect 1"
        assert (seen.count("reset"), seen.count("check")) == (2, 2)


@runs
async def test_hooks_that_fail(server: TempServer) -> None:
    async def fails(connection: AsyncConnection) -> None:
        raise ZeroDivisionError

    pool = AsyncConnectionPool(pool_name="async hooks", pool_size=1, on_connect=fails, **server.connect_args)
    with pytest.raises(ZeroDivisionError):
        await pool.open()
    async with pooled(server, pool_size=1, on_reset=fails) as pool:
        async with pool.connection() as connection:
            number = connection.connection_id
        async with pool.connection(timeout=PATIENCE) as connection:
            assert connection.connection_id != number
        assert pool.stats()["discards"]["reset"] == 2


@runs
async def test_a_collected_handle_gives_its_place_back(server: TempServer) -> None:
    async with pooled(server, pool_size=1) as pool:
        held = await hold(pool, 1)
        with pytest.warns(ResourceWarning, match=r"^unclosed <mariadb_py\.AsyncConnection .*, borrowed at .*test_pool"):
            held.clear()
            gc.collect()
        connection = await pool.get_connection(timeout=PATIENCE)
        assert await works(connection)
        await connection.close()
        assert pool.stats()["discards"]["leak"] == 1


@runs
async def test_one_that_is_collected_in_another_thread_serves_who_waits(server: TempServer) -> None:
    async with pooled(server, pool_size=1) as pool:
        held = await hold(pool, 1)
        task = await begun(pool.get_connection(timeout=PATIENCE))

        def collect() -> None:
            with pytest.warns(ResourceWarning, match=r"^unclosed "):
                held.clear()

        await asyncio.get_running_loop().run_in_executor(None, collect)
        connection = await task
        assert await works(connection)
        await connection.close()


@runs
async def test_add_connection(server: TempServer, connect_async: AsyncConnector) -> None:
    async with AsyncConnectionPool(pool_name="async unconfigured", pool_size=2) as pool:
        with pytest.raises(PoolError):
            await pool.get_connection()
        with pytest.raises(PoolError, match=r"^Couldn't get configuration for pool async unconfigured$"):
            await pool.add_connection()
        for wrong in (7, mariadb_py.Connection):
            with pytest.raises(ProgrammingError, match=r"^Passed parameter is not a connection object$"):
                await pool.add_connection(wrong)  # type: ignore[arg-type]
        mine = await connect_async()
        assert await pool.add_connection(mine) is mine
        assert await pool.get_connection() is mine
        assert await works(mine)
        await mine.close()
        pool.set_config(**server.connect_args)
        added = await pool.add_connection()
        with pytest.raises(PoolError, match="No free slot available"):
            await pool.add_connection()
        held = await hold(pool, 2)
        assert added in held
        await give(*held)
    connect_async.opened.remove(mine)


# The end


@runs
async def test_closed_while_somebody_waits_and_while_it_is_borrowed(server: TempServer) -> None:
    async with pooled(server, pool_size=1) as pool:
        (held,) = await hold(pool, 1)
        task = await begun(pool.get_connection(PATIENCE))
        await pool.close()
        assert isinstance(await outcome(task), PoolClosed)
        assert await works(held)
        closing = await begun(pool.close(timeout=PATIENCE))
        await held.close()
        await closing
        assert pool.stats()["size"] == 0
        with pytest.raises(PoolClosed, match=CLOSED):
            await pool.get_connection()
        with pytest.raises(PoolClosed, match=CLOSED):
            await pool.add_connection()


@runs
async def test_closed_by_force(server: TempServer) -> None:
    async with pooled(server, pool_size=1) as pool:
        (held,) = await hold(pool, 1)
        task = await begun(ask(held, "SELECT SLEEP(1)"))
        await pool.close(force=True)
        assert isinstance(await outcome(task), mariadb_py.Error)
        await held.close()


@pytest.mark.parametrize("keywords", [{"pipeline_reset": False}, {"on_reset": lambda connection: None}, {}])
def test_closed_when_something_has_just_begun(server: TempServer, keywords: dict[str, Any]) -> None:
    """A task of the pool that has not taken its first step, such as a reset or the opening of a connection."""

    async def test() -> None:
        pool = await create_async_pool(**server.connect_args, min_size=0, max_size=2, **keywords)
        connection = await pool.get_connection()
        await connection.close()
        pool.resize(2)
        await pool.close()
        assert pool.stats()["size"] == 0
        assert not pool._tasks

    run_alone(test)


@runs
async def test_a_pool_of_another_loop(server: TempServer) -> None:
    async with pooled(server) as pool:
        (held,) = await hold(pool, 1)

        def elsewhere() -> None:
            async def use() -> None:
                for call in (
                    pool.get_connection,
                    pool.wait_ready,
                    pool.check,
                    pool.add_connection,
                    held.close,
                    pool.close,
                ):
                    with pytest.raises(PoolError, match=r"^Pool 'async \d+' belongs to another event loop$"):
                        await call()
                with pytest.raises(PoolError, match=r"^Pool 'async \d+' belongs to another event loop$"):
                    pool.drain()
                with pytest.raises(ProgrammingError, match=r"^The connection belongs to another event loop$"):
                    await held.ping()

            run_alone(use)

        await asyncio.get_running_loop().run_in_executor(None, elsewhere)
        assert pool.pool_name in _ASYNC_CONNECTION_POOLS
        assert await works(held)
        await held.close()


def test_pools_of_several_loops_one_after_the_other(server: TempServer) -> None:
    async def use() -> None:
        async with pooled(server, pool_name="async again") as pool, pool.connection() as connection:
            assert await works(connection)

    for _ in range(3):
        run_alone(use)
