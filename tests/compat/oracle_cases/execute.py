"""Statements with and without parameters: placeholders, prepared statements, procedures, LOAD DATA."""

from __future__ import annotations

import datetime

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("execute")

# Statement and parameters
STATEMENTS: dict[str, tuple[str, Any]] = {
    "qmark": ("SELECT ?, ?", (1, "a")),
    "format": ("SELECT %s, %s", (1, "a")),
    "format_d": ("SELECT %d", (1,)),
    "pyformat": ("SELECT %(b)s, %(a)s, %(b)s", {"a": 1, "b": 2}),
    "pyformat_not_ascii": ("SELECT %(測試)s", {"測試": "é"}),
    "pyformat_extra_key": ("SELECT %(a)s", {"a": 1, "b": 2}),
    "pyformat_missing_key": ("SELECT %(a)s", {"b": 2}),
    "pyformat_tuple": ("SELECT %(a)s", (1,)),
    "qmark_dictionary": ("SELECT ?", {"a": 1}),
    "qmark_list": ("SELECT ?", [1]),
    "qmark_set": ("SELECT ?", {1}),
    "qmark_scalar": ("SELECT ?", 1),
    "qmark_str": ("SELECT ?", "a"),
    "too_few": ("SELECT ?, ?", (1,)),
    "too_many": ("SELECT ?", (1, 2)),
    "none_for_placeholder": ("SELECT ?", None),
    "empty_for_placeholder": ("SELECT ?", ()),
    "extra_without_placeholder": ("SELECT 1", (1, 2)),
    "no_parameters_none": ("SELECT 1", None),
    "no_parameters_tuple": ("SELECT 1", ()),
    "no_parameters_list": ("SELECT 1", []),
    "no_parameters_dictionary": ("SELECT 1", {}),
    "mixed_qmark_format": ("SELECT ?, %s", (1, 2)),
    "mixed_format_pyformat": ("SELECT %s, %(a)s", (1, 2)),
    "percent_twice": ("SELECT 5 %% 3, ?", (1,)),
    "percent_alone": ("SELECT 5 % 3, ?", (1,)),
    "percent_no_parameters": ("SELECT 5 % 3, '%s'", None),
    "like_percent": ("SELECT 'abc' LIKE 'a%', ?", (1,)),
    "in_quotes": ("SELECT '?', \"?\", ?", (1,)),
    "in_quotes_format": ("SELECT '%s', %s", (1,)),
    "in_backticks": ("SELECT 1 AS `?`, ?", (1,)),
    "quote_in_quotes": ("SELECT 'it''s ?', 'it\\'s ?', ?", (1,)),
    "in_comment": ("SELECT /* ? */ ?", (1,)),
    "in_line_comment": ("SELECT -- ?\n ?", (1,)),
    "in_hash_comment": ("SELECT # ?\n ?", (1,)),
    "in_executable_comment": ("SELECT /*! ? */", (1,)),
    "in_versioned_comment": ("SELECT /*M!50601 ? */", (1,)),
    "quote_in_comment": ("SELECT /* ' */ ?", (1,)),
    "minus_minus": ("SELECT 5--1, ?", (1,)),
    "trailing_semicolon": ("SELECT ?;", (1,)),
    "leading_space": ("  SELECT ?", (1,)),
    "empty": ("", None),
    "blank": ("  ", None),
    "comment_only": ("/* nothing */", None),
    "not_ascii": ("SELECT 'é😀', ?", ("ü",)),
    "repeated_format": ("SELECT %s + %s", (1, 2)),
}
for name, (sql, data) in STATEMENTS.items():
    cases.add(name, lambda o, sql=sql, data=data: o.rows(sql, data))
    if data:
        cases.add(f"{name}_binary", lambda o, sql=sql, data=data: o.rows(sql, data, binary=True))


@cases
def bytes_statement(o: Bench) -> Any:
    return o.attempt(o.cursor().execute, b"SELECT 1")


@cases
def statement_none(o: Bench) -> Any:
    return o.attempt(o.cursor().execute, None)


@cases
def statement_int(o: Bench) -> Any:
    return o.attempt(o.cursor().execute, 1)


