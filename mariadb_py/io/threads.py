"""Locks, thread identity and the clock for the faces; stand-ins where the interpreter has no threads."""

from __future__ import annotations

import sys
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
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

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


try:
    from _thread import allocate_lock, get_ident, start_new_thread
except ImportError:
    allocate_lock = SingleThreadLock  # type: ignore[assignment]
    start_new_thread = None

    def get_ident() -> int:
        """The only thread."""
        return 1


def callers(owner: object, methods: tuple[CodeType, ...]) -> list[int]:
    """Threads that are running one of these methods of `owner`, besides the call that asks. Slow: for errors."""
    frames = sys._current_frames()
    asking = sys._getframe(1)
    while asking.f_code not in methods and asking.f_back is not None:
        asking = asking.f_back
    found = []
    for thread, top in frames.items():
        frame: FrameType | None = top
        while frame is not None:
            if frame.f_code in methods and frame is not asking and frame.f_locals.get("self") is owner:
                found.append(thread)
            frame = frame.f_back
    return found


__all__ = ["SingleThreadLock", "allocate_lock", "callers", "get_ident", "monotonic", "sleep", "start_new_thread"]
