"""T2. Whatever a borrower does to his session, the next one finds a fresh one, and locks are free at close().

A fresh session is one that a new connection has: all session variables, the database, the role, and a few questions
that only a session with something left over answers. Both kinds of reset are tried, with two accounts: one with a
default role.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import ConnectionPool
from mariadb_py.testing import temp_server
from tests.chaos.program import Form, errno, execute, fetch, main, prove, value

if TYPE_CHECKING:
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer

FREE_WITHIN = 0.1  # seconds
# Statements that dirty a session.
DIRT: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "charset": ("SET NAMES latin1",),
    "charset of results": ("SET character_set_results = NULL",),
    "collation": ("SET collation_connection = utf8mb4_bin",),
    "time_zone": ("SET time_zone = '+05:00'",),
    "sql_mode": ("SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT'",),
    "isolation": ("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",),
    "isolation, once": ("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",),
    "read only": ("SET SESSION TRANSACTION READ ONLY",),
    "USE": ("USE other",),
    "autocommit": ("SET autocommit = 1 - @@autocommit",),
    "user variable": ("SET @v = 42",),
    "user variable in a query": ("SELECT @v := 42",),
    "temporary table": ("CREATE TEMPORARY TABLE passing (n INT)",),
    "temporary table over another": ("CREATE TEMPORARY TABLE locked (n INT)",),
    "prepared statement": ("PREPARE s FROM 'SELECT 1'", "EXECUTE s"),
    "max_statement_time": ("SET max_statement_time = 42",),
    "wait_timeout": ("SET wait_timeout = 4321",),
    "role": ("SET ROLE reader",),
    "no role": ("SET ROLE NONE",),
    "sequence": ("SELECT NEXTVAL(numbers)",),
    "warning": ("SELECT 1 / 0",),
    "last insert id": ("INSERT INTO counted VALUES ()",),
    "trackers": ("SET session_track_schema = OFF, session_track_system_variables = ''",),
    "foreign_key_checks": ("SET foreign_key_checks = 0, unique_checks = 0",),
    "time": ("SET timestamp = 1",),
    "GET_LOCK": ("SELECT GET_LOCK('mine', 0)",),
    "LOCK TABLES": ("LOCK TABLES locked WRITE",),
    "open transaction": ("START TRANSACTION", "UPDATE locked SET n = 7"),
    "implicit transaction": ("SET autocommit = 0", "UPDATE locked SET n = 7"),
    "XA, active": ("XA START 'x'", "UPDATE locked SET n = 7"),
    "XA, idle": ("XA START 'x'", "UPDATE locked SET n = 7", "XA END 'x'"),
    "HANDLER": ("HANDLER locked OPEN", "HANDLER locked READ FIRST"),
    "global read lock": ("FLUSH TABLES WITH READ LOCK",),
    "all at once": (
        *("SET NAMES latin1", "SET @v = 42, sql_mode = 'ANSI'", "USE other"),
        *("CREATE TEMPORARY TABLE test.passing (n INT)", "SET timestamp = 1"),
        *("SELECT GET_LOCK('mine', 0)", "PREPARE s FROM 'SELECT 1'", "SET ROLE reader", "HANDLER test.locked OPEN"),
        *("START TRANSACTION", "UPDATE test.locked SET n = 7"),
    ),
}
# What another session needs, with nobody's lock in the way.
OTHERS = (
    "SET STATEMENT lock_wait_timeout = 0, innodb_lock_wait_timeout = 0 FOR UPDATE locked SET n = n",
    "SET STATEMENT lock_wait_timeout = 0 FOR ALTER TABLE locked COMMENT 'touched'",
)
# What only a session with something left over can do, and the error that a fresh one gives.
LEFT_OVER = {"EXECUTE s": 1243, "SELECT * FROM passing": 1146, "HANDLER locked READ FIRST": 1109, "XA END 'x'": 1397}
# Differ from connection to connection, or by the time.
_VOLATILE = {"pseudo_thread_id", "rand_seed1", "rand_seed2", "timestamp", "last_gtid", "gtid_seq_no"}


def program(form: Form) -> str:
    slowest = 0.0
    rounds = 0
    with ExitStack() as stack:
        server = stack.enter_context(temp_server())
        other = stack.enter_context(mariadb_py.connect(**server.connect_args, autocommit=True))
        accounts = set_up(server, other)
        uncommitted = stack.enter_context(mariadb_py.connect(**server.connect_args))
        execute(uncommitted, "UPDATE seen SET n = 2")
        for account in accounts:
            for pipeline in (True, False):
                options: dict[str, Any] = {**server.connect_args, **account, "pipeline_reset": pipeline}
                for autocommit in form.pick((False, True), (False,)):
                    slowest = max(slowest, _with_pool(form, other, autocommit=autocommit, **options))
                    rounds += 1
    return (
        f"{len(DIRT)} kinds of dirt x {rounds} pools leave nothing; locks are free {slowest * 1000:.1f} ms "
        f"behind close() at the latest (bound {form.bound(FREE_WITHIN) * 1000:.0f})"
    )


def set_up(server: TempServer, other: Connection) -> tuple[dict[str, str], ...]:
    """Make tables and accounts; what the accounts log in with, besides."""
    secret = {"password": "secret"}
    execute(
        other,
        "CREATE DATABASE other",
        "CREATE TABLE locked (n INT PRIMARY KEY)",
        "INSERT INTO locked VALUES (1)",
        "CREATE TABLE seen (n INT)",
        "INSERT INTO seen VALUES (1)",
        "CREATE TABLE counted (n INT PRIMARY KEY AUTO_INCREMENT)",
        "CREATE SEQUENCE numbers",
        "CREATE ROLE reader",
        "CREATE ROLE writer",
        *(f"GRANT {role} TO {server.user}@'127.0.0.1'" for role in ("reader", "writer")),
        "CREATE USER with_role@'127.0.0.1' IDENTIFIED BY 'secret'",
        "GRANT ALL PRIVILEGES ON *.* TO with_role@'127.0.0.1'",
        *(f"GRANT {role} TO with_role@'127.0.0.1'" for role in ("reader", "writer")),
        "SET DEFAULT ROLE writer FOR with_role@'127.0.0.1'",
    )
    return {}, {"user": "with_role", **secret}


def _with_pool(form: Form, other: Connection, **options: Any) -> float:
    """Try all kinds of dirt; the longest time in which locks were not free."""
    slowest = 0.0
    told = f"user={options['user']}, pipeline_reset={options['pipeline_reset']}, autocommit={options['autocommit']}"
    with ExitStack() as stack:
        pool = stack.enter_context(ConnectionPool(pool_name="t2", pool_size=1, **options))
        options = {k: v for k, v in options.items() if k not in ("pipeline_reset", "pool_reset_session")}
        new = stack.enter_context(mariadb_py.connect(**options))
        fresh = state(new)
        new.rollback()
        for name, statements in DIRT.items():
            with pool.get_connection() as connection:
                dirtied = connection.connection_id
                dirty(connection, statements)
                closing = time.monotonic()
            slowest = max(slowest, until_free(other, closing, form.bound(FREE_WITHIN), f"{name}, {told}"))
            with pool.get_connection() as connection:
                prove(connection.connection_id == dirtied, f"{name}, {told}: this is not the connection that was used")
                prove_fresh(state(connection), fresh, f"{name}, {told}")
    return slowest


def prove_fresh(found: dict[str, Any], fresh: dict[str, Any], told: str) -> None:
    """What the next borrower found is what a new connection has."""
    different = {key: (found[key], fresh[key]) for key in fresh if found.get(key) != fresh[key]}
    prove(not different, f"{told}: (next borrower's, new connection's) {different}")


def dirty(connection: Connection, statements: tuple[str, ...]) -> None:
    """Run statements, and read what they return."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            if cursor.description is not None:
                cursor.fetchall()


