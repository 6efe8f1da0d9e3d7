"""A pool of links, for asyncio: it carries out what `core.pool` decides.

Decisions are made without a pause, so there is no lock. To give a connection back waits for nothing; connections are
opened, and reset where that has to be waited for, by tasks of the pool. It belongs to the loop that uses it first.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress

from mariadb_protocol import ProtocolError

from ...core.pool.actions import Answer, Check, Close, Open, Tell
from ...core.pool.report import refusal
from ...core.pool.slot import ALWAYS, SlotState
from ...core.pool.verdict import Cleaning, cleaning, is_refusal
from ...core.restore import finish_restore, is_pending, learn, restore, send_restore
from ...exceptions import Error, PoolError
from ..poolstate import GOODBYE_TIMEOUT, PoolState, answered
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
    """The links of a pool; the arguments are those of `io.poolstate.PoolState`."""

    _lock = nullcontext()

    def __init__(self, own: PoolOptions, options: ConnectOptions | None) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(own, options)

    def _revive(self) -> None:
        """See `PoolState`."""
        self._deciding = False
        self.working: tuple[()] = ()  # there are no threads
        super()._revive()

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
                if slot.peek is None and self._core.may_exchange and not answered(slot):
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
        wrong = slot.expired(now)
        if wrong:
            return wrong
        until = self._own.check_until(deadline, now)
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

    def _release(self, slot: Slot, link: Link) -> asyncio.Task[str] | None:
        """A lease ends; never raises an Error, and waits for nothing.

        Returns:
            What makes the connection ready for the next borrower; None if that is done.
        """
        reason = ""
        if self._core.closed:
            reason = "closed"
        elif not link.reusable and not link.settle_now():
            reason = link.spoilt
        elif not link.silent():  # before it is opened anew for nobody
            reason = "dead"
        else:
            todo = cleaning(slot, link.core, self._own, self._pipeline, monotonic())
            try:
                if todo == Cleaning.AT_ONCE and link.run_now(send_restore(link.core)):
                    slot.peek = None
                elif todo != Cleaning.NONE:
                    return self._readied(slot, link, todo)
            except (Error, ProtocolError):
                reason = "reset"
        self._returned(slot, reason)
        return None

    def _returned(self, slot: Slot, reason: str) -> None:
        if reason or not self._core.put(slot, monotonic()):
            self._do(self._core.release, slot, reason)
        elif not self._core.easy:
            self._do(self._core.attend)

    def _readied(self, slot: Slot, link: Link, todo: str) -> asyncio.Task[str] | None:
        """Make a connection ready for the next borrower, where that has to be waited for."""

        def end(task: asyncio.Task[str]) -> None:
            with suppress(PoolError):  # its loop has ended
                self._returned(slot, "reset" if task.cancelled() or task.exception() else task.result())

        return self._in_background(self._made_new(link, todo), end)

    async def _made_new(self, link: Link, todo: str) -> str:
        """Why that failed; "" if it did not."""
        core = link.core
        try:
            if todo == Cleaning.ROLLBACK:
                await link.run(core.end_transaction(), link.time_to_connect(), "connect_timeout")
            else:
                await link.run(restore(core), link.time_to_connect(), "connect_timeout")
                if self._own.on_reset is not None:
                    await self._call(self._own.on_reset, link)
        except Exception:
            return "reset"
        return ""

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
            actions = self._catch_up() if self._lost or self._postponed else []
            actions += decide(*arguments, monotonic())
        finally:
            self._deciding = False
        for action in actions:
            self._PERFORM[type(action)](self, action)
        if self._postponed:
            self._do(self._core.attend)

    def _answer(self, action: Answer) -> None:
        action.request.wake()  # type: ignore[attr-defined]  # all requests here are Waiters

    def _open(self, action: Open) -> None:
        if self._loop is None:  # `_begin()` will ask again
            self._core.forgo(action.slot)
            return
        self._in_background(self._open_quietly(action.slot), self._unbegun(action.slot, SlotState.OPENING))

    def _unbegun(self, slot: Slot, state: str) -> Callable[[asyncio.Task[Any]], None]:
        """What is to be done when a task ends: if it was cancelled before it began, the slot is still in this state."""

        def end(task: asyncio.Task[Any]) -> None:
            if task.cancelled() and slot.state == state:
                with suppress(PoolError):  # its loop has ended
                    self._do(self._core.given_up, slot)

        return end

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
        timeout, link.core.role = await link.run(learn(link.core), link.time_to_connect(), "connect_timeout")
        self._core.server_waits(timeout)
        self._admit(link)
        if self._own.on_connect is not None:
            await self._call(self._own.on_connect, link)

    def _check(self, action: Check) -> None:
        self._in_background(self._check_quietly(action.slot), self._unbegun(action.slot, SlotState.CHECKING))

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
        Tell: PoolState._tell_of_leak,
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
        self._drop_all()

    def forked(self, owner: int) -> None:
        """This is a child of process `owner`: begin anew, in another loop."""
        if self._own.fork_policy != "keep":
            self._leave_all(owner)
            self._loop = None

    def shut(self) -> None:
        """The process ends: its loop does not run any more."""
        self._drop_all()


async def maybe(value: Any) -> Any:
    """What a hook returns, awaited if it has to be."""
    if hasattr(value, "__await__"):
        awaitable: Awaitable[Any] = value
        return await awaitable
    return value
