"""Which protocol a statement goes by, which prepared statements are kept, and what can happen to them."""

from __future__ import annotations

import gc
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from time import monotonic, sleep

import pytest

from mariadb_protocol import close_statement
from mariadb_py.exceptions import OperationalError, ProgrammingError
from tests.support.listener import PATIENCE
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

TEXT, BINARY = False, True


class Commands:
    """Counts the commands about prepared statements that a session has sent since this was made."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._before = self._read()

    def _read(self) -> dict[str, int]:
        with self._connection.cursor(binary=False) as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Com_stmt_%'")
            return {name[len("Com_stmt_") :].lower(): int(value) for name, value in cursor.fetchall()}

    def __getattr__(self, name: str) -> int:
        return self._read()[name] - self._before[name]


def open_statements(connection: Connection) -> int:
    """Prepared statements that all sessions of the server have at present; the common server has no other ones."""
    with connection.cursor(binary=False) as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
        return int(cursor.fetchall()[0][1])


def wait_until_none_is_open(connection: Connection) -> None:
    """A session that its client has closed ends a little later, and only then its statements."""
    deadline = monotonic() + PATIENCE
    while open_statements(connection):
        assert monotonic() < deadline
        sleep(0.005)


@pytest.fixture(autouse=True)
def nothing_is_left_of_other_tests(connect: Connector) -> None:
    wait_until_none_is_open(connect())


def run(connection: Connection, sql: str, parameters: Any = None, **keywords: Any) -> list[Any] | int:
    """The rows of a statement, or how many rows it affected."""
    with connection.cursor(**keywords) as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else cursor.rowcount


@pytest.fixture
def connection(connect: Connector) -> Connection:
    connection = connect()
    create(connection, "TABLE prepared (a INT, b VARCHAR(20))")
    return connection


# The choice of the protocol

RULE: list[tuple[str, Any, dict[str, Any], bool]] = [
    ("SELECT 1", None, {}, TEXT),
    ("SELECT ?", (1,), {}, TEXT),
    ("SELECT %s", [1.5], {}, TEXT),
    ("SELECT %(a)s", {"a": "x"}, {}, TEXT),
    ("SELECT ?", (None,), {}, TEXT),
    ("SELECT ?", (True,), {}, TEXT),
    ("SELECT ?", (Decimal("1.5"),), {}, TEXT),
    ("SELECT ?", (timedelta(1),), {}, TEXT),
    ("SELECT ?", (time(1),), {}, TEXT),
    ("SELECT ?", (b"x",), {}, BINARY),
    ("SELECT ?, ?", (1, bytearray(b"x")), {}, BINARY),
    ("SELECT ?", (memoryview(b"x"),), {}, BINARY),
    ("SELECT ?", (date(2024, 1, 1),), {}, BINARY),
    ("SELECT %(d)s", {"d": datetime(2024, 1, 1)}, {}, BINARY),
    ("SELECT 1", (b"surplus",), {}, TEXT),
    ("INSERT INTO prepared VALUES (1, 'a')", None, {}, TEXT),
    ("INSERT INTO prepared VALUES (1, 'a')", (), {}, TEXT),
    ("INSERT INTO prepared VALUES (?, ?)", (1, "a"), {}, BINARY),
    ("insert into prepared values (%(a)s, %(b)s)", {"a": 1, "b": "b"}, {}, BINARY),
    ("REPLACE INTO prepared VALUES (?, ?)", (1, "a"), {}, BINARY),
    ("UPDATE\tprepared SET a = ?", (1,), {}, BINARY),
    ("DELETE FROM prepared WHERE a = ?", (1,), {}, BINARY),
    ("DO ?", (1,), {}, BINARY),
    (" INSERT INTO prepared VALUES (?, ?)", (1, "a"), {}, TEXT),
    ("/**/INSERT INTO prepared VALUES (?, ?)", (1, "a"), {}, TEXT),
    ("SET @a = ?", (1,), {}, TEXT),
    ("SELECT 1", None, {"binary": True}, BINARY),
    ("SELECT ?", (1,), {"binary": True}, BINARY),
    ("SELECT 1", None, {"prepared": True}, BINARY),
    ("SELECT 1", None, {"cursor_type": 1}, BINARY),
    ("INSERT INTO prepared VALUES (1, 'a')", None, {"cursor_type": 1}, BINARY),
]


@pytest.mark.parametrize(("sql", "parameters", "keywords", "protocol"), RULE)
def test_the_rule(
    server: TempServer, connection: Connection, sql: str, parameters: Any, keywords: dict[str, Any], protocol: bool
) -> None:
    if server.mysql and not keywords:
        protocol = TEXT  # but for CALL, see below
    commands = Commands(connection)
    run(connection, sql, parameters, **keywords)
    assert commands.execute == protocol


def test_call_is_binary_with_and_without_parameters(connection: Connection) -> None:
    create(connection, "PROCEDURE nothing() BEGIN END")
    commands = Commands(connection)
    run(connection, "CALL nothing()")
    run(connection, "call nothing()", ())
    with connection.cursor() as cursor:
        cursor.callproc("nothing")
    assert commands.execute == 3


def test_the_binary_option_of_a_connection(connect: Connector) -> None:
    connection = connect(binary=True)
    commands = Commands(connection)
    run(connection, "SELECT 1")
    run(connection, "SELECT 1", binary=False)
    assert commands.execute == 1


def test_a_value_as_each_protocol_types_it(connection: Connection) -> None:
    """1.1's rule shows: by text 1.5 is a DECIMAL literal."""
    assert run(connection, "SELECT ?", (1.5,)) == [(Decimal("1.5"),)]
    assert [type(value) for value in run(connection, "SELECT ?", (1.5,))[0]] == [Decimal]  # type: ignore[index]
    assert [type(value) for value in run(connection, "SELECT ?", (1.5,), binary=True)[0]] == [float]  # type: ignore[index]


