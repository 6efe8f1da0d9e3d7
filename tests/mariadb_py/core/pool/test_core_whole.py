"""What the pool decides when somebody gives up, when a connection comes back, and for the pool as a whole."""

from __future__ import annotations

from collections import deque

import pytest

from mariadb_py.core.pool.core import PoolCore
from mariadb_py.core.pool.options import PoolOptions
from mariadb_py.core.pool.slot import ALWAYS, NEVER, Refusal, Request, Slot, SlotState
from tests.mariadb_py.core.pool.cores import examined, full, idle, leased, opening, plain, pool, refused, take, waiting

# forgo, withdraw, cancel


def test_forgo() -> None:
    core = pool()
    action = core.grow()
    assert action is not None
    core.forgo(action.slot)
    assert (action.slot.state, core.size) == (SlotState.GONE, 0)
    slot = idle(core, "c")
    assert examined(core) == [slot]
    core.forgo(slot)
    assert (slot.state, core.idle) == (SlotState.IDLE, 1)
    core.forgo(slot)  # nothing is to be forgone
    assert (slot.state, core.idle) == (SlotState.IDLE, 1)


@pytest.mark.parametrize(
    ("refusal", "counter"), [(Refusal.TIMEOUT, "timeouts"), (Refusal.CANCELLED, "cancelled_waits")]
)
def test_withdraw(refusal: str, counter: str) -> None:
    core = pool(max_size=1)
    full(core)
    request, ready = waiting(core), Request(0.0, 9.0)
    core.options.min_size = 2
    core.await_ready(ready, 0.0)
    for one in (request, ready):
        assert plain(core.withdraw(one, refusal, 0.0)) == [("Answer", one)]
        assert refused(one) == (refusal, None)
    assert (core.figures[counter], core.easy) == (2, True)
    assert core.withdraw(request, refusal, 0.0) == []
    assert core.figures["refused"] == 2


def test_withdraw_comes_too_late() -> None:
    core = pool(max_size=1)
    (slot,) = full(core)
    request = waiting(core)
    core.put(slot, 1.0)
    core.attend(1.0)
    assert core.withdraw(request, Refusal.TIMEOUT, 1.0) == []
    assert refused(request) == ("", slot)


def test_cancel_of_somebody_who_waits() -> None:
    core = pool(max_size=1)
    full(core)
    request = waiting(core)
    assert plain(core.cancel(request, 0.0)) == [("Answer", request)]
    assert (refused(request), core.size) == ((Refusal.CANCELLED, None), 1)


def test_cancel_of_somebody_who_was_given_a_connection() -> None:
    core = pool(max_size=1)
    (slot,) = full(core)
    request, next_one = waiting(core), waiting(core)
    core.put(slot, 1.0)
    core.attend(1.0)
    actions = core.cancel(request, 1.0)
    assert plain(actions[:1]) == [("Close", "c0", "error")]
    assert len(opening(actions)) == 1
    assert list(core._waiters) == [next_one]


def test_cancel_of_somebody_who_opens_one() -> None:
    core = pool(max_size=1)
    request = Request(0.0, None)
    (slot,) = opening(core.acquire(request, 0.0))
    assert core.cancel(request, 0.0) == []  # nothing is there to be closed
    assert (slot.state, core.size, core.figures["discards"]["error"]) == (SlotState.GONE, 0, 0)


# release and lost


@pytest.mark.parametrize("reason", ["error", "dead", "reset", "evicted"])
def test_release(reason: str) -> None:
    core = pool(max_size=2)
    slot = leased(core, "a")
    other = idle(core, "b")
    request = Request(0.0, 9.0)
    assert plain(core.release(slot, reason, 4.0)) == [("Close", "a", reason)]
    assert (slot.state, core.size, core.figures["discards"][reason]) == (SlotState.GONE, 1, 1)
    assert core.figures["hold"] == {"count": 1, "buckets": {4.194304: 1}}
    assert (other.fresh_until == ALWAYS) is (reason == "dead")
    assert plain(core.acquire(request, 4.0)) == [("Answer", request)]


def test_a_release_makes_room_for_who_waits() -> None:
    core = pool(max_size=1)
    (slot,) = full(core)
    request = waiting(core)
    actions = core.release(slot, "evicted", 0.0)
    assert plain(actions[:1]) == [("Close", "c0", "evicted")]
    (new,) = opening(actions)
    assert plain(core.opened(new, "d", 0.0)) == [("Answer", request)]


def test_release_of_what_is_gone() -> None:
    core = pool()
    slot = leased(core, "c")
    core.lost(slot, 0.0)
    assert plain(core.release(slot, "error", 0.0)) == [("Close", "c", "closed")]  # to be sure
    assert core.release(Slot(), "error", 0.0) == []
    assert core.figures["hold"]["count"] == 1


