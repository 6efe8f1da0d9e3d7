"""T9. Tasks that are cancelled wherever they are: the pool keeps all its places, and nobody gets a stranger's row.

In each round 12 tasks share 5 connections. Each does one thing, and most are cancelled: at one of their suspensions,
or when some time is over, one in ten twice. Behind each round all places are idle and the server has no connection
more than there are places. Whatever a task reads has a number in it that only this task knows, and what its
transactions move between two accounts is never lost half-way.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import time
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py.aio import connect, create_async_pool
from mariadb_py.testing import temp_server
from tests.chaos.program import PATIENCE, Form, main, prove
from tests.support.suspensions import AT_ONCE, AT_THE_END, Suspensions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from mariadb_py.aio import AsyncConnection, AsyncConnectionPool
    from mariadb_py.testing import TempServer

TASKS, SIZE = 12, 5
LATEST = 0.008  # seconds until a task is cancelled, where that is done by time
MOST = 8  # number of the suspension at which it is cancelled, where it is done by that
ACCOUNTS = 20
# Connections of the server, among them the one that asks.
THREADS = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(USER(), '@', 1)"
FILES = "/proc/self/fd"
KINDS: dict[str, dict[str, Any]] = {
    "pipelined reset": {},
    "reset in the background": {"pipeline_reset": False},
    "no reset": {"pool_reset_connection": False},
    "compressed": {"compress": True},
}


class Run:
    """Rounds over one pool.

    Attributes:
        counts: how often what happened.
    """

    def __init__(self, pool: AsyncConnectionPool, observer: AsyncConnection, chance: random.Random) -> None:
        self.counts = dict.fromkeys(("cancelled", "finished", "answers"), 0)
        self._pool, self._observer, self._chance = pool, observer, chance
        self._nonce = 0

    async def round(self) -> None:
        """Let tasks work, cancel them, and see what is left."""
        loop = asyncio.get_running_loop()
        chance, tasks, threatened = self._chance, [], set()
        for _ in range(TASKS):
            self._nonce += 1
            work = self._do(chance.choice(DEEDS), self._nonce)
            way = chance.randrange(10)
            number = chance.randint(1, MOST) if way < 5 else 0
            task = loop.create_task(_struck(Suspensions(work, number, chance.choice((AT_ONCE, AT_THE_END)))))
            for _ in range((0, 1, 2)[(5 <= way < 9) + (way == 8)]):
                loop.call_later(chance.uniform(0, LATEST), task.cancel)
            if way < 9:
                threatened.add(task)
            tasks.append(task)
        done, hung = await asyncio.wait(tasks, timeout=PATIENCE)
        prove(not hung, f"{len(hung)} of {TASKS} tasks hang")
        for task in done:
            self._judge(task, task in threatened)
        await self._rest()

    async def _do(self, deed: Callable[[AsyncConnection, int], Coroutine[Any, Any, int]], nonce: int) -> None:
        """Borrow a connection for a deed, in one way or the other."""
        if nonce % 2:
            async with self._pool.connection() as connection:
                self.counts["answers"] += await deed(connection, nonce)
            return
        connection = await self._pool.get_connection()
        try:
            self.counts["answers"] += await deed(connection, nonce)
        finally:
            await connection.close()

    def _judge(self, task: asyncio.Task[None], threatened: bool) -> None:
        if task.cancelled():
            prove(threatened, "a task that nobody cancelled ends as cancelled")
            self.counts["cancelled"] += 1
            return
        error = task.exception()
        if error is not None:
            raise error
        self.counts["finished"] += 1

    async def _rest(self) -> None:
        """Until nothing is going on any more; nothing may be lost then."""
        deadline = time.monotonic() + PATIENCE
        while True:
            figures = self._pool.stats()
            prove(figures["size"] <= SIZE, f"the pool has more connections than places: {figures}")
            quiet = not (figures["active"] or figures["waiting"] or figures["connecting"])
            if quiet and figures["idle"] + figures["active"] == figures["size"]:
                figures["threads"] = await self._ask(THREADS) - 1
                if figures["threads"] <= SIZE:
                    break
            prove(time.monotonic() < deadline, f"a place is lost, or a connection left: {figures}")
            await asyncio.sleep(0.001)
        total = await self._ask("SELECT SUM(balance) FROM account")
        prove(total == 0, f"a transaction was done half: the accounts have {total} together")

    async def _ask(self, sql: str) -> Any:
        return (await _rows(self._observer, sql))[0][0]


async def _struck(suspensions: Suspensions) -> None:
    await suspensions


async def _rows(connection: AsyncConnection, sql: str, data: Any = None, **keywords: Any) -> list[Any]:
    async with connection.cursor(**keywords) as cursor:
        await cursor.execute(sql, data)
        return list(await cursor.fetchall())


# What tasks do. Each returns how many answers were compared.


async def _echo(connection: AsyncConnection, nonce: int) -> int:
    for number in range(3):
        rows = await _rows(connection, "SELECT ?, ?", (nonce, number))
        prove(rows == [(nonce, number)], f"task {nonce} was given {rows}")
    return 3


async def _prepared(connection: AsyncConnection, nonce: int) -> int:
    async with connection.cursor(prepared=True) as cursor:
        for number in range(3):
            await cursor.execute("SELECT ?, ? + 0", (nonce, number))
            row = await cursor.fetchone()
            prove(row == (nonce, number), f"task {nonce} was given {row}")
    return 3


async def _large(connection: AsyncConnection, nonce: int) -> int:
    rows = await _rows(connection, "SELECT ?, seq, REPEAT('x', 500) FROM seq_1_to_300", (nonce,))
    expected = [(nonce, number, "x" * 500) for number in range(1, 301)]
    prove(rows == expected, f"task {nonce} was given {len(rows)} rows that are not its own")
    return 300


async def _stream(connection: AsyncConnection, nonce: int) -> int:
    """Every other one goes away behind some of the rows."""
    count, wanted = 0, 300 if nonce % 4 < 2 else 7
    async with connection.cursor(buffered=False) as cursor:
        await cursor.execute("SELECT ?, seq, REPEAT('x', 500) FROM seq_1_to_300", (nonce,))
        async for row in cursor:
            count += 1
            prove(row[:2] == (nonce, count), f"task {nonce} was given {row[:2]} as row {count}")
            if count == wanted:
                break
    prove(count == wanted, f"task {nonce} was given {count} of {wanted} rows")
    return count


async def _server_side(connection: AsyncConnection, nonce: int) -> int:
    async with connection.cursor(cursor_type=1, prefetch_size=20) as cursor:
        await cursor.execute("SELECT ?, seq FROM seq_1_to_50", (nonce,))
        rows = [row async for row in cursor]
    prove(rows == [(nonce, number) for number in range(1, 51)], f"task {nonce} was given {rows[:3]} ...")
    return 50


async def _slow(connection: AsyncConnection, nonce: int) -> int:
    rows = await _rows(connection, "SELECT ?, SLEEP(0.004)", (nonce,))
    prove(rows == [(nonce, 0)], f"task {nonce} was given {rows}")
    return 1


async def _transfer(connection: AsyncConnection, nonce: int) -> int:
    sql = "UPDATE account SET balance = balance + ? WHERE id = ?"
    first, second = sorted((nonce % ACCOUNTS, (nonce + 1 + nonce % 7) % ACCOUNTS))  # in this order, against deadlocks
    await connection.begin()
    await _execute(connection, sql, (nonce, first))
    await _execute(connection, sql, (-nonce, second))
    await connection.commit()
    return 0


async def _bulk(connection: AsyncConnection, nonce: int) -> int:
    async with connection.cursor() as cursor:
        await cursor.execute("CREATE OR REPLACE TEMPORARY TABLE mine (n INT, t VARCHAR(200))")
        await cursor.executemany("INSERT INTO mine VALUES (?, ?)", [(nonce, "x" * 200)] * 200)
    rows = await _rows(connection, "SELECT COUNT(*), MIN(n), MAX(n) FROM mine")
    prove(rows == [(200, nonce, nonce)], f"task {nonce} was given {rows}")
    return 1


async def _execute(connection: AsyncConnection, sql: str, data: Any = None) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute(sql, data)


DEEDS = (_echo, _prepared, _large, _stream, _server_side, _slow, _transfer, _bulk)


def program(form: Form) -> str:
    rounds = form.pick(2000, 40) // len(KINDS)
    complaints: list[dict[str, Any]] = []
    totals: dict[str, int] = {}
    with temp_server() as server:
        _set_up(server)
        before = _open_files()
        for number, (kind, options) in enumerate(KINDS.items()):
            work = _with_pool(server, complaints, rounds, number, **options)
            for name, count in asyncio.run(work).items():
                totals[name] = totals.get(name, 0) + count
            gc.collect()
            prove(not complaints, f"{kind}: the loop complains: {complaints[:1]}")
        after = _open_files()
        prove(after <= before, f"{after - before} files are left open")
    return (
        f"{rounds * len(KINDS)} rounds of {TASKS} tasks on {SIZE} connections, {len(KINDS)} kinds of pool: "
        f"{totals['cancelled']} tasks cancelled, {totals['finished']} finished, {totals['answers']} answers compared, "
        f"none was a stranger's; {totals['closed']} connections had to be closed"
    )


def _set_up(server: TempServer) -> None:
    with mariadb_py.connect(**server.connect_args, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE account (id INT PRIMARY KEY, balance BIGINT NOT NULL)")
        cursor.executemany("INSERT INTO account VALUES (?, 0)", [(number,) for number in range(ACCOUNTS)])


async def _with_pool(
    server: TempServer, complaints: list[dict[str, Any]], rounds: int, seed: int, **options: Any
) -> dict[str, int]:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: complaints.append(context))
    loop.slow_callback_duration = PATIENCE  # in debug mode: a slow machine is no finding
    async with await connect(**server.connect_args, autocommit=True) as observer:
        pool = await create_async_pool(**server.connect_args, max_size=SIZE, acquire_timeout=PATIENCE, **options)
        await pool.wait_ready(PATIENCE)
        run = Run(pool, observer, random.Random(seed))
        for _ in range(rounds):
            await run.round()
        closed = sum(pool.stats()["discards"].values())
        await pool.close(timeout=PATIENCE)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        prove(not left, f"tasks are left: {left}")
        prove(pool.stats()["size"] == 0, f"a closed pool has connections: {pool.stats()}")
    return {**run.counts, "closed": closed}


def _open_files() -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir(FILES))
    return 0  # unknown here


if __name__ == "__main__":
    main(program)