# Statements that are kept


@pytest.mark.mariadb("MySQL prepares again for the types of the parameters, and counts that")
def test_a_statement_is_prepared_once(connection: Connection) -> None:
    commands = Commands(connection)
    for number in range(5):
        run(connection, "INSERT INTO prepared VALUES (?, ?)", (number, "x"))
        run(connection, "SELECT ?", (number,), binary=True)
    assert (commands.prepare, commands.execute, commands.close) == (2, 10, 0)


@pytest.mark.mariadb("MySQL prepares again for the types of the parameters, and counts that")
def test_placeholders_of_each_style_share_a_statement(connection: Connection) -> None:
    commands = Commands(connection)
    assert run(connection, "SELECT ?", (1,), binary=True) == [(1,)]
    assert run(connection, "SELECT %s", (2,), binary=True) == [(2,)]
    assert run(connection, "SELECT %(a)s", {"a": 3}, binary=True) == [(3,)]
    assert commands.prepare == 1


def test_the_least_recently_used_statement_is_given_up(connect: Connector) -> None:
    connection = connect(prep_stmt_cache_size=3, binary=True)
    commands = Commands(connection)
    before = open_statements(connection)
    for number in (1, 2, 3, 1, 4, 1, 3, 4):  # 2 goes when 4 comes
        assert run(connection, f"SELECT {number} + ?", (0,)) == [(number,)]
    assert (commands.prepare, commands.close) == (4, 1)
    assert open_statements(connection) - before == 3
    run(connection, "SELECT 2 + ?", (0,))  # 1 was used least recently
    run(connection, "SELECT 3 + ?", (0,))
    run(connection, "SELECT 4 + ?", (0,))
    assert commands.prepare == 5
    run(connection, "SELECT 1 + ?", (0,))
    assert commands.prepare == 6


