"""executemany(): nothing behind what fails is executed, the error says where it was, and the connection works on."""

from __future__ import annotations

import signal
import threading
import time
from datetime import datetime, timezone
from decimal import Decimal

import pytest

from mariadb_py.constants import INDICATOR
from mariadb_py.exceptions import (
    DataError,
    Error,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from tests.support.listener import PATIENCE
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

INSERT = "INSERT INTO failing (id, pad) VALUES (?, ?)"
PAD = "x" * 1000  # rows of 1013 bytes: 16 of them make the first chunk, 1036 each of the later ones
FIRST, LATER = 16, 1036
COUNT = 3500


def make_table(connection: Connection) -> None:
    create(connection, "TABLE failing (id INT PRIMARY KEY, pad VARCHAR(2000))")


def stored(connection: Connection) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM failing ORDER BY id")
        return [number for (number,) in cursor.fetchall()]


def executemany(connection: Connection, rows: Any, sql: str = INSERT) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


@pytest.fixture
def connection(connect: Connector) -> Connection:
    connection = connect(autocommit=True)
    make_table(connection)
    return connection


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
def test_where_the_chunks_end(connection: Connection) -> None:
    """What the tests below take for granted: the next chunk is packed before the last one is answered, and no other."""
    ends = []

    def rows() -> Iterator[tuple[int, str]]:
        for number in range(COUNT):
            yield number, PAD
            ends.append(number)

    def executions() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Com_stmt_execute'")
            return int(cursor.fetchall()[0][1])

    before = executions()
    executemany(connection, rows())
    assert executions() - before == 5
    assert stored(connection) == ends == list(range(COUNT))


# index of the row that fails -> rows in the chunks before it
BORDERS = {
    0: 0,
    1: 0,
    FIRST - 1: 0,
    FIRST: FIRST,
    FIRST + 1: FIRST,
    FIRST + LATER - 1: FIRST,
    FIRST + LATER: FIRST + LATER,
    FIRST + LATER + 1: FIRST + LATER,
    FIRST + 3 * LATER - 1: FIRST + 2 * LATER,
    FIRST + 3 * LATER: FIRST + 3 * LATER,
    COUNT - 1: FIRST + 3 * LATER,
}


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("generated", [True, False])
@pytest.mark.parametrize("failing", BORDERS)
def test_nothing_behind_the_failing_row(connect: Connector, failing: int, generated: bool, autocommit: bool) -> None:
    connection = connect(autocommit=autocommit)
    make_table(connection)
    rows: Any = [(number if number != failing else -1, PAD) for number in range(COUNT)]
    executemany(connection, [(-1, PAD)])
    with pytest.raises(IntegrityError) as caught:
        executemany(connection, iter(rows) if generated else rows)
    assert caught.value.errno == 1062
    assert caught.value.rows_done == BORDERS[failing]
    # A bulk is one statement to a transactional engine: of the failing chunk nothing is there.
    assert stored(connection) == [-1, *range(BORDERS[failing])]
    connection.rollback()
    assert stored(connection) == ([-1, *range(BORDERS[failing])] if autocommit else [])
    assert works(connection)


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
@pytest.mark.parametrize("failing", [0, FIRST, FIRST + LATER, COUNT - 1])
def test_what_an_engine_without_transactions_keeps(connection: Connection, failing: int) -> None:
    ask(connection, "ALTER TABLE failing ENGINE=MyISAM")
    rows = [(number if number != failing else -1, PAD) for number in range(COUNT)]
    executemany(connection, [(-1, PAD)])
    with pytest.raises(IntegrityError) as caught:
        executemany(connection, rows)
    assert caught.value.rows_done == BORDERS[failing]
    assert stored(connection) == [-1, *range(failing)]
    assert works(connection)


def test_rows_done_where_the_connection_is_lost(connect: Connector, connection: Connection) -> None:
    """By the server, which says goodbye while the answer is read."""
    victim = connect(autocommit=True, max_allowed_packet=16384)
    create(connection, "TABLE lost (v INT)")

    def rows() -> Iterator[tuple[int]]:
        for number in range(20_000):
            if number == 10_000:
                ask(connection, f"KILL {victim.connection_id}")
            yield (number,)

    with pytest.raises(OperationalError) as caught:
        executemany(victim, rows(), "INSERT INTO lost VALUES (?)")
    assert caught.value.errno in (1317, 1927, 2006, 2013)
    assert caught.value.rows_done in range(6000, 10_001)  # the chunk before the present one is not answered yet
    assert ask(connection, "SELECT COUNT(*) FROM lost") >= caught.value.rows_done


def test_rows_can_go_on_behind_the_ones_that_are_done(connection: Connection) -> None:
    rows = [(number if number != 2000 else 5, PAD) for number in range(COUNT)]
    with pytest.raises(IntegrityError) as caught:
        executemany(connection, rows)
    assert caught.value.rows_done is not None
    rows[2000] = (2000, PAD)
    executemany(connection, rows[caught.value.rows_done :])
    assert stored(connection) == list(range(COUNT))


# Rows that cannot be sent

BAD: list[tuple[Any, type[Error], str]] = [
    ((5,), ProgrammingError, r"^Invalid number of parameters in row {row}: the statement has 2 placeholders, not 1$"),
    ((5, "x", 6), ProgrammingError, r"^Invalid number of parameters in row {row}: .* not 3$"),
    ((), ProgrammingError, r"^Invalid number of parameters in row {row}: .* not 0$"),
    ("ab", ProgrammingError, r"^Invalid number of parameters in row {row}: .* not str$"),
    (5, ProgrammingError, r"^Invalid number of parameters in row {row}: .* not int$"),
    (None, ProgrammingError, r"^Invalid number of parameters in row {row}: .* not NoneType$"),
    ({"id": 5}, ProgrammingError, r"^Invalid number of parameters in row {row}: .* not dict$"),
    ((object(), "x"), ProgrammingError, r"^row {row}, column 1: a object cannot be a parameter"),
    ((5, ["x"]), ProgrammingError, r"^row {row}, column 2: a list cannot be a parameter"),
    ((5, {}), ProgrammingError, r"^row {row}, column 2: a dict cannot be a parameter"),
    ((float("nan"), "x"), NotSupportedError, r"^row {row}, column 1: MariaDB has no value for float nan$"),
    (
        (5, Decimal("Infinity")),
        NotSupportedError,
        r"^row {row}, column 2: MariaDB has no value for a Decimal that is not finite$",
    ),
    ((Decimal("1E+65"), "x"), DataError, r"^row {row}, column 1: a Decimal of 66 digits"),
    ((5, datetime.now(timezone.utc)), ProgrammingError, r"^row {row}, column 2: a datetime with a time zone"),
]


@pytest.mark.parametrize("index", [0, 1, FIRST, COUNT - 1])
@pytest.mark.parametrize(("bad", "error", "message"), BAD)
def test_a_bad_row_in_a_list_is_found_before_anything_is_sent(
    connection: Connection, index: int, bad: Any, error: type[Error], message: str
) -> None:
    rows: list[Any] = [(number, PAD) for number in range(COUNT)]
    rows[index] = bad
    for given in (rows, tuple(rows)):
        with pytest.raises(error, match=message.format(row=index + 1)) as caught:
            executemany(connection, given)
        assert caught.value.rows_done == 0
    assert stored(connection) == []


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
@pytest.mark.parametrize(("bad", "error", "message"), BAD)
def test_a_bad_row_in_a_generator_is_found_before_its_chunk(
    connection: Connection, bad: Any, error: type[Error], message: str
) -> None:
    index = FIRST + LATER + 5
    rows: list[Any] = [(number, PAD) for number in range(COUNT)]
    rows[index] = bad
    with pytest.raises(error, match=message.format(row=index + 1)) as caught:
        executemany(connection, iter(rows))
    assert caught.value.rows_done == FIRST + LATER
    assert stored(connection) == list(range(FIRST + LATER))
    assert works(connection)


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
@pytest.mark.parametrize("value", [10**65, "\ud800"])
def test_extreme_values_are_found_in_their_chunk(connection: Connection, value: Any) -> None:
    rows: list[Any] = [(number, PAD) for number in range(COUNT)]
    rows[FIRST + 1] = (5, value)
    with pytest.raises(Error, match=rf"^row {FIRST + 2}, column 2: ") as caught:
        executemany(connection, rows)
    assert caught.value.rows_done == FIRST
    assert stored(connection) == list(range(FIRST))


@pytest.mark.parametrize(
    ("sql", "rows", "message"),
    [
        ("CALL p(?)", [(1,), (2, 3)], "^Invalid number of parameters in row 2"),
        ("CALL p(?)", [(1,), (object(),)], "^row 2, column 1: "),
        ("INSERT INTO failing VALUES (%(id)s, 'x')", [{"id": 1}, {"di": 2}], "row 2: the parameters have no 'id'"),
        ("INSERT INTO failing VALUES (%(id)s, 'x')", [{"id": 1}, (2,)], "row 2: .* a mapping, not tuple"),
        ("INSERT INTO failing VALUES (?, %s)", [(1, 2)], "^Mixing different parameter styles"),
    ],
)
def test_other_bad_rows(connection: Connection, sql: str, rows: list[Any], message: str) -> None:
    create(connection, "PROCEDURE p(x INT) INSERT INTO failing VALUES (x, 'p')")
    with pytest.raises(ProgrammingError, match=message):
        executemany(connection, rows, sql)
    assert stored(connection) == []
    assert works(connection)


@pytest.mark.parametrize("nothing", [None, [], (), iter(()), {}, (row for row in [])])
@pytest.mark.parametrize("sql", [INSERT, "DO 1", "CALL p(?)"])
def test_no_rows(connection: Connection, sql: str, nothing: Any) -> None:
    with pytest.raises(ProgrammingError, match=r"^No data provided$"):
        executemany(connection, nothing, sql)
    assert works(connection)


def test_no_iterable(connection: Connection) -> None:
    with pytest.raises(TypeError, match="not iterable"):
        executemany(connection, 5)
    assert works(connection)


# Generators that raise, and interruptions


class Interruption(BaseException):
    pass


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), Interruption(), IntegrityError("mine")])
@pytest.mark.parametrize(("index", "done"), [(0, 0), (5, 0), (FIRST + 1, FIRST), (FIRST + LATER + 5, FIRST + LATER)])
def test_a_generator_that_raises(connection: Connection, error: BaseException, index: int, done: int) -> None:
    """Its own exception comes out. What it gave in the same chunk is not sent; the chunk before is answered."""

    def rows() -> Iterator[tuple[int, str]]:
        for number in range(COUNT):
            if number == index:
                raise error
            yield number, PAD

    with pytest.raises(type(error)) as caught:
        executemany(connection, rows())
    assert caught.value is error
    assert stored(connection) == list(range(done))
    assert works(connection)


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
def test_a_generator_that_raises_while_the_server_refuses(connection: Connection) -> None:
    """It is not hidden by the server's error, which is its context."""

    def rows() -> Iterator[tuple[int, str]]:
        yield 1, PAD
        for _ in range(FIRST + 1):
            yield 1, PAD
        raise SystemExit

    with pytest.raises(SystemExit) as caught:
        executemany(connection, rows())
    assert isinstance(caught.value.__context__, IntegrityError)
    assert stored(connection) == []
    assert works(connection)


