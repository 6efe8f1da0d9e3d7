"""Where a connection can wait for ever, and what it may be doing there. Every name is unique."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import mariadb_py
from tests.support import listener
from tests.support.listener import GREETING, full_queue, listening, silent
from tests.support.proxy import CLIENT, Rule, proxied, swallow
from tests.support.running import ask
from tests.support.scripts import packets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.support.listener import Caller

    Hole = Callable[["Stage"], AbstractContextManager[dict[str, Any]]]

SHORT = 0.3  # seconds that are set
LONG_STATEMENT = 64 << 20  # bytes, more than all buffers on the way
OPTIONS = ("--max-allowed-packet=256M", "--local-infile=ON", "--max-connections=200")


class Stage(NamedTuple):
    """A private server with TLS, and a folder for unix sockets."""

    server: TempServer
    folder: Path


@contextlib.contextmanager
def halted(server: TempServer) -> Iterator[None]:
    """The server's process is stopped; it takes calls, as the system does that, and says nothing."""
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)  # the last of its threads
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# Where nobody can be reached


@contextlib.contextmanager
def stopped(stage: Stage, **keywords: Any) -> Iterator[dict[str, Any]]:
    """A server process that is stopped."""
    with halted(stage.server):
        yield keywords or stage.server.connect_args


@contextlib.contextmanager
def nameless(stage: Stage) -> Iterator[dict[str, Any]]:
    """A name that no resolver knows, or answers to."""
    yield {"host": "nowhere.invalid"}


@contextlib.contextmanager
def looked_up_for_ever(stage: Stage) -> Iterator[dict[str, Any]]:
    """A resolver that does not answer."""
    answers, ended, real = threading.Event(), threading.Event(), socket.getaddrinfo

    def lookup(*arguments: Any, **keywords: Any) -> Any:
        answers.wait(listener.PATIENCE)
        ended.set()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    socket.getaddrinfo = lookup
    try:
        yield {"host": "slow.invalid"}
    finally:
        socket.getaddrinfo = real
        answers.set()
        ended.wait(listener.PATIENCE)


@contextlib.contextmanager
def conversing(conversation: Callable[[Caller], None], path: Path | None = None) -> Iterator[dict[str, Any]]:
    """A listener, as keywords."""
    with listening(conversation, None if path is None else str(path)) as server:
        yield server.connect_args


def half_a_greeting(caller: Caller) -> None:
    caller.raw(packets(0, GREETING)[:20])
    caller.until_closed()


def dripping_greeting(caller: Caller) -> None:
    """Each byte in time, but not the whole."""
    hung_up = threading.Event()
    for byte in packets(0, GREETING):
        caller.raw(bytes((byte,)))
        hung_up.wait(SHORT / 4)


def no_answer_to_the_login(caller: Caller) -> None:
    caller.send(GREETING, sequence=0)
    caller.until_closed()


def no_answer_to_the_set_up(caller: Caller) -> None:
    caller.log_in(answer=False)
    caller.until_closed()


@contextlib.contextmanager
def no_answer_to_tls(stage: Stage) -> Iterator[dict[str, Any]]:
    with proxied(stage.server, Rule(CLIENT, 0, swallow, each=True)) as proxy:
        yield {**proxy.connect_args, "ssl": True, "ssl_verify_cert": False}


@contextlib.contextmanager
def several_hosts(stage: Stage) -> Iterator[dict[str, Any]]:
    with listening(silent) as one, full_queue() as other:
        hosts = (one.connect_args, other)
        yield {"host": ",".join(f"{address['host']}:{address['port']}" for address in hosts)}


