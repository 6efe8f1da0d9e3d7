"""Client CPU of 100 tasks that share a pool of 10: mariadb_py beside asyncmy and aiomysql.

`python benchmarks/asyncio_pool.py [--rounds N]`. Each task borrows, runs SELECT 1, fetches and gives back, again and
again. All three run in every round, the order turning from round to round, against one private server over TCP, on the
stock event loop; a figure is the process CPU time per borrow. The peers do not reset connections, so ours does not
either in the figure that is compared; what the reset costs is shown beside it. Exits with 1 if a ratio is over its
target.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from importlib.metadata import version
from statistics import median
from time import process_time

import aiomysql
import asyncmy

from mariadb_py.aio import create_async_pool
from mariadb_py.testing import temp_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

TASKS = 100
SIZE = 10
LOOPS = 20  # borrows of a task in a sample
TARGETS = {"asyncmy": 0.85, "aiomysql": 0.35}


async def ours(reset: bool, account: dict[str, Any]) -> Any:
    pool = await create_async_pool(min_size=SIZE, max_size=SIZE, pool_reset_connection=reset, **account)
    await pool.wait_ready()
    return pool


async def peer(module: Any, account: dict[str, Any]) -> Any:
    names = {"host": account["host"], "port": account["port"], "user": account["user"]}
    return await module.create_pool(
        minsize=SIZE, maxsize=SIZE, db=account["database"], password=account["password"], **names
    )


async def borrow_ours(pool: Any) -> None:
    connection = await pool.get_connection()
    cursor = connection.cursor()
    await cursor.execute("SELECT 1")
    await cursor.fetchall()
    await connection.close()


async def borrow_peer(pool: Any) -> None:
    async with pool.acquire() as connection, connection.cursor() as cursor:
        await cursor.execute("SELECT 1")
        await cursor.fetchall()


async def sample(pool: Any, borrow: Callable[[Any], Awaitable[None]]) -> float:
    """CPU seconds of this process for one borrow."""

    async def task() -> None:
        for _ in range(LOOPS):
            await borrow(pool)

    gc.collect()
    start = process_time()
    await asyncio.gather(*(task() for _ in range(TASKS)))
    return (process_time() - start) / (TASKS * LOOPS)


async def measure(account: dict[str, Any], rounds: int) -> int:
    drivers: dict[str, tuple[Any, Callable[[Any], Awaitable[None]]]] = {
        "mariadb_py": (await ours(False, account), borrow_ours),
        "with reset": (await ours(True, account), borrow_ours),
        "asyncmy": (await peer(asyncmy, account), borrow_peer),
        "aiomysql": (await peer(aiomysql, account), borrow_peer),
    }
    figures: dict[str, list[float]] = {name: [] for name in drivers}
    for turn in range(-1, rounds):
        names = sorted(drivers, key=lambda name: (list(drivers).index(name) + turn) % len(drivers))
        for name in names:
            figure = await sample(*drivers[name])
            if turn >= 0:  # the first round warms up
                figures[name].append(figure)
    for name, found in figures.items():
        print(f"{name:12} {median(found) * 1e6:7.1f} us of client CPU per borrow, SELECT 1 and return")
    failed = 0
    for name, target in TARGETS.items():
        ratio = median(one / other for one, other in zip(figures["mariadb_py"], figures[name]))
        print(f"mariadb_py / {name:10} {ratio:.2f}  (target {target})")
        failed |= ratio > target
    for name, (pool, _) in drivers.items():
        if name in TARGETS:
            pool.close()
            await pool.wait_closed()
        else:
            await pool.close()
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"Python {sys.version.split()[0]}, asyncmy {version('asyncmy')}, aiomysql {version('aiomysql')}")
    with temp_server() as server:
        return asyncio.run(measure(dict(server.connect_args), rounds))


if __name__ == "__main__":
    sys.exit(main())