@pytest.mark.mariadb("MySQL prepares again for the types of the parameters, and counts that")
@pytest.mark.parametrize("keywords", [{"cache_prep_stmts": False}, {"prep_stmt_cache_size": 0}])
def test_no_statement_is_kept(connect: Connector, keywords: dict[str, Any]) -> None:
    connection = connect(**keywords)
    create(connection, "TABLE prepared (a INT, b VARCHAR(20))")
    commands = Commands(connection)
    before = open_statements(connection)
    for number in range(3):
        assert run(connection, "SELECT ?", (number,), binary=True) == [(number,)]
        run(connection, "INSERT INTO prepared VALUES (?, ?)", (number, "x"))
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO prepared VALUES (?, ?)", [(number, "y"), (number, "z")])
    assert open_statements(connection) == before
    assert (commands.prepare, commands.close) == (9, 9)


@pytest.mark.mariadb("MySQL gets neither unasked by the binary protocol")
def test_executemany_and_execute_share_a_statement(connection: Connection) -> None:
    commands = Commands(connection)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO prepared VALUES (?, ?)", [(1, "a"), (2, "b")])
        cursor.execute("INSERT INTO prepared VALUES (?, ?)", (3, "c"))
        cursor.executemany("INSERT INTO prepared VALUES (?, ?)", [(4, "d")])
    assert commands.prepare == 1
    assert run(connection, "SELECT COUNT(*) FROM prepared") == [(4,)]


@pytest.mark.parametrize("way", ["reset", "change_user", "reconnect"])
def test_statements_are_forgotten_with_the_session(connect: Connector, way: str) -> None:
    connection = connect()
    server = connect.server
    before = open_statements(connection)
    with connection.cursor(prepared=True) as own:
        own.execute("SELECT ? + 1", (1,))
        assert run(connection, "SELECT ?", (1,), binary=True) == [(1,)]
        assert open_statements(connection) - before == 2
        if way == "change_user":
            connection.change_user(server.user, server.password, server.database)
        else:
            getattr(connection, way)()
        assert open_statements(connection) == before
        assert run(connection, "SELECT ?", (2,), binary=True) == [(2,)]
        own.execute("its text is known", (3,))
        assert own.fetchall() == [(4,)]
        assert open_statements(connection) - before == 2


def test_a_statement_that_was_forgotten_on_the_way_is_prepared_again(connection: Connection) -> None:
    """By a proxy that has changed the server, for example."""
    sql = "SELECT ? + 1"
    assert run(connection, sql, (1,), binary=True) == [(2,)]
    core = connection._core
    (kept,) = core.statements._kept.values()
    close_statement(core.session, kept)
    commands = Commands(connection)
    for number in range(3):
        assert run(connection, sql, (number,), binary=True) == [(number + 1,)]
    assert commands.prepare == 1


def test_a_prepared_cursor_gives_up_its_statement(connection: Connection) -> None:
    before = open_statements(connection)
    cursor = connection.cursor(prepared=True)
    cursor.execute("SELECT 1")
    assert open_statements(connection) - before == 1
    cursor.close()
    assert open_statements(connection) == before


# PREPARE and EXECUTE in one write


@pytest.mark.parametrize("pipeline", [True, False, None])
def test_pipelined_or_not_is_the_same(connect: Connector, pipeline: bool | None) -> None:
    connection = connect(pipeline=pipeline)
    create(connection, "TABLE prepared (a INT PRIMARY KEY, b VARCHAR(20))")
    create(connection, "PROCEDURE several(x INT) BEGIN SELECT x; SELECT seq FROM seq_1_to_3; END")
    for _ in range(2):
        assert run(connection, "SELECT ?, ?", (1, None), binary=True) == [(1, None)]
    assert run(connection, "INSERT INTO prepared VALUES (?, ?)", (1, "a")) == 1
    with pytest.raises(ProgrammingError) as caught:
        run(connection, "SELECT nothing, ?", (1,), binary=True)  # refused by PREPARE
    assert caught.value.errno == 1054
    with pytest.raises(Exception, match="Duplicate entry") as duplicate:
        run(connection, "INSERT INTO prepared VALUES (?, ?)", (1, "a"))  # refused by EXECUTE
    assert duplicate.value.errno == 1062  # type: ignore[attr-defined]
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("CALL several(?)", (7,))
        assert [cursor.fetchall(), cursor.nextset(), cursor.fetchall()] == [[(7,)], True, [(1,), (2,), (3,)]]
    assert works(connection)


