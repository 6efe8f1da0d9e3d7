"""What is sent for a statement; which prepared statements are kept is tested against the server."""

from __future__ import annotations

import gc
import sys

import pytest

from mariadb_protocol.binary import NULL, encode
from mariadb_protocol.constants import Status
from mariadb_protocol.errors import ParameterError
from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.statements import PARSED_KEPT, PARSED_SIZE_KEPT, Owned, Statements
from mariadb_py.exceptions import ProgrammingError
from tests.support.scripts import ready_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def ready() -> Statements:
    return Statements(ready_session(), ConnectOptions.from_keywords({}))


def as_text(made: Statements, sql: Any, parameters: object) -> bytes:
    """What is sent for a statement that goes by the text protocol."""
    statement, encoded = made.request(sql, parameters, False)
    assert encoded is None
    return statement


def test_statements_are_taken_apart_once_per_mode() -> None:
    made = ready()
    sql = "SELECT '\\', ?, '"
    assert as_text(made, "SELECT ?", (1,)) == b"SELECT 1"
    assert len(made._parsed) == 1
    assert as_text(made, "SELECT ?", ("x",)) == b"SELECT 'x'"
    assert len(made._parsed) == 1
    assert as_text(made, sql, (1,)) == sql.encode()
    made._session.status |= Status.NO_BACKSLASH_ESCAPES
    assert as_text(made, "SELECT '\\', ?", ("\\",)) == b"SELECT '\\', '\\'"


def test_statements_kept_are_bounded() -> None:
    made = ready()
    for number in range(PARSED_KEPT + 10):
        as_text(made, f"SELECT {number}, ?", (1,))
    assert len(made._parsed) == PARSED_KEPT
    made = ready()
    as_text(made, "SELECT ?" + " " * PARSED_SIZE_KEPT, (1,))
    assert made._parsed == {}


def test_only_statements_that_are_known_to_leave_nothing_pass() -> None:
    made = ready()
    made.guarded, made.touched = True, False
    for sql in ("SELECT ?", "SELECT ?", "UPDATE t SET a = ?"):
        made.request(sql, ("@a",), False)
        assert made.touched is False
    assert made._passing == {b"SELECT ?": True, b"UPDATE t SET a = ?": True}
    as_text(made, "SELECT f(?)", (1,))
    assert made.touched is True
    as_text(made, "SELECT 1", None)
    assert made.touched is True
    assert b"SELECT 1" not in made._passing  # nothing is looked at any more


def test_statements_that_pass_are_bounded() -> None:
    made = ready()
    made.guarded, made.touched = True, False
    for number in range(PARSED_KEPT + 10):
        as_text(made, f"SELECT {number}", None)
    as_text(made, "SELECT 1" + " " * PARSED_SIZE_KEPT, None)
    assert (len(made._passing), made.touched) == (PARSED_KEPT, False)


def test_nothing_passes_where_nobody_asks() -> None:
    made = ready()
    as_text(made, "SELECT 1", None)
    assert (made.touched, made._passing) == (True, {})


def test_none_leaves_the_statement_as_it_is() -> None:
    assert as_text(ready(), "SELECT '%s', ?, %(a)s", None) == b"SELECT '%s', ?, %(a)s"


@pytest.mark.parametrize("nothing", [(), [], {}])
def test_no_parameters_for_no_placeholders(nothing: object) -> None:
    made = ready()
    made._session.variables["character_set_client"] = "gbk"  # and nothing that could be misread
    for sql in ("SELECT '%s', 1", "SELECT '?' -- %(a)s", "SELECT 1 LIKE '%'"):
        assert as_text(made, sql, nothing) == sql.encode()


@pytest.mark.parametrize(
    ("sql", "nothing"), [("SELECT ?", ()), ("SELECT %s", []), ("SELECT %(a)s", {}), ("SELECT %(a)s", ()), ("?", {})]
)
def test_no_parameters_are_too_few_for_placeholders(sql: str, nothing: object) -> None:
    with pytest.raises(ParameterError):
        as_text(ready(), sql, nothing)


@pytest.mark.parametrize("sql", ["SELECT \u6e2c", "SELECT \u6e2c".encode(), bytearray("SELECT \u6e2c".encode())])
def test_kinds_of_statements(sql: str | bytes) -> None:
    assert as_text(ready(), sql, None) == "SELECT \u6e2c".encode()


