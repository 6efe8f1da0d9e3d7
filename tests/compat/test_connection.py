"""What programs for Connector/Python rely on: connections."""

from __future__ import annotations

import gc
import socket
import warnings

import pytest

import mariadb_py as mariadb
from tests.compat.rows import Database, Rows, database, fails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from mariadb_py.testing import TempServer
    from tests.compat.rows import Program

row = Rows()
tls_row = Rows()  # of a server with TLS
plugin_row = Rows()  # of one with authentication plugins


def unused_port() -> int:
    """A port of 127.0.0.1 that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@row("threadsafety is 1")
def _(db: Database) -> None:
    assert mariadb.threadsafety == 1


@row("conn.host and conn.port exist")
def _(db: Database) -> None:
    connection = db.connect()
    assert (connection.host, connection.port) == (db.arguments["host"], db.arguments["port"])


@row("an unclosed connection that is collected gives a ResourceWarning")
def _(db: Database) -> None:
    connection = mariadb.connect(**db.arguments)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del connection
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]


@row("autocommit defaults to False")
def _(db: Database) -> None:
    cursor = db.cursor()
    cursor.execute("SELECT @@autocommit")
    assert cursor.fetchall() == [(0,)]
    assert cursor.connection.autocommit is False


@row("an unknown keyword raises TypeError")
def _(db: Database) -> None:
    fails(TypeError, None, db.connect, pasword="x")


@row("a port that is a str raises TypeError")
def _(db: Database) -> None:
    fails(TypeError, None, db.connect, port=str(db.arguments["port"]))


@row('host accepts "a,b" failover, in this order')
def _(db: Database) -> None:
    port = db.arguments["port"]
    refused = f"127.0.0.1:{unused_port()}"
    connection = db.connect(host=f"{refused},127.0.0.1:{port}", port=None)
    assert connection.port == port
    connection = db.connect(host=f"127.0.0.1:{port},{refused}", port=None)
    assert connection.port == port
    fails(mariadb.OperationalError, 2002, db.connect, host=f"{refused},{refused}", port=None)


@row("local_infile works")
def _(db: Database) -> None:
    cursor = db.connect(local_infile=True).cursor()
    cursor.execute("CREATE TEMPORARY TABLE t (a INT)")
    cursor.execute("LOAD DATA LOCAL INFILE 'given' INTO TABLE t", local_infile=[b"1\n2\n"])
    assert cursor.rowcount == 2


@row("compress works")
def _(db: Database) -> None:
    cursor = db.connect(compress=True).cursor()
    cursor.execute("SHOW SESSION STATUS LIKE 'Compression'")
    assert cursor.fetchall() == [("Compression", "ON")]
    cursor.execute("SELECT ?", ("x" * 100000,))
    assert cursor.fetchall() == [("x" * 100000,)]


@tls_row("ssl=True gives an encrypted connection")
def _(db: Database) -> None:
    with pytest.warns(mariadb.SecurityWarning, match="was not verified"):
        cursor = db.connect(ssl=True).cursor()
    cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
    assert cursor.fetchall() == [("Ssl_cipher", cursor.connection.tls_cipher)]
    assert cursor.connection.tls_cipher


@tls_row("tls_fp works")
def _(db: Database) -> None:
    info = db.connect(ssl=True, ssl_verify_cert=False).tls_peer_cert_info
    assert info is not None
    colons = ":".join(info["fingerprint"][at : at + 2] for at in range(0, 64, 2)).lower()
    for right in (info["fingerprint"], colons):
        assert "verified by certificate fingerprint" in db.connect(tls_fp=right).security
    assert "fingerprint" in fails(mariadb.OperationalError, 2026, db.connect, tls_fp="00" * 32)


@tls_row("tls_version works")
def _(db: Database) -> None:
    for version in ("TLSv1.2", "TLSv1.3"):
        connection = db.connect(tls_version=version, ssl_verify_cert=False)
        assert connection.tls_version == version
        cursor = connection.cursor()
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert cursor.fetchall() == [("Ssl_version", version)]


@row("TLS that is asked for and that the server lacks is OperationalError 2026")
def _(db: Database) -> None:
    for keywords in ({"ssl": True}, {"tls_version": "TLSv1.3"}, {"tls_fp": "00" * 32}):
        fails(mariadb.OperationalError, 2026, db.connect, **keywords)


@plugin_row("ed25519 works")
def _(db: Database) -> None:
    cursor = db.connect(autocommit=True).cursor()
    cursor.execute("INSTALL SONAME 'auth_ed25519'")
    try:
        cursor.execute("CREATE OR REPLACE USER compat_ed25519@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')")
        db.connect(user="compat_ed25519", password="secret", database=None).ping()
    finally:
        cursor.execute("DROP USER IF EXISTS compat_ed25519@'%'")
        cursor.execute("UNINSTALL SONAME 'auth_ed25519'")


@row("reconnect=True renews the connection id on the next statement")
def _(db: Database) -> None:
    connection = db.connect(reconnect=True)
    before = connection.connection_id
    db.kill(connection)
    cursor = connection.cursor()
    cursor.execute("SELECT CONNECTION_ID()")
    assert cursor.fetchall() == [(connection.connection_id,)]
    assert connection.connection_id != before


@row("auto_reconnect renews the connection id on the next ping")
def _(db: Database) -> None:
    connection = db.connect()
    connection.auto_reconnect = True
    before = connection.connection_id
    db.kill(connection)
    connection.ping()
    assert connection.connection_id != before


@row("conn.kill(own id) may raise OperationalError")
def _(db: Database) -> None:
    connection = db.connect()
    fails(mariadb.OperationalError, None, connection.kill, connection.connection_id)


@row("a killed connection gives InterfaceError 2013, then 2006")
def _(db: Database) -> None:
    connection = db.connect()
    cursor = connection.cursor()
    db.kill(connection)
    fails(mariadb.InterfaceError, 2013, cursor.execute, "SELECT 1")
    fails(mariadb.InterfaceError, 2006, cursor.execute, "SELECT 1")


@row("refused is OperationalError 2002")
def _(db: Database) -> None:
    fails(mariadb.OperationalError, 2002, db.connect, port=unused_port())


@row("an unknown host is OperationalError 2005")
def _(db: Database) -> None:
    fails(mariadb.OperationalError, 2005, db.connect, host="no-such-host.invalid")


@row("a bad password is OperationalError 1045")
def _(db: Database) -> None:
    fails(mariadb.OperationalError, 1045, db.connect, password="wrong")


@row("an unknown database is ProgrammingError 1049")
def _(db: Database) -> None:
    fails(mariadb.ProgrammingError, 1049, db.connect, database="nothing")


@row("escape_string honours NO_BACKSLASH_ESCAPES")
def _(db: Database) -> None:
    connection = db.connect()
    assert connection.escape_string("a\\b") == "a\\\\b"
    connection.cursor().execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    assert connection.escape_string("a\\b") == "a\\b"
    assert connection.escape_string("it's") == "it''s"


@row("change_user(user, pw, None) works")
def _(db: Database) -> None:
    connection = db.connect()
    connection.change_user(db.arguments["user"], db.arguments["password"], None)
    assert (connection.user, connection.database) == (db.arguments["user"], None)


@row("begin() starts a transaction")
def _(db: Database) -> None:
    connection = db.connect(autocommit=True)
    connection.begin()
    assert connection.server_status & mariadb.constants.STATUS.IN_TRANS
    connection.rollback()
    assert not connection.server_status & mariadb.constants.STATUS.IN_TRANS


@row("show_warnings() gives a list of (level, code, message), or None")
def _(db: Database) -> None:
    connection = db.connect()
    cursor = connection.cursor()
    assert connection.show_warnings() is None
    cursor.execute("SELECT 1/0")
    assert connection.show_warnings() == [("Warning", 1365, "Division by 0")]


@row("tpc_state follows the steps")
def _(db: Database) -> None:
    connection = db.connect()
    states = [connection.tpc_state]
    connection.tpc_begin(connection.xid(1, "compat_state", "b"))
    states.append(connection.tpc_state)
    connection.tpc_prepare()
    states.append(connection.tpc_state)
    connection.tpc_rollback()
    assert [*states, connection.tpc_state] == [0, 1, 2, 0]


@row("dump_debug_info() works")
def _(db: Database) -> None:
    connection = db.connect()
    connection.dump_debug_info()
    connection.ping()


@row("xid(0, ...) keeps its format")
def _(db: Database) -> None:
    connection = db.connect()
    assert tuple(connection.xid(0, "a", "b")) == (0, "a", "b")


@row("tpc_begin inside a transaction raises IntegrityError")
def _(db: Database) -> None:
    cursor = db.table("a INT")
    cursor.execute("INSERT INTO t VALUES (1)")
    connection = cursor.connection
    fails(mariadb.IntegrityError, 1400, connection.tpc_begin, connection.xid(1, "compat_inside", "b"))


@row("commit and rollback during TPC raise ProgrammingError")
def _(db: Database) -> None:
    connection = db.connect()
    connection.tpc_begin(connection.xid(1, "compat_during", "b"))
    fails(mariadb.ProgrammingError, None, connection.commit)
    fails(mariadb.ProgrammingError, None, connection.rollback)
    connection.tpc_rollback()


@row("tpc_commit without prepare works")
def _(db: Database) -> None:
    cursor = db.table("a INT")
    connection = cursor.connection
    connection.tpc_begin(connection.xid(1, "compat_one_phase", "b"))
    cursor.execute("INSERT INTO t VALUES (1)")
    connection.tpc_commit()
    assert connection.tpc_state == mariadb.constants.TPC_STATE.NONE
    connection.rollback()
    cursor.execute("SELECT a FROM t")
    assert cursor.fetchall() == [(1,)]


@row("default_file works")
def _(db: Database) -> None:
    fails(mariadb.ProgrammingError, None, db.connect, default_file="/nothing/my.cnf")


@pytest.mark.parametrize("program", row)
def test_connection(program: Program, db: Database) -> None:
    program(db)


@pytest.mark.parametrize("program", tls_row)
def test_connection_with_tls(program: Program, tls_db: Database) -> None:
    program(tls_db)


@pytest.mark.parametrize("program", plugin_row)
def test_connection_by_plugin(program: Program, plugin_server: TempServer) -> None:
    with database(plugin_server) as db:
        program(db)


def test_a_connection_by_option_file_alone(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "my.cnf"
    lines = (f"{name} = {value}" for name, value in db.arguments.items())
    path.write_text("\n".join(("[client]", *lines, "")))
    arguments: dict[str, Any] = {"default_file": str(path)}
    with mariadb.connect(**arguments) as connection:
        assert (connection.user, connection.database) == (db.arguments["user"], db.arguments["database"])
