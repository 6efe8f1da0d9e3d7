"""A server's redirect_url is followed once, at the login, where the user permits it or the server is verified."""

from __future__ import annotations

import contextlib
import re
import ssl
import time
import warnings
from typing import TYPE_CHECKING, NamedTuple

import pytest

import mariadb_py
from mariadb_py.exceptions import QueryTimeout, SecurityWarning
from mariadb_py.testing import temp_server
from tests.support.listener import GREETING, PATIENCE, listening, silent
from tests.support.proxy import SERVER, MiddleMan, Rule, proxied
from tests.support.running import ask, works
from tests.support.scripts import err, ok, text, tracked
from tests.support.tls import local, proves, server_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller
    from tests.support.proxy import Flow

pytestmark = pytest.mark.mariadb("MySQL does not redirect")

SINCE = (11, 3)
SHORT = 0.5  # seconds
ACCOUNT: dict[str, Any] = {"user": "redirected", "password": "to another server"}


class Pair(NamedTuple):
    """Two servers with the same account."""

    first: TempServer
    second: TempServer

    @property
    def connect_args(self) -> dict[str, Any]:
        return {**self.first.connect_args, **ACCOUNT}


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(temp_server(**ACCOUNT))
        if first.version < SINCE:
            pytest.skip("redirect_url came with MariaDB 11.3")
        yield Pair(first, stack.enter_context(temp_server(**ACCOUNT)))


@pytest.fixture
def pair(servers: Pair) -> Iterator[Pair]:
    """The first server asks to be left for the second one."""
    set_url(servers.first, f"mariadb://127.0.0.1:{servers.second.port}")
    yield servers
    for server in servers:
        set_url(server, "")


def set_url(server: TempServer, url: str) -> None:
    with mariadb_py.connect(**server.connect_args, permit_redirect=False) as admin:
        ask(admin, "SET GLOBAL redirect_url = ?", (url,))


def accepted(server: TempServer) -> int:
    """Connections that the server has accepted, with the one that asks."""
    with mariadb_py.connect(**server.connect_args, permit_redirect=False) as admin, admin.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Connections'")
        ((_, number),) = cursor.fetchall()
        return int(number)


def wait_until_left(server: TempServer) -> None:
    """Until nobody is connected but the one who asks."""
    deadline = time.monotonic() + PATIENCE
    with mariadb_py.connect(**server.connect_args, permit_redirect=False) as admin:
        while ask(admin, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = ?", (server.user,)) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def assert_at(connection: mariadb_py.Connection, server: TempServer) -> None:
    """It is connected to this server, and knows it."""
    assert ask(connection, "SELECT @@port") == server.port
    if connection.unix_socket is None:
        assert connection.port == server.port
    assert ask(connection, "SELECT CONNECTION_ID()") == connection.connection_id
    assert works(connection)


# Who is verified, and what the user says -> it is followed. Before 11.4 there is no proof.
PERMISSIONS: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    ({"permit_redirect": True}, True),
    ({"permit_redirect": False}, False),
    ({"ssl_verify_cert": True}, True),
    ({"ssl": True}, True),
    ({"ssl": True, "permit_redirect": True}, True),
    ({"ssl": True, "permit_redirect": False}, False),
    ({"ssl": True, "ssl_verify_cert": False}, False),
    ({"ssl": True, "ssl_verify_cert": False, "permit_redirect": True}, True),
]


@pytest.mark.parametrize(("keywords", "followed"), PERMISSIONS)
def test_permission(pair: Pair, keywords: dict[str, Any], followed: bool) -> None:
    if "ssl" in str(keywords) and not proves(pair.first):
        pytest.skip("zero-configuration TLS came with MariaDB 11.4")
    with mariadb_py.connect(**pair.connect_args, **keywords) as connection:
        assert_at(connection, pair.second if followed else pair.first)
        assert (connection.tls_version is None) == ("ssl" not in str(keywords))
        if followed:
            wait_until_left(pair.first)


@pytest.mark.parametrize(("permitted", "followed"), [(None, False), (False, False), (True, True)])
def test_from_a_unix_socket(pair: Pair, permitted: bool | None, followed: bool) -> None:
    """Its server is not verified by TLS."""
    with mariadb_py.connect(**local(pair.first), permit_redirect=permitted) as connection:
        assert_at(connection, pair.second if followed else pair.first)
        assert (connection.unix_socket is None) == followed