HOLES: dict[str, Hole] = {
    "full queue": lambda stage: full_queue(),
    "full queue of a unix socket": lambda stage: full_queue(str(stage.folder / "s")),
    "silent listener": lambda stage: conversing(silent),
    "silent listener on a unix socket": lambda stage: conversing(silent, stage.folder / "s"),
    "stopped server": stopped,
    "stopped server on a unix socket": lambda stage: stopped(stage, unix_socket=stage.server.unix_socket, user="u"),
    "name without an address": nameless,
    "name that is looked up for ever": looked_up_for_ever,
    "half a greeting": lambda stage: conversing(half_a_greeting),
    "dripping greeting": lambda stage: conversing(dripping_greeting),
    "no answer to the login": lambda stage: conversing(no_answer_to_the_login),
    "no answer to the request for TLS": no_answer_to_tls,
    "no answer to the set-up": lambda stage: conversing(no_answer_to_the_set_up),
    "several hosts": several_hosts,
}


# Commands that get no answer

MANY = "SELECT REPEAT('x', 1000) FROM seq_1_to_200000"


def _stream(connection: Connection, **keywords: Any) -> mariadb_py.Cursor:
    cursor = connection.cursor(buffered=False, **keywords)
    cursor.execute(MANY)
    cursor.fetchone()
    return cursor


def _served(connection: Connection) -> mariadb_py.Cursor:
    cursor = connection.cursor(cursor_type=1, prefetch_size=2)
    cursor.execute("SELECT seq FROM seq_1_to_10")
    cursor.fetchone()
    return cursor


class Waiting(NamedTuple):
    """Something that waits for an answer; `prepare` is done while there still are answers."""

    perform: Callable[[Any], object]
    prepare: Callable[[Connection], Any] = lambda connection: connection


def _many(connection: Connection) -> None:
    connection.cursor().executemany("INSERT INTO none VALUES (?)", [(1,), (2,)])


WAITING: dict[str, Waiting] = {
    "execute": Waiting(lambda connection: ask(connection, "SELECT 1")),
    "execute, binary": Waiting(lambda connection: connection.cursor(binary=True).execute("SELECT ?", (1,))),
    "executemany": Waiting(_many),
    "callproc": Waiting(lambda connection: connection.cursor().callproc("p", (1,))),
    "begin": Waiting(lambda connection: connection.begin()),
    "commit": Waiting(lambda connection: connection.commit(), lambda connection: begun(connection)),
    "rollback": Waiting(lambda connection: connection.rollback(), lambda connection: begun(connection)),
    "ping": Waiting(lambda connection: connection.ping()),
    "reset": Waiting(lambda connection: connection.reset()),
    "select_db": Waiting(lambda connection: connection.select_db("test")),
    "change_user": Waiting(lambda connection: connection.change_user("u", "p", None)),
    "kill": Waiting(lambda connection: connection.kill(1)),
    "dump_debug_info": Waiting(lambda connection: connection.dump_debug_info()),
    "autocommit": Waiting(lambda connection: setattr(connection, "autocommit", True)),
    "tpc_begin": Waiting(lambda connection: connection.tpc_begin(connection.xid(1, "a", "b"))),
    "tpc_recover": Waiting(lambda connection: connection.tpc_recover()),
    "LOCAL INFILE": Waiting(
        lambda connection: connection.cursor().execute("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", local_infile=[b"x"])
    ),
    "fetchone": Waiting(lambda cursor: [*iter(cursor.fetchone, None)], _stream),
    "fetchall": Waiting(lambda cursor: cursor.fetchall(), _stream),
    "nextset": Waiting(lambda cursor: cursor.nextset(), _stream),
    "close a cursor": Waiting(lambda cursor: cursor.close(), _stream),
    "fetch from a server-side cursor": Waiting(lambda cursor: cursor.fetchall(), _served),
}


def begun(connection: Connection) -> Connection:
    """A connection in a transaction that has written something."""
    connection.begin()
    ask(connection, "INSERT INTO written VALUES (1)")
    return connection


# Statements that nobody reads


def long_text(connection: Connection, stop_reading: Callable[[], None]) -> None:
    stop_reading()
    ask(connection, "SELECT '" + "x" * LONG_STATEMENT + "'")


