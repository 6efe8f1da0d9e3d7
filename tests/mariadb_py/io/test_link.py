"""The driver over a socket pair: what an operation is resumed with, what ends it, and that it is the only one."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time

import pytest

from mariadb_protocol import ProtocolError, Send, State
from mariadb_protocol.errors import ParameterError, RemoteProtocolError
from mariadb_protocol.messages import decode_greeting
from mariadb_py.core.options import ConnectOptions
from mariadb_py.exceptions import LostConnectionError, OperationalError, ProgrammingError
from mariadb_py.io import link as module
from mariadb_py.io.link import Link
from mariadb_py.io.transport import Transport
from mariadb_py.io.turns import Turns
from tests.support.alarms import alarms
from tests.support.listener import PATIENCE, full_queue, listening, silent
from tests.support.scripts import err, greeting, ok, packets
from tests.support.strikes import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

    from mariadb_protocol.events import Command
    from mariadb_py.io.transport import Transport

    Ends = tuple[Link, socket.socket]
    Make = Callable[..., Ends]

SHORT = 0.1  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended
LONG = 8 << 20  # bytes; more than both buffers of a socket pair hold


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a link whose session is READY, and the server's end of its socket.

    The server may answer before it is asked.
    """
    monkeypatch.setattr("mariadb_py.io.link.LISTEN_AFTER", float("inf"))
    made: list[Ends] = []

    def make(**keywords: Any) -> Ends:
        ours, theirs = socket.socketpair()
        theirs.settimeout(PATIENCE)
        options = ConnectOptions.from_keywords({"unix_socket": "/the/socket", **keywords})
        link = Link(options)
        link._transport = Transport(ours, options.read_timeout, options.write_timeout)
        link.core.session.state = State.READY
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


def test_what_an_operation_yields_is_exchanged(make: Make) -> None:
    link, server = make()
    server.send(b"answer")
    assert link.run(exchange(link, Send(b"one "), b"two", Send(b" three"))) == [None, b"answer", None]
    assert server.recv(100) == b"one two three"


def test_an_operation_that_needs_no_network(make: Make) -> None:
    link, _ = make()
    assert link.run(exchange(link)) == []


# What is found before an operation


@pytest.mark.parametrize(
    ("heard", "error", "fact"),
    [
        (b"", LostConnectionError, "the server closed the connection"),
        (packets(1, ok()), OperationalError, "11 bytes arrived that no command asked for"),
        (packets(0, err(1927, b"Connection was killed", b"70100")), LostConnectionError, "Connection was killed"),
    ],
)
def test_a_server_that_was_heard_since_the_last_answer(
    make: Make, monkeypatch: pytest.MonkeyPatch, heard: bytes, error: type[Exception], fact: str
) -> None:
    """Nothing is sent to it; after a rest the link looks before it asks."""
    link, server = make()
    monkeypatch.setattr("mariadb_py.io.link.LISTEN_AFTER", 0)
    link.core.session.greeting = decode_greeting(greeting())  # type: ignore[assignment]
    if heard:
        server.send(heard)
    else:
        server.shutdown(socket.SHUT_WR)
    operation = exchange(link, b"question")
    with pytest.raises(error, match=fact) as caught:
        link.run(operation)
    assert getattr(caught.value, "written", False) is False
    assert (link.closed, link.core.session.broken) == (True, True)
    assert server.recv(100) == b""


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
        ({}, -1, b"question", r"\(the bound passed\)$"),
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


@pytest.mark.parametrize("left", [1, 3])
def test_a_run_that_ctrl_c_kept_from_leaving_is_removed(make: Make, left: int) -> None:
    link, server = make()
    link._runs += [(ended(exchange(link)), 17)] * left
    server.send(b"answer")
    assert link.run(exchange(link, b"")) == [b"answer"]
    assert link._runs == []
    link._runs += [(ended(exchange(link)), 17)] * left
    link.close()
    assert link.closed
    assert server.recv(100) == packets(0, b"\x01")


def test_threads_that_come_and_go_are_never_inside_together(make: Make, often: None) -> None:
    link, _ = make()
    inside: list[int] = []
    wrong: list[object] = []
    served = [0] * 4

    def operation(me: int) -> Command[None]:
        inside.append(me)
        yield Send(b"")
        if inside != [me]:
            wrong.append(tuple(inside))
        inside.remove(me)

    def work(me: int) -> None:
        for _ in range(1500):
            try:
                link.run(operation(me))
            except ProgrammingError as error:
                if f"this is thread {threading.get_ident()}. Use one connection" not in str(error):
                    wrong.append(error)
            except BaseException as error:
                wrong.append(error)
            else:
                served[me] += 1

    threads = [in_background(work, me) for me in range(4)]
    for thread in threads:
        thread.join(PATIENCE)
    assert wrong == []
    assert sum(served) > 0
    assert link._runs == []


