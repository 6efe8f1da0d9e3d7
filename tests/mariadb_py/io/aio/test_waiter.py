"""A task that waits for a connection of a pool."""

from __future__ import annotations

import asyncio

from mariadb_py.io.aio.waiter import Waiter, task_id, task_name
from tests.support.aio import runs
from tests.support.listener import PATIENCE


@runs
async def test_tasks_have_names() -> None:
    task = asyncio.create_task(asyncio.sleep(PATIENCE), name="known")
    number = id(task)
    assert task_name(number) == "known"
    assert task_name(task_id()) == asyncio.current_task().get_name()  # type: ignore[union-attr]
    task.cancel()
    await asyncio.wait({task})
    assert task_name(number) == "a task that has ended"


@runs
async def test_a_waiter_is_woken_once() -> None:
    waiter = Waiter(0.0, None, asyncio.get_running_loop())
    waiter.wake()
    waiter.wake()
    assert waiter.future.result() is None
    assert waiter.thread == task_id()