@cases
def no_backslash_escapes(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    cursor.execute("SELECT ?, ?", ("a\\b", "it's"))
    return cursor.fetchall()


@cases
def the_protocol_of_a_float(o: Bench) -> Any:
    return o.rows("SELECT ?", (1.5,)), o.rows("SELECT ?", (1.5,), binary=True), o.rows("SELECT ?, ?", (1.5, b""))


@cases
def the_protocol_of_changes(o: Bench) -> Any:
    cursor = o.table("a DOUBLE, b VARCHAR(9)")
    found = []
    for sql in ("INSERT INTO t VALUES (?, ?)", " INSERT INTO t VALUES (?, ?)", "UPDATE t SET a = ?, b = ?"):
        cursor.execute(sql, (1.5, "x"))
        found.append(cursor.rowcount)
    return found


@cases
def paramcount(o: Bench) -> Any:
    cursor = o.table("a INT, b INT")
    found = []
    for sql in ("SELECT ?, ?", "SELECT %s, %s", "INSERT INTO t VALUES (?, ?)", " INSERT INTO t VALUES (?, ?)"):
        cursor.execute(sql, (1, 2))
        found.append(cursor.paramcount)
    return found


@cases
def returning(o: Bench) -> Any:
    cursor = o.table("id INT AUTO_INCREMENT PRIMARY KEY, a INT")
    cursor.execute("INSERT INTO t (a) VALUES (?), (?) RETURNING id, a", (7, 8))
    first = cursor.fetchall(), cursor.rowcount, cursor.lastrowid
    cursor.execute("DELETE FROM t RETURNING a")
    return first, cursor.fetchall()


@cases
def prepared_keeps_the_first_statement(o: Bench) -> Any:
    cursor = o.cursor(prepared=True)
    cursor.execute("SELECT ?", (1,))
    first = cursor.fetchall()
    cursor.execute("SELECT ? + 100", (2,))
    return first, cursor.fetchall()


@cases
def prepared_with_other_types(o: Bench) -> Any:
    cursor = o.cursor(prepared=True)
    found = []
    for value in (1, "a", 2.5, None, b"b", datetime.date(2020, 1, 2)):
        cursor.execute("SELECT ?", (value,))
        found.append(cursor.fetchall())
    return found


@cases
def prepared_inserts(o: Bench) -> Any:
    o.table("id INT AUTO_INCREMENT PRIMARY KEY, a INT")
    cursor = o.cursor(prepared=True)
    found = []
    for value in range(3):
        cursor.execute("INSERT INTO t (a) VALUES (?)", (value,))
        found.append((cursor.rowcount, cursor.lastrowid))
    return found


@cases
def prepared_with_surplus_placeholders(o: Bench) -> Any:
    cursor = o.cursor(prepared=True)
    cursor.execute("SELECT ?", (1,))
    first = cursor.fetchall()
    cursor.execute("SELECT ?, ?", (2,))
    return first, cursor.fetchall()


@cases
def prepared_with_more_values(o: Bench) -> Any:
    cursor = o.cursor(prepared=True)
    cursor.execute("SELECT ?", (1,))
    first = cursor.fetchall()
    cursor.execute("SELECT ?", (2, 3))
    return first, cursor.fetchall()


@cases
def prepared_without_values(o: Bench) -> Any:
    cursor = o.cursor(prepared=True)
    cursor.execute("SELECT ?", (1,))
    return cursor.fetchall(), o.attempt(cursor.execute, "SELECT ?"), o.attempt(cursor.execute, "SELECT ?", ())


@cases
def prepared_wrong(o: Bench) -> Any:
    cursor = o.cursor(prepared=True)
    return o.attempt(cursor.execute, "SELECT nothing FROM nothing", (1,))


def procedure(o: Bench, parameters: str, body: str, **keywords: Any) -> Any:
    cursor = o.cursor(**keywords)
    cursor.execute(f"CREATE PROCEDURE p ({parameters}) BEGIN {body} END")
    return cursor


def results(cursor: Any) -> Any:
    found = []
    more: Any = True
    while more:
        rows = cursor.fetchall() if cursor.description else None
        found.append((rows, cursor.sp_outparams))
        more = cursor.nextset()
    return found


PROCEDURES: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "nothing": ("", "SET @a = 1;", ()),
    "in": ("IN a INT", "SELECT a + 1;", (1,)),
    "out": ("OUT a INT", "SET a = 5;", (None,)),
    "inout": ("INOUT a INT", "SET a = a + 1;", (3,)),
    "result_and_out": ("IN a INT, OUT b VARCHAR(9)", "SELECT a; SET b = 'x';", (1, None)),
    "two_results": ("", "SELECT 1; SELECT 2, 3;", ()),
    "two_results_and_two_outs": ("OUT a INT, INOUT b INT", "SELECT 1; SELECT 2; SET a = 3, b = b + 1;", (None, 4)),
}
for name, (signature, body, arguments) in PROCEDURES.items():

    def calls(o: Bench, signature: str = signature, body: str = body, arguments: tuple[Any, ...] = arguments) -> Any:
        cursor = procedure(o, signature, body)
        returned = cursor.callproc("p", arguments)
        return returned, results(cursor)

    cases.add(f"callproc_{name}", calls)

    def calls_by_text(
        o: Bench, signature: str = signature, body: str = body, arguments: tuple[Any, ...] = arguments
    ) -> Any:
        cursor = procedure(o, signature, body)
        cursor.execute(f"CALL p({', '.join('?' * len(arguments))})", arguments)
        return results(cursor)

    cases.add(f"call_{name}", calls_by_text)


