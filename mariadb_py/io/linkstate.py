"""What both drivers keep of a physical connection, and what it takes to say what happened to it. Moves no byte."""

from __future__ import annotations

import socket

from mariadb_protocol import ProtocolError, State
from mariadb_protocol.framing import unasked

from ..core.cancel import Cancelling, Fate
from ..core.connection import ConnectionCore
from ..core.failure import failure_at, lost_to
from ..exceptions import (
    CR_CONNECTION_ERROR,
    CR_SERVER_LOST,
    CR_UNKNOWN_HOST,
    ER_STATEMENT_TIMEOUT,
    Error,
    InterfaceError,
    LostConnectionError,
    QueryTimeout,
)
from .dial import LONGEST_WAIT, is_socket
from .localfile import read_file
from .threads import monotonic
from .transport import TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from mariadb_protocol.events import Command

    from ..core.options import ConnectOptions, Endpoint
    from .tls import TLS
    from .transport import Names

    class Socket(Protocol):
        """What moves the bytes."""

        tls: TLS | None
        sent: bool
        waiting: bool

        def silent(self) -> bool: ...
        def unasked(self) -> bytes: ...
        def names(self) -> Names: ...
        def leave(self) -> None: ...
        def close(self) -> None: ...


# A server that fails like this is not to be had; the next one of the list is tried.
TRY_NEXT = (CR_CONNECTION_ERROR, CR_UNKNOWN_HOST, CR_SERVER_LOST)
QUIT_TIMEOUT = 1.0  # seconds that a goodbye may take
SERVER_FIRST = 0.03  # seconds that a server has to report a timeout by itself


