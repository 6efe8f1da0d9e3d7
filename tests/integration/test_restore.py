"""What the next borrower of a connection finds, whatever the last one did: what a fresh connection has."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from mariadb_py.core.restore import finish_restore, is_pending, learn, restore, send_restore
from mariadb_py.exceptions import OperationalError, ProgrammingError
from mariadb_py.testing import temp_server
from tests.support.listener import PATIENCE
from tests.support.running import ask, works
from tests.support.server import create

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.core.connection import ConnectionCore
    from mariadb_py.io.link import Link
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

SECONDS = int(PATIENCE)
ROLE = "ro`le"
# Variables that tell connections or moments apart.
PASSING = {
    *("error_count", "gtid_seq_no", "identity", "in_transaction", "insert_id", "last_gtid", "last_insert_id"),
    *("pseudo_thread_id", "rand_seed1", "rand_seed2", "statement_id", "timestamp", "warning_count"),
}


@pytest.fixture(autouse=True)
def tables(connect: Connector, server: TempServer) -> Iterator[None]:
    """What the sessions work on."""
    role = f"`{ROLE.replace('`', '``')}`"
    with connect(autocommit=True) as admin:
        create(admin, "TABLE restored (id INT PRIMARY KEY, v INT)")
        ask(admin, "INSERT INTO restored VALUES (1, 0), (2, 0)")
        create(admin, "DATABASE elsewhere")
        create(admin, "TABLE elsewhere.other (v INT)")
        if not server.mysql:
            run(admin, f"CREATE OR REPLACE ROLE {role}")
    yield
    connect.close_all()
    with connect(autocommit=True) as admin:
        run(admin, "DROP TABLE IF EXISTS restored", "DROP DATABASE IF EXISTS elsewhere")
        if not server.mysql:
            run(admin, f"DROP ROLE {role}")


def at_once(link: Link) -> None:
    link.run(restore(link.core))


def deferred(link: Link) -> None:
    if not link.run(send_restore(link.core)):  # it depends on what the server says of a character set
        assert "NAMES" in (link.core.options.init_command or "")
        link.run(restore(link.core))
        return
    assert is_pending(link.core)
    link.run(finish_restore(link.core))
    assert not is_pending(link.core)


@pytest.fixture(params=[at_once, deferred])
def way(request: pytest.FixtureRequest) -> Callable[[Link], None]:
    """One of the ways to restore a session."""
    return request.param  # type: ignore[no-any-return]


def link_of(connection: Connection) -> Link:
    assert connection._link is not None
    return connection._link


def learnt(connection: Connection) -> ConnectionCore:
    """The core of a connection whose role is known from now on."""
    core = connection._core
    timeout, core.role = link_of(connection).run(learn(core))
    assert timeout > 0
    assert core.role is not None
    return core


def run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        with connection.cursor() as cursor:
            cursor.execute(statement)


def prepares(connection: Connection) -> None:
    run(connection, "PREPARE kept FROM 'SELECT 1'")
    with connection.cursor(prepared=True) as cursor:
        cursor.execute("SELECT ?", (1,))


def knows(connection: Connection, sql: str) -> bool:
    """The server does not refuse this statement for something that it names."""
    try:
        ask(connection, sql)
    except (OperationalError, ProgrammingError):
        return False
    return True


def facts(connection: Connection) -> dict[str, Any]:
    """Everything by which a session differs from others, as far as the server tells."""
    core = connection._core
    known: dict[str, Any] = {
        "transaction": core.in_transaction,
        "autocommit": core.autocommit,
        "schema": core.session.schema,
        "database": ask(connection, "SELECT DATABASE()"),
        "variable": ask(connection, "SELECT @v"),
        "insert id": ask(connection, "SELECT LAST_INSERT_ID()"),
        "lock": ask(connection, "SELECT IS_USED_LOCK('restored')"),
        "role": ask(connection, "SELECT CURRENT_ROLE()"),
        "temporary": knows(connection, "SELECT COUNT(*) FROM test.passing"),
        "kept": knows(connection, "EXECUTE kept"),
        "handler": knows(connection, "HANDLER opened CLOSE"),
        "unlocked": knows(connection, "SELECT COUNT(*) FROM elsewhere.other"),
    }
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION VARIABLES")
        known.update({name: value for name, value in cursor.fetchall() if name not in PASSING})
    return known


def fresh(connection: Connection) -> dict[str, Any]:
    """The facts of a connection that has done nothing."""
    with contextlib.closing(connection):
        return facts(connection)


# name -> what dirties a session
DIRT: dict[str, Callable[[Connection], None] | list[str]] = {
    "character set": ["SET NAMES latin1"],
    "only one character set": ["SET character_set_results=NULL"],
    "collation": ["SET collation_connection=utf8mb4_bin"],
    "time zone": ["SET time_zone='+03:00'"],
    "sql_mode": ["SET sql_mode='ANSI,NO_BACKSLASH_ESCAPES'"],
    "isolation level": ["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
    "the next isolation level": ["SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED, READ ONLY"],
    "read only": ["SET SESSION TRANSACTION READ ONLY"],
    "database": ["USE elsewhere"],
    "variable": ["SET @v=17"],
    "variable in passing": ["SELECT @v:=17"],
    "temporary table": ["CREATE TEMPORARY TABLE passing (v INT)"],
    "lock": ["SELECT GET_LOCK('restored', 0)"],
    "locked table": ["LOCK TABLES restored WRITE"],
    "transaction": ["START TRANSACTION", "UPDATE restored SET v=1 WHERE id=1"],
    "consistent transaction": ["START TRANSACTION WITH CONSISTENT SNAPSHOT"],
    "xa": ["XA START 'restored'", "UPDATE restored SET v=1 WHERE id=1"],
    "xa, ended": ["XA START 'restored'", "UPDATE restored SET v=1 WHERE id=1", "XA END 'restored'"],
    "tpc": lambda connection: connection.tpc_begin(connection.xid(1, "restored", "")),
    "prepared": prepares,
    "handler": ["HANDLER restored OPEN AS opened"],
    "autocommit": ["SET autocommit=1-@@autocommit"],
    "foreign keys": ["SET foreign_key_checks=0, unique_checks=0"],
    "insert id": ["SELECT LAST_INSERT_ID(17)"],
    "trackers": ["SET session_track_schema=0, session_track_system_variables=''", "SET NAMES latin1", "USE elsewhere"],
    "trackers on": ["SET session_track_state_change=1, session_track_transaction_info='CHARACTERISTICS'", "SET @v=1"],
}
MARIADB_DIRT: dict[str, list[str]] = {
    "statement time": ["SET max_statement_time=17"],
    "role": [f"SET ROLE `{ROLE.replace('`', '``')}`"],
    "compound": [
        "BEGIN NOT ATOMIC SET @v=17; SET sql_mode=''; SET time_zone='+01:00';"
        " CREATE TEMPORARY TABLE test.passing (v INT); END"
    ],
}
# All at once, as far as one does not end the other.
EVERYTHING = [
    *("prepared", "character set", "time zone", "sql_mode", "isolation level", "foreign keys", "variable"),
    *("temporary table", "lock", "insert id", "trackers", "autocommit", "consistent transaction"),
]


def dirty(connection: Connection, *names: str) -> None:
    for name in names:
        dirt = DIRT[name] if name in DIRT else MARIADB_DIRT[name]
        if callable(dirt):
            dirt(connection)
        else:
            run(connection, *dirt)


UNSEEN = ("the next isolation level", "xa, ended")  # whoever looks ends it, or is refused
EVERY_DIRT = [
    *DIRT,
    *(pytest.param(name, marks=pytest.mark.mariadb("MySQL has no such thing")) for name in MARIADB_DIRT),
]


@pytest.mark.parametrize("name", EVERY_DIRT)
def test_nothing_stays(connect: Connector, way: Callable[[Link], None], name: str) -> None:
    expected = fresh(connect())
    connection = connect()
    learnt(connection)
    dirty(connection, name)
    if name not in UNSEEN:
        assert facts(connection) != expected
    way(link_of(connection))
    assert facts(connection) == expected
    assert works(connection)
    assert ask(connection, "SELECT SUM(v) FROM restored") == 0


OPTIONS: list[dict[str, Any]] = [
    {},
    {"autocommit": True},
    {"autocommit": False},
    {"init_command": "SET @v='\u6e2c', sql_mode='ANSI', time_zone='+01:00'"},
    {"init_command": "SET @v=(SELECT COUNT(*) FROM restored)", "autocommit": True},
    {"init_command": "SET autocommit=1"},
    {"init_command": "SET autocommit=0", "autocommit": True},
    {"init_command": "SET NAMES latin1"},
    {"init_command": "START TRANSACTION"},
    {"init_command": "START TRANSACTION", "autocommit": True},
    {"init_command": "USE elsewhere"},
    {"read_only": True},
    {"reconnect": True},
    {"compress": True},
    {"compress": True, "init_command": "SET @v='" + "x" * 1000 + "'"},
    {"database": "mysql"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_session_is_as_the_options_say(
    connect: Connector, way: Callable[[Link], None], options: dict[str, Any]
) -> None:
    expected = fresh(connect(**options))
    connection = connect(**options)
    learnt(connection)
    for _ in range(3):
        run(connection, "ROLLBACK", "SET SESSION TRANSACTION READ WRITE", "USE test")
        dirty(connection, *EVERYTHING)
        way(link_of(connection))
        assert facts(connection) == expected
    assert works(connection)


WITHOUT_DATABASE = [
    *("character set", "time zone", "sql_mode", "isolation level", "variable", "lock", "consistent transaction", "tpc"),
    *("prepared", "autocommit"),
]


@pytest.mark.parametrize("name", WITHOUT_DATABASE)
def test_without_a_database(server: TempServer, way: Callable[[Link], None], name: str) -> None:
    arguments = {**server.connect_args, "database": None}
    expected = fresh(mariadb_py.connect(**arguments))
    assert expected["database"] is None
    with mariadb_py.connect(**arguments) as connection:
        learnt(connection)
        dirty(connection, name)
        way(link_of(connection))
        assert facts(connection) == expected


@pytest.mark.parametrize("trackers", ["1", "0"])
def test_a_database_that_cannot_be_unset(server: TempServer, trackers: str) -> None:
    """Whether the server reports it or not."""
    with mariadb_py.connect(**{**server.connect_args, "database": None}) as connection:
        run(connection, f"SET session_track_schema={trackers}", "USE test")
        link = link_of(connection)
        assert link.run(send_restore(link.core)) is False
        assert ask(connection, "SELECT DATABASE()") == "test"
        with pytest.raises(mariadb_py.InterfaceError, match="a default database cannot be unset: 'test' stays"):
            link.run(restore(link.core))


# Locks, as others see them

LOCKS = {
    "lock": f"SELECT GET_LOCK('restored', {SECONDS})",
    "locked table": "SELECT v + 1 FROM restored WHERE id = 2 FOR UPDATE",
    "transaction": "SELECT v + 1 FROM restored WHERE id = 1 FOR UPDATE",
    "xa": "SELECT v + 1 FROM restored WHERE id = 1 FOR UPDATE",
    "xa, ended": "SELECT v + 1 FROM restored WHERE id = 1 FOR UPDATE",
}


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("compress", [False, True])
def test_locks_are_free_before_the_answers_are_read(connect: Connector, name: str, compress: bool) -> None:
    observer = connect(autocommit=True, compress=compress)
    run(observer, "SET lock_wait_timeout=1")  # MySQL waits for a locked table in spite of NOWAIT
    connection = connect()
    core = learnt(connection)
    dirty(connection, name)
    if name == "lock":
        assert ask(observer, "SELECT GET_LOCK('restored', 0)") == 0
    else:
        assert not knows(observer, f"{LOCKS[name]} NOWAIT")
    run(observer, f"SET lock_wait_timeout={SECONDS}, innodb_lock_wait_timeout={SECONDS}")
    assert link_of(connection).run(send_restore(core))
    # Nothing changed, as the transaction is rolled back.
    assert ask(observer, LOCKS[name]) == 1
    assert is_pending(core)
    link_of(connection).run(finish_restore(core))
    assert works(connection)
    with observer.cursor() as cursor:
        cursor.execute("XA RECOVER")
        assert cursor.fetchall() == []


def test_the_connection_can_be_closed_before_the_answers_are_read(connect: Connector) -> None:
    connection = connect()
    core = learnt(connection)
    dirty(connection, "lock")
    link_of(connection).run(send_restore(core))
    connection.close()
    assert ask(connect(), f"SELECT GET_LOCK('restored', {SECONDS})") == 1


# Roles


DEFAULT, OTHER = "de`fault", "`other`"


@pytest.fixture(params=[DEFAULT, OTHER, None])
def account(request: pytest.FixtureRequest, connect: Connector) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Keywords for an account that has two roles, and the one that it begins with."""
    roles = {name: f"`{name.replace('`', '``')}`" for name in (DEFAULT, OTHER)}
    with connect(autocommit=True) as admin:
        run(admin, "CREATE OR REPLACE USER borrower@'127.0.0.1' IDENTIFIED BY 'pw'")
        for role in roles.values():
            run(admin, f"CREATE OR REPLACE ROLE {role}", f"GRANT {role} TO borrower@'127.0.0.1'")
            run(admin, f"GRANT ALL ON test.* TO {role}")
        run(admin, "GRANT SELECT ON test.* TO borrower@'127.0.0.1'")
        if request.param is not None:
            run(admin, f"SET DEFAULT ROLE {roles[request.param]} FOR borrower@'127.0.0.1'")
        yield {"user": "borrower", "password": "pw"}, request.param
        run(admin, "DROP USER borrower@'127.0.0.1'", *(f"DROP ROLE {role}" for role in roles.values()))


