"""What a borrower has: a block whose end commits and gives back, a handle that is dead behind it; and the null pool."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import Connection, NullPool, PoolClosed, PoolError, PoolTimeout, ProgrammingError
from tests.support.pool import CLOSED, DEAD, EXHAUSTED, PATIENCE, Pools, borrow_all, ids, kill, run, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import ConnectionPool
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector


@pytest.fixture
def pool(make_pool: Pools) -> ConnectionPool:
    return make_pool(pool_size=1)


@pytest.fixture
def nothing(server: TempServer) -> Iterator[NullPool]:
    with NullPool(**server.connect_args) as pool:
        yield pool


@pytest.fixture
def other(connect: Connector) -> Connection:
    """Sees what was committed to the empty table `leased`."""
    connection = connect(autocommit=True)
    run(connection, "CREATE OR REPLACE TABLE leased (a INT PRIMARY KEY) ENGINE=InnoDB")
    return connection


def rows(other: Connection) -> Any:
    return value(other, "SELECT COUNT(*) FROM leased")


# A block


def test_the_end_of_a_block_commits(pool: ConnectionPool, other: Connection) -> None:
    with pool.connection() as connection:
        assert type(connection) is Connection
        run(connection, "INSERT INTO leased VALUES (1)")
        assert rows(other) == 0
    assert rows(other) == 1
    with pytest.raises(ProgrammingError, match=DEAD):
        connection.ping()
    assert len(borrow_all(pool)) == 1


class Own(BaseException):
    """No Exception."""


@pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt, GeneratorExit, Own])
def test_an_exception_rolls_back(pool: ConnectionPool, other: Connection, kind: type[BaseException]) -> None:
    error = kind("mine")
    with pytest.raises(kind) as caught, pool.connection() as connection:
        number = connection.connection_id
        run(connection, "INSERT INTO leased VALUES (1)")
        raise error
    assert caught.value is error
    assert error.__cause__ is error.__context__ is None
    assert rows(other) == 0
    assert borrow_all(pool) == {number}


def test_a_statement_that_fails_rolls_back(pool: ConnectionPool, other: Connection) -> None:
    with pytest.raises(mariadb_py.IntegrityError), pool.connection() as connection:
        run(connection, "INSERT INTO leased VALUES (1)", "INSERT INTO leased VALUES (1)")
    assert rows(other) == 0


def test_without_a_reset_too(make_pool: Pools, other: Connection) -> None:
    pool = make_pool(pool_size=1, pool_reset_session=False)
    with pytest.raises(LookupError), pool.connection() as connection:
        run(connection, "INSERT INTO leased VALUES (1)")
        raise LookupError
    with pool.connection() as connection:
        run(connection, "INSERT INTO leased VALUES (2)")
    assert value(other, "SELECT GROUP_CONCAT(a) FROM leased") == "2"


def test_a_commit_that_fails(pool: ConnectionPool, connect: Connector, other: Connection) -> None:
    """Its error is the block's, and the connection does not go back."""
    with pytest.raises(mariadb_py.LostConnectionError), pool.connection() as connection:
        number = connection.connection_id
        run(connection, "INSERT INTO leased VALUES (1)")
        kill(connect(), number)
    assert rows(other) == 0
    assert number not in borrow_all(pool)


def test_an_exception_behind_a_loss_is_still_the_block_s(pool: ConnectionPool, connect: Connector) -> None:
    with pytest.raises(LookupError) as caught, pool.connection() as connection:
        number = connection.connection_id
        kill(connect(), number)
        raise LookupError
    assert caught.value.__context__ is None
    assert number not in borrow_all(pool)


def test_a_loss_is_the_block_s_error(pool: ConnectionPool, connect: Connector) -> None:
    with pytest.raises(mariadb_py.LostConnectionError) as caught, pool.connection() as connection:
        kill(connect(), connection.connection_id)
        run(connection, "SELECT 1")
    assert not isinstance(caught.value, mariadb_py.CommitOutcomeUnknown)
    assert len(borrow_all(pool)) == 1


