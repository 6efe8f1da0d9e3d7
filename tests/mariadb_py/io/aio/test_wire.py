"""The wire over a socket pair: what an operation is resumed with, in which order, and when reading and writing stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest

from mariadb_protocol import Interrupt, Send, StartTLS
from mariadb_py.io.aio.wire import ENOUGH, TURN, Wire
from mariadb_py.io.transport import RECEIVE, TimedOut
from tests.support.aio import run_alone, runs, until
from tests.support.listener import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from mariadb_protocol.events import Command

SHORT = 0.1  # seconds
SHORTEST = SHORT - 0.002  # as uvloop counts in milliseconds
GENEROUS = 5.0  # seconds in which something that takes SHORT has ended
LONG = 8 << 20  # bytes; more than both buffers of a socket pair hold


@contextlib.asynccontextmanager
async def connected(
    read_timeout: float | None = None, write_timeout: float | None = None
) -> AsyncIterator[tuple[Wire, socket.socket]]:
    """A wire, and the other end of its socket, which does not block."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    wire = Wire(asyncio.get_running_loop(), read_timeout, write_timeout, None)
    with theirs:
        await wire.over(ours)
        try:
            yield wire, theirs
        finally:
            wire.abort()
            await wire.closed


def exchange(*events: Any) -> Command[list[bytes | None]]:
    """Yields events, and returns what it was resumed with."""
    chunks: list[bytes | None] = []
    for event in events:
        chunks.append((yield event))
    return chunks


