"""io/cancel.py and what `Link` does with it: statements that a timeout or Ctrl-C cancels, on a real server."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from mariadb_py.core.cancel import Fate
from mariadb_py.exceptions import LostConnectionError, OperationalError, ProgrammingError, QueryTimeout
from mariadb_py.io import cancel
from tests.support.listener import PATIENCE
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.io.link import Link
    from tests.support.server import Connector

SHORT = 0.2  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended

# What runs for longer than any test: by each protocol, and where the server cannot be told how long it may take.
LONG: dict[str, Callable[[Connection], object]] = {
    "text": lambda connection: connection.cursor().execute("SELECT SLEEP(30)", timeout=SHORT),
    "no row": lambda connection: connection.cursor().execute("DO SLEEP(30)", timeout=SHORT),
    "comment first": lambda connection: connection.cursor().execute("/* x */ SELECT SLEEP(30)", timeout=SHORT),
    "parameter": lambda connection: connection.cursor().execute("SELECT SLEEP(?)", (30,), timeout=SHORT),
    "binary": lambda connection: connection.cursor(binary=True).execute("SELECT SLEEP(?)", (30,), timeout=SHORT),
    "prepared": lambda connection: connection.cursor(prepared=True).execute("SELECT SLEEP(?)", (30,), timeout=SHORT),
    "unbuffered": lambda connection: connection.cursor(buffered=False).execute("SELECT SLEEP(30)", timeout=SHORT),
    "server-side": lambda connection: connection.cursor(cursor_type=1).execute("SELECT SLEEP(30)", timeout=SHORT),
    "dictionary": lambda connection: connection.cursor(dictionary=True).execute("SELECT SLEEP(30)", timeout=SHORT),
    "bulk": lambda connection: connection.cursor().executemany("DO SLEEP(?)", [(30,), (30,)], timeout=SHORT),
    "multiple results": lambda connection: connection.cursor().execute(
        "BEGIN NOT ATOMIC SELECT 1; SELECT SLEEP(30); SELECT 3; END", timeout=SHORT
    ),
}


@pytest.fixture(params=["tcp", "unix"])
def connection(request: pytest.FixtureRequest, connect: Connector, server: Any) -> Connection:
    """By each kind of socket."""
    where: dict[str, Any] = {"unix_socket": server.unix_socket} if request.param == "unix" else {"host": "127.0.0.1"}
    return connect(autocommit=True, **{**where, **({} if request.param == "unix" else {"port": server.port})})


@pytest.mark.mariadb("BEGIN NOT ATOMIC, and DO in bulk")
@pytest.mark.parametrize("name", LONG)
def test_a_timeout_leaves_the_connection_usable(connection: Connection, name: str) -> None:
    number = connection.connection_id
    before = time.monotonic()
    with pytest.raises(QueryTimeout) as caught:
        LONG[name](connection)
    assert SHORT <= time.monotonic() - before < GENEROUS
    assert isinstance(caught.value, OperationalError)
    assert caught.value.errno == 1969
    for _ in range(3):
        assert works(connection)
    assert connection.connection_id == number


@pytest.mark.mariadb("DO in bulk")
@pytest.mark.parametrize("name", ["text", "no row", "binary", "bulk"])
def test_without_grace_the_connection_is_closed(connect: Connector, name: str) -> None:
    connection = connect(cancel_grace=0)
    before = time.monotonic()
    with pytest.raises(QueryTimeout):
        LONG[name](connection)
    assert time.monotonic() - before < GENEROUS
    if name != "text":  # the server kept the time for that
        with pytest.raises(LostConnectionError):
            works(connection)


def test_query_timeout_of_the_connection(connect: Connector) -> None:
    connection = connect(query_timeout=SHORT, autocommit=True)
    with pytest.raises(QueryTimeout):
        connection.cursor().execute("DO SLEEP(30)")
    create(connection, "PROCEDURE sleeps() DO SLEEP(30)")
    with pytest.raises(QueryTimeout):
        connection.cursor().callproc("sleeps")
    cursor = connection.cursor()
    cursor.execute("SELECT SLEEP(?)", (2 * SHORT,), timeout=GENEROUS)  # the call's own counts
    assert works(connection)


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (0, ProgrammingError),
        (-1, ProgrammingError),
        (float("nan"), ProgrammingError),
        (float("inf"), ProgrammingError),
        ("1", TypeError),
        (True, TypeError),
    ],
)
def test_what_is_no_timeout(connect: Connector, timeout: Any, error: type[Exception]) -> None:
    cursor = connect().cursor()
    with pytest.raises(error, match=r"^timeout is a "):
        cursor.execute("SELECT 1", timeout=timeout)


def test_a_statement_in_time(connect: Connector) -> None:
    cursor = connect().cursor()
    for _ in range(20):
        cursor.execute("SELECT 1", timeout=PATIENCE)
        assert cursor.fetchall() == [(1,)]
    cursor.executemany("DO ?", [(1,), (2,)], timeout=PATIENCE)


def test_a_transaction_goes_on_behind_a_timeout(connect: Connector) -> None:
    connection = connect()
    create(connection, "TABLE kept_rows (v INT)")
    cursor = connection.cursor()
    cursor.execute("INSERT INTO kept_rows VALUES (1)")
    with pytest.raises(QueryTimeout):
        cursor.execute("INSERT INTO kept_rows SELECT SLEEP(30)", timeout=SHORT)
    cursor.execute("INSERT INTO kept_rows VALUES (2)")
    connection.commit()
    cursor.execute("SELECT v FROM kept_rows ORDER BY v")
    assert cursor.fetchall() == [(1,), (2,)]


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE")
def test_a_chunk_that_is_cancelled_is_undone(connect: Connector) -> None:
    """Of an UPDATE in bulk the server would keep the rows before, and autocommit has to come back."""
    connection = connect(autocommit=True)
    create(connection, "TABLE undone (id INT, n INT)")
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO undone VALUES (?, 0)", [(1,), (2,)])
    with pytest.raises(QueryTimeout):
        cursor.executemany("UPDATE undone SET n = 1 + SLEEP(?) WHERE id = ?", [(0, 1), (30, 2)], timeout=SHORT)
    assert connection.autocommit is True
    assert connection._core.in_transaction is False
    assert ask(connection, "SELECT SUM(n) FROM undone") == 0


def test_rows_that_were_on_the_way_are_given_up(connect: Connector) -> None:
    connection = connect()
    cursor = connection.cursor(buffered=False)
    with pytest.raises(QueryTimeout):
        cursor.execute("SELECT 1 UNION ALL SELECT SLEEP(30)", timeout=SHORT)
    assert works(connection)


@pytest.mark.parametrize("grace", [0, PATIENCE])
def test_a_transaction_is_not_lost_silently(connect: Connector, monkeypatch: pytest.MonkeyPatch, grace: float) -> None:
    """A timeout does not say that the connection is closed; with reconnect=True the next statement does."""
    connection = connect(reconnect=True, cancel_grace=grace)
    create(connection, "TABLE half (v INT)")
    connection.reset()
    monkeypatch.setattr(cancel, "kill_query", lambda link, deadline: Fate.NOTHING)
    cursor = connection.cursor()
    cursor.execute("INSERT INTO half VALUES (1)")
    with pytest.raises(QueryTimeout):
        cursor.execute("DO SLEEP(30)", timeout=SHORT)
    with pytest.raises(LostConnectionError, match="a transaction would be missing"):
        cursor.execute("INSERT INTO half VALUES (2)")
    assert ask(connection, "SELECT COUNT(*) FROM half") == 0  # now the user knows


def test_a_statement_that_was_done_in_the_last_moment_is_done(
    connect: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(autocommit=True)
    create(connection, "TABLE late (v INT)")

    def too_late(link: Link, deadline: float) -> str:
        time.sleep(1)
        return real_kill(link, deadline)

    real_kill = cancel.kill_query
    monkeypatch.setattr(cancel, "kill_query", too_late)
    ask(connection, "SET sql_mode = ''")
    cursor = connection.cursor()
    cursor.execute("INSERT INTO late SELECT 'x' + SLEEP(?)", (0.5,), timeout=SHORT)
    assert (cursor.rowcount, cursor.warnings) == (1, 1)
    assert connection.show_warnings() == [("Warning", 1292, "Truncated incorrect DOUBLE value: 'x'")]
    cursor.execute("INSERT INTO late SELECT SLEEP(?)", (0.5,), timeout=SHORT)
    assert ask(connection, "SELECT ROW_COUNT()") == 1
    assert ask(connection, "SELECT COUNT(*) FROM late") == 2


@pytest.mark.mariadb("SET STATEMENT")
def test_the_limit_of_the_session_stays_if_it_is_stricter(connect: Connector) -> None:
    connection = connect(init_command="SET max_statement_time=0.2")
    before = time.monotonic()
    with pytest.raises(QueryTimeout):
        connection.cursor().execute("SELECT SLEEP(30)", timeout=PATIENCE)
    assert time.monotonic() - before < GENEROUS
    ask(connection, "SET max_statement_time=0")
    with pytest.raises(QueryTimeout):
        connection.cursor().execute("SELECT SLEEP(30)", timeout=SHORT)
    assert works(connection)


def test_a_password_function_is_not_asked_again(connect: Connector, server: Any) -> None:
    asked = []

    def password() -> str:
        asked.append(1)
        return str(server.password)

    connection = connect(password=password)
    with pytest.raises(QueryTimeout):
        connection.cursor().execute("DO SLEEP(30)", timeout=SHORT)
    assert works(connection)
    assert asked == [1]


def test_a_timeout_error_of_somebody_else(connect: Connector) -> None:
    """It is his, and says nothing of the connection but that it cannot be used any more."""
    connection = connect()

    def strike(*_: object) -> None:
        raise TimeoutError("mine")

    handler = signal.signal(signal.SIGALRM, strike)
    try:
        signal.setitimer(signal.ITIMER_REAL, SHORT)
        with pytest.raises(TimeoutError, match=r"^mine$"):
            ask(connection, "SELECT SLEEP(30)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    with pytest.raises(LostConnectionError):
        works(connection)


# Whose connection it is


def running(link: Link, body: Callable[[], object]) -> object:
    """What `body` returns while a statement runs on `link`."""
    thread = threading.Thread(target=lambda: link.run(link.core.command(b"DO SLEEP(1)")))
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while link._transport is None or not link._transport.waiting:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    try:
        return body()
    finally:
        thread.join(PATIENCE)


def test_kill_query_when_nothing_runs(connect: Connector) -> None:
    link = connect()._link_or_raise()
    assert cancel.kill_query(link, time.monotonic() + PATIENCE) == Fate.OVER


@pytest.mark.parametrize("lie", ["another port", "another id", "change_user", "no socket"])
def test_a_connection_that_does_not_show_as_ours_is_left_alone(
    connect: Connector, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    connection, other = connect(host="127.0.0.1"), connect()
    link = connection._link_or_raise()
    names = link.names()
    greeting = link.core.session.greeting
    assert names is not None
    assert greeting is not None
    if lie == "another port":
        names.own = (names.own[0], names.own[1] ^ 1)
        monkeypatch.setattr(type(link), "names", lambda self: names if self is link else real(self))
    elif lie == "another id":  # as behind a proxy: the id is that of somebody else's connection
        monkeypatch.setattr(greeting, "connection_id", other.connection_id)
    elif lie == "change_user":
        link.core.user_changed = True
    else:
        monkeypatch.setattr(type(link), "names", lambda self: None)
    assert running(other._link_or_raise(), lambda: cancel.kill_query(link, time.monotonic() + PATIENCE)) == Fate.NOTHING
    assert works(connection)
    assert works(other)


def real(link: Link) -> Any:
    """What `Link.names` does."""
    return link._transport.names() if link._transport is not None else None


def test_a_server_that_takes_no_second_connection(connect: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement cannot be cancelled; the connection is closed."""
    connection = connect()
    monkeypatch.setattr(connection._core, "password", "changed meanwhile")
    before = time.monotonic()
    with pytest.raises(QueryTimeout):
        connection.cursor().execute("DO SLEEP(30)", timeout=SHORT)
    assert time.monotonic() - before < GENEROUS
    with pytest.raises(LostConnectionError):
        works(connection)


