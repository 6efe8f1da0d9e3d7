"""The shell of the pool: threads that open, check and keep; what it does when there are none, or no time."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import ConnectionPool, PoolError, PoolTimeout
from mariadb_py.core.pool.actions import Answer, Check, Close, Open
from mariadb_py.core.pool.core import NEW
from mariadb_py.core.pool.slot import SlotState
from mariadb_py.io import pool as shell
from mariadb_py.io.link import Link
from mariadb_py.io.pool import LinkPool, Waiter
from mariadb_py.testing import temp_server
from tests.mariadb_py.core.pool.cores import examined
from tests.support.listener import listening, silent
from tests.support.pool import PATIENCE, Pools, borrow_all, run, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller


def number_of(pool: ConnectionPool) -> int:
    with pool.get_connection() as connection:
        number: int = value(connection, "SELECT connection_id()")
        return number


# Whoever waits


def test_a_waiter_is_woken_before_he_waits() -> None:
    waiter = Waiter(0.0, None)
    assert waiter.thread == threading.get_ident()
    waiter.wake()
    waiter.wake()
    waiter.wait(PATIENCE)
    before = time.monotonic()
    waiter.wait(0.1)
    assert time.monotonic() - before >= 0.1


# Resets that are not answered yet


def stop(server: TempServer) -> None:
    """Let no thread of it do anything until SIGCONT."""
    os.kill(server.pid, signal.SIGSTOP)
    folder = Path(f"/proc/{server.pid}/task")
    wait_for(lambda: all(task.joinpath("stat").read_text().rpartition(") ")[2][0] == "T" for task in folder.iterdir()))


def test_a_borrower_need_not_wait_for_the_reset_of_another_connection() -> None:
    with temp_server() as own, ConnectionPool(pool_name="late", pool_size=2, order="lifo", **own.connect_args) as pool:
        early, late = pool.get_connection(), pool.get_connection()
        numbers = early.connection_id, late.connection_id
        slot = early._slot
        early.close()
        wait_for(lambda: shell.answered(slot))
        stop(own)
        try:
            late.close()
            with pool.get_connection(timeout=PATIENCE) as connection:
                assert connection.connection_id == numbers[0]
                os.kill(own.pid, signal.SIGCONT)
                with pool.get_connection() as other:
                    assert other.connection_id == numbers[1]
        finally:
            os.kill(own.pid, signal.SIGCONT)
        assert pool.stats()["borrows"] == 4


def test_connections_take_turns_whatever_is_not_answered() -> None:
    with temp_server() as own, ConnectionPool(pool_name="turns", pool_size=2, order="fifo", **own.connect_args) as pool:
        first, second = pool.get_connection(), pool.get_connection()
        numbers = first.connection_id, second.connection_id
        stop(own)
        later = threading.Timer(0.2, os.kill, (own.pid, signal.SIGCONT))
        try:
            first.close()
            second.close()
            later.start()
            with pool.get_connection() as connection, pool.get_connection() as other:
                assert (connection.connection_id, other.connection_id) == numbers
        finally:
            later.join()
            os.kill(own.pid, signal.SIGCONT)


# Threads


class Started:
    """Stands for the starting of threads, and counts it."""

    def __init__(self, patch: pytest.MonkeyPatch, possible: bool = True) -> None:
        self.functions: list[str] = []
        start = shell.start_new_thread
        assert start is not None

        def starts(function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
            if not possible:
                raise RuntimeError("can't start new thread")
            self.functions.append(function.__name__)
            return start(function, arguments)

        patch.setattr(shell, "start_new_thread", starts)


def test_a_plain_pool_has_no_threads(make_pool: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    started = Started(monkeypatch)
    pool = make_pool(pool_size=2)
    borrow_all(pool)
    pool.drain()
    borrow_all(pool)
    pool.check()
    pool.close()
    assert started.functions == []


def test_a_service_has_one_keeper(make_pool: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    started = Started(monkeypatch)
    pool = make_pool.service(min_size=2, max_size=2)
    pool.wait_ready(PATIENCE)
    for _ in range(10):
        number_of(pool)
    pool.set_config(leak_timeout=60)
    assert started.functions.count("_keep") == 1
    assert started.functions.count("_work") == 2


def test_the_keeper_ends_when_nothing_is_due(make_pool: Pools) -> None:
    pool = make_pool(min_size=1, max_size=2, max_idle_time=0.05)
    assert not pool._keeping.locked()
    borrow_all(pool)
    assert pool._keeping.locked()
    wait_for(lambda: not pool._keeping.locked())
    assert pool.connection_count == 1


def test_the_keeper_ends_with_the_pool(make_pool: Pools) -> None:
    pool = make_pool.service(min_size=1)
    pool.wait_ready(PATIENCE)
    pool.close()
    wait_for(lambda: not pool._keeping.locked())


def test_no_more_threads_can_be_had(make_pool: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants a connection opens it by himself, and waits without a keeper."""
    Started(monkeypatch, possible=False)
    pool = make_pool.service(min_size=1, max_size=2)
    assert pool.stats()["idle"] == 1
    with pool.get_connection() as first, pool.get_connection() as second:
        assert first.connection_id != second.connection_id
        with pytest.raises(PoolTimeout):
            pool.get_connection(timeout=0.1)
        timer = threading.Timer(0.1, first.close)
        timer.start()
        assert number_of(pool) not in {0, None}
        timer.join()


