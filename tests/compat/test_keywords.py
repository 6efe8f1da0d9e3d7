"""Each keyword of connect(): given right, given wrong, by option file, by URI; with the effect that it has."""

from __future__ import annotations

import contextlib
from urllib.parse import quote

import pytest

import mariadb_py as mariadb
from mariadb_py.constants import CLIENT, FIELD_TYPE
from mariadb_py.core.optiontable import CONNECT_BY_NAME, CONNECT_OPTIONS, LATER_KEYWORDS, TLS_KEYWORDS
from mariadb_py.core.pooloptions import POOL_BY_NAME, POOL_OPTIONS
from tests.compat.rows import Database, fails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Union

    Effect = Union[str, Callable[[mariadb.Connection], Any]]

# What places of a URI and of an option file stand for the account and the address, in every test.
BASE = ("host", "port", "user", "password", "database")


class Keyword:
    """How a keyword is tested.

    Args:
        value: a right value.
        effect: an attribute of the connection, an expression of SQL, or a function of the connection.
        seen: what this gives if the value is in force.
        text: the same value as a text; None: it cannot be given as one.
        wrong: wrong values, each with the class of its error.
        wrong_text: a text that is none of its values.
    """

    def __init__(
        self,
        value: Any,
        effect: Effect,
        seen: Any,
        text: str | None = None,
        wrong: tuple[tuple[Any, type[Exception]], ...] = (),
        wrong_text: str | None = None,
    ) -> None:
        self.value, self.effect, self.seen, self.text = value, effect, seen, text
        self.wrong, self.wrong_text = wrong, wrong_text

    def check(self, connection: mariadb.Connection) -> None:
        """The value is in force."""
        if callable(self.effect):
            assert self.effect(connection) == self.seen
        elif self.effect.isidentifier():
            assert getattr(connection, self.effect) == self.seen
        else:
            assert ask(connection, f"SELECT {self.effect}")[0] == self.seen


