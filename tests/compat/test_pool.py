"""What programs for Connector/Python rely on: pools."""

from __future__ import annotations

import pytest

import mariadb_py as mariadb
from tests.compat.rows import Database, Rows, fails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.rows import Program

row = Rows()


def make(db: Database, **keywords: Any) -> mariadb.ConnectionPool:
    return mariadb.ConnectionPool(**{"pool_name": "compat", "pool_size": 2, **db.arguments, **keywords})


def give_back(*connections: mariadb.Connection) -> None:
    for connection in connections:
        connection.close()


@row("least recently used order: after 100 rounds over 64 connections every _used is equal")
def _(db: Database) -> None:
    pool = make(db, pool_size=64)
    for _ in range(64 * 100):
        pool.get_connection().close()
    connections = [pool.get_connection() for _ in range(64)]
    assert {connection._used for connection in connections} == {101}
    give_back(*connections)


@row("killed connections are replaced when the validation interval is 0")
def _(db: Database) -> None:
    pool = make(db, pool_validation_interval=0)
    connections = [pool.get_connection(), pool.get_connection()]
    ids = {connection.connection_id for connection in connections}
    for connection in connections:
        db.kill(connection)
    give_back(*connections)
    connections = [pool.get_connection(), pool.get_connection()]
    for connection in connections:
        connection.ping()
    assert ids.isdisjoint(connection.connection_id for connection in connections)
    give_back(*connections)


@row("connections killed while idle are replaced when the validation interval is 0")
def _(db: Database) -> None:
    pool = make(db, pool_size=1, pool_validation_interval=0)
    connection = pool.get_connection()
    identity = connection.connection_id
    connection.close()
    with db.connect() as killer:
        killer.kill(identity)
    connection = pool.get_connection()
    connection.ping()
    assert connection.connection_id != identity
    connection.close()


@row("returning a connection that died while out leaves a usable slot")
def _(db: Database) -> None:
    pool = make(db, pool_size=1)
    connection = pool.get_connection()
    db.kill(connection)
    connection.close()
    connection = pool.get_connection()
    connection.ping()
    connection.close()


@row("without reset an open transaction is rolled back on return")
def _(db: Database) -> None:
    pool = make(db, pool_size=1, pool_reset_connection=False)
    with pool.get_connection() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE t (a INT) ENGINE = InnoDB")
        cursor.execute("SET @kept = 1")
        cursor.execute("INSERT INTO t VALUES (1)")
    with pool.get_connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @kept, (SELECT COUNT(*) FROM t)")
        assert cursor.fetchall() == [(1, 0)]


@row("get_connection on an exhausted pool raises PoolError at once")
def _(db: Database) -> None:
    pool = make(db, pool_size=1)
    connection = pool.get_connection()
    fails(mariadb.PoolError, None, pool.get_connection)
    connection.close()


@row("a duplicate name raises a class that is both ProgrammingError and PoolError")
def _(db: Database) -> None:
    make(db)
    fails(mariadb.ProgrammingError, None, make, db)
    fails(mariadb.PoolError, None, make, db)


@row("ConnectionPool(pool_name=x) is unconfigured: add_connection raises PoolError until set_config")
def _(db: Database) -> None:
    pool = mariadb.ConnectionPool(pool_name="compat")
    fails(mariadb.PoolError, None, pool.add_connection)
    fails(mariadb.PoolError, None, pool.get_connection)
    pool.set_config(**db.arguments)
    pool.add_connection()
    assert pool.connection_count == 1
    pool.get_connection().close()


@row("max_size is 64")
def _(db: Database) -> None:
    assert make(db).max_size == 64


@row("pool_reset_connection defaults to True")
def _(db: Database) -> None:
    assert make(db).pool_reset_connection is True


@row("closing removes the name from _CONNECTION_POOLS")
def _(db: Database) -> None:
    pool = make(db)
    assert mariadb._CONNECTION_POOLS["compat"] is pool
    pool.close()
    assert "compat" not in mariadb._CONNECTION_POOLS


@row("get_connection waits with acquire_timeout")
def _(db: Database) -> None:
    make(db, acquire_timeout=1)


@pytest.mark.parametrize("program", row)
def test_pool(program: Program, db: Database) -> None:
    program(db)