BAD = [
    ("SELEC ?", (1,), 1064),
    ("SELECT * FROM no_such_table WHERE a = ?", (1,), 1146),
    ("INSERT INTO no_such_table VALUES (?)", (1,), 1146),
    ("SELECT 1; SELECT ?", (1,), 1064),  # not without MULTI_STATEMENTS, and never in PREPARE
    ("USE ?", ("x",), 1064),
    ("", (), 1065),
]


@pytest.mark.parametrize("pipeline", [True, False])
@pytest.mark.parametrize("kind", ["binary", "prepared", "cursor_type"])
@pytest.mark.parametrize(("sql", "parameters", "errno"), BAD)
def test_errors_of_prepare(
    connect: Connector, pipeline: bool, kind: str, sql: str, parameters: Any, errno: int
) -> None:
    connection = connect(pipeline=pipeline)
    before = open_statements(connection)
    for _ in range(2):
        with connection.cursor(**{kind: True}) as cursor:
            with pytest.raises(ProgrammingError) as caught:
                cursor.execute(sql, parameters)
            assert caught.value.errno == errno
            assert (cursor.description, cursor.rowcount) == (None, -1)
        assert works(connection)
    assert open_statements(connection) == before


def test_more_statements_than_the_server_allows(connect_own: Connector) -> None:
    connection = connect_own()
    ask(connection, "SET GLOBAL max_prepared_stmt_count = 0")
    try:
        with pytest.raises(OperationalError) as caught:
            run(connection, "SELECT ?", (1,), binary=True)
        assert caught.value.errno == 1461
        assert works(connection)
    finally:
        ask(connection, "SET GLOBAL max_prepared_stmt_count = DEFAULT")


@pytest.fixture
def paid(connect_own: Connector) -> Iterator[Connection]:
    """Has tables of what is paid and seen; another session makes the server full, and empties it afterwards."""
    connection = connect_own(autocommit=True)
    wait_until_none_is_open(connection)
    for table in ("paid", "seen"):
        create(connection, f"TABLE {table} (v INT)")
    try:
        yield connection
    finally:
        ask(connection, "SET GLOBAL max_prepared_stmt_count = DEFAULT")


def fill_up(connection: Connection) -> None:
    ask(connection, f"SET GLOBAL max_prepared_stmt_count = {open_statements(connection)}")


@pytest.mark.parametrize("pipeline", [True, False])
def test_statements_that_are_kept_make_room_for_others(
    connect_own: Connector, paid: Connection, pipeline: bool
) -> None:
    connection = connect_own(autocommit=True, binary=True, pipeline=pipeline)
    run(connection, "INSERT INTO paid VALUES (?)", (100,))
    fill_up(connection)
    run(connection, "INSERT INTO seen VALUES (?)", (7,))
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO seen VALUES (? + 0)", [(8,), (9,)])
    with connection.cursor(prepared=True) as cursor:
        cursor.execute("INSERT INTO seen VALUES (? + 1)", (9,))
    assert run(connection, "SELECT v FROM paid") == [(100,)]
    assert run(connection, "SELECT v FROM seen ORDER BY v") == [(7,), (8,), (9,), (10,)]


