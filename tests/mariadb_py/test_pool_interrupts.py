"""The pool when something strikes in the middle of it: Ctrl-C, a signal handler or a finalizer that uses it too."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from mariadb_py import _CONNECTION_POOLS, PoolError
from mariadb_py.core.pool import upkeep
from mariadb_py.core.pool.core import PoolCore
from mariadb_py.io.transport import Transport
from tests.support.alarms import alarms
from tests.support.pool import PATIENCE, Pools, borrow_all, ids, kill, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection, ConnectionPool
    from tests.support.server import Connector

COUNTED = pytest.mark.skipif(
    not hasattr(sys, "getrefcount"),
    reason="where references are not counted, a dropped handle is collected at some time",
)


# Ctrl-C


@pytest.mark.parametrize("moment", ["open", "ping", "reset", "answers"])
def test_ctrl_c_loses_no_place_and_no_socket(
    make_pool: Pools, connect: Connector, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    before = ids(administrator := connect())
    pool = make_pool(
        pool_size=2, pool_validation_interval=0 if moment == "ping" else 60_000, pipeline_reset=moment == "answers"
    )
    borrowed = pool.get_connection()
    if moment == "open":  # a dead connection makes it necessary
        kill(administrator, *(ids(administrator) - before - {borrowed.connection_id}))
    if moment == "answers":  # to the reset of the other one
        pool.get_connection().close()
    with monkeypatch.context() as patch:
        patch.setattr(Transport, "_receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            borrowed.close() if moment == "reset" else pool.get_connection()
    assert pool.connection_count == 1
    borrowed.close()
    assert len(borrow_all(pool)) == 2
    pool.close()
    wait_for(lambda: ids(administrator) <= before)


def interrupted(*_: object) -> bytes:
    raise KeyboardInterrupt


def test_ctrl_c_in_the_constructor_leaves_nothing(
    make_pool: Pools, connect: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ids(administrator := connect())
    receive = Transport._receive
    calls = itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(Transport, "_receive", lambda *args: interrupted() if next(calls) == 5 else receive(*args))
        with pytest.raises(KeyboardInterrupt):
            make_pool(pool_name="interrupted", pool_size=4)
    assert "interrupted" not in _CONNECTION_POOLS
    wait_for(lambda: ids(administrator) <= before)


def borrow_anew(pool: ConnectionPool) -> Connection:
    """The idle connection is dead: it is replaced."""
    (slot,) = pool._core._idle
    slot.connection._transport.shut_down()
    return pool.get_connection()


def borrow_by_request(pool: ConnectionPool) -> Connection:
    with pool.connection() as connection:
        return connection


def give_back(pool: ConnectionPool) -> None:
    pool.get_connection().close()


def give_back_evicted(pool: ConnectionPool) -> None:
    connection = pool.get_connection()
    connection._link_or_raise().evicted = True
    connection.close()


# Decisions, and how to come to them in a pool of one idle connection.
WAYS = {
    "take": give_back,
    "acquire": borrow_by_request,
    "dead": borrow_anew,
    "opened": borrow_anew,
    "put": give_back,
    "release": give_back_evicted,
}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("reset", [True, False])
def test_ctrl_c_behind_a_decision_of_the_core(
    make_pool: Pools, monkeypatch: pytest.MonkeyPatch, name: str, reset: bool
) -> None:
    """The decision is made, and nobody has heard of it."""
    pool = make_pool(pool_size=1, pool_reset_session=reset)
    decide = getattr(PoolCore, name)

    def decides_and_is_interrupted(*arguments: Any) -> None:
        decide(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PoolCore, name, decides_and_is_interrupted)
        with pytest.raises(KeyboardInterrupt):
            WAYS[name](pool)
    gc.collect()
    until_complete(pool)


def until_complete(pool: ConnectionPool) -> None:
    """All connections can be borrowed again, once it is noticed what nobody has."""

    def complete() -> bool:
        with ExitStack() as stack:
            try:
                for _ in range(pool.pool_size):
                    stack.enter_context(pool.get_connection())
            except PoolError:
                return False
            return True

    wait_for(complete)
    assert len(borrow_all(pool)) == pool.pool_size


@COUNTED
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.timeout(method="thread")  # SIGALRM is taken
@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("part", ["get_connection", "close", "both"])
def test_ctrl_c_at_any_moment_loses_no_place(
    make_pool: Pools, monkeypatch: pytest.MonkeyPatch, part: str, reset: bool
) -> None:
    monkeypatch.setattr(upkeep, "STRAY", 0.001)  # the rest of the time is for being struck
    pool = make_pool(pool_size=2, pool_reset_session=reset, pool_validation_interval=0 if reset else 60_000)
    held: list[Connection] = []

    def borrow() -> None:
        held.append(pool.get_connection())

    def give_back() -> None:
        held[-1].close()

    def both() -> None:
        borrow()
        give_back()

    call = {"get_connection": borrow, "close": give_back, "both": both}[part]
    with alarms(0.5) as random:
        random.measure(both)
        while random.go_on():
            held.clear()
            if part == "close":
                borrow()
            random.during(call)
            for connection in held:
                connection.close()
            held.clear()
            until_complete(pool)
        assert random.struck > 20
    assert len(borrow_all(pool)) == 2


# A finalizer, or a signal handler, inside of a locked section


class Nested:
    """Makes a decision of the core run something else first, once: in this thread, and under the pool's lock."""

    def __init__(self, patch: pytest.MonkeyPatch, name: str, call: Callable[[], object]) -> None:
        decide = getattr(PoolCore, name)
        self.outcome: Any = "not run"

        def decides(*arguments: Any) -> Any:
            patch.setattr(PoolCore, name, decide)
            try:
                self.outcome = call()
            except Exception as error:
                self.outcome = error
            return decide(*arguments)

        patch.setattr(PoolCore, name, decides)


