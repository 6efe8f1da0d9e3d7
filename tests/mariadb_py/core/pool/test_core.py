"""What the pool decides when somebody borrows, and when a connection was opened for him or could not be."""

from __future__ import annotations

import pytest

from mariadb_py.core.pool.core import IMPATIENCE
from mariadb_py.core.pool.slot import ALWAYS, NEVER, Refusal, Request, SlotState
from tests.mariadb_py.core.pool.cores import full, idle, leased, opening, plain, pool, refused, take, waiting

# take and put


@pytest.mark.parametrize(("order", "expected"), [("fifo", "abcabc"), ("lifo", "cccccc")])
def test_order(order: str, expected: str) -> None:
    core = pool(order=order)
    idle(core, "a", "b", "c")
    lent = ""
    for now in range(6):
        slot = take(core, now)
        lent += slot.connection
        assert core.put(slot, now) is True
    assert lent == expected


def test_take_and_put() -> None:
    core = pool(pool_invalidation_interval=500)
    slot = idle(core, "c", now=1.0)
    assert (slot.state, slot.seen, slot.fresh_until, slot.used) == (SlotState.IDLE, 1.0, 1.5, 0)
    assert core.take(2.0) is slot
    assert (slot.state, slot.seen, slot.used, core.idle, core.size) == (SlotState.IDLE, 2.0, 1, 0, 1)
    assert core.take(2.0) is None
    slot.state, slot.told = SlotState.LEASED, True
    assert core.put(slot, 5.0) is True
    assert (slot.state, slot.seen, slot.fresh_until, slot.told) == (SlotState.IDLE, 5.0, 5.5, False)
    assert core.idle == 1
    assert [number for number, count in enumerate(slot.holds) if count] == [22]  # 3 s: 2**21 to 2**22 microseconds


def test_put_keeps_nothing_that_is_retired() -> None:
    core = pool()
    slot = leased(core, "c")
    slot.retire_at = 5.0
    assert core.put(slot, 4.9) is True
    slot = take(core, 4.95)
    assert core.put(slot, 5.0) is False
    assert (slot.state, core.idle) == (SlotState.LEASED, 0)
    assert plain(core.release(slot, "", 5.0)) == [("Close", "c", "lifetime")]


@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_an_unanswered_one_is_exchanged_for_what_was_idle_longest(order: str) -> None:
    core = pool(order=order)
    late = leased(core, "late")
    idle(core, "a", "b")
    request = Request(2.0, None)
    asked: list[str] = []
    assert core.exchange(late, request, lambda slot: bool(asked.append(slot.connection)) or True, 3.0) == []
    slot = request.slot
    assert slot is not None
    assert asked == ["a"]
    assert (slot.connection, slot.state, slot.request, slot.seen, slot.used) == ("a", SlotState.LEASED, request, 3.0, 1)
    assert (late.state, late.request, late.used) == (SlotState.IDLE, None, 1)  # whose handle it was is not confused
    assert [slot.connection for slot in core._idle] == ["b", "late"]
    assert core.figures["borrows"] == 1


@pytest.mark.parametrize(("order", "idles", "expected"), [("lifo", 1, True), ("lifo", 0, False), ("fifo", 1, False)])
def test_those_that_take_turns_are_not_exchanged(order: str, idles: int, expected: bool) -> None:
    core = pool(order=order)
    idle(core, *"abc"[:idles])
    assert core.may_exchange is expected


def test_an_unanswered_one_is_kept_where_no_other_is_better() -> None:
    core = pool()
    late = leased(core, "late")
    request = Request(2.0, None)
    assert core.exchange(late, request, lambda slot: True, 3.0) == []
    idle(core, "a", "b")
    assert core.exchange(late, request, lambda slot: False, 3.0) == []
    assert (request.slot, late.state) == (None, SlotState.LEASED)
    assert [slot.connection for slot in core._idle] == ["a", "b"]


def test_one_that_needs_no_answer_is_better() -> None:
    core = pool()
    late = leased(core, "late")
    idle(core, "a").peek = bool
    request = Request(2.0, None)
    assert core.exchange(late, request, lambda slot: False, 3.0) == []
    assert request.slot is not None
    assert request.slot.connection == "a"


