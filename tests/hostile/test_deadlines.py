"""Deadlines hold where nobody answers, accepts or reads; what waits there ends in an Error, and leaves nothing."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

import mariadb_py
from mariadb_py.constants import CLIENT as FLAGS
from mariadb_py.exceptions import CommitOutcomeUnknown, Error, LostConnectionError, OperationalError, QueryTimeout
from mariadb_py.testing import temp_server
from tests.hostile.deadline_cases import (
    HOLES,
    MANY,
    OPTIONS,
    SETUP,
    SHORT,
    SLOW,
    WAITING,
    WRITING,
    Stage,
    begun,
    halted,
)
from tests.support.listener import PATIENCE
from tests.support.proxy import CLIENT, SERVER, proxied
from tests.support.running import ask, works

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.certificates import Certificates

pytestmark = pytest.mark.usefixtures("hard_limit", "leaves_nothing")

GENEROUS = 4.0  # seconds in which something that takes SHORT, and perhaps a grace of as long, has ended
THREADS = 16


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[TempServer]:
    chain = certificates.chain("good")
    with temp_server(options=(*OPTIONS, f"--ssl-cert={chain}", f"--ssl-key={chain}"), root="") as server:
        with mariadb_py.connect(**server.connect_args) as connection:
            for statement in SETUP:
                ask(connection, statement)
            connection.commit()
        yield server


@pytest.fixture
def stage(server: TempServer, tmp_path: Path) -> Stage:
    return Stage(server, tmp_path)


class Lateness:
    """Fails if what is done takes much longer than it may."""

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        assert time.monotonic() - self._since < GENEROUS


def assert_lost(connection: Connection) -> None:
    with pytest.raises(LostConnectionError) as caught:
        ask(connection, "SELECT 1")
    assert caught.value.errno == 2006
    with Lateness():
        connection.close()


def together(work: Callable[[], object], threads: int = THREADS) -> list[object]:
    """What so many threads end in."""
    ends: list[object] = []

    def run() -> None:
        try:
            ends.append(work())
        except Error as error:
            ends.append(type(error))

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    return ends


# Connecting


@pytest.mark.parametrize("name", HOLES)
def test_connect_timeout(stage: Stage, name: str) -> None:
    with HOLES[name](stage) as keywords, Lateness(), pytest.raises(OperationalError) as caught:
        mariadb_py.connect(**{"user": "u", **keywords, "connect_timeout": SHORT})
    assert caught.value.errno in (2002, 2005, 2013)


@pytest.mark.parametrize("name", HOLES)
def test_many_threads_connect(stage: Stage, name: str) -> None:
    with HOLES[name](stage) as keywords, Lateness():
        ends = together(lambda: mariadb_py.connect(**{"user": "u", **keywords, "connect_timeout": SHORT}))
    assert len(ends) == THREADS
    assert all(isinstance(end, type) and issubclass(end, OperationalError) for end in ends), ends


@pytest.mark.parametrize("name", HOLES)
def test_a_pool_is_not_made(stage: Stage, name: str) -> None:
    with HOLES[name](stage) as keywords, Lateness(), pytest.raises(OperationalError):
        mariadb_py.ConnectionPool(**{"pool_name": name, "user": "u", **keywords, "connect_timeout": SHORT})
    with mariadb_py.ConnectionPool(pool_name=name):  # the name is free
        pass


@pytest.mark.parametrize("name", HOLES)
def test_many_threads_borrow(stage: Stage, name: str) -> None:
    """The pool's connections are lost, and cannot be replaced."""
    with ExitStack() as stack:
        with proxied(stage.server) as proxy:
            pool = stack.enter_context(mariadb_py.ConnectionPool(pool_name=name, pool_size=4, **proxy.connect_args))
        with HOLES[name](stage) as keywords, Lateness():
            pool.set_config(**{"user": "u", **keywords, "connect_timeout": SHORT})
            ends = together(pool.get_connection)
        assert len(ends) == THREADS
        assert all(isinstance(end, type) for end in ends), ends
        pool.set_config(**stage.server.connect_args)
        with pool.get_connection() as connection:
            assert works(connection)


def test_reconnect_to_a_stopped_server(server: TempServer) -> None:
    connection = mariadb_py.connect(**server.connect_args, connect_timeout=SHORT)
    with halted(server), Lateness(), pytest.raises(OperationalError):
        connection.reconnect()
    assert_lost(connection)


def test_auto_reconnect_to_a_stopped_server(server: TempServer) -> None:
    with proxied(server) as proxy:
        connection = mariadb_py.connect(**proxy.connect_args, connect_timeout=SHORT, reconnect=True, autocommit=True)
        assert works(connection)
        proxy.relays[0].end()
        with halted(server), Lateness(), pytest.raises(OperationalError):
            ask(connection, "SELECT 1")
        connection.close()