@pytest.mark.parametrize("raises", [True, False])
def test_a_block_that_closes_by_itself(pool: ConnectionPool, other: Connection, raises: bool) -> None:
    try:
        with pool.connection() as connection:
            run(connection, "INSERT INTO leased VALUES (1)")
            connection.close()
            if raises:
                raise LookupError
    except LookupError:
        assert raises
    assert rows(other) == 0
    assert len(borrow_all(pool)) == 1


def test_rows_that_are_left_in_a_block(pool: ConnectionPool, other: Connection) -> None:
    """They do not stand in the way of the commit, and the next borrower has nothing of them."""
    with pool.connection() as connection:
        run(connection, "INSERT INTO leased VALUES (1)")
        cursor = connection.cursor(buffered=False)
        cursor.execute("SELECT seq FROM seq_1_to_100000")
    assert rows(other) == 1
    assert len(borrow_all(pool)) == 1


@pytest.mark.parametrize("streaming", ["SELECT seq FROM seq_1_to_3", "SELECT seq FROM seq_1_to_100000"])
def test_rows_that_are_left_behind_an_exception(pool: ConnectionPool, other: Connection, streaming: str) -> None:
    with pytest.raises(LookupError), pool.connection() as connection:
        run(connection, "INSERT INTO leased VALUES (1)")
        cursor = connection.cursor(buffered=False)
        cursor.execute(streaming)
        raise LookupError
    wait_for(lambda: rows(other) == 0)
    run(other, "SET innodb_lock_wait_timeout = 50", "INSERT INTO leased VALUES (1)")
    assert len(borrow_all(pool)) == 1


def test_a_block_may_wait(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1, acquire_timeout=PATIENCE)
    with pool.connection():
        with pytest.raises(PoolTimeout), pool.connection(timeout=0.05):
            raise AssertionError
        with pytest.raises(PoolError, match=EXHAUSTED), pool.connection(0):
            raise AssertionError


def test_a_lease_can_be_used_again(pool: ConnectionPool) -> None:
    lease = pool.connection()
    numbers = set()
    for _ in range(3):
        with lease as connection:
            numbers.add(value(connection, "SELECT connection_id()"))
    assert len(numbers) == 1


def test_a_lease_that_is_made_takes_no_place(pool: ConnectionPool) -> None:
    lease = pool.connection()
    assert len(borrow_all(pool)) == 1
    with lease:
        assert pool.stats()["active"] == 1