def state(connection: Connection) -> dict[str, Any]:
    """What a session is like."""
    # These two first: warnings last until a statement uses a table, and the isolation level of the next transaction is
    # that of the first such statement.
    found: dict[str, Any] = {"warnings": fetch(connection, "SHOW WARNINGS")}
    found["seen"] = value(connection, "SELECT n FROM test.seen")
    found["last_insert_id()"] = value(connection, "SELECT LAST_INSERT_ID()")
    query = (
        "SELECT DATABASE(), CURRENT_ROLE(), CURRENT_USER(), @v, IS_USED_LOCK('mine'), @@in_transaction, "
        "ABS(@@timestamp - UNIX_TIMESTAMP(SYSDATE())) < 60, (SELECT n FROM test.locked), LASTVAL(test.numbers)"
    )
    found["facts"] = fetch(connection, query)
    found["driver"] = connection.autocommit, connection.database, connection.character_set, connection.tpc_state
    found["auto_reconnect"] = connection.auto_reconnect
    variables = dict(fetch(connection, "SHOW SESSION VARIABLES"))
    found.update({name: text for name, text in variables.items() if name not in _VOLATILE})
    for statement, number in LEFT_OVER.items():
        given = errno(lambda statement=statement: dirty(connection, (statement,)))
        found[statement] = given if given != number else "nothing"
    return found


def until_free(other: Connection, since: float, bound: float, told: str) -> float:
    """Until nothing is in the way of others."""
    while True:
        blocked = [statement for statement in OTHERS if errno(lambda statement=statement: execute(other, statement))]
        if value(other, "SELECT IS_FREE_LOCK('mine')") != 1:
            blocked.append("GET_LOCK")
        late = time.monotonic() - since
        if not blocked:
            return late
        prove(late < bound, f"{told}: {late * 1000:.0f} ms behind close() this is still blocked: {', '.join(blocked)}")


if __name__ == "__main__":
    main(program)
