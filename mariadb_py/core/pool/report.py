"""Why somebody got no connection, in words."""

from __future__ import annotations

from ...exceptions import Error, PoolClosed, PoolError, PoolQueueFull, PoolTimeout
from .slot import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .core import PoolCore
    from .slot import Request

SHOWN = 3  # borrowers that a text names

_CLASSES: dict[str, type[PoolError]] = {
    Refusal.CLOSED: PoolClosed,
    Refusal.QUEUE_FULL: PoolQueueFull,
    Refusal.TIMEOUT: PoolTimeout,
}


def refusal(name: str, core: PoolCore, request: Request, now: float, thread_name: Callable[[int], str]) -> Error:
    """The exception for somebody who gets no connection.

    Args:
        name: name of the pool.
        core: the pool.
        request: what he asked for.
        now: the time.
        thread_name: the name of a thread, by its number.
    """
    cause = request.error
    if request.refusal == Refusal.LOGIN and isinstance(cause, Error):
        # One of his own: others get the same, and an exception that is raised twice shows where both were.
        own = type(cause)(cause.msg, cause.errno, cause.sqlstate)
        own.__cause__ = cause
        return own
    error = _CLASSES.get(request.refusal, PoolError)(_text(name, core, request, now))
    if isinstance(error, PoolTimeout):
        error.stats = core.figures
        error.holders = tuple(
            (now - slot.seen, thread_name(slot.thread), slot.place) for slot in core.holders() if slot.code is not None
        )
        error.args = (error.msg + _holders(error, core, request),)
        error.errmsg = error.msg = error.args[0]
    error.__cause__ = cause
    return error


def _text(name: str, core: PoolCore, request: Request, now: float) -> str:
    if request.refusal == Refusal.CLOSED:
        return Refusal.CLOSED
    why = f"pool {name!r}: {request.refusal}" if request.refusal != Refusal.EXHAUSTED else f"pool {name!r}"
    if request.refusal == Refusal.TIMEOUT:
        why = f"pool {name!r} timed out after {now - request.since:.2f} s"
    figures = core.figures
    why += ", as it is suspended" if core.suspended and request.refusal == Refusal.TIMEOUT else ""
    return f"{Refusal.EXHAUSTED}: {why} (" + ", ".join(f"{key}={figures[key]}" for key in _SHOWN) + ")"


_SHOWN = ("size", "active", "idle", "waiting", "connecting")


def _holders(error: PoolTimeout, core: PoolCore, request: Request) -> str:
    parts = [
        f"{'longest holder' if not number else 'then'} {seconds:.1f} s thread={thread} {place}"
        for number, (seconds, thread, place) in enumerate(error.holders[:SHOWN])
    ]
    if any(slot.thread == request.thread for slot in core.holders()):
        parts.append("this very thread has borrowed a connection of this pool, and waits for another one")
    if request.error is not None:
        parts.append(f"last attempt to connect: {request.error}")
    return "".join(f"; {part}" for part in parts)