class LinkState:
    """A physical connection: what it decides (`core`) and the socket that it runs over.

    Attributes:
        core: state and decisions.
        endpoint: where the socket leads.
        observer: called with (name, value) for what the server reports, between operations.
        evicts: numbers of errors behind which the connection is not to be used by others.
        evicted: there was such an error.
        welcomed: the session that a pool has taken in, as another one would not be what it makes of them.
    """

    __slots__ = (
        *("__weakref__", "_cancelling", "_ending", "_loss_known", "_transport", "_warns"),
        *("core", "endpoint", "evicted", "evicts", "observer", "welcomed"),
    )
    _runs: Any  # true while an operation is going on
    _INTERRUPTIONS: tuple[type[BaseException], ...] = (KeyboardInterrupt,)

    def __init__(self, options: ConnectOptions, *, warns: bool = True) -> None:
        self.core = ConnectionCore(options, read_file)
        self.endpoint: Endpoint = options.endpoints(is_socket)[0]
        self._transport: Socket | None = None
        self._ending = False  # close() was called
        self._loss_known = False  # the user has been told that the connection was lost
        self._cancelling: Cancelling | None = None  # the running operation
        self._warns = warns
        self.observer: Callable[[str, object], None] | None = None
        self.evicts: frozenset[int] = frozenset()
        self.evicted = False
        self.welcomed: object = None

    # Facts

    def names(self) -> Names | None:
        """Both ends of the socket; None if it is gone."""
        try:
            return self._transport.names() if self._transport is not None else None
        except OSError:
            return None

    @property
    def tls(self) -> TLS | None:
        """The encryption; None if there is none."""
        return self._transport.tls if self._transport is not None else None

    @property
    def closed(self) -> bool:
        """The socket is closed."""
        return self._transport is None

    def silent(self) -> bool:
        """Nothing has arrived and the stream has not ended, as it must be between commands; costs no round trip."""
        transport = self._transport
        return transport is not None and transport.silent()

    def peek(self) -> Callable[[], bool] | None:
        """As `silent()`, for as long as no operation is run; None if none can be."""
        transport = self._transport
        return transport.silent if transport is not None and self.core.session.state == State.READY else None

    @property
    def reusable(self) -> bool:
        """No operation is going on, no rows are left, and nothing was done that a reset does not undo."""
        core, session = self.core, self.core.session
        if session is not self.welcomed or session.state != State.READY or core.statements.distributed:
            return False
        return not (self._runs or self.evicted or core.user_changed or core.unsettled or core.streaming)

    @property
    def spoilt(self) -> str:
        """Why it cannot go back into a pool, if it cannot: one of the pool's reasons to give a connection up."""
        return "evicted" if self.evicted else "dead" if self.core.session.broken else "error"

    @property
    def _lendable(self) -> bool:
        """It is whole, logged in as its options say, and what was done so far can be undone."""
        core = self.core
        if self._transport is None or core.session.broken or self.evicted:
            return False
        anew = self.welcomed is not None and core.session is not self.welcomed
        return not (anew or core.user_changed or core.statements.distributed)

    @property
    def busy(self) -> bool:
        """An operation is going on."""
        return bool(self._runs)

    def time_to_connect(self) -> float | None:
        """The monotonic time by which something that takes `connect_timeout` has to be done; None: no bound."""
        timeout = self.core.options.connect_timeout
        return None if timeout is None else monotonic() + min(timeout, LONGEST_WAIT)

    # Errors

    def _failure(self, error: ProtocolError) -> Error:
        """The exception for an error of the protocol layer; says which server it was where that is to blame."""
        return failure_at(self.endpoint, error, self.core.session.greeting is not None)

    def _undisturbed(self) -> bool:
        """The server has neither hung up nor spoken since the last answer, if there is nothing to be read."""
        transport = self._transport
        return transport is None or self.core.session.state != State.READY or transport.silent()

    def _disturbed(self, operation: Command[Any]) -> Error:
        """The error for a server that has hung up, or spoken, since the last answer; nothing is sent to it."""
        operation.close()
        error = unasked(self._transport.unasked() if self._transport is not None else b"")
        self.core.session.fail(error)
        self._loss_known = True
        self.drop()
        failure = self._failure(error)
        failure.__cause__ = error
        return failure

    def _lost(self, error: OSError, deadline: float | None, bound: str) -> LostConnectionError:
        reason = str(error)
        if isinstance(error, (TimeoutError, socket.timeout)) and deadline is not None and monotonic() >= deadline:
            reason = f"{bound} passed"
        lost = lost_to(self.endpoint, reason)
        lost.written = self._transport is not None and self._transport.sent
        lost.__cause__ = error
        return lost

    def _end(self, operation: Command[Any], error: BaseException) -> None:
        """Close an operation that `error` interrupted, perhaps between two steps: that breaks the session."""
        between = operation.gi_frame is not None  # type: ignore[attr-defined]  # it is a generator
        operation.close()
        if between and self.core.session.broken:
            self.core.session.fail(error)

    def _struck(self, operation: Command[Any], error: BaseException) -> Cancelling | None:
        """An operation has ended with an error; returns what has to be cleaned up behind it."""
        self._end(operation, error)
        self.core.statements.touched = True
        self.evicted = self.evicted or getattr(error, "errno", 0) in self.evicts
        cancelling = self._cancelling
        if self._interrupts(error, cancelling):
            self.core.session.fail(error)  # a second time, which ends the cancelling
        return cancelling

    def _outcome(self, error: BaseException, cancelling: Cancelling | None) -> BaseException:
        """What is to be raised for it, from its cause, when all is cleaned up."""
        if self.core.unsettled and not self.core.session.broken:
            self.core.session.fail(error)
        if self.core.session.broken:
            # What was cancelled does not say that the connection is lost with it.
            self._loss_known = cancelling is None and isinstance(error, (LostConnectionError, ProtocolError))
            self.drop()
        if cancelling is not None and not self._interrupts(error, cancelling):
            return cancelling.stop
        if isinstance(error, ProtocolError):
            failure = self._failure(error)
            failure.rows_done = getattr(error, "rows_done", None)  # of executemany()
            failure.__cause__ = error
            return failure
        return error

    def _interrupts(self, error: BaseException, cancelling: Cancelling | None) -> bool:
        """The error interrupts this cancelling."""
        return cancelling is not None and isinstance(error, self._INTERRUPTIONS) and error is not cancelling.stop

    def _conclude(self, cancelling: Cancelling) -> None:
        """Behind an operation that came to its end while it was cancelled: raise why it was.

        Not if it was done before its timeout could end it, and nothing was sent that could end another one.
        """
        over = cancelling.fate == Fate.OVER and self.core.session.state == State.READY
        if not over or isinstance(cancelling.stop, self._INTERRUPTIONS):
            raise cancelling.stop from None
        self._cancelling = self.core.session.stop = None

    def _report(self, observer: Callable[[str, object], None]) -> None:
        """Tell what the server has reported; the observer may run operations of its own."""
        events, self.core.session.events = self.core.session.events, []
        for name, value in events or ():
            observer(name, value)

    def _give_up(self) -> None:
        """Ctrl-C has struck where an earlier operation was being put right: nobody knows what the session is like."""
        self._cancelling = self.core.session.stop = None
        if not self.core.session.broken:
            self.core.session.fail(InterfaceError("an interruption left it in an unknown state"))
        self.core.unsettled = False
        self.drop()

    def _begins_to_cancel(self, error: BaseException, deadline: float | None, bound: str) -> bool:
        """Begin to cancel the operation that `error` interrupts, if that is a reason to; False: it has to be given up.

        Args:
            error: what has struck.
            deadline, bound: of the operation.
        """
        if isinstance(error, self._INTERRUPTIONS):
            stop: BaseException = error
        elif isinstance(error, TimedOut) and deadline is not None and monotonic() >= deadline:
            stop = QueryTimeout(f"The statement did not end within its {bound}", ER_STATEMENT_TIMEOUT, "70100")
        else:
            return False
        cancelling = self._cancelling = Cancelling(stop)
        self.core.session.stop = stop
        transport, grace = self._transport, self.core.options.cancel_grace
        if transport is None or not transport.waiting or not grace:
            return False
        cancelling.until = monotonic() + min(grace, LONGEST_WAIT)
        return True

    def _must_revive(self) -> bool:
        """The connection was lost meanwhile, and is to be replaced before the next operation.

        Raises:
            LostConnectionError: it is lost, and something would be lost with it.
        """
        session = self.core.session
        if self._ending or not (session.state == State.BROKEN or (session.state == State.READY and not self.silent())):
            return False
        reason = self.core.would_lose()
        if reason is not None and not self._loss_known:
            self._loss_known = True
            lost = self._lost(ConnectionResetError(f"not opened anew, as {reason} would be missing"), None, "")
            session.fail(lost)
            self.drop()
            raise lost
        return True

    def orphan(self, owner: int) -> None:
        """Behind a fork: leave the connection to the process that opened it, without a byte on it."""
        self.core.session.fail(InterfaceError(f"it belongs to process {owner}, which forked this one"))
        self._loss_known = True
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.leave()

    def drop(self) -> None:
        """Close the socket without a word."""
        transport = self._transport
        if transport is not None:
            transport.close()
            self._transport = None  # last: should Ctrl-C strike before, it is known that there is something to close
