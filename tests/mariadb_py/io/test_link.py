"""The synchronous driver over a socket pair: what an operation yields, is resumed with, and what ends it.

How it opens a connection, and another one in its place, is in test_link_opening and test_link_reconnect.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import pytest

from mariadb_protocol import ProtocolError, Send, State
from mariadb_protocol.errors import ParameterError, RemoteProtocolError
from mariadb_py.core.options import ConnectOptions, Endpoint
from mariadb_py.exceptions import LostConnectionError, OperationalError, ProgrammingError
from mariadb_py.io import link as module
from mariadb_py.io.link import RECEIVE, Link, attributes
from tests.support.listener import PATIENCE
from tests.support.scripts import packets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

    from mariadb_protocol.events import Command

    Ends = tuple[Link, socket.socket]
    Make = Callable[..., Ends]

SHORT = 0.1  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended
LONG = 8 << 20  # bytes; more than both buffers of a socket pair hold


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a link whose session is READY, and the server's end of its socket."""
    made: list[Ends] = []

    def make(**keywords: Any) -> Ends:
        ours, theirs = socket.socketpair()
        theirs.settimeout(PATIENCE)
        link = Link(ConnectOptions.from_keywords({"unix_socket": "/the/socket", **keywords}))
        link.core.session.state = State.READY
        link._sock = ours
        made.append((link, theirs))
        return made[-1]

    yield make
    for link, theirs in made:
        link.drop()
        theirs.close()


def exchange(link: Link, *events: bytes | Send, breaks: bool = True) -> Command[list[bytes | None]]:
    """Yields events and returns what it was resumed with; as a command, it breaks the session if it does not end."""
    chunks = []
    try:
        for event in events:
            chunks.append((yield event))
    except BaseException as error:
        if breaks:
            link.core.session.fail(error)
        raise
    return chunks


