"""Waiting for a connection: for how long, in which order, what wakes, and what the error says."""

from __future__ import annotations

import pickle
import re
import threading
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import OperationalError, PoolClosed, PoolError, PoolQueueFull, PoolTimeout, ProgrammingError
from mariadb_py.testing import temp_server
from tests.support.pool import EXHAUSTED, PATIENCE, Pools, borrow_all, kill, run, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection, ConnectionPool
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

SLACK = 2.0  # seconds; a deadline that is missed by more is none


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server that the tests of this file may stop, and whose accounts they may change."""
    with temp_server() as server:
        yield server


class Waiting:
    """A thread that does something with a pool; `outcome` is what came of it, an exception too."""

    def __init__(self, call: Callable[[], Any], name: str | None = None) -> None:
        self.outcome: Any = None
        self.seconds = 0.0
        self._call = call
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        before = time.monotonic()
        try:
            self.outcome = self._call()
        except Exception as error:
            self.outcome = error
        self.seconds = time.monotonic() - before

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> Any:
        self._thread.join(PATIENCE)
        assert self.done
        return self.outcome


def waiting(pool: ConnectionPool, count: int = 1, call: Callable[[], Any] | None = None) -> list[Waiting]:
    """Threads that wait for a connection, one behind the other."""
    made = []
    for _ in range(count):
        before = pool.stats()["waiting"]
        made.append(Waiting(call or (lambda: used(pool))))
        wait_for(lambda before=before: pool.stats()["waiting"] > before)  # type: ignore[misc]
    return made


def used(pool: ConnectionPool) -> int:
    with pool.get_connection() as connection:
        number: int = value(connection, "SELECT connection_id()")
        return number


# How long


@pytest.mark.parametrize("by_call", [True, False])
def test_the_time_to_wait(make_pool: Pools, by_call: bool) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE if by_call else 0.3)
    with pool.get_connection():
        before = time.monotonic()
        with pytest.raises(PoolTimeout):
            pool.get_connection(timeout=0.3 if by_call else None)
        assert 0.3 <= time.monotonic() - before < 0.3 + SLACK
    assert (pool.stats()["timeouts"], pool.stats()["waiting"]) == (1, 0)
    assert pool.stats()["borrow_waits"] == 1


@pytest.mark.parametrize("acquire_timeout", [0, PATIENCE])
def test_not_to_wait(make_pool: Pools, acquire_timeout: float) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=acquire_timeout)
    with pool.get_connection():
        before = time.monotonic()
        with pytest.raises(PoolError, match=EXHAUSTED) as caught:
            pool.get_connection(timeout=0)
        assert time.monotonic() - before < SLACK
        assert type(caught.value) is PoolError
        assert str(caught.value) == (
            f"No connection available: pool {pool.pool_name!r} (size=1, active=1, idle=0, waiting=0, connecting=0)"
        )
    assert (pool.stats()["timeouts"], pool.stats()["borrow_waits"], pool.stats()["refused"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("timeout", "error"),
    [(-1, ProgrammingError), (float("nan"), ProgrammingError), ("1", TypeError), (True, TypeError), (b"", TypeError)],
)
def test_what_is_no_time(make_pool: Pools, timeout: Any, error: type[Exception]) -> None:
    pool = make_pool(pool_size=1)
    with pool.get_connection():  # what is idle is given out without a look at the time to wait
        with pytest.raises(error, match=r"^timeout (is a time|wants a number)"):
            pool.get_connection(timeout=timeout)
        with pytest.raises(error):
            pool.connection(timeout).__enter__()
    assert len(borrow_all(pool)) == 1


# The order


def test_a_returned_connection_goes_to_whoever_waits(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    connection = pool.get_connection()
    number = connection.connection_id
    (waiter,) = waiting(pool)
    connection.close()
    assert waiter.join() == number
    assert (pool.stats()["handoffs"], pool.stats()["wait"]["count"]) == (1, 2)


@pytest.mark.parametrize("order", ["fifo", "lifo"])
def test_who_came_first_is_served_first(make_pool: Pools, order: str) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE, order=order)
    served: list[int] = []
    connection = pool.get_connection()
    waiters = [
        waiting(pool, call=lambda number=number: served.append(number) if used(pool) else None)[0]
        for number in range(8)
    ]
    connection.close()
    for waiter in waiters:
        waiter.join()
    assert served == list(range(8))


def test_whoever_waits_comes_before_those_who_come(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    connection = pool.get_connection()
    (waiter,) = waiting(pool)
    connection.close()
    with pool.get_connection():  # behind the other one
        assert waiter.join()
    assert pool.stats()["borrow_waits"] >= 1


def test_who_has_given_up_is_not_given_anything(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    with pool.get_connection() as connection:
        number = connection.connection_id
        first, second = (waiting(pool, call=lambda limit=limit: pool.get_connection(limit))[0] for limit in (0.05, 60))
        assert isinstance(first.join(), PoolTimeout)
        assert not second.done
    borrowed = second.join()
    assert borrowed.connection_id == number
    borrowed.close()
    assert borrow_all(pool) == {number}


def test_a_connection_that_is_replaced_goes_to_whoever_waits(make_pool: Pools, connect: Connector) -> None:
    """The reset of a connection that is lost fails, and who waits gets another one."""
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    connection = pool.get_connection()
    number = connection.connection_id
    (waiter,) = waiting(pool)
    kill(connect(), number)
    connection.close()
    assert waiter.join() not in {number, None}
    assert waiter.seconds < PATIENCE / 2


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_pool_grows_for_whoever_waits(make_pool: Pools) -> None:
    pool = make_pool(min_size=1, max_size=3, acquire_timeout=PATIENCE)
    assert pool.connection_count == 1
    with ExitStack() as stack:
        numbers = {stack.enter_context(pool.get_connection()).connection_id for _ in range(3)}
        assert len(numbers) == pool.connection_count == 3
    assert borrow_all(pool, PATIENCE) == numbers


def test_200_threads_and_4_connections(make_pool: Pools) -> None:
    pool = make_pool(pool_size=4, acquire_timeout=PATIENCE)
    barrier = threading.Barrier(200)

    def work() -> int:
        barrier.wait(PATIENCE)
        for _ in range(5):
            number = used(pool)
        return number

    threads = [Waiting(work) for _ in range(200)]
    assert all(isinstance(thread.join(), int) for thread in threads)
    stats = pool.stats()
    assert (stats["borrows"], stats["active"], stats["idle"], stats["waiting"]) == (1000, 0, 4, 0)
    assert (stats["wait"]["count"], stats["hold"]["count"]) == (1000, 1000)
    assert len(borrow_all(pool, PATIENCE)) == 4


# How many may wait


def test_the_queue_is_full(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE, max_waiting=2)
    with pool.get_connection():
        waiters = waiting(pool, 2)
        with pytest.raises(PoolQueueFull, match=r"too many others are waiting \(size=1, active=1, idle=0, waiting=2"):
            pool.get_connection()
        with pytest.raises(PoolError, match=EXHAUSTED) as caught:
            pool.get_connection(0)
        assert not isinstance(caught.value, PoolQueueFull)
    assert all(isinstance(waiter.join(), int) for waiter in waiters)
    assert pool.stats()["queue_full"] == 1
    used(pool)


# What the error says


def test_the_error_names_who_has_the_connections(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2, acquire_timeout=0.1)
    ready, done = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with pool.get_connection():  # the place that is named
            ready.release()
            done.wait(PATIENCE)

    threads = [Waiting(hold, name) for name in ("first", "second")]
    for _ in threads:
        assert ready.acquire(timeout=PATIENCE)
    with pytest.raises(PoolTimeout) as caught:
        pool.get_connection()
    done.set()
    for thread in threads:
        thread.join()
    error = caught.value
    with open(__file__, encoding="utf-8") as file:
        line = next(n for n, text in enumerate(file, 1) if text.rstrip().endswith("# the place that is named"))
    place = re.escape(f"{__file__}:{line}")
    assert re.fullmatch(
        rf"No connection available: pool {pool.pool_name!r} timed out after 0\.\d\d s "
        r"\(size=2, active=2, idle=0, waiting=0, connecting=0\); "
        rf"longest holder \d+\.\d s thread=(first|second) {place}; then \d+\.\d s thread=(first|second) {place}",
        str(error),
    )
    assert error.msg == error.errmsg == str(error)
    assert {(name, where) for _, name, where in error.holders} == {
        (name, f"{__file__}:{line}") for name in ("first", "second")
    }
    assert error.holders[0][0] >= error.holders[1][0] >= 0.1
    assert error.stats is not None
    assert {name: error.stats[name] for name in ("size", "active", "timeouts")} == {
        "size": 2,
        "active": 2,
        "timeouts": 1,
    }
    assert error.__cause__ is None


@pytest.mark.parametrize("borrow", ["get_connection", "connection"])
def test_who_waits_for_himself_is_told_so(make_pool: Pools, borrow: str) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=0.1)
    with getattr(pool, borrow)(), pytest.raises(PoolTimeout) as caught:
        pool.get_connection()
    text = "this very thread has borrowed a connection of this pool, and waits for another one"
    assert text in str(caught.value)
    with pool.get_connection():
        assert text not in str(Waiting(lambda: used(pool)).join())


def test_the_error_can_be_pickled(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=0.05)
    with pool.get_connection(), pytest.raises(PoolTimeout) as caught:
        pool.get_connection()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.holders) == (PoolTimeout, str(caught.value), caught.value.holders)


# Where the server is to blame


def test_the_error_says_that_the_server_is_down(make_pool: Pools, own: TempServer) -> None:
    pool = make_pool(pool_size=2, acquire_timeout=0.5, **own.connect_args)
    own.kill()
    try:
        before = time.monotonic()
        with pytest.raises(PoolTimeout, match=r"; last attempt to connect: Can't connect to server") as caught:
            pool.get_connection()
        assert 0.5 <= time.monotonic() - before < 0.5 + SLACK
        assert isinstance(caught.value.__cause__, OperationalError)
        assert caught.value.__cause__.errno == 2002
        with pytest.raises(OperationalError, match=r"^Can't connect to server") as told:
            pool.get_connection(timeout=0)
        assert told.value.errno == 2002
        (waiter,) = waiting(pool, call=lambda: used_with(pool, PATIENCE))
    finally:
        own.start()
    assert isinstance(waiter.join(), int)
    assert len(borrow_all(pool, PATIENCE)) == 2


def used_with(pool: ConnectionPool, timeout: float) -> int:
    with pool.get_connection(timeout) as connection:
        number: int = value(connection, "SELECT connection_id()")
        return number


def test_who_waits_brings_the_next_attempt_forward(make_pool: Pools, own: TempServer) -> None:
    """Where nobody waits, the pauses between two attempts grow; whoever comes does not pay for that."""
    pool = make_pool.service(max_size=2, backoff=PATIENCE, max_backoff=PATIENCE, **own.connect_args)
    pool.wait_ready(PATIENCE)
    own.kill()
    try:
        pool.drain()  # all have to be opened anew, which fails
        wait_for(lambda: pool.stats()["connect_errors"] > 0)
    finally:
        own.start()
    before = time.monotonic()
    assert used_with(pool, PATIENCE)
    assert time.monotonic() - before < 0.5 * 5


def test_a_login_that_is_refused_is_told_at_once(make_pool: Pools, own: TempServer) -> None:
    with closing(mariadb_py.connect(**own.connect_args)) as administrator:
        run(administrator, "CREATE OR REPLACE USER shut@'127.0.0.1' IDENTIFIED BY 'x'")
        account = {**own.connect_args, "user": "shut", "password": "x", "database": None}
        pool = make_pool(min_size=1, max_size=3, acquire_timeout=PATIENCE, **account)
        with pool.get_connection():
            run(administrator, "ALTER USER shut@'127.0.0.1' IDENTIFIED BY 'y'")
            threads = [Waiting(lambda: used(pool)) for _ in range(3)]
            errors = [thread.join() for thread in threads]
        assert [(type(error), error.errno) for error in errors] == [(OperationalError, 1045)] * 3
        assert len({id(error) for error in errors}) == 3
        assert all(isinstance(error.__cause__, OperationalError) for error in errors)
        assert max(thread.seconds for thread in threads) < PATIENCE / 2
        used(pool)  # what is open stays


# The end


def test_whoever_waits_when_the_pool_is_closed(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    connection = pool.get_connection()
    waiters = waiting(pool, 3)
    pool.close()
    for waiter in waiters:
        error = waiter.join()
        assert (type(error), str(error)) == (PoolClosed, "Pool is closed")
    connection.close()
    with pytest.raises(PoolClosed, match=r"^Pool is closed$"):
        pool.get_connection()
    assert (pool.stats()["size"], pool.stats()["waiting"]) == (0, 0)


def test_ctrl_c_while_waiting(make_pool: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was waiting is forgotten: what comes back goes to the next one."""
    from mariadb_py.io.pool import Waiter

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    connection = pool.get_connection()
    with monkeypatch.context() as patch:
        patch.setattr(Waiter, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.get_connection()
    assert (pool.stats()["waiting"], pool.stats()["cancelled_waits"]) == (0, 1)
    number = connection.connection_id
    connection.close()
    assert used(pool) == number


def leased(pool: ConnectionPool) -> Connection:
    return pool.get_connection()


def test_a_signal_handler_that_returns_what_its_thread_waits_for(make_pool: Pools) -> None:
    """It runs in the thread that waits."""
    import signal

    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    connection = leased(pool)
    number = connection.connection_id
    handler = signal.signal(signal.SIGUSR1, lambda *_: connection.close())
    try:
        timer = threading.Timer(0.1, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
        timer.start()
        assert used(pool) == number
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, handler)
