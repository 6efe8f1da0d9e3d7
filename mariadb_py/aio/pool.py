"""The asyncio connection pools. They lend what `io.aio.pool` has, as asyncio connections."""

from __future__ import annotations

from contextlib import suppress
from sys import _getframe

from ..core.options import ConnectOptions, PoolOptions
from ..core.pool.options import checked_timeout
from ..core.pool.slot import SlotState
from ..core.restore import restore
from ..exceptions import DuplicatePoolError, PoolClosed, PoolError, ProgrammingError
from ..io.aio.link import Link
from ..io.aio.pool import LoopPool, maybe
from ..io.aio.waiter import Waiter, task_id
from ..io.optionfile import SOURCES
from ..io.processes import watch
from ..io.threads import allocate_lock, monotonic
from ..poolfacts import PoolFacts
from .connection import AsyncConnection
from .lease import AsyncLease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, TracebackType
    from typing import Any

    from ..core.pool.slot import Slot

_ASYNC_CONNECTION_POOLS: dict[str, AsyncConnectionPool] = {}
_registry_lock = allocate_lock()
_LEASED = SlotState.LEASED


class AsyncConnectionPool(LoopPool, PoolFacts):
    """A set of connections of one event loop, opened once and borrowed many times.

    The parameters, their defaults and the errors are those of `mariadb_py.ConnectionPool`; hooks may be coroutine
    functions. It opens `min_size` connections when it is entered by `async with`, or by `open()`; without either, those
    that are wanted.
    """

    def __init__(self, *, pool_name: str | None = None, **keywords: Any) -> None:
        own, connection_keywords = PoolOptions.split({"pool_name": pool_name, **keywords})
        if not own.name:
            raise ProgrammingError("No pool name specified")
        options = ConnectOptions.from_keywords(connection_keywords, SOURCES) if connection_keywords else None
        self._set_up(own, options)

    def _set_up(self, own: PoolOptions, options: ConnectOptions | None) -> None:
        self._handles: dict[Slot, AsyncConnection] = {}  # what add_connection() returned, to be given out first
        super().__init__(own, options)
        self._choose()
        if own.name:
            with _registry_lock:
                other = _ASYNC_CONNECTION_POOLS.get(own.name)
                if other is not None and not other._over:
                    raise DuplicatePoolError(f"Pool {own.name!r} already exists")
                _ASYNC_CONNECTION_POOLS[own.name] = self
        watch(self)

    async def open(self) -> None:
        """Open `min_size` connections.

        Raises:
            Error: a connection could not be opened; the pool is closed then.
        """
        self._here()
        try:
            while self._options is not None and self._core.size < self._own.min_size:
                action = self._core.grow()
                if action is None:
                    break
                await self._open_here(action.slot)
            self._check_open()
        except BaseException:
            await self.close()
            raise

    # Borrowing and returning

    async def get_connection(self, timeout: float | None = None) -> AsyncConnection:
        """Borrow a connection; its `close()` returns it.

        Args:
            timeout: seconds to wait for one; default `acquire_timeout`, 0: not at all.

        Raises:
            PoolTimeout: all connections are borrowed, or the server cannot be reached, and the time is over.
            PoolError: none is free and `timeout` is 0, too many are waiting, or the pool is closed, has no
                configuration or belongs to another event loop.
            Error: the server refuses the login; or a connection that was dead could not be opened anew, and `timeout`
                is 0.
        """
        frame = _getframe(1)
        return await self._borrow(timeout, frame.f_code, frame.f_lasti)

    async def _borrow(self, timeout: float | None, code: CodeType, lasti: int) -> AsyncConnection:
        loop = self._here()
        if timeout is not None:
            timeout = checked_timeout(timeout)
        now = monotonic()
        slot = None if self._special else self._core.take(now)
        if slot is not None:
            slot.state = _LEASED
        if slot is None or now >= slot.fresh_until or slot.peek is None or not slot.peek():
            seconds = self._own.acquire_timeout if timeout is None else timeout
            request = Waiter(now, now + seconds if seconds else None, loop)
            slot = await self._acquire(request, slot)
        # The last step: nothing can cancel it.
        slot.borrowed(code, lasti, task_id())
        handle = AsyncConnection()
        if self._special:
            handle = self._handles.pop(slot, handle)
            self._choose()
        handle._pool, handle._slot, handle._lease, handle._link = self, slot, slot.used, slot.connection
        if self._special:
            handle._observe(slot.connection)
        return handle

    def _choose(self) -> None:
        watches = self._options is not None and self._options.status_callback is not None
        self._special = bool(self._handles or watches)

    def connection(self, timeout: float | None = None) -> AsyncLease:
        """Borrow for an `async with` block: at its end commit, or roll back if an exception leaves it, and give back.

        Args:
            timeout: as for `get_connection()`.
        """
        return AsyncLease(self, None if timeout is None else checked_timeout(timeout))

    async def _call(self, hook: Callable[[Any], Any], link: Link) -> None:
        handle = AsyncConnection()
        handle._link = link
        try:
            await maybe(hook(handle))
        finally:
            handle._link = None
        await link.run(link.core.claim(None))
        await link.run(link.core.end_transaction())

    # Contents

    async def add_connection(self, connection: AsyncConnection | None = None) -> AsyncConnection:
        """Add a connection to the pool; see `mariadb_py.ConnectionPool.add_connection()`."""
        self._here()
        if connection is None and self._options is None:
            raise PoolError(f"Couldn't get configuration for pool {self.pool_name}")
        if connection is not None and (not isinstance(connection, AsyncConnection) or connection._pool is not None):
            raise ProgrammingError("Passed parameter is not a connection object")
        link: Link | None = connection._link_or_raise() if connection is not None else None
        action = self._core.grow()
        if action is None:
            reason = f"Can't add connection to pool {self.pool_name}: No free slot available ({self.pool_size})."
            raise PoolClosed("Pool is closed") if self._core.closed else PoolError(reason)
        slot = action.slot
        slot.thread = task_id()  # there is one who works on it
        handle = AsyncConnection() if connection is None else connection
        try:
            if link is not None:
                await self._adopt(link)
                handle._link = None
            handle._pool, handle._slot = self, slot
            self._handles[slot] = handle
            self._choose()
            if link is None:
                await self._open_here(slot)
            else:
                self._do(self._core.opened, slot, link)
        except BaseException:
            self._handles.pop(slot, None)
            self._choose()
            self._do(self._core.given_up, slot)
            raise
        self._check_open()
        return handle

    def _check_open(self) -> None:
        if self._core.closed:  # meanwhile, and what was opened with it
            raise PoolClosed("Pool is closed")

    async def _adopt(self, link: Link) -> None:
        """Make a connection that was used elsewhere as good as new."""
        if not link.settle_now():
            raise ProgrammingError("The connection cannot go to others: it is lost, in use, or has changed its user")
        await link.run(restore(link.core), link.time_to_connect(), "connect_timeout")
        await self._welcome(link)

    # The pool as a whole

    async def wait_ready(self, timeout: float | None = None) -> None:
        """Until `min_size` connections are open; see `mariadb_py.ConnectionPool.wait_ready()`."""
        loop = self._here()
        now = monotonic()
        seconds = checked_timeout(timeout) if timeout is not None else self._own.acquire_timeout or 30.0
        request = Waiter(now, now + seconds, loop)
        try:
            self._do(self._core.await_ready, request)
            await self._wait(request)
        except BaseException:
            self._do(self._core.cancel, request)
            raise

    async def check(self) -> int:
        """Let every idle connection show that it is alive; those that do not are replaced.

        Returns:
            How many were found dead.
        """
        self._here()
        before = self._core.stats.discards["dead"]
        for slot in self._core.slots:
            if self._core.examine(slot):  # one at a time, so that the others can be borrowed meanwhile
                with suppress(Exception):
                    await self._check_quietly(slot)
        return self._core.stats.discards["dead"] - before

    async def close(self, timeout: float = 0.0, force: bool = False) -> None:
        """Close the idle connections and free the name; borrowed ones are closed when they are returned.

        Who waits for a connection gets PoolClosed. Closing twice is allowed.

        Args:
            timeout: seconds to wait for borrowed connections.
            force: behind that, close the others under their borrowers.
        """
        timeout = checked_timeout(timeout)
        if self._loop is not None and not self._over:
            self._here()
        if self._own.name:
            with _registry_lock:
                if _ASYNC_CONNECTION_POOLS.get(self._own.name) is self:
                    del _ASYNC_CONNECTION_POOLS[self._own.name]
        self._handles.clear()
        if self._over:
            self._bury()
        else:
            await self._shut(monotonic() + timeout, force)

    def forked(self, owner: int) -> None:
        """See `LoopPool`."""
        super().forked(owner)
        self._handles.clear()
        self._choose()

    async def __aenter__(self) -> AsyncConnectionPool:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncServicePool(AsyncConnectionPool):
    """What `create_async_pool()` makes."""

    def __init__(self, own: PoolOptions, options: ConnectOptions) -> None:
        self._set_up(own, options)

    async def open(self) -> None:
        """Begin to open connections, in the background."""
        self._here()

    @property
    def max_size(self) -> int:
        """Number of connections that the pool may have."""
        return self._own.max_size


async def create_async_pool(**keywords: Any) -> AsyncConnectionPool:
    """Make a pool for a service, which opens connections in the background.

    Args:
        **keywords: as for `mariadb_py.create_pool()`.

    Raises:
        ProgrammingError: a name in use, or a value out of range.
        TypeError: a keyword is unknown, or a value has the wrong type.
    """
    own, connection_keywords = PoolOptions.split(keywords, service=True)
    pool = AsyncServicePool(own, ConnectOptions.from_keywords(connection_keywords, SOURCES))
    await pool.open()
    return pool


async def borrow_by_name(pool_name: str, keywords: Mapping[str, Any]) -> AsyncConnection:
    """See `mariadb_py.pool.borrow_by_name`."""
    pool = _ASYNC_CONNECTION_POOLS.get(pool_name)
    if pool is None or (pool._over and keywords):
        if not keywords:
            raise PoolError(f"There is no pool {pool_name!r}, and nothing is given to make one with")
        return await AsyncConnectionPool(pool_name=pool_name, **keywords).get_connection()
    # The pool stays as it is, but what would be an error for a new one is one here too.
    _, connection_keywords = PoolOptions.split(keywords)
    ConnectOptions.from_keywords(connection_keywords)
    return await pool.get_connection()
