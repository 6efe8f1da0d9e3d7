"""A connection that is borrowed for the length of a block, and a pool that has none."""

from __future__ import annotations

from sys import _getframe

from .connection import Connection
from .core.options import ConnectOptions, PoolOptions
from .exceptions import PoolClosed, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any, Protocol

    class Lender(Protocol):
        """A pool."""

        def _borrow(self, timeout: float | None, code: CodeType, lasti: int) -> Connection: ...


class Lease:
    """A connection that is borrowed for the length of a `with` block; see `ConnectionPool.connection()`."""

    __slots__ = ("_connection", "_pool", "_timeout")

    def __init__(self, pool: Lender, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._connection: Connection | None = None

    def __enter__(self) -> Connection:
        if self._connection is not None:
            raise ProgrammingError("this block has been entered already: call connection() for each")
        frame = _getframe(1)
        self._connection = self._pool._borrow(self._timeout, frame.f_code, frame.f_lasti)
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        link = connection._link if connection is not None else None
        if connection is None or link is None:  # the block has closed it
            return
        try:
            if kind is None:
                link.settle()  # rows that nobody has fetched are no obstacle, if they are there
                if link.core.uncommitted:
                    connection.commit()
            elif not link.core.session.broken:
                connection.rollback()
        except Exception:
            if kind is None:
                raise
            # What happened in the block is what its owner wants to hear of.
        finally:
            connection.close()


class NullPool:
    """What looks like a pool and keeps nothing: each connection is opened when it is wanted, and closed behind that.

    Args:
        **keywords: as for `ConnectionPool`; what is about the pool has no effect.
    """

    def __init__(self, **keywords: Any) -> None:
        own, connection_keywords = PoolOptions.split(keywords)
        self.pool_name = own.name or ""
        self._keywords = connection_keywords
        ConnectOptions.from_keywords(connection_keywords)
        self._closed = False

    def get_connection(self, timeout: float | None = None) -> Connection:
        """Open a connection.

        Args:
            timeout: seconds; default `connect_timeout`.

        Raises:
            PoolClosed: the pool is closed.
            Error: it cannot be opened.
        """
        if self._closed:
            raise PoolClosed("Pool is closed")
        keywords = self._keywords if not timeout else {**self._keywords, "connect_timeout": timeout}
        return Connection(**keywords)

    def connection(self, timeout: float | None = None) -> Lease:
        """As of `ConnectionPool`."""
        return Lease(self, timeout)

    def _borrow(self, timeout: float | None, code: CodeType, lasti: int) -> Connection:
        return self.get_connection(timeout)

    def close(self, timeout: float = 0.0, force: bool = False) -> None:
        """Open no connection any more."""
        self._closed = True

    def __enter__(self) -> NullPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
