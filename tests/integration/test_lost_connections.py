"""Connections that are lost: by a timeout, Ctrl-C, another thread, KILL, or with the server."""

from __future__ import annotations

import inspect
import signal
import sys
import threading
import time
from contextlib import closing

import pytest

import mariadb_py
from mariadb_py.core.tpc import Xid
from mariadb_py.exceptions import InterfaceError, LostConnectionError, OperationalError, ProgrammingError
from mariadb_py.testing import temp_server
from tests.support.listener import PATIENCE, listening
from tests.support.running import Running, ask, wait_until_running, works
from tests.support.server import create, prepare_mysql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType
    from typing import Any

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller
    from tests.support.server import Connector

SHORT = 0.2  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended


def wait_until_waiting(connection: Connection) -> None:
    """The server may be at work while the client is about to find that all is written."""
    deadline = time.monotonic() + PATIENCE
    while not connection._link._transport.waiting:  # type: ignore[union-attr]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def assert_lost(connection: Connection) -> None:
    """It is closed for good, and says so in the way of both trees."""
    for _ in range(2):
        with pytest.raises(LostConnectionError) as caught:
            ask(connection, "SELECT 1")
        assert isinstance(caught.value, OperationalError)
        assert isinstance(caught.value, InterfaceError)
        assert caught.value.errno == 2006
    assert connection._link is not None
    assert connection._link.closed


# Timeouts and interruptions


def test_read_timeout(connect: Connector) -> None:
    connection = connect(read_timeout=SHORT)
    before = time.monotonic()
    with pytest.raises(LostConnectionError, match=r"read_timeout of 0\.2 s passed without an answer") as caught:
        ask(connection, "SELECT SLEEP(30)")
    assert SHORT <= time.monotonic() - before < GENEROUS
    assert caught.value.errno == 2013
    assert_lost(connection)


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_write_timeout(tmp_path: Path, kind: str) -> None:
    done = threading.Event()

    def stops_reading(caller: Caller) -> None:
        caller.log_in()
        done.wait(PATIENCE)

    with listening(stops_reading, str(tmp_path / "s") if kind == "unix" else None) as server:
        connection = mariadb_py.connect(**server.connect_args, write_timeout=SHORT, max_allowed_packet=1 << 30)
        before = time.monotonic()
        with pytest.raises(LostConnectionError, match=r"write_timeout of 0\.2 s passed while \d+ bytes"):
            ask(connection, "SELECT '" + "x" * (64 << 20) + "'")
        assert time.monotonic() - before < 3 * GENEROUS
        assert_lost(connection)
        done.set()


@pytest.mark.parametrize("read_timeout", [None, PATIENCE])
@pytest.mark.parametrize("grace", [0, 30])
def test_ctrl_c_while_the_server_works(connect: Connector, read_timeout: float | None, grace: int) -> None:
    """The statement is cancelled and the connection is as before; or it is closed, if nothing may be waited for."""
    connection, observer = connect(read_timeout=read_timeout, cancel_grace=grace), connect()
    main = threading.get_ident()

    def interrupt() -> None:
        wait_until_running(observer, connection.connection_id)
        wait_until_waiting(connection)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        ask(connection, "SELECT SLEEP(30)")
    thread.join(PATIENCE)
    if grace:
        assert works(connection)
    else:
        assert_lost(connection)
    connection.close()


@pytest.mark.parametrize("size", [17 << 20, 64 << 20])
def test_a_statement_that_the_server_finds_too_long(connect: Connector, size: int) -> None:
    connection = connect(max_allowed_packet=1 << 30)  # so that it is sent
    with pytest.raises(OperationalError, match="max_allowed_packet") as caught:
        ask(connection, "SELECT '" + "x" * size + "'")
    assert caught.value.errno == 1153
    # The server hangs up behind this error.
    with pytest.raises(LostConnectionError):
        works(connection)


# Ctrl-C anywhere


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line that is run in floors 1 and 2."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        if "mariadb_protocol" not in name and "mariadb_py/core" not in name:
            return None
        if event == "line":
            self.left -= 1
            if self.left < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


