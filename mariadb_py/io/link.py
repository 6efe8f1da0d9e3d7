"""The synchronous driver: one physical connection, and the loop that runs operations over it.

One operation runs at a time, within its deadline; one that does not come to its end closes the connection for good.
Knows no message of the protocol.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from mariadb_protocol import ProtocolError, State
from mariadb_protocol.framing import unasked

from ..core.cancel import Cancelling, Fate
from ..core.connection import ConnectionCore
from ..core.failure import failure_at, lost_to
from ..core.login import follows, redirection
from ..core.security import UNVERIFIED, plan, security
from ..exceptions import (
    CR_CONNECTION_ERROR,
    CR_SERVER_LOST,
    CR_UNKNOWN_HOST,
    ER_STATEMENT_TIMEOUT,
    Error,
    InterfaceError,
    LostConnectionError,
    OperationalError,
    QueryTimeout,
    UntrustedCertificateError,
)
from .crypto import provider
from .dial import LONGEST_WAIT, dial, is_socket, share
from .localfile import read_file, read_key
from .login import attributes, upgrade_to, warn
from .threads import get_ident, monotonic
from .transport import TimedOut, Transport, is_ours
from .turns import Turns, standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from mariadb_protocol.events import Command

    from ..core.options import ConnectOptions, Endpoint
    from ..core.security import Plan
    from .tls import TLS
    from .transport import Names
    from .turns import Run

    T = TypeVar("T")

# A server that fails like this is not to be had; the next one of the list is tried.
_TRY_NEXT = (CR_CONNECTION_ERROR, CR_UNKNOWN_HOST, CR_SERVER_LOST)
QUIT_TIMEOUT = 1.0  # seconds that a goodbye may take
LISTEN_AFTER = 0.005  # seconds of rest after which the server may have hung up, so that it is worth a look
SERVER_FIRST = 0.03  # seconds that a server has to report a timeout by itself


class Link:
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
        *("__weakref__", "_cancelling", "_ending", "_listened", "_loss_known", "_runs"),
        *("_transport", "_warns", "core", "endpoint", "evicted", "evicts", "observer", "welcomed"),
    )

    def __init__(self, options: ConnectOptions, *, warns: bool = True) -> None:
        self.core = ConnectionCore(options, read_file)
        self.endpoint: Endpoint = options.endpoints(is_socket)[0]
        self._transport: Transport | None = None
        self._runs = Turns()
        self._ending = False  # close() was called
        self._loss_known = False  # the user has been told that the connection was lost
        self._listened = 0.0  # monotonic time of the last look at what the server has to say
        self._cancelling: Cancelling | None = None  # the running operation
        self._warns = warns
        self.observer: Callable[[str, object], None] | None = None
        self.evicts: frozenset[int] = frozenset()
        self.evicted = False
        self.welcomed: object = None

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
                self.log_in(endpoint, share(deadline, left), bound)
                break
            except OperationalError as error:
                if left == 1 or self._ending or error.errno not in _TRY_NEXT:
                    raise
        target = redirection(self.core.session, options.permit_redirect, self.endpoint)
        if target is not None:
            self._follow(target, deadline, bound)

    def _follow(self, target: Endpoint, deadline: float | None, bound: str) -> None:
        """Change to the server that this one asks us to use; stay if that cannot be had."""
        permitted = self.core.options.permit_redirect
        other = Link(self.core.options, warns=self._warns and permitted is not None)
        try:
            other.log_in(target, deadline, bound)
        except Error:
            return
        if not follows(other.core.session, permitted):
            other.close()
            return
        self._say_goodbye()
        self._transport, other._transport = other._transport, None
        self.endpoint = target
        self.core.adopt(other.core)

    def log_in(self, endpoint: Endpoint, deadline: float | None, bound: str) -> None:
        """Connect to one server."""
        tls = self.core.options.tls
        chosen = plan(tls, endpoint.path is not None) if tls is not None else None
        if chosen is not None and chosen.otherwise is not None:
            try:
                self._open(endpoint, chosen, deadline, bound)
                return
            except UntrustedCertificateError:
                # TLS cannot go on after the refusal of a certificate. Nothing but the wish for TLS has been sent.
                chosen = chosen.otherwise
        self._open(endpoint, chosen, deadline, bound)

    def _open(self, endpoint: Endpoint, chosen: Plan | None, deadline: float | None, bound: str) -> None:
        options = self.core.options
        demands = security(options, chosen, read_key(options.server_public_key), provider())
        self.core.renew(attributes(endpoint), demands, endpoint.path is not None)
        self.endpoint = endpoint
        try:
            upgrade = upgrade_to(endpoint, chosen) if chosen is not None else None
            sock = dial(endpoint, deadline)
            self._transport = Transport(sock, options.read_timeout, options.write_timeout, upgrade)
            self._perform(self.core.open(), deadline, bound)
            self._transport.keep_session()
            if self._warns and chosen is not None and chosen.warn and self.core.session.channel.unproven:
                warn(UNVERIFIED.format(endpoint))
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
        run = (standing(), get_ident())
        try:
            self._runs.append(run)
            if self._runs[0] is not run:
                self._runs.begin_behind(run)
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

    # Running operations

    def run(
        self,
        operation: Command[T],
        deadline: float | None = None,
        bound: str = "deadline",
        timeout: float | None = None,
    ) -> T:
        """Run an operation to its end.

        One that a timeout or Ctrl-C cancels while the server works on it is ended there too, and the connection can be
        used again; it is closed where that cannot be had within `options.cancel_grace`.

        Args:
            operation: the generator.
            deadline: monotonic time by which it must have ended; None: only read_timeout and write_timeout hold.
            bound: name of what set the deadline, for the error.
            timeout: seconds in which a statement must have ended.

        Raises:
            QueryTimeout: the timeout passed.
            ProgrammingError: another thread is using the connection at this moment.
            LostConnectionError: the connection was lost, or a timeout passed; the socket is closed.
            Error: what the operation raised; the connection stays usable unless it was lost.
        """
        run = (operation, get_ident())
        try:
            self._runs.append(run)
            if self._runs[0] is not run:
                self._runs.begin_behind(run)
            if self.core.unsettled or self._cancelling is not None:
                self._give_up()
            if self.core.auto_reconnect:
                self._revive()
            if monotonic() > self._listened + LISTEN_AFTER and not self._undisturbed():
                raise self._disturbed(operation)
            cancels = deadline is None
            if timeout is not None:
                deadline = monotonic() + min(timeout, LONGEST_WAIT) + SERVER_FIRST
                bound = f"timeout of {timeout} s"
            return self._perform(operation, deadline, bound, cancels)
        finally:
            self._leave(run)

    def _cancelled(self, error: BaseException, deadline: float | None, bound: str) -> float | None:
        """Cancel the operation that `error` interrupts, if that is a reason to.

        Returns:
            Monotonic time by which the server will have ended it; None: it has to be given up.
        """
        if isinstance(error, KeyboardInterrupt):
            stop: BaseException = error
        elif isinstance(error, TimedOut) and deadline is not None and monotonic() >= deadline:
            stop = QueryTimeout(f"The statement did not end within its {bound}", ER_STATEMENT_TIMEOUT, "70100")
        else:
            return None
        cancelling = self._cancelling = Cancelling(stop)
        self.core.session.stop = stop
        transport, grace = self._transport, self.core.options.cancel_grace
        if transport is None or not transport.waiting or not grace:
            return None
        from .cancel import kill_query

        cancelling.until = monotonic() + min(grace, LONGEST_WAIT)
        with suppress(Error, OSError):
            cancelling.fate = kill_query(self, cancelling.until)
        return cancelling.until if cancelling.fate != Fate.NOTHING else None

    def _clean_up(self, cancelling: Cancelling) -> None:
        """Behind a cancelled operation: make the connection free for the next one, if it is whole."""
        core, session = self.core, self.core.session
        whole = not (core.unsettled or session.broken)
        core.unsettled = True
        self._cancelling = session.stop = None
        if whole:
            with suppress(Error, ProtocolError):
                self._drive(core.abandon(), cancelling.until, "cancel_grace")
                core.unsettled = False

    def _leave(self, run: Run) -> None:
        try:  # noqa: SIM105  # suppress() costs as much as all the rest here
            self._runs.remove(run)
        except ValueError:  # it was interrupted before it came in
            pass
        self._listened = monotonic()
        if self._ending and not self._runs and self._transport is not None:
            self.close()  # asked for meanwhile, by another thread or a signal handler
        elif self.observer is not None and self.core.session.events and not self._runs:
            self._report(self.observer)

    def _report(self, observer: Callable[[str, object], None]) -> None:
        """Tell what the server has reported; the observer may run operations of its own."""
        events, self.core.session.events = self.core.session.events, []
        for name, value in events or ():
            observer(name, value)

    def _perform(self, operation: Command[T], deadline: float | None, bound: str, cancels: bool = False) -> T:
        try:
            return self._drive(operation, deadline, bound, cancels)
        except BaseException as error:
            self._end(operation, error)
            self.core.statements.touched = True
            self.evicted = self.evicted or getattr(error, "errno", 0) in self.evicts
            cancelling = self._cancelling
            twice = cancelling is not None and isinstance(error, KeyboardInterrupt) and error is not cancelling.stop
            if twice:
                self.core.session.fail(error)  # Ctrl-C once more ends the cancelling
            if cancelling is not None:
                self._clean_up(cancelling)
            if self.core.unsettled and not self.core.session.broken:
                self.core.session.fail(error)
            if self.core.session.broken:
                # What was cancelled does not say that the connection is lost with it.
                self._loss_known = cancelling is None and isinstance(error, (LostConnectionError, ProtocolError))
                self.drop()
            if cancelling is not None and not twice:
                raise cancelling.stop from None
            if isinstance(error, ProtocolError):
                failure = self._failure(error)
                failure.rows_done = getattr(error, "rows_done", None)  # of executemany()
                raise failure from error
            raise

    def _end(self, operation: Command[Any], error: BaseException) -> None:
        """Close an operation that `error` interrupted, perhaps between two steps: that breaks the session."""
        between = operation.gi_frame is not None  # type: ignore[attr-defined]  # it is a generator
        operation.close()
        if between and self.core.session.broken:
            self.core.session.fail(error)

    def _give_up(self) -> None:
        """Ctrl-C has struck where an earlier operation was being put right: nobody knows what the session is like."""
        self._cancelling = self.core.session.stop = None
        if not self.core.session.broken:
            self.core.session.fail(InterfaceError("an interruption left it in an unknown state"))
        self.core.unsettled = False
        self.drop()

    def _drive(self, operation: Command[T], deadline: float | None, bound: str, cancels: bool = False) -> T:
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
                    until = self._cancelled(error, deadline, bound) if cancels else None
                    if until is not None:
                        event, deadline, bound, cancels = b"", until, "cancel_grace", False
                        continue
                    # The operation decides what an interrupted exchange means; floor 1 breaks the session.
                    lost = self._lost(error, deadline, bound) if is_ours(error) else error
                    event = operation.throw(lost)
                else:
                    event = send(chunk)
        except StopIteration as ended:
            cancelling = self._cancelling
            if cancelling is not None:
                done = cancelling.fate == Fate.OVER and self.core.session.state == State.READY
                if not done or not isinstance(cancelling.stop, QueryTimeout):
                    raise cancelling.stop from None
                # It was done before it could be ended, and nothing was sent that could end another one.
                self._cancelling = self.core.session.stop = None
            return ended.value  # type: ignore[no-any-return]

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

    # State and end

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

    def settle(self) -> bool:
        """Make the connection free for another borrower; True if it is whole, idle and logged in as its options say."""
        core = self.core
        anew = self.welcomed is not None and core.session is not self.welcomed
        if anew or self._transport is None or core.session.broken or self.evicted:
            return False
        if core.user_changed or core.statements.distributed:
            return False
        try:
            return self.run(self.core.settle())
        except Error:
            return False

    def close(self) -> None:
        """Say goodbye if that is possible at once, and close the socket; if a thread is using it, that does it."""
        self._ending = True
        run = (standing(), get_ident())
        try:
            self._runs.append(run)
            transport = self._transport
            if self._runs.before(run) is None:
                self._say_goodbye()
            elif transport is not None:
                with suppress(OSError):
                    transport.shut_down()
        finally:
            run[0].close()
            self._leave(run)

    def _say_goodbye(self) -> None:
        try:
            if self.core.unsettled or self._cancelling is not None:
                self._give_up()
            if self._transport is not None and not self.core.session.broken:
                with suppress(Error, ProtocolError):  # the other side may have gone first
                    self._drive(self.core.quit(), monotonic() + QUIT_TIMEOUT, "deadline")
        finally:
            self.drop()

    def orphan(self, owner: int) -> None:
        """Behind a fork: leave the connection to the process that opened it, without a byte on it."""
        self.core.session.fail(InterfaceError(f"it belongs to process {owner}, which forked this one"))
        self._runs, self._loss_known = Turns(), True
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.leave()

    def drop(self) -> None:
        """Close the socket without a word."""
        transport = self._transport
        if transport is not None:
            transport.close()
            self._transport = None  # last: should Ctrl-C strike before, it is known that there is something to close
