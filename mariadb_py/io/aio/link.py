"""The asyncio driver: one physical connection, and what waits for the operations that its wire steps.

As the synchronous one: one operation runs at a time, and one that does not come to its end closes the connection for
good, but for a statement that a timeout or cancellation interrupts while the server works on it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from mariadb_protocol import ProtocolError

from ...core.cancel import Cancelling, Fate
from ...core.login import follows, redirection
from ...core.security import UNVERIFIED, plan, security
from ...exceptions import Error, LostConnectionError, OperationalError, ProgrammingError, UntrustedCertificateError
from ..crypto import provider
from ..dial import LONGEST_WAIT, is_socket, share
from ..linkstate import QUIT_TIMEOUT, SERVER_FIRST, TRY_NEXT, LinkState
from ..localfile import read_key
from ..login import attributes, upgrade_to, warn
from ..threads import monotonic
from ..transport import TimedOut
from .dial import dial
from .wire import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from mariadb_protocol.events import Command

    from ...core.options import ConnectOptions, Endpoint
    from ...core.security import Plan

    T = TypeVar("T")


class Link(LinkState):
    """A connection of one event loop; the attributes are those of `LinkState`."""

    __slots__ = ("_loop", "_runs")
    _transport: Wire | None
    _INTERRUPTIONS = (asyncio.CancelledError, KeyboardInterrupt)

    def __init__(self, options: ConnectOptions, *, warns: bool = True) -> None:
        super().__init__(options, warns=warns)
        self._loop = asyncio.get_running_loop()
        self._runs = False  # an operation

    @classmethod
    async def open(cls, options: ConnectOptions) -> Link:
        """A link that is connected; see `connect()`."""
        link = cls(options)
        await link.connect()
        return link

    async def connect(self) -> None:
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
                await self.log_in(endpoint, share(deadline, left), bound)
                break
            except OperationalError as error:
                if left == 1 or self._ending or error.errno not in TRY_NEXT:
                    raise
        target = redirection(self.core.session, options.permit_redirect, self.endpoint)
        if target is not None:
            await self._follow(target, deadline, bound)

    async def _follow(self, target: Endpoint, deadline: float | None, bound: str) -> None:
        """Change to the server that this one asks us to use; stay if that cannot be had."""
        permitted = self.core.options.permit_redirect
        other = Link(self.core.options, warns=self._warns and permitted is not None)
        try:
            await other.log_in(target, deadline, bound)
        except Error:
            return
        if not follows(other.core.session, permitted):
            await other.close()
            return
        self._say_goodbye()
        self._transport, other._transport = other._transport, None
        self.endpoint = target
        self.core.adopt(other.core)

    async def log_in(self, endpoint: Endpoint, deadline: float | None, bound: str) -> None:
        """Connect to one server."""
        tls = self.core.options.tls
        chosen = plan(tls, endpoint.path is not None) if tls is not None else None
        if chosen is not None and chosen.otherwise is not None:
            try:
                await self._open(endpoint, chosen, deadline, bound)
                return
            except UntrustedCertificateError:
                # TLS cannot go on after the refusal of a certificate. Nothing but the wish for TLS has been sent.
                chosen = chosen.otherwise
        await self._open(endpoint, chosen, deadline, bound)

    async def _open(self, endpoint: Endpoint, chosen: Plan | None, deadline: float | None, bound: str) -> None:
        options = self.core.options
        demands = security(options, chosen, read_key(options.server_public_key), provider())
        self.core.renew(attributes(endpoint), demands, endpoint.path is not None)
        self.endpoint = endpoint
        try:
            upgrade = upgrade_to(endpoint, chosen) if chosen is not None else None
            wire = Wire(self._loop, options.read_timeout, options.write_timeout, upgrade)
            sock = await dial(endpoint, deadline)
            wire.translate = self._lost
            self._transport = await wire.over(sock)
            await self._perform(self.core.open(), deadline, bound)
            wire.keep_session()
            if self._warns and chosen is not None and chosen.warn and self.core.session.channel.unproven:
                warn(UNVERIFIED.format(endpoint))
        except BaseException as error:
            # Whatever comes next says why, or tries again.
            self.core.session.fail(error)
            self._loss_known = True
            self.drop()
            raise
        self._loss_known = False

    async def renew(self) -> None:
        """Give up the connection, and open another one in its place.

        Raises:
            ProgrammingError: another task is using the connection at this moment.
            Error: as for `open()`; the connection is closed then.
        """
        self._begin(None)
        try:
            await self._renew()
        finally:
            self._leave()

    async def _renew(self) -> None:
        self._say_goodbye()
        await self.connect()

    async def _revive(self) -> None:
        """Before an operation: replace a connection that was lost meanwhile, unless something would be lost with it."""
        if self._must_revive():
            told = self._loss_known
            await self._renew()
            self.core.statements.revived = not told

    # Running operations

    def here(self) -> None:
        """See to it that this is the loop that the connection belongs to.

        Raises:
            ProgrammingError: it is not.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise ProgrammingError("The connection belongs to another event loop")

    def _begin(self, operation: Command[Any] | None) -> None:
        """Let one operation in."""
        try:
            self.here()
            if self._runs:
                raise ProgrammingError("The connection is in use by another task: use one connection per task")
        except ProgrammingError:
            if operation is not None:
                operation.close()
            raise
        self._runs = True

    def _leave(self) -> None:
        self._runs = False
        if self._ending and self._transport is not None:
            self._say_goodbye()  # asked for meanwhile, by another task
        elif self.observer is not None and self.core.session.events:
            self._report(self.observer)

    async def run(
        self,
        operation: Command[T],
        deadline: float | None = None,
        bound: str = "deadline",
        timeout: float | None = None,
    ) -> T:
        """Run an operation to its end; see `io.link.Link.run`, with cancellation for Ctrl-C."""
        self._begin(operation)
        try:
            if self.core.unsettled or self._cancelling is not None:
                self._give_up()
            if self.core.auto_reconnect:
                await self._revive()
            if not self._undisturbed():
                raise self._disturbed(operation)
            cancels = deadline is None
            if timeout is not None:
                deadline = monotonic() + min(timeout, LONGEST_WAIT) + SERVER_FIRST
                bound = f"timeout of {timeout} s"
            return await self._perform(operation, deadline, bound, cancels)
        finally:
            self._leave()

    async def _perform(self, operation: Command[T], deadline: float | None, bound: str, cancels: bool = False) -> T:
        try:
            return await self._drive(operation, deadline, bound, cancels)
        except BaseException as error:
            cancelling = self._struck(operation, error)
            if cancelling is not None:
                await self._clean_up(cancelling)
            outcome = self._outcome(error, cancelling)
            if outcome is error:
                raise
            raise outcome from outcome.__cause__

    async def _clean_up(self, cancelling: Cancelling) -> None:
        """Behind a cancelled operation: make the connection free for the next one, if it is whole."""
        core, session = self.core, self.core.session
        whole = not (core.unsettled or session.broken)
        core.unsettled = True
        self._cancelling = session.stop = None
        if whole:
            with suppress(Error, ProtocolError):
                await self._drive(core.abandon(), cancelling.until, "cancel_grace")
                core.unsettled = False

    async def _drive(self, operation: Command[T], deadline: float | None, bound: str, cancels: bool = False) -> T:
        wire = self._transport
        if wire is None:
            return self._without_wire(operation)
        wire.deadline, wire.bound = deadline, bound
        done = wire.run(operation)
        while True:
            timer = None
            if deadline is not None and not done.done():
                timer = self._loop.call_later(max(deadline - monotonic(), 0.0), wire.expire, done)
            try:
                value: T = await done
                break
            except BaseException as error:
                if wire.operation is None:
                    if not isinstance(error, TimedOut):
                        raise  # it has ended by that
                    done = wire.go_on()  # it has ended in the last moment
                    continue
                until = await self._cancelled(error, deadline, bound) if cancels else None
                if until is not None:
                    deadline, bound, cancels = until, "cancel_grace", False
                    wire.deadline, wire.bound = deadline, bound
                    done = wire.go_on()
                    continue
                # The operation decides what an interrupted exchange means; floor 1 breaks the session.
                done = wire.go_on()
                wire.interrupt(error)
                deadline = None
            finally:
                if timer is not None:
                    timer.cancel()
        if self._cancelling is not None:
            self._conclude(self._cancelling)
        return value

    def _without_wire(self, operation: Command[T]) -> T:
        """Run what needs no network; the connection is closed."""
        try:
            operation.send(None)
            operation.throw(self._lost(ConnectionError("the connection is closed"), None, ""))
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]
        raise LostConnectionError("the connection is closed")

    async def _cancelled(self, error: BaseException, deadline: float | None, bound: str) -> float | None:
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
            cancelling.fate = await kill_query(self, cancelling.until)
        return cancelling.until if cancelling.fate != Fate.NOTHING else None

    # The end

    def settle_now(self) -> bool:
        """As `io.link.Link.settle()`."""
        if self._runs or self.core.unsettled or not self._lendable:
            return False
        try:
            return self.run_now(self.core.settle())
        except (Error, ProtocolError):
            return False

    def run_now(self, operation: Command[T]) -> T:
        """Run an operation that waits for nothing, here and now; what it does wait for breaks the connection."""
        wire = self._transport
        if wire is None:
            return self._without_wire(operation)
        done = wire.run(operation)
        if not done.done():
            wire.interrupt(self._lost(TimedOut("it would have to be waited for"), None, ""))
        if not done.done():
            raise LostConnectionError("the operation did not end")
        return done.result()  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Say goodbye if that is possible at once, and close the socket.

        If another task is using the connection, its operation fails, and it closes the socket.

        Raises:
            ProgrammingError: the connection belongs to another event loop, which has not ended.
        """
        if self._loop.is_closed():
            self.drop()
            return
        self.here()
        self._ending = True
        wire = self._transport
        if self._runs and wire is not None:
            wire.abort()
            return
        self._say_goodbye()
        if wire is not None:
            await asyncio.wait({wire.closed}, timeout=QUIT_TIMEOUT)

    def close_now(self) -> None:
        """As `close()`, and waits for nothing."""
        self._ending = True
        if self._runs and self._transport is not None:
            self._transport.abort()
        else:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        try:
            if self.core.unsettled or self._cancelling is not None:
                self._give_up()
            if self._transport is not None and not self.core.session.broken:
                with suppress(Error, ProtocolError):  # the other side may have gone first
                    self.run_now(self.core.quit())
                    self._transport.close()
        finally:
            self.drop()

    def drop(self) -> None:
        """See `LinkState`."""
        wire, self._transport = self._transport, None
        if wire is not None:
            wire.abort()
