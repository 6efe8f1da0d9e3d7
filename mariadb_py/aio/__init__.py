"""mariadb_py with await: the same names, parameters, errors and behaviour, for asyncio."""

from __future__ import annotations

from .connection import AsyncConnection
from .cursor import AsyncCursor
from .pool import _ASYNC_CONNECTION_POOLS, AsyncConnectionPool, create_async_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


async def connect(uri: str | None = None, *, pool_name: str | None = None, **keywords: Any) -> AsyncConnection:
    """Open a connection, or with `pool_name` borrow one from the pool of that name, which is made if there is none.

    The arguments and errors are those of `mariadb_py.connect()`.
    """
    if pool_name is None:
        return await AsyncConnection.connect(uri, **keywords)
    pool = _ASYNC_CONNECTION_POOLS.get(pool_name)
    if pool is None:
        given = keywords if uri is None else {"uri": uri, **keywords}
        pool = AsyncConnectionPool(pool_name=pool_name, **given)
    return await pool.get_connection()


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
