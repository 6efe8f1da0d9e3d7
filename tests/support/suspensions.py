"""Cancelling a coroutine at the n-th moment at which it waits, for n = 1, 2, ... until it has run to its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from typing import Any

AT_ONCE = "when it begins to wait"
AT_THE_END = "when what it waits for is there"


class Suspensions:
    """Awaits a coroutine, and cancels the task at its n-th suspension.

    Args:
        work: the coroutine.
        number: n; 0: never.
        when: AT_ONCE; or AT_THE_END, between the moment at which the awaited future is done and the resumption.

    Attributes:
        count: suspensions so far.
    """

    def __init__(self, work: Coroutine[Any, Any, Any], number: int, when: str) -> None:
        self.count = 0
        self._work = work
        self._number = number
        self._when = when

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task is not None
        resume, value = self._work.send, None
        while True:
            try:
                awaited = resume(value)
            except StopIteration as ended:
                return ended.value
            self.count += 1
            if self.count == self._number:
                self._strike(task, awaited)
            try:
                resume, value = self._work.send, (yield awaited)
            except BaseException as error:
                resume, value = self._work.throw, error  # type: ignore[assignment]

    def _strike(self, task: asyncio.Task[Any], awaited: Any) -> None:
        if self._when == AT_ONCE:
            task.cancel()
        elif awaited is None:  # sleep(0)
            asyncio.get_running_loop().call_soon(task.cancel)
        else:
            awaited.add_done_callback(lambda _: task.cancel())


async def cancel_everywhere(
    when: str,
    prepare: Callable[[], Awaitable[Any]],
    work: Callable[[Any], Coroutine[Any, Any, Any]],
    check: Callable[[Any], Awaitable[None]],
) -> int:
    """Cancel `work` at each of its suspensions.

    Args:
        when: AT_ONCE or AT_THE_END.
        prepare: makes what `work` is given, anew for each time.
        work: the scenario.
        check: is given the same behind each time, also behind the last one, which is not cancelled.

    Returns:
        The number of suspensions at which it was cancelled.
    """
    number = 1
    while True:
        subject = await prepare()
        suspensions = Suspensions(work(subject), number, when)

        async def run(suspensions: Suspensions = suspensions) -> Any:
            return await suspensions

        task = asyncio.ensure_future(run())
        await asyncio.wait({task})
        struck = suspensions.count >= number
        if not struck:
            task.result()
        assert task.cancelled() is struck, f"cancelled at {number}, it ended with {task!r}"
        await check(subject)
        if not struck:
            return number - 1
        number += 1
