"""What a pool decides: who gets which connection, when one is opened, checked, reset or closed.

The shell around it (threads or asyncio) calls these methods under its lock, passes the time in, and carries out the
actions that come back outside of the lock; what came of an action it reports by the method named there. So nothing here
can block, and every decision can be tested without a server. Ctrl-C can strike in the middle of a decision, too: steps
are in an order in which `failed()`, `cancel()` and `lost()` can finish or undo what was begun.

    acquire --Open--> OPENING --opened--> LEASED (or IDLE, when nobody asked)
    acquire --Check--> CHECKING --checked(alive)--> LEASED
                         |checked(dead): Open, Close
                         v
                       OPENING
    LEASED --release--> RESETTING --reset_done(ok)--> IDLE
              | not usable        | not ok
              v                   v
             GONE: Close         GONE: Close
    an action that could not be carried out: failed --> GONE
    what is done after close: --> GONE: Close, and Fail to whoever waits for it
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SlotState:
    """States of a slot."""

    OPENING = "opening"
    IDLE = "idle"
    CHECKING = "checking"
    LEASED = "leased"
    RESETTING = "resetting"
    GONE = "gone"


class Slot:
    """One place in the pool.

    Attributes:
        state: one of `SlotState`.
        connection: what the shell opened; None while it is being opened.
        request: whoever is to get the connection, or has it; None if it goes to the idle ones.
        idle_since: time at which it was last known to be alive and became idle.
        used: how often it was given out.
    """

    __slots__ = ("connection", "idle_since", "request", "state", "used")

    def __init__(self, request: Any) -> None:
        self.state = SlotState.OPENING
        self.connection: Any = None
        self.request = request
        self.idle_since = 0.0
        self.used = 0


class Action:
    """Base of what the shell has to do."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"


class Give(Action):
    """Hand the connection of `slot` to `request`."""

    __slots__ = ("request", "slot")

    def __init__(self, request: Any, slot: Slot) -> None:
        self.request = request
        self.slot = slot


class Check(Action):
    """Find out whether the connection of `slot` is alive, then call `checked()`.

    With `ping` it has to answer; without, it is enough that nothing has arrived on it, which costs no round trip.
    """

    __slots__ = ("ping", "slot")

    def __init__(self, slot: Slot, ping: bool) -> None:
        self.slot = slot
        self.ping = ping


class Open(Action):
    """Open a connection for `slot`, then call `opened()` or `failed()`."""

    __slots__ = ("slot",)

    def __init__(self, slot: Slot) -> None:
        self.slot = slot


class Reset(Action):
    """Make the connection of `slot` ready for the next borrower, then call `reset_done()`."""

    __slots__ = ("slot",)

    def __init__(self, slot: Slot) -> None:
        self.slot = slot


class Close(Action):
    """Close a connection that the pool has given up; `reason` is for people."""

    __slots__ = ("connection", "reason")

    def __init__(self, connection: Any, reason: str) -> None:
        self.connection = connection
        self.reason = reason


class Fail(Action):
    """Tell `request` that it gets no connection, and why."""

    __slots__ = ("reason", "request")

    def __init__(self, request: Any, reason: str) -> None:
        self.request = request
        self.reason = reason


class PoolStateError(RuntimeError):
    """The shell reported something that cannot have happened: a bug in the shell."""


