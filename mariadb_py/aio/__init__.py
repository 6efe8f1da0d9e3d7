"""mariadb_py with await: the same names, parameters, errors and behaviour, for asyncio."""

from __future__ import annotations

from ..exceptions import ProgrammingError
from .connection import AsyncConnection
from .cursor import AsyncCursor
from .pool import AsyncConnectionPool, borrow_by_name, create_async_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


async def connect(
    uri: str | None = None,
    *,
    connectionclass: type[AsyncConnection] = AsyncConnection,
    pool_name: str | None = None,
    **keywords: Any,
) -> AsyncConnection:
    """Open a connection, or with `pool_name` borrow one from the pool of that name, which is made if there is none.

    The arguments and errors are those of `mariadb_py.connect()`; `connectionclass` is a subclass of `AsyncConnection`.
    """
    if not (isinstance(connectionclass, type) and issubclass(connectionclass, AsyncConnection)):
        raise ProgrammingError(f"connectionclass is AsyncConnection or a subclass, not {connectionclass!r}")
    if pool_name is not None:
        return await borrow_by_name(pool_name, {"uri": uri, **keywords} if uri is not None else keywords)
    return await connectionclass.connect(uri, **keywords)


Connection = AsyncConnection
ConnectionPool = AsyncConnectionPool
Cursor = AsyncCursor
create_pool = create_async_pool

__all__ = [
    "AsyncConnection",
    "AsyncConnectionPool",
    "AsyncCursor",
    "Connection",
    "ConnectionPool",
    "Cursor",
    "connect",
    "create_async_pool",
    "create_pool",
]