def test_an_unanswered_one_goes_to_who_waits() -> None:
    core = pool(max_size=2)
    late = leased(core, "late")
    idle(core, "a")
    request, waiter = Request(2.0, None), Request(2.0, 9.0)
    core._waiters.append(waiter)  # he comes at the same moment
    assert plain(core.exchange(late, request, lambda slot: True, 3.0)) == [("Answer", waiter)]
    assert waiter.slot is late


def test_nothing_is_taken_while_not_all_is_easy() -> None:
    core = pool(max_size=1)
    (slot,) = full(core)
    request = waiting(core)
    assert core.easy is False
    assert core.put(slot, 1.0) is True
    assert core.take(1.0) is None  # it is for who came first
    assert plain(core.attend(1.0)) == [("Answer", request)]
    assert (request.slot, core.easy) == (slot, True)


@pytest.mark.parametrize("checks", [False, True])
def test_with_a_check_nothing_is_fresh(checks: bool) -> None:
    core = pool(check=print if checks else None)
    slot = leased(core, "c")
    core.put(slot, 3.0)
    assert slot.fresh_until == (3.0 if checks else 3.5)


# acquire


@pytest.mark.parametrize("deadline", [None, 9.0])
def test_acquire_gives_what_is_idle(deadline: float | None) -> None:
    core = pool()
    slot = idle(core, "c")
    request = Request(1.0, deadline, thread=77)
    slot.code, slot.thread = test_order.__code__, 5  # of who had it before
    assert plain(core.acquire(request, 1.0)) == [("Answer", request)]
    assert (request.slot, slot.state, slot.request, slot.seen, slot.used) == (slot, SlotState.LEASED, request, 1.0, 1)
    assert (slot.code, slot.thread) == (None, 77)


def test_who_does_not_queue_opens_one_himself() -> None:
    core = pool(max_size=1)
    request, late = Request(0.0, None), Request(0.0, None)
    (slot,) = opening(core.acquire(request, 0.0))
    assert (slot.state, slot.request, core.connecting) == (SlotState.OPENING, request, 0)
    assert plain(core.acquire(late, 0.0)) == [("Answer", late)]
    assert refused(late) == (Refusal.EXHAUSTED, None)
    assert plain(core.opened(slot, "c", 1.0)) == [("Answer", request)]
    assert (request.slot, slot.state, slot.seen, slot.used) == (slot, SlotState.LEASED, 1.0, 1)
    assert core.figures["refused"] == 1
    assert core.figures["borrow_waits"] == 0


def test_who_does_not_queue_passes_nobody() -> None:
    core = pool(max_size=2)
    full(core)
    first = waiting(core)
    core.resize(core.options.changed(max_size=3), 0.0)
    core._slots.pop()  # even if there is room
    request = Request(0.0, None)
    core.acquire(request, 0.0)
    assert refused(request) == (Refusal.EXHAUSTED, None)
    assert list(core._waiters) == [first]


def test_who_queues_gets_one_opened_in_the_background() -> None:
    core = pool()
    request = Request(0.0, 9.0)
    (slot,) = opening(core.acquire(request, 0.0))
    assert (slot.request, core.waiting, core.connecting, core.easy) == (None, 1, 1, False)
    assert plain(core.opened(slot, "c", 2.0)) == [("Answer", request)]
    assert (request.slot, request.waited, core.waiting, core.easy) == (slot, 2.0, 0, True)
    figures = core.figures
    assert [figures[name] for name in ("borrow_waits", "handoffs", "borrows")] == [1, 1, 1]
    assert figures["wait"] == {"count": 1, "buckets": {2.097152: 1}}


def test_whatever_comes_first_is_for_who_waits_first() -> None:
    core = pool(max_size=3)
    slot = leased(core, "a")
    ann, bob, cid = (waiting(core, timeout=timeout) for timeout in (30.0, 10.0, 20.0))
    assert core.connecting == 2
    core.put(slot, 1.0)
    assert plain(core.attend(1.0)) == [("Answer", ann)]
    first, second = (slot for slot in core.slots if slot.state == SlotState.OPENING)
    assert plain(core.opened(second, "b", 1.0)) == [("Answer", bob)]
    assert plain(core.opened(first, "c", 1.0)) == [("Answer", cid)]


