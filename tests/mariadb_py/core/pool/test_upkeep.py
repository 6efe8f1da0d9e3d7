"""What the pool does as time goes by."""

from __future__ import annotations

import pytest

from mariadb_py.core.pool.slot import ALWAYS, NEVER, Refusal, Request, SlotState
from mariadb_py.core.pool.upkeep import STRAY
from tests.mariadb_py.core.pool.cores import examined, full, idle, leased, opening, plain, pool, take, waiting

# Deadlines


def test_who_waits_is_answered_at_his_deadline() -> None:
    core = pool(max_size=1)
    full(core)
    late, patient = waiting(core, timeout=2.0), waiting(core, timeout=3.0)
    ready = Request(0.0, 2.0)
    core._ready.append(ready)
    assert core.tick(1.9) == []
    assert plain(core.tick(2.0)) == [("Answer", late), ("Answer", ready)]
    assert (late.refusal, ready.refusal, core.figures["timeouts"]) == (Refusal.TIMEOUT, Refusal.TIMEOUT, 2)
    assert (list(core._waiters), core.easy) == ([patient], False)
    assert plain(core.tick(3.0)) == [("Answer", patient)]
    assert core.easy is True


def test_what_is_idle_at_the_deadline_is_given_to_the_next() -> None:
    core = pool(max_size=1)
    (slot,) = full(core)
    late, late_too = waiting(core, timeout=2.0), waiting(core, timeout=2.0)
    core.put(slot, 2.0)  # and who has put it has come no further
    assert plain(core.tick(2.0)) == [("Answer", late), ("Answer", late_too)]
    assert (late.refusal, late_too.refusal, late_too.slot) == (Refusal.TIMEOUT, "", slot)


# Lifetime


def test_lifetime() -> None:
    core = pool(max_lifetime=100, lifetime_jitter=0)
    busy = leased(core, "a")
    idle(core, "b")
    assert core.tick(99.9) == []
    assert plain(core.tick(100.0)) == [("Close", "b", "lifetime")]
    assert (busy.state, core.figures["discards"]["lifetime"]) == (SlotState.LEASED, 1)


def test_what_is_retired_is_replaced() -> None:
    core = pool(max_lifetime=100, lifetime_jitter=0, min_size=1)
    (slot,) = opening(core.start(0.0))
    core.opened(slot, "a", 0.0)
    actions = core.tick(100.0)
    assert plain(actions[:1]) == [("Close", "a", "lifetime")]
    (slot,) = opening(actions)
    core.opened(slot, "b", 100.0)
    assert slot.retire_at == 200.0


# Shrinking


def test_shrinks_by_what_was_never_needed() -> None:
    core = pool(max_size=6, max_idle_time=10)
    core.start(0.0)
    idle(core, "a", "b", "c", "d", "e")
    assert core.tick(10.0) == []  # the first window began with none
    slots = [take(core, 11.0), take(core, 11.0)]
    for slot in slots:
        core.put(slot, 12.0)
    assert core.tick(19.9) == []
    assert plain(core.tick(20.0)) == [("Close", name, "idle") for name in "cde"]
    assert plain(core.tick(30.0)) == [("Close", name, "idle") for name in "ab"]


@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_shrinks_to_min_size_the_longest_idle_first(order: str) -> None:
    core = pool(max_size=6, max_idle_time=10, order=order)
    slots = idle(core, "a", "b", "c", "d")
    core.tick(10.0)
    core.options.min_size = 3
    for slot, seen in zip(slots, (13.0, 12.0, 11.0, 14.0)):
        slot.seen = seen
    assert plain(core.tick(20.0)) == [("Close", "c", "idle")]
    assert core.tick(30.0) == []
    assert core.figures["discards"]["idle"] == 1


def test_does_not_shrink_by_what_somebody_found_missing() -> None:
    core = pool(max_size=4, max_idle_time=10)
    idle(core, "a", "b")
    core.tick(10.0)
    slots = examined(core)  # so for a moment there are none
    request = Request(12.0, None)
    core.acquire(request, 12.0)
    for slot in slots:
        core.checked(slot, True, 12.0)
    assert core.tick(20.0) == []