@pytest.mark.mariadb("MySQL has other statements for accounts and their roles")
@pytest.mark.parametrize("chosen", ["NONE", "`de``fault`", "```other```"])
def test_the_role_of_the_login(
    connect: Connector, way: Callable[[Link], None], account: tuple[dict[str, Any], str | None], chosen: str
) -> None:
    arguments, role = account
    connection = connect(**arguments)
    learnt(connection)
    assert ask(connection, "SELECT CURRENT_ROLE()") == role
    run(connection, f"SET ROLE {chosen}")
    way(link_of(connection))
    assert ask(connection, "SELECT CURRENT_ROLE()") == role


# What fails


@pytest.mark.parametrize("way", [deferred], indirect=True)
def test_a_database_that_is_gone(connect: Connector, way: Callable[[Link], None]) -> None:
    connection = connect(database="elsewhere")
    run(connection, "DROP DATABASE elsewhere")
    with pytest.raises(mariadb_py.Error) as caught:
        way(link_of(connection))
    assert caught.value.errno == 1049


def test_an_init_command_that_fails(connect: Connector) -> None:
    connection = connect(init_command="SELECT v FROM restored LIMIT 0 INTO @v")
    link = link_of(connection)
    run(connection, "DROP TABLE restored")
    assert link.run(send_restore(link.core))
    with pytest.raises(ProgrammingError) as caught:
        link.run(finish_restore(link.core))
    assert caught.value.errno == 1146