def test_one_that_is_retired_is_not_handed_over() -> None:
    core = pool(max_size=2)
    old, _ = full(core)
    old.retire_at = 3.0
    waiting(core)
    core.put(old, 2.0)
    actions = core.attend(3.0)
    assert plain(actions[:1]) == [("Close", "c0", "lifetime")]
    assert len(opening(actions)) == 1  # in its place


@pytest.mark.parametrize(("concurrency", "expected"), [(1, 1), (2, 2), (9, 5)])
def test_connect_concurrency(concurrency: int, expected: int) -> None:
    core = pool(max_size=5, connect_concurrency=concurrency)
    for _ in range(7):
        waiting(core)
    assert core.connecting == expected
    slot = next(iter(core.slots))
    assert len(opening(core.opened(slot, "c", 0.0))) == (expected < 5)


@pytest.mark.parametrize("waiters", [1, 3])
def test_no_more_are_opened_than_wait(waiters: int) -> None:
    core = pool(max_size=9)
    for _ in range(waiters):
        waiting(core)
    assert core.connecting == waiters


def test_max_waiting() -> None:
    core = pool(max_size=1, max_waiting=2)
    full(core)
    waiting(core)
    waiting(core)
    request = Request(0.0, 9.0)
    assert plain(core.acquire(request, 0.0)) == [("Answer", request)]
    assert refused(request) == (Refusal.QUEUE_FULL, None)
    assert (core.figures["queue_full"], core.figures["refused"], core.waiting) == (1, 1, 2)
    request = Request(0.0, None)  # he would not wait
    core.acquire(request, 0.0)
    assert refused(request) == (Refusal.EXHAUSTED, None)
    assert core.figures["queue_full"] == 1


# dead


@pytest.mark.parametrize(("reason", "suspect"), [("dead", True), ("ping", True), ("reset", False)])
def test_who_does_not_queue_replaces_a_dead_one_himself(reason: str, suspect: bool) -> None:
    core = pool(max_size=2)
    slot, other = idle(core, "a", "b")
    request = Request(0.0, None)
    core.acquire(request, 0.0)
    actions = core.dead(slot, request, reason, 0.0)
    assert plain(actions) == [("Close", "a", reason), ("Open", slot)]
    assert (request.slot, slot.state, slot.connection, slot.request) == (None, SlotState.OPENING, None, request)
    assert (other.fresh_until == ALWAYS) is suspect
    assert core.figures["discards"][reason] == 1
    assert plain(core.opened(slot, "c", 1.0)) == [("Answer", request)]
    assert (slot.used, slot.connection, core.size) == (1, "c", 2)


def test_what_was_borrowed_of_a_slot_is_counted_on_when_it_cannot_be_opened_anew() -> None:
    core = pool()
    slot = leased(core, "c")
    core.put(slot, 1.0)
    slot.resets, slot.spared = 1, 2
    request = Request(2.0, None)
    core.acquire(request, 2.0)
    core.dead(slot, request, "dead", 2.0)
    assert core.failed(slot, OSError(), False, 2.0) == []
    figures = core.figures
    names = ("borrows", "resets", "resets_skipped", "connect_errors", "size")
    assert [figures[name] for name in names] == [1, 1, 2, 1, 0]
    assert figures["hold"]["count"] == 1


def test_whose_connection_is_dead_is_the_first_in_the_queue() -> None:
    core = pool(max_size=2)
    slot, other = full(core)
    ann, bob = waiting(core), waiting(core)
    core.put(slot, 1.0)
    core.attend(1.0)
    assert ann.slot is slot
    actions = core.dead(slot, ann, "dead", 1.0)
    assert plain(actions[:1]) == [("Close", "c0", "dead")]
    assert len(opening(actions)) == 1
    assert (list(core._waiters), ann.slot, ann.waited, core.easy) == ([ann, bob], None, None, False)
    core.put(other, 2.0)
    assert plain(core.attend(2.0)) == [("Answer", ann)]
    figures = core.figures
    assert figures["borrows"] == figures["wait"]["count"] == 3  # two without waiting, and hers
    assert (figures["handoffs"], ann.waited) == (2, 2.0)


