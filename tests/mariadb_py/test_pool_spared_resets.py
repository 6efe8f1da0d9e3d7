"""pool_reset_connection="auto": no reset behind a lease that is known to have left nothing in the session.

What is known of which statement is the business of tests/chaos/reset_auto_corpus.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_protocol.constants import Capability
from mariadb_protocol.handshake import WANTED
from mariadb_py.constants import CURSOR
from tests.support.listener import listening
from tests.support.pool import PATIENCE, Pools, run, used, value
from tests.support.scripts import greeting, ok

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py import Connection, ConnectionPool
    from tests.support.listener import Caller
    from tests.support.server import Connector


def spared(pool: ConnectionPool, work: Callable[[Connection], object] | None = None) -> bool:
    """There is no reset behind a lease that does this; as always, there is one, or none, for each lease."""
    before = pool.stats()
    with pool.get_connection() as connection:
        if work is not None:
            work(connection)
    stats = pool.stats()
    assert stats["resets"] + stats["resets_skipped"] == before["resets"] + before["resets_skipped"] + 1
    return bool(stats["resets_skipped"] > before["resets_skipped"])


def asks(connection: Connection) -> None:
    assert value(connection, "SELECT 1") == 1


def sets(connection: Connection) -> None:
    run(connection, "SET time_zone = '+05:00'")


def fails(connection: Connection) -> None:
    with pytest.raises(mariadb_py.ProgrammingError):
        run(connection, "SELECT * FROM nowhere")


def warns(connection: Connection) -> None:
    run(connection, "SELECT 1 / 0")


def leaves_rows(connection: Connection) -> None:
    connection.cursor(buffered=False).execute("SELECT 1 UNION SELECT 2")


def leaves_a_transaction(connection: Connection) -> None:
    run(connection, "START TRANSACTION")


def rolls_back(connection: Connection) -> None:
    leaves_a_transaction(connection)
    connection.rollback()


def leaves_a_cursor(connection: Connection) -> None:
    cursor = connection.cursor(cursor_type=CURSOR.READ_ONLY)
    cursor.execute("SELECT 1 UNION SELECT 2")


def commits_by_itself(connection: Connection) -> None:
    connection.autocommit = True


LEASES = {
    "nothing": (lambda connection: None, True),
    "a query": (asks, True),
    "a ping": (lambda connection: connection.ping(), True),
    "rows": (leaves_rows, True),
    "a transaction that ends": (rolls_back, True),
    "a transaction": (leaves_a_transaction, False),
    "a variable": (sets, False),
    "an error": (fails, False),
    "a warning": (warns, False),
    "an earlier warning": (lambda connection: (warns(connection), asks(connection), connection.commit()), False),
    "a cursor of the server": (leaves_a_cursor, False),
    "autocommit": (commits_by_itself, False),
    "a database": (lambda connection: connection.select_db("information_schema"), False),
    "a limit": (lambda connection: connection.cursor().execute("SELECT 1", timeout=PATIENCE), False),
}


@pytest.mark.mariadb("session tracking")
@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("name", LEASES)
def test_a_reset_that_is_spared(make_pool: Pools, name: str, mode: bool) -> None:
    work, expected = LEASES[name]
    pool = make_pool(pool_size=1, pool_reset_connection="auto", pipeline_reset=mode)
    assert pool.pool_reset_connection == "auto"
    number = used(pool)
    assert pool.stats()["resets"] == 1  # what a session did before its first reset is not known
    for _ in range(2):
        assert spared(pool, work) is expected
        assert spared(pool, asks) is True
    with pool.get_connection() as connection:
        assert connection.connection_id == number
        query = "SELECT CONCAT_WS(' ', @@autocommit, @@in_transaction, @@time_zone, DATABASE())"
        assert value(connection, query) == "OFF 0 SYSTEM test"


@pytest.mark.mariadb("session tracking")
def test_prepared_statements_outlast_a_lease_without_reset(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, pool_reset_connection="auto")
    used(pool)
    for number in range(3):
        with pool.get_connection() as connection, connection.cursor(binary=True) as cursor:
            cursor.execute("SELECT ?", (number,))
            assert cursor.fetchone() == (number,)
    with pool.get_connection() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Com_stmt_prepare'")
        assert cursor.fetchone() == ("Com_stmt_prepare", "1")


@pytest.mark.mariadb("session tracking")
def test_other_ways_of_resetting_in_between(make_pool: Pools) -> None:
    """What is left while nothing is reset is found by who looks after it again."""
    pool = make_pool(pool_size=1, pool_reset_session=True)
    assert [spared(pool, asks) for _ in range(2)] == [False, False]
    pool.set_config(pool_reset_connection="auto")
    assert [spared(pool, asks) for _ in range(3)] == [False, True, True]
    pool.set_config(pool_reset_connection=True)
    assert [spared(pool, asks) for _ in range(2)] == [False, False]
    pool.set_config(pool_reset_connection="auto")
    assert [spared(pool, asks) for _ in range(2)] == [False, True]
    pool.set_config(pool_reset_connection=False)
    figures = pool.stats()
    with pool.get_connection() as connection:
        sets(connection)
    with pool.get_connection() as connection:
        assert value(connection, "SELECT @@time_zone") == "+05:00"
        connection.rollback()
    assert {name: pool.stats()[name] for name in ("resets", "resets_skipped")} == {
        name: figures[name] for name in ("resets", "resets_skipped")
    }
    pool.set_config(pool_reset_connection="auto")
    assert [spared(pool, asks) for _ in range(2)] == [False, True]
    with pool.get_connection() as connection:
        assert value(connection, "SELECT @@time_zone") == "SYSTEM"


@pytest.mark.mariadb("session tracking")
@pytest.mark.parametrize("statement", ["UPDATE counted SET n = n", "SELECT n FROM counted", "DELETE FROM counted"])
def test_a_transaction_that_began_by_itself(make_pool: Pools, connect: Connector, statement: str) -> None:
    other = connect(autocommit=True)
    run(other, "CREATE OR REPLACE TABLE counted (n INT) ENGINE=InnoDB", "INSERT INTO counted VALUES (1)")
    pool = make_pool(pool_size=1, pool_reset_connection="auto")
    used(pool)
    for _ in range(2):
        assert spared(pool, lambda connection: run(connection, statement)) is False
        assert spared(pool, lambda connection: (run(connection, statement), connection.rollback())) is True
    itself = make_pool(pool_size=1, pool_reset_connection="auto", autocommit=True)
    used(itself)
    assert spared(itself, lambda connection: run(connection, statement)) is True
    run(other, "SET STATEMENT lock_wait_timeout = 60 FOR DROP TABLE counted")


@pytest.mark.mariadb("session tracking")
def test_a_connection_that_was_used_before_it_came(make_pool: Pools, connect: Connector) -> None:
    pool = make_pool(min_size=0, max_size=1, pool_reset_connection="auto")
    given = connect(autocommit=True)
    sets(given)
    run(given, "DO GET_LOCK('given', 0)")
    pool.add_connection(given)
    assert [spared(pool, asks) for _ in range(3)] == [False, True, True]
    with pool.get_connection() as connection:
        assert value(connection, "SELECT CONCAT_WS(' ', @@autocommit, @@time_zone)") == "ON SYSTEM"
        assert value(connection, "SELECT IS_FREE_LOCK('given')") == 1


@pytest.mark.mariadb("session tracking")
def test_what_on_reset_did_is_left_as_it_is(make_pool: Pools) -> None:
    """It is called behind each reset, and none is spared where it changes the session."""
    calls: list[int] = []

    def on_reset(connection: Connection) -> None:
        calls.append(connection.connection_id)
        asks(connection)

    def zone(connection: Connection) -> None:
        sets(connection)
        calls.append(connection.connection_id)

    pool = make_pool(pool_size=1, pool_reset_connection="auto", on_reset=on_reset)
    assert [spared(pool, work) for work in (asks, asks, sets, asks)] == [False, True, False, True]
    assert len(calls) == 2
    del calls[:]
    pool = make_pool(pool_size=1, pool_reset_connection="auto", on_reset=zone)
    assert [spared(pool, asks) for _ in range(3)] == [False, False, False]
    assert len(calls) == 3
    with pool.get_connection() as connection:
        assert value(connection, "SELECT @@time_zone") == "+05:00"


@pytest.mark.mariadb("session tracking")
def test_a_check_that_changes_the_session(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, pool_reset_connection="auto", check=sets)
    assert [spared(pool, asks) for _ in range(3)] == [False, False, False]
    pool = make_pool(pool_size=1, pool_reset_connection="auto", check=asks)
    assert [spared(pool, asks) for _ in range(3)] == [False, True, True]


@pytest.mark.mariadb("session tracking")
@pytest.mark.parametrize("reconnect", [False, True])
def test_auto_reconnect_comes_back_without_a_reset_too(make_pool: Pools, reconnect: bool) -> None:
    pool = make_pool(pool_size=1, pool_reset_connection="auto", reconnect=reconnect)
    used(pool)
    with pool.get_connection() as connection:
        connection.auto_reconnect = not reconnect
    with pool.get_connection() as connection:
        assert connection.auto_reconnect is reconnect


@pytest.mark.mariadb("session tracking")
@pytest.mark.parametrize(
    "keywords",
    [
        {"init_command": "SET session_track_schema = OFF"},
        {"init_command": "SET session_track_state_change = OFF"},
        {"query_timeout": PATIENCE},
    ],
)
def test_what_cannot_be_seen_is_reset(make_pool: Pools, keywords: dict[str, Any]) -> None:
    pool = make_pool(pool_size=1, pool_reset_connection="auto", **keywords)
    assert [spared(pool, asks) for _ in range(3)] == [False, False, False]


@pytest.mark.parametrize(
    ("version", "capabilities"),
    [
        (b"11.4.2-MariaDB", WANTED & ~(Capability.MYSQL | Capability.SESSION_TRACK)),
        (b"8.0.36", WANTED | Capability.MYSQL),
    ],
)
def test_servers_that_do_not_report_all(make_pool: Pools, version: bytes, capabilities: int) -> None:
    def conversation(caller: Caller) -> None:
        caller.send(greeting(version, capabilities | Capability.CONNECT_WITH_DB), sequence=0)
        caller.packet()
        caller.send(ok(status=0), sequence=2)
        while True:
            caller.packet()
            caller.send(ok(status=0))

    with listening(conversation) as server:
        keywords = {**server.connect_args, "database": None}
        pool = make_pool(pool_size=1, pool_reset_connection="auto", **keywords)
        assert [spared(pool) for _ in range(3)] == [False, False, False]
        pool.close()


def test_how_to_reset_is_one_of_three(make_pool: Pools) -> None:
    message = "^pool_reset_session is True, False or \"auto\", not 'nonsense'$"
    with pytest.raises(mariadb_py.ProgrammingError, match=message):
        make_pool(pool_reset_connection="nonsense")
    pool = make_pool(pool_reset_connection="auto", pool_size=1)
    with pytest.raises(mariadb_py.ProgrammingError, match=message):
        pool.set_config(pool_reset_session="nonsense")
    with pytest.raises(mariadb_py.ProgrammingError, match=message):
        pool.pool_reset_connection = "nonsense"
    assert pool.pool_reset_connection == "auto"
