"""The pool against a real server: what the next borrower of a connection finds, and what is left after accidents."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import ConnectionPool, ProgrammingError
from mariadb_py.core.pool import upkeep
from mariadb_py.testing import temp_server
from tests.support.listener import listening
from tests.support.pool import DEAD, PATIENCE, Pools, borrow_all, kill, run, value, wait_for
from tests.support.scripts import column, lenenc, ok, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller
    from tests.support.server import Connector


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server that the tests of this file may kill, and whose accounts they may change."""
    with temp_server() as server:
        yield server


# What the next borrower finds

# Statement, and a query whose answer differs while the statement's effect lasts.
TRACES = {
    "user variable": ("SET @secret = 42", "SELECT @secret"),
    "sql_mode": ("SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'", "SELECT @@sql_mode"),
    "time_zone": ("SET time_zone = '+05:00'", "SELECT @@time_zone"),
    "latin1": ("SET NAMES latin1", "SELECT CONCAT(@@character_set_client, @@character_set_results)"),
    "results": ("SET character_set_results = latin1", "SELECT @@character_set_results"),
    "isolation": ("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT @@tx_isolation"),
    "timeout": ("SET max_statement_time = 42", "SELECT @@max_statement_time"),
    "autocommit": ("SET autocommit = 1 - @@autocommit", "SELECT @@autocommit"),
    "USE": ("USE information_schema", "SELECT DATABASE()"),
    "no database": ("DROP DATABASE IF EXISTS nowhere", "SELECT DATABASE()"),
    "init_command": ("SET @@session.wait_timeout = 1234", "SELECT @@session.wait_timeout"),
    "transaction": ("START TRANSACTION", "SELECT @@in_transaction"),
}


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("autocommit", [False, True])
def test_the_next_borrower_finds_a_new_session(make_pool: Pools, trace: str, autocommit: bool) -> None:
    statement, query = TRACES[trace]
    pool = make_pool(pool_size=1, autocommit=autocommit, init_command="SET @@session.wait_timeout = 4321")
    with pool.get_connection() as connection:
        first, as_new = connection.connection_id, value(connection, query)
        run(connection, statement)
        assert trace == "no database" or value(connection, query) != as_new
    with pool.get_connection() as connection:
        assert connection.connection_id == first
        assert value(connection, query) == as_new
        assert (connection.autocommit, connection.database) == (autocommit, "test")


def blocked(connection: mariadb_py.Connection, statement: str) -> bool:
    """A lock is in the way of a statement that does not wait."""
    try:
        run(connection, statement)
    except mariadb_py.OperationalError as error:
        assert error.errno == 1205
        return True
    return False


@pytest.mark.parametrize("autocommit", [False, True])
def test_autocommit_is_what_was_asked_for(make_pool: Pools, connect: Connector, autocommit: bool) -> None:
    """COM_RESET_CONNECTION brings back the server's default, which is 1: a rollback would not roll back."""
    pool = make_pool(pool_size=1, autocommit=autocommit)
    administrator = connect(autocommit=True)
    run(administrator, "CREATE OR REPLACE TABLE kept (round INT)")
    for number in range(3):
        with pool.get_connection() as connection:
            assert value(connection, "SELECT @@autocommit") == autocommit
            run(connection, f"INSERT INTO kept VALUES ({number})")
            connection.rollback()
    assert value(administrator, "SELECT COUNT(*) FROM kept") == (3 if autocommit else 0)
    run(administrator, "DROP TABLE kept")


def test_locks_tables_and_statements_are_gone_at_once(make_pool: Pools, connect: Connector) -> None:
    pool = make_pool(pool_size=1)
    other = connect(autocommit=True, read_timeout=PATIENCE)
    update = "SET STATEMENT lock_wait_timeout = 0 FOR UPDATE locked SET id = 2"
    run(other, "CREATE OR REPLACE TABLE locked (id INT PRIMARY KEY)", "INSERT INTO locked VALUES (1)")
    with pool.get_connection() as connection:
        first = connection.connection_id
        run(connection, "CREATE TEMPORARY TABLE passing (id INT)", "PREPARE mine FROM 'SELECT 1'", "EXECUTE mine")
        assert value(connection, "SELECT GET_LOCK('mine', 0)") == 1
        run(connection, "LOCK TABLES locked WRITE")
        assert value(other, "SELECT IS_FREE_LOCK('mine')") == 0
        assert blocked(other, update)
    # While the connection is idle in the pool: nobody has borrowed it yet, and nobody waits for the server either.
    wait_for(lambda: value(other, "SELECT IS_FREE_LOCK('mine')") == 1)
    wait_for(lambda: not blocked(other, update))
    with pool.get_connection() as connection:
        assert connection.connection_id == first
        for statement, errno in (("SELECT * FROM passing", 1146), ("EXECUTE mine", 1243)):
            with pytest.raises(mariadb_py.Error) as caught:
                run(connection, statement)
            assert caught.value.errno == errno
    run(other, "DROP TABLE locked")