@pytest.mark.parametrize("pipeline", [True, False])
def test_no_other_statement_runs_where_there_is_no_room(
    connect_own: Connector, paid: Connection, pipeline: bool
) -> None:
    connection = connect_own(autocommit=True, binary=True, pipeline=pipeline, cache_prep_stmts=False)
    with connection.cursor(prepared=True) as own:
        own.execute("INSERT INTO paid VALUES (?)", (100,))  # the one that was prepared last
        fill_up(connection)
        for _ in range(2):
            with pytest.raises(OperationalError) as caught:
                run(connection, "INSERT INTO seen VALUES (?)", (7,))
            assert caught.value.errno == 1461
        own.execute("INSERT INTO paid VALUES (?)", (200,))
    assert run(connection, "SELECT v FROM paid") == [(100,), (200,)]
    assert run(connection, "SELECT COUNT(*) FROM seen") == [(0,)]


def questions(connection: Connection) -> int:
    """Executions that were asked for in this session, also those of an unknown id; this one is counted too."""
    with connection.cursor(binary=False) as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
        return int(cursor.fetchall()[0][1])


@pytest.mark.parametrize(
    "statements",
    [
        (),
        ("SELEC ?",),
        ("SELECT nothing, ?", "SELECT nothing + ?"),
        ("reset",),
        ("change_user",),
    ],
    ids=str,
)
def test_the_id_of_a_statement_is_known_beforehand(connect: Connector, statements: tuple[str, ...]) -> None:
    """Each of them is executed once: in the round trip in which it is prepared."""
    connection, server = connect(binary=True), connect.server
    run(connection, "SELECT ?", (1,))
    for sql in statements:
        if sql == "change_user":
            connection.change_user(server.user, server.password, server.database)
        elif sql == "reset":
            connection.reset()
        else:
            with pytest.raises(ProgrammingError):
                run(connection, sql, (1,))
    before, commands = questions(connection), Commands(connection)
    assert [run(connection, f"SELECT {number} + ?", (1,)) for number in range(3)] == [[(1,)], [(2,)], [(3,)]]
    assert (commands.prepare, questions(connection) - before) == (3, 6)  # with those about the commands


@pytest.mark.mariadb("MySQL is not sent PREPARE and EXECUTE in one write")
@pytest.mark.parametrize("before", [(), ("PREPARE s FROM 'SELECT 1'",), ("EXECUTE IMMEDIATE 'DO 1'",)], ids=str)
def test_the_first_statement_takes_one_round_trip(connect: Connector, before: tuple[str, ...]) -> None:
    """Whoever has had the server's thread before, and however many statements he had."""
    for _ in range(4):
        connection = connect()
        for sql in before:
            run(connection, sql)
        asked = questions(connection)
        assert run(connection, "SELECT 1 + ?", (1,), binary=True) == [(2,)]
        assert questions(connection) - asked == 2  # with that about the questions
        run(connection, "SELECT 2 + ?", (1,), binary=True)
        connection.close()


@pytest.mark.mariadb("MySQL is not sent PREPARE and EXECUTE in one write")
def test_the_first_statement_finds_no_room(connect_own: Connector, paid: Connection) -> None:
    """Nor does it execute what somebody else had prepared in the server's thread."""
    for _ in range(4):
        other = connect_own(autocommit=True, binary=True)
        run(other, "INSERT INTO paid VALUES (?)", (100,))
        other.close()
        wait_until_none_is_open(paid)
        ask(paid, "SET GLOBAL max_prepared_stmt_count = 0")
        connection = connect_own(autocommit=True, binary=True)
        with pytest.raises(OperationalError) as caught:
            run(connection, "INSERT INTO seen VALUES (?)", (7,))
        assert caught.value.errno == 1461
        assert connection.open
        connection.close()
        ask(paid, "SET GLOBAL max_prepared_stmt_count = DEFAULT")
    assert ask(paid, "SELECT COUNT(*) FROM paid") == 4
    assert ask(paid, "SELECT COUNT(*) FROM seen") == 0