def test_there_are_no_threads(make_pool: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "start_new_thread", None)
    pool = make_pool.service(min_size=1, max_size=2, keepalive=0.01)
    assert pool.stats()["idle"] == 1
    assert len(borrow_all(pool)) == 2
    with pool.get_connection(), pool.get_connection(), pytest.raises(PoolTimeout):
        pool.get_connection(timeout=0.05)


# Time


def deaf(caller: Caller) -> None:
    """Logs in whoever comes, answers what belongs to that, and nothing more."""
    from tests.support.scripts import ok

    caller.log_in()
    caller.packet()
    caller.send(ok(status=0))
    caller.until_closed()


@pytest.mark.parametrize("timeout", [0.2, None])
def test_a_server_that_says_nothing_is_not_waited_for(make_pool: Pools, timeout: float | None) -> None:
    """Its connection is given up after ping_timeout, or when the time of whoever wants it is over."""
    with listening(deaf) as server:
        pool = make_pool(
            pool_size=1,
            pool_reset_session=False,
            pool_validation_interval=0,
            ping_timeout=PATIENCE if timeout else 0.2,
            acquire_timeout=timeout or 0,
            **{**server.connect_args, "database": None},
        )
        time.sleep(2 * NEW)
        before = time.monotonic()
        if timeout:
            with pytest.raises(PoolTimeout):
                pool.get_connection()
        else:
            assert pool.get_connection().close() is None
            assert server.callers == 2
        assert 0.2 <= time.monotonic() - before < PATIENCE / 4
        assert pool.stats()["discards"]["ping"] == 1
        pool.close()


def test_a_server_that_does_not_log_anybody_in(make_pool: Pools) -> None:
    """Whoever waits is not made to wait for connect_timeout; nor is whoever closes the pool."""
    with listening(silent) as server:
        pool = make_pool.service(max_size=2, **server.connect_args)
        before = time.monotonic()
        with pytest.raises(PoolTimeout):
            pool.get_connection(timeout=0.2)
        pool.close()
        assert time.monotonic() - before < PATIENCE / 4


def test_a_silent_server_is_waited_for_once_when_the_pool_is_closed(make_pool: Pools) -> None:
    """For the answers to resets, that is: the first one has shown what to expect of the others."""
    with listening(deaf) as server:
        pool = make_pool(pool_size=20, **{**server.connect_args, "database": None})
        for connection in [pool.get_connection() for _ in range(20)]:
            connection.close()
        before = time.monotonic()
        pool.close()
        assert shell.GOODBYE_TIMEOUT <= time.monotonic() - before < 10 * shell.GOODBYE_TIMEOUT


