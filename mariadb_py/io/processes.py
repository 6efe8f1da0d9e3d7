"""Pools and the process: a child that was forked must not use its parent's connections, and an exit says goodbye."""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from weakref import WeakSet

from .threads import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, Protocol

    class Pool(Protocol):
        """What is looked after; `working` has something for each of its threads."""

        @property
        def working(self) -> Collection[Any]: ...

        def forked(self, owner: int) -> None: ...
        def shut(self) -> None: ...


EXIT_TIMEOUT = 0.5  # seconds
_POLL = 0.002  # seconds

_pools: WeakSet[Pool] = WeakSet()


def watch(pool: Pool) -> None:
    """Look after a pool until it is collected."""
    _pools.add(pool)


def _forked() -> None:
    for pool in tuple(_pools):
        pool.forked(os.getppid())


def _exit() -> None:
    pools = tuple(_pools)
    for pool in pools:
        with suppress(Exception):
            pool.shut()
    # Threads that are connecting at this moment end by themselves, rather than with the interpreter.
    until = monotonic() + EXIT_TIMEOUT
    while any(pool.working for pool in pools) and monotonic() < until:
        sleep(_POLL)


atexit.register(_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
