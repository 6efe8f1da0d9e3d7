"""connect(): against the real server, and against scripted ones that do what it never does."""

from __future__ import annotations

import socket
import time

import pytest

import mariadb_py
from mariadb_py.core import endpoint
from mariadb_py.exceptions import (
    Error,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
)
from tests.support.listener import PATIENCE, full_queue, listening, silent
from tests.support.running import ask, works
from tests.support.scripts import column, err, greeting, lenenc, packets, row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller
    from tests.support.server import Connector

SHORT = 0.2  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended


# connect()


def test_tcp(connect: Connector) -> None:
    server = connect.server
    connection = connect()
    assert (connection.host, connection.port) == ("127.0.0.1", server.port)
    assert (connection.server_name, connection.server_port, connection.unix_socket) == ("127.0.0.1", server.port, None)
    assert ask(connection, "SELECT CURRENT_USER()") == f"{server.user}@127.0.0.1"


def test_unix_socket(connect: Connector) -> None:
    path = connect.server.unix_socket
    connection = connect(unix_socket=path)
    assert (connection.host, connection.port) == (None, 0)
    assert (connection.server_name, connection.server_port, connection.unix_socket) == ("localhost", 0, path)
    assert ask(connection, "SELECT CURRENT_USER()") == f"{connect.server.user}@localhost"


def test_aliases(server: TempServer) -> None:
    arguments = {"host": server.host, "port": server.port, "db": "test"}
    with mariadb_py.connect(username=server.user, passwd=server.password.encode(), **arguments) as connection:
        assert (connection.database, connection.user) == ("test", server.user)


@pytest.mark.parametrize("host", [{}, {"host": "localhost"}, {"host": None, "port": None}, {"port": 0}])
def test_localhost_means_the_socket_that_exists(
    server: TempServer, monkeypatch: pytest.MonkeyPatch, host: dict[str, Any]
) -> None:
    monkeypatch.setattr(endpoint, "USUAL_SOCKETS", ("/nonexistent/a.sock", server.unix_socket))
    with mariadb_py.connect(user=server.user, password=server.password, **host) as connection:
        assert connection.unix_socket == server.unix_socket


def test_localhost_with_a_port_means_tcp(server: TempServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "USUAL_SOCKETS", (server.unix_socket,))
    login = {"user": server.user, "password": server.password}
    with mariadb_py.connect(host="localhost", port=server.port, **login) as connection:
        assert (connection.unix_socket, connection.port) == (None, server.port)


def test_localhost_without_a_socket_names_where_one_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = str(tmp_path / "a.sock"), str(tmp_path / "b.sock")
    monkeypatch.setattr(endpoint, "USUAL_SOCKETS", paths)
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        monkeypatch.setattr(endpoint, "DEFAULT_PORT", port)
        with pytest.raises(
            OperationalError, match=f"'localhost:{port}'.*no unix socket at {', '.join(paths)}"
        ) as caught:
            mariadb_py.connect()
    assert caught.value.errno == 2002


@pytest.mark.parametrize(
    ("keywords", "kind", "errno"),
    [
        ({"password": "wrong"}, OperationalError, 1045),
        ({"password": None}, OperationalError, 1045),
        ({"password": "\ud800"}, ProgrammingError, 2000),
        ({"password": "x" * 100_000}, OperationalError, 1045),
        ({"password": b"\0"}, OperationalError, 1045),
        ({"user": "nobody"}, OperationalError, 1045),
        ({"user": ""}, OperationalError, 1045),
        ({"user": "\ud800"}, ProgrammingError, 2000),
        ({"user": "x" * 1_000_000}, ProgrammingError, 2000),
        ({"database": "nosuch"}, ProgrammingError, 1049),
        ({"database": "x" * 1_000_000}, ProgrammingError, 2000),
        ({"database": "\ud800"}, ProgrammingError, 2000),
        ({"unix_socket": "/nonexistent/socket"}, OperationalError, 2002),
        ({"unix_socket": "x" * 1000}, OperationalError, 2002),
        ({"host": "x" * 300}, OperationalError, 2005),
        ({"host": "\ud800"}, ProgrammingError, 2000),
        ({"init_command": "SELECT nope"}, ProgrammingError, 1054),
        ({"init_command": "\ud800"}, ProgrammingError, 2000),
        ({"init_command": "SELECT 1; SELECT 2"}, ProgrammingError, 1064),
    ],
)
def test_refused(connect: Connector, keywords: dict[str, Any], kind: type[Error], errno: int) -> None:
    with pytest.raises(kind) as caught:
        connect(**keywords)
    assert caught.value.errno == errno
    assert connect.server.password not in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "kind"),
    [
        ({"port": "3306"}, TypeError),
        ({"pasword": "x"}, TypeError),
        ({"autocommit": "yes"}, TypeError),
        ({"pool_size": 3}, TypeError),
        ({"read_timeout": -1}, ProgrammingError),
        ({"user": "a\0b"}, ProgrammingError),
        ({"ssl": "yes"}, TypeError),
        ({"ssl": False, "ssl_ca": "/ca.pem"}, ProgrammingError),
        ({"ssl_ca": "/nowhere/ca.pem"}, mariadb_py.OperationalError),
    ],
)
def test_wrong_keywords_open_nothing(keywords: dict[str, Any], kind: type[Exception]) -> None:
    with listening(silent) as server:
        with pytest.raises(kind):
            mariadb_py.connect(**{**server.connect_args, **keywords})
        assert server.callers == 0


