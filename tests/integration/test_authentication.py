"""Logins by every authentication plugin that the server has, over every channel, with `cryptography` and without.

Passwords that have to travel themselves are in test_authentication_passwords.py.
"""

from __future__ import annotations

import itertools
import os
from hashlib import sha1

import pytest

import mariadb_py
from mariadb_protocol.auth import PLUGINS
from mariadb_py.exceptions import OperationalError, ProgrammingError
from tests.support.accounts import (
    CHANNELS,
    CLIENT_NAMES,
    account_server,
    denied,
    secured,
    use_cryptography,
    whoami,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.accounts import Accounts

MARIADB = ("mysql_native_password", "ed25519", "parsec")
MYSQL = ("caching_sha2_password", "sha256_password")
SECRET = "sécret"
# What the server says of a wrong password: parsec's first answer is an empty one.
USING = {"parsec": "NO"}


@pytest.fixture(scope="module")
def accounts() -> Iterator[Accounts]:
    with account_server() as accounts:
        yield accounts


@pytest.fixture(params=[True, False], ids=["cryptography", "pure"])
def cryptography(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    use_cryptography(monkeypatch, request.param)
    return bool(request.param)


def client_name(plugin: str) -> str:
    return CLIENT_NAMES.get(plugin, plugin)


def channels(plugin: str) -> list[str]:
    """Where this plugin can log in: MySQL takes no RSA over TLS, so its plugins need TLS that is verified."""
    return [channel for channel in CHANNELS if plugin in MARIADB or channel != "unverified TLS"]


def check_denied(accounts: Accounts, user: str, password: str | bytes | None, message: str, channel: str) -> None:
    """It is refused, in the server's own words."""
    with pytest.raises(OperationalError) as caught:
        accounts.connect(user, password, channel, **accounts.trust)
    assert (caught.value.errno, caught.value.sqlstate, str(caught.value)) == (1045, "28000", message)


def test_cryptography_is_present_and_absent(cryptography: bool) -> None:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519, rsa  # noqa: F401
    except ImportError:
        assert not cryptography
    else:
        assert cryptography


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_login(accounts: Accounts, cryptography: bool, plugin: str) -> None:
    """A new account each time, of which the server has nothing in a cache."""
    accounts.need(plugin)
    for channel in channels(plugin):
        user = accounts.create((plugin, SECRET))
        with accounts.connect(user, SECRET, channel, **accounts.trust) as connection:
            assert whoami(connection) == user
            assert connection.security == secured(connection, channel, plugin)


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_a_wrong_password(accounts: Accounts, cryptography: bool, plugin: str) -> None:
    accounts.need(plugin)
    user = accounts.create((plugin, SECRET))
    for channel in channels(plugin):
        for wrong in ("secret", SECRET + "x", SECRET[:-1], SECRET.upper()):
            check_denied(accounts, user, wrong, denied(user, channel, USING.get(plugin, "YES")), channel)
    with accounts.connect(user, SECRET, **accounts.trust) as connection:
        assert whoami(connection) == user


# Kinds of passwords

PASSWORDS = {
    "1 byte": "x",
    "ASCII": "".join(map(chr, range(32, 127))),
    "2, 3 and 4 bytes": "\u00e9\u20ac\U0001f600",
    "spaces": "  in front and behind  ",
    "255 bytes": "y" * 255,
}


@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS)
@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_passwords(accounts: Accounts, cryptography: bool, plugin: str, password: str) -> None:
    """As str and as bytes; the longest one is more than RSA takes."""
    accounts.need(plugin)
    channels = ("verified TLS", "TCP") if plugin in MARIADB or len(password) < 200 else ("verified TLS",)
    for channel, form in itertools.product(channels, (password, password.encode())):
        user = accounts.create((plugin, password))
        check_denied(accounts, user, password[:-1] + "z", denied(user, channel, USING.get(plugin, "YES")), channel)
        with accounts.connect(user, form, channel, **accounts.trust) as connection:
            assert whoami(connection) == user


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_a_password_with_a_nul(accounts: Accounts, cryptography: bool, plugin: str) -> None:
    """It is sent whole. MySQL cuts it off where it comes by RSA."""
    accounts.need(plugin)
    rsa = {"caching_sha2_password": ("TCP",), "sha256_password": ("TCP", "socket")}.get(plugin, ())
    for channel in channels(plugin):
        user = accounts.create((plugin, "be\0hind"))
        message = denied(user, channel, USING.get(plugin, "YES"))
        for wrong in ("be", "be\0", "be\0hinD"):
            check_denied(accounts, user, wrong, message, channel)
        if channel in rsa:
            check_denied(accounts, user, "be\0hind", message, channel)
            continue
        with accounts.connect(user, "be\0hind", channel, **accounts.trust) as connection:
            assert whoami(connection) == user


def test_bytes_that_are_no_text(accounts: Accounts) -> None:
    accounts.need("mysql_native_password")
    password = bytes(range(256))
    digest = sha1(sha1(password).digest()).hexdigest().upper()
    accounts.execute("DROP USER IF EXISTS raw")
    accounts.execute(f"CREATE USER raw IDENTIFIED BY PASSWORD '*{digest}'")
    with accounts.connect("raw", password) as connection:
        assert whoami(connection) == "raw"
    check_denied(accounts, "raw", password[:-1], denied("raw"), "TCP")


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_no_password(accounts: Accounts, plugin: str) -> None:
    """The ed25519 of 10.11 lets nobody in without one, whoever the client is."""
    accounts.need(plugin)
    user = accounts.create((plugin, ""))
    for channel in channels(plugin):
        for password in (None, "", b""):
            if plugin == "ed25519" and accounts.server.version < (11,):
                check_denied(accounts, user, password, denied(user, channel), channel)
                continue
            with accounts.connect(user, password, channel) as connection:
                assert whoami(connection) == user
        check_denied(accounts, user, SECRET, denied(user, channel, USING.get(plugin, "YES")), channel)


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_no_password_where_one_is_needed(accounts: Accounts, plugin: str) -> None:
    accounts.need(plugin)
    user = accounts.create((plugin, SECRET))
    using = "YES" if plugin == "ed25519" else "NO"  # its answer is never empty
    for channel in channels(plugin):
        check_denied(accounts, user, None, denied(user, channel, using), channel)


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_a_password_that_is_called(accounts: Accounts, plugin: str) -> None:
    """For each login anew."""
    accounts.need(plugin)
    user = accounts.create((plugin, SECRET))
    asked: list[str | bytes] = []

    def password() -> str | bytes:
        asked.append(SECRET if asked else SECRET.encode())
        return asked[-1]

    with accounts.connect(user, password, "verified TLS") as connection:
        assert asked == [SECRET.encode()]
        connection.reconnect()
        assert asked == [SECRET.encode(), SECRET]
        assert whoami(connection) == user


# Several plugins


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(MARIADB, 2)))
def test_two_plugins(accounts: Accounts, cryptography: bool, first: str, second: str) -> None:
    """Either password will do. Over TLS MariaDB 11.8 itself ends the connection behind a parsec that comes first."""
    accounts.need(first, second)
    user = accounts.create((first, "one"), (second, "two"))
    for channel in [name for name in CHANNELS if first != "parsec" or "TLS" not in name]:
        for plugin, password in ((first, "one"), (second, "two")):
            with accounts.connect(user, password, channel) as connection:
                assert whoami(connection) == user
                assert connection.security == secured(connection, channel, plugin)
        check_denied(accounts, user, "three", denied(user, channel), channel)


