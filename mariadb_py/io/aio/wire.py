"""The socket of one connection under asyncio: it steps an operation as its bytes arrive, without a task of its own.

Bytes are received into one kept buffer. What arrives while nobody waits for it is kept, and reading stops when that is
much. Knows no operation and no message.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from mariadb_protocol import Interrupt, Send, StartTLS

from ..transport import EARLY, PIECE, RECEIVE, Names, TimedOut, is_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from mariadb_protocol.events import Command

    from ..tls import TLS, Upgrade

ENOUGH = 1 << 17  # bytes that are kept for nobody, before reading stops


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
        self._full = False  # the transport takes no more for the time being
        self._held: Send | None = None  # what the operation goes on behind, when the transport is not full any more
        self._timer: asyncio.TimerHandle | None = None
        self._spoken = 0.0  # loop time at which something arrived, or was written
        self._send: Callable[[bytes | None], Any] | None = None
        self.operation: Command[Any] | None = None
        self.tls: TLS | None = None
        self.sent = False
        self.waiting = False
        self.closed: asyncio.Future[None] = loop.create_future()
        self.deadline: float | None = None  # of the operation, and what set it
        self.bound = ""
        self.translate: Callable[[OSError, float | None, str], BaseException] | None = None
        self._outcome: tuple[Any, BaseException | None] = (None, None)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = transport  # type: ignore[assignment]  # of a socket, it is a Transport

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
        if self.waiting and not self._early:
            self._step(data)
            return
        self._early += data
        if self.waiting:
            self._go_on()
        elif len(self._early) > (EARLY if self.operation is not None else ENOUGH):
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
        if self._write_timeout is not None and self.operation is not None:
            self._watch(self._write_timeout)

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._full = False
        if self._held is not None:
            self._held = None
            self._step(self._take())
        elif self.waiting and self._read_timeout is not None:
            self._watch(self._read_timeout)

    # Operations

    def run(self, operation: Command[Any]) -> asyncio.Future[Any]:
        """Start an operation; the future has its result or exception."""
        done = self._done = self._loop.create_future()
        self.operation = operation
        self._send = operation.send
        self._step(None)
        return done

    def go_on(self) -> asyncio.Future[Any]:
        """Another future for the running operation, as the first one has ended without it."""
        done = self._done = self._loop.create_future()
        if self.operation is None:  # it has ended meanwhile
            self._answer(*self._outcome)
        return done

    def expire(self, done: asyncio.Future[Any]) -> None:
        """The deadline of the operation has passed: whoever waits has to decide."""
        if not done.done():
            done.set_exception(TimedOut(f"{self.bound} passed"))

    def interrupt(self, error: BaseException) -> None:
        """Raise an exception in the running operation, where it waits; its future has what comes of it."""
        operation = self.operation
        if operation is None:
            return
        if is_ours(error) and self.translate is not None:
            error = self.translate(error, self.deadline, self.bound)
        self.waiting = False
        self._held = self._starting = None
        self._stop_watch()
        try:
            event = operation.throw(error)
        except StopIteration as ended:
            self._finish(ended.value, None)
        except BaseException as raised:
            self._finish(None, raised)
        else:
            self._perform(event)

    def _step(self, chunk: bytes | None) -> None:
        """Resume the operation, and do what it yields."""
        send = self._send
        if send is None:
            return
        if self._timer is not None:
            self._stop_watch()
        self.waiting = False
        try:
            event = send(chunk)
        except StopIteration as ended:
            self._finish(ended.value, None)
        except BaseException as error:
            self._finish(None, error)
        else:
            self._perform(event)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        self.operation = self._send = None
        self._stop_watch()
        self._outcome = value, error
        self._answer(value, error)

    def _answer(self, value: Any, error: BaseException | None) -> None:
        done, self._done = self._done, None
        if done is None or done.done():
            return
        if error is None:
            done.set_result(value)
        elif isinstance(error, (StopIteration, asyncio.CancelledError)):
            done.cancel()
        else:
            done.set_exception(error)

    def _perform(self, event: Any) -> None:
        """Do what the operation yields; it is resumed here, or when what it waits for arrives."""
        if type(event) is bytes:
            if event:
                self._write(event)
            self.waiting = True
            if self._early or self._ended is not None:
                self._go_on()
                return
            if self._paused:
                self._resume()
            if self._read_timeout is not None:
                self._watch(self._read_timeout)
        elif type(event) is Send:
            self._write(event.data)
            if self._full:
                self._held = event
            else:
                self._step(self._take())
        elif type(event) is StartTLS:
            self._write(event.data)
            self._start_tls(event)
        elif type(event) is Interrupt:
            self.waiting = True
            if self._done is not None and not self._done.done():
                self._done.set_exception(event.error)

    def _go_on(self) -> None:
        """Give the waiting operation what there is."""
        if self._early:
            self._step(self._take())
        elif self._ended is not None:
            ended = self._ended
            if isinstance(ended, EOFError):
                self._step(b"")
            else:
                self.interrupt(ended)

    def _take(self) -> bytes | None:
        early, self._early = self._early, b""
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

    def _start_tls(self, event: StartTLS) -> None:
        try:
            if self._upgrade is None:
                raise ConnectionError("TLS was not prepared")
            self._starting = event
            self._shaking = self._upgrade.begin()
            self._shake(None)
        except Exception as error:
            self.interrupt(error)

    def _shake(self, received: bytes | None) -> None:
        """One step of the handshake."""
        tls, event, upgrade = self._shaking, self._starting, self._upgrade
        if tls is None or event is None or upgrade is None:
            return
        try:
            done = tls.handshake(received)
        except Exception as error:
            self._output(tls)
            self.interrupt(error)
            return
        self._output(tls)
        if not done:
            if self._read_timeout is not None:
                self._watch(self._read_timeout)
            return
        self._starting = None
        try:
            upgrade.check(tls, event)
        except Exception as error:
            self.interrupt(error)
            return
        self.tls = tls
        self._step(None)

    def _output(self, tls: TLS) -> None:
        said = tls.output()
        if said and self._transport is not None:
            self._transport.write(said)

    def keep_session(self) -> None:
        """Remember the TLS session for the next connection."""
        if self.tls is not None and self._upgrade is not None:
            self._upgrade.keep(self.tls)

    # Times

    def _watch(self, timeout: float) -> None:
        self._stop_watch()
        self._timer = self._loop.call_later(timeout, self._too_late, timeout)

    def _stop_watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self, timeout: float) -> None:
        self._timer = None
        what = "write_timeout" if self._full else "read_timeout"
        said = "while bytes were waiting to be written" if self._full else "without an answer"
        self.interrupt(TimedOut(f"{what} of {timeout} s passed {said}"))

    # The end

    def _lose(self, error: BaseException | None) -> None:
        """The stream has ended, or broken."""
        if self._ended is None:
            self._ended = error if error is not None else EOFError("the stream has ended")
        if self._starting is not None:
            self._shake(b"") if error is None else self.interrupt(error)
        elif self._held is not None or self.waiting:
            self._held = None
            self.waiting = True
            self._go_on()

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
        self._stop_watch()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._ended is None:
            self._ended = ConnectionAbortedError("the connection is closed")

    def close(self) -> None:
        """Close the socket behind what is still to be written."""
        self._stop_watch()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        if self._ended is None:
            self._ended = ConnectionAbortedError("the connection is closed")