def drip(caller: Caller) -> None:
    """Greets one byte at a time: always in time for a timeout that begins anew with each byte."""
    packet = greeting()
    caller.raw(len(packet).to_bytes(3, "little") + b"\0")
    for position in range(len(packet)):
        time.sleep(SHORT / 4)
        caller.raw(packet[position : position + 1])


def never_ends_the_login(caller: Caller) -> None:
    caller.send(greeting(), sequence=0)
    caller.until_closed()


def never_answers_the_set_up(caller: Caller) -> None:
    caller.log_in(answer=False)
    caller.until_closed()


def endless_rows(caller: Caller) -> None:
    """There is always something to read."""
    caller.log_in(answer=False)
    caller.send(lenenc(1), column(b"a", 3, 63))
    sequence = 3
    while True:
        caller.send(*[row(b"1")] * 100, sequence=sequence % 256)
        sequence += 100


@pytest.mark.parametrize("conversation", [silent, drip, never_ends_the_login, never_answers_the_set_up, endless_rows])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_connect_timeout_covers_everything(tmp_path: Path, conversation: Callable[[Caller], None], kind: str) -> None:
    with listening(conversation, str(tmp_path / "s") if kind == "unix" else None) as server:
        arguments = {**server.connect_args, "connect_timeout": SHORT, "read_timeout": PATIENCE}
        before = time.monotonic()
        with pytest.raises(OperationalError, match=r"connect_timeout of 0\.2 s passed") as caught:
            mariadb_py.connect(**arguments)
        assert SHORT <= time.monotonic() - before < GENEROUS
        assert caught.value.errno == 2013


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_connect_timeout_of_a_server_that_accepts_nobody(tmp_path: Path, kind: str) -> None:
    with full_queue(str(tmp_path / "s") if kind == "unix" else None) as arguments:
        before = time.monotonic()
        with pytest.raises(OperationalError, match="connect_timeout passed") as caught:
            mariadb_py.connect(**arguments, connect_timeout=SHORT)
        assert SHORT <= time.monotonic() - before < GENEROUS
        assert caught.value.errno == 2002


def test_connect_timeout_covers_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5 * SHORT))
    before = time.monotonic()
    with pytest.raises(OperationalError, match="connect_timeout passed while the name was looked up") as caught:
        mariadb_py.connect(host="db.example", connect_timeout=SHORT)
    assert time.monotonic() - before < GENEROUS
    assert caught.value.errno == 2005


@pytest.mark.parametrize("timeout", [0, 0.0, None, 1e10, 1e308, 10**400])
@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "write_timeout"])
def test_no_timeout_and_very_long_ones(connect: Connector, name: str, timeout: float | None) -> None:
    assert works(connect(**{name: timeout}))


@pytest.mark.parametrize("packet", [err(1040, b"Too many connections", None), err(1040, b"Too many connections")])
def test_a_server_that_is_full(packet: bytes) -> None:
    with listening(lambda caller: caller.send(packet, sequence=0)) as server:
        with pytest.raises(OperationalError, match=r"^Too many connections$") as caught:
            mariadb_py.connect(**server.connect_args)
        assert caught.value.errno == 1040


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\0\0\0\0", bytes(1000), b"\xff" * 100, b"HTTP/1.1 400\r\n"]
)
def test_what_is_no_mariadb(data: bytes) -> None:
    with listening(lambda caller: caller.raw(data)) as server:
        with pytest.raises(OperationalError) as caught:
            mariadb_py.connect(**server.connect_args)
        assert not isinstance(caught.value, LostConnectionError)
        address = "{host}:{port}".format(**server.connect_args)
        assert str(caught.value).startswith(f"'{address}' does not answer like a MariaDB server (")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the server closed the connection"),
        (packets(0, greeting())[:3], "the server closed the connection, 3 bytes into a packet"),
        (packets(0, greeting())[:20], "the server closed the connection, 20 bytes into a packet"),
    ],
)
def test_a_server_that_hangs_up(data: bytes, reason: str) -> None:
    with listening(lambda caller: caller.raw(data)) as server:
        with pytest.raises(LostConnectionError) as caught:
            mariadb_py.connect(**server.connect_args)
        address = "{host}:{port}".format(**server.connect_args)
        assert str(caught.value) == f"Lost connection to server on '{address}' ({reason})"
        assert caught.value.errno == 2013


def test_a_unix_socket_is_for_localhost(server: TempServer) -> None:
    """Whoever names another host does not want what happens to listen here."""
    login = {"user": server.user, "password": server.password, "unix_socket": server.unix_socket}
    with mariadb_py.connect(host="localhost", **login) as connection:
        assert connection.unix_socket == server.unix_socket
    with mariadb_py.connect(
        host="127.0.0.1", port=server.port, **{**login, "unix_socket": "/nonexistent"}
    ) as connection:
        assert (connection.unix_socket, connection.port) == (None, server.port)