def test_three_plugins(accounts: Accounts) -> None:
    accounts.need("mysql_native_password", "ed25519", "unix_socket")
    user = accounts.create(("ed25519", "one"), ("unix_socket", None), ("mysql_native_password", "three"))
    for password, plugin in (("one", "ed25519"), ("three", "mysql_native_password")):
        with accounts.connect(user, password, "socket") as connection:
            assert whoami(connection) == user
            assert connection.security == secured(connection, "socket", plugin)


def test_two_plugins_of_which_one_may_be_used(accounts: Accounts) -> None:
    accounts.need("mysql_native_password", "ed25519")
    note = " ({} was not used: it is not among the auth_plugins)"
    for names in itertools.permutations(("mysql_native_password", "ed25519")):
        user = accounts.create((names[0], "one"), (names[1], "two"))
        for plugin, other, password in ((names[0], names[1], "one"), (names[1], names[0], "two")):
            allowed = client_name(plugin)
            with accounts.connect(user, password, auth_plugins=allowed) as connection:
                assert connection.security == secured(connection, "TCP", plugin)
            with pytest.raises(OperationalError) as caught:
                accounts.connect(user, "three", auth_plugins=allowed)
            assert str(caught.value).endswith(note.format(client_name(other)))


# Plugins that are not used


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_auth_plugins(accounts: Accounts, plugin: str) -> None:
    """Only the one that is needed will do, and it alone is enough."""
    accounts.need(plugin)
    user = accounts.create((plugin, SECRET))
    name = client_name(plugin)
    with accounts.connect(user, SECRET, "verified TLS", auth_plugins=[name]) as connection:
        assert connection.security == secured(connection, "verified TLS", plugin)
    for others in ([other for other in PLUGINS if other != name], ["auth_gssapi_client"]):
        with pytest.raises(OperationalError) as caught:
            accounts.connect(user, SECRET, "verified TLS", auth_plugins=others)
        assert caught.value.errno == 1045
        assert str(caught.value).endswith(f" ({name} was not used: it is not among the auth_plugins)")


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_a_plugin_that_the_client_lacks(accounts: Accounts, plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.need(plugin)
    user = accounts.create((plugin, SECRET))
    left = {name: found for name, found in PLUGINS.items() if name != client_name(plugin)}
    monkeypatch.setattr("mariadb_protocol.auth.PLUGINS", left)
    with pytest.raises(OperationalError) as caught:
        accounts.connect(user, SECRET, "verified TLS")
    assert caught.value.errno == 1045
    assert str(caught.value).endswith(f" ({client_name(plugin)} was not used: this client does not have it)")


def test_no_password_does_not_get_around_auth_plugins(accounts: Accounts) -> None:
    """The server lets in whoever it is; that it was asked for what may not be used is an error all the same."""
    accounts.need("mysql_native_password")
    user = accounts.create(("mysql_native_password", ""))
    reason = "mysql_native_password was not used: it is not among the auth_plugins"
    with pytest.raises(OperationalError, match=rf"^the server accepts the login, though {reason}$") as caught:
        accounts.connect(user, None, auth_plugins="client_ed25519")
    assert caught.value.errno == 2061


def test_old_password(accounts: Accounts) -> None:
    accounts.need("mysql_old_password")
    accounts.execute("SET GLOBAL secure_auth = OFF")
    user = accounts.create(("mysql_old_password", None))
    accounts.execute(f"SET STATEMENT old_passwords = ON FOR SET PASSWORD FOR {user} = OLD_PASSWORD('{SECRET}')")
    with pytest.raises(OperationalError) as caught:
        accounts.connect(user, SECRET)
    note = " (mysql_old_password was not used: it is not among the auth_plugins)"
    assert str(caught.value) == denied(user, using="NO") + note
    with accounts.connect(user, SECRET, auth_plugins="mysql_old_password") as connection:
        assert whoami(connection) == user
        assert connection.security == secured(connection, "TCP", "mysql_old_password")


def test_unix_socket(accounts: Accounts) -> None:
    """The server asks the system who is there, and the client for nothing."""
    import pwd

    name = pwd.getpwuid(os.geteuid()).pw_name
    plugin = "auth_socket" if accounts.server.mysql else "unix_socket"
    accounts.need(plugin)
    accounts.create((plugin, None), name=name)
    for channel, transport in (("socket", "unix socket, not encrypted"), ("socket, TLS", "unix socket, encrypted by ")):
        with accounts.connect(name, None, channel) as connection:
            assert whoami(connection) == name
            assert connection.security.startswith(transport)
            assert connection.security.endswith("; authentication by the server alone")
        with accounts.connect(accounts.server.user, accounts.server.password, channel) as connection:
            connection.change_user(name, None, None)
            assert whoami(connection) == name
    for channel in ("TCP", "verified TLS"):
        with pytest.raises(OperationalError, match=rf"^Access denied for user '{name}'@'127\.0\.0\.1'") as caught:
            accounts.connect(name, None, channel)
        assert caught.value.errno in (1045, 1698)


# Another user on the same connection


def mixed(accounts: Accounts) -> list[tuple[str, str, str]]:
    """(user, password, plugin) for each plugin of the server, and each pair that works over TLS too."""
    singles = [plugin for plugin in (*MARIADB, *MYSQL) if plugin in accounts.plugins]
    found = [(accounts.create((plugin, SECRET)), SECRET, plugin) for plugin in singles]
    for first, second in itertools.permutations([plugin for plugin in singles if plugin in MARIADB], 2):
        if first != "parsec":
            user = accounts.create((first, "one"), (second, "two"))
            found += [(user, "one", first), (user, "two", second)]
    return found


def skip_unusable(accounts: Accounts, channel: str) -> None:
    if accounts.server.mysql and channel == "unverified TLS":
        pytest.skip("no password travels over unverified TLS, and MySQL has no plugin that does without")


@pytest.mark.parametrize("channel", CHANNELS)
def test_change_user(accounts: Accounts, cryptography: bool, channel: str) -> None:
    skip_unusable(accounts, channel)
    everybody = mixed(accounts)
    with accounts.connect(*everybody[0][:2], channel, **accounts.trust) as connection:
        for user, password, plugin in (*everybody, *reversed(everybody)):
            connection.change_user(user, password, None)
            assert (whoami(connection), connection.user) == (user, user)
            assert connection.security == secured(connection, channel, plugin)


@pytest.mark.parametrize("channel", CHANNELS)
def test_change_user_without_a_password(accounts: Accounts, channel: str) -> None:
    skip_unusable(accounts, channel)
    user, password, plugin = mixed(accounts)[0]
    nobody = accounts.create((plugin, ""))
    with accounts.connect(nobody, None, channel, **accounts.trust) as connection:
        for _ in range(2):
            connection.change_user(user, password, None)
            assert whoami(connection) == user
            connection.change_user(nobody, None, None)
            assert whoami(connection) == nobody


@pytest.mark.parametrize("plugin", (*MARIADB, *MYSQL))
def test_change_user_with_a_wrong_password(accounts: Accounts, plugin: str) -> None:
    """MariaDB waits for a second before it says no."""
    accounts.need(plugin)
    user = accounts.create((plugin, SECRET))
    for channel in ("socket", "verified TLS"):
        connection = accounts.connect(user, SECRET, channel)
        with pytest.raises(OperationalError) as caught:
            connection.change_user(user, "wrong", None)
        message = denied(user, channel, USING.get(plugin, "YES"))
        assert (caught.value.errno, str(caught.value)) == (1045, message)
        assert not connection.open
        connection.close()


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_pool_forgets_who_it_was(accounts: Accounts, channel: str) -> None:
    skip_unusable(accounts, channel)
    everybody = mixed(accounts)
    user, password, plugin = everybody[0]
    keywords = {**accounts.channel(channel), **accounts.trust, "user": user, "password": password}
    pool = mariadb_py.ConnectionPool(pool_name=f"authentication {channel}", pool_size=1, **keywords)
    try:
        for other, secret, _ in everybody:
            with pool.get_connection() as connection:
                assert whoami(connection) == user
                assert connection.security == secured(connection, channel, plugin)
                connection.change_user(other, secret, None)
                assert whoami(connection) == other
    finally:
        pool.close()


def test_change_user_to_an_answer_of_more_than_255_bytes(accounts: Accounts) -> None:
    """It does not fit into COM_CHANGE_USER, so the server has to ask for it."""
    accounts.need("sha256_password")
    user = accounts.create(("sha256_password", "y" * 255))
    with accounts.connect(accounts.server.user, accounts.server.password, "verified TLS") as connection:
        connection.change_user(user, "y" * 255, None)
        assert whoami(connection) == user


def test_a_password_that_is_too_long_for_rsa(accounts: Accounts, cryptography: bool) -> None:
    accounts.need("sha256_password")
    user = accounts.create(("sha256_password", "y" * 214))
    with pytest.raises(ProgrammingError, match=r"^215 bytes to encrypt with an RSA key that takes 214$"):
        accounts.connect(user, "y" * 214, **accounts.trust)
