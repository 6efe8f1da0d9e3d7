"""One Ctrl-C, at each line in turn: the connection is what it was, or says that it is gone."""

from __future__ import annotations

import contextlib
import signal
import time

import pytest

from mariadb_protocol import framing
from mariadb_protocol import session as protocol_session
from mariadb_protocol.commands import result, statement
from mariadb_py.core import cancel as core_cancel
from mariadb_py.core import connection as core_connection
from mariadb_py.core import many, twophase
from mariadb_py.exceptions import (
    Error,
    IntegrityError,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
    QueryTimeout,
)
from mariadb_py.io import cancel, link, transport
from mariadb_py.io.link import Link
from tests.support.listener import PATIENCE
from tests.support.running import ask, works
from tests.support.server import create
from tests.support.strikes import Lines, Struck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector

PAD = "x" * 6000  # two rows of these are a chunk
DRIVER = link, transport, core_connection, framing, protocol_session, result, statement


@contextlib.contextmanager
def opened(connect: Connector, **keywords: Any) -> Iterator[Connection]:
    """A connection for a single strike."""
    connection = connect(**keywords)
    try:
        yield connection
    finally:
        with contextlib.suppress(ProgrammingError):  # it was closed already
            connection.close()
        connect.opened.remove(connection)


def usable(connection: Connection) -> bool:
    """Whether it works on; one that does not is closed, and says that it is gone each time."""
    try:
        assert works(connection)
        return True
    except LostConnectionError:
        assert not connection.open
        with pytest.raises(LostConnectionError):
            works(connection)
        return False


