"""The socket of one connection: writes what an operation yields, and receives what it waits for, in time.

It reads while a write is blocked, since the server may be stuck writing to us. Knows no operation and no message.
"""

from __future__ import annotations

import socket

from .dial import LONGEST_WAIT, remaining
from .threads import monotonic
from .wait import wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_protocol.events import Event

RECEIVE = 65536
EARLY = 16 << 20  # bytes of an answer that are read while the question is still being written
_NO_WAIT = getattr(socket, "MSG_DONTWAIT", 0)


class Transport:
    """A connected socket.

    Args:
        sock: the socket, in blocking mode.
        read_timeout: longest silence of the other side in seconds, None for no bound.
        write_timeout: longest time in seconds in which no byte can be written, None for no bound.
    """

    __slots__ = ("_early", "_read_timeout", "_sock", "_untimed", "_write_timeout")

    def __init__(self, sock: socket.socket, read_timeout: float | None, write_timeout: float | None) -> None:
        self._sock = sock
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout
        self._early = bytearray()  # received while a write was blocked
        if not _NO_WAIT:
            sock.setblocking(False)  # where a single call cannot be told not to wait, none may
        self._untimed = bool(_NO_WAIT) and read_timeout is None

    def exchange(self, event: Event, deadline: float | None) -> bytes | None:
        """Write what an operation yields; return what it is to be resumed with.

        Args:
            event: bytes to be answered, or `Send`.
            deadline: monotonic time by which it must be done; None: no bound.

        Raises:
            OSError: the connection is lost, or a time is over (TimeoutError).
        """
        if deadline is not None and monotonic() >= deadline:
            raise TimeoutError("deadline passed")  # also where the other side sends and sends
        data = event if type(event) is bytes else event.data  # type: ignore[union-attr]
        if data:
            self._write(data, deadline)
        if self._early:
            chunk = bytes(self._early)
            self._early.clear()
            return chunk
        if data is not event:
            return None
        if self._untimed and deadline is None:
            return self._sock.recv(RECEIVE)
        return self._receive(deadline)

    def _receive(self, deadline: float | None) -> bytes:
        since = monotonic()
        while True:
            timeout, name = _tighter(self._read_timeout, "read_timeout", since, deadline)
            if timeout == 0 or not wait(self._sock, True, False, timeout)[0]:
                raise TimeoutError(f"{name} passed without an answer")
            try:
                return self._sock.recv(RECEIVE, _NO_WAIT)
            except BlockingIOError:
                continue

    def _write(self, data: bytes, deadline: float | None) -> None:
        try:
            sent = self._sock.send(data, _NO_WAIT)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            if not self._read_early():
                raise
            return
        if sent != len(data):
            self._write_rest(memoryview(data)[sent:], deadline)

    def _write_rest(self, rest: memoryview, deadline: float | None) -> None:
        """Write what did not fit into the socket's buffer, reading meanwhile."""
        since = monotonic()
        while rest:
            timeout, name = _tighter(self._write_timeout, "write_timeout", since, deadline)
            readable, writable = wait(self._sock, len(self._early) < EARLY, True, timeout)
            if timeout == 0 or not (readable or writable):
                raise TimeoutError(f"{name} passed while {len(rest)} bytes were waiting to be written")
            if readable and not self._read_early():
                if self._early:
                    return  # the server has said why it stopped reading; the operation will see that
                raise ConnectionResetError(f"closed by the server with {len(rest)} bytes left to be written")
            if writable:
                try:
                    rest = rest[self._sock.send(rest, _NO_WAIT) :]
                    since = monotonic()
                except BlockingIOError:
                    continue
                except ConnectionError:
                    if not self._read_early() and not self._early:
                        raise
                    return

    def _read_early(self) -> bool:
        """Keep what has arrived already; False at the end of the stream, or if it is broken."""
        try:
            chunk = self._sock.recv(RECEIVE, _NO_WAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._early += chunk
        return bool(chunk)

    def silent(self) -> bool:
        """Nothing has arrived and the stream has not ended, as it must be between commands; costs no round trip."""
        if self._early:
            return False
        try:
            return not wait(self._sock, True, False, 0)[0]
        except (OSError, ValueError):
            return False

    def shut_down(self) -> None:
        """End both directions, so that whoever waits for the socket stops; it has to be closed all the same."""
        self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


def _tighter(timeout: float | None, name: str, since: float, deadline: float | None) -> tuple[float | None, str]:
    """Seconds that are left of a timeout that began at `since`, or until a deadline that comes first; and its name."""
    until = None if timeout is None else since + min(timeout, LONGEST_WAIT)
    if until is None or (deadline is not None and deadline < until):
        return remaining(deadline), "deadline"
    return remaining(until), f"{name} of {timeout} s"