def ask(connection: mariadb.Connection, sql: str, data: Any = None) -> Any:
    """The only row of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, data)
        (row,) = cursor.fetchall()
        return row


def option(name: str) -> Effect:
    """The effect of an option that is kept for later, or has none."""
    return lambda connection: getattr(connection._core.options, name)


def status(name: str) -> Effect:
    return lambda connection: ask(connection, f"SHOW SESSION STATUS LIKE '{name}'")[1]


def too_large(connection: mariadb.Connection) -> bool:
    with connection.cursor() as cursor:
        fails(mariadb.OperationalError, 2020, cursor.execute, "SELECT ?", ("x" * 3000,))
        return ask(connection, "SELECT LENGTH(?)", ("x" * 1000,)) == (1000,)


def timeouts(connection: mariadb.Connection) -> Any:
    options = connection._core.options
    return options.read_timeout, options.write_timeout


def flag(effect: Effect, seen: Any, value: bool = True) -> Keyword:
    wrong = (("yes", TypeError), (1.0, TypeError))
    return Keyword(value, effect, seen, "yes" if value else "off", wrong, "perhaps")


def text(value: str, effect: Effect, wrong: tuple[tuple[Any, type[Exception]], ...], wrong_text: str | None) -> Keyword:
    return Keyword(value, effect, value, value, ((1, TypeError), *wrong), wrong_text)


def seconds(effect: Effect, seen: Any) -> Keyword:
    return Keyword(2.5, effect, seen, "2.5", (("1", TypeError), (-1, mariadb.ProgrammingError)), "-1")


WRONG = mariadb.ProgrammingError
LONG = {FIELD_TYPE.LONG: lambda value: f"<{value}>"}
KEYWORDS: dict[str, Keyword] = {
    "host": Keyword("127.0.0.1", "host", "127.0.0.1", "127.0.0.1", ((1, TypeError), ("a:b", WRONG)), "[::1"),
    "port": Keyword(None, "port", None, None, (("3306", TypeError), (1.5, TypeError), (65536, WRONG)), "3306x"),
    "user": Keyword(None, "user", None, None, ((1, TypeError), ("nobody", mariadb.OperationalError)), "no\0body"),
    "password": Keyword(None, "open", True, None, ((1, TypeError), ("no", mariadb.OperationalError)), None),
    "database": Keyword(None, "database", None, None, ((1, TypeError), ("nothing", WRONG)), "no\0thing"),
    "unix_socket": Keyword(None, "unix_socket", None, None, ((1, TypeError), ("/no\0", WRONG)), "/no\0"),
    "connect_attrs": Keyword(
        {"a": "b"}, option("connect_attrs"), {"a": "b"}, None, (("a=b", TypeError), ({"a": 1}, TypeError))
    ),
    "connect_timeout": seconds(option("connect_timeout"), 2.5),
    "read_timeout": seconds(option("read_timeout"), 2.5),
    "write_timeout": seconds(option("write_timeout"), 2.5),
    "socket_timeout": seconds(timeouts, (2.5, 2.5)),
    "autocommit": flag("@@autocommit = 1", 1),
    "init_command": Keyword("SET @a = 5", "@a + 0", 5, "SET @a = 5", ((1, TypeError), ("nonsense", WRONG)), "SET\0"),
    "read_only": flag("@@tx_read_only + 0", 1),
    "charset": Keyword(
        "utf8mb4",
        "@@character_set_client",
        "utf8mb4",
        "utf8mb4",
        ((1, TypeError), ("latin1", mariadb.NotSupportedError)),
        None,
    ),
    "client_flag": Keyword(
        2, lambda c: c.client_capabilities & CLIENT.FOUND_ROWS, 2, "2", (("2", TypeError), (-1, WRONG)), "x"
    ),
    "compress": flag(status("Compression"), "ON"),
    "local_infile": flag(lambda c: c.client_capabilities & CLIENT.LOCAL_FILES, CLIENT.LOCAL_FILES),
    "max_allowed_packet": Keyword(2048, too_large, True, "2K", (("2048", TypeError), (1, WRONG)), "2X"),
    "reconnect": flag("auto_reconnect", True),
    "status_callback": Keyword(print, option("status_callback"), print, None, (("print", TypeError),)),
    "plugin_dir": Keyword("/nothing", option("plugin_dir"), "/nothing", "/nothing", ((1, TypeError),)),
    "binary": flag(lambda c: ask(c, "SELECT ?", (1.5,)) == (1.5,) and type(ask(c, "SELECT ?", (1.5,))[0]), float),
    "dictionary": flag(lambda c: ask(c, "SELECT 1 AS a"), {"a": 1}),
    "named_tuple": flag(lambda c: ask(c, "SELECT 1 AS a").a, 1),
    "native_object": flag(lambda c: str(type(ask(c, "SELECT CAST('::1' AS INET6)")[0]).__name__), "IPv6Address"),
    "zero_date": Keyword("str", "CAST('0000-00-00' AS DATE)", "0000-00-00", "str", ((1, TypeError), ("x", WRONG)), "x"),
    "converter": Keyword(LONG, "1 + 1", "<2>", None, (([], TypeError), ({3: 1}, TypeError))),
    "cache_prep_stmts": flag(option("cache_prep_stmts"), False, value=False),
    "prep_stmt_cache_size": Keyword(5, option("prep_stmt_cache_size"), 5, "5", (("5", TypeError), (-1, WRONG)), "-1"),
    "pipeline": flag(option("pipeline"), False, value=False),
}
SOURCES = ("uri", "default_file", "default_group", "environment")  # tested by name below
WITH_TEXT = [name for name, keyword in KEYWORDS.items() if keyword.text is not None and name not in BASE]


@pytest.fixture
def keyword(request: pytest.FixtureRequest, db: Database) -> Keyword:
    """The keyword that the test is about; what depends on the server is filled in."""
    name = request.param
    keyword = KEYWORDS[name]
    value = db.connect.server.unix_socket if name == "unix_socket" else db.arguments.get(name)
    if keyword.value is None:
        seen = keyword.seen if name == "password" else value
        keyword = Keyword(value, keyword.effect, seen, str(value), keyword.wrong, keyword.wrong_text)
    return keyword


def names_of(names: Any) -> Any:
    return pytest.mark.parametrize(
        ("name", "keyword"), [(name, name) for name in names], indirect=["keyword"], ids=names
    )


def connect(to: Database, **keywords: Any) -> mariadb.Connection:
    """A connection to the suite's server; `keywords` are put in the place of the other names of the same option."""
    given = dict(to.arguments)
    for option in {CONNECT_BY_NAME[name] for name in keywords}:
        for name in (option.name, *option.aliases):
            given.pop(name, None)
        if option.name == "unix_socket":
            del given["host"], given["port"]
    return opened(to, mariadb.connect(**{**given, **keywords}))


def opened(to: Database, connection: mariadb.Connection) -> mariadb.Connection:
    """A connection that is closed behind the test."""
    to.connect.opened.append(connection)
    return connection


def test_no_keyword_is_forgotten() -> None:
    assert {*KEYWORDS, *SOURCES} == {option.name for option in CONNECT_OPTIONS}


@names_of(KEYWORDS)
def test_right(name: str, keyword: Keyword, db: Database) -> None:
    keyword.check(connect(db, **{name: keyword.value}))


