"""No password and no value of a parameter in what is shown, logged, warned of or pickled, of whatever knows one."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import traceback
import warnings
from decimal import Decimal
from enum import Enum
from ipaddress import IPv6Interface
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_protocol import Credentials, Proof, Security, Session
from mariadb_protocol.auth.plugin import Attempt
from mariadb_protocol.security import Channel
from mariadb_py import ConnectionPool, OperationalError
from mariadb_py.core.options import ConnectOptions
from mariadb_py.io.link import Link
from tests.support.certificates import certificates
from tests.support.pool import kill
from tests.support.running import ask
from tests.support.server import create

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

SECRET = "s3cr3t471147114711"
# How the secret is recognised: as it is, or where it is a number or an address.
MARKS = (SECRET, "471147114711", "4711:4711")
FORMATS: tuple[Callable[[object], str], ...] = (repr, str, "{}".format, "{!r}".format, "%s".__mod__, ascii)


def pickles(thing: object) -> Iterator[str]:
    """What can be pickled of it."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        try:
            data = pickle.dumps(thing, protocol)
        except (TypeError, AttributeError, pickle.PicklingError):
            continue
        yield data.decode("latin-1")


def check(*things: object) -> None:
    """The secret does not show."""
    for thing in things:
        for text in (*(form((thing,)) if form == "%s".__mod__ else form(thing) for form in FORMATS), *pickles(thing)):
            for mark in MARKS:
                assert mark not in text, type(thing)


