"""callproc(), and all results of statements that have several."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from mariadb_py.constants import CLIENT
from mariadb_py.exceptions import Error, OperationalError, ProgrammingError
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_py import Connection, Cursor
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

KINDS: dict[str, dict[str, Any]] = {
    "buffered": {},
    "unbuffered": {"buffered": False},
    "prepared": {"prepared": True},
    "server-side": {"cursor_type": 1, "prefetch_size": 2},
}
PROCEDURES = {
    "nothing": "() BEGIN END",
    "one": "(x INT) SELECT seq, x FROM seq_1_to_3",
    "several": "(x INT) BEGIN SELECT seq FROM seq_1_to_3; SELECT x, 'b' WHERE 1 = 0; SELECT x + 1; END",
    "outs": "(IN a INT, OUT b DECIMAL(10,2), INOUT c VARCHAR(20), OUT d DATE) "
    "BEGIN SET b = a + 0.5, c = CONCAT(c, '!'), d = '2024-02-29'; END",
    "rows_and_outs": "(a INT, OUT b INT) BEGIN SELECT seq FROM seq_1_to_3; SET b = a + 1; SELECT 'last'; END",
    "fails": "(x INT) BEGIN SELECT x; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'enough'; SELECT 2; END",
    "odd `name` it's": "(x INT) SELECT x",
    "with.dot": "(x INT) SELECT x",
}


@pytest.fixture
def connection(connect: Connector) -> Connection:
    connection = connect(autocommit=True)
    for name, body in PROCEDURES.items():
        quoted = name.replace("`", "``")
        create(connection, f"PROCEDURE `{quoted}`{body}")
    return connection


def all_results(cursor: Cursor) -> list[Any]:
    """Rows, or the row count, of each result; with "out" where these are a procedure's parameters."""
    found: list[Any] = []
    while True:
        rows = cursor.fetchall() if cursor.description else cursor.rowcount
        found.append(("out", *rows) if cursor.sp_outparams else rows)
        more = cursor.nextset()
        assert more in (True, None)
        if not more:
            assert (cursor.description, cursor.nextset()) == (None, None)
            return found


def is_out(result: Any) -> bool:
    return isinstance(result, tuple)


def in_bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


OUT_DATE = date(2024, 2, 29)
CALLS: list[tuple[str, tuple[Any, ...], list[Any]]] = [
    ("nothing", (), [0]),
    ("one", (7,), [[(1, 7), (2, 7), (3, 7)], 0]),
    ("several", (7,), [[(1,), (2,), (3,)], [], [(8,)], 0]),
    ("outs", (1, None, "c", None), [("out", (Decimal("1.50"), "c!", OUT_DATE)), 0]),
    ("outs", (1, 2, None, 3), [("out", (Decimal("1.50"), None, OUT_DATE)), 0]),
    ("rows_and_outs", (1, None), [[(1,), (2,), (3,)], [("last",)], ("out", (2,)), 0]),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "arguments", "results"), CALLS)
def test_callproc(
    server: TempServer, connection: Connection, kind: str, name: str, arguments: tuple[Any, ...], results: list[Any]
) -> None:
    if server.mysql:  # there the text of these parameters is labelled as binary
        results = [("out", tuple(map(in_bytes, result[1]))) if is_out(result) else result for result in results]
    cursor = connection.cursor(**KINDS[kind])
    for _ in range(2):
        cursor.callproc(name, arguments)
        assert all_results(cursor) == results
        assert works(connection)
    assert cursor.statement == f"CALL `{name}`({','.join('?' * len(arguments))})"


