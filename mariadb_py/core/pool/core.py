"""What a pool decides: who gets which connection, when one is opened, checked, replaced or closed.

The shell around it (threads or asyncio) calls these methods under its lock, passes the time in, and carries out the
actions that come back outside of the lock; what came of an action it reports by the method named there. So nothing here
can block, and every decision can be tested without a server.

    acquire --Open--> OPENING --opened--> LEASED (Answer), or IDLE when nobody asked for this very one
    take, acquire: IDLE --> LEASED (Answer)
    LEASED --dead--> GONE: Close; who found it is the first in the queue, or (if he does not queue) Open: OPENING
    LEASED --put--> IDLE, and LEASED again for the first in the queue (attend)
           --release--> GONE: Close
    IDLE --tick--> CHECKING: Check --checked--> IDLE, or GONE: Close
         --tick, drain, resize, close--> GONE: Close
    OPENING --failed--> GONE

`take()` and `put()` are what nearly every borrower needs, and may be called without the lock: taking out of the deque
of idle slots, and appending to it, are steps that cannot come apart, and whoever has taken a slot out owns it. Somebody
who queues first says so (`easy`), then looks at the idle ones again; who puts one back appends it first, then looks at
`easy`: so neither can miss the other.

Ctrl-C can strike anywhere. A slot that says it is idle and is not among the idle ones was taken out by somebody who has
not come further: `tick()` gives it up when that has lasted for a second.
"""

from __future__ import annotations

from .actions import Answer, Close, Open
from .slot import ALWAYS, NEVER, Refusal, SlotState
from .upkeep import Upkeep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .actions import Action
    from .options import PoolOptions
    from .slot import Request, Slot

NEW = 0.1  # seconds in which a connection that was opened for somebody need not show him that it is alive
TRIES = 2  # connections that are opened for one who does not queue, should they be of no use
MARGIN = 45.0  # seconds, at most, by which a connection is replaced before the server ends it
LOOKS = 4  # idle connections that are looked at, to find a better one
IMPATIENCE = 0.5  # seconds between two attempts to connect, at most, while somebody waits


