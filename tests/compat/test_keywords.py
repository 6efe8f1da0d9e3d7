"""Each keyword of connect(): given right, given wrong, by option file, by URI; with the effect that it has."""

from __future__ import annotations

import ssl
from hashlib import sha256
from urllib.parse import quote

import pytest

import mariadb_py as mariadb
from mariadb_py.constants import CLIENT
from mariadb_py.core.optiontable import CONNECT_BY_NAME, CONNECT_OPTIONS
from mariadb_py.core.pool.options import POOL_BY_NAME, POOL_OPTIONS
from tests.compat.keywords import BASE, CHAIN, KEYWORDS, REFUSED, WRONG, Keyword, Made, ask, verified
from tests.compat.rows import Database, fails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.support.revocation import Revoking

# What it warns of is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore::mariadb_py.SecurityWarning")

SOURCES = ("uri", "default_file", "default_group", "environment")  # tested by name below
WITH_TEXT = [name for name, keyword in KEYWORDS.items() if keyword.text is not None and name not in BASE]


@pytest.fixture
def db(tls_db: Database) -> Database:
    """Ways to a server that has TLS, for those who ask for it."""
    return tls_db


@pytest.fixture(scope="module")
def files(revoking: Revoking, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What options of TLS are about."""
    from tests.support.revocation import encrypted

    folder = tmp_path_factory.mktemp("files")
    with open(revoking.kept, encoding="ascii") as file:
        der = ssl.PEM_cert_to_DER_cert(file.read().partition("-----BEGIN PRIVATE")[0])
    fingerprint = sha256(der).hexdigest()
    (folder / "fingerprints").write_text(f"{'0' * 64}\n{fingerprint}\n")
    (folder / "locked").write_bytes(encrypted(revoking.kept, b"hush"))
    made = {name: str(folder / name) for name in ("fingerprints", "locked")}
    made.update({name: getattr(revoking, name) for name in ("ca", "cas", "crl", "crls")})
    return {**made, "chain": revoking.kept, "fingerprint": fingerprint, "public_key": revoking.ca}


@pytest.fixture
def keyword(request: pytest.FixtureRequest, db: Database, files: dict[str, str]) -> Keyword:
    """The keyword that the test is about; what depends on the server is filled in."""
    name = request.param
    keyword = KEYWORDS[name]

    def made(value: Any) -> Any:
        return files[value] if isinstance(value, Made) else value

    beside = {other: made(value) for other, value in keyword.beside.items()}
    keyword = Keyword(
        *(made(keyword.value), keyword.effect, made(keyword.seen), made(keyword.text)),
        *(keyword.wrong, keyword.wrong_text, beside),
    )
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
    keyword.check(connect(db, **{**keyword.beside, name: keyword.value}))


@pytest.mark.parametrize(
    ("alias", "keyword"),
    [(alias, option.name) for option in CONNECT_OPTIONS for alias in option.aliases],
    indirect=["keyword"],
    ids=str,
)
def test_other_names(alias: str, keyword: Keyword, db: Database) -> None:
    keyword.check(connect(db, **{**keyword.beside, alias: keyword.value}))


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
    path = option_file(tmp_path / "my.cnf", {**texts(db, name, str(keyword.text)), **keyword.beside})
    connection = opened(db, mariadb.connect(default_file=path))
    keyword.check(connection)


@names_of([*BASE, "unix_socket", *WITH_TEXT])
def test_by_uri(name: str, keyword: Keyword, db: Database) -> None:
    connection = opened(db, mariadb.connect(uri({**texts(db, name, str(keyword.text)), **keyword.beside})))
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

# Those that the original does not have: a value that is right, one that is wrong, and what it is refused by.
MORE: dict[str, tuple[Any, Any, Any]] = {
    "min_size": (1, -1, WRONG),
    "max_size": (1, 0, WRONG),
    "acquire_timeout": (0.5, "1", TypeError),
    "max_waiting": (1, -1, WRONG),
    "order": ("lifo", "last", WRONG),
    "pipeline_reset": (False, "yes", WRONG),
    "ping_timeout": (0.5, 0, WRONG),
    "max_lifetime": (0, -1, WRONG),
    "lifetime_jitter": (0.5, 1.5, WRONG),
    "max_idle_time": (1.5, True, TypeError),
    "keepalive": (60, -1, WRONG),
    "connect_concurrency": (1, 0, WRONG),
    "backoff": (0.1, 0, WRONG),
    "max_backoff": (0.1, 0, WRONG),
    "leak_timeout": (60, -1, WRONG),
    "on_connect": (str, 1, TypeError),
    "on_reset": (str, 1, TypeError),
    "check": (str, 1, TypeError),
    "on_event": (lambda *_: None, 1, TypeError),
    "evict_errors": ([1290], ["1290"], WRONG),
    "fork_policy": ("keep", "spoon", WRONG),
}


@pytest.mark.parametrize(
    ("name", "value", "effect"),
    [
        ("pool_size", 3, "pool_size"),
        ("pool_reset_session", False, "pool_reset_connection"),
        ("pool_reset_connection", False, "pool_reset_connection"),
        ("pool_reset_connection", "auto", "pool_reset_connection"),
        ("pool_invalidation_interval", 0, ""),
        ("pool_validation_interval", 0, ""),
        *((name, value, "") for name, (value, _, _) in MORE.items()),
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
        ("pool_reset_connection", 1, TypeError),
        ("pool_reset_connection", "yes", WRONG),
        ("pool_validation_interval", 1.5, TypeError),
        ("pool_validation_interval", -1, WRONG),
        *((name, value, error) for name, (_, value, error) in MORE.items()),
    ],
)
def test_pool_keywords_that_are_wrong(name: str, value: Any, error: type[Exception], db: Database) -> None:
    fails(error, None, mariadb.ConnectionPool, **{"pool_name": "keywords", **db.arguments, name: value})
    assert mariadb._CONNECTION_POOLS == {}


def test_no_pool_keyword_is_forgotten() -> None:
    names = {"pool_name", "pool_size", "pool_reset_session", "pool_invalidation_interval", *MORE}
    assert names == {option.name for option in POOL_OPTIONS}


@pytest.mark.parametrize("name", [name for name in POOL_BY_NAME if name != "pool_name"])
def test_pool_keywords_without_a_pool(name: str, db: Database) -> None:
    fails(TypeError, None, connect_plainly, db, name)
    fails(WRONG, None, mariadb.connect, f"{uri({})}?{name}=1")


def connect_plainly(db: Database, name: str) -> None:
    opened(db, mariadb.connect(**{**db.arguments, name: 1}))


# TLS


@pytest.mark.parametrize("value", [{"ca": Made("ca")}, {"capath": Made("cas"), "verify_cert": True}])
def test_ssl_as_a_dict(value: dict[str, Any], db: Database, files: dict[str, str]) -> None:
    given = {key: files[item] if isinstance(item, Made) else item for key, item in value.items()}
    assert verified(connect(db, ssl=given)) == CHAIN
    fails(TypeError, None, connect, db, ssl={"nothing": "x"})


def test_ssl_as_a_context(db: Database, files: dict[str, str]) -> None:
    assert verified(connect(db, ssl=ssl.create_default_context(cafile=files["ca"]))) == CHAIN
    fails(REFUSED, 2026, connect, db, ssl=ssl.create_default_context())
    fails(WRONG, None, connect, db, ssl=ssl.create_default_context(), ssl_verify_cert=True)


def test_a_certificate_of_the_client(db: Database, files: dict[str, str]) -> None:
    admin = connect(db, autocommit=True).cursor()
    admin.execute("CREATE OR REPLACE USER keywords_x509@'%' IDENTIFIED BY 'p' REQUIRE SUBJECT '/CN=kept'")
    account = {"user": "keywords_x509", "password": "p", "database": None, "ssl_ca": files["ca"]}
    locked = {"ssl_cert": files["chain"], "ssl_key": files["locked"]}
    for given in ({"ssl_cert": files["chain"]}, {**locked, "ssl_passphrase": "hush"}):
        connect(db, **account, **given).ping()
    fails(REFUSED, 1045, connect, db, **account)
    fails(REFUSED, 2026, connect, db, **account, **locked)
    admin.execute("DROP USER keywords_x509@'%'")


@pytest.mark.parametrize(
    "other", [name for name in KEYWORDS if name.startswith(("ssl_", "tls_")) and "verify" not in name]
)
def test_ssl_switched_off_beside_another_option_of_tls(other: str, db: Database, files: dict[str, str]) -> None:
    value = KEYWORDS[other].value
    value = files[value] if isinstance(value, Made) else value
    assert other in fails(WRONG, None, connect, db, ssl=False, **{other: value})
    assert connect(db, uri=f"mariadb://?{other}={quote(value, safe='')}", ssl=False).tls_version is None


@pytest.mark.parametrize("given", [{"ssl": False}, {"ssl": 0}, {"ssl_verify_cert": False}, {"ssl": None}, {}])
def test_nobody_asks_for_tls(given: dict[str, Any], db: Database) -> None:
    assert connect(db, **given).tls_version is None


def test_a_flag_asks_for_tls(db: Database) -> None:
    assert connect(db, client_flag=int(CLIENT.SSL)).tls_version
    fails(WRONG, None, connect, db, client_flag=int(CLIENT.SSL), ssl=False)


@pytest.mark.parametrize(("text", "off"), [("REQUIRED", False), ("VERIFY_CA", False), ("DISABLED", True)])
def test_tls_as_other_programs_ask_for_it(text: str, off: bool, db: Database, tmp_path: Path) -> None:
    path = option_file(tmp_path / "my.cnf", texts(db, "ssl-mode", text))
    if off:
        assert opened(db, mariadb.connect(default_file=path)).tls_version is None
        assert opened(db, mariadb.connect(uri(texts(db, "ssl_mode", text)))).tls_version is None
    else:
        assert path in fails(WRONG, None, mariadb.connect, default_file=path)
        fails(WRONG, None, mariadb.connect, uri(texts(db, "ssl_mode", text)))


# The rest


def test_connectionclass(db: Database) -> None:
    class Own(mariadb.Connection):
        pass

    with mariadb.connect(connectionclass=Own, **db.arguments) as connection:
        assert type(connection) is Own
    fails(WRONG, None, mariadb.connect, connectionclass=dict, **db.arguments)


def test_dsn_is_refused(db: Database) -> None:
    assert "dsn" in fails(WRONG, 2000, mariadb.connect, dsn="host=a")