# Those that are made under the lock.
DECISIONS = ["acquire", "dead", "opened", "release"]


@pytest.fixture
def pool(make_pool: Pools) -> ConnectionPool:
    return make_pool(pool_size=2)


@pytest.mark.parametrize("name", DECISIONS)
@pytest.mark.parametrize("evicted", [True, False])
def test_a_connection_that_is_returned_inside_of_a_decision(
    pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch, name: str, evicted: bool
) -> None:
    other = pool.get_connection()
    other._link_or_raise().evicted = evicted  # then it takes a decision to return it
    nested = Nested(monkeypatch, name, other.close)
    borrowed = WAYS[name](pool)
    assert nested.outcome is None
    assert other._link is None
    assert not pool._postponed
    if borrowed is not None:
        borrowed.close()
    assert len(borrow_all(pool)) == 2


@pytest.mark.parametrize("name", DECISIONS)
def test_a_generator_in_a_cycle_that_is_collected_inside_of_a_decision(
    pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The connection that it has borrowed is returned by its end."""
    cycle: list[Any] = []
    cycle.append(cycle)

    def borrows() -> Iterator[Connection]:
        with pool.get_connection() as connection:
            yield connection

    generator = borrows()
    number = next(generator).connection_id
    cycle.append(generator)
    del generator, cycle
    Nested(monkeypatch, name, gc.collect)
    borrowed = WAYS[name](pool)
    if borrowed is not None:
        borrowed.close()
    gc.collect()
    assert number in borrow_all(pool)


@pytest.mark.parametrize("name", DECISIONS)
def test_nobody_waits_inside_of_a_decision(pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A signal handler that waited would wait for what it interrupts."""
    with pool.get_connection():
        nested = Nested(monkeypatch, name, pool.connection(timeout=PATIENCE).__enter__)
        borrowed = WAYS[name](pool)
        assert isinstance(nested.outcome, PoolError)
        assert str(nested.outcome).startswith("The pool is busy in this very thread")
        if borrowed is not None:
            borrowed.close()
    assert len(borrow_all(pool)) == 2


@pytest.mark.parametrize("evicted", [True, False])
def test_what_was_returned_inside_is_not_lost_when_nothing_follows(make_pool: Pools, evicted: bool) -> None:
    """The locked section of stats() has no actions; whoever comes next takes it back."""
    pool = make_pool(pool_size=1)
    borrowed = pool.get_connection()
    borrowed._link_or_raise().evicted = evicted
    with pool._lock:
        borrowed.close()
    assert len(pool._postponed) == evicted
    assert len(borrow_all(pool)) == 1
    assert not pool._postponed


def test_another_thread_waits_for_the_lock(make_pool: Pools) -> None:
    """It is not this thread that has it: nothing is put off, and nothing refused."""
    pool = make_pool(pool_size=1)
    outcome: list[int] = []

    def work() -> None:
        with pool.connection() as connection:
            outcome.append(value(connection, "SELECT 42"))

    with pool._lock:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(0.05)
        assert outcome == []
    thread.join(PATIENCE)
    assert outcome == [42]


def test_what_is_idle_can_be_borrowed_without_the_lock(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, pool_reset_session=False)
    pool.get_connection().close()  # what was just opened has to be looked at
    outcome: list[int] = []

    def work() -> None:
        with pool.get_connection() as connection:
            outcome.append(value(connection, "SELECT 42"))

    with pool._lock:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(PATIENCE)
        assert outcome == [42]


def use(pool: ConnectionPool) -> None:
    pool.get_connection().close()


@pytest.mark.timeout(method="thread")
def test_a_signal_handler_may_use_the_pool_at_any_moment(make_pool: Pools) -> None:
    """It gets a connection or a PoolError at once, and loses none."""
    pool = make_pool(pool_size=2, pool_reset_session=False)
    outcomes: dict[str, int] = {"used": 0, "refused": 0}

    def handler() -> None:
        try:
            use(pool)
            outcomes["used"] += 1
        except PoolError:
            outcomes["refused"] += 1

    with alarms(1.0, strike=handler) as random:
        random.measure(lambda: use(pool))
        while random.go_on():
            random.during(lambda: use(pool))
    assert outcomes["used"] > 20
    assert len(borrow_all(pool)) == 2
