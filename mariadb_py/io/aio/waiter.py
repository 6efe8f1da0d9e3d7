"""A task that waits for a connection of a pool, and how tasks are named."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ...core.pool.slot import Request


class Waiter(Request):
    """A request that a task waits for."""

    __slots__ = ("failure", "future")

    def __init__(self, since: float, deadline: float | None, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(since, deadline, task_id())
        self.future: asyncio.Future[None] = loop.create_future()
        self.failure: BaseException | None = None  # of the connection that was opened for it

    def wake(self) -> None:
        """It has been answered."""
        if not self.future.done():
            self.future.set_result(None)


def task_name(ident: int) -> str:
    """Name of a task, by its id."""
    with suppress(RuntimeError):
        for task in asyncio.all_tasks():
            if id(task) == ident:
                return task.get_name()
    return "a task that has ended"


def task_id() -> int:
    """Number of the running task, by which `task_name()` finds it."""
    return id(asyncio.current_task())