def test_a_dead_one_of_a_closed_pool() -> None:
    for deadline in (None, 9.0):
        core = pool()
        slot = idle(core, "c")
        request = Request(0.0, deadline)
        core.acquire(request, 0.0)
        core.close(0.0)
        assert plain(core.dead(slot, request, "dead", 0.0)) == [("Close", "c", "dead"), ("Answer", request)]
        assert refused(request) == (Refusal.CLOSED, None)
        assert core.size == 0


def test_a_dead_one_that_was_given_up_already() -> None:
    core = pool()
    slot, other = idle(core, "a", "b")
    request = Request(0.0, 9.0)
    core.acquire(request, 0.0)
    core.lost(slot, 0.0)
    assert plain(core.dead(slot, request, "dead", 0.0)) == [("Answer", request)]
    assert request.slot is other


def test_a_dead_one_that_was_drained_is_not_replaced_by_one_that_is_drained() -> None:
    core = pool()
    slot = idle(core, "c")
    request = Request(0.0, None)
    core.acquire(request, 0.0)
    core.drain(0.0)
    actions = core.dead(slot, request, "dead", 0.0)
    assert plain(actions[:1]) == [("Close", "c", "dead")]
    (new,) = opening(actions)
    assert new is not slot
    assert plain(core.opened(new, "d", 0.0)) == [("Answer", request)]


# opened and failed


@pytest.mark.parametrize(
    ("lifetime", "longest", "jitter", "random", "expected"),
    [
        (0, NEVER, 0.1, 1.0, NEVER),
        (100, NEVER, 0.0, 1.0, 105.0),
        (100, NEVER, 0.1, 0.0, 105.0),
        (100, NEVER, 0.1, 1.0, 95.0),
        (100, NEVER, 0.5, 0.5, 80.0),
        (100, 60.0, 0.1, 0.5, 62.0),
        (0, 60.0, 0.0, 0.5, 65.0),
    ],
)
def test_lifetime(lifetime: float, longest: float, jitter: float, random: float, expected: float) -> None:
    core = pool(random, max_lifetime=lifetime, lifetime_jitter=jitter)
    core.longest_life = longest
    assert idle(core, "c", now=5.0).retire_at == pytest.approx(expected)


def test_a_success_ends_the_pause_for_all() -> None:
    core = pool(background=True, min_size=2)
    first, second = opening(core.start(0.0))
    core.failed(first, OSError(), False, 0.0)
    core.failed(second, OSError(), False, 0.0)
    request = Request(0.0, None)
    (slot,) = opening(core.acquire(request, 0.0))
    actions = core.opened(slot, "c", 0.0)
    assert plain(actions[:1]) == [("Answer", request)]
    assert len(opening(actions)) == 1  # the second of min_size
    assert core.last_error is None


@pytest.mark.parametrize(("random", "share"), [(0.0, 0.5), (1.0, 1.0), (0.5, 0.75)])
def test_backoff(random: float, share: float) -> None:
    core = pool(random, min_size=1, backoff=0.05, max_backoff=5)
    (slot,) = opening(core.start(0.0))
    now = 0.0
    for delay in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        assert core.failed(slot, OSError(), False, now) == []
        due = core.due(now)
        assert due == pytest.approx(now + delay * share)
        assert core.tick(due - 0.001) == []
        now = due
        (slot,) = opening(core.tick(now))
    core.opened(slot, "c", now)
    slot = take(core, now)
    actions = core.release(slot, "error", now)
    (slot,) = opening(actions)
    core.failed(slot, OSError(), False, now)
    assert core.due(now) == pytest.approx(now + 0.05 * share)


def test_backoff_has_no_end_and_no_overflow() -> None:
    core = pool(min_size=1)
    (slot,) = opening(core.start(0.0))
    for now in range(0, 20_000, 10):
        core.failed(slot, OSError(), False, now)
        (slot,) = opening(core.tick(now + 5.0))
    assert core.figures["connect_errors"] == 2000


