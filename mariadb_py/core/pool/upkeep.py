"""What a pool does as time goes by: retire, shrink, keep alive, warn, and find what was lost."""

from __future__ import annotations

from .actions import Check, Tell
from .places import Places
from .slot import ALWAYS, NEVER, Refusal, SlotState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .actions import Action
    from .slot import Request, Slot

STRAY = 1.0  # seconds after which a slot that nobody seems to have is given up


class Upkeep(Places):
    """The part of `PoolCore` that only the time moves."""

    longest_life: float
    _random: Callable[[], float]
    _retry_at: float
    _lull: int
    _lull_since: float

    def tick(self, now: float) -> list[Action]:
        """Do what is due."""
        if self.closed:
            return [*(self._discard(slot, "closed") for slot in self._gather(lambda slot: True)), *self._sweep(now)]
        actions: list[Action] = []
        for request in (*self._waiters, *self._ready):
            if request.deadline is not None and now >= request.deadline:
                actions += self.withdraw(request, Refusal.TIMEOUT, now)
        for slot in self._gather(lambda slot: now >= slot.retire_at):
            actions.append(self._discard(slot, self._end(slot)))
        actions += self._shrink(now) + self._checks(now) + self._leaks(now)
        return actions + self._sweep(now) + self._proceed(now)

    def _shrink(self, now: float) -> list[Action]:
        """Give up connections that nobody has needed for `max_idle_time`."""
        limit = self.options.max_idle_time
        if not limit or now < self._lull_since + limit:
            return []
        surplus = min(self._lull, self.size - self.options.min_size)
        self._lull, self._lull_since = len(self._idle), now
        oldest = sorted(self._idle, key=lambda slot: slot.seen)[: max(surplus, 0)]
        return [self._discard(slot, "idle") for slot in oldest if self._pull(slot)]

    def _checks(self, now: float) -> list[Action]:
        """Let connections that have been idle for long show that they are alive, and keep them so."""
        if not self.options.keepalive:
            return []
        pause = self._pause
        room = max(1, self.idle // 4) - self.count(SlotState.CHECKING)  # most can be borrowed meanwhile
        actions: list[Action] = []
        for slot in tuple(self._idle):
            late = now >= slot.seen + pause * (1 - 0.1 * self._random())
            if late and len(actions) < room and self.examine(slot):
                actions.append(Check(slot))
        return actions

    @property
    def _pause(self) -> float:
        """Seconds that a connection may be idle before it has to answer."""
        return min(self.options.keepalive, self.longest_life / 2)

    def examine(self, slot: Slot) -> bool:
        """Take a slot out, to be checked and reported to `checked()`; False if it is not idle."""
        if not self._pull(slot):
            return False
        slot.state = SlotState.CHECKING
        return True

    def checked(self, slot: Slot, alive: bool, now: float) -> list[Action]:
        """The check of an idle connection is done."""
        if slot not in self._slots or slot.state != SlotState.CHECKING:
            return []
        if not alive or self.closed or now >= slot.retire_at:
            if not alive:
                self.suspect()
            return [self._discard(slot, self._end(slot) if alive else "dead"), *self._proceed(now)]
        slot.seen = now
        slot.fresh_until = now + self._validation
        slot.state = SlotState.IDLE
        self._idle.appendleft(slot) if self.options.order == "fifo" else self._idle.append(slot)
        return self._proceed(now)

    def _leaks(self, now: float) -> list[Action]:
        limit = self.options.leak_timeout
        if not limit:
            return []
        late = [slot for slot in self.holders() if not slot.told and now >= slot.seen + limit]
        for slot in late:
            slot.told = True
            self.stats.count("leaks")
        return [Tell(slot) for slot in late]

    def _sweep(self, now: float) -> list[Action]:
        """Find slots that an interruption has taken out of everybody's hands."""
        actions: list[Action] = []
        idle = set(self._idle)
        for slot in self.slots:
            unborn = slot.state == SlotState.OPENING and slot.request is None and not slot.thread
            if not unborn and (slot.state != SlotState.IDLE or slot in idle):
                slot.strayed = NEVER
            elif slot.strayed == NEVER or slot.seen > slot.strayed:  # somebody has had it meanwhile
                slot.strayed = now
            elif now >= slot.strayed + STRAY:
                if unborn:  # nobody has begun to open it
                    self._free(slot)
                else:
                    actions.append(self._discard(slot, "error"))
        return actions

    def due(self, now: float) -> float | None:
        """When `tick()` should be called again; None: there is nothing to wait for."""
        options = self.options
        times = [self._retry_at] if self._wanted() else []
        times += [slot.strayed + STRAY for slot in self.slots if slot.strayed < NEVER]
        if not self.closed:
            times += [now + period for period in (options.keepalive, options.leak_timeout) if period]
            if options.max_idle_time and options.min_size < self.size:
                times.append(self._lull_since + options.max_idle_time)
            if options.keepalive and not self.count(SlotState.CHECKING):  # behind a check it is asked again
                times += [slot.seen + self._pause for slot in tuple(self._idle)]
            if options.keepalive or options.background:
                times += [slot.retire_at for slot in tuple(self._idle) if slot.retire_at < NEVER]
            if options.leak_timeout:
                times += [slot.seen + options.leak_timeout for slot in self.holders() if not slot.told]
        return max(min(times), now) if times else None

    def _end(self, slot: Slot) -> str:
        """Why a slot is retired."""
        if self.closed:
            return "closed"
        return "lifetime" if slot.retire_at > ALWAYS else "drained"

    def withdraw(self, request: Request, refusal: str, now: float) -> list[Action]:
        """See `PoolCore`."""
        raise NotImplementedError

    def _proceed(self, now: float) -> list[Action]:
        raise NotImplementedError

    def _wanted(self) -> int:
        raise NotImplementedError