@pytest.mark.parametrize("reset", [True, False])
def test_an_open_transaction_is_rolled_back(make_pool: Pools, connect: Connector, reset: bool) -> None:
    pool = make_pool(pool_size=1, pool_reset_connection=reset)
    other = connect(autocommit=True, read_timeout=PATIENCE)
    update = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR UPDATE half SET id = 4 WHERE id = 1"
    run(other, "CREATE OR REPLACE TABLE half (id INT PRIMARY KEY)", "INSERT INTO half VALUES (1)")
    with pool.get_connection() as connection:
        first = connection.connection_id
        run(connection, "INSERT INTO half VALUES (2)", "UPDATE half SET id = 3 WHERE id = 1")
        assert blocked(other, update)
    wait_for(lambda: not blocked(other, update))
    assert value(other, "SELECT GROUP_CONCAT(id) FROM half") == "4"
    with pool.get_connection() as connection:
        assert (connection.connection_id, value(connection, "SELECT @@in_transaction")) == (first, 0)
    run(other, "DROP TABLE half")


def test_a_database_that_nobody_configured_is_not_handed_on(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, database=None)
    for _ in range(2):
        with pool.get_connection() as connection:
            assert value(connection, "SELECT DATABASE()") is None
            connection.select_db("test")
    with pool.get_connection() as connection:
        assert connection.database is None


def test_another_user_is_not_handed_on(make_pool: Pools, own: TempServer) -> None:
    with closing(mariadb_py.connect(**own.connect_args)) as administrator:
        run(
            administrator, "CREATE USER guest@'127.0.0.1' IDENTIFIED BY 'x'", "GRANT ALL ON test.* TO guest@'127.0.0.1'"
        )
    pool = make_pool(pool_size=1, **own.connect_args)
    with pool.get_connection() as connection:
        first = connection.connection_id
        connection.change_user("guest", "x", None)
        assert value(connection, "SELECT CURRENT_USER()") == "guest@127.0.0.1"
    with pool.get_connection() as connection:
        assert value(connection, "SELECT CURRENT_USER()") == f"{own.user}@127.0.0.1"
        assert connection.connection_id != first


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(
    ("sql", "kept"), [("SELECT seq FROM seq_1_to_3", True), ("SELECT * FROM seq_1_to_10000000", False)]
)
def test_unread_rows_cost_the_connection_only_if_they_are_on_the_way(
    make_pool: Pools, reset: bool, sql: str, kept: bool
) -> None:
    """And a cursor that is still there does not block the next borrower."""
    pool = make_pool(pool_size=1, pool_reset_session=reset)
    connection = pool.get_connection()
    number = connection.connection_id
    cursor = connection.cursor(buffered=False)
    cursor.execute(sql)
    assert cursor.fetchone() == (1,)
    connection.close()
    with pool.get_connection() as other:
        assert value(other, "SELECT 42") == 42
        assert (other.connection_id == number) is kept
        with pytest.raises(ProgrammingError, match=DEAD):
            cursor.execute("SELECT 1")


def endless(caller: Caller) -> None:
    """Answers COM_RESET_CONNECTION, and the statement behind it with rows without an end."""
    caller.log_in()
    while caller.packet() != b"\x1f":
        caller.send(ok(status=0))
    caller.send(ok(status=2))
    assert caller.packet().startswith(b"\x03SET NAMES")
    caller.send(lenenc(1), column(b"a", 3, 63))
    sequence = 3
    while True:
        caller.send(*[row(b"1")] * 100, sequence=sequence % 256)
        sequence += 100


@pytest.mark.parametrize("pipelined", [True, False])
def test_a_reset_that_does_not_end_is_given_up(make_pool: Pools, pipelined: bool) -> None:
    """When the connection is returned, or when it is borrowed the next time: its reset is waited for then."""
    with listening(endless) as server:
        pool = make_pool(
            pool_size=1,
            pipeline_reset=pipelined,
            ping_timeout=0.3,
            **{**server.connect_args, "connect_timeout": 0.3, "database": None},
        )
        before = time.monotonic()
        pool.get_connection().close()
        assert pool.connection_count == pipelined
        with pool.get_connection():
            assert time.monotonic() - before < 10
            assert server.callers == 2
        pool.close()


def test_init_command_finds_the_database_that_it_found_at_the_login(make_pool: Pools, connect: Connector) -> None:
    administrator = connect(autocommit=True)
    run(administrator, "CREATE OR REPLACE TABLE found (a INT)", "INSERT INTO found VALUES (7)")
    pool = make_pool(pool_size=1, init_command="SET @found = (SELECT a FROM found)")
    numbers = set()
    for _ in range(3):
        with pool.get_connection() as connection:
            assert value(connection, "SELECT @found") == 7
            run(connection, "USE information_schema")
            numbers.add(connection.connection_id)
    assert len(numbers) == 1
    run(administrator, "DROP TABLE found")