class PoolCore:
    """The decisions of one pool.

    Args:
        max_size: most connections at a time.
        validation_interval: seconds of idleness after which a connection has to answer before it is given out;
            0: always.
    """

    def __init__(self, max_size: int, validation_interval: float) -> None:
        self.max_size = max_size
        self.validation_interval = validation_interval
        self.closed = False
        self._slots: set[Slot] = set()
        self._idle: deque[Slot] = deque()
        self._last_death = float("-inf")  # connections idle since before it are suspect

    # Facts

    @property
    def size(self) -> int:
        """Connections that are open or being opened."""
        return len(self._slots)

    @property
    def idle(self) -> int:
        """Connections that wait to be borrowed."""
        return len(self._idle)

    def count(self, state: str) -> int:
        """Slots in a state."""
        return sum(slot.state == state for slot in self._slots)

    # Borrowing

    def acquire(self, request: Any, now: float) -> list[Action]:
        """Somebody wants a connection."""
        if self.closed:
            return [Fail(request, "Pool is closed")]
        if self._idle:
            slot = self._idle[0]  # the one that was idle longest: all are used alike
            slot.request = request
            self._idle.popleft()
            self._move(slot, SlotState.IDLE, SlotState.CHECKING)
            suspect = slot.idle_since <= self._last_death
            return [Check(slot, suspect or now - slot.idle_since >= self.validation_interval)]
        if self.size < self.max_size:
            return [self._open(request)]
        return [Fail(request, "No connection available")]

    def checked(self, slot: Slot, alive: bool, now: float) -> list[Action]:
        """The check of a connection is done."""
        if self.closed:
            return self._refuse(slot, SlotState.CHECKING)
        if alive:
            return [self._give(slot, SlotState.CHECKING)]
        self._last_death = now
        self._move(slot, SlotState.CHECKING, SlotState.OPENING)
        dead, slot.connection = slot.connection, None
        slot.used = 0
        return [Open(slot), Close(dead, "dead")]

    def opened(self, slot: Slot, connection: Any, now: float) -> list[Action]:
        """A connection is open."""
        slot.connection = connection
        if self.closed:
            return self._refuse(slot, SlotState.OPENING)
        if slot.request is not None:
            return [self._give(slot, SlotState.OPENING)]
        return self._rest(slot, SlotState.OPENING, now)

    def failed(self, slot: Slot) -> Any:
        """An action on a slot raised an exception, or was not begun because another one did.

        Returns:
            The connection that the slot had, to be closed by the shell; None if there was none.
        """
        if slot not in self._slots:
            return None  # the action had been reported, and the exception came behind it
        if slot.state == SlotState.IDLE:  # so it had, or it was not begun
            if slot not in self._idle:
                self._idle.append(slot)
            slot.request = None
            return None
        slot.state = SlotState.GONE
        self._slots.discard(slot)
        return slot.connection

    def cancel(self, request: Any) -> Any:
        """Whoever wanted a connection wants none any more, however far his request has come.

        Returns:
            The connection that he has or would have got, to be closed by the shell; None if there is none.
        """
        if request is not None:  # as the slots have it that nobody asked for
            for slot in tuple(self._slots):
                if slot.request is request:
                    return self.failed(slot)
        return None

    def lost(self, slot: Slot) -> None:
        """The handle of a connection was collected, and the connection closed."""
        if slot.state in (SlotState.LEASED, SlotState.GONE):
            slot.state = SlotState.GONE
            self._slots.discard(slot)

    # Returning

    def release(self, slot: Slot, usable: bool) -> list[Action]:
        """A connection is returned; `usable` says whether it can ever be given out again."""
        if usable and not self.closed:
            self._move(slot, SlotState.LEASED, SlotState.RESETTING)
            return [Reset(slot)]
        self._free(slot, SlotState.LEASED)
        return [Close(slot.connection, "pool closed" if usable else "not usable")]

    def reset_done(self, slot: Slot, ok: bool, now: float) -> list[Action]:
        """A returned connection is as new, or could not be made so."""
        if ok and not self.closed:
            return self._rest(slot, SlotState.RESETTING, now)
        self._free(slot, SlotState.RESETTING)
        return [Close(slot.connection, "pool closed" if ok else "reset failed")]

    # The pool as a whole

    def grow(self) -> Open | None:
        """Take in one more connection that nobody asked for, opened now or elsewhere; None if there is no room."""
        return self._open(None) if not self.closed and self.size < self.max_size else None

    def close(self) -> list[Action]:
        """Give nothing out any more: idle connections are closed now, the others when they come back."""
        self.closed = True
        actions: list[Action] = []
        while self._idle:
            slot = self._idle.popleft()
            self._free(slot, SlotState.IDLE)
            actions.append(Close(slot.connection, "pool closed"))
        return actions

    # Transitions

    def _open(self, request: Any) -> Open:
        slot = Slot(request)
        self._slots.add(slot)
        return Open(slot)

    def _give(self, slot: Slot, state: str) -> Give:
        self._move(slot, state, SlotState.LEASED)
        slot.used += 1
        return Give(slot.request, slot)

    def _rest(self, slot: Slot, state: str, now: float) -> list[Action]:
        self._move(slot, state, SlotState.IDLE)
        slot.idle_since = now
        self._idle.append(slot)
        slot.request = None
        return []

    def _refuse(self, slot: Slot, state: str) -> list[Action]:
        """A connection is ready, and the pool was closed meanwhile."""
        self._free(slot, state)
        actions: list[Action] = [Close(slot.connection, "pool closed")]
        if slot.request is not None:
            actions.append(Fail(slot.request, "Pool is closed"))
        return actions

    def _free(self, slot: Slot, state: str) -> None:
        """The one way in which capacity comes back."""
        self._move(slot, state, SlotState.GONE)
        self._slots.discard(slot)

    def _move(self, slot: Slot, state: str, target: str) -> None:
        if slot.state != state:
            raise PoolStateError(f"a slot that is {slot.state} cannot go from {state} to {target}")
        slot.state = target
