"""What an asyncio pool does by itself: its tasks, its timer, and whom it tells."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress
from weakref import ref

from ...core.pool.slot import NEVER
from ..dial import LONGEST_WAIT
from ..threads import monotonic
from .waiter import task_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from ...core.pool.actions import Action, Tell
    from ...core.pool.core import PoolCore
    from ...core.pool.options import PoolOptions


class Background:
    """Tasks and timer of a pool."""

    _loop: asyncio.AbstractEventLoop | None
    _core: PoolCore
    _own: PoolOptions

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = NEVER  # when it strikes

    def _do(self, decide: Callable[..., list[Action]], *arguments: Any) -> None:
        """Let the core decide, and carry that out."""
        raise NotImplementedError

    def _tell(self, event: str, **details: Any) -> None:
        """Tell the user's callback what has happened; what it raises is its own business."""
        callback = self._own.on_event
        if callback is not None:
            with suppress(Exception):
                callback(event, details)

    def _in_background(
        self, work: Coroutine[Any, Any, None], end: Callable[[asyncio.Task[None]], None] | None = None
    ) -> asyncio.Task[None] | None:
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

    async def _until(self, task: asyncio.Task[None]) -> None:
        """Until a task of the pool has ended; it goes on if this is cancelled."""
        await asyncio.wait({task})

    def _expect(self) -> None:
        """What is due at a later time may have become more."""
        if self._core.due(monotonic()) is not None:
            self._keep()

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

    def _tell_of_leak(self, action: Tell) -> None:
        slot = action.slot
        held = monotonic() - slot.seen
        self._tell("leak", seconds=held, thread=task_name(slot.thread), place=slot.place)
        if self._own.on_event is None:
            with suppress(Warning):
                text = f"pool {self._own.name!r}: a connection has been borrowed for {held:.1f} s at {slot.place}"
                warnings.warn(text, ResourceWarning, stacklevel=2)


def _tend(pool: ref[Background]) -> None:
    found = pool()
    if found is not None:
        found._tend()