def test_two_servers_that_name_each_other(pair: Pair) -> None:
    set_url(pair.second, f"mariadb://127.0.0.1:{pair.first.port}")
    before = [accepted(server) for server in pair]
    with mariadb_py.connect(**pair.connect_args, permit_redirect=True) as connection:
        assert_at(connection, pair.second)
        assert connection.server_port == pair.second.port
    # One each, and the one that asks.
    assert [accepted(server) for server in pair] == [number + 2 for number in before]


def test_a_server_that_names_itself(pair: Pair) -> None:
    set_url(pair.first, f"mysql://127.0.0.1:{pair.first.port}")
    before = accepted(pair.first)
    with mariadb_py.connect(**pair.connect_args, permit_redirect=True) as connection:
        assert_at(connection, pair.first)
    assert accepted(pair.first) == before + 2


def test_not_behind_the_login(pair: Pair) -> None:
    with mariadb_py.connect(**pair.connect_args, permit_redirect=False) as connection:
        number = connection.connection_id
        ask(connection, f"SET redirect_url = 'mariadb://127.0.0.1:{pair.second.port}'")
        assert_at(connection, pair.first)
    set_url(pair.first, "")
    with mariadb_py.connect(**pair.connect_args, permit_redirect=True) as connection:
        number = connection.connection_id
        ask(connection, f"SET redirect_url = 'mariadb://127.0.0.1:{pair.second.port}'")
        assert_at(connection, pair.first)
        assert connection.connection_id == number


# A target that cannot be had


def denies(caller: Caller) -> None:
    caller.send(err(1040, b"Too many connections", None), sequence=0)


def denies_the_login(caller: Caller) -> None:
    caller.send(GREETING, sequence=0)
    caller.packet()
    caller.send(err(1045, b"Access denied"), sequence=2)


def hangs_up(caller: Caller) -> None:
    pass


@pytest.mark.parametrize("target", [silent, denies, denies_the_login, hangs_up])
def test_the_old_connection_is_kept(pair: Pair, target: Callable[[Caller], None]) -> None:
    with listening(target) as server:
        set_url(pair.first, f"mariadb://127.0.0.1:{server.connect_args['port']}")
        timeout = SHORT if target is silent else PATIENCE
        with mariadb_py.connect(**pair.connect_args, permit_redirect=True, connect_timeout=timeout) as connection:
            assert_at(connection, pair.first)
            assert server.callers == 1


def test_the_old_connection_is_kept_if_nobody_listens(pair: Pair) -> None:
    with listening(hangs_up) as server:
        port = server.connect_args["port"]
    set_url(pair.first, f"mariadb://127.0.0.1:{port}")
    with mariadb_py.connect(**pair.connect_args, permit_redirect=True) as connection:
        assert_at(connection, pair.first)


@pytest.mark.parametrize("keywords", [{"ssl_verify_cert": True}, {"ssl": True}])
def test_a_man_in_the_middle_at_the_target(pair: Pair, keywords: dict[str, Any]) -> None:
    """The demands are the same there."""
    pytest.importorskip("cryptography")
    if not proves(pair.first):
        pytest.skip("zero-configuration TLS came with MariaDB 11.4")
    with server_certificates() as certificates:
        middle = MiddleMan(certificates.context("self-signed"), ssl._create_unverified_context())
        with proxied(pair.second, middle=middle) as proxy:
            set_url(pair.first, f"mariadb://127.0.0.1:{proxy.connect_args['port']}")
            with mariadb_py.connect(**pair.connect_args, **keywords) as connection:
                assert_at(connection, pair.first)
            proxy.stop()
            assert len(proxy.encrypted) == 1  # the login


def without_proof(flow: Flow, packet: bytes) -> None:
    edited = re.sub(rb"\x41\x01[0-9A-F]{64}", b"\0", packet)
    flow.put((len(edited) - flow.header).to_bytes(3, "little") + edited[3:])