@pytest.mark.mariadb("MySQL is not sent PREPARE and EXECUTE in one write")
@pytest.mark.parametrize("sql", ["PREPARE s FROM 'SELECT 1'", "EXECUTE IMMEDIATE 'DO 1'", "CALL immediate()"])
def test_statements_of_sql_have_ids_too(connection: Connection, sql: str) -> None:
    create(
        connection,
        "PROCEDURE immediate() BEGIN EXECUTE IMMEDIATE 'DO 1'; EXECUTE IMMEDIATE 'DO 2'; END",
    )
    run(connection, "SELECT ?", (1,), binary=True)
    run(connection, sql)
    before = questions(connection)
    assert run(connection, "SELECT 1 + ?", (1,), binary=True) == [(2,)]
    assert questions(connection) - before == 3  # in vain, and once more
    assert [run(connection, f"SELECT {number} + ?", (1,), binary=True) for number in (2, 3)] == [[(3,)], [(4,)]]
    assert questions(connection) - before == 6


@pytest.mark.parametrize("pipeline", [True, False])
def test_a_procedure_that_executes_an_unknown_name_runs_once(connect: Connector, pipeline: bool) -> None:
    """Its error has the number of an unknown id."""
    connection = connect(pipeline=pipeline)
    create(connection, "TABLE prepared (a INT, b VARCHAR(20))")
    create(
        connection,
        "PROCEDURE lost(x INT) BEGIN INSERT INTO prepared VALUES (x, 'x'); EXECUTE nope; END",
    )
    for number in (1, 2):
        with pytest.raises(OperationalError) as caught:
            run(connection, "CALL lost(?)", (number,))
        assert caught.value.errno == 1243
    assert run(connection, "SELECT a FROM prepared") == [(1,), (2,)]


IDS = (*range(1, 7), 0xFFFFFFFF)  # that the statement may have, or be called by
SAYS = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1243, MESSAGE_TEXT = "


@pytest.mark.parametrize("pipeline", [True, False])
@pytest.mark.parametrize(
    "last",
    ["EXECUTE `{}`", SAYS + "'({})'", SAYS + "'Unknown prepared statement handler ({}) given to EXECUTE'"],
    ids=["name", "signal", "message"],
)
def test_a_procedure_that_says_that_its_own_statement_is_unknown_runs_once(
    connect: Connector, pipeline: bool, last: str
) -> None:
    """By its id: that it could not be executed does not mean that nothing was."""
    connection = connect(pipeline=pipeline, autocommit=True)
    create(connection, "TABLE prepared (a INT, b VARCHAR(20))")
    for number in IDS:
        body = f"INSERT INTO prepared VALUES (x, 'x'); {last.format(number)};"
        create(connection, f"PROCEDURE lost_{number}(x INT) BEGIN {body} END")
    calls = 0
    for number in IDS:
        for caller in (connection, connect(pipeline=pipeline, autocommit=True)):
            for _ in range(2):  # the second time the statement is prepared already
                with pytest.raises(OperationalError) as caught:
                    run(caller, f"CALL lost_{number}(?)", (1,))
                assert caught.value.errno == 1243
                calls += 1
                assert run(connection, "SELECT COUNT(*) FROM prepared") == [(calls,)]


@pytest.mark.parametrize("keywords", [{"prepared": True}, {"cursor_type": 1}, {"cursor_type": 1, "prefetch_size": 1}])
def test_a_cursor_that_is_dropped_gives_up_its_statement(connection: Connection, keywords: dict[str, Any]) -> None:
    before = open_statements(connection)
    commands = Commands(connection)
    for number in range(5):
        cursor = connection.cursor(**keywords)
        cursor.execute(f"SELECT seq + {number} FROM seq_1_to_5")
        assert cursor.fetchone() == (number + 1,)
        assert open_statements(connection) - before == 1
        del cursor
        gc.collect()
    assert open_statements(connection) == before
    assert (commands.prepare, commands.close) == (5, 5)
    cursor = connection.cursor(**keywords)
    cursor.execute("SELECT 1")
    connection.reset()
    del cursor
    gc.collect()
    run(connection, "SELECT 2", **keywords)
    assert open_statements(connection) == before