# Ctrl-C


def test_ctrl_c_twice_does_not_wait(connect: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(cancel_grace=PATIENCE)
    transport = connection._link_or_raise()._transport
    assert transport is not None
    main = threading.get_ident()
    entered = threading.Event()

    def hangs(link: Link, deadline: float) -> str:
        entered.set()
        time.sleep(PATIENCE)
        return Fate.KILLED

    monkeypatch.setattr(cancel, "kill_query", hangs)

    def interrupt() -> None:
        while not transport.waiting:
            time.sleep(0.005)
        signal.pthread_kill(main, signal.SIGINT)
        entered.wait(PATIENCE)
        time.sleep(0.05)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    before = time.monotonic()
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        ask(connection, "SELECT SLEEP(3)")
    thread.join(PATIENCE)
    assert time.monotonic() - before < GENEROUS
    with pytest.raises(LostConnectionError):
        works(connection)


def test_ctrl_c_while_rows_are_fetched(connect: Connector) -> None:
    """Rows that had been given out stay what they were; what comes next is either theirs or an error."""
    connection = connect()
    cursor = connection.cursor(buffered=False)
    cursor.execute("SELECT seq, SLEEP(IF(seq > 5000, 30, 0)) FROM seq_1_to_10000")
    transport = connection._link_or_raise()._transport
    assert transport is not None
    main = threading.get_ident()

    def interrupt() -> None:
        time.sleep(SHORT)
        while not transport.waiting:
            time.sleep(0.005)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    rows = []
    with pytest.raises(KeyboardInterrupt):
        for row in cursor:
            rows.append(row)
    thread.join(PATIENCE)
    assert rows == [(number, 0) for number in range(1, len(rows) + 1)]
    assert works(connection)
