"""connect(), and the attributes and methods of a connection."""

from __future__ import annotations

import datetime
import time

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("connection")

# Attributes that a new connection has, and that are the same wherever it goes to.
for name in (
    *("autocommit", "auto_reconnect", "character_set", "collation", "database", "open", "server_info"),
    *(
        "server_name",
        "server_status",
        "server_version",
        "server_version_info",
        "tls_cipher",
        "tls_version",
        "unix_socket",
    ),
    *("user", "warnings", "tpc_state", "tls_peer_cert_info", "_tls", "_used", "server_mariadb", "host"),
    *("server_capabilities", "extended_server_capabilities"),
):
    cases.add(f"attribute_{name}", lambda o, name=name: getattr(o.connect(), name))
for name in ("connection_id", "thread_id", "server_port", "port", "socket", "client_capabilities"):
    cases.add(f"attribute_{name}", lambda o, name=name: type(getattr(o.connect(), name)).__name__)
for name in (
    *("autocommit", "character_set", "connection_id", "database", "open", "server_info", "server_status", "user"),
    *("warnings", "server_version", "server_name", "tls_cipher", "client_capabilities", "auto_reconnect"),
):

    def closed_attribute(o: Bench, name: str = name) -> Any:
        connection = o.connect()
        connection.close()
        return o.attempt(getattr, connection, name)

    cases.add(f"closed_{name}", closed_attribute)

METHODS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("begin", "commit", "rollback", "cursor", "ping", "reset", "reconnect", "dump_debug_info"), ()),
    **dict.fromkeys(("close", "show_warnings", "get_server_version", "character_set_name", "tpc_prepare"), ()),
    **dict.fromkeys(("tpc_commit", "tpc_rollback", "tpc_recover"), ()),
    "select_db": ("test",),
    "escape_string": ("a",),
    "kill": (1,),
    "change_user": ("u", "p", "d"),
    "xid": (1, "a", "b"),
}
for name, arguments in METHODS.items():

    def closed_method(o: Bench, name: str = name, arguments: tuple[Any, ...] = arguments) -> Any:
        connection = o.connect()
        connection.close()
        return o.attempt(lambda: getattr(connection, name)(*arguments))

    cases.add(f"closed_method_{name}", closed_method)
for name in ("begin", "commit", "rollback", "ping", "reset", "reconnect", "dump_debug_info", "show_warnings"):
    cases.add(f"returns_{name}", lambda o, name=name: getattr(o.connect(), name)())

# Keywords of connect()
KEYWORDS: dict[str, dict[str, Any]] = {
    "unknown": {"nothing": 1},
    "dsn": {"dsn": "host=x"},
    "port_str": {"port": "3306"},
    "port_float": {"port": 1.5},
    "user_int": {"user": 1},
    "host_int": {"host": 1},
    "password_int": {"password": 1},
    "database_int": {"database": 1},
    "database_unknown": {"database": "nothing"},
    "connect_timeout_str": {"connect_timeout": "1"},
    "init_command_wrong": {"init_command": "nonsense"},
    "password_wrong": {"password": "wrong"},
    "user_unknown": {"user": "nobody"},
    "refused": {"port": 1},
    "host_unknown": {"host": "no.such.host.invalid"},
    "socket_unknown": {"host": None, "port": None, "unix_socket": "/nothing"},
    "connectionclass_wrong": {"connectionclass": dict},
    "client_flag_str": {"client_flag": "1"},
    "aliases": {"user": None, "database": None, "username": "mariadb_py", "db": "test"},
    "default_file_unknown": {"default_file": "/nothing.cnf"},
    "ssl_false": {"ssl": False},
    "plugin_dir": {"plugin_dir": "/nothing"},
    "compress": {"compress": True},
    "timeouts": {"connect_timeout": 5, "read_timeout": 5, "write_timeout": 5},
    "none_values": {"init_command": None, "unix_socket": None},
    "found_rows": {"client_flag": 2},
    "host_list": {"host": "127.0.0.1,127.0.0.2"},
}
for name, keywords in KEYWORDS.items():

    def connecting(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        connection = o.connect(**keywords)
        return connection.user, connection.database, connection.open

    cases.add(f"keyword_{name}", connecting)


@cases
def positional_host(o: Bench) -> Any:
    return o.attempt(o.m.connect, "127.0.0.1")


@cases
def keyword_autocommit(o: Bench) -> Any:
    def state(**keywords: Any) -> Any:
        cursor = o.connect(**keywords).cursor()
        cursor.execute("SELECT @@autocommit")
        return cursor.fetchone(), cursor.connection.autocommit

    return [state(), state(autocommit=True), state(autocommit=False), state(autocommit=1)]


@cases
def keyword_init_command(o: Bench) -> Any:
    connection = o.connect(init_command="SET @a = 7")
    cursor = connection.cursor()
    cursor.execute("SELECT @a")
    return cursor.fetchall()


@cases
def keyword_local_infile_default(o: Bench) -> Any:
    cursor = o.table("a INT")
    return str(o.attempt(cursor.execute, "LOAD DATA LOCAL INFILE '/nothing' INTO TABLE t")).split()[:1]


@cases
def keyword_multi_statements(o: Bench) -> Any:
    cursor = o.connect(client_flag=o.m.constants.CLIENT.MULTI_STATEMENTS).cursor()
    cursor.execute("SELECT 1; SELECT 2, 3; SET @a = 1")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall() if cursor.description else cursor.rowcount)
    return found


