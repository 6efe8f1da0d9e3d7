"""The synchronous connection pool. It carries out what `core.pool` decides; no I/O happens under its lock."""

from __future__ import annotations

from collections import deque

from .connection import Connection
from .core.options import MAX_POOL_SIZE, ConnectOptions, PoolOptions
from .core.pool import Check, Close, Fail, Give, Open, PoolCore, Reset
from .core.restore import restore
from .exceptions import DuplicatePoolError, Error, PoolError, ProgrammingError
from .io.link import Link
from .io.optionfile import SOURCES
from .io.threads import allocate_lock, allocate_rlock, held_by_this_thread, monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    from .core.pool import Action, Slot

PING_TIMEOUT = 1.0  # seconds that an idle connection has to answer in before it is taken for dead

_CONNECTION_POOLS: dict[str, ConnectionPool] = {}
_registry_lock = allocate_lock()


class _Request:
    """One borrower, and what it gets."""

    __slots__ = ("connection", "reason")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.reason = ""


class ConnectionPool:
    """A named set of connections that are opened once and borrowed many times.

    Args:
        pool_name: name of the pool; required, and not in use by another open pool.
        pool_size: number of connections, 1 to 64; default 5.
        pool_reset_session, pool_reset_connection: bring the session back when a connection is returned; default True.
            Otherwise only an open transaction is rolled back.
        pool_invalidation_interval, pool_validation_interval: milliseconds of idleness after which a connection has to
            answer before it is given out; default 500, 0: always. Within it, a connection that the server has closed
            is still noticed.
        **keywords: as for `connect()`; without any, `set_config()` and `add_connection()` fill the pool.

    Raises:
        ProgrammingError: no name, a name in use (this one is a PoolError too), or a value out of range.
        TypeError: a keyword is unknown, or a value has the wrong type.
        Error: a connection could not be opened; the pool does not exist then.
    """

    def __init__(self, *, pool_name: str | None = None, **keywords: Any) -> None:
        own, connection_keywords = PoolOptions.split({"pool_name": pool_name, **keywords})
        if not own.name:
            raise ProgrammingError("No pool name specified")
        self._name = own.name
        self._own = own
        self._core = PoolCore(own.size, own.validation_interval)
        # Re-entrant, so that it can be asked whether this thread has it: a signal handler or a finalizer may strike
        # anywhere, and must not wait for what is interrupted by it.
        self._lock = allocate_rlock()
        self._returned: deque[tuple[Slot, Link]] = deque()  # given back by such a one
        self._lost: list[Slot] = []  # leases collected without close(); appended to by the collector, without the lock
        self._handles: dict[Slot, Connection] = {}  # what add_connection() returned, to be given out first
        self._options = ConnectOptions.from_keywords(connection_keywords, SOURCES) if connection_keywords else None
        with _registry_lock:
            if self._name in _CONNECTION_POOLS:
                raise DuplicatePoolError(f"Pool {self._name!r} already exists")
            _CONNECTION_POOLS[self._name] = self
        try:
            while self._options is not None and (action := self._grow()) is not None:
                self._carry_out([action])
        except BaseException:
            self.close()
            raise

    # Borrowing and returning

    def get_connection(self) -> Connection:
        """Borrow a connection; its `close()` returns it.

        Raises:
            PoolError: all connections are borrowed, or the pool is closed or has no configuration.
            Error: a connection that was dead could not be opened anew within connect_timeout.
        """
        request = _Request()
        if held_by_this_thread(self._lock):
            raise PoolError("The pool is busy in this very thread: get_connection() is called by a signal handler?")
        try:
            self._take_back()
            with self._lock:
                self._reclaim()
                actions = self._core.acquire(request, monotonic())
            self._carry_out(actions)
            # The core keeps the request; the connection it must not keep, or nobody would notice that it was forgotten.
            connection, request.connection = request.connection, None
        except BaseException:
            self._unlock()
            self._cancel(request)
            raise
        if connection is None:
            raise PoolError(request.reason)
        return connection

    def _cancel(self, request: object) -> None:
        """An exception struck while a request was served, or what it got was given back."""
        with self._lock:
            link: Link | None = self._core.cancel(request)
        if link is not None:
            link.drop()

    def _release(self, slot: Slot, link: Link) -> None:
        """A handle was closed; never raises an Error."""
        if held_by_this_thread(self._lock):
            self._returned.append((slot, link))
            return
        try:
            usable = link.settle()
            with self._lock:
                actions = self._core.release(slot, usable)
            self._carry_out(actions)
        except BaseException:
            self._unlock()
            raise

    def _unlock(self) -> None:
        """Give the lock back if it is still held behind the block that took it.

        Up to Python 3.10 Ctrl-C can strike between the last line of a with statement and its `__exit__()`.
        """
        while held_by_this_thread(self._lock):
            self._lock.release()

    def _take_back(self) -> None:
        """Do what `_release()` could not do at once."""
        while self._returned:
            try:
                slot, link = self._returned.popleft()
            except IndexError:  # another thread was faster
                return
            self._release(slot, link)

    def _lose(self, slot: Slot) -> None:
        """A handle was collected, its link is closed. Called by the garbage collector, so it takes no lock."""
        self._lost.append(slot)

    def _reclaim(self) -> None:
        """Take back the places of collected handles; called under the lock."""
        while self._lost:
            self._core.lost(self._lost[0])
            del self._lost[0]  # behind it: should Ctrl-C strike in between, it is done again

    # Contents

    def add_connection(self, connection: Connection | None = None) -> Connection:
        """Add a connection to the pool: `connection`, or a new one.

        One that was opened elsewhere keeps its own options: a reset brings it back to what it was when it was opened,
        which is done now, too.

        Returns:
            The connection, which cannot be used before `get_connection()` gives it out.

        Raises:
            PoolError: the pool is full or closed, or has no configuration.
            ProgrammingError: `connection` is not an open connection of this driver, belongs to a pool, or is not free.
            Error: a connection could not be opened, or reset.
        """
        if connection is None and self._options is None:
            raise PoolError(f"Couldn't get configuration for pool {self._name}")
        if connection is not None and (not isinstance(connection, Connection) or connection._pool is not None):
            raise ProgrammingError("Passed parameter is not a connection object")
        link = connection._link_or_raise() if connection is not None else None
        action = self._grow()
        if action is None:
            reason = f"Can't add connection to pool {self._name}: No free slot available ({self.pool_size})."
            raise PoolError("Pool is closed" if self._core.closed else reason)
        try:
            if link is not None:
                self._clean(link)
        except BaseException:
            self._give_up(action)
            raise
        handle = self._handles[action.slot] = connection or Connection._for_pool()
        handle._link = None
        handle._pool, handle._slot = self, action.slot
        self._carry_out([action] if link is None else self._opened(action.slot, link))
        if self._core.closed:  # by another thread meanwhile, and the connection with it
            raise PoolError("Pool is closed")
        return handle

    def _clean(self, link: Link) -> None:
        """Make a connection that was used elsewhere as good as new."""
        if not link.settle():
            raise ProgrammingError("The connection cannot go to others: it is lost, in use, or has changed its user")
        link.run(restore(link.core))

    def set_config(self, **keywords: Any) -> None:
        """Set how connections are opened from now on, and options of the pool; what is open stays as it is.

        The keywords of connections replace all earlier ones; options of the pool that are not given stay.

        Raises:
            TypeError: a keyword is unknown, or a value has the wrong type.
            ProgrammingError: a value is out of range, or another `pool_name`.
        """
        own, connection_keywords = PoolOptions.split(keywords, self._own)
        if own.name != self._name:
            raise ProgrammingError(f"Pool {self._name!r} cannot be renamed to {own.name!r}")
        options = ConnectOptions.from_keywords(connection_keywords, SOURCES) if connection_keywords else self._options
        with self._lock:
            self._own, self._options = own, options
            self._core.max_size = own.size
            self._core.validation_interval = own.validation_interval

    def close(self) -> None:
        """Close the idle connections and free the name; borrowed ones are closed when they are returned.

        Closing twice is allowed.
        """
        with _registry_lock:
            if _CONNECTION_POOLS.get(self._name) is self:
                del _CONNECTION_POOLS[self._name]
        with self._lock:
            actions = self._core.close()
        self._handles.clear()
        self._carry_out(actions)

    # Carrying out what the core decides

    def _grow(self) -> Open | None:
        with self._lock:
            self._reclaim()
            return self._core.grow()

    def _carry_out(self, actions: list[Action]) -> None:
        """Carry out actions and what follows from them, outside of the lock."""
        todo = deque(actions)
        try:
            while todo:
                action = todo[0]
                todo.extend(self._PERFORM[type(action)](self, action))
                todo.popleft()
        finally:
            for action in todo:
                self._give_up(action)
        self._take_back()

    def _give_up(self, action: Action) -> None:
        """An exception came before this action was done: no place in the pool is lost by it, and no socket."""
        link: Link | None = None
        if isinstance(action, Close):
            link = action.connection
        elif isinstance(action, (Open, Check, Reset, Give)):
            with self._lock:
                link = self._core.failed(action.slot)
            self._handles.pop(action.slot, None)
        if link is not None:
            link.drop()

    def _give(self, action: Give) -> list[Action]:
        slot = action.slot
        handle = self._handles.pop(slot, None) if self._handles else None
        if handle is None:
            handle = Connection._for_pool()
            handle._pool, handle._slot = self, slot
        handle._request = action.request
        handle._link = slot.connection
        handle._observe(slot.connection)
        action.request.connection = handle
        return []

    def _fail(self, action: Fail) -> list[Action]:
        action.request.reason = action.reason
        return []

    def _open(self, action: Open) -> list[Action]:
        if self._options is None:
            raise PoolError(f"No connection available: couldn't get configuration for pool {self._name}")
        return self._opened(action.slot, Link.open(self._options))

    def _opened(self, slot: Slot, link: Link) -> list[Action]:
        with self._lock:
            return self._core.opened(slot, link, monotonic())

    def _check(self, action: Check) -> list[Action]:
        link: Link = action.slot.connection
        alive = link.silent()
        if alive and action.ping:
            try:
                link.run(link.core.ping(), monotonic() + PING_TIMEOUT, "ping timeout")
            except Error:
                alive = False
        with self._lock:
            return self._core.checked(action.slot, alive, monotonic())

    def _reset(self, action: Reset) -> list[Action]:
        link: Link = action.slot.connection
        core = link.core
        timeout = core.options.connect_timeout
        ok = True
        try:
            operation = restore(core) if self._own.reset else core.end_transaction()
            link.run(operation, None if timeout is None else monotonic() + timeout, "connect_timeout")
        except Error:
            ok = False  # the connection is closed, and opened anew for a later borrower
        with self._lock:
            return self._core.reset_done(action.slot, ok, monotonic())

    def _close(self, action: Close) -> list[Action]:
        link: Link = action.connection
        link.close()
        return []

    _PERFORM: Mapping[type[Action], Any] = {
        Give: _give,
        Fail: _fail,
        Open: _open,
        Check: _check,
        Reset: _reset,
        Close: _close,
    }

    # Facts

    @property
    def pool_name(self) -> str:
        """Name of the pool."""
        return self._name

    @property
    def pool_size(self) -> int:
        """Number of connections that the pool may have."""
        return self._core.max_size

    @property
    def pool_reset_connection(self) -> bool:
        """The session is brought back when a connection is returned; can be set."""
        return self._own.reset

    @pool_reset_connection.setter
    def pool_reset_connection(self, value: bool) -> None:
        self.set_config(pool_reset_connection=value)

    @property
    def max_size(self) -> int:
        """Largest `pool_size` there can be."""
        return MAX_POOL_SIZE

    @property
    def connection_count(self) -> int:
        """Connections that are open, idle or borrowed; 0 once the pool is closed."""
        return 0 if self._core.closed else self._core.size

    def __enter__(self) -> ConnectionPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        core = self._core
        return f"<mariadb_py.ConnectionPool {self._name!r} size={core.size} idle={core.idle} at {id(self):#x}>"


def borrow_by_name(pool_name: str, keywords: Mapping[str, Any]) -> Connection:
    """Borrow from the pool of that name; where there is none it is made, as `keywords` say.

    Where there is one, the keywords are checked and have no effect.
    """
    pool = _CONNECTION_POOLS.get(pool_name)
    if pool is None:
        if not keywords:
            raise PoolError(f"There is no pool {pool_name!r}, and nothing is given to make one with")
        try:
            return ConnectionPool(pool_name=pool_name, **keywords).get_connection()
        except DuplicatePoolError:
            pool = _CONNECTION_POOLS.get(pool_name)  # another thread was faster
            if pool is None:
                raise
    # The pool stays as it is, but what would be an error for a new one is one here too.
    _, connection_keywords = PoolOptions.split(keywords)
    ConnectOptions.from_keywords(connection_keywords)
    return pool.get_connection()
