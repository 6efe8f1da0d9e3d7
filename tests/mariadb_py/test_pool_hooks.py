"""What a pool calls, and what it watches: hooks and their failures, events, errors that end a connection, leaks."""

from __future__ import annotations

import gc
import re
import sys
import threading
import warnings
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import OperationalError, PoolTimeout
from mariadb_py.testing import temp_server
from tests.support.pool import PATIENCE, Pools, borrow_all, kill, run, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection, ConnectionPool
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

COUNTED = pytest.mark.skipif(
    not hasattr(sys, "getrefcount"),
    reason="where references are not counted, a dropped handle is collected at some time",
)


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server whose global variables the tests of this file may change."""
    with temp_server() as server:
        yield server


class Events:
    """What `on_event` was told."""

    def __init__(self) -> None:
        self.all: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, name: str, details: dict[str, Any]) -> None:
        self.all.append((name, details))

    def named(self, name: str) -> list[dict[str, Any]]:
        return [details for event, details in self.all if event == name]


def number_of(pool: ConnectionPool) -> int:
    with pool.get_connection() as connection:
        number: int = value(connection, "SELECT connection_id()")
        return number


# on_connect


@pytest.mark.parametrize("kind", [Pools.__call__, Pools.service])
def test_on_connect_is_given_each_new_connection(make_pool: Pools, kind: Callable[..., ConnectionPool]) -> None:
    seen: list[int] = []

    def prepare(connection: Connection) -> None:
        seen.append(connection.connection_id)
        run(connection, "SET @prepared = 1")

    pool = kind(make_pool, max_size=2, min_size=1, on_connect=prepare, pool_reset_session=False)
    pool.wait_ready(PATIENCE)
    with pool.get_connection(PATIENCE) as first, pool.get_connection(PATIENCE) as second:
        assert sorted(seen) == sorted((first.connection_id, second.connection_id))
        assert [value(connection, "SELECT @prepared") for connection in (first, second)] == [1, 1]


def test_on_connect_leaves_no_transaction_and_no_rows(make_pool: Pools) -> None:
    kept: list[Any] = []

    def prepare(connection: Connection) -> None:
        run(connection, "CREATE TEMPORARY TABLE passing (a INT)", "INSERT INTO passing VALUES (1)")
        kept.append(connection)

    pool = make_pool(pool_size=1, on_connect=prepare, pool_reset_session=False)
    with pool.get_connection() as connection:
        assert value(connection, "SELECT @@in_transaction") == 0
    with pytest.raises(mariadb_py.ProgrammingError, match="not connected"):
        kept[0].ping()  # it was his for as long as the call lasted


def test_on_connect_that_fails(make_pool: Pools) -> None:
    failing = True

    def prepare(connection: Connection) -> None:
        if failing:
            run(connection, "SELECT nonsense")

    with pytest.raises(mariadb_py.ProgrammingError) as caught:
        make_pool(pool_size=1, on_connect=prepare)
    assert caught.value.errno == 1054
    pool = make_pool.service(max_size=2, on_connect=prepare)
    with pytest.raises(PoolTimeout) as waited:
        pool.get_connection(timeout=0.2)
    assert isinstance(waited.value.__cause__, mariadb_py.ProgrammingError)
    assert pool.stats()["size"] == pool.stats()["connecting"]
    failing = False
    assert number_of(pool)


def test_on_connect_that_fails_in_a_way_of_its_own(make_pool: Pools) -> None:
    """As with an error of the server: it is tried again, and whoever waits is told what was in the way."""

    def prepare(connection: Connection) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match=r"^'?no'?$"):
        make_pool(pool_size=1, on_connect=prepare)
    pool = make_pool.service(max_size=1, on_connect=prepare)
    with pytest.raises(PoolTimeout, match=r"; last attempt to connect: no$") as caught:
        pool.get_connection(timeout=0.2)
    assert isinstance(caught.value.__cause__, LookupError)
    assert pool.stats()["connect_errors"] > 1


# on_reset


def test_on_reset_is_given_each_reset_connection(make_pool: Pools) -> None:
    seen: list[int] = []

    def again(connection: Connection) -> None:
        seen.append(connection.connection_id)
        run(connection, "SET @again = 1")

    pool = make_pool(pool_size=1, on_reset=again)
    number = number_of(pool)
    assert seen == [number]
    with pool.get_connection() as connection:
        assert value(connection, "SELECT @again") == 1
        run(connection, "SET @mine = 2")
    with pool.get_connection() as connection:
        assert value(connection, "SELECT CONCAT_WS(',', @again, @mine)") in ("1", b"1")
    assert len(seen) == 3


@pytest.mark.parametrize("error", [LookupError("no"), None])
def test_on_reset_that_fails_costs_the_connection(make_pool: Pools, error: Exception | None) -> None:
    def again(connection: Connection) -> None:
        if error is not None:
            raise error
        run(connection, "SELECT nonsense")

    pool = make_pool(pool_size=1, on_reset=again)
    first = number_of(pool)
    assert (pool.stats()["discards"]["reset"], pool.stats()["size"]) == (1, 0)
    assert number_of(pool) != first


# check


def test_check_is_called_instead_of_a_ping(make_pool: Pools) -> None:
    seen: list[int] = []
    pool = make_pool(pool_size=1, check=lambda connection: seen.append(value(connection, "SELECT connection_id()")))
    with pool.get_connection() as connection:
        number = connection.connection_id
        assert seen == [number]
        with connection.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Com_admin_commands'")
            assert cursor.fetchone() == ("Com_admin_commands", "0")
    number_of(pool)
    assert seen == [number] * 2


def test_what_check_says_no_to_is_replaced(make_pool: Pools) -> None:
    bad: set[int] = set()

    def check(connection: Connection) -> None:
        if connection.connection_id in bad:
            raise LookupError

    pool = make_pool(pool_size=2, check=check)
    first = borrow_all(pool)
    bad |= first
    assert not borrow_all(pool) & first
    assert pool.stats()["discards"]["ping"] == 2


# on_event


def test_events(make_pool: Pools, connect: Connector) -> None:
    events = Events()
    pool = make_pool(pool_size=1, on_event=events)
    first = number_of(pool)
    assert events.all == [("connect", {"connection_id": first})]
    kill(connect(), first)
    second = number_of(pool)
    assert events.all[1:] == [("discard", {"reason": "dead"}), ("connect", {"connection_id": second})]
    pool.close()
    assert events.all[3:] == [("discard", {"reason": "closed"})]


def test_events_of_a_login_that_fails(make_pool: Pools) -> None:
    events = Events()
    with pytest.raises(OperationalError) as caught:
        make_pool(pool_size=1, on_event=events, password="wrong")
    assert events.all == [("connect_error", {"error": caught.value})]


def test_what_on_event_raises_is_its_own_business(make_pool: Pools) -> None:
    def fail(name: str, details: dict[str, Any]) -> None:
        raise LookupError

    pool = make_pool(pool_size=1, on_event=fail)
    pool.drain()
    assert number_of(pool)


# Errors that end a connection


def test_a_server_that_has_become_read_only(make_pool: Pools, own: TempServer) -> None:
    with closing(mariadb_py.connect(**own.connect_args, autocommit=True)) as administrator:
        run(
            administrator,
            "CREATE OR REPLACE TABLE written (a INT)",
            "CREATE OR REPLACE USER plain@'127.0.0.1' IDENTIFIED BY 'x'",
            "GRANT ALL ON test.* TO plain@'127.0.0.1'",
        )
        pool = make_pool(pool_size=1, **{**own.connect_args, "user": "plain", "password": "x"})
        run(administrator, "SET GLOBAL read_only = 1")
        try:
            with pool.get_connection() as connection:
                first = connection.connection_id
                with pytest.raises(mariadb_py.Error) as caught:
                    run(connection, "INSERT INTO written VALUES (1)")
                assert caught.value.errno == 1290
                assert value(connection, "SELECT 42") == 42  # whoever has it can go on
        finally:
            run(administrator, "SET GLOBAL read_only = 0")
        assert pool.stats()["discards"]["evicted"] == 1
        assert number_of(pool) != first


@pytest.mark.parametrize(("numbers", "stays"), [([1146], False), ({1290}, True), ((), True)])
def test_the_errors_can_be_chosen(make_pool: Pools, numbers: Any, stays: bool) -> None:
    pool = make_pool(pool_size=1, evict_errors=numbers)
    with pool.get_connection() as connection:
        first = connection.connection_id
        with pytest.raises(mariadb_py.ProgrammingError) as caught:
            run(connection, "SELECT * FROM there_is_none")
        assert caught.value.errno == 1146
    assert (number_of(pool) == first) is stays


def test_errors_in_the_middle_of_a_result_count(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, evict_errors=[1242])
    with pool.get_connection() as connection:
        first = connection.connection_id
        with connection.cursor(buffered=False) as cursor, pytest.raises(mariadb_py.Error) as caught:
            cursor.execute("SELECT (SELECT seq FROM seq_1_to_2 WHERE seq > s.seq - 100) FROM seq_100_to_102 s")
            cursor.fetchall()
        assert caught.value.errno == 1242
    assert number_of(pool) != first


# Leaks


def leak(pool: ConnectionPool) -> Connection:
    return pool.get_connection()  # the place that is named


def place() -> str:
    with open(__file__, encoding="utf-8") as file:
        line = next(n for n, text in enumerate(file, 1) if text.rstrip().endswith("# the place that is named"))
    return f"{__file__}:{line}"


@pytest.mark.parametrize("acquire_timeout", [0, PATIENCE])
def test_a_connection_that_is_not_returned_is_reported_once(make_pool: Pools, acquire_timeout: float) -> None:
    events = Events()
    pool = make_pool(pool_size=2, leak_timeout=0.1, on_event=events, acquire_timeout=acquire_timeout)
    with leak(pool):
        wait_for(lambda: len(events.named("leak")) == 1)
        (told,) = events.named("leak")
        assert (told["thread"], told["place"]) == (threading.current_thread().name, place())
        assert 0.1 <= told["seconds"] < PATIENCE
        with leak(pool):
            wait_for(lambda: len(events.named("leak")) == 2)
    assert pool.stats()["leaks"] == 2
    with leak(pool):
        wait_for(lambda: len(events.named("leak")) == 3)


def test_a_connection_that_is_not_returned_is_warned_of(make_pool: Pools) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        pool = make_pool(pool_size=1, leak_timeout=0.1)
        with leak(pool):
            wait_for(lambda: bool(seen))
    assert seen[0].category is ResourceWarning
    assert re.fullmatch(
        rf"pool {pool.pool_name!r}: a connection has been borrowed for 0\.\d s at {re.escape(place())}",
        str(seen[0].message),
    )


def test_where_warnings_are_errors_a_leak_is_counted(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, leak_timeout=0.05)
    with leak(pool):
        wait_for(lambda: pool.stats()["leaks"] == 1)
    assert len(borrow_all(pool)) == 1


@COUNTED
@pytest.mark.parametrize("acquire_timeout", [0, PATIENCE])
def test_a_collected_lease_names_where_it_was_borrowed(make_pool: Pools, acquire_timeout: float) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=acquire_timeout)
    connection = leak(pool)
    text = (
        rf"^unclosed <mariadb_py.Connection .* id={connection.connection_id} at .*>, borrowed at {re.escape(place())}$"
    )
    with pytest.warns(ResourceWarning, match=text):
        del connection
    assert len(borrow_all(pool)) == 1
    assert pool.stats()["discards"]["leak"] == 1


@COUNTED
@pytest.mark.parametrize("in_a_cycle", [True, False])
def test_a_lease_that_is_collected_while_somebody_waits_for_it(make_pool: Pools, in_a_cycle: bool) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    connection = leak(pool)
    first = connection.connection_id
    outcome: list[int] = []
    thread = threading.Thread(target=lambda: outcome.append(number_of(pool)))
    thread.start()
    wait_for(lambda: pool.stats()["waiting"] == 1)
    with pytest.warns(ResourceWarning, match="borrowed at"):
        if in_a_cycle:
            cycle: list[Any] = [connection]
            cycle.append(cycle)
            del cycle
        del connection
        gc.collect()
    thread.join(PATIENCE)
    assert len(outcome) == 1
    assert first not in outcome


@COUNTED
def test_a_lease_that_is_collected_in_another_thread_s_hands(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2)
    held = [leak(pool), leak(pool)]
    with pytest.warns(ResourceWarning, match="borrowed at"):
        thread = threading.Thread(target=held.clear)
        thread.start()
        thread.join(PATIENCE)
    assert len(borrow_all(pool)) == 2


@COUNTED
def test_a_pool_that_nobody_has_is_collected(make_pool: Pools, connect: Connector) -> None:
    """Its keeper does not keep it."""
    from weakref import ref

    pool = mariadb_py.create_pool(max_size=1, keepalive=0.05, **make_pool.server.connect_args)
    pool.wait_ready(PATIENCE)
    number = number_of(pool)
    reference = ref(pool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its connections were not closed
        del pool

        def gone() -> bool:
            gc.collect()
            return reference() is None

        wait_for(gone)
    administrator = connect()
    wait_for(lambda: number not in {row[0] for row in listed(administrator)})


def listed(administrator: Connection) -> list[Any]:
    with administrator.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist")
        rows: list[Any] = cursor.fetchall()
        return rows
