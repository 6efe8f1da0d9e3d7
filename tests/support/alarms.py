"""Signals at random moments: real ones, whose handler is run wherever the interpreter is, and raises as Ctrl-C does."""

from __future__ import annotations

import contextlib
import gc
import random
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHORTEST = 2e-6  # seconds; 0 would be no alarm


def _ctrl_c() -> None:
    raise KeyboardInterrupt


class Alarms:
    """Made by `alarms()`.

    Attributes:
        struck: calls that were interrupted.
    """

    def __init__(self, seconds: float, seed: int, strike: Callable[[], object]) -> None:
        self.struck = 0
        self._strike = strike
        self._until = time.monotonic() + seconds
        self._random = random.Random(seed)
        self._armed = False
        self._longest = 0.0

    def handle(self, *_: object) -> None:
        """The handler of SIGALRM."""
        if self._armed:
            self._armed = False
            self._strike()

    def go_on(self) -> bool:
        """There is time left for another call."""
        return time.monotonic() < self._until

    def measure(self, call: Callable[[], object]) -> None:
        """Run a call that is not interrupted: how long it takes is how late an alarm may come."""
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        self._longest = max(1.1 * min(times), 2 * _SHORTEST)

    def during(self, call: Callable[[], object]) -> bool:
        """Run a call, and let an alarm strike at a random moment of it, or just behind it; True if it was interrupted.

        What else the call raises is not caught.
        """
        try:
            try:
                self._armed = True
                signal.setitimer(signal.ITIMER_REAL, self._random.uniform(_SHORTEST, self._longest))
                call()
            finally:
                self._armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            self.struck += 1
            return True
        return False


@contextlib.contextmanager
def alarms(seconds: float, strike: Callable[[], object] = _ctrl_c, seed: int = 1) -> Iterator[Alarms]:
    """Calls `strike` at each alarm, which raises KeyboardInterrupt if nothing else is given.

    Takes SIGALRM over, and keeps the collector from running, in whose callbacks an exception would be lost."""
    made = Alarms(seconds, seed, strike)
    handler = signal.signal(signal.SIGALRM, made.handle)
    timer = signal.setitimer(signal.ITIMER_REAL, 0)
    gc.disable()
    try:
        yield made
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
