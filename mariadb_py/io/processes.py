"""Pools and the process: a child that was forked must not use its parent's connections, and an exit says goodbye."""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from weakref import WeakSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Pool(Protocol):
        """What is looked after."""

        def forked(self, owner: int) -> None: ...
        def shut(self) -> None: ...


_pools: WeakSet[Pool] = WeakSet()


def watch(pool: Pool) -> None:
    """Look after a pool until it is collected."""
    _pools.add(pool)


def _forked() -> None:
    for pool in tuple(_pools):
        pool.forked(os.getppid())


def _exit() -> None:
    for pool in tuple(_pools):
        with suppress(Exception):
            pool.shut()


atexit.register(_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
