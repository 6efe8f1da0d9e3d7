"""What somebody is told who gets no connection."""

from __future__ import annotations

import pickle
import sys

import pytest

from mariadb_py.core.pool.report import SHOWN, refusal
from mariadb_py.core.pool.slot import Refusal, Request, Slot
from mariadb_py.exceptions import (
    Error,
    LostConnectionError,
    OperationalError,
    PoolClosed,
    PoolError,
    PoolQueueFull,
    PoolTimeout,
)
from tests.mariadb_py.core.pool.cores import full, idle, leased, plain, pool, take, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_py.core.pool.core import PoolCore

FIGURES = "size=1 active=1 idle=0 waiting=0 connecting=0".replace(" ", ", ")


def name(thread: int) -> str:
    return f"thread-{thread}"


def borrowed(slot: Slot, thread: int) -> str:
    frame = sys._getframe(1)
    slot.borrowed(frame.f_code, frame.f_lasti, thread)
    return slot.place


def told(core: PoolCore, request: Request, now: float = 2.0) -> Error:
    return refusal("p", core, request, now, name)


def refused(core: PoolCore, why: str, error: BaseException | None = None, thread: int = 9) -> Request:
    core.last_error = error
    request = Request(0.0, 9.0, thread)
    assert plain([core._refuse(request, why)]) == [("Answer", request)]
    return request


@pytest.mark.parametrize(
    ("why", "kind", "text"),
    [
        (Refusal.CLOSED, PoolClosed, "Pool is closed"),
        (Refusal.EXHAUSTED, PoolError, f"No connection available: pool 'p' ({FIGURES})"),
        (
            *(Refusal.QUEUE_FULL, PoolQueueFull),
            f"No connection available: pool 'p': too many others are waiting ({FIGURES})",
        ),
        (Refusal.SUSPENDED, PoolError, f"No connection available: pool 'p': the pool is suspended ({FIGURES})"),
        (Refusal.CANCELLED, PoolError, f"No connection available: pool 'p': it was cancelled ({FIGURES})"),
        (Refusal.LOGIN, PoolError, f"No connection available: pool 'p': the server refuses the login ({FIGURES})"),
        (Refusal.TIMEOUT, PoolTimeout, f"No connection available: pool 'p' timed out after 2.00 s ({FIGURES})"),
    ],
)
@pytest.mark.parametrize("cause", [None, OSError("no route")])
def test_texts(why: str, kind: type[Error], text: str, cause: OSError | None) -> None:
    core = pool(max_size=1)
    full(core)
    error = told(core, refused(core, why, cause))
    if why == Refusal.TIMEOUT and cause is not None:
        text += "; last attempt to connect: no route"
    assert type(error) is kind
    assert (str(error), error.msg, error.errmsg) == (text, text, text)
    assert error.__cause__ is cause
    assert isinstance(error, PoolError)


def test_timeout() -> None:
    core = pool(max_size=5)
    idle(core, *"abcde")
    places = []
    for number in range(5):
        slot = take(core, number / 2)
        places.append(borrowed(slot, number))
    request = waiting(core, now=3.0, timeout=2.5)
    error_before = OperationalError("no route to host", 2003)
    core.last_error = error_before
    core.withdraw(request, Refusal.TIMEOUT, 5.5)
    error = told(core, request, 5.5)
    assert isinstance(error, PoolTimeout)
    assert error.holders == tuple((5.5 - number / 2, f"thread-{number}", places[number]) for number in range(5))
    assert error.stats == core.figures
    assert error.stats is not None
    assert (error.stats["active"], error.stats["timeouts"]) == (5, 1)
    assert error.__cause__ is error_before
    first = (
        "No connection available: pool 'p' timed out after 2.50 s "
        "(size=5, active=5, idle=0, waiting=0, connecting=0)"
        f"; longest holder 5.5 s thread=thread-0 {places[0]}"
        f"; then 5.0 s thread=thread-1 {places[1]}; then 4.5 s thread=thread-2 {places[2]}"
    )
    itself = "; this very thread has borrowed a connection of this pool, and waits for another one"
    assert SHOWN == 3
    assert str(error) == error.msg == error.errmsg
    assert str(error) == f"{first}{itself}; last attempt to connect: no route to host"


@pytest.mark.parametrize(("thread", "expected"), [(7, True), (8, False)])
def test_this_very_thread(thread: int, expected: bool) -> None:
    core = pool(max_size=1)
    slot = leased(core, "c")
    borrowed(slot, 7)
    error = told(core, refused(core, Refusal.TIMEOUT, thread=thread))
    assert ("this very thread" in str(error)) is expected
    assert "longest holder 2.0 s thread=thread-7 " in str(error)


def test_who_had_it_before_is_not_blamed() -> None:
    core = pool(max_size=1)
    slot = leased(core, "c")
    borrowed(slot, 7)
    other = Request(0.0, 9.0, thread=8)
    core.acquire(other, 0.0)
    core.put(slot, 1.0)
    core.attend(1.0)
    assert other.slot is slot  # and he has not come further
    error = told(core, refused(core, Refusal.TIMEOUT, thread=7))
    assert isinstance(error, PoolTimeout)
    assert error.holders == ()
    assert "thread" not in str(error)


@pytest.mark.parametrize("kind", [OperationalError, LostConnectionError])
def test_a_refused_login_is_an_error_of_ones_own(kind: type[Error]) -> None:
    core = pool()
    cause = kind("Access denied", 1045, "28000")
    requests = [waiting(core), waiting(core)]
    core.failed(next(iter(core.slots)), cause, True, 0.0)
    errors = [told(core, request) for request in requests]
    assert errors[0] is not errors[1]
    for error in errors:
        assert (type(error), str(error), error.errno, error.sqlstate) == (kind, "Access denied", 1045, "28000")
        assert error.__cause__ is cause


def test_it_can_be_pickled() -> None:
    core = pool(max_size=1)
    full(core)
    error = pickle.loads(pickle.dumps(told(core, refused(core, Refusal.TIMEOUT))))
    assert isinstance(error, PoolTimeout)
    assert str(error).startswith("No connection available: pool 'p' timed out after 2.00 s (size=1")
    assert error.stats == core.figures