@cases
def callproc_unknown(o: Bench) -> Any:
    return o.attempt(o.cursor().callproc, "nothing")


@cases
def callproc_wrong_number(o: Bench) -> Any:
    return o.attempt(procedure(o, "a INT", "SELECT a;").callproc, "p", (1, 2))


@cases
def callproc_with_a_schema(o: Bench) -> Any:
    cursor = procedure(o, "a INT", "SELECT a;")
    cursor.callproc("test.p", [1])
    return results(cursor)


@cases
def callproc_raises(o: Bench) -> Any:
    cursor = procedure(o, "", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no';")
    return o.attempt(cursor.callproc, "p")


@cases
def callproc_dictionary(o: Bench) -> Any:
    cursor = procedure(o, "IN a INT, OUT b INT", "SELECT a; SET b = 2;", dictionary=True)
    cursor.callproc("p", (1, None))
    return results(cursor)


@cases
def a_cursor_after_callproc(o: Bench) -> Any:
    cursor = procedure(o, "", "SELECT 1; SELECT 2;")
    cursor.callproc("p")
    cursor.execute("SELECT 3")
    return cursor.fetchall()


@cases
def load_data_local(o: Bench) -> Any:
    cursor = o.connect(local_infile=True).cursor()
    cursor.execute("CREATE TABLE t (a VARCHAR(200))")
    cursor.execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t")
    return cursor.rowcount > 0


@cases
def load_data_local_unknown_file(o: Bench) -> Any:
    cursor = o.connect(local_infile=True).cursor()
    cursor.execute("CREATE TABLE t (a VARCHAR(200))")
    failed = str(o.attempt(cursor.execute, "LOAD DATA LOCAL INFILE '/nothing/x' INTO TABLE t")).split()[0]
    return failed, o.attempt(cursor.execute, "SELECT 1")


for name, statement in {
    "select": "SELECT * FROM t",
    "alias": "SELECT x.a AS b, x.a + 1 AS c FROM t AS x",
    "literals": "SELECT 1, 'a', NULL, 1.5, 1e0, X'41'",
    "show": "SHOW TABLES",
}.items():

    def metadata(o: Bench, statement: str = statement) -> Any:
        cursor = o.table("a INT NOT NULL PRIMARY KEY, b VARCHAR(10), c DECIMAL(10,3), d DOUBLE, e JSON, f POINT")
        cursor.execute(statement)
        return {key: value for key, value in cursor.metadata.items() if key not in ("length", "max_length")}

    def lengths(o: Bench, statement: str = statement) -> Any:
        cursor = o.table("a INT NOT NULL PRIMARY KEY, b VARCHAR(10), c DECIMAL(10,3), d DOUBLE, e JSON, f POINT")
        cursor.execute(statement)
        return cursor.metadata["length"], cursor.metadata["max_length"]

    cases.add(f"metadata_{name}", metadata)
    cases.add(f"metadata_lengths_{name}", lengths)
