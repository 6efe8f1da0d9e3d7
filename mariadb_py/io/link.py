"""The synchronous driver: one connection's socket, and the loop that runs operations over it.

It writes what an operation yields, reads while a write is blocked, keeps the deadlines, and closes the socket for good
when an operation does not come to its end. Knows no message of the protocol.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from mariadb_protocol import ProtocolError, State

from ..core.connection import ConnectionCore
from ..core.failure import protocol_failure
from ..exceptions import (
    CR_CONNECTION_ERROR,
    CR_SERVER_LOST,
    CR_UNKNOWN_HOST,
    Error,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
)
from .dial import LONGEST_WAIT, dial, is_socket, remaining, share
from .localfile import read_file
from .threads import allocate_lock, callers, get_ident, monotonic
from .wait import wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from mariadb_protocol.events import Command, Event

    from ..core.options import ConnectOptions, Endpoint

    T = TypeVar("T")

RECEIVE = 65536
EARLY = 16 << 20  # bytes of an answer that are read while the question is still being written
# A server that fails like this is not to be had; the next one of the list is tried.
_TRY_NEXT = (CR_CONNECTION_ERROR, CR_UNKNOWN_HOST, CR_SERVER_LOST)
QUIT_TIMEOUT = 1.0  # seconds that a goodbye may take
_NO_WAIT = getattr(socket, "MSG_DONTWAIT", 0)


class Link:
    """A physical connection: what it decides (`core`) and the socket that it runs over.

    Attributes:
        core: state and decisions.
        endpoint: where the socket leads.
        observer: called with (name, value) for what the server reports, between operations.
    """

    __slots__ = (
        "__weakref__",
        "_early",
        "_ending",
        "_lock",
        "_loss_known",
        "_operation",
        "_read_timeout",
        "_sock",
        "_write_timeout",
        "core",
        "endpoint",
        "observer",
    )

    def __init__(self, options: ConnectOptions) -> None:
        self.core = ConnectionCore(options, read_file)
        self.endpoint: Endpoint = options.endpoints(is_socket)[0]
        self._sock: socket.socket | None = None
        self._read_timeout = options.read_timeout
        self._write_timeout = options.write_timeout
        self._early: list[bytes] = []  # received while a write was blocked
        self._lock = allocate_lock()
        self._operation: Command[Any] | None = None  # the one that is running
        self._ending = False  # close() was called
        self._loss_known = False  # the user has been told that the connection was lost
        self.observer: Callable[[str, object], None] | None = None

    @classmethod
    def open(cls, options: ConnectOptions) -> Link:
        """A link that is connected; see `connect()`."""
        link = cls(options)
        link.connect()
        return link

    def connect(self) -> None:
        """Connect to the first of the endpoints that takes us, and log in, within `options.connect_timeout`.

        Raises:
            OperationalError: nothing answers, or the login did not end in time.
            Error: what the server gave as its reason to refuse.
        """
        options = self.core.options
        timeout = options.connect_timeout
        deadline = None if timeout is None else monotonic() + min(timeout, LONGEST_WAIT)
        endpoints = options.endpoints(is_socket)
        for left, endpoint in zip(range(len(endpoints), 0, -1), endpoints):
            try:
                self._log_in(endpoint, share(deadline, left))
                break
            except OperationalError as error:
                if left == 1 or self._ending or error.errno not in _TRY_NEXT:
                    raise

    def _log_in(self, endpoint: Endpoint, deadline: float | None) -> None:
        self.core.renew(attributes(endpoint))
        self.endpoint = endpoint
        try:
            self._sock = dial(endpoint, deadline)
            self._perform(self.core.open(), deadline, "connect_timeout")
        except BaseException as error:
            # Whatever comes next says why, or tries again.
            self.core.session.fail(error)
            self._loss_known = True
            self.drop()
            raise
        self._loss_known = False

    def renew(self) -> None:
        """Give up the connection, and open another one in its place.

        Raises:
            ProgrammingError: another thread is using the connection at this moment.
            Error: as for `open()`; the connection is closed then.
        """
        held = False
        try:
            held = self._take()
            self._renew()
        finally:
            if held:
                self._give_back()

    def _renew(self) -> None:
        self._say_goodbye()
        self._early.clear()
        self.connect()

    def _revive(self) -> None:
        """Before an operation: replace a connection that was lost meanwhile, unless something would be lost with it."""
        session = self.core.session
        if self._ending or not (session.state == State.BROKEN or (session.state == State.READY and not self.silent())):
            return
        reason = self.core.would_lose()
        if reason is not None and not self._loss_known:
            self._loss_known = True
            lost = self._lost(ConnectionResetError(f"not opened anew, as {reason} would be missing"), None, "")
            session.fail(lost)
            self.drop()
            raise lost
        self._renew()

    @property
    def closed(self) -> bool:
        """The socket is closed."""
        return self._sock is None

    def fileno(self) -> int:
        """The socket's file descriptor, -1 if closed."""
        return -1 if self._sock is None else self._sock.fileno()

    # Running operations

    def run(self, operation: Command[T], deadline: float | None = None, bound: str = "deadline") -> T:
        """Run an operation to its end.

        Args:
            operation: the generator.
            deadline: monotonic time by which it must have ended; None: only read_timeout and write_timeout hold.
            bound: name of what set the deadline, for the error.

        Raises:
            ProgrammingError: another thread is using the connection at this moment.
            LostConnectionError: the connection was lost, or a timeout passed; the socket is closed.
            Error: what the operation raised; the connection stays usable unless it was lost.
        """
        held = False
        try:
            held = self._take()
            self._operation = operation
            if self.core.auto_reconnect:
                self._revive()
            return self._perform(operation, deadline, bound)
        finally:
            if held:
                self._give_back()

    def _perform(self, operation: Command[T], deadline: float | None, bound: str) -> T:
        """As `run`, for whoever holds the lock."""
        try:
            return self._drive(operation, deadline, bound)
        except BaseException as error:
            # One that was interrupted between two steps is closed here, which breaks the session.
            operation.close()
            if self.core.session.broken:
                self._loss_known = True
                self.drop()
            if isinstance(error, ProtocolError):
                raise protocol_failure(error) from error
            raise

    # One operation at a time

    def _take(self) -> bool:
        """Take the lock.

        Raises:
            ProgrammingError: another thread has it.
        """
        if self._lock.acquire(False) or self._abandoned():
            return True
        raise ProgrammingError(self._in_use())

    def _give_back(self) -> None:
        self._operation = None
        self._lock.release()
        if self._ending:
            self.close()  # asked for meanwhile, by another thread or a signal handler
        elif self.observer is not None and self.core.session.events:
            self._report(self.observer)

    def _report(self, observer: Callable[[str, object], None]) -> None:
        """Tell what the server has reported; the observer may run operations of its own."""
        events, self.core.session.events = self.core.session.events, []
        for name, value in events or ():
            observer(name, value)

    def _abandoned(self) -> bool:
        """The lock is taken, and nobody is there to release it: the caller holds it from now on.

        Ctrl-C can strike after the lock was taken and before that was noted, or just before it is given back.
        """
        operation = self._operation
        # One that has begun and not ended is somebody's, also where he cannot be seen: a greenlet.
        return getattr(operation, "gi_frame", None) is None and callers(self, _HOLD) == []

    def _in_use(self) -> str:
        others = callers(self, _HOLD)
        if get_ident() in others:
            return (
                "The connection is already in use by this thread: a statement is running (signal handler or callback?)"
            )
        holder = f"thread {others[0]}; this is thread {get_ident()}" if others else "another thread"
        return f"The connection is in use by {holder}. Use one connection per thread"

    def _lost(self, error: OSError, deadline: float | None, bound: str) -> LostConnectionError:
        reason = str(error)
        if isinstance(error, (TimeoutError, socket.timeout)) and deadline is not None and monotonic() >= deadline:
            reason = f"{bound} passed"
        lost = LostConnectionError(f"Lost connection to server on '{self.endpoint}' ({reason})", errno=CR_SERVER_LOST)
        lost.__cause__ = error
        return lost

    def _drive(self, operation: Command[T], deadline: float | None, bound: str) -> T:
        send = operation.send
        sock = self._sock
        untimed = sock is not None and deadline is None and self._read_timeout is None
        try:
            event = send(None)
            while True:
                try:
                    if untimed and type(event) is bytes:
                        if event:
                            self._write(sock, event, None)  # type: ignore[arg-type]
                        chunk = self._early.pop(0) if self._early else sock.recv(RECEIVE)  # type: ignore[union-attr]
                    else:
                        chunk = self._exchange(event, deadline)
                except BaseException as error:
                    # The operation decides what an interrupted exchange means; floor 1 breaks the session.
                    lost = self._lost(error, deadline, bound) if isinstance(error, OSError) else error
                    event = operation.throw(lost)
                else:
                    event = send(chunk)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _exchange(self, event: Event, deadline: float | None) -> bytes | None:
        sock = self._sock
        if sock is None:
            raise ConnectionError("the connection is closed")
        data = event if type(event) is bytes else event.data  # type: ignore[union-attr]
        if data:
            self._write(sock, data, deadline)
        if self._early:
            return self._early.pop(0)
        if data is not event:
            return None
        return self._receive(sock, deadline)

    def _receive(self, sock: socket.socket, deadline: float | None) -> bytes:
        while True:
            timeout, name = _sooner(self._read_timeout, "read_timeout", deadline)
            if not wait(sock, True, False, timeout)[0]:
                raise TimeoutError(f"{name} passed without an answer")
            try:
                return sock.recv(RECEIVE, _NO_WAIT)
            except BlockingIOError:
                continue

    def _write(self, sock: socket.socket, data: bytes, deadline: float | None) -> None:
        try:
            sent = sock.send(data, _NO_WAIT)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            if not self._read_early(sock):
                raise
            return
        if sent != len(data):
            self._write_rest(sock, memoryview(data)[sent:], deadline)

    def _write_rest(self, sock: socket.socket, rest: memoryview, deadline: float | None) -> None:
        """Write what did not fit into the socket's buffer, reading meanwhile: the server may be stuck writing to us."""
        room = EARLY
        while rest:
            timeout, name = _sooner(self._write_timeout, "write_timeout", deadline)
            readable, writable = wait(sock, room > 0, True, timeout)
            if not readable and not writable:
                raise TimeoutError(f"{name} passed while {len(rest)} bytes were waiting to be written")
            if readable:
                received = self._read_early(sock)
                if not received:
                    if self._early:
                        return  # the server has said why it stopped reading; the operation will see that
                    raise ConnectionResetError(f"closed by the server with {len(rest)} bytes left to be written")
                room -= received
            if writable:
                try:
                    rest = rest[sock.send(rest, _NO_WAIT) :]
                except BlockingIOError:
                    continue
                except ConnectionError:
                    if not self._read_early(sock) and not self._early:
                        raise
                    return

    def _read_early(self, sock: socket.socket) -> int:
        """Keep what has arrived already; returns how many bytes, 0 at the end of the stream or if it is broken."""
        try:
            chunk = sock.recv(RECEIVE, _NO_WAIT)
        except OSError:
            return 0
        if chunk:
            self._early.append(chunk)
        return len(chunk)

    # State and end

    def silent(self) -> bool:
        """Nothing has arrived and the stream has not ended, as it must be between commands; costs no round trip."""
        if self._sock is None or self._early:
            return False
        try:
            return not wait(self._sock, True, False, 0)[0]
        except (OSError, ValueError):
            return False

    @property
    def usable(self) -> bool:
        """The connection can go to another borrower: whole, idle, and still logged in as its options say."""
        return self._sock is not None and self.core.idle and not self.core.user_changed

    def close(self) -> None:
        """Say goodbye if that is possible at once, and close the socket.

        If another thread is using the connection, its operation fails, and it closes the socket: a descriptor that is
        closed under a running system call may be somebody else's by then.
        """
        self._ending = True
        if not (self._lock.acquire(False) or self._abandoned()):
            sock = self._sock
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            return
        try:
            self._say_goodbye()
        finally:
            self._lock.release()

    def _say_goodbye(self) -> None:
        try:
            if self._sock is not None and not self.core.session.broken:
                with suppress(Error, ProtocolError):  # the other side may have gone first
                    self._drive(self.core.quit(), monotonic() + QUIT_TIMEOUT, "deadline")
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the socket without a word."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()


# The functions that hold the lock.
_HOLD = (Link.run.__code__, Link.close.__code__, Link.renew.__code__)


def _sooner(timeout: float | None, name: str, deadline: float | None) -> tuple[float | None, str]:
    """The tighter of a timeout and a deadline, in seconds from now, and its name."""
    left = remaining(deadline)
    if left is None or (timeout is not None and timeout < left):
        return timeout, f"{name} of {timeout} s"
    return left, "deadline"


def attributes(endpoint: Endpoint) -> dict[str, str]:
    """Connection attributes that tell the server's administrator who we are."""
    import os
    import sys

    from .. import __version__

    found: dict[str, Any] = {
        "_client_name": "mariadb_py",
        "_client_version": __version__,
        "_server_host": endpoint.host,
        "_os": sys.platform,
        "_pid": os.getpid(),
        "_python_version": "{}.{}.{}".format(*sys.version_info[:3]),
    }
    return {name: str(value) for name, value in found.items() if value is not None}