def test_does_not_shrink_without_a_limit() -> None:
    core = pool(max_idle_time=0)
    idle(core, "a")
    assert core.tick(1.0) == core.tick(1e6) == []


# Checks


@pytest.mark.parametrize(("random", "first"), [(0.0, 120.0), (1.0, 108.0), (0.5, 114.0)])
def test_keepalive(random: float, first: float) -> None:
    core = pool(random, keepalive=120)
    slot = idle(core, "c")
    assert core.tick(first - 0.001) == []
    assert plain(core.tick(first)) == [("Check", slot)]
    assert (slot.state, core.idle, core.take(first)) == (SlotState.CHECKING, 0, None)
    assert core.checked(slot, True, 130.0) == []
    assert (slot.state, slot.seen, slot.fresh_until, core.idle) == (SlotState.IDLE, 130.0, 130.5, 1)


def test_keepalive_is_more_frequent_where_the_server_is_impatient() -> None:
    core = pool(0.0, keepalive=120)
    core.longest_life = 60.0
    idle(core, "c")
    assert core.due(0.0) == 30.0
    assert core.tick(29.9) == []
    assert [action[0] for action in plain(core.tick(30.0))] == ["Check"]


@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_what_has_answered_is_lent_next(order: str) -> None:
    core = pool(order=order)
    first, second = idle(core, "a", "b")
    for slot in examined(core):
        core.checked(slot, True, 0.0)
    assert core.take(0.0) is second
    assert core.take(0.0) is first


def test_what_has_answered_is_for_who_waits() -> None:
    core = pool(max_size=1)
    slot = idle(core, "c")
    assert examined(core) == [slot]
    request = waiting(core)
    assert plain(core.checked(slot, True, 0.0)) == [("Answer", request)]


def test_what_does_not_answer_makes_others_suspect() -> None:
    core = pool(min_size=2, max_size=2)
    for slot, connection in zip(opening(core.start(0.0)), "ab"):
        core.opened(slot, connection, 0.0)
    slot = core._idle[0]
    core._pull(slot)
    slot.state = SlotState.CHECKING
    actions = core.checked(slot, False, 0.0)
    assert plain(actions[:1]) == [("Close", slot.connection, "dead")]
    assert len(opening(actions)) == 1
    assert core._idle[0].fresh_until == ALWAYS


@pytest.mark.parametrize(("event", "reason"), [("retired", "lifetime"), ("drained", "drained"), ("closed", "closed")])
def test_what_has_answered_too_late(event: str, reason: str) -> None:
    core = pool()
    slot, other = idle(core, "a", "b")
    examined(core)
    core.checked(other, True, 0.0)
    if event == "retired":
        slot.retire_at = 5.0
    elif event == "drained":
        core.drain(0.0)
    else:
        core.close(0.0)
    assert plain(core.checked(slot, True, 5.0)) == [("Close", "a", reason)]
    assert slot.state == SlotState.GONE
    assert other.fresh_until == 0.5  # it is alive, after all


def test_checked_twice() -> None:
    core = pool()
    slot = idle(core, "c")
    examined(core)
    core.checked(slot, True, 0.0)
    assert core.checked(slot, False, 0.0) == []
    examined(core)
    core.checked(slot, False, 0.0)
    assert core.checked(slot, True, 0.0) == []
    assert core.size == 0


# Leaks


def test_a_leak_is_told_once_for_each_lease() -> None:
    core = pool(leak_timeout=5)
    slot = leased(core, "c")
    assert core.tick(4.9) == []
    assert plain(core.tick(5.0)) == [("Tell", slot)]
    assert core.tick(6.0) == []
    core.put(slot, 7.0)
    take(core, 7.0)
    assert core.tick(11.9) == []
    assert plain(core.tick(12.0)) == [("Tell", slot)]
    assert core.figures["leaks"] == 2


def test_no_leak_is_told_without_a_timeout() -> None:
    core = pool()
    leased(core, "c")
    assert core.tick(1e6) == []


# Strays


