"""Errors of the server: class, errno, sqlstate, message; and where a message is the same everywhere."""

from __future__ import annotations

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("errors")

SETUP = (
    "CREATE TABLE p (id INT PRIMARY KEY)",
    "CREATE TABLE t (id INT PRIMARY KEY, a INT NOT NULL CHECK (a < 100), b VARCHAR(3), u INT UNIQUE,"
    " d DATE, f INT, FOREIGN KEY (f) REFERENCES p (id))",
    "INSERT INTO p VALUES (1)",
    "INSERT INTO t VALUES (1, 1, 'a', 1, NULL, 1)",
    "CREATE PROCEDURE proc (a INT) SELECT a",
)
STATEMENTS = {
    "syntax": "SELEC 1",
    "empty_query": ";",
    "unknown_table": "SELECT * FROM nothing",
    "unknown_column": "SELECT nothing FROM t",
    "unknown_database": "USE nothing",
    "database_exists": "CREATE DATABASE test",
    "table_exists": "CREATE TABLE t (a INT)",
    "drop_unknown_table": "DROP TABLE nothing",
    "drop_unknown_database": "DROP DATABASE nothing",
    "unknown_function": "SELECT nothing()",
    "unknown_procedure": "CALL nothing()",
    "wrong_argument_count": "CALL proc()",
    "unknown_variable": "SET @@nothing = 1",
    "wrong_value_of_variable": "SET sql_mode = 'nothing'",
    "duplicate_key": "INSERT INTO t VALUES (1, 1, 'a', 2, NULL, NULL)",
    "duplicate_unique": "INSERT INTO t VALUES (2, 1, 'a', 1, NULL, NULL)",
    "null": "INSERT INTO t VALUES (2, NULL, 'a', 2, NULL, NULL)",
    "no_default": "INSERT INTO t (id) VALUES (5)",
    "foreign_key": "INSERT INTO t VALUES (2, 1, 'a', 2, NULL, 99)",
    "foreign_key_parent": "DELETE FROM p",
    "check": "INSERT INTO t VALUES (2, 100, 'a', 2, NULL, NULL)",
    "too_long": "INSERT INTO t VALUES (2, 1, 'abcd', 2, NULL, NULL)",
    "out_of_range": "INSERT INTO t VALUES (99999999999, 1, 'a', 2, NULL, NULL)",
    "wrong_date": "INSERT INTO t VALUES (2, 1, 'a', 2, '2020-13-01', NULL)",
    "wrong_integer": "INSERT INTO t VALUES ('x', 1, 'a', 2, NULL, NULL)",
    "column_count": "INSERT INTO t VALUES (1)",
    "division_by_zero": "INSERT INTO t VALUES (2, 1/0, 'a', 2, NULL, NULL)",
    "bigint_overflow": "SELECT 9223372036854775807 + 1",
    "ambiguous_column": "SELECT id FROM t, p",
    "group_function": "SELECT 1 FROM t WHERE COUNT(*) > 1",
    "subquery_rows": "SELECT (SELECT 1 UNION SELECT 2)",
    "operand_columns": "SELECT 1 = (1, 2)",
    "duplicate_column": "CREATE TABLE x (a INT, a INT)",
    "not_unique_alias": "SELECT 1 FROM t, t",
    "no_such_index": "ALTER TABLE t DROP INDEX nothing",
    "cannot_drop": "ALTER TABLE t DROP COLUMN nothing",
    "unknown_engine": "CREATE TABLE x (a INT) ENGINE = nothing",
    "unknown_charset": "CREATE TABLE x (a INT) CHARACTER SET nothing",
    "collation_mismatch": "SELECT _utf8mb4'a' COLLATE utf8mb4_bin = _utf8mb4'a' COLLATE utf8mb4_general_ci",
    "signal": "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no é', MYSQL_ERRNO = 31001",
    "signal_default": "SIGNAL SQLSTATE '02000'",
    "kill_unknown": "KILL 99999999",
    "timeout": "SET STATEMENT max_statement_time = 0.1 FOR SELECT SLEEP(5)",
    "read_only_transaction": "SET STATEMENT tx_read_only = 1 FOR INSERT INTO t VALUES (2, 1, 'a', 2, NULL, NULL)",
    "savepoint": "ROLLBACK TO SAVEPOINT nothing",
    "xa_outside": "XA END 'x'",
    "xa_unknown": "XA COMMIT 'x'",
    "no_such_user": "DROP USER nobody@nowhere",
    "view_not_updatable": "CREATE OR REPLACE VIEW t AS SELECT 1",
    "json_path": "SELECT JSON_EXTRACT('{}', 'wrong')",
    "regexp": "SELECT 'a' REGEXP '('",
    "lock_nowait": "SELECT * FROM t FOR UPDATE NOWAIT",
    "sequence": "SELECT NEXT VALUE FOR nothing",
    "prepare_unknown": "EXECUTE nothing",
    "load_data": "LOAD DATA INFILE '/nothing' INTO TABLE p",
    "identifier_too_long": f"CREATE TABLE {'x' * 65} (a INT)",
    "wrong_name": "CREATE TABLE `x ` (a INT)",
    "key_column": "CREATE TABLE x (a INT, KEY (b))",
    "two_keys": "CREATE TABLE x (a INT PRIMARY KEY, b INT PRIMARY KEY)",
    "blob_key": "CREATE TABLE x (a BLOB, KEY (a))",
    "lock_not_locked": "LOCK TABLES p READ, nothing WRITE",
}
for name, sql in STATEMENTS.items():

    def fails(o: Bench, sql: str = sql) -> Any:
        cursor = o.cursor()
        for statement in SETUP:
            cursor.execute(statement)
        cursor.connection.commit()
        return o.attempt(cursor.execute, sql), o.attempt(cursor.execute, "SELECT 1")

    cases.add(name, fails)

