"""The synchronous driver: one physical connection, and the loop that runs operations over it.

One operation runs at a time, within its deadline; one that does not come to its end closes the connection for good.
Knows no message of the protocol.
"""

from __future__ import annotations

from contextlib import suppress

from mariadb_protocol import ProtocolError

from ..core.cancel import Cancelling, Fate
from ..core.login import follows, redirection
from ..core.security import UNVERIFIED, plan, security
from ..exceptions import (
    Error,
    OperationalError,
    UntrustedCertificateError,
)
from .crypto import provider
from .dial import LONGEST_WAIT, dial, is_socket, share
from .linkstate import QUIT_TIMEOUT, SERVER_FIRST, TRY_NEXT, LinkState
from .localfile import read_key
from .login import attributes, upgrade_to, warn
from .threads import get_ident, monotonic
from .transport import Transport, is_ours
from .turns import Turns, standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from mariadb_protocol.events import Command

    from ..core.options import ConnectOptions, Endpoint
    from ..core.security import Plan
    from .turns import Run

    T = TypeVar("T")

LISTEN_AFTER = 0.005  # seconds of rest after which the server may have hung up, so that it is worth a look


class Link(LinkState):
    """A connection that is used by one thread at a time; the attributes are those of `LinkState`."""

    __slots__ = ("_listened", "_runs")
    _transport: Transport | None

    def __init__(self, options: ConnectOptions, *, warns: bool = True) -> None:
        super().__init__(options, warns=warns)
        self._runs = Turns()
        self._listened = 0.0  # monotonic time of the last look at what the server has to say

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
        deadline = self.time_to_connect()
        bound = f"connect_timeout of {timeout} s"
        endpoints = options.endpoints(is_socket)
        for left, endpoint in zip(range(len(endpoints), 0, -1), endpoints):
            try:
                self.log_in(endpoint, share(deadline, left), bound)
                break
            except OperationalError as error:
                if left == 1 or self._ending or error.errno not in TRY_NEXT:
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

    def orphan(self, owner: int) -> None:
        """See `LinkState`."""
        super().orphan(owner)
        self._runs = Turns()

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
        if not self._must_revive():
            return
        told = self._loss_known
        self._renew()
        self.core.statements.revived = not told

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
        if not self._begins_to_cancel(error, deadline, bound):
            return None
        cancelling = self._cancelling
        if cancelling is None:
            return None
        from .cancel import kill_query

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

    def _perform(self, operation: Command[T], deadline: float | None, bound: str, cancels: bool = False) -> T:
        try:
            return self._drive(operation, deadline, bound, cancels)
        except BaseException as error:
            cancelling = self._struck(operation, error)
            if cancelling is not None:
                self._clean_up(cancelling)
            outcome = self._outcome(error, cancelling)
            if outcome is error:
                raise
            raise outcome from outcome.__cause__

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
            if self._cancelling is not None:
                self._conclude(self._cancelling)
            return ended.value  # type: ignore[no-any-return]

    # State and end

    def settle(self) -> bool:
        """Make the connection free for another borrower; True if it is whole, idle and logged in as its options say."""
        if not self._lendable:
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