def test_a_slot_that_nobody_has_is_given_up() -> None:
    core = pool(max_size=1)
    slot = idle(core, "c")
    assert core.take(0.0) is slot  # and Ctrl-C came
    request = waiting(core)
    assert core.tick(5.0) == []
    assert core.due(5.0) == 5.0 + STRAY
    assert core.tick(5.0 + STRAY - 0.01) == []
    actions = core.tick(5.0 + STRAY)
    assert plain(actions[:1]) == [("Close", "c", "error")]
    (new,) = opening(actions)
    assert plain(core.opened(new, "d", 6.0)) == [("Answer", request)]
    assert core.due(6.0) is None


def test_who_does_not_queue_finds_strays_too() -> None:
    core = pool(max_size=1)
    slot = idle(core, "c")
    core.take(0.0)
    first, second, third = (Request(now, None) for now in (0.0, STRAY, STRAY))
    core.acquire(first, 0.0)
    actions = core.acquire(second, STRAY)
    assert plain(actions) == [("Close", "c", "error"), ("Answer", second)]
    assert (first.refusal, second.refusal, slot.state) == (Refusal.EXHAUSTED, Refusal.EXHAUSTED, SlotState.GONE)
    assert len(opening(core.acquire(third, STRAY))) == 1


def test_what_was_a_strays_place_is_for_who_waits() -> None:
    core = pool(max_size=1)
    idle(core, "c")
    core.take(0.0)
    waiting(core)
    hasty = Request(STRAY, None)
    core.tick(0.0)
    actions = core.acquire(hasty, STRAY)
    assert plain(actions[:1]) == [("Close", "c", "error")]
    assert len(opening(actions)) == 1
    assert hasty.refusal == Refusal.EXHAUSTED


@pytest.mark.parametrize("moment", ["before LEASED", "before it is idle"])
def test_who_is_seen_twice_between_two_steps_has_not_strayed(moment: str) -> None:
    core = pool()
    slot = idle(core, "c")
    core.take(0.0)
    core.tick(0.1)
    slot.state = SlotState.LEASED
    core.put(slot, 1.0)
    if moment == "before LEASED":
        core.take(1.0)
    else:
        core._idle.remove(slot)
    assert core.tick(0.1 + STRAY) == []
    assert slot.strayed == 0.1 + STRAY
    slot.state = SlotState.LEASED
    assert core.tick(5.0) == []
    assert slot.strayed == NEVER


def test_strays_of_a_closed_pool() -> None:
    core = pool()
    idle(core, "c")
    core.take(0.0)
    assert core.close(0.0) == []
    assert core.due(0.0) == STRAY
    assert plain(core.tick(STRAY)) == [("Close", "c", "error")]
    assert (core.size, core.due(STRAY)) == (0, None)


# due


def test_nothing_is_due_without_a_timed_feature() -> None:
    core = pool(max_lifetime=0)
    idle(core, "a")
    leased(core, "b")
    assert core.due(0.0) is None


def test_due() -> None:
    core = pool(0.0, keepalive=120, max_lifetime=100, lifetime_jitter=0, max_idle_time=90, leak_timeout=80)
    core.start(0.0)
    assert core.due(0.0) == 80.0  # whoever borrows now does not tell
    idle(core, "a", now=5.0)
    slot = leased(core, "b", now=5.0)
    assert core.due(10.0) == 85.0
    slot.told = True
    assert core.due(11.0) == 90.0  # the window
    core.options.min_size = 2
    assert core.due(26.0) == 105.0  # the lifetime
    assert core.due(200.0) == 200.0
    core.options.leak_timeout = 0
    core.options.max_lifetime = 0
    for one in core.slots:
        one.retire_at = NEVER
    assert core.due(6.0) == 125.0  # 120 s behind 5.0


def test_a_retry_that_became_due_after_the_last_look_is_due() -> None:
    core = pool(min_size=1)
    (slot,) = opening(core.start(0.0))
    core.failed(slot, OSError(), False, 0.0)
    assert core.tick(0.049) == []
    assert core.due(0.051) == 0.051
    assert len(opening(core.tick(0.051))) == 1
    assert core.due(0.051) is None


def test_nothing_is_due_in_a_closed_pool() -> None:
    core = pool(keepalive=120, max_idle_time=90, leak_timeout=80, min_size=1)
    leased(core, "b")
    core.close(0.0)
    assert core.due(0.0) is None