@pytest.mark.parametrize("kind", KINDS)
def test_call_as_a_statement(connection: Connection, kind: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    cursor.execute("CALL rows_and_outs(?, @b)", (1,))
    # A variable takes the OUT parameter.
    assert all_results(cursor) == [[(1,), (2,), (3,)], [("last",)], 0]
    assert ask(connection, "SELECT @b") == 2


@pytest.mark.parametrize("kind", KINDS)
def test_results_that_nobody_fetches(connection: Connection, kind: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    cursor.callproc("several", (7,))
    assert cursor.fetchone() == (1,)
    assert cursor.nextset() is True
    assert cursor.nextset() is True
    assert cursor.fetchall() == [(8,)]
    cursor.close()
    assert works(connection)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_behind_a_result(connection: Connection, kind: str) -> None:
    cursor = connection.cursor(**KINDS[kind])
    cursor.callproc("fails", (5,))
    assert cursor.fetchall() == [(5,)]
    with pytest.raises(OperationalError) as caught:
        cursor.nextset()
    assert (caught.value.errno, caught.value.sqlstate, caught.value.msg) == (1644, "45000", "enough")
    assert (cursor.nextset(), cursor.description) == (None, None)
    assert works(connection)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("one", "`one`"),
        ("test.one", "`test`.`one`"),
        ("`one`", "`one`"),
        ("`test`.one", "`test`.`one`"),
        ("test.`one`", "`test`.`one`"),
        ("odd `name` it's", "`odd ``name`` it's`"),
        ("`odd ``name`` it's`", "`odd ``name`` it's`"),
        ("test.odd `name` it's", "`test`.`odd ``name`` it's`"),
        ("`with.dot`", "`with.dot`"),
        ("test.`with.dot`", "`test`.`with.dot`"),
    ],
)
def test_names(connection: Connection, name: str, quoted: str) -> None:
    with connection.cursor() as cursor:
        cursor.callproc(name, (5,))
        assert cursor.fetchall()[0][-1] == 5
        assert cursor.statement == f"CALL {quoted}(?)"


@pytest.mark.parametrize(
    "name",
    ["nope", "with.dot", "one(1); DROP TABLE t; --", "one`(1)", "`one`(1", "no_database.one", "", ".", "`", "``", "a."],
)
def test_names_that_are_no_procedures(connection: Connection, name: str) -> None:
    with connection.cursor() as cursor:
        with pytest.raises(Error) as caught:
            cursor.callproc(name, (5,))
        assert caught.value.errno in (1064, 1102, 1305, 1458)
        assert works(connection)


@pytest.mark.parametrize("arguments", [(), (1, 2)])
def test_a_wrong_number_of_arguments(connection: Connection, arguments: tuple[Any, ...]) -> None:
    with connection.cursor() as cursor:
        with pytest.raises(OperationalError) as caught:
            cursor.callproc("one", arguments)
        assert caught.value.errno == 1318
    assert works(connection)


@pytest.mark.parametrize(("name", "arguments"), [(5, ()), (b"one", (1,)), (None, ()), ("one", 5), ("one", None)])
def test_arguments_of_a_wrong_type(connection: Connection, name: Any, arguments: Any) -> None:
    with connection.cursor() as cursor:
        with pytest.raises(TypeError):
            cursor.callproc(name, arguments)
        cursor.callproc("one", [1])
        assert cursor.rowcount == 3


# Several statements in one


STATEMENTS = "SELECT 1; DO 0; SELECT seq FROM seq_1_to_3; SELECT 'x' WHERE 1 = 0; INSERT INTO t VALUES (1), (2)"


@pytest.mark.parametrize("buffered", [True, False])
def test_several_statements(connect: Connector, buffered: bool) -> None:
    connection = connect(client_flag=CLIENT.MULTI_STATEMENTS)
    create(connection, "TEMPORARY TABLE t (v INT)")
    cursor = connection.cursor(buffered=buffered)
    cursor.execute(STATEMENTS)
    assert all_results(cursor) == [[(1,)], 0, [(1,), (2,), (3,)], [], 2]
    cursor.execute("SELECT ?; SELECT ?", (1, "it's"))
    assert all_results(cursor) == [[(1,)], [("it's",)]]
    assert works(connection)


@pytest.mark.parametrize("buffered", [True, False])
def test_several_statements_one_of_which_fails(connect: Connector, buffered: bool) -> None:
    connection = connect(client_flag=CLIENT.MULTI_STATEMENTS)
    cursor = connection.cursor(buffered=buffered)
    cursor.execute("SELECT 1; SELECT nothing; SELECT 3")
    assert cursor.fetchall() == [(1,)]
    with pytest.raises(ProgrammingError) as caught:
        cursor.nextset()
    assert caught.value.errno == 1054
    assert cursor.nextset() is None
    with pytest.raises(ProgrammingError):
        cursor.execute("SELEC 1; SELECT 2")
    assert works(connection)


def test_several_statements_have_to_be_asked_for(connect: Connector) -> None:
    connection = connect()
    with pytest.raises(ProgrammingError) as caught:
        ask(connection, "SELECT 1; SELECT 2")
    assert caught.value.errno == 1064
    assert works(connection)