@pytest.fixture
def often() -> Iterator[None]:
    """Threads take turns as often as the interpreter can do it."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


# Ctrl-C at any moment


@pytest.mark.timeout(method="thread")  # SIGALRM is taken
def test_interrupted_at_any_moment_a_link_works_or_is_closed(make: Make) -> None:
    """Never stuck "in use", and nothing but KeyboardInterrupt is raised."""
    works = closed = 0
    link, server = make()

    def work() -> None:
        for _ in range(2):
            server.send(b"answer")
            link.run(exchange(link, b"one", Send(b"two")))

    with alarms(1.5) as random:
        random.measure(work)
        while random.go_on():
            interrupted = random.during(work)
            if link.closed:
                closed += 1
                with pytest.raises(LostConnectionError):
                    link.run(exchange(link, b"question"))
                server.close()
                link, server = make()
            else:
                works += interrupted
                work()
                assert link._runs == []
                read_all(server, 1)
    assert works > 10
    assert closed > 10


def test_a_refusal_that_is_interrupted_at_any_line_is_over(make: Make) -> None:
    """It leaves nothing behind that would refuse others."""
    lines = Lines(Link.run, Link._leave, Turns.begin_behind, Turns.before)

    def refused(link: Link) -> None:
        with pytest.raises(ProgrammingError):
            link.run(exchange(link, b"question"))

    def made() -> tuple[Ends, Command[Any]]:
        ends = make()
        holder = exchange(ends[0], breaks=False)
        ends[0]._runs.append((holder, 17))
        return ends, holder

    count = lines.count(lambda: refused(made()[0][0]))
    assert count > 10
    for number in range(1, count + 1):
        (link, server), holder = made()
        assert lines.strike(number, lambda: refused(link))  # noqa: B023
        holder.close()
        server.send(b"answer")
        assert link.run(exchange(link, b"")) == [b"answer"]
        assert link._runs == []


@pytest.mark.parametrize("place", [Link._drive, Transport.exchange])
def test_a_link_that_is_closed_names_what_has_struck(make: Make, place: Callable[..., Any]) -> None:
    """At each line in turn: not what became of the operation, which was closed because of that."""
    closed = 0
    lines = Lines(place)

    def call(ends: Ends) -> None:
        link, server = ends
        server.send(b"answer")
        link.run(exchange(link, b"question"))

    for number in range(1, 1 + lines.count(lambda: call(make()))):
        link, server = make()
        assert lines.strike(number, lambda: call((link, server)))  # noqa: B023
        if link.closed:
            closed += 1
            assert link.core.session.cause == "Struck"
            with pytest.raises(LostConnectionError):
                link.run(exchange(link, b"question"))
    assert closed > 2


@pytest.mark.timeout(method="thread")
def test_close_that_is_interrupted_at_any_moment_can_be_done_again(make: Make) -> None:
    with alarms(0.5) as random:
        random.measure(lambda: make()[0].close())
        while random.go_on():
            link, server = make()
            random.during(link.close)
            link.close()
            assert link.closed
            server.close()
    assert random.struck > 10


class Watched:
    """A socket that notes whether it is closed while somebody waits for it."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.sock = transport._sock
        self.closed_while_waiting: list[bool] = []

    def close(self) -> None:
        self.closed_while_waiting.append(self.transport.waiting)
        self.sock.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


def test_close_from_another_thread_leaves_the_descriptor_to_its_user(make: Make) -> None:
    link, server = make()
    assert link._transport is not None
    transport = link._transport
    watched = Watched(transport)
    transport._sock = watched  # type: ignore[assignment]
    outcome: list[object] = []
    thread, begun = waiting(link, outcome)
    assert begun.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while not transport.waiting:
        assert time.monotonic() < deadline
    link.close()
    thread.join(PATIENCE)
    assert outcome == [b""]
    assert watched.closed_while_waiting == [False]
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
    link.close()
    assert server.recv(100) == packets(0, b"\x01")
    assert server.recv(100) == b""
    assert link.closed
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
        assert link._transport is not None
        link._transport._sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                link._transport._sock.send(bytes(65536))
    else:
        server.close()
    link.close()
    assert link.closed


def test_silent(make: Make) -> None:
    link, server = make()
    assert link.silent()
    server.send(b"x")
    assert not link.silent()
    link.drop()
    assert not link.silent()


@pytest.mark.parametrize(
    ("spoil", "free"),
    [
        (lambda link: None, True),
        (lambda link: setattr(link.core, "user_changed", True), False),
        (lambda link: setattr(link.core.session, "state", State.MORE_RESULTS), False),
        (lambda link: link.core.session.fail(ValueError()), False),
        (lambda link: link._runs.append((exchange(link, breaks=False), 17)), False),
        (lambda link: link.drop(), False),
    ],
    ids=["idle", "another user", "more results", "broken", "in use", "closed"],
)
def test_settle(make: Make, spoil: Callable[[Link], object], free: bool) -> None:
    link, server = make()
    spoil(link)
    assert link.settle() is free
    if not link.closed:
        link.drop()
        assert server.recv(100) == b""  # nothing was sent


# Opening


def test_open_bounds_the_connection_and_closes_the_socket() -> None:
    with full_queue() as arguments, pytest.raises(OperationalError, match="connect_timeout passed"):
        Link.open(ConnectOptions.from_keywords({**arguments, "connect_timeout": SHORT}))


@pytest.mark.parametrize("timeout", [SHORT, 1e300, 10**400])
def test_open_bounds_the_greeting(timeout: float) -> None:
    """The longest times that Python has are as good as any; here the server hangs up."""
    conversation = silent if timeout == SHORT else lambda caller: None
    with listening(conversation) as server, pytest.raises(LostConnectionError):
        Link.open(ConnectOptions.from_keywords({**server.connect_args, "connect_timeout": timeout}))
