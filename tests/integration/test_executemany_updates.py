"""executemany() of UPDATE and DELETE, which the server runs row by row: with autocommit a chunk is one transaction."""

from __future__ import annotations

import pytest

from mariadb_py.exceptions import DataError, Error, OperationalError
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector

pytestmark = pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
INSERT = "INSERT INTO failing (id, pad) VALUES (?, ?)"


def make_table(connection: Connection) -> None:
    create(connection, "TABLE failing (id INT PRIMARY KEY, pad VARCHAR(2000))")


def executemany(connection: Connection, rows: Any, sql: str = INSERT) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


@pytest.fixture
def connection(connect: Connector) -> Connection:
    connection = connect(autocommit=True)
    make_table(connection)
    return connection


UPDATE = "UPDATE failing SET pad = REPEAT(?, 1 + 5000 * (? = id)) WHERE id = ?"  # (text, id that fails, id)


def changed(connection: Connection) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM failing WHERE pad LIKE 'y%' ORDER BY id")
        return [number for (number,) in cursor.fetchall()]


@pytest.mark.parametrize("failing", [0, 1, 700, 2999])
def test_a_chunk_of_updates_is_executed_as_a_whole_or_not_at_all(connect: Connector, failing: int) -> None:
    connection = connect(autocommit=True, reconnect=True, max_allowed_packet=16384)
    observer = connect(autocommit=True)
    make_table(connection)
    executemany(connection, ((number, "x") for number in range(3000)))
    watched = connection._core.would_lose()
    with pytest.raises(DataError) as caught:
        executemany(connection, [("y", failing, number) for number in range(3000)], UPDATE)
    done = caught.value.rows_done
    assert done is not None
    assert failing - 1000 < done <= failing
    assert changed(observer) == list(range(done))
    assert (connection.autocommit, connection._core.in_transaction) == (True, False)
    assert connection._core.would_lose() == watched is None
    executemany(connection, [("y", -1, number) for number in range(done, 3000)], UPDATE)
    assert changed(observer) == list(range(3000))
    assert connection._core.would_lose() is None
    with pytest.raises(OperationalError) as caught:
        executemany(connection, [(1,), (2,)], "DELETE FROM failing WHERE id = ? AND 1 = (SELECT 1 UNION SELECT 2)")
    assert (caught.value.errno, caught.value.rows_done, ask(observer, "SELECT COUNT(*) FROM failing")) == (
        1242,
        0,
        3000,
    )


def test_updates_in_a_transaction_leave_it_to_its_owner(connect: Connector) -> None:
    for autocommit, begin in ((True, "START TRANSACTION"), (False, "DO 0")):
        connection = connect(autocommit=autocommit)
        make_table(connection)
        executemany(connection, ((number, "x") for number in range(9)))
        connection.commit()
        ask(connection, begin)
        ask(connection, "UPDATE failing SET pad = 'y' WHERE id = 8")
        executemany(connection, [("y", -1, 0), ("y", -1, 1)], UPDATE)
        with pytest.raises(DataError):
            executemany(connection, [("y", 3, 2), ("y", 3, 3)], UPDATE)
        assert changed(connection) == [0, 1, 2, 8]
        connection.rollback()
        assert (changed(connection), connection.autocommit) == ([], autocommit)


def test_updates_under_lock_tables(connection: Connection, connect: Connector) -> None:
    """START TRANSACTION would end it."""
    executemany(connection, ((number, "x") for number in range(9)))
    ask(connection, "LOCK TABLES failing WRITE")
    executemany(connection, [("y", -1, 0), ("y", -1, 1)], UPDATE)
    with pytest.raises(DataError):
        executemany(connection, [("y", 3, 2), ("y", 3, 3)], UPDATE)
    with pytest.raises(Error) as caught:
        ask(connection, "SELECT 1 FROM mysql.user")
    assert caught.value.errno == 1100
    ask(connection, "UNLOCK TABLES")
    assert changed(connect()) == [0, 1]


def test_warnings_of_updates(connection: Connection) -> None:
    executemany(connection, ((number, "x") for number in range(9)))
    ask(connection, "SET sql_mode = ''")
    with connection.cursor() as cursor:
        cursor.executemany(UPDATE, [("y", 0, 0), ("y", 1, 1), ("y", -1, 2)])  # two texts are too long
        assert cursor.rowcount == 3
        assert cursor.warnings >= 2  # the server counts those of the first row anew for each row
    assert [code for _, code, _ in connection.show_warnings()] == [1265, 1265]


def test_a_completion_type_is_not_meant_for_chunks(connection: Connection) -> None:
    executemany(connection, ((number, "x") for number in range(9)))
    for kind in (1, 2):  # CHAIN and RELEASE
        ask(connection, f"SET completion_type = {kind}")
        executemany(connection, [("y", -1, 0), ("y", -1, 1)], UPDATE)
        assert not connection._core.in_transaction
        with pytest.raises(DataError):
            executemany(connection, [("y", 3, 2), ("y", 3, 3)], UPDATE)
        assert not connection._core.in_transaction
        assert works(connection)


def test_updates_of_a_generator_that_raises(connection: Connection) -> None:
    executemany(connection, ((number, "x") for number in range(3000)))

    def rows() -> Iterator[tuple[str, int, int]]:
        for number in range(2500):
            yield "y", -1, number
        raise KeyboardInterrupt

    connection._core.statements.unchecked = connection._core.statements._limit = 16384
    with pytest.raises(KeyboardInterrupt):
        executemany(connection, rows(), UPDATE)
    assert 1000 < len(changed(connection)) < 2500
    assert changed(connection) == list(range(len(changed(connection))))
    assert connection.autocommit
    assert works(connection)
