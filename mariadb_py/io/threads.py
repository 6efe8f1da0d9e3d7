"""Locks, thread identity and the clock for the faces; stand-ins where the interpreter has no threads."""

from __future__ import annotations

import sys
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # Starts a function in a daemon thread; None without threads.
    start_new_thread: Callable[[Callable[..., Any], tuple[Any, ...]], int] | None


class SingleThreadLock:
    """A lock for interpreters without threads; it still notices a second acquire, as a signal handler may make one."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; False if it is taken."""
        if self._held:
            return False
        self._held = True
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._held = False

    def _is_owned(self) -> bool:
        """As of a re-entrant lock: it is taken, and by whom else."""
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


try:
    from _thread import RLock as allocate_rlock
    from _thread import allocate_lock, get_ident, start_new_thread
except ImportError:
    allocate_lock = allocate_rlock = SingleThreadLock  # type: ignore[assignment,misc]
    start_new_thread = None

    def get_ident() -> int:
        """The only thread."""
        return 1


def held_by_this_thread(lock: Any) -> bool:
    """A re-entrant lock is taken, and by this thread."""
    owned: bool = lock._is_owned()
    return owned


def thread_name(ident: int) -> str:
    """Name of a thread, as far as anybody gave it one."""
    threading = sys.modules.get("threading")
    if threading is not None:
        for thread in threading.enumerate():
            if thread.ident == ident:
                return str(thread.name)
    return str(ident)


__all__ = [
    "SingleThreadLock",
    "allocate_lock",
    "allocate_rlock",
    "get_ident",
    "held_by_this_thread",
    "monotonic",
    "sleep",
    "start_new_thread",
    "thread_name",
]