@cases
def multi_statements_off(o: Bench) -> Any:
    return o.rows("SELECT 1; SELECT 2")


@cases
def set_autocommit(o: Bench) -> Any:
    connection = o.connect()
    connection.autocommit = True
    on = connection.autocommit, connection.server_status & 2
    connection.autocommit = 0
    return on, connection.autocommit, connection.server_status & 2


@cases
def set_database(o: Bench) -> Any:
    connection = o.connect()
    connection.database = "mysql"
    first = connection.database
    connection.select_db("test")
    return first, connection.database, o.attempt(connection.select_db, "nothing"), connection.database


@cases
def set_database_that_needs_quotes(o: Bench) -> Any:
    connection = o.connect()
    connection.cursor().execute("CREATE OR REPLACE DATABASE `a b`")

    def change() -> Any:
        connection.database = "a b"
        return connection.database

    return o.attempt(change)


@cases
def use_changes_database(o: Bench) -> Any:
    connection = o.connect()
    connection.cursor().execute("USE mysql")
    return connection.database


@cases
def set_a_read_only_attribute(o: Bench) -> Any:
    return o.attempt(setattr, o.connect(), "server_info", "x")


@cases
def transactions(o: Bench) -> Any:
    cursor = o.table("a INT")
    connection = cursor.connection
    connection.begin()
    cursor.execute("INSERT INTO t VALUES (1)")
    connection.rollback()
    cursor.execute("INSERT INTO t VALUES (2)")
    connection.commit()
    connection.rollback()
    cursor.execute("SELECT * FROM t")
    return cursor.fetchall()


@cases
def leaving_the_with_block(o: Bench) -> Any:
    with o.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (a INT)")
        cursor.execute("INSERT INTO t VALUES (1)")
    return o.attempt(connection.ping), o.rows("SELECT * FROM t")


@cases
def leaving_the_with_block_closed(o: Bench) -> Any:
    def block() -> None:
        with o.connect() as connection:
            connection.close()

    return o.attempt(block)


@cases
def escape_string(o: Bench) -> Any:
    connection = o.connect()
    return [connection.escape_string(text) for text in ("", "a'b", 'a"b', "a\\b", "a\0b", "a\nb\rc", "\x1a", "é😀%_`")]


@cases
def escape_string_no_backslash_escapes(o: Bench) -> Any:
    connection = o.connect()
    connection.cursor().execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    return [connection.escape_string(text) for text in ("a'b", "a\\b", "a\nb")]


@cases
def escape_string_of_bytes(o: Bench) -> Any:
    return o.attempt(o.connect().escape_string, b"a")


@cases
def show_warnings(o: Bench) -> Any:
    connection = o.connect()
    cursor = connection.cursor()
    none = connection.show_warnings(), connection.warnings
    cursor.execute("SELECT 1/0, CAST('x' AS INT)")
    count = connection.warnings, cursor.warnings
    return none, count, connection.show_warnings()


@cases
def warnings_after_the_next_statement(o: Bench) -> Any:
    connection = o.connect()
    cursor = connection.cursor()
    cursor.execute("SELECT 1/0")
    cursor.execute("SELECT 1")
    return connection.warnings, cursor.warnings, connection.show_warnings()


@cases
def ping_of_a_killed_connection(o: Bench) -> Any:
    victim, killer = o.connect(), o.connect()
    killer.kill(victim.connection_id)
    time.sleep(0.3)
    return o.attempt(victim.ping), o.attempt(victim.ping)


@cases
def open_of_a_killed_connection(o: Bench) -> Any:
    victim, killer = o.connect(), o.connect()
    killer.kill(victim.connection_id)
    time.sleep(0.3)
    return victim.open


