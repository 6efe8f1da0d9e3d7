"""The pool's decisions: each transition by itself, then all of them in any order against a model."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mariadb_py.core.pool import (
    Action,
    Check,
    Close,
    Fail,
    Give,
    Open,
    PoolCore,
    PoolStateError,
    Reset,
    Slot,
    SlotState,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Report = Callable[[PoolCore, Slot], list[Action]]

INTERVAL = 10.0
ANN = "ann"  # requests are told apart by identity
STATES = (
    SlotState.OPENING,
    SlotState.IDLE,
    SlotState.CHECKING,
    SlotState.LEASED,
    SlotState.RESETTING,
    SlotState.GONE,
)


def plain(actions: list[Action]) -> list[tuple[Any, ...]]:
    """Actions as tuples, which can be compared."""
    return [(type(action), *(getattr(action, name) for name in action.__slots__)) for action in actions]


def in_state(state: str, core: PoolCore, request: Any = ANN) -> Slot:
    """A slot of `core` in this state, with the connection "c" where the state has one, since time 0."""
    action = core.grow()
    assert action is not None
    slot = action.slot
    slot.request = request
    if state == SlotState.OPENING:
        return slot
    if state == SlotState.GONE:
        core.failed(slot)
        return slot
    slot.request = None
    core.opened(slot, "c", 0.0)
    if state == SlotState.IDLE:
        return slot
    core.acquire(request, 0.0)
    if state == SlotState.CHECKING:
        return slot
    core.checked(slot, True, 0.0)
    if state == SlotState.RESETTING:
        core.release(slot, True)
    return slot


# Borrowing


def test_acquire_opens_while_there_is_room_then_fails() -> None:
    core = PoolCore(2, INTERVAL)
    first, second = core.acquire("ann", 0.0) + core.acquire("bob", 0.0)
    assert isinstance(first, Open)
    assert isinstance(second, Open)
    assert first.slot is not second.slot
    assert (first.slot.request, second.slot.request) == ("ann", "bob")
    assert plain(core.acquire("cid", 0.0)) == [(Fail, "No connection available", "cid")]
    assert (core.size, core.idle) == (2, 0)


def test_what_was_opened_goes_to_who_asked_for_it() -> None:
    core = PoolCore(1, INTERVAL)
    (action,) = core.acquire("ann", 0.0)
    assert isinstance(action, Open)
    slot = action.slot
    assert plain(core.opened(slot, "c", 5.0)) == [(Give, "ann", slot)]
    assert (slot.state, slot.connection, slot.request, slot.used) == (SlotState.LEASED, "c", "ann", 1)


def test_what_nobody_asked_for_becomes_idle() -> None:
    core = PoolCore(1, INTERVAL)
    action = core.grow()
    assert action is not None
    assert core.opened(action.slot, "c", 5.0) == []
    assert (action.slot.state, action.slot.idle_since, action.slot.used) == (SlotState.IDLE, 5.0, 0)
    assert core.idle == 1
    assert core.grow() is None  # full


@pytest.mark.parametrize(
    ("interval", "idle_for", "ping"),
    [(10.0, 0.0, False), (10.0, 9.5, False), (10.0, 10.0, True), (10.0, 99.0, True), (0.0, 0.0, True)],
)
def test_an_idle_connection_has_to_answer_after_the_interval(interval: float, idle_for: float, ping: bool) -> None:
    core = PoolCore(1, interval)
    slot = in_state(SlotState.IDLE, core)
    assert plain(core.acquire("ann", idle_for)) == [(Check, ping, slot)]
    assert (slot.state, slot.request, core.idle) == (SlotState.CHECKING, "ann", 0)
    assert plain(core.checked(slot, True, idle_for)) == [(Give, "ann", slot)]
    assert (slot.state, slot.request, slot.used) == (SlotState.LEASED, "ann", 1)


def test_the_interval_and_the_size_can_change() -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(SlotState.IDLE, core)
    core.max_size, core.validation_interval = 2, 1.0
    assert plain(core.acquire("ann", 1.0)) == [(Check, True, slot)]
    assert isinstance(core.acquire("bob", 1.0)[0], Open)
    core.max_size = 1  # what is open stays, and nothing is added
    assert plain(core.acquire("cid", 1.0)) == [(Fail, "No connection available", "cid")]


def test_a_dead_connection_is_replaced_for_who_asked_and_then_closed() -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(SlotState.CHECKING, core)
    slot.used = 7
    assert plain(core.checked(slot, False, 1.0)) == [(Open, slot), (Close, "c", "dead")]
    assert (slot.state, slot.connection, slot.request, slot.used) == (SlotState.OPENING, None, "ann", 0)
    assert plain(core.opened(slot, "d", 2.0)) == [(Give, "ann", slot)]


def test_a_death_makes_the_connections_idle_before_it_suspect() -> None:
    core = PoolCore(4, INTERVAL)
    before, at, dead = (in_state(SlotState.IDLE, core) for _ in range(3))
    at.idle_since = 3.0
    core._idle.rotate(1)  # the dead one is the first that is looked at
    assert plain(core.acquire("ann", 1.0)) == [(Check, False, dead)]
    core.checked(dead, False, 3.0)
    after = core.grow()
    assert after is not None
    core.opened(after.slot, "d", 3.5)
    checks = [core.acquire(name, 4.0) for name in ("bob", "cid", "dan")]
    assert [plain(actions)[0] for actions in checks] == [
        (Check, True, before),
        (Check, True, at),
        (Check, False, after.slot),
    ]


def test_least_recently_used_first() -> None:
    core = PoolCore(3, INTERVAL)
    slots = [in_state(SlotState.IDLE, core) for _ in range(3)]
    for time in range(9):
        (action,) = core.acquire("ann", time)
        assert isinstance(action, Check)
        assert action.slot is slots[time % 3]
        core.checked(action.slot, True, time)
        core.release(action.slot, True)
        core.reset_done(action.slot, True, time)
    assert [slot.used for slot in slots] == [3, 3, 3]


# Returning


def test_a_returned_connection_is_reset_and_idle_again() -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(SlotState.LEASED, core)
    assert plain(core.release(slot, True)) == [(Reset, slot)]
    assert (slot.state, core.idle) == (SlotState.RESETTING, 0)
    assert core.reset_done(slot, True, 8.0) == []
    assert (slot.state, slot.idle_since, slot.request, core.idle) == (SlotState.IDLE, 8.0, None, 1)


def test_one_that_cannot_be_used_again_is_closed_and_its_place_is_free() -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(SlotState.LEASED, core)
    assert plain(core.release(slot, False)) == [(Close, "c", "not usable")]
    assert (slot.state, core.size) == (SlotState.GONE, 0)
    assert isinstance(core.acquire("bob", 0.0)[0], Open)


def test_one_that_cannot_be_reset_is_closed_and_its_place_is_free() -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(SlotState.RESETTING, core)
    assert plain(core.reset_done(slot, False, 0.0)) == [(Close, "c", "reset failed")]
    assert (slot.state, core.size) == (SlotState.GONE, 0)
    assert isinstance(core.acquire("bob", 0.0)[0], Open)


@pytest.mark.parametrize(
    ("state", "connection"),
    [(SlotState.OPENING, None), (SlotState.CHECKING, "c"), (SlotState.LEASED, "c"), (SlotState.RESETTING, "c")],
)
def test_a_failed_action_frees_the_place_and_leaves_the_connection_to_the_shell(
    state: str, connection: str | None
) -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(state, core)
    assert core.failed(slot) == connection
    assert (slot.state, core.size, core.idle) == (SlotState.GONE, 0, 0)
    assert isinstance(core.acquire("bob", 0.0)[0], Open)


@pytest.mark.parametrize("state", [SlotState.IDLE, SlotState.GONE])
def test_an_action_that_failed_behind_its_report_changes_nothing(state: str) -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(state, core)
    size = core.size
    assert core.failed(slot) is None
    assert (slot.state, core.size) == (state, size)


@pytest.mark.parametrize(
    ("state", "connection", "size"),
    [
        (SlotState.OPENING, None, 1),
        (SlotState.CHECKING, "c", 1),
        (SlotState.LEASED, "c", 1),
        (SlotState.RESETTING, "c", 1),
        (SlotState.IDLE, None, 2),
        (SlotState.GONE, None, 1),
    ],
)
def test_a_cancelled_request_gives_its_place_back(state: str, connection: str | None, size: int) -> None:
    """Wherever it had come to; one that was served and has ended has no place any more."""
    core = PoolCore(2, INTERVAL)
    other = in_state(SlotState.LEASED, core, "bob")
    slot = in_state(state, core)
    for expected in (connection, None):  # the second time there is nothing to cancel
        assert core.cancel(ANN) == expected
        assert (slot.state == SlotState.IDLE) == (state == SlotState.IDLE)
        assert (other.state, core.size) == (SlotState.LEASED, size)


def test_nobody_cancels_nothing() -> None:
    core = PoolCore(2, INTERVAL)
    grown = core.grow()
    assert grown is not None
    assert core.cancel(None) is None
    assert (grown.slot.state, core.size) == (SlotState.OPENING, 1)


@pytest.mark.parametrize("state", STATES)
def test_only_a_leased_connection_can_be_lost(state: str) -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(state, core)
    core.lost(slot)
    leased = state == SlotState.LEASED
    assert (slot.state, core.size) == (
        SlotState.GONE if leased else state,
        0 if leased or state == SlotState.GONE else 1,
    )


# The end


def test_close_closes_the_idle_ones_and_refuses_everybody() -> None:
    core = PoolCore(3, INTERVAL)
    for name in ("c", "d"):
        action = core.grow()
        assert action is not None
        core.opened(action.slot, name, 0.0)
    assert plain(core.close()) == [(Close, "c", "pool closed"), (Close, "d", "pool closed")]
    assert (core.closed, core.size, core.idle) == (True, 0, 0)
    assert core.close() == []
    assert core.grow() is None
    assert plain(core.acquire("ann", 0.0)) == [(Fail, "Pool is closed", "ann")]


CLOSED = (Close, "c", "pool closed")
REFUSED = (Fail, "Pool is closed", "ann")


@pytest.mark.parametrize(
    ("state", "request_", "report", "expected"),
    [
        (SlotState.OPENING, "ann", lambda core, slot: core.opened(slot, "c", 0.0), [CLOSED, REFUSED]),
        (SlotState.OPENING, None, lambda core, slot: core.opened(slot, "c", 0.0), [CLOSED]),
        (SlotState.CHECKING, "ann", lambda core, slot: core.checked(slot, True, 0.0), [CLOSED, REFUSED]),
        (SlotState.CHECKING, "ann", lambda core, slot: core.checked(slot, False, 0.0), [CLOSED, REFUSED]),
        (SlotState.LEASED, "ann", lambda core, slot: core.release(slot, True), [CLOSED]),
        (SlotState.LEASED, "ann", lambda core, slot: core.release(slot, False), [(Close, "c", "not usable")]),
        (SlotState.RESETTING, "ann", lambda core, slot: core.reset_done(slot, True, 0.0), [CLOSED]),
        (
            SlotState.RESETTING,
            "ann",
            lambda core, slot: core.reset_done(slot, False, 0.0),
            [(Close, "c", "reset failed")],
        ),
    ],
    ids=["opened", "grown", "alive", "dead", "released", "released broken", "reset", "reset failed"],
)
def test_what_comes_back_to_a_closed_pool_is_closed(
    state: str, request_: str | None, report: Report, expected: list[tuple[Any, ...]]
) -> None:
    core = PoolCore(1, INTERVAL)
    slot = in_state(state, core, request_)
    assert core.close() == []
    assert plain(report(core, slot)) == expected
    assert (slot.state, core.size) == (SlotState.GONE, 0)


# Reports that cannot be true

REPORTS: dict[str, tuple[Report, set[str]]] = {
    "opened": (lambda core, slot: core.opened(slot, "d", 0.0), {SlotState.OPENING}),
    "alive": (lambda core, slot: core.checked(slot, True, 0.0), {SlotState.CHECKING}),
    "dead": (lambda core, slot: core.checked(slot, False, 0.0), {SlotState.CHECKING}),
    "released": (lambda core, slot: core.release(slot, True), {SlotState.LEASED}),
    "released broken": (lambda core, slot: core.release(slot, False), {SlotState.LEASED}),
    "reset": (lambda core, slot: core.reset_done(slot, True, 0.0), {SlotState.RESETTING}),
    "reset failed": (lambda core, slot: core.reset_done(slot, False, 0.0), {SlotState.RESETTING}),
}


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("state", STATES)
def test_each_report_is_possible_in_its_states_only(name: str, state: str) -> None:
    report, possible = REPORTS[name]
    core = PoolCore(1, INTERVAL)
    slot = in_state(state, core)
    assert slot.state == state
    if state in possible:
        report(core, slot)
        assert slot.state != state
    else:
        with pytest.raises(PoolStateError, match=f"slot that is {state}"):
            report(core, slot)
        assert slot.state == state


def test_actions_show_what_they_are() -> None:
    assert repr(Fail("ann", "No connection available")) == "Fail(reason='No connection available', request='ann')"


# All of it in any order


class Shell(RuleBasedStateMachine):
    """A shell whose actions end in any order and any way, and a model of what the core may answer."""

    @initialize(size=st.integers(1, 4), interval=st.sampled_from((0.0, 3.0)))
    def begin(self, size: int, interval: float) -> None:
        self.core = PoolCore(size, interval)
        self.now = 0.0
        self.closed = False
        self.last_death = -1.0
        self.requests = 0
        self.waiting: set[int] = set()  # requests without an answer
        self.actions: list[Action] = []  # Open, Check and Reset that are under way
        self.leased: list[Slot] = []
        self.idle: deque[tuple[Slot, float]] = deque()  # in the order in which they became idle
        self.open: set[int] = set()  # connections that are not closed
        self.connections = 0

    # What the core answers

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            assert isinstance(action, (Fail, Close)) or not self.closed
            if isinstance(action, Give):
                self.waiting.remove(action.request)
                self.leased.append(action.slot)
            elif isinstance(action, Fail):
                self.waiting.remove(action.request)
            elif isinstance(action, Close):
                self.open.remove(action.connection)
            else:
                self.actions.append(action)

    def pick(self, data: st.DataObject, *kinds: type[Action]) -> Slot:
        """An action of these kinds that ends now."""
        action = data.draw(st.sampled_from([one for one in self.actions if isinstance(one, kinds)]))
        self.actions.remove(action)
        return action.slot  # type: ignore[attr-defined,no-any-return]

    def connection(self) -> int:
        self.connections += 1
        self.open.add(self.connections)
        return self.connections

    def under_way(self, *kinds: type[Action]) -> bool:
        return any(isinstance(action, kinds) for action in self.actions)

    # What may happen

    @rule(seconds=st.sampled_from((0.5, 2.0, 3.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def acquire(self) -> None:
        size = self.core.size
        self.requests += 1
        self.waiting.add(self.requests)
        (action,) = self.core.acquire(self.requests, self.now)
        if self.idle:
            slot, since = self.idle.popleft()
            ping = since <= self.last_death or self.now - since >= self.core.validation_interval
            assert plain([action]) == [(Check, ping, slot)]
        elif size < self.core.max_size and not self.closed:
            assert isinstance(action, Open)
        else:
            assert isinstance(action, Fail)
            assert action.reason == ("Pool is closed" if self.closed else "No connection available")
        self.take([action])

    @rule()
    def grow(self) -> None:
        room = self.core.size < self.core.max_size and not self.closed
        action = self.core.grow()
        assert (action is not None) == room
        self.take([action] if action else [])

    @precondition(lambda self: self.under_way(Open))
    @rule(data=st.data())
    def opened(self, data: st.DataObject) -> None:
        slot = self.pick(data, Open)
        asked = slot.request is not None
        self.take(self.core.opened(slot, self.connection(), self.now))
        if not asked and not self.closed:
            self.idle.append((slot, self.now))

    @precondition(lambda self: self.under_way(Check))
    @rule(data=st.data(), alive=st.booleans())
    def checked(self, data: st.DataObject, alive: bool) -> None:
        self.take(self.core.checked(self.pick(data, Check), alive, self.now))
        if not alive and not self.closed:
            self.last_death = self.now

    @precondition(lambda self: self.under_way(Reset))
    @rule(data=st.data(), ok=st.booleans())
    def reset_done(self, data: st.DataObject, ok: bool) -> None:
        slot = self.pick(data, Reset)
        self.take(self.core.reset_done(slot, ok, self.now))
        if ok and not self.closed:
            self.idle.append((slot, self.now))

    @precondition(lambda self: self.actions)
    @rule(data=st.data())
    def failed(self, data: st.DataObject) -> None:
        """The action raised: the exception is the answer, and the shell closes what there was."""
        slot = self.pick(data, Open, Check, Reset)
        assert self.core.failed(slot) == slot.connection
        assert self.core.failed(slot) is None
        self.give_up(slot)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Whoever asked, at any time, wants nothing any more; his action is not ended, nor his lease."""
        request = data.draw(st.integers(1, self.requests))
        held = [slot for slot in self.core._slots if slot.request == request]
        connection = self.core.cancel(request)
        assert connection == (held[0].connection if held else None)
        self.give_up(*held)

    @precondition(lambda self: self.leased or self.actions)
    @rule(data=st.data())
    def lost(self, data: st.DataObject) -> None:
        """The handle of a slot was collected; that it is still leased is not known to who says so."""
        slots = self.leased + [action.slot for action in self.actions]  # type: ignore[attr-defined]
        slot = data.draw(st.sampled_from(slots))
        self.core.lost(slot)
        if slot in self.leased:
            self.give_up(slot)

    def give_up(self, *slots: Slot) -> None:
        """The core forgot these slots, and the shell closes what they had."""
        for slot in slots:
            self.waiting.discard(slot.request)
            self.open.discard(slot.connection)
        self.leased = [slot for slot in self.leased if slot not in slots]
        self.actions = [action for action in self.actions if action.slot not in slots]  # type: ignore[attr-defined]

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), usable=st.booleans())
    def release(self, data: st.DataObject, usable: bool) -> None:
        slot = data.draw(st.sampled_from(self.leased))
        self.leased.remove(slot)
        self.take(self.core.release(slot, usable))

    @precondition(lambda self: self.requests > 5)
    @rule()
    def close(self) -> None:
        self.closed = True
        self.take(self.core.close())
        self.idle.clear()

    # What always holds

    @invariant()
    def every_slot_is_where_its_state_says(self) -> None:
        core = self.core
        expected = {
            SlotState.OPENING: {action.slot for action in self.actions if isinstance(action, Open)},
            SlotState.IDLE: {slot for slot, _ in self.idle},
            SlotState.CHECKING: {action.slot for action in self.actions if isinstance(action, Check)},
            SlotState.LEASED: set(self.leased),
            SlotState.RESETTING: {action.slot for action in self.actions if isinstance(action, Reset)},
            SlotState.GONE: set(),
        }
        for state, slots in expected.items():
            assert {slot for slot in core._slots if slot.state == state} == slots
            assert core.count(state) == len(slots)
        assert list(core._idle) == [slot for slot, _ in self.idle]
        assert core.size == len(self.actions) + len(self.leased) + core.idle <= core.max_size

    @invariant()
    def every_open_connection_has_one_slot(self) -> None:
        assert sorted(slot.connection for slot in self.core._slots if slot.connection is not None) == sorted(self.open)

    @invariant()
    def whoever_waits_has_one_slot_that_works_for_it(self) -> None:
        done = (SlotState.LEASED, SlotState.RESETTING)
        asked = [slot.request for slot in self.core._slots if slot.request is not None]
        assert len(asked) == len(set(asked))
        assert {slot.request for slot in self.core._slots if slot.state not in done} - {None} == self.waiting
        assert all(slot.request is not None for slot in self.core._slots if slot.state in done)

    def teardown(self) -> None:
        """After everything has come to an end, the pool is as large as it ever was."""
        if not hasattr(self, "core"):
            return
        while self.actions:
            action = self.actions.pop()
            if isinstance(action, Open):
                self.take(self.core.opened(action.slot, self.connection(), self.now))
            elif isinstance(action, Check):
                self.take(self.core.checked(action.slot, True, self.now))
        assert not self.waiting
        for slot in [slot for slot in self.core._slots if slot.state == SlotState.LEASED]:
            self.core.release(slot, True)
        for slot in [slot for slot in self.core._slots if slot.state == SlotState.RESETTING]:
            self.core.reset_done(slot, True, self.now)
        assert self.core.size == self.core.idle
        answers = [type(self.core.acquire(number, self.now)[0]) for number in range(self.core.max_size + 1)]
        served = 0 if self.closed else self.core.max_size
        assert [answer is Fail for answer in answers] == [number >= served for number in range(len(answers))]


Shell.TestCase.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)
TestShell = Shell.TestCase
