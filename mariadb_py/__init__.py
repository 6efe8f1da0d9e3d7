"""A MariaDB client in pure Python, without dependencies. Source of the interface: PEP 249."""

from __future__ import annotations

from .connection import Connection, connect
from .cursor import Cursor
from .dbapi import (
    BINARY,
    DATE,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    TIME,
    TIMESTAMP,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)
from .exceptions import (
    DatabaseError,
    DataError,
    DuplicatePoolError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    LostConnectionError,
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
    "BINARY",
    "DATE",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "TIME",
    "TIMESTAMP",
    "_CONNECTION_POOLS",
    "Binary",
    "Connection",
    "ConnectionPool",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "DuplicatePoolError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "LostConnectionError",
    "NotSupportedError",
    "OperationalError",
    "PoolError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]
