"""The socket of a connection over a socket pair: what is written and read when, and what ends the waiting.

Each test runs twice: with calls that do not wait (MSG_DONTWAIT), and with the non-blocking socket of a system that has
none.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time

import pytest

from mariadb_protocol import Interrupt, Send
from mariadb_py.io import transport as module
from mariadb_py.io.transport import RECEIVE, Transport
from tests.support.listener import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Ends = tuple[Transport, socket.socket]
    Make = Callable[..., Ends]

SHORT = 0.1  # seconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended
LONG = 8 << 20  # bytes; more than both buffers of a socket pair hold
TIMED = pytest.mark.parametrize("read_timeout", [None, PATIENCE], ids=["untimed", "timed"])


@pytest.fixture(params=["MSG_DONTWAIT", "non-blocking"])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a transport, and the server's end of its socket."""
    if request.param == "non-blocking":
        monkeypatch.setattr(module, "_NO_WAIT", 0)
    made: list[Ends] = []

    def make(read_timeout: float | None = None, write_timeout: float | None = None) -> Ends:
        ours, theirs = socket.socketpair()
        theirs.settimeout(PATIENCE)
        made.append((Transport(ours, read_timeout, write_timeout), theirs))
        return made[-1]

    yield make
    for transport, theirs in made:
        transport.close()
        theirs.close()


