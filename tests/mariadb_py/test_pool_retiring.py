"""What replaces the connections of a pool: drain, check, keepalive, their age, and idleness."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import (
    ConnectionPool,
)
from mariadb_py.testing import temp_server
from tests.support.pool import PATIENCE, Pools, borrow_all, gauges, ids, kill, run, used, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


# Replacing connections


def test_drain(make_pool: Pools) -> None:
    pool = make_pool.service(min_size=2, max_size=3)
    pool.wait_ready(PATIENCE)
    before = {slot.connection.core.session.greeting.connection_id for slot in pool._core.slots}
    with pool.get_connection() as borrowed:
        pool.drain()
        assert value(borrowed, "SELECT 42") == 42
        wait_for(lambda: pool.stats()["idle"] == 1)
    pool.wait_ready(PATIENCE)
    wait_for(lambda: gauges(pool) == (2, 2, 0))
    assert not borrow_all(pool, PATIENCE) & before
    assert pool.stats()["discards"]["drained"] == 2


def test_drain_of_a_pool_that_opens_connections_when_they_are_wanted(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2)
    before = borrow_all(pool)
    pool.drain()
    assert gauges(pool) == (0, 0, 0)
    assert not borrow_all(pool) & before


def test_check(make_pool: Pools, connect: Connector) -> None:
    pool = make_pool(pool_size=3)
    numbers = borrow_all(pool)
    assert pool.check() == 0
    victim = min(numbers)
    kill(connect(), victim)
    assert pool.check() == 1
    assert pool.stats()["discards"]["dead"] == 1
    assert borrow_all(pool) & numbers == numbers - {victim}


def test_a_check_leaves_what_is_borrowed_alone(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2)
    with pool.get_connection() as connection:
        run(connection, "SET @mine = 42")
        assert pool.check() == 0
        assert value(connection, "SELECT @mine") == 42
    assert len(borrow_all(pool)) == 2


def pings(administrator: Connection) -> int:
    """Admin commands of all sessions: pings, and debug."""
    with administrator.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Com_admin_commands'")
        return int(cursor.fetchone()[1])


@pytest.mark.parametrize("kind", [Pools.__call__, Pools.service])
def test_idle_connections_are_kept_alive(
    make_pool: Pools, own: TempServer, administrator: Connection, kind: Callable[..., ConnectionPool]
) -> None:
    before = pings(administrator)
    pool = kind(make_pool, max_size=2, min_size=2, keepalive=0.05, **own.connect_args)
    pool.wait_ready(PATIENCE)
    wait_for(lambda: pings(administrator) >= before + 8)
    assert pool.connection_count == 2
    assert pool.stats()["connects"] == 2


def test_a_connection_that_dies_while_it_is_idle_is_replaced_by_the_keepalive(
    make_pool: Pools, own: TempServer, administrator: Connection
) -> None:
    pool = make_pool.service(max_size=2, min_size=2, keepalive=0.05, **own.connect_args)
    pool.wait_ready(PATIENCE)
    kill(administrator, *(ids(administrator) - {administrator.connection_id}))
    wait_for(lambda: pool.stats()["connects"] == 4 and gauges(pool) == (2, 2, 0))
    assert pool.stats()["discards"]["dead"] == 2


@pytest.mark.parametrize("background", [True, False])
def test_connections_do_not_live_for_ever(make_pool: Pools, background: bool) -> None:
    pool = make_pool(pool_size=2, max_lifetime=0.3, lifetime_jitter=0, acquire_timeout=PATIENCE if background else 0)
    before = borrow_all(pool)
    time.sleep(0.4)
    assert not borrow_all(pool) & before
    assert pool.stats()["discards"]["lifetime"] == 2


def test_a_borrowed_connection_is_replaced_when_it_comes_back(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, max_lifetime=0.2, lifetime_jitter=0)
    with pool.get_connection() as connection:
        number = connection.connection_id
        time.sleep(0.3)
        assert value(connection, "SELECT 42") == 42
    assert pool.stats()["discards"]["lifetime"] == 1
    assert used(pool) != number


def test_the_server_s_wait_timeout_bounds_the_life(
    make_pool: Pools, own: TempServer, administrator: Connection
) -> None:
    """The server would end it after 2 s; before that, the pool does."""
    run(administrator, "SET GLOBAL wait_timeout = 2")
    try:
        pool = make_pool(pool_size=1, **own.connect_args)
    finally:
        run(administrator, "SET GLOBAL wait_timeout = 28800")
    number = used(pool)
    time.sleep(1.1)
    assert used(pool) != number
    assert pool.stats()["discards"]["lifetime"] == 1


@pytest.mark.parametrize("acquire_timeout", [0, PATIENCE])
def test_what_is_idle_for_long_is_given_up(make_pool: Pools, acquire_timeout: float) -> None:
    pool = make_pool(min_size=1, max_size=3, max_idle_time=0.2, acquire_timeout=acquire_timeout)
    borrow_all(pool)
    assert pool.connection_count == 3
    wait_for(lambda: gauges(pool) == (1, 1, 0))
    assert pool.stats()["discards"]["idle"] == 2
    assert len(borrow_all(pool)) == 3