def test_lost() -> None:
    core = pool(max_size=1)
    (slot,) = full(core)
    waiting(core)
    actions = core.lost(slot, 2.0)
    assert plain(actions[:1]) == [("Close", "c0", "leak")]
    assert len(opening(actions)) == 1
    assert core.figures["discards"]["leak"] == 1
    assert core.figures["hold"]["count"] == 1
    assert core.lost(slot, 2.0) == []


# The pool as a whole


@pytest.mark.parametrize(("background", "expected"), [(True, 3), (False, 0)])
def test_start(background: bool, expected: int) -> None:
    core = pool(background=background, min_size=3)
    assert len(opening(core.start(7.0))) == expected
    assert core._lull_since == 7.0


def test_min_size_is_kept() -> None:
    core = pool(min_size=2, connect_concurrency=1)
    (slot,) = opening(core.start(0.0))
    (slot,) = opening(core.opened(slot, "a", 0.0))
    assert core.opened(slot, "b", 0.0) == []
    slot = take(core)
    actions = core.release(slot, "error", 1.0)
    assert plain(actions[:1]) == [("Close", "a", "error")]
    assert len(opening(actions)) == 1


def test_grow() -> None:
    core = pool(max_size=1)
    request = Request(0.0, None)
    action = core.grow(request)
    assert action is not None
    assert action.slot.request is request
    assert core.grow() is None  # full
    core.forgo(action.slot)
    core.close(0.0)
    assert core.grow() is None


@pytest.mark.parametrize("background", [True, False])
def test_await_ready(background: bool) -> None:
    core = pool(background=background, min_size=2)
    request = Request(0.0, 9.0)
    first, second = opening([*core.start(0.0), *core.await_ready(request, 0.0)])
    assert core.opened(first, "a", 0.0) == []
    assert plain(core.opened(second, "b", 0.0)) == [("Answer", request)]
    assert (request.ready, refused(request)) == (True, ("", None))
    request = Request(0.0, 9.0)
    assert plain(core.await_ready(request, 0.0)) == [("Answer", request)]
    assert core._ready == []


def test_await_ready_counts_what_was_opened_for_somebody() -> None:
    core = pool(background=False, min_size=1)
    ready, request = Request(0.0, 9.0), Request(0.0, None)
    (slot,) = opening(core.acquire(request, 0.0))
    assert core.await_ready(ready, 0.0) == []
    assert plain(core.opened(slot, "c", 0.0)) == [("Answer", request), ("Answer", ready)]


def test_await_ready_when_less_is_enough() -> None:
    core = pool(min_size=2)
    request = Request(0.0, 9.0)
    first, _ = opening([*core.start(0.0), *core.await_ready(request, 0.0)])
    core.opened(first, "a", 0.0)
    assert plain(core.resize(core.options.changed(min_size=1), 0.0)) == [("Answer", request)]


def test_drain_replaces_the_idle_ones_at_once_and_the_others_when_they_come_back() -> None:
    core = pool(min_size=3, max_size=3)
    for slot, connection in zip(opening(core.start(0.0)), "abc"):
        core.opened(slot, connection, 0.0)
    busy = take(core)
    checking = core.take(0.0)
    assert checking is not None
    checking.state = SlotState.CHECKING
    actions = core.drain(1.0)
    (last,) = (slot for slot in "abc" if slot not in (busy.connection, checking.connection))
    assert plain(actions[:1]) == [("Close", last, "drained")]
    (new,) = opening(actions)
    core.opened(new, "n", 1.0)
    actions = core.checked(checking, True, 1.0)
    assert plain(actions[:1]) == [("Close", checking.connection, "drained")]
    assert len(opening(actions)) == 1
    assert core.put(busy, 1.0) is False
    assert plain(core.release(busy, "", 1.0)[:1]) == [("Close", busy.connection, "drained")]
    assert core.put(take(core, 2.0), 2.0) is True  # the new one stays


def sizes(core: PoolCore, least: int, most: int) -> PoolOptions:
    options = core.options.changed(min_size=least, max_size=most)
    options.background = core.options.background
    return options


def test_resize_closes_what_is_idle_the_oldest_first() -> None:
    core = pool(max_size=4)
    idle(core, "a", "b", "c", "d")
    assert plain(core.resize(sizes(core, 0, 2), 0.0)) == [("Close", "a", "surplus"), ("Close", "b", "surplus")]
    assert (core.size, core.idle, core.options.max_size) == (2, 2, 2)


def test_resize_retires_what_is_borrowed_the_longest_first() -> None:
    core = pool(max_size=4)
    idle(core, "a", "b", "c")
    slots = [take(core, now) for now in (1.0, 2.0, 3.0)]
    assert core.resize(sizes(core, 0, 1), 4.0) == []
    assert [slot.retire_at for slot in slots] == [ALWAYS, ALWAYS, NEVER]
    assert [core.put(slot, 5.0) for slot in slots] == [False, False, True]
    assert plain(core.release(slots[0], "", 5.0)) == [("Close", "a", "drained")]


