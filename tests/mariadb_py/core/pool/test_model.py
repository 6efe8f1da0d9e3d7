"""The core against a model in any order; and `take()` and `put()`, which need no lock, between any two lines of others.

The long form of the first is `python -m tests.chaos.core_model`.
"""

from __future__ import annotations

import sys
import threading
from time import monotonic

import pytest

from mariadb_py.core.pool import core as core_module
from mariadb_py.core.pool.actions import Answer, Close
from mariadb_py.core.pool.core import PoolCore
from mariadb_py.core.pool.options import PoolOptions
from mariadb_py.core.pool.slot import Request, Slot, SlotState
from tests.chaos import core_model
from tests.mariadb_py.core.pool.cores import examined, full, idle, leased, pool, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import Any

    from mariadb_py.core.pool.actions import Action

STEPS = 12_000
SOURCES = core_module.__file__.rpartition("core.py")[0]  # the folder
PATIENCE = 60.0
THREADS = 8


def test_model() -> None:
    assert core_model.check(STEPS // core_model.EXAMPLE) > STEPS / 2  # some examples end early


def test_each_step_is_tried() -> None:
    names = {name[len("step_") :] for name in vars(core_model.Shell) if name.startswith("step_")}
    assert names == set(core_model.STEPS)


# One line at a time


class Lines:
    """Counts the lines of the core that `run()` executes, and calls functions before some of them.

    Args:
        calls: number of the line, and what is called before it.
    """

    def __init__(self, *calls: tuple[int, Callable[[], object]]) -> None:
        self.calls = calls
        self.count = 0

    def run(self, decide: Callable[..., Any], *arguments: Any) -> Any:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            return decide(*arguments)
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(SOURCES):
            return None
        if event == "line":
            for line, function in self.calls:
                if line == self.count:
                    function()  # what is called by a trace function is not traced
            self.count += 1
        return self._trace


def each_line(scene: Callable[[int], int]) -> None:
    """Play a scene with an interruption at each line; it returns how many lines there were."""
    line = 0
    while scene(line) > line:
        line += 1
    assert line > 5


def answered(actions: Sequence[Action]) -> list[Request]:
    return [action.request for action in actions if isinstance(action, Answer)]


@pytest.mark.parametrize("late", range(0, 40, 3))
def test_a_slot_that_is_put_back_while_somebody_comes_is_his(late: int) -> None:
    """`put()` between any two lines of `acquire()`; and whether all is easy is seen at once, or some lines later."""

    def scene(line: int) -> int:
        core = pool(max_size=1)
        (slot,) = full(core)
        request = Request(1.0, 9.0)
        easy: list[bool] = []

        def put() -> None:
            assert core.put(slot, 1.0) is True

        def look() -> None:
            easy.append(core.easy)

        lines = Lines((line, put), (line + late, look))
        actions = lines.run(core.acquire, request, 1.0)
        if lines.count <= line:  # it was over before
            put()
        if not easy:
            look()
        if not easy[0]:
            actions += core.attend(1.0)
        assert answered(actions) == [request]
        assert (request.slot, slot.state, core.idle, core.waiting) == (slot, SlotState.LEASED, 0, 0)
        assert core.easy is True
        return lines.count

    each_line(scene)


def test_somebody_who_comes_while_a_slot_is_put_back_gets_it() -> None:
    """`acquire()` between any two lines of `put()`."""

    def scene(line: int) -> int:
        core = pool(max_size=1)
        (slot,) = full(core)
        request = Request(1.0, 9.0)
        actions: list[Action] = []
        lines = Lines((line, lambda: actions.extend(core.acquire(request, 1.0))))
        assert lines.run(core.put, slot, 1.0) is True
        if lines.count <= line:
            actions += core.acquire(request, 1.0)
        if not core.easy:
            actions += core.attend(1.0)
        assert answered(actions) == [request]
        assert (request.slot, slot.state, core.waiting) == (slot, SlotState.LEASED, 0)
        return lines.count

    each_line(scene)


SCENES: dict[str, Callable[[PoolCore], list[Action] | list[Slot] | float | None]] = {
    "acquire": lambda core: core.acquire(Request(1.0, 9.0), 1.0),
    "acquire at once": lambda core: core.acquire(Request(1.0, None), 1.0),
    "drain": lambda core: core.drain(1.0),
    "resize": lambda core: core.resize(core.options.changed(max_size=1), 1.0),
    "tick: retire": lambda core: core.tick(1000.0),
    "tick: shrink": lambda core: core.tick(50.0),
    "tick: check": lambda core: core.tick(30.0),
    "close": lambda core: core.close(1.0),
    "suspect": lambda core: core.suspect() or [],  # type: ignore[func-returns-value]
    "examine": lambda core: examined(core),
    "attend": lambda core: core.attend(1.0),
    "due": lambda core: core.due(1.0),
    "figures": lambda core: core.figures and [],
}


@pytest.mark.parametrize("order", ["fifo", "lifo"])
@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("before", [0, 1])
def test_a_slot_that_is_taken_meanwhile_has_one_owner(name: str, order: str, before: int) -> None:
    """`take()` (all that are idle but `before`) between any two lines of whatever the lock is needed for."""

    def scene(line: int) -> int:
        core = pool(order=order, max_size=4, max_lifetime=1000, lifetime_jitter=0, max_idle_time=40, keepalive=30)
        core._lull = 3
        slots = idle(core, "a", "b", "c")
        owned: list[Slot] = []

        def take() -> None:
            while core.idle > before:
                slot = core.take(1.0)
                if slot is None:
                    break
                slot.state = SlotState.LEASED
                owned.append(slot)

        lines = Lines((line, take))
        outcome = lines.run(SCENES[name], core)
        actions = outcome if isinstance(outcome, list) else []
        given = [request.slot for request in answered(actions) if request.slot is not None]  # type: ignore[arg-type]
        closed = [action.connection for action in actions if isinstance(action, Close)]
        others = [slot for slot in core.slots if slot.state == SlotState.CHECKING]
        places = [*owned, *given, *others, *core._idle]
        everything = [slot.connection for slot in places if slot is not None] + closed
        assert sorted(everything) == ["a", "b", "c"]
        assert all(slot.state == SlotState.LEASED and slot in core.slots for slot in owned)
        assert {slot for slot in slots if slot in core.slots} == {slot for slot in places if slot is not None}
        return lines.count

    line = 0
    while scene(line) > line:
        line += 1


def test_a_slot_that_is_taken_before_who_puts_it_back_has_come_further() -> None:
    def scene(line: int) -> int:
        core = pool()
        slot = leased(core, "c")
        taken: list[Slot] = []

        def take() -> None:
            found = core.take(2.0)
            if found is not None:
                found.state = SlotState.LEASED
                taken.append(found)

        lines = Lines((line, take))
        assert lines.run(core.put, slot, 1.0) is True
        assert (slot.state, core.idle) == ((SlotState.LEASED, 0) if taken else (SlotState.IDLE, 1))
        assert (slot.seen, slot.told) == (2.0 if taken else 1.0, False)
        return lines.count

    each_line(scene)


def test_a_slot_that_is_put_back_while_the_pool_closes_is_closed_once() -> None:
    def scene(line: int) -> int:
        core = pool()
        slot = leased(core, "c")
        kept: list[bool] = []
        lines = Lines((line, lambda: kept.append(core.put(slot, 1.0))))
        actions = lines.run(core.close, 1.0)
        if not kept:
            kept.append(core.put(slot, 1.0))
        actions += core.attend(1.0) if kept[0] else core.release(slot, "", 1.0)
        assert [action.connection for action in actions if isinstance(action, Close)] == ["c"]
        assert core.size == 0
        return lines.count

    each_line(scene)


# Threads


class Crowd:
    """Threads that borrow and return without a rest; each knows whose a connection is."""

    def __init__(self, size: int, order: str, seconds: float) -> None:
        self.core = PoolCore(PoolOptions({"max_size": size, "min_size": 0, "order": order}, service=True), lambda: 0.5)
        self.lock = threading.Lock()
        self.owners: dict[Any, int] = {}
        self.until = monotonic() + seconds
        self.borrows = 0
        self.wrong: list[str] = []

    def perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Answer):
                action.request.bell.set()  # type: ignore[attr-defined]
            else:
                with self.lock:
                    more = self.core.opened(action.slot, object(), monotonic())  # type: ignore[attr-defined]
                self.perform(more)

    def borrow(self) -> Slot:
        slot = self.core.take(monotonic())
        if slot is not None:
            slot.state = SlotState.LEASED
            return slot
        now = monotonic()
        request = Caller(now, now + PATIENCE)
        with self.lock:
            actions = self.core.acquire(request, now)
        self.perform(actions)
        if not request.bell.wait(PATIENCE) or request.slot is None:
            raise TimeoutError(f"nobody was woken: {self.core.figures}")
        return request.slot

    def work(self, number: int) -> None:
        borrows = 0
        try:
            while monotonic() < self.until:
                slot = self.borrow()
                before = self.owners.setdefault(slot.connection, number)
                if before != number:
                    raise RuntimeError(f"{number} has what {before} has")
                borrows += 1
                del self.owners[slot.connection]
                if not self.core.put(slot, monotonic()):
                    raise RuntimeError("nothing is retired here")
                if not self.core.easy:
                    with self.lock:
                        actions = self.core.attend(monotonic())
                    self.perform(actions)
        except Exception as error:
            self.wrong.append(repr(error))
        with self.lock:
            self.borrows += borrows