def check_error(call: Callable[..., object], *arguments: Any, **keywords: Any) -> BaseException:
    """It fails, and neither the error shows the secret, nor those that led to it, nor its traceback."""
    with pytest.raises((mariadb_py.Error, TypeError)) as caught:
        call(*arguments, **keywords)
    error: BaseException | None = caught.value
    printed = traceback.format_exception(type(error), error, caught.tb)
    for mark in MARKS:
        assert mark not in "".join(printed)
    seen = []
    while error is not None:
        seen.append(error)
        check(error, error.args, vars(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return seen[0]


# What knows the password


@pytest.fixture
def account(server: TempServer) -> Iterator[dict[str, Any]]:
    """Keywords with the secret for a password."""
    with mariadb_py.connect(**server.connect_args) as connection:
        ask(connection, f"CREATE USER secretive IDENTIFIED BY '{SECRET}'")
        yield {**server.connect_args, "user": "secretive", "password": SECRET, "database": None}
        ask(connection, "DROP USER secretive")


def test_connection(account: dict[str, Any]) -> None:
    connection = mariadb_py.connect(**account, connect_attrs={"token": SECRET}, init_command=f"SET @a = '{SECRET}'")
    cursor = connection.cursor()
    link = connection._link
    assert link is not None
    check(connection, cursor, link, link.core, link.core.options, link.core.session, link.core.session.security)
    check(connection.security, connection.tls_peer_cert_info, link.endpoint)
    connection.reconnect()
    check(connection, link, link.core)
    connection.close()
    check(connection, cursor, link, link.core, link.core.options)


def test_unclosed_connection(account: dict[str, Any]) -> None:
    connection = mariadb_py.connect(**account)
    with pytest.warns(ResourceWarning, match=r"^unclosed <mariadb_py\.Connection ") as caught:
        del connection
        gc.collect()
    check(*(warning.message for warning in caught))


def test_pool(account: dict[str, Any]) -> None:
    with ConnectionPool(pool_name="secretive", pool_size=2, **account) as pool:
        check(pool, pool._core, mariadb_py._CONNECTION_POOLS)
        with pool.get_connection() as connection:
            check(pool, connection)
    check(pool)


@pytest.mark.parametrize("password", [SECRET, SECRET.encode(), lambda: SECRET])
def test_options(password: Any) -> None:
    keywords = {
        "password": password,
        "ssl_passphrase": SECRET,
        "connect_attrs": {"token": SECRET},
        "init_command": f"SET @a = '{SECRET}'",
        "user": "somebody",
    }
    options = ConnectOptions.from_keywords(keywords)
    assert "user='somebody'" in repr(options)
    check(options, options.tls, options.for_cancelling(SECRET), Link(options), Link(options).core)
    check(ConnectOptions.from_keywords({"uri": f"mariadb://u:{SECRET}@127.0.0.1/d?ssl_passphrase={SECRET}"}))
    # Not shown is not lost.
    assert options.current_password() in (SECRET, SECRET.encode())
    assert options.tls is not None
    assert options.tls.passphrase == SECRET


def test_what_is_below_the_driver() -> None:
    credentials = Credentials(b"somebody", SECRET.encode(), b"db", {"token": SECRET})
    security = Security(tls=True, proof=Proof.REQUIRED, prompt=lambda *_: SECRET)
    attempt = Attempt(SECRET.encode(), security, Channel(), Session().limits)
    attempt.hash = SECRET.encode()
    check(credentials, security, attempt, Session(security=security))
    assert repr(credentials) == "Credentials(user=b'somebody', database=b'db')"


# Errors and warnings about logins


def test_a_refused_login(account: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Nor anything in a log, whatever its level: this driver has none."""
    caplog.set_level(logging.DEBUG)
    ways: tuple[dict[str, Any], ...] = ({}, {"ssl": True, "ssl_verify_cert": False}, {"auth_plugins": "parsec"})
    for keywords in ways:
        check_error(mariadb_py.connect, **{**account, "password": f"{SECRET}x", **keywords})
    with pytest.raises(OperationalError):
        mariadb_py.connect(**{**account, "port": 1, "host": "127.0.0.1"})
    connection = mariadb_py.connect(**account)
    check_error(connection.change_user, "secretive", f"{SECRET}x", None)
    check(connection)
    connection.close()
    assert caplog.records == []


def test_a_server_that_cannot_be_reached() -> None:
    keywords: dict[str, Any] = {"user": "u", "password": SECRET, "connect_timeout": 5}
    check_error(mariadb_py.connect, host="127.0.0.1", port=1, **keywords)
    check_error(mariadb_py.connect, unix_socket="/nowhere/socket", **keywords)
    check_error(mariadb_py.connect, host="name.invalid", **keywords)
    check_error(ConnectionPool, pool_name="none", pool_size=1, host="127.0.0.1", port=1, **keywords)


def test_a_warning_about_tls(account: dict[str, Any]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            mariadb_py.connect(**account, ssl=True).close()
        except OperationalError as error:
            check(error)
    check(*(warning.message for warning in caught))


def test_the_passphrase_of_a_key(server: TempServer, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    made = Path(certificates(tmp_path).chain("client"))
    text = made.read_bytes()
    key = serialization.load_pem_private_key(text[text.index(b"-----BEGIN PRIVATE") :], None)
    encryption = serialization.BestAvailableEncryption(b"another")
    encrypted = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    (tmp_path / "key.pem").write_bytes(encrypted)
    keywords = {"ssl_cert": str(made), "ssl_key": str(tmp_path / "key.pem"), "ssl_passphrase": SECRET}
    error = check_error(mariadb_py.connect, **server.connect_args, **keywords)
    assert str(error).startswith(f"TLS: the certificate in {str(made)!r} with its key cannot be used: ")


# Errors about keywords, URIs, option files and the environment

WRONG: dict[str, dict[str, Any]] = {
    "type of the password": {"password": [SECRET]},
    "surrogate in the password": {"password": f"{SECRET}\udc80"},
    "two passwords": {"password": SECRET, "passwd": "another"},
    "two passphrases": {"ssl_passphrase": SECRET, "ssl": {"passphrase": "another"}},
    "what the function returns": {"password": lambda: [SECRET], "host": "127.0.0.1", "port": 1},
    "NUL in the passphrase": {"ssl_passphrase": f"{SECRET}\0"},
    "type of the passphrase": {"ssl_passphrase": SECRET.encode()},
    "passphrase without TLS": {"ssl_passphrase": SECRET, "ssl": False},
    "NUL in init_command": {"init_command": f"SET @a = '{SECRET}\0'"},
    "surrogate in an attribute": {"connect_attrs": {"token": f"{SECRET}\udc80"}},
    "type of an attribute": {"connect_attrs": {"token": SECRET.encode()}},
    "unknown keyword": {"pasword": SECRET},
    "URI with a bad host": {"uri": f"mariadb://u:{SECRET}@[::1/"},
    "URI with a bad port": {"uri": f"mariadb://u:{SECRET}@host:port/"},
    "URI with a slash in the password": {"uri": f"mariadb://u:/{SECRET}@host/"},
    "URI with a question mark in the password": {"uri": f"mariadb://u:?{SECRET}@host/"},
    "URI with a hash in the password": {"uri": f"mariadb://u:#{SECRET}@host/"},
    "URI with a percent sign in the password": {"uri": f"mariadb://u:%{SECRET}@host/"},
    "URI that is not UTF-8": {"uri": f"mariadb://u:{SECRET}%ff@host/"},
    "URI of another scheme": {"uri": f"postgresql://u:{SECRET}@host/"},
    "URI with an unknown option": {"uri": f"mariadb://u:{SECRET}@host/?pasword={SECRET}"},
    "URI with a wrong option": {"uri": f"mariadb://u:{SECRET}@host/?ssl_passphrase={SECRET}%00"},
    "URI with two passwords": {"uri": f"mariadb://u:{SECRET}@host/?password={SECRET}"},
    "type of a keyword beside": {"password": SECRET, "port": "3306"},
    "value of a keyword beside": {"password": SECRET, "port": -1},
}


@pytest.mark.parametrize("keywords", WRONG.values(), ids=WRONG)
def test_wrong_keywords(keywords: dict[str, Any]) -> None:
    check_error(mariadb_py.connect, **keywords)
    check_error(ConnectionPool, pool_name="wrong", pool_size=1, **keywords)


@pytest.mark.parametrize(
    "line", [f"password={SECRET}\nport=x", f"pasword={SECRET}", f"ssl_passphrase={SECRET}\nssl=0", f"{SECRET}"]
)
def test_a_wrong_option_file(tmp_path: Path, line: str) -> None:
    path = tmp_path / "my.cnf"
    path.write_text(f"[client]\npassword={SECRET}\n{line}\n", encoding="utf-8")
    if line != SECRET:
        check_error(mariadb_py.connect, default_file=str(path), unix_socket="/nowhere/socket")
        return
    with pytest.raises(mariadb_py.Error):  # the name of an option is no secret
        mariadb_py.connect(default_file=str(path), unix_socket="/nowhere/socket")


def test_a_wrong_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARIADB_PASSWORD", f"{SECRET}\udc80")
    check_error(mariadb_py.connect, environment=True)
    monkeypatch.setenv("MARIADB_PASSWORD", SECRET)
    monkeypatch.setenv("MARIADB_TCP_PORT", "x")
    check_error(mariadb_py.connect, environment=True)


def test_answers_of_the_wrong_type() -> None:
    from mariadb_protocol.auth.dialog import dialog

    security = Security(prompt=lambda *_: [SECRET])  # type: ignore[arg-type, return-value]
    exchange = dialog(Attempt(b"", security, Channel(local=True), Session().limits), b"\5Token: ")
    check_error(next, exchange)


# Values of parameters


class Odd:
    def __repr__(self) -> str:
        return SECRET


class Kind(Enum):
    SECRET = SECRET


VALUES: dict[str, Any] = {
    "object": Odd(),
    "Enum": Kind.SECRET,
    "list": [SECRET],
    "dict": {SECRET: SECRET},
    "set": {SECRET},
    "complex": complex(471147114711, 471147114711),
    "surrogate": f"{SECRET}\udc80",
    "too large an integer": 471147114711 * 10**100,
    "too large a Decimal": Decimal(f"471147114711{'0' * 100}"),
    "Decimal that is no number": Decimal("NaN471147114711"),
    "network": IPv6Interface("4711:4711::1/64"),
}
FORMS: dict[str, dict[str, Any]] = {
    "text": {},
    "binary": {"binary": True},
    "prepared": {"prepared": True},
    "unbuffered": {"buffered": False},
}


@pytest.mark.parametrize("keywords", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_that_cannot_be_a_parameter(connect: Connector, value: Any, keywords: dict[str, Any]) -> None:
    with connect().cursor(**keywords) as cursor:
        for statement, values in (("SELECT ?", (value,)), ("SELECT ?, ?", (SECRET, value))):
            check_error(cursor.execute, statement, values)
            check(cursor)
        check_error(cursor.execute, "SELECT %(a)s", {"a": value})
        check_error(cursor.executemany, "DO ?", [(1,), (value,)])
        check_error(cursor.callproc, "p", (value,))
        check(cursor)


@pytest.mark.parametrize("keywords", FORMS.values(), ids=FORMS)
def test_a_number_of_parameters_that_is_wrong(connect: Connector, keywords: dict[str, Any]) -> None:
    with connect().cursor(**keywords) as cursor:
        check_error(cursor.execute, "SELECT ?, ?", (SECRET,))
        check_error(cursor.execute, "SELECT ?", SECRET)
        check_error(cursor.execute, "SELECT %(a)s", {"b": SECRET})
        check_error(cursor.executemany, "DO ?, ?", [(SECRET, SECRET), (SECRET,)])
        check(cursor)


@pytest.mark.parametrize("keywords", FORMS.values(), ids=FORMS)
def test_cursor(connect: Connector, keywords: dict[str, Any]) -> None:
    """The statement may show, its parameters do not, nor what comes of them."""
    connection = connect()
    create(connection, "TEMPORARY TABLE t (a VARCHAR(40))")
    with connection.cursor(**keywords) as cursor:
        cursor.execute("SELECT ? AS a", (SECRET,))
        check(cursor, connection, cursor._core, connection._core)
        assert cursor.fetchall() == [(SECRET,)]
        check(cursor, connection, cursor.metadata, cursor.description)
        assert "SELECT ? AS a" in repr(cursor)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (?)", [(SECRET,), (SECRET,)])
        check(cursor, connection)
    check(cursor)


def test_a_statement_that_is_lost(connect: Connector) -> None:
    observer, connection = connect(), connect()
    kill(observer, connection.connection_id)
    with connection.cursor() as cursor:
        check_error(cursor.execute, "SELECT ?", (SECRET,))
        check_error(cursor.execute, "SELECT ?", (SECRET,))
        check(cursor, connection)


def test_a_statement_that_takes_too_long(connect: Connector) -> None:
    with connect().cursor() as cursor:
        check_error(cursor.execute, "SELECT SLEEP(5), ?", (SECRET,), timeout=0.05)
        check(cursor)


def test_a_cursor_that_is_overtaken(connect: Connector) -> None:
    connection = connect()
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("SELECT seq, ? FROM seq_1_to_100000", (SECRET,))
        cursor.fetchone()
        with connection.cursor() as other:
            error = check_error(other.execute, "SELECT ?", (SECRET,))
            assert isinstance(error, mariadb_py.Error)


def test_what_holds_a_password_cannot_be_pickled() -> None:
    options = ConnectOptions.from_keywords({"password": SECRET, "ssl_passphrase": SECRET})
    for thing in (options, options.tls, Credentials(password=SECRET.encode())):
        for make in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(
                TypeError, match=rf"^a {type(thing).__name__} cannot be pickled: it may hold a password$"
            ):
                make(thing)


def test_copies(account: dict[str, Any]) -> None:
    """An error can be copied and pickled."""
    with pytest.raises(OperationalError) as caught:
        mariadb_py.connect(**{**account, "password": f"{SECRET}x"})
    for made in (copy.deepcopy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        check(made, vars(made))