def long_parameter(connection: Connection, stop_reading: Callable[[], None]) -> None:
    """The statement is prepared when the peer stops."""
    with connection.cursor(prepared=True) as cursor:
        cursor.execute("SELECT LENGTH(?)", (b"",))
        stop_reading()
        cursor.execute("", (bytes(LONG_STATEMENT),))


def long_bulk(connection: Connection, stop_reading: Callable[[], None]) -> None:
    """The statement is prepared, and the row a chunk of its own."""
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO longest VALUES (?)", [(b"1",), (b"2",)])
        stop_reading()
        cursor.executemany("INSERT INTO longest VALUES (?)", [(bytes(LONG_STATEMENT),), (b"2",)])


def long_file(connection: Connection, stop_reading: Callable[[], None]) -> None:
    """The server has asked for it. Random bytes, so that nothing is gained by compressing them."""
    piece = os.urandom(1 << 20)

    def pieces() -> Iterator[bytes]:
        stop_reading()
        for _ in range(LONG_STATEMENT >> 20):
            yield piece

    with connection.cursor() as cursor:
        cursor.execute("LOAD DATA LOCAL INFILE 'x' INTO TABLE longest", local_infile=pieces())


WRITING: dict[str, Callable[[Connection, Callable[[], None]], None]] = {
    "a long text": long_text,
    "a long parameter": long_parameter,
    "a long bulk": long_bulk,
    "a long file": long_file,
}
# Statements that take too long


def slow(sql: str, data: Any = None, **keywords: Any) -> Callable[[Connection], object]:
    """A statement that takes half a minute; `keywords` are those of the cursor."""

    def perform(connection: Connection, **limit: float) -> object:
        with connection.cursor(**keywords) as cursor:
            return cursor.execute(sql, data, **limit)

    return perform


def slow_many(connection: Connection, **limit: float) -> object:
    return connection.cursor().executemany("DO SLEEP(?)", [(30,), (30,)], **limit)


def locked(connection: Connection, **limit: float) -> object:
    """Waits for a row that another connection has locked."""
    with connection.cursor() as cursor:
        return cursor.execute("UPDATE locked SET n = n + 1", **limit)


SLOW: dict[str, Callable[..., object]] = {
    "select": slow("SELECT SLEEP(30)"),
    "select with parameters": slow("SELECT SLEEP(?)", (30,)),
    "binary": slow("SELECT SLEEP(?)", (30,), binary=True),
    "prepared": slow("SELECT SLEEP(?)", (30,), prepared=True),
    "unbuffered": slow("SELECT SLEEP(30)", buffered=False),
    "server-side cursor": slow("SELECT SLEEP(30)", cursor_type=1),
    "do": slow("DO SLEEP(30)"),
    "procedure": slow("CALL sleeps(30)"),
    "procedure of somebody else": slow("CALL sleeps_elsewhere(30)"),
    "several statements": slow("SELECT 1; DO SLEEP(30)"),
    "set statement": slow("SET STATEMENT max_statement_time = 100 FOR SELECT SLEEP(30)"),
    "comment in front": slow("/* it is slow */ SELECT SLEEP(30)"),
    "much work": slow("SELECT COUNT(*) FROM seq_1_to_100000 a, seq_1_to_100000 b"),
    "many rows": slow("SELECT a.seq, SLEEP(0.01) FROM seq_1_to_100000 a"),
    "executemany": slow_many,
    "lock": locked,
}
SETUP = (
    "CREATE TABLE longest (v LONGBLOB)",
    "CREATE TABLE locked (n INT)",
    "INSERT INTO locked VALUES (1)",
    "CREATE TABLE written (n INT)",
    "CREATE PROCEDURE sleeps(n INT) SQL SECURITY INVOKER BEGIN SELECT 1; DO SLEEP(n); END",
    # While it runs, the server shows its definer's host as that of the connection.
    "CREATE DEFINER = mariadb_py@'::1' PROCEDURE sleeps_elsewhere(n INT) BEGIN SELECT 1; DO SLEEP(n); END",
)