class Caller(Request):
    """Somebody who waits in a thread."""

    __slots__ = ("bell",)

    def __init__(self, since: float, deadline: float) -> None:
        super().__init__(since, deadline, threading.get_ident())
        self.bell = threading.Event()


@pytest.mark.parametrize("order", ["fifo", "lifo"])
@pytest.mark.parametrize("size", [1, 3, THREADS])
def test_threads_lose_no_wake_up_and_share_no_connection(size: int, order: str) -> None:
    interval = sys.getswitchinterval()
    crowd = Crowd(size, order, 0.5)
    threads = [threading.Thread(target=crowd.work, args=(number,), daemon=True) for number in range(THREADS)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE)
    finally:
        sys.setswitchinterval(interval)
    core = crowd.core
    assert crowd.wrong == []
    assert not any(thread.is_alive() for thread in threads)
    assert crowd.borrows >= THREADS
    figures = core.figures
    assert figures["borrows"] == figures["wait"]["count"] == figures["hold"]["count"] == crowd.borrows
    assert 1 <= core.idle == core.size == figures["connects"] <= size
    assert (core.waiting, core.easy, figures["timeouts"]) == (0, True, 0)


def test_a_waiter_who_gives_up_while_he_is_served_takes_no_slot_with_him() -> None:
    core = pool(max_size=1)
    (slot,) = full(core)
    gone, patient = waiting(core, timeout=1.0), waiting(core)
    core.put(slot, 1.0)
    actions = core.tick(1.0)
    assert answered(actions) == [gone, patient]
    assert (gone.slot, patient.slot) == (None, slot)
