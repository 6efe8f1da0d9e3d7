"""How a session is brought back: sent when a connection is returned, read when it is lent again, or waited for."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_protocol import State
from mariadb_protocol.constants import Capability
from mariadb_protocol.handshake import WANTED
from mariadb_py.testing import temp_server
from tests.support.listener import listening
from tests.support.pool import PATIENCE, Pools, borrow_all, kill, run, value, wait_for
from tests.support.scripts import column, err, greeting, lenenc, ok, packets, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mariadb_py import ConnectionPool
    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller
    from tests.support.server import Connector

MODES = ["auto", True, False]


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server whose accounts the tests of this file may change."""
    with temp_server() as server:
        yield server


def state(pool: ConnectionPool) -> State:
    """Of the only connection."""
    (slot,) = pool._core.slots
    state: State = slot.connection.core.session.state
    return state


def number_of(pool: ConnectionPool) -> int:
    with pool.get_connection() as connection:
        number: int = value(connection, "SELECT connection_id()")
        return number


# When


@pytest.mark.parametrize("mode", MODES)
def test_whether_the_answers_are_waited_for(make_pool: Pools, mode: bool | str) -> None:
    pool = make_pool(pool_size=1, pipeline_reset=mode)
    number = number_of(pool)
    assert state(pool) == (State.READY if mode is False else State.BATCH_SENT)
    assert number_of(pool) == number
    assert pool.stats()["resets"] == 2


def test_no_reset(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, pool_reset_session=False)
    number_of(pool)
    assert (state(pool), pool.stats()["resets"]) == (State.READY, 0)


def test_a_database_that_was_left_is_waited_for(make_pool: Pools) -> None:
    """Where none was configured, the connection cannot be kept; nothing is sent that could not be taken back."""
    pool = make_pool(pool_size=1, database=None)
    number = number_of(pool)
    assert state(pool) == State.BATCH_SENT
    with pool.get_connection() as connection:
        connection.select_db("test")
    assert pool.stats()["discards"]["reset"] == 1
    assert number_of(pool) != number


# What

