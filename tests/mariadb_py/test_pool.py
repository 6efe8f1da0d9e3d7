"""The pool against a real server: making it, filling it, borrowing and returning.

What the next borrower of a connection finds, and what accidents leave, is in test_pool_reuse.py.
"""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py import _CONNECTION_POOLS, ConnectionPool, PoolError, ProgrammingError
from mariadb_py.core.options import PoolOptions
from mariadb_py.io.link import Link
from mariadb_py.testing import temp_server
from tests.support.pool import CLOSED, DEAD, EXHAUSTED, PATIENCE, Pools, borrow_all, ids, run, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py.core.options import ConnectOptions
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server that the tests of this file may kill, and whose accounts they may change."""
    with temp_server() as server:
        yield server


@pytest.fixture
def unconfigured() -> Iterator[ConnectionPool]:
    with ConnectionPool(pool_name="unconfigured", pool_size=2) as pool:
        yield pool


# Making a pool


def test_a_pool_opens_its_connections_and_registers_its_name(make_pool: Pools, connect: Connector) -> None:
    before = ids(administrator := connect())
    pool = make_pool(pool_name="documented")
    assert (pool.pool_name, pool.pool_size, pool.connection_count, pool.max_size) == ("documented", 5, 5, 64)
    assert pool.pool_reset_connection is True
    assert mariadb_py._CONNECTION_POOLS["documented"] is pool
    assert borrow_all(pool) == ids(administrator) - before
    assert repr(pool).startswith("<mariadb_py.ConnectionPool 'documented' size=5 idle=5 at 0x")


@pytest.mark.parametrize("keywords", [{}, {"pool_name": None}, {"pool_name": ""}])
def test_a_pool_needs_a_name(keywords: dict[str, Any], connect_args: dict[str, Any]) -> None:
    with pytest.raises(ProgrammingError, match=r"^No pool name specified$"):
        ConnectionPool(**keywords, **connect_args)


def test_a_name_is_taken_until_the_pool_is_closed(make_pool: Pools) -> None:
    pool = make_pool(pool_name="twin", pool_size=1)
    with pytest.raises(ProgrammingError, match=r"^Pool 'twin' already exists$") as caught:
        make_pool(pool_name="twin")
    assert isinstance(caught.value, PoolError)
    assert _CONNECTION_POOLS["twin"] is pool
    pool.close()
    other = make_pool(pool_name="twin", pool_size=1)
    pool.close()  # must not take the name away from the other
    assert _CONNECTION_POOLS["twin"] is other


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"pool_size": 0}, ProgrammingError, "Pool size must be in range of 1 and 64, not 0"),
        ({"pool_size": 65}, ProgrammingError, "Pool size must be in range of 1 and 64, not 65"),
        ({"pool_size": "5"}, TypeError, "pool_size wants int, not str"),
        ({"pool_size": True}, TypeError, "pool_size wants int, not bool"),
        ({"pool_name": 5}, TypeError, "pool_name wants str, not int"),
        ({"pool_reset_connection": 1}, TypeError, "pool_reset_connection wants bool or str, not int"),
        ({"pool_validation_interval": 0.5}, TypeError, "pool_validation_interval wants int, not float"),
        (
            {"pool_invalidation_interval": -1},
            ProgrammingError,
            "is a time in milliseconds from 0 to 2147483648, not -1",
        ),
        (
            {"pool_reset_session": True, "pool_reset_connection": False},
            TypeError,
            "pool_reset_session and pool_reset_connection are the same option and have different values",
        ),
        ({"hots": "x"}, TypeError, "has no keyword 'hots'; did you mean 'host'"),
    ],
)
def test_wrong_keywords(make_pool: Pools, keywords: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_pool(**{"pool_name": "wrong", **keywords})
    assert "wrong" not in _CONNECTION_POOLS


@pytest.mark.parametrize("name", ["pool_reset_session", "pool_reset_connection"])
@pytest.mark.parametrize("reset", [True, False])
def test_both_names_of_the_reset(make_pool: Pools, name: str, reset: bool) -> None:
    pool = make_pool(pool_size=1, **{name: reset})
    assert pool.pool_reset_connection is reset
    with pool.get_connection() as connection:
        run(connection, "SET @secret = 42")
    with pool.get_connection() as connection:
        assert value(connection, "SELECT @secret") == (None if reset else 42)
    pool.pool_reset_connection = not reset
    assert pool.pool_reset_connection is not reset


@pytest.mark.parametrize("name", ["pool_invalidation_interval", "pool_validation_interval"])
@pytest.mark.parametrize(("milliseconds", "pings"), [(0, 1), (60_000, 0)])
def test_both_names_of_the_interval(make_pool: Pools, name: str, milliseconds: int, pings: int) -> None:
    pool = make_pool(pool_size=1, **{name: milliseconds})
    with pool.get_connection() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Com_admin_commands'")  # pings and the like; a login is none
        assert cursor.fetchone() == ("Com_admin_commands", str(pings))


def test_a_server_that_refuses(make_pool: Pools, own: TempServer) -> None:
    with closing(mariadb_py.connect(**own.connect_args)) as administrator:
        run(administrator, "CREATE USER few@'127.0.0.1' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 3")
        account = {**own.connect_args, "user": "few", "password": "x", "database": None}
        with pytest.raises(mariadb_py.OperationalError) as caught:
            make_pool(pool_name="refused", pool_size=4, **account)
        assert caught.value.errno == 1226  # the server's own reason
        assert "refused" not in _CONNECTION_POOLS
        wait_for(lambda: ids(administrator) == {administrator.connection_id})
        pool = make_pool(pool_name="refused", pool_size=3, **account)
        assert len(borrow_all(pool)) == 3


# connect(pool_name=...)


def test_connect_makes_a_pool_and_borrows_from_it(connect_args: dict[str, Any]) -> None:
    with mariadb_py.connect(pool_name="by name", pool_size=2, **connect_args) as first:
        pool = _CONNECTION_POOLS["by name"]
        with pool, mariadb_py.connect(pool_name="by name") as second:
            assert (pool.pool_size, pool.connection_count) == (2, 2)
            assert first.connection_id != second.connection_id
            with pytest.raises(PoolError, match=EXHAUSTED):
                mariadb_py.connect(pool_name="by name")


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"ssl": False, "ssl_ca": "x"}, ProgrammingError, "ssl is switched off, and ssl_ca asks for TLS"),
        ({"hots": "x"}, TypeError, "has no keyword 'hots'"),
        ({"port": "3306"}, TypeError, "port wants int, not str"),
        ({"pool_size": 0}, ProgrammingError, "Pool size must be in range"),
    ],
)
def test_keywords_for_a_pool_that_exists_are_checked(
    make_pool: Pools, keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    pool = make_pool(pool_size=1)
    with pytest.raises(error, match=message):
        mariadb_py.connect(pool_name=pool.pool_name, **keywords)
    assert len(borrow_all(pool)) == 1


def test_keywords_for_a_pool_that_exists_have_no_effect(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    with mariadb_py.connect(pool_name=pool.pool_name, pool_size=3, autocommit=True, host="192.0.2.1") as connection:
        assert connection.autocommit is False
    assert pool.pool_size == 1


def test_a_name_alone_makes_no_pool() -> None:
    with pytest.raises(PoolError, match=r"^There is no pool 'typo', and nothing is given to make one with$"):
        mariadb_py.connect(pool_name="typo")
    assert "typo" not in _CONNECTION_POOLS


def test_threads_at_once_make_one_pool(connect_args: dict[str, Any]) -> None:
    barrier = threading.Barrier(8)
    borrowed: list[Any] = []

    def borrow() -> None:
        barrier.wait(PATIENCE)
        try:
            borrowed.append(mariadb_py.connect(pool_name="race", pool_size=8, **connect_args))
        except Exception as error:
            borrowed.append(error)

    in_threads(8, borrow)
    with _CONNECTION_POOLS["race"] as pool:
        assert (pool.connection_count, {connection._pool for connection in borrowed}) == (8, {pool})
        assert len({connection.connection_id for connection in borrowed}) == 8
        for connection in borrowed:
            connection.close()


def test_the_pool_of_a_faster_thread_is_used(connect_args: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    split = PoolOptions.split
    faster: list[ConnectionPool] = []

    def split_late(keywords: dict[str, Any]) -> tuple[PoolOptions, dict[str, Any]]:
        """In the constructor, before the name is taken: the other thread makes its pool now."""
        monkeypatch.undo()
        faster.append(ConnectionPool(pool_name="faster", pool_size=2, **connect_args))
        return split(keywords)

    monkeypatch.setattr(PoolOptions, "split", split_late)
    with mariadb_py.connect(pool_name="faster", pool_size=1, **connect_args) as connection, faster[0] as pool:
        assert connection._pool is pool
        assert pool.pool_size == 2


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


# Filling a pool by hand


def test_an_unconfigured_pool(unconfigured: ConnectionPool, connect_args: dict[str, Any]) -> None:
    message = "ouldn't get configuration for pool unconfigured"
    for _ in range(3):
        with pytest.raises(PoolError, match=message):
            unconfigured.add_connection()
        with pytest.raises(PoolError, match=message):
            unconfigured.get_connection()
    assert unconfigured.connection_count == 0
    unconfigured.set_config(pool_size=3)
    with pytest.raises(PoolError, match=message):
        unconfigured.add_connection()
    unconfigured.set_config(**connect_args)
    assert (unconfigured.pool_size, unconfigured.connection_count) == (3, 0)
    assert len(borrow_all(unconfigured)) == 3


def test_an_added_connection_is_the_one_that_is_borrowed(unconfigured: ConnectionPool, connect: Connector) -> None:
    unconfigured.set_config(**connect.server.connect_args)
    made = unconfigured.add_connection()
    given = connect()
    given_id = given.connection_id
    assert unconfigured.add_connection(given) is given
    assert unconfigured.connection_count == 2
    for added in (made, given):
        with pytest.raises(ProgrammingError, match=DEAD):
            added.ping()
        added.close()  # it is not borrowed: nothing happens
    with unconfigured.get_connection() as first, unconfigured.get_connection() as second:
        assert first is made
        assert second is given
        assert value(second, "SELECT connection_id()") == given_id
    with unconfigured.get_connection() as third:
        assert third is not made  # whose owner could close it twice


def test_an_added_connection_is_reset_to_its_own_options(unconfigured: ConnectionPool, connect: Connector) -> None:
    given = connect(autocommit=True, init_command="SET @mine = 7")
    run(given, "SET autocommit = 0, @mine = 8, @other = 9", "USE information_schema", "SET NAMES latin1")
    unconfigured.add_connection(given)
    for _ in range(2):
        with unconfigured.get_connection() as connection:
            assert (connection.autocommit, connection.database) == (True, "test")
            assert value(connection, "SELECT CONCAT_WS(',', @mine, @other, @@character_set_client)") == b"7,utf8mb4"
            run(connection, "SET autocommit = 0, @mine = 8")


def changed(connection: mariadb_py.Connection, server: TempServer) -> None:
    connection.change_user(server.user, server.password, "test")


def lost(connection: mariadb_py.Connection, server: TempServer) -> None:
    with pytest.raises(mariadb_py.Error):
        run(connection, f"KILL {connection.connection_id}")
    with pytest.raises(mariadb_py.LostConnectionError):
        connection.ping()


def streaming(connection: mariadb_py.Connection, server: TempServer) -> None:
    cursor = connection.cursor(buffered=False)
    cursor.execute("SELECT seq FROM seq_1_to_100000")
    cursor.fetchone()


@pytest.mark.parametrize("spoil", [changed, lost, streaming])
def test_a_connection_that_is_not_free_cannot_be_added(
    unconfigured: ConnectionPool, connect: Connector, spoil: Callable[[mariadb_py.Connection, TempServer], None]
) -> None:
    given = connect()
    spoil(given, connect.server)
    with pytest.raises(ProgrammingError, match="cannot go to others: it is lost, in use, or has changed its user"):
        unconfigured.add_connection(given)
    assert given._pool is None
    assert (unconfigured.connection_count, unconfigured._handles) == (0, {})


def test_a_connection_that_cannot_be_reset_is_not_added(unconfigured: ConnectionPool, connect: Connector) -> None:
    administrator = connect(autocommit=True)
    run(administrator, "CREATE OR REPLACE TABLE needed (a INT)")
    given = connect(init_command="SELECT * FROM needed")
    run(administrator, "DROP TABLE needed")
    with pytest.raises(ProgrammingError, match="needed"):
        unconfigured.add_connection(given)
    assert (unconfigured.connection_count, unconfigured._handles) == (0, {})


def test_what_cannot_be_added(make_pool: Pools, connect: Connector) -> None:
    pool = make_pool(pool_size=1)
    with pytest.raises(
        PoolError, match=rf"^Can't add connection to pool {pool.pool_name}: No free slot available \(1\)\.$"
    ):
        pool.add_connection()
    mine = connect()
    run(mine, "SET @mine = 7")
    with pytest.raises(PoolError, match="No free slot available"):
        pool.add_connection(mine)
    assert value(mine, "SELECT @mine") == 7  # still the caller's, and as it was
    with pool.get_connection() as borrowed:
        for wrong in (1, "x", borrowed):
            with pytest.raises(ProgrammingError, match=r"^Passed parameter is not a connection object$"):
                pool.add_connection(wrong)  # type: ignore[arg-type]
    mine.close()
    with pytest.raises(ProgrammingError, match=DEAD):
        pool.add_connection(mine)
    pool.close()
    with pytest.raises(PoolError, match=CLOSED):
        pool.add_connection(connect())


def test_a_connection_that_cannot_be_added_leaves_nothing(unconfigured: ConnectionPool, connect: Connector) -> None:
    unconfigured.set_config(**{**connect.server.connect_args, "password": "wrong"})
    for _ in range(3):
        with pytest.raises(mariadb_py.OperationalError, match="Access denied"):
            unconfigured.add_connection()
    assert (unconfigured.connection_count, unconfigured._handles) == (0, {})


@pytest.mark.parametrize("method", [ConnectionPool.get_connection, ConnectionPool.add_connection])
def test_a_pool_that_is_closed_while_it_opens_a_connection(
    unconfigured: ConnectionPool,
    connect: Connector,
    monkeypatch: pytest.MonkeyPatch,
    method: Callable[[ConnectionPool], mariadb_py.Connection],
) -> None:
    before = ids(administrator := connect())
    unconfigured.set_config(**connect.server.connect_args)
    open_link = Link.open

    def open_late(options: ConnectOptions) -> Link:
        unconfigured.close()
        return open_link(options)

    monkeypatch.setattr(Link, "open", open_late)
    with pytest.raises(PoolError, match=CLOSED):
        method(unconfigured)
    wait_for(lambda: ids(administrator) <= before)


def test_set_config_keeps_what_it_is_not_given(make_pool: Pools, connect_args: dict[str, Any]) -> None:
    pool = make_pool(pool_size=2, pool_reset_connection=False)
    pool.set_config(pool_size=3)
    assert (pool.pool_size, pool.pool_reset_connection) == (3, False)
    pool.set_config(**connect_args, autocommit=True)
    assert (pool.pool_size, pool.pool_reset_connection) == (3, False)
    with ExitStack() as stack:
        connections = [stack.enter_context(pool.get_connection()) for _ in range(3)]
        assert [connection.autocommit for connection in connections] == [False, False, True]
    refused = [
        ({"pool_name": "other"}, ProgrammingError),
        ({"hots": 1}, TypeError),
        ({"pool_size": 0}, ProgrammingError),
    ]
    for wrong, error in refused:
        with pytest.raises(error):
            pool.set_config(**wrong)
    assert pool.pool_size == 3


# Borrowing and returning


def test_the_least_recently_used_is_borrowed(make_pool: Pools) -> None:
    pool = make_pool(pool_size=64, pool_reset_connection=False)
    rounds = 10
    order = []
    for _ in range(rounds * 64):
        with pool.get_connection() as connection:
            order.append(connection.connection_id)
    assert len(set(order[:64])) == 64
    assert order == order[:64] * rounds
    for _ in range(64):
        with pool.get_connection() as connection:
            assert connection._used == rounds + 1


def test_a_closed_handle_is_dead_whoever_has_the_connection_now(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    mine = pool.get_connection()
    my_cursor = mine.cursor()
    my_id = mine.connection_id
    mine.close()
    with pool.get_connection() as other:
        assert other.connection_id == my_id
        mine.close()
        with pytest.raises(PoolError, match=EXHAUSTED):
            pool.get_connection()
        for use in (mine.cursor, mine.ping, mine.rollback, lambda: my_cursor.execute("SELECT 1")):
            with pytest.raises(ProgrammingError, match=DEAD):
                use()
        assert value(other, "SELECT connection_id()") == my_id


def test_close_is_final_and_borrowed_connections_are_closed_on_return(make_pool: Pools, connect: Connector) -> None:
    before = ids(administrator := connect())
    pool = make_pool(pool_size=3)
    borrowed = pool.get_connection()
    pool.close()
    pool.close()
    assert pool.connection_count == 0
    assert pool.pool_name not in _CONNECTION_POOLS
    wait_for(lambda: ids(administrator) - before == {borrowed.connection_id})
    assert value(borrowed, "SELECT 1") == 1
    with pytest.raises(PoolError, match=CLOSED):
        pool.get_connection()
    borrowed.close()
    wait_for(lambda: ids(administrator) <= before)


def test_threads_do_not_get_into_each_others_way(make_pool: Pools) -> None:
    pool = make_pool(pool_size=4)
    guard = threading.Lock()
    out: set[int] = set()
    nonces = itertools.count()
    wrong: list[object] = []

    def borrow() -> mariadb_py.Connection:
        while True:
            try:
                return pool.get_connection()
            except PoolError:
                time.sleep(0.0005)

    def exchange(stale: mariadb_py.Connection | None) -> mariadb_py.Connection:
        connection = borrow()
        with guard:
            nonce = next(nonces)
            if connection.connection_id in out:
                wrong.append(f"{connection.connection_id} is out twice")
            out.add(connection.connection_id)
        if stale is not None:
            stale.close()  # a second close, while somebody else may have that connection
        answer = value(connection, f"SELECT {nonce}")
        if answer != nonce:
            wrong.append((nonce, answer))
        with guard:
            out.discard(connection.connection_id)
        connection.close()
        return connection

    def work() -> None:
        try:
            stale = None
            for _ in range(100):
                stale = exchange(stale)
        except BaseException as error:
            wrong.append(error)

    in_threads(8, work)
    assert wrong == []
    assert next(nonces) == 800
    assert len(borrow_all(pool)) == 4
