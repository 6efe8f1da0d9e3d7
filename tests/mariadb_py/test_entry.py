"""connect() as the way in: where its arguments go. What each keyword does is in the tests of its options."""

from __future__ import annotations

import inspect
import re

import pytest

import mariadb_py
from mariadb_py import Connection, ConnectionPool, ProgrammingError, entry
from mariadb_py.core.optiontable import CONNECT_OPTIONS
from mariadb_py.core.pool.options import POOL_OPTIONS
from tests.support.listener import listening, silent
from tests.support.running import works

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_py.testing import TempServer


class Mine(Connection):
    """A subclass."""


def uri_of(server: TempServer, **parts: Any) -> str:
    given = {"user": server.user, "password": server.password, "database": "test", **parts}
    return "mariadb://{user}:{password}@{host}:{port}/{database}".format(host=server.host, port=server.port, **given)


def test_connect_is_the_one_of_the_package() -> None:
    assert mariadb_py.connect is entry.connect
    first, *others = inspect.signature(entry.connect).parameters.values()
    assert (first.name, first.kind) == ("uri", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert {parameter.kind for parameter in others} == {
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    }


@pytest.mark.parametrize("by_name", [True, False])
def test_a_uri(server: TempServer, by_name: bool) -> None:
    uri = uri_of(server) + "?autocommit=1"
    with mariadb_py.connect(uri=uri) if by_name else mariadb_py.connect(uri) as connection:
        assert (connection.host, connection.port, connection.user) == (server.host, server.port, server.user)
        assert (connection.database, connection.autocommit) == ("test", True)
        assert works(connection)


def test_keywords_win_over_the_uri(server: TempServer) -> None:
    uri = uri_of(server, password="wrong", database="nosuch")
    with mariadb_py.connect(uri, password=server.password, database="test") as connection:
        assert connection.database == "test"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("http://localhost",), ProgrammingError, "^A connection URI begins with mariadb://"),
        ((1,), TypeError, "^uri wants str, not int$"),
        ((b"mariadb://localhost",), TypeError, "^uri wants str, not bytes$"),
        (("mariadb://localhost", "root"), TypeError, "positional"),
    ],
)
def test_what_is_no_uri(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mariadb_py.connect(*arguments)


def test_a_class_of_the_users(server: TempServer) -> None:
    with mariadb_py.connect(connectionclass=Mine, **server.connect_args) as connection:
        assert type(connection) is Mine
        assert works(connection)


@pytest.mark.parametrize("connectionclass", [None, object, int, mariadb_py.connect, "Connection"])
def test_a_class_that_is_no_connection_opens_nothing(connectionclass: Any) -> None:
    with listening(silent) as server:
        with pytest.raises(ProgrammingError, match=r"^connectionclass is Connection or a subclass, not "):
            mariadb_py.connect(connectionclass=connectionclass, **server.connect_args)
        assert server.callers == 0


@pytest.mark.parametrize("by_uri", [True, False])
def test_a_pool_is_made_and_borrowed_from(server: TempServer, by_uri: bool) -> None:
    name = f"entry {by_uri}"
    arguments = {"uri": uri_of(server)} if by_uri else server.connect_args
    first = mariadb_py.connect(pool_name=name, pool_size=1, **arguments)
    pool = mariadb_py._CONNECTION_POOLS[name]
    try:
        assert type(pool) is ConnectionPool
        assert (pool.pool_size, pool.connection_count) == (1, 1)
        number = first.connection_id
        first.close()
        with mariadb_py.connect(pool_name=name) as second:
            assert second.connection_id == number
            assert works(second)
    finally:
        pool.close()


def test_options_of_a_pool_without_a_name_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^pool_size is an option of a pool, and no pool_name is given$"):
        mariadb_py.connect(pool_size=3)


def documented(thing: object) -> set[str]:
    """The names in the docstring's list of arguments."""
    _, arguments = (inspect.getdoc(thing) or "").split("\nArgs:\n")
    items = re.findall(r"^ {4}(\w+(?:, \w+)*): ", arguments.split("\nRaises:\n")[0], re.MULTILINE)
    return {name for names in items for name in names.split(", ")}


@pytest.mark.parametrize("option", CONNECT_OPTIONS, ids=lambda option: option.name)
def test_connect_documents_every_keyword(option: Any) -> None:
    assert {option.name, *option.aliases} - documented(entry.connect) == set()


@pytest.mark.parametrize("option", POOL_OPTIONS, ids=lambda option: option.name)
def test_the_pool_documents_every_keyword_of_its_own(option: Any) -> None:
    assert {option.name, *option.aliases} - documented(ConnectionPool) == set()


def test_no_keyword_is_documented_that_there_is_not() -> None:
    of_pools = {name for option in POOL_OPTIONS for name in (option.name, *option.aliases)}
    known = {name for option in CONNECT_OPTIONS for name in (option.name, *option.aliases)} | of_pools
    assert documented(entry.connect) - known == {"connectionclass"}
    assert documented(ConnectionPool) - of_pools == set()