@pytest.mark.parametrize("reset", [True, False])
def test_unread_rows_are_not_handed_on(make_pool: Pools, reset: bool) -> None:
    pool = make_pool(pool_size=1, pool_reset_connection=reset)
    connection = pool.get_connection()
    cursor = connection.cursor(buffered=False)
    cursor.execute("SELECT seq FROM seq_1_to_100000")
    assert cursor.fetchone() == (1,)
    connection.close()
    with pytest.raises(ProgrammingError, match=DEAD):
        cursor.fetchall()
    cursor.close()
    with pool.get_connection() as connection:
        assert value(connection, "SELECT 42") == 42


# Accidents


@pytest.mark.parametrize("interval", [0, 500, 60_000])
def test_killed_idle_connections_are_replaced(make_pool: Pools, connect: Connector, interval: int) -> None:
    pool = make_pool(pool_size=5, pool_validation_interval=interval)
    first = borrow_all(pool)
    kill(connect(), *first)
    second = borrow_all(pool)
    assert len(second) == 5
    assert not first & second
    assert borrow_all(pool) == second


def test_one_that_is_killed_while_out_leaves_a_usable_place(make_pool: Pools, connect: Connector) -> None:
    pool = make_pool(pool_size=2)
    unused, used = pool.get_connection(), pool.get_connection()
    killed = {unused.connection_id, used.connection_id}
    kill(connect(), *killed)
    with pytest.raises(mariadb_py.InterfaceError) as caught:
        run(used, "SELECT 1")
    assert caught.value.errno == 2013
    unused.close()
    used.close()
    assert not borrow_all(pool) & killed
    assert pool.connection_count == 2


@pytest.mark.parametrize("interval", [0, 60_000])
def test_the_pool_survives_the_server(make_pool: Pools, own: TempServer, interval: int) -> None:
    pool = make_pool(pool_size=4, pool_validation_interval=interval, **own.connect_args)
    out = pool.get_connection()
    own.kill()
    try:
        for _ in range(10):
            with pytest.raises(mariadb_py.OperationalError, match="Can't connect to server") as caught:
                pool.get_connection()
            assert caught.value.errno == 2002
        out.close()
        assert pool.connection_count == 0
    finally:
        own.start()
    assert len(borrow_all(pool)) == 4


@pytest.mark.parametrize("method", [ConnectionPool.get_connection, ConnectionPool.add_connection])
def test_a_collected_handle_gives_its_place_back(
    make_pool: Pools, method: Callable[[ConnectionPool], mariadb_py.Connection]
) -> None:
    pool = make_pool(pool_size=1)
    connection = pool.get_connection()
    with pytest.warns(ResourceWarning, match=rf"^unclosed <mariadb_py.Connection .* id={connection.connection_id} at "):
        del connection
        gc.collect()
    method(pool).close()
    assert len(borrow_all(pool)) == 1


def test_a_collected_handle_whose_connection_was_lost_gives_its_place_back(
    make_pool: Pools, connect: Connector
) -> None:
    pool = make_pool(pool_size=1)
    connection = pool.get_connection()
    kill(connect(), connection.connection_id)
    with pytest.raises(mariadb_py.InterfaceError):
        connection.ping()
    del connection
    gc.collect()
    assert len(borrow_all(pool)) == 1


def test_the_status_callback_is_given_the_borrower(make_pool: Pools) -> None:
    """Not the one before, and nobody while the session is brought back."""
    seen: list[tuple[object, dict[str, object]]] = []
    pool = make_pool(pool_size=1, status_callback=lambda *arguments: seen.append(arguments))
    for _ in range(2):
        handle = pool.get_connection()
        handle.ping()
        del seen[:]
        handle.select_db("mysql")
        assert [(who is handle, what) for who, what in seen if "schema" in what] == [(True, {"schema": "mysql"})]
        del seen[:]
        handle.close()
        assert seen == []


def test_a_place_that_is_not_filled_is_for_who_waits(make_pool: Pools, connect: Connector) -> None:
    """The connection that was to be added is killed while it is made ready."""
    pool = make_pool.service(min_size=1, max_size=2, keepalive=0)
    pool.wait_ready()
    added = connect(init_command="DO SLEEP(1)")
    number, administrator = added.connection_id, connect()
    failed: list[BaseException] = []

    def add() -> None:
        try:
            pool.add_connection(added)
        except mariadb_py.Error as error:
            failed.append(error)

    with pool.get_connection():
        adding = threading.Thread(target=add)
        adding.start()
        wait_for(lambda: pool.stats()["size"] == 2)
        threading.Timer(0.2, lambda: administrator.kill(number)).start()
        before = time.monotonic()
        with pool.get_connection(timeout=PATIENCE) as connection:
            assert time.monotonic() - before < PATIENCE / 4
            assert value(connection, "SELECT 1") == 1
        adding.join()
    assert len(failed) == 1


def test_what_is_being_added_is_nobody_s_stray(
    make_pool: Pools, connect: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer to make it ready than the time behind which a stray place is given up."""
    monkeypatch.setattr(upkeep, "STRAY", 0.1)
    pool = make_pool.service(min_size=0, max_size=1, keepalive=0.05)
    handle = pool.add_connection(connect(init_command="DO SLEEP(0.5)"))
    assert pool.stats()["size"] == 1
    with pool.get_connection() as connection:
        assert connection is handle
        assert value(connection, "SELECT 1") == 1
