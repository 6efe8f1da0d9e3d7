"""The asyncio driver of pools, where its own parts are seen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mariadb_py.io.aio.pool import Waiter, _task_name, maybe, task_id
from tests.support.aio import runs
from tests.support.listener import PATIENCE

if TYPE_CHECKING:
    from typing import Any


@runs
async def test_maybe() -> None:
    async def seven() -> int:
        await asyncio.sleep(0)
        return 7

    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    future.set_result(8)
    values: list[Any] = [await maybe(value) for value in (6, seven(), future, None)]
    assert values == [6, 7, 8, None]


@runs
async def test_tasks_have_names() -> None:
    task = asyncio.create_task(asyncio.sleep(PATIENCE), name="known")
    number = id(task)
    assert _task_name(number) == "known"
    assert _task_name(task_id()) == asyncio.current_task().get_name()  # type: ignore[union-attr]
    task.cancel()
    await asyncio.wait({task})
    assert _task_name(number) == "a task that has ended"


@runs
async def test_a_waiter_is_woken_once() -> None:
    waiter = Waiter(0.0, None, asyncio.get_running_loop())
    waiter.wake()
    waiter.wake()
    assert waiter.future.result() is None
    assert waiter.thread == task_id()