def test_a_generator_that_uses_its_own_connection(connection: Connection) -> None:
    def rows() -> Iterator[tuple[int, str]]:
        yield 1, ask(connection, "SELECT 'x'")

    with pytest.raises(ProgrammingError, match="already in use by this thread"):
        executemany(connection, rows())
    assert works(connection)


def test_rows_from_another_connection(connect: Connector, connection: Connection) -> None:
    with connect().cursor(buffered=False) as source:
        source.execute("SELECT seq, REPEAT('y', 500) FROM seq_1_to_5000")
        executemany(connection, source)
    assert stored(connection) == list(range(1, 5001))


@pytest.mark.mariadb("in MySQL a SLEEP that is killed ends well, and the INSERT around it goes on")
def test_ctrl_c_while_the_server_works(connect: Connector) -> None:
    """The statement is cancelled, and the connection can be used again."""
    connection, observer = connect(), connect()
    create(connection, "TABLE sleeping (v INT)")  # locked until the server has noticed
    main = threading.get_ident()
    working = (
        f"SELECT COUNT(*) FROM information_schema.processlist WHERE id = {connection.connection_id} AND state <> ''"
    )

    def interrupt() -> None:
        while not ask(observer, working):
            time.sleep(0.005)
        time.sleep(0.1)  # the server may be at work while the client is about to find that all is written
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        executemany(connection, [(30,)], "INSERT INTO sleeping VALUES (SLEEP(?))")
    thread.join(PATIENCE)
    assert works(connection)
    assert ask(connection, "SELECT COUNT(*) FROM sleeping") == 0


