"""What an asyncio pool does by itself: its tasks, its timer, and whom it tells."""

from __future__ import annotations

import asyncio
from weakref import ref

from ...core.pool.slot import NEVER
from ..dial import LONGEST_WAIT
from ..poolstate import PoolState
from ..threads import monotonic
from .waiter import task_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeVar

    T = TypeVar("T")


class Background(PoolState):
    """Tasks and timer of a pool."""

    _loop: asyncio.AbstractEventLoop | None

    def _revive(self) -> None:
        """See `PoolState`."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = NEVER  # when it strikes
        super()._revive()

    def _name_of(self, ident: int) -> str:
        return task_name(ident)

    def _in_background(
        self, work: Coroutine[Any, Any, T], end: Callable[[asyncio.Task[T]], None] | None = None
    ) -> asyncio.Task[T] | None:
        """Let a task of the pool do it; None if its loop has ended.

        Args:
            work: what to do.
            end: called when it is over, even if it was cancelled before it began.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            work.close()
            return None
        task = loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if end is not None:
            task.add_done_callback(end)
        return task

    async def _until(self, task: asyncio.Task[Any]) -> None:
        """Until a task of the pool has ended; it goes on if this is cancelled."""
        await asyncio.wait({task})

    def _keep(self, due: float | None = None) -> None:
        """See to it that what is due will be done: by `due`, or whenever the core says."""
        now = monotonic()
        if due is None:
            times = [time for time in (self._core.due(now), self._core.deadline) if time is not None]
            due = min(times) if times else NEVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due = due
        if due < NEVER and self._loop is not None:
            self._timer = self._loop.call_later(min(max(due - now, 0.001), LONGEST_WAIT), _tend, ref(self))

    def _tend(self) -> None:
        self._timer = None
        self._do(self._core.tick)
        self._keep()


def _tend(pool: ref[Background]) -> None:
    found = pool()
    if found is not None:
        found._tend()
