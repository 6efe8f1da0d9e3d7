"""The synchronous driver: one physical connection, and the loop that runs operations over it.

One operation runs at a time, within its deadline; one that does not come to its end closes the connection for good.
Knows no message of the protocol.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from mariadb_protocol import ProtocolError, State

from ..core.connection import ConnectionCore
from ..core.failure import protocol_failure
from ..exceptions import (
    CR_CONNECTION_ERROR,
    CR_MALFORMED_PACKET,
    CR_SERVER_LOST,
    CR_UNKNOWN_HOST,
    GENERAL_ERROR,
    Error,
    LostConnectionError,
    OperationalError,
    ProgrammingError,
)
from .dial import LONGEST_WAIT, dial, is_socket, share
from .localfile import read_file
from .threads import get_ident, monotonic
from .transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from mariadb_protocol.events import Command

    from ..core.options import ConnectOptions, Endpoint

    T = TypeVar("T")
    Run = tuple[Command[Any], int]  # an operation, and the thread that runs it

# A server that fails like this is not to be had; the next one of the list is tried.
_TRY_NEXT = (CR_CONNECTION_ERROR, CR_UNKNOWN_HOST, CR_SERVER_LOST)
QUIT_TIMEOUT = 1.0  # seconds that a goodbye may take


class Link:
    """A physical connection: what it decides (`core`) and the socket that it runs over.

    Attributes:
        core: state and decisions.
        endpoint: where the socket leads.
        observer: called with (name, value) for what the server reports, between operations.
    """

    __slots__ = ("__weakref__", "_ending", "_loss_known", "_runs", "_transport", "core", "endpoint", "observer")

    def __init__(self, options: ConnectOptions) -> None:
        self.core = ConnectionCore(options, read_file)
        self.endpoint: Endpoint = options.endpoints(is_socket)[0]
        self._transport: Transport | None = None
        # The first one is running; those behind it have come too early, and are about to leave. Appending and asking
        # who is first are steps of their own that cannot come apart: no lock has to be taken and given back, between
        # which Ctrl-C could strike.
        self._runs: list[Run] = []
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
        bound = f"connect_timeout of {timeout} s"
        endpoints = options.endpoints(is_socket)
        for left, endpoint in zip(range(len(endpoints), 0, -1), endpoints):
            try:
                self._log_in(endpoint, share(deadline, left), bound)
                break
            except OperationalError as error:
                if left == 1 or self._ending or error.errno not in _TRY_NEXT:
                    raise

    def _log_in(self, endpoint: Endpoint, deadline: float | None, bound: str) -> None:
        self.core.renew(attributes(endpoint))
        self.endpoint = endpoint
        try:
            options = self.core.options
            self._transport = Transport(dial(endpoint, deadline), options.read_timeout, options.write_timeout)
            self._perform(self.core.open(), deadline, bound)
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
        run = (_standing(), get_ident())
        try:
            self._enter(run)
            self._renew()
        finally:
            run[0].close()
            self._leave(run)

    def _renew(self) -> None:
        self._say_goodbye()
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
        told = self._loss_known
        self._renew()
        self.core.statements.revived = not told

    @property
    def closed(self) -> bool:
        """The socket is closed."""
        return self._transport is None

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
        run = (operation, get_ident())
        try:
            self._enter(run)
            if self.core.auto_reconnect:
                self._revive()
            return self._perform(operation, deadline, bound)
        finally:
            self._leave(run)

    def _enter(self, run: Run) -> None:
        """Begin a run.

        Raises:
            ProgrammingError: another one is going on.
        """
        self._runs.append(run)
        if self._runs[0] is not run and (holder := self._before(run)) is not None:
            run[0].close()  # so that it is known to have ended, should Ctrl-C keep it from leaving
            raise ProgrammingError(_in_use(holder))

    def _before(self, run: Run) -> int | None:
        """The thread whose operation is running before `run`; None if `run` is the first.

        Removes runs that have ended, and were kept from leaving by Ctrl-C.
        """
        while (first := self._runs[0]) is not run:
            if first[0].gi_frame is not None:  # type: ignore[attr-defined]  # it is a generator
                return first[1]
            with suppress(ValueError):  # another thread did it
                self._runs.remove(first)
        return None

    def _leave(self, run: Run) -> None:
        with suppress(ValueError):  # it was interrupted before it came in
            self._runs.remove(run)
        if self._ending and not self._runs and self._transport is not None:
            self.close()  # asked for meanwhile, by another thread or a signal handler
        elif self.observer is not None and self.core.session.events and not self._runs:
            self._report(self.observer)

    def _report(self, observer: Callable[[str, object], None]) -> None:
        """Tell what the server has reported; the observer may run operations of its own."""
        events, self.core.session.events = self.core.session.events, []
        for name, value in events or ():
            observer(name, value)

    def _perform(self, operation: Command[T], deadline: float | None, bound: str) -> T:
        try:
            return self._drive(operation, deadline, bound)
        except BaseException as error:
            # One that was interrupted between two steps is closed here, which breaks the session.
            operation.close()
            if self.core.session.broken:
                self._loss_known = True
                self.drop()
            if isinstance(error, ProtocolError):
                failure = self._failure(error)
                failure.rows_done = getattr(error, "rows_done", None)  # of executemany()
                raise failure from error
            raise

    def _drive(self, operation: Command[T], deadline: float | None, bound: str) -> T:
        send = operation.send
        transport = self._transport
        try:
            event = send(None)
            while True:
                try:
                    if transport is None:
                        raise ConnectionError("the connection is closed")
                    chunk = transport.exchange(event, deadline)
                except BaseException as error:
                    # The operation decides what an interrupted exchange means; floor 1 breaks the session.
                    lost = self._lost(error, deadline, bound) if isinstance(error, OSError) else error
                    event = operation.throw(lost)
                else:
                    event = send(chunk)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    # Errors

    def _failure(self, error: ProtocolError) -> Error:
        """The exception for an error of the protocol layer; says which server it was where that is to blame."""
        failure = protocol_failure(error)
        if isinstance(failure, LostConnectionError):
            return self._lost_to(str(error), failure.errno, failure.sqlstate)
        if self.core.session.greeting is None and failure.errno == CR_MALFORMED_PACKET:
            return OperationalError(
                f"'{self.endpoint}' does not answer like a MariaDB server ({error})", errno=CR_MALFORMED_PACKET
            )
        return failure

    def _lost(self, error: OSError, deadline: float | None, bound: str) -> LostConnectionError:
        reason = str(error)
        if isinstance(error, (TimeoutError, socket.timeout)) and deadline is not None and monotonic() >= deadline:
            reason = f"{bound} passed"
        lost = self._lost_to(reason)
        lost.__cause__ = error
        return lost

    def _lost_to(self, reason: str, errno: int = CR_SERVER_LOST, sqlstate: str = GENERAL_ERROR) -> LostConnectionError:
        return LostConnectionError(f"Lost connection to server on '{self.endpoint}' ({reason})", errno, sqlstate)

    # State and end

    def silent(self) -> bool:
        """Nothing has arrived and the stream has not ended, as it must be between commands; costs no round trip."""
        transport = self._transport
        return transport is not None and transport.silent()

    def settle(self) -> bool:
        """Make the connection free for another borrower; True if it is whole, idle and logged in as its options say."""
        if self._transport is None or self.core.session.broken or self.core.user_changed:
            return False
        try:
            return self.run(self.core.settle())
        except Error:
            return False

    def close(self) -> None:
        """Say goodbye if that is possible at once, and close the socket.

        If another thread is using the connection, its operation fails, and it closes the socket: a descriptor that is
        closed under a running system call may be somebody else's by then.
        """
        self._ending = True
        run = (_standing(), get_ident())
        try:
            self._runs.append(run)
            transport = self._transport
            if self._before(run) is None:
                self._say_goodbye()
            elif transport is not None:
                with suppress(OSError):
                    transport.shut_down()
        finally:
            run[0].close()
            self._leave(run)

    def _say_goodbye(self) -> None:
        try:
            if self._transport is not None and not self.core.session.broken:
                with suppress(Error, ProtocolError):  # the other side may have gone first
                    self._drive(self.core.quit(), monotonic() + QUIT_TIMEOUT, "deadline")
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the socket without a word."""
        transport = self._transport
        if transport is not None:
            transport.close()
            self._transport = None  # last: should Ctrl-C strike before, it is known that there is something to close


def _standing() -> Command[None]:
    """What stands for a run that is no single operation; it lasts until it is closed."""
    yield b""


def _in_use(holder: int) -> str:
    if holder == get_ident():
        return "The connection is already in use by this thread: a statement is running (signal handler or callback?)"
    return f"The connection is in use by thread {holder}; this is thread {get_ident()}. Use one connection per thread"


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