# Statements that cannot be run in bulk


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE, and no reason to refuse it")
@pytest.mark.parametrize("sql", ["SELECT ?", "SELECT ? FROM failing"])
def test_select_is_refused_by_the_server(connection: Connection, sql: str) -> None:
    with pytest.raises(OperationalError) as caught:
        executemany(connection, [(1,), (2,)], sql)
    assert (caught.value.errno, caught.value.rows_done) == (1295, 0)
    assert works(connection)


@pytest.mark.parametrize(
    ("sql", "errno"),
    [("INSERT INTO no_such_table VALUES (?)", 1146), ("INSER INTO failing VALUES (?)", 1064), ("CALL nope(?)", 1305)],
)
def test_statements_that_are_wrong(connection: Connection, sql: str, errno: int) -> None:
    with pytest.raises(Error) as caught:
        executemany(connection, [(1,), (2,)], sql)
    assert (caught.value.errno, caught.value.rows_done) == (errno, 0)
    assert works(connection)


def test_procedures_stop_at_the_row_that_fails(connection: Connection) -> None:
    create(connection, "PROCEDURE p(x INT) INSERT INTO failing VALUES (x, 'p')")
    with pytest.raises(IntegrityError) as caught:
        executemany(connection, [(1,), (2,), (1,), (3,)], "CALL p(?)")
    assert caught.value.rows_done == 2
    assert stored(connection) == [1, 2]


