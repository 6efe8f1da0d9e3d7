"""The socket of one connection: writes what an operation yields, and receives what it waits for, in time.

It reads while a write is blocked, since the server may be stuck writing to us; and it encrypts when it is told to.
Knows no operation and no message.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from mariadb_protocol import Interrupt, StartTLS

from .dial import LONGEST_WAIT, remaining
from .threads import monotonic
from .wait import milliseconds, until_readable, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import TypeGuard

    from mariadb_protocol.events import Event

    from .tls import TLS, Upgrade

RECEIVE = 65536
EARLY = 16 << 20  # bytes of an answer that are read while the question is still being written
PIECE = 1 << 18  # bytes that are encrypted at a time
_NO_WAIT = getattr(socket, "MSG_DONTWAIT", 0)


class TimedOut(TimeoutError):
    """A time that was set for the exchange is over."""


def is_ours(error: BaseException) -> TypeGuard[OSError]:
    """The error came from the socket, or is about its time; a handler of signals may raise a TimeoutError as well."""
    return isinstance(error, OSError) and (type(error) is not TimeoutError or error.errno is not None)


class Names:
    """Both ends of a socket.

    Attributes:
        family: address family.
        peer: address of the other side.
        own: address of this side.
    """

    __slots__ = ("family", "own", "peer")

    def __init__(self, sock: socket.socket) -> None:
        self.family: int = sock.family
        self.peer: Any = sock.getpeername()
        self.own: Any = sock.getsockname()


class Transport:
    """A connected socket.

    Args:
        sock: the socket, in blocking mode.
        read_timeout: longest silence of the other side in seconds, None for no bound.
        write_timeout: longest time in seconds in which no byte can be written, None for no bound.
        upgrade: how to switch to TLS; None: that will not be asked for.

    Attributes:
        tls: the encryption, None before there is any.
        sent: a byte of what the operation last wanted to be written has been.
        waiting: all is written, and no byte of the answer is in transit between the socket and the operation. Whatever
            interrupts the driver then has lost nothing.
    """

    __slots__ = (
        *("_early", "_plain", "_plainly", "_read_timeout", "_readable", "_recv", "_send", "_sock", "_upgrade"),
        *("_write_timeout",),
        *("sent", "tls", "waiting"),
    )

    def __init__(
        self,
        sock: socket.socket,
        read_timeout: float | None,
        write_timeout: float | None,
        upgrade: Upgrade | None = None,
    ) -> None:
        self._sock = sock
        self._recv, self._send = sock.recv, sock.send
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout
        self._upgrade = upgrade
        self._early = bytearray()  # received while a write was blocked, as it came
        self._plain = b""  # decrypted, and not given to an operation yet
        if not _NO_WAIT:
            sock.setblocking(False)  # where a single call cannot be told not to wait, none may
        self._readable = until_readable(sock)
        self._plainly = read_timeout is None  # neither timed nor encrypted
        self.tls: TLS | None = None
        self.sent = False
        self.waiting = False

    def exchange(self, event: Event, deadline: float | None) -> bytes | None:
        """Write what an operation yields; return what it is to be resumed with.

        Args:
            event: bytes to be answered, `Send`, `StartTLS` or `Interrupt`.
            deadline: monotonic time by which it must be done; None: no bound.

        Raises:
            OSError: the connection is lost, or a time is over (TimeoutError).
            OperationalError: TLS cannot be had as it is demanded.
        """
        if deadline is None and self._plainly and type(event) is bytes and not self._early:
            # What happens nearly always, without a detour.
            if event:
                self.sent = False
                try:
                    written = self._send(event, _NO_WAIT)
                    self.sent = True
                except (BlockingIOError, ConnectionError):
                    written = 0
                if written != len(event):
                    self._write_rest(memoryview(event)[written:], None)
            if not self._early:
                self.waiting = True
                self._readable()
                self.waiting = False
                try:
                    return self._recv(RECEIVE, _NO_WAIT)
                except BlockingIOError:
                    pass
            return self.exchange(b"", None)
        if type(event) is Interrupt:
            self.waiting = True
            raise event.error
        data = event if type(event) is bytes else event.data  # type: ignore[union-attr]
        if deadline is not None and monotonic() >= deadline:
            self.waiting = not data
            raise TimedOut("deadline passed")  # also where the other side sends and sends
        tls = self.tls
        if data:
            self.sent = False
            if tls is None:
                self._write(data, deadline)
            else:
                self._write_encrypted(tls, memoryview(data), deadline)
        if tls is not None:
            return self._decrypted(tls, data is event, deadline)
        if self._early:
            chunk = bytes(self._early)
            self._early.clear()
            return chunk
        if data is event:
            return self._receive(deadline)
        if type(event) is StartTLS:
            self._start_tls(event, deadline)
        return None

    def _receive(self, deadline: float | None) -> bytes:
        since = 0.0 if self._read_timeout is None else monotonic()
        while True:
            self.waiting = True
            timeout, name = _tighter(self._read_timeout, "read_timeout", since, deadline)
            if timeout == 0 or not self._readable(milliseconds(timeout)):
                raise TimedOut(f"{name} passed without an answer")
            self.waiting = False
            try:
                return self._recv(RECEIVE, _NO_WAIT)
            except BlockingIOError:
                continue

    def _write(self, data: bytes, deadline: float | None) -> bool:
        """False if the server stopped reading, and has said why."""
        self.waiting = False
        try:
            sent = self._send(data, _NO_WAIT)
            self.sent = True
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            if not self._read_early():
                raise
            return False
        return sent == len(data) or self._write_rest(memoryview(data)[sent:], deadline)

    def _write_rest(self, rest: memoryview, deadline: float | None) -> bool:
        """Write what did not fit into the socket's buffer, reading meanwhile."""
        since = monotonic()
        while rest:
            timeout, name = _tighter(self._write_timeout, "write_timeout", since, deadline)
            readable, writable = wait(self._sock, len(self._early) < EARLY, True, timeout)
            if timeout == 0 or not (readable or writable):
                raise TimedOut(f"{name} passed while {len(rest)} bytes were waiting to be written")
            if readable and not self._read_early():
                if self._early:
                    return False  # the operation will see what it is
                raise ConnectionResetError(f"closed by the server with {len(rest)} bytes left to be written")
            if writable:
                try:
                    rest = rest[self._send(rest, _NO_WAIT) :]
                    self.sent = True
                    since = monotonic()
                except BlockingIOError:
                    continue
                except ConnectionError:
                    if not self._read_early() and not self._early:
                        raise
                    return False
        return True

    def _read_early(self) -> bool:
        """Keep what has arrived already; False at the end of the stream, or if it is broken."""
        try:
            chunk = self._recv(RECEIVE, _NO_WAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._early += chunk
        return bool(chunk)

    # TLS

    def _start_tls(self, event: StartTLS, deadline: float | None) -> None:
        """Shake hands, and find out whether this is the server that is meant."""
        upgrade = self._upgrade
        if upgrade is None:
            raise ConnectionError("TLS was not prepared")
        tls = upgrade.begin()
        received = None
        try:
            while not tls.handshake(received):
                self._write(tls.output(), deadline)
                received = bytes(self._early) or self._receive(deadline)
                self._early.clear()
        finally:
            # The last message of the handshake, or what tells the server why it failed.
            with suppress(OSError):
                self._write(tls.output(), deadline)
        upgrade.check(tls, event)
        self.tls = tls
        self._plainly = False

    def keep_session(self) -> None:
        """Remember the TLS session for the next connection."""
        if self.tls is not None and self._upgrade is not None:
            self._upgrade.keep(self.tls)

    def _write_encrypted(self, tls: TLS, rest: memoryview, deadline: float | None) -> None:
        while rest:
            piece, rest = rest[:PIECE], rest[PIECE:]
            if not self._write(tls.encrypt(piece), deadline):
                return

    def _decrypted(self, tls: TLS, wait_for_it: bool, deadline: float | None) -> bytes | None:
        plain, self._plain = self._plain, b""
        if self._early:
            plain += tls.decrypt(bytes(self._early))
            self._early.clear()
        while wait_for_it and not plain and not tls.ended:
            plain = tls.decrypt(self._receive(deadline))
        return plain if wait_for_it else plain or None

    def silent(self) -> bool:
        """Nothing has arrived and the stream has not ended, as it must be between commands; costs no round trip."""
        if self._early or self._plain:
            return False
        try:
            if not self._readable(0):
                return True
            if self.tls is None:
                return False
            # TLS has messages of its own: new keys, tickets.
            self._plain = self.tls.decrypt(self._recv(RECEIVE, _NO_WAIT))
            return not self._plain and not self.tls.ended
        except (OSError, ValueError):
            return False

    def unasked(self) -> bytes:
        """What has arrived though nobody asked; b"" at the end of the stream."""
        with suppress(OSError):
            return bytes(self._early) or self._plain or self._recv(RECEIVE, _NO_WAIT)
        return b""

    def names(self) -> Names:
        """Both ends.

        Raises:
            OSError: the connection is gone.
        """
        return Names(self._sock)

    def shut_down(self) -> None:
        """End both directions, so that whoever waits for the socket stops; it has to be closed all the same."""
        self._sock.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Close our descriptor of a socket that belongs to another process."""
        with suppress(OSError):
            os.close(self._sock.detach())

    def close(self) -> None:
        """Close the socket."""
        self._readable = _gone
        self._sock.close()


def _gone(timeout: float | None = None) -> bool:
    """Instead of a look at a descriptor that may be another socket's by now: there is the end of the stream."""
    return True


def _tighter(timeout: float | None, name: str, since: float, deadline: float | None) -> tuple[float | None, str]:
    """Seconds that are left of a timeout that began at `since`, or until a deadline that comes first; and its name."""
    if timeout is None:
        return (None, "") if deadline is None else (remaining(deadline), "deadline")
    until = since + min(timeout, LONGEST_WAIT)
    if deadline is not None and deadline < until:
        return remaining(deadline), "deadline"
    return remaining(until), f"{name} of {timeout} s"
