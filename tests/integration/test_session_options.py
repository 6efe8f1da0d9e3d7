"""Options that change what a session is, what it reports, and what its values become; change_user()."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import pytest

import mariadb_py
from mariadb_py.constants import CLIENT, FIELD_TYPE
from mariadb_py.exceptions import DataError, Error, OperationalError, ProgrammingError
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector

PROTOCOLS: list[dict[str, Any]] = [
    {},
    {"binary": True},
    {"buffered": False},
    {"binary": True, "buffered": False},
    {"cursor_type": 1, "prefetch_size": 1},
]


def row(connection: Connection, sql: str, **keywords: Any) -> Any:
    with connection.cursor(**keywords) as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


# Values


@pytest.mark.parametrize("keywords", PROTOCOLS)
def test_converter(connect: Connector, keywords: dict[str, Any]) -> None:
    """It gets the value as it would be without it, NULL included, and the type that the description shows."""
    seen = []

    def note(value: Any) -> Any:
        seen.append(value)
        return ("converted", value)

    kinds = (FIELD_TYPE.LONG, FIELD_TYPE.NEWDECIMAL, FIELD_TYPE.JSON, FIELD_TYPE.NULL, FIELD_TYPE.DATE)
    connection = connect(converter=dict.fromkeys(kinds, note))
    create(connection, "TEMPORARY TABLE t (a INT, b DECIMAL(5,2), c JSON, d DATE, e VARCHAR(9), f INT)")
    ask(connection, "INSERT INTO t VALUES (1, 2.5, '[]', '2024-01-02', 'x', NULL)")
    expected = [1, Decimal("2.50"), "[]", date(2024, 1, 2), None]
    columns = "a, b, c, d, f"
    if "cursor_type" not in keywords:  # there the server makes a column of another type of it
        expected.append(None)
        columns += ", NULL"
    found = row(connection, f"SELECT {columns}, e FROM t", **keywords)
    assert found == (*[("converted", value) for value in expected], "x")
    assert seen == expected
    with connection.cursor(dictionary=True, **keywords) as cursor:
        cursor.execute("SELECT a, e FROM t")
        assert cursor.fetchall() == [{"a": ("converted", 1), "e": "x"}]


def test_an_error_in_a_converter(connect: Connector) -> None:
    connection = connect(converter={FIELD_TYPE.LONGLONG: lambda value: 1 // value})
    for keywords in PROTOCOLS:
        with connection.cursor(**keywords) as cursor, pytest.raises(ZeroDivisionError):
            cursor.execute("SELECT CAST(seq AS SIGNED) - 3 FROM seq_1_to_5")
            cursor.fetchall()
        assert row(connection, "SELECT 'still works'") == ("still works",)


NATIVE = "SELECT u, a, b, CAST(NULL AS UUID), CAST(u AS CHAR) FROM native"


@pytest.mark.mariadb("MySQL has no UUID, INET4 and INET6 columns")
@pytest.mark.parametrize("keywords", PROTOCOLS)
def test_native_object(connect: Connector, keywords: dict[str, Any]) -> None:
    text = ("123e4567-e89b-12d3-a456-426655440000", "192.0.2.1", "2001:db8::1")
    objects = (UUID(text[0]), IPv4Address(text[1]), IPv6Address(text[2]))
    for native, expected in ((False, text), (True, objects)):
        connection = connect(native_object=native)
        ask(connection, "CREATE TEMPORARY TABLE native (u UUID, a INET4, b INET6)")
        ask(connection, "INSERT INTO native VALUES (?, ?, ?)", expected)
        assert row(connection, NATIVE, **keywords) == (*expected, None, text[0])


DATES: list[tuple[str, str]] = [
    ("DATE", "0000-00-00"),
    ("DATE", "2024-02-00"),
    ("DATE", "2024-02-31"),
    ("DATETIME", "0000-00-00 00:00:00"),
    ("DATETIME", "0000-01-01 01:02:03"),
    ("DATETIME(3)", "2024-00-01 01:02:03.004"),
    ("DATETIME(6)", "0000-00-00 00:00:00.000001"),
    ("TIMESTAMP NULL", "0000-00-00 00:00:00"),
    ("TIMESTAMP(2) NULL", "0000-00-00 00:00:00.00"),
]


@pytest.mark.parametrize("keywords", PROTOCOLS)
@pytest.mark.parametrize(("kind", "text"), DATES)
def test_zero_date(connect: Connector, keywords: dict[str, Any], kind: str, text: str) -> None:
    real = {"DATE": date(2024, 2, 29)}.get(kind, datetime(2024, 2, 29, 1, 2, 3))
    for zero_date in (None, "str", "raise"):
        connection = connect(zero_date=zero_date)
        ask(connection, "SET sql_mode = 'ALLOW_INVALID_DATES'")
        ask(connection, f"CREATE TEMPORARY TABLE t (v {kind})")
        for value in (text, real, None):
            ask(connection, "INSERT INTO t VALUES (?)", (value,))
        with connection.cursor(**keywords) as cursor:
            if zero_date == "raise":
                with pytest.raises(DataError, match=rf"Python has no date {text}$"):
                    cursor.execute("SELECT v FROM t")
                    cursor.fetchall()
                continue
            cursor.execute("SELECT v FROM t")
            found = [value for (value,) in cursor.fetchall()]
            assert found == [text if zero_date else None, real, None]
            assert isinstance(found[0], str) is bool(zero_date)


@pytest.mark.parametrize("option", [{"dictionary": True}, {"named_tuple": True}])
def test_the_form_of_rows_as_an_option(connect: Connector, option: dict[str, Any]) -> None:
    connection = connect(**option)
    found = row(connection, "SELECT 1 a")
    assert found == ({"a": 1} if "dictionary" in option else (1,))
    assert "dictionary" in option or found.a == 1
    assert row(connection, "SELECT 1 a", dictionary=False, named_tuple=False) == (1,)


# Flags and set-up


def test_found_rows(connect: Connector) -> None:
    for flag, counts in ((0, [1, 0, 2]), (CLIENT.FOUND_ROWS, [2, 2, 2])):
        connection = connect(client_flag=flag)
        ask(connection, "CREATE TEMPORARY TABLE t SELECT seq v, 0 w FROM seq_1_to_2")
        with connection.cursor() as cursor:
            found = []
            for sql, data in [
                ("UPDATE t SET w = 1 WHERE v = 1 OR w = 0 AND v < 0 OR v = 2 AND w = 1 OR v = 2 AND 1 = ?", [0]),
                ("UPDATE t SET w = w", None),
                ("UPDATE t SET w = w + 1", None),
            ]:
                cursor.execute(sql, data)
                found.append(cursor.rowcount)
        assert found[1:] == counts[1:]


@pytest.mark.parametrize("keywords", [{}, {"autocommit": True}, {"init_command": "SET @a = 1"}])
def test_read_only(connect: Connector, keywords: dict[str, Any]) -> None:
    ask(connect(), "CREATE TABLE IF NOT EXISTS kept (v INT)")
    connection = connect(read_only=True, **keywords)
    for again in (lambda: None, connection.reset, connection.reconnect, connection.rollback):
        again()
        with pytest.raises(Error) as caught:
            ask(connection, "INSERT INTO kept VALUES (1)")
        assert caught.value.errno == 1792
        assert works(connection)


def test_init_command(connect: Connector) -> None:
    connection = connect(init_command="SET @a = 'it''s', time_zone = '+05:00'")
    for again in (lambda: None, connection.reset, connection.reconnect):
        again()
        assert ask(connection, "SELECT @a") == "it's"
        assert ask(connection, "SELECT @@time_zone") == "+05:00"
    assert connection.autocommit is False


@pytest.mark.parametrize("command", ["SELECT 1", "SELECT seq FROM seq_1_to_100000", "CREATE TEMPORARY TABLE i (v INT)"])
def test_an_init_command_of_any_kind(connect: Connector, command: str) -> None:
    assert works(connect(init_command=command))


def test_an_init_command_that_fails(connect: Connector) -> None:
    with pytest.raises(ProgrammingError) as caught:
        connect(init_command="SELEC 1")
    assert caught.value.errno == 1064


def test_connection_attributes(connect_own: Connector) -> None:
    mine = {"program_name": "tests", "_client_name": "mine", "long": "x" * 300, "\u6e2c": "\u8a66", "empty": ""}
    connection = connect_own(connect_attrs=mine)
    sql = "SELECT attr_name, attr_value FROM performance_schema.session_account_connect_attrs WHERE processlist_id = ?"
    for again in (lambda: None, connection.reconnect):
        again()
        with connection.cursor() as cursor:
            cursor.execute(sql, (connection.connection_id,))
            found = dict(cursor.fetchall())
        assert {name: found[name] or "" for name in mine} == mine
        assert found["_client_version"] == mariadb_py.__version__
        assert found["_pid"] == str(os.getpid())
        assert found["_server_host"] == "127.0.0.1"


# change_user


@pytest.fixture
def accounts(connect: Connector) -> Iterator[Connector]:
    admin = connect()
    for name, password in (("plain", "'pass\u6e2c'"), ("none", "''")):
        create(admin, f"USER {name}@'%' IDENTIFIED BY {password}")
        ask(admin, f"GRANT SELECT, CREATE TEMPORARY TABLES ON test.* TO {name}@'%'")
    yield connect
    for name in ("plain", "none"):
        ask(admin, f"DROP USER {name}@'%'")


@pytest.mark.parametrize("compress", [True, False])
def test_change_user(accounts: Connector, compress: bool) -> None:
    connection, server = accounts(compress=compress, init_command="SET @i = 1"), accounts.server
    connection_id = connection.connection_id
    ask(connection, "SET @mine = 1")
    ask(connection, "CREATE TEMPORARY TABLE brief (v INT)")
    for user, password, database in [
        ("plain", "pass\u6e2c", "test"),
        ("none", None, "test"),
        ("none", "", None),
        ("plain", "pass\u6e2c".encode(), None),
        (server.user, server.password, "test"),
    ]:
        connection.change_user(user, password, database)
        assert ask(connection, "SELECT CURRENT_USER()").split("@")[0] == user
        assert ask(connection, "SELECT DATABASE()") == connection.database == database
        assert (connection.connection_id, connection.autocommit) == (connection_id, False)
        assert row(connection, "SELECT @i, @mine") == (1, None)
        assert ask(connection, "SELECT ?", ("\u6e2c",)) == "\u6e2c"
    with pytest.raises(ProgrammingError):
        ask(connection, "SELECT * FROM brief")


@pytest.mark.parametrize(
    ("user", "password", "database", "errno"),
    [("plain", "wrong", "test", 1045), ("nobody", "x", None, 1045), ("plain", "pass\u6e2c", "mysql", 1044)],
)
def test_a_user_that_is_refused(
    accounts: Connector, user: str, password: str, database: str | None, errno: int
) -> None:
    connection = accounts()
    with pytest.raises(OperationalError) as caught:
        connection.change_user(user, password, database)
    assert caught.value.errno == errno
    # The server hangs up, or is the old user's still; never is it half of both.
    try:
        assert ask(connection, "SELECT CURRENT_USER()").split("@")[0] == accounts.server.user
    except mariadb_py.InterfaceError:
        assert connection.open is False


# What the server reports


@pytest.mark.parametrize("compress", [True, False])
def test_status_callback(connect: Connector, compress: bool) -> None:
    events: list[tuple[Connection, dict[str, object]]] = []
    connection = connect(status_callback=lambda *event: events.append(event), compress=compress)

    def reported(sql: str) -> list[dict[str, object]]:
        events.clear()
        ask(connection, sql)
        assert all(reporter is connection for reporter, _ in events)
        return [event for _, event in events if "server_status" not in event]

    assert {"schema": "test"} in reported("SELECT 1")  # what the login reported
    assert reported("SELECT 1") == []
    assert reported("USE mysql") == [{"schema": "mysql"}]
    assert connection.database == "mysql"
    assert reported("SET autocommit = 1") == [{"autocommit": "ON"}]
    assert {"character_set_client": "utf8mb3"} in reported("SET NAMES utf8mb3")
    ask(connection, "SET session_track_state_change = 1")
    assert {"state_change": "1"} in reported("SET @a = 1")
    ask(connection, "SET session_track_system_variables = '*'")
    assert {"sql_select_limit": "5"} in reported("SET sql_select_limit = 5")


def test_a_status_callback_that_uses_the_connection(connect: Connector) -> None:
    seen = []

    def callback(connection: Connection, event: dict[str, object]) -> None:
        if event.get("schema") == "mysql":
            seen.append(ask(connection, "SELECT DATABASE()"))

    connection = connect(status_callback=callback)
    ask(connection, "USE mysql")
    assert seen == ["mysql"]
    assert works(connection)


def test_a_status_callback_that_raises(connect: Connector) -> None:
    def callback(connection: Connection, event: dict[str, object]) -> None:
        if event.get("schema") == "mysql":
            raise TimeoutError

    connection = connect(status_callback=callback)
    with pytest.raises(TimeoutError):
        ask(connection, "USE mysql")
    assert works(connection)


@pytest.mark.parametrize("kind", [{"binary": True}, {"prepared": True}, {"cursor_type": 1}, {}])
def test_the_session_is_tracked_whatever_the_protocol(connect: Connector, kind: dict[str, Any]) -> None:
    connection = connect()
    with connection.cursor(**kind) as cursor:
        cursor.execute("SET autocommit = 1")
    assert connection.autocommit is True
    with connection.cursor(**kind) as cursor:
        cursor.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    assert ask(connection, "SELECT ?", ("\\",)) == "\\"
    assert row(connection, "SELECT TIMEDIFF('01:00:00', '02:00:00')", **kind) == (timedelta(hours=-1),)
