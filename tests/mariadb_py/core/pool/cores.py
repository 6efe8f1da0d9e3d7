"""Cores, slots and requests for the tests of this folder. The time begins at 0; a connection is a text."""

from __future__ import annotations

from mariadb_py.core.pool.actions import Open
from mariadb_py.core.pool.core import PoolCore
from mariadb_py.core.pool.options import PoolOptions
from mariadb_py.core.pool.slot import Request, Slot, SlotState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mariadb_py.core.pool.actions import Action

# What a test is not about does not happen.
QUIET = {
    "min_size": 0,
    "max_lifetime": 0,
    "max_idle_time": 0,
    "keepalive": 0,
    "order": "fifo",
    "connect_concurrency": 9,
}


def pool(random: float = 1.0, background: bool = True, **options: Any) -> PoolCore:
    """A core with the defaults of a service, less what happens by itself."""
    own = PoolOptions({"max_size": 4, **QUIET, **options}, service=True)
    own.background = background
    return PoolCore(own, lambda: random)


def plain(actions: Sequence[Action]) -> list[tuple[Any, ...]]:
    """Actions as tuples, which can be compared."""
    return [(type(action).__name__, *(getattr(action, name) for name in action.__slots__)) for action in actions]


def opening(actions: Sequence[Action]) -> list[Slot]:
    """What is to be opened."""
    return [action.slot for action in actions if isinstance(action, Open)]


def idle(core: PoolCore, *connections: str, now: float = 0.0) -> Any:
    """Idle slots with these connections; one alone if there is one."""
    slots = []
    for connection in connections:
        action = core.grow()
        assert action is not None
        assert core.opened(action.slot, connection, now) == []
        slots.append(action.slot)
    return slots if len(slots) != 1 else slots[0]


def take(core: PoolCore, now: float = 0.0) -> Slot:
    """Borrow without the lock."""
    slot = core.take(now)
    assert slot is not None
    slot.state = SlotState.LEASED
    return slot


def leased(core: PoolCore, *connections: str, now: float = 0.0) -> Any:
    """Borrowed slots with these connections; one alone if there is one."""
    idle(core, *connections, now=now)
    slots = [take(core, now) for _ in connections]
    return slots if len(slots) != 1 else slots[0]


def waiting(core: PoolCore, now: float = 0.0, timeout: float = 30.0) -> Request:
    """Somebody who waits, for whom nothing can be done at once but to open connections."""
    request = Request(now, now + timeout)
    actions = core.acquire(request, now)
    assert len(opening(actions)) == len(actions)
    assert request in core._waiters
    return request


def full(core: PoolCore, now: float = 0.0) -> list[Slot]:
    """Borrow all there can be."""
    slots = leased(core, *(f"c{number}" for number in range(core.options.max_size)), now=now)
    return slots if isinstance(slots, list) else [slots]


def refused(request: Request) -> tuple[str, Slot | None]:
    """What a request came to."""
    return request.refusal, request.slot


def examined(core: PoolCore) -> list[Slot]:
    """All idle slots, taken out to be checked."""
    return [slot for slot in tuple(core._idle) if core.examine(slot)]