@pytest.mark.parametrize(("most", "expected"), [(5, IMPATIENCE), (0.2, 0.2)])
def test_while_somebody_waits_attempts_are_more_frequent(most: float, expected: float) -> None:
    core = pool(min_size=1, max_size=1, backoff=0.1, max_backoff=most)
    (slot,) = opening(core.start(0.0))
    for _ in range(9):
        core.failed(slot, OSError(), False, 0.0)
        core._retry_at = ALWAYS
        (slot,) = opening(core.tick(0.0))
    core.failed(slot, OSError(), False, 0.0)
    assert core.due(0.0) == most
    waiting(core, now=0.0)
    assert core.due(0.0) == expected
    (slot,) = opening(core.tick(expected))
    core.failed(slot, OSError(), False, expected)
    assert core.due(expected) == 2 * expected


def test_an_error_is_no_bodys_end() -> None:
    core = pool(max_size=1)
    request = waiting(core)
    error = OSError("no route")
    (slot,) = core.slots
    assert core.failed(slot, error, False, 0.0) == []
    assert (slot.state, core.size, core.waiting) == (SlotState.GONE, 0, 1)
    assert plain(core.withdraw(request, Refusal.TIMEOUT, 30.0)[:1]) == [("Answer", request)]
    assert (request.refusal, request.error) == (Refusal.TIMEOUT, error)


def test_a_refused_login_is_told_to_everybody_at_once() -> None:
    core = pool(max_size=3, min_size=2)
    ann, bob = waiting(core), waiting(core)
    ready = Request(0.0, 9.0)
    core.await_ready(ready, 0.0)
    error = OSError("access denied")
    slot = next(iter(core.slots))
    assert plain(core.failed(slot, error, True, 0.0)) == [("Answer", ann), ("Answer", bob), ("Answer", ready)]
    for request in (ann, bob, ready):
        assert (request.refusal, request.error) == (Refusal.LOGIN, error)
    assert (core.waiting, core.easy, core.figures["refused"]) == (0, True, 3)


def test_who_opened_for_himself_gets_the_error_himself() -> None:
    core = pool()
    request = Request(0.0, None)
    (slot,) = opening(core.acquire(request, 0.0))
    assert core.failed(slot, OSError(), True, 0.0) == []
    assert (request.refusal, core.size) == ("", 0)


def test_failed_for_a_slot_that_is_gone() -> None:
    core = pool()
    request = Request(0.0, None)
    (slot,) = opening(core.acquire(request, 0.0))
    core.cancel(request, 0.0)
    core.failed(slot, OSError(), False, 0.0)
    assert core.figures["connect_errors"] == 1
    assert plain(core.opened(slot, "c", 0.0)) == [("Close", "c", "closed")]
    assert core.size == 0


@pytest.mark.parametrize("asks", [False, True])
def test_opened_too_late(asks: bool) -> None:
    core = pool()
    request = Request(0.0, None)
    action = core.grow(request if asks else None)
    assert action is not None
    core.close(0.0)
    answers = [("Answer", request)] if asks else []
    assert plain(core.opened(action.slot, "c", 0.0)) == [("Close", "c", "closed"), *answers]
    assert request.refusal == (Refusal.CLOSED if asks else "")
    assert (core.size, core.figures["discards"]["closed"]) == (0, 1)


@pytest.mark.parametrize("asks", [False, True])
def test_opened_before_a_drain_that_came_meanwhile(asks: bool) -> None:
    core = pool(min_size=0 if asks else 1)
    request = Request(0.0, None)
    action = core.grow(request if asks else None)
    assert action is not None
    core.drain(0.0)
    actions = core.opened(action.slot, "c", 0.0)
    assert plain(actions[:1]) == [("Close", "c", "drained")]
    (new,) = opening(actions)
    assert new.request is (request if asks else None)


def test_a_place_that_a_drain_freed_is_for_who_waits() -> None:
    core = pool(max_size=1)
    request, other = Request(0.0, None), Request(0.0, 9.0)
    (slot,) = opening(core.acquire(request, 0.0))
    core.suspend(False)
    core.acquire(other, 0.0)
    core.drain(0.0)
    actions = core.opened(slot, "c", 0.0)
    assert request.refusal == Refusal.SUSPENDED
    assert len(opening(actions)) == 1