@cases
def statement_on_a_killed_connection(o: Bench) -> Any:
    victim, killer = o.connect(), o.connect()
    cursor = victim.cursor()
    killer.kill(victim.connection_id)
    time.sleep(0.3)
    return o.attempt(cursor.execute, "SELECT 1"), o.attempt(cursor.execute, "SELECT 1")


@cases
def kill_unknown(o: Bench) -> Any:
    return o.attempt(o.connect().kill, 99999999)


@cases
def kill_own(o: Bench) -> Any:
    connection = o.connect()
    return str(o.attempt(connection.kill, connection.connection_id))[:21]


@cases
def kill_str(o: Bench) -> Any:
    return o.attempt(o.connect().kill, "1")


def renews(o: Bench, act: Any, **keywords: Any) -> Any:
    """Whether a killed connection lives again, with another id."""
    victim, killer = o.connect(**keywords), o.connect()
    before = victim.connection_id
    killer.kill(before)
    time.sleep(0.3)
    act(victim)
    return victim.connection_id != before, victim.open


@cases
def reconnect(o: Bench) -> Any:
    return renews(o, lambda connection: connection.reconnect())


@cases
def auto_reconnect_ping(o: Bench) -> Any:
    return renews(o, lambda connection: connection.ping(), reconnect=True)


@cases
def auto_reconnect_statement(o: Bench) -> Any:
    return renews(o, lambda connection: connection.cursor().execute("SELECT 1"), reconnect=True)


@cases
def auto_reconnect_is_settable(o: Bench) -> Any:
    connection = o.connect()
    connection.auto_reconnect = True
    return connection.auto_reconnect, o.connect(reconnect=True).auto_reconnect


@cases
def cursor_over_a_reconnect(o: Bench) -> Any:
    connection = o.connect()
    cursor = connection.cursor()
    connection.reconnect()
    return o.attempt(cursor.execute, "SELECT 1")


@cases
def change_user(o: Bench) -> Any:
    connection = o.connect()
    cursor = connection.cursor()
    cursor.execute("CREATE OR REPLACE USER other@'127.0.0.1' IDENTIFIED BY 'pw'")
    cursor.execute("GRANT ALL ON *.* TO other@'127.0.0.1'")
    connection.change_user("other", "pw", None)
    first = connection.user, connection.database
    connection.change_user("other", "pw", "test")
    return first, connection.user, connection.database, o.attempt(connection.change_user, "other", "no", "")


@cases
def change_user_to_an_unknown_database(o: Bench) -> Any:
    return o.attempt(o.connect().change_user, o.arguments["user"], o.arguments["password"], "nothing")


@cases
def change_user_keeps_no_variables(o: Bench) -> Any:
    connection = o.connect()
    cursor = connection.cursor()
    cursor.execute("SET @a = 1")
    connection.change_user(o.arguments["user"], o.arguments["password"], "test")
    cursor = connection.cursor()
    cursor.execute("SELECT @a, @@autocommit")
    return cursor.fetchall(), connection.autocommit


@cases
def reset(o: Bench) -> Any:
    connection = o.connect()
    cursor = connection.cursor()
    cursor.execute("SET @a = 1")
    connection.reset()
    cursor.execute("SELECT @a, DATABASE()")
    return cursor.fetchall(), connection.database


@cases
def reset_and_autocommit(o: Bench) -> Any:
    connection = o.connect()
    connection.reset()
    cursor = connection.cursor()
    cursor.execute("SELECT @@autocommit")
    return cursor.fetchall(), connection.autocommit


@cases
def converter(o: Bench) -> Any:
    types = o.m.constants.FIELD_TYPE
    functions = {
        types.LONG: lambda value: ("int", value),
        types.VAR_STRING: str.upper,
        types.NULL: lambda value: "null",
    }
    cursor = o.connect(converter=functions).cursor()
    cursor.execute("SELECT 1, 'abc', NULL, 2.5")
    first = cursor.fetchall()
    cursor.execute("SELECT CAST(NULL AS INT), ?", (datetime.date(2020, 1, 2),))
    return first, cursor.fetchall()


@cases
def a_cursor_class_of_ones_own(o: Bench) -> Any:
    kind = type("Own", (o.m.Cursor,), {})
    return type(o.connect().cursor(cursorclass=kind)).__name__, o.attempt(o.connect().cursor, cursorclass=dict)


@cases
def a_connection_class_of_ones_own(o: Bench) -> Any:
    kind = type("Own", (o.m.Connection,), {})
    return type(o.connect(connectionclass=kind)).__name__


@cases
def cursor_keyword_unknown(o: Bench) -> Any:
    return o.attempt(o.connect().cursor, nothing=1)