def wait_until_gone(observer: Connection, connection_id: int) -> None:
    """Until the server has rolled back what was left of that connection."""
    deadline = time.monotonic() + PATIENCE
    while ask(observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", (connection_id,)):
        assert time.monotonic() < deadline


def autocommit(connection: Connection) -> tuple[bool, bool]:
    """As the connection knows it, and as the server does."""
    return connection.autocommit, bool(ask(connection, "SELECT @@autocommit"))


# Autocommit that is switched for a while


UPDATE = "UPDATE struck SET n = ?, pad = ? WHERE id = ?"
FIRST, BOTH = [101, 102, 3, 4], [101, 102, 103, 104]


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
@pytest.mark.parametrize(
    ("last", "outcomes"), [(104, [[1, 2, 3, 4], FIRST, BOTH]), (101, [[1, 2, 3, 4], FIRST])], ids=["done", "failing"]
)
def test_chunks_of_updates(connect: Connector, last: int, outcomes: list[list[int]]) -> None:
    """No row of a chunk is committed without the others; where it works on, each statement is committed by itself."""
    observer = connect(autocommit=True)
    create(observer, "TABLE struck (id INT PRIMARY KEY, n INT UNIQUE, pad TEXT)")
    rows = [(101, PAD, 1), (102, PAD, 2), (103, PAD, 3), (last, PAD, 4)]

    def call(connection: Connection) -> None:
        with contextlib.suppress(IntegrityError):
            connection.cursor().executemany(UPDATE, rows)

    def fresh() -> None:
        ask(observer, "DELETE FROM struck")
        ask(observer, "INSERT INTO struck VALUES (1, 1, ''), (2, 2, ''), (3, 3, ''), (4, 4, '')")

    lines = Lines(many, *DRIVER)
    fresh()
    with opened(connect, autocommit=True) as connection:
        connection_id = connection.connection_id
        count = lines.count(lambda: call(connection))
    wait_until_gone(observer, connection_id)
    found = []
    seen = {True: 0, False: 0}
    for number in range(1, count + 1):
        fresh()
        with opened(connect, autocommit=True) as connection:
            connection_id = connection.connection_id
            assert lines.strike(number, lambda: call(connection))
            works_on = usable(connection)
            seen[works_on] += 1
            if works_on:
                assert autocommit(connection) == (True, True)
                assert not connection._core.in_transaction
        wait_until_gone(observer, connection_id)
        now = numbers(observer)
        assert now in outcomes
        if now not in found:
            found.append(now)
    assert found == outcomes
    assert min(seen.values()) > 100


def numbers(connection: Connection) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT n FROM struck ORDER BY id")
        return [number for (number,) in cursor.fetchall()]


@pytest.fixture
def janitor(connect: Connector) -> Iterator[Connection]:
    """Rolls back what is left of prepared transactions: they outlive their connections, and their locks the tests."""
    janitor = connect(autocommit=True)
    create(janitor, "TABLE struck_tpc (v INT)")
    yield janitor
    for xid in janitor.tpc_recover():
        janitor.tpc_rollback(xid)


def prepare(connect: Connector, janitor: Connection, name: str) -> Any:
    """A prepared transaction whose connection is gone."""
    with opened(connect) as connection:
        connection_id = connection.connection_id
        xid = connection.xid(0, name, "")
        connection.tpc_begin(xid)
        ask(connection, "INSERT INTO struck_tpc VALUES (1)")
        connection.tpc_prepare()
    wait_until_gone(janitor, connection_id)
    return xid


def test_tpc_commit_of_a_recovered_transaction(connect: Connector, janitor: Connection) -> None:
    """It is finished in autocommit mode, in which the connection is not left."""
    lines = Lines(twophase, *DRIVER)
    xid = prepare(connect, janitor, "count")
    with opened(connect) as connection:
        count = lines.count(lambda: connection.tpc_commit(xid))
    seen = {True: 0, False: 0}
    for number in range(1, count + 1):
        xid = prepare(connect, janitor, f"struck {number}")
        with opened(connect) as connection:
            assert lines.strike(number, lambda: connection.tpc_commit(xid))  # noqa: B023
            works_on = usable(connection)
            seen[works_on] += 1
            if works_on:
                assert autocommit(connection) == (False, False)
    assert min(seen.values()) > 20


# A cancelling that Ctrl-C strikes


SLOW = {
    "no row": "DO SLEEP(30)",
    "rows before": "BEGIN NOT ATOMIC SELECT 1; SELECT SLEEP(30); END",
}
SHORT = 0.01  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended


def times_out(connection: Connection, sql: str) -> None:
    with pytest.raises(QueryTimeout):
        connection.cursor().execute(sql, timeout=SHORT)


@contextlib.contextmanager
def ctrl_c() -> Iterator[None]:
    """SIGALRM is Ctrl-C in the block, which may set the timer."""
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def is_interrupted(connection: Connection, sql: str) -> None:
    """By a Ctrl-C that is not the one of the test."""
    with ctrl_c():
        try:
            signal.setitimer(signal.ITIMER_REAL, SHORT)
            connection.cursor().execute(sql)
        except Struck:
            raise
        except KeyboardInterrupt:
            pass


def statements(connection: Connection) -> None:
    """A connection that works works on, also behind an error."""
    if usable(connection):
        for _ in range(2):
            assert ask(connection, "SELECT SLEEP(0)") == 0
            ask(connection, "INSERT INTO later VALUES (1)")
            with pytest.raises(Error, match="nothing"):
                ask(connection, "SELECT nothing")
        assert ask(connection, "SELECT COUNT(*) FROM later") > 0


def reconnects(connection: Connection) -> None:
    connection.reconnect()
    statements(connection)
    assert works(connection)


def closes(connection: Connection) -> None:
    connection.close()


@pytest.mark.mariadb("BEGIN NOT ATOMIC")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # of the connection that ends the statement
@pytest.mark.timeout(method="thread")  # SIGALRM is taken
@pytest.mark.parametrize("slow", [times_out, is_interrupted])
@pytest.mark.parametrize(
    ("name", "later"),
    [("no row", statements), ("rows before", statements), ("rows before", reconnects), ("no row", closes)],
)
def test_a_cancelling_strikes_nothing_later(
    connect: Connector,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    slow: Callable[[Connection, str], None],
    later: Callable[[Connection], None],
) -> None:
    """Ctrl-C at any line of what ends a statement: what comes later works, or the connection is gone."""
    monkeypatch.setattr(link, "SERVER_FIRST", 0)
    observer = connect(autocommit=True)
    create(observer, "TABLE later (v INT)")
    lines = Lines(Link.run, Link._perform, Link._drive, Link._cancelled, Link._clean_up, Link._end, core_cancel, cancel)
    with opened(connect, autocommit=True) as connection:
        count = lines.count(lambda: slow(connection, SLOW[name]))
    for number in range(1, count + 1):
        with opened(connect, autocommit=True) as connection:
            connection_id = connection.connection_id
            lines.strike(number, lambda: slow(connection, SLOW[name]))
            try:
                later(connection)
            except KeyboardInterrupt as error:
                pytest.fail(f"line {number}: an earlier {error!r} is raised by what comes later")
        with contextlib.suppress(OperationalError):  # most are gone by now
            observer.kill(connection_id)


# Ctrl-C while rows are made


INSERT = "INSERT INTO blocked VALUES (?, ?)"
BLOCKED = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ? AND trx_state = 'LOCK WAIT'"


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
@pytest.mark.timeout(method="thread")  # SIGALRM is taken
@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize(
    "sql", [INSERT, "UPDATE blocked SET id = id + 100, pad = CONCAT(?, ?)"], ids=["INSERT", "UPDATE"]
)
def test_ctrl_c_in_a_generator_ends_the_chunk_before(connect: Connector, sql: str, autocommit: bool) -> None:
    """The server waits for a lock that it would not get for long."""
    observer, holder = connect(autocommit=True), connect()
    create(observer, "TABLE blocked (id INT PRIMARY KEY, pad TEXT)")
    ask(observer, "INSERT INTO blocked VALUES (0, '')")
    ask(holder, "UPDATE blocked SET pad = 'mine' WHERE id = 0")
    connection = connect(autocommit=autocommit, init_command="SET innodb_lock_wait_timeout = 30")
    connection_id = connection.connection_id
    before = []

    def rows() -> Iterator[tuple[int, str]]:
        yield 1, PAD
        yield 0, PAD
        yield 2, PAD  # does not fit into the first chunk
        deadline = time.monotonic() + PATIENCE
        while not ask(observer, BLOCKED, (connection_id,)):
            assert time.monotonic() < deadline
            time.sleep(0.2)  # what is asked for more often than each 0.1 s is not looked up again
        before.append(time.monotonic())
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        time.sleep(PATIENCE)
        yield 3, PAD

    with ctrl_c(), pytest.raises(KeyboardInterrupt):
        connection.cursor().executemany(sql, rows())
    assert time.monotonic() - before[0] < GENEROUS
    assert works(connection)
    assert connection.autocommit is autocommit
    holder.commit()
    connection.commit()
    with observer.cursor() as cursor:
        cursor.execute("SELECT * FROM blocked")
        assert cursor.fetchall() == [(0, "mine")]
