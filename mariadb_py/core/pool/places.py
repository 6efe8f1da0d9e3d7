"""The slots of a pool, the sets that they are in, and the steps from one to another. Decides nothing."""

from __future__ import annotations

from collections import deque

from .actions import Answer, Close, Open
from .slot import ALWAYS, Slot, SlotState
from .stats import Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .options import PoolOptions
    from .slot import Request


class Places:
    """The slots of a pool, and whoever waits for one.

    Args:
        options: what the user asked for.

    Attributes:
        easy: who comes can be given an idle connection at once: nobody waits, and the pool is in use.
        stats: counters.
        last_error: what the last attempt to connect came to; None: it succeeded.
    """

    def __init__(self, options: PoolOptions) -> None:
        self.stats = Stats()
        self.closed = self.suspended = False
        self.easy = True
        self.last_error: BaseException | None = None
        self._slots: set[Slot] = set()
        self._idle: deque[Slot] = deque()
        self._waiters: deque[Request] = deque()
        self._ready: list[Request] = []  # who waits for `min_size` connections
        self.configure(options)

    def configure(self, options: PoolOptions) -> None:
        """Go by other options from now on."""
        self.options = options
        self._validation = 0.0 if options.check is not None else options.validation_interval
        self._next = self._idle.popleft if options.order == "fifo" else self._idle.pop

    # Facts

    @property
    def size(self) -> int:
        """Connections that are open or being opened."""
        return len(self._slots)

    @property
    def idle(self) -> int:
        """Connections that wait to be borrowed."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Those who wait for a connection."""
        return len(self._waiters)

    @property
    def deadline(self) -> float | None:
        """The earliest time at which somebody has to have an answer; None: nobody waits."""
        times = [request.deadline for request in (*self._waiters, *self._ready) if request.deadline is not None]
        return min(times) if times else None

    def count(self, state: str) -> int:
        """Slots in a state."""
        return sum(slot.state == state for slot in tuple(self._slots))

    @property
    def connecting(self) -> int:
        """Connections that are being opened in the background."""
        return sum(slot.state == SlotState.OPENING and slot.request is None for slot in tuple(self._slots))

    @property
    def open(self) -> int:
        """Connections that are open."""
        return self.size - self.count(SlotState.OPENING)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All slots."""
        return tuple(self._slots)

    def holders(self) -> list[Slot]:
        """Borrowed slots, the longest-borrowed first."""
        return sorted(
            (slot for slot in tuple(self._slots) if slot.state == SlotState.LEASED), key=lambda slot: slot.seen
        )

    @property
    def figures(self) -> dict[str, Any]:
        """What `Stats.snapshot` returns at this moment."""
        slots = self.slots
        gauges = {
            "size": len(slots),
            "idle": self.idle,
            "active": self.count(SlotState.LEASED),
            "connecting": self.count(SlotState.OPENING),
            "waiting": self.waiting,
            "min_size": self.options.min_size,
            "max_size": self.options.max_size,
        }
        return self.stats.snapshot(gauges, [(slot.used, slot.resets, slot.spared, slot.holds) for slot in slots])

    # Steps

    def suspect(self) -> None:
        """A connection has died: those that have been idle have to answer before they are given out."""
        for slot in tuple(self._idle):
            slot.fresh_until = ALWAYS

    def _open(self, request: Request | None) -> Open:
        slot = Slot(request)
        self._slots.add(slot)
        return Open(slot)

    def _give(self, request: Request, slot: Slot) -> Answer:
        slot.request = request
        slot.code, slot.thread = None, request.thread  # from where, he says himself
        slot.state = SlotState.LEASED
        request.slot = slot
        return Answer(request)

    def _refuse(self, request: Request, refusal: str) -> Answer:
        self.stats.count("refused")
        request.refusal = refusal
        request.error = self.last_error
        return Answer(request)

    def _gather(self, wanted: Callable[[Slot], bool]) -> list[Slot]:
        """Take the idle slots that are `wanted` out of the idle ones."""
        return [slot for slot in tuple(self._idle) if wanted(slot) and self._pull(slot)]

    def _pull(self, slot: Slot) -> bool:
        """Take this slot out of the idle ones; False if somebody was faster."""
        try:
            self._idle.remove(slot)
        except ValueError:
            return False
        return True

    def _closing(self, slot: Slot, reason: str) -> Close:
        self.stats.discards[reason] += 1
        return Close(slot.connection, reason)

    def _discard(self, slot: Slot, reason: str) -> Close:
        close = self._closing(slot, reason)
        self._free(slot)
        return close

    def _free(self, slot: Slot) -> None:
        """The one way in which capacity comes back."""
        self._slots.discard(slot)
        slot.state = SlotState.GONE
        self.stats.add(slot.used, slot.resets, slot.spared, slot.holds)
