"""The sets that slots are in, and what can be said of them at any time."""

from __future__ import annotations

from mariadb_py.core.pool.slot import ALWAYS, Request, SlotState
from mariadb_py.core.pool.stats import COUNTERS, DISCARDS, GAUGES
from tests.mariadb_py.core.pool.cores import examined, full, idle, leased, opening, plain, pool, take, waiting


def test_a_new_pool_is_empty_and_easy() -> None:
    core = pool()
    assert (core.size, core.idle, core.waiting, core.connecting, core.open) == (0, 0, 0, 0, 0)
    assert (core.easy, core.closed, core.suspended, core.last_error) == (True, False, False, None)
    assert core.slots == ()
    assert core.holders() == []


def test_facts() -> None:
    core = pool(max_size=6, min_size=1)
    leased(core, "a")
    idle(core, "b")
    (checking,) = examined(core)
    idle(core, "c")
    core.grow()
    request = Request(0.0, None)
    core._open(request)
    assert (core.size, core.idle, core.connecting, core.open) == (5, 1, 1, 3)
    assert core.count(SlotState.OPENING) == 2
    assert core.count(SlotState.CHECKING) == 1
    assert checking in core.slots
    figures = core.figures
    assert {name: figures[name] for name in GAUGES} == {
        "size": 5,
        "idle": 1,
        "active": 1,
        "connecting": 2,
        "waiting": 0,
        "min_size": 1,
        "max_size": 6,
    }
    counted = {*COUNTERS, "borrows", "resets", "resets_skipped"}
    assert set(figures) == {*GAUGES, *counted, "discards", "wait", "hold", "connect"}
    assert set(figures["discards"]) == set(DISCARDS)


def test_who_waits_is_counted() -> None:
    core = pool(max_size=1)
    full(core)
    waiting(core)
    waiting(core)
    assert (core.waiting, core.figures["waiting"], core.figures["borrow_waits"]) == (2, 2, 2)


def test_the_longest_borrowed_comes_first() -> None:
    core = pool()
    idle(core, "a", "b", "c", "d")
    first, second, third = (take(core, now) for now in (3.0, 1.0, 2.0))
    assert core.holders() == [second, third, first]


def test_figures_outlive_slots() -> None:
    core = pool(max_size=2)
    for now in range(3):
        slot = leased(core, "c", now=now)
        slot.resets += 2
        slot.spared += 3
        core.put(slot, now + 1.0)
        core.release(take(core, now + 1.0), "error", now + 2.0)
    core.put(leased(core, "d"), 1.0)
    figures = core.figures
    names = ("borrows", "resets", "resets_skipped", "size", "connects")
    assert [figures[name] for name in names] == [7, 6, 9, 1, 4]
    assert figures["hold"] == {"count": 7, "buckets": {1.048576: 7}}
    assert figures["wait"] == {"count": 7, "buckets": {1e-06: 7}}  # nobody did
    assert figures["discards"]["error"] == 3


def test_suspect() -> None:
    core = pool()
    slot = leased(core, "a")
    others = idle(core, "b", "c")
    core.suspect()
    assert [other.fresh_until for other in others] == [ALWAYS, ALWAYS]
    assert slot.fresh_until == 0.5
    core.put(slot, 1.0)
    assert slot.fresh_until == 1.5  # it was in use, so it is alive


def test_pull_and_gather() -> None:
    core = pool()
    first, second, third = idle(core, "a", "b", "c")
    assert core._pull(second) is True
    assert core._pull(second) is False
    assert core._gather(lambda slot: slot is not first) == [third]
    assert list(core._idle) == [first]


def test_capacity_comes_back_once() -> None:
    core = pool(max_size=1)
    (slot,) = full(core)
    assert plain([core._discard(slot, "error")]) == [("Close", "c0", "error")]
    assert (slot.state, core.size) == (SlotState.GONE, 0)
    assert len(opening(core.acquire(Request(0.0, None), 0.0))) == 1