# Reading


@pytest.mark.parametrize("name", WAITING)
def test_read_timeout(server: TempServer, name: str) -> None:
    case = WAITING[name]
    with proxied(server) as proxy:
        keywords = {"read_timeout": SHORT, "local_infile": True}
        connection = mariadb_py.connect(**proxy.connect_args, **keywords)
        subject = case.prepare(connection)
        proxy.black_hole(SERVER)
        with Lateness(), pytest.raises(LostConnectionError) as caught:
            case.perform(subject)
        assert caught.value.errno == 2013
        assert_lost(connection)


@pytest.mark.parametrize("name", ["execute", "fetchall", "ping", "commit"])
def test_read_timeout_of_a_stopped_server(server: TempServer, name: str) -> None:
    case = WAITING[name]
    connection = mariadb_py.connect(**server.connect_args, read_timeout=SHORT)
    subject = case.prepare(connection)
    with halted(server):
        with Lateness(), pytest.raises(LostConnectionError) as caught:
            case.perform(subject)
        assert caught.value.errno == 2013
        assert_lost(connection)


# Writing


# How one is connected while writing. Only the file is of bytes that cannot be compressed.
WRITERS: dict[str, dict[str, Any]] = {
    "TCP": {},
    "TLS": {"ssl": True, "ssl_verify_cert": False},
    "compressed": {"compress": True},
}


@pytest.mark.parametrize(
    ("name", "how"), [pair for pair in product(WRITING, WRITERS) if pair[1] != "compressed" or pair[0] == "a long file"]
)
def test_write_timeout(server: TempServer, name: str, how: str) -> None:
    with proxied(server) as proxy:
        keywords = {"write_timeout": SHORT, "read_timeout": PATIENCE, "local_infile": True, **WRITERS[how]}
        connection = mariadb_py.connect(**proxy.connect_args, **keywords, max_allowed_packet=1 << 28)
        with Lateness(), pytest.raises(LostConnectionError, match="write_timeout") as caught:
            WRITING[name](connection, lambda: proxy.black_hole(CLIENT, reading=False))
        assert caught.value.errno == 2013
        assert_lost(connection)


def test_write_timeout_of_a_stopped_server(server: TempServer) -> None:
    connection = mariadb_py.connect(**server.connect_args, write_timeout=SHORT, max_allowed_packet=1 << 28)
    with halted(server):
        with Lateness(), pytest.raises(LostConnectionError, match="write_timeout"):
            WRITING["a long text"](connection, lambda: None)
        assert_lost(connection)


# Closing: nothing was set, and it returns all the same


def idle(connection: Connection) -> None:
    """It has nothing to do."""


def streaming(connection: Connection) -> None:
    connection.cursor(buffered=False).execute(MANY)


@pytest.mark.parametrize("prepare", [idle, streaming, begun])
@pytest.mark.parametrize("hole", ["stops answering", "stops reading", "stopped server"])
def test_close(server: TempServer, prepare: Callable[[Connection], None], hole: str) -> None:
    with ExitStack() as stack:
        proxy = stack.enter_context(proxied(server))
        connection = mariadb_py.connect(**proxy.connect_args)
        prepare(connection)
        if hole == "stopped server":
            stack.enter_context(halted(server))
        else:
            proxy.black_hole(SERVER)
            proxy.black_hole(CLIENT, reading=hole != "stops reading")
        with Lateness():
            connection.close()


def test_close_behind_a_write_that_is_stuck(server: TempServer) -> None:
    """Another thread closes a connection that waits for ever."""
    with proxied(server) as proxy:
        connection = mariadb_py.connect(**proxy.connect_args, max_allowed_packet=1 << 28)
        ends: list[object] = []

        def write() -> None:
            with suppress(LostConnectionError):
                WRITING["a long text"](connection, lambda: proxy.black_hole(CLIENT, reading=False))
            ends.append("ended")

        thread = threading.Thread(target=write)
        thread.start()
        while not any(flow.hole for relay in proxy.relays for flow in relay.flows.values()):
            time.sleep(0.005)
        time.sleep(SHORT)
        with Lateness():
            connection.close()
            thread.join(PATIENCE)
        assert ends == ["ended"]


def test_pools_close(server: TempServer) -> None:
    with proxied(server) as proxy:
        pool = mariadb_py.ConnectionPool(pool_name="closes", pool_size=8, **proxy.connect_args)
        proxy.black_hole(SERVER)
        proxy.black_hole(CLIENT, reading=False)
        with Lateness():
            pool.close()