@pytest.mark.parametrize("indicator", [INDICATOR.DEFAULT, INDICATOR.IGNORE])
def test_indicators_that_only_a_bulk_has(connection: Connection, indicator: Any) -> None:
    create(connection, "PROCEDURE p(x INT) INSERT INTO failing VALUES (x, 'p')")
    with pytest.raises(ProgrammingError, match="MrdbIndicator cannot be a parameter"):
        executemany(connection, [(indicator,)], "CALL p(?)")
    executemany(connection, [(1,), (INDICATOR.IGNORE_ROW,), (3,)], "CALL p(?)")
    assert stored(connection) == [1, 3]


@pytest.mark.parametrize("indicator", [INDICATOR.DEFAULT, INDICATOR.IGNORE])
@pytest.mark.parametrize("generated", [False, True])
def test_indicators_are_found_before_the_first_row(
    server: TempServer, connection: Connection, indicator: Any, generated: bool
) -> None:
    """Where the server refuses to run the statement in bulk."""
    rows = [(1,), (INDICATOR.IGNORE_ROW,), (INDICATOR.NULL,), (2,), (indicator,)]
    # MySQL is sent each row as it comes.
    done = [1, 2, 9] if generated and server.mysql else []
    with pytest.raises(ProgrammingError, match=r"^row 5, column 1: a MrdbIndicator cannot be a parameter") as caught:
        executemany(connection, iter(rows) if generated else rows, "INSERT INTO failing SELECT COALESCE(?, 9), 'x'")
    assert caught.value.rows_done == len(done)
    assert stored(connection) == done
    ask(connection, "DELETE FROM failing")
    executemany(connection, rows[:4], "INSERT INTO failing SELECT COALESCE(?, 9), 'x'")
    assert stored(connection) == [1, 2, 9]


# Packets


@pytest.fixture
def small_packets(connect_own: Connector) -> Iterator[Callable[..., Connection]]:
    """Opens connections to a server that takes packets of 64 KiB."""
    ask(connect_own(), "SET GLOBAL max_allowed_packet = 65536")
    try:
        yield lambda: connect_own(autocommit=True)
    finally:
        ask(connect_own(), "SET GLOBAL max_allowed_packet = DEFAULT")


@pytest.mark.parametrize("generated", [True, False])
def test_chunks_fit_into_small_packets(small_packets: Callable[..., Connection], generated: bool) -> None:
    connection = small_packets()
    make_table(connection)
    rows = [(number, "x" * (number % 2000)) for number in range(2000)]
    executemany(connection, iter(rows) if generated else rows)
    assert ask(connection, "SELECT COUNT(*) FROM failing WHERE LENGTH(pad) = id") == 2000


@pytest.mark.parametrize(("index", "done"), [(0, 0), (1, 0), (3000, 2000)])
def test_a_row_larger_than_a_packet(
    server: TempServer, small_packets: Callable[..., Connection], index: int, done: int
) -> None:
    connection = small_packets()
    create(connection, "TABLE failing (id INT PRIMARY KEY, pad LONGTEXT)")
    rows = [(number, "x" * 100) for number in range(4000)]
    rows[index] = (index, "x" * 70_000)
    which = f"the statement for row {index + 1}" if server.mysql else "the statement"
    with pytest.raises(OperationalError, match=rf"^{which} has 70\d\d\d bytes, and max_allowed_packet is 65536"):
        executemany(connection, iter(rows))
    found = stored(connection)
    assert found == list(range(len(found)))
    assert done <= len(found) <= index
    assert works(connection)