@pytest.mark.parametrize("buffered", [True, False])
def test_interrupted_anywhere_a_connection_works_or_is_lost(connect: Connector, buffered: bool) -> None:
    """Never stuck, and never with the rows of the statement that was interrupted."""
    outcomes = set()
    connection = connect()
    create(connection, "PROCEDURE several() BEGIN SELECT 1; SELECT seq FROM seq_1_to_3; SELECT 4; END")
    for line in range(100_000):
        cursor = connection.cursor(buffered=buffered)
        tracing = sys.gettrace()
        sys.settrace(Interrupt(line))
        try:
            cursor.execute("CALL several()")
            first = cursor.fetchall()
            sets = sum(1 for _ in iter(cursor.nextset, None))
        except KeyboardInterrupt:
            first = None
        finally:
            sys.settrace(tracing)
        if first is not None:
            assert (first, sets) == ([(1,)], 3)
            break
        cursor.close()
        try:
            assert works(connection)
            outcomes.add("works")
        except LostConnectionError:
            outcomes.add("lost")
            connection.close()
            connection = connect()
    assert outcomes == {"works", "lost"}
    assert line > 100


def wait_until_gone(observer: Connection, connection_id: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while ask(observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", (connection_id,)):
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.mariadb("MySQL has no COM_STMT_BULK_EXECUTE: there are no chunks")
def test_executemany_interrupted_anywhere(connect: Connector) -> None:
    """Also between a chunk and its answer: it works on, or is lost; what is there is a whole number of chunks."""
    outcomes, counts = set(), set()
    options = {"autocommit": True, "max_allowed_packet": 1024}
    connection, observer = connect(**options), connect(autocommit=True)
    create(observer, "TABLE interrupted (id INT PRIMARY KEY, pad VARCHAR(300))")
    for line in range(100_000):
        cursor, connection_id = connection.cursor(), connection.connection_id
        tracing = sys.gettrace()
        sys.settrace(Interrupt(line))
        try:
            cursor.executemany("INSERT INTO interrupted VALUES (?, ?)", ((number, "x" * 300) for number in range(9)))
            interrupted = False
        except KeyboardInterrupt:
            interrupted = True
        finally:
            sys.settrace(tracing)
        try:
            assert works(connection)
            outcomes.add("works")
        except LostConnectionError:
            outcomes.add("lost")
            connection.close()
            wait_until_gone(observer, connection_id)  # it may still be at a chunk
            connection = connect(**options)
        counts.add(ask(observer, "SELECT IF(COUNT(*) = COALESCE(MAX(id) + 1, 0), COUNT(*), -1) FROM interrupted"))
        ask(observer, "TRUNCATE interrupted")
        if not interrupted:
            break
    assert outcomes == {"works", "lost"}
    assert counts == {0, 3, 6, 9}


# Threads


def test_two_threads_never_mix_answers(connect: Connector) -> None:
    connection, observer = connect(), connect()
    running = Running(connection, "SELECT CONCAT('slow', SLEEP(0.3))", observer)
    refused = 0
    while running.is_alive() and refused < 100:
        try:
            assert works(connection)
        except ProgrammingError as error:
            assert "Use one connection per thread" in str(error)
            refused += 1
    running.join(PATIENCE)
    assert running.outcome == "slow0"
    assert refused > 0
    assert works(connection)


@pytest.fixture(params=[None, 1e-6], ids=["as usual", "as often as can be"])
def turns(request: pytest.FixtureRequest) -> Iterator[None]:
    """How often threads take turns."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(request.param or interval)
    yield
    sys.setswitchinterval(interval)


def test_many_threads_never_mix_answers(connect: Connector, turns: None) -> None:
    connection = connect()
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(200):
            try:
                got = ask(connection, "SELECT ?", (number,))
            except ProgrammingError as error:
                if "Use one connection per thread" not in str(error):
                    wrong.append(error)
            else:
                if got != number:
                    wrong.append((number, got))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert wrong == []
    assert works(connection)


def test_close_from_another_thread(connect: Connector) -> None:
    connection, observer = connect(), connect()
    link = connection._link
    assert link is not None
    running = Running(connection, "SELECT SLEEP(30)", observer)
    connection.close()
    running.join(PATIENCE)
    assert type(running.outcome) is LostConnectionError
    assert running.outcome.errno == 2013
    assert link.closed
    with pytest.raises(ProgrammingError):
        connection.ping()


# Every method, on a server that is gone

NETWORK: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("begin", "commit", "rollback", "ping", "reset", "dump_debug_info", "tpc_recover"), ()),
    "tpc_begin": (Xid(1, "a", "b"),),
    "select_db": ("test",),
    "change_user": ("u", "p", None),
    "kill": (1,),
}
UNSTARTED = ("tpc_prepare", "tpc_commit", "tpc_rollback")
LOCAL = {"close", "cursor", "escape_string", "get_server_version", "show_warnings", "xid", "reconnect", *UNSTARTED}
ON_CURSORS: dict[str, Callable[[mariadb_py.Cursor], object]] = {
    "execute": lambda cursor: cursor.execute("SELECT 1"),
    "executemany": lambda cursor: cursor.executemany("SELECT ?", [(1,)]),
    "callproc": lambda cursor: cursor.callproc("p"),
    "fetch": lambda cursor: cursor.fetchall(),
    "nextset": lambda cursor: cursor.nextset(),
    "close": lambda cursor: cursor.close(),
}


def test_every_method_is_in_the_tables() -> None:
    methods = {
        name
        for name, value in inspect.getmembers(mariadb_py.Connection, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods == set(NETWORK) | LOCAL


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    with temp_server() as server:
        if server.mysql:
            prepare_mysql(server)
        yield server


@pytest.fixture
def mortal(own: TempServer) -> TempServer:
    """A server that a test may kill."""
    if not own.running:
        own.start()
    return own


def outcomes(call: Callable[..., object], *arguments: object) -> list[object]:
    """What two tries end in."""
    found: list[object] = []
    for _ in range(2):
        try:
            found.append(call(*arguments))
        except Exception as error:
            found.append((type(error), getattr(error, "errno", None)))
    return found


def test_every_method_on_a_killed_server(mortal: TempServer) -> None:
    lost = [(LostConnectionError, 2013), (LostConnectionError, 2006)]
    connections = {name: mariadb_py.connect(**mortal.connect_args) for name in (*NETWORK, *LOCAL, "open", "autocommit")}
    streams = {name: mariadb_py.connect(**mortal.connect_args).cursor(buffered=False) for name in ON_CURSORS}
    for cursor in streams.values():
        cursor.execute("SELECT REPEAT('x', 1000) FROM seq_1_to_100000")
    mortal.kill()
    assert {name: outcomes(getattr(connections[name], name), *NETWORK[name]) for name in NETWORK} == (
        dict.fromkeys(NETWORK, lost)
    )
    assert outcomes(setattr, connections["autocommit"], "autocommit", True) == lost
    assert connections["open"].open is False
    assert connections["escape_string"].escape_string("'") == "\\'"
    assert connections["show_warnings"].show_warnings() is None
    assert connections["xid"].xid(1, "a", "b") == (1, "a", "b")
    for name in UNSTARTED:
        assert outcomes(getattr(connections[name], name)) == [(LostConnectionError, 2013), (ProgrammingError, 2000)]
    assert outcomes(connections["reconnect"].reconnect) == [(OperationalError, 2002)] * 2
    assert connections["get_server_version"].get_server_version()[:2] == connections["open"].server_version_info[:2]
    assert connections["cursor"].cursor().rowcount == -1
    # The rows that had arrived are read first; what is missing is missed once and then known to be gone.
    assert {name: outcomes(ON_CURSORS[name], streams[name]) for name in ON_CURSORS} == {
        **dict.fromkeys(ON_CURSORS, lost),
        "close": [(LostConnectionError, 2013), None],
    }
    for connection in (*connections.values(), *(cursor.connection for cursor in streams.values())):
        connection.close()


def test_a_server_killed_in_a_query_and_started_again(mortal: TempServer) -> None:
    with (
        closing(mariadb_py.connect(**mortal.connect_args)) as connection,
        closing(mariadb_py.connect(**mortal.connect_args)) as observer,
    ):
        running = Running(connection, "SELECT SLEEP(30)", observer)
        mortal.kill()
        running.join(PATIENCE)
        assert (type(running.outcome), running.outcome.errno) == (LostConnectionError, 2013)
        assert_lost(connection)
        with pytest.raises(OperationalError) as caught:
            mariadb_py.connect(**mortal.connect_args)
        assert caught.value.errno == 2002
        mortal.start()
        assert_lost(connection)
        with mariadb_py.connect(**mortal.connect_args) as renewed:
            assert works(renewed)
