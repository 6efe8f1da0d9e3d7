"""The socket of one connection under asyncio: it steps an operation as its bytes arrive, without a task of its own.

Bytes are received into one kept buffer. What arrives while nobody waits for it is kept, and reading stops when that is
much. Knows no operation and no message.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from mariadb_protocol import Interrupt, Send, StartTLS

from ..dial import LONGEST_WAIT
from ..threads import monotonic
from ..transport import EARLY, PIECE, RECEIVE, Names, TimedOut, is_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_protocol.events import Command

    from ..tls import TLS, Upgrade

ENOUGH = 1 << 17  # bytes that are kept for nobody, before reading stops
TURN = 1 << 18  # bytes that are written in one turn of the loop, which others want to have as well
LAST_WORDS = 1.0  # seconds that what is still to be written when the socket is closed has left
_NOTHING: tuple[None, None] = (None, None)


class Wire(asyncio.BufferedProtocol):
    """A connected socket.

    Args:
        loop: the event loop.
        read_timeout: longest silence of the other side in seconds, None for no bound.
        write_timeout: longest time in seconds in which what was written is not taken, None for no bound.
        upgrade: how to switch to TLS; None: that will not be asked for.

    Attributes:
        tls: the encryption, None before there is any.
        sent: something of what the operation last wanted to be written has been.
        operation: the running one, None between operations.
        waiting: it waits for bytes, all that it wanted to be written is, and none are in transit. Whatever interrupts
            it then has lost nothing.
        closed: done when the socket is closed.
        deadline, bound: of the operation, and what set it.
        translate: makes of an error of the socket what the operation is told.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        read_timeout: float | None,
        write_timeout: float | None,
        upgrade: Upgrade | None,
    ) -> None:
        self._loop = loop
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout
        self._upgrade = upgrade
        self._buffer = bytearray(RECEIVE)
        self._view = memoryview(self._buffer)
        self._early = b""  # received, decrypted, and not given to an operation yet
        self._transport: asyncio.Transport | None = None
        self._ended: BaseException | None = None  # the stream has
        self._done: asyncio.Future[Any] | None = None  # of the running operation
        self._starting: StartTLS | None = None  # a handshake is going on
        self._shaking: TLS | None = None
        self._paused = False  # reading is
        self._full = False  # not all of what was written could be sent
        self._unsent = 0  # bytes of it, when that was last looked at
        self._turn = 0  # bytes that were written since the loop had its turn
        self._held: Send | None = None  # what the operation goes on behind, when the transport is not full any more
        self._timed = read_timeout is not None or write_timeout is not None
        self._timer: asyncio.TimerHandle | None = None
        self._awaits = False  # the operation is to be given what arrives
        self._send: Callable[[bytes | None], Any] | None = None
        self.operation: Command[Any] | None = None
        self.tls: TLS | None = None
        self.sent = False
        self.waiting = False
        self.closed: asyncio.Future[None] = loop.create_future()
        self.deadline: float | None = None
        self.bound = ""
        self.translate: Callable[[OSError, float | None, str], BaseException] | None = None
        self._outcome: tuple[Any, BaseException | None] = (None, None)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = transport  # type: ignore[assignment]  # of a socket, it is a Transport
        self._transport.set_write_buffer_limits(0)  # type: ignore[union-attr]  # so that it is known what was sent

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        data = bytes(self._view[:nbytes])
        try:
            if self.tls is not None:
                data = self.tls.decrypt(data)
                if not data:
                    if self.tls.ended:
                        self.eof_received()
                    return
            elif self._starting is not None:
                self._shake(data)
                return
        except Exception as error:
            self._lose(error)
            return
        if self._awaits:
            if self._early:  # behind an Interrupt
                data, self._early = self._early + data, b""
            self._step(self._send, data)
            return
        self._early += data
        if len(self._early) > (EARLY if self.operation is not None else ENOUGH):
            self._pause()

    def eof_received(self) -> bool:
        """See `asyncio.BaseProtocol`."""
        self._lose(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._lose(exc)
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._full = True

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._full = False
        if self._held is not None:
            self._proceed(self._held)
        elif self._awaits:
            self.waiting = True
            if self._timed:
                self._attend()

    # Operations

    def run(self, operation: Command[Any]) -> asyncio.Future[Any]:
        """Start an operation; the future has its result or exception."""
        done = self._done = self._loop.create_future()
        self.operation = operation
        self._send = operation.send
        self._step(self._send, None)
        return done

    def go_on(self) -> asyncio.Future[Any]:
        """Another future for the running operation, as the first one has ended without it."""
        done = self._done = self._loop.create_future()
        if self.operation is None:  # it has ended meanwhile
            outcome, self._outcome = self._outcome, _NOTHING
            self._answer(*outcome)
        elif self._awaits and (self._early or self._ended is not None):  # behind an Interrupt
            self._step(*self._arrived())
        return done

    def expire(self, done: asyncio.Future[Any]) -> None:
        """The deadline of the operation has passed: whoever waits has to decide."""
        if done.done():
            return
        left = self.deadline - monotonic() if self.deadline is not None else 0.0
        if left > 0.0:  # uvloop counts in milliseconds
            self._loop.call_later(left, self.expire, done)
        else:
            done.set_exception(TimedOut(f"{self.bound} passed"))

    def interrupt(self, error: BaseException) -> None:
        """Raise an exception in the running operation, where it waits; its future has what comes of it."""
        operation = self.operation
        if operation is not None:
            self._held = self._starting = None
            self._step(operation.throw, self._translated(error))

    def _translated(self, error: BaseException) -> BaseException:
        known = is_ours(error) and self.translate is not None
        return self.translate(error, self.deadline, self.bound) if known else error  # type: ignore[arg-type, misc]

    def _step(self, resume: Callable[[Any], Any] | None, value: Any) -> None:
        """Resume the operation and do what it yields, until that has to be waited for."""
        self._turn = 0
        while resume is not None:
            if self._timer is not None:
                self._stop_watch()
            self._awaits = self.waiting = False
            try:
                event = resume(value)
            except StopIteration as ended:
                self._finish(ended.value, None)
                return
            except BaseException as error:
                self._finish(None, error)
                return
            resume, value = self._perform(event)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        self.operation = self._send = None
        self._stop_watch()
        if self._done is None or self._done.done():
            self._outcome = value, error  # nobody waits for it at this moment
        else:
            self._answer(value, error)

    def _answer(self, value: Any, error: BaseException | None) -> None:
        done, self._done = self._done, None
        if done is None or done.done():
            return
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)  # a CancelledError as well: it has to be known again

    def _perform(self, event: Any) -> tuple[Callable[[Any], Any] | None, Any]:
        """Do what the operation yields: how to resume it, and with what; None: it will be when that arrives."""
        if type(event) is bytes:
            if event:
                self._write(event)
            if self._early or self._ended is not None:
                return self._arrived()
            self._awaits = True
            self.waiting = not self._full
            if self._paused:
                self._resume()
        elif type(event) is Send:
            self._write(event.data)
            self._turn += len(event.data)
            if not self._full and self._turn < TURN:
                return self._send, self._take()
            self._held = event
            if not self._full:
                self._loop.call_soon(self._proceed, event)
        elif type(event) is StartTLS:
            self._write(event.data)
            if self._early:
                return self._send, self._take()  # it will not have that
            return self._start_tls(event)
        elif type(event) is Interrupt:
            self._awaits = self.waiting = True
            if self._done is not None and not self._done.done():
                self._done.set_exception(event.error)
        if self._timed:
            self._attend()
        return _NOTHING

    def _arrived(self) -> tuple[Callable[[Any], Any] | None, Any]:
        """What the operation is to be resumed with, of what there is."""
        if self._early:
            return self._send, self._take()
        if isinstance(self._ended, EOFError):
            return self._send, b""
        if self._ended is None or self.operation is None:
            return _NOTHING
        return self.operation.throw, self._translated(self._ended)

    def _proceed(self, event: Send) -> None:
        """Go on behind what has been written."""
        if self._held is event:
            self._held = None
            self._step(self._send, self._take())

    def _take(self) -> bytes | None:
        early, self._early = self._early, b""
        if self._paused:
            self._resume()
        return early or None

    # Writing

    def _write(self, data: bytes) -> None:
        transport = self._transport
        self.sent = False
        if transport is None or transport.is_closing() or self._ended is not None:
            return  # the reason shows when the answer is waited for
        self.sent = True
        if self.tls is None:
            transport.write(data)
            return
        rest = memoryview(data)
        while rest:
            transport.write(self.tls.encrypt(rest[:PIECE]))
            rest = rest[PIECE:]

    # TLS

    def _start_tls(self, event: StartTLS) -> tuple[Callable[[Any], Any] | None, Any]:
        try:
            if self._upgrade is None:
                raise ConnectionError("TLS was not prepared")
            self._starting = event
            self._shaking = self._upgrade.begin()
        except Exception as error:
            self._starting = None
            return self.operation.throw, self._translated(error)  # type: ignore[union-attr]
        return self._handshake(None)

    def _shake(self, received: bytes) -> None:
        self._step(*self._handshake(received))

    def _handshake(self, received: bytes | None) -> tuple[Callable[[Any], Any] | None, Any]:
        """One step of the handshake; as `_perform()`."""
        tls, event, upgrade, operation = self._shaking, self._starting, self._upgrade, self.operation
        if tls is None or event is None or upgrade is None or operation is None:
            return _NOTHING
        try:
            try:
                done = tls.handshake(received)
            finally:
                self._output(tls)  # the last message of the handshake, or what tells the server why it failed
            if done:
                upgrade.check(tls, event)
        except Exception as error:
            self._starting = None
            return operation.throw, self._translated(error)
        if not done:
            self._awaits = False
            if self._timed:
                self._attend()
            return _NOTHING
        self._starting, self.tls = None, tls
        return self._send, None

    def _output(self, tls: TLS) -> None:
        said = tls.output()
        if said and self._transport is not None:
            self._transport.write(said)

    def keep_session(self) -> None:
        """Remember the TLS session for the next connection."""
        if self.tls is not None and self._upgrade is not None:
            self._upgrade.keep(self.tls)

    # Times

    def _attend(self) -> None:
        """Give the other side its time: to take what was written, or else to answer."""
        self._stop_watch()
        timeout = self._write_timeout if self._full else self._read_timeout
        if self._full and self._transport is not None:
            self._unsent = self._transport.get_write_buffer_size()
        if timeout is not None:
            self._timer = self._loop.call_later(min(timeout, LONGEST_WAIT), self._too_late, timeout)

    def _stop_watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self, timeout: float) -> None:
        self._timer = None
        text = f"read_timeout of {timeout} s passed without an answer"
        if self._full and self._transport is not None:
            left = self._transport.get_write_buffer_size()
            if left < self._unsent:
                self._attend()  # it takes its time, but it takes
                return
            text = f"write_timeout of {timeout} s passed while {left} bytes were waiting to be written"
        self.interrupt(TimedOut(text))

    # The end

    def _lose(self, error: BaseException | None) -> None:
        """The stream has ended, or broken."""
        if self._ended is None:
            self._ended = error if error is not None else EOFError("the stream has ended")
        if self._starting is not None:
            self._shake(b"") if error is None else self.interrupt(error)
        elif self._held is not None or self._awaits:
            self._held = None
            self._step(*self._arrived())

    def silent(self) -> bool:
        """Nothing has arrived and the stream has not ended, as it must be between commands."""
        return not self._early and self._ended is None and self._transport is not None

    def unasked(self) -> bytes:
        """What has arrived though nobody asked; b"" at the end of the stream."""
        return self._early

    def _pause(self) -> None:
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    async def over(self, sock: socket.socket) -> Wire:
        """Take over a connected socket."""
        await self._loop.create_connection(lambda: self, sock=sock)
        return self

    def names(self) -> Names:
        """Both ends.

        Raises:
            OSError: the connection is gone.
        """
        if self._transport is None:
            raise ConnectionError("the connection is closed")
        return Names(self._transport.get_extra_info("socket"))

    def leave(self) -> None:
        """Close our descriptor of a socket that belongs to another process."""
        transport = self._transport
        if transport is not None:
            # asyncio still has the descriptor, and will close it some day: let it be another one.
            with suppress(OSError):
                nothing = os.open(os.devnull, os.O_RDWR)
                os.dup2(nothing, transport.get_extra_info("socket").fileno())
                os.close(nothing)

    def abort(self) -> None:
        """Close the socket without a word."""
        transport = self._part()
        if transport is not None:
            self._have_done(transport, transport.abort)

    def close(self) -> None:
        """Close the socket behind what is still to be written."""
        transport = self._part()
        if transport is not None:
            if transport.get_write_buffer_size():
                self._loop.call_later(LAST_WORDS, transport.abort)
            self._have_done(transport, transport.close)

    def _part(self) -> asyncio.Transport | None:
        """From now on this wire moves no byte any more."""
        self._stop_watch()
        transport, self._transport = self._transport, None
        if self._ended is None:
            self._ended = ConnectionAbortedError("the connection is closed")
        return transport

    def _have_done(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        """Let the transport do it, from wherever this is called: the collector may be in any thread."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        try:
            close() if running is self._loop else self._loop.call_soon_threadsafe(close)
        except RuntimeError:  # the loop is closed: the transport will never hear of it
            sock = transport.get_extra_info("socket")
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