@pytest.mark.parametrize(
    ("alias", "keyword"),
    [(alias, option.name) for option in CONNECT_OPTIONS for alias in option.aliases],
    indirect=["keyword"],
    ids=str,
)
def test_other_names(alias: str, keyword: Keyword, db: Database) -> None:
    keyword.check(connect(db, **{alias: keyword.value}))


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        pytest.param(name, value, error, id=f"{name}={value!r}")
        for name, keyword in KEYWORDS.items()
        for value, error in keyword.wrong
    ],
)
def test_wrong(name: str, value: Any, error: type[Exception], db: Database) -> None:
    fails(error, None, connect, db, **{name: value})


@names_of(KEYWORDS)
def test_none_means_not_given(name: str, keyword: Keyword, db: Database) -> None:
    given = {**db.arguments, name: db.arguments.get(name)}
    connection = opened(db, mariadb.connect(**given))
    assert connection.open


def option_file(path: Path, values: dict[str, str], group: str = "client") -> str:
    path.write_text("\n".join([f"[{group}]", *(f"{name} = '{value}'" for name, value in values.items()), ""]))
    return str(path)


def texts(db: Database, name: str, value: str) -> dict[str, str]:
    """What an option file or a URI says, with one option of this value."""
    base = {key: str(given) for key, given in db.arguments.items()}
    if name == "unix_socket":
        del base["host"], base["port"]
    return {**base, name: value}


def uri(values: dict[str, str]) -> str:
    """The URI that says the same."""
    host, port, user, password, database = (values.get(name, "") for name in BASE)
    place = f"{host}:{port}" if port else host
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items() if name not in BASE)
    account = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"mariadb://{account}@{place}/{quote(database, safe='')}" + (f"?{query}" if query else "")


@names_of([*BASE, "unix_socket", *WITH_TEXT])
def test_by_option_file(name: str, keyword: Keyword, db: Database, tmp_path: Path) -> None:
    path = option_file(tmp_path / "my.cnf", texts(db, name, str(keyword.text)))
    connection = opened(db, mariadb.connect(default_file=path))
    keyword.check(connection)


@names_of([*BASE, "unix_socket", *WITH_TEXT])
def test_by_uri(name: str, keyword: Keyword, db: Database) -> None:
    connection = opened(db, mariadb.connect(uri(texts(db, name, str(keyword.text)))))
    keyword.check(connection)


@names_of([name for name, keyword in KEYWORDS.items() if keyword.wrong_text is not None])
def test_wrong_in_an_option_file(name: str, keyword: Keyword, db: Database, tmp_path: Path) -> None:
    path = option_file(tmp_path / "my.cnf", texts(db, name, str(keyword.wrong_text)))
    assert path in fails(WRONG, None, mariadb.connect, default_file=path)


@names_of([name for name, keyword in KEYWORDS.items() if keyword.wrong_text is not None])
def test_wrong_in_a_uri(name: str, keyword: Keyword, db: Database) -> None:
    fails(WRONG, None, mariadb.connect, uri(texts(db, name, str(keyword.wrong_text))))


@names_of([name for name, keyword in KEYWORDS.items() if keyword.text is None and name not in (*BASE, "unix_socket")])
def test_keyword_only(name: str, keyword: Keyword, db: Database, tmp_path: Path) -> None:
    fails(WRONG, None, mariadb.connect, uri(texts(db, name, "x")))
    # An option file has options of other programs, too: what is not known there is passed over.
    path = option_file(tmp_path / "my.cnf", texts(db, name, "x"))
    assert getattr(opened(db, mariadb.connect(default_file=path))._core.options, name) is None


# Where values come from


def test_a_keyword_wins_over_the_uri_and_this_over_the_option_file(db: Database, tmp_path: Path) -> None:
    path = option_file(tmp_path / "my.cnf", {"init_command": "SET @a = 'file'", "user": "nobody", "password": "no"})
    given = uri(texts(db, "init_command", "SET @a = 'uri'"))
    for keywords, expected in (({}, "uri"), ({"init_command": "SET @a = 'keyword'"}, "keyword")):
        connection = opened(db, mariadb.connect(given, default_file=path, **keywords))
        assert ask(connection, "SELECT @a") == (expected,)
        assert connection.user == db.arguments["user"]


def test_uri_by_name_and_wrong_ones(db: Database) -> None:
    assert connect(db, uri=uri({name: str(value) for name, value in db.arguments.items()})).open
    for wrong in ("postgresql://host", "mariadb://h?nothing=1", "mariadb://h:x", "no uri"):
        fails(WRONG, None, mariadb.connect, wrong)
    fails(TypeError, None, mariadb.connect, 1)