@pytest.mark.parametrize("reset", [True, False])
def test_returning_to_a_pool(server: TempServer, reset: bool) -> None:
    """What is returned cannot be cleaned: it is given up, within connect_timeout."""
    with proxied(server) as proxy:
        keywords = {"pool_size": 1, "pool_reset_connection": reset, "connect_timeout": SHORT}
        with mariadb_py.ConnectionPool(pool_name="returns", **keywords, **proxy.connect_args) as pool:
            connection = begun(pool.get_connection())
            proxy.black_hole(SERVER)
            with Lateness():
                connection.close()
            with pool.get_connection() as another:
                assert works(another)


def test_borrowing_what_has_died_silently(server: TempServer) -> None:
    with proxied(server) as proxy:
        keywords = {"pool_size": 2, "pool_validation_interval": 0, **proxy.connect_args}
        with mariadb_py.ConnectionPool(pool_name="borrows", **keywords) as pool:
            proxy.black_hole(SERVER)
            with Lateness(), pool.get_connection() as connection:
                assert works(connection)


# Statements that take too long


@pytest.fixture
def lock(server: TempServer) -> Iterator[None]:
    """The row that "lock" wants to change is locked."""
    with mariadb_py.connect(**server.connect_args) as holder:
        ask(holder, "UPDATE locked SET n = 0")
        yield
        holder.rollback()


def patient(server: TempServer, **keywords: Any) -> Connection:
    return mariadb_py.connect(**{**server.connect_args, "client_flag": FLAGS.MULTI_STATEMENTS, **keywords})


@pytest.mark.parametrize("keyword", ["timeout", "query_timeout"])
@pytest.mark.parametrize("name", SLOW)
def test_query_timeout(server: TempServer, lock: None, name: str, keyword: str) -> None:
    limit = {"timeout": SHORT} if keyword == "timeout" else {}
    with patient(server, **({} if limit else {"query_timeout": SHORT})) as connection:
        number = connection.connection_id
        with Lateness(), pytest.raises(QueryTimeout) as caught:
            SLOW[name](connection, **limit)
        assert caught.value.errno == 1969
        assert works(connection)
        assert connection.connection_id == number


@pytest.mark.parametrize("how", [*WRITERS, "unix socket"])
@pytest.mark.parametrize("name", ["select", "do", "several statements", "procedure"])
def test_query_timeout_whatever_the_transport(server: TempServer, name: str, how: str) -> None:
    keywords = WRITERS.get(how, {"unix_socket": server.unix_socket, "host": None})
    with patient(server, **keywords) as connection:
        number = connection.connection_id
        with Lateness(), pytest.raises(QueryTimeout):
            SLOW[name](connection, timeout=SHORT)
        assert works(connection)
        assert connection.connection_id == number


def test_a_timeout_at_any_moment(server: TempServer) -> None:
    """What a statement returns is its own, whatever became of the ones before."""
    chance = random.Random(1)
    ends: Counter[object] = Counter()
    with ExitStack() as stack:
        connection = stack.enter_context(patient(server))
        for number in range(100):
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT ?", (number,), timeout=chance.choice((1, 1e-3)) * chance.random() + 1e-6)
                    ends[cursor.fetchall() == [(number,)]] += 1
            except QueryTimeout:
                ends[QueryTimeout] += 1
            except LostConnectionError:
                connection = stack.enter_context(patient(server))
    assert set(ends) <= {True, QueryTimeout}
    assert ends[True] > 0


def test_query_timeout_while_nobody_reads(server: TempServer) -> None:
    with proxied(server) as proxy:
        connection = patient(server, **proxy.connect_args, max_allowed_packet=1 << 28, query_timeout=SHORT)
        with Lateness(), pytest.raises(QueryTimeout):
            WRITING["a long text"](connection, lambda: proxy.black_hole(CLIENT, reading=False))
        assert_lost(connection)


@pytest.mark.parametrize("grace", [0, SHORT])
@pytest.mark.parametrize("name", ["select", "do", "executemany"])
def test_query_timeout_of_a_stopped_server(server: TempServer, name: str, grace: float) -> None:
    connection = patient(server, cancel_grace=grace)
    with halted(server):
        with Lateness(), pytest.raises(QueryTimeout) as caught:
            SLOW[name](connection, timeout=SHORT)
        assert caught.value.errno == 1969
        assert_lost(connection)