# A connection that is changed under its slot


def by_himself(connection: mariadb_py.Connection) -> None:
    connection.reconnect()


def by_itself(connection: mariadb_py.Connection) -> None:
    with mariadb_py.connect(**OPTIONS) as administrator:
        administrator.kill(connection.connection_id)
    wait_for(lambda: not connection._link_or_raise().silent())
    run(connection, "SELECT 1")


OPTIONS: dict[str, Any] = {}


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("anew", [by_himself, by_itself])
def test_a_connection_that_was_opened_anew_is_not_kept(
    make_pool: Pools, anew: Callable[[mariadb_py.Connection], None], reset: bool
) -> None:
    """Nobody has made it what the pool makes of those that it opens."""
    OPTIONS.update(make_pool.server.connect_args)
    pool = make_pool(pool_size=1, reconnect=True, pool_reset_session=reset)
    with pool.get_connection() as connection:
        first = connection.connection_id
        anew(connection)
        second = value(connection, "SELECT connection_id()")
    assert pool.stats()["size"] == 0
    assert len({first, second, number_of(pool)}) == 3


# Actions that an exception keeps from being carried out


def test_what_is_not_carried_out_takes_no_place(make_pool: Pools) -> None:
    pool = make_pool(min_size=1, max_size=3)
    core = pool._core
    action = core.grow()
    assert action is not None
    (checked,) = examined(core)
    gone = Link.open(pool._options)  # type: ignore[arg-type]
    waiter = Waiter(0.0, None)

    class Strange(BaseException):
        pass

    def strike(*_: object) -> None:
        raise Strange

    class First(Answer):
        pass

    pool._PERFORM = {**LinkPool._PERFORM, First: strike}  # type: ignore[misc]
    with pytest.raises(Strange):
        pool._carry_out([First(waiter), Open(action.slot), Check(checked), Close(gone, "idle"), Answer(waiter)])
    assert (action.slot.state, checked.state, gone.closed) == (SlotState.GONE, SlotState.IDLE, True)
    waiter.wait(PATIENCE)
    assert (core.size, core.idle) == (1, 1)
    assert len(borrow_all(pool)) == 3


def test_a_pool_without_a_face_has_no_hooks(server: TempServer) -> None:
    from mariadb_py.core.options import ConnectOptions
    from mariadb_py.core.pool.options import PoolOptions

    pool = LinkPool(PoolOptions({}), ConnectOptions.from_keywords(server.connect_args))
    with pytest.raises(NotImplementedError):
        pool._call(print, None)  # type: ignore[arg-type]
    request = pool._ask(PATIENCE, time.monotonic())
    slot = pool._acquire(request, None)
    assert slot.state == SlotState.LEASED
    pool._release(slot, slot.connection)
    pool.shut()
    assert pool._core.size == 0


def test_whoever_is_given_nothing_is_told() -> None:
    from mariadb_py.core.pool.options import PoolOptions

    pool = LinkPool(PoolOptions({}), None)
    with pytest.raises(PoolError, match=r"^No connection available: couldn't get configuration for pool None$"):
        pool._acquire(pool._ask(None, time.monotonic()), None)
    assert pool._core.size == 0


def test_locks_of_a_reset_are_held_by_nobody(make_pool: Pools) -> None:
    """All I/O is done outside of the pool's lock."""
    pool = make_pool(pool_size=2, on_connect=free, on_reset=free, check=free)
    free.pool = pool  # type: ignore[attr-defined]
    free.calls = 0  # type: ignore[attr-defined]
    borrow_all(pool)
    pool.drain()
    borrow_all(pool)
    assert free.calls >= 10  # type: ignore[attr-defined]


def free(connection: mariadb_py.Connection) -> None:
    pool = getattr(free, "pool", None)
    if pool is None:
        return
    free.calls += 1  # type: ignore[attr-defined]
    assert not pool._lock._is_owned()
    run(connection, "SELECT 1")