@pytest.mark.parametrize("group", ["client", "client-server", "client-mariadb"])
def test_groups_that_are_read(group: str, db: Database, tmp_path: Path) -> None:
    path = option_file(tmp_path / "my.cnf", {"init_command": "SET @a = 1"}, group)
    assert ask(connect(db, default_file=path), "SELECT @a") == (1,)


def test_default_group(db: Database, tmp_path: Path) -> None:
    path = option_file(tmp_path / "my.cnf", {"init_command": "SET @a = 1"}, "own")
    assert ask(connect(db, default_file=path), "SELECT @a") == (None,)
    assert ask(connect(db, default_file=path, default_group="own"), "SELECT @a") == (1,)
    assert ask(connect(db, default_file=path, default_group=["other", "own"]), "SELECT @a") == (1,)
    fails(TypeError, None, connect, db, default_file=path, default_group=1)


def test_default_file_that_is_wrong(db: Database, tmp_path: Path) -> None:
    fails(WRONG, None, connect, db, default_file=str(tmp_path / "nothing"))
    fails(TypeError, None, connect, db, default_file=1)


def test_environment(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, variable in (("host", "HOST"), ("port", "TCP_PORT"), ("user", "USER"), ("password", "PASSWORD")):
        monkeypatch.setenv(f"MARIADB_{variable}", str(db.arguments[name]))
    monkeypatch.setenv("MARIADB_DATABASE", "mysql")
    connection = opened(db, mariadb.connect(environment=True))
    assert connection.database == "mysql"
    assert connect(db).database == db.arguments["database"]  # not asked for
    fails(TypeError, None, connect, db, environment="yes")


# Keywords of pools


@pytest.mark.parametrize(
    ("name", "value", "effect"),
    [
        ("pool_size", 3, "pool_size"),
        ("pool_reset_session", False, "pool_reset_connection"),
        ("pool_reset_connection", False, "pool_reset_connection"),
        ("pool_invalidation_interval", 0, ""),
        ("pool_validation_interval", 0, ""),
    ],
)
def test_pool_keywords(name: str, value: Any, effect: str, db: Database) -> None:
    with mariadb.connect(pool_name="keywords", **{**db.arguments, name: value}) as connection:
        assert connection.open
    pool = mariadb._CONNECTION_POOLS["keywords"]
    assert not effect or getattr(pool, effect) == value


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("pool_name", 1, TypeError),
        ("pool_name", "", WRONG),
        ("pool_size", "3", TypeError),
        ("pool_size", 0, WRONG),
        ("pool_size", 65, WRONG),
        ("pool_reset_connection", "yes", TypeError),
        ("pool_validation_interval", 1.5, TypeError),
        ("pool_validation_interval", -1, WRONG),
    ],
)
def test_pool_keywords_that_are_wrong(name: str, value: Any, error: type[Exception], db: Database) -> None:
    fails(error, None, mariadb.ConnectionPool, **{"pool_name": "keywords", **db.arguments, name: value})
    assert mariadb._CONNECTION_POOLS == {}


def test_no_pool_keyword_is_forgotten() -> None:
    names = {"pool_name", "pool_size", "pool_reset_session", "pool_invalidation_interval"}
    assert names == {option.name for option in POOL_OPTIONS}


@pytest.mark.parametrize("name", [name for name in POOL_BY_NAME if name != "pool_name"])
def test_pool_keywords_without_a_pool(name: str, db: Database) -> None:
    fails(TypeError, None, connect_plainly, db, name)
    fails(WRONG, None, mariadb.connect, f"{uri({})}?{name}=1")


def connect_plainly(db: Database, name: str) -> None:
    opened(db, mariadb.connect(**{**db.arguments, name: 1}))


# Keywords that are known and refused


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=pytest.mark.xfail(strict=True, reason="step 3: TLS")) for name in TLS_KEYWORDS),
        *(
            pytest.param(name, marks=pytest.mark.xfail(strict=True, reason="step 3: query timeouts"))
            for name in LATER_KEYWORDS
        ),
    ],
)
def test_keywords_of_later_steps(name: str, db: Database) -> None:
    # A file that is not there, or a server without TLS, once the keyword means something.
    with contextlib.suppress(TypeError, mariadb.ProgrammingError, mariadb.OperationalError):
        connect_plainly(db, name)


def test_connectionclass(db: Database) -> None:
    class Own(mariadb.Connection):
        pass

    with mariadb.connect(connectionclass=Own, **db.arguments) as connection:
        assert type(connection) is Own
    fails(WRONG, None, mariadb.connect, connectionclass=dict, **db.arguments)


def test_dsn_is_refused(db: Database) -> None:
    assert "dsn" in fails(WRONG, 2000, mariadb.connect, dsn="host=a")
