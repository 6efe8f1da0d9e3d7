"""A pool of links, for threads: it carries out what `core.pool` decides. No I/O happens under its lock.

Who borrows takes an idle link, mostly without the lock, and finds out by himself whether it is alive. Connections are
opened in the background, by a thread each, where somebody can wait for them; one more thread, the keeper, lives while
something is due at a later time. Knows no cursor and no DB-API.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from weakref import ref

from mariadb_protocol.constants import Status

from ..core.pool.actions import Answer, Check, Close, Open, Tell
from ..core.pool.report import refusal
from ..core.pool.slot import ALWAYS, Refusal
from ..core.pool.verdict import Cleaning, cleaning, is_refusal
from ..core.restore import finish_restore, is_pending, learn, restore, send_restore
from ..exceptions import Error, PoolError
from .dial import LONGEST_WAIT
from .link import Link
from .poolstate import GOODBYE_TIMEOUT, PoolState, answered
from .threads import (
    allocate_lock,
    allocate_rlock,
    get_ident,
    held_by_this_thread,
    monotonic,
    start_new_thread,
    thread_name,
)
from .waiter import Waiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..core.pool.actions import Action
    from ..core.pool.slot import Slot

SEND_TIMEOUT = 0.1  # seconds in which a reset has to be written; it always fits into the buffer of a healthy socket


class LinkPool(PoolState):
    """The links of a pool that threads use; the arguments are those of `PoolState`.

    Attributes:
        working: a slot for each thread that opens or checks a connection in the background.
    """

    def _revive(self) -> None:
        """See `PoolState`."""
        # Re-entrant, so that it can be asked whether this thread has it: a signal handler or a finalizer may strike
        # anywhere, and must not wait for what is interrupted by it.
        self._lock = allocate_rlock()
        self.working: list[Slot] = []
        self._keeping = allocate_lock()  # held while there is a keeper
        self._alarm = allocate_lock()  # released to wake him
        super()._revive()

    # Hooks, where there are handles to call them with

    def _call(self, hook: Callable[[Any], object], link: Link) -> None:
        """Call a hook of the user with a connection."""
        raise NotImplementedError

    # Borrowing

    def _acquire(self, request: Waiter, slot: Slot | None) -> Slot:
        """Borrow by way of a request; see `_forget()`.

        Args:
            request: the request.
            slot: taken already, and LEASED, but perhaps not alive; None: nothing is.

        Raises:
            Error: there is none for him, and why.
        """
        if slot is None:
            self._do(self._core.acquire, request)
        while True:
            slot = slot or self._wait(request)
            if slot is None:
                raise PoolError("no slot was given")
            slot.request = request
            if slot.peek is None and self._core.may_exchange and not answered(slot):
                request.slot = slot
                self._do(self._core.exchange, slot, request, answered)
                slot = request.slot
            wrong = self._what_is_wrong(slot, request.deadline)
            if not wrong:
                return slot
            self._do(self._core.dead, slot, request, wrong)
            slot = None

    def _ask(self, timeout: float | None, now: float) -> Waiter:
        """A request, for who waits so many seconds from now on."""
        if held_by_this_thread(self._lock):
            raise PoolError("The pool is busy in this very thread: get_connection() is called by a signal handler?")
        return Waiter(now, now + timeout if timeout else None)

    def _forget(self, request: Waiter) -> None:
        """Whoever made this request will not get what it was answered by: call this if anything is raised meanwhile."""
        self._do(self._core.cancel, request)

    def _wait(self, request: Waiter) -> Slot | None:
        """Until the request is answered; returns what it was given, None if it wanted no slot."""
        deadline = request.deadline
        while request.slot is None and not request.refusal and not request.ready:
            left = 0.0 if deadline is None else deadline - monotonic()
            if left > 0:
                self._keep(self._core.last_error is not None)  # the next attempt has come nearer
                request.wait(left)
            else:
                self._do(self._core.withdraw, request, Refusal.TIMEOUT)
        if request.refusal:
            raise refusal(self._own.name or "", self._core, request, monotonic(), thread_name)
        return request.slot

    def _what_is_wrong(self, slot: Slot, deadline: float | None) -> str:
        """Why a connection cannot be used, one of `stats.DISCARDS`; "" if it can."""
        link: Link = slot.connection
        now = monotonic()
        wrong = slot.expired(now)
        if wrong:
            return wrong
        until = self._own.check_until(deadline, now)
        if is_pending(link.core):
            wrong = self._finish(link, until)
            if wrong:
                return wrong
        slot.peek = link.peek()
        if slot.peek is None or not slot.peek():
            return "dead"
        if self._own.check is not None:
            try:
                self._call(self._own.check, link)
            except Exception:
                return "ping"
        elif now >= slot.fresh_until:
            try:
                link.run(link.core.ping(), until, "ping_timeout")
            except Error:
                return "ping"
        return ""

    def _finish(self, link: Link, until: float) -> str:
        """Read the answers to a reset; why that failed, "" if it did not."""
        try:
            link.run(finish_restore(link.core), until, "ping_timeout")
        except Error as error:
            return self._pipeline.failed(error, monotonic())
        self._pipeline.answered()
        return ""

    # Returning

    def _release(self, slot: Slot, link: Link) -> None:
        """A lease ends; never raises an Error."""
        core = link.core
        reason = ""
        if not link.reusable and not link.settle():
            reason = link.spoilt
        elif self._own.reset or core.session.status & Status.IN_TRANS or core.tpc.state:
            reason = self._made_new(slot, link)
        if reason or not self._core.put(slot, monotonic()):
            self._do(self._core.release, slot, reason)
        elif not self._core.easy:
            self._do(self._core.attend)

    def _made_new(self, slot: Slot, link: Link) -> str:
        """Make a connection ready for the next borrower; why that failed, "" if it did not."""
        core, now = link.core, monotonic()
        if self._core.closed:
            return "closed"
        if core.auto_reconnect and not link.silent():  # before it is opened anew for nobody
            return "dead"
        try:
            todo = cleaning(slot, core, self._own, self._pipeline, now)
            if todo == Cleaning.ROLLBACK:
                link.run(core.end_transaction(), link.time_to_connect(), "connect_timeout")
            if todo in (Cleaning.NONE, Cleaning.ROLLBACK):
                return ""
            if todo == Cleaning.AT_ONCE and link.run(send_restore(core), now + SEND_TIMEOUT, "time to write a reset"):
                slot.peek = None
                return ""
            link.run(restore(core), link.time_to_connect(), "connect_timeout")
            if self._own.on_reset is not None:
                self._call(self._own.on_reset, link)
        except Exception:
            return "reset"
        return ""

    def _lose(self, slot: Slot, lease: int) -> None:
        """A handle was collected, its link is closed. Called by the garbage collector, so it takes no lock."""
        self._lost.append((slot, lease))
        self._keep()

    # Carrying out what the core decides

    def _do(self, decide: Callable[..., list[Action]], *arguments: Any) -> None:
        """Let the core decide, and carry that out; inside of another decision of this thread, behind it."""
        if held_by_this_thread(self._lock):
            self._postponed.append((decide, arguments))
            return
        try:
            with self._lock:
                actions = self._catch_up() if self._lost or self._postponed else []
                actions += decide(*arguments, monotonic())
        except BaseException:
            self._unlock()
            raise
        self._carry_out(actions)
        if self._postponed:
            self._do(self._core.attend)

    def _unlock(self) -> None:
        """Give the lock back if it is still held behind the block that took it.

        Up to Python 3.10 Ctrl-C can strike between the last line of a with statement and its `__exit__()`.
        """
        while held_by_this_thread(self._lock):
            self._lock.release()

    def _carry_out(self, actions: list[Action]) -> None:
        """Carry out actions, outside of the lock. Those that an exception keeps from it lose no place and no socket."""
        todo = deque(actions)
        try:
            while todo:
                self._PERFORM[type(todo[0])](self, todo[0])
                todo.popleft()
        finally:
            if todo:
                self._give_up(todo)

    def _give_up(self, actions: deque[Action]) -> None:
        """An exception came before these actions were done."""
        for action in actions:
            if isinstance(action, Answer):
                action.request.wake()  # type: ignore[attr-defined]  # all requests here are Waiters
            elif isinstance(action, Close):
                if action.connection is not None:
                    action.connection.drop()
            elif isinstance(action, Check) or (isinstance(action, Open) and action.slot.request is None):
                with self._lock:
                    self._core.forgo(action.slot)
        self._keep()

    def _answer(self, action: Answer) -> None:
        action.request.wake()  # type: ignore[attr-defined]

    def _open(self, action: Open) -> None:
        if action.slot.request is None:
            self._in_background(self._open_quietly, action.slot)
        else:
            self._open_here(action.slot)

    def _open_here(self, slot: Slot) -> None:
        """Open a connection; an error is the core's business, and the caller's."""
        slot.thread = get_ident()  # there is one who does it
        began = monotonic()
        try:
            link = self._opened()
        except BaseException as error:
            self._do(self._core.failed, slot, error, is_refusal(error))
            self._tell("connect_error", error=error)
            raise
        try:
            with self._lock:
                self._core.stats.time("connect", monotonic() - began)
            self._do(self._core.opened, slot, link)
        except BaseException:
            self._unlock()
            link.drop()
            raise
        self._patient = True
        self._expect()
        self._tell("connect", connection_id=link.core.session.greeting.connection_id)  # type: ignore[union-attr]

    def _open_quietly(self, slot: Slot) -> None:
        """Open a connection in the background; whoever waits for one is told of an error by the core."""
        with suppress(Exception):
            self._open_here(slot)
        self._keep()

    def _opened(self) -> Link:
        if self._options is None:
            raise PoolError(f"No connection available: couldn't get configuration for pool {self._own.name}")
        link = Link.open(self._options)
        try:
            self._welcome(link)
        except BaseException:
            link.drop()
            raise
        return link

    def _welcome(self, link: Link) -> None:
        """Learn what has to be known of a connection that comes into the pool."""
        timeout, link.core.role = link.run(learn(link.core), link.time_to_connect(), "connect_timeout")
        self._core.server_waits(timeout)
        self._admit(link)
        if self._own.on_connect is not None:
            self._call(self._own.on_connect, link)

    def _check(self, action: Check) -> None:
        self._in_background(self._check_quietly, action.slot)

    def _check_quietly(self, slot: Slot) -> None:
        wrong = "dead"
        try:
            slot.fresh_until = ALWAYS  # it has to answer
            wrong = self._what_is_wrong(slot, None)
        finally:
            self._do(self._core.checked, slot, wrong in ("", "lifetime", "drained"))
            self._expect()

    def _close(self, action: Close) -> None:
        link: Link | None = action.connection
        if link is None:  # Ctrl-C came between two steps of a decision
            return
        if self._patient and is_pending(link.core):
            # What arrives behind the goodbye would make it an abortion to the server.
            self._patient = not self._finish(link, monotonic() + GOODBYE_TIMEOUT)
        link.close()
        self._tell("discard", reason=action.reason)

    def _name_of(self, ident: int) -> str:
        return thread_name(ident)

    _PERFORM: Mapping[type[Action], Any] = {
        Answer: _answer,
        Open: _open,
        Check: _check,
        Close: _close,
        Tell: PoolState._tell_of_leak,
    }

    # In the background

    def _in_background(self, function: Callable[[Slot], None], slot: Slot) -> None:
        if start_new_thread is not None:
            try:
                self.working.append(slot)
                start_new_thread(self._work, (function, slot))
                return
            except RuntimeError:  # no more threads can be had
                self.working.remove(slot)
        function(slot)

    def _work(self, function: Callable[[Slot], None], slot: Slot) -> None:
        try:
            function(slot)
        finally:
            self.working.remove(slot)

    def _keep(self, again: bool = True) -> None:
        """See to it that what is due will be done: there is a keeper, and he looks (`again`) at what is due."""
        if start_new_thread is None:
            return
        keeping = self._keeping
        if not keeping.acquire(False):
            if again:
                self._wake()
            return
        try:
            start_new_thread(_keep, (ref(self), self._alarm, keeping))
        except RuntimeError:  # no more threads can be had
            keeping.release()
        except BaseException:
            self._keeping = allocate_lock()  # there may be a keeper by now, who will find another's lock, and go
            raise

    def _wake(self) -> None:
        """Let the keeper look at what is due."""
        with suppress(RuntimeError):  # he is awake, or there is none
            self._alarm.release()

    def _dismiss(self) -> None:
        """The pool is gone: its keeper goes, and there will be no other one."""
        keeping = allocate_lock()
        keeping.acquire()
        self._keeping = keeping  # he may find this pool once more, and sees that he has to go
        self._wake()

    def _tend(self, keeping: Any) -> float | None:
        """What the keeper with this lock does; returns the time of the next time, None if there will be none."""
        if keeping is not self._keeping:
            return None
        with suppress(Exception):  # in a thread of ours there is nobody to raise to
            self._do(self._core.tick)
        with self._lock:
            due = self._core.due(monotonic())
            if due is None and not self._lost and not self._core.waiting:
                keeping.release()
                return None
        return due if due is not None else monotonic() + LONGEST_WAIT

    # The process

    def forked(self, owner: int) -> None:
        """This is a child of process `owner`: begin anew. The parent's other threads are not here."""
        if self._own.fork_policy == "keep":
            self._lock, self._keeping, self._alarm = allocate_rlock(), allocate_lock(), allocate_lock()
        else:
            self._leave_all(owner)

    def shut(self) -> None:
        """Give nothing out any more, and close what is idle."""
        self._do(self._core.close)
        self._wake()


def _keep(pool: ref[LinkPool], alarm: Any, keeping: Any) -> None:
    """The keeper's thread. It ends when nothing is due, or the pool is gone."""
    while True:
        found = pool()
        due = found._tend(keeping) if found is not None else None
        del found
        if due is None:
            return
        alarm.acquire(True, min(max(due - monotonic(), 0.0), LONGEST_WAIT))
