"""reconnect=True, auto_reconnect and reconnect(): a new connection, but nothing is lost silently."""

from __future__ import annotations

import time

import pytest

import mariadb_py
from mariadb_py.exceptions import LostConnectionError, OperationalError
from mariadb_py.testing import temp_server
from tests.support.listener import PATIENCE
from tests.support.running import Running, ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector


def kill(connect: Connector, connection: Connection) -> None:
    """End a connection from the server's side, and wait until it has gone."""
    observer, victim = connect(), connection.connection_id
    observer.kill(victim)
    deadline = time.monotonic() + PATIENCE
    while ask(observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", (victim,)):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def connection(connect: Connector) -> Connection:
    connection = connect(reconnect=True, autocommit=True)
    ask(connection, "CREATE TABLE IF NOT EXISTS kept (v INT)")
    return connection


# Killed while there is nothing to lose

HARMLESS: dict[str, Callable[[Connection], object]] = {
    "nothing": lambda connection: None,
    "select": lambda connection: ask(connection, "SELECT ?", (1,)),
    "committed": lambda connection: (ask(connection, "INSERT INTO kept VALUES (1)"), connection.commit()),
    "rolled back": lambda connection: (ask(connection, "INSERT INTO kept VALUES (1)"), connection.rollback()),
    "prepared": lambda connection: works_binary(connection),
    "ping": lambda connection: connection.ping(),
    "autocommit as it is": lambda connection: setattr(connection, "autocommit", True),
    "reset": lambda connection: (ask(connection, "SET @a = 1"), connection.reset()),
    "bulk": lambda connection: (
        connection.cursor().executemany("INSERT INTO kept VALUES (?)", [(1,)]),
        connection.commit(),
    ),
}


def works_binary(connection: Connection) -> bool:
    with connection.cursor(binary=True) as cursor:
        cursor.execute("SELECT ?", (5,))
        return bool(cursor.fetchall() == [(5,)])


NEXT: dict[str, Callable[[Connection], object]] = {
    "execute": works,
    "binary": works_binary,
    "ping": lambda connection: connection.ping(),
    "commit": lambda connection: connection.commit(),
    "executemany": lambda connection: connection.cursor().executemany("DELETE FROM kept WHERE v = ?", [(99,)]),
}


@pytest.mark.parametrize("then", NEXT)
def test_the_next_call_gets_a_new_connection(connect: Connector, connection: Connection, then: str) -> None:
    for _ in range(3):
        before = connection.connection_id
        kill(connect, connection)
        assert NEXT[then](connection) in (None, True)
        assert connection.connection_id != before
        assert works(connection)


@pytest.mark.parametrize("before", HARMLESS)
def test_what_loses_nothing(connect: Connector, connection: Connection, before: str) -> None:
    HARMLESS[before](connection)
    victim = connection.connection_id
    kill(connect, connection)
    assert works(connection)
    assert connection.connection_id != victim


def test_the_new_session_is_set_up_like_the_first(connect: Connector) -> None:
    connection = connect(reconnect=True, autocommit=True, init_command="SET @greeting = 'hello'", compress=True)
    for _ in range(2):
        kill(connect, connection)
        assert ask(connection, "SELECT @greeting") == "hello"
        assert connection.autocommit is True
        assert ask(connection, "SELECT @@session_track_state_change") == 1
        connection.reset()  # reading a variable made the session one that could be missed


@pytest.fixture
def numbered(connection: Connection) -> Connection:
    """Has a table with AUTO_INCREMENT; a row was inserted."""
    create(connection, "TABLE numbered (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
    connection.reset()  # forget that a table was made
    ask(connection, "INSERT INTO numbered (v) VALUES (1)")
    return connection


def test_the_id_of_the_lost_session_is_not_that_of_the_new_one(connect: Connector, numbered: Connection) -> None:
    kill(connect, numbered)
    assert works(numbered)
    with pytest.raises(LostConnectionError, match=r"LAST_INSERT_ID.* was lost with the connection"):
        ask(numbered, "INSERT INTO numbered (v) VALUES (LAST_INSERT_ID())")
    assert ask(numbered, "SELECT LAST_INSERT_ID()") == 0  # now the user knows
    assert ask(numbered, "SELECT COUNT(*) FROM numbered") == 1


@pytest.mark.parametrize("many", [False, True])
def test_an_id_of_the_new_session(connect: Connector, numbered: Connection, many: bool) -> None:
    kill(connect, numbered)
    with numbered.cursor() as cursor:
        if many:
            cursor.executemany("INSERT INTO numbered (v) VALUES (?)", [(2,)])
        else:
            cursor.execute("INSERT INTO numbered (v) VALUES (2)")
    assert ask(numbered, "SELECT LAST_INSERT_ID()") == 2


# What would be lost

LOSSES: dict[str, tuple[Any, ...]] = {
    "transaction": ("BEGIN",),
    "uncommitted row": ("BEGIN", "INSERT INTO kept VALUES (1)"),
    "autocommit": ("SET autocommit = 0",),
    "read-only transaction": ("START TRANSACTION READ ONLY",),
    "variable": ("SET @a = 1",),
    "variable in SELECT": ("SELECT @b := 2",),
    "session variable": ("SET sql_select_limit = 5",),
    "temporary table": ("CREATE TEMPORARY TABLE brief (v INT)",),
    "temporary table of rows": ("CREATE TEMPORARY TABLE brief SELECT 1 a",),
    "GET_LOCK": ("SELECT GET_LOCK('reconnect', 0)",),
    "get_lock in a comment": ("SELECT /*! get_lock('reconnect', 0) */",),
    "LOCK TABLES": ("LOCK TABLES kept READ",),
    "HANDLER": ("HANDLER kept OPEN",),
    "PREPARE": ("PREPARE s FROM 'SELECT 1'",),
    "another database": ("USE mysql",),
    "SET NAMES": ("SET NAMES latin1",),
    "isolation": ("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",),
    "next isolation": ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",),
    "global read lock": ("FLUSH TABLES kept WITH READ LOCK",),
    "INTO a variable": ("SELECT 1 INTO @c",),
    "LAST_INSERT_ID of an expression": ("SELECT LAST_INSERT_ID(5)",),
    "BACKUP STAGE": ("BACKUP STAGE START", "BACKUP STAGE END"),
}
NO_BACKUP = pytest.mark.mariadb("MySQL has no BACKUP STAGE")


@pytest.mark.parametrize("then", ["execute", "ping", "commit"])
@pytest.mark.parametrize(
    "loss", [pytest.param(loss, marks=NO_BACKUP) if loss == "BACKUP STAGE" else loss for loss in LOSSES]
)
def test_a_loss_is_an_error_first(connect: Connector, connection: Connection, loss: str, then: str) -> None:
    for sql in LOSSES[loss]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
    kill(connect, connection)
    with pytest.raises(LostConnectionError, match=r"not opened anew, as .* would be missing") as caught:
        NEXT[then](connection)
    assert caught.value.errno == 2013
    # Now the user knows.
    assert works(connection)
    kill(connect, connection)
    assert works(connection)


def test_methods_that_leave_something(connect: Connector, connection: Connection) -> None:
    server = connect.server
    for call in (
        connection.begin,
        lambda: connection.tpc_begin(connection.xid(1, "a", "b")),
        lambda: connection.change_user(server.user, server.password, None),
        lambda: connection.select_db("mysql"),
        lambda: connection.cursor().executemany("DO GET_LOCK(?, 0)", [("reconnect",)]),
        lambda: connection.cursor().callproc("test.leaves"),
    ):
        create(connection, "PROCEDURE test.leaves() SET @x = 1")
        connection.reconnect()
        call()
        kill(connect, connection)
        with pytest.raises(LostConnectionError, match="would be missing"):
            works(connection)
        assert works(connection)


def test_rows_on_the_way_are_not_replaced(connect: Connector, connection: Connection) -> None:
    cursor = connection.cursor(buffered=False)
    cursor.execute("SELECT REPEAT('x', 1000) FROM seq_1_to_100000")
    assert cursor.fetchone() is not None
    kill(connect, connection)
    with pytest.raises(LostConnectionError):
        cursor.fetchall()
    assert works(connection)


def test_rows_on_the_server_are_not_replaced(connect: Connector, connection: Connection) -> None:
    cursor = connection.cursor(cursor_type=1, prefetch_size=2)
    cursor.execute("SELECT seq FROM seq_1_to_10")
    assert cursor.fetchone() == (1,)
    kill(connect, connection)
    assert cursor.fetchone() == (2,)
    with pytest.raises(mariadb_py.Error):
        cursor.fetchall()
    assert works(connection)


@pytest.mark.mariadb("in MySQL a SLEEP that is killed ends well, and the INSERT around it goes on")
def test_a_statement_that_was_sent_is_never_sent_again(connect: Connector, connection: Connection) -> None:
    """Killed in the middle of it: what became of it is not known."""
    ask(connection, "TRUNCATE kept")
    running = Running(connection, "INSERT INTO kept SELECT SLEEP(30)", connect())
    kill(connect, connection)
    running.join(PATIENCE)
    assert isinstance(running.outcome, mariadb_py.Error)
    assert running.outcome.errno in (1317, 1927, 2013)
    assert works(connection)
    assert ask(connection, "SELECT COUNT(*) FROM kept") == 0


def test_in_a_transaction_without_autocommit(connect: Connector) -> None:
    connection = connect(reconnect=True)
    for statement in ("INSERT INTO kept VALUES (1)", "SELECT * FROM kept FOR UPDATE"):
        with connection.cursor() as cursor:
            cursor.execute(statement)
        kill(connect, connection)
        with pytest.raises(LostConnectionError, match="a transaction would be missing"):
            connection.commit()
        assert connection.cursor().rowcount == -1
        connection.commit()


# Without it, and switched on later


def test_without_it_a_lost_connection_stays_lost(connect: Connector) -> None:
    connection = connect()
    assert connection.auto_reconnect is False
    kill(connect, connection)
    for errno in (2013, 2006, 2006):
        with pytest.raises(LostConnectionError) as caught:
            works(connection)
        assert caught.value.errno == errno


def test_switched_on_later(connect: Connector) -> None:
    fresh = connect()
    fresh.auto_reconnect = True
    kill(connect, fresh)
    assert works(fresh)
    connection = connect()
    assert works(connection)
    connection.auto_reconnect = True
    assert connection.auto_reconnect is True
    # What the session had before is not known.
    kill(connect, connection)
    with pytest.raises(LostConnectionError, match="would be missing"):
        works(connection)
    assert works(connection)
    kill(connect, connection)
    assert works(connection)
    connection.auto_reconnect = False
    kill(connect, connection)
    with pytest.raises(LostConnectionError):
        works(connection)


def test_reconnect(connect: Connector) -> None:
    for connection in (connect(), connect(reconnect=True), connect(compress=True)):
        ask(connection, "CREATE TEMPORARY TABLE brief (v INT)")
        ask(connection, "SET @a = 1")
        connection.begin()
        before = connection.connection_id
        connection.reconnect()
        assert connection.connection_id != before
        assert ask(connection, "SELECT @a") is None
        assert (connection.database, connection.autocommit) == ("test", False)
        with pytest.raises(mariadb_py.ProgrammingError):
            ask(connection, "SELECT * FROM brief")
        kill(connect, connection)
        connection.reconnect()
        assert works(connection)


def test_a_closed_connection_is_not_opened_again(connect: Connector) -> None:
    connection = connect(reconnect=True)
    connection.close()
    for call in (connection.reconnect, connection.ping, connection.cursor):
        with pytest.raises(mariadb_py.ProgrammingError):
            call()


def test_a_server_that_is_away_for_a_while() -> None:
    with temp_server() as server, mariadb_py.connect(**server.connect_args, reconnect=True) as connection:
        assert works(connection)
        connection.rollback()
        server.kill()
        for _ in range(2):
            with pytest.raises(OperationalError) as caught:
                works(connection)
            assert caught.value.errno == 2002
        server.start()
        assert works(connection)
