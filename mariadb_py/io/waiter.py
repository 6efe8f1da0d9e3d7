"""A thread that waits for a connection of a pool."""

from __future__ import annotations

from contextlib import suppress

from ..core.pool.slot import Request
from .dial import LONGEST_WAIT
from .threads import allocate_lock, get_ident


class Waiter(Request):
    """A request that a thread waits for."""

    __slots__ = ("_bell",)

    def __init__(self, since: float, deadline: float | None) -> None:
        super().__init__(since, deadline, get_ident())
        self._bell = allocate_lock()
        self._bell.acquire()

    def wake(self) -> None:
        """It has been answered."""
        with suppress(RuntimeError):  # he is awake already
            self._bell.release()

    def wait(self, timeout: float) -> None:
        """Until it is answered, or for `timeout` seconds."""
        self._bell.acquire(True, min(timeout, LONGEST_WAIT))
