"""A MariaDB client in pure Python, without dependencies. Source of the interface: PEP 249."""

from __future__ import annotations

from .connection import Connection, connect
from .cursor import Cursor
from .exceptions import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    PoolError,
    ProgrammingError,
    Warning,
)
from .pool import _CONNECTION_POOLS, ConnectionPool

__version__ = "0.1.0"
__version_info__ = (0, 1, 0)

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"

__all__ = [
    "_CONNECTION_POOLS",
    "Connection",
    "ConnectionPool",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "PoolError",
    "ProgrammingError",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]