class PoolCore(Upkeep):
    """The decisions of one pool.

    Args:
        options: what the user asked for.
        random: a number from 0 to 1, anew each time.

    Attributes:
        longest_life: seconds after which the server ends a connection, if it says so.
    """

    def __init__(self, options: PoolOptions, random: Callable[[], float]) -> None:
        super().__init__(options)
        self.longest_life = NEVER
        self._refusing = False
        self._random = random
        self._failures = 0  # attempts to connect, since one succeeded
        self._retry_at = ALWAYS
        self._lull = 0  # least number of idle connections since `_lull_since`
        self._lull_since = 0.0

    # Without the lock

    def take(self, now: float) -> Slot | None:
        """The next idle slot, for somebody who writes LEASED into its state once he can be found; None: `acquire()`.

        Its connection has to be checked if `fresh_until` has passed.
        """
        if not self.easy:
            return None
        try:
            slot = self._next()
        except IndexError:
            return None
        slot.seen = now
        slot.used += 1
        left = len(self._idle)
        if left < self._lull:
            self._lull = left
        return slot

    def put(self, slot: Slot, now: float) -> bool:
        """A borrowed connection is as new again; False: it is not to be kept, call `release()`.

        Behind it call `attend()`, unless all is `easy`; whose the slot is by then is not known.
        """
        if now >= slot.retire_at:
            return False
        slot.holds[int((now - slot.seen) * 1e6).bit_length()] += 1  # as held() does
        slot.seen = now
        until = now + self._validation
        slot.fresh_until = until if until < slot.retire_at else slot.retire_at
        slot.told = False
        slot.state = SlotState.IDLE
        self._idle.append(slot)
        return True

    # Borrowing

    def acquire(self, request: Request, now: float) -> list[Action]:
        """Somebody wants a connection, and could not take one."""
        refusal = self._refusal(request)
        if refusal:
            return [self._refuse(request, refusal)]
        if not self._waiters and not self.suspended:
            slot = self.take(now) if self.easy else None
            if slot is not None:
                return [self._give(request, slot)]
        self._lull = 0
        if request.deadline is None:
            if self.size < self.options.max_size and not self._waiters:
                return [self._open(request)]
            return [*self._sweep(now), *self._proceed(now), self._refuse(request, Refusal.EXHAUSTED)]
        self.easy = False
        self._waiters.append(request)
        self._retry_at = min(self._retry_at, now + IMPATIENCE)
        self.stats.count("borrow_waits")
        return self._proceed(now)

    def _refusal(self, request: Request) -> str:
        """Why this one cannot even queue; "" if he can."""
        if self.closed:
            return Refusal.CLOSED
        if self.suspended and (self._refusing or request.deadline is None):
            return Refusal.SUSPENDED
        most = self.options.max_waiting
        if most and request.deadline is not None and len(self._waiters) >= most:
            self.stats.count("queue_full")
            return Refusal.QUEUE_FULL
        return ""

    def _in_vain(self, request: Request) -> None:
        """What somebody got by waiting is of no use to him."""
        if request.waited is not None:
            self.stats.time("wait", request.waited, -1)
            request.waited = None

    @property
    def may_exchange(self) -> bool:
        """There may be a better slot than the one that somebody was given.

        Not by the order "fifo": its connections take turns, and the one that was idle longest has had most time.
        """
        return self.options.order == "lifo" and bool(self._idle)

    def exchange(self, slot: Slot, request: Request, answered: Callable[[Slot], bool], now: float) -> list[Action]:
        """Whoever was given this slot finds its reset unanswered: of those that have been idle long one may be better.

        Args:
            slot: what he was given.
            request: who he is; `request.slot` is what he has, then or now.
            answered: says of a slot whose reset was sent whether there is an answer; waits for nothing.
            now: the time.
        """
        if slot not in self._slots or now >= slot.retire_at:
            return []
        other = self._better(answered, now)
        if other is None:
            return []
        # In this order: wherever Ctrl-C strikes, each of the two is the request's, or idle, or a stray that is found.
        slot.state = SlotState.IDLE
        slot.request = None
        self._idle.append(slot)
        other.seen = now
        other.used += 1
        self.stats.borrows -= 1  # the first one was not lent
        self._give(request, other)
        return self._proceed(now)

    def _better(self, answered: Callable[[Slot], bool], now: float) -> Slot | None:
        """Take out an idle slot that can be used at once, the one that has been idle longest; None: there is none."""
        passed: list[Slot] = []
        try:
            while len(passed) < LOOKS:
                slot = self._idle.popleft()
                if now < slot.retire_at and (slot.peek is not None or answered(slot)):
                    return slot
                passed.append(slot)
        except IndexError:
            pass
        finally:
            self._idle.extendleft(reversed(passed))
        return None

    def dead(self, slot: Slot, request: Request, reason: str, now: float) -> list[Action]:
        """Whoever was given this slot found its connection unusable, before he used it.

        Args:
            slot: the slot.
            request: he wants another one, before all others.
            reason: one of `DISCARDS`; "dead" and "ping" make all that have been idle suspect.
            now: the time.
        """
        slot.used -= 1
        request.slot = None
        self._in_vain(request)
        if slot not in self._slots:  # closed meanwhile
            return self.acquire(request, now)
        if reason in ("dead", "ping"):
            self.suspect()
        if request.tries >= TRIES:
            return [self._discard(slot, reason), self._refuse(request, Refusal.EXHAUSTED), *self._proceed(now)]
        if request.deadline is None and not self.closed and slot.retire_at > ALWAYS:
            close = self._closing(slot, reason)
            slot.connection, slot.request = None, request
            slot.state = SlotState.OPENING
            return [close, Open(slot)]
        actions: list[Action] = [self._discard(slot, reason)]
        if request.deadline is None or self.closed:
            return [*actions, *self.acquire(request, now), *self._proceed(now)]
        self.easy = False
        self._waiters.appendleft(request)
        return actions + self._proceed(now)

    def opened(self, slot: Slot, connection: Any, now: float) -> list[Action]:
        """A connection is open."""
        self._failures, self._retry_at, self.last_error = 0, ALWAYS, None
        self.stats.count("connects")
        slot.connection = connection
        request = slot.request
        if slot not in self._slots or slot.state != SlotState.OPENING:
            return [Close(connection, "closed")]
        if self.closed or slot.retire_at == ALWAYS:  # drained, while it was being opened
            close = self._discard(slot, "closed" if self.closed else "drained")
            again = [] if request is None else self.acquire(request, now)
            return [close, *again, *self._proceed(now)]
        life = min(self.options.max_lifetime or NEVER, self.longest_life)
        slot.retire_at = now + life * (1 - self.options.lifetime_jitter * self._random()) if life < NEVER else NEVER
        slot.seen = now
        slot.fresh_until = now + self._validation
        if request is not None:
            slot.fresh_until = now + max(self._validation, NEW)
            slot.used += 1
            request.tries += 1
            return [self._give(request, slot), *self._awake_ready(), *self._proceed(now)]
        slot.state = SlotState.IDLE
        self._idle.append(slot)
        return self._awake_ready() + self._proceed(now)

    def failed(self, slot: Slot, error: BaseException, fatal: bool, now: float) -> list[Action]:
        """A connection could not be opened.

        Args:
            slot: the slot.
            error: why.
            fatal: to try again will not help: whoever waits is told at once.
            now: the time.
        """
        self.last_error = error
        self.stats.count("connect_errors")
        first, most = self.options.backoff, self.options.max_backoff
        delay = min(first * 2.0 ** min(self._failures, 64), most, IMPATIENCE if self._waiters else most)
        self._failures += 1
        self._retry_at = now + delay * (0.5 + self._random() / 2)
        if slot in self._slots:
            self._free(slot)
        actions: list[Action] = []
        if fatal:
            actions = [self._refuse(request, Refusal.LOGIN) for request in (*self._waiters, *self._ready)]
            self._waiters.clear()
            self._ready.clear()
        return actions + self._proceed(now)

    def forgo(self, slot: Slot) -> None:
        """An action on this slot will not be carried out."""
        if slot.state == SlotState.OPENING:
            self._free(slot)
        elif slot.state == SlotState.CHECKING:
            slot.state = SlotState.IDLE
            self._idle.append(slot)

    def given_up(self, slot: Slot, now: float) -> list[Action]:
        """As `forgo()`; whoever the slot was for, and who waits for a place, is served another way."""
        request = slot.request if slot.state == SlotState.OPENING else None
        self.forgo(slot)
        again = [] if request is None else self.acquire(request, now)
        return [*again, *self._proceed(now)]

    def withdraw(self, request: Request, refusal: str, now: float) -> list[Action]:
        """Somebody does not want to wait any longer; nothing happens if he has been answered already."""
        try:
            self._waiters.remove(request)
        except ValueError:
            if request not in self._ready:
                return []
            self._ready.remove(request)
        self.stats.count("timeouts" if refusal == Refusal.TIMEOUT else "cancelled_waits")
        return [self._refuse(request, refusal), *self._proceed(now)]

    def cancel(self, request: Request, now: float) -> list[Action]:
        """Whoever made this request was interrupted, however far it has come: what it got is given up."""
        actions = self.withdraw(request, Refusal.CANCELLED, now)
        for slot in tuple(self._slots):
            if slot.request is request and slot.state == SlotState.LEASED:
                actions.append(self._discard(slot, "error"))
            elif slot.request is request and slot.state == SlotState.OPENING:
                self._free(slot)
        return actions + self._sweep(now) + self._proceed(now)

    # Returning

    def release(self, slot: Slot, reason: str, now: float) -> list[Action]:
        """A connection is returned that is not to be kept.

        Args:
            slot: the slot.
            reason: one of `DISCARDS`; "": it is retired.
            now: the time.
        """
        if slot not in self._slots:
            return [] if slot.connection is None else [Close(slot.connection, "closed")]
        slot.held(now)
        if reason == "dead":
            self.suspect()
        return [self._discard(slot, reason or self._end(slot)), *self._proceed(now)]

    def hand_back(self, slot: Slot, now: float) -> list[Action]:
        """Whoever was given this slot has not touched its connection, and does not want it any more."""
        request, slot.request = slot.request, None
        slot.used -= 1
        self.stats.count("cancelled_waits")
        if request is not None:
            self._in_vain(request)
        if now >= slot.retire_at:
            return [self._discard(slot, self._end(slot)), *self._proceed(now)]
        slot.state = SlotState.IDLE
        self._idle.append(slot)
        return self._proceed(now)

    def attend(self, now: float) -> list[Action]:
        """A connection has become idle while not all was easy."""
        return self._proceed(now)

    def lost(self, slot: Slot, now: float) -> list[Action]:
        """The handle of a borrowed connection was collected, and the connection closed."""
        if slot not in self._slots:
            return []
        slot.held(now)
        return [self._discard(slot, "leak"), *self._proceed(now)]

    # The pool as a whole

    def server_waits(self, seconds: float) -> None:
        """The server ends a connection that is silent for so long; 0: it does not say."""
        self.longest_life = seconds - min(MARGIN, seconds / 2) if seconds else NEVER

    def start(self, now: float) -> list[Action]:
        """Open the first connections, in the background."""
        self._lull_since = now
        return self._proceed(now)

    def grow(self, request: Request | None = None) -> Open | None:
        """Take in one more connection, opened here or elsewhere; None if there is no room."""
        return self._open(request) if not self.closed and self.size < self.options.max_size else None

    def await_ready(self, request: Request, now: float) -> list[Action]:
        """Somebody wants to know when `min_size` connections are open; he is given no slot."""
        if self.closed:
            return [self._refuse(request, Refusal.CLOSED)]
        self._ready.append(request)
        return self._awake_ready() + self._proceed(now)

    def drain(self, now: float) -> list[Action]:
        """Replace all connections: idle ones now, the others when they come back."""
        for slot in tuple(self._slots):
            slot.retire_at = ALWAYS
        actions = [self._discard(slot, "drained") for slot in self._gather(lambda slot: True)]
        return actions + self._proceed(now)

    def resize(self, options: PoolOptions, now: float) -> list[Action]:
        """Go by other sizes from now on; what is too many is closed when nobody uses it."""
        self.configure(options)
        actions: list[Action] = []
        for slot in tuple(self._idle):
            if self.size > options.max_size and self._pull(slot):
                actions.append(self._discard(slot, "surplus"))
        surplus = self.size - options.max_size
        for slot in sorted(self._slots, key=lambda slot: slot.seen)[: max(surplus, 0)]:
            slot.retire_at = ALWAYS
        return actions + self._awake_ready() + self._proceed(now)

    def suspend(self, refusing: bool) -> None:
        """Give nothing out; whoever comes waits, or (`refusing`) is refused."""
        self.suspended, self._refusing = True, refusing
        self.easy = False

    def resume(self, now: float) -> list[Action]:
        """Give connections out again."""
        self.suspended = False
        return self._proceed(now)

    def close(self, now: float) -> list[Action]:
        """Give nothing out any more: idle connections are closed now, the others when they come back."""
        self.closed, self.easy = True, False
        actions: list[Action] = [self._refuse(request, Refusal.CLOSED) for request in (*self._waiters, *self._ready)]
        self._waiters.clear()
        self._ready.clear()
        for slot in tuple(self._slots):
            slot.retire_at = ALWAYS
        return actions + self.tick(now)

    # Steps

    def _proceed(self, now: float) -> list[Action]:
        """Behind every change: give idle connections to whoever waits, and open more if that is not enough."""
        actions: list[Action] = []
        if self.closed:
            return [self._discard(slot, "closed") for slot in self._gather(lambda slot: True)]
        while self._waiters and not self.suspended:
            try:
                slot = self._next()
            except IndexError:
                break
            if now >= slot.retire_at:
                actions.append(self._discard(slot, self._end(slot)))
                continue
            request = self._waiters.popleft()
            slot.seen = now
            slot.used += 1
            self.stats.count("handoffs")
            request.waited = now - request.since
            self.stats.time("wait", request.waited)
            actions.append(self._give(request, slot))
        self.easy = not (self._waiters or self.suspended)
        if now >= self._retry_at:
            actions += [self._open(None) for _ in range(self._wanted())]
        return actions

    def _wanted(self) -> int:
        """Connections to open in the background now."""
        options = self.options
        least = max(options.min_size, 1) if self._ready else options.min_size if options.background else 0
        if self.closed or self.size >= (options.max_size if self._waiters else least):
            return 0
        connecting = self.connecting
        wanted = max(least - self.size, len(self._waiters) - connecting - len(self._idle))
        return max(min(wanted, options.max_size - self.size, options.connect_concurrency - connecting), 0)

    def _awake_ready(self) -> list[Action]:
        if not self._ready or self.open < max(self.options.min_size, 1):
            return []
        ready, self._ready = self._ready, []
        for request in ready:
            request.ready = True
        return [Answer(request) for request in ready]