CURSORLESS = [
    ("DELETE FROM prepared WHERE a > ? RETURNING a", [(2,), (3,)]),
    ("/* c */ -- d\n DELETE FROM prepared WHERE a > ? RETURNING a", [(2,), (3,)]),
    ("/*! DELETE */ FROM prepared WHERE a > ? RETURNING a", [(2,), (3,)]),
    ("SET STATEMENT max_statement_time = 60 FOR DELETE FROM prepared WHERE a > ? RETURNING a", [(2,), (3,)]),
    ("INSERT INTO prepared VALUES (?, 'x') RETURNING a", [(1,)]),
    ("REPLACE INTO prepared VALUES (?, 'x') RETURNING a", [(1,)]),
]


@pytest.mark.mariadb("MySQL has no RETURNING")
@pytest.mark.parametrize(("sql", "rows"), CURSORLESS)
@pytest.mark.parametrize("prepared", [True, False])
def test_statements_for_which_the_server_has_no_cursor(
    connection: Connection, sql: str, rows: list[Any], prepared: bool
) -> None:
    """Asked for one, a server of 10.11 or 11.8 dies of DELETE ... RETURNING."""
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO prepared VALUES (?, 'a')", [(1,), (2,), (3,)])
        assert run(connection, sql, (1,), cursor_type=1, prefetch_size=1, prepared=prepared) == rows
        run(connection, "DELETE FROM prepared")


@pytest.mark.mariadb("MySQL has no ANALYZE of a statement")
def test_an_analysis_by_a_server_side_cursor(connection: Connection) -> None:
    """Asked for a cursor, the server hangs up."""
    for sql in ("ANALYZE SELECT 1", "ANALYZE FORMAT=JSON SELECT 1", "EXPLAIN SELECT 1"):
        rows = run(connection, sql, cursor_type=1)
        assert isinstance(rows, list)
        assert len(rows) == 1
    assert works(connection)


@pytest.mark.parametrize("parameters", [5, "x", b"x", {"a": 1}, {1}, object()])
@pytest.mark.parametrize("kind", ["binary", "prepared", "cursor_type", "dictionary"])
def test_parameters_that_are_no_sequence(connection: Connection, kind: str, parameters: Any) -> None:
    with pytest.raises(ProgrammingError, match=r"^placeholders \? and %s want a list or tuple, not "):
        run(connection, "SELECT ?", parameters, **{kind: True})
    assert works(connection)


# What changes under a prepared statement


@pytest.mark.parametrize("kind", ["binary", "prepared", "cursor_type"])
def test_alter_table_between_two_executions(connection: Connection, kind: str) -> None:
    cursor = connection.cursor(**{kind: True})

    def columns() -> list[str]:
        cursor.execute("SELECT * FROM prepared")
        return [column[0] for column in cursor.description or ()]

    run(connection, "INSERT INTO prepared VALUES (?, ?)", (1, "x"))
    for alter, names, rows in [
        ("ADD c DOUBLE DEFAULT 1.5", ["a", "b", "c"], [(1, "x", 1.5)]),
        ("MODIFY a VARCHAR(30)", ["a", "b", "c"], [("1", "x", 1.5)]),
        ("DROP b", ["a", "c"], [("1", 1.5)]),
        ("RENAME COLUMN c TO d", ["a", "d"], [("1", 1.5)]),
    ]:
        columns()
        cursor.fetchall()
        run(connection, f"ALTER TABLE prepared {alter}")
        assert columns() == names
        assert cursor.fetchall() == rows