@pytest.mark.parametrize("state", [SlotState.OPENING, SlotState.CHECKING])
def test_resize_retires_what_is_not_ready(state: str) -> None:
    core = pool(max_size=3)
    if state == SlotState.CHECKING:
        idle(core, "a", "b", "c")
        slots = examined(core)
    else:
        slots = [action.slot for action in (core.grow(), core.grow(), core.grow()) if action is not None]
    assert core.resize(sizes(core, 0, 1), 0.0) == []
    for slot in slots:
        core.opened(slot, "d", 0.0) if state == SlotState.OPENING else core.checked(slot, True, 0.0)
    assert (core.size, core.idle) == (1, 1)
    assert core.figures["discards"]["drained"] == 2


def test_resize_leaves_what_somebody_takes_meanwhile() -> None:
    core = pool(max_size=2)
    first, second = idle(core, "a", "b")

    class Contested(deque[Slot]):
        def remove(self, slot: Slot) -> None:
            if slot is first:
                take(core)
            super().remove(slot)

    core._idle = Contested(core._idle)
    core.configure(core.options)
    assert plain(core.resize(sizes(core, 0, 1), 0.0)) == [("Close", "b", "surplus")]
    assert (first.state, first.retire_at, core.size) == (SlotState.LEASED, NEVER, 1)
    assert second.state == SlotState.GONE


def test_resize_makes_room_for_who_waits_and_opens_what_is_missing() -> None:
    core = pool(max_size=1)
    full(core)
    waiting(core)
    waiting(core)
    assert len(opening(core.resize(sizes(core, 0, 2), 0.0))) == 1
    assert len(opening(core.resize(sizes(core, 4, 4), 0.0))) == 2


def test_resize_changes_the_order() -> None:
    core = pool()
    slots = idle(core, "a", "b")
    core.resize(core.options.changed(order="lifo", check=print), 0.0)
    assert core.take(0.0) is slots[1]
    core.put(slots[1], 3.0)
    assert slots[1].fresh_until == 3.0


@pytest.mark.parametrize("refusing", [False, True])
def test_suspend_and_resume(refusing: bool) -> None:
    core = pool(max_size=3)
    slot = leased(core, "a")
    idle(core, "b")
    core.suspend(refusing)
    assert (core.suspended, core.easy, core.take(0.0)) == (True, False, None)
    core.put(slot, 0.0)
    assert core.attend(0.0) == []
    hasty, patient = Request(0.0, None), Request(0.0, 9.0)
    core.acquire(hasty, 0.0)
    assert refused(hasty) == (Refusal.SUSPENDED, None)
    actions = core.acquire(patient, 0.0)
    assert refused(patient) == (Refusal.SUSPENDED if refusing else "", None)
    assert opening(actions) == []  # two are idle
    answers = [] if refusing else [("Answer", patient)]
    assert plain(core.resume(1.0)) == answers
    assert (core.suspended, core.easy) == (False, True)
    assert core.idle == (2 if refusing else 1)


def test_a_dead_one_while_suspended() -> None:
    core = pool(max_size=1)
    slot = idle(core, "c")
    request = Request(0.0, 9.0)
    core.acquire(request, 0.0)
    core.suspend(True)
    (new,) = opening(core.dead(slot, request, "dead", 0.0))
    assert core.opened(new, "d", 0.0) == []
    assert plain(core.resume(0.0)) == [("Answer", request)]


def test_close() -> None:
    core = pool(max_size=3)
    slot = leased(core, "a")
    idle(core, "b")
    checking = examined(core)
    assert [one.connection for one in checking] == ["b"]
    idle(core, "c")
    core.suspend(False)
    request, ready = Request(0.0, 9.0), Request(0.0, 9.0)
    core.acquire(request, 0.0)
    core._ready.append(ready)
    assert plain(core.close(0.0)) == [("Answer", request), ("Answer", ready), ("Close", "c", "closed")]
    assert (request.refusal, ready.refusal) == (Refusal.CLOSED, Refusal.CLOSED)
    assert (core.easy, core.take(0.0), core.due(0.0)) == (False, None, None)
    assert plain(core.checked(checking[0], True, 0.0)) == [("Close", "b", "closed")]
    assert core.put(slot, 0.0) is False
    assert plain(core.release(slot, "", 0.0)) == [("Close", "a", "closed")]
    assert core.size == 0
    assert core.close(0.0) == core.resume(0.0) == core.tick(9.0) == []
    for decide in (core.acquire, core.await_ready):
        late = Request(0.0, 9.0)
        assert plain(decide(late, 0.0)) == [("Answer", late)]
        assert late.refusal == Refusal.CLOSED


def test_what_is_put_back_while_the_pool_closes() -> None:
    core = pool()
    slot = leased(core, "c")
    slot.state = SlotState.IDLE  # put() had found that it is not retired
    core.close(0.0)
    core._idle.append(slot)
    assert plain(core.attend(0.0)) == [("Close", "c", "closed")]
