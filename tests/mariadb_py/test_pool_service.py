"""A pool in a service: how it comes up and goes down, and its figures."""

from __future__ import annotations

import re
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import (
    _CONNECTION_POOLS,
    OperationalError,
    PoolClosed,
    PoolError,
    PoolTimeout,
    ProgrammingError,
    create_pool,
)
from mariadb_py.testing import temp_server
from tests.support.pool import EXHAUSTED, PATIENCE, Pools, borrow_all, gauges, ids, kill, run, used, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

SLACK = 2.0  # seconds; a deadline that is missed by more is none


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server that the tests of this file may stop, and whose accounts they may change."""
    with temp_server() as server:
        yield server


@pytest.fixture
def administrator(own: TempServer) -> Iterator[Connection]:
    with closing(mariadb_py.connect(**own.connect_args, autocommit=True)) as connection:
        yield connection


# Up


def test_a_service_s_pool_has_its_own_defaults(make_pool: Pools) -> None:
    pool = make_pool.service()
    assert (pool.pool_name, pool.pool_size, pool.max_size, pool.pool_reset_connection) == ("", 10, 10, True)
    assert (pool.stats()["min_size"], pool.stats()["max_size"]) == (4, 10)
    pool.wait_ready(PATIENCE)
    assert gauges(pool) == (4, 4, 0)
    assert len(borrow_all(pool, PATIENCE)) == 10
    assert repr(pool).startswith("<mariadb_py.ServicePool '' size=10 idle=10 at 0x")
    assert pool not in _CONNECTION_POOLS.values()


def test_a_name_of_a_service_s_pool_is_registered(make_pool: Pools) -> None:
    pool = make_pool.service(pool_name="service", max_size=1)
    assert _CONNECTION_POOLS["service"] is pool
    with pytest.raises(ProgrammingError, match=r"^Pool 'service' already exists$"):
        make_pool.service(pool_name="service")
    with mariadb_py.connect(pool_name="service") as connection:
        assert value(connection, "SELECT 42") == 42
    pool.close()
    assert "service" not in _CONNECTION_POOLS


def test_a_service_s_pool_may_be_large(make_pool: Pools) -> None:
    pool = make_pool.service(min_size=0, max_size=1000)
    assert gauges(pool) == (0, 0, 0)
    assert used(pool) > 0
    assert gauges(pool) == (1, 1, 0)


def test_the_server_is_absent(own: TempServer) -> None:
    """The pool is made at once; who wants to know is told why it is not ready."""
    arguments = own.connect_args
    own.kill()
    try:
        with create_pool(max_size=2, **arguments) as pool:
            before = time.monotonic()
            with pytest.raises(PoolTimeout, match=r"timed out after 0\.\d\d s .*; last attempt to connect: ") as caught:
                pool.wait_ready(0.5)
            assert 0.5 <= time.monotonic() - before < 0.5 + SLACK
            assert isinstance(caught.value.__cause__, OperationalError)
            assert caught.value.__cause__.errno == 2002
            with pytest.raises(PoolTimeout) as caught:
                pool.get_connection(timeout=0.1)
            assert isinstance(caught.value.__cause__, OperationalError)
    finally:
        own.start()


def test_the_server_comes_later(own: TempServer) -> None:
    arguments = own.connect_args
    own.kill()
    try:
        pool = create_pool(max_size=2, **arguments)
        wait_for(lambda: pool.stats()["connect_errors"] > 1)
    finally:
        own.start()
    with pool:
        pool.wait_ready(PATIENCE)
        assert gauges(pool) == (2, 2, 0)


def test_a_wrong_password_is_told_at_once(make_pool: Pools) -> None:
    pool = make_pool.service(password="wrong")
    before = time.monotonic()
    with pytest.raises(OperationalError) as caught:
        pool.wait_ready(PATIENCE)
    assert caught.value.errno == 1045
    with pytest.raises(OperationalError) as caught:
        pool.get_connection(PATIENCE)
    assert caught.value.errno == 1045
    assert time.monotonic() - before < PATIENCE / 2


def test_a_pool_that_waits_opens_the_first_ones_before_it_is_there(make_pool: Pools) -> None:
    pool = make_pool(min_size=2, max_size=3, acquire_timeout=PATIENCE)
    assert gauges(pool) == (2, 2, 0)
    pool.wait_ready(0)
    pool.wait_ready()


def test_waiting_for_a_pool_that_is_closed(make_pool: Pools) -> None:
    pool = make_pool.service()
    pool.close()
    with pytest.raises(PoolClosed, match=r"^Pool is closed$"):
        pool.wait_ready(PATIENCE)


def test_a_password_that_changes(make_pool: Pools, own: TempServer, administrator: Connection) -> None:
    """It is asked for at each login."""
    run(administrator, "CREATE OR REPLACE USER turning@'127.0.0.1' IDENTIFIED BY 'first'")
    password = "first"
    account = {**own.connect_args, "user": "turning", "password": lambda: password, "database": None}
    pool = make_pool.service(min_size=1, max_size=2, **account)
    first = used(pool, PATIENCE)
    run(administrator, "ALTER USER turning@'127.0.0.1' IDENTIFIED BY 'second'")
    assert used(pool) == first
    pool.drain()
    with pytest.raises(OperationalError) as caught:
        pool.get_connection(PATIENCE)
    assert caught.value.errno == 1045
    password = "second"
    assert used(pool, PATIENCE) != first


# Sizes


def test_resize(make_pool: Pools, connect: Connector) -> None:
    before = ids(administrator := connect())
    pool = make_pool(pool_size=3)
    borrow_all(pool)
    pool.resize(1)
    assert (pool.pool_size, gauges(pool)) == (1, (1, 1, 0))
    assert pool.stats()["discards"]["surplus"] == 2
    wait_for(lambda: len(ids(administrator) - before) == 1)
    assert len(borrow_all(pool)) == 1
    pool.resize(1, 4)
    assert (pool.pool_size, gauges(pool)) == (4, (1, 1, 0))
    assert len(borrow_all(pool)) == 4
    with pytest.raises(ProgrammingError, match="min_size is 3, and max_size is 2"):
        pool.resize(3, 2)
    with pytest.raises(ProgrammingError, match="Pool size must be in range of 1 and 64, not 65"):
        pool.resize(65)
    assert len(borrow_all(pool)) == 4


def test_what_is_borrowed_is_too_many_when_it_comes_back(make_pool: Pools) -> None:
    pool = make_pool(pool_size=3)
    borrowed = [pool.get_connection() for _ in range(3)]
    pool.resize(1)
    assert [value(connection, "SELECT 42") for connection in borrowed] == [42] * 3
    for connection in borrowed:
        connection.close()
    assert gauges(pool) == (1, 1, 0)
    assert len(borrow_all(pool)) == 1


def test_a_larger_pool_serves_whoever_waits(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    with pool.get_connection():
        outcome: list[int] = []
        thread = threading.Thread(target=lambda: outcome.append(used(pool)))
        thread.start()
        wait_for(lambda: pool.stats()["waiting"] == 1)
        pool.resize(1, 2)
        thread.join(PATIENCE)
        assert len(outcome) == 1


# Suspending


def test_suspend(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2, acquire_timeout=PATIENCE)
    borrowed = pool.get_connection()
    pool.suspend()
    assert value(borrowed, "SELECT 42") == 42
    borrowed.close()
    with pytest.raises(PoolError, match=r"the pool is suspended \(size=2, active=0, idle=2"):
        pool.get_connection(timeout=0)
    with pytest.raises(PoolTimeout):
        pool.get_connection(timeout=0.05)
    outcome: list[int] = []
    thread = threading.Thread(target=lambda: outcome.append(used(pool)))
    thread.start()
    wait_for(lambda: pool.stats()["waiting"] == 1)
    assert outcome == []
    pool.resume()
    thread.join(PATIENCE)
    assert len(outcome) == 1
    assert len(borrow_all(pool)) == 2


def test_suspend_and_fail_fast(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    pool.suspend(fail_fast=True)
    before = time.monotonic()
    with pytest.raises(PoolError, match=r"the pool is suspended"):
        pool.get_connection()
    assert time.monotonic() - before < PATIENCE / 2
    pool.resume()
    assert len(borrow_all(pool)) == 1


# Down


def test_close_waits_for_what_is_borrowed(make_pool: Pools, connect: Connector) -> None:
    before = ids(administrator := connect())
    pool = make_pool(pool_size=2)
    borrowed = pool.get_connection()
    timer = threading.Timer(0.2, borrowed.close)
    timer.start()
    began = time.monotonic()
    pool.close(timeout=PATIENCE)
    assert 0.2 <= time.monotonic() - began < PATIENCE / 2
    timer.join()
    assert pool.stats()["size"] == 0
    wait_for(lambda: ids(administrator) <= before)


def test_close_does_not_wait_for_longer(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    borrowed = pool.get_connection()
    began = time.monotonic()
    pool.close(timeout=0.1)
    assert 0.1 <= time.monotonic() - began < 0.1 + SLACK
    assert value(borrowed, "SELECT 42") == 42  # its borrower still has it
    borrowed.close()
    assert pool.stats()["size"] == 0


def test_close_by_force(make_pool: Pools, connect: Connector) -> None:
    administrator = connect()
    pool = make_pool(pool_size=2)
    idle, working = pool.get_connection(), pool.get_connection()
    number = idle.connection_id
    caught: list[Exception] = []

    def work() -> None:
        try:
            run(working, "SELECT SLEEP(60)")
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    with administrator.cursor() as cursor:
        wait_for(
            lambda: (
                cursor.execute("SELECT 1 FROM information_schema.processlist WHERE info LIKE '%SLEEP(60)'")
                or cursor.fetchone() is not None
            )
        )
    pool.close(timeout=0.05, force=True)
    thread.join(PATIENCE)
    assert [type(error) for error in caught] == [mariadb_py.LostConnectionError]
    with pytest.raises(mariadb_py.InterfaceError):
        run(idle, "SELECT 1")
    for connection in (idle, working):
        connection.close()
    assert pool.stats()["size"] == 0
    wait_for(lambda: number not in ids(administrator))


def test_close_twice(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    for _ in range(2):
        pool.close()
        assert pool.connection_count == 0
        with pytest.raises(PoolClosed):
            pool.get_connection()
        for method in (pool.drain, pool.resume, pool.suspend, pool.check):
            method()
    assert pool.stats()["discards"]["closed"] == 1


def test_a_connection_that_is_opened_while_the_pool_is_closed(make_pool: Pools, connect: Connector) -> None:
    before = ids(administrator := connect())
    for _ in range(20):
        make_pool.service(min_size=4).close()
    wait_for(lambda: all(pool.stats()["size"] == 0 for pool in make_pool.made))
    wait_for(lambda: ids(administrator) <= before)


# Figures


def test_the_figures(make_pool: Pools, connect: Connector) -> None:
    pool = make_pool(min_size=1, max_size=3)
    for _ in range(3):
        used(pool)
    with pool.get_connection(), pool.get_connection() as other:
        kill(connect(), other.connection_id)
    with (
        suppress(PoolError),
        pool.get_connection(),
        pool.get_connection(),
        pool.get_connection(),
        pool.get_connection(),
    ):
        pass
    stats = pool.stats()
    numbers = {name: number for name, number in stats.items() if isinstance(number, int)}
    assert numbers == {
        "size": 3,
        "idle": 3,
        "active": 0,
        "connecting": 0,
        "waiting": 0,
        "min_size": 1,
        "max_size": 3,
        "borrows": 8,
        "resets": 8,
        "resets_skipped": 0,
        "borrow_waits": 0,
        "handoffs": 0,
        "timeouts": 0,
        "queue_full": 0,
        "refused": 1,
        "cancelled_waits": 0,
        "connects": 4,
        "connect_errors": 0,
        "leaks": 0,
    }
    assert sum(stats["discards"].values()) == 1
    for name, count in (("wait", 8), ("hold", 8), ("connect", 4)):
        assert stats[name]["count"] == count
        assert sum(stats[name]["buckets"].values()) == count


def test_the_figures_for_prometheus(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2, pool_name='a "b"')
    used(pool)
    text = pool.prometheus()
    assert text.endswith("\n")
    assert 'mariadb_pool_size{pool="a \\"b\\""} 2\n' in text
    assert 'mariadb_pool_borrows_total{pool="a \\"b\\""} 1\n' in text
    assert 'mariadb_pool_discards_total{pool="a \\"b\\"",reason="dead"} 0\n' in text
    assert 'mariadb_pool_hold_seconds_count{pool="a \\"b\\""} 1\n' in text
    label = r'\{pool="a \\"b\\""(,[a-z]+="[^"]+")?\}'
    for line in text.splitlines():
        assert re.fullmatch(rf"# TYPE \w+ (gauge|counter|histogram)|\w+{label} [\d.e+-]+", line), line


# Changing options


def test_set_config(make_pool: Pools, connect: Connector) -> None:
    pool = make_pool(pool_size=2)
    before = borrow_all(pool)
    pool.set_config(**{**make_pool.server.connect_args, "database": "mysql"})
    assert borrow_all(pool) == before  # what is open stays
    with pool.get_connection() as connection:
        assert connection.database == "test"
    pool.drain()
    with pool.get_connection() as connection:
        assert connection.database == "mysql"
        with pytest.raises(PoolError, match=EXHAUSTED), pool.get_connection():
            pool.get_connection()
    pool.set_config(acquire_timeout=0.05)
    with pool.get_connection(), pool.get_connection(), pytest.raises(PoolTimeout):
        pool.get_connection()
    for wrong, error in (({"hots": "x"}, TypeError), ({"pool_name": "other"}, ProgrammingError)):
        with pytest.raises(error):
            pool.set_config(**wrong)
    assert len(borrow_all(pool)) == 2


def test_set_config_with_what_the_server_refuses(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    pool.set_config(**{**make_pool.server.connect_args, "password": "wrong"})
    used(pool)
    pool.drain()
    for _ in range(2):
        with pytest.raises(OperationalError) as caught:
            pool.get_connection()
        assert caught.value.errno == 1045
    pool.set_config(**make_pool.server.connect_args)
    used(pool)


def test_the_status_callback_of_a_later_configuration(make_pool: Pools) -> None:
    seen: list[tuple[Any, Any]] = []
    pool = make_pool(pool_size=1)
    used(pool)
    pool.set_config(**make_pool.server.connect_args, status_callback=lambda *arguments: seen.append(arguments))
    pool.drain()
    with pool.get_connection() as connection:
        connection.select_db("mysql")
        assert (connection, {"schema": "mysql"}) in seen