@contextlib.contextmanager
def meanwhile(function: Callable[[], object]) -> Iterator[None]:
    """Run a function in a thread, which has to end behind the block."""
    thread = threading.Thread(target=function)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def read_all(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        chunk = sock.recv(1 << 20)
        assert chunk
        data += chunk
    return bytes(data)


# What an exchange returns


@TIMED
def test_bytes_are_written_and_the_answer_comes_back(make: Make, read_timeout: float | None) -> None:
    transport, server = make(read_timeout)
    server.send(b"answer")
    assert transport.exchange(b"question", None) == b"answer"
    assert server.recv(100) == b"question"


@TIMED
def test_no_bytes_mean_only_reading(make: Make, read_timeout: float | None) -> None:
    transport, server = make(read_timeout)
    server.send(b"greeting")
    assert transport.exchange(b"", None) == b"greeting"
    server.shutdown(socket.SHUT_WR)
    assert [transport.exchange(b"", None) for _ in range(2)] == [b"", b""]


@pytest.mark.parametrize("deadline", [None, 60])
def test_an_answer_that_comes_later_is_waited_for(make: Make, deadline: float | None) -> None:
    transport, server = make()

    def serve() -> None:
        assert server.recv(100) == b"question"
        time.sleep(SHORT)
        server.send(b"answer")

    with meanwhile(serve):
        until = None if deadline is None else time.monotonic() + deadline
        assert transport.exchange(b"question", until) == b"answer"


def test_send_is_written_and_not_waited_for(make: Make) -> None:
    transport, server = make()
    assert [transport.exchange(Send(data), None) for data in (b"one ", b"", b"two")] == [None] * 3
    assert server.recv(100) == b"one two"


@TIMED
def test_both_sides_write_at_once(make: Make, read_timeout: float | None) -> None:
    """With both socket buffers full, one of the two has to read for anything to go on."""
    transport, server = make(read_timeout)
    question, answer = os.urandom(LONG), os.urandom(LONG)
    received: list[bytes] = []

    def serve() -> None:
        server.sendall(answer)
        received.append(read_all(server, LONG))

    with meanwhile(serve):
        got = transport.exchange(question, None) or b""
        while len(got) < LONG:
            chunk = transport.exchange(b"", None)
            assert chunk
            got += chunk
    assert got == answer
    assert received == [question]


@pytest.mark.parametrize("event", [Send(bytes(LONG)), bytes(LONG)], ids=["Send", "bytes"])
def test_what_came_early_is_handed_out_whole(make: Make, event: bytes | Send) -> None:
    transport, server = make()
    early = os.urandom(20 * RECEIVE + 1)

    def serve() -> None:
        server.sendall(early)
        read_all(server, LONG)

    with meanwhile(serve):
        assert transport.exchange(event, None) == early
    assert transport.exchange(Send(b"x"), None) is None


def test_what_comes_early_is_bounded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EARLY", 3 * RECEIVE)
    transport, server = make(write_timeout=SHORT)
    server.settimeout(None)

    def serve() -> None:
        with pytest.raises(OSError):
            server.sendall(bytes(LONG))

    with meanwhile(serve):
        with pytest.raises(TimeoutError, match="write_timeout"):
            transport.exchange(bytes(LONG), None)
        transport.close()
    assert 3 * RECEIVE <= len(transport._early) < 4 * RECEIVE


def test_the_reason_that_a_server_gives_before_it_hangs_up_is_heard(make: Make) -> None:
    transport, server = make()

    def serve() -> None:
        read_all(server, 100)
        server.sendall(b"too big")
        server.close()

    with meanwhile(serve):
        assert transport.exchange(bytes(LONG), None) == b"too big"


def test_a_farewell_is_heard_by_the_next_command(make: Make) -> None:
    transport, server = make()
    server.send(b"farewell")
    server.close()
    assert transport.exchange(b"question", None) == b"farewell"


# What ends it


def test_a_server_that_hangs_up_during_a_write(make: Make) -> None:
    transport, server = make()

    def serve() -> None:
        read_all(server, 100)
        server.close()

    with meanwhile(serve), pytest.raises(ConnectionError):
        transport.exchange(bytes(LONG), None)


def test_a_server_that_hung_up_before_a_write(make: Make) -> None:
    transport, server = make()
    server.close()
    with pytest.raises(ConnectionError):
        transport.exchange(b"question", None)


@TIMED
@pytest.mark.parametrize("deadline", [None, 60, -1])
def test_an_interruption_strikes_as_if_an_answer_were_waited_for(
    make: Make, read_timeout: float | None, deadline: float | None
) -> None:
    """Nothing is written, and what arrives is there for whoever waits for it next."""
    transport, server = make(read_timeout)
    assert transport.exchange(Send(b"question"), None) is None
    assert transport.waiting is False
    error = KeyboardInterrupt()
    server.send(b"answer")
    with pytest.raises(KeyboardInterrupt) as caught:
        transport.exchange(Interrupt(error), None if deadline is None else time.monotonic() + deadline)
    assert caught.value is error
    assert transport.waiting is True
    assert transport.exchange(b"", None) == b"answer"
    assert server.recv(100) == b"question"


PASSED = "^deadline passed"


@pytest.mark.parametrize(
    ("timeouts", "deadline", "event", "message"),
    [
        ((SHORT, None), None, b"question", "^read_timeout of 0.1 s passed without an answer$"),
        ((None, SHORT), None, bytes(LONG), r"^write_timeout of 0.1 s passed while \d+ bytes were waiting"),
        ((None, SHORT), None, Send(bytes(LONG)), "^write_timeout of 0.1 s"),
        ((None, None), SHORT, b"question", "^deadline passed without an answer$"),
        ((None, None), SHORT, bytes(LONG), r"^deadline passed while \d+ bytes"),
        ((60, 60), SHORT, b"question", PASSED),
        ((60, 60), SHORT, bytes(LONG), PASSED),
        ((SHORT, None), 60, b"question", "^read_timeout of 0.1 s passed"),
        ((None, SHORT), 60, bytes(LONG), "^write_timeout of 0.1 s passed"),
        ((None, None), -1, b"question", "^deadline passed$"),
        ((None, None), -1, Send(b"x"), "^deadline passed$"),
        ((10**400, 10**400), SHORT, b"question", PASSED),
        ((10**400, 10**400), SHORT, bytes(LONG), PASSED),
        ((1e308, 1e308), 1e300, b"", None),
    ],
)
def test_timeouts(
    make: Make, timeouts: tuple[Any, Any], deadline: float | None, event: bytes | Send, message: str | None
) -> None:
    """Of the times that hold at once, the one that passes first."""
    transport, server = make(*timeouts)
    before = time.monotonic()
    until = None if deadline is None else before + deadline
    if message is None:
        server.send(b"in time")
        assert transport.exchange(event, until) == b"in time"
        return
    with pytest.raises(TimeoutError, match=message):
        transport.exchange(event, until)
    assert time.monotonic() - before < GENEROUS


def test_read_timeout_is_the_longest_silence(make: Make) -> None:
    transport, server = make(4 * SHORT)

    def serve() -> None:
        for _ in range(6):
            time.sleep(SHORT)
            server.send(b".")

    with meanwhile(serve):
        assert [transport.exchange(b"", None) for _ in range(6)] == [b"."] * 6


def test_write_timeout_is_the_longest_time_in_which_nothing_can_be_written(make: Make) -> None:
    transport, server = make(write_timeout=10 * SHORT)

    def serve() -> None:
        left = LONG
        for _ in range(12):
            time.sleep(SHORT)
            left -= len(server.recv(1 << 19))
        read_all(server, left)
        server.send(b"done")

    with meanwhile(serve):
        assert transport.exchange(bytes(LONG), None) == b"done"


def keeps_sending(server: socket.socket, stop: threading.Event, pause: float) -> Callable[[], None]:
    """Sends until it is told to stop; every byte is in time for whatever begins anew with each."""

    def serve() -> None:
        server.settimeout(SHORT)
        while not stop.wait(pause):
            with contextlib.suppress(TimeoutError, socket.timeout):
                server.send(bytes(1000))

    return serve


def test_incoming_bytes_do_not_renew_the_write_timeout(make: Make) -> None:
    transport, server = make(write_timeout=2 * SHORT)
    stop = threading.Event()
    with meanwhile(keeps_sending(server, stop, SHORT / 4)):
        before = time.monotonic()
        with pytest.raises(TimeoutError, match=r"^write_timeout of 0\.2 s passed"):
            transport.exchange(bytes(LONG), None)
        assert time.monotonic() - before < GENEROUS
        stop.set()


@TIMED
@pytest.mark.parametrize("event", [b"", b"x", Send(b"x")], ids=["read", "bytes", "Send"])
def test_incoming_bytes_do_not_renew_the_deadline(make: Make, read_timeout: float | None, event: bytes | Send) -> None:
    transport, server = make(read_timeout, PATIENCE)
    stop = threading.Event()
    with meanwhile(keeps_sending(server, stop, 0)):
        before = time.monotonic()
        with pytest.raises(TimeoutError, match=PASSED):
            while time.monotonic() - before < GENEROUS:
                transport.exchange(event, before + 2 * SHORT)
        stop.set()


# State and end


def test_a_closed_transport_looks_at_nobody_s_descriptor(make: Make) -> None:
    transport, _ = make()
    peek = transport.silent
    assert peek() is True
    number = transport._sock.fileno()
    transport.close()
    read, write = os.pipe()
    try:
        os.dup2(read, number)  # an open one, and nothing to be read from it
        assert peek() is False
        with pytest.raises(OSError, match="Bad file descriptor"):
            transport.exchange(b"", None)
    finally:
        for descriptor in {read, write, number}:
            os.close(descriptor)


def test_silent(make: Make) -> None:
    transport, server = make()
    assert transport.silent()
    server.send(b"x")
    assert not transport.silent()
    assert transport.exchange(b"", None) == b"x"
    assert transport.silent()
    server.close()
    assert not transport.silent()
    transport.close()
    assert not transport.silent()


def test_what_came_early_is_no_silence(make: Make) -> None:
    transport, server = make()

    def serve() -> None:
        server.sendall(b"early")
        read_all(server, LONG)

    with meanwhile(serve):
        transport._write(bytes(LONG), None)
    assert not transport.silent()


def test_shut_down_ends_the_waiting_of_another_thread(make: Make) -> None:
    transport, server = make()
    got: list[bytes | None] = []
    with meanwhile(lambda: got.append(transport.exchange(b"question", None))):
        assert server.recv(100) == b"question"
        transport.shut_down()
    assert got == [b""]
    assert server.recv(100) == b""
