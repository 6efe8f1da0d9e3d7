"""What test_proxy.py does with a connection through the proxy, while packets are edited."""

from __future__ import annotations

import datetime
import decimal
import io
import itertools
from contextlib import closing
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import mariadb_py
from mariadb_py.constants import CLIENT as FLAGS
from mariadb_py.exceptions import IntegrityError, LostConnectionError, NotSupportedError
from tests.support.running import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mariadb_py import Connection, Cursor
    from mariadb_py.testing import TempServer

SETUP = (
    "CREATE TABLE stored (run INT, n INT, v LONGBLOB, PRIMARY KEY (run, n))",
    "CREATE TABLE counted (id INT PRIMARY KEY AUTO_INCREMENT, run INT, n INT)",
    "CREATE TABLE kinds (i INT, d DECIMAL(10,2), f DOUBLE, t DATETIME(6), s VARCHAR(20), b BLOB, z INT)",
    "INSERT INTO kinds VALUES (-7, 1.5, 0.25, '2024-02-29 12:34:56.789', 'gr\u00fcn', X'00FF', NULL)",
    "CREATE PROCEDURE several(x INT) BEGIN SELECT seq FROM seq_1_to_3; SELECT x, 'b'; END",
    "CREATE PROCEDURE outs(a INT, OUT b INT) BEGIN SELECT 'first'; SET b = a + 1; END",
    "CREATE DATABASE other",
)
OPTIONS = (
    "--max-allowed-packet=64M",
    "--innodb-flush-log-at-trx-commit=0",
    "--local-infile=ON",
    "--max-connections=500",
)


def set_up(server: TempServer) -> None:
    """Make the tables and procedures of the scenarios."""
    with mariadb_py.connect(**server.connect_args, autocommit=True) as connection:
        for statement in SETUP:
            ask(connection, statement)


class Scenario(NamedTuple):
    """Something that is done with a connection.

    Args:
        name: unique.
        perform: does it, with a number that no other run has; returns what `result` must be.
        result: what it returns, when nobody interferes.
        keywords: further keywords for the connection.
        check: afterwards, over another connection: what the first one did is there.
        alone: `perform` gets keywords for `mariadb_py.connect()` in place of a connection.
        recovers: it goes on with another connection, so that what must be an error can be right.
        login: the packets of the login are edited as well; they are the same in all scenarios.
        heavy: it takes its time, so not every edit is tried, and few at once.
    """

    name: str
    perform: Callable[[Any, int], Any]
    result: Any
    keywords: Mapping[str, Any] = MappingProxyType({})
    check: Callable[[Connection, int], bool] | None = None
    alone: bool = False
    recovers: bool = False
    login: bool = False
    heavy: bool = False


def rows(connection: Connection, sql: str, data: Any = None, **keywords: Any) -> list[Any]:
    with connection.cursor(**keywords) as cursor:
        cursor.execute(sql, data)
        return cursor.fetchall()


def results(cursor: Cursor) -> list[Any]:
    """Rows, or the row count, of each result."""
    return [cursor.fetchall() if cursor.description else cursor.rowcount for _ in _sets(cursor)]


def _sets(cursor: Cursor) -> Iterator[None]:
    yield
    while cursor.nextset():
        yield


# Logging in


def log_in(connection: Connection, run: int) -> Any:
    return connection.database, connection.autocommit, connection.character_set, ask(connection, "SELECT 'here'")


def log_in_with_command(connection: Connection, run: int) -> Any:
    return connection.autocommit, ask(connection, "SELECT @chosen")


# Queries


def select(connection: Connection, run: int) -> Any:
    return rows(connection, "SELECT seq, REPEAT('x', seq) FROM seq_1_to_4")


def select_twice(connection: Connection, run: int) -> Any:
    """The second time, the columns are known."""
    return [rows(connection, "SELECT seq, ? FROM seq_1_to_2", (text,)) for text in ("first", "second")]


def select_unbuffered(connection: Connection, run: int) -> Any:
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("SELECT seq, REPEAT('x', seq) FROM seq_1_to_5")
        return list(cursor)


def give_up_rows(connection: Connection, run: int) -> Any:
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_5")
        first = cursor.fetchone()
    return first, rows(connection, "SELECT 'next'")


def long_rows(connection: Connection, run: int) -> Any:
    """More than is received at once."""
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("SELECT seq, REPEAT('x', 40000) FROM seq_1_to_3")
        return [(number, len(text)) for number, text in cursor]


KINDS = (
    -7,
    decimal.Decimal("1.50"),
    0.25,
    datetime.datetime(2024, 2, 29, 12, 34, 56, 789000),
    "gr\u00fcn",
    b"\0\xff",
    None,
)