def test_a_temporary_table_that_is_dropped_and_made_again(connection: Connection) -> None:
    for definition, value in (("INT", 5), ("VARCHAR(20)", "five")):
        run(connection, f"CREATE TEMPORARY TABLE brief (v {definition})")
        run(connection, "INSERT INTO brief VALUES (?)", (value,))
        assert run(connection, "SELECT * FROM brief WHERE v = ?", (value,), binary=True) == [(value,)]
        run(connection, "DROP TABLE brief")
        with pytest.raises(ProgrammingError) as caught:
            run(connection, "SELECT * FROM brief WHERE v = ?", (value,), binary=True)
        assert caught.value.errno == 1146


# cursor(prepared=True): the first statement counts

LATER: list[tuple[str, Any, list[tuple[Any, ...]]]] = [
    ("SELECT ?, ?", (3, 4), [(3, 4)]),
    ("SELECT 99", (3, 4), [(3, 4)]),
    ("no SQL at all", [5, None], [(5, None)]),
    ("SELECT ?, ?", (3, 4, 5), [(3, 4)]),
    ("SELECT ?, ?, ?", (3, 4, 5), [(3, 4)]),
]


@pytest.mark.mariadb("MySQL prepares again for the types of the parameters, and counts that")
@pytest.mark.parametrize(("sql", "parameters", "rows"), LATER)
def test_later_texts_and_surplus_values_are_ignored(
    connection: Connection, sql: str, parameters: Any, rows: list[tuple[Any, ...]]
) -> None:
    cursor = connection.cursor(prepared=True)
    commands = Commands(connection)
    cursor.execute("SELECT ?, ?", (1, 2))
    assert cursor.fetchall() == [(1, 2)]
    cursor.execute(sql, parameters)
    assert cursor.fetchall() == rows
    assert cursor.statement == "SELECT ?, ?"
    assert commands.prepare == 1


@pytest.mark.parametrize("parameters", [(1,), (), None, [], {}])
def test_too_few_values_for_a_prepared_statement(connection: Connection, parameters: Any) -> None:
    cursor = connection.cursor(prepared=True)
    cursor.execute("SELECT ?, ?", (1, 2))
    with pytest.raises(
        ProgrammingError, match=r"^the statement has 2 placeholders, not [01]$|want a list or tuple, not dict"
    ):
        cursor.execute("SELECT ?, ?", parameters)
    cursor.execute("SELECT ?, ?", (5, 6))
    assert cursor.fetchall() == [(5, 6)]


def test_a_statement_that_could_not_be_prepared_does_not_stick(connection: Connection) -> None:
    cursor = connection.cursor(prepared=True)
    with pytest.raises(ProgrammingError):
        cursor.execute("SELEC ?", (1,))
    cursor.execute("SELECT ?", (2,))
    cursor.execute("SELECT 99", (3,))
    assert cursor.fetchall() == [(3,)]


@pytest.mark.parametrize("sql", ["SET @a = ?", "SELECT ? INTO @a", "DO ?", "INSERT INTO prepared (a) VALUES (?)"])
@pytest.mark.parametrize("prepared", [True, False])
def test_statements_without_rows_by_a_server_side_cursor(connection: Connection, sql: str, prepared: bool) -> None:
    """Asked for a cursor, MySQL refuses to run them."""
    with connection.cursor(cursor_type=1, prepared=prepared) as cursor:
        for number in (1, 2):
            cursor.execute(sql, (number,))
            assert cursor.description is None
    assert works(connection)


@pytest.mark.parametrize("kind", ["binary", "prepared", "cursor_type"])
def test_parameters_of_other_types_than_the_first_ones(connection: Connection, kind: str) -> None:
    """MySQL converts what comes later to the types of the first execution."""
    cursor = connection.cursor(**{kind: True})
    for value in (1.5, "x", None, 7, "8 beans", Decimal("1.25"), 1.5, date(2024, 1, 2), "x"):
        for _ in range(2):
            cursor.execute("SELECT ?", (value,))
            (row,) = cursor.fetchall()
            assert [(found, type(found)) for found in row] == [(value, type(value))]
