"""sql.py: what a statement is for the binary protocol, and what its text says about files and the session."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.binary import encode
from mariadb_protocol.errors import ParameterError, ValueRangeError
from mariadb_protocol.sql import first_word, leaves_nothing, looks_back, may_change_session, named_local_file, parse


@pytest.mark.parametrize(
    ("statement", "prepared"),
    [
        (b"SELECT 1", b"SELECT 1"),
        (b"SELECT ?, ?", b"SELECT ?, ?"),
        (b"SELECT %s,%d", b"SELECT ?,?"),
        (b"SELECT %(a)s+%(b)s+%(a)s", b"SELECT ?+?+?"),
        (b"SELECT '%s', ? -- ?", b"SELECT '%s', ? -- ?"),
        (b"SELECT 5--?", b"SELECT 5--?"),
        (b"SELECT a%sb", b"SELECT a%sb"),
        (b"SELECT a%s", b"SELECT a ?"),
    ],
)
def test_prepared(statement: bytes, prepared: bytes) -> None:
    assert parse(statement).prepared == prepared
    assert parse(parse(statement).prepared).prepared == prepared


def test_values_and_encode() -> None:
    statement = parse(b"SELECT %(b)s, %(a)s, %(b)s")
    values = statement.values({"a": 1, "b": "x", "c": object()})
    assert values == ["x", 1, "x"]
    assert statement.encode(values) == [encode("x"), encode(1), encode("x")]
    assert statement.fill_in(values, False) == b"SELECT 'x', 1, 'x'"
    assert parse(b"SELECT ?").values([None]) == (None,)
    assert parse(b"SELECT 1").values(None) == ()
    assert parse(b"SELECT 1").encode(()) == []
    assert parse(b"SELECT 1").fill_in((), False) == b"SELECT 1"


@pytest.mark.parametrize("method", ["encode", "fill_in"])
@pytest.mark.parametrize(
    ("statement", "values", "error", "match"),
    [
        (b"?, ?", [1, object()], ParameterError, "^parameter 2: a object cannot be a parameter"),
        (b"%(a)s, %(b)s", [1, 10**65], ValueRangeError, "^parameter 'b': an integer of"),
    ],
)
def test_errors_name_the_parameter(
    method: str, statement: bytes, values: list[Any], error: type[ParameterError], match: str
) -> None:
    more = () if method == "encode" else (False,)
    with pytest.raises(error, match=match) as raised:
        getattr(parse(statement), method)(values, *more)
    assert type(raised.value) is error


# LOCAL INFILE

LOADS: list[tuple[bytes, Any, Any]] = [  # statement, the file with backslash escapes, and without
    (b"LOAD DATA LOCAL INFILE 'f' INTO TABLE t", b"f", b"f"),
    (b'load xml local infile "f" into table t', b"f", b"f"),
    (b" \n\tLoad  Data\nLow_Priority Local\tInfile'f'", b"f", b"f"),
    (b"LOAD DATA CONCURRENT LOCAL INFILE 'f'", b"f", b"f"),
    (b"LOAD DATA LOCAL INFILE ''", b"", b""),
    (b"LOAD DATA LOCAL INFILE 'a''b\"\"c'", b'a\'b""c', b'a\'b""c'),
    (b'LOAD DATA LOCAL INFILE "a""b\'\'c"', b"a\"b''c", b"a\"b''c"),
    (b"LOAD DATA LOCAL INFILE 'a\\'b'", b"a'b", None),
    (b"LOAD DATA LOCAL INFILE 'C:\\\\x\\ny\\%\\_\\q'", b"C:\\x\ny\\%\\_q", None),
    (b"LOAD DATA LOCAL INFILE '\\0\\b\\r\\t\\Z'", b"\0\b\r\t\x1a", None),
    (b"LOAD DATA LOCAL INFILE 'a\nb'", b"a\nb", b"a\nb"),
    (b"LOAD DATA LOCAL INFILE 'f", None, None),
    (b"LOAD DATA LOCAL INFILE 'f\\'", None, None),
    (b"LOAD DATA LOCAL INFILE f", None, None),
    (b"LOAD DATA INFILE 'f'", None, None),
    (b"LOAD DATA LOW_PRIORITY CONCURRENT LOCAL INFILE 'f'", None, None),
    (b"/* */ LOAD DATA LOCAL INFILE 'f'", None, None),
    (b"SELECT 1; LOAD DATA LOCAL INFILE 'f'", None, None),
    (b"SELECT 'LOAD DATA LOCAL INFILE ''f'''", None, None),
    (b"", None, None),
]


@pytest.mark.parametrize(("statement", "escaped", "plain"), LOADS)
def test_named_local_file(statement: bytes, escaped: bytes | None, plain: bytes | None) -> None:
    assert named_local_file(statement, False) == escaped
    if plain is not None or b"\\" not in statement:
        assert named_local_file(statement, True) == plain
    else:
        assert named_local_file(statement, True) is None


@given(st.binary(max_size=30), st.sampled_from([b"'", b'"']))
def test_any_name_that_is_quoted_for_the_server(name: bytes, mark: bytes) -> None:
    quoted = name.replace(b"\\", b"\\\\").replace(mark, mark * 2)
    assert named_local_file(b"LOAD DATA LOCAL INFILE " + mark + quoted + mark + b" INTO TABLE t", False) == name


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", [b"a", b"''", b"\\'", b"\\\\", b'"', b" ", b"\n"])
def test_a_megabyte_is_matched_in_linear_time(unit: bytes) -> None:
    units = 1_000_000 // len(unit)
    assert named_local_file(b"LOAD DATA LOCAL INFILE 'x" + unit * units, False) is None
    assert named_local_file(unit * units + b"LOAD DATA LOCAL INFILE 'x", False) is None


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (b"SELECT 1", b"SELECT"),
        (b" \t\r\n\0delete from t", b"DELETE"),
        (b"((SELECT 1)) UNION SELECT 2", b"SELECT"),
        (b"( -- (DELETE\n select 1)", b"SELECT"),
        (b"--\nselect 1", b"SELECT"),
        (b"--", b""),
        (b"# DELETE", b""),
        (b"# DELETE\n# UPDATE\nselect 1", b"SELECT"),
        (b"/**//* DELETE * / */select 1", b"SELECT"),
        (b"/*/select 1*/update t", b"UPDATE"),
        (b"/* select 1", b""),
        (b"--1", b""),
        (b"/*!50000 select 1*/", b""),
        (b"/*M! select 1*/", b""),
        (b"/*Mx*/ select 1", b"SELECT"),
        (b"/ select 1", b""),
        (b"select/**/1", b"SELECT"),
        (b"", b""),
        (b"?", b""),
    ],
)
def test_first_word(statement: bytes, expected: bytes) -> None:
    assert first_word(statement) == expected


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit", [b" ", b"(", b"-- ", b"--\n", b"#", b"#\n", b"/**/", b"/*", b"*", b"*/", b"/*!*/", b"/"]
)
def test_the_first_word_is_found_in_linear_time(unit: bytes) -> None:
    units = 1_000_000 // len(unit)
    assert first_word(unit * units + b"?") == b""
    assert first_word(b"/*" + unit * units) == b""


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (b"SELECT * FROM t WHERE a = 1", False),
        (b"INSERT INTO t VALUES (1)", False),
        (b"SELECT get_lock('a', 1)", True),
        (b"SELECT @a", True),
        (b"SELECT a:=1", True),
        (b"handler t open", True),
        (b"call p()", True),
        (b"EXECUTE s", True),
        (b"lock tables t read", True),
        (b"begin not atomic end", True),
        (b"BEGIN", False),
    ],
)
def test_may_change_session(statement: bytes, expected: bool) -> None:
    assert may_change_session(statement) is expected


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT 1",
        b" select 1 ;\n",
        b"(SELECT 1) UNION (SELECT 2)",
        b"SELECT a FROM t WHERE b IN (1, 2) AND (c = ? OR d LIKE %s)",
        b"SELECT COUNT(*), now(), Concat('a', (1)) FROM t JOIN u USING (a)",
        b"SELECT a.`count` FROM t AS a WHERE a. b = (1)",
        b"SELECT SUM(a) OVER (PARTITION BY b) FROM (SELECT 1) AS t",
        b"WITH a AS (SELECT 1) SELECT * FROM a",
        b"VALUES (1), (2)",
        b"UPDATE t SET a = UPPER(a), b = (2) WHERE c = 1",
        b"DELETE FROM t WHERE a = 1",
        b"SHOW TABLES",
        b"EXPLAIN SELECT 1",
        b"DESCRIBE t",
        b"DESC t",
        b"COMMIT",
        b"COMMIT AND CHAIN",
        b"ROLLBACK TO SAVEPOINT a",
        b"begin",
        b"START TRANSACTION READ ONLY",
        b"SELECT next, value FROM t",
        b"SELECT released FROM t",
        b"SELECT 'GET_LOCK'",
    ],
)
def test_leaves_nothing(statement: bytes) -> None:
    assert leaves_nothing(statement) is True


@pytest.mark.parametrize(
    "statement",
    [
        b"",
        b"nonsense",
        b"SET a = 1",
        b"USE t",
        b"INSERT INTO t VALUES (1)",
        b"REPLACE INTO t VALUES (1)",
        b"CREATE TEMPORARY TABLE t (a INT)",
        b"CALL p",
        b"DO 1",
        b"HANDLER t OPEN",
        b"LOCK TABLES t READ",
        b"PREPARE s FROM 'SELECT 1'",
        b"EXECUTE IMMEDIATE 'SELECT 1'",
        b"XA START 'x'",
        b"START SLAVE",
        b"START  TRANSACTION",
        b"RELEASE_LOCK('a')",
        b"BEGIN NOT ATOMIC SET autocommit = 1; END",
        b"COMMIT RELEASE",
        b"SAVEPOINT a",
        b"RELEASE SAVEPOINT a",
        b"SELECT '" + b"x" * (1 << 16) + b"'",
        b"rollback and no chain release ; ",
        b"SELECT 1; SELECT 2",
        b"SELECT 1;;",
        b"SELECT @a",
        b"SELECT @@version",
        b"SELECT 1 INTO @a",
        b"SELECT a := 1",
        b"SELECT 1 /* a */",
        b"SELECT 1 -- a",
        b"SELECT 1 # a",
        b"SELECT GET_LOCK('a', 1)",
        b"SELECT get_lock \t\n('a', 1)",
        b"SELECT COUNT(*), LAST_INSERT_ID(5)",
        b"SELECT SQL_CALC_FOUND_ROWS a FROM t",
        b"SELECT FOUND_ROWS()",
        b"SELECT a.nextval",
        b"SELECT NEXTVAL(a)",
        b"SELECT NEXT VALUE FOR a",
        b"SELECT next\n\tvalue\r\nfor a",
        b"SELECT f()",
        b"SELECT f ()",
        b"SELECT count (1)",
        b"SELECT `count`(1)",
        b'SELECT "count"(1)',
        b"SELECT `count` (1)",
        b"SELECT t.count(1)",
        b"SELECT t .count(1)",
        b"SELECT t. count(1)",
        b"SELECT t .\n count (1)",
        b"SELECT t.any(1)",
        b"SELECT t. any(1)",
        b"SELECT t. `f`(1)",
        b"SELECT $count(1)",
        b"SELECT x\xc3\xa4count(1)",
        b"SELECT count\xc3\xa4(1)",
        b"SELECT 'f(1)'",
        b"SELECT COUNT(f(1))",
        b"UPDATE t SET a = f(a)",
        b"EXPLAIN SELECT f()",
        b"SHOW TABLES WHERE f()",
    ],
)
def test_may_leave_something(statement: bytes) -> None:
    assert leaves_nothing(statement) is False


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit", [b"a", b" ", b"(", b" (", b"a(", b"a (", b"a.", b". ", b"\n", b"`", b"NEXT ", b"NEXT", b"'", b"IN("]
)
def test_what_a_statement_leaves_is_found_in_linear_time(unit: bytes) -> None:
    text = unit * (1_000_000 // len(unit))
    assert leaves_nothing(b"SELECT '" + text + b"f('") is False
    assert leaves_nothing(b"SELECT /" + text) in (True, False)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (b"select last_insert_id()", True),
        (b"INSERT INTO t VALUES (LAST_INSERT_ID(), 1)", True),
        (b"SELECT FOUND_ROWS()", True),
        (b"SELECT ROW_COUNT()", True),
        (b"SELECT id FROM t", False),
        (b"", False),
    ],
)
def test_looks_back(statement: bytes, expected: bool) -> None:
    assert looks_back(statement) is expected