# What is kept on our side


@pytest.mark.parametrize("compress", [False, True])
def test_statements_are_prepared_anew(connect: Connector, way: Callable[[Link], None], compress: bool) -> None:
    connection = connect(compress=compress)
    learnt(connection)
    with connection.cursor(prepared=True) as cursor:
        for number in range(3):
            cursor.execute("SELECT ?", (number,))
            assert cursor.fetchall() == [(number,)]
            assert ask(connection, "SELECT ? + 1", (number,)) == number + 1
            way(link_of(connection))


def test_parameters_are_safe_behind_it(connect: Connector, way: Callable[[Link], None]) -> None:
    """What is believed of sql_mode and of the character set is what holds."""
    value = "\\'\"\u6e2c"
    for init_command in (None, "SET sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES'"):
        connection = connect(init_command=init_command)
        for statement in ("SET sql_mode='NO_BACKSLASH_ESCAPES'", "SET NAMES latin1", "SET sql_mode=''"):
            run(connection, statement)
            way(link_of(connection))
            assert ask(connection, "SELECT ?", (value,)) == value


# Over TLS


@pytest.fixture(scope="module")
def encrypted(server: TempServer) -> Iterator[dict[str, Any]]:
    """Keywords for a server with TLS."""
    pytest.importorskip("cryptography")
    from tests.support.tls import server_certificates, server_options

    if server.mysql:
        pytest.skip("MariaDB's options")
    with server_certificates() as made, temp_server(options=server_options(made, "good")) as own:
        yield {**own.connect_args, "ssl_ca": made.ca}


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_over_tls(encrypted: dict[str, Any], way: Callable[[Link], None], version: str) -> None:
    arguments = {**encrypted, "tls_version": version, "init_command": "SET @v=5"}
    with mariadb_py.connect(**encrypted, autocommit=True) as admin:
        create(admin, "DATABASE elsewhere")
    expected = fresh(mariadb_py.connect(**arguments))
    assert expected["variable"] == 5
    with mariadb_py.connect(**arguments) as connection:
        assert connection.tls_version == version
        learnt(connection)
        for _ in range(3):
            dirty(connection, *EVERYTHING)
            way(link_of(connection))
            assert facts(connection) == expected