def test_a_target_that_proves_nothing(pair: Pair) -> None:
    """It was only followed as the first server was verified; then the second one must be, too."""
    pytest.importorskip("cryptography")
    with server_certificates() as certificates:
        middle = MiddleMan(certificates.context("self-signed"), ssl._create_unverified_context())
        with proxied(pair.second, Rule(SERVER, 1, without_proof), middle=middle) as proxy:
            set_url(pair.first, f"mariadb://127.0.0.1:{proxy.connect_args['port']}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)
                connection = mariadb_py.connect(**pair.connect_args, ssl=True)
            with connection:
                assert connection.port == pair.first.port


# URLs that no real server has


def redirects_to(url: str) -> Callable[[Caller], None]:
    def conversation(caller: Caller) -> None:
        caller.send(GREETING, sequence=0)
        caller.packet()
        entry = (0, text(b"redirect_url") + text(url.encode()))
        caller.send(ok(status=0x4002, tail=tracked(entry)), sequence=2)
        caller.packet()
        caller.send(ok(status=0))
        caller.until_closed()

    return conversation


def url_of(url: str, pair: Pair) -> str:
    return url.replace("PORT", str(pair.second.port))


@pytest.mark.parametrize(
    "url",
    [
        "mariadb://127.0.0.1:PORT",
        "mysql://127.0.0.1:PORT",
        "mariadb://127.0.0.1:PORT/",
        "mariadb://127.0.0.1:PORT/mysql",
        "mariadb://somebody:else@127.0.0.1:PORT",
        "mysql://somebody:else@127.0.0.1:PORT/mysql?user=third&password=x&ssl=0",
    ],
)
def test_only_host_and_port_of_a_url_count(pair: Pair, url: str) -> None:
    with listening(redirects_to(url_of(url, pair))) as server:
        connection = mariadb_py.connect(**{**server.connect_args, **ACCOUNT}, permit_redirect=True)
    with connection:
        assert_at(connection, pair.second)
        assert ask(connection, "SELECT USER()") == f"{ACCOUNT['user']}@127.0.0.1"
        assert ask(connection, "SELECT DATABASE()") is None


@pytest.mark.parametrize(
    "url",
    [
        *("nonsense", "127.0.0.1:PORT", "//127.0.0.1:PORT", "mariadb:127.0.0.1:PORT", "mariadb:///127.0.0.1:PORT"),
        *("http://127.0.0.1:PORT", " mariadb://127.0.0.1:PORT", "mariadb://127.0.0.1:PORTx"),
        *(
            "mariadb://",
            "mariadb://:PORT",
            "mariadb://127.0.0.1:-1",
            "mariadb://127.0.0.1:99999",
            "mariadb://[127.0.0.1:PORT",
        ),
        *("mariadb://127.0.0.1:PORT,127.0.0.1:PORT", "mariadb://127.0.0.1:\u0661", "mariadb://127.0.0.1:PORT:1"),
    ],
)
def test_a_malformed_url_is_ignored(pair: Pair, url: str) -> None:
    before = accepted(pair.second)
    with listening(redirects_to(url_of(url, pair))) as server:
        arguments = {**server.connect_args, **ACCOUNT, "permit_redirect": True}
        with mariadb_py.connect(**arguments) as connection:
            assert connection.port == arguments["port"]
        assert server.callers == 1
    assert accepted(pair.second) == before + 1


# What comes later


def test_a_pool_is_redirected(pair: Pair) -> None:
    with mariadb_py.ConnectionPool(
        **pair.connect_args, permit_redirect=True, pool_name="redirected", pool_size=2
    ) as pool:
        for _ in range(2):
            with pool.get_connection() as connection:
                assert_at(connection, pair.second)


def test_a_statement_is_cancelled_where_it_runs(pair: Pair) -> None:
    with mariadb_py.connect(**pair.connect_args, permit_redirect=True) as connection:
        number = connection.connection_id
        with connection.cursor() as cursor, pytest.raises(QueryTimeout):
            cursor.execute("DO SLEEP(10)", timeout=0.3)
        assert connection.connection_id == number
        assert_at(connection, pair.second)


def test_reconnect_begins_at_the_first_server(pair: Pair) -> None:
    with mariadb_py.connect(**pair.connect_args, permit_redirect=True) as connection:
        assert_at(connection, pair.second)
        connection.reconnect()
        assert_at(connection, pair.second)
        set_url(pair.first, "")
        connection.reconnect()
        assert_at(connection, pair.first)


def test_the_session_is_set_up_at_the_target(pair: Pair) -> None:
    options: dict[str, Any] = {"autocommit": True, "init_command": "SET @x = 'set'", "permit_redirect": True}
    with mariadb_py.connect(**pair.connect_args, **options) as connection:
        assert_at(connection, pair.second)
        assert ask(connection, "SELECT @x") == "set"
        assert ask(connection, "SELECT @@autocommit") == 1
        assert connection.autocommit is True


def test_change_user_is_not_redirected(pair: Pair) -> None:
    with mariadb_py.connect(**pair.connect_args, permit_redirect=False) as connection:
        connection.change_user(ACCOUNT["user"], ACCOUNT["password"], "test")
        assert_at(connection, pair.first)