@pytest.mark.parametrize("name", ["select", "do", "executemany"])
def test_nobody_is_killed_behind_a_proxy(server: TempServer, name: str) -> None:
    """The server does not see our address there: the id could be that of a stranger, on another server."""
    with proxied(server) as proxy:
        connection = patient(server, **proxy.connect_args)
        proxy.black_hole(SERVER)
        with Lateness(), pytest.raises(QueryTimeout):
            SLOW[name](connection, timeout=SHORT)
        assert_lost(connection)
        proxy.stop()
        assert len(proxy.relays) == 2
        assert [payload for payload in proxy.plain if b"KILL" in payload] == []


# Ctrl-C


def wait_until_busy(observer: Connection, connection_id: int) -> None:
    """Until the server sleeps, works or waits for that connection."""
    sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND command <> 'Sleep' AND time_ms > 20"
    deadline = time.monotonic() + PATIENCE
    while not ask(observer, sql, (connection_id,)):
        assert time.monotonic() < deadline
        time.sleep(0.005)


class CtrlC(threading.Thread):
    """Interrupts this thread when the server runs a statement of a connection, or after some time."""

    def __init__(self, server: TempServer, connection: Connection, delay: float | None = None) -> None:
        super().__init__()
        self._observer = None if delay is not None else mariadb_py.connect(**server.connect_args)
        self._victim = connection.connection_id, threading.get_ident(), delay
        self.start()

    def run(self) -> None:
        connection_id, thread, delay = self._victim
        if self._observer is None:
            time.sleep(delay or 0)
        else:
            with self._observer:
                wait_until_busy(self._observer, connection_id)
        signal.pthread_kill(thread, signal.SIGINT)


@pytest.mark.parametrize("name", SLOW)
def test_ctrl_c(server: TempServer, lock: None, name: str) -> None:
    with patient(server) as connection:
        number = connection.connection_id
        thread = CtrlC(server, connection)
        with Lateness(), pytest.raises(KeyboardInterrupt):
            SLOW[name](connection)
        thread.join(PATIENCE)
        assert works(connection)
        assert connection.connection_id == number


@pytest.mark.parametrize("grace", [0, SHORT])
def test_ctrl_c_and_a_stopped_server(server: TempServer, grace: float) -> None:
    connection = patient(server, cancel_grace=grace)
    with halted(server):
        thread = CtrlC(server, connection, SHORT)
        with Lateness(), pytest.raises(KeyboardInterrupt):
            SLOW["do"](connection)
        thread.join(PATIENCE)
        assert_lost(connection)


def test_ctrl_c_while_nobody_reads(server: TempServer) -> None:
    with proxied(server) as proxy, ExitStack() as stack:
        connection = patient(server, **proxy.connect_args, local_infile=True, read_timeout=PATIENCE)

        def stop_reading() -> None:
            proxy.black_hole(CLIENT, reading=False)
            thread = CtrlC(server, connection, 3 * SHORT)  # the buffers are full by then
            stack.callback(thread.join, PATIENCE)

        with pytest.raises(KeyboardInterrupt):
            WRITING["a long file"](connection, stop_reading)
        assert_lost(connection)


def test_ctrl_c_behind_a_proxy(server: TempServer) -> None:
    with proxied(server) as proxy:
        connection = patient(server, **proxy.connect_args)
        thread = CtrlC(server, connection)
        with Lateness(), pytest.raises(KeyboardInterrupt):
            SLOW["do"](connection)
        thread.join(PATIENCE)
        assert_lost(connection)
        proxy.stop()
        assert [payload for payload in proxy.plain if b"KILL" in payload] == []


# COMMIT


def stops_answering(server: TempServer, proxy: Any, stack: ExitStack) -> None:
    proxy.black_hole(SERVER)


def stops_hearing(server: TempServer, proxy: Any, stack: ExitStack) -> None:
    proxy.black_hole(CLIENT)


def is_stopped(server: TempServer, proxy: Any, stack: ExitStack) -> None:
    stack.enter_context(halted(server))


@pytest.mark.parametrize("interfere", [stops_answering, stops_hearing, is_stopped])
@pytest.mark.parametrize("autocommit", [True, False])
def test_commit_outcome_unknown(server: TempServer, interfere: Callable[..., None], autocommit: bool) -> None:
    with ExitStack() as stack:
        proxy = stack.enter_context(proxied(server))
        connection = begun(mariadb_py.connect(**proxy.connect_args, read_timeout=SHORT, autocommit=autocommit))
        interfere(server, proxy, stack)
        with Lateness(), pytest.raises(CommitOutcomeUnknown) as caught:
            connection.commit()
        assert caught.value.errno == 2013
        with pytest.raises(LostConnectionError) as again:
            connection.commit()
        assert type(again.value) is LostConnectionError
        assert_lost(connection)