SETTINGS = {
    "autocommit": ({"autocommit": True}, "SET autocommit = 0", "SELECT @@autocommit", 1),
    "no autocommit": ({}, "SET autocommit = 1", "SELECT @@autocommit", 0),
    "isolation": (
        {"init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
        "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SELECT @@tx_isolation",
        "READ-COMMITTED",
    ),
    "database": ({}, "USE information_schema", "SELECT DATABASE()", "test"),
    "init_command": ({"init_command": "SET @a = 1, @b = 2"}, "SET @a = 3", "SELECT CONCAT(@a, @b)", "12"),
    "character set": ({}, "SET NAMES latin1", "SELECT @@character_set_connection", "utf8mb4"),
    "read only": ({"read_only": True}, "SET SESSION TRANSACTION READ WRITE", "SELECT @@tx_read_only", 1),
    "sql_mode": ({"init_command": "SET sql_mode = 'ANSI'"}, "SET sql_mode = ''", "SELECT @@sql_mode LIKE '%ANSI%'", 1),
}


@pytest.mark.mariadb("names of variables")
@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("name", SETTINGS)
def test_what_was_asked_for_comes_back(make_pool: Pools, name: str, mode: bool) -> None:
    keywords, change, query, expected = SETTINGS[name]
    pool = make_pool(pool_size=1, pipeline_reset=mode, **keywords)
    numbers = set()
    for _ in range(3):
        with pool.get_connection() as connection:
            found = value(connection, query)
            assert (found.decode() if isinstance(found, bytes) else found) == expected
            run(connection, change)
            numbers.add(connection.connection_id)
    assert len(numbers) == 1


@pytest.mark.mariadb("roles")
@pytest.mark.parametrize("mode", [True, False])
def test_the_role_comes_back(make_pool: Pools, own: TempServer, mode: bool) -> None:
    with closing(mariadb_py.connect(**own.connect_args, autocommit=True)) as administrator:
        run(
            administrator,
            "CREATE OR REPLACE USER actor@'127.0.0.1' IDENTIFIED BY 'x'",
            "CREATE OR REPLACE ROLE `first ``one```",
            "CREATE OR REPLACE ROLE second",
            "GRANT `first ``one``` TO actor@'127.0.0.1'",
            "GRANT second TO actor@'127.0.0.1'",
            "SET DEFAULT ROLE `first ``one``` FOR actor@'127.0.0.1'",
        )
    account = {**own.connect_args, "user": "actor", "password": "x", "database": None}
    pool = make_pool(pool_size=1, pipeline_reset=mode, **account)
    numbers = set()
    for role in ("second", "NONE", "second"):
        with pool.get_connection() as connection:
            assert value(connection, "SELECT CURRENT_ROLE()") == "first `one`"
            run(connection, f"SET ROLE {role}")
            numbers.add(connection.connection_id)
    assert len(numbers) == 1


@pytest.mark.parametrize("mode", [True, False])
def test_prepared_statements_are_prepared_anew(make_pool: Pools, mode: bool) -> None:
    pool = make_pool(pool_size=1, pipeline_reset=mode)
    for _ in range(3):
        with pool.get_connection() as connection, connection.cursor(binary=True) as cursor:
            for number in range(3):
                cursor.execute("SELECT ?", (number,))
                assert cursor.fetchone() == (number,)
            with connection.cursor() as other:
                other.execute("SHOW SESSION STATUS LIKE 'Com_stmt_prepare'")
                assert other.fetchone() == ("Com_stmt_prepare", "1")


@pytest.mark.parametrize("mode", [True, False])
def test_locks_are_free_at_once(make_pool: Pools, connect: Connector, mode: bool) -> None:
    """While the connection is idle, and nobody has read an answer."""
    pool = make_pool(pool_size=1, pipeline_reset=mode)
    other = connect()
    with pool.get_connection() as connection:
        assert value(connection, "SELECT GET_LOCK('held', 0)") == 1
    wait_for(lambda: value(other, "SELECT IS_FREE_LOCK('held')") == 1)


def test_a_large_transaction_is_rolled_back_while_nobody_waits(make_pool: Pools, connect: Connector) -> None:
    """Whoever borrows it meanwhile waits for that, in ping_timeout; then the connection is replaced."""
    run(connect(autocommit=True), "CREATE OR REPLACE TABLE large (a INT, b CHAR(100)) ENGINE=InnoDB")
    pool = make_pool(pool_size=1, ping_timeout=PATIENCE)
    with pool.get_connection() as connection:
        run(connection, "INSERT INTO large SELECT seq, 'x' FROM seq_1_to_100000")
        number = connection.connection_id
    with pool.get_connection() as connection:
        assert (connection.connection_id, value(connection, "SELECT COUNT(*) FROM large")) == (number, 0)
    run(connect(autocommit=True), "DROP TABLE large")


# What becomes of it meanwhile


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("interval", [0, 60_000])
def test_a_connection_that_is_killed_between_two_borrowers(
    make_pool: Pools, connect: Connector, mode: bool, interval: int
) -> None:
    pool = make_pool(pool_size=2, pipeline_reset=mode, pool_validation_interval=interval)
    first = borrow_all(pool)
    kill(connect(), *first)
    second = borrow_all(pool)
    assert len(second) == 2
    assert not first & second
    assert pool.stats()["discards"]["dead"] == 2


@pytest.mark.parametrize("mode", [True, False])
def test_a_connection_that_is_killed_by_its_borrower(make_pool: Pools, connect: Connector, mode: bool) -> None:
    """Before the reset is sent, or written into a socket that nobody reads."""
    pool = make_pool(pool_size=1, pipeline_reset=mode)
    connection = pool.get_connection()
    number = connection.connection_id
    kill(connect(), number)
    connection.close()
    assert number_of(pool) != number


def test_the_answers_are_read_before_a_connection_is_checked(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2)
    numbers = borrow_all(pool)
    assert pool.check() == 0
    assert {slot.connection.core.session.state for slot in pool._core.slots} == {State.READY}
    assert borrow_all(pool) == numbers


def test_the_answers_are_read_before_a_connection_is_closed(make_pool: Pools, own: TempServer) -> None:
    """Or the server, which could not send them, would count it as aborted."""
    with closing(mariadb_py.connect(**own.connect_args, autocommit=True)) as administrator:

        def aborted() -> int:
            with administrator.cursor() as cursor:
                cursor.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
                return int(cursor.fetchone()[1])

        before = aborted()
        for _ in range(20):
            pool = make_pool(pool_size=2, **own.connect_args)
            borrow_all(pool)
            pool.close()
        with administrator.cursor() as cursor:
            cursor.execute("SELECT SLEEP(0.1)")
        assert aborted() == before


# Servers that answer oddly


def served(caller: Caller) -> None:
    """Log in, and answer all that is asked up to the reset."""
    caller.log_in()
    while caller.packet() != b"\x1f":
        caller.send(ok(status=0))


def an_error(caller: Caller) -> None:
    served(caller)
    caller.send(err(1047, b"unknown command"))
    caller.packet()
    caller.send(ok(status=0))


def the_wrong_mode(caller: Caller) -> None:
    served(caller)
    caller.send(ok(status=2))
    caller.packet()
    caller.send(ok(status=2))


def rows(caller: Caller) -> None:
    served(caller)
    caller.send(lenenc(1), column(b"a", 3, 63), row(b"1"))


def nonsense(caller: Caller) -> None:
    served(caller)
    caller.send(b"\x42" * 5)


def out_of_order(caller: Caller) -> None:
    served(caller)
    caller.send(ok(status=0), sequence=7)


def too_much(caller: Caller) -> None:
    served(caller)
    caller.packet()
    caller.raw(packets(1, ok(status=0)) * 3)


def one_answer(caller: Caller) -> None:
    served(caller)
    caller.send(ok(status=0))


def no_answer(caller: Caller) -> None:
    served(caller)


# Whether the server is one that cannot take commands together, as far as that tells.
ODD: dict[str, tuple[Callable[[Caller], None], str, bool]] = {
    "an error": (an_error, "reset", False),
    "the wrong mode": (the_wrong_mode, "reset", False),
    "rows": (rows, "reset", True),
    "nonsense": (nonsense, "reset", True),
    "out of order": (out_of_order, "reset", True),
    "too much": (too_much, "reset", True),
    "one answer, and no more": (one_answer, "reset", False),
    "no answer": (no_answer, "reset", False),
}


@pytest.mark.parametrize("name", ODD)
def test_a_server_that_answers_oddly(make_pool: Pools, name: str) -> None:
    """Its connection is given up, and the pool goes on; with one command at a time if that may be the reason."""
    answers, reason, separately = ODD[name]
    together: list[bool] = []
    calls = iter(range(100))

    def conversation(caller: Caller) -> None:
        if next(calls) == 0:
            answers(caller)
            caller.until_closed()
            return
        served(caller)
        caller.sock.settimeout(0.5)
        try:
            caller.packet()
            together.append(True)
        except socket.timeout:
            together.append(False)
        caller.sock.settimeout(PATIENCE)
        for _ in range(1 + together[0]):
            caller.send(ok(status=0))
        while True:
            caller.packet()
            caller.send(ok(status=0))

    with listening(conversation) as server:
        pool = make_pool(pool_size=1, ping_timeout=0.3, **{**server.connect_args, "database": None})
        for _ in range(3):
            before = time.monotonic()
            pool.get_connection().close()
            assert time.monotonic() - before < PATIENCE / 2
        assert server.callers == 2
        assert pool.stats()["discards"][reason] == 1
        assert together == [not separately]
        pool.close()


def test_a_server_that_is_no_mariadb(make_pool: Pools) -> None:
    """What looks like another one, or a proxy, is asked one thing at a time."""

    def conversation(caller: Caller) -> None:
        caller.send(greeting(b"8.0.36", WANTED | Capability.CONNECT_WITH_DB | Capability.MYSQL), sequence=0)
        caller.packet()
        caller.send(ok(status=0), sequence=2)
        while True:
            caller.packet()
            caller.send(ok(status=0))

    with listening(conversation) as server:
        for mode in ("auto", True):
            pool = make_pool(pool_size=1, pipeline_reset=mode, **{**server.connect_args, "database": None})
            pool.get_connection().close()
            assert state(pool) == (State.READY if mode == "auto" else State.BATCH_SENT)
            pool.close()
