"""A process that is forked while it has a pool: the child begins anew, and the parent notices nothing."""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import warnings
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import _CONNECTION_POOLS, ConnectionPool, PoolClosed
from mariadb_py.testing import temp_server
from tests.support.pool import PATIENCE, Pools, borrow_all, ids, run, value, wait_for
from tests.support.tls import server_certificates, server_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server whose counters only these tests move; it has TLS."""
    with server_certificates() as certificates, temp_server(options=server_options(certificates, "good")) as server:
        yield server


@pytest.fixture(params=["plain", "TLS"])
def make_pool(own: TempServer, request: pytest.FixtureRequest) -> Iterator[Pools]:
    """Makes pools that are closed after the test."""
    pools = Pools(own, **({"ssl": True, "ssl_verify_cert": False} if request.param == "TLS" else {}))
    yield pools
    pools.close_all()


@pytest.fixture
def administrator(own: TempServer) -> Iterator[Connection]:
    with closing(mariadb_py.connect(**own.connect_args, autocommit=True)) as connection:
        yield connection


class Child:
    """A forked process that does something; `outcome()` is what came of it, which has to fit into JSON."""

    def __init__(self, work: Callable[[], Any], closes: bool = True) -> None:
        self._read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # there are other threads
            self._pid = os.fork()
        if self._pid:
            os.close(write)
            return
        told: Any = "nothing"
        try:
            signal.alarm(int(PATIENCE))
            told = work()
            for pool in tuple(_CONNECTION_POOLS.values()) if closes else ():
                pool.close()
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
        finally:
            os.write(write, json.dumps(told).encode())
            os._exit(0)

    def outcome(self) -> Any:
        try:
            told = b""
            while select.select([self._read], [], [], PATIENCE)[0]:
                chunk = os.read(self._read, 65536)
                if not chunk:
                    break
                told += chunk
            return json.loads(told)
        finally:
            os.close(self._read)
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def aborted(administrator: Connection) -> int:
    with administrator.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
        return int(cursor.fetchone()[1])


def tried(use: Callable[[], Any]) -> str:
    try:
        return f"no error, but {use()!r}"
    except mariadb_py.Error as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("acquire_timeout", [0, PATIENCE])
def test_children_use_connections_of_their_own(
    make_pool: Pools, administrator: Connection, acquire_timeout: float
) -> None:
    before, lost = ids(administrator), aborted(administrator)
    pool = make_pool(pool_size=3, acquire_timeout=acquire_timeout)
    lease = pool.get_connection()
    run(lease, "SET @mine = 42")
    mine = ids(administrator) - before

    def work() -> Any:
        numbers = [sorted(borrow_all(pool)) for _ in range(3)]
        assert numbers[0] == numbers[1] == numbers[2]
        return numbers[0]

    children = [Child(work) for _ in range(3)]
    theirs = [child.outcome() for child in children]
    assert all(isinstance(numbers, list) for numbers in theirs), theirs
    strangers = {number for numbers in theirs for number in numbers}
    assert len(strangers) == 9
    assert not strangers & mine
    wait_for(lambda: ids(administrator) - before == mine)
    assert value(lease, "SELECT @mine") == 42
    lease.close()
    assert borrow_all(pool) == mine
    pool.close()
    wait_for(lambda: ids(administrator) <= before)
    assert aborted(administrator) == lost


def test_a_lease_of_the_parent_is_of_no_use_in_the_child(make_pool: Pools, administrator: Connection) -> None:
    lost = aborted(administrator)
    pool = make_pool(pool_size=1)
    lease = pool.get_connection()
    cursor = lease.cursor(buffered=False)
    cursor.execute("SELECT seq FROM seq_1_to_100000")

    def work() -> Any:
        told = [tried(use) for use in (lease.ping, lambda: lease.cursor().execute("SELECT 1"), cursor.fetchall)]
        lease.close()
        return [*told, tried(lease.ping), len(borrow_all(pool)), pool.stats()["borrows"]]

    told = Child(work).outcome()
    text = f"it belongs to process {os.getpid()}, which forked this one"
    assert [text in line for line in told[:3]] == [True] * 3, told
    assert [line.split(":")[0] for line in told[:3]] == ["LostConnectionError"] * 3
    assert told[3:] == ["ProgrammingError: Invalid connection or not connected", 1, 1]
    assert len(cursor.fetchall()) == 100000
    cursor.close()
    lease.close()
    assert len(borrow_all(pool)) == 1
    assert aborted(administrator) == lost


def test_a_child_drops_what_its_parent_has_borrowed(make_pool: Pools, administrator: Connection) -> None:
    """It is not a leak, and nobody is warned."""
    pool = make_pool(pool_size=2)
    held = [pool.get_connection()]

    def work() -> Any:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            held.clear()
            numbers = borrow_all(pool)
        return [str(warning.message) for warning in seen] + [len(numbers)]

    assert Child(work).outcome() == [2]
    assert value(held[0], "SELECT 42") == 42
    held[0].close()


def test_a_child_of_a_child(make_pool: Pools, administrator: Connection) -> None:
    before = ids(administrator)
    pool = make_pool(pool_size=1)
    mine = ids(administrator) - before

    def work() -> Any:
        lease = pool.get_connection()
        number = value(lease, "SELECT connection_id()")
        inner = Child(lambda: [tried(lease.ping), sorted(borrow_all(pool))]).outcome()
        return [number, os.getpid(), value(lease, "SELECT connection_id()"), inner]

    number, pid, still, inner = Child(work).outcome()
    assert number == still
    assert f"it belongs to process {pid}" in inner[0]
    assert len({number, *inner[1], *mine}) == 3
    assert borrow_all(pool) == mine


def test_a_fork_while_others_use_the_pool(make_pool: Pools) -> None:
    """Its locks may be held by a thread that the child does not have, and there are those who wait."""
    pool = make_pool(pool_size=2, acquire_timeout=PATIENCE)
    stop = threading.Event()
    errors: list[Exception] = []

    def work() -> None:
        try:
            while not stop.is_set():
                with pool.get_connection() as connection:
                    value(connection, "SELECT 42")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            assert Child(lambda: len(borrow_all(pool, PATIENCE))).outcome() == 2
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert errors == []
    assert len(borrow_all(pool)) == 2


def test_a_service_s_pool_in_a_child(make_pool: Pools, administrator: Connection) -> None:
    before = ids(administrator)
    pool = make_pool.service(min_size=2, max_size=3, keepalive=0.05)
    pool.wait_ready(PATIENCE)
    mine = ids(administrator) - before

    def work() -> Any:
        pool.wait_ready(PATIENCE)
        numbers = sorted(borrow_all(pool, PATIENCE))
        pool.close()
        return numbers

    theirs = Child(work).outcome()
    assert len(theirs) == 3
    assert not mine & set(theirs)
    assert mine <= borrow_all(pool, PATIENCE)


def test_a_pool_that_is_closed_stays_so_in_a_child(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    pool.close()
    assert Child(lambda: tried(pool.get_connection)).outcome() == "PoolClosed: Pool is closed"
    with pytest.raises(PoolClosed):
        pool.get_connection()


def test_a_child_may_close_its_pool_and_make_another_of_that_name(make_pool: Pools, own: TempServer) -> None:
    pool = make_pool(pool_size=1, pool_name="family")

    def work() -> Any:
        pool.close()
        with ConnectionPool(pool_name="family", pool_size=1, **own.connect_args) as other:
            return len(borrow_all(other))

    assert Child(work).outcome() == 1
    assert len(borrow_all(pool)) == 1


def test_an_added_connection_stays_with_the_parent(make_pool: Pools, own: TempServer) -> None:
    pool = make_pool(pool_size=2, min_size=1)
    added = mariadb_py.connect(**own.connect_args)
    number = added.connection_id
    pool.add_connection(added)
    theirs = Child(lambda: sorted(borrow_all(pool))).outcome()
    assert len(theirs) == 2
    assert number not in theirs
    assert number in borrow_all(pool)


def test_what_the_child_is_to_keep(make_pool: Pools, administrator: Connection) -> None:
    """As a program does that forks only to become a daemon."""
    before = ids(administrator)
    pool = make_pool(pool_size=2, fork_policy="keep")
    lease = pool.get_connection()
    mine = ids(administrator) - before

    def work() -> Any:
        with pool.get_connection() as other:
            return sorted((value(lease, "SELECT connection_id()"), value(other, "SELECT connection_id()")))

    assert set(Child(work, closes=False).outcome()) == mine
    lease.close()
