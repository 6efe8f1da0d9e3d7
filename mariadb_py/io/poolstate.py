"""What both drivers keep of a pool, and how they tell of it. Opens nothing, and waits for nothing."""

from __future__ import annotations

import warnings
from _random import Random
from collections import deque
from contextlib import suppress

from ..core.pool.core import PoolCore
from ..core.pool.slot import SlotState
from ..core.pool.verdict import Pipeline
from ..core.restore import is_pending
from .threads import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..core.options import ConnectOptions
    from ..core.pool.actions import Action, Tell
    from ..core.pool.options import PoolOptions
    from ..core.pool.slot import Slot
    from .linkstate import LinkState

GOODBYE_TIMEOUT = 0.1  # seconds in which a reset should be answered when its connection is closed


class PoolState:
    """The links of a pool, whoever moves their bytes.

    Args:
        own: options of the pool.
        options: options of its connections; None: nothing can be opened yet.
    """

    def __init__(self, own: PoolOptions, options: ConnectOptions | None) -> None:
        self._own = own
        self._options = options
        self._revive()

    def _revive(self) -> None:
        """Begin with nothing."""
        self._postponed: deque[tuple[Callable[..., list[Action]], tuple[Any, ...]]] = deque()  # inside of a decision
        self._lost: list[tuple[Slot, int]] = []  # collected leases; appended to by the collector
        self._patient = True  # until a reset is not answered in GOODBYE_TIMEOUT: others need not be waited for then
        self._pipeline = Pipeline()
        self._core = PoolCore(self._own, Random().random)  # last: where it is, all is

    def _do(self, decide: Callable[..., list[Action]], *arguments: Any) -> None:
        """Let the core decide, and carry that out; inside of another decision, behind it."""
        raise NotImplementedError

    def _keep(self) -> None:
        """See to it that what is due will be done."""
        raise NotImplementedError

    def _name_of(self, ident: int) -> str:
        """The name of who has this number."""
        raise NotImplementedError

    def _catch_up(self) -> list[Action]:
        """Decide what was put off, and take back the places of collected handles."""
        actions: list[Action] = []
        while self._postponed:
            decide, arguments = self._postponed[0]
            actions += decide(*arguments, monotonic())
            self._postponed.popleft()  # behind it: should Ctrl-C strike in between, it is done again
        while self._lost:
            slot, lease = self._lost[0]
            if slot.state == SlotState.LEASED and slot.used == lease:
                actions += self._core.lost(slot, monotonic())
            del self._lost[0]  # behind it, too
        return actions

    def _abandon(self, slot: Slot, lease: int) -> None:
        """The end of a lease was interrupted, or its beginning."""
        if slot.state == SlotState.LEASED and slot.used == lease:
            slot.connection.drop()
            self._do(self._core.release, slot, "error")

    def _expect(self) -> None:
        """What is due at a later time may have become more."""
        if self._core.due(monotonic()) is not None:
            self._keep()

    def _admit(self, link: LinkState) -> None:
        """A link comes into the pool, with the session that it has now."""
        link.welcomed = link.core.session
        link.evicts = self._own.evict_errors

    def _leave_all(self, owner: int) -> None:
        """Behind a fork: begin anew, and leave all links to the process that opened them."""
        core = self._core
        self._revive()
        self._core.closed = core.closed
        self._core.easy = not core.closed
        for slot in core.slots:
            slot.state = SlotState.GONE
            if slot.connection is not None:
                slot.connection.orphan(owner)

    def _drop_all(self) -> None:
        """Close all sockets without a word."""
        for slot in self._core.slots:
            if slot.connection is not None:
                slot.connection.drop()

    def _tell(self, event: str, **details: Any) -> None:
        """Tell the user's callback what has happened; what it raises is its own business."""
        callback = self._own.on_event
        if callback is not None:
            with suppress(Exception):
                callback(event, details)

    def _tell_of_leak(self, action: Tell) -> None:
        slot = action.slot
        held = monotonic() - slot.seen
        self._tell("leak", seconds=held, thread=self._name_of(slot.thread), place=slot.place)
        if self._own.on_event is None:
            with suppress(Warning):
                text = f"pool {self._own.name!r}: a connection has been borrowed for {held:.1f} s at {slot.place}"
                warnings.warn(text, ResourceWarning, stacklevel=2)


def answered(slot: Slot) -> bool:
    """There is an answer, or will be none, to the reset of this connection."""
    link: LinkState = slot.connection
    return not is_pending(link.core) or not link.silent()
