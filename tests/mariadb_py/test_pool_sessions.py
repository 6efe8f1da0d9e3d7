"""What of one borrower's session must not be lost, and what must not reach the next one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import mariadb_py
from mariadb_py import PoolError, ProgrammingError
from tests.support.pool import Pools, borrow_all, kill, run, value, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mariadb_py import Connection
    from tests.support.server import Connector


@pytest.fixture
def admin(connect: Connector) -> Connection:
    return connect(autocommit=True)


# Distributed transactions


@pytest.fixture
def kept(admin: Connection) -> Iterator[Connection]:
    """A table; what is prepared in the end is rolled back."""
    run(admin, "CREATE OR REPLACE TABLE kept (a INT) ENGINE=InnoDB")
    yield admin
    for xid in admin.tpc_recover():
        admin.tpc_rollback(xid)
    run(admin, "DROP TABLE kept")


@pytest.mark.parametrize("pipeline", ["auto", False])
@pytest.mark.parametrize("by_sql", [False, True])
def test_a_prepared_transaction_survives_the_return(
    make_pool: Pools, kept: Connection, pipeline: Any, by_sql: bool
) -> None:
    pool = make_pool(pool_size=1, pipeline_reset=pipeline)
    with pool.get_connection() as connection:
        if by_sql:
            run(connection, "XA START 'kept'", "INSERT INTO kept VALUES (1)", "XA END 'kept'", "XA PREPARE 'kept'")
        else:
            connection.tpc_begin(connection.xid(1, "kept", ""))
            run(connection, "INSERT INTO kept VALUES (1)")
            connection.tpc_prepare()
        number = connection.connection_id
    wait_for(lambda: len(kept.tpc_recover()) == 1)
    (xid,) = kept.tpc_recover()
    committed: list[bool] = []

    def commits() -> bool:
        try:
            kept.tpc_commit(xid)
        except mariadb_py.Error:  # the server has not noticed yet that its connection is gone
            return False
        committed.append(True)
        return True

    wait_for(commits)
    assert committed == [True]
    assert value(kept, "SELECT COUNT(*) FROM kept") == 1
    with pool.get_connection() as connection:
        assert connection.connection_id != number


def test_another_transaction_that_is_finished_does_not_hide_it(make_pool: Pools, kept: Connection) -> None:
    run(kept, "XA START 'other'", "XA END 'other'", "XA PREPARE 'other'")
    (other,) = kept.tpc_recover()
    kept.tpc_rollback(other)
    pool = make_pool(pool_size=1, autocommit=True)
    with pool.get_connection() as connection:
        run(connection, "XA START 'kept'", "INSERT INTO kept VALUES (1)", "XA END 'kept'", "XA PREPARE 'kept'")
        with pytest.raises(mariadb_py.Error):
            connection.tpc_rollback(other)  # it is gone
        number = connection.connection_id
    with pool.get_connection() as connection:
        assert connection.connection_id != number


def test_a_transaction_that_was_finished_costs_nothing(make_pool: Pools, kept: Connection) -> None:
    pool = make_pool(pool_size=1)
    with pool.get_connection() as connection:
        number = connection.connection_id
        connection.tpc_begin(connection.xid(1, "kept", ""))
        run(connection, "INSERT INTO kept VALUES (1)")
        connection.tpc_prepare()
        connection.tpc_commit()
    with pool.get_connection() as connection:
        assert connection.connection_id == number
    assert value(kept, "SELECT COUNT(*) FROM kept") == 1


def test_reset_does_not_lose_a_prepared_transaction(connect: Connector, kept: Connection) -> None:
    connection = connect()
    connection.tpc_begin(connection.xid(1, "kept", ""))
    run(connection, "INSERT INTO kept VALUES (1)")
    connection.tpc_prepare()
    with pytest.raises(ProgrammingError, match="would lose the prepared transaction"):
        connection.reset()
    with pytest.raises(ProgrammingError, match="would lose the prepared transaction"):
        connection.change_user(None, None, None)
    connection.tpc_commit()
    connection.reset()
    assert value(kept, "SELECT COUNT(*) FROM kept") == 1


# What the next borrower finds


def test_auto_reconnect_is_as_the_pool_has_it(make_pool: Pools, admin: Connection) -> None:
    pool = make_pool(pool_size=1)
    with pool.get_connection() as connection:
        connection.auto_reconnect = True
    with pool.get_connection() as connection:
        assert connection.auto_reconnect is False
        kill(admin, connection.connection_id)
        with pytest.raises(mariadb_py.LostConnectionError):
            run(connection, "SELECT 1")


@pytest.mark.mariadb("MySQL creates and grants roles in other words")
def test_a_session_that_was_opened_anew_is_not_lent(make_pool: Pools, admin: Connection) -> None:
    """The pool has not set it up."""
    user = value(admin, "SELECT CURRENT_USER()").split("@")
    run(admin, "CREATE OR REPLACE ROLE passing", f"GRANT passing TO '{user[0]}'@'{user[1]}'")
    pool = make_pool(pool_size=1)
    with pool.get_connection() as connection:
        connection.reconnect()
        run(connection, "SET ROLE passing")
    with pool.get_connection() as connection:
        assert value(connection, "SELECT CURRENT_ROLE()") is None
    run(admin, "DROP ROLE passing")


@pytest.mark.mariadb("MySQL has default roles of another kind")
def test_a_default_role_that_changes(make_pool: Pools, admin: Connection) -> None:
    run(admin, "CREATE OR REPLACE ROLE one", "CREATE OR REPLACE ROLE two")
    run(admin, "CREATE OR REPLACE USER passing@'127.0.0.1' IDENTIFIED BY 'x'")
    run(admin, "GRANT one TO passing@'127.0.0.1'", "GRANT two TO passing@'127.0.0.1'")
    run(admin, "SET DEFAULT ROLE one FOR passing@'127.0.0.1'")
    pool = make_pool(pool_size=1, user="passing", password="x", database=None)
    for name in ("one", "one", "two", "two"):
        if name == "two":
            run(admin, "SET DEFAULT ROLE two FOR passing@'127.0.0.1'")
            pool.drain()
        with pool.get_connection() as connection:
            assert value(connection, "SELECT CURRENT_ROLE()") == name
    run(admin, "DROP USER passing@'127.0.0.1'", "DROP ROLE one", "DROP ROLE two")


@pytest.mark.parametrize("pipeline", ["auto", False])
@pytest.mark.parametrize("command", ["SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET collation_connection = utf8mb4_bin"])
def test_a_collation_of_init_command_stays(make_pool: Pools, pipeline: Any, command: str) -> None:
    with mariadb_py.connect(**make_pool.server.connect_args, init_command=command) as connection:
        expected = value(connection, "SELECT @@collation_connection")
    pool = make_pool(pool_size=1, init_command=command, pipeline_reset=pipeline)
    for _ in range(3):
        with pool.get_connection() as connection:
            assert value(connection, "SELECT @@collation_connection") == expected


# Handles and places


def test_of_two_threads_one_gives_a_handle_back(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2, pool_reset_session=False)
    for _ in range(300):
        connection = pool.get_connection()
        threads = [threading.Thread(target=connection.close) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    figures = pool.stats()
    assert (figures["size"], figures["idle"], figures["borrows"]) == (2, 2, 300)
    assert len(borrow_all(pool)) == 2


@pytest.mark.parametrize("timeout", ["abc", True, -1, float("nan")])
def test_a_wrong_timeout_takes_nothing(make_pool: Pools, timeout: Any) -> None:
    pool = make_pool(pool_size=1)
    for call in (pool.get_connection, pool.connection, pool.wait_ready, pool.close):
        with pytest.raises((TypeError, ProgrammingError), match="timeout"):
            call(timeout)  # type: ignore[operator]
    assert pool.stats()["borrows"] == 0
    assert len(borrow_all(pool)) == 1


def test_a_timeout_of_any_size(make_pool: Pools) -> None:
    pool = make_pool(pool_size=1)
    pool.get_connection(timeout=10**400).close()
    pool.get_connection(timeout=float("inf")).close()


def test_a_block_is_entered_once_at_a_time(make_pool: Pools) -> None:
    pool = make_pool(pool_size=2)
    lease = pool.connection()
    with lease, pytest.raises(ProgrammingError, match="entered already"), lease:
        raise AssertionError
    assert len(borrow_all(pool)) == 2


def test_a_check_that_is_interrupted_loses_no_place(make_pool: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool(pool_size=3)

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(pool), "_what_is_wrong", interrupted)
        pool.check()
    assert len(borrow_all(pool)) == 3


def test_others_borrow_while_one_is_checked(make_pool: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool(pool_size=2)
    lent: list[bool] = []

    def borrows(*_: object) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(type(pool), "_what_is_wrong", lambda *_: "")
            pool.get_connection().close()
        lent.append(True)
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(type(pool), "_what_is_wrong", borrows)
        assert pool.check() == 0
    assert lent == [True, True]


def test_nothing_is_ready_without_a_connection(make_pool: Pools) -> None:
    pool = make_pool.service(min_size=0, max_size=1, port=1)
    with pytest.raises(PoolError):
        pool.wait_ready(0.2)
