"""What programs for Connector/Python rely on: placeholders and parameters."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

import mariadb_py as mariadb
from tests.compat.rows import Database, Rows, fails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.rows import Program

row = Rows()


@pytest.mark.parametrize(
    ("sql", "data", "expected"),
    [
        pytest.param("SELECT ?, ?", (1, "a"), (1, "a"), id="qmark"),
        pytest.param("SELECT %s, %s", [1, "a"], (1, "a"), id="format"),
        pytest.param("SELECT %(b)s, %(a)s, %(b)s", {"a": 1, "b": 2}, (2, 1, 2), id="pyformat"),
        pytest.param("SELECT %(測試)s", {"測試": 1}, (1,), id="pyformat with a name that is not ASCII"),
        pytest.param("SELECT 1", None, (1,), id="None means no parameters"),
        pytest.param("SELECT 1", (), (1,), id="() means no parameters"),
        pytest.param("SELECT 1", [], (1,), id="[] means no parameters"),
        pytest.param("SELECT 1", {}, (1,), id="{} means no parameters"),
        pytest.param("SELECT 7 % 4", None, (3,), id="% without parameters"),
        pytest.param("SELECT 1", (1, 2), (1,), id="extra parameters with no placeholder are ignored"),
        pytest.param("SELECT /*! ? */", (1,), (1,), id="a placeholder in an executable comment counts"),
        pytest.param("SELECT /*M!50601 ? */", (1,), (1,), id="a placeholder in a versioned comment counts"),
        pytest.param("SELECT /* ? */ ?", (1,), (1,), id="one in a comment does not"),
        pytest.param("SELECT -- ?\n ?", (1,), (1,), id="one in a line comment does not"),
        pytest.param("SELECT # ?\n ?", (1,), (1,), id="one in a # comment does not"),
        pytest.param("SELECT '?', \"?\", ?", (1,), ("?", "?", 1), id="one in quotes does not"),
        pytest.param("SELECT '%s', ?", (1,), ("%s", 1), id="%s in quotes does not"),
        pytest.param("SELECT ?", (1.5,), (Decimal("1.5"),), id="SELECT ? with 1.5 gives Decimal"),
        pytest.param("SELECT ?, ?", (1.5, b"x"), (1.5, b"x"), id="a parameter of bytes makes it binary"),
        pytest.param(
            "SELECT ?, ?",
            (1.5, datetime.date(2020, 1, 2)),
            (1.5, datetime.date(2020, 1, 2)),
            id="a parameter that is a date makes it binary",
        ),
        pytest.param(
            "SELECT ?, ?",
            (1.5, datetime.datetime(2020, 1, 2, 3, 4, 5)),
            (1.5, datetime.datetime(2020, 1, 2, 3, 4, 5)),
            id="a parameter that is a datetime makes it binary",
        ),
    ],
)
def test_placeholders(sql: str, data: Any, expected: Any, db: Database) -> None:
    assert db.row(sql, data) == expected


@pytest.mark.parametrize("keywords", [{"binary": True}, {"cursor_type": 1}], ids=["binary=True", "READ_ONLY"])
def test_cursors_of_the_binary_protocol(keywords: dict[str, Any], db: Database) -> None:
    assert db.row("SELECT ?", (1.5,), **keywords) == (1.5,)


@pytest.mark.parametrize(
    ("sql", "data"),
    [
        ("SELECT ?, %s", (1, 2)),
        ("SELECT %s, %(a)s", (1, 2)),
        ("SELECT %(a)s, ?", {"a": 1}),
        ("SELECT ?", (1, 2)),
        ("SELECT ?, ?", (1,)),
        ("SELECT %(a)s", {"b": 1}),
        ("SELECT %(a)s", (1,)),
        ("SELECT ?", {"a": 1}),
    ],
)
def test_wrong_parameters_raise_programming_error(sql: str, data: Any, db: Database) -> None:
    fails(mariadb.ProgrammingError, None, db.cursor().execute, sql, data)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("-Infinity")])
@pytest.mark.parametrize("binary", [False, True])
def test_nan_and_inf_raise_not_supported_error(number: Any, binary: bool, db: Database) -> None:
    fails(mariadb.NotSupportedError, None, db.cursor(binary=binary).execute, "SELECT ?", (number,))


def executed(cursor: mariadb.Cursor) -> int:
    """How many statements the session has executed by the binary protocol."""
    cursor.execute("SHOW SESSION STATUS LIKE 'Com_stmt_execute'")
    ((_, count),) = cursor.fetchall()
    return int(count)


@pytest.mark.parametrize(
    ("sql", "data", "binary"),
    [
        ("INSERT INTO t VALUES (?)", (1,), True),
        ("UPDATE t SET a = ?", (1,), True),
        ("REPLACE INTO t VALUES (?)", (1,), True),
        ("DELETE FROM t WHERE a = ?", (1,), True),
        ("DO ?", (1,), True),
        ("SELECT ?", (1,), False),
        ("SET @a = ?", (1,), False),
        ("INSERT INTO t VALUES (1)", None, False),
        ("SELECT 1", None, False),
    ],
)
def test_statements_that_go_binary(sql: str, data: Any, binary: bool, db: Database) -> None:
    cursor = db.table("a DOUBLE")
    before = executed(cursor)
    cursor.execute(sql, data)
    assert executed(cursor) - before == binary


def test_a_call_goes_binary(db: Database) -> None:
    cursor = db.cursor()
    cursor.execute("CREATE OR REPLACE PROCEDURE compat_call (a DOUBLE) DO a")
    before = executed(cursor)
    for data in ((1.5,), None):
        cursor.execute("CALL compat_call(?)" if data else "CALL compat_call(1)", data)
    assert executed(cursor) - before == 2
    cursor.execute("DROP PROCEDURE compat_call")


@row("%% is not unescaped")
def _(db: Database) -> None:
    fails(mariadb.ProgrammingError, 1064, db.cursor().execute, "SELECT 5 %% 3, ?", (1,))


@row("a timedelta is sent as a correct TIME")
def _(db: Database) -> None:
    value = datetime.timedelta(days=1, hours=6)
    for binary in (False, True):
        assert db.row("SELECT ?, CAST(? AS CHAR)", (value, value), binary=binary)[0] == value
    assert db.row("SELECT CAST(? AS CHAR)", (value,)) == ("30:00:00",)


@row("prepared=True: later statement text is ignored, the first statement is reused")
def _(db: Database) -> None:
    cursor = db.cursor(prepared=True)
    cursor.execute("SELECT ? + 1", (1,))
    assert cursor.fetchall() == [(2,)]
    cursor.execute("SELECT ? + 100", (2,))
    assert cursor.fetchall() == [(3,)]


@row("prepared=True: surplus placeholders in a later text, and fewer values than it has, are tolerated")
def _(db: Database) -> None:
    cursor = db.cursor(prepared=True)
    cursor.execute("SELECT ?", (1,))
    assert cursor.fetchall() == [(1,)]
    cursor.execute("SELECT ?, ?, ?", (2,))
    assert cursor.fetchall() == [(2,)]


@row("executemany of nothing raises ProgrammingError")
def _(db: Database) -> None:
    for nothing in ([], (), iter(())):
        message = fails(mariadb.ProgrammingError, None, db.cursor().executemany, "INSERT INTO t VALUES (?)", nothing)
        assert "No data provided" in message


@row("executemany of None raises ProgrammingError")
def _(db: Database) -> None:
    fails(mariadb.ProgrammingError, None, db.cursor().executemany, "INSERT INTO t VALUES (?)", None)


@row("a ragged row raises ProgrammingError that names the row")
def _(db: Database) -> None:
    cursor = db.table("a INT, b INT")
    message = fails(mariadb.ProgrammingError, None, cursor.executemany, "INSERT INTO t VALUES (?, ?)", [(1, 2), (3,)])
    assert "row 2" in message
    cursor.execute("SELECT * FROM t")
    assert cursor.fetchall() == []


@row("mixed types in a column are sent correctly")
def _(db: Database) -> None:
    cursor = db.table("a VARCHAR(20)")
    cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (2.5,), ("x",), (None,), (Decimal("1.50"),)])
    cursor.execute("SELECT a FROM t")
    assert cursor.fetchall() == [("1",), ("2.5",), ("x",), (None,), ("1.50",)]


@row("INSERT ... RETURNING through executemany returns the rows")
def _(db: Database) -> None:
    cursor = db.table("id INT AUTO_INCREMENT PRIMARY KEY, a INT")
    cursor.executemany("INSERT INTO t (a) VALUES (?) RETURNING id, a", [(5,), (6,)])
    assert cursor.fetchall() == [(1, 5), (2, 6)]


@row("REPLACE ... RETURNING through executemany returns the rows")
def _(db: Database) -> None:
    cursor = db.table("id INT PRIMARY KEY, a INT", "1, 1")
    cursor.executemany("REPLACE INTO t VALUES (?, ?) RETURNING id, a", [(1, 5), (2, 6)])
    assert cursor.fetchall() == [(1, 5), (2, 6)]


@row("DELETE ... RETURNING through executemany returns the rows")
def _(db: Database) -> None:
    cursor = db.table("id INT PRIMARY KEY, a INT", "1, 5", "2, 6")
    cursor.executemany("DELETE FROM t WHERE id = ? RETURNING a", [(2,), (1,)])
    assert cursor.fetchall() == [(6,), (5,)]


@pytest.mark.parametrize("program", row)
def test_parameters(program: Program, db: Database) -> None:
    program(db)
