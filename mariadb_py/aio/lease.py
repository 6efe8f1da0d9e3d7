"""A connection that is borrowed for the length of an `async with` block."""

from __future__ import annotations

from sys import _getframe

from ..exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from .connection import AsyncConnection
    from .pool import AsyncConnectionPool


class AsyncLease:
    """A connection that is borrowed for the length of a block; see `AsyncConnectionPool.connection()`."""

    __slots__ = ("_connection", "_pool", "_timeout")

    def __init__(self, pool: AsyncConnectionPool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._connection: AsyncConnection | None = None

    async def __aenter__(self) -> AsyncConnection:
        if self._connection is not None:
            raise ProgrammingError("this block has been entered already: call connection() for each")
        frame = _getframe(1)
        self._connection = await self._pool._borrow(self._timeout, frame.f_code, frame.f_lasti)
        return self._connection

    async def __aexit__(
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
                link.settle_now()  # rows that nobody has fetched are no obstacle, if they are there
                if link.core.uncommitted:
                    await connection.commit()
            elif isinstance(error, Exception) and not link.core.session.broken:
                await connection.rollback()  # behind a cancellation the return does it, which nobody waits for
        except Exception:
            if kind is None:
                raise
            # What happened in the block is what its owner wants to hear of; but a cancellation is not lost.
        finally:
            work = connection._give_back()
            # Behind a cancellation nobody waits for it.
            if work is not None and (kind is None or issubclass(kind, Exception)):
                await self._pool._until(work)