def in_background(function: Callable[..., object], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


def read_all(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        chunk = sock.recv(1 << 20)
        assert chunk
        data += chunk
    return bytes(data)


TIMED = pytest.mark.parametrize("keywords", [{}, {"read_timeout": PATIENCE}], ids=["untimed", "read_timeout"])


# What operations are resumed with


@TIMED
def test_bytes_are_written_and_the_answer_comes_back(make: Make, keywords: dict[str, Any]) -> None:
    link, server = make(**keywords)
    server.send(b"answer")
    assert link.run(exchange(link, b"question")) == [b"answer"]
    assert server.recv(100) == b"question"


@TIMED
def test_no_bytes_mean_only_reading(make: Make, keywords: dict[str, Any]) -> None:
    link, server = make(**keywords)
    server.send(b"greeting")
    assert link.run(exchange(link, b"")) == [b"greeting"]
    server.shutdown(socket.SHUT_WR)
    assert link.run(exchange(link, b"", b"")) == [b"", b""]


def test_send_is_written_and_not_waited_for(make: Make) -> None:
    link, server = make()
    assert link.run(exchange(link, Send(b"one "), Send(b"two"))) == [None, None]
    assert server.recv(100) == b"one two"


def test_an_operation_that_needs_no_network(make: Make) -> None:
    link, _ = make()
    assert link.run(exchange(link)) == []


@TIMED
def test_both_sides_write_at_once(make: Make, keywords: dict[str, Any]) -> None:
    """With both socket buffers full, one of the two has to read for anything to go on."""
    link, server = make(**keywords)
    answer = os.urandom(LONG)

    def serve() -> None:
        server.sendall(answer)
        received.append(read_all(server, LONG))

    received: list[bytes] = []
    thread = in_background(serve)
    question = os.urandom(LONG)
    got = b""

    def operation() -> Command[bytes]:
        got = yield question
        while len(got) < LONG:
            chunk = yield b""
            assert chunk
            got += chunk
        return got

    got = link.run(operation())
    thread.join(PATIENCE)
    assert got == answer
    assert received == [question]


def test_what_came_early_is_given_to_send(make: Make) -> None:
    link, server = make()

    def serve() -> None:
        server.sendall(b"early")
        read_all(server, LONG)

    thread = in_background(serve)
    assert link.run(exchange(link, Send(bytes(LONG)))) == [b"early"]
    thread.join(PATIENCE)


def test_what_comes_early_is_bounded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EARLY", 3 * RECEIVE)
    link, server = make(write_timeout=SHORT)
    server.settimeout(None)

    def serve() -> None:
        with pytest.raises(OSError):
            server.sendall(bytes(LONG))

    thread = in_background(serve)
    with pytest.raises(LostConnectionError, match="write_timeout"):
        link.run(exchange(link, bytes(LONG)))
    assert 3 * RECEIVE <= sum(map(len, link._early)) < 4 * RECEIVE
    thread.join(PATIENCE)


def test_the_reason_that_a_server_gives_before_it_hangs_up_is_heard(make: Make) -> None:
    link, server = make()

    def serve() -> None:
        read_all(server, 100)
        server.sendall(b"too big")
        server.close()

    thread = in_background(serve)
    assert link.run(exchange(link, bytes(LONG))) == [b"too big"]
    thread.join(PATIENCE)


def test_a_farewell_is_heard_by_the_next_command(make: Make) -> None:
    link, server = make()
    server.send(b"farewell")
    server.close()
    assert link.run(exchange(link, b"question")) == [b"farewell"]


# What ends an operation


def test_a_server_that_hangs_up_during_a_write(make: Make) -> None:
    link, server = make()

    def serve() -> None:
        read_all(server, 100)
        server.close()

    thread = in_background(serve)
    with pytest.raises(LostConnectionError, match=r"^Lost connection to server on '/the/socket' \(") as caught:
        link.run(exchange(link, bytes(LONG)))
    thread.join(PATIENCE)
    assert (caught.value.errno, caught.value.sqlstate) == (2013, "HY000")
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert link.closed


@pytest.mark.parametrize(
    ("keywords", "deadline", "event", "message"),
    [
        ({"read_timeout": SHORT}, None, b"question", "read_timeout of 0.1 s passed without an answer"),
        ({"write_timeout": SHORT}, None, bytes(LONG), "write_timeout of 0.1 s passed while"),
        ({}, SHORT, b"question", "the bound passed"),
        ({}, SHORT, bytes(LONG), "the bound passed"),
        ({"read_timeout": 60}, SHORT, b"question", "the bound passed"),
        ({"read_timeout": SHORT}, 60, b"question", "read_timeout of 0.1 s passed"),
        ({}, -1, b"question", "the bound passed"),
    ],
)
def test_timeouts(make: Make, keywords: dict[str, Any], deadline: float | None, event: bytes, message: str) -> None:
    link, _ = make(**keywords)
    before = time.monotonic()
    with pytest.raises(LostConnectionError, match=message) as caught:
        link.run(exchange(link, event), None if deadline is None else before + deadline, "the bound")
    assert time.monotonic() - before < GENEROUS
    assert caught.value.errno == 2013
    assert link.closed
    assert link.core.session.cause == str(caught.value)


def test_read_timeout_is_the_longest_silence(make: Make) -> None:
    link, server = make(read_timeout=0.3)

    def serve() -> None:
        for _ in range(4):
            time.sleep(0.15)
            server.send(b".")

    thread = in_background(serve)
    assert link.run(exchange(link, b"", b"", b"", b"")) == [b"."] * 4
    thread.join(PATIENCE)


@TIMED
def test_ctrl_c_while_waiting_closes_the_socket(make: Make, keywords: dict[str, Any]) -> None:
    link, server = make(**keywords)
    main = threading.get_ident()
    thread = in_background(lambda: (server.recv(100), signal.pthread_kill(main, signal.SIGINT)))
    with pytest.raises(KeyboardInterrupt):
        link.run(exchange(link, b"question"))
    thread.join(PATIENCE)
    assert link.closed
    assert link.core.session.cause == "KeyboardInterrupt"
    assert server.recv(100) == b""


def test_an_operation_may_survive_a_lost_connection(make: Make) -> None:
    def operation() -> Command[str]:
        try:
            yield b"question"
        except LostConnectionError:
            return "survived"
        return "not lost"

    link, _ = make(read_timeout=SHORT)
    assert link.run(operation()) == "survived"


@pytest.mark.parametrize(
    ("error", "raised", "breaks"),
    [
        (ParameterError("p"), ProgrammingError, False),
        (ValueError("v"), ValueError, False),
        (RemoteProtocolError("r"), OperationalError, True),
        (OSError("o"), OSError, True),
    ],
)
def test_errors_of_the_operation(make: Make, error: Exception, raised: type[Exception], breaks: bool) -> None:
    """One that the operation raises by itself is not taken for a lost connection, also if it is an OSError."""
    link, server = make()

    def operation() -> Command[None]:
        yield Send(b"x")
        if breaks:
            link.core.session.fail(error)
        raise error

    with pytest.raises(raised) as caught:
        link.run(operation())
    assert not isinstance(caught.value, ProtocolError)
    assert caught.value is error or caught.value.__cause__ is error
    assert link.closed is breaks
    if not breaks:
        server.send(b"alive")
        assert link.run(exchange(link, b"")) == [b"alive"]


def test_a_suspended_operation_is_closed_when_it_is_given_up(make: Make) -> None:
    link, _ = make(read_timeout=SHORT)
    ended = []

    def operation() -> Command[None]:
        try:
            yield b"one"
        finally:
            ended.append(True)

    with pytest.raises(LostConnectionError):
        link.run(operation())
    assert ended == [True]


def test_nothing_runs_over_a_closed_socket(make: Make) -> None:
    link, _ = make()
    link.drop()
    with pytest.raises(LostConnectionError, match="the connection is closed"):
        link.run(exchange(link, b"question"))


# Threads


def waiting(link: Link, outcome: list[object]) -> tuple[threading.Thread, threading.Event]:
    """Run an operation in a thread; the event is set when it has begun."""
    begun = threading.Event()

    def operation() -> Command[bytes | None]:
        try:
            yield Send(b"begun")
            begun.set()
            return (yield b"")
        except BaseException as error:
            link.core.session.fail(error)
            raise

    def run() -> None:
        try:
            outcome.append(link.run(operation()))
        except BaseException as error:
            outcome.append(error)

    return in_background(run), begun


def test_a_second_thread_is_refused(make: Make) -> None:
    link, server = make()
    outcome: list[object] = []
    thread, begun = waiting(link, outcome)
    assert begun.wait(PATIENCE)
    message = f"in use by thread {thread.ident}; this is thread {threading.get_ident()}. Use one connection per thread"
    with pytest.raises(ProgrammingError, match=message):
        link.run(exchange(link, b"another question"))
    server.send(b"answer")
    thread.join(PATIENCE)
    assert outcome == [b"answer"]
    assert server.recv(100) == b"begun"
    server.send(b"mine")
    assert link.run(exchange(link, b"")) == [b"mine"]


def test_the_same_thread_is_refused_inside_of_an_operation(make: Make) -> None:
    link, _ = make()

    def operation() -> Command[None]:
        link.run(exchange(link))
        yield b""

    with pytest.raises(ProgrammingError, match="already in use by this thread"):
        link.run(operation())
    assert not link.closed


def ended(operation: Command[Any]) -> Command[Any]:
    operation.close()
    return operation


@pytest.mark.parametrize("left", ["at once", "at the end"])
def test_a_lock_that_ctrl_c_left_taken_is_found_abandoned(make: Make, left: str) -> None:
    link, server = make()
    link._lock.acquire()
    link._operation = None if left == "at once" else ended(exchange(link))
    server.send(b"answer")
    assert link.run(exchange(link, b"")) == [b"answer"]
    link._lock.acquire()
    link.close()
    assert link.closed
    assert server.recv(100) == packets(0, b"\x01")


def test_an_operation_that_waits_is_not_abandoned_though_nobody_is_seen(make: Make) -> None:
    """As with greenlets: the one that is suspended has no frame of a thread."""
    link, _ = make()
    operation = exchange(link, b"question")
    next(operation)
    link._lock.acquire()
    link._operation = operation
    with pytest.raises(ProgrammingError, match=r"in use by another thread\. Use one connection per thread"):
        link.run(exchange(link, b"another question"))
    link._lock.release()


def test_close_from_another_thread_leaves_the_descriptor_to_its_user(make: Make) -> None:
    link, server = make()
    outcome: list[object] = []
    thread, begun = waiting(link, outcome)
    assert begun.wait(PATIENCE)
    descriptor = link.fileno()
    closed_by = []
    sock = link._sock
    assert sock is not None

    class Watched:
        """The socket, noting who closes it."""

        def close(self) -> None:
            closed_by.append(threading.get_ident())
            sock.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(sock, name)

    link._sock = Watched()  # type: ignore[assignment]
    link.close()
    thread.join(PATIENCE)
    assert descriptor != -1
    assert closed_by == [thread.ident]
    assert link.closed
    assert read_all(server, 5) == b"begun"
    assert server.recv(100) == b""  # no goodbye in the middle of a command


def test_close_during_an_operation_that_needs_no_more_of_the_network(make: Make) -> None:
    link, server = make()

    def operation() -> Command[str]:
        yield Send(b"x")
        link.close()  # as a signal handler would
        return "done"

    assert link.run(operation()) == "done"
    assert link.closed
    assert server.recv(100) == b"x"
    assert server.recv(100) == b""


# State and end


def test_close_says_goodbye(make: Make) -> None:
    link, server = make()
    assert link.usable
    link.close()
    assert server.recv(100) == packets(0, b"\x01")
    assert server.recv(100) == b""
    assert (link.closed, link.usable, link.fileno()) == (True, False, -1)
    link.close()


def test_close_of_a_broken_session_says_nothing(make: Make) -> None:
    link, server = make()
    link.core.session.fail(ValueError())
    link.close()
    assert server.recv(100) == b""


@pytest.mark.parametrize("blocked", [True, False], ids=["does not read", "has gone"])
def test_close_of_a_peer_that_cannot_hear(make: Make, monkeypatch: pytest.MonkeyPatch, blocked: bool) -> None:
    monkeypatch.setattr(module, "QUIT_TIMEOUT", SHORT)
    link, server = make()
    if blocked:
        assert link._sock is not None
        link._sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                link._sock.send(bytes(65536))
    else:
        server.close()
    link.close()
    assert link.closed


def test_silent(make: Make) -> None:
    link, server = make()
    assert link.silent()
    server.send(b"x")
    assert not link.silent()
    assert link.run(exchange(link, b"")) == [b"x"]
    assert link.silent()
    server.close()
    assert not link.silent()
    link.drop()
    assert not link.silent()


def test_usable(make: Make) -> None:
    link, _ = make()
    assert link.usable
    link.core.user_changed = True
    assert not link.usable
    link.core.user_changed = False
    link.core.session.state = State.STREAMING
    assert not link.usable
    link.core.session.state = State.READY
    link.drop()
    assert not link.usable


@pytest.mark.parametrize("endpoint", [Endpoint("db.example", 3307), Endpoint(path="/s")])
def test_attributes(endpoint: Endpoint) -> None:
    found = attributes(endpoint)
    assert found["_client_name"] == "mariadb_py"
    assert found["_pid"] == str(os.getpid())
    assert found.get("_server_host") == endpoint.host
    assert all(type(value) is str for value in found.values())