for name in ("syntax", "unknown_table", "unknown_column", "duplicate_key", "null", "too_long", "out_of_range"):

    def fails_binary(o: Bench, sql: str = STATEMENTS[name]) -> Any:
        cursor = o.cursor(binary=True)
        for statement in SETUP:
            cursor.execute(statement)
        return o.attempt(cursor.execute, sql), o.attempt(cursor.execute, "SELECT 1")

    cases.add(f"{name}_binary", fails_binary)


def caught(o: Bench, act: Any) -> Any:
    try:
        act()
    except o.m.Error as error:
        return error
    raise AssertionError("no error")


@cases
def attributes_of_a_server_error(o: Bench) -> Any:
    error = caught(o, lambda: o.cursor().execute("SELECT nothing"))
    return error.errno, error.sqlstate, error.errmsg, error.msg, str(error), error.args


@cases
def attributes_of_a_driver_error(o: Bench) -> Any:
    error = caught(o, lambda: o.cursor().execute("SELECT ?", (1, 2)))
    return [o.attempt(getattr, error, name) for name in ("errno", "sqlstate")]


@cases
def attributes_of_a_connection_error(o: Bench) -> Any:
    error = caught(o, lambda: o.connect(port=1))
    return error.errno, error.sqlstate, type(error).__name__


@cases
def lock_wait(o: Bench) -> Any:
    one = o.table("a INT PRIMARY KEY", "1")
    two = o.cursor()
    one.execute("SELECT * FROM t FOR UPDATE")
    return o.attempt(two.execute, "SELECT * FROM t FOR UPDATE NOWAIT")


@cases
def rows_that_fail_late(o: Bench) -> Any:
    """The error comes behind the first rows."""
    cursor = o.cursor(buffered=False)
    cursor.execute("CREATE TABLE t (a INT)")
    cursor.execute("INSERT INTO t SELECT seq FROM seq_1_to_20000")
    cursor.execute("SELECT a, (SELECT 1 UNION SELECT a > 19999) FROM t")
    return o.attempt(cursor.fetchall)
