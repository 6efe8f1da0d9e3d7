"""The synchronous connection pools. They lend what `io.pool` has, as connections of PEP 249."""

from __future__ import annotations

from contextlib import suppress
from sys import _getframe

from .connection import Connection
from .core.options import MAX_POOL_SIZE as MAX_POOL_SIZE  # Connector/Python has it here
from .core.options import ConnectOptions, PoolOptions
from .core.pool.options import checked_timeout
from .core.pool.slot import SlotState
from .core.restore import restore
from .exceptions import DuplicatePoolError, PoolClosed, PoolError, ProgrammingError
from .io.link import Link
from .io.optionfile import SOURCES
from .io.pool import LinkPool
from .io.processes import watch
from .io.threads import allocate_lock, get_ident, monotonic, sleep
from .lease import Lease
from .poolfacts import PoolFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, TracebackType
    from typing import Any

    from .core.pool.actions import Open
    from .core.pool.slot import Slot

_CONNECTION_POOLS: dict[str, ConnectionPool] = {}
_registry_lock = allocate_lock()
_new = Connection.__new__
_LEASED = SlotState.LEASED
_POLL = 0.01  # seconds between two looks at what is still borrowed from a pool that is being closed


class ConnectionPool(LinkPool, PoolFacts):
    """A set of connections that are opened once and borrowed many times.

    Args:
        pool_name: name of the pool; required, and not in use by another open pool.
        pool_size: number of connections, 1 to 64; default 5. Stands for min_size and max_size.
        min_size, max_size: connections that are kept open, and most there can be; both are pool_size by default.
        acquire_timeout: seconds to wait for a connection; default 0: who finds none gets an error at once.
        max_waiting: how many may wait; default 0: any number.
        order: "fifo" lends the connection that was idle longest, "lifo" the one that was used last; default "fifo".
        pool_reset_session, pool_reset_connection: bring the session back when a connection is returned; default True.
            "auto": only if something may be left in it; docs/pool.md says what is overlooked then. False: only an open
            transaction is rolled back.
        pipeline_reset: send all of a reset at once, and read the answers when the connection is borrowed again; default
            "auto": on servers that say they are MariaDB, as long as they answer as expected.
        pool_invalidation_interval, pool_validation_interval: milliseconds of idleness after which a connection has to
            answer before it is given out; default 500, 0: always. Within it, a connection that the server has closed
            is still noticed.
        ping_timeout: seconds in which it has to answer; default 1.
        max_lifetime: seconds after which a connection is replaced; default 1800, 0: never. A connection is replaced
            before the server's wait_timeout, too.
        lifetime_jitter: share of max_lifetime by which connections are replaced earlier, at random; default 0.1.
        max_idle_time: seconds for which more connections than min_size may be idle; default 600, 0: any.
        keepalive: seconds after which an idle connection is pinged in the background; default 0: never.
        connect_concurrency: most connections that are opened in the background at a time; default 2.
        backoff, max_backoff: seconds until an attempt to connect is repeated, at first, doubling, and at most; default
            0.05 and 5. It is 0.5 at most while somebody waits.
        leak_timeout: seconds after which a borrowed connection is reported; default 0: never.
        on_connect: called with each connection that was opened; a reset undoes what it sets in the session.
        on_reset: called with each connection that was reset; resets are waited for then.
        check: called with each connection before it is given out, instead of a ping; what it raises means no.
        on_event: called with the name and a dict of details of what happens: "connect", "connect_error", "discard",
            "leak".
        evict_errors: numbers of errors behind which a connection is not given out again.
        fork_policy: "renew": a forked child opens connections of its own, and its parent's leases are of no use in it;
            "keep": they are its own business. Default "renew".
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
        options = ConnectOptions.from_keywords(connection_keywords, SOURCES) if connection_keywords else None
        background, own.background = own.background, False  # not yet: an error is to be raised here
        self._set_up(own, options)
        try:
            while self._options is not None and self._core.size < own.min_size:
                action = self._grow()
                if action is None:
                    break
                self._open_here(action.slot)
            own.background = background
            self._do(self._core.start)
        except BaseException:
            self.close()
            raise

    def _set_up(self, own: PoolOptions, options: ConnectOptions | None) -> None:
        self._handles: dict[Slot, Connection] = {}  # what add_connection() returned, to be given out first
        super().__init__(own, options)
        self._choose()
        if own.name:
            with _registry_lock:
                if own.name in _CONNECTION_POOLS:
                    raise DuplicatePoolError(f"Pool {own.name!r} already exists")
                _CONNECTION_POOLS[own.name] = self
        watch(self)

    # Borrowing and returning

    def get_connection(self, timeout: float | None = None) -> Connection:
        """Borrow a connection; its `close()` returns it.

        Args:
            timeout: seconds to wait for one; default `acquire_timeout`, 0: not at all.

        Raises:
            PoolTimeout: all connections are borrowed, or the server cannot be reached, and the time is over.
            PoolError: none is free and `timeout` is 0, too many are waiting, or the pool is closed or has no
                configuration.
            Error: the server refuses the login; or a connection that was dead could not be opened anew, and `timeout`
                is 0.
        """
        frame = _getframe(1)
        if timeout is not None:
            timeout = checked_timeout(timeout)
        if self._special:
            return self._borrow(timeout, frame.f_code, frame.f_lasti)
        handle = _new(Connection)
        handle._pool = self
        now = monotonic()
        slot = self._core.take(now)
        if slot is not None:
            handle._lease = slot.used
            handle._slot = slot
            slot.state = _LEASED
            slot.code = frame.f_code
            slot.lasti = frame.f_lasti
            slot.thread = get_ident()
            if now < slot.fresh_until and slot.peek is not None and slot.peek():
                handle._link = slot.connection
                return handle
        self._lend(handle, slot, timeout, now, frame.f_code, frame.f_lasti)
        return handle

    def _borrow(self, timeout: float | None, code: CodeType, lasti: int) -> Connection:
        """As `get_connection()`, the long way."""
        handle = _new(Connection)
        handle._pool = self
        self._lend(handle, None, timeout, monotonic(), code, lasti)
        slot = handle._slot
        kept = self._handles.pop(slot, None) if slot is not None else None
        if kept is None:
            return handle
        kept._lease, kept._slot, kept._link = handle._lease, slot, handle._link
        kept._observe(kept._link_or_raise())
        handle._link = handle._slot = None
        self._choose()
        return kept

    def _choose(self) -> None:
        """Whether there is more to do for each borrower than to lend a connection."""
        watches = self._options is not None and self._options.status_callback is not None
        self._special = bool(self._handles or watches)

    def _lend(
        self, handle: Connection, slot: Slot | None, timeout: float | None, now: float, code: CodeType, lasti: int
    ) -> None:
        """Fill a handle the long way: a check is due, or somebody has to be waited for."""
        request = self._ask(self._own.acquire_timeout if timeout is None else timeout, now)
        try:
            slot = self._acquire(request, slot)
            handle._lease = slot.used
            handle._slot = slot
            slot.borrowed(code, lasti, request.thread)
            handle._link = slot.connection
            handle._observe(slot.connection)
        except BaseException:
            self._forget(request)
            raise

    def connection(self, timeout: float | None = None) -> Lease:
        """Borrow for a `with` block: at its end commit, or roll back if an exception leaves it, and give back.

        Args:
            timeout: as for `get_connection()`.
        """
        return Lease(self, None if timeout is None else checked_timeout(timeout))

    def _call(self, hook: Callable[[Any], object], link: Link) -> None:
        handle = _new(Connection)
        handle._link = link
        try:
            hook(handle)
        finally:
            handle._link = None
        link.run(link.core.claim(None))
        link.run(link.core.end_transaction())

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
            raise PoolError(f"Couldn't get configuration for pool {self.pool_name}")
        if connection is not None and (not isinstance(connection, Connection) or connection._pool is not None):
            raise ProgrammingError("Passed parameter is not a connection object")
        link = connection._link_or_raise() if connection is not None else None
        action = self._grow()
        if action is None:
            reason = f"Can't add connection to pool {self.pool_name}: No free slot available ({self.pool_size})."
            raise PoolClosed("Pool is closed") if self._core.closed else PoolError(reason)
        slot = action.slot
        slot.thread = get_ident()  # there is one who works on it
        handle = _new(Connection) if connection is None else connection
        try:
            if link is not None:
                self._adopt(link)
                handle._link = None
            handle._pool, handle._slot = self, slot
            self._handles[slot] = handle
            self._choose()
            if link is None:
                self._open_here(slot)
            else:
                self._do(self._core.opened, slot, link)
                self._expect()
        except BaseException:
            self._handles.pop(slot, None)
            self._do(self._core.given_up, slot)
            raise
        if self._core.closed:  # by another thread meanwhile, and the connection with it
            raise PoolClosed("Pool is closed")
        return handle

    def _adopt(self, link: Link) -> None:
        """Make a connection that was used elsewhere as good as new."""
        if not link.settle():
            raise ProgrammingError("The connection cannot go to others: it is lost, in use, or has changed its user")
        link.run(restore(link.core), link.time_to_connect(), "connect_timeout")
        self._welcome(link)

    def _grow(self) -> Open | None:
        if self._lost:
            self._do(self._core.attend)
        with self._lock:
            return self._core.grow()

    # The pool as a whole

    def wait_ready(self, timeout: float | None = None) -> None:
        """Until `min_size` connections are open.

        Args:
            timeout: seconds; default `acquire_timeout`, or 30 if that is 0.

        Raises:
            PoolTimeout: they are not; `__cause__` is why, if an attempt to connect has failed.
            Error: the server refuses the login.
        """
        timeout = checked_timeout(timeout) if timeout is not None else self._own.acquire_timeout or 30.0
        now = monotonic()
        request = self._ask(max(timeout, 1e-9), now)
        try:
            self._do(self._core.await_ready, request)
            self._wait(request)
        except BaseException:
            self._forget(request)
            raise

    def check(self) -> int:
        """Let every idle connection show that it is alive, one after the other; those that do not are given up.

        Returns:
            How many were found dead.
        """
        before = self._core.stats.discards["dead"]
        for slot in self._core.slots:
            with self._lock:
                idle = self._core.examine(slot)
            if idle:  # one at a time, so that the others can be borrowed meanwhile
                with suppress(Exception):
                    self._check_quietly(slot)
        return self._core.stats.discards["dead"] - before

    def close(self, timeout: float = 0.0, force: bool = False) -> None:
        """Close the idle connections and free the name; borrowed ones are closed when they are returned.

        Who waits for a connection gets PoolClosed. Closing twice is allowed.

        Args:
            timeout: seconds to wait for borrowed connections.
            force: behind that, close the others under their borrowers.
        """
        timeout = checked_timeout(timeout)
        if self._own.name:
            with _registry_lock:
                if _CONNECTION_POOLS.get(self._own.name) is self:
                    del _CONNECTION_POOLS[self._own.name]
        self.shut()
        self._handles.clear()
        until = monotonic() + timeout
        while self._core.size and monotonic() < until:
            sleep(_POLL)
        if force:
            for slot in self._core.holders():
                slot.connection.close()

    def forked(self, owner: int) -> None:
        """See `LinkPool`."""
        global _registry_lock
        _registry_lock = allocate_lock()  # a thread that is not here may have had it
        super().forked(owner)
        if self._own.fork_policy == "renew":
            self._handles.clear()
            self._choose()

    def __enter__(self) -> ConnectionPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class ServicePool(ConnectionPool):
    """What `create_pool()` makes."""

    def __init__(self, own: PoolOptions, options: ConnectOptions) -> None:
        self._set_up(own, options)
        self._do(self._core.start)
        self._keep()

    @property
    def max_size(self) -> int:
        """Number of connections that the pool may have."""
        return self._own.max_size


def create_pool(**keywords: Any) -> ConnectionPool:
    """Make a pool for a service. It returns at once, and opens connections in the background.

    Args:
        **keywords: as for `ConnectionPool`, with other defaults: pool_name need not be given; max_size is 10 (and can
            be any number), min_size 4 at most; acquire_timeout is 30 s, order "lifo", keepalive 120 s.

    Raises:
        ProgrammingError: a name in use, or a value out of range.
        TypeError: a keyword is unknown, or a value has the wrong type.
    """
    own, connection_keywords = PoolOptions.split(keywords, service=True)
    return ServicePool(own, ConnectOptions.from_keywords(connection_keywords, SOURCES))


def borrow_by_name(pool_name: str, keywords: Mapping[str, Any]) -> Connection:
    """Borrow from the pool of that name; where there is none it is made, as `keywords` say.

    Where there is one, the keywords are checked and have no effect.
    """
    pool = _CONNECTION_POOLS.get(pool_name)
    if pool is None:
        if not keywords:
            raise PoolError(f"There is no pool {pool_name!r}, and nothing is given to make one with")
        try:
            return _borrow_for_caller(ConnectionPool(pool_name=pool_name, **keywords))
        except DuplicatePoolError:
            pool = _CONNECTION_POOLS.get(pool_name)  # another thread was faster
            if pool is None:
                raise
    # The pool stays as it is, but what would be an error for a new one is one here too.
    _, connection_keywords = PoolOptions.split(keywords)
    ConnectOptions.from_keywords(connection_keywords)
    return _borrow_for_caller(pool)


def _borrow_for_caller(pool: ConnectionPool) -> Connection:
    """Borrow for whoever called `connect()`."""
    frame = _getframe(3)
    return pool._borrow(None, frame.f_code, frame.f_lasti)