async def receive(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    loop = asyncio.get_running_loop()
    while len(data) < count:
        chunk = await asyncio.wait_for(loop.sock_recv(sock, 1 << 20), PATIENCE)
        assert chunk
        data += chunk
    return bytes(data)


# What operations are resumed with


@runs
async def test_what_an_operation_yields_is_exchanged() -> None:
    async with connected() as (wire, server):
        done = wire.run(exchange(Send(b"one "), b"two", Send(b" three"), b""))
        assert await receive(server, 7) == b"one two"
        assert (wire.waiting, wire.sent, done.done()) == (True, True, False)
        server.send(b"answer")
        assert await receive(server, 6) == b" three"
        server.send(b"more")
        assert await done == [None, b"answer", None, b"more"]
        assert (wire.operation, wire.waiting) == (None, False)


@runs
async def test_what_arrived_before_it_was_asked_for() -> None:
    async with connected() as (wire, server):
        server.send(b"early")
        await until(wire.unasked)
        assert (wire.silent(), wire.unasked()) == (False, b"early")
        assert await wire.run(exchange(Send(b"x"), Send(b"y"))) == [b"early", None]
        assert wire.silent() is True


@runs
async def test_an_operation_that_needs_no_network() -> None:
    async with connected() as (wire, _):
        done = wire.run(exchange())
        assert done.done()
        assert done.result() == []


@runs
async def test_the_end_of_the_stream() -> None:
    async with connected() as (wire, server):
        done = wire.run(exchange(b"question", b"", b""))
        server.send(b"answer")
        server.shutdown(socket.SHUT_WR)
        assert await done == [b"answer", b"", b""]
        assert (wire.silent(), wire.unasked()) == (False, b"")


@runs
async def test_a_stream_that_ends_between_operations() -> None:
    async with connected() as (wire, server):
        assert wire.silent() is True
        server.close()
        await until(lambda: not wire.silent())
        assert await wire.run(exchange(b"question")) == [b""]
        assert wire.sent is False


@runs
async def test_errors_of_the_operation() -> None:
    def fails(error: BaseException) -> Command[None]:
        yield Send(b"x")
        raise error

    async with connected() as (wire, _):
        for error in (ValueError("v"), OSError("o"), KeyError(), asyncio.CancelledError()):
            with pytest.raises(type(error)) as caught:
                await wire.run(fails(error))
            assert caught.value is error
            assert wire.operation is None


@runs
async def test_what_interrupts_an_operation() -> None:
    def catches() -> Command[list[Any]]:
        seen: list[Any] = []
        for _ in range(2):
            try:
                seen.append((yield b"x"))
            except ValueError as error:
                seen.append(str(error))
        return seen

    async with connected() as (wire, server):
        done = wire.run(catches())
        wire.interrupt(ValueError("stop"))
        server.send(b"answer")
        assert await done == ["stop", b"answer"]
        wire.interrupt(ValueError("nobody"))
        done = wire.run(exchange(b"x"))
        wire.interrupt(ValueError("stop"))
        with pytest.raises(ValueError, match=r"^stop$"):
            await done


@runs
async def test_going_on_behind_a_cancellation() -> None:
    """Whoever waited is gone; the operation goes on, and may be waited for again, also when it has ended meanwhile."""
    async with connected() as (wire, server):
        done = wire.run(exchange(b"question", b""))
        done.cancel()
        server.send(b"one")
        await asyncio.sleep(0.01)
        again = wire.go_on()
        again.cancel()
        server.send(b"two")
        await until(lambda: wire.operation is None)
        assert await wire.go_on() == [b"one", b"two"]
        # Its result is given out once, and not kept.
        assert wire._outcome == (None, None)


@runs
async def test_going_on_behind_an_interrupt() -> None:
    """An operation that says itself that it was interrupted is resumed with the answer, which may be there already."""
    async with connected() as (wire, server):
        server.send(b"early ")
        await until(wire.unasked)
        error = KeyboardInterrupt()
        done = wire.run(exchange(Interrupt(error)))
        with pytest.raises(KeyboardInterrupt):
            done.result()
        assert wire.waiting is True
        assert await wire.go_on() == [b"early "]
        done = wire.run(exchange(Interrupt(error)))
        with pytest.raises(KeyboardInterrupt):
            done.result()
        server.send(b"late")
        assert await wire.go_on() == [b"late"]


# Reading


@runs
async def test_reading_stops_when_nobody_wants_what_comes() -> None:
    async with connected() as (wire, server):
        sent = 0
        for _ in range(200):
            with contextlib.suppress(BlockingIOError):
                sent += server.send(bytes(RECEIVE))
            await asyncio.sleep(0)
        kept = len(wire.unasked())
        assert ENOUGH < kept <= ENOUGH + RECEIVE < sent
        # Who wants it gets it all, and reading goes on.
        taken = await wire.run(exchange(b""))
        assert taken == [bytes(kept)]
        count = kept
        while count < sent:
            (chunk,) = await wire.run(exchange(b""))
            count += len(chunk or b"")
        assert count == sent
        assert wire.silent()


@runs
async def test_the_end_is_seen_behind_what_was_kept() -> None:
    """Reading does not stay off when what was kept has been taken."""
    async with connected() as (wire, server):
        sent = 0
        while not wire._paused:
            with contextlib.suppress(BlockingIOError):
                sent += server.send(bytes(RECEIVE))
            await asyncio.sleep(0)
        count = 0
        while count < sent:
            count += len((await wire.run(exchange(b"")))[0] or b"")
        server.close()
        await until(lambda: not wire.silent())
        assert wire.unasked() == b""


# Writing


@runs
async def test_it_reads_while_a_write_is_blocked() -> None:
    async with connected() as (wire, server):
        done = wire.run(exchange(bytes(LONG), b""))
        assert wire.waiting is False  # not all is written
        server.send(b"early")
        await asyncio.sleep(0.01)
        assert len(await receive(server, LONG)) == LONG
        await until(lambda: wire.waiting)
        server.send(b"late")
        assert await done == [b"early", b"late"]


@runs
async def test_sending_waits_until_it_has_been_taken() -> None:
    async with connected() as (wire, server):
        produced = []

        def operation() -> Command[int]:
            for number in range(64):
                produced.append(number)
                yield Send(bytes(1 << 20))
            return len(produced)

        done = wire.run(operation())
        await asyncio.sleep(0.05)
        assert len(produced) < 8  # the rest of the 64 MB has not been made yet
        assert not done.done()
        await receive(server, 64 << 20)
        assert await done == 64


@runs
async def test_many_small_pieces() -> None:
    """They neither grow the stack nor keep the loop from others."""
    turns = 0
    pieces = 20_000

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with connected() as (wire, server):
        reader = asyncio.ensure_future(receive(server, pieces * 100))
        task = asyncio.ensure_future(other())
        done = await wire.run(exchange(*[Send(bytes(100))] * pieces))
        task.cancel()
        assert done == [None] * pieces
        assert turns >= pieces * 100 // TURN - 1
        await reader


@runs
async def test_what_interrupts_a_blocked_write() -> None:
    async with connected() as (wire, server):
        for held in (True, False):
            data = bytes(LONG)
            done = wire.run(exchange(Send(data) if held else data))
            wire.interrupt(ValueError("stop"))
            with pytest.raises(ValueError, match=r"^stop$"):
                await done
            await receive(server, LONG)
        server.send(b"still there")
        assert await wire.run(exchange(b"")) == [b"still there"]


@runs
async def test_the_other_side_goes_during_a_write() -> None:
    for held in (True, False):
        async with connected() as (wire, server):
            done = wire.run(exchange(Send(bytes(LONG)) if held else bytes(LONG)))
            await receive(server, 100)
            server.close()
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(done, PATIENCE) == [b""]


# Times


@pytest.mark.parametrize(
    ("times", "event", "message"),
    [
        ((SHORT, None), b"question", r"^read_timeout of 0\.1 s passed without an answer$"),
        ((SHORT, PATIENCE), b"question", r"^read_timeout of 0\.1 s passed without an answer$"),
        ((None, SHORT), bytes(LONG), r"^write_timeout of 0\.1 s passed while \d+ bytes were waiting to be written$"),
        ((PATIENCE, SHORT), bytes(LONG), r"^write_timeout of 0\.1 s passed while \d+ bytes were waiting"),
        ((PATIENCE, SHORT), Send(bytes(LONG)), r"^write_timeout of 0\.1 s passed while \d+ bytes were waiting"),
    ],
)
def test_timeouts(times: tuple[float | None, float | None], event: Any, message: str) -> None:
    async def test() -> None:
        async with connected(*times) as (wire, _):
            before = time.monotonic()
            with pytest.raises(TimedOut, match=message):
                await wire.run(exchange(event))
            assert SHORTEST <= time.monotonic() - before < GENEROUS

    run_alone(test)


@runs
async def test_no_read_timeout_while_a_write_is_blocked() -> None:
    """An answer can be waited for only when the question has been heard."""
    async with connected(read_timeout=0.05) as (wire, server):
        done = wire.run(exchange(bytes(LONG)))
        await asyncio.sleep(0.3)
        assert not done.done()
        await receive(server, LONG)
        with pytest.raises(TimedOut, match=r"^read_timeout of 0\.05 s passed without an answer$"):
            await done


@runs
async def test_a_write_that_takes_its_time() -> None:
    """write_timeout is for one that is stuck, as in the synchronous driver."""
    async with connected(write_timeout=0.5) as (wire, server):
        done = wire.run(exchange(bytes(LONG)))
        count = 0
        while count < LONG:
            count += len(await receive(server, 1))
            await asyncio.sleep(0.1)
        server.send(b"answer")
        assert await done == [b"answer"]


@runs
async def test_time_begins_anew_with_every_byte() -> None:
    async with connected(read_timeout=1.0) as (wire, server):
        done = wire.run(exchange(*[b""] * 8))
        for _ in range(8):
            await asyncio.sleep(0.2)
            server.send(b"x")
        assert await done == [b"x"] * 8


@runs
async def test_a_timer_that_strikes_before_the_deadline() -> None:
    async with connected() as (wire, _):
        wire.deadline, wire.bound = time.monotonic() + SHORT, "deadline"
        done = wire.run(exchange(b"question"))
        wire.expire(done)
        assert not done.done()
        with pytest.raises(TimedOut, match=r"^deadline passed$"):
            await done
        assert wire.deadline <= time.monotonic() < wire.deadline + GENEROUS


@runs
async def test_expire_tells_who_waits_and_leaves_the_operation_alone() -> None:
    async with connected() as (wire, server):
        done = wire.run(exchange(b"question"))
        wire.bound = "the bound"
        wire.expire(done)
        with pytest.raises(TimedOut, match=r"^the bound passed$"):
            await done
        wire.expire(done)
        server.send(b"late")
        assert await wire.go_on() == [b"late"]


# TLS


@runs
async def test_tls_that_was_not_prepared() -> None:
    async with connected() as (wire, server):
        with pytest.raises(ConnectionError, match=r"^TLS was not prepared$"):
            await wire.run(exchange(StartTLS(b"please")))
        assert await receive(server, 6) == b"please"


@runs
async def test_what_came_before_tls_is_given_to_the_operation() -> None:
    """It refuses that: bytes that nobody encrypted must not be taken for such that somebody did."""
    async with connected() as (wire, server):
        server.send(b"injected")
        await until(wire.unasked)
        assert await wire.run(exchange(StartTLS(b"please"))) == [b"injected"]
        assert wire.tls is None


# The end


@runs
async def test_nothing_runs_over_a_closed_socket() -> None:
    async with connected() as (wire, _):
        wire.abort()
        wire.abort()
        with pytest.raises(ConnectionAbortedError, match=r"^the connection is closed$"):
            await wire.run(exchange(b"question"))
        with pytest.raises(ConnectionError):
            wire.names()
        assert wire.silent() is False


@runs
async def test_abort_ends_the_operation() -> None:
    async with connected() as (wire, _):
        done = wire.run(exchange(b"question"))
        wire.abort()
        with pytest.raises(ConnectionAbortedError, match=r"^the connection is closed$"):
            await done


@runs
async def test_close_does_not_wait_for_a_server_that_does_not_read() -> None:
    async with connected() as (wire, server):
        done = wire.run(exchange(Send(bytes(LONG))))
        wire.interrupt(ValueError())
        with pytest.raises(ValueError):
            await done
        wire.close()
        await asyncio.wait_for(asyncio.shield(wire.closed), GENEROUS)
        assert server.fileno() != -1


@runs
async def test_names() -> None:
    async with connected() as (wire, server):
        assert wire.names().family == socket.AF_UNIX
        assert (wire.names().peer, wire.names().own) == (server.getsockname(), server.getpeername())