@pytest.mark.parametrize(("sql", "kind"), [(None, "NoneType"), (1, "int"), (["SELECT 1"], "list")])
def test_what_is_no_statement(sql: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"^a statement is str or bytes, not {kind}$"):
        as_text(ready(), sql, None)


def test_a_backslash_is_doubled_where_the_character_set_is_known() -> None:
    plain, hexadecimal = "SELECT '\u6e2c\\\\'".encode(), b"SELECT _utf8mb4 X'e6b8ac5c'"

    def sent(made: Statements) -> bytes:
        return as_text(made, "SELECT ?", ("\u6e2c\\",))

    made = ready()
    assert sent(made) == hexadecimal  # the server has not said anything
    made._session.variables["character_set_client"] = "utf8mb4"
    assert sent(made) == plain
    as_text(made, "SET @a = 1, Session_Track_system_variables = ''", None)
    assert sent(made) == hexadecimal  # what it said may be out of date
    made.forget()
    assert sent(made) == plain
    options = ConnectOptions.from_keywords({"init_command": "SET session_track_system_variables = ''"})
    assert sent(Statements(made._session, options)) == hexadecimal


@pytest.mark.parametrize(
    ("charset", "safe"),
    [("utf8mb4", True), ("utf8mb3", True), ("ascii", True), ("latin1", False), ("gbk", False), ("sjis", False)],
)
def test_text_parameters_need_a_character_set_that_keeps_quotes_apart(charset: str, safe: bool) -> None:
    made = ready()
    made._session.variables["character_set_client"] = charset
    if safe:
        assert as_text(made, "SELECT ?", ("'",)) == b"SELECT ''''"
    else:
        with pytest.raises(ProgrammingError, match=f"character_set_client is {charset}"):
            as_text(made, "SELECT ?", ("'",))
    assert as_text(made, "SELECT 1", None) == b"SELECT 1"


def test_a_statement_of_an_owner_that_ctrl_c_left_half_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its finalizer says nothing."""
    said: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    made = Owned.__new__(Owned)
    made.generation = 1
    made.__del__()
    del made
    gc.collect()
    assert said == []


# MySQL


def on_mysql() -> Statements:
    made = ready()
    assert made._session.greeting is not None
    made._session.greeting.mariadb = False
    return made


@pytest.mark.parametrize(
    ("sql", "parameters", "binary", "sent"),
    [
        ("INSERT INTO t VALUES (?)", (1,), False, (b"INSERT INTO t VALUES (1)", None)),
        ("SELECT ?", (b"x",), False, (b"SELECT _binary'x'", None)),
        ("CALL p(?)", (None,), False, (b"CALL p(?)", [NULL])),
        ("CALL p()", (), False, (b"CALL p()", [])),
        ("SELECT ?", (None,), True, (b"SELECT ?", [NULL])),
    ],
)
def test_only_procedures_go_to_mysql_by_the_binary_protocol(
    sql: str, parameters: Any, binary: bool, sent: tuple[bytes, Any]
) -> None:
    assert on_mysql().request(sql, parameters, binary) == sent


def test_mysql_gets_a_statement_for_each_combination_of_types() -> None:
    rows = [[1, 2], [1, None], [1, 2.5], [3, 4]]
    encoded = [[encode(value) for value in row] for row in rows]
    assert len(set(map(on_mysql().types, encoded))) == 3
    assert set(map(ready().types, encoded)) == {b""}


@pytest.mark.parametrize("sql", ['SELECT "a", ?', "SELECT '\"', ?", 'SELECT ? -- "'])
def test_double_quotes_that_may_be_anything(sql: str) -> None:
    made = on_mysql()
    for binary in (False, True):
        with pytest.raises(ProgrammingError, match="while session_track_system_variables lacks sql_mode"):
            made.request(sql, (1,), binary)
    assert made.request(sql, None, False) == (sql.encode(), None)
    made._session.variables["sql_mode"] = ""
    assert made.request(sql, (1,), False) == (sql.replace("?", "1").encode(), None)


@pytest.mark.parametrize(
    ("sql", "suspect"),
    [
        ("SELECT 1", False),
        ("set Sql_mode=''", True),
        ("SET @a = 'sql', @b = '_mode'", False),
        ("SET STATEMENT sql_mode='' FOR SELECT 1", True),
        ("SET session_track_system_variables=''", True),
    ],
)
def test_statements_behind_which_the_sql_mode_is_asked_for(sql: str, suspect: bool) -> None:
    made = ready()
    made.request(sql, None, False)
    assert made.mode.uncertain is suspect