def select_kinds(connection: Connection, run: int) -> Any:
    return rows(connection, "SELECT * FROM kinds")


def empty_result(connection: Connection, run: int) -> Any:
    return rows(connection, "SELECT 1 FROM kinds WHERE i = 0"), ask(connection, "DO 1")


def server_error(connection: Connection, run: int) -> Any:
    try:
        ask(connection, "SELECT a FROM (SELECT 1 a UNION SELECT 2) x WHERE a = (SELECT seq FROM seq_1_to_2)")
    except mariadb_py.OperationalError as error:
        if error.errno != 1242:
            raise
    return ask(connection, "SELECT 'goes on'")


def error_among_rows(connection: Connection, run: int) -> Any:
    try:
        rows(connection, "SELECT EXP(300 * seq) > 1 FROM seq_1_to_5", buffered=False)
    except IntegrityError as error:
        if error.errno == 1690:
            return ask(connection, "SELECT 'goes on'")
        raise
    return None


def warnings(connection: Connection, run: int) -> Any:
    ask(connection, "SELECT CAST('12x' AS INT)")
    return connection.warnings, connection.show_warnings()


def statements_at_once(connection: Connection, run: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; DO 0; SELECT seq FROM seq_1_to_2")
        return results(cursor)


# Prepared statements


def execute_prepared(connection: Connection, run: int) -> Any:
    with connection.cursor(prepared=True) as cursor:
        found = []
        for number in range(3):
            cursor.execute("SELECT ? + 1, ?", (number, "x"))
            found.append(cursor.fetchone())
        return found


def prepare_in_turn(connection: Connection, run: int) -> Any:
    """Without a cache each statement is closed."""
    return [ask(connection, f"SELECT ? + {number}", (b"1",)) for number in range(2)]


def fetch_from_server(connection: Connection, run: int) -> Any:
    with connection.cursor(cursor_type=1, prefetch_size=2) as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_5 WHERE seq <> ?", (3,))
        return list(cursor)


def call_several(connection: Connection, run: int) -> Any:
    with connection.cursor() as cursor:
        cursor.callproc("several", (7,))
        return results(cursor)


def call_outs(connection: Connection, run: int) -> Any:
    with connection.cursor() as cursor:
        cursor.callproc("outs", (6, None))
        return results(cursor)


def call_unbuffered(connection: Connection, run: int) -> Any:
    with connection.cursor(buffered=False) as cursor:
        cursor.callproc("several", (7,))
        return results(cursor)


# Writing


def insert(connection: Connection, run: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO counted (run, n) VALUES (?, 1), (?, 2)", (run, run))
        return cursor.rowcount, cursor.lastrowid is not None


def has(count: int) -> Callable[[Connection, int], bool]:
    """So many rows of a run are in the table."""
    return lambda connection, run: ask(connection, "SELECT COUNT(*) FROM stored WHERE run = ?", (run,)) == count


def inserted(connection: Connection, run: int) -> bool:
    return ask(connection, "SELECT COUNT(*) FROM counted WHERE run = ?", (run,)) == 2


def duplicate_key(connection: Connection, run: int) -> Any:
    statement, data = "INSERT INTO stored VALUES (?, 1, 'a')", (run,)
    ask(connection, statement, data)
    try:
        ask(connection, statement, data)
    except IntegrityError:
        return ask(connection, "SELECT v FROM stored WHERE run = ?", data)


def bulk(connection: Connection, run: int) -> Any:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO stored VALUES (?, ?, ?)", [(run, number, "x") for number in range(4)])
        return cursor.rowcount


def bulk_in_chunks(connection: Connection, run: int) -> Any:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO stored VALUES (?, ?, ?)", ((run, number, "x" * 300) for number in range(8)))
        return cursor.rowcount


def bulk_returning(connection: Connection, run: int) -> Any:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO stored VALUES (?, ?, 'x') RETURNING n", [(run, 1), (run, 2)])
        return cursor.fetchall()


def one_by_one(connection: Connection, run: int) -> Any:
    """Rows that the server does not run in bulk."""
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO stored SELECT ?, ?, 'x'", [(run, 1), (run, 2)])
        return cursor.rowcount


def commit(connection: Connection, run: int) -> Any:
    ask(connection, "INSERT INTO stored VALUES (?, 1, 'a')", (run,))
    return connection.commit()


def begin_and_commit(connection: Connection, run: int) -> Any:
    connection.begin()
    ask(connection, "INSERT INTO stored VALUES (?, 1, 'a')", (run,))
    connection.commit()
    return ask(connection, "SELECT COUNT(*) FROM stored WHERE run = ?", (run,))


def roll_back(connection: Connection, run: int) -> Any:
    ask(connection, "INSERT INTO stored VALUES (?, 1, 'a')", (run,))
    connection.rollback()
    return ask(connection, "SELECT COUNT(*) FROM stored WHERE run = ?", (run,))


def two_phases(connection: Connection, run: int) -> Any:
    connection.tpc_begin(connection.xid(1, f"global {run}", "branch"))
    ask(connection, "INSERT INTO stored VALUES (?, 1, 'a')", (run,))
    connection.tpc_prepare()
    connection.tpc_commit()
    return connection.tpc_state


def recover(connection: Connection, run: int) -> Any:
    """A prepared transaction is found again; those of other runs may be there, too."""
    xid = connection.xid(1, f"recovered {run}", "branch")
    connection.tpc_begin(xid)
    ask(connection, "INSERT INTO stored VALUES (?, 1, 'a')", (run,))
    connection.tpc_prepare()
    found = xid in connection.tpc_recover()
    connection.tpc_rollback()
    return found


BLOB = bytes(range(256)) * 4096


def write_and_read_blob(connection: Connection, run: int) -> Any:
    ask(connection, "INSERT INTO stored VALUES (?, 1, ?)", (run, BLOB))
    return ask(connection, "SELECT v FROM stored WHERE run = ?", (run,)) == BLOB


def continued(connection: Connection, run: int) -> Any:
    value = ask(connection, "SELECT CONCAT(REPEAT('x', 16777215), 'end')")
    return len(value), value[-4:]


def write_continued(connection: Connection, run: int) -> Any:
    return ask(connection, "SELECT LENGTH(?)", (bytes(16777216),))


# LOCAL INFILE

LOAD = "LOAD DATA LOCAL INFILE 'none' INTO TABLE stored FIELDS TERMINATED BY ',' (run, n, v)"


def load(connection: Connection, run: int) -> Any:
    lines = "".join(f"{run},{number},text\n" for number in range(4))
    with connection.cursor() as cursor:
        cursor.execute(LOAD, local_infile=[line.encode() for line in lines.splitlines(True)])
        return cursor.rowcount


def load_file(connection: Connection, run: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(LOAD, local_infile=io.BytesIO(b"".join(b"%d,%d,\n" % (run, n) for n in range(9))))
        return cursor.rowcount


def refuse_to_load(connection: Connection, run: int) -> Any:
    """Where the server is not allowed to ask for a file."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(LOAD)
    except (NotSupportedError, mariadb_py.ProgrammingError, mariadb_py.OperationalError) as error:
        if isinstance(error, LostConnectionError) or error.errno == 2027:
            raise
    return ask(connection, "SELECT 'goes on'")


# The session


def ping(connection: Connection, run: int) -> Any:
    return connection.ping(), connection.ping(), connection.ping()


def reset(connection: Connection, run: int) -> Any:
    ask(connection, "SET @a = 1")
    connection.reset()
    return ask(connection, "SELECT @a")


def change_user(connection: Connection, run: int) -> Any:
    arguments = connection._core.options
    connection.change_user(arguments.user, arguments.current_password(), "other")
    return ask(connection, "SELECT DATABASE()")


def select_db(connection: Connection, run: int) -> Any:
    connection.select_db("other")
    return connection.database, ask(connection, "SELECT DATABASE()")


def set_autocommit(connection: Connection, run: int) -> Any:
    before = connection.autocommit
    connection.autocommit = True
    return before, connection.autocommit, ask(connection, "SELECT @@autocommit")


def reconnect(connection: Connection, run: int) -> Any:
    before = connection.connection_id
    connection.reconnect()
    return connection.connection_id != before, ask(connection, "SELECT 'new'")


_POOLS = itertools.count()


def borrow(keywords: dict[str, Any], run: int) -> Any:
    """A session is brought back before another borrower gets it."""
    with mariadb_py.ConnectionPool(pool_name=f"proxied {next(_POOLS)}", pool_size=1, **keywords) as pool:
        with pool.get_connection() as connection:
            ask(connection, "SET @a = 1")
        with pool.get_connection() as connection:
            return ask(connection, "SELECT @a")


def borrow_checked(keywords: dict[str, Any], run: int) -> Any:
    """Each borrower's connection is asked for a sign of life first."""
    name = f"proxied {next(_POOLS)}"
    with mariadb_py.ConnectionPool(
        pool_name=name, pool_size=1, pool_validation_interval=0, pool_reset_connection=False, **keywords
    ) as pool:
        found = []
        for number in range(2):
            with pool.get_connection() as connection:
                found.append(ask(connection, "SELECT ?", (number,)))
        return found


def open_twice(keywords: dict[str, Any], run: int) -> Any:
    with closing(mariadb_py.connect(**keywords)) as one, closing(mariadb_py.connect(**keywords)) as other:
        return ask(one, "SELECT 1"), ask(other, "SELECT 2"), ask(one, "SELECT 3")


PREFIX = [(number,) for number in range(1, 4)]
SCENARIOS = (
    Scenario("login", log_in, ("test", False, "utf8mb4", "here"), login=True),
    Scenario(
        "login with init_command",
        log_in_with_command,
        (True, "it"),
        {"init_command": "SET @chosen = 'it'", "autocommit": True},
        login=True,
    ),
    Scenario("select", select, [(number, "x" * number) for number in range(1, 5)]),
    Scenario("select twice", select_twice, [[(1, "first"), (2, "first")], [(1, "second"), (2, "second")]]),
    Scenario("select unbuffered", select_unbuffered, [(number, "x" * number) for number in range(1, 6)]),
    Scenario("give up rows", give_up_rows, ((1,), [("next",)])),
    Scenario("long rows", long_rows, [(1, 40000), (2, 40000), (3, 40000)]),
    Scenario("select kinds, text", select_kinds, [KINDS]),
    Scenario("select kinds, binary", select_kinds, [KINDS], {"binary": True}),
    Scenario("select compressed", select, [(number, "x" * number) for number in range(1, 5)], {"compress": True}),
    Scenario("empty result", empty_result, ([], None)),
    Scenario("server error", server_error, "goes on"),
    Scenario("error among rows", error_among_rows, "goes on"),
    Scenario("warnings", warnings, (1, [("Warning", 1292, "Truncated incorrect INTEGER value: '12x'")])),
    Scenario(
        "statements at once",
        statements_at_once,
        [[(1,)], 0, [(1,), (2,)]],
        {"client_flag": FLAGS.MULTI_STATEMENTS},
    ),
    Scenario("execute prepared", execute_prepared, [(1, "x"), (2, "x"), (3, "x")]),
    Scenario("prepare in turn", prepare_in_turn, [1.0, 2.0], {"cache_prep_stmts": False}),
    Scenario("fetch from server", fetch_from_server, [(1,), (2,), (4,), (5,)]),
    Scenario("call several", call_several, [PREFIX, [(7, "b")], 0]),
    Scenario("call outs", call_outs, [[("first",)], [(7,)], 0]),
    Scenario("call unbuffered", call_unbuffered, [PREFIX, [(7, "b")], 0]),
    Scenario("insert", insert, (2, True), {"autocommit": True}, check=inserted),
    Scenario("duplicate key", duplicate_key, b"a"),
    Scenario("executemany", bulk, 4, {"autocommit": True}, check=has(4)),
    Scenario(
        "executemany in chunks", bulk_in_chunks, 8, {"autocommit": True, "max_allowed_packet": 1024}, check=has(8)
    ),
    Scenario("executemany returning", bulk_returning, [(1,), (2,)], {"autocommit": True}, check=has(2)),
    Scenario("executemany one by one", one_by_one, 2, {"autocommit": True}, check=has(2)),
    Scenario("commit", commit, None, check=has(1)),
    Scenario("begin and commit", begin_and_commit, 1, check=has(1)),
    Scenario("roll back", roll_back, 0, check=has(0)),
    Scenario("two phases", two_phases, 0, check=has(1)),
    Scenario("recover", recover, True, check=has(0)),
    Scenario("write and read a BLOB", write_and_read_blob, True, heavy=True),
    Scenario("read over 16 MiB", continued, (16777218, "xend"), heavy=True),
    Scenario("write over 16 MiB", write_continued, 16777216, {"max_allowed_packet": 1 << 26}, heavy=True),
    Scenario("load", load, 4, {"local_infile": True, "autocommit": True}, check=has(4)),
    Scenario("load a file", load_file, 9, {"local_infile": True, "autocommit": True}, check=has(9)),
    Scenario("refuse to load", refuse_to_load, "goes on"),
    Scenario("ping", ping, (None, None, None)),
    Scenario("reset", reset, None),
    Scenario("change user", change_user, "other"),
    Scenario("select_db", select_db, ("other", "other")),
    Scenario("set autocommit", set_autocommit, (False, True, 1)),
    Scenario("reconnect", reconnect, (True, "new")),
    Scenario("borrow from a pool", borrow, None, alone=True, recovers=True),
    Scenario("borrow and check", borrow_checked, [0, 1], alone=True, recovers=True),
    Scenario("open twice", open_twice, (1, 2, 3), alone=True),
)
