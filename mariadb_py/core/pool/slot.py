"""A place in the pool, whoever wants one, and why somebody does not get it."""

from __future__ import annotations

from .stats import BUCKETS, bucket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

NEVER = float("inf")
ALWAYS = float("-inf")


class SlotState:
    """States of a slot."""

    OPENING = "opening"
    IDLE = "idle"
    CHECKING = "checking"
    LEASED = "leased"
    GONE = "gone"


class Slot:
    """One place in the pool.

    Attributes:
        state: one of `SlotState`.
        connection: what the shell opened; None while it is being opened.
        peek: says, without a round trip, whether the connection is fit to be lent; None: there is more to do before.
        request: for whom it is opened, or who was given it by way of a request; None otherwise.
        fresh_until: until then it can be given out without a check of more than what has arrived.
        retire_at: from then on it is replaced when nobody uses it.
        seen: when it was last known to be alive and became idle, was given out, or was checked.
        used: how often it was given out.
        code, lasti, thread: where, and by which thread, it was borrowed.
        holds: how many leases had which length, by the buckets of `stats`.
        resets, spared: how often it was reset, and how often it was not, as nothing was left in it.
        told: its borrower has been called a leak.
        strayed: since when nobody seems to have it, NEVER if somebody does.
    """

    __slots__ = (
        *("code", "connection", "fresh_until", "holds", "lasti", "peek", "request", "resets", "retire_at", "seen"),
        *("spared", "state", "strayed", "thread", "told", "used"),
    )

    def __init__(self, request: Request | None = None) -> None:
        self.state = SlotState.OPENING
        self.connection: Any = None
        self.peek: Callable[[], bool] | None = None
        self.request = request
        self.fresh_until = ALWAYS
        self.retire_at = NEVER
        self.seen = 0.0
        self.used = self.resets = self.spared = 0
        self.code: CodeType | None = None
        self.lasti = 0
        self.thread = 0
        self.told = False
        self.strayed = NEVER
        self.holds = [0] * BUCKETS

    def expired(self, now: float) -> str:
        """Why it is not to be lent any more, one of `stats.DISCARDS`; "" if it is."""
        if now < self.retire_at or self.used <= 1:  # a new one may be short-lived, and it is used all the same
            return ""
        return "lifetime" if self.retire_at > ALWAYS else "drained"

    def held(self, now: float) -> None:
        """A lease ends."""
        self.holds[bucket(now - self.seen)] += 1

    def borrowed(self, code: CodeType, lasti: int, thread: int) -> None:
        """Remember who has it."""
        self.code, self.lasti, self.thread = code, lasti, thread

    @property
    def place(self) -> str:
        """Where it was borrowed, as file:line; "" if that is not known."""
        if self.code is None:
            return ""
        line = self.code.co_firstlineno
        for start, number in _line_starts(self.code):
            if start > self.lasti:
                break
            line = number
        return f"{self.code.co_filename}:{line}"


def _line_starts(code: CodeType) -> list[tuple[int, int]]:
    """Offsets into the code, and the line that begins there. Imports nothing: a finalizer may ask."""
    if hasattr(code, "co_lines"):  # from Python 3.10 on
        return [(start, line) for start, _, line in code.co_lines() if line is not None]
    starts, offset, line = [], 0, code.co_firstlineno
    for step, up in zip(code.co_lnotab[::2], code.co_lnotab[1::2]):
        offset += step
        line += up - 256 if up > 127 else up
        starts.append((offset, line))
    return starts


class Refusal:
    """Why somebody gets no connection."""

    CANCELLED = "it was cancelled"
    CLOSED = "Pool is closed"
    EXHAUSTED = "No connection available"
    QUEUE_FULL = "too many others are waiting"
    SUSPENDED = "the pool is suspended"
    TIMEOUT = "timed out"
    LOGIN = "the server refuses the login"


class Request:
    """Somebody who wants a connection; the shell adds how to wake him.

    Attributes:
        since: when he came.
        deadline: when he has to have an answer; None: at once, he does not queue.
        slot: what he was given; None: nothing yet.
        ready: the pool is, and that was all he wanted to know.
        refusal: one of `Refusal`; "" if he was not refused.
        error: what the last attempt to connect came to, if that is to blame.
        thread: who he is, to recognize those who wait for themselves.
        tries: connections that were opened for him.
        waited: for how long, if the queue gave him his slot; None: it did not.
    """

    __slots__ = ("deadline", "error", "ready", "refusal", "since", "slot", "thread", "tries", "waited")

    def __init__(self, since: float, deadline: float | None, thread: int = 0) -> None:
        self.since = since
        self.deadline = deadline
        self.thread = thread
        self.slot: Slot | None = None
        self.ready = False
        self.tries = 0
        self.refusal = ""
        self.error: BaseException | None = None
        self.waited: float | None = None
