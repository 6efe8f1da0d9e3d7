"""Connection, against the real server."""

from __future__ import annotations

import gc
import inspect
import sys
import time
import warnings

import pytest

import mariadb_py
from mariadb_py.exceptions import (
    Error,
    InterfaceError,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
)
from tests.support.listener import PATIENCE
from tests.support.pool import kill
from tests.support.running import ask, works

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector


# Life


def test_close(connect: Connector) -> None:
    connection, observer = connect(), connect()
    number = connection.connection_id
    cursor = connection.cursor()
    connection.close()
    deadline = time.monotonic() + PATIENCE
    while ask(observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", (number,)):
        assert time.monotonic() < deadline
    assert cursor.closed
    with pytest.raises(ProgrammingError, match=r"^Invalid connection or not connected$"):
        connection.close()


def test_nothing_works_after_close(connect: Connector) -> None:
    connection = connect()
    cursor = connection.cursor()
    connection.close()
    calls: list[Callable[[], object]] = [
        *(getattr(connection, name) for name in ("cursor", "begin", "commit", "rollback", "ping", "reset", "close")),
        *(getattr(connection, name) for name in ("show_warnings", "get_server_version", "__enter__")),
        lambda: connection.select_db("test"),
        lambda: connection.change_user("u", "p", None),
        lambda: connection.kill(1),
        *(getattr(connection, name) for name in ("reconnect", "dump_debug_info", "tpc_prepare", "tpc_recover")),
        *(getattr(connection, name) for name in ("tpc_commit", "tpc_rollback")),
        lambda: connection.tpc_begin(connection.xid(0, "a", "b")),
        lambda: setattr(connection, "auto_reconnect", True),
        lambda: connection.escape_string("x"),
        lambda: setattr(connection, "autocommit", True),
        lambda: setattr(connection, "database", "test"),
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany("SELECT ?", [(1,)]),
        lambda: cursor.nextset(),
    ]
    for call in calls:
        with pytest.raises(ProgrammingError, match=r"^Invalid connection or not connected$"):
            call()
    constant = {"character_set", "character_set_name", "collation", "_used"}
    for name in {
        name for name, value in inspect.getmembers(type(connection)) if isinstance(value, property)
    } - constant:
        with pytest.raises(ProgrammingError):
            getattr(connection, name)
    assert repr(connection).startswith("<mariadb_py.Connection closed at ")


def test_context_manager_closes_and_does_not_commit(connect: Connector) -> None:
    observer = connect(autocommit=True)
    ask(observer, "CREATE OR REPLACE TABLE with_block (a INT)")
    with connect() as connection:
        ask(connection, "INSERT INTO with_block VALUES (1)")
        with pytest.raises(ProgrammingError), connection:
            raise ProgrammingError("inner")
    with pytest.raises(ProgrammingError):
        connection.ping()
    assert ask(observer, "SELECT COUNT(*) FROM with_block") == 0


def test_an_unclosed_connection_that_is_collected_warns(server: TempServer) -> None:
    connection = mariadb_py.connect(**server.connect_args)
    link = connection._link
    assert link is not None
    with pytest.warns(ResourceWarning, match=r"^unclosed <mariadb_py\.Connection 127\.0\.0\.1:\d+ id=\d+ at "):
        del connection
        gc.collect()
    assert link.closed


def test_where_warnings_are_errors_the_socket_is_closed_too(
    server: TempServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = mariadb_py.connect(**server.connect_args)
    link = connection._link
    assert link is not None
    raised: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: raised.append(unraisable.exc_type))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del connection
        gc.collect()
    assert raised == [ResourceWarning]
    assert link.closed


@pytest.mark.parametrize("how", ["closed", "lost", "never open"])
def test_a_connection_that_holds_nothing_does_not_warn(server: TempServer, how: str) -> None:
    """Warnings are errors here."""
    if how == "never open":
        with pytest.raises(OperationalError):
            mariadb_py.connect(unix_socket="/nonexistent/socket")
    else:
        connection = mariadb_py.connect(**server.connect_args)
        if how == "closed":
            connection.close()
        else:
            with pytest.raises(Error):
                ask(connection, f"KILL {connection.connection_id}")
            with pytest.raises(LostConnectionError):
                connection.ping()
        del connection
    gc.collect()


# Transactions


@pytest.fixture
def table(connect: Connector) -> Iterator[Connection]:
    """A connection that commits by itself and sees what is in the table `t`, one INT column."""
    observer = connect(autocommit=True)
    ask(observer, "CREATE OR REPLACE TABLE t (a INT)")
    yield observer
    ask(observer, "DROP TABLE t")


COUNT = "SELECT COUNT(*) FROM t"


def test_autocommit_is_really_off(connect: Connector, table: Connection) -> None:
    connection = connect()
    assert connection.autocommit is False
    assert ask(connection, "SELECT @@autocommit") == 0
    ask(connection, "INSERT INTO t VALUES (1)")
    assert (ask(connection, COUNT), ask(table, COUNT)) == (1, 0)
    connection.rollback()
    assert ask(connection, COUNT) == 0
    ask(connection, "INSERT INTO t VALUES (1)")
    connection.commit()
    assert ask(table, COUNT) == 1


@pytest.mark.parametrize("given", [True, 1])
def test_autocommit_is_really_on(connect: Connector, table: Connection, given: bool) -> None:
    connection = connect(autocommit=given)
    assert connection.autocommit is True
    assert ask(connection, "SELECT @@autocommit") == 1
    ask(connection, "INSERT INTO t VALUES (1)")
    assert ask(table, COUNT) == 1


def test_autocommit_can_be_set(connect: Connector, table: Connection) -> None:
    connection = connect()
    ask(connection, "INSERT INTO t VALUES (1)")
    connection.autocommit = True  # commits, says the server
    assert (connection.autocommit, ask(connection, "SELECT @@autocommit"), ask(table, COUNT)) == (True, 1, 1)
    connection.autocommit = False
    assert (connection.autocommit, ask(connection, "SELECT @@autocommit")) == (False, 0)
    ask(connection, "SET autocommit = 1")  # by SQL: the server says so
    assert connection.autocommit is True


def test_begin(connect: Connector, table: Connection) -> None:
    connection = connect(autocommit=True)
    connection.begin()
    ask(connection, "INSERT INTO t VALUES (1)")
    assert ask(table, COUNT) == 0
    connection.rollback()
    assert ask(connection, COUNT) == 0
    connection.begin()
    ask(connection, "INSERT INTO t VALUES (1)")
    connection.begin()
    connection.rollback()
    assert ask(table, COUNT) == 1


def test_close_rolls_back(connect: Connector, table: Connection) -> None:
    connection = connect()
    ask(connection, "INSERT INTO t VALUES (1)")
    connection.close()
    assert ask(table, COUNT) == 0


# Session


def test_reset(connect: Connector) -> None:
    connection = connect(init_command="SET @set_up = 1, time_zone = '+01:00'")
    ask(connection, "CREATE OR REPLACE DATABASE other_db")
    ask(connection, "USE other_db")
    ask(connection, "SET @mine = 1, @set_up = 2, time_zone = '+09:00', autocommit = 1")
    ask(connection, "SET NAMES latin1")
    ask(connection, "CREATE TEMPORARY TABLE gone (a INT)")
    number = connection.connection_id
    connection.reset()
    assert (ask(connection, "SELECT @mine"), ask(connection, "SELECT @set_up")) == (None, 1)
    assert ask(connection, "SELECT @@time_zone") == "+01:00"
    assert ask(connection, "SELECT @@autocommit") == 0
    assert connection.autocommit is False
    assert ask(connection, "SELECT @@character_set_client") == "utf8mb4"
    assert ask(connection, "SELECT ?", ("\u6e2c\U0001f600",)) == "\u6e2c\U0001f600"
    assert (connection.database, ask(connection, "SELECT DATABASE()")) == ("other_db", "other_db")
    assert ask(connection, "SELECT CONNECTION_ID()") == number
    with pytest.raises(ProgrammingError, match=r"other_db\.gone"):
        ask(connection, "SELECT * FROM gone")
    ask(connection, "DROP DATABASE other_db")


def test_reset_keeps_autocommit_on(connect: Connector) -> None:
    connection = connect(autocommit=True)
    connection.autocommit = False
    connection.reset()
    assert (connection.autocommit, ask(connection, "SELECT @@autocommit")) == (True, 1)


def test_a_reset_that_fails_half_way_closes_the_connection(connect: Connector) -> None:
    ask(connect(), "CREATE OR REPLACE TABLE wanted (a INT)")
    connection = connect(init_command="SELECT * FROM wanted")
    ask(connection, "DROP TABLE wanted")
    with pytest.raises(ProgrammingError) as caught:
        connection.reset()
    assert caught.value.errno == 1146
    with pytest.raises(LostConnectionError, match=r"^Server has gone away"):
        ask(connection, "SELECT 1")


def test_database_is_tracked(connect: Connector) -> None:
    connection = connect()
    assert connection.database == "test"
    ask(connection, "CREATE OR REPLACE DATABASE `a ``b\u6e2c`")
    for select in (
        lambda name: connection.select_db(name),
        lambda name: setattr(connection, "database", name),
        lambda name: ask(connection, "USE `{}`".format(name.replace("`", "``"))),
    ):
        for name in ("a `b\u6e2c", "test"):
            select(name)
            assert (connection.database, ask(connection, "SELECT DATABASE()")) == (name, name)
    with pytest.raises(ProgrammingError) as caught:
        connection.select_db("test; DROP DATABASE test")
    assert caught.value.errno == 1049
    assert connection.database == "test"
    connection.select_db("a `b\u6e2c")
    ask(connection, "DROP DATABASE `a ``b\u6e2c`")
    assert (connection.database, ask(connection, "SELECT DATABASE()")) == (None, None)


def test_no_database(server: TempServer) -> None:
    arguments = server.connect_args
    del arguments["database"]
    for empty in ({}, {"database": None}, {"database": ""}):
        with mariadb_py.connect(**arguments, **empty) as connection:
            assert connection.database is None
            assert ask(connection, "SELECT DATABASE()") is None


def test_change_user(connect: Connector) -> None:
    admin = connect()
    ask(admin, "CREATE OR REPLACE USER other@127.0.0.1 IDENTIFIED BY 'p\u00e4ss'")
    ask(admin, "GRANT ALL ON test.* TO other@127.0.0.1")
    connection = connect(init_command="SET @set_up = 1")
    ask(connection, "SET @mine = 1, autocommit = 1")
    connection.change_user("other", "p\u00e4ss", "test")
    assert ask(connection, "SELECT CURRENT_USER()") == "other@127.0.0.1"
    assert connection.user == "other"
    assert (ask(connection, "SELECT @mine"), ask(connection, "SELECT @set_up")) == (None, 1)
    assert (connection.autocommit, ask(connection, "SELECT @@autocommit")) == (False, 0)
    assert connection.database == "test"
    assert works(connection)
    connection.change_user(connect.server.user, connect.server.password, None)
    assert connection.database is None
    assert connection.user == connect.server.user
    assert ask(connection, "SELECT DATABASE()") is None
    with pytest.raises(OperationalError) as caught:
        connection.change_user("other", "wrong", None)
    assert caught.value.errno == 1045
    with pytest.raises(LostConnectionError):
        connection.ping()
    ask(admin, "DROP USER other@127.0.0.1")


def test_kill(connect: Connector) -> None:
    connection, other = connect(), connect()
    connection.kill(other.connection_id)
    with pytest.raises(LostConnectionError):
        other.ping()
    assert works(connection)
    with pytest.raises(OperationalError) as caught:
        connection.kill(other.connection_id)
    assert caught.value.errno == 1094


def test_ping_and_open(connect: Connector) -> None:
    connection = connect()
    connection.ping()
    assert connection.open is True
    connect().kill(connection.connection_id)
    assert connection.open is False
    with pytest.raises(InterfaceError):
        connection.ping()


def test_open_while_rows_wait_to_be_fetched(connect: Connector) -> None:
    """Nothing can be asked then, and nothing is known to be wrong."""
    connection = connect()
    cursor = connection.cursor(buffered=False)
    cursor.execute("SELECT seq FROM seq_1_to_100000")
    assert cursor.fetchone() == (1,)
    assert connection.open is True
    assert len(cursor.fetchall()) == 99_999
    assert connection.open is True


def test_reconnect(connect: Connector) -> None:
    connection = connect(init_command="SET @set_up = 1")
    cursor = connection.cursor()
    ask(connection, "SET @mine = 1")
    before = connection.connection_id
    connection.reconnect()
    assert connection.connection_id != before
    assert (ask(connection, "SELECT @mine"), ask(connection, "SELECT @set_up")) == (None, 1)
    assert connection.autocommit is False
    cursor.execute("SELECT CONNECTION_ID()")
    assert cursor.fetchone() == (connection.connection_id,)


def test_reconnect_ends_an_unbuffered_result(connect: Connector) -> None:
    """The old cursor must not be given the rows of the next one."""
    connection = connect()
    old, new = connection.cursor(buffered=False), connection.cursor(buffered=False)
    old.execute("SELECT seq FROM seq_1_to_100000")
    connection.reconnect()
    new.execute("SELECT 'new' FROM seq_1_to_100000")
    with pytest.raises(Error):
        old.fetchall()
    assert new.fetchall() == [("new",)] * 100_000


def test_reconnect_is_a_login_of_the_first_user(connect: Connector) -> None:
    connection = connect()
    ask(connection, "CREATE OR REPLACE USER other@127.0.0.1")
    connection.change_user("other", None, None)
    assert connection.user == "other"
    connection.reconnect()
    assert (connection.user, connection.database) == (connect.server.user, "test")
    ask(connection, "DROP USER other@127.0.0.1")


def test_auto_reconnect_can_be_set(connect: Connector) -> None:
    administrator, connection = connect(autocommit=True), connect(autocommit=True)
    assert (connection.auto_reconnect, connect(reconnect=True).auto_reconnect) == (False, True)
    connection.auto_reconnect = True
    assert connection.auto_reconnect is True
    connection.reconnect()  # from here on all that the session has is known
    before = connection.connection_id
    kill(administrator, before)
    assert ask(connection, "SELECT CONNECTION_ID()") == connection.connection_id != before
    connection.auto_reconnect = False
    kill(administrator, connection.connection_id)
    with pytest.raises(LostConnectionError):
        connection.ping()


def test_status_callback(connect: Connector) -> None:
    """Called with the connection, behind a statement; not any more when nobody holds the connection."""
    seen: list[tuple[mariadb_py.Connection, dict[str, object]]] = []
    connection = connect(status_callback=lambda *arguments: seen.append(arguments))
    connection.ping()
    del seen[:]
    connection.select_db("mysql")
    assert [(who is connection, what) for who, what in seen if "schema" in what] == [(True, {"schema": "mysql"})]
    del seen[:]
    ask(connection, "SET time_zone = '+01:00', autocommit = 1")
    assert {name: value for _, what in seen for name, value in what.items()}["time_zone"] == "+01:00"
    assert [what for _, what in seen if len(what) != 1] == []
    del seen[:]
    connection.close()
    assert seen == []


def test_open_while_rows_are_on_the_way(connect: Connector) -> None:
    """Asking has to wait, and the connection is not lost; another thread's use of it is an error."""
    connection = connect()
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_2")
        assert connection.open is True
        with pytest.raises(InterfaceError) as caught:
            connection.ping()
        assert caught.value.errno == 2014
        assert cursor.fetchall() == [(1,), (2,)]
    assert connection.open is True


ESCAPED = "quote ' double \" backslash \\ line \n return \r nul \0 sub \x1a percent % \u6e2c\U0001f600"


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES"])
def test_escape_string_and_parameters_follow_sql_mode(connect: Connector, mode: str) -> None:
    connection = connect()
    ask(connection, f"SET sql_mode = '{mode}'")
    assert ask(connection, f"SELECT '{connection.escape_string(ESCAPED)}'") == ESCAPED
    assert ask(connection, "SELECT ?", (ESCAPED,)) == ESCAPED
    assert connection.escape_string("\\") == ("\\" if "NO_BACKSLASH" in mode else "\\\\")


def test_show_warnings(connect: Connector) -> None:
    connection = connect()
    assert (connection.warnings, connection.show_warnings()) == (0, None)
    ask(connection, "SELECT CAST('a' AS INT)")
    assert connection.warnings == 1
    assert connection.show_warnings() == [("Warning", 1292, "Truncated incorrect INTEGER value: 'a'")]
    ask(connection, "SELECT 1")
    assert connection.show_warnings() is None


def test_facts(connect: Connector) -> None:
    connection = connect()
    version = ask(connection, "SELECT @@version")
    numbers = tuple(map(int, version.split("-")[0].split(".")))
    assert connection.server_info == version
    assert connection.server_version_info == connection.get_server_version() == numbers
    assert connection.server_version == numbers[0] * 10000 + numbers[1] * 100 + numbers[2]
    assert connection.server_mariadb is True
    assert connection.connection_id == connection.thread_id == ask(connection, "SELECT CONNECTION_ID()")
    assert connection.user == connect.server.user
    assert connection.character_set == connection.character_set_name == ask(connection, "SELECT @@character_set_client")
    assert connection.collation == ask(connection, "SELECT @@collation_connection")
    assert connection.server_capabilities >> 32 == 0
    everything = connection.server_capabilities | connection.extended_server_capabilities << 32
    assert connection.client_capabilities & ~everything == 0
    assert connection.client_capabilities >> 32 != 0
    assert repr(connection).startswith(f"<mariadb_py.Connection 127.0.0.1:{connect.server.port} id=")


def test_server_status_is_that_of_the_last_answer(connect: Connector) -> None:
    connection = connect()
    assert not connection.server_status & 1
    connection.begin()
    assert connection.server_status & 1
    connection.commit()
    assert not connection.server_status & 1


# Wrong types and values, of which a connection stays as it was


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        *(("select_db", (value,), TypeError) for value in (1, b"test", ["test"])),
        ("select_db", ("",), OperationalError),
        ("select_db", ("a\0b",), ProgrammingError),
        ("select_db", ("\ud800",), ProgrammingError),
        *(("kill", (value,), TypeError) for value in ("1", 1.0, None, True, b"1")),
        *(("kill", (value,), OperationalError) for value in (-1, 0, 2**62, 10**30)),
        *(("escape_string", (value,), TypeError) for value in (b"x", 1, None)),
        *(("change_user", (value, "p", None), TypeError) for value in (1, b"u", ["u"])),
        *(("change_user", ("u", value, None), TypeError) for value in (1, ["p"], object())),
        *(("change_user", ("u", "p", value), TypeError) for value in (1, b"d")),
        ("change_user", ("a\0b", "p", None), ProgrammingError),
        ("change_user", ("u", "p", "a\0b"), ProgrammingError),
        ("change_user", ("\ud800", "p", None), ProgrammingError),
        *(("__setattr__", ("autocommit", value), TypeError) for value in ("off", "on", None, 1.0, [])),
        ("cursor", (True,), ProgrammingError),
        ("ping", (1,), TypeError),
    ],
)
def test_wrong_arguments(connect: Connector, name: str, arguments: tuple[Any, ...], error: type[Exception]) -> None:
    connection = connect()
    with pytest.raises(error):
        getattr(connection, name)(*arguments)
    assert works(connection)


@pytest.mark.parametrize("keyword", ["buffer", "dictonary", "size"])
def test_unknown_keywords_of_cursor(connect: Connector, keyword: str) -> None:
    with pytest.raises(TypeError, match=keyword):
        connect().cursor(**{keyword: True})
