"""Asyncio pools whose borrowers, tasks or loops end before they have what they wanted."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from mariadb_py import PoolClosed, PoolError, PoolTimeout, ProgrammingError, aio
from mariadb_py.aio import AsyncConnectionPool, create_async_pool
from mariadb_py.aio.pool import _ASYNC_CONNECTION_POOLS
from tests.mariadb_py.aio.test_pool import figures, pooled
from tests.support.aio import begun, run_alone, runs, until, works
from tests.support.listener import PATIENCE, listening, silent
from tests.support.pool import CLOSED

if TYPE_CHECKING:
    from mariadb_py.aio import AsyncConnection
    from mariadb_py.testing import TempServer

FOREIGN = r"belongs to another event loop$"


@runs
async def test_who_is_being_served_is_told_of_the_end() -> None:
    with listening(silent) as server:
        pool = AsyncConnectionPool(pool_name="async told", pool_size=1, **server.connect_args)
        borrower = await begun(pool.get_connection())
        await until(lambda: figures(pool)[0] == 1)
        await pool.close()
        with pytest.raises(PoolClosed, match=CLOSED):
            await asyncio.wait_for(borrower, PATIENCE)
        assert figures(pool) == (0, 0, 0, 0)


@runs
async def test_cancelled_borrowers_leave_no_more_connects_than_places() -> None:
    with listening(silent) as server:
        pool = AsyncConnectionPool(pool_name="async storm", pool_size=2, **server.connect_args)
        for _ in range(2):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(pool.get_connection(), 0.02)
        with pytest.raises(PoolError, match=r"^No connection available: .*connecting=2\)"):
            await asyncio.wait_for(pool.get_connection(), PATIENCE)
        assert len(pool._tasks) == 2
        await pool.close()


@runs
async def test_what_was_opened_for_a_cancelled_borrower_is_for_others(server: TempServer) -> None:
    pool = AsyncConnectionPool(pool_name="async others", pool_size=1, **server.connect_args)
    borrower = await begun(pool.get_connection())
    borrower.cancel()
    await asyncio.wait({borrower})
    await until(lambda: figures(pool) == (1, 1, 0, 0))
    async with pool.connection() as connection:
        assert await works(connection)
    assert pool.stats()["connects"] == 1
    await pool.close()


@runs
async def test_a_place_that_is_not_taken_is_for_who_waits(server: TempServer) -> None:
    pool = await create_async_pool(min_size=1, max_size=2, keepalive=0, **server.connect_args)
    held = await pool.get_connection()
    other = await aio.connect(**{**server.connect_args, "init_command": "DO SLEEP(1)"})
    adding = await begun(pool.add_connection(other))
    await until(lambda: figures(pool)[0] == 2)
    waiter = await begun(pool.get_connection())
    assert figures(pool) == (2, 0, 1, 1)
    before = time.monotonic()
    adding.cancel()
    connection = await asyncio.wait_for(waiter, PATIENCE)
    assert time.monotonic() - before < 5  # rather than at his deadline
    for one in (connection, held):
        await one.close()
    await pool.close()
    if other._link is not None:
        await other.close()


@runs
async def test_a_hand_off_in_vain_is_not_counted(server: TempServer) -> None:
    async with pooled(server, pool_size=1, acquire_timeout=PATIENCE) as pool:
        for _ in range(3):
            held = await pool.get_connection()
            borrower = await begun(pool.get_connection())
            await held.close()  # it is his from here on
            borrower.cancel()
            await asyncio.wait({borrower})
        stats = pool.stats()
        assert (stats["borrows"], stats["hold"]["count"], stats["wait"]["count"]) == (3, 3, 3)
        assert (stats["cancelled_waits"], figures(pool)) == (3, (1, 1, 0, 0))
        assert all(count > 0 for count in stats["wait"]["buckets"].values())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its transports are not closed by then
def test_a_pool_of_a_loop_that_has_ended(server: TempServer) -> None:
    made = []

    async def make() -> None:
        made.append(AsyncConnectionPool(pool_name="async over", pool_size=1, **server.connect_args))
        async with made[-1].connection() as connection:
            assert await works(connection)

    async def close() -> None:
        with pytest.raises(PoolError, match=FOREIGN):
            await made[0].get_connection()
        await made[0].close()
        assert "async over" not in _ASYNC_CONNECTION_POOLS
        await make()

    async def replace() -> None:
        await make()  # the name of one whose loop has ended is free
        await made[1].close()
        assert _ASYNC_CONNECTION_POOLS["async over"] is made[2]
        await made[2].close()

    run_alone(make)
    run_alone(close)
    run_alone(replace)
    assert [pool.stats()["active"] for pool in made] == [0, 0, 0]


@runs
async def test_nobody_waits_for_a_reset_behind_a_cancellation(server: TempServer) -> None:
    going = asyncio.Event()

    async def slow(connection: AsyncConnection) -> None:
        going.set()
        await asyncio.sleep(PATIENCE)

    async with pooled(server, pool_size=1, on_reset=slow) as pool:

        async def borrow() -> None:
            async with pool.connection():
                await asyncio.sleep(PATIENCE)

        task = await begun(borrow())
        await until(lambda: figures(pool)[2] == 1)
        before = time.monotonic()
        task.cancel()
        await asyncio.wait({task})
        await asyncio.wait_for(going.wait(), PATIENCE)
        assert time.monotonic() - before < PATIENCE / 4
        (work,) = pool._tasks
        work.cancel()  # as if all tasks were
        await until(lambda: figures(pool) == (0, 0, 0, 0))
        assert pool.stats()["discards"]["reset"] == 1


@runs
async def test_work_that_is_cancelled_before_it_begins_keeps_no_place(server: TempServer) -> None:
    async def nothing(connection: AsyncConnection) -> None:
        pass

    async with pooled(server, pool_size=1, on_reset=nothing, acquire_timeout=PATIENCE) as pool:
        connection = await pool.get_connection()
        work = connection._give_back()
        work.cancel()
        await asyncio.wait({work})
        async with pool.connection() as connection:  # after another one was opened
            assert await works(connection)


@runs
async def test_a_closed_pool_makes_nothing_new(server: TempServer) -> None:
    async def never(connection: AsyncConnection) -> None:
        raise AssertionError

    async with pooled(server, pool_size=1, on_reset=never) as pool:
        connection = await pool.get_connection()
        await pool.close()
        await connection.close()
        assert (figures(pool), pool.stats()["discards"]["closed"], pool.stats()["resets"]) == ((0, 0, 0, 0), 1, 0)


@runs
async def test_what_is_added_to_a_pool_that_is_closed_meanwhile(server: TempServer) -> None:
    async with pooled(server, pool_size=2, min_size=0, max_size=2) as pool:
        adding = await begun(pool.add_connection())
        await pool.close()
        with pytest.raises(PoolClosed, match=CLOSED):
            await adding
    pool = AsyncConnectionPool(pool_name="async open", pool_size=1, **server.connect_args)
    opening = await begun(pool.open())
    await pool.close()
    with pytest.raises(PoolClosed, match=CLOSED):
        await opening


@runs
async def test_timeouts_are_checked_at_once(server: TempServer) -> None:
    async with pooled(server) as pool:
        for wrong, error in (("1", TypeError), (-1, ProgrammingError), (float("nan"), ProgrammingError)):
            with pytest.raises(error):
                pool.connection(wrong)  # type: ignore[arg-type]
            for call in (pool.get_connection, pool.close, pool.wait_ready):
                with pytest.raises(error):
                    await call(wrong)  # type: ignore[operator]
        assert pool.pool_name in _ASYNC_CONNECTION_POOLS
        with pytest.raises(PoolTimeout):
            async with pool.connection(), pool.connection():
                await pool.get_connection(0.01)
