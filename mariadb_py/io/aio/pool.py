"""A pool of links, for asyncio: it carries out what `core.pool` decides.

Decisions are made without a pause, so there is no lock. To give a connection back waits for nothing; connections are
opened, and reset where that has to be waited for, by tasks of the pool. It belongs to the loop that uses it first.
"""

from __future__ import annotations

import asyncio
from _random import Random
from collections import deque
from contextlib import nullcontext, suppress

from mariadb_protocol import ProtocolError
from mariadb_protocol.constants import Status

from ...core.pool.actions import Answer, Check, Close, Open, Tell
from ...core.pool.core import PoolCore
from ...core.pool.report import refusal
from ...core.pool.slot import ALWAYS, SlotState
from ...core.pool.verdict import Pipeline, is_refusal
from ...core.restore import finish_restore, is_pending, learn, restore, send_restore
from ...exceptions import Error, PoolError
from ..pool import GOODBYE_TIMEOUT, answered
from ..threads import monotonic
from .background import Background
from .link import Link
from .waiter import Waiter, task_id, task_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from ...core.options import ConnectOptions
    from ...core.pool.actions import Action
    from ...core.pool.options import PoolOptions
    from ...core.pool.slot import Slot


class LoopPool(Background):
    """The links of a pool; the arguments are those of `io.pool.LinkPool`."""

    _lock = nullcontext()

    def __init__(self, own: PoolOptions, options: ConnectOptions | None) -> None:
        self._own = own
        self._options = options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._revive()

    def _revive(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._core = PoolCore(self._own, Random().random)
        self._lost: list[tuple[Slot, int]] = []  # collected leases; appended to by the collector
        self._deciding = False
        self._postponed: deque[tuple[Callable[..., list[Action]], tuple[Any, ...]]] = deque()
        self.working: tuple[()] = ()  # there are no threads
        self._pipeline = Pipeline()
        self._patient = True  # until a reset is not answered in GOODBYE_TIMEOUT

    def _here(self) -> asyncio.AbstractEventLoop:
        """The running loop, which must be the pool's.

        Raises:
            PoolError: the pool belongs to another one.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None:
                raise PoolError(f"Pool {self._own.name or ''!r} belongs to another event loop")
            self._loop = loop
            self._begin()
        return loop

    def _begin(self) -> None:
        """The pool is used for the first time."""
        self._do(self._core.start)
        self._keep()

    # Hooks, where there are handles to call them with

    async def _call(self, hook: Callable[[Any], Any], link: Link) -> None:
        """Call a hook of the user with a connection."""
        raise NotImplementedError

    # Borrowing

    async def _acquire(self, request: Waiter, slot: Slot | None) -> Slot:
        """Borrow by way of a request; see `io.pool.LinkPool._acquire`."""
        try:
            if slot is None:
                self._do(self._core.acquire, request)
            while True:
                if slot is None:
                    slot = await self._wait(request)
                    if slot is None:
                        raise PoolError("no slot was given")
                slot.request = request
                request.slot = slot
                if slot.peek is None and self._core.idle and not answered(slot):
                    self._do(self._core.exchange, slot, request, answered)
                    slot = request.slot
                if slot.peek is not None and monotonic() < slot.fresh_until and slot.peek():
                    return slot
                wrong = await self._what_is_wrong(slot, request.deadline)
                if not wrong:
                    return slot
                request.future = request.future.get_loop().create_future()
                self._do(self._core.dead, slot, request, wrong)
                slot = None
        except BaseException:
            self._withdraw(request)
            raise

    def _withdraw(self, request: Waiter) -> None:
        """Whoever made the request is gone: what he was given, and has not touched, is for others."""
        slot = request.slot
        if slot is not None and slot.request is request and slot.state == SlotState.LEASED:
            link: Link = slot.connection
            if not link.busy and not link.closed and (is_pending(link.core) or link.reusable):
                self._do(self._core.hand_back, slot)
                return
        for slot in self._core.slots:
            if slot.request is request and slot.state == SlotState.OPENING:
                slot.request = None  # what is being opened for it will be for others
        self._do(self._core.cancel, request)

    async def _wait(self, request: Waiter) -> Slot | None:
        """Until the request is answered; returns what it was given, None if it wanted no slot."""
        if not request.future.done():
            if request.deadline is not None and request.deadline < self._due:
                self._keep(request.deadline)
            await request.future
        if request.failure is not None:
            raise request.failure
        if request.refusal:
            raise refusal(self._own.name or "", self._core, request, monotonic(), task_name)
        return request.slot

    async def _what_is_wrong(self, slot: Slot, deadline: float | None) -> str:
        """Why a connection cannot be used, one of `stats.DISCARDS`; "" if it can."""
        link: Link = slot.connection
        now = monotonic()
        if now >= slot.retire_at and slot.used > 1:  # a new one may be short-lived, and it is used all the same
            return "lifetime" if slot.retire_at > ALWAYS else "drained"
        until = now + self._own.ping_timeout
        if deadline is not None:
            until = min(until, max(deadline, now + 0.01))
        if is_pending(link.core):
            wrong = await self._finish(link, until)
            if wrong:
                return wrong
        slot.peek = link.peek()
        if slot.peek is None or not slot.peek():
            return "dead"
        if self._own.check is not None:
            try:
                await self._call(self._own.check, link)
            except Exception:
                return "ping"
        elif now >= slot.fresh_until:
            try:
                await link.run(link.core.ping(), until, "ping_timeout")
            except Error:
                return "ping"
        return ""

    async def _finish(self, link: Link, until: float) -> str:
        """Read the answers to a reset; why that failed, "" if it did not."""
        try:
            await link.run(finish_restore(link.core), until, "ping_timeout")
        except Error as error:
            return self._pipeline.failed(error, monotonic())
        self._pipeline.answered()
        return ""

    # Returning

    def _release(self, slot: Slot, link: Link) -> asyncio.Task[None] | None:
        """A lease ends; never raises an Error, and waits for nothing.

        Returns:
            What makes the connection ready for the next borrower; None if that is done.
        """
        core, own = link.core, self._own
        reason = ""
        if self._core.closed:
            reason = "closed"
        elif not link.reusable and not link.settle_now():
            reason = "evicted" if link.evicted else "dead" if core.session.broken else "error"
        elif not link.silent():  # before it is opened anew for nobody
            reason = "dead"
        elif own.reset == "auto" and core.untouched:
            core.statements.asked = False
            slot.spared += 1
        elif own.reset:
            core.statements.guarded = own.reset == "auto"
            slot.resets += 1
            try:
                if not self._sends_reset(slot, link):
                    return self._readied(slot, link)
            except (Error, ProtocolError):
                reason = "reset"
        elif core.session.status & Status.IN_TRANS or core.tpc.state:
            return self._readied(slot, link)
        self._returned(slot, reason)
        return None

    def _sends_reset(self, slot: Slot, link: Link) -> bool:
        """Send all of a reset at once, if that is possible."""
        own, core = self._own, link.core
        if own.on_reset is not None:
            return False
        if not self._pipeline.wanted(own.pipeline_reset, core.session.mariadb, monotonic()):
            return False
        if not link.run_now(send_restore(core)):
            return False
        slot.peek = None
        return True

    def _returned(self, slot: Slot, reason: str) -> None:
        if reason or not self._core.put(slot, monotonic()):
            self._do(self._core.release, slot, reason)
        elif not self._core.easy:
            self._do(self._core.attend)

    def _readied(self, slot: Slot, link: Link) -> asyncio.Task[None] | None:
        """Make a connection ready for the next borrower, where that has to be waited for."""
        failed = [True]

        def end(task: asyncio.Task[None]) -> None:
            with suppress(PoolError):  # its loop has ended
                self._returned(slot, "reset" if failed else "")

        return self._in_background(self._make_new(link, failed), end)

    async def _make_new(self, link: Link, failed: list[bool]) -> None:
        core, own = link.core, self._own
        timeout = core.options.connect_timeout
        until = None if timeout is None else monotonic() + timeout
        with suppress(Exception):
            if own.reset:
                await link.run(restore(core), until, "connect_timeout")
                if own.on_reset is not None:
                    await self._call(own.on_reset, link)
            else:
                await link.run(core.end_transaction(), until, "connect_timeout")
            failed.clear()

    def _abandon(self, slot: Slot, lease: int) -> None:
        """The end of a lease was interrupted, or its beginning."""
        if slot.state == SlotState.LEASED and slot.used == lease:
            slot.connection.drop()
            self._do(self._core.release, slot, "error")

    def _lose(self, slot: Slot, lease: int) -> None:
        """A handle was collected, its link is closed. Called by the garbage collector, in any thread."""
        self._lost.append((slot, lease))
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._do, self._core.attend)

    # Carrying out what the core decides

    def _do(self, decide: Callable[..., list[Action]], *arguments: Any) -> None:
        """Let the core decide, and carry that out; inside of another decision, behind it."""
        if self._loop is not None:
            self._here()
        if self._deciding:  # a finalizer, or a callback
            self._postponed.append((decide, arguments))
            return
        self._deciding = True
        try:
            actions = self._reclaim() if self._lost else []
            actions += decide(*arguments, monotonic())
            while self._postponed:
                decide, arguments = self._postponed.popleft()
                actions += decide(*arguments, monotonic())
        finally:
            self._deciding = False
        for action in actions:
            self._PERFORM[type(action)](self, action)
        if self._postponed:
            self._do(self._core.attend)

    def _reclaim(self) -> list[Action]:
        """Take back the places of collected handles."""
        actions: list[Action] = []
        while self._lost:
            slot, lease = self._lost.pop()
            if slot.state == SlotState.LEASED and slot.used == lease:
                actions += self._core.lost(slot, monotonic())
        return actions

    def _answer(self, action: Answer) -> None:
        action.request.wake()  # type: ignore[attr-defined]  # all requests here are Waiters

    def _open(self, action: Open) -> None:
        if self._loop is None:  # `_begin()` will ask again
            self._core.forgo(action.slot)
            return
        slot = action.slot

        def end(task: asyncio.Task[None]) -> None:
            if task.cancelled() and slot.state == SlotState.OPENING:  # before it began
                with suppress(PoolError):
                    self._do(self._core.given_up, slot)

        self._in_background(self._open_quietly(slot), end)

    async def _open_quietly(self, slot: Slot) -> None:
        """Open a connection; whoever waits for one is told of an error by the core."""
        request = slot.request
        try:
            await self._open_here(slot)
        except Exception as error:
            if isinstance(request, Waiter):
                request.failure = error
                request.wake()
        self._keep()

    async def _open_here(self, slot: Slot) -> None:
        """Open a connection; an error is the core's business, and the caller's."""
        slot.thread = task_id()  # there is one who does it
        began = monotonic()
        try:
            link = await self._opened()
        except BaseException as error:
            if isinstance(error, Exception):
                self._do(self._core.failed, slot, error, is_refusal(error))
                self._tell("connect_error", error=error)
            else:
                self._do(self._core.given_up, slot)
            raise
        self._core.stats.time("connect", monotonic() - began)
        self._do(self._core.opened, slot, link)
        self._patient = True
        self._expect()
        self._tell("connect", connection_id=link.core.session.greeting.connection_id)  # type: ignore[union-attr]

    async def _opened(self) -> Link:
        if self._options is None:
            raise PoolError(f"No connection available: couldn't get configuration for pool {self._own.name}")
        link = await Link.open(self._options)
        try:
            await self._welcome(link)
        except BaseException:
            link.drop()
            raise
        return link

    async def _welcome(self, link: Link) -> None:
        """Learn what has to be known of a connection that comes into the pool."""
        bound = link.core.options.connect_timeout
        until = None if bound is None else monotonic() + bound
        timeout, link.core.role = await link.run(learn(link.core), until, "connect_timeout")
        self._core.server_waits(timeout)
        link.welcomed = link.core.session
        link.evicts = self._own.evict_errors
        if self._own.on_connect is not None:
            await self._call(self._own.on_connect, link)

    def _check(self, action: Check) -> None:
        slot = action.slot

        def end(task: asyncio.Task[None]) -> None:
            if task.cancelled() and slot.state == SlotState.CHECKING:  # before it began
                with suppress(PoolError):
                    self._do(self._core.given_up, slot)

        self._in_background(self._check_quietly(slot), end)

    async def _check_quietly(self, slot: Slot) -> None:
        wrong = "dead"
        try:
            slot.fresh_until = ALWAYS  # it has to answer
            wrong = await self._what_is_wrong(slot, None)
        finally:
            self._do(self._core.checked, slot, wrong in ("", "lifetime", "drained"))
            self._expect()

    def _close(self, action: Close) -> None:
        link: Link = action.connection
        if self._patient and is_pending(link.core):
            self._in_background(self._close_behind_reset(link))
        else:
            link.close_now()
        self._tell("discard", reason=action.reason)

    async def _close_behind_reset(self, link: Link) -> None:
        """What arrives behind the goodbye would make it an abortion to the server."""
        try:
            self._patient = not await self._finish(link, monotonic() + GOODBYE_TIMEOUT)
        finally:
            link.close_now()

    _PERFORM: Mapping[type[Action], Any] = {
        Answer: _answer,
        Open: _open,
        Check: _check,
        Close: _close,
        Tell: Background._tell_of_leak,
    }

    # The end

    async def _shut(self, until: float, force: bool) -> None:
        """Give nothing out any more, close what is idle, and wait for what is borrowed."""
        if self._loop is not None:
            self._here()
        self._do(self._core.close)
        if self._timer is not None:
            self._timer.cancel()
        while True:
            await asyncio.sleep(0)  # what is begun, begins
            tasks = [task for task in self._tasks if task is not asyncio.current_task()]
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        while self._core.size and monotonic() < until:
            await asyncio.sleep(0.01)
        if force:
            for slot in self._core.holders():
                slot.connection.close_now()
        await asyncio.sleep(0)  # sockets are closed in the next turn of the loop

    @property
    def _over(self) -> bool:
        """The loop that it belongs to has ended."""
        return self._loop is not None and self._loop.is_closed()

    def _bury(self) -> None:
        """Behind the end of its loop: close what is open, without a word."""
        self._core.closed, self._core.easy = True, False
        for slot in self._core.slots:
            if slot.connection is not None:
                slot.connection.drop()

    def forked(self, owner: int) -> None:
        """This is a child of process `owner`: begin anew, in another loop."""
        core = self._core
        if self._own.fork_policy == "keep":
            return
        self._revive()
        self._loop = None
        self._core.closed = core.closed
        self._core.easy = not core.closed
        for slot in core.slots:
            slot.state = SlotState.GONE
            if slot.connection is not None:
                slot.connection.orphan(owner)

    def shut(self) -> None:
        """The process ends: its loop does not run any more."""
        for slot in self._core.slots:
            if slot.connection is not None:
                slot.connection.drop()


async def maybe(value: Any) -> Any:
    """What a hook returns, awaited if it has to be."""
    if hasattr(value, "__await__"):
        awaitable: Awaitable[Any] = value
        return await awaitable
    return value