@pytest.mark.parametrize("name", ["commit", "rollback"])
def test_an_interrupt_in_the_end_of_a_block(pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def interrupted(self: Connection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch, pool.connection() as connection:
        connection.begin()
        patch.setattr(Connection, name, interrupted)
        if name == "rollback":
            raise LookupError
    assert len(borrow_all(pool)) == 1


# A handle that was given back

USES: dict[str, Callable[[Connection], Any]] = {
    "cursor": lambda connection: connection.cursor(),
    "commit": lambda connection: connection.commit(),
    "rollback": lambda connection: connection.rollback(),
    "begin": lambda connection: connection.begin(),
    "ping": lambda connection: connection.ping(),
    "open": lambda connection: connection.open,
    "reset": lambda connection: connection.reset(),
    "reconnect": lambda connection: connection.reconnect(),
    "select_db": lambda connection: connection.select_db("test"),
    "change_user": lambda connection: connection.change_user("a", "b", None),
    "kill": lambda connection: connection.kill(1),
    "autocommit": lambda connection: connection.autocommit,
    "set autocommit": lambda connection: setattr(connection, "autocommit", True),
    "database": lambda connection: connection.database,
    "connection_id": lambda connection: connection.connection_id,
    "escape_string": lambda connection: connection.escape_string("x"),
    "with": lambda connection: connection.__enter__(),
    "tpc_recover": lambda connection: connection.tpc_recover(),
}


@pytest.mark.parametrize("use", USES)
def test_a_handle_that_was_given_back_is_dead(pool: ConnectionPool, use: str) -> None:
    old = pool.get_connection()
    cursor = old.cursor()
    old.close()
    with pool.get_connection() as new:
        with pytest.raises(ProgrammingError, match=DEAD):
            USES[use](old)
        with pytest.raises(ProgrammingError, match=DEAD):
            cursor.execute("SELECT 1")
        old.close()
        assert value(new, "SELECT 42") == 42
        with pytest.raises(PoolError, match=EXHAUSTED):
            pool.get_connection()
    assert repr(old).startswith("<mariadb_py.Connection closed at 0x")


def test_a_handle_that_was_given_back_outlives_its_pool(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    old, new = pool.get_connection(), None
    old.close()
    pool.close()
    old.close()
    assert new is None
    with pytest.raises(PoolError, match=CLOSED):
        pool.get_connection()


def test_two_threads_close_one_handle(make_pool: Pools) -> None:
    """One of them gives it back."""
    pool = make_pool(pool_size=2, acquire_timeout=PATIENCE)
    errors: list[BaseException] = []

    def close(handle: Connection, barrier: threading.Barrier) -> None:
        barrier.wait(PATIENCE)
        try:
            handle.close()
        except BaseException as error:
            errors.append(error)

    for _ in range(200):
        barrier = threading.Barrier(2)
        handle = pool.get_connection()
        threads = [threading.Thread(target=close, args=(handle, barrier)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        stats = pool.stats()
        assert stats["idle"] + stats["connecting"] <= 2
        with pool.get_connection() as first, pool.get_connection() as second:
            assert first.connection_id != second.connection_id
    assert errors == []


# No pool at all


def test_the_null_pool_opens_and_closes(nothing: NullPool, connect: Connector) -> None:
    before = ids(administrator := connect())
    with nothing.get_connection() as first, nothing.connection() as second:
        assert type(first) is type(second) is Connection
        assert {first.connection_id, second.connection_id} == ids(administrator) - before
    wait_for(lambda: ids(administrator) <= before)
    with pytest.raises(ProgrammingError, match=DEAD):
        first.close()


def test_a_block_of_the_null_pool(nothing: NullPool, other: Connection) -> None:
    with nothing.connection() as connection:
        run(connection, "INSERT INTO leased VALUES (1)")
    with pytest.raises(LookupError), nothing.connection() as connection:
        run(connection, "INSERT INTO leased VALUES (2)")
        raise LookupError
    assert value(other, "SELECT GROUP_CONCAT(a) FROM leased") == "1"


def test_a_block_of_the_null_pool_that_closes_by_itself(nothing: NullPool) -> None:
    with nothing.connection() as connection:
        connection.close()
    with pytest.raises(LookupError), nothing.connection() as connection:
        connection.close()
        raise LookupError


def test_the_null_pool_takes_the_keywords_of_a_pool(server: TempServer) -> None:
    with NullPool(pool_name="null", pool_size=3, acquire_timeout=1, **server.connect_args) as pool:
        assert pool.pool_name == "null"
        with pool.get_connection() as connection:
            assert value(connection, "SELECT 42") == 42
    assert "null" not in mariadb_py._CONNECTION_POOLS
    for _ in range(2):
        pool.close()
        with pytest.raises(PoolClosed, match=CLOSED):
            pool.get_connection()
        with pytest.raises(PoolClosed, match=CLOSED), pool.connection():
            raise AssertionError


@pytest.mark.parametrize(
    ("keywords", "error"),
    [({"hots": "x"}, TypeError), ({"port": "1"}, TypeError), ({"pool_size": 0}, ProgrammingError)],
)
def test_the_null_pool_refuses_what_is_wrong_at_once(keywords: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        NullPool(**keywords)


def test_the_null_pool_gives_up_in_time() -> None:
    from tests.support.listener import listening, silent

    with listening(silent) as server, NullPool(**server.connect_args) as pool:
        before = time.monotonic()
        with pytest.raises(mariadb_py.OperationalError, match=r"connect_timeout of 0\.1 s passed"):
            pool.get_connection(timeout=0.1)
        assert time.monotonic() - before < PATIENCE / 4
